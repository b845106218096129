/* SPDX-License-Identifier: Apache-2.0 */
/* The loop's side of the spool. What the disk is asked for is left to a thread (spoolwriter.c),
 * since it may take as long as it likes. */

#include "daemon/spool.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/spoolinternal.h"

#define RETRY_USEC USEC_PER_MINUTE

struct Spool {
        sd_event_source *source;
        SpoolCallback callback;
        SpoolLoaded loaded;
        void *userdata;
        Writer *writer;
        pthread_t thread;
        const Job *untold; /* of those that are being called back, the ones still to come */
        size_t n_untold;
};

bool spool_id_is_valid(const char *text)
{
        size_t n = strspn(text, "0123456789abcdef");

        return n >= 1 && n <= 32 && !text[n];
}

void spool_content_done(SpoolContent *c)
{
        for (size_t i = 0; i < c->n_memories; i++)
                trail_memory_done(&c->memories[i]);
        for (size_t i = 0; i < c->n_incidents; i++)
                incident_free(c->incidents[i]);
        for (size_t i = 0; i < c->n_losses; i++)
                state_loss_done(&c->losses[i]);
        free(c->memories);
        free(c->incidents);
        free(c->finished);
        free(c->losses);
        free(c->unread);
        free(c->damaged);
        *c = (SpoolContent){};
}

static void call_back(Spool *s)
{
        Job *done;
        size_t n_done;

        (void)pthread_mutex_lock(&s->writer->lock);
        done = TAKE_PTR(s->writer->done);
        n_done = s->writer->n_done;
        s->writer->n_done = 0;
        (void)pthread_mutex_unlock(&s->writer->lock);

        for (size_t i = 0; i < n_done; i++) {
                s->untold = done + i + 1;
                s->n_untold = n_done - i - 1;
                s->callback(s->userdata, *done[i].id ? done[i].id : NULL, done[i].generation,
                            done[i].error);
        }
        free(done);
}

static void tell_loaded(Spool *s)
{
        Writer *w = s->writer;
        SpoolContent *content;
        int error;

        (void)pthread_mutex_lock(&w->lock);
        content = TAKE_PTR(w->content);
        error = w->closed_untold ? w->closed : 0;
        w->closed_untold = false;
        (void)pthread_mutex_unlock(&w->lock);
        if (s->loaded && (content || error < 0))
                s->loaded(s->userdata, content, error);
        if (!content)
                return;
        (void)pthread_mutex_lock(&w->lock);
        writer_open(w, content);
        (void)pthread_mutex_unlock(&w->lock);
        spool_content_done(content);
        free(content);
}

static int on_event(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        uint64_t count;
        ssize_t n = read(fd, &count, sizeof(count));

        (void)n; /* the lists tell what there is, not the counter */
        tell_loaded(userdata);
        call_back(userdata);
        return 0;
}

static Writer *writer_new(const SpoolOptions *o, int event_fd)
{
        Writer *w = mem_new0(Writer);
        pthread_condattr_t attributes;

        w->directory = mem_strdup(o->directory);
        w->finished_max = o->finished_max ? o->finished_max : SPOOL_FINISHED_MAX;
        w->retry_usec = o->retry_usec ? o->retry_usec : RETRY_USEC;
        w->event_fd = event_fd;
        w->lock_fd = -EBADF;
        (void)pthread_mutex_init(&w->lock, NULL);
        (void)pthread_condattr_init(&attributes);
        (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&w->changed, &attributes);
        (void)pthread_condattr_destroy(&attributes);
        return w;
}

/* With every signal blocked: they are the loop's. */
static int thread_start(Spool *s)
{
        sigset_t all, before;
        int r;

        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&s->thread, NULL, writer_main, s->writer);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        return -r;
}

int spool_new(const SpoolOptions *o, Spool **ret)
{
        Spool *s;
        int fd, r;

        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
                return -errno;

        s = mem_new0(Spool);
        s->callback = o->callback;
        s->loaded = o->loaded;
        s->userdata = o->userdata;
        s->writer = writer_new(o, fd);
        r = sd_event_add_io(o->event, &s->source, fd, EPOLLIN, on_event, s);
        if (r >= 0)
                r = thread_start(s);
        if (r < 0) {
                sd_event_source_disable_unref(s->source);
                (void)close(fd);
                writer_free(s->writer);
                free(s);
                return r;
        }
        *ret = s;
        return 0;
}

static struct timespec deadline_after(uint64_t usec)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_sec += (time_t)(usec / USEC_PER_SEC);
        t.tv_nsec += (long)(usec % USEC_PER_SEC * 1000);
        if (t.tv_nsec >= 1000000000) {
                t.tv_sec++;
                t.tv_nsec -= 1000000000;
        }
        return t;
}

Spool *spool_free(Spool *s, uint64_t patience_usec)
{
        struct timespec deadline;
        Writer *w;
        bool left;

        if (!s)
                return NULL;
        w = s->writer;
        deadline = deadline_after(MIN(patience_usec, USEC_PER_HOUR));
        sd_event_source_disable_unref(s->source);

        (void)pthread_mutex_lock(&w->lock);
        w->stopping = true;
        (void)pthread_cond_broadcast(&w->changed);
        while (!w->left && pthread_cond_timedwait(&w->changed, &w->lock, &deadline) != ETIMEDOUT)
                ;
        left = w->left;
        w->abandoned = !left;
        (void)close(w->event_fd);
        w->event_fd = -EBADF;
        /* A thread that hangs in the kernel cannot be waited for; it frees what it uses. */
        if (!left)
                (void)pthread_detach(s->thread);
        (void)pthread_mutex_unlock(&w->lock);

        if (left) {
                (void)pthread_join(s->thread, NULL);
                call_back(s);
                writer_free(w);
        }
        free(s);
        return NULL;
}

uint64_t spool_progress(const Spool *s)
{
        return s->writer->progress;
}

uint64_t spool_asked(Spool *s)
{
        uint64_t asked;

        (void)pthread_mutex_lock(&s->writer->lock);
        asked = s->writer->asked;
        (void)pthread_mutex_unlock(&s->writer->lock);
        return asked;
}

static uint64_t first_number(const Job *jobs, size_t n, uint64_t first)
{
        for (size_t i = 0; i < n; i++)
                first = MIN(first, jobs[i].number);
        return first;
}

uint64_t spool_settled(Spool *s)
{
        Writer *w = s->writer;
        uint64_t first;

        (void)pthread_mutex_lock(&w->lock);
        first = w->writing ? w->writing : w->asked + 1;
        first = first_number(w->waiting, w->n_waiting, first);
        first = first_number(w->done, w->n_done, first);
        (void)pthread_mutex_unlock(&w->lock);
        return first_number(s->untold, s->n_untold, first) - 1;
}

void spool_store_incident(Spool *s, const char *id, uint64_t generation, char *text)
{
        Job job = {.generation = generation, .text = text, .len = strlen(text)};

        assert(spool_id_is_valid(id)); /* the core makes them, or has checked what was read */
        memcpy(job.id, id, strlen(id));
        writer_ask(s->writer, job);
}

void spool_store_memories(Spool *s, char *text)
{
        writer_ask(s->writer, (Job){.text = text, .len = strlen(text)});
}

void spool_archive(Spool *s, const char *id)
{
        (void)pthread_mutex_lock(&s->writer->lock);
        FileId *f = mem_push0(s->writer->archive.items, s->writer->archive.n);
        (void)snprintf(f->text, sizeof(f->text), "%s", id);
        (void)pthread_cond_signal(&s->writer->changed);
        (void)pthread_mutex_unlock(&s->writer->lock);
}
