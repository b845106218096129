/* SPDX-License-Identifier: Apache-2.0 */

/* Thousands of worlds, each from its seed, held against the invariants of design.md: light ones,
 * where the real core meets a scripted AWS, and whole ones, where the real client, credentials,
 * codecs and spool are between the two. A world that breaks a promise prints its seed, is made
 * smaller while it still does, and is told. README.md has the commands. */

#include <getopt.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "script.h"
#include "shrink.h"
#include "whole.h"
#include "year.h"

typedef struct Options {
        uint64_t light;
        uint64_t whole;
        uint64_t seed;
        unsigned jobs;
        bool verbose;
        bool random_only;
        bool first_only; /* stop at the first that fails, and do not shrink it */
        bool year;
        const char *scenario;
} Options;

/* What all processes count together. */
typedef struct Count {
        _Atomic uint64_t worlds;
        _Atomic uint64_t steps;
        _Atomic uint64_t requests;
        _Atomic unsigned failed;
} Count;

static bool run_world(const Options *o, const Plan *plan, Count *count)
{
        World *w = world_new(plan->seed, o->verbose);
        bool ok;

        plan_write(plan, w);
        world_run(w);
        if (plan->scenario && plan->scenario->judge && !w->failed)
                plan->scenario->judge(w);
        ok = !w->failed;
        count->worlds++;
        count->steps += w->steps;
        count->requests += w->whole ? w->whole->n_requests : 0;
        count->failed += !ok;
        world_free(w);
        if (!ok && !o->verbose && !o->first_only)
                shrink(plan);
        return ok;
}

static const struct {
        const Scenario *items;
        const size_t *n;
} sets[] = {
        {row_scenarios, &n_row_scenarios},           {attack_scenarios, &n_attack_scenarios},
        {drift_scenarios, &n_drift_scenarios},       {fault_scenarios, &n_fault_scenarios},
        {flood_scenarios, &n_flood_scenarios},       {client_scenarios, &n_client_scenarios},
        {evidence_scenarios, &n_evidence_scenarios}, {blinding_scenarios, &n_blinding_scenarios},
        {name_scenarios, &n_name_scenarios},         {state_scenarios, &n_state_scenarios},
};

static void list_scenarios(void)
{
        for (size_t s = 0; s < ELEMENTSOF(sets); s++)
                for (size_t i = 0; i < *sets[s].n; i++)
                        printf("%s\n", sets[s].items[i].name);
}

static unsigned run_scenarios(const Options *o)
{
        Count count = {};

        for (size_t s = 0; s < ELEMENTSOF(sets); s++)
                for (size_t i = 0; i < *sets[s].n && !(count.failed && o->first_only); i++) {
                        const Scenario *x = &sets[s].items[i];
                        Plan plan = {.seed = o->scenario ? o->seed : 1, .scenario = x};

                        if (o->scenario && strcmp(o->scenario, x->name) != 0)
                                continue;
                        if (!run_world(o, &plan, &count))
                                printf("scenario %s failed\n", x->name);
                }
        if (count.worlds == 0) {
                printf("no scenario is called %s\n", o->scenario);
                return 1;
        }
        printf("%llu scenarios, %u failed\n", (unsigned long long)count.worlds, count.failed);
        return count.failed;
}

static void run_share(const Options *o, bool whole, unsigned share, Count *count)
{
        for (uint64_t i = share; i < (whole ? o->whole : o->light); i += o->jobs) {
                Plan plan = {.seed = o->seed + i, .whole = whole};

                if (count->failed && o->first_only)
                        return;
                (void)run_world(o, &plan, count);
        }
}

/* Worlds share nothing, so that processes can. */
static unsigned run_worlds(const Options *o, bool whole)
{
        Count *count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        unsigned failed = 0;
        int status;

        if (count == MAP_FAILED)
                abort();
        fflush(stdout);
        for (unsigned k = 1; k < o->jobs; k++)
                if (fork() == 0) {
                        run_share(o, whole, k, count);
                        fflush(stdout);
                        _exit(0);
                }
        run_share(o, whole, 0, count);
        for (unsigned k = 1; k < o->jobs; k++)
                failed += wait(&status) < 0 || status != 0;
        printf("%llu %s worlds from seed %llu, %llu steps", (unsigned long long)count->worlds,
               whole ? "whole" : "light", (unsigned long long)o->seed,
               (unsigned long long)count->steps);
        if (whole)
                printf(", %llu requests", (unsigned long long)count->requests);
        printf(", %u failed\n", count->failed);
        failed += count->failed;
        (void)munmap(count, sizeof(*count));
        return failed;
}

static int usage(const char *name)
{
        fprintf(stderr,
                "usage: %s [-n LIGHT] [-w WHOLE] [-s SEED] [-j JOBS] [-r] [-v] [-x] "
                "[-S SCENARIO|list] [--year]\n"
                "Without -S all scenarios are run (not with -r or -v), then LIGHT and WHOLE random "
                "worlds from SEED on, in JOBS processes. -v tells what happens, -x stops at the "
                "first that fails. --year runs one world of a year.\n",
                name);
        return 2;
}

static bool parse(int argc, char **argv, Options *o)
{
        static const struct option longs[] = {{"year", no_argument, NULL, 'Y'}, {}};
        int c;

        while ((c = getopt_long(argc, argv, "j:n:rs:S:vw:x", longs, NULL)) != -1) {
                if (c == 'j')
                        o->jobs = MAX(1U, (unsigned)strtoul(optarg, NULL, 10));
                else if (c == 'n')
                        o->light = strtoull(optarg, NULL, 10);
                else if (c == 'w')
                        o->whole = strtoull(optarg, NULL, 10);
                else if (c == 's')
                        o->seed = strtoull(optarg, NULL, 10);
                else if (c == 'S')
                        o->scenario = optarg;
                else if (c == 'r')
                        o->random_only = true;
                else if (c == 'x')
                        o->first_only = true;
                else if (c == 'v')
                        o->verbose = true;
                else if (c == 'Y')
                        o->year = true;
                else
                        return false;
        }
        return true;
}

int main(int argc, char **argv)
{
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        Options o = {.light = 5000, .whole = 500, .seed = 1, .jobs = (unsigned)MAX(1L, processors)};
        unsigned failed = 0;

        if (!parse(argc, argv, &o))
                return usage(argv[0]);
        log_set_max_level(LOG_CRIT);
        if (o.year)
                return year_run(o.seed, o.verbose) ? 0 : 1;
        if (o.scenario && strcmp(o.scenario, "list") == 0) {
                list_scenarios();
                return 0;
        }
        if (o.scenario || (!o.verbose && !o.random_only))
                failed += run_scenarios(&o);
        if (!o.scenario && o.light > 0)
                failed += run_worlds(&o, false);
        if (!o.scenario && o.whole > 0)
                failed += run_worlds(&o, true);
        return failed > 0;
}
