/* SPDX-License-Identifier: Apache-2.0 */
/* A loop of its own, a handful of calls at a time (the services count them). Identities come first:
 * without credentials there is no point in asking more; without STS there is. */

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/check.h"
#include "daemon/accounts.h"
#include "net/httpcurl.h"

#define PARALLEL_MAX 8
#define CALL_DEADLINE_USEC (15 * USEC_PER_SEC)
#define LOOKUP_WINDOW_MSEC MSEC_PER_MINUTE

typedef enum CallKind {
        CALL_IDENTIFY,
        CALL_GET_STATUS,
        CALL_GET_TRAIL,
        CALL_LOOK_UP,
} CallKind;

typedef struct Runner Runner;

typedef struct Call {
        Runner *runner;
        CallKind kind;
        size_t index;   /* of the account or trail */
        size_t account; /* whose credentials it takes */
        Probe *probe;
        AwsCall *aws; /* while under way */
} Call;

struct Runner {
        Check *check;
        sd_event *event;
        HttpTransport *http;
        NetEnv *env;
        Accounts *accounts;
        Call *calls;
        size_t n_calls;
        size_t n_started;
        size_t n_under_way;
};

static void runner_done(Runner *r)
{
        for (size_t i = 0; i < r->n_calls; i++)
                aws_call_cancel(r->calls[i].aws);
        free(r->calls);
        accounts_free(r->accounts);
        net_env_free_event(r->env);
        http_curl_free(r->http);
        sd_event_unref(r->event);
}

static void make_request(const Call *c, AwsRequest *ret)
{
        const Check *k = c->runner->check;

        switch (c->kind) {
        case CALL_IDENTIFY:
                sts_request_get_caller_identity(k->conf->accounts[c->index].region, ret);
                break;
        case CALL_GET_STATUS:
                cloudtrail_request_get_trail_status(k->conf->trails[c->index].arn, ret);
                break;
        case CALL_GET_TRAIL:
                cloudtrail_request_get_trail(k->conf->trails[c->index].arn, ret);
                break;
        case CALL_LOOK_UP:
                cloudtrail_request_lookup_events(
                        &(LookupQuery){
                                .region = k->trails[c->index].arn.region,
                                .event_name = "StopLogging",
                                .from_msec = k->now_msec - LOOKUP_WINDOW_MSEC,
                                .to_msec = k->now_msec,
                        },
                        ret);
        }
}

static int parse_answer(const Call *c, const char *body, size_t len)
{
        Check *k = c->runner->check;
        LookupPage page = {};
        int r;

        switch (c->kind) {
        case CALL_IDENTIFY:
                return sts_parse_caller_identity(body, len, &k->accounts[c->index].identity);
        case CALL_GET_STATUS:
                return cloudtrail_parse_trail_status(body, len, &k->trails[c->index].status);
        case CALL_GET_TRAIL:
                return cloudtrail_parse_trail(body, len, &k->trails[c->index].description);
        case CALL_LOOK_UP:
        default:
                r = cloudtrail_parse_lookup_page(body, len, &page);
                if (r >= 0)
                        lookup_page_done(&page);
                return r;
        }
}

static void start_calls(Runner *r);

static void on_answer(void *userdata, const AwsResult *result)
{
        Call *c = userdata;

        c->aws = NULL;
        c->runner->n_under_way--;
        c->probe->error = result->error;
        if (result->error.class == AWS_ERROR_NONE &&
            parse_answer(c, result->body, result->body_len) < 0)
                aws_error_set(&c->probe->error, AWS_ERROR_PROTOCOL, "MalformedAnswer",
                              "the answer cannot be read");
        c->probe->state = c->probe->error.class == AWS_ERROR_NONE ? PROBE_WENT_WELL : PROBE_FAILED;
        start_calls(c->runner);
}

static void start_calls(Runner *r)
{
        static const AwsCallOptions options = {
                .retry = RETRY_STANDARD,
                .deadline_usec = CALL_DEADLINE_USEC,
        };
        const CheckedAccount *accounts = r->check->accounts;

        while (r->n_started < r->n_calls && r->n_under_way < PARALLEL_MAX) {
                Call *c = &r->calls[r->n_started];
                _cleanup_aws_request_ AwsRequest request = {};

                /* Nothing else begins before every identity is known. */
                if (r->n_started == r->check->conf->n_accounts && r->n_under_way > 0)
                        return;
                r->n_started++;
                if (accounts[c->account].identify.error.class == AWS_ERROR_CREDENTIALS)
                        continue;
                make_request(c, &request);
                r->n_under_way++;
                c->aws = aws_call_start(accounts_client(r->accounts, c->account), &request,
                                        &options, on_answer, c);
        }
}

static void list_trail_call(Runner *r, CallKind kind, size_t index, Probe *probe)
{
        *mem_push0(r->calls, r->n_calls) =
                (Call){r, kind, index, r->check->conf->trails[index].account, probe, NULL};
}

static void list_calls(Runner *r)
{
        const Conf *conf = r->check->conf;

        for (size_t i = 0; i < conf->n_accounts; i++) {
                CheckedAccount *a = &r->check->accounts[i];
                CredStatus status;

                cred_cache_status(aws_client_credentials(accounts_client(r->accounts, i)), &status);
                a->source = mem_strdup(status.source);
                *mem_push0(r->calls, r->n_calls) =
                        (Call){r, CALL_IDENTIFY, i, i, &a->identify, NULL};
        }
        for (size_t i = 0; i < conf->n_trails; i++) {
                CheckedTrail *trails = r->check->trails, *t = &trails[i];

                if (arn_parse(conf->trails[i].arn, &t->arn) < 0)
                        abort(); /* conf_load() has parsed it */
                while (conf->trails[t->look_up_of].account != conf->trails[i].account ||
                       !streq(trails[t->look_up_of].arn.region, t->arn.region))
                        t->look_up_of++;
                list_trail_call(r, CALL_GET_STATUS, i, &t->get_status);
                list_trail_call(r, CALL_GET_TRAIL, i, &t->get_trail);
                if (t->look_up_of == i)
                        list_trail_call(r, CALL_LOOK_UP, i, &t->look_up);
        }
}

static int set_up(Runner *r, char **reterr_text)
{
        const Conf *conf = r->check->conf;
        _cleanup_free_ char *hostname = mem_alloc0(256);
        int e;

        (void)signal(SIGPIPE, SIG_IGN); /* libcurl and OpenSSL write to sockets that may be gone */
        (void)gethostname(hostname, 255); /* without one, the session is named without it */
        e = sd_event_new(&r->event);
        if (e >= 0)
                e = http_curl_new(
                        &(HttpCurlOptions){
                                .event = r->event,
                                .ca_file = conf->ca_file,
                                .proxy = conf->proxy,
                        },
                        &r->http, reterr_text);
        if (e < 0)
                return e;
        r->env = net_env_new_event(r->event, r->http);
        return accounts_new(&(AccountsOptions){.conf = conf, .env = r->env, .hostname = hostname},
                            &r->accounts, reterr_text);
}

int check_ask(Check *c, char **reterr_text)
{
        _cleanup_(runner_done) Runner r = {.check = c};
        int e;

        c->accounts = mem_alloc0(c->conf->n_accounts * sizeof(*c->accounts));
        c->trails = mem_alloc0(c->conf->n_trails * sizeof(*c->trails));
        e = set_up(&r, reterr_text);
        if (e >= 0) {
                list_calls(&r);
                start_calls(&r);
        }
        while (e >= 0 && r.n_under_way > 0)
                e = sd_event_run(r.event, UINT64_MAX);
        if (e < 0 && !*reterr_text)
                *reterr_text = mem_strdup(strerror(-e));
        for (size_t i = 0; i < c->conf->n_trails; i++)
                c->trails[i].look_up = c->trails[c->trails[i].look_up_of].look_up;
        return e < 0 ? e : 0;
}
