/* SPDX-License-Identifier: Apache-2.0 */

/* StartLogging where somebody wants it not to get through, or not to be seen to be needed. */

#include "unit.h"

#include "core-fixture.h"

/* The body of the last message of the first incident. */
static const char *last_body(const Rig *r)
{
        return rig_message(r, (unsigned)rig_incident(r)->n_messages).body;
}

/* Each second for as long as it is throttled; told once, and neither disk nor journal suffer. */
static void test_throttled(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        r->truth.is_logging = false;
        r->truth.start_logging_msec = BASE + RIG_START;
        r->truth.stop_logging_msec = BASE + RIG_STOP;
        r->starts = AWS_ERROR_THROTTLED;
        rig_live(r, 4 * USEC_PER_MINUTE);
        assert_in_range(r->asked[ACTION_START_LOGGING], 215, 265);
        assert_int_equal(rig_incident(r)->restart.attempts, r->asked[ACTION_START_LOGGING]);
        assert_int_equal(rig_incident(r)->n_messages, 2);
        assert_int_equal(rig_message(r, 2).phase, PHASE_FAILING);
        assert_in_range(r->asked[ACTION_STORE], 1, 20);
        assert_in_range(r->asked[ACTION_LOG], 1, 40);

        r->starts = AWS_ERROR_NONE;
        rig_live(r, 10 * USEC_PER_SEC);
        assert_false(rig_incident(r)->open);
        assert_int_equal(rig_incident(r)->restart.state, RESTART_VERIFIED);
        assert_int_equal(rig_incident(r)->restart.n_request_ids, 1);
        assert_non_null(strstr(last_body(r), "was throttled for 3 min 59 s, 2"));
}

/* Nobody can foresee when, and it is never long. */
static void test_throttled_with_jitter(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);
        uint64_t least = USEC_INFINITY, most = 0;

        for (unsigned k = 0; k < 200; k++) {
                uint64_t since = r->now.boot_usec;

                rig_started(r, AWS_ERROR_THROTTLED, "r-1");
                while (!rig_action(r, ACTION_START_LOGGING)) {
                        assert_true(r->now.boot_usec < since + 2 * USEC_PER_SEC);
                        rig_pass(r, core_next_boot(r->core) - r->now.boot_usec);
                }
                least = MIN(least, r->now.boot_usec - since);
                most = MAX(most, r->now.boot_usec - since);
        }
        assert_in_range(least, USEC_PER_SEC / 2, USEC_PER_SEC * 6 / 10);
        assert_in_range(most, USEC_PER_SEC * 14 / 10, USEC_PER_SEC * 3 / 2);
}

/* Any other failure is repeated as it was before, and the next row is counted anew. */
static void test_throttled_among_other_failures(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        for (unsigned k = 0; k < 5; k++) {
                rig_started(r, AWS_ERROR_THROTTLED, "r-1");
                rig_pass(r, 2 * USEC_PER_SEC);
        }
        assert_int_equal(rig_incident(r)->restart.throttled, 5);
        rig_started(r, AWS_ERROR_DENIED, "r-1");
        rig_pass(r, policy_default.restart_retry_usec);
        assert_int_equal(rig_count(r, ACTION_START_LOGGING), 1);
        rig_started(r, AWS_ERROR_DENIED, "r-1");
        rig_pass(r, 2 * policy_default.restart_retry_usec - 1);
        assert_int_equal(rig_count(r, ACTION_START_LOGGING), 0);
        rig_pass(r, 1);
        assert_int_equal(rig_count(r, ACTION_START_LOGGING), 1);
        rig_started(r, AWS_ERROR_THROTTLED, "r-1");
        assert_int_equal(rig_incident(r)->restart.throttled, 1);
        assert_int_equal(rig_incident(r)->n_messages, 3); /* one for each reason */
}

UNIT_MAIN(T(test_throttled), T(test_throttled_with_jitter), T(test_throttled_among_other_failures))
