/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The standard retry mode of AWS's SDKs as pure functions: attempts, quota, back-off. The quota
 * is kept per account, region and service by the caller. Randomness is a parameter.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html */

#include "aws/awserror.h"

typedef enum RetryMode {
        RETRY_NONE,      /* one attempt: the caller's next turn is the retry (polls) */
        RETRY_STANDARD,  /* 3 attempts within the quota */
        RETRY_UNMETERED, /* 3 attempts, never held back by the quota; one when it is throttled,
                          * which the caller repeats at his own pace (StartLogging) */
} RetryMode;

#define RETRY_QUOTA_MAX 500

typedef struct RetryPolicy {
        int attempts_max;
        uint64_t backoff_max_usec;
        bool metered;        /* held back by the quota */
        bool throttled_once; /* throttling is the caller's to answer */
        bool long_poll;      /* where the quota allows no retry, the failure is returned late */
} RetryPolicy;

const RetryPolicy *retry_policy(RetryMode mode);

typedef struct RetryQuota {
        int available; /* start with RETRY_QUOTA_MAX */
} RetryQuota;

typedef struct RetryFailure {
        AwsErrorClass class;
        int attempt;              /* which one it was, from 1 */
        int64_t retry_after_msec; /* what the service asks for, -1 when it does not */
} RetryFailure;

typedef struct RetryDecision {
        bool retry;
        uint64_t delay_usec; /* before the retry; without one, before a long poll returns */
        int cost;            /* taken from the quota, to be given back on success */
} RetryDecision;

/* random01 is in [0, 1]. Takes the cost from the quota (which may be NULL unless metered). */
RetryDecision retry_decide(const RetryPolicy *policy, RetryQuota *quota,
                           const RetryFailure *failure, double random01);

/* Gives back after a success: cost of the last retry, or 1 for a first-try success (cost 0). */
void retry_succeeded(RetryQuota *quota, int cost);

/* x-amz-retry-after in ms; -1 when the header is absent (NULL or "") or no number. */
int64_t retry_after_parse(const char *s);
