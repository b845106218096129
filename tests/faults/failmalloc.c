/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out where it is told to. Preloaded, with FAILMALLOC in the environment:
 *
 *     list:FILE         each way that leads to an allocation is noted, once: "HASH FUNCTION..."
 *     fail:HASH:FILE    the first allocation that this way leads to fails; FILE tells that it did
 *     fail:HASH+:FILE   ... and so do all that follow
 *
 * A way is the addresses of FRAMES callers: the program must not be moved about (setarch -R).
 * By glibc's own entry points, since dlsym() allocates. */

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAMES 12
#define WAYS_MAX (1 << 16)

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static enum { OFF, LIST, FAIL } mode;
static bool for_ever;
static uint64_t wanted;
static int out = -1;
static _Atomic bool met;
static _Atomic uint64_t ways[WAYS_MAX];
static _Thread_local bool inside; /* backtrace() allocates, too */

static bool is_new(uint64_t way)
{
        for (uint64_t k = way;; k++) {
                uint64_t seen = 0;

                if (atomic_compare_exchange_strong(&ways[k % WAYS_MAX], &seen, way))
                        return true;
                if (seen == way)
                        return false;
        }
}

static void note(uint64_t way, void *const *frames, int n)
{
        char line[1024];
        size_t len = (size_t)snprintf(line, sizeof(line), "%016lx", way);
        ssize_t written;

        for (int k = 2; k < n && len < sizeof(line) - 100; k++) {
                Dl_info info = {};

                (void)dladdr(frames[k], &info);
                const char *file = info.dli_fname ? strrchr(info.dli_fname, '/') : NULL;
                len += (size_t)snprintf(line + len, 100, " %.40s", /* as in addr2line -e FILE */
                                        info.dli_sname ? info.dli_sname
                                        : file         ? file + 1
                                                       : "?");
                if (!info.dli_sname)
                        len += (size_t)snprintf(
                                line + len, 40, "+%#lx",
                                (unsigned long)((char *)frames[k] - (char *)info.dli_fbase));
        }
        line[len++] = '\n';
        written = write(out, line, len);
        (void)written; /* whoever reads misses it */
}

static bool fails(void)
{
        void *frames[FRAMES];
        uint64_t way = UINT64_C(14695981039346656037);
        bool now = false;

        if (mode == OFF || inside)
                return false;
        if (mode == FAIL && met)
                return for_ever;
        inside = true;
        int n = backtrace(frames, FRAMES);
        for (int k = 2; k < n; k++)
                way = (way ^ (uint64_t)(uintptr_t)frames[k]) * UINT64_C(1099511628211);
        way |= 1;
        if (mode == LIST && is_new(way))
                note(way, frames, n);
        if (mode == FAIL && way == wanted && !atomic_exchange(&met, true)) {
                note(way, frames, n);
                now = true;
        }
        inside = false;
        return now;
}

__attribute__((constructor)) static void begin(void)
{
        const char *said = getenv("FAILMALLOC");
        void *frames[2];
        char *end;

        if (!said || strlen(said) < 5)
                return;
        (void)backtrace(frames, 2); /* loads what it needs */
        const char *path = said + 5;
        if (strncmp(said, "fail:", 5) == 0) {
                wanted = strtoull(path, &end, 16);
                for_ever = *end == '+';
                path = end + for_ever + 1;
        }
        out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        mode = strncmp(said, "fail:", 5) == 0 ? FAIL : LIST;
        (void)unsetenv("FAILMALLOC");
}

void *malloc(size_t n)
{
        if (!fails())
                return __libc_malloc(n);
        errno = ENOMEM;
        return NULL;
}

void *calloc(size_t n, size_t size)
{
        if (!fails())
                return __libc_calloc(n, size);
        errno = ENOMEM;
        return NULL;
}

void *realloc(void *p, size_t n)
{
        if (!fails())
                return __libc_realloc(p, n);
        errno = ENOMEM;
        return NULL;
}

int posix_memalign(void **p, size_t alignment, size_t n)
{
        if (fails())
                return ENOMEM;
        *p = __libc_memalign(alignment, n);
        return *p ? 0 : ENOMEM;
}
