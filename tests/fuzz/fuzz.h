/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What every target includes. A target is one parser and an invariant about it: HOLD() says which
 * one was broken and aborts, and whoever runs the target keeps the input. */

#include "base/macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLD(condition) ((condition) ? (void)0 : fuzz_broken(#condition, __FILE__, __LINE__))
_noreturn_ void fuzz_broken(const char *condition, const char *file, int line);

/* The input as a text, up to its first NUL; owned. */
char *fuzz_text(const uint8_t *data, size_t size);

/* The input as a text of up to n lines, the last of them all that is left; what is missing is "".
 * The lines are parts of the text, which is owned. */
char *fuzz_lines(const uint8_t *data, size_t size, const char **ret_lines, size_t n);

/* Valid UTF-8 without a character that escape.h takes out, but for line feeds where `lines`. Its
 * number of characters, or -1: told by other means than escape.c's own. */
ssize_t fuzz_count_clean(const char *text, bool lines);

/* The same for printable ASCII on one line. */
bool fuzz_is_plain(const char *text);
