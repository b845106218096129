/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>

#include "base/jsonmend.h"
#include "base/mem.h"

#define BAD "\xef\xbf\xbd" /* U+FFFD */

/* What names may hold that JSON may not, and how it is read. */
static void test_foreign_names(void **state)
{
        static const struct {
                const char *text, *value;
        } rows[] = {
                {"plain", "plain"},
                {"a\\u0000b", "a" BAD "b"},
                {"\\ud800", BAD},
                {"\\ud800x", BAD "x"},
                {"\\uDC00\\ud800", BAD BAD},
                {"\\ud800\\u0041", BAD "A"},
                {"\\ud83d\\ude00\\u0000", "\xf0\x9f\x98\x80" BAD},
                {"\\\\u0000 \\u0000", "\\u0000 " BAD},
                {"\xff", BAD},
                {"\xed\xa0\x80", BAD BAD BAD},
                {"\xc3\xa9\xc3", "\xc3\xa9" BAD},
                {"line\nbreak", "line" BAD "break"},
                {"\"\xff\\\"", NULL}, /* no string any more */
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *text = mem_printf("{\"a\":\"%s\",\"b\":1}", rows[i].text);
                _cleanup_json_ json_t *v = NULL;
                int r = json_parse_foreign(text, strlen(text), 1000, &v);

                assert_int_equal(r, rows[i].value ? 0 : -EBADMSG);
                if (r < 0)
                        continue;
                assert_string_equal(json_string_value(json_object_get(v, "a")), rows[i].value);
                assert_int_equal(json_integer_value(json_object_get(v, "b")), 1);
        }
}

/* A raw NUL, and every beginning of a text: nothing is read beyond its end. */
static void test_foreign_limits(void **state)
{
        static const char nul[] = "{\"a\":\"b\0c\"}", text[] = "{\"a\":\"\\ud800\\ud83d\xf0\x9f\"}";
        json_t *v = NULL;

        assert_int_equal(json_parse_foreign(nul, sizeof(nul) - 1, 1000, &v), 0);
        assert_string_equal(json_string_value(json_object_get(v, "a")), "b" BAD "c");
        json_decref(v);
        for (size_t n = 0; n < sizeof(text) - 1; n++) {
                _cleanup_free_ char *exact = mem_alloc0(MAX(n, (size_t)1));
                memcpy(exact, text, n);
                assert_int_equal(json_parse_foreign(exact, n, 1000, &v), -EBADMSG);
        }
        assert_int_equal(json_parse_foreign("{\"a\":\"\xff\"}", 9, 5, &v), -E2BIG);
        assert_int_equal(json_parse_foreign("{\"a\":1,\"a\":\"\xff\"}", 15, 99, &v), -EBADMSG);
}

static void test_salvage(void **state)
{
        static const struct {
                const char *text;
                int r;
                bool value;
        } rows[] = {
                {"{\"x\":true}", 0, true},
                {"{\"x\":false}", 0, false},
                {" { \"x\" :\n false , \"y\" : 1e999 } ", 0, false},
                {"{\"y\":{\"z\":[1,\"}\",\"\\\"{\"]},\"x\":false", 0, false},
                {"{\"x\":true,\"x\":false}", 0, false},
                {"{\"x\":false,\"x\":true}", 0, false},
                {"{\"x\":true,\"x\":true}", 0, true},
                {"{\"x\":false} and more", 0, false},
                {"{\"x\":true}{\"x\":false}", 0, false},
                {"{\"x\":false,\"y\":\"\xff", 0, false},
                {"{\"x\":false", 0, false},
                {"", -ENODATA, false},
                {"{}", -ENODATA, false},
                {"{\"x\":fals", -ENODATA, false},
                {"{\"x\":falsehood}", -ENODATA, false},
                {"{\"x\"false}", -ENODATA, false},
                {"{\"x\":\"false\"}", -ENODATA, false},
                {"{\"X\":false,\"xx\":false}", -ENODATA, false},
                {"{\"y\":{\"x\":false}}", -ENODATA, false},
                {"{\"y\":\"x\",\"z\":\"\\\"x\\\":false,\"}", -ENODATA, false},
                {"\"x\":false", -ENODATA, false},
                {"<html>{\"x\":true", -ENODATA, false},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                size_t len = strlen(rows[i].text);
                _cleanup_free_ char *exact = mem_alloc0(MAX(len, (size_t)1));
                bool value = !rows[i].value;

                memcpy(exact, rows[i].text, len);
                int r = json_salvage_bool(exact, len, "x", &value);
                if (r != rows[i].r || (r == 0 && value != rows[i].value))
                        fail_msg("%s: %d", rows[i].text, r);
        }
}

UNIT_MAIN(T(test_foreign_names), T(test_foreign_limits), T(test_salvage))
