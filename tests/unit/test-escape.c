/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/escape.h"

static void check(const char *in, size_t max, const char *want)
{
        char *have = escape_text(in, max);

        assert_string_equal(have, want);
        free(have);
}

static void test_plain_text_stays(void **state)
{
        check(NULL, 10, "");
        check("", 10, "");
        check("a \\ path: C:\\dir ~", 100, "a \\ path: C:\\dir ~");
        check("Grüße, 日本語, 😀", 100, "Grüße, 日本語, 😀");
}

static void test_controls(void **state)
{
        check("a\nb\rc\td", 100, "a\\x0ab\\x0dc\\x09d");
        check("\x1b[31mred\x7f", 100, "\\x1b[31mred\\x7f");
        check("nel\xc2\x85 csi\xc2\x9b", 100, "nel\\x85 csi\\x9b");
        check("\xc2\xa0", 100, "\xc2\xa0"); /* first behind C1: no-break space is text */
}

static void test_hidden_characters(void **state)
{
        check("\u202Eevil\u202C", 100, "\\u{202e}evil\\u{202c}");
        check("a\u2066b\u2069c\u200Fd\u061Ce", 100, "a\\u{2066}b\\u{2069}c\\u{200f}d\\u{061c}e");
        check("\u200B\uFEFF\u2028\u2029\u2060", 100,
              "\\u{200b}\\u{feff}\\u{2028}\\u{2029}\\u{2060}");
        check("\U000E0041", 100, "\\u{e0041}");
}

static void test_invalid_utf8(void **state)
{
        check("\xff\xfe", 100, "\\xff\\xfe");
        check("\xc3", 100, "\\xc3");                            /* cut short */
        check("\xe2\x82", 100, "\\xe2\\x82");                   /* cut short */
        check("\xf0\x9f\x98z", 100, "\\xf0\\x9f\\x98z");        /* cut short by text */
        check("\xc0\xaf", 100, "\\xc0\\xaf");                   /* overlong '/' */
        check("\xe0\x80\x8a", 100, "\\xe0\\x80\\x8a");          /* overlong newline */
        check("\xed\xa0\x80", 100, "\\xed\\xa0\\x80");          /* surrogate */
        check("\xf4\x90\x80\x80", 100, "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
        check("\x80\xbf", 100, "\\x80\\xbf");                   /* stray continuation */
}

static void test_cut(void **state)
{
        check("abcdef", 6, "abcdef");
        check("abcdef", 5, "abcde...");
        check("abcdef", 0, "...");
        check("", 0, "");
        check("äöü", 3, "äöü");
        check("äöü", 2, "äö...");
        check("ab\n", 6, "ab\\x0a");
        check("ab\n", 5, "ab..."); /* never half an escape */
        check("abc", SIZE_MAX, "abc");
}

static void test_ascii(void **state)
{
        char *a = escape_ascii("Grüße 😀\n\u202E", 100), *b = escape_ascii(NULL, 5);
        char *c = escape_ascii("üüüüüü", 4);

        assert_string_equal(a, "Gr??e ?\\x0a\\u{202e}");
        assert_string_equal(b, "");
        assert_string_equal(c, "????...");
        free(a);
        free(b);
        free(c);
}

/* Whatever comes in: printable, valid and within the limit. */
static void test_any_two_bytes(void **state)
{
        for (unsigned i = 1; i < 256; i++)
                for (unsigned j = 1; j < 256; j++) {
                        const char in[] = {(char)i, (char)j, '\0'};
                        char *out = escape_text(in, 8), *twice = escape_text(out, 100);
                        for (const char *p = out; *p; p++)
                                assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
                        assert_string_equal(out, twice); /* nothing is left to escape */
                        free(out);
                        free(twice);
                }
}

static void test_add_obeys_the_buffer(void **state)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(4);

        escape_add(&b, "ab", 10);
        escape_add(&b, "\n", 10);
        assert_int_not_equal(strbuf_error(&b), 0);
        assert_string_equal(strbuf_str(&b), "ab");
}

UNIT_MAIN(T(test_plain_text_stays), T(test_controls), T(test_hidden_characters),
          T(test_invalid_utf8), T(test_cut), T(test_ascii), T(test_any_two_bytes),
          T(test_add_obeys_the_buffer))
