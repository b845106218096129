/* SPDX-License-Identifier: Apache-2.0 */
/* `trailsentry incidents ID`: what it is, its course, who, what to do. */

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/incidents.h"
#include "cli/timeline.h"
#include "core/advice.h"
#include "core/alerttext.h"
#include "core/facts.h"

#define SECTION_MAX (64 * 1024)

static void print_facts(const Printer *p, const Facts *f)
{
        static const PrintStyle styles[] = {
                [FACT_PLAIN] = PRINT_PLAIN, [FACT_GOOD] = PRINT_GOOD, [FACT_BAD] = PRINT_BAD};

        for (size_t k = 0; k < f->n_items; k++) {
                const Fact *i = &f->items[k];
                const char *line = i->value;

                if (i->section != FACT_OVERVIEW)
                        continue;
                for (const char *label = i->label; line; label = "") {
                        size_t n = strcspn(line, "\n");

                        print_row(p, label, styles[i->weight], "%.*s", (int)n, line);
                        line = line[n] ? line + n + 1 : NULL;
                }
        }
}

static void print_overview(const Printer *p, const Incident *i, const Facts *f)
{
        _cleanup_free_ char *summary = alert_summary(i);

        print_line(p, PRINT_HEADING, "Incident %s", i->id);
        print_row(p, "Summary", i->open ? PRINT_BAD : PRINT_PLAIN, "%s", summary);
        print_row(p, "Kind", PRINT_PLAIN, "%s, severity %s", incident_kind_to_string(i->kind),
                  severity_to_string(i->severity));
        print_row(p, "State", i->open ? PRINT_BAD : PRINT_GOOD, "%s", i->open ? "open" : "closed");
        print_facts(p, f);
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

static void print_section(const Printer *p, const Facts *f, FactSection section)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(SECTION_MAX);

        facts_print(f, section, &b);
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
        const AlertContext context = {.phase = i->open ? PHASE_OPEN : PHASE_CLOSED,
                                      .hostname = "",
                                      .now_msec = c->now_msec};
        _cleanup_facts_ Facts f = alert_facts(i, &context);

        print_overview(p, i, &f);
        if (i->text) {
                print_blank(p);
                print_block(p, i->text);
        }
        print_section(p, &f, FACT_CHANGES);
        print_timeline(p, i);
        for (FactSection s = FACT_WHO; s < _FACT_SECTION_MAX; s++)
                print_section(p, &f, s);
        if (!incident_kind_is_notice(i->kind))
                print_advice(p, i, c->now_msec);
}
