/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uri.h"

#include <arpa/inet.h>
#include <errno.h>
#include <strings.h>

#include "base/mem.h"

static bool is_alnum(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_hex(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/* RFC 3986 section 2.3 */
static bool is_unreserved(char c)
{
        return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* RFC 3986 sections 3.3 and 3.4: pchar, '/' and '?', with whole percent-encodings. */
static bool path_is_valid(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (s[i] == '%') {
                        if (n - i < 3 || !is_hex(s[i + 1]) || !is_hex(s[i + 2]))
                                return false;
                } else if (!is_unreserved(s[i]) && (!s[i] || !strchr("!$&'()*+,;=:@/?", s[i])))
                        return false;
        }
        return true;
}

static char *lower(const char *s, size_t n)
{
        char *t = mem_strndup(s, n);

        for (char *p = t; *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                        *p = (char)(*p - 'A' + 'a');
        return t;
}

/* Dot-separated labels of letters, digits, '-' and '_' (found in private zones). */
static bool host_name_is_valid(const char *s)
{
        size_t label = 0, total = 0;

        for (; *s; s++, total++) {
                if (*s == '.') {
                        if (label == 0)
                                return false;
                        label = 0;
                } else if (is_alnum(*s) || *s == '-' || *s == '_') {
                        if (++label > 63)
                                return false;
                } else
                        return false;
        }
        return label > 0 && total <= 253;
}

static int parse_port(const char *s, size_t n, uint16_t *ret)
{
        unsigned port = 0;

        if (n == 0 || n > 5)
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                if (s[i] < '0' || s[i] > '9')
                        return -EINVAL;
                port = 10 * port + (unsigned)(s[i] - '0');
        }
        if (port == 0 || port > UINT16_MAX)
                return -EINVAL;
        *ret = (uint16_t)port;
        return 0;
}

/* [host]:port or host:port, n bytes. */
static int parse_authority(const char *s, size_t n, Uri *u)
{
        const char *end = s + n, *rest;

        if (n > 0 && *s == '[') {
                struct in6_addr address;
                const char *close = memchr(s, ']', n);
                if (!close)
                        return -EINVAL;
                u->host = lower(s + 1, (size_t)(close - s - 1));
                if (inet_pton(AF_INET6, u->host, &address) != 1)
                        return -EINVAL;
                rest = close + 1;
        } else {
                rest = memchr(s, ':', n);
                if (!rest)
                        rest = end;
                u->host = lower(s, (size_t)(rest - s));
                if (!host_name_is_valid(u->host))
                        return -EINVAL;
        }
        if (rest == end)
                return 0;
        if (*rest != ':')
                return -EINVAL;
        return parse_port(rest + 1, (size_t)(end - rest - 1), &u->port);
}

int uri_parse(const char *s, Uri *ret)
{
        static const char *const schemes[] = {"https://", "http://"};
        _cleanup_uri_ Uri u = {0};

        for (size_t i = 0; i < ELEMENTSOF(schemes); i++)
                if (strncasecmp(s, schemes[i], strlen(schemes[i])) == 0) {
                        s += strlen(schemes[i]);
                        u.scheme = mem_strndup(schemes[i], strlen(schemes[i]) - 3);
                        break;
                }
        if (!u.scheme)
                return -EINVAL;

        size_t n = strcspn(s, "/?#");
        int r = parse_authority(s, n, &u);
        if (r < 0)
                return r;
        s += n;

        size_t path_len = strcspn(s, "?#");
        const char *query = s + path_len;
        size_t query_len = *query == '?' ? strlen(query + 1) : 0;
        if (*query == '#' || !path_is_valid(s, path_len) || !path_is_valid(query + 1, query_len))
                return -EINVAL;

        u.path = path_len > 0 ? mem_strndup(s, path_len) : mem_strdup("/");
        u.query = *query == '?' ? mem_strdup(query + 1) : NULL;
        *ret = u;
        u = (Uri){0};
        return 0;
}

void uri_done(Uri *u)
{
        free(u->scheme);
        free(u->host);
        free(u->path);
        free(u->query);
        *u = (Uri){0};
}

void uri_encode(StrBuf *b, const char *s, size_t n, UriEncode how)
{
        static const char hex[] = "0123456789ABCDEF";

        for (size_t i = 0; i < n;) {
                size_t run = i;
                while (run < n &&
                       (is_unreserved(s[run]) || (s[run] == '/' && how == URI_ENCODE_KEEP_SLASH)))
                        run++;
                strbuf_add_n(b, s + i, run - i);
                i = run;
                if (i < n) {
                        unsigned char c = (unsigned char)s[i++];
                        strbuf_add_n(b, (const char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
                }
        }
}

void uri_form_add(StrBuf *b, const char *key, const char *value)
{
        if (!value)
                return;
        if (b->len > 0)
                strbuf_add_char(b, '&');
        uri_encode(b, key, strlen(key), URI_ENCODE_ALL);
        strbuf_add_char(b, '=');
        uri_encode(b, value, strlen(value), URI_ENCODE_ALL);
}

bool uri_host_is_loopback(const char *host)
{
        static const char localhost[] = "localhost";
        struct in_addr v4;
        struct in6_addr v6;
        size_t n = strlen(host), m = sizeof(localhost) - 1;

        if (inet_pton(AF_INET, host, &v4) == 1)
                return ntohl(v4.s_addr) >> 24 == 127;
        if (inet_pton(AF_INET6, host, &v6) == 1)
                return IN6_IS_ADDR_LOOPBACK(&v6);
        /* RFC 6761 section 6.3: "localhost" and what ends in ".localhost" */
        return n >= m && strcasecmp(host + n - m, localhost) == 0 &&
               (n == m || (host[n - m - 1] == '.' && n > m + 1));
}

static bool is_address(const char *host, int family, const char *address)
{
        unsigned char a[sizeof(struct in6_addr)], b[sizeof(struct in6_addr)];

        return inet_pton(family, host, a) == 1 && inet_pton(family, address, b) == 1 &&
               memcmp(a, b, family == AF_INET ? 4 : 16) == 0;
}

bool uri_host_is_metadata(const char *host)
{
        return is_address(host, AF_INET, "169.254.169.254") ||
               is_address(host, AF_INET6, "fd00:ec2::254");
}

bool uri_host_is_container(const char *host)
{
        return is_address(host, AF_INET, "169.254.170.2") ||  /* ECS */
               is_address(host, AF_INET, "169.254.170.23") || /* EKS */
               is_address(host, AF_INET6, "fd00:ec2::23");
}
