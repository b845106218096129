/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <signal.h>

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
