/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One record of Event history and its role, as an incident's JSON has it. */

#include <jansson.h>

#include "core/evidence.h"

json_t *finding_to_json(const Finding *f); /* new reference, never NULL */
/* Into zeroed *f, which is the caller's to free whatever is returned. -EINVAL, -ENOTSUP of a word
 * that a later version may have; *reterr_field is the member. */
int finding_from_json(const json_t *o, Finding *f, const char **reterr_field) _must_check_;
