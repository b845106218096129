/* SPDX-License-Identifier: Apache-2.0 */

/* Worlds with a name, for each row of design.md's observation table and its boundaries; with
 * AWS's real times, and on top of the invariants what is expected of just this world. */

#include "expect.h"
#include "guard.h"
#include "script.h"

/* What the trail is like when the guard first sees it. */
static TrailStatus *before(World *w)
{
        aws_begin(w);
        return &w->trails[0].versions[0].status;
}

SCENARIO(stop)
{
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(stop_judge)
{
        expect_kinds(w, "stopped");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_phases(w, INCIDENT_STOPPED, "RESTARTED UPDATE");
        expect_restart_within(w, 20 * USEC_PER_SEC);
}

SCENARIO(stop_alert_only)
{
        w->action = TRAIL_ACTION_ALERT;
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        ACT(2000, .kind = ACT_START, .actor = 2);
        script_end(w);
}

SCENARIO(stop_alert_only_judge)
{
        expect_kinds(w, "stopped");
        expect_starts(w, 0);
        expect_phases(w, INCIDENT_STOPPED, "OPEN UPDATE CLOSED");
}

SCENARIO(already_stopped)
{
        TrailStatus *s = before(w);

        s->is_logging = false;
        s->stop_logging_msec = SIM_EPOCH_MSEC - 40 * MSEC_PER_DAY;
        s->start_logging_msec = SIM_EPOCH_MSEC - 50 * MSEC_PER_DAY;
        *mem_push0(w->stops, w->n_stops) =
                (StopTime){.msec = s->stop_logging_msec, .outage = SIZE_MAX};
        guard_begin(w);
        script_end(w);
}

SCENARIO(already_stopped_judge)
{
        expect_kinds(w, "already-stopped");
        expect_search(w, INCIDENT_ALREADY_STOPPED, SEARCH_GAVE_UP);
}

SCENARIO(older_than_history)
{
        already_stopped(w);
        w->stops[0].msec = w->trails[0].versions[0].status.stop_logging_msec =
                SIM_EPOCH_MSEC - 100 * MSEC_PER_DAY;
        w->trails[0].versions[0].status.start_logging_msec = SIM_EPOCH_MSEC - 101 * MSEC_PER_DAY;
}

SCENARIO(older_than_history_judge)
{
        expect_kinds(w, "already-stopped");
        expect_search(w, INCIDENT_ALREADY_STOPPED, SEARCH_GAVE_UP);
        expect_lookups(w, 0);
}

SCENARIO(never_logged)
{
        *before(w) = (TrailStatus){};
        guard_begin(w);
        script_end(w);
}

SCENARIO(never_logged_judge)
{
        expect_kinds(w, "already-stopped");
}

SCENARIO(blink)
{
        script_begin(w);
        ACT(33.3, .kind = ACT_STOP, .actor = 1);
        ACT(35.06, .kind = ACT_START, .actor = 1);
        script_end(w);
}

SCENARIO(blink_judge)
{
        expect_kinds(w, "blink");
        expect_culprit(w, INCIDENT_BLINK, 1, CONFIDENCE_EXACT);
        expect_starts(w, 0);
}

SCENARIO(blink_while_dead)
{
        w->may_kill = true;
        script_begin(w);
        ACT(70, .kind = ACT_KILL);
        ACT(80, .kind = ACT_STOP, .actor = 1);
        ACT(90, .kind = ACT_START, .actor = 1);
        ACT(7200, .kind = ACT_BOOT);
        script_end(w);
}

SCENARIO(stop_while_dead)
{
        w->may_kill = true;
        script_begin(w);
        ACT(70, .kind = ACT_KILL);
        ACT(80, .kind = ACT_STOP, .actor = 3);
        ACT(7200, .kind = ACT_BOOT);
        script_end(w);
}

SCENARIO(stop_while_dead_judge)
{
        expect_kinds(w, "stopped");
        expect_culprit(w, INCIDENT_STOPPED, 3, CONFIDENCE_EXACT);
}

SCENARIO(redundant_start)
{
        script_begin(w);
        ACT(33.3, .kind = ACT_START, .actor = 7);
        ACT(53.3, .kind = ACT_START, .actor = 7);
        script_end(w);
}

SCENARIO(nothing_judge)
{
        expect_kinds(w, "");
        expect_letters(w, 0);
}

SCENARIO(other_controller)
{
        redundant_start(w);
        ACT(73.3, .kind = ACT_START, .actor = 7);
        ACT(93.3, .kind = ACT_START, .actor = 7);
}

SCENARIO(other_controller_judge)
{
        expect_kinds(w, "external-controller");
        expect_culprit(w, INCIDENT_OTHER_CONTROLLER, 7, CONFIDENCE_EXACT);
}

SCENARIO(recreated_times_vanished)
{
        TrailStatus *s = before(w);

        s->stop_logging_msec = s->start_logging_msec - MSEC_PER_HOUR;
        guard_begin(w);
        ACT(33.0, .kind = ACT_DELETE, .actor = 1);
        ACT(34.0, .kind = ACT_CREATE, .actor = 1);
        ACT(35.0, .kind = ACT_START, .actor = 1);
        script_end(w);
}

SCENARIO(recreated_judge)
{
        expect_kinds(w, "recreated");
        expect_culprit(w, INCIDENT_RECREATED, 1, CONFIDENCE_EXACT);
}

SCENARIO(recreated_delivery_went_back)
{
        script_begin(w);
        ACT(33.0, .kind = ACT_DELETE, .actor = 1);
        ACT(34.0, .kind = ACT_CREATE, .actor = 1);
        ACT(35.0, .kind = ACT_START, .actor = 1);
        script_end(w);
}

SCENARIO(recreated_not_started)
{
        script_begin(w);
        ACT(33.0, .kind = ACT_DELETE, .actor = 1);
        ACT(34.0, .kind = ACT_CREATE, .actor = 1);
        script_end(w);
}

SCENARIO(recreated_not_started_judge)
{
        expect_kinds(w, "recreated");
        expect_restart_within(w, 20 * USEC_PER_SEC);
}

SCENARIO(deleted)
{
        script_begin(w);
        ACT(33.0, .kind = ACT_DELETE, .actor = 1);
        ACT(4000, .kind = ACT_CREATE, .actor = 2);
        ACT(4010, .kind = ACT_START, .actor = 2);
        script_end(w);
}

SCENARIO(deleted_judge)
{
        expect_kinds(w, "deleted recreated");
        expect_culprit(w, INCIDENT_DELETED, 1, CONFIDENCE_EXACT);
        /* told, named, and once more after an hour */
        expect_phases(w, INCIDENT_DELETED, "OPEN UPDATE UPDATE CLOSED");
}

SCENARIO(deleted_while_stopped)
{
        script_begin(w);
        world_fault(w, FAULT_START_DENIED, AT(0), 600 * USEC_PER_SEC, SIZE_MAX);
        ACT(33.0, .kind = ACT_STOP, .actor = 1);
        ACT(63.0, .kind = ACT_DELETE, .actor = 1);
        script_end(w);
}

SCENARIO(deleted_while_stopped_judge)
{
        expect_kinds(w, "stopped deleted recreated");
}

SCENARIO(not_found)
{
        *before(w) = (TrailStatus){};
        w->trails[0].versions[0].exists = false;
        *mem_push0(w->gone, w->n_gone) = (Span){.to_usec = USEC_INFINITY};
        guard_begin(w);
        world_fault(w, FAULT_POLL_NOT_FOUND, 0, AT(300), SIZE_MAX);
        script_end(w);
}

SCENARIO(not_found_judge)
{
        expect_some_of(w, "not-found");
        expect_phases(w, INCIDENT_NOT_FOUND, "OPEN CLOSED");
}

SCENARIO(out_of_reach)
{
        script_begin(w);
        world_fault(w, FAULT_POLL_NOT_FOUND, AT(30), 300 * USEC_PER_SEC, SIZE_MAX);
        script_end(w);
}

SCENARIO(out_of_reach_judge)
{
        expect_kinds(w, "deleted");
}

SCENARIO(recent_stop)
{
        TrailStatus *s = before(w);

        s->stop_logging_msec = SIM_EPOCH_MSEC - 2 * MSEC_PER_HOUR;
        s->start_logging_msec = SIM_EPOCH_MSEC - 1 * MSEC_PER_HOUR;
        *mem_push0(w->stops, w->n_stops) =
                (StopTime){.msec = s->stop_logging_msec, .outage = SIZE_MAX};
        guard_begin(w);
        script_end(w);
}

SCENARIO(recent_stop_judge)
{
        expect_kinds(w, "recent-stop");
}

SCENARIO(old_stop)
{
        TrailStatus *s = before(w);

        s->stop_logging_msec = SIM_EPOCH_MSEC - 25 * MSEC_PER_HOUR;
        s->start_logging_msec = SIM_EPOCH_MSEC - 24 * MSEC_PER_HOUR;
        guard_begin(w);
        script_end(w);
}

SCENARIO(denied_sight)
{
        script_begin(w);
        world_fault(w, FAULT_POLL_DENIED, AT(30), 200 * USEC_PER_SEC, SIZE_MAX);
        script_end(w);
}

SCENARIO(cannot_see_judge)
{
        expect_kinds(w, "unreachable");
        expect_phases(w, INCIDENT_CANNOT_SEE, "OPEN CLOSED");
}

SCENARIO(throttled_sight)
{
        script_begin(w);
        world_fault(w, FAULT_POLL_THROTTLED, AT(30), 200 * USEC_PER_SEC, SIZE_MAX);
        script_end(w);
}

SCENARIO(silent_sight)
{
        script_begin(w);
        world_fault(w, FAULT_POLL_SILENT, AT(30), 200 * USEC_PER_SEC, SIZE_MAX);
        script_end(w);
}

SCENARIO(short_silence)
{
        script_begin(w);
        world_fault(w, FAULT_POLL_SILENT, AT(30), 45 * USEC_PER_SEC, SIZE_MAX);
        script_end(w);
}

SCENARIO(stop_while_blind)
{
        script_begin(w);
        world_fault(w, FAULT_POLL_DENIED, AT(30), 200 * USEC_PER_SEC, SIZE_MAX);
        ACT(60, .kind = ACT_STOP, .actor = 1);
        script_end(w);
}

SCENARIO(stop_while_blind_judge)
{
        expect_kinds(w, "unreachable blink");
}

SCENARIO(stale_reads)
{
        w->nature.replica_lag_usec = 25 * USEC_PER_SEC;
        w->nature.stale_percent = 60;
        stop(w);
}

SCENARIO(half_updates)
{
        w->nature.halves = true;
        stale_reads(w);
}

SCENARIO(one_stop_judge)
{
        expect_kinds(w, "stopped");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
}

const Scenario row_scenarios[] = {
        {"stop", stop, stop_judge},
        {"stop-alert-only", stop_alert_only, stop_alert_only_judge},
        {"already-stopped", already_stopped, already_stopped_judge},
        {"older-than-history", older_than_history, older_than_history_judge},
        {"never-logged", never_logged, never_logged_judge},
        {"blink", blink, blink_judge},
        {"blink-while-dead", blink_while_dead, blink_judge},
        {"stop-while-dead", stop_while_dead, stop_while_dead_judge},
        {"redundant-start", redundant_start, nothing_judge},
        {"external-controller", other_controller, other_controller_judge},
        {"recreated-times-vanished", recreated_times_vanished, recreated_judge},
        {"recreated-delivery-went-back", recreated_delivery_went_back, recreated_judge},
        {"recreated-not-started", recreated_not_started, recreated_not_started_judge},
        {"deleted", deleted, deleted_judge},
        {"deleted-while-stopped", deleted_while_stopped, deleted_while_stopped_judge},
        {"not-found", not_found, not_found_judge},
        {"out-of-reach", out_of_reach, out_of_reach_judge},
        {"recent-stop", recent_stop, recent_stop_judge},
        {"old-stop", old_stop, nothing_judge},
        {"denied-sight", denied_sight, cannot_see_judge},
        {"throttled-sight", throttled_sight, cannot_see_judge},
        {"silent-sight", silent_sight, cannot_see_judge},
        {"short-silence", short_silence, nothing_judge},
        {"stop-while-blind", stop_while_blind, stop_while_blind_judge},
        {"stale-reads", stale_reads, one_stop_judge},
        {"half-updates", half_updates, one_stop_judge},
};
const size_t n_row_scenarios = ELEMENTSOF(row_scenarios);
