/* SPDX-License-Identifier: Apache-2.0 */
/* libconfig says "syntax error" and a line; what follows is a guess at what was meant, made from
 * the text before that line's end. The scanner's @include is kept from ever seeing its file: what
 * is read has been checked, and a second file would not have been.
 *
 * https://hyperrealm.github.io/libconfig/libconfig_manual.html#Configuration-Files */

#include "daemon/confsyntax.h"

#include <errno.h>
#include <strings.h>

#include "base/mem.h"

#define INCLUDE "@include"

static unsigned line_of(const char *text, const char *at)
{
        unsigned line = 1;

        for (const char *p = text; p < at; p++)
                line += *p == '\n';
        return line;
}

static bool is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* The scanner takes the directive at the beginning of a line only; any that could be meant as
 * one is refused, in comments and strings too. */
static bool report_includes(ConfReport *r, const char *text)
{
        bool line_begins = true, found = false;
        unsigned line = 1;

        for (const char *p = text; *p; p++) {
                if (line_begins && strncasecmp(p, INCLUDE, sizeof(INCLUDE) - 1) == 0) {
                        conf_report_file(r, line,
                                         mem_strdup("@include is not supported: put everything "
                                                    "into this file"));
                        found = true;
                }
                line += *p == '\n';
                line_begins = *p == '\n' || (line_begins && is_blank(*p));
        }
        return found;
}

/* Beginning of a line counted from 1, the end of text when there are fewer. */
static const char *line_begin(const char *text, unsigned line)
{
        for (; line > 1; line--) {
                const char *end = strchr(text, '\n');

                if (!end)
                        return text + strlen(text);
                text = end + 1;
        }
        return text;
}

/* What stands after the first '=' or ':' of a line that ends at end, NULL without one. */
static const char *value_begin(const char *p, const char *end)
{
        while (p < end && *p != '=' && *p != ':' && *p != '#' && *p != '"')
                p++;
        if (p == end || (*p != '=' && *p != ':'))
                return NULL;
        for (p++; p < end && is_blank(*p); p++)
                ;
        return p < end ? p : NULL;
}

static const char *value_hint(const char *value, size_t n)
{
        static const char *const words[] = {"yes", "no", "on", "off"};
        size_t word = 0;

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (n >= strlen(words[i]) && strncasecmp(value, words[i], strlen(words[i])) == 0 &&
                    (n == strlen(words[i]) ||
                     !strchr("abcdefghijklmnopqrstuvwxyz0123456789", value[strlen(words[i])])))
                        return "write true or false";
        if (*value == '[')
                return "lists are written ( { ... }, { ... } ), with round brackets";
        if (*value == '\'')
                return "texts are written in double quotes";
        while (word < n && ((value[word] >= 'a' && value[word] <= 'z') ||
                            (value[word] >= 'A' && value[word] <= 'Z')))
                word++;
        if (word == 4 && strncasecmp(value, "true", 4) == 0)
                return NULL;
        if (word == 5 && strncasecmp(value, "false", 5) == 0)
                return NULL;
        if (word > 0 || (*value >= '0' && *value <= '9') || *value == '/')
                return "texts and durations are written in double quotes";
        return NULL;
}

/* Whether a ',' is what stands before the ')' that begins a line. Comments in between hide it,
 * which costs a plainer message. */
static bool comma_before_bracket(const char *text, const char *line)
{
        const char *p = line;

        while (is_blank(*p))
                p++;
        if (*p != ')' && *p != ']')
                return false;
        for (p = line; p > text && (is_blank(p[-1]) || p[-1] == '\n'); p--)
                ;
        return p > text && p[-1] == ',';
}

static bool is_rest_blank(const char *p)
{
        while (is_blank(*p) || *p == '\n')
                p++;
        return !*p;
}

static const char *syntax_hint(const char *text, unsigned line)
{
        const char *begin = line_begin(text, line), *end = strchr(begin, '\n'), *value, *hint;

        if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
                return "the file begins with a byte order mark: save it without one";
        if (comma_before_bracket(text, begin))
                return "no comma may stand before the closing bracket of a list";
        value = value_begin(begin, end ? end : begin + strlen(begin));
        hint = value ? value_hint(value, (size_t)((end ? end : value + strlen(value)) - value))
                     : NULL;
        if (hint)
                return hint;
        if (is_rest_blank(begin))
                return "a quote, a bracket or a comment that was opened before is not closed";
        return "look at this line and the one before: options are written name = value; texts "
               "\"...\", groups { ... }, lists ( ..., ... )";
}

static void report_error(ConfReport *r, const char *text, const config_t *config)
{
        const char *error = strempty(config_error_text(config));
        unsigned line = config_error_line(config) > 0 ? (unsigned)config_error_line(config) : 0;

        if (streq(error, "syntax error"))
                conf_report_file(r, line, mem_printf("syntax error: %s", syntax_hint(text, line)));
        else if (streq(error, "duplicate setting name"))
                conf_report_file(r, line,
                                 mem_strdup("an option of this line is given a second time: keep "
                                            "one of the two"));
        else
                conf_report_file(r, line,
                                 mem_printf("cannot be parsed: %s", *error ? error : "no reason"));
}

int conf_syntax_parse(ConfReport *r, const char *text, size_t len, config_t *config)
{
        const char *nul = memchr(text, '\0', len);

        if (nul) {
                conf_report_file(r, line_of(text, nul), mem_strdup("has a NUL byte in it"));
                return -EINVAL;
        }
        if (report_includes(r, text))
                return -EINVAL;
        if (config_read_string(config, text) != CONFIG_TRUE) {
                report_error(r, text, config);
                return -EINVAL;
        }
        return 0;
}
