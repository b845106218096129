/* SPDX-License-Identifier: Apache-2.0 */
/* Text of others in a message: clean, within its bytes, and without a link, whatever comes in; for
 * programs the same as escaping where it fits. The first byte is the size. */
#include "base/escape.h"
#include "base/foreign.h"
#include "base/mem.h"
#include "fuzz.h"

/* "a.b", but for the whole value of a service or an address, and for versions. */
static bool has_domain(const char *s)
{
        for (const char *at = s; (at = strchr(at, '.')); at++)
                if (at > s && ((at[-1] >= 'a' && at[-1] <= 'z') || (at[-1] & 0x80)) &&
                    ((at[1] >= 'a' && at[1] <= 'z') || (at[1] & 0x80)))
                        return true;
        return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t max = size > 0 ? data[0] : 0;
        _cleanup_free_ char *text = size > 0 ? fuzz_text(data + 1, size - 1) : fuzz_text(data, 0);
        _cleanup_free_ char *had = foreign_text(text, max), *whole = foreign_text(text, 100000),
                            *exact = foreign_text_exact(text, max),
                            *escaped = escape_text(text, SIZE_MAX);
        _cleanup_strbuf_ StrBuf ascii = STRBUF_INIT(max);
        bool service = strstr(text, ".amazonaws.com") != NULL;

        HOLD(strlen(had) <= max && fuzz_count_clean(had, false) >= 0);
        HOLD(strlen(exact) <= max && fuzz_count_clean(exact, false) >= 0);
        HOLD(fuzz_count_clean(whole, false) >= 0);
        HOLD(!strstr(had, "://") && !strstr(whole, "://") && !strstr(whole, "www."));
        HOLD(service || (!has_domain(had) && !has_domain(whole)));
        HOLD(strlen(whole) > max || streq(had, whole));
        HOLD(strlen(escaped) > max || streq(exact, escaped));
        foreign_add_ascii(&ascii, text, max);
        HOLD(strbuf_error(&ascii) == 0 && fuzz_is_plain(strbuf_str(&ascii)));
        return 0;
}
