/* SPDX-License-Identifier: Apache-2.0 */
/* What a file may say, by its types, and no guard has ever written. */
#include "core/restored.h"

#include <stdio.h>

#include "base/jsonmap.h"
#include "base/mem.h"
#include "core-fixture.h"
#include "core/incidentjson.h"
#include "json-at.h"
#include "unit.h"

static const char *const changed[_INCIDENT_KIND_MAX] = {
        [INCIDENT_DRIFT] = "[{\"kind\": \"s3-bucket\", \"severity\": \"critical\", \"before\": "
                           "\"a\", \"after\": \"b\"}]",
        [INCIDENT_DELIVERY] = "[{\"kind\": \"log-files\", \"severity\": \"critical\", \"before\": "
                              "\"delivered\", \"after\": \"NoSuchBucket\"}]",
};

/* An incident that tells of a group, with one message. */
static json_t *good(IncidentKind kind)
{
        _cleanup_incident_ Incident *i = fixture_incident(kind, 1000);
        Message *m = mem_push0(i->messages, i->n_messages);
        json_t *o;

        *m = (Message){.sequence = 1,
                       .created_msec = BASE,
                       .subject = mem_strdup("OPEN: something"),
                       .body = mem_strdup("Something.\n"),
                       .document = mem_strdup("{}")};
        mem_push0(m->deliveries, m->n_deliveries)->topic_arn = mem_strdup(TOPIC);
        fixture_add(i, &(RecordFacts){});
        if (incident_kind_family(kind) != FAMILY_NONE) {
                i->series = mem_new0(Series);
                i->series->numbers = 3;
                i->number = 1;
                *mem_push0(i->series->gone_numbers, i->series->n_gone_numbers) =
                        (SeriesRange){2, 2};
                mem_push0(i->series->trails, i->series->n_trails)->arn = mem_strdup(TRAIL);
        }
        o = incident_to_json(i);
        if (changed[kind])
                json_set(o, "changes", json_loads(changed[kind], 0, NULL));
        return o;
}

static const char *wrong_of(const json_t *o)
{
        _cleanup_incident_ Incident *i = NULL;
        const char *field = NULL;

        return incident_from_json(o, &i, &field) < 0 ? strempty(field) : NULL;
}

static void test_every_kind_is_taken(void **state)
{
        for (int k = 0; k < _INCIDENT_KIND_MAX; k++) {
                _cleanup_json_ json_t *o = good((IncidentKind)k);
                const char *wrong = wrong_of(o);

                if (wrong)
                        fail_msg("%s: %s", incident_kind_to_string((IncidentKind)k), wrong);
        }
}

static const struct {
        IncidentKind kind;
        const char *path, *member, *value; /* JSON; NULL: without it */
        const char *wrong;                 /* NULL: the member */
} rows[] = {
        {INCIDENT_STOPPED, "", "trail_arn", "\"arn:aws:s3:::bucket\"", NULL},
        {INCIDENT_STOPPED, "", "detected_msec", "9223372036854775807", NULL},
        {INCIDENT_STOPPED, "", "reminded_msec", "-9223372036854775808", NULL},
        {INCIDENT_STOPPED, "attribution", "throttled_msec", "253402300800000", NULL},
        {INCIDENT_STOPPED, "attribution.findings.0", "time_msec", "9223372036854775807", NULL},
        {INCIDENT_STOPPED, "", "number", "4294967295", NULL},
        {INCIDENT_STOPPED, "", "group", "\"\"", NULL},
        {INCIDENT_STOPPED, "", "group", "\"../../trails\"", NULL},
        {INCIDENT_STOPPED, "", "group", "\"0123456789abcdef\"", NULL}, /* its own id */
        {INCIDENT_STOPPED, "", "group", "\"00000000000000aa\"", "series"},
        {INCIDENT_STOPPED, "", "messages", "[]", "series"},
        {INCIDENT_STOPPED, "series", "numbers", "4294967295", NULL},
        {INCIDENT_STOPPED, "series", "last_id", "\"x\\u001b[2J\"", NULL},
        {INCIDENT_STOPPED, "series", "gone_numbers", "[{\"from\": 3, \"to\": 2}]", NULL},
        {INCIDENT_STOPPED, "series", "gone_numbers", "[{\"from\": 0, \"to\": 2}]", NULL},
        {INCIDENT_STOPPED, "series", "gone_numbers",
         "[{\"from\": 2, \"to\": 3}, {\"from\": 3, \"to\": 4}]", NULL},
        {INCIDENT_STOPPED, "series", "gone_numbers", "[{\"from\": 2, \"to\": 4294967295}]", NULL},
        {INCIDENT_STOPPED, "series.told", "severity", "4", NULL},
        {INCIDENT_STOPPED, "series.gone", "blind_msec", "9223372036854775807", NULL},
        {INCIDENT_STOPPED, "", "changes",
         "[{\"kind\": \"s3-bucket\", \"severity\": \"info\", "
         "\"before\": \"a\", \"after\": \"b\"}]",
         NULL},
        {INCIDENT_DRIFT, "", "changes", "[]", NULL},
        {INCIDENT_DRIFT, "changes.0", "undone", "true", "changes"},
        {INCIDENT_DRIFT, "changes.0", "kind", "\"log-files\"", NULL},
        {INCIDENT_DELIVERY, "changes.0", "kind", "\"kms-key\"", NULL},
        {INCIDENT_MAINTENANCE, "", "series", "{\"told\": {}, \"gone\": {}}", NULL},
        {INCIDENT_CANNOT_SEE, "attribution", "state", "\"running\"", NULL},
        {INCIDENT_NOT_FOUND, "attribution", "state", "\"settling\"", NULL},
        {INCIDENT_UNINSPECTED, "attribution", "state", "\"running\"", NULL},
        {INCIDENT_MAINTENANCE, "attribution", "state", "\"running\"", NULL},
        {INCIDENT_DELIVERY, "changes.0", "kind", "\"late\"", "state"}, /* nobody calls that */
        {INCIDENT_MAINTENANCE, "", "title", "\"\"", NULL},
        {INCIDENT_MAINTENANCE, "", "title", NULL, NULL},
        {INCIDENT_MAINTENANCE, "", "trail_arn", "\"" TRAIL "\"", NULL},
        {INCIDENT_MAINTENANCE, "", "scope_arn", "\"everything\"", NULL},
        {INCIDENT_TOPIC_FAILING, "", "scope_arn", NULL, NULL},
        {INCIDENT_TOPIC_FAILING, "", "scope_arn", "\"" TRAIL "\"", NULL},
        {INCIDENT_RECONFIGURED, "", "open", "true", NULL},
        {INCIDENT_MAINTENANCE, "messages.0", "sequence", "2", NULL},
        {INCIDENT_MAINTENANCE, "messages.0", "sequence", "0", NULL},
        {INCIDENT_MAINTENANCE, "messages.0", "subject", "\"\"", NULL},
        {INCIDENT_MAINTENANCE, "messages.0", "body", "\"\"", NULL},
        {INCIDENT_MAINTENANCE, "messages.0", "body", "\"a\\u0007\"", NULL},
        {INCIDENT_MAINTENANCE, "messages.0", "document", "\"[]\"", NULL},
        {INCIDENT_MAINTENANCE, "messages.0", "document", "\"{\"", NULL},
};

static void test_what_no_guard_writes_is_refused(void **state)
{
        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_json_ json_t *o = good(rows[k].kind);
                json_t *to = json_at(o, rows[k].path);

                assert_non_null(to);
                if (rows[k].value)
                        json_set(to, rows[k].member,
                                 json_loads(rows[k].value, JSON_DECODE_ANY, NULL));
                else
                        assert_int_equal(json_object_del(to, rows[k].member), 0);
                const char *wrong = wrong_of(o);
                if (!wrong)
                        fail_msg("%s.%s may be %s", rows[k].path, rows[k].member, rows[k].value);
                assert_string_equal(wrong, rows[k].wrong ? rows[k].wrong : rows[k].member);
        }
}

/* SNS takes 256 KiB, and the largest format has two copies of a body. */
static void test_body_of_300_kib(void **state)
{
        _cleanup_json_ json_t *o = good(INCIDENT_STOPPED);
        _cleanup_free_ char *body = mem_alloc0((size_t)300 * 1024 + 1);

        memset(body, 'x', (size_t)300 * 1024);
        json_set(json_at(o, "messages.0"), "body", json_string(body));
        assert_string_equal(wrong_of(o), "body");
}

static void test_more_than_is_ever_kept(void **state)
{
        static const struct {
                const char *path, *member;
                size_t n;
        } lists[] = {
                {"attribution", "findings", 1001},
                {"attribution", "deeds", DEEDS_MAX + 1},
                {"restart", "request_ids", 65},
                {"series", "trails", 1001},
        };

        for (size_t k = 0; k < ELEMENTSOF(lists); k++) {
                _cleanup_json_ json_t *o = good(INCIDENT_STOPPED);
                json_t *to = json_at(o, lists[k].path),
                       *list = json_object_get(to, lists[k].member);
                _cleanup_json_ json_t *one = json_deep_copy(json_array_get(list, 0));

                if (!one)
                        one = streq(lists[k].member, "deeds") ? json_object() : json_string("r");
                while (json_array_size(list) < lists[k].n)
                        json_append(list, json_incref(one));
                assert_string_equal(wrong_of(o), lists[k].member);
        }
}

/* One that is closed and was of a trail that nobody guards any more has its search ended. */
static void test_what_was_retired_is_taken(void **state)
{
        _cleanup_json_ json_t *o = good(INCIDENT_CANNOT_SEE);

        json_set(o, "open", json_false());
        json_set(json_at(o, "attribution"), "state", json_string("done"));
        assert_null(wrong_of(o));
        json_set(o, "open", json_true());
        assert_string_equal(wrong_of(o), "state");
}

static void test_memories(void **state)
{
        static const char *const bad[][2] = {
                {"arn", "\"\""},
                {"arn", "\"management-events\""},
                {"start_msec", "9223372036854775807"},
                {"habit_msec", "-1"},
        };
        TrailMemory m = {.arn = (char *)TRAIL}, back = {};

        for (size_t k = 0; k < ELEMENTSOF(bad); k++) {
                _cleanup_json_ json_t *o = trail_memory_to_json(&m);

                assert_int_equal(trail_memory_from_json(o, &back), 0);
                trail_memory_done(&back);
                json_set(o, bad[k][0], json_loads(bad[k][1], JSON_DECODE_ANY, NULL));
                assert_int_equal(trail_memory_from_json(o, &back), -EINVAL);
        }
}

UNIT_MAIN(T(test_every_kind_is_taken), T(test_what_no_guard_writes_is_refused),
          T(test_body_of_300_kib), T(test_more_than_is_ever_kept),
          T(test_what_was_retired_is_taken), T(test_memories))
