/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <errno.h>
#include <unistd.h>

#include "base/secret.h"

int fd_write(int fd, const char *data, size_t len)
{
        while (len > 0) {
                ssize_t n = write(fd, data, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                len -= (size_t)n;
        }
        return 0;
}

int fd_read(int fd, StrBuf *b)
{
        char piece[4096];
        ssize_t n;
        int r;

        do {
                n = read(fd, piece, sizeof(piece));
                r = n < 0 && errno != EINTR ? -errno : 0;
                if (n > 0)
                        strbuf_add_n(b, piece, (size_t)n);
        } while (n != 0 && r >= 0 && strbuf_error(b) >= 0);
        secret_cleanse(piece, sizeof(piece));
        return r < 0 ? r : strbuf_error(b);
}
