/* SPDX-License-Identifier: Apache-2.0 */

/* Lines are of four kinds, told by their first character: '#' and ';' begin comments, '[' a
 * section, white space continues the property before, all else is a property. A property without
 * a value on its own line holds sub-properties. White space is ' ' and '\t' alone. */

#include "aws/profile.h"

#include <strings.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/strbuf.h"

#define FILE_MAX ((size_t)1024 * 1024)
#define SECTIONS_MAX 4096
#define PROPERTIES_MAX 256 /* in a section */

typedef struct Span {
        const char *s;
        size_t n;
} Span;

typedef enum FileKind {
        FILE_CONFIG,
        FILE_CREDENTIALS,
} FileKind;

/* [default] of the config file until it is known whether there is a [profile default]. */
#define SECTION_BARE_DEFAULT _PROFILE_SECTION_KIND_MAX

typedef struct Parser {
        ProfileSet *set;
        FileKind file;
        unsigned line;
        bool in_section;
        ProfileSection *section; /* NULL in one that is left out */
        char *key;               /* of the property that is being read */
        bool sub_properties;
        StrBuf value;
        const char *error;
} Parser;

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

static Span trim(Span t)
{
        while (t.n > 0 && is_blank(*t.s))
                t = (Span){t.s + 1, t.n - 1};
        while (t.n > 0 && is_blank(t.s[t.n - 1]))
                t.n--;
        return t;
}

/* Up to a comment: anywhere after a section, but only after white space in a property. */
static Span strip(Span line, bool after_blank)
{
        Span t = trim(line);

        for (size_t i = 0; i < t.n; i++)
                if ((t.s[i] == '#' || t.s[i] == ';') &&
                    (!after_blank || (i > 0 && is_blank(t.s[i - 1]))))
                        t.n = i;
        return trim(t);
}

static bool is_name(Span t)
{
        for (size_t i = 0; i < t.n; i++) {
                char c = t.s[i];
                bool alnum =
                        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                if (c == '\0' || (!alnum && !strchr("_-/.%@:+", c)))
                        return false;
        }
        return t.n > 0;
}

static bool span_is(Span t, const char *s)
{
        return t.n == strlen(s) && memcmp(t.s, s, t.n) == 0;
}

static char *lower_dup(Span t)
{
        char *s = mem_strndup(t.s, t.n);

        for (char *p = s; *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                        *p = (char)(*p - 'A' + 'a');
        return s;
}

/* "key = value" into its halves; false without '='. */
static bool split_property(Span line, Span *ret_key, Span *ret_value)
{
        Span t = strip(line, true);
        const char *equals = memchr(t.s, '=', t.n);

        if (!equals)
                return false;
        size_t n = (size_t)(equals - t.s);
        *ret_key = trim((Span){t.s, n});
        *ret_value = trim((Span){equals + 1, t.n - n - 1});
        return true;
}

static void section_done(ProfileSection *s)
{
        for (size_t i = 0; i < s->n_properties; i++) {
                free(s->properties[i].key);
                secret_free_text(s->properties[i].value);
        }
        free(s->properties);
        free(s->name);
}

ProfileSet *profile_set_free(ProfileSet *set)
{
        if (!set)
                return NULL;
        for (size_t i = 0; i < set->n_sections; i++)
                section_done(&set->sections[i]);
        free(set->sections);
        free(set);
        return NULL;
}

static ProfileSection *find_section(const ProfileSet *set, ProfileSectionKind kind, Span name)
{
        for (size_t i = 0; i < set->n_sections; i++)
                if (set->sections[i].kind == kind && span_is(name, set->sections[i].name))
                        return &set->sections[i];
        return NULL;
}

static ProfileProperty *find_property(const ProfileSection *s, const char *key)
{
        for (size_t i = 0; s && i < s->n_properties; i++)
                if (streq(s->properties[i].key, key))
                        return &s->properties[i];
        return NULL;
}

/* Puts the property that was being read into its section. */
static int finish_property(Parser *p)
{
        _cleanup_free_ char *key = TAKE_PTR(p->key);

        if (!key || !p->section || !is_name((Span){key, strlen(key)}))
                return 0;
        ProfileProperty *property = find_property(p->section, key);
        if (!property) {
                if (p->section->n_properties == PROPERTIES_MAX) {
                        p->error = "Too many properties in a section";
                        return -EINVAL;
                }
                property = mem_push0(p->section->properties, p->section->n_properties);
                property->key = TAKE_PTR(key);
        }
        secret_free_text(property->value);
        property->value = mem_strdup(strbuf_str(&p->value));
        return 0;
}

/* What a section header stands for in this file; INVALID when it is to be left out. */
static ProfileSectionKind section_kind(FileKind file, Span header, Span *ret_name)
{
        static const struct {
                const char *prefix;
                ProfileSectionKind kind;
        } prefixes[] = {
                {"profile", PROFILE_SECTION_PROFILE},
                {"sso-session", PROFILE_SECTION_SSO_SESSION},
                {"services", PROFILE_SECTION_SERVICES},
        };
        size_t n = 0;

        while (n < header.n && !is_blank(header.s[n]))
                n++;
        Span prefix = {header.s, n}, name = trim((Span){header.s + n, header.n - n});

        if (file == FILE_CREDENTIALS) {
                *ret_name = header;
                return is_name(header) ? PROFILE_SECTION_PROFILE : _PROFILE_SECTION_KIND_INVALID;
        }
        if (span_is(header, "default")) {
                *ret_name = header;
                return SECTION_BARE_DEFAULT;
        }
        *ret_name = name;
        for (size_t i = 0; is_name(name) && i < ELEMENTSOF(prefixes); i++)
                if (span_is(prefix, prefixes[i].prefix))
                        return prefixes[i].kind;
        return _PROFILE_SECTION_KIND_INVALID;
}

static int read_section(Parser *p, Span line)
{
        Span t = strip(line, false), name;

        if (t.s[t.n - 1] != ']') {
                p->error = "Profile definition must end with ']'";
                return -EINVAL;
        }
        p->in_section = true;
        p->section = NULL;

        ProfileSectionKind kind = section_kind(p->file, trim((Span){t.s + 1, t.n - 2}), &name);
        if (kind < 0)
                return 0;
        p->section = find_section(p->set, kind, name);
        if (p->section)
                return 0;
        if (p->set->n_sections == SECTIONS_MAX) {
                p->error = "Too many sections";
                return -EINVAL;
        }
        p->section = mem_push0(p->set->sections, p->set->n_sections);
        p->section->kind = kind;
        p->section->name = mem_strndup(name.s, name.n);
        return 0;
}

static int read_property(Parser *p, Span line)
{
        Span key, value;

        if (!split_property(line, &key, &value))
                p->error = "Expected an '=' sign defining a property";
        else if (key.n == 0)
                p->error = "Property did not have a name";
        if (p->error)
                return -EINVAL;
        p->key = lower_dup(key);
        p->sub_properties = value.n == 0;
        strbuf_reset(&p->value);
        strbuf_add_n(&p->value, value.s, value.n);
        return 0;
}

static int read_continuation(Parser *p, Span line)
{
        Span key, value, t = trim(line);

        if (!p->key)
                p->error = "Expected a property definition, found continuation";
        else if (p->sub_properties && !split_property(line, &key, &value))
                p->error = "Expected an '=' sign defining a sub-property";
        else if (p->sub_properties && key.n == 0)
                p->error = "Sub-property did not have a name";
        if (p->error)
                return -EINVAL;
        strbuf_add_char(&p->value, '\n');
        strbuf_add_n(&p->value, t.s, t.n);
        return 0;
}

static int read_line(Parser *p, Span line)
{
        if (trim(line).n == 0 || *line.s == '#' || *line.s == ';')
                return 0;
        if (*line.s != '[' && !p->in_section) {
                p->error = "Expected a profile definition";
                return -EINVAL;
        }
        if (is_blank(*line.s))
                return read_continuation(p, line);
        if (finish_property(p) < 0)
                return -EINVAL;
        return *line.s == '[' ? read_section(p, line) : read_property(p, line);
}

static int read_file(Parser *p, const char *text)
{
        if (strlen(text) > FILE_MAX) {
                p->line = 1;
                p->error = "File is longer than 1 MiB";
                return -EINVAL;
        }
        if (strncmp(text, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
                text += 3;
        while (*text) {
                Span line = {text, strcspn(text, "\n")};
                text += line.n + (text[line.n] == '\n');
                if (line.n > 0 && line.s[line.n - 1] == '\r')
                        line.n--;
                p->line++;
                if (read_line(p, line) < 0)
                        return -EINVAL;
        }
        return finish_property(p);
}

/* [profile default] replaces [default] of the same file, wherever they stand. */
static void settle_default(ProfileSet *set)
{
        Span name = {"default", 7};
        ProfileSection *bare = find_section(set, SECTION_BARE_DEFAULT, name);

        if (!bare)
                return;
        if (!find_section(set, PROFILE_SECTION_PROFILE, name)) {
                bare->kind = PROFILE_SECTION_PROFILE;
                return;
        }
        section_done(bare);
        size_t after = set->n_sections - (size_t)(bare - set->sections) - 1;
        memmove(bare, bare + 1, after * sizeof(*bare));
        set->n_sections--;
}

static int parse_file(ProfileSet *set, FileKind file, const char *text, char **reterr_text)
{
        Parser p = {.set = set, .file = file, .value = STRBUF_INIT(FILE_MAX)};
        int r = text ? read_file(&p, text) : 0;

        if (r < 0)
                *reterr_text =
                        mem_printf("%s file, line %u: %s",
                                   file == FILE_CONFIG ? "config" : "credentials", p.line, p.error);
        free(p.key);
        strbuf_wipe(&p.value);
        return r;
}

int profile_set_parse(const char *config, const char *credentials, ProfileSet **ret,
                      char **reterr_text)
{
        _cleanup_(profile_set_freep) ProfileSet *set = mem_new0(ProfileSet);
        int r = parse_file(set, FILE_CONFIG, config, reterr_text);

        if (r < 0)
                return r;
        settle_default(set);
        r = parse_file(set, FILE_CREDENTIALS, credentials, reterr_text);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(set);
        return 0;
}

bool profile_set_has(const ProfileSet *set, const char *name)
{
        return find_section(set, PROFILE_SECTION_PROFILE, (Span){name, strlen(name)});
}

const char *profile_get(const ProfileSet *set, const char *name, const char *key)
{
        const ProfileProperty *p = find_property(
                find_section(set, PROFILE_SECTION_PROFILE, (Span){name, strlen(name)}), key);

        return p ? p->value : NULL;
}

char *profile_get_service(const ProfileSet *set, const char *section, const char *service,
                          const char *key)
{
        const ProfileProperty *p = find_property(
                find_section(set, PROFILE_SECTION_SERVICES, (Span){section, strlen(section)}),
                service);
        Span name, value, found = {0};

        /* Sub-properties stand one to a line, after the property's own. */
        for (const char *s = p ? strchr(p->value, '\n') : NULL; s; s = strchr(s + 1, '\n')) {
                Span line = {s + 1, strcspn(s + 1, "\n")};
                if (split_property(line, &name, &value) && name.n == strlen(key) &&
                    strncasecmp(name.s, key, name.n) == 0)
                        found = value;
        }
        return found.s ? mem_strndup(found.s, found.n) : NULL;
}
