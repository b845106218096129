/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The status file /run/trailsentry/status.json: what `trailsentry status` shows without asking
 * the daemon. Written at most once a second, atomically, not synced. Its members are in
 * trailsentry(1), JSON. */

#include <jansson.h>

#include "base/macro.h"

/* Atomically replaces path with the text of object (taken). 0 or -errno. */
int status_write(const char *path, json_t *object) _must_check_;
/* The object in a status file, a new reference. -EBADMSG when it is none of version 1, -E2BIG over
 * 64 MiB, another -errno when it cannot be read. */
int status_read(const char *path, json_t **ret) _must_check_;

#define STATUS_PATH_DEFAULT "/run/trailsentry/status.json"

/* Whether the folder of path is a tmpfs, so that no disk can stall what is written there. */
bool status_is_in_memory(const char *path);
