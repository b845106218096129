/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Codecs of the three Query services (form in, XML out): SNS 2010-03-31, STS 2011-06-15,
 * CloudWatch 2010-08-01. */

#include "aws/credentials.h"
#include "aws/request.h"

/* SNS Publish. The region is the topic's. */
typedef struct SnsAttribute {
        const char *name;
        const char *value; /* an empty or NULL value is left out */
        bool array;        /* it is a JSON array, sent as String.Array */
} SnsAttribute;

typedef struct SnsMessage {
        const char *topic_arn;
        const char *subject;          /* brought to printable ASCII, at most 99 characters */
        const char *message;          /* UTF-8 */
        const char *structure;        /* MessageStructure: NULL or "json" */
        const char *group_id;         /* FIFO topics: both; others: NULL */
        const char *deduplication_id; /* ... */
        const SnsAttribute *attributes;
        size_t n_attributes;
} SnsMessage;

/* -EINVAL on a bad topic ARN, -E2BIG when message and attributes are over 256 KiB. */
int sns_request_publish(const SnsMessage *m, AwsRequest *ret) _must_check_;
/* This and the other parse functions: -EBADMSG, -E2BIG, -ELOOP as xml_parse(). */
int sns_parse_publish(const char *body, size_t len, char **ret_message_id) _must_check_;

/* SNS GetTopicAttributes, what somebody who sends to the topic needs to know of it.
 * https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html */
typedef struct TopicAttributes {
        int confirmed; /* subscriptions; -1: the answer does not say */
        int pending;   /* ... that nobody has confirmed yet */
} TopicAttributes;

int sns_request_get_topic_attributes(const char *topic_arn, AwsRequest *ret) _must_check_;
int sns_parse_topic_attributes(const char *body, size_t len, TopicAttributes *ret) _must_check_;

/* STS. */
void sts_request_get_caller_identity(const char *region, AwsRequest *ret);

typedef struct CallerIdentity {
        char *account;
        char *arn;
        char *user_id;
} CallerIdentity;

int sts_parse_caller_identity(const char *body, size_t len, CallerIdentity *ret) _must_check_;
void caller_identity_done(CallerIdentity *c);

typedef struct AssumeRole {
        const char *region;
        const char *role_arn;
        const char *session_name;
        const char *external_id; /* NULL for none */
        const char
                *web_identity_token; /* NULL, or: AssumeRoleWithWebIdentity, to be sent unsigned */
        int duration_sec;
} AssumeRole;

/* -E2BIG when it did not fit. */
int sts_request_assume_role(const AssumeRole *a, AwsRequest *ret) _must_check_;
int sts_parse_assume_role(const char *body, size_t len, AwsCredentials **ret) _must_check_;
/* The same of AssumeRoleWithWebIdentity. */
int sts_parse_web_identity(const char *body, size_t len, AwsCredentials **ret) _must_check_;

/* CloudWatch PutMetricData, one value a metric, unit Count. */
typedef struct Metric {
        const char *name;
        const char *dimension_name; /* one dimension */
        const char *dimension_value;
        int64_t time_msec;
        double value;
} Metric;

void monitoring_request_put_metric_data(const char *region, const char *metric_namespace,
                                        const Metric *metrics, size_t n, AwsRequest *ret);

/* The credentials document of IMDSv2 and of the container endpoints: keys, Token and Expiration
 * are demanded. -EBADMSG when it is not one; -EREMOTEIO when it carries a Code other than
 * "Success", which is copied (escaped) with its message to reterr_text, owned. */
int imds_parse_credentials(const char *body, size_t len, AwsCredentials **ret,
                           char **reterr_text) _must_check_;
/* What a credential_process writes: Version 1 and keys are demanded. -EBADMSG. */
int process_parse_credentials(const char *body, size_t len, AwsCredentials **ret) _must_check_;
