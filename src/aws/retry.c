/* SPDX-License-Identifier: Apache-2.0 */

/* Numbers of the standard retry mode as AWS's SDKs have them since 2026. */

#include "aws/retry.h"

#define BACKOFF_MAX_USEC (20 * USEC_PER_SEC)
#define RETRY_AFTER_EXTRA_USEC (5 * USEC_PER_SEC)

static const struct {
        bool retryable;
        int cost;
        uint64_t base_usec;
} rules[_AWS_ERROR_CLASS_MAX] = {
        [AWS_ERROR_THROTTLED] = {true, 5, 1 * USEC_PER_SEC},
        [AWS_ERROR_TRANSIENT] = {true, 14, 50 * USEC_PER_MSEC},
        [AWS_ERROR_NETWORK] = {true, 14, 50 * USEC_PER_MSEC},
};

/* Full jitter, raised by what the service asks for, by 5 s at most. */
static uint64_t backoff(uint64_t base_usec, int attempt, int64_t retry_after_msec, double random01)
{
        uint64_t ceiling = MIN(base_usec << (attempt - 1), BACKOFF_MAX_USEC);
        uint64_t delay = (uint64_t)(random01 * (double)ceiling);

        if (retry_after_msec > 0) {
                uint64_t most = delay + RETRY_AFTER_EXTRA_USEC;
                uint64_t asked = (uint64_t)retry_after_msec > most / USEC_PER_MSEC
                                         ? most
                                         : (uint64_t)retry_after_msec * USEC_PER_MSEC;
                delay = MAX(delay, asked);
        }
        return delay;
}

RetryDecision retry_decide(RetryMode mode, RetryQuota *quota, AwsErrorClass class, int attempt,
                           int64_t retry_after_msec, double random01)
{
        RetryDecision no = {0};

        assert(attempt >= 1);
        if (mode == RETRY_NONE || attempt >= RETRY_ATTEMPTS_MAX || class < 0 ||
            class >= _AWS_ERROR_CLASS_MAX || !rules[class].retryable)
                return no;

        int cost = mode == RETRY_UNMETERED ? 0 : rules[class].cost;
        if (cost > 0) {
                if (!quota || quota->available < cost)
                        return no;
                quota->available -= cost;
        }
        return (RetryDecision){
                .retry = true,
                .delay_usec = backoff(rules[class].base_usec, attempt, retry_after_msec, random01),
                .cost = cost,
        };
}

void retry_succeeded(RetryQuota *quota, int cost)
{
        if (quota)
                quota->available = MIN(quota->available + MAX(cost, 1), RETRY_QUOTA_MAX);
}
