/* SPDX-License-Identifier: Apache-2.0 */

/* Random worlds: whoever wants CloudTrail blind, in the ways of tampering.md, among faults. */

#include "guard.h"
#include "script.h"

#define DELIVERY_EVERY_USEC (5 * USEC_PER_MINUTE)

void script_begin(World *w)
{
        aws_begin(w);
        guard_begin(w);
}

void script_end(World *w)
{
        uint64_t end = w->calm_usec + 30 * USEC_PER_SEC;

        w->script_ended = true;
        for (size_t i = 0; i < w->n_trails; i++) {
                world_act_at(w, end, &(Act){.kind = ACT_REPAIR, .trail = i, .actor = 5});
                world_act_at(w, end + USEC_PER_SEC,
                             &(Act){.kind = ACT_UNDO, .trail = i, .actor = 5});
                for (uint64_t at = DELIVERY_EVERY_USEC; at < end + 5 * USEC_PER_MINUTE;
                     at += DELIVERY_EVERY_USEC)
                        world_schedule(w, w->now_usec + at, EVENT_ACT)->act =
                                (Act){.kind = ACT_DELIVER, .trail = i};
        }
        world_act_at(w, end, &(Act){.kind = ACT_BOOT});
        /* A guard that lost its state may have taken what was changed for the baseline. */
        for (uint64_t k = 10; k <= 40; k += 10)
                for (size_t i = 0; i < w->n_trails; i++)
                        world_schedule(w, end + k * USEC_PER_MINUTE, EVENT_ACT)->act =
                                (Act){.kind = ACT_ACCEPT, .trail = i};
        w->end_usec = end +
                      (uint64_t)(w->policy.lookup_give_up_msec + w->policy.lookup_settle_msec) * 2 *
                              USEC_PER_MSEC +
                      USEC_PER_HOUR;
}

/* Hours become minutes, or ten thousand worlds would take hours, too. */
static void hurry(Policy *p)
{
        p->fast_poll_for_usec = 40 * USEC_PER_SEC;
        p->lookup_max_usec = 2 * USEC_PER_MINUTE;
        p->lookup_young_msec = 2 * MSEC_PER_MINUTE;
        p->lookup_not_yet_msec = 3 * MSEC_PER_MINUTE;
        p->lookup_settle_msec = 2 * MSEC_PER_MINUTE;
        p->lookup_give_up_msec = 15 * MSEC_PER_MINUTE;
        p->send_retry_max_usec = USEC_PER_MINUTE;
        p->remind_msec = 5 * MSEC_PER_MINUTE;
        /* What was told of stays in memory for less than it takes to be read again. */
        p->watch_overlap_msec = 4 * MSEC_PER_MINUTE;
}

static void hurry_groups(Policy *p)
{
        p->group_quiet_usec = 90 * USEC_PER_SEC;
        p->group_storm_usec = 30 * USEC_PER_SEC;
        p->group_spacing_usec = 10 * USEC_PER_SEC;
        p->group_spacing_max_usec = 2 * USEC_PER_MINUTE;
}

static void draw_nature(World *w)
{
        static const uint64_t history_lags[] = {10, 60, 300, 600, 1800};
        static const uint64_t replica_lags[] = {0, 0, 2, 8, 25};
        static const size_t page_sizes[] = {1, 3, 50, 50};
        Rng *r = &w->rng;

        w->nature = (Nature){
                .latency_usec = rng_chance(r, 80) ? 100 * USEC_PER_MSEC : 3 * USEC_PER_SEC,
                .replica_lag_usec =
                        replica_lags[rng_below(r, ELEMENTSOF(replica_lags))] * USEC_PER_SEC,
                .stale_percent = (unsigned)rng_between(r, 5, 70),
                .halves = rng_chance(r, 25),
                .redundant_stop_moves = rng_chance(r, 50),
                .redundant_start_moves = rng_chance(r, 50),
                .history_lag_usec =
                        history_lags[rng_below(r, ELEMENTSOF(history_lags))] * USEC_PER_SEC,
                .page_size = page_sizes[rng_below(r, ELEMENTSOF(page_sizes))],
                .other_guard = rng_chance(r, 10),
                .organization = rng_chance(r, 8),
                .same_moment = rng_chance(r, 10),
        };
        if (rng_chance(r, 80))
                w->n_trails = 1;
        else
                w->n_trails = rng_between(r, 2, SIM_RANDOM_TRAILS_MAX);
        w->n_topics = rng_between(r, 1, SIM_TOPICS_MAX);
        w->action = rng_chance(r, 90) ? TRAIL_ACTION_RESTART : TRAIL_ACTION_ALERT;
        w->may_kill = rng_chance(r, 35);
        if (w->whole && rng_chance(r, 30))
                w->nature.lost_percent = (unsigned)rng_between(r, 1, 10);
        w->fifo = rng_chance(r, 30);
        w->min_severity = (Severity)rng_below(r, _SEVERITY_MAX);
}

static unsigned somebody(World *w)
{
        return (unsigned)rng_between(&w->rng, 1, SIM_ACTORS - 2);
}

static uint64_t moment(World *w, uint64_t max_msec)
{
        return rng_below(&w->rng, max_msec + 1) * USEC_PER_MSEC;
}

static void act(World *w, uint64_t at, ActKind kind, size_t trail, unsigned actor)
{
        world_act_at(w, at,
                     &(Act){.kind = kind,
                            .trail = trail,
                            .actor = actor,
                            .omitted = kind == ACT_STOP && rng_chance(&w->rng, 5),
                            .hidden = rng_chance(&w->rng, 3),
                            .late_usec = rng_chance(&w->rng, 5) ? moment(w, 1200000) : 0});
}

static void attack_loop(World *w, uint64_t at, size_t trail, unsigned actor)
{
        for (uint64_t n = rng_between(&w->rng, 2, 8); n > 0; n--) {
                act(w, at, ACT_STOP, trail, actor);
                if (rng_chance(&w->rng, 50))
                        act(w, at + 1000 + moment(w, 3000), ACT_START, trail, actor);
                at += USEC_PER_SEC + moment(w, 8000);
        }
}

static void attack_decoys(World *w, uint64_t at, size_t trail, unsigned actor)
{
        bool before = rng_chance(&w->rng, 50);

        if (!before)
                act(w, at, ACT_STOP, trail, actor);
        for (uint64_t n = rng_between(&w->rng, 1, 6); n > 0; n--) {
                at += moment(w, 2500);
                act(w, at, before ? ACT_STOP_REFUSED : ACT_STOP, trail, somebody(w));
                if (rng_chance(&w->rng, 30))
                        act(w, at, ACT_STOP_OTHER, trail, somebody(w));
        }
        if (before)
                act(w, at + moment(w, 1500), ACT_STOP, trail, actor);
}

/* Some settings, one by one or at once, perhaps put back, perhaps before anybody looks. */
static void attack_settings(World *w, uint64_t at, size_t trail, unsigned actor)
{
        for (uint64_t n = rng_between(&w->rng, 1, 4); n > 0; n--) {
                Act a = {.kind = rng_chance(&w->rng, 75) ? ACT_CHANGE : ACT_UNDO,
                         .trail = trail,
                         .actor = rng_chance(&w->rng, 80) ? actor : somebody(w),
                         .omitted = rng_chance(&w->rng, 5),
                         .hidden = rng_chance(&w->rng, 3),
                         .amount = (int64_t)rng_between(&w->rng, 1, _DRIFT_ALL)};

                world_act_at(w, at, &a);
                at += moment(w, rng_chance(&w->rng, 50) ? 3000 : 150000);
        }
}

static void attack_delete(World *w, uint64_t at, size_t trail, unsigned actor)
{
        act(w, at, ACT_DELETE, trail, actor);
        if (rng_chance(&w->rng, 30))
                return;
        at += moment(w, rng_chance(&w->rng, 50) ? 1500 : 60000);
        act(w, at, ACT_CREATE, trail, actor);
        if (rng_chance(&w->rng, 60))
                act(w, at + moment(w, 4000), ACT_START, trail, actor);
}

void script_attack(World *w, uint64_t at)
{
        size_t trail = rng_below(&w->rng, w->n_trails);
        unsigned actor = somebody(w);
        uint64_t kind = rng_below(&w->rng, 120);

        if (kind < 30) {
                act(w, at, ACT_STOP, trail, actor);
        } else if (kind < 50) {
                act(w, at, ACT_STOP, trail, actor);
                act(w, at + moment(w, rng_chance(&w->rng, 50) ? 2000 : 20000), ACT_START, trail,
                    rng_chance(&w->rng, 80) ? actor : somebody(w));
        } else if (kind < 60) {
                attack_loop(w, at, trail, actor);
        } else if (kind < 75) {
                attack_decoys(w, at, trail, actor);
        } else if (kind < 80) {
                act(w, at, ACT_STOP, trail, actor); /* rivals in one second */
                act(w, at + moment(w, 900), ACT_STOP, trail, somebody(w));
        } else if (kind < 85) {
                act(w, at, ACT_STOP, trail, SIM_OWN); /* the guard's own credentials */
                if (rng_chance(&w->rng, 50))
                        act(w, at + moment(w, 300000), ACT_START, trail, SIM_OWN);
        } else if (kind < 93) {
                attack_delete(w, at, trail, actor);
        } else if (kind >= 100) {
                attack_settings(w, at, trail, actor);
        } else {
                for (unsigned n = 0; n < 4; n++)
                        act(w, at + n * 20 * USEC_PER_SEC, ACT_START, trail, 7);
                if (rng_chance(&w->rng, 30))
                        act(w, at + moment(w, 60000), ACT_DELIVERY_FAILS, trail, actor);
        }
}

void script_fault(World *w, uint64_t from)
{
        FaultKind kind =
                (FaultKind)rng_below(&w->rng, w->whole ? _FAULT_KIND_MAX : _FAULT_LIGHT_MAX);
        static const uint64_t spans[] = {3, 20, 90, 400};
        uint64_t span = spans[rng_below(&w->rng, ELEMENTSOF(spans))] * USEC_PER_SEC;
        size_t target = SIZE_MAX;

        if (kind <= FAULT_START_NO_EFFECT && rng_chance(&w->rng, 50))
                target = rng_below(&w->rng, w->n_trails);
        if (kind == FAULT_TOPIC_FAILS || kind == FAULT_TOPIC_ANSWER_LOST)
                target = rng_below(&w->rng, w->n_topics);
        world_fault(w, kind, from, span + moment(w, 5000), target);
}

void script_random(World *w)
{
        Rng *r = &w->rng;
        uint64_t at;

        if (!rng_chance(r, 2))
                hurry(&w->policy);
        if (rng_chance(r, 90))
                hurry_groups(&w->policy);
        if (rng_chance(r, 60))
                w->policy.inspect_usec = 3 * USEC_PER_MINUTE;
        if (rng_chance(r, 60))
                w->poll_usec = 25 * USEC_PER_SEC;
        draw_nature(w);
        w->patient = rng_chance(r, 20);
        script_begin(w);
        if (w->whole && rng_chance(r, 15))
                guard_set_clock(w, rng_chance(r, 50) ? MSEC_PER_HOUR : -MSEC_PER_HOUR);
        at = w->now_usec + moment(w, 30000);
        for (uint64_t n = rng_between(r, 1, 4); n > 0; n--) {
                script_attack(w, at);
                at += moment(w, rng_chance(r, 60) ? 20000 : 200000);
        }
        for (uint64_t n = rng_below(r, w->whole ? 8 : 5); n > 0; n--)
                script_fault(w, w->now_usec + moment(w, 120000));
        for (uint64_t n = w->may_kill ? rng_between(r, 1, 4) : 0; n > 0; n--) {
                uint64_t kill = w->now_usec + moment(w, 180000);

                world_act_at(w, kill, &(Act){.kind = ACT_KILL});
                world_act_at(w, kill + moment(w, rng_chance(r, 70) ? 2000 : 100000),
                             &(Act){.kind = ACT_BOOT});
        }
        if (rng_chance(r, 10))
                world_act_at(w, w->now_usec + moment(w, 180000),
                             &(Act){.kind = ACT_CLOCK,
                                    .amount = (int64_t)rng_between(r, 0, 7200000) - 3600000});
        script_end(w);
}
