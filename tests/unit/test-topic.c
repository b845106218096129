/* SPDX-License-Identifier: Apache-2.0 */
/* Which topic gets what, and what becomes of one that takes nothing. */

#include "core/core.h"

#include <syslog.h>

#include "core-fixture.h"
#include "unit.h"

/* The notice that a topic fails, NULL without one. */
static const Incident *failing_topic(const Rig *r)
{
        for (size_t i = 0; i < core_n_incidents(r->core); i++)
                if (core_incident(r->core, i)->kind == INCIDENT_TOPIC_FAILING)
                        return core_incident(r->core, i);
        return NULL;
}

/* At once where only somebody's action helps; what may pass by itself is given its time. */
static void test_when_a_failing_topic_is_told(void **state)
{
        static const struct {
                AwsErrorClass class;
                bool at_once;
        } rows[] = {
                {AWS_ERROR_NOT_FOUND, true},  {AWS_ERROR_DENIED, true},
                {AWS_ERROR_INVALID, true},    {AWS_ERROR_NETWORK, false},
                {AWS_ERROR_THROTTLED, false}, {AWS_ERROR_TRANSIENT, false},
                {AWS_ERROR_EXPIRED, false},   {AWS_ERROR_CREDENTIALS, false},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_rig_ Rig *r = rig_new_stopped(&(RigOptions){.n_topics = 2});

                rig_stored(r);
                rig_sent(r, 1, TOPIC, rows[k].class);
                assert_int_equal(failing_topic(r) != NULL, rows[k].at_once);
                rig_pass(r, 90 * USEC_PER_SEC - 1);
                assert_int_equal(failing_topic(r) != NULL, rows[k].at_once);
                rig_pass(r, 1);
                const Incident *told = failing_topic(r);
                assert_non_null(told);
                assert_int_equal(told->severity, SEVERITY_HIGH);
                assert_int_equal(told->cause.class, rows[k].class);
                assert_string_equal(told->scope_arn, TOPIC);
                assert_int_equal(told->messages[0].n_deliveries, 1);
                assert_string_equal(told->messages[0].deliveries[0].topic_arn, TOPIC2);
        }
}

/* Nobody is left to be told, but it is recorded, and loudly. */
static void test_only_topic_fails(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        rig_stored(r);
        rig_sent(r, 1, TOPIC, AWS_ERROR_DENIED);
        const Incident *told = failing_topic(r);
        assert_non_null(told);
        assert_int_equal(told->severity, SEVERITY_CRITICAL);
        assert_int_equal(told->messages[0].n_deliveries, 0);
        assert_int_equal(rig_log(r, LOG_EVENT_NOTICE)->priority, LOG_CRIT);
}

/* The first message that it takes brings the others at once; it is over with the last of them. */
static void test_topic_takes_messages_again(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(&(RigOptions){.n_topics = 2});

        rig_stored(r);
        rig_sent(r, 1, TOPIC, AWS_ERROR_DENIED);
        rig_started(r, AWS_ERROR_DENIED, "r-1");
        assert_int_equal(rig_message(r, 2).phase, PHASE_FAILING);
        rig_pass(r, policy_default.store_patience_usec);
        rig_sent(r, 2, TOPIC, AWS_ERROR_DENIED);
        rig_pass(r, policy_default.send_retry_usec - policy_default.store_patience_usec);
        assert_true(rig_message(r, 1).deliveries[0].in_flight);
        assert_false(rig_message(r, 2).deliveries[0].in_flight);
        rig_sent(r, 1, TOPIC, AWS_ERROR_NONE);
        assert_true(rig_message(r, 2).deliveries[0].in_flight);
        assert_true(failing_topic(r)->open);
        rig_sent(r, 2, TOPIC, AWS_ERROR_NONE);
        assert_false(failing_topic(r)->open);
        assert_non_null(strstr(failing_topic(r)->text, "2 messages"));
}

/* Made with the message, whatever has become of the incident when it is sent. */
static void test_document_is_of_its_message(void **state)
{
        for (int f = 0; f < _TOPIC_FORMAT_MAX; f++) {
                _cleanup_rig_ Rig *r = rig_new_stopped(
                        &(RigOptions){.n_topics = 2, .second = {.format = (TopicFormat)f}});

                if (f == TOPIC_FORMAT_TEXT) {
                        assert_null(rig_message(r, 1).document);
                        continue;
                }
                assert_non_null(strstr(rig_message(r, 1).document, "\"phase\":\"OPEN\""));
                rig_started(r, AWS_ERROR_DENIED, "r-1");
                rig_stored(r);
                assert_non_null(strstr(rig_message(r, 1).document, "\"state\":\"requested\""));
                assert_non_null(strstr(rig_message(r, 2).document, "\"state\":\"failing\""));
        }
}

static const Delivery *delivery(const Rig *r, unsigned sequence, const char *topic)
{
        const Message m = rig_message(r, sequence);

        return message_find_delivery(&m, topic);
}

static void test_least_severity(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(
                &(RigOptions){.n_topics = 2, .second = {.min_severity = SEVERITY_CRITICAL}});

        assert_non_null(delivery(r, 1, TOPIC));
        assert_null(delivery(r, 1, TOPIC2));
        rig_started(r, AWS_ERROR_DENIED, "r-1");
        assert_int_equal(rig_message(r, 2).severity, SEVERITY_CRITICAL);
        assert_non_null(delivery(r, 2, TOPIC2));
}

UNIT_MAIN(T(test_when_a_failing_topic_is_told), T(test_only_topic_fails),
          T(test_topic_takes_messages_again), T(test_document_is_of_its_message),
          T(test_least_severity))
