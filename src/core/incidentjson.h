/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Incidents and trail memories as JSON, the form they have on disk: one object an incident,
 * "version": 1, times in ms since the epoch. Unknown members are ignored on reading. */

#include <jansson.h>

#include "core/core.h"

json_t *incident_to_json(const Incident *i); /* new reference, never NULL */

/* -EBADMSG, -EINVAL, -ENODATA when it is no incident that a guard has written, -ENOTSUP when it may
 * be one of a later version, which has words that are not known here; *reterr_field names the place
 * (static, may be NULL). */
int incident_from_json(const json_t *object, Incident **ret,
                       const char **reterr_field) _must_check_;

/* The same of an incident in which nothing will change any more: without what is not shown. */
json_t *incident_to_small_json(const Incident *i);

/* Of what cannot be read as an incident: which it is, and the messages that are still to be sent.
 * what and foreign stay. */
void state_loss_salvage(const json_t *object, StateLoss *ret);

int message_from_json(const json_t *o, Message *m, const char **reterr_field) _must_check_;

json_t *trail_memory_to_json(const TrailMemory *m);
/* 0, or 1 when its baseline cannot be read and is left out. */
int trail_memory_from_json(const json_t *object, TrailMemory *ret) _must_check_;
