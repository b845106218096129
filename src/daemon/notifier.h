/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the service manager is told: the protocol of sd_notify(3), whose own function waits when
 * nobody reads at the other end. This never waits. Without a NOTIFY_SOCKET that can be used, nobody
 * is told. */

#include <systemd/sd-event.h>

#include "base/macro.h"

typedef struct Notifier Notifier;

/* The states of the service that must arrive, in their order. */
typedef enum NotifierState {
        NOTIFIER_READY,
        NOTIFIER_RELOADING,
        NOTIFIER_STOPPING,
        _NOTIFIER_STATE_MAX,
} NotifierState;

/* Takes a reference of event. -errno. */
int notifier_new(sd_event *event, Notifier **ret) _must_check_;
Notifier *notifier_free(Notifier *n); /* takes NULL; tries once more what is not sent */
DEFINE_CLEANUP(Notifier *, notifier_free)

/* Sent again from the loop until it has been taken. A state replaces an earlier one of its kind
 * that was not taken, NOTIFIER_STOPPING all of them. */
void notifier_set_state(Notifier *n, NotifierState state);

/* "WATCHDOG=1", "STATUS=..." and the like: sent now or not at all. 0 or -errno. */
int notifier_tell(Notifier *n, const char *text);
