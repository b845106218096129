/* SPDX-License-Identifier: Apache-2.0 */

/* What has to be forgotten when something else begins, so that it does not colour what comes. */

#include "unit.h"

#include "core-fixture.h"

/* Retries begin anew after a call that was accepted, for what had failed was another matter. */
static void test_failures_before_it_was_accepted(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        for (unsigned k = 0; k < 6; k++) {
                rig_started(r, AWS_ERROR_TRANSIENT, "r-1");
                rig_pass(r, policy_default.restart_retry_max_usec);
        }
        rig_started(r, AWS_ERROR_NONE, "r-2");
        rig_polled(r, false, RIG_START, RIG_STOP);
        rig_pass(r, policy_default.verify_within_usec);
        rig_started(r, AWS_ERROR_TRANSIENT, "r-3");
        rig_pass(r, policy_default.restart_retry_usec);
        assert_int_equal(rig_count(r, ACTION_START_LOGGING), 1);
}

/* Re-reads that agree are those in a row: a trail that was not found in between agrees with none.
 */
static void test_doubt_before_it_was_not_found(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_polled(r, true, RIG_START, 0);
        rig_polled(r, false, RIG_START, 0);
        rig_polled(r, false, RIG_START, 0);
        rig_poll_failed(r, AWS_ERROR_NOT_FOUND, "TrailNotFoundException");
        rig_polled(r, false, RIG_START, 0);
        assert_int_equal(core_n_incidents(r->core), 0);
        rig_polled(r, false, RIG_START, 0);
        rig_polled(r, false, RIG_START, 0);
        assert_int_equal(rig_incident(r)->kind, INCIDENT_STOPPED);
}

/* Nothing was seen since the guard's start, whatever its clock was then. */
static void test_clock_set_before_the_first_answer(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_pass(r, 10 * USEC_PER_SEC);
        r->now.wall_msec += MSEC_PER_HOUR;
        rig_pass(r, policy_default.cannot_see_after_usec);
        assert_int_equal(rig_incident(r)->kind, INCIDENT_CANNOT_SEE);
        assert_true(rig_incident(r)->blind_from_msec == BASE + MSEC_PER_HOUR);
}

/* Since when the service is not willing belongs to the search that it keeps waiting. */
static void test_throttled_since(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, 5 * USEC_PER_MINUTE);
        r->lookups = AWS_ERROR_THROTTLED;
        r->settings.description.is_multi_region = false;
        rig_live(r, 10 * USEC_PER_MINUTE);
        assert_int_equal(rig_incident(r)->kind, INCIDENT_DRIFT);
        assert_true(rig_incident(r)->attribution.throttled_msec >= rig_incident(r)->detected_msec);
        assert_true(rig_incident(r)->attribution.throttled_msec < BASE + 10 * MSEC_PER_MINUTE);
        r->lookups = AWS_ERROR_NONE;
        rig_live(r, 2 * USEC_PER_MINUTE);
        assert_int_equal(rig_incident(r)->attribution.throttled_msec, 0);
}

/* Log files failed since the last of them came, though the error shows with the next one only. */
static void test_failing_since_the_last_delivery(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);
        int64_t delivered = r->now.wall_msec + MSEC_PER_MINUTE;

        rig_live(r, USEC_PER_MINUTE);
        r->truth.latest_delivery_msec = delivered;
        rig_live(r, 5 * USEC_PER_MINUTE);
        r->truth.latest_delivery_error = (char *)"NoSuchBucket";
        rig_live(r, USEC_PER_MINUTE);
        assert_int_equal(rig_incident(r)->kind, INCIDENT_DELIVERY);
        assert_true(rig_incident(r)->good_msec == delivered);
}

/* A topic that fails once more is tried anew, all of it, when it takes the next message. */
static void test_topic_that_fails_again(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(&(RigOptions){.n_topics = 2});

        rig_stored(r);
        rig_sent(r, 1, TOPIC, AWS_ERROR_DENIED);
        rig_started(r, AWS_ERROR_DENIED, "r-1");
        rig_stored(r);
        rig_sent(r, 2, TOPIC, AWS_ERROR_NONE);
        for (unsigned k = 0; k < 8; k++) { /* woken by that, and refused for a long time */
                rig_sent(r, 1, TOPIC, AWS_ERROR_DENIED);
                rig_pass(r, k < 7 ? 320 * USEC_PER_SEC : 0);
        }
        rig_polled(r, true, 7100, RIG_STOP);
        rig_stored(r);
        rig_pass(r, 31 * USEC_PER_SEC); /* which waits for the first so long */
        assert_false(rig_message(r, 1).deliveries[0].in_flight);
        rig_sent(r, 3, TOPIC, AWS_ERROR_NONE);
        assert_true(rig_message(r, 1).deliveries[0].in_flight);
}

UNIT_MAIN(T(test_failures_before_it_was_accepted), T(test_doubt_before_it_was_not_found),
          T(test_clock_set_before_the_first_answer), T(test_throttled_since),
          T(test_failing_since_the_last_delivery), T(test_topic_that_fails_again))
