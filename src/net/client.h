/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The AWS client: credentials, sign, send, classify, retry, refresh. One AwsClient an account
 * (credentials); it keeps signing keys, retry quotas and endpoints per region and service, and the
 * clock skew, which is our clock's. What it acts upon by itself, once a call and whatever the retry
 * mode: credentials that the service calls expired, a denial (a revoked session looks like one), a
 * clock that the service refuses, and when our clock is not it, a signature that is wrong. */

#include "aws/request.h"
#include "aws/retry.h"
#include "net/credsource.h"

typedef struct AwsClient AwsClient;

typedef struct AwsClientOptions {
        NetEnv *env;            /* borrowed, outlives the client */
        CredSource *source;     /* taken; NULL: calls go unsigned */
        const char *user_agent; /* copied: "trailsentry/0.1.0" */
        /* Custom URLs by AwsService, as EndpointParams.custom; copied. NULL, all or one: AWS's. */
        const char *const *endpoints;
        bool fips;
        bool dual_stack;
} AwsClientOptions;

AwsClient *aws_client_new(const AwsClientOptions *o);
AwsClient *aws_client_free(AwsClient *c); /* no call may be in flight */
DEFINE_CLEANUP(AwsClient *, aws_client_free)

/* How one call ended. Borrowed, gone after the callback. error.class NONE is success; error
 * carries status and request_id in both cases. */
typedef struct AwsResult {
        AwsError error;
        const char *body; /* NULL unless success */
        size_t body_len;
        int attempts;
        bool maybe_done;   /* an attempt before the last may have taken effect: nothing says */
        int64_t date_msec; /* when AWS answered, by its own clock; 0 when it did not */
} AwsResult;

typedef void (*AwsCallback)(void *userdata, const AwsResult *result);

typedef struct AwsCallOptions {
        RetryMode retry;
        uint64_t attempt_timeout_usec; /* one attempt; 0 for 5 s */
        uint64_t deadline_usec;        /* everything, credentials and back-off too; 0 for 30 s */
        size_t body_max;               /* 0 for 1 MiB */
        bool urgent;                   /* as in http.h: StartLogging, and what it may wait for */
        bool answer_unread;            /* success is all that is asked: only when AWS says it */
} AwsCallOptions;

typedef struct AwsCall AwsCall;

/* Takes the content of request (left empty); never NULL. When credentials are at hand the first
 * attempt is handed to the transport before this returns (promise 1). Pattern of http.h; the call
 * ends by its deadline whatever happens. */
AwsCall *aws_call_start(AwsClient *c, AwsRequest *request, const AwsCallOptions *options,
                        AwsCallback callback, void *userdata);
AwsCall *aws_call_cancel(AwsCall *call); /* takes NULL, returns NULL */
DEFINE_CLEANUP(AwsCall *, aws_call_cancel)

CredCache *aws_client_credentials(AwsClient *c); /* borrowed, for status; NULL without a source */

/* Offset of AWS's clock from ours in ms as learnt from answers, 0 while it does not matter. */
int64_t aws_client_clock_skew_msec(const AwsClient *c);

typedef struct CredAssumeRoleOptions {
        /* Whose credentials assume the role; without a source of its own for a web identity. */
        AwsClient *client;
        bool client_taken; /* freed with the source, also when there is none; else it outlives it */
        NetEnv *env;
        const char *region;
        const char *role_arn;
        const char *external_id;    /* NULL for none */
        const char *web_token_file; /* NULL, or: the web identity in it, read at each fetch */
        const char *session_name;
        int duration_sec; /* 0 for 3600, the most that role chaining allows */
} CredAssumeRoleOptions;

/* AssumeRole, or AssumeRoleWithWebIdentity; copies its options. */
CredSource *cred_source_new_assume_role(const CredAssumeRoleOptions *o);
