/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timefmt.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

static const char *const weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static char *put_digits(char *p, int value, int n)
{
        for (int i = n - 1; i >= 0; i--) {
                p[i] = (char)('0' + value % 10);
                value /= 10;
        }
        return p + n;
}

/* Outside the years 1970 to 9999 the nearest end is taken. */
static int split(int64_t msec, struct tm *ret)
{
        int64_t clamped = MIN(MAX(msec, INT64_C(0)), MSEC_MAX);
        time_t t = (time_t)(clamped / MSEC_PER_SEC);

        if (!gmtime_r(&t, ret))
                abort();
        return (int)(clamped % MSEC_PER_SEC);
}

const char *timefmt_iso8601(int64_t msec, char buf[static TIMEFMT_MAX])
{
        struct tm tm;
        char *p = buf;

        if (msec == 0) {
                (void)snprintf(buf, TIMEFMT_MAX, "never"); /* fits */
                return buf;
        }

        int fraction = split(msec, &tm);
        p = put_digits(p, tm.tm_year + 1900, 4);
        *p++ = '-';
        p = put_digits(p, tm.tm_mon + 1, 2);
        *p++ = '-';
        p = put_digits(p, tm.tm_mday, 2);
        *p++ = 'T';
        p = put_digits(p, tm.tm_hour, 2);
        *p++ = ':';
        p = put_digits(p, tm.tm_min, 2);
        *p++ = ':';
        p = put_digits(p, tm.tm_sec, 2);
        if (fraction != 0) {
                *p++ = '.';
                p = put_digits(p, fraction, 3);
        }
        *p++ = 'Z';
        *p = '\0';
        return buf;
}

const char *timefmt_amz_date(int64_t msec, char buf[static TIMEFMT_MAX])
{
        struct tm tm;
        char *p = buf;

        (void)split(msec, &tm); /* the format has no fraction */
        p = put_digits(p, tm.tm_year + 1900, 4);
        p = put_digits(p, tm.tm_mon + 1, 2);
        p = put_digits(p, tm.tm_mday, 2);
        *p++ = 'T';
        p = put_digits(p, tm.tm_hour, 2);
        p = put_digits(p, tm.tm_min, 2);
        p = put_digits(p, tm.tm_sec, 2);
        *p++ = 'Z';
        *p = '\0';
        return buf;
}

const char *timefmt_duration(int64_t msec, char buf[static TIMEFMT_MAX])
{
        static const struct {
                const char *name;
                int64_t msec;
        } units[] = {
                {"d", MSEC_PER_DAY},
                {"h", MSEC_PER_HOUR},
                {"min", MSEC_PER_MINUTE},
                {"s", MSEC_PER_SEC},
                {"ms", 1},
        };

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                if (msec < units[i].msec)
                        continue;
                int n = snprintf(buf, TIMEFMT_MAX, "%lld %s", (long long)(msec / units[i].msec),
                                 units[i].name);
                if (i + 1 == ELEMENTSOF(units))
                        return buf;
                long long rest = (long long)(msec % units[i].msec / units[i + 1].msec);
                if (rest > 0)
                        (void)snprintf(buf + n, TIMEFMT_MAX - (size_t)n, " %lld %s", rest,
                                       units[i + 1].name); /* fits: 2 × 20 digits and units */
                return buf;
        }
        (void)snprintf(buf, TIMEFMT_MAX, "0 s"); /* fits */
        return buf;
}

int timefmt_parse_duration(const char *s, uint64_t *ret_usec)
{
        static const struct {
                const char *name;
                uint64_t usec;
        } units[] = {
                {"us", 1},
                {"ms", USEC_PER_MSEC},
                {"s", USEC_PER_SEC},
                {"min", USEC_PER_MINUTE},
                {"m", USEC_PER_MINUTE},
                {"h", USEC_PER_HOUR},
                {"d", 24 * USEC_PER_HOUR},
        };
        uint64_t value = 0;
        bool overflow = false;
        const char *p = s;

        for (; *p >= '0' && *p <= '9'; p++)
                overflow |= __builtin_mul_overflow(value, 10, &value) ||
                            __builtin_add_overflow(value, *p - '0', &value);
        if (p == s)
                return -EINVAL;

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                if (!streq(p, units[i].name))
                        continue;
                if (overflow || __builtin_mul_overflow(value, units[i].usec, &value) ||
                    value == USEC_INFINITY)
                        return -ERANGE;
                *ret_usec = value;
                return 0;
        }
        return -EINVAL;
}

/* Reads exactly n digits and moves on; false when there are fewer. */
static bool take_digits(const char **p, int n, int *ret)
{
        int value = 0;

        for (int i = 0; i < n; i++) {
                char c = (*p)[i];
                if (c < '0' || c > '9')
                        return false;
                value = 10 * value + (c - '0');
        }
        *p += n;
        *ret = value;
        return true;
}

static bool take_text(const char **p, const char *text)
{
        size_t n = strlen(text);

        if (strncmp(*p, text, n) != 0)
                return false;
        *p += n;
        return true;
}

static bool take_name(const char **p, const char *const *names, size_t n, int *ret)
{
        for (size_t i = 0; i < n; i++)
                if (take_text(p, names[i])) {
                        *ret = (int)i;
                        return true;
                }
        return false;
}

/* "hh:mm:ss" */
static bool take_clock(const char **p, struct tm *tm)
{
        return take_digits(p, 2, &tm->tm_hour) && take_text(p, ":") &&
               take_digits(p, 2, &tm->tm_min) && take_text(p, ":") &&
               take_digits(p, 2, &tm->tm_sec);
}

/* tm_year is the full year here. timegm() would bring 30 February to March in silence. */
static int join(const struct tm *tm, int msec, int64_t *ret)
{
        static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        int year = tm->tm_year;

        if (year < 1970 || tm->tm_mon < 0 || tm->tm_mon > 11)
                return -EINVAL;
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        int days = month_days[tm->tm_mon] + (leap && tm->tm_mon == 1);
        if (tm->tm_mday < 1 || tm->tm_mday > days || tm->tm_hour > 23 || tm->tm_min > 59 ||
            tm->tm_sec > 59)
                return -EINVAL;

        struct tm t = *tm;
        t.tm_year -= 1900;
        *ret = (int64_t)timegm(&t) * MSEC_PER_SEC + msec;
        return 0;
}

/* "Z", "+hh:mm" or "-hh:mm": what local time is ahead of UTC. */
static bool take_offset(const char **p, int64_t *ret_msec)
{
        int sign = take_text(p, "+") ? 1 : take_text(p, "-") ? -1 : 0, hours = 0, minutes = 0;

        if (sign == 0 && !take_text(p, "Z"))
                return false;
        if (sign != 0 && (!take_digits(p, 2, &hours) || !take_text(p, ":") ||
                          !take_digits(p, 2, &minutes) || hours > 23 || minutes > 59))
                return false;
        *ret_msec = sign * (hours * MSEC_PER_HOUR + minutes * MSEC_PER_MINUTE);
        return true;
}

int timefmt_parse_iso8601(const char *s, int64_t *ret_msec)
{
        struct tm tm = {0};
        int64_t at, offset;
        int msec = 0, r;
        const char *p = s;

        if (!take_digits(&p, 4, &tm.tm_year) || !take_text(&p, "-") ||
            !take_digits(&p, 2, &tm.tm_mon) || !take_text(&p, "-") ||
            !take_digits(&p, 2, &tm.tm_mday) || !take_text(&p, "T") || !take_clock(&p, &tm))
                return -EINVAL;
        tm.tm_mon--;

        if (take_text(&p, ".")) {
                const char *start = p;
                int weight = 100, digit;
                while (take_digits(&p, 1, &digit)) {
                        msec += weight * digit;
                        weight /= 10;
                }
                if (p == start)
                        return -EINVAL;
        }
        if (!take_offset(&p, &offset) || *p != '\0')
                return -EINVAL;
        r = join(&tm, msec, &at);
        if (r < 0)
                return r;
        if (at < offset || at - offset > MSEC_MAX)
                return -EINVAL;
        *ret_msec = at - offset;
        return 0;
}

int timefmt_parse_http_date(const char *s, int64_t *ret_msec)
{
        struct tm tm = {0};
        int weekday;
        const char *p = s;

        if (!take_name(&p, weekdays, ELEMENTSOF(weekdays), &weekday) || !take_text(&p, ", ") ||
            !take_digits(&p, 2, &tm.tm_mday) || !take_text(&p, " ") ||
            !take_name(&p, months, ELEMENTSOF(months), &tm.tm_mon) || !take_text(&p, " ") ||
            !take_digits(&p, 4, &tm.tm_year) || !take_text(&p, " ") || !take_clock(&p, &tm) ||
            !take_text(&p, " GMT") || *p != '\0')
                return -EINVAL;
        return join(&tm, 0, ret_msec);
}

int timefmt_from_epoch(double seconds, int64_t *ret_msec)
{
        /* The comparison is also false for NaN. */
        if (!(seconds >= 0 && seconds * 1000 <= (double)MSEC_MAX))
                return -ERANGE;
        *ret_msec = (int64_t)(seconds * 1000 + 0.5);
        return 0;
}
