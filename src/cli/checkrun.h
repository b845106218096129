/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The calls that `trailsentry check` makes: all of them read, none changes anything. */

#include "aws/cloudtrail.h"
#include "aws/query.h"
#include "daemon/conf.h"

/* How one kind of call went. */
typedef enum ProbeState {
        PROBE_NOT_TRIED, /* there was no point, or no time */
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
        Probe get_status;  /* GetTrailStatus */
        Probe get_trail;   /* GetTrail */
        Probe look_up;     /* LookupEvents, asked once for each account and region ... */
        size_t look_up_of; /* ... on behalf of this trail */
        TrailStatus status;
        TrailDescription description;
} CheckedTrail;

typedef struct CheckRun {
        CheckedAccount *accounts; /* as in Conf */
        CheckedTrail *trails;     /* as in Conf */
        size_t n_accounts;
        size_t n_trails;
} CheckRun;

/* Makes the calls and waits for them, within a minute and a second a call. -errno when none could
 * be made; *reterr_text, owned, says why. */
int check_run(const Conf *conf, int64_t now_msec, CheckRun **ret, char **reterr_text) _must_check_;
CheckRun *check_run_free(CheckRun *r);
DEFINE_CLEANUP(CheckRun *, check_run_free)
