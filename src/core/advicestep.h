/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For who writes steps of advice. */

#include "core/advice.h"

void advice_step(Advice *a, const char *text); /* none when it is empty */
void advice_stepf(Advice *a, const char *fmt, ...) _printf_(2, 3);
/* Of the last step. */
void advice_commandf(Advice *a, const char *fmt, ...) _printf_(2, 3);

/* A name as a reader is shown it, for the rest of the block. */
#define ADVICE_NAME_SIZE 201
#define ADVICE_NAMED(s) advice_named(s, (char[ADVICE_NAME_SIZE]){0})
const char *advice_named(const char *s, char buf[static ADVICE_NAME_SIZE]);

/* Fit for a command line that a reader may paste. */
bool advice_is_plain(const char *name);
