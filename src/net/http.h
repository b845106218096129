/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* HTTP as the client sees it: plain structs and a vtable. httpcurl.c is the one implementation
 * that knows libcurl; tests bring their own.
 *
 * Asynchronous pattern of the whole floor: a slot owns the work. Starting never calls back from
 * inside; the callback fires at most once, and the slot is gone before it runs, so its owner
 * forgets the pointer first. Cancelling frees the slot; nothing fires after cancel. A callback may
 * start, cancel and free whatever it likes, the object it was started on included. */

#include "aws/awserror.h"
#include "base/strbuf.h"

typedef struct HttpHeader {
        const char *name;
        const char *value;
} HttpHeader;

typedef enum HttpPolicy {
        HTTP_POLICY_SERVICE,   /* https, or plain http to a loopback address; proxy honoured */
        HTTP_POLICY_METADATA,  /* plain http to loopback or a metadata address; never a proxy */
        HTTP_POLICY_CONTAINER, /* https, or plain http to loopback or an address of a container's
                                * credentials; never a proxy */
} HttpPolicy;

/* Everything borrowed for the duration of start(). */
typedef struct HttpRequest {
        const char *method;
        const char *url;
        const HttpHeader *headers;
        size_t n_headers;
        const void *body;
        size_t body_len;
        HttpPolicy policy;
        uint64_t connect_timeout_usec;
        uint64_t timeout_usec; /* whole call, waiting for a connection included */
        size_t body_max;       /* bytes of answer accepted, 0 for 1 MiB */
        bool urgent;           /* does not queue behind what is not: StartLogging, credentials */
} HttpRequest;

typedef struct HttpResponse {
        int status;
        StrBuf body;
        int64_t received_msec; /* wall clock when the answer was complete */
        /* Headers that somebody reads, "" when absent. */
        char date[64];
        char request_id[80];   /* x-amzn-requestid, or x-amz-request-id */
        char error_type[192];  /* x-amzn-errortype */
        char query_error[128]; /* x-amzn-query-error */
        char retry_after[32];  /* x-amz-retry-after, ms */
} HttpResponse;

typedef struct HttpCall HttpCall;

/* Either response (complete, any status) or error (class NETWORK or PROTOCOL) is given, the
 * other is NULL. Both are borrowed and gone after the callback. */
typedef void (*HttpCallback)(void *userdata, const HttpResponse *response, const AwsError *error);

typedef struct HttpTransport HttpTransport;
struct HttpTransport {
        /* 0, or -errno with nothing started: -EPERM when the policy forbids the URL. */
        int (*start)(HttpTransport *t, const HttpRequest *request, HttpCallback callback,
                     void *userdata, HttpCall **ret_call);
        void (*cancel)(HttpCall *call); /* takes NULL */
};
