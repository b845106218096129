/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is expected of a scenario, beside the invariants. Kinds and phases are words in order of
 * their appearance. */

#include "base/mem.h"
#include "base/strbuf.h"
#include "guard.h"

void expect_kinds(World *w, const char *kinds);
void expect_some_of(World *w, const char *kind);
void expect_phases(World *w, IncidentKind kind, const char *phases); /* of the first of the kind */
/* Those that reached this topic. */
void expect_arrived(World *w, IncidentKind kind, size_t topic, const char *phases);
void expect_culprit(World *w, IncidentKind kind, unsigned actor, Confidence c);
void expect_nobody(World *w, IncidentKind kind, Confidence c);
void expect_misused(World *w, IncidentKind kind);
void expect_search(World *w, IncidentKind kind, SearchState s);
void expect_letters(World *w, size_t n);
void expect_starts(World *w, unsigned n); /* StartLogging calls of the guard that arrived */
void expect_lookups(World *w, size_t n);
void expect_lookups_at_least(World *w, size_t n);
/* StartLogging of the guard after each first sight of an outage. */
void expect_restart_within(World *w, uint64_t usec); /* of the first trail */
void expect_restart_of_within(World *w, size_t trail, uint64_t usec);
