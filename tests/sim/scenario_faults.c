/* SPDX-License-Identifier: Apache-2.0 */

/* Worlds with a name: AWS, the disk, the clock and the guard's own life go wrong. */

#include "expect.h"
#include "guard.h"
#include "script.h"

static void stop_under_fault(World *w, FaultKind kind, double from, double seconds)
{
        script_begin(w);
        world_fault(w, kind, AT(from), (uint64_t)(seconds * 1000) * USEC_PER_MSEC, SIZE_MAX);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(start_denied)
{
        stop_under_fault(w, FAULT_START_DENIED, 0, 7200);
}

SCENARIO(start_fails_judge)
{
        expect_kinds(w, "stopped");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        /* told, failing once, who, and once more after an hour */
        expect_phases(w, INCIDENT_STOPPED, "OPEN FAILING UPDATE FAILING CLOSED");
        expect_starts(w, 1);
}

SCENARIO(start_throttled)
{
        stop_under_fault(w, FAULT_START_THROTTLED, 0, 7200);
}

SCENARIO(start_fails)
{
        stop_under_fault(w, FAULT_START_FAILS, 0, 7200);
}

SCENARIO(start_no_effect)
{
        stop_under_fault(w, FAULT_START_NO_EFFECT, 0, 200);
}

SCENARIO(start_no_effect_judge)
{
        expect_kinds(w, "stopped");
        expect_phases(w, INCIDENT_STOPPED, "OPEN FAILING CLOSED"); /* FAILING says who */
}

SCENARIO(start_answer_lost)
{
        stop_under_fault(w, FAULT_START_ANSWER_LOST, 0, 100);
}

SCENARIO(one_stop_judge)
{
        expect_kinds(w, "stopped");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
}

SCENARIO(disk_fails)
{
        stop_under_fault(w, FAULT_DISK_FAILS, 0, 3600);
}

SCENARIO(disk_stalls)
{
        stop_under_fault(w, FAULT_DISK_STALLS, 0, 3600);
}

SCENARIO(topic_fails)
{
        w->n_topics = 2;
        script_begin(w);
        world_fault(w, FAULT_TOPIC_FAILS, AT(0), 5 * USEC_PER_HOUR, 1);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

/* Told again after 1 and 3 hours, as whatever goes on. */
SCENARIO(topic_fails_judge)
{
        expect_kinds(w, "stopped topic-failing");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_phases(w, INCIDENT_TOPIC_FAILING, "OPEN UPDATE UPDATE CLOSED");
}

/* The second topic hears of what is critical only, and of that to the end, in its order. */
SCENARIO(topic_of_severity)
{
        w->n_topics = 2;
        w->fifo = true;
        w->min_severity = SEVERITY_CRITICAL;
        script_begin(w);
        world_fault(w, FAULT_START_DENIED, AT(0), 20 * USEC_PER_MINUTE, SIZE_MAX);
        world_fault(w, FAULT_TOPIC_ANSWER_LOST, AT(0), 20 * USEC_PER_MINUTE, 1);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(topic_of_severity_judge)
{
        expect_kinds(w, "stopped topic-failing");
        expect_phases(w, INCIDENT_STOPPED, "OPEN FAILING UPDATE CLOSED");
        expect_arrived(w, INCIDENT_STOPPED, 1, "FAILING UPDATE CLOSED");
        expect_arrived(w, INCIDENT_TOPIC_FAILING, 0, "OPEN CLOSED");
        expect_arrived(w, INCIDENT_TOPIC_FAILING, 1, "");
}

SCENARIO(topic_answers_are_lost)
{
        stop_under_fault(w, FAULT_TOPIC_ANSWER_LOST, 0, 600);
}

SCENARIO(topic_answers_are_lost_judge)
{
        expect_kinds(w, "stopped topic-failing");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_phases(w, INCIDENT_TOPIC_FAILING, "OPEN CLOSED");
}

/* That it is not known yet, and why, is said after half an hour, willing or not. */
SCENARIO(lookup_throttled)
{
        w->nature.history_lag_usec = 0;
        stop_under_fault(w, FAULT_LOOKUP_THROTTLED, 0, 3 * 3600);
}

SCENARIO(lookup_throttled_judge)
{
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_phases(w, INCIDENT_STOPPED, "RESTARTED UPDATE UPDATE");
}

SCENARIO(lookup_throttled_for_days)
{
        stop_under_fault(w, FAULT_LOOKUP_THROTTLED, 0, 30 * 3600);
}

SCENARIO(lookup_denied)
{
        stop_under_fault(w, FAULT_LOOKUP_DENIED, 0, 30 * 3600);
}

SCENARIO(lookup_denied_judge)
{
        expect_search(w, INCIDENT_STOPPED, SEARCH_GAVE_UP);
        expect_phases(w, INCIDENT_STOPPED, "RESTARTED UPDATE UPDATE");
}

SCENARIO(lookup_denied_for_an_hour)
{
        stop_under_fault(w, FAULT_LOOKUP_DENIED, 0, 3600);
}

SCENARIO(lookup_denied_for_an_hour_judge)
{
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_phases(w, INCIDENT_STOPPED, "RESTARTED UPDATE UPDATE");
}

SCENARIO(clock_set_ahead)
{
        w->patient = true;
        w->nature.history_lag_usec = 10 * USEC_PER_MINUTE;
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        ACT(50, .kind = ACT_CLOCK, .amount = 400 * MSEC_PER_DAY);
        script_end(w);
}

SCENARIO(clock_set_back)
{
        w->patient = true;
        w->nature.history_lag_usec = 10 * USEC_PER_MINUTE;
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        ACT(50, .kind = ACT_CLOCK, .amount = -3 * MSEC_PER_DAY);
        script_end(w);
}

SCENARIO(clock_set_judge)
{
        expect_kinds(w, "stopped");
        expect_search(w, INCIDENT_STOPPED, SEARCH_DONE);
}

/* One trail's region is silent; the other's restart does not wait for anything. */
SCENARIO(sick_neighbour)
{
        w->n_trails = 2;
        script_begin(w);
        world_fault(w, FAULT_POLL_SILENT, AT(0), 600 * USEC_PER_SEC, 1);
        world_fault(w, FAULT_LOOKUP_SILENT, AT(0), 600 * USEC_PER_SEC, SIZE_MAX);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(sick_neighbour_judge)
{
        expect_kinds(w, "stopped unreachable");
        expect_restart_within(w, 12 * USEC_PER_SEC);
}

/* Killed at each moment of a stop's life, on two topics: nothing is lost, the name is the same. */
static void crash_sweep(World *w)
{
        for (uint64_t i = 0; i < 500 && !w->failed; i++) {
                World *x = world_new(i, w->verbose);

                x->may_kill = true;
                x->load_usec = 20 * USEC_PER_MSEC; /* state that is late has scenarios of its own */
                x->n_topics = 2;
                x->policy.lookup_give_up_msec = MSEC_PER_HOUR; /* or each lasts a day */
                script_begin(x);
                world_act_at(x, AT(33.3), &(Act){.kind = ACT_STOP, .actor = 1});
                world_act_at(x, AT(42.5) + i * 2 * USEC_PER_MSEC, &(Act){.kind = ACT_KILL});
                world_act_at(x, AT(42.6) + i * 2 * USEC_PER_MSEC, &(Act){.kind = ACT_BOOT});
                script_end(x);
                world_run(x);
                if (!x->failed)
                        one_stop_judge(x);
                if (x->failed)
                        world_violation(w, "killed %llu ms after 42.5 s",
                                        (unsigned long long)i * 2);
                world_free(x);
        }
        stop_under_fault(w, FAULT_SLOW, 0, 0);
}

const Scenario fault_scenarios[] = {
        {"start-denied", start_denied, start_fails_judge},
        {"start-throttled", start_throttled, start_fails_judge},
        {"start-fails", start_fails, start_fails_judge},
        {"start-without-effect", start_no_effect, start_no_effect_judge},
        {"start-answer-lost", start_answer_lost, one_stop_judge},
        {"disk-fails", disk_fails, one_stop_judge},
        {"disk-stalls", disk_stalls, one_stop_judge},
        {"topic-fails-for-hours", topic_fails, topic_fails_judge},
        {"topic-of-severity", topic_of_severity, topic_of_severity_judge},
        {"topic-answers-lost", topic_answers_are_lost, topic_answers_are_lost_judge},
        {"lookup-throttled-for-hours", lookup_throttled, lookup_throttled_judge},
        {"lookup-throttled-for-days", lookup_throttled_for_days, lookup_denied_judge},
        {"lookup-denied", lookup_denied, lookup_denied_judge},
        {"lookup-denied-for-an-hour", lookup_denied_for_an_hour, lookup_denied_for_an_hour_judge},
        {"clock-set-ahead", clock_set_ahead, clock_set_judge},
        {"clock-set-back", clock_set_back, clock_set_judge},
        {"sick-neighbour", sick_neighbour, sick_neighbour_judge},
        {"crash-sweep", crash_sweep, one_stop_judge},
};
const size_t n_fault_scenarios = ELEMENTSOF(fault_scenarios);
