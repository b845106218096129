/* SPDX-License-Identifier: Apache-2.0 */

/* The algorithms are fetched once: an implicit fetch at each call costs more than the digest. */

#include "aws/digest.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>

#include "base/mem.h"

static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;
static EVP_MAC *hmac;

static void fetch(void)
{
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
        hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        if (!sha256 || !hmac)
                mem_exhausted();
}

static void fetch_algorithms(void)
{
        if (pthread_once(&fetch_once, fetch) != 0)
                mem_exhausted();
}

void digest_sha256(const void *data, size_t n, uint8_t ret[static DIGEST_SIZE])
{
        unsigned len = 0;

        fetch_algorithms();
        if (EVP_Digest(data, n, ret, &len, sha256, NULL) != 1 || len != DIGEST_SIZE)
                mem_exhausted();
}

void digest_sha256_hex(const void *data, size_t n, char ret[static DIGEST_HEX_SIZE])
{
        uint8_t digest[DIGEST_SIZE];

        digest_sha256(data, n, digest);
        digest_hex(digest, ret);
}

void digest_hmac_sha256(const void *key, size_t key_len, const void *data, size_t n,
                        uint8_t ret[static DIGEST_SIZE])
{
        char name[] = "SHA256";
        const OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                OSSL_PARAM_construct_end(),
        };
        size_t len = 0;

        fetch_algorithms();
        EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);
        if (!ctx || EVP_MAC_init(ctx, key, key_len, params) != 1 ||
            EVP_MAC_update(ctx, data, n) != 1 || EVP_MAC_final(ctx, ret, &len, DIGEST_SIZE) != 1 ||
            len != DIGEST_SIZE)
                mem_exhausted();
        EVP_MAC_CTX_free(ctx); /* cleanses the key */
}

void digest_hex(const uint8_t digest[static DIGEST_SIZE], char ret[static DIGEST_HEX_SIZE])
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < DIGEST_SIZE; i++) {
                ret[2 * i] = digits[digest[i] >> 4];
                ret[2 * i + 1] = digits[digest[i] & 15];
        }
        ret[2 * DIGEST_SIZE] = '\0';
}
