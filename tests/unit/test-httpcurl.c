/* SPDX-License-Identifier: Apache-2.0 */
/* The transport against servers that the test itself plays on loopback, step by step: a test reads
 * what the client sent and writes what it wants it to get, and runs the loop in between, so that
 * there is an order to everything and no sleeping. getaddrinfo() and connect() are this file's, to
 * see what is dialled and to hang a name's resolution. */

#define _GNU_SOURCE
#include "unit.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/httpcurl.h"

#define PLAIN_OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static sem_t hang_entered, hang_released;
static char dialled[1024]; /* "address " each, those that are not loopback */

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **res)
{
        static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
        struct addrinfo h = *hints;

        if (!real)
                *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
        if (streq(node, "hang.test")) {
                sem_post(&hang_entered);
                sem_wait(&hang_released);
                return EAI_AGAIN;
        }
        if (streq(node, "none.test"))
                return EAI_NONAME;
        h.ai_flags |= AI_NUMERICHOST;
        if (streq(node, "evil.test"))
                return real("192.0.2.1", service, &h, res);
        if (streq(node, "mapped.test")) {
                h.ai_family = AF_INET6;
                return real("::ffff:192.0.2.1", service, &h, res);
        }
        if (streq(node, "metadata.test"))
                return real("169.254.169.254", service, &h, res);
        if (streq(node, "good.test"))
                return real("127.0.0.1", service, &h, res);
        return real(node, service, &h, res); /* no name leaves the machine */
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
        static int (*real)(int, const struct sockaddr *, socklen_t);
        char text[INET6_ADDRSTRLEN] = "?";

        if (!real)
                *(void **)&real = dlsym(RTLD_NEXT, "connect");
        if (address->sa_family == AF_INET) {
                const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
                if (ntohl(v4->sin_addr.s_addr) >> 24 == 127)
                        return real(fd, address, len);
                inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
        } else if (address->sa_family == AF_INET6) {
                const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
                inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
        } else
                return real(fd, address, len);
        strncat(dialled, text, sizeof(dialled) - strlen(dialled) - 2);
        strcat(dialled, " ");
        errno = ECONNREFUSED;
        return -1;
}

typedef struct Fixture {
        sd_event *event;
        HttpTransport *http;
        int listener;
        uint16_t port;
        char url[64];
} Fixture;

typedef struct Seen {
        Fixture *fixture;
        HttpCall *call;
        unsigned n_called;
        HttpResponse response; /* body below */
        char body[256];
        AwsError error;
        struct Seen *cancels;
        struct Seen *starts;
        bool frees_transport;
} Seen;

static int listen_on_loopback(uint16_t *ret_port, int backlog)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(a);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(listen(fd, backlog), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
        *ret_port = ntohs(a.sin_port);
        return fd;
}

static void make_transport(Fixture *f, HttpCurlOptions o)
{
        char *text = NULL;

        f->http = http_curl_free(f->http);
        o.event = f->event;
        assert_int_equal(http_curl_new(&o, &f->http, &text), 0);
        assert_null(text);
}

static int setup(void **state)
{
        Fixture *f = mem_new0(Fixture);

        alarm(120); /* a test that hangs fails */
        signal(SIGPIPE, SIG_IGN);
        dialled[0] = '\0';
        assert_int_equal(sd_event_new(&f->event), 0);
        make_transport(f, (HttpCurlOptions){0});
        f->listener = listen_on_loopback(&f->port, 16);
        (void)snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u/x", f->port);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;

        http_curl_free(f->http);
        close(f->listener);
        assert_int_equal(sd_event_get_state(f->event), SD_EVENT_INITIAL);
        sd_event_unref(f->event); /* leaks when a source is left, and the sanitizer says so */
        free(f);
        return 0;
}

static void start(Fixture *f, Seen *s, HttpRequest q);

static void on_answer(void *userdata, const HttpResponse *response, const AwsError *error)
{
        Seen *s = userdata;

        assert_true(!response != !error);
        s->call = NULL;
        s->n_called++;
        s->error = (AwsError){.class = AWS_ERROR_NONE};
        if (response) {
                s->response = *response;
                (void)snprintf(s->body, sizeof(s->body), "%s", strbuf_str(&response->body));
        } else {
                s->error = *error;
        }
        if (s->cancels) {
                s->fixture->http->cancel(s->cancels->call);
                s->cancels->call = NULL;
        }
        if (s->starts)
                start(s->fixture, s->starts, (HttpRequest){.urgent = true});
        if (s->frees_transport)
                s->fixture->http = http_curl_free(s->fixture->http);
}

static int try_start(Fixture *f, Seen *s, HttpRequest q)
{
        s->fixture = f;
        s->n_called = 0;
        q.method = q.method ? q.method : "GET";
        q.url = q.url ? q.url : f->url;
        q.timeout_usec = q.timeout_usec ? q.timeout_usec : USEC_PER_MINUTE;
        int r = f->http->start(f->http, &q, on_answer, s, &s->call);
        assert_int_equal(s->n_called, 0); /* never from inside */
        return r;
}

static void start(Fixture *f, Seen *s, HttpRequest q)
{
        assert_int_equal(try_start(f, s, q), 0);
        assert_non_null(s->call);
}

static void turn(Fixture *f)
{
        assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
}

static void wait_called(Fixture *f, Seen *s)
{
        while (s->n_called == 0)
                turn(f);
        assert_int_equal(s->n_called, 1);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        *(bool *)userdata = true;
        return 0;
}

/* Runs the client until the server's end has something to read. */
static void wait_readable(Fixture *f, int fd)
{
        sd_event_source *source = NULL;
        bool readable = false;

        assert_true(sd_event_add_io(f->event, &source, fd, POLLIN, on_readable, &readable) >= 0);
        while (!readable)
                turn(f);
        sd_event_source_disable_unref(source);
}

static bool readable_now(int fd)
{
        return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
}

static int serve_accept(Fixture *f)
{
        wait_readable(f, f->listener);
        int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fd >= 0);
        return fd;
}

/* Reads one request, borrowed until the next; "" when the client has hung up. */
static const char *serve_read(Fixture *f, int fd)
{
        static char buffer[65536];
        size_t n = 0;

        for (;;) {
                wait_readable(f, fd);
                ssize_t k = read(fd, buffer + n, sizeof(buffer) - n - 1);
                if (k <= 0)
                        return "";
                n += (size_t)k;
                buffer[n] = '\0';
                const char *end = strstr(buffer, "\r\n\r\n");
                const char *length = strstr(buffer, "Content-Length: ");
                if (end && buffer + n >= end + 4 + (length ? atoi(length + 16) : 0))
                        return buffer;
        }
}

static void serve_write(int fd, const char *s)
{
        size_t n = strlen(s);

        assert_int_equal(write(fd, s, n), n);
}

/* One whole exchange on a new connection, which is left open. */
static int exchange(Fixture *f)
{
        Seen s = {0};

        start(f, &s, (HttpRequest){0});
        int fd = serve_accept(f);
        assert_string_not_equal(serve_read(f, fd), "");
        serve_write(fd, PLAIN_OK);
        wait_called(f, &s);
        assert_int_equal(s.response.status, 200);
        return fd;
}

static void reset(int fd)
{
        struct linger l = {.l_onoff = 1};

        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
        close(fd);
}

static void test_request_and_answer(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        HttpHeader headers[] = {{"Host", "service.example"},
                                {"Content-Type", "application/x-amz-json-1.1"},
                                {"User-Agent", "trailsentry/0.0"},
                                {"Accept-Encoding", "identity"}};

        start(f, &s,
              (HttpRequest){.method = "POST",
                            .headers = headers,
                            .n_headers = 4,
                            .body = "{\"a\":1}",
                            .body_len = 7});
        int fd = serve_accept(f);
        assert_string_equal(serve_read(f, fd), "POST /x HTTP/1.1\r\n"
                                               "Accept: */*\r\n"
                                               "Host: service.example\r\n"
                                               "Content-Type: application/x-amz-json-1.1\r\n"
                                               "User-Agent: trailsentry/0.0\r\n"
                                               "Accept-Encoding: identity\r\n"
                                               "Content-Length: 7\r\n"
                                               "\r\n"
                                               "{\"a\":1}");
        serve_write(fd, "HTTP/1.1 100 Continue\r\nDate: not this\r\n\r\n"
                        "HTTP/1.1 400 Bad Request\r\n"
                        "date:  Mon, 23 Nov 2026 03:12:09 GMT \r\n"
                        "X-Amzn-RequestId: 1-2-3\r\n"
                        "X-Amzn-RequestId: 4-5-6\r\n"
                        "x-amzn-query-error: A;Sender\r\n"
                        "x-amz-retry-after: 123456789012345678901234567890123\r\n"
                        "x-aws-ec2-metadata-token-ttl-seconds: 2\x01\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n"
                        "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
        wait_called(f, &s);
        assert_int_equal(s.error.class, AWS_ERROR_NONE);
        assert_int_equal(s.response.status, 400);
        assert_string_equal(s.body, "abc");
        assert_string_equal(s.response.date, "Mon, 23 Nov 2026 03:12:09 GMT");
        assert_string_equal(s.response.request_id, "1-2-3");
        assert_string_equal(s.response.query_error, "A;Sender");
        assert_string_equal(s.response.retry_after, ""); /* too long: none */
        assert_string_equal(s.response.token_ttl, "");   /* control character: none */
        assert_true(s.response.received_msec > INT64_C(1700000000000));
        close(fd);
}

static void test_methods(void **state)
{
        static const struct {
                const char *method, *request;
        } cases[] = {
                {"PUT", "PUT /x HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nContent-Length: "
                        "0\r\n\r\n"},
                {"GET", "GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n"},
                {"POST", "POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nContent-Length: "
                         "0\r\n\r\n"},
                {"GET", "GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n"},
        };
        Fixture *f = *state;
        int fd = exchange(f);

        /* One after the other on the same handle and connection: nothing is left over. */
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                HttpHeader host = {"Host", "127.0.0.1"};
                Seen s = {0};
                start(f, &s,
                      (HttpRequest){.method = cases[i].method, .headers = &host, .n_headers = 1});
                const char *r = serve_read(f, fd);
                if (strstr(r, "Accept: */*\r\nHost: "))
                        r = strstr(r, " /x") ? r : "";
                assert_int_equal(strlen(r), strlen(cases[i].request));
                assert_memory_equal(r, cases[i].method, strlen(cases[i].method));
                assert_true(!strstr(r, "Content-Length: 0") ==
                            !strstr(cases[i].request, "Content-Length: 0"));
                serve_write(fd, PLAIN_OK);
                wait_called(f, &s);
        }
        close(fd);
}

/* Promise 1: on a kept connection the request is in the socket when start returns. */
static void test_sent_in_the_same_turn(void **state)
{
        Fixture *f = *state;
        Seen poll_call = {0}, action = {0}, s = {0};
        int fd = exchange(f);

        assert_false(readable_now(fd));
        start(f, &s, (HttpRequest){0});
        assert_true(readable_now(fd));
        (void)serve_read(f, fd);
        serve_write(fd, PLAIN_OK);
        wait_called(f, &s);

        /* The same from the callback that shows the stop. */
        poll_call.starts = &action;
        start(f, &poll_call, (HttpRequest){0});
        (void)serve_read(f, fd);
        serve_write(fd, PLAIN_OK);
        wait_called(f, &poll_call);
        assert_true(readable_now(fd));
        assert_non_null(action.call);
        (void)serve_read(f, fd);
        serve_write(fd, PLAIN_OK);
        wait_called(f, &action);
        assert_false(readable_now(f->listener)); /* one connection for all */
        close(fd);
}

static void test_kept_connection_was_closed(void **state)
{
        Fixture *f = *state;
        int fd = exchange(f);

        close(fd);
        close(exchange(f)); /* on a new one, without an error */
}

/* The service closes just while the request is on its way. */
static void test_kept_connection_dies_under_the_request(void **state)
{
        Fixture *f = *state;

        for (size_t i = 0; i < 2; i++) {
                Seen s = {0};
                int fd = exchange(f);

                start(f, &s, (HttpRequest){.method = "POST", .body = "b", .body_len = 1});
                assert_string_not_equal(serve_read(f, fd), "");
                if (i == 0)
                        close(fd);
                else
                        reset(fd);
                fd = serve_accept(f);
                assert_memory_equal(serve_read(f, fd), "POST ", 5);
                serve_write(fd, PLAIN_OK);
                wait_called(f, &s);
                assert_int_equal(s.error.class, AWS_ERROR_NONE);
                assert_int_equal(s.response.status, 200);
                close(fd);
        }
}

/* Not so when an answer had begun, nor on a fresh connection. */
static void test_answers_cut_short(void **state)
{
        static const struct {
                const char *answer, *code;
                AwsErrorClass class;
                bool kept, resets;
        } cases[] = {
                {"", "EmptyReply", AWS_ERROR_NETWORK, false, false},
                {"", "ConnectionReset", AWS_ERROR_NETWORK, false, true},
                {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "AnswerTruncated",
                 AWS_ERROR_NETWORK, true, false},
                {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "AnswerTruncated",
                 AWS_ERROR_NETWORK, false, false},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "ConnectionReset",
                 AWS_ERROR_NETWORK, false, false},
                {"no HTTP at all\r\n", "MalformedAnswer", AWS_ERROR_PROTOCOL, false, false},
                {"HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n", "MalformedAnswer",
                 AWS_ERROR_PROTOCOL, false, false},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Seen s = {0};
                int fd = cases[i].kept ? exchange(f) : -1;

                make_transport(f, (HttpCurlOptions){0});
                start(f, &s, (HttpRequest){0});
                if (fd >= 0)
                        close(fd);
                fd = serve_accept(f);
                (void)serve_read(f, fd);
                serve_write(fd, cases[i].answer);
                if (cases[i].resets)
                        reset(fd);
                else
                        close(fd);
                wait_called(f, &s);
                assert_string_equal(s.error.code, cases[i].code);
                assert_int_equal(s.error.class, cases[i].class);
                assert_memory_equal(s.error.message, "127.0.0.1: ", 11);
        }
}

static void test_body_cap(void **state)
{
        static const char *const heads[] = {"Content-Length: 1000000", "Connection: close",
                                            "Transfer-Encoding: chunked\r\n\r\nFFFFFF"};
        Fixture *f = *state;
        Seen s = {0};
        char big[4096];

        memset(big, 'x', sizeof(big));
        for (size_t i = 0; i < ELEMENTSOF(heads); i++) {
                start(f, &s, (HttpRequest){.body_max = 100});
                int fd = serve_accept(f);
                (void)serve_read(f, fd);
                serve_write(fd, "HTTP/1.1 200 OK\r\n");
                serve_write(fd, heads[i]);
                serve_write(fd, i == 2 ? "\r\n" : "\r\n\r\n");
                assert_int_equal(write(fd, big, sizeof(big)), sizeof(big));
                /* The answer has not ended, and need not. */
                wait_called(f, &s);
                assert_int_equal(s.error.class, AWS_ERROR_PROTOCOL);
                assert_string_equal(s.error.code, "AnswerTooLarge");
                assert_string_equal(s.error.message, "127.0.0.1: the answer exceeds 100 bytes");
                close(fd);
        }

        start(f, &s, (HttpRequest){.body_max = 2});
        int fd = serve_accept(f);
        (void)serve_read(f, fd);
        serve_write(fd, PLAIN_OK);
        wait_called(f, &s);
        assert_string_equal(s.body, "ok"); /* just fits */
        close(fd);
}

static void test_header_cap(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        char line[1002];

        memset(line, 'x', sizeof(line));
        memcpy(line, "X: ", 3);
        memcpy(line + sizeof(line) - 3, "\r\n", 3);
        start(f, &s, (HttpRequest){0});
        int fd = serve_accept(f);
        (void)serve_read(f, fd);
        serve_write(fd, "HTTP/1.1 200 OK\r\n");
        for (size_t i = 0; i < 66; i++)
                serve_write(fd, line);
        wait_called(f, &s);
        assert_string_equal(s.error.code, "AnswerTooLarge");
        close(fd);
}

static void test_redirect_is_an_answer(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        start(f, &s, (HttpRequest){0});
        int fd = serve_accept(f);
        (void)serve_read(f, fd);
        serve_write(fd, "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n"
                        "Content-Length: 0\r\n\r\n");
        wait_called(f, &s);
        assert_int_equal(s.response.status, 302);
        assert_string_equal(dialled, "");
        close(fd);
}

static void test_silent_server(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        start(f, &s, (HttpRequest){.timeout_usec = 30 * USEC_PER_MSEC});
        int fd = serve_accept(f);
        wait_called(f, &s);
        assert_int_equal(s.error.class, AWS_ERROR_NETWORK);
        assert_string_equal(s.error.code, "Timeout");
        assert_string_equal(s.error.message, "127.0.0.1 did not answer within 30 ms");
        (void)serve_read(f, fd);
        assert_string_equal(serve_read(f, fd), ""); /* hung up */
        close(fd);
}

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
        start(f, &s, (HttpRequest){.url = url, .connect_timeout_usec = 30 * USEC_PER_MSEC});
        wait_called(f, &s);
        assert_string_equal(s.error.code, "ConnectTimeout");
        assert_string_equal(s.error.message, "no connection to 127.0.0.1 within 30 ms");
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

static void test_cancel(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        f->http->cancel(NULL);
        start(f, &s, (HttpRequest){0});
        int fd = serve_accept(f);
        (void)serve_read(f, fd);
        f->http->cancel(s.call);
        assert_string_equal(serve_read(f, fd), ""); /* hung up */
        close(fd);

        /* The answer is there already, unread. */
        fd = exchange(f);
        start(f, &s, (HttpRequest){0});
        (void)serve_read(f, fd);
        serve_write(fd, PLAIN_OK);
        f->http->cancel(s.call);
        assert_string_equal(serve_read(f, fd), "");
        assert_int_equal(s.n_called, 0);
        close(fd);
}

/* Two calls end in the same turn, before either owner has been told. */
static void test_callback_cancels_a_finished_call(void **state)
{
        Fixture *f = *state;
        Seen a = {0}, b = {0}, c = {0};

        a.cancels = &b;
        start(f, &a, (HttpRequest){.timeout_usec = 1});
        start(f, &b, (HttpRequest){.timeout_usec = 1});
        start(f, &c, (HttpRequest){.timeout_usec = 1});
        b.cancels = &a;
        wait_called(f, &c);
        assert_int_equal(a.n_called + b.n_called, 1);
}

static void test_callback_frees_the_transport(void **state)
{
        Fixture *f = *state;
        Seen s = {.frees_transport = true};

        start(f, &s, (HttpRequest){0});
        int fd = serve_accept(f);
        (void)serve_read(f, fd);
        serve_write(fd, PLAIN_OK);
        wait_called(f, &s);
        assert_null(f->http);
        assert_string_equal(serve_read(f, fd), "");
        close(fd);
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

static void test_proxy(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        char proxy[64];
        uint16_t port;
        int service = f->listener, proxy_listener = listen_on_loopback(&port, 16);

        /* Plain http never goes through one. */
        (void)snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", port);
        setenv("http_proxy", proxy, 1);
        setenv("all_proxy", proxy, 1);
        make_transport(f, (HttpCurlOptions){.proxy = proxy});
        close(exchange(f));
        start(f, &s, (HttpRequest){.policy = HTTP_POLICY_METADATA});
        int fd = serve_accept(f);
        f->http->cancel(s.call);
        close(fd);
        assert_false(readable_now(proxy_listener));

        /* https does, by CONNECT; the proxy's headers are not the answer's. */
        f->listener = proxy_listener;
        start(f, &s, (HttpRequest){.url = "https://evil.test/"});
        fd = serve_accept(f);
        assert_memory_equal(serve_read(f, fd), "CONNECT evil.test:443 HTTP/1.1\r\n", 32);
        serve_write(fd, "HTTP/1.1 407 Proxy Authentication Required\r\n"
                        "x-amzn-requestid: fake\r\nContent-Length: 0\r\n\r\n");
        wait_called(f, &s);
        assert_int_equal(s.error.class, AWS_ERROR_NETWORK);
        assert_string_equal(dialled, "");
        close(fd);

        /* From the environment, unless the host is an exception. */
        setenv("https_proxy", proxy, 1);
        make_transport(f, (HttpCurlOptions){0});
        start(f, &s, (HttpRequest){.url = "https://evil.test/"});
        fd = serve_accept(f);
        close(fd);
        wait_called(f, &s);
        setenv("no_proxy", "evil.test", 1);
        start(f, &s, (HttpRequest){.url = "https://evil.test/"});
        wait_called(f, &s);
        assert_string_equal(dialled, "192.0.2.1 ");

        unsetenv("http_proxy");
        unsetenv("all_proxy");
        unsetenv("https_proxy");
        unsetenv("no_proxy");
        close(proxy_listener);
        f->listener = service;
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

typedef struct Tick {
        NetEnv *env;
        NetTimer *timer;
        unsigned n_called;
        unsigned order;
        struct Tick *cancels;
} Tick;

static unsigned tick_order;

static void on_tick(void *userdata)
{
        Tick *t = userdata;

        t->timer = NULL;
        t->n_called++;
        t->order = ++tick_order;
        if (t->cancels)
                t->env->timer_cancel(TAKE_PTR(t->cancels->timer));
}

static void test_event_env(void **state)
{
        Fixture *f = *state;
        NetEnv *e = net_env_new_event(f->event, f->http);
        Tick late = {.env = e}, soon = {.env = e}, never = {.env = e};
        uint64_t before = e->boottime_usec(e);

        assert_ptr_equal(e->http, f->http);
        late.timer = e->timer_start(e, 20 * USEC_PER_MSEC, on_tick, &late);
        soon.timer = e->timer_start(e, 0, on_tick, &soon);
        never.timer = e->timer_start(e, 10 * USEC_PER_MSEC, on_tick, &never);
        assert_int_equal(soon.n_called, 0);
        soon.cancels = &never;
        e->timer_cancel(NULL);
        while (late.n_called == 0)
                turn(f);
        assert_int_equal(soon.n_called, 1);
        assert_int_equal(never.n_called, 0);
        assert_true(soon.order < late.order);
        assert_true(e->boottime_usec(e) >= before + 20 * USEC_PER_MSEC);
        assert_true(e->wall_msec(e) > INT64_C(1700000000000));
        for (size_t i = 0; i < 100; i++) {
                double r = e->random01(e);
                assert_true(r >= 0 && r <= 1);
        }
        net_env_free_event(e);
        net_env_free_event(NULL);
}

#define F(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
UNIT_MAIN(F(test_request_and_answer), F(test_methods), F(test_sent_in_the_same_turn),
          F(test_kept_connection_was_closed), F(test_kept_connection_dies_under_the_request),
          F(test_answers_cut_short), F(test_body_cap), F(test_header_cap),
          F(test_redirect_is_an_answer), F(test_silent_server), F(test_connect_timeout),
          F(test_refused_and_unresolved), F(test_cancel), F(test_callback_cancels_a_finished_call),
          F(test_callback_frees_the_transport), F(test_policy),
          F(test_policy_on_the_dialled_address), F(test_proxy), F(test_hanging_name_resolution),
          F(test_connections_are_capped), F(test_urgent_calls_jump_the_queue), F(test_event_env))
