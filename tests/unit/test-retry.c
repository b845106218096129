/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "aws/retry.h"

static RetryDecision decide(RetryMode mode, RetryQuota *q, AwsErrorClass class, int attempt)
{
        return retry_decide(mode, q, class, attempt, -1, 1.0);
}

static void test_which_classes(void **state)
{
        for (AwsErrorClass c = 0; c < _AWS_ERROR_CLASS_MAX; c++) {
                RetryQuota q = {RETRY_QUOTA_MAX};
                bool want = c == AWS_ERROR_THROTTLED || c == AWS_ERROR_TRANSIENT ||
                            c == AWS_ERROR_NETWORK;
                assert_int_equal(decide(RETRY_STANDARD, &q, c, 1).retry, want);
                assert_int_equal(decide(RETRY_UNMETERED, &q, c, 1).retry, want);
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
        assert_int_equal(
                retry_decide(RETRY_STANDARD, &q, AWS_ERROR_THROTTLED, 2, -1, 0.25).delay_usec,
                500000);
        assert_int_equal(retry_decide(RETRY_STANDARD, &q, AWS_ERROR_THROTTLED, 2, -1, 0).delay_usec,
                         0);
}

static uint64_t delay_after(int64_t retry_after_msec, double random01)
{
        RetryQuota q = {RETRY_QUOTA_MAX};

        return retry_decide(RETRY_STANDARD, &q, AWS_ERROR_THROTTLED, 1, retry_after_msec, random01)
                .delay_usec;
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
        RetryDecision d = decide(RETRY_UNMETERED, &q, AWS_ERROR_THROTTLED, 1);
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

UNIT_MAIN(T(test_which_classes), T(test_attempts), T(test_delays), T(test_retry_after),
          T(test_quota), T(test_refund))
