/* SPDX-License-Identifier: Apache-2.0 */
/* Proxies: their URLs, who is exempt, what they see of a call, and how they fail. */
#include "http-fixture.h"

#include <curl/curl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/proxy.h"

#define PASSWORD "s%3Acr%40t"

static void test_urls(void **state)
{
        static const struct {
                const char *url, *shown;
        } cases[] = {
                {"http://proxy.example.com:3128", "http://proxy.example.com:3128"},
                {"HTTP://Proxy.Example.COM:3128/", "http://proxy.example.com:3128"},
                {"https://proxy.example.com:443", "https://proxy.example.com:443"},
                {"proxy.example.com:3128", "http://proxy.example.com:3128"},
                {"http://user:" PASSWORD "@10.0.0.1:8080", "http://10.0.0.1:8080"},
                {"http://user@10.0.0.1:8080", "http://10.0.0.1:8080"},
                {"user:p@ss@10.0.0.1:8080", "http://10.0.0.1:8080"},
                {"http://[2001:db8::1]:3128", "http://[2001:db8::1]:3128"},
                {"http://proxy.example.com", NULL}, /* libcurl would take 1080 */
                {"http://proxy.example.com:0", NULL},
                {"http://proxy.example.com:3128/path", NULL},
                {"http://proxy.example.com:3128?x", NULL},
                {"socks5://proxy.example.com:1080", NULL},
                {"http://user:pa ss@proxy.example.com:1", NULL},
                {"http://user:%0d%0a@proxy.example.com:1", NULL},
                {"http://user:%@proxy.example.com:1", NULL},
                {"http://user:pa/ss@proxy.example.com:1", NULL},
                {"http://:3128", NULL},
                {"", NULL},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *shown = NULL;

                assert_int_equal(proxy_parse(cases[i].url, &shown), cases[i].shown ? 0 : -EINVAL);
                if (cases[i].shown)
                        assert_string_equal(shown, cases[i].shown);
                else
                        assert_null(shown);
        }
}

static curl_socket_t on_open_socket(void *userdata, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
        *(int *)userdata = address->family;
        return CURL_SOCKET_BAD;
}

/* The proxy is of IPv6, the host of IPv4 or the other way round: which one libcurl wants to dial
 * says what it makes of the list. */
static bool curl_exempts(const char *no_proxy, const char *host)
{
        bool v6 = strchr(host, ':');
        _cleanup_free_ char *url = mem_printf(v6 ? "https://[%s]/" : "https://%s/", host);
        CURL *easy = curl_easy_init();
        int family = -1;

        assert_non_null(easy);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_PROXY, v6 ? "http://127.0.0.1:1" : "http://[::1]:1");
        curl_easy_setopt(easy, CURLOPT_NOPROXY, no_proxy);
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &family);
        assert_int_equal(curl_easy_perform(easy), CURLE_COULDNT_CONNECT);
        curl_easy_cleanup(easy);
        return family == (v6 ? AF_INET6 : AF_INET);
}

/* Held against libcurl itself, but where 7.88 is mistaken (own): it takes IPv6 literals for names,
 * and loses entries that are apart by blanks alone. */
static void test_exemptions_are_those_of_libcurl(void **state)
{
        static const struct {
                const char *no_proxy, *host;
                bool exempt, own;
        } cases[] = {
                {"*", "good.test", true},
                {"evil.test,*", "good.test", false},
                {"good.test", "good.test", true},
                {"GOOD.test", "good.test", true},
                {".good.test", "good.test", true},
                {"test", "good.test", true},
                {".test", "good.test", true},
                {"good.test.", "good.test", true},
                {"ood.test", "good.test", false},
                {"a.good.test", "good.test", false},
                {"good.test.example", "good.test", false},
                {"evil.test,good.test", "good.test", true},
                {"evil.test , good.test", "good.test", true},
                {",,good.test,", "good.test", true},
                {"evil.test good.test", "good.test", true, .own = true},
                {".", "good.test", false},
                {"192.0.2.1", "192.0.2.1", true},
                {"192.0.2.10", "192.0.2.1", false},
                {"2.1", "192.0.2.1", false},
                {"192.0.2.0/24", "192.0.2.1", true},
                {"192.0.3.0/24", "192.0.2.1", false},
                {"192.0.0.0/22", "192.0.2.1", true},
                {"192.0.4.0/22", "192.0.2.1", false},
                {"192.0.2.1/32", "192.0.2.1", true},
                {"192.0.2.0/33", "192.0.2.1", false},
                {"192.0.2.0/x", "192.0.2.1", false},
                {"10.0.0.0/8,192.0.2.0/24", "192.0.2.1", true},
                {"192.0.2.0/24", "good.test", false},
                {"2001:db8::1", "2001:db8::1", true},
                {"2001:db8:0::1", "2001:db8::1", true, .own = true},
                {"2001:db8::/32", "2001:db8::1", true, .own = true},
                {"2001:db9::/32", "2001:db8::1", false},
                {"2001:db8::/30", "2001:db8::1", true, .own = true},
                {"2001:dbf::/30", "2001:db8::1", false, .own = true},
                {"2001:db8::/129", "2001:db8::1", false},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                if (proxy_exempts(cases[i].no_proxy, cases[i].host) != cases[i].exempt)
                        fail_msg("%s for %s", cases[i].no_proxy, cases[i].host);
                if (!cases[i].own &&
                    curl_exempts(cases[i].no_proxy, cases[i].host) != cases[i].exempt)
                        fail_msg("libcurl: %s for %s", cases[i].no_proxy, cases[i].host);
        }
        assert_false(proxy_exempts(NULL, "good.test"));
        assert_false(proxy_exempts("", "good.test"));
}

/* A transport through a proxy that the test plays: f->listener is the proxy's from here on. */
static void go_through_proxy(Fixture *f, const char *user_info, const char *no_proxy)
{
        _cleanup_free_ char *proxy = mem_printf("http://%s127.0.0.1:%u", user_info, f->port);

        make_transport(f, (HttpCurlOptions){.proxy = proxy, .no_proxy = no_proxy});
}

static int begin_connect(Fixture *f, Seen *s, const char **ret_request)
{
        static const HttpHeader headers[] = {{"Host", "evil.test"},
                                             {"Authorization", "AWS4 secret"},
                                             {"X-Amz-Security-Token", "secret"},
                                             {"User-Agent", "trailsentry/0.0"}};

        start(f, s,
              (HttpRequest){.url = "https://evil.test/",
                            .headers = headers,
                            .n_headers = ELEMENTSOF(headers),
                            .connect_timeout_usec = s->body[0] == 'h' ? 100 * USEC_PER_MSEC : 0});
        int fd = serve_accept(f);
        *ret_request = serve_read(f, fd);
        return fd;
}

/* Field bug: the Host header under a proxy. CONNECT carries the service's name and port, and
 * nothing of what is for the service alone. */
static void test_host_header_under_a_proxy(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        const char *request;

        go_through_proxy(f, "", NULL);
        int fd = begin_connect(f, &s, &request);
        assert_string_equal(request, "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n"
                                     "Proxy-Connection: Keep-Alive\r\n\r\n");
        f->http->cancel(s.call);
        close(fd);
        assert_string_equal(dialled, "");
}

static void test_user_and_password(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        const char *request;

        go_through_proxy(f, "guard:" PASSWORD "@", NULL);
        int fd = begin_connect(f, &s, &request);
        /* guard:s:cr@t */
        assert_has(request, "\r\nProxy-Authorization: Basic Z3VhcmQ6czpjckB0\r\n");
        assert_has_not(request, "AWS4");
        serve_write(fd, "HTTP/1.1 407 Proxy Authentication Required\r\n"
                        "Proxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n");
        wait_called(f, &s);
        assert_string_equal(s.error.code, "ProxyRefused");
        assert_has_not(s.error.message, "guard");
        assert_has_not(s.error.message, "cr");
        close(fd);
}

/* Each way in which a proxy fails names it, and nothing is dialled past it. */
static void test_failing_proxies(void **state)
{
        static const struct {
                const char *answer; /* NULL: none, the connection stays open */
                const char *code, *words;
        } cases[] = {
                {"HTTP/1.1 407 Proxy Authentication Required\r\nx-amzn-requestid: fake\r\n"
                 "Content-Length: 0\r\n\r\n",
                 "ProxyRefused", ": HTTP 407 (it wants a user name"},
                {"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "ProxyRefused",
                 " refuses to connect to evil.test: HTTP 403"},
                {"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "ProxyRefused",
                 ": HTTP 502"},
                {"HTTP/1.1 301 Moved\r\nLocation: http://192.0.2.9/\r\n\r\n", "ProxyRefused",
                 ": HTTP 301"},
                {"HTTP/1.1 200 OK\r\n\r\nThis is not TLS, whatever you say\r\n",
                 "TlsHandshakeFailed", "evil.test (through"},
                {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "", "evil.test (through"},
                {"", "", "evil.test (through"},
                {NULL, "ConnectTimeout", "no connection to evil.test (through"},
        };
        Fixture *f = *state;

        go_through_proxy(f, "guard:" PASSWORD "@", NULL);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *shown = mem_printf(" the proxy http://127.0.0.1:%u", f->port);
                Seen s = {.body = {cases[i].answer ? '\0' : 'h'}}; /* hurries, where it is to end */
                const char *request;
                int fd = begin_connect(f, &s, &request);

                assert_memory_equal(request, "CONNECT ", 8);
                if (cases[i].answer) {
                        serve_write(fd, cases[i].answer);
                        assert_int_equal(shutdown(fd, SHUT_WR), 0);
                }
                wait_called(f, &s);
                assert_int_equal(s.error.class, AWS_ERROR_NETWORK);
                if (*cases[i].code)
                        assert_string_equal(s.error.code, cases[i].code);
                assert_has(s.error.message, cases[i].words);
                assert_has(s.error.message, i < 4 ? shown + 1 : shown);
                assert_has_not(s.error.message, "guard");
                close(fd);
        }
        assert_string_equal(dialled, "");
}

static void test_proxy_that_is_not_there(void **state)
{
        static const struct {
                const char *proxy, *code, *words;
        } cases[] = {
                {"http://u:p@none.test:3128", "CouldNotResolveProxy",
                 "(through the proxy http://none.test:3128): "},
                {"http://u:p@127.0.0.1:1", "ConnectionRefused",
                 "(through the proxy http://127.0.0.1:1): "},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Seen s = {0};

                make_transport(f, (HttpCurlOptions){.proxy = cases[i].proxy});
                start(f, &s, (HttpRequest){.url = "https://evil.test/"});
                wait_called(f, &s);
                assert_string_equal(s.error.code, cases[i].code);
                assert_has(s.error.message, cases[i].words);
        }
}

/* A name that hangs is the proxy's. */
static void test_proxy_whose_name_hangs(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        sem_init(&hang_entered, 0, 0);
        sem_init(&hang_released, 0, 0);
        make_transport(f, (HttpCurlOptions){.proxy = "http://u:p@hang.test:3128"});
        start(f, &s,
              (HttpRequest){.url = "https://evil.test/",
                            .connect_timeout_usec = 50 * USEC_PER_MSEC});
        wait_called(f, &s);
        assert_string_equal(s.error.message,
                            "the name http://hang.test:3128 was not resolved within 50 ms");
        f->http = http_curl_free(f->http);
        sem_post(&hang_released);
}

static void test_exempt_hosts_are_dialled(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        go_through_proxy(f, "", "example.com,.test");
        start(f, &s, (HttpRequest){.url = "https://evil.test/"});
        wait_called(f, &s);
        assert_string_equal(dialled, "192.0.2.1 ");
        assert_has_not(s.error.message, "proxy");
        assert_false(readable_now(f->listener));

        /* By what this transport was told, not by the environment. */
        setenv("no_proxy", "*", 1);
        go_through_proxy(f, "", "example.com");
        start(f, &s, (HttpRequest){.url = "https://evil.test/"});
        close(serve_accept(f));
        wait_called(f, &s);
        unsetenv("no_proxy");
}

/* Field bug: IMDS through HTTP_PROXY. Whatever the environment and the options say, neither plain
 * http nor the metadata policy goes through a proxy; nor does anything by the environment alone. */
static void test_metadata_never_goes_through_a_proxy(void **state)
{
        static const char *const variables[] = {"http_proxy",  "HTTP_PROXY", "https_proxy",
                                                "HTTPS_PROXY", "all_proxy",  "ALL_PROXY"};
        static const char *const addresses[] = {
                "169.254.169.254", "[fd00:ec2::254]", /* the others are a container's */
                "169.254.170.2",   "169.254.170.23",  "[fd00:ec2::23]",
        };
        Fixture *f = *state;
        uint16_t port;
        int service = f->listener, proxy_listener = listen_on_loopback(&port, 16);
        _cleanup_free_ char *proxy = mem_printf("http://127.0.0.1:%u", port);
        Seen s = {0};

        for (size_t i = 0; i < ELEMENTSOF(variables); i++)
                setenv(variables[i], proxy, 1);
        for (size_t with = 0; with < 2; with++) {
                make_transport(f, (HttpCurlOptions){.proxy = with ? proxy : NULL});
                for (size_t i = 0; i < ELEMENTSOF(addresses); i++) {
                        _cleanup_free_ char *url = mem_printf("http://%s/", addresses[i]);

                        dialled[0] = '\0';
                        start(f, &s,
                              (HttpRequest){.url = url,
                                            .policy = i < 2 ? HTTP_POLICY_METADATA
                                                            : HTTP_POLICY_CONTAINER});
                        wait_called(f, &s);
                        assert_string_equal(s.error.code, "ConnectionRefused");
                        assert_memory_equal(dialled, addresses[i] + (*addresses[i] == '['), 4);
                }
                close(exchange(f)); /* plain http to loopback */
                dialled[0] = '\0';  /* a container's own server, with TLS */
                start(f, &s,
                      (HttpRequest){.url = "https://evil.test/", .policy = HTTP_POLICY_CONTAINER});
                wait_called(f, &s);
                assert_string_equal(dialled, "192.0.2.1 ");
                assert_false(readable_now(proxy_listener));
        }
        make_transport(f, (HttpCurlOptions){0});
        start(f, &s, (HttpRequest){.url = "https://evil.test/"});
        wait_called(f, &s);
        assert_false(readable_now(proxy_listener));

        for (size_t i = 0; i < ELEMENTSOF(variables); i++)
                unsetenv(variables[i]);
        close(proxy_listener);
        f->listener = service;
}

UNIT_MAIN(T(test_urls), WITH_HTTP(test_exemptions_are_those_of_libcurl),
          WITH_HTTP(test_host_header_under_a_proxy), WITH_HTTP(test_user_and_password),
          WITH_HTTP(test_failing_proxies), WITH_HTTP(test_proxy_that_is_not_there),
          WITH_HTTP(test_proxy_whose_name_hangs), WITH_HTTP(test_exempt_hosts_are_dialled),
          WITH_HTTP(test_metadata_never_goes_through_a_proxy))
