/* SPDX-License-Identifier: Apache-2.0 */
/* The status file is on a tmpfs and true for a second: it is replaced atomically, so that no
 * reader sees half of it, and not synced. */

#include "daemon/status.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsonmap.h"
#include "base/mem.h"

static int write_text(const char *path, const char *text)
{
        size_t len = strlen(text);
        int fd, r = 0;

        (void)unlink(path); /* of a run that was killed; O_EXCL must not fail because of it */
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0)
                return -errno;
        if (fchmod(fd, 0640) < 0)
                r = -errno;
        while (r >= 0 && len > 0) {
                ssize_t n = write(fd, text, len);

                if (n >= 0) {
                        text += n;
                        len -= (size_t)n;
                } else if (errno != EINTR)
                        r = -errno;
        }
        if (close(fd) < 0 && r >= 0)
                r = -errno;
        return r;
}

int status_write(const char *path, json_t *object)
{
        _cleanup_free_ char *temporary = mem_printf("%s.tmp", path);
        _cleanup_json_ json_t *owned = object;
        _cleanup_free_ char *text = json_dumps(owned, JSON_INDENT(1));
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

json_t *status_error_to_json(const AwsError *e)
{
        json_t *object;

        if (e->class == AWS_ERROR_NONE)
                return json_null();
        object = json_pack("{s:s, s:i, s:s, s:s, s:s}", "class",
                           aws_error_class_to_string(e->class), "status", e->status, "code",
                           e->code, "message", e->message, "request_id", e->request_id);
        if (!object)
                abort(); /* memory, or texts that are not UTF-8, which AwsError excludes */
        return object;
}
