/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "aws/digest.h"

static void test_sha256(void **state)
{
        char hex[DIGEST_HEX_SIZE];
        char million[1000] = "";

        digest_sha256_hex("", 0, hex);
        assert_string_equal(hex,
                            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        digest_sha256_hex(NULL, 0, hex);
        assert_string_equal(hex,
                            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        digest_sha256_hex("abc", 3, hex); /* FIPS 180-4 */
        assert_string_equal(hex,
                            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        memset(million, 0, sizeof(million));
        digest_sha256_hex(million, sizeof(million), hex);
        assert_string_equal(hex,
                            "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53");
}

static void check_hmac(const void *key, size_t key_len, const void *data, size_t n,
                       const char *want)
{
        uint8_t mac[DIGEST_SIZE];
        char hex[DIGEST_HEX_SIZE];

        digest_hmac_sha256(key, key_len, data, n, mac);
        digest_hex(mac, hex);
        assert_string_equal(hex, want);
}

/* RFC 4231 */
static void test_hmac(void **state)
{
        uint8_t key[131], data[50];

        memset(key, 0x0b, 20);
        check_hmac(key, 20, "Hi There", 8,
                   "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        check_hmac("Jefe", 4, "what do ya want for nothing?", 28,
                   "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        memset(key, 0xaa, 20);
        memset(data, 0xdd, 50);
        check_hmac(key, 20, data, 50,
                   "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
        memset(key, 0xaa, 131); /* longer than a block */
        check_hmac(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
                   "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

UNIT_MAIN(T(test_sha256), T(test_hmac))
