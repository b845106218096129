/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A thread beside the loop, for system calls that may hang: the loop shares a queue with it, under
 * one mutex that nobody holds across such a call. */

#include <pthread.h>
#include <time.h>

#include "base/macro.h"

/* pthread_create(3) with every signal blocked in the new thread: signals are for the loop. 0 or
 * -errno. */
int thread_start(pthread_t *ret, void *(*function)(void *userdata), void *userdata) _must_check_;

/* One call that may hang, of which the caller needs the result, and which it waits for a moment. */
typedef struct ThreadCall {
        int (*run)(void *data);
        void (*late)(void *data, int result); /* of a call that nobody waited for: frees data */
        void *data;
} ThreadCall;

/* Runs it in a thread of its own and waits for its end, patience_usec at most. 0: it has ended, and
 * *ret is its result. -ETIMEDOUT: it hangs; the thread owns data, and calls late() in the end.
 * -EBUSY: so many hang already that this one was not begun, like with another -errno. */
int thread_call(const ThreadCall *call, uint64_t patience_usec, int *ret) _must_check_;

/* A condition whose pthread_cond_timedwait(3) takes what thread_deadline() returns: the time of
 * CLOCK_MONOTONIC in usec microseconds, an hour at most. */
void thread_cond_init(pthread_cond_t *cond);
struct timespec thread_deadline(uint64_t usec);
