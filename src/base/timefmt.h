/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Times as text and back. Wall-clock times are int64_t milliseconds since the epoch (UTC), 0
 * meaning "absent"; durations in configuration are uint64_t microseconds. No clock is read. */

#include "base/macro.h"

#define TIMEFMT_MAX 64
#define MSEC_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* "2026-11-23T03:12:09Z", with ".123" when the milliseconds are not zero. "never" for 0. */
const char *timefmt_iso8601(int64_t msec, char buf[static TIMEFMT_MAX]);

/* "20261123T031209Z", the x-amz-date of Signature Version 4. */
const char *timefmt_amz_date(int64_t msec, char buf[static TIMEFMT_MAX]);

/* "3 min 12 s", "1 d 4 h", "850 ms": the two largest units, for people. Negative counts as 0. */
const char *timefmt_duration(int64_t msec, char buf[static TIMEFMT_MAX]);

/* "10s", "5min", "1h", "1500ms": one whole number and a unit (us, ms, s, min or m, h, d), as
 * systemd.time(7) spells them. -EINVAL on anything else, -ERANGE on overflow. */
int timefmt_parse_duration(const char *s, uint64_t *ret_usec) _must_check_;

/* RFC 3339, fraction optional, "2026-11-23T03:12:09.123Z" or "...+01:00"; a 'T' and the offset are
 * required. -EINVAL. */
int timefmt_parse_iso8601(const char *s, int64_t *ret_msec) _must_check_;

/* IMF-fixdate of RFC 9110 section 5.6.7: "Mon, 23 Nov 2026 03:12:09 GMT". -EINVAL. */
int timefmt_parse_http_date(const char *s, int64_t *ret_msec) _must_check_;

/* Epoch seconds with a fraction, as JSON carries them, rounded to the nearest millisecond.
 * -ERANGE outside the years 1970 to 9999. */
int timefmt_from_epoch(double seconds, int64_t *ret_msec) _must_check_;
