/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One incident with all that is known of it, for people. */

#include "cli/print.h"
#include "core/model.h"

void incident_print(const Printer *p, const Incident *i, int64_t now_msec);
