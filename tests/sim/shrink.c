/* SPDX-License-Identifier: Apache-2.0 */

#include "shrink.h"

#include <stdio.h>

#include "base/mem.h"
#include "whole.h"

#define RUNS_MAX 300

static const char *const acts[] = {
        [ACT_STOP] = "StopLogging",
        [ACT_START] = "StartLogging",
        [ACT_STOP_REFUSED] = "StopLogging, refused",
        [ACT_STOP_OTHER] = "StopLogging of another trail",
        [ACT_DELETE] = "DeleteTrail",
        [ACT_CREATE] = "CreateTrail",
        [ACT_REPAIR] = "repair",
        [ACT_DELIVER] = "delivery",
        [ACT_DELIVERY_FAILS] = "delivery fails",
        [ACT_CHANGE] = "settings changed",
        [ACT_UNDO] = "settings put back",
        [ACT_ACCEPT] = "drift accepted",
        [ACT_KILL] = "guard killed",
        [ACT_BOOT] = "guard started",
        [ACT_CLOCK] = "guard's clock set",
        [ACT_IDENTITY] = "guard asks who it is",
        [ACT_NONE] = "nothing",
};

static const char *const faults[_FAULT_KIND_MAX] = {
        [FAULT_POLL_THROTTLED] = "polls throttled",
        [FAULT_POLL_DENIED] = "polls denied",
        [FAULT_POLL_SILENT] = "polls silent",
        [FAULT_POLL_NOT_FOUND] = "polls find no trail",
        [FAULT_POLL_DOUBTFUL] = "polls answered with odd times",
        [FAULT_START_THROTTLED] = "StartLogging throttled",
        [FAULT_START_DENIED] = "StartLogging denied",
        [FAULT_START_FAILS] = "StartLogging fails",
        [FAULT_START_ANSWER_LOST] = "answers to StartLogging lost",
        [FAULT_START_NO_EFFECT] = "StartLogging without effect",
        [FAULT_LOOKUP_THROTTLED] = "LookupEvents throttled",
        [FAULT_LOOKUP_DENIED] = "LookupEvents denied",
        [FAULT_LOOKUP_SILENT] = "LookupEvents silent",
        [FAULT_TOPIC_FAILS] = "topic gone",
        [FAULT_TOPIC_ANSWER_LOST] = "answers of the topic lost",
        [FAULT_DISK_FAILS] = "disk fails",
        [FAULT_DISK_STALLS] = "disk stalls",
        [FAULT_SLOW] = "slow answers",
        [FAULT_INSPECT_DENIED] = "settings denied",
        [FAULT_INSPECT_THROTTLED] = "settings throttled",
        [FAULT_PARTITION] = "AWS out of reach",
        [FAULT_PARTITION_REGION] = "eu-west-1 out of reach",
        [FAULT_SERVICE_FAILS] = "503 to everything",
        [FAULT_IMDS_SILENT] = "metadata service silent",
        [FAULT_IMDS_FAILS] = "metadata service fails",
        [FAULT_IMDS_EXPIRED] = "metadata service does not renew",
        [FAULT_SESSION_REVOKED] = "sessions revoked",
        [FAULT_ASSUME_DENIED] = "AssumeRole denied",
};

/* The act of a number, counted as they were written; NULL when there are no more. */
static Event *scripted(World *w, size_t number)
{
        for (size_t i = 0; i < w->n_queue; i++)
                if (w->queue[i]->kind == EVENT_ACT && w->queue[i]->order == w->script[number])
                        return w->queue[i];
        return NULL;
}

void plan_write(const Plan *p, World *w)
{
        if (p->whole)
                whole_draw(w);
        w->has_twin = p->scenario || p->whole || p->seed % 4 == 0;
        if (p->scenario)
                p->scenario->write(w);
        else
                script_random(w);
        for (size_t i = 0; p->without && i < w->n_script + w->n_faults; i++) {
                if (!p->without[i])
                        continue;
                if (i < w->n_script)
                        scripted(w, i)->act.kind = ACT_NONE;
                else
                        w->faults[i - w->n_script].to_usec = 0;
        }
}

/* The promise that is broken, NULL when all are kept. */
static const char *breaks_without(const Plan *p, const bool *without)
{
        World *w = world_new(p->seed, false);
        Plan less = *p;
        const char *promise;

        less.without = without;
        w->quiet = true;
        plan_write(&less, w);
        world_run(w);
        if (p->scenario && p->scenario->judge && !w->failed)
                p->scenario->judge(w);
        promise = w->promise;
        world_free(w);
        return promise;
}

/* Halves, quarters, ... and each by itself, again while anything can go. */
static void drop_what_can_go(const Plan *p, bool *without, size_t n)
{
        bool *less = mem_alloc0(n + 1);
        const char *promise = breaks_without(p, without);
        unsigned runs = 0;
        bool again = true;

        while (again && runs < RUNS_MAX) {
                again = false;
                for (size_t span = MAX(n / 2, (size_t)1); span > 0; span /= 2)
                        for (size_t from = 0; from < n && runs < RUNS_MAX; from += span) {
                                bool news = false;

                                memcpy(less, without, n);
                                for (size_t i = from; i < MIN(n, from + span); i++) {
                                        news = news || !less[i];
                                        less[i] = true;
                                }
                                if (!news || (runs++, breaks_without(p, less) != promise))
                                        continue;
                                memcpy(without, less, n);
                                again = true;
                        }
        }
        free(less);
}

static void tell(const Plan *p, const bool *without)
{
        World *w = world_new(p->seed, false);
        Plan less = *p;

        less.without = without;
        plan_write(&less, w);
        printf("  what it takes:\n");
        for (size_t i = 0; i < w->n_script; i++) {
                const Event *e = scripted(w, i);

                if (!without[i])
                        printf("  %10.3f  %s, trail %zu, actor %u, amount %lld\n",
                               (double)e->at_usec / (double)USEC_PER_SEC, acts[e->act.kind],
                               e->act.trail, e->act.actor, (long long)e->act.amount);
        }
        for (size_t i = 0; i < w->n_faults; i++) {
                const Fault *f = &w->faults[i];

                if (!without[w->n_script + i])
                        printf("  %10.3f  %s until %.3f, target %zd\n",
                               (double)f->from_usec / (double)USEC_PER_SEC, faults[f->kind],
                               (double)f->to_usec / (double)USEC_PER_SEC, (ssize_t)f->target);
        }
        printf("  what happened then:\n");
        w->tail = true;
        world_run(w);
        world_free(w);
}

void shrink(const Plan *p)
{
        World *w = world_new(p->seed, false);
        bool *without;
        size_t n;

        plan_write(p, w);
        n = w->n_script + w->n_faults;
        world_free(w);
        without = mem_alloc0(n + 1);
        drop_what_can_go(p, without, n);
        tell(p, without);
        if (p->scenario)
                printf("  the whole of it: sim -v -S %s\n", p->scenario->name);
        else
                printf("  the whole of it: sim -v -r %s -s %llu\n",
                       p->whole ? "-n 0 -w 1" : "-n 1 -w 0", (unsigned long long)p->seed);
        free(without);
}
