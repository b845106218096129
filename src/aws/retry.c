/* SPDX-License-Identifier: Apache-2.0 */

/* Numbers of the standard retry mode as AWS's SDKs have them since 2026. */

#include "aws/retry.h"

#define BACKOFF_MAX_USEC (20 * USEC_PER_SEC)
#define BACKOFF_DOUBLINGS_MAX 20 /* far beyond the longest back-off, far from overflow */
#define RETRY_AFTER_EXTRA_USEC (5 * USEC_PER_SEC)

static const RetryPolicy policies[] = {
        [RETRY_NONE] = {.attempts_max = 1},
        [RETRY_STANDARD] = {3, BACKOFF_MAX_USEC, .metered = true},
        [RETRY_UNMETERED] = {3, BACKOFF_MAX_USEC, .throttled_once = true},
};

static const struct {
        bool retryable;
        int cost;
        uint64_t base_usec;
} rules[_AWS_ERROR_CLASS_MAX] = {
        [AWS_ERROR_THROTTLED] = {true, 5, 1 * USEC_PER_SEC},
        [AWS_ERROR_TRANSIENT] = {true, 14, 50 * USEC_PER_MSEC},
        [AWS_ERROR_NETWORK] = {true, 14, 50 * USEC_PER_MSEC},
};

const RetryPolicy *retry_policy(RetryMode mode)
{
        assert((size_t)mode < ELEMENTSOF(policies));
        return &policies[mode];
}

/* Full jitter, raised by what the service asks for, by 5 s at most. */
static uint64_t backoff(const RetryPolicy *policy, const RetryFailure *f, double random01)
{
        int doublings = MIN(f->attempt - 1, BACKOFF_DOUBLINGS_MAX);
        uint64_t ceiling = MIN(rules[f->class].base_usec << doublings, policy->backoff_max_usec);
        uint64_t delay = (uint64_t)(random01 * (double)ceiling);

        if (f->retry_after_msec > 0) {
                uint64_t most = delay + RETRY_AFTER_EXTRA_USEC;
                uint64_t asked = (uint64_t)f->retry_after_msec > most / USEC_PER_MSEC
                                         ? most
                                         : (uint64_t)f->retry_after_msec * USEC_PER_MSEC;
                delay = MAX(delay, asked);
        }
        return delay;
}

RetryDecision retry_decide(const RetryPolicy *policy, RetryQuota *quota,
                           const RetryFailure *failure, double random01)
{
        AwsErrorClass class = failure->class;

        assert(failure->attempt >= 1);
        if (class < 0 || class >= _AWS_ERROR_CLASS_MAX || !rules[class].retryable ||
            failure->attempt >= policy->attempts_max ||
            (policy->throttled_once && class == AWS_ERROR_THROTTLED))
                return (RetryDecision){0};

        RetryDecision d = {
                .retry = true,
                .delay_usec = backoff(policy, failure, random01),
                .cost = policy->metered ? rules[class].cost : 0,
        };
        if (d.cost == 0)
                return d;
        if (quota->available < d.cost)
                return (RetryDecision){.delay_usec = policy->long_poll ? d.delay_usec : 0};
        quota->available -= d.cost;
        return d;
}

void retry_succeeded(RetryQuota *quota, int cost)
{
        if (quota)
                quota->available = MIN(quota->available + MAX(cost, 1), RETRY_QUOTA_MAX);
}

int64_t retry_after_parse(const char *s)
{
        int64_t msec = 0;

        if (isempty(s))
                return -1;
        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return -1;
                msec = MIN(10 * msec + (*s - '0'), INT32_MAX); /* more is as good as this */
        }
        return msec;
}
