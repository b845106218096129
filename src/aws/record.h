/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A CloudTrail record: what attribution needs of it.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
 *
 * Strings are owned, as they came (not escaped) but for their length: what is longer than any value
 * that AWS gives to a member is cut at a character. NULL when absent or empty. Every one of them
 * may have been chosen by an attacker. */

#include "aws/identity.h"

typedef struct CloudTrailRecord {
        char *event_id;
        char *event_name;
        char *event_source;
        char *event_type; /* "AwsApiCall" */
        char *region;
        char *source_ip; /* address, service name or "AWS Internal" */
        char *user_agent;
        char *error_code; /* NULL when the call succeeded; a failure of another shape than AWS gives
                             it is a failure all the same, and its JSON stands here */
        char *error_message;
        char *request_id;
        char *recipient_account_id;
        char *vpc_endpoint_id;
        char *vpc_endpoint_account_id;
        char *trail;             /* what it was called on, name or ARN: requestParameters.name,
                                    .trailName, or of another service .bucketName and the like */
        char *parameters;        /* members of requestParameters, as far as they fit, with values
                                    that are short: "isMultiRegionTrail=false s3BucketName=b" */
        char *selectors;         /* what it set them to: cloudtrail_requested_selectors(). Up to
                                    100 KB, so that a copy has none */
        int64_t time_msec;       /* whole seconds; completion of the request */
        bool parameters_omitted; /* "requestParameters too large": the trail cannot be read */
        bool session_from_console;
        UserIdentity identity;
} CloudTrailRecord;

/* Decodes the JSON of one record (the string CloudTrailEvent, or an event's detail). The
 * limits of jsonmap.h apply again. -EBADMSG, -ENODATA when eventName, eventTime or userIdentity
 * is missing. */
int cloudtrail_record_parse(const char *json, size_t len, CloudTrailRecord *ret) _must_check_;
int cloudtrail_record_decode(const json_t *object, CloudTrailRecord *ret) _must_check_;
void cloudtrail_record_done(CloudTrailRecord *r);
void cloudtrail_record_copy(const CloudTrailRecord *r, CloudTrailRecord *ret);
/* Cuts texts as decoding does, for a record that came another way. */
void cloudtrail_record_cap(CloudTrailRecord *r);
/* Memory that it takes, itself included. */
size_t cloudtrail_record_bytes(const CloudTrailRecord *r);
/* What the request had for this member, owned: "" when it was empty or too long to be kept, which
 * *ret_known tells apart. NULL when it is not known to have had it. */
char *cloudtrail_record_parameter(const CloudTrailRecord *r, const char *name, bool *ret_known);

/* Whether the record is of a call on this trail. YES: a call of CloudTrail's API (eventSource,
 * eventType), made in the trail's region, that names the trail by its ARN, or by its name in the
 * account that owns the trail. NO: it names another trail; a trail of the same name in another
 * account or region is another trail. UNKNOWN: the record does not say enough to decide, as when it
 * names no trail (parameters omitted, or null as in many denied calls). */
typedef enum TrailMatch { TRAIL_MATCH_NO, TRAIL_MATCH_YES, TRAIL_MATCH_UNKNOWN } TrailMatch;
TrailMatch cloudtrail_record_match(const CloudTrailRecord *r, const char *trail_arn);
/* The part of it that holds for any service: YES for an API call to `service` ("s3") whose record
 * says where it was made. */
TrailMatch cloudtrail_record_match_service(const CloudTrailRecord *r, const char *service);
