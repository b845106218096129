/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Event selectors by what they mean, and not by how they are written: two that record the same are
 * the same. Where that cannot be shown, less is assumed.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/filtering-data-events.html */

#include "aws/trailsettings.h"
#include "base/strbuf.h"

typedef enum Coverage {
        COVERAGE_NONE,
        COVERAGE_PART,
        COVERAGE_ALL,
} Coverage;

/* What is recorded of the management events that only read, or of those that write. */
Coverage selectors_management(const EventSelectors *s, bool reads);

/* "all", "none", "write events only", "all, but not of kms.amazonaws.com": owned, not escaped. */
char *selectors_management_words(const EventSelectors *s);

typedef enum Kept {
        KEPT_ALL,
        KEPT_DOUBTFUL, /* it cannot be shown that something is lost, nor that nothing is */
        KEPT_NOT,
} Kept;

/* Whether all that `before` records `after` records, too. What is not goes to `lost` in words, a
 * line each (NULL: of no interest), for management events or for all others. */
Kept selectors_kept(const EventSelectors *before, const EventSelectors *after, bool management,
                    StrBuf *lost);

/* What else than management events is recorded, in words, a line each. */
void selectors_add_words(const EventSelectors *s, StrBuf *b);
