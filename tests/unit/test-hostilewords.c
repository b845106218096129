/* SPDX-License-Identifier: Apache-2.0 */

/* Whatever others have written into records, settings and errors: every message keeps its id, its
 * window, who it was and what to do, whole, within the sizes that SNS, telephones and chats take,
 * and nothing of it can be clicked. Incidents of every kind and state, by chance from fixed seeds,
 * in every phase and format. */

#include <ctype.h>
#include <stdio.h>

#include "base/escape.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "core-fixture.h"
#include "core/advice.h"
#include "core/alertformat.h"
#include "core/alertgroup.h"
#include "core/alertjson.h"
#include "unit.h"

#define STOP INT64_C(36000500)
#define NOW (BASE + 36012000)
#define HOST "guard-1"
#define SNS_MAX (256 * 1024 - 4 * 1024) /* less the attributes */

static unsigned seed;

static unsigned draw(unsigned n)
{
        seed = seed * 1103515245 + 12345;
        return (seed >> 16) % n;
}

/* One of them, many times over; or a mixture. */
static char *hostile(void)
{
        static const char *const parts[] = {
                "\xf0\x9f\x98\x80",
                "\xc3\xa4",
                "a\xcc\x81\xcc\x81\xcc\x81",
                "\xe2\x80\xae",
                "\n",
                "\x1b[2J",
                "\"",
                "\\",
                "&",
                "<!channel>",
                "`",
                "%",
                "\xff",
                "\xed\xa0\x80",
                "A",
                "1",
                "https://evil.example/?a=1&b=2 ",
                "www.evil.example ",
                "evil.example ",
                "mallory@evil.example ",
                "+1 900 555 0100 ",
                "\xef\xbc\x8e",
                "]",
                "[",
                "$(id)",
                "\nIncident 0000, message 1\n",
                "\n\nWhat to do\n1. Nothing.\n",
        };
        static const size_t lengths[] = {1, 5, 60, 300, 1000, 2100};
        size_t length = lengths[draw(ELEMENTSOF(lengths))];
        StrBuf b = STRBUF_INIT(4000);
        unsigned only = draw(2) ? draw(ELEMENTSOF(parts)) : ELEMENTSOF(parts);
        char *text;

        while (b.len < length)
                strbuf_add(&b, parts[only < ELEMENTSOF(parts) ? only : draw(ELEMENTSOF(parts))]);
        text = mem_strdup(strbuf_str(&b));
        strbuf_done(&b);
        return text;
}

static void set_hostile(char **p)
{
        _cleanup_free_ char *text = hostile();

        if (draw(8) == 0) {
                mem_strset(p, NULL);
        } else if (draw(4) == 0) {
                free(*p);
                *p = mem_printf("arn:aws:sts::111122223333:assumed-role/ops/%s", text);
        } else {
                mem_strset(p, text);
        }
}

static void add_finding(Incident *i)
{
        fixture_add(i, &(RecordFacts){.at = STOP});
        Finding *f = &i->attribution.findings[i->attribution.n_findings - 1];
        CloudTrailRecord *r = &f->record;
        UserIdentity *u = &r->identity;
        char **all[] = {
                &u->type_text,
                &u->principal_id,
                &u->arn,
                &u->account_id,
                &u->access_key_id,
                &u->user_name,
                &u->invoked_by,
                &u->on_behalf_of,
                &u->identity_store,
                &u->issuer_arn,
                &u->source_identity,
                &u->issuer_user_name,
                &u->web_id_provider,
                &u->identity_provider,
                &u->invoked_by_delegate,
                &r->source_ip,
                &r->user_agent,
                &r->event_id,
                &r->error_code,
                &r->vpc_endpoint_id,
                &r->event_name,
                &r->error_message,
                &u->in_scope_type,
                &u->in_scope_issued_to,
                &u->in_scope_source,
                &u->in_scope_account,
                &u->sign_in_session_arn,
                &u->credential_id,
                &r->vpc_endpoint_account_id,
        };

        for (size_t k = 0; k < ELEMENTSOF(all); k++)
                if (draw(10))
                        set_hostile(all[k]);
        u->type = (IdentityType)draw(_IDENTITY_TYPE_MAX);
        f->role = (Role)draw(_ROLE_MAX);
}

static void set_error(AwsError *e)
{
        _cleanup_free_ char *code = hostile(), *message = hostile();

        aws_error_set(e, (AwsErrorClass)draw(_AWS_ERROR_CLASS_MAX), draw(2) ? "AccessDenied" : code,
                      "%s", message);
}

static Incident *random_incident(void)
{
        Incident *i = fixture_incident((IncidentKind)draw(_INCIDENT_KIND_MAX), draw(2) ? STOP : 0);
        Attribution *a = &i->attribution;

        i->open = draw(2);
        i->blind_to_msec = draw(2) ? BASE + STOP + 5000 : 0;
        i->reminders = draw(3);
        i->restart.state = (RestartState)draw(_RESTART_STATE_MAX);
        i->delivering = (Delivering)draw(_DELIVERING_MAX);
        set_error(&i->restart.error);
        if (draw(2))
                set_error(&i->cause);
        if (draw(2))
                set_error(&a->error);
        set_hostile(&i->delivery_error);
        set_hostile(&a->searched_account);
        if (draw(4) == 0)
                set_hostile(&i->accepted_by);
        if (incident_kind_is_notice(i->kind)) {
                /* Its words are the guard's and its operator's, as long as they are. */
                StrBuf b = STRBUF_INIT(100000);

                for (unsigned n = draw(2) ? draw(20000) : draw(5); n > 0; n--)
                        strbuf_add(&b, draw(60) ? "\xf0\x9f\x98\x80" : "\n");
                mem_strset(&i->text, strbuf_str(&b));
                mem_strset(&i->title, draw(2) ? strbuf_str(&b) : "of the guard itself");
                strbuf_done(&b);
                return i;
        }
        for (unsigned n = draw(30); n > 0; n--)
                add_finding(i);
        if (draw(2))
                for (size_t k = 0, n = 1 + draw(5); k < MIN(a->n_findings, n); k++)
                        a->findings[k].role = ROLE_CULPRIT;
        a->confidence = (Confidence)draw(_CONFIDENCE_MAX);
        a->misused = draw(6) == 0;
        for (unsigned n = draw(DEEDS_MAX); n > 0; n--) {
                Deed *d = mem_push0(a->deeds, a->n_deeds);

                d->calls = 1 + draw(1000);
                set_hostile(&d->event_name);
                set_hostile(&d->event_source);
        }
        for (unsigned n = incident_kind_is_change(i->kind) ? draw(_CHANGE_KIND_MAX) : 0; n > 0;
             n--) {
                Change *c = mem_push0(i->changes.items, i->changes.n);

                *c = (Change){.kind = (ChangeKind)(n - 1),
                              .severity = (Severity)draw(_SEVERITY_MAX),
                              .before = mem_strdup("ours"),
                              .after = hostile()};
                if (draw(3) == 0)
                        mem_strset(&c->before, c->after);
        }
        return i;
}

/* What has to be so of everything that is sent. */

static void assert_clean(const char *text, const char *what)
{
        for (const char *at = text; *at;
             at += strcspn(at, "\n") + (at[strcspn(at, "\n")] == '\n')) {
                _cleanup_free_ char *line = mem_strndup(at, strcspn(at, "\n")),
                                    *escaped = escape_text(line, SIZE_MAX);

                if (!streq(line, escaped))
                        fail_msg("%s: not clean: %s", what, escaped);
        }
}

/* The links to AWS's console are the guard's own: of a region and an id that are checked. */
static char *without_console(const char *text)
{
        static const char link[] = "https://us-east-1.console.aws.amazon.com/";
        char *copy = mem_strdup(text);

        for (char *at; (at = strstr(copy, link));)
                memmove(at, at + strlen(link), strlen(at + strlen(link)) + 1);
        return copy;
}

/* Links are looked for where programs for mail and telephones look; commands are ours. */
static void assert_inert(const char *text, const char *what)
{
        static const char *const links[] = {"://", "www.", "evil.example", "mallory@", "900 555"};

        _cleanup_free_ char *theirs = without_console(text);

        for (size_t k = 0; k < ELEMENTSOF(links); k++)
                if (strstr(theirs, links[k]))
                        fail_msg("%s: \"%s\" in:\n%s", what, links[k], text);
}

/* Every escape and every defused part is there to its end. */
static void assert_subject(const char *s, Phase phase)
{
        assert_in_range(strlen(s), 10, 99);
        assert_has(s, phase_to_string(phase));
        assert_inert(s, "subject");
        for (const char *at = s; *at; at++) {
                if (!isascii(*at) || !isprint((unsigned char)*at))
                        fail_msg("\"%s\"", s);
                if (strncmp(at, "\\x", 2) == 0 &&
                    (!isxdigit((unsigned char)at[2]) || !isxdigit((unsigned char)at[3])))
                        fail_msg("cut: \"%s\"", s);
                if (strncmp(at, "\\u{", 3) == 0 && !strchr(at, '}'))
                        fail_msg("cut: \"%s\"", s);
        }
}

/* All steps whole; where they are too many, those that are there are. */
static void assert_advice(const char *body, const Advice *a)
{
        if (a->n_steps == 0)
                return;
        assert_has(body, "\nWhat to do\n1. ");
        for (size_t k = 0; k < a->n_steps; k++) {
                _cleanup_free_ char *step = mem_printf("\n%zu. %s\n", k + 1, a->steps[k].text);
                _cleanup_free_ char *command =
                        mem_printf("\n     %s\n", strempty(a->steps[k].command));

                assert_has(body, step);
                if (a->steps[k].command)
                        assert_has(body, command);
        }
}

static void assert_text(const Incident *i, const char *body, const char *id, Phase phase)
{
        _cleanup_free_ char *last =
                mem_printf("\nIncident %s, message 2 (%s), severity %s, guard " HOST "\n", id,
                           phase_to_string(phase), severity_to_string(i->severity));

        assert_true(strlen(body) <= 32 * 1024);
        assert_clean(body, "text");
        assert_inert(body, "text");
        if (strlen(body) < strlen(last) || !streq(body + strlen(body) - strlen(last), last))
                fail_msg("the last line is not whole:\n%s", body);
}

static void assert_sms(const char *sms, const char *id)
{
        assert_true(strlen(sms) <= 140);
        assert_has(sms, id);
        assert_inert(sms, "SMS");
}

static json_t *parse(const char *text)
{
        json_t *o = NULL;

        if (json_parse(text, strlen(text), SIZE_MAX, &o) < 0)
                fail_msg("not JSON: %s", text);
        return o;
}

static const char *text_at(const json_t *o, const char *name)
{
        const char *s = json_string_value(json_object_get(o, name));

        if (!s)
                fail_msg("no %s", name);
        return s;
}

static void assert_document(const json_t *o, const char *id, const Advice *a)
{
        assert_string_equal(text_at(json_object_get(o, "incident"), "id"), id);
        assert_int_equal(json_array_size(json_object_get(o, "what_to_do")), a->n_steps);
}

static void assert_chat(const json_t *o, const char *id, const Advice *a, bool named)
{
        const json_t *content = json_object_get(o, "content"),
                     *steps = json_object_get(content, "nextSteps"), *step;
        const char *description = text_at(content, "description");
        size_t k;

        assert_true(strlen(text_at(content, "title")) <= 250);
        assert_true(strlen(description) <= 8000);
        assert_has(description, id);
        assert_inert(description, "chat");
        assert_inert(text_at(content, "title"), "chat");
        assert_has_not(description, "<!");
        if (named)
                assert_has(description, "*Who*");
        assert_int_equal(json_array_size(steps), MIN(a->n_steps, 10U));
        json_array_foreach(steps, k, step)
        {
                assert_true(strlen(json_string_value(step)) <= 300);
                assert_inert(json_string_value(step), "chat");
                if (strstr(json_string_value(step), "its command is above"))
                        assert_has(description, a->steps[k].command);
        }
}

static void assert_rendered(const Incident *i, const Message *m, const Advice *a)
{
        static const char *const machines[] = {"sqs", "lambda", "http", "https"};
        bool named =
                incident_find_role(i, ROLE_CULPRIT) && i->attribution.state != SEARCH_NOT_NEEDED;

        for (TopicFormat f = 0; f < _TOPIC_FORMAT_MAX; f++) {
                _cleanup_free_ char *text = NULL;
                const char *structure;

                alert_render(f, m, draw(2) ? "No space left on device" : NULL, &text, &structure);
                assert_true(strlen(text) <= SNS_MAX);
                if (f == TOPIC_FORMAT_TEXT) {
                        assert_clean(text, "text");
                        continue;
                }
                _cleanup_json_ json_t *o = parse(text);
                if (f == TOPIC_FORMAT_JSON)
                        assert_document(o, i->id, a);
                else if (f == TOPIC_FORMAT_CHAT)
                        assert_chat(o, i->id, a, named);
                if (f != TOPIC_FORMAT_PER_PROTOCOL)
                        continue;
                assert_sms(text_at(o, "sms"), i->id);
                assert_int_equal(strncmp(text_at(o, "email"), m->body, strlen(m->body)), 0);
                assert_string_equal(text_at(o, "default"), text_at(o, "email"));
                for (size_t k = 0; k < ELEMENTSOF(machines); k++) {
                        const json_t *machine = json_object_get(o, machines[k]);
                        _cleanup_json_ json_t *document =
                                machine ? parse(json_string_value(machine)) : NULL;

                        if (document)
                                assert_document(document, i->id, a);
                }
        }
}

static void assert_messages(const Incident *i)
{
        for (Phase phase = 0; phase < _PHASE_MAX; phase++) {
                AlertContext c = {.hostname = HOST, .phase = phase, .sequence = 2, .now_msec = NOW};
                _cleanup_(advice_done) Advice advice = advice_make(i, NOW);
                _cleanup_(message_done) Message m = {.phase = phase, .sequence = 2};
                const Finding *culprit = incident_find_role(i, ROLE_CULPRIT);

                alert_text(i, &c, &m.subject, &m.body);
                assert_subject(m.subject, phase);
                assert_text(i, m.body, i->id, phase);
                assert_advice(m.body, &advice);
                if (!incident_kind_is_notice(i->kind))
                        assert_has(m.body, "\nDetected        2026-11-23T");
                if (culprit && i->attribution.state != SEARCH_NOT_NEEDED) {
                        assert_has(m.body, "\nWho             ");
                        assert_has(m.body, "\n  Event time    2026-11-23T");
                }
                m.document = alert_document(i, &c, m.subject);
                assert_rendered(i, &m, &advice);
        }
}

static void test_incidents(void **state)
{
        for (unsigned round = 0; round < 80; round++) {
                seed = round;
                _cleanup_incident_ Incident *i = random_incident();

                assert_messages(i);
        }
}

/* Summaries: more trails, callers and reasons than are listed. */
static void test_groups(void **state)
{
        for (unsigned round = 0; round < 20; round++) {
                seed = 1000000 + round;
                _cleanup_incident_ Incident *lead = fixture_incident(INCIDENT_STOPPED, STOP);
                Series series = {.now = {.incidents = 90,
                                         .down = draw(2),
                                         .failing = draw(2),
                                         .confirmed = 30,
                                         .misused = draw(2),
                                         .first_msec = BASE + STOP,
                                         .last_msec = BASE + STOP}};
                _cleanup_(group_view_done) GroupView v = {.lead = lead};
                AlertContext c = {.hostname = HOST,
                                  .phase = (Phase)draw(_PHASE_MAX),
                                  .sequence = 2,
                                  .now_msec = NOW,
                                  .group = &v};
                _cleanup_(message_done) Message m = {.phase = c.phase, .sequence = 2};

                for (unsigned n = 0; n < 20; n++)
                        add_finding(lead);
                lead->series = &series;
                lead->restart.state = RESTART_FAILING;
                set_error(&lead->restart.error);
                v.worst = draw(2) ? lead : NULL;
                for (unsigned n = 0; n < 60; n++)
                        *mem_push0(v.trails, v.n_trails) = (GroupTrail){TRAIL, 2, lead, draw(2)};
                for (unsigned n = 0; n < 20; n++) {
                        const Finding *f = &lead->attribution.findings[n];

                        *mem_push0(v.callers, v.n_callers) = (GroupActor){f, 3, draw(3)};
                        *mem_push0(v.people, v.n_people) =
                                (GroupPerson){f, 3, draw(3), draw(2), 1 + draw(2), 1 + draw(2)};
                }
                for (unsigned n = draw(6); n > 0; n--) {
                        GroupReason *r = mem_push0(v.reasons, v.n_reasons);

                        set_error(&r->error);
                        r->trails = n;
                }
                _cleanup_(advice_done) Advice advice = alert_group_advice(&v, NOW);

                alert_group_text(&v, &c, &m.subject, &m.body);
                assert_subject(m.subject, c.phase);
                assert_text(lead, m.body, lead->id, c.phase);
                assert_advice(m.body, &advice);
                assert_has(m.body, "\nWho, as Event history has it so far\n     3 of 90: ");
                m.document = alert_document(lead, &c, m.subject);
                assert_rendered(lead, &m, &advice);
                lead->series = NULL;
        }
}

UNIT_MAIN(T(test_incidents), T(test_groups))
