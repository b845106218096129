/* SPDX-License-Identifier: Apache-2.0 */

#include "core/alertpart.h"

#include "base/escape.h"
#include "base/mem.h"

char *alert_cut(const char *text, size_t max)
{
        if (strlen(text) <= max)
                return mem_strdup(text);
        max -= strlen("...");
        /* What begins shortly before the cut has to end there. */
        for (size_t at = max - MIN(max, (size_t)12); at < max; at++) {
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

char *alert_one_line(const json_t *document, const char *subject, size_t max)
{
        const json_t *o = json_object_get(document, "headline");
        const char *phase = json_string_value(json_object_get(document, "phase"));
        Headline h = headline_from_json(o);

        if (!h.word)
                h.word = (char *)phase; /* as written by 0.1.0 */
        return json_is_object(o) && h.word ? headline_print(&h, max) : mem_strdup(subject);
}

char *alert_body(const Facts *f, StrBuf *begin, StrBuf *end, const char *incident_id)
{
        char *body;

        facts_print(f, FACT_OVERVIEW, begin);
        for (FactSection k = FACT_CHANGES; k <= FACT_WHO; k++) {
                StrBuf part = ALERT_PART_INIT;
                size_t max = k == FACT_CHANGES ? ALERT_CHANGES_MAX : SIZE_MAX;

                facts_print(f, k, &part);
                if (k == FACT_WHO) {
                        facts_print(f, FACT_OTHERS, &part);
                        facts_print(f, FACT_CALLS, &part);
                }
                alert_add_part(begin, &part,
                               MIN(max, begin->max - MIN(begin->len + end->len, begin->max)),
                               incident_id);
        }
        strbuf_add(begin, strbuf_str(end));
        body = mem_strdup(strbuf_str(begin));
        strbuf_done(end);
        strbuf_done(begin);
        return body;
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
