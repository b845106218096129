/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Incidents and trail memories as JSON, the form they have on disk: one object an incident,
 * "version": 1, times in ms since the epoch. Unknown members are ignored on reading. */

#include <jansson.h>

#include "core/model.h"

json_t *incident_to_json(const Incident *i); /* new reference, never NULL */

/* -EBADMSG, -EINVAL, -ENODATA when it is not an incident of version 1; *reterr_field names the
 * place (static, may be NULL). */
int incident_from_json(const json_t *object, Incident **ret,
                       const char **reterr_field) _must_check_;

json_t *trail_memory_to_json(const TrailMemory *m);
int trail_memory_from_json(const json_t *object, TrailMemory *ret) _must_check_;
