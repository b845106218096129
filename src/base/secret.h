/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The one type that holds key material: cleansed on free, left out of core dumps and kept in memory
 * (mlock(2)) where the kernel allows it, compared in constant time, with no way to print it. */

#include "base/macro.h"

typedef struct Secret Secret;

Secret *secret_new(const char *s, size_t n); /* copies; never NULL */
Secret *secret_free(Secret *s);
DEFINE_CLEANUP(Secret *, secret_free)

/* 0 when their pages can be locked in memory, else -errno: RLIMIT_MEMLOCK is too low, or the system
 * call is forbidden. */
int secret_check_lock(void) _must_check_;

/* The bytes, NUL-terminated, borrowed. Every use of this name is a place to audit. */
const char *secret_expose(const Secret *s);
size_t secret_len(const Secret *s);
bool secret_equal(const Secret *a, const Secret *b);

/* Overwrites a buffer that held a secret in a way the compiler keeps. */
void secret_cleanse(void *p, size_t n);
/* The same with an owned string, up to its NUL, which is then freed; takes NULL. */
void secret_free_text(char *s);

static inline void secret_free_textp(char **s)
{
        secret_free_text(*s);
}
#define _cleanup_secret_text_ _cleanup_(secret_free_textp)
