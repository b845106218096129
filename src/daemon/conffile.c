/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever can change the configuration can switch the guard off, so that only a file which root
 * or the caller alone can change is read. Everything is judged on the open descriptor; by name,
 * a symbolic link only: it is followed when nobody else could have put it where it is. */

#include "daemon/conffile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static bool owner_is_trusted(const struct stat *st)
{
        return st->st_uid == 0 || st->st_uid == geteuid();
}

static int fail(ConfReport *report, int error, char *text)
{
        conf_report_file(report, 0, text);
        return error;
}

static int fail_errno(ConfReport *report, int error)
{
        switch (error) {
        case -ENOENT:
                return fail(report, error, mem_strdup("no such file; --config names another one"));
        case -EACCES:
                return fail(report, error,
                            mem_strdup("this user may not read it: run as root, or as a member of "
                                       "the file's group"));
        default:
                return fail(report, error, mem_printf("cannot be read: %s", strerror(-error)));
        }
}

/* Folder of a path, owned: "." when it names none. */
static char *folder_of(const char *path)
{
        const char *slash = strrchr(path, '/');

        if (!slash)
                return mem_strdup(".");
        return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

static int follow_link(ConfReport *report, const char *path, const struct stat *link,
                       char **ret_target)
{
        _cleanup_free_ char *folder = folder_of(path);
        struct stat st;
        char *target;

        if (stat(folder, &st) < 0)
                return fail_errno(report, -errno);
        if (!owner_is_trusted(link) || !owner_is_trusted(&st) || (st.st_mode & 022))
                return fail(report, -EPERM,
                            mem_strdup("is a symbolic link that others could have made: name the "
                                       "file itself, or put the link into a folder that only root "
                                       "can write"));
        target = realpath(path, NULL);
        if (!target)
                return fail_errno(report, -errno);
        *ret_target = target;
        return 0;
}

static int check_file(ConfReport *report, int fd)
{
        struct stat st;
        int r = 0;

        if (fstat(fd, &st) < 0)
                return fail_errno(report, -errno);
        if (!S_ISREG(st.st_mode))
                return fail(report, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL,
                            mem_strdup("is not a regular file"));
        if (!owner_is_trusted(&st))
                r = fail(report, -EPERM,
                         mem_printf("belongs to user %u, who could change it: chown root it",
                                    (unsigned)st.st_uid));
        if (st.st_mode & 022)
                r = fail(report, -EPERM,
                         mem_printf("can be written by %s (mode %04o): chmod go-w it",
                                    st.st_mode & 002 ? "everybody" : "its group",
                                    (unsigned)st.st_mode & 07777));
        if (st.st_size > CONF_FILE_MAX)
                r = fail(report, -EFBIG, mem_strdup("is larger than 1 MiB"));
        return r;
}

static int read_all(ConfReport *report, int fd, char **ret_text, size_t *ret_len)
{
        /* One byte more than allowed, to notice a file that grew since fstat(). */
        _cleanup_free_ char *text = mem_alloc0(CONF_FILE_MAX + 2);
        size_t len = 0;

        while (len <= CONF_FILE_MAX) {
                ssize_t n = read(fd, text + len, CONF_FILE_MAX + 1 - len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return fail_errno(report, -errno);
                if (n == 0)
                        break;
                len += (size_t)n;
        }
        if (len > CONF_FILE_MAX)
                return fail(report, -EFBIG, mem_strdup("is larger than 1 MiB"));

        *ret_text = TAKE_PTR(text);
        *ret_len = len;
        return 0;
}

int conf_file_read(ConfReport *report, char **ret_text, size_t *ret_len)
{
        _cleanup_free_ char *target = NULL;
        struct stat st;
        int fd, r;

        if (lstat(report->path, &st) < 0)
                return fail_errno(report, -errno);
        if (S_ISLNK(st.st_mode)) {
                r = follow_link(report, report->path, &st, &target);
                if (r < 0)
                        return r;
        }

        /* O_NONBLOCK: a FIFO in the file's place must not hang the start. */
        fd = open(target ? target : report->path,
                  O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return fail_errno(report, -errno);
        r = check_file(report, fd);
        if (r >= 0)
                r = read_all(report, fd, ret_text, ret_len);
        (void)close(fd); /* nothing was written */
        return r;
}
