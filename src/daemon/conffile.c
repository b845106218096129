/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as a file: who may have written it, its syntax, and what is told of both.
 *
 * Whoever can change the configuration can switch the guard off, so that only a file which root or
 * the caller alone can change is read. Everything is judged on the open descriptor; by name, a
 * symbolic link only: it is followed when nobody else could have put it where it is.
 *
 * https://hyperrealm.github.io/libconfig/libconfig_manual.html#Configuration-Files */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/strbuf.h"
#include "daemon/confinternal.h"

#define FILE_MAX ((size_t)1024 * 1024)
#define OPTION_NAME_MAX 256
#define DEPTH_MAX 8

/* Problems */

static void add_problem(ConfProblems *p, unsigned line, const char *option, const char *fmt,
                        va_list ap) _printf_(4, 0);
static void add_problem(ConfProblems *p, unsigned line, const char *option, const char *fmt,
                        va_list ap)
{
        ConfProblem added = {.path = mem_strdup(p->path), .line = line};
        size_t at;

        if (p->n < CONF_PROBLEMS_MAX - 1) {
                added.option = mem_strdup(option);
                added.text = mem_vprintf(fmt, ap);
        } else {
                added.line = 0;
                added.text = mem_strdup("more is wrong than is listed here");
        }

        (void)mem_push0(p->items, p->n);
        for (at = p->n - 1; at > 0 && p->items[at - 1].line > added.line; at--)
                p->items[at] = p->items[at - 1];
        p->items[at] = added;
}

void conf_report_line(ConfProblems *p, unsigned line, const char *fmt, ...)
{
        va_list ap;

        if (p->n == CONF_PROBLEMS_MAX)
                return;
        va_start(ap, fmt);
        add_problem(p, line, NULL, fmt, ap);
        va_end(ap);
}

/* libconfig does not know a setting's full name: "trails[0].arn". */
static void add_option_name(StrBuf *b, const config_setting_t *s)
{
        const config_setting_t *chain[DEPTH_MAX];
        size_t n = 0;

        for (; s && !config_setting_is_root(s) && n < DEPTH_MAX; s = config_setting_parent(s))
                chain[n++] = s;
        while (n > 0) {
                const config_setting_t *e = chain[--n];

                if (config_setting_name(e))
                        strbuf_addf(b, "%s%s", b->len > 0 ? "." : "", config_setting_name(e));
                else
                        strbuf_addf(b, "[%d]", config_setting_index(e));
        }
}

void conf_report_setting(ConfProblems *p, const config_setting_t *at, const char *missing,
                         const char *fmt, ...)
{
        _cleanup_strbuf_ StrBuf name = STRBUF_INIT(OPTION_NAME_MAX);
        va_list ap;

        if (p->n == CONF_PROBLEMS_MAX)
                return;
        add_option_name(&name, at);
        if (missing)
                strbuf_addf(&name, "%s%s", name.len > 0 ? "." : "", missing);

        /* The root has no line of its own: what is missing there is missing in the whole file. */
        va_start(ap, fmt);
        add_problem(p, config_setting_is_root(at) ? 0 : config_setting_source_line(at),
                    name.len > 0 ? strbuf_str(&name) : NULL, fmt, ap);
        va_end(ap);
}

void conf_problems_done(ConfProblems *p)
{
        for (size_t i = 0; i < p->n; i++) {
                free(p->items[i].path);
                free(p->items[i].option);
                free(p->items[i].text);
        }
        free(p->items);
        *p = (ConfProblems){};
}

char *conf_problem_line(const ConfProblem *p)
{
        const char *option = strempty(p->option), *separator = p->option ? ": " : "";

        if (p->line > 0)
                return mem_printf("%s:%u: %s%s%s", p->path, p->line, option, separator, p->text);
        return mem_printf("%s: %s%s%s", p->path, option, separator, p->text);
}

/* Reading */

static bool owner_is_trusted(const struct stat *st)
{
        return st->st_uid == 0 || st->st_uid == geteuid();
}

static int report_errno(ConfProblems *p, int error)
{
        if (error == ENOENT)
                conf_report_line(p, 0, "no such file; --config names another one");
        else if (error == EACCES)
                conf_report_line(p, 0,
                                 "this user may not read it: run as root, or as a member of the "
                                 "file's group");
        else
                conf_report_line(p, 0, "cannot be read: %s", strerror(error));
        return -error;
}

/* 0 when path is no link, 1 when it is one that may be followed. */
static int check_link(ConfProblems *p)
{
        const char *slash = strrchr(p->path, '/');
        _cleanup_free_ char *folder =
                slash ? mem_strndup(p->path, (size_t)(slash - p->path) + 1) : mem_strdup(".");
        struct stat link, st;

        if (lstat(p->path, &link) < 0)
                return report_errno(p, errno);
        if (!S_ISLNK(link.st_mode))
                return 0;
        if (stat(folder, &st) < 0)
                return report_errno(p, errno);
        if (owner_is_trusted(&link) && owner_is_trusted(&st) && !(st.st_mode & 022))
                return 1;
        conf_report_line(p, 0,
                         "is a symbolic link that others could have made: name the file itself, "
                         "or put the link into a folder that only root can write");
        return -EPERM;
}

static int check_file(ConfProblems *p, int fd)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return report_errno(p, errno);
        if (!S_ISREG(st.st_mode)) {
                conf_report_line(p, 0, "is not a regular file");
                return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        }
        if (!owner_is_trusted(&st))
                conf_report_line(p, 0, "belongs to user %u, who could change it: chown root it",
                                 (unsigned)st.st_uid);
        if (st.st_mode & 022)
                conf_report_line(p, 0, "can be written by %s (mode %04o): chmod go-w it",
                                 st.st_mode & 002 ? "everybody" : "its group",
                                 (unsigned)st.st_mode & 07777);
        return p->n > 0 ? -EPERM : 0;
}

static int read_all(ConfProblems *p, int fd, char **ret_text, size_t *ret_len)
{
        _cleanup_strbuf_wipe_ StrBuf text = STRBUF_INIT(FILE_MAX);
        int r = fd_read(fd, &text);

        if (r == -E2BIG) {
                conf_report_line(p, 0, "is larger than 1 MiB");
                return -EFBIG;
        }
        if (r < 0)
                return report_errno(p, -r);
        *ret_len = text.len;
        return strbuf_take(&text, ret_text);
}

int conf_file_read(ConfProblems *p, char **ret_text, size_t *ret_len)
{
        int fd, r;

        r = check_link(p);
        if (r < 0)
                return r;
        /* O_NONBLOCK: a FIFO in the file's place must not hang the start. */
        fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (r > 0 ? 0 : O_NOFOLLOW));
        if (fd < 0)
                return report_errno(p, errno);
        r = check_file(p, fd);
        if (r >= 0)
                r = read_all(p, fd, ret_text, ret_len);
        (void)close(fd); /* nothing was written */
        return r;
}

/* Syntax */

/* What @include names would be read unchecked. The scanner takes the directive at the beginning
 * of a line only; any that could be meant as one is refused, in comments and strings too. */
static bool report_includes(ConfProblems *p, const char *text)
{
        static const char include[] = "@include";

        for (unsigned line = 1; *text; line++) {
                if (strncasecmp(text + strspn(text, " \t\r\f\v"), include, strlen(include)) == 0) {
                        conf_report_line(p, line,
                                         "@include is not supported: put everything into this "
                                         "file");
                        return true;
                }
                text += strcspn(text, "\n");
                text += *text == '\n';
        }
        return false;
}

static void report_syntax(ConfProblems *p, const config_t *config)
{
        const char *error = strempty(config_error_text(config));
        unsigned line = config_error_line(config) > 0 ? (unsigned)config_error_line(config) : 0;

        if (streq(error, "duplicate setting name"))
                conf_report_line(p, line,
                                 "an option of this line is given a second time: keep one of the "
                                 "two");
        else
                conf_report_line(p, line,
                                 "%s: look here and before: texts and durations stand in double "
                                 "quotes, true and false without, groups as { ... }, lists as ( { "
                                 "... }, { ... } ) with no comma at the end, and all is closed "
                                 "again",
                                 error);
}

int conf_parse_syntax(ConfProblems *p, const char *text, size_t len, config_t *config)
{
        _cleanup_secret_text_ char *copy = NULL; /* terminated */
        unsigned line = 1;

        for (size_t i = 0; i < len && text[i]; i++)
                line += text[i] == '\n';
        if (memchr(text, '\0', len)) {
                conf_report_line(p, line, "has a NUL byte in it");
                return -EINVAL;
        }

        copy = mem_strndup(text, len);
        if (report_includes(p, copy))
                return -EINVAL;
        if (config_read_string(config, copy) != CONFIG_TRUE) {
                report_syntax(p, config);
                return -EINVAL;
        }
        return 0;
}
