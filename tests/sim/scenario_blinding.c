/* SPDX-License-Identifier: Apache-2.0 */

/* Worlds with a name: the guard is to be blinded or held back, or believes what it is shown too
 * little or too much. */

#include "expect.h"
#include "guard.h"
#include "script.h"

SCENARIO(blink_in_no_time)
{
        w->nature.same_moment = true;
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        ACT(33.7, .kind = ACT_START, .actor = 1);
        script_end(w);
}

SCENARIO(blink_in_no_time_judge)
{
        expect_kinds(w, "blink");
        expect_culprit(w, INCIDENT_BLINK, 1, CONFIDENCE_EXACT);
        expect_starts(w, 0);
}

/* Whoever stops it throttles the account's write calls, too, for a quarter of an hour. */
SCENARIO(start_throttled)
{
        script_begin(w);
        world_fault(w, FAULT_START_THROTTLED, AT(0), 15 * USEC_PER_MINUTE, SIZE_MAX);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(start_throttled_judge)
{
        expect_kinds(w, "stopped");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_phases(w, INCIDENT_STOPPED, "OPEN FAILING UPDATE CLOSED");
        expect_restart_within(w, 15 * USEC_PER_MINUTE - 31 * USEC_PER_SEC);
}

/* Reads fail while calls as such are answered: stopped meanwhile, the trail logs again within about
 * a minute of the blindness being told, and who did it is found when it is seen again. */
static void stop_unseen(World *w, FaultKind kind)
{
        script_begin(w);
        world_fault(w, kind, AT(5), 2 * USEC_PER_HOUR, SIZE_MAX);
        ACT(300.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(stop_unseen_denied)
{
        stop_unseen(w, FAULT_POLL_DENIED);
}

SCENARIO(stop_unseen_throttled)
{
        w->nature.redundant_start_moves = false;
        stop_unseen(w, FAULT_POLL_THROTTLED);
}

SCENARIO(stop_unseen_judge)
{
        expect_kinds(w, "cannot-see blink");
        expect_phases(w, INCIDENT_CANNOT_SEE, "OPEN UPDATE CLOSED"); /* one reminder */
        expect_culprit(w, INCIDENT_BLINK, 1, CONFIDENCE_EXACT);
        expect_restart_within(w, 75 * USEC_PER_SEC);
}

/* Stopped just as the guard goes blind. */
SCENARIO(stop_unseen_at_once)
{
        script_begin(w);
        world_fault(w, FAULT_POLL_DENIED, AT(5), USEC_PER_HOUR, SIZE_MAX);
        ACT(5.1, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(stop_unseen_at_once_judge)
{
        expect_kinds(w, "cannot-see blink");
        expect_culprit(w, INCIDENT_BLINK, 1, CONFIDENCE_EXACT);
        expect_restart_within(w, 75 * USEC_PER_SEC);
}

/* Both are throttled, for an hour: nothing can be done, which is told, and tried all along. */
SCENARIO(all_throttled)
{
        script_begin(w);
        world_fault(w, FAULT_POLL_THROTTLED, AT(5), USEC_PER_HOUR, SIZE_MAX);
        world_fault(w, FAULT_START_THROTTLED, AT(5), USEC_PER_HOUR / 2, SIZE_MAX);
        ACT(300.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(all_throttled_judge)
{
        expect_kinds(w, "cannot-see blink");
        expect_phases(w, INCIDENT_CANNOT_SEE, "OPEN UPDATE CLOSED");
        expect_culprit(w, INCIDENT_BLINK, 1, CONFIDENCE_EXACT);
        expect_restart_within(w, USEC_PER_HOUR / 2 - 293 * USEC_PER_SEC);
}

/* Of a dead network nothing comes, and over it nothing is sent. */
SCENARIO(silent_and_stopped)
{
        stop_unseen(w, FAULT_POLL_SILENT);
}

SCENARIO(silent_and_stopped_judge)
{
        expect_kinds(w, "cannot-see stopped");
        expect_starts(w, 1);
}

/* Forty trails of one account: the last of them has its turn, too. */
SCENARIO(many_unseen)
{
        w->n_trails = 40;
        script_begin(w);
        world_fault(w, FAULT_POLL_DENIED, AT(5), USEC_PER_HOUR, SIZE_MAX);
        for (size_t i = 0; i < w->n_trails; i++)
                ACT(300.3, .kind = ACT_STOP, .actor = 1, .trail = i);
        script_end(w);
}

SCENARIO(many_unseen_judge)
{
        for (size_t i = 0; i < w->n_trails; i++)
                expect_restart_of_within(w, i, 120 * USEC_PER_SEC);
}

const Scenario blinding_scenarios[] = {
        {"stop-unseen-denied", stop_unseen_denied, stop_unseen_judge},
        {"stop-unseen-throttled", stop_unseen_throttled, stop_unseen_judge},
        {"stop-unseen-at-once", stop_unseen_at_once, stop_unseen_at_once_judge},
        {"all-throttled", all_throttled, all_throttled_judge},
        {"silent-and-stopped", silent_and_stopped, silent_and_stopped_judge},
        {"many-unseen", many_unseen, many_unseen_judge},
        {"start-throttled-for-a-quarter", start_throttled, start_throttled_judge},
        {"blink-in-no-time", blink_in_no_time, blink_in_no_time_judge},
};
const size_t n_blinding_scenarios = ELEMENTSOF(blinding_scenarios);
