/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files that make a message share: its bounds, and the sections that have a file of their
 * own. */

#include <jansson.h>

#include "base/strbuf.h"
#include "core/advice.h"
#include "core/alerttext.h"
#include "core/facts.h"

#define ALERT_SUBJECT_MAX 99
#define ALERT_BODY_MAX (32 * 1024)
#define ALERT_CHANGES_MAX (6 * 1024) /* ... of which what has changed */
#define ALERT_TRAILS_MAX (8 * 1024)  /* ... the trails of a group */
#define ALERT_ADVICE_MAX (12 * 1024) /* ... what to do: of three callers all that there is */
#define ALERT_END_MAX (21 * 1024)    /* ... the same, those trails, and the last lines */
#define ALERT_VALUE_CHARS 300
/* Bytes that a value may have that others have chosen. All that is said of one caller is under
 * 8 KiB then, however the names are written. */
#define ALERT_FOREIGN_MAX 300
#define ALERT_ERROR_MAX 700 /* ... an error with its message, whose end is the reason */

/* Adds a part of a body that was written into a buffer of its own: all of it, or as many whole
 * lines as max bytes hold with a line that says where the rest is. Frees the buffer. */
void alert_add_part(StrBuf *b, StrBuf *part, size_t max, const char *incident_id);
#define ALERT_PART_INIT STRBUF_INIT(1024 * 1024)

/* At most max bytes of a text in ASCII, never cut within an escape or a defused part. Owned. */
char *alert_cut(const char *text, size_t max);
/* headline_print() of a document; the subject, of one that has no headline. Owned. */
char *alert_one_line(const json_t *document, const char *subject, size_t max);
/* A body: what stands before and behind the facts, which is whole, and as much of each section but
 * FACT_TRAILS as there is room for. Frees both. Owned. */
char *alert_body(const Facts *f, StrBuf *begin, StrBuf *end, const char *incident_id);

/* alertdrift.c: of incidents that are about changes. duration may be "". */
const char *alert_change_happened(const Incident *i); /* after "CloudTrail trail NAME" */
const char *alert_change_state(const Incident *i);
void alert_add_change_window(Facts *f, const Incident *i, const char *duration);
void alert_add_changes(Facts *f, const Incident *i);

/* What to do, numbered; nothing when there is nothing. */
void alert_add_advice(StrBuf *b, const Advice *a, const char *incident_id);
void alert_add_footer(StrBuf *b, const Incident *i, const AlertContext *c);

/* alertwho.c: who it is, from where, with which key and tool, in one line. */
void alert_add_caller(StrBuf *b, const CloudTrailRecord *r, unsigned n_keys);
/* Those who did it, ASCII: "alice", "alice and 1 more"; owned, NULL while that is not certain. */
char *alert_culprits(const Incident *i);
/* Nothing when nobody was looked for. */
void alert_add_who(Facts *f, const Incident *i);
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
