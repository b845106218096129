/* SPDX-License-Identifier: Apache-2.0 */
/* A stop and its restart in one message: what the first message waits for, and what ends that. */
#include "base/mem.h"
#include "core-fixture.h"
#include "unit.h"

#define WAIT policy_default.opening_patience_usec
static const RigOptions waits = {.opening_waits = true},
                        two_trails = {.opening_waits = true, .n_trails = 2};

static bool has_phases(const Rig *r, const char *phases)
{
        const Incident *i = rig_incident(r);
        char told[100] = "";

        for (size_t k = 0; k < i->n_messages; k++) {
                strcat(told, k > 0 ? " " : "");
                strcat(told, phase_to_string(i->messages[k].phase));
        }
        if (!streq(told, phases))
                print_error("\"%s\", not \"%s\"\n", told, phases);
        return streq(told, phases);
}

/* It pages as the stop it was, and nothing of it is left open. */
static void test_restarted_while_it_waits(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(&waits);

        assert_true(has_phases(r, ""));
        rig_started(r, AWS_ERROR_NONE, "request-1");
        rig_pass(r, USEC_PER_SEC);
        rig_polled(r, true, RIG_STOP + 1500, RIG_STOP);
        assert_true(has_phases(r, "RESTARTED"));
        Message m = rig_message(r, 1);
        assert_int_equal(m.severity, SEVERITY_HIGH);
        assert_has(m.subject, "RESTARTED: blind 1 s (");
        assert_has(m.body, "was stopped, and restarted by this guard after ");
        assert_has(m.body, "Whoever stopped it may still have access.");
        assert_has(m.body, "message 1 (RESTARTED)");
        rig_pass(r, 2 * WAIT);
        assert_true(has_phases(r, "RESTARTED"));
}

static void test_no_longer_than_that(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(&waits);

        rig_started(r, AWS_ERROR_NONE, "request-1");
        rig_pass(r, WAIT - 1);
        assert_true(has_phases(r, ""));
        rig_pass(r, 1);
        assert_true(has_phases(r, "OPEN"));
        assert_has(rig_message(r, 1).subject, "OPEN: NOT LOGGING (");
        rig_polled(r, true, RIG_STOP + 7000, RIG_STOP);
        assert_true(has_phases(r, "OPEN CLOSED"));
}

static void test_bad_news_ends_it(void **state)
{
        static const AwsErrorClass classes[] = {AWS_ERROR_DENIED, AWS_ERROR_THROTTLED,
                                                AWS_ERROR_TRANSIENT, AWS_ERROR_NETWORK};

        for (size_t k = 0; k < ELEMENTSOF(classes); k++) {
                _cleanup_rig_ Rig *r = rig_new_stopped(&waits);

                rig_started(r, classes[k], "SomeException");
                assert_true(has_phases(r, "OPEN FAILING"));
        }
}

/* Two at once are an attack that goes on. */
static void test_a_second_trail_ends_it(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(&two_trails);
        TrailStatus stopped = {.start_logging_msec = BASE + RIG_START,
                               .stop_logging_msec = BASE + RIG_STOP};

        assert_true(has_phases(r, ""));
        rig_step(r, &(Input){.kind = INPUT_POLLED,
                             .trail = 1,
                             .status = &stopped,
                             .asked_msec = r->now.wall_msec});
        assert_int_equal(core_n_incidents(r->core), 2);
        for (size_t k = 0; k < 2; k++) {
                assert_int_equal(core_incident(r->core, k)->n_messages, 1);
                assert_int_equal(core_incident(r->core, k)->messages[0].phase, PHASE_OPEN);
        }
}

static void test_a_deletion_ends_it(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(&waits);

        for (unsigned k = 0; k < 20 && core_n_incidents(r->core) == 1; k++) {
                rig_poll_failed(r, AWS_ERROR_NOT_FOUND, "TrailNotFoundException");
                rig_pass(r, USEC_PER_SEC / 10);
        }
        assert_int_equal(core_n_incidents(r->core), 2);
        assert_int_equal(core_incident(r->core, 0)->messages[0].phase, PHASE_OPEN);
        assert_int_equal(core_incident(r->core, 1)->kind, INCIDENT_DELETED);
}

/* Nobody is to be restarted: there is nothing to wait for. */
static void test_alert_only(void **state)
{
        _cleanup_rig_ Rig *r =
                rig_new_stopped(&(RigOptions){.opening_waits = true, .action = TRAIL_ACTION_ALERT});

        assert_true(has_phases(r, "OPEN"));
}

/* What is owed is on disk: the next run tells it, be the trail restarted or not. */
static void test_owed_survives_a_crash(void **state)
{
        for (unsigned restarted = 0; restarted < 2; restarted++) {
                _cleanup_rig_ Rig *r = rig_new_stopped(&waits);

                rig_start_again(r, &waits);
                assert_true(has_phases(r, ""));
                if (restarted)
                        rig_polled(r, true, RIG_STOP + 1500, RIG_STOP);
                else
                        rig_polled(r, false, RIG_START, RIG_STOP);
                rig_pass(r, WAIT);
                assert_true(has_phases(r, restarted ? "RESTARTED" : "OPEN"));
        }
}

/* A reload that takes the trail away does not take the message with it. */
static void test_trail_is_removed(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(&two_trails);
        static char other[] = TRAIL "-2";
        TrailConfig left = {.arn = other, .poll_usec = 10 * USEC_PER_SEC};
        TopicConfig topic = {.arn = TOPIC};
        CoreConfig config = {.policy = &policy_default,
                             .trails = &left,
                             .n_trails = 1,
                             .topics = &topic,
                             .n_topics = 1,
                             .n_accounts = 1,
                             .hostname = "guard-1"};

        rig_step(r, &(Input){.kind = INPUT_RECONFIGURE, .trail = SIZE_MAX, .config = &config});
        assert_true(has_phases(r, "OPEN"));
}

/* A store that failed may leave two that wait, of one time each. */
static void test_two_that_wait_on_disk(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(&two_trails);

        for (unsigned k = 0; k < 2; k++) {
                Incident *i = fixture_incident(INCIDENT_STOPPED, RIG_STOP);

                i->id[0] = (char)('a' + k);
                i->reminded_msec = i->detected_msec;
                i->owes_opening = true;
                i->restart.state = RESTART_REQUESTED;
                if (k > 0)
                        mem_strset(&i->trail_arn, TRAIL "-2");
                core_restore_incident(r->core, i);
        }
        rig_pass(r, WAIT);
        for (unsigned k = 0; k < 2; k++)
                assert_int_equal(core_incident(r->core, k)->n_messages, 1);
}

UNIT_MAIN(T(test_two_that_wait_on_disk), T(test_restarted_while_it_waits),
          T(test_no_longer_than_that), T(test_bad_news_ends_it), T(test_a_second_trail_ends_it),
          T(test_a_deletion_ends_it), T(test_alert_only), T(test_owed_survives_a_crash),
          T(test_trail_is_removed))
