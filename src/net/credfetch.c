/* SPDX-License-Identifier: Apache-2.0 */
#include "net/credfetch.h"

#define BACKOFF_MIN_USEC (250 * USEC_PER_MSEC)

void cred_fetch_free(CredFetch *f)
{
        if (!f)
                return;
        f->env->http->cancel(f->http);
        f->env->timer_cancel(f->timer);
        aws_credentials_unref(f->credentials);
        free(f);
}

void cred_fetch_finish(CredFetch *f, AwsCredentials *credentials)
{
        CredCallback callback = f->callback;
        void *userdata = f->userdata;
        AwsError error = f->error;

        f->source->cancel(f);
        callback(userdata, credentials, credentials ? NULL : &error);
}

static void on_turn(void *userdata)
{
        CredFetch *f = userdata;
        _cleanup_(aws_credentials_unrefp) AwsCredentials *credentials = TAKE_PTR(f->credentials);

        f->timer = NULL;
        cred_fetch_finish(f, credentials);
}

void cred_fetch_finish_soon(CredFetch *f)
{
        f->timer = f->env->timer_start(f->env, 0, on_turn, f);
}

void cred_fetch_ask(CredFetch *f)
{
        f->attempts++;
        if (f->ask(f) < 0)
                cred_fetch_finish_soon(f);
}

static void on_backoff_over(void *userdata)
{
        CredFetch *f = userdata;

        f->timer = NULL;
        cred_fetch_ask(f);
}

void cred_fetch_ask_again(CredFetch *f, int attempts_max)
{
        uint64_t delay;

        if (f->attempts >= attempts_max) {
                cred_fetch_finish(f, NULL);
                return;
        }
        delay = BACKOFF_MIN_USEC << (f->attempts - 1);
        delay -= (uint64_t)(f->env->random01(f->env) * (double)delay / 2);
        f->timer = f->env->timer_start(f->env, delay, on_backoff_over, f);
}
