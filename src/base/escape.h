/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text from outside (user agents, session names, service messages) made fit for a journal, a
 * terminal or a message: valid UTF-8, no control characters (C0, C1, DEL), no line or
 * paragraph separators, no bidirectional controls, no zero-width or byte-order marks; each is
 * shown as \xNN (invalid bytes, controls) or \u{NNNN}. A backslash stays as it is. */

#include "base/strbuf.h"

/* One unit of output for the character, or the invalid byte, that s begins with. Not at the end of
 * s. */
typedef struct EscapePiece {
        size_t consumed;    /* bytes of s */
        uint32_t character; /* U+FFFD for an invalid byte */
        const char *text;   /* in s or in buf */
        size_t len, chars;  /* of text */
        char buf[16];
} EscapePiece;

void escape_next(const char *s, EscapePiece *ret);

/* Length of the valid UTF-8 sequence at s (RFC 3629: shortest form, no surrogates, at most
 * U+10FFFF) and its code point, or 0. A NUL is a character of one byte, and ends any other. */
size_t utf8_decode(const char *s, uint32_t *ret);

/* Adds s, at most max_chars characters of output, then "..." when something was cut. */
void escape_add(StrBuf *b, const char *s, size_t max_chars);

/* The same as an owned string, never NULL; NULL gives "". */
char *escape_text(const char *s, size_t max_chars);

/* Like escape_text, and every character outside ASCII becomes one '?': for SNS subjects. */
char *escape_ascii(const char *s, size_t max_chars);
