/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The running daemon: carries the core's actions out and brings the outcomes back. Everything
 * happens on one event loop; only the spool's writer and the log have threads of their own. */

#include <systemd/sd-event.h>

#include "daemon/notifier.h"

typedef struct Manager Manager;

typedef struct ManagerOptions {
        sd_event *event;    /* reference taken */
        Notifier *notifier; /* borrowed */
        const char *config_path;
        const char *state_directory;
        const char *status_path;
        unsigned time_scale; /* every timing divided by this; 1 in earnest */
} ManagerOptions;

/* Loads configuration and state. Failures are logged. -ENOTRECOVERABLE: the operator has to correct
 * the configuration or the environment; starting again would not help. */
int manager_new(const ManagerOptions *o, Manager **ret) _must_check_;
Manager *manager_free(Manager *m);
DEFINE_CLEANUP(Manager *, manager_free)

/* Tells the service manager and begins to poll. */
int manager_start(Manager *m) _must_check_;
