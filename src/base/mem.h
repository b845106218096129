/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Allocation that aborts when memory runs out: the program is crash-only, systemd restarts it
 * and its state is on disk. Everything returned is owned by the caller and freed with free(). */

#include <stdarg.h>

#include "base/macro.h"

void *mem_alloc0(size_t size) _returns_nonnull_;
/* For libraries that take their memory from us, since they may hold secrets in it: it is not zeroed
 * at first, and overwritten when it is given back. What is grown is moved rather than left behind.
 * NULL is taken by the last two. */
void *mem_alloc(size_t size) _returns_nonnull_;
void *mem_grow(void *p, size_t size) _returns_nonnull_;
void mem_wipe(void *p);
void *mem_realloc_array(void *p, size_t n, size_t size) _returns_nonnull_;
/* Says so and aborts: for a library's failure that only memory explains. */
_noreturn_ void mem_exhausted(void);
char *mem_strdup(const char *s); /* NULL stays NULL */
char *mem_strndup(const char *s, size_t n);
char *mem_printf(const char *fmt, ...) _printf_(1, 2);
char *mem_vprintf(const char *fmt, va_list ap) _printf_(1, 0);
void mem_free_strv(char **strv, size_t n);

/* Replaces an owned string: frees *p, stores a copy of s. */
void mem_strset(char **p, const char *s);

#define mem_new0(type) ((type *)mem_alloc0(sizeof(type)))

/* Makes room for one more element in an owned array {items, n} and returns it zeroed. The
 * array grows in powers of two, so its capacity follows from n alone. */
#define mem_push0(items, n)                                                                        \
        ({                                                                                         \
                if (((n) & ((n)-1)) == 0)                                                          \
                        (items) = mem_realloc_array((items), (n) ? 2 * (n) : 1, sizeof(*(items))); \
                assert(items);                                                                     \
                memset(&(items)[(n)], 0, sizeof(*(items)));                                        \
                &(items)[(n)++];                                                                   \
        })
