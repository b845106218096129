/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The variables of the environment that count. Libraries read many others: SSLKEYLOGFILE has the
 * keys of every connection written to a file, OPENSSL_CONF loads code, RES_OPTIONS and HOSTALIASES
 * change what a name resolves to. What counts stands in trailsentryd(8), ENVIRONMENT. */

#include "base/macro.h"

/* Takes all others out of this process's environment. First thing in main(): libraries may keep
 * what they have read once, and threads may read at any time. */
void environment_restrict(void);

/* For programs that are run: the environment as it was before, since what they go by is not known
 * here, but for SSLKEYLOGFILE. Borrowed. */
char *const *environment_for_programs(void);

/* The i-th name that counts; "AWS_*" stands for all that begin so. NULL behind the last. */
const char *environment_name(size_t i);
