/* SPDX-License-Identifier: Apache-2.0 */
/* The status file is replaced as a whole or not at all. */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#include "base/mem.h"
#include "daemon/status.h"

static int setup(void **state)
{
        char *folder = mem_strdup("/tmp/test-status-XXXXXX");

        *state = folder;
        return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
        _cleanup_free_ char *folder = *state;
        _cleanup_free_ char *command = mem_printf("rm -rf '%s'", folder);

        return system(command);
}

static void expect_text(const char *path, const char *expected)
{
        json_t *object = json_load_file(path, 0, NULL);
        _cleanup_free_ char *text = json_dumps(object, JSON_COMPACT);

        assert_string_equal(text, expected);
        json_decref(object);
}

static void test_replaces(void **state)
{
        _cleanup_free_ char *path = mem_printf("%s/status.json", (char *)*state);
        _cleanup_free_ char *temporary = mem_printf("%s.tmp", path);
        _cleanup_free_ char *target = mem_printf("%s/target", (char *)*state);
        struct stat st;

        /* A link where the temporary file goes is removed, not followed. */
        assert_int_equal(symlink(target, temporary), 0);
        assert_int_equal(status_write(path, json_pack("{s:i}", "a", 1)), 0);
        expect_text(path, "{\"a\":1}");
        assert_int_equal(status_write(path, json_pack("{s:i}", "a", 2)), 0);
        expect_text(path, "{\"a\":2}");
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(access(temporary, F_OK), -1);
        assert_int_equal(access(target, F_OK), -1);
}

static void test_failures(void **state)
{
        _cleanup_free_ char *below = mem_printf("%s/none/status.json", (char *)*state);
        _cleanup_free_ char *folder = mem_printf("%s/folder", (char *)*state);
        _cleanup_free_ char *temporary = mem_printf("%s.tmp", folder);

        assert_int_equal(status_write(below, json_object()), -ENOENT);
        assert_int_equal(mkdir(folder, 0700), 0);
        assert_int_equal(status_write(folder, json_object()), -EISDIR);
        assert_int_equal(access(temporary, F_OK), -1);
}

static void put(const char *path, const char *text)
{
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static void test_reads(void **state)
{
        _cleanup_free_ char *path = mem_printf("%s/status.json", (char *)*state);
        json_t *object = NULL;

        assert_int_equal(status_read(path, &object), -ENOENT);
        put(path, "");
        assert_int_equal(status_read(path, &object), -EBADMSG);
        put(path, "{\"version\": 2}");
        assert_int_equal(status_read(path, &object), -EBADMSG);
        put(path, "[1]");
        assert_int_equal(status_read(path, &object), -EBADMSG);
        assert_int_equal(truncate(path, 64 * 1024 * 1024 + 1), 0);
        assert_int_equal(status_read(path, &object), -E2BIG);
        assert_int_equal(status_read(*state, &object), -EISDIR);
        assert_null(object);

        assert_int_equal(status_write(path, json_pack("{s:i, s:i}", "version", 1, "pid", 5)), 0);
        assert_int_equal(status_read(path, &object), 0);
        assert_int_equal(json_integer_value(json_object_get(object, "pid")), 5);
        json_decref(object);
}

UNIT_MAIN(cmocka_unit_test_setup_teardown(test_replaces, setup, teardown),
          cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
          cmocka_unit_test_setup_teardown(test_reads, setup, teardown))
