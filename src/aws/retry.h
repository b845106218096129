/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The standard retry mode of AWS's SDKs as pure functions: attempts, quota, back-off. The quota
 * is kept per account, region and service by the caller. Randomness is a parameter. */

#include "aws/awserror.h"

typedef enum RetryMode {
        RETRY_NONE,      /* one attempt: the caller's next turn is the retry (polls) */
        RETRY_STANDARD,  /* 3 attempts within the quota */
        RETRY_UNMETERED, /* 3 attempts, never held back by the quota (StartLogging) */
} RetryMode;

#define RETRY_ATTEMPTS_MAX 3
#define RETRY_QUOTA_MAX 500

typedef struct RetryQuota {
        int available; /* start with RETRY_QUOTA_MAX */
} RetryQuota;

typedef struct RetryDecision {
        bool retry;
        uint64_t delay_usec;
        int cost; /* taken from the quota, to be given back on success */
} RetryDecision;

/* attempt counts from 1. retry_after_msec is x-amz-retry-after, -1 without one. random01 is in
 * [0, 1]. Takes the cost from the quota (which may be NULL with RETRY_NONE). */
RetryDecision retry_decide(RetryMode mode, RetryQuota *quota, AwsErrorClass class, int attempt,
                           int64_t retry_after_msec, double random01);

/* Gives back after a success: cost of the last retry, or 1 for a first-try success (cost 0). */
void retry_succeeded(RetryQuota *quota, int cost);
