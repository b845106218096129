/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A string buffer with a maximum and a sticky error: add without checking, check once at the
 * end. Once a piece does not fit, the error is -E2BIG, nothing more is added and the content
 * stays a prefix of what was asked for. `data` is NULL until the first byte, then always
 * NUL-terminated (binary content is allowed; len counts it). */

#include <stdarg.h>

#include "base/macro.h"

typedef struct StrBuf {
        char *data;
        size_t len; /* bytes, without the NUL */
        size_t alloc;
        size_t max; /* bytes that may be held, without the NUL */
        int error;  /* 0 or -E2BIG */
} StrBuf;

#define STRBUF_INIT(max_) ((StrBuf){.max = (max_)})

/* One that writes into memory of the caller's, whose first byte is NUL, and never allocates; its
 * content is not to be freed or taken. */
#define STRBUF_ON(data_, size) ((StrBuf){.data = (data_), .alloc = (size), .max = (size)-1})

void strbuf_add(StrBuf *b, const char *s); /* NULL adds nothing */
void strbuf_add_n(StrBuf *b, const void *data, size_t n);
void strbuf_add_char(StrBuf *b, char c);
void strbuf_addf(StrBuf *b, const char *fmt, ...) _printf_(2, 3);

int strbuf_error(const StrBuf *b);
const char *strbuf_str(const StrBuf *b); /* never NULL; borrowed */

/* Forgets the content and the error, keeps the memory. */
void strbuf_reset(StrBuf *b);

/* Keeps the first len bytes, of those that are there, and forgets the rest and the error. */
void strbuf_cut(StrBuf *b, size_t len);

/* Hands the content over as an owned string, never NULL; b is empty after. -E2BIG when
 * something did not fit (b keeps its content then). */
int strbuf_take(StrBuf *b, char **ret) _must_check_;

void strbuf_done(StrBuf *b); /* frees */
void strbuf_wipe(StrBuf *b); /* cleanses, then frees; for secrets (growth cleanses too) */

#define _cleanup_strbuf_ _cleanup_(strbuf_done)
#define _cleanup_strbuf_wipe_ _cleanup_(strbuf_wipe)
