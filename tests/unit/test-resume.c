/* SPDX-License-Identifier: Apache-2.0 */
/* What an earlier run left, when it comes late, or not at all. */
#include "base/mem.h"
#include "core-fixture.h"
#include "unit.h"

#define START RIG_START
#define STOP RIG_STOP
#define DISK "the disk does not answer"

static Rig *awaiting(void)
{
        return rig_new(&(RigOptions){.awaiting = true});
}

/* As an earlier run knew the trail, logging since START. */
static void restore_memory(Rig *r)
{
        TrailMemory m = {.arn = (char *)TRAIL,
                         .seen = true,
                         .logging = true,
                         .start_msec = BASE + START,
                         .last_good_msec = BASE - 10000,
                         .last_logging_msec = BASE - 10000};

        core_restore_memory(r->core, &m);
}

/* When each trail has been polled. */
static void do_without(Rig *r)
{
        rig_live(r, 1);
        rig_restored(r, DISK);
}

static void pass(Rig *r, uint64_t usec)
{
        r->now.boot_usec += usec;
        r->now.wall_msec += (int64_t)(usec / USEC_PER_MSEC);
}

/* The first poll and the restart wait for nothing; what is recorded does. */
static void test_acts_while_it_waits(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(&(RigOptions){.awaiting = true});

        assert_int_equal(rig_count(r, ACTION_POLL), 1);
        rig_polled(r, false, START, STOP);
        assert_int_equal(r->actions.items[0].kind, ACTION_START_LOGGING);
        assert_int_equal(core_n_incidents(r->core), 0);
        rig_started(r, AWS_ERROR_DENIED, "r-1");
        pass(r, USEC_PER_SEC);
        rig_step(r, &(Input){.kind = INPUT_TICK, .trail = SIZE_MAX});
        assert_int_equal(rig_count(r, ACTION_START_LOGGING), 1); /* tried again */
        assert_true(core_next_boot(r->core) > r->now.boot_usec);
}

static void test_stores_and_tells_nothing_while_it_waits(void **state)
{
        _cleanup_rig_ Rig *r = awaiting();

        rig_truth(r, false, START, STOP);
        r->starts = AWS_ERROR_DENIED;
        rig_live(r, 5 * USEC_PER_MINUTE);
        assert_int_equal(r->asked[ACTION_STORE] + r->asked[ACTION_STORE_MEMORY], 0);
        assert_int_equal(r->asked[ACTION_SEND] + r->asked[ACTION_LOOKUP], 0);
        assert_int_equal(r->asked[ACTION_INSPECT] + r->asked[ACTION_HEARTBEAT], 0);
        assert_true(r->asked[ACTION_START_LOGGING] > 10);
        restore_memory(r);
        rig_restored(r, NULL);
        assert_int_equal(rig_incident(r)->kind, INCIDENT_STOPPED);
        assert_int_equal(rig_count(r, ACTION_STORE_MEMORY), 1);
        assert_true(rig_incident(r)->restart.attempts > 10);
}

/* It was accepted before there was an incident to note that at. */
static void test_accepted_before_it_is_restored(void **state)
{
        _cleanup_rig_ Rig *r = awaiting();

        rig_polled(r, false, START, STOP);
        pass(r, 100 * USEC_PER_MSEC);
        rig_started(r, AWS_ERROR_NONE, "r-1");
        restore_memory(r);
        rig_restored(r, NULL);
        const Incident *i = rig_incident(r);
        assert_int_equal(i->kind, INCIDENT_STOPPED);
        assert_int_equal(i->restart.state, RESTART_ACCEPTED);
        assert_int_equal(i->restart.attempts, 1);
        assert_int_equal(i->restart.accepted_msec, BASE + 100);
        assert_int_equal(i->restart.requested_msec, BASE);
        assert_string_equal(i->restart.request_ids[0], "r-1");
        assert_int_equal(rig_count(r, ACTION_START_LOGGING), 0);
        pass(r, USEC_PER_SEC);
        rig_polled(r, true, STOP + 1000, STOP);
        assert_int_equal(i->restart.state, RESTART_VERIFIED);
        assert_int_equal(rig_message(r, 2).phase, PHASE_CLOSED);
}

/* It has ended, too: told as the stop that the guard saw and ended, not as one between two looks.
 */
static void test_over_before_it_is_restored(void **state)
{
        _cleanup_rig_ Rig *r = awaiting();

        rig_polled(r, false, START, STOP);
        pass(r, 100 * USEC_PER_MSEC);
        rig_started(r, AWS_ERROR_NONE, "r-1");
        pass(r, USEC_PER_SEC);
        rig_polled(r, true, STOP + 1000, STOP);
        restore_memory(r);
        rig_restored(r, NULL);
        const Incident *i = rig_incident(r);
        assert_int_equal(core_n_incidents(r->core), 1);
        assert_int_equal(i->kind, INCIDENT_STOPPED);
        assert_false(i->open);
        assert_int_equal(i->restart.state, RESTART_VERIFIED);
        assert_int_equal(i->n_messages, 2);
        assert_int_equal(rig_count(r, ACTION_START_LOGGING), 0);
}

/* None of several is lost because it was another one's turn to be judged. */
static void test_three_stops_before_it_is_restored(void **state)
{
        _cleanup_rig_ Rig *r = awaiting();

        rig_polled(r, true, STOP + 1000, STOP);
        for (int64_t k = 1; k <= 2; k++) {
                pass(r, 10 * USEC_PER_SEC);
                rig_polled(r, false, STOP + 10000 * k - 9000, STOP + 10000 * k);
                rig_started(r, AWS_ERROR_NONE, k == 1 ? "r-1" : "r-2");
                rig_polled(r, true, STOP + 10000 * k + 1000, STOP + 10000 * k);
        }
        restore_memory(r);
        rig_restored(r, NULL);
        assert_int_equal(core_n_incidents(r->core), 3);
        assert_int_equal(core_incident(r->core, 0)->kind, INCIDENT_BLINK);
        for (size_t k = 1; k <= 2; k++) {
                const Incident *i = core_incident(r->core, k);

                assert_int_equal(i->kind, INCIDENT_STOPPED);
                assert_int_equal(i->restart.state, RESTART_VERIFIED);
                assert_string_equal(i->restart.request_ids[0], k == 1 ? "r-1" : "r-2");
        }
        assert_int_equal(rig_count(r, ACTION_START_LOGGING), 0);
}

/* Denied once, then started by others: nothing is asked for again of a trail that logs. */
static void test_started_by_others_before_it_is_restored(void **state)
{
        _cleanup_rig_ Rig *r = awaiting();

        rig_polled(r, false, START, STOP);
        rig_started(r, AWS_ERROR_DENIED, "r-1");
        pass(r, 3 * USEC_PER_SEC);
        rig_polled(r, true, STOP + 1000, STOP);
        restore_memory(r);
        rig_restored(r, NULL);
        assert_int_equal(rig_count(r, ACTION_START_LOGGING), 0);
        assert_int_equal(rig_incident(r)->restart.state, RESTART_BY_OTHERS);
}

static void test_blindness_is_told_when_it_is_restored(void **state)
{
        _cleanup_rig_ Rig *r = awaiting();

        rig_poll_failed(r, AWS_ERROR_NETWORK, "Timeout");
        rig_pass(r, 2 * USEC_PER_MINUTE);
        assert_int_equal(core_n_incidents(r->core), 0);
        assert_true(core_next_boot(r->core) > r->now.boot_usec);
        rig_restored(r, NULL);
        assert_int_equal(rig_incident(r)->kind, INCIDENT_CANNOT_SEE);
}

/* An open incident of the earlier run, of the very stop that was acted on. */
static void test_resumed_incident_takes_what_was_done(void **state)
{
        _cleanup_rig_ Rig *before = rig_new_stopped(NULL), *r = awaiting();

        rig_polled(r, false, START, STOP);
        pass(r, 100 * USEC_PER_MSEC);
        rig_started(r, AWS_ERROR_NONE, "r-1");
        core_restore_memory(r->core, core_trail_memory(before->core, 0));
        core_restore_incident(r->core, fixture_through_json(rig_incident(before)));
        rig_restored(r, NULL);
        assert_int_equal(core_n_incidents(r->core), 1);
        assert_int_equal(rig_incident(r)->restart.attempts, 2);
        assert_int_equal(rig_incident(r)->restart.state, RESTART_ACCEPTED);
        assert_int_equal(rig_incident(r)->n_messages, 1);
}

/* Without it: as on a trail that is seen for the first time. */
static Rig *missing_and_stopped(void)
{
        Rig *r = awaiting();

        r->starts = AWS_ERROR_DENIED;
        rig_truth(r, false, START, STOP);
        do_without(r);
        rig_live(r, 15 * USEC_PER_SEC);
        return r;
}

static const Incident *find(const Rig *r, IncidentKind kind)
{
        for (size_t k = 0; k < core_n_incidents(r->core); k++)
                if (core_incident(r->core, k)->kind == kind)
                        return core_incident(r->core, k);
        return NULL;
}

static void test_guards_without(void **state)
{
        _cleanup_rig_ Rig *r = missing_and_stopped();

        assert_non_null(find(r, INCIDENT_ALREADY_STOPPED));
        assert_true(r->phases[PHASE_OPEN] > 0);
        assert_true(r->asked[ACTION_START_LOGGING] > 0);
}

/* One and the same stop, known by the disk with a message that was never sent. */
static void test_merged_with_what_comes_late(void **state)
{
        _cleanup_rig_ Rig *before = rig_new_stopped(NULL), *r = missing_and_stopped();
        const Incident *i = find(r, INCIDENT_ALREADY_STOPPED);
        Incident *stored = fixture_through_json(rig_incident(before));
        size_t n = i->n_messages, windows = core_n_incidents(r->core);

        assert_string_equal(i->id, stored->id);
        stored->detected_msec -= MSEC_PER_MINUTE;
        fixture_add(stored, &(RecordFacts){.at = STOP});
        stored->attribution.findings[0].role = ROLE_CULPRIT;
        stored->attribution.confidence = CONFIDENCE_EXACT;
        stored->attribution.state = SEARCH_SETTLING;
        core_restore_memory(r->core, core_trail_memory(before->core, 0));
        core_restore_incident(r->core, stored);
        rig_restored(r, NULL);
        assert_true(core_n_incidents(r->core) <= windows);
        i = core_trail_incident(r->core, 0);
        assert_int_equal(i->kind, INCIDENT_STOPPED);
        assert_int_equal(i->attribution.confidence, CONFIDENCE_EXACT);
        assert_true(i->n_messages > n);
        for (size_t k = 0; k < i->n_messages; k++)
                assert_int_equal(i->messages[k].sequence, k + 1);
        assert_false(i->messages[n].deliveries[0].sent);
        rig_live(r, 10 * USEC_PER_SEC);
        i = core_trail_incident(r->core, 0);
        assert_true(i->messages[n].deliveries[0].sent);
}

/* What was known of the trail shows what nobody could have told without. */
static void test_memory_that_comes_late_is_compared(void **state)
{
        _cleanup_rig_ Rig *r = awaiting();

        /* Stopped and started again two days before: nothing, at first sight. */
        rig_truth(r, true, 0, -2 * MSEC_PER_DAY);
        r->truth.start_logging_msec = r->truth.stop_logging_msec + 60000;
        do_without(r);
        rig_live(r, USEC_PER_MINUTE);
        assert_null(find(r, INCIDENT_BLINK));
        TrailMemory m = {.arn = (char *)TRAIL,
                         .seen = true,
                         .logging = true,
                         .start_msec = BASE - 9 * MSEC_PER_DAY,
                         .last_good_msec = BASE - 3 * MSEC_PER_DAY,
                         .last_logging_msec = BASE - 3 * MSEC_PER_DAY};
        core_restore_memory(r->core, &m);
        rig_restored(r, NULL);
        rig_live(r, 2 * USEC_PER_SEC);
        assert_non_null(find(r, INCIDENT_BLINK));
}

/* So are its settings: what they are without the baseline does not become one. */
static void test_baseline_that_comes_late_is_compared(void **state)
{
        _cleanup_rig_ Rig *before = rig_new(NULL), *r = awaiting();

        rig_live(before, 2 * USEC_PER_MINUTE);
        assert_true(core_trail_memory(before->core, 0)->baseline.described);
        r->settings.description.log_file_validation = false;
        do_without(r);
        rig_live(r, 3 * USEC_PER_MINUTE);
        assert_null(find(r, INCIDENT_DRIFT));
        core_restore_memory(r->core, core_trail_memory(before->core, 0));
        rig_restored(r, NULL);
        rig_live(r, USEC_PER_MINUTE);
        assert_non_null(find(r, INCIDENT_DRIFT));
        assert_true(core_trail_memory(r->core, 0)->baseline.description.log_file_validation);
}

/* A trail that was deleted while the guard was down, and that it seemed never to have seen. */
static void test_deleted_and_known_late(void **state)
{
        _cleanup_rig_ Rig *r = awaiting();

        r->polls = AWS_ERROR_NOT_FOUND;
        do_without(r);
        rig_live(r, USEC_PER_MINUTE);
        assert_non_null(find(r, INCIDENT_NOT_FOUND));
        restore_memory(r);
        rig_restored(r, NULL);
        rig_live(r, 2 * USEC_PER_SEC);
        assert_non_null(find(r, INCIDENT_DELETED));
}

static void test_outage_that_comes_late_and_is_over(void **state)
{
        _cleanup_rig_ Rig *before = rig_new_stopped(NULL), *r = awaiting();

        rig_truth(r, true, 9000, STOP);
        do_without(r);
        rig_live(r, 15 * USEC_PER_SEC);
        core_restore_memory(r->core, core_trail_memory(before->core, 0));
        core_restore_incident(r->core, fixture_through_json(rig_incident(before)));
        rig_restored(r, NULL);
        rig_live(r, 30 * USEC_PER_HOUR);
        assert_int_equal(core_n_incidents(r->core), 0);
}

static void test_maintenance_that_comes_late(void **state)
{
        const MaintenanceRequest m = {.for_msec = MSEC_PER_HOUR, .reason = "why", .who = "root"};
        _cleanup_rig_ Rig *before = rig_new(NULL), *r = awaiting();

        rig_step(before,
                 &(Input){.kind = INPUT_MAINTENANCE_START, .trail = SIZE_MAX, .maintenance = &m});
        do_without(r);
        rig_live(r, 15 * USEC_PER_SEC);
        core_restore_incident(r->core, fixture_through_json(rig_incident(before)));
        rig_restored(r, NULL);
        unsigned asked = r->asked[ACTION_START_LOGGING];
        rig_truth(r, false, START, 20000);
        rig_live(r, USEC_PER_MINUTE);
        assert_int_equal(r->asked[ACTION_START_LOGGING], asked);
}

/* However its end is written on the disk. */
static void test_maintenance_has_an_end(void **state)
{
        const MaintenanceRequest m = {.for_msec = MSEC_PER_HOUR, .reason = "why", .who = "root"};
        _cleanup_rig_ Rig *before = rig_new(NULL), *r = awaiting();

        rig_step(before,
                 &(Input){.kind = INPUT_MAINTENANCE_START, .trail = SIZE_MAX, .maintenance = &m});
        Incident *w = fixture_through_json(rig_incident(before));
        w->until_msec = BASE + 3650 * MSEC_PER_DAY;
        core_restore_incident(r->core, w);
        rig_restored(r, NULL);
        assert_int_equal(rig_incident(r)->until_msec, BASE + MSEC_PER_DAY);
}

/* Two writes that a crash came between have left both of them open. */
static void test_two_outages_of_a_trail(void **state)
{
        _cleanup_rig_ Rig *one = rig_new_stopped(NULL), *two = rig_new(NULL), *r = awaiting();

        rig_polled(two, true, START, 0);
        rig_pass(two, 20 * USEC_PER_SEC);
        rig_polled(two, false, START, 20000);
        core_restore_incident(r->core, fixture_through_json(rig_incident(two)));
        core_restore_incident(r->core, fixture_through_json(rig_incident(one)));
        rig_restored(r, NULL);
        assert_int_equal(core_n_incidents(r->core), 2);
        assert_string_equal(core_trail_incident(r->core, 0)->id, rig_incident(two)->id);
        for (size_t k = 0; k < 2; k++)
                assert_int_equal(core_incident(r->core, k)->open,
                                 core_incident(r->core, k) == core_trail_incident(r->core, 0));
}

/* Nobody looks at settings any more, so that it would stay open for good. */
static void test_drift_that_is_not_watched_any_more(void **state)
{
        Policy unwatched = policy_default;
        unwatched.inspect_usec = 0;
        _cleanup_rig_ Rig *before = rig_new(NULL),
                          *r = rig_new(&(RigOptions){.policy = &unwatched, .awaiting = true});

        rig_live(before, 2 * USEC_PER_MINUTE);
        before->settings.description.log_file_validation = false;
        rig_live(before, 2 * USEC_PER_MINUTE);
        core_restore_incident(r->core, fixture_through_json(find(before, INCIDENT_DRIFT)));
        rig_restored(r, NULL);
        assert_false(rig_incident(r)->open);
}

/* It is put with the old ones once nobody needs it, and does not come back. */
static void test_finished(void **state)
{
        _cleanup_rig_ Rig *before = rig_new_stopped(NULL), *r = awaiting();
        Incident *i = fixture_through_json(rig_incident(before));

        i->open = false;
        i->blind_to_msec = BASE + 6000;
        i->detected_msec -= MSEC_PER_HOUR; /* nothing joins it any more */
        i->attribution.state = SEARCH_DONE;
        i->messages[0].deliveries[0].sent = true;
        core_restore_incident(r->core, i);
        rig_restored(r, NULL);
        assert_int_equal(core_n_incidents(r->core), 0);
        assert_string_equal(rig_action(r, ACTION_ARCHIVE)->text, rig_incident(before)->id);
        rig_polled(r, false, START, STOP);
        assert_int_equal(core_n_incidents(r->core), 0);
}

static void test_finished_ones_by_name(void **state)
{
        _cleanup_rig_ Rig *before = rig_new_stopped(NULL), *r = awaiting();

        core_restore_finished(r->core, rig_incident(before)->id);
        rig_restored(r, NULL);
        rig_polled(r, false, START, STOP);
        rig_polled(r, false, START, STOP);
        assert_string_not_equal(rig_incident(r)->id, rig_incident(before)->id);
}

/* What is in memory is in its file, and its leader's has counted it before it is put away. */
static void test_members_are_put_away_after_their_leader(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);
        bool archived = false;

        rig_live(r, 7 * USEC_PER_SEC);
        r->records = (const RecordFacts[]){{.at = STOP}};
        r->n_records = 1;
        for (int k = 0; k < 3; k++) {
                r->truth.is_logging = false;
                r->truth.stop_logging_msec = r->now.wall_msec;
                rig_live(r, 5 * USEC_PER_SEC);
        }
        for (unsigned k = 0; k < 3000 && !archived; k++) {
                const Action *a;

                rig_live(r, 29 * USEC_PER_SEC);
                rig_pass(r, USEC_PER_SEC);
                a = rig_action(r, ACTION_ARCHIVE);
                if (!a)
                        continue;
                archived = true;
                for (size_t n = 0; n < r->actions.n; n++)
                        if (r->actions.items[n].kind == ACTION_STORE)
                                assert_true(&r->actions.items[n] < a);
        }
}

UNIT_MAIN(T(test_acts_while_it_waits), T(test_stores_and_tells_nothing_while_it_waits),
          T(test_accepted_before_it_is_restored), T(test_over_before_it_is_restored),
          T(test_three_stops_before_it_is_restored),
          T(test_started_by_others_before_it_is_restored),
          T(test_blindness_is_told_when_it_is_restored),
          T(test_resumed_incident_takes_what_was_done), T(test_guards_without),
          T(test_merged_with_what_comes_late), T(test_memory_that_comes_late_is_compared),
          T(test_baseline_that_comes_late_is_compared), T(test_deleted_and_known_late),
          T(test_outage_that_comes_late_and_is_over), T(test_maintenance_that_comes_late),
          T(test_maintenance_has_an_end), T(test_two_outages_of_a_trail),
          T(test_drift_that_is_not_watched_any_more), T(test_finished),
          T(test_finished_ones_by_name), T(test_members_are_put_away_after_their_leader))
