/* SPDX-License-Identifier: Apache-2.0 */

/* The calls of AWS that the core asks for: request out of a codec, answer into an Input. */

#include "daemon/internal.h"

#include <stdio.h>
#include <syslog.h>

#include "aws/cloudtrail.h"
#include "aws/query.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/alertformat.h"

#define HEARTBEATS_PER_CALL 150

static const AwsCallOptions options[] = {
        /* The next poll is the retry. */
        [CALL_POLL] = {.retry = RETRY_NONE,
                       .attempt_timeout_usec = 5 * USEC_PER_SEC,
                       .deadline_usec = 10 * USEC_PER_SEC},
        [CALL_START] = {.retry = RETRY_UNMETERED,
                        .urgent = true,
                        .answer_unread = true,
                        .attempt_timeout_usec = 5 * USEC_PER_SEC,
                        .deadline_usec = 15 * USEC_PER_SEC},
        /* The core spaces them. */
        [CALL_LOOKUP] = {.retry = RETRY_NONE,
                         .attempt_timeout_usec = 15 * USEC_PER_SEC,
                         .deadline_usec = 20 * USEC_PER_SEC,
                         .body_max = CLOUDTRAIL_LOOKUP_BODY_MAX},
        [CALL_SEND] = {.retry = RETRY_STANDARD,
                       .answer_unread = true,
                       .attempt_timeout_usec = 5 * USEC_PER_SEC,
                       .deadline_usec = 30 * USEC_PER_SEC},
        [CALL_IDENTITY] = {.retry = RETRY_STANDARD,
                           .attempt_timeout_usec = 5 * USEC_PER_SEC,
                           .deadline_usec = 20 * USEC_PER_SEC},
        /* The next look is the retry. */
        [CALL_GET_TRAIL] = {.retry = RETRY_NONE,
                            .attempt_timeout_usec = 5 * USEC_PER_SEC,
                            .deadline_usec = 10 * USEC_PER_SEC},
        [CALL_GET_EVENT_SELECTORS] = {.retry = RETRY_NONE,
                                      .attempt_timeout_usec = 5 * USEC_PER_SEC,
                                      .deadline_usec = 10 * USEC_PER_SEC},
        [CALL_HEARTBEAT] = {.retry = RETRY_STANDARD,
                            .answer_unread = true,
                            .attempt_timeout_usec = 5 * USEC_PER_SEC,
                            .deadline_usec = 30 * USEC_PER_SEC},
};

static Call *call_free(Call *c)
{
        if (c->prev)
                c->prev->next = c->next;
        else
                c->manager->calls = c->next;
        if (c->next)
                c->next->prev = c->prev;
        aws_call_cancel(c->aws);
        trail_settings_done(&c->settings);
        c->network->n_calls--;
        free(c->topic_arn);
        free(c);
        return NULL;
}

static Call *call_new(Manager *m, CallKind kind)
{
        Call *c = mem_new0(Call);

        c->manager = m;
        c->network = m->network;
        c->network->n_calls++;
        c->kind = kind;
        c->trail = SIZE_MAX;
        c->asked_msec = m->network->env->wall_msec(m->network->env);
        c->next = m->calls;
        if (c->next)
                c->next->prev = c;
        m->calls = c;
        return c;
}

/* An answer with a good status that is none. */
static void unreadable(Input *in, const char *operation, int r)
{
        char request_id[sizeof(in->error.request_id)];

        memcpy(request_id, in->error.request_id, sizeof(request_id));
        aws_error_set(&in->error, AWS_ERROR_PROTOCOL, "UnreadableAnswer",
                      "the answer to %s cannot be read: %s", operation, strerror(-r));
        memcpy(in->error.request_id, request_id, sizeof(request_id));
}

static void on_polled(Call *c, const AwsResult *result, Input *in)
{
        in->kind = INPUT_POLLED;
        in->trail = c->trail;
        in->asked_msec = c->asked_msec;
        if (in->error.class == AWS_ERROR_NONE && c->trail < c->manager->n_answers) {
                int r = cloudtrail_reread_trail_status(&c->manager->answers[c->trail], result->body,
                                                       result->body_len, &in->status);
                if (r < 0)
                        unreadable(in, "GetTrailStatus", r);
        }
        manager_step(c->manager, in);
}

static void get_event_selectors(Call *before);

/* The answers of the two calls are one look. The second does without the first, so that what one
 * cannot read does not hide what the other can. */
static void on_inspected(Call *c, const AwsResult *result, Input *in)
{
        bool first = c->kind == CALL_GET_TRAIL;
        TrailSettings *s = &c->settings;

        if (in->error.class == AWS_ERROR_NONE) {
                int r = first ? cloudtrail_parse_trail(result->body, result->body_len,
                                                       &s->description)
                              : cloudtrail_parse_event_selectors(result->body, result->body_len,
                                                                 &s->selectors);
                if (r < 0)
                        unreadable(in, first ? "GetTrail" : "GetEventSelectors", r);
                else
                        *(first ? &s->described : &s->selected) = true;
        }
        bool also = c->failed && in->error.class != AWS_ERROR_NONE;
        AwsError second = in->error;

        if (in->error.class != AWS_ERROR_NONE && !c->failed) {
                c->failure = in->error;
                c->failed = first ? "GetTrail" : "GetEventSelectors";
        }
        if (c->trail == SIZE_MAX)
                return; /* guarded no more, since the configuration was read again */
        if (first && !(c->failed && c->failure.class == AWS_ERROR_NOT_FOUND)) {
                get_event_selectors(c);
                return;
        }
        in->kind = INPUT_INSPECTED;
        in->trail = c->trail;
        in->asked_msec = c->asked_msec;
        in->settings = s;
        in->operation = c->failed;
        in->error = c->failure;
        in->selectors_error = also ? &second : NULL;
        manager_step(c->manager, in);
        in->selectors_error = NULL;
}

static void on_found(Call *c, const AwsResult *result, Input *in)
{
        LookupPage page = {};

        in->kind = INPUT_FOUND;
        in->batch = c->batch;
        if (in->error.class == AWS_ERROR_NONE) {
                int r = cloudtrail_parse_lookup_page(result->body, result->body_len, &page);
                if (r < 0)
                        unreadable(in, "LookupEvents", r);
                in->page = &page;
        }
        manager_step(c->manager, in);
        in->page = NULL;
        lookup_page_done(&page);
}

static void on_sent(Call *c, const AwsResult *result, Input *in)
{
        _cleanup_free_ char *message_id = NULL;

        in->kind = INPUT_SENT;
        in->incident = c->incident;
        in->sequence = c->sequence;
        in->topic_arn = c->topic_arn;
        if (in->error.class == AWS_ERROR_NONE) {
                /* Accepted is accepted, whatever the rest of the answer says. */
                if (sns_parse_publish(result->body, result->body_len, &message_id) < 0)
                        message_id = NULL;
                in->message_id = message_id;
        }
        manager_step(c->manager, in);
}

static void on_identity(Call *c, const AwsResult *result, Input *in)
{
        CallerIdentity identity = {};

        if (c->network != c->manager->network)
                return; /* asked before the configuration was read again: of other accounts */
        if (result->error.class != AWS_ERROR_NONE ||
            sts_parse_caller_identity(result->body, result->body_len, &identity) < 0) {
                log_debug("GetCallerIdentity of account %zu failed: %s", c->account,
                          result->error.code);
                return;
        }
        in->kind = INPUT_IDENTITY;
        in->account = (unsigned)c->account;
        in->identity_arn = identity.arn;
        if (!streq_ptr(c->manager->identities[c->account], identity.arn))
                log_info("calls are made as %s", identity.arn);
        mem_strset(&c->manager->identities[c->account], identity.arn);
        manager_step(c->manager, in);
        caller_identity_done(&identity);
}

static void on_heartbeat(Call *c, const AwsResult *result)
{
        bool failed = result->error.class != AWS_ERROR_NONE;

        if (failed && !c->manager->heartbeat_failed) {
                _cleanup_free_ char *words = alert_error_words(&result->error);
                log_warning("the heartbeat could not be sent, its alarm will go off: %s", words);
        } else if (!failed && c->manager->heartbeat_failed) {
                log_notice("the heartbeat is sent again");
        }
        c->manager->heartbeat_failed = failed;
        c->manager->heartbeat_error = result->error;
        if (!failed)
                c->manager->heartbeat_accepted_msec = c->network->env->wall_msec(c->network->env);
}

static void on_answer(void *userdata, const AwsResult *result)
{
        Call *c = userdata;
        Input in = {.trail = SIZE_MAX, .error = result->error, .aws_msec = result->date_msec};

        c->aws = NULL;
        switch (c->kind) {
        case CALL_POLL:
                on_polled(c, result, &in);
                break;
        case CALL_START:
                in.kind = INPUT_STARTED;
                in.trail = c->trail;
                in.maybe_done = result->maybe_done;
                manager_step(c->manager, &in);
                break;
        case CALL_LOOKUP:
                on_found(c, result, &in);
                break;
        case CALL_SEND:
                on_sent(c, result, &in);
                break;
        case CALL_IDENTITY:
                on_identity(c, result, &in);
                break;
        case CALL_HEARTBEAT:
                on_heartbeat(c, result);
                break;
        case CALL_GET_TRAIL:
        case CALL_GET_EVENT_SELECTORS:
                on_inspected(c, result, &in);
                break;
        }
        call_free(c);
}

static void call_start(Call *c, size_t account, AwsRequest *request)
{
        c->aws = aws_call_start(accounts_client(c->network->accounts, account), request,
                                &options[c->kind], on_answer, c);
}

static void call_trail(Manager *m, CallKind kind, size_t trail)
{
        const TrailConfig *t = core_trail_config(m->core, trail);
        _cleanup_aws_request_ AwsRequest request = {};
        Call *c = call_new(m, kind);

        c->trail = trail;
        if (kind == CALL_START)
                cloudtrail_request_start_logging(t->arn, &request);
        else if (kind == CALL_GET_TRAIL)
                cloudtrail_request_get_trail(t->arn, &request);
        else
                cloudtrail_request_get_trail_status(t->arn, &request);
        call_start(c, t->account, &request);
}

void calls_poll(Manager *m, size_t trail)
{
        call_trail(m, CALL_POLL, trail);
}

void calls_start_logging(Manager *m, size_t trail)
{
        call_trail(m, CALL_START, trail);
}

void calls_inspect(Manager *m, size_t trail)
{
        call_trail(m, CALL_GET_TRAIL, trail);
}

static void get_event_selectors(Call *before)
{
        const TrailConfig *t = core_trail_config(before->manager->core, before->trail);
        _cleanup_aws_request_ AwsRequest request = {};
        Call *c = call_new(before->manager, CALL_GET_EVENT_SELECTORS);

        c->trail = before->trail;
        c->asked_msec = before->asked_msec;
        c->failure = before->failure;
        c->failed = before->failed;
        c->settings = before->settings;
        before->settings = (TrailSettings){};
        cloudtrail_request_get_event_selectors(t->arn, &request);
        call_start(c, t->account, &request);
}

void calls_lookup(Manager *m, const Action *a)
{
        _cleanup_aws_request_ AwsRequest request = {};
        Call *c = call_new(m, CALL_LOOKUP);

        c->batch = a->batch;
        cloudtrail_request_lookup_events(&a->lookup, &request);
        call_start(c, a->account, &request);
}

static const char *why_not_durable(const Action *a)
{
        if (a->durable)
                return NULL;
        return a->incident->store_error ? store_error_words(a->incident->store_error)
                                        : "no answer from the disk within a second";
}

void calls_send(Manager *m, const Action *a)
{
        const Incident *i = a->incident;
        const MessageOrigin own = {.incident = (char *)i->id,
                                   .kind = (char *)incident_kind_to_string(i->kind),
                                   .trail_arn = i->trail_arn,
                                   .sequence = a->message->sequence};
        /* One that another incident carries is known by the name of its own. */
        const MessageOrigin *of = a->message->origin.incident ? &a->message->origin : &own;
        char sequence[16], deduplication_id[ALERT_DEDUPLICATION_SIZE];
        Arn arn = {}, topic;
        const char *why, *structure;
        _cleanup_free_ char *body = NULL;
        _cleanup_aws_request_ AwsRequest request = {};

        if (!of->trail_arn || arn_parse_trail(of->trail_arn, &arn, &why) < 0)
                arn = (Arn){}; /* a notice, or a trail of an older configuration */
        (void)snprintf(sequence, sizeof(sequence), "%u", of->sequence);
        bool restarted = a->message->phase == PHASE_RESTARTED;
        const SnsAttribute attributes[] = {
                {"incident_id", of->incident},
                /* Whoever filters for one of the two gets it. */
                restarted ? (SnsAttribute){"phase", "[\"OPEN\",\"CLOSED\"]", .array = true}
                          : (SnsAttribute){"phase", phase_to_string(a->message->phase)},
                {"sequence", sequence},
                {"kind", of->kind},
                {"severity", severity_to_string(a->message->severity)},
                {"account", arn.account},
                {"region", arn.region},
                {"trail", of->trail_arn},
        };
        alert_render(a->topic->format, a->message, why_not_durable(a), &body, &structure);
        alert_deduplication_id(of->incident, a->message, a->topic_arn, deduplication_id);
        bool fifo = arn_parse_topic(a->topic_arn, &topic, &why) >= 0 && arn_topic_is_fifo(&topic);
        SnsMessage message = {
                .topic_arn = a->topic_arn,
                .subject = a->message->subject,
                .message = body,
                .structure = structure,
                .group_id = fifo ? of->incident : NULL,
                .deduplication_id = fifo ? deduplication_id : NULL,
                .attributes = attributes,
                .n_attributes = ELEMENTSOF(attributes),
        };
        int r = sns_request_publish(&message, &request);
        assert(r >= 0); /* the topic's ARN has been checked, and the size is alert_render()'s */
        (void)r;

        Call *c = call_new(m, CALL_SEND);
        memcpy(c->incident, i->id, sizeof(c->incident));
        c->sequence = a->message->sequence;
        c->topic_arn = mem_strdup(a->topic_arn);
        call_start(c, a->topic->account, &request);
}

void calls_identity(Manager *m, size_t account)
{
        _cleanup_aws_request_ AwsRequest request = {};
        Call *c = call_new(m, CALL_IDENTITY);

        c->account = account;
        sts_request_get_caller_identity(accounts_region(m->network->accounts, account), &request);
        call_start(c, account, &request);
}

void calls_heartbeat(Manager *m, const size_t *trails, size_t n)
{
        for (size_t done = 0; done < n; done += HEARTBEATS_PER_CALL) {
                _cleanup_aws_request_ AwsRequest request = {};
                Metric metrics[HEARTBEATS_PER_CALL];
                size_t k = 0;

                for (; k < HEARTBEATS_PER_CALL && done + k < n; k++)
                        metrics[k] = (Metric){
                                .name = "Heartbeat",
                                .dimension_name = "TrailArn",
                                .dimension_value =
                                        core_trail_config(m->core, trails[done + k])->arn,
                                .time_msec = m->network->env->wall_msec(m->network->env),
                                .value = 1,
                        };
                monitoring_request_put_metric_data(m->conf->heartbeat_region,
                                                   m->conf->heartbeat_namespace, metrics, k,
                                                   &request);
                call_start(call_new(m, CALL_HEARTBEAT), 0, &request);
        }
}

void calls_forget_answers(Manager *m, size_t n_trails)
{
        for (size_t k = 0; k < m->n_answers; k++)
                trail_answer_done(&m->answers[k]);
        free(m->answers);
        m->answers = n_trails > 0 ? mem_alloc0(n_trails * sizeof(TrailAnswer)) : NULL;
        m->n_answers = n_trails;
}

void calls_follow(Manager *m, const Conf *conf)
{
        for (Call *c = m->calls; c; c = c->next) {
                const char *arn = c->trail < core_n_trails(m->core)
                                          ? core_trail_config(m->core, c->trail)->arn
                                          : NULL;

                c->trail = SIZE_MAX;
                for (size_t k = 0; arn && k < conf->n_trails; k++)
                        if (streq(conf->trails[k].arn, arn))
                                c->trail = k;
        }
}

void calls_cancel_all(Manager *m)
{
        for (Call *c = m->calls, *next; c; c = next) {
                next = c->next;
                call_free(c);
        }
}
