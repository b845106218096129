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

/* One answer, and when AWS gave it: ms after BASE. */
static void answer(Rig *r, TrailStatus s, int64_t date)
{
        s.latest_delivery_msec = BASE - MSEC_PER_MINUTE;
        rig_step(r, &(Input){.kind = INPUT_POLLED,
                             .status = &s,
                             .aws_msec = BASE + date,
                             .asked_msec = r->now.wall_msec});
}

#define AHEAD (5 * MSEC_PER_MINUTE + 1)

/* Answers of which only IsLogging can be believed. */
static const TrailStatus doubtful[] = {
        {.unread = "StopLoggingTime", .start_logging_msec = BASE + RIG_START},
        {.unread = "all but IsLogging"},
        {.start_logging_msec = BASE + AHEAD},
        {.start_logging_msec = BASE + RIG_START, .stop_logging_msec = BASE + AHEAD},
        {.start_logging_msec = BASE + RIG_START, .stop_logging_msec = INT64_C(253402300799000)},
};

/* "Not logging" is acted on at once and recorded when reads agree; it ends with a good answer. */
static void test_doubtful_stop_is_a_stop(void **state)
{
        for (size_t k = 0; k < ELEMENTSOF(doubtful); k++) {
                _cleanup_rig_ Rig *r = rig_new(NULL);

                rig_polled(r, true, RIG_START, 0);
                answer(r, doubtful[k], 0);
                assert_int_equal(r->actions.items[0].kind, ACTION_START_LOGGING);
                assert_int_equal(core_n_incidents(r->core), 0);
                answer(r, doubtful[k], 0);
                answer(r, doubtful[k], 0);
                assert_int_equal(rig_incident(r)->kind, INCIDENT_STOPPED);
                assert_int_equal(rig_incident(r)->stop_msec, 0);
                rig_started(r, AWS_ERROR_NONE, "r-1");
                rig_polled(r, true, 7100, RIG_STOP);
                assert_false(rig_incident(r)->open);
                assert_true(rig_incident(r)->stop_msec == BASE + RIG_STOP);
                assert_true(rig_incident(r)->blind_to_msec == BASE + 7100);
                assert_int_equal(rig_incident(r)->restart.state, RESTART_VERIFIED);
                assert_int_equal(core_n_incidents(r->core), 1);
        }
}

/* Nothing of it stays: the next stop is a stop like any other. */
static void test_doubtful_times_are_forgotten(void **state)
{
        for (size_t k = 0; k < ELEMENTSOF(doubtful); k++) {
                _cleanup_rig_ Rig *r = rig_new(NULL);
                TrailStatus s = doubtful[k];

                s.is_logging = true;
                rig_polled(r, true, RIG_START, 0);
                answer(r, s, 0);
                assert_null(rig_action(r, ACTION_START_LOGGING));
                assert_true(core_trail_memory(r->core, 0)->start_msec == BASE + RIG_START);
                assert_int_equal(core_trail_memory(r->core, 0)->stop_msec, 0);
                rig_polled(r, false, RIG_START, RIG_STOP);
                assert_int_equal(rig_incident(r)->kind, INCIDENT_STOPPED);
                assert_true(rig_incident(r)->stop_msec == BASE + RIG_STOP);
                assert_int_equal(core_n_incidents(r->core), 1);
        }
}

/* What cannot be read for long is not seen, and somebody is told why, while restarts go on. */
static void test_doubt_that_lasts_is_told(void **state)
{
        for (size_t k = 0; k < 2 * ELEMENTSOF(doubtful); k++) {
                _cleanup_rig_ Rig *r = rig_new(NULL);
                TrailStatus s = doubtful[k / 2];
                const Incident *told = NULL;

                s.is_logging = k % 2;
                rig_polled(r, true, RIG_START, 0);
                for (unsigned n = 0; n < 61; n++) {
                        answer(r, s, 0);
                        if (n == 0 && !s.is_logging)
                                rig_started(r, AWS_ERROR_NONE, "r-1");
                        rig_pass(r, USEC_PER_SEC);
                }
                for (size_t i = 0; i < core_n_incidents(r->core); i++)
                        if (core_incident(r->core, i)->kind == INCIDENT_CANNOT_SEE)
                                told = core_incident(r->core, i);
                assert_non_null(told);
                assert_int_equal(told->cause.class, AWS_ERROR_PROTOCOL);
                assert_int_equal(core_n_incidents(r->core), s.is_logging ? 1 : 2);
        }
}

static void test_restart_goes_on_while_in_doubt(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, USEC_PER_MINUTE);
        r->truth = doubtful[0];
        r->starts_work = false;
        rig_live(r, 10 * USEC_PER_MINUTE);
        /* Each is given half a minute to show. */
        assert_in_range(r->asked[ACTION_START_LOGGING], 18, 22);
        assert_int_equal(r->phases[PHASE_OPEN], 2);
}

/* Without the Date nothing can be said, and up to five minutes are AWS's own. */
static void test_what_is_no_doubt(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);
        TrailStatus s = {.is_logging = true, .start_logging_msec = BASE + AHEAD};

        rig_step(r, &(Input){.kind = INPUT_POLLED, .status = &s});
        assert_true(core_trail_memory(r->core, 0)->start_msec == BASE + AHEAD);
        s.start_logging_msec += 10;
        answer(r, s, 10 + 1);
        assert_true(core_trail_memory(r->core, 0)->start_msec == BASE + AHEAD + 10);
}

/* Never seen before: it is as stopped as any other. */
static void test_doubtful_at_first_sight(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        for (unsigned k = 0; k < 3; k++)
                answer(r, doubtful[2], 0);
        assert_int_equal(rig_incident(r)->kind, INCIDENT_ALREADY_STOPPED);
        rig_started(r, AWS_ERROR_NONE, "r-1");
        rig_polled(r, true, 7100, RIG_STOP);
        assert_false(rig_incident(r)->open);
        assert_int_equal(core_n_incidents(r->core), 1);
}

/* A core that was left this memory and, perhaps, an incident. */
static Rig *restored(const TrailMemory *m, Incident *i)
{
        Rig *r = rig_new(NULL);
        TrailMemory copy = *m;

        copy.arn = (char *)TRAIL;
        core_restore_memory(r->core, &copy);
        if (i)
                core_restore_incident(r->core, i);
        return r;
}

static const TrailMemory ahead[] = {
        {.seen = true, .logging = true, .start_msec = BASE + AHEAD},
        {.seen = true, .logging = true, .start_msec = 1, .stop_msec = INT64_C(253402300799000)},
        {.seen = true, .logging = true, .start_msec = 1, .floor_msec = INT64_MAX / 2},
        {.seen = true, .start_msec = 1, .stop_msec = BASE + AHEAD},
};

/* A stop is a stop, whatever was remembered, and the memory is as good as new after it. */
static void test_memory_that_is_ahead(void **state)
{
        for (size_t k = 0; k < ELEMENTSOF(ahead); k++) {
                _cleanup_rig_ Rig *r = restored(&ahead[k], NULL);
                TrailStatus down = {.start_logging_msec = BASE + RIG_START,
                                    .stop_logging_msec = BASE + RIG_STOP};
                TrailStatus up = down;

                answer(r, down, 0);
                assert_non_null(rig_action(r, ACTION_START_LOGGING));
                assert_non_null(rig_log(r, LOG_EVENT_STATE_DOUBTED));
                assert_int_equal(rig_incident(r)->kind, INCIDENT_ALREADY_STOPPED);
                assert_true(rig_incident(r)->stop_msec == BASE + RIG_STOP);
                rig_started(r, AWS_ERROR_NONE, "r-1");
                up.is_logging = true;
                up.start_logging_msec = BASE + 7100;
                answer(r, up, 10000);
                assert_null(rig_log(r, LOG_EVENT_STATE_DOUBTED));
                assert_false(rig_incident(r)->open);
                assert_int_equal(core_n_incidents(r->core), 1);
                assert_int_equal(core_trail_memory(r->core, 0)->floor_msec, 0);
        }
}

/* What was stopped and started while nothing could be newer is told: since it was seen to log. */
static void test_memory_that_was_ahead_for_days(void **state)
{
        for (unsigned k = 0; k < 2; k++) {
                TrailMemory m = ahead[1];
                TrailStatus s = {.is_logging = true,
                                 .start_logging_msec = BASE - 2 * MSEC_PER_DAY + 1000,
                                 .stop_logging_msec = BASE - 2 * MSEC_PER_DAY};

                m.last_logging_msec = s.stop_logging_msec + (k ? 1000 : -1000);
                _cleanup_rig_ Rig *r = restored(&m, NULL);
                answer(r, s, 0);
                assert_int_equal(core_n_incidents(r->core), k ? 0 : 1);
                assert_true(k || rig_incident(r)->kind == INCIDENT_RECENT_STOP);
        }
}

/* An outage that has no such times goes on as it was; one that has them is over. */
static void test_memory_that_is_ahead_of_its_incident(void **state)
{
        for (unsigned k = 0; k < 2; k++) {
                Incident *i = fixture_incident(INCIDENT_STOPPED, k ? AHEAD + 3000 : RIG_STOP);
                _cleanup_rig_ Rig *r = restored(&ahead[1], i);
                TrailStatus s = {.start_logging_msec = BASE + RIG_START,
                                 .stop_logging_msec = BASE + RIG_STOP};

                answer(r, s, 3000);
                assert_int_equal(core_n_incidents(r->core), k ? 2 : 1);
                assert_int_equal(core_incident(r->core, 0)->open, !k);
                assert_ptr_equal(core_trail_incident(r->core, 0), core_incident(r->core, k));
                assert_true(core_trail_incident(r->core, 0)->stop_msec == BASE + RIG_STOP);
        }
}

/* Of what nobody could see only the last stop shows: it is not the one that was seen first. */
static void test_doubtful_stop_and_a_later_one(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_polled(r, true, RIG_START, 0);
        for (unsigned k = 0; k < 3; k++)
                answer(r, doubtful[1], 0);
        rig_started(r, AWS_ERROR_NONE, "r-1");
        rig_pass(r, 10 * USEC_PER_MINUTE);
        rig_polled(r, true, 510000, 500000);
        const Incident *first = core_incident(r->core, 0);
        assert_false(first->open);
        assert_int_equal(first->stop_msec + first->blind_to_msec, 0);
        bool told = false;
        for (size_t i = 0; i < core_n_incidents(r->core); i++)
                told = told || (core_incident(r->core, i)->kind == INCIDENT_BLINK &&
                                core_incident(r->core, i)->stop_msec == BASE + 500000);
        assert_true(told);
}

/* Found again after it was deleted, and not logging: one outage, and it ends. */
static void test_reappeared_and_not_logging(void **state)
{
        for (unsigned k = 0; k < 2; k++) {
                _cleanup_rig_ Rig *r = rig_new(NULL);

                rig_polled(r, true, RIG_START, 0);
                rig_poll_failed(r, AWS_ERROR_NOT_FOUND, "TrailNotFoundException");
                rig_poll_failed(r, AWS_ERROR_NOT_FOUND, "TrailNotFoundException");
                assert_int_equal(rig_incident(r)->kind, INCIDENT_DELETED);
                for (unsigned n = 0; n < 50; n++) {
                        rig_pass(r, USEC_PER_SEC);
                        if (k == 0)
                                rig_polled(r, false, RIG_START, 0);
                        else
                                answer(r, doubtful[1], 0);
                }
                assert_non_null(core_trail_incident(r->core, 0));
                rig_polled(r, true, 7100, RIG_STOP);
                for (size_t i = 0; i < core_n_incidents(r->core); i++)
                        assert_true(!core_incident(r->core, i)->open ||
                                    core_incident(r->core, i)->blind_to_msec);
        }
}

UNIT_MAIN(T(test_restarted_as_it_was_stopped), T(test_blink_in_no_time),
          T(test_stopped_as_it_was_started), T(test_logging_with_the_times_of_a_stop),
          T(test_doubtful_stop_is_a_stop), T(test_doubtful_times_are_forgotten),
          T(test_doubt_that_lasts_is_told), T(test_restart_goes_on_while_in_doubt),
          T(test_what_is_no_doubt), T(test_doubtful_at_first_sight), T(test_memory_that_is_ahead),
          T(test_memory_that_was_ahead_for_days), T(test_memory_that_is_ahead_of_its_incident),
          T(test_doubtful_stop_and_a_later_one), T(test_reappeared_and_not_logging))
