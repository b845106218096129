/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What log.c and logthread.c share; nobody else includes this. */

#include "base/log.h"

#define LOG_RECORD_MAX ((size_t)256 * 1024) /* bytes of text, and of a line on standard error */

typedef struct LogRecord LogRecord;
struct LogRecord {
        LogRecord *next;
        size_t lost_before; /* so many records were lost just before this one */
        int64_t time_msec;  /* wall clock, of what happened */
        int level;
        char message_id[33]; /* "" without one */
        size_t len;          /* of text */
        char text[];         /* "MESSAGE=...", then "NAME=value" of each field, each with its NUL */
};

/* Makes a record, without allocating, in bytes, which are at least sizeof(LogRecord) and aligned
 * for it. A field that does not fit is left out. */
LogRecord *log_record_make(char *bytes, size_t size, int level, const char *message_id,
                           const char *message, const LogField *fields, size_t n_fields);

/* Writes it to where log_open() has decided; may hang there. line is scratch. 0 or -errno. */
int log_record_write(const LogRecord *r, char line[static LOG_RECORD_MAX]);

/* Queues a copy. False when there is no thread, which leaves it to the caller to write the record;
 * true when it was taken, or dropped. */
bool log_thread_take(const LogRecord *r);
