/* SPDX-License-Identifier: Apache-2.0 */
/* Incidents and memories of trails as they are on disk: what was read is written as what is read
 * as the same. */
#include "base/jsonmap.h"
#include "core/incidentjson.h"
#include "fuzz.h"

static void check_incident(const json_t *root)
{
        _cleanup_(incident_freep) Incident *i = NULL, *back = NULL;
        _cleanup_json_ json_t *o = NULL, *again = NULL;
        const char *wrong = NULL;

        if (incident_from_json(root, &i, &wrong) < 0) {
                HOLD(!i && (wrong || !json_is_object(root)));
                return;
        }
        for (size_t k = 0; k < i->n_messages; k++)
                HOLD(i->messages[k].sequence == k + 1);
        o = incident_to_json(i);
        HOLD(incident_from_json(o, &back, NULL) == 0);
        again = incident_to_json(back);
        HOLD(json_equal(o, again));
        HOLD(incident_is_finished(i) == incident_is_finished(back));
}

static void check_memory(const json_t *root)
{
        TrailMemory m = {0}, back = {0};

        if (trail_memory_from_json(root, &m) < 0)
                return;
        _cleanup_json_ json_t *o = trail_memory_to_json(&m), *again = NULL;
        HOLD(*m.arn && trail_memory_from_json(o, &back) == 0);
        again = trail_memory_to_json(&back);
        HOLD(json_equal(o, again));
        trail_memory_done(&m);
        trail_memory_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ json_t *root = NULL;

        if (json_parse((const char *)data, size, SIZE_MAX, &root) < 0)
                return 0;
        check_incident(root);
        check_memory(root);
        return 0;
}
