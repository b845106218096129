/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Durable state: one JSON file an incident, "<id>.json", and "trails.json" with the memories
 * ({"version": 1, "trails": [...]}), written by one thread (write, fsync, rename, fsync folder)
 * so that a stalled disk stalls nothing else. Files are readable by the group. */

#include <systemd/sd-event.h>

#include "core/model.h"

typedef struct Spool Spool;

/* What came of a write: error 0 or -errno, the file then being what it was before (or, when only
 * the folder could not be synced, perhaps what was asked). id is NULL for the memories. Called from
 * the loop, and for what was written at last from spool_free(); may store, may not free the spool.
 */
typedef void (*SpoolCallback)(void *userdata, const char *id, uint64_t generation, int error);

typedef struct SpoolOptions {
        sd_event *event;       /* reference taken */
        const char *directory; /* copied; made (0750) when its parent exists, else writes fail */
        SpoolCallback callback;
        void *userdata;
        size_t finished_max; /* finished incidents whose files are kept; 0: SPOOL_FINISHED_MAX */
} SpoolOptions;

int spool_new(const SpoolOptions *o, Spool **ret) _must_check_;
/* Waits at most patience_usec for what was asked, then gives up on it. Takes NULL, returns NULL. */
Spool *spool_free(Spool *s, uint64_t patience_usec);

/* What is on disk. Each memory is given to `memory` (which borrows it), then each incident to
 * `incident` (which takes it), in the order of their detection. A file that cannot be read as what
 * it should be is renamed to "<name>.corrupt"; one that cannot be read at all stays. Both are told
 * to `corrupt`, with a reason that reads on after the path: "is not JSON; set aside as ...".
 * Memories that cannot be read are not written over either, as long as they are there: writing
 * them fails with the reason. What they knew, the baseline, cannot be had again from anywhere.
 * Left-over temporary files are removed. One file at a time is in memory. 0 also when there is no
 * such folder. */
typedef struct SpoolLoad {
        void (*incident)(void *userdata, Incident *incident);
        void (*memory)(void *userdata, const TrailMemory *memory);
        void (*corrupt)(void *userdata, const char *path, const char *reason);
        void *userdata;
        Spool *spool; /* gets to know which are finished; may be NULL */
} SpoolLoad;
int spool_load(const char *directory, const SpoolLoad *load) _must_check_;

/* The same for somebody who only looks: nothing on disk is changed, and a missing folder is
 * -ENOENT. */
int spool_peek(const char *directory, const SpoolLoad *load) _must_check_;

/* Queues a write; text is taken. The generations of an incident never become less. A write of the
 * same file that has not begun is replaced, and only the newer one is reported. -ENOBUFS is
 * reported for what exceeds 64 MiB of waiting text, -EFBIG for a text over SPOOL_FILE_MAX, which
 * could not be read back. */
void spool_store_incident(Spool *s, const char *id, uint64_t generation, char *text);
/* The same for an incident in which nothing will change any more: the files of those that finished
 * first are removed beyond SpoolOptions.finished_max, by the thread. */
void spool_store_finished(Spool *s, const char *id, uint64_t generation, char *text);
void spool_note_finished(Spool *s, const char *id); /* it is on disk already */
/* Fails while an incident is not on disk as it was asked for last: see spool.c. */
void spool_store_memories(Spool *s, char *text);

/* A number for all that has been asked so far, and the one up to which all has been called back,
 * with the one whose callback asks. */
uint64_t spool_asked(Spool *s);
uint64_t spool_settled(Spool *s);

/* spool_load() has not been able to read the memories: see there. error: -errno. */
void spool_keep_memories(Spool *s, int error);

#define SPOOL_FINISHED_MAX 10000
#define SPOOL_FILE_MAX ((size_t)16 * 1024 * 1024)
#define SPOOL_MEMORIES_NAME "trails.json"

/* Whether text can be an incident's id and so a file's name: 1 to 32 digits 0-9a-f. */
bool spool_id_is_valid(const char *text);
