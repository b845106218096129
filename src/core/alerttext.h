/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What people read: subject and body of a message, and the same facts as single lines for the
 * journal and the command. Everything foreign in them is escaped and capped. */

#include "base/strbuf.h"
#include "core/facts.h"
#include "core/model.h"

typedef struct AlertContext {
        const char *hostname; /* which guard speaks */
        Phase phase;
        unsigned sequence;
        int64_t now_msec;
        const Labels *labels;          /* NULL for none */
        const struct GroupView *group; /* a summary of it; NULL: of the incident alone */
} AlertContext;

/* Subject: printable ASCII, at most 99 characters. Body: plain text, at most 32 KiB. Both owned. */
void alert_text(const Incident *i, const AlertContext *c, char **ret_subject, char **ret_body);

/* What is said of it in every format; the group of the context is not looked at. */
Facts alert_facts(const Incident *i, const AlertContext *c);
char *alert_now(const Incident *i); /* how it stands, in words: "logging again"; owned */

/* One line each, owned, never empty. */
char *alert_summary(const Incident *i); /* "management-events was stopped; logging again ..." */
char *alert_actor(const Incident *i); /* "alice (IAMUser ...) from 203.0.113.7", "not known yet" */
char *alert_error_words(const AwsError *e); /* what went wrong, in words */

/* "throttled for 4 min, 230 attempts", owned; NULL when it is no row of them. */
char *alert_throttled_words(unsigned attempts, int64_t for_msec);
