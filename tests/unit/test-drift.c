/* SPDX-License-Identifier: Apache-2.0 */

/* Settings against others: what is drift, how bad, and in which words. */

#include "unit.h"

#include <errno.h>

#include "base/mem.h"
#include "core/changecause.h"
#include "core/drift.h"

#define KEY "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"
#define GROUP "arn:aws:logs:eu-west-1:111122223333:log-group:trail:*"
#define TOPIC "arn:aws:sns:eu-west-1:111122223333:files"
#define MGMT "{\"EventSelectors\":[{}]}"
#define S3_ALL                                                                                     \
        "{\"EventSelectors\":[{\"DataResources\":[{\"Type\":\"AWS::S3::Object\",\"Values\":["      \
        "\"arn:aws:s3\"]}]}]}"

/* One trail as it should be, but for one member of GetTrail's answer. */
static TrailSettings settings(const char *member, const char *value, const char *selectors)
{
        TrailSettings s = {.described = true, .selected = selectors != NULL};
        json_t *t = json_pack(
                "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:b}", "Name",
                "main", "TrailARN", "a", "HomeRegion", "eu-west-1", "S3BucketName", "ours",
                "S3KeyPrefix", "p", "KmsKeyId", KEY, "SnsTopicARN", TOPIC,
                "CloudWatchLogsLogGroupArn", GROUP, "CloudWatchLogsRoleArn", "role",
                "IsMultiRegionTrail", 1, "IsOrganizationTrail", 1, "IncludeGlobalServiceEvents", 1,
                "LogFileValidationEnabled", 1, "HasInsightSelectors", 1);

        if (member)
                assert_int_equal(json_object_set_new(t, member,
                                                     streq(value, "off") ? json_false()
                                                                         : json_string(value)),
                                 0);
        _cleanup_json_ json_t *outer = json_pack("{s:o}", "Trail", t);
        _cleanup_free_ char *text = json_dumps(outer, 0);
        assert_int_equal(cloudtrail_parse_trail(text, strlen(text), &s.description), 0);
        if (selectors)
                assert_int_equal(cloudtrail_parse_event_selectors(selectors, strlen(selectors),
                                                                  &s.selectors),
                                 0);
        return s;
}

static const struct {
        const char *member, *value, *selectors;
        ChangeKind kind;
        Severity severity;
        const char *before, *after;
} cases[] = {
        {"S3BucketName", "theirs", MGMT, CHANGE_S3_BUCKET, SEVERITY_CRITICAL, "ours", "theirs"},
        {"S3KeyPrefix", "q", MGMT, CHANGE_S3_KEY_PREFIX, SEVERITY_HIGH, "p", "q"},
        {"S3KeyPrefix", "", MGMT, CHANGE_S3_KEY_PREFIX, SEVERITY_HIGH, "p", "none"},
        {"KmsKeyId", "", MGMT, CHANGE_KMS_KEY, SEVERITY_HIGH, KEY, "none"},
        {"KmsKeyId", "k2", MGMT, CHANGE_KMS_KEY, SEVERITY_HIGH, KEY, "k2"},
        {"SnsTopicARN", "", MGMT, CHANGE_SNS_TOPIC, SEVERITY_HIGH, TOPIC, "none"},
        {"CloudWatchLogsLogGroupArn", "", MGMT, CHANGE_LOG_GROUP, SEVERITY_HIGH, GROUP, "none"},
        {"CloudWatchLogsRoleArn", "x", MGMT, CHANGE_LOG_ROLE, SEVERITY_HIGH, "role", "x"},
        {"IsMultiRegionTrail", "off", MGMT, CHANGE_MULTI_REGION, SEVERITY_CRITICAL, "on", "off"},
        {"IsOrganizationTrail", "off", MGMT, CHANGE_ORGANIZATION, SEVERITY_CRITICAL, "on", "off"},
        {"IncludeGlobalServiceEvents", "off", MGMT, CHANGE_GLOBAL_SERVICE_EVENTS, SEVERITY_HIGH,
         "on", "off"},
        {"LogFileValidationEnabled", "off", MGMT, CHANGE_LOG_FILE_VALIDATION, SEVERITY_HIGH, "on",
         "off"},
        {"HasInsightSelectors", "off", MGMT, CHANGE_INSIGHTS, SEVERITY_WARNING, "on", "off"},
        {NULL, NULL, "{\"EventSelectors\":[{\"IncludeManagementEvents\":false}]}",
         CHANGE_MANAGEMENT_EVENTS, SEVERITY_CRITICAL, "all", "none"},
        {NULL, NULL, "{\"EventSelectors\":[{\"ReadWriteType\":\"ReadOnly\"}]}",
         CHANGE_MANAGEMENT_EVENTS, SEVERITY_CRITICAL, "all", "read events only"},
        {NULL, NULL,
         "{\"EventSelectors\":[{\"ExcludeManagementEventSources\":[\"kms.amazonaws.com\"]}]}",
         CHANGE_MANAGEMENT_EVENTS, SEVERITY_CRITICAL, "all", "all, but not of kms.amazonaws.com"},
};

static void test_each_setting(void **state)
{
        static const TrailExpect nothing = {};
        TrailSettings good = settings(NULL, NULL, MGMT);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                TrailSettings s = settings(cases[i].member, cases[i].value, cases[i].selectors);
                Changes c = {};

                drift_compare(&good, &nothing, &s, &c);
                assert_int_equal(c.n, 1);
                assert_int_equal(c.items[0].kind, cases[i].kind);
                assert_int_equal(c.items[0].severity, cases[i].severity);
                assert_string_equal(c.items[0].before, cases[i].before);
                assert_string_equal(c.items[0].after, cases[i].after);
                assert_false(c.items[0].declared);
                assert_non_null(changes_event_name(&c, 0));
                changes_done(&c);
                drift_compare(&good, &nothing, &good, &c);
                assert_int_equal(c.n, 0);
                if (streq(cases[i].after, "off"))
                        drift_compare(&s, &nothing, &good, &c); /* better than before */
                assert_int_equal(c.n, 0);
                trail_settings_done(&s);
        }
        trail_settings_done(&good);
}

/* Each kind has all its words, and a call or more that may have done it. */
static void test_every_kind(void **state)
{
        for (int k = 0; k < _CHANGE_KIND_MAX; k++) {
                const ChangeInfo *info = change_info(k);

                assert_int_equal(change_kind_from_string(change_kind_to_string(k)), k);
                assert_true(info->label && info->happened && info->meaning);
                Changes one = {&(Change){.kind = k}, 1};
                assert_true(k == CHANGE_LATE || changes_event_name(&one, 0));
                assert_null(changes_event_name(&one, 8));
        }
}

static void test_data_events(void **state)
{
        static const TrailExpect nothing = {};
        TrailSettings all = settings(NULL, NULL, S3_ALL), none = settings(NULL, NULL, MGMT);
        Changes c = {};

        drift_compare(&all, &nothing, &none, &c);
        assert_int_equal(c.n, 1);
        assert_int_equal(c.items[0].kind, CHANGE_DATA_EVENTS);
        assert_int_equal(c.items[0].severity, SEVERITY_HIGH);
        assert_string_equal(c.items[0].after, "no longer recorded, or only in part:\n"
                                              "AWS::S3::Object events");
        changes_done(&c);
        drift_compare(&none, &nothing, &all, &c); /* more than before */
        assert_int_equal(c.n, 0);
        trail_settings_done(&all);
        trail_settings_done(&none);
}

/* A half that could not be read is not compared. */
static void test_halves(void **state)
{
        static const TrailExpect nothing = {};
        TrailSettings all = settings(NULL, NULL, S3_ALL), half = settings(NULL, NULL, NULL);
        Changes c = {};

        drift_compare(&all, &nothing, &half, &c);
        drift_compare(&half, &nothing, &all, &c);
        half.described = false;
        drift_compare(&all, &nothing, &half, &c);
        assert_int_equal(c.n, 0);
        trail_settings_done(&all);
        trail_settings_done(&half);
}

/* What is declared beats what was first seen, either way. */
static void test_declared(void **state)
{
        TrailExpect e = {.s3_bucket_name = (char *)"theirs",
                         .kms_key_id = (char *)"1234abcd",
                         .sns_topic = (char *)"files",
                         .log_group = (char *)"trail",
                         .s3_key_prefix = (char *)"",
                         .management_events = (char *)"all",
                         .multi_region = DECLARED_NO,
                         .log_file_validation = DECLARED_YES};
        TrailSettings s = settings(NULL, NULL,
                                   "{\"EventSelectors\":[{\"ReadWriteType\":"
                                   "\"WriteOnly\"}]}");
        Changes c = {};

        drift_compare(&s, &e, &s, &c);
        assert_int_equal(c.n, 4);
        assert_int_equal(c.items[0].kind, CHANGE_S3_BUCKET);
        assert_true(c.items[0].declared);
        assert_string_equal(c.items[0].before, "theirs");
        assert_int_equal(c.items[1].kind, CHANGE_S3_KEY_PREFIX);
        assert_string_equal(c.items[1].before, "none");
        assert_int_equal(c.items[2].kind, CHANGE_MULTI_REGION);
        assert_int_equal(c.items[2].severity, SEVERITY_WARNING);
        assert_int_equal(c.items[3].kind, CHANGE_MANAGEMENT_EVENTS);
        assert_string_equal(c.items[3].after, "write events only");
        changes_done(&c);
        trail_settings_done(&s);
}

static void test_same_resource(void **state)
{
        assert_true(resource_is_same("1234abcd", KEY));
        assert_true(resource_is_same(KEY, KEY));
        assert_true(resource_is_same("trail", GROUP));
        assert_true(resource_is_same("arn:aws:logs:eu-west-1:111122223333:log-group:trail", GROUP));
        assert_true(resource_is_same(TOPIC, "files"));
        assert_true(resource_is_same(NULL, ""));
        assert_false(resource_is_same("abcd", KEY));
        assert_false(resource_is_same("key/1234abcd", KEY));
        assert_false(resource_is_same("", KEY));
        assert_false(resource_is_same("tra", GROUP));
        assert_false(resource_is_same(NULL, "x"));
}

static void test_improve(void **state)
{
        static const TrailExpect nothing = {}, said = {.log_file_validation = DECLARED_NO};
        TrailSettings was = settings("LogFileValidationEnabled", "off", MGMT);
        TrailSettings is = settings(NULL, NULL, S3_ALL);
        StrBuf b = STRBUF_INIT(1000);

        assert_true(drift_improve(&was, &said, &is, &b));
        assert_false(was.description.log_file_validation); /* declared to be off */
        assert_string_equal(strbuf_str(&b), "more events are recorded; ");
        assert_true(drift_improve(&was, &nothing, &is, &b));
        assert_true(was.description.log_file_validation);
        assert_false(drift_improve(&was, &nothing, &is, &b)); /* once */
        trail_settings_done(&is);

        /* Something more for something less is no improvement. */
        is = settings(
                NULL, NULL,
                "{\"EventSelectors\":[{\"DataResources\":[{\"Type\":\"AWS::Lambda::Function\","
                "\"Values\":[\"arn:aws:lambda\"]}]}]}");
        assert_false(drift_improve(&was, &nothing, &is, &b));
        trail_settings_done(&is);
        trail_settings_done(&was);
        strbuf_done(&b);
}

static void test_weaknesses(void **state)
{
        TrailSettings s = settings("IsMultiRegionTrail", "off",
                                   "{\"EventSelectors\":[{\"ReadWriteType\":\"WriteOnly\"}]}");
        StrBuf b = STRBUF_INIT(1000);

        drift_add_weaknesses(&s, &b);
        assert_string_equal(strbuf_str(&b),
                            "it records its home region only\n"
                            "it does not record all management events: write events only\n");
        trail_settings_done(&s);
        strbuf_done(&b);
}

static Changes changes(ChangeKind a, const char *after_a, ChangeKind b, const char *after_b)
{
        Changes c = {};

        *mem_push0(c.items, c.n) =
                (Change){.kind = a, .before = mem_strdup("x"), .after = mem_strdup(after_a)};
        if (after_b)
                *mem_push0(c.items, c.n) = (Change){.kind = b,
                                                    .severity = SEVERITY_HIGH,
                                                    .before = mem_strdup("x"),
                                                    .after = mem_strdup(after_b)};
        return c;
}

static void test_merge(void **state)
{
        Incident *i = mem_new0(Incident);
        Changes now = changes(CHANGE_KMS_KEY, "k", 0, NULL);
        char first[DRIFT_DIGEST_SIZE], second[DRIFT_DIGEST_SIZE];

        assert_true(changes_merge(i, &now));
        changes_digest(&i->changes, first);
        now = changes(CHANGE_KMS_KEY, "k", CHANGE_S3_BUCKET, "b");
        assert_true(changes_merge(i, &now)); /* one more */
        assert_int_equal(i->changes.items[0].kind, CHANGE_S3_BUCKET);
        assert_int_equal(changes_worst(&i->changes)->kind, CHANGE_S3_BUCKET);
        now = changes(CHANGE_KMS_KEY, "k", CHANGE_S3_BUCKET, "b");
        assert_false(changes_merge(i, &now)); /* the same */
        now = changes(CHANGE_KMS_KEY, "k", CHANGE_S3_BUCKET, "c");
        assert_true(changes_merge(i, &now)); /* otherwise */
        now = changes(CHANGE_KMS_KEY, "k", 0, NULL);
        assert_false(changes_merge(i, &now)); /* one is undone */
        assert_true(i->changes.items[0].undone);
        assert_false(changes_have(&i->changes, CHANGE_S3_BUCKET));
        changes_digest(&i->changes, second);
        assert_string_equal(first, second);
        assert_int_equal(changes_severity(&i->changes), SEVERITY_INFO);
        now = changes(CHANGE_KMS_KEY, "k", CHANGE_S3_BUCKET, "c");
        assert_true(changes_merge(i, &now)); /* and done again */
        assert_string_equal(changes_event_name(&i->changes, 0), "UpdateTrail");
        assert_string_equal(changes_event_name(&i->changes, 1), "CreateTrail");
        assert_null(changes_event_name(&i->changes, 2));
        incident_free(i);
}

/* What `trailsentry baseline` shows: each setting once, under its own name. */
static void test_setting_words(void **state)
{
        static const char *const rows[][2] = {
                {"S3 bucket", "ours"},     {"S3 key prefix", "p"}, {"KMS key", KEY},
                {"SNS topic", TOPIC},      {"Log group", GROUP},   {"Log role", "role"},
                {"Multi-region", "off"},   {"Organization", "on"}, {"Global events", "on"},
                {"File validation", "on"}, {"Insights", "on"},     {"Management", NULL},
                {"Other events", NULL},
        };
        TrailSettings s = settings("IsMultiRegionTrail", "off", MGMT), unread = {};

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *value = NULL, *unknown = NULL;

                assert_string_equal(drift_setting_words(&s, i, &value), rows[i][0]);
                if (rows[i][1])
                        assert_string_equal(value, rows[i][1]);
                assert_string_not_equal(value, "not known");
                assert_string_equal(drift_setting_words(&unread, i, &unknown), rows[i][0]);
                assert_string_equal(unknown, "not known");
        }
        assert_null(drift_setting_words(&s, ELEMENTSOF(rows), &(char *){NULL}));
        trail_settings_done(&s);
}

UNIT_MAIN(T(test_each_setting), T(test_every_kind), T(test_data_events), T(test_halves),
          T(test_declared), T(test_same_resource), T(test_improve), T(test_weaknesses),
          T(test_merge), T(test_setting_words))
