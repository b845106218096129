/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>

#include "aws/credentials.h"

static void test_copies(void **state)
{
        char key[] = "AKIDEXAMPLE", secret[] = "s3cret", token[] = "tok//en==";
        _cleanup_(aws_credentials_unrefp) AwsCredentials *c = NULL;

        assert_int_equal(aws_credentials_new(key, secret, token, 1234, &c), 0);
        memset(key, 'x', 3);
        memset(secret, 'x', 3);
        memset(token, 'x', 3);
        assert_string_equal(c->access_key_id, "AKIDEXAMPLE");
        assert_string_equal(secret_expose(c->secret_access_key), "s3cret");
        assert_string_equal(secret_expose(c->session_token), "tok//en==");
        assert_true(c->expiry_msec == 1234);
        assert_null(c->account_id);
}

static void test_absent(void **state)
{
        _cleanup_(aws_credentials_unrefp) AwsCredentials *a = NULL, *b = NULL;

        assert_int_equal(aws_credentials_new("k", "s", NULL, 0, &a), 0);
        assert_null(a->session_token);
        assert_true(a->expiry_msec == INT64_MAX);
        assert_int_equal(aws_credentials_new("k", "s", "", 5, &b), 0);
        assert_null(b->session_token);
}

static void test_refuses(void **state)
{
        static const char *const bad[][3] = {
                {NULL, "s", NULL},        {"", "s", NULL},   {"k", NULL, NULL},
                {"k", "", NULL},          {"k ", "s", NULL}, {"k", "s\n", NULL},
                {"k", "s", "t\r"},        {"k", "s", "a b"}, {"k\x7f", "s", NULL},
                {"k", "s\xc3\xa9", NULL}, {"k", "s", "t\t"},
        };
        AwsCredentials *c = NULL;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(aws_credentials_new(bad[i][0], bad[i][1], bad[i][2], 0, &c),
                                 -EINVAL);
        assert_null(c);
}

static void test_references(void **state)
{
        AwsCredentials *c = NULL;

        assert_int_equal(aws_credentials_new("k", "s", "t", 0, &c), 0);
        assert_ptr_equal(aws_credentials_ref(c), c);
        assert_null(aws_credentials_unref(c));
        assert_string_equal(c->access_key_id, "k");
        assert_null(aws_credentials_unref(c)); /* the leak checker sees whether it is gone */
        assert_null(aws_credentials_ref(NULL));
        assert_null(aws_credentials_unref(NULL));
}

UNIT_MAIN(T(test_copies), T(test_absent), T(test_refuses), T(test_references))
