/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What to do next, by what happened and by the type of identity that did it. A command line is
 * offered only when every value in it matched a strict pattern, since an attacker chooses names. */

#include "core/model.h"

typedef struct AdviceStep {
        char *text;    /* one line, escaped */
        char *command; /* a line for a shell; NULL without one */
} AdviceStep;

typedef struct Advice {
        AdviceStep *steps;
        size_t n_steps;
} Advice;

/* No steps at all when there is nothing to do. */
Advice advice_make(const Incident *i, int64_t now_msec);
void advice_done(Advice *a);
