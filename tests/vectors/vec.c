/* SPDX-License-Identifier: Apache-2.0 */
#include "vec.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define INPUT_MAX ((size_t)16 * 1024 * 1024)

static const struct {
        const char *name;
        int (*run)(int argc, char **argv, FILE *out);
        const char *usage;
} commands[] = {
        {"sigv4", vec_sigv4, "--context FILE --request FILE --emit creq|sts|sig|req"},
        {"endpoint", vec_endpoint,
         "--service S [--region R] [--fips] [--dualstack] [--endpoint URL], or -"},
        {"profiles", vec_profiles, "FILE"},
        {"retry", vec_retry, "FILE"},
};

int vec_complain(const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        (void)fputs("ts-vec: ", stderr);
        (void)vfprintf(stderr, fmt, ap);
        (void)fputc('\n', stderr);
        va_end(ap);
        return VEC_USAGE;
}

char *vec_read_file(const char *path, size_t *ret_len)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(INPUT_MAX);
        FILE *f = streq(path, "-") ? stdin : fopen(path, "re");
        char piece[4096], *text;
        size_t n;

        if (!f) {
                (void)vec_complain("%s: %s", path, strerror(errno));
                return NULL;
        }
        while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
                strbuf_add_n(&b, piece, n);
        bool bad = ferror(f);
        if (f != stdin)
                (void)fclose(f); /* read only */
        n = b.len;
        if (bad || strbuf_take(&b, &text) < 0) {
                (void)vec_complain("%s: cannot be read, or is too long", path);
                return NULL;
        }
        if (ret_len)
                *ret_len = n;
        return text;
}

json_t *vec_read_json(const char *path)
{
        size_t len = 0;
        _cleanup_free_ char *text = vec_read_file(path, &len);
        json_t *value = NULL;

        if (text && json_parse(text, len, INPUT_MAX, &value) < 0)
                (void)vec_complain("%s: no JSON", path);
        return value;
}

void vec_print_json(json_t *value, FILE *out)
{
        (void)json_dumpf(value, out, JSON_COMPACT | JSON_REAL_PRECISION(12));
        (void)fputc('\n', out);
        json_decref(value);
}

int vec_main(int argc, char **argv, FILE *out)
{
        for (size_t i = 0; argc > 1 && i < ELEMENTSOF(commands); i++)
                if (streq(argv[1], commands[i].name)) {
                        optind = 0; /* getopt_long() starts anew */
                        return commands[i].run(argc - 1, argv + 1, out);
                }
        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                (void)fprintf(stderr, "ts-vec %s %s\n", commands[i].name, commands[i].usage);
        return VEC_USAGE;
}
