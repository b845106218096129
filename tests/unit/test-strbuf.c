/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>

#include "base/strbuf.h"

static void test_empty(void **state)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(10);
        char *s = NULL;

        assert_null(b.data);
        assert_string_equal(strbuf_str(&b), "");
        strbuf_add(&b, NULL);
        strbuf_add(&b, "");
        strbuf_addf(&b, "%s", "");
        assert_null(b.data);
        assert_int_equal(strbuf_take(&b, &s), 0);
        assert_string_equal(s, "");
        free(s);
}

static void test_fills_to_the_last_byte(void **state)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(10);

        strbuf_add(&b, "01234");
        strbuf_addf(&b, "%d", 56789);
        assert_int_equal(strbuf_error(&b), 0);
        assert_string_equal(strbuf_str(&b), "0123456789");
        strbuf_add_char(&b, 'x');
        assert_int_equal(strbuf_error(&b), -E2BIG);
        assert_string_equal(strbuf_str(&b), "0123456789");
}

static void test_error_is_sticky(void **state)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(8);
        char *s = (char *)"untouched";

        strbuf_add(&b, "abcd");
        strbuf_addf(&b, "%s", "efghi");
        assert_int_equal(strbuf_error(&b), -E2BIG);
        strbuf_add(&b, "e"); /* would fit, but the content must stay a prefix */
        strbuf_addf(&b, "e");
        strbuf_add_char(&b, 'e');
        assert_string_equal(strbuf_str(&b), "abcd");
        assert_int_equal(strbuf_take(&b, &s), -E2BIG);
        assert_string_equal(s, "untouched");
        assert_string_equal(strbuf_str(&b), "abcd");
        strbuf_reset(&b);
        strbuf_add(&b, "12345678");
        assert_int_equal(strbuf_error(&b), 0);
        assert_string_equal(strbuf_str(&b), "12345678");
}

static void test_zero_max(void **state)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(0);

        strbuf_add_char(&b, 'x');
        assert_int_equal(strbuf_error(&b), -E2BIG);
        assert_string_equal(strbuf_str(&b), "");
}

static void test_binary(void **state)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(100);

        strbuf_add_n(&b, "a\0b", 3);
        strbuf_add_char(&b, '\0');
        strbuf_add(&b, "c");
        assert_int_equal(b.len, 5);
        assert_memory_equal(b.data, "a\0b\0c", 6);
}

/* Every size on the way, so that each growth step is crossed. */
static void test_growth(void **state)
{
        _cleanup_strbuf_wipe_ StrBuf b = STRBUF_INIT(5000);

        for (size_t i = 0; i < 5000; i++) {
                strbuf_add_char(&b, (char)('a' + i % 26));
                assert_int_equal(b.len, i + 1);
                assert_true(b.alloc <= 5001 && b.alloc > b.len);
                assert_int_equal(b.data[b.len], '\0');
        }
        for (size_t i = 0; i < 5000; i++)
                assert_int_equal(b.data[i], 'a' + i % 26);
        strbuf_add_char(&b, 'x');
        assert_int_equal(strbuf_error(&b), -E2BIG);
}

static void test_take_hands_over(void **state)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(100);
        char *s = NULL;

        strbuf_add(&b, "mine");
        assert_int_equal(strbuf_take(&b, &s), 0);
        assert_string_equal(s, "mine");
        assert_null(b.data);
        assert_int_equal(b.len, 0);
        strbuf_add(&b, "new");
        assert_string_equal(strbuf_str(&b), "new");
        assert_string_equal(s, "mine");
        free(s);
}

UNIT_MAIN(T(test_empty), T(test_fills_to_the_last_byte), T(test_error_is_sticky), T(test_zero_max),
          T(test_binary), T(test_growth), T(test_take_hands_over))
