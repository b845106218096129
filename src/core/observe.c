/* SPDX-License-Identifier: Apache-2.0 */

#include "core/observe.h"

static Reading observe_first(const TrailStatus *seen, int64_t now_msec)
{
        if (!seen->is_logging)
                return READING_FIRST_STOPPED;
        if (seen->stop_logging_msec &&
            now_msec - seen->stop_logging_msec < OBSERVE_RECENT_STOP_MSEC)
                return READING_FIRST_RECENT_STOP;
        return READING_FIRST_LOGGING;
}

static Reading observe_not_logging(const TrailMemory *known, const TrailStatus *seen)
{
        bool stop_moved = seen->stop_logging_msec > known->stop_msec &&
                          seen->stop_logging_msec > known->start_msec;

        if (!stop_moved)
                return known->logging ? READING_DOUBTFUL_STOP : READING_STILL_STOPPED;
        if (known->logging || seen->start_logging_msec > known->stop_msec)
                return READING_STOPPED;
        return READING_STOP_MOVED;
}

static Reading observe_logging(const TrailMemory *known, const TrailStatus *seen)
{
        /* A logging trail was started after it was stopped: anything else is half an update. */
        if (seen->stop_logging_msec && seen->start_logging_msec <= seen->stop_logging_msec)
                return READING_STALE;
        if (!known->logging)
                return READING_RESTARTED;
        if (seen->stop_logging_msec > known->stop_msec)
                return READING_BLINK;
        if (seen->start_logging_msec > known->start_msec)
                return READING_REDUNDANT_START;
        return READING_SAME;
}

Reading observe(const TrailMemory *known, const TrailStatus *seen, int64_t now_msec)
{
        int64_t version_known = MAX(known->start_msec, known->stop_msec);
        int64_t version_seen = MAX(seen->start_logging_msec, seen->stop_logging_msec);

        if (!known->seen)
                return observe_first(seen, now_msec);

        if ((known->start_msec && !seen->start_logging_msec) ||
            (known->stop_msec && !seen->stop_logging_msec))
                return version_seen > version_known ? READING_RECREATED
                                                    : READING_DOUBTFUL_RECREATED;
        if (version_seen < version_known)
                return READING_STALE;
        if (seen->latest_delivery_msec < known->delivery_msec)
                return READING_DOUBTFUL_RECREATED;

        return seen->is_logging ? observe_logging(known, seen) : observe_not_logging(known, seen);
}

bool reading_is_news(Reading r)
{
        return r != READING_STALE && r != READING_DOUBTFUL_STOP && r != READING_DOUBTFUL_RECREATED;
}
