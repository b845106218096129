/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What every unit test includes: cmocka, and a main() that runs all tests or, when arguments are
 * given, those whose name matches the first ("test-escape test_bidi", "test-escape '*bidi*'"). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macro.h"

#define UNIT_MAIN(...)                                                                             \
        int main(int argc, char **argv)                                                            \
        {                                                                                          \
                const struct CMUnitTest tests[] = {__VA_ARGS__};                                   \
                if (argc > 1)                                                                      \
                        cmocka_set_test_filter(argv[1]);                                           \
                return cmocka_run_group_tests(tests, NULL, NULL);                                  \
        }

#define T(f) cmocka_unit_test(f)

/* Whether part stands somewhere in text; says both when it should and does not, or the other way.
 */
static inline void assert_has(const char *text, const char *part)
{
        if (!strstr(text, part))
                fail_msg("\"%s\" is not in:\n%s", part, text);
}

static inline void assert_has_not(const char *text, const char *part)
{
        if (strstr(text, part))
                fail_msg("\"%s\" is in:\n%s", part, text);
}
