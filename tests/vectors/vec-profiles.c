/* SPDX-License-Identifier: Apache-2.0 */

/* AWS's config and credentials files: what the parser makes of them. */

#include "vec.h"

#include "aws/profile.h"
#include "base/mem.h"

static json_t *sections_of_kind(const ProfileSet *set, ProfileSectionKind kind)
{
        json_t *all = json_object();

        for (size_t i = 0; i < set->n_sections; i++) {
                const ProfileSection *s = &set->sections[i];
                if (s->kind != kind)
                        continue;
                json_t *section = json_object();
                for (size_t j = 0; j < s->n_properties; j++)
                        (void)json_object_set_new(section, s->properties[j].key,
                                                  json_string(s->properties[j].value));
                (void)json_object_set_new(all, s->name, section);
        }
        return all;
}

/* NULL when it is missing, or null. */
static const json_t *file(const json_t *input, const char *name)
{
        const json_t *text = json_object_get(input, name);

        return json_is_null(text) ? NULL : text;
}

static int run_case(const json_t *c, FILE *out)
{
        const json_t *input = json_object_get(c, "input") ? json_object_get(c, "input") : c;
        const json_t *config = file(input, "configFile");
        const json_t *credentials = file(input, "credentialsFile");
        _cleanup_(profile_set_freep) ProfileSet *set = NULL;
        _cleanup_free_ char *text = NULL;

        if ((config && !json_is_string(config)) || (credentials && !json_is_string(credentials)) ||
            (!config && !credentials))
                return vec_complain("no \"configFile\" and no \"credentialsFile\"");
        if (profile_set_parse(json_string_value(config), json_string_value(credentials), &set,
                              &text) < 0) {
                vec_print_json(json_pack("{s:s}", "errorContaining", text), out);
                return VEC_FAILED;
        }

        json_t *have = json_object();
        (void)json_object_set_new(have, "profiles", sections_of_kind(set, PROFILE_SECTION_PROFILE));
        json_t *sso = sections_of_kind(set, PROFILE_SECTION_SSO_SESSION);
        if (json_object_size(sso) > 0)
                (void)json_object_set(have, "sso_sessions", sso);
        json_decref(sso);
        vec_print_json(json_pack("{s:o}", "config", have), out);
        return VEC_OK;
}

int vec_profiles(int argc, char **argv, FILE *out)
{
        _cleanup_json_ json_t *root = argc == 2 ? vec_read_json(argv[1]) : NULL;
        json_t *tests = json_is_array(root) ? root : json_object_get(root, "tests"), *test;
        size_t i;

        if (!root)
                return argc == 2 ? VEC_USAGE : vec_complain("usage: ts-vec profiles FILE");
        if (!tests)
                return run_case(root, out);
        json_array_foreach(tests, i, test)
        {
                if (run_case(test, out) == VEC_USAGE)
                        return VEC_USAGE;
        }
        return VEC_OK;
}
