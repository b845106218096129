/* SPDX-License-Identifier: Apache-2.0 */

/* Worlds with a name: a trail that logs, and is of no use all the same. */

#include "expect.h"
#include "guard.h"
#include "script.h"

/* One call that changes several, put back an hour later. */
SCENARIO(settings)
{
        script_begin(w);
        ACT(333.3, .kind = ACT_CHANGE, .actor = 1,
            .amount = DRIFT_BUCKET | DRIFT_VALIDATION | DRIFT_REGIONS);
        ACT(4000, .kind = ACT_UNDO, .actor = 2);
        script_end(w);
}

SCENARIO(settings_judge)
{
        expect_kinds(w, "drift");
        expect_culprit(w, INCIDENT_DRIFT, 1, CONFIDENCE_EXACT);
        /* told, who, once more after an hour, put back */
        expect_phases(w, INCIDENT_DRIFT, "OPEN UPDATE UPDATE CLOSED");
        expect_starts(w, 0);
}

/* It logs, says GetTrailStatus, and records nothing. */
SCENARIO(selectors)
{
        script_begin(w);
        ACT(333.3, .kind = ACT_CHANGE, .actor = 3, .amount = DRIFT_MANAGEMENT);
        ACT(1500, .kind = ACT_UNDO, .actor = 2);
        script_end(w);
}

SCENARIO(selectors_judge)
{
        expect_kinds(w, "drift");
        expect_culprit(w, INCIDENT_DRIFT, 3, CONFIDENCE_EXACT);
        expect_phases(w, INCIDENT_DRIFT, "OPEN UPDATE CLOSED");
}

SCENARIO(settings_and_stop)
{
        script_begin(w);
        ACT(333.3, .kind = ACT_STOP, .actor = 1);
        ACT(344.3, .kind = ACT_CHANGE, .actor = 1, .amount = _DRIFT_ALL);
        ACT(2000, .kind = ACT_UNDO, .actor = 2);
        script_end(w);
}

SCENARIO(settings_and_stop_judge)
{
        expect_kinds(w, "stopped drift");
        expect_culprit(w, INCIDENT_STOPPED, 1, CONFIDENCE_EXACT);
        expect_culprit(w, INCIDENT_DRIFT, 1, CONFIDENCE_EXACT);
        expect_restart_within(w, 20 * USEC_PER_SEC);
}

SCENARIO(settings_while_dead)
{
        w->may_kill = true;
        script_begin(w);
        ACT(300, .kind = ACT_KILL);
        ACT(400, .kind = ACT_CHANGE, .actor = 3, .amount = DRIFT_BUCKET);
        ACT(7200, .kind = ACT_BOOT);
        ACT(9000, .kind = ACT_UNDO, .actor = 2);
        script_end(w);
}

SCENARIO(settings_while_dead_judge)
{
        expect_kinds(w, "drift");
        expect_culprit(w, INCIDENT_DRIFT, 3, CONFIDENCE_EXACT);
}

/* Told once, by whichever guard lives. */
SCENARIO(drift_outlives_the_guard)
{
        w->may_kill = true;
        settings(w);
        ACT(700, .kind = ACT_KILL);
        ACT(710, .kind = ACT_BOOT);
        ACT(1400, .kind = ACT_KILL);
        ACT(1500, .kind = ACT_BOOT);
}

/* Changed and put back between two looks: Event history has it. */
SCENARIO(settings_for_a_moment)
{
        script_begin(w);
        ACT(325, .kind = ACT_CHANGE, .actor = 1, .amount = _DRIFT_ALL);
        ACT(330, .kind = ACT_UNDO, .actor = 1);
        ACT(2000, .kind = ACT_NONE);
        script_end(w);
}

SCENARIO(settings_for_a_moment_judge)
{
        expect_kinds(w, "drift");
        expect_culprit(w, INCIDENT_DRIFT, 1, CONFIDENCE_EXACT);
        expect_phases(w, INCIDENT_DRIFT, "OPEN UPDATE CLOSED");
}

/* Who knows of each look just when it is asked, and that none follows within so long. */
static void blink_after_look(World *w)
{
        if (w->looks < 5 || w->looks >= 5 + 18)
                return;
        world_act_at(w, w->now_usec + USEC_PER_SEC,
                     &(Act){.kind = ACT_CHANGE, .actor = 1, .amount = DRIFT_MANAGEMENT});
        world_act_at(w, w->now_usec + 27 * USEC_PER_SEC,
                     &(Act){.kind = ACT_UNDO, .actor = 1, .amount = DRIFT_MANAGEMENT});
}

SCENARIO(settings_in_phase)
{
        script_begin(w);
        w->on_look = blink_after_look;
        ACT(4000, .kind = ACT_NONE);
        script_end(w);
}

SCENARIO(settings_in_phase_judge)
{
        const Letter *l = w->guard->n_letters > 0 ? &w->guard->letters[0] : NULL;

        expect_kinds(w, "drift");
        expect_culprit(w, INCIDENT_DRIFT, 1, CONFIDENCE_EXACT);
        if (l && SIM_EPOCH_MSEC + (int64_t)(l->created_usec / USEC_PER_MSEC) >
                         w->records[0].time_msec + 11 * MSEC_PER_MINUTE)
                world_violation(w, "settings that blink are told late");
        if (w->guard->n_letters > 15)
                world_violation(w, "%zu messages of settings that blink", w->guard->n_letters);
}

/* Another one puts them back: who changed them is named all the same. */
SCENARIO(settings_restored_by_another)
{
        script_begin(w);
        ACT(325, .kind = ACT_CHANGE, .actor = 1, .amount = DRIFT_MANAGEMENT | DRIFT_REGIONS);
        ACT(330, .kind = ACT_UNDO, .actor = 2);
        ACT(2000, .kind = ACT_NONE);
        script_end(w);
}

/* Infrastructure code sets, again and again, what is set already. */
SCENARIO(settings_set_as_they_are)
{
        script_begin(w);
        for (unsigned i = 0; i < 12; i++)
                ACT(325 + 1800 * (i / 3) + i % 3, .kind = ACT_UNDO, .actor = 4,
                    .amount = i % 2 ? _DRIFT_ALL : DRIFT_MANAGEMENT | DRIFT_BUCKET);
        script_end(w);
}

/* Changed and restored while the guard was down. */
SCENARIO(settings_for_a_moment_while_dead)
{
        w->may_kill = true;
        script_begin(w);
        ACT(300, .kind = ACT_KILL);
        ACT(400, .kind = ACT_CHANGE, .actor = 3, .amount = DRIFT_MANAGEMENT);
        ACT(6000, .kind = ACT_UNDO, .actor = 3);
        ACT(7200, .kind = ACT_BOOT);
        script_end(w);
}

SCENARIO(settings_for_a_moment_while_dead_judge)
{
        expect_kinds(w, "drift");
        expect_culprit(w, INCIDENT_DRIFT, 3, CONFIDENCE_EXACT);
}

/* Never stopped, deleted and made again between two polls, and delivering before the next. */
SCENARIO(recreated_between_polls)
{
        script_begin(w);
        ACT(333.0, .kind = ACT_DELETE, .actor = 1);
        ACT(333.3, .kind = ACT_CREATE, .actor = 1);
        ACT(333.6, .kind = ACT_START, .actor = 1);
        ACT(333.9, .kind = ACT_DELIVER);
        ACT(2000, .kind = ACT_NONE);
        script_end(w);
}

SCENARIO(recreated_judge)
{
        expect_kinds(w, "recreated");
        expect_culprit(w, INCIDENT_RECREATED, 1, CONFIDENCE_EXACT);
}

SCENARIO(recreated_while_dead)
{
        w->may_kill = true;
        script_begin(w);
        ACT(300, .kind = ACT_KILL);
        ACT(400, .kind = ACT_DELETE, .actor = 1);
        ACT(3000, .kind = ACT_CREATE, .actor = 1);
        ACT(3001, .kind = ACT_START, .actor = 1);
        ACT(7200, .kind = ACT_BOOT);
        script_end(w);
}

SCENARIO(nothing_judge)
{
        expect_kinds(w, "");
        expect_letters(w, 0);
}

/* To and fro, at every other look, while something else stays changed. */
SCENARIO(settings_to_and_fro)
{
        script_begin(w);
        ACT(299, .kind = ACT_CHANGE, .actor = 1, .amount = DRIFT_BUCKET);
        for (unsigned i = 0; i < 60; i++)
                ACT(450 + i * 90, .kind = i % 2 ? ACT_UNDO : ACT_CHANGE, .actor = 1,
                    .amount = DRIFT_REGIONS);
        script_end(w);
}

SCENARIO(settings_to_and_fro_judge)
{
        expect_kinds(w, "drift");
        if (w->guard->n_letters > 16)
                world_violation(w, "%zu messages of one incident", w->guard->n_letters);
}

SCENARIO(settings_by_own_credentials)
{
        script_begin(w);
        ACT(333.3, .kind = ACT_CHANGE, .actor = SIM_OWN, .amount = DRIFT_VALIDATION);
        ACT(2000, .kind = ACT_UNDO, .actor = 2);
        script_end(w);
}

SCENARIO(settings_by_own_credentials_judge)
{
        expect_misused(w, INCIDENT_DRIFT);
}

/* One look shows it, and from then on looks are throttled. */
static void throttle_after_change(World *w)
{
        if (w->looks == 5)
                world_act_at(w, w->now_usec + USEC_PER_SEC,
                             &(Act){.kind = ACT_CHANGE, .actor = 1, .amount = DRIFT_BUCKET});
        if (w->looks == 6)
                world_fault(w, FAULT_INSPECT_THROTTLED, w->now_usec + 1, 1500 * USEC_PER_SEC,
                            SIZE_MAX);
}

SCENARIO(settings_throttled)
{
        script_begin(w);
        w->on_look = throttle_after_change;
        ACT(4000, .kind = ACT_UNDO, .actor = 2);
        script_end(w);
}

SCENARIO(settings_throttled_judge)
{
        const Record *r = &w->records[0];
        const Letter *l = w->guard->n_letters > 0 ? &w->guard->letters[0] : NULL;

        expect_kinds(w, "drift");
        expect_culprit(w, INCIDENT_DRIFT, 1, CONFIDENCE_EXACT);
        if (!l || SIM_EPOCH_MSEC + (int64_t)(l->created_usec / USEC_PER_MSEC) >
                          r->time_msec + 4 * MSEC_PER_MINUTE)
                world_violation(w, "a change that was seen was not told in time");
}

SCENARIO(settings_unreadable)
{
        script_begin(w);
        world_fault(w, FAULT_INSPECT_DENIED, AT(300), 2000 * USEC_PER_SEC, SIZE_MAX);
        ACT(400, .kind = ACT_CHANGE, .actor = 1, .amount = DRIFT_MANAGEMENT);
        ACT(433.3, .kind = ACT_STOP, .actor = 1);
        ACT(4000, .kind = ACT_UNDO, .actor = 2);
        script_end(w);
}

SCENARIO(settings_unreadable_judge)
{
        expect_kinds(w, "settings-unreadable stopped drift");
        expect_phases(w, INCIDENT_UNINSPECTED, "OPEN CLOSED");
        expect_culprit(w, INCIDENT_DRIFT, 1, CONFIDENCE_EXACT);
        expect_restart_within(w, 20 * USEC_PER_SEC);
}

/* The bucket alone, without a stop. */
SCENARIO(delivery)
{
        script_begin(w);
        ACT(333.3, .kind = ACT_DELIVERY_FAILS);
        script_end(w);
}

SCENARIO(delivery_judge)
{
        expect_kinds(w, "delivery");
        expect_search(w, INCIDENT_DELIVERY, SEARCH_GAVE_UP);
}

const Scenario drift_scenarios[] = {
        {"settings", settings, settings_judge},
        {"selectors", selectors, selectors_judge},
        {"settings-and-stop", settings_and_stop, settings_and_stop_judge},
        {"settings-while-dead", settings_while_dead, settings_while_dead_judge},
        {"drift-outlives-the-guard", drift_outlives_the_guard, settings_judge},
        {"settings-for-a-moment", settings_for_a_moment, settings_for_a_moment_judge},
        {"settings-in-phase", settings_in_phase, settings_in_phase_judge},
        {"settings-restored-by-another", settings_restored_by_another, settings_for_a_moment_judge},
        {"settings-set-as-they-are", settings_set_as_they_are, nothing_judge},
        {"settings-for-a-moment-while-dead", settings_for_a_moment_while_dead,
         settings_for_a_moment_while_dead_judge},
        {"recreated-between-polls", recreated_between_polls, recreated_judge},
        {"recreated-while-dead", recreated_while_dead, recreated_judge},
        {"settings-to-and-fro", settings_to_and_fro, settings_to_and_fro_judge},
        {"settings-by-own-credentials", settings_by_own_credentials,
         settings_by_own_credentials_judge},
        {"settings-throttled", settings_throttled, settings_throttled_judge},
        {"settings-unreadable", settings_unreadable, settings_unreadable_judge},
        {"delivery-fails", delivery, delivery_judge},
};
const size_t n_drift_scenarios = ELEMENTSOF(drift_scenarios);
