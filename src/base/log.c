/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/escape.h"
#include "base/logrecord.h"
#include "base/timefmt.h"

#define LOG_VALUE_CHARS 2048 /* of one value, escaped */
#define LOG_MESSAGE_BYTES ((size_t)4 * LOG_VALUE_CHARS)
#define LOG_FIELDS_MAX 32
#define LATE_MSEC (2 * MSEC_PER_SEC)

static const char *const level_names[] = {
        [LOG_EMERG] = "emerg", [LOG_ALERT] = "alert",     [LOG_CRIT] = "crit",
        [LOG_ERR] = "error",   [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
        [LOG_INFO] = "info",   [LOG_DEBUG] = "debug",
};

static const char *log_identifier = "trailsentry";
static int log_max_level = LOG_INFO;
static bool log_to_journal;

/* Who logs has these two: for the record that is being made, and for its line. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static _Alignas(LogRecord) char log_bytes[sizeof(LogRecord) + LOG_RECORD_MAX];
static char log_line[LOG_RECORD_MAX];

/* systemd.exec(5), JOURNAL_STREAM: "device and inode number of the journal file descriptor";
 * they are compared because a child may have been given another stderr since. */
static bool stderr_is_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        char own[64];
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return false;
        (void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
        return streq(stream, own);
}

void log_open(const char *identifier)
{
        log_identifier = identifier;
        log_to_journal = stderr_is_journal();
}

void log_set_max_level(int level)
{
        log_max_level = level;
}

int log_parse_level(const char *s)
{
        if (streq(s, "err")) /* journalctl's own spelling */
                return LOG_ERR;
        for (size_t i = 0; i < ELEMENTSOF(level_names); i++)
                if (streq(s, level_names[i]))
                        return (int)i;
        return -EINVAL;
}

static int64_t now_msec(void)
{
        struct timespec now = {0};

        (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
        return now.tv_sec * MSEC_PER_SEC + now.tv_nsec / 1000000;
}

/* Making a record */

/* Whole, or not at all. */
static void add_entry(StrBuf *b, const char *name, const char *value)
{
        size_t before = b->len;

        strbuf_add(b, name);
        strbuf_add_char(b, '=');
        escape_add(b, value, LOG_VALUE_CHARS);
        strbuf_add_n(b, "", 1);
        if (strbuf_error(b) < 0)
                strbuf_cut(b, before);
}

LogRecord *log_record_make(char *bytes, size_t size, int level, const char *message_id,
                           const char *message, const LogField *fields, size_t n_fields)
{
        LogRecord *r = (LogRecord *)bytes;
        StrBuf text = STRBUF_ON(r->text, size - sizeof(LogRecord));

        *r = (LogRecord){.level = level, .time_msec = now_msec()};
        if (message_id)
                (void)snprintf(r->message_id, sizeof(r->message_id), "%s", message_id);
        r->text[0] = '\0';
        add_entry(&text, "MESSAGE", message);
        for (size_t i = 0; i < MIN(n_fields, (size_t)LOG_FIELDS_MAX); i++)
                if (fields[i].value)
                        add_entry(&text, fields[i].name, fields[i].value);
        r->len = text.len;
        return r;
}

/* Writing it */

static void add_iov(struct iovec *iov, size_t *n, const char *entry)
{
        iov[(*n)++] = (struct iovec){(void *)entry, strlen(entry)};
}

/* The journal's own time is that of the writing. A record that comes late says so where it is
 * read; RECORD_TIME is always there. */
static int write_journal(const LogRecord *r, char line[static LOG_RECORD_MAX])
{
        StrBuf late = STRBUF_ON(line, LOG_RECORD_MAX);
        char priority[] = "PRIORITY=0", identifier[64], id[64], time[TIMEFMT_MAX + 16];
        char when[TIMEFMT_MAX];
        struct iovec iov[LOG_FIELDS_MAX + 5];
        const char *entry = r->text;
        size_t n = 0;

        priority[strlen(priority) - 1] = (char)('0' + r->level);
        timefmt_iso8601(r->time_msec, when);
        (void)snprintf(time, sizeof(time), "RECORD_TIME=%s", when);
        (void)snprintf(identifier, sizeof(identifier), "SYSLOG_IDENTIFIER=%s", log_identifier);
        (void)snprintf(id, sizeof(id), "MESSAGE_ID=%s", r->message_id);

        line[0] = '\0';
        if (now_msec() - r->time_msec >= LATE_MSEC) {
                strbuf_addf(&late, "%s (of %s, written late)", entry, when);
                entry = line;
        }
        add_iov(iov, &n, entry);
        add_iov(iov, &n, priority);
        add_iov(iov, &n, identifier);
        add_iov(iov, &n, time);
        if (*r->message_id)
                add_iov(iov, &n, id);
        for (entry = r->text + strlen(r->text) + 1; entry < r->text + r->len;
             entry += strlen(entry) + 1)
                add_iov(iov, &n, entry);
        return sd_journal_sendv(iov, (int)n);
}

/* An escaped value that could be taken for two, or for none, is put in quotes. */
static void add_value(StrBuf *b, const char *value)
{
        if (*value && !strpbrk(value, " \"=")) {
                strbuf_add(b, value);
                return;
        }
        strbuf_add_char(b, '"');
        for (const char *p = value; *p; p++) {
                if (*p == '"' || *p == '\\')
                        strbuf_add_char(b, '\\');
                strbuf_add_char(b, *p);
        }
        strbuf_add_char(b, '"');
}

/* Whoever has given us standard error may have made it non-blocking. */
static int write_all(const char *data, size_t len)
{
        while (len > 0) {
                ssize_t n = write(STDERR_FILENO, data, len);

                if (n < 0 && errno == EAGAIN)
                        (void)poll(&(struct pollfd){.fd = STDERR_FILENO, .events = POLLOUT}, 1, -1);
                else if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        data += n;
                        len -= (size_t)n;
                }
        }
        return 0;
}

static int write_stderr(const LogRecord *r, char line[static LOG_RECORD_MAX])
{
        StrBuf b = STRBUF_ON(line, LOG_RECORD_MAX - 1); /* and the line break */
        char when[TIMEFMT_MAX];

        line[0] = '\0';
        strbuf_addf(&b, "%s %s %s", timefmt_iso8601(r->time_msec, when), level_names[r->level],
                    r->text + strlen("MESSAGE="));
        for (const char *entry = r->text + strlen(r->text) + 1; entry < r->text + r->len;
             entry += strlen(entry) + 1) {
                size_t before = b.len, name_len = strcspn(entry, "=");

                strbuf_add_char(&b, ' ');
                strbuf_add_n(&b, entry, name_len + 1);
                add_value(&b, entry + name_len + 1);
                if (strbuf_error(&b) < 0)
                        strbuf_cut(&b, before); /* left out */
        }
        line[b.len] = '\n';
        return write_all(line, b.len + 1);
}

int log_record_write(const LogRecord *r, char line[static LOG_RECORD_MAX])
{
        if (log_to_journal && write_journal(r, line) >= 0)
                return 0;
        return write_stderr(r, line);
}

void log_record(int level, const char *message_id, const char *message, const LogField *fields,
                size_t n_fields)
{
        const LogRecord *r;

        assert(level >= LOG_EMERG && level <= LOG_DEBUG);
        if (level > log_max_level)
                return;
        (void)pthread_mutex_lock(&log_lock);
        r = log_record_make(log_bytes, sizeof(log_bytes), level, message_id, message, fields,
                            n_fields);
        if (!log_thread_take(r))
                (void)log_record_write(r, log_line); /* nowhere is left to say that it failed */
        (void)pthread_mutex_unlock(&log_lock);
}

void log_message(int level, const char *fmt, ...)
{
        char message[LOG_MESSAGE_BYTES];
        va_list ap;

        if (level > log_max_level)
                return;
        va_start(ap, fmt);
        (void)vsnprintf(message, sizeof(message), fmt, ap); /* cut when longer, as any value */
        va_end(ap);
        log_record(level, NULL, message, NULL, 0);
}
