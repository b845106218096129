/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Amazon Resource Names: arn:partition:service:region:account:resource. */

#include "base/macro.h"

typedef struct Arn {
        char partition[16];
        char service[32];
        char region[32];
        char account[16];    /* 12 digits or "" */
        char resource[1024]; /* "trail/management-events", "security-alerts", "role/path/name" */
} Arn;

/* -EINVAL when a part is missing, too long, or holds what its place does not allow. */
int arn_parse(const char *s, Arn *ret) _must_check_;

/* The same, plus what each kind demands. On failure *reterr says what is wrong, for people, in
 * a static string that fits after "ARN: ". */
int arn_parse_trail(const char *s, Arn *ret, const char **reterr) _must_check_;
int arn_parse_topic(const char *s, Arn *ret, const char **reterr) _must_check_;
int arn_parse_role(const char *s, Arn *ret, const char **reterr) _must_check_;

/* Whether s is an account id: twelve digits. */
bool arn_account_is_valid(const char *s);

/* Whether a parsed topic ARN is a FIFO topic's. */
bool arn_topic_is_fifo(const Arn *a);

/* Whether s may be the name of a trail: 3 to 128 letters, digits, '.', '_' or '-'. */
bool arn_trail_name_is_valid(const char *s);
/* Trail name of a parsed trail ARN, borrowed from it. */
const char *arn_trail_name(const Arn *a);
/* Whether wanted is this very ARN or the name of its trail; arn may be NULL. */
bool arn_is_of_trail(const char *arn, const char *wanted);

/* Whether text is a plain name of 1 to 128 characters [A-Za-z0-9+=,.@_-]: IAM users, roles,
 * sessions; what may stand in a command line offered to a reader, so no '-' at the start. */
bool arn_name_is_plain(const char *s);
