/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A summary: what there is to tell of a group of incidents, in one message that can be read at
 * three in the morning, however many they are. */

#include "core/advice.h"
#include "core/alerttext.h"

typedef struct GroupTrail {
        const char *arn;
        unsigned incidents;
        const Incident *latest; /* one that goes on, else the newest in memory; NULL for none */
        bool goes_on;
} GroupTrail;

/* One identity with one key, from one address. */
typedef struct GroupActor {
        const Finding *culprit;
        unsigned incidents;
        unsigned maybe; /* ... of which it is not sure */
} GroupActor;

typedef struct GroupPerson {
        const Finding *culprit; /* one of its calls */
        unsigned incidents;
        unsigned maybe;
        bool alike; /* told as one by name, role and address only */
        unsigned n_keys, n_accounts;
} GroupPerson;

typedef struct GroupReason {
        AwsError error; /* without the request id, which is of one call */
        unsigned trails;
} GroupReason;

/* Borrows from the incidents that it was made of. */
typedef struct GroupView {
        const Incident *lead;
        const Incident *worst; /* goes on; NULL when all is over */
        GroupTrail *trails;    /* those that are down first, then by their number of incidents */
        size_t n_trails;
        GroupActor *callers; /* most incidents first */
        size_t n_callers;
        GroupPerson *people; /* ... */
        size_t n_people;
        GroupReason *reasons; /* why restarts fail */
        size_t n_reasons;
        const char *corrected[3]; /* what messages said that proved wrong: some of it */
        size_t n_corrected;
        const Labels *labels; /* NULL for none */
} GroupView;

/* Of lead, which has a series with its sum made, and those of incidents that it tells of. */
GroupView group_view(Incident *const *incidents, size_t n, const Incident *lead);
void group_view_done(GroupView *v);

/* As alert_facts(), alert_summary() and advice_make(). */
Facts alert_group_facts(const GroupView *v, const AlertContext *c);
char *alert_group_summary(const GroupView *v);
Advice alert_group_advice(const GroupView *v, int64_t now_msec);

/* As alert_text(). */
void alert_group_text(const GroupView *v, const AlertContext *c, char **ret_subject,
                      char **ret_body);
