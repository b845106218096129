/* SPDX-License-Identifier: Apache-2.0 */

#include "core/incidentjson.h"

#include "base/jsonmap.h"
#include "base/mem.h"
#include "core/findingjson.h"
#include "core/restored.h"
#include "core/seriesjson.h"

#define FORMAT_VERSION 1
#define SMALL_OTHERS_MAX 20

/* Enums by name, so that the files can be read by people and outlive a renumbering. */
typedef struct EnumField {
        const char *name;
        size_t offset;
        const char *(*to_string)(int);
        int (*from_string)(const char *);
} EnumField;

#define ENUM_ACCESSORS(prefix, type)                                                               \
        static const char *prefix##_say(int v)                                                     \
        {                                                                                          \
                return prefix##_to_string((type)v);                                                \
        }                                                                                          \
        static int prefix##_read(const char *s)                                                    \
        {                                                                                          \
                return (int)prefix##_from_string(s);                                               \
        }
ENUM_ACCESSORS(incident_kind, IncidentKind)
ENUM_ACCESSORS(severity, Severity)
ENUM_ACCESSORS(phase, Phase)
ENUM_ACCESSORS(restart_state, RestartState)
ENUM_ACCESSORS(delivering, Delivering)
ENUM_ACCESSORS(confidence, Confidence)
ENUM_ACCESSORS(search_state, SearchState)
ENUM_ACCESSORS(change_kind, ChangeKind)

/* What an incident is not one without; the rest is left at nothing, so that members can be added
 * without a new version. */
#define NEEDED(type, member, kind)                                                                 \
        {                                                                                          \
#member, kind, offsetof(type, member), JSONMAP_REQUIRED                            \
        }
#define FIELD(type, member, kind)                                                                  \
        {                                                                                          \
#member, kind, offsetof(type, member), JSONMAP_OPTIONAL                            \
        }
#define ENUM(type, member, prefix)                                                                 \
        {                                                                                          \
#member, offsetof(type, member), prefix##_say, prefix##_read                       \
        }

static const JsonField incident_fields[] = {
        FIELD(Incident, trail_arn, JSONMAP_STRING),
        FIELD(Incident, title, JSONMAP_STRING),
        FIELD(Incident, text, JSONMAP_STRING),
        NEEDED(Incident, open, JSONMAP_BOOL),
        NEEDED(Incident, detected_msec, JSONMAP_MSEC),
        FIELD(Incident, closed_msec, JSONMAP_MSEC),
        NEEDED(Incident, stop_msec, JSONMAP_MSEC),
        FIELD(Incident, blind_from_msec, JSONMAP_MSEC),
        FIELD(Incident, blind_to_msec, JSONMAP_MSEC),
        FIELD(Incident, stop_moved_msec, JSONMAP_MSEC),
        FIELD(Incident, known_start_msec, JSONMAP_MSEC),
        FIELD(Incident, known_stop_msec, JSONMAP_MSEC),
        FIELD(Incident, last_logging_msec, JSONMAP_MSEC),
        FIELD(Incident, redundant_starts, JSONMAP_UINT),
        FIELD(Incident, in_maintenance, JSONMAP_BOOL),
        FIELD(Incident, owes_opening, JSONMAP_BOOL),
        FIELD(Incident, until_msec, JSONMAP_MSEC),
        FIELD(Incident, scope_arn, JSONMAP_STRING),
        FIELD(Incident, n_recorded, JSONMAP_UINT),
        FIELD(Incident, delivering_msec, JSONMAP_MSEC),
        FIELD(Incident, delivery_error, JSONMAP_STRING),
        FIELD(Incident, good_msec, JSONMAP_MSEC),
        FIELD(Incident, seen_msec, JSONMAP_MSEC),
        FIELD(Incident, between_looks, JSONMAP_BOOL),
        FIELD(Incident, accepted_by, JSONMAP_STRING),
        FIELD(Incident, announced_by, JSONMAP_STRING),
        FIELD(Incident, reminded_msec, JSONMAP_MSEC),
        FIELD(Incident, reminders, JSONMAP_UINT),
        FIELD(Incident, group, JSONMAP_STRING),
        FIELD(Incident, number, JSONMAP_UINT),
};
static const EnumField incident_enums[] = {
        ENUM(Incident, kind, incident_kind),
        ENUM(Incident, severity, severity),
        ENUM(Incident, delivering, delivering),
};

static const JsonField restart_fields[] = {
        FIELD(Restart, attempts, JSONMAP_UINT),       FIELD(Restart, unanswered, JSONMAP_UINT),
        FIELD(Restart, requested_msec, JSONMAP_MSEC), FIELD(Restart, accepted_msec, JSONMAP_MSEC),
        FIELD(Restart, told, JSONMAP_UINT),           FIELD(Restart, throttled, JSONMAP_UINT),
        FIELD(Restart, throttled_msec, JSONMAP_MSEC), FIELD(Restart, untimed, JSONMAP_BOOL),
};
static const EnumField restart_enums[] = {ENUM(Restart, state, restart_state)};

static const JsonField attribution_fields[] = {
        FIELD(Attribution, misused, JSONMAP_BOOL),
        FIELD(Attribution, incomplete, JSONMAP_BOOL),
        FIELD(Attribution, crowded_out, JSONMAP_BOOL),
        FIELD(Attribution, said_not_yet, JSONMAP_BOOL),
        FIELD(Attribution, rounds, JSONMAP_UINT),
        FIELD(Attribution, from_msec, JSONMAP_MSEC),
        FIELD(Attribution, to_msec, JSONMAP_MSEC),
        NEEDED(Attribution, begun_msec, JSONMAP_MSEC),
        FIELD(Attribution, found_msec, JSONMAP_MSEC),
        FIELD(Attribution, throttled_msec, JSONMAP_MSEC),
        FIELD(Attribution, n_unreadable, JSONMAP_UINT),
        FIELD(Attribution, n_refused, JSONMAP_UINT),
        FIELD(Attribution, n_not_kept, JSONMAP_UINT),
        FIELD(Attribution, deeds_key, JSONMAP_STRING),
        FIELD(Attribution, deeds_cut, JSONMAP_BOOL),
        FIELD(Attribution, searched_account, JSONMAP_STRING),
        FIELD(Attribution, told_misused, JSONMAP_BOOL),
        FIELD(Attribution, told_culprit, JSONMAP_STRING),
        FIELD(Attribution, told_who, JSONMAP_STRING),
        FIELD(Attribution, corrected_from, JSONMAP_STRING),
        FIELD(Attribution, told_deeds, JSONMAP_BOOL),
};
static const EnumField attribution_enums[] = {
        ENUM(Attribution, state, search_state),
        ENUM(Attribution, confidence, confidence),
        ENUM(Attribution, told_confidence, confidence),
};

static const JsonField message_fields[] = {
        NEEDED(Message, sequence, JSONMAP_UINT),  NEEDED(Message, created_msec, JSONMAP_MSEC),
        NEEDED(Message, subject, JSONMAP_STRING), NEEDED(Message, body, JSONMAP_STRING),
        FIELD(Message, document, JSONMAP_STRING),
};
static const EnumField message_enums[] = {
        ENUM(Message, phase, phase),
        ENUM(Message, severity, severity),
};

static const JsonField origin_fields[] = {
        FIELD(MessageOrigin, incident, JSONMAP_STRING),
        FIELD(MessageOrigin, kind, JSONMAP_STRING),
        FIELD(MessageOrigin, trail_arn, JSONMAP_STRING),
        FIELD(MessageOrigin, sequence, JSONMAP_UINT),
};

static const JsonField deed_fields[] = {
        FIELD(Deed, event_name, JSONMAP_STRING),
        FIELD(Deed, event_source, JSONMAP_STRING),
        FIELD(Deed, calls, JSONMAP_UINT),
        FIELD(Deed, refused, JSONMAP_UINT),
};

static const JsonField change_fields[] = {
        NEEDED(Change, before, JSONMAP_STRING), NEEDED(Change, after, JSONMAP_STRING),
        FIELD(Change, by, JSONMAP_STRING),      FIELD(Change, declared, JSONMAP_BOOL),
        FIELD(Change, undone, JSONMAP_BOOL),
};
static const EnumField change_enums[] = {
        ENUM(Change, kind, change_kind),
        ENUM(Change, severity, severity),
};

static const JsonField delivery_fields[] = {
        NEEDED(Delivery, topic_arn, JSONMAP_STRING),
        NEEDED(Delivery, sent, JSONMAP_BOOL),
        FIELD(Delivery, sent_msec, JSONMAP_MSEC),
        FIELD(Delivery, message_id, JSONMAP_STRING),
};

static void encode_enums(json_t *o, const EnumField *fields, size_t n, const void *source)
{
        for (size_t k = 0; k < n; k++) {
                int v = *(const int *)((const char *)source + fields[k].offset);

                json_set(o, fields[k].name, json_string(fields[k].to_string(v)));
        }
}

static int decode_enums(const json_t *o, const EnumField *fields, size_t n, void *target,
                        const char **reterr_field)
{
        for (size_t k = 0; k < n; k++) {
                const char *text = json_string_value(json_object_get(o, fields[k].name));
                int v = fields[k].from_string(text);

                if (v < 0) {
                        *reterr_field = fields[k].name;
                        return isempty(text) ? -EINVAL : -ENOTSUP;
                }
                *(int *)((char *)target + fields[k].offset) = v;
        }
        return 0;
}

#define ENCODE(o, prefix, source)                                                                  \
        jsonmap_encode(o, prefix##_fields, ELEMENTSOF(prefix##_fields), source)
#define ENCODE_ENUMS(o, prefix, source)                                                            \
        encode_enums(o, prefix##_enums, ELEMENTSOF(prefix##_enums), source)
#define DECODE(o, prefix, target, err)                                                             \
        jsonmap_decode(o, prefix##_fields, ELEMENTSOF(prefix##_fields), target, err)
#define DECODE_ENUMS(o, prefix, target, err)                                                       \
        decode_enums(o, prefix##_enums, ELEMENTSOF(prefix##_enums), target, err)

static json_t *restart_to_json(const Restart *r)
{
        json_t *o = json_object(), *ids = json_array();

        ENCODE(o, restart, r);
        ENCODE_ENUMS(o, restart, r);
        for (size_t k = 0; k < r->n_request_ids; k++)
                json_append(ids, json_string(r->request_ids[k]));
        json_set(o, "request_ids", ids);
        json_set(o, "error", aws_error_to_value(&r->error));
        return o;
}

static json_t *attribution_to_json(const Attribution *a)
{
        json_t *o = json_object(), *findings = json_array(), *deeds = json_array();
        json_t *doubts = json_array();

        ENCODE(o, attribution, a);
        ENCODE_ENUMS(o, attribution, a);
        for (size_t k = 0; k < a->n_findings; k++)
                json_append(findings, finding_to_json(&a->findings[k]));
        json_set(o, "findings", findings);
        for (Doubt d = 0; d < _DOUBT_MAX; d++)
                if (a->doubts & (1U << d))
                        json_append(doubts, json_string(doubt_to_string(d)));
        json_set(o, "doubts", doubts);
        for (size_t k = 0; k < a->n_deeds; k++) {
                json_t *d = json_object();

                ENCODE(d, deed, &a->deeds[k]);
                json_append(deeds, d);
        }
        json_set(o, "deeds", deeds);
        json_set(o, "error", aws_error_to_value(&a->error));
        return o;
}

static json_t *message_to_json(const Message *m)
{
        json_t *o = json_object(), *deliveries = json_array();

        ENCODE(o, message, m);
        ENCODE_ENUMS(o, message, m);
        for (size_t k = 0; k < m->n_deliveries; k++) {
                json_t *d = json_object();

                ENCODE(d, delivery, &m->deliveries[k]);
                json_append(deliveries, d);
        }
        json_set(o, "deliveries", deliveries);
        if (m->origin.incident) {
                json_t *origin = json_object();

                ENCODE(origin, origin, &m->origin);
                json_set(o, "origin", origin);
        }
        return o;
}

static void changes_to_json(const Incident *i, json_t *o)
{
        json_t *changes = json_array(), *resources = json_array();

        for (size_t k = 0; k < i->changes.n; k++) {
                json_t *c = json_object();

                ENCODE(c, change, &i->changes.items[k]);
                ENCODE_ENUMS(c, change, &i->changes.items[k]);
                json_append(changes, c);
        }
        for (size_t k = 0; k < i->n_resources; k++)
                json_append(resources, json_string(i->resources[k]));
        json_set(o, "changes", changes);
        json_set(o, "resources", resources);
}

json_t *incident_to_json(const Incident *i)
{
        json_t *o = json_object(), *messages = json_array();

        json_set(o, "version", json_integer(FORMAT_VERSION));
        json_set(o, "id", json_string(i->id));
        ENCODE(o, incident, i);
        ENCODE_ENUMS(o, incident, i);
        json_set(o, "cause", aws_error_to_value(&i->cause));
        if (incident_kind_is_change(i->kind))
                changes_to_json(i, o);
        if (i->former.described || i->former.selected)
                json_set(o, "former", trail_settings_to_json(&i->former));
        json_set(o, "restart", restart_to_json(&i->restart));
        json_set(o, "attribution", attribution_to_json(&i->attribution));
        for (size_t k = 0; k < i->n_messages; k++)
                json_append(messages, message_to_json(&i->messages[k]));
        json_set(o, "messages", messages);
        if (i->series)
                json_set(o, "series", series_to_json(i->series));
        return o;
}

/* By what a list of them shows: who did it or may have, and so many of the others. */
static bool is_shown(const json_t *finding, size_t *others)
{
        Role role = role_from_string(json_string_value(json_object_get(finding, "role")));

        return role == ROLE_CULPRIT || role == ROLE_CANDIDATE || role == ROLE_OWN_MISUSED ||
               (*others)++ < SMALL_OTHERS_MAX;
}

json_t *incident_to_small_json(const Incident *i)
{
        json_t *o = incident_to_json(i), *message;
        json_t *findings = json_object_get(json_object_get(o, "attribution"), "findings");
        size_t others = 0, k = 0;

        while (k < json_array_size(findings))
                if (is_shown(json_array_get(findings, k), &others))
                        k++;
                else
                        (void)json_array_remove(findings, k); /* it is there */
        json_array_foreach(json_object_get(o, "messages"), k, message)
        {
                json_set(message, "document", json_null());
        }
        return o;
}

static int need(const json_t *o, const char *name, json_type type, const char **reterr_field)
{
        const json_t *v = json_object_get(o, name);

        if (v && json_typeof(v) == type)
                return 0;
        *reterr_field = name;
        return v ? -EINVAL : -ENODATA;
}

static int restart_from_json(const json_t *o, Restart *r, const char **reterr_field)
{
        const json_t *ids = json_object_get(o, "request_ids");
        size_t k;
        json_t *id;
        int err = DECODE(o, restart, r, reterr_field);

        if (err < 0)
                return err;
        json_array_foreach(ids, k, id)
        {
                if (json_is_string(id))
                        *mem_push0(r->request_ids, r->n_request_ids) =
                                mem_strdup(json_string_value(id));
        }
        aws_error_from_value(json_object_get(o, "error"), &r->error);
        return DECODE_ENUMS(o, restart, r, reterr_field);
}

static int attribution_from_json(const json_t *o, Attribution *a, const char **reterr_field)
{
        size_t k;
        json_t *finding, *deed, *doubt;
        int r = DECODE(o, attribution, a, reterr_field);

        if (r >= 0)
                r = DECODE_ENUMS(o, attribution, a, reterr_field);
        if (r >= 0)
                r = need(o, "findings", JSON_ARRAY, reterr_field);
        json_array_foreach(json_object_get(o, "deeds"), k, deed)
        {
                if (r >= 0)
                        r = DECODE(deed, deed, mem_push0(a->deeds, a->n_deeds), reterr_field);
        }
        json_array_foreach(json_object_get(o, "findings"), k, finding)
        {
                if (r >= 0)
                        r = finding_from_json(finding, mem_push0(a->findings, a->n_findings),
                                              reterr_field);
        }
        json_array_foreach(json_object_get(o, "doubts"), k, doubt)
        {
                Doubt d = doubt_from_string(json_string_value(doubt));

                if ((int)d >= 0) /* one that is not known here lowers nothing: the verdict does */
                        a->doubts |= 1U << d;
        }
        aws_error_from_value(json_object_get(o, "error"), &a->error);
        return r;
}

int message_from_json(const json_t *o, Message *m, const char **reterr_field)
{
        const json_t *origin = json_object_get(o, "origin");
        size_t k;
        json_t *d;
        int r = DECODE(o, message, m, reterr_field);

        if (r >= 0)
                r = DECODE_ENUMS(o, message, m, reterr_field);
        if (r >= 0)
                r = need(o, "deliveries", JSON_ARRAY, reterr_field);
        json_array_foreach(json_object_get(o, "deliveries"), k, d)
        {
                Delivery *x = mem_push0(m->deliveries, m->n_deliveries);

                if (r >= 0)
                        r = DECODE(d, delivery, x, reterr_field);
        }
        return r >= 0 && origin ? DECODE(origin, origin, &m->origin, reterr_field) : r;
}

static bool id_is_valid(const char *id)
{
        return id && strlen(id) == 16 && strspn(id, "0123456789abcdef") == 16;
}

static int messages_from_json(const json_t *array, Incident *i, const char **reterr_field)
{
        size_t k;
        json_t *o;

        json_array_foreach(array, k, o)
        {
                int r = message_from_json(o, mem_push0(i->messages, i->n_messages), reterr_field);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int changes_from_json(const json_t *object, Incident *i, const char **reterr_field)
{
        size_t k;
        json_t *o;
        int r = 0;

        json_array_foreach(json_object_get(object, "changes"), k, o)
        {
                Change *c = mem_push0(i->changes.items, i->changes.n);

                if (r >= 0)
                        r = DECODE(o, change, c, reterr_field);
                if (r >= 0)
                        r = DECODE_ENUMS(o, change, c, reterr_field);
        }
        json_array_foreach(json_object_get(object, "resources"), k, o)
        {
                if (json_is_string(o))
                        *mem_push0(i->resources, i->n_resources) = mem_strdup(json_string_value(o));
        }
        return r;
}

int incident_from_json(const json_t *object, Incident **ret, const char **reterr_field)
{
        _cleanup_(incident_freep) Incident *i = mem_new0(Incident);
        const char *id = json_string_value(json_object_get(object, "id"));
        const char *ignored = NULL;
        const char **field = reterr_field ? reterr_field : &ignored;
        int r;

        *field = NULL;
        if (!json_is_object(object))
                return -EBADMSG;
        *field = "version";
        if (json_integer_value(json_object_get(object, "version")) != FORMAT_VERSION)
                return json_integer_value(json_object_get(object, "version")) > FORMAT_VERSION
                               ? -ENOTSUP
                               : -EINVAL;
        *field = "id";
        if (!id_is_valid(id))
                return -EINVAL;
        memcpy(i->id, id, strlen(id) + 1);
        r = DECODE(object, incident, i, field);
        if (r >= 0)
                r = DECODE_ENUMS(object, incident, i, field);
        if (r >= 0)
                r = need(object, "restart", JSON_OBJECT, field);
        if (r >= 0)
                r = need(object, "attribution", JSON_OBJECT, field);
        if (r >= 0)
                r = restart_from_json(json_object_get(object, "restart"), &i->restart, field);
        if (r >= 0)
                r = attribution_from_json(json_object_get(object, "attribution"), &i->attribution,
                                          field);
        if (r >= 0)
                r = changes_from_json(object, i, field);
        if (r >= 0)
                r = need(object, "messages", JSON_ARRAY, field);
        if (r >= 0)
                r = messages_from_json(json_object_get(object, "messages"), i, field);
        if (r >= 0 && json_is_object(json_object_get(object, "series")))
                r = series_from_json(json_object_get(object, "series"), &i->series, field);
        if (r < 0)
                return r;
        aws_error_from_value(json_object_get(object, "cause"), &i->cause);
        if (json_is_object(json_object_get(object, "former")) &&
            trail_settings_from_json(json_object_get(object, "former"), &i->former) < 0)
                i->former = (TrailSettings){}; /* for advice only */
        *field = restored_incident_wrong(i);
        if (*field)
                return -EINVAL;
        i->trail = SIZE_MAX;
        *ret = TAKE_PTR(i);
        return 0;
}
