/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What to do next, by what happened and by the type of identity that did it. A command line is
 * offered only when every value in it matched a strict pattern, since an attacker chooses names. */

#include "base/strbuf.h"
#include "core/model.h"

/* Adds a heading and numbered steps, one a line, commands indented below theirs; nothing at all
 * when there is nothing to do. */
void advice_add(StrBuf *b, const Incident *i, int64_t now_msec);

/* What cures a class of error of this API, as one sentence; "" when nothing special does. */
const char *advice_for_error(const AwsError *e, const char *api);
