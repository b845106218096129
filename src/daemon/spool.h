/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Durable state, a folder:
 *
 *     lock                 held by the daemon that uses the folder. It is for the daemon's user
 *                          alone, so that nobody else can hold it. Not empty once trails.json has
 *                          been there.
 *     trails.json          {"version": 1, "trails": [...], "incidents": [...]}: the memories, and
 *                          the ids of the incidents that are not finished; sealed (seal.h)
 *     trails.json.1        the one before
 *     <id>.json            one for each incident
 *     finished/<id>.json   those in which nothing will change any more
 *     *.corrupt            what was not what it should be
 *
 * It is read and then written (write, fsync, rename, fsync folder) by one thread, so that a stalled
 * disk stalls nothing else. Files but the lock are readable by the group. */

#include <stdatomic.h>
#include <systemd/sd-event.h>

#include "core/core.h"

typedef struct Spool Spool;

typedef char SpoolId[33];

/* What is on disk. */
typedef struct SpoolContent {
        TrailMemory *memories;
        size_t n_memories;
        Incident **incidents; /* in the order of their detection; who takes one leaves NULL */
        size_t n_incidents;
        SpoolId *finished; /* put away, oldest first */
        size_t n_finished;
        StateLoss *losses; /* what could not be used, with the reason */
        size_t n_losses;
        bool used;        /* there has been state in this folder */
        bool no_memories; /* ... and what was known of the trails is gone, with their baselines */
        /* For the writer: */
        SpoolId *unread; /* incidents whose files may not be replaced */
        size_t n_unread;
        SpoolId *damaged; /* ... whose files are to be set aside */
        size_t n_damaged;
        int memories_error;    /* why the memories may not be replaced, -errno; 0: they may */
        bool memories_damaged; /* they are set aside then */
} SpoolContent;

void spool_content_done(SpoolContent *c);

/* What came of a write: error 0 or -errno, the file then being what it was before (or, when only
 * the folder could not be synced, perhaps what was asked). id is NULL for the memories. Called from
 * the loop, and for what was written at last from spool_free(); may store, may not free the spool.
 */
typedef void (*SpoolCallback)(void *userdata, const char *id, uint64_t generation, int error);

/* What came of reading: content, of which parts may be taken, or NULL and -errno: -EBUSY while
 * another process holds the lock. That is tried again, so that this may be called more than once,
 * the last time with the content. Nothing is written before it has returned from that. */
typedef void (*SpoolLoaded)(void *userdata, SpoolContent *content, int error);

typedef struct SpoolOptions {
        sd_event *event;       /* reference taken */
        const char *directory; /* copied; made (0750) when its parent exists, else writes fail */
        SpoolCallback callback;
        SpoolLoaded loaded; /* may be NULL */
        void *userdata;
        size_t finished_max; /* files in finished/ that are kept; 0: SPOOL_FINISHED_MAX */
        uint64_t retry_usec; /* between two attempts to read; 0: a minute */
} SpoolOptions;

/* Begins to read at once, without waiting for anything. */
int spool_new(const SpoolOptions *o, Spool **ret) _must_check_;
/* Waits at most patience_usec for what was asked, then gives up on it. Takes NULL, returns NULL. */
Spool *spool_free(Spool *s, uint64_t patience_usec);

/* Counts while reading goes on; a disk that stalls leaves it as it is. */
uint64_t spool_progress(const Spool *s);

/* The same content for somebody who only looks: nothing on disk is changed, and those in finished/
 * are among the incidents. -ENOENT for a missing folder. */
int spool_peek(const char *directory, SpoolContent *ret) _must_check_;

/* Queues a write; text is taken. The generations of an incident never become less. A write of the
 * same file that has not begun is replaced, and only the newer one is reported. -ENOBUFS is
 * reported for what exceeds 64 MiB of waiting text, -EFBIG for a text over SPOOL_FILE_MAX, which
 * could not be read back; while reading fails, its error; -EEXIST where a file that could not be
 * read is in the place. */
void spool_store_incident(Spool *s, const char *id, uint64_t generation, char *text);
/* Seals text, and keeps the file before as trails.json.1. Fails while an incident is not on disk as
 * it was asked for last: see spoolwriter.c. */
void spool_store_memories(Spool *s, char *text);
/* The incident has finished, and its file is put into finished/ when all that has been asked so far
 * is on disk. Of those, the oldest are removed beyond SpoolOptions.finished_max. */
void spool_archive(Spool *s, const char *id);

/* A number for all that has been asked so far, and the one up to which all has been called back,
 * with the one whose callback asks. */
uint64_t spool_asked(Spool *s);
uint64_t spool_settled(Spool *s);

#define SPOOL_FINISHED_MAX 10000
#define SPOOL_FILE_MAX ((size_t)16 * 1024 * 1024)

/* Whether text can be an incident's id and so a file's name: 1 to 32 digits 0-9a-f. */
bool spool_id_is_valid(const char *text);
