/* SPDX-License-Identifier: Apache-2.0 */

/* One world of a year, through the whole client: a guard that is killed and started, its sessions,
 * attackers and faults of every day, with the policy as it ships. What is settled is judged and
 * forgotten, so that what grows is the guard's. */

#include "year.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "check.h"
#include "script.h"
#include "whole.h"

#define DAY_USEC (24 * USEC_PER_HOUR)
#define DAYS 365
#define QUIET_DAYS 4 /* at the end: every search has ended by then */
#define KEEP_USEC (5 * DAY_USEC)
#define KEEP_VERSIONS 500

static unsigned long resident_kib(void)
{
        unsigned long pages = 0, resident = 0;
        FILE *f = fopen("/proc/self/statm", "re");

        if (!f || fscanf(f, "%lu %lu", &pages, &resident) != 2)
                resident = 0;
        if (f)
                (void)fclose(f);
        return resident * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}

static bool is_with_the_guard(const World *w, const char *id)
{
        const Core *c = w->guard->core;

        for (size_t i = 0; c && i < core_n_incidents(c); i++)
                if (streq(core_incident(c, i)->id, id))
                        return true;
        return false;
}

static void forget_letters(World *w)
{
        Guard *g = w->guard;

        for (size_t i = 0; i < g->n_letters;) {
                const Letter *l = &g->letters[i];

                if (w->now_usec < l->created_usec + KEEP_USEC ||
                    is_with_the_guard(w, l->incident)) {
                        i++;
                        continue;
                }
                check_letter_end(w, l);
                g->letters[i] = g->letters[--g->n_letters];
        }
}

static void forget_cases(World *w)
{
        Guard *g = w->guard;
        size_t n = g->n_cases;
        Case *cases = TAKE_PTR(g->cases);

        g->n_cases = 0;
        memset(g->places, 0, GUARD_PLACES * sizeof(g->places[0]));
        for (size_t i = 0; i < n; i++)
                if (w->now_usec < cases[i].opened_usec + KEEP_USEC ||
                    is_with_the_guard(w, cases[i].id))
                        *guard_new_case(g, cases[i].id) = cases[i];
        free(cases);
}

static void forget(World *w)
{
        size_t n = 0;

        for (size_t i = 0; i < w->n_stops; i++)
                if (w->now_usec > w->stops[i].at_usec + KEEP_USEC / 2)
                        check_stop_end(w, i);
        for (size_t i = 0; i < w->guard->n_cases; i++) {
                const Case *c = &w->guard->cases[i];

                if (w->now_usec >= c->opened_usec + KEEP_USEC && !c->lost &&
                    !is_with_the_guard(w, c->id))
                        check_case_end(w, c);
        }
        forget_letters(w);
        forget_cases(w);
        for (size_t i = 0; i < w->n_trails; i++) {
                SimTrail *t = &w->trails[i];
                size_t over = t->n_versions > KEEP_VERSIONS ? t->n_versions - KEEP_VERSIONS : 0;

                /* The room follows from the number: it is filled anew. */
                TrailVersion *all = TAKE_PTR(t->versions);
                size_t n_all = t->n_versions;
                t->n_versions = 0;
                for (size_t k = over; k < n_all; k++)
                        *mem_push0(t->versions, t->n_versions) = all[k];
                free(all);
        }
        Fault *faults = TAKE_PTR(w->faults);
        n = w->n_faults;
        w->n_faults = 0;
        for (size_t i = 0; i < n; i++)
                if (w->now_usec < faults[i].to_usec + KEEP_USEC)
                        *mem_push0(w->faults, w->n_faults) = faults[i];
        free(faults);
        free(TAKE_PTR(w->lookups));
        w->n_lookups = 0;
}

static void deliver(World *w, void *slot)
{
        for (size_t i = 0; i < w->n_trails; i++)
                aws_act(w, &(Act){.kind = ACT_DELIVER, .trail = i});
        world_call_at(w, w->now_usec + 10 * USEC_PER_MINUTE, deliver, slot);
}

/* What happens on a day: perhaps an attack or two, a fault or two, a crash; in its evening all is
 * put right. */
static void script_day(World *w)
{
        Rng *r = &w->rng;
        uint64_t noon = w->now_usec + 12 * USEC_PER_HOUR, evening = noon + 6 * USEC_PER_HOUR;

        for (uint64_t n = rng_below(r, 3); n > 0; n--)
                script_attack(w, w->now_usec + rng_below(r, 12 * USEC_PER_HOUR));
        for (uint64_t n = rng_below(r, 4); n > 0; n--)
                script_fault(w, w->now_usec + rng_below(r, 12 * USEC_PER_HOUR));
        if (rng_chance(r, 30)) {
                uint64_t at = w->now_usec + rng_below(r, 12 * USEC_PER_HOUR);

                world_act_at(w, at, &(Act){.kind = ACT_KILL});
                world_act_at(w, at + rng_below(r, 10 * USEC_PER_MINUTE), &(Act){.kind = ACT_BOOT});
        }
        for (size_t i = 0; i < w->n_trails; i++) {
                world_act_at(w, noon + 3 * USEC_PER_HOUR,
                             &(Act){.kind = ACT_REPAIR, .trail = i, .actor = 5});
                world_act_at(w, noon + 3 * USEC_PER_HOUR + USEC_PER_SEC,
                             &(Act){.kind = ACT_UNDO, .trail = i, .actor = 5});
                world_act_at(w, evening, &(Act){.kind = ACT_ACCEPT, .trail = i});
        }
}

static void on_day(World *w, void *slot)
{
        unsigned *day = slot;

        free(TAKE_PTR(w->script));
        w->n_script = 0;
        forget(w);
        if (*day % 30 == 0)
                printf("day %3u: %lu KiB resident, %llu steps, %llu requests, %zu sessions, "
                       "%zu records, %u kills\n",
                       *day, resident_kib(), (unsigned long long)w->steps,
                       (unsigned long long)w->whole->n_requests, w->whole->sessions.n, w->n_records,
                       w->kills);
        fflush(stdout);
        if ((*day)++ < DAYS - QUIET_DAYS)
                script_day(w);
        world_call_at(w, w->now_usec + DAY_USEC, on_day, slot);
}

bool year_run(uint64_t seed, bool verbose)
{
        World *w = world_new(seed, verbose);
        unsigned day = 0;
        struct rusage usage;

        whole_draw(w);
        w->whole->sessions.lifetime_msec = 6 * MSEC_PER_HOUR;
        w->whole->environment = false;
        w->endless = true;
        w->has_twin = false; /* it would not be killed */
        w->may_kill = true;
        w->n_trails = w->n_topics = 2;
        w->poll_usec = 30 * USEC_PER_SEC;
        w->nature.lost_percent = 1;
        w->last_kill_usec = USEC_INFINITY;
        script_begin(w);
        w->calm_usec = w->end_usec = w->now_usec + DAYS * DAY_USEC;
        deliver(w, w);
        on_day(w, &day);
        world_run(w);
        (void)getrusage(RUSAGE_SELF, &usage);
        printf("a year from seed %llu: %llu steps, %llu requests, %zu sessions, %u kills, %ld KiB "
               "at most: %s\n",
               (unsigned long long)seed, (unsigned long long)w->steps,
               (unsigned long long)w->whole->n_requests, w->whole->sessions.n, w->kills,
               usage.ru_maxrss, w->failed ? "FAILED" : "every promise kept");
        bool ok = !w->failed;
        world_free(w);
        return ok;
}
