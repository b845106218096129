/* SPDX-License-Identifier: Apache-2.0 */
/* The status file is on a tmpfs, where nothing waits for a disk, and true for a second: it is
 * replaced atomically, so that no reader sees half of it, and not synced. */

#include "daemon/status.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define STATUS_VERSION 1
#define STATUS_MAX ((size_t)64 * 1024 * 1024)

static int write_text(const char *path, const char *text)
{
        int fd, r;

        (void)unlink(path); /* of a run that was killed; O_EXCL must not fail because of it */
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0)
                return -errno;
        r = fchmod(fd, 0640) < 0 ? -errno : fd_write(fd, text, strlen(text));
        if (close(fd) < 0 && r >= 0)
                r = -errno;
        return r;
}

bool status_is_in_memory(const char *path)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *folder =
                slash ? mem_strndup(path, (size_t)(slash - path) + 1) : mem_strdup(".");
        struct statfs fs;

        return statfs(folder, &fs) >= 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

int status_write(const char *path, json_t *object)
{
        _cleanup_free_ char *temporary = mem_printf("%s.tmp", path);
        _cleanup_json_ json_t *owned = object;
        _cleanup_free_ char *text = json_dumps(owned, JSON_INDENT(1) | JSON_ENSURE_ASCII);
        int r;

        if (!text)
                return -ENOMEM;
        r = write_text(temporary, text);
        if (r >= 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                (void)unlink(temporary); /* the failure is told as it is */
        return r;
}

int status_read(const char *path, json_t **ret)
{
        _cleanup_strbuf_ StrBuf text = STRBUF_INIT(STATUS_MAX);
        _cleanup_json_ json_t *object = NULL;
        int fd, r;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;
        r = fd_read(fd, &text);
        (void)close(fd); /* nothing was written */
        if (r < 0)
                return r;

        if (json_parse(strbuf_str(&text), text.len, STATUS_MAX, &object) < 0 ||
            json_integer_value(json_object_get(object, "version")) != STATUS_VERSION)
                return -EBADMSG;
        *ret = TAKE_PTR(object);
        return 0;
}
