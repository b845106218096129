/* SPDX-License-Identifier: Apache-2.0 */

/* smithy-rs's profile cases, held against the parser whole: nothing may be missing and nothing
 * more may be there. A case that is not understood fails the run. */

#include "../unit/unit.h"
#include "vectors.h"

#define CASES 65

static void run_one(const json_t *test, const char *have_text)
{
        const char *name, *error = NULL;
        json_t *input, *output, *config = NULL, *have_config = NULL;
        const char *have_error = NULL;
        _cleanup_json_ json_t *have = NULL;

        assert_int_equal(json_unpack((json_t *)test, "{s:s, s:o, s:o !}", "name", &name, "input",
                                     &input, "output", &output),
                         0);
        assert_int_equal(
                json_unpack(output, "{s?o, s?s !}", "config", &config, "errorContaining", &error),
                0);
        assert_true(!config != !error);
        assert_int_equal(json_parse(have_text, strlen(have_text), 1 << 20, &have), 0);
        assert_int_equal(json_unpack(have, "{s?o, s?s !}", "config", &have_config,
                                     "errorContaining", &have_error),
                         0);
        if (error) {
                assert_non_null(have_error);
                assert_has(have_error, error);
                return;
        }
        /* What there is none of may be left out. */
        if (json_object_size(json_object_get(config, "sso_sessions")) == 0)
                (void)json_object_del(config, "sso_sessions");
        if (!json_equal(have_config, config))
                fail_msg("%s: have %s", name, have_text);
}

static void every_case(void **state)
{
        _cleanup_free_ char *path =
                mem_printf("%s/profile-parser-tests.json", vectors_folder("profiles"));
        _cleanup_json_ json_t *root = vec_read_json(path);
        _cleanup_free_ char *have = vectors_run(VEC_OK, "profiles", path, NULL);
        char *line, *next = have;
        json_t *tests = json_object_get(root, "tests"), *test;
        size_t i;

        assert_int_equal(json_array_size(tests), CASES);
        json_array_foreach(tests, i, test)
        {
                line = strsep(&next, "\n");
                assert_non_null(line);
                run_one(test, line);
        }
        assert_string_equal(next, "");
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(every_case)};

        (void)vectors_folder("profiles"); /* exits when there are none */
        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
