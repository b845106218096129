/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The calls that Event history shows around an incident, as far as they are kept: pure. Every kept
 * text is capped (record.h), and all findings of an incident together have a budget in bytes. Of
 * refused calls one is kept for each caller and event name, with their number, since whoever may
 * not stop a trail may try forty times a second. What there is no room for is counted. */

#include "core/model.h"

typedef struct FindingsLimit {
        size_t max_bytes;
        const char *own_arn; /* the guard's: its refused calls are never crowded out; may be NULL */
        bool counts;         /* they are counted: false when a look is offered them twice */
} FindingsLimit;

/* A look begins: what it will be offered is counted from 0. */
void findings_begin_look(Attribution *a);
/* ... and is so again, since it is offered anew. */
void findings_recount(Attribution *a);
/* Adds what is about this incident and in its window (from_msec to to_msec), once; copies. */
void findings_add(Incident *i, const CloudTrailRecord *records, size_t n, const FindingsLimit *l);
/* All of the window was offered: what was not kept of it is known. */
void findings_end_look(Attribution *a);
size_t findings_bytes(const Attribution *a);
/* Keeps what matters most for what has been concluded already, within max_bytes. */
void findings_shrink(Incident *i, size_t max_bytes);
/* The same for all but the calls of those who did it, or may have. */
void findings_shrink_noise(Incident *i, size_t max_bytes);

/* Whether the record is about the trail of the incident, or about what else may have been changed
 * (i->resources), as the history of the searched account has it. */
TrailMatch findings_match(const Incident *i, const CloudTrailRecord *r);
bool finding_is_event(const Finding *f, const char *event_name);
/* A success, in a record that was read whole. */
bool finding_succeeded(const Finding *f);
/* The guard's StartLogging in this very outage: not one before the stop, sent while nothing could
 * be seen. */
bool finding_is_restart(const Incident *i, const Finding *f);

/* Records carry whole seconds. */
int64_t findings_second_of(int64_t msec);
/* Times at which the call that is looked for may have been made: after the last start before the
 * stop, by the times and by the records, and after polls last showed the trail logging; not after
 * what ended the outage. */
typedef struct FindingsSpan {
        int64_t from_msec;
        int64_t to_msec; /* both included */
} FindingsSpan;
FindingsSpan findings_span(const Incident *i);

#define FINDINGS_BEFORE_ANCHOR_MSEC (2 * MSEC_PER_SEC)
#define FINDINGS_AFTER_ANCHOR_MSEC (3 * MSEC_PER_SEC)

/* Deeds: what the culprit's access key was used for. */
/* Begins to count for `key`; counts what is not older than from_msec. */
void findings_begin_deeds(Attribution *a, const char *key);
void findings_count_deeds(Attribution *a, const CloudTrailRecord *records, size_t n,
                          int64_t from_msec);
/* Whether it did more than what is told already. */
bool findings_has_deeds(const Attribution *a);
