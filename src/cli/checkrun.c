/* SPDX-License-Identifier: Apache-2.0 */
/* A loop of its own, a handful of calls at a time (the services count them), and a deadline over
 * everything. Identities come first: without credentials there is no point in asking more; without
 * STS there is. */

#include "cli/checkrun.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/accounts.h"
#include "net/httpcurl.h"

#define PARALLEL_MAX 8
#define CALL_DEADLINE_USEC (15 * USEC_PER_SEC)
#define DEADLINE_BASE_USEC (60 * USEC_PER_SEC)
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
        size_t index; /* of the account or trail */
        AwsCall *aws; /* while under way */
} Call;

struct Runner {
        const Conf *conf;
        int64_t now_msec;
        sd_event *event;
        HttpTransport *http;
        NetEnv *env;
        Accounts *accounts;
        CheckRun *run;
        char **regions; /* of the trails */
        Call *calls;
        size_t n_calls;
        size_t n_started;
        size_t n_under_way;
        bool out_of_time;
};

CheckRun *check_run_free(CheckRun *r)
{
        if (!r)
                return NULL;
        for (size_t i = 0; i < r->n_accounts; i++) {
                caller_identity_done(&r->accounts[i].identity);
                free(r->accounts[i].source);
        }
        for (size_t i = 0; i < r->n_trails; i++) {
                trail_status_done(&r->trails[i].status);
                trail_description_done(&r->trails[i].description);
        }
        free(r->accounts);
        free(r->trails);
        free(r);
        return NULL;
}

static void runner_done(Runner *r)
{
        for (size_t i = 0; i < r->n_calls; i++)
                aws_call_cancel(r->calls[i].aws);
        free(r->calls);
        mem_free_strv(r->regions, r->conf->n_trails);
        accounts_free(r->accounts);
        net_env_free_event(r->env);
        http_curl_free(r->http);
        sd_event_unref(r->event);
        check_run_free(r->run);
}

static unsigned account_of(const Call *c)
{
        return c->kind == CALL_IDENTIFY ? (unsigned)c->index
                                        : c->runner->conf->trails[c->index].account;
}

static Probe *probe_of(const Call *c)
{
        CheckRun *run = c->runner->run;

        switch (c->kind) {
        case CALL_IDENTIFY:
                return &run->accounts[c->index].identify;
        case CALL_GET_STATUS:
                return &run->trails[c->index].get_status;
        case CALL_GET_TRAIL:
                return &run->trails[c->index].get_trail;
        case CALL_LOOK_UP:
        default:
                return &run->trails[c->index].look_up;
        }
}

static void make_request(const Call *c, AwsRequest *ret)
{
        const Runner *r = c->runner;

        switch (c->kind) {
        case CALL_IDENTIFY:
                sts_request_get_caller_identity(accounts_region(r->accounts, c->index), ret);
                break;
        case CALL_GET_STATUS:
                cloudtrail_request_get_trail_status(r->conf->trails[c->index].arn, ret);
                break;
        case CALL_GET_TRAIL:
                cloudtrail_request_get_trail(r->conf->trails[c->index].arn, ret);
                break;
        case CALL_LOOK_UP:
                cloudtrail_request_lookup_events(
                        &(LookupQuery){
                                .region = r->regions[c->index],
                                .event_name = "StopLogging",
                                .from_msec = r->now_msec - LOOKUP_WINDOW_MSEC,
                                .to_msec = r->now_msec,
                        },
                        ret);
        }
}

static int parse_answer(const Call *c, const AwsResult *result)
{
        CheckRun *run = c->runner->run;
        LookupPage page = {};
        int r;

        switch (c->kind) {
        case CALL_IDENTIFY:
                return sts_parse_caller_identity(result->body, result->body_len,
                                                 &run->accounts[c->index].identity);
        case CALL_GET_STATUS:
                return cloudtrail_parse_trail_status(result->body, result->body_len,
                                                     &run->trails[c->index].status);
        case CALL_GET_TRAIL:
                return cloudtrail_parse_trail(result->body, result->body_len,
                                              &run->trails[c->index].description);
        case CALL_LOOK_UP:
        default:
                r = cloudtrail_parse_lookup_page(result->body, result->body_len, &page);
                if (r >= 0)
                        lookup_page_done(&page);
                return r;
        }
}

static void start_calls(Runner *r);

static void on_answer(void *userdata, const AwsResult *result)
{
        Call *c = userdata;
        Probe *probe = probe_of(c);

        c->aws = NULL;
        c->runner->n_under_way--;
        probe->error = result->error;
        if (result->error.class == AWS_ERROR_NONE && parse_answer(c, result) < 0)
                aws_error_set(&probe->error, AWS_ERROR_PROTOCOL, "MalformedAnswer",
                              "the answer cannot be read");
        probe->state = probe->error.class == AWS_ERROR_NONE ? PROBE_WENT_WELL : PROBE_FAILED;
        start_calls(c->runner);
}

static bool has_credentials(const Call *c)
{
        const Probe *p = &c->runner->run->accounts[account_of(c)].identify;

        return c->kind == CALL_IDENTIFY || p->error.class != AWS_ERROR_CREDENTIALS;
}

static void start_calls(Runner *r)
{
        while (r->n_started < r->n_calls && r->n_under_way < PARALLEL_MAX && !r->out_of_time) {
                Call *c = &r->calls[r->n_started];
                _cleanup_aws_request_ AwsRequest request = {};
                AwsCallOptions options = {
                        .retry = RETRY_STANDARD,
                        .deadline_usec = CALL_DEADLINE_USEC,
                };

                /* Nothing else begins before every identity is known. */
                if (c->kind != CALL_IDENTIFY && r->n_started == r->conf->n_accounts &&
                    r->n_under_way > 0)
                        return;
                r->n_started++;
                if (!has_credentials(c))
                        continue;
                make_request(c, &request);
                r->n_under_way++;
                c->aws = aws_call_start(accounts_client(r->accounts, account_of(c)), &request,
                                        &options, on_answer, c);
        }
}

/* The first trail that is reached with the same credentials in the same region. */
static size_t find_representative(const Runner *r, size_t trail)
{
        for (size_t i = 0; i < trail; i++)
                if (r->conf->trails[i].account == r->conf->trails[trail].account &&
                    streq(r->regions[i], r->regions[trail]))
                        return i;
        return trail;
}

static void list_call(Runner *r, CallKind kind, size_t index)
{
        *mem_push0(r->calls, r->n_calls) = (Call){.runner = r, .kind = kind, .index = index};
}

static void list_calls(Runner *r)
{
        for (size_t i = 0; i < r->conf->n_accounts; i++)
                list_call(r, CALL_IDENTIFY, i);
        for (size_t i = 0; i < r->conf->n_trails; i++) {
                CheckedTrail *t = &r->run->trails[i];
                Arn a;

                r->regions[i] =
                        mem_strdup(arn_parse(r->conf->trails[i].arn, &a) >= 0 ? a.region : "");
                t->look_up_of = find_representative(r, i);
                list_call(r, CALL_GET_STATUS, i);
                list_call(r, CALL_GET_TRAIL, i);
                if (t->look_up_of == i)
                        list_call(r, CALL_LOOK_UP, i);
        }
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata)
{
        Runner *r = userdata;

        r->out_of_time = true;
        return 0;
}

static int runner_set_up(Runner *r, char **reterr_text)
{
        _cleanup_free_ char *hostname = mem_alloc0(256);
        int e;

        (void)signal(SIGPIPE, SIG_IGN); /* libcurl and OpenSSL write to sockets that may be gone */
        (void)gethostname(hostname, 255); /* without one, the session is named without it */
        e = sd_event_new(&r->event);
        if (e >= 0)
                e = http_curl_new(
                        &(HttpCurlOptions){
                                .event = r->event,
                                .ca_file = r->conf->ca_file,
                                .proxy = r->conf->proxy,
                        },
                        &r->http, reterr_text);
        if (e < 0)
                return e;
        r->env = net_env_new_event(r->event, r->http);
        return accounts_new(
                &(AccountsOptions){.conf = r->conf, .env = r->env, .hostname = hostname},
                &r->accounts, reterr_text);
}

static int runner_wait(Runner *r)
{
        _cleanup_(sd_event_source_disable_unrefp) sd_event_source *deadline = NULL;
        uint64_t usec = DEADLINE_BASE_USEC + r->n_calls * USEC_PER_SEC;
        int e;

        e = sd_event_add_time_relative(r->event, &deadline, CLOCK_BOOTTIME, usec, 0, on_deadline,
                                       r);
        if (e < 0)
                return e;
        start_calls(r);
        while (r->n_under_way > 0 && !r->out_of_time) {
                e = sd_event_run(r->event, UINT64_MAX);
                if (e < 0)
                        return e;
        }
        return 0;
}

static void share_lookups(Runner *r)
{
        for (size_t i = 0; i < r->run->n_trails; i++)
                r->run->trails[i].look_up = r->run->trails[r->run->trails[i].look_up_of].look_up;
}

static void note_sources(Runner *r)
{
        for (size_t i = 0; i < r->run->n_accounts; i++) {
                CredStatus status;

                cred_cache_status(aws_client_credentials(accounts_client(r->accounts, i)), &status);
                r->run->accounts[i].source = mem_strdup(status.source);
        }
}

int check_run(const Conf *conf, int64_t now_msec, CheckRun **ret, char **reterr_text)
{
        _cleanup_(runner_done) Runner r = {.conf = conf, .now_msec = now_msec};
        int e;

        r.run = mem_new0(CheckRun);
        r.regions = mem_alloc0(conf->n_trails * sizeof(char *));
        r.run->n_accounts = conf->n_accounts;
        r.run->n_trails = conf->n_trails;
        r.run->accounts = mem_alloc0(conf->n_accounts * sizeof(*r.run->accounts));
        r.run->trails = mem_alloc0(conf->n_trails * sizeof(*r.run->trails));

        e = runner_set_up(&r, reterr_text);
        if (e >= 0) {
                list_calls(&r);
                e = runner_wait(&r);
        }
        if (e < 0) {
                if (!*reterr_text)
                        *reterr_text = mem_strdup(strerror(-e));
                return e;
        }
        share_lookups(&r);
        note_sources(&r);
        *ret = TAKE_PTR(r.run);
        return 0;
}
