/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* "Did you mean": of the words that are offered, the one that a mistyped text is nearest to. */

#include "base/macro.h"

typedef struct Nearest {
        const char *text;
        const char *word; /* borrowed; NULL while none is near enough */
        size_t distance;
} Nearest;

Nearest nearest_begin(const char *text);
/* word has at most 31 characters. */
void nearest_offer(Nearest *n, const char *word);
