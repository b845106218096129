/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "aws/retry.h"

static RetryDecision decide(RetryMode mode, RetryQuota *q, AwsErrorClass class, int attempt)
{
        return retry_decide(retry_policy(mode), q, &(RetryFailure){class, attempt, -1}, 1.0);
}

static void test_which_classes(void **state)
{
        for (AwsErrorClass c = 0; c < _AWS_ERROR_CLASS_MAX; c++) {
                RetryQuota q = {RETRY_QUOTA_MAX};
                bool want = c == AWS_ERROR_THROTTLED || c == AWS_ERROR_TRANSIENT ||
                            c == AWS_ERROR_NETWORK;
                assert_int_equal(decide(RETRY_STANDARD, &q, c, 1).retry, want);
                assert_int_equal(decide(RETRY_UNMETERED, &q, c, 1).retry,
                                 want && c != AWS_ERROR_THROTTLED);
                assert_false(decide(RETRY_NONE, NULL, c, 1).retry);
        }
        RetryQuota q = {RETRY_QUOTA_MAX};
        assert_false(decide(RETRY_STANDARD, &q, _AWS_ERROR_CLASS_INVALID, 1).retry);
}

static void test_attempts(void **state)
{
        RetryQuota q = {RETRY_QUOTA_MAX};

        assert_true(decide(RETRY_STANDARD, &q, AWS_ERROR_TRANSIENT, 1).retry);
        assert_true(decide(RETRY_STANDARD, &q, AWS_ERROR_TRANSIENT, 2).retry);
        assert_false(decide(RETRY_STANDARD, &q, AWS_ERROR_TRANSIENT, 3).retry);
        assert_false(decide(RETRY_UNMETERED, &q, AWS_ERROR_TRANSIENT, 3).retry);
        assert_int_equal(q.available, RETRY_QUOTA_MAX - 28); /* the refused one cost nothing */
}

static void test_delays(void **state)
{
        RetryQuota q = {RETRY_QUOTA_MAX};

        assert_int_equal(decide(RETRY_STANDARD, &q, AWS_ERROR_TRANSIENT, 1).delay_usec, 50000);
        assert_int_equal(decide(RETRY_STANDARD, &q, AWS_ERROR_TRANSIENT, 2).delay_usec, 100000);
        assert_int_equal(decide(RETRY_STANDARD, &q, AWS_ERROR_NETWORK, 2).delay_usec, 100000);
        assert_int_equal(decide(RETRY_STANDARD, &q, AWS_ERROR_THROTTLED, 1).delay_usec, 1000000);
        assert_int_equal(decide(RETRY_STANDARD, &q, AWS_ERROR_THROTTLED, 2).delay_usec, 2000000);
        const RetryFailure f = {AWS_ERROR_THROTTLED, 2, -1};
        const RetryPolicy *standard = retry_policy(RETRY_STANDARD);
        assert_int_equal(retry_decide(standard, &q, &f, 0.25).delay_usec, 500000);
        assert_int_equal(retry_decide(standard, &q, &f, 0).delay_usec, 0);
}

static void test_longest_delay(void **state)
{
        RetryPolicy policy = *retry_policy(RETRY_STANDARD);
        static const uint64_t transient[] = {50,   100,  200,   400,   800,  1600,
                                             3200, 6400, 12800, 20000, 20000};

        policy.attempts_max = INT32_MAX;
        policy.metered = false;
        for (int i = 0; i < (int)ELEMENTSOF(transient); i++) {
                const RetryFailure f = {AWS_ERROR_TRANSIENT, i + 1, -1};
                assert_int_equal(retry_decide(&policy, NULL, &f, 1).delay_usec,
                                 transient[i] * USEC_PER_MSEC);
        }
        const RetryFailure late = {AWS_ERROR_THROTTLED, INT32_MAX - 1, 60000};
        assert_int_equal(retry_decide(&policy, NULL, &late, 1).delay_usec, 25 * USEC_PER_SEC);
}

static uint64_t delay_after(int64_t retry_after_msec, double random01)
{
        RetryQuota q = {RETRY_QUOTA_MAX};

        const RetryFailure f = {AWS_ERROR_THROTTLED, 1, retry_after_msec};
        return retry_decide(retry_policy(RETRY_STANDARD), &q, &f, random01).delay_usec;
}

static void test_retry_after(void **state)
{
        assert_int_equal(delay_after(3000, 0.5), 3000000);  /* raises */
        assert_int_equal(delay_after(100, 0.5), 500000);    /* never lowers */
        assert_int_equal(delay_after(60000, 0.5), 5500000); /* by 5 s at most */
        assert_int_equal(delay_after(5500, 0.5), 5500000);
        assert_int_equal(delay_after(5501, 0.5), 5500000);
        assert_int_equal(delay_after(INT64_MAX, 0), 5000000);
        assert_int_equal(delay_after(0, 0.5), 500000);
        assert_int_equal(delay_after(-1, 0.5), 500000);
        assert_int_equal(delay_after(INT64_MIN, 0.5), 500000);
}

static void test_retry_after_header(void **state)
{
        assert_int_equal(retry_after_parse("1500"), 1500);
        assert_int_equal(retry_after_parse("0"), 0);
        assert_int_equal(retry_after_parse("99999999999999999999999"), INT32_MAX);
        assert_int_equal(retry_after_parse(NULL), -1);
        assert_int_equal(retry_after_parse(""), -1);
        assert_int_equal(retry_after_parse("-1"), -1);
        assert_int_equal(retry_after_parse("1.5"), -1);
        assert_int_equal(retry_after_parse("soon"), -1);
}

/* A long poll that may not be repeated must not be asked again at once by its caller either. */
static void test_long_poll(void **state)
{
        RetryPolicy policy = *retry_policy(RETRY_STANDARD);
        RetryQuota q = {4};
        const RetryFailure first = {AWS_ERROR_THROTTLED, 1, 3000};

        assert_int_equal(retry_decide(&policy, &q, &first, 1).delay_usec, 0);
        policy.long_poll = true;
        RetryDecision d = retry_decide(&policy, &q, &first, 1);
        assert_false(d.retry);
        assert_int_equal(d.delay_usec, 3 * USEC_PER_SEC);
        assert_int_equal(q.available, 4);

        /* Only the quota: a last attempt and a failure for good return at once. */
        const RetryFailure last = {AWS_ERROR_THROTTLED, 3, 3000},
                           denied = {AWS_ERROR_DENIED, 1, -1};
        assert_int_equal(retry_decide(&policy, &q, &last, 1).delay_usec, 0);
        assert_int_equal(retry_decide(&policy, &q, &denied, 1).delay_usec, 0);
}

static void test_quota(void **state)
{
        RetryQuota q = {RETRY_QUOTA_MAX};
        int n = 0;

        while (decide(RETRY_STANDARD, &q, AWS_ERROR_TRANSIENT, 1).retry)
                n++;
        assert_int_equal(n, 35); /* 35 × 14 = 490 */
        assert_int_equal(q.available, 10);
        assert_true(decide(RETRY_STANDARD, &q, AWS_ERROR_THROTTLED, 1).retry);
        assert_true(decide(RETRY_STANDARD, &q, AWS_ERROR_THROTTLED, 1).retry);
        assert_int_equal(q.available, 0);
        assert_false(decide(RETRY_STANDARD, &q, AWS_ERROR_THROTTLED, 1).retry);

        /* StartLogging is not held back, nor does it take. */
        RetryDecision d = decide(RETRY_UNMETERED, &q, AWS_ERROR_TRANSIENT, 1);
        assert_true(d.retry);
        assert_int_equal(d.cost, 0);
        assert_true(decide(RETRY_UNMETERED, NULL, AWS_ERROR_TRANSIENT, 1).retry);
        assert_int_equal(q.available, 0);
}

static void test_refund(void **state)
{
        RetryQuota q = {100};
        RetryDecision d = decide(RETRY_STANDARD, &q, AWS_ERROR_TRANSIENT, 1);

        assert_int_equal(d.cost, 14);
        assert_int_equal(q.available, 86);
        retry_succeeded(&q, d.cost);
        assert_int_equal(q.available, 100);
        retry_succeeded(&q, 0);
        assert_int_equal(q.available, 101);
        q.available = RETRY_QUOTA_MAX;
        retry_succeeded(&q, 14);
        assert_int_equal(q.available, RETRY_QUOTA_MAX);
        retry_succeeded(NULL, 0);
}

UNIT_MAIN(T(test_which_classes), T(test_attempts), T(test_delays), T(test_longest_delay),
          T(test_retry_after), T(test_retry_after_header), T(test_long_poll), T(test_quota),
          T(test_refund))
