/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The transport on libcurl's multi socket interface and sd-event, and a NetEnv on the same loop.
 * The program ignores SIGPIPE: libcurl does not with CURLOPT_NOSIGNAL. */

#include <systemd/sd-event.h>

#include "net/env.h"

typedef struct HttpCurlOptions {
        sd_event *event;     /* reference taken */
        const char *ca_file; /* copied; NULL for the system's bundle */
        /* Copied. Of https calls under HTTP_POLICY_SERVICE alone; forms as in proxy.h, NULL for
         * none. The environment is not looked at. */
        const char *proxy;
        const char *no_proxy;
        /* Calls under way at once; further ones wait in line. A quarter is kept for urgent calls,
         * and one host never gets more than a quarter, so that a hanging region does not stand in
         * the others' way. 0 for 32. */
        unsigned connections_max;
} HttpCurlOptions;

/* -EINVAL when the CA file cannot be read as certificates or the proxy is none (said in
 * *reterr_text, owned). */
int http_curl_new(const HttpCurlOptions *o, HttpTransport **ret, char **reterr_text) _must_check_;
HttpTransport *http_curl_free(HttpTransport *t); /* no call may be in flight */
DEFINE_CLEANUP(HttpTransport *, http_curl_free)

/* CLOCK_BOOTTIME, CLOCK_REALTIME, sd-event timers, getrandom(). */
NetEnv *net_env_new_event(sd_event *event, HttpTransport *http);
NetEnv *net_env_free_event(NetEnv *e);
DEFINE_CLEANUP(NetEnv *, net_env_free_event)
