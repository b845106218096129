/* SPDX-License-Identifier: Apache-2.0 */

/* botocore's endpoint cases, one test a file. Every case must be understood: an unknown parameter
 * or expectation fails the run. */

#include "../unit/unit.h"
#include "vectors.h"

#include "aws/partition.h"
#include "base/jsonmap.h"

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

static void run_one(AwsService service, json_t *test)
{
        json_t *params = json_object_get(test, "params"), *expect = json_object_get(test, "expect");
        const char *what = json_string_value(json_object_get(test, "documentation"));
        const json_t *endpoint = json_object_get(expect, "endpoint");
        const json_t *error = json_object_get(expect, "error");
        _cleanup_free_ char *url = NULL;

        check_params_are_known(params);
        const EndpointParams p = {
                .service = service,
                .region = json_string_value(json_object_get(params, "Region")),
                .custom = json_string_value(json_object_get(params, "Endpoint")),
                .fips = flag(params, "UseFIPS"),
                .dual_stack = flag(params, "UseDualStack"),
        };
        int r = endpoint_resolve(&p, &url);

        if (error) {
                int want = p.custom ? -EOPNOTSUPP : -EINVAL;
                if (r != want)
                        fail_msg("%s: got %d for: %s", what, r, json_string_value(error));
                assert_null(url);
                return;
        }
        assert_non_null(endpoint);
        const char *want = json_string_value(json_object_get(endpoint, "url"));
        if (r < 0 || !streq(url, want))
                fail_msg("%s: got %d %s, not %s", what, r, strempty(url), want);
}

static void run_file(void **state)
{
        AwsService service = aws_service_from_string(*state);
        _cleanup_free_ char *name = mem_printf("%s.json", (char *)*state);
        size_t len = 0;
        _cleanup_free_ char *text = vectors_read(vectors_folder("endpoints"), name, &len);
        _cleanup_json_ json_t *root = NULL;

        assert_true(service >= 0);
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
