/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the calls of `trailsentry check` mean: findings with what to do about each, and what
 * remains unproved. */

#include "cli/checkrun.h"

typedef struct CheckFinding {
        char *text;
        char *advice; /* "" when there is none */
} CheckFinding;

typedef struct CheckReport {
        CheckFinding *findings; /* what is wrong */
        size_t n_findings;
        char **unproved; /* what cannot be tried without doing it */
        size_t n_unproved;
        char **costs;
        size_t n_costs;
} CheckReport;

/* run is NULL when no calls were made: then only costs and what is unproved are told. */
void check_report(const Conf *conf, const CheckRun *run, int64_t now_msec, CheckReport *ret);
void check_report_done(CheckReport *r);

/* GetTrailStatus calls a month (30.44 days) that this configuration makes. */
double check_read_events_a_month(const Conf *conf);
