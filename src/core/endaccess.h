/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How to end what an identity can do, by its type and by what AWS itself says of it, in the order
 * that works; and what else each step ends. */

#include "core/advice.h"

void advice_end_access(Advice *a, const UserIdentity *u, int64_t now_msec);
