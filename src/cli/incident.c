/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/incident.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "core/alerttext.h"

static void print_time(const Printer *p, const char *label, int64_t msec)
{
        char buf[TIMEFMT_MAX];

        if (msec != 0)
                print_row(p, label, PRINT_PLAIN, "%s", timefmt_iso8601(msec, buf));
}

static void print_string(const Printer *p, const char *label, const char *text)
{
        if (!isempty(text))
                print_row(p, label, PRINT_PLAIN, "%s", text);
}

static void print_error(const Printer *p, const char *label, const AwsError *e)
{
        _cleanup_free_ char *words = NULL;

        if (e->class == AWS_ERROR_NONE)
                return;
        words = alert_error_words(e);
        print_row(p, label, PRINT_WARNING, "%s", words);
}

static void print_window(const Printer *p, const Incident *i, int64_t now_msec)
{
        int64_t to = i->blind_to_msec ? i->blind_to_msec : now_msec;
        char from_text[TIMEFMT_MAX], to_text[TIMEFMT_MAX], duration[TIMEFMT_MAX];

        if (i->blind_from_msec == 0)
                return;
        timefmt_iso8601(i->blind_from_msec, from_text);
        timefmt_iso8601(to, to_text);
        if (i->blind_to_msec == 0 && !i->open)
                print_row(p, "Blind", PRINT_PLAIN, "from %s, to a time that is not known",
                          from_text);
        else
                print_row(p, "Blind", i->blind_to_msec ? PRINT_PLAIN : PRINT_BAD,
                          "from %s to %s (%s%s; at least)", from_text,
                          i->blind_to_msec ? to_text : "now",
                          timefmt_duration(to - i->blind_from_msec, duration),
                          i->blind_to_msec ? "" : " so far");
        print_time(p, "Stopped again", i->stop_moved_msec);
}

static void print_overview(const Printer *p, const Incident *i, int64_t now_msec)
{
        _cleanup_free_ char *summary = alert_summary(i);

        print_line(p, PRINT_HEADING, "Incident %s", i->id);
        print_row(p, "Summary", i->open ? PRINT_BAD : PRINT_PLAIN, "%s", summary);
        print_row(p, "Trail", PRINT_PLAIN, "%s", i->trail_arn);
        print_row(p, "Kind", PRINT_PLAIN, "%s, severity %s", incident_kind_to_string(i->kind),
                  severity_to_string(i->severity));
        print_row(p, "State", i->open ? PRINT_BAD : PRINT_GOOD, "%s", i->open ? "open" : "closed");
        print_time(p, "Detected", i->detected_msec);
        print_time(p, "Closed", i->closed_msec);
        print_window(p, i, now_msec);
        print_time(p, "Last logging", i->last_logging_msec);
        print_time(p, "Logging since", i->known_start_msec);
        if (i->redundant_starts > 0)
                print_row(p, "Extra starts", PRINT_PLAIN, "%u", i->redundant_starts);
        print_error(p, "Cause", &i->cause);
}

static void print_restart(const Printer *p, const Incident *i)
{
        const Restart *r = &i->restart;

        print_line(p, PRINT_PLAIN, "%s", "");
        print_line(p, PRINT_HEADING, "Restart");
        print_row(p, "State", r->state == RESTART_FAILING ? PRINT_BAD : PRINT_PLAIN, "%s",
                  restart_state_to_string(r->state));
        if (r->attempts > 0)
                print_row(p, "StartLogging", PRINT_PLAIN, "%u call%s%s", r->attempts,
                          r->attempts == 1 ? "" : "s",
                          r->unanswered > 0 ? ", some of them unanswered" : "");
        print_time(p, "Accepted", r->accepted_msec);
        print_error(p, "Last failure", &r->error);
        for (size_t k = 0; k < r->n_request_ids; k++)
                print_string(p, k == 0 ? "Request ids" : "", r->request_ids[k]);
        if (i->delivering != DELIVERING_UNKNOWN)
                print_row(p, "Delivery", i->delivering == DELIVERING_NO ? PRINT_BAD : PRINT_PLAIN,
                          "%s%s%s", i->delivering == DELIVERING_YES ? "works again" : "fails",
                          isempty(i->delivery_error) ? "" : ": ", strempty(i->delivery_error));
}

static const char *role_in_words(Role r)
{
        static const char *const words[_ROLE_MAX] = {
                [ROLE_CULPRIT] = "did it",
                [ROLE_CANDIDATE] = "may have done it",
                [ROLE_ATTEMPT] = "tried, and was refused",
                [ROLE_LATER] = "did it when it was done already",
                [ROLE_EARLIER] = "an earlier stop within the window",
                [ROLE_STARTER] = "started it again",
                [ROLE_OWN] = "this guard, by its request id",
                [ROLE_OWN_UNREMEMBERED] = "this guard's identity, a call it may have forgotten",
                [ROLE_OWN_MISUSED] = "THIS GUARD'S IDENTITY, AND NOT THIS GUARD",
                [ROLE_UNREADABLE] = "may be about this trail: its parameters were left out",
                [ROLE_RELATED] = "another change in the window",
        };

        return (size_t)r < ELEMENTSOF(words) ? words[r] : "of no known part";
}

static void print_identity(const Printer *p, const UserIdentity *u)
{
        static const char *const mfa[] = {[MFA_UNKNOWN] = NULL, [MFA_NO] = "no", [MFA_YES] = "yes"};
        _cleanup_free_ char *name = identity_display_name(u);

        print_row(p, "Who", PRINT_PLAIN, "%s (%s)", name, strempty(u->type_text));
        print_string(p, "ARN", u->arn);
        print_string(p, "Account", u->account_id);
        print_string(p, "Principal", u->principal_id);
        print_string(p, "User name", u->user_name);
        print_string(p, "Access key", u->access_key_id);
        print_string(p, "Issuer", u->issuer_arn);
        print_string(p, "Source identity", u->source_identity);
        print_string(p, "On behalf of", u->on_behalf_of);
        print_string(p, "Provider", u->identity_provider);
        print_string(p, "Web identity", u->web_id_provider);
        print_string(p, "Invoked by", u->invoked_by);
        print_string(p, "Vendor account", u->invoked_by_delegate);
        print_time(p, "Session since", u->session_created_msec);
        print_string(p, "MFA", mfa[u->mfa]);
}

static bool is_main_finding(const Finding *f)
{
        return f->role == ROLE_CULPRIT || f->role == ROLE_OWN_MISUSED;
}

static void print_finding(const Printer *p, const Finding *f)
{
        const CloudTrailRecord *r = &f->record;
        char buf[TIMEFMT_MAX];

        print_line(p, PRINT_PLAIN, "%s", "");
        print_row(p, r->event_name ? r->event_name : "Event",
                  is_main_finding(f) ? PRINT_BAD : PRINT_PLAIN, "%s: %s",
                  timefmt_iso8601(r->time_msec, buf), role_in_words(f->role));
        print_identity(p, &r->identity);
        print_string(p, "From", r->source_ip);
        print_string(p, "User agent", r->user_agent);
        print_string(p, "VPC endpoint", r->vpc_endpoint_id);
        if (r->session_from_console)
                print_string(p, "Console", "the session comes from the console");
        print_string(p, "Region", r->region);
        print_string(p, "Trail as given", r->trail);
        print_string(p, "Error", r->error_code);
        print_string(p, "Error message", r->error_message);
        print_string(p, "Event id", r->event_id);
        print_string(p, "Request id", r->request_id);
}

static void print_attribution(const Printer *p, const Incident *i)
{
        const Attribution *a = &i->attribution;
        _cleanup_free_ char *actor = alert_actor(i);
        char from[TIMEFMT_MAX], to[TIMEFMT_MAX];

        print_line(p, PRINT_PLAIN, "%s", "");
        print_line(p, PRINT_HEADING, "Who did it");
        print_row(p, "Actor", a->misused ? PRINT_BAD : PRINT_PLAIN, "%s", actor);
        print_row(p, "Confidence", PRINT_PLAIN, "%s", confidence_to_string(a->confidence));
        print_row(p, "Search", PRINT_PLAIN, "%s, %u complete look%s",
                  search_state_to_string(a->state), a->rounds, a->rounds == 1 ? "" : "s");
        if (a->from_msec != 0)
                print_row(p, "Looked through", PRINT_PLAIN, "%s to %s",
                          timefmt_iso8601(a->from_msec, from), timefmt_iso8601(a->to_msec, to));
        if (a->incomplete)
                print_row(p, "Incomplete", PRINT_WARNING,
                          "there are more events in the window than were read");
        if (a->n_unreadable > 0)
                print_row(p, "Unreadable", PRINT_WARNING, "%u event%s", a->n_unreadable,
                          a->n_unreadable == 1 ? "" : "s");
        print_error(p, "Last failure", &a->error);
        for (size_t k = 0; k < a->n_findings; k++)
                if (is_main_finding(&a->findings[k]))
                        print_finding(p, &a->findings[k]);
        for (size_t k = 0; k < a->n_findings; k++)
                if (!is_main_finding(&a->findings[k]))
                        print_finding(p, &a->findings[k]);
}

static void print_message(const Printer *p, const Message *m)
{
        print_line(p, PRINT_PLAIN, "%s", "");
        print_line(p, PRINT_HEADING, "Message %u: %s", m->sequence, phase_to_string(m->phase));
        print_time(p, "Made", m->created_msec);
        print_row(p, "Severity", PRINT_PLAIN, "%s", severity_to_string(m->severity));
        for (size_t k = 0; k < m->n_deliveries; k++) {
                const Delivery *d = &m->deliveries[k];

                print_row(p, d->sent ? "Sent" : "NOT SENT", d->sent ? PRINT_GOOD : PRINT_WARNING,
                          "%s%s%s%s", d->topic_arn, isempty(d->message_id) ? "" : " (message ",
                          strempty(d->message_id), isempty(d->message_id) ? "" : ")");
        }
        print_string(p, "Subject", m->subject);
        print_line(p, PRINT_PLAIN, "%s", "");
        print_block(p, 4, m->body);
}

void incident_print(const Printer *p, const Incident *i, int64_t now_msec)
{
        print_overview(p, i, now_msec);
        print_restart(p, i);
        print_attribution(p, i);
        for (size_t k = 0; k < i->n_messages; k++)
                print_message(p, &i->messages[k]);
}
