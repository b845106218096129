/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files that make a message's body share: rows of label and value, foreign text escaped
 * and capped, and the sections that have a file of their own. */

#include "base/strbuf.h"
#include "core/alerttext.h"

#define ALERT_SUBJECT_MAX 99
#define ALERT_BODY_MAX (32 * 1024)
#define ALERT_VALUE_CHARS 300

/* One line, nothing for an empty value. */
void alert_row(StrBuf *b, const char *label, const char *value);
void alert_time_row(StrBuf *b, const char *label, int64_t msec); /* nothing for 0 */

/* What to do, numbered; nothing when there is nothing. */
void alert_add_advice(StrBuf *b, const Incident *i, int64_t now_msec);
void alert_add_footer(StrBuf *b, const Incident *i, const AlertContext *c);

/* alertwho.c: who it is, from where, with which key and tool, in one line. */
void alert_add_caller(StrBuf *b, const CloudTrailRecord *r);
/* Nothing when nobody was looked for. */
void alert_add_who(StrBuf *b, const Incident *i);
