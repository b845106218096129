/* SPDX-License-Identifier: Apache-2.0 */

/* The heartbeat says that the guard sees its trails and that somebody would hear of it. */

#include "unit.h"

#include "core-fixture.h"

#define MINUTES(n) ((n)*USEC_PER_MINUTE)

/* Heartbeats of one trail in that time. */
static unsigned beats(Rig *r, uint64_t usec)
{
        unsigned before = r->asked[ACTION_HEARTBEAT];

        rig_live(r, usec);
        return r->asked[ACTION_HEARTBEAT] - before;
}

/* Seen to log, and then stopped, with a restart that fails, so that there is something to tell. */
static Rig *rig_new_down(const RigOptions *o, AwsErrorClass sends)
{
        Rig *r = rig_new(o);

        rig_live(r, 5 * USEC_PER_SEC);
        r->sends = sends;
        r->starts = AWS_ERROR_DENIED;
        rig_truth(r, false, RIG_START, RIG_STOP);
        return r;
}

/* At once where only somebody's action can help, else when it has lasted for five minutes. */
static void test_withheld_while_nobody_hears(void **state)
{
        static const struct {
                AwsErrorClass class;
                unsigned in_time; /* heartbeats before */
        } rows[] = {
                {AWS_ERROR_DENIED, 0},      {AWS_ERROR_NOT_FOUND, 0}, {AWS_ERROR_INVALID, 0},
                {AWS_ERROR_NETWORK, 5},     {AWS_ERROR_THROTTLED, 5}, {AWS_ERROR_TRANSIENT, 5},
                {AWS_ERROR_CREDENTIALS, 5},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_rig_ Rig *r = rig_new_down(NULL, rows[k].class);

                assert_int_equal(beats(r, MINUTES(5)), rows[k].in_time);
                assert_int_equal(core_heartbeat_withheld_msec(r->core) != 0, !rows[k].in_time);
                (void)beats(r, MINUTES(2));
                assert_int_not_equal(core_heartbeat_withheld_msec(r->core), 0);
                assert_int_equal(beats(r, 5 * USEC_PER_HOUR), 0);
                r->sends = AWS_ERROR_NONE;
                (void)beats(r, MINUTES(6)); /* until it is tried again */
                assert_int_equal(beats(r, MINUTES(10)), 10);
                assert_int_equal(core_heartbeat_withheld_msec(r->core), 0);
        }
}

/* Said once, and once more when it is over. */
static void test_withheld_is_said(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);
        unsigned withheld = 0, sent = 0;

        rig_polled(r, true, RIG_START, 0);
        rig_polled(r, false, RIG_START, RIG_STOP);
        rig_stored(r);
        rig_sent(r, 1, TOPIC, AWS_ERROR_DENIED);
        for (unsigned k = 0; k < 300; k++) {
                rig_pass(r, core_next_boot(r->core) - r->now.boot_usec);
                const Action *log = rig_log(r, LOG_EVENT_HEARTBEAT);
                withheld += log && strstr(log->text, "withheld") && log->incident;
                if (!rig_message(r, 1).deliveries[0].sent && withheld > 0 && k > 150)
                        rig_sent(r, 1, TOPIC, AWS_ERROR_NONE);
                sent += log && strstr(log->text, "sent again");
                rig_polled(r, false, RIG_START, RIG_STOP);
        }
        assert_int_equal(withheld, 1);
        assert_int_equal(sent, 1);
}

/* What one topic has taken is heard, whatever the other does. */
static void test_one_topic_is_enough(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_down(&(RigOptions){.n_topics = 2}, AWS_ERROR_NONE);

        r->deaf = TOPIC;
        assert_int_equal(beats(r, MINUTES(30)), 30);
        assert_int_equal(core_heartbeat_withheld_msec(r->core), 0);
}

/* A topic for which it is not grave enough has no say in it. */
static void test_only_topics_that_should_take_it(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(
                &(RigOptions){.n_topics = 2, .second = {.min_severity = SEVERITY_CRITICAL}});

        rig_stored(r);
        rig_sent(r, 1, TOPIC, AWS_ERROR_DENIED);
        rig_polled(r, false, RIG_START, RIG_STOP);
        rig_pass(r, MINUTES(1));
        assert_int_not_equal(core_heartbeat_withheld_msec(r->core), 0);
}

/* A message that an earlier run could not deliver has waited for long enough. */
static void test_restored_messages_count_at_once(void **state)
{
        Policy p = policy_default;

        p.unheard_after_usec = USEC_PER_HOUR; /* more than since the machine was booted */
        for (unsigned sent = 0; sent < 2; sent++) {
                _cleanup_rig_ Rig *old = rig_new_stopped(NULL),
                                  *r = rig_new(&(RigOptions){.policy = &p});

                if (sent) {
                        rig_stored(old);
                        rig_sent(old, 1, TOPIC, AWS_ERROR_NONE);
                }
                core_restore_incident(r->core, fixture_through_json(rig_incident(old)));
                r->sends = AWS_ERROR_NETWORK;
                r->starts = AWS_ERROR_NETWORK;
                rig_truth(r, false, RIG_START, RIG_STOP);
                rig_live(r, 10 * USEC_PER_SEC);
                assert_int_equal(beats(r, MINUTES(3)), sent ? 3 : 0);
                assert_int_equal(core_heartbeat_withheld_msec(r->core) != 0, !sent);
        }
}

/* What was seen before counts no more when it is sent again. */
static void test_blind_when_it_is_heard_again(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_down(NULL, AWS_ERROR_DENIED);

        assert_int_equal(beats(r, MINUTES(10)), 0);
        r->polls = AWS_ERROR_DENIED;
        assert_int_equal(beats(r, MINUTES(3)), 0);
        r->sends = AWS_ERROR_NONE;
        assert_int_equal(beats(r, MINUTES(10)), 0);
        r->polls = AWS_ERROR_NONE;
        assert_int_equal(beats(r, MINUTES(3)), 3);
}

static void test_turned_off(void **state)
{
        Policy p = policy_default;

        p.heartbeat_usec = 0;
        _cleanup_rig_ Rig *r = rig_new(&(RigOptions){.policy = &p});
        assert_int_equal(beats(r, MINUTES(10)), 0);
        r->sends = AWS_ERROR_DENIED;
        rig_truth(r, false, RIG_START, RIG_STOP);
        assert_int_equal(beats(r, MINUTES(10)), 0);
        assert_int_equal(core_heartbeat_withheld_msec(r->core), 0);
}

UNIT_MAIN(T(test_withheld_while_nobody_hears), T(test_withheld_is_said),
          T(test_one_topic_is_enough), T(test_only_topics_that_should_take_it),
          T(test_restored_messages_count_at_once), T(test_blind_when_it_is_heard_again),
          T(test_turned_off))
