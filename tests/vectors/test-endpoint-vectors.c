/* SPDX-License-Identifier: Apache-2.0 */

/* botocore's endpoint cases, one test a file. Every case must be understood: an unknown parameter
 * or expectation fails the run. */

#include "../unit/unit.h"
#include "vectors.h"

#define CASES_EACH 49

static bool flag(const json_t *params, const char *name)
{
        return json_is_true(json_object_get(params, name));
}

static void check_params_are_known(json_t *params)
{
        static const char *const known[] = {"Region", "UseFIPS", "UseDualStack", "Endpoint"};
        const char *key;
        json_t *value;

        json_object_foreach(params, key, value)
        {
                bool found = false;
                for (size_t i = 0; i < ELEMENTSOF(known); i++)
                        found |= streq(known[i], key);
                if (!found)
                        fail_msg("unknown parameter %s", key);
        }
}

static void run_one(const char *service, json_t *test)
{
        json_t *params = json_object_get(test, "params"), *expect = json_object_get(test, "expect");
        const char *region = json_string_value(json_object_get(params, "Region"));
        const char *custom = json_string_value(json_object_get(params, "Endpoint"));
        const char *error = json_string_value(json_object_get(expect, "error"));
        const char *words[8] = {0};
        size_t n = 0;

        check_params_are_known(params);
        if (region) {
                words[n++] = "--region";
                words[n++] = region;
        }
        if (custom) {
                words[n++] = "--endpoint";
                words[n++] = custom;
        }
        if (flag(params, "UseFIPS"))
                words[n++] = "--fips";
        if (flag(params, "UseDualStack"))
                words[n++] = "--dualstack";

        /* Words behind the first NULL are not read. */
        _cleanup_free_ char *have =
                vectors_run(error ? VEC_FAILED : VEC_OK, "endpoint", "--service", service, words[0],
                            words[1], words[2], words[3], words[4], words[5], NULL);
        const char *url =
                json_string_value(json_object_get(json_object_get(expect, "endpoint"), "url"));
        assert_true(!url != !error);
        _cleanup_free_ char *want =
                url ? mem_printf("%s\n", url) : mem_printf("error: %s\n", error);
        assert_string_equal(have, want);
}

static void run_file(void **state)
{
        const char *service = *state;
        _cleanup_free_ char *name = mem_printf("%s.json", service);
        size_t len = 0;
        _cleanup_free_ char *text = vectors_read(vectors_folder("endpoints"), name, &len);
        _cleanup_json_ json_t *root = NULL;

        assert_non_null(text);
        assert_int_equal(json_parse(text, len, 1 << 20, &root), 0);
        json_t *cases = json_object_get(root, "testCases");
        assert_int_equal(json_array_size(cases), CASES_EACH);
        for (size_t i = 0; i < json_array_size(cases); i++)
                run_one(service, json_array_get(cases, i));
}

static void every_file_has_a_test(void **state)
{
        DIR *d = opendir(vectors_folder("endpoints"));

        assert_non_null(d);
        for (struct dirent *e = readdir(d); e; e = readdir(d))
                if (*e->d_name != '.' && !streq(e->d_name, "cloudtrail.json") &&
                    !streq(e->d_name, "sns.json"))
                        fail_msg("no test for %s", e->d_name);
        (void)closedir(d);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_file_has_a_test),
                {"cloudtrail", run_file, NULL, NULL, (void *)"cloudtrail"},
                {"sns", run_file, NULL, NULL, (void *)"sns"},
        };

        (void)vectors_folder("endpoints"); /* exits when there are none */
        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
