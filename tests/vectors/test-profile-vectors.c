/* SPDX-License-Identifier: Apache-2.0 */

/* smithy-rs's profile cases, held against the parser whole: nothing may be missing and nothing
 * more may be there. A case that is not understood fails the run. */

#include "../unit/unit.h"
#include "vectors.h"

#include "aws/profile.h"
#include "base/jsonmap.h"

#define CASES 65

static const char *file_of(const json_t *input, const char *name)
{
        const json_t *text = json_object_get(input, name);

        assert_true(!text || json_is_string(text));
        return json_string_value(text);
}

static json_t *sections_of_kind(const ProfileSet *set, ProfileSectionKind kind)
{
        json_t *all = json_object();

        for (size_t i = 0; i < set->n_sections; i++) {
                const ProfileSection *s = &set->sections[i];
                json_t *section = json_object();
                if (s->kind != kind) {
                        json_decref(section);
                        continue;
                }
                for (size_t j = 0; j < s->n_properties; j++)
                        assert_int_equal(json_object_set_new(section, s->properties[j].key,
                                                             json_string(s->properties[j].value)),
                                         0);
                assert_int_equal(json_object_set_new(all, s->name, section), 0);
        }
        return all;
}

static void assert_sections(const char *what, const ProfileSet *set, ProfileSectionKind kind,
                            const json_t *want)
{
        _cleanup_json_ json_t *none = json_object(), *have = sections_of_kind(set, kind);

        if (!json_equal(have, want ? want : none))
                fail_msg("%s: have %s", what, json_dumps(have, 0));
}

static void run_one(json_t *test)
{
        const char *name, *error = NULL;
        json_t *input, *output, *config = NULL;
        _cleanup_(profile_set_freep) ProfileSet *set = NULL;
        _cleanup_free_ char *text = NULL;

        assert_int_equal(json_unpack(test, "{s:s, s:o, s:o !}", "name", &name, "input", &input,
                                     "output", &output),
                         0);
        assert_int_equal(
                json_unpack(output, "{s?o, s?s !}", "config", &config, "errorContaining", &error),
                0);
        assert_true(!config != !error);
        const char *c = file_of(input, "configFile"), *k = file_of(input, "credentialsFile");
        assert_int_equal(json_object_size(input), !!c + !!k);

        int r = profile_set_parse(c, k, &set, &text);
        if (error) {
                if (r != -EINVAL)
                        fail_msg("%s: %d", name, r);
                assert_has(text, error);
                return;
        }
        if (r < 0)
                fail_msg("%s: %s", name, text);
        json_t *profiles = json_object_get(config, "profiles");
        json_t *sso = json_object_get(config, "sso_sessions");
        assert_int_equal(json_object_size(config), !!profiles + !!sso);
        assert_sections(name, set, PROFILE_SECTION_PROFILE, profiles);
        assert_sections(name, set, PROFILE_SECTION_SSO_SESSION, sso);
}

static void every_case(void **state)
{
        size_t len = 0, i;
        _cleanup_free_ char *text =
                vectors_read(vectors_folder("profiles"), "profile-parser-tests.json", &len);
        _cleanup_json_ json_t *root = NULL;
        json_t *tests, *test;

        assert_non_null(text);
        assert_int_equal(json_parse(text, len, 1 << 20, &root), 0);
        tests = json_object_get(root, "tests");
        assert_int_equal(json_array_size(tests), CASES);
        json_array_foreach(tests, i, test)
        {
                run_one(test);
        }
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(every_case)};

        (void)vectors_folder("profiles"); /* exits when there are none */
        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
