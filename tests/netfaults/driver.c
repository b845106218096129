/* SPDX-License-Identifier: Apache-2.0 */
/* Makes every call of a matrix, kinds of network fault by APIs, with the real client on one loop,
 * many at a time, and prints how each ended; `run` judges. What has to hold whatever the fault is
 * held here: the callback fires exactly once, and never after the call's deadline.
 *
 *     driver CA-FILE < cells      a line each: CELL API FLAGS URL PROXY
 *
 * FLAGS: s for a fault that ends by a deadline (a short one then), w for a good call before it,
 * else a dash. Of each cell the rounds are: good (with w), fault, mended. */

#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "aws/cloudtrail.h"
#include "aws/query.h"
#include "base/mem.h"
#include "net/client.h"
#include "net/httpcurl.h"
#include "page.h"

#define REGION "eu-west-1"
#define TRAIL "arn:aws:cloudtrail:" REGION ":444455556666:trail/management-events"
#define TOPIC "arn:aws:sns:" REGION ":111122223333:security-alerts"
#define ROLE "arn:aws:iam::444455556666:role/trailsentry-target"

/* The client's timers may be a millisecond late; the loop runs ours after theirs. */
#define GRANULARITY_USEC (2 * USEC_PER_MSEC)
#define QUICK_MAX 12 /* cells at a time that cost processor time, */
#define SLOW_MAX 48  /* that mostly wait */
#define CONNECTIONS_MAX 1024
#define PATIENCE_USEC (30 * USEC_PER_SEC)

typedef enum ApiKind { API_SERVICE, API_ROLE, API_WEB_IDENTITY, API_CONTAINER, API_IMDS } ApiKind;

typedef struct Api {
        const char *name;
        ApiKind kind;
        RetryMode retry; /* as the daemon makes the call */
        size_t body_max;
        uint64_t deadline_usec; /* what a source has of its own */
        void (*request)(AwsRequest *ret);
        int (*parse)(const char *body, size_t len);
} Api;

typedef struct Matrix Matrix;

typedef struct CellRun {
        Matrix *matrix;
        struct CellRun *next;
        unsigned number;
        const Api *api;
        bool slow, warm;
        char *url;
        char *proxy;

        HttpTransport *http; /* of its own with a proxy */
        NetEnv *own_env;
        NetEnv *env;
        AwsClient *client;
        CredSource *source;

        CellPhase phase;
        bool under_way;
        AwsCall *call;
        CredFetch *fetch;
        sd_event_source *guard;
        sd_event_source *wait;
        unsigned waits;
} CellRun;

struct Matrix {
        sd_event *event;
        const char *ca_file;
        HttpTransport *http;
        NetEnv *env;
        Page *page;
        CellRun *queued[2]; /* by slow */
        unsigned n_running[2];
        bool ended;
};

static void request_get_trail_status(AwsRequest *ret)
{
        cloudtrail_request_get_trail_status(TRAIL, ret);
}

static int parse_trail_status(const char *body, size_t len)
{
        TrailStatus s = {0};
        int r = cloudtrail_parse_trail_status(body, len, &s);

        if (r >= 0 && s.unread)
                r = -EBADMSG;
        trail_status_done(&s);
        return r;
}

static void request_start_logging(AwsRequest *ret)
{
        cloudtrail_request_start_logging(TRAIL, ret);
}

static void request_lookup_events(AwsRequest *ret)
{
        int64_t now = (int64_t)time(NULL) * MSEC_PER_SEC;

        cloudtrail_request_lookup_events(&(LookupQuery){.region = REGION,
                                                        .event_name = "StopLogging",
                                                        .from_msec = now - MSEC_PER_DAY,
                                                        .to_msec = now},
                                         ret);
}

static int parse_lookup_page(const char *body, size_t len)
{
        LookupPage p = {0};
        int r = cloudtrail_parse_lookup_page(body, len, &p);

        lookup_page_done(&p);
        return r;
}

static void request_get_trail(AwsRequest *ret)
{
        cloudtrail_request_get_trail(TRAIL, ret);
}

static int parse_trail(const char *body, size_t len)
{
        TrailDescription d = {0};
        int r = cloudtrail_parse_trail(body, len, &d);

        trail_description_done(&d);
        return r;
}

static void request_get_event_selectors(AwsRequest *ret)
{
        cloudtrail_request_get_event_selectors(TRAIL, ret);
}

static int parse_event_selectors(const char *body, size_t len)
{
        EventSelectors s = {0};
        int r = cloudtrail_parse_event_selectors(body, len, &s);

        event_selectors_done(&s);
        return r;
}

static void request_publish(AwsRequest *ret)
{
        if (sns_request_publish(&(SnsMessage){.topic_arn = TOPIC, .subject = "s", .message = "m"},
                                ret) < 0)
                abort();
}

static void request_put_metric_data(AwsRequest *ret)
{
        monitoring_request_put_metric_data(
                REGION, "TrailSentry",
                &(Metric){.name = "GoodPolls", .dimension_name = "Trail", .dimension_value = "t"},
                1, ret);
}

static void request_get_caller_identity(AwsRequest *ret)
{
        sts_request_get_caller_identity(REGION, ret);
}

static int parse_caller_identity(const char *body, size_t len)
{
        CallerIdentity c = {0};
        int r = sts_parse_caller_identity(body, len, &c);

        caller_identity_done(&c);
        return r;
}

/* Where there is no parse function the daemon takes an accepted call for accepted. */
static const Api apis[] = {
        {"GetTrailStatus", .request = request_get_trail_status, .parse = parse_trail_status},
        {"StartLogging", .retry = RETRY_UNMETERED, .request = request_start_logging},
        {"LookupEvents", .body_max = CLOUDTRAIL_LOOKUP_BODY_MAX, .request = request_lookup_events,
         .parse = parse_lookup_page},
        {"GetTrail", .request = request_get_trail, .parse = parse_trail},
        {"GetEventSelectors", .request = request_get_event_selectors,
         .parse = parse_event_selectors},
        {"Publish", .retry = RETRY_STANDARD, .request = request_publish},
        {"PutMetricData", .retry = RETRY_STANDARD, .request = request_put_metric_data},
        {"GetCallerIdentity", .retry = RETRY_STANDARD, .request = request_get_caller_identity,
         .parse = parse_caller_identity},
        {"AssumeRole", API_ROLE, .deadline_usec = 15 * USEC_PER_SEC},
        {"AssumeRoleWithWebIdentity", API_WEB_IDENTITY, .deadline_usec = 15 * USEC_PER_SEC},
        /* Three tries of 2 s and the pauses between them. */
        {"ContainerCredentials", API_CONTAINER, .deadline_usec = 8 * USEC_PER_SEC},
        /* Four tries of 2 s and the pauses between them, at the step that fails. */
        {"ImdsToken", API_IMDS, .deadline_usec = 12 * USEC_PER_SEC},
        {"ImdsRole", API_IMDS, .deadline_usec = 12 * USEC_PER_SEC},
        {"ImdsCredentials", API_IMDS, .deadline_usec = 12 * USEC_PER_SEC},
};

static void next_round(CellRun *c);
static void run_queued(Matrix *m);

static const CredKeys long_lived = {
        .where = "driver",
        .id_name = "id",
        .secret_name = "secret",
        .id = "AKIAIOSFODNN7EXAMPLE",
        .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

static void die(const CellRun *c, const char *what)
{
        printf("%u\tbroken\t%s\n", c->number, what);
        fflush(stdout);
        abort();
}

static int on_late(sd_event_source *s, uint64_t usec, void *userdata)
{
        die(userdata, "the call outlived its deadline");
        return 0;
}

static void ended(CellRun *c, const AwsError *e, int attempts)
{
        static const char *const rounds[] = {"good", "fault", "mended"};

        if (!c->under_way)
                die(c, "the callback fired again");
        c->under_way = false;
        c->guard = sd_event_source_disable_unref(c->guard);
        printf("%u\t%s\t%s\t%s\t%d\t%d\t%s\n", c->number, rounds[c->phase],
               aws_error_class_to_string(e->class), *e->code ? e->code : "-", e->status, attempts,
               e->message);
        next_round(c);
}

static void on_result(void *userdata, const AwsResult *result)
{
        CellRun *c = userdata;
        AwsError e = result->error;

        c->call = NULL;
        if (e.class == AWS_ERROR_NONE && c->api->parse) {
                int r = c->api->parse(result->body, result->body_len);
                if (r < 0)
                        aws_error_set(&e, AWS_ERROR_PROTOCOL, "UnreadableAnswer",
                                      "the answer to %s cannot be read: %s", c->api->name,
                                      strerror(-r));
        }
        ended(c, &e, result->attempts);
}

static void on_credentials(void *userdata, AwsCredentials *credentials, const AwsError *error)
{
        static const AwsError none = {.class = AWS_ERROR_NONE};
        CellRun *c = userdata;

        c->fetch = NULL;
        ended(c, credentials ? &none : error, 0);
}

static uint64_t start_call(CellRun *c)
{
        bool hurried = c->slow && c->phase == PHASE_FAULT;
        AwsRequest request = {0};
        AwsCallOptions o = {
                .retry = c->api->retry,
                .body_max = c->api->body_max,
                .answer_unread = !c->api->parse,
                .attempt_timeout_usec = (hurried ? 2 : 20) * USEC_PER_SEC,
                .deadline_usec = (hurried ? 5 : 30) * USEC_PER_SEC,
        };

        c->api->request(&request);
        c->call = aws_call_start(c->client, &request, &o, on_result, c);
        return o.deadline_usec;
}

static void start_round(CellRun *c)
{
        Matrix *m = c->matrix;
        uint64_t deadline_usec = c->api->deadline_usec;

        m->page->cells[c->number].connects = 0;
        m->page->cells[c->number].phase = (uint8_t)c->phase;
        c->under_way = true;
        if (c->api->kind == API_SERVICE)
                deadline_usec = start_call(c);
        else
                c->fetch = c->source->fetch(c->source, on_credentials, c);
        if (sd_event_add_time_relative(m->event, &c->guard, CLOCK_BOOTTIME,
                                       deadline_usec + GRANULARITY_USEC, 1, on_late, c) < 0 ||
            sd_event_source_set_priority(c->guard, SD_EVENT_PRIORITY_IDLE) < 0)
                abort();
}

static void cell_open(CellRun *c)
{
        Matrix *m = c->matrix;
        char *text = NULL;

        c->env = m->env;
        if (c->proxy) {
                HttpCurlOptions o = {.event = m->event, .ca_file = m->ca_file, .proxy = c->proxy};
                if (http_curl_new(&o, &c->http, &text) < 0)
                        abort();
                c->env = c->own_env = net_env_new_event(m->event, c->http);
        }
        if (c->api->kind == API_IMDS) {
                if (cred_source_new_imds(c->env, c->url, NULL, &c->source, &text) < 0)
                        abort();
                return;
        }
        if (c->api->kind == API_CONTAINER) {
                _cleanup_free_ char *url = mem_printf("%s/container", c->url);
                if (setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, true) < 0 ||
                    cred_source_new_container(c->env, &c->source, &text) < 0)
                        abort();
                return;
        }

        CredSource *keys = NULL;
        const char *endpoints[_AWS_SERVICE_MAX];
        for (size_t i = 0; i < _AWS_SERVICE_MAX; i++)
                endpoints[i] = c->url;
        if (cred_source_new_keys(c->env, &long_lived, &keys, &text) < 0)
                abort();
        c->client = aws_client_new(&(AwsClientOptions){.env = c->env,
                                                       .source = keys,
                                                       .user_agent = "trailsentry-netfaults/0",
                                                       .endpoints = endpoints});
        const CredAssumeRoleOptions role = {
                .client = c->client,
                .env = c->env,
                .region = REGION,
                .role_arn = ROLE,
                .session_name = "netfaults",
                /* Any text is a token to us. */
                .web_token_file = c->api->kind == API_WEB_IDENTITY ? m->ca_file : NULL,
        };
        if (c->api->kind != API_SERVICE)
                c->source = cred_source_new_assume_role(&role);
}

static void cell_free(CellRun *c)
{
        assert(!c->call && !c->fetch && !c->guard && !c->wait);
        cred_source_free(c->source);
        aws_client_free(c->client);
        net_env_free_event(c->own_env);
        http_curl_free(c->http);
        free(c->url);
        free(c->proxy);
        free(c);
}

/* What runs may be what calls us: freed in the next turn. */
static int on_over(sd_event_source *s, void *userdata)
{
        CellRun *c = userdata;
        Matrix *m = c->matrix;

        c->wait = sd_event_source_disable_unref(c->wait);
        m->n_running[c->slow]--;
        cell_free(c);
        run_queued(m);
        return 0;
}

/* The server says by the step that it has done its worst to the idle connection. */
static int on_look(sd_event_source *s, uint64_t usec, void *userdata)
{
        CellRun *c = userdata;
        uint64_t again = 5 * USEC_PER_MSEC;

        if (c->matrix->page->cells[c->number].step == 0) {
                if (++c->waits * again > PATIENCE_USEC)
                        die(c, "the server never did its part");
                if (sd_event_source_set_time_relative(s, again) < 0 ||
                    sd_event_source_set_enabled(s, SD_EVENT_ONESHOT) < 0)
                        abort();
                return 0;
        }
        c->wait = sd_event_source_disable_unref(c->wait);
        start_round(c);
        return 0;
}

static void next_round(CellRun *c)
{
        Matrix *m = c->matrix;
        int r = 0;

        if (c->phase == PHASE_GOOD) {
                c->phase = PHASE_FAULT;
                r = sd_event_add_time_relative(m->event, &c->wait, CLOCK_BOOTTIME, 0, 1, on_look,
                                               c);
        } else if (c->phase == PHASE_FAULT) {
                c->phase = PHASE_MENDED;
                start_round(c);
        } else {
                r = sd_event_add_defer(m->event, &c->wait, on_over, c);
        }
        if (r < 0)
                abort();
}

static void run_queued(Matrix *m)
{
        static const unsigned most[2] = {QUICK_MAX, SLOW_MAX};

        for (int slow = 0; slow < 2; slow++)
                while (m->queued[slow] && m->n_running[slow] < most[slow]) {
                        CellRun *c = m->queued[slow];
                        m->queued[slow] = c->next;
                        m->n_running[slow]++;
                        cell_open(c);
                        c->phase = c->warm ? PHASE_GOOD : PHASE_FAULT;
                        start_round(c);
                }
        m->ended = m->n_running[0] + m->n_running[1] == 0;
}

static void read_cells(Matrix *m)
{
        char line[512], api[32], flags[8], url[128], proxy[128];
        CellRun **end[2] = {&m->queued[0], &m->queued[1]};
        unsigned number;

        while (fgets(line, sizeof(line), stdin)) {
                CellRun *c = mem_new0(CellRun);

                if (sscanf(line, "%u %31s %7s %127s %127s", &number, api, flags, url, proxy) != 5 ||
                    number >= PAGE_CELLS) {
                        fprintf(stderr, "not a cell: %s", line);
                        exit(2);
                }
                c->matrix = m;
                c->number = number;
                c->slow = strchr(flags, 's');
                c->warm = strchr(flags, 'w');
                c->url = mem_strdup(url);
                c->proxy = streq(proxy, "-") ? NULL : mem_strdup(proxy);
                for (size_t k = 0; k < ELEMENTSOF(apis); k++)
                        if (streq(apis[k].name, api))
                                c->api = &apis[k];
                if (!c->api) {
                        fprintf(stderr, "no such API: %s\n", api);
                        exit(2);
                }
                *end[c->slow] = c;
                end[c->slow] = &c->next;
        }
}

int main(int argc, char **argv)
{
        Matrix m = {.ca_file = argv[1], .page = page_map()};
        char *text = NULL;

        if (argc != 2) {
                fputs("driver CA-FILE < cells\n", stderr);
                return 2;
        }
        (void)signal(SIGPIPE, SIG_IGN); /* cannot fail */
        setvbuf(stdout, NULL, _IOLBF, 0);
        HttpCurlOptions o = {.ca_file = m.ca_file, .connections_max = CONNECTIONS_MAX};
        if (sd_event_new(&m.event) < 0)
                abort();
        o.event = m.event;
        if (http_curl_new(&o, &m.http, &text) < 0) {
                fprintf(stderr, "%s\n", text);
                return 2;
        }
        m.env = net_env_new_event(m.event, m.http);
        read_cells(&m);
        run_queued(&m);
        while (!m.ended)
                if (sd_event_run(m.event, UINT64_MAX) < 0)
                        abort();
        net_env_free_event(m.env);
        http_curl_free(m.http);
        sd_event_unref(m.event);
        return 0;
}
