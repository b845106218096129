/* SPDX-License-Identifier: Apache-2.0 */

/* Worlds with a name: what the guard stored comes late, or not before it is given up. */

#include "expect.h"
#include "guard.h"
#include "script.h"

/* Stopped while the guard was down, and its disk takes so long at its start. */
static void stopped_when_down(World *w, uint64_t load_usec)
{
        w->load_usec = load_usec;
        script_begin(w);
        ACT(30, .kind = ACT_KILL);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        ACT(35, .kind = ACT_BOOT);
        script_end(w);
}

SCENARIO(state_late)
{
        stopped_when_down(w, 4 * USEC_PER_SEC);
}

/* The guard's start and the way to AWS and back: nothing of the disk. */
SCENARIO(state_late_judge)
{
        expect_kinds(w, "stopped");
        expect_phases(w, INCIDENT_STOPPED, "OPEN CLOSED UPDATE");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_restart_within(w, 2 * USEC_PER_SEC);
}

SCENARIO(state_given_up)
{
        stopped_when_down(w, 30 * USEC_PER_SEC);
}

SCENARIO(state_given_up_judge)
{
        expect_kinds(w, "already-stopped state-lost");
        expect_phases(w, INCIDENT_ALREADY_STOPPED, "OPEN CLOSED UPDATE");
        expect_culprit(w, INCIDENT_ALREADY_STOPPED, 1, CONFIDENCE_EXACT);
        expect_restart_within(w, 2 * USEC_PER_SEC);
}

/* On the disk are a stop that is over and two messages about it that no topic has taken. */
SCENARIO(unsent_comes_late)
{
        w->load_usec = 30 * USEC_PER_SEC;
        script_begin(w);
        world_fault(w, FAULT_TOPIC_FAILS, AT(10), 53 * USEC_PER_SEC, SIZE_MAX);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        ACT(55, .kind = ACT_KILL);
        ACT(58, .kind = ACT_BOOT);
        script_end(w);
}

/* Told at first as what it looked like without; what had been written before is sent, too. */
SCENARIO(unsent_comes_late_judge)
{
        expect_kinds(w, "stopped topic-failing state-lost");
        expect_arrived(w, INCIDENT_STOPPED, 0, "OPEN CLOSED RESTARTED");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
}

const Scenario state_scenarios[] = {
        {"state-late", state_late, state_late_judge},
        {"state-given-up", state_given_up, state_given_up_judge},
        {"unsent-comes-late", unsent_comes_late, unsent_comes_late_judge},
};
const size_t n_state_scenarios = ELEMENTSOF(state_scenarios);
