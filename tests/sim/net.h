/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The network between the guard's client and the scripted AWS: a NetEnv and an HttpTransport on
 * the world's clock and in its queue. Bytes arrive, late, not at all, or after their sender has
 * stopped waiting. */

#include "net/env.h"
#include "guard.h"

typedef struct SimNet {
        NetEnv env; /* first */
        HttpTransport http;
        World *world;
        size_t n_timers; /* that the client holds */
        size_t n_calls;
} SimNet;

void net_init(SimNet *n, World *w);

/* What AWS is asked, and what it answers. */
typedef struct SimRequest {
        char *method;
        char *host;
        char *path;
        char *headers; /* "name: value\n" each */
        char *body;
} SimRequest;

typedef struct SimReply {
        int status;
        bool silent; /* it has happened, and nobody hears of it */
        char *body;
        char request_id[40];
        char retry_after[16];
        char incident[33]; /* of the message that came with the request, */
        unsigned sequence;
        size_t topic;
} SimReply;

/* service.c */
void service_answer(World *w, const SimRequest *q, SimReply *ret);
/* Value of a header, borrowed until the next call; "" when it is not there. */
const char *service_header(const SimRequest *q, const char *name);
