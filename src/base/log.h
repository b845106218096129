/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One structured record per thing that happened: to the journal when standard error is
 * connected to it (JOURNAL_STREAM names the device and inode of fd 2), else a readable line on
 * stderr, "<time> <level> message KEY=value ...". Only the floor of the program that owns main()
 * logs above LOG_DEBUG. Values are escaped here, so that callers pass them as they are. Nothing
 * here aborts for lack of memory. */

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

/* From here on a thread of the log writes the records, in their order, so that a journal that hangs
 * or a pipe that nobody reads blocks nobody who logs. At most LOG_WAITING_BYTES wait. What exceeds
 * them, lacks memory or cannot be written is lost, and counted: a record with lost_message_id
 * (borrowed, 32 hex digits) says how many were, in their place, once writing is possible again.
 * Until then records are written by whoever logs. 0, or -errno and nothing has changed. */
int log_start_thread(const char *lost_message_id) _must_check_;

/* Waits at most patience_usec for the records that wait, and gives up on the rest; how many are
 * lost without anybody having been told. After that, records are written by whoever logs again,
 * unless the thread hangs: then they are dropped. */
size_t log_stop_thread(uint64_t patience_usec);

/* How the thread is getting on. */
typedef struct LogStatus {
        int64_t waiting_since_msec; /* wall clock: time of the oldest record that waits; 0: none */
        size_t lost;                /* records that nobody has been told of yet */
} LogStatus;
LogStatus log_status(void);

/* For the handler of a signal that ends the program: gives the thread up to patience_usec to write
 * what waits. Async-signal-safe. */
void log_linger(uint64_t patience_usec);

#define LOG_WAITING_BYTES ((size_t)1024 * 1024)
