/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP on libcurl's multi socket interface and sd-event; what concerns one transfer alone is in
 * httptransfer.c.
 *
 * Ownership: a call is in exactly one of three lists, queued, running (its handle is in the multi
 * handle) or finished (it is not, the outcome is known), and leaves it by its callback or by being
 * cancelled. Re-entrancy: libcurl's callbacks only note what it wants; whatever takes handles out
 * or calls owners back happens after libcurl has returned. Owners are called back one a turn of the
 * loop and last of all, since they may cancel other calls, start new ones, or free this transport.
 *
 * libcurl could queue calls itself (CURLMOPT_MAX_TOTAL_CONNECTIONS), but those are not timed out
 * while they wait (curl issues 6744, 13227), and an action must not wait behind polls.
 *
 * https://curl.se/libcurl/c/libcurl-multi.html */

#include "net/httpcurl.h"

#include <poll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/cafile.h"
#include "net/httptransfer.h"
#include "net/proxy.h"

#define CONNECTIONS_MAX_DEFAULT 32
#define IDLE_EASY_MAX 16
#define TIMER_ACCURACY_USEC USEC_PER_MSEC

typedef struct HttpCurl HttpCurl;
typedef TAILQ_HEAD(CallList, HttpCall) CallList;

struct HttpCall {
        HttpCurl *owner;
        CallList *list;
        TAILQ_ENTRY(HttpCall) entry;
        CURL *easy;
        sd_event_source *timer;
        bool urgent;
        bool orphaned; /* has just lost a socket */
        HttpTransfer transfer;
        AwsError error; /* the outcome, once finished */
        HttpCallback callback;
        void *userdata;
};

/* A connection of libcurl's. */
typedef struct Socket {
        TAILQ_ENTRY(Socket) entry;
        int fd;
        sd_event_source *io; /* NULL while it is idle */
} Socket;

struct HttpCurl {
        HttpTransport transport; /* first: a transport is cast back to us */
        sd_event *event;
        CURLM *multi;
        sd_event_source *timer; /* what libcurl waits for */
        sd_event_source *defer; /* work for the next turn: due, queued and finished calls */
        bool due;               /* libcurl asked to be run at once */
        bool timer_told;        /* libcurl has said what it waits for */
        bool orphans;           /* some running call may be orphaned */
        CallList queued;
        CallList running;
        CallList finished;
        TAILQ_HEAD(, Socket) sockets;
        unsigned n_running;
        unsigned n_running_ordinary;
        unsigned connections_max;
        CURL *idle[IDLE_EASY_MAX];
        size_t n_idle;
        char *ca_file;
        char *proxy;
        char *proxy_shown;
        char *no_proxy;
};

static void wake(HttpCurl *t)
{
        /* Fails only once the loop has ended, when nothing is called back any more. */
        (void)sd_event_source_set_enabled(t->defer, SD_EVENT_ONESHOT);
}

static void call_unlink(HttpCall *call)
{
        HttpCurl *t = call->owner;

        if (!call->list)
                return;
        if (call->list == &t->running) {
                /* The handle is one of ours, so that this cannot fail. */
                (void)curl_multi_remove_handle(t->multi, call->easy);
                t->n_running--;
                t->n_running_ordinary -= !call->urgent;
                if (!TAILQ_EMPTY(&t->queued))
                        wake(t);
        }
        TAILQ_REMOVE(call->list, call, entry);
        call->list = NULL;
}

static void call_link(HttpCall *call, CallList *list)
{
        TAILQ_INSERT_TAIL(list, call, entry);
        call->list = list;
}

static HttpCall *call_free(HttpCall *call)
{
        HttpCurl *t;

        if (!call)
                return NULL;
        t = call->owner;

        call_unlink(call);
        sd_event_source_disable_unref(call->timer);
        if (call->easy) {
                http_transfer_done(&call->transfer, call->easy);
                if (t->n_idle < IDLE_EASY_MAX)
                        t->idle[t->n_idle++] = call->easy;
                else
                        curl_easy_cleanup(call->easy);
        }
        free(call);
        return NULL;
}
DEFINE_CLEANUP(HttpCall *, call_free)

static void call_finish(HttpCall *call, CURLcode code)
{
        uint64_t now = 0;

        (void)sd_event_now(call->owner->event, CLOCK_REALTIME, &now); /* no such clock: 0 */
        call->transfer.response.received_msec = (int64_t)(now / USEC_PER_MSEC);
        call_unlink(call);
        http_transfer_outcome(&call->transfer, call->easy, code, &call->error);
        (void)sd_event_source_set_enabled(call->timer, SD_EVENT_OFF); /* freed soon in any case */
        call_link(call, &call->owner->finished);
}

/* An address that refuses or is silent loses its socket, and libcurl 7.88 goes on to the next one
 * only when it is run again, for which it asks nobody. To change what is paused asks. */
static void nudge_orphans(HttpCurl *t)
{
        if (!t->orphans)
                return;
        t->orphans = false;
        for (HttpCall *call = TAILQ_FIRST(&t->running); call; call = TAILQ_NEXT(call, entry)) {
                if (!call->orphaned)
                        continue;
                call->orphaned = false;
                /* If this fails, the call ends by its own timer. */
                (void)curl_easy_pause(call->easy, CURLPAUSE_SEND);
                (void)curl_easy_pause(call->easy, CURLPAUSE_CONT);
        }
}

/* Lets libcurl work, then takes out the calls that have ended. Nobody is called back. */
static void drive(HttpCurl *t, curl_socket_t fd, int events)
{
        CURLMsg *msg;
        int n;

        /* If this ever fails, calls end by their own timers. */
        (void)curl_multi_socket_action(t->multi, fd, events, &n);

        while ((msg = curl_multi_info_read(t->multi, &n))) {
                HttpCall *call = NULL;

                if (msg->msg == CURLMSG_DONE &&
                    curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &call) == CURLE_OK)
                        call_finish(call, msg->data.result);
        }
        nudge_orphans(t);
}

/* Calls the owner of one finished call back. The last thing that a handler does: the transport may
 * be gone afterwards. */
static void dispatch_one(HttpCurl *t)
{
        HttpCall *call = TAILQ_FIRST(&t->finished);

        if (!call)
                return;
        if (TAILQ_NEXT(call, entry))
                wake(t);

        HttpCallback callback = call->callback;
        void *userdata = call->userdata;
        AwsError error = call->error;
        HttpResponse response = call->transfer.response;
        call->transfer.response.body = STRBUF_INIT(0); /* moved */
        call_free(call);

        if (error.class == AWS_ERROR_NONE)
                callback(userdata, &response, NULL);
        else
                callback(userdata, NULL, &error);
        strbuf_wipe(&response.body);
}

/* Of idle connections, those that have something to say: that they are closed, or an answer to no
 * request, which the next request would take for its own. libcurl finds them dead when it sends,
 * and makes new ones. */
static void shut_talkative(HttpCurl *t)
{
        Socket *s;

        TAILQ_FOREACH(s, &t->sockets, entry)
        if (!s->io && poll(&(struct pollfd){.fd = s->fd, .events = POLLIN}, 1, 0) > 0)
                (void)shutdown(s->fd, SHUT_RDWR); /* fails when it is dead already */
}

static void call_run(HttpCall *call)
{
        HttpCurl *t = call->owner;

        call_unlink(call);
        shut_talkative(t);
        if (curl_multi_add_handle(t->multi, call->easy) != CURLM_OK) {
                call_finish(call, CURLE_FAILED_INIT);
                wake(t);
                return;
        }
        call_link(call, &t->running);
        t->n_running++;
        t->n_running_ordinary += !call->urgent;

        /* Without this the request would leave in the next turn only. */
        drive(t, CURL_SOCKET_TIMEOUT, 0);
        if (!TAILQ_EMPTY(&t->finished))
                wake(t);
}

static bool call_may_run(const HttpCall *call)
{
        const HttpCurl *t = call->owner;
        unsigned quarter = t->connections_max / 4, same_host = 0;

        if (t->n_running >= t->connections_max)
                return false;
        if (call->urgent)
                return true;
        if (t->n_running_ordinary >= t->connections_max - quarter)
                return false;
        for (const HttpCall *c = TAILQ_FIRST(&t->running); c; c = TAILQ_NEXT(c, entry))
                same_host += !c->urgent && streq(c->transfer.host, call->transfer.host);
        return same_host < MAX(quarter, 1U);
}

/* Urgent calls first, each kind in the order in which it came. */
static void run_queued(HttpCurl *t)
{
        for (int urgent = 1; urgent >= 0; urgent--) {
                const HttpCall *refused = NULL;
                HttpCall *next;
                for (HttpCall *call = TAILQ_FIRST(&t->queued); call; call = next) {
                        next = TAILQ_NEXT(call, entry);
                        if (call->urgent != (bool)urgent)
                                continue;
                        /* Mostly all wait for one host: that it is full is found out once. */
                        if (refused && streq(refused->transfer.host, call->transfer.host))
                                continue;
                        if (call_may_run(call))
                                call_run(call);
                        else
                                refused = call;
                }
        }
}

static int on_defer(sd_event_source *s, void *userdata)
{
        HttpCurl *t = userdata;

        if (t->due) {
                t->due = false;
                drive(t, CURL_SOCKET_TIMEOUT, 0);
        }
        run_queued(t);
        dispatch_one(t);
        return 0;
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        HttpCurl *t = userdata;

        drive(t, fd,
              (revents & EPOLLIN ? CURL_CSELECT_IN : 0) |
                      (revents & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                      (revents & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
        dispatch_one(t);
        return 0;
}

/* Curl callback. Zero means "at once": a defer source costs a third less than a timerfd. */
static int on_curl_timer(CURLM *multi, long timeout_msec, void *userdata)
{
        HttpCurl *t = userdata;
        int r = 0;

        t->timer_told = true;
        t->due = timeout_msec == 0;
        if (timeout_msec <= 0) {
                if (t->due)
                        wake(t);
                r = sd_event_source_set_enabled(t->timer, SD_EVENT_OFF);
        } else {
                /* libcurl rounds down, and takes a timer that fires early for none at all. */
                uint64_t usec = (uint64_t)timeout_msec * USEC_PER_MSEC + USEC_PER_MSEC - 1;
                r = sd_event_source_set_time_relative(t->timer, usec);
                if (r >= 0)
                        r = sd_event_source_set_enabled(t->timer, SD_EVENT_ONESHOT);
        }
        return r < 0 ? -1 : 0;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        HttpCurl *t = userdata;

        t->timer_told = false;
        drive(t, CURL_SOCKET_TIMEOUT, 0);
        if (!t->timer_told) {
                /* It fired before libcurl's clock was there, and libcurl does not say it twice. */
                long msec = -1;
                (void)curl_multi_timeout(t->multi, &msec); /* stays -1 */
                (void)on_curl_timer(t->multi, msec, t);    /* calls have timers of their own */
        }
        dispatch_one(t);
        return 0;
}

static int on_call_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        HttpCall *call = userdata;
        HttpCurl *t = call->owner;

        call_finish(call, call->list == &t->queued ? CURLE_AGAIN : CURLE_OPERATION_TIMEDOUT);
        dispatch_one(t);
        return 0;
}

static Socket *socket_find(HttpCurl *t, int fd)
{
        Socket *s;

        TAILQ_FOREACH(s, &t->sockets, entry)
        if (s->fd == fd)
                return s;
        return NULL;
}

static void socket_free(HttpCurl *t, Socket *s)
{
        if (!s)
                return;
        TAILQ_REMOVE(&t->sockets, s, entry);
        sd_event_source_disable_unref(s->io);
        free(s);
}

/* Curl callback. */
static int on_close_socket(void *userdata, curl_socket_t fd)
{
        socket_free(userdata, socket_find(userdata, fd));
        return close(fd);
}

/* What wakes libcurl when a name is resolved is none, and is closed without a word. */
static bool is_connection(int fd)
{
        int domain = AF_UNIX;
        socklen_t len = sizeof(domain);

        return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) >= 0 && domain != AF_UNIX;
}

static void on_curl_socket_idle(HttpCurl *t, CURL *easy, Socket *s)
{
        HttpCall *call = NULL;

        if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call) == CURLE_OK && call)
                call->orphaned = t->orphans = true;
        if (!s)
                return;
        s->io = sd_event_source_disable_unref(s->io);
        if (!is_connection(s->fd))
                socket_free(t, s);
}

/* Curl callback. */
static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socketp)
{
        static const uint32_t events[] = {
                [CURL_POLL_IN] = EPOLLIN,
                [CURL_POLL_OUT] = EPOLLOUT,
                [CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT,
        };
        HttpCurl *t = userdata;
        Socket *s = socketp ? socketp : socket_find(t, fd);

        if (what == CURL_POLL_REMOVE) {
                on_curl_socket_idle(t, easy, s);
                return 0;
        }
        if (!s) {
                s = mem_new0(Socket);
                s->fd = fd;
                TAILQ_INSERT_HEAD(&t->sockets, s, entry);
        }
        if (s->io)
                return sd_event_source_set_io_events(s->io, events[what]) < 0 ? -1 : 0;
        if (sd_event_add_io(t->event, &s->io, fd, events[what], on_io, t) < 0 ||
            curl_multi_assign(t->multi, fd, s) != CURLM_OK) {
                socket_free(t, s);
                return -1;
        }
        return 0;
}

static int http_curl_start(HttpTransport *transport, const HttpRequest *request,
                           HttpCallback callback, void *userdata, HttpCall **ret_call)
{
        HttpCurl *t = (HttpCurl *)transport;
        _cleanup_(call_freep) HttpCall *call = mem_new0(HttpCall);
        int r;

        call->owner = t;
        call->callback = callback;
        call->userdata = userdata;
        call->urgent = request->urgent;
        call->easy =
                http_transfer_set_up_easy(t->n_idle > 0 ? t->idle[--t->n_idle] : NULL, t->ca_file);
        if (!call->easy)
                return -ENOMEM;
        r = http_transfer_prepare(&call->transfer, call->easy, request,
                                  &(HttpProxy){t->proxy, t->proxy_shown, t->no_proxy});
        if (r < 0)
                return r;
        if (curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call) != CURLE_OK ||
            curl_easy_setopt(call->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket) !=
                    CURLE_OK ||
            curl_easy_setopt(call->easy, CURLOPT_CLOSESOCKETDATA, t) != CURLE_OK)
                return -ENOMEM;
        r = sd_event_add_time_relative(t->event, &call->timer, CLOCK_BOOTTIME,
                                       request->timeout_usec, TIMER_ACCURACY_USEC, on_call_timer,
                                       call);
        if (r < 0)
                return r;

        call_link(call, &t->queued);
        if (call_may_run(call))
                call_run(call);
        *ret_call = TAKE_PTR(call);
        return 0;
}

static void http_curl_cancel(HttpCall *call)
{
        call_free(call);
}

HttpTransport *http_curl_free(HttpTransport *transport)
{
        HttpCurl *t = (HttpCurl *)transport;

        if (!t)
                return NULL;
        assert(TAILQ_EMPTY(&t->queued) && TAILQ_EMPTY(&t->running) && TAILQ_EMPTY(&t->finished));

        while (t->n_idle > 0)
                curl_easy_cleanup(t->idle[--t->n_idle]);
        if (t->multi)
                (void)curl_multi_cleanup(t->multi); /* nothing is left in it */
        for (Socket *s = TAILQ_FIRST(&t->sockets), *next; s; s = next) {
                next = TAILQ_NEXT(s, entry);
                socket_free(t, s);
        }
        sd_event_source_disable_unref(t->timer);
        sd_event_source_disable_unref(t->defer);
        sd_event_unref(t->event);
        free(t->ca_file);
        secret_free_text(t->proxy);
        free(t->proxy_shown);
        free(t->no_proxy);
        free(t);
        curl_global_cleanup();
        return NULL;
}

static bool set_up_multi(HttpCurl *t)
{
        t->multi = curl_multi_init();
        /* Idle connections are kept for as many hosts as there may be calls; by default libcurl
         * keeps four times the handles under way and would drop the others' at a quiet moment. */
        return t->multi &&
               curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, (long)t->connections_max) ==
                       CURLM_OK &&
               curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) == CURLM_OK &&
               curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t) == CURLM_OK &&
               curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) == CURLM_OK &&
               curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t) == CURLM_OK;
}

static int set_up_sources(HttpCurl *t)
{
        int r;

        r = sd_event_add_time(t->event, &t->timer, CLOCK_BOOTTIME, 0, TIMER_ACCURACY_USEC, on_timer,
                              t);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(t->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_defer(t->event, &t->defer, on_defer, t);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(t->defer, SD_EVENT_OFF);
}

static void *allocate_many(size_t n, size_t size)
{
        void *p = calloc(n, size);

        if (!p)
                mem_exhausted();
        return p;
}

int http_curl_new(const HttpCurlOptions *o, HttpTransport **ret, char **reterr_text)
{
        _cleanup_(http_curl_freep) HttpTransport *transport = NULL;
        HttpCurl *t;
        int r;

        /* With our own allocation, that aborts: without memory, libcurl 7.88 may divide by zero.
         * What it has sent holds session tokens. Calls are counted by libcurl. */
        if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, mem_alloc, mem_wipe, mem_grow, mem_strdup,
                                 allocate_many) != CURLE_OK) {
                *reterr_text = mem_strdup("libcurl cannot be initialised");
                return -EIO;
        }

        t = mem_new0(HttpCurl);
        *t = (HttpCurl){
                .transport = {.start = http_curl_start, .cancel = http_curl_cancel},
                .event = sd_event_ref(o->event),
                .connections_max =
                        o->connections_max ? o->connections_max : CONNECTIONS_MAX_DEFAULT,
                .queued = TAILQ_HEAD_INITIALIZER(t->queued),
                .running = TAILQ_HEAD_INITIALIZER(t->running),
                .finished = TAILQ_HEAD_INITIALIZER(t->finished),
                .sockets = TAILQ_HEAD_INITIALIZER(t->sockets),
                .ca_file = mem_strdup(o->ca_file),
                .proxy = mem_strdup(o->proxy),
                .no_proxy = mem_strdup(o->no_proxy),
        };
        transport = &t->transport;

        r = cafile_check(o->ca_file, reterr_text);
        if (r < 0)
                return r;
        if (o->proxy && proxy_parse(o->proxy, &t->proxy_shown) < 0) {
                *reterr_text = mem_strdup("the proxy is not of the form http://HOST:PORT");
                return -EINVAL;
        }
        r = set_up_multi(t) ? set_up_sources(t) : -EIO;
        if (r < 0) {
                *reterr_text = mem_printf("the HTTP client cannot be set up: %s", strerror(-r));
                return r;
        }

        *ret = TAKE_PTR(transport);
        return 0;
}
