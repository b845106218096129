/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/escape.h"
#include "base/mem.h"
#include "base/timefmt.h"

#define LOG_VALUE_CHARS 2048 /* of one value, escaped */
#define LOG_FIELDS_MAX 32
#define LOG_RECORD_MAX ((size_t)256 * 1024)

static const char *const level_names[] = {
        [LOG_EMERG] = "emerg", [LOG_ALERT] = "alert",     [LOG_CRIT] = "crit",
        [LOG_ERR] = "error",   [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
        [LOG_INFO] = "info",   [LOG_DEBUG] = "debug",
};

static const char *log_identifier = "trailsentry";
static int log_max_level = LOG_INFO;
static bool log_to_journal;

/* systemd.exec(5), JOURNAL_STREAM: "device and inode number of the journal file descriptor";
 * they are compared because a child may have been given another stderr since. */
static bool stderr_is_journal(void)
{
        _cleanup_free_ char *own = NULL;
        const char *stream = getenv("JOURNAL_STREAM");
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return false;
        own = mem_printf("%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
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

static char *journal_entry(const char *name, const char *value)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(LOG_RECORD_MAX);
        char *entry;

        strbuf_add(&b, name);
        strbuf_add_char(&b, '=');
        escape_add(&b, value, LOG_VALUE_CHARS);
        if (strbuf_take(&b, &entry) < 0)
                abort(); /* LOG_VALUE_CHARS is far below the maximum */
        return entry;
}

static int write_journal(int level, const char *message_id, const char *message,
                         const LogField *fields, size_t n_fields)
{
        struct iovec iov[LOG_FIELDS_MAX + 4];
        char priority[] = {(char)('0' + level), '\0'};
        size_t n = 0;

        iov[n++].iov_base = journal_entry("MESSAGE", message);
        iov[n++].iov_base = journal_entry("PRIORITY", priority);
        iov[n++].iov_base = journal_entry("SYSLOG_IDENTIFIER", log_identifier);
        if (message_id)
                iov[n++].iov_base = journal_entry("MESSAGE_ID", message_id);
        for (size_t i = 0; i < MIN(n_fields, (size_t)LOG_FIELDS_MAX); i++)
                if (fields[i].value)
                        iov[n++].iov_base = journal_entry(fields[i].name, fields[i].value);

        for (size_t i = 0; i < n; i++)
                iov[i].iov_len = strlen(iov[i].iov_base);
        int r = sd_journal_sendv(iov, (int)n);
        for (size_t i = 0; i < n; i++)
                free(iov[i].iov_base);
        return r;
}

/* A value that could be taken for two, or for none, is put in quotes. */
static void add_value(StrBuf *b, const char *value)
{
        _cleanup_free_ char *text = escape_text(value, LOG_VALUE_CHARS);

        if (*text && !strpbrk(text, " \"=")) {
                strbuf_add(b, text);
                return;
        }
        strbuf_add_char(b, '"');
        for (const char *p = text; *p; p++) {
                if (*p == '"' || *p == '\\')
                        strbuf_add_char(b, '\\');
                strbuf_add_char(b, *p);
        }
        strbuf_add_char(b, '"');
}

static void write_stderr(int level, const char *message, const LogField *fields, size_t n_fields)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(LOG_RECORD_MAX);
        char when[TIMEFMT_MAX];
        struct timespec now = {0};

        (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
        strbuf_addf(&b, "%s %s ",
                    timefmt_iso8601(now.tv_sec * MSEC_PER_SEC + now.tv_nsec / 1000000, when),
                    level_names[level]);
        escape_add(&b, message, LOG_VALUE_CHARS);
        for (size_t i = 0; i < n_fields; i++)
                if (fields[i].value) {
                        strbuf_addf(&b, " %s=", fields[i].name);
                        add_value(&b, fields[i].value);
                }
        /* Nowhere is left to say that this failed. */
        (void)fprintf(stderr, "%s\n", strbuf_str(&b));
}

void log_record(int level, const char *message_id, const char *message, const LogField *fields,
                size_t n_fields)
{
        assert(level >= LOG_EMERG && level <= LOG_DEBUG);
        if (level > log_max_level)
                return;
        if (log_to_journal && write_journal(level, message_id, message, fields, n_fields) >= 0)
                return;
        write_stderr(level, message, fields, n_fields);
}

void log_message(int level, const char *fmt, ...)
{
        _cleanup_free_ char *message = NULL;
        va_list ap;

        if (level > log_max_level)
                return;
        va_start(ap, fmt);
        message = mem_vprintf(fmt, ap);
        va_end(ap);
        log_record(level, NULL, message, NULL, 0);
}
