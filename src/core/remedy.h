/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What cures an error of an API, by its code where that says more than its class. */

#include "aws/awserror.h"

/* One or two sentences; "" when nothing special does. */
const char *remedy_for_error(const AwsError *e, const char *api);
/* Which policy it is that denies, as the end of AWS's message says, and where to look for its
 * change; "" when it does not say. */
const char *remedy_for_denial(const AwsError *e);
