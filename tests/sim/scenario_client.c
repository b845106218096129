/* SPDX-License-Identifier: Apache-2.0 */

/* Worlds with a name in which the whole client runs: its credentials, its clock, its network and
 * its disk go wrong. */

#include "expect.h"
#include "script.h"
#include "whole.h"

/* On an instance, one account, sessions of twenty minutes, a network that loses nothing. */
static void begin(World *w)
{
        whole_draw(w);
        w->whole->environment = false;
        w->whole->sessions.lifetime_msec = 20 * MSEC_PER_MINUTE;
        w->whole->sessions.stable = false;
        w->whole->n_accounts = w->whole->conf.n_accounts = 1;
        script_begin(w);
}

static void fault(World *w, FaultKind kind, unsigned from, unsigned seconds)
{
        world_fault(w, kind, AT(from), seconds * USEC_PER_SEC, SIZE_MAX);
}

SCENARIO(one_stop_judge)
{
        expect_kinds(w, "stopped");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_starts(w, 1);
        expect_restart_within(w, 11 * USEC_PER_SEC);
}

SCENARIO(stop)
{
        begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

static void begin_two(World *w)
{
        whole_draw(w);
        w->whole->environment = false;
        w->whole->sessions.lifetime_msec = 20 * MSEC_PER_MINUTE;
        w->whole->n_accounts = w->whole->conf.n_accounts = 2;
        w->n_trails = 3;
        script_begin(w);
}

SCENARIO(through_a_role)
{
        begin_two(w);
        ACT(33.3, .kind = ACT_STOP, .trail = 1, .actor = 1);
        script_end(w);
}

/* The role's account is blind, and it alone. */
SCENARIO(role_denied)
{
        begin_two(w);
        fault(w, FAULT_ASSUME_DENIED, 0, 200);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(role_denied_judge)
{
        expect_kinds(w, "stopped unreachable");
        expect_restart_within(w, 11 * USEC_PER_SEC);
}

/* One region is out of reach; the others do not notice. */
SCENARIO(region_is_gone)
{
        begin_two(w);
        fault(w, FAULT_PARTITION_REGION, 10, 200);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

/* Nothing is reached: told late, but told, and the stop meanwhile is found. */
SCENARIO(all_is_gone)
{
        begin(w);
        fault(w, FAULT_PARTITION, 10, 200);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(all_is_gone_judge)
{
        expect_kinds(w, "unreachable topic-failing stopped");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_restart_within(w, (200 - 20 + 12) * USEC_PER_SEC);
}

/* A denial that a fetch of new credentials cures: no poll is lost over it. */
SCENARIO(revoked)
{
        begin(w);
        fault(w, FAULT_SESSION_REVOKED, 20, 1);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(metadata_silent_at_boot)
{
        begin(w);
        fault(w, FAULT_IMDS_SILENT, 0, 90);
        ACT(133.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(blind_then_stop_judge)
{
        expect_kinds(w, "unreachable stopped");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_restart_within(w, 11 * USEC_PER_SEC);
}

/* Renewal fails for a quarter of an hour, which is what it is early for. */
SCENARIO(metadata_fails_while_renewing)
{
        begin(w);
        fault(w, FAULT_IMDS_FAILS, 300, 600);
        ACT(933.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

/* The metadata service cannot renew, and what it goes on handing out is taken past its end. */
SCENARIO(expired_and_taken)
{
        begin(w);
        w->whole->sessions.stable = true;
        fault(w, FAULT_IMDS_EXPIRED, 60, 3600);
        ACT(2433.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

/* ... and is not. */
SCENARIO(expired_and_refused)
{
        begin(w);
        fault(w, FAULT_IMDS_EXPIRED, 60, 1800);
        ACT(2433.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

/* An afternoon of sessions, each used until the next one is there. */
SCENARIO(many_sessions)
{
        begin(w);
        ACT(4 * 3600 + 33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(many_sessions_judge)
{
        one_stop_judge(w);
        size_t hours = w->now_usec / USEC_PER_HOUR; /* until the last look */

        if (w->whole->sessions.n < 3 * hours || w->whole->sessions.n > 10 * hours)
                world_violation(w, "%zu sessions in %zu hours", w->whole->sessions.n, hours);
}

SCENARIO(clock_is_wrong_at_boot)
{
        begin(w);
        guard_set_clock(w, MSEC_PER_HOUR);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(clock_is_behind_at_boot)
{
        begin(w);
        guard_set_clock(w, -MSEC_PER_HOUR);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(clock_is_set)
{
        begin(w);
        ACT(20, .kind = ACT_CLOCK, .amount = MSEC_PER_HOUR);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        ACT(300, .kind = ACT_CLOCK, .amount = -MSEC_PER_HOUR / 2);
        script_end(w);
}

/* It took effect, nobody heard, and it was sent again: both are the guard's own. */
SCENARIO(start_is_lost)
{
        begin(w);
        fault(w, FAULT_START_ANSWER_LOST, 30, 15);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(start_is_lost_judge)
{
        expect_kinds(w, "stopped");
        expect_starts(w, 2);
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_restart_within(w, 11 * USEC_PER_SEC);
}

SCENARIO(killed_and_started)
{
        begin(w);
        w->may_kill = true;
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        ACT(45, .kind = ACT_KILL);
        ACT(50, .kind = ACT_STOP, .actor = 2);
        ACT(60, .kind = ACT_BOOT);
        ACT(90, .kind = ACT_KILL);
        ACT(91, .kind = ACT_BOOT);
        script_end(w);
}

SCENARIO(killed_and_started_judge)
{
        expect_kinds(w, "stopped stopped");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_starts(w, 2);
}

/* What it did before it was killed is its own, although the clock says that it is of this run. */
SCENARIO(clock_is_set_while_dead)
{
        begin(w);
        w->may_kill = true;
        fault(w, FAULT_START_ANSWER_LOST, 30, 15);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        ACT(60, .kind = ACT_KILL);
        ACT(61, .kind = ACT_CLOCK, .amount = -10 * MSEC_PER_MINUTE);
        ACT(70, .kind = ACT_STOP, .actor = 2);
        ACT(75, .kind = ACT_START, .actor = 3);
        ACT(150, .kind = ACT_BOOT);
        script_end(w);
}

SCENARIO(clock_is_set_while_dead_judge)
{
        expect_kinds(w, "stopped blink");
        expect_starts(w, 2);
}

/* GetTrail is denied, and that hides nothing of what GetEventSelectors shows. */
SCENARIO(settings_half_denied)
{
        begin(w);
        ACT(100, .kind = ACT_CHANGE, .actor = 1, .amount = DRIFT_MANAGEMENT);
        fault(w, FAULT_INSPECT_DENIED, 60, 3 * 3600);
        ACT(3600, .kind = ACT_UNDO, .actor = 2);
        script_end(w);
}

SCENARIO(settings_half_denied_judge)
{
        expect_kinds(w, "settings-unreadable drift");
        expect_phases(w, INCIDENT_DRIFT, "OPEN UPDATE CLOSED");
}

SCENARIO(refused_judge)
{
        expect_kinds(w, "unreachable topic-failing stopped");
        expect_restart_within(w, 11 * USEC_PER_SEC);
}

const Scenario client_scenarios[] = {
        {"client-stop", stop, one_stop_judge},
        {"client-role", through_a_role, NULL},
        {"client-role-denied", role_denied, role_denied_judge},
        {"client-region-gone", region_is_gone, role_denied_judge},
        {"client-all-gone", all_is_gone, all_is_gone_judge},
        {"client-session-revoked", revoked, one_stop_judge},
        {"client-metadata-silent-at-boot", metadata_silent_at_boot, blind_then_stop_judge},
        {"client-metadata-fails-while-renewing", metadata_fails_while_renewing, one_stop_judge},
        {"client-expired-and-taken", expired_and_taken, one_stop_judge},
        {"client-expired-and-refused", expired_and_refused, refused_judge},
        {"client-many-sessions", many_sessions, many_sessions_judge},
        {"client-clock-ahead-at-boot", clock_is_wrong_at_boot, one_stop_judge},
        {"client-clock-behind-at-boot", clock_is_behind_at_boot, one_stop_judge},
        {"client-clock-is-set", clock_is_set, one_stop_judge},
        {"client-clock-set-while-dead", clock_is_set_while_dead, clock_is_set_while_dead_judge},
        {"client-start-is-lost", start_is_lost, start_is_lost_judge},
        {"client-settings-half-denied", settings_half_denied, settings_half_denied_judge},
        {"client-killed-and-started", killed_and_started, killed_and_started_judge},
};
const size_t n_client_scenarios = ELEMENTSOF(client_scenarios);
