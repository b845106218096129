/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where credentials come from. A CredSource is one origin (keys, a program, a metadata service,
 * AssumeRole on top of another client); CredCache in front of it keeps them fresh and shares one
 * fetch among all who wait. credchain.h chooses among the origins. */

#include "aws/credentials.h"
#include "net/env.h"

typedef void (*CredCallback)(void *userdata, AwsCredentials *credentials, const AwsError *error);

typedef struct CredFetch CredFetch;
typedef struct CredSource CredSource;
struct CredSource {
        const char *name; /* "environment", "imds", "profile guard -> role ARN" */
        /* Starts one fetch, never NULL; pattern of http.h. On success the callback borrows
         * credentials (ref to keep them), else error (class CREDENTIALS) says why. Ends by itself
         * within seconds. */
        CredFetch *(*fetch)(CredSource *s, CredCallback callback, void *userdata);
        void (*cancel)(CredFetch *f); /* takes NULL */
        CredSource *(*free)(CredSource *s);
};

CredSource *cred_source_free(CredSource *s);
DEFINE_CLEANUP(CredSource *, cred_source_free)

/* A variable of the environment; NULL when it is unset or blank. */
const char *cred_environ(NetEnv *env, const char *name);

/* Keys as they are given; each value may be NULL. */
typedef struct CredKeys {
        const char *where;                              /* "environment", for errors */
        const char *id_name, *secret_name, *token_name; /* what they are called there, likewise */
        const char *id, *secret, *token, *account;
} CredKeys;

/* All that follow: -ENXIO when there is no such origin, -EINVAL when there is a mistake in it;
 * *reterr_text, owned, says which. */
int cred_source_new_keys(NetEnv *env, const CredKeys *keys, CredSource **ret,
                         char **reterr_text) _must_check_;

/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_ACCOUNT_ID. */
int cred_source_new_environment(NetEnv *env, CredSource **ret, char **reterr_text) _must_check_;

/* The container's endpoint for credentials (ECS, EKS), as AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
 * or AWS_CONTAINER_CREDENTIALS_FULL_URI say. */
int cred_source_new_container(NetEnv *env, CredSource **ret, char **reterr_text) _must_check_;

/* A credential_process; account, which may be NULL, is for a program that does not say it. */
int cred_source_new_process(NetEnv *env, const char *command, const char *account, CredSource **ret,
                            char **reterr_text) _must_check_;

/* IMDSv2, never v1, where AWS_EC2_METADATA_SERVICE_ENDPOINT and ..._ENDPOINT_MODE say, else these
 * two, which may be NULL; -ENXIO when AWS_EC2_METADATA_DISABLED is "true". */
int cred_source_new_imds(NetEnv *env, const char *endpoint, const char *mode, CredSource **ret,
                         char **reterr_text) _must_check_;

typedef struct CredCache CredCache;

/* Takes source. */
CredCache *cred_cache_new(NetEnv *env, CredSource *source);
CredCache *cred_cache_free(CredCache *c);
DEFINE_CLEANUP(CredCache *, cred_cache_free)

typedef struct CredWait CredWait;

/* Calls back with credentials that can be used: in the next turn of the loop when they are at
 * hand, after a fetch when there are none or the service refused them, and with an error while an
 * earlier fetch has failed and it is too early for the next. From 15 min before expiry they are
 * renewed in the background while the old ones go on being used (when their lifetime is shorter,
 * from its last quarter); when the origin hands out expired ones or fails, what is there stays in
 * use, past its expiry too (static stability). The next try is then after 10 to 15 min, or 1 to
 * 30 s, doubling, while there is nothing that works. Pattern of http.h. */
CredWait *cred_cache_get(CredCache *c, CredCallback callback, void *userdata);
void cred_cache_cancel(CredWait *w); /* takes NULL */

/* The credentials at hand when they can be used without waiting, borrowed; else NULL. Starts the
 * background renewal when it is due. */
AwsCredentials *cred_cache_peek(CredCache *c);

/* The service refused these: fetches anew, but for the next 10 s not again, then 20, 40 ... 180 s;
 * from 10 s again after 6 minutes without a refusal. Returns whether newer ones can be expected
 * from cred_cache_get(). Calls that do not care go on with the old ones. */
bool cred_cache_refused(CredCache *c, const AwsCredentials *refused);

/* For status and logs. */
typedef struct CredStatus {
        const char *source; /* its name, escaped; borrowed until the next fetch */
        bool usable;
        int64_t expiry_msec; /* 0 when none, INT64_MAX when they do not expire */
        AwsError last_error; /* class NONE when the last fetch succeeded */
} CredStatus;
void cred_cache_status(const CredCache *c, CredStatus *ret);
