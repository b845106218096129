/* SPDX-License-Identifier: Apache-2.0 */

/* smithy-rs's cases of the default credential chain: an environment, files and recorded traffic
 * into credentials or an error. Each folder is a case; one that is not understood fails the run. */

#include "../unit/unit.h"
#include "vectors.h"

#define CASES 12

static json_t *read_json(const char *folder, const char *name)
{
        size_t len = 0;
        _cleanup_free_ char *text = vectors_read(folder, name, &len);
        json_t *value = NULL;

        if (!text || json_parse(text, len, 1 << 20, &value) < 0)
                fail_msg("%s: no %s", folder, name);
        return value;
}

static void run_case(const char *folder)
{
        _cleanup_free_ char *env = mem_printf("%s/env.json", folder),
                            *fs = mem_printf("%s/fs", folder),
                            *traffic = mem_printf("%s/http-traffic.json", folder);
        _cleanup_json_ json_t *test = read_json(folder, "test-case.json"), *have = NULL;
        const json_t *result = json_object_get(test, "result"),
                     *want = json_object_get(result, "Ok");

        assert_int_equal(json_object_size(result), 1);
        assert_true(want || json_object_get(result, "ErrorContains"));
        _cleanup_free_ char *text = vectors_run(want ? VEC_OK : VEC_FAILED, "creds", "--env", env,
                                                "--fs", fs, "--traffic", traffic, NULL);
        assert_int_equal(json_parse(text, strlen(text), 1 << 16, &have), 0);
        if (want ? !json_equal(have, want) : !json_object_get(have, "error"))
                fail_msg("%s: have %s", folder, text);
}

static void every_case(void **state)
{
        const char *root = vectors_folder("credential-chain");
        DIR *d = opendir(root);
        unsigned n = 0;

        assert_non_null(d);
        for (struct dirent *e = readdir(d); e; e = readdir(d)) {
                _cleanup_free_ char *folder = mem_printf("%s/%s", root, e->d_name);

                if (e->d_name[0] == '.')
                        continue;
                run_case(folder);
                n++;
        }
        (void)closedir(d);
        assert_int_equal(n, CASES);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(every_case)};

        (void)vectors_folder("credential-chain"); /* exits when there are none */
        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
