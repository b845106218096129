/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which calls change a setting or hinder a delivery, and whether one of them did: pure, by what the
 * request asked for and what was found since. */

#include "core/model.h"

/* The step-th event name to look the actor of the incident up by, NULL past the last: for a
 * delivery, of what its error speaks of. */
const char *changes_event_name(const Changes *c, unsigned step);

typedef enum Cause {
        CAUSE_NOT,   /* another call, or one that asked for something else */
        CAUSE_MAY,   /* the record does not say what it asked for, or the error what is wrong */
        CAUSE_SHOWN, /* it asked for what was found since */
} Cause;

Cause change_cause(const Finding *f, const Change *c);

/* Compares what the record asked for, of event selectors and Insights, with what was found: copies
 * of a record have no selectors. */
void change_note_request(const Incident *i, const CloudTrailRecord *r, Finding *f);
