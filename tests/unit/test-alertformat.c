/* SPDX-License-Identifier: Apache-2.0 */
#include "core/alertformat.h"

#include <ctype.h>
#include <stdio.h>

#include "base/mem.h"
#include "core-fixture.h"
#include "core/alertjson.h"
#include "unit.h"

#define STOP INT64_C(36000500)
#define NOW (BASE + 36012000)
#define SNS_MAX ((size_t)256 * 1024)
#define ATTRIBUTES_MAX ((size_t)4 * 1024)

#define _cleanup_message_ _cleanup_(message_done)

/* Rings a channel, hides a link, ends code, strikes out, turns text around, and is not UTF-8. */
static const char hostile[] = "<!channel> <@U024BE7LH> @here `*x*` ~y~ [z](http://evil.example) "
                              "&lt; \x1b[2J\xe2\x80\xae\xff\\ \"q\" |\n- a\n```";

static const AlertContext context = {
        .hostname = "guard-1", .phase = PHASE_OPEN, .sequence = 2, .now_msec = NOW};

static Message message_in_phase(const Incident *i, Phase phase)
{
        AlertContext c = context;
        Message m = {.sequence = c.sequence, .phase = phase, .severity = i->severity};

        c.phase = phase;
        alert_text(i, &c, &m.subject, &m.body);
        m.document = alert_document(i, &c, m.subject);
        return m;
}

static Message message_of(const Incident *i)
{
        return message_in_phase(i, PHASE_OPEN);
}

static char *render(TopicFormat f, const Message *m, const char *not_durable, bool structured)
{
        const char *structure;
        char *text;

        alert_render(f, m, not_durable, &text, &structure);
        assert_int_equal(structured, structure && streq(structure, "json"));
        assert_true(structured || !structure);
        assert_in_range(strlen(text), 1, SNS_MAX - ATTRIBUTES_MAX);
        return text;
}

/* JSON in ASCII, as every format but text is. */
static json_t *rendered(TopicFormat f, const Message *m, const char *not_durable)
{
        _cleanup_free_ char *text = render(f, m, not_durable, f == TOPIC_FORMAT_PER_PROTOCOL);
        json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

        assert_non_null(o);
        for (const char *p = text; *p; p++)
                assert_true(isascii(*p) && isprint((unsigned char)*p));
        return o;
}

static const char *at(const json_t *o, const char *group, const char *name)
{
        return strempty(
                json_string_value(json_object_get(group ? json_object_get(o, group) : o, name)));
}

/* What a telephone shows as it is. */
static void assert_sms(const char *s, const char *id)
{
        size_t n = strlen(s);

        assert_in_range(n, 20, 140);
        for (const char *p = s; *p; p++)
                assert_true(*p >= ' ' && *p <= 'z' && !strchr("[\\]^`", *p));
        assert_string_equal(s + n - strlen(id), id);
}

static size_t count(const char *text, const char *part)
{
        size_t n = 0;

        for (; (text = strstr(text, part)); text += strlen(part))
                n++;
        return n;
}

/* No mention, no link, no code left open: entities and what we write ourselves. */
static void assert_inert(const char *text, size_t max)
{
        assert_in_range(strlen(text), 1, max);
        assert_has_not(text, "<");
        assert_has_not(text, ">");
        assert_has_not(text, "@");
        assert_has_not(text, "http:/");
        assert_int_equal(count(text, "`") % 2, 0);
        assert_int_equal(count(text, "&"),
                         count(text, "&amp;") + count(text, "&lt;") + count(text, "&gt;"));
}

static void assert_chat(const Message *m)
{
        _cleanup_(json_decrefp) json_t *o = rendered(TOPIC_FORMAT_CHAT, m, NULL);
        const json_t *content = json_object_get(o, "content"), *step;
        const char *description = at(content, NULL, "description");
        size_t k;

        assert_string_equal(at(o, NULL, "version"), "1.0");
        assert_string_equal(at(o, NULL, "source"), "custom");
        assert_string_equal(at(content, NULL, "textType"), "client-markdown");
        assert_inert(at(content, NULL, "title"), 250);
        assert_inert(at(o, "metadata", "summary"), 300);
        assert_in_range(strlen(description), 1, 8000);
        /* Commands are the one thing that is not made inert: they are held to patterns. */
        const char *commands = strstr(description, "```\n");
        _cleanup_free_ char *prose = mem_strndup(
                description, commands ? (size_t)(commands - description) : strlen(description));
        assert_inert(prose, 8000);
        json_array_foreach(json_object_get(content, "nextSteps"), k, step)
                assert_inert(json_string_value(step), 300);
        assert_in_range(json_array_size(json_object_get(content, "nextSteps")), 0, 10);
}

/* What a part of the schema says of an object, followed to where that is written. */
static const json_t *described(const json_t *schema, const json_t *part)
{
        const char *ref = json_string_value(json_object_get(part, "$ref"));

        if (json_object_get(part, "anyOf"))
                return described(schema, json_array_get(json_object_get(part, "anyOf"), 0));
        if (!ref)
                return part;
        return json_object_get(json_object_get(schema, "$defs"), ref + strlen("#/$defs/"));
}

/* Every member is always there, whatever there is to say. */
static void assert_members(const json_t *schema, const json_t *part, const json_t *value)
{
        const json_t *rule = described(schema, part), *name, *item;
        size_t k;

        json_array_foreach(json_is_object(value) ? json_object_get(rule, "required") : NULL, k,
                           name)
        {
                const char *s = json_string_value(name);

                if (!json_object_get(value, s))
                        fail_msg("%s is not in the document", s);
                assert_members(schema, json_object_get(json_object_get(rule, "properties"), s),
                               json_object_get(value, s));
        }
        json_array_foreach(value, k, item)
                assert_members(schema, json_object_get(rule, "items"), item);
}

static const json_t *the_schema(void)
{
        static json_t *schema;
        const char *source = getenv("TS_SOURCE");
        _cleanup_free_ char *path =
                mem_printf("%s/share/alert-1.schema.json", source ? source : ".");

        if (!schema)
                schema = json_load_file(path, 0, NULL);
        assert_non_null(schema);
        return schema;
}

/* For the test that holds documents against the schema. */
static void keep(const char *document)
{
        const char *path = getenv("TS_ALERT_DOCUMENTS");
        FILE *f = path ? fopen(path, "ae") : NULL;

        if (!f)
                return;
        assert_true(fprintf(f, "%s\n", document) > 0);
        assert_int_equal(fclose(f), 0);
}

static void assert_formats(const Incident *i, Phase phase)
{
        _cleanup_message_ Message m = message_in_phase(i, phase);
        _cleanup_free_ char *text = render(TOPIC_FORMAT_TEXT, &m, NULL, false),
                            *json = render(TOPIC_FORMAT_JSON, &m, NULL, false);
        _cleanup_(json_decrefp) json_t *each = rendered(TOPIC_FORMAT_PER_PROTOCOL, &m, NULL),
                                       *document = rendered(TOPIC_FORMAT_JSON, &m, NULL);

        assert_string_equal(text, m.body);
        assert_members(the_schema(), the_schema(), document);
        assert_string_equal(at(document, NULL, "schema"), "trailsentry.alert/1");
        assert_string_equal(at(document, NULL, "phase"),
                            phase_to_string(phase == PHASE_RESTARTED ? PHASE_OPEN : phase));
        assert_string_equal(at(document, "incident", "kind"), incident_kind_to_string(i->kind));
        assert_string_equal(at(document, "incident", "id"), i->id);
        assert_string_equal(at(each, NULL, "default"), m.body);
        assert_string_equal(at(each, NULL, "email"), m.body);
        assert_sms(at(each, NULL, "sms"), i->id);
        assert_has(at(each, NULL, "sms"), phase_to_string(phase));
        assert_chat(&m);
        keep(json);
}

/* Whatever a core may come to hold: each kind, open and closed, in each state of restart. */
static void test_every_state(void **state)
{
        for (int kind = 0; kind < _INCIDENT_KIND_MAX; kind++)
                for (int restart = 0; restart < _RESTART_STATE_MAX; restart++)
                        for (unsigned bits = 0; bits < 16; bits++) {
                                _cleanup_incident_ Incident *i =
                                        fixture_incident((IncidentKind)kind, bits & 8 ? STOP : 0);

                                i->restart.state = (RestartState)restart;
                                i->open = bits & 1;
                                i->closed_msec = i->open ? 0 : NOW;
                                i->blind_to_msec = bits & 2 ? BASE + STOP + 5000 : 0;
                                i->attribution.misused = bits & 4;
                                i->severity = (Severity)(bits % _SEVERITY_MAX);
                                i->delivering = (Delivering)(bits % _DELIVERING_MAX);
                                if (kind == INCIDENT_DRIFT)
                                        *mem_push0(i->changes.items, i->changes.n) =
                                                (Change){.kind = CHANGE_S3_BUCKET,
                                                         .severity = i->severity,
                                                         .before = mem_strdup("a"),
                                                         .after = mem_strdup("b")};
                                assert_formats(i, (Phase)(bits % _PHASE_MAX));
                        }
}

static Incident *with_calls(const char *who, size_t n, const char *words)
{
        Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        for (size_t k = 0; k < n; k++) {
                fixture_add(i, &(RecordFacts){.at = STOP + (int64_t)k * 1000, .who = who});
                CloudTrailRecord *r = &i->attribution.findings[k].record;

                i->attribution.findings[k].role = k == 0 ? ROLE_CULPRIT : (Role)(k % _ROLE_MAX);
                if (!words)
                        continue;
                char **const fields[] = {&r->user_agent,
                                         &r->source_ip,
                                         &r->error_code,
                                         &r->vpc_endpoint_id,
                                         &r->identity.arn,
                                         &r->identity.user_name,
                                         &r->identity.type_text,
                                         &r->identity.principal_id,
                                         &r->identity.issuer_arn,
                                         &r->identity.source_identity,
                                         &r->identity.issuer_user_name,
                                         &r->identity.invoked_by,
                                         &r->identity.access_key_id};
                for (size_t f = 0; f < ELEMENTSOF(fields); f++)
                        mem_strset(fields[f], words);
        }
        for (size_t k = 0; words && k < DEEDS_MAX; k++) {
                Deed *d = mem_push0(i->attribution.deeds, i->attribution.n_deeds);

                *d = (Deed){.event_name = mem_strdup(words),
                            .event_source = mem_strdup(words),
                            .calls = 3,
                            .refused = 1};
        }
        i->attribution.confidence = CONFIDENCE_EXACT;
        i->attribution.state = SEARCH_DONE;
        return i;
}

static void test_hostile_text(void **state)
{
        for (int type = 0; type < _IDENTITY_TYPE_MAX; type++) {
                _cleanup_incident_ Incident *i = with_calls(MALLORY, 3, hostile);

                i->attribution.findings[0].record.identity.type = (IdentityType)type;
                aws_error_set(&i->restart.error, AWS_ERROR_DENIED, "<!here>", "%s", hostile);
                i->restart.state = RESTART_FAILING;
                i->cause = i->attribution.error = i->restart.error;
                mem_strset(&i->delivery_error, hostile);
                mem_strset(&i->attribution.searched_account, hostile);
                assert_formats(i, PHASE_UPDATE);
        }
        _cleanup_incident_ Incident *notice = fixture_incident(INCIDENT_RECONFIGURED, 0);
        mem_strset(&notice->title, "reconfigured by <!channel> @here");
        mem_strset(&notice->text, "Trail          <!channel> `x` [y](http://evil.example)\n");
        assert_formats(notice, PHASE_NOTICE);
}

/* The very text of the document is that of the journal, cut and escaped alike. */
static void test_document_escapes(void **state)
{
        _cleanup_incident_ Incident *i = with_calls(MALLORY, 1, hostile);
        _cleanup_message_ Message m = message_of(i);
        _cleanup_(json_decrefp) json_t *o = rendered(TOPIC_FORMAT_JSON, &m, NULL);
        const json_t *actor = json_object_get(json_object_get(o, "attribution"), "actor");

        assert_string_equal(at(actor, NULL, "user_agent"),
                            "<!channel> <@U024BE7LH> @here `*x*` ~y~ [z](http://evil.example) &lt; "
                            "\\x1b[2J\\u{202e}\\xff\\ \"q\" |\\x0a- a\\x0a```");
        assert_string_equal(at(actor, NULL, "role"), "culprit");
        assert_true(json_is_null(json_object_get(actor, "mfa")));
}

static void test_document_says_what_is_known(void **state)
{
        _cleanup_incident_ Incident *i = with_calls(MALLORY, 3, NULL);

        i->blind_to_msec = BASE + STOP + 12000;
        i->open = false;
        i->restart = (Restart){.state = RESTART_VERIFIED, .attempts = 2};
        _cleanup_message_ Message m = message_of(i);
        _cleanup_(json_decrefp) json_t *o = rendered(TOPIC_FORMAT_JSON, &m, NULL);
        const json_t *attribution = json_object_get(o, "attribution"),
                     *actor = json_object_get(attribution, "actor");

        assert_string_equal(at(o, NULL, "subject"), m.subject);
        assert_string_equal(at(o, "trail", "arn"), TRAIL);
        assert_string_equal(at(o, "trail", "name"), "management-events");
        assert_string_equal(at(o, "trail", "account"), "111122223333");
        assert_string_equal(at(o, "window", "from"), "2026-11-23T10:00:00.500Z");
        assert_int_equal(
                json_integer_value(json_object_get(json_object_get(o, "window"), "seconds")), 12);
        assert_true(json_is_true(json_object_get(json_object_get(o, "window"), "lower_bound")));
        assert_string_equal(at(o, "restart", "state"), "verified");
        assert_true(json_is_null(json_object_get(json_object_get(o, "restart"), "error")));
        assert_string_equal(at(actor, NULL, "display_name"), "mallory");
        assert_string_equal(at(actor, NULL, "access_key_kind"), "long-lived");
        assert_string_equal(at(actor, NULL, "event_time"), "2026-11-23T10:00:00Z");
        assert_int_equal(json_array_size(json_object_get(attribution, "others")), 2);
        assert_has(m.document, "\"command\":\"aws iam put-user-policy --user-name mallory");
}

/* Lists go before the message does. */
static void test_size(void **state)
{
        static const char astral[] = "\xf0\x9f\x94\xa5";
        static const char *const units[] = {astral, "\\", "\"", "A", "&", "\x01"};

        for (size_t u = 0; u < ELEMENTSOF(units); u++) {
                _cleanup_free_ char *longest = mem_alloc0(400 * strlen(units[u]) + 1);

                for (size_t k = 0; k < 400; k++)
                        memcpy(longest + k * strlen(units[u]), units[u], strlen(units[u]));
                _cleanup_incident_ Incident *i = with_calls(MALLORY, 60, longest);
                assert_formats(i, PHASE_UPDATE);
                _cleanup_message_ Message m = message_of(i);
                _cleanup_(json_decrefp) json_t *o = rendered(TOPIC_FORMAT_JSON, &m, NULL);
                assert_true(json_is_true(json_object_get(o, "truncated")));
                assert_string_equal(at(o, "incident", "id"), i->id);
        }
        _cleanup_incident_ Incident *few = with_calls(MALLORY, 30, NULL);
        _cleanup_message_ Message m = message_of(few);
        _cleanup_(json_decrefp) json_t *o = rendered(TOPIC_FORMAT_JSON, &m, NULL);
        const json_t *attribution = json_object_get(o, "attribution");

        assert_true(json_is_true(json_object_get(o, "truncated")));
        assert_int_equal(json_array_size(json_object_get(attribution, "others")), 20);
        assert_in_range(json_integer_value(json_object_get(attribution, "others_left_out")), 1, 9);
}

/* Of one text that is too long, and of none. */
static void test_cut_text(void **state)
{
        for (unsigned length = 20; length <= 2000; length += 1980) {
                _cleanup_free_ char *words = mem_alloc0(length + 1);

                memset(words, 'a', length);
                _cleanup_incident_ Incident *i = with_calls(MALLORY, 2, words);
                _cleanup_message_ Message m = message_of(i);
                _cleanup_(json_decrefp) json_t *o = rendered(TOPIC_FORMAT_JSON, &m, NULL);

                assert_int_equal(json_is_true(json_object_get(o, "truncated")), length > 20);
        }
}

static void test_per_protocol(void **state)
{
        _cleanup_incident_ Incident *i = with_calls(MALLORY, 1, NULL);
        _cleanup_message_ Message m = message_of(i);
        _cleanup_(json_decrefp) json_t *o = rendered(TOPIC_FORMAT_PER_PROTOCOL, &m, NULL);
        static const char *const machines[] = {"sqs", "lambda", "http", "https"};

        assert_int_equal(json_object_size(o), 7);
        for (size_t k = 0; k < ELEMENTSOF(machines); k++)
                assert_string_equal(at(o, NULL, machines[k]), m.document);
        assert_string_equal(at(o, NULL, "sms"),
                            "OPEN: NOT LOGGING (111122223333 us-east-1) trail management-events "
                            "was stopped by mallory. 0123456789abcdef");
}

static void test_short_message_of_the_longest(void **state)
{
        _cleanup_free_ char *longest = mem_printf("%0300d", 0);
        _cleanup_incident_ Incident *i = with_calls(MALLORY, 1, longest);
        _cleanup_message_ Message m = message_of(i);

        _cleanup_(json_decrefp) json_t *o = rendered(TOPIC_FORMAT_PER_PROTOCOL, &m, NULL);
        assert_in_range(strlen(at(o, NULL, "sms")), 100, 140);
        assert_sms(at(o, NULL, "sms"), i->id);
}

static void test_chat(void **state)
{
        _cleanup_incident_ Incident *i = with_calls(MALLORY, 2, NULL);
        _cleanup_message_ Message m = message_of(i);
        _cleanup_(json_decrefp) json_t *o = rendered(TOPIC_FORMAT_CHAT, &m, NULL);
        const json_t *content = json_object_get(o, "content");
        const char *description = at(content, NULL, "description");

        assert_string_equal(at(o, "metadata", "threadId"), i->id);
        assert_string_equal(at(o, NULL, "id"), "0123456789abcdef-2");
        assert_string_equal(at(content, NULL, "title"),
                            "OPEN: NOT LOGGING (111122223333 us-east-1) trail management-events "
                            "was stopped by mallory");
        assert_has(description, "*Who* `mallory (IAMUser)`\n*How sure* `exact: ");
        assert_has(description, "*Trail* `" TRAIL "`\n*Account* `111122223333`");
        assert_has(description, "```\n# step ");
        assert_has(description, "\naws cloudtrail start-logging");
        assert_int_equal(json_array_size(json_object_get(json_object_get(o, "metadata"),
                                                         "relatedResources")),
                         1);
}

static void test_not_durable(void **state)
{
        _cleanup_incident_ Incident *i = with_calls(MALLORY, 1, NULL);
        _cleanup_message_ Message m = message_of(i);

        for (int f = 0; f < _TOPIC_FORMAT_MAX; f++) {
                _cleanup_free_ char *text = render((TopicFormat)f, &m, "No space left on device",
                                                   f == TOPIC_FORMAT_PER_PROTOCOL);
                assert_has(text, "No space left on device");
                assert_has(text, f == TOPIC_FORMAT_JSON ? "\"durable\":false" : "NOT DURABLE");
                if (f == TOPIC_FORMAT_JSON)
                        keep(text);
        }
        assert_has_not(m.body, "NOT DURABLE");
}

/* However late it is sent, and whatever the incident has become by then. */
static void test_same_bytes(void **state)
{
        _cleanup_incident_ Incident *i = with_calls(MALLORY, 1, NULL);
        _cleanup_message_ Message m = message_of(i);

        for (int f = 0; f < _TOPIC_FORMAT_MAX; f++) {
                bool structured = f == TOPIC_FORMAT_PER_PROTOCOL;
                _cleanup_free_ char *first = render((TopicFormat)f, &m, NULL, structured);

                i->open = !i->open;
                i->severity = SEVERITY_CRITICAL;
                _cleanup_free_ char *second = render((TopicFormat)f, &m, NULL, structured);
                assert_string_equal(first, second);
        }
}

static void test_without_a_document(void **state)
{
        static const char *const documents[] = {NULL, "", "{"};

        for (size_t k = 0; k < ELEMENTSOF(documents); k++)
                for (int f = 0; f < _TOPIC_FORMAT_MAX; f++) {
                        const Message m = {.subject = (char *)"s",
                                           .body = (char *)"b",
                                           .document = (char *)documents[k]};
                        _cleanup_free_ char *text = render((TopicFormat)f, &m, NULL, false);

                        assert_string_equal(text, "b");
                }
}

static void test_test_message(void **state)
{
        _cleanup_message_ Message m = {};

        alert_test_message(&context, &m);
        assert_string_equal(m.subject, "TEST: trailsentry on guard-1 reaches this topic");
        assert_has(m.body, "nothing has happened");
        assert_has(m.document, "\"phase\":\"TEST\",\"phases\":[\"TEST\"],\"sequence\":0,");
        keep(m.document);
        assert_chat(&m);
        for (int f = 0; f < _TOPIC_FORMAT_MAX; f++) {
                _cleanup_free_ char *text =
                        render((TopicFormat)f, &m, NULL, f == TOPIC_FORMAT_PER_PROTOCOL);
                assert_has(text, f == TOPIC_FORMAT_TEXT ? "A test" : "TEST");
        }
}

static void test_deduplication_id(void **state)
{
        static const struct {
                const char *id;
                Phase phase;
                unsigned sequence;
                const char *topic;
        } rows[] = {
                {"0123456789abcdef", PHASE_UPDATE, 2, TOPIC},
                {"0123456789abcdee", PHASE_UPDATE, 2, TOPIC},
                {"0123456789abcdef", PHASE_CLOSED, 2, TOPIC},
                {"0123456789abcdef", PHASE_UPDATE, 3, TOPIC},
                {"0123456789abcdef", PHASE_UPDATE, 2, TOPIC2},
        };
        char ids[ELEMENTSOF(rows)][ALERT_DEDUPLICATION_SIZE], again[ALERT_DEDUPLICATION_SIZE];

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                const Message m = {.phase = rows[k].phase, .sequence = rows[k].sequence};

                alert_deduplication_id(rows[k].id, &m, rows[k].topic, ids[k]);
                alert_deduplication_id(rows[k].id, &m, rows[k].topic, again);
                assert_string_equal(ids[k], again);
                assert_int_equal(strspn(ids[k], "0123456789abcdef"), 64);
                for (size_t j = 0; j < k; j++)
                        assert_string_not_equal(ids[j], ids[k]);
        }
}

UNIT_MAIN(T(test_every_state), T(test_hostile_text), T(test_document_escapes),
          T(test_document_says_what_is_known), T(test_size), T(test_cut_text), T(test_per_protocol),
          T(test_short_message_of_the_longest), T(test_chat), T(test_not_durable),
          T(test_same_bytes), T(test_without_a_document), T(test_test_message),
          T(test_deduplication_id))
