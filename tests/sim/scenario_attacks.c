/* SPDX-License-Identifier: Apache-2.0 */

/* Worlds with a name: what is done to go unseen, unnamed or unstopped. */

#include "expect.h"
#include "guard.h"
#include "script.h"

SCENARIO(decoys_after)
{
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        for (unsigned i = 0; i < 30; i++)
                ACT(34.5 + i * 0.2, .kind = ACT_STOP, .actor = 2 + i % 5);
        script_end(w);
}

SCENARIO(decoys_after_still)
{
        w->nature.redundant_stop_moves = false;
        decoys_after(w);
}

SCENARIO(mallory_judge)
{
        expect_kinds(w, "stopped");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
}

SCENARIO(refused_before)
{
        script_begin(w);
        for (unsigned i = 0; i < 30; i++)
                ACT(20 + i * 0.4, .kind = ACT_STOP_REFUSED, .actor = 2 + i % 5);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

/* A thousand and more of them, so that the one that mattered stands on a page nobody reads. */
SCENARIO(buried)
{
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        for (unsigned i = 0; i < 1500; i++)
                ACT(40 + i * 0.03, .kind = ACT_STOP_REFUSED, .actor = 2 + i % 5);
        script_end(w);
}

/* ... and all of them are there before anybody could look. */
SCENARIO(buried_and_late)
{
        buried(w);
        world_fault(w, FAULT_LOOKUP_DENIED, AT(0), 200 * USEC_PER_SEC, SIZE_MAX);
}

SCENARIO(rivals_in_a_second)
{
        script_begin(w);
        ACT(33.1, .kind = ACT_STOP, .actor = 1);
        ACT(33.7, .kind = ACT_STOP, .actor = 2);
        script_end(w);
}

SCENARIO(ambiguous_judge)
{
        expect_kinds(w, "stopped");
        expect_nobody(w, INCIDENT_STOPPED, CONFIDENCE_AMBIGUOUS);
}

SCENARIO(same_twice_in_a_second)
{
        script_begin(w);
        ACT(33.1, .kind = ACT_STOP, .actor = 1);
        ACT(33.7, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(omitted_parameters)
{
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1, .omitted = true);
        script_end(w);
}

SCENARIO(hidden_call)
{
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1, .hidden = true);
        script_end(w);
}

SCENARIO(hidden_call_judge)
{
        expect_kinds(w, "stopped");
        expect_nobody(w, INCIDENT_STOPPED, CONFIDENCE_NONE);
        expect_search(w, INCIDENT_STOPPED, SEARCH_GAVE_UP);
        /* not yet at 30 minutes, not found at 24 hours */
        expect_phases(w, INCIDENT_STOPPED, "RESTARTED UPDATE UPDATE");
}

SCENARIO(late_record)
{
        hidden_call(w);
        ACT(40, .kind = ACT_STOP_REFUSED, .actor = 2); /* shows soon, and is not it */
}

/* The record shows five hours late. */
SCENARIO(late_history)
{
        w->nature.history_lag_usec = 5 * USEC_PER_HOUR;
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(late_history_judge)
{
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
}

SCENARIO(own_credentials)
{
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = SIM_OWN);
        script_end(w);
}

SCENARIO(own_credentials_judge)
{
        expect_kinds(w, "stopped");
        expect_misused(w, INCIDENT_STOPPED);
        expect_culprit(w, INCIDENT_STOPPED, SIM_OWN, CONFIDENCE_EXACT);
}

SCENARIO(own_credentials_start)
{
        script_begin(w);
        ACT(333.3, .kind = ACT_STOP, .actor = 1);
        ACT(336.3, .kind = ACT_START, .actor = SIM_OWN);
        script_end(w);
}

SCENARIO(own_credentials_start_judge)
{
        expect_kinds(w, "blink");
        expect_misused(w, INCIDENT_BLINK);
        expect_culprit(w, INCIDENT_BLINK, 1, CONFIDENCE_EXACT);
}

/* The bucket goes with the trail: switched on again, it delivers nothing. */
SCENARIO(bucket_deleted)
{
        w->nature.history_lag_usec = 12 * USEC_PER_SEC; /* after it was closed */
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        ACT(60, .kind = ACT_DELIVERY_FAILS);
        script_end(w);
}

SCENARIO(bucket_deleted_judge)
{
        expect_kinds(w, "stopped");
        /* Who it was, that no log files arrive, and that they do again. */
        expect_phases(w, INCIDENT_STOPPED, "RESTARTED UPDATE UPDATE UPDATE");
}

/* Stopped again right after each restart. */
SCENARIO(loop)
{
        script_begin(w);
        for (unsigned i = 0; i < 40; i++)
                ACT(30 + i * 3.1, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(loop_judge)
{
        expect_starts(w, 40);
        expect_restart_within(w, 12 * USEC_PER_SEC);
}

/* A stop by a borrowed name, undone at once, to stand before the real one. */
SCENARIO(blink_before)
{
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 2);
        ACT(35.3, .kind = ACT_START, .actor = 2);
        ACT(38.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(other_guard)
{
        w->nature.other_guard = true;
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(other_guard_judge)
{
        expect_some_of(w, "blink");
        expect_culprit(w, INCIDENT_BLINK, 1, CONFIDENCE_EXACT);
}

SCENARIO(other_trail)
{
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP_OTHER, .actor = 2);
        ACT(33.9, .kind = ACT_STOP, .actor = 1);
        ACT(34.3, .kind = ACT_STOP_OTHER, .actor = 3);
        script_end(w);
}

const Scenario attack_scenarios[] = {
        {"decoys-after", decoys_after, mallory_judge},
        {"decoys-after-times-stand-still", decoys_after_still, mallory_judge},
        {"refused-before", refused_before, mallory_judge},
        {"buried-under-refused-calls", buried, mallory_judge},
        {"buried-before-the-first-look", buried_and_late, mallory_judge},
        {"rivals-in-a-second", rivals_in_a_second, ambiguous_judge},
        {"same-twice-in-a-second", same_twice_in_a_second, mallory_judge},
        {"omitted-parameters", omitted_parameters, ambiguous_judge},
        {"hidden-call", hidden_call, hidden_call_judge},
        {"hidden-call-and-a-refused-one", late_record, hidden_call_judge},
        {"late-history", late_history, late_history_judge},
        {"own-credentials-stop", own_credentials, own_credentials_judge},
        {"own-credentials-start", own_credentials_start, own_credentials_start_judge},
        {"bucket-deleted", bucket_deleted, bucket_deleted_judge},
        {"loop", loop, loop_judge},
        {"blink-before", blink_before, mallory_judge},
        {"other-guard", other_guard, other_guard_judge},
        {"other-trail", other_trail, mallory_judge},
};
const size_t n_attack_scenarios = ELEMENTSOF(attack_scenarios);
