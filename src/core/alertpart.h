/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files that make a message's body share: rows of label and value, foreign text escaped
 * and capped, and the sections that have a file of their own. */

#include "base/strbuf.h"
#include "core/model.h"

#define ALERT_VALUE_CHARS 300

/* One line, nothing for an empty value. */
void alert_row(StrBuf *b, const char *label, const char *value);
void alert_time_row(StrBuf *b, const char *label, int64_t msec); /* nothing for 0 */

/* alertwho.c: nothing when nobody was looked for. */
void alert_add_who(StrBuf *b, const Incident *i);
