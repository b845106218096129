/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What makes a world: its seed, and what of its script is left out. */

#include "script.h"

typedef struct Plan {
        uint64_t seed;
        bool whole;
        const Scenario *scenario;
        const bool *without; /* of the acts, in order, and then the faults; NULL: nothing */
} Plan;

/* Into a new world. */
void plan_write(const Plan *p, World *w);
/* A world failed: drops of its acts and faults what it fails without, and tells what is left. */
void shrink(const Plan *p);
