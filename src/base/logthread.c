/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that writes what is logged. sd_journal_sendv(3) waits for journald, which hangs when
 * its disk does, and write(2) for whoever reads the pipe, so that neither is left to the loop. What
 * loop and thread share is one Queue under one mutex, which is never held across such a call. */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/logrecord.h"
#include "base/thread.h"

#define LOSS_BYTES 512 /* of the record about lost ones */
#define LINGER_STEP_USEC (10 * USEC_PER_MSEC)

typedef struct Queue {
        const char *lost_message_id;
        char line[LOG_RECORD_MAX]; /* the thread's own */
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        /* Under lock: */
        LogRecord *first, *last;
        size_t bytes;         /* that wait */
        size_t lost;          /* behind the last one that waits */
        int64_t writing_msec; /* time of the record that the thread writes; 0: none */
        bool failed;          /* the last write did */
        bool stopping;        /* nothing more is logged */
        bool abandoned;       /* the owner has left: the thread frees this */
        bool finished;        /* the thread has left */
} Queue;

static Queue *queue;          /* NULL: whoever logs writes ... */
static bool closed;           /* ... or drops, since the thread hangs for good */
static atomic_size_t waiting; /* records not written yet, for log_linger() */

static Queue *queue_free(Queue *q)
{
        for (LogRecord *r = q->first, *next; r; r = next) {
                next = r->next;
                free(r);
                atomic_fetch_sub(&waiting, 1);
        }
        (void)pthread_cond_destroy(&q->changed);
        (void)pthread_mutex_destroy(&q->lock);
        free(q);
        return NULL;
}

/* Once some were lost, the next ones only find room when half of it is free: a gap is told once,
 * not record by record. */
static bool is_full(const Queue *q, size_t size)
{
        return q->bytes + size > (q->lost > 0 ? LOG_WAITING_BYTES / 2 : LOG_WAITING_BYTES);
}

static size_t record_size(const LogRecord *r)
{
        return sizeof(LogRecord) + r->len;
}

static void queue_push(Queue *q, const LogRecord *r)
{
        LogRecord *copy = is_full(q, record_size(r)) ? NULL : malloc(record_size(r));

        (void)pthread_cond_signal(&q->changed);
        if (!copy) {
                q->lost++;
                return;
        }
        memcpy(copy, r, record_size(r));
        copy->next = NULL;
        copy->lost_before = q->lost;
        q->lost = 0;
        q->bytes += record_size(r);
        if (q->last)
                q->last->next = copy;
        else
                q->first = copy;
        q->last = copy;
        atomic_fetch_add(&waiting, 1);
}

static LogRecord *queue_take_first(Queue *q)
{
        LogRecord *r = q->first;

        if (!r)
                return NULL;
        q->first = r->next;
        if (!q->first)
                q->last = NULL;
        q->bytes -= record_size(r);
        return r;
}

bool log_thread_take(const LogRecord *r)
{
        if (!queue)
                return closed;
        (void)pthread_mutex_lock(&queue->lock);
        queue_push(queue, r);
        (void)pthread_mutex_unlock(&queue->lock);
        return true;
}

static int write_loss(Queue *q, size_t lost)
{
        _Alignas(LogRecord) char bytes[sizeof(LogRecord) + LOSS_BYTES];
        char text[128], number[32];
        const LogField field = {"LOST_RECORDS", number};

        (void)snprintf(number, sizeof(number), "%zu", lost);
        (void)snprintf(text, sizeof(text),
                       "%zu record%s of the log %s lost here: they could not be written in time",
                       lost, lost == 1 ? "" : "s", lost == 1 ? "is" : "are");
        return log_record_write(log_record_make(bytes, sizeof(bytes), LOG_WARNING,
                                                q->lost_message_id, text, &field, 1),
                                q->line);
}

/* Writes the first one, or tells of those lost behind the last one. Under lock, but for the
 * writing. */
static void queue_write(Queue *q)
{
        LogRecord *r = queue_take_first(q);
        size_t lost = r ? r->lost_before : q->lost;
        int told = 0, written = 0;

        if (!r)
                q->lost = 0;
        else
                q->writing_msec = r->time_msec;
        (void)pthread_mutex_unlock(&q->lock);

        if (lost > 0)
                told = write_loss(q, lost);
        if (r) {
                written = log_record_write(r, q->line);
                free(r);
                atomic_fetch_sub(&waiting, 1);
        }

        (void)pthread_mutex_lock(&q->lock);
        q->writing_msec = 0;
        q->lost += (told < 0 ? lost : 0) + (written < 0);
        q->failed = (r ? written : told) < 0;
}

static void *queue_main(void *userdata)
{
        Queue *q = userdata;
        bool abandoned;

        (void)pthread_mutex_lock(&q->lock);
        for (;;) {
                /* Where nothing can be written, the next record is the next try. */
                bool work = q->first || (q->lost > 0 && !q->failed);

                if (q->abandoned || (q->stopping && !work))
                        break;
                if (work)
                        queue_write(q);
                else
                        (void)pthread_cond_wait(&q->changed, &q->lock);
        }
        q->finished = true;
        abandoned = q->abandoned;
        (void)pthread_cond_broadcast(&q->changed);
        (void)pthread_mutex_unlock(&q->lock);

        if (abandoned)
                queue_free(q);
        return NULL;
}

int log_start_thread(const char *lost_message_id)
{
        Queue *q = calloc(1, sizeof(*q));
        int r;

        assert(!queue);
        if (!q)
                return -ENOMEM;
        q->lost_message_id = lost_message_id;
        (void)pthread_mutex_init(&q->lock, NULL);
        thread_cond_init(&q->changed);
        r = thread_start(&q->thread, queue_main, q);
        if (r < 0) {
                queue_free(q);
                return r;
        }
        queue = q;
        closed = false;
        return 0;
}

/* Under lock: behind, before, and those that wait or are being written. */
static size_t count_lost(const Queue *q)
{
        size_t n = q->lost + (q->writing_msec > 0);

        for (const LogRecord *r = q->first; r; r = r->next)
                n += 1 + r->lost_before;
        return n;
}

size_t log_stop_thread(uint64_t patience_usec)
{
        struct timespec deadline = thread_deadline(patience_usec);
        Queue *q = TAKE_PTR(queue);
        size_t lost;
        bool finished;

        if (!q)
                return 0;
        (void)pthread_mutex_lock(&q->lock);
        q->stopping = true;
        (void)pthread_cond_broadcast(&q->changed);
        while (!q->finished &&
               pthread_cond_timedwait(&q->changed, &q->lock, &deadline) != ETIMEDOUT)
                ;
        finished = q->finished;
        lost = count_lost(q);
        q->abandoned = closed = !finished;
        /* A thread that hangs in the kernel cannot be waited for; it frees what it uses. */
        if (!finished)
                (void)pthread_detach(q->thread);
        (void)pthread_mutex_unlock(&q->lock);

        if (finished) {
                (void)pthread_join(q->thread, NULL);
                queue_free(q);
        }
        return lost;
}

LogStatus log_status(void)
{
        LogStatus s = {};

        if (!queue)
                return s;
        (void)pthread_mutex_lock(&queue->lock);
        s.lost = queue->lost;
        for (const LogRecord *r = queue->first; r; r = r->next)
                s.lost += r->lost_before;
        if (queue->writing_msec > 0)
                s.waiting_since_msec = queue->writing_msec;
        else if (queue->first)
                s.waiting_since_msec = queue->first->time_msec;
        (void)pthread_mutex_unlock(&queue->lock);
        return s;
}

void log_linger(uint64_t patience_usec)
{
        for (uint64_t waited = 0; atomic_load(&waiting) > 0 && waited < patience_usec;
             waited += LINGER_STEP_USEC)
                (void)poll(NULL, 0, (int)(LINGER_STEP_USEC / USEC_PER_MSEC));
}
