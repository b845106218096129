/* SPDX-License-Identifier: Apache-2.0 */

/* What AWS's published vectors (tests/vectors) do not say: bad input, caps, headers that are not
 * signed, and the kept key. */

#include "unit.h"

#include <errno.h>

#include "aws/sigv4.h"
#include "base/mem.h"

static const SigV4Header host = {"Host", "example.amazonaws.com"};
static AwsCredentials *credentials;

static int setup(void **state)
{
        return aws_credentials_new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", NULL,
                                   0, &credentials);
}

static int teardown(void **state)
{
        credentials = aws_credentials_unref(credentials);
        return 0;
}

static SigV4Request request(void)
{
        return (SigV4Request){
                .method = "GET",
                .path = "/",
                .headers = &host,
                .n_headers = 1,
                .region = "us-east-1",
                .service = "service",
                .time_msec = INT64_C(1440938160000), /* 2015-08-30T12:36:00Z */
                .credentials = credentials,
        };
}

static int canonical(const SigV4Request *r, char **ret)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(65536), names = STRBUF_INIT(1024);
        int q = sigv4_canonical_request(r, &b, &names);

        return q < 0 ? q : strbuf_take(&b, ret);
}

/* The third line, or the second, of the canonical request: the query or the path. */
static void check_line(const SigV4Request *r, size_t line, const char *want)
{
        _cleanup_free_ char *text = NULL;
        const char *p;

        assert_int_equal(canonical(r, &text), 0);
        p = text;
        for (size_t i = 1; i < line; i++)
                p = strchr(p, '\n') + 1;
        _cleanup_free_ char *have = mem_strndup(p, strcspn(p, "\n"));
        assert_string_equal(have, want);
}

static void test_paths(void **state)
{
        static const struct {
                const char *path, *normalised, *kept;
        } cases[] = {
                {"/", "/", "/"},
                {"//", "/", "//"},
                {"/a/b", "/a/b", "/a/b"},
                {"/a/b/", "/a/b/", "/a/b/"},
                {"/a/./b//c/..", "/a/b", "/a/./b//c/.."}, /* no slash at its end, so none here */
                {"/a/./b//c/../", "/a/b/", "/a/./b//c/../"},
                {"/a/.", "/a", "/a/."},
                {"/../../a", "/a", "/../../a"},
                {"/..", "/", "/.."},
                {"/.", "/", "/."},
                {"/...", "/...", "/..."},
                {"/.a/..b", "/.a/..b", "/.a/..b"},
                {"/a%20b", "/a%2520b", "/a%20b"}, /* encoded twice, but for S3 */
                {"/a%2fb", "/a%252fb", "/a%2Fb"},
                {"/a:b*", "/a%3Ab%2A", "/a%3Ab%2A"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                SigV4Request r = request();
                r.path = cases[i].path;
                check_line(&r, 2, cases[i].normalised);
                r.keep_path = r.encode_once = true;
                check_line(&r, 2, cases[i].kept);
        }
}

/* To keep the dots and slashes is one thing, to encode once is another. */
static void test_kept_path_is_encoded_twice(void **state)
{
        static const struct {
                const char *path, *want;
        } cases[] = {
                {"/a b/", "/a%20b/"},
                {"/a%20b/..//./", "/a%2520b/..//./"},
                {"//%2f%C3%a9", "//%252f%25C3%25a9"},
                {"/100%", "/100%25"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                SigV4Request r = request();
                r.path = cases[i].path;
                r.keep_path = true;
                check_line(&r, 2, cases[i].want);
        }
}

static void test_queries(void **state)
{
        static const struct {
                const char *query, *want;
        } cases[] = {
                {"", ""},
                {"a", "a="},
                {"a=", "a="},
                {"=a", "=a"},
                {"&&a=1&", "a=1"},
                {"b=1&a=2&b=0", "a=2&b=0&b=1"},
                {"a=b=c", "a=b%3Dc"},
                {"a-b=1&a=2", "a=2&a-b=1"},
                {"A=1&a=1", "A=1&a=1"},
                {"a=%7e%2a", "a=~%2A"},
                {"a=1&aa=0&a=0", "a=0&a=1&aa=0"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                SigV4Request r = request();
                r.query = cases[i].query;
                check_line(&r, 3, cases[i].want);
        }
}

static void test_malformed(void **state)
{
        static const char *const bad_queries[] = {"%", "a=%", "a=%4", "a=%zz", "%4=1", "a&b%g0"};
        char *text = NULL;

        for (size_t i = 0; i < ELEMENTSOF(bad_queries); i++) {
                SigV4Request r = request();
                r.query = bad_queries[i];
                assert_int_equal(canonical(&r, &text), -EINVAL);
        }
        SigV4Request r = request();
        r.path = "";
        assert_int_equal(canonical(&r, &text), -EINVAL);
        r.path = "relative";
        assert_int_equal(canonical(&r, &text), -EINVAL);
        r.path = "/a%2";
        r.keep_path = r.encode_once = true;
        assert_int_equal(canonical(&r, &text), -EINVAL);
        assert_null(text);
}

static void test_unsigned_headers(void **state)
{
        static const SigV4Header headers[] = {
                {"User-Agent", "x/1"},
                {"Host", "h"},
                {"X-Amzn-Trace-Id", "1"},
                {"Connection", "close"},
                {"Expect", ""},
                {"Authorization", "none"},
                {"Transfer-Encoding", "x"},
                {"X-Custom", "  a \t b\r\n c  "},
                {"aaa", ""},
        };
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(65536), names = STRBUF_INIT(1024);
        SigV4Request r = request();

        r.headers = headers;
        r.n_headers = ELEMENTSOF(headers);
        assert_int_equal(sigv4_canonical_request(&r, &b, &names), 0);
        assert_string_equal(strbuf_str(&names), "aaa;host;x-amz-date;x-custom");
        assert_string_equal(
                strbuf_str(&b),
                "GET\n/\n\naaa:\nhost:h\nx-amz-date:20150830T123600Z\nx-custom:a b c\n\n"
                "aaa;host;x-amz-date;x-custom\n"
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_header_rules(void **state)
{
        static const SigV4Header dated[] = {{"Host", "h"}, {"X-Amz-Date", "x"}};
        static const SigV4Header with_token[] = {{"Host", "h"}, {"x-amz-security-token", "x"}};
        static const SigV4Header hashed[] = {{"Host", "h"}, {"x-amz-CONTENT-sha256", "x"}};
        SigV4Header many[40];
        SigV4Request r = request();
        char *text = NULL;

        r.n_headers = 0;
        assert_int_equal(canonical(&r, &text), -EINVAL); /* no Host */
        r.n_headers = 2;
        r.headers = dated;
        assert_int_equal(canonical(&r, &text), -EINVAL);
        r.headers = with_token;
        assert_int_equal(canonical(&r, &text), -EINVAL);
        r.headers = hashed;
        assert_int_equal(canonical(&r, &text), -EINVAL);

        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                many[i] = host;
        r.headers = many;
        r.n_headers = 31; /* and the date makes 32 */
        assert_int_equal(canonical(&r, &text), 0);
        free(TAKE_PTR(text));
        r.n_headers = 32;
        assert_int_equal(canonical(&r, &text), -E2BIG);
}

static void test_caps(void **state)
{
        _cleanup_free_ char *longest = mem_alloc0(70000), *slashes = mem_alloc0(1000);
        _cleanup_strbuf_ StrBuf query = STRBUF_INIT(10000);
        SigV4Signed s = {0};
        SigV4Request r = request();

        memset(longest, 'a', 69999);
        longest[0] = '/';
        r.path = longest;
        assert_int_equal(sigv4_sign(&r, NULL, &s), -E2BIG);

        for (size_t i = 0; i < 998; i += 2)
                memcpy(slashes + i, "/a", 2);
        r.path = slashes;
        assert_int_equal(sigv4_sign(&r, NULL, &s), -E2BIG);

        r.path = "/";
        for (int i = 0; i < 129; i++)
                strbuf_addf(&query, "&a%d", i);
        r.query = strbuf_str(&query);
        assert_int_equal(sigv4_sign(&r, NULL, &s), -E2BIG);
        r.query = NULL;
        r.region = "a-region-name-that-is-much-longer-than-any-name-of-a-region-could-be-for-us-"
                   "to-care-about-it";
        assert_int_equal(sigv4_sign(&r, NULL, &s), -E2BIG);
        assert_null(s.authorization);
}

static char *authorization(const SigV4Request *r, SigV4Key *key)
{
        SigV4Signed s = {0};

        assert_int_equal(sigv4_sign(r, key, &s), 0);
        return s.authorization;
}

/* Each thing that the key depends on is changed while the key is kept; with and without a kept
 * key the signatures must agree. */
static void test_kept_key(void **state)
{
        _cleanup_(aws_credentials_unrefp) AwsCredentials *corrected = NULL;
        _cleanup_(sigv4_key_wipe) SigV4Key key = {0};
        SigV4Request variants[6];

        /* The same key id with another secret: a typing error was corrected. */
        assert_int_equal(aws_credentials_new("AKIDEXAMPLE", "another", NULL, 0, &corrected), 0);
        for (size_t i = 0; i < ELEMENTSOF(variants); i++)
                variants[i] = request();
        variants[1].region = "us-east-2";
        variants[2].service = "other";
        variants[3].time_msec += MSEC_PER_DAY;
        variants[4].credentials = corrected;
        variants[5].path = "/other";

        for (size_t i = 0; i < ELEMENTSOF(variants); i++)
                for (size_t j = 0; j < ELEMENTSOF(variants); j++) {
                        _cleanup_free_ char *warm = authorization(&variants[i], &key);
                        _cleanup_free_ char *have = authorization(&variants[j], &key);
                        _cleanup_free_ char *want = authorization(&variants[j], NULL);
                        assert_string_equal(have, want);
                        assert_true(streq(warm, have) == (i == j));
                }
}

static void test_key_is_wiped(void **state)
{
        SigV4Key key = {0};
        const SigV4Key zero = {0};
        SigV4Request r = request();

        free(authorization(&r, &key));
        assert_true(key.credentials == credentials);
        assert_int_equal(credentials->n_ref, 2);
        sigv4_key_wipe(&key);
        assert_memory_equal(&key, &zero, sizeof(key));
        assert_int_equal(credentials->n_ref, 1);
        sigv4_key_wipe(&key);
}

UNIT_MAIN(cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
          cmocka_unit_test_setup_teardown(test_kept_path_is_encoded_twice, setup, teardown),
          cmocka_unit_test_setup_teardown(test_queries, setup, teardown),
          cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
          cmocka_unit_test_setup_teardown(test_unsigned_headers, setup, teardown),
          cmocka_unit_test_setup_teardown(test_header_rules, setup, teardown),
          cmocka_unit_test_setup_teardown(test_caps, setup, teardown),
          cmocka_unit_test_setup_teardown(test_kept_key, setup, teardown),
          cmocka_unit_test_setup_teardown(test_key_is_wiped, setup, teardown))
