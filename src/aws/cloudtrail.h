/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Codec of the CloudTrail operations that the guard uses (AWS JSON 1.1, API 2013-11-01):
 * requests into bytes, answers into structs. No I/O, no clock. Trails are always named by ARN;
 * trail_arn was accepted by arn_parse_trail(). The parse functions fail as those of jsonmap.h. */

#include "aws/arn.h"
#include "aws/record.h"
#include "aws/request.h"
#include "aws/trailsettings.h"

/* GetTrailStatus, what decisions need of it. Times in ms since the epoch, 0 when absent;
 * strings owned, NULL when absent or empty. */
typedef struct TrailStatus {
        bool is_logging;
        const char *unread; /* what of the answer cannot be read, static; NULL: nothing. Then
                             * IsLogging is all that it says, and its times prove nothing */
        int64_t start_logging_msec;
        int64_t stop_logging_msec;
        int64_t latest_delivery_msec;
        char *latest_delivery_error;        /* of log files, by S3 */
        char *latest_digest_delivery_error; /* of digest files, by S3 */
        char *latest_logs_delivery_error;   /* to CloudWatch Logs */
        char *latest_notification_error;    /* by SNS */
} TrailStatus;

void cloudtrail_request_get_trail_status(const char *trail_arn, AwsRequest *ret);
/* Succeeds whenever IsLogging can be read, whatever the rest looks like: see `unread`. */
int cloudtrail_parse_trail_status(const char *body, size_t len, TrailStatus *ret) _must_check_;
void trail_status_copy(const TrailStatus *from, TrailStatus *ret);
void trail_status_done(TrailStatus *s);

/* The last answer about one trail: most polls bring the same bytes again, and what they mean is
 * known then. Zeroed to begin with. */
typedef struct TrailAnswer {
        char *body;
        size_t len;
        TrailStatus status;
} TrailAnswer;

/* As cloudtrail_parse_trail_status(); *ret is borrowed until the next call for this answer. */
int cloudtrail_reread_trail_status(TrailAnswer *a, const char *body, size_t len,
                                   const TrailStatus **ret) _must_check_;
void trail_answer_done(TrailAnswer *a);

void cloudtrail_request_start_logging(const char *trail_arn, AwsRequest *ret);

/* LookupEvents in one region and account, newest first, by one attribute: EventName, or
 * AccessKeyId where access_key_id is given. */
typedef struct LookupQuery {
        const char *region;
        const char *event_name;
        const char *access_key_id; /* NULL: by event_name */
        int64_t from_msec;         /* sent as whole seconds, rounded outwards */
        int64_t to_msec;
        const char *next_token; /* NULL for the first page */
} LookupQuery;

/* What to allow for an answer: fifty records of up to 256 KB. Less would let an attacker hide a
 * call behind a page of padded ones that is never read. */
#define CLOUDTRAIL_LOOKUP_BODY_MAX ((size_t)16 * 1024 * 1024)

typedef struct LookupPage {
        CloudTrailRecord *records;
        size_t n_records;
        size_t n_unreadable; /* events whose CloudTrailEvent could not be read: counted, not hidden;
                                among the records with what stands beside it, where that is enough
                              */
        char *next_token;    /* NULL on the last page */
} LookupPage;

void cloudtrail_request_lookup_events(const LookupQuery *q, AwsRequest *ret);
int cloudtrail_parse_lookup_page(const char *body, size_t len, LookupPage *ret) _must_check_;
void lookup_page_done(LookupPage *p);
