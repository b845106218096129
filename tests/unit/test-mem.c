/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/mem.h"

/* What is given back is looked at just before. */
static const unsigned char *watched;
static size_t watched_size, n_wiped;

void __wrap_free(void *p);
void __real_free(void *p);

void __wrap_free(void *p)
{
        if (p && p == watched) {
                for (size_t i = 0; i < watched_size; i++)
                        assert_int_equal(watched[i], 0);
                watched = NULL;
                n_wiped++;
        }
        __real_free(p);
}

static void watch(void *p, size_t size)
{
        memset(p, 'x', size);
        watched = p;
        watched_size = size;
}

/* A library's memory: nothing of it is left, wherever it has been. */
static void test_given_back_it_is_wiped(void **state)
{
        char *p = mem_alloc(100);

        n_wiped = 0;
        watch(p, 100);
        p = mem_grow(p, 100000);
        assert_int_equal(n_wiped, 1);
        for (size_t i = 0; i < 100; i++)
                assert_int_equal(p[i], 'x');
        watch(p, 100000);
        mem_wipe(p);
        assert_int_equal(n_wiped, 2);

        p = mem_grow(NULL, 10);
        watch(p, 10);
        assert_ptr_equal(mem_grow(p, 5), p); /* less needs no other place */
        mem_wipe(p);
        assert_int_equal(n_wiped, 3);
        mem_wipe(NULL);
}

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

UNIT_MAIN(T(test_given_back_it_is_wiped), T(test_push), T(test_strset_takes_its_own_string),
          T(test_strings))
