/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What went wrong with a call, as a plain value. Decisions read the class, never a string. */

#include <errno.h>
#include <jansson.h>

#include "base/macro.h"

typedef enum AwsErrorClass {
        AWS_ERROR_NONE,        /* success */
        AWS_ERROR_THROTTLED,   /* the service asks for fewer calls */
        AWS_ERROR_TRANSIENT,   /* 5xx, conflicts: the same call may work later */
        AWS_ERROR_NETWORK,     /* no complete answer: resolve, connect, TLS, reset, time-out */
        AWS_ERROR_CREDENTIALS, /* none to be had, or expired and not renewable yet */
        AWS_ERROR_EXPIRED,     /* the service calls these credentials expired or unknown */
        AWS_ERROR_CLOCK,       /* signature or date refused: likely clock skew */
        AWS_ERROR_DENIED,      /* not authorized */
        AWS_ERROR_NOT_FOUND,   /* the trail or topic does not exist */
        AWS_ERROR_INVALID,     /* refused for good: validation, wrong region, unsupported */
        AWS_ERROR_PROTOCOL,    /* an answer that is none: malformed, truncated, oversized */
        _AWS_ERROR_CLASS_MAX,
        _AWS_ERROR_CLASS_INVALID = -EINVAL,
} AwsErrorClass;

typedef struct AwsError {
        AwsErrorClass class;
        int status;          /* HTTP status; 0 without a complete answer */
        char code[96];       /* the service's ("AccessDeniedException") or our own for failures
                              * below HTTP ("Timeout", "CouldNotResolveHost", ...) */
        char message[512];   /* escaped; the service's or our own words */
        char request_id[80]; /* x-amzn-requestid; "" when there was none */
} AwsError;

const char *aws_error_class_to_string(AwsErrorClass c); /* "throttled", "denied", ... */
AwsErrorClass aws_error_class_from_string(const char *s);

/* Class of a service's answer, by code first and status second. */
AwsErrorClass aws_error_classify(const char *code, int status);

/* What the headers of an answer say of its error; NULL or "" where they do not. */
typedef struct AwsErrorHeaders {
        const char *error_type;  /* X-Amzn-Errortype */
        const char *query_error; /* x-amzn-query-error, of a service that had the Query protocol */
        const char *request_id;
} AwsErrorHeaders;

/* Fills *ret from an error answer; never fails. JSON protocol: query_error, else error_type, else
 * the body's `code` or `__type`, each the part after '#' and before ':'. Query protocol, and other
 * XML: <Code>, <Message> and <RequestId>, wherever they stand.
 * A body that has neither code nor message is not AWS's: code "HTTP <status>", its first 200
 * characters for a message, and class PROTOCOL where the status alone would say DENIED or INVALID.
 */
void aws_error_from_json(int status, const char *body, size_t len, const AwsErrorHeaders *h,
                         AwsError *ret);
void aws_error_from_xml(int status, const char *body, size_t len, const char *request_id,
                        AwsError *ret);

/* As a member of a file of ours: {"class", "status", "code", "message", "request_id"}, a new
 * reference; null for class NONE, which is also what anything else is read as. */
json_t *aws_error_to_value(const AwsError *e);
void aws_error_from_value(const json_t *value, AwsError *ret);

/* Of our own: nobody listened, for nothing ran; the message says so whole. */
#define AWS_ERROR_CODE_DID_NOT_RUN "DidNotRun"

/* An error of our own making; message is a printf format. */
void aws_error_set(AwsError *ret, AwsErrorClass class, const char *code, const char *fmt, ...)
        _printf_(4, 5);
