/* SPDX-License-Identifier: Apache-2.0 */
/* read() and write() are this file's own: interrupted, then a few bytes at a time. */

#include "unit.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

static bool awkward;
static unsigned n_calls;

static size_t pass(size_t n)
{
        return awkward && n > 3 ? 3 : n;
}

static bool is_interrupted(void)
{
        errno = EINTR;
        return awkward && n_calls++ % 2 == 0;
}

ssize_t read(int fd, void *data, size_t n)
{
        return is_interrupted() ? -1 : syscall(SYS_read, fd, data, pass(n));
}

ssize_t write(int fd, const void *data, size_t n)
{
        return is_interrupted() ? -1 : syscall(SYS_write, fd, data, pass(n));
}

static void test_through_a_pipe(void **state)
{
        int fds[2];

        for (int i = 0; i < 2; i++) {
                _cleanup_strbuf_ StrBuf b = STRBUF_INIT(10), small = STRBUF_INIT(9);

                awkward = i == 1;
                for (int k = 0; k < 2; k++) {
                        assert_int_equal(pipe(fds), 0);
                        assert_int_equal(fd_write(fds[1], "0123456789", 10), 0);
                        assert_int_equal(close(fds[1]), 0);
                        assert_int_equal(fd_read(fds[0], k == 0 ? &b : &small),
                                         k == 0 ? 0 : -E2BIG);
                        assert_int_equal(close(fds[0]), 0);
                }
                awkward = false;
                assert_string_equal(strbuf_str(&b), "0123456789");
        }
}

static void test_errors(void **state)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(10);

        assert_int_equal(fd_write(-1, "", 0), 0);
        assert_int_equal(fd_write(-1, "x", 1), -EBADF);
        assert_int_equal(fd_read(-1, &b), -EBADF);
}

UNIT_MAIN(T(test_through_a_pipe), T(test_errors))
