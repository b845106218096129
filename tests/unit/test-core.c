/* SPDX-License-Identifier: Apache-2.0 */
#include "core/core.h"

#include <errno.h>

#include "core-fixture.h"
#include "unit.h"

#define START RIG_START
#define STOP RIG_STOP

static void test_act_store_send(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        assert_int_equal(r->actions.items[0].kind, ACTION_START_LOGGING);
        assert_int_equal(r->actions.items[0].trail, 0);
        assert_int_equal(rig_count(r, ACTION_STORE), 1);
        assert_int_equal(rig_count(r, ACTION_SEND), 0);
        assert_non_null(rig_log(r, LOG_EVENT_INCIDENT_OPENED));
        assert_int_equal(rig_incident(r)->kind, INCIDENT_STOPPED);
        assert_int_equal(rig_incident(r)->restart.state, RESTART_REQUESTED);
        rig_stored(r);
        assert_int_equal(rig_count(r, ACTION_SEND), 1);
        assert_true(rig_action(r, ACTION_SEND)->durable);
        assert_int_equal(rig_action(r, ACTION_SEND)->message->phase, PHASE_OPEN);
}

static void test_steps_have_times(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);
        int64_t asked = r->now.wall_msec;

        rig_stored(r);
        rig_pass(r, 300 * USEC_PER_MSEC);
        rig_sent(r, 1, TOPIC, AWS_ERROR_NONE);
        rig_pass(r, 100 * USEC_PER_MSEC);
        rig_started(r, AWS_ERROR_NONE, "r-1");
        rig_pass(r, 100 * USEC_PER_MSEC);
        assert_int_equal(rig_incident(r)->restart.requested_msec, asked);
        assert_int_equal(rig_message(r, 1).deliveries[0].sent_msec, asked + 300);
        assert_int_equal(rig_incident(r)->restart.accepted_msec, asked + 400);
}

static void test_disk_fails(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        rig_store_failed(r, -ENOSPC);
        assert_non_null(rig_log(r, LOG_EVENT_STORE_FAILED));
        assert_int_equal(rig_count(r, ACTION_SEND), 1);
        assert_false(rig_action(r, ACTION_SEND)->durable);
        assert_int_equal(rig_count(r, ACTION_STORE), 0);
        rig_pass(r, policy_default.store_retry_usec - 1);
        rig_step(r, &(Input){.kind = INPUT_TICK, .trail = SIZE_MAX});
        assert_int_equal(rig_count(r, ACTION_STORE), 0);
        rig_pass(r, 1);
        assert_int_equal(rig_count(r, ACTION_STORE), 1);
        rig_stored(r);
        assert_int_equal(rig_incident(r)->store_error, 0);
}

static void answer_store(Rig *r, InputKind kind, uint64_t generation)
{
        rig_step(r, &(Input){.kind = kind,
                             .trail = SIZE_MAX,
                             .incident = rig_incident(r)->id,
                             .generation = generation,
                             .store_error = kind == INPUT_STORE_FAILED ? -ENOSPC : 0});
}

/* What is under way is not asked for again when the write before it fails: if the first came
 * through and the second did not, the spool would have a failure that nobody mends. */
static void test_write_under_way_is_not_repeated(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(&(RigOptions){.action = TRAIL_ACTION_ALERT});
        uint64_t first = rig_incident(r)->asked_generation, second;

        rig_pass(r, policy_default.store_patience_usec);
        rig_sent(r, 1, TOPIC, AWS_ERROR_NONE);
        second = rig_incident(r)->asked_generation;
        assert_true(second > first);
        answer_store(r, INPUT_STORE_FAILED, first);
        assert_int_equal(rig_incident(r)->store_error, -ENOSPC);
        rig_pass(r, policy_default.store_retry_usec);
        assert_int_equal(rig_incident(r)->asked_generation, second);
        assert_int_equal(rig_count(r, ACTION_STORE), 0);
        answer_store(r, INPUT_STORED, second);
        assert_int_equal(rig_incident(r)->store_error, 0);
        assert_true(core_next_boot(r->core) > r->now.boot_usec);
}

static void test_disk_stalls(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        rig_pass(r, policy_default.store_patience_usec - 1);
        assert_false(rig_message(r, 1).deliveries[0].in_flight);
        rig_pass(r, 1);
        assert_true(rig_message(r, 1).deliveries[0].in_flight);
        assert_false(rig_action(r, ACTION_SEND)->durable);
}

static void test_message_waits_for_its_own_generation(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);
        uint64_t first = rig_incident(r)->asked_generation;

        rig_started(r, AWS_ERROR_DENIED, "r-1"); /* FAILING, a newer generation */
        rig_step(r, &(Input){.kind = INPUT_STORED,
                             .trail = SIZE_MAX,
                             .incident = rig_incident(r)->id,
                             .generation = first});
        assert_int_equal(rig_count(r, ACTION_SEND), 1);
        assert_int_equal(rig_action(r, ACTION_SEND)->message->phase, PHASE_OPEN);
        rig_stored(r);
        assert_int_equal(rig_action(r, ACTION_SEND)->message->phase, PHASE_FAILING);
}

static void test_restart_is_verified(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        rig_started(r, AWS_ERROR_NONE, "r-1");
        assert_int_equal(rig_incident(r)->restart.state, RESTART_ACCEPTED);
        assert_int_equal(rig_count(r, ACTION_POLL), 1); /* its proof, at once */
        rig_polled(r, true, 7100, STOP);
        assert_false(rig_incident(r)->open);
        assert_int_equal(rig_incident(r)->restart.state, RESTART_VERIFIED);
        assert_int_equal(rig_incident(r)->restart.attempts, 1);
        assert_int_equal(rig_incident(r)->blind_to_msec, BASE + 7100);
        assert_int_equal(rig_message(r, 2).phase, PHASE_CLOSED);
        assert_null(core_trail_incident(r->core, 0));
}

static void test_restart_by_others(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        rig_started(r, AWS_ERROR_DENIED, "r-1");
        rig_polled(r, true, 7100, STOP);
        assert_int_equal(rig_incident(r)->restart.state, RESTART_BY_OTHERS);
}

static void test_unanswered_restart_is_ours(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        rig_started(r, AWS_ERROR_NETWORK, "");
        assert_int_equal(rig_incident(r)->restart.unanswered, 1);
        rig_polled(r, true, 7100, STOP);
        assert_int_equal(rig_incident(r)->restart.state, RESTART_VERIFIED);
}

/* Without credentials there was nothing to send. */
static void test_unsent_restart_is_not_ours(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        rig_started(r, AWS_ERROR_CREDENTIALS, "");
        rig_polled(r, true, 7100, STOP);
        assert_int_equal(rig_incident(r)->restart.state, RESTART_BY_OTHERS);
}

static void test_alert_only(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(&(RigOptions){.action = TRAIL_ACTION_ALERT});

        assert_int_equal(rig_count(r, ACTION_START_LOGGING), 0);
        assert_int_equal(rig_incident(r)->restart.state, RESTART_NOT_WANTED);
}

/* 1, 2, 4, 8 s, then every 15 s; told once for each reason. */
static void test_failing(void **state)
{
        static const uint64_t pauses[] = {1, 2, 4, 8, 15, 15};
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        for (size_t i = 0; i < ELEMENTSOF(pauses); i++) {
                rig_started(r, AWS_ERROR_DENIED, "r-1");
                rig_pass(r, pauses[i] * USEC_PER_SEC - 1);
                assert_int_equal(rig_count(r, ACTION_START_LOGGING), 0);
                rig_pass(r, 1);
                assert_int_equal(rig_count(r, ACTION_START_LOGGING), 1);
        }
        assert_int_equal(rig_incident(r)->n_messages, 2);
        assert_int_equal(rig_message(r, 2).phase, PHASE_FAILING);
        assert_int_equal(rig_message(r, 2).severity, SEVERITY_CRITICAL);
        rig_started(r, AWS_ERROR_THROTTLED, "r-2");
        assert_int_equal(rig_message(r, 3).phase, PHASE_FAILING);
        assert_int_equal(rig_incident(r)->restart.attempts, 1 + ELEMENTSOF(pauses));
}

/* A new stop is acted on at once, whatever was being waited for. */
static void test_stopped_again(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        rig_started(r, AWS_ERROR_NONE, "r-1");
        rig_polled(r, false, 7100, 7200);
        assert_int_equal(r->actions.items[0].kind, ACTION_START_LOGGING);
        assert_int_equal(core_n_incidents(r->core), 2);
        assert_int_equal(core_incident(r->core, 0)->blind_to_msec, BASE + 7100);
        assert_false(core_incident(r->core, 0)->open);
        assert_int_equal(core_incident(r->core, 1)->stop_msec, BASE + 7200);
        assert_int_equal(core_incident(r->core, 1)->known_start_msec, BASE + 7100);
}

/* The answer to a call that was made before the new stop says nothing of it. */
static void test_stopped_again_while_starting(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        rig_polled(r, false, 7100, 7200);
        assert_int_equal(rig_count(r, ACTION_START_LOGGING), 0); /* one is in flight */
        rig_started(r, AWS_ERROR_NONE, "r-1");
        assert_int_equal(rig_count(r, ACTION_START_LOGGING), 1);
}

/* One more StopLogging of a stopped trail is no new stop and does not hasten the next try. */
static void test_redundant_stop(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        rig_started(r, AWS_ERROR_DENIED, "r-1");
        rig_polled(r, false, START, STOP + 1000);
        assert_int_equal(rig_count(r, ACTION_START_LOGGING), 0);
        assert_int_equal(rig_incident(r)->stop_msec, BASE + STOP);
        assert_int_equal(rig_incident(r)->stop_moved_msec, BASE + STOP + 1000);
        assert_false(rig_incident(r)->restart.untimed);
}

static void test_not_effective(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        r->starts_work = false;
        rig_truth(r, true, START, 0);
        rig_live(r, 7 * USEC_PER_SEC);
        rig_truth(r, false, START, STOP);
        rig_live(r, 25 * USEC_PER_SEC);
        assert_int_equal(r->asked[ACTION_START_LOGGING], 1);
        assert_int_equal(r->phases[PHASE_FAILING], 0);
        rig_live(r, 30 * USEC_PER_SEC);
        assert_int_equal(r->asked[ACTION_START_LOGGING], 2);
        assert_int_equal(r->phases[PHASE_FAILING], 1);
        assert_string_equal(rig_incident(r)->restart.error.code, "NotEffective");
        /* Accepted once more, and the reminder said that it was, and not confirmed yet. */
        assert_int_equal(rig_incident(r)->restart.state, RESTART_FAILING);
        rig_live(r, 300 * USEC_PER_SEC);
        assert_int_equal(r->phases[PHASE_FAILING], 1);
        rig_live(r, 56 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_FAILING], 2);
}

/* Failed, accepted, and without effect: of the same class as the failure before, it was not told,
 * and the last word was that the restart had been accepted. */
static void test_failing_again_after_it_was_accepted(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        r->starts_work = false;
        r->starts = AWS_ERROR_TRANSIENT;
        rig_truth(r, false, START, STOP);
        rig_live(r, USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_FAILING], 1);
        r->starts = AWS_ERROR_NONE;
        rig_live(r, 2 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_FAILING], 2);
        rig_live(r, 30 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_FAILING], 2);
}

/* Accepted, and then nobody can look: that is not "without effect". */
static void test_accepted_and_blind(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        r->truth.is_logging = true;
        rig_live(r, 0);
        r->polls = AWS_ERROR_DENIED;
        rig_live(r, 300 * USEC_PER_SEC);
        for (size_t i = 0; i < core_n_incidents(r->core); i++)
                assert_int_not_equal(core_incident(r->core, i)->restart.state, RESTART_FAILING);
}

static void test_reminders(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        r->starts = AWS_ERROR_DENIED;
        rig_truth(r, false, START, STOP);
        rig_live(r, 59 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_FAILING], 1);
        rig_live(r, 2 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_FAILING], 2); /* 1 h */
        rig_live(r, 118 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_FAILING], 2);
        rig_live(r, 2 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_FAILING], 3); /* 2 h later */
        rig_live(r, 4 * USEC_PER_HOUR);
        assert_int_equal(r->phases[PHASE_FAILING], 4); /* 4 h later */
}

static void test_stale_answers(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        rig_started(r, AWS_ERROR_NONE, "r-1");
        rig_polled(r, true, 7100, STOP);
        rig_polled(r, false, START, STOP); /* old, but acted on when it is time */
        assert_int_equal(rig_incident(r)->open, false);
        assert_int_equal(core_trail_memory(r->core, 0)->start_msec, BASE + 7100);
        rig_polled(r, true, 7100, STOP);
        rig_polled(r, true, START, 0);
        assert_int_equal(core_n_incidents(r->core), 1);
}

/* An old "logging" does not end the efforts of an outage. */
static void test_stale_logging(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        rig_started(r, AWS_ERROR_DENIED, "r-1");
        rig_polled(r, true, START, 0);
        rig_pass(r, USEC_PER_SEC);
        assert_int_equal(rig_incident(r)->restart.attempts, 2);
        assert_true(rig_incident(r)->open);
}

static void test_doubtful_stop(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_polled(r, true, START, 0);
        rig_polled(r, false, START, 0);
        int64_t asked = r->now.wall_msec;
        assert_int_equal(r->actions.items[0].kind, ACTION_START_LOGGING); /* acted on at once */
        rig_pass(r, USEC_PER_SEC);
        rig_polled(r, false, START, 0);
        assert_int_equal(core_n_incidents(r->core), 0);
        rig_polled(r, false, START, 0);
        assert_int_equal(rig_incident(r)->stop_msec, 0);
        assert_int_equal(rig_incident(r)->restart.requested_msec, asked);
        /* Its time shows: that is the same outage, but the restart was not made because of it. */
        rig_polled(r, false, START, STOP);
        assert_int_equal(rig_incident(r)->stop_msec, BASE + STOP);
        assert_true(rig_incident(r)->restart.untimed);
        rig_started(r, AWS_ERROR_NONE, "first");
        rig_started(r, AWS_ERROR_NONE, "again, because of the time");
        rig_polled(r, true, 9000, STOP);
        assert_false(rig_incident(r)->open);
        assert_int_equal(rig_incident(r)->n_messages, 2);
}

static void test_doubt_that_passes(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_polled(r, true, START, 0);
        for (int i = 0; i < 10; i++) {
                rig_polled(r, false, START, 0);
                rig_polled(r, false, START, 0);
                rig_polled(r, true, START, 0);
        }
        assert_int_equal(core_n_incidents(r->core), 0);
}

static void test_deleted_and_back(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, USEC_PER_SEC);
        r->polls = AWS_ERROR_NOT_FOUND;
        rig_live(r, 30 * USEC_PER_SEC);
        assert_int_equal(rig_incident(r)->kind, INCIDENT_DELETED);
        assert_int_equal(rig_incident(r)->severity, SEVERITY_CRITICAL);
        r->polls = AWS_ERROR_NONE; /* the same trail again: it was out of reach */
        rig_live(r, 20 * USEC_PER_SEC);
        assert_true(rig_incident(r)->open);
        rig_live(r, 20 * USEC_PER_SEC);
        assert_false(rig_incident(r)->open);
        /* And once more. */
        r->polls = AWS_ERROR_NOT_FOUND;
        rig_live(r, 90 * USEC_PER_SEC);
        assert_int_equal(core_n_incidents(r->core), 2);
        assert_string_not_equal(core_incident(r->core, 0)->id, core_incident(r->core, 1)->id);
}

static void test_one_not_found_is_none(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_polled(r, true, START, 0);
        for (int i = 0; i < 5; i++) {
                rig_poll_failed(r, AWS_ERROR_NOT_FOUND, "TrailNotFoundException");
                rig_polled(r, true, START, 0);
        }
        assert_int_equal(core_n_incidents(r->core), 0);
}

static void test_never_found(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        r->polls = AWS_ERROR_NOT_FOUND;
        rig_live(r, 10 * USEC_PER_MINUTE);
        assert_int_equal(rig_incident(r)->kind, INCIDENT_NOT_FOUND);
        assert_int_equal(r->phases[PHASE_OPEN], 1);
        r->polls = AWS_ERROR_NONE;
        rig_live(r, USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_CLOSED], 1);
        assert_int_equal(core_n_incidents(r->core), 0);
}

static void test_cannot_see(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_polled(r, true, START, 0);
        rig_poll_failed(r, AWS_ERROR_DENIED, "AccessDeniedException");
        assert_non_null(rig_log(r, LOG_EVENT_POLL_FAILED));
        rig_poll_failed(r, AWS_ERROR_DENIED, "AccessDeniedException");
        assert_null(rig_log(r, LOG_EVENT_POLL_FAILED)); /* the first of a row */
        rig_pass(r, 60 * USEC_PER_SEC - 1);
        assert_int_equal(core_n_incidents(r->core), 0);
        rig_pass(r, 1);
        assert_int_equal(rig_incident(r)->kind, INCIDENT_CANNOT_SEE);
        assert_string_equal(rig_incident(r)->cause.code, "AccessDeniedException");
        rig_polled(r, true, START, 0);
        assert_false(rig_incident(r)->open);
        assert_int_equal(rig_message(r, 2).phase, PHASE_CLOSED);
}

static void test_cannot_see_without_any_answer(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_pass(r, 60 * USEC_PER_SEC);
        assert_string_equal(rig_incident(r)->cause.code, "NoAnswer");
        assert_non_null(core_overdue(r->core, (Now){.boot_usec = r->now.boot_usec + 1}));
}

static void test_dead_topic(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(&(RigOptions){.n_topics = 2});

        rig_stored(r);
        assert_int_equal(rig_count(r, ACTION_SEND), 2);
        rig_sent(r, 1, TOPIC2, AWS_ERROR_NONE);
        rig_sent(r, 1, TOPIC, AWS_ERROR_NOT_FOUND);
        assert_non_null(rig_log(r, LOG_EVENT_ALERT_FAILED));
        assert_true(rig_message(r, 1).deliveries[1].sent);
        for (uint64_t wait = 5; wait <= 160; wait *= 2) {
                rig_pass(r, wait * USEC_PER_SEC - 1);
                assert_false(rig_message(r, 1).deliveries[0].in_flight);
                rig_pass(r, 1);
                assert_true(rig_message(r, 1).deliveries[0].in_flight);
                rig_sent(r, 1, TOPIC, AWS_ERROR_NOT_FOUND);
                assert_null(rig_log(r, LOG_EVENT_ALERT_FAILED)); /* the same reason again */
        }
        rig_pass(r, 300 * USEC_PER_SEC);
        assert_true(rig_message(r, 1).deliveries[0].in_flight);
        rig_sent(r, 1, TOPIC, AWS_ERROR_NONE);
        assert_string_equal(rig_message(r, 1).deliveries[0].message_id, "m-1");
}

/* Bad news overtakes; the rest is read in its order, unless an earlier message does not get out. */
static void test_order_of_messages(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL), *stuck = rig_new_stopped(NULL),
                          *bad = rig_new_stopped(NULL);

        rig_stored(r);
        rig_started(r, AWS_ERROR_NONE, "r-1");
        rig_polled(r, true, 9000, STOP);
        rig_stored(r);
        assert_int_equal(rig_message(r, 2).phase, PHASE_CLOSED);
        assert_int_equal(rig_count(r, ACTION_SEND), 0);
        rig_sent(r, 1, TOPIC, AWS_ERROR_THROTTLED);
        assert_int_equal(rig_count(r, ACTION_SEND), 0);
        rig_pass(r, 5 * USEC_PER_SEC);
        assert_true(rig_message(r, 1).deliveries[0].in_flight);
        rig_sent(r, 1, TOPIC, AWS_ERROR_NONE);
        assert_true(rig_message(r, 2).deliveries[0].in_flight);

        rig_stored(stuck);
        rig_started(stuck, AWS_ERROR_NONE, "r-1");
        rig_polled(stuck, true, 9000, STOP);
        rig_stored(stuck);
        rig_pass(stuck, 30 * USEC_PER_SEC - 1);
        assert_false(rig_message(stuck, 2).deliveries[0].in_flight);
        rig_pass(stuck, 1);
        assert_true(rig_message(stuck, 2).deliveries[0].in_flight);

        rig_stored(bad);
        rig_started(bad, AWS_ERROR_DENIED, "r-1");
        rig_stored(bad);
        assert_int_equal(rig_message(bad, 2).phase, PHASE_FAILING);
        assert_true(rig_message(bad, 2).deliveries[0].in_flight);
}

/* A topic that swallows calls gets eight at a time. */
static void test_sends_in_flight(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        for (int class = AWS_ERROR_THROTTLED; class < _AWS_ERROR_CLASS_MAX; class ++) {
                rig_started(r, (AwsErrorClass) class, "r-1");
                rig_pass(r, 16 * USEC_PER_SEC);
        }
        rig_stored(r);
        assert_true(rig_incident(r)->n_messages > 8);
        unsigned in_flight = 0;
        for (size_t i = 0; i < core_n_incidents(r->core); i++)
                for (size_t m = 0; m < core_incident(r->core, i)->n_messages; m++)
                        in_flight += core_incident(r->core, i)->messages[m].deliveries[0].in_flight;
        assert_int_equal(in_flight, 8);
        rig_sent(r, 1, TOPIC, AWS_ERROR_NONE);
        assert_int_equal(rig_count(r, ACTION_SEND), 1);
}

static void test_delivery(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);
        TrailStatus s = {
                .is_logging = true,
                .start_logging_msec = BASE + 7100,
                .stop_logging_msec = BASE + STOP,
                .latest_delivery_msec = BASE - MSEC_PER_MINUTE,
        };
        Input in = {.kind = INPUT_POLLED, .status = &s, .asked_msec = BASE + 8000};

        rig_started(r, AWS_ERROR_NONE, "r-1");
        rig_step(r, &in);
        assert_int_equal(rig_incident(r)->delivering, DELIVERING_UNKNOWN);
        assert_int_equal(rig_incident(r)->delivering_msec, 0);
        s.latest_delivery_error = (char *)"NoSuchBucket";
        rig_step(r, &in);
        rig_step(r, &in);
        assert_int_equal(rig_incident(r)->delivering, DELIVERING_NO);
        assert_int_equal(rig_incident(r)->n_messages, 3); /* told once */
        assert_int_equal(rig_message(r, 3).phase, PHASE_UPDATE);
        assert_int_equal(rig_message(r, 3).severity, SEVERITY_CRITICAL);
        s.latest_delivery_error = NULL;
        rig_step(r, &in); /* no error any more, and no delivery since the restart either */
        assert_int_equal(rig_incident(r)->delivering, DELIVERING_NO);
        s.latest_delivery_msec = BASE + 7101;
        rig_step(r, &in);
        assert_int_equal(rig_incident(r)->delivering, DELIVERING_YES);
        assert_int_equal(rig_incident(r)->delivering_msec, r->now.wall_msec);
        assert_int_equal(rig_incident(r)->n_messages, 4); /* who was told of it hears of its end */
        assert_has(rig_message(r, 4).subject,
                   "UPDATE: logging again (111122223333 us-east-1) log files arrive, ");
        assert_non_null(rig_log(r, LOG_EVENT_DELIVERING));
}

static void test_heartbeat(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, 10 * USEC_PER_MINUTE + USEC_PER_SEC);
        assert_int_equal(r->asked[ACTION_HEARTBEAT], 10);
        r->polls = AWS_ERROR_DENIED;
        rig_live(r, 10 * USEC_PER_MINUTE);
        assert_in_range(r->asked[ACTION_HEARTBEAT], 10, 11);
}

static void test_trails_do_not_wait_for_each_other(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(&(RigOptions){.n_trails = 2});
        TrailStatus down = {.start_logging_msec = BASE + START, .stop_logging_msec = BASE + STOP};

        rig_polled(r, true, START, 0);
        rig_pass(r, 30 * USEC_PER_SEC); /* no answer about the first */
        rig_step(r, &(Input){.kind = INPUT_POLLED,
                             .trail = 1,
                             .status = &down,
                             .asked_msec = r->now.wall_msec});
        assert_int_equal(r->actions.items[0].kind, ACTION_START_LOGGING);
        assert_int_equal(r->actions.items[0].trail, 1);
}

static void test_overdue(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_step(r, &(Input){.kind = INPUT_TICK, .trail = SIZE_MAX}); /* asks */
        assert_null(core_overdue(r->core, r->now));
        assert_null(core_overdue(r->core, (Now){.boot_usec = r->now.boot_usec + 60000000}));
        assert_non_null(core_overdue(r->core, (Now){.boot_usec = r->now.boot_usec + 60000001}));
        rig_polled(r, true, START, 0);
        assert_null(core_overdue(r->core, (Now){.boot_usec = r->now.boot_usec + 60000001}));
}

/* Late or doubled answers of incidents that are gone. */
static void test_late_answers(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);
        char id[33] = "0123456789abcdef";

        for (int kind = 0; kind < _INPUT_KIND_MAX; kind++) {
                if (kind == INPUT_POLLED || kind == INPUT_STARTED)
                        continue;
                rig_step(r, &(Input){.kind = (InputKind)kind,
                                     .trail = SIZE_MAX,
                                     .incident = id,
                                     .sequence = 7,
                                     .topic_arn = TOPIC,
                                     .identity_arn = OWN});
        }
        assert_int_equal(core_n_incidents(r->core), 0);
}

UNIT_MAIN(T(test_act_store_send), T(test_steps_have_times), T(test_disk_fails),
          T(test_write_under_way_is_not_repeated), T(test_disk_stalls),
          T(test_message_waits_for_its_own_generation), T(test_restart_is_verified),
          T(test_restart_by_others), T(test_unanswered_restart_is_ours),
          T(test_unsent_restart_is_not_ours), T(test_alert_only), T(test_failing),
          T(test_stopped_again), T(test_stopped_again_while_starting), T(test_redundant_stop),
          T(test_not_effective), T(test_failing_again_after_it_was_accepted),
          T(test_accepted_and_blind), T(test_reminders), T(test_stale_answers),
          T(test_stale_logging), T(test_doubtful_stop), T(test_doubt_that_passes),
          T(test_deleted_and_back), T(test_one_not_found_is_none), T(test_never_found),
          T(test_cannot_see), T(test_cannot_see_without_any_answer),

          T(test_dead_topic), T(test_order_of_messages), T(test_sends_in_flight), T(test_delivery),
          T(test_heartbeat), T(test_trails_do_not_wait_for_each_other), T(test_overdue),
          T(test_late_answers))
