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
        bool whole;          /* a look has just been completed: the window was read to its end */
        bool starts_known;   /* StartLogging has been looked up, too */
        bool complete;       /* no record of then is to come into Event history any more */
        bool last_chance;    /* settle for less than a record at the anchor */
        bool settings_known; /* whether it is an organization trail is known */
        bool organization;   /* ... and it is: other accounts may call its operations */
} AttributionFacts;

/* The culprit's access key, when one is known and is fit to be looked up; borrowed, else NULL. */
const char *attribution_key(const Incident *i);

/* Gives each finding its role, and the whole its confidence and its doubts. */
void attribution_evaluate(Incident *i, const AttributionFacts *f);

/* Whether StartLogging events are needed to tell culprit from noise. */
bool attribution_needs_starts(const Incident *i);

/* The same identity with the same key from the same address. */
bool attribution_is_same_caller(const CloudTrailRecord *a, const CloudTrailRecord *b);
/* Whether a finding names somebody who did it or, when it is ambiguous, may have: once a caller. */
bool attribution_is_suspect(const Attribution *a, size_t index);
