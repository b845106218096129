/* SPDX-License-Identifier: Apache-2.0 */
/* main() of a target where there is no fuzzer: every seed of tests/fuzz/seeds/TARGET, whole and
 * cut at every byte, or the files that are named. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "fuzz.h"

#define SEED_MAX ((size_t)1024 * 1024)
#define CUTS_MAX ((size_t)4096) /* longer seeds are cut at fewer places */

/* On the heap and no byte longer, so that whoever reads beyond it is seen. */
static void feed(const char *data, size_t size)
{
        uint8_t *copy = malloc(MAX(size, (size_t)1));

        if (!copy)
                abort();
        memcpy(copy, data, size);
        (void)LLVMFuzzerTestOneInput(copy, size); /* 0, always */
        free(copy);
}

static void replay(const char *path, bool cut)
{
        _cleanup_free_ char *data = mem_alloc0(SEED_MAX);
        FILE *f = fopen(path, "re");

        if (!f) {
                fprintf(stderr, "%s: %s\n", path, strerror(errno));
                exit(1);
        }
        size_t size = fread(data, 1, SEED_MAX, f);
        (void)fclose(f); /* was only read */
        feed(data, size);
        for (size_t n = 0; cut && n < size; n += 1 + size / CUTS_MAX)
                feed(data, n);
}

int main(int argc, char **argv)
{
        const char *source = getenv("TS_SOURCE");
        const char *target = strrchr(argv[0], '-');
        size_t n = 0;

        for (int i = 1; i < argc; i++)
                replay(argv[i], false);
        if (argc > 1)
                return 0;

        _cleanup_free_ char *folder = mem_printf("%s/tests/fuzz/seeds/%s", source ? source : ".",
                                                 target ? target + 1 : "");
        DIR *d = opendir(folder);
        for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
                _cleanup_free_ char *path = mem_printf("%s/%s", folder, e->d_name);

                if (*e->d_name == '.')
                        continue;
                replay(path, true);
                n++;
        }
        if (d)
                (void)closedir(d);
        printf("%zu seeds of %s\n", n, folder);
        return n > 0 ? 0 : 1;
}
