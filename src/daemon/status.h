/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The status file /run/trailsentry/status.json: what `trailsentry status` shows without asking
 * the daemon. Written at most once a second, atomically, not synced.
 *
 * {"version": 1, "pid", "hostname", "program_version", "started_msec", "written_msec",
 *  "configuration": PATH, "state": "running"|"stopping",
 *  "trails": [{"arn", "action", "poll_interval_usec", "account", "region", "logging": bool|null,
 *              "last_poll_msec", "start_logging_msec", "stop_logging_msec",
 *              "latest_delivery_msec", "incident": ID|null, "error": {...}|null}],
 *  "topics": [{"arn", "format", "min_severity", "account": N, "pending": N, "error": {...}|null}],
 *  "accounts": [{"role_arn", "identity_arn", "credentials": "environment"|"imds"|"assume-role",
 *                "usable": bool, "expiry_msec", "error": {...}|null}],
 *  "maintenance": [{"incident": ID, "trail": ARN|null for all, "begun_msec", "until_msec",
 *                   "title", "recorded": N}],
 *  "incidents_open": N, "messages_pending": N, "state_error": string|null,
 *  "configuration_error": string|null}
 *
 * An error is as awserror.h has it. */

#include <jansson.h>

#include "aws/awserror.h"
#include "base/macro.h"

/* Atomically replaces path with the text of object (taken). 0 or -errno. */
int status_write(const char *path, json_t *object) _must_check_;
/* The object in a status file, a new reference. -EBADMSG when it is none of version 1, -E2BIG over
 * 64 MiB, another -errno when it cannot be read. */
int status_read(const char *path, json_t **ret) _must_check_;

#define STATUS_PATH_DEFAULT "/run/trailsentry/status.json"
