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
        expect_kinds(w, "unreachable blink");
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
        expect_kinds(w, "unreachable blink");
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
        expect_kinds(w, "unreachable blink");
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
        expect_kinds(w, "unreachable stopped");
        expect_starts(w, 1);
}

/* Sixteen trails of one account: the last of them has its turn, too. */
SCENARIO(many_unseen)
{
        w->n_trails = 16;
        script_begin(w);
        world_fault(w, FAULT_POLL_DENIED, AT(5), USEC_PER_HOUR, SIZE_MAX);
        for (size_t i = 0; i < w->n_trails; i++)
                ACT(300.3, .kind = ACT_STOP, .actor = 1, .trail = i);
        script_end(w);
}

SCENARIO(many_unseen_judge)
{
        for (size_t i = 0; i < w->n_trails; i++)
                expect_restart_of_within(w, i, 100 * USEC_PER_SEC);
}

static void topic_fails_for_an_hour(World *w, FaultKind kind)
{
        script_begin(w);
        world_fault(w, kind, AT(0), USEC_PER_HOUR, 0);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

/* The only topic is gone: from the next one on there is no heartbeat until it is back. */
SCENARIO(unheard)
{
        topic_fails_for_an_hour(w, FAULT_TOPIC_FAILS);
}

SCENARIO(unheard_judge)
{
        expect_heartbeats(w, 50, 3600, false);
        expect_heartbeats(w, 3600, 3600 + 400, true);
}

/* It takes messages, for all that is known, or does not: that is given five minutes. */
SCENARIO(unheard_perhaps)
{
        topic_fails_for_an_hour(w, FAULT_TOPIC_ANSWER_LOST);
}

SCENARIO(unheard_perhaps_judge)
{
        expect_heartbeats(w, 60, 330, true);
        expect_heartbeats(w, 350, 3600, false);
        expect_heartbeats(w, 3600, 3600 + 400, true);
}

SCENARIO(heard_by_one)
{
        w->n_topics = 2;
        topic_fails_for_an_hour(w, FAULT_TOPIC_FAILS);
}

SCENARIO(heard_by_one_judge)
{
        for (double at = 0; at < 3600; at += 65)
                expect_heartbeats(w, at, at + 65, true);
}

/* Started anew every four minutes, it would never have waited for five. */
SCENARIO(unheard_and_restarted)
{
        w->may_kill = true;
        script_begin(w);
        world_fault(w, FAULT_TOPIC_ANSWER_LOST, AT(0), USEC_PER_HOUR, 0);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        for (double at = 240; at < 3600; at += 240) {
                ACT(at, .kind = ACT_KILL);
                ACT(at + 1, .kind = ACT_BOOT);
        }
        script_end(w);
}

SCENARIO(unheard_and_restarted_judge)
{
        expect_heartbeats(w, 60, 240, true);
        expect_heartbeats(w, 240, 3600, false);
}

const Scenario blinding_scenarios[] = {
        {"unheard", unheard, unheard_judge},
        {"unheard-perhaps", unheard_perhaps, unheard_perhaps_judge},
        {"heard-by-one", heard_by_one, heard_by_one_judge},
        {"unheard-and-restarted", unheard_and_restarted, unheard_and_restarted_judge},
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
