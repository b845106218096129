/* SPDX-License-Identifier: Apache-2.0 */

/* Times that prove nothing, and times that only look as if they did not. */

#include "unit.h"

#include "core-fixture.h"

/* What is said to log again at the very moment of the stop was restarted, and is believed. */
static void test_restarted_as_it_was_stopped(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        rig_started(r, AWS_ERROR_NONE, "r-1");
        rig_polled(r, true, RIG_STOP, RIG_STOP);
        assert_false(rig_incident(r)->open);
        assert_int_equal(rig_incident(r)->restart.state, RESTART_VERIFIED);
        for (unsigned k = 0; k < 100; k++) {
                rig_pass(r, USEC_PER_SEC);
                assert_null(rig_action(r, ACTION_START_LOGGING));
                rig_polled(r, true, RIG_STOP, RIG_STOP);
        }
        assert_int_equal(core_n_incidents(r->core), 1);
}

static void test_blink_in_no_time(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_polled(r, true, RIG_START, 0);
        for (unsigned k = 0; k < 100; k++) {
                rig_pass(r, USEC_PER_SEC);
                rig_polled(r, true, RIG_STOP, RIG_STOP);
                assert_null(rig_action(r, ACTION_START_LOGGING));
        }
        assert_int_equal(core_n_incidents(r->core), 1);
        assert_int_equal(rig_incident(r)->kind, INCIDENT_BLINK);
}

/* Stopped at the moment of its start, it is down since then. */
static void test_stopped_as_it_was_started(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_polled(r, false, RIG_STOP, RIG_STOP);
        assert_int_equal(rig_incident(r)->kind, INCIDENT_ALREADY_STOPPED);
        assert_true(rig_incident(r)->stop_msec == BASE + RIG_STOP);
}

/* Logging for good, though its start came before its stop: whatever that is, it is not down. */
static void test_logging_with_the_times_of_a_stop(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_polled(r, true, RIG_START, 0);
        for (unsigned k = 0; k < 100; k++) {
                rig_pass(r, USEC_PER_SEC);
                rig_polled(r, true, RIG_START, RIG_STOP);
        }
        assert_int_equal(core_n_incidents(r->core), 2);
        for (size_t i = 0; i < core_n_incidents(r->core); i++)
                assert_true(core_incident(r->core, i)->blind_to_msec != 0);
}

UNIT_MAIN(T(test_restarted_as_it_was_stopped), T(test_blink_in_no_time),
          T(test_stopped_as_it_was_started), T(test_logging_with_the_times_of_a_stop))
