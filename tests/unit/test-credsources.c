/* SPDX-License-Identifier: Apache-2.0 */
/* The sources that need no other: keys of the environment, the container's endpoint, a program. */

#include "fake-net.h"

#include <stdio.h>

#include "base/mem.h"

#define DOCUMENT                                                                                   \
        "{\"RoleArn\":\"x\",\"AccessKeyId\":\"ASIABOX\",\"SecretAccessKey\":\"s3cret\","           \
        "\"Token\":\"t0ken\",\"AccountId\":\"111122223333\","                                      \
        "\"Expiration\":\"2026-11-23T09:00:00Z\"}"
#define URL "http://169.254.170.2/v2/credentials/x?a=1"

typedef struct Fixture {
        FakeNet net;
        CredSource *source;
        CredFetch *fetch;
        unsigned n_called;
        char key[64];
        char account[16];
        int64_t expiry_msec;
        AwsError error;
} Fixture;

static int setup(void **state)
{
        Fixture *f = mem_new0(Fixture);

        fake_net_init(&f->net);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;

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
        f->key[0] = f->account[0] = '\0';
        if (c) {
                (void)snprintf(f->key, sizeof(f->key), "%s %s %s", c->access_key_id,
                               secret_expose(c->secret_access_key),
                               c->session_token ? secret_expose(c->session_token) : "-");
                (void)snprintf(f->account, sizeof(f->account), "%s", strempty(c->account_id));
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
        assert_int_equal(f->n_called, 0);
}

static void run(Fixture *f)
{
        start(f);
        fake_net_advance(&f->net, USEC_PER_MINUTE);
        assert_int_equal(f->n_called, 1);
}

/* Keys of the environment */

static void test_environment(void **state)
{
        static const struct {
                const char *id, *secret, *token, *account;
                int error;
                const char *expected;
        } cases[] = {
                {"AKID", "s", NULL, NULL, 0, "AKID s - "},
                {"AKID", "s", "", "111122223333", 0, "AKID s - 111122223333"},
                {"AKID", "s", "t", "11112222333", 0, "AKID s t "},
                {NULL, NULL, NULL, NULL, -ENXIO, NULL},
                {"", " ", "t", NULL, -ENXIO, NULL},
                {"AKID", " ", NULL, NULL, -EINVAL,
                 "environment: AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not"},
                {"", "s", NULL, NULL, -EINVAL,
                 "environment: AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not"},
                {"AKID\r\nx: y", "s", NULL, NULL, -EINVAL,
                 "environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN "
                 "holds a space or a control character"},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = NULL, *seen = NULL;

                fake_net_setenv(&f->net, "AWS_ACCESS_KEY_ID", cases[i].id);
                fake_net_setenv(&f->net, "AWS_SECRET_ACCESS_KEY", cases[i].secret);
                fake_net_setenv(&f->net, "AWS_SESSION_TOKEN", cases[i].token);
                fake_net_setenv(&f->net, "AWS_ACCOUNT_ID", cases[i].account);
                f->source = cred_source_free(f->source);
                assert_int_equal(cred_source_new_environment(&f->net.env, &f->source, &text),
                                 cases[i].error);
                if (cases[i].error < 0) {
                        assert_true(streq_ptr(text, cases[i].expected));
                        continue;
                }
                assert_string_equal(f->source->name, "environment");
                start(f);
                f->source->cancel(f->fetch);
                run(f);
                seen = mem_printf("%s %s", f->key, f->account);
                assert_string_equal(seen, cases[i].expected);
                assert_true(f->expiry_msec == INT64_MAX);
        }
}

/* The container's endpoint */

static void container(Fixture *f)
{
        _cleanup_free_ char *text = NULL;

        f->source = cred_source_free(f->source);
        if (cred_source_new_container(&f->net.env, &f->source, &text) < 0)
                fail_msg("%s", text);
}

static void ecs(Fixture *f)
{
        fake_net_setenv(&f->net, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x?a=1");
        container(f);
}

static void answer(Fixture *f, int status, const char *body)
{
        fake_net_answer(&f->net, (FakeAnswer){.status = status, .body = body});
}

static void test_container(void **state)
{
        Fixture *f = *state;

        fake_net_setenv(&f->net, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "https://other.example/");
        ecs(f);
        answer(f, 200, DOCUMENT);
        run(f);
        assert_string_equal(f->key, "ASIABOX s3cret t0ken");
        assert_string_equal(f->account, "111122223333");
        assert_int_equal(f->expiry_msec, FAKE_WALL_START + 6 * MSEC_PER_HOUR);
        const FakeSent *s = &f->net.sent[0];
        assert_string_equal(s->method, "GET");
        assert_string_equal(s->url, URL); /* relative beats full */
        assert_string_equal(s->headers, "Accept: application/json\n");
        assert_int_equal(s->policy, HTTP_POLICY_CONTAINER);
        assert_int_equal(s->timeout_usec, 2 * USEC_PER_SEC);
        assert_int_equal(s->body_max, 64 * 1024);
        assert_true(s->urgent);

        fake_net_setenv(&f->net, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", " ");
        container(f);
        answer(f, 200, DOCUMENT);
        run(f);
        assert_string_equal(f->net.sent[1].url, "https://other.example/");
}

/* The file beats the variable, and is read each time; what could begin another header is refused.
 */
static void test_container_token(void **state)
{
        static const char *const bad[] = {"a\nb", "token\n", "a\r\nX: y", "a\tb", "\xc3\xa9"};
        static char large[15 * 1024 + 2];
        Fixture *f = *state;

        ecs(f);
        fake_net_setenv(&f->net, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc");
        answer(f, 200, DOCUMENT);
        run(f);
        assert_string_equal(fake_sent_header(&f->net.sent[0], "Authorization"), "Basic abc");

        fake_net_setenv(&f->net, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/token");
        for (int i = 0; i < 2; i++) {
                fake_net_file(&f->net, "/token", i == 0 ? "first" : "second");
                answer(f, 200, DOCUMENT);
                run(f);
                assert_string_equal(fake_sent_header(&f->net.sent[1 + i], "Authorization"),
                                    i == 0 ? "first" : "second");
        }

        memset(large, 'x', sizeof(large) - 1);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                fake_net_file(&f->net, "/token", bad[i]);
                run(f);
                assert_string_equal(f->error.message, "the token in /token holds a line break or "
                                                      "another character that none may hold");
        }
        fake_net_file(&f->net, "/token", large);
        run(f);
        assert_string_equal(f->error.code, "AuthorizationToken");
        fake_net_file(&f->net, "/token", NULL);
        run(f);
        assert_string_equal(f->error.message,
                            "cannot read /token "
                            "(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE): No such file or directory");
        fake_net_setenv(&f->net, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", NULL);
        fake_net_setenv(&f->net, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\r\nX: y");
        run(f);
        assert_string_equal(f->error.code, "AuthorizationToken");
        assert_int_equal(f->net.n_sent, 3);
}

static void test_container_failures(void **state)
{
        static const struct {
                FakeAnswer answer;
                int attempts;
                const char *text;
        } cases[] = {
                {{.status = 503}, 3, "answered with HTTP 503"},
                {{.status = 429}, 3, "answered with HTTP 429"},
                {{.status = 403}, 1, "HTTP 403 (it may want another authorization token)"},
                {{.status = 404}, 1, "answered with HTTP 404"},
                {{.status = 302}, 1, "answered with HTTP 302"},
                {{.status = 200, .body = "not JSON"}, 3, "the answer cannot be read"},
                {{.status = 200, .body = "[]"}, 3, "the answer cannot be read"},
                {{.status = 200, .body = "{\"AccessKeyId\":1}"}, 3, "the answer cannot be read"},
                {{.status = 200, .body = "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\"}"},
                 3,
                 "the answer cannot be read"},
                {{.status = 200, .body = "{\"code\":\"Nope\",\"message\":\"no role\"}"},
                 3,
                 "has none: Nope: no role"},
                {{.error_class = AWS_ERROR_NETWORK, .error_code = "CouldNotConnect"},
                 3,
                 "scripted"},
                {{.error_class = AWS_ERROR_PROTOCOL, .error_code = "AnswerTooLarge"},
                 3,
                 "scripted"},
                {{.silent = true}, 3, "scripted"},
                {{.start_error = -EPERM}, 1, "plain http is allowed to loopback"},
        };
        Fixture *f = *state;

        ecs(f);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                size_t before = f->net.n_sent;

                for (int n = 0; n < cases[i].attempts; n++)
                        fake_net_answer(&f->net, cases[i].answer);
                run(f);
                assert_has(f->error.message, cases[i].text);
                assert_null(strstr(f->error.message, "/v2/credentials")); /* a capability */
                assert_int_equal(f->net.n_sent - before, cases[i].attempts);
        }

        /* Expired ones are handed on: what to do about it is not decided here. */
        answer(f, 503, "");
        answer(f, 200,
               "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\",\"Token\":\"c\","
               "\"Expiration\":\"2009-02-13T23:31:30Z\"}");
        run(f);
        assert_string_equal(f->key, "a b c");
        assert_int_equal(f->expiry_msec, INT64_C(1234567890000));
}

static void test_container_cancel(void **state)
{
        Fixture *f = *state;

        ecs(f);
        start(f); /* asking */
        f->source->cancel(f->fetch);
        answer(f, 503, "");
        start(f); /* before it asks again */
        fake_net_turn(&f->net);
        f->source->cancel(f->fetch);
        fake_net_setenv(&f->net, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/none");
        start(f); /* about to fail */
        f->source->cancel(f->fetch);
        f->source->cancel(NULL);
        assert_int_equal(f->net.n_timers, 0);
        assert_int_equal(f->n_called, 0);
}

/* A program */

static void process(Fixture *f, const char *command, const char *account)
{
        _cleanup_free_ char *text = NULL;

        f->source = cred_source_free(f->source);
        if (cred_source_new_process(&f->net.env, command, account, &f->source, &text) < 0)
                fail_msg("%s", text);
}

static void test_process_words(void **state)
{
        static const struct {
                const char *command, *words;
        } cases[] = {
                {"/opt/get", "/opt/get|"},
                {"  get  --user\tguard ", "get|--user|guard|"},
                {"\"/opt/my tools/get\" 'a b' c\\ d ''", "/opt/my tools/get|a b|c d||"},
                {"get \"a\\\"b\\\\c\\d\" 'x\\y' a\"b\"'c'", "get|a\"b\\c\\d|x\\y|abc|"},
                {"get '$HOME' '*' 'a|b' \\$x \"a|b\"", "get|$HOME|*|a|b|$x|a|b|"},
                /* What a shell does more with, it gets. */
                {"get | tr a b", "sh|-c|get | tr a b|"},
                {"get $HOME", "sh|-c|get $HOME|"},
                {"get \"$HOME\"", "sh|-c|get \"$HOME\"|"},
                {"get ~/x", "sh|-c|get ~/x|"},
                {"A=1; get", "sh|-c|A=1; get|"},
                {"KEY=hunter2 get", "sh|-c|KEY=hunter2 get|"},
        };
        static const char *const bad[] = {"", " \t", "get 'x", "get \"x", "get \\"};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Fixture *f;

                setup((void **)&f);
                f->net.processes[0].exit_status = 1;
                process(f, cases[i].command, NULL);
                run(f);
                assert_null(strstr(f->error.message, "hunter2"));
                assert_string_equal(f->net.processes[0].command, cases[i].words);
                assert_int_equal(f->net.processes[0].timeout_usec, 20 * USEC_PER_SEC);
                assert_int_equal(f->net.processes[0].output_max, 64 * 1024);
                teardown((void **)&f);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Fixture *f;
                _cleanup_free_ char *text = NULL;

                setup((void **)&f);
                assert_int_equal(
                        cred_source_new_process(&f->net.env, bad[i], NULL, &f->source, &text),
                        -EINVAL);
                assert_non_null(text);
                teardown((void **)&f);
        }
}

#define P "{\"Version\":1,\"AccessKeyId\":\"AKID\",\"SecretAccessKey\":\"s\""

static void test_process_answers(void **state)
{
        static const struct {
                FakeProcess process;
                const char *expected; /* key and account, or the error */
                int64_t expiry_msec;
        } cases[] = {
                {{.output = P "}"}, "AKID s - 444455556666", INT64_MAX},
                {{.output = P ",\"SessionToken\":\"t\",\"AccountId\":\"111122223333\","
                              "\"Expiration\":\"2026-11-23T04:00:00+00:00\"}\n"},
                 "AKID s t 111122223333",
                 FAKE_WALL_START + MSEC_PER_HOUR},
                {{.output = P ",\"Expiration\":\"tomorrow\"}"}, "no credentials of \"Version\": 1"},
                {{.output = P ",\"SessionToken\":5}"}, "no credentials of \"Version\": 1"},
                {{.output = "{\"Version\":2,\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\"}"},
                 "no credentials of \"Version\": 1"},
                {{.output = "{\"Version\":\"1\",\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\"}"},
                 "no credentials of \"Version\": 1"},
                {{.output = "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\"}"},
                 "no credentials of \"Version\": 1"},
                {{.output = "{\"Version\":1,\"AccessKeyId\":\"a\"}"},
                 "no credentials of \"Version\": 1"},
                {{.output = "{\"Version\":1,\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"\"}"},
                 "no credentials of \"Version\": 1"},
                {{.output = ""}, "no credentials of \"Version\": 1"},
                {{.output = P "}", .exit_status = 2},
                 "/opt/get failed: exit status 2 (run it by hand to see why)"},
                {{.error = -E2BIG}, "/opt/get writes more than 64 KiB"},
                {{.silent = true}, "/opt/get did not end within 20s"},
                {{.start_error = -ENOENT}, "/opt/get cannot be run: No such file or directory"},
                {{.start_error = -EACCES},
                 "/opt/get cannot be run: Permission denied (the unit's sandbox forbids it unless "
                 "ExecPaths= names it)"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Fixture *f;
                _cleanup_free_ char *seen = NULL;

                setup((void **)&f);
                f->net.processes[0] = cases[i].process;
                process(f, "/opt/get --password hunter2", "444455556666");
                run(f);
                if (cases[i].expiry_msec != 0) {
                        seen = mem_printf("%s %s", f->key, f->account);
                        assert_string_equal(seen, cases[i].expected);
                        assert_true(f->expiry_msec == cases[i].expiry_msec);
                } else {
                        assert_has(f->error.message, cases[i].expected);
                        assert_null(strstr(f->error.message, "hunter2"));
                }
                teardown((void **)&f);
        }
}

static void test_process_cancel(void **state)
{
        Fixture *f = *state;

        process(f, "get", NULL);
        f->net.processes[0].silent = true;
        f->net.processes[1].start_error = -ENOENT;
        for (int i = 0; i < 2; i++) {
                start(f);
                f->source->cancel(f->fetch);
        }
        f->source->cancel(NULL);
        assert_true(f->net.processes[0].cancelled);
        assert_int_equal(f->net.n_timers, 0);
        assert_int_equal(f->n_called, 0);
}

#define F(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
UNIT_MAIN(F(test_environment), F(test_container), F(test_container_token),
          F(test_container_failures), F(test_container_cancel), T(test_process_words),
          T(test_process_answers), F(test_process_cancel))
