/* SPDX-License-Identifier: Apache-2.0 */
/* The instance's role from the instance metadata service, version 2 only: a session token by PUT,
 * the role's name, the role's credentials. Nothing is kept between fetches, which are hours apart:
 * tokens expire within six, and the role can be replaced at any time.
 *
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
 */

#include <strings.h>

#include "aws/arn.h"
#include "aws/query.h"
#include "base/mem.h"
#include "base/uri.h"
#include "net/credfetch.h"

#define ENDPOINT_IPV4 "http://169.254.169.254"
#define ENDPOINT_IPV6 "http://[fd00:ec2::254]"
#define CREDENTIALS_PATH "/latest/meta-data/iam/security-credentials/"
#define TOKEN_MAX 1024
#define CONNECT_TIMEOUT_USEC USEC_PER_SEC
#define TIMEOUT_USEC (2 * USEC_PER_SEC)
#define ATTEMPTS_MAX 4
#define BODY_MAX ((size_t)64 * 1024)

typedef enum ImdsStep { IMDS_TOKEN, IMDS_ROLE, IMDS_CREDENTIALS } ImdsStep;

typedef struct ImdsSource {
        CredSource source; /* first: a CredSource is cast back to us */
        NetEnv *env;
        char *endpoint; /* without a slash at its end */
} ImdsSource;

typedef struct ImdsFetch {
        CredFetch fetch; /* first: a CredFetch is cast back to us */
        ImdsStep step;
        Secret *token;
        bool token_refused;
        char *role;
} ImdsFetch;

static void imds_cancel(CredFetch *fetch)
{
        ImdsFetch *f = (ImdsFetch *)fetch;

        if (f) {
                secret_free(f->token);
                free(f->role);
        }
        cred_fetch_free(fetch);
}

static void on_answer(void *userdata, const HttpResponse *response, const AwsError *error);

static int start_request(ImdsFetch *f)
{
        ImdsSource *s = (ImdsSource *)f->fetch.source;
        _cleanup_strbuf_ StrBuf url = STRBUF_INIT(1024);
        HttpHeader header = {"X-aws-ec2-metadata-token-ttl-seconds", "21600"};

        strbuf_add(&url, s->endpoint);
        if (f->step == IMDS_TOKEN) {
                strbuf_add(&url, "/latest/api/token");
        } else {
                header = (HttpHeader){"X-aws-ec2-metadata-token", secret_expose(f->token)};
                strbuf_add(&url, CREDENTIALS_PATH);
                if (f->step == IMDS_CREDENTIALS)
                        uri_encode(&url, f->role, strlen(f->role), URI_ENCODE_ALL);
        }
        if (strbuf_error(&url) < 0)
                return -E2BIG;

        return s->env->http->start(s->env->http,
                                   &(HttpRequest){
                                           .method = f->step == IMDS_TOKEN ? "PUT" : "GET",
                                           .url = strbuf_str(&url),
                                           .headers = &header,
                                           .n_headers = 1,
                                           .policy = HTTP_POLICY_METADATA,
                                           .connect_timeout_usec = CONNECT_TIMEOUT_USEC,
                                           .timeout_usec = TIMEOUT_USEC,
                                           .body_max = BODY_MAX,
                                           .urgent = true,
                                   },
                                   on_answer, f, &f->fetch.http);
}

static int ask(CredFetch *f)
{
        int r = start_request((ImdsFetch *)f);

        if (r < 0)
                aws_error_set(
                        &f->error, AWS_ERROR_CREDENTIALS, "ImdsNotAsked",
                        "IMDS cannot be asked at %s: %s", ((ImdsSource *)f->source)->endpoint,
                        r == -EPERM
                                ? "plain http is allowed to metadata and loopback addresses only"
                                : strerror(-r));
        return r;
}

static void next_step(ImdsFetch *f, ImdsStep step)
{
        f->step = step;
        f->fetch.attempts = 0;
        cred_fetch_ask(&f->fetch);
}

static void give_up(ImdsFetch *f, const char *code, const char *text)
{
        AwsError *e = &f->fetch.error;
        int status = e->status;

        aws_error_set(e, AWS_ERROR_CREDENTIALS, code, "%s", text);
        e->status = status;
        cred_fetch_finish(&f->fetch, NULL);
}

/* Header values later on: what the transport refuses is refused here. */
static bool token_is_valid(const StrBuf *body)
{
        if (body->len == 0 || body->len > TOKEN_MAX)
                return false;
        for (size_t i = 0; i < body->len; i++)
                if (body->data[i] <= ' ' || body->data[i] > '~')
                        return false;
        return true;
}

static void on_token(ImdsFetch *f, const HttpResponse *response)
{
        if (!token_is_valid(&response->body)) {
                give_up(f, "MalformedAnswer", "IMDS returned no valid token");
                return;
        }
        secret_free(f->token);
        f->token = secret_new(response->body.data, response->body.len);
        next_step(f, IMDS_ROLE);
}

/* The first line is the role's name; an instance has one at most. */
static void on_role(ImdsFetch *f, const HttpResponse *response)
{
        const char *body = strbuf_str(&response->body);
        size_t n = strcspn(body, "\r\n");

        free(f->role);
        f->role = mem_strndup(body, n);
        if (n == 0)
                give_up(f, "NoRole", "no role is attached to this instance");
        else if (!arn_name_is_plain(f->role))
                give_up(f, "MalformedAnswer", "IMDS names a role that cannot be one");
        else
                next_step(f, IMDS_CREDENTIALS);
}

static void on_document(ImdsFetch *f, const HttpResponse *response)
{
        _cleanup_(aws_credentials_unrefp) AwsCredentials *credentials = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        r = imds_parse_credentials(strbuf_str(&response->body), response->body.len, &credentials,
                                   &text);
        if (r < 0) {
                aws_error_set(&f->fetch.error, AWS_ERROR_CREDENTIALS, "ImdsError",
                              "IMDS has none for role %s: %s", f->role,
                              r == -EREMOTEIO && text ? text : "the answer cannot be read");
                cred_fetch_ask_again(&f->fetch, ATTEMPTS_MAX);
                return;
        }
        cred_fetch_finish(&f->fetch, credentials);
}

static void on_failure(ImdsFetch *f, const AwsError *e)
{
        bool silent = streq(e->code, "Timeout") || streq(e->code, "ConnectTimeout");

        /* Containers add a hop, and the answer to the PUT dies on it. */
        aws_error_set(&f->fetch.error, AWS_ERROR_CREDENTIALS, e->code, "IMDS: %s%s", e->message,
                      silent && f->step == IMDS_TOKEN
                              ? " (not on EC2, or in a container while the instance's metadata hop "
                                "limit is 1)"
                              : "");
        /* Whoever waits is told within five seconds: silence counts for two of the attempts. */
        f->fetch.attempts += silent;
        cred_fetch_ask_again(&f->fetch, ATTEMPTS_MAX);
}

/* Status into going on, trying again or giving up. */
static void on_answer(void *userdata, const HttpResponse *response, const AwsError *error)
{
        ImdsFetch *f = userdata;

        f->fetch.http = NULL;
        if (!response) {
                on_failure(f, error);
                return;
        }

        f->fetch.error.status = response->status;
        if (response->status == 200) {
                if (f->step == IMDS_TOKEN)
                        on_token(f, response);
                else if (f->step == IMDS_ROLE)
                        on_role(f, response);
                else
                        on_document(f, response);
        } else if (response->status == 401 && f->step != IMDS_TOKEN && !f->token_refused) {
                /* Somebody has restarted the service in between: once. */
                f->token_refused = true;
                next_step(f, IMDS_TOKEN);
        } else if (response->status == 401) {
                give_up(f, "ImdsUnauthorized", "IMDS refuses the token that it has given");
        } else if (response->status == 403) {
                give_up(f, "ImdsDisabled", "IMDS is off for this instance (HTTP 403)");
        } else if (response->status == 404 && f->step != IMDS_TOKEN) {
                give_up(f, "NoRole", "no role is attached to this instance");
        } else {
                aws_error_set(&f->fetch.error, AWS_ERROR_CREDENTIALS, "ImdsError",
                              "IMDS answered with HTTP %d", response->status);
                f->fetch.error.status = response->status;
                if (response->status == 429 || response->status >= 500)
                        cred_fetch_ask_again(&f->fetch, ATTEMPTS_MAX);
                else
                        cred_fetch_finish(&f->fetch, NULL);
        }
}

static CredFetch *imds_fetch(CredSource *source, CredCallback callback, void *userdata)
{
        ImdsSource *s = (ImdsSource *)source;
        ImdsFetch *f = mem_new0(ImdsFetch);

        f->fetch = (CredFetch){.source = source,
                               .env = s->env,
                               .callback = callback,
                               .userdata = userdata,
                               .ask = ask};
        next_step(f, IMDS_TOKEN);
        return &f->fetch;
}

static CredSource *imds_free(CredSource *source)
{
        ImdsSource *s = (ImdsSource *)source;

        free(s->endpoint);
        free(s);
        return NULL;
}

/* What is nearer to the program beats what is in a file, an endpoint beats a mode. */
static int choose_endpoint(NetEnv *env, const char *endpoint, const char *mode, const char **ret,
                           char **reterr_text)
{
        const char *url = cred_environ(env, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
        const char *family = cred_environ(env, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
        _cleanup_uri_ Uri u = {};

        if (!url && !isempty(endpoint))
                url = endpoint;
        if (!family && !isempty(mode))
                family = mode;
        if (url) {
                if (uri_parse(url, &u) < 0 || !streq(u.scheme, "http") || u.query ||
                    (!uri_host_is_loopback(u.host) && !uri_host_is_metadata(u.host))) {
                        *reterr_text = mem_strdup(
                                "AWS_EC2_METADATA_SERVICE_ENDPOINT (in a profile: "
                                "ec2_metadata_service_endpoint) has to be a plain http URL of a "
                                "metadata address (http://169.254.169.254) or of a loopback one");
                        return -EINVAL;
                }
                *ret = url;
                return 0;
        }
        if (family && strcasecmp(family, "IPv4") != 0 && strcasecmp(family, "IPv6") != 0) {
                *reterr_text =
                        mem_strdup("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE (in a profile: "
                                   "ec2_metadata_service_endpoint_mode) has to be IPv4 or IPv6");
                return -EINVAL;
        }
        *ret = family && strcasecmp(family, "IPv6") == 0 ? ENDPOINT_IPV6 : ENDPOINT_IPV4;
        return 0;
}

int cred_source_new_imds(NetEnv *env, const char *endpoint, const char *mode, CredSource **ret,
                         char **reterr_text)
{
        const char *disabled = cred_environ(env, "AWS_EC2_METADATA_DISABLED");
        ImdsSource *s;
        int r;

        if (disabled && strcasecmp(disabled, "true") == 0) {
                *reterr_text = mem_strdup("AWS_EC2_METADATA_DISABLED=true forbids the instance's "
                                          "role");
                return -ENXIO;
        }
        r = choose_endpoint(env, endpoint, mode, &endpoint, reterr_text);
        if (r < 0)
                return r;

        s = mem_new0(ImdsSource);
        *s = (ImdsSource){
                .source = {.name = "imds",
                           .fetch = imds_fetch,
                           .cancel = imds_cancel,
                           .free = imds_free},
                .env = env,
                .endpoint = mem_strdup(endpoint),
        };
        for (size_t n = strlen(s->endpoint); n > 0 && s->endpoint[n - 1] == '/'; n--)
                s->endpoint[n - 1] = '\0';
        *ret = &s->source;
        return 0;
}
