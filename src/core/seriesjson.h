/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What an incident remembers of those it tells of, as the member "series" of its JSON. */

#include "core/incidentjson.h"

json_t *series_to_json(const Series *s); /* new reference, never NULL */
int series_from_json(const json_t *object, Series **ret, const char **reterr_field) _must_check_;
