/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who did it, out of what Event history has shown: pure, over the findings of one incident. */

#include "core/model.h"

/* Whether a StartLogging is one of the guard's own. */
typedef enum OwnCall {
        OWN_CALL_NO,
        OWN_CALL_YES,   /* its request id is in the ledger */
        OWN_CALL_MAYBE, /* the ledger cannot know: an earlier run, an answer that never came */
} OwnCall;

/* What the incident itself does not say. */
typedef struct AttributionFacts {
        const char *own_arn; /* of the credentials that reach the trail; NULL while unknown */
        OwnCall (*own_start)(const void *userdata, const CloudTrailRecord *r);
        const void *userdata;
        bool starts_known; /* StartLogging has been looked up, too */
        bool last_chance;  /* settle for less than a record at the anchor */
} AttributionFacts;

/* Adds what is about this trail and in its window (from_msec to to_msec), once; copies. */
void attribution_add(Incident *i, const CloudTrailRecord *records, size_t n);

/* The culprit's access key, when one is known and is fit to be looked up; borrowed, else NULL. */
const char *attribution_key(const Incident *i);

/* Begins to count what `key` was used for, and counts what is not older than from_msec. */
void attribution_begin_deeds(Incident *i, const char *key);
void attribution_count_deeds(Incident *i, const CloudTrailRecord *records, size_t n,
                             int64_t from_msec);
/* Whether the key did more than what is told already. */
bool attribution_has_deeds(const Attribution *a);

/* Gives each finding its role and the whole its confidence. */
void attribution_evaluate(Incident *i, const AttributionFacts *f);

/* Whether StartLogging events are needed to tell culprit from noise. */
bool attribution_needs_starts(const Incident *i);

/* The same identity with the same key from the same address. */
bool attribution_is_same_caller(const CloudTrailRecord *a, const CloudTrailRecord *b);
/* Whether a finding names somebody who did it or, when it is ambiguous, may have: once a caller. */
bool attribution_is_suspect(const Attribution *a, size_t index);
