/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of another role, assumed with those of another client, or with a web identity (a
 * token in a file that somebody else keeps fresh, hence read at each fetch). A role that assumes a
 * role is role chaining, which AWS limits to an hour.
 *
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html */

#include "aws/query.h"
#include "base/mem.h"
#include "net/client.h"
#include "net/credfetch.h"

#define DURATION_DEFAULT_SEC 3600
#define DEADLINE_USEC (15 * USEC_PER_SEC)
#define BODY_MAX (64 * 1024)
#define TOKEN_MAX 20000

typedef struct RoleSource {
        CredSource source; /* first: a CredSource is cast back to us */
        NetEnv *env;
        AwsClient *client;
        bool client_taken;
        char *region;
        char *role_arn;
        char *external_id;
        char *web_token_file;
        char *session_name;
        int duration_sec;
} RoleSource;

typedef struct RoleFetch {
        CredFetch fetch; /* first: a CredFetch is cast back to us */
        AwsCall *call;
} RoleFetch;

static void role_cancel(CredFetch *fetch)
{
        if (fetch)
                aws_call_cancel(((RoleFetch *)fetch)->call);
        cred_fetch_free(fetch);
}

/* Whatever failed, to the call that needs them it is that there are no credentials: STS's
 * AccessDenied must not pass for one of CloudTrail. */
static void describe(const char *role_arn, const AwsError *e, AwsError *ret)
{
        aws_error_set(ret, AWS_ERROR_CREDENTIALS, e->code, "cannot assume %s: %s", role_arn,
                      *e->message ? e->message : e->code);
        ret->status = e->status;
        memcpy(ret->request_id, e->request_id, sizeof(ret->request_id));
}

static void on_result(void *userdata, const AwsResult *result)
{
        RoleFetch *f = userdata;
        const RoleSource *s = (const RoleSource *)f->fetch.source;
        _cleanup_(aws_credentials_unrefp) AwsCredentials *credentials = NULL;
        AwsError cause = result->error;

        f->call = NULL;
        if (cause.class == AWS_ERROR_NONE &&
            (s->web_token_file ? sts_parse_web_identity : sts_parse_assume_role)(
                    result->body, result->body_len, &credentials) < 0)
                aws_error_set(&cause, AWS_ERROR_PROTOCOL, "MalformedAnswer",
                              "the answer of STS holds no credentials");
        if (!credentials)
                describe(s->role_arn, &cause, &f->fetch.error);
        cred_fetch_finish(&f->fetch, credentials);
}

/* The line break at the end of the file is not of the token; STS judges the rest. */
static int read_token(RoleSource *s, Secret **ret, AwsError *reterr)
{
        _cleanup_(secret_freep) Secret *file = NULL;
        int r = s->env->file_read(s->env, s->web_token_file, TOKEN_MAX + 2, &file);
        size_t n;

        if (r < 0) {
                aws_error_set(reterr, AWS_ERROR_CREDENTIALS, "WebIdentityToken",
                              "cannot read the web identity token %s: %s", s->web_token_file,
                              r == -E2BIG ? "too large for a token" : strerror(-r));
                return r;
        }
        for (n = secret_len(file); n > 0 && strchr(" \t\r\n", secret_expose(file)[n - 1]); n--)
                ;
        if (n == 0 || strlen(secret_expose(file)) < n) {
                aws_error_set(reterr, AWS_ERROR_CREDENTIALS, "WebIdentityToken",
                              "there is no web identity token in %s", s->web_token_file);
                return -EBADMSG;
        }
        *ret = secret_new(secret_expose(file), n);
        return 0;
}

static int make_request(RoleSource *s, AwsRequest *ret, AwsError *reterr)
{
        _cleanup_(secret_freep) Secret *token = NULL;
        int r;

        if (s->web_token_file) {
                r = read_token(s, &token, reterr);
                if (r < 0)
                        return r;
        }
        r = sts_request_assume_role(
                &(AssumeRole){
                        .region = s->region,
                        .role_arn = s->role_arn,
                        .session_name = s->session_name,
                        .external_id = s->external_id,
                        .web_identity_token = token ? secret_expose(token) : NULL,
                        .duration_sec = s->duration_sec,
                },
                ret);
        if (r < 0)
                aws_error_set(reterr, AWS_ERROR_CREDENTIALS, "RequestTooLarge",
                              "cannot assume a role with such a long name");
        return r;
}

static CredFetch *role_fetch(CredSource *source, CredCallback callback, void *userdata)
{
        RoleSource *s = (RoleSource *)source;
        RoleFetch *f = mem_new0(RoleFetch);
        _cleanup_aws_request_ AwsRequest request = {0};

        f->fetch = (CredFetch){
                .source = source, .env = s->env, .callback = callback, .userdata = userdata};
        if (make_request(s, &request, &f->fetch.error) < 0) {
                cred_fetch_finish_soon(&f->fetch);
                return &f->fetch;
        }
        f->call = aws_call_start(s->client, &request,
                                 &(AwsCallOptions){
                                         .retry = RETRY_STANDARD,
                                         .deadline_usec = DEADLINE_USEC,
                                         .body_max = BODY_MAX,
                                         .urgent = true,
                                 },
                                 on_result, f);
        return &f->fetch;
}

static CredSource *role_free(CredSource *source)
{
        RoleSource *s = (RoleSource *)source;

        if (s->client_taken)
                aws_client_free(s->client);
        free(s->region);
        free(s->role_arn);
        secret_free_text(s->external_id);
        free(s->web_token_file);
        free(s->session_name);
        free(s);
        return NULL;
}

CredSource *cred_source_new_assume_role(const CredAssumeRoleOptions *o)
{
        RoleSource *s = mem_new0(RoleSource);

        assert(!isempty(o->role_arn) && !isempty(o->region) && !isempty(o->session_name));
        *s = (RoleSource){
                .source = {.name = "assume-role",
                           .fetch = role_fetch,
                           .cancel = role_cancel,
                           .free = role_free},
                .env = o->env,
                .client = o->client,
                .client_taken = o->client_taken,
                .region = mem_strdup(o->region),
                .role_arn = mem_strdup(o->role_arn),
                .external_id = isempty(o->external_id) ? NULL : mem_strdup(o->external_id),
                .web_token_file = mem_strdup(o->web_token_file),
                .session_name = mem_strdup(o->session_name),
                .duration_sec = o->duration_sec > 0 ? o->duration_sec : DURATION_DEFAULT_SEC,
        };
        return &s->source;
}
