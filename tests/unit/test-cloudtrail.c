/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>

#include "aws/cloudtrail.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define ARN "arn:aws:cloudtrail:eu-west-1:123456789012:trail/main"

static void test_trail_requests(void **state)
{
        static const struct {
                void (*make)(const char *, AwsRequest *);
                const char *operation;
        } cases[] = {
                {cloudtrail_request_get_trail_status, "GetTrailStatus"},
                {cloudtrail_request_start_logging, "StartLogging"},
                {cloudtrail_request_get_trail, "GetTrail"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_aws_request_ AwsRequest r = {0};
                cases[i].make(ARN, &r);
                assert_int_equal(r.service, AWS_SERVICE_CLOUDTRAIL);
                assert_string_equal(r.operation, cases[i].operation);
                assert_string_equal(r.region, "eu-west-1");
                assert_string_equal(r.body, "{\"Name\":\"" ARN "\"}");
                assert_int_equal(r.body_len, strlen(r.body));
        }
}

static int status(const char *body, TrailStatus *s)
{
        return cloudtrail_parse_trail_status(body, strlen(body), s);
}

static const char full_status[] =
        "{\"IsLogging\":false,\"LatestDeliveryError\":\"AccessDenied\","
        "\"LatestDeliveryTime\":1795403500,\"StartLoggingTime\":1795403400.25,"
        "\"StopLoggingTime\":1795403529.497,\"LatestDeliveryAttemptTime\":\"\","
        "\"TimeLoggingStopped\":\"2026-11-23T03:12:09Z\",\"Novelty\":{\"a\":[1]}}";

static void test_status(void **state)
{
        TrailStatus s;

        assert_int_equal(status(full_status, &s), 0);
        assert_false(s.is_logging);
        assert_true(s.start_logging_msec == INT64_C(1795403400250));
        assert_true(s.stop_logging_msec == INT64_C(1795403529497));
        assert_true(s.latest_delivery_msec == INT64_C(1795403500000));
        assert_string_equal(s.latest_delivery_error, "AccessDenied");
        trail_status_done(&s);

        assert_int_equal(status("{\"IsLogging\":true,\"LatestDeliveryError\":\"\"}", &s), 0);
        assert_true(s.is_logging);
        assert_true(s.start_logging_msec == 0 && s.stop_logging_msec == 0);
        assert_null(s.latest_delivery_error);
        trail_status_done(&s);

        assert_int_equal(status("{\"IsLogging\":true,\"StartLoggingTime\":\"2026-11-23T03:12:09Z\","
                                "\"StopLoggingTime\":null}",
                                &s),
                         0);
        assert_true(s.start_logging_msec == INT64_C(1795403529000));
        assert_true(s.stop_logging_msec == 0);
        trail_status_done(&s);
}

/* An answer that does not say for sure is no answer; above all it never means "logging". */
static const TrailStatus *reread(TrailAnswer *a, const char *body)
{
        const TrailStatus *s = NULL;

        return cloudtrail_reread_trail_status(a, body, strlen(body), &s) < 0 ? NULL : s;
}

/* Also where the bytes differ but not in their number, and after bytes that are no answer. */
static void test_status_again(void **state)
{
        static const char on[] = "{\"IsLogging\":true,\"LatestDeliveryError\":\"a\"}";
        static const char other[] = "{\"IsLogging\":true,\"LatestDeliveryError\":\"b\"}";
        static const char off[] = "{\"IsLogging\":false}";
        TrailAnswer a = {0};
        const TrailStatus *s;
        const char *text;

        s = reread(&a, on);
        assert_non_null(s);
        assert_true(s->is_logging);
        assert_string_equal(s->latest_delivery_error, "a");
        text = s->latest_delivery_error;
        s = reread(&a, on);
        assert_non_null(s);
        assert_ptr_equal(s->latest_delivery_error, text); /* not decoded a second time */

        s = reread(&a, other);
        assert_non_null(s);
        assert_string_equal(s->latest_delivery_error, "b");
        s = reread(&a, off);
        assert_non_null(s);
        assert_false(s->is_logging);
        assert_null(s->latest_delivery_error);

        assert_null(reread(&a, "{}"));
        assert_null(reread(&a, ""));
        s = reread(&a, off);
        assert_non_null(s);
        assert_false(s->is_logging);
        trail_answer_done(&a);
}

static void test_status_refuses(void **state)
{
        static const struct {
                const char *body;
                int r;
        } bad[] = {
                {"", -EBADMSG},
                {"{}", -ENODATA},
                {"[]", -EBADMSG},
                {"{\"IsLogging\":null}", -ENODATA},
                {"{\"IsLogging\":\"true\"}", -EINVAL},
                {"{\"IsLogging\":1}", -EINVAL},
                {"{\"isLogging\":true}", -ENODATA},
                {"{\"IsLogging\":fals", -EBADMSG},
                {"{\"Trail\":{\"IsLogging\":false},\"x\":1,\"x\":2}", -EBADMSG},
        };
        TrailStatus s = {.start_logging_msec = 42};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (status(bad[i].body, &s) != bad[i].r)
                        fail_msg("%s", bad[i].body);
        assert_true(s.start_logging_msec == 42); /* untouched */
}

/* IsLogging is read whatever stands beside it, and what cannot be read is named. */
static void test_status_read_in_part(void **state)
{
        static const struct {
                const char *rest, *unread;
        } rows[] = {
                {",\"Novelty\":{\"a\":[1]}", NULL},
                {",\"StopLoggingTime\":null,\"StartLoggingTime\":\"\"", NULL},
                {",\"StopLoggingTime\":\"late\"", "StopLoggingTime"},
                {",\"StopLoggingTime\":-5", "StopLoggingTime"},
                {",\"StopLoggingTime\":0", "StopLoggingTime"},
                {",\"StopLoggingTime\":true", "StopLoggingTime"},
                {",\"StopLoggingTime\":[1795403400]", "StopLoggingTime"},
                {",\"StopLoggingTime\":1384300799", "StopLoggingTime"},
                {",\"StartLoggingTime\":1e17", "StartLoggingTime"},
                {",\"StartLoggingTime\":{}", "StartLoggingTime"},
                {",\"LatestDeliveryTime\":false", "LatestDeliveryTime"},
                {",\"StartLoggingTime\":1e999", "all but IsLogging"},
                {",\"StartLoggingTime\":99999999999999999999", "all but IsLogging"},
                {",\"StopLoggingTime\":1795403400,\"StopLoggingTime\":1", "all but IsLogging"},
                {",\"StopLoggingTime\":", "all but IsLogging"},
                {",\"LatestDeliveryError\":\"", "all but IsLogging"},
                {"} and more", "all but IsLogging"},
        };

        for (size_t i = 0; i < 2 * ELEMENTSOF(rows); i++) {
                bool logging = i % 2;
                const char *rest = rows[i / 2].rest;
                _cleanup_free_ char *body =
                        mem_printf("{\"IsLogging\":%s%s}", logging ? "true" : "false", rest);
                TrailStatus s;

                if (status(body, &s) != 0)
                        fail_msg("%s", body);
                assert_int_equal(s.is_logging, logging);
                if (!streq_ptr(s.unread, rows[i / 2].unread))
                        fail_msg("%s: %s", body, strempty(s.unread));
                assert_true(!s.unread || s.stop_logging_msec + s.start_logging_msec == 0);
                trail_status_done(&s);
        }
}

/* Of two that contradict each other, the one that is acted on. */
static void test_status_said_twice(void **state)
{
        static const char *const bodies[] = {"{\"IsLogging\":true,\"IsLogging\":false}",
                                             "{\"IsLogging\":false,\"IsLogging\":true}",
                                             "{\"IsLogging\":true}{\"IsLogging\":false}"};

        for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
                TrailStatus s = {.is_logging = true};

                assert_int_equal(status(bodies[i], &s), 0);
                assert_false(s.is_logging);
                assert_non_null(s.unread);
        }
}

/* A text that was cut off says that the trail does not log, or nothing: never that it does. */
static void test_status_cut_off(void **state)
{
        size_t said = strlen("{\"IsLogging\":false");

        for (size_t n = 0; n < strlen(full_status); n++) {
                _cleanup_free_ char *exact = mem_alloc0(n + 1);
                TrailStatus s = {.is_logging = true};

                memcpy(exact, full_status, n);
                int r = cloudtrail_parse_trail_status(exact, n, &s);
                assert_int_equal(r, n < said ? -EBADMSG : 0);
                assert_int_equal(s.is_logging, n < said);
                assert_true(r < 0 || s.unread);
        }
}

/* An error whose form is new is an error, and hides no time. */
static void test_status_errors_of_another_form(void **state)
{
        TrailStatus s;

        assert_int_equal(status("{\"IsLogging\":true,\"StartLoggingTime\":1795403400,"
                                "\"LatestDeliveryError\":{\"code\":\"NoSuchBucket\"},"
                                "\"LatestDigestDeliveryError\":7,"
                                "\"LatestCloudWatchLogsDeliveryError\":[],"
                                "\"LatestNotificationError\":true}",
                                &s),
                         0);
        assert_null(s.unread);
        assert_true(s.start_logging_msec == INT64_C(1795403400000));
        assert_string_equal(s.latest_delivery_error, "an error that cannot be read");
        assert_string_equal(s.latest_digest_delivery_error, "an error that cannot be read");
        assert_string_equal(s.latest_logs_delivery_error, "an error that cannot be read");
        assert_string_equal(s.latest_notification_error, "an error that cannot be read");
        trail_status_done(&s);
}

static void test_lookup_request(void **state)
{
        _cleanup_aws_request_ AwsRequest first = {0}, next = {0};
        LookupQuery q = {
                .region = "us-east-1",
                .event_name = "StopLogging",
                .from_msec = INT64_C(1795403400999),
                .to_msec = INT64_C(1795403529001),
        };

        cloudtrail_request_lookup_events(&q, &first);
        assert_string_equal(first.operation, "LookupEvents");
        assert_string_equal(first.region, "us-east-1");
        assert_string_equal(first.body,
                            "{\"LookupAttributes\":[{\"AttributeKey\":\"EventName\","
                            "\"AttributeValue\":\"StopLogging\"}],\"StartTime\":1795403400,"
                            "\"EndTime\":1795403530,\"MaxResults\":50}");
        q.to_msec = INT64_C(1795403529000);
        q.next_token = "a\"b\\";
        cloudtrail_request_lookup_events(&q, &next);
        assert_string_equal(
                next.body,
                "{\"LookupAttributes\":[{\"AttributeKey\":\"EventName\","
                "\"AttributeValue\":\"StopLogging\"}],\"StartTime\":1795403400,"
                "\"EndTime\":1795403529,\"MaxResults\":50,\"NextToken\":\"a\\\"b\\\\\"}");
}

static void test_lookup_request_by_key(void **state)
{
        _cleanup_aws_request_ AwsRequest request = {0};
        LookupQuery q = {
                .region = "us-east-1",
                .event_name = "StopLogging",
                .access_key_id = "ASIAIOSFODNN7EXAMPLE",
                .from_msec = INT64_C(1795403400000),
                .to_msec = INT64_C(1795403529000),
        };

        cloudtrail_request_lookup_events(&q, &request);
        assert_string_equal(
                request.body,
                "{\"LookupAttributes\":[{\"AttributeKey\":\"AccessKeyId\","
                "\"AttributeValue\":\"ASIAIOSFODNN7EXAMPLE\"}],\"StartTime\":1795403400,"
                "\"EndTime\":1795403529,\"MaxResults\":50}");
}

static int lookup(const char *body, LookupPage *p)
{
        return cloudtrail_parse_lookup_page(body, strlen(body), p);
}

#define EVENT(name)                                                                                \
        "{\"EventId\":\"x\",\"CloudTrailEvent\":\"{\\\"eventName\\\":\\\"" name                    \
        "\\\",\\\"eventTime\\\":\\\"2026-11-23T03:12:09Z\\\",\\\"userIdentity\\\":{}}\"}"

static void test_lookup_page(void **state)
{
        LookupPage p;

        assert_int_equal(
                lookup("{\"Events\":[" EVENT("StopLogging") "," EVENT("x") "],\"NextToken\":\"t\"}",
                       &p),
                0);
        assert_int_equal(p.n_records, 2);
        assert_int_equal(p.n_unreadable, 0);
        assert_string_equal(p.records[0].event_name, "StopLogging");
        assert_string_equal(p.records[1].event_name, "x");
        assert_string_equal(p.next_token, "t");
        lookup_page_done(&p);

        static const char *const empty[] = {"{\"Events\":[]}", "{}",
                                            "{\"Events\":null,\"NextToken\":\"\"}"};
        for (size_t i = 0; i < ELEMENTSOF(empty); i++) {
                assert_int_equal(lookup(empty[i], &p), 0);
                assert_int_equal(p.n_records + p.n_unreadable, 0);
                assert_null(p.next_token);
                lookup_page_done(&p);
        }
        assert_int_equal(lookup("{\"Events\":[],\"NextToken\":\"t\"}", &p), 0);
        assert_string_equal(p.next_token, "t"); /* an empty page may have a next one */
        lookup_page_done(&p);
}

/* One event that cannot be read hides no other, and is counted. */
static void test_unreadable_events(void **state)
{
        char deep[300] = "{\"Events\":[{\"CloudTrailEvent\":\"";
        LookupPage p;

        assert_int_equal(
                lookup("{\"Events\":[" EVENT(
                               "a") ",{},7,{\"CloudTrailEvent\":{}},"
                                    "{\"CloudTrailEvent\":\"no json\"},{\"CloudTrailEvent\":\"\"},"
                                    "{\"CloudTrailEvent\":\"{\\\"eventName\\\":\\\"x\\\"}\"}"
                                    "," EVENT("b") "]}",
                       &p),
                0);
        assert_int_equal(p.n_records, 2);
        assert_int_equal(p.n_unreadable, 6);
        assert_string_equal(p.records[1].event_name, "b");
        lookup_page_done(&p);

        /* The limits hold again inside the string. */
        memset(deep + strlen(deep), '[', 100);
        memcpy(deep + strlen(deep), "\"}]}", 5);
        assert_int_equal(lookup(deep, &p), 0);
        assert_int_equal(p.n_unreadable, 1);
        lookup_page_done(&p);
}

/* A name that JSON cannot hold, chosen by whoever wants to hide, hides nothing. */
static void test_lookup_page_with_odd_names(void **state)
{
        LookupPage p;

        assert_int_equal(
                lookup("{\"Events\":[{\"Username\":\"\\u0000\",\"Resources\":[{\"ResourceName\":"
                       "\"\\ud800\"}],\"CloudTrailEvent\":\"{\\\"eventName\\\":\\\"a\\\","
                       "\\\"eventTime\\\":\\\"2026-11-23T03:12:09Z\\\",\\\"userAgent\\\":"
                       "\\\"\\\\u0000\\\",\\\"userIdentity\\\":{}}\"}," EVENT("b") "]}",
                       &p),
                0);
        assert_int_equal(p.n_records, 2);
        assert_int_equal(p.n_unreadable, 0);
        assert_string_equal(p.records[0].user_agent, "\xef\xbf\xbd");
        lookup_page_done(&p);
}

static void test_lookup_refuses(void **state)
{
        LookupPage p = {.n_records = 42};

        assert_int_equal(lookup("{\"Events\":{}}", &p), -EINVAL);
        assert_int_equal(lookup("{\"Events\":[],\"NextToken\":1}", &p), -EINVAL);
        assert_int_equal(lookup("[]", &p), -EBADMSG);
        assert_int_equal(lookup("{\"Events\":[", &p), -EBADMSG);
        assert_int_equal(cloudtrail_parse_lookup_page(NULL, CLOUDTRAIL_LOOKUP_BODY_MAX + 1, &p),
                         -E2BIG);
        assert_int_equal(p.n_records, 42);
}

/* Fifty padded calls must not push the fifty-first off the page. */
static void test_padded_page_is_read(void **state)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(CLOUDTRAIL_LOOKUP_BODY_MAX);
        _cleanup_free_ char *padding = mem_alloc0(250001);
        LookupPage p;

        memset(padding, 'x', 250000);
        strbuf_add(&b, "{\"Events\":[");
        for (int i = 0; i < 50; i++) {
                strbuf_add(&b,
                           "{\"CloudTrailEvent\":\"{\\\"eventName\\\":\\\"StopLogging\\\","
                           "\\\"eventTime\\\":\\\"2026-11-23T03:12:09Z\\\",\\\"userAgent\\\":\\\"");
                strbuf_add(&b, padding);
                strbuf_add(&b, i < 49 ? "\\\",\\\"userIdentity\\\":{}}\"},"
                                      : "\\\",\\\"userIdentity\\\":{}}\"}]}");
        }
        assert_int_equal(strbuf_error(&b), 0);
        assert_int_equal(cloudtrail_parse_lookup_page(b.data, b.len, &p), 0);
        assert_int_equal(p.n_records, 50);
        lookup_page_done(&p);
}

static void test_trail(void **state)
{
        static const char body[] =
                "{\"Trail\":{\"Name\":\"main\",\"TrailARN\":\"" ARN
                "\",\"HomeRegion\":\"eu-west-1\","
                "\"IsMultiRegionTrail\":true,\"IsOrganizationTrail\":true,\"S3BucketName\":\"b\"}}";
        TrailDescription d;

        assert_int_equal(cloudtrail_parse_trail(body, strlen(body), &d), 0);
        assert_string_equal(d.name, "main");
        assert_string_equal(d.arn, ARN);
        assert_string_equal(d.home_region, "eu-west-1");
        assert_true(d.is_multi_region && d.is_organization);
        trail_description_done(&d);

        assert_int_equal(cloudtrail_parse_trail("{}", 2, &d), -ENODATA);
        assert_int_equal(cloudtrail_parse_trail("{\"Trail\":[]}", 12, &d), -EBADMSG);
        assert_int_equal(cloudtrail_parse_trail("{\"Trail\":{\"Name\":\"a\"}}", 22, &d), -ENODATA);
}

UNIT_MAIN(T(test_trail_requests), T(test_status), T(test_status_again), T(test_status_refuses),
          T(test_status_read_in_part), T(test_status_said_twice), T(test_status_cut_off),
          T(test_status_errors_of_another_form), T(test_lookup_request),
          T(test_lookup_request_by_key), T(test_lookup_page), T(test_unreadable_events),
          T(test_lookup_page_with_odd_names), T(test_lookup_refuses), T(test_padded_page_is_read),
          T(test_trail))
