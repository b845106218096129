/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The invariants of design.md, held against every step and at the end of a world. */

#include "guard.h"

/* Before the step: what the guard is about to be shown. */
void check_input(World *w, const Input *in);
/* After it: what it wants to have done, and what it knows. */
void check_step(World *w, const Input *in, const Actions *a);
/* When that has been carried out. */
/* A FIFO topic is given a message when it has the ones before. */
void check_order(World *w, const Letter *l, const Message *m, size_t topic);
void check_letters(World *w);
void check_letter_end(World *w, const Letter *l); /* of one that has had its time */
uint64_t check_letter_text(const Message *m);     /* a digest of it */
/* At a boot: what the disk says of a message that may have been acknowledged before. */
void check_read_back(World *w, const Letter *l, size_t topic, bool sent);
void check_end(World *w);

/* NULL without one. */
const Incident *check_open_incident(const World *w, size_t trail, IncidentKind kind);

/* check_starts.c: that StartLogging is sent when it is needed, or may be. */
void check_starts(World *w, const Input *in, const Actions *a);

/* check_drift.c: what is told of settings is what was shown of them. */
unsigned check_drift_bits(const TrailSettings *s);
void check_inspected(World *w, const Input *in); /* before the step */
void check_drift(World *w, size_t trail);        /* after it */
bool check_drift_caused(const World *w, const Incident *i);
void check_drift_culprit(World *w, const Case *c);
void check_drift_end(World *w);

/* check_cases.c: that incidents have their causes. */
void check_case_opened(World *w, Case *c, const Incident *i);
void check_case_closed(World *w, const Incident *i);
void check_cases_end(World *w);
void check_case_end(World *w, const Case *c); /* of one that has ended */
void check_stop_end(World *w, size_t stop);   /* once and for all */

/* check_groups.c: that incidents are told, each by itself or by its group, and not without end. */
void check_note_group(World *w, Case *c, const Incident *i);
void check_told(World *w, const Incident *i, const Message *m); /* a new message */
void check_groups(World *w);
void check_groups_end(World *w);
