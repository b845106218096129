/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who is asked for next, of all that wait for LookupEvents of one account and region: pure. The
 * rate of calls is the service's, so that whoever is first keeps the others waiting. */

#include "base/macro.h"

/* The more urgent first. */
typedef enum LookupRank {
        LOOKUP_OUTAGE, /* who stopped, deleted or re-created it */
        LOOKUP_REPEAT, /* the same of one more stop of a trail, within minutes */
        LOOKUP_CHANGE, /* who changed a setting, or started it */
        LOOKUP_WIDER,  /* what makes a verdict sure */
        LOOKUP_WATCH,  /* what was changed that no look at settings has seen */
        LOOKUP_SECOND, /* verdicts once more: settling, the last look */
        LOOKUP_KEY,    /* what else was done with a key */
        _LOOKUP_RANK_MAX,
} LookupRank;

typedef struct LookupClaim {
        LookupRank rank;
        uint64_t due_boot;   /* it has waited since */
        uint64_t asked_boot; /* its trail was last asked for then */
} LookupClaim;

/* What has been asked so far. */
typedef struct LookupTurn {
        uint64_t n; /* calls */
        uint64_t rank_boot[_LOOKUP_RANK_MAX];
} LookupTurn;

/* Every so many calls one goes to the rank that has waited longest, whatever is more urgent. */
#define LOOKUP_FAIR_TURN 4

/* The more urgent rank; within it the trail that has waited longest for its turn, then whoever has
 * waited longest. The index, SIZE_MAX without any. */
size_t lookup_turn_next(const LookupTurn *t, const LookupClaim *claims, size_t n);
void lookup_turn_note(LookupTurn *t, LookupRank rank, uint64_t boot_usec); /* it is asked */

/* Whether a is to be asked before b. */
bool lookup_claim_is_before(const LookupClaim *a, const LookupClaim *b);
