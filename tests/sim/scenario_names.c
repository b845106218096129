/* SPDX-License-Identifier: Apache-2.0 */

/* The name comes in time, whatever else LookupEvents is asked for: within half a minute of its
 * record being readable in Event history. What it took is printed. */

#include <stdio.h>

#include "expect.h"
#include "guard.h"
#include "script.h"

#define NAMED_WITHIN_USEC (30 * USEC_PER_SEC)

/* Of the first stop of the trail: how long after its record showed a message had the name. */
static void expect_named_in_time(World *w, const char *name, size_t trail, unsigned actor)
{
        for (size_t i = 0; i < w->guard->n_cases; i++) {
                const Case *c = &w->guard->cases[i];
                size_t n = strncmp(c->culprit, "event-", 6) == 0 ? strtoul(c->culprit + 6, NULL, 10)
                                                                 : SIZE_MAX;

                if (c->trail != trail || c->lost || c->kind != INCIDENT_STOPPED)
                        continue;
                if (n >= w->n_records || w->records[n].actor != actor || !c->named_usec) {
                        world_violation(w, "trail %zu: the culprit is \"%s\"", trail, c->culprit);
                        return;
                }
                uint64_t took = c->named_usec - MIN(c->named_usec, w->records[n].visible_usec);
                printf("%-32s named %4.1f s after its record was readable, %.0f s after the stop\n",
                       name, (double)took / (double)USEC_PER_SEC,
                       (double)(c->named_usec - c->opened_usec) / (double)USEC_PER_SEC);
                if (took > NAMED_WITHIN_USEC)
                        world_violation(w, "trail %zu: it took too long", trail);
                return;
        }
        world_violation(w, "trail %zu: no incident", trail);
}

/* Each trail changed in another way, and all of it stays. */
static void change_many(World *w, size_t n)
{
        for (unsigned i = 0; i < n; i++)
                ACT(100 + i * 3, .kind = ACT_CHANGE, .actor = 2 + i % 4, .trail = 3 + i,
                    .amount = 1 + i % _DRIFT_ALL);
}

SCENARIO(beside_drifts)
{
        w->n_trails = 23;
        script_begin(w);
        change_many(w, 20);
        ACT(400.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(beside_drifts_judge)
{
        expect_named_in_time(w, "name-beside-20-drifts", 0, 1);
}

SCENARIO(beside_new_drifts)
{
        w->n_trails = 23;
        w->nature.history_lag_usec = 5 * USEC_PER_MINUTE;
        script_begin(w);
        change_many(w, 20);
        ACT(170.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(beside_new_drifts_judge)
{
        expect_named_in_time(w, "name-beside-20-new-drifts", 0, 1);
}

/* One attacker, who did four other things first. */
SCENARIO(after_others)
{
        w->n_trails = 5;
        script_begin(w);
        for (unsigned i = 1; i < 5; i++)
                ACT(100 + i * 20, .kind = ACT_CHANGE, .actor = 1, .trail = i, .amount = 1U << i);
        ACT(233.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(after_others_judge)
{
        expect_named_in_time(w, "name-after-four-changes", 0, 1);
}

/* Of trail 1: stops, and calls that are refused. */
static void flood(World *w, double seconds, double stops_every, unsigned refused)
{
        for (double at = 100; at < 100 + seconds; at += 1) {
                for (unsigned i = 0; i < refused; i++)
                        ACT(at + (double)i / refused, .kind = ACT_STOP_REFUSED, .actor = 2 + i % 5,
                            .trail = 1);
        }
        for (double at = 100.4; stops_every > 0 && at < 100 + seconds; at += stops_every)
                ACT(at, .kind = ACT_STOP, .actor = 2, .trail = 1);
}

SCENARIO(beside_stops)
{
        w->n_trails = 2;
        w->nature.history_lag_usec = 2 * USEC_PER_MINUTE;
        script_begin(w);
        flood(w, 400, 1, 0);
        ACT(250.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(beside_stops_judge)
{
        expect_named_in_time(w, "name-beside-a-stop-a-second", 0, 1);
}

SCENARIO(beside_flood)
{
        w->n_trails = 2;
        script_begin(w);
        flood(w, 300, 1, 40);
        ACT(250.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(beside_flood_judge)
{
        expect_named_in_time(w, "name-beside-40-refused-a-second", 0, 1);
}

/* 100,000 calls stand in the quarter of an hour that is looked through. */
SCENARIO(among_many)
{
        w->n_trails = 2;
        w->nature.history_lag_usec = 10 * USEC_PER_SEC;
        script_begin(w);
        flood(w, 900, 0, 111);
        ACT(800.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(among_many_judge)
{
        expect_named_in_time(w, "name-among-100000-calls", 0, 1);
}

const Scenario name_scenarios[] = {
        {"name-beside-20-drifts", beside_drifts, beside_drifts_judge},
        {"name-beside-20-new-drifts", beside_new_drifts, beside_new_drifts_judge},
        {"name-after-four-changes", after_others, after_others_judge},
        {"name-beside-a-stop-a-second", beside_stops, beside_stops_judge},
        {"name-beside-40-refused-a-second", beside_flood, beside_flood_judge},
        {"name-among-100000-calls", among_many, among_many_judge},
};
const size_t n_name_scenarios = ELEMENTSOF(name_scenarios);
