/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The whole client in a world: the daemon's own calls.c and accounts.c, the clients, caches and
 * sources of credentials behind them, the codecs, and the spool with its folder, all as they are.
 * What stands in for the daemon's loop is the world's queue, for its manager this. */

#include "daemon/internal.h"
#include "net.h"
#include "session.h"

/* Something the core asked for and has not heard of. */
typedef struct Pending {
        InputKind answer;
        size_t trail;
        char incident[33];
        uint64_t batch;
        unsigned sequence;
        char topic[96];
        uint64_t since_usec;
} Pending;

typedef struct Whole {
        Manager manager; /* first; what calls.c uses of it */
        World *world;
        Network network;
        SimNet net;
        ConfAccount accounts[2];
        Conf conf;
        Sessions sessions;
        bool environment; /* keys from there, not from the metadata service */
        size_t n_accounts;
        Pending *pending;
        size_t n_pending;
        char metadata_token[24];
        unsigned n_metadata_tokens;
        unsigned n_starts;     /* StartLogging handed to the transport, in this step */
        uint64_t fetches[128]; /* of credentials: when the last ones began */
        unsigned n_fetches;
        uint64_t n_requests;
        Event *identity; /* when it is asked for next */
        char folder[32];
        int store_result;
        bool stored;
        bool loaded;
} Whole;

void whole_draw(World *w); /* makes the world a whole one */
void whole_free(World *w);
void whole_boot(World *w);
void whole_kill(World *w);
void whole_identify(World *w);
/* As the manager does. */
void whole_carry_out(World *w, const Action *a);
void whole_check_step(World *w); /* when all has been carried out */
void whole_note_request(World *w, const SimRequest *q);
/* Onto the disk, by the spool. */
int whole_store(World *w, Event *e); /* takes its text; -errno */
void whole_archive(World *w, const char *id);
void whole_restore(World *w);
