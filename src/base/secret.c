/* SPDX-License-Identifier: Apache-2.0 */

/* The bytes live in a mapping of their own, because MADV_DONTDUMP and mlock(2) work on whole pages.
 * A process holds a handful of secrets, so a page each is cheap. The handle is on the heap, where
 * leak checkers see it. */

#include "base/secret.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

struct Secret {
        char *data;
        size_t len;
        size_t mapped;
};

Secret *secret_new(const char *s, size_t n)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        Secret *secret = mem_new0(Secret);

        if (n > SIZE_MAX - page)
                abort();
        secret->len = n;
        secret->mapped = (n + page) / page * page; /* room for the NUL */
        secret->data = mmap(NULL, secret->mapped, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (secret->data == MAP_FAILED)
                mem_exhausted();
        (void)madvise(secret->data, secret->mapped, MADV_DONTDUMP); /* a hint, as promised */
        (void)mlock(secret->data, secret->mapped);                  /* so is this */
        if (n > 0)
                memcpy(secret->data, s, n);
        return secret;
}

int secret_check_lock(void)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int r;

        if (p == MAP_FAILED)
                mem_exhausted();
        r = mlock(p, page) < 0 ? -errno : 0;
        (void)munmap(p, page); /* cannot fail on a whole mapping */
        return r;
}

Secret *secret_free(Secret *s)
{
        if (!s)
                return NULL;
        secret_cleanse(s->data, s->len);
        (void)munmap(s->data, s->mapped); /* cannot fail on a whole mapping */
        free(s);
        return NULL;
}

const char *secret_expose(const Secret *s)
{
        return s->data;
}

size_t secret_len(const Secret *s)
{
        return s->len;
}

bool secret_equal(const Secret *a, const Secret *b)
{
        if (!a || !b)
                return a == b;
        if (a->len != b->len)
                return false;

        volatile unsigned char differ = 0;
        for (size_t i = 0; i < a->len; i++)
                differ |= (unsigned char)(a->data[i] ^ b->data[i]);
        return differ == 0;
}

void secret_cleanse(void *p, size_t n)
{
        if (n > 0)
                explicit_bzero(p, n);
}

void secret_free_text(char *s)
{
        if (s)
                secret_cleanse(s, strlen(s));
        free(s);
}
