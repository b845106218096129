/* SPDX-License-Identifier: Apache-2.0 */

/* Thousands of worlds, each from its seed: the real core against a scripted AWS on a virtual
 * clock, held against the invariants of design.md. A world that breaks one prints its seed, and
 * `sim -v -s SEED -n 1` shows what happened in it. */

#include <stdio.h>
#include <unistd.h>

#include "script.h"

typedef struct Options {
        uint64_t worlds;
        uint64_t seed;
        bool verbose;
        bool random_only;
        bool first_only; /* stop at the first that fails */
        const char *scenario;
} Options;

static bool run_world(uint64_t seed, bool verbose, const Scenario *s, uint64_t *steps)
{
        World *w = world_new(seed, verbose);
        bool ok;

        if (s)
                s->write(w);
        else
                script_random(w);
        world_run(w);
        if (s && s->judge && !w->failed)
                s->judge(w);
        ok = !w->failed;
        *steps += w->steps;
        world_free(w);
        return ok;
}

static const struct {
        const Scenario *items;
        const size_t *n;
} sets[] = {
        {row_scenarios, &n_row_scenarios},     {attack_scenarios, &n_attack_scenarios},
        {drift_scenarios, &n_drift_scenarios}, {fault_scenarios, &n_fault_scenarios},
        {flood_scenarios, &n_flood_scenarios},
};

static void list_scenarios(void)
{
        for (size_t s = 0; s < ELEMENTSOF(sets); s++)
                for (size_t i = 0; i < *sets[s].n; i++)
                        printf("%s\n", sets[s].items[i].name);
}

static unsigned run_scenarios(const Options *o)
{
        unsigned failed = 0, ran = 0;
        uint64_t steps = 0;

        for (size_t s = 0; s < ELEMENTSOF(sets); s++)
                for (size_t i = 0; i < *sets[s].n && !(failed && o->first_only); i++) {
                        const Scenario *x = &sets[s].items[i];

                        if (o->scenario && strcmp(o->scenario, x->name) != 0)
                                continue;
                        ran++;
                        if (run_world(1, o->verbose, x, &steps))
                                continue;
                        printf("scenario %s failed\n", x->name);
                        failed++;
                }
        if (ran == 0) {
                printf("no scenario is called %s\n", o->scenario);
                return 1;
        }
        printf("%u scenarios, %u failed\n", ran, failed);
        return failed;
}

static unsigned run_worlds(const Options *o)
{
        unsigned failed = 0;
        uint64_t steps = 0;

        for (uint64_t i = 0; i < o->worlds && !(failed && o->first_only); i++)
                failed += !run_world(o->seed + i, o->verbose, NULL, &steps);
        printf("%llu worlds from seed %llu, %llu steps, %u failed\n", (unsigned long long)o->worlds,
               (unsigned long long)o->seed, (unsigned long long)steps, failed);
        return failed;
}

static int usage(const char *name)
{
        fprintf(stderr,
                "usage: %s [-n WORLDS] [-s SEED] [-r] [-v] [-x] [-S SCENARIO|list]\n"
                "Without -S all scenarios are run (not with -r or -v), then WORLDS random worlds "
                "from SEED on. -x stops at the first one that fails.\n",
                name);
        return 2;
}

int main(int argc, char **argv)
{
        Options o = {.worlds = 10000, .seed = 1};
        unsigned failed = 0;
        int c;

        while ((c = getopt(argc, argv, "n:rs:S:vx")) != -1) {
                if (c == 'n')
                        o.worlds = strtoull(optarg, NULL, 10);
                else if (c == 's')
                        o.seed = strtoull(optarg, NULL, 10);
                else if (c == 'S')
                        o.scenario = optarg;
                else if (c == 'r')
                        o.random_only = true;
                else if (c == 'x')
                        o.first_only = true;
                else if (c == 'v')
                        o.verbose = true;
                else
                        return usage(argv[0]);
        }
        if (o.scenario && strcmp(o.scenario, "list") == 0) {
                list_scenarios();
                return 0;
        }
        if (o.scenario || (!o.verbose && !o.random_only))
                failed += run_scenarios(&o);
        if (!o.scenario)
                failed += run_worlds(&o);
        return failed > 0;
}
