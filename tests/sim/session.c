/* SPDX-License-Identifier: Apache-2.0 */

#include "session.h"

#include <stdio.h>

#include "base/mem.h"
#include "whole.h"

#define SECRET "wJalrNEVERTOBESEEN" /* the beginning of every secret key */
#define STATIC_KEY "AKIAENVIRONMENT00000"

/* The metadata service has new ones this long before the end of the old. */
#define RENEW_BEFORE_MSEC (5 * MSEC_PER_MINUTE)

Session *session_new(World *w)
{
        Sessions *all = &w->whole->sessions;
        Session *s = mem_push0(all->items, all->n);

        (void)snprintf(s->key, sizeof(s->key), "ASIASESSION%09zu", all->n);
        (void)snprintf(s->secret, sizeof(s->secret), SECRET "%022zu", all->n);
        (void)snprintf(s->token, sizeof(s->token), "token-%zu", all->n);
        s->issued_usec = w->now_usec;
        s->expiry_msec = world_aws_msec(w) + all->lifetime_msec;
        return s;
}

static bool is_revoked(const World *w, const Session *s)
{
        for (size_t i = 0; i < w->n_faults; i++)
                if (w->faults[i].kind == FAULT_SESSION_REVOKED &&
                    w->faults[i].from_usec <= w->now_usec &&
                    s->issued_usec < w->faults[i].from_usec)
                        return true;
        return false;
}

const Session *session_of_instance(World *w)
{
        Sessions *all = &w->whole->sessions;
        const Session *s = all->instance ? &all->items[all->instance - 1] : NULL;

        if (s && (world_has_fault(w, FAULT_IMDS_EXPIRED, SIZE_MAX) ||
                  (s->expiry_msec - world_aws_msec(w) > RENEW_BEFORE_MSEC && !is_revoked(w, s))))
                return s;
        s = session_new(w);
        all->instance = all->n;
        world_trace(w, "aws: session %zu, until %+.0f s", all->n,
                    (double)(s->expiry_msec - SIM_EPOCH_MSEC) / 1000);
        return s;
}

SessionVerdict session_judge(World *w, const char *key, const char *token)
{
        const Sessions *all = &w->whole->sessions;

        if (strcmp(key, STATIC_KEY) == 0)
                return SESSION_GOOD;
        for (size_t i = 0; i < all->n; i++) {
                const Session *s = &all->items[i];

                if (strcmp(s->key, key) != 0)
                        continue;
                if (strcmp(s->token, token) != 0)
                        world_violation(w, "the key of one session is used with another's token");
                if (is_revoked(w, s))
                        return SESSION_REVOKED;
                if (world_aws_msec(w) < s->expiry_msec)
                        return SESSION_GOOD;
                return all->stable && world_has_fault(w, FAULT_IMDS_EXPIRED, SIZE_MAX)
                               ? SESSION_GOOD
                               : SESSION_EXPIRED;
        }
        return SESSION_UNKNOWN;
}

bool session_is_leaked(const World *w, const char *text)
{
        return strstr(text, SECRET) != NULL;
}

const char *session_environ(const char *name)
{
        if (strcmp(name, "AWS_ACCESS_KEY_ID") == 0)
                return STATIC_KEY;
        if (strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0)
                return SECRET "0000000000000000000000";
        return NULL;
}
