/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>

#include "aws/arn.h"
#include "base/mem.h"

static const char trail[] = "arn:aws:cloudtrail:us-east-1:123456789012:trail/main";

static void test_parts(void **state)
{
        Arn a;

        assert_int_equal(arn_parse(trail, &a), 0);
        assert_string_equal(a.partition, "aws");
        assert_string_equal(a.service, "cloudtrail");
        assert_string_equal(a.region, "us-east-1");
        assert_string_equal(a.account, "123456789012");
        assert_string_equal(a.resource, "trail/main");
        assert_string_equal(arn_trail_name(&a), "main");

        assert_int_equal(arn_parse("arn:aws:s3:::bucket", &a), 0);
        assert_string_equal(a.region, "");
        assert_string_equal(a.account, "");
        assert_int_equal(arn_parse("arn:aws:logs:eu-west-1:123456789012:log-group:a:*", &a), 0);
        assert_string_equal(a.resource, "log-group:a:*");
}

static void test_refuses(void **state)
{
        static const char *const bad[] = {
                "",
                "arn",
                "arn:aws",
                "arn:aws:s3:::",
                "ARN:aws:s3:::b",
                "arn::s3:::b",
                "arn:aws::::b",
                "arn:AWS:s3:::b",
                "arn:aws:s3:us_east:123456789012:b",
                "arn:aws:s3::12345678901:b",
                "arn:aws:s3::1234567890123:b",
                "arn:aws:s3::12345678901x:b",
                "arn:aws:s3::aws:b",
                "arn:aws:s3:::b c",
                "arn:aws:s3:::b\n",
                "arn:aws:s3:::b\xc3\xa9",
                "arn:aws:s3:::b\x7f",
                " arn:aws:s3:::b",
                "xarn:aws:s3:::b",
                "arn:aws-a-partition-name:s3:::b",
        };
        Arn a = {.service = "untouched"};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (arn_parse(bad[i], &a) != -EINVAL)
                        fail_msg("accepted: %s", bad[i]);
        assert_string_equal(a.service, "untouched");
}

static void test_longest_resource(void **state)
{
        _cleanup_free_ char *s = mem_printf("arn:aws:s3:::%01023d", 0);
        _cleanup_free_ char *over = mem_printf("arn:aws:s3:::%01024d", 0);
        Arn a;

        assert_int_equal(arn_parse(s, &a), 0);
        assert_int_equal(strlen(a.resource), 1023);
        assert_int_equal(arn_parse(over, &a), -EINVAL);
}

typedef int (*ParseKind)(const char *s, Arn *ret, const char **reterr);

static void check_kind(ParseKind parse, const char *s, const char *word)
{
        const char *error = NULL;
        Arn a = {.service = "untouched"};
        int r = parse(s, &a, &error);

        if (!word) {
                if (r != 0)
                        fail_msg("refused: %s (%s)", s, strempty(error));
                return;
        }
        if (r != -EINVAL || !error || !strstr(error, word))
                fail_msg("%s: %d, '%s' and not '%s'", s, r, strempty(error), word);
}

static void test_trail(void **state)
{
        _cleanup_free_ char *longest =
                mem_printf("arn:aws:cloudtrail:us-east-1:123456789012:trail/%0128d", 0);
        _cleanup_free_ char *over =
                mem_printf("arn:aws:cloudtrail:us-east-1:123456789012:trail/%0129d", 0);

        check_kind(arn_parse_trail, trail, NULL);
        check_kind(arn_parse_trail, "arn:aws-cn:cloudtrail:cn-north-1:123456789012:trail/a.b_c-D",
                   NULL);
        check_kind(arn_parse_trail, longest, NULL);
        check_kind(arn_parse_trail, over, "name");
        check_kind(arn_parse_trail, "main", "form");
        check_kind(arn_parse_trail, "arn:aws:sns:us-east-1:123456789012:trail/main", "CloudTrail");
        check_kind(arn_parse_trail, "arn:aws-x:cloudtrail:us-east-1:123456789012:trail/main",
                   "partition");
        check_kind(arn_parse_trail, "arn:aws:cloudtrail:cn-north-1:123456789012:trail/main",
                   "region");
        check_kind(arn_parse_trail, "arn:aws:cloudtrail::123456789012:trail/main", "region");
        check_kind(arn_parse_trail, "arn:aws:cloudtrail:us-east-1::trail/main", "account");
        check_kind(arn_parse_trail, "arn:aws:cloudtrail:us-east-1:123456789012:main", "trail/NAME");
        check_kind(arn_parse_trail, "arn:aws:cloudtrail:us-east-1:123456789012:eventdatastore/abc",
                   "trail/NAME");
        check_kind(arn_parse_trail, "arn:aws:cloudtrail:us-east-1:123456789012:trail/ab", "name");
        check_kind(arn_parse_trail, "arn:aws:cloudtrail:us-east-1:123456789012:trail/a/b", "name");
        check_kind(arn_parse_trail, "arn:aws:cloudtrail:us-east-1:123456789012:trail/a;b", "name");
}

static void test_topic(void **state)
{
        check_kind(arn_parse_topic, "arn:aws:sns:us-east-1:123456789012:security-alerts", NULL);
        check_kind(arn_parse_topic, "arn:aws-us-gov:sns:us-gov-west-1:123456789012:a", NULL);
        check_kind(arn_parse_topic, "arn:aws:sns:us-east-1:123456789012:a.fifo", NULL);
        check_kind(arn_parse_topic, "arn:aws:sns:us-east-1:123456789012:.fifo", "name");
        check_kind(arn_parse_topic, "arn:aws:sns:us-east-1:123456789012:a.b", "name");
        check_kind(arn_parse_topic, "arn:aws:sns:us-east-1:123456789012:topic:sub-id", "name");
        check_kind(arn_parse_topic, "arn:aws:sns:us-east-1::a", "account");
        check_kind(arn_parse_topic, "arn:aws:sns:us-east-1:123456789012:a.fifo.fifo", "name");
        check_kind(arn_parse_topic, "arn:aws:sns:us-east-1:123456789012:a.FIFO", "name");
        check_kind(arn_parse_topic, trail, "SNS");
}

static void test_fifo_topic(void **state)
{
        static const struct {
                const char *name;
                bool fifo;
        } rows[] = {{"a.fifo", true}, {"a", false}, {"fifo", false}, {"a-fifo", false}};

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *s =
                        mem_printf("arn:aws:sns:us-east-1:123456789012:%s", rows[i].name);
                const char *error;
                Arn a;

                assert_int_equal(arn_parse_topic(s, &a, &error), 0);
                assert_string_equal(a.resource, rows[i].name);
                assert_int_equal(arn_topic_is_fifo(&a), rows[i].fifo);
        }
}

static void test_role(void **state)
{
        check_kind(arn_parse_role, "arn:aws:iam::123456789012:role/guard", NULL);
        check_kind(arn_parse_role, "arn:aws:iam::123456789012:role/a/b/g+=,.@-_", NULL);
        check_kind(arn_parse_role, "arn:aws:iam::123456789012:user/guard", "role");
        check_kind(arn_parse_role, "arn:aws:iam::123456789012:role/", "name");
        check_kind(arn_parse_role, "arn:aws:iam::123456789012:role/a;b", "name");
        check_kind(arn_parse_role, "arn:aws:iam:us-east-1:123456789012:role/guard", "region");
        check_kind(arn_parse_role, "arn:aws:iam:::role/guard", "account");
        check_kind(arn_parse_role, "arn:aws-x:iam::123456789012:role/guard", "partition");
        check_kind(arn_parse_role, "arn:aws:sts::123456789012:assumed-role/r/s", "IAM");
}

static void test_plain_names(void **state)
{
        static const char *const no[] = {
                "",     "-rf", "--profile=evil", "a b",  "a;b",      "$(id)", "a`b", "a'b",
                "a\"b", "a/b", "a\\b",           "a\nb", "\xc3\xa9", "a|b",   "a:b", "*",
        };
        _cleanup_free_ char *longest = mem_printf("%0128d", 0), *over = mem_printf("%0129d", 0);

        assert_true(arn_name_is_plain("Alice+bob=x,y.z@example_com-1"));
        assert_true(arn_name_is_plain("a"));
        assert_true(arn_name_is_plain(longest));
        assert_false(arn_name_is_plain(over));
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                if (arn_name_is_plain(no[i]))
                        fail_msg("plain: %s", no[i]);
}

UNIT_MAIN(T(test_parts), T(test_refuses), T(test_longest_resource), T(test_trail), T(test_topic),
          T(test_fifo_topic), T(test_role), T(test_plain_names))
