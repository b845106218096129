/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the spool share; nobody else includes this. */

#include <pthread.h>

#include "daemon/spool.h"

#define SPOOL_MEMORIES_NAME "trails.json"
#define SPOOL_COPY_NAME "trails.json.1"
#define SPOOL_FINISHED_NAME "finished"
#define SPOOL_LOCK_NAME "lock"
#define SPOOL_MEMORIES_VERSION 1

typedef struct Job {
        SpoolId id; /* "" for the memories */
        uint64_t generation;
        uint64_t number; /* of those asked for */
        char *text;
        size_t len;
        int error; /* what came of it */
} Job;

typedef struct FileId {
        SpoolId text;
        uint64_t generation; /* that was asked for */
} FileId;

typedef struct FileList {
        FileId *items;
        size_t n;
} FileList;

/* What the loop and the thread share. The mutex is held for list work only, and never across a
 * system call that may block. */
typedef struct Writer {
        char *directory;
        size_t finished_max;
        uint64_t retry_usec;
        _Atomic uint64_t progress;
        /* The thread's own: */
        int lock_fd; /* -EBADF */
        bool marked; /* the lock says that there has been state */

        pthread_mutex_t lock;
        pthread_cond_t changed;
        /* Under lock: */
        SpoolContent *content; /* has been read, and the loop has not taken it yet */
        int closed;            /* why nothing can be read or written for the moment, -errno */
        bool closed_untold;    /* ... which the loop has not heard of */
        bool open;             /* the loop has what was there: it may be replaced */
        Job *waiting;
        size_t n_waiting;
        size_t waiting_bytes;
        Job *done;
        size_t n_done;
        FileList failed;       /* incidents that are not on disk as they were asked for last ... */
        int failed_error;      /* ... the last reason */
        FileList unread;       /* ... whose files may not be replaced */
        FileList aside;        /* ... whose files are to be set aside */
        FileList archive;      /* ... to be put away */
        FileList finished;     /* put away, in that order */
        uint64_t asked;        /* so many jobs */
        uint64_t writing;      /* number of the job that is out of the list; 0: none */
        int memories_error;    /* as in SpoolContent */
        bool memories_damaged; /* as there */
        int event_fd;          /* -EBADF once the loop has left */
        bool stopping;         /* nothing more is asked */
        bool abandoned;        /* the owner has left: the thread frees this */
        bool left;             /* the thread has left */
} Writer;

/* spoolload.c */
typedef struct SpoolReadOptions {
        bool look_only;
        bool marked;                /* by the lock */
        _Atomic uint64_t *progress; /* may be NULL */
} SpoolReadOptions;
int spool_read(const char *directory, const SpoolReadOptions *o, SpoolContent *ret) _must_check_;

/* spoolwriter.c */
void *writer_main(void *userdata);
Writer *writer_free(Writer *w);
/* Takes job.text. Under no lock. */
void writer_ask(Writer *w, Job job);
/* What has been read is with the loop: from here on it may be replaced. Under lock. */
void writer_open(Writer *w, const SpoolContent *c);
void file_list_add(FileList *l, const char *id, uint64_t generation); /* once; its place stays */
