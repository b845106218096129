/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The clients that a configuration asks for, one an account: 0 is the base credentials (where the
 * chain of net/credchain.h finds them), each further one a role assumed on top of them. Shared by
 * the daemon and the command. */

#include "daemon/awssettings.h"
#include "daemon/conf.h"
#include "net/client.h"

typedef struct Accounts Accounts;

typedef struct AccountsOptions {
        const Conf *conf;            /* borrowed for the duration of accounts_new() */
        const AwsSettings *settings; /* the same */
        NetEnv *env;                 /* borrowed, outlives the clients */
        const char *hostname;        /* for the name of the sessions; copied */
} AccountsOptions;

/* No call is made. 0, 1 or -errno as cred_source_new_chain(); unless 0, *reterr_text, owned, says
 * what to do. */
int accounts_new(const AccountsOptions *o, Accounts **ret, char **reterr_text) _must_check_;
Accounts *accounts_free(Accounts *a); /* no call may be in flight */
DEFINE_CLEANUP(Accounts *, accounts_free)

size_t accounts_count(const Accounts *a); /* as Conf.n_accounts */
/* Client and region of account i, as in Conf.accounts; borrowed. */
AwsClient *accounts_client(const Accounts *a, size_t i);
const char *accounts_region(const Accounts *a, size_t i);

/* "trailsentry-<hostname>" within [A-Za-z0-9_+=,.@-]{2,64}; owned. */
char *accounts_session_name(const char *hostname);
