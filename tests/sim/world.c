/* SPDX-License-Identifier: Apache-2.0 */

#include "world.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "check.h"
#include "guard.h"
#include "whole.h"

void world_trace(World *w, const char *fmt, ...)
{
        va_list ap;

        if (!w->verbose && !w->tail)
                return;
        va_start(ap, fmt);
        _cleanup_free_ char *text = mem_vprintf(fmt, ap);
        va_end(ap);
        char *line = mem_printf("%10.3f  %s", (double)w->now_usec / (double)USEC_PER_SEC, text);
        if (w->verbose)
                puts(line);
        free(w->lines[w->n_lines % SIM_TAIL]);
        w->lines[w->n_lines++ % SIM_TAIL] = line;
}

void world_violation(World *w, const char *fmt, ...)
{
        va_list ap;

        if (w->failed)
                return;
        w->failed = true;
        w->promise = fmt;
        if (w->quiet)
                return;
        for (size_t i = w->tail ? w->n_lines - MIN(w->n_lines, (size_t)SIM_TAIL) : w->n_lines;
             i < w->n_lines; i++)
                printf("  %s\n", w->lines[i % SIM_TAIL]);
        printf("%s world, seed %llu, at %.3f s: ", w->whole ? "whole" : "light",
               (unsigned long long)w->seed, (double)w->now_usec / (double)USEC_PER_SEC);
        va_start(ap, fmt);
        vprintf(fmt, ap);
        va_end(ap);
        putchar('\n');
}

static bool is_before(const Event *a, const Event *b)
{
        return a->at_usec != b->at_usec ? a->at_usec < b->at_usec : a->order < b->order;
}

Event *world_schedule(World *w, uint64_t at_usec, EventKind kind)
{
        Event *e = mem_new0(Event);
        size_t i;

        e->at_usec = MAX(at_usec, w->now_usec);
        e->order = w->orders++;
        e->kind = kind;
        e->run = w->guard ? w->guard->run : 0;
        *mem_push0(w->queue, w->n_queue) = e;
        for (i = w->n_queue - 1; i > 0 && is_before(e, w->queue[(i - 1) / 2]); i = (i - 1) / 2)
                w->queue[i] = w->queue[(i - 1) / 2];
        w->queue[i] = e;
        return e;
}

static Event *take_first(World *w)
{
        Event *first = w->queue[0], *last = w->queue[--w->n_queue];
        size_t i = 0;

        for (;;) {
                size_t child = 2 * i + 1;

                if (child >= w->n_queue)
                        break;
                if (child + 1 < w->n_queue && is_before(w->queue[child + 1], w->queue[child]))
                        child++;
                if (!is_before(w->queue[child], last))
                        break;
                w->queue[i] = w->queue[child];
                i = child;
        }
        if (w->n_queue > 0)
                w->queue[i] = last;
        return first;
}

static void event_free(Event *e)
{
        lookup_page_done(&e->page);
        trail_settings_done(&e->settings);
        free(e->text);
        free(e);
}

Event *world_call_at(World *w, uint64_t at_usec, void (*fire)(World *w, void *slot), void *slot)
{
        Event *e = world_schedule(w, at_usec, EVENT_CALL);

        e->fire = fire;
        e->slot = slot;
        return e;
}

void world_act_at(World *w, uint64_t at_usec, const Act *act)
{
        Event *e = world_schedule(w, at_usec, EVENT_ACT);

        e->act = *act;
        if (!w->script_ended)
                *mem_push0(w->script, w->n_script) = e->order;
        if (act->kind == ACT_KILL)
                w->last_kill_usec = MAX(w->last_kill_usec, at_usec);
        w->calm_usec = MAX(w->calm_usec, at_usec);
}

void world_fault(World *w, FaultKind kind, uint64_t from_usec, uint64_t for_usec, size_t target)
{
        Fault *f = mem_push0(w->faults, w->n_faults);

        *f = (Fault){kind, from_usec, from_usec + for_usec, target};
        w->calm_usec = MAX(w->calm_usec, f->to_usec);
}

bool world_has_fault(const World *w, FaultKind kind, size_t target)
{
        for (size_t i = 0; i < w->n_faults; i++) {
                const Fault *f = &w->faults[i];

                if (f->kind == kind && w->now_usec >= f->from_usec && w->now_usec < f->to_usec &&
                    (f->target == SIZE_MAX || f->target == target))
                        return true;
        }
        return false;
}

static void handle_act(World *w, const Act *act)
{
        if (act->kind == ACT_KILL)
                guard_kill(w);
        else if (act->kind == ACT_BOOT)
                guard_boot(w);
        else if (act->kind == ACT_CLOCK)
                guard_set_clock(w, act->amount);
        else if (act->kind == ACT_ACCEPT)
                guard_accept(w, act->trail);
        else if (act->kind == ACT_IDENTITY)
                guard_identify(w);
        else
                aws_act(w, act);
}

static void fire(World *w, Event *e)
{
        if (e->slot)
                e->fire(w, e->slot);
}

static void handle(World *w, Event *e)
{
        if (e->kind == EVENT_ACT)
                handle_act(w, &e->act);
        else if (e->kind == EVENT_CALL)
                fire(w, e);
        else if (e->kind == EVENT_SERVER_START)
                aws_start(w, e->trail, SIM_OWN, e->request_id);
        else
                guard_answer(w, e);
        event_free(e);
}

/* Nothing is scripted any more, nothing in flight that could change anything. */
static bool is_over(const World *w)
{
        return w->now_usec > w->calm_usec + 30 * USEC_PER_SEC && guard_is_idle(w);
}

void world_run(World *w)
{
        while (!w->failed && !is_over(w)) {
                uint64_t event = w->n_queue > 0 ? w->queue[0]->at_usec : USEC_INFINITY;
                uint64_t next = guard_next_boot(w);

                if (MIN(event, next) > w->end_usec)
                        break;
                if (event <= next) {
                        w->now_usec = event;
                        handle(w, take_first(w));
                } else {
                        w->now_usec = MAX(w->now_usec, next);
                        guard_tick(w);
                }
        }
        if (!w->failed)
                check_end(w);
}

World *world_new(uint64_t seed, bool verbose)
{
        World *w = mem_new0(World);

        w->seed = seed;
        w->rng.state = seed;
        w->settings_rng.state = ~seed;
        w->load_rng.state = seed ^ UINT64_C(0x10ad);
        w->verbose = verbose;
        w->policy = policy_default;
        w->action = TRAIL_ACTION_RESTART;
        w->has_twin = true;
        w->poll_usec = 10 * USEC_PER_SEC;
        w->n_trails = w->n_topics = 1;
        w->now_usec = 100 * USEC_PER_SEC;
        w->nature = (Nature){
                .latency_usec = 50 * USEC_PER_MSEC,
                .history_lag_usec = 60 * USEC_PER_SEC,
                .page_size = 50,
                .redundant_stop_moves = true,
                .redundant_start_moves = true,
        };
        for (size_t i = 0; i < SIM_TRAILS_MAX; i++)
                (void)snprintf(w->trails[i].arn, sizeof(w->trails[i].arn),
                               "arn:aws:cloudtrail:%s:111122223333:trail/trail-%zu", aws_region(i),
                               i);
        return w;
}

World *world_free(World *w)
{
        guard_free(w);
        whole_free(w);
        for (size_t i = 0; i < w->n_queue; i++)
                event_free(w->queue[i]);
        for (size_t i = 0; i < SIM_TRAILS_MAX; i++)
                free(w->trails[i].versions);
        for (size_t i = 0; i < w->disk.n_files; i++)
                free(w->disk.files[i].text);
        free(w->disk.memories);
        free(w->disk.files);
        for (size_t i = 0; i < SIM_TAIL; i++)
                free(w->lines[i]);
        free(w->script);
        free(w->queue);
        free(w->faults);
        free(w->records);
        free(w->stops);
        free(w->gone);
        free(w->lookups);
        free(w);
        return NULL;
}
