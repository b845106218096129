/* SPDX-License-Identifier: Apache-2.0 */
/* The transport: what goes over the wire, kept connections, hostile answers, cancelling. */
#include "http-fixture.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

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
                                               "Host: service.example\r\n"
                                               "Accept: */*\r\n"
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
                        "x-amzn-query-error: A\x01;Sender\r\n"
                        "x-amz-retry-after: 123456789012345678901234567890123\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n"
                        "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
        wait_called(f, &s);
        assert_int_equal(s.error.class, AWS_ERROR_NONE);
        assert_int_equal(s.response.status, 400);
        assert_string_equal(s.body, "abc");
        assert_string_equal(s.response.date, "Mon, 23 Nov 2026 03:12:09 GMT");
        assert_string_equal(s.response.request_id, "1-2-3");
        assert_string_equal(s.response.query_error, ""); /* control character: none */
        assert_string_equal(s.response.retry_after, ""); /* too long: none */
        assert_true(s.response.received_msec > INT64_C(1700000000000));
        close(fd);
}

/* One after the other on the same handle and connection: nothing is left over. */
static void test_methods(void **state)
{
        static const struct {
                const char *method, *length;
        } cases[] = {
                {"PUT", "Content-Length: 0\r\n"},
                {"GET", ""},
                {"POST", "Content-Length: 0\r\n"},
                {"GET", ""},
        };
        Fixture *f = *state;
        int fd = exchange(f);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Seen s = {0};
                char request[256];

                (void)snprintf(request, sizeof(request),
                               "%s /x HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: */*\r\n%s\r\n",
                               cases[i].method, f->port, cases[i].length);
                start(f, &s, (HttpRequest){.method = cases[i].method});
                assert_string_equal(serve_read(f, fd), request);
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

/* The service closes just while the request is on its way. However often: libcurl counts what it
 * sends again for the whole life of a handle, and gives up the sixth time. */
static void test_kept_connection_dies_under_the_request(void **state)
{
        Fixture *f = *state;

        for (size_t i = 0; i < 14; i++) {
                Seen s = {0};
                int fd = exchange(f);

                start(f, &s, (HttpRequest){.method = "POST", .body = "b", .body_len = 1});
                assert_string_not_equal(serve_read(f, fd), "");
                if (i % 2 == 0)
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

/* Else it would be taken for the answer to the next request, and that one's for the one after. */
static void test_answer_that_nobody_asked_for(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        int fd = exchange(f);

        serve_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse");
        start(f, &s, (HttpRequest){.method = "POST", .body = "b", .body_len = 1});
        int other = serve_accept(f);
        assert_memory_equal(serve_read(f, other), "POST ", 5);
        serve_write(other, PLAIN_OK);
        wait_called(f, &s);
        assert_string_equal(s.body, "ok");
        close(fd);
        close(other);
}

/* Field bug: Expect: 100-continue. libcurl asks so from 1 MiB on, and then waits for a second for
 * services that do not answer it. */
static void test_large_body_is_sent_without_expect(void **state)
{
        Fixture *f = *state;
        size_t n = (size_t)2 * 1024 * 1024;
        _cleanup_free_ char *body = mem_alloc0(n);
        char head[4096];
        Seen s = {0};

        memset(body, 'x', n);
        start(f, &s, (HttpRequest){.method = "POST", .body = body, .body_len = n});
        int fd = serve_accept(f);
        wait_readable(f, fd);
        ssize_t k = read(fd, head, sizeof(head) - 1);
        assert_true(k > 0);
        head[k] = '\0';
        assert_has(head, "\r\nContent-Length: 2097152\r\n");
        assert_has(head, "\r\n\r\nxx"); /* goes on at once */
        assert_has_not(head, "Expect");
        f->http->cancel(s.call);
        close(fd);
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
        assert_string_equal(s.error.message, "127.0.0.1: the headers of the answer exceed 65536 "
                                             "bytes, or one of them 16384");
        close(fd);
}

/* Of which libcurl says that memory ran out. */
static void test_header_line_without_an_end(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        char part[1001] = "";

        memset(part, 'x', sizeof(part) - 1);
        start(f, &s, (HttpRequest){0});
        int fd = serve_accept(f);
        (void)serve_read(f, fd);
        serve_write(fd, "HTTP/1.1 200 OK\r\nX: ");
        for (size_t i = 0; i < 110; i++)
                serve_write(fd, part);
        wait_called(f, &s);
        assert_string_equal(s.error.code, "AnswerTooLarge");
        assert_int_equal(s.error.class, AWS_ERROR_PROTOCOL);
        assert_memory_equal(s.error.message, "127.0.0.1: the headers", 22);
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

        start(f, &s, (HttpRequest){.timeout_usec = USEC_PER_SEC});
        int fd = serve_accept(f);
        wait_called(f, &s);
        assert_int_equal(s.error.class, AWS_ERROR_NETWORK);
        assert_string_equal(s.error.code, "Timeout");
        assert_string_equal(s.error.message, "127.0.0.1 did not answer within 1 s");
        (void)serve_read(f, fd);
        assert_string_equal(serve_read(f, fd), ""); /* hung up */
        close(fd);
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

/* All three have failed when start returns, and no owner has been told. */
static void test_callback_cancels_a_finished_call(void **state)
{
        Fixture *f = *state;
        Seen a = {0}, b = {0}, c = {0};

        start(f, &a, (HttpRequest){.url = "https://192.0.2.1/"});
        start(f, &b, (HttpRequest){.url = "https://192.0.2.1/"});
        start(f, &c, (HttpRequest){.url = "https://192.0.2.1/"});
        a.cancels = &b;
        wait_called(f, &c);
        assert_int_equal(a.n_called, 1);
        assert_int_equal(b.n_called, 0);
        assert_string_equal(a.error.code, "ConnectionRefused");
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

UNIT_MAIN(WITH_HTTP(test_request_and_answer), WITH_HTTP(test_methods),
          WITH_HTTP(test_sent_in_the_same_turn), WITH_HTTP(test_kept_connection_was_closed),
          WITH_HTTP(test_kept_connection_dies_under_the_request),
          WITH_HTTP(test_answer_that_nobody_asked_for),
          WITH_HTTP(test_large_body_is_sent_without_expect), WITH_HTTP(test_answers_cut_short),
          WITH_HTTP(test_body_cap), WITH_HTTP(test_header_cap),
          WITH_HTTP(test_header_line_without_an_end), WITH_HTTP(test_redirect_is_an_answer),
          WITH_HTTP(test_silent_server), WITH_HTTP(test_cancel),
          WITH_HTTP(test_callback_cancels_a_finished_call),
          WITH_HTTP(test_callback_frees_the_transport), WITH_HTTP(test_event_env))
