/* SPDX-License-Identifier: Apache-2.0 */

/* ts-vec itself: the forms that a list of outcomes may have, what is refused as not understood,
 * and the exit status of each. */

#include <unistd.h>

#include "../unit/unit.h"
#include "vectors.h"

#include "base/strbuf.h"

#define PATH_TEMPLATE "/tmp/test-vec-XXXXXX"

static void write_file(char path[static sizeof(PATH_TEMPLATE)], const char *text)
{
        int fd = mkstemp(strcpy(path, PATH_TEMPLATE));

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        (void)close(fd);
}

/* What ts-vec prints for this command and input file; owned. */
static char *run_on(int want_status, const char *command, const char *input)
{
        char path[sizeof(PATH_TEMPLATE)];

        write_file(path, input);
        char *text = vectors_run(want_status, command, path, NULL);
        assert_int_equal(unlink(path), 0);
        return text;
}

/* Outcomes that each mean the same: a transient failure, a throttled one, a success. */
static void test_retry_forms(void **state)
{
        static const char *const forms[] = {
                "[\"transient\", \"throttling\", \"success\"]",
                "[500, 429, 200]",
                "[\"500\", \"ThrottlingException\", \"ok\"]",
                "{\"outcomes\": [503, \"SlowDown\", 204]}",
                "{\"given\": {\"max_attempts\": 3, \"initial_retry_tokens\": 500,"
                " \"exponential_base\": 1, \"exponential_power\": 2, \"max_backoff_time\": 20},"
                " \"responses\": [{\"response\": {\"status_code\": 502}, \"expected\": {}},"
                " {\"response\": {\"status_code\": 400, \"error_code\": \"Throttling\"}},"
                " {\"response\": {\"status_code\": 200}}]}",
                "{\"responses\": [{\"status\": 504}, {\"error\": {\"code\": \"SlowDown\"}},"
                " {\"outcome\": \"success\"}]}",
                "[{\"class\": \"transient\"}, {\"kind\": \"throttled\"}, {\"success\": true}]",
                "[{\"error\": \"timeout\"}, {\"code\": \"RequestLimitExceeded\", \"status\": 503},"
                " {\"kind\": \"success\"}]",
                "[\"TransientError\", \"throttling-error\", \"Succeeded\"]",
                "[\"Connection reset\", \"ThrottlingError\", \"ok\"]",
                "[[\"read_timeout\", 429, 200]]",
        };

        for (size_t i = 0; i < ELEMENTSOF(forms); i++) {
                _cleanup_free_ char *have = run_on(VEC_OK, "retry", forms[i]);
                assert_string_equal(
                        have, "{\"attempts\":3,\"outcome\":\"success\",\"quota\":486,"
                              "\"delays\":[0.05,2.0],\"unit\":\"s\",\"responses\":["
                              "{\"attempt\":1,\"outcome\":\"retry_request\",\"retry_quota\":486,"
                              "\"delay\":0.05},"
                              "{\"attempt\":2,\"outcome\":\"retry_request\",\"retry_quota\":481,"
                              "\"delay\":2.0},"
                              "{\"attempt\":3,\"outcome\":\"success\",\"retry_quota\":486}]}\n");
        }
}

/* The outcomes, quotas and delays of a case, as "name quota delay;..." */
static char *steps(const char *input)
{
        _cleanup_free_ char *text = run_on(VEC_OK, "retry", input);
        _cleanup_json_ json_t *root = json_loads(text, 0, NULL);
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(4096);
        json_t *step;
        size_t i;
        char *all;

        json_array_foreach(json_object_get(root, "responses"), i, step)
        {
                strbuf_addf(&b, "%s %d %g;", json_string_value(json_object_get(step, "outcome")),
                            (int)json_integer_value(json_object_get(step, "retry_quota")),
                            json_number_value(json_object_get(step, "delay")));
        }
        assert_int_equal(strbuf_take(&b, &all), 0);
        return all;
}

static void test_retry_rules(void **state)
{
        static const struct {
                const char *input, *want;
        } cases[] = {
                {"[500, 500, 500, 500, 200]", /* what follows the last attempt is not asked for */
                 "retry_request 486 0.05;retry_request 472 0.1;max_attempts_exceeded 472 0;"},
                {"[[500, 500, 500, 500], [200], [429, 200], [\"AccessDenied\", 200], [429]]",
                 "retry_request 486 0.05;retry_request 472 0.1;max_attempts_exceeded 472 0;"
                 "success 473 0;retry_request 468 1;success 473 0;not_retryable 473 0;"
                 "retry_request 468 1;"},
                {"{\"quota\": 30, \"outcomes\": [500, 502, 200, 500, 200]}",
                 "retry_request 16 0.05;retry_request 2 0.1;success 16 0;retry_request 2 0.05;"
                 "success 16 0;"},
                {"{\"quota\": 14, \"outcomes\": [500, 500]}",
                 "retry_request 0 0.05;retry_quota_exceeded 0 0;"},
                {"{\"given\": {\"initial_retry_tokens\": 0, \"long_polling\": true},"
                 " \"responses\": [\"Throttling\"]}",
                 "retry_quota_exceeded 0 1;"},
                {"[[\"AccessDeniedException\"], [404], [\"permanent\"]]",
                 "not_retryable 500 0;not_retryable 500 0;not_retryable 500 0;"},
                {"[404, 200]", "not_retryable 500 0;"},
                {"{\"max_attempts\": 5, \"max_backoff_time\": 0.2, \"outcomes\":"
                 " [500, 500, 500, 500, 500]}",
                 "retry_request 486 0.05;retry_request 472 0.1;retry_request 458 0.2;"
                 "retry_request 444 0.2;max_attempts_exceeded 444 0;"},
                {"{\"max_attempts\": 9, \"outcomes\": ["
                 "{\"status\": 500, \"headers\": {\"X-Amz-Retry-After\": \"1500\"}},"
                 "{\"status\": 500, \"headers\": {\"x-amz-retry-after\": [\"10\"]}},"
                 "{\"status\": 500, \"retry_after\": 60000},"
                 "{\"status\": 500, \"headers\": {\"x-amz-retry-after\": \"soon\"}},"
                 "{\"status\": 500, \"headers\": {\"retry-after\": \"3\"}}]}",
                 "retry_request 486 1.5;retry_request 472 0.1;retry_request 458 5.2;"
                 "retry_request 444 0.4;retry_request 430 0.8;"},
                {"{\"quota\": 490, \"outcomes\": [200]}", "success 491 0;"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *have = steps(cases[i].input);
                assert_string_equal(have, cases[i].want);
        }
}

static void test_many_cases(void **state)
{
        static const char line[] =
                "{\"attempts\":1,\"outcome\":\"success\",\"quota\":500,"
                "\"delays\":[],\"unit\":\"s\",\"responses\":["
                "{\"attempt\":1,\"outcome\":\"success\",\"retry_quota\":500}]}\n";
        _cleanup_free_ char *want = mem_printf("%s%s", line, line);
        _cleanup_free_ char *array =
                run_on(VEC_OK, "retry", "[{\"responses\": [200]}, {\"responses\": [200]}]");
        _cleanup_free_ char *object =
                run_on(VEC_OK, "retry", "{\"cases\": [{\"outcomes\": [200]}, [200]]}");

        assert_string_equal(array, want);
        assert_string_equal(object, want);
}

static void test_profile_forms(void **state)
{
        _cleanup_free_ char *bare =
                run_on(VEC_OK, "profiles", "{\"credentialsFile\": \"[a]\\nK=v\"}");
        _cleanup_free_ char *named =
                run_on(VEC_OK, "profiles", "{\"input\": {\"configFile\": \"[sso-session s]\"}}");
        _cleanup_free_ char *bad = run_on(VEC_FAILED, "profiles", "{\"configFile\": \"k=v\"}");

        _cleanup_free_ char *null = run_on(
                VEC_OK, "profiles", "{\"configFile\": null, \"credentialsFile\": \"[a]\\nK=v\"}");
        _cleanup_free_ char *array =
                run_on(VEC_OK, "profiles", "[{\"credentialsFile\": \"[a]\\nK=v\"}]");

        assert_string_equal(null, bare);
        assert_string_equal(array, bare);
        assert_string_equal(bare, "{\"config\":{\"profiles\":{\"a\":{\"k\":\"v\"}}}}\n");
        assert_string_equal(named, "{\"config\":{\"profiles\":{},\"sso_sessions\":{\"s\":{}}}}\n");
        assert_string_equal(bad, "{\"errorContaining\":\"config file, line 1: "
                                 "Expected a profile definition\"}\n");
}

/* Method, path and query are compared, the host is not; STS is asked by plain http, too. */
static void test_creds_as_recorded(void **state)
{
        static const char container[] =
                "{\"AWS_CONTAINER_CREDENTIALS_FULL_URI\": \"https://agent.example/c?a=1\"}";
        static const char web[] = "{\"AWS_ENDPOINT_URL_STS\": \"http://sts.example/base\","
                                  " \"AWS_REGION\": \"us-east-1\", \"AWS_ROLE_ARN\": \"r\","
                                  " \"AWS_WEB_IDENTITY_TOKEN_FILE\": \"/etc/os-release\"}";
        static const char keys[] = "<Credentials><AccessKeyId>A</AccessKeyId>"
                                   "<SecretAccessKey>S</SecretAccessKey>"
                                   "<SessionToken>T</SessionToken>"
                                   "<Expiration>2021-08-17T20:55:04Z</Expiration></Credentials>";
        static const struct {
                const char *env, *method, *uri;
                int want;
        } cases[] = {
                {container, "GET", "https://agent.example/c?a=1", VEC_OK},
                {container, "GET", "http://other.example:80/c?a=1", VEC_OK},
                {container, "GET", "https://agent.example/c?a=2", VEC_FAILED},
                {container, "GET", "https://agent.example/c", VEC_FAILED},
                {container, "GET", "https://agent.example/C?a=1", VEC_FAILED},
                {container, "POST", "https://agent.example/c?a=1", VEC_FAILED},
                {web, "POST", "http://sts.example/base/", VEC_OK},
                {web, "POST", "http://sts.example/", VEC_FAILED},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char env[sizeof(PATH_TEMPLATE)], traffic[sizeof(PATH_TEMPLATE)];
                _cleanup_free_ char *body =
                        cases[i].env == web
                                ? mem_printf("<AssumeRoleWithWebIdentityResponse>"
                                             "<AssumeRoleWithWebIdentityResult>%s"
                                             "</AssumeRoleWithWebIdentityResult>"
                                             "</AssumeRoleWithWebIdentityResponse>",
                                             keys)
                                : mem_strdup("{\"AccessKeyId\": \"A\", \"SecretAccessKey\": "
                                             "\"S\", \"Token\": \"T\", \"Expiration\": "
                                             "\"2021-08-17T20:55:04Z\"}");
                _cleanup_json_ json_t *recording = json_pack(
                        "{s:[{s:i, s:{s:{s:{s:s, s:s}}}}, {s:i, s:{s:{s:{s:{s:i}}}}},"
                        " {s:i, s:{s:{s:s, s:{s:s}}}}]}",
                        "events", "connection_id", 0, "action", "Request", "request", "method",
                        cases[i].method, "uri", cases[i].uri, "connection_id", 0, "action",
                        "Response", "response", "Ok", "status", 200, "connection_id", 0, "action",
                        "Data", "direction", "Response", "data", "Utf8", body);
                _cleanup_free_ char *text = json_dumps(recording, 0);

                write_file(env, cases[i].env);
                write_file(traffic, text);
                _cleanup_free_ char *have = vectors_run(cases[i].want, "creds", "--env", env,
                                                        "--fs", "/", "--traffic", traffic, NULL);
                assert_int_equal(unlink(env), 0);
                assert_int_equal(unlink(traffic), 0);
                if (cases[i].want == VEC_OK)
                        assert_string_equal(have, "{\"access_key_id\":\"A\","
                                                  "\"secret_access_key\":\"S\","
                                                  "\"session_token\":\"T\","
                                                  "\"expiry\":1629233704}\n");
                else
                        assert_non_null(strstr(have, ", recorded is "));
        }
}

/* Neither a folder nor a recording has to exist, and null is no variable. */
static void test_creds_without_files(void **state)
{
        static const struct {
                const char *env;
                int want;
                const char *have;
        } cases[] = {
                {"{\"AWS_ACCESS_KEY_ID\": \"A\", \"AWS_SECRET_ACCESS_KEY\": \"S\","
                 " \"AWS_SESSION_TOKEN\": null}",
                 VEC_OK, "{\"access_key_id\":\"A\",\"secret_access_key\":\"S\"}\n"},
                {"{\"AWS_EC2_METADATA_DISABLED\": null, \"AWS_ACCESS_KEY_ID\": null}", VEC_FAILED,
                 "{\"error\":\"request 1 (PUT http://169.254.169.254/latest/api/token) is not in "
                 "the "
                 "recording\"}\n"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char env[sizeof(PATH_TEMPLATE)];

                write_file(env, cases[i].env);
                _cleanup_free_ char *have =
                        vectors_run(cases[i].want, "creds", "--env", env, "--fs", "/nonexistent",
                                    "--traffic", "/nonexistent/http-traffic.json", NULL);
                assert_int_equal(unlink(env), 0);
                assert_string_equal(have, cases[i].have);
        }
}

/* No recording makes up for an address that may not have plain http. */
static void test_creds_refused_host(void **state)
{
        static const struct {
                const char *url;
                bool refused;
        } cases[] = {
                {"http://127.evil.example/c", true}, {"http://169.254.170.2.evil.example/c", true},
                {"http://169.254.170.200/c", true},  {"http://169.254.169.254/c", true},
                {"http://sidecar.example/c", true},  {"http://localhost:8080/c", false},
                {"http://127.8.9.1/c", false},       {"http://[::1]/c", false},
                {"http://169.254.170.23/c", false},  {"http://[fd00:ec2:0::23]/c", false},
                {"https://agent.example/c", false},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char env[sizeof(PATH_TEMPLATE)];
                _cleanup_free_ char *text = mem_printf(
                        "{\"AWS_CONTAINER_CREDENTIALS_FULL_URI\": \"%s\"}", cases[i].url);

                write_file(env, text);
                _cleanup_free_ char *have = vectors_run(VEC_FAILED, "creds", "--env", env, NULL);
                assert_int_equal(unlink(env), 0);
                assert_non_null(strstr(have, cases[i].refused ? ": plain http is allowed to "
                                                              : "is not in the recording"));
        }
}

static void test_endpoint_forms(void **state)
{
        _cleanup_free_ char *other = vectors_run(VEC_OK, "endpoint", "--service", "cloudwatch",
                                                 "--region=us-east-1", "--endpoint=", NULL);
        _cleanup_free_ char *none =
                vectors_run(VEC_FAILED, "endpoint", "--service", "sts", "--region", "", NULL);

        assert_string_equal(other, "https://monitoring.us-east-1.amazonaws.com\n");
        assert_string_equal(none, "error: Invalid Configuration: Missing Region\n");
}

static void test_creds_not_understood(void **state)
{
        static const struct {
                const char *env, *traffic;
        } cases[] = {
                {"[]", "{\"events\": []}"},
                {"{\"HOME\": 5}", "{\"events\": []}"},
                {"{\"HOME\": \"/\\u0000\"}", "{\"events\": []}"},
                {"{}", "[]"},
                {"{}", "{\"events\": {}}"},
                {"{}", "{\"events\": [{\"connection_id\": 0, \"action\": {\"Response\": {}}}]}"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char env[sizeof(PATH_TEMPLATE)], traffic[sizeof(PATH_TEMPLATE)];

                write_file(env, cases[i].env);
                write_file(traffic, cases[i].traffic);
                free(vectors_run(VEC_USAGE, "creds", "--env", env, "--traffic", traffic, NULL));
                assert_int_equal(unlink(env), 0);
                assert_int_equal(unlink(traffic), 0);
        }
}

static void test_not_understood(void **state)
{
        static const struct {
                const char *command, *input;
        } cases[] = {
                {"retry", "{}"},
                {"retry", "[{}]"},
                {"retry", "[null]"},
                {"retry", "[[200], 200]"},
                {"retry", "no JSON"},
                {"profiles", "{}"},
                {"profiles", "{\"configFile\": 1}"},
                {"profiles", "{\"tests\": [{}]}"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                free(run_on(VEC_USAGE, cases[i].command, cases[i].input));
        free(vectors_run(VEC_USAGE, "nothing", NULL));
        free(vectors_run(VEC_USAGE, "profiles", "/nonexistent", NULL));
        free(vectors_run(VEC_USAGE, "endpoint", "--service", "ec2", "--region", "us-east-1", NULL));
        free(vectors_run(VEC_USAGE, "endpoint", "--region", "us-east-1", NULL));
        free(vectors_run(VEC_USAGE, "endpoint", "--service", "sns", "word", NULL));
        free(vectors_run(VEC_USAGE, "sigv4", "--emit", "sig", NULL));
        free(vectors_run(VEC_USAGE, "creds", NULL));
        free(vectors_run(VEC_USAGE, "creds", "--env", "/nonexistent", NULL));
}

UNIT_MAIN(T(test_retry_forms), T(test_retry_rules), T(test_many_cases), T(test_profile_forms),
          T(test_creds_as_recorded), T(test_creds_without_files), T(test_creds_refused_host),
          T(test_endpoint_forms), T(test_creds_not_understood), T(test_not_understood))
