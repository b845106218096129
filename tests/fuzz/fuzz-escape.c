/* SPDX-License-Identifier: Apache-2.0 */
/* Escaping: the result is clean and within its cap whatever comes in, is the same when escaped
 * again, and is the text itself where that was plain. */
#include "base/escape.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t max = size > 0 ? data[0] : 0;
        _cleanup_free_ char *text = size > 0 ? fuzz_text(data + 1, size - 1) : fuzz_text(data, 0);
        _cleanup_free_ char *whole = escape_text(text, SIZE_MAX), *cut = escape_text(text, max),
                            *again = escape_text(whole, SIZE_MAX), *ascii = escape_ascii(text, max);
        ssize_t n = fuzz_count_clean(whole, false), n_cut = fuzz_count_clean(cut, false);

        HOLD(n >= 0 && n_cut >= 0);
        HOLD(streq(whole, again));
        HOLD(!fuzz_is_plain(text) || streq(whole, text));
        if ((size_t)n <= max)
                HOLD(streq(cut, whole));
        else
                HOLD((size_t)n_cut <= max + 3 && strlen(cut) >= 3 &&
                     streq(cut + strlen(cut) - 3, "...") &&
                     strncmp(cut, whole, strlen(cut) - 3) == 0);
        HOLD(fuzz_is_plain(ascii) && strlen(ascii) == (size_t)n_cut);
        return 0;
}
