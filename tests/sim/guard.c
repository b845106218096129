/* SPDX-License-Identifier: Apache-2.0 */

#include "guard.h"

#include <stdio.h>

#include "base/mem.h"
#include "check.h"
#include "core/alerttext.h"
#include "core/incidentjson.h"

const char *guard_topic(const World *w, size_t i)
{
        if (i == 0)
                return "arn:aws:sns:us-east-1:111122223333:alerts";
        return w->fifo ? "arn:aws:sns:us-east-1:444455556666:alerts.fifo"
                       : "arn:aws:sns:us-east-1:444455556666:alerts";
}

Now guard_now(const World *w)
{
        return (Now){
                .boot_usec = w->now_usec,
                .wall_msec = world_aws_msec(w) + w->guard->clock_msec,
        };
}

/* The place where an id is or would be: the table is never full. */
static size_t *place_of(Guard *g, const char *id)
{
        size_t at = 0;

        for (const char *p = id; *p; p++)
                at = (at * 31 + (unsigned char)*p) % GUARD_PLACES;
        while (g->places[at] && !streq(g->cases[g->places[at] - 1].id, id))
                at = (at + 1) % GUARD_PLACES;
        return &g->places[at];
}

Case *guard_case(Guard *g, const char *id)
{
        size_t *place = place_of(g, id);

        return *place ? &g->cases[*place - 1] : NULL;
}

Case *guard_new_case(Guard *g, const char *id)
{
        size_t *place = place_of(g, id);
        Case *c = mem_push0(g->cases, g->n_cases);

        assert(g->n_cases < GUARD_PLACES / 2);
        (void)snprintf(c->id, sizeof(c->id), "%s", id);
        *place = g->n_cases;
        return c;
}

static uint64_t latency(World *w)
{
        uint64_t max = w->nature.latency_usec;

        if (world_has_fault(w, FAULT_SLOW, SIZE_MAX))
                max = 4 * USEC_PER_SEC;
        return USEC_PER_MSEC + rng_below(&w->rng, max);
}

static void do_poll(World *w, const Action *a)
{
        Event *e = world_schedule(w, w->now_usec + latency(w), EVENT_POLLED);

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
        if (world_has_fault(w, FAULT_INSPECT_DENIED, a->trail)) {
                e->class = AWS_ERROR_DENIED;
                e->code = "AccessDeniedException";
        } else if (world_has_fault(w, FAULT_INSPECT_THROTTLED, a->trail)) {
                e->class = AWS_ERROR_THROTTLED;
                e->code = "ThrottlingException";
        } else if (!aws_inspect(w, a->trail, &e->settings, &e->drift)) {
                e->class = AWS_ERROR_NOT_FOUND;
                e->code = "TrailNotFoundException";
        }
}

static void do_start(World *w, const Action *a)
{
        uint64_t there = w->now_usec + latency(w) / 2;
        Event *e = world_schedule(w, there + latency(w) / 2, EVENT_STARTED);
        bool lost = world_has_fault(w, FAULT_START_ANSWER_LOST, a->trail);

        e->trail = a->trail;
        (void)snprintf(e->request_id, sizeof(e->request_id), "ours-%u", ++w->n_request_ids);
        world_trace(w, "guard: StartLogging of trail %zu", a->trail);
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
        uint64_t takes = silent ? SIM_CALL_TIMEOUT_USEC : latency(w);
        Event *e = world_schedule(w, w->now_usec + takes, EVENT_FOUND);
        const char *error = history_lookup(w, &a->lookup, &e->page);

        memcpy(e->incident, a->incident->id, sizeof(e->incident));
        if (silent)
                error = "Timeout";
        if (error) {
                e->code = error;
                e->class = streq(error, "ThrottlingException") ? AWS_ERROR_THROTTLED
                           : streq(error, "Timeout")           ? AWS_ERROR_NETWORK
                                                               : AWS_ERROR_DENIED;
                lookup_page_done(&e->page);
        }
        world_trace(w, "guard: LookupEvents %s%s for %s%s%s", a->lookup.event_name,
                    strempty(a->lookup.access_key_id), a->incident->id,
                    a->lookup.next_token ? ", next page" : "", error ? " fails" : "");
}

static void do_store(World *w, const Action *a)
{
        Event *e = world_schedule(w, disk_turn(w), EVENT_STORED);

        memcpy(e->incident, a->incident->id, sizeof(e->incident));
        Case *c = guard_case(w->guard, a->incident->id);
        if (c)
                c->asked_generation = a->generation;
        e->generation = a->generation;
        e->store_error = world_has_fault(w, FAULT_DISK_FAILS, SIZE_MAX) ? -28 : 0;
        if (!w->may_kill)
                return;
        json_t *o = incident_to_json(a->incident);
        e->text = json_dumps(o, JSON_COMPACT);
        json_decref(o);
        if (!e->text)
                world_violation(w, "incident %s cannot be written down", a->incident->id);
}

static void do_store_memory(World *w)
{
        if (!w->may_kill || world_has_fault(w, FAULT_DISK_FAILS, SIZE_MAX))
                return;
        json_t *all = json_array();
        for (size_t i = 0; i < w->n_trails; i++)
                (void)json_array_append_new(
                        all, trail_memory_to_json(core_trail_memory(w->guard->core, i)));
        Event *e = world_schedule(w, disk_turn(w), EVENT_MEMORY_STORED);
        e->text = json_dumps(all, JSON_COMPACT);
        json_decref(all);
}

static void do_send(World *w, const Action *a)
{
        size_t topic = streq(a->topic_arn, guard_topic(w, 0)) ? 0 : 1;
        Event *e = world_schedule(w, w->now_usec + latency(w), EVENT_SENT);
        Letter *l = guard_letter(w->guard, a->incident->id, a->message->sequence);

        memcpy(e->incident, a->incident->id, sizeof(e->incident));
        e->sequence = a->message->sequence;
        e->topic = topic;
        world_trace(w, "guard: send %s/%u (%s) to topic %zu%s: %s", a->incident->id,
                    a->message->sequence, phase_to_string(a->message->phase), topic,
                    a->durable ? "" : ", not durable", a->message->subject);
        if (a->incident->series)
                world_trace(w, "message: %s", a->message->body);
        w->guard->sends_in_flight[topic]++;
        if (l)
                l->tried[topic] = true;
        if (l && !l->wanted[topic])
                world_violation(w, "%s/%u is not for topic %zu", l->incident, l->sequence, topic);
        check_order(w, l, topic);
        if (world_has_fault(w, FAULT_TOPIC_FAILS, topic)) {
                e->class = AWS_ERROR_NOT_FOUND;
                e->code = "NotFound";
                return;
        }
        if (l) {
                if (l->acknowledged[topic])
                        world_violation(w, "%s/%u is sent again although it was acknowledged",
                                        l->incident, l->sequence);
                l->arrived[topic]++;
        }
        if (world_has_fault(w, FAULT_TOPIC_ANSWER_LOST, topic)) {
                if (l)
                        l->lost[topic]++;
                e->class = AWS_ERROR_NETWORK;
                e->code = "Timeout";
        }
}

static void carry_out(World *w, const Actions *actions)
{
        for (size_t i = 0; i < actions->n; i++) {
                const Action *a = &actions->items[i];

                if (a->kind == ACTION_POLL)
                        do_poll(w, a);
                else if (a->kind == ACTION_START_LOGGING)
                        do_start(w, a);
                else if (a->kind == ACTION_INSPECT)
                        do_inspect(w, a);
                else if (a->kind == ACTION_LOOKUP)
                        do_lookup(w, a);
                else if (a->kind == ACTION_STORE)
                        do_store(w, a);
                else if (a->kind == ACTION_STORE_MEMORY)
                        do_store_memory(w);
                else if (a->kind == ACTION_SEND)
                        do_send(w, a);
                else if (a->kind == ACTION_LOG)
                        world_trace(w, "guard: log <%d> %s", a->priority, a->text);
        }
}

/* The twin's disk and topics answer at once, and it finds nobody. */
static void twin_step(World *w, const Input *in)
{
        _cleanup_(actions_done) Actions a = {};
        Core *twin = w->guard->twin;

        core_step(twin, in, guard_now(w), &a);
        for (size_t i = 0; i < a.n; i++) {
                _cleanup_(actions_done) Actions more = {};
                Input answer = {.trail = SIZE_MAX};
                char id[33];

                if (!a.items[i].incident)
                        continue;
                (void)snprintf(id, sizeof(id), "%s", a.items[i].incident->id);
                Case *c = guard_case(w->guard, id);
                if (c)
                        c->at_twin = true;
                answer.incident = id;
                answer.generation = a.items[i].generation;
                answer.kind = INPUT_STORED;
                if (a.items[i].kind == ACTION_STORE)
                        core_step(twin, &answer, guard_now(w), &more);
        }
}

static void step(World *w, const Input *in)
{
        _cleanup_(actions_done) Actions a = {};
        Guard *g = w->guard;

        w->steps++;
        check_input(w, in);
        core_step(g->core, in, guard_now(w), &a);
        check_step(w, in, &a);
        if (w->failed)
                return;
        carry_out(w, &a);
        check_letters(w);
}

uint64_t guard_next_boot(const World *w)
{
        return w->guard->core ? core_next_boot(w->guard->core) : USEC_INFINITY;
}

void guard_tick(World *w)
{
        step(w, &(Input){.kind = INPUT_TICK, .trail = SIZE_MAX});
}

static void answer_stored(World *w, Event *e, Input *in)
{
        Case *c = guard_case(w->guard, e->incident);

        in->kind = e->store_error ? INPUT_STORE_FAILED : INPUT_STORED;
        disk_write(w, e);
        if (c) {
                c->store_failed = e->store_error != 0 ||
                                  (c->store_failed && e->generation < c->asked_generation);
                if (!e->store_error)
                        c->generation = MAX(c->generation, e->generation);
        }
}

static void answer_sent(World *w, const Event *e, Input *in)
{
        Letter *l = guard_letter(w->guard, e->incident, e->sequence);

        in->kind = INPUT_SENT;
        w->guard->sends_in_flight[e->topic]--;
        in->topic_arn = guard_topic(w, e->topic);
        in->message_id = "message-id";
        if (l && e->class == AWS_ERROR_NONE)
                l->acknowledged[e->topic] = true;
}

static void answer_started(World *w, const Event *e, Input *in)
{
        GuardTrail *t = &w->guard->trails[e->trail];

        in->kind = INPUT_STARTED;
        t->start_in_flight = false;
        if (e->class == AWS_ERROR_NONE)
                t->accepted_usec = w->now_usec;
        else
                t->failed_usec = w->now_usec;
}

void guard_answer(World *w, Event *e)
{
        Input in = {.trail = SIZE_MAX, .incident = *e->incident ? e->incident : NULL};
        Guard *g = w->guard;

        if (!g->core || e->run != g->run)
                return;
        aws_error_set(&in.error, e->class, strempty(e->code), "%s", strempty(e->code));
        (void)snprintf(in.error.request_id, sizeof(in.error.request_id), "%s", e->request_id);
        in.trail = e->kind == EVENT_POLLED || e->kind == EVENT_STARTED || e->kind == EVENT_INSPECTED
                           ? e->trail
                           : SIZE_MAX;
        in.settings = &e->settings;
        in.operation = "GetTrail";
        in.generation = e->generation;
        in.store_error = e->store_error;
        in.sequence = e->sequence;
        in.asked_msec = e->asked_msec;
        in.status = &e->status;
        in.page = &e->page;
        switch (e->kind) {
        case EVENT_POLLED:
                in.kind = INPUT_POLLED;
                world_trace(w,
                            "aws: poll of trail %zu: %s, start %+.3f, stop %+.3f, delivery %+.3f",
                            e->trail,
                            e->class != AWS_ERROR_NONE ? e->code
                            : e->status.is_logging     ? "logging"
                                                       : "NOT LOGGING",
                            (double)(e->status.start_logging_msec - SIM_EPOCH_MSEC) / 1000,
                            (double)(e->status.stop_logging_msec - SIM_EPOCH_MSEC) / 1000,
                            (double)(e->status.latest_delivery_msec - SIM_EPOCH_MSEC) / 1000);
                break;
        case EVENT_INSPECTED:
                in.kind = INPUT_INSPECTED;
                world_trace(w, "aws: settings of trail %zu: %s, drift %#x", e->trail,
                            e->class == AWS_ERROR_NONE ? "read" : e->code, e->drift);
                check_inspected(w, e);
                break;
        case EVENT_STARTED:
                answer_started(w, e, &in);
                break;
        case EVENT_FOUND:
                in.kind = INPUT_FOUND;
                break;
        case EVENT_SENT:
                answer_sent(w, e, &in);
                break;
        case EVENT_STORED:
                answer_stored(w, e, &in);
                break;
        case EVENT_MEMORY_STORED:
                disk_write(w, e);
                return;
        default:
                return;
        }
        step(w, &in);
        if (in.kind == INPUT_INSPECTED && e->class == AWS_ERROR_NONE && !w->failed)
                check_drift(w, e->trail);
        if (g->twin &&
            (in.kind == INPUT_POLLED || in.kind == INPUT_STARTED || in.kind == INPUT_INSPECTED))
                twin_step(w, &in);
}

Letter *guard_letter(Guard *g, const char *id, unsigned sequence)
{
        for (size_t i = 0; i < g->n_letters; i++)
                if (g->letters[i].sequence == sequence && streq(g->letters[i].incident, id))
                        return &g->letters[i];
        return NULL;
}

static Core *new_core(World *w)
{
        TrailConfig trails[SIM_TRAILS_MAX];
        TopicConfig topics[SIM_TOPICS_MAX] = {};
        CoreConfig config = {
                .policy = &w->policy,
                .trails = trails,
                .n_trails = w->n_trails,
                .topics = topics,
                .n_topics = w->n_topics,
                .n_accounts = 1,
                .hostname = "guard-1",
        };

        for (size_t i = 0; i < w->n_trails; i++)
                trails[i] = (TrailConfig){.arn = w->trails[i].arn,
                                          .action = w->action,
                                          .poll_usec = 10 * USEC_PER_SEC};
        for (size_t i = 0; i < w->n_topics; i++)
                topics[i] = (TopicConfig){.arn = guard_topic(w, i),
                                          .min_severity = i == 1 ? w->min_severity : SEVERITY_INFO};
        return core_new(&config, guard_now(w));
}

void guard_begin(World *w)
{
        w->guard = mem_new0(Guard);
        w->guard->places = mem_alloc0(GUARD_PLACES * sizeof(w->guard->places[0]));
        w->guard->run = 1;
        w->guard->run_usec = w->now_usec;
        w->guard->core = new_core(w);
        w->guard->twin = new_core(w);
        for (size_t i = 0; i < w->n_trails; i++)
                w->guard->trails[i].good_usec = w->now_usec;
        world_act_at(w, w->now_usec + 100 * USEC_PER_MSEC, &(Act){.kind = ACT_IDENTITY});
}

void guard_free(World *w)
{
        Guard *g = w->guard;

        if (!g)
                return;
        core_free(g->core);
        core_free(g->twin);
        free(g->letters);
        free(g->cases);
        free(g->places);
        free(g);
}

void guard_kill(World *w)
{
        Guard *g = w->guard;

        if (!g->core)
                return;
        world_trace(w, "guard: killed");
        w->kills++;
        disk_finish_writes(w);
        g->core = core_free(g->core);
        g->twin = core_free(g->twin); /* it has seen what this guard will not remember */
        for (size_t i = 0; i < g->n_cases; i++)
                g->cases[i].generation = g->cases[i].asked_generation = 0;
        for (size_t i = 0; i < w->n_stops; i++)
                w->stops[i].must = false;
        memset(g->trails, 0, sizeof(g->trails));
        memset(g->sends_in_flight, 0, sizeof(g->sends_in_flight));
}

void guard_boot(World *w)
{
        Guard *g = w->guard;

        if (g->core)
                return;
        world_trace(w, "guard: started");
        g->run++;
        g->run_usec = w->now_usec;
        g->core = new_core(w);
        disk_restore(w);
        for (size_t i = 0; i < w->n_trails; i++) {
                const TrailMemory *m = core_trail_memory(g->core, i);

                g->trails[i].good_usec = w->now_usec;
                g->trails[i].stop_msec = m->stop_msec;
                g->trails[i].version_msec = MAX(m->start_msec, m->stop_msec);
        }
        guard_identify(w);
}

void guard_set_clock(World *w, int64_t offset_msec)
{
        world_trace(w, "guard: its clock is set to %+lld ms", (long long)offset_msec);
        w->guard->clock_msec = offset_msec;
        w->guard->clock_set_usec = w->now_usec;
}

void guard_identify(World *w)
{
        if (w->guard->core)
                step(w, &(Input){.kind = INPUT_IDENTITY,
                                 .trail = SIZE_MAX,
                                 .identity_arn = history_actor_arn(SIM_OWN)});
}

void guard_accept(World *w, size_t trail)
{
        if (!w->guard->core)
                return;
        step(w, &(Input){.kind = INPUT_ACCEPT, .trail = trail, .by = "an operator"});
        /* Whatever was shown is how it should be. */
        w->guard->trails[trail].drift_seen = 0;
}

bool guard_is_idle(const World *w)
{
        const Guard *g = w->guard;

        if (!g->core || core_n_incidents(g->core) > 0)
                return false;
        for (size_t i = 0; i < w->n_trails; i++)
                if (g->trails[i].down_usec || g->trails[i].not_found > 0 ||
                    core_trail_error(g->core, i)->class != AWS_ERROR_NONE)
                        return false;
        return true;
}
