/* SPDX-License-Identifier: Apache-2.0 */

#include "core/seriesjson.h"

#include "base/jsonmap.h"
#include "base/mem.h"
#include "core/findingjson.h"

#define FIELD(type, member, kind)                                                                  \
        {                                                                                          \
#member, kind, offsetof(type, member), JSONMAP_OPTIONAL                            \
        }

static const JsonField series_fields[] = {
        FIELD(Series, storm, JSONMAP_BOOL),        FIELD(Series, done, JSONMAP_BOOL),
        FIELD(Series, ended, JSONMAP_BOOL),        FIELD(Series, numbers, JSONMAP_UINT),
        FIELD(Series, joined_msec, JSONMAP_MSEC),  FIELD(Series, summaries, JSONMAP_UINT),
        FIELD(Series, failing_peak, JSONMAP_UINT), FIELD(Series, more_trails, JSONMAP_UINT),
        FIELD(Series, more_actors, JSONMAP_UINT),  FIELD(Series, last_id, JSONMAP_STRING),
};

static const JsonField sum_fields[] = {
        FIELD(SeriesSum, incidents, JSONMAP_UINT),  FIELD(SeriesSum, down, JSONMAP_UINT),
        FIELD(SeriesSum, lasting, JSONMAP_UINT),    FIELD(SeriesSum, failing, JSONMAP_UINT),
        FIELD(SeriesSum, unseen, JSONMAP_UINT),     FIELD(SeriesSum, undelivered, JSONMAP_UINT),
        FIELD(SeriesSum, confirmed, JSONMAP_UINT),  FIELD(SeriesSum, ambiguous, JSONMAP_UINT),
        FIELD(SeriesSum, nobody, JSONMAP_UINT),     FIELD(SeriesSum, misused, JSONMAP_UINT),
        FIELD(SeriesSum, reasons, JSONMAP_UINT),    FIELD(SeriesSum, severity, JSONMAP_UINT),
        FIELD(SeriesSum, corrected, JSONMAP_UINT),  FIELD(SeriesSum, unlike, JSONMAP_UINT),
        FIELD(SeriesSum, blind_msec, JSONMAP_MSEC), FIELD(SeriesSum, first_msec, JSONMAP_MSEC),
        FIELD(SeriesSum, last_msec, JSONMAP_MSEC),
};

static const JsonField trail_fields[] = {
        {"arn", JSONMAP_STRING, offsetof(SeriesTrail, arn), JSONMAP_REQUIRED},
        FIELD(SeriesTrail, incidents, JSONMAP_UINT),
};

static const JsonField range_fields[] = {
        {"from", JSONMAP_UINT, offsetof(SeriesRange, from), JSONMAP_REQUIRED},
        {"to", JSONMAP_UINT, offsetof(SeriesRange, to), JSONMAP_REQUIRED},
};

static const JsonField actor_fields[] = {
        FIELD(SeriesActor, incidents, JSONMAP_UINT),
        FIELD(SeriesActor, maybe, JSONMAP_UINT),
};

#define ENCODED(prefix, source) encode(prefix##_fields, ELEMENTSOF(prefix##_fields), source)
#define DECODE(o, prefix, target, err)                                                             \
        jsonmap_decode(o, prefix##_fields, ELEMENTSOF(prefix##_fields), target, err)

static json_t *encode(const JsonField *fields, size_t n, const void *source)
{
        json_t *o = json_object();

        jsonmap_encode(o, fields, n, source);
        return o;
}

json_t *series_to_json(const Series *s)
{
        json_t *o = ENCODED(series, s);
        json_t *ranges = json_array(), *trails = json_array(), *actors = json_array();
        json_t *others = json_array();

        json_set(o, "told", ENCODED(sum, &s->told));
        json_set(o, "gone", ENCODED(sum, &s->gone));
        for (size_t k = 0; k < s->n_gone_numbers; k++)
                json_append(ranges, ENCODED(range, &s->gone_numbers[k]));
        for (size_t k = 0; k < s->n_trails; k++)
                json_append(trails, ENCODED(trail, &s->trails[k]));
        for (size_t k = 0; k < s->n_others; k++)
                json_append(others, json_string(s->others[k]));
        for (size_t k = 0; k < s->n_actors; k++) {
                json_t *a = finding_to_json(&s->actors[k].culprit);

                jsonmap_encode(a, actor_fields, ELEMENTSOF(actor_fields), &s->actors[k]);
                json_append(actors, a);
        }
        json_set(o, "gone_numbers", ranges);
        json_set(o, "trails", trails);
        json_set(o, "others", others);
        json_set(o, "actors", actors);
        return o;
}

static int actor_from_json(const json_t *o, SeriesActor *a, const char **reterr_field)
{
        int r = DECODE(o, actor, a, reterr_field);

        return r < 0 ? r : finding_from_json(o, &a->culprit, reterr_field);
}

int series_from_json(const json_t *object, Series **ret, const char **reterr_field)
{
        _cleanup_(series_freep) Series *s = mem_new0(Series);
        json_t *item;
        size_t k;
        int r = DECODE(object, series, s, reterr_field);

        if (r >= 0)
                r = DECODE(json_object_get(object, "told"), sum, &s->told, reterr_field);
        if (r >= 0)
                r = DECODE(json_object_get(object, "gone"), sum, &s->gone, reterr_field);
        json_array_foreach(json_object_get(object, "gone_numbers"), k, item)
        {
                if (r >= 0)
                        r = DECODE(item, range, mem_push0(s->gone_numbers, s->n_gone_numbers),
                                   reterr_field);
        }
        json_array_foreach(json_object_get(object, "trails"), k, item)
        {
                if (r >= 0)
                        r = DECODE(item, trail, mem_push0(s->trails, s->n_trails), reterr_field);
        }
        json_array_foreach(json_object_get(object, "others"), k, item)
        {
                if (json_is_string(item))
                        *mem_push0(s->others, s->n_others) = mem_strdup(json_string_value(item));
        }
        json_array_foreach(json_object_get(object, "actors"), k, item)
        {
                if (r >= 0)
                        r = actor_from_json(item, mem_push0(s->actors, s->n_actors), reterr_field);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}
