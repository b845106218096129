/* SPDX-License-Identifier: Apache-2.0 */

/* No incident without its cause, no cause without its incident, nobody accused who did not do it
 * as far as Event history has shown. */

#include "check.h"

#include <stdio.h>

static const Case *case_of_stop(const World *w, const StopTime *s, const Case *but)
{
        for (size_t i = 0; i < w->guard->n_cases; i++) {
                const Case *c = &w->guard->cases[i];

                if (c != but && !c->lost && c->trail == s->trail && c->stop_msec == s->msec)
                        return c;
        }
        return NULL;
}

static size_t count_kind(const World *w, size_t trail, IncidentKind kind)
{
        size_t n = 0;

        for (size_t i = 0; i < w->guard->n_cases; i++)
                n += w->guard->cases[i].trail == trail && w->guard->cases[i].kind == kind &&
                     !w->guard->cases[i].lost;
        return n;
}

static bool was_sick(const World *w, FaultKind kind, size_t trail)
{
        for (size_t i = 0; i < w->n_faults; i++)
                if (w->faults[i].kind == kind && w->faults[i].from_usec <= w->now_usec &&
                    (w->faults[i].target == SIZE_MAX || w->faults[i].target == trail))
                        return true;
        return false;
}

/* Whether the way to AWS has failed, which any call may show; credentials are not waited for as
 * long as answers may take. */
static bool was_cut_off(const World *w)
{
        for (int kind = _FAULT_LIGHT_MAX; kind < _FAULT_KIND_MAX; kind++)
                if (was_sick(w, (FaultKind)kind, SIZE_MAX))
                        return true;
        return w->nature.lost_percent > 0 || (w->whole && was_sick(w, FAULT_SLOW, SIZE_MAX));
}

/* Told once: after a kill, only what was acknowledged just before it may be sent again. */
void check_read_back(World *w, const Letter *l, size_t topic, bool sent)
{
        if (sent || !l->acknowledged[topic] ||
            w->guard->killed_usec < l->acknowledged_usec[topic] + 5 * USEC_PER_SEC ||
            was_sick(w, FAULT_DISK_FAILS, SIZE_MAX) || was_sick(w, FAULT_DISK_STALLS, SIZE_MAX))
                return;
        world_violation(w, "%s/%u was acknowledged, and that was not written down", l->incident,
                        l->sequence);
}

static void check_timed(World *w, const Case *c, const Incident *i)
{
        const StopTime *s = aws_stop_time(w, c->trail, i->stop_msec);
        const StopTime *first;

        if (!s) {
                world_violation(w, "%s: there was no stop at %lld", i->id,
                                (long long)(i->stop_msec - SIM_EPOCH_MSEC));
                return;
        }
        if (case_of_stop(w, s, c))
                world_violation(w, "%s: a second incident for one stop", i->id);
        if (s->outage == SIZE_MAX)
                return;
        first = &w->stops[s->outage];
        /* Seen only when it was over: nobody can tell it from a stop of its own. */
        if (first != s && case_of_stop(w, first, c) && !s->shown_restarted &&
            count_kind(w, c->trail, INCIDENT_DELETED) == 0 &&
            count_kind(w, c->trail, INCIDENT_RECREATED) == 0 &&
            /* The disk may have lost that it belongs to one, or not have told in time. */
            !(w->kills &&
              (was_sick(w, FAULT_DISK_FAILS, 0) || was_sick(w, FAULT_DISK_STALLS, 0))) &&
            !w->gave_up)
                world_violation(w, "%s: a stop of a stopped trail became an incident", i->id);
}

static bool was_stopped_lately(const World *w, size_t trail)
{
        const SimTrail *t = &w->trails[trail];
        uint64_t since =
                w->now_usec - MIN(w->now_usec, w->nature.replica_lag_usec + 15 * USEC_PER_SEC);

        for (size_t i = t->n_versions; i-- > 0;) {
                if (t->versions[i].exists && !t->versions[i].status.is_logging)
                        return true;
                if (t->versions[i].at_usec < since)
                        return false;
        }
        return false;
}

static size_t count_gone(const World *w, size_t trail)
{
        size_t n = 0;

        for (size_t i = 0; i < w->n_gone; i++)
                n += w->gone[i].trail == trail;
        return n;
}

static bool has_failed_to_deliver(const World *w, size_t trail)
{
        const SimTrail *t = &w->trails[trail];

        for (size_t i = 0; i < t->n_versions; i++)
                if (t->versions[i].status.latest_delivery_error)
                        return true;
        return false;
}

void check_case_opened(World *w, Case *c, const Incident *i)
{
        const GuardTrail *t = c->trail < w->n_trails ? &w->guard->trails[c->trail] : NULL;
        size_t topic = !streq(strempty(i->scope_arn), guard_topic(w, 0));
        bool caused = true;

        world_trace(w, "check: incident %s: %s", i->id, incident_kind_to_string(i->kind));
        switch (i->kind) {
        case INCIDENT_STOPPED:
        case INCIDENT_BLINK:
        case INCIDENT_ALREADY_STOPPED:
        case INCIDENT_RECENT_STOP:
                if (i->stop_msec)
                        check_timed(w, c, i);
                else
                        caused = was_stopped_lately(w, c->trail);
                break;
        case INCIDENT_RECREATED:
                /* A replica that has lost a trail and finds it started looks the same. */
                caused = count_kind(w, c->trail, INCIDENT_RECREATED) <= count_gone(w, c->trail) ||
                         was_sick(w, FAULT_POLL_NOT_FOUND, c->trail);
                break;
        case INCIDENT_DELETED:
                caused = t->not_found >= 2;
                break;
        case INCIDENT_NOT_FOUND:
                caused = t->not_found >= 2 && !core_trail_memory(w->guard->core, c->trail)->seen;
                break;
        case INCIDENT_CANNOT_SEE:
                caused = w->now_usec >= t->good_usec + w->policy.cannot_see_after_usec;
                break;
        case INCIDENT_OTHER_CONTROLLER:
                caused = w->other_starts[c->trail] + w->kills + count_gone(w, c->trail) >= 3 ||
                         w->nature.other_guard;
                break;
        case INCIDENT_DRIFT:
                caused = check_drift_caused(w, i);
                break;
        case INCIDENT_UNINSPECTED:
                caused = was_sick(w, FAULT_INSPECT_DENIED, c->trail) ||
                         was_sick(w, FAULT_INSPECT_THROTTLED, c->trail) || was_cut_off(w);
                break;
        case INCIDENT_DELIVERY:
                caused = has_failed_to_deliver(w, c->trail);
                break;
        case INCIDENT_TOPIC_FAILING:
                caused = was_sick(w, FAULT_TOPIC_FAILS, topic) ||
                         was_sick(w, FAULT_TOPIC_ANSWER_LOST, topic) || was_cut_off(w);
                break;
        case INCIDENT_STATE_LOST:
                caused = w->gave_up;
                break;
        default:
                break;
        }
        if (!caused)
                world_violation(w, "%s: %s without a cause", i->id,
                                incident_kind_to_string(i->kind));
        /* What was set back may have been asked by the clock before. */
        if (i->last_logging_msec > i->detected_msec && !w->guard->clock_set_usec)
                world_violation(w, "%s: seen logging after it was found", i->id);
}

/* What is said to log again was started just then. */
void check_case_closed(World *w, const Incident *i)
{
        const SimTrail *t = i->trail < w->n_trails ? &w->trails[i->trail] : NULL;

        if (!t || !i->stop_msec || !i->blind_to_msec)
                return;
        for (size_t k = 0; k < t->n_versions; k++)
                if (t->versions[k].status.start_logging_msec == i->blind_to_msec)
                        return;
        world_violation(w, "%s: closed by a start that never was", i->id);
}

static bool is_visible(const World *w, size_t record, uint64_t by_usec)
{
        return w->records[record].visible_usec <= by_usec;
}

/* Whether all that matters around an outage had shown by then. */
static bool is_history_complete(const World *w, const StopTime *s, uint64_t by_usec)
{
        for (size_t i = 0; i < w->n_records; i++) {
                const Record *r = &w->records[i];

                if (r->trail == s->trail && !r->refused && r->visible_usec > by_usec &&
                    r->time_msec <= s->msec + MSEC_PER_MINUTE)
                        return false;
        }
        return true;
}

static size_t record_of_event(const char *event_id)
{
        return strncmp(event_id, "event-", 6) == 0 ? strtoul(event_id + 6, NULL, 10) : SIZE_MAX;
}

/* The round that spoke last saw all there was, so it must have spoken the truth. */
static void check_culprit(World *w, const Case *c)
{
        const StopTime *s = aws_stop_time(w, c->trail, c->stop_msec);
        size_t named = record_of_event(c->culprit), did;

        /* With its clock set while it was dead, the guard cannot know how long it has searched; and
         * a StartLogging without effect looks like any other. */
        if (!s || s->outage == SIZE_MAX || (w->kills && w->guard->clock_msec) ||
            was_sick(w, FAULT_START_NO_EFFECT, c->trail))
                return;
        did = w->stops[s->outage].record;
        if (c->confidence == CONFIDENCE_EXACT && w->nature.organization)
                world_violation(w, "%s: exact, and other accounts may have stopped it", c->id);
        if (c->confidence == CONFIDENCE_EXACT && named != did &&
            w->records[named].actor != w->records[did].actor &&
            is_history_complete(w, s, c->last_round_usec) &&
            !(w->records[did].omitted && s->outage != (size_t)(s - w->stops)))
                world_violation(w, "%s: record %zu is called the culprit for certain, it was %zu",
                                c->id, named, did);
        if (c->confidence == CONFIDENCE_NONE && !was_sick(w, FAULT_LOOKUP_DENIED, SIZE_MAX) &&
            is_visible(w, did, c->last_round_usec) && is_visible(w, s->record, c->last_round_usec))
                world_violation(w, "%s: its culprit (record %zu) was shown and not found", c->id,
                                did);
}

static bool was_misused(const World *w, const Case *c, bool seen)
{
        for (size_t i = 0; i < w->n_records; i++) {
                const Record *r = &w->records[i];

                if (r->actor == SIM_OWN && (r->trail == c->trail || (r->omitted && !seen)) &&
                    strncmp(r->request_id, "theirs-", 7) == 0 &&
                    (!seen ||
                     (streq(r->name, "StopLogging") && r->visible_usec <= c->last_round_usec &&
                      r->time_msec / 1000 == c->stop_msec / 1000)))
                        return true;
        }
        return false;
}

/* Our own calls are known, and those of whoever has our credentials are told. */
static void check_misuse(World *w, const Case *c)
{
        if (c->misused && !was_misused(w, c, false))
                world_violation(w, "%s: the guard takes its own calls for somebody else's", c->id);
        if (!c->misused && was_misused(w, c, true) && !(w->kills && w->guard->clock_msec))
                world_violation(w, "%s: misuse of the guard's credentials is not noticed", c->id);
}

void check_case_end(World *w, const Case *c)
{
        check_misuse(w, c);
        if (c->open)
                world_violation(w, "%s (%s) is never closed", c->id,
                                incident_kind_to_string(c->kind));
        if (c->search == SEARCH_RUNNING || c->search == SEARCH_SETTLING ||
            (c->search == SEARCH_SETTLED && !c->settled))
                world_violation(w, "%s: the search for its actor never ends", c->id);
        if (c->stop_msec && w->guard->twin && !c->at_twin)
                world_violation(w, "%s: another guard would call it something else", c->id);
        if (c->stop_msec && c->search != SEARCH_NOT_NEEDED)
                check_culprit(w, c);
        if (c->kind == INCIDENT_DRIFT)
                check_drift_culprit(w, c);
}

/* A stop of a stopped trail is part of the outage, under whichever time that became known. */
static bool has_case_of_outage(const World *w, size_t outage)
{
        for (size_t i = 0; i < w->n_stops; i++)
                if (w->stops[i].outage == outage && case_of_stop(w, &w->stops[i], NULL))
                        return true;
        return false;
}

void check_stop_end(World *w, size_t stop)
{
        StopTime *s = &w->stops[stop];
        bool must = s->must;

        s->must = false;
        if (!must || s->outage == SIZE_MAX || case_of_stop(w, s, NULL) ||
            (s->outage != stop && has_case_of_outage(w, s->outage)))
                return;
        world_violation(w, "the stop of trail %zu at +%lld ms was shown and is no incident",
                        s->trail, (long long)(s->msec - SIM_EPOCH_MSEC));
}

void check_cases_end(World *w)
{
        for (size_t i = 0; i < w->n_stops; i++)
                check_stop_end(w, i);
        for (size_t i = 0; i < w->guard->n_cases; i++)
                if (!w->guard->cases[i].lost)
                        check_case_end(w, &w->guard->cases[i]);
}
