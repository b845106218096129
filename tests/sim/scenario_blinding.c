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

const Scenario blinding_scenarios[] = {
        {"blink-in-no-time", blink_in_no_time, blink_in_no_time_judge},
};
const size_t n_blinding_scenarios = ELEMENTSOF(blinding_scenarios);
