/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jsonmend.h"

#include <errno.h>

#include "base/escape.h"
#include "base/mem.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The code unit that the escape at s stands for, -1 when there is no \uXXXX. */
static int code_unit(const char *s)
{
        int unit = 0;

        if (s[0] != '\\' || s[1] != 'u')
                return -1;
        for (size_t i = 2; i < 6; i++) {
                if (hex_digit(s[i]) < 0)
                        return -1;
                unit = unit * 16 + hex_digit(s[i]);
        }
        return unit;
}

/* How much of an escape is one character; *ret_good when JSON has it. */
static size_t escape_length(const char *s, bool *ret_good)
{
        int unit = code_unit(s);
        bool high = unit >= 0xD800 && unit <= 0xDBFF, low = unit >= 0xDC00 && unit <= 0xDFFF;

        *ret_good = unit != 0 && !low && !high;
        if (unit < 0)
                return s[1] ? 2 : 1;
        int next = high ? code_unit(s + 6) : -1;
        if (next < 0xDC00 || next > 0xDFFF)
                return 6;
        *ret_good = true;
        return 12;
}

/* The same text with U+FFFD in place of what no JSON text may hold. data ends with a NUL that is
 * not counted. */
static void mend(const char *data, size_t len, StrBuf *to)
{
        bool in_string = false;

        for (size_t i = 0, n; i < len; i += n) {
                uint32_t c;
                bool good = true;

                if (data[i] == '\\' && in_string) {
                        n = escape_length(data + i, &good);
                } else {
                        n = utf8_decode(data + i, &c);
                        good = n > 0 && !(in_string && c < 0x20);
                        n = MAX(n, (size_t)1);
                }
                in_string = in_string != (data[i] == '"');
                if (good)
                        strbuf_add_n(to, data + i, MIN(n, len - i));
                else
                        strbuf_add(to, REPLACEMENT);
        }
}

int json_parse_foreign(const char *data, size_t len, size_t max, json_t **ret)
{
        _cleanup_strbuf_ StrBuf mended = STRBUF_INIT(SIZE_MAX);
        int r = json_parse(data, len, max, ret);

        if (r != -EBADMSG || len == 0)
                return r;
        _cleanup_free_ char *text = mem_alloc0(len + 1);
        memcpy(text, data, len);
        mend(text, len, &mended);
        return json_parse(strbuf_str(&mended), mended.len, SIZE_MAX, ret);
}

static size_t skip_space(const char *data, size_t len, size_t i)
{
        while (i < len && strchr(" \t\r\n", data[i]) && data[i])
                i++;
        return i;
}

/* Where the string that begins at i ends: at its closing quote, or at the end of all. */
static size_t string_end(const char *data, size_t len, size_t i)
{
        for (i++; i < len && data[i] != '"'; i++)
                if (data[i] == '\\')
                        i++;
        return MIN(i, len);
}

static bool is_text(const char *data, size_t len, size_t i, const char *text)
{
        size_t n = strlen(text);

        return i <= len && len - i >= n && memcmp(data + i, text, n) == 0;
}

static bool is_literal(const char *data, size_t len, size_t i, const char *word)
{
        size_t after = i + strlen(word);

        return is_text(data, len, i, word) &&
               (after == len || (data[after] && strchr(" \t\r\n,}", data[after])));
}

int json_salvage_bool(const char *data, size_t len, const char *name, bool *ret)
{
        bool found = false;

        if (!is_text(data, len, skip_space(data, len, 0), "{"))
                return -ENODATA;
        for (size_t i = 0, depth = 0; i < len; i++) {
                if (data[i] == '{' || data[i] == '[')
                        depth++;
                else if ((data[i] == '}' || data[i] == ']') && depth > 0)
                        depth--;
                if (data[i] != '"')
                        continue;

                size_t key = i + 1, end = string_end(data, len, i);
                size_t colon = skip_space(data, len, end + 1);
                size_t value = skip_space(data, len, colon + 1);
                i = end;
                if (depth != 1 || end - key != strlen(name) || !is_text(data, len, key, name) ||
                    !is_text(data, len, colon, ":"))
                        continue;
                if (is_literal(data, len, value, "false")) {
                        *ret = false;
                        return 0;
                }
                found = found || is_literal(data, len, value, "true");
        }
        if (!found)
                return -ENODATA;
        *ret = true;
        return 0;
}
