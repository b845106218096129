/* SPDX-License-Identifier: Apache-2.0 */
/* Makes one call of an AWS API, or several in a row, through the real client and prints how each
 * ended, a line each: to try the net floor against fakeaws by hand or from a test. Credentials come
 * from the environment, else from IMDS (--imds), with AssumeRole on top (--role). */

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "aws/cloudtrail.h"
#include "aws/query.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "net/client.h"
#include "net/httpcurl.h"

typedef struct Tool {
        const char *operation;
        const char *region;
        const char *trail; /* or topic */
        const char *endpoint;
        const char *ca_file;
        const char *imds;
        const char *role_arn;
        const char *external_id;
        const char *message;
        RetryMode retry;
        uint64_t attempt_timeout_usec;
        uint64_t deadline_usec;
        unsigned repeat;

        sd_event *event;
        AwsClient *client;
        int failures;
} Tool;

static const char usage[] =
        "awscall --operation GetCallerIdentity|GetTrailStatus|StartLogging|LookupEvents|Publish\n"
        "        [--arn TRAIL-OR-TOPIC] [--region R] [--endpoint URL] [--ca FILE] [--imds URL]\n"
        "        [--role ARN] [--external-id X] [--message TEXT] [--repeat N]\n"
        "        [--retry none|standard|unmetered] [--timeout 5s] [--deadline 30s]\n";

static const char *const retry_names[] = {
        [RETRY_NONE] = "none",
        [RETRY_STANDARD] = "standard",
        [RETRY_UNMETERED] = "unmetered",
};

static int make_request(const Tool *t, AwsRequest *ret)
{
        int64_t now = (int64_t)time(NULL) * MSEC_PER_SEC;

        if (streq(t->operation, "GetCallerIdentity"))
                sts_request_get_caller_identity(t->region, ret);
        else if (streq(t->operation, "GetTrailStatus"))
                cloudtrail_request_get_trail_status(t->trail, ret);
        else if (streq(t->operation, "StartLogging"))
                cloudtrail_request_start_logging(t->trail, ret);
        else if (streq(t->operation, "LookupEvents"))
                cloudtrail_request_lookup_events(
                        &(LookupQuery){
                                .region = t->region,
                                .event_name = "StopLogging",
                                .from_msec = now - MSEC_PER_DAY,
                                .to_msec = now + MSEC_PER_MINUTE,
                        },
                        ret);
        else if (streq(t->operation, "Publish"))
                return sns_request_publish(
                        &(SnsMessage){
                                .topic_arn = t->trail,
                                .subject = "awscall",
                                .message = t->message,
                        },
                        ret);
        else
                return -EINVAL;
        return 0;
}

/* The answer in words; -EBADMSG and the like when it cannot be read. */
static int print_body(const char *operation, const char *body, size_t len)
{
        int r;

        if (streq(operation, "GetCallerIdentity")) {
                CallerIdentity c = {0};
                r = sts_parse_caller_identity(body, len, &c);
                if (r >= 0)
                        printf(" arn=%s", c.arn);
                caller_identity_done(&c);
        } else if (streq(operation, "GetTrailStatus")) {
                TrailStatus s = {0};
                r = cloudtrail_parse_trail_status(body, len, &s);
                if (r >= 0)
                        printf(" logging=%d start=%" PRId64 " stop=%" PRId64, s.is_logging,
                               s.start_logging_msec, s.stop_logging_msec);
                trail_status_done(&s);
        } else if (streq(operation, "LookupEvents")) {
                LookupPage p = {0};
                r = cloudtrail_parse_lookup_page(body, len, &p);
                if (r >= 0)
                        printf(" records=%zu more=%d", p.n_records, p.next_token != NULL);
                lookup_page_done(&p);
        } else if (streq(operation, "Publish")) {
                _cleanup_free_ char *id = NULL;
                r = sns_parse_publish(body, len, &id);
                if (r >= 0)
                        printf(" message-id=%s", id);
        } else {
                r = 0;
        }
        return r;
}

static void start(Tool *t);

static void on_result(void *userdata, const AwsResult *result)
{
        Tool *t = userdata;
        const AwsError *e = &result->error;
        bool ok = e->class == AWS_ERROR_NONE;

        printf("%s %s status=%d attempts=%d request-id=%s skew=%" PRId64, ok ? "ok" : "error",
               t->operation, e->status, result->attempts, *e->request_id ? e->request_id : "-",
               aws_client_clock_skew_msec(t->client));
        if (!ok)
                printf(" class=%s code=%s message=%s", aws_error_class_to_string(e->class), e->code,
                       e->message);
        else if (print_body(t->operation, result->body, result->body_len) < 0)
                printf(" unreadable");
        printf("\n");
        t->failures += !ok;

        if (--t->repeat > 0)
                start(t);
        else
                (void)sd_event_exit(t->event, t->failures > 0);
}

static void start(Tool *t)
{
        AwsRequest request = {0};

        if (make_request(t, &request) < 0) {
                fputs(usage, stderr);
                exit(2);
        }
        (void)aws_call_start(t->client, &request,
                             &(AwsCallOptions){
                                     .retry = t->retry,
                                     .attempt_timeout_usec = t->attempt_timeout_usec,
                                     .deadline_usec = t->deadline_usec,
                             },
                             on_result, t);
}

static void parse_options(Tool *t, int argc, char **argv)
{
        static const struct option options[] = {
                {"operation", required_argument, NULL, 'o'},
                {"arn", required_argument, NULL, 'a'},
                {"region", required_argument, NULL, 'r'},
                {"endpoint", required_argument, NULL, 'e'},
                {"ca", required_argument, NULL, 'c'},
                {"imds", required_argument, NULL, 'i'},
                {"role", required_argument, NULL, 'R'},
                {"external-id", required_argument, NULL, 'x'},
                {"message", required_argument, NULL, 'm'},
                {"repeat", required_argument, NULL, 'n'},
                {"retry", required_argument, NULL, 'y'},
                {"timeout", required_argument, NULL, 't'},
                {"deadline", required_argument, NULL, 'd'},
                {NULL, 0, NULL, 0},
        };
        int c, r = 0;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                switch (c) {
                case 'o':
                        t->operation = optarg;
                        break;
                case 'a':
                        t->trail = optarg;
                        break;
                case 'r':
                        t->region = optarg;
                        break;
                case 'e':
                        t->endpoint = optarg;
                        break;
                case 'c':
                        t->ca_file = optarg;
                        break;
                case 'i':
                        t->imds = optarg;
                        break;
                case 'R':
                        t->role_arn = optarg;
                        break;
                case 'x':
                        t->external_id = optarg;
                        break;
                case 'm':
                        t->message = optarg;
                        break;
                case 'n':
                        t->repeat = (unsigned)strtoul(optarg, NULL, 10);
                        break;
                case 'y':
                        for (size_t i = 0; i < ELEMENTSOF(retry_names); i++)
                                if (streq(retry_names[i], optarg))
                                        t->retry = (RetryMode)i;
                        break;
                case 't':
                        r = timefmt_parse_duration(optarg, &t->attempt_timeout_usec);
                        break;
                case 'd':
                        r = timefmt_parse_duration(optarg, &t->deadline_usec);
                        break;
                default:
                        r = -EINVAL;
                }
                if (r < 0)
                        break;
        }
        if (r < 0 || optind < argc || !t->operation || t->repeat == 0) {
                fputs(usage, stderr);
                exit(2);
        }
}

static CredSource *make_source(const Tool *t, NetEnv *env)
{
        CredSource *source = NULL;
        _cleanup_free_ char *text = NULL;
        int r = cred_source_new_environment(env, &source, &text);

        if (r == -ENXIO)
                r = cred_source_new_imds(env, t->imds, NULL, &source, &text);
        if (r < 0) {
                fprintf(stderr, "no source of credentials: %s\n", text ? text : strerror(-r));
                exit(2);
        }
        return source;
}

static AwsClient *make_client(const Tool *t, NetEnv *env, CredSource *source)
{
        const char *endpoints[_AWS_SERVICE_MAX];

        for (size_t i = 0; i < _AWS_SERVICE_MAX; i++)
                endpoints[i] = t->endpoint;
        return aws_client_new(&(AwsClientOptions){
                .env = env,
                .source = source,
                .user_agent = "trailsentry-awscall/0",
                .endpoints = endpoints,
        });
}

int main(int argc, char **argv)
{
        Tool t = {.region = "eu-central-1", .message = "A test.", .repeat = 1};
        _cleanup_(http_curl_freep) HttpTransport *http = NULL;
        _cleanup_(net_env_free_eventp) NetEnv *env = NULL;
        _cleanup_(aws_client_freep) AwsClient *base = NULL, *on_top = NULL;
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_free_ char *text = NULL;

        parse_options(&t, argc, argv);
        (void)signal(SIGPIPE, SIG_IGN); /* cannot fail */
        setvbuf(stdout, NULL, _IOLBF, 0);
        if (sd_event_new(&event) < 0 ||
            http_curl_new(&(HttpCurlOptions){.event = event, .ca_file = t.ca_file}, &http, &text) <
                    0) {
                fprintf(stderr, "%s\n", strempty(text));
                return 2;
        }
        env = net_env_new_event(event, http);
        base = make_client(&t, env, make_source(&t, env));
        if (t.role_arn) {
                CredSource *source = cred_source_new_assume_role(&(CredAssumeRoleOptions){
                        .client = base,
                        .env = env,
                        .region = t.region,
                        .role_arn = t.role_arn,
                        .external_id = t.external_id,
                        .session_name = "awscall",
                });
                on_top = make_client(&t, env, source);
        }
        t.client = on_top ? on_top : base;
        t.event = event;
        start(&t);
        return sd_event_loop(event) != 0;
}
