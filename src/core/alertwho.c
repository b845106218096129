/* SPDX-License-Identifier: Apache-2.0 */

/* The part of a message that says who: the culprit with all that the record tells, how sure that
 * is, and what else was called around it. */

#include "core/alertpart.h"

#include "aws/arn.h"
#include "base/foreign.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/alerttext.h"
#include "core/attribution.h"
#include "core/findings.h"
#include "core/told.h"

#define LISTED_MAX 20
/* Of those that may have done it: who hides among thirty borrowed names is listed with them. */
#define SUSPECTS_LISTED_MAX 40

/* foreign_add() for messages, foreign_add_exact() for journal, command and programs. */
typedef void (*AddForeign)(StrBuf *b, const char *s, size_t max);

static void add_identity(StrBuf *b, const UserIdentity *u, AddForeign add)
{
        _cleanup_free_ char *name = identity_display_name(u);

        add(b, name, 200);
        strbuf_add(b, " (");
        add(b, isempty(u->type_text) ? "unknown type" : u->type_text, 40);
        if (u->issuer_user_name && u->type == IDENTITY_ASSUMED_ROLE) {
                strbuf_add(b, ", role ");
                add(b, u->issuer_user_name, 128);
        }
        strbuf_add(b, ")");
}

static void add_actor_line(StrBuf *b, const CloudTrailRecord *r, AddForeign add)
{
        char t[TIMEFMT_MAX];

        add_identity(b, &r->identity, add);
        strbuf_add(b, " from ");
        add(b, r->source_ip ? r->source_ip : "an unknown address", 100);
        strbuf_addf(b, " at %s", timefmt_iso8601(r->time_msec, t));
}

void alert_add_caller(StrBuf *b, const CloudTrailRecord *r)
{
        add_identity(b, &r->identity, foreign_add);
        strbuf_add(b, " from ");
        foreign_add(b, r->source_ip ? r->source_ip : "an unknown address", 100);
        if (r->identity.access_key_id) {
                strbuf_add(b, ", key ");
                foreign_add(b, r->identity.access_key_id, 128);
        }
        if (r->user_agent) {
                strbuf_add(b, ", ");
                foreign_add(b, r->user_agent, 60);
        }
}

char *alert_actor(const Incident *i)
{
        const Attribution *a = &i->attribution;
        const Finding *f = incident_find_role(i, ROLE_CULPRIT);
        StrBuf b = STRBUF_INIT(4096);
        char *text;

        if (a->misused)
                strbuf_add(&b, "SOMEBODY USING THE GUARD'S OWN CREDENTIALS: ");
        if (f && a->confidence == CONFIDENCE_AMBIGUOUS)
                strbuf_add(&b, "perhaps ");
        if (f)
                add_actor_line(&b, &f->record, foreign_add_exact);
        else if (a->confidence == CONFIDENCE_AMBIGUOUS)
                strbuf_add(&b, "ambiguous: several calls fit");
        else if (a->state == SEARCH_GAVE_UP)
                strbuf_add(&b, "not found");
        else if (a->state == SEARCH_NOT_NEEDED)
                strbuf_add(&b, "not looked for");
        else
                strbuf_add(&b, "not known yet");
        if (strbuf_take(&b, &text) < 0)
                text = mem_strdup("not known");
        strbuf_done(&b);
        return text;
}

static const char *key_words(const UserIdentity *u)
{
        switch (identity_access_key_kind(u)) {
        case ACCESS_KEY_LONG_LIVED:
                return " (long-lived)";
        case ACCESS_KEY_TEMPORARY:
                return " (temporary)";
        default:
                return "";
        }
}

static void add_event(StrBuf *b, const CloudTrailRecord *r)
{
        alert_foreign_row(b, "  Event", r->event_name);
        alert_foreign_row(b, "  Event id", r->event_id);
        alert_time_row(b, "  Event time", r->time_msec);
}

static void add_record(StrBuf *b, const CloudTrailRecord *r)
{
        const UserIdentity *u = &r->identity;

        strbuf_addf(b, "%-16s", "Who");
        add_identity(b, u, foreign_add);
        strbuf_add_char(b, '\n');
        alert_foreign_row(b, "  ARN", u->arn);
        alert_foreign_row(b, "  Account", u->account_id);
        alert_foreign_row(b, "  Principal", u->principal_id);
        alert_foreign_row(b, "  Issuer", u->issuer_arn);
        alert_foreign_row(b, "  Source identity", u->source_identity);
        alert_foreign_row(b, "  Provider",
                          u->web_id_provider ? u->web_id_provider : u->identity_provider);
        alert_foreign_row(b, "  On behalf of", u->on_behalf_of);
        alert_foreign_row(b, "  Invoked by", u->invoked_by);
        alert_foreign_row(b, "  Vendor account", u->invoked_by_delegate);
        if (u->access_key_id) {
                _cleanup_free_ char *key = mem_printf("%s%s", u->access_key_id, key_words(u));
                alert_foreign_row(b, "  Access key", key);
        }
        alert_row(b, "  MFA",
                  u->mfa == MFA_YES  ? "yes"
                  : u->mfa == MFA_NO ? "no"
                                     : "the record does not say");
        alert_time_row(b, "  Session since", u->session_created_msec);
        alert_foreign_row(b, "  From", r->source_ip);
        alert_foreign_row(b, "  VPC endpoint", r->vpc_endpoint_id);
        alert_foreign_row(b, "  Tool", r->user_agent);
        if (r->session_from_console)
                alert_row(b, "  Console", "yes, a console session");
        add_event(b, r);
}

/* Why it is not certain, a line each. */
static void add_doubts(StrBuf *b, const Incident *i)
{
        const char *label = "How sure", *lead = "ambiguous: ";
        static const char *const words[_DOUBT_MAX] = {
                [DOUBT_RIVALS] = "other calls fit as well, see below",
                [DOUBT_UNREAD] = "not all events of that time were read",
                [DOUBT_UNREADABLE] = "events of that time cannot be read, or do not say enough",
                [DOUBT_ACCOUNT] = "the call may be in the Event history of another account or "
                                  "region",
                [DOUBT_ORGANIZATION] = "it is an organization trail, and the Event history of the "
                                       "organization's other accounts was not searched",
                [DOUBT_SETTINGS] = "whether it is an organization trail is not known: its settings "
                                   "could not be read",
                [DOUBT_TIME] = "the time of the call does not prove it",
                [DOUBT_CAUSE] = "the record does not show that the call did this",
        };

        for (Doubt d = 0; d < _DOUBT_MAX; d++) {
                if (!(i->attribution.doubts & (1U << d)))
                        continue;
                strbuf_addf(b, "%-16s%s%s", label, lead, words[d]);
                if (d == DOUBT_ORGANIZATION && i->attribution.searched_account) {
                        strbuf_add(b, " (only that of ");
                        foreign_add(b, i->attribution.searched_account, 12);
                        strbuf_add(b, ")");
                }
                strbuf_add_char(b, '\n');
                label = lead = "";
        }
}

/* Said when it matters: a delegated administrator's call may stand in another account. */
static void add_searched(StrBuf *b, const Incident *i)
{
        const char *account = i->attribution.searched_account;
        Arn a;
        const char *why;

        if (!account || arn_parse_trail(i->trail_arn, &a, &why) < 0)
                return;
        if (!streq(a.account, account)) {
                strbuf_addf(b, "%-16sonly the Event history of account ", "  Searched");
                foreign_add(b, account, 12);
                strbuf_addf(b, ", not that of the trail's account %s\n", a.account);
        } else if (i->attribution.doubts & (1U << DOUBT_ORGANIZATION)) {
                strbuf_addf(b,
                            "%-16sonly the Event history of account %s, not those of the "
                            "organization's delegated administrators\n",
                            "  Searched", a.account);
        }
}

static void add_not_known(StrBuf *b, const Incident *i)
{
        const Attribution *a = &i->attribution;

        if (a->confidence == CONFIDENCE_AMBIGUOUS)
                strbuf_addf(b, "%-16sambiguous: %s\n", "Who",
                            a->doubts & (1U << DOUBT_RIVALS) || a->doubts == 0
                                    ? "several calls fit, listed below"
                                    : "the records listed below do not say enough");
        else if (a->state == SEARCH_GAVE_UP && a->crowded_out)
                strbuf_addf(b, "%-16snot found before the search was given up: too many at once\n",
                            "Who");
        else if (a->state == SEARCH_GAVE_UP && a->rounds == 0 && a->error.class == AWS_ERROR_NONE)
                strbuf_addf(b, "%-16snot to be found: it is older than Event history (90 days)\n",
                            "Who");
        else if (a->state == SEARCH_GAVE_UP)
                strbuf_addf(b, "%-16snot found in Event history within 24 hours\n", "Who");
        else if (a->said_not_yet)
                strbuf_addf(b, "%-16snot known yet; the search goes on for 24 hours\n", "Who");
        else
                strbuf_addf(b,
                            "%-16snot known yet: Event history lags by minutes; an UPDATE will "
                            "follow\n",
                            "Who");
        if (a->throttled_msec) {
                char since[TIMEFMT_MAX];

                strbuf_addf(b, "%-16sLookupEvents is throttled since %s\n", "  because",
                            timefmt_iso8601(a->throttled_msec, since));
        } else if (a->error.class != AWS_ERROR_NONE) {
                _cleanup_free_ char *words = alert_error_words(&a->error);
                alert_error_row(b, "  because", words);
        }
        add_searched(b, i);
}

static void add_confidence(StrBuf *b, const Incident *i)
{
        const char *words = "exact: the only successful call in the window";

        if (i->attribution.confidence == CONFIDENCE_AMBIGUOUS && i->attribution.doubts != 0) {
                add_doubts(b, i);
                return;
        }
        if (i->attribution.confidence == CONFIDENCE_AMBIGUOUS)
                words = confidence_to_string(CONFIDENCE_AMBIGUOUS);
        else if (i->stop_msec)
                words = "exact: the first successful call after it was last known to log";
        else if (incident_kind_is_change(i->kind))
                words = "exact: nobody else called it successfully in that time";
        alert_row(b, "How sure", words);
}

static void add_correction(StrBuf *b, const Incident *i)
{
        _cleanup_free_ char *before = told_correction(i), *words = NULL;

        if (!before)
                return;
        words = mem_printf("an earlier message said: %s", before);
        alert_row(b, "Corrected", words);
}

bool alert_role_is_listed(Role r)
{
        return r != ROLE_CULPRIT && r != ROLE_OWN;
}

static const char *role_words(const Finding *f)
{
        static const char *const words[_ROLE_MAX] = {
                [ROLE_CULPRIT] = "did it",
                [ROLE_CANDIDATE] = "may have done it",
                [ROLE_ATTEMPT] = "tried and was refused",
                [ROLE_LATER] = "called it when it was done already",
                [ROLE_EARLIER] = "an earlier stop, not seen by polling",
                [ROLE_STARTER] = "started it",
                [ROLE_OWN] = "this guard",
                [ROLE_OWN_UNREMEMBERED] = "this guard's identity, a call it does not remember",
                [ROLE_OWN_MISUSED] = "THIS GUARD'S IDENTITY, NOT ITS CALL",
                [ROLE_UNREADABLE] = "its record does not say enough: may be this trail",
                [ROLE_RELATED] = "also in the window",
        };
        if (f->role == ROLE_UNREADABLE && f->record.parameters_omitted)
                return "parameters left out (request too large): may be this trail";
        return words[f->role];
}

bool alert_role_is_suspect(Role r)
{
        return r == ROLE_CANDIDATE || r == ROLE_UNREADABLE || r == ROLE_OWN_MISUSED;
}

static void add_other(StrBuf *b, const Finding *f)
{
        strbuf_add(b, "  ");
        foreign_add(b, f->record.event_name, 40);
        strbuf_addf(b, ", %s", role_words(f));
        if (f->record.error_code) {
                strbuf_add(b, " (");
                foreign_add(b, f->record.error_code, 60);
                strbuf_add(b, ")");
        }
        if (f->calls > 1)
                strbuf_addf(b, ", %u times", f->calls);
        strbuf_add(b, ": ");
        add_actor_line(b, &f->record, foreign_add);
        strbuf_add(b, ", event ");
        foreign_add(b, strempty(f->record.event_id), 64);
        strbuf_add_char(b, '\n');
}

/* What is known by its number only. */
static void add_uncounted(StrBuf *b, const Attribution *a)
{
        unsigned refused = a->n_refused;

        for (size_t k = 0; k < a->n_findings; k++)
                if (a->findings[k].record.error_code)
                        refused -= MIN(refused, a->findings[k].calls);
        if (refused > 0)
                strbuf_addf(b, "  %u more calls were refused, of other callers.\n", refused);
        if (a->n_not_kept > 0)
                strbuf_addf(b, "  %u more calls are not kept.\n", a->n_not_kept);
        if (a->incomplete)
                strbuf_add(b, "  The window holds more events than were read.\n");
        if (a->n_unreadable > 0)
                strbuf_addf(b, "  %u events could not be read.\n", a->n_unreadable);
}

static void add_others(StrBuf *b, const Incident *i)
{
        const Attribution *a = &i->attribution;
        size_t listed = 0, more = 0;

        for (unsigned turn = 0; turn < 2; turn++) {
                bool suspects = turn == 0;

                for (size_t k = 0; k < a->n_findings; k++) {
                        const Finding *f = &a->findings[k];

                        if (!alert_role_is_listed(f->role) ||
                            alert_role_is_suspect(f->role) != suspects)
                                continue;
                        if (listed >= (suspects ? SUSPECTS_LISTED_MAX : LISTED_MAX)) {
                                more++;
                                continue;
                        }
                        if (listed++ == 0)
                                strbuf_add(b, "\nOther calls around it\n");
                        add_other(b, f);
                }
        }
        if (more > 0)
                strbuf_addf(b, "  and %zu more: trailsentry incidents %s\n", more, i->id);
        add_uncounted(b, a);
}

/* What else to look into; nothing when the key did only what is told already. */
static void add_deeds(StrBuf *b, const Incident *i)
{
        const Attribution *a = &i->attribution;

        if (!findings_has_deeds(a))
                return;
        for (size_t k = 0; k < a->n_deeds; k++) {
                const Deed *d = &a->deeds[k];
                if (k == 0)
                        strbuf_addf(b, "\n%s calls with its key, from an hour before%s\n",
                                    a->deeds_cut ? "The latest" : "All",
                                    incident_kind_is_change(i->kind) ? " this was seen"
                                                                     : " the stop");
                strbuf_addf(b, "  %4u  ", d->calls);
                foreign_add(b, strempty(d->event_name), 64);
                strbuf_add(b, " (");
                foreign_add(b, strempty(d->event_source), 64);
                strbuf_add(b, ")");
                if (d->refused > 0)
                        strbuf_addf(b, ", %u refused", d->refused);
                strbuf_add_char(b, '\n');
        }
}

void alert_add_who(StrBuf *b, const Incident *i)
{
        const Finding *f = incident_find_role(i, ROLE_CULPRIT);

        if (i->attribution.state == SEARCH_NOT_NEEDED)
                return;
        if (i->attribution.misused)
                strbuf_add(b, "\nTHE GUARD'S OWN CREDENTIALS WERE USED BY SOMEBODY ELSE.\n");
        strbuf_add_char(b, '\n');
        add_correction(b, i);
        if (f) {
                /* Several settings may have been changed by several people, or by one. */
                add_record(b, &f->record);
                for (const Finding *g = f; (g = incident_next_culprit(i, g)); f = g)
                        if (identity_is_same(&g->record.identity, &f->record.identity))
                                add_event(b, &g->record);
                        else
                                add_record(b, &g->record);
                add_confidence(b, i);
        } else {
                add_not_known(b, i);
        }
        add_others(b, i);
        add_deeds(b, i);
}
