/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the client needs of the world beside HTTP: time, timers, chance, and for the sources of
 * credentials the environment, files and programs. The daemon gives sd-event and the kernel; the
 * simulation gives a virtual clock and a seed. */

#include "base/secret.h"
#include "net/http.h"

typedef struct NetTimer NetTimer;
typedef void (*NetTimerCallback)(void *userdata);

typedef struct NetProcessOptions {
        const char *const *argv; /* ends with NULL; the program is looked up in PATH */
        uint64_t timeout_usec;
        size_t output_max;
} NetProcessOptions;

/* How a program ended. Borrowed, gone after the callback. */
typedef struct NetProcessResult {
        int error;          /* -ETIMEDOUT, -E2BIG: it was killed; else 0 */
        int exit_status;    /* 128 + n when signal n ended it */
        const char *output; /* what it wrote to its standard output, NUL-terminated */
        size_t output_len;
} NetProcessResult;

typedef struct NetProcess NetProcess;
typedef void (*NetProcessCallback)(void *userdata, const NetProcessResult *result);

typedef struct NetEnv NetEnv;
struct NetEnv {
        HttpTransport *http;
        uint64_t (*boottime_usec)(NetEnv *e);
        int64_t (*wall_msec)(NetEnv *e);
        double (*random01)(NetEnv *e);
        /* One shot after delay_usec; the slot follows the pattern of http.h. */
        NetTimer *(*timer_start)(NetEnv *e, uint64_t delay_usec, NetTimerCallback callback,
                                 void *userdata);
        void (*timer_cancel)(NetTimer *t); /* takes NULL */

        /* A variable of the environment, borrowed; NULL when unset. */
        const char *(*environ_get)(NetEnv *e, const char *name);
        /* A regular file, whole. -E2BIG over max bytes, -EIO when the disk does not answer within a
         * second, else as open(2) has it. */
        int (*file_read)(NetEnv *e, const char *path, size_t max, Secret **ret);
        /* A program with the environment that we were given, no input, and nobody listening to its
         * complaints. 0, or -errno with nothing started; the slot follows the pattern of http.h. A
         * program that is not wanted any more is killed, with what it has started. */
        int (*process_start)(NetEnv *e, const NetProcessOptions *o, NetProcessCallback callback,
                             void *userdata, NetProcess **ret);
        void (*process_cancel)(NetProcess *p); /* takes NULL */
};
