/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The way to AWS that one configuration describes: HTTP, clocks and timers, and a client for each
 * account. When the configuration is read again and describes another, calls that are under way
 * end on the one that they began with. */

#include <sys/stat.h>

#include "daemon/accounts.h"
#include "net/httpcurl.h"

typedef struct Network Network;
struct Network {
        HttpTransport *http;
        NetEnv *env;
        Accounts *accounts;
        AwsSettings *settings;
        struct stat ca_file; /* as it was read; zero without one */
        size_t n_calls;      /* of the daemon, under way on it */
        Network *next;       /* older one that still has calls */
};

typedef struct NetworkOptions {
        sd_event *event; /* reference taken */
        const Conf *conf;
        const char *hostname;
} NetworkOptions;

/* Reads the environment. No call is made. 0, or 1 when there are no credentials yet, or -errno as
 * accounts_new() and http_curl_new(); *reterr_text, owned, unless 0. */
int network_new(const NetworkOptions *o, Network **ret, char **reterr_text) _must_check_;
Network *network_free(Network *n); /* no call of the daemon's is under way; takes NULL */
DEFINE_CLEANUP(Network *, network_free)

/* Whether both lead the same way, so that connections and credentials can be kept. */
bool network_fits(const Network *n, const Conf *n_conf, const Network *m, const Conf *m_conf);
