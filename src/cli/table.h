/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rows in aligned columns, as wide as their content; one column is cut when the line would not
 * fit. Cells are escaped here. */

#include "cli/print.h"

typedef struct Table Table;

/* Headings are borrowed, and as many as there are columns; `cut` is the column that gives way. */
Table *table_new(const char *const *headings, size_t n, size_t cut);
Table *table_free(Table *t);
DEFINE_CLEANUP(Table *, table_free)

/* Cells come row by row, from the left. */
void table_cell(Table *t, PrintStyle style, const char *fmt, ...) _printf_(3, 4);
/* A paragraph below the row that was filled last. */
void table_note(Table *t, PrintStyle style, const char *fmt, ...) _printf_(3, 4);

void table_print(const Table *t, const Printer *p);
