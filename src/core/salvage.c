/* SPDX-License-Identifier: Apache-2.0 */

/* Messages out of a file that is not what it should be, or that a later version of the program has
 * written: what was to be told of an incident can be told, whatever else of it is not understood.
 */

#include "core/incidentjson.h"
#include "core/restored.h"

#include <stdio.h>

#include "base/jsonmap.h"
#include "base/mem.h"

#define MESSAGES_MAX 30

/* The topics that have not taken it are all that is left of its deliveries. */
static bool is_unsent(Message *m)
{
        size_t n = 0;

        for (size_t k = 0; k < m->n_deliveries; k++) {
                Delivery *d = &m->deliveries[k];

                if (!d->sent) {
                        m->deliveries[n++] = *d;
                        continue;
                }
                free(d->topic_arn);
                free(d->message_id);
        }
        m->n_deliveries = n;
        return n > 0;
}

/* A word that only a later version knows keeps nothing from being sent. */
static json_t *in_known_words(const json_t *o)
{
        json_t *copy = json_copy((json_t *)o);
        const char *phase = json_string_value(json_object_get(o, "phase"));
        const char *severity = json_string_value(json_object_get(o, "severity"));

        if (phase && phase_from_string(phase) < 0)
                json_set(copy, "phase", json_string(phase_to_string(PHASE_NOTICE)));
        if (severity && severity_from_string(severity) < 0)
                json_set(copy, "severity", json_string(severity_to_string(SEVERITY_HIGH)));
        return copy;
}

static void salvage_message(const json_t *o, StateLoss *ret)
{
        _cleanup_json_ json_t *known = json_is_object(o) ? in_known_words(o) : NULL;
        Message m = {};
        const char *ignored;

        if (!known || message_from_json(known, &m, &ignored) < 0 || restored_message_wrong(&m) ||
            !is_unsent(&m) || ret->n_unsent == MESSAGES_MAX) {
                message_done(&m);
                return;
        }
        m.origin.sequence = m.sequence;
        *mem_push0(ret->unsent, ret->n_unsent) = m;
}

void state_loss_salvage(const json_t *object, StateLoss *ret)
{
        const char *id = json_string_value(json_object_get(object, "id"));
        const MessageOrigin of = {
                .incident = (char *)id,
                .kind = (char *)json_string_value(json_object_get(object, "kind")),
                .trail_arn = (char *)json_string_value(json_object_get(object, "trail_arn"))};
        json_t *o;
        size_t k;

        json_array_foreach(json_object_get(object, "messages"), k, o)
        {
                salvage_message(o, ret);
        }
        if (!id || !restored_origin_is_right(&of))
                return;
        (void)snprintf(ret->id, sizeof(ret->id), "%s", id);
        ret->kind = mem_strdup(of.kind);
        ret->trail_arn = mem_strdup(of.trail_arn);
}

void state_loss_done(StateLoss *l)
{
        for (size_t k = 0; k < l->n_unsent; k++)
                message_done(&l->unsent[k]);
        free(l->unsent);
        free(l->what);
        free(l->kind);
        free(l->trail_arn);
        *l = (StateLoss){};
}
