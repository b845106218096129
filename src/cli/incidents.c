/* SPDX-License-Identifier: Apache-2.0 */
/* `trailsentry incidents`: what the state directory holds, newest first, or all of one. Nothing
 * there is changed; a file that cannot be read is told and left where it is. */

#include <errno.h>

#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "core/alerttext.h"
#include "core/incidentjson.h"
#include "daemon/spool.h"

typedef struct Found {
        Incident **items; /* oldest first */
        size_t n;
        char **corrupt;
        size_t n_corrupt;
} Found;

static void on_incident(void *userdata, Incident *incident)
{
        Found *f = userdata;

        *mem_push0(f->items, f->n) = incident;
}

static void on_memory(void *userdata, const TrailMemory *memory)
{
}

static void on_corrupt(void *userdata, const char *path, const char *reason)
{
        Found *f = userdata;

        *mem_push0(f->corrupt, f->n_corrupt) = mem_printf("%s %s", path, reason);
}

static void found_done(Found *f)
{
        for (size_t i = 0; i < f->n; i++)
                incident_free(f->items[i]);
        free(f->items);
        mem_free_strv(f->corrupt, f->n_corrupt);
}

static size_t count_unsent(const Incident *i)
{
        size_t n = 0;

        for (size_t k = 0; k < i->n_messages; k++)
                for (size_t d = 0; d < i->messages[k].n_deliveries; d++)
                        n += !i->messages[k].deliveries[d].sent;
        return n;
}

static CliExit judge_incident(const Incident *i)
{
        return i->open || count_unsent(i) > 0 ? CLI_EXIT_WRONG : CLI_EXIT_WELL;
}

static CliExit judge_all(const Found *f)
{
        for (size_t i = 0; i < f->n; i++)
                if (judge_incident(f->items[i]) != CLI_EXIT_WELL)
                        return CLI_EXIT_WRONG;
        return f->n_corrupt > 0 ? CLI_EXIT_WRONG : CLI_EXIT_WELL;
}

/* "3 min 12 s", with a "+" while it goes on; "-" when it is not known. Owned. */
static char *blind_words(const Incident *i, int64_t now_msec)
{
        int64_t to = i->blind_to_msec ? i->blind_to_msec : now_msec;
        char buf[TIMEFMT_MAX];

        if (i->blind_from_msec == 0 || to < i->blind_from_msec ||
            (i->blind_to_msec == 0 && !i->open))
                return mem_strdup("-");
        return mem_printf("%s%s", timefmt_duration(to - i->blind_from_msec, buf),
                          i->blind_to_msec ? "" : "+");
}

/* The list */

static void add_row(Table *t, const Cli *c, const Incident *i)
{
        _cleanup_free_ char *trail = trail_words(i->trail_arn ? i->trail_arn : "the guard itself"),
                            *actor = alert_actor(i);
        _cleanup_free_ char *blind = blind_words(i, c->now_msec);
        size_t unsent = count_unsent(i);
        char when[TIMEFMT_MAX];

        /* "2026-11-23 03:12:09", as the heading says in UTC. */
        timefmt_iso8601(i->detected_msec / 1000 * 1000, when);
        when[strcspn(when, "T")] = ' ';
        when[strcspn(when, "Z")] = '\0';

        table_cell(t, PRINT_PLAIN, "%s", when);
        table_cell(t, PRINT_PLAIN, "%s", i->id);
        table_cell(t, PRINT_PLAIN, "%s", incident_kind_to_string(i->kind));
        table_cell(t, i->open ? PRINT_BAD : PRINT_GOOD, i->open ? "open" : "closed");
        table_cell(t, PRINT_PLAIN, "%s", blind);
        table_note(t, PRINT_PLAIN, "%s", trail);
        if (i->attribution.state != SEARCH_NOT_NEEDED || i->attribution.misused)
                table_note(t, i->attribution.misused ? PRINT_BAD : PRINT_PLAIN, "by: %s", actor);
        if (i->group)
                table_note(t, PRINT_PLAIN, "told by incident %s", i->group);
        if (unsent > 0)
                table_note(t, PRINT_WARNING, "%zu message%s not sent yet", unsent,
                           unsent == 1 ? "" : "s");
}

static void print_list(const Cli *c, const Found *f)
{
        static const char *const headings[] = {"DETECTED (UTC)", "INCIDENT", "KIND",
                                               "STATE",          "BLIND",    NULL};
        _cleanup_(table_freep) Table *t = table_new(headings);

        for (size_t i = f->n; i > 0; i--)
                add_row(t, c, f->items[i - 1]);
        if (f->n > 0)
                table_print(t, &c->out);
        else
                print_line(&c->out, PRINT_GOOD, "No incidents in %s.", c->state_directory);
        for (size_t i = 0; i < f->n_corrupt; i++)
                print_line(&c->out, PRINT_BAD, "%s", f->corrupt[i]);
}

static void print_list_json(const Cli *c, const Found *f)
{
        json_t *incidents = json_array(), *corrupt = json_array();

        for (size_t i = f->n; i > 0; i--)
                (void)json_array_append_new(incidents, incident_to_json(f->items[i - 1]));
        for (size_t i = 0; i < f->n_corrupt; i++)
                (void)json_array_append_new(corrupt, json_string(f->corrupt[i]));
        print_json(&c->out, json_pack("{s:i, s:o, s:o}", "exit_status", (int)judge_all(f),
                                      "incidents", incidents, "unreadable", corrupt));
}

/* One incident */

static void print_time(const Printer *p, const char *label, int64_t msec)
{
        char buf[TIMEFMT_MAX];

        if (msec != 0)
                print_row(p, label, PRINT_PLAIN, "%s", timefmt_iso8601(msec, buf));
}

static void print_string(const Printer *p, const char *label, const char *text)
{
        print_row(p, label, PRINT_PLAIN, "%s", strempty(text));
}

static void print_error(const Printer *p, const char *label, const AwsError *e)
{
        _cleanup_free_ char *words = NULL;

        if (e->class == AWS_ERROR_NONE)
                return;
        words = alert_error_words(e);
        print_row(p, label, PRINT_WARNING, "%s", words);
}

static void print_overview(const Printer *p, const Incident *i, int64_t now_msec)
{
        _cleanup_free_ char *summary = alert_summary(i), *blind = blind_words(i, now_msec);
        _cleanup_free_ char *actor = alert_actor(i);
        const Restart *r = &i->restart;
        const Attribution *a = &i->attribution;

        print_line(p, PRINT_HEADING, "Incident %s", i->id);
        print_row(p, "Summary", i->open ? PRINT_BAD : PRINT_PLAIN, "%s", summary);
        print_string(p, "Trail", i->trail_arn);
        print_row(p, "Kind", PRINT_PLAIN, "%s, severity %s", incident_kind_to_string(i->kind),
                  severity_to_string(i->severity));
        print_row(p, "State", i->open ? PRINT_BAD : PRINT_GOOD, "%s", i->open ? "open" : "closed");
        print_error(p, "Cause", &i->cause);
        print_time(p, "Detected", i->detected_msec);
        print_time(p, "Closed", i->closed_msec);
        print_time(p, "Blind from", i->blind_from_msec);
        print_time(p, "Blind to", i->blind_to_msec);
        print_string(p, "Blind for", blind);

        print_row(p, "Restart", r->state == RESTART_FAILING ? PRINT_BAD : PRINT_PLAIN,
                  "%s (%u StartLogging, %u unanswered)", restart_state_to_string(r->state),
                  r->attempts, r->unanswered);
        print_error(p, "Last failure", &r->error);
        for (size_t k = 0; k < r->n_request_ids; k++)
                print_string(p, "Request id", r->request_ids[k]);
        print_row(p, "Delivering", i->delivering == DELIVERING_NO ? PRINT_BAD : PRINT_PLAIN,
                  "%s %s", delivering_to_string(i->delivering), strempty(i->delivery_error));

        print_row(p, "Actor", a->misused ? PRINT_BAD : PRINT_PLAIN, "%s", actor);
        print_row(p, "Confidence", PRINT_PLAIN, "%s; search %s, %u complete look%s%s",
                  confidence_to_string(a->confidence), search_state_to_string(a->state), a->rounds,
                  a->rounds == 1 ? "" : "s", a->incomplete ? ", not all events were read" : "");
        print_error(p, "Last failure", &a->error);
}

static void print_finding(const Printer *p, const Finding *f)
{
        const CloudTrailRecord *r = &f->record;
        const UserIdentity *u = &r->identity;
        bool main = f->role == ROLE_CULPRIT || f->role == ROLE_OWN_MISUSED;
        _cleanup_free_ char *name = identity_display_name(u);

        print_blank(p);
        print_line(p, PRINT_HEADING, "%s", r->event_name ? r->event_name : "Event");
        print_row(p, "Role", main ? PRINT_BAD : PRINT_PLAIN, "%s", role_to_string(f->role));
        print_time(p, "Time", r->time_msec);
        print_row(p, "Who", PRINT_PLAIN, "%s (%s)", name, strempty(u->type_text));
        print_string(p, "ARN", u->arn);
        print_string(p, "Account", u->account_id);
        print_string(p, "Access key", u->access_key_id);
        if (u->mfa != MFA_UNKNOWN)
                print_string(p, "MFA", u->mfa == MFA_YES ? "yes" : "no");
        print_string(p, "Issuer", u->issuer_arn);
        print_string(p, "Source identity", u->source_identity);
        print_string(p, "Invoked by", u->invoked_by);
        print_string(p, "From", r->source_ip);
        print_string(p, "User agent", r->user_agent);
        print_string(p, "Region", r->region);
        print_string(p, "Trail as given", r->trail);
        print_string(p, "Error", r->error_code);
        print_string(p, "Error message", r->error_message);
        print_string(p, "Event id", r->event_id);
        print_string(p, "Request id", r->request_id);
}

static void print_deeds(const Printer *p, const Attribution *a)
{
        if (a->n_deeds == 0)
                return;
        print_blank(p);
        print_line(p, PRINT_HEADING, "All calls with access key %s, from an hour before",
                   strempty(a->deeds_key));
        for (size_t k = 0; k < a->n_deeds; k++)
                print_row(p, "Call", PRINT_PLAIN, "%s, %s: %u, %u of them refused",
                          strempty(a->deeds[k].event_name), strempty(a->deeds[k].event_source),
                          a->deeds[k].calls, a->deeds[k].refused);
}

static void print_message(const Printer *p, const Message *m)
{
        print_blank(p);
        print_line(p, PRINT_HEADING, "Message %u: %s", m->sequence, phase_to_string(m->phase));
        print_time(p, "Made", m->created_msec);
        print_string(p, "Severity", severity_to_string(m->severity));
        for (size_t k = 0; k < m->n_deliveries; k++) {
                const Delivery *d = &m->deliveries[k];

                print_row(p, d->sent ? "Sent" : "NOT SENT", d->sent ? PRINT_GOOD : PRINT_WARNING,
                          "%s %s", d->topic_arn, strempty(d->message_id));
        }
        print_string(p, "Subject", m->subject);
        print_blank(p);
        print_block(p, m->body);
}

static CliExit show_one(const Cli *c, const Found *f)
{
        const Printer *p = &c->out;
        const Incident *i = NULL;
        size_t n = 0;

        for (size_t k = 0; k < f->n; k++)
                if (strncmp(f->items[k]->id, c->argument, strlen(c->argument)) == 0) {
                        i = f->items[k];
                        n++;
                }
        if (n != 1) {
                cli_complain("%zu incidents in %s begin with \"%s\"%s", n, c->state_directory,
                             c->argument, n > 1 ? ": write more of the id" : "");
                return CLI_EXIT_USAGE;
        }

        if (c->json) {
                print_json(p, incident_to_json(i));
                return judge_incident(i);
        }
        print_overview(p, i, c->now_msec);
        for (size_t k = 0; k < i->attribution.n_findings; k++)
                print_finding(p, &i->attribution.findings[k]);
        print_deeds(p, &i->attribution);
        for (size_t k = 0; k < i->n_messages; k++)
                print_message(p, &i->messages[k]);
        return judge_incident(i);
}

CliExit cli_incidents(const Cli *c)
{
        _cleanup_(found_done) Found f = {};
        const SpoolLoad load = {
                .incident = on_incident,
                .memory = on_memory,
                .corrupt = on_corrupt,
                .userdata = &f,
        };
        int r;

        if (c->argument && !spool_id_is_valid(c->argument)) {
                cli_complain("\"%s\" is not the beginning of an incident's id (0-9, a-f)",
                             c->argument);
                return CLI_EXIT_USAGE;
        }
        r = spool_peek(c->state_directory, &load);
        if (r < 0) {
                cli_complain("%s cannot be read: %s%s", c->state_directory, strerror(-r),
                             r == -ENOENT   ? "; trailsentryd has never run, or keeps its state "
                                              "elsewhere (--state-directory)"
                             : r == -EACCES ? "; run as root, or as a member of the group "
                                              "trailsentry"
                                            : "");
                return CLI_EXIT_UNKNOWN;
        }

        if (c->argument)
                return show_one(c, &f);
        if (c->json)
                print_list_json(c, &f);
        else
                print_list(c, &f);
        return judge_all(&f);
}
