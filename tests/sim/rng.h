/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* splitmix64 (https://prng.di.unimi.it/splitmix64.c): small, and the same on every machine, so
 * that a world follows from its seed alone. */

#include "base/macro.h"

typedef struct Rng {
        uint64_t state;
} Rng;

static inline uint64_t rng_next(Rng *r)
{
        uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

/* In [0, n), 0 for n of 0. The bias of the modulo does not matter here. */
static inline uint64_t rng_below(Rng *r, uint64_t n)
{
        uint64_t v = rng_next(r);

        return n ? v % n : 0;
}

static inline uint64_t rng_between(Rng *r, uint64_t from, uint64_t to)
{
        return from + rng_below(r, to - from + 1);
}

static inline bool rng_chance(Rng *r, unsigned percent)
{
        return rng_below(r, 100) < percent;
}
