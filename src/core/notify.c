/* SPDX-License-Identifier: Apache-2.0 */

/* Messages: act -> store -> send. A message waits until the incident that carries it is on disk,
 * or until the disk has failed or taken too long; it stays until each topic has acknowledged it. */

#include "core/internal.h"

#include <syslog.h>

#include "base/mem.h"
#include "core/alertformat.h"
#include "core/alertgroup.h"
#include "core/alertjson.h"
#include "core/told.h"

void notify_address(Core *c, const Incident *i, Message *m)
{
        for (size_t t = 0; t < c->n_topics; t++) {
                const TopicConfig *topic = &c->topics[t].config;
                /* What the guard leaves off is told to everybody: nobody blinds it in silence. */
                bool wanted =
                        m->severity >= topic->min_severity || incident_kind_is_notice(i->kind);

                if (topic_is_told_of(i, topic->arn))
                        continue;

                for (size_t k = 0; k < i->n_messages && !wanted; k++)
                        wanted = message_find_delivery(&i->messages[k], topic->arn) != NULL;
                if (!wanted)
                        continue;
                Delivery *d = mem_push0(m->deliveries, m->n_deliveries);
                d->topic_arn = mem_strdup(topic->arn);
        }
}

static bool needs_document(const Core *c)
{
        for (size_t t = 0; t < c->n_topics; t++)
                if (topic_format_needs_document(c->topics[t].config.format))
                        return true;
        return false;
}

static AlertContext message_context(const Core *c, const Message *m)
{
        return (AlertContext){
                .hostname = c->hostname,
                .labels = &c->labels,
                .phase = m->phase,
                .sequence = m->sequence,
                .now_msec = m->created_msec,
        };
}

static void write_document(const Core *c, const Incident *i, Message *m,
                           const AlertContext *context)
{
        /* One of another incident goes as it was read. */
        if (!m->document && !m->origin.incident && needs_document(c))
                m->document = alert_document(i, context, m->subject);
}

/* What it has not got yet. */
static void write_message(const Core *c, const Incident *i, Message *m)
{
        AlertContext context = message_context(c, m);

        if (!m->subject)
                alert_text(i, &context, &m->subject, &m->body);
        write_document(c, i, m, &context);
}

/* The message still without its text. */
static Message *message_new(Core *c, Incident *i, Phase phase)
{
        Message *m = mem_push0(i->messages, i->n_messages);

        m->sequence = (unsigned)i->n_messages;
        m->phase = phase;
        m->severity = i->severity;
        m->created_msec = c->now.wall_msec;
        m->created_boot = c->now.boot_usec;
        notify_address(c, i, m);
        incident_touch(i);
        m->generation = i->generation;
        return m;
}

/* A stop that nobody has heard of, and whose StartLogging is under way: soon it can be told
 * together with its end. What is graver than that, or already waits, is told now. */
static bool may_wait(const Core *c, const Incident *i)
{
        if ((i->kind != INCIDENT_STOPPED && i->kind != INCIDENT_ALREADY_STOPPED) ||
            i->restart.state != RESTART_REQUESTED || i->attribution.misused || i->owes_opening)
                return false;
        for (size_t k = 0; k < c->n_trails; k++)
                if (c->trails[k].stop && c->trails[k].stop != i)
                        return false;
        return c->policy.opening_patience_usec > 0;
}

void notify_wait(const Core *c, Incident *i)
{
        i->owes_opening = true;
        i->opening_boot = c->now.boot_usec + c->policy.opening_patience_usec;
        incident_touch(i);
}

/* What is owed comes first, or, when all is well by now, in the same message. */
static Phase pay_opening(Core *c, Incident *i, Phase phase)
{
        if (!i->owes_opening)
                return phase;
        i->owes_opening = false;
        if (phase == PHASE_CLOSED && i->blind_to_msec)
                return PHASE_RESTARTED;
        if (phase != PHASE_OPEN)
                write_message(c, i, message_new(c, i, PHASE_OPEN));
        return phase;
}

static void speak(Core *c, Incident *i, Phase phase)
{
        /* Who has heard of it before the maintenance hears of its end, too. */
        bool held = i->in_maintenance && !i->attribution.misused && i->n_messages == 0;

        if (held || !group_lets_speak(c, i)) {
                i->owes_opening = false;
                told_note(i);
                incident_touch(i);
                return;
        }
        if (phase == PHASE_OPEN && may_wait(c, i)) {
                notify_wait(c, i);
                return;
        }
        phase = pay_opening(c, i, phase);
        write_message(c, i, message_new(c, i, phase));
        told_note(i);
}

void notify(Core *c, Incident *i, Phase phase)
{
        /* When another speaks up, nobody waits any longer. */
        for (size_t k = 0; phase == PHASE_OPEN && k < c->n_incidents; k++)
                if (c->incidents[k]->owes_opening && c->incidents[k] != i)
                        speak(c, c->incidents[k], PHASE_OPEN);
        speak(c, i, phase);
}

void notify_summary(Core *c, Incident *lead, Phase phase)
{
        Message *m = message_new(c, lead, phase);
        AlertContext context = message_context(c, m);
        _cleanup_(group_view_done) GroupView v = group_view(c->incidents, c->n_incidents, lead);
        v.labels = &c->labels;

        lead->series->now_trails = series_n_trails(lead->series);
        alert_group_text(&v, &context, &m->subject, &m->body);
        context.group = &v;
        write_document(c, lead, m, &context);
}

void notify_store(Core *c, Incident *i)
{
        if (i->asked_generation == i->generation &&
            (i->stored_generation == i->generation || !i->store_error ||
             c->now.boot_usec < i->store_retry_boot))
                return;
        i->asked_generation = i->generation;
        i->store_retry_boot = USEC_INFINITY;

        Action *a = core_emit(c, ACTION_STORE);
        a->incident = i;
        a->generation = i->generation;
}

void notify_stored(Core *c, Incident *i, const Input *in)
{
        if (in->kind == INPUT_STORED) {
                i->stored_generation = MAX(i->stored_generation, in->generation);
                /* An older one that came through does not excuse a newer one that failed. */
                if (i->stored_generation >= i->asked_generation)
                        i->store_error = 0;
                return;
        }
        if (!i->store_error)
                core_log(c, LOG_EVENT_STORE_FAILED, LOG_ERR, i, NULL,
                         "incident %s could not be stored: %s", i->id,
                         store_error_words(in->store_error));
        i->store_error = in->store_error;
        /* Of a newer one that is under way the answer is still to come. */
        if (in->generation == i->asked_generation)
                i->store_retry_boot = c->now.boot_usec + c->policy.store_retry_usec;
}

static bool is_durable(const Incident *i, const Message *m)
{
        return m->generation <= i->stored_generation;
}

/* When this message may leave: at once when durable or when the disk has failed, else when
 * patience with it ends. */
static uint64_t may_leave_boot(const Core *c, const Incident *i, const Message *m)
{
        if (is_durable(i, m) || i->store_error)
                return 0;
        return m->created_boot + c->policy.store_patience_usec;
}

/* Until when message k waits for those before it on a topic; 0: it does not. A FIFO topic keeps the
 * order in which it takes messages, so that it is the order of sending. Others promise none: there
 * an earlier one is waited for as long as it helps the reader, and bad news waits for nothing. */
static uint64_t waits_until_boot(const Core *c, const Topic *t, const Incident *i, size_t k)
{
        const Message *m = &i->messages[k];
        uint64_t until = MAX(m->created_boot, c->begun_boot) + c->policy.order_patience_usec;

        if (t->fifo)
                until = USEC_INFINITY;
        else if (m->phase == PHASE_FAILING || c->now.boot_usec >= until)
                return 0;
        while (k-- > 0) {
                const Delivery *d = message_find_delivery(&i->messages[k], t->config.arn);

                if (d && !d->sent)
                        return until;
        }
        return 0;
}

void notify_send(Core *c, Incident *i)
{
        for (size_t k = 0; k < i->n_messages; k++) {
                Message *m = &i->messages[k];

                if (c->now.boot_usec < may_leave_boot(c, i, m))
                        continue;
                for (size_t n = 0; n < m->n_deliveries; n++) {
                        Delivery *d = &m->deliveries[n];
                        Topic *t = topic_find(c, d->topic_arn);

                        if (!t || d->sent || d->in_flight || c->now.boot_usec < d->next_boot ||
                            t->in_flight >= CORE_SENDS_PER_TOPIC || waits_until_boot(c, t, i, k))
                                continue;
                        d->in_flight = true;
                        t->in_flight++;
                        write_message(c, i, m); /* formats may have changed since it was made */

                        Action *a = core_emit(c, ACTION_SEND);
                        a->incident = i;
                        a->message = m;
                        a->topic = &t->config;
                        a->topic_arn = d->topic_arn;
                        a->durable = is_durable(i, m);
                }
        }
}

static void failed(Core *c, Incident *i, Message *m, Delivery *d, const AwsError *error)
{
        bool again = d->failures > 0 && streq(d->error.code, error->code);

        d->failures++;
        d->error = *error;
        d->next_boot = c->now.boot_usec + backoff_usec(c->policy.send_retry_usec,
                                                       c->policy.send_retry_max_usec, d->failures);
        if (again)
                return;
        _cleanup_free_ char *words = alert_error_words(error);
        core_log(c, LOG_EVENT_ALERT_FAILED, LOG_ERR, i, error,
                 "alert %s/%u (%s) not accepted by %s, will be sent again: %s", i->id, m->sequence,
                 phase_to_string(m->phase), d->topic_arn, words);
}

void notify_sent(Core *c, Incident *i, const Input *in)
{
        if (in->sequence == 0 || in->sequence > i->n_messages)
                return;

        Message *m = &i->messages[in->sequence - 1];
        for (size_t n = 0; n < m->n_deliveries; n++) {
                Delivery *d = &m->deliveries[n];
                Topic *t = topic_find(c, d->topic_arn);

                if (!streq(d->topic_arn, in->topic_arn) || !d->in_flight)
                        continue;
                d->in_flight = false;
                if (t)
                        t->in_flight--;
                if (in->error.class != AWS_ERROR_NONE) {
                        failed(c, i, m, d, &in->error);
                        if (t)
                                topic_failed(c, t, &in->error);
                        return;
                }
                d->sent = true;
                d->sent_msec = c->now.wall_msec;
                d->error = (AwsError){};
                mem_strset(&d->message_id, in->message_id);
                incident_touch(i);
                core_log(c, LOG_EVENT_ALERT_SENT, LOG_INFO, i, &in->error,
                         "alert %s/%u (%s) sent to %s", i->id, m->sequence,
                         phase_to_string(m->phase), d->topic_arn);
                if (t)
                        topic_took(c, t);
                return;
        }
}

uint64_t notify_next_boot(const Core *c, const Incident *i)
{
        uint64_t next = i->store_error ? i->store_retry_boot : USEC_INFINITY;

        if (i->owes_opening)
                next = MIN(next, i->opening_boot);
        for (size_t k = 0; k < i->n_messages; k++) {
                const Message *m = &i->messages[k];

                for (size_t n = 0; n < m->n_deliveries; n++) {
                        const Delivery *d = &m->deliveries[n];
                        const Topic *t = topic_find((Core *)c, d->topic_arn);

                        if (!t || d->sent || d->in_flight || t->in_flight >= CORE_SENDS_PER_TOPIC)
                                continue;
                        next = MIN(next, MAX(MAX(d->next_boot, may_leave_boot(c, i, m)),
                                             waits_until_boot(c, t, i, k)));
                }
        }
        return next;
}
