/* SPDX-License-Identifier: Apache-2.0 */
/* The manual pages against the program: what can be configured, asked for or read in the journal
 * stands there under its name, and nothing stands there that is not. Pages and sources are read
 * below $TS_SOURCE. */

#include <ctype.h>
#include <stdio.h>

#include "../unit/unit.h"

#include <jansson.h>

#include "base/environment.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/model.h"
#include "daemon/conf.h"

#define FILE_MAX_BYTES (1024 * 1024)
#define NAME_MAX_CHARS 64
#define MESSAGE_ID_CHARS 32

static char *read_source(const char *name)
{
        const char *folder = getenv("TS_SOURCE");
        _cleanup_free_ char *path = mem_printf("%s/%s", folder ? folder : ".", name);
        char *text = mem_alloc0(FILE_MAX_BYTES);
        FILE *f = fopen(path, "re");

        if (!f)
                fail_msg("%s cannot be read: set TS_SOURCE", path);
        assert_in_range(fread(text, 1, FILE_MAX_BYTES - 1, f), 1, FILE_MAX_BYTES - 2);
        (void)fclose(f); /* read only */
        return text;
}

/* As roff writes it. */
static char *in_roff(const char *text)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(1024);
        char *roff;

        for (const char *p = text; *p; p++)
                if (*p == '-')
                        strbuf_add(&b, "\\-");
                else if (*p == '"')
                        strbuf_add(&b, "\\(dq");
                else
                        strbuf_add_char(&b, *p);
        assert_int_equal(strbuf_take(&b, &roff), 0);
        return roff;
}

static bool has_in_roff(const char *page, const char *text)
{
        _cleanup_free_ char *roff = in_roff(text);

        return strstr(page, roff) != NULL;
}

/* Options */

static const struct {
        const char *group, *title;
} subsections[] = {
        {NULL, ".SS Top level\n"},
        {"trails", ".SS Options of a trail\n"},
        {"expect", ".SS What is expected of a trail\n"},
        {"topics", ".SS Options of a topic\n"},
        {"accounts", ".SS Options of an account\n"},
        {"drift", ".SS Options of drift\n"},
        {"heartbeat", ".SS Options of the heartbeat\n"},
};

/* The text of the subsection about a group, owned. */
static char *subsection(const char *page, const char *group)
{
        for (size_t i = 0; i < ELEMENTSOF(subsections); i++) {
                const char *begin, *end;

                if (!streq_ptr(subsections[i].group, group))
                        continue;
                begin = strstr(page, subsections[i].title);
                assert_non_null(begin);
                begin += strlen(subsections[i].title);
                end = strstr(begin, "\n.S");
                assert_non_null(end);
                return mem_strndup(begin, (size_t)(end - begin));
        }
        fail_msg("trailsentry.conf(5) has no subsection about %s", group);
        return NULL;
}

/* What an option's entry says behind its name: '.BR name " (text; default ...)"', owned; NULL
 * when it has none. */
static char *entry(const char *section, const char *name)
{
        _cleanup_free_ char *head = mem_printf(".TP\n.BR %s \" (", name);
        const char *at = strstr(section, head);

        return at ? mem_strndup(at + strlen(head), strcspn(at + strlen(head), "\n")) : NULL;
}

static void test_every_option_has_an_entry(void **state)
{
        _cleanup_free_ char *page = read_source("man/trailsentry.conf.5");
        ConfOptionInfo o;
        size_t n = 0;

        while (conf_option_info(n, &o)) {
                _cleanup_free_ char *section = subsection(page, o.group);
                _cleanup_free_ char *said = entry(section, o.name);
                _cleanup_free_ char *want =
                        o.default_text ? mem_printf("default %s)", o.default_text) : NULL;

                if (!said)
                        fail_msg("%s%s%s is not in trailsentry.conf(5)", o.group ? o.group : "",
                                 o.group ? "." : "", o.name);
                if (want && !has_in_roff(said, want))
                        fail_msg("%s: not its default: %s", o.name, said);
                if (!want && strstr(said, "; default"))
                        fail_msg("%s has no default: %s", o.name, said);
                n++;
        }
        assert_in_range(n, 10, 1000);
}

static bool is_option(const char *group, const char *name, size_t len)
{
        ConfOptionInfo o;

        for (size_t i = 0; conf_option_info(i, &o); i++)
                if (streq_ptr(o.group, group) && strlen(o.name) == len &&
                    strncmp(o.name, name, len) == 0)
                        return true;
        return false;
}

static void test_every_entry_is_an_option(void **state)
{
        _cleanup_free_ char *page = read_source("man/trailsentry.conf.5");

        for (size_t i = 0; i < ELEMENTSOF(subsections); i++) {
                _cleanup_free_ char *section = subsection(page, subsections[i].group);
                static const char head[] = ".TP\n.BR ";

                for (const char *at = section; (at = strstr(at, head));) {
                        at += strlen(head);
                        if (!is_option(subsections[i].group, at, strcspn(at, " ")))
                                fail_msg("no option: %.40s", at);
                }
        }
}

static void test_every_option_is_in_the_shipped_file(void **state)
{
        _cleanup_free_ char *file = read_source("etc/trailsentry.conf");
        ConfOptionInfo o;

        for (size_t i = 0; conf_option_info(i, &o); i++) {
                _cleanup_free_ char *line = mem_printf("%s = %s", o.name, strempty(o.default_text));

                if (!strstr(file, line))
                        fail_msg("etc/trailsentry.conf does not have %s", line);
        }
}

/* Words that the program says */

#define ASSERT_WORDS(page, prefix, max)                                                            \
        for (int v_ = 0; v_ < (max); v_++)                                                         \
                if (!has_in_roff(page, prefix##_to_string(v_)))                                    \
        fail_msg("%s is not in the manual", prefix##_to_string(v_))

static void test_words_of_incidents(void **state)
{
        _cleanup_free_ char *daemon = read_source("man/trailsentryd.8");
        _cleanup_free_ char *command = read_source("man/trailsentry.1");

        ASSERT_WORDS(daemon, incident_kind, _INCIDENT_KIND_MAX);
        ASSERT_WORDS(daemon, phase, _PHASE_MAX);
        ASSERT_WORDS(daemon, severity, _SEVERITY_MAX);
        ASSERT_WORDS(daemon, confidence, _CONFIDENCE_MAX);
        ASSERT_WORDS(command, restart_state, _RESTART_STATE_MAX);
        ASSERT_WORDS(command, delivering, _DELIVERING_MAX);
        ASSERT_WORDS(command, role, _ROLE_MAX);
        ASSERT_WORDS(command, confidence, _CONFIDENCE_MAX);
        ASSERT_WORDS(command, search_state, _SEARCH_STATE_MAX);
        for (int c = 0; c < _AWS_ERROR_CLASS_MAX; c++)
                if (c != AWS_ERROR_NONE && !has_in_roff(command, aws_error_class_to_string(c)))
                        fail_msg("%s is not in the manual", aws_error_class_to_string(c));
}

/* Next run of characters out of set with the length wanted, at or after *at; moves *at past it. */
static bool next_word(const char **at, const char *set, size_t want, char ret[NAME_MAX_CHARS])
{
        assert_in_range(want, 1, NAME_MAX_CHARS - 1);
        for (const char *p = *at; *p;) {
                size_t n = strspn(p, set);

                if (n == want) {
                        memcpy(ret, p, n);
                        ret[n] = '\0';
                        *at = p + n;
                        return true;
                }
                p += n > 0 ? n : 1;
        }
        return false;
}

static void assert_ids_are_in(const char *from, const char *from_name, const char *in,
                              const char *in_name)
{
        char id[NAME_MAX_CHARS];
        size_t n = 0;

        for (const char *at = from; next_word(&at, "0123456789abcdef", MESSAGE_ID_CHARS, id); n++)
                if (!strstr(in, id))
                        fail_msg("%s of %s is not in %s", id, from_name, in_name);
        assert_in_range(n, 10, 1000);
}

static void test_message_ids(void **state)
{
        _cleanup_free_ char *page = read_source("man/trailsentryd.8");
        _cleanup_free_ char *source = read_source("src/daemon/journal.c");
        _cleanup_free_ char *catalog = read_source("systemd/trailsentry.catalog");

        assert_ids_are_in(source, "journal.c", page, "trailsentryd(8)");
        assert_ids_are_in(source, "journal.c", catalog, "the catalog");
        assert_ids_are_in(page, "trailsentryd(8)", source, "journal.c");
        assert_ids_are_in(catalog, "the catalog", source, "journal.c");
}

/* The next line of an entry, moving *at past it; NULL at its end, which is the next entry's. */
static char *next_line(const char **at)
{
        size_t n = strcspn(*at, "\n");
        char *line;

        if (!**at || strncmp(*at, "-- ", strlen("-- ")) == 0)
                return NULL;
        line = mem_strndup(*at, n);
        *at += n + ((*at)[n] == '\n');
        return line;
}

/* @FIELD@ for each that a record may carry. */
static void assert_fields_are_known(const char *text, const char *journal)
{
        const char *at = text;

        while ((at = strchr(at, '@'))) {
                size_t n = strspn(++at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
                _cleanup_free_ char *name = mem_strndup(at, n), *row = mem_printf("{\"%s\",", name);

                if (n == 0 || at[n] != '@' || !strstr(journal, row))
                        fail_msg("no field of the journal: %s", text);
                at += n + 1;
        }
}

/* https://systemd.io/CATALOG/ */
static void test_catalog_says_what_it_means_and_what_to_do(void **state)
{
        _cleanup_free_ char *catalog = read_source("systemd/trailsentry.catalog");
        _cleanup_free_ char *journal = read_source("src/daemon/journal.c");
        const char *at = strstr(catalog, "\n-- ");
        size_t entries = 0;

        for (; at && *at; entries++) {
                static const char *const heads[] = {"Subject: ", "Defined-By: trailsentry",
                                                    "Documentation: man:trailsentry"};
                size_t words = 0;
                char *line;

                at = strchr(at + 1, '\n') + 1; /* behind the id */
                for (size_t i = 0; i < ELEMENTSOF(heads); i++) {
                        line = next_line(&at);
                        if (strncmp(strempty(line), heads[i], strlen(heads[i])) != 0)
                                fail_msg("entry %zu has no %s", entries + 1, heads[i]);
                        assert_fields_are_known(line, journal);
                        free(line);
                }
                while ((line = next_line(&at))) {
                        assert_in_range(strlen(line), 0, 80);
                        assert_fields_are_known(line, journal);
                        for (const char *c = line; (c = strpbrk(c, " \t")); c++)
                                words++;
                        free(line);
                }
                if (words < 10)
                        fail_msg("entry %zu explains nothing", entries + 1);
                if (*at)
                        at--; /* the line feed before the next id */
        }
        assert_in_range(entries, 20, 1000);
}

/* Names between prefix and the next quote in a source, each as text in the page. */
static void assert_names_are_in(const char *source, const char *prefix, const char *text,
                                const char *page)
{
        size_t found = 0;

        for (const char *at = source; (at = strstr(at, prefix)); found++) {
                _cleanup_free_ char *name = NULL, *want = NULL;

                at += strlen(prefix);
                name = mem_strndup(at, strcspn(at, "\""));
                if (*name == ' ' || strlen(name) > NAME_MAX_CHARS)
                        continue;
                want = mem_printf("%s%s", text, name);
                if (!has_in_roff(page, want))
                        fail_msg("%s is not in the manual", want);
        }
        assert_in_range(found, 3, 1000);
}

static void test_journal_fields_and_attributes(void **state)
{
        _cleanup_free_ char *page = read_source("man/trailsentryd.8");
        _cleanup_free_ char *journal = read_source("src/daemon/journal.c");
        _cleanup_free_ char *calls = read_source("src/daemon/calls.c");
        const char *attributes = strstr(calls, "SnsAttribute attributes[]");
        _cleanup_free_ char *table = NULL;

        assert_names_are_in(journal, "                {\"", "", page);
        assert_non_null(attributes);
        table = mem_strndup(attributes, (size_t)(strstr(attributes, "};") - attributes));
        assert_names_are_in(table, "                {\"", ".TP\n.B ", page);
}

static void test_command_line_options(void **state)
{
        _cleanup_free_ char *daemon_page = read_source("man/trailsentryd.8");
        _cleanup_free_ char *daemon = read_source("src/daemon/trailsentryd.c");
        _cleanup_free_ char *page = read_source("man/trailsentry.1");
        _cleanup_free_ char *source = read_source("src/cli/verb.c");
        const char *verbs = strstr(source, "CliVerb cli_verbs[]");
        _cleanup_free_ char *options = NULL;

        assert_names_are_in(strstr(daemon, "struct option options[]"), "                {\"", "--",
                            daemon_page);
        assert_non_null(verbs);
        options = mem_strndup(source, (size_t)(verbs - source));
        assert_names_are_in(options, "\n        {\"", "--", page);
        assert_names_are_in(verbs, "\n        {\"", "\n.B ", page);
}

/* Members of the document */

/* Each member of an object of the schema has an entry in the subsection about the object; objects
 * without a definition of their own have one about the member. */
static void assert_members_are_in(const char *page, const char *title, const json_t *schema)
{
        _cleanup_free_ char *head = mem_printf(".SS %s\n", title);
        const char *begin = strstr(page, head), *name;
        json_t *properties = json_object_get(schema, "properties"), *member;

        if (!begin)
                fail_msg("trailsentry-alert(5) has no subsection %s", title);
        const char *end = strstr(begin + 1, "\n.S");
        _cleanup_free_ char *section =
                mem_strndup(begin, end ? (size_t)(end - begin) : strlen(begin));
        size_t entries = 0;
        for (const char *at = section; (at = strstr(at, ".TP\n")); at++)
                entries++;
        assert_int_equal(entries, json_object_size(properties));
        json_object_foreach(properties, name, member)
        {
                _cleanup_free_ char *said = entry(section, name);
                const char *text = json_string_value(json_object_get(member, "description"));
                json_t *word;
                size_t k;

                if (!said || !text)
                        fail_msg("%s of \"%s\" is not in trailsentry-alert(5)", name, title);
                json_array_foreach(json_object_get(member, "enum"), k, word)
                {
                        if (json_is_string(word) && !has_in_roff(section, json_string_value(word)))
                                fail_msg("%s.%s: %s is not in trailsentry-alert(5)", title, name,
                                         json_string_value(word));
                }
                if (json_object_get(member, "properties")) {
                        _cleanup_free_ char *inner = mem_printf("Member %s", name);
                        assert_members_are_in(page, inner, member);
                }
        }
}

static void test_members_of_the_document(void **state)
{
        static const char *const titles[][2] = {
                {"call", "A call"},     {"caller", "A caller"},
                {"change", "A change"}, {"deed", "Calls with its key"},
                {"error", "An error"},  {"fact", "A fact"},
                {"step", "A step"}};
        _cleanup_free_ char *page = read_source("man/trailsentry-alert.5");
        _cleanup_free_ char *text = read_source("share/alert-1.schema.json");
        _cleanup_(json_decrefp) json_t *schema = json_loads(text, 0, NULL);
        const json_t *definitions = json_object_get(schema, "$defs");

        assert_members_are_in(page, "The document", schema);
        assert_int_equal(json_object_size(definitions), ELEMENTSOF(titles));
        for (size_t k = 0; k < ELEMENTSOF(titles); k++)
                assert_members_are_in(page, titles[k][1],
                                      json_object_get(definitions, titles[k][0]));
}

/* The words of the schema are those of the program, no more and no less. */
static void assert_enum(const json_t *member, const char *(*word)(int v), int from, size_t n)
{
        const json_t *words = json_object_get(member, "enum");

        assert_non_null(words);
        for (size_t k = 0; k < n; k++)
                assert_string_equal(strempty(json_string_value(json_array_get(words, k))),
                                    word(from + (int)k));
        assert_true(!json_is_string(json_array_get(words, n)));
}

static const char *kind_word(int v)
{
        return incident_kind_to_string((IncidentKind)v);
}

static const char *severity_word(int v)
{
        return severity_to_string((Severity)v);
}

static const char *role_word(int v)
{
        return role_to_string((Role)v);
}

static const char *class_word(int v)
{
        return aws_error_class_to_string((AwsErrorClass)v);
}

static const char *change_word(int v)
{
        return change_kind_to_string((ChangeKind)v);
}

static void test_words_of_the_schema(void **state)
{
        _cleanup_free_ char *text = read_source("share/alert-1.schema.json");
        _cleanup_(json_decrefp) json_t *schema = json_loads(text, 0, NULL);
        json_t *top = json_object_get(schema, "properties"), *kind, *role, *class;

        assert_int_equal(json_unpack(schema, "{s:{s:{s:{s:o}}}}", "properties", "incident",
                                     "properties", "kind", &kind),
                         0);
        assert_int_equal(json_unpack(schema, "{s:{s:{s:{s:o}}, s:{s:{s:o}}}}", "$defs", "call",
                                     "properties", "role", &role, "error", "properties", "class",
                                     &class),
                         0);
        assert_enum(kind, kind_word, 0, _INCIDENT_KIND_MAX);
        assert_int_equal(json_unpack(schema, "{s:{s:{s:{s:o}}}}", "$defs", "change", "properties",
                                     "kind", &kind),
                         0);
        assert_enum(kind, change_word, 0, _CHANGE_KIND_MAX);
        assert_enum(json_object_get(top, "severity"), severity_word, 0, _SEVERITY_MAX);
        assert_enum(role, role_word, 0, _ROLE_MAX);
        assert_enum(class, class_word, AWS_ERROR_NONE + 1, _AWS_ERROR_CLASS_MAX - 1);
}

/* Variables */

static bool variable_counts(const char *name)
{
        for (size_t i = 0; environment_name(i); i++) {
                size_t n = strcspn(environment_name(i), "*");

                if (strncmp(name, environment_name(i), n) == 0 &&
                    (environment_name(i)[n] || !name[n]))
                        return true;
        }
        return false;
}

/* What stands in the section, owned. */
static char *environment_section(const char *file)
{
        static const char title[] = "\n.SH ENVIRONMENT\n";
        _cleanup_free_ char *page = read_source(file);
        const char *begin = strstr(page, title), *end;

        assert_non_null(begin);
        begin += strlen(title);
        end = strstr(begin, "\n.SH ");
        assert_non_null(end);
        return mem_strndup(begin, (size_t)(end - begin));
}

/* The names at the head of an entry, ".TP\n.BR NAME ", " NAME": whether this is one of them, or,
 * for NULL, whether each of them counts. */
static bool heads_have(const char *section, const char *wanted)
{
        static const char head[] = ".TP\n.B";
        bool found = false;

        for (const char *at = section; (at = strstr(at, head));) {
                at += strlen(head);
                at += strcspn(at, " ");
                for (const char *end = at + strcspn(at, "\n"); at < end;) {
                        size_t n = strspn(
                                at,
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789abcdefghijklmnopqrstuvwxyz");
                        _cleanup_free_ char *name = mem_strndup(at, n);

                        at += n > 0 ? n : 1;
                        found = found || streq_ptr(name, wanted);
                        if (!wanted && n > 0 && !variable_counts(name))
                                fail_msg("%s is in the manual, and does not count", name);
                }
        }
        return found;
}

static void test_variables_that_count(void **state)
{
        _cleanup_free_ char *daemon = environment_section("man/trailsentryd.8");
        _cleanup_free_ char *command = environment_section("man/trailsentry.1");

        (void)heads_have(daemon, NULL);
        (void)heads_have(command, NULL);
        for (size_t i = 0; environment_name(i); i++)
                if (!strchr(environment_name(i), '*') && !heads_have(daemon, environment_name(i)) &&
                    !heads_have(command, environment_name(i)))
                        fail_msg("%s counts, and is not in the manual", environment_name(i));
}

UNIT_MAIN(T(test_members_of_the_document), T(test_words_of_the_schema),
          T(test_every_option_has_an_entry), T(test_every_entry_is_an_option),
          T(test_every_option_is_in_the_shipped_file), T(test_words_of_incidents),
          T(test_message_ids), T(test_catalog_says_what_it_means_and_what_to_do),
          T(test_journal_fields_and_attributes), T(test_command_line_options),
          T(test_variables_that_count))
