/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "http-fixture.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

sem_t hang_entered, hang_released;
char dialled[1024];
bool name_moved;

/* Three addresses where nobody listens, then a good one. */
static int several(int (*real)(const char *, const char *, const struct addrinfo *,
                               struct addrinfo **),
                   const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
        static const char *const addresses[] = {"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"};

        for (size_t i = 0; i < ELEMENTSOF(addresses); i++) {
                int r = real(addresses[i], service, hints, res);
                if (r != 0)
                        return r;
                while (*res)
                        res = &(*res)->ai_next;
        }
        return 0;
}

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
        if (streq(node, "several.test"))
                return several(real, service, &h, res);
        if (streq(node, "moving.test"))
                return real(name_moved ? "127.0.0.1" : "127.0.0.2", service, &h, res);
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

int listen_on_loopback(uint16_t *ret_port, int backlog)
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

void make_transport(Fixture *f, HttpCurlOptions o)
{
        char *text = NULL;

        f->http = http_curl_free(f->http);
        o.event = f->event;
        assert_int_equal(http_curl_new(&o, &f->http, &text), 0);
        assert_null(text);
}

int http_setup(void **state)
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

int http_teardown(void **state)
{
        Fixture *f = *state;

        http_curl_free(f->http);
        close(f->listener);
        assert_int_equal(sd_event_get_state(f->event), SD_EVENT_INITIAL);
        sd_event_unref(f->event); /* leaks when a source is left, and the sanitizer says so */
        free(f);
        return 0;
}

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

int try_start(Fixture *f, Seen *s, HttpRequest q)
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

void start(Fixture *f, Seen *s, HttpRequest q)
{
        assert_int_equal(try_start(f, s, q), 0);
        assert_non_null(s->call);
}

void turn(Fixture *f)
{
        f->n_turns++;
        assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
}

void wait_called(Fixture *f, Seen *s)
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

void wait_readable(Fixture *f, int fd)
{
        sd_event_source *source = NULL;
        bool readable = false;

        assert_true(sd_event_add_io(f->event, &source, fd, POLLIN, on_readable, &readable) >= 0);
        while (!readable)
                turn(f);
        sd_event_source_disable_unref(source);
}

bool readable_now(int fd)
{
        return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
}

int serve_accept(Fixture *f)
{
        wait_readable(f, f->listener);
        int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fd >= 0);
        return fd;
}

const char *serve_read(Fixture *f, int fd)
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

void serve_write(int fd, const char *s)
{
        size_t n = strlen(s);

        assert_int_equal(write(fd, s, n), n);
}

int exchange(Fixture *f)
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
