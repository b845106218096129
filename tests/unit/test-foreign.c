/* SPDX-License-Identifier: Apache-2.0 */
#include "base/foreign.h"

#include <stdio.h>

#include "base/mem.h"
#include "unit.h"

static void assert_text(const char *s, size_t max, const char *expected)
{
        _cleanup_free_ char *had = foreign_text(s, max);

        assert_string_equal(had, expected);
}

static void test_what_is_defused(void **state)
{
        static const char *const rows[][2] = {
                {"https://evil.example/x", "hxxps[:]//evil[.]example/x"},
                {"HTTP://x", "hxxp[:]//x"},
                {"see ftp://x.y", "see ftp[:]//x[.]y"},
                {"www.123", "www[.]123"},
                {"evil.example", "evil[.]example"},
                {"b\xc3\xa4"
                 "d.\xe4\xb8\xad",
                 "b\xc3\xa4"
                 "d[.]\xe4\xb8\xad"},
                {"evil\xe3\x80\x82"
                 "example",
                 "evil[.]example"},
                {"a@b.example", "a[@]b[.]example"},
                {"a\xef\xbc\xa0"
                 "b",
                 "a[@]b"},
                {"@here", "[@]here"},
                {"call +1 (900) 555-0100 now", "call +1_900_555_0100 now"},
                {"900.555.0100", "900_555_0100"},
                {"call-900-555-0100", "call-900_555_0100"},
                {"19005550100", "1900_5550_100"},
                {"call 447700900123", "call 4477_0090_0123"},
                {"arn:aws:sts::444455556666:assumed-role/x/a@b.example",
                 "arn:aws:sts::444455556666:assumed-role/x/a[@]b[.]example"},
                {"a\xcc\x81\xcc\x81\xcc\x81", "a\xcc\x81\xcc\x81\\u{0301}"},
                {"\x1b[2J\xe2\x80\xae\xff", "\\x1b[2J\\u{202e}\\xff"},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                assert_text(rows[i][0], 100, rows[i][1]);
}

/* What is AWS's own, and what nobody makes a link of. */
static void test_what_stays(void **state)
{
        static const char *const rows[] = {
                "198.51.100.17",
                "fd00:ec2::254",
                "444455556666",
                "root user of account 444455556666",
                "ec2.amazonaws.com",
                "d3680d18-bea9-4431-9143-912345678912",
                "12345678-1234-4123-8123-123456789012",
                "ASIAIOSFODNN7EXAMPLE",
                "i-0123456789abcdef0",
                "aws-cli/2.15.0 Python/3.11.6 Linux/5.15.0-1034-aws md/command#cloudtrail",
                "not authorized to perform: sts:AssumeRole on arn:aws:iam::444455556666:role/ops",
                "a sentence. Another one... and 1.5 of it",
                "2026-11-23T15:15:54Z",
                "",
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                assert_text(rows[i], 200, rows[i]);
        assert_text(NULL, 10, "");
        /* A bucket's site is anybody's. */
        assert_text("evil.s3.amazonaws.com", 100, "evil[.]s3[.]amazonaws[.]com");
}

static void test_cut_in_the_middle(void **state)
{
        static const struct {
                const char *s;
                size_t max;
                const char *expected;
        } rows[] = {
                {"beginning of it, and its end", 28, "beginning of it, and its end"},
                {"beginning of it, and its end", 27, "beginning o[...]and its end"},
                {"0123456789x", 10, "012[...]9x"},
                {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 15,
                 "\xf0\x9f\x98\x80[...]\xf0\x9f\x98\x80"},
                {"a.b.c.d.e.f.g.h", 20, "a[.]b[.][...]g[.]h"},
                {"\x01\x01\x01\x01\x01", 14, "\\x01[...]\\x01"},
                {"much", 3, ""},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *had = foreign_text(rows[i].s, rows[i].max);

                if (!streq(had, rows[i].expected))
                        fail_msg("%zu: \"%s\"", i, had);
        }
}

static void test_for_programs(void **state)
{
        _cleanup_free_ char *exact = foreign_text_exact("https://a.b\n", 100),
                            *cut = foreign_text_exact("https://a.b/c", 10);

        assert_string_equal(exact, "https://a.b\\x0a");
        assert_string_equal(cut, "htt[...]/c");
}

static void test_ascii(void **state)
{
        StrBuf b = STRBUF_INIT(100);

        foreign_add_ascii(&b,
                          "\xf0\x9f\x98\x80 b\xc3\xa4"
                          "d.example",
                          20);
        assert_string_equal(strbuf_str(&b), "? b?d[.]example");
        strbuf_done(&b);
}

/* Whatever is given, it fits, ends no line, cuts nothing, and holds no link. */
static void test_random(void **state)
{
        static const char *const parts[] = {
                "http://",
                "https://",
                "www.",
                "a.b",
                ".",
                "@",
                "x",
                "1",
                "555",
                "-",
                " ",
                "+",
                "\xf0\x9f\x98\x80",
                "\xcc\x81",
                "\xe2\x80\xae",
                "\xff",
                "\x01",
                "\n",
                "\\",
                "arn:aws:iam::444455556666:",
                "\xe3\x80\x82",
                "(",
                ")",
                "/",
        };
        unsigned seed = 4711;

        for (unsigned round = 0; round < 20000; round++) {
                StrBuf s = STRBUF_INIT(1000);
                size_t max = 0;

                for (unsigned n = 0; n < 1 + round % 40; n++) {
                        seed = seed * 1103515245 + 12345;
                        strbuf_add(&s, parts[(seed >> 16) % ELEMENTSOF(parts)]);
                }
                max = seed % 64;
                _cleanup_free_ char *had = foreign_text(strbuf_str(&s), max);

                assert_true(strlen(had) <= max);
                assert_null(strstr(had, "://"));
                assert_null(strstr(had, "www."));
                assert_null(strpbrk(had, "\n\x01"));
                for (const char *at = had; (at = strchr(at, '@')); at++)
                        assert_true(at > had && at[-1] == '[' && at[1] == ']');
                for (const char *at = had; (at = strchr(at, '.')); at++)
                        if (at > had && ((at[-1] >= 'a' && at[-1] <= 'z') || (at[-1] & 0x80)) &&
                            ((at[1] >= 'a' && at[1] <= 'z') || (at[1] & 0x80)))
                                fail_msg("\"%s\"", had);
                for (const char *at = had; (at = strchr(at, '[')); at++)
                        if (strncmp(at, "[...", 4) == 0)
                                assert_int_equal(at[4], ']');
                strbuf_done(&s);
        }
}

UNIT_MAIN(T(test_what_is_defused), T(test_what_stays), T(test_cut_in_the_middle),
          T(test_for_programs), T(test_ascii), T(test_random))
