/* SPDX-License-Identifier: Apache-2.0 */
/* jsonmap: what was decoded by a table is what is decoded again after the way back. jsonmend: what
 * is JSON is read as it is, and a member is salvaged as it would have been read. */
#include <errno.h>

#include "base/jsonmend.h"
#include "fuzz.h"

#define TEXT_MAX 4096

typedef struct Everything {
        char *text;
        char *word;
        bool flag;
        bool loose;
        int64_t number;
        unsigned count;
        int64_t msec;
        json_t *value;
        char *lenient;
} Everything;

static const JsonField fields[] = {
        {"text", JSONMAP_STRING, offsetof(Everything, text), JSONMAP_REQUIRED},
        {"word", JSONMAP_STRING_NONEMPTY, offsetof(Everything, word)},
        {"flag", JSONMAP_BOOL, offsetof(Everything, flag)},
        {"loose", JSONMAP_BOOL_LOOSE, offsetof(Everything, loose)},
        {"number", JSONMAP_INT, offsetof(Everything, number)},
        {"count", JSONMAP_UINT, offsetof(Everything, count)},
        {"time", JSONMAP_TIME, offsetof(Everything, msec)},
        {"value", JSONMAP_VALUE, offsetof(Everything, value)},
        {"lenient", JSONMAP_STRING, offsetof(Everything, lenient), JSONMAP_LENIENT},
};

static void everything_done(Everything *e)
{
        free(e->text);
        free(e->word);
        free(e->lenient);
        json_decref(e->value);
}

static bool is_known(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (name == fields[i].name)
                        return true;
        return false;
}

static void check_mended(const char *data, size_t size, const json_t *whole)
{
        _cleanup_json_ json_t *mended = NULL;
        const json_t *flag = json_object_get(whole, "flag");
        bool value = false;
        int r = json_parse_foreign(data, size, TEXT_MAX, &mended);

        HOLD(!whole || (r == 0 && json_equal(mended, whole)));
        r = json_salvage_bool(data, size, "flag", &value);
        if (whole && r == 0)
                HOLD(json_is_boolean(flag) && json_is_true(flag) == value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(everything_done) Everything e = {0}, again = {0};
        _cleanup_json_ json_t *root = NULL, *object = NULL, *back = NULL;
        const char *wrong = NULL;
        int r = json_parse((const char *)data, size, TEXT_MAX, &root);

        HOLD(size <= TEXT_MAX || r == -E2BIG);
        check_mended((const char *)data, size, root);
        HOLD(r == 0 ? json_is_object(root) || json_is_array(root) : !root);
        if (r < 0)
                return 0;
        r = jsonmap_decode(root, fields, ELEMENTSOF(fields), &e, &wrong);
        HOLD(r == 0 || r == -EBADMSG || ((r == -ENODATA || r == -EINVAL) && is_known(wrong)));
        if (r < 0)
                return 0;

        HOLD(e.text && (!e.word || *e.word));
        HOLD(e.msec >= 0);
        object = json_object();
        jsonmap_encode(object, fields, ELEMENTSOF(fields), &e);
        HOLD(jsonmap_decode(object, fields, ELEMENTSOF(fields), &again, NULL) == 0);
        back = json_object();
        jsonmap_encode(back, fields, ELEMENTSOF(fields), &again);
        HOLD(json_equal(object, back) && again.msec == e.msec);
        return 0;
}
