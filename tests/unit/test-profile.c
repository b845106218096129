/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "aws/profile.h"
#include "base/mem.h"
#include "base/strbuf.h"

static ProfileSet *parse(const char *config, const char *credentials)
{
        ProfileSet *set = NULL;
        char *text = NULL;

        if (profile_set_parse(config, credentials, &set, &text) < 0)
                fail_msg("%s", text);
        return set;
}

static void assert_refused(const char *config, const char *credentials, const char *want)
{
        ProfileSet *set = NULL;
        _cleanup_free_ char *text = NULL;

        assert_int_equal(profile_set_parse(config, credentials, &set, &text), -EINVAL);
        assert_null(set);
        assert_string_equal(text, want);
}

static void test_lookups(void **state)
{
        _cleanup_(profile_set_freep) ProfileSet *set =
                parse("[default]\nREGION = eu-west-1\n[profile a]\nk=\n", "[a]\nk=v\n[b]\n");

        assert_true(profile_set_has(set, "default"));
        assert_true(profile_set_has(set, "b"));
        assert_false(profile_set_has(set, "c"));
        assert_string_equal(profile_get(set, "default", "region"), "eu-west-1");
        assert_string_equal(profile_get(set, "a", "k"), "v");
        assert_null(profile_get(set, "b", "k"));
        assert_null(profile_get(set, "c", "k"));
}

static void test_no_files(void **state)
{
        _cleanup_(profile_set_freep) ProfileSet *set = parse(NULL, NULL);

        assert_int_equal(set->n_sections, 0);
        assert_null(profile_set_free(NULL));
}

static void test_errors_name_file_and_line(void **state)
{
        assert_refused("\n\nx", NULL, "config file, line 3: Expected a profile definition");
        assert_refused("", "[a]\r\n\r\nsecret",
                       "credentials file, line 3: Expected an '=' sign defining a property");
}

static void assert_service(const ProfileSet *set, const char *service, const char *key,
                           const char *want)
{
        _cleanup_free_ char *have = profile_get_service(set, "mine", service, key);

        if (!streq_ptr(have, want))
                fail_msg("%s.%s: %s", service, key, have ? have : "(none)");
}

static void test_services(void **state)
{
        _cleanup_(profile_set_freep) ProfileSet *set =
                parse("[services mine]\n"
                      "S3 = \n  endpoint_url = https://first\n  x=1\n"
                      "  Endpoint_URL = https://s3 # the last one\n"
                      "sns =\n\n\tendpoint_url=http://127.0.0.1:1\n"
                      "sqs = endpoint_url=flat\n"
                      "kms =\n"
                      "[services other]\ndynamodb =\n endpoint_url = https://d\n"
                      "[profile mine]\nevents =\n endpoint_url = https://e\n",
                      "[services]\nsts =\n endpoint_url = https://t\n");

        assert_service(set, "s3", "endpoint_url", "https://s3");
        assert_service(set, "s3", "x", "1");
        assert_service(set, "s3", "y", NULL);
        assert_service(set, "sns", "endpoint_url", "http://127.0.0.1:1");
        assert_service(set, "sqs", "endpoint_url", NULL);
        assert_service(set, "kms", "endpoint_url", NULL);
        assert_service(set, "dynamodb", "endpoint_url", NULL);
        assert_service(set, "events", "endpoint_url", NULL);
        assert_service(set, "sts", "endpoint_url", NULL);
        assert_false(profile_set_has(set, "other"));
}

/* In another section of the same name; in a section that is left out nothing is kept, but what is
 * no property at all is an error still. */
static void test_sections_that_are_left_out(void **state)
{
        _cleanup_(profile_set_freep) ProfileSet *set =
                parse("[plugins]\ncli = x\n more\n[Profile a]\nk=v\n[profile]\nk=v\n[]\nk=v\n",
                      "[sso-session s]\nk=v\n[]\nk=v\n");

        assert_int_equal(set->n_sections, 0);
        assert_refused("[plugins]\nx\n", NULL,
                       "config file, line 2: Expected an '=' sign defining a property");
}

static void test_default_of_each_file(void **state)
{
        _cleanup_(profile_set_freep) ProfileSet *set =
                parse("[profile a]\n[default]\nk=1\nl=1\n[profile z]\n[profile default]\nk=2\n",
                      "[z]\nk=3\n[default]\nm=4\n");

        assert_int_equal(set->n_sections, 3);
        assert_string_equal(profile_get(set, "default", "k"), "2");
        assert_null(profile_get(set, "default", "l"));
        assert_string_equal(profile_get(set, "default", "m"), "4");
        assert_string_equal(profile_get(set, "z", "k"), "3");
}

static void test_byte_order_mark_and_line_ends(void **state)
{
        _cleanup_(profile_set_freep) ProfileSet *set =
                parse("\xef\xbb\xbf[default] \r\nk = v \r\n \t more\t\r\n\r\nl==\r", NULL);

        assert_string_equal(profile_get(set, "default", "k"), "v\nmore");
        assert_string_equal(profile_get(set, "default", "l"), "=");
}

/* A text of n lines "before 1 after", "before 2 after"... */
static char *many(const char *head, const char *before, const char *after, size_t n)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(4 << 20);
        char *text = NULL;

        strbuf_add(&b, head);
        for (size_t i = 1; i <= n; i++)
                strbuf_addf(&b, "%s%zu%s\n", before, i, after);
        assert_int_equal(strbuf_take(&b, &text), 0);
        return text;
}

static void test_caps(void **state)
{
        _cleanup_free_ char *sections = many("", "[profile p", "]", 4095);
        _cleanup_free_ char *too_many_sections = many("", "[profile p", "]", 4097);
        _cleanup_free_ char *properties = many("[a]\n", "k", "=v", 256);
        _cleanup_free_ char *too_many_properties = many("[a]\n", "k", "=v", 257);
        _cleanup_free_ char *too_large = many("[a]\nk=\n", " k", "=", 150000);
        _cleanup_(profile_set_freep) ProfileSet *set = parse(sections, properties);

        assert_true(profile_set_has(set, "p4095"));
        assert_string_equal(profile_get(set, "a", "k256"), "v");
        assert_refused(too_many_sections, NULL, "config file, line 4097: Too many sections");
        assert_refused(NULL, too_many_properties,
                       "credentials file, line 258: Too many properties in a section");
        assert_refused(too_large, NULL, "config file, line 1: File is longer than 1 MiB");
}

UNIT_MAIN(T(test_lookups), T(test_no_files), T(test_errors_name_file_and_line), T(test_services),
          T(test_sections_that_are_left_out), T(test_default_of_each_file),
          T(test_byte_order_mark_and_line_ends), T(test_caps))
