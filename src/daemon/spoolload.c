/* SPDX-License-Identifier: Apache-2.0 */
/* The reading half of the spool, in two passes, the first of which only finds the order: there may
 * be ten thousand incidents, and one at a time is to be in memory. What is on disk may be half of a
 * file from a crash, hand-edited, or a link that somebody left: each file is read by itself,
 * capped, and set aside when it is not what its name says, so that one bad file costs no other one.
 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "core/incidentjson.h"
#include "daemon/spool.h"

#define MEMORIES_VERSION 1

typedef struct Place {
        char id[33];
        int64_t detected_msec;
} Place;

typedef struct Load {
        const char *directory;
        const SpoolLoad *to;
        int folder;
        bool look_only;
        Place *places; /* of good incidents */
        size_t n_places;
} Load;

static bool has_suffix(const char *s, const char *suffix)
{
        size_t n = strlen(s), m = strlen(suffix);

        return n > m && streq(s + n - m, suffix);
}

/* What is told of a file that may be right but cannot be read at the moment: it stays. */
static void tell_unreadable(Load *l, const char *name, int error)
{
        _cleanup_free_ char *path = mem_printf("%s/%s", l->directory, name);
        _cleanup_free_ char *reason = mem_printf("cannot be read: %s", strerror(-error));

        l->to->corrupt(l->to->userdata, path, reason);
}

static void set_aside(Load *l, const char *name, const char *reason)
{
        _cleanup_free_ char *aside = mem_printf("%s.corrupt", name);
        _cleanup_free_ char *path = mem_printf("%s/%s", l->directory, name);
        _cleanup_free_ char *said = NULL;

        if (!l->look_only && renameat(l->folder, name, l->folder, aside) >= 0)
                said = mem_printf("%s; set aside as %s", reason, aside);
        l->to->corrupt(l->to->userdata, path, said ? said : reason);
}

/* -EBADMSG with a reason for what can be no file of ours, another -errno when it cannot be read. */
static int read_file(const Load *l, const char *name, StrBuf *text, const char **reterr_reason)
{
        struct stat st;
        int fd, r = 0;

        fd = openat(l->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno != ELOOP)
                return -errno;
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                *reterr_reason = "is not a regular file";
        else
                r = fd_read(fd, text);
        if (r == -E2BIG)
                *reterr_reason = "is larger than 16 MiB";
        if (fd >= 0)
                (void)close(fd); /* nothing was written */
        return *reterr_reason ? -EBADMSG : r;
}

/* The object in a file; NULL when there is none, which is then told and set aside. */
static json_t *read_object(Load *l, const char *name)
{
        _cleanup_strbuf_ StrBuf text = STRBUF_INIT(SPOOL_FILE_MAX);
        const char *reason = NULL;
        json_t *object = NULL;
        int r;

        r = read_file(l, name, &text, &reason);
        if (r >= 0) {
                r = json_parse(strbuf_str(&text), text.len, SPOOL_FILE_MAX, &object);
                if (r == -ELOOP)
                        reason = "is nested too deeply";
                else if (r < 0)
                        reason = text.len > 0 ? "is not JSON" : "is empty";
        }
        if (reason)
                set_aside(l, name, reason);
        else if (r < 0) {
                tell_unreadable(l, name, r);
                if (l->to->spool && streq(name, SPOOL_MEMORIES_NAME))
                        spool_keep_memories(l->to->spool, r);
        }
        return object;
}

/* NULL when there is none, which is then told and set aside. */
static Incident *read_incident(Load *l, const char *id)
{
        _cleanup_free_ char *name = mem_printf("%s.json", id);
        _cleanup_json_ json_t *object = read_object(l, name);
        _cleanup_(incident_freep) Incident *incident = NULL;
        const char *field = NULL;
        int r;

        if (!object)
                return NULL;
        r = incident_from_json(object, &incident, &field);
        if (r < 0) {
                _cleanup_free_ char *reason = mem_printf("is not an incident of version 1%s%s",
                                                         field ? ": " : "", strempty(field));

                set_aside(l, name, reason);
                return NULL;
        }
        if (!streq(incident->id, id)) {
                set_aside(l, name, "holds another incident than its name says");
                return NULL;
        }
        return TAKE_PTR(incident);
}

static void find_place(Load *l, const char *id)
{
        _cleanup_(incident_freep) Incident *incident = read_incident(l, id);

        if (!incident)
                return;
        Place *p = mem_push0(l->places, l->n_places);
        memcpy(p->id, incident->id, sizeof(p->id));
        p->detected_msec = incident->detected_msec;
}

/* The good ones count, even among bad ones: without its memory, a trail that was stopped while
 * the guard was down looks as if it had never been seen. */
static void read_memories(Load *l)
{
        _cleanup_json_ json_t *object = read_object(l, SPOOL_MEMORIES_NAME);
        const json_t *trails = json_object_get(object, "trails");
        bool bad = !json_is_array(trails) ||
                   json_integer_value(json_object_get(object, "version")) != MEMORIES_VERSION;
        json_t *item;
        size_t i;

        if (!object)
                return;
        json_array_foreach(trails, i, item)
        {
                TrailMemory memory = {};

                if (trail_memory_from_json(item, &memory) >= 0)
                        l->to->memory(l->to->userdata, &memory);
                else
                        bad = true;
                trail_memory_done(&memory);
        }
        if (bad)
                set_aside(l, SPOOL_MEMORIES_NAME, "is not a list of trails of version 1");
}

static int place_compare(const void *a, const void *b)
{
        const Place *x = a, *y = b;

        if (x->detected_msec != y->detected_msec)
                return x->detected_msec < y->detected_msec ? -1 : 1;
        return strcmp(x->id, y->id);
}

static void hand_over(Load *l)
{
        if (l->n_places > 0)
                qsort(l->places, l->n_places, sizeof(*l->places), place_compare);
        for (size_t i = 0; i < l->n_places; i++) {
                Incident *incident = read_incident(l, l->places[i].id);

                if (!incident)
                        continue;
                if (l->to->spool && incident_is_finished(incident))
                        spool_note_finished(l->to->spool, incident->id);
                l->to->incident(l->to->userdata, incident);
        }
        free(l->places);
}

static int load_folder(Load *l)
{
        struct dirent **entries;
        int n;

        l->folder = open(l->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (l->folder < 0)
                return -errno;
        n = scandir(l->directory, &entries, NULL, alphasort);
        if (n < 0) {
                n = -errno;
                (void)close(l->folder);
                return n;
        }

        for (int i = 0; i < n; i++) {
                const char *name = entries[i]->d_name;

                if (streq(name, SPOOL_MEMORIES_NAME))
                        read_memories(l);
                else if (name[0] == '.' && has_suffix(name, ".tmp")) {
                        if (!l->look_only)
                                (void)unlinkat(l->folder, name, 0); /* the next write does too */
                } else if (has_suffix(name, ".json")) {
                        _cleanup_free_ char *id = mem_strndup(name, strlen(name) - 5);

                        if (spool_id_is_valid(id))
                                find_place(l, id);
                }
                free(entries[i]);
        }
        free(entries);
        hand_over(l);
        (void)close(l->folder);
        return 0;
}

int spool_load(const char *directory, const SpoolLoad *load)
{
        Load l = {.directory = directory, .to = load};
        int r = load_folder(&l);

        if (r == -ENOENT)
                return 0;
        if (r < 0 && load->spool)
                spool_keep_memories(load->spool, r); /* nobody knows what they say */
        return r;
}

int spool_peek(const char *directory, const SpoolLoad *load)
{
        Load l = {.directory = directory, .to = load, .look_only = true};

        return load_folder(&l);
}
