/* SPDX-License-Identifier: Apache-2.0 */

#include "net.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "base/uri.h"
#include "guard.h"
#include "session.h"
#include "whole.h"

struct NetTimer {
        SimNet *net;
        Event *event;
        NetTimerCallback callback;
        void *userdata;
};

struct HttpCall {
        SimNet *net;
        Event *event; /* the next thing that happens to it */
        SimRequest request;
        SimReply reply;
        uint64_t until_usec; /* its caller waits */
        bool arrived;
        HttpCallback callback;
        void *userdata;
};

static uint64_t net_boottime_usec(NetEnv *e)
{
        return ((SimNet *)e)->world->now_usec;
}

static int64_t net_wall_msec(NetEnv *e)
{
        return guard_now(((SimNet *)e)->world).wall_msec;
}

static double net_random01(NetEnv *e)
{
        return (double)(rng_next(&((SimNet *)e)->world->rng) >> 11) / (double)(UINT64_C(1) << 53);
}

static void timer_free(NetTimer *t)
{
        t->net->n_timers--;
        free(t);
}

static void on_timer(World *w, void *slot)
{
        NetTimer *t = slot;
        NetTimerCallback callback = t->callback;
        void *userdata = t->userdata;

        timer_free(t);
        callback(userdata);
}

static NetTimer *net_timer_start(NetEnv *e, uint64_t delay_usec, NetTimerCallback callback,
                                 void *userdata)
{
        SimNet *n = (SimNet *)e;
        NetTimer *t = mem_new0(NetTimer);

        *t = (NetTimer){.net = n, .callback = callback, .userdata = userdata};
        t->event = world_call_at(n->world, n->world->now_usec + delay_usec, on_timer, t);
        n->n_timers++;
        return t;
}

static void net_timer_cancel(NetTimer *t)
{
        if (!t)
                return;
        t->event->slot = NULL;
        timer_free(t);
}

static void call_free(HttpCall *c)
{
        /* Who sent it does not know that it arrived. */
        const SimReply *r = &c->reply;
        Letter *l = c->arrived && *r->incident
                            ? guard_letter(c->net->world->guard, r->incident, r->sequence)
                            : NULL;

        if (l)
                l->lost[r->topic]++;
        c->net->n_calls--;
        free(c->request.method);
        free(c->request.host);
        free(c->request.path);
        free(c->request.headers);
        free(c->request.body);
        free(c->reply.body);
        free(c);
}

static void call_fail(HttpCall *c, const char *code)
{
        HttpCallback callback = c->callback;
        void *userdata = c->userdata;
        AwsError error;

        aws_error_set(&error, AWS_ERROR_NETWORK, code, "%s: %s", c->request.host, code);
        call_free(c);
        callback(userdata, NULL, &error);
}

static void on_timeout(World *w, void *slot)
{
        call_fail(slot, "Timeout");
}

static void on_unreachable(World *w, void *slot)
{
        call_fail(slot, "ConnectTimeout");
}

static void http_date(World *w, char *buf, size_t size)
{
        time_t seconds = world_aws_msec(w) / 1000;
        struct tm tm;

        (void)strftime(buf, size, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&seconds, &tm));
}

static void on_reply(World *w, void *slot)
{
        HttpCall *c = slot;
        HttpCallback callback = c->callback;
        void *userdata = c->userdata;
        HttpResponse response = {
                .status = c->reply.status,
                .body = STRBUF_INIT(SIZE_MAX / 2),
                .received_msec = guard_now(w).wall_msec,
        };

        strbuf_add(&response.body, strempty(c->reply.body));
        (void)snprintf(response.request_id, sizeof(response.request_id), "%s", c->reply.request_id);
        (void)snprintf(response.retry_after, sizeof(response.retry_after), "%s",
                       c->reply.retry_after);
        http_date(w, response.date, sizeof(response.date));
        c->arrived = false; /* that is known from here on */
        call_free(c);
        callback(userdata, &response, NULL);
        strbuf_done(&response.body);
}

/* The event that ends the call: its reply, or the end of its caller's patience. */
static void end_at(HttpCall *c, uint64_t at_usec, void (*fire)(World *w, void *slot))
{
        bool late = at_usec >= c->until_usec;

        c->event = world_call_at(c->net->world, late ? c->until_usec : at_usec,
                                 late ? on_timeout : fire, c);
}

static void on_arrival(World *w, void *slot)
{
        HttpCall *c = slot;

        c->arrived = true;
        service_answer(w, &c->request, &c->reply);
        end_at(c, c->reply.silent ? USEC_INFINITY : w->now_usec + guard_latency(w) / 2, on_reply);
}

/* What must be true of every request, whatever it asks. */
static void check_request(World *w, const HttpRequest *q, const SimRequest *s)
{
        bool metadata = q->policy == HTTP_POLICY_METADATA;

        if (strncmp(q->url, metadata ? "http://169.254.169.254/" : "https://", metadata ? 23 : 8) !=
            0)
                world_violation(w, "a request goes to %s", q->url);
        if (metadata && *service_header(s, "Authorization"))
                world_violation(w, "the metadata service is sent a signature");
        if (!metadata && !*service_header(s, "Authorization"))
                world_violation(w, "a request to %s is not signed", s->host);
        if (session_is_leaked(w, q->url) || session_is_leaked(w, s->headers) ||
            session_is_leaked(w, s->body))
                world_violation(w, "a secret is in a request to %s", s->host);
        if (q->timeout_usec > 30 * USEC_PER_SEC || q->connect_timeout_usec == 0)
                world_violation(w, "a request to %s may wait for ever", s->host);
}

static bool is_reachable(const World *w, const char *host)
{
        if (host[0] >= '0' && host[0] <= '9')
                return true; /* the machine's own metadata service: see service.c */
        return !world_has_fault(w, FAULT_PARTITION, SIZE_MAX) &&
               !(strstr(host, "eu-west-1") && world_has_fault(w, FAULT_PARTITION_REGION, SIZE_MAX));
}

static int net_start(HttpTransport *t, const HttpRequest *q, HttpCallback callback, void *userdata,
                     HttpCall **ret_call)
{
        SimNet *n = (SimNet *)((char *)t - offsetof(SimNet, http));
        World *w = n->world;
        HttpCall *c = mem_new0(HttpCall);
        _cleanup_uri_ Uri u = {};
        StrBuf headers = STRBUF_INIT(1 << 16);

        if (uri_parse(q->url, &u) < 0)
                abort();
        for (size_t i = 0; i < q->n_headers; i++)
                strbuf_addf(&headers, "%s: %s\n", q->headers[i].name, q->headers[i].value);
        *c = (HttpCall){
                .net = n,
                .request = {.method = mem_strdup(q->method),
                            .host = mem_strdup(u.host),
                            .path = mem_strdup(u.path),
                            .body = mem_strndup(q->body_len ? q->body : "", q->body_len)},
                .until_usec = w->now_usec + q->timeout_usec,
                .callback = callback,
                .userdata = userdata,
        };
        if (strbuf_take(&headers, &c->request.headers) < 0)
                abort();
        n->n_calls++;
        check_request(w, q, &c->request);
        whole_note_request(w, &c->request);
        *ret_call = c;
        if (rng_chance(&w->rng, world_lost_percent(w)))
                end_at(c, USEC_INFINITY, on_timeout);
        else if (is_reachable(w, u.host))
                end_at(c, w->now_usec + guard_latency(w) / 2, on_arrival);
        else
                end_at(c, w->now_usec + q->connect_timeout_usec, on_unreachable);
        return 0;
}

static void net_cancel(HttpCall *c)
{
        if (!c)
                return;
        c->event->slot = NULL;
        call_free(c);
}

static const char *net_environ_get(NetEnv *e, const char *name)
{
        const SimNet *n = (const SimNet *)e;

        return n->world->whole->environment ? session_environ(name) : NULL;
}

/* There are no profiles, no tokens, and no programs in these worlds. */
static int net_file_read(NetEnv *e, const char *path, size_t max, Secret **ret)
{
        return -ENOENT;
}

static int net_process_start(NetEnv *e, const NetProcessOptions *o, NetProcessCallback callback,
                             void *userdata, NetProcess **ret)
{
        return -ENOENT;
}

static void net_process_cancel(NetProcess *p)
{
        assert(!p);
}

void net_init(SimNet *n, World *w)
{
        *n = (SimNet){
                .env = {.http = &n->http,
                        .boottime_usec = net_boottime_usec,
                        .wall_msec = net_wall_msec,
                        .random01 = net_random01,
                        .timer_start = net_timer_start,
                        .timer_cancel = net_timer_cancel,
                        .environ_get = net_environ_get,
                        .file_read = net_file_read,
                        .process_start = net_process_start,
                        .process_cancel = net_process_cancel},
                .http = {.start = net_start, .cancel = net_cancel},
                .world = w,
        };
}
