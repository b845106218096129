/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A set of AWS credentials, immutable and reference-counted: calls in flight keep theirs while
 * newer ones are fetched. */

#include "base/secret.h"

typedef struct AwsCredentials {
        unsigned n_ref;
        char *access_key_id;
        Secret *secret_access_key;
        Secret *session_token; /* NULL with long-lived keys */
        int64_t expiry_msec;   /* wall clock; INT64_MAX when they do not expire */
        char *account_id;      /* 12 digits, or NULL when the source did not say; whoever made
                                * the set may store it before handing it on */
} AwsCredentials;

/* Copies. session_token may be NULL or "" (then absent); expiry_msec 0 means never. -EINVAL when
 * a key is missing or any value holds anything but graphic ASCII. */
int aws_credentials_new(const char *access_key_id, const char *secret_access_key,
                        const char *session_token, int64_t expiry_msec,
                        AwsCredentials **ret) _must_check_;
AwsCredentials *aws_credentials_ref(AwsCredentials *c);
AwsCredentials *aws_credentials_unref(AwsCredentials *c);
DEFINE_CLEANUP(AwsCredentials *, aws_credentials_unref)
