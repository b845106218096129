/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a trail is set to, against what it was set to when it was first seen, or has been accepted
 * or declared since: pure. What records more than before is no drift but a better baseline. */

#include "base/strbuf.h"
#include "core/model.h"

/* Facts of each kind of change, by table. */
typedef struct ChangeInfo {
        const char *label;    /* "S3 bucket" */
        const char *happened; /* after "CloudTrail trail NAME" */
        const char *meaning;  /* a sentence: what it is to the reader that it changed */
        const char *option;   /* of `aws cloudtrail update-trail`; NULL: not undone by that */
} ChangeInfo;

const ChangeInfo *change_info(ChangeKind k);
/* The member of UpdateTrail that changes it, as records spell it; NULL: that call does not. */
const char *change_parameter(ChangeKind k);

/* Adds to *ret how `found` differs for the worse, and puts all in the order of ChangeKind; what is
 * not known of either is not compared. */
void drift_compare(const TrailSettings *baseline, const TrailExpect *expect,
                   const TrailSettings *found, Changes *ret);

/* Adds to *ret how what the call asked for is worse than the baseline, by its request alone; what
 * the record does not say is left out. */
void drift_compare_request(const TrailSettings *baseline, const TrailExpect *expect,
                           const CloudTrailRecord *r, Changes *ret);

/* Takes what `found` has better over into the baseline, where it is not declared otherwise; in
 * words to b. True when there was any. */
bool drift_improve(TrailSettings *baseline, const TrailExpect *expect, const TrailSettings *found,
                   StrBuf *b);

/* What an attentive reader would want to be otherwise, from the first: a line each. */
void drift_add_weaknesses(const TrailSettings *s, StrBuf *b);

/* The settings as label and value, in words; NULL after the last. *ret_value is owned. */
const char *drift_setting_words(const TrailSettings *s, size_t i, char **ret_value);

/* Of the bad state, as hex: what is not undone. "" when nothing is left. */
#define DRIFT_DIGEST_SIZE 65
void changes_digest(const Changes *c, char ret[static DRIFT_DIGEST_SIZE]);

/* Brings the incident's changes up to date: what is not in `now` any more is undone; the content of
 * `now` is taken. True when something is there that was not, or is otherwise than it was. */
bool changes_merge(Incident *i, Changes *now);

/* The worst of what is not undone; of what was, when all is. NULL without any. */
const Change *changes_worst(const Changes *c);
Severity changes_severity(const Changes *c);
bool changes_have(const Changes *c, ChangeKind k); /* and it is not undone */

/* Whether two ways of naming it mean the same resource: ARN, name, id. */
bool resource_is_same(const char *a, const char *b);
