/* SPDX-License-Identifier: Apache-2.0 */

#include "core/internal.h"

#include <inttypes.h>
#include <syslog.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "core/alerttext.h"

/* Re-reads that have to agree before a doubtful reading is believed. */
#define AGREEING_READS 3
/* A reading that stays older than what is known for so many looks is no stale replica. */
#define STALE_READS_MAX 60
#define REDUNDANT_STARTS_MAX 3
#define OWN_START_SHOWS_USEC (2 * USEC_PER_MINUTE)

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

static void read_again_soon(Core *c, Trail *t)
{
        t->next_poll_boot = MIN(t->next_poll_boot, c->now.boot_usec + c->policy.fast_poll_usec);
}

/* A start that shows so soon after our own call is taken for ours: by the clock that nobody sets.
 */
static bool start_was_ours(const Core *c, const Trail *t)
{
        return t->starting ||
               (t->own_start_boot && c->now.boot_usec < t->own_start_boot + OWN_START_SHOWS_USEC);
}

void trail_follow_clock(Trail *t, int64_t by_msec)
{
        if (t->redundant_since_msec)
                t->redundant_since_msec += by_msec;
        if (!t->good_this_run)
                return;
        t->memory.last_good_msec += by_msec;
        if (t->memory.last_logging_msec)
                t->memory.last_logging_msec += by_msec;
}

static void on_first(Core *c, Trail *t, const TrailStatus *s, Reading r)
{
        bool down = r == READING_FIRST_STOPPED;
        /* Stopped before its last start, and down all the same: when that began, no time says. */
        int64_t stop =
                s->stop_logging_msec > s->start_logging_msec || !down ? s->stop_logging_msec : 0;
        IncidentFacts f = {
                .kind = down ? INCIDENT_ALREADY_STOPPED : INCIDENT_RECENT_STOP,
                .severity = SEVERITY_HIGH,
                .stop_msec = stop,
                .start_before_msec = down ? s->start_logging_msec : 0,
                .blind_from_msec = stop,
                .blind_to_msec = down ? 0 : s->start_logging_msec,
                .id_time_msec = s->start_logging_msec,
        };
        if (r != READING_FIRST_LOGGING)
                incident_open(c, t, &f);
}

/* An outage that began without a time to say when, and now has one. */
static bool is_same_outage(const Incident *i, const TrailStatus *s)
{
        return !i->stop_msec && s->start_logging_msec == i->known_start_msec &&
               (i->kind == INCIDENT_STOPPED || i->kind == INCIDENT_ALREADY_STOPPED);
}

static void open_stopped(Core *c, Trail *t, const TrailStatus *s)
{
        incident_open(c, t,
                      &(IncidentFacts){.kind = INCIDENT_STOPPED,
                                       .severity = SEVERITY_HIGH,
                                       .stop_msec = s->stop_logging_msec,
                                       .start_before_msec = s->start_logging_msec,
                                       .blind_from_msec = s->stop_logging_msec});
}

static void on_stopped(Core *c, Trail *t, const TrailStatus *s)
{
        if (t->stop && is_same_outage(t->stop, s)) {
                incident_set_stop(c, t->stop, s->stop_logging_msec);
                return;
        }
        if (t->stop)
                incident_close(c, t->stop, s->start_logging_msec);
        open_stopped(c, t, s);
}

static void on_untimed_stop(Core *c, Trail *t)
{
        t->next_start_boot = c->now.boot_usec;
        incident_open(c, t,
                      &(IncidentFacts){.kind = INCIDENT_STOPPED,
                                       .severity = SEVERITY_HIGH,
                                       .blind_from_msec = t->memory.last_logging_msec,
                                       .id_time_msec = t->memory.start_msec,
                                       .id_digest = "not-logging"});
        t->memory.logging = false;
}

static void on_still_stopped(Core *c, Trail *t, const TrailStatus *s)
{
        if (t->stop)
                return;
        /* Its incident has been lost with the state, or was never had ... */
        on_first(c, t, s, READING_FIRST_STOPPED);
        if (t->stop)
                return;
        /* ... or was overtaken by a deletion that has proved to be none. */
        incident_open(c, t,
                      &(IncidentFacts){.kind = INCIDENT_ALREADY_STOPPED,
                                       .severity = SEVERITY_HIGH,
                                       .start_before_msec = s->start_logging_msec,
                                       .blind_from_msec = s->stop_logging_msec,
                                       .id_time_msec = s->stop_logging_msec,
                                       .id_digest = "still-stopped"});
}

static void on_blink(Core *c, Trail *t, const TrailStatus *s)
{
        if (!s->stop_logging_msec)
                return;
        incident_open(c, t,
                      &(IncidentFacts){.kind = INCIDENT_BLINK,
                                       .severity = SEVERITY_HIGH,
                                       .stop_msec = s->stop_logging_msec,
                                       .blind_from_msec = s->stop_logging_msec,
                                       .blind_to_msec = s->start_logging_msec});
}

static void on_restarted(Core *c, Trail *t, const TrailStatus *s)
{
        Incident *i = t->stop;

        if (!i) {
                on_blink(c, t, s);
                return;
        }
        if (i->restart.accepted_msec)
                core_compare_clock(c, s->start_logging_msec, i->restart.accepted_msec);
        if (!i->stop_msec && s->stop_logging_msec > t->memory.stop_msec)
                incident_set_stop(c, i, s->stop_logging_msec);
        /* It may have been started and stopped in between, so that is an outage of its own: better
         * one too many than one too few. */
        if (i->stop_msec && s->stop_logging_msec > MAX(i->stop_msec, i->stop_moved_msec)) {
                incident_close(c, i, 0);
                on_blink(c, t, s);
                return;
        }
        incident_close(c, i, s->start_logging_msec);
}

/* Logging beyond doubt, and an incident that says it is not: a daemon that died between the
 * writing of the one and of the other has left it. */
static void close_left_over(Core *c, Trail *t, const TrailStatus *s)
{
        Incident *i = t->stop;

        if (!i || i->kind == INCIDENT_DELETED)
                return;
        incident_close(c, i,
                       i->stop_msec && i->stop_msec < s->stop_logging_msec ? 0
                                                                           : s->start_logging_msec);
}

static void on_stop_moved(Core *c, Trail *t, const TrailStatus *s)
{
        if (!t->stop) {
                on_first(c, t, s, READING_FIRST_STOPPED);
                return;
        }
        t->stop->stop_moved_msec = s->stop_logging_msec;
        incident_touch(t->stop);
}

static void on_redundant_start(Core *c, Trail *t, const TrailStatus *s)
{
        if (start_was_ours(c, t))
                return;
        if (c->now.wall_msec - t->redundant_since_msec > MSEC_PER_DAY) {
                t->redundant_since_msec = c->now.wall_msec;
                t->redundant = 0;
        }
        t->redundant++;
        core_log_trail(c, LOG_EVENT_REDUNDANT_START, LOG_NOTICE, t, NULL,
                       "%s: StartLogging on a trail that was logging, not by this guard (%u in a "
                       "day)",
                       name(t), t->redundant);
        if (t->redundant != REDUNDANT_STARTS_MAX)
                return;
        Incident *i = incident_open(c, t,
                                    &(IncidentFacts){.kind = INCIDENT_OTHER_CONTROLLER,
                                                     .severity = SEVERITY_WARNING,
                                                     .id_time_msec = s->start_logging_msec});
        if (i)
                i->redundant_starts = t->redundant;
}

/* was: how it was known before. */
static void open_recreated(Core *c, Trail *t, const TrailMemory *was, int64_t blind_to_msec)
{
        incident_open(c, t,
                      &(IncidentFacts){.kind = INCIDENT_RECREATED,
                                       .severity = SEVERITY_CRITICAL,
                                       .start_before_msec = was->start_msec,
                                       .last_logging_msec = was->last_logging_msec,
                                       .blind_from_msec = was->last_logging_msec,
                                       .blind_to_msec = blind_to_msec,
                                       .started_by_us = blind_to_msec && start_was_ours(c, t),
                                       .id_time_msec = was->start_msec,
                                       .id_digest = "times-vanished"});
}

static void on_recreated(Core *c, Trail *t, const TrailStatus *s)
{
        Incident *i = t->stop;
        /* It has been started since, and perhaps been stopped again: then that is to be told, too.
         */
        bool started = s->start_logging_msec > 0;
        bool stopped = s->stop_logging_msec > MAX(t->memory.start_msec, t->memory.stop_msec);

        t->appeared_boot = t->next_start_boot = c->now.boot_usec;
        bool told = i && i->kind == INCIDENT_RECREATED;
        if (told && !started)
                return;
        if (i)
                incident_close(c, i, s->start_logging_msec);
        if (!told)
                open_recreated(c, t, &t->memory, s->start_logging_msec);
        if (!stopped || !started)
                return;
        if (s->start_logging_msec > s->stop_logging_msec)
                on_blink(c, t, s);
        else
                open_stopped(c, t, s);
}

/* LatestDeliveryTime does not go back: when it has, and the trail was started anew, it is another
 * trail, whose settings nobody has looked at. What the times say of its stops is told apart. */
static void watch_behind(Core *c, Trail *t, const TrailStatus *s)
{
        if (!observe_is_behind(&t->memory, s)) {
                if (s->latest_delivery_msec >= t->memory.delivery_msec)
                        t->behind_reads = 0;
                return;
        }
        if (t->behind_reads++ == 0)
                t->behind = t->memory;
        read_again_soon(c, t);
        if (t->behind_reads < AGREEING_READS || s->start_logging_msec <= t->behind.start_msec)
                return;
        open_recreated(c, t, &t->behind, s->start_logging_msec);
        t->behind_reads = 0;
        t->memory.delivery_msec = 0;
}

static void reappeared(Core *c, Trail *t)
{
        t->appeared_boot = c->now.boot_usec;
        incident_close(c, t->stop, c->now.wall_msec);
}

/* What is found after it was deleted. Without news of it, it was out of reach only, or a replica
 * has not heard of its end. */
static Reading after_deletion(Core *c, Trail *t, const TrailStatus *s, Reading r)
{
        switch (r) {
        case READING_STALE:
        case READING_RECREATED:
        case READING_DOUBTFUL_RECREATED:
                return r;
        case READING_SAME:
        case READING_STILL_STOPPED:
        case READING_DOUBTFUL_STOP:
                return READING_REAPPEARED;
        case READING_REDUNDANT_START:
                if (s->stop_logging_msec || start_was_ours(c, t))
                        break;
                return s->latest_delivery_msec != t->memory.delivery_msec ? READING_RECREATED
                                                                          : READING_REAPPEARED;
        default:
                break;
        }
        reappeared(c, t);
        return r;
}

static bool is_agreed(const Core *c, const Trail *t, Reading r)
{
        /* An outage is told soon; of the others a replica that lags shows the like. */
        if (r == READING_DOUBTFUL_STOP)
                return t->agreeing >= AGREEING_READS;
        return t->agreeing >= (r == READING_STALE ? STALE_READS_MAX : AGREEING_READS) &&
               c->now.boot_usec >= t->doubt_boot + c->policy.verify_within_usec;
}

/* A doubtful reading becomes a fact when re-reads agree on it. */
static Reading settle_doubt(const Core *c, Trail *t, const TrailStatus *s, Reading r)
{
        bool same = t->agreeing > 0 && t->doubted == r && t->doubt.is_logging == s->is_logging &&
                    t->doubt.start_logging_msec == s->start_logging_msec &&
                    t->doubt.stop_logging_msec == s->stop_logging_msec;

        if (reading_is_news(r)) {
                t->agreeing = 0;
                return r;
        }
        if (!same) {
                t->doubt = *s;
                t->doubt.latest_delivery_error = NULL;
                t->doubted = r;
                t->doubt_boot = c->now.boot_usec;
                t->agreeing = 0;
        }
        t->agreeing++;
        if ((r == READING_STALE || r == READING_DOUBTFUL_RECREATED) && is_agreed(c, t, r))
                return READING_RECREATED;
        return r;
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

static void apply(Core *c, Trail *t, const TrailStatus *s, Reading r)
{
        switch (r) {
        case READING_FIRST_LOGGING:
        case READING_FIRST_RECENT_STOP:
        case READING_FIRST_STOPPED:
                on_first(c, t, s, r);
                break;
        case READING_STOPPED:
                on_stopped(c, t, s);
                break;
        case READING_STILL_STOPPED:
                on_still_stopped(c, t, s);
                break;
        case READING_STOP_MOVED:
                on_stop_moved(c, t, s);
                break;
        case READING_DOUBTFUL_STOP:
                if (is_agreed(c, t, r))
                        on_untimed_stop(c, t);
                else
                        read_again_soon(c, t);
                break;
        case READING_RESTARTED:
                on_restarted(c, t, s);
                break;
        case READING_BLINK:
                on_blink(c, t, s);
                break;
        case READING_REDUNDANT_START:
                on_redundant_start(c, t, s);
                break;
        case READING_RECREATED:
                on_recreated(c, t, s);
                break;
        case READING_REAPPEARED:
                if (!is_agreed(c, t, r)) {
                        read_again_soon(c, t);
                        break;
                }
                reappeared(c, t);
                if (!s->is_logging)
                        on_still_stopped(c, t, s);
                break;
        case READING_STALE:
        case READING_DOUBTFUL_RECREATED:
                read_again_soon(c, t);
                break;
        case READING_SAME:
                break;
        }
}

/* Acted on whatever it turns out to mean; an old "logging" ends nothing. What was tried before
 * concerned another stop when the trail has logged since. */
static void note_down(const Core *c, Trail *t, const TrailStatus *s, bool logging)
{
        if (!s->is_logging)
                t->down = true;
        else if (logging)
                t->down = false;
        if (s->is_logging || s->stop_logging_msec <= t->acted_stop_msec)
                return;
        if (s->start_logging_msec >= t->acted_stop_msec) {
                t->next_start_boot = c->now.boot_usec;
                t->start_again = t->starting;
        }
        t->acted_stop_msec = s->stop_logging_msec;
}

static void on_status(Core *c, Trail *t, const TrailStatus *s, int64_t asked_msec)
{
        bool first = !t->good_this_run, logging = observe_proves_logging(&t->memory, s);

        /* What is later than now by our clock shows that it is behind. */
        core_compare_clock(c,
                           MAX(MAX(s->start_logging_msec, s->stop_logging_msec), c->now.wall_msec),
                           c->now.wall_msec);
        t->good_this_run = t->good_since_heartbeat = true;
        t->last_good_boot = c->now.boot_usec;
        t->memory.last_good_msec = c->now.wall_msec;
        t->not_found = 0;
        t->error = (AwsError){};
        if (t->blind)
                incident_close(c, t->blind, c->now.wall_msec);
        note_down(c, t, s, logging);

        Reading r = observe(&t->memory, s, c->now.wall_msec);
        if (t->stop && t->stop->kind == INCIDENT_DELETED)
                r = after_deletion(c, t, s, r);
        r = settle_doubt(c, t, s, r);
        apply(c, t, s, r);
        if (r == READING_RECREATED)
                remember_floor(&t->memory, s);
        watch_behind(c, t, s);
        if (reading_is_news(r)) {
                remember(c, t, s, r, asked_msec);
                if (logging)
                        close_left_over(c, t, s);
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
                                       .severity = SEVERITY_HIGH,
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
                read_again_soon(c, t);
                return;
        }
        t->down = false;
        if (!t->memory.seen) {
                on_never_found(c, t, error);
                return;
        }
        if (t->blind)
                incident_close(c, t->blind, c->now.wall_msec);
        if (t->stop && t->stop->kind == INCIDENT_DELETED)
                return;
        if (t->stop)
                incident_close(c, t->stop, 0);
        incident_open(c, t,
                      &(IncidentFacts){.kind = INCIDENT_DELETED,
                                       .severity = SEVERITY_CRITICAL,
                                       .blind_from_msec = t->memory.logging
                                                                  ? t->memory.last_logging_msec
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

void trail_polled(Core *c, Trail *t, const Input *in)
{
        t->polling = false;
        schedule_poll(c, t);
        if (in->error.class == AWS_ERROR_NONE)
                on_status(c, t, in->status, in->asked_msec ? in->asked_msec : c->now.wall_msec);
        else if (in->error.class == AWS_ERROR_NOT_FOUND)
                on_not_found(c, t, &in->error);
        else
                on_cannot_see(c, t, &in->error);
}

static void on_too_long_blind(Core *c, Trail *t)
{
        int64_t since = MAX(t->memory.last_good_msec, t->good_this_run ? 0 : c->begun_msec);
        char digest[TIMEFMT_MAX];
        AwsError cause = t->error;

        if (cause.class == AWS_ERROR_NONE)
                aws_error_set(&cause, AWS_ERROR_NETWORK, "NoAnswer",
                              "polls have not been answered");
        incident_open(c, t,
                      &(IncidentFacts){
                              .kind = INCIDENT_CANNOT_SEE,
                              .severity = SEVERITY_HIGH,
                              .blind_from_msec = t->memory.last_good_msec ? t->memory.last_good_msec
                                                                          : c->begun_msec,
                              .cause = &cause,
                              .id_time_msec = t->memory.start_msec,
                              .id_digest = timefmt_iso8601(since, digest),
                      });
}

void trail_tick(Core *c, Trail *t)
{
        if (!t->blind && c->now.boot_usec >= t->last_good_boot + c->policy.cannot_see_after_usec)
                on_too_long_blind(c, t);
        restart_tick(c, t);
        if (t->polling || c->now.boot_usec < t->next_poll_boot)
                return;
        t->polling = true;
        t->poll_boot = c->now.boot_usec;
        core_emit(c, ACTION_POLL)->trail = (size_t)(t - c->trails);
}

uint64_t trail_next_boot(const Core *c, const Trail *t)
{
        uint64_t next = t->polling ? USEC_INFINITY : t->next_poll_boot;

        if (!t->blind)
                next = MIN(next, t->last_good_boot + c->policy.cannot_see_after_usec);
        if (t->stop && t->stop->restart.state == RESTART_ACCEPTED)
                next = MIN(next, t->stop->verify_until_boot);
        if (t->down && !t->starting && t->config.action == TRAIL_ACTION_RESTART)
                next = MIN(next, t->next_start_boot);
        return next;
}
