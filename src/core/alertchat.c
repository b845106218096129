/* SPDX-License-Identifier: Apache-2.0 */

/* Amazon Q Developer in chat applications' custom notification, out of a message's document.
 * https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
 *
 * It is shown as Slack's or Teams' markdown, in which a name may ring a whole channel
 * (<!channel>, @name), hide behind a link or strike out what stands around it; and names are what
 * an attacker chooses. Those are defused as in a text first (base/foreign.h). */

#include "core/alertpart.h"

#include "base/foreign.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/alertjson.h"

#define TITLE_MAX 250
#define DESCRIPTION_MAX 8000
#define STEP_MAX 300
#define STEPS_MAX 10
#define SUMMARY_MAX 300
#define COMMANDS_MAX 3000 /* bytes of the description */
#define WHO_MAX 3000      /* ... and of it */

/* Nothing of s is markup; within `code` only what ends it, or rings everywhere, matters. At most
 * max bytes and a bit: no character and no entity is cut. */
static void add_inert(StrBuf *b, const char *s, bool code, size_t max)
{
        static const struct {
                const char *what, *instead;
                bool in_code;
        } table[] = {
                {"[@]", "(at)", true}, {"[:]//", ": ", true}, {"&", "&amp;", true},
                {"<", "&lt;", true},   {">", "&gt;", true},   {"@", "(at)", true},
                {"`", "'", true},      {"*", "'", false},     {"~", "'", false},
                {"|", "/", false},     {"[", "(", false},     {"]", ")", false},
                {"://", ": ", true},
        };
        size_t end = b->len + max;

        while (*s) {
                size_t k = 0;

                if (b->len >= end && (*s & 0xc0) != 0x80) {
                        strbuf_add(b, "...");
                        return;
                }
                while (k < ELEMENTSOF(table) &&
                       ((code && !table[k].in_code) ||
                        strncmp(s, table[k].what, strlen(table[k].what)) != 0))
                        k++;
                if (!code && s[0] == ' ' && s[1] == ' ') {
                        s++; /* columns are none there */
                } else if (k < ELEMENTSOF(table)) {
                        strbuf_add(b, table[k].instead);
                        s += strlen(table[k].what);
                } else {
                        strbuf_add_char(b, *s++);
                }
        }
}

static json_t *inert(const char *s, size_t max)
{
        StrBuf b = STRBUF_INIT(max);
        json_t *value;

        add_inert(&b, s, false, max - 8); /* the longest entity and "..." */
        value = json_string(strbuf_str(&b));
        strbuf_done(&b);
        if (!value)
                abort();
        return value;
}

/* A text of the document, in one of its groups or, for NULL, of its own; "" when it has none. */
static const char *at(const json_t *o, const char *group, const char *name)
{
        return strempty(
                json_string_value(json_object_get(group ? json_object_get(o, group) : o, name)));
}

static const json_t *member(const json_t *o, const char *name)
{
        return json_object_get(o, name);
}

/* "*Label* `value`" and what is said beside it; lines that do not fit any more are left out. */
static void line_add_within(StrBuf *b, const char *label, const char *value, size_t max)
{
        if (isempty(value))
                return;
        strbuf_addf(b, "%s%s`", b->len > 0 ? ", " : "", label);
        add_inert(b, value, true, max);
        strbuf_add_char(b, '`');
}

static void line_add(StrBuf *b, const char *label, const char *value)
{
        line_add_within(b, label, value, ALERT_VALUE_CHARS);
}

/* The same for a value that others have chosen: its middle is cut first, and what is left may
 * become twice as long. */
static void line_add_foreign(StrBuf *b, const char *label, const char *value, size_t max)
{
        _cleanup_free_ char *text = foreign_text(value, max);

        line_add_within(b, label, text, 2 * max);
}

static void lines_take(StrBuf *lines, StrBuf *line)
{
        if (line->len > 0 && lines->len + line->len + 1 <= lines->max)
                strbuf_addf(lines, "%s\n", strbuf_str(line));
        strbuf_reset(line);
}

/* The facts of a section, each a line: "*Label* `value`". */
static void add_facts(StrBuf *lines, StrBuf *line, const json_t *facts, const char *section)
{
        const json_t *fact;
        size_t k;

        json_array_foreach(facts, k, fact)
        {
                const char *label = at(fact, NULL, "label"), *value = at(fact, NULL, "value");
                _cleanup_free_ char *copy = mem_strdup(value);

                if (!streq(at(fact, NULL, "section"), section))
                        continue;
                for (char *c = copy; (c = strchr(c, '\n'));)
                        *c = ' ';
                if (*label) {
                        strbuf_add_char(line, '*');
                        add_inert(line, label, false, ALERT_VALUE_CHARS);
                        strbuf_add(line, "* `");
                        add_inert(line, copy, true, 2 * ALERT_ERROR_MAX);
                        strbuf_add_char(line, '`');
                } else {
                        if (streq(section, "who") && lines->len == 0)
                                strbuf_add(lines, "*Who*\n");
                        add_inert(line, copy, false, 2 * ALERT_ERROR_MAX);
                }
                lines_take(lines, line);
        }
}

/* What is otherwise than it was. */
static void add_changes(StrBuf *lines, StrBuf *line, const json_t *changes)
{
        const json_t *change;
        size_t k;

        json_array_foreach(changes, k, change)
        {
                line_add(line, "*Changed* ", at(change, NULL, "kind"));
                line_add_foreign(line, "was ", at(change, NULL, "before"), ALERT_FOREIGN_MAX);
                line_add_foreign(line, "is ", at(change, NULL, "after"), ALERT_FOREIGN_MAX);
                lines_take(lines, line);
        }
}

/* Of how many steps the commands fit. */
static size_t count_commands(const json_t *steps)
{
        size_t k, used = strlen("```\n```\n");
        const json_t *step;

        json_array_foreach(steps, k, step)
        {
                const char *command = at(step, NULL, "command");

                if (*command)
                        used += strlen("# step NN\n\n") + strlen(command);
                if (used > COMMANDS_MAX)
                        return k;
        }
        return k;
}

/* Commands hold nothing that was not checked (advice.h), so they may be copied as they are. */
static void add_commands(StrBuf *lines, const json_t *steps)
{
        size_t n = count_commands(steps);
        bool any = false;

        for (size_t k = 0; k < n; k++) {
                const char *command = at(json_array_get(steps, k), NULL, "command");

                if (!*command)
                        continue;
                strbuf_addf(lines, "%s# step %zu\n%s\n", any ? "" : "```\n", k + 1, command);
                any = true;
        }
        if (any)
                strbuf_add(lines, "```\n");
}

/* Who it was, which incident, what to do: always there, whatever the rest is. */
static void add_end(StrBuf *end, const json_t *o)
{
        StrBuf line = STRBUF_INIT(DESCRIPTION_MAX), who = STRBUF_INIT(WHO_MAX);

        if (json_is_true(json_object_get(member(o, "attribution"), "credentials_misused")))
                strbuf_add(&who, "*THE GUARD'S OWN CREDENTIALS WERE USED BY SOMEBODY ELSE*\n");
        add_facts(&who, &line, member(o, "facts"), "who");
        strbuf_add(end, strbuf_str(&who));
        line_add(&line, "*NOT DURABLE* on the guard's disk: ", at(o, NULL, "not_durable_because"));
        lines_take(end, &line);
        line_add(&line, "Incident ", at(o, "incident", "id"));
        line_add(&line, "severity ", at(o, NULL, "severity"));
        line_add(&line, "guard ", at(o, "guard", "hostname"));
        lines_take(end, &line);
        add_commands(end, member(o, "what_to_do"));
        strbuf_done(&who);
        strbuf_done(&line);
}

static json_t *description(const json_t *o)
{
        StrBuf lines = STRBUF_INIT(DESCRIPTION_MAX), line = STRBUF_INIT(DESCRIPTION_MAX);
        StrBuf end = STRBUF_INIT(DESCRIPTION_MAX);
        json_t *value;

        add_end(&end, o);
        lines.max -= end.len;
        strbuf_add(&line, "*");
        add_inert(&line, at(o, NULL, "summary"), false, ALERT_VALUE_CHARS);
        strbuf_add(&line, "*");
        lines_take(&lines, &line);
        add_inert(&line, at(o, NULL, "details"), false, lines.max / 2);
        lines_take(&lines, &line);
        add_facts(&lines, &line, member(o, "facts"), "overview");
        add_changes(&lines, &line, json_object_get(member(o, "incident"), "changes"));
        lines.max = DESCRIPTION_MAX;
        strbuf_add(&lines, strbuf_str(&end));
        value = json_stringn(strbuf_str(&lines), lines.len > 0 ? lines.len - 1 : 0);
        strbuf_done(&end);
        strbuf_done(&line);
        strbuf_done(&lines);
        if (!value)
                abort();
        return value;
}

static json_t *next_steps(const json_t *steps)
{
        json_t *array = json_array();
        const json_t *step;
        size_t k, n_commands = count_commands(steps);

        json_array_foreach(steps, k, step)
        {
                const char *text = at(step, NULL, "step"), *command = at(step, NULL, "command");
                size_t n = strlen(text);

                /* Commands are too long for a step, and a cut one would be worse than none. */
                if (*command && n > 0 && text[n - 1] == ':')
                        n--;
                _cleanup_free_ char *whole =
                        mem_printf("%zu. %.*s%s", k + 1, (int)n, text,
                                   !*command        ? ""
                                   : k < n_commands ? " (its command is above)"
                                                    : " (its command: trailsentry incidents)");
                if (k < STEPS_MAX)
                        json_append(array, inert(whole, STEP_MAX));
        }
        return array;
}

/* What a custom action in the channel may pick out, named as the message attributes are. */
static json_t *metadata(const json_t *o)
{
        static const struct {
                const char *group, *name, *attribute;
        } context[] = {
                {"incident", "id", "incident_id"}, {"incident", "kind", "kind"},
                {"trail", "account", "account"},   {"trail", "region", "region"},
                {NULL, "phase", "phase"},          {NULL, "severity", "severity"},
        };
        const char *id = at(o, "incident", "id"), *arn = at(o, "trail", "arn");
        json_t *metadata = json_object(), *more = json_object(), *resources = json_array();

        json_set(metadata, "threadId", json_string(*id ? id : "trailsentry-test"));
        json_set(metadata, "summary", inert(at(o, NULL, "subject"), SUMMARY_MAX));
        json_set(metadata, "eventType", json_string("trailsentry"));
        if (*arn)
                json_append(resources, inert(arn, TITLE_MAX));
        if (json_array_size(resources) > 0)
                json_set(metadata, "relatedResources", resources);
        else
                json_decref(resources);
        for (size_t k = 0; k < ELEMENTSOF(context); k++) {
                const char *value = at(o, context[k].group, context[k].name);

                if (*value)
                        json_set(more, context[k].attribute, json_string(value));
        }
        json_set(metadata, "additionalContext", more);
        return metadata;
}

char *alert_chat(const json_t *document)
{
        json_t *o = json_object(), *content = json_object(),
               *steps = next_steps(member(document, "what_to_do"));
        const char *incident = at(document, "incident", "id");
        _cleanup_free_ char *title =
                alert_one_line(document, at(document, NULL, "subject"), TITLE_MAX);
        _cleanup_free_ char *id = mem_printf("%s-%d", *incident ? incident : "test",
                                             (int)json_integer_value(member(document, "sequence")));
        char *text;

        json_set(content, "textType", json_string("client-markdown"));
        json_set(content, "title", inert(title, TITLE_MAX));
        json_set(content, "description", description(document));
        if (json_array_size(steps) > 0)
                json_set(content, "nextSteps", steps);
        else
                json_decref(steps);
        json_set(content, "keywords",
                 json_pack("[s, s]", at(document, NULL, "phase"), at(document, NULL, "severity")));
        json_set(o, "version", json_string("1.0"));
        json_set(o, "source", json_string("custom"));
        json_set(o, "id", json_string(id));
        json_set(o, "content", content);
        json_set(o, "metadata", metadata(document));
        text = alert_json_text(o);
        json_decref(o);
        return text;
}
