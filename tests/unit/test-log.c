/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/timefmt.h"

/* Standard error goes to a file while a record is written; what came is returned without the
 * time and is static. */
static const char *written(int level, const char *message, const LogField *fields, size_t n)
{
        static char text[8192];
        FILE *f = tmpfile();
        int saved = dup(STDERR_FILENO);

        assert_non_null(f);
        assert_true(dup2(fileno(f), STDERR_FILENO) >= 0);
        log_record(level, NULL, message, fields, n);
        (void)fflush(stderr);
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        (void)close(saved);
        rewind(f);
        size_t len = fread(text, 1, sizeof(text) - 1, f);
        text[len] = '\0';
        (void)fclose(f);
        if (len == 0)
                return text;

        int64_t when;
        char *space = strchr(text, ' ');
        assert_non_null(space);
        *space = '\0';
        assert_int_equal(timefmt_parse_iso8601(text, &when), 0);
        return space + 1;
}

static int setup(void **state)
{
        unsetenv("JOURNAL_STREAM");
        log_open("test");
        log_set_max_level(LOG_INFO);
        return 0;
}

static void test_line(void **state)
{
        const LogField fields[] = {{"TRAIL", "main"}, {"ABSENT", NULL}, {"N", "3"}};

        assert_string_equal(written(LOG_NOTICE, "Trail stopped.", fields, 3),
                            "notice Trail stopped. TRAIL=main N=3\n");
        assert_string_equal(written(LOG_ERR, "x", NULL, 0), "error x\n");
}

static void test_levels(void **state)
{
        assert_string_equal(written(LOG_DEBUG, "x", NULL, 0), "");
        log_set_max_level(LOG_DEBUG);
        assert_string_equal(written(LOG_DEBUG, "x", NULL, 0), "debug x\n");

        assert_int_equal(log_parse_level("debug"), LOG_DEBUG);
        assert_int_equal(log_parse_level("error"), LOG_ERR);
        assert_int_equal(log_parse_level("err"), LOG_ERR);
        assert_int_equal(log_parse_level("emerg"), LOG_EMERG);
        assert_int_equal(log_parse_level("Info"), -EINVAL);
        assert_int_equal(log_parse_level(""), -EINVAL);
        assert_int_equal(log_parse_level("7"), -EINVAL);
}

/* What an attacker chose must not look like a second record or a second field. */
static void test_injection(void **state)
{
        const LogField fields[] = {{"AGENT", "x\n2026-11-23T03:12:09Z notice all is well"},
                                   {"USER", "a\" EVENT=\"b\\"},
                                   {"EMPTY", ""},
                                   {"BIDI", "\u202Ex"}};

        assert_string_equal(written(LOG_INFO, "m\nn", fields, 4),
                            "info m\\x0an "
                            "AGENT=\"x\\\\x0a2026-11-23T03:12:09Z notice all is well\" "
                            "USER=\"a\\\" EVENT=\\\"b\\\\\" EMPTY=\"\" BIDI=\\u{202e}x\n");
}

static void test_long_value_is_cut(void **state)
{
        char value[5000];
        const LogField field = {"V", value};

        memset(value, 'x', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        const char *line = written(LOG_INFO, "m", &field, 1);
        assert_int_equal(strlen(line), strlen("info m V=") + 2048 + strlen("...\n"));
}

/* A JOURNAL_STREAM that does not name this very stderr is somebody else's. */
static void test_foreign_journal_stream(void **state)
{
        setenv("JOURNAL_STREAM", "8:12345", 1);
        log_open("test");
        assert_string_equal(written(LOG_INFO, "x", NULL, 0), "info x\n");
        setenv("JOURNAL_STREAM", "garbage", 1);
        log_open("test");
        assert_string_equal(written(LOG_INFO, "x", NULL, 0), "info x\n");
}

#define L(f) cmocka_unit_test_setup(f, setup)

UNIT_MAIN(L(test_line), L(test_levels), L(test_injection), L(test_long_value_is_cut),
          L(test_foreign_journal_stream))
