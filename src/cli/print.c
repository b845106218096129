/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/print.h"

#include <stdarg.h>
#include <unistd.h>

#include "aws/arn.h"
#include "base/escape.h"
#include "base/mem.h"

#define TEXT_CHARS (64 * 1024)
#define LABEL_COLUMNS 16
#define GAP_COLUMNS 2

Printer printer_for(FILE *out)
{
        const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

        return (Printer){
                .out = out,
                .colour = isatty(fileno(out)) && isempty(no_colour) && !isempty(term) &&
                          !streq(term, "dumb"),
        };
}

static char *vescaped(const char *fmt, va_list ap) _printf_(1, 0);
static char *vescaped(const char *fmt, va_list ap)
{
        _cleanup_free_ char *text = mem_vprintf(fmt, ap);

        return escape_text(text, TEXT_CHARS);
}

/* A full disk is noticed when the stream is closed. */
static void put(const Printer *p, PrintStyle s, const char *escaped)
{
        static const char *const colours[] = {
                [PRINT_PLAIN] = "",         [PRINT_HEADING] = "\x1b[1m",
                [PRINT_GOOD] = "\x1b[32m",  [PRINT_WARNING] = "\x1b[33m",
                [PRINT_BAD] = "\x1b[1;31m",
        };

        if (p->colour && s != PRINT_PLAIN)
                (void)fprintf(p->out, "%s%s\x1b[0m", colours[s], escaped);
        else
                (void)fputs(escaped, p->out);
}

void print_line(const Printer *p, PrintStyle s, const char *fmt, ...)
{
        _cleanup_free_ char *escaped = NULL;
        va_list ap;

        va_start(ap, fmt);
        escaped = vescaped(fmt, ap);
        va_end(ap);
        put(p, s, escaped);
        print_blank(p);
}

void print_blank(const Printer *p)
{
        (void)fputc('\n', p->out);
}

void print_row(const Printer *p, const char *label, PrintStyle s, const char *fmt, ...)
{
        _cleanup_free_ char *escaped = NULL;
        va_list ap;

        va_start(ap, fmt);
        escaped = vescaped(fmt, ap);
        va_end(ap);
        if (!*escaped)
                return;
        (void)fprintf(p->out, "  %-*s", LABEL_COLUMNS, label);
        put(p, s, escaped);
        print_blank(p);
}

void print_block(const Printer *p, const char *text)
{
        while (*text) {
                size_t n = strcspn(text, "\n");
                _cleanup_free_ char *line = mem_strndup(text, n);

                if (n > 0)
                        print_line(p, PRINT_PLAIN, "    %s", line);
                else
                        print_blank(p);
                text += n + (text[n] == '\n');
        }
}

void print_json(const Printer *p, json_t *value)
{
        if (!value)
                abort(); /* memory, or a bug of ours */
        if (json_dumpf(value, p->out, JSON_INDENT(2) | JSON_ENSURE_ASCII) >= 0)
                print_blank(p);
        json_decref(value);
}

char *trail_words(const char *arn)
{
        const char *wrong;
        Arn a;

        if (arn_parse_trail(arn, &a, &wrong) < 0)
                return mem_strdup(arn);
        return mem_printf("%s (%s, %s)", arn_trail_name(&a), a.account, a.region);
}

/* Tables */

typedef struct Cell {
        char *text; /* escaped */
        PrintStyle style;
        bool note;
} Cell;

struct Table {
        const char *const *headings;
        size_t n_columns;
        Cell *cells;
        size_t n_cells;
};

Table *table_new(const char *const *headings)
{
        Table *t = mem_new0(Table);

        t->headings = headings;
        while (headings[t->n_columns])
                t->n_columns++;
        return t;
}

Table *table_free(Table *t)
{
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n_cells; i++)
                free(t->cells[i].text);
        free(t->cells);
        free(t);
        return NULL;
}

void table_cell(Table *t, PrintStyle style, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        *mem_push0(t->cells, t->n_cells) = (Cell){.text = vescaped(fmt, ap), .style = style};
        va_end(ap);
}

void table_note(Table *t, PrintStyle style, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        *mem_push0(t->cells, t->n_cells) =
                (Cell){.text = vescaped(fmt, ap), .style = style, .note = true};
        va_end(ap);
}

/* Columns that an escaped text takes: its characters. */
static size_t count_columns(const char *s)
{
        size_t n = 0;

        for (; *s; s++)
                n += ((unsigned char)*s & 0xc0) != 0x80; /* not in the middle of a character */
        return n;
}

static void put_cell(const Printer *p, PrintStyle style, const char *text, size_t width, bool last)
{
        put(p, style, text);
        (void)fprintf(p->out, "%*s%s", last ? 0 : (int)(width - count_columns(text) + GAP_COLUMNS),
                      "", last ? "\n" : "");
}

void table_print(const Table *t, const Printer *p)
{
        _cleanup_free_ size_t *widths = mem_alloc0(t->n_columns * sizeof(size_t));
        size_t column = 0;

        assert(t->n_columns > 0);
        for (size_t i = 0; i < t->n_columns; i++)
                widths[i] = count_columns(t->headings[i]);
        for (size_t i = 0; i < t->n_cells; i++)
                if (!t->cells[i].note) {
                        size_t *w = &widths[column++ % t->n_columns];

                        *w = MAX(*w, count_columns(t->cells[i].text));
                }

        for (size_t i = 0; i < t->n_columns; i++)
                put_cell(p, PRINT_HEADING, t->headings[i], widths[i], i + 1 == t->n_columns);
        column = 0;
        for (size_t i = 0; i < t->n_cells; i++) {
                const Cell *c = &t->cells[i];

                if (c->note) {
                        (void)fputs("    ", p->out);
                        put_cell(p, c->style, c->text, 0, true);
                        continue;
                }
                put_cell(p, c->style, c->text, widths[column], column + 1 == t->n_columns);
                column = (column + 1) % t->n_columns;
        }
}
