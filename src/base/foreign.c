/* SPDX-License-Identifier: Apache-2.0 */
#include "base/foreign.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

#include "base/escape.h"
#include "base/mem.h"

#define CUT "[...]"
#define MARKS_MAX 2 /* combining marks on one character */
#define DIGITS_MIN 7
#define DIGITS_MAX 15 /* of a telephone number: E.164 */

/* Unicode's blocks of marks that belong to no script of their own and can be piled up. */
static const struct {
        uint32_t first, last;
} mark_ranges[] = {
        {0x0300, 0x036F}, {0x0483, 0x0489}, {0x1AB0, 0x1AFF},
        {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE20, 0xFE2F},
};

/* What browsers take for a dot, and for an at sign. */
static const struct {
        const char *text, *defused;
} wide_signs[] = {
        {"\xe3\x80\x82", "[.]"}, /* ideographic full stop */
        {"\xef\xbc\x8e", "[.]"}, /* full-width full stop */
        {"\xef\xbd\xa1", "[.]"}, /* half-width ideographic full stop */
        {"\xef\xbc\xa0", "[@]"}, /* full-width commercial at */
        {"\xef\xb9\xab", "[@]"}, /* small commercial at */
};

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
}

static bool is_of_word(char c)
{
        return is_digit(c) || is_letter(c) || c == '_' || c == '-';
}

typedef enum Form {
        FORM_EXACT,   /* only escaped */
        FORM_DEFUSED, /* for people */
        FORM_ASCII,   /* the same, in ASCII */
} Form;

/* What stands at one place of the text. */
typedef struct Unit {
        size_t consumed;
        const char *text; /* what it becomes */
        size_t len;
        unsigned marks; /* combining marks so far; carried from unit to unit */
        EscapePiece piece;
        char buf[64];
} Unit;

static void unit_set(Unit *u, size_t consumed, const char *text)
{
        u->consumed = consumed;
        u->text = text;
        u->len = strlen(text);
        u->marks = 0;
}

/* The k-th last byte of what has been written, as it is what a link is found in; a space before its
 * beginning. */
static char written(const StrBuf *out, size_t k)
{
        if (out->len <= k)
                return ' ';
        return out->data[out->len - 1 - k];
}

/* "://" and the http before it, in whatever case. */
static bool defuse_scheme(const StrBuf *out, const char *s, Unit *u)
{
        if (strncmp(s, "//", 2) == 0 && written(out, 0) == ':') {
                unit_set(u, 2, "[//]"); /* behind the prefix of an ARN */
                return true;
        }
        if (strncmp(s, "://", 3) == 0) {
                unit_set(u, 3, "[:]//");
                return true;
        }
        if (strncasecmp(s, "http", 4) == 0 &&
            strncmp(s + 4 + (s[4] == 's' || s[4] == 'S'), "://", 3) == 0) {
                unit_set(u, 4, "hxxp");
                return true;
        }
        return false;
}

static bool defuse_sign(const StrBuf *out, const char *s, Unit *u)
{
        bool www = out->len >= 3 && strncasecmp(out->data + out->len - 3, "www", 3) == 0;

        if (*s == '@') {
                unit_set(u, 1, "[@]");
                return true;
        }
        if (*s == '.' && is_of_word(written(out, 0)) && (is_letter(s[1]) || www)) {
                unit_set(u, 1, "[.]");
                return true;
        }
        for (size_t k = 0; (*s & 0x80) && k < ELEMENTSOF(wide_signs); k++)
                if (strncmp(s, wide_signs[k].text, strlen(wide_signs[k].text)) == 0) {
                        unit_set(u, strlen(wide_signs[k].text), wide_signs[k].defused);
                        return true;
                }
        return false;
}

/* "198.51.100.17" */
static bool is_ipv4(const char *s, size_t n)
{
        char text[INET_ADDRSTRLEN];
        struct in_addr a;

        return n < sizeof(text) && snprintf(text, sizeof(text), "%.*s", (int)n, s) > 0 &&
               inet_pton(AF_INET, text, &a) == 1;
}

/* Groups of digits with one or two separators between them, as people write telephone numbers: the
 * length of as many as make one, 0 when none do. A group of one digit stands first only: versions
 * have others. */
static size_t number_length(const char *s, size_t *ret_digits)
{
        const char *p = s + (*s == '+');
        size_t length = 0, separators = 0;

        *ret_digits = 0;
        for (;;) {
                size_t n = strspn(p + separators, "0123456789");
                char next = p[separators + n];

                if (n == 0 || (length > 0 && n == 1) || *ret_digits + n > DIGITS_MAX ||
                    is_letter(next) || next == '_')
                        return length;
                *ret_digits += n;
                p += separators + n;
                length = (size_t)(p - s);
                separators = strspn(p, " .-/()");
                if (separators == 0 || separators > 2)
                        return length;
        }
}

/* What a telephone would dial: its digits four by four, with underscores between them. */
static bool defuse_number(const StrBuf *out, const char *s, Unit *u)
{
        char before = written(out, 0);
        size_t digits = 0, n, run = 0;
        char *to = u->buf;

        if ((!is_digit(*s) && *s != '+') || is_digit(before) || is_letter(before) || before == '_')
                return false;
        n = number_length(s, &digits);
        if (n == 0 || digits < DIGITS_MIN || digits > DIGITS_MAX || is_ipv4(s, n) ||
            (digits == 12 && n == 12 && before == ':' && s[n] == ':'))
                return false;
        /* At most a sign, 15 digits, and as many underscores. */
        for (size_t k = 0; k < n; k++) {
                bool digit = is_digit(s[k]);

                if ((digit && run == 4) || (!digit && k > 0 && to[-1] != '_')) {
                        *to++ = '_';
                        run = 0;
                }
                if (digit || k == 0) {
                        *to++ = s[k];
                        run += digit;
                }
        }
        *to = '\0';
        unit_set(u, n, u->buf);
        return true;
}

static bool is_mark(uint32_t c)
{
        for (size_t i = 0; i < ELEMENTSOF(mark_ranges); i++)
                if (c >= mark_ranges[i].first && c <= mark_ranges[i].last)
                        return true;
        return false;
}

static void unit_next(const StrBuf *out, const char *s, Form form, Unit *u)
{
        bool defuse = form != FORM_EXACT;

        if (defuse &&
            (defuse_scheme(out, s, u) || defuse_sign(out, s, u) || defuse_number(out, s, u)))
                return;
        escape_next(s, &u->piece);
        u->consumed = u->piece.consumed;
        u->text = u->piece.text;
        u->len = u->piece.len;
        u->marks = is_mark(u->piece.character) ? u->marks + 1 : 0;
        if (defuse && u->marks > MARKS_MAX) {
                (void)snprintf(u->buf, sizeof(u->buf), "\\u{%04x}", (unsigned)u->piece.character);
                u->text = u->buf;
                u->len = strlen(u->buf);
        }
        if (form == FORM_ASCII && (*u->text & 0x80)) {
                u->text = "?";
                u->len = 1;
        }
}

/* Whole values that are AWS's own, or an address. */

static bool is_address(const char *s)
{
        struct in6_addr a;

        return inet_pton(AF_INET, s, &a) == 1 || inet_pton(AF_INET6, s, &a) == 1;
}

/* "ec2.amazonaws.com"; what stands below a service (a bucket's site) may be anybody's. */
static bool is_service(const char *s)
{
        size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

        return n > 0 && (streq(s + n, ".amazonaws.com") || streq(s + n, ".amazonaws.com.cn"));
}

static bool is_uuid(const char *s)
{
        static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
        size_t n = 0;

        while (s[n] && form[n] &&
               (form[n] == '-' ? s[n] == '-' : strchr("0123456789abcdefABCDEF", s[n]) != NULL))
                n++;
        return !s[n] && !form[n];
}

/* Also as identity_display_name() has it of the root user. */
static bool is_account(const char *s)
{
        static const char root[] = "root user of account ";

        if (strncmp(s, root, strlen(root)) == 0)
                s += strlen(root);
        return strspn(s, "0123456789") == 12 && !s[12];
}

/* Bytes of an ARN before its resource, 0 when it is none. */
static size_t arn_prefix(const char *s)
{
        size_t n = 0;

        if (strncmp(s, "arn:", 4) != 0)
                return 0;
        for (unsigned colons = 0; colons < 5; n++) {
                if (s[n] == ':')
                        colons++;
                else if (!is_digit(s[n]) && !(s[n] >= 'a' && s[n] <= 'z') && s[n] != '-')
                        return 0;
        }
        return n;
}

/* Translates s until it has become more than max bytes; where units begin is noted in starts, a
 * byte for each of out; NULL: nowhere. */
static void translate(const char *s, Form form, size_t max, StrBuf *out, StrBuf *starts)
{
        bool own = is_address(s) || is_service(s) || is_uuid(s) || is_account(s);
        size_t prefix = own ? SIZE_MAX : arn_prefix(s);
        Unit u = {0};

        for (const char *at = s; *at && out->len <= max; at += u.consumed) {
                unit_next(out, at, (size_t)(at - s) < prefix ? FORM_EXACT : form, &u);
                strbuf_add_n(out, u.text, u.len);
                for (size_t k = 0; starts && k < u.len; k++)
                        strbuf_add_n(starts, k == 0 ? "\1" : "", 1);
        }
}

static size_t cut_before(const StrBuf *starts, size_t n)
{
        while (n > 0 && n < starts->len && !starts->data[n])
                n--;
        return n;
}

/* The last part of s, which is too long: from a character's first byte on, `max` bytes or so. */
static const char *end_of(const char *s, size_t max)
{
        size_t n = strlen(s);
        const char *end = n > max ? s + n - max : s;

        while ((*end & 0xC0) == 0x80)
                end++;
        return end;
}

/* At most max bytes. A byte of s becomes four at most, and rarely fewer than one (a telephone
 * number's separators, a character in ASCII), so that the two ends of a long text are enough. */
static void add(StrBuf *b, const char *s, Form form, size_t max)
{
        size_t most = 4 * (max + sizeof(((Unit *)0)->buf));
        _cleanup_strbuf_ StrBuf out = STRBUF_INIT(most), starts = STRBUF_INIT(most);

        if (!s)
                return;
        translate(s, form, max, &out, NULL);
        if (out.len <= max) {
                strbuf_add_n(b, strbuf_str(&out), out.len);
                return;
        }
        strbuf_reset(&out);
        translate(s, form, max, &out, &starts);

        size_t room = max > strlen(CUT) ? max - strlen(CUT) : 0, last = room / 2;
        size_t n = cut_before(&starts, room - last);

        strbuf_add_n(b, out.data, n);
        if (max >= strlen(CUT))
                strbuf_add(b, CUT);
        strbuf_reset(&out);
        strbuf_reset(&starts);
        translate(end_of(s, last), form, SIZE_MAX, &out, &starts);
        for (n = out.len > last ? out.len - last : 0; n < out.len && !starts.data[n];)
                n++;
        strbuf_add_n(b, strbuf_str(&out) + n, out.len - n);
}

void foreign_add(StrBuf *b, const char *s, size_t max)
{
        add(b, s, FORM_DEFUSED, max);
}

void foreign_add_ascii(StrBuf *b, const char *s, size_t max)
{
        add(b, s, FORM_ASCII, max);
}

void foreign_add_exact(StrBuf *b, const char *s, size_t max)
{
        add(b, s, FORM_EXACT, max);
}

static char *text(const char *s, Form form, size_t max)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(max);
        char *text;

        add(&b, s, form, max);
        if (strbuf_take(&b, &text) < 0)
                abort(); /* no more than max is ever added */
        return text;
}

char *foreign_text(const char *s, size_t max)
{
        return text(s, FORM_DEFUSED, max);
}

char *foreign_text_exact(const char *s, size_t max)
{
        return text(s, FORM_EXACT, max);
}

bool foreign_is_cut(const char *s)
{
        return strstr(s, CUT) != NULL;
}
