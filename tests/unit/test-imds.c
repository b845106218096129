/* SPDX-License-Identifier: Apache-2.0 */
/* The IMDSv2 source over a scripted transport. */

#include "fake-net.h"

#include <stdio.h>

#include "base/mem.h"

#define DOCUMENT                                                                                   \
        "{\"Code\":\"Success\",\"LastUpdated\":\"2026-11-23T02:00:00Z\",\"Type\":\"AWS-HMAC\","    \
        "\"AccessKeyId\":\"ASIAIMDS\",\"SecretAccessKey\":\"s3cret\",\"Token\":\"t0ken\","         \
        "\"Expiration\":\"2026-11-23T09:00:00Z\"}"
#define KEYS "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIAIMDS\",\"SecretAccessKey\":\"s3cret\","
#define REST "\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"2026-11-23T09:00:00Z\"}"
#define RENEWED KEYS "\"Token\":\"t0ken2\",\"Expiration\":\"2026-11-23T15:00:00Z\"}"
#define BASE "http://169.254.169.254/latest/"

typedef struct Fixture {
        FakeNet net;
        CredSource *source;
        CredFetch *fetch;
        unsigned n_called;
        char key[64];
        int64_t expiry_msec;
        AwsError error;
} Fixture;

static int setup(void **state)
{
        Fixture *f = mem_new0(Fixture);
        char *text = NULL;

        fake_net_init(&f->net);
        assert_int_equal(cred_source_new_imds(&f->net.env, NULL, NULL, &f->source, &text), 0);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;

        for (size_t i = 0; i < f->net.n_sent; i++)
                if (!streq(f->net.sent[i].method, "PUT"))
                        assert_false(isempty(
                                fake_sent_header(&f->net.sent[i], "X-aws-ec2-metadata-token")));
        cred_source_free(f->source);
        fake_net_done(&f->net);
        free(f);
        return 0;
}

static void on_credentials(void *userdata, AwsCredentials *c, const AwsError *error)
{
        Fixture *f = userdata;

        assert_true(!c != !error);
        f->fetch = NULL;
        f->n_called++;
        f->key[0] = '\0';
        if (c) {
                (void)snprintf(f->key, sizeof(f->key), "%s %s %s", c->access_key_id,
                               secret_expose(c->secret_access_key),
                               secret_expose(c->session_token));
                f->expiry_msec = c->expiry_msec;
        } else {
                f->error = *error;
                assert_int_equal(error->class, AWS_ERROR_CREDENTIALS);
                assert_true(*error->message != '\0');
        }
}

static void start(Fixture *f)
{
        f->n_called = 0;
        f->fetch = f->source->fetch(f->source, on_credentials, f);
        assert_non_null(f->fetch);
        assert_int_equal(f->n_called, 0);
}

static void run(Fixture *f)
{
        start(f);
        fake_net_advance(&f->net, USEC_PER_MINUTE);
        assert_int_equal(f->n_called, 1);
}

static void answer(Fixture *f, int status, const char *body)
{
        fake_net_answer(&f->net, (FakeAnswer){.status = status, .body = body});
}

static void answer_token(Fixture *f, const char *token)
{
        answer(f, 200, token);
}

static void answer_all(Fixture *f)
{
        answer_token(f, "AQAAtoken==");
        answer(f, 200, "guard-role");
        answer(f, 200, DOCUMENT);
}

static void test_three_steps(void **state)
{
        Fixture *f = *state;

        answer_all(f);
        run(f);
        assert_string_equal(f->key, "ASIAIMDS s3cret t0ken");
        assert_int_equal(f->expiry_msec, FAKE_WALL_START + 6 * MSEC_PER_HOUR);

        static const char *const urls[] = {
                BASE "api/token",
                BASE "meta-data/iam/security-credentials/",
                BASE "meta-data/iam/security-credentials/guard-role",
        };
        assert_int_equal(f->net.n_sent, 3);
        for (size_t i = 0; i < 3; i++) {
                const FakeSent *s = &f->net.sent[i];
                assert_string_equal(s->url, urls[i]);
                assert_string_equal(s->method, i == 0 ? "PUT" : "GET");
                assert_string_equal(s->headers, i == 0 ? "X-aws-ec2-metadata-token-ttl-seconds: "
                                                         "21600\n"
                                                       : "X-aws-ec2-metadata-token: "
                                                         "AQAAtoken==\n");
                assert_int_equal(s->policy, HTTP_POLICY_METADATA);
                assert_int_equal(s->connect_timeout_usec, USEC_PER_SEC);
                assert_int_equal(s->timeout_usec, 2 * USEC_PER_SEC);
                assert_int_equal(s->body_max, 65536);
                assert_true(s->urgent);
        }
}

static void test_each_fetch_has_a_token_of_its_own(void **state)
{
        Fixture *f = *state;

        answer_all(f);
        run(f);
        answer_token(f, "two");
        answer(f, 200, "guard-role");
        answer(f, 200, DOCUMENT);
        run(f);
        assert_int_equal(f->net.n_sent, 6);
        assert_string_equal(f->net.sent[3].method, "PUT");
        for (size_t i = 4; i < 6; i++)
                assert_string_equal(fake_sent_header(&f->net.sent[i], "X-aws-ec2-metadata-token"),
                                    "two");
}

static void test_refused_token_is_replaced_once(void **state)
{
        Fixture *f = *state;

        answer_token(f, "one");
        answer(f, 401, "");
        answer_all(f);
        run(f);
        assert_string_equal(f->key, "ASIAIMDS s3cret t0ken");
        assert_string_equal(fake_sent_header(&f->net.sent[3], "X-aws-ec2-metadata-token"),
                            "AQAAtoken==");

        /* Also at the last step. */
        answer_token(f, "one");
        answer(f, 200, "guard-role");
        answer(f, 401, "");
        answer_all(f);
        run(f);
        assert_string_equal(f->key, "ASIAIMDS s3cret t0ken");

        answer_token(f, "one");
        answer(f, 401, "");
        answer_token(f, "again");
        answer(f, 401, "");
        run(f);
        assert_string_equal(f->error.code, "ImdsUnauthorized");
        assert_int_equal(f->error.status, 401);
}

static void test_failing_service_is_tried_four_times(void **state)
{
        Fixture *f = *state;
        const FakeSent *s = f->net.sent;

        answer(f, 503, "");
        answer(f, 500, "");
        answer(f, 429, "");
        answer_all(f);
        run(f);
        assert_string_equal(f->key, "ASIAIMDS s3cret t0ken");
        /* random01 is 0.5: three quarters of 250, 500, 1000 ms */
        assert_int_equal(s[1].boottime_usec - s[0].boottime_usec, 187500);
        assert_int_equal(s[2].boottime_usec - s[1].boottime_usec, 375000);
        assert_int_equal(s[3].boottime_usec - s[2].boottime_usec, 750000);

        for (size_t i = 0; i < 4; i++)
                answer(f, 503, "");
        run(f);
        assert_string_equal(f->error.message, "IMDS answered with HTTP 503");
        assert_int_equal(f->error.status, 503);
}

/* Where the answer to the PUT dies on its way (hop limit 1), and the pause is the longest. */
static void test_black_hole_is_told_within_five_seconds(void **state)
{
        Fixture *f = *state;

        f->net.random01 = 0;
        start(f);
        /* twice 2 s and the pause */
        fake_net_advance(&f->net, 4500 * USEC_PER_MSEC - 1);
        assert_int_equal(f->n_called, 0);
        fake_net_advance(&f->net, 1);
        assert_int_equal(f->n_called, 1);
        assert_int_equal(f->net.n_sent, 2);
        assert_string_equal(f->error.code, "Timeout");
        assert_string_equal(f->error.message, "IMDS: scripted (not on EC2, or in a container while "
                                              "the instance's metadata hop limit is 1)");
}

static void on_cached(void *userdata, AwsCredentials *c, const AwsError *error)
{
        assert_non_null(c);
}

/* What renews them must not hang on the one answer that never came. */
static void test_renewal_is_not_stuck_after_a_timeout(void **state)
{
        Fixture *f = *state;
        CredCache *cache = cred_cache_new(&f->net.env, f->source);
        int64_t expiry_msec;
        unsigned seconds = 0;

        answer_all(f);
        (void)cred_cache_get(cache, on_cached, NULL);
        fake_net_advance(&f->net, 5 * USEC_PER_HOUR + 46 * USEC_PER_MINUTE);
        for (size_t i = 0; i < 2; i++)
                fake_net_answer(&f->net, (FakeAnswer){.silent = true});
        answer_token(f, "t");
        answer(f, 200, "guard-role");
        answer(f, 200, RENEWED);
        do {
                const AwsCredentials *c = cred_cache_peek(cache);
                assert_non_null(c);
                expiry_msec = c->expiry_msec;
                fake_net_advance(&f->net, USEC_PER_SEC);
        } while (expiry_msec == FAKE_WALL_START + 6 * MSEC_PER_HOUR && seconds++ < 15 * 60 + 5);
        assert_int_equal(expiry_msec, FAKE_WALL_START + 12 * MSEC_PER_HOUR);

        f->source = NULL; /* the cache's */
        cred_cache_free(cache);
}

/* The body as the role's credentials, as often as they are asked for: an error that says whose
 * fault it is, and the next fetch works. */
static void refuse_document(const char *body)
{
        Fixture *f;

        setup((void **)&f);
        answer_token(f, "t");
        answer(f, 200, "guard-role");
        for (size_t i = 0; i < 4; i++)
                answer(f, 200, body);
        run(f);
        if (f->key[0])
                fail_msg("taken for credentials: %s", body);
        assert_string_equal(f->error.code, "ImdsError");
        assert_memory_equal(f->error.message, "IMDS has none for role guard-role: ", 35);
        answer_all(f);
        run(f);
        assert_string_equal(f->key, "ASIAIMDS s3cret t0ken");
        teardown((void **)&f);
}

static void test_fifty_malformed_replies(void **state)
{
        static const char *const bodies[] = {
                "",
                " ",
                "\n",
                "\xff\xfe",
                "\xef\xbb\xbf",
                "null",
                "true",
                "0",
                "\"\"",
                "[]",
                "[{}]",
                "{}",
                "{",
                "}",
                "{{}}",
                "{\"a\"",
                "{\"a\":}",
                "{\"a\":1,}",
                "{'Code':'Success'}",
                "<html><body>504 Gateway Time-out</body></html>",
                "<?xml version=\"1.0\"?><Error><Code>Expired</Code></Error>",
                "HTTP/1.1 200 OK\r\n\r\n{}",
                "{\"Code\":\"Success\"}",
                "{\"Code\":null}",
                "{\"Code\":1}",
                "{\"Code\":[]}",
                "{\"Code\":\"\"}",
                "{\"Code\":\"Failed\"}",
                "{\"Code\":\"Success\",\"AccessKeyId\":null," REST,
                "{\"Code\":\"Success\",\"AccessKeyId\":\"\"," REST,
                "{\"Code\":\"Success\",\"AccessKeyId\":1," REST,
                "{\"Code\":\"Success\",\"AccessKeyId\":[\"A\"]," REST,
                "{\"Code\":\"Success\",\"AccessKeyId\":\"A B\"," REST,
                "{\"Code\":\"Success\",\"AccessKeyId\":\"A\\r\\nX: y\"," REST,
                "{\"Code\":\"Success\",\"AccessKeyId\":\"A\\u0000B\"," REST,
                "{\"Code\":\"Success\",\"AccessKeyId\":\"A\xff\"," REST,
                "{\"Code\":\"Success\",\"accesskeyid\":\"A\"," REST,
                KEYS "\"Token\":\"\",\"Expiration\":\"2026-11-23T09:00:00Z\"}",
                KEYS "\"Token\":1,\"Expiration\":\"2026-11-23T09:00:00Z\"}",
                KEYS "\"Token\":\"t\\n\",\"Expiration\":\"2026-11-23T09:00:00Z\"}",
                KEYS "\"Expiration\":\"2026-11-23T09:00:00Z\"}",
                KEYS "\"Token\":\"t\"}",
                KEYS "\"Token\":\"t\",\"Expiration\":null}",
                KEYS "\"Token\":\"t\",\"Expiration\":\"\"}",
                KEYS "\"Token\":\"t\",\"Expiration\":true}",
                KEYS "\"Token\":\"t\",\"Expiration\":\"tomorrow\"}",
                KEYS "\"Token\":\"t\",\"Expiration\":\"2026-13-45T99:99:99Z\"}",
                KEYS "\"Token\":\"t\",\"Expiration\":\"2026-11-23T09:00:00Z\"} {}",
                KEYS "\"Token\":\"t\",\"Expiration\":\"2026-11-23T09:00:00Z\"}x",
                KEYS "\"Token\":\"t\",\"Expiration\":\"2026-11-23T09:00:00Z\"",
        };

        assert_int_equal(ELEMENTSOF(bodies), 50);
        for (size_t i = 0; i < ELEMENTSOF(bodies); i++)
                refuse_document(bodies[i]);
        for (size_t n = 0; n < strlen(DOCUMENT); n++) {
                _cleanup_free_ char *cut = mem_strndup(DOCUMENT, n);
                refuse_document(cut);
        }
}

static void test_network_failure(void **state)
{
        Fixture *f = *state;

        for (size_t i = 0; i < 4; i++)
                fake_net_answer(&f->net, (FakeAnswer){.error_class = AWS_ERROR_NETWORK,
                                                      .error_code = "ConnectionRefused"});
        run(f);
        assert_string_equal(f->error.code, "ConnectionRefused");
        assert_string_equal(f->error.message, "IMDS: scripted");
}

static void test_answers_that_end_it(void **state)
{
        static const struct {
                int token_status;
                const char *token;
                int role_status;
                const char *role;
                int document_status;
                const char *code, *message;
        } cases[] = {
                {403, "", 0, "", 0, "ImdsDisabled", "IMDS is off for this instance (HTTP 403)"},
                {404, "", 0, "", 0, "ImdsError", "IMDS answered with HTTP 404"},
                {400, "", 0, "", 0, "ImdsError", "IMDS answered with HTTP 400"},
                {301, "", 0, "", 0, "ImdsError", "IMDS answered with HTTP 301"},
                {200, "", 0, "", 0, "MalformedAnswer", "IMDS returned no valid token"},
                {200, "t\r\nX-evil: 1", 0, "", 0, "MalformedAnswer",
                 "IMDS returned no valid token"},
                {200, "t", 404, "", 0, "NoRole", "no role is attached to this instance"},
                {200, "t", 200, "", 0, "NoRole", "no role is attached to this instance"},
                {200, "t", 403, "", 0, "ImdsDisabled", "IMDS is off for this instance (HTTP 403)"},
                {200, "t", 200, "../../user-data", 0, "MalformedAnswer",
                 "IMDS names a role that cannot be one"},
                {200, "t", 200, "<html>", 0, "MalformedAnswer",
                 "IMDS names a role that cannot be one"},
                {200, "t", 200, "guard-role", 404, "NoRole",
                 "no role is attached to this instance"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Fixture *f;

                setup((void **)&f);
                answer_token(f, cases[i].token);
                f->net.script[0].status = cases[i].token_status;
                if (cases[i].role_status)
                        answer(f, cases[i].role_status, cases[i].role);
                if (cases[i].document_status)
                        answer(f, cases[i].document_status, "");
                start(f);
                fake_net_turn(&f->net); /* no waiting */
                assert_int_equal(f->n_called, 1);
                assert_string_equal(f->error.code, cases[i].code);
                assert_string_equal(f->error.message, cases[i].message);
                teardown((void **)&f);
        }
}

static void test_role_with_a_second_line(void **state)
{
        Fixture *f = *state;

        answer_token(f, "t");
        answer(f, 200, "guard+role@x=1,2.a_b-c\nother\n");
        answer(f, 200, DOCUMENT);
        run(f);
        assert_string_equal(f->net.sent[2].url, BASE "meta-data/iam/security-credentials/"
                                                     "guard%2Brole%40x%3D1%2C2.a_b-c");
        assert_string_equal(f->key, "ASIAIMDS s3cret t0ken");
}

static void test_error_in_a_good_answer(void **state)
{
        Fixture *f = *state;

        answer_token(f, "t");
        answer(f, 200, "guard-role");
        for (size_t i = 0; i < 4; i++)
                answer(f, 200,
                       "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2 cannot assume "
                       "the role\\u202e\"}");
        run(f);
        assert_string_equal(f->error.code, "ImdsError");
        assert_string_equal(f->error.message,
                            "IMDS has none for role guard-role: "
                            "AssumeRoleUnauthorizedAccess: EC2 cannot assume the role\\u{202e}");

        answer_token(f, "t");
        answer(f, 200, "guard-role");
        for (size_t i = 0; i < 4; i++)
                answer(f, 200, "{\"Code\":\"Success\",\"AccessKeyId\":\"A\"}");
        run(f);
        assert_string_equal(f->error.message, "IMDS has none for role guard-role: "
                                              "the answer cannot be read");
}

static void test_cancel_in_every_state(void **state)
{
        Fixture *f = *state;

        f->source->cancel(NULL);
        start(f); /* in the transport */
        f->source->cancel(f->fetch);
        assert_true(f->net.sent[0].cancelled);

        answer(f, 503, "");
        start(f);
        fake_net_turn(&f->net); /* backing off */
        f->source->cancel(f->fetch);

        answer_token(f, "t");
        answer(f, 200, "guard-role");
        start(f);
        fake_net_turn(&f->net); /* at the last step */
        f->source->cancel(f->fetch);
        assert_true(f->net.sent[4].cancelled);
        fake_net_advance(&f->net, USEC_PER_MINUTE);
        assert_int_equal(f->n_called, 0);
}

/* Field bug: a request without a token. Where none is to be had, as where version 2 is not known,
 * nothing is asked by version 1 in its place; and of what was asked, nothing went without. */
static void test_no_request_goes_without_a_token(void **state)
{
        static const int statuses[] = {0, 400, 401, 403, 404, 405, 500, 501, 503};

        for (size_t i = 0; i < ELEMENTSOF(statuses); i++) {
                Fixture *f;

                setup((void **)&f);
                for (size_t k = 0; k < 4; k++) {
                        fake_net_answer(&f->net, (FakeAnswer){.status = statuses[i],
                                                              .body = "",
                                                              .error_class = AWS_ERROR_NETWORK,
                                                              .error_code = "ConnectionReset"});
                        if (statuses[i] > 0 && statuses[i] < 500)
                                break;
                }
                run(f);
                assert_true(f->net.n_sent > 0);
                for (size_t k = 0; k < f->net.n_sent; k++)
                        assert_string_equal(f->net.sent[k].method, "PUT");
                teardown((void **)&f);
        }
}

/* The variables beat what a profile says, an endpoint beats a mode. */
static void test_endpoints(void **state)
{
        static const char *const must_be_plain =
                "AWS_EC2_METADATA_SERVICE_ENDPOINT (in a profile: ec2_metadata_service_endpoint) "
                "has to be a plain http URL of a metadata address (http://169.254.169.254) or of a "
                "loopback one";
        static const char *const must_be_family =
                "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE (in a profile: "
                "ec2_metadata_service_endpoint_mode) has to be IPv4 or IPv6";
        static const struct {
                const char *variable, *variable_mode, *endpoint, *mode;
                const char *expected; /* host of the URL, or the refusal */
        } cases[] = {
                {NULL, NULL, NULL, NULL, "169.254.169.254"},
                {"", " ", "", "", "169.254.169.254"},
                {NULL, NULL, "http://[fd00:ec2::254]", NULL, "[fd00:ec2::254]"},
                {"http://127.0.0.1:8080//", NULL, NULL, NULL, "127.0.0.1:8080"},
                {"http://127.0.0.1:1", "IPv6", "http://127.0.0.1:2", "IPv5", "127.0.0.1:1"},
                {NULL, "IPv6", "http://127.0.0.1:2", "IPv4", "127.0.0.1:2"},
                {NULL, "ipv6", NULL, "IPv4", "[fd00:ec2::254]"},
                {NULL, NULL, NULL, "IPv6", "[fd00:ec2::254]"},
                {NULL, "IPv4", NULL, "IPv6", "169.254.169.254"},
                {NULL, "IPv5", NULL, NULL, must_be_family},
                {NULL, NULL, NULL, "IPv5", must_be_family},
                {"https://169.254.169.254", NULL, NULL, NULL, must_be_plain},
                {"169.254.169.254", NULL, NULL, NULL, must_be_plain},
                {"http://a@169.254.169.254", NULL, NULL, NULL, must_be_plain},
                {"http://169.254.169.254/?x", NULL, NULL, NULL, must_be_plain},
                {"http://127.evil.example/", NULL, NULL, NULL, must_be_plain},
                {"http://169.254.170.2/", NULL, NULL, NULL, must_be_plain},
                {NULL, NULL, "http://192.0.2.1", NULL, must_be_plain},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                FakeNet net;
                CredSource *source = NULL;
                Fixture seen = {0};
                _cleanup_free_ char *text = NULL, *url = NULL;

                fake_net_init(&net);
                fake_net_setenv(&net, "AWS_EC2_METADATA_SERVICE_ENDPOINT", cases[i].variable);
                fake_net_setenv(&net, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
                                cases[i].variable_mode);
                if (cred_source_new_imds(&net.env, cases[i].endpoint, cases[i].mode, &source,
                                         &text) < 0) {
                        assert_string_equal(text, cases[i].expected);
                } else {
                        source->cancel(source->fetch(source, on_credentials, &seen));
                        url = mem_printf("http://%s/latest/api/token", cases[i].expected);
                        assert_string_equal(net.sent[0].url, url);
                        cred_source_free(source);
                }
                fake_net_done(&net);
        }
}

static void test_switched_off(void **state)
{
        static const char *const values[] = {"true", "True", "TRUE", "false", "1", ""};
        FakeNet net;

        fake_net_init(&net);
        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                _cleanup_(cred_source_freep) CredSource *source = NULL;
                _cleanup_free_ char *text = NULL;

                fake_net_setenv(&net, "AWS_EC2_METADATA_DISABLED", values[i]);
                assert_int_equal(cred_source_new_imds(&net.env, NULL, NULL, &source, &text),
                                 i < 3 ? -ENXIO : 0);
        }
        fake_net_done(&net);
}

static void test_address_refused_by_the_transport(void **state)
{
        Fixture *f = *state;

        fake_net_answer(&f->net, (FakeAnswer){.start_error = -EPERM});
        start(f);
        fake_net_turn(&f->net);
        assert_int_equal(f->n_called, 1);
        assert_string_equal(f->error.code, "ImdsNotAsked");
}

#define F(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
UNIT_MAIN(F(test_three_steps), F(test_each_fetch_has_a_token_of_its_own),
          F(test_refused_token_is_replaced_once), F(test_failing_service_is_tried_four_times),
          F(test_black_hole_is_told_within_five_seconds),
          F(test_renewal_is_not_stuck_after_a_timeout), T(test_fifty_malformed_replies),
          F(test_network_failure), T(test_answers_that_end_it),
          T(test_no_request_goes_without_a_token), T(test_switched_off),
          F(test_role_with_a_second_line), F(test_error_in_a_good_answer),
          F(test_cancel_in_every_state), T(test_endpoints),
          F(test_address_refused_by_the_transport))
