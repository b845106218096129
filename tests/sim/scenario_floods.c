/* SPDX-License-Identifier: Apache-2.0 */

/* Floods: what an attacker does to have the one message that matters drown among the others. Each
 * is counted message by message, and what it came to is printed. */

#include <stdio.h>

#include "expect.h"
#include "guard.h"
#include "script.h"

/* Messages of each topic, and LookupEvents, at most. */
static void count(World *w, const char *name, size_t letters, size_t lookups)
{
        size_t cases = 0, exact = 0;

        for (size_t i = 0; i < w->guard->n_cases; i++) {
                cases += !w->guard->cases[i].lost;
                exact += w->guard->cases[i].confidence == CONFIDENCE_EXACT;
        }
        printf("%-32s %4zu incidents, %4zu with a name: %3zu messages, %4zu LookupEvents\n", name,
               cases, exact, w->guard->n_letters, w->n_lookups);
        if (w->guard->n_letters > letters)
                world_violation(w, "%zu messages, more than %zu", w->guard->n_letters, letters);
        if (w->n_searched > lookups)
                world_violation(w, "%zu LookupEvents for incidents, more than %zu", w->n_searched,
                                lookups);
}

/* Whoever did it is known of every single one. */
static void expect_every_culprit(World *w, unsigned actor, unsigned other)
{
        for (size_t i = 0; i < w->guard->n_cases; i++) {
                const Case *c = &w->guard->cases[i];
                size_t n = strncmp(c->culprit, "event-", 6) == 0 ? strtoul(c->culprit + 6, NULL, 10)
                                                                 : SIZE_MAX;

                if (n >= w->n_records || c->confidence != CONFIDENCE_EXACT ||
                    (w->records[n].actor != actor && w->records[n].actor != other))
                        world_violation(w, "%s: nobody or the wrong one is named: %s", c->id,
                                        c->culprit);
        }
}

static void expect_subject(World *w, size_t letter, const char *text)
{
        const Letter *l = letter < w->guard->n_letters ? &w->guard->letters[letter] : NULL;

        if (!l || !strstr(l->subject, text))
                world_violation(w, "message %zu is \"%s\", not of \"%s\"", letter + 1,
                                l ? l->subject : "", text);
}

static void stops(World *w, unsigned n, double every, unsigned actors)
{
        for (unsigned i = 0; i < n; i++)
                ACT(33.3 + i * every, .kind = ACT_STOP, .actor = 1 + i % actors);
}

SCENARIO(every_second)
{
        w->nature.history_lag_usec = 2 * USEC_PER_MINUTE;
        script_begin(w);
        stops(w, 600, 1, 1);
        script_end(w);
}

SCENARIO(every_second_judge)
{
        count(w, "flood-every-second", 15, 450);
        expect_every_culprit(w, 1, 1);
}

SCENARIO(two_actors)
{
        w->nature.history_lag_usec = 2 * USEC_PER_MINUTE;
        script_begin(w);
        stops(w, 600, 1, 2);
        script_end(w);
}

SCENARIO(two_actors_judge)
{
        count(w, "flood-two-actors", 15, 450);
}

SCENARIO(late)
{
        w->nature.history_lag_usec = 20 * USEC_PER_MINUTE;
        script_begin(w);
        stops(w, 600, 1, 1);
        script_end(w);
}

SCENARIO(late_judge)
{
        count(w, "flood-late-history", 18, 1200);
        expect_every_culprit(w, 1, 1);
}

SCENARIO(crash)
{
        w->may_kill = true;
        w->nature.history_lag_usec = 2 * USEC_PER_MINUTE;
        script_begin(w);
        stops(w, 600, 1, 1);
        ACT(330, .kind = ACT_KILL);
        ACT(332, .kind = ACT_BOOT);
        script_end(w);
}

SCENARIO(crash_judge)
{
        count(w, "flood-and-crash", 16, 450);
}

SCENARIO(blinks)
{
        w->nature.history_lag_usec = 2 * USEC_PER_MINUTE;
        script_begin(w);
        for (unsigned i = 0; i < 600; i++) {
                ACT(33.3 + i, .kind = ACT_STOP, .actor = 1);
                ACT(33.6 + i, .kind = ACT_START, .actor = 1);
        }
        script_end(w);
}

SCENARIO(blinks_judge)
{
        count(w, "flood-of-blinks", 15, 450);
}

/* Failing and well again in turns, to have it shout each time. */
SCENARIO(flapping)
{
        w->nature.history_lag_usec = 2 * USEC_PER_MINUTE;
        script_begin(w);
        for (unsigned i = 0; i < 60; i++) {
                ACT(33.3 + i * 10, .kind = ACT_STOP, .actor = 1);
                world_fault(w, FAULT_START_DENIED, AT(33 + i * 10), 4 * USEC_PER_SEC, SIZE_MAX);
        }
        script_end(w);
}

SCENARIO(flapping_judge)
{
        count(w, "flood-of-failing-restarts", 16, 450);
        expect_every_culprit(w, 1, 1);
}

static void many_trails(World *w)
{
        w->n_trails = 200;
        w->policy.lookup_give_up_msec = MSEC_PER_HOUR; /* the last look, or it lasts a day */
        w->nature.history_lag_usec = 2 * USEC_PER_MINUTE;
        script_begin(w);
        for (unsigned i = 0; i < w->n_trails; i++)
                ACT(33.3 + i * 0.001, .kind = ACT_STOP, .actor = 1, .trail = i);
}

SCENARIO(trails_at_once)
{
        many_trails(w);
        script_end(w);
}

SCENARIO(trails_at_once_judge)
{
        count(w, "flood-of-trails", 12, 150);
        expect_every_culprit(w, 1, 1);
}

SCENARIO(trails_denied)
{
        many_trails(w);
        world_fault(w, FAULT_START_DENIED, AT(0), 12 * USEC_PER_MINUTE, SIZE_MAX);
        script_end(w);
}

SCENARIO(trails_denied_judge)
{
        count(w, "flood-of-trails-denied", 18, 150);
        expect_every_culprit(w, 1, 1);
}

SCENARIO(trails_unseen)
{
        w->n_trails = 200;
        script_begin(w);
        world_fault(w, FAULT_POLL_SILENT, AT(60), 15 * USEC_PER_MINUTE, SIZE_MAX);
        script_end(w);
}

SCENARIO(trails_unseen_judge)
{
        count(w, "flood-of-trails-unseen", 12, 0);
}

SCENARIO(again_soon)
{
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        ACT(93.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(again_soon_judge)
{
        count(w, "again-after-a-minute", 6, 40);
        expect_kinds(w, "stopped stopped");
}

SCENARIO(again_late)
{
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        ACT(33.3 + 660, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(again_late_judge)
{
        count(w, "again-after-11-minutes", 6, 40);
        expect_letters(w, 4); /* twice RESTARTED, UPDATE */
        expect_subject(w, 2, "RESTARTED: ");
}

const Scenario flood_scenarios[] = {
        {"again-after-a-minute", again_soon, again_soon_judge},
        {"again-after-11-minutes", again_late, again_late_judge},
        {"flood-every-second", every_second, every_second_judge},
        {"flood-two-actors", two_actors, two_actors_judge},
        {"flood-late-history", late, late_judge},
        {"flood-and-crash", crash, crash_judge},
        {"flood-of-blinks", blinks, blinks_judge},
        {"flood-of-failing-restarts", flapping, flapping_judge},
        {"flood-of-trails", trails_at_once, trails_at_once_judge},
        {"flood-of-trails-denied", trails_denied, trails_denied_judge},
        {"flood-of-trails-unseen", trails_unseen, trails_unseen_judge},
};
const size_t n_flood_scenarios = ELEMENTSOF(flood_scenarios);
