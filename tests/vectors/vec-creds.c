/* SPDX-License-Identifier: Apache-2.0 */

/* Where credentials come from: the real chain in a world made of recorded traffic, an environment
 * and a folder that stands for the root of the file system. Time is virtual; programs are real. */

#include "vec.h"

#include <errno.h>
#include <getopt.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/uri.h"
#include "daemon/awssettings.h"
#include "net/credchain.h"
#include "net/httpcurl.h"

#define WALL_START INT64_C(1795402800000) /* 2026-11-23T03:00:00Z */
#define SPINS_MAX 100000

typedef struct World World;

struct NetTimer {
        World *world;
        NetTimer *next;
        uint64_t due_usec;
        NetTimerCallback callback;
        void *userdata;
};

/* One request with what came back, in the order of the requests. */
typedef struct Exchange {
        json_int_t connection;
        const char *method, *uri;
        const json_t *response; /* Ok or Err; NULL: none was recorded */
        StrBuf body;
} Exchange;

struct World {
        NetEnv env; /* first */
        HttpTransport http;
        NetEnv *real; /* files and programs */
        sd_event *event;
        NetProcessCallback process_callback; /* while one runs */
        void *process_userdata;
        const char *root;
        json_t *variables, *traffic;
        Exchange *exchanges;
        size_t n_exchanges, at;
        NetTimer *timers;
        uint64_t now_usec;
        char *wrong; /* the first request that was not as recorded */
        bool done;
        json_t *outcome;
};

static uint64_t world_boottime_usec(NetEnv *e)
{
        return ((World *)e)->now_usec;
}

static int64_t world_wall_msec(NetEnv *e)
{
        return WALL_START + (int64_t)(((World *)e)->now_usec / USEC_PER_MSEC);
}

static double world_random01(NetEnv *e)
{
        return 1;
}

static NetTimer *world_timer_start(NetEnv *e, uint64_t delay_usec, NetTimerCallback callback,
                                   void *userdata)
{
        World *w = (World *)e;
        NetTimer *t = mem_new0(NetTimer), **p = &w->timers;

        *t = (NetTimer){.world = w,
                        .due_usec = w->now_usec + delay_usec,
                        .callback = callback,
                        .userdata = userdata};
        while (*p && (*p)->due_usec <= t->due_usec)
                p = &(*p)->next;
        t->next = *p;
        *p = t;
        return t;
}

static void world_timer_cancel(NetTimer *t)
{
        NetTimer **p;

        if (!t)
                return;
        for (p = &t->world->timers; *p != t; p = &(*p)->next)
                ;
        *p = t->next;
        free(t);
}

static const char *world_environ_get(NetEnv *e, const char *name)
{
        return json_string_value(json_object_get(((World *)e)->variables, name));
}

static int world_file_read(NetEnv *e, const char *path, size_t max, Secret **ret)
{
        World *w = (World *)e;
        _cleanup_free_ char *below = mem_printf("%s/%s", strempty(w->root), path);

        return w->root ? w->real->file_read(w->real, below, max, ret) : -ENOENT;
}

static void on_process(void *userdata, const NetProcessResult *result)
{
        World *w = userdata;

        w->process_callback(w->process_userdata, result);
        w->process_callback = NULL;
}

/* One at a time is all that a chain runs. */
static int world_process_start(NetEnv *e, const NetProcessOptions *o, NetProcessCallback callback,
                               void *userdata, NetProcess **ret)
{
        World *w = (World *)e;
        int r = w->real->process_start(w->real, o, on_process, w, ret);

        if (r >= 0) {
                w->process_callback = callback;
                w->process_userdata = userdata;
        }
        return r;
}

struct HttpCall {
        Exchange *exchange; /* NULL: the request was not as recorded */
        World *world;
        NetTimer *timer;
        HttpCallback callback;
        void *userdata;
};

static void world_http_cancel(HttpCall *call)
{
        if (!call)
                return;
        world_timer_cancel(call->timer);
        free(call);
}

/* The one value of a header, "" without it. */
static const char *header(const json_t *response, const char *name)
{
        const json_t *values = json_object_get(json_object_get(response, "headers"), name);

        return strempty(
                json_string_value(json_is_array(values) ? json_array_get(values, 0) : values));
}

static void on_answer_due(void *userdata)
{
        HttpCall *call = userdata;
        const Exchange *x = call->exchange;
        const json_t *ok = x ? json_object_get(x->response, "Ok") : NULL;
        const json_t *failure = x ? json_object_get(x->response, "Err") : NULL;
        HttpCallback callback = call->callback;
        HttpResponse response = {.status = (int)json_integer_value(json_object_get(ok, "status")),
                                 .received_msec = world_wall_msec(&call->world->env)};
        AwsError error;

        userdata = call->userdata;
        call->timer = NULL;
        world_http_cancel(call);
        if (!ok) {
                aws_error_set(&error, AWS_ERROR_NETWORK, "ConnectionReset", "%s",
                              json_is_string(failure) ? json_string_value(failure)
                                                      : "no answer was recorded");
                callback(userdata, NULL, &error);
                return;
        }
        response.body = x->body;
        (void)snprintf(response.date, sizeof(response.date), "%s", header(ok, "date"));
        callback(userdata, &response, NULL);
}

/* Path and query, "/" for none. */
static char *path_of(const char *url)
{
        _cleanup_uri_ Uri u = {};

        if (uri_parse(url, &u) < 0)
                return mem_strdup(url);
        return mem_printf("%s%s%s", u.path, u.query ? "?" : "", strempty(u.query));
}

static bool is_as_recorded(const Exchange *x, const HttpRequest *q)
{
        _cleanup_free_ char *have = path_of(q->url), *want = path_of(x->uri);

        return streq(x->method, q->method) && streq(have, want);
}

/* Where no name resolves, plain http goes to addresses alone, as the transport judges those that it
 * dials. STS may be recorded by plain http. */
static bool is_permitted(const HttpRequest *q)
{
        _cleanup_uri_ Uri u = {};

        if (uri_parse(q->url, &u) < 0)
                return false;
        if (streq(u.scheme, "https"))
                return q->policy != HTTP_POLICY_METADATA;
        return q->policy == HTTP_POLICY_SERVICE || uri_host_is_loopback(u.host) ||
               (q->policy == HTTP_POLICY_METADATA && uri_host_is_metadata(u.host)) ||
               (q->policy == HTTP_POLICY_CONTAINER && uri_host_is_container(u.host));
}

static int world_http_start(HttpTransport *t, const HttpRequest *q, HttpCallback callback,
                            void *userdata, HttpCall **ret)
{
        World *w = (World *)((char *)t - offsetof(World, http));
        Exchange *x = NULL;
        HttpCall *call;

        if (!is_permitted(q))
                return -EPERM;
        if (w->at < w->n_exchanges)
                x = &w->exchanges[w->at++];
        call = mem_new0(HttpCall);

        if (!w->wrong && !x)
                w->wrong = mem_printf("request %zu (%s %s) is not in the recording", w->at + 1,
                                      q->method, q->url);
        else if (!w->wrong && !is_as_recorded(x, q))
                w->wrong = mem_printf("request %zu is %s %s, recorded is %s %s", w->at, q->method,
                                      q->url, x->method, x->uri);
        *call = (HttpCall){.world = w,
                           .exchange = w->wrong ? NULL : x,
                           .callback = callback,
                           .userdata = userdata};
        call->timer = world_timer_start(&w->env, 0, on_answer_due, call);
        *ret = call;
        return 0;
}

static Exchange *find_exchange(World *w, json_int_t connection)
{
        for (size_t i = w->n_exchanges; i > 0; i--)
                if (w->exchanges[i - 1].connection == connection)
                        return &w->exchanges[i - 1];
        return NULL;
}

static int check_variables(json_t *variables)
{
        const char *name;
        json_t *value;

        if (!json_is_object(variables))
                return vec_complain("the environment is no object");
        json_object_foreach(variables, name, value)
        {
                if (!json_is_string(value) && !json_is_null(value)) /* null: not set */
                        return vec_complain("the variable %s is no text", name);
        }
        return VEC_OK;
}

/* Events of one connection: Request, Data and Eof of either direction, Response. */
static int read_traffic(World *w)
{
        const json_t *event, *events = json_object_get(w->traffic, "events");
        size_t i;

        if (!json_is_array(events))
                return vec_complain("the recording has no \"events\"");
        json_array_foreach(events, i, event)
        {
                json_int_t connection = json_integer_value(json_object_get(event, "connection_id"));
                const json_t *action = json_object_get(event, "action"),
                             *request =
                                     json_object_get(json_object_get(action, "Request"), "request"),
                             *response = json_object_get(json_object_get(action, "Response"),
                                                         "response"),
                             *data = json_object_get(action, "Data");
                Exchange *x = find_exchange(w, connection);

                if (request) {
                        x = mem_push0(w->exchanges, w->n_exchanges);
                        x->connection = connection;
                        x->method = json_string_value(json_object_get(request, "method"));
                        x->uri = json_string_value(json_object_get(request, "uri"));
                        x->body = STRBUF_INIT((size_t)1 << 20);
                        if (!x->method || !x->uri)
                                return vec_complain("event %zu: no method or uri", i);
                } else if (!x && !json_object_get(action, "Eof")) {
                        return vec_complain("event %zu: of no request", i);
                } else if (response) {
                        x->response = response;
                } else if (data && streq_ptr(json_string_value(json_object_get(data, "direction")),
                                             "Response")) {
                        const json_t *text = json_object_get(json_object_get(data, "data"), "Utf8");
                        if (!json_is_string(text))
                                return vec_complain("event %zu: its data are not Utf8", i);
                        strbuf_add(&x->body, json_string_value(text));
                }
        }
        return VEC_OK;
}

/* A case that asks nobody may come without one. */
static json_t *read_recording(const char *path)
{
        if (!path || (!streq(path, "-") && access(path, F_OK) < 0 && errno == ENOENT))
                return json_pack("{s:[]}", "events");
        return vec_read_json(path);
}

static void on_credentials(void *userdata, AwsCredentials *c, const AwsError *error)
{
        World *w = userdata;

        w->done = true;
        if (w->wrong || !c) {
                w->outcome = json_pack("{s:s}", "error", w->wrong ? w->wrong : error->message);
                return;
        }
        w->outcome =
                json_pack("{s:s, s:s, s:s*, s:s*}", "access_key_id", c->access_key_id,
                          "secret_access_key", secret_expose(c->secret_access_key), "session_token",
                          c->session_token ? secret_expose(c->session_token) : NULL, "account_id",
                          c->account_id);
        if (c->expiry_msec != INT64_MAX)
                (void)json_object_set_new(w->outcome, "expiry",
                                          json_integer(c->expiry_msec / MSEC_PER_SEC));
}

static const char *get_variable(void *userdata, const char *name)
{
        return world_environ_get(userdata, name);
}

/* STS is asked where environment and profile say, as the daemon does it; but the recording may be
 * of plain http. */
static int make_source(World *w, CredSource **ret, char **reterr_text)
{
        static const Conf conf;
        _cleanup_(profile_set_freep) ProfileSet *profiles = NULL;
        _cleanup_(aws_settings_freep) AwsSettings *settings = NULL;
        const char *endpoints[_AWS_SERVICE_MAX];
        int r = cred_profiles_read(&w->env, &profiles, reterr_text);

        if (r < 0)
                return r;
        r = aws_settings_new(
                &(AwsSettingsOptions){
                        .conf = &conf,
                        .get = get_variable,
                        .userdata = w,
                        .profiles = profiles,
                        .profile = cred_profile_name(&w->env, NULL),
                        .profile_path = "the config file",
                },
                &settings, reterr_text);
        if (r < 0)
                return r;
        for (size_t i = 0; i < _AWS_SERVICE_MAX; i++)
                endpoints[i] = settings->endpoint[i].value;
        return cred_source_new_chain(
                &(CredChainOptions){
                        .client = {.env = &w->env,
                                   .user_agent = "ts-vec",
                                   .endpoints = endpoints,
                                   .fips = aws_setting_is_true(&settings->fips),
                                   .dual_stack = aws_setting_is_true(&settings->dual_stack)},
                        .session_name = "ts-vec",
                },
                ret, reterr_text);
}

/* A program takes no time of this world's. */
static int turn(World *w)
{
        NetTimer *t = w->timers;

        if (w->process_callback)
                return sd_event_run(w->event, USEC_INFINITY);
        if (!t)
                return -ENODATA;

        NetTimerCallback callback = t->callback;
        void *userdata = t->userdata;
        w->now_usec = t->due_usec; /* never goes back */
        world_timer_cancel(t);
        callback(userdata);
        return 0;
}

static int run(World *w, FILE *out)
{
        _cleanup_(cred_source_freep) CredSource *source = NULL;
        _cleanup_free_ char *text = NULL;
        CredFetch *fetch = NULL;
        bool failed;

        if (make_source(w, &source, &text) < 0) {
                w->outcome = json_pack("{s:s}", "error", text);
        } else {
                fetch = source->fetch(source, on_credentials, w);
                for (unsigned n = 0; !w->done && n < SPINS_MAX; n++)
                        if (turn(w) < 0)
                                break;
                if (!w->done) {
                        source->cancel(fetch);
                        return vec_complain("nothing happens any more");
                }
        }
        failed = json_object_get(w->outcome, "error") != NULL;
        vec_print_json(w->outcome, out);
        return failed ? VEC_FAILED : VEC_OK;
}

static void world_done(World *w)
{
        for (size_t i = 0; i < w->n_exchanges; i++)
                strbuf_done(&w->exchanges[i].body);
        free(w->exchanges);
        json_decref(w->variables);
        json_decref(w->traffic);
        net_env_free_event(w->real);
        sd_event_unref(w->event);
        free(w->wrong);
}

int vec_creds(int argc, char **argv, FILE *out)
{
        static const struct option options[] = {{"env", required_argument, NULL, 'e'},
                                                {"fs", required_argument, NULL, 'f'},
                                                {"traffic", required_argument, NULL, 't'},
                                                {}};
        _cleanup_(world_done) World w = {
                .env = {.http = &w.http,
                        .boottime_usec = world_boottime_usec,
                        .wall_msec = world_wall_msec,
                        .random01 = world_random01,
                        .timer_start = world_timer_start,
                        .timer_cancel = world_timer_cancel,
                        .environ_get = world_environ_get,
                        .file_read = world_file_read,
                        .process_start = world_process_start},
                .http = {.start = world_http_start, .cancel = world_http_cancel},
                .now_usec = USEC_PER_HOUR,
        };
        const char *env = NULL, *traffic = NULL;
        int o;

        while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0)
                if (o == 'e')
                        env = optarg;
                else if (o == 'f')
                        w.root = optarg;
                else if (o == 't')
                        traffic = optarg;
                else
                        return VEC_USAGE;
        if (!env || optind < argc)
                return vec_complain("creds wants --env FILE, and takes --fs DIR, --traffic FILE");
        w.variables = vec_read_json(env);
        w.traffic = read_recording(traffic);
        if (!w.variables || !w.traffic || check_variables(w.variables) != VEC_OK ||
            read_traffic(&w) != VEC_OK)
                return VEC_USAGE;
        if (sd_event_new(&w.event) < 0)
                return vec_complain("no event loop");
        w.real = net_env_new_event(w.event, NULL);
        w.env.process_cancel = w.real->process_cancel;
        return run(&w, out);
}
