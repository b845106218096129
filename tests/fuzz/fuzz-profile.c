/* SPDX-License-Identifier: Apache-2.0 */
/* AWS's shared files, config and credentials apart by a line "--": either a reason, or a set
 * without doubles that is the same when it is written out as one config file and read again. */
#include "aws/profile.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "fuzz.h"

static const char name_characters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/.%@:+";

static void put_section(StrBuf *b, const ProfileSection *s)
{
        static const char *const prefixes[] = {"profile", "sso-session", "services"};

        strbuf_addf(b, "[%s %s]\r\n", prefixes[s->kind], s->name);
        for (size_t i = 0; i < s->n_properties; i++) {
                strbuf_addf(b, "%s=", s->properties[i].key);
                for (const char *p = s->properties[i].value; *p; p++)
                        if (*p == '\n')
                                strbuf_add(b, "\r\n ");
                        else
                                strbuf_add_char(b, *p);
                strbuf_add(b, "\r\n");
        }
}

static char *print(const ProfileSet *set)
{
        StrBuf b = STRBUF_INIT((size_t)1024 * 1024);
        char *text;

        for (size_t i = 0; i < set->n_sections; i++)
                put_section(&b, &set->sections[i]);
        HOLD(strbuf_take(&b, &text) == 0);
        return text;
}

static void check_set(const ProfileSet *set)
{
        for (size_t i = 0; i < set->n_sections; i++) {
                const ProfileSection *s = &set->sections[i];

                HOLD((unsigned)s->kind < _PROFILE_SECTION_KIND_MAX);
                HOLD(*s->name && !s->name[strspn(s->name, name_characters)]);
                for (size_t k = 0; k < i; k++)
                        HOLD(set->sections[k].kind != s->kind ||
                             !streq(set->sections[k].name, s->name));
                for (size_t p = 0; p < s->n_properties; p++) {
                        const char *key = s->properties[p].key;

                        HOLD(*key && !key[strspn(key, name_characters)]);
                        HOLD(!strpbrk(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
                        for (size_t k = 0; k < p; k++)
                                HOLD(!streq(s->properties[k].key, key));
                        if (s->kind == PROFILE_SECTION_PROFILE)
                                HOLD(profile_get(set, s->name, key) == s->properties[p].value);
                }
                HOLD(s->kind != PROFILE_SECTION_PROFILE || profile_set_has(set, s->name));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = fuzz_text(data, size), *wrong = NULL, *printed = NULL,
                            *again = NULL;
        _cleanup_(profile_set_freep) ProfileSet *set = NULL, *back = NULL;
        char *cut = strstr(text, "\n--\n");

        if (cut)
                cut[1] = '\0';
        if (profile_set_parse(text, cut ? cut + 4 : NULL, &set, &wrong) < 0) {
                HOLD(!set && fuzz_count_clean(wrong, false) > 0);
                return 0;
        }
        HOLD(!wrong);
        check_set(set);
        printed = print(set);
        HOLD(profile_set_parse(printed, NULL, &back, &wrong) == 0);
        again = print(back);
        HOLD(streq(printed, again));
        return 0;
}
