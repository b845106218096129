/* SPDX-License-Identifier: Apache-2.0 */

/* The part of a message that says what is otherwise than it was: each setting with its words,
 * before and after, and what that is to the reader. */

#include "base/foreign.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/alertpart.h"
#include "core/drift.h"

#define LINES_MAX 20

const char *alert_change_happened(const Incident *i)
{
        const Change *c = changes_worst(&i->changes);

        if (i->kind == INCIDENT_UNINSPECTED)
                return "has settings that cannot be read";
        if (i->between_looks)
                return changes_have(&i->changes, CHANGE_MANAGEMENT_EVENTS)
                               ? "did not record all events for a time"
                               : "had other settings for a time";
        if (!c)
                return "has other settings than before";
        if (c->declared && streq(c->after, "on"))
                return "is not set as trailsentry.conf expects";
        return change_info(c->kind)->happened;
}

/* Not whether it logs: that is told by others, and may have changed since. */
const char *alert_change_state(const Incident *i)
{
        switch (i->kind) {
        case INCIDENT_DELIVERY:
                if (!i->open)
                        return "all arrives again";
                return i->changes.n == 1 && i->changes.items[0].kind == CHANGE_LATE
                               ? "nothing arrives"
                               : "not all of it arrives";
        case INCIDENT_UNINSPECTED:
                return i->open ? "settings NOT READ" : "settings read again";
        default:
                break;
        }
        if (!i->open || i->between_looks)
                return i->accepted_by ? "accepted as it is" : "restored";
        return changes_have(&i->changes, CHANGE_MANAGEMENT_EVENTS) ? "NOT ALL IS RECORDED"
                                                                   : "not restored";
}

static const char *change_window_label(const Incident *i)
{
        if (i->kind == INCIDENT_UNINSPECTED)
                return "Not watched";
        if (i->kind == INCIDENT_DELIVERY)
                return "Failing since";
        if (changes_have(&i->changes, CHANGE_MANAGEMENT_EVENTS))
                return i->between_looks ? "Blind" : "Blind since";
        return "Changed";
}

void alert_add_change_window(Facts *f, const Incident *i, const char *duration)
{
        char good[TIMEFMT_MAX], seen[TIMEFMT_MAX], to[TIMEFMT_MAX];
        StrBuf *b = facts_begin(f, FACT_OVERVIEW, change_window_label(i));

        timefmt_iso8601(i->good_msec, good);
        timefmt_iso8601(i->seen_msec, seen);
        if (i->between_looks) {
                strbuf_addf(b,
                            "from %s to %s\nby Event history; it was restored before the guard "
                            "read its settings",
                            good, timefmt_iso8601(i->blind_to_msec, to));
                return;
        }
        if (i->kind == INCIDENT_UNINSPECTED)
                strbuf_addf(b, "from %s %s%s", timefmt_iso8601(i->blind_from_msec, good),
                            i->open ? "until now" : "to ",
                            i->open ? "" : timefmt_iso8601(i->blind_to_msec, to));
        else if (!i->good_msec)
                strbuf_addf(b, "before %s, when it was first looked at", seen);
        else
                strbuf_addf(b, "between %s (last seen well)\nand %s (first seen so)", good, seen);
        if (i->open && *duration)
                strbuf_addf(b, "\nfor %s so far", duration);
        if (i->kind != INCIDENT_UNINSPECTED && !i->open)
                b = facts_begin(f, FACT_OVERVIEW, i->accepted_by ? "Accepted" : "Well again");
        if (i->kind != INCIDENT_UNINSPECTED && !i->open)
                strbuf_add(b, timefmt_iso8601(i->closed_msec, to));
        if (!i->open && *duration)
                strbuf_addf(b, "\nfor %s", duration);
        facts_foreign(f, FACT_OVERVIEW, "Accepted by", i->accepted_by);
}

/* Lines of a value one below the other. */
static void add_value(StrBuf *b, const char *label, const char *value)
{
        _cleanup_free_ char *copy = mem_strdup(value);
        char *rest = copy;
        unsigned n = 0;

        for (char *line; (line = strsep(&rest, "\n"));) {
                if (++n > LINES_MAX) {
                        strbuf_addf(b, "    %-10s  and more\n", "");
                        break;
                }
                strbuf_addf(b, "    %-10s  ", n == 1 ? label : "");
                foreign_add(b, line, ALERT_FOREIGN_MAX);
                strbuf_add_char(b, '\n');
        }
}

static void add_change(Facts *f, const Incident *i, const Change *c)
{
        const ChangeInfo *info = change_info(c->kind);
        bool failure = c->kind >= CHANGE_LOG_FILES;
        StrBuf *b = facts_begin(f, FACT_CHANGES, NULL);

        strbuf_addf(b, "  %s (%s%s)\n", info->label, severity_to_string(c->severity),
                    c->undone && i->open ? "; as it was, again" : "");
        add_value(b, c->declared ? "expected" : failure ? "usual" : "was", c->before);
        add_value(b, failure ? "now" : i->between_looks ? "set to" : "is", c->after);
        if (c->by)
                add_value(b, "by", c->by);
        if (!(c->declared && streq(c->after, "on")))
                strbuf_addf(b, "    %s\n", info->meaning);
}

/* The worst first. */
void alert_add_changes(Facts *f, const Incident *i)
{
        f->headings[FACT_CHANGES] = i->kind == INCIDENT_DRIFT ? "What changed" : "What fails";
        for (int s = _SEVERITY_MAX - 1; s >= 0; s--)
                for (size_t k = 0; k < i->changes.n; k++)
                        if ((int)i->changes.items[k].severity == s)
                                add_change(f, i, &i->changes.items[k]);
}
