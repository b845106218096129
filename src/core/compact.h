/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What incidents may hold, in memory and on disk: pure. An attacker decides how many incidents
 * there are and how much there is to say of each; the guard lives within MemoryMax= of its unit. */

#include "core/model.h"

/* Memory that the incident takes, all it owns included. */
size_t incident_bytes(const Incident *i);

/* Drops what the incident need not keep as it is: texts of messages that every topic has accepted,
 * but for the latest, and of what Event history has shown, once that has been judged and looked at
 * again, what matters least. Nothing that a later decision rests on. */
void incident_compact(Incident *i);

/* Bytes of findings that each search may hold, when there are so many incidents. */
size_t compact_findings_share(size_t n_incidents);
