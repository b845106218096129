/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One structured record per thing that happened: to the journal when standard error is
 * connected to it (JOURNAL_STREAM names the device and inode of fd 2), else a readable line on
 * stderr, "<time> <level> message KEY=value ...". Only the floor of the program that owns main()
 * logs above LOG_DEBUG. Values are escaped here, so that callers pass them as they are. */

#include <syslog.h>

#include "base/macro.h"

typedef struct LogField {
        const char *name;  /* journal field name, [A-Z0-9_]+, not starting with '_' */
        const char *value; /* NULL leaves the field out */
} LogField;

void log_open(const char *identifier); /* decides journal or stderr; borrows identifier */
void log_set_max_level(int level);     /* LOG_INFO at first */
int log_parse_level(const char *s);    /* "debug", "info", ... or -EINVAL */

/* message_id is 32 hex digits or NULL. fields may be NULL when n_fields is 0. */
void log_record(int level, const char *message_id, const char *message, const LogField *fields,
                size_t n_fields);

void log_message(int level, const char *fmt, ...) _printf_(2, 3);

#define log_debug(...) log_message(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, __VA_ARGS__)
#define log_notice(...) log_message(LOG_NOTICE, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_message(LOG_ERR, __VA_ARGS__)
