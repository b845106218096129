/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps credentials fresh in front of one CredSource, after the rules of AWS's SDKs: renewal well
 * before expiry, one fetch shared by all who wait, and static stability (an origin that fails or
 * hands out expired credentials must not stop calls that the service may still accept).
 *
 * There is no timer behind the cache: what is used is looked at whenever it is asked for, and the
 * guard asks every few seconds. Whoever waits is called back from a timer of its own, so that no
 * callback ever runs inside another's.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-static-credentials.html
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html */

#include "net/credsource.h"

#include <sys/queue.h>

#include "base/mem.h"
#include "base/timefmt.h"

#define RENEW_BEFORE_MSEC (15 * MSEC_PER_MINUTE)
#define STABLE_RETRY_MIN_USEC (10 * USEC_PER_MINUTE)
#define STABLE_RETRY_SPREAD_USEC (5 * USEC_PER_MINUTE)
#define BACKOFF_MIN_USEC USEC_PER_SEC
#define BACKOFF_MAX_USEC (30 * USEC_PER_SEC)
#define REFUSED_MIN_USEC (10 * USEC_PER_SEC)
#define REFUSED_MAX_USEC (3 * USEC_PER_MINUTE)

struct CredWait {
        CredCache *cache;
        TAILQ_ENTRY(CredWait) entry;
        CredCallback callback;
        void *userdata;
        NetTimer *timer; /* set once the answer is known, or was from the start */
};

struct CredCache {
        NetEnv *env;
        CredSource *source;
        AwsCredentials *current; /* may be past its expiry */
        int64_t renew_msec;      /* wall clock: renewal of current is due */
        CredFetch *fetch;
        TAILQ_HEAD(, CredWait) waits;
        AwsError last_error;
        bool stable;                /* the last fetch gave nothing better than current */
        bool refused;               /* the service refused current and nothing came since */
        uint64_t not_before_usec;   /* boottime: no fetch earlier, after a failure */
        unsigned failures;          /* in a row */
        uint64_t refused_usec;      /* boottime of the last refusal that was acted upon, 0: none */
        uint64_t refused_wait_usec; /* from then on, until the next one is */
};

CredSource *cred_source_free(CredSource *s)
{
        return s ? s->free(s) : NULL;
}

CredCache *cred_cache_new(NetEnv *env, CredSource *source)
{
        CredCache *c = mem_new0(CredCache);

        *c = (CredCache){
                .env = env,
                .source = source,
                .waits = TAILQ_HEAD_INITIALIZER(c->waits),
        };
        return c;
}

CredCache *cred_cache_free(CredCache *c)
{
        if (!c)
                return NULL;
        assert(TAILQ_EMPTY(&c->waits));
        if (c->fetch)
                c->source->cancel(c->fetch);
        aws_credentials_unref(c->current);
        cred_source_free(c->source);
        free(c);
        return NULL;
}

/* Past their expiry, credentials are used only when a fetch has just failed to give better ones. */
static bool usable(const CredCache *c)
{
        return c->current && (c->stable || c->env->wall_msec(c->env) < c->current->expiry_msec);
}

static void on_wait(void *userdata)
{
        CredWait *w = userdata;
        CredCache *c = w->cache;
        CredCallback callback = w->callback;
        _cleanup_(aws_credentials_unrefp) AwsCredentials *credentials = NULL;
        AwsError error = c->last_error;

        /* What could be used a turn ago still can, should the clock have been set since. */
        if (usable(c) || error.class == AWS_ERROR_NONE)
                credentials = aws_credentials_ref(c->current);
        w->timer = NULL;
        userdata = w->userdata;
        cred_cache_cancel(w);
        callback(userdata, credentials, credentials ? NULL : &error);
}

static void answer_soon(CredWait *w)
{
        CredCache *c = w->cache;

        if (!w->timer)
                w->timer = c->env->timer_start(c->env, 0, on_wait, w);
}

static void answer_all(CredCache *c)
{
        for (CredWait *w = TAILQ_FIRST(&c->waits); w; w = TAILQ_NEXT(w, entry))
                answer_soon(w);
}

/* 1, 2, 4 ... 30 s while what is there does not work; else there is time. */
static void postpone(CredCache *c)
{
        uint64_t delay;

        if (!c->current || c->refused)
                delay = MIN(BACKOFF_MIN_USEC << MIN(c->failures, 5U), BACKOFF_MAX_USEC);
        else
                delay = STABLE_RETRY_MIN_USEC +
                        (uint64_t)(c->env->random01(c->env) * (double)STABLE_RETRY_SPREAD_USEC);
        c->failures++;
        c->not_before_usec = c->env->boottime_usec(c->env) + delay;
}

static void adopt(CredCache *c, AwsCredentials *credentials)
{
        int64_t now = c->env->wall_msec(c->env);
        int64_t expiry = credentials->expiry_msec;

        c->refused = false;
        if (expiry <= now) {
                /* The origin cannot renew them at the moment. The service may take them all the
                 * same, or it is our clock that is wrong. */
                char text[TIMEFMT_MAX];
                aws_error_set(&c->last_error, AWS_ERROR_CREDENTIALS, "ExpiredCredentials",
                              "%s hands out credentials that expired at %s; used all the same",
                              c->source->name, timefmt_iso8601(expiry, text));
                c->stable = true;
        } else {
                c->last_error = (AwsError){.class = AWS_ERROR_NONE};
                c->stable = false;
        }

        if (!c->current || expiry >= c->current->expiry_msec || expiry > now) {
                aws_credentials_ref(credentials);
                aws_credentials_unref(c->current);
                c->current = credentials;
                c->renew_msec = expiry == INT64_MAX                ? INT64_MAX
                                : expiry - now > RENEW_BEFORE_MSEC ? expiry - RENEW_BEFORE_MSEC
                                                                   : expiry - (expiry - now) / 4;
        }
        if (c->stable) {
                postpone(c);
        } else {
                c->failures = 0;
                c->not_before_usec = 0;
        }
}

static void on_fetched(void *userdata, AwsCredentials *credentials, const AwsError *error)
{
        CredCache *c = userdata;

        c->fetch = NULL;
        if (credentials) {
                adopt(c, credentials);
        } else {
                c->last_error = *error;
                c->stable = true;
                postpone(c);
        }
        answer_all(c);
}

/* Starts a fetch unless one is under way or it is too early for one. */
static void fetch_if_allowed(CredCache *c)
{
        if (!c->fetch && c->env->boottime_usec(c->env) >= c->not_before_usec)
                c->fetch = c->source->fetch(c->source, on_fetched, c);
}

AwsCredentials *cred_cache_peek(CredCache *c)
{
        if (!c->current)
                return NULL;
        if (c->refused || c->env->wall_msec(c->env) >= c->renew_msec)
                fetch_if_allowed(c);
        return usable(c) ? c->current : NULL;
}

CredWait *cred_cache_get(CredCache *c, CredCallback callback, void *userdata)
{
        CredWait *w = mem_new0(CredWait);
        bool at_hand = cred_cache_peek(c) != NULL;

        *w = (CredWait){.cache = c, .callback = callback, .userdata = userdata};
        TAILQ_INSERT_TAIL(&c->waits, w, entry);
        if (!at_hand)
                fetch_if_allowed(c);
        if (!c->fetch || (at_hand && !c->refused))
                answer_soon(w);
        return w;
}

void cred_cache_cancel(CredWait *w)
{
        if (!w)
                return;
        w->cache->env->timer_cancel(w->timer);
        TAILQ_REMOVE(&w->cache->waits, w, entry);
        free(w);
}

/* Whether to fetch because of a refusal. The next one is acted upon after 10, 20, 40 ... 180 s, so
 * that sessions that are ended again and again do not blind the guard for minutes, and a permission
 * that is missing for good asks for new credentials once in three minutes. */
static bool may_act_on_refusal(CredCache *c)
{
        uint64_t now = c->env->boottime_usec(c->env);
        bool first = c->refused_usec == 0 || now >= c->refused_usec + 2 * REFUSED_MAX_USEC;

        if (!first && now < c->refused_usec + c->refused_wait_usec)
                return false;
        c->refused_wait_usec =
                first ? REFUSED_MIN_USEC : MIN(2 * c->refused_wait_usec, REFUSED_MAX_USEC);
        c->refused_usec = now;
        return true;
}

bool cred_cache_refused(CredCache *c, const AwsCredentials *refused)
{
        if (c->current && c->current != refused)
                return usable(c);
        if (c->fetch) {
                c->refused = true;
                return true;
        }
        if (!may_act_on_refusal(c))
                return false;

        c->refused = true;
        c->not_before_usec = 0;
        fetch_if_allowed(c);
        return true;
}

void cred_cache_status(const CredCache *c, CredStatus *ret)
{
        *ret = (CredStatus){
                .source = c->source->name,
                .usable = usable(c),
                .expiry_msec = c->current ? c->current->expiry_msec : 0,
                .last_error = c->last_error,
        };
}
