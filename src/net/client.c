/* SPDX-License-Identifier: Apache-2.0 */
/* One call of an AWS API from its bytes to its result. A call holds one slot at a time: it waits
 * for credentials, is in the transport, backs off, or is about to tell its owner of a failure. Its
 * deadline runs beside all but the last.
 *
 * What a failure leads to is in call_goes_on(): the service's word on the clock and on the
 * credentials is acted upon once each, everything else follows the retry rules (aws/retry.h). What
 * a region and service have of their own (quota, signing key, endpoint) is their Lane.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html */

#include "net/client.h"

#include <stdio.h>

#include "aws/sigv4.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "base/uri.h"

#define ATTEMPT_TIMEOUT_DEFAULT_USEC (5 * USEC_PER_SEC)
#define DEADLINE_DEFAULT_USEC (30 * USEC_PER_SEC)
#define CONNECT_TIMEOUT_USEC (3 * USEC_PER_SEC)
/* How long a refused call waits for newer credentials before the refusal is believed. */
#define REFRESH_WAIT_USEC (5 * USEC_PER_SEC)
/* Services tolerate 5 min. Below 5 s the Date header, whole seconds and some way off, says
 * nothing. */
#define SKEW_MIN_MSEC (4 * MSEC_PER_MINUTE)
#define SKEW_NOISE_MSEC (5 * MSEC_PER_SEC)
#define CLOCK_STEP_MSEC (5 * MSEC_PER_SEC)

typedef struct Lane {
        AwsService service;
        char *region;
        char *url;
        char *host; /* as the Host header has it */
        char *path;
        RetryQuota quota;
        SigV4Key key;
} Lane;

struct AwsClient {
        NetEnv *env;
        CredCache *credentials;
        char *user_agent;
        char *endpoints[_AWS_SERVICE_MAX];
        bool fips;
        bool dual_stack;
        Lane **lanes; /* never moved, calls point to them */
        size_t n_lanes;
        size_t n_calls;
        int64_t skew_msec;
        int64_t wall_to_boot_msec; /* wall clock less boottime when last looked at */
};

struct AwsCall {
        AwsClient *client;
        Lane *lane;
        AwsRequest request;
        AwsCallOptions options;
        AwsCallback callback;
        void *userdata;

        CredWait *wait;
        HttpCall *http;
        NetTimer *timer; /* back-off, or telling the owner */
        NetTimer *deadline;
        uint64_t deadline_usec;

        AwsCredentials *credentials; /* what the attempt was signed with */
        AwsError error;              /* the last failure, class NONE before the first */
        int attempts;                /* requests sent */
        bool maybe_done;             /* as in AwsResult */
        int tries;                   /* those that count as tries for the retry rules */
        int retry_cost;
        bool clock_told;       /* the service's word on the clock has been acted upon, */
        bool credentials_told; /* on the credentials */
        bool refreshing;       /* waiting for better ones than those refused */
};

static Lane *lane_free(Lane *l)
{
        if (!l)
                return NULL;
        free(l->region);
        free(l->url);
        free(l->host);
        free(l->path);
        sigv4_key_wipe(&l->key);
        free(l);
        return NULL;
}
DEFINE_CLEANUP(Lane *, lane_free)

AwsClient *aws_client_new(const AwsClientOptions *o)
{
        AwsClient *c = mem_new0(AwsClient);

        *c = (AwsClient){
                .env = o->env,
                .credentials = o->source ? cred_cache_new(o->env, o->source) : NULL,
                .user_agent = mem_strdup(o->user_agent),
                .fips = o->fips,
                .dual_stack = o->dual_stack,
        };
        for (size_t i = 0; o->endpoints && i < _AWS_SERVICE_MAX; i++)
                c->endpoints[i] = mem_strdup(o->endpoints[i]);
        return c;
}

AwsClient *aws_client_free(AwsClient *c)
{
        if (!c)
                return NULL;
        assert(c->n_calls == 0);
        for (size_t i = 0; i < c->n_lanes; i++)
                lane_free(c->lanes[i]);
        free(c->lanes);
        cred_cache_free(c->credentials);
        free(c->user_agent);
        for (size_t i = 0; i < _AWS_SERVICE_MAX; i++)
                free(c->endpoints[i]);
        free(c);
        return NULL;
}

CredCache *aws_client_credentials(AwsClient *c)
{
        return c->credentials;
}

int64_t aws_client_clock_skew_msec(const AwsClient *c)
{
        return c->skew_msec;
}

/* The Host header as libcurl and AWS have it: no default port, brackets around IPv6. */
static char *host_header(const Uri *u)
{
        bool v6 = strchr(u->host, ':'),
             usual = u->port == 0 || u->port == (streq(u->scheme, "https") ? 443 : 80);
        char port[8] = "";

        if (!usual)
                (void)snprintf(port, sizeof(port), ":%u", u->port); /* fits */
        return mem_printf("%s%s%s%s", v6 ? "[" : "", u->host, v6 ? "]" : "", port);
}

static int lane_get(AwsClient *c, AwsService service, const char *region, Lane **ret)
{
        _cleanup_(lane_freep) Lane *l = NULL;
        _cleanup_free_ char *endpoint = NULL;
        _cleanup_uri_ Uri u = {0};
        int r;

        for (size_t i = 0; i < c->n_lanes; i++)
                if (c->lanes[i]->service == service && streq(c->lanes[i]->region, region)) {
                        *ret = c->lanes[i];
                        return 0;
                }

        r = endpoint_resolve(
                &(EndpointParams){
                        .service = service,
                        .region = region,
                        .custom = c->endpoints[service],
                        .fips = c->fips,
                        .dual_stack = c->dual_stack,
                },
                &endpoint);
        if (r < 0)
                return r;
        r = uri_parse(endpoint, &u);
        if (r < 0)
                return r;
        if (u.query)
                return -EINVAL;

        l = mem_new0(Lane);
        l->service = service;
        l->region = mem_strdup(region);
        l->host = host_header(&u);
        l->path = streq(u.path, "/") ? TAKE_PTR(u.path) : mem_printf("%s/", u.path);
        l->url = mem_printf("%s://%s%s", u.scheme, l->host, l->path);
        l->quota.available = RETRY_QUOTA_MAX;

        Lane **slot = mem_push0(c->lanes, c->n_lanes);
        *ret = *slot = TAKE_PTR(l);
        return 0;
}

/* A step of the wall clock makes what was learnt about it worthless. Slewing adds up to less than
 * CLOCK_STEP_MSEC between two looks. */
static void check_clock_step(AwsClient *c)
{
        int64_t wall_to_boot = c->env->wall_msec(c->env) -
                               (int64_t)(c->env->boottime_usec(c->env) / USEC_PER_MSEC);
        int64_t step = wall_to_boot - c->wall_to_boot_msec;

        if (step > CLOCK_STEP_MSEC || step < -CLOCK_STEP_MSEC)
                c->skew_msec = 0;
        c->wall_to_boot_msec = wall_to_boot;
}

/* Judges our clock, as corrected, by the service's Date. told: the service refused our time. */
static void learn_skew(AwsClient *c, const HttpResponse *response, bool told)
{
        int64_t date, offset, error, threshold = told ? SKEW_NOISE_MSEC : SKEW_MIN_MSEC;

        if (timefmt_parse_http_date(response->date, &date) < 0)
                return;
        check_clock_step(c);
        offset = date - response->received_msec;
        error = offset - c->skew_msec;
        if (error > threshold || error < -threshold)
                c->skew_msec = offset > threshold || offset < -threshold ? offset : 0;
}

AwsCall *aws_call_cancel(AwsCall *call)
{
        NetEnv *env;

        if (!call)
                return NULL;
        env = call->client->env;
        cred_cache_cancel(call->wait);
        env->http->cancel(call->http);
        env->timer_cancel(call->timer);
        env->timer_cancel(call->deadline);
        call->client->n_calls--;
        aws_credentials_unref(call->credentials);
        aws_request_done(&call->request);
        free(call);
        return NULL;
}

/* Frees the call and tells its owner; the last thing that a handler does. */
static void call_finish(AwsCall *call, const AwsError *error, const HttpResponse *response)
{
        AwsCallback callback = call->callback;
        void *userdata = call->userdata;
        AwsResult result = {
                .error = *error,
                .attempts = call->attempts,
                .maybe_done = call->maybe_done,
        };

        /* Without a request id it may be somebody else's answer. */
        if (response && *response->request_id &&
            timefmt_parse_http_date(response->date, &result.date_msec) < 0)
                result.date_msec = 0;
        if (response && error->class == AWS_ERROR_NONE) {
                result.body = strbuf_str(&response->body);
                result.body_len = response->body.len;
        }
        aws_call_cancel(call);
        callback(userdata, &result);
}

static void on_over(void *userdata)
{
        AwsCall *call = userdata;

        call->timer = NULL;
        call_finish(call, &call->error, NULL);
}

/* For failures found where the owner must not be called back: in the next turn. */
static void call_fail_soon(AwsCall *call)
{
        NetEnv *env = call->client->env;

        env->timer_cancel(TAKE_PTR(call->deadline));
        call->timer = env->timer_start(env, 0, on_over, call);
}

static void on_deadline(void *userdata)
{
        AwsCall *call = userdata;
        char text[TIMEFMT_MAX];

        call->deadline = NULL;
        timefmt_duration((int64_t)(call->options.deadline_usec / USEC_PER_MSEC), text);
        if (call->http)
                aws_error_set(&call->error, AWS_ERROR_NETWORK, "Timeout",
                              "%s did not answer within %s", call->lane->host, text);
        else if (call->wait && !call->refreshing)
                aws_error_set(&call->error, AWS_ERROR_CREDENTIALS, "Timeout", "none came within %s",
                              text);
        call_finish(call, &call->error, NULL);
}

static void call_arm_deadline(AwsCall *call, uint64_t most_usec)
{
        NetEnv *env = call->client->env;
        uint64_t now = env->boottime_usec(env);
        uint64_t left = call->deadline_usec > now ? call->deadline_usec - now : 0;

        env->timer_cancel(call->deadline);
        call->deadline = env->timer_start(env, MIN(left, most_usec), on_deadline, call);
}

static void on_answer(void *userdata, const HttpResponse *response, const AwsError *error);

/* Signs with the time that AWS's clock should show and hands over to the transport. */
static int call_try_send(AwsCall *call)
{
        AwsClient *c = call->client;
        Lane *lane = call->lane;
        const AwsCredentials *credentials = call->credentials;
        _cleanup_free_ char *target = aws_request_target(&call->request);
        _cleanup_(sigv4_signed_done) SigV4Signed signature = {0};
        SigV4Header own[3] = {
                {"Host", lane->host},
                {"Content-Type", aws_protocol_content_type(aws_service_protocol(lane->service))},
                {"X-Amz-Target", target},
        };
        size_t n_own = target ? 3 : 2, n = 0;
        HttpHeader headers[ELEMENTSOF(own) + 5];
        uint64_t now = c->env->boottime_usec(c->env);
        int r;

        for (size_t i = 0; i < n_own; i++)
                headers[n++] = (HttpHeader){own[i].name, own[i].value};
        if (credentials) {
                check_clock_step(c);
                r = sigv4_sign(
                        &(SigV4Request){
                                .method = "POST",
                                .path = lane->path,
                                .headers = own,
                                .n_headers = n_own,
                                .body = call->request.body,
                                .body_len = call->request.body_len,
                                .region = lane->region,
                                .service = aws_service_to_string(lane->service),
                                .time_msec = c->env->wall_msec(c->env) + c->skew_msec,
                                .credentials = credentials,
                        },
                        &lane->key, &signature);
                if (r < 0)
                        return r;
                headers[n++] = (HttpHeader){"X-Amz-Date", signature.date};
                headers[n++] = (HttpHeader){"Authorization", signature.authorization};
                if (credentials->session_token)
                        headers[n++] = (HttpHeader){"X-Amz-Security-Token",
                                                    secret_expose(credentials->session_token)};
        }
        headers[n++] = (HttpHeader){"User-Agent", c->user_agent};
        headers[n++] = (HttpHeader){"Accept-Encoding", "identity"};

        return c->env->http->start(
                c->env->http,
                &(HttpRequest){
                        .method = "POST",
                        .url = lane->url,
                        .headers = headers,
                        .n_headers = n,
                        .body = call->request.body,
                        .body_len = call->request.body_len,
                        .policy = HTTP_POLICY_SERVICE,
                        .connect_timeout_usec = CONNECT_TIMEOUT_USEC,
                        .timeout_usec = call->deadline_usec > now
                                                ? MIN(call->options.attempt_timeout_usec,
                                                      call->deadline_usec - now)
                                                : 0,
                        .body_max = call->options.body_max,
                        .urgent = call->options.urgent,
                },
                on_answer, call, &call->http);
}

static void call_send(AwsCall *call, AwsCredentials *credentials)
{
        int r;

        aws_credentials_ref(credentials);
        aws_credentials_unref(call->credentials);
        call->credentials = credentials;

        r = call_try_send(call);
        if (r >= 0) {
                call->attempts++;
                return;
        }
        if (r == -EPERM)
                aws_error_set(&call->error, AWS_ERROR_INVALID, "PlainHttpRefused",
                              "plain http is allowed to loopback addresses only, not to %s",
                              call->lane->host);
        else
                aws_error_set(&call->error, AWS_ERROR_INVALID, "RequestNotSent",
                              "the request to %s could not be made: %s", call->lane->host,
                              strerror(-r));
        call_fail_soon(call);
}

static bool same_credentials(const AwsCredentials *a, const AwsCredentials *b)
{
        return streq(a->access_key_id, b->access_key_id) &&
               secret_equal(a->secret_access_key, b->secret_access_key) &&
               secret_equal(a->session_token, b->session_token);
}

static void on_credentials(void *userdata, AwsCredentials *credentials, const AwsError *error)
{
        AwsCall *call = userdata;
        bool refreshing = call->refreshing;

        call->wait = NULL;
        call->refreshing = false;
        if (refreshing && (!credentials || same_credentials(credentials, call->credentials))) {
                /* Nothing newer: the refusal stands. */
                call_finish(call, &call->error, NULL);
                return;
        }
        if (!credentials) {
                call_finish(call, error, NULL);
                return;
        }
        if (refreshing)
                call_arm_deadline(call, USEC_INFINITY);
        call_send(call, credentials);
}

static void call_attempt(AwsCall *call)
{
        CredCache *cache = call->client->credentials;
        AwsCredentials *credentials = cache ? cred_cache_peek(cache) : NULL;

        if (credentials || !cache)
                call_send(call, credentials);
        else
                call->wait = cred_cache_get(cache, on_credentials, call);
}

static void on_backoff_over(void *userdata)
{
        AwsCall *call = userdata;

        call->timer = NULL;
        call_attempt(call);
}

/* Done or not, there was no answer, or one that does not tell. */
static bool is_unclear(const AwsError *e)
{
        return e->class == AWS_ERROR_NETWORK || e->class == AWS_ERROR_TRANSIENT ||
               e->class == AWS_ERROR_PROTOCOL;
}

/* Whether the call goes on after the failure in call->error; has arranged for it then. */
static bool call_goes_on(AwsCall *call, int64_t retry_after_msec)
{
        AwsClient *c = call->client;
        uint64_t now = c->env->boottime_usec(c->env);

        if (call->error.class == AWS_ERROR_CLOCK && !call->clock_told) {
                call->clock_told = true;
                call_attempt(call);
                return true;
        }
        switch (call->error.class) {
        case AWS_ERROR_CLOCK: /* what a wrong secret gets, too, and it may have been put right */
        case AWS_ERROR_EXPIRED:
        case AWS_ERROR_DENIED: /* what a revoked session gets, too */
                if (call->credentials_told || !c->credentials ||
                    !cred_cache_refused(c->credentials, call->credentials))
                        return false;
                call->credentials_told = true;
                call->refreshing = true;
                call_arm_deadline(call, REFRESH_WAIT_USEC);
                call->wait = cred_cache_get(c->credentials, on_credentials, call);
                return true;

        default: {
                const RetryFailure failure = {call->error.class, ++call->tries, retry_after_msec};
                RetryDecision d =
                        retry_decide(retry_policy(call->options.retry), &call->lane->quota,
                                     &failure, c->env->random01(c->env));
                if (!d.retry)
                        return false;
                if (now + d.delay_usec >= call->deadline_usec) {
                        call->lane->quota.available += d.cost; /* not spent after all */
                        return false;
                }
                call->retry_cost = d.cost;
                call->maybe_done = call->maybe_done || is_unclear(&call->error);
                call->timer = c->env->timer_start(c->env, d.delay_usec, on_backoff_over, call);
                return true;
        }
        }
}

static void on_answer(void *userdata, const HttpResponse *response, const AwsError *error)
{
        AwsCall *call = userdata;
        AwsError *e = &call->error;

        call->http = NULL;
        if (!response) {
                *e = *error;
        } else if (response->status >= 200 && response->status <= 299) {
                *e = (AwsError){.class = AWS_ERROR_NONE, .status = response->status};
                (void)snprintf(e->request_id, sizeof(e->request_id), "%s", response->request_id);
                if (call->options.answer_unread && !*e->request_id) {
                        /* A login page, a web filter: nothing was done there. */
                        aws_error_set(e, AWS_ERROR_PROTOCOL, "ForeignAnswer",
                                      "%s: something that is not AWS answers: no request id",
                                      call->lane->host);
                        e->status = response->status;
                }
        } else {
                const char *id = *response->request_id ? response->request_id : NULL;
                if (aws_service_protocol(call->lane->service) == AWS_PROTOCOL_QUERY)
                        aws_error_from_xml(response->status, strbuf_str(&response->body),
                                           response->body.len, id, e);
                else
                        aws_error_from_json(response->status, strbuf_str(&response->body),
                                            response->body.len,
                                            &(AwsErrorHeaders){.error_type = response->error_type,
                                                               .query_error = response->query_error,
                                                               .request_id = id},
                                            e);
        }

        if (response)
                learn_skew(call->client, response, e->class == AWS_ERROR_CLOCK);
        if (e->class == AWS_ERROR_NONE)
                retry_succeeded(&call->lane->quota, call->retry_cost);
        else if (call_goes_on(call, response ? retry_after_parse(response->retry_after) : -1))
                return;
        call_finish(call, &call->error, response);
}

AwsCall *aws_call_start(AwsClient *c, AwsRequest *request, const AwsCallOptions *options,
                        AwsCallback callback, void *userdata)
{
        AwsCall *call = mem_new0(AwsCall);
        int r;

        *call = (AwsCall){
                .client = c,
                .request = *request,
                .options = *options,
                .callback = callback,
                .userdata = userdata,
        };
        *request = (AwsRequest){0};
        if (call->options.attempt_timeout_usec == 0)
                call->options.attempt_timeout_usec = ATTEMPT_TIMEOUT_DEFAULT_USEC;
        if (call->options.deadline_usec == 0)
                call->options.deadline_usec = DEADLINE_DEFAULT_USEC;
        call->deadline_usec = c->env->boottime_usec(c->env) + call->options.deadline_usec;
        c->n_calls++;

        r = lane_get(c, call->request.service, call->request.region, &call->lane);
        if (r < 0) {
                aws_error_set(&call->error, AWS_ERROR_INVALID, "InvalidEndpoint",
                              "there is no endpoint for %s in region %s: %s",
                              aws_service_to_string(call->request.service), call->request.region,
                              r == -EOPNOTSUPP ? "FIPS or dual stack is not to be had there"
                                               : strerror(-r));
                call_fail_soon(call);
                return call;
        }

        call_attempt(call);
        /* After the request is on its way: what is not urgent comes last. */
        if (!call->timer)
                call_arm_deadline(call, USEC_INFINITY);
        return call;
}
