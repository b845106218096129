/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <stdio.h>

#include "base/mem.h"

void fuzz_broken(const char *condition, const char *file, int line)
{
        fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
        abort();
}

char *fuzz_text(const uint8_t *data, size_t size)
{
        return mem_strndup((const char *)data, strnlen((const char *)data, size));
}

char *fuzz_lines(const uint8_t *data, size_t size, const char **ret_lines, size_t n)
{
        char *text = fuzz_text(data, size), *p = text;

        for (size_t i = 0; i < n; i++) {
                char *end = i + 1 < n ? strchr(p, '\n') : NULL;

                ret_lines[i] = p;
                p = end ? end + 1 : p + strlen(p);
                if (end)
                        *end = '\0';
        }
        return text;
}

/* One character as the Unicode standard's table 3-7 has it: which bytes may follow which. */
static size_t well_formed(const unsigned char *p, uint32_t *ret)
{
        static const struct {
                unsigned char first, last, low, high, more;
        } rows[] = {
                {0x01, 0x7F, 0, 0, 0},       {0xC2, 0xDF, 0x80, 0xBF, 1},
                {0xE0, 0xE0, 0xA0, 0xBF, 2}, {0xE1, 0xEC, 0x80, 0xBF, 2},
                {0xED, 0xED, 0x80, 0x9F, 2}, {0xEE, 0xEF, 0x80, 0xBF, 2},
                {0xF0, 0xF0, 0x90, 0xBF, 3}, {0xF1, 0xF3, 0x80, 0xBF, 3},
                {0xF4, 0xF4, 0x80, 0x8F, 3},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if (*p < rows[i].first || *p > rows[i].last)
                        continue;
                *ret = rows[i].more == 0 ? *p : *p & (0x3FU >> rows[i].more);
                for (size_t k = 1; k <= rows[i].more; k++) {
                        if (p[k] < (k == 1 ? rows[i].low : 0x80) ||
                            p[k] > (k == 1 ? rows[i].high : 0xBF))
                                return 0;
                        *ret = *ret << 6 | (p[k] & 0x3F);
                }
                return rows[i].more + 1U;
        }
        return 0;
}

/* What turns text around, ends a line or is not seen. */
static bool is_treacherous(uint32_t c)
{
        return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0xAD || c == 0x61C ||
               (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
               (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xE0000 && c <= 0xE0FFF);
}

ssize_t fuzz_count_clean(const char *text, bool lines)
{
        const unsigned char *p = (const unsigned char *)text;
        ssize_t count = 0;

        while (*p) {
                uint32_t c = 0;
                size_t n = well_formed(p, &c);

                if (n == 0 || (is_treacherous(c) && !(lines && c == '\n')))
                        return -1;
                p += n;
                count++;
        }
        return count;
}

bool fuzz_is_plain(const char *text)
{
        for (; *text; text++)
                if (*text < ' ' || *text > '~')
                        return false;
        return true;
}
