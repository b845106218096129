/* SPDX-License-Identifier: Apache-2.0 */

#include "core/observe.h"

static bool is_ahead(int64_t msec, int64_t aws_msec)
{
        return aws_msec && msec - aws_msec > OBSERVE_AHEAD_MSEC;
}

const char *observe_time_ahead(const TrailStatus *seen, int64_t aws_msec)
{
        if (is_ahead(seen->start_logging_msec, aws_msec))
                return "StartLoggingTime";
        if (is_ahead(seen->stop_logging_msec, aws_msec))
                return "StopLoggingTime";
        return is_ahead(seen->latest_delivery_msec, aws_msec) ? "LatestDeliveryTime" : NULL;
}

bool observe_remembers_ahead(const TrailMemory *known, int64_t aws_msec)
{
        return is_ahead(MAX(known->start_msec, known->stop_msec), aws_msec) ||
               is_ahead(MAX(known->floor_msec, known->delivery_msec), aws_msec);
}

/* last_logging_msec is left when the times that were remembered had to be forgotten. */
bool observe_is_recent_stop(const TrailMemory *known, const TrailStatus *seen, int64_t now_msec)
{
        int64_t recent = now_msec - OBSERVE_RECENT_STOP_MSEC;

        if (known->last_logging_msec)
                recent = MIN(recent, known->last_logging_msec);
        return seen->stop_logging_msec && seen->stop_logging_msec > recent;
}

static Reading observe_first(const TrailMemory *known, const TrailStatus *seen, int64_t now_msec)
{
        if (!seen->is_logging)
                return READING_FIRST_STOPPED;
        return observe_is_recent_stop(known, seen, now_msec) ? READING_FIRST_RECENT_STOP
                                                             : READING_FIRST_LOGGING;
}

/* Whether a trail that is known to be stopped has been started after that. In one millisecond the
 * start may have come first: better one incident too many than one too few. */
static bool was_started_since(const TrailMemory *known, const TrailStatus *seen)
{
        return seen->start_logging_msec && seen->start_logging_msec >= known->stop_msec;
}

static Reading observe_not_logging(const TrailMemory *known, const TrailStatus *seen)
{
        bool stop_moved = seen->stop_logging_msec > known->stop_msec &&
                          seen->stop_logging_msec > known->start_msec;

        if (!stop_moved)
                return known->logging ? READING_DOUBTFUL_STOP : READING_STILL_STOPPED;
        /* Half an update: that stop has ended, and of the one that lasts no time is shown yet. */
        if (seen->start_logging_msec > seen->stop_logging_msec)
                return known->logging ? READING_BLINK : READING_RESTARTED;
        if (known->logging || was_started_since(known, seen))
                return READING_STOPPED;
        return READING_STOP_MOVED;
}

static Reading observe_logging(const TrailMemory *known, const TrailStatus *seen)
{
        /* A trail that logs was started after it was stopped, or in the same millisecond. A start
         * before the stop is half an update. */
        if (seen->start_logging_msec < seen->stop_logging_msec)
                return READING_STALE;
        if (!known->logging)
                return READING_RESTARTED;
        if (seen->stop_logging_msec > known->stop_msec)
                return READING_BLINK;
        if (seen->start_logging_msec > known->start_msec)
                return READING_REDUNDANT_START;
        return READING_SAME;
}

static int64_t version(int64_t start_msec, int64_t stop_msec)
{
        return MAX(start_msec, stop_msec);
}

/* Of a state that has passed; an answer without any times is no old one but a new trail's. */
static bool is_stale(const TrailMemory *known, const TrailStatus *seen)
{
        int64_t v = version(seen->start_logging_msec, seen->stop_logging_msec);
        int64_t w = version(known->start_msec, known->stop_msec);
        /* As it was between the stop and a start in the same millisecond. */
        bool before_start =
                seen->start_logging_msec && seen->start_logging_msec < known->start_msec;

        return v && (v < w || (v == w && before_start) || v <= known->floor_msec);
}

Reading observe(const TrailMemory *known, const TrailStatus *seen, int64_t now_msec)
{
        bool newer = version(seen->start_logging_msec, seen->stop_logging_msec) >
                     version(known->start_msec, known->stop_msec);

        if (!known->seen)
                return observe_first(known, seen, now_msec);
        if (is_stale(known, seen))
                return READING_STALE;
        if ((known->start_msec && !seen->start_logging_msec) ||
            (known->stop_msec && !seen->stop_logging_msec))
                return newer ? READING_RECREATED : READING_DOUBTFUL_RECREATED;

        return seen->is_logging ? observe_logging(known, seen) : observe_not_logging(known, seen);
}

bool reading_is_news(Reading r)
{
        return r != READING_STALE && r != READING_DOUBTFUL_STOP &&
               r != READING_DOUBTFUL_RECREATED && r != READING_REAPPEARED;
}

bool observe_is_behind(const TrailMemory *known, const TrailStatus *seen)
{
        return known->seen && !is_stale(known, seen) &&
               seen->latest_delivery_msec < known->delivery_msec;
}

bool observe_proves_logging(const TrailMemory *known, const TrailStatus *seen)
{
        return seen->is_logging && !is_stale(known, seen) &&
               seen->start_logging_msec >= seen->stop_logging_msec && seen->start_logging_msec > 0;
}
