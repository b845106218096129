/* SPDX-License-Identifier: Apache-2.0 */

#include "core/alertjson.h"

#include "aws/arn.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/advice.h"
#include "core/alertpart.h"

/* Four copies of it and two of the text fit into one Publish, unless there is more to quote than
 * to say. */
#define DOCUMENT_MAX ((size_t)40 * 1024)
#define OTHERS_MAX 20

static void set(json_t *o, const char *name, json_t *value)
{
        if (json_object_set_new(o, name, value) < 0)
                abort(); /* memory, or a text that is not UTF-8, which escaping excludes */
}

static void append(json_t *array, json_t *value)
{
        if (json_array_append_new(array, value) < 0)
                abort();
}

static json_t *text(const char *s)
{
        _cleanup_free_ char *escaped = escape_text(s, ALERT_VALUE_CHARS);

        return *escaped ? json_string(escaped) : json_null();
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
        {"source_ip", offsetof(CloudTrailRecord, source_ip)},
        {"vpc_endpoint_id", offsetof(CloudTrailRecord, vpc_endpoint_id)},
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
        {"invoked_by", offsetof(UserIdentity, invoked_by)},
        {"vendor_account", offsetof(UserIdentity, invoked_by_delegate)},
        {"access_key_id", offsetof(UserIdentity, access_key_id)},
};

static void set_texts(json_t *o, const TextField *fields, size_t n, const void *source)
{
        for (size_t k = 0; k < n; k++)
                set(o, fields[k].name,
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
        json_t *o = json_object();

        set(o, "role", json_string(role_to_string(f->role)));
        set(o, "display_name", text(name));
        set_texts(o, identity_texts, ELEMENTSOF(identity_texts), u);
        set(o, "access_key_kind", key_kind(u));
        set(o, "mfa", u->mfa == MFA_UNKNOWN ? json_null() : json_boolean(u->mfa == MFA_YES));
        set(o, "session_since", moment(u->session_created_msec));
        set(o, "session_from_console", json_boolean(f->record.session_from_console));
        set_texts(o, record_texts, ELEMENTSOF(record_texts), &f->record);
        set(o, "event_time", moment(f->record.time_msec));
        return o;
}

static json_t *error_of(const AwsError *e)
{
        json_t *o;

        if (e->class == AWS_ERROR_NONE)
                return json_null();
        o = json_object();
        set(o, "class", json_string(aws_error_class_to_string(e->class)));
        set(o, "code", text(e->code));
        set(o, "message", text(e->message));
        set(o, "request_id", text(e->request_id));
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
        set(o, "arn", text(i->trail_arn));
        set(o, "name", text(arn_trail_name(&a)));
        set(o, "account", text(a.account));
        set(o, "region", text(a.region));
        return o;
}

static json_t *changes(const Incident *i)
{
        json_t *all = json_array();

        for (size_t k = 0; k < i->changes.n; k++) {
                const Change *c = &i->changes.items[k];
                json_t *o = json_object();

                set(o, "kind", json_string(change_kind_to_string(c->kind)));
                set(o, "severity", json_string(severity_to_string(c->severity)));
                set(o, "before", text(c->before));
                set(o, "after", text(c->after));
                set(o, "declared", json_boolean(c->declared));
                set(o, "undone", json_boolean(c->undone));
                append(all, o);
        }
        return all;
}

static json_t *incident(const Incident *i)
{
        json_t *o = json_object();

        set(o, "id", json_string(i->id));
        set(o, "kind", json_string(incident_kind_to_string(i->kind)));
        set(o, "open", json_boolean(i->open));
        set(o, "detected", moment(i->detected_msec));
        set(o, "closed", moment(i->closed_msec));
        set(o, "technique", text(incident_kind_technique(i->kind)));
        set(o, "changes", changes(i));
        return o;
}

static json_t *window(const Incident *i, int64_t now_msec)
{
        int64_t to = i->blind_to_msec ? i->blind_to_msec : i->open ? now_msec : 0;
        json_t *o;

        if (!alert_has_window(i))
                return json_null();
        o = json_object();
        set(o, "from", moment(i->blind_from_msec));
        set(o, "to", moment(i->blind_to_msec));
        set(o, "seconds",
            i->blind_from_msec && to > i->blind_from_msec
                    ? json_integer((to - i->blind_from_msec) / MSEC_PER_SEC)
                    : json_null());
        set(o, "lower_bound", json_boolean(i->stop_msec != 0));
        set(o, "stopped_again", moment(i->stop_moved_msec));
        return o;
}

/* What this message tells of at once; null for an incident that is alone. */
static json_t *group(const Incident *i)
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
        };
        json_t *o = json_object();

        for (size_t k = 0; k < ELEMENTSOF(counts); k++)
                set(o, counts[k].name, json_integer((json_int_t)counts[k].n));
        set(o, "first", moment(s->now.first_msec));
        set(o, "last", moment(s->now.last_msec));
        set(o, "ended", json_boolean(s->ended));
        return o;
}

static json_t *restart(const Incident *i)
{
        json_t *o;

        if (!alert_has_restart(i))
                return json_null();
        o = json_object();
        set(o, "state", json_string(restart_state_to_string(i->restart.state)));
        set(o, "attempts", json_integer(i->restart.attempts));
        set(o, "verified", json_boolean(i->restart.state == RESTART_VERIFIED));
        set(o, "error", error_of(&i->restart.error));
        set(o, "delivering", json_string(delivering_to_string(i->delivering)));
        set(o, "delivery_error", text(i->delivery_error));
        return o;
}

static json_t *deeds(const Attribution *a)
{
        json_t *array = json_array();

        for (size_t k = 0; k < a->n_deeds; k++) {
                json_t *o = json_object();

                set(o, "event_name", text(a->deeds[k].event_name));
                set(o, "event_source", text(a->deeds[k].event_source));
                set(o, "calls", json_integer(a->deeds[k].calls));
                set(o, "refused", json_integer(a->deeds[k].refused));
                append(array, o);
        }
        return array;
}

static json_t *attribution(const Incident *i)
{
        const Attribution *a = &i->attribution;
        const Finding *culprit = incident_find_role(i, ROLE_CULPRIT);
        _cleanup_free_ char *summary = alert_actor(i);
        json_t *o, *others;
        size_t listed = 0;

        if (a->state == SEARCH_NOT_NEEDED)
                return json_null();
        o = json_object();
        others = json_array();
        for (size_t k = 0; k < a->n_findings; k++)
                if (alert_role_is_listed(a->findings[k].role) && listed++ < OTHERS_MAX)
                        append(others, call(&a->findings[k]));
        set(o, "summary", text(summary));
        set(o, "state", json_string(search_state_to_string(a->state)));
        set(o, "confidence", json_string(confidence_to_string(a->confidence)));
        set(o, "credentials_misused", json_boolean(a->misused));
        set(o, "complete", json_boolean(!a->incomplete && a->n_unreadable == 0));
        set(o, "searched_account", text(a->searched_account));
        set(o, "error", error_of(&a->error));
        set(o, "actor", culprit ? call(culprit) : json_null());
        set(o, "others", others);
        set(o, "others_left_out", json_integer((json_int_t)(listed - MIN(listed, OTHERS_MAX))));
        set(o, "calls_with_its_key", deeds(a));
        return o;
}

static json_t *what_to_do(const Incident *i, int64_t now_msec)
{
        _cleanup_(advice_done) Advice a = advice_make(i, now_msec);
        json_t *array = json_array();

        for (size_t k = 0; k < a.n_steps; k++) {
                json_t *o = json_object();

                set(o, "step", json_string(a.steps[k].text));
                set(o, "command",
                    a.steps[k].command ? json_string(a.steps[k].command) : json_null());
                append(array, o);
        }
        return array;
}

static json_t *begin(const AlertContext *c, const char *phase, Severity severity,
                     const char *subject)
{
        json_t *o = json_object(), *guard = json_object();

        set(guard, "hostname", text(c->hostname));
        set(guard, "version", json_string(PACKAGE_VERSION));
        set(o, "schema", json_string(ALERT_SCHEMA));
        set(o, "phase", json_string(phase));
        set(o, "sequence", json_integer(c->sequence));
        set(o, "severity", json_string(severity_to_string(severity)));
        set(o, "created", moment(c->now_msec));
        set(o, "subject", json_string(subject));
        set(o, "guard", guard);
        set(o, "durable", json_true());
        set(o, "not_durable_because", json_null());
        set(o, "truncated", json_false());
        return o;
}

char *alert_json_text(const json_t *document)
{
        char *s = json_dumps(document, JSON_COMPACT | JSON_ENSURE_ASCII);

        if (!s)
                abort();
        return s;
}

/* What is not in the document is in `trailsentry incidents`; the facts themselves always fit. */
static char *finish(json_t *o)
{
        static const char *const lists[][2] = {
                {"attribution", "calls_with_its_key"},
                {"attribution", "others"},
        };
        char *s = alert_json_text(o);

        for (size_t k = 0; k < ELEMENTSOF(lists) && strlen(s) > DOCUMENT_MAX; k++) {
                json_t *list = json_object_get(json_object_get(o, lists[k][0]), lists[k][1]);

                if (json_array_clear(list) < 0)
                        continue;
                set(o, "truncated", json_true());
                free(s);
                s = alert_json_text(o);
        }
        json_decref(o);
        return s;
}

char *alert_document(const Incident *i, const AlertContext *c, const char *subject)
{
        json_t *o = begin(c, phase_to_string(c->phase), i->severity, subject);
        _cleanup_free_ char *summary = alert_summary(i), *details = alert_details(i);

        set(o, "summary", json_string(summary));
        set(o, "details", i->text ? json_string(details) : json_null());
        set(o, "incident", incident(i));
        set(o, "trail", trail(i));
        set(o, "window", window(i, c->now_msec));
        set(o, "group", group(i));
        set(o, "restart", restart(i));
        set(o, "cause", error_of(&i->cause));
        set(o, "attribution", attribution(i));
        set(o, "what_to_do", what_to_do(i, c->now_msec));
        return finish(o);
}

char *alert_test_document(const AlertContext *c, const char *subject, const char *summary)
{
        static const char *const none[] = {"details", "incident", "trail", "window",
                                           "group",   "restart",  "cause", "attribution"};
        json_t *o = begin(c, "TEST", SEVERITY_INFO, subject);

        set(o, "sequence", json_integer(0));
        set(o, "summary", json_string(summary));
        for (size_t k = 0; k < ELEMENTSOF(none); k++)
                set(o, none[k], json_null());
        set(o, "what_to_do", json_array());
        return finish(o);
}
