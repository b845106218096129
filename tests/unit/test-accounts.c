/* SPDX-License-Identifier: Apache-2.0 */
/* The clients that a configuration leads to. Nothing is fetched: what a source does is tested with
 * the floor below. */

#include "fake-net.h"

#include "base/mem.h"
#include "daemon/accounts.h"

#define TRAILS                                                                                     \
        "trails = ( { arn = \"arn:aws:cloudtrail:eu-west-1:111122223333:trail/aaa\" },\n"          \
        "{ arn = \"arn:aws:cloudtrail:eu-west-2:444455556666:trail/aaa\"; role_arn = "             \
        "\"arn:aws:iam::444455556666:role/guard\" } );\n"
#define TOPICS "topics = ( { arn = \"arn:aws:sns:eu-west-1:111122223333:alerts\" } );\n"

static const AwsSettings settings; /* nothing but AWS's own */

typedef struct Fixture {
        FakeNet net;
        Accounts *accounts;
        char *text;
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

        accounts_free(f->accounts);
        free(f->text);
        fake_net_done(&f->net);
        free(f);
        return 0;
}

static int make(Fixture *f, const char *more)
{
        _cleanup_free_ char *file = mem_printf(TRAILS TOPICS "%s", more);
        _cleanup_(conf_freep) Conf *conf = NULL;
        ConfProblems problems = {};

        assert_int_equal(conf_parse("x.conf", file, strlen(file), &conf, &problems), 0);
        return accounts_new(&(AccountsOptions){.conf = conf,
                                               .settings = &settings,
                                               .env = &f->net.env,
                                               .hostname = "guard"},
                            &f->accounts, &f->text);
}

static void assert_source(Fixture *f, size_t i, const char *expected)
{
        CredStatus status;

        cred_cache_status(aws_client_credentials(accounts_client(f->accounts, i)), &status);
        assert_string_equal(status.source, expected);
}

static void test_one_client_an_account(void **state)
{
        Fixture *f = *state;

        assert_int_equal(make(f, ""), 0);
        assert_int_equal(accounts_count(f->accounts), 2);
        assert_string_equal(accounts_region(f->accounts, 0), "eu-west-1");
        assert_string_equal(accounts_region(f->accounts, 1), "eu-west-2");
        assert_ptr_not_equal(accounts_client(f->accounts, 0), accounts_client(f->accounts, 1));
        assert_source(f, 0, "imds");
        assert_source(f, 1, "assume-role");
}

/* The option is nearer than the environment, and leads nowhere else. */
static void test_profile_of_the_configuration(void **state)
{
        Fixture *f = *state;

        fake_net_setenv(&f->net, "HOME", "/h");
        fake_net_setenv(&f->net, "AWS_PROFILE", "other");
        fake_net_setenv(&f->net, "AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
        fake_net_setenv(&f->net, "AWS_SECRET_ACCESS_KEY", "secret");
        fake_net_file(&f->net, "/h/.aws/config",
                      "[profile guard]\naws_access_key_id=a\naws_secret_access_key=b\n"
                      "[profile empty]\nregion=eu-west-1\n");
        assert_int_equal(make(f, "profile = \"guard\";\n"), 0);
        assert_source(f, 0, "profile guard");
        f->accounts = accounts_free(f->accounts);

        assert_int_equal(make(f, "profile = \"empty\";\n"), 1);
        assert_string_equal(f->text, "profile empty says nothing about credentials");
}

static void test_nothing_to_go_on_with(void **state)
{
        Fixture *f = *state;

        fake_net_setenv(&f->net, "AWS_EC2_METADATA_DISABLED", "true");
        assert_int_equal(make(f, ""), 1); /* may come */
        assert_non_null(f->text);
}

static void test_half_a_key(void **state)
{
        Fixture *f = *state;

        fake_net_setenv(&f->net, "AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
        assert_int_equal(make(f, ""), -EINVAL);
        assert_string_equal(f->text,
                            "environment: AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not");
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

#define F(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
UNIT_MAIN(F(test_one_client_an_account), F(test_profile_of_the_configuration),
          F(test_nothing_to_go_on_with), F(test_half_a_key), T(test_session_name))
