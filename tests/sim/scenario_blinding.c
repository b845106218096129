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

const Scenario blinding_scenarios[] = {
        {"start-throttled-for-a-quarter", start_throttled, start_throttled_judge},
        {"blink-in-no-time", blink_in_no_time, blink_in_no_time_judge},
};
const size_t n_blinding_scenarios = ELEMENTSOF(blinding_scenarios);
