/* SPDX-License-Identifier: Apache-2.0 */

/* What is remembered of a trail, as JSON. */

#include "base/jsonmap.h"
#include "core/incidentjson.h"
#include "core/restored.h"

#define NEEDED(member, kind)                                                                       \
        {                                                                                          \
#member, kind, offsetof(TrailMemory, member), JSONMAP_REQUIRED                     \
        }
#define FIELD(member, kind)                                                                        \
        {                                                                                          \
#member, kind, offsetof(TrailMemory, member), JSONMAP_OPTIONAL                     \
        }

static const JsonField memory_fields[] = {
        NEEDED(arn, JSONMAP_STRING),         NEEDED(seen, JSONMAP_BOOL),
        NEEDED(logging, JSONMAP_BOOL),       NEEDED(start_msec, JSONMAP_MSEC),
        NEEDED(stop_msec, JSONMAP_MSEC),     FIELD(delivery_msec, JSONMAP_MSEC),
        FIELD(last_good_msec, JSONMAP_MSEC), FIELD(last_logging_msec, JSONMAP_MSEC),
        FIELD(floor_msec, JSONMAP_MSEC),     FIELD(baseline_msec, JSONMAP_MSEC),
        FIELD(baseline_by, JSONMAP_STRING),  FIELD(inspected_msec, JSONMAP_MSEC),
        FIELD(habit_msec, JSONMAP_MSEC),     FIELD(habit_since_msec, JSONMAP_MSEC),
};

json_t *trail_memory_to_json(const TrailMemory *m)
{
        json_t *o = json_object();

        jsonmap_encode(o, memory_fields, ELEMENTSOF(memory_fields), m);
        if (m->baseline.described || m->baseline.selected)
                json_set(o, "baseline", trail_settings_to_json(&m->baseline));
        return o;
}

int trail_memory_from_json(const json_t *object, TrailMemory *ret)
{
        const json_t *baseline = json_object_get(object, "baseline");
        TrailMemory m = {};
        int r = jsonmap_decode(object, memory_fields, ELEMENTSOF(memory_fields), &m, NULL);

        if (r >= 0 && restored_memory_wrong(&m))
                r = -EINVAL;
        if (r < 0) {
                trail_memory_done(&m);
                return r;
        }
        /* A baseline that cannot be read is taken anew: what is known of the trail counts more. */
        if (baseline && trail_settings_from_json(baseline, &m.baseline) < 0) {
                m.baseline = (TrailSettings){};
                r = 1;
        }
        *ret = m;
        return r > 0;
}
