/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the fetches of all sources have in common; a source with more to remember puts it behind.
 * The owner of a fetch is whoever started it, until it is over or cancelled. */

#include "net/credsource.h"

struct CredFetch {
        CredSource *source;
        NetEnv *env;
        CredCallback callback;
        void *userdata;

        AwsError error;              /* why it has failed, or may */
        AwsCredentials *credentials; /* to be told in the next turn of the loop; NULL: the error */
        NetTimer *timer;

        /* Of those that ask a service of the machine: starts one request; below 0, error is set. */
        int (*ask)(CredFetch *f);
        HttpCall *http;
        int attempts;
};

/* Cancels what is above and frees; takes NULL. The cancel of a source that has no more. */
void cred_fetch_free(CredFetch *f);

/* Cancels it, as its source does, then calls back; credentials, borrowed, NULL: f->error says why.
 */
void cred_fetch_finish(CredFetch *f, AwsCredentials *credentials);
/* The same with f->credentials and f->error, in the next turn of the loop. */
void cred_fetch_finish_soon(CredFetch *f);

void cred_fetch_ask(CredFetch *f);
/* f->error has been set: asks again after 125 to 250 ms, doubling, or gives up. */
void cred_fetch_ask_again(CredFetch *f, int attempts_max);
