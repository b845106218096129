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
        /* The attempts of a minute together, and each look for the actor. */
        assert_in_range(r->asked[ACTION_STORE], 1, 45);
        assert_in_range(r->asked[ACTION_LOG], 1, 40);

        r->starts = AWS_ERROR_NONE;
        rig_live(r, 10 * USEC_PER_SEC);
        assert_false(rig_incident(r)->open);
        assert_int_equal(rig_incident(r)->restart.state, RESTART_VERIFIED);
        assert_int_equal(rig_incident(r)->restart.n_request_ids, 1);
        assert_non_null(strstr(last_body(r), "was throttled for 3 min 59 s, 2"));
}

/* The trail is seen to log before our StartLogging is answered: whose start that was is told when
 * it has been, or when that takes too long. */
static void test_seen_before_it_is_answered(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL), *late = rig_new_stopped(NULL);

        rig_polled(r, true, RIG_STOP + 500, RIG_STOP);
        assert_true(rig_incident(r)->open);
        rig_started(r, AWS_ERROR_NONE, "r-1");
        rig_polled(r, true, RIG_STOP + 500, RIG_STOP);
        assert_false(rig_incident(r)->open);
        assert_int_equal(rig_incident(r)->restart.state, RESTART_VERIFIED);
        assert_int_equal(rig_incident(r)->restart.unanswered, 0);

        rig_polled(late, true, RIG_STOP + 500, RIG_STOP);
        assert_true(rig_incident(late)->open);
        rig_pass(late, 5 * USEC_PER_SEC);
        rig_polled(late, true, RIG_STOP + 500, RIG_STOP);
        assert_false(rig_incident(late)->open);
        assert_int_equal(rig_incident(late)->restart.unanswered, 1);
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

/* Found by the simulation: the first attempt of a call had no answer and did it, the second one was
 * throttled. Somebody else seemed to have started it, with our credentials. */
static void test_throttled_after_an_attempt_without_an_answer(void **state)
{
        for (unsigned maybe = 0; maybe < 2; maybe++) {
                _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

                rig_step(r, &(Input){.kind = INPUT_STARTED,
                                     .error = {.class = AWS_ERROR_THROTTLED, .request_id = "r-2"},
                                     .maybe_done = maybe});
                rig_polled(r, true, RIG_STOP + 2000, RIG_STOP);
                assert_int_equal(rig_incident(r)->restart.state,
                                 maybe ? RESTART_VERIFIED : RESTART_BY_OTHERS);
                assert_int_equal(rig_incident(r)->restart.unanswered, maybe);
        }
}

static const Incident *find(const Rig *r, IncidentKind kind)
{
        for (size_t i = 0; i < core_n_incidents(r->core); i++)
                if (core_incident(r->core, i)->kind == kind)
                        return core_incident(r->core, i);
        return NULL;
}

/* Seen to log, and then for so long not any more. */
static Rig *rig_new_blind(const RigOptions *o, AwsErrorClass polls, uint64_t usec)
{
        Rig *r = rig_new(o);

        rig_live(r, 10 * USEC_PER_SEC);
        r->polls = polls;
        rig_live(r, usec);
        return r;
}

/* Once a minute from the first on, whatever answers; the messages say so. */
static void test_unseen(void **state)
{
        static const AwsErrorClass classes[] = {AWS_ERROR_DENIED, AWS_ERROR_THROTTLED,
                                                AWS_ERROR_TRANSIENT, AWS_ERROR_PROTOCOL,
                                                AWS_ERROR_INVALID};

        for (size_t k = 0; k < ELEMENTSOF(classes); k++) {
                _cleanup_rig_ Rig *r = rig_new_blind(NULL, classes[k], 49 * USEC_PER_SEC);

                assert_int_equal(r->asked[ACTION_START_LOGGING], 0);
                rig_live(r, 15 * USEC_PER_SEC);
                assert_int_equal(r->asked[ACTION_START_LOGGING], 1);
                assert_int_equal(rig_incident(r)->kind, INCIDENT_CANNOT_SEE);
                assert_non_null(
                        strstr(last_body(r), "StartLogging is sent once a minute, in case"));
                rig_live(r, USEC_PER_HOUR);
                assert_in_range(r->asked[ACTION_START_LOGGING], 55, 66);
                assert_int_equal(rig_incident(r)->n_messages, 2); /* with a reminder */
                assert_non_null(strstr(last_body(r), "sent so far, last accepted at 2026-11-23"));
                assert_int_equal(rig_incident(r)->severity, SEVERITY_HIGH);
                assert_in_range(r->asked[ACTION_LOG], 1, 40);

                r->polls = AWS_ERROR_NONE;
                rig_live(r, 12 * USEC_PER_SEC);
                assert_non_null(strstr(last_body(r), "StartLogging was sent meanwhile"));
                rig_live(r, 5 * USEC_PER_MINUTE);
                assert_null(find(r, INCIDENT_OTHER_CONTROLLER));
        }
}

static void test_unseen_where_nothing_is_to_be_sent(void **state)
{
        static const AwsErrorClass classes[] = {AWS_ERROR_NETWORK, AWS_ERROR_CREDENTIALS,
                                                AWS_ERROR_EXPIRED, AWS_ERROR_CLOCK,
                                                AWS_ERROR_NOT_FOUND};

        for (size_t k = 0; k < ELEMENTSOF(classes); k++) {
                _cleanup_rig_ Rig *r = rig_new_blind(NULL, classes[k], USEC_PER_HOUR);

                assert_int_equal(r->asked[ACTION_START_LOGGING], 0);
                assert_null(strstr(last_body(r), "once a minute"));
        }
        _cleanup_rig_ Rig *alert = rig_new_blind(&(RigOptions){.action = TRAIL_ACTION_ALERT},
                                                 AWS_ERROR_DENIED, USEC_PER_HOUR);
        assert_int_equal(alert->asked[ACTION_START_LOGGING], 0);
}

static void test_unseen_in_maintenance(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);
        MaintenanceRequest m = {.for_msec = MSEC_PER_HOUR, .reason = "work", .who = "root"};

        rig_live(r, 10 * USEC_PER_SEC);
        rig_step(r,
                 &(Input){.kind = INPUT_MAINTENANCE_START, .trail = SIZE_MAX, .maintenance = &m});
        r->polls = AWS_ERROR_DENIED;
        rig_live(r, USEC_PER_HOUR - 11 * USEC_PER_SEC);
        assert_int_equal(r->asked[ACTION_START_LOGGING], 0);
        rig_live(r, 12 * USEC_PER_SEC);
        assert_int_equal(r->asked[ACTION_START_LOGGING], 1);
}

/* What was stopped meanwhile shows when the trail is seen again, and who has started it. */
static void test_unseen_stop(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_blind(NULL, AWS_ERROR_DENIED, 5 * USEC_PER_MINUTE);
        const RecordFacts who = {.at = r->now.wall_msec - BASE};

        r->records = &who;
        r->n_records = 1;
        r->truth.is_logging = false;
        r->truth.stop_logging_msec = r->now.wall_msec;
        int64_t stop = r->truth.stop_logging_msec;
        rig_live(r, USEC_PER_HOUR);
        assert_true(r->truth.is_logging);
        r->polls = AWS_ERROR_NONE;
        rig_live(r, USEC_PER_MINUTE);
        const Incident *blink = find(r, INCIDENT_BLINK);
        assert_non_null(blink);
        assert_true(blink->stop_msec == stop);
        assert_int_equal(blink->restart.state, RESTART_VERIFIED);
        assert_int_equal(blink->attribution.confidence, CONFIDENCE_EXACT);
        assert_null(find(r, INCIDENT_OTHER_CONTROLLER));
}

/* Others who start it meanwhile are not taken for this guard. */
static void test_unseen_started_by_others(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_blind(NULL, AWS_ERROR_DENIED, 5 * USEC_PER_MINUTE);

        r->starts_work = false;
        r->truth.stop_logging_msec = r->now.wall_msec + 1000;
        r->truth.start_logging_msec = r->now.wall_msec + 2000;
        while (r->asked[ACTION_START_LOGGING] < 10)
                rig_live(r, 20 * USEC_PER_SEC);
        r->truth.stop_logging_msec = r->now.wall_msec + 12000;
        r->truth.start_logging_msec = r->now.wall_msec + 13000;
        r->polls = AWS_ERROR_NONE;
        rig_live(r, 20 * USEC_PER_SEC);
        assert_int_equal(find(r, INCIDENT_BLINK)->restart.state, RESTART_NOT_WANTED);
}

/* It can neither be seen nor started: that is told once for each reason, and louder. */
static void test_unseen_and_denied(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, 10 * USEC_PER_SEC);
        r->polls = r->starts = AWS_ERROR_DENIED;
        rig_live(r, 30 * USEC_PER_MINUTE);
        assert_in_range(r->asked[ACTION_START_LOGGING], 26, 34);
        assert_int_equal(rig_incident(r)->n_messages, 2);
        assert_int_equal(rig_message(r, 2).phase, PHASE_UPDATE);
        assert_int_equal(rig_message(r, 2).severity, SEVERITY_CRITICAL);
        assert_non_null(strstr(rig_message(r, 2).subject, ") StartLogging FAILS, trail "));
        assert_non_null(strstr(last_body(r), "FAILED: access denied (SomeException"));
}

/* Throttled, it has its turn as often as a restart that is needed, and is told after a minute. */
static void test_unseen_and_throttled(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, 10 * USEC_PER_SEC);
        r->polls = r->starts = AWS_ERROR_THROTTLED;
        rig_live(r, 100 * USEC_PER_SEC);
        assert_in_range(r->asked[ACTION_START_LOGGING], 30, 50);
        assert_int_equal(rig_incident(r)->n_messages, 1);
        rig_live(r, 10 * USEC_PER_MINUTE);
        assert_int_equal(rig_incident(r)->n_messages, 2);
        assert_non_null(strstr(last_body(r), "StartLogging was throttled for 1 min"));
        assert_in_range(r->asked[ACTION_STORE], 1, 30);
}

/* Whoever may read an organization's trail and not start it is told so once. */
static void test_unseen_trail_of_another_account(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, 10 * USEC_PER_SEC);
        rig_step(r, &(Input){.kind = INPUT_IDENTITY,
                             .trail = SIZE_MAX,
                             .identity_arn = "arn:aws:sts::444455556666:assumed-role/guard/i-1"});
        r->polls = r->starts = AWS_ERROR_DENIED;
        rig_live(r, USEC_PER_HOUR / 2);
        assert_int_equal(r->asked[ACTION_START_LOGGING], 1);
        assert_int_equal(rig_incident(r)->n_messages, 2);
}

#define UNSEEN_TRAILS 8

/* One a second of an account and region, and nobody is left out. */
static void test_unseen_trails_take_turns(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_blind(&(RigOptions){.n_trails = UNSEEN_TRAILS},
                                             AWS_ERROR_DENIED, 50 * USEC_PER_SEC);
        uint64_t last = 0;
        unsigned asked[UNSEEN_TRAILS] = {};

        for (uint64_t end = r->now.boot_usec + 5 * USEC_PER_MINUTE; r->now.boot_usec < end;) {
                rig_pass(r, MIN(core_next_boot(r->core), end) - r->now.boot_usec);
                for (size_t k = 0; k < r->actions.n; k++) {
                        if (r->actions.items[k].kind != ACTION_START_LOGGING)
                                continue;
                        assert_true(r->now.boot_usec >= last + USEC_PER_SEC);
                        last = r->now.boot_usec;
                        asked[r->actions.items[k].trail]++;
                }
                for (unsigned k = 0; k < UNSEEN_TRAILS; k++) {
                        Input in = {.kind = INPUT_STARTED, .trail = k};

                        if (last == r->now.boot_usec)
                                rig_step(r, &in);
                        in.kind = INPUT_POLLED;
                        in.error.class = AWS_ERROR_DENIED;
                        rig_step(r, &in);
                }
        }
        for (unsigned k = 0; k < UNSEEN_TRAILS; k++)
                assert_in_range(asked[k], 4, 6);
}

/* Stopped when an earlier run last saw it: that is known to be needed. */
static void test_unseen_and_stopped_before(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);
        Incident *i = fixture_incident(INCIDENT_STOPPED, RIG_STOP);

        core_restore_incident(r->core, i);
        r->polls = AWS_ERROR_DENIED;
        rig_live(r, 62 * USEC_PER_SEC);
        assert_int_equal(r->asked[ACTION_START_LOGGING], 1);
        r->polls = AWS_ERROR_NONE;
        r->truth.stop_logging_msec = BASE + RIG_STOP;
        rig_live(r, 20 * USEC_PER_SEC);
        assert_false(find(r, INCIDENT_STOPPED)->open);
        assert_int_equal(find(r, INCIDENT_STOPPED)->restart.state, RESTART_VERIFIED);
}

UNIT_MAIN(T(test_unseen), T(test_unseen_where_nothing_is_to_be_sent), T(test_unseen_in_maintenance),
          T(test_unseen_stop), T(test_unseen_started_by_others), T(test_unseen_and_denied),
          T(test_unseen_and_throttled), T(test_unseen_trail_of_another_account),
          T(test_unseen_trails_take_turns), T(test_unseen_and_stopped_before), T(test_throttled),
          T(test_seen_before_it_is_answered), T(test_throttled_with_jitter),
          T(test_throttled_among_other_failures),
          T(test_throttled_after_an_attempt_without_an_answer))
