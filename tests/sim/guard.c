/* SPDX-License-Identifier: Apache-2.0 */

#include "guard.h"

#include <stdio.h>

#include "base/mem.h"
#include "check.h"
#include "core/alerttext.h"
#include "core/incidentjson.h"
#include "whole.h"

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

uint64_t guard_latency(World *w)
{
        uint64_t max = w->nature.latency_usec;

        if (world_has_fault(w, FAULT_SLOW, SIZE_MAX))
                max = 4 * USEC_PER_SEC;
        return USEC_PER_MSEC + rng_below(&w->rng, max);
}

/* Whether anybody will read it. */
static bool is_worth_writing(const World *w)
{
        return w->now_usec <= w->last_kill_usec;
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
        if (w->guard->does_without)
                e->store_error = -16; /* nothing takes the place of what has not been read */
        if (!is_worth_writing(w))
                return;
        json_t *o = incident_to_json(a->incident);
        e->text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
        json_decref(o);
        if (!e->text)
                world_violation(w, "incident %s cannot be written down", a->incident->id);
}

/* The spool writes no memories that would hide, after a crash, what an incident was to tell. */
static bool is_one_not_stored(const World *w)
{
        for (size_t i = 0; i < core_n_incidents(w->guard->core); i++)
                if (core_incident(w->guard->core, i)->store_error)
                        return true;
        return false;
}

static void do_store_memory(World *w)
{
        if (!is_worth_writing(w) || world_has_fault(w, FAULT_DISK_FAILS, SIZE_MAX) ||
            w->guard->does_without || is_one_not_stored(w))
                return;
        json_t *all = json_array();
        for (size_t i = 0; i < w->n_trails; i++)
                (void)json_array_append_new(
                        all, trail_memory_to_json(core_trail_memory(w->guard->core, i)));
        Event *e = world_schedule(w, disk_turn(w), EVENT_MEMORY_STORED);
        json_t *o = json_pack("{s:i, s:o}", "version", 1, "trails", all);
        e->text = json_dumps(o, JSON_INDENT(1) | JSON_ENSURE_ASCII); /* as it is sealed */
        json_decref(o);
}

static void do_archive(World *w, const Action *a)
{
        if (!is_worth_writing(w) || w->guard->does_without)
                return;
        Event *e = world_schedule(w, disk_turn(w), EVENT_ARCHIVED);
        (void)snprintf(e->incident, sizeof(e->incident), "%s", a->text);
}

/* Before a message is on its way. */
static void note_send(World *w, const Action *a)
{
        size_t topic = streq(a->topic_arn, guard_topic(w, 0)) ? 0 : 1;
        Letter *l = guard_letter(w->guard, a->incident->id, a->message->sequence);

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
        check_order(w, l, a->message, topic);
}

void guard_letter_arrives(World *w, Letter *l, size_t topic)
{
        if (l->acknowledged[topic] && !l->of_before)
                world_violation(w, "%s/%u is sent again although it was acknowledged", l->incident,
                                l->sequence);
        l->arrived[topic]++;
}

static void trace_action(World *w, const Action *a)
{
        if (a->kind == ACTION_START_LOGGING)
                world_trace(w, "guard: StartLogging of trail %zu", a->trail);
        else if (a->kind == ACTION_LOOKUP)
                world_trace(w, "guard: LookupEvents %s%s for %s%s", a->lookup.event_name,
                            strempty(a->lookup.access_key_id),
                            a->incident ? a->incident->id : "all trails",
                            a->lookup.next_token ? ", next page" : "");
        else if (a->kind == ACTION_LOG)
                world_trace(w, "guard: log <%d> %s", a->priority, a->text);
}

static void carry_out(World *w, const Actions *actions)
{
        for (size_t i = 0; i < actions->n && !w->failed; i++) {
                const Action *a = &actions->items[i];

                trace_action(w, a);
                w->n_searched += a->kind == ACTION_LOOKUP && a->incident;
                if (a->kind == ACTION_SEND)
                        note_send(w, a);
                if (a->kind == ACTION_STORE)
                        do_store(w, a);
                else if (a->kind == ACTION_STORE_MEMORY)
                        do_store_memory(w);
                else if (a->kind == ACTION_ARCHIVE)
                        do_archive(w, a);
                else if (w->whole)
                        whole_carry_out(w, a);
                else
                        light_carry_out(w, a);
        }
        if (w->whole)
                whole_check_step(w);
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
        if (!g->awaiting)
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

static void note_sent(World *w, const Input *in)
{
        Letter *l = guard_letter(w->guard, in->incident, in->sequence);
        size_t topic = streq(in->topic_arn, guard_topic(w, 0)) ? 0 : 1;

        w->guard->sends_in_flight[topic]--;
        if (l && in->error.class == AWS_ERROR_NONE) {
                l->acknowledged[topic] = true;
                l->acknowledged_usec[topic] = w->now_usec;
        }
        if (l)
                l->refused[topic] = in->error.class == AWS_ERROR_DENIED ||
                                    in->error.class == AWS_ERROR_NOT_FOUND ||
                                    in->error.class == AWS_ERROR_INVALID;
}

static void note_started(World *w, const Input *in)
{
        GuardTrail *t = &w->guard->trails[in->trail];

        t->start_in_flight = false;
        t->throttled_usec = in->error.class == AWS_ERROR_THROTTLED ? w->now_usec : 0;
        if (in->error.class == AWS_ERROR_NONE)
                t->accepted_usec = w->now_usec;
        else
                t->failed_usec = w->now_usec;
}

static void trace_poll(World *w, const Input *in)
{
        const TrailStatus *s = in->status;

        if (in->error.class != AWS_ERROR_NONE)
                world_trace(w, "aws: poll of trail %zu: %s", in->trail, in->error.code);
        else
                world_trace(w,
                            "aws: poll of trail %zu: %s, start %+.3f, stop %+.3f, delivery %+.3f",
                            in->trail, s->is_logging ? "logging" : "NOT LOGGING",
                            (double)(s->start_logging_msec - SIM_EPOCH_MSEC) / 1000,
                            (double)(s->stop_logging_msec - SIM_EPOCH_MSEC) / 1000,
                            (double)(s->latest_delivery_msec - SIM_EPOCH_MSEC) / 1000);
}

static void trace_inspected(World *w, const Input *in)
{
        if (in->error.class == AWS_ERROR_NONE)
                world_trace(w, "aws: settings of trail %zu: drift %#x", in->trail,
                            check_drift_bits(in->settings));
        else
                world_trace(w, "aws: settings of trail %zu: %s", in->trail, in->error.code);
}

void guard_hear(World *w, Input *in)
{
        if (in->kind == INPUT_POLLED)
                trace_poll(w, in);
        else if (in->kind == INPUT_STARTED)
                note_started(w, in);
        else if (in->kind == INPUT_SENT)
                note_sent(w, in);
        else if (in->kind == INPUT_INSPECTED) {
                trace_inspected(w, in);
                check_inspected(w, in);
        }
        step(w, in);
        if (in->kind == INPUT_INSPECTED && (in->settings->described || in->settings->selected) &&
            !w->failed)
                check_drift(w, in->trail);
        if (w->guard->twin &&
            (in->kind == INPUT_POLLED || in->kind == INPUT_STARTED || in->kind == INPUT_INSPECTED))
                twin_step(w, in);
}

/* What is held against the guard counts from here on. */
static void restored(World *w)
{
        Guard *g = w->guard;

        world_trace(w, "guard: its state is here");
        g->run_usec = w->now_usec;
        if (g->awaiting)
                disk_forget(w);
        g->awaiting = false;
        disk_restore(w);
        g->does_without = false;
        for (size_t i = 0; i < w->n_trails; i++) {
                const TrailMemory *m = core_trail_memory(g->core, i);
                GuardTrail *t = &g->trails[i];

                if (t->unbeaten_usec)
                        t->unbeaten_usec = w->now_usec;
                if (t->owed_usec)
                        t->owed_usec = w->now_usec;
                t->drift_seen = 0; /* by another baseline, or none */
                t->stop_msec = MAX(t->stop_msec, m->stop_msec);
                t->start_msec = MAX(t->start_msec, m->start_msec);
                t->version_msec = MAX(t->version_msec, MAX(m->start_msec, m->stop_msec));
                /* A replica that lags has shown it, and the life before was shown what came later.
                 */
                for (size_t k = 0; k < w->n_stops; k++)
                        if (w->stops[k].trail == i &&
                            w->stops[k].msec < MAX(m->start_msec, m->stop_msec))
                                w->stops[k].must = false;
        }
        step(w, &(Input){.kind = INPUT_RESTORED, .trail = SIZE_MAX, .report = &(StateReport){}});
}

/* Messages of before may be told anew, under the same numbers. */
static void given_up(World *w)
{
        Guard *g = w->guard;

        world_trace(w, "guard: it does without its state");
        g->run_usec = w->now_usec;
        g->awaiting = false;
        g->does_without = w->gave_up = true;
        disk_forget(w);
        for (size_t i = 0; i < g->n_letters; i++)
                g->letters[i].of_before = true;
        step(w, &(Input){.kind = INPUT_RESTORED,
                         .trail = SIZE_MAX,
                         .report = &(StateReport){.missing = "the disk does not answer"}});
}

void guard_answer(World *w, Event *e)
{
        static const InputKind kinds[] = {
                [EVENT_POLLED] = INPUT_POLLED,       [EVENT_STARTED] = INPUT_STARTED,
                [EVENT_INSPECTED] = INPUT_INSPECTED, [EVENT_FOUND] = INPUT_FOUND,
                [EVENT_SENT] = INPUT_SENT,           [EVENT_STORED] = INPUT_STORED,
        };
        bool of_trail =
                e->kind == EVENT_POLLED || e->kind == EVENT_STARTED || e->kind == EVENT_INSPECTED;
        Input in = {
                .trail = of_trail ? e->trail : SIZE_MAX,
                .incident = *e->incident ? e->incident : NULL,
                .settings = &e->settings,
                .operation = "GetTrail",
                .batch = e->batch,
                .generation = e->generation,
                .store_error = e->store_error,
                .sequence = e->sequence,
                .asked_msec = e->asked_msec,
                .status = &e->status,
                .page = &e->page,
                .topic_arn = guard_topic(w, e->topic),
                .message_id = "message-id",
        };

        if (!w->guard->core || e->run != w->guard->run)
                return;
        if (e->kind == EVENT_RESTORED || e->kind == EVENT_GIVEN_UP) {
                (e->kind == EVENT_RESTORED ? restored : given_up)(w);
                return;
        }
        if (e->kind == EVENT_MEMORY_STORED) {
                disk_write(w, e);
                return;
        }
        if (e->kind == EVENT_ARCHIVED) {
                disk_archive(w, e);
                return;
        }
        aws_error_set(&in.error, e->class, strempty(e->code), "%s", strempty(e->code));
        (void)snprintf(in.error.request_id, sizeof(in.error.request_id), "%s", e->request_id);
        in.kind = kinds[e->kind];
        if (e->kind == EVENT_STORED)
                answer_stored(w, e, &in);
        else if (e->class != AWS_ERROR_NETWORK)
                in.aws_msec = world_aws_msec(w);
        guard_hear(w, &in);
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
                .n_accounts = w->whole ? w->whole->n_accounts : 1,
                .hostname = "guard-1",
                .seed = {w->seed, guard_now(w).boot_usec},
        };

        for (size_t i = 0; i < w->n_trails; i++)
                trails[i] = (TrailConfig){.arn = w->trails[i].arn,
                                          .action = w->action,
                                          .account = (unsigned)(i % config.n_accounts),
                                          .poll_usec = w->poll_usec};
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
        if (w->has_twin)
                w->guard->twin = new_core(w);
        if (w->whole)
                whole_boot(w);
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
        free(g->beats);
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
        g->killed_usec = w->now_usec;
        disk_finish_writes(w);
        if (w->whole)
                whole_kill(w);
        g->core = core_free(g->core);
        g->awaiting = g->does_without = false;
        g->twin = core_free(g->twin); /* it has seen what this guard will not remember */
        for (size_t i = 0; i < g->n_cases; i++)
                g->cases[i].generation = g->cases[i].asked_generation = 0;
        for (size_t i = 0; i < w->n_stops; i++)
                w->stops[i].must = false;
        memset(g->trails, 0, sizeof(g->trails));
        memset(g->sends_in_flight, 0, sizeof(g->sends_in_flight));
        memset(g->unseen_usec, 0, sizeof(g->unseen_usec));
        memset(g->looked_usec, 0, sizeof(g->looked_usec));
}

/* Milliseconds, as a rule; a slow disk takes seconds, and then others are quicker. */
static uint64_t load_time(World *w)
{
        unsigned luck = (unsigned)rng_below(&w->load_rng, 100);

        if (w->load_usec)
                return w->load_usec;
        return USEC_PER_MSEC + rng_below(&w->load_rng, luck < 60   ? 20 * USEC_PER_MSEC
                                                       : luck < 85 ? 2 * USEC_PER_SEC
                                                                   : 20 * USEC_PER_SEC);
}

void guard_boot(World *w)
{
        Guard *g = w->guard;
        uint64_t takes;

        if (g->core)
                return;
        world_trace(w, "guard: started");
        g->run++;
        g->run_usec = w->now_usec;
        g->awaiting = true;
        g->core = new_core(w);
        core_await_state(g->core);
        if (w->whole)
                whole_boot(w);
        for (size_t i = 0; i < w->n_trails; i++)
                g->trails[i].good_usec = w->now_usec;
        takes = load_time(w);
        if (takes > 5 * USEC_PER_SEC && (w->load_usec || rng_chance(&w->load_rng, 50)))
                (void)world_schedule(w, w->now_usec + 5 * USEC_PER_SEC, EVENT_GIVEN_UP);
        (void)world_schedule(w, w->now_usec + takes, EVENT_RESTORED);
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
        if (!w->guard->core)
                return;
        if (w->whole)
                whole_identify(w);
        else
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

        if (!g->core || g->awaiting || g->does_without)
                return false;
        for (size_t i = 0; i < core_n_incidents(g->core); i++)
                if (w->patient || !incident_is_settled(core_incident(g->core, i)))
                        return false;
        for (size_t i = 0; i < w->n_trails; i++)
                if (g->trails[i].down_usec || g->trails[i].not_found > 0 ||
                    core_trail_error(g->core, i)->class != AWS_ERROR_NONE)
                        return false;
        return true;
}
