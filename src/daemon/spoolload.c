/* SPDX-License-Identifier: Apache-2.0 */
/* The reading half of the spool. What is on disk may be half of a file from a crash, hand-edited,
 * damaged, of another version, or a link that somebody left: each file is read by itself, once,
 * capped, and what cannot be used is told with the reason, so that one bad file costs no other one.
 * Nothing is renamed here: what is to be set aside is when that has been told. */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/compact.h"
#include "core/findings.h"
#include "core/incidentjson.h"
#include "daemon/seal.h"
#include "daemon/spoolinternal.h"

typedef struct Load {
        const char *directory;
        const SpoolReadOptions *o;
        SpoolContent *c;
        int folder;
        char **ids; /* of the files that are there, sorted */
        size_t n_ids;
        char **finished; /* the same of those that were put away */
        size_t n_finished;
        bool corrupt; /* there are files that were set aside */
        bool copy;    /* there is a copy of the memories */
} Load;

typedef enum FileState {
        FILE_GOOD,
        FILE_ABSENT,
        FILE_DAMAGED,
        FILE_FOREIGN,    /* of a later version */
        FILE_UNREADABLE, /* perhaps only for the moment */
} FileState;

/* A file that was read as JSON, or why it was not. */
typedef struct File {
        FileState state;
        json_t *object;
        int error;    /* UNREADABLE */
        char *reason; /* not GOOD, ABSENT: reads on after the path */
        Seal seal;
} File;

static void file_done(File *f)
{
        json_decref(f->object);
        free(f->reason);
}

static bool has_suffix(const char *s, const char *suffix)
{
        size_t n = strlen(s), m = strlen(suffix);

        return n > m && streq(s + n - m, suffix);
}

static void note_progress(const Load *l)
{
        if (l->o->progress)
                ++*l->o->progress;
}

static StateLoss *add_loss(Load *l, const char *name, const char *fmt, ...) _printf_(3, 4);
static StateLoss *add_loss(Load *l, const char *name, const char *fmt, ...)
{
        StateLoss *loss = mem_push0(l->c->losses, l->c->n_losses);
        va_list ap;

        va_start(ap, fmt);
        _cleanup_free_ char *reason = mem_vprintf(fmt, ap);
        va_end(ap);
        loss->what = mem_printf("%s/%s %s", l->directory, name, reason);
        return loss;
}

static void add_id(SpoolId **items, size_t *n, const char *id)
{
        SpoolId *added = mem_push0(*items, *n);

        (void)snprintf(*added, sizeof(*added), "%s", id);
}

/* Files */

static void file_fails(File *f, FileState state, char *reason)
{
        f->state = state;
        free(f->reason);
        f->reason = reason;
}

static void read_text(const Load *l, const char *name, StrBuf *text, File *f)
{
        struct stat st;
        int fd, r = 0;

        fd = openat(l->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno == ENOENT) {
                f->state = FILE_ABSENT;
                return;
        }
        if (fd < 0 && errno != ELOOP)
                r = -errno;
        else if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                file_fails(f, FILE_DAMAGED, mem_strdup("is not a regular file"));
        else
                r = fd_read(fd, text);
        if (r == -E2BIG)
                file_fails(f, FILE_DAMAGED, mem_strdup("is larger than 16 MiB"));
        else if (r < 0)
                file_fails(f, FILE_UNREADABLE, mem_printf("cannot be read: %s", strerror(-r)));
        f->error = r;
        if (fd >= 0)
                (void)close(fd); /* nothing was written */
}

static void read_json(const Load *l, const char *name, File *f)
{
        _cleanup_strbuf_ StrBuf text = STRBUF_INIT(SPOOL_FILE_MAX);
        int r;

        read_text(l, name, &text, f);
        note_progress(l);
        if (f->state != FILE_GOOD)
                return;
        f->seal = seal_check(strbuf_str(&text), text.len);
        r = json_parse(strbuf_str(&text), text.len, SPOOL_FILE_MAX, &f->object);
        if (r < 0)
                file_fails(f, FILE_DAMAGED,
                           mem_strdup(r == -ELOOP    ? "is nested too deeply"
                                      : text.len > 0 ? "is not JSON"
                                                     : "is empty"));
        else if (!json_is_object(f->object))
                file_fails(f, FILE_DAMAGED, mem_strdup("is not an object"));
}

/* Incidents */

static Incident *read_incident(Load *l, const char *id, File *f, const char *name)
{
        Incident *incident = NULL;
        const char *field = NULL;
        int r;

        read_json(l, name, f);
        if (f->state != FILE_GOOD)
                return NULL;
        r = incident_from_json(f->object, &incident, &field);
        if (r == -ENOTSUP)
                file_fails(f, FILE_FOREIGN,
                           mem_printf("has a %s that this version does not know", field));
        else if (r < 0)
                file_fails(f, FILE_DAMAGED,
                           mem_printf("is not an incident of version 1%s%s", field ? ": " : "",
                                      strempty(field)));
        else if (!streq(incident->id, id)) {
                incident = incident_free(incident);
                file_fails(f, FILE_DAMAGED,
                           mem_strdup("holds another incident than its name says"));
        }
        return incident;
}

static void tell_incident(Load *l, const char *id, const char *name, const File *f)
{
        bool aside = f->state == FILE_DAMAGED && !l->o->look_only;
        StateLoss *loss = add_loss(l, name, "%s%s", f->reason,
                                   f->state == FILE_FOREIGN ? "; it is left alone" : "");

        if (aside) {
                _cleanup_free_ char *what = TAKE_PTR(loss->what);

                loss->what = mem_printf("%s; set aside as %s.corrupt", what, name);
                add_id(&l->c->damaged, &l->c->n_damaged, id);
        } else {
                add_id(&l->c->unread, &l->c->n_unread, id);
        }
        loss->foreign = f->state == FILE_FOREIGN;
        if (f->object)
                state_loss_salvage(f->object, loss);
}

static void load_incident(Load *l, const char *id, const char *folder)
{
        _cleanup_free_ char *name = mem_printf("%s%s.json", folder, id);
        _cleanup_(file_done) File f = {};
        Incident *incident = read_incident(l, id, &f, name);

        /* All of them are in memory at once: as they are bounded there. */
        if (incident && !l->o->look_only) {
                incident_compact(incident);
                findings_shrink(incident, compact_findings_share(l->n_ids));
        }
        if (incident)
                *mem_push0(l->c->incidents, l->c->n_incidents) = incident;
        else if (f.state != FILE_ABSENT)
                tell_incident(l, id, name, &f);
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Memories */

/* What stands in a file without a seal is no more than version 0.1.0 wrote. */
static bool has_unknown_members(const json_t *o)
{
        return json_object_size(o) != (size_t)(json_object_get(o, "version") != NULL) +
                                              (json_object_get(o, "trails") != NULL);
}

static void read_memories_file(Load *l, const char *name, File *f)
{
        json_int_t version;

        read_json(l, name, f);
        if (f->state != FILE_GOOD)
                return;
        version = json_integer_value(json_object_get(f->object, "version"));
        if (f->seal == SEAL_BROKEN)
                file_fails(f, FILE_DAMAGED, mem_strdup("is damaged: its digest does not fit"));
        else if (version > SPOOL_MEMORIES_VERSION)
                file_fails(f, FILE_FOREIGN,
                           mem_printf("has version %" PRIi64 ", which this version does not know",
                                      (int64_t)version));
        else if (version != SPOOL_MEMORIES_VERSION ||
                 !json_is_array(json_object_get(f->object, "trails")) ||
                 (f->seal == SEAL_NONE && has_unknown_members(f->object)))
                file_fails(f, FILE_DAMAGED, mem_strdup("is not a list of trails of version 1"));
}

/* The good ones count, even among bad ones: without its memory, a trail that was stopped while
 * the guard was down looks as if it had never been seen. */
static void take_memories(Load *l, const char *name, const json_t *object)
{
        json_t *item;
        size_t k;

        json_array_foreach(json_object_get(object, "trails"), k, item)
        {
                const char *named = json_string_value(json_object_get(item, "arn"));
                _cleanup_free_ char *arn =
                        named ? escape_text(named, 200) : mem_printf("number %zu", k + 1);
                TrailMemory memory = {};
                int r = trail_memory_from_json(item, &memory);

                if (r >= 0)
                        *mem_push0(l->c->memories, l->c->n_memories) = memory;
                if (r < 0)
                        (void)add_loss(l, name, "does not say what is known of trail %s", arn);
                else if (r > 0)
                        (void)add_loss(l, name, "has no baseline of trail %s that can be read",
                                       arn);
        }
}

static bool is_there(const Load *l, const char *id)
{
        _cleanup_free_ char *aside = mem_printf("%s.json.corrupt", id);
        struct stat st;

        for (size_t k = 0; k < l->n_ids; k++)
                if (streq(l->ids[k], id))
                        return true;
        return (l->n_finished > 0 &&
                bsearch(&id, l->finished, l->n_finished, sizeof(char *), compare_names)) ||
               fstatat(l->folder, aside, &st, AT_SYMLINK_NOFOLLOW) >= 0;
}

/* What was not finished when the memories were written, and has no file any more. */
static void check_index(Load *l, const json_t *object)
{
        json_t *item;
        size_t k;

        json_array_foreach(json_object_get(object, "incidents"), k, item)
        {
                const char *id = strempty(json_string_value(item));
                _cleanup_free_ char *name = mem_printf("%s.json", id);

                if (spool_id_is_valid(id) && !is_there(l, id))
                        (void)add_loss(l, name,
                                       "is gone: an incident that was not finished, with "
                                       "what was still to be sent of it");
        }
}

static void tell_memories(Load *l, const File *f)
{
        const char *reason = f->state == FILE_ABSENT ? "is gone" : f->reason;

        if (f->state == FILE_DAMAGED && !l->o->look_only)
                (void)add_loss(l, SPOOL_MEMORIES_NAME, "%s; set aside as %s.corrupt", reason,
                               SPOOL_MEMORIES_NAME);
        else
                (void)add_loss(l, SPOOL_MEMORIES_NAME, "%s", reason);
        l->c->memories_damaged = f->state == FILE_DAMAGED;
        if (f->state == FILE_UNREADABLE)
                l->c->memories_error = f->error;
        else if (f->state == FILE_FOREIGN)
                l->c->memories_error = -EEXIST;
}

static void use_copy(Load *l)
{
        _cleanup_(file_done) File copy = {};
        char time[TIMEFMT_MAX];
        struct stat st = {};

        read_memories_file(l, SPOOL_COPY_NAME, &copy);
        if (copy.state != FILE_GOOD) {
                if (copy.state != FILE_ABSENT)
                        (void)add_loss(l, SPOOL_COPY_NAME, "%s", copy.reason);
                l->c->no_memories = true;
                return;
        }
        (void)fstatat(l->folder, SPOOL_COPY_NAME, &st, 0); /* or the time is not told */
        (void)add_loss(l, SPOOL_COPY_NAME, "is used instead, the copy of %s",
                       timefmt_iso8601((int64_t)st.st_mtim.tv_sec * MSEC_PER_SEC, time));
        take_memories(l, SPOOL_COPY_NAME, copy.object);
        check_index(l, copy.object);
}

static void load_memories(Load *l)
{
        _cleanup_(file_done) File f = {};

        read_memories_file(l, SPOOL_MEMORIES_NAME, &f);
        if (f.state == FILE_GOOD) {
                l->c->used = true;
                take_memories(l, SPOOL_MEMORIES_NAME, f.object);
                check_index(l, f.object);
                return;
        }
        l->c->used = f.state != FILE_ABSENT || l->o->marked || l->copy || l->corrupt ||
                     l->n_ids > 0 || l->n_finished > 0;
        if (!l->c->used)
                return;
        tell_memories(l, &f);
        use_copy(l);
}

/* The folder */

static void note_name(Load *l, const char *name)
{
        if (has_suffix(name, ".corrupt"))
                l->corrupt = true;
        else if (streq(name, SPOOL_COPY_NAME))
                l->copy = true;
        else if (name[0] == '.' && has_suffix(name, ".tmp")) {
                if (!l->o->look_only)
                        (void)unlinkat(l->folder, name, 0); /* the next write does too */
        } else if (has_suffix(name, ".json")) {
                char *id = mem_strndup(name, strlen(name) - strlen(".json"));

                if (spool_id_is_valid(id))
                        *mem_push0(l->ids, l->n_ids) = id;
                else
                        free(id);
        }
}

static int list_folder(Load *l)
{
        DIR *d = opendir(l->directory);
        const struct dirent *e;
        int r = 0;

        if (!d)
                return -errno;
        for (;;) {
                errno = 0;
                e = readdir(d);
                if (!e)
                        break;
                note_name(l, e->d_name);
                note_progress(l);
        }
        r = -errno;
        (void)closedir(d);
        if (l->n_ids > 0)
                qsort(l->ids, l->n_ids, sizeof(char *), compare_names);
        return r;
}

/* Names only, in the order of their last change: the core wants to know which ones there have been.
 */
typedef struct Finished {
        SpoolId id;
        struct timespec at;
} Finished;

static int compare_times(const void *a, const void *b)
{
        const Finished *x = a, *y = b;

        if (x->at.tv_sec != y->at.tv_sec)
                return x->at.tv_sec < y->at.tv_sec ? -1 : 1;
        if (x->at.tv_nsec != y->at.tv_nsec)
                return x->at.tv_nsec < y->at.tv_nsec ? -1 : 1;
        return strcmp(x->id, y->id);
}

static void list_finished(Load *l)
{
        _cleanup_free_ char *path = mem_printf("%s/" SPOOL_FINISHED_NAME, l->directory);
        _cleanup_free_ Finished *all = NULL;
        DIR *d = opendir(path);
        const struct dirent *e;
        struct stat st;
        size_t n = 0;

        while (d && (e = readdir(d))) {
                _cleanup_free_ char *id = mem_strndup(e->d_name, strcspn(e->d_name, "."));

                if (!has_suffix(e->d_name, ".json") || !spool_id_is_valid(id) ||
                    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                Finished *f = mem_push0(all, n);
                (void)snprintf(f->id, sizeof(f->id), "%s", id);
                f->at = st.st_mtim;
                *mem_push0(l->finished, l->n_finished) = TAKE_PTR(id);
                note_progress(l);
        }
        if (d)
                (void)closedir(d);
        if (n == 0)
                return;
        qsort(all, n, sizeof(*all), compare_times);
        qsort(l->finished, l->n_finished, sizeof(char *), compare_names);
        for (size_t k = 0; k < n; k++)
                add_id(&l->c->finished, &l->c->n_finished, all[k].id);
}

static int compare_detected(const void *a, const void *b)
{
        const Incident *x = *(Incident *const *)a, *y = *(Incident *const *)b;

        if (x->detected_msec != y->detected_msec)
                return x->detected_msec < y->detected_msec ? -1 : 1;
        return strcmp(x->id, y->id);
}

static void load_folder(Load *l)
{
        list_finished(l);
        load_memories(l);
        for (size_t k = 0; k < l->n_ids; k++)
                load_incident(l, l->ids[k], "");
        for (size_t k = 0; l->o->look_only && k < l->n_finished; k++)
                load_incident(l, l->finished[k], SPOOL_FINISHED_NAME "/");
        if (l->c->n_incidents > 0)
                qsort(l->c->incidents, l->c->n_incidents, sizeof(Incident *), compare_detected);
}

int spool_read(const char *directory, const SpoolReadOptions *o, SpoolContent *ret)
{
        Load l = {.directory = directory, .o = o, .c = ret};
        int r;

        l.folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (l.folder < 0)
                return -errno;
        r = list_folder(&l);
        if (r >= 0)
                load_folder(&l);
        (void)close(l.folder); /* nothing was written through it */
        mem_free_strv(l.ids, l.n_ids);
        mem_free_strv(l.finished, l.n_finished);
        return r;
}

int spool_peek(const char *directory, SpoolContent *ret)
{
        return spool_read(directory, &(SpoolReadOptions){.look_only = true}, ret);
}
