/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>

#include "aws/cloudtrail.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define ARN "arn:aws:cloudtrail:eu-west-1:123456789012:trail/main"

static void test_requests(void **state)
{
        _cleanup_aws_request_ AwsRequest trail = {0}, selectors = {0};

        cloudtrail_request_get_trail(ARN, &trail);
        assert_string_equal(trail.operation, "GetTrail");
        assert_string_equal(trail.body, "{\"Name\":\"" ARN "\"}");
        cloudtrail_request_get_event_selectors(ARN, &selectors);
        assert_string_equal(selectors.operation, "GetEventSelectors");
        assert_string_equal(selectors.region, "eu-west-1");
        assert_string_equal(selectors.body, "{\"TrailName\":\"" ARN "\"}");
}

static const char full_trail[] =
        "{\"Trail\":{\"Name\":\"main\",\"TrailARN\":\"" ARN "\",\"HomeRegion\":\"eu-west-1\","
        "\"S3BucketName\":\"b\",\"S3KeyPrefix\":\"\",\"KmsKeyId\":\"arn:aws:kms:::key/1\","
        "\"SnsTopicName\":\"dead\",\"SnsTopicARN\":\"t\",\"CloudWatchLogsLogGroupArn\":\"g\","
        "\"CloudWatchLogsRoleArn\":\"r\",\"IsMultiRegionTrail\":true,\"IsOrganizationTrail\":false,"
        "\"IncludeGlobalServiceEvents\":true,\"LogFileValidationEnabled\":true,"
        "\"HasCustomEventSelectors\":false,\"HasInsightSelectors\":true}}";

static void test_trail(void **state)
{
        TrailDescription d;

        assert_int_equal(cloudtrail_parse_trail(full_trail, strlen(full_trail), &d), 0);
        assert_string_equal(d.s3_bucket_name, "b");
        assert_null(d.s3_key_prefix);
        assert_string_equal(d.kms_key_id, "arn:aws:kms:::key/1");
        assert_string_equal(d.sns_topic_arn, "t");
        assert_string_equal(d.log_group_arn, "g");
        assert_string_equal(d.log_role_arn, "r");
        assert_true(d.is_multi_region && d.global_service_events && d.log_file_validation);
        assert_true(d.has_insight_selectors && !d.is_organization);
        trail_description_done(&d);
}

static int parse(const char *body, EventSelectors *ret)
{
        return cloudtrail_parse_event_selectors(body, strlen(body), ret);
}

static void test_basic(void **state)
{
        EventSelectors s;

        assert_int_equal(
                parse("{\"TrailARN\":\"x\",\"EventSelectors\":[{\"ReadWriteType\":\"WriteOnly\","
                      "\"IncludeManagementEvents\":true,\"DataResources\":["
                      "{\"Type\":\"AWS::S3::Object\",\"Values\":[\"arn:aws:s3:::b/\"]},"
                      "{\"Type\":\"AWS::Lambda::Function\",\"Values\":["
                      "\"arn:aws:lambda:eu-west-1:1:function:f\"]},"
                      "{\"Type\":\"AWS::Lambda::Function\",\"Values\":["
                      "\"arn:aws:lambda:eu-west-1:1:function:f\",\"arn:aws:lambda\"]},"
                      "{\"Type\":\"AWS::S3::Object\",\"Values\":[\"arn:aws-cn:s3:::\"]},"
                      "{\"Type\":\"AWS::S3::Object\",\"Values\":[]}],"
                      "\"ExcludeManagementEventSources\":[\"kms.amazonaws.com\"]}]}",
                      &s),
                0);
        assert_int_equal(s.n, 5); /* management, objects, a function, all functions, all objects */
        const SelectorField *f = event_selector_field(&s.items[0], "eventSource");
        assert_int_equal(f->n_deselect, 1);
        assert_string_equal(f->deselect[0].value, "kms.amazonaws.com");
        assert_string_equal(event_selector_field(&s.items[0], "readOnly")->select[0].value,
                            "false");
        f = event_selector_field(&s.items[1], "resources.ARN");
        assert_int_equal(f->select[0].kind, PATTERN_PREFIX);
        f = event_selector_field(&s.items[2], "resources.ARN");
        assert_int_equal(f->select[0].kind, PATTERN_EXACT);
        assert_null(event_selector_field(&s.items[3], "resources.ARN"));
        assert_null(event_selector_field(&s.items[4], "resources.ARN"));
        event_selectors_done(&s);

        /* What the answer leaves out is as AWS fills it in. */
        assert_int_equal(parse("{\"EventSelectors\":[{}]}", &s), 0);
        assert_int_equal(s.n, 1);
        assert_null(event_selector_field(&s.items[0], "readOnly"));
        event_selectors_done(&s);

        /* No selector at all: nothing is recorded. */
        assert_int_equal(parse("{\"EventSelectors\":[]}", &s), 0);
        assert_int_equal(s.n, 0);
}

#define ADVANCED(fields) "{\"AdvancedEventSelectors\":[{\"FieldSelectors\":[" fields "]}]}"
#define DATA "{\"Field\":\"eventCategory\",\"Equals\":[\"Data\"]}"

/* Not understood is not the same as meaning nothing. */
static void test_odd(void **state)
{
        static const char *const odd[] = {
                "{\"EventSelectors\":[{\"ReadWriteType\":\"Some\"}]}",
                "{\"EventSelectors\":[{\"ReadWriteType\":7}]}",
                "{\"EventSelectors\":[{\"ExcludeManagementEventSources\":[7]}]}",
                "{\"EventSelectors\":[{\"IncludeManagementEvents\":false,\"DataResources\":"
                "[{\"Values\":[\"a\"]}]}]}",
                "{\"EventSelectors\":[{\"IncludeManagementEvents\":false,\"DataResources\":"
                "[{\"Type\":\"t\",\"Values\":[1]}]}]}",
                "{\"AdvancedEventSelectors\":[{}]}",
                ADVANCED(""),
                ADVANCED("{\"Field\":\"a\",\"Equals\":[\"b\"]}"),
                ADVANCED("{\"Field\":\"eventCategory\",\"StartsWith\":[\"Data\"]}"),
                ADVANCED("{\"Field\":\"eventCategory\",\"NotEquals\":[\"Data\"]}"),
                ADVANCED("{\"Field\":\"eventCategory\",\"Equals\":[\"Data\",\"Management\"]}"),
                ADVANCED(DATA ",{\"Field\":\"a\"}"),
                ADVANCED(DATA ",{\"Equals\":[\"a\"]}"),
                ADVANCED(DATA ",{\"Field\":\"a\",\"Resembles\":[\"b\"]}"),
                ADVANCED(DATA ",{\"Field\":\"a\",\"Equals\":\"b\"}"),
                ADVANCED(DATA ",{\"Field\":\"a\",\"Equals\":[{}]}"),
                ADVANCED(DATA ",{\"Field\":\"a\",\"Equals\":[\"b\"]},"
                              "{\"Field\":\"a\",\"Equals\":[\"c\"]}"),
        };

        for (size_t i = 0; i < ELEMENTSOF(odd); i++) {
                EventSelectors s;

                if (parse(odd[i], &s) < 0 || s.n != 1 || !s.items[0].odd)
                        fail_msg("not odd: %s", odd[i]);
                event_selectors_done(&s);
        }
}

static void test_refused(void **state)
{
        static const struct {
                const char *body;
                int r;
        } bad[] = {
                {"", -EBADMSG},
                {"[]", -EBADMSG},
                {"{}", -ENODATA}, /* neither kind: not "everything", not "nothing" */
                {"{\"EventSelectors\":null}", -ENODATA},
                {"{\"EventSelectors\":{}}", -ENODATA},
                {"{\"EventSelectors\":[7]}", -EINVAL},
                {"{\"EventSelectors\":7,\"AdvancedEventSelectors\":[]}", -EINVAL},
                {"{\"AdvancedEventSelectors\":[null]}", -EINVAL},
        };
        EventSelectors s;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (parse(bad[i].body, &s) != bad[i].r)
                        fail_msg("%s: %d", bad[i].body, parse(bad[i].body, &s));
}

/* Names that JSON cannot hold are chosen by whoever wants the settings not to be read. */
static void test_odd_names(void **state)
{
        static const char selectors[] =
                "{\"AdvancedEventSelectors\":[{\"Name\":\"\\u0000\\ud800\",\"FieldSelectors\":[{"
                "\"Field\":\"eventCategory\",\"Equals\":[\"Data\"]},{\"Field\":\"resources.ARN\","
                "\"StartsWith\":[\"arn:aws:s3:::b\\u0000\"]}]}]}";
        static const char trail[] = "{\"Trail\":{\"Name\":\"t\",\"TrailARN\":\"a\",\"HomeRegion\":"
                                    "\"r\",\"S3KeyPrefix\":\"p\\u0000q\"}}";
        TrailDescription d;
        EventSelectors s;

        assert_int_equal(parse(selectors, &s), 0);
        const SelectorField *f = event_selector_field(&s.items[0], "resources.ARN");
        assert_string_equal(f->select[0].value, "arn:aws:s3:::b\xef\xbf\xbd");
        event_selectors_done(&s);
        assert_int_equal(cloudtrail_parse_trail(trail, strlen(trail), &d), 0);
        assert_string_equal(d.s3_key_prefix, "p\xef\xbf\xbdq");
        trail_description_done(&d);
}

static void test_too_many_values(void **state)
{
        StrBuf b = STRBUF_INIT(200000);
        EventSelectors s;

        strbuf_add(&b, "{\"AdvancedEventSelectors\":[{\"FieldSelectors\":[{\"Field\":\"a\","
                       "\"Equals\":[\"\"");
        for (size_t i = 0; i < EVENT_SELECTOR_VALUES_MAX; i++)
                strbuf_add(&b, ",\"\"");
        strbuf_add(&b, "]}]}]}");
        assert_int_equal(parse(strbuf_str(&b), &s), -E2BIG);
        strbuf_done(&b);
}

/* To the disk and back, and copied: all of it, and only the half that is known. */
static void test_settings(void **state)
{
        static const char selectors[] =
                "{\"AdvancedEventSelectors\":[{\"FieldSelectors\":[{\"Field\":\"eventCategory\","
                "\"Equals\":[\"Data\"]},{\"Field\":\"resources.ARN\",\"StartsWith\":[\"a\"],"
                "\"EndsWith\":[\"z\"],\"NotEquals\":[\"b\"],\"NotStartsWith\":[\"c\"],"
                "\"NotEndsWith\":[\"d\",\"e\"]}]},{\"FieldSelectors\":[]}]}";
        TrailSettings s = {.described = true, .selected = true}, back = {0}, half = {0};

        assert_int_equal(cloudtrail_parse_trail(full_trail, strlen(full_trail), &s.description), 0);
        assert_int_equal(parse(selectors, &s.selectors), 0);
        trail_settings_update(&back, &s);
        _cleanup_json_ json_t *a = trail_settings_to_json(&s), *b = trail_settings_to_json(&back);
        assert_true(json_equal(a, b));
        assert_true(back.selectors.items[1].odd && !back.selectors.items[0].odd);
        const SelectorField *f = event_selector_field(&back.selectors.items[0], "resources.ARN");
        assert_int_equal(f->n_select, 2);
        assert_int_equal(f->n_deselect, 4);

        half.selected = true;
        trail_settings_update(&back, &half); /* selectors, none of them */
        assert_int_equal(back.selectors.n, 0);
        assert_string_equal(back.description.s3_bucket_name, "b");
        trail_settings_done(&s);
        trail_settings_done(&back);
        _cleanup_json_ json_t *nothing = json_object(), *wrong = json_pack("{s:i}", "Trail", 7);
        assert_int_equal(trail_settings_from_json(nothing, &back), 0);
        assert_false(back.described || back.selected);
        assert_int_equal(trail_settings_from_json(wrong, &back), -EBADMSG);
        assert_int_equal(trail_settings_from_json(NULL, &back), -EBADMSG);
}

UNIT_MAIN(T(test_requests), T(test_trail), T(test_basic), T(test_odd), T(test_refused),
          T(test_odd_names), T(test_too_many_values), T(test_settings))
