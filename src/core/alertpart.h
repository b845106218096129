/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files that make a message's body share: rows of label and value, foreign text escaped
 * and capped, and the sections that have a file of their own. */

#include <jansson.h>

#include "base/strbuf.h"
#include "core/advice.h"
#include "core/alerttext.h"

#define ALERT_SUBJECT_MAX 99
#define ALERT_BODY_MAX (32 * 1024)
#define ALERT_CHANGES_MAX (6 * 1024) /* ... of which what has changed */
#define ALERT_ADVICE_MAX (12 * 1024) /* ... what to do: of three callers all that there is */
#define ALERT_END_MAX (13 * 1024)    /* ... the same, and the last lines */
#define ALERT_VALUE_CHARS 300
/* Bytes that a value may have that others have chosen. All that is said of one caller is under
 * 8 KiB then, however the names are written. */
#define ALERT_FOREIGN_MAX 300
#define ALERT_ERROR_MAX 700 /* ... an error with its message, whose end is the reason */

/* One line, nothing for an empty value. */
void alert_row(StrBuf *b, const char *label, const char *value);
void alert_time_row(StrBuf *b, const char *label, int64_t msec); /* nothing for 0 */
/* The same for a value that others have chosen: see base/foreign.h. */
void alert_foreign_row(StrBuf *b, const char *label, const char *value);
void alert_error_row(StrBuf *b, const char *label, const char *words);

/* Adds a part of a body that was written into a buffer of its own: all of it, or as many whole
 * lines as max bytes hold with a line that says where the rest is. Frees the buffer. */
void alert_add_part(StrBuf *b, StrBuf *part, size_t max, const char *incident_id);
#define ALERT_PART_INIT STRBUF_INIT(1024 * 1024)

/* A subject as SNS takes it, out of a text in ASCII: cut when it is too long, but never within an
 * escape or a defused part. Owned. */
char *alert_subject(const char *text);

/* alertdrift.c: of incidents that are about changes. duration may be "". */
const char *alert_change_happened(const Incident *i); /* after "CloudTrail trail NAME" */
const char *alert_change_state(const Incident *i);
void alert_add_change_window(StrBuf *b, const Incident *i, const char *duration);
void alert_add_changes(StrBuf *b, const Incident *i);

/* What to do, numbered; nothing when there is nothing. */
void alert_add_advice(StrBuf *b, const Advice *a, const char *incident_id);
void alert_add_footer(StrBuf *b, const Incident *i, const AlertContext *c);

/* alertwho.c: who it is, from where, with which key and tool, in one line. */
void alert_add_caller(StrBuf *b, const CloudTrailRecord *r);
/* Nothing when nobody was looked for. */
void alert_add_who(StrBuf *b, const Incident *i);
bool alert_role_is_listed(Role r);  /* among the other calls */
bool alert_role_is_suspect(Role r); /* ... and before the rest of them */

/* alerttext.c: the text of a notice, owned, its lines kept and each escaped. */
char *alert_details(const Incident *i);
/* Whether there is anything to say of them. */
bool alert_has_window(const Incident *i);
bool alert_has_restart(const Incident *i);
/* StartLogging is sent, or was, though the trail cannot be seen. */
bool alert_has_unseen_starts(const Incident *i);

/* alertchat.c: the document of a message as a notification in a chat channel; owned JSON. */
char *alert_chat(const json_t *document);
