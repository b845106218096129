/* SPDX-License-Identifier: Apache-2.0 */
/* Times: a time that was printed parses as itself, and one that was parsed prints as what it was;
 * durations as a plain multiplication has them. */
#include <errno.h>
#include <time.h>

#include "base/timefmt.h"
#include "fuzz.h"

static void check_print(int64_t msec)
{
        static const int64_t last_msec = INT64_C(253402300799999);
        char buf[TIMEFMT_MAX];
        int64_t back;

        if (msec > 0 && msec <= last_msec)
                HOLD(timefmt_parse_iso8601(timefmt_iso8601(msec, buf), &back) == 0 && back == msec);
        HOLD(fuzz_is_plain(timefmt_iso8601(msec, buf)) && strlen(buf) <= 24);
        HOLD(strlen(timefmt_amz_date(msec, buf)) == 16);
        HOLD(fuzz_is_plain(timefmt_duration(msec, buf)) && *buf);
}

static void check_iso8601(const char *text)
{
        char buf[TIMEFMT_MAX];
        int64_t msec, again, local;
        size_t n = strlen(text);

        if (timefmt_parse_iso8601(text, &msec) < 0)
                return;
        HOLD(msec >= 0 && n >= 20);
        /* What is ahead of UTC by so much was as much earlier there: "+hh:mm" at the end. */
        local = msec;
        if (text[n - 1] != 'Z') {
                const char *p = text + n - 6;
                int minutes =
                        60 * (10 * (p[1] - '0') + p[2] - '0') + 10 * (p[4] - '0') + p[5] - '0';
                local += (*p == '-' ? -minutes : minutes) * MSEC_PER_MINUTE;
        }
        /* Up to the second they are the same text; the fraction may have had more digits. */
        if (local > 0)
                HOLD(strncmp(timefmt_iso8601(local, buf), text, 19) == 0);
        if (msec > 0)
                HOLD(timefmt_parse_iso8601(timefmt_iso8601(msec, buf), &again) == 0 &&
                     again == msec);
}

static void check_http_date(const char *text)
{
        char buf[TIMEFMT_MAX];
        struct tm tm;
        int64_t msec;

        if (timefmt_parse_http_date(text, &msec) < 0)
                return;
        time_t t = (time_t)(msec / MSEC_PER_SEC);
        HOLD(msec % MSEC_PER_SEC == 0 && gmtime_r(&t, &tm));
        HOLD(strftime(buf, sizeof(buf), "%d %b %Y %H:%M:%S GMT", &tm) > 0);
        HOLD(streq(buf, text + 5)); /* the day of the week is not looked at */
}

static void check_duration(const char *text)
{
        static const struct {
                const char *name;
                uint64_t usec;
        } units[] = {{"us", 1},         {"ms", 1000},       {"s", 1000000},     {"m", 60000000},
                     {"min", 60000000}, {"h", 3600000000U}, {"d", 86400000000U}};
        size_t digits = strspn(text, "0123456789");
        uint64_t usec = 0;
        int r = timefmt_parse_duration(text, &usec);

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                if (digits == 0 || !streq(text + digits, units[i].name))
                        continue;
                errno = 0;
                unsigned long long value = strtoull(text, NULL, 10);
                unsigned __int128 product = (unsigned __int128)value * units[i].usec;
                bool fits = errno == 0 && product < UINT64_MAX;
                HOLD(r == (fits ? 0 : -ERANGE) && (!fits || usec == (uint64_t)product));
                return;
        }
        HOLD(r == -EINVAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = fuzz_text(data, size);
        int64_t msec = 0, back;
        double seconds = 0;

        memcpy(&msec, data, MIN(size, sizeof(msec)));
        check_print(msec);
        check_print(msec >> 16);
        check_print(msec >> 24);
        memcpy(&seconds, data, MIN(size, sizeof(seconds)));
        if (timefmt_from_epoch(seconds, &back) == 0)
                HOLD(back >= 0 && (double)back / 1000 - seconds <= 0.001 &&
                     (double)back / 1000 - seconds >= -0.001);
        check_iso8601(text);
        check_http_date(text);
        check_duration(text);
        return 0;
}
