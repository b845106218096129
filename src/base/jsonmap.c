/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jsonmap.h"

#include <errno.h>
#include <limits.h>

#include "base/mem.h"
#include "base/timefmt.h"

/* jansson recurses, and its own limit (2048) is not ours to set: so depth is counted before it
 * sees the text. Brackets within strings do not count. */
static bool depth_is_sane(const char *data, size_t len)
{
        size_t depth = 0;
        bool in_string = false;

        for (size_t i = 0; i < len; i++)
                switch (data[i]) {
                case '\\':
                        if (in_string)
                                i++;
                        break;
                case '"':
                        in_string = !in_string;
                        break;
                case '[':
                case '{':
                        if (!in_string && ++depth > JSONMAP_DEPTH_MAX)
                                return false;
                        break;
                case ']':
                case '}':
                        if (!in_string && depth > 0)
                                depth--;
                        break;
                }
        return true;
}

int json_parse(const char *data, size_t len, size_t max, json_t **ret)
{
        if (len > max)
                return -E2BIG;
        if (!depth_is_sane(data, len))
                return -ELOOP;

        json_t *value = len > 0 ? json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
        if (!value)
                return -EBADMSG;
        *ret = value;
        return 0;
}

static int decode_bool(const json_t *v, bool loose, bool *ret)
{
        if (json_is_boolean(v)) {
                *ret = json_is_true(v);
                return 0;
        }
        if (loose && json_is_string(v)) {
                bool yes = streq(json_string_value(v), "true");
                if (yes || streq(json_string_value(v), "false")) {
                        *ret = yes;
                        return 0;
                }
        }
        return -EINVAL;
}

static int decode_time(const json_t *v, int64_t *ret)
{
        if (json_is_number(v))
                return timefmt_from_epoch(json_number_value(v), ret) < 0 ? -EINVAL : 0;
        if (json_is_string(v))
                return timefmt_parse_iso8601(json_string_value(v), ret);
        return -EINVAL;
}

static int decode_value(json_t *v, JsonMapKind kind, void *target)
{
        switch (kind) {
        case JSONMAP_STRING:
        case JSONMAP_STRING_NONEMPTY:
                if (!json_is_string(v))
                        return -EINVAL;
                *(char **)target = mem_strdup(json_string_value(v));
                return 0;
        case JSONMAP_BOOL:
                return decode_bool(v, false, target);
        case JSONMAP_BOOL_LOOSE:
                return decode_bool(v, true, target);
        case JSONMAP_INT:
                if (!json_is_integer(v))
                        return -EINVAL;
                *(int64_t *)target = json_integer_value(v);
                return 0;
        case JSONMAP_MSEC:
                if (!json_is_integer(v) || json_integer_value(v) > MSEC_MAX ||
                    json_integer_value(v) < -MSEC_MAX)
                        return -EINVAL;
                *(int64_t *)target = json_integer_value(v);
                return 0;
        case JSONMAP_UINT:
                if (!json_is_integer(v) || json_integer_value(v) < 0 ||
                    json_integer_value(v) > UINT_MAX)
                        return -EINVAL;
                *(unsigned *)target = (unsigned)json_integer_value(v);
                return 0;
        case JSONMAP_TIME:
                return decode_time(v, target);
        case JSONMAP_VALUE:
                *(json_t **)target = json_incref(v);
                return 0;
        }
        return -EINVAL;
}

static bool is_absent(const json_t *v, JsonMapKind kind)
{
        return !v || json_is_null(v) ||
               (kind == JSONMAP_STRING_NONEMPTY && json_is_string(v) && json_string_length(v) == 0);
}

int jsonmap_decode(const json_t *object, const JsonField *fields, size_t n_fields, void *target,
                   const char **reterr_field)
{
        if (!json_is_object(object))
                return -EBADMSG;

        for (size_t i = 0; i < n_fields; i++) {
                const JsonField *f = &fields[i];
                json_t *v = json_object_get(object, f->name);
                int r = 0;

                if (is_absent(v, f->kind))
                        r = f->flags & JSONMAP_REQUIRED ? -ENODATA : 0;
                else
                        r = decode_value(v, f->kind, (char *)target + f->offset);
                if (r == -EINVAL && f->flags & JSONMAP_LENIENT)
                        continue;
                if (r < 0) {
                        if (reterr_field)
                                *reterr_field = f->name;
                        return r;
                }
        }
        return 0;
}

static json_t *encode_value(JsonMapKind kind, const void *source)
{
        switch (kind) {
        case JSONMAP_STRING:
        case JSONMAP_STRING_NONEMPTY: {
                const char *text = *(char *const *)source;
                return text ? json_string(text) : json_null();
        }
        case JSONMAP_BOOL:
        case JSONMAP_BOOL_LOOSE:
                return json_boolean(*(const bool *)source);
        case JSONMAP_MSEC:
                return json_integer(MIN(MAX(*(const int64_t *)source, -MSEC_MAX), MSEC_MAX));
        case JSONMAP_INT:
                return json_integer(*(const int64_t *)source);
        case JSONMAP_UINT:
                return json_integer(*(const unsigned *)source);
        case JSONMAP_TIME:
                return json_real((double)*(const int64_t *)source / 1000.0);
        case JSONMAP_VALUE:
                return json_incref(*(json_t *const *)source);
        }
        return json_null();
}

void json_set(json_t *object, const char *name, json_t *value)
{
        if (json_object_set_new(object, name, value) < 0)
                abort();
}

void json_append(json_t *array, json_t *value)
{
        if (json_array_append_new(array, value) < 0)
                abort();
}

void jsonmap_encode(json_t *object, const JsonField *fields, size_t n_fields, const void *source)
{
        for (size_t i = 0; i < n_fields; i++) {
                json_t *v = encode_value(fields[i].kind, (const char *)source + fields[i].offset);

                /* Not UTF-8: what cannot be said in JSON is left out. */
                json_set(object, fields[i].name, v ? v : json_null());
        }
}
