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

extern const Scenario row_scenarios[];
extern const size_t n_row_scenarios;
extern const Scenario attack_scenarios[];
extern const size_t n_attack_scenarios;
extern const Scenario evidence_scenarios[];
extern const size_t n_evidence_scenarios;
extern const Scenario blinding_scenarios[];
extern const size_t n_blinding_scenarios;
extern const Scenario drift_scenarios[];
extern const size_t n_drift_scenarios;
extern const Scenario fault_scenarios[];
extern const size_t n_fault_scenarios;
extern const Scenario flood_scenarios[];
extern const size_t n_flood_scenarios;
extern const Scenario name_scenarios[];
extern const size_t n_name_scenarios;
extern const Scenario state_scenarios[];
extern const size_t n_state_scenarios;
extern const Scenario client_scenarios[];
extern const size_t n_client_scenarios;

/* For writing them: seconds after the guard's start. */
#define T0 (100 * USEC_PER_SEC)
#define AT(seconds) (T0 + (uint64_t)((seconds)*1000) * USEC_PER_MSEC)
#define ACT(when, ...) world_act_at(w, AT(when), &(Act){__VA_ARGS__})
#define SCENARIO(name) static void name(World *w)

/* Repairs everything at the end, delivers log files all along, and starts the guard. */
void script_begin(World *w);
void script_end(World *w);
/* What random worlds are made of. */
void script_attack(World *w, uint64_t at_usec);
void script_fault(World *w, uint64_t from_usec);
