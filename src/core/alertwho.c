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

void alert_add_caller(StrBuf *b, const CloudTrailRecord *r, unsigned n_keys)
{
        add_identity(b, &r->identity, foreign_add);
        strbuf_add(b, " from ");
        foreign_add(b, r->source_ip ? r->source_ip : "an unknown address", 100);
        if (n_keys > 1) {
                strbuf_addf(b, ", %u keys", n_keys);
        } else if (r->identity.access_key_id) {
                strbuf_add(b, ", key ");
                foreign_add(b, r->identity.access_key_id, 128);
        }
        if (r->user_agent) {
                strbuf_add(b, ", ");
                foreign_add(b, r->user_agent, 60);
        }
}

/* How many beside the first. */
static unsigned count_more(const Incident *i)
{
        const Finding *first = incident_find_role(i, ROLE_CULPRIT), *f = first;
        unsigned n = 0;

        for (; f && (f = incident_next_culprit(i, f));) {
                const Finding *g = first;

                while (g != f && !identity_is_same(&g->record.identity, &f->record.identity))
                        g = incident_next_culprit(i, g);
                n += g == f;
        }
        return n;
}

char *alert_culprits(const Incident *i)
{
        const Finding *f = incident_find_role(i, ROLE_CULPRIT);
        StrBuf b = STRBUF_INIT(128);
        char *text;

        if (!f || i->attribution.confidence != CONFIDENCE_EXACT)
                return NULL;
        _cleanup_free_ char *name = identity_display_name(&f->record.identity);
        foreign_add_ascii(&b, name, 24);
        if (count_more(i) > 0)
                strbuf_addf(&b, " and %u more", count_more(i));
        text = mem_strdup(strbuf_str(&b));
        strbuf_done(&b);
        return text;
}

/* More than one that may have done it; a verdict of an earlier version has no doubts. */
static bool has_rivals(const Attribution *a)
{
        return a->doubts & (1U << DOUBT_RIVALS) || a->doubts == 0;
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
        if (f) {
                add_actor_line(&b, &f->record, foreign_add_exact);
                if (count_more(i) > 0)
                        strbuf_addf(&b, ", and %u more", count_more(i));
        } else if (a->confidence == CONFIDENCE_AMBIGUOUS)
                strbuf_addf(&b, "ambiguous: %s",
                            has_rivals(a) ? "several calls fit" : "the records do not say enough");
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

static void add_event(Facts *f, const CloudTrailRecord *r)
{
        facts_foreign(f, FACT_WHO, "  Event", r->event_name);
        facts_foreign(f, FACT_WHO, "  Event id", r->event_id);
        facts_time(f, FACT_WHO, "  Event time", r->time_msec);
        _cleanup_free_ char *url = console_event_url(r->region, r->event_id);
        facts_text(f, FACT_WHO, "  Console", url);
}

/* Why it is not certain, a line each. */
static void add_doubts(StrBuf *b, const Incident *i)
{
        const char *lead = "ambiguous: ";
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
                strbuf_addf(b, "%s%s", lead, words[d]);
                if (d == DOUBT_ORGANIZATION && i->attribution.searched_account) {
                        strbuf_add(b, " (only that of ");
                        foreign_add(b, i->attribution.searched_account, 12);
                        strbuf_add(b, ")");
                }
                strbuf_add_char(b, '\n');
                lead = "";
        }
}

static void add_confidence(Facts *f, const Incident *i)
{
        const char *words = "exact: the only successful call in the window";

        if (i->attribution.confidence == CONFIDENCE_AMBIGUOUS && i->attribution.doubts != 0) {
                add_doubts(facts_begin(f, FACT_WHO, "How sure"), i);
                return;
        }
        if (i->attribution.confidence == CONFIDENCE_AMBIGUOUS)
                words = confidence_to_string(CONFIDENCE_AMBIGUOUS);
        else if (i->stop_msec)
                words = "exact: the first successful call after it was last known to log";
        else if (incident_kind_is_change(i->kind))
                words = "exact: nobody else called it successfully in that time";
        facts_text(f, FACT_WHO, "How sure", words);
}

static const char *mfa_words(const UserIdentity *u)
{
        switch (identity_mfa(u)) {
        case MFA_YES:
                return "yes";
        case MFA_NO:
                return "no";
        default:
                return u->mfa == MFA_NO ? "not recorded for this kind of session"
                                        : "the record does not say";
        }
}

/* The resource that AWS gave the credentials to. */
static void add_issued_to(Facts *f, const UserIdentity *u)
{
        const char *to = identity_issued_to(u);

        if (identity_is_ec2_instance(u)) {
                StrBuf *b = facts_begin(f, FACT_WHO, "  Issued to");

                strbuf_add(b, "EC2 instance ");
                foreign_add(b, to ? to : "that is not named", 100);
                if (streq_ptr(u->ec2_role_delivery, "1.0"))
                        strbuf_add(b, ", by IMDSv1");
                else if (streq_ptr(u->ec2_role_delivery, "2.0"))
                        strbuf_add(b, ", by IMDSv2");
        } else if (identity_is_lambda_function(u)) {
                StrBuf *b = facts_begin(f, FACT_WHO, "  Issued to");

                strbuf_add(b, "Lambda function ");
                foreign_add(b, to ? to : "that is not named", 200);
        } else if (u->in_scope_type) {
                StrBuf *b = facts_begin(f, FACT_WHO, "  Issued to");

                foreign_add(b, u->in_scope_type, 64);
                strbuf_add(b, " ");
                foreign_add(b, strempty(u->in_scope_issued_to), 200);
        } else if (identity_is_named_as_instance(u)) {
                facts_text(f, FACT_WHO, "  Issued to",
                           "not recorded; its session name says an EC2 instance, and is its "
                           "maker's choice");
        }
        facts_foreign(f, FACT_WHO, "  For resource", u->in_scope_source);
        if (!streq_ptr(u->in_scope_account, u->account_id))
                facts_foreign(f, FACT_WHO, "  Resource of", u->in_scope_account);
}

/* Of the incident the first of its culprits; NULL: another one of them. */
static void add_record(Facts *f, const CloudTrailRecord *r, const Incident *first_of)
{
        const UserIdentity *u = &r->identity;

        add_identity(facts_begin(f, FACT_WHO, "Who"), u, foreign_add);
        if (first_of)
                add_confidence(f, first_of);
        facts_foreign(f, FACT_WHO, "  ARN", u->arn);
        facts_foreign(f, FACT_WHO, "  Account", u->account_id);
        facts_foreign(f, FACT_WHO, "  Principal", u->principal_id);
        facts_foreign(f, FACT_WHO, "  Issuer", u->issuer_arn);
        facts_foreign(f, FACT_WHO, "  Source identity", u->source_identity);
        facts_foreign(f, FACT_WHO, "  Provider",
                      u->web_id_provider ? u->web_id_provider : u->identity_provider);
        add_issued_to(f, u);
        facts_foreign(f, FACT_WHO, "  On behalf of", u->on_behalf_of);
        facts_foreign(f, FACT_WHO, "  Identity store", u->identity_store);
        facts_foreign(f, FACT_WHO, "  Invoked by", u->invoked_by);
        facts_foreign(f, FACT_WHO, "  Vendor account", u->invoked_by_delegate);
        if (u->access_key_id) {
                _cleanup_free_ char *key = mem_printf("%s%s", u->access_key_id, key_words(u));
                facts_foreign(f, FACT_WHO, "  Access key", key);
        }
        facts_foreign(f, FACT_WHO, "  Credential id", u->credential_id);
        facts_text(f, FACT_WHO, "  MFA", mfa_words(u));
        facts_time(f, FACT_WHO, "  Session since", u->session_created_msec);
        facts_foreign(f, FACT_WHO, "  Sign-in", u->sign_in_session_arn);
        facts_foreign(f, FACT_WHO, "  From", r->source_ip);
        facts_foreign(f, FACT_WHO, "  VPC endpoint", r->vpc_endpoint_id);
        if (!streq_ptr(r->vpc_endpoint_account_id, r->recipient_account_id))
                facts_foreign(f, FACT_WHO, "  Endpoint of", r->vpc_endpoint_account_id);
        facts_foreign(f, FACT_WHO, "  Tool", r->user_agent);
        if (r->session_from_console)
                facts_text(f, FACT_WHO, "  Console", "yes, a console session");
        add_event(f, r);
}

/* Said when it matters: a delegated administrator's call may stand in another account. */
static void add_searched(Facts *f, const Incident *i)
{
        const char *account = i->attribution.searched_account;
        Arn a;
        const char *why;

        if (!account || arn_parse_trail(i->trail_arn, &a, &why) < 0)
                return;
        if (!streq(a.account, account)) {
                StrBuf *b = facts_begin(f, FACT_WHO, "  Searched");

                strbuf_add(b, "only the Event history of account ");
                foreign_add(b, account, 12);
                strbuf_addf(b, ", not that of the trail's account %s", a.account);
        } else if (i->attribution.doubts & (1U << DOUBT_ORGANIZATION)) {
                facts_add(f, FACT_WHO, "  Searched",
                          "only the Event history of account %s, not those of the organization's "
                          "delegated administrators",
                          a.account);
        }
}

static const char *unknown_words(const Attribution *a)
{
        if (a->confidence == CONFIDENCE_AMBIGUOUS)
                return has_rivals(a) ? "ambiguous: several calls fit, listed below"
                                     : "ambiguous: the records listed below do not say enough";
        if (a->state == SEARCH_GAVE_UP && a->crowded_out)
                return "not found before the search was given up: too many at once";
        if (a->state == SEARCH_GAVE_UP && a->rounds == 0 && a->error.class == AWS_ERROR_NONE)
                return "not to be found: it is older than Event history (90 days)";
        if (a->state == SEARCH_GAVE_UP)
                return "not found in Event history within 24 hours";
        if (a->said_not_yet)
                return "not known yet; the search continues for 24 hours";
        return "not known yet: Event history lags by minutes; an UPDATE will follow";
}

static void add_not_known(Facts *f, const Incident *i)
{
        const Attribution *a = &i->attribution;

        facts_text(f, FACT_WHO, "Who", unknown_words(a));
        if (a->throttled_msec) {
                char since[TIMEFMT_MAX];

                facts_add(f, FACT_WHO, "  because", "LookupEvents is throttled since %s",
                          timefmt_iso8601(a->throttled_msec, since));
        } else if (a->error.class != AWS_ERROR_NONE) {
                _cleanup_free_ char *words = alert_error_words(&a->error);
                facts_error(f, FACT_WHO, "  because", words);
        }
        add_searched(f, i);
}

static void add_correction(Facts *f, const Incident *i)
{
        _cleanup_free_ char *before = told_correction(i), *words = NULL;

        if (!before)
                return;
        words = mem_printf("an earlier message said: %s", before);
        facts_text(f, FACT_WHO, "Corrected", words);
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

static void add_other(Facts *to, const Finding *f)
{
        StrBuf *b = facts_begin(to, FACT_OTHERS, NULL);

        strbuf_add(b, "  ");
        foreign_add(b, f->record.event_name, 40);
        strbuf_addf(b, ", %s", role_words(f));
        if (f->record.error_code) {
                strbuf_add(b, " (");
                foreign_add(b, f->record.error_code, 60);
                if (f->record.error_message) {
                        strbuf_add(b, ": ");
                        foreign_add(b, f->record.error_message, 160);
                }
                strbuf_add(b, ")");
        }
        if (f->calls > 1)
                strbuf_addf(b, ", %u times", f->calls);
        strbuf_add(b, ": ");
        add_actor_line(b, &f->record, foreign_add);
        strbuf_add(b, ", event ");
        foreign_add(b, strempty(f->record.event_id), 64);
}

/* What is known by its number only. */
static void add_uncounted(Facts *f, const Attribution *a)
{
        unsigned refused = a->n_refused;

        for (size_t k = 0; k < a->n_findings; k++)
                if (a->findings[k].record.error_code)
                        refused -= MIN(refused, a->findings[k].calls);
        if (refused > 0)
                facts_add(f, FACT_OTHERS, NULL, "  %u more calls were refused, of other callers.",
                          refused);
        if (a->n_not_kept > 0)
                facts_add(f, FACT_OTHERS, NULL, "  %u more calls are not kept.", a->n_not_kept);
        if (a->incomplete)
                facts_add(f, FACT_OTHERS, NULL, "  The window holds more events than were read.");
        if (a->n_unreadable > 0)
                facts_add(f, FACT_OTHERS, NULL, "  %u events could not be read.", a->n_unreadable);
}

static void add_others(Facts *f, const Incident *i)
{
        const Attribution *a = &i->attribution;
        size_t listed = 0, more = 0;

        for (unsigned turn = 0; turn < 2; turn++) {
                bool suspects = turn == 0;

                for (size_t k = 0; k < a->n_findings; k++) {
                        const Finding *g = &a->findings[k];

                        if (!alert_role_is_listed(g->role) ||
                            alert_role_is_suspect(g->role) != suspects)
                                continue;
                        if (listed >= (suspects ? SUSPECTS_LISTED_MAX : LISTED_MAX)) {
                                more++;
                                continue;
                        }
                        listed++;
                        add_other(f, g);
                }
        }
        if (more > 0)
                facts_add(f, FACT_OTHERS, NULL, "  and %zu more: trailsentry incidents %s", more,
                          i->id);
        f->headings[FACT_OTHERS] = "Other calls around it";
        add_uncounted(f, a);
}

/* What else to look into; nothing when the key did only what is told already. */
static void add_deeds(Facts *f, const Incident *i)
{
        static const char *const headings[2][2] = {
                {"All calls with its key, from an hour before the stop",
                 "All calls with its key, from an hour before this was seen"},
                {"The latest calls with its key, from an hour before the stop",
                 "The latest calls with its key, from an hour before this was seen"},
        };
        const Attribution *a = &i->attribution;

        if (!findings_has_deeds(a))
                return;
        f->headings[FACT_CALLS] = headings[a->deeds_cut][incident_kind_is_change(i->kind)];
        for (size_t k = 0; k < a->n_deeds; k++) {
                const Deed *d = &a->deeds[k];
                StrBuf *b = facts_begin(f, FACT_CALLS, NULL);

                strbuf_addf(b, "  %4u  ", d->calls);
                foreign_add(b, strempty(d->event_name), 64);
                strbuf_add(b, " (");
                foreign_add(b, strempty(d->event_source), 64);
                strbuf_add(b, ")");
                if (d->refused > 0)
                        strbuf_addf(b, ", %u refused", d->refused);
        }
}

void alert_add_who(Facts *f, const Incident *i)
{
        const Finding *culprit = incident_find_role(i, ROLE_CULPRIT), *g = culprit;

        if (i->attribution.state == SEARCH_NOT_NEEDED)
                return;
        if (i->attribution.misused)
                f->headings[FACT_WHO] = "THE GUARD'S OWN CREDENTIALS WERE USED BY SOMEBODY ELSE.\n";
        add_correction(f, i);
        if (culprit) {
                /* Several settings may have been changed by several people, or by one. */
                add_record(f, &culprit->record, i);
                for (; (g = incident_next_culprit(i, g)); culprit = g)
                        if (identity_is_same(&g->record.identity, &culprit->record.identity))
                                add_event(f, &g->record);
                        else
                                add_record(f, &g->record, NULL);
        } else {
                add_not_known(f, i);
        }
        add_others(f, i);
        add_deeds(f, i);
        facts_end(f);
}
