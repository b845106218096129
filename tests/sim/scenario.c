/* SPDX-License-Identifier: Apache-2.0 */

#include "script.h"

#include "guard.h"

static void write_stop(World *w)
{
        script_begin(w);
        world_act_at(w, w->now_usec + 60 * USEC_PER_SEC, &(Act){.kind = ACT_STOP, .actor = 1});
        script_end(w);
}

const Scenario scenarios[] = {
        {"stop", write_stop, NULL},
};
const size_t n_scenarios = ELEMENTSOF(scenarios);
