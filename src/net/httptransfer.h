/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One HTTP transfer on a libcurl easy handle: options, policy, what comes in, what went wrong.
 * The inner half of httpcurl.c, which alone includes it. */

#include <curl/curl.h>

#include "net/http.h"

/* Borrowed. All NULL: no proxy. */
typedef struct HttpProxy {
        const char *url;
        const char *shown; /* as proxy_parse() has it */
        const char *exempt;
} HttpProxy;

typedef struct HttpTransfer {
        char *host;        /* of the URL */
        char *peer;        /* host, and the proxy on the way to it: for messages */
        const char *proxy; /* the proxy alone, as it is shown; NULL: there is none on this way */
        HttpPolicy policy;
        bool plain;   /* the URL is http, not https */
        bool refused; /* an address was not dialled because of the policy */
        uint64_t connect_timeout_usec;
        uint64_t timeout_usec;
        struct curl_slist *headers;
        StrBuf body; /* may hold a web identity */
        size_t header_bytes;
        HttpResponse response;
        char reason[CURL_ERROR_SIZE]; /* libcurl's words */
} HttpTransfer;

/* A handle with everything set that is the same for every transfer: a new one, or one that has
 * been through http_transfer_done() (taken). NULL when libcurl cannot. */
CURL *http_transfer_set_up_easy(CURL *used, const char *ca_file);

/* Sets on easy what differs from one transfer to the next, so that handles can be used again.
 * transfer is zeroed before and stays at its address until http_transfer_done(). -EPERM when the
 * policy forbids the URL, -EINVAL when URL, method or a header is malformed, -ENOMEM. */
int http_transfer_prepare(HttpTransfer *transfer, CURL *easy, const HttpRequest *request,
                          const HttpProxy *proxy) _must_check_;

/* How it ended: *ret of class NONE when the response is complete. CURLE_AGAIN stands for a transfer
 * that never got its turn. */
void http_transfer_outcome(HttpTransfer *transfer, CURL *easy, CURLcode code, AwsError *ret);

/* Frees and cleanses, and lets go of easy. */
void http_transfer_done(HttpTransfer *transfer, CURL *easy);
