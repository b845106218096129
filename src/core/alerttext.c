/* SPDX-License-Identifier: Apache-2.0 */

/* Text for a reader at three in the morning: what happened and whether it is over first, then the
 * window, the restart, who, how sure, what to do. */

#include "core/alerttext.h"

#include <stdio.h>

#include "aws/arn.h"
#include "base/escape.h"
#include "base/foreign.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/advice.h"
#include "core/alertpart.h"
#include "core/drift.h"
#include "core/facts.h"
#include "core/told.h"

static const char *trail_name(const Incident *i, Arn *a)
{
        const char *why;

        return arn_parse_trail(i->trail_arn, a, &why) < 0 ? i->trail_arn : arn_trail_name(a);
}

static const char *what_happened(const Incident *i)
{
        const IncidentKindRow *row = incident_kind_row(i->kind);

        if (incident_kind_is_change(i->kind))
                return alert_change_happened(i);
        return row->was && !i->open ? row->was : row->happened;
}

static const char *state_now(const Incident *i)
{
        if (incident_kind_is_change(i->kind))
                return alert_change_state(i);
        switch (i->kind) {
        case INCIDENT_CANNOT_SEE:
                if (!i->open && i->cause.class == AWS_ERROR_NOT_FOUND)
                        return "CloudTrail answers that there is no such trail";
                return i->open ? "still not seen" : "seen again";
        case INCIDENT_NOT_FOUND:
                return i->open ? "not found" : "found";
        case INCIDENT_DELETED:
                return i->open ? "still missing" : "exists again";
        case INCIDENT_OTHER_CONTROLLER:
                return "logging";
        default:
                break;
        }
        if (i->blind_to_msec)
                return i->delivering == DELIVERING_NO ? "logging again, but NO LOG FILES arrive"
                                                      : "logging again";
        if (!i->open)
                return "overtaken by what happened next, an incident of its own";
        if (i->in_maintenance)
                return "NOT LOGGING (maintenance: not restarted)";
        switch (i->restart.state) {
        case RESTART_REQUESTED:
                return "NOT LOGGING, restart requested";
        case RESTART_ACCEPTED:
                return "restart accepted, not yet confirmed";
        case RESTART_FAILING:
                return "NOT LOGGING, restart FAILS";
        case RESTART_NOT_WANTED:
                return "NOT LOGGING (action = \"alert\": not restarted)";
        default:
                return "NOT LOGGING";
        }
}

char *alert_error_words(const AwsError *e)
{
        static const char *const lead[_AWS_ERROR_CLASS_MAX] = {
                [AWS_ERROR_NONE] = "no error",
                [AWS_ERROR_THROTTLED] = "throttled",
                [AWS_ERROR_TRANSIENT] = "the service failed",
                [AWS_ERROR_NETWORK] = "no answer from the service",
                [AWS_ERROR_CREDENTIALS] = "no usable credentials",
                [AWS_ERROR_EXPIRED] = "credentials refused as expired or unknown",
                [AWS_ERROR_CLOCK] = "signature or clock refused",
                [AWS_ERROR_DENIED] = "access denied",
                [AWS_ERROR_NOT_FOUND] = "not found",
                [AWS_ERROR_INVALID] = "refused",
                [AWS_ERROR_PROTOCOL] = "an answer that cannot be read",
        };
        StrBuf b = STRBUF_INIT(2048);
        char *text;

        if (streq(e->code, AWS_ERROR_CODE_DID_NOT_RUN))
                return escape_text(e->message, sizeof(e->message));
        strbuf_add(&b, (size_t)e->class < ELEMENTSOF(lead) ? lead[e->class] : "failed");
        if (*e->code) {
                strbuf_add(&b, " (");
                escape_add(&b, e->code, sizeof(e->code));
                if (*e->request_id) {
                        strbuf_add(&b, ", request id ");
                        escape_add(&b, e->request_id, sizeof(e->request_id));
                }
                strbuf_add(&b, ")");
        }
        if (*e->message) {
                strbuf_add(&b, ": ");
                escape_add(&b, e->message, sizeof(e->message));
        }
        if (strbuf_take(&b, &text) < 0)
                text = mem_strdup("an error too long to print");
        strbuf_done(&b);
        return text;
}

char *alert_throttled_words(unsigned attempts, int64_t for_msec)
{
        char d[TIMEFMT_MAX];

        if (attempts < 2)
                return NULL;
        return mem_printf("throttled for %s, %u attempts",
                          timefmt_duration(for_msec / MSEC_PER_SEC * MSEC_PER_SEC, d), attempts);
}

/* Of the guard's sight of the trail, or of its settings, and not of whether it logs. */
static bool is_of_sight(const Incident *i)
{
        return i->kind == INCIDENT_CANNOT_SEE || i->kind == INCIDENT_NOT_FOUND ||
               incident_kind_is_change(i->kind);
}

/* How long it has been blind, or was; "" when that is not known. */
static const char *duration(const Incident *i, int64_t now_msec, char buf[static TIMEFMT_MAX])
{
        int64_t to = i->blind_to_msec ? i->blind_to_msec : i->open ? now_msec : 0;

        return i->blind_from_msec && to > i->blind_from_msec
                       ? timefmt_duration(to - i->blind_from_msec, buf)
                       : "";
}

char *alert_summary(const Incident *i)
{
        StrBuf b = STRBUF_INIT(1024);
        char d[TIMEFMT_MAX];
        Arn a;
        char *text;

        if (incident_kind_is_notice(i->kind))
                return escape_text(i->title, 1024);
        escape_add(&b, trail_name(i, &a), 128);
        strbuf_addf(&b, " %s; %s", what_happened(i), state_now(i));
        if (i->blind_to_msec && *duration(i, 0, d))
                strbuf_addf(&b, "%s%s", is_of_sight(i) ? " after " : ", blind for ",
                            duration(i, 0, d));
        if (strbuf_take(&b, &text) < 0)
                text = mem_strdup(what_happened(i));
        strbuf_done(&b);
        return text;
}

/* It goes on, and has been told before. */
static bool is_reminder(const Incident *i)
{
        return i->open && !i->blind_to_msec && i->reminders > 0;
}

/* The headline */

static char *actor_news(const Incident *i)
{
        _cleanup_free_ char *who = alert_culprits(i);
        const char *corrected = told_is_corrected(i) ? "corrected: " : "";

        if (who)
                return mem_printf("%swho did it: %s", corrected, who);
        if (i->attribution.confidence != CONFIDENCE_NONE)
                return mem_printf("%sseveral may have done it", corrected);
        return mem_printf("%swho did it is not known%s", corrected,
                          i->attribution.state == SEARCH_GAVE_UP ? "" : " yet");
}

/* What an update was sent for; NULL: for the state itself. */
static char *update_news(const Incident *i, int64_t now_msec)
{
        if (told_is_corrected(i))
                return actor_news(i);
        if (alert_has_unseen_starts(i) && i->open && !is_reminder(i))
                return mem_strdup("StartLogging FAILS");
        if (is_reminder(i) || i->delivering == DELIVERING_NO)
                return NULL;
        if (i->delivering == DELIVERING_YES && i->delivering_msec == now_msec)
                return mem_strdup("log files arrive");
        if (i->changes.n > 0 && i->attribution.rounds == 0)
                return mem_strdup("more has changed");
        return actor_news(i);
}

/* No fractions: what was short was short. */
static const char *short_duration(const Incident *i, int64_t now_msec, char buf[static TIMEFMT_MAX])
{
        int64_t to = i->blind_to_msec ? i->blind_to_msec : i->open ? now_msec : 0;
        int64_t msec = to - i->blind_from_msec;

        if (!i->blind_from_msec || msec <= 0)
                return "";
        return msec < MSEC_PER_SEC ? "under 1 s"
                                   : timefmt_duration(msec / MSEC_PER_SEC * MSEC_PER_SEC, buf);
}

static const char *short_state(const Incident *i)
{
        if (!i->open && !i->blind_to_msec && i->kind != INCIDENT_DELETED &&
            i->kind != INCIDENT_OTHER_CONTROLLER && !incident_kind_is_change(i->kind))
                return "see its next incident";
        if (i->open && !i->blind_to_msec && alert_has_restart(i))
                return "NOT LOGGING";
        if (i->kind == INCIDENT_CANNOT_SEE && i->open)
                return "NOT SEEN";
        if (i->kind == INCIDENT_NOT_FOUND && i->open)
                return "NOT FOUND";
        if (i->kind == INCIDENT_DELETED && i->open)
                return is_reminder(i) ? "still MISSING" : "MISSING";
        if (i->blind_to_msec && i->delivering == DELIVERING_NO)
                return "NO LOG FILES arrive";
        if (i->kind == INCIDENT_DRIFT && i->between_looks)
                return "restored";
        if (i->kind == INCIDENT_DRIFT && i->open &&
            !changes_have(&i->changes, CHANGE_MANAGEMENT_EVENTS))
                return "SETTINGS CHANGED";
        return state_now(i);
}

static char *headline_state(const Incident *i, const AlertContext *c)
{
        const char *state = short_state(i);
        bool failing = c->phase == PHASE_FAILING ||
                       (i->open && !i->blind_to_msec && i->restart.state == RESTART_FAILING);
        char d[TIMEFMT_MAX];

        if (i->attribution.misused)
                return mem_strdup("GUARD'S CREDENTIALS MISUSED");
        if (is_reminder(i) && *short_duration(i, c->now_msec, d))
                return mem_printf("%s for %s%s", state, short_duration(i, c->now_msec, d),
                                  failing ? ", restart FAILS" : "");
        if (failing)
                return mem_printf("%s, restart FAILS", state);
        if (c->phase == PHASE_RESTARTED && *short_duration(i, 0, d))
                return mem_printf("%sblind %s",
                                  i->restart.state == RESTART_BY_OTHERS ? "by others, " : "",
                                  short_duration(i, 0, d));
        if (c->phase == PHASE_CLOSED && i->blind_to_msec && *short_duration(i, 0, d))
                return mem_printf("%s%s%s", state, is_of_sight(i) ? " after " : ", blind ",
                                  short_duration(i, 0, d));
        return mem_strdup(state);
}

static void add_headline(Facts *f, const Incident *i, const AlertContext *c, const Arn *a)
{
        const char *headline = incident_kind_row(i->kind)->headline;
        _cleanup_free_ char *name = escape_ascii(trail_name(i, (Arn *)a), 32);
        Headline *h = &f->headline;

        h->word = mem_strdup(phase_to_string(c->phase));
        h->news = c->phase == PHASE_UPDATE && !i->attribution.misused ? update_news(i, c->now_msec)
                                                                      : NULL;
        h->state = headline_state(i, c);
        const char *account = labels_account(c->labels, a->account);
        h->where = mem_printf("%s %s", account ? account : a->account, a->region);
        h->about = mem_printf("trail %s", name);
        h->what = mem_strdup(headline ? headline : what_happened(i));
        h->who = c->phase == PHASE_UPDATE ? NULL : alert_culprits(i);
}

/* The overview */

static const char *window_source(const Incident *i)
{
        if (i->stop_msec)
                return "CloudTrail's own times (StopLoggingTime, StartLoggingTime); a lower bound";
        if (i->kind == INCIDENT_CANNOT_SEE)
                return "by the guard's clock, since the last good poll";
        return "since the guard last saw it logging, by the guard's clock put right by AWS's";
}

bool alert_has_window(const Incident *i)
{
        return i->kind != INCIDENT_NOT_FOUND && i->kind != INCIDENT_OTHER_CONTROLLER &&
               !incident_kind_is_notice(i->kind);
}

static void add_window(Facts *f, const Incident *i, int64_t now_msec)
{
        char t[TIMEFMT_MAX];

        if (!alert_has_window(i))
                return;
        if (incident_kind_is_change(i->kind)) {
                alert_add_change_window(f, i, duration(i, now_msec, t));
                return;
        }
        StrBuf *b =
                facts_begin(f, FACT_OVERVIEW, i->kind == INCIDENT_CANNOT_SEE ? "Unseen" : "Blind");
        if (!i->blind_to_msec && i->open)
                facts_weigh(f, FACT_BAD);
        if (i->blind_from_msec)
                strbuf_addf(b, "from %s ", timefmt_iso8601(i->blind_from_msec, t));
        else
                strbuf_add(b, "since an unknown time ");
        if (i->blind_to_msec)
                strbuf_addf(b, "to %s", timefmt_iso8601(i->blind_to_msec, t));
        else
                strbuf_add(b, i->open ? "until now" : "to a time that is no longer visible");
        if (*duration(i, now_msec, t))
                strbuf_addf(b, " (%s)", duration(i, now_msec, t));
        if (i->blind_from_msec)
                strbuf_addf(b, "\n%s", window_source(i));
        if (i->kind == INCIDENT_BLINK)
                strbuf_add(b, "\nOnly the latest stop shows; there may have been others");
        if (i->stop_moved_msec)
                strbuf_addf(b, "\nStopLogging was called again at %s, while it was stopped",
                            timefmt_iso8601(i->stop_moved_msec, t));
        if (!i->stop_msec && i->kind == INCIDENT_ALREADY_STOPPED)
                strbuf_add(b, "\nIt shows no StopLoggingTime: it may never have logged");
}

bool alert_has_restart(const Incident *i)
{
        return alert_has_window(i) && !is_of_sight(i) && i->kind != INCIDENT_DELETED;
}

static void add_throttled(StrBuf *b, const Restart *r)
{
        _cleanup_free_ char *words = alert_throttled_words(r->throttled, r->throttled_msec);

        if (words)
                strbuf_addf(b, "\nStartLogging was %s", words);
}

bool alert_has_unseen_starts(const Incident *i)
{
        return i->kind == INCIDENT_CANNOT_SEE &&
               (i->restart.state == RESTART_UNSEEN || i->restart.attempts > 0);
}

static void add_unseen_starts(Facts *f, const Incident *i)
{
        const Restart *r = &i->restart;
        char t[TIMEFMT_MAX];

        if (!alert_has_unseen_starts(i))
                return;
        StrBuf *b = facts_begin(f, FACT_OVERVIEW, "Restart");
        strbuf_addf(b, "%s, in case the trail was stopped",
                    !i->open                     ? "StartLogging was sent meanwhile"
                    : r->state == RESTART_UNSEEN ? "StartLogging is sent once a minute"
                                                 : "StartLogging was sent for a while");
        if (r->attempts > 0)
                strbuf_addf(b, "\n%u sent so far, %s%s", r->attempts,
                            r->accepted_msec ? "last accepted at " : "none accepted",
                            r->accepted_msec ? timefmt_iso8601(r->accepted_msec, t) : "");
        add_throttled(b, r);
        if (r->error.class == AWS_ERROR_NONE)
                return;
        _cleanup_free_ char *words = alert_error_words(&r->error);
        facts_weigh(f, FACT_BAD);
        strbuf_add(b, "\nThe last one FAILED: ");
        foreign_add(b, words, ALERT_ERROR_MAX);
}

/* False when nothing follows about what is delivered since. */
static bool add_restart_state(Facts *f, const Incident *i)
{
        const Restart *r = &i->restart;
        StrBuf *b = facts_begin(f, FACT_OVERVIEW, "Restart");

        if (!i->open && !i->blind_to_msec) {
                strbuf_add(b, "continues in the next incident of this trail");
                return false;
        }
        switch (r->state) {
        case RESTART_NOT_WANTED:
                strbuf_add(b, i->blind_to_msec    ? "not needed: it was logging again when seen"
                              : i->in_maintenance ? "not wanted (maintenance)"
                                                  : "not wanted (action = \"alert\")");
                return i->blind_to_msec != 0;
        case RESTART_REQUESTED:
                strbuf_add(b, r->attempts > 0 ? "StartLogging has been sent, no answer yet"
                                              : "StartLogging is about to be sent");
                return false;
        case RESTART_ACCEPTED:
                strbuf_add(b, "StartLogging was accepted; not yet verified");
                return false;
        case RESTART_VERIFIED:
                facts_weigh(f, FACT_GOOD);
                strbuf_addf(b, "%s, verified by GetTrailStatus (%u StartLogging)",
                            r->unanswered > 0 && !r->accepted_msec
                                    ? "probably by this guard, whose StartLogging had no answer"
                                    : "by this guard",
                            r->attempts);
                add_throttled(b, r);
                return true;
        case RESTART_BY_OTHERS:
                strbuf_add(b, "started by somebody else, not by this guard");
                return true;
        case RESTART_FAILING: {
                _cleanup_free_ char *words = alert_error_words(&r->error);

                facts_weigh(f, FACT_BAD);
                strbuf_addf(b, "FAILS (%u StartLogging so far), will be retried\n", r->attempts);
                foreign_add(b, words, ALERT_ERROR_MAX);
                add_throttled(b, r);
                return false;
        }
        default:
                return false;
        }
}

static void add_restart(Facts *f, const Incident *i)
{
        add_unseen_starts(f, i);
        if (!alert_has_restart(i) || i->restart.state == RESTART_UNSEEN || !add_restart_state(f, i))
                return;
        if (i->delivering == DELIVERING_YES) {
                facts_add(f, FACT_OVERVIEW, "Delivery", "log files are delivered again");
        } else if (i->delivering == DELIVERING_NO) {
                foreign_add(facts_begin(f, FACT_OVERVIEW, "Delivery FAILS"), i->delivery_error,
                            ALERT_FOREIGN_MAX);
                facts_weigh(f, FACT_BAD);
        } else {
                facts_add(f, FACT_OVERVIEW, "Delivery",
                          "not seen yet since the restart (takes about 5 minutes)");
        }
}

static void add_cause(Facts *f, const Incident *i)
{
        _cleanup_free_ char *words = alert_error_words(&i->cause);

        if (i->cause.class != AWS_ERROR_NONE)
                facts_error(f, FACT_OVERVIEW, i->kind == INCIDENT_DRIFT ? "Not confirmed" : "Cause",
                            words);
}

static void add_notice(Facts *f, const Incident *i, const AlertContext *c)
{
        _cleanup_free_ char *host = escape_ascii(c->hostname, 64);
        _cleanup_free_ char *title = escape_ascii(i->title, 600);

        f->headline.word = mem_strdup(phase_to_string(c->phase));
        f->headline.state = mem_printf("trailsentry on %s: %s", host, title);
        add_cause(f, i);
        facts_time(f, FACT_OVERVIEW, i->closed_msec == i->detected_msec ? "Time" : "Since",
                   i->detected_msec);
        facts_time(f, FACT_OVERVIEW, "Until",
                   i->closed_msec > i->detected_msec ? i->closed_msec : 0);
        if (i->kind == INCIDENT_MAINTENANCE && i->open)
                facts_time(f, FACT_OVERVIEW, "Ends", i->until_msec);
        facts_end(f);
}

Facts alert_facts(const Incident *i, const AlertContext *c)
{
        Facts f = {};
        Arn a = {};

        if (incident_kind_is_notice(i->kind)) {
                add_notice(&f, i, c);
                return f;
        }
        (void)trail_name(i, &a);
        add_headline(&f, i, c, &a);
        facts_text(&f, FACT_OVERVIEW, "Trail", i->trail_arn);
        const char *account = labels_account(c->labels, a.account);
        if (account)
                facts_add(&f, FACT_OVERVIEW, "Account", "%s (%s)", account, a.account);
        else
                facts_text(&f, FACT_OVERVIEW, "Account", a.account);
        facts_text(&f, FACT_OVERVIEW, "Region", a.region);
        add_window(&f, i, c->now_msec);
        facts_time(&f, FACT_OVERVIEW, "Detected", i->detected_msec);
        add_cause(&f, i);
        facts_text(&f, FACT_OVERVIEW, "ATT&CK", incident_kind_technique(i->kind));
        add_restart(&f, i);
        _cleanup_free_ char *url = console_trail_url(a.region, i->trail_arn);
        facts_text(&f, FACT_OVERVIEW, "Console", url);
        facts_text(&f, FACT_OVERVIEW, "Runbook", c->labels ? c->labels->runbook : NULL);
        alert_add_changes(&f, i);
        alert_add_who(&f, i);
        facts_end(&f);
        return f;
}

char *alert_now(const Incident *i)
{
        return mem_strdup(state_now(i));
}

/* The text */

static void add_maintenance(StrBuf *b, const Incident *i)
{
        if (!i->open)
                strbuf_add(b, "\nA trail that it leaves stopped is restarted now, and told.\n");
        else
                strbuf_addf(b,
                            "\nStops and other changes are recorded meanwhile, not undone and not "
                            "told one by one.\nIf nobody has approved this, on the guard and as "
                            "root:\n     trailsentry maintenance stop --trail %s\n",
                            i->scope_arn ? i->scope_arn : "all");
}

char *alert_details(const Incident *i)
{
        StrBuf b = STRBUF_INIT(ALERT_BODY_MAX / 2), all = ALERT_PART_INIT;
        const char *text = strempty(i->text);
        char *details;

        for (size_t n; *text; text += n + (text[n] == '\n')) {
                n = strcspn(text, "\n");
                _cleanup_free_ char *line = mem_strndup(text, n);

                foreign_add_exact(&all, line, 600);
                if (text[n])
                        strbuf_add_char(&all, '\n');
        }
        alert_add_part(&b, &all, b.max, i->id);
        details = mem_strdup(strbuf_str(&b));
        strbuf_done(&b);
        return details;
}

static void add_notice_head(StrBuf *b, const Incident *i, const AlertContext *c)
{
        strbuf_add(b, "trailsentry on ");
        escape_add(b, c->hostname, 64);
        strbuf_add(b, ": ");
        foreign_add_exact(b, i->title, 600);
        strbuf_add(b, ".\n\n");
        if (i->text) {
                _cleanup_free_ char *details = alert_details(i);

                strbuf_addf(b, "%s\n", details);
        }
}

/* Stopped and restarted, in one message. */
static void add_restarted(StrBuf *b, const Incident *i)
{
        char d[TIMEFMT_MAX];

        strbuf_addf(b, ", and restarted by %s after %s.\n",
                    i->restart.state == RESTART_VERIFIED ? "this guard" : "others",
                    *duration(i, 0, d) ? d : "a moment");
        strbuf_add(b, "Now: logging again. Whoever stopped it may still have access.\n\n");
}

static void add_head(StrBuf *b, const Incident *i, const AlertContext *c)
{
        Arn a = {};

        strbuf_add(b, "CloudTrail trail ");
        escape_add(b, trail_name(i, &a), 128);
        strbuf_addf(b, " %s", what_happened(i));
        if (i->changes.n > 1)
                strbuf_addf(b, ", and %zu more (below)", i->changes.n - 1);
        if (i->announced_by && !i->in_maintenance) {
                strbuf_add(b, ": left by the maintenance that ");
                foreign_add(b, i->announced_by, 100);
                strbuf_add(b, " announced");
        }
        if (c->phase == PHASE_RESTARTED)
                add_restarted(b, i);
        else
                strbuf_addf(b, ".\nNow: %s.\n\n", state_now(i));
}

void alert_text(const Incident *i, const AlertContext *c, char **ret_subject, char **ret_body)
{
        _cleanup_(advice_done) Advice advice = advice_make(i, c->now_msec);
        _cleanup_facts_ Facts f = alert_facts(i, c);
        StrBuf b = STRBUF_INIT(ALERT_BODY_MAX), end = STRBUF_INIT(ALERT_END_MAX);

        *ret_subject = headline_print(&f.headline, ALERT_SUBJECT_MAX);
        if (incident_kind_is_notice(i->kind))
                add_notice_head(&b, i, c);
        else
                add_head(&b, i, c);
        if (i->kind == INCIDENT_MAINTENANCE)
                add_maintenance(&end, i);
        alert_add_advice(&end, &advice, i->id);
        alert_add_footer(&end, i, c);
        *ret_body = alert_body(&f, &b, &end, i->id);
}
