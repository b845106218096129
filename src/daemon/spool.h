/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Durable state: one JSON file an incident, "<id>.json", and "trails.json" with the memories,
 * written by one thread (write, fsync, rename, fsync folder) so that a stalled disk stalls
 * nothing else. Files are readable by the group. */

#include <systemd/sd-event.h>

#include "core/model.h"

typedef struct Spool Spool;

/* What came of a write: error 0 or -errno. id is NULL for the memories. Called from the loop. */
typedef void (*SpoolCallback)(void *userdata, const char *id, uint64_t generation, int error);

typedef struct SpoolOptions {
        sd_event *event;       /* reference taken */
        const char *directory; /* copied; made (0750) when its parent exists */
        SpoolCallback callback;
        void *userdata;
} SpoolOptions;

int spool_new(const SpoolOptions *o, Spool **ret) _must_check_;
/* Waits at most patience_usec for what was asked, then gives up on it. */
Spool *spool_free(Spool *s, uint64_t patience_usec);

/* What is on disk. Each incident is given to `incident` (which takes it), each memory to
 * `memory` (which borrows it). A file that cannot be read as what it should be is renamed to
 * "<name>.corrupt" and told to `corrupt` with a reason; left-over temporary files are removed. The
 * oldest finished incidents beyond 1,000 are removed. */
typedef struct SpoolLoad {
        void (*incident)(void *userdata, Incident *incident);
        void (*memory)(void *userdata, const TrailMemory *memory);
        void (*corrupt)(void *userdata, const char *path, const char *reason);
        void *userdata;
} SpoolLoad;
int spool_load(const char *directory, const SpoolLoad *load) _must_check_;

/* Queues a write; text is taken. A write of the same file that has not begun is replaced, and
 * only the newer one is reported. */
void spool_store_incident(Spool *s, const char *id, uint64_t generation, char *text);
void spool_store_memories(Spool *s, char *text);
