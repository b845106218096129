/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text for a terminal, wrapped to its width. Everything is escaped here, so that what came from
 * outside may be handed over as it is; a text is one line before it is wrapped. */

#include <jansson.h>
#include <stdio.h>

#include "base/macro.h"

typedef struct Printer {
        FILE *out;
        size_t width; /* columns */
        bool colour;
} Printer;

typedef enum PrintStyle {
        PRINT_PLAIN,
        PRINT_HEADING,
        PRINT_GOOD,
        PRINT_WARNING,
        PRINT_BAD,
        PRINT_DIM,
} PrintStyle;

/* Width and colour as fit out: colour only on a terminal that has it, without NO_COLOR
 * (https://no-color.org). */
Printer printer_for(FILE *out);

const char *print_style_begin(const Printer *p, PrintStyle s); /* "" without colour */
const char *print_style_end(const Printer *p, PrintStyle s);

/* Columns that an escaped text takes: its characters. */
size_t print_columns(const char *s);

/* What fits into columns, "..." at its end when it is not all; text is escaped. Owned. */
char *print_cut(const char *text, size_t columns);

/* A paragraph, wrapped: the first line at column `first`, the others at column `rest`. */
void print_text(const Printer *p, PrintStyle s, size_t first, size_t rest, const char *text);
void print_line(const Printer *p, PrintStyle s, const char *fmt, ...) _printf_(3, 4);
/* "  Label         value", wrapped under the value. Nothing for an empty value. */
void print_row(const Printer *p, const char *label, PrintStyle s, const char *fmt, ...)
        _printf_(4, 5);
/* Several lines as they are, each escaped and indented. */
void print_block(const Printer *p, size_t indent, const char *text);
/* For machines: indented JSON, ASCII only. */
void print_json(FILE *out, const json_t *value);
