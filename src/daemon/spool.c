/* SPDX-License-Identifier: Apache-2.0 */
/* The writing half of the spool. fsync() may take as long as the disk likes, so that it is left to
 * a thread; what the loop and the thread share is one Writer under one mutex, which is held for
 * list work only and never across a system call that may block.
 *
 * A file is replaced as in rename(2): whoever opens it sees the old content or the new one, also
 * after a crash. https://lwn.net/Articles/457667/ on why the folder is synced too. */

#include "daemon/spool.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define WAITING_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define FILE_MODE 0640
#define FOLDER_MODE 0750
#define NAME_LEN_MAX 64

typedef struct Job {
        char id[33]; /* "" for the memories */
        uint64_t generation;
        uint64_t number; /* of those asked for */
        char *text;
        size_t len;
        bool finished;
        int error; /* what came of it */
} Job;

typedef struct FileId {
        char text[33];
        uint64_t generation; /* that was asked for */
} FileId;

typedef struct FileList {
        FileId *items;
        size_t n;
} FileList;

typedef struct Writer {
        char *directory;
        size_t finished_max;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        /* Under lock: */
        Job *waiting;
        size_t n_waiting;
        size_t waiting_bytes;
        Job *done;
        size_t n_done;
        FileList settled;   /* finished incidents, in the order in which they did */
        FileList failed;    /* incidents that are not on disk as they were asked for last ... */
        int failed_error;   /* ... the last reason */
        uint64_t asked;     /* so many jobs */
        uint64_t writing;   /* number of the job that is out of the list; 0: none */
        int memories_error; /* why those on disk could not be read: they stay */
        int event_fd;       /* -EBADF once the loop has left */
        bool stopping;      /* nothing more is asked */
        bool abandoned;     /* the owner has left: the thread frees this */
        bool finished;      /* the thread has left */
} Writer;

struct Spool {
        sd_event_source *source;
        SpoolCallback callback;
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

/* A temporary file with the content of job, synced. */
static int write_temporary(int folder, const char *name, const Job *job)
{
        int fd, r;

        /* Of a write that failed half-way; O_EXCL must not fail because of it. */
        (void)unlinkat(folder, name, 0);
        fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
        if (fd < 0)
                return -errno;

        r = fchmod(fd, FILE_MODE) < 0 ? -errno : 0; /* whatever the umask */
        if (r >= 0)
                r = fd_write(fd, job->text, job->len);
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (close(fd) < 0 && r >= 0)
                r = -errno;
        return r;
}

/* Whether there is anything of that name. */
static bool exists(int folder, const char *name)
{
        struct stat st;

        return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 || errno != ENOENT;
}

static Writer *writer_free(Writer *w)
{
        for (size_t i = 0; i < w->n_waiting; i++)
                free(w->waiting[i].text);
        for (size_t i = 0; i < w->n_done; i++)
                free(w->done[i].text);
        free(w->waiting);
        free(w->done);
        free(w->settled.items);
        free(w->failed.items);
        free(w->directory);
        (void)pthread_cond_destroy(&w->changed);
        (void)pthread_mutex_destroy(&w->lock);
        free(w);
        return NULL;
}

static void writer_report(Writer *w, Job job)
{
        const uint64_t one = 1;
        ssize_t n;

        free(job.text);
        job.text = NULL;
        *mem_push0(w->done, w->n_done) = job;
        if (w->event_fd < 0)
                return;
        n = write(w->event_fd, &one, sizeof(one));
        (void)n; /* fails only when the counter is full, and then the loop is awake anyway */
}

static Job writer_take_first(Writer *w)
{
        Job job = w->waiting[0];

        w->n_waiting--;
        w->waiting_bytes -= job.len;
        memmove(w->waiting, w->waiting + 1, w->n_waiting * sizeof(*w->waiting));
        if (w->n_waiting == 0) {
                free(w->waiting);
                w->waiting = NULL;
        }
        return job;
}

/* Where an incident is in the list, or its end. */
static size_t list_find(const FileList *l, const char *id)
{
        size_t k = 0;

        while (k < l->n && !streq(l->items[k].text, id))
                k++;
        return k;
}

static void list_drop(FileList *l, size_t k)
{
        if (k == l->n)
                return;
        l->n--;
        memmove(l->items + k, l->items + k + 1, (l->n - k) * sizeof(FileId));
}

/* Once; its place stays. */
static void list_add(FileList *l, const char *id, uint64_t generation)
{
        size_t k = list_find(l, id);

        if (k == l->n) {
                (void)mem_push0(l->items, l->n);
                (void)snprintf(l->items[k].text, sizeof(l->items[k].text), "%s", id);
        }
        l->items[k].generation = generation;
}

/* Under lock, like those above. */
static void writer_note(Writer *w, const Job *job)
{
        if (!*job->id)
                return;
        if (job->error < 0) {
                list_add(&w->failed, job->id, job->generation);
                w->failed_error = job->error;
                return;
        }
        /* One that waited or was being written while a newer one was refused does not make up for
         * that. */
        size_t k = list_find(&w->failed, job->id);
        if (k < w->failed.n && job->generation >= w->failed.items[k].generation)
                list_drop(&w->failed, k);
        if (job->finished)
                list_add(&w->settled, job->id, job->generation);
        else
                list_drop(&w->settled, list_find(&w->settled, job->id));
}

/* Why memories are not to be written: those on disk may not be written over, or would hide, after
 * a crash, what an incident was to tell that is not there. 0: they may. */
static int memories_refused(Writer *w, int folder)
{
        bool there = exists(folder, SPOOL_MEMORIES_NAME);
        int r;

        (void)pthread_mutex_lock(&w->lock);
        if (!there)
                w->memories_error = 0; /* from here on they are ours */
        r = w->failed.n > 0 ? w->failed_error : w->memories_error;
        (void)pthread_mutex_unlock(&w->lock);
        return r;
}

static int replace_file(Writer *w, const Job *job)
{
        char name[NAME_LEN_MAX], temporary[NAME_LEN_MAX];
        int folder, r;

        /* They fit: an id has 32 characters at most. */
        if (*job->id)
                (void)snprintf(name, sizeof(name), "%.32s.json", job->id);
        else
                (void)snprintf(name, sizeof(name), "%s", SPOOL_MEMORIES_NAME);
        (void)snprintf(temporary, sizeof(temporary), ".%.40s.tmp", name);

        /* Opened for every write, so that a folder that was replaced is found again. */
        folder = open(w->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0)
                return -errno;

        r = *job->id ? 0 : memories_refused(w, folder);
        if (r < 0) {
                (void)close(folder);
                return r;
        }
        r = write_temporary(folder, temporary, job);
        if (r >= 0 && renameat(folder, temporary, folder, name) < 0)
                r = -errno;
        if (r < 0)
                (void)unlinkat(folder, temporary, 0); /* the failure is told as it is */
        else if (fsync(folder) < 0)
                r = -errno;
        (void)close(folder); /* nothing was written through it */
        return r;
}

static bool is_overfull(const Writer *w)
{
        return w->settled.n > w->finished_max;
}

/* The oldest of too many; what cannot be removed is tried again after the next start. */
static void writer_prune(Writer *w)
{
        _cleanup_free_ char *path =
                mem_printf("%s/%s.json", w->directory, w->settled.items[0].text);

        list_drop(&w->settled, 0);
        (void)pthread_mutex_unlock(&w->lock);
        (void)unlink(path);
        (void)pthread_mutex_lock(&w->lock);
}

static void *writer_main(void *userdata)
{
        Writer *w = userdata;
        bool abandoned;

        (void)pthread_mutex_lock(&w->lock);
        for (;;) {
                Job job;

                while (w->n_waiting == 0 && !w->stopping && !is_overfull(w))
                        (void)pthread_cond_wait(&w->changed, &w->lock);
                if (w->n_waiting == 0 && !w->stopping) {
                        writer_prune(w);
                        continue;
                }
                if (w->abandoned || w->n_waiting == 0)
                        break;
                job = writer_take_first(w);
                w->writing = job.number;
                (void)pthread_mutex_unlock(&w->lock);

                job.error = replace_file(w, &job);

                (void)pthread_mutex_lock(&w->lock);
                w->writing = 0;
                writer_note(w, &job);
                writer_report(w, job);
        }
        w->finished = true;
        abandoned = w->abandoned;
        (void)pthread_cond_broadcast(&w->changed);
        (void)pthread_mutex_unlock(&w->lock);

        if (abandoned)
                writer_free(w);
        return NULL;
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

static int on_event(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        uint64_t count;
        ssize_t n = read(fd, &count, sizeof(count));

        (void)n; /* the list tells what there is, not the counter */
        call_back(userdata);
        return 0;
}

static Writer *writer_new(const char *directory, int event_fd)
{
        Writer *w = mem_new0(Writer);
        pthread_condattr_t attributes;

        w->directory = mem_strdup(directory);
        w->event_fd = event_fd;
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

        /* A folder that cannot be had fails each write, which is then told. */
        (void)mkdir(o->directory, FOLDER_MODE);
        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
                return -errno;

        s = mem_new0(Spool);
        s->callback = o->callback;
        s->userdata = o->userdata;
        s->writer = writer_new(o->directory, fd);
        s->writer->finished_max = o->finished_max ? o->finished_max : SPOOL_FINISHED_MAX;
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
        bool finished;

        if (!s)
                return NULL;
        w = s->writer;
        deadline = deadline_after(MIN(patience_usec, USEC_PER_HOUR));
        sd_event_source_disable_unref(s->source);

        (void)pthread_mutex_lock(&w->lock);
        w->stopping = true;
        (void)pthread_cond_broadcast(&w->changed);
        while (!w->finished &&
               pthread_cond_timedwait(&w->changed, &w->lock, &deadline) != ETIMEDOUT)
                ;
        finished = w->finished;
        w->abandoned = !finished;
        (void)close(w->event_fd);
        w->event_fd = -EBADF;
        /* A thread that hangs in the kernel cannot be waited for; it frees what it uses. */
        if (!finished)
                (void)pthread_detach(s->thread);
        (void)pthread_mutex_unlock(&w->lock);

        if (finished) {
                (void)pthread_join(s->thread, NULL);
                call_back(s);
                writer_free(w);
        }
        free(s);
        return NULL;
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

void spool_keep_memories(Spool *s, int error)
{
        (void)pthread_mutex_lock(&s->writer->lock);
        s->writer->memories_error = error;
        (void)pthread_mutex_unlock(&s->writer->lock);
}

/* Takes job.text. */
static void writer_ask(Writer *w, Job job)
{
        Job *same = NULL;

        (void)pthread_mutex_lock(&w->lock);
        job.number = ++w->asked;
        for (size_t i = 0; i < w->n_waiting && !same; i++)
                if (streq(w->waiting[i].id, job.id))
                        same = &w->waiting[i];

        if (job.len > SPOOL_FILE_MAX)
                job.error = -EFBIG;
        else if (w->waiting_bytes - (same ? same->len : 0) + job.len > WAITING_BYTES_MAX)
                job.error = -ENOBUFS;

        if (job.error < 0) {
                writer_note(w, &job);
                writer_report(w, job);
        } else {
                w->waiting_bytes += job.len;
                if (same) {
                        job.number = same->number; /* asked for since then */
                        w->waiting_bytes -= same->len;
                        free(same->text);
                }
                /* Memories never overtake the incidents asked for before them: they would hide,
                 * after a crash in between, what the incident was to tell. */
                if (same && !*job.id) {
                        Job *end = w->waiting + w->n_waiting - 1;
                        memmove(same, same + 1, (size_t)(end - same) * sizeof(Job));
                        *end = job;
                } else if (same)
                        *same = job;
                else
                        *mem_push0(w->waiting, w->n_waiting) = job;
                (void)pthread_cond_signal(&w->changed);
        }
        (void)pthread_mutex_unlock(&w->lock);
}

static void ask(Spool *s, const char *id, Job job)
{
        assert(spool_id_is_valid(id));
        memcpy(job.id, id, strlen(id));
        job.len = strlen(job.text);
        writer_ask(s->writer, job);
}

void spool_store_incident(Spool *s, const char *id, uint64_t generation, char *text)
{
        ask(s, id, (Job){.generation = generation, .text = text});
}

void spool_store_finished(Spool *s, const char *id, uint64_t generation, char *text)
{
        ask(s, id, (Job){.generation = generation, .text = text, .finished = true});
}

void spool_note_finished(Spool *s, const char *id)
{
        (void)pthread_mutex_lock(&s->writer->lock);
        list_add(&s->writer->settled, id, 0);
        (void)pthread_cond_signal(&s->writer->changed);
        (void)pthread_mutex_unlock(&s->writer->lock);
}

void spool_store_memories(Spool *s, char *text)
{
        writer_ask(s->writer, (Job){.text = text, .len = strlen(text)});
}
