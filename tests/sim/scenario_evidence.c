/* SPDX-License-Identifier: Apache-2.0 */

/* Worlds with a name: what is done so that somebody innocent is named, and what it takes in memory.
 */

#include <stdio.h>

#include "expect.h"
#include "guard.h"
#include "script.h"

static void expect_subject(World *w, size_t letter, const char *text)
{
        const Letter *l = letter < w->guard->n_letters ? &w->guard->letters[letter] : NULL;

        if (!l || !strstr(l->subject, text))
                world_violation(w, "message %zu is \"%s\", not of \"%s\"", letter + 1,
                                l ? l->subject : "", text);
}

/* The record of the stop comes five hours after that of a redundant one by a borrowed name. */
SCENARIO(late_record)
{
        w->nature.redundant_stop_moves = true;
        w->patient = true;
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1, .late_usec = 5 * USEC_PER_HOUR);
        ACT(34.9, .kind = ACT_STOP, .actor = 2);
        script_end(w);
}

SCENARIO(late_record_judge)
{
        expect_kinds(w, "stopped");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_search(w, INCIDENT_STOPPED, SEARCH_DONE);
        /* Whether the first of them tells of him depends on when his record showed. */
        if (w->guard->n_letters < 2 || w->guard->n_letters > 3)
                world_violation(w, "%zu messages", w->guard->n_letters);
        expect_subject(w, w->guard->n_letters - 1, "corrected: who did it: mallory, trail trail-0");
}

/* Killed and started in between, the guard keeps the time of its last look. */
SCENARIO(late_record_and_crash)
{
        w->may_kill = true;
        late_record(w);
        ACT(3600, .kind = ACT_KILL);
        ACT(3602, .kind = ACT_BOOT);
}

/* When nothing comes, the last look says nothing. */
SCENARIO(nothing_late)
{
        w->patient = true;
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(nothing_late_judge)
{
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_search(w, INCIDENT_STOPPED, SEARCH_DONE);
        if (w->guard->n_letters > 3)
                world_violation(w, "%zu messages", w->guard->n_letters);
        if (w->now_usec < 24 * USEC_PER_HOUR)
                world_violation(w, "no look after a day");
}

/* A delegated administrator stops an organization's trail, which his own account's history has. */
SCENARIO(delegated)
{
        w->nature.organization = true;
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1, .hidden = true);
        ACT(33.9, .kind = ACT_STOP, .actor = 2);
        script_end(w);
}

SCENARIO(delegated_judge)
{
        expect_culprit(w, INCIDENT_STOPPED, 2, CONFIDENCE_AMBIGUOUS);
}

SCENARIO(delegated_alone)
{
        w->nature.organization = true;
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1, .hidden = true);
        script_end(w);
}

SCENARIO(delegated_alone_judge)
{
        expect_nobody(w, INCIDENT_STOPPED, CONFIDENCE_NONE);
        expect_search(w, INCIDENT_STOPPED, SEARCH_GAVE_UP);
}

/* The real one cannot be read, and a redundant one can. */
SCENARIO(unreadable_and_decoy)
{
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1, .omitted = true);
        ACT(34.9, .kind = ACT_STOP, .actor = 2);
        script_end(w);
}

SCENARIO(unreadable_and_decoy_judge)
{
        const Case *c = &w->guard->cases[0];

        if (c->confidence != CONFIDENCE_AMBIGUOUS)
                world_violation(w, "the verdict is %s", confidence_to_string(c->confidence));
}

/* Whoever has no permission knocks forty times a second, in the names of three, while a fourth
 * stops the trail every second. Refused calls are counted, not kept: what all incidents hold stays
 * small, and whoever stopped it is named. */
#define FLOOD_SECONDS 400
#define FLOOD_BYTES ((size_t)24 * 1024 * 1024)

SCENARIO(refused_flood)
{
        w->measure = w->endless = true;
        w->nature.history_lag_usec = 2 * USEC_PER_MINUTE;
        w->policy.lookup_give_up_msec = 6 * MSEC_PER_HOUR;
        script_begin(w);
        for (unsigned i = 0; i < FLOOD_SECONDS; i++) {
                ACT(33.3 + i, .kind = ACT_STOP, .actor = 1);
                for (unsigned k = 0; k < 4; k++)
                        ACT(33.4 + i + k * 0.2, .kind = ACT_STOP_REFUSED, .actor = 2 + k % 3,
                            .amount = 10);
        }
        script_end(w);
}

SCENARIO(refused_flood_judge)
{
        size_t cases = 0, exact = 0;

        for (size_t i = 0; i < w->guard->n_cases; i++) {
                cases += !w->guard->cases[i].lost;
                exact += w->guard->cases[i].confidence == CONFIDENCE_EXACT;
        }
        printf("%-32s %4zu incidents, %4zu with a name: %3zu messages, %4zu LookupEvents, %zu "
               "KiB\n",
               "flood-of-refused-calls", cases, exact, w->guard->n_letters, w->n_lookups,
               w->max_bytes / 1024);
        if (w->max_bytes == 0 || w->max_bytes > FLOOD_BYTES)
                world_violation(w, "incidents hold %zu bytes", w->max_bytes);
        if (cases < FLOOD_SECONDS / 2 || exact * 100 < cases * 95)
                world_violation(w, "%zu of %zu incidents have a name", exact, cases);
}

const Scenario evidence_scenarios[] = {
        {"late-record-is-corrected", late_record, late_record_judge},
        {"late-record-and-crash", late_record_and_crash, late_record_judge},
        {"nothing-late", nothing_late, nothing_late_judge},
        {"delegated-administrator", delegated, delegated_judge},
        {"delegated-administrator-alone", delegated_alone, delegated_alone_judge},
        {"unreadable-and-a-decoy", unreadable_and_decoy, unreadable_and_decoy_judge},
        {"flood-of-refused-calls", refused_flood, refused_flood_judge},
};
const size_t n_evidence_scenarios = ELEMENTSOF(evidence_scenarios);
