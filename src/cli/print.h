/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text for a terminal or a pipe: one fact, one line, left to the terminal to wrap. Everything is
 * escaped here, so that what came from outside may be handed over as it is. */

#include <jansson.h>
#include <stdio.h>

#include "base/macro.h"

typedef struct Printer {
        FILE *out;
        bool colour;
} Printer;

typedef enum PrintStyle {
        PRINT_PLAIN,
        PRINT_HEADING,
        PRINT_GOOD,
        PRINT_WARNING,
        PRINT_BAD,
} PrintStyle;

/* Colour as fits out: only on a terminal that has it, without NO_COLOR (https://no-color.org). */
Printer printer_for(FILE *out);

void print_line(const Printer *p, PrintStyle s, const char *fmt, ...) _printf_(3, 4);
void print_blank(const Printer *p);
/* "  Label           value". Nothing for an empty value. */
void print_row(const Printer *p, const char *label, PrintStyle s, const char *fmt, ...)
        _printf_(4, 5);
/* Several lines as they are, each escaped and indented. */
void print_block(const Printer *p, const char *text);
/* For machines: indented JSON, ASCII only. Takes value. */
void print_json(const Printer *p, json_t *value);

/* "management-events (444455556666, eu-west-1)", or the ARN as it is when it is none; owned. */
char *trail_words(const char *arn);

/* Rows in aligned columns, as wide as their content. */
typedef struct Table Table;

/* Headings are borrowed; as many as there are columns, then NULL. */
Table *table_new(const char *const *headings);
Table *table_free(Table *t);
DEFINE_CLEANUP(Table *, table_free)

/* Cells come row by row, from the left. */
void table_cell(Table *t, PrintStyle style, const char *fmt, ...) _printf_(3, 4);
/* A line below the row that was filled last. */
void table_note(Table *t, PrintStyle style, const char *fmt, ...) _printf_(3, 4);

void table_print(const Table *t, const Printer *p);
