/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/mem.h"

#define HUNG_MAX 2 /* each has cost the caller its patience once */

typedef struct Waiting {
        ThreadCall call;
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        /* Under lock: */
        int result;
        bool finished;
        bool abandoned; /* nobody waits: the thread frees this */
} Waiting;

static atomic_uint hung;

int thread_start(pthread_t *ret, void *(*function)(void *userdata), void *userdata)
{
        sigset_t all, before;
        int r;

        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(ret, NULL, function, userdata);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        return -r;
}

void thread_cond_init(pthread_cond_t *cond)
{
        pthread_condattr_t attributes;

        (void)pthread_condattr_init(&attributes);
        (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        (void)pthread_cond_init(cond, &attributes);
        (void)pthread_condattr_destroy(&attributes);
}

struct timespec thread_deadline(uint64_t usec)
{
        struct timespec t;

        usec = MIN(usec, USEC_PER_HOUR);
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_sec += (time_t)(usec / USEC_PER_SEC);
        t.tv_nsec += (long)(usec % USEC_PER_SEC * 1000);
        if (t.tv_nsec >= 1000000000) {
                t.tv_sec++;
                t.tv_nsec -= 1000000000;
        }
        return t;
}

static void waiting_free(Waiting *w)
{
        (void)pthread_cond_destroy(&w->changed);
        (void)pthread_mutex_destroy(&w->lock);
        free(w);
}

static void *call_main(void *userdata)
{
        Waiting *w = userdata;
        int result = w->call.run(w->call.data);
        bool abandoned;

        (void)pthread_mutex_lock(&w->lock);
        w->result = result;
        w->finished = true;
        abandoned = w->abandoned;
        (void)pthread_cond_broadcast(&w->changed);
        (void)pthread_mutex_unlock(&w->lock);

        if (abandoned) {
                w->call.late(w->call.data, result);
                waiting_free(w);
                atomic_fetch_sub(&hung, 1);
        }
        return NULL;
}

int thread_call(const ThreadCall *call, uint64_t patience_usec, int *ret)
{
        struct timespec deadline = thread_deadline(patience_usec);
        bool finished;
        Waiting *w;
        int r;

        if (atomic_load(&hung) >= HUNG_MAX)
                return -EBUSY;
        w = mem_new0(Waiting);
        w->call = *call;
        (void)pthread_mutex_init(&w->lock, NULL);
        thread_cond_init(&w->changed);
        r = thread_start(&w->thread, call_main, w);
        if (r < 0) {
                waiting_free(w);
                return r;
        }

        (void)pthread_mutex_lock(&w->lock);
        while (!w->finished &&
               pthread_cond_timedwait(&w->changed, &w->lock, &deadline) != ETIMEDOUT)
                ;
        finished = w->finished;
        if (!finished) {
                w->abandoned = true;
                atomic_fetch_add(&hung, 1);
                (void)pthread_detach(w->thread);
        }
        (void)pthread_mutex_unlock(&w->lock);
        if (!finished)
                return -ETIMEDOUT;

        (void)pthread_join(w->thread, NULL);
        *ret = w->result;
        waiting_free(w);
        return 0;
}
