/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

void mem_exhausted(void)
{
        static const char text[] = "out of memory\n";

        /* Nothing that allocates may be called here, nor anything that waits for a reader. */
        if (poll(&(struct pollfd){.fd = STDERR_FILENO, .events = POLLOUT}, 1, 0) > 0) {
                ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);
                (void)n; /* there is nobody left to tell */
        }
        abort();
}

void *mem_alloc0(size_t size)
{
        void *p = calloc(1, size ? size : 1);

        if (!p)
                mem_exhausted();
        return p;
}

void *mem_alloc(size_t size)
{
        void *p = malloc(size ? size : 1);

        if (!p)
                mem_exhausted();
        return p;
}

void mem_wipe(void *p)
{
        if (p)
                explicit_bzero(p, malloc_usable_size(p));
        free(p);
}

void *mem_grow(void *p, size_t size)
{
        size_t had = p ? malloc_usable_size(p) : 0;

        if (had >= size && p)
                return p;
        void *q = mem_alloc(size);
        if (p)
                memcpy(q, p, had);
        mem_wipe(p);
        return q;
}

void *mem_realloc_array(void *p, size_t n, size_t size)
{
        void *q = reallocarray(p, n ? n : 1, size ? size : 1);

        if (!q)
                mem_exhausted();
        return q;
}

char *mem_strdup(const char *s)
{
        return s ? mem_strndup(s, SIZE_MAX) : NULL;
}

char *mem_strndup(const char *s, size_t n)
{
        char *t = n == SIZE_MAX ? strdup(s) : strndup(s, n);

        if (!t)
                mem_exhausted();
        return t;
}

char *mem_vprintf(const char *fmt, va_list ap)
{
        char small[512]; /* most fit, and are formatted once only */
        va_list again;

        va_copy(again, ap);
        int n = vsnprintf(small, sizeof(small), fmt, ap);
        if (n < 0)
                mem_exhausted();
        char *s = mem_alloc0((size_t)n + 1);
        if ((size_t)n < sizeof(small))
                memcpy(s, small, (size_t)n);
        else
                (void)vsnprintf(s, (size_t)n + 1, fmt, again); /* measured above */
        va_end(again);
        return s;
}

char *mem_printf(const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        char *s = mem_vprintf(fmt, ap);
        va_end(ap);
        return s;
}

void mem_free_strv(char **strv, size_t n)
{
        for (size_t i = 0; strv && i < n; i++)
                free(strv[i]);
        free(strv);
}

void mem_strset(char **p, const char *s)
{
        char *t = mem_strdup(s);

        free(*p);
        *p = t;
}
