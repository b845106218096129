/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <unistd.h>

#include "base/environment.h"

static bool has(char *const *variables, const char *text)
{
        for (; *variables; variables++)
                if (streq(*variables, text))
                        return true;
        return false;
}

/* One process, one test: what is taken out stays out. */
static void test_what_counts_is_kept(void **state)
{
        char *const before[] = {(char *)"SSLKEYLOGFILE=/tmp/keys",
                                (char *)"AWS_PROFILE=guard",
                                (char *)"AWS_=x",
                                (char *)"AWS=x",
                                (char *)"PATH=/bin",
                                (char *)"PATHS=/bin",
                                (char *)"PAT=/bin",
                                (char *)"OPENSSL_CONF=/tmp/x",
                                (char *)"VAULT_ADDR=https://vault.example",
                                (char *)"malformed",
                                (char *)"HOME",
                                (char *)"=x",
                                (char *)"https_proxy=http://x:1",
                                NULL};

        /* What environ points to outlives the test. */
        static char *list[ELEMENTSOF(before)];

        memcpy(list, before, sizeof(list));
        environ = list;
        assert_true(environment_for_programs() == list);
        environment_restrict();
        static const char *const kept[] = {"AWS_PROFILE=guard", "AWS_=x", "PATH=/bin", "HOME",
                                           "https_proxy=http://x:1"};
        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                assert_true(has(environ, kept[i]));
        assert_null(environ[ELEMENTSOF(kept)]);
        assert_string_equal(getenv("AWS_PROFILE"), "guard");
        assert_null(getenv("SSLKEYLOGFILE"));
        assert_null(getenv("OPENSSL_CONF"));

        char *const *programs = environment_for_programs();
        for (size_t i = 1; before[i]; i++)
                assert_true(has(programs, before[i]));
        assert_false(has(programs, before[0]));

        environment_restrict(); /* changes nothing more */
        assert_true(environment_for_programs() == programs);
}

UNIT_MAIN(T(test_what_counts_is_kept))
