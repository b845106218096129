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

static void add_actor_news(StrBuf *b, const Incident *i)
{
        const Finding *f = incident_find_role(i, ROLE_CULPRIT);

        strbuf_addf(b, "- %s", told_is_corrected(i) ? "corrected: " : "");
        if (f && i->attribution.confidence == CONFIDENCE_EXACT) {
                _cleanup_free_ char *name = identity_display_name(&f->record.identity);
                strbuf_add(b, "who did it: ");
                foreign_add_ascii(b, name, 24);
        } else if (i->attribution.confidence != CONFIDENCE_NONE) {
                strbuf_add(b, "several may have done it");
        } else {
                strbuf_addf(b, "who did it is not known%s",
                            i->attribution.state == SEARCH_GAVE_UP ? "" : " yet");
        }
}

static void add_update(StrBuf *b, const Incident *i, int64_t now_msec)
{
        bool corrected = told_is_corrected(i);
        char d[TIMEFMT_MAX];

        if (alert_has_unseen_starts(i) && i->open && !is_reminder(i)) {
                strbuf_add(b, "still not seen, and StartLogging FAILS");
                return;
        }

        /* Who did it is news, and that it goes on is worse. */
        if ((alert_has_restart(i) || i->kind == INCIDENT_DELETED) && i->open && !i->blind_to_msec &&
            (corrected || !is_reminder(i)))
                strbuf_addf(b, "%s ",
                            i->kind == INCIDENT_DELETED ? "still missing" : "NOT LOGGING");
        if (corrected) {
                add_actor_news(b, i);
        } else if (is_reminder(i)) {
                strbuf_add(b, state_now(i));
                if (*duration(i, now_msec, d))
                        strbuf_addf(b, ", %s so far", d);
        } else if (i->delivering == DELIVERING_NO) {
                strbuf_add(b, state_now(i));
        } else if (i->delivering == DELIVERING_YES && i->delivering_msec == now_msec) {
                strbuf_addf(b, "%s, log files arrive", state_now(i)); /* what is new in it */
        } else if (i->changes.n > 0 && i->attribution.rounds == 0) {
                strbuf_addf(b, "%s, and more has changed", what_happened(i));
        } else {
                add_actor_news(b, i);
        }
}

static void subject(const Incident *i, const AlertContext *c, const Arn *a, char **ret)
{
        char d[TIMEFMT_MAX];
        StrBuf b = STRBUF_INIT(512);
        const char *headline = incident_kind_row(i->kind)->headline;
        _cleanup_free_ char *short_name = escape_ascii(trail_name(i, (Arn *)a), 32);

        strbuf_addf(&b, "%s: trail %s ", phase_to_string(c->phase), short_name);
        if (i->attribution.misused)
                strbuf_add(&b, "- GUARD'S CREDENTIALS MISUSED");
        else if (c->phase == PHASE_UPDATE)
                add_update(&b, i, c->now_msec);
        else if (c->phase == PHASE_CLOSED && i->kind != INCIDENT_OTHER_CONTROLLER)
                strbuf_add(&b, i->blind_to_msec || i->kind == INCIDENT_DELETED
                                       ? state_now(i)
                                       : "- see its next incident");
        else if (c->phase == PHASE_FAILING && is_reminder(i) && *duration(i, c->now_msec, d))
                strbuf_addf(&b, "NOT LOGGING for %s, restart FAILS", d);
        else if (c->phase == PHASE_FAILING)
                strbuf_add(&b, "NOT LOGGING, restart FAILS");
        else
                strbuf_add(&b, headline ? headline : what_happened(i));
        if (c->phase == PHASE_CLOSED && i->blind_to_msec && *duration(i, 0, d))
                strbuf_addf(&b, "%s%s", is_of_sight(i) ? " after " : ", blind ", duration(i, 0, d));
        strbuf_addf(&b, " (%s %s)", a->account, a->region);
        *ret = alert_subject(strbuf_str(&b));
        strbuf_done(&b);
}

static const char *window_source(const Incident *i)
{
        if (i->stop_msec)
                return "CloudTrail's own times (StopLoggingTime, StartLoggingTime); a lower bound";
        if (i->kind == INCIDENT_CANNOT_SEE)
                return "by the guard's clock, since the last good poll";
        return "since the guard last saw it logging, by the guard's clock";
}

bool alert_has_window(const Incident *i)
{
        return i->kind != INCIDENT_NOT_FOUND && i->kind != INCIDENT_OTHER_CONTROLLER &&
               !incident_kind_is_notice(i->kind);
}

static void add_window(StrBuf *b, const Incident *i, int64_t now_msec)
{
        char t[TIMEFMT_MAX];

        if (!alert_has_window(i))
                return;
        if (incident_kind_is_change(i->kind)) {
                alert_add_change_window(b, i, duration(i, now_msec, t));
                return;
        }
        strbuf_addf(b, "%-16s", i->kind == INCIDENT_CANNOT_SEE ? "Unseen" : "Blind");
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
        strbuf_add_char(b, '\n');
        if (i->blind_from_msec)
                strbuf_addf(b, "%16s%s\n", "", window_source(i));
        if (i->kind == INCIDENT_BLINK)
                strbuf_addf(b, "%16sOnly the latest stop shows; there may have been others\n", "");
        if (i->stop_moved_msec)
                strbuf_addf(b, "%16sStopLogging was called again at %s, while it was stopped\n", "",
                            timefmt_iso8601(i->stop_moved_msec, t));
        if (!i->stop_msec && i->kind == INCIDENT_ALREADY_STOPPED)
                strbuf_addf(b, "%16sIt shows no StopLoggingTime: it may never have logged\n", "");
}

bool alert_has_restart(const Incident *i)
{
        return alert_has_window(i) && !is_of_sight(i) && i->kind != INCIDENT_DELETED;
}

static void add_throttled(StrBuf *b, const Restart *r)
{
        _cleanup_free_ char *words = alert_throttled_words(r->throttled, r->throttled_msec);

        if (words)
                strbuf_addf(b, "%16sStartLogging was %s\n", "", words);
}

bool alert_has_unseen_starts(const Incident *i)
{
        return i->kind == INCIDENT_CANNOT_SEE &&
               (i->restart.state == RESTART_UNSEEN || i->restart.attempts > 0);
}

static void add_unseen_starts(StrBuf *b, const Incident *i)
{
        const Restart *r = &i->restart;
        char t[TIMEFMT_MAX];

        if (!alert_has_unseen_starts(i))
                return;
        strbuf_addf(b, "%-16s%s, in case the trail was stopped\n", "Restart",
                    !i->open                     ? "StartLogging was sent meanwhile"
                    : r->state == RESTART_UNSEEN ? "StartLogging is sent once a minute"
                                                 : "StartLogging was sent for a while");
        if (r->attempts > 0)
                strbuf_addf(b, "%16s%u sent so far, %s%s\n", "", r->attempts,
                            r->accepted_msec ? "last accepted at " : "none accepted",
                            r->accepted_msec ? timefmt_iso8601(r->accepted_msec, t) : "");
        add_throttled(b, r);
        if (r->error.class == AWS_ERROR_NONE)
                return;
        _cleanup_free_ char *words = alert_error_words(&r->error);
        strbuf_addf(b, "%16sThe last one FAILED: ", "");
        foreign_add(b, words, ALERT_ERROR_MAX);
        strbuf_add_char(b, '\n');
}

static void add_restart(StrBuf *b, const Incident *i)
{
        const Restart *r = &i->restart;

        add_unseen_starts(b, i);
        if (!alert_has_restart(i) || r->state == RESTART_UNSEEN)
                return;
        strbuf_addf(b, "%-16s", "Restart");
        if (!i->open && !i->blind_to_msec) {
                strbuf_add(b, "goes on with the next incident of this trail\n");
                return;
        }
        switch (r->state) {
        case RESTART_NOT_WANTED:
                strbuf_add(b, i->blind_to_msec    ? "not needed: it was logging again when seen\n"
                              : i->in_maintenance ? "not wanted (maintenance)\n"
                                                  : "not wanted (action = \"alert\")\n");
                if (!i->blind_to_msec)
                        return;
                break;
        case RESTART_REQUESTED:
                strbuf_add(b, "StartLogging has been sent, no answer yet\n");
                return;
        case RESTART_ACCEPTED:
                strbuf_add(b, "StartLogging was accepted; not yet verified\n");
                return;
        case RESTART_VERIFIED:
                strbuf_addf(b, "%s, verified by GetTrailStatus (%u StartLogging)\n",
                            r->unanswered > 0 && !r->accepted_msec
                                    ? "probably by this guard, whose StartLogging had no answer"
                                    : "by this guard",
                            r->attempts);
                add_throttled(b, r);
                break;
        case RESTART_BY_OTHERS:
                strbuf_add(b, "started by somebody else, not by this guard\n");
                break;
        case RESTART_FAILING: {
                _cleanup_free_ char *words = alert_error_words(&r->error);
                strbuf_addf(b, "FAILS (%u StartLogging so far), goes on being tried\n%16s",
                            r->attempts, "");
                foreign_add(b, words, ALERT_ERROR_MAX);
                strbuf_add_char(b, '\n');
                add_throttled(b, r);
                return;
        }
        default:
                return;
        }
        if (i->delivering == DELIVERING_YES)
                strbuf_addf(b, "%-16slog files are delivered again\n", "Delivery");
        else if (i->delivering == DELIVERING_NO)
                alert_foreign_row(b, "Delivery FAILS", i->delivery_error);
        else
                strbuf_addf(b, "%-16snot seen yet since the restart (takes about 5 minutes)\n",
                            "Delivery");
}

static void add_cause(StrBuf *b, const Incident *i)
{
        _cleanup_free_ char *words = alert_error_words(&i->cause);

        if (i->cause.class != AWS_ERROR_NONE)
                alert_error_row(b, i->kind == INCIDENT_DRIFT ? "Not confirmed" : "Cause", words);
}

/* The end of every message about one incident. */
static void add_end(StrBuf *b, const Incident *i, const AlertContext *c)
{
        _cleanup_(advice_done) Advice a = advice_make(i, c->now_msec);

        alert_add_advice(b, &a, i->id);
        alert_add_footer(b, i, c);
}

static void add_maintenance(StrBuf *b, const Incident *i)
{
        if (!i->open) {
                strbuf_add(b, "\nA trail that it leaves stopped is restarted now, and told.\n");
                return;
        }
        alert_time_row(b, "Ends", i->until_msec);
        strbuf_addf(b,
                    "\nStops and other changes are recorded meanwhile, not undone and not told one "
                    "by one.\nIf nobody has approved this, on the guard and as root:\n"
                    "     trailsentry maintenance stop --trail %s\n",
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

static void notice_text(const Incident *i, const AlertContext *c, char **ret_subject,
                        char **ret_body)
{
        StrBuf b = STRBUF_INIT(ALERT_BODY_MAX);
        _cleanup_free_ char *line = mem_printf("%s: trailsentry on %s: %s",
                                               phase_to_string(c->phase), c->hostname, i->title);

        _cleanup_free_ char *ascii = escape_ascii(line, SIZE_MAX);
        *ret_subject = alert_subject(ascii);
        strbuf_add(&b, "trailsentry on ");
        escape_add(&b, c->hostname, 64);
        strbuf_add(&b, ": ");
        foreign_add_exact(&b, i->title, 600);
        strbuf_add(&b, ".\n\n");
        if (i->text) {
                _cleanup_free_ char *details = alert_details(i);

                strbuf_addf(&b, "%s\n", details);
        }
        add_cause(&b, i);
        alert_time_row(&b, i->closed_msec == i->detected_msec ? "Time" : "Since", i->detected_msec);
        alert_time_row(&b, "Until", i->closed_msec > i->detected_msec ? i->closed_msec : 0);
        if (i->kind == INCIDENT_MAINTENANCE)
                add_maintenance(&b, i);
        add_end(&b, i, c);
        *ret_body = mem_strdup(strbuf_str(&b));
        strbuf_done(&b);
}

void alert_text(const Incident *i, const AlertContext *c, char **ret_subject, char **ret_body)
{
        if (incident_kind_is_notice(i->kind)) {
                notice_text(i, c, ret_subject, ret_body);
                return;
        }

        StrBuf b = STRBUF_INIT(ALERT_BODY_MAX), end = STRBUF_INIT(ALERT_END_MAX);
        StrBuf changes = ALERT_PART_INIT, who = ALERT_PART_INIT;
        Arn a = {};
        const char *name = trail_name(i, &a);

        subject(i, c, &a, ret_subject);

        strbuf_add(&b, "CloudTrail trail ");
        escape_add(&b, name, 128);
        strbuf_addf(&b, " %s", what_happened(i));
        if (i->changes.n > 1)
                strbuf_addf(&b, ", and %zu more (below)", i->changes.n - 1);
        strbuf_addf(&b, ".\nNow: %s.\n\n", state_now(i));
        alert_row(&b, "Trail", i->trail_arn);
        alert_row(&b, "Account", a.account);
        alert_row(&b, "Region", a.region);
        add_window(&b, i, c->now_msec);
        alert_time_row(&b, "Detected", i->detected_msec);
        add_cause(&b, i);
        alert_row(&b, "ATT&CK", incident_kind_technique(i->kind));
        add_restart(&b, i);
        /* The end is whole, whatever stands before it. */
        add_end(&end, i, c);
        alert_add_changes(&changes, i);
        alert_add_part(&b, &changes, ALERT_CHANGES_MAX, i->id);
        alert_add_who(&who, i);
        alert_add_part(&b, &who, ALERT_BODY_MAX - MIN(b.len + end.len, (size_t)ALERT_BODY_MAX),
                       i->id);
        strbuf_add(&b, strbuf_str(&end));
        strbuf_done(&end);
        *ret_body = mem_strdup(strbuf_str(&b));
        strbuf_done(&b);
}
