/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>

#include "base/mem.h"
#include "base/uri.h"

static void test_parse(void **state)
{
        static const struct {
                const char *s, *scheme, *host;
                uint16_t port;
                const char *path, *query;
        } cases[] = {
                {"https://example.com", "https", "example.com", 0, "/", NULL},
                {"HTTPS://Example.COM/", "https", "example.com", 0, "/", NULL},
                {"http://127.0.0.1:8080/a/b?c=d&e", "http", "127.0.0.1", 8080, "/a/b", "c=d&e"},
                {"http://[FD00:EC2::254]:80/x", "http", "fd00:ec2::254", 80, "/x", NULL},
                {"http://[::1]", "http", "::1", 0, "/", NULL},
                {"https://host?", "https", "host", 0, "/", ""},
                {"https://a_b.example:65535/%41?x=%2f", "https", "a_b.example", 65535, "/%41",
                 "x=%2f"},
                {"https://h/?a?b/c", "https", "h", 0, "/", "a?b/c"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_uri_ Uri u = {0};
                assert_int_equal(uri_parse(cases[i].s, &u), 0);
                assert_string_equal(u.scheme, cases[i].scheme);
                assert_string_equal(u.host, cases[i].host);
                assert_int_equal(u.port, cases[i].port);
                assert_string_equal(u.path, cases[i].path);
                assert_true(streq_ptr(u.query, cases[i].query));
        }
}

static void test_refuse(void **state)
{
        static const char *const bad[] = {
                "",
                "https",
                "https:/host",
                "https://",
                "https:///path",
                "//host/",
                "ftp://host/",
                "file:///etc/passwd",
                " https://host/",
                "https://user@host/",
                "https://user:pw@host/",
                "https://host:80@evil.example/",
                "https://host#fragment",
                "https://host/#fragment",
                "https://host/?q#fragment",
                "https://host:",
                "https://host:0",
                "https://host:65536",
                "https://host:4294967376",
                "https://host:+80",
                "https://host:80a",
                "https://host/ space",
                "https://host/a\nb",
                "https://ho st/",
                "https://host\\@evil.example/",
                "https://host/a\\b",
                "https://host/%",
                "https://host/%4",
                "https://host/%4g",
                "https://host/?%zz",
                "https://host/\xc3\xa9",
                "https://h\xc3\xa9st/",
                "https://%68ost/",
                "https://.host/",
                "https://host./",
                "https://a..b/",
                "https://[::1",
                "https://[::1]x",
                "https://[::1]:",
                "https://[fe80::1%25eth0]/",
                "https://[127.0.0.1]/",
                "https://::1/",
                "https://{region}.example/",
                "https://host/\"quoted\"",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Uri u = {0};
                if (uri_parse(bad[i], &u) != -EINVAL)
                        fail_msg("accepted: %s", bad[i]);
                assert_null(u.host);
        }
}

static void test_long_hosts(void **state)
{
        char label[64 + 1] = "", url[400] = "https://";
        Uri u = {0};

        memset(label, 'a', 64);
        _cleanup_free_ char *too_long = mem_printf("https://%s/", label);
        assert_int_equal(uri_parse(too_long, &u), -EINVAL);
        _cleanup_free_ char *fits = mem_printf("https://%.63s/", label);
        assert_int_equal(uri_parse(fits, &u), 0);
        uri_done(&u);

        for (int i = 0; i < 127; i++)
                memcpy(url + 8 + 2 * i, "a.", 2);
        memcpy(url + 8 + 252, "b", 2); /* 253 characters */
        assert_int_equal(uri_parse(url, &u), 0);
        uri_done(&u);
        memcpy(url + 8 + 252, "bc", 3);
        assert_int_equal(uri_parse(url, &u), -EINVAL);
}

static void test_encode(void **state)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(1000);

        uri_encode(&b, "AZaz09-._~", 10, URI_ENCODE_ALL);
        assert_string_equal(strbuf_str(&b), "AZaz09-._~");
        strbuf_reset(&b);
        uri_encode(&b, "a b/c+%\n\0\xff", 10, URI_ENCODE_ALL);
        assert_string_equal(strbuf_str(&b), "a%20b%2Fc%2B%25%0A%00%FF");
        strbuf_reset(&b);
        uri_encode(&b, "/a b/", 5, URI_ENCODE_KEEP_SLASH);
        assert_string_equal(strbuf_str(&b), "/a%20b/");
}

static void test_form(void **state)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(1000);

        uri_form_add(&b, "Action", "Publish");
        uri_form_add(&b, "Absent", NULL);
        uri_form_add(&b, "Empty", "");
        uri_form_add(&b, "a&b", "c=d e&f");
        assert_string_equal(strbuf_str(&b), "Action=Publish&Empty=&a%26b=c%3Dd%20e%26f");
}

static void test_loopback(void **state)
{
        static const char *const yes[] = {"127.0.0.1",       "127.255.255.254", "::1",
                                          "0:0:0:0:0:0:0:1", "localhost",       "a.localhost",
                                          "LOCALHOST"};
        static const char *const no[] = {
                "",
                "127.evil.example",
                "127.0.0.1.evil.example",
                "128.0.0.1",
                "127.1",
                "localhost.evil.example",
                "xlocalhost",
                ".localhost",
                "::2",
                "0.0.0.0",
                "::",
                "0x7f.0.0.1",
                "2130706433",
                "::ffff:127.0.0.1",
                "169.254.169.254",
        };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                assert_true(uri_host_is_loopback(yes[i]));
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                if (uri_host_is_loopback(no[i]))
                        fail_msg("loopback: %s", no[i]);
}

static void test_metadata(void **state)
{
        static const char *const instance[] = {"169.254.169.254", "fd00:ec2::254",
                                               "fd00:0ec2:0::254"};
        static const char *const container[] = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23",
                                                "fd00:0ec2::0:23"};
        static const char *const no[] = {
                "",
                "169.254.169.253",
                "169.254.170.3",
                "fd00:ec2::255",
                "127.0.0.1",
                "localhost",
                "169.254.169.254.evil.example",
                "0xa9.254.169.254",
                "2852039166",
        };

        for (size_t i = 0; i < ELEMENTSOF(instance); i++) {
                assert_true(uri_host_is_metadata(instance[i]));
                assert_false(uri_host_is_container(instance[i]));
        }
        for (size_t i = 0; i < ELEMENTSOF(container); i++) {
                assert_true(uri_host_is_container(container[i]));
                assert_false(uri_host_is_metadata(container[i]));
        }
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                if (uri_host_is_metadata(no[i]) || uri_host_is_container(no[i]))
                        fail_msg("metadata: %s", no[i]);
}

UNIT_MAIN(T(test_parse), T(test_refuse), T(test_long_hosts), T(test_encode), T(test_form),
          T(test_loopback), T(test_metadata))
