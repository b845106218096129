/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `trailsentry check`: the calls that it makes (all of them read, none changes anything), and what
 * they mean. */

#include "aws/cloudtrail.h"
#include "aws/query.h"
#include "daemon/conf.h"

/* How one kind of call went. */
typedef enum ProbeState {
        PROBE_NOT_TRIED, /* there was no point: no credentials */
        PROBE_WENT_WELL,
        PROBE_FAILED,
} ProbeState;

typedef struct Probe {
        ProbeState state;
        AwsError error; /* FAILED */
} Probe;

typedef struct CheckedAccount {
        Probe identify; /* GetCallerIdentity */
        CallerIdentity identity;
        char *source; /* where the credentials come from: "imds" */
} CheckedAccount;

typedef struct CheckedTrail {
        Arn arn;
        Probe get_status;  /* GetTrailStatus */
        Probe get_trail;   /* GetTrail */
        Probe look_up;     /* LookupEvents, asked once for each account and region ... */
        size_t look_up_of; /* ... on behalf of this trail */
        TrailStatus status;
        TrailDescription description;
} CheckedTrail;

typedef struct CheckFinding {
        char *text;
        char *advice; /* "" when there is none */
} CheckFinding;

typedef struct Check {
        const Conf *conf; /* borrowed */
        int64_t now_msec;
        CheckedAccount *accounts; /* as in Conf; NULL when nothing was asked */
        CheckedTrail *trails;     /* as in Conf; the same */
        CheckFinding *findings;   /* what is wrong */
        size_t n_findings;
        char **unproved; /* what cannot be tried without doing it */
        size_t n_unproved;
        double read_events; /* GetTrailStatus calls a month (30.44 days) */
} Check;

/* Makes the calls and waits for them, for 15 s each at most. -errno when none could be made;
 * *reterr_text, owned, says why. */
int check_ask(Check *c, char **reterr_text) _must_check_;

/* Judges what was asked; when nothing was, only says what is unproved and how many events the
 * polling makes. */
void check_judge(Check *c);

void check_done(Check *c);
