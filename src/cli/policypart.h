/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files that make policies share: pieces of a policy document, and how resources are named
 * when there are many. */

#include "cli/policy.h"

/* How the resources are named when all of them do not fit. */
typedef enum Grouping {
        GROUP_NONE,      /* each by its ARN */
        GROUP_BY_REGION, /* every trail of its account and region; every account's role of a name */
        GROUP_BY_ACCOUNT,
        _GROUPING_MAX,
} Grouping;

void policy_append_once(json_t *array, const char *text); /* text is copied */
json_t *policy_document_of(json_t *statements);           /* takes statements */
/* Takes actions and resources; resources may be NULL. */
json_t *policy_statement(const char *sid, const char *effect, json_t *actions, json_t *resources);
/* The ARN, or the wildcard that stands for it; owned. */
char *policy_name_trail(const char *arn, Grouping g);
char *policy_name_role(const char *arn, Grouping g);

/* policyscp.c: a document with a Deny statement for each kind of resource. Owned. */
json_t *policy_make_scp(const PolicyOptions *o, Grouping g);
