/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/timefmt.h"

#define AT INT64_C(1795403529000) /* 2026-11-23T03:12:09Z, a Monday */

static void test_iso8601(void **state)
{
        char b[TIMEFMT_MAX];

        assert_string_equal(timefmt_iso8601(AT, b), "2026-11-23T03:12:09Z");
        assert_string_equal(timefmt_iso8601(AT + 7, b), "2026-11-23T03:12:09.007Z");
        assert_string_equal(timefmt_iso8601(0, b), "never");
        assert_string_equal(timefmt_iso8601(1, b), "1970-01-01T00:00:00.001Z");
        assert_string_equal(timefmt_iso8601(-5, b), "1970-01-01T00:00:00Z");
        assert_string_equal(timefmt_iso8601(INT64_MAX, b), "9999-12-31T23:59:59.999Z");
        assert_string_equal(timefmt_iso8601(INT64_MIN, b), "1970-01-01T00:00:00Z");
        assert_string_equal(timefmt_iso8601(INT64_C(951782400000), b), "2000-02-29T00:00:00Z");
}

static void test_amz_date(void **state)
{
        char b[TIMEFMT_MAX];

        assert_string_equal(timefmt_amz_date(AT + 999, b), "20261123T031209Z");
        assert_string_equal(timefmt_amz_date(0, b), "19700101T000000Z");
}

static void test_duration(void **state)
{
        static const struct {
                int64_t msec;
                const char *want;
        } cases[] = {
                {0, "0 s"},
                {-5, "0 s"},
                {INT64_MIN, "0 s"},
                {850, "850 ms"},
                {1000, "1 s"},
                {1001, "1 s 1 ms"},
                {192000, "3 min 12 s"},
                {180999, "3 min"},
                {59999, "59 s 999 ms"},
                {3600000, "1 h"},
                {INT64_C(100800000), "1 d 4 h"},
                {INT64_C(86460000), "1 d"},
                {INT64_MAX, "106751991167 d 7 h"},
        };
        char b[TIMEFMT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_string_equal(timefmt_duration(cases[i].msec, b), cases[i].want);
}

static void test_parse_duration(void **state)
{
        static const struct {
                const char *s;
                int r;
                uint64_t usec;
        } cases[] = {
                {"10s", 0, 10 * USEC_PER_SEC},
                {"5min", 0, 300 * USEC_PER_SEC},
                {"1h", 0, USEC_PER_HOUR},
                {"1500ms", 0, 1500000},
                {"7us", 0, 7},
                {"2d", 0, 48 * USEC_PER_HOUR},
                {"0s", 0, 0},
                {"007s", 0, 7 * USEC_PER_SEC},
                {"18446744073709551614us", 0, UINT64_MAX - 1},
                {"18446744073709551615us", -ERANGE, 0}, /* that is infinity */
                {"18446744073709551616us", -ERANGE, 0},
                {"184467440737095516160us", -ERANGE, 0}, /* wraps to 0, and goes on */
                {"18446744073709552s", -ERANGE, 0},
                {"99999999999999999999999d", -ERANGE, 0},
                {"", -EINVAL, 0},
                {"10", -EINVAL, 0},
                {"s", -EINVAL, 0},
                {"-1s", -EINVAL, 0},
                {"+1s", -EINVAL, 0},
                {"1.5s", -EINVAL, 0},
                {"1 s", -EINVAL, 0},
                {" 1s", -EINVAL, 0},
                {"1s ", -EINVAL, 0},
                {"1m", 0, 60 * USEC_PER_SEC}, /* as systemd.time(7) has it */
                {"1M", -EINVAL, 0},
                {"1S", -EINVAL, 0},
                {"1h30min", -EINVAL, 0},
                {"99999999999999999999999x", -EINVAL, 0},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint64_t usec = 42;
                int r = timefmt_parse_duration(cases[i].s, &usec);
                if (r != cases[i].r || usec != (r < 0 ? 42 : cases[i].usec))
                        fail_msg("'%s': %d, %llu", cases[i].s, r, (unsigned long long)usec);
        }
}

static void test_parse_iso8601(void **state)
{
        static const struct {
                const char *s;
                int64_t msec;
        } good[] = {
                {"2026-11-23T03:12:09Z", AT},
                {"2026-11-23T03:12:09.1Z", AT + 100},
                {"2026-11-23T03:12:09.007Z", AT + 7},
                {"2026-11-23T03:12:09.123456789Z", AT + 123},
                {"1970-01-01T00:00:00Z", 0},
                {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
                {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
                {"2026-11-23T03:12:09+00:00", AT},
                {"2026-11-23T04:42:09.5+01:30", AT + 500},
                {"2026-11-22T22:12:09-05:00", AT},
        };
        static const char *const bad[] = {
                "",
                "2026-11-23",
                "2026-11-23T03:12:09",
                "2026-11-23T03:12:09+0000",
                "2026-11-23T03:12:09+24:00",
                "2026-11-23T03:12:09-01:60",
                "2026-11-23T03:12:09+00:00Z",
                "1970-01-01T00:00:00+00:01",
                "9999-12-31T23:59:59-00:01",
                "2026-11-23t03:12:09z",
                "2026-11-23 03:12:09Z",
                "2026-11-23T03:12:09.Z",
                "2026-11-23T03:12:09Z ",
                " 2026-11-23T03:12:09Z",
                "2026-13-23T03:12:09Z",
                "2026-00-23T03:12:09Z",
                "2026-11-00T03:12:09Z",
                "2026-11-31T03:12:09Z",
                "2026-02-29T03:12:09Z",
                "2100-02-29T00:00:00Z",
                "2026-11-23T24:00:00Z",
                "2026-11-23T03:60:09Z",
                "2026-11-23T03:12:60Z",
                "1969-12-31T23:59:59Z",
                "-026-11-23T03:12:09Z",
                "2026-1-23T03:12:09Z",
                "+2026-11-23T03:12:09Z",
                "12026-11-23T03:12:09Z",
                "2026-11-23T03:12:09,5Z",
        };
        int64_t msec = 42;

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                assert_int_equal(timefmt_parse_iso8601(good[i].s, &msec), 0);
                assert_true(msec == good[i].msec);
        }
        msec = 42;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (timefmt_parse_iso8601(bad[i], &msec) != -EINVAL || msec != 42)
                        fail_msg("accepted: %s", bad[i]);
}

static void test_parse_http_date(void **state)
{
        static const char good[] = "Mon, 23 Nov 2026 03:12:09 GMT";
        static const char *const bad[] = {
                "",
                "Mon, 23 Nov 2026 03:12:09",
                "Mon, 23 Nov 2026 03:12:09 UTC",
                "Mon, 23 Nov 2026 03:12:09 GMT ",
                "mon, 23 Nov 2026 03:12:09 GMT",
                "Mon 23 Nov 2026 03:12:09 GMT",
                "Mon, 23 nov 2026 03:12:09 GMT",
                "Mon, 3 Nov 2026 03:12:09 GMT",
                "Mon, 31 Nov 2026 03:12:09 GMT",
                "Mon, 23 Nov 1926 03:12:09 GMT",
                "Monday, 23-Nov-26 03:12:09 GMT",
                "Mon Nov 23 03:12:09 2026",
                "Mon, 23 Nov 2026 25:12:09 GMT",
        };
        int64_t msec = 42;

        /* Cut at each byte, in memory of exactly that size. */
        for (size_t n = 0; n < sizeof(good) - 1; n++) {
                _cleanup_free_ char *cut = mem_strndup(good, n);
                assert_int_equal(timefmt_parse_http_date(cut, &msec), -EINVAL);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (timefmt_parse_http_date(bad[i], &msec) != -EINVAL)
                        fail_msg("accepted: %s", bad[i]);
        assert_true(msec == 42);
        assert_int_equal(timefmt_parse_http_date(good, &msec), 0);
        assert_true(msec == AT);
}

/* Any day of the 400-year cycle goes out and comes back. */
static void test_round_trip(void **state)
{
        char b[TIMEFMT_MAX];

        for (int64_t msec = 1; msec < INT64_C(13000000000000); msec += INT64_C(86399999)) {
                int64_t back = 0;
                assert_int_equal(timefmt_parse_iso8601(timefmt_iso8601(msec, b), &back), 0);
                assert_true(back == msec);
        }
}

static void test_from_epoch(void **state)
{
        int64_t msec = 42;

        assert_int_equal(timefmt_from_epoch(1441139757.497, &msec), 0);
        assert_true(msec == INT64_C(1441139757497));
        assert_int_equal(timefmt_from_epoch(1.0006, &msec), 0);
        assert_true(msec == 1001);
        assert_int_equal(timefmt_from_epoch(0, &msec), 0);
        assert_true(msec == 0);
        assert_int_equal(timefmt_from_epoch(1795403529, &msec), 0);
        assert_true(msec == AT);

        msec = 42;
        const double bad[] = {-0.001, -1e300, 1e300, NAN, INFINITY, -INFINITY, 253402300800.0};
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(timefmt_from_epoch(bad[i], &msec), -ERANGE);
        assert_true(msec == 42);
}

/* What JSON carries with three decimals comes out exactly. */
static void test_from_epoch_is_exact(void **state)
{
        for (int64_t want = INT64_C(1795403529000); want < INT64_C(1795403530000); want++) {
                char text[32];
                int64_t have = 0;
                (void)snprintf(text, sizeof(text), "%lld.%03lld", (long long)(want / 1000),
                               (long long)(want % 1000));
                assert_int_equal(timefmt_from_epoch(strtod(text, NULL), &have), 0);
                assert_true(have == want);
        }
}

UNIT_MAIN(T(test_iso8601), T(test_amz_date), T(test_duration), T(test_parse_duration),
          T(test_parse_iso8601), T(test_parse_http_date), T(test_round_trip), T(test_from_epoch),
          T(test_from_epoch_is_exact))
