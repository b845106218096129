/* SPDX-License-Identifier: Apache-2.0 */

#include "core/alertpart.h"

#include "base/escape.h"
#include "base/foreign.h"
#include "base/mem.h"
#include "base/timefmt.h"

char *alert_subject(const char *text)
{
        size_t n = strlen(text), max = ALERT_SUBJECT_MAX - strlen("...");

        if (n <= max)
                return mem_strdup(text);
        /* What begins shortly before the cut has to end there. */
        for (size_t at = max - 12; at < max; at++) {
                size_t length = 0;

                if (strncmp(text + at, "\\x", 2) == 0)
                        length = strlen("\\xNN");
                else if (strncmp(text + at, "\\u{", 3) == 0)
                        length = strcspn(text + at, "}") + 1;
                else if (text[at] == '[')
                        length = strcspn(text + at, "]") + 1;
                if (at + length > max)
                        max = at;
        }
        return mem_printf("%.*s...", (int)max, text);
}

void alert_row(StrBuf *b, const char *label, const char *value)
{
        if (isempty(value))
                return;
        strbuf_addf(b, "%-15s ", label); /* some labels are longer than their column */
        escape_add(b, value, ALERT_VALUE_CHARS);
        strbuf_add_char(b, '\n');
}

static void foreign_row(StrBuf *b, const char *label, const char *value, size_t max)
{
        if (isempty(value))
                return;
        strbuf_addf(b, "%-15s ", label);
        foreign_add(b, value, max);
        strbuf_add_char(b, '\n');
}

void alert_foreign_row(StrBuf *b, const char *label, const char *value)
{
        foreign_row(b, label, value, ALERT_FOREIGN_MAX);
}

void alert_error_row(StrBuf *b, const char *label, const char *words)
{
        foreign_row(b, label, words, ALERT_ERROR_MAX);
}

void alert_time_row(StrBuf *b, const char *label, int64_t msec)
{
        char t[TIMEFMT_MAX];

        if (msec)
                alert_row(b, label, timefmt_iso8601(msec, t));
}

void alert_add_part(StrBuf *b, StrBuf *part, size_t max, const char *incident_id)
{
        _cleanup_free_ char *more =
                mem_printf("  ... and more: trailsentry incidents %s\n", incident_id);
        const char *text = strbuf_str(part);
        size_t n = part->len;

        if (n > max) {
                n = max > strlen(more) ? max - strlen(more) : 0;
                while (n > 0 && text[n - 1] != '\n')
                        n--;
        }
        strbuf_add_n(b, text, n);
        if (n < part->len)
                strbuf_add(b, more);
        strbuf_done(part);
}

void alert_add_advice(StrBuf *b, const Advice *a, const char *incident_id)
{
        StrBuf part = ALERT_PART_INIT;

        if (a->n_steps > 0)
                strbuf_add(&part, "\nWhat to do\n");
        for (size_t k = 0; k < a->n_steps; k++) {
                strbuf_addf(&part, "%zu. %s\n", k + 1, a->steps[k].text);
                if (a->steps[k].command)
                        strbuf_addf(&part, "     %s\n", a->steps[k].command);
        }
        alert_add_part(b, &part, ALERT_ADVICE_MAX, incident_id);
}

void alert_add_footer(StrBuf *b, const Incident *i, const AlertContext *c)
{
        strbuf_addf(b, "\nIncident %s, message %u (%s), severity %s, guard ", i->id, c->sequence,
                    phase_to_string(c->phase), severity_to_string(i->severity));
        escape_add(b, c->hostname, 64);
        strbuf_add_char(b, '\n');
}
