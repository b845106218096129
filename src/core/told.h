/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What messages have said of who did it, and what has become of that since: pure, over one
 * incident. A verdict that was told and proves wrong is taken back in so many words. */

#include "core/model.h"

/* A message carries the verdict as it stands. */
void told_note(Incident *i);
/* Another question is asked from here on: what was told answers the one before, and is not taken
 * back by the answer to this one. */
void told_forget(Incident *i);
/* Whether the last message said the same: nothing of the verdict is news. */
bool told_is_current(const Incident *i);
/* Whether the verdict takes back what the last message said, which named somebody else or was
 * surer. */
bool told_is_corrected(const Incident *i);
/* What was said and is taken back, by this verdict or by an earlier one: "exact: mallory, arn:...,
 * key ..."; owned, as it came, NULL for nothing. */
char *told_correction(const Incident *i);
