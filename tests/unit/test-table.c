/* SPDX-License-Identifier: Apache-2.0 */
/* Text for the terminal: wrapping, tables, escaping. */

#include <stdio.h>

#include "unit.h"

#include "base/mem.h"
#include "cli/table.h"

typedef struct Sheet {
        char *text;
        size_t len;
        Printer p;
} Sheet;

static Sheet sheet_open(size_t width)
{
        Sheet s = {.p = {.width = width}};

        return s;
}

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

static void test_wraps_at_blanks(void **state)
{
        Sheet s = sheet_open(40);

        begin(&s);
        print_text(&s.p, PRINT_PLAIN, 0, 2,
                   "the quick brown fox jumps over the lazy dog and then some more of them");
        expect(&s, "the quick brown fox jumps over the lazy\n"
                   "  dog and then some more of them\n");

        begin(&s);
        print_text(&s.p, PRINT_PLAIN, 4, 4, "1234567890 1234567890 1234567890 123 4");
        expect(&s, "    1234567890 1234567890 1234567890 123\n"
                   "    4\n");
}

/* What is copied from the terminal has to be whole. */
static void test_never_breaks_a_word(void **state)
{
        Sheet s = sheet_open(40);

        begin(&s);
        print_text(&s.p, PRINT_PLAIN, 0, 2,
                   "see arn:aws:cloudtrail:eu-west-1:444455556666:trail/management-events now");
        expect(&s, "see\n"
                   "  arn:aws:cloudtrail:eu-west-1:444455556666:trail/management-events\n"
                   "  now\n");
}

static void test_rows(void **state)
{
        Sheet s = sheet_open(40);

        begin(&s);
        print_row(&s.p, "Label", PRINT_PLAIN, "%s", "a value that is wrapped below itself");
        print_row(&s.p, "Empty", PRINT_PLAIN, "%s", "");
        print_row(&s.p, "A label far too long", PRINT_PLAIN, "x");
        expect(&s, "  Label           a value that is\n"
                   "                  wrapped below itself\n"
                   "  A label far ... x\n");
}

static void test_escapes_everything(void **state)
{
        static const char *const headings[] = {"A", "B"};
        Sheet s = sheet_open(80);
        Table *t = table_new(headings, 2, 0);

        begin(&s);
        print_line(&s.p, PRINT_PLAIN, "%s", "a\x1b[31mb\nc");
        print_row(&s.p, "l\x1b[2J", PRINT_PLAIN, "%s",
                  "\xe2\x80\xae"
                  "x\r");
        print_block(&s.p, 2, "one\x07\n\ntwo");
        table_cell(t, PRINT_PLAIN, "%s", "c\x1b]0;");
        table_cell(t, PRINT_PLAIN, "%s", "d\ne");
        table_note(t, PRINT_PLAIN, "%s", "n\x1b");
        table_print(t, &s.p);
        expect(&s, "a\\x1b[31mb\\x0ac\n"
                   "  l\\x1b[2J        \\u{202e}x\\x0d\n"
                   "  one\\x07\n\n  two\n"
                   "A         B\n"
                   "c\\x1b]0;  d\\x0ae\n"
                   "    n\\x1b\n");
        t = table_free(t);
}

static void test_table_aligns_and_cuts(void **state)
{
        static const char *const headings[] = {"TRAIL", "STATE", "SEEN"};
        Sheet s = sheet_open(40);
        Table *t = table_new(headings, 3, 0);

        table_cell(t, PRINT_PLAIN, "a-trail-with-a-name-of-forty-characters-x");
        table_cell(t, PRINT_BAD, "NOT LOGGING");
        table_cell(t, PRINT_PLAIN, "3 s ago");
        table_note(t, PRINT_PLAIN, "a note below the row, which is wrapped, too");
        table_cell(t, PRINT_PLAIN, "b\xc3\xa9");
        table_cell(t, PRINT_GOOD, "logging");
        table_cell(t, PRINT_PLAIN, "1 s ago");
        begin(&s);
        table_print(t, &s.p);
        expect(&s, "TRAIL               STATE        SEEN\n"
                   "a-trail-with-a-...  NOT LOGGING  3 s ago\n"
                   "    a note below the row, which is\n"
                   "    wrapped, too\n"
                   "b\xc3\xa9                  logging      1 s ago\n");
        t = table_free(t);
}

static void test_colour_only_when_asked(void **state)
{
        Sheet s = sheet_open(40);

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
        assert_int_equal(p.width, 80);
        assert_false(p.colour);
        assert_int_equal(fclose(f), 0);
}

UNIT_MAIN(T(test_wraps_at_blanks), T(test_never_breaks_a_word), T(test_rows),
          T(test_escapes_everything), T(test_table_aligns_and_cuts), T(test_colour_only_when_asked),
          T(test_printer_for_a_file))
