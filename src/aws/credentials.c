/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/credentials.h"

#include <errno.h>

#include "base/mem.h"

/* Keys and tokens go into header lines. */
static bool is_graphic(const char *s)
{
        for (; *s; s++)
                if (*s <= ' ' || *s > '~')
                        return false;
        return true;
}

int aws_credentials_new(const char *access_key_id, const char *secret_access_key,
                        const char *session_token, int64_t expiry_msec, AwsCredentials **ret)
{
        if (isempty(access_key_id) || isempty(secret_access_key) || !is_graphic(access_key_id) ||
            !is_graphic(secret_access_key) || !is_graphic(strempty(session_token)))
                return -EINVAL;

        AwsCredentials *c = mem_new0(AwsCredentials);
        *c = (AwsCredentials){
                .n_ref = 1,
                .access_key_id = mem_strdup(access_key_id),
                .secret_access_key = secret_new(secret_access_key, strlen(secret_access_key)),
                .expiry_msec = expiry_msec == 0 ? INT64_MAX : expiry_msec,
        };
        if (!isempty(session_token))
                c->session_token = secret_new(session_token, strlen(session_token));
        *ret = c;
        return 0;
}

AwsCredentials *aws_credentials_ref(AwsCredentials *c)
{
        if (c)
                c->n_ref++;
        return c;
}

AwsCredentials *aws_credentials_unref(AwsCredentials *c)
{
        if (!c)
                return NULL;
        assert(c->n_ref > 0);
        if (--c->n_ref > 0)
                return NULL;
        free(c->access_key_id);
        secret_free(c->secret_access_key);
        secret_free(c->session_token);
        free(c->account_id);
        free(c);
        return NULL;
}
