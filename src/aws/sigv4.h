/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* AWS Signature Version 4, header form, each stage apart so that each can be tested apart.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */

#include "aws/credentials.h"
#include "aws/digest.h"
#include "base/strbuf.h"

typedef struct SigV4Header {
        const char *name;
        const char *value;
} SigV4Header;

/* What is to be signed; everything borrowed. The caller lists its own headers, Host among them;
 * X-Amz-Date, X-Amz-Security-Token and X-Amz-Content-Sha256 are added by the signer. Of the
 * caller's headers all are signed but those that intermediaries change (user-agent,
 * x-amzn-trace-id, connection, expect, authorization, ...). */
typedef struct SigV4Request {
        const char *method;
        const char *path;  /* as it goes on the wire, "/" at least */
        const char *query; /* as it goes on the wire, without '?'; NULL for none */
        const SigV4Header *headers;
        size_t n_headers;
        const void *body;
        size_t body_len;
        const char *region;
        const char *service;
        int64_t time_msec; /* wall clock, corrected for skew by the caller */
        const AwsCredentials *credentials;
        bool keep_path;          /* do not normalise dots and slashes */
        bool encode_once;        /* with keep_path: what is encoded already stays as it is (S3) */
        bool sign_body;          /* add and sign X-Amz-Content-Sha256 */
        bool omit_session_token; /* send the token without signing it */
} SigV4Request;

/* The signing key depends on secret, day, region and service only: kept by the caller between
 * calls (zero-initialise, end with sigv4_key_wipe), derived anew when one of them changes. */
typedef struct SigV4Key {
        Secret *key; /* of DIGEST_SIZE bytes */
        /* Whose secret it was: a reference, since the same access key id may come with another
         * secret once a mistyped one was corrected. NULL when unset. */
        AwsCredentials *credentials;
        char scope[96]; /* "<day>/<region>/<service>/aws4_request" */
} SigV4Key;

/* The headers to send beside the caller's own. */
typedef struct SigV4Signed {
        char date[17];                        /* X-Amz-Date */
        char *authorization;                  /* Authorization, owned */
        char content_sha256[DIGEST_HEX_SIZE]; /* X-Amz-Content-Sha256, "" unless sign_body */
        /* X-Amz-Security-Token is the credentials' own, when they have one. */
} SigV4Signed;

/* Stage 1 and 2. -E2BIG when a cap is hit, -EINVAL on a malformed path or query, without a Host
 * header, or when the caller lists a header that the signer adds. The canonical request holds the
 * session token. */
int sigv4_canonical_request(const SigV4Request *r, StrBuf *b, StrBuf *signed_headers) _must_check_;
int sigv4_string_to_sign(const SigV4Request *r, const char *canonical_request,
                         StrBuf *b) _must_check_;
/* Stage 3. */
int sigv4_signature(const SigV4Request *r, const char *string_to_sign, SigV4Key *key,
                    char ret[static DIGEST_HEX_SIZE]) _must_check_;
/* All of them. key may be NULL. */
int sigv4_sign(const SigV4Request *r, SigV4Key *key, SigV4Signed *ret) _must_check_;

void sigv4_key_wipe(SigV4Key *key);
void sigv4_signed_done(SigV4Signed *s);
