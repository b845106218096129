/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the reader of an alert is told beside what AWS knows: the names that accounts have for
 * people, and where their instructions are. */

#include <stddef.h>

typedef struct AccountName {
        char *id; /* 12 digits */
        char *name;
} AccountName;

typedef struct Labels {
        AccountName *accounts;
        size_t n_accounts;
        char *runbook; /* a URL; NULL without one */
} Labels;

void labels_copy(Labels *to, const Labels *from); /* frees what `to` had; from may be NULL */
void labels_done(Labels *l);

/* Borrowed; NULL when it has none, or l is NULL. */
const char *labels_account(const Labels *l, const char *account_id);

/* Pages of AWS's console, owned; NULL for what has none: a region of an unknown partition, an id
 * that is none. */
char *console_event_url(const char *region, const char *event_id);
char *console_trail_url(const char *region, const char *trail_arn);
