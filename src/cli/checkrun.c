/* SPDX-License-Identifier: Apache-2.0 */
/* A loop of its own, a handful of calls at a time (the services count them), stage by stage:
 * nothing begins before the stage before it has ended. Identities come first: without credentials
 * there is no point in asking more; without STS there is. What changes something comes after all
 * reading. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/check.h"
#include "core/alertformat.h"
#include "daemon/network.h"

#define PARALLEL_MAX 8
#define CALL_DEADLINE_USEC (15 * USEC_PER_SEC)
#define LOOKUP_WINDOW_MSEC MSEC_PER_MINUTE

typedef enum CallKind {
        CALL_IDENTIFY,
        CALL_GET_STATUS,
        CALL_GET_TRAIL,
        CALL_GET_SELECTORS,
        CALL_LOOK_UP,
        CALL_START,
        CALL_PUBLISH,
        CALL_DESCRIBE,
        CALL_BEAT,
        CALL_LOOK_AGAIN,
        _CALL_KIND_MAX,
} CallKind;

static const struct {
        unsigned stage;
        RetryMode retry;
} kinds[_CALL_KIND_MAX] = {
        [CALL_IDENTIFY] = {1, RETRY_STANDARD},
        [CALL_GET_STATUS] = {2, RETRY_STANDARD},
        [CALL_GET_TRAIL] = {2, RETRY_STANDARD},
        [CALL_LOOK_UP] = {2, RETRY_STANDARD},
        [CALL_GET_SELECTORS] = {2, RETRY_STANDARD},
        [CALL_START] = {3, RETRY_NONE}, /* each try is a record in Event history */
        [CALL_PUBLISH] = {3, RETRY_STANDARD},
        [CALL_DESCRIBE] = {2, RETRY_STANDARD},
        [CALL_BEAT] = {3, RETRY_STANDARD},
        [CALL_LOOK_AGAIN] = {4, RETRY_STANDARD},
};

typedef struct Runner Runner;

typedef struct Call {
        Runner *runner;
        CallKind kind;
        size_t index;   /* of the account, trail or topic */
        size_t account; /* whose credentials it takes */
        Probe *probe;
        AwsCall *aws; /* while under way */
} Call;

struct Runner {
        Check *check;
        sd_event *event;
        Network *network;
        Call *calls;
        size_t n_calls;
        size_t n_started;
        size_t n_under_way;
        char hostname[256];
};

static void runner_done(Runner *r)
{
        for (size_t i = 0; i < r->n_calls; i++)
                aws_call_cancel(r->calls[i].aws);
        free(r->calls);
        network_free(r->network);
        sd_event_unref(r->event);
}

static void make_publish(const Call *c, AwsRequest *ret)
{
        const ConfTopic *topic = &c->runner->check->conf->topics[c->index];
        const AlertContext context = {.hostname = c->runner->hostname,
                                      .now_msec = c->runner->check->now_msec};
        _cleanup_free_ char *body = NULL, *id = mem_printf("test-%" PRId64, context.now_msec);
        char deduplication_id[ALERT_DEDUPLICATION_SIZE];
        const char *structure, *wrong;
        Message m = {};
        Arn arn;
        bool fifo = arn_parse_topic(topic->arn, &arn, &wrong) >= 0 && arn_topic_is_fifo(&arn);
        static const SnsAttribute attributes[] = {
                {"phase", "TEST"},
                {"kind", "test"},
                {"severity", "info"},
        };

        alert_test_message(&context, &m);
        alert_render(topic->format, &m, NULL, &body, &structure);
        alert_deduplication_id(id, &m, topic->arn, deduplication_id);
        int r = sns_request_publish(
                &(SnsMessage){
                        .topic_arn = topic->arn,
                        .subject = m.subject,
                        .message = body,
                        .structure = structure,
                        .group_id = fifo ? id : NULL,
                        .deduplication_id = fifo ? deduplication_id : NULL,
                        .attributes = attributes,
                        .n_attributes = ELEMENTSOF(attributes),
                },
                ret);
        assert(r >= 0); /* the topic's ARN has been checked, and the message is short */
        (void)r;
        message_done(&m);
}

static void make_describe(const Call *c, AwsRequest *ret)
{
        int r = sns_request_get_topic_attributes(c->runner->check->conf->topics[c->index].arn, ret);

        assert(r >= 0); /* the topic's ARN has been checked */
        (void)r;
}

/* Never the metric that the alarm watches: that would hide a daemon that is dead. */
static void make_beat(const Call *c, AwsRequest *ret)
{
        const Conf *conf = c->runner->check->conf;
        const Metric metric = {.name = "HeartbeatTest",
                               .dimension_name = "TrailArn",
                               .dimension_value = conf->trails[0].arn,
                               .time_msec = c->runner->check->now_msec,
                               .value = 1};

        monitoring_request_put_metric_data(conf->heartbeat_region, conf->heartbeat_namespace,
                                           &metric, 1, ret);
}

static void make_request(const Call *c, AwsRequest *ret)
{
        const Check *k = c->runner->check;

        switch (c->kind) {
        case CALL_IDENTIFY:
                sts_request_get_caller_identity(k->conf->accounts[c->index].region, ret);
                break;
        case CALL_GET_STATUS:
        case CALL_LOOK_AGAIN:
                cloudtrail_request_get_trail_status(k->conf->trails[c->index].arn, ret);
                break;
        case CALL_GET_TRAIL:
                cloudtrail_request_get_trail(k->conf->trails[c->index].arn, ret);
                break;
        case CALL_GET_SELECTORS:
                cloudtrail_request_get_event_selectors(k->conf->trails[c->index].arn, ret);
                break;
        case CALL_START:
                cloudtrail_request_start_logging(k->conf->trails[c->index].arn, ret);
                break;
        case CALL_PUBLISH:
                make_publish(c, ret);
                break;
        case CALL_DESCRIBE:
                make_describe(c, ret);
                break;
        case CALL_BEAT:
                make_beat(c, ret);
                break;
        case CALL_LOOK_UP:
        default:
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

/* What the daemon doubts is no answer to go by. */
static int parse_status(const char *body, size_t len, TrailStatus *ret)
{
        int r = cloudtrail_parse_trail_status(body, len, ret);

        return r >= 0 && ret->unread ? -EBADMSG : r;
}

static int parse_answer(const Call *c, const char *body, size_t len)
{
        Check *k = c->runner->check;
        EventSelectors selectors = {};
        LookupPage page = {};
        int r;

        switch (c->kind) {
        case CALL_IDENTIFY:
                return sts_parse_caller_identity(body, len, &k->accounts[c->index].identity);
        case CALL_GET_STATUS:
                return parse_status(body, len, &k->trails[c->index].status);
        case CALL_LOOK_AGAIN:
                return parse_status(body, len, &k->trails[c->index].after);
        case CALL_GET_TRAIL:
                return cloudtrail_parse_trail(body, len, &k->trails[c->index].description);
        case CALL_GET_SELECTORS:
                r = cloudtrail_parse_event_selectors(body, len, &selectors);
                if (r >= 0)
                        event_selectors_done(&selectors);
                return r;
        case CALL_START:
        case CALL_BEAT:
                return 0; /* its answer is empty */
        case CALL_DESCRIBE:
                return sns_parse_topic_attributes(body, len, &k->topics[c->index].attributes);
        case CALL_PUBLISH:
                /* Accepted is accepted, whatever the rest of the answer says. */
                if (sns_parse_publish(body, len, &k->topics[c->index].message_id) < 0)
                        k->topics[c->index].message_id = NULL;
                return 0;
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

/* Whether what went before asks for it. */
static bool is_wanted(const Call *c)
{
        const Check *k = c->runner->check;

        if (k->accounts[c->account].identify.error.class == AWS_ERROR_CREDENTIALS)
                return false;
        if (c->kind == CALL_START)
                return k->trails[c->index].get_status.state == PROBE_WENT_WELL &&
                       k->trails[c->index].status.is_logging;
        return c->kind != CALL_LOOK_AGAIN || k->trails[c->index].start.state == PROBE_WENT_WELL;
}

static void start_calls(Runner *r)
{
        while (r->n_started < r->n_calls && r->n_under_way < PARALLEL_MAX) {
                Call *c = &r->calls[r->n_started];
                const AwsCallOptions options = {
                        .retry = kinds[c->kind].retry,
                        .deadline_usec = CALL_DEADLINE_USEC,
                };
                _cleanup_aws_request_ AwsRequest request = {};

                if (r->n_under_way > 0 && kinds[c->kind].stage > kinds[(c - 1)->kind].stage)
                        return;
                r->n_started++;
                if (!is_wanted(c))
                        continue;
                make_request(c, &request);
                r->n_under_way++;
                c->aws = aws_call_start(accounts_client(r->network->accounts, c->account), &request,
                                        &options, on_answer, c);
        }
}

static void list_trail_call(Runner *r, CallKind kind, size_t index, Probe *probe)
{
        *mem_push0(r->calls, r->n_calls) =
                (Call){r, kind, index, r->check->conf->trails[index].account, probe, NULL};
}

static void list_identities(Runner *r)
{
        const Conf *conf = r->check->conf;

        for (size_t i = 0; i < conf->n_accounts; i++) {
                CheckedAccount *a = &r->check->accounts[i];
                CredStatus status;

                cred_cache_status(aws_client_credentials(accounts_client(r->network->accounts, i)),
                                  &status);
                a->source = mem_strdup(status.source);
                *mem_push0(r->calls, r->n_calls) =
                        (Call){r, CALL_IDENTIFY, i, i, &a->identify, NULL};
        }
}

static void list_reading(Runner *r)
{
        const Conf *conf = r->check->conf;

        for (size_t i = 0; i < conf->n_trails; i++) {
                CheckedTrail *trails = r->check->trails, *t = &trails[i];

                if (arn_parse(conf->trails[i].arn, &t->arn) < 0)
                        abort(); /* conf_load() has parsed it */
                while (conf->trails[t->look_up_of].account != conf->trails[i].account ||
                       !streq(trails[t->look_up_of].arn.region, t->arn.region))
                        t->look_up_of++;
                list_trail_call(r, CALL_GET_STATUS, i, &t->get_status);
                list_trail_call(r, CALL_GET_TRAIL, i, &t->get_trail);
                if (conf->drift)
                        list_trail_call(r, CALL_GET_SELECTORS, i, &t->selectors);
                if (t->look_up_of == i)
                        list_trail_call(r, CALL_LOOK_UP, i, &t->look_up);
        }
        for (size_t i = 0; i < conf->n_topics; i++)
                *mem_push0(r->calls, r->n_calls) = (Call){r,
                                                          CALL_DESCRIBE,
                                                          i,
                                                          conf->topics[i].account,
                                                          &r->check->topics[i].describe,
                                                          NULL};
}

static void list_calls(Runner *r)
{
        Check *k = r->check;
        const Conf *conf = k->conf;

        list_identities(r);
        if (k->tasks & CHECK_READ)
                list_reading(r);
        for (size_t i = 0; i < conf->n_topics && k->tasks & CHECK_PUBLISH; i++)
                if (!k->only_topic || streq(k->only_topic, conf->topics[i].arn))
                        *mem_push0(r->calls, r->n_calls) = (Call){r,
                                                                  CALL_PUBLISH,
                                                                  i,
                                                                  conf->topics[i].account,
                                                                  &k->topics[i].publish,
                                                                  NULL};
        if (conf->heartbeat && k->tasks & CHECK_BEAT)
                *mem_push0(r->calls, r->n_calls) = (Call){r, CALL_BEAT, 0, 0, &k->beat, NULL};
        for (size_t i = 0; i < conf->n_trails && k->tasks & CHECK_START; i++)
                if (conf->trails[i].action == TRAIL_ACTION_RESTART)
                        list_trail_call(r, CALL_START, i, &k->trails[i].start);
        for (size_t i = 0; i < conf->n_trails && k->tasks & CHECK_START; i++)
                list_trail_call(r, CALL_LOOK_AGAIN, i, &k->trails[i].look_again);
}

static int set_up(Runner *r, char **reterr_text)
{
        int e;

        (void)signal(SIGPIPE, SIG_IGN); /* libcurl and OpenSSL write to sockets that may be gone */
        (void)gethostname(r->hostname, sizeof(r->hostname) - 1); /* without one, it is not said */
        e = sd_event_new(&r->event);
        if (e >= 0)
                e = network_new(&(NetworkOptions){.event = r->event,
                                                  .conf = r->check->conf,
                                                  .hostname = r->hostname},
                                &r->network, reterr_text);
        return e;
}

int check_ask(Check *c, char **reterr_text)
{
        _cleanup_(runner_done) Runner r = {.check = c};
        int e;

        c->accounts = mem_alloc0(c->conf->n_accounts * sizeof(*c->accounts));
        c->trails = mem_alloc0(c->conf->n_trails * sizeof(*c->trails));
        c->topics = mem_alloc0(c->conf->n_topics * sizeof(*c->topics));
        e = set_up(&r, reterr_text);
        if (e >= 0) {
                list_calls(&r);
                start_calls(&r);
        }
        while (e >= 0 && r.n_under_way > 0)
                e = sd_event_run(r.event, UINT64_MAX);
        if (e < 0 && !*reterr_text)
                *reterr_text = mem_strdup(strerror(-e));
        if (r.network)
                c->settings = TAKE_PTR(r.network->settings);
        for (size_t i = 0; i < c->conf->n_trails; i++)
                c->trails[i].look_up = c->trails[c->trails[i].look_up_of].look_up;
        return e < 0 ? e : 0;
}
