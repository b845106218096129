/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/nearest.h"

static const char *nearest_of(const char *text)
{
        static const char *const words[] = {"status", "incidents", "check", "policy"};
        Nearest n = nearest_begin(text);

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                nearest_offer(&n, words[i]);
        return n.word;
}

static void test_finds_what_was_meant(void **state)
{
        assert_string_equal(nearest_of("statsu"), "status");
        assert_string_equal(nearest_of("incident"), "incidents");
        assert_string_equal(nearest_of("chek"), "check");
        assert_string_equal(nearest_of("policies"), "policy");
}

static void test_does_not_guess(void **state)
{
        assert_null(nearest_of(""));
        assert_null(nearest_of("watch"));
        assert_null(nearest_of("a-very-long-text-that-is-none-of-the-words-and-takes-no-room"));
}

UNIT_MAIN(T(test_finds_what_was_meant), T(test_does_not_guess))
