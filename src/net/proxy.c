/* SPDX-License-Identifier: Apache-2.0 */
#include "net/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <strings.h>

#include "base/mem.h"
#include "base/uri.h"

#define SEPARATORS ", \t"

/* Printable, with whole percent-encodings, none of a control character. */
static bool user_info_is_valid(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (s[i] <= ' ' || s[i] > '~')
                        return false;
                if (s[i] == '%' && (n - i < 3 || !strchr("234567", s[i + 1]) ||
                                    !strchr("0123456789abcdefABCDEF", s[i + 2])))
                        return false;
        }
        return true;
}

int proxy_parse(const char *url, char **ret_shown)
{
        static const char *const schemes[] = {"http://", "https://"};
        _cleanup_uri_ Uri u = {0};
        const char *scheme = schemes[0], *at = NULL;

        for (size_t i = 0; i < ELEMENTSOF(schemes); i++)
                if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0) {
                        scheme = schemes[i];
                        url += strlen(scheme);
                        break;
                }

        for (const char *s = url; *(s += strcspn(s, "@/?#")) == '@'; s++)
                at = s;
        if (at) {
                if (!user_info_is_valid(url, (size_t)(at - url)))
                        return -EINVAL;
                url = at + 1;
        }

        _cleanup_free_ char *plain = mem_printf("%s%s", scheme, url);
        int r = uri_parse(plain, &u);
        if (r < 0)
                return r;
        if (u.port == 0 || !streq(u.path, "/") || u.query)
                return -EINVAL;
        *ret_shown =
                mem_printf(strchr(u.host, ':') ? "%s[%s]:%u" : "%s%s:%u", scheme, u.host, u.port);
        return 0;
}

static bool name_is_within(const char *host, const char *name)
{
        size_t n = strlen(host), m;

        name += *name == '.';
        m = strlen(name);
        if (m > 0 && name[m - 1] == '.')
                m--;
        return m > 0 && m <= n && strncasecmp(host + n - m, name, m) == 0 &&
               (m == n || host[n - m - 1] == '.');
}

/* address: of the family, 4 or 16 bytes. network: ADDRESS or ADDRESS/BITS. */
static bool address_is_within(int family, const unsigned char *address, char *network)
{
        unsigned char wanted[sizeof(struct in6_addr)];
        unsigned bits = family == AF_INET ? 32 : 128, most = bits;
        char *slash = strchr(network, '/');

        if (slash) {
                *slash++ = '\0';
                size_t n = strlen(slash);
                if (n == 0 || n > 3 || strspn(slash, "0123456789") != n)
                        return false;
                bits = (unsigned)strtoul(slash, NULL, 10);
        }
        if (bits > most || inet_pton(family, network, wanted) != 1)
                return false;

        unsigned rest = bits % 8;
        return memcmp(address, wanted, bits / 8) == 0 &&
               (rest == 0 || (address[bits / 8] ^ wanted[bits / 8]) >> (8 - rest) == 0);
}

bool proxy_exempts(const char *no_proxy, const char *host)
{
        unsigned char address[sizeof(struct in6_addr)];
        int family = inet_pton(AF_INET, host, address) == 1    ? AF_INET
                     : inet_pton(AF_INET6, host, address) == 1 ? AF_INET6
                                                               : AF_UNSPEC;

        if (!no_proxy)
                return false;
        if (streq(no_proxy, "*"))
                return true;
        for (const char *s = no_proxy; *(s += strspn(s, SEPARATORS));) {
                size_t n = strcspn(s, SEPARATORS);
                _cleanup_free_ char *entry = mem_strndup(s, n);

                if (family == AF_UNSPEC ? name_is_within(host, entry)
                                        : address_is_within(family, address, entry))
                        return true;
                s += n;
        }
        return false;
}
