/* SPDX-License-Identifier: Apache-2.0 */
/* `trailsentry incidents ID`: what it is, its course, who, what to do. */

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/incidents.h"
#include "cli/timeline.h"
#include "core/advice.h"
#include "core/alertpart.h"
#include "core/alerttext.h"

#define WHO_MAX (64 * 1024)

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
        _cleanup_free_ char *summary = alert_summary(i), *actor = alert_actor(i);
        _cleanup_free_ char *blind = incidents_blind_words(i, now_msec);
        const Restart *r = &i->restart;
        const Attribution *a = &i->attribution;

        print_line(p, PRINT_HEADING, "Incident %s", i->id);
        print_row(p, "Summary", i->open ? PRINT_BAD : PRINT_PLAIN, "%s", summary);
        print_row(p, "Trail", PRINT_PLAIN, "%s", strempty(i->trail_arn));
        print_row(p, "Kind", PRINT_PLAIN, "%s, severity %s", incident_kind_to_string(i->kind),
                  severity_to_string(i->severity));
        print_row(p, "State", i->open ? PRINT_BAD : PRINT_GOOD, "%s", i->open ? "open" : "closed");
        if (incident_kind_is_notice(i->kind))
                return;
        print_error(p, "Cause", &i->cause);
        print_row(p, "Blind for", PRINT_PLAIN, "%s", blind);
        if (r->state != RESTART_NOT_WANTED) {
                print_row(p, "Restart", r->state == RESTART_FAILING ? PRINT_BAD : PRINT_PLAIN,
                          "%s (%u StartLogging, %u unanswered)", restart_state_to_string(r->state),
                          r->attempts, r->unanswered);
                print_error(p, "Last failure", &r->error);
                print_row(p, "Delivering", i->delivering == DELIVERING_NO ? PRINT_BAD : PRINT_PLAIN,
                          "%s %s", delivering_to_string(i->delivering),
                          strempty(i->delivery_error));
        }
        if (a->state == SEARCH_NOT_NEEDED && !a->misused)
                return;
        print_row(p, "Actor", a->misused ? PRINT_BAD : PRINT_PLAIN, "%s", actor);
        print_row(p, "Confidence", PRINT_PLAIN, "%s; search %s, %u complete look%s%s",
                  confidence_to_string(a->confidence), search_state_to_string(a->state), a->rounds,
                  a->rounds == 1 ? "" : "s", a->incomplete ? ", not all events were read" : "");
        print_error(p, "Last failure", &a->error);
}

static void print_timeline(const Printer *p, const Incident *i)
{
        static const char *const headings[] = {"TIME (UTC)", "OFFSET", "CLOCK", "WHAT", NULL};
        static const PrintStyle styles[] = {
                [TIMELINE_PLAIN] = PRINT_PLAIN,
                [TIMELINE_GOOD] = PRINT_GOOD,
                [TIMELINE_BAD] = PRINT_BAD,
        };
        _cleanup_(timeline_done) Timeline t = timeline_make(i);
        _cleanup_(table_freep) Table *table = table_new(headings);
        char day[TIMEFMT_MAX] = "", when[TIMEFMT_MAX], offset[80];

        print_blank(p);
        print_line(p, PRINT_HEADING, "Timeline, offsets from the %s",
                   i->stop_msec ? "stop" : "detection");
        for (size_t k = 0; k < t.n_events; k++) {
                const TimelineEvent *e = &t.events[k];
                bool seconds = e->clock == TIMELINE_HISTORY;
                const char *fraction;

                timefmt_iso8601(e->msec, when);
                fraction = strchr(when, '.');
                if (strncmp(day, when, strlen("2026-11-23")) != 0) {
                        (void)snprintf(day, sizeof(day), "%.10s", when); /* fits */
                        table_note(table, PRINT_HEADING, "%s", day);
                }
                table_cell(table, PRINT_PLAIN, "%.8s%.4s", when + strlen("2026-11-23T"),
                           seconds    ? ""
                           : fraction ? fraction
                                      : ".000");
                table_cell(table, PRINT_PLAIN, "%s", timeline_offset(&t, e, offset));
                table_cell(table, PRINT_PLAIN, "%s", timeline_clock_name(e->clock));
                table_cell(table, styles[e->weight], "%s", e->text);
                if (e->note)
                        table_note(table, PRINT_PLAIN, "%s", e->note);
        }
        table_print(table, p);
}

static void print_who(const Printer *p, const Incident *i)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(WHO_MAX);

        alert_add_who(&b, i);
        print_block(p, strbuf_str(&b));
}

static void print_changes(const Printer *p, const Incident *i)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(WHO_MAX);

        alert_add_changes(&b, i);
        print_block(p, strbuf_str(&b));
}

static void print_advice(const Printer *p, const Incident *i, int64_t now_msec)
{
        _cleanup_(advice_done) Advice a = advice_make(i, now_msec);

        if (a.n_steps > 0) {
                print_blank(p);
                print_line(p, PRINT_HEADING, "What to do");
        }
        for (size_t k = 0; k < a.n_steps; k++) {
                print_line(p, PRINT_PLAIN, "  %zu. %s", k + 1, a.steps[k].text);
                if (a.steps[k].command)
                        print_line(p, PRINT_PLAIN, "       %s", a.steps[k].command);
        }
}

void incidents_show(const Cli *c, const Incident *i)
{
        const Printer *p = &c->out;

        print_overview(p, i, c->now_msec);
        if (i->text) {
                print_blank(p);
                print_block(p, i->text);
        }
        print_changes(p, i);
        print_timeline(p, i);
        if (!incident_kind_is_notice(i->kind)) {
                print_who(p, i);
                print_advice(p, i, c->now_msec);
        }
}
