/* SPDX-License-Identifier: Apache-2.0 */
/* Static keys from the environment, read once when the source is made.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-static-credentials.html */

#include "base/mem.h"
#include "net/credsource.h"

typedef struct EnvSource {
        CredSource source; /* first: a CredSource is cast back to us */
        NetEnv *env;
        AwsCredentials *credentials;
} EnvSource;

struct CredFetch {
        EnvSource *owner;
        NetTimer *timer;
        CredCallback callback;
        void *userdata;
};

static void env_cancel(CredFetch *f)
{
        if (!f)
                return;
        f->owner->env->timer_cancel(f->timer);
        free(f);
}

static void on_turn(void *userdata)
{
        CredFetch *f = userdata;
        CredCallback callback = f->callback;
        _cleanup_(aws_credentials_unrefp) AwsCredentials *credentials =
                aws_credentials_ref(f->owner->credentials);

        f->timer = NULL;
        userdata = f->userdata;
        env_cancel(f);
        callback(userdata, credentials, NULL);
}

static CredFetch *env_fetch(CredSource *source, CredCallback callback, void *userdata)
{
        EnvSource *s = (EnvSource *)source;
        CredFetch *f = mem_new0(CredFetch);

        *f = (CredFetch){.owner = s, .callback = callback, .userdata = userdata};
        f->timer = s->env->timer_start(s->env, 0, on_turn, f);
        return f;
}

static CredSource *env_free(CredSource *source)
{
        EnvSource *s = (EnvSource *)source;

        aws_credentials_unref(s->credentials);
        free(s);
        return NULL;
}

int cred_source_new_environment(NetEnv *env, const char *(*get)(const char *name), CredSource **ret,
                                const char **reterr_text)
{
        const char *id = get("AWS_ACCESS_KEY_ID"), *secret = get("AWS_SECRET_ACCESS_KEY");
        const char *token = get("AWS_SESSION_TOKEN");
        AwsCredentials *credentials;

        if (isempty(id) && isempty(secret))
                return -ENXIO;
        if (isempty(id) || isempty(secret)) {
                *reterr_text = isempty(id)
                                       ? "AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not"
                                       : "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not";
                return -EINVAL;
        }
        if (aws_credentials_new(id, secret, token, 0, &credentials) < 0) {
                *reterr_text = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN "
                               "holds a space or a control character";
                return -EINVAL;
        }

        EnvSource *s = mem_new0(EnvSource);
        *s = (EnvSource){
                .source = {.name = "environment",
                           .fetch = env_fetch,
                           .cancel = env_cancel,
                           .free = env_free},
                .env = env,
                .credentials = credentials,
        };
        *ret = &s->source;
        return 0;
}
