/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/seal.h"

#include "aws/digest.h"
#include "base/mem.h"

#define BEFORE ",\n \"sha256\": \""
#define AFTER "\"\n}"
#define HEX_LEN (DIGEST_HEX_SIZE - 1)
#define SEAL_LEN (sizeof(BEFORE) - 1 + HEX_LEN + sizeof(AFTER) - 1)

char *seal_add(char *text)
{
        size_t n = strlen(text);
        char hex[DIGEST_HEX_SIZE], *sealed;

        if (n < 2 || !streq(text + n - 2, "\n}"))
                return text; /* none of ours */
        text[n - 2] = '\0';
        digest_sha256_hex(text, n - 2, hex);
        sealed = mem_printf("%s" BEFORE "%s" AFTER, text, hex);
        free(text);
        return sealed;
}

/* The last value of an object that has no seal is a list or an object, never a text. */
static bool ends_with_text(const char *text, size_t len)
{
        static const char blank[] = " \t\r\n}";

        while (len > 0 && text[len - 1] && strchr(blank, text[len - 1]))
                len--;
        return len > 0 && text[len - 1] == '"';
}

Seal seal_check(const char *text, size_t len)
{
        const char *seal = text + len - SEAL_LEN;
        char hex[DIGEST_HEX_SIZE];

        if (len < SEAL_LEN || memcmp(seal, BEFORE, sizeof(BEFORE) - 1) != 0 ||
            memcmp(text + len - (sizeof(AFTER) - 1), AFTER, sizeof(AFTER) - 1) != 0)
                return ends_with_text(text, len) ? SEAL_BROKEN : SEAL_NONE;
        digest_sha256_hex(text, len - SEAL_LEN, hex);
        return memcmp(seal + sizeof(BEFORE) - 1, hex, HEX_LEN) == 0 ? SEAL_GOOD : SEAL_BROKEN;
}
