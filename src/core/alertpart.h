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

/* alertdrift.c: of incidents that are about changes. duration may be "". */
const char *alert_change_happened(const Incident *i); /* after "CloudTrail trail NAME" */
const char *alert_change_state(const Incident *i);
void alert_add_change_window(StrBuf *b, const Incident *i, const char *duration);
void alert_add_changes(StrBuf *b, const Incident *i);

/* alertwho.c: nothing when nobody was looked for. */
void alert_add_who(StrBuf *b, const Incident *i);
