/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of another role, assumed with those of another client. An instance's role that
 * assumes a role is role chaining, which AWS limits to an hour.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */

#include "aws/arn.h"
#include "aws/query.h"
#include "base/mem.h"
#include "net/client.h"

#define DURATION_DEFAULT_SEC 3600
#define DEADLINE_USEC (15 * USEC_PER_SEC)
#define BODY_MAX (64 * 1024)

typedef struct RoleSource {
        CredSource source; /* first: a CredSource is cast back to us */
        AwsClient *client;
        char *region;
        char *role_arn;
        char *external_id;
        char *session_name;
        int duration_sec;
} RoleSource;

struct CredFetch {
        RoleSource *owner;
        AwsCall *call;
        CredCallback callback;
        void *userdata;
};

static void role_cancel(CredFetch *f)
{
        if (!f)
                return;
        aws_call_cancel(f->call);
        free(f);
}

/* Whatever failed, to the call that needs them it is that there are no credentials: STS's
 * AccessDenied must not pass for one of CloudTrail. */
static void describe(const char *role_arn, const AwsError *e, AwsError *ret)
{
        aws_error_set(ret, AWS_ERROR_CREDENTIALS, e->code, "no credentials: cannot assume %s: %s",
                      role_arn, *e->message ? e->message : e->code);
        ret->status = e->status;
        memcpy(ret->request_id, e->request_id, sizeof(ret->request_id));
}

static void on_result(void *userdata, const AwsResult *result)
{
        CredFetch *f = userdata;
        CredCallback callback = f->callback;
        _cleanup_(aws_credentials_unrefp) AwsCredentials *credentials = NULL;
        AwsError error = {.class = AWS_ERROR_NONE}, cause = result->error;

        if (cause.class == AWS_ERROR_NONE &&
            sts_parse_assume_role(result->body, result->body_len, &credentials) < 0)
                aws_error_set(&cause, AWS_ERROR_PROTOCOL, "MalformedAnswer",
                              "the answer of STS holds no credentials");
        if (!credentials)
                describe(f->owner->role_arn, &cause, &error);

        f->call = NULL;
        userdata = f->userdata;
        role_cancel(f);
        callback(userdata, credentials, credentials ? NULL : &error);
}

static CredFetch *role_fetch(CredSource *source, CredCallback callback, void *userdata)
{
        RoleSource *s = (RoleSource *)source;
        CredFetch *f = mem_new0(CredFetch);
        _cleanup_aws_request_ AwsRequest request = {0};

        *f = (CredFetch){.owner = s, .callback = callback, .userdata = userdata};
        sts_request_assume_role(
                &(AssumeRole){
                        .region = s->region,
                        .role_arn = s->role_arn,
                        .session_name = s->session_name,
                        .external_id = s->external_id,
                        .duration_sec = s->duration_sec,
                },
                &request);
        f->call = aws_call_start(s->client, &request,
                                 &(AwsCallOptions){
                                         .retry = RETRY_STANDARD,
                                         .deadline_usec = DEADLINE_USEC,
                                         .body_max = BODY_MAX,
                                         .urgent = true,
                                 },
                                 on_result, f);
        return f;
}

static CredSource *role_free(CredSource *source)
{
        RoleSource *s = (RoleSource *)source;

        free(s->region);
        free(s->role_arn);
        free(s->external_id);
        free(s->session_name);
        free(s);
        return NULL;
}

int cred_source_new_assume_role(const CredAssumeRoleOptions *o, CredSource **ret)
{
        Arn arn;
        const char *text;

        if (arn_parse_role(o->role_arn, &arn, &text) < 0 || isempty(o->region) ||
            isempty(o->session_name))
                return -EINVAL;

        RoleSource *s = mem_new0(RoleSource);
        *s = (RoleSource){
                .source = {.name = "assume-role",
                           .fetch = role_fetch,
                           .cancel = role_cancel,
                           .free = role_free},
                .client = o->client,
                .region = mem_strdup(o->region),
                .role_arn = mem_strdup(o->role_arn),
                .external_id = isempty(o->external_id) ? NULL : mem_strdup(o->external_id),
                .session_name = mem_strdup(o->session_name),
                .duration_sec = o->duration_sec > 0 ? o->duration_sec : DURATION_DEFAULT_SEC,
        };
        *ret = &s->source;
        return 0;
}
