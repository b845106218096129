/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#include <stdio.h>

#include "base/mem.h"

/* Characters that are valid and yet change how the text around them is read or that nobody
 * sees: Unicode's bidirectional controls, line separators, zero-width and format characters. */
static const struct {
        uint32_t first, last;
} hidden_ranges[] = {
        {0x00AD, 0x00AD},   /* soft hyphen */
        {0x034F, 0x034F},   /* combining grapheme joiner */
        {0x061C, 0x061C},   /* Arabic letter mark */
        {0x115F, 0x1160},   /* Hangul fillers */
        {0x180E, 0x180E},   /* Mongolian vowel separator */
        {0x200B, 0x200F},   /* zero width, direction marks */
        {0x2028, 0x202E},   /* separators, embeddings, overrides */
        {0x2060, 0x206F},   /* word joiner, isolates, deprecated format characters */
        {0x3164, 0x3164},   /* Hangul filler */
        {0xFEFF, 0xFEFF},   /* byte-order mark */
        {0xFFA0, 0xFFA0},   /* half-width Hangul filler */
        {0xFFF9, 0xFFFB},   /* interlinear annotation */
        {0xE0000, 0xE0FFF}, /* tags, variation selectors supplement */
};

size_t utf8_decode(const char *s, uint32_t *ret)
{
        static const uint32_t shortest[] = {0, 0, 0x80, 0x800, 0x10000};
        const unsigned char *p = (const unsigned char *)s;
        size_t n;
        uint32_t c;

        if (p[0] < 0x80) {
                *ret = p[0];
                return 1;
        } else if ((p[0] & 0xE0) == 0xC0) {
                n = 2;
                c = p[0] & 0x1F;
        } else if ((p[0] & 0xF0) == 0xE0) {
                n = 3;
                c = p[0] & 0x0F;
        } else if ((p[0] & 0xF8) == 0xF0) {
                n = 4;
                c = p[0] & 0x07;
        } else
                return 0;

        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xC0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3F);
        }
        if (c < shortest[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
                return 0;
        *ret = c;
        return n;
}

static bool is_control(uint32_t c)
{
        return c < 0x20 || (c >= 0x7F && c <= 0x9F);
}

static bool is_hidden(uint32_t c)
{
        for (size_t i = 0; i < ELEMENTSOF(hidden_ranges); i++)
                if (c >= hidden_ranges[i].first && c <= hidden_ranges[i].last)
                        return true;
        return false;
}

void escape_next(const char *s, EscapePiece *ret)
{
        uint32_t c = 0;
        size_t n = utf8_decode(s, &c);

        ret->consumed = n ? n : 1;
        ret->character = n ? c : 0xFFFD;
        if (n && !is_control(c) && !is_hidden(c)) {
                ret->text = s;
                ret->len = n;
                ret->chars = 1;
                return;
        }

        int len;
        if (!n)
                len = snprintf(ret->buf, sizeof(ret->buf), "\\x%02x", (unsigned char)*s);
        else if (is_control(c))
                len = snprintf(ret->buf, sizeof(ret->buf), "\\x%02x", (unsigned)c);
        else
                len = snprintf(ret->buf, sizeof(ret->buf), "\\u{%04x}", (unsigned)c);
        ret->text = ret->buf;
        ret->len = ret->chars = (size_t)len;
}

void escape_add(StrBuf *b, const char *s, size_t max_chars)
{
        size_t room = max_chars;

        while (s && *s) {
                size_t run = 0;
                while (s[run] >= 0x20 && s[run] < 0x7F)
                        run++;
                if (run > 0) {
                        size_t n = MIN(run, room);
                        strbuf_add_n(b, s, n);
                        room -= n;
                        s += n;
                        if (n < run)
                                break;
                        continue;
                }

                EscapePiece p;
                escape_next(s, &p);
                if (p.chars > room)
                        break;
                strbuf_add_n(b, p.text, p.len);
                room -= p.chars;
                s += p.consumed;
        }
        if (s && *s)
                strbuf_add(b, "...");
}

char *escape_text(const char *s, size_t max_chars)
{
        /* A byte becomes four at most (\xNN), and then there is the "...". */
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(4 * strlen(strempty(s)) + 3);
        char *text;

        escape_add(&b, s, max_chars);
        if (strbuf_take(&b, &text) < 0)
                abort();
        return text;
}

char *escape_ascii(const char *s, size_t max_chars)
{
        char *text = escape_text(s, max_chars);
        char *to = text;

        for (const char *from = text; *from; from++) {
                unsigned char c = (unsigned char)*from;
                if (c < 0x80)
                        *to++ = (char)c;
                else if (c >= 0xC0) /* a character's first byte; its others vanish */
                        *to++ = '?';
        }
        *to = '\0';
        return text;
}
