/* SPDX-License-Identifier: Apache-2.0 */

/* What is to be asked for one incident: names of events and windows of time, one after the other
 * (its steps), and how urgent each is. Where the times say when it was, the first step is the
 * seconds around that, so that nobody is buried under what others called before and after; the
 * wider window, with attempts and earlier stops, makes the verdict sure. */

#include "core/changecause.h"
#include "core/internal.h"

#include <limits.h>

#define EVENT_HISTORY_MSEC (90 * MSEC_PER_DAY)
#define ATTEMPTS_BEFORE_MSEC (15 * MSEC_PER_MINUTE)
#define REPEAT_SLACK_MSEC (4 * MSEC_PER_SEC)
#define UNTIMED_SLACK_MSEC (5 * MSEC_PER_MINUTE)
#define CHANGE_SLACK_MSEC (2 * MSEC_PER_MINUTE)
/* Records tell whole seconds, of when the call was complete: mostly that of the stop, or the next.
 * One look of so many allows for clocks that differ. */
#define AFTER_STOP_MSEC MSEC_PER_SEC
#define ABOUT_STOP_MSEC (2 * MSEC_PER_SEC)
#define ABOUT_STOP_EVERY 3
#define EVENT_NAMES_MAX 4

static const char *const event_names[_INCIDENT_KIND_MAX][EVENT_NAMES_MAX] = {
        [INCIDENT_STOPPED] = {"StopLogging", "StartLogging"},
        [INCIDENT_BLINK] = {"StopLogging", "StartLogging"},
        [INCIDENT_ALREADY_STOPPED] = {"StopLogging", "StartLogging"},
        [INCIDENT_RECENT_STOP] = {"StopLogging", "StartLogging"},
        [INCIDENT_RECREATED] = {"DeleteTrail", "CreateTrail", "UpdateTrail", "StopLogging"},
        [INCIDENT_DELETED] = {"DeleteTrail"},
        [INCIDENT_OTHER_CONTROLLER] = {"StartLogging"},
};

static const char *event_name(const Incident *i, unsigned n)
{
        if (incident_kind_is_change(i->kind))
                return changes_event_name(&i->changes, n);
        return n < EVENT_NAMES_MAX ? event_names[i->kind][n] : NULL;
}

const char *search_event(const Incident *i)
{
        return event_name(i, 0);
}

/* One more stop of a trail whose last start is known: what was called before it belongs to the
 * incident before. */
static bool is_repeated(const Incident *i)
{
        return i->group && i->known_start_msec && i->known_start_msec < i->stop_msec &&
               i->stop_msec - i->known_start_msec < ATTEMPTS_BEFORE_MSEC;
}

/* The call lies within seconds of StopLoggingTime; a wider window only lets decoys push it off the
 * pages that are read. */
static int64_t window_end(const Incident *i, const char *event)
{
        if (!i->stop_msec)
                return i->detected_msec + UNTIMED_SLACK_MSEC;
        if (streq(event, "StartLogging"))
                return MAX(i->stop_msec, i->blind_to_msec) +
                       (is_repeated(i) ? REPEAT_SLACK_MSEC : SEARCH_SLACK_MSEC);
        if (is_repeated(i) && i->blind_to_msec)
                return MIN(i->stop_msec + SEARCH_SLACK_MSEC,
                           MAX(i->stop_msec, i->blind_to_msec) + REPEAT_SLACK_MSEC);
        return i->stop_msec + SEARCH_SLACK_MSEC;
}

static int64_t window_begin(const Core *c, const Incident *i, int64_t end_msec)
{
        int64_t logged = MAX(i->known_start_msec, i->last_logging_msec);
        int64_t from = i->stop_msec ? i->stop_msec - ATTEMPTS_BEFORE_MSEC
                                    : i->detected_msec - MSEC_PER_DAY;

        if (logged)
                from = MIN(from, logged - SEARCH_SLACK_MSEC);
        if (is_repeated(i))
                from = i->known_start_msec - REPEAT_SLACK_MSEC;
        if (i->kind == INCIDENT_OTHER_CONTROLLER)
                from = i->detected_msec - MSEC_PER_DAY;
        if (c->now.wall_msec - EVENT_HISTORY_MSEC < end_msec) /* else our clock is far ahead */
                from = MAX(from, c->now.wall_msec - EVENT_HISTORY_MSEC);
        return from;
}

static void set_widest(const Core *c, const Incident *i, SearchStep *s)
{
        if (i->between_looks) {
                s->from_msec = i->good_msec;
                s->to_msec = i->blind_to_msec + MSEC_PER_SEC; /* records tell whole seconds */
                return;
        }
        if (incident_kind_is_change(i->kind)) {
                /* Between the last look that showed it well and the first that did not; reads may
                 * lag. */
                s->from_msec = i->good_msec ? i->good_msec - CHANGE_SLACK_MSEC
                                            : i->detected_msec - MSEC_PER_DAY;
                s->to_msec = i->seen_msec + CHANGE_SLACK_MSEC;
                return;
        }
        s->to_msec = window_end(i, s->event);
        s->from_msec = window_begin(c, i, s->to_msec);
}

/* The seconds, or minutes, in which it was called, when they are known. */
static bool set_narrow(const Incident *i, SearchStep *s)
{
        if (i->kind == INCIDENT_RECREATED || i->kind == INCIDENT_OTHER_CONTROLLER ||
            incident_kind_is_change(i->kind) || !s->event)
                return false;
        if (i->stop_msec) {
                int64_t about = i->attribution.rounds % ABOUT_STOP_EVERY == ABOUT_STOP_EVERY - 1
                                        ? ABOUT_STOP_MSEC
                                        : 0;

                s->from_msec = i->stop_msec / MSEC_PER_SEC * MSEC_PER_SEC - about;
                s->to_msec = s->from_msec + about + AFTER_STOP_MSEC + about;
                return true;
        }
        s->from_msec = i->last_logging_msec - SEARCH_SLACK_MSEC;
        s->to_msec = i->detected_msec + SEARCH_SLACK_MSEC;
        return i->last_logging_msec && i->last_logging_msec < i->detected_msec;
}

static bool has_narrow(const Incident *i)
{
        return set_narrow(i, &(SearchStep){.event = search_event(i)});
}

bool search_step(const Core *c, const Incident *i, unsigned k, SearchStep *ret)
{
        bool narrow = has_narrow(i);

        ret->event = event_name(i, narrow && k > 0 ? k - 1 : k);
        if (!ret->event || k >= 32)
                return false;
        ret->narrow = narrow && k == 0;
        if (ret->narrow)
                (void)set_narrow(i, ret);
        else
                set_widest(c, i, ret);
        return true;
}

unsigned search_n_first(const Incident *i)
{
        if (i->kind == INCIDENT_RECREATED)
                return 2; /* DeleteTrail, CreateTrail */
        return has_narrow(i) ? 1 : UINT_MAX;
}

/* Everything is worth reading while that is soon done, and when a verdict is to be made sure of. */
static bool wants_wider(const Core *c, const Incident *i)
{
        const Attribution *a = &i->attribution;

        return !lookup_is_crowded(c, search_region_of(c, i)) || a->confidence != CONFIDENCE_NONE ||
               a->state != SEARCH_RUNNING || a->last ||
               c->now.wall_msec - a->begun_msec >= c->policy.lookup_young_msec;
}

bool search_needs(const Core *c, const Incident *i, unsigned k)
{
        bool narrow = has_narrow(i);

        if (narrow && k == 0) /* else the wider one, which is asked at once, holds it */
                return lookup_is_crowded(c, search_region_of(c, i));
        if (k >= search_n_first(i) && !wants_wider(c, i))
                return false;
        /* Who started it matters only when the stops alone do not tell. */
        if (i->kind != INCIDENT_RECREATED && streq(search_event(i), "StopLogging") &&
            k == narrow + 1U)
                return attribution_needs_starts(i);
        return true;
}

LookupRank search_rank(const Core *c, const Incident *i, unsigned k)
{
        const Attribution *a = &i->attribution;

        if (a->state != SEARCH_RUNNING || a->last)
                return LOOKUP_SECOND;
        if (incident_kind_is_change(i->kind) || i->kind == INCIDENT_OTHER_CONTROLLER)
                return LOOKUP_CHANGE;
        if (a->confidence != CONFIDENCE_NONE ||
            (k >= search_n_first(i) && lookup_is_crowded(c, search_region_of(c, i))))
                return LOOKUP_WIDER;
        return is_repeated(i) ? LOOKUP_REPEAT : LOOKUP_OUTAGE;
}

bool search_set_window(const Core *c, Incident *i, const char *event)
{
        SearchStep s = {.event = event};

        for (unsigned n = 0; event_name(i, n); n++) {
                if (!streq(event_name(i, n), event))
                        continue;
                set_widest(c, i, &s);
                i->attribution.from_msec = s.from_msec;
                i->attribution.to_msec = s.to_msec;
                return true;
        }
        return false;
}
