/* SPDX-License-Identifier: Apache-2.0 */

/* What a reading of a trail's state leads to: incidents opened and closed, and doubtful readings
 * that become facts when re-reads agree on them. */

#include "core/internal.h"

#include <syslog.h>

#include "base/timefmt.h"

/* Re-reads that have to agree before a doubtful reading is believed. */
#define AGREEING_READS 3
/* A reading that stays older than what is known for so many looks is no stale replica. */
#define STALE_READS_MAX 60
#define REDUNDANT_STARTS_MAX 3
#define OWN_START_SHOWS_USEC (2 * USEC_PER_MINUTE)

/* A start that shows so soon after our own call is taken for ours: by the clock that nobody sets.
 * One that was made without sight of the trail is known by its time. */
static bool start_was_ours(const Core *c, const Trail *t, int64_t start_msec)
{
        return t->starting || core_started(c, t, start_msec) ||
               (t->own_start_boot && c->now.boot_usec < t->own_start_boot + OWN_START_SHOWS_USEC);
}

/* A stop that was over before the one that lasts, by its times. */
static void open_recent_stop(Core *c, Trail *t, const TrailStatus *s)
{
        incident_open(c, t,
                      &(IncidentFacts){.kind = INCIDENT_RECENT_STOP,
                                       .stop_msec = s->stop_logging_msec,
                                       .blind_from_msec = s->stop_logging_msec,
                                       .blind_to_msec = s->start_logging_msec,
                                       .id_time_msec = s->start_logging_msec});
}

static void on_first(Core *c, Trail *t, const TrailStatus *s, Reading r)
{
        bool down = r == READING_FIRST_STOPPED;
        /* Stopped before its last start, and down all the same: when that began, no time says. */
        bool over = s->stop_logging_msec < s->start_logging_msec;
        int64_t stop = over ? 0 : s->stop_logging_msec;

        if (down)
                incident_open(c, t,
                              &(IncidentFacts){.kind = INCIDENT_ALREADY_STOPPED,
                                               .stop_msec = stop,
                                               .start_before_msec = s->start_logging_msec,
                                               .blind_from_msec = stop,
                                               .id_time_msec = s->start_logging_msec});
        if (r == READING_FIRST_RECENT_STOP ||
            (down && over && observe_is_recent_stop(&t->memory, s, c->now.wall_msec)))
                open_recent_stop(c, t, s);
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
        IncidentFacts f = {.kind = t->memory.seen ? INCIDENT_STOPPED : INCIDENT_ALREADY_STOPPED,
                           .blind_from_msec = core_aws_msec(c, t->memory.last_logging_msec),
                           .id_time_msec = t->memory.start_msec,
                           .id_digest = "not-logging"};

        t->next_start_boot = c->now.boot_usec;
        /* An incident of before the daemon's death may be newer than the memory. */
        if (!t->stop)
                incident_open(c, t, &f);
        t->memory.seen = true;
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
                                       .stop_msec = s->stop_logging_msec,
                                       .blind_from_msec = s->stop_logging_msec,
                                       .blind_to_msec = s->start_logging_msec,
                                       .started_by_us = core_started(c, t, s->start_logging_msec)});
}

/* Seen to be down when no time said since when, it was started and stopped once more. */
static bool is_later_stop(const Core *c, const Incident *i, const TrailStatus *s)
{
        return !i->stop_msec && !c->clock_doubtful &&
               s->stop_logging_msec > i->detected_msec + MSEC_PER_MINUTE;
}

static void on_restarted(Core *c, Trail *t, const TrailStatus *s)
{
        Incident *i = t->stop;

        if (!i) {
                on_blink(c, t, s);
                return;
        }
        /* Which no stop has begun, or another one than that which shows. */
        bool other = i->kind == INCIDENT_RECREATED || is_later_stop(c, i, s);
        if (!i->stop_msec && !other && s->stop_logging_msec > t->memory.stop_msec)
                incident_set_stop(c, i, s->stop_logging_msec);
        /* It may have been started and stopped in between, so that is an outage of its own: better
         * one too many than one too few. */
        int64_t known = i->stop_msec ? MAX(i->stop_msec, i->stop_moved_msec) : t->memory.stop_msec;
        if ((i->stop_msec || other) && s->stop_logging_msec > known) {
                incident_close(c, i, 0);
                on_blink(c, t, s);
                return;
        }
        incident_close(c, i, s->start_logging_msec);
}

/* Logging beyond doubt, and an incident that says it is not: a daemon that died between the
 * writing of the one and of the other has left it. */
void reading_close_left_over(Core *c, Trail *t, const TrailStatus *s)
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
        if (start_was_ours(c, t, s->start_logging_msec))
                return;
        if (c->now.wall_msec - t->redundant_since_msec > MSEC_PER_DAY) {
                t->redundant_since_msec = c->now.wall_msec;
                t->redundant = 0;
        }
        t->redundant++;
        core_log_trail(c, LOG_EVENT_REDUNDANT_START, LOG_NOTICE, t, NULL,
                       "%s: StartLogging on a trail that was logging, not by this guard (%u in a "
                       "day)",
                       arn_trail_name(&t->arn), t->redundant);
        watch_start(c, t, s->start_logging_msec);
        if (t->redundant != REDUNDANT_STARTS_MAX)
                return;
        Incident *i = incident_open(c, t,
                                    &(IncidentFacts){.kind = INCIDENT_OTHER_CONTROLLER,
                                                     .id_time_msec = s->start_logging_msec});
        if (i)
                i->redundant_starts = t->redundant;
}

void reading_open_recreated(Core *c, Trail *t, const TrailMemory *was, int64_t blind_to_msec)
{
        int64_t from = core_aws_msec(c, was->last_logging_msec);

        if (blind_to_msec) /* what is known of the clock is known to within a second or two */
                from = MIN(from, blind_to_msec);
        incident_open(c, t,
                      &(IncidentFacts){.kind = INCIDENT_RECREATED,
                                       .start_before_msec = was->start_msec,
                                       .last_logging_msec = was->last_logging_msec,
                                       .blind_from_msec = from,
                                       .blind_to_msec = blind_to_msec,
                                       .started_by_us =
                                               blind_to_msec && start_was_ours(c, t, blind_to_msec),
                                       .id_time_msec = was->start_msec,
                                       .id_digest = "times-vanished"});
        /* Of another trail. */
        t->memory.delivery_msec = 0;
        t->behind_reads = 0;
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
                reading_open_recreated(c, t, &t->memory, s->start_logging_msec);
        if (!stopped || !started)
                return;
        if (s->is_logging || s->start_logging_msec > s->stop_logging_msec)
                on_blink(c, t, s);
        else
                open_stopped(c, t, s);
}

/* LatestDeliveryTime does not go back: when it has, and the trail was started anew, it is another
 * trail, whose settings nobody has looked at. What the times say of its stops is told apart. */
void reading_watch_behind(Core *c, Trail *t, const TrailStatus *s)
{
        if (!observe_is_behind(&t->memory, s)) {
                if (s->latest_delivery_msec >= t->memory.delivery_msec)
                        t->behind_reads = 0;
                return;
        }
        if (t->behind_reads++ == 0)
                t->behind = t->memory;
        trail_read_again_soon(c, t);
        if (t->behind_reads < AGREEING_READS || s->start_logging_msec <= t->behind.start_msec)
                return;
        reading_open_recreated(c, t, &t->behind, s->start_logging_msec);
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
                if (s->stop_logging_msec || start_was_ours(c, t, s->start_logging_msec))
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
Reading reading_settle(Core *c, Trail *t, const TrailStatus *s, Reading r)
{
        if (t->stop && t->stop->kind == INCIDENT_DELETED)
                r = after_deletion(c, t, s, r);
        /* Whose start that was is known when ours is answered, in an instant. */
        if (r == READING_RESTARTED && t->starting && s->stop_logging_msec == t->memory.stop_msec &&
            c->now.boot_usec < t->start_boot + c->policy.start_patience_usec)
                return READING_STALE;
        bool same = t->agreeing > 0 && t->doubted == r && t->doubt.is_logging == s->is_logging &&
                    t->doubt.start_logging_msec == s->start_logging_msec &&
                    t->doubt.stop_logging_msec == s->stop_logging_msec;

        if (reading_is_news(r)) {
                t->agreeing = 0;
                return r;
        }
        if (!same) {
                t->doubt = *s;
                t->doubt.latest_delivery_error = t->doubt.latest_digest_delivery_error = NULL;
                t->doubt.latest_logs_delivery_error = t->doubt.latest_notification_error = NULL;
                t->doubted = r;
                t->doubt_boot = c->now.boot_usec;
                t->agreeing = 0;
        }
        t->agreeing++;
        if ((r == READING_STALE || r == READING_DOUBTFUL_RECREATED) && is_agreed(c, t, r))
                return READING_RECREATED;
        return r;
}

void reading_apply(Core *c, Trail *t, const TrailStatus *s, Reading r)
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
                        trail_read_again_soon(c, t);
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
                        trail_read_again_soon(c, t);
                        break;
                }
                reappeared(c, t);
                if (!s->is_logging) {
                        on_still_stopped(c, t, s);
                        t->memory.logging = false;
                }
                break;
        case READING_STALE:
        case READING_DOUBTFUL_RECREATED:
                trail_read_again_soon(c, t);
                break;
        case READING_SAME:
                break;
        }
}

void reading_doubtful_stop(Core *c, Trail *t)
{
        /* As if its times were those that are known. */
        TrailStatus s = {.start_logging_msec = t->memory.start_msec,
                         .stop_logging_msec = t->memory.stop_msec};
        Reading r = t->memory.seen && !t->memory.logging ? READING_STILL_STOPPED
                                                         : READING_DOUBTFUL_STOP;

        reading_apply(c, t, &s, reading_settle(c, t, &s, r));
}
