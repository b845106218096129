/* SPDX-License-Identifier: Apache-2.0 */

#include "core/internal.h"

#include <inttypes.h>
#include <syslog.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "core/alerttext.h"

static const char *name(const Trail *t)
{
        return arn_trail_name(&t->arn);
}

void trail_hurry(Core *c, Trail *t)
{
        t->fast_until_boot = c->now.boot_usec + c->policy.fast_poll_for_usec;
        t->next_poll_boot = MIN(t->next_poll_boot, c->now.boot_usec + c->policy.fast_poll_usec);
}

static void schedule_poll(Core *c, Trail *t)
{
        uint64_t now = c->now.boot_usec, interval = t->config.poll_usec;

        if (now < t->fast_until_boot)
                t->next_poll_boot = now + MIN(c->policy.fast_poll_usec, interval);
        else
                t->next_poll_boot = now + interval - (now - t->phase_usec % interval) % interval;
}

void trail_read_again_soon(Core *c, Trail *t)
{
        t->next_poll_boot = MIN(t->next_poll_boot, c->now.boot_usec + c->policy.fast_poll_usec);
}

void trail_follow_clock(Trail *t, int64_t by_msec)
{
        if (t->redundant_since_msec)
                t->redundant_since_msec += by_msec;
        if (!t->good_this_run)
                return;
        t->memory.last_good_msec += by_msec;
        if (t->memory.inspected_msec)
                t->memory.inspected_msec += by_msec;
        /* What was called before this is ruled out: by whichever clock it was sooner. */
        if (t->memory.last_logging_msec)
                t->memory.last_logging_msec += MIN(by_msec, INT64_C(0));
}

/* Times of the trail that was before prove nothing of this one. */
static void remember_floor(TrailMemory *m, const TrailStatus *s)
{
        int64_t seen = MAX(s->start_logging_msec, s->stop_logging_msec);

        m->delivery_msec = 0;
        m->floor_msec = MAX(m->start_msec, m->stop_msec);
        if (seen && seen <= m->floor_msec)
                m->floor_msec = seen - 1;
}

static void remember(Core *c, Trail *t, const TrailStatus *s, Reading r, int64_t asked_msec)
{
        TrailMemory *m = &t->memory;
        bool logging = s->is_logging || r == READING_BLINK || r == READING_RESTARTED;

        if (!m->seen || m->start_msec != s->start_logging_msec ||
            m->stop_msec != s->stop_logging_msec || m->logging != logging)
                c->memory_dirty = true;
        m->seen = true;
        m->logging = logging;
        m->start_msec = s->start_logging_msec;
        m->stop_msec = s->stop_logging_msec;
        m->delivery_msec = MAX(m->delivery_msec, s->latest_delivery_msec);
        if (s->is_logging)
                m->last_logging_msec = asked_msec;
}

/* Acted on whatever it turns out to mean; an old "logging" ends nothing. What was tried before
 * concerned another stop when the trail has logged since. */
void trail_note_down(const Core *c, Trail *t, const TrailStatus *s)
{
        if (!s->is_logging)
                t->down = true;
        else if (observe_proves_logging(&t->memory, s))
                t->down = false;
        if (s->is_logging || s->stop_logging_msec <= t->acted_stop_msec)
                return;
        if (s->start_logging_msec >= t->acted_stop_msec) {
                t->next_start_boot = c->now.boot_usec;
                t->start_again = t->starting;
        }
        t->acted_stop_msec = s->stop_logging_msec;
}

/* What an older version or a damaged file has left lies in the future: nothing that is shown would
 * be newer. The trail is looked at as for the first time, but for when it was last seen to log. */
static void forget_future(Core *c, Trail *t, int64_t aws_msec)
{
        TrailMemory *m = &t->memory;
        Incident *i = t->stop;
        char start[TIMEFMT_MAX], stop[TIMEFMT_MAX];

        if (!observe_remembers_ahead(m, aws_msec))
                return;
        core_log_trail(c, LOG_EVENT_STATE_DOUBTED, LOG_WARNING, t, NULL,
                       "%s: what was remembered of its times lies in the future and is forgotten "
                       "(StartLoggingTime %s, StopLoggingTime %s)",
                       name(t), timefmt_iso8601(m->start_msec, start),
                       timefmt_iso8601(m->stop_msec, stop));
        m->seen = false;
        m->start_msec = m->stop_msec = m->floor_msec = 0;
        m->delivery_msec = m->habit_msec = m->habit_since_msec = 0;
        if (m->last_logging_msec > aws_msec)
                m->last_logging_msec = 0;
        t->delivery_seen = false;
        t->behind_reads = 0;
        c->memory_dirty = true;
        if (!i)
                return;
        TrailMemory told = {};
        core_follow_incident(&told, i);
        if (observe_remembers_ahead(&told, aws_msec))
                incident_close(c, i, 0);
        else
                core_follow_incident(m, i);
}

static void on_status(Core *c, Trail *t, const TrailStatus *s, int64_t asked_msec)
{
        bool first = !t->good_this_run, logging = observe_proves_logging(&t->memory, s);

        t->good_this_run = t->good_since_heartbeat = true;
        t->last_good_boot = c->now.boot_usec;
        t->memory.last_good_msec = c->now.wall_msec;
        t->not_found = 0;
        t->error = (AwsError){};
        if (t->blind)
                incident_close(c, t->blind, c->now.wall_msec);
        trail_note_down(c, t, s);

        Reading r = reading_settle(c, t, s, observe(&t->memory, s, c->now.wall_msec));
        reading_apply(c, t, s, r);
        if (r == READING_RECREATED)
                remember_floor(&t->memory, s);
        reading_watch_behind(c, t, s);
        if (reading_is_news(r)) {
                delivery_watch(c, t, s);
                remember(c, t, s, r, asked_msec);
                if (logging)
                        reading_close_left_over(c, t, s);
                if (first && s->is_logging)
                        core_log_trail(c, LOG_EVENT_TRAIL_SEEN, LOG_INFO, t, NULL, "%s: logging",
                                       name(t));
                for (size_t k = 0; k < c->n_incidents; k++)
                        if (c->incidents[k]->trail == (size_t)(t - c->trails))
                                incident_watch_delivery(c, c->incidents[k], s);
        }
        restart_consider(c, t);
}

static void on_never_found(Core *c, Trail *t, const AwsError *error)
{
        if (t->blind && t->blind->kind == INCIDENT_NOT_FOUND)
                return;
        if (t->blind)
                incident_close(c, t->blind, c->now.wall_msec);
        incident_open(c, t,
                      &(IncidentFacts){.kind = INCIDENT_NOT_FOUND,
                                       .blind_from_msec = c->now.wall_msec,
                                       .cause = error,
                                       .id_time_msec = c->now.wall_msec});
}

static void on_not_found(Core *c, Trail *t, const AwsError *error)
{
        t->error = *error;
        t->agreeing = 0;
        t->last_good_boot = c->now.boot_usec; /* CloudTrail answered: this is not blindness */
        /* Some replicas have not heard of it yet when it has just been made again. */
        if (++t->not_found < 2 ||
            (t->appeared_boot &&
             c->now.boot_usec < t->appeared_boot + c->policy.verify_within_usec)) {
                trail_read_again_soon(c, t);
                return;
        }
        t->down = false;
        if (!t->memory.seen) {
                on_never_found(c, t, error);
                return;
        }
        if (t->blind) {
                t->blind->cause = *error;
                incident_close(c, t->blind, c->now.wall_msec);
        }
        if (t->stop && t->stop->kind == INCIDENT_DELETED)
                return;
        if (t->stop)
                incident_close(c, t->stop, 0);
        incident_open(
                c, t,
                &(IncidentFacts){.kind = INCIDENT_DELETED,
                                 .blind_from_msec =
                                         t->memory.logging
                                                 ? core_aws_msec(c, t->memory.last_logging_msec)
                                                 : t->memory.stop_msec,
                                 .cause = error,
                                 .id_time_msec = t->memory.start_msec,
                                 .id_digest = "deleted"});
}

static void on_cannot_see(Core *c, Trail *t, const AwsError *error)
{
        bool known = t->error.class == error->class && streq(t->error.code, error->code);

        t->error = *error;
        if (known)
                return;
        if (t->blind && t->blind->kind == INCIDENT_CANNOT_SEE) {
                t->blind->cause = *error;
                incident_touch(t->blind);
        }
        _cleanup_free_ char *words = alert_error_words(error);
        core_log_trail(c, LOG_EVENT_POLL_FAILED, LOG_WARNING, t, error,
                       "%s: GetTrailStatus failed: %s", name(t), words);
}

bool trail_doubts(const Input *in, AwsError *ret)
{
        const char *unread = in->status->unread;
        const char *ahead = observe_time_ahead(in->status, in->aws_msec);

        if (!unread && !ahead)
                return false;
        aws_error_set(ret, AWS_ERROR_PROTOCOL, "UnreadableAnswer",
                      unread ? "GetTrailStatus: %s cannot be read"
                             : "GetTrailStatus: %s lies in the future of the answer's own Date",
                      unread ? unread : ahead);
        memcpy(ret->request_id, in->error.request_id, sizeof(ret->request_id));
        return true;
}

/* "Not logging" is acted on, and recorded when re-reads agree; all else is as if nobody had
 * answered. */
static void on_doubtful(Core *c, Trail *t, const TrailStatus *s, const AwsError *why)
{
        on_cannot_see(c, t, why);
        t->not_found = 0;
        if (!t->blind)
                trail_read_again_soon(c, t);
        if (s->is_logging) {
                t->agreeing = 0;
                return;
        }
        t->down = true;
        reading_doubtful_stop(c, t);
        restart_consider(c, t);
}

static void on_answer(Core *c, Trail *t, const Input *in)
{
        AwsError why;

        if (trail_doubts(in, &why)) {
                on_doubtful(c, t, in->status, &why);
                return;
        }
        forget_future(c, t, in->aws_msec);
        on_status(c, t, in->status, in->asked_msec ? in->asked_msec : c->now.wall_msec);
}

void trail_heard(Core *c, Trail *t, const Input *in)
{
        if (in->error.class == AWS_ERROR_NONE)
                on_answer(c, t, in);
        else if (in->error.class == AWS_ERROR_NOT_FOUND)
                on_not_found(c, t, &in->error);
        else /* whose time ran out while nobody listened has not failed by itself */
                on_cannot_see(c, t,
                              t->poll_boot < c->standstill_boot ? &c->standstill : &in->error);
}

void trail_polled(Core *c, Trail *t, const Input *in)
{
        t->polling = false;
        schedule_poll(c, t);
        if (c->history == HISTORY_AWAITED)
                resume_polled(c, t, in);
        else
                trail_heard(c, t, in);
}

static void on_too_long_blind(Core *c, Trail *t)
{
        int64_t since = MAX(t->memory.last_good_msec, t->good_this_run ? 0 : c->begun_msec);
        char digest[TIMEFMT_MAX];
        AwsError cause = t->error;

        if (t->last_good_boot < c->standstill_boot)
                cause = c->standstill;
        else if (cause.class == AWS_ERROR_NONE)
                aws_error_set(&cause, AWS_ERROR_NETWORK, "NoAnswer",
                              "polls have not been answered");
        incident_open(c, t,
                      &(IncidentFacts){
                              .kind = INCIDENT_CANNOT_SEE,
                              .blind_from_msec = t->memory.last_good_msec ? t->memory.last_good_msec
                                                                          : c->begun_msec,
                              .cause = &cause,
                              .id_time_msec = t->memory.start_msec,
                              .id_digest = timefmt_iso8601(since, digest),
                      });
}

/* When its not being seen is to be told. */
static uint64_t blind_boot(const Core *c, const Trail *t)
{
        return t->blind || c->history == HISTORY_AWAITED
                       ? USEC_INFINITY
                       : t->last_good_boot + c->policy.cannot_see_after_usec;
}

void trail_tick(Core *c, Trail *t)
{
        if (c->now.boot_usec >= blind_boot(c, t))
                on_too_long_blind(c, t);
        unseen_tick(c, t);
        restart_tick(c, t);
        drift_tick(c, t);
        if (t->polling || c->now.boot_usec < t->next_poll_boot)
                return;
        t->polling = true;
        t->poll_boot = c->now.boot_usec;
        core_emit(c, ACTION_POLL)->trail = (size_t)(t - c->trails);
}

uint64_t trail_next_boot(const Core *c, const Trail *t)
{
        uint64_t next = MIN(t->polling ? USEC_INFINITY : t->next_poll_boot, drift_next_boot(c, t));

        next = MIN(next, blind_boot(c, t));
        next = MIN(next, unseen_next_boot(c, t));
        if (!restart_is_wanted(c, t))
                return next;
        if (t->stop && t->stop->restart.state == RESTART_ACCEPTED)
                next = MIN(next, t->stop->verify_until_boot);
        if (t->down && !t->starting)
                next = MIN(next, t->next_start_boot);
        return next;
}
