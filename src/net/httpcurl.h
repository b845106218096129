/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The transport on libcurl's multi socket interface and sd-event: the one file that knows either
 * on this floor. */

#include <systemd/sd-event.h>

#include "net/env.h"

typedef struct HttpCurlOptions {
        sd_event *event;     /* reference taken */
        const char *ca_file; /* copied; NULL for the system's bundle */
        const char *proxy;   /* copied; NULL: https_proxy, HTTPS_PROXY and no_proxy are honoured */
        unsigned connections_max; /* 0 for 32 */
} HttpCurlOptions;

/* -EINVAL when the CA file cannot be read as certificates (said in *reterr_text, owned). */
int http_curl_new(const HttpCurlOptions *o, HttpTransport **ret, char **reterr_text) _must_check_;
HttpTransport *http_curl_free(HttpTransport *t);
DEFINE_CLEANUP(HttpTransport *, http_curl_free)

/* A NetEnv on the same loop: CLOCK_BOOTTIME, CLOCK_REALTIME, sd-event timers, getrandom(). */
NetEnv *net_env_new_event(sd_event *event, HttpTransport *http);
NetEnv *net_env_free_event(NetEnv *e);
DEFINE_CLEANUP(NetEnv *, net_env_free_event)
