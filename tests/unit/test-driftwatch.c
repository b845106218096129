/* SPDX-License-Identifier: Apache-2.0 */

/* When drift is believed, told, updated and over; who did it; and what arrives no more. */

#include "unit.h"

#include <stdio.h>

#include "base/mem.h"
#include "core-fixture.h"
#include "core/drift.h"
#include "core/incidentjson.h"

#define NO_MANAGEMENT "{\"EventSelectors\":[{\"IncludeManagementEvents\":false}]}"
#define ALL_MANAGEMENT "{\"EventSelectors\":[{}]}"
#define MINUTE USEC_PER_MINUTE

static void set_bucket(Rig *r, const char *name)
{
        mem_strset(&r->settings.description.s3_bucket_name, name);
}

/* Looked at for some minutes, all well. */
static Rig *rig_watched(const RigOptions *o)
{
        Rig *r = rig_new(o);

        rig_live(r, 5 * MINUTE);
        return r;
}

static const Incident *only(const Rig *r, IncidentKind kind)
{
        const Incident *found = NULL;

        for (size_t i = 0; i < core_n_incidents(r->core); i++) {
                if (core_incident(r->core, i)->kind != kind)
                        continue;
                assert_null(found);
                found = core_incident(r->core, i);
        }
        return found;
}

static const char *last_body(const Incident *i)
{
        if (getenv("SHOW"))
                printf("%s\n\n%s\n", i->messages[i->n_messages - 1].subject,
                       i->messages[i->n_messages - 1].body);
        return i->messages[i->n_messages - 1].body;
}

static void test_baseline(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, USEC_PER_MINUTE / 2);
        assert_in_range(r->asked[ACTION_INSPECT], 1, 2); /* at once: there is but one trail */
        assert_true(core_trail_memory(r->core, 0)->baseline.described);
        assert_int_equal(core_trail_memory(r->core, 0)->baseline.selectors.n, 1);
        rig_live(r, 10 * MINUTE);
        assert_in_range(r->asked[ACTION_INSPECT], 10, 12);
        assert_int_equal(core_n_incidents(r->core), 0);
}

static void test_weak_from_the_first(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_select(r, NO_MANAGEMENT);
        rig_polled(r, true, RIG_START, 0);
        rig_inspected(r);
        assert_int_equal(rig_count(r, ACTION_LOG), 2);
        assert_has(rig_log(r, LOG_EVENT_BASELINE)[1].text,
                   "weak from the first: it does not record all management events: none");
        assert_int_equal(core_n_incidents(r->core), 0);
}

static void test_one_read_is_not_enough(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched(NULL);

        set_bucket(r, "evil");
        rig_inspected(r);
        assert_int_equal(core_n_incidents(r->core), 0);
        set_bucket(r, "amzn-s3-demo-bucket"); /* a replica had another state */
        rig_inspected(r);
        set_bucket(r, "evil");
        rig_inspected(r);
        assert_int_equal(core_n_incidents(r->core), 0);
        rig_pass(r, 6 * USEC_PER_SEC); /* asked again soon */
        assert_non_null(rig_action(r, ACTION_INSPECT));
        rig_inspected(r);
        const Incident *i = only(r, INCIDENT_DRIFT);
        const LookupQuery *q = &rig_action(r, ACTION_LOOKUP)->lookup;
        assert_string_equal(q->event_name, "UpdateTrail");
        assert_true(q->from_msec == i->good_msec - 2 * MSEC_PER_MINUTE);
        assert_true(q->to_msec == i->seen_msec + 2 * MSEC_PER_MINUTE);
        assert_true(i->good_msec > BASE && i->seen_msec >= i->good_msec);
}

static void test_bucket(void **state)
{
        static const RecordFacts records[] = {
                {.event = "UpdateTrail", .who = BOB, .at = -1000000}, /* long before */
                {.event = "UpdateTrail", .at = 330000, .parameters = "s3BucketName=evil-bucket"},
                {.event = "UpdateTrail", .who = BOB, .at = 331000, .error = "AccessDenied"},
        };
        _cleanup_rig_ Rig *r = rig_watched(NULL);

        r->records = records + 1;
        r->n_records = 2;
        rig_live(r, MINUTE / 2);
        set_bucket(r, "evil-bucket");
        rig_live(r, 2 * MINUTE);
        const Incident *i = only(r, INCIDENT_DRIFT);
        assert_int_equal(i->severity, SEVERITY_CRITICAL);
        assert_true(i->open);
        assert_true(i->good_msec >= BASE + 240000 && i->good_msec <= BASE + 330000);
        assert_true(i->seen_msec > i->good_msec && i->seen_msec <= BASE + 400000);
        assert_string_equal(i->messages[0].subject,
                            "OPEN: SETTINGS CHANGED (111122223333 us-east-1) trail "
                            "management-events delivers to another bucket");
        assert_int_equal(i->n_messages, 2);
        assert_int_equal(i->attribution.confidence, CONFIDENCE_EXACT);
        assert_string_equal(incident_find_role(i, ROLE_CULPRIT)->record.identity.arn, MALLORY);
        assert_non_null(incident_find_role(i, ROLE_ATTEMPT));
        const char *body = last_body(i);
        assert_has(body, "CloudTrail trail management-events delivers to another bucket.\n"
                         "Now: not restored.\n");
        assert_has(body, "    was         amzn-s3-demo-bucket\n    is          evil-bucket\n");
        assert_has(body, "ATT&CK          T1685.002 Disable or Modify Cloud Log (formerly "
                         "T1562.008)\n");
        assert_has(body, "     aws cloudtrail update-trail --region us-east-1 --name " TRAIL
                         " --s3-bucket-name amzn-s3-demo-bucket\n");
        assert_has(body, "     trailsentry baseline accept --trail " TRAIL "\n");
        assert_has(body, "severity critical");

        set_bucket(r, "amzn-s3-demo-bucket");
        rig_live(r, 20 * MINUTE);
        assert_true(incident_is_settled(only(r, INCIDENT_DRIFT))); /* closed, all sent */
        assert_int_equal(r->phases[PHASE_OPEN], 1);
        assert_int_equal(r->phases[PHASE_UPDATE], 1);
        assert_int_equal(r->phases[PHASE_CLOSED], 1);
}

/* A replica that lags says that it is as it was: that has to hold for a while. */
static void test_put_back_holds(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched(NULL);

        rig_select(r, NO_MANAGEMENT);
        rig_live(r, 2 * MINUTE);
        const Incident *i = only(r, INCIDENT_DRIFT);
        assert_has(last_body(i), "Now: NOT ALL IS RECORDED.");
        assert_has(last_body(i), "it is as blind to it as a stopped one");
        assert_has(i->messages[0].subject, "OPEN: NOT ALL IS RECORDED (");
        rig_select(r, ALL_MANAGEMENT);
        rig_inspected(r);
        rig_inspected(r);
        rig_inspected(r);
        assert_true(only(r, INCIDENT_DRIFT)->open);
        rig_live(r, MINUTE);
        i = only(r, INCIDENT_DRIFT);
        assert_false(i->open);
        assert_has(i->messages[i->n_messages - 1].subject, "CLOSED: restored after ");
        (void)last_body(i);
}

/* Two settings, two people, two calls: each is named. */
static void test_more_changes(void **state)
{
        static const RecordFacts records[] = {
                {.event = "UpdateTrail", .at = 301000, .parameters = "s3BucketName=evil"},
                {.event = "PutEventSelectors",
                 .who = BOB,
                 .at = 421000,
                 .selectors = NO_MANAGEMENT},
        };
        _cleanup_rig_ Rig *r = rig_watched(NULL);

        r->records = records;
        r->n_records = 2;
        set_bucket(r, "evil");
        rig_live(r, 2 * MINUTE);
        assert_int_equal(only(r, INCIDENT_DRIFT)->attribution.confidence, CONFIDENCE_EXACT);
        rig_select(r, NO_MANAGEMENT);
        rig_live(r, 3 * MINUTE);
        const Incident *i = only(r, INCIDENT_DRIFT);
        assert_int_equal(i->changes.n, 2);
        assert_has(i->messages[2].subject,
                   "UPDATE: NOT ALL IS RECORDED (111122223333 us-east-1) more "
                   "has changed, trail ");
        /* What was certain before is not taken back by what came then. */
        assert_has(i->messages[2].body, "    is          evil\n    by          ");
        assert_has(i->messages[2].body, "Who             not known yet");
        assert_null(i->changes.items[1].by);
        assert_int_equal(i->attribution.confidence, CONFIDENCE_EXACT);
        assert_has(last_body(i), MALLORY);
        assert_has(last_body(i), BOB);

        set_bucket(r, "amzn-s3-demo-bucket"); /* one of them is put back */
        rig_live(r, 2 * MINUTE);
        i = only(r, INCIDENT_DRIFT);
        assert_true(i->open && i->changes.items[0].undone && !i->changes.items[1].undone);
        assert_has(i->messages[2].body, "What changed\n  S3 bucket (critical)");
}

/* The same call by two people in the time in question: nobody is accused. */
static void test_ambiguous(void **state)
{
        static const RecordFacts records[] = {
                {.event = "UpdateTrail", .at = 301000, .parameters = "s3BucketName=evil"},
                {.event = "UpdateTrail",
                 .who = BOB,
                 .at = 301000,
                 .parameters = "s3BucketName=evil"},
        };
        _cleanup_rig_ Rig *r = rig_watched(NULL);

        r->records = records;
        r->n_records = 2;
        set_bucket(r, "evil");
        rig_live(r, 2 * MINUTE);
        const Incident *i = only(r, INCIDENT_DRIFT);
        assert_int_equal(i->attribution.confidence, CONFIDENCE_AMBIGUOUS);
        assert_null(incident_find_role(i, ROLE_CULPRIT));
        assert_has(last_body(i), "UpdateTrail, may have done it");
}

/* One of two calls has not shown yet: nobody is accused of both. */
static void test_half_explained(void **state)
{
        static const RecordFacts records[] = {
                {.event = "UpdateTrail", .at = 301000, .parameters = "s3BucketName=evil"}};
        _cleanup_rig_ Rig *r = rig_watched(NULL);

        r->records = records;
        r->n_records = 1;
        set_bucket(r, "evil");
        rig_select(r, NO_MANAGEMENT);
        rig_live(r, 5 * MINUTE);
        const Incident *i = only(r, INCIDENT_DRIFT);
        assert_int_equal(i->attribution.confidence, CONFIDENCE_NONE);
        assert_null(incident_find_role(i, ROLE_CULPRIT));
        rig_live(r, 1500 * MINUTE);
        assert_int_equal(only(r, INCIDENT_DRIFT)->attribution.confidence, CONFIDENCE_AMBIGUOUS);
}

static void accept(Rig *r, const char *digest)
{
        rig_step(r, &(Input){.kind = INPUT_ACCEPT, .by = "root", .digest = digest});
}

static void test_accept(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched(NULL);
        char digest[DRIFT_DIGEST_SIZE];

        accept(r, NULL);
        assert_null(rig_log(r, LOG_EVENT_BASELINE));
        assert_has(core_refuses_accept(r->core, 0, NULL), "there is no drift");
        set_bucket(r, "new");
        rig_live(r, 2 * MINUTE);
        changes_digest(&only(r, INCIDENT_DRIFT)->changes, digest);
        accept(r, "0000");
        assert_true(only(r, INCIDENT_DRIFT)->open);
        assert_has(core_refuses_accept(r->core, 0, "0000"), "has changed since it was looked at");
        assert_null(core_refuses_accept(r->core, 0, digest));
        accept(r, digest);
        const Incident *i = only(r, INCIDENT_DRIFT);
        assert_false(i->open);
        assert_string_equal(i->accepted_by, "root");
        assert_has(last_body(i), "Accepted by     root\n");
        assert_string_equal(core_trail_memory(r->core, 0)->baseline.description.s3_bucket_name,
                            "new");
        assert_string_equal(core_trail_memory(r->core, 0)->baseline_by, "root");
        rig_live(r, 10 * MINUTE);
        assert_int_equal(r->phases[PHASE_OPEN], 1); /* and not again */
        set_bucket(r, "amzn-s3-demo-bucket");
        rig_live(r, 2 * MINUTE);
        assert_int_equal(r->phases[PHASE_OPEN], 2); /* what was once is drift now */
}

static void test_declared(void **state)
{
        const RigOptions o = {.expect = {.s3_bucket_name = (char *)"declared"}};
        _cleanup_rig_ Rig *r = rig_watched(&o);
        const Incident *i = only(r, INCIDENT_DRIFT);

        assert_non_null(i); /* at first sight */
        assert_int_equal(i->good_msec, 0);
        assert_has(last_body(i), "    expected    declared\n    is          amzn-s3-demo-bucket\n");
        assert_has(last_body(i), "when it was first looked at");
        accept(r, NULL); /* cannot be accepted */
        assert_true(only(r, INCIDENT_DRIFT)->open);
        rig_live(r, 5 * MINUTE);
        assert_int_equal(r->phases[PHASE_OPEN], 1);
        set_bucket(r, "declared");
        rig_live(r, 2 * MINUTE);
        assert_int_equal(r->phases[PHASE_CLOSED], 1);
}

/* More than before is the baseline from then on, silently; losing it again is drift. */
static void test_wider(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_select(r, "{\"EventSelectors\":[{\"ReadWriteType\":\"WriteOnly\"}]}");
        rig_live(r, 5 * MINUTE);
        rig_select(r, ALL_MANAGEMENT);
        rig_live(r, 5 * MINUTE);
        assert_int_equal(core_n_incidents(r->core), 0);
        rig_select(r, "{\"EventSelectors\":[{\"ReadWriteType\":\"WriteOnly\"}]}");
        rig_live(r, 2 * MINUTE);
        assert_non_null(only(r, INCIDENT_DRIFT));
}

static void test_denied(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched(NULL);

        r->looks = AWS_ERROR_DENIED;
        rig_live(r, 60 * MINUTE);
        const Incident *i = only(r, INCIDENT_UNINSPECTED);
        assert_int_equal(i->severity, SEVERITY_WARNING);
        assert_int_equal(r->phases[PHASE_OPEN], 1);
        assert_int_equal(r->phases[PHASE_UPDATE], 0); /* told once */
        assert_has(last_body(i), "access denied (SomeException): GetTrail: in so many words");
        assert_has(last_body(i), "cloudtrail:GetEventSelectors");
        assert_int_equal(i->attribution.state, SEARCH_NOT_NEEDED);
        assert_int_equal(core_trail_memory(r->core, 0)->logging, true);
        r->looks = AWS_ERROR_NONE;
        rig_live(r, 2 * MINUTE);
        assert_int_equal(r->phases[PHASE_CLOSED], 1);
        assert_null(only(r, INCIDENT_DRIFT));
}

/* The selectors alone cannot be read: the rest is compared, and what was drift stays. */
static void test_half_denied(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched(NULL);
        Input in = {.kind = INPUT_INSPECTED, .operation = "GetEventSelectors"};

        rig_select(r, NO_MANAGEMENT);
        rig_live(r, 2 * MINUTE);
        assert_int_equal(only(r, INCIDENT_DRIFT)->changes.n, 1);
        set_bucket(r, "evil");
        in.settings = &r->settings;
        r->settings.selected = false;
        aws_error_set(&in.error, AWS_ERROR_DENIED, "AccessDeniedException", "no");
        rig_step(r, &in);
        rig_step(r, &in);
        assert_int_equal(only(r, INCIDENT_DRIFT)->changes.n, 2);
        assert_false(only(r, INCIDENT_DRIFT)->changes.items[1].undone);
        assert_has(only(r, INCIDENT_UNINSPECTED)->cause.message, "GetEventSelectors: no");
        r->settings.selected = true;
}

static void test_throttled(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched(NULL);
        unsigned before = r->asked[ACTION_INSPECT];

        r->looks = AWS_ERROR_THROTTLED;
        rig_live(r, 25 * MINUTE);
        assert_null(only(r, INCIDENT_UNINSPECTED));
        assert_in_range(r->asked[ACTION_INSPECT] - before, 3, 6); /* further and further apart */
        rig_live(r, 25 * MINUTE);
        assert_non_null(only(r, INCIDENT_UNINSPECTED));
}

/* A stop in the midst of it: StartLogging comes first, and at once. */
static void test_stop_comes_first(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched(NULL);

        set_bucket(r, "evil");
        rig_live(r, 2 * MINUTE);
        rig_pass(r, USEC_PER_SEC);
        rig_inspected(r);
        rig_polled(r, false, RIG_START, 430000);
        assert_int_equal(r->actions.items[0].kind, ACTION_START_LOGGING);
        assert_has_not(last_body(only(r, INCIDENT_DRIFT)), "logging"); /* which it may not be */
        assert_string_equal(core_trail_incident(r->core, 0)->id, only(r, INCIDENT_STOPPED)->id);
}

static void test_restart_of_the_guard(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched(NULL), *next = rig_new(NULL), *late = rig_new(NULL);
        TrailMemory m;

        rig_select(r, NO_MANAGEMENT);
        rig_live(r, 10 * MINUTE);
        const Incident *i = only(r, INCIDENT_DRIFT);
        _cleanup_json_ json_t *o = trail_memory_to_json(core_trail_memory(r->core, 0));
        assert_int_equal(trail_memory_from_json(o, &m), 0);
        core_restore_memory(next->core, &m);
        core_restore_memory(late->core, &m);
        trail_memory_done(&m);
        core_restore_incident(next->core, fixture_through_json(i));
        core_restore_incident(late->core, fixture_through_json(i));
        next->now = late->now = r->now;
        rig_live(late, 5 * MINUTE); /* put back while nobody looked */
        assert_int_equal(late->phases[PHASE_CLOSED], 1);
        rig_select(next, NO_MANAGEMENT);
        rig_live(next, 5 * MINUTE);
        assert_int_equal(core_n_incidents(next->core), 1);
        assert_int_equal(next->phases[PHASE_OPEN], 0); /* it was told */
        rig_select(next, ALL_MANAGEMENT);
        rig_live(next, 2 * MINUTE);
        assert_int_equal(next->phases[PHASE_CLOSED], 1);
}

/* Two guards that see the same say it under one name; the same again later is another. */
static void test_ids(void **state)
{
        _cleanup_rig_ Rig *a = rig_watched(NULL), *b = rig_new(NULL);
        char first[33];

        set_bucket(a, "evil");
        rig_live(b, 9 * MINUTE);
        set_bucket(b, "evil");
        rig_live(a, 2 * MINUTE);
        rig_live(b, 2 * MINUTE);
        assert_string_equal(only(a, INCIDENT_DRIFT)->id, only(b, INCIDENT_DRIFT)->id);
        memcpy(first, only(a, INCIDENT_DRIFT)->id, sizeof(first));
        set_bucket(a, "amzn-s3-demo-bucket");
        rig_live(a, 1500 * MINUTE);
        set_bucket(a, "evil");
        rig_live(a, 2 * MINUTE);
        assert_string_not_equal(only(a, INCIDENT_DRIFT)->id, first);
}

static void test_log_files(void **state)
{
        static const RecordFacts records[] = {
                {.event = "DeleteBucket", .trail = "another-bucket", .who = BOB, .at = 299000},
                {.event = "DeleteBucket", .trail = "amzn-s3-demo-bucket", .at = 300000},
        };
        _cleanup_rig_ Rig *r = rig_watched(NULL);

        r->records = records;
        r->n_records = 2;
        r->source = "s3.amazonaws.com";
        r->truth.latest_delivery_error = (char *)"NoSuchBucket";
        rig_live(r, MINUTE);
        const Incident *i = only(r, INCIDENT_DELIVERY);
        assert_int_equal(i->severity, SEVERITY_CRITICAL);
        assert_has(i->messages[0].subject,
                   "OPEN: not all of it arrives (111122223333 us-east-1) trail "
                   "management-events delivers no log files");
        rig_live(r, 5 * MINUTE);
        i = only(r, INCIDENT_DELIVERY);
        assert_string_equal(incident_find_role(i, ROLE_CULPRIT)->record.identity.arn, MALLORY);
        assert_has(last_body(i), "    usual       delivered to amzn-s3-demo-bucket\n"
                                 "    now         NoSuchBucket\n");
        assert_has(last_body(i), "T1685.002");

        r->truth.latest_notification_error = (char *)"AuthorizationError";
        rig_live(r, MINUTE);
        i = only(r, INCIDENT_DELIVERY);
        assert_int_equal(i->changes.n, 2);
        assert_has(i->messages[i->n_messages - 1].subject, "more has changed, trail ");
        r->truth.latest_delivery_error = NULL;
        rig_live(r, MINUTE);
        assert_true(only(r, INCIDENT_DELIVERY)->changes.items[0].undone);
        r->truth.latest_notification_error = NULL;
        rig_live(r, 30 * MINUTE);
        assert_int_equal(r->phases[PHASE_CLOSED], 1);
        assert_true(incident_is_settled(only(r, INCIDENT_DELIVERY)));
}

static void deliver(Rig *r, unsigned times, uint64_t every)
{
        for (unsigned k = 0; k < times; k++) {
                rig_live(r, every);
                r->truth.latest_delivery_msec = r->now.wall_msec;
        }
}

static void test_late(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched(NULL);

        deliver(r, 300, 5 * MINUTE);
        rig_live(r, 55 * MINUTE);
        assert_int_equal(core_n_incidents(r->core), 0);
        rig_live(r, 10 * MINUTE);
        const Incident *i = only(r, INCIDENT_DELIVERY);
        assert_int_equal(i->severity, SEVERITY_WARNING);
        assert_int_equal(i->attribution.state, SEARCH_NOT_NEEDED);
        assert_has(last_body(i), "usual       at least every 5 min");
        deliver(r, 2, 5 * MINUTE);
        rig_live(r, MINUTE);
        assert_int_equal(r->phases[PHASE_CLOSED], 1);
}

/* One that sleeps for eight hours a night is not accused, nor one that is not known for a day, nor
 * after a time in which nobody looked. */
static void test_not_late(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched(NULL), *young = rig_watched(NULL);

        for (unsigned day = 0; day < 3; day++) {
                deliver(r, 1, 8 * USEC_PER_HOUR);
                deliver(r, 190, 5 * MINUTE);
        }
        rig_live(r, 20 * USEC_PER_HOUR);
        assert_int_equal(core_n_incidents(r->core), 0);
        rig_live(r, 4 * USEC_PER_HOUR);
        assert_int_equal(core_n_incidents(r->core), 1);

        deliver(young, 100, 5 * MINUTE);
        rig_live(young, 20 * USEC_PER_HOUR);
        assert_int_equal(core_n_incidents(young->core), 0);
        deliver(young, 300, 5 * MINUTE);
        young->polls = AWS_ERROR_NETWORK;
        rig_live(young, 30 * USEC_PER_HOUR);
        young->polls = AWS_ERROR_NONE;
        rig_live(young, 30 * MINUTE);
        assert_null(only(young, INCIDENT_DELIVERY));
        deliver(young, 2, 5 * MINUTE); /* nor is that time taken for usual */
        assert_true(core_trail_memory(young->core, 0)->habit_msec < 25 * MSEC_PER_HOUR);
}

/* Whether a restarted trail delivers is told with its stop; that of another trail says nothing. */
static void test_log_files_of_another_trail(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(&(RigOptions){.n_trails = 2});
        TrailStatus broken = {.is_logging = true,
                              .start_logging_msec = BASE + RIG_START,
                              .latest_delivery_error = (char *)"NoSuchBucket"};

        rig_live(r, 5 * MINUTE);
        rig_truth(r, false, RIG_START, 200000);
        rig_step(r, &(Input){.kind = INPUT_POLLED, .trail = 0, .status = &r->truth});
        rig_step(r, &(Input){.kind = INPUT_STARTED, .trail = 0, .error.request_id = "ours"});
        broken.start_logging_msec = r->now.wall_msec + 1000;
        broken.stop_logging_msec = BASE + 200000;
        rig_pass(r, 2 * USEC_PER_SEC);
        rig_step(r, &(Input){.kind = INPUT_POLLED, .trail = 0, .status = &broken});
        rig_step(r, &(Input){.kind = INPUT_POLLED, .trail = 0, .status = &broken});
        assert_int_equal(only(r, INCIDENT_STOPPED)->delivering, DELIVERING_NO);
        assert_null(only(r, INCIDENT_DELIVERY));

        broken.start_logging_msec = BASE + RIG_START;
        broken.stop_logging_msec = 0;
        rig_step(r, &(Input){.kind = INPUT_POLLED, .trail = 1, .status = &broken});
        rig_step(r, &(Input){.kind = INPUT_POLLED, .trail = 1, .status = &broken});
        assert_int_equal(only(r, INCIDENT_DELIVERY)->trail, 1);
}

static void test_switched_off(void **state)
{
        Policy p = policy_default;
        p.inspect_usec = 0;
        const RigOptions o = {.policy = &p};
        _cleanup_rig_ Rig *r = rig_watched(&o);

        r->truth.latest_delivery_error = (char *)"NoSuchBucket";
        rig_live(r, 10 * MINUTE);
        assert_int_equal(r->asked[ACTION_INSPECT], 0);
        assert_int_equal(core_n_incidents(r->core), 0);
}

/* While there is drift: it is not to be found out any more, so it is told as over and done. */
static void test_switched_off_by_a_reload(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched(NULL);
        Policy p = policy_default;
        TrailConfig trail = {.arn = (char *)TRAIL, .poll_usec = 10 * USEC_PER_SEC};
        TopicConfig topic = {.arn = (char *)TOPIC};
        CoreConfig config = {.policy = &p,
                             .trails = &trail,
                             .n_trails = 1,
                             .topics = &topic,
                             .n_topics = 1,
                             .n_accounts = 1};

        set_bucket(r, "new");
        rig_live(r, 2 * MINUTE);
        assert_true(only(r, INCIDENT_DRIFT)->open);
        p.inspect_usec = 0;
        rig_step(r, &(Input){.kind = INPUT_RECONFIGURE, .trail = SIZE_MAX, .config = &config});
        rig_live(r, 10 * MINUTE);
        assert_true(!only(r, INCIDENT_DRIFT) || !only(r, INCIDENT_DRIFT)->open);
        assert_has(core_refuses_accept(r->core, 0, NULL), "there is no drift");
}

UNIT_MAIN(T(test_baseline), T(test_weak_from_the_first), T(test_one_read_is_not_enough),
          T(test_bucket), T(test_put_back_holds), T(test_more_changes), T(test_ambiguous),
          T(test_half_explained), T(test_accept), T(test_declared), T(test_wider), T(test_denied),
          T(test_half_denied), T(test_throttled), T(test_stop_comes_first),
          T(test_restart_of_the_guard), T(test_ids), T(test_log_files), T(test_late),
          T(test_not_late), T(test_log_files_of_another_trail), T(test_switched_off),
          T(test_switched_off_by_a_reload))
