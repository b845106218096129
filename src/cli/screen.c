/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/screen.h"

#include "base/mem.h"

/* A line as far as the terminal is wide. Colours take no room, and those behind the cut are kept,
 * since one of them ends what was begun. */
static void add_cut(StrBuf *b, const char *line, size_t len, size_t columns)
{
        size_t used = 0;

        for (size_t i = 0; i < len; i++) {
                if (line[i] == '\x1b') {
                        size_t n = strcspn(line + i, "m") + 1;

                        strbuf_add_n(b, line + i, MIN(n, len - i));
                        i += n - 1;
                        continue;
                }
                used += ((unsigned char)line[i] & 0xc0) != 0x80;
                if (used <= columns)
                        strbuf_add_char(b, line[i]);
        }
}

void screen_add(StrBuf *b, const char *text, size_t rows, size_t columns)
{
        size_t lines = 0, shown = 0;

        for (const char *at = strchr(text, '\n'); at; at = strchr(at + 1, '\n'))
                lines++;
        strbuf_add(b, "\x1b[H");
        for (; *text && shown < lines; shown++) {
                size_t n = strcspn(text, "\n");

                if (shown + 1 == rows && lines > rows)
                        break;
                if (shown > 0)
                        strbuf_add(b, "\r\n");
                add_cut(b, text, n, columns);
                strbuf_add(b, "\x1b[K");
                text += n + 1;
        }
        if (shown < lines) {
                _cleanup_free_ char *more = mem_printf("%zu more lines", lines - shown);

                strbuf_add(b, shown > 0 ? "\r\n" : "");
                add_cut(b, more, strlen(more), columns);
                strbuf_add(b, "\x1b[K");
        }
        strbuf_add(b, "\x1b[J");
}
