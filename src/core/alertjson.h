/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A message as a document for programs: share/schema/alert-1.schema.json is its schema, and
 * trailsentry-alert(5) its manual. Every member is always there, null where there is nothing to
 * say; text from outside is escaped and capped as in the text for people. */

#include <jansson.h>

#include "core/alerttext.h"

#define ALERT_SCHEMA "trailsentry.alert/1"

/* Compact JSON in ASCII, owned; lists are left out, and said to be, when it gets too long. */
char *alert_document(const Incident *i, const AlertContext *c, const char *subject);

/* The same of a message that only tries the way to a topic. */
char *alert_test_document(const AlertContext *c, const char *subject, const char *summary);

/* Owned. */
char *alert_json_text(const json_t *document);
