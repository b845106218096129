/* SPDX-License-Identifier: Apache-2.0 */
#include "fake-net.h"

#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"

struct NetTimer {
        FakeNet *owner;
        NetTimer *next;
        uint64_t due_usec;
        NetTimerCallback callback;
        void *userdata;
};

struct HttpCall {
        FakeNet *owner;
        size_t sent;
        NetTimer *timer;
        FakeAnswer answer;
        bool timeout;
        HttpCallback callback;
        void *userdata;
};

static uint64_t fake_boottime_usec(NetEnv *e)
{
        return ((FakeNet *)e)->boottime_usec;
}

static int64_t fake_wall_msec(NetEnv *e)
{
        FakeNet *f = (FakeNet *)e;

        return (int64_t)(f->boottime_usec / USEC_PER_MSEC) + f->wall_offset_msec;
}

static double fake_random01(NetEnv *e)
{
        return ((FakeNet *)e)->random01;
}

static NetTimer *fake_timer_start(NetEnv *e, uint64_t delay_usec, NetTimerCallback callback,
                                  void *userdata)
{
        FakeNet *f = (FakeNet *)e;
        NetTimer *t = mem_new0(NetTimer), **p = &f->timers;

        *t = (NetTimer){
                .owner = f,
                .due_usec = delay_usec > USEC_INFINITY - f->boottime_usec
                                    ? USEC_INFINITY
                                    : f->boottime_usec + delay_usec,
                .callback = callback,
                .userdata = userdata,
        };
        while (*p && (*p)->due_usec <= t->due_usec)
                p = &(*p)->next;
        t->next = *p;
        *p = t;
        f->n_timers++;
        return t;
}

static void fake_timer_cancel(NetTimer *t)
{
        NetTimer **p;

        if (!t)
                return;
        for (p = &t->owner->timers; *p != t; p = &(*p)->next)
                assert_non_null(*p);
        *p = t->next;
        t->owner->n_timers--;
        free(t);
}

/* Fires the first timer that is due by then; false when there is none. */
static bool fire_one(FakeNet *f, uint64_t until_usec)
{
        NetTimer *t = f->timers;

        if (!t || t->due_usec > until_usec)
                return false;

        NetTimerCallback callback = t->callback;
        void *userdata = t->userdata;
        if (t->due_usec > f->boottime_usec)
                f->boottime_usec = t->due_usec;
        fake_timer_cancel(t);
        callback(userdata);
        return true;
}

void fake_net_turn(FakeNet *f)
{
        fake_net_advance(f, 0);
}

void fake_net_advance(FakeNet *f, uint64_t usec)
{
        uint64_t until = f->boottime_usec + usec;

        for (unsigned n = 0; fire_one(f, until); n++)
                assert_true(n < 100000); /* spins */
        f->boottime_usec = until;
}

static void http_free(HttpCall *call)
{
        fake_timer_cancel(call->timer);
        call->owner->n_open--;
        free(call);
}

static void copy(char *dst, size_t size, const char *src)
{
        (void)snprintf(dst, size, "%s", strempty(src));
}

static void on_http_timer(void *userdata)
{
        HttpCall *call = userdata;
        FakeNet *f = call->owner;
        FakeAnswer a = call->answer;
        HttpCallback callback = call->callback;
        bool timeout = call->timeout;

        userdata = call->userdata;
        call->timer = NULL;
        http_free(call);

        if (timeout || a.status == 0) {
                AwsError error;
                aws_error_set(&error, timeout ? AWS_ERROR_NETWORK : a.error_class,
                              timeout ? "Timeout" : a.error_code, "scripted");
                callback(userdata, NULL, &error);
                return;
        }

        HttpResponse response = {
                .status = a.status,
                .body = STRBUF_INIT(1 << 20),
                .received_msec = fake_wall_msec(&f->env),
        };
        strbuf_add(&response.body, a.body);
        copy(response.request_id, sizeof(response.request_id), a.request_id);
        copy(response.query_error, sizeof(response.query_error), a.query_error);
        copy(response.retry_after, sizeof(response.retry_after), a.retry_after);
        if (a.date) {
                copy(response.date, sizeof(response.date), a.date);
        } else {
                time_t seconds = (response.received_msec + f->service_offset_msec) / 1000;
                struct tm tm;
                (void)strftime(response.date, sizeof(response.date), "%a, %d %b %Y %H:%M:%S GMT",
                               gmtime_r(&seconds, &tm));
        }
        callback(userdata, &response, NULL);
        strbuf_done(&response.body);
}

static void record(FakeNet *f, const HttpRequest *q)
{
        assert_true(f->n_sent < ELEMENTSOF(f->sent));
        FakeSent *s = &f->sent[f->n_sent++];
        StrBuf headers = STRBUF_INIT(1 << 16);

        for (size_t i = 0; i < q->n_headers; i++)
                strbuf_addf(&headers, "%s: %s\n", q->headers[i].name, q->headers[i].value);
        *s = (FakeSent){
                .method = mem_strdup(q->method),
                .url = mem_strdup(q->url),
                .body = mem_strndup(q->body_len ? q->body : "", q->body_len),
                .policy = q->policy,
                .connect_timeout_usec = q->connect_timeout_usec,
                .timeout_usec = q->timeout_usec,
                .body_max = q->body_max,
                .urgent = q->urgent,
                .boottime_usec = f->boottime_usec,
        };
        assert_int_equal(strbuf_take(&headers, &s->headers), 0);
}

static int fake_http_start(HttpTransport *t, const HttpRequest *q, HttpCallback callback,
                           void *userdata, HttpCall **ret_call)
{
        FakeNet *f = (FakeNet *)((char *)t - offsetof(FakeNet, http));
        FakeAnswer a = {.silent = true};

        if (f->script_next < f->n_script)
                a = f->script[f->script_next++];
        record(f, q);
        if (a.start_error < 0)
                return a.start_error;

        HttpCall *call = mem_new0(HttpCall);
        *call = (HttpCall){
                .owner = f,
                .sent = f->n_sent - 1,
                .answer = a,
                .timeout = a.silent || a.delay_usec >= q->timeout_usec,
                .callback = callback,
                .userdata = userdata,
        };
        f->n_open++;
        *ret_call = call; /* stored before anything can be called back */
        call->timer = fake_timer_start(&f->env, call->timeout ? q->timeout_usec : a.delay_usec,
                                       on_http_timer, call);
        return 0;
}

static void fake_http_cancel(HttpCall *call)
{
        if (!call)
                return;
        call->owner->sent[call->sent].cancelled = true;
        http_free(call);
}

static void put(const char *(*table)[2], size_t n, const char *name, const char *value)
{
        for (size_t i = 0; i < n; i++)
                if (!table[i][0] || streq(table[i][0], name)) {
                        table[i][0] = name;
                        table[i][1] = value;
                        return;
                }
        fail_msg("no room for %s", name);
}

static const char *look_up(const char *(*table)[2], size_t n, const char *name)
{
        for (size_t i = 0; i < n && table[i][0]; i++)
                if (streq(table[i][0], name))
                        return table[i][1];
        return NULL;
}

void fake_net_setenv(FakeNet *f, const char *name, const char *value)
{
        put(f->environment, ELEMENTSOF(f->environment), name, value);
}

void fake_net_file(FakeNet *f, const char *path, const char *content)
{
        put(f->files, ELEMENTSOF(f->files), path, content);
}

static const char *fake_environ_get(NetEnv *e, const char *name)
{
        FakeNet *f = (FakeNet *)e;

        return look_up(f->environment, ELEMENTSOF(f->environment), name);
}

static int fake_file_read(NetEnv *e, const char *path, size_t max, Secret **ret)
{
        FakeNet *f = (FakeNet *)e;
        const char *content = look_up(f->files, ELEMENTSOF(f->files), path);

        if (f->file_error < 0)
                return f->file_error;
        if (!content)
                return -ENOENT;
        if (strlen(content) > max)
                return -E2BIG;
        *ret = secret_new(content, strlen(content));
        return 0;
}

struct NetProcess {
        FakeNet *owner;
        FakeProcess *process;
        NetTimer *timer;
        NetProcessCallback callback;
        void *userdata;
};

static void process_free(NetProcess *p)
{
        fake_timer_cancel(p->timer);
        p->owner->n_open--;
        free(p);
}

static void fake_process_cancel(NetProcess *p)
{
        if (!p)
                return;
        p->process->cancelled = true;
        process_free(p);
}

static void on_process(void *userdata)
{
        NetProcess *p = userdata;
        const FakeProcess *q = p->process;
        NetProcessCallback callback = p->callback;

        userdata = p->userdata;
        p->timer = NULL;
        process_free(p);
        callback(userdata, &(NetProcessResult){
                                   .error = q->silent ? -ETIMEDOUT : q->error,
                                   .exit_status = q->exit_status,
                                   .output = strempty(q->output),
                                   .output_len = strlen(strempty(q->output)),
                           });
}

static int fake_process_start(NetEnv *e, const NetProcessOptions *o, NetProcessCallback callback,
                              void *userdata, NetProcess **ret)
{
        FakeNet *f = (FakeNet *)e;
        StrBuf command = STRBUF_INIT(1 << 16);

        assert_true(f->n_processes < ELEMENTSOF(f->processes));
        FakeProcess *q = &f->processes[f->n_processes++];
        for (const char *const *word = o->argv; *word; word++)
                strbuf_addf(&command, "%s|", *word);
        assert_int_equal(strbuf_take(&command, &q->command), 0);
        q->timeout_usec = o->timeout_usec;
        q->output_max = o->output_max;
        if (q->start_error < 0)
                return q->start_error;

        NetProcess *p = mem_new0(NetProcess);
        *p = (NetProcess){.owner = f, .process = q, .callback = callback, .userdata = userdata};
        f->n_open++;
        *ret = p;
        p->timer = fake_timer_start(e, q->silent ? o->timeout_usec : 0, on_process, p);
        return 0;
}

void fake_net_init(FakeNet *f)
{
        *f = (FakeNet){
                .env =
                        {
                                .http = &f->http,
                                .boottime_usec = fake_boottime_usec,
                                .wall_msec = fake_wall_msec,
                                .random01 = fake_random01,
                                .timer_start = fake_timer_start,
                                .timer_cancel = fake_timer_cancel,
                                .environ_get = fake_environ_get,
                                .file_read = fake_file_read,
                                .process_start = fake_process_start,
                                .process_cancel = fake_process_cancel,
                        },
                .http = {.start = fake_http_start, .cancel = fake_http_cancel},
                .boottime_usec = USEC_PER_HOUR,
                .wall_offset_msec = FAKE_WALL_START - MSEC_PER_HOUR,
                .random01 = 0.5,
        };
}

void fake_net_done(FakeNet *f)
{
        for (size_t i = 0; i < f->n_processes; i++)
                free(f->processes[i].command);
        for (size_t i = 0; i < f->n_sent; i++) {
                free(f->sent[i].method);
                free(f->sent[i].url);
                free(f->sent[i].headers);
                free(f->sent[i].body);
        }
        assert_int_equal(f->n_timers, 0);
        assert_int_equal(f->n_open, 0);
        assert_int_equal(f->script_next, f->n_script);
}

void fake_net_answer(FakeNet *f, FakeAnswer answer)
{
        assert_true(f->n_script < ELEMENTSOF(f->script));
        f->script[f->n_script++] = answer;
}

const char *fake_sent_header(const FakeSent *s, const char *name)
{
        static char value[4096];
        size_t n = strlen(name);

        for (const char *line = s->headers; *line; line += strcspn(line, "\n") + 1)
                if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
                        (void)snprintf(value, sizeof(value), "%.*s",
                                       (int)strcspn(line + n + 2, "\n"), line + n + 2);
                        return value;
                }
        return NULL;
}

struct CredFetch {
        FakeSource *owner;
        NetTimer *timer;
        CredCallback callback;
        void *userdata;
};

static void fake_source_cancel(CredFetch *fetch)
{
        if (!fetch)
                return;
        fake_timer_cancel(fetch->timer);
        fetch->owner->n_open--;
        free(fetch);
}

static void on_source_timer(void *userdata)
{
        CredFetch *fetch = userdata;
        CredCallback callback = fetch->callback;
        AwsCredentials *credentials = fetch->owner->give;
        AwsError error;

        userdata = fetch->userdata;
        fetch->timer = NULL;
        fake_source_cancel(fetch);
        aws_error_set(&error, AWS_ERROR_CREDENTIALS, "Scripted", "scripted");
        callback(userdata, credentials, credentials ? NULL : &error);
}

static CredFetch *fake_source_fetch(CredSource *source, CredCallback callback, void *userdata)
{
        FakeSource *s = (FakeSource *)source;
        CredFetch *fetch = mem_new0(CredFetch);

        *fetch = (CredFetch){.owner = s, .callback = callback, .userdata = userdata};
        if (!s->silent)
                fetch->timer =
                        fake_timer_start(&s->net->env, s->delay_usec, on_source_timer, fetch);
        s->n_fetches++;
        s->n_open++;
        return fetch;
}

static CredSource *fake_source_free(CredSource *source)
{
        FakeSource *s = (FakeSource *)source;

        assert_false(s->freed);
        assert_int_equal(s->n_open, 0);
        s->freed = true;
        return NULL;
}

CredSource *fake_source_init(FakeSource *s, FakeNet *net)
{
        *s = (FakeSource){
                .source = {.name = "fake",
                           .fetch = fake_source_fetch,
                           .cancel = fake_source_cancel,
                           .free = fake_source_free},
                .net = net,
        };
        return &s->source;
}

AwsCredentials *fake_credentials(FakeNet *net, const char *name, int64_t lifetime_msec)
{
        _cleanup_free_ char *id = mem_printf("AKID%s", name);
        AwsCredentials *c = NULL;

        assert_int_equal(aws_credentials_new(
                                 id, "wJalrXUtnFEMI/K7MDENG", "token",
                                 lifetime_msec == 0 ? 0 : fake_wall_msec(&net->env) + lifetime_msec,
                                 &c),
                         0);
        return c;
}
