/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials that a container's platform hands out over HTTP: the agent of ECS, the agent of
 * EKS Pod Identity, or a server of somebody's own on loopback. Plain http goes to these only, which
 * the transport judges on the addresses that it dials; the authorization token is a secret.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html */

#include "aws/query.h"
#include "base/mem.h"
#include "base/uri.h"
#include "net/credfetch.h"

#define ECS_HOST "http://169.254.170.2"
#define TIMEOUT_USEC (2 * USEC_PER_SEC)
#define ATTEMPTS_MAX 3
#define BODY_MAX ((size_t)64 * 1024)
#define TOKEN_MAX ((size_t)15 * 1024)
#define TOKEN_FILE "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
#define TOKEN "AWS_CONTAINER_AUTHORIZATION_TOKEN"

typedef struct ContainerSource {
        CredSource source; /* first: a CredSource is cast back to us */
        NetEnv *env;
        char *url;   /* who knows its path may ask, too: never shown */
        char *shown; /* scheme and host */
} ContainerSource;

/* The token, NULL without one. The file is rotated, hence read each time; a line break would be the
 * start of another header. */
static int read_token(CredFetch *f, Secret **ret)
{
        NetEnv *env = f->env;
        const char *file = cred_environ(env, TOKEN_FILE), *value = cred_environ(env, TOKEN);
        _cleanup_(secret_freep) Secret *token = NULL;
        int r;

        if (file) {
                r = env->file_read(env, file, TOKEN_MAX, &token);
                if (r < 0) {
                        aws_error_set(&f->error, AWS_ERROR_CREDENTIALS, "AuthorizationToken",
                                      "cannot read %s (" TOKEN_FILE "): %s", file, strerror(-r));
                        return r;
                }
        } else if (value) {
                token = secret_new(value, strlen(value));
        }
        for (size_t i = 0; token && i < secret_len(token); i++)
                if (secret_expose(token)[i] < ' ' || secret_expose(token)[i] > '~') {
                        aws_error_set(&f->error, AWS_ERROR_CREDENTIALS, "AuthorizationToken",
                                      "the token in %s holds a line break or "
                                      "another character that none may hold",
                                      file ? file : TOKEN);
                        return -EBADMSG;
                }
        *ret = TAKE_PTR(token);
        return 0;
}

static void on_answer(void *userdata, const HttpResponse *response, const AwsError *error);

static int ask(CredFetch *f)
{
        ContainerSource *s = (ContainerSource *)f->source;
        _cleanup_(secret_freep) Secret *token = NULL;
        HttpHeader headers[2] = {{"Accept", "application/json"}};
        int r;

        r = read_token(f, &token);
        if (r < 0)
                return r;
        if (token)
                headers[1] = (HttpHeader){"Authorization", secret_expose(token)};
        r = s->env->http->start(s->env->http,
                                &(HttpRequest){
                                        .method = "GET",
                                        .url = s->url,
                                        .headers = headers,
                                        .n_headers = token ? 2 : 1,
                                        .policy = HTTP_POLICY_CONTAINER,
                                        .connect_timeout_usec = TIMEOUT_USEC,
                                        .timeout_usec = TIMEOUT_USEC,
                                        .body_max = BODY_MAX,
                                        .urgent = true,
                                },
                                on_answer, f, &f->http);
        if (r < 0)
                aws_error_set(&f->error, AWS_ERROR_CREDENTIALS, "ContainerNotAsked",
                              "the container's endpoint %s cannot be asked: %s", s->shown,
                              r == -EPERM ? "plain http is allowed to loopback, 169.254.170.2, "
                                            "169.254.170.23 and fd00:ec2::23 only"
                                          : strerror(-r));
        return r;
}

static void on_answer(void *userdata, const HttpResponse *response, const AwsError *error)
{
        CredFetch *f = userdata;
        const char *shown = ((ContainerSource *)f->source)->shown;
        _cleanup_(aws_credentials_unrefp) AwsCredentials *credentials = NULL;
        _cleanup_free_ char *text = NULL;
        int r = 0;

        f->http = NULL;
        if (!response) {
                aws_error_set(&f->error, AWS_ERROR_CREDENTIALS, error->code,
                              "the container's endpoint: %s", error->message);
                cred_fetch_ask_again(f, ATTEMPTS_MAX);
                return;
        }

        if (response->status == 200)
                r = imds_parse_credentials(strbuf_str(&response->body), response->body.len,
                                           &credentials, &text);
        if (credentials) {
                cred_fetch_finish(f, credentials);
                return;
        }
        if (response->status == 200)
                aws_error_set(&f->error, AWS_ERROR_CREDENTIALS, "ContainerError",
                              "the container's endpoint %s has none: %s", shown,
                              r == -EREMOTEIO && text ? text : "the answer cannot be read");
        else
                aws_error_set(&f->error, AWS_ERROR_CREDENTIALS, "ContainerError",
                              "the container's endpoint %s answered with HTTP %d%s", shown,
                              response->status,
                              response->status == 401 || response->status == 403
                                      ? " (it may want another authorization token)"
                                      : "");
        f->error.status = response->status;
        if (response->status == 200 || response->status == 429 || response->status >= 500)
                cred_fetch_ask_again(f, ATTEMPTS_MAX);
        else
                cred_fetch_finish(f, NULL);
}

static CredFetch *container_fetch(CredSource *source, CredCallback callback, void *userdata)
{
        CredFetch *f = mem_new0(CredFetch);

        *f = (CredFetch){.source = source,
                         .env = ((ContainerSource *)source)->env,
                         .callback = callback,
                         .userdata = userdata,
                         .ask = ask};
        cred_fetch_ask(f);
        return f;
}

static CredSource *container_free(CredSource *source)
{
        ContainerSource *s = (ContainerSource *)source;

        secret_free_text(s->url);
        free(s->shown);
        free(s);
        return NULL;
}

int cred_source_new_container(NetEnv *env, CredSource **ret, char **reterr_text)
{
        const char *relative = cred_environ(env, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        const char *full = cred_environ(env, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
        _cleanup_free_ char *url = NULL;
        _cleanup_uri_ Uri u = {};

        if (!relative && !full)
                return -ENXIO;
        /* Without the slash, it would go on with the host's name. */
        if (relative && *relative != '/') {
                *reterr_text = mem_strdup("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI has to begin "
                                          "with a slash");
                return -EINVAL;
        }
        url = relative ? mem_printf(ECS_HOST "%s", relative) : mem_strdup(full);
        if (uri_parse(url, &u) < 0) {
                *reterr_text = mem_printf("%s is not an http or https URL",
                                          relative ? "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
                                                   : "AWS_CONTAINER_CREDENTIALS_FULL_URI");
                return -EINVAL;
        }

        ContainerSource *s = mem_new0(ContainerSource);
        *s = (ContainerSource){
                .source = {.name = "container",
                           .fetch = container_fetch,
                           .cancel = cred_fetch_free,
                           .free = container_free},
                .env = env,
                .url = TAKE_PTR(url),
                .shown = mem_printf("%s://%s", u.scheme, u.host),
        };
        *ret = &s->source;
        return 0;
}
