/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as they are given, and those of the environment.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-static-credentials.html */

#include "aws/arn.h"
#include "base/mem.h"
#include "net/credfetch.h"

typedef struct KeysSource {
        CredSource source; /* first: a CredSource is cast back to us */
        NetEnv *env;
        AwsCredentials *credentials;
} KeysSource;

static CredFetch *keys_fetch(CredSource *source, CredCallback callback, void *userdata)
{
        KeysSource *s = (KeysSource *)source;
        CredFetch *f = mem_new0(CredFetch);

        *f = (CredFetch){.source = source,
                         .env = s->env,
                         .callback = callback,
                         .userdata = userdata,
                         .credentials = aws_credentials_ref(s->credentials)};
        cred_fetch_finish_soon(f);
        return f;
}

static CredSource *keys_free(CredSource *source)
{
        KeysSource *s = (KeysSource *)source;

        aws_credentials_unref(s->credentials);
        free(s);
        return NULL;
}

int cred_source_new_keys(NetEnv *env, const CredKeys *k, CredSource **ret, char **reterr_text)
{
        AwsCredentials *credentials;

        if (isempty(k->id) && isempty(k->secret))
                return -ENXIO;
        if (isempty(k->id) || isempty(k->secret)) {
                *reterr_text = mem_printf("%s: %s is set, %s is not", k->where,
                                          isempty(k->id) ? k->secret_name : k->id_name,
                                          isempty(k->id) ? k->id_name : k->secret_name);
                return -EINVAL;
        }
        if (aws_credentials_new(k->id, k->secret, k->token, 0, &credentials) < 0) {
                *reterr_text = mem_printf("%s: %s, %s or %s holds a space or a control character",
                                          k->where, k->id_name, k->secret_name, k->token_name);
                return -EINVAL;
        }
        if (k->account && arn_account_is_valid(k->account))
                credentials->account_id = mem_strdup(k->account);

        KeysSource *s = mem_new0(KeysSource);
        *s = (KeysSource){
                .source = {.name = "keys",
                           .fetch = keys_fetch,
                           .cancel = cred_fetch_free,
                           .free = keys_free},
                .env = env,
                .credentials = credentials,
        };
        *ret = &s->source;
        return 0;
}

const char *cred_environ(NetEnv *env, const char *name)
{
        const char *value = env->environ_get(env, name);

        return value && value[strspn(value, " \t\r\n")] ? value : NULL;
}

int cred_source_new_environment(NetEnv *env, CredSource **ret, char **reterr_text)
{
        int r = cred_source_new_keys(env,
                                     &(CredKeys){
                                             .where = "environment",
                                             .id_name = "AWS_ACCESS_KEY_ID",
                                             .secret_name = "AWS_SECRET_ACCESS_KEY",
                                             .token_name = "AWS_SESSION_TOKEN",
                                             .id = cred_environ(env, "AWS_ACCESS_KEY_ID"),
                                             .secret = cred_environ(env, "AWS_SECRET_ACCESS_KEY"),
                                             .token = cred_environ(env, "AWS_SESSION_TOKEN"),
                                             .account = cred_environ(env, "AWS_ACCOUNT_ID"),
                                     },
                                     ret, reterr_text);

        if (r >= 0)
                (*ret)->name = "environment";
        return r;
}
