/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* NetEnv's programs on sd-event; contract in env.h. */

#include <systemd/sd-event.h>

#include "net/env.h"

int net_process_start(sd_event *event, const NetProcessOptions *o, NetProcessCallback callback,
                      void *userdata, NetProcess **ret) _must_check_;
void net_process_cancel(NetProcess *p); /* takes NULL */
