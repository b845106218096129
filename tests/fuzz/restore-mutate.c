/* SPDX-License-Identifier: Apache-2.0 */
/* The mutator of fuzz-restore, which knows JSON: bytes that are changed at random are no JSON any
 * more, mostly, and none of them gets as far as the core. */
#include <jansson.h>

#include "base/jsonmap.h"
#include "../unit/core-fixture.h"
#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static unsigned draw(unsigned *state, unsigned below)
{
        *state = *state * 1103515245U + 12345U;
        return (*state >> 16) % MAX(below, 1U);
}

/* Words that members take, so that one is found in the place of another. */
static const char *const words[] = {
        "stopped",
        "blink",
        "already-stopped",
        "recent-stop",
        "recreated",
        "deleted",
        "not-found",
        "cannot-see",
        "other-controller",
        "drift",
        "delivery",
        "uninspected",
        "maintenance",
        "topic-failing",
        "reconfigured",
        "state-lost",
        "OPEN",
        "FAILING",
        "CLOSED",
        "UPDATE",
        "NOTICE",
        "info",
        "warning",
        "high",
        "critical",
        "not-wanted",
        "requested",
        "accepted",
        "failing",
        "verified",
        "by-others",
        "unknown",
        "yes",
        "no",
        "culprit",
        "candidate",
        "attempt",
        "later",
        "earlier",
        "starter",
        "own",
        "own-unremembered",
        "own-misused",
        "unreadable",
        "related",
        "none",
        "ambiguous",
        "exact",
        "not-needed",
        "running",
        "settling",
        "done",
        "gave-up",
        "s3-bucket",
        "management-events",
        "late",
        "log-files",
        "0123456789abcdef",
        "0123456789abcdee",
        TRAIL,
        TRAIL "-2",
        TRAIL "-3",
        TOPIC,
        TOPIC2,
        OWN,
        "StopLogging",
        "StartLogging",
        "",
        "\xc3\xa4",
        "{}",
        "a\nb",
        "sbxhdmrkfe",
};
static const json_int_t numbers[] = {0,
                                     1,
                                     2,
                                     3,
                                     47,
                                     48,
                                     64,
                                     255,
                                     256,
                                     65535,
                                     4294967295,
                                     -1,
                                     INT64_MAX,
                                     INT64_MIN,
                                     253402300799999,
                                     -253402300799999,
                                     BASE,
                                     BASE + MSEC_PER_HOUR,
                                     BASE - MSEC_PER_DAY};

static json_t *some_value(unsigned *seed)
{
        switch (draw(seed, 6)) {
        case 0:
                return json_null();
        case 1:
                return json_boolean(draw(seed, 2));
        case 2:
                return json_integer(numbers[draw(seed, ELEMENTSOF(numbers))]);
        case 3:
                return draw(seed, 2) ? json_array() : json_object();
        default:
                return json_string(words[draw(seed, ELEMENTSOF(words))]);
        }
}

/* Of the same type as what it takes the place of, mostly. */
static json_t *other_value(const json_t *v, unsigned *seed)
{
        if (draw(seed, 4) == 0)
                return some_value(seed);
        if (json_is_boolean(v))
                return json_boolean(!json_is_true(v));
        if (json_is_integer(v)) {
                json_int_t n = numbers[draw(seed, ELEMENTSOF(numbers))];
                bool near = draw(seed, 2) && json_integer_value(v) < INT64_MAX - 8;

                return json_integer(near ? json_integer_value(v) + (json_int_t)draw(seed, 4) : n);
        }
        if (json_is_string(v))
                return json_string(words[draw(seed, ELEMENTSOF(words))]);
        return some_value(seed);
}

/* One value somewhere below is changed, left out, doubled or taken from elsewhere. */
static void change(json_t *v, json_t *root, unsigned *seed)
{
        for (;;) {
                size_t n = json_is_array(v) ? json_array_size(v) : json_object_size(v);
                size_t at = draw(seed, (unsigned)n), k = 0;
                const char *name = NULL, *key;
                json_t *x = NULL, *y;

                if (n == 0)
                        return;
                if (json_is_array(v)) {
                        x = json_array_get(v, at);
                } else {
                        json_object_foreach(v, key, y)
                        {
                                if (k++ == at) {
                                        name = key;
                                        x = y;
                                }
                        }
                }
                if ((json_is_array(x) || json_is_object(x)) && draw(seed, 8) > 0) {
                        v = x;
                        continue;
                }
                unsigned how = draw(seed, 8);
                json_t *to = how == 0 ? NULL : other_value(x, seed);
                if (json_is_array(v) && how == 0)
                        (void)json_array_remove(v, at);
                else if (json_is_array(v) && how == 1)
                        (void)json_array_append_new(v, json_deep_copy(x));
                else if (json_is_array(v))
                        (void)json_array_set(v, at, to);
                else if (how == 0)
                        (void)json_object_del(v, name);
                else
                        (void)json_object_set(v, name, to);
                json_decref(to);
                return;
        }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
        _cleanup_json_ json_t *root = NULL;

        if (json_parse((const char *)data, size, SIZE_MAX, &root) < 0 || !json_is_object(root) ||
            draw(&seed, 16) == 0)
                return LLVMFuzzerMutate ? LLVMFuzzerMutate(data, size, max_size) : size;
        for (unsigned n = 1 + draw(&seed, 4); n > 0; n--)
                change(root, root, &seed);
        _cleanup_free_ char *text = json_dumps(root, JSON_COMPACT);
        size_t len = text ? strlen(text) : 0;
        if (len == 0 || len > max_size)
                return size;
        memcpy(data, text, len);
        return len;
}
