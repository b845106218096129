/* SPDX-License-Identifier: Apache-2.0 */
/* Messages about an incident as it may be on disk: the subject is plain and short, the body clean,
 * the document JSON of the schema's name that fits, each format within what SNS takes. The first
 * byte says the phase. */
#include "core/advice.h"
#include "core/alertformat.h"
#include "core/alertjson.h"
#include "core/incidentjson.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "cli/timeline.h"
#include "fuzz.h"

#define NOW INT64_C(1795403529000)
#define RENDERED_MAX ((size_t)252 * 1024) /* 256 KiB less 4 KiB of attributes */

/* A GSM message is of characters that take one place each. */
static void check_protocols(const json_t *o)
{
        const char *sms = json_string_value(json_object_get(o, "sms"));

        HOLD(sms && fuzz_is_plain(sms) && strlen(sms) <= 140);
        HOLD(json_string_length(json_object_get(o, "default")) > 0);
        for (const char *const *name =
                     (const char *const[]){"sqs", "lambda", "http", "https", NULL};
             *name; name++) {
                const char *text = json_string_value(json_object_get(o, *name));
                _cleanup_json_ json_t *inner = NULL;

                HOLD(!text || json_parse(text, strlen(text), SIZE_MAX, &inner) == 0);
        }
}

static void check_format(TopicFormat f, const Message *m, const char *not_durable)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *o = NULL;
        const char *structure = NULL;

        alert_render(f, m, not_durable, &text, &structure);
        HOLD(*text && strlen(text) <= RENDERED_MAX);
        HOLD(fuzz_count_clean(text, true) >= 0);
        HOLD((f == TOPIC_FORMAT_PER_PROTOCOL) == (structure != NULL));
        if (f == TOPIC_FORMAT_TEXT)
                return;
        HOLD(fuzz_is_plain(text));
        HOLD(json_parse(text, strlen(text), SIZE_MAX, &o) == 0 && json_is_object(o));
        if (f == TOPIC_FORMAT_PER_PROTOCOL)
                check_protocols(o);
        else if (f == TOPIC_FORMAT_JSON)
                HOLD(json_is_false(json_object_get(o, "durable")) == (not_durable != NULL));
}

/* Whatever stands before them, the last line is whole, and what to do is there. */
static void check_end(const Incident *i, const AlertContext *c, const char *body)
{
        _cleanup_free_ char *last = mem_printf(
                "\nIncident %s, message %u (%s), severity %s, guard %s\n", i->id, c->sequence,
                phase_to_string(c->phase), severity_to_string(i->severity), c->hostname);
        _cleanup_(advice_done) Advice advice = advice_make(i, c->now_msec);

        HOLD(strlen(body) >= strlen(last) && streq(body + strlen(body) - strlen(last), last));
        HOLD(advice.n_steps == 0 || strstr(body, "\nWhat to do\n1. "));
}

static void check_document(const Incident *i, const Message *m)
{
        _cleanup_json_ json_t *o = NULL;

        HOLD(json_parse(m->document, strlen(m->document), SIZE_MAX, &o) == 0);
        HOLD(streq_ptr(json_string_value(json_object_get(o, "schema")), ALERT_SCHEMA));
        const json_t *incident = json_object_get(o, "incident");
        HOLD(streq_ptr(json_string_value(json_object_get(incident, "id")), i->id));
        HOLD(streq_ptr(json_string_value(json_object_get(incident, "kind")),
                       incident_kind_to_string(i->kind)));
}

static void check_words(const Incident *i)
{
        _cleanup_free_ char *summary = alert_summary(i), *actor = alert_actor(i);
        Advice advice = advice_make(i, NOW);
        Timeline t = timeline_make(i);
        char buf[80];

        HOLD(fuzz_count_clean(summary, false) > 0 && fuzz_count_clean(actor, false) > 0);
        for (size_t k = 0; k < advice.n_steps; k++) {
                HOLD(fuzz_count_clean(advice.steps[k].text, false) > 0);
                HOLD(!advice.steps[k].command || fuzz_is_plain(advice.steps[k].command));
        }
        for (size_t k = 0; k < t.n_events; k++)
                HOLD(*t.events[k].text && fuzz_is_plain(timeline_offset(&t, &t.events[k], buf)));
        timeline_done(&t);
        advice_done(&advice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(incident_freep) Incident *i = NULL;
        _cleanup_(message_done) Message m = {.sequence = 1};
        _cleanup_json_ json_t *root = NULL;
        AlertContext c = {.hostname = "guard-1", .sequence = 1, .now_msec = NOW};

        if (size == 0 || json_parse((const char *)data + 1, size - 1, SIZE_MAX, &root) < 0 ||
            incident_from_json(root, &i, NULL) < 0)
                return 0;
        m.phase = c.phase = (Phase)(data[0] % _PHASE_MAX);
        m.severity = i->severity;
        alert_text(i, &c, &m.subject, &m.body);
        HOLD(*m.subject && fuzz_is_plain(m.subject) && strlen(m.subject) <= 99);
        HOLD(*m.body && strlen(m.body) <= (size_t)32 * 1024 && fuzz_count_clean(m.body, true) > 0);
        check_end(i, &c, m.body);
        m.document = alert_document(i, &c, m.subject);
        check_document(i, &m);
        for (TopicFormat f = 0; f < _TOPIC_FORMAT_MAX; f++)
                check_format(f, &m, data[0] & 0x80 ? "No space left on device" : NULL);
        check_words(i);
        return 0;
}
