/* SPDX-License-Identifier: Apache-2.0 */
#include "net/libraries.h"

#include <jansson.h>
#include <openssl/crypto.h>

#include "base/mem.h"

/* Of no size there is nothing, as with OpenSSL's own. */
static void *allocate(size_t size, const char *file, int line)
{
        return size > 0 ? mem_alloc(size) : NULL;
}

static void *grow(void *p, size_t size, const char *file, int line)
{
        if (size > 0)
                return mem_grow(p, size);
        mem_wipe(p);
        return NULL;
}

static void wipe(void *p, const char *file, int line)
{
        mem_wipe(p);
}

bool libraries_set_up(void)
{
        json_set_alloc_funcs(mem_alloc, mem_wipe);
        return CRYPTO_set_mem_functions(allocate, grow, wipe) == 1;
}
