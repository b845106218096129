/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The observation rules: what one answer of GetTrailStatus means against what is remembered. The
 * version of an observation is max(StartLoggingTime, StopLoggingTime); CloudTrail is eventually
 * consistent, so an older version proves nothing. */

#include "core/model.h"

typedef enum Reading {
        READING_SAME,
        READING_STALE, /* older than, or at odds with, what is known: read again */
        READING_FIRST_LOGGING,
        READING_FIRST_RECENT_STOP, /* logging, stopped less than a day before */
        READING_FIRST_STOPPED,
        READING_STOPPED,
        READING_STILL_STOPPED,
        READING_STOP_MOVED,    /* stopped once more while it was stopped */
        READING_DOUBTFUL_STOP, /* not logging, but no time says when: act, record on agreement */
        READING_RESTARTED,
        READING_BLINK,
        READING_REDUNDANT_START,
        READING_RECREATED,
        READING_DOUBTFUL_RECREATED, /* times vanished, and no newer is there: record on agreement */
        READING_REAPPEARED,         /* as it was before it was not found: record on agreement */
} Reading;

#define OBSERVE_RECENT_STOP_MSEC MSEC_PER_DAY

/* What an answer may be ahead of the Date that it bears: AWS's clocks are not one. */
#define OBSERVE_AHEAD_MSEC (5 * MSEC_PER_MINUTE)

/* The time in the answer that lies in the future of its Date (aws_msec; 0: not known), as AWS
 * names it; NULL when none does. Such an answer's times prove nothing. */
const char *observe_time_ahead(const TrailStatus *seen, int64_t aws_msec);

/* Whether what is remembered lies in the future: an answer would be older for years. */
bool observe_remembers_ahead(const TrailMemory *known, int64_t aws_msec);

/* Whether the stop that the answer shows is of the last day, or of the time since the guard last
 * saw the trail logging: one that nobody has been told of. */
bool observe_is_recent_stop(const TrailMemory *known, const TrailStatus *seen, int64_t now_msec);

Reading observe(const TrailMemory *known, const TrailStatus *seen, int64_t now_msec);

/* Whether the reading may be taken over into the memory. */
bool reading_is_news(Reading r);

/* Whether LatestDeliveryTime has gone backwards: with another start, and for good, a new trail. */
bool observe_is_behind(const TrailMemory *known, const TrailStatus *seen);

/* Whether the answer shows the trail logging for certain: its times agree with that, and it is no
 * older than what is known. An answer that does not proves no end of an outage. */
bool observe_proves_logging(const TrailMemory *known, const TrailStatus *seen);
