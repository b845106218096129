/* SPDX-License-Identifier: Apache-2.0 */
#include "core/incidentjson.h"

#include <stdio.h>

#include "base/jsonmap.h"
#include "base/mem.h"
#include "core-fixture.h"
#include "json-at.h"
#include "unit.h"

static void set_error(AwsError *e)
{
        aws_error_set(e, AWS_ERROR_DENIED, "AccessDeniedException", "not you");
        e->status = 400;
        memcpy(e->request_id, "r-1", 4);
}

/* Every member of every string type of a record has a text of its own. */
static void fill_record(CloudTrailRecord *r)
{
        UserIdentity *u = &r->identity;
        char **texts[] = {
                &r->error_code,
                &r->error_message,
                &r->recipient_account_id,
                &r->vpc_endpoint_id,
                &r->region,
                &u->principal_id,
                &u->invoked_by,
                &u->invoked_by_delegate,
                &u->identity_provider,
                &u->on_behalf_of,
                &u->identity_store,
                &u->credential_id,
                &u->issuer_type,
                &u->issuer_arn,
                &u->issuer_user_name,
                &u->source_identity,
                &u->web_id_provider,
                &u->ec2_role_delivery,
                &u->sign_in_session_arn,
                &u->in_scope_type,
                &u->in_scope_issued_to,
                &u->in_scope_source,
                &u->in_scope_account,
                &r->vpc_endpoint_account_id,
                &u->user_name,
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                free(*texts[i]);
                *texts[i] = mem_printf("text %zu \"quoted\" \xc3\xa4\n", i);
        }
        r->session_from_console = true;
        u->session_created_msec = BASE - 7;
        u->mfa = MFA_YES;
        u->assumed_root = true;
}

static Incident *full(void)
{
        Incident *i = fixture_incident(INCIDENT_STOPPED, 36000500);
        Attribution *a = &i->attribution;

        i->closed_msec = BASE + 1;
        i->blind_to_msec = BASE + 36009000;
        i->stop_moved_msec = BASE + 36003000;
        i->redundant_starts = 3;
        i->severity = SEVERITY_CRITICAL;
        i->delivering = DELIVERING_NO;
        i->delivering_msec = BASE + 36010000;
        i->delivery_error = mem_strdup("NoSuchBucket");
        i->reminded_msec = BASE + 2;
        i->reminders = 4;
        set_error(&i->cause);
        i->restart = (Restart){.state = RESTART_FAILING,
                               .attempts = 7,
                               .unanswered = 2,
                               .throttled = 5,
                               .throttled_msec = 4000,
                               .requested_msec = BASE + 2,
                               .accepted_msec = BASE + 3,
                               .told = 0x81,
                               .untimed = true};
        set_error(&i->restart.error);
        *mem_push0(i->restart.request_ids, i->restart.n_request_ids) = mem_strdup("r-7");
        *mem_push0(i->restart.request_ids, i->restart.n_request_ids) = mem_strdup("r-8");
        a->state = SEARCH_SETTLING;
        a->confidence = CONFIDENCE_AMBIGUOUS;
        a->misused = a->incomplete = a->said_not_yet = true;
        a->rounds = 5;
        a->from_msec = BASE + 4;
        a->to_msec = BASE + 5;
        a->found_msec = BASE + 6;
        a->throttled_msec = 8;
        a->n_unreadable = 9;
        set_error(&a->error);
        for (int role = 0; role < _ROLE_MAX; role++) {
                fixture_add(i, &(RecordFacts){.at = role * 1000, .who = role % 2 ? OWN : BOB});
                a->findings[role].role = (Role)role;
        }
        fill_record(&a->findings[0].record);
        a->findings[1].record.identity.mfa = MFA_NO;
        a->findings[2].record.parameters_omitted = true;
        for (unsigned m = 1; m <= _PHASE_MAX; m++) {
                Message *x = mem_push0(i->messages, i->n_messages);

                *x = (Message){.sequence = m,
                               .phase = (Phase)(m - 1),
                               .severity = (Severity)((m - 1) % _SEVERITY_MAX),
                               .created_msec = BASE + m,
                               .subject = mem_strdup("subject"),
                               .body = mem_strdup("body\nof two lines\n")};
                for (unsigned d = 0; d < 2; d++) {
                        Delivery *y = mem_push0(x->deliveries, x->n_deliveries);

                        y->topic_arn = mem_strdup(d ? TOPIC2 : TOPIC);
                        y->sent = d == 0;
                        y->sent_msec = d ? 0 : BASE + 9;
                        y->message_id = d ? NULL : mem_strdup("m-1");
                }
        }
        return i;
}

static void test_round_trip(void **state)
{
        _cleanup_incident_ Incident *i = full(), *back = NULL;
        _cleanup_json_ json_t *o = incident_to_json(i), *again = NULL;
        const char *field = "unset";

        assert_int_equal(incident_from_json(o, &back, &field), 0);
        again = incident_to_json(back);
        assert_true(json_equal(o, again));
        assert_string_equal(back->id, i->id);
        assert_int_equal(back->trail, SIZE_MAX);
        assert_int_equal(back->restart.error.status, 400);
        assert_string_equal(back->restart.error.request_id, "r-1");
        assert_int_equal(back->restart.n_request_ids, 2);
        assert_string_equal(back->restart.request_ids[1], "r-8");
        assert_int_equal(back->attribution.n_findings, _ROLE_MAX);
        assert_string_equal(back->attribution.findings[0].record.identity.web_id_provider,
                            i->attribution.findings[0].record.identity.web_id_provider);
        assert_int_equal(back->attribution.findings[0].record.identity.mfa, MFA_YES);
        assert_int_equal(back->attribution.findings[1].record.identity.mfa, MFA_NO);
        assert_int_equal(back->attribution.findings[2].record.identity.mfa, MFA_UNKNOWN);
        assert_int_equal(back->restart.requested_msec, BASE + 2);
        assert_int_equal(back->restart.throttled, 5);
        assert_int_equal(back->restart.throttled_msec, 4000);
        assert_true(back->restart.untimed);
        assert_int_equal(back->delivering_msec, BASE + 36010000);
        assert_true(back->messages[0].deliveries[0].sent);
        assert_int_equal(back->messages[0].deliveries[0].sent_msec, BASE + 9);
        assert_false(back->messages[0].deliveries[1].sent);
        assert_null(back->messages[0].deliveries[1].message_id);
}

static void test_through_text(void **state)
{
        _cleanup_incident_ Incident *i = full(), *back = NULL;
        _cleanup_json_ json_t *o = incident_to_json(i), *read = NULL, *again = NULL;
        _cleanup_free_ char *text = json_dumps(o, JSON_INDENT(2));

        assert_int_equal(json_parse(text, strlen(text), 16 * 1024 * 1024, &read), 0);
        assert_int_equal(incident_from_json(read, &back, NULL), 0);
        again = incident_to_json(back);
        assert_true(json_equal(o, again));
}

static void test_every_kind(void **state)
{
        for (int k = 0; k < _INCIDENT_KIND_MAX; k++) {
                if (incident_kind_is_change((IncidentKind)k))
                        continue; /* they need changes: test-restored.c */
                _cleanup_incident_ Incident *i = fixture_incident((IncidentKind)k, 1000),
                                            *back = NULL;
                _cleanup_json_ json_t *o = incident_to_json(i);

                assert_int_equal(incident_from_json(o, &back, NULL), 0);
                assert_int_equal(back->kind, k);
        }
}

static int read_back(const json_t *o, const char **reterr_field)
{
        _cleanup_incident_ Incident *i = NULL;

        return incident_from_json(o, &i, reterr_field);
}

/* Adds "unknown" to every object below, or takes it as it is. */
static void add_unknown(json_t *v)
{
        const char *name;
        json_t *x;
        size_t k;
        void *next;

        json_object_foreach_safe(v, next, name, x) add_unknown(x);
        json_array_foreach(v, k, x) add_unknown(x);
        if (json_is_object(v))
                json_object_set_new(v, "unknown", json_pack("{s:[i]}", "x", 1));
}

static void test_unknown_members(void **state)
{
        _cleanup_incident_ Incident *i = full(), *back = NULL;
        _cleanup_json_ json_t *o = incident_to_json(i), *before = json_deep_copy(o), *again = NULL;

        add_unknown(o);
        assert_int_equal(incident_from_json(o, &back, NULL), 0);
        again = incident_to_json(back);
        assert_true(json_equal(before, again));
}

static const struct {
        const char *path, *member;
} needed[] = {
        {"", "version"},
        {"", "id"},
        {"", "trail_arn"},
        {"", "kind"},
        {"", "open"},
        {"", "severity"},
        {"", "delivering"},
        {"", "detected_msec"},
        {"", "stop_msec"},
        {"", "restart"},
        {"", "attribution"},
        {"", "messages"},
        {"restart", "state"},
        {"attribution", "state"},
        {"attribution", "confidence"},
        {"attribution", "begun_msec"},
        {"attribution", "findings"},
        {"attribution.findings.3", "role"},
        {"attribution.findings.3", "event_name"},
        {"attribution.findings.3", "time_msec"},
        {"attribution.findings.3", "identity"},
        {"attribution.findings.3.identity", "type"},
        {"messages.1", "sequence"},
        {"messages.1", "phase"},
        {"messages.1", "severity"},
        {"messages.1", "created_msec"},
        {"messages.1", "subject"},
        {"messages.1", "body"},
        {"messages.1", "deliveries"},
        {"messages.1.deliveries.1", "topic_arn"},
        {"messages.1.deliveries.1", "sent"},
};

static void test_missing_members(void **state)
{
        _cleanup_incident_ Incident *i = full();

        for (size_t k = 0; k < ELEMENTSOF(needed); k++) {
                _cleanup_json_ json_t *o = incident_to_json(i);
                const char *field = NULL;

                assert_int_equal(json_object_del(json_at(o, needed[k].path), needed[k].member), 0);
                if (read_back(o, &field) >= 0)
                        fail_msg("%s.%s was missed by nobody", needed[k].path, needed[k].member);
                assert_string_equal(field, needed[k].member);
        }
}

static void test_wrong_types(void **state)
{
        _cleanup_incident_ Incident *i = full();

        for (size_t k = 0; k < ELEMENTSOF(needed); k++) {
                _cleanup_json_ json_t *o = incident_to_json(i);

                json_object_set_new(json_at(o, needed[k].path), needed[k].member, json_real(1.5));
                if (read_back(o, NULL) >= 0)
                        fail_msg("%s.%s may be anything", needed[k].path, needed[k].member);
        }
}

static void test_wrong_values(void **state)
{
        static const struct {
                const char *path, *member, *value; /* JSON */
        } rows[] = {
                {"", "version", "2"},
                {"", "id", "\"0123456789ABCDEF\""},
                {"", "id", "\"0123456789abcdef0\""},
                {"", "id", "\"../../etc/passwd\""},
                {"", "kind", "\"exploded\""},
                {"", "trail_arn", "\"\""},
                {"", "open", "\"true\""},
                {"", "reminders", "-1"},
                {"restart", "state", "\"Requested\""},
                {"restart", "attempts", "4294967296"},
                {"attribution.findings.3", "role", "\"guilty\""},
                {"attribution.findings.3.identity", "type", "\"Somebody\""},
                {"messages.1", "sequence", "1"},
                {"messages.1", "phase", "\"open\""},
        };
        _cleanup_incident_ Incident *i = full();

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_json_ json_t *o = incident_to_json(i);

                json_object_set_new(json_at(o, rows[k].path), rows[k].member,
                                    json_loads(rows[k].value, JSON_DECODE_ANY, NULL));
                if (read_back(o, NULL) >= 0)
                        fail_msg("%s.%s may be %s", rows[k].path, rows[k].member, rows[k].value);
        }
}

static void test_no_object(void **state)
{
        _cleanup_json_ json_t *array = json_array(), *text = json_string("x");
        const char *field;

        assert_int_equal(read_back(array, &field), -EBADMSG);
        assert_int_equal(read_back(text, &field), -EBADMSG);
}

/* A file that was cut is none, wherever it was cut. */
static void test_truncation(void **state)
{
        _cleanup_incident_ Incident *i = full();
        _cleanup_json_ json_t *o = incident_to_json(i);
        _cleanup_free_ char *text = json_dumps(o, JSON_COMPACT);
        size_t len = strlen(text);

        for (size_t n = 0; n < len; n++) {
                json_t *cut = NULL;

                if (json_parse(text, n, len, &cut) >= 0) {
                        json_decref(cut);
                        fail_msg("%zu of %zu bytes are taken for all", n, len);
                }
        }
}

static void test_memory(void **state)
{
        TrailMemory m = {
                .arn = (char *)TRAIL,
                .seen = true,
                .logging = true,
                .start_msec = 1,
                .stop_msec = 2,
                .delivery_msec = 3,
                .last_good_msec = 4,
                .last_logging_msec = 5,
                .floor_msec = 6,
        };
        _cleanup_json_ json_t *o = trail_memory_to_json(&m), *again = NULL;
        TrailMemory back = {};

        assert_int_equal(trail_memory_from_json(o, &back), 0);
        again = trail_memory_to_json(&back);
        trail_memory_done(&back);
        assert_true(json_equal(o, again));

        static const char *const members[] = {"arn", "seen", "logging", "start_msec", "stop_msec"};
        for (size_t k = 0; k < ELEMENTSOF(members); k++) {
                _cleanup_json_ json_t *x = json_deep_copy(o);

                json_object_del(x, members[k]);
                assert_int_equal(trail_memory_from_json(x, &back), -ENODATA);
                json_object_set_new(x, members[k], json_real(1.5));
                assert_int_equal(trail_memory_from_json(x, &back), -EINVAL);
        }
}

/* State files and filters of version 0.1.0 have these. */
static void test_names_of_an_earlier_version(void **state)
{
        assert_int_equal(incident_kind_from_string("cannot-see"), INCIDENT_CANNOT_SEE);
        assert_int_equal(incident_kind_from_string("other-controller"), INCIDENT_OTHER_CONTROLLER);
        assert_int_equal(incident_kind_from_string("uninspected"), INCIDENT_UNINSPECTED);
        assert_string_equal(incident_kind_to_string(INCIDENT_CANNOT_SEE), "unreachable");
        for (IncidentKind k = 0; k < _INCIDENT_KIND_MAX; k++)
                assert_int_equal(incident_kind_from_string(incident_kind_to_string(k)), k);
}

UNIT_MAIN(T(test_names_of_an_earlier_version), T(test_round_trip), T(test_through_text),
          T(test_every_kind), T(test_unknown_members), T(test_missing_members), T(test_wrong_types),
          T(test_wrong_values), T(test_no_object), T(test_truncation), T(test_memory))
