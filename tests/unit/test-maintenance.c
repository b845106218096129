/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/mem.h"
#include "core-fixture.h"
#include "core/drift.h"
#include "core/incidentjson.h"
#include "unit.h"

#define START RIG_START

static const RecordFacts by_mallory[] = {{.at = 60000}};

static void begin(Rig *r, const char *trail_arn, int64_t for_msec)
{
        MaintenanceRequest m = {.trail_arn = trail_arn,
                                .for_msec = for_msec,
                                .reason = "bucket moves, CHG-4711",
                                .who = "root (sudo by alice)"};

        rig_step(r,
                 &(Input){.kind = INPUT_MAINTENANCE_START, .trail = SIZE_MAX, .maintenance = &m});
        rig_live(r, USEC_PER_SEC);
}

static void stop(Rig *r, const char *trail_arn)
{
        MaintenanceRequest m = {.trail_arn = trail_arn, .who = "bob"};

        rig_step(r, &(Input){.kind = INPUT_MAINTENANCE_STOP, .trail = SIZE_MAX, .maintenance = &m});
        rig_live(r, USEC_PER_SEC);
}

static const Incident *of_kind(const Rig *r, IncidentKind kind)
{
        for (size_t k = 0; k < core_n_incidents(r->core); k++)
                if (core_incident(r->core, k)->kind == kind)
                        return core_incident(r->core, k);
        return NULL;
}

static Rig *guarding(const RigOptions *o)
{
        Rig *r = rig_new(o);

        rig_live(r, 30 * USEC_PER_SEC);
        return r;
}

/* Announced, recorded, not fought, and told as soon as it is over and nobody has undone it. */
static void test_stop_is_recorded_then_acted_on(void **state)
{
        _cleanup_rig_ Rig *r = guarding(NULL);

        begin(r, TRAIL, 30 * MSEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_NOTICE], 1);
        rig_truth(r, false, START, 60000);
        rig_live(r, 20 * USEC_PER_MINUTE);
        assert_non_null(of_kind(r, INCIDENT_STOPPED));
        assert_true(of_kind(r, INCIDENT_STOPPED)->in_maintenance);
        assert_int_equal(of_kind(r, INCIDENT_MAINTENANCE)->n_recorded, 1);
        assert_non_null(
                strstr(of_kind(r, INCIDENT_MAINTENANCE)->text, of_kind(r, INCIDENT_STOPPED)->id));
        assert_int_equal(r->asked[ACTION_START_LOGGING], 0);
        assert_int_equal(r->phases[PHASE_OPEN], 0);
        assert_int_equal(r->phases[PHASE_UPDATE], 0);

        rig_live(r, 10 * USEC_PER_MINUTE);
        assert_int_equal(r->asked[ACTION_START_LOGGING], 1);
        assert_int_equal(r->phases[PHASE_NOTICE], 2);
        assert_int_equal(r->phases[PHASE_OPEN], 1);
        assert_int_equal(r->phases[PHASE_CLOSED], 1);
        assert_int_equal(of_kind(r, INCIDENT_STOPPED)->restart.state, RESTART_VERIFIED);
}

/* What another window still covers is not left to anybody. */
static void test_two_windows(void **state)
{
        _cleanup_rig_ Rig *r = guarding(NULL);

        begin(r, NULL, 10 * MSEC_PER_MINUTE);
        begin(r, TRAIL, 20 * MSEC_PER_MINUTE);
        rig_truth(r, false, START, 60000);
        rig_pass(r, 10 * USEC_PER_SEC);
        rig_polled(r, false, START, 60000);
        rig_pass(r, 10 * USEC_PER_MINUTE);
        const Incident *ended = core_incident(r->core, 0);
        assert_int_equal(ended->kind, INCIDENT_MAINTENANCE);
        assert_has(ended->title, "maintenance of all trails has ended: 0 still stopped, 1 ");
        assert_int_equal(r->asked[ACTION_START_LOGGING], 0);
        rig_live(r, 10 * USEC_PER_MINUTE);
        assert_int_equal(r->asked[ACTION_START_LOGGING], 1);
}

/* Who puts it back in time hears of the maintenance only; who did it is on record. */
static void test_put_back_in_time(void **state)
{
        _cleanup_rig_ Rig *r = guarding(NULL);

        begin(r, NULL, 30 * MSEC_PER_MINUTE);
        rig_truth(r, false, START, 60000);
        r->records = by_mallory;
        r->n_records = 1;
        rig_live(r, 5 * USEC_PER_MINUTE);
        assert_int_equal(of_kind(r, INCIDENT_STOPPED)->attribution.confidence, CONFIDENCE_EXACT);
        rig_truth(r, true, 400000, 60000);
        rig_live(r, 60 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_NOTICE], 2);
        assert_int_equal(r->phases[PHASE_OPEN] + r->phases[PHASE_CLOSED] + r->phases[PHASE_UPDATE],
                         0);
        assert_int_equal(r->asked[ACTION_START_LOGGING], 0);
        assert_true(incident_is_settled(of_kind(r, INCIDENT_STOPPED)));
}

static void test_of_another_trail(void **state)
{
        _cleanup_rig_ Rig *r = guarding(&(RigOptions){.n_trails = 2});

        begin(r, TRAIL "-2", 30 * MSEC_PER_MINUTE);
        rig_polled(r, false, START, 60000); /* of the first trail */
        assert_non_null(rig_action(r, ACTION_START_LOGGING));
        assert_int_equal(rig_action(r, ACTION_START_LOGGING)->trail, 0);
}

static void test_stopped_by_hand(void **state)
{
        _cleanup_rig_ Rig *r = guarding(NULL);

        begin(r, TRAIL, MSEC_PER_HOUR);
        begin(r, NULL, MSEC_PER_HOUR);
        rig_truth(r, false, START, 60000);
        rig_live(r, USEC_PER_MINUTE);
        stop(r, TRAIL); /* that of all trails goes on */
        rig_live(r, USEC_PER_MINUTE);
        assert_int_equal(r->asked[ACTION_START_LOGGING], 0);
        assert_int_equal(r->phases[PHASE_NOTICE], 3);
        stop(r, NULL);
        rig_live(r, USEC_PER_MINUTE);
        assert_int_equal(r->asked[ACTION_START_LOGGING], 1);
        assert_int_equal(r->phases[PHASE_NOTICE], 4);
        assert_int_equal(r->phases[PHASE_OPEN], 1);
}

/* An outage that is being fought when it begins belongs to it. */
static void test_adopts_what_is_open(void **state)
{
        _cleanup_rig_ Rig *r = guarding(NULL);

        r->starts = AWS_ERROR_DENIED;
        rig_truth(r, false, START, 60000);
        rig_live(r, 5 * USEC_PER_MINUTE);
        unsigned tried = r->asked[ACTION_START_LOGGING];
        assert_true(tried > 5);
        begin(r, TRAIL, 30 * MSEC_PER_MINUTE);
        rig_live(r, 20 * USEC_PER_MINUTE);
        assert_true(r->asked[ACTION_START_LOGGING] <= tried + 1);
        rig_live(r, 15 * USEC_PER_MINUTE);
        assert_true(r->asked[ACTION_START_LOGGING] > tried + 5);
        assert_int_equal(r->phases[PHASE_OPEN], 2);
}

/* Its own credentials in other hands are no maintenance. */
static void test_misuse_is_told(void **state)
{
        static const RecordFacts misuse[] = {{.at = 60000, .who = OWN, .request_id = "not-ours"}};
        _cleanup_rig_ Rig *r = guarding(NULL);

        begin(r, TRAIL, MSEC_PER_HOUR);
        r->now.wall_msec = BASE + 20 * MSEC_PER_MINUTE;
        r->records = misuse;
        r->n_records = 1;
        rig_truth(r, false, START, 60000);
        rig_live(r, 5 * USEC_PER_MINUTE);
        assert_true(of_kind(r, INCIDENT_STOPPED)->attribution.misused);
        assert_true(r->phases[PHASE_UPDATE] > 0);
}

/* Blindness of the guard is no change of the trail. */
static void test_blindness_is_told(void **state)
{
        _cleanup_rig_ Rig *r = guarding(NULL);

        begin(r, TRAIL, MSEC_PER_HOUR);
        r->polls = AWS_ERROR_DENIED;
        rig_live(r, 5 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_OPEN], 1);
}

/* The window and what it holds come through a restart of the daemon, by way of their JSON. */
static void test_survives_a_restart(void **state)
{
        _cleanup_rig_ Rig *r = guarding(NULL), *next = rig_new(NULL);

        begin(r, TRAIL, 30 * MSEC_PER_MINUTE);
        rig_truth(r, false, START, 60000);
        rig_live(r, USEC_PER_MINUTE);
        next->now = r->now;
        core_restore_memory(next->core, core_trail_memory(r->core, 0));
        for (size_t k = 0; k < core_n_incidents(r->core); k++) {
                _cleanup_json_ json_t *o = incident_to_json(core_incident(r->core, k));
                Incident *i = NULL;

                assert_int_equal(incident_from_json(o, &i, NULL), 0);
                core_restore_incident(next->core, i);
        }
        next->truth = r->truth;
        rig_live(next, 20 * USEC_PER_MINUTE);
        assert_int_equal(next->asked[ACTION_START_LOGGING], 0);
        assert_int_equal(next->phases[PHASE_NOTICE] + next->phases[PHASE_OPEN], 0);
        rig_live(next, 12 * USEC_PER_MINUTE);
        assert_int_equal(next->asked[ACTION_START_LOGGING], 1);
        assert_int_equal(next->phases[PHASE_NOTICE], 1);
        assert_int_equal(next->phases[PHASE_OPEN], 1);
}

/* A clock that is set makes no window longer than it was said to be. */
static void test_clock_is_set(void **state)
{
        _cleanup_rig_ Rig *r = guarding(NULL), *back = guarding(NULL);

        begin(r, TRAIL, 30 * MSEC_PER_MINUTE);
        r->now.wall_msec += 5 * MSEC_PER_HOUR;
        rig_live(r, USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_NOTICE], 2);
        begin(back, TRAIL, 30 * MSEC_PER_MINUTE);
        back->now.wall_msec -= 5 * MSEC_PER_HOUR;
        rig_live(back, 20 * USEC_PER_MINUTE);
        assert_int_equal(back->phases[PHASE_NOTICE], 1);
        rig_live(back, 11 * USEC_PER_MINUTE);
        assert_int_equal(back->phases[PHASE_NOTICE], 2);
}

/* The daemon died between storing the end of the window and storing what it released. */
static void test_window_ended_without_a_word(void **state)
{
        _cleanup_rig_ Rig *r = guarding(NULL), *next = rig_new(NULL);

        begin(r, TRAIL, 30 * MSEC_PER_MINUTE);
        rig_truth(r, false, START, 60000);
        rig_live(r, USEC_PER_MINUTE);
        next->now = r->now;
        next->truth = r->truth;
        _cleanup_json_ json_t *o = incident_to_json(of_kind(r, INCIDENT_STOPPED));
        Incident *i = NULL;
        assert_int_equal(incident_from_json(o, &i, NULL), 0);
        assert_true(i->in_maintenance);
        core_restore_memory(next->core, core_trail_memory(r->core, 0));
        core_restore_incident(next->core, i);
        rig_live(next, USEC_PER_MINUTE);
        assert_int_equal(next->asked[ACTION_START_LOGGING], 1);
        assert_int_equal(next->phases[PHASE_OPEN], 1);
        assert_int_equal(next->phases[PHASE_CLOSED], 1);
}

/* Who was told of an outage before hears that it is over; one that still fails after is told. */
static void test_told_before(void **state)
{
        _cleanup_rig_ Rig *r = guarding(NULL), *again = guarding(NULL);

        r->starts = again->starts = AWS_ERROR_DENIED;
        rig_truth(r, false, START, 60000);
        rig_truth(again, false, START, 60000);
        rig_live(r, 5 * USEC_PER_MINUTE);
        rig_live(again, 5 * USEC_PER_MINUTE);
        begin(r, TRAIL, 30 * MSEC_PER_MINUTE);
        begin(again, TRAIL, 30 * MSEC_PER_MINUTE);
        rig_truth(r, true, 700000, 60000);
        rig_live(r, 5 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_CLOSED], 1);
        rig_live(again, 35 * USEC_PER_MINUTE);
        assert_int_equal(again->phases[PHASE_OPEN], 2);
        assert_int_equal(again->phases[PHASE_FAILING], 2);
}

/* What it leaves otherwise than it was is one message, which knows whose work it was. */
static void test_settings_it_leaves(void **state)
{
        static const RecordFacts by_bob[] = {{.at = 60000,
                                              .event = "UpdateTrail",
                                              .parameters = "isMultiRegionTrail=false",
                                              .who = "arn:aws:iam::111122223333:user/bob"}};
        _cleanup_rig_ Rig *r = guarding(NULL);

        rig_live(r, 2 * USEC_PER_MINUTE);
        begin(r, TRAIL, 30 * MSEC_PER_MINUTE);
        r->records = by_bob;
        r->n_records = 1;
        r->settings.description.is_multi_region = !r->settings.description.is_multi_region;
        rig_live(r, 10 * USEC_PER_MINUTE);
        const Incident *i = of_kind(r, INCIDENT_DRIFT);
        assert_non_null(i);
        assert_string_equal(i->announced_by, "root (sudo by alice)");
        assert_int_equal(i->n_messages, 0);

        rig_live(r, 21 * USEC_PER_MINUTE);
        i = of_kind(r, INCIDENT_DRIFT);
        assert_int_equal(r->phases[PHASE_OPEN], 1);
        const Message *m = &i->messages[0];
        assert_int_equal(m->severity, changes_severity(&i->changes));
        assert_has(m->body, ": left by the maintenance that root (sudo by alice) announced.\n");
        assert_has_not(m->body, "access key");
        assert_has_not(m->body, "Deny");

        /* Who changes more after it has ended is nobody's colleague by that. */
        mem_strset(&r->settings.description.s3_bucket_name, "evil");
        rig_live(r, 3 * USEC_PER_MINUTE);
        i = of_kind(r, INCIDENT_DRIFT);
        assert_int_equal(i->changes.n, 2);
        assert_null(i->announced_by);
        assert_has_not(i->messages[i->n_messages - 1].body, "left by the maintenance");
}

/* A second window does not take over what came in the first. */
static void test_another_window_begins(void **state)
{
        _cleanup_rig_ Rig *r = guarding(NULL);

        begin(r, TRAIL, 30 * MSEC_PER_MINUTE);
        rig_truth(r, false, START, 60000);
        rig_live(r, 5 * USEC_PER_MINUTE);
        begin(r, NULL, 10 * MSEC_PER_MINUTE);
        assert_string_equal(of_kind(r, INCIDENT_STOPPED)->announced_by, "root (sudo by alice)");
}

UNIT_MAIN(T(test_settings_it_leaves), T(test_another_window_begins),
          T(test_stop_is_recorded_then_acted_on), T(test_put_back_in_time), T(test_two_windows),
          T(test_of_another_trail), T(test_stopped_by_hand), T(test_adopts_what_is_open),
          T(test_misuse_is_told), T(test_blindness_is_told), T(test_survives_a_restart),
          T(test_clock_is_set), T(test_window_ended_without_a_word), T(test_told_before))
