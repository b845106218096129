/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stdarg.h>

#include "base/escape.h"
#include "base/mem.h"

#define GAP 2
#define CELL_CHARS 200
#define CUT_MIN 8
#define NOTE_INDENT 4

typedef struct Cell {
        char *text; /* escaped; of a note as it came */
        PrintStyle style;
        bool note;
} Cell;

struct Table {
        const char *const *headings;
        size_t n_columns;
        size_t cut;
        Cell *cells;
        size_t n_cells;
};

Table *table_new(const char *const *headings, size_t n, size_t cut)
{
        Table *t = mem_new0(Table);

        *t = (Table){.headings = headings, .n_columns = n, .cut = cut};
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
        Cell *c = mem_push0(t->cells, t->n_cells);
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, fmt);
        text = mem_vprintf(fmt, ap);
        va_end(ap);
        *c = (Cell){.text = escape_text(text, CELL_CHARS), .style = style};
}

void table_note(Table *t, PrintStyle style, const char *fmt, ...)
{
        Cell *c = mem_push0(t->cells, t->n_cells);
        va_list ap;

        va_start(ap, fmt);
        *c = (Cell){.text = mem_vprintf(fmt, ap), .style = style, .note = true};
        va_end(ap);
}

static void measure(const Table *t, size_t width, size_t *widths)
{
        size_t total = 0, column = 0;

        for (size_t i = 0; i < t->n_columns; i++)
                widths[i] = print_columns(t->headings[i]);
        for (size_t i = 0; i < t->n_cells; i++)
                if (!t->cells[i].note) {
                        size_t *w = &widths[column++ % t->n_columns];

                        *w = MAX(*w, print_columns(t->cells[i].text));
                }

        for (size_t i = 0; i < t->n_columns; i++)
                total += widths[i] + (i > 0 ? GAP : 0);
        if (total > width) {
                size_t *w = &widths[t->cut], over = total - width;

                *w = *w > over + CUT_MIN ? *w - over : MIN(*w, (size_t)CUT_MIN);
        }
}

static void print_cell(const Printer *p, const char *text, PrintStyle style, size_t width,
                       bool last)
{
        _cleanup_free_ char *cut = print_cut(text, MAX(width, (size_t)CUT_MIN));
        size_t columns = print_columns(cut), fill = last || columns > width ? 0 : width - columns;

        (void)fprintf(p->out, "%s%s%s%*s%s", print_style_begin(p, style), cut,
                      print_style_end(p, style), (int)fill, "", last ? "\n" : "  ");
}

void table_print(const Table *t, const Printer *p)
{
        _cleanup_free_ size_t *widths = mem_alloc0(t->n_columns * sizeof(size_t));
        size_t column = 0;

        measure(t, p->width, widths);
        for (size_t i = 0; i < t->n_columns; i++)
                print_cell(p, t->headings[i], PRINT_HEADING, widths[i], i + 1 == t->n_columns);
        for (size_t i = 0; i < t->n_cells; i++) {
                const Cell *c = &t->cells[i];

                if (c->note) {
                        print_text(p, c->style, NOTE_INDENT, NOTE_INDENT, c->text);
                        continue;
                }
                print_cell(p, c->text, c->style, widths[column], column + 1 == t->n_columns);
                column = (column + 1) % t->n_columns;
        }
}
