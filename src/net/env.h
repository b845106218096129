/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the client needs of the world beside HTTP: time, timers, chance. The daemon gives sd-event
 * and getrandom(); the simulation gives a virtual clock and a seed. */

#include "net/http.h"

typedef struct NetTimer NetTimer;
typedef void (*NetTimerCallback)(void *userdata);

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
};
