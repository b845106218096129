/* SPDX-License-Identifier: Apache-2.0 */
/* Text for the terminal: rows, tables, escaping. */

#include <stdio.h>

#include "unit.h"

#include "base/mem.h"
#include "cli/print.h"

typedef struct Sheet {
        char *text;
        size_t len;
        Printer p;
} Sheet;

static void begin(Sheet *s)
{
        s->p.out = open_memstream(&s->text, &s->len);
        assert_non_null(s->p.out);
}

static void expect(Sheet *s, const char *expected)
{
        assert_int_equal(fclose(s->p.out), 0);
        assert_string_equal(s->text, expected);
        free(s->text);
        s->text = NULL;
}

static void test_rows(void **state)
{
        Sheet s = {};

        begin(&s);
        print_row(&s.p, "Label", PRINT_PLAIN, "%s", "a value");
        print_row(&s.p, "Empty", PRINT_PLAIN, "%s", "");
        expect(&s, "  Label           a value\n");
}

static void test_escapes_everything(void **state)
{
        static const char *const headings[] = {"A", "B", NULL};
        Sheet s = {};
        Table *t = table_new(headings);

        begin(&s);
        print_line(&s.p, PRINT_PLAIN, "%s", "a\x1b[31mb\nc");
        print_row(&s.p, "l", PRINT_PLAIN, "%s",
                  "\xe2\x80\xae"
                  "x\r");
        print_block(&s.p, "one\x07\n\ntwo");
        table_cell(t, PRINT_PLAIN, "%s", "c\x1b]0;");
        table_cell(t, PRINT_PLAIN, "%s", "d\ne");
        table_note(t, PRINT_PLAIN, "%s", "n\x1b");
        table_print(t, &s.p);
        expect(&s, "a\\x1b[31mb\\x0ac\n"
                   "  l               \\u{202e}x\\x0d\n"
                   "    one\\x07\n\n    two\n"
                   "A         B\n"
                   "c\\x1b]0;  d\\x0ae\n"
                   "    n\\x1b\n");
        t = table_free(t);
}

static void test_table_aligns(void **state)
{
        static const char *const headings[] = {"TRAIL", "STATE", "SEEN", NULL};
        Sheet s = {};
        Table *t = table_new(headings);

        table_cell(t, PRINT_PLAIN, "management-events");
        table_cell(t, PRINT_BAD, "NOT LOGGING");
        table_cell(t, PRINT_PLAIN, "3 s ago");
        table_note(t, PRINT_PLAIN, "a note below the row");
        table_cell(t, PRINT_PLAIN, "b\xc3\xa9");
        table_cell(t, PRINT_GOOD, "logging");
        table_cell(t, PRINT_PLAIN, "1 s ago");
        begin(&s);
        table_print(t, &s.p);
        expect(&s, "TRAIL              STATE        SEEN\n"
                   "management-events  NOT LOGGING  3 s ago\n"
                   "    a note below the row\n"
                   "b\xc3\xa9                 logging      1 s ago\n");
        t = table_free(t);
}

static void test_colour_only_when_asked(void **state)
{
        Sheet s = {};

        s.p.colour = true;
        begin(&s);
        print_line(&s.p, PRINT_BAD, "bad");
        print_line(&s.p, PRINT_PLAIN, "plain");
        expect(&s, "\x1b[1;31mbad\x1b[0m\nplain\n");
}

static void test_printer_for_a_file(void **state)
{
        FILE *f = tmpfile();
        Printer p;

        assert_non_null(f);
        p = printer_for(f);
        assert_false(p.colour);
        assert_int_equal(fclose(f), 0);
}

UNIT_MAIN(T(test_rows), T(test_escapes_everything), T(test_table_aligns),
          T(test_colour_only_when_asked), T(test_printer_for_a_file))
