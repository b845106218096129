/* SPDX-License-Identifier: Apache-2.0 */

/* Whether topics take what is sent to them. One that does not is told through the others, and
 * again when it takes messages and nothing of what it had refused is left. */

#include "core/internal.h"

#include <syslog.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "core/remedy.h"
#include "core/alerttext.h"

Topic *topic_find(Core *c, const char *arn)
{
        for (size_t t = 0; t < c->n_topics; t++)
                if (streq(c->topics[t].config.arn, arn))
                        return &c->topics[t];
        return NULL;
}

bool topic_is_told_of(const Incident *i, const char *arn)
{
        return i->kind == INCIDENT_TOPIC_FAILING && streq_ptr(i->scope_arn, arn);
}

bool topic_refuses_for_good(const AwsError *e)
{
        return e->class == AWS_ERROR_DENIED || e->class == AWS_ERROR_NOT_FOUND ||
               e->class == AWS_ERROR_INVALID;
}

static Incident *find_notice(const Core *c, const char *topic_arn)
{
        for (size_t k = 0; k < c->n_incidents; k++)
                if (c->incidents[k]->open && topic_is_told_of(c->incidents[k], topic_arn))
                        return c->incidents[k];
        return NULL;
}

typedef struct Waiting {
        size_t n, n_refused;
} Waiting;

/* What the topic has not taken yet; all of it is tried again at once on `wake`. */
static Waiting look_at_waiting(Core *c, const Topic *t, bool wake)
{
        Waiting w = {};

        for (size_t k = 0; k < c->n_incidents; k++)
                for (size_t n = 0; n < c->incidents[k]->n_messages; n++) {
                        const Message *m = &c->incidents[k]->messages[n];
                        Delivery *d = message_find_delivery(m, t->config.arn);

                        if (!d || d->sent)
                                continue;
                        w.n++;
                        w.n_refused += d->failures > 0;
                        if (wake)
                                d->next_boot = 0;
                }
        return w;
}

/* "topic NAME rejects alerts (ACCOUNT REGION)" */
static char *title_of(const char *arn, const char *words)
{
        const char *why;
        Arn a;

        return arn_parse_topic(arn, &a, &why) < 0
                       ? mem_printf("%s %s", arn, words)
                       : mem_printf("topic %s %s (%s %s)", a.resource, words, a.account, a.region);
}

/* While no topic but this one hears of what is high, somebody is to hear that it does not. */
static Severity severity_of(const Core *c, const Topic *t)
{
        for (size_t k = 0; k < c->n_topics; k++)
                if (&c->topics[k] != t && c->topics[k].config.min_severity <= SEVERITY_HIGH)
                        return SEVERITY_HIGH;
        return SEVERITY_CRITICAL;
}

static void tell(Core *c, Topic *t)
{
        _cleanup_free_ char *title = title_of(t->config.arn, "rejects alerts");
        Waiting w = look_at_waiting(c, t, false);
        _cleanup_free_ char *text =
                mem_printf("%-16s%s\n%-16s%zu message%s, kept on disk and retried forever\n",
                           "Topic", t->config.arn, "Waiting", w.n, w.n == 1 ? "" : "s");

        Incident *i = notice_open(c, &(NoticeFacts){.kind = INCIDENT_TOPIC_FAILING,
                                                    .severity = severity_of(c, t),
                                                    .phase = PHASE_OPEN,
                                                    .open = true,
                                                    .title = title,
                                                    .text = text,
                                                    .scope_arn = t->config.arn,
                                                    .cause = &t->error,
                                                    .id_digest = t->config.arn});
        if (!i || i->messages[0].n_deliveries > 0)
                return;
        _cleanup_free_ char *words = alert_error_words(&t->error);
        core_log(c, LOG_EVENT_ALERT_FAILED, LOG_CRIT, i, &t->error,
                 "nobody can be told that %s: %s. %s", title, words,
                 remedy_for_error(&t->error, "Publish"));
}

void topic_failed(Core *c, Topic *t, const AwsError *error)
{
        t->error = *error;
        t->took_one = false;
        if (!t->failing_boot)
                t->failing_boot = c->now.boot_usec;
}

void topic_took(Core *c, Topic *t)
{
        Incident *i = find_notice(c, t->config.arn);

        if (!t->failing_boot && !i)
                return;
        Waiting w = look_at_waiting(c, t, !t->took_one);
        if (!t->took_one)
                t->n_waited = w.n + 1;
        t->took_one = true;
        if (w.n_refused > 0)
                return;
        t->failing_boot = 0;
        t->took_one = false;
        if (!i)
                return;

        _cleanup_free_ char *title = title_of(t->config.arn, "accepts alerts again");
        char d[TIMEFMT_MAX];
        _cleanup_free_ char *text =
                mem_printf("%-16s%s\n%-16s%zu message%s for up to %s; sent now\n", "Topic",
                           t->config.arn, "Waited", t->n_waited, t->n_waited == 1 ? "" : "s",
                           timefmt_duration(c->now.wall_msec - i->detected_msec, d));
        notice_close(c, i, PHASE_CLOSED, title, text);
}

void topic_tick(Core *c)
{
        for (size_t k = 0; k < c->n_topics; k++) {
                Topic *t = &c->topics[k];

                if (c->now.boot_usec >= topic_next_boot(c, t))
                        tell(c, t);
        }
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];

                if (i->kind != INCIDENT_TOPIC_FAILING || !i->open)
                        continue;
                /* Of an earlier run, in which it took all that there was. */
                const Topic *t = topic_find(c, i->scope_arn);
                if (t && (t->failing_boot || look_at_waiting(c, t, false).n > 0))
                        continue;
                _cleanup_free_ char *title = title_of(
                        i->scope_arn, t ? "accepts alerts again" : "is not configured any more");
                notice_close(c, i, PHASE_CLOSED, title, "");
        }
}

uint64_t topic_next_boot(const Core *c, const Topic *t)
{
        if (!t->failing_boot || find_notice(c, t->config.arn))
                return USEC_INFINITY;
        return topic_refuses_for_good(&t->error)
                       ? 0
                       : t->failing_boot + c->policy.topic_failing_after_usec;
}
