/* SPDX-License-Identifier: Apache-2.0 */
/* The transport: who may be dialled, name resolution, the cap on connections. */
#include "http-fixture.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* A listener whose queue is full drops the SYNs. */
static void test_connect_timeout(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        uint16_t port;
        int listener = listen_on_loopback(&port, 0), fds[4];
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons(port)};
        char url[64];

        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                (void)connect(fds[i], (struct sockaddr *)&a, sizeof(a)); /* in progress */
        }
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        start(f, &s, (HttpRequest){.url = url, .connect_timeout_usec = USEC_PER_SEC});
        wait_called(f, &s);
        assert_true(f->n_turns < 100); /* waits, and does not spin */
        assert_string_equal(s.error.code, "ConnectTimeout");
        assert_string_equal(s.error.message, "no connection to 127.0.0.1 within 1 s");
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                close(fds[i]);
        close(listener);
}

static void test_refused_and_unresolved(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        uint16_t port;
        char url[64];

        close(listen_on_loopback(&port, 0));
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        start(f, &s, (HttpRequest){.url = url});
        wait_called(f, &s);
        assert_string_equal(s.error.code, "ConnectionRefused");

        start(f, &s, (HttpRequest){.url = "https://none.test/"});
        wait_called(f, &s);
        assert_string_equal(s.error.code, "CouldNotResolveHost");
        assert_int_equal(s.error.class, AWS_ERROR_NETWORK);
}

static void test_policy(void **state)
{
        static const struct {
                const char *url;
                HttpPolicy policy;
                int r;
        } cases[] = {
                {"http://192.0.2.1/", HTTP_POLICY_SERVICE, -EPERM},
                {"http://[2001:db8::1]/", HTTP_POLICY_SERVICE, -EPERM},
                {"http://169.254.169.254/", HTTP_POLICY_SERVICE, -EPERM},
                {"http://192.0.2.1/", HTTP_POLICY_METADATA, -EPERM},
                {"https://169.254.169.254/", HTTP_POLICY_METADATA, -EPERM},
                {"http://169.254.170.2/", HTTP_POLICY_METADATA, -EPERM},
                {"http://192.0.2.1/", HTTP_POLICY_CONTAINER, -EPERM},
                {"http://169.254.169.254/", HTTP_POLICY_CONTAINER, -EPERM},
                {"http://169.254.170.20/", HTTP_POLICY_CONTAINER, -EPERM},
                {"http://[fd00:ec2::254]/", HTTP_POLICY_CONTAINER, -EPERM},
                {"ftp://127.0.0.1/", HTTP_POLICY_SERVICE, -EINVAL},
                {"file:///etc/passwd", HTTP_POLICY_SERVICE, -EINVAL},
                {"http://u:p@127.0.0.1/", HTTP_POLICY_SERVICE, -EINVAL},
        };
        Fixture *f = *state;
        Seen s = {0};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(
                        try_start(f, &s,
                                  (HttpRequest){.url = cases[i].url, .policy = cases[i].policy}),
                        cases[i].r);
        assert_int_equal(try_start(f, &s, (HttpRequest){.method = "DELETE"}), -EINVAL);
        assert_int_equal(try_start(f, &s,
                                   (HttpRequest){.headers = &(HttpHeader){"A", "b\r\nC: d"},
                                                 .n_headers = 1}),
                         -EINVAL);
        assert_string_equal(dialled, "");
}

/* What a name says is nothing; where it leads is what counts. */
static void test_policy_on_the_dialled_address(void **state)
{
        static const struct {
                const char *url;
                HttpPolicy policy;
                const char *code, *dialled;
        } cases[] = {
                {"http://evil.test/", HTTP_POLICY_SERVICE, "AddressRefused", ""},
                {"http://mapped.test/", HTTP_POLICY_SERVICE, "AddressRefused", ""},
                {"http://evil.test/", HTTP_POLICY_METADATA, "AddressRefused", ""},
                {"http://metadata.test/", HTTP_POLICY_SERVICE, "AddressRefused", ""},
                {"http://3221225985/", HTTP_POLICY_SERVICE, "AddressRefused", ""}, /* 192.0.2.1 */
                {"http://metadata.test/", HTTP_POLICY_METADATA, "ConnectionRefused",
                 "169.254.169.254 "},
                {"http://169.254.169.254/", HTTP_POLICY_METADATA, "ConnectionRefused",
                 "169.254.169.254 "},
                {"https://evil.test/", HTTP_POLICY_SERVICE, "ConnectionRefused", "192.0.2.1 "},
                {"http://evil.test/", HTTP_POLICY_CONTAINER, "AddressRefused", ""},
                {"http://mapped.test/", HTTP_POLICY_CONTAINER, "AddressRefused", ""},
                {"http://metadata.test/", HTTP_POLICY_CONTAINER, "AddressRefused", ""},
                {"http://169.254.170.2/", HTTP_POLICY_CONTAINER, "ConnectionRefused",
                 "169.254.170.2 "},
                {"http://169.254.170.23/", HTTP_POLICY_CONTAINER, "ConnectionRefused",
                 "169.254.170.23 "},
                {"http://[fd00:ec2::23]/", HTTP_POLICY_CONTAINER, "ConnectionRefused",
                 "fd00:ec2::23 "},
                {"https://evil.test/", HTTP_POLICY_CONTAINER, "ConnectionRefused", "192.0.2.1 "},
        };
        Fixture *f = *state;
        char url[64];
        Seen s = {0};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                dialled[0] = '\0';
                start(f, &s, (HttpRequest){.url = cases[i].url, .policy = cases[i].policy});
                wait_called(f, &s);
                assert_string_equal(s.error.code, cases[i].code);
                assert_string_equal(dialled, cases[i].dialled);
        }

        (void)snprintf(url, sizeof(url), "http://good.test:%u/", f->port);
        start(f, &s, (HttpRequest){.url = url});
        int fd = serve_accept(f);
        (void)serve_read(f, fd);
        serve_write(fd, PLAIN_OK);
        wait_called(f, &s);
        assert_int_equal(s.response.status, 200);
        close(fd);
}

/* Calls of services do, whatever the environment exempts; those for a container's credentials do
 * not, since the proxy would read the token. */
static void test_who_goes_through_the_proxy(void **state)
{
        Fixture *f = *state;
        char proxy[64];
        Seen s = {0};

        (void)snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", f->port);
        make_transport(f, (HttpCurlOptions){.proxy = proxy});
        assert_int_equal(setenv("no_proxy", "*", 1), 0);
        start(f, &s, (HttpRequest){.url = "https://evil.test/"});
        assert_int_equal(unsetenv("no_proxy"), 0);
        int fd = serve_accept(f);
        assert_memory_equal(serve_read(f, fd), "CONNECT evil.test:443 ", 22);
        serve_write(fd, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
        wait_called(f, &s);
        assert_string_equal(s.error.code, "ProxyRefused");
        close(fd);

        dialled[0] = '\0';
        start(f, &s, (HttpRequest){.url = "https://evil.test/", .policy = HTTP_POLICY_CONTAINER});
        wait_called(f, &s);
        assert_string_equal(s.error.code, "ConnectionRefused");
        assert_string_equal(dialled, "192.0.2.1 ");
}

/* A resolver that hangs holds up neither the loop, nor a cancel, nor the end. */
static void test_hanging_name_resolution(void **state)
{
        Fixture *f = *state;
        Seen hanging = {0}, cancelled = {0};

        sem_init(&hang_entered, 0, 0);
        sem_init(&hang_released, 0, 0);
        start(f, &hanging,
              (HttpRequest){.url = "https://hang.test/",
                            .connect_timeout_usec = 50 * USEC_PER_MSEC});
        start(f, &cancelled, (HttpRequest){.url = "https://hang.test/"});
        while (sem_wait(&hang_entered) < 0 || sem_wait(&hang_entered) < 0)
                ;
        close(exchange(f));
        f->http->cancel(cancelled.call);
        wait_called(f, &hanging);
        assert_string_equal(hanging.error.code, "ResolveTimeout");
        assert_string_equal(hanging.error.message,
                            "the name hang.test was not resolved within 50 ms");
        f->http = http_curl_free(f->http);
        /* Both are still at it: all of the above went by without them. */
        sem_post(&hang_released);
        sem_post(&hang_released);
}

/* One host gets a quarter of the connections, and urgent calls do not wait for polls. */
/* The very next call dials the new address. */
static void test_name_moves_to_another_address(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        char url[64];

        (void)snprintf(url, sizeof(url), "http://moving.test:%u/", f->port);
        name_moved = false;
        start(f, &s, (HttpRequest){.url = url});
        wait_called(f, &s);
        assert_string_equal(s.error.code, "ConnectionRefused");
        name_moved = true;
        start(f, &s, (HttpRequest){.url = url});
        int fd = serve_accept(f);
        (void)serve_read(f, fd);
        serve_write(fd, PLAIN_OK);
        wait_called(f, &s);
        assert_int_equal(s.response.status, 200);
        close(fd);
}

/* One after the other without a pause, though libcurl would wait for some timer each time. */
static void test_dead_addresses_before_the_good_one(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        char url[64];

        (void)snprintf(url, sizeof(url), "http://several.test:%u/", f->port);
        start(f, &s, (HttpRequest){.url = url, .timeout_usec = USEC_PER_HOUR});
        int fd = serve_accept(f);
        (void)serve_read(f, fd);
        serve_write(fd, PLAIN_OK);
        wait_called(f, &s);
        assert_int_equal(s.response.status, 200);
        close(fd);
}

static void test_connections_are_capped(void **state)
{
        Fixture *f = *state;
        Seen s[4] = {0}, other = {0}, urgent = {0};
        char url[64];

        make_transport(f, (HttpCurlOptions){.connections_max = 8});
        (void)snprintf(url, sizeof(url), "http://good.test:%u/other", f->port);
        for (size_t i = 0; i < 4; i++)
                start(f, &s[i], (HttpRequest){.timeout_usec = i == 2 ? 30 * USEC_PER_MSEC : 0});
        int a = serve_accept(f), b = serve_accept(f);
        (void)serve_read(f, a);
        (void)serve_read(f, b);

        /* The third one's time passes in the queue. */
        wait_called(f, &s[2]);
        assert_string_equal(s[2].error.code, "Timeout");
        assert_string_equal(s[2].error.message, "127.0.0.1: no connection became free in time");
        assert_false(readable_now(f->listener));

        /* Another host and an action are not held up. */
        start(f, &other, (HttpRequest){.url = url});
        int c = serve_accept(f);
        assert_memory_equal(serve_read(f, c), "GET /other ", 11);
        start(f, &urgent, (HttpRequest){.urgent = true});
        int d = serve_accept(f);
        (void)serve_read(f, d);

        /* The fourth goes out on the first connection that becomes free. */
        serve_write(b, PLAIN_OK);
        (void)serve_read(f, b);
        assert_int_equal(s[0].n_called + s[1].n_called, 1);
        serve_write(b, PLAIN_OK);
        serve_write(a, PLAIN_OK);
        serve_write(c, PLAIN_OK);
        serve_write(d, PLAIN_OK);
        wait_called(f, &s[0]);
        wait_called(f, &s[1]);
        wait_called(f, &s[3]);
        wait_called(f, &other);
        wait_called(f, &urgent);

        /* Cancelling in the queue, and cancelling what others wait for. */
        for (size_t i = 0; i < 4; i++)
                start(f, &s[i], (HttpRequest){0});
        f->http->cancel(s[2].call);
        f->http->cancel(s[0].call);
        f->http->cancel(s[1].call);
        while (!readable_now(f->listener) && !readable_now(c) && !readable_now(d))
                turn(f);
        f->http->cancel(s[3].call);
        close(a);
        close(b);
        close(c);
        close(d);
}

/* What is not urgent never takes the last quarter, however many hosts it is for. */
static void test_a_quarter_is_kept_for_actions(void **state)
{
        static const char *const hosts[] = {"127.0.0.1", "good.test", "moving.test"};
        Fixture *f = *state;
        Seen s[6] = {0}, late = {0}, urgent[2] = {0}, too_many = {0};
        const uint64_t soon = 30 * USEC_PER_MSEC;
        int fds[8];
        char url[64];

        name_moved = true;
        make_transport(f, (HttpCurlOptions){.connections_max = 8});
        for (size_t i = 0; i < ELEMENTSOF(s); i++) {
                (void)snprintf(url, sizeof(url), "http://%s:%u/", hosts[i / 2], f->port);
                start(f, &s[i], (HttpRequest){.url = url});
                fds[i] = serve_accept(f);
                (void)serve_read(f, fds[i]);
        }
        (void)snprintf(url, sizeof(url), "http://several.test:%u/", f->port);
        start(f, &late, (HttpRequest){.url = url, .timeout_usec = soon});
        wait_called(f, &late);
        assert_string_equal(late.error.message, "several.test: no connection became free in time");
        for (size_t i = 0; i < ELEMENTSOF(urgent); i++) {
                start(f, &urgent[i], (HttpRequest){.urgent = true});
                fds[6 + i] = serve_accept(f);
                (void)serve_read(f, fds[6 + i]);
        }
        start(f, &too_many, (HttpRequest){.urgent = true, .timeout_usec = soon});
        wait_called(f, &too_many);
        assert_string_equal(too_many.error.message, "127.0.0.1: no connection became free in time");
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                serve_write(fds[i], PLAIN_OK);
        for (size_t i = 0; i < ELEMENTSOF(s); i++)
                wait_called(f, &s[i]);
        for (size_t i = 0; i < ELEMENTSOF(urgent); i++)
                wait_called(f, &urgent[i]);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                close(fds[i]);
        name_moved = false;
}

/* Full up: actions wait too, but before everything else. */
static void test_urgent_calls_jump_the_queue(void **state)
{
        Fixture *f = *state;
        Seen running = {0}, poll_call = {0}, urgent = {0};

        make_transport(f, (HttpCurlOptions){.connections_max = 1});
        int fd = exchange(f);
        start(f, &running, (HttpRequest){0});
        (void)serve_read(f, fd);
        start(f, &poll_call, (HttpRequest){0});
        start(f, &urgent, (HttpRequest){.method = "PUT", .urgent = true});
        serve_write(fd, PLAIN_OK);
        assert_memory_equal(serve_read(f, fd), "PUT ", 4);
        serve_write(fd, PLAIN_OK);
        assert_memory_equal(serve_read(f, fd), "GET ", 4);
        serve_write(fd, PLAIN_OK);
        wait_called(f, &poll_call);
        assert_int_equal(running.n_called, 1);
        assert_int_equal(urgent.n_called, 1);
        close(fd);
}

UNIT_MAIN(WITH_HTTP(test_connect_timeout), WITH_HTTP(test_refused_and_unresolved),
          WITH_HTTP(test_policy), WITH_HTTP(test_policy_on_the_dialled_address),
          WITH_HTTP(test_who_goes_through_the_proxy), WITH_HTTP(test_hanging_name_resolution),
          WITH_HTTP(test_name_moves_to_another_address),
          WITH_HTTP(test_dead_addresses_before_the_good_one),
          WITH_HTTP(test_connections_are_capped), WITH_HTTP(test_a_quarter_is_kept_for_actions),
          WITH_HTTP(test_urgent_calls_jump_the_queue))
