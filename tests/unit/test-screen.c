/* SPDX-License-Identifier: Apache-2.0 */
/* Text cut to a terminal. */

#include "unit.h"

#include "cli/screen.h"

static void assert_screen(const char *text, size_t rows, size_t columns, const char *expected)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(4096);

        screen_add(&b, text, rows, columns);
        assert_string_equal(strbuf_str(&b), expected);
}

static void test_fits(void **state)
{
        assert_screen("one\n\ntwo\n", 3, 10, "\x1b[Hone\x1b[K\r\n\x1b[K\r\ntwo\x1b[K\x1b[J");
        assert_screen("", 3, 10, "\x1b[H\x1b[J");
}

static void test_too_wide(void **state)
{
        assert_screen("abcdef\n", 2, 3, "\x1b[Habc\x1b[K\x1b[J");
        assert_screen("\xc3\xa4\xc3\xb6\xc3\xbcx\n", 2, 3,
                      "\x1b[H\xc3\xa4\xc3\xb6\xc3\xbc\x1b[K\x1b[J");
}

/* A colour that began before the cut ends at the end of the line. */
static void test_colours_take_no_room(void **state)
{
        assert_screen("a\x1b[31mbcd\x1b[0me\n", 2, 3, "\x1b[Ha\x1b[31mbc\x1b[0m\x1b[K\x1b[J");
}

static void test_too_long(void **state)
{
        assert_screen("1\n2\n3\n4\n", 3, 20,
                      "\x1b[H1\x1b[K\r\n2\x1b[K\r\n2 more lines\x1b[K\x1b[J");
        assert_screen("1\n2\n", 1, 3, "\x1b[H2 m\x1b[K\x1b[J");
}

UNIT_MAIN(T(test_fits), T(test_too_wide), T(test_colours_take_no_room), T(test_too_long))
