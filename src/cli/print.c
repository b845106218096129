/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/print.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/mem.h"

#define WIDTH_DEFAULT 80
#define WIDTH_MIN 40
#define WIDTH_MAX 160
#define TEXT_CHARS (64 * 1024)
#define ROW_INDENT 2
#define ROW_VALUE 18

Printer printer_for(FILE *out)
{
        const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
        int fd = fileno(out);
        bool terminal = fd >= 0 && isatty(fd);
        Printer p = {.out = out, .width = WIDTH_DEFAULT};
        struct winsize size;

        if (terminal && ioctl(fd, TIOCGWINSZ, &size) >= 0 && size.ws_col > 0)
                p.width = MAX(WIDTH_MIN, MIN(size.ws_col, WIDTH_MAX));
        p.colour = terminal && isempty(no_colour) && !isempty(term) && !streq(term, "dumb");
        return p;
}

const char *print_style_begin(const Printer *p, PrintStyle s)
{
        static const char *const sequences[] = {
                [PRINT_PLAIN] = "",         [PRINT_HEADING] = "\x1b[1m",
                [PRINT_GOOD] = "\x1b[32m",  [PRINT_WARNING] = "\x1b[33m",
                [PRINT_BAD] = "\x1b[1;31m", [PRINT_DIM] = "\x1b[2m",
        };

        return p->colour ? sequences[s] : "";
}

const char *print_style_end(const Printer *p, PrintStyle s)
{
        return p->colour && s != PRINT_PLAIN ? "\x1b[0m" : "";
}

size_t print_columns(const char *s)
{
        size_t n = 0;

        for (; *s; s++)
                n += ((unsigned char)*s & 0xc0) != 0x80; /* not in the middle of a character */
        return n;
}

char *print_cut(const char *text, size_t columns)
{
        _cleanup_free_ char *escaped = escape_text(text, TEXT_CHARS);

        assert(columns > 3);
        return print_columns(escaped) > columns ? escape_text(escaped, columns - 3)
                                                : TAKE_PTR(escaped);
}

/* Length in bytes of what fits into columns, up to a blank. A word that is longer stands whole: an
 * ARN that is broken cannot be copied. */
static size_t line_length(const char *s, size_t columns)
{
        size_t fits = 0, at = 0, used = 0;

        for (;;) {
                size_t word = strcspn(s + at, " ");

                for (size_t end = at + word; at < end; at++)
                        used += ((unsigned char)s[at] & 0xc0) != 0x80;
                if (used > columns && fits > 0)
                        return fits;
                fits = at;
                if (!s[at] || used >= columns)
                        return fits;
                used += strspn(s + at, " ");
                at += strspn(s + at, " ");
        }
}

void print_text(const Printer *p, PrintStyle s, size_t first, size_t rest, const char *text)
{
        _cleanup_free_ char *escaped = escape_text(text, TEXT_CHARS);
        size_t indent = first;

        for (const char *at = escaped; *at; indent = rest) {
                size_t n = line_length(at, p->width > indent + 20 ? p->width - indent : 20);

                (void)fprintf(p->out, "%*s%s%.*s%s\n", (int)indent, "", print_style_begin(p, s),
                              (int)n, at, print_style_end(p, s));
                for (at += n; *at == ' '; at++)
                        ;
        }
}

void print_line(const Printer *p, PrintStyle s, const char *fmt, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, fmt);
        text = mem_vprintf(fmt, ap);
        va_end(ap);
        if (*text)
                print_text(p, s, 0, 2, text);
        else
                (void)fputc('\n', p->out); /* the exit status tells of a full disk */
}

void print_row(const Printer *p, const char *label, PrintStyle s, const char *fmt, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, fmt);
        text = mem_vprintf(fmt, ap);
        va_end(ap);
        if (!*text)
                return;

        /* The label stands where the first line's indent would. */
        _cleanup_free_ char *name = print_cut(label, ROW_VALUE - ROW_INDENT - 1);
        _cleanup_free_ char *escaped = escape_text(text, TEXT_CHARS);
        size_t n = line_length(escaped, p->width - ROW_VALUE);
        const char *more = escaped + n;

        (void)fprintf(p->out, "%*s%-*s%s%.*s%s\n", ROW_INDENT, "", ROW_VALUE - ROW_INDENT, name,
                      print_style_begin(p, s), (int)n, escaped, print_style_end(p, s));
        while (*more == ' ')
                more++;
        if (*more)
                print_text(p, s, ROW_VALUE, ROW_VALUE, more);
}

void print_block(const Printer *p, size_t indent, const char *text)
{
        while (*text) {
                size_t n = strcspn(text, "\n");
                _cleanup_free_ char *line = mem_strndup(text, n);
                _cleanup_free_ char *escaped = escape_text(line, TEXT_CHARS);

                (void)fprintf(p->out, "%*s%s\n", *escaped ? (int)indent : 0, "", escaped);
                text += n + (text[n] == '\n');
        }
}

void print_json(FILE *out, const json_t *value)
{
        if (json_dumpf(value, out, JSON_INDENT(2) | JSON_ENSURE_ASCII) < 0)
                return; /* a full disk, which main() notices when it closes the stream */
        (void)fputc('\n', out);
}
