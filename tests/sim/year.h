/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A year in the life of one guard. */

#include "world.h"

bool year_run(uint64_t seed, bool verbose);
