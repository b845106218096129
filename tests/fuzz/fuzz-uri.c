/* SPDX-License-Identifier: Apache-2.0 */
/* URIs: what was taken apart prints and parses as the same; literal addresses are judged as
 * inet_pton() judges them; what was encoded decodes to what it was. */
#include <arpa/inet.h>
#include <strings.h>

#include "base/mem.h"
#include "base/uri.h"
#include "fuzz.h"

static char *print(const Uri *u)
{
        bool literal = strchr(u->host, ':');
        _cleanup_free_ char *port = u->port > 0 ? mem_printf(":%u", u->port) : mem_strdup("");

        return mem_printf("%s://%s%s%s%s%s%s%s", u->scheme, literal ? "[" : "", u->host,
                          literal ? "]" : "", port, u->path, u->query ? "?" : "",
                          strempty(u->query));
}

static bool is_one_of(const char *host, const char *const *addresses, size_t n)
{
        struct in6_addr a, b;

        for (size_t i = 0; i < n; i++) {
                int family = strchr(addresses[i], ':') ? AF_INET6 : AF_INET;

                if (inet_pton(family, host, &a) == 1 && inet_pton(family, addresses[i], &b) == 1 &&
                    memcmp(&a, &b, family == AF_INET ? 4 : 16) == 0)
                        return true;
        }
        return false;
}

static void check_host(const char *host)
{
        static const char *const metadata[] = {"169.254.169.254", "fd00:ec2::254"};
        static const char *const container[] = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23"};
        struct in_addr v4;
        struct in6_addr v6;
        size_t n = strlen(host);

        if (inet_pton(AF_INET, host, &v4) == 1)
                HOLD(uri_host_is_loopback(host) == ((ntohl(v4.s_addr) & 0xFF000000) == 0x7F000000));
        else if (inet_pton(AF_INET6, host, &v6) == 1)
                HOLD(uri_host_is_loopback(host) == (memcmp(&v6, &in6addr_loopback, 16) == 0));
        else if (uri_host_is_loopback(host))
                HOLD(n >= 9 && strcasecmp(host + n - 9, "localhost") == 0);
        HOLD(uri_host_is_metadata(host) == is_one_of(host, metadata, ELEMENTSOF(metadata)));
        HOLD(uri_host_is_container(host) == is_one_of(host, container, ELEMENTSOF(container)));
}

static unsigned hex(char c)
{
        const char *digits = "0123456789ABCDEF", *p = strchr(digits, c);

        HOLD(c && p);
        return (unsigned)(p - digits);
}

static void check_encoding(const char *data, size_t size)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(3 * size);
        size_t n = 0;

        uri_encode(&b, data, size, size % 2 ? URI_ENCODE_ALL : URI_ENCODE_KEEP_SLASH);
        HOLD(strbuf_error(&b) == 0);
        for (const char *p = strbuf_str(&b); *p; p++, n++) {
                unsigned char c = (unsigned char)*p;

                HOLD(n < size);
                if (c == '%') {
                        c = (unsigned char)(hex(p[1]) << 4 | hex(p[2]));
                        p += 2;
                } else
                        HOLD((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                             (c >= 'a' && c <= 'z') || strchr("-._~/", c));
                HOLD(c == (unsigned char)data[n]);
        }
        HOLD(n == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = fuzz_text(data, size), *printed = NULL, *reprinted = NULL;
        _cleanup_uri_ Uri u = {0}, again = {0};

        check_encoding((const char *)data, size);
        check_host(text);
        if (uri_parse(text, &u) < 0)
                return 0;

        HOLD(streq(u.scheme, "https") || streq(u.scheme, "http"));
        HOLD(*u.host && *u.path == '/');
        for (const char *p = u.host; *p; p++)
                HOLD(*p > ' ' && *p < 0x7F && !strchr("@/?#[]%\\", *p) && (*p < 'A' || *p > 'Z'));
        check_host(u.host);
        printed = print(&u);
        HOLD(fuzz_is_plain(printed));
        HOLD(uri_parse(printed, &again) == 0);
        reprinted = print(&again);
        HOLD(streq(printed, reprinted));
        HOLD(streq(u.host, again.host) && streq(u.path, again.path) &&
             streq_ptr(u.query, again.query));
        return 0;
}
