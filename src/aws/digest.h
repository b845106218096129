/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104) on OpenSSL, results checked: a failure of the
 * library aborts, since nothing can be signed without it. */

#include "base/macro.h"

#define DIGEST_SIZE 32
#define DIGEST_HEX_SIZE (2 * DIGEST_SIZE + 1)

void digest_sha256(const void *data, size_t n, uint8_t ret[static DIGEST_SIZE]);
void digest_sha256_hex(const void *data, size_t n, char ret[static DIGEST_HEX_SIZE]);
void digest_hmac_sha256(const void *key, size_t key_len, const void *data, size_t n,
                        uint8_t ret[static DIGEST_SIZE]);
void digest_hex(const uint8_t digest[static DIGEST_SIZE], char ret[static DIGEST_HEX_SIZE]);
