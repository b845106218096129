/* SPDX-License-Identifier: Apache-2.0 */

/* The calls of a light world: the core's actions meet the scripted AWS without a client between,
 * so that a hundred thousand worlds take a minute. */

#include <stdio.h>

#include "guard.h"

static void do_poll(World *w, const Action *a)
{
        Event *e = world_schedule(w, w->now_usec + guard_latency(w), EVENT_POLLED);

        e->trail = a->trail;
        e->asked_msec = guard_now(w).wall_msec;
        if (world_has_fault(w, FAULT_POLL_THROTTLED, a->trail)) {
                e->class = AWS_ERROR_THROTTLED;
                e->code = "ThrottlingException";
        } else if (world_has_fault(w, FAULT_POLL_DENIED, a->trail)) {
                e->class = AWS_ERROR_DENIED;
                e->code = "AccessDeniedException";
        } else if (!aws_read(w, a->trail, &e->status)) {
                e->class = AWS_ERROR_NOT_FOUND;
                e->code = "TrailNotFoundException";
        } else if (world_has_fault(w, FAULT_POLL_DOUBTFUL, a->trail)) {
                aws_make_doubtful(w, &e->status);
        }
        if (world_has_fault(w, FAULT_POLL_SILENT, a->trail)) {
                Event *late = world_schedule(w, w->now_usec + SIM_CALL_TIMEOUT_USEC, EVENT_POLLED);
                late->trail = a->trail;
                late->asked_msec = e->asked_msec;
                late->class = AWS_ERROR_NETWORK;
                late->code = "Timeout";
                e->run = 0; /* nobody hears it */
        }
}

static void do_inspect(World *w, const Action *a)
{
        uint64_t takes = USEC_PER_MSEC + rng_below(&w->settings_rng, w->nature.latency_usec);
        Event *e = world_schedule(w, w->now_usec + takes, EVENT_INSPECTED);

        e->trail = a->trail;
        e->asked_msec = guard_now(w).wall_msec;
        w->looks++;
        if (w->on_look)
                w->on_look(w);
        if (world_has_fault(w, FAULT_INSPECT_DENIED, a->trail)) {
                e->class = AWS_ERROR_DENIED;
                e->code = "AccessDeniedException";
        } else if (world_has_fault(w, FAULT_INSPECT_THROTTLED, a->trail)) {
                e->class = AWS_ERROR_THROTTLED;
                e->code = "ThrottlingException";
        } else if (!aws_inspect(w, a->trail, &e->settings)) {
                e->class = AWS_ERROR_NOT_FOUND;
                e->code = "TrailNotFoundException";
        }
}

static void do_start(World *w, const Action *a)
{
        uint64_t there = w->now_usec + guard_latency(w) / 2;
        Event *e = world_schedule(w, there + guard_latency(w) / 2, EVENT_STARTED);
        bool lost = world_has_fault(w, FAULT_START_ANSWER_LOST, a->trail);

        e->trail = a->trail;
        (void)snprintf(e->request_id, sizeof(e->request_id), "ours-%u", ++w->n_request_ids);
        if (world_has_fault(w, FAULT_START_THROTTLED, a->trail)) {
                e->class = AWS_ERROR_THROTTLED;
                e->code = "ThrottlingException";
                return;
        }
        if (world_has_fault(w, FAULT_START_DENIED, a->trail)) {
                e->class = AWS_ERROR_DENIED;
                e->code = "AccessDeniedException";
                return;
        }
        if (world_has_fault(w, FAULT_START_FAILS, a->trail)) {
                e->class = AWS_ERROR_TRANSIENT;
                e->code = "InternalFailure";
                return;
        }
        if (!aws_truth(w, a->trail)->exists) {
                e->class = AWS_ERROR_NOT_FOUND;
                e->code = "TrailNotFoundException";
                return;
        }
        Event *server = world_schedule(w, there, EVENT_SERVER_START);
        server->trail = a->trail;
        memcpy(server->request_id, e->request_id, sizeof(e->request_id));
        if (lost) {
                Event *late =
                        world_schedule(w, w->now_usec + 3 * SIM_CALL_TIMEOUT_USEC, EVENT_STARTED);
                late->trail = a->trail;
                late->class = AWS_ERROR_NETWORK;
                late->code = "Timeout";
                e->run = 0;
        }
}

static void do_lookup(World *w, const Action *a)
{
        bool silent = world_has_fault(w, FAULT_LOOKUP_SILENT, SIZE_MAX);
        /* Those of no incident change no other luck either. */
        uint64_t takes = silent        ? SIM_CALL_TIMEOUT_USEC
                         : a->incident ? guard_latency(w)
                                       : rng_below(&w->settings_rng, w->nature.latency_usec);
        Event *e = world_schedule(w, w->now_usec + takes, EVENT_FOUND);
        const char *error = history_lookup(w, &a->lookup, &e->page);

        e->batch = a->batch;
        if (silent)
                error = "Timeout";
        if (error) {
                e->code = error;
                e->class = streq(error, "ThrottlingException") ? AWS_ERROR_THROTTLED
                           : streq(error, "Timeout")           ? AWS_ERROR_NETWORK
                                                               : AWS_ERROR_DENIED;
                lookup_page_done(&e->page);
        }
        if (error)
                world_trace(w, "aws: LookupEvents fails: %s", error);
}

static void do_send(World *w, const Action *a)
{
        size_t topic = streq(a->topic_arn, guard_topic(w, 0)) ? 0 : 1;
        Event *e = world_schedule(w, w->now_usec + guard_latency(w), EVENT_SENT);
        Letter *l = guard_letter(w->guard, a->incident->id, a->message->sequence);

        memcpy(e->incident, a->incident->id, sizeof(e->incident));
        e->sequence = a->message->sequence;
        e->topic = topic;
        if (world_has_fault(w, FAULT_TOPIC_FAILS, topic)) {
                e->class = AWS_ERROR_NOT_FOUND;
                e->code = "NotFound";
                return;
        }
        if (l)
                guard_letter_arrives(w, l, topic);
        if (world_has_fault(w, FAULT_TOPIC_ANSWER_LOST, topic)) {
                if (l)
                        l->lost[topic]++;
                e->class = AWS_ERROR_NETWORK;
                e->code = "Timeout";
        }
}

void light_carry_out(World *w, const Action *a)
{
        if (a->kind == ACTION_POLL)
                do_poll(w, a);
        else if (a->kind == ACTION_START_LOGGING)
                do_start(w, a);
        else if (a->kind == ACTION_INSPECT)
                do_inspect(w, a);
        else if (a->kind == ACTION_LOOKUP)
                do_lookup(w, a);
        else if (a->kind == ACTION_SEND)
                do_send(w, a);
}
