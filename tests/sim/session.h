/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Credentials as AWS sees them: sessions that are handed out, used, expire and are revoked. */

#include "world.h"

typedef struct Session {
        char key[24];
        char secret[48];
        char token[32];
        int64_t expiry_msec; /* by AWS's clock */
        uint64_t issued_usec;
} Session;

typedef enum SessionVerdict {
        SESSION_GOOD,
        SESSION_UNKNOWN,
        SESSION_EXPIRED,
        SESSION_REVOKED,
} SessionVerdict;

typedef struct Sessions {
        Session *items;
        size_t n;
        size_t instance; /* what the metadata service hands out, plus one */
        int64_t lifetime_msec;
        bool stable; /* the services take what the metadata service could not renew */
} Sessions;

Session *session_new(World *w); /* valid until the next one */
/* Of the instance's role, renewed where the metadata service can. */
const Session *session_of_instance(World *w);
SessionVerdict session_judge(World *w, const char *key, const char *token);
/* Whether a secret key is in a text that leaves the machine. */
bool session_is_leaked(const World *w, const char *text);
/* Keys without an end, for the environment. */
const char *session_environ(const char *name);
