/* SPDX-License-Identifier: Apache-2.0 */

/* When settings are looked at, what only one look has shown, and what was changed and restored
 * between two looks, as Event history has it. Records are newest first, as the service has them. */

#include "unit.h"

#include "base/mem.h"
#include "core-fixture.h"

#define NO_MANAGEMENT "{\"EventSelectors\":[{\"IncludeManagementEvents\":false}]}"
#define ALL_MANAGEMENT "{\"EventSelectors\":[{}]}"
#define SAME_AGAIN                                                                                 \
        "{\"AdvancedEventSelectors\":[{\"FieldSelectors\":[{\"Field\":\"eventCategory\","          \
        "\"Equals\":[\"Management\"]}]}]}"
#define MINUTE USEC_PER_MINUTE
#define SELECT(when, what, ...)                                                                    \
        {                                                                                          \
                .event = "PutEventSelectors", .at = when, .selectors = what, __VA_ARGS__           \
        }

static const RigOptions watched = {.watch = true};

/* Those records show; looks find all as it was. */
static Rig *rig_history(const RecordFacts *records, size_t n)
{
        Rig *r = rig_new(&watched);

        rig_select(r, ALL_MANAGEMENT);
        rig_live(r, 5 * MINUTE);
        r->records = records;
        r->n_records = n;
        return r;
}

static void assert_nothing_told(const RecordFacts *records, size_t n)
{
        _cleanup_rig_ Rig *r = rig_history(records, n);

        rig_live(r, 60 * MINUTE);
        assert_true(r->asked[ACTION_LOOKUP] > 20);
        assert_int_equal(core_n_incidents(r->core), 0);
}

static void test_between_looks(void **state)
{
        static const RecordFacts records[] = {
                SELECT(330000, ALL_MANAGEMENT, .who = BOB),
                SELECT(310000, NO_MANAGEMENT),
        };
        _cleanup_rig_ Rig *r = rig_history(records, 2);

        rig_live(r, 10 * MINUTE);
        assert_int_equal(core_n_incidents(r->core), 1);
        const Incident *i = rig_incident(r);
        assert_int_equal(i->kind, INCIDENT_DRIFT);
        assert_true(i->between_looks && !i->open);
        assert_int_equal(i->severity, SEVERITY_CRITICAL);
        assert_true(i->good_msec == BASE + 310000 && i->seen_msec == BASE + 310000);
        assert_true(i->blind_to_msec == BASE + 330000);
        assert_int_equal(i->attribution.confidence, CONFIDENCE_EXACT);
        assert_string_equal(incident_find_role(i, ROLE_CULPRIT)->record.identity.arn, MALLORY);
        assert_string_equal(incident_find_role(i, ROLE_RELATED)->record.identity.arn, BOB);
        assert_string_equal(i->messages[0].subject,
                            "OPEN: restored (111122223333 us-east-1) trail management-ev... did "
                            "not record all events for a time");
        assert_has(i->messages[0].body, "Blind           from 2026-11-23T00:05:10");
        assert_has(i->messages[0].body, "    was         all\n    set to      none\n");
        assert_int_equal(i->n_messages, 2);

        rig_live(r, 60 * MINUTE); /* read again, and not told again */
        assert_int_equal(core_n_incidents(r->core), 1);
        assert_int_equal(rig_incident(r)->n_messages, 2);
        rig_start_again(r, &watched);
        rig_live(r, 10 * MINUTE);
        assert_int_equal(core_n_incidents(r->core), 1);
        assert_true(rig_incident(r)->between_looks);
}

/* More of the same within an hour is one incident. */
static void test_more_of_the_same(void **state)
{
        static const RecordFacts records[] = {
                SELECT(1530000, ALL_MANAGEMENT),
                SELECT(1510000, NO_MANAGEMENT),
                SELECT(330000, ALL_MANAGEMENT),
                SELECT(310000, NO_MANAGEMENT),
        };
        _cleanup_rig_ Rig *r = rig_history(records + 2, 2);

        rig_live(r, 10 * MINUTE);
        r->records = records;
        r->n_records = 4;
        rig_live(r, 30 * MINUTE);
        assert_int_equal(core_n_incidents(r->core), 1);
        const Incident *i = rig_incident(r);
        assert_true(i->seen_msec == BASE + 1510000 && i->blind_to_msec == BASE + 1530000);
        assert_int_equal(i->attribution.confidence, CONFIDENCE_EXACT);
}

/* The same again, in whatever words; refused; of another trail; or more than before. */
static void test_innocent(void **state)
{
        static const RecordFacts records[] = {
                SELECT(340000, ALL_MANAGEMENT),
                SELECT(335000, SAME_AGAIN),
                SELECT(330000, NO_MANAGEMENT, .error = "AccessDenied"),
                SELECT(325000, NO_MANAGEMENT, .trail = TRAIL "-2"),
                {.event = "UpdateTrail",
                 .at = 324000,
                 .parameters = "s3BucketName=amzn-s3-demo-bucket isMultiRegionTrail=true"},
                {.event = "UpdateTrail", .at = 323000, .parameters = "isMultiRegionTrail=true"},
        };

        assert_nothing_told(records, ELEMENTSOF(records));
}

/* A single call has set what looks show, in words that cannot be compared. */
static void test_single_call(void **state)
{
        static const RecordFacts records[] = {
                {.event = "UpdateTrail", .at = 340000, .parameters = "kmsKeyId=alias/of-ours"},
                {.event = "UpdateTrail", .at = 330000, .parameters = "kmsKeyId=alias/of-ours"},
        };

        assert_nothing_told(records, ELEMENTSOF(records));
}

/* What looks have told is not told again. */
static void test_told_by_looks(void **state)
{
        static const RecordFacts records[] = {
                SELECT(460000, ALL_MANAGEMENT),
                SELECT(310000, NO_MANAGEMENT),
        };
        _cleanup_rig_ Rig *r = rig_history(records + 1, 1);

        rig_select(r, NO_MANAGEMENT);
        rig_live(r, 150 * USEC_PER_SEC);
        r->records = records;
        r->n_records = 2;
        rig_select(r, ALL_MANAGEMENT);
        rig_live(r, 60 * MINUTE);
        assert_int_equal(core_n_incidents(r->core), 1);
        assert_false(rig_incident(r)->between_looks);
}

/* What is open for another setting hides nothing. */
static void test_in_the_shadow(void **state)
{
        static const RecordFacts records[] = {
                SELECT(930000, ALL_MANAGEMENT),
                SELECT(910000, NO_MANAGEMENT),
        };
        _cleanup_rig_ Rig *r = rig_history(NULL, 0);

        r->settings.description.log_file_validation = false;
        rig_live(r, 10 * MINUTE);
        assert_int_equal(core_n_incidents(r->core), 1);
        r->records = records;
        r->n_records = 2;
        rig_live(r, 10 * MINUTE);
        assert_int_equal(core_n_incidents(r->core), 2);
        assert_true(core_incident(r->core, 1)->between_looks);
}

/* Compared with what was right then: it has become better since. */
static void test_narrower_before_it_was_wider(void **state)
{
#define WITH_DATA                                                                                  \
        "{\"EventSelectors\":[{\"DataResources\":[{\"Type\":\"AWS::S3::Object\",\"Values\":["      \
        "\"arn:aws:s3\"]}]}]}"
        static const RecordFacts records[] = {
                SELECT(330000, WITH_DATA),
                SELECT(310000, ALL_MANAGEMENT),
        };
        _cleanup_rig_ Rig *r = rig_history(NULL, 0);

        rig_select(r, WITH_DATA);
        rig_live(r, 4 * MINUTE);
        r->records = records;
        r->n_records = 2;
        rig_live(r, 60 * MINUTE);
        assert_int_equal(core_n_incidents(r->core), 0);
}

/* Approved, and over when Event history has it. */
static void test_in_maintenance(void **state)
{
        static const RecordFacts records[] = {
                SELECT(330000, ALL_MANAGEMENT),
                SELECT(310000, NO_MANAGEMENT),
        };
        static const MaintenanceRequest window = {
                .for_msec = MSEC_PER_MINUTE, .reason = "test", .who = "root"};
        _cleanup_rig_ Rig *r = rig_history(NULL, 0);

        rig_step(r, &(Input){.kind = INPUT_MAINTENANCE_START,
                             .trail = SIZE_MAX,
                             .maintenance = &window});
        rig_live(r, 2 * MINUTE);
        r->records = records;
        r->n_records = 2;
        rig_live(r, 60 * MINUTE);
        for (size_t k = 0; k < core_n_incidents(r->core); k++)
                assert_int_equal(core_incident(r->core, k)->kind, INCIDENT_MAINTENANCE);
}

/* Each name every five minutes, and no more while it fails. */
static void test_costs(void **state)
{
        _cleanup_rig_ Rig *r = rig_history(NULL, 0);
        unsigned asked = r->asked[ACTION_LOOKUP];

        rig_live(r, 24 * USEC_PER_HOUR);
        assert_in_range(r->asked[ACTION_LOOKUP] - asked, 860, 866);
        r->lookups = AWS_ERROR_DENIED;
        asked = r->asked[ACTION_LOOKUP];
        rig_live(r, USEC_PER_HOUR);
        assert_in_range(r->asked[ACTION_LOOKUP] - asked, 10, 14);
}

/* Never stopped, and another trail since: a start that CreateTrail explains. */
static void test_recreated(void **state)
{
        static const RecordFacts records[] = {
                {.event = "CreateTrail", .at = 301000},
                {.event = "DeleteTrail", .at = 300000},
        };
        _cleanup_rig_ Rig *r = rig_history(records, 2);

        r->truth.start_logging_msec = BASE + 302000;
        rig_live(r, 10 * MINUTE);
        assert_int_equal(core_n_incidents(r->core), 1);
        const Incident *i = rig_incident(r);
        assert_int_equal(i->kind, INCIDENT_RECREATED);
        assert_true(i->blind_to_msec == BASE + 302000);
        assert_int_equal(i->attribution.confidence, CONFIDENCE_EXACT);
        assert_string_equal(incident_find_role(i, ROLE_CULPRIT)->record.event_name, "DeleteTrail");
        rig_live(r, 60 * MINUTE);
        assert_int_equal(core_n_incidents(r->core), 1);
}

static void test_redundant_start(void **state)
{
        static const RecordFacts records[] = {
                {.event = "CreateTrail", .at = 301000, .error = "TrailAlreadyExistsException"},
                {.event = "CreateTrail", .at = -7200000}, /* its own */
        };
        _cleanup_rig_ Rig *r = rig_history(records, 2);
        unsigned asked = r->asked[ACTION_LOOKUP];

        r->truth.start_logging_msec = BASE + 302000;
        rig_live(r, 40 * MINUTE);
        assert_int_equal(core_n_incidents(r->core), 0);
        assert_in_range(r->asked[ACTION_LOOKUP] - asked, 27, 30); /* four more, and that is all */
}

static const Incident *drift_of(const Rig *r)
{
        return core_n_incidents(r->core) > 0 ? rig_incident(r) : NULL;
}

/* One look shows it, and whoever can throttle looks is not to keep that untold. */
static void test_unconfirmed(void **state)
{
        _cleanup_rig_ Rig *r = rig_history(NULL, 0);

        rig_select(r, NO_MANAGEMENT);
        rig_inspected(r);
        r->looks = AWS_ERROR_THROTTLED;
        rig_live(r, MINUTE);
        assert_null(drift_of(r));
        rig_live(r, MINUTE);
        const Incident *i = drift_of(r);
        assert_int_equal(i->severity, SEVERITY_CRITICAL);
        assert_has(i->messages[i->n_messages - 1].body,
                   "Not confirmed   throttled (SomeException)");
        rig_live(r, 20 * MINUTE);
        assert_int_equal(r->phases[PHASE_OPEN], 1);
        r->looks = AWS_ERROR_NONE;
        rig_live(r, 5 * MINUTE);
        assert_int_equal(drift_of(r)->cause.class, AWS_ERROR_NONE);
        assert_true(drift_of(r)->open);
        rig_select(r, ALL_MANAGEMENT); /* what only one look says is well does not end it */
        rig_inspected(r);
        r->looks = AWS_ERROR_THROTTLED;
        rig_live(r, 10 * MINUTE);
        assert_true(drift_of(r)->open);
}

/* When settings will be read does not follow from when they were. */
static void test_looks_are_not_foreseen(void **state)
{
        _cleanup_rig_ Rig *r = rig_history(NULL, 0);
        uint64_t least = UINT64_MAX, most = 0;

        for (unsigned k = 0; k < 40; k++) {
                unsigned asked = r->asked[ACTION_INSPECT];
                uint64_t passed = 0;

                for (; r->asked[ACTION_INSPECT] == asked; passed++)
                        rig_live(r, USEC_PER_SEC);
                least = MIN(least, k > 0 ? passed : least);
                most = MAX(most, k > 0 ? passed : most);
        }
        assert_in_range(least, 29, 40);
        assert_in_range(most, 80, 92);
}

/* Throttled before there was an incident, which is no reason to say nothing of it to that one. */
static void test_throttled_before_a_stop(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(&watched);

        r->lookups = AWS_ERROR_THROTTLED;
        rig_truth(r, true, RIG_START, 0);
        rig_live(r, 5 * MINUTE);
        assert_true(r->asked[ACTION_LOOKUP] > 0);
        rig_polled(r, false, RIG_START, 299000);
        rig_pass(r, 10 * USEC_PER_SEC);
        rig_lookup_failed(r, AWS_ERROR_THROTTLED);
        assert_non_null(rig_log(r, LOG_EVENT_LOOKUP_FAILED));
        rig_pass(r, 10 * USEC_PER_SEC);
        rig_lookup_failed(r, AWS_ERROR_THROTTLED); /* said once */
        assert_null(rig_log(r, LOG_EVENT_LOOKUP_FAILED));
}

UNIT_MAIN(T(test_throttled_before_a_stop), T(test_between_looks), T(test_more_of_the_same),
          T(test_innocent), T(test_single_call), T(test_told_by_looks), T(test_in_the_shadow),
          T(test_narrower_before_it_was_wider), T(test_in_maintenance), T(test_costs),
          T(test_recreated), T(test_redundant_start), T(test_unconfirmed),
          T(test_looks_are_not_foreseen))
