/* SPDX-License-Identifier: Apache-2.0 */

/* The 38 cases of aws-c-auth's signing test suite, header form, each stage held against its own
 * file. A case folder is known by its name: one that is not listed here fails the run, and so
 * does a listed one that is missing. */

#include "../unit/unit.h"
#include "vectors.h"

static const char *const cases[] = {
        "get-header-key-duplicate",
        "get-header-value-multiline",
        "get-header-value-order",
        "get-header-value-trim",
        "get-relative-normalized",
        "get-relative-relative-normalized",
        "get-relative-relative-unnormalized",
        "get-relative-unnormalized",
        "get-slash-dot-slash-normalized",
        "get-slash-dot-slash-unnormalized",
        "get-slash-normalized",
        "get-slash-pointless-dot-normalized",
        "get-slash-pointless-dot-unnormalized",
        "get-slash-unnormalized",
        "get-slashes-normalized",
        "get-slashes-unnormalized",
        "get-space-normalized",
        "get-space-unnormalized",
        "get-unreserved",
        "get-utf8",
        "get-vanilla",
        "get-vanilla-empty-query-key",
        "get-vanilla-query",
        "get-vanilla-query-order-encoded",
        "get-vanilla-query-order-key-case",
        "get-vanilla-query-unreserved",
        "get-vanilla-utf8-query",
        "get-vanilla-with-session-token",
        "post-header-key-case",
        "post-header-key-sort",
        "post-header-value-case",
        "post-sts-header-after",
        "post-sts-header-before",
        "post-vanilla",
        "post-vanilla-empty-query-value",
        "post-vanilla-query",
        "post-x-www-form-urlencoded",
        "post-x-www-form-urlencoded-parameters",
};

static void run_case(void **state)
{
        static const struct {
                const char *stage, *file;
        } stages[] = {
                {"creq", "header-canonical-request.txt"},
                {"sts", "header-string-to-sign.txt"},
                {"sig", "header-signature.txt"},
                {"req", "header-signed-request.txt"},
        };
        const char *name = *state;
        _cleanup_free_ char *folder = mem_printf("%s/%s", vectors_folder("sigv4"), name);
        _cleanup_free_ char *context = mem_printf("%s/context.json", folder);
        _cleanup_free_ char *request = mem_printf("%s/request.txt", folder);

        for (size_t i = 0; i < ELEMENTSOF(stages); i++) {
                _cleanup_free_ char *want = vectors_read(folder, stages[i].file, NULL);
                _cleanup_free_ char *have =
                        vectors_run(VEC_OK, "sigv4", "--context", context, "--request", request,
                                    "--emit", stages[i].stage, NULL);
                assert_non_null(want);
                assert_string_equal(have, want);
        }
}

static void every_folder_has_a_case(void **state)
{
        DIR *d = opendir(vectors_folder("sigv4"));
        size_t n = 0;

        assert_non_null(d);
        for (struct dirent *e = readdir(d); e; e = readdir(d)) {
                if (*e->d_name == '.')
                        continue;
                bool known = false;
                for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                        known |= streq(cases[i], e->d_name);
                if (!known)
                        fail_msg("no test for %s", e->d_name);
                n++;
        }
        (void)closedir(d);
        assert_int_equal(n, ELEMENTSOF(cases));
}

int main(int argc, char **argv)
{
        struct CMUnitTest tests[ELEMENTSOF(cases) + 1] = {
                cmocka_unit_test(every_folder_has_a_case)};

        (void)vectors_folder("sigv4"); /* exits when there are none */
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                tests[i + 1] =
                        (struct CMUnitTest){cases[i], run_case, NULL, NULL, (void *)cases[i]};
        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
