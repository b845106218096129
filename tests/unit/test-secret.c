/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/secret.h"

/* Sanitizers let mlock() do nothing: they use too much memory for that. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
        __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
static const bool mlock_is_taken = true;
#else
static const bool mlock_is_taken = false;
#endif

static int mlock_error;

int __wrap_mlock(const void *p, size_t n);
int __real_mlock(const void *p, size_t n);

int __wrap_mlock(const void *p, size_t n)
{
        if (mlock_error == 0)
                return __real_mlock(p, n);
        errno = mlock_error;
        return -1;
}

static void test_holds_bytes(void **state)
{
        _cleanup_(secret_freep) Secret *s = secret_new("ab\0cd", 5);

        assert_int_equal(secret_len(s), 5);
        assert_memory_equal(secret_expose(s), "ab\0cd", 6);
}

static void test_whole_pages(void **state)
{
        char page[8192];

        memset(page, 'x', sizeof(page));
        for (size_t n = 4094; n <= 4098; n++) { /* the NUL needs room too */
                _cleanup_(secret_freep) Secret *s = secret_new(page, n);
                assert_int_equal(secret_len(s), n);
                assert_int_equal(strlen(secret_expose(s)), n);
        }
        _cleanup_(secret_freep) Secret *empty = secret_new("", 0);
        assert_string_equal(secret_expose(empty), "");
}

static void test_equal(void **state)
{
        _cleanup_(secret_freep) Secret *a = secret_new("secret", 6), *b = secret_new("secret", 6);
        _cleanup_(secret_freep) Secret *last = secret_new("secreT", 6);
        _cleanup_(secret_freep) Secret *first = secret_new("Secret", 6);
        _cleanup_(secret_freep) Secret *prefix = secret_new("secre", 5);

        assert_true(secret_equal(a, a));
        assert_true(secret_equal(a, b));
        assert_false(secret_equal(a, last));
        assert_false(secret_equal(a, first));
        assert_false(secret_equal(a, prefix));
        assert_false(secret_equal(a, NULL));
        assert_false(secret_equal(NULL, a));
        assert_true(secret_equal(NULL, NULL));
}

static void test_cleanse(void **state)
{
        char buf[] = "secret";

        secret_cleanse(buf, sizeof(buf));
        for (size_t i = 0; i < sizeof(buf); i++)
                assert_int_equal(buf[i], 0);
        secret_cleanse(NULL, 0);
        assert_null(secret_free(NULL));
}

/* Whether the page of a secret has this one among its VmFlags; see proc(5), smaps. */
static bool page_has(const char *flag)
{
        _cleanup_(secret_freep) Secret *s = secret_new("secret", 6);
        unsigned long at = (unsigned long)secret_expose(s);
        FILE *f = fopen("/proc/self/smaps", "re");
        char line[512];
        bool mine = false, found = false;

        if (!f)
                skip();
        while (fgets(line, sizeof(line), f)) {
                char *dash, *space;
                unsigned long start = strtoul(line, &dash, 16);
                if (dash > line && *dash == '-') {
                        unsigned long end = strtoul(dash + 1, &space, 16);
                        mine = *space == ' ' && start <= at && at < end;
                } else if (mine && strncmp(line, "VmFlags:", 8) == 0)
                        found = strstr(line, flag) != NULL;
        }
        (void)fclose(f);
        return found;
}

/* MADV_DONTDUMP */
static void test_left_out_of_core_dumps(void **state)
{
        assert_true(page_has(" dd"));
}

static void test_locked_in_memory(void **state)
{
        if (secret_check_lock() < 0 || mlock_is_taken)
                skip();
        assert_true(page_has(" lo"));
}

/* Too low a limit, or a forbidden call, costs the lock and nothing else. */
static void test_what_cannot_be_locked(void **state)
{
        mlock_error = EPERM;
        assert_int_equal(secret_check_lock(), -EPERM);
        assert_false(page_has(" lo"));
        test_holds_bytes(state);
        mlock_error = 0;
}

UNIT_MAIN(T(test_holds_bytes), T(test_whole_pages), T(test_equal), T(test_cleanse),
          T(test_left_out_of_core_dumps), T(test_locked_in_memory), T(test_what_cannot_be_locked))
