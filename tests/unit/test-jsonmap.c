/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>

#include "base/jsonmap.h"
#include "base/mem.h"

static int parse(const char *s, json_t **ret)
{
        return json_parse(s, strlen(s), 1000, ret);
}

static void refuse(const char *s, int want)
{
        json_t *v = NULL;
        int r = parse(s, &v);

        if (r != want)
                fail_msg("%s: %d, not %d", s, r, want);
        assert_null(v);
}

static void test_accepts(void **state)
{
        static const char *const good[] = {"{}", "[]", " { \"a\" : [ 1, null ] } ",
                                           "{\"\":\"\\u00e9\"}"};

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_json_ json_t *v = NULL;
                assert_int_equal(parse(good[i], &v), 0);
        }
        /* Only len bytes are looked at. */
        _cleanup_json_ json_t *v = NULL;
        assert_int_equal(json_parse("{}garbage", 2, 1000, &v), 0);
}

static void test_refuses(void **state)
{
        refuse("", -EBADMSG);
        refuse("null", -EBADMSG);
        refuse("\"text\"", -EBADMSG);
        refuse("{} {}", -EBADMSG);
        refuse("{\"a\":1,\"a\":2}", -EBADMSG);
        refuse("{\"x\":{\"a\":1,\"\\u0061\":2}}", -EBADMSG); /* the same key, spelt otherwise */
        refuse("{\"a\":\"\xff\"}", -EBADMSG);
        refuse("{\"a\":\"\xed\xa0\x80\"}", -EBADMSG);
        refuse("{\"a\":\"\\ud800\"}", -EBADMSG);
        refuse("{\"a\":\"\\u0000\"}", -EBADMSG);
        refuse("{\"a\\u0000b\":1}", -EBADMSG);
        refuse("{\"a\":\"line\nbreak\"}", -EBADMSG);
        refuse("{\"a\":NaN}", -EBADMSG);
        refuse("{\"a\":99999999999999999999}", -EBADMSG);
        refuse("{'a':1}", -EBADMSG);

        json_t *v = NULL;
        assert_int_equal(json_parse("{\"a\":\"b\0c\"}", 11, 1000, &v), -EBADMSG);
        assert_int_equal(json_parse("{}", 2, 1, &v), -E2BIG);
        assert_int_equal(json_parse("{}\0", 3, 1000, &v), -EBADMSG);
}

static void test_truncated_everywhere(void **state)
{
        static const char whole[] = "{\"a\":[1,{\"b\":\"\\\"}\\u00e9\"}],\"c\":true}";

        for (size_t n = 0; n < sizeof(whole) - 1; n++) {
                _cleanup_free_ char *exact = mem_alloc0(n + 1);
                json_t *v = NULL;
                memcpy(exact, whole, n);
                assert_int_equal(json_parse(exact, n, 1000, &v), -EBADMSG);
        }
}

static void check_depth(size_t depth, char open, char close, int want)
{
        _cleanup_free_ char *s = mem_alloc0(2 * depth + 1);
        _cleanup_json_ json_t *v = NULL;

        memset(s, open, depth);
        memset(s + depth, close, depth);
        assert_int_equal(json_parse(s, 2 * depth, SIZE_MAX, &v), want);
}

static void test_depth(void **state)
{
        check_depth(JSONMAP_DEPTH_MAX, '[', ']', 0);
        check_depth(JSONMAP_DEPTH_MAX + 1, '[', ']', -ELOOP);
        check_depth(1000000, '[', ']', -ELOOP);
        check_depth(1000000, '{', '}', -ELOOP);
        check_depth(1000000, '[', '[', -ELOOP);
        check_depth(1000000, ']', ']', -EBADMSG);
}

/* Brackets in strings are text; a quote that is escaped does not end a string. */
static void test_depth_in_strings(void **state)
{
        char s[400] = "[\"\\\"";
        _cleanup_json_ json_t *v = NULL;

        memset(s + 4, '[', 100);
        memcpy(s + 104, "\\\\\"]", 5);
        assert_int_equal(parse(s, &v), 0);

        /* And a string that only seems to go on hides no depth. */
        char bomb[400] = "[\"\\\\\",";
        memset(bomb + 6, '[', 100);
        refuse(bomb, -ELOOP);
}

typedef struct Thing {
        char *text, *nonempty;
        bool flag, loose;
        int64_t number, time;
        json_t *value;
        unsigned count;
} Thing;

static const JsonField fields[] = {
        {"text", JSONMAP_STRING, offsetof(Thing, text), JSONMAP_REQUIRED},
        {"nonempty", JSONMAP_STRING_NONEMPTY, offsetof(Thing, nonempty)},
        {"flag", JSONMAP_BOOL, offsetof(Thing, flag)},
        {"loose", JSONMAP_BOOL_LOOSE, offsetof(Thing, loose)},
        {"number", JSONMAP_INT, offsetof(Thing, number)},
        {"time", JSONMAP_TIME, offsetof(Thing, time)},
        {"value", JSONMAP_VALUE, offsetof(Thing, value)},
        {"count", JSONMAP_UINT, offsetof(Thing, count)},
};

static void thing_done(Thing *t)
{
        free(t->text);
        free(t->nonempty);
        json_decref(t->value);
}

static int decode(const char *s, Thing *t, const char **field)
{
        _cleanup_json_ json_t *v = NULL;

        *t = (Thing){0};
        *field = NULL;
        assert_int_equal(parse(s, &v), 0);
        return jsonmap_decode(v, fields, ELEMENTSOF(fields), t, field);
}

static void test_decode_all(void **state)
{
        _cleanup_(thing_done) Thing t = {0};
        const char *field;

        assert_int_equal(
                decode("{\"text\":\"\",\"nonempty\":\"x\",\"flag\":true,\"loose\":\"true\","
                       "\"number\":-9007199254740993,\"time\":1441139757.497,"
                       "\"value\":[1],\"unknown\":{}}",
                       &t, &field),
                0);
        assert_string_equal(t.text, "");
        assert_string_equal(t.nonempty, "x");
        assert_true(t.flag && t.loose);
        assert_true(t.number == INT64_C(-9007199254740993));
        assert_true(t.time == INT64_C(1441139757497));
        assert_int_equal(json_array_size(t.value), 1); /* our reference outlives the document */
}

static void test_decode_absent(void **state)
{
        _cleanup_(thing_done) Thing t = {0};
        const char *field;

        assert_int_equal(decode("{\"text\":\"a\",\"nonempty\":\"\",\"flag\":null,\"number\":null,"
                                "\"time\":null,\"value\":null}",
                                &t, &field),
                         0);
        assert_null(t.nonempty);
        assert_null(t.value);
        assert_false(t.flag);

        thing_done(&t);
        assert_int_equal(decode("{}", &t, &field), -ENODATA);
        assert_string_equal(field, "text");
        assert_int_equal(decode("{\"text\":null}", &t, &field), -ENODATA);
        assert_int_equal(decode("[]", &t, &field), -EBADMSG);
}

static void test_decode_wrong_types(void **state)
{
        static const struct {
                const char *json, *field;
        } bad[] = {
                {"{\"text\":1}", "text"},
                {"{\"text\":\"\",\"nonempty\":[]}", "nonempty"},
                {"{\"text\":\"\",\"flag\":\"true\"}", "flag"},
                {"{\"text\":\"\",\"flag\":1}", "flag"},
                {"{\"text\":\"\",\"loose\":\"True\"}", "loose"},
                {"{\"text\":\"\",\"loose\":\"\"}", "loose"},
                {"{\"text\":\"\",\"number\":1.0}", "number"},
                {"{\"text\":\"\",\"number\":\"1\"}", "number"},
                {"{\"text\":\"\",\"count\":-1}", "count"},
                {"{\"text\":\"\",\"count\":4294967296}", "count"},
                {"{\"text\":\"\",\"count\":1.0}", "count"},
                {"{\"text\":\"\",\"time\":\"yesterday\"}", "time"},
                {"{\"text\":\"\",\"time\":-1}", "time"},
                {"{\"text\":\"\",\"time\":1e300}", "time"},
                {"{\"text\":\"\",\"time\":true}", "time"},
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_(thing_done) Thing t = {0};
                const char *field;
                assert_int_equal(decode(bad[i].json, &t, &field), -EINVAL);
                assert_string_equal(field, bad[i].field);
        }
}

/* What is encoded is decoded to the same, through text as on disk. */
static void test_encode(void **state)
{
        _cleanup_(thing_done) Thing out = {
                .text = mem_strdup("a\"\n\xc3\xa9"),
                .flag = true,
                .number = INT64_MIN,
                .time = INT64_C(1795403529497),
                .value = json_pack("[i]", 7),
                .count = UINT32_MAX,
        };
        _cleanup_(thing_done) Thing in = {0};
        _cleanup_json_ json_t *object = json_object();
        const char *field;

        jsonmap_encode(object, fields, ELEMENTSOF(fields), &out);
        _cleanup_free_ char *text = json_dumps(object, 0);
        assert_int_equal(decode(text, &in, &field), 0);
        assert_string_equal(in.text, out.text);
        assert_null(in.nonempty);
        assert_true(in.flag && !in.loose);
        assert_true(in.number == out.number && in.time == out.time && in.count == out.count);
        assert_true(json_equal(in.value, out.value));
}

static void test_lenient(void **state)
{
        static const JsonField lenient[] = {
                {"a", JSONMAP_TIME, 0, JSONMAP_LENIENT},
                {"b", JSONMAP_INT, 0, JSONMAP_LENIENT},
        };
        _cleanup_json_ json_t *v = NULL;
        int64_t target = 7;

        assert_int_equal(parse("{\"a\":\"soon\",\"b\":{}}", &v), 0);
        assert_int_equal(jsonmap_decode(v, lenient, 2, &target, NULL), 0);
        assert_true(target == 7);
}

UNIT_MAIN(T(test_accepts), T(test_refuses), T(test_truncated_everywhere), T(test_depth),
          T(test_depth_in_strings), T(test_decode_all), T(test_decode_absent),
          T(test_decode_wrong_types), T(test_encode), T(test_lenient))
