/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of the spool: it takes the lock, reads what is there, and writes once the loop has
 * that. While the lock is another's or nothing can be read, it writes nothing, and tries again.
 *
 * A file is replaced as in rename(2): whoever opens it sees the old content or the new one, also
 * after a crash. https://lwn.net/Articles/457667/ on why the folder is synced too. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "daemon/seal.h"
#include "daemon/spoolinternal.h"

#define WAITING_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define FILE_MODE 0640
#define FOLDER_MODE 0750
#define LOCK_MODE 0600
#define NAME_LEN_MAX 64
#define THREAD_NAME "disk" /* tests/faults knows it by that */

Writer *writer_free(Writer *w)
{
        FileList *const lists[] = {&w->failed, &w->unread, &w->aside, &w->archive, &w->finished};

        for (size_t i = 0; i < w->n_waiting; i++)
                free(w->waiting[i].text);
        for (size_t i = 0; i < w->n_done; i++)
                free(w->done[i].text);
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                free(lists[i]->items);
        if (w->content)
                spool_content_done(w->content);
        free(w->content);
        free(w->waiting);
        free(w->done);
        free(w->directory);
        if (w->lock_fd >= 0)
                (void)close(w->lock_fd);
        (void)pthread_cond_destroy(&w->changed);
        (void)pthread_mutex_destroy(&w->lock);
        free(w);
        return NULL;
}

/* Lists */

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

void file_list_add(FileList *l, const char *id, uint64_t generation)
{
        size_t k = list_find(l, id);

        if (k == l->n) {
                (void)mem_push0(l->items, l->n);
                (void)snprintf(l->items[k].text, sizeof(l->items[k].text), "%s", id);
        }
        l->items[k].generation = generation;
}

/* The first one; false when there is none. */
static bool list_take(FileList *l, SpoolId ret)
{
        if (l->n == 0)
                return false;
        memcpy(ret, l->items[0].text, sizeof(SpoolId));
        list_drop(l, 0);
        return true;
}

/* Jobs; all under lock */

static void wake_loop(const Writer *w)
{
        const uint64_t one = 1;
        ssize_t n;

        if (w->event_fd < 0)
                return;
        n = write(w->event_fd, &one, sizeof(one));
        (void)n; /* fails only when the counter is full, and then the loop is awake anyway */
}

static void writer_report(Writer *w, Job job)
{
        free(job.text);
        job.text = NULL;
        *mem_push0(w->done, w->n_done) = job;
        wake_loop(w);
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

static void writer_note(Writer *w, const Job *job)
{
        if (!*job->id)
                return;
        if (job->error < 0) {
                file_list_add(&w->failed, job->id, job->generation);
                w->failed_error = job->error;
                return;
        }
        /* One that waited or was being written while a newer one was refused does not make up for
         * that. */
        size_t k = list_find(&w->failed, job->id);
        if (k < w->failed.n && job->generation >= w->failed.items[k].generation)
                list_drop(&w->failed, k);
}

void writer_ask(Writer *w, Job job)
{
        Job *same = NULL;

        (void)pthread_mutex_lock(&w->lock);
        job.number = ++w->asked;
        for (size_t i = 0; i < w->n_waiting && !same; i++)
                if (streq(w->waiting[i].id, job.id))
                        same = &w->waiting[i];

        if (w->closed < 0)
                job.error = w->closed;
        else if (job.len > SPOOL_FILE_MAX)
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

/* Files; under no lock */

/* A temporary file with the content of job, synced. */
static int write_temporary(int folder, const char *name, const char *text)
{
        int fd, r;

        /* Of a write that failed half-way; O_EXCL must not fail because of it. */
        (void)unlinkat(folder, name, 0);
        fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
        if (fd < 0)
                return -errno;

        r = fchmod(fd, FILE_MODE) < 0 ? -errno : 0; /* whatever the umask */
        if (r >= 0)
                r = fd_write(fd, text, strlen(text));
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (close(fd) < 0 && r >= 0)
                r = -errno;
        return r;
}

/* Opened for every write, so that a folder that was replaced is found again. */
static int open_folder(const Writer *w)
{
        int folder = open(w->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return folder < 0 ? -errno : folder;
}

/* Whether there is anything of that name. */
static bool exists(int folder, const char *name)
{
        struct stat st;

        return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 || errno != ENOENT;
}

static int replace_file(int folder, const char *name, const char *text)
{
        char temporary[NAME_LEN_MAX];
        int r;

        (void)snprintf(temporary, sizeof(temporary), ".%.40s.tmp", name);
        r = write_temporary(folder, temporary, text);
        if (r >= 0 && renameat(folder, temporary, folder, name) < 0)
                r = -errno;
        if (r < 0)
                (void)unlinkat(folder, temporary, 0); /* the failure is told as it is */
        else if (fsync(folder) < 0)
                r = -errno;
        return r;
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

/* There is always one whole file: the last one by one of its names, or both. */
static void keep_copy(Writer *w, int folder)
{
        if (w->memories_damaged) {
                if (renameat(folder, SPOOL_MEMORIES_NAME, folder, SPOOL_MEMORIES_NAME ".corrupt") >=
                    0)
                        w->memories_damaged = false;
                return;
        }
        if (!exists(folder, SPOOL_MEMORIES_NAME))
                return;
        (void)unlinkat(folder, SPOOL_COPY_NAME, 0);
        if (linkat(folder, SPOOL_MEMORIES_NAME, folder, SPOOL_COPY_NAME, 0) < 0)
                return; /* a file system without links has no copy */
}

/* So that a folder that was used is known, whatever else of it is gone. */
static void mark(Writer *w)
{
        static const char text[] = "trails.json has been here\n";

        if (w->lock_fd >= 0 && !w->marked)
                w->marked = pwrite(w->lock_fd, text, sizeof(text) - 1, 0) > 0;
}

/* Takes text. */
static int write_memories(Writer *w, int folder, char *text)
{
        _cleanup_free_ char *sealed = seal_add(text);
        int r;

        keep_copy(w, folder);
        r = replace_file(folder, SPOOL_MEMORIES_NAME, sealed);
        if (r >= 0)
                mark(w);
        return r;
}

static bool is_listed(Writer *w, const FileList *l, const char *id)
{
        bool listed;

        (void)pthread_mutex_lock(&w->lock);
        listed = list_find(l, id) < l->n;
        (void)pthread_mutex_unlock(&w->lock);
        return listed;
}

static void set_aside(int folder, const char *id)
{
        char from[NAME_LEN_MAX], to[NAME_LEN_MAX];

        (void)snprintf(from, sizeof(from), "%.32s.json", id);
        (void)snprintf(to, sizeof(to), "%.32s.json.corrupt", id);
        (void)renameat(folder, from, folder, to); /* else it is told of again at the next start */
}

/* A damaged file in its place is kept as that. */
static void make_room(Writer *w, int folder, const char *id)
{
        if (!is_listed(w, &w->aside, id))
                return;
        set_aside(folder, id);
        (void)pthread_mutex_lock(&w->lock);
        list_drop(&w->aside, list_find(&w->aside, id));
        (void)pthread_mutex_unlock(&w->lock);
}

static int do_job(Writer *w, Job *job)
{
        char name[NAME_LEN_MAX];
        int folder = open_folder(w), r;

        if (folder < 0)
                return folder;
        (void)snprintf(name, sizeof(name), "%.32s.json", job->id);
        if (!*job->id) {
                r = memories_refused(w, folder);
                if (r >= 0)
                        r = write_memories(w, folder, TAKE_PTR(job->text));
        } else if (is_listed(w, &w->unread, job->id) && exists(folder, name)) {
                r = -EEXIST;
        } else {
                make_room(w, folder, job->id);
                r = replace_file(folder, name, job->text);
        }
        (void)close(folder); /* nothing was written through it */
        return r;
}

/* False when it stays where it is: the next start finds it there, and tries again. */
static bool put_away(int folder, const char *id)
{
        char from[NAME_LEN_MAX], to[NAME_LEN_MAX];

        (void)snprintf(from, sizeof(from), "%.32s.json", id);
        (void)snprintf(to, sizeof(to), SPOOL_FINISHED_NAME "/%.32s.json", id);
        if (renameat(folder, from, folder, to) >= 0)
                return true;
        return errno == ENOENT && mkdirat(folder, SPOOL_FINISHED_NAME, FOLDER_MODE) >= 0 &&
               fchmodat(folder, SPOOL_FINISHED_NAME, FOLDER_MODE, 0) >= 0 &&
               renameat(folder, from, folder, to) >= 0;
}

static void remove_finished(int folder, const char *id)
{
        char name[NAME_LEN_MAX];

        (void)snprintf(name, sizeof(name), SPOOL_FINISHED_NAME "/%.32s.json", id);
        (void)unlinkat(folder, name, 0); /* else it is tried again after the next start */
}

/* The thread */

/* What is done when nothing is to be written, since all of it comes after what has been stored. */
static bool has_housework(const Writer *w)
{
        return w->open && w->failed.n == 0 &&
               (w->aside.n > 0 || w->archive.n > 0 || w->finished.n > w->finished_max);
}

/* Under lock, which is left for it. */
static void do_housework(Writer *w)
{
        bool aside, archive, away = false;
        SpoolId id;

        aside = list_take(&w->aside, id);
        archive = !aside && list_take(&w->archive, id);
        if (!aside && !archive) {
                if (w->finished.n <= w->finished_max)
                        return;
                (void)list_take(&w->finished, id); /* there is one */
        }
        (void)pthread_mutex_unlock(&w->lock);
        int folder = open_folder(w);
        if (folder >= 0 && aside)
                set_aside(folder, id);
        else if (folder >= 0 && archive)
                away = put_away(folder, id);
        else if (folder >= 0)
                remove_finished(folder, id);
        if (folder >= 0)
                (void)close(folder); /* nothing was written through it */
        (void)pthread_mutex_lock(&w->lock);
        if (away)
                file_list_add(&w->finished, id, 0);
}

/* 0, also when there can be no lock (a disk that is full or read-only), or -EBUSY. */
static int take_lock(Writer *w)
{
        _cleanup_free_ char *path = mem_printf("%s/" SPOOL_LOCK_NAME, w->directory);
        const int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
        struct stat st;
        int fd = open(path, O_RDWR | O_CREAT | flags, LOCK_MODE);

        if (fd < 0)
                fd = open(path, O_RDONLY | flags);
        if (fd < 0)
                return 0;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
                (void)close(fd);
                return -EBUSY;
        }
        (void)fchmod(fd, LOCK_MODE); /* as it was made, unless somebody has changed it */
        w->marked = fstat(fd, &st) >= 0 && st.st_size > 0;
        w->lock_fd = fd;
        return 0;
}

/* On a new machine, so that from here on there is always one. */
static void write_first(Writer *w)
{
        int folder = open_folder(w);

        if (folder < 0)
                return;
        (void)write_memories(w, folder,
                             mem_strdup("{\n \"version\": 1,\n \"trails\": [],\n"
                                        " \"incidents\": []\n}"));
        (void)close(folder);
}

static int load(Writer *w, SpoolContent *c)
{
        SpoolReadOptions o = {.progress = &w->progress};
        int r = 0;

        (void)mkdir(w->directory, FOLDER_MODE); /* it is there, or that fails what follows */
        w->progress++;
        if (w->lock_fd < 0)
                r = take_lock(w);
        w->progress++;
        o.marked = w->marked;
        if (r >= 0)
                r = spool_read(w->directory, &o, c);
        if (r >= 0 && !c->used)
                write_first(w);
        else if (r >= 0 && !c->no_memories)
                mark(w);
        return r;
}

/* Under lock. */
static void writer_close(Writer *w, int error)
{
        w->closed_untold = w->closed_untold || w->closed != error;
        w->closed = error;
        while (w->n_waiting > 0) {
                Job job = writer_take_first(w);

                job.error = error;
                writer_note(w, &job);
                writer_report(w, job);
        }
        wake_loop(w);
}

static struct timespec retry_time(const Writer *w)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_sec += (time_t)(w->retry_usec / USEC_PER_SEC);
        t.tv_nsec += (long)(w->retry_usec % USEC_PER_SEC * 1000);
        t.tv_sec += t.tv_nsec / 1000000000;
        t.tv_nsec %= 1000000000;
        return t;
}

/* Under lock, which is left while it reads. */
static void load_until_it_is_had(Writer *w)
{
        while (!w->stopping && !w->content) {
                SpoolContent *c = mem_new0(SpoolContent);
                int r;

                (void)pthread_mutex_unlock(&w->lock);
                r = load(w, c);
                (void)pthread_mutex_lock(&w->lock);
                if (r >= 0) {
                        w->closed = 0;
                        w->content = c;
                        wake_loop(w);
                        break;
                }
                spool_content_done(c);
                free(c);
                writer_close(w, r);
                struct timespec retry = retry_time(w);
                while (!w->stopping &&
                       pthread_cond_timedwait(&w->changed, &w->lock, &retry) != ETIMEDOUT)
                        ;
        }
        while (!w->stopping && !w->open)
                (void)pthread_cond_wait(&w->changed, &w->lock);
}

void writer_open(Writer *w, const SpoolContent *c)
{
        for (size_t k = 0; k < c->n_unread; k++)
                file_list_add(&w->unread, c->unread[k], 0);
        for (size_t k = 0; k < c->n_damaged; k++)
                file_list_add(&w->aside, c->damaged[k], 0);
        for (size_t k = 0; k < c->n_finished; k++) {
                FileId *f = mem_push0(w->finished.items, w->finished.n);

                memcpy(f->text, c->finished[k], sizeof(f->text));
        }
        w->memories_error = c->memories_error;
        w->memories_damaged = c->memories_damaged;
        w->open = true;
        (void)pthread_cond_broadcast(&w->changed);
}

void *writer_main(void *userdata)
{
        Writer *w = userdata;
        bool abandoned;

        (void)prctl(PR_SET_NAME, THREAD_NAME);
        (void)pthread_mutex_lock(&w->lock);
        load_until_it_is_had(w);
        while (w->open) {
                Job job;

                while (w->n_waiting == 0 && !w->stopping && !has_housework(w))
                        (void)pthread_cond_wait(&w->changed, &w->lock);
                if (w->n_waiting == 0 && !w->stopping) {
                        do_housework(w);
                        continue;
                }
                if (w->abandoned || w->n_waiting == 0)
                        break;
                job = writer_take_first(w);
                w->writing = job.number;
                (void)pthread_mutex_unlock(&w->lock);

                job.error = do_job(w, &job);

                (void)pthread_mutex_lock(&w->lock);
                w->writing = 0;
                writer_note(w, &job);
                writer_report(w, job);
        }
        w->left = true;
        abandoned = w->abandoned;
        (void)pthread_cond_broadcast(&w->changed);
        (void)pthread_mutex_unlock(&w->lock);

        if (abandoned)
                writer_free(w);
        return NULL;
}
