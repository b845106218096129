/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The one place that takes URIs apart and percent-encodes (RFC 3986). */

#include "base/strbuf.h"

typedef struct Uri {
        char *scheme;  /* lower case */
        char *host;    /* lower case; an IPv6 literal without its brackets */
        uint16_t port; /* 0: the scheme's own */
        char *path;    /* starts with '/'; never NULL */
        char *query;   /* without '?'; NULL when there is none */
} Uri;

/* Only absolute http and https URIs without user information or fragment. -EINVAL. */
int uri_parse(const char *s, Uri *ret) _must_check_;
void uri_done(Uri *u);
#define _cleanup_uri_ _cleanup_(uri_done)

typedef enum UriEncode {
        URI_ENCODE_ALL,        /* everything but the unreserved characters */
        URI_ENCODE_KEEP_SLASH, /* the same, '/' kept: for paths */
} UriEncode;

void uri_encode(StrBuf *b, const char *s, size_t n, UriEncode how);

/* Adds "key=value", both encoded, with '&' before it unless b is empty: the
 * application/x-www-form-urlencoded body of AWS's Query services. A NULL value adds nothing. */
void uri_form_add(StrBuf *b, const char *key, const char *value);

/* Whether a host (name or literal, as in Uri.host) is a literal loopback address or "localhost"
 * or a name below it; whether it is a literal address of instance metadata (169.254.169.254,
 * fd00:ec2::254); one of a container's credentials (169.254.170.2, 169.254.170.23,
 * fd00:ec2::23). Names are never resolved. */
bool uri_host_is_loopback(const char *host);
bool uri_host_is_metadata(const char *host);
bool uri_host_is_container(const char *host);
