/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "aws/awserror.h"
#include "base/escape.h"
#include "base/jsonmap.h"
#include "base/mem.h"

static void test_classes(void **state)
{
        static const struct {
                const char *code;
                int status;
                AwsErrorClass want;
        } cases[] = {
                {"Throttling", 400, AWS_ERROR_THROTTLED},
                {"ThrottlingException", 400, AWS_ERROR_THROTTLED},
                {"ThrottledException", 400, AWS_ERROR_THROTTLED},
                {"Throttled", 429, AWS_ERROR_THROTTLED},
                {"RequestThrottled", 400, AWS_ERROR_THROTTLED},
                {"RequestThrottledException", 400, AWS_ERROR_THROTTLED},
                {"TooManyRequestsException", 400, AWS_ERROR_THROTTLED},
                {"RequestLimitExceeded", 503, AWS_ERROR_THROTTLED},
                {"SlowDown", 503, AWS_ERROR_THROTTLED},
                {"KMSThrottling", 400, AWS_ERROR_THROTTLED},
                {"KMSThrottlingException", 400, AWS_ERROR_THROTTLED},
                {"PriorRequestNotComplete", 400, AWS_ERROR_THROTTLED},
                {"Whatever", 429, AWS_ERROR_THROTTLED},
                {NULL, 429, AWS_ERROR_THROTTLED},
                {NULL, 500, AWS_ERROR_TRANSIENT},
                {NULL, 502, AWS_ERROR_TRANSIENT},
                {"Whatever", 503, AWS_ERROR_TRANSIENT},
                {"", 504, AWS_ERROR_TRANSIENT},
                {"RequestTimeout", 400, AWS_ERROR_TRANSIENT},
                {"ConflictException", 400, AWS_ERROR_TRANSIENT},
                {"ConcurrentModificationException", 400, AWS_ERROR_TRANSIENT},
                {"InternalError", 500, AWS_ERROR_TRANSIENT},
                {"ExpiredToken", 403, AWS_ERROR_EXPIRED},
                {"ExpiredTokenException", 400, AWS_ERROR_EXPIRED},
                {"UnrecognizedClientException", 400, AWS_ERROR_EXPIRED},
                {"InvalidClientTokenId", 403, AWS_ERROR_EXPIRED},
                {"RequestExpired", 400, AWS_ERROR_CLOCK},
                {"RequestTimeTooSkewed", 403, AWS_ERROR_CLOCK},
                {"InvalidSignatureException", 400, AWS_ERROR_CLOCK},
                {"SignatureDoesNotMatch", 403, AWS_ERROR_CLOCK},
                {"AccessDenied", 403, AWS_ERROR_DENIED},
                {"AccessDeniedException", 400, AWS_ERROR_DENIED},
                {"AuthorizationError", 403, AWS_ERROR_DENIED},
                {"NotOrganizationMasterAccountException", 400, AWS_ERROR_DENIED},
                {"OperationNotPermittedException", 400, AWS_ERROR_DENIED},
                {"TrailNotFoundException", 400, AWS_ERROR_NOT_FOUND},
                {"TrailNotFoundException", 404, AWS_ERROR_NOT_FOUND},
                {"NotFound", 404, AWS_ERROR_NOT_FOUND},
                {"InvalidHomeRegionException", 400, AWS_ERROR_INVALID},
                {"CloudTrailARNInvalidException", 400, AWS_ERROR_INVALID},
                {"InvalidTrailNameException", 400, AWS_ERROR_INVALID},
                {"UnsupportedOperationException", 400, AWS_ERROR_INVALID},
                {"InvalidParameter", 400, AWS_ERROR_INVALID},
                {"EndpointDisabled", 400, AWS_ERROR_INVALID},
                {"KMSDisabled", 400, AWS_ERROR_INVALID},
                {"IncompleteSignature", 403, AWS_ERROR_INVALID},
                {NULL, 404, AWS_ERROR_INVALID}, /* a proxy's, and no deleted trail */
                {"NotFoundish", 404, AWS_ERROR_INVALID},
                {"Trail", 400, AWS_ERROR_INVALID},
                {"trailnotfoundexception", 400, AWS_ERROR_INVALID},
                {"Exception", 400, AWS_ERROR_INVALID},
                {NULL, 403, AWS_ERROR_DENIED},
                {NULL, 401, AWS_ERROR_DENIED},
                {NULL, 302, AWS_ERROR_PROTOCOL},
                {NULL, 200, AWS_ERROR_PROTOCOL},
                {NULL, 0, AWS_ERROR_PROTOCOL},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                AwsErrorClass have = aws_error_classify(cases[i].code, cases[i].status);
                if (have != cases[i].want)
                        fail_msg("%s %d: %s", strempty(cases[i].code), cases[i].status,
                                 aws_error_class_to_string(have));
        }
}

static void test_class_names(void **state)
{
        for (AwsErrorClass c = 0; c < _AWS_ERROR_CLASS_MAX; c++) {
                assert_non_null(aws_error_class_to_string(c));
                assert_int_equal(aws_error_class_from_string(aws_error_class_to_string(c)), c);
        }
        assert_int_equal(aws_error_class_from_string("no such"), _AWS_ERROR_CLASS_INVALID);
}

static AwsError from_json(int status, const char *body, const char *query_error)
{
        AwsError e;

        memset(&e, 'x', sizeof(e)); /* all of it is to be filled */
        aws_error_from_json(status, body, strlen(body),
                            &(AwsErrorHeaders){.query_error = query_error, .request_id = "req-1"},
                            &e);
        return e;
}

static void test_json(void **state)
{
        AwsError e = from_json(
                400, "{\"__type\":\"TrailNotFoundException\",\"message\":\"Unknown trail\"}", NULL);

        assert_int_equal(e.class, AWS_ERROR_NOT_FOUND);
        assert_int_equal(e.status, 400);
        assert_string_equal(e.code, "TrailNotFoundException");
        assert_string_equal(e.message, "Unknown trail");
        assert_string_equal(e.request_id, "req-1");

        e = from_json(400,
                      "{\"__type\":\"com.amazonaws.x#AccessDeniedException:http://a/#b\","
                      "\"Message\":\"no\"}",
                      NULL);
        assert_string_equal(e.code, "AccessDeniedException");
        assert_string_equal(e.message, "no");
        e = from_json(400, "{\"__type\":\"x#A\"}", "QueueDoesNotExist;Sender");
        assert_string_equal(e.code, "QueueDoesNotExist");
        e = from_json(400, "{\"__type\":\"x#A\"}", "");
        assert_string_equal(e.code, "A");
}

/* Prose that holds a code is no code. */
static void test_message_is_not_read_as_code(void **state)
{
        AwsError e = from_json(400, "{\"message\":\"ExpiredToken AccessDenied Throttling\"}", NULL);

        assert_int_equal(e.class, AWS_ERROR_INVALID);
        assert_string_equal(e.code, "HTTP 400");
        e = from_json(400, "<html>TrailNotFoundException</html>", NULL);
        assert_int_equal(e.class, AWS_ERROR_PROTOCOL);
}

static void test_json_that_is_none(void **state)
{
        static const char *const bodies[] = {
                "",
                "{",
                "[]",
                "{}",
                "{\"__type\":1}",
                "{\"__type\":\"\"}",
                "{\"__type\":\"x#\"}",
                "{\"__type\":\":\"}",
                "{\"__type\":null,\"message\":{}}",
                "\xff",
                "HTTP 503",
        };

        for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
                AwsError e = from_json(503, bodies[i], NULL);
                assert_int_equal(e.class, AWS_ERROR_TRANSIENT);
                assert_string_equal(e.code, "HTTP 503");
                assert_string_equal(e.request_id, "req-1");
                if (*bodies[i])
                        assert_string_equal(strstr(e.message, ": ") + 2,
                                            streq(bodies[i], "\xff") ? "\\xff" : bodies[i]);
        }
        AwsError e;
        aws_error_from_json(403, NULL, 0, &(AwsErrorHeaders){}, &e);
        assert_int_equal(e.class, AWS_ERROR_PROTOCOL);
        assert_string_equal(e.request_id, "");
        assert_string_equal(e.message, "an empty answer");
}

/* A web filter, a proxy, a gateway: it denies nothing in AWS's name. */
static void test_what_is_not_from_aws(void **state)
{
        static const char page[] = "<html><title>Blocked by policy\033</title>";
        static const int statuses[] = {400, 401, 403, 404, 407, 451};
        _cleanup_free_ char *longer = mem_printf("%s%0400d", page, 0);

        for (size_t i = 0; i < ELEMENTSOF(statuses); i++) {
                AwsError json = from_json(statuses[i], longer, NULL), xml;

                aws_error_from_xml(statuses[i], longer, strlen(longer), "req-1", &xml);
                assert_int_equal(json.class, AWS_ERROR_PROTOCOL);
                assert_int_equal(xml.class, AWS_ERROR_PROTOCOL);
                assert_string_equal(json.message, xml.message);
                assert_true(strlen(json.message) < 260);
                assert_non_null(strstr(json.message, "Blocked by policy\\x1b</title>000"));
        }
        assert_int_equal(from_json(429, page, NULL).class, AWS_ERROR_THROTTLED);
        assert_int_equal(from_json(502, page, NULL).class, AWS_ERROR_TRANSIENT);
}

/* The header, then the body's code, then its __type; and what a new code of AWS's means. */
static void test_where_the_code_stands(void **state)
{
        static const char both[] = "{\"code\":\"b#TrailNotFoundException:x\",\"__type\":\"C\"}";
        AwsError e;

        aws_error_from_json(400, both, strlen(both),
                            &(AwsErrorHeaders){.error_type = "a#AccessDeniedException:http://x/"},
                            &e);
        assert_string_equal(e.code, "AccessDeniedException");
        assert_int_equal(e.class, AWS_ERROR_DENIED);
        aws_error_from_json(400, both, strlen(both), &(AwsErrorHeaders){.error_type = ""}, &e);
        assert_string_equal(e.code, "TrailNotFoundException");
        aws_error_from_json(403, "", 0, &(AwsErrorHeaders){.error_type = "NotAuthorized"}, &e);
        assert_int_equal(e.class, AWS_ERROR_DENIED);
        assert_int_equal(aws_error_classify("NotAuthorized", 400), AWS_ERROR_DENIED);
        assert_int_equal(aws_error_classify("SubscriptionRequiredException", 400),
                         AWS_ERROR_DENIED);
}

/* S3 and EC2 have other documents than SNS and STS. */
static void test_code_wherever_it_stands(void **state)
{
        static const char *const bodies[] = {
                "<Error><Code>AccessDenied</Code><Message>no</Message><RequestId>r</RequestId>"
                "</Error>",
                "<Response><Errors><Error><Code>AccessDenied</Code><Message>no</Message></Error>"
                "</Errors><RequestID>r</RequestID></Response>",
        };

        for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
                AwsError e;

                aws_error_from_xml(403, bodies[i], strlen(bodies[i]), NULL, &e);
                assert_int_equal(e.class, AWS_ERROR_DENIED);
                assert_string_equal(e.code, "AccessDenied");
                assert_string_equal(e.message, "no");
                assert_string_equal(e.request_id, "r");
        }
}

static const char xml_body[] =
        "<ErrorResponse "
        "xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>"
        "<Code>Throttled</Code><Message>slow &#x202e; down</Message></Error>"
        "<RequestId>r-2</RequestId></ErrorResponse>";

static void test_xml(void **state)
{
        AwsError e;

        memset(&e, 'x', sizeof(e));
        aws_error_from_xml(400, xml_body, strlen(xml_body), NULL, &e);
        assert_int_equal(e.class, AWS_ERROR_THROTTLED);
        assert_string_equal(e.code, "Throttled");
        assert_string_equal(e.message, "slow \\u{202e} down");
        assert_string_equal(e.request_id, "r-2");
        aws_error_from_xml(400, xml_body, strlen(xml_body), "header", &e);
        assert_string_equal(e.request_id, "header");

        for (size_t n = 0; n < strlen(xml_body); n++) {
                _cleanup_free_ char *exact = mem_alloc0(n + 1);
                memcpy(exact, xml_body, n);
                aws_error_from_xml(502, exact, n, NULL, &e);
                assert_string_equal(e.code, "HTTP 502");
                assert_int_equal(e.class, AWS_ERROR_TRANSIENT);
        }
}

/* Everything is escaped and cut, and stays valid UTF-8 when it is. */
static void test_hostile_text(void **state)
{
        _cleanup_free_ char *words = mem_alloc0(8001);
        AwsError e;

        for (size_t i = 0; i < 8000; i += 4)
                memcpy(words + i, "\xf0\x9f\x98\x80", 4);
        for (size_t shift = 0; shift < 4; shift++) {
                _cleanup_free_ char *body = mem_printf("{\"__type\":\"%s\",\"message\":\"%.*s%s\"}",
                                                       words, (int)shift, "abc", words);
                aws_error_from_json(400, body, strlen(body),
                                    &(AwsErrorHeaders){.request_id = words}, &e);
                assert_true(strlen(e.message) > 500 && strlen(e.message) < sizeof(e.message));
                assert_true(strlen(e.code) > 90 && strlen(e.code) < sizeof(e.code));
                assert_true(strlen(e.request_id) < sizeof(e.request_id));
                _cleanup_free_ char *again = escape_text(e.message, 10000);
                assert_string_equal(again, e.message); /* nothing invalid is left */
        }
        e = from_json(400, "{\"__type\":\"a\\nb\",\"message\":\"\\u001b[31m\"}", "");
        assert_string_equal(e.code, "a\\x0ab");
        assert_string_equal(e.message, "\\x1b[31m");

        _cleanup_free_ char *ascii = mem_printf("{\"message\":\"%0600d\"}", 0);
        e = from_json(400, ascii, NULL);
        assert_int_equal(strlen(e.message), sizeof(e.message) - 1);
        assert_non_null(strstr(e.message, "0[...]0"));
}

/* AWS says at the end why: what is too long loses its middle. */
static void test_the_reason_of_a_denial(void **state)
{
        static const char reason[] =
                "with an explicit deny in a service control policy: arn:aws:"
                "organizations::111122223333:policy/o-0/service_control_policy/"
                "p-0";
        _cleanup_free_ char *name = mem_alloc0(1001), *body = NULL;
        AwsError e;

        memset(name, 'n', 1000);
        body = mem_printf("{\"__type\":\"AccessDeniedException\",\"message\":\"User: arn:aws:sts::"
                          "111122223333:assumed-role/guard/%s is not authorized to perform: "
                          "cloudtrail:StartLogging %s\"}",
                          name, reason);
        e = from_json(400, body, NULL);
        assert_int_equal(strncmp(e.message, "User: arn:aws:sts::111122223333:", 32), 0);
        assert_string_equal(e.message + strlen(e.message) - strlen(reason), reason);
}

static void test_set(void **state)
{
        AwsError e;

        memset(&e, 'x', sizeof(e));
        aws_error_set(&e, AWS_ERROR_NETWORK, "Timeout", "no answer in %d s\n", 5);
        assert_int_equal(e.class, AWS_ERROR_NETWORK);
        assert_int_equal(e.status, 0);
        assert_string_equal(e.code, "Timeout");
        assert_string_equal(e.message, "no answer in 5 s\\x0a");
        assert_string_equal(e.request_id, "");
}

static void test_as_value(void **state)
{
        AwsError e = {}, back = {};
        json_t *object = aws_error_to_value(&e);
        _cleanup_free_ char *text = NULL;

        assert_true(json_is_null(object));
        aws_error_set(&e, AWS_ERROR_DENIED, "AccessDenied", "no");
        e.status = 400;
        memcpy(e.request_id, "r-1", 4);
        object = aws_error_to_value(&e);
        text = json_dumps(object, JSON_COMPACT);
        assert_string_equal(text, "{\"class\":\"denied\",\"status\":400,\"code\":\"AccessDenied\","
                                  "\"message\":\"no\",\"request_id\":\"r-1\"}");

        aws_error_from_value(object, &back);
        assert_memory_equal(&back, &e, sizeof(e));
        aws_error_from_value(json_null(), &back);
        assert_int_equal(back.class, AWS_ERROR_NONE);
        json_decref(object);
}

/* A file that somebody has edited may hold anything; what is read of it can be written again. */
static void test_value_cut_within_a_character(void **state)
{
        _cleanup_free_ char *id = mem_alloc0(200);
        AwsError e, again;

        for (size_t k = 0; k < 60; k++)
                memcpy(id + 1 + 3 * k, "\xe2\x82\xac", 3);
        *id = 'x';
        json_t *object = json_pack("{s:s, s:s}", "class", "denied", "request_id", id);
        aws_error_from_value(object, &e);
        json_decref(object);
        object = aws_error_to_value(&e);
        aws_error_from_value(object, &again);
        assert_memory_equal(&again, &e, sizeof(e));
        json_decref(object);
}

/* What is too long is cut once, where it is written first, however its escapes fall. */
static void test_long_texts_are_the_same_after_the_disk(void **state)
{
        for (size_t n = 1; n < 600; n++) {
                _cleanup_free_ char *bytes = mem_alloc0(2 * n + 2);
                AwsError e, again;

                for (size_t i = 0; i < 2 * n; i++)
                        bytes[i] = i % 5 < n % 7 ? '\b' : 'x';
                bytes[0] = 'x';
                aws_error_set(&e, AWS_ERROR_DENIED, bytes, "%s", bytes);
                _cleanup_json_ json_t *value = aws_error_to_value(&e);
                aws_error_from_value(value, &again);
                assert_memory_equal(&again, &e, sizeof(e));
        }
}

UNIT_MAIN(T(test_what_is_not_from_aws), T(test_where_the_code_stands),
          T(test_code_wherever_it_stands), T(test_classes), T(test_class_names), T(test_json),
          T(test_message_is_not_read_as_code), T(test_json_that_is_none), T(test_xml),
          T(test_hostile_text), T(test_the_reason_of_a_denial), T(test_set), T(test_as_value),
          T(test_value_cut_within_a_character), T(test_long_texts_are_the_same_after_the_disk))
