/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/mem.h"

static void test_push(void **state)
{
        int *items = NULL;
        size_t n = 0;

        for (int i = 0; i < 100; i++) {
                int *slot = mem_push0(items, n);
                assert_int_equal(*slot, 0);
                *slot = i;
        }
        assert_int_equal(n, 100);
        for (int i = 0; i < 100; i++)
                /* cppcheck-suppress nullPointer; a hundred were pushed */
                assert_int_equal(items[i], i);
        free(items);
}

static void test_strset_takes_its_own_string(void **state)
{
        char *s = NULL;

        mem_strset(&s, "abc");
        mem_strset(&s, s + 1);
        assert_string_equal(s, "bc");
        mem_strset(&s, NULL);
        assert_null(s);
}

static void test_strings(void **state)
{
        char *n = mem_strndup("abcdef", 3), *short_one = mem_strndup("ab", 100);
        char *f = mem_printf("%d-%s", 7, "x");
        char **list = mem_alloc0(2 * sizeof(char *));

        assert_string_equal(n, "abc");
        assert_string_equal(short_one, "ab");
        assert_string_equal(f, "7-x");
        assert_null(mem_strdup(NULL));
        for (int width = 509; width < 515; width++) {
                char *wide = mem_printf("%0*d", width, 7);
                assert_int_equal(strlen(wide), width);
                assert_int_equal(wide[width - 1], '7');
                free(wide);
        }
        free(f);
        list[0] = n;
        list[1] = short_one;
        mem_free_strv(list, 2);
        mem_free_strv(NULL, 0);
}

UNIT_MAIN(T(test_push), T(test_strset_takes_its_own_string), T(test_strings))
