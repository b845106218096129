/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Compiler attributes and the ownership idiom of the whole program: a local that owns memory
 * carries _cleanup_, and ownership leaves it only through TAKE_PTR. */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _must_check_ __attribute__((warn_unused_result))
#define _printf_(fmt, first) __attribute__((format(printf, fmt, first)))
#define _returns_nonnull_ __attribute__((returns_nonnull))
#define _unused_ __attribute__((unused))
#define _noreturn_ __attribute__((noreturn))

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define TAKE_PTR(p)                                                                                \
        ({                                                                                         \
                __auto_type _take = (p);                                                           \
                (p) = NULL;                                                                        \
                _take;                                                                             \
        })

/* Makes `funcp`, for _cleanup_(funcp), from a destructor that takes NULL and returns NULL. */
#define DEFINE_CLEANUP(type, func)                                                                 \
        static inline void func##p(type *p)                                                        \
        {                                                                                          \
                if (*p)                                                                            \
                        *p = func(*p);                                                             \
        }

static inline void freep(void *p)
{
        free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(freep)

static inline bool streq(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

static inline bool streq_ptr(const char *a, const char *b)
{
        return a && b ? streq(a, b) : a == b;
}

static inline bool isempty(const char *s)
{
        return !s || !*s;
}

static inline const char *strempty(const char *s)
{
        return s ? s : "";
}

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)
#define USEC_INFINITY UINT64_MAX
#define MSEC_PER_SEC INT64_C(1000)
#define MSEC_PER_MINUTE (60 * MSEC_PER_SEC)
#define MSEC_PER_HOUR (60 * MSEC_PER_MINUTE)
#define MSEC_PER_DAY (24 * MSEC_PER_HOUR)
