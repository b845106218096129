/* SPDX-License-Identifier: Apache-2.0 */

#include "core/alertjson.h"

#include "aws/arn.h"
#include "base/foreign.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/alertgroup.h"
#include "core/alertpart.h"
#include "core/told.h"

/* Four copies of it and two of the text fit into one Publish, unless there is more to quote than
 * to say. */
#define DOCUMENT_MAX ((size_t)40 * 1024)
#define OTHERS_MAX 20
#define CALLERS_MAX 50
#define ACTORS_MAX 5

static json_t *text_within(const char *s, size_t max)
{
        _cleanup_free_ char *escaped = foreign_text_exact(s, max);

        return *escaped ? json_string(escaped) : json_null();
}

static json_t *text(const char *s)
{
        return text_within(s, ALERT_FOREIGN_MAX);
}

static json_t *moment(int64_t msec)
{
        char t[TIMEFMT_MAX];

        return msec ? json_string(timefmt_iso8601(msec, t)) : json_null();
}

typedef struct TextField {
        const char *name;
        size_t offset;
} TextField;

static const TextField record_texts[] = {
        {"event_name", offsetof(CloudTrailRecord, event_name)},
        {"event_source", offsetof(CloudTrailRecord, event_source)},
        {"event_id", offsetof(CloudTrailRecord, event_id)},
        {"error_code", offsetof(CloudTrailRecord, error_code)},
        {"error_message", offsetof(CloudTrailRecord, error_message)},
        {"source_ip", offsetof(CloudTrailRecord, source_ip)},
        {"vpc_endpoint_id", offsetof(CloudTrailRecord, vpc_endpoint_id)},
        {"vpc_endpoint_account", offsetof(CloudTrailRecord, vpc_endpoint_account_id)},
        {"user_agent", offsetof(CloudTrailRecord, user_agent)},
};

static const TextField identity_texts[] = {
        {"type", offsetof(UserIdentity, type_text)},
        {"arn", offsetof(UserIdentity, arn)},
        {"account", offsetof(UserIdentity, account_id)},
        {"principal_id", offsetof(UserIdentity, principal_id)},
        {"user_name", offsetof(UserIdentity, user_name)},
        {"issuer_type", offsetof(UserIdentity, issuer_type)},
        {"issuer_arn", offsetof(UserIdentity, issuer_arn)},
        {"issuer_user_name", offsetof(UserIdentity, issuer_user_name)},
        {"source_identity", offsetof(UserIdentity, source_identity)},
        {"identity_provider", offsetof(UserIdentity, identity_provider)},
        {"web_identity_provider", offsetof(UserIdentity, web_id_provider)},
        {"on_behalf_of", offsetof(UserIdentity, on_behalf_of)},
        {"identity_store", offsetof(UserIdentity, identity_store)},
        {"invoked_by", offsetof(UserIdentity, invoked_by)},
        {"vendor_account", offsetof(UserIdentity, invoked_by_delegate)},
        {"access_key_id", offsetof(UserIdentity, access_key_id)},
        {"credential_id", offsetof(UserIdentity, credential_id)},
        {"ec2_role_delivery", offsetof(UserIdentity, ec2_role_delivery)},
        {"issued_to", offsetof(UserIdentity, in_scope_issued_to)},
        {"issued_to_type", offsetof(UserIdentity, in_scope_type)},
        {"for_resource", offsetof(UserIdentity, in_scope_source)},
        {"for_resource_account", offsetof(UserIdentity, in_scope_account)},
        {"sign_in_session", offsetof(UserIdentity, sign_in_session_arn)},
};

static void set_texts(json_t *o, const TextField *fields, size_t n, const void *source)
{
        for (size_t k = 0; k < n; k++)
                json_set(o, fields[k].name,
                         text(*(char *const *)((const char *)source + fields[k].offset)));
}

static json_t *key_kind(const UserIdentity *u)
{
        static const char *const words[] = {
                [ACCESS_KEY_LONG_LIVED] = "long-lived",
                [ACCESS_KEY_TEMPORARY] = "temporary",
                [ACCESS_KEY_OTHER] = "other",
        };
        const char *word = words[identity_access_key_kind(u)];

        return word ? json_string(word) : json_null();
}

/* One call that Event history shows, and who made it. */
static json_t *call(const Finding *f)
{
        const UserIdentity *u = &f->record.identity;
        _cleanup_free_ char *name = identity_display_name(u);
        Mfa mfa = identity_mfa(u);
        json_t *o = json_object();

        json_set(o, "role", json_string(role_to_string(f->role)));
        json_set(o, "display_name", text(name));
        set_texts(o, identity_texts, ELEMENTSOF(identity_texts), u);
        json_set(o, "access_key_kind", key_kind(u));
        json_set(o, "mfa", mfa == MFA_UNKNOWN ? json_null() : json_boolean(mfa == MFA_YES));
        json_set(o, "session_since", moment(u->session_created_msec));
        json_set(o, "session_from_console", json_boolean(f->record.session_from_console));
        set_texts(o, record_texts, ELEMENTSOF(record_texts), &f->record);
        json_set(o, "event_time", moment(f->record.time_msec));
        json_set(o, "calls", json_integer(MAX(f->calls, 1U)));
        return o;
}

static json_t *error_of(const AwsError *e)
{
        json_t *o;

        if (e->class == AWS_ERROR_NONE)
                return json_null();
        o = json_object();
        json_set(o, "class", json_string(aws_error_class_to_string(e->class)));
        json_set(o, "code", text(e->code));
        json_set(o, "message", text_within(e->message, ALERT_ERROR_MAX));
        json_set(o, "request_id", text(e->request_id));
        return o;
}

static json_t *trail(const Incident *i)
{
        const char *why;
        json_t *o;
        Arn a;

        if (!i->trail_arn)
                return json_null();
        o = json_object();
        if (arn_parse_trail(i->trail_arn, &a, &why) < 0)
                a = (Arn){};
        json_set(o, "arn", text(i->trail_arn));
        json_set(o, "name", text(arn_trail_name(&a)));
        json_set(o, "account", text(a.account));
        json_set(o, "region", text(a.region));
        return o;
}

static json_t *changes(const Incident *i)
{
        json_t *all = json_array();

        for (size_t k = 0; k < i->changes.n; k++) {
                const Change *c = &i->changes.items[k];
                json_t *o = json_object();

                json_set(o, "kind", json_string(change_kind_to_string(c->kind)));
                json_set(o, "severity", json_string(severity_to_string(c->severity)));
                json_set(o, "before", text(c->before));
                json_set(o, "after", text(c->after));
                json_set(o, "declared", json_boolean(c->declared));
                json_set(o, "undone", json_boolean(c->undone));
                json_set(o, "by", text(c->by));
                json_append(all, o);
        }
        return all;
}

static json_t *incident(const Incident *i)
{
        json_t *o = json_object();

        json_set(o, "id", json_string(i->id));
        json_set(o, "kind", json_string(incident_kind_to_string(i->kind)));
        json_set(o, "open", json_boolean(i->open));
        json_set(o, "detected", moment(i->detected_msec));
        json_set(o, "closed", moment(i->closed_msec));
        json_set(o, "technique", text(incident_kind_technique(i->kind)));
        json_set(o, "changes", changes(i));
        json_set(o, "announced_by", text(i->announced_by));
        return o;
}

static json_t *window(const Incident *i, int64_t now_msec)
{
        int64_t to = i->blind_to_msec ? i->blind_to_msec : i->open ? now_msec : 0;
        json_t *o;

        if (!alert_has_window(i))
                return json_null();
        o = json_object();
        json_set(o, "from", moment(i->blind_from_msec));
        json_set(o, "to", moment(i->blind_to_msec));
        json_set(o, "seconds",
                 i->blind_from_msec && to > i->blind_from_msec
                         ? json_integer((to - i->blind_from_msec) / MSEC_PER_SEC)
                         : json_null());
        json_set(o, "lower_bound", json_boolean(i->stop_msec != 0));
        json_set(o, "stopped_again", moment(i->stop_moved_msec));
        return o;
}

/* What this message tells of at once; null for an incident that is alone. */
/* Each caller by itself, with its key: which of them are one person is for a reader to say. */
static json_t *group_callers(const GroupView *v)
{
        json_t *all = json_array();

        for (size_t k = 0; v && k < MIN(v->n_callers, (size_t)CALLERS_MAX); k++) {
                const GroupActor *a = &v->callers[k];
                const UserIdentity *u = &a->culprit->record.identity;
                _cleanup_free_ char *name = identity_display_name(u);
                json_t *o = json_object();

                json_set(o, "display_name", text(name));
                json_set(o, "arn", text(u->arn));
                json_set(o, "access_key_id", text(u->access_key_id));
                json_set(o, "source_ip", text(a->culprit->record.source_ip));
                json_set(o, "incidents", json_integer((json_int_t)a->incidents));
                json_set(o, "maybe", json_integer((json_int_t)a->maybe));
                json_append(all, o);
        }
        return all;
}

static json_t *group(const Incident *i, const GroupView *v)
{
        const Series *s = i->series;

        if (!s || s->now.incidents < 2)
                return json_null();
        const struct {
                const char *name;
                size_t n;
        } counts[] = {
                {"incidents", s->now.incidents},
                {"trails", s->now_trails},
                {"down", s->now.down},
                {"failing", s->now.failing},
                {"unseen", s->now.unseen},
                {"undelivered", s->now.undelivered},
                {"blind_seconds", (size_t)(s->now.blind_msec / MSEC_PER_SEC)},
                {"actor_known", s->now.confirmed},
                {"actor_ambiguous", s->now.ambiguous},
                {"actor_not_found", s->now.nobody},
                {"actor_pending", s->now.pending},
                {"actor_corrected", s->now.corrected},
        };
        json_t *o = json_object();

        for (size_t k = 0; k < ELEMENTSOF(counts); k++)
                json_set(o, counts[k].name, json_integer((json_int_t)counts[k].n));
        json_set(o, "first", moment(s->now.first_msec));
        json_set(o, "last", moment(s->now.last_msec));
        json_set(o, "ended", json_boolean(s->ended));
        json_set(o, "actors", group_callers(v));
        return o;
}

static json_t *restart(const Incident *i)
{
        json_t *o;

        if (!alert_has_restart(i) && !alert_has_unseen_starts(i))
                return json_null();
        o = json_object();
        json_set(o, "state", json_string(restart_state_to_string(i->restart.state)));
        json_set(o, "attempts", json_integer(i->restart.attempts));
        json_set(o, "throttled", json_integer(i->restart.throttled));
        json_set(o, "throttled_seconds", json_integer(i->restart.throttled_msec / MSEC_PER_SEC));
        json_set(o, "verified", json_boolean(i->restart.state == RESTART_VERIFIED));
        json_set(o, "error", error_of(&i->restart.error));
        json_set(o, "delivering", json_string(delivering_to_string(i->delivering)));
        json_set(o, "delivery_error", text(i->delivery_error));
        return o;
}

static json_t *deeds(const Attribution *a)
{
        json_t *array = json_array();

        for (size_t k = 0; k < a->n_deeds; k++) {
                json_t *o = json_object();

                json_set(o, "event_name", text(a->deeds[k].event_name));
                json_set(o, "event_source", text(a->deeds[k].event_source));
                json_set(o, "calls", json_integer(a->deeds[k].calls));
                json_set(o, "refused", json_integer(a->deeds[k].refused));
                json_append(array, o);
        }
        return array;
}

/* Of several changes several may be the culprit. */
static json_t *culprits(const Incident *i)
{
        json_t *all = json_array();

        for (const Finding *f = incident_find_role(i, ROLE_CULPRIT);
             f && json_array_size(all) < ACTORS_MAX; f = incident_next_culprit(i, f))
                json_append(all, call(f));
        return all;
}

static json_t *attribution(const Incident *i)
{
        const Attribution *a = &i->attribution;
        const Finding *culprit = incident_find_role(i, ROLE_CULPRIT);
        _cleanup_free_ char *summary = alert_actor(i), *correction = told_correction(i);
        json_t *o, *others, *doubts;
        size_t listed = 0;

        if (a->state == SEARCH_NOT_NEEDED)
                return json_null();
        o = json_object();
        others = json_array();
        doubts = json_array();
        for (unsigned turn = 0; turn < 2; turn++)
                for (size_t k = 0; k < a->n_findings; k++)
                        if (alert_role_is_listed(a->findings[k].role) &&
                            alert_role_is_suspect(a->findings[k].role) == (turn == 0) &&
                            listed++ < OTHERS_MAX)
                                json_append(others, call(&a->findings[k]));
        for (Doubt d = 0; d < _DOUBT_MAX; d++)
                if (a->confidence != CONFIDENCE_EXACT && (a->doubts & (1U << d)))
                        json_append(doubts, json_string(doubt_to_string(d)));
        json_set(o, "summary", text_within(summary, 2 * ALERT_FOREIGN_MAX));
        json_set(o, "state", json_string(search_state_to_string(a->state)));
        json_set(o, "confidence", json_string(confidence_to_string(a->confidence)));
        json_set(o, "doubts", doubts);
        json_set(o, "corrected_from", text_within(correction, 2 * ALERT_FOREIGN_MAX));
        json_set(o, "credentials_misused", json_boolean(a->misused));
        json_set(o, "complete", json_boolean(!a->incomplete && a->n_unreadable == 0));
        json_set(o, "searched_account", text(a->searched_account));
        json_set(o, "error", error_of(&a->error));
        json_set(o, "actor", culprit ? call(culprit) : json_null());
        json_set(o, "actors", culprits(i));
        json_set(o, "others", others);
        json_set(o, "others_left_out",
                 json_integer((json_int_t)(listed - MIN(listed, OTHERS_MAX))));
        json_set(o, "calls_refused", json_integer(a->n_refused));
        json_set(o, "calls_not_kept", json_integer(a->n_not_kept));
        json_set(o, "calls_with_its_key", deeds(a));
        return o;
}

static json_t *what_to_do(const Incident *i, const AlertContext *c)
{
        _cleanup_(advice_done) Advice a =
                c->group ? alert_group_advice(c->group, c->now_msec) : advice_make(i, c->now_msec);
        json_t *array = json_array();

        for (size_t k = 0; k < a.n_steps; k++) {
                json_t *o = json_object();

                json_set(o, "step", json_string(a.steps[k].text));
                json_set(o, "command",
                         a.steps[k].command ? json_string(a.steps[k].command) : json_null());
                json_append(array, o);
        }
        return array;
}

/* What the message says of the incident's course: one phase, or both of a stop that is over. */
static json_t *phases(const char *phase)
{
        return streq(phase, phase_to_string(PHASE_RESTARTED))
                       ? json_pack("[s, s]", phase_to_string(PHASE_OPEN),
                                   phase_to_string(PHASE_CLOSED))
                       : json_pack("[s]", phase);
}

static json_t *begin(const AlertContext *c, const char *phase, Severity severity,
                     const char *subject)
{
        json_t *o = json_object(), *guard = json_object();

        json_set(guard, "hostname", text(c->hostname));
        json_set(guard, "version", json_string(PACKAGE_VERSION));
        json_set(o, "schema", json_string(ALERT_SCHEMA));
        json_t *all = phases(phase);
        json_set(o, "phase", json_incref(json_array_get(all, 0)));
        json_set(o, "phases", all);
        json_set(o, "sequence", json_integer(c->sequence));
        json_set(o, "severity", json_string(severity_to_string(severity)));
        json_set(o, "created", moment(c->now_msec));
        json_set(o, "subject", json_string(subject));
        json_set(o, "guard", guard);
        json_set(o, "durable", json_true());
        json_set(o, "not_durable_because", json_null());
        json_set(o, "truncated", json_false());
        return o;
}

char *alert_json_text(const json_t *document)
{
        char *s = json_dumps(document, JSON_COMPACT | JSON_ENSURE_ASCII);

        if (!s)
                abort();
        return s;
}

/* Whether a text in it was too long. */
static bool has_cut(const json_t *v)
{
        const char *key;
        const json_t *x;
        size_t k;

        if (json_is_string(v))
                return foreign_is_cut(json_string_value(v));
        json_object_foreach((json_t *)v, key, x) if (has_cut(x)) return true;
        json_array_foreach(v, k, x) if (has_cut(x)) return true;
        return false;
}

/* What is not in the document is in `trailsentry incidents`; the facts themselves always fit. */
static char *finish(json_t *o)
{
        static const char *const lists[][2] = {
                {"attribution", "calls_with_its_key"},
                {"attribution", "others"},
                {"attribution", "actors"},
                {"group", "actors"},
        };
        const json_t *left_out =
                json_object_get(json_object_get(o, "attribution"), "others_left_out");

        if (has_cut(o) || json_integer_value(left_out) > 0)
                json_set(o, "truncated", json_true());
        char *s = alert_json_text(o);

        for (size_t k = 0; k < ELEMENTSOF(lists) && strlen(s) > DOCUMENT_MAX; k++) {
                json_t *list = json_object_get(json_object_get(o, lists[k][0]), lists[k][1]);

                if (json_array_clear(list) < 0)
                        continue;
                json_set(o, "truncated", json_true());
                free(s);
                s = alert_json_text(o);
        }
        json_decref(o);
        return s;
}

char *alert_document(const Incident *i, const AlertContext *c, const char *subject)
{
        json_t *o = begin(c, phase_to_string(c->phase), i->severity, subject);
        _cleanup_free_ char *details = alert_details(i);
        _cleanup_free_ char *summary = c->group ? alert_group_summary(c->group) : alert_summary(i);

        _cleanup_free_ char *now = alert_now(i);
        _cleanup_facts_ Facts f = c->group ? alert_group_facts(c->group, c) : alert_facts(i, c);

        json_set(o, "headline", headline_to_json(&f.headline));
        json_set(o, "facts", facts_to_json(&f));
        json_set(o, "now", incident_kind_is_notice(i->kind) ? json_null() : text(now));
        json_set(o, "summary", json_string(summary));
        json_set(o, "details", i->text ? json_string(details) : json_null());
        json_set(o, "incident", incident(i));
        json_set(o, "trail", trail(i));
        json_set(o, "window", window(i, c->now_msec));
        json_set(o, "group", group(i, c->group));
        json_set(o, "restart", restart(i));
        json_set(o, "cause", error_of(&i->cause));
        json_set(o, "attribution", attribution(i));
        json_set(o, "what_to_do", what_to_do(i, c));
        return finish(o);
}

char *alert_test_document(const AlertContext *c, const char *subject, const char *summary)
{
        static const char *const none[] = {"details", "incident", "trail",       "window", "group",
                                           "restart", "cause",    "attribution", "now"};
        json_t *o = begin(c, "TEST", SEVERITY_INFO, subject);

        json_set(o, "sequence", json_integer(0));
        json_set(o, "summary", json_string(summary));
        for (size_t k = 0; k < ELEMENTSOF(none); k++)
                json_set(o, none[k], json_null());
        json_set(o, "headline",
                 headline_to_json(&(Headline){.word = (char *)"TEST", .state = (char *)summary}));
        json_set(o, "facts", json_array());
        json_set(o, "what_to_do", json_array());
        return finish(o);
}
