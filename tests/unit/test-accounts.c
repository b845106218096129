/* SPDX-License-Identifier: Apache-2.0 */
/* Which origin of credentials an environment leads to. Nothing is fetched: what a source does is
 * tested with the floor below. */

#include "unit.h"

#include "base/mem.h"
#include "daemon/accounts.h"

#define TRAILS                                                                                     \
        "trails = ( { arn = \"arn:aws:cloudtrail:eu-west-1:111122223333:trail/aaa\" },\n"          \
        "{ arn = \"arn:aws:cloudtrail:eu-west-2:444455556666:trail/aaa\"; role_arn = "             \
        "\"arn:aws:iam::444455556666:role/guard\" } );\n"
#define TOPICS "topics = ( { arn = \"arn:aws:sns:eu-west-1:111122223333:alerts\" } );\n"

static uint64_t boottime_usec(NetEnv *e)
{
        return USEC_PER_HOUR;
}

static int64_t wall_msec(NetEnv *e)
{
        return 1795000000000;
}

static double random01(NetEnv *e)
{
        return 0.5;
}

static int http_start(HttpTransport *t, const HttpRequest *request, HttpCallback callback,
                      void *userdata, HttpCall **ret_call)
{
        fail_msg("a call was made");
        return -EIO;
}

static void http_cancel(HttpCall *call)
{
}

static NetTimer *timer_start(NetEnv *e, uint64_t delay_usec, NetTimerCallback callback,
                             void *userdata)
{
        fail_msg("a timer was set");
        return NULL;
}

static void timer_cancel(NetTimer *t)
{
}

static HttpTransport http = {.start = http_start, .cancel = http_cancel};
static NetEnv env = {
        .http = &http,
        .boottime_usec = boottime_usec,
        .wall_msec = wall_msec,
        .random01 = random01,
        .timer_start = timer_start,
        .timer_cancel = timer_cancel,
};

static const AwsSettings settings; /* nothing but AWS's own */

/* The environment of the case at hand: name, value, ..., NULL. */
static const char *const *variables;

static const char *environ_get(const char *name)
{
        for (size_t i = 0; variables[i]; i += 2)
                if (streq(variables[i], name))
                        return variables[i + 1];
        return NULL;
}

typedef struct Case {
        const char *name;
        const char *variables[9];
        int error;
        const char *expected; /* source of account 0, or the words of the refusal */
} Case;

static const Case cases[] = {
        {"keys in the environment",
         {"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY", "secret"},
         0,
         "environment"},
        {"keys go before a metadata service that is off",
         {"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY", "secret",
          "AWS_EC2_METADATA_DISABLED", "true"},
         0,
         "environment"},
        {"nothing set", {NULL}, 0, "imds"},
        {"blank keys count as unset",
         {"AWS_ACCESS_KEY_ID", "", "AWS_SECRET_ACCESS_KEY", ""},
         0,
         "imds"},
        {"metadata service off, nothing else",
         {"AWS_EC2_METADATA_DISABLED", "TRUE"},
         -ENXIO,
         "no credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, and "
         "AWS_EC2_METADATA_DISABLED=true forbids the instance's role"},
        {"metadata service not off", {"AWS_EC2_METADATA_DISABLED", "false"}, 0, "imds"},
        {"metadata endpoint on loopback",
         {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1338/"},
         0,
         "imds"},
        {"metadata endpoint elsewhere",
         {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.evil.example/"},
         -EINVAL,
         "AWS_EC2_METADATA_SERVICE_ENDPOINT has to be a plain http URL of a metadata address "
         "(http://169.254.169.254) or of a loopback one"},
        {"metadata endpoint over TLS",
         {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "https://127.0.0.1:1338/"},
         -EINVAL,
         "AWS_EC2_METADATA_SERVICE_ENDPOINT has to be a plain http URL of a metadata address "
         "(http://169.254.169.254) or of a loopback one"},
        {"metadata endpoint that is none",
         {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "169.254.169.254"},
         -EINVAL,
         "AWS_EC2_METADATA_SERVICE_ENDPOINT has to be a plain http URL of a metadata address "
         "(http://169.254.169.254) or of a loopback one"},
        {"metadata service over IPv6",
         {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"},
         0,
         "imds"},
        {"metadata mode that is none",
         {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv5"},
         -EINVAL,
         "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE has to be IPv4 or IPv6"},
};

static Conf *conf_new(void)
{
        ConfProblems problems = {};
        Conf *conf;

        assert_int_equal(
                conf_parse("x.conf", TRAILS TOPICS, strlen(TRAILS TOPICS), &conf, &problems), 0);
        return conf;
}

static void test_case(void **state)
{
        const Case *c = *state;
        _cleanup_(conf_freep) Conf *conf = conf_new();
        _cleanup_(accounts_freep) Accounts *a = NULL;
        _cleanup_free_ char *text = NULL;
        AccountsOptions options = {.conf = conf,
                                   .settings = &settings,
                                   .env = &env,
                                   .hostname = "guard",
                                   .environ_get = environ_get};

        variables = c->variables;
        assert_int_equal(accounts_new(&options, &a, &text), c->error);
        if (c->error < 0) {
                assert_null(a);
                assert_string_equal(text, c->expected);
        } else {
                CredStatus status;

                cred_cache_status(aws_client_credentials(accounts_client(a, 0)), &status);
                assert_string_equal(status.source, c->expected);
        }
}

static void test_half_a_key(void **state)
{
        static const char *const half[] = {"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", NULL};
        _cleanup_(conf_freep) Conf *conf = conf_new();
        _cleanup_free_ char *text = NULL;
        AccountsOptions options = {.conf = conf,
                                   .settings = &settings,
                                   .env = &env,
                                   .hostname = "guard",
                                   .environ_get = environ_get};
        Accounts *a = NULL;

        variables = half;
        assert_int_equal(accounts_new(&options, &a, &text), -EINVAL);
        assert_null(a);
        assert_non_null(text);
}

static void test_one_client_an_account(void **state)
{
        static const char *const none[] = {NULL};
        _cleanup_(conf_freep) Conf *conf = conf_new();
        _cleanup_(accounts_freep) Accounts *a = NULL;
        _cleanup_free_ char *text = NULL;
        AccountsOptions options = {.conf = conf,
                                   .settings = &settings,
                                   .env = &env,
                                   .hostname = "guard",
                                   .environ_get = environ_get};
        CredStatus status;

        variables = none;
        assert_int_equal(accounts_new(&options, &a, &text), 0);
        assert_int_equal(accounts_count(a), 2);
        assert_string_equal(accounts_region(a, 0), "eu-west-1");
        assert_string_equal(accounts_region(a, 1), "eu-west-2");
        assert_ptr_not_equal(accounts_client(a, 0), accounts_client(a, 1));
        cred_cache_status(aws_client_credentials(accounts_client(a, 1)), &status);
        assert_string_equal(status.source, "assume-role");
}

static void test_session_name(void **state)
{
        static const char *const names[][2] = {
                {"guard-1.example.com", "trailsentry-guard-1.example.com"},
                {"a b/c:\xc3\xa9", "trailsentry-a-b-c---"},
                {"", "trailsentry-"},
                {NULL, "trailsentry-"},
                {"0123456789012345678901234567890123456789012345678901234567890123",
                 "trailsentry-0123456789012345678901234567890123456789012345678901"},
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *name = accounts_session_name(names[i][0]);

                assert_string_equal(name, names[i][1]);
        }
}

int main(int argc, char *argv[])
{
        static const struct CMUnitTest others[] = {
                T(test_half_a_key),
                T(test_one_client_an_account),
                T(test_session_name),
        };
        struct CMUnitTest tests[ELEMENTSOF(cases) + ELEMENTSOF(others)];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                tests[i] = (struct CMUnitTest){.name = cases[i].name,
                                               .test_func = test_case,
                                               .initial_state = (void *)&cases[i]};
        memcpy(tests + ELEMENTSOF(cases), others, sizeof(others));

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return _cmocka_run_group_tests("accounts", tests, ELEMENTSOF(tests), NULL, NULL);
}
