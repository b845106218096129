/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An incident as a course of events, each with the clock that its time is of. */

#include "core/model.h"

typedef enum TimelineClock {
        TIMELINE_GUARD,   /* the guard's own */
        TIMELINE_AWS,     /* StartLoggingTime, StopLoggingTime */
        TIMELINE_HISTORY, /* eventTime of a record, cut to the second */
} TimelineClock;

const char *timeline_clock_name(TimelineClock c); /* "guard" */

/* How much it matters to the eye. */
typedef enum TimelineWeight {
        TIMELINE_PLAIN,
        TIMELINE_GOOD,
        TIMELINE_BAD,
} TimelineWeight;

typedef struct TimelineEvent {
        int64_t msec;
        TimelineClock clock;
        TimelineWeight weight;
        int64_t order_msec; /* its place; 0: by its time */
        char *text;
        char *note; /* a line below; NULL for none */
} TimelineEvent;

typedef struct Timeline {
        int64_t anchor_msec; /* what offsets count from: the stop, or else its detection */
        TimelineEvent *events;
        size_t n_events;
} Timeline;

/* In the order of time. Foreign text in it is as it came. */
Timeline timeline_make(const Incident *i);
void timeline_done(Timeline *t);

/* "+1.2 s", "-3 min 2 s" from the anchor; in whole seconds where the clock knows no more. */
const char *timeline_offset(const Timeline *t, const TimelineEvent *e, char buf[static 80]);
