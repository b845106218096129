/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What happens in a world: drawn from its seed, or written down as a scenario with a name. */

#include "world.h"

void script_random(World *w);

typedef struct Scenario {
        const char *name;
        void (*write)(World *w);
        void (*judge)(World *w); /* after its end; may be NULL */
} Scenario;

extern const Scenario scenarios[];
extern const size_t n_scenarios;

/* Repairs everything at the end, delivers log files all along, and starts the guard. */
void script_begin(World *w);
void script_end(World *w);
