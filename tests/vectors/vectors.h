/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The published test data lies outside the project, in the folder that TS_VECTORS names. Where it
 * is absent the test is skipped (exit 77), and says so. */

#include <dirent.h>

#include "vec.h"

#include "base/mem.h"

static inline const char *vectors_folder(const char *name)
{
        static char path[4096];
        const char *root = getenv("TS_VECTORS");

        (void)snprintf(path, sizeof(path), "%s/%s", strempty(root), name);
        DIR *d = root ? opendir(path) : NULL;
        if (!d) {
                (void)fprintf(stderr, "SKIP: no test vectors: %s\n",
                              root ? path : "TS_VECTORS is not set");
                exit(77);
        }
        (void)closedir(d);
        return path;
}

/* Whole content, owned; NULL when the file is not there. */
static inline char *vectors_read(const char *folder, const char *name, size_t *ret_len)
{
        _cleanup_free_ char *path = mem_printf("%s/%s", folder, name);
        FILE *f = fopen(path, "re");
        size_t n = 0, max = 1 << 20;

        if (!f)
                return NULL;
        char *text = mem_alloc0(max + 1);
        n = fread(text, 1, max, f);
        (void)fclose(f);
        if (ret_len)
                *ret_len = n;
        return text;
}

/* What ts-vec prints, run in this process with these words and NULL; owned. Fails the test when it
 * ends otherwise than wanted. */
static inline char *vectors_run(int want_status, ...)
{
        char *argv[16] = {(char *)"ts-vec"}, *text = NULL;
        size_t len = 0;
        int argc = 1;
        va_list ap;

        va_start(ap, want_status);
        for (char *word; (word = va_arg(ap, char *));)
                argv[argc++] = word;
        va_end(ap);

        FILE *out = open_memstream(&text, &len);
        assert_non_null(out);
        int status = vec_main(argc, argv, out);
        assert_int_equal(fclose(out), 0);
        if (status != want_status)
                fail_msg("ts-vec %s ended with %d: %s", argv[1], status, text);
        return text;
}
