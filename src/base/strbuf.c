/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/secret.h"

/* Makes room for n more bytes and the NUL; false, with the error set, when they do not fit. */
static bool strbuf_reserve(StrBuf *b, size_t n)
{
        if (b->error)
                return false;
        if (n > b->max - b->len) {
                b->error = -E2BIG;
                return false;
        }

        size_t need = b->len + n + 1;
        if (need <= b->alloc)
                return true;

        size_t alloc = MAX(b->alloc, (size_t)512);
        while (alloc < need)
                alloc = alloc > SIZE_MAX / 2 ? need : 2 * alloc;
        /* max + 1 cannot wrap here: need <= max + 1 and need fits. */
        if (alloc - 1 > b->max)
                alloc = b->max + 1;

        /* Not realloc(): it would leave a copy behind, and any buffer may hold a secret. */
        char *data = mem_alloc0(alloc);
        if (b->data) {
                memcpy(data, b->data, b->len);
                secret_cleanse(b->data, b->len);
                free(b->data);
        }
        b->data = data;
        b->alloc = alloc;
        return true;
}

void strbuf_add(StrBuf *b, const char *s)
{
        if (s)
                strbuf_add_n(b, s, strlen(s));
}

void strbuf_add_n(StrBuf *b, const void *data, size_t n)
{
        if (n == 0 || !strbuf_reserve(b, n))
                return;
        memcpy(b->data + b->len, data, n);
        b->len += n;
        b->data[b->len] = '\0';
}

void strbuf_add_char(StrBuf *b, char c)
{
        strbuf_add_n(b, &c, 1);
}

void strbuf_addf(StrBuf *b, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        int n = vsnprintf(NULL, 0, fmt, ap);
        va_end(ap);
        if (n < 0) {
                b->error = -E2BIG;
                return;
        }
        if (n == 0 || !strbuf_reserve(b, (size_t)n))
                return;

        va_start(ap, fmt);
        (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap); /* measured above */
        va_end(ap);
        b->len += (size_t)n;
}

int strbuf_error(const StrBuf *b)
{
        return b->error;
}

const char *strbuf_str(const StrBuf *b)
{
        return strempty(b->data);
}

void strbuf_reset(StrBuf *b)
{
        strbuf_cut(b, 0);
}

void strbuf_cut(StrBuf *b, size_t len)
{
        assert(len <= b->len);
        b->len = len;
        b->error = 0;
        if (b->data)
                b->data[len] = '\0';
}

int strbuf_take(StrBuf *b, char **ret)
{
        if (b->error)
                return b->error;

        *ret = b->data ? b->data : mem_strdup("");
        *b = STRBUF_INIT(b->max);
        return 0;
}

void strbuf_done(StrBuf *b)
{
        free(b->data);
        *b = STRBUF_INIT(b->max);
}

void strbuf_wipe(StrBuf *b)
{
        if (b->data)
                secret_cleanse(b->data, b->alloc);
        strbuf_done(b);
}
