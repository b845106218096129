/* SPDX-License-Identifier: Apache-2.0 */

#include "core/compact.h"

#include "base/mem.h"
#include "core/findings.h"

/* A record takes about 1 KB, 10 KB when every text in it is as long as may be. CloudTrail allows
 * one write a second, so that a hundred are more than the minute before a stop holds. */
#define FINDINGS_MAX ((size_t)128 * 1024)
/* Of all searches together: a sixteenth of MemoryMax=. There are as many as search.c lets run at a
 * time, 2,000 and one for each trail, so that each has 16 KiB even then. */
#define FINDINGS_TOTAL ((size_t)32 * 1024 * 1024)
#define FINDINGS_MIN ((size_t)8 * 1024)
/* Of those who did not do it, once that is known: some of what messages list. */
#define NOISE_MAX ((size_t)8 * 1024)
/* Messages that keep their text when it has been sent, for who reads the file. */
#define TEXTS_KEPT 2

size_t compact_findings_share(size_t n_incidents)
{
        size_t n = 1;

        while (n < n_incidents)
                n *= 2; /* so that the share seldom changes */
        return MAX(MIN(FINDINGS_TOTAL / n, FINDINGS_MAX), FINDINGS_MIN);
}

static bool is_sent(const Message *m)
{
        for (size_t d = 0; d < m->n_deliveries; d++)
                if (!m->deliveries[d].sent)
                        return false;
        return true;
}

static void compact_messages(Incident *i, bool judged)
{
        for (size_t k = 0; k < i->n_messages; k++) {
                Message *m = &i->messages[k];

                if (!is_sent(m))
                        continue;
                if (judged || k + 1 < i->n_messages)
                        free(TAKE_PTR(m->document));
                if (k + TEXTS_KEPT < i->n_messages && !isempty(m->body))
                        mem_strset(&m->body, "");
        }
}

void incident_compact(Incident *i)
{
        const Attribution *a = &i->attribution;
        bool judged = a->state != SEARCH_RUNNING && a->state != SEARCH_SETTLING && !a->reads;

        compact_messages(i, judged && !i->open);
        if (judged)
                findings_shrink_noise(i, NOISE_MAX);
}

static size_t text_bytes(const char *s)
{
        return s ? strlen(s) + 1 : 0;
}

static size_t texts_bytes(char *const *s, size_t n)
{
        size_t sum = n * sizeof(*s);

        for (size_t k = 0; k < n; k++)
                sum += text_bytes(s[k]);
        return sum;
}

static size_t messages_bytes(const Incident *i)
{
        size_t sum = i->n_messages * sizeof(*i->messages);

        for (size_t k = 0; k < i->n_messages; k++) {
                const Message *m = &i->messages[k];

                sum += text_bytes(m->subject) + text_bytes(m->body) + text_bytes(m->document) +
                       m->n_deliveries * sizeof(*m->deliveries);
                for (size_t d = 0; d < m->n_deliveries; d++)
                        sum += text_bytes(m->deliveries[d].topic_arn) +
                               text_bytes(m->deliveries[d].message_id);
        }
        return sum;
}

static size_t attribution_bytes(const Attribution *a)
{
        size_t sum = findings_bytes(a) + a->n_deeds * sizeof(*a->deeds);
        const char *const texts[] = {a->told_culprit, a->told_who, a->corrected_from,
                                     a->searched_account, a->deeds_key};

        for (size_t k = 0; k < ELEMENTSOF(texts); k++)
                sum += text_bytes(texts[k]);
        for (size_t k = 0; k < a->n_deeds; k++)
                sum += text_bytes(a->deeds[k].event_name) + text_bytes(a->deeds[k].event_source);
        return sum;
}

static size_t series_bytes(const Series *s)
{
        size_t sum;

        if (!s)
                return 0;
        sum = sizeof(*s) + s->n_gone_numbers * sizeof(*s->gone_numbers) +
              s->n_trails * sizeof(*s->trails) + s->n_actors * sizeof(*s->actors) +
              text_bytes(s->last_id);
        for (size_t k = 0; k < s->n_trails; k++)
                sum += text_bytes(s->trails[k].arn);
        for (size_t k = 0; k < s->n_actors; k++)
                sum += cloudtrail_record_bytes(&s->actors[k].culprit.record);
        return sum;
}

size_t incident_bytes(const Incident *i)
{
        size_t sum = sizeof(*i) + messages_bytes(i) + attribution_bytes(&i->attribution) +
                     series_bytes(i->series) + i->changes.n * sizeof(*i->changes.items) +
                     texts_bytes(i->resources, i->n_resources) +
                     texts_bytes(i->restart.request_ids, i->restart.n_request_ids);
        const char *const texts[] = {i->trail_arn,    i->title,         i->text,
                                     i->scope_arn,    i->group,         i->accepted_by,
                                     i->announced_by, i->delivery_error};

        for (size_t k = 0; k < ELEMENTSOF(texts); k++)
                sum += text_bytes(texts[k]);
        for (size_t k = 0; k < i->changes.n; k++)
                sum += text_bytes(i->changes.items[k].before) +
                       text_bytes(i->changes.items[k].after);
        return sum;
}
