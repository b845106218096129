/* SPDX-License-Identifier: Apache-2.0 */
/* The spool on a disk that loses power. What the real writer does is noted, call by call (--wrap),
 * and each beginning of that is made into every folder that a crash may leave: data that was not
 * synced is missing, torn or zeros, names that were not synced are there or not, one by one. The
 * real loader then has to find what was acknowledged, and nothing older.
 *
 * The rules are the weakest that POSIX lets a file system have; see "All File Systems Are Not
 * Created Equal" (OSDI 2014). Mistakes are planted by changing what was noted, and have to show. */

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#include "base/mem.h"
#include "core/incidentjson.h"
#include "daemon/spool.h"

#define N_INCIDENTS 3
#define TRAIL_ARN "arn:aws:cloudtrail:us-east-1:111122223333:trail/management-events"
#define PATIENCE (60 * USEC_PER_SEC)
#define FDS_MAX 64
#define UNSYNCED_NAMES_MAX 6 /* 2^n folders; of more than that, the older ones are there */

static const char *const ids[N_INCIDENTS] = {"aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb",
                                             "cccccccccccccccc"};

/* What the writer does */

typedef enum StepKind {
        STEP_CREATE,
        STEP_WRITE,
        STEP_SYNC_FILE,
        STEP_RENAME,
        STEP_LINK,
        STEP_UNLINK,
        STEP_SYNC_FOLDER,
        STEP_ACKNOWLEDGE, /* the loop is told */
} StepKind;

typedef struct Step {
        StepKind kind;
        size_t file; /* by number of creation */
        char name[64], to[64];
        char *data;
        size_t len;
} Step;

static struct {
        Step *steps;
        size_t n_steps, n_files;
        size_t file_of[FDS_MAX]; /* + 1; 0: none of ours */
        bool on;
} noted;
static pthread_t test_thread;

static Step *note(StepKind kind, size_t file, const char *name)
{
        Step *s = mem_push0(noted.steps, noted.n_steps);

        s->kind = kind;
        s->file = file;
        (void)snprintf(s->name, sizeof(s->name), "%s", name ? name : "");
        return s;
}

/* Only the writer's, one at a time, so that nothing has to be locked. */
static bool is_noted(void)
{
        return noted.on && !pthread_equal(pthread_self(), test_thread);
}

int __real_openat(int folder, const char *name, int flags, ...);
int __wrap_openat(int folder, const char *name, int flags, ...);
ssize_t __real_write(int fd, const void *data, size_t n);
ssize_t __wrap_write(int fd, const void *data, size_t n);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_renameat(int from, const char *name, int to, const char *new_name);
int __wrap_renameat(int from, const char *name, int to, const char *new_name);
int __real_linkat(int from, const char *name, int to, const char *new_name, int flags);
int __wrap_linkat(int from, const char *name, int to, const char *new_name, int flags);
int __real_unlinkat(int folder, const char *name, int flags);
int __wrap_unlinkat(int folder, const char *name, int flags);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);

int __wrap_openat(int folder, const char *name, int flags, ...)
{
        int fd = __real_openat(folder, name, flags, 0600);

        if (is_noted() && fd >= 0 && flags & O_CREAT) {
                assert_true(fd < FDS_MAX);
                note(STEP_CREATE, noted.n_files++, name);
                noted.file_of[fd] = noted.n_files;
        }
        return fd;
}

/* In two pieces, as a disk that is slow takes them. */
ssize_t __wrap_write(int fd, const void *data, size_t n)
{
        struct stat st;

        if (!is_noted() || fd >= FDS_MAX)
                return __real_write(fd, data, n);
        assert_int_equal(fstat(fd, &st), 0);
        if (!S_ISREG(st.st_mode)) {
                note(STEP_ACKNOWLEDGE, 0, NULL);
                return __real_write(fd, data, n);
        }
        assert_true(noted.file_of[fd] > 0);
        ssize_t done = __real_write(fd, data, n > 1 ? n / 2 : n);
        assert_true(done > 0);
        Step *s = note(STEP_WRITE, noted.file_of[fd] - 1, NULL);
        s->len = (size_t)done;
        s->data = mem_alloc0(s->len);
        memcpy(s->data, data, s->len);
        return done;
}

int __wrap_fsync(int fd)
{
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        if (is_noted() && S_ISDIR(st.st_mode))
                note(STEP_SYNC_FOLDER, 0, NULL);
        else if (is_noted())
                note(STEP_SYNC_FILE, noted.file_of[fd] - 1, NULL);
        return 0; /* the disk is made up anyway */
}

int __wrap_renameat(int from, const char *name, int to, const char *new_name)
{
        int r = __real_renameat(from, name, to, new_name);

        if (is_noted() && r == 0)
                (void)snprintf(note(STEP_RENAME, 0, name)->to, sizeof(((Step *)0)->to), "%s",
                               new_name);
        return r;
}

int __wrap_linkat(int from, const char *name, int to, const char *new_name, int flags)
{
        int r = __real_linkat(from, name, to, new_name, flags);

        if (is_noted() && r == 0)
                (void)snprintf(note(STEP_LINK, 0, name)->to, sizeof(((Step *)0)->to), "%s",
                               new_name);
        return r;
}

int __wrap_unlinkat(int folder, const char *name, int flags)
{
        int r = __real_unlinkat(folder, name, flags);

        if (is_noted() && r == 0)
                note(STEP_UNLINK, 0, name);
        return r;
}

int __wrap_unlink(const char *path)
{
        int r = __real_unlink(path);

        if (is_noted() && r == 0)
                note(STEP_UNLINK, 0, strrchr(path, '/') + 1);
        return r;
}

/* The disk after the power is back */

typedef struct Content {
        char *data;
        size_t len, synced;
} Content;

typedef struct Name {
        char text[64];
        size_t file;
} Name;

typedef struct Disk {
        Content *files;
        size_t n_files;
        Name names[16];
        size_t n_names;
} Disk;

static size_t find_name(const Disk *d, const char *text)
{
        size_t k = 0;

        while (k < d->n_names && !streq(d->names[k].text, text))
                k++;
        return k;
}

static void set_name(Disk *d, const char *text, size_t file)
{
        size_t k = find_name(d, text);

        assert_true(k < ELEMENTSOF(d->names));
        if (k == d->n_names)
                (void)snprintf(d->names[d->n_names++].text, sizeof(d->names[k].text), "%s", text);
        d->names[k].file = file;
}

static void drop_name(Disk *d, const char *text)
{
        size_t k = find_name(d, text);

        if (k < d->n_names)
                d->names[k] = d->names[--d->n_names];
}

/* The file that a rename moves is what had that name when it was done, whatever is lost of it. */
static void apply_name(Disk *d, const Step *s, size_t file)
{
        if (s->kind == STEP_CREATE)
                set_name(d, s->name, file);
        else if (s->kind == STEP_UNLINK)
                drop_name(d, s->name);
        else {
                if (s->kind == STEP_RENAME)
                        drop_name(d, s->name);
                set_name(d, s->to, file);
        }
}

static const char *base_name(const char *name)
{
        const char *slash = strrchr(name, '/');

        return slash ? slash + 1 : name;
}

typedef enum Tear { TEAR_NOTHING, TEAR_ALL, TEAR_HALF, TEAR_BYTE, TEAR_ZEROS, _TEAR_MAX } Tear;

static void put_file(const char *folder, const Name *n, const Content *c, Tear tear)
{
        _cleanup_free_ char *path = mem_printf("%s/%s", folder, n->text);
        _cleanup_free_ char *zeros = mem_alloc0(c->len + 1);
        size_t open_len = c->len - c->synced;
        size_t kept = tear == TEAR_NOTHING ? open_len
                      : tear == TEAR_ALL   ? 0
                      : tear == TEAR_HALF  ? open_len / 2
                                           : open_len - MIN(open_len, (size_t)1);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

        assert_true(fd >= 0);
        if (tear == TEAR_ZEROS)
                kept = 0;
        assert_int_equal(__real_write(fd, c->data, c->synced + kept), c->synced + kept);
        if (tear == TEAR_ZEROS)
                assert_int_equal(__real_write(fd, zeros, open_len), open_len);
        (void)close(fd);
}

/* What has to be there, and what may be */

typedef struct Versions {
        int64_t incident[N_INCIDENTS];
        int64_t memory;
} Versions;

typedef struct Crash {
        char *folder;
        Versions acknowledged, begun, found;
        bool removed[N_INCIDENTS]; /* the oldest finished ones may go */
        unsigned folders, violations;
} Crash;

static int64_t *version_of(Versions *v, const char *file_name)
{
        for (size_t k = 0; k < N_INCIDENTS; k++)
                if (strncmp(base_name(file_name), ids[k], strlen(ids[k])) == 0)
                        return &v->incident[k];
        return &v->memory;
}

static bool is_right(int64_t found, int64_t acknowledged, int64_t begun, bool removed)
{
        return (found >= acknowledged || (removed && found == 0)) && found <= begun;
}

static void judge(Crash *c)
{
        _cleanup_(spool_content_done) SpoolContent content = {};
        bool right;

        c->found = (Versions){};
        c->folders++;
        assert_int_equal(spool_peek(c->folder, &content), 0);
        for (size_t k = 0; k < content.n_incidents; k++)
                *version_of(&c->found, content.incidents[k]->id) = content.incidents[k]->stop_msec;
        for (size_t k = 0; k < content.n_memories; k++) {
                /* The baseline is in the same file, and of the same age. */
                assert_string_equal(content.memories[k].baseline_by, "somebody");
                c->found.memory = content.memories[k].stop_msec;
        }
        right = content.n_losses == 0 &&
                is_right(c->found.memory, c->acknowledged.memory, c->begun.memory, false);
        for (size_t k = 0; k < N_INCIDENTS; k++)
                right = right && is_right(c->found.incident[k], c->acknowledged.incident[k],
                                          c->begun.incident[k], c->removed[k]);
        c->violations += !right;
}

typedef struct Pending {
        const Step *step;
        size_t file;
} Pending;

static void crash_once(Crash *c, const Disk *d, Tear tear)
{
        for (size_t k = 0; k < d->n_names; k++)
                put_file(c->folder, &d->names[k], &d->files[d->names[k].file], tear);
        judge(c);
        for (size_t k = 0; k < d->n_names; k++) {
                _cleanup_free_ char *path = mem_printf("%s/%s", c->folder, d->names[k].text);

                assert_int_equal(__real_unlink(path), 0);
        }
}

static bool is_torn(const Disk *d)
{
        for (size_t k = 0; k < d->n_names; k++)
                if (d->files[d->names[k].file].synced < d->files[d->names[k].file].len)
                        return true;
        return false;
}

/* Every folder that may be left when these names are not synced. */
static void crash_here(Crash *c, const Disk *base, const Pending *pending, size_t n_pending)
{
        for (unsigned subset = 0; subset < 1U << n_pending; subset++) {
                Disk d = *base;

                for (size_t k = 0; k < n_pending; k++)
                        if (subset & 1U << k)
                                apply_name(&d, pending[k].step, pending[k].file);
                for (Tear tear = 0; tear < (is_torn(&d) ? _TEAR_MAX : 1); tear++)
                        crash_once(c, &d, tear);
        }
}

/* 0 while it is half of a file. */
static int64_t version_in(const Content *content)
{
        _cleanup_json_ json_t *o = json_loadb(content->data, content->len, 0, NULL);
        const json_t *trails = json_object_get(o, "trails");
        const json_t *of = trails ? json_array_get(trails, 0) : o;

        return json_integer_value(json_object_get(of, "stop_msec"));
}

static void write_step(Crash *c, Disk *now, const Step *s)
{
        Content *f = &now->files[s->file];
        char *grown = mem_alloc0(f->len + s->len);

        if (f->len > 0)
                memcpy(grown, f->data, f->len);
        memcpy(grown + f->len, s->data, s->len);
        free(f->data);
        f->data = grown;
        f->len += s->len;
        for (size_t k = 0; k < now->n_names; k++)
                if (now->names[k].file == s->file && version_in(f) > 0)
                        *version_of(&c->begun, now->names[k].text + 1) = version_in(f);
}

static void acknowledge(Crash *c, const Disk *now)
{
        for (size_t k = 0; k < now->n_names; k++)
                if (now->names[k].text[0] != '.' && !streq(now->names[k].text, "trails.json.1"))
                        *version_of(&c->acknowledged, now->names[k].text) =
                                version_in(&now->files[now->names[k].file]);
}

/* Crashes before the first step and after each. */
static Crash crash_everywhere(const Step *steps, size_t n_steps)
{
        char folder[] = "/dev/shm/test-spooldisk-XXXXXX";
        Crash c = {.folder = mkdtemp(folder)};
        _cleanup_free_ char *finished = mem_printf("%s/finished", folder);
        /* As whoever looks sees it, and as it is on the disk but for what is pending. */
        Disk now = {.files = mem_alloc0(noted.n_files * sizeof(Content))};
        Disk durable = {.files = now.files};
        Pending pending[UNSYNCED_NAMES_MAX];
        size_t n_pending = 0;

        assert_int_equal(mkdir(finished, 0700), 0);
        for (size_t n = 0; n < n_steps; n++) {
                const Step *s = &steps[n];
                size_t k, file = s->file;

                if (s->kind == STEP_CREATE || s->kind == STEP_RENAME || s->kind == STEP_LINK ||
                    s->kind == STEP_UNLINK) {
                        k = find_name(&now, s->name);
                        if (s->kind == STEP_RENAME || s->kind == STEP_LINK)
                                file = now.names[k].file;
                        apply_name(&now, s, file);
                        if (n_pending == UNSYNCED_NAMES_MAX) {
                                apply_name(&durable, pending[0].step, pending[0].file);
                                memmove(pending, pending + 1, --n_pending * sizeof(*pending));
                        }
                        pending[n_pending++] = (Pending){s, file};
                        for (k = 0; s->kind == STEP_UNLINK && k < N_INCIDENTS; k++)
                                c.removed[k] |= base_name(s->name)[0] == ids[k][0];
                } else if (s->kind == STEP_WRITE)
                        write_step(&c, &now, s);
                else if (s->kind == STEP_SYNC_FILE)
                        now.files[s->file].synced = now.files[s->file].len;
                else if (s->kind == STEP_SYNC_FOLDER) {
                        for (k = 0; k < n_pending; k++)
                                apply_name(&durable, pending[k].step, pending[k].file);
                        n_pending = 0;
                } else if (s->kind == STEP_ACKNOWLEDGE)
                        acknowledge(&c, &now);
                crash_here(&c, &durable, pending, n_pending);
        }
        for (size_t k = 0; k < noted.n_files; k++)
                free(now.files[k].data);
        free(now.files);
        assert_int_equal(rmdir(finished), 0);
        assert_int_equal(rmdir(c.folder), 0);
        return c;
}

/* What is noted */

static void on_stored(void *userdata, const char *id, uint64_t generation, int error)
{
        assert_int_equal(error, 0);
        ++*(unsigned *)userdata;
}

static void on_loaded(void *userdata, SpoolContent *content, int error)
{
        assert_int_equal(error, 0);
}

static char *dump(json_t *taken)
{
        char *text = json_dumps(taken, JSON_INDENT(1));

        json_decref(taken);
        assert_non_null(text);
        return text;
}

static void store(Spool *s, size_t k, int64_t version)
{
        Incident i = {.stop_msec = version, .trail_arn = (char *)TRAIL_ARN, .open = version < 3};

        (void)snprintf(i.id, sizeof(i.id), "%s", ids[k]);
        spool_store_incident(s, ids[k], (uint64_t)version, dump(incident_to_json(&i)));
}

static void store_memories(Spool *s, int64_t version)
{
        TrailMemory m = {.arn = (char *)TRAIL_ARN,
                         .stop_msec = version,
                         .baseline_by = (char *)"somebody",
                         .baseline_msec = version};
        json_t *trails = json_array(), *incidents = json_array();

        assert_int_equal(json_array_append_new(trails, trail_memory_to_json(&m)), 0);
        for (size_t k = 0; version < 3 && k < N_INCIDENTS; k++)
                assert_int_equal(json_array_append_new(incidents, json_string(ids[k])), 0);
        spool_store_memories(s, dump(json_pack("{s:i, s:o, s:o}", "version", 1, "trails", trails,
                                               "incidents", incidents)));
}

/* The last that is done. */
static void wait_until_put_away(const char *folder)
{
        _cleanup_free_ char *last = mem_printf("%s/finished/%s.json", folder, ids[2]);
        _cleanup_free_ char *removed = mem_printf("%s/finished/%s.json", folder, ids[1]);

        while (access(last, F_OK) < 0 || access(removed, F_OK) >= 0)
                (void)sched_yield();
}

static int setup(void **state)
{
        char folder[] = "/dev/shm/test-spooldisk-XXXXXX";
        unsigned stored = 0, asked = 0;
        sd_event *event = NULL;
        Spool *s = NULL;

        test_thread = pthread_self();
        if (!mkdtemp(folder) || sd_event_new(&event) < 0)
                return -1;
        noted.on = true;
        assert_int_equal(spool_new(&(SpoolOptions){.event = event,
                                                   .directory = folder,
                                                   .callback = on_stored,
                                                   .loaded = on_loaded,
                                                   .userdata = &stored,
                                                   .finished_max = 1},
                                   &s),
                         0);
        for (int64_t version = 1; version <= 3; version++) {
                for (size_t k = 0; k < N_INCIDENTS; k++, asked++)
                        store(s, k, version);
                store_memories(s, version);
                asked++;
                /* One that the memories still call unfinished is not the oldest of 10,000. */
                for (size_t k = 0; version == 3 && k < N_INCIDENTS; k++)
                        spool_archive(s, ids[k]);
                while (stored < asked)
                        assert_true(sd_event_run(event, PATIENCE) > 0);
        }
        wait_until_put_away(folder);
        spool_free(s, PATIENCE);
        noted.on = false;
        sd_event_unref(event);
        _cleanup_free_ char *command = mem_printf("rm -rf '%s'", folder);
        return system(command);
}

static int teardown(void **state)
{
        for (size_t k = 0; k < noted.n_steps; k++)
                free(noted.steps[k].data);
        free(noted.steps);
        return 0;
}

static void test_every_crash(void **state)
{
        Crash c = crash_everywhere(noted.steps, noted.n_steps);

        print_message("%zu steps, %u folders that a crash may leave\n", noted.n_steps, c.folders);
        assert_int_equal(c.violations, 0);
        assert_true(c.folders > 500);
        assert_int_equal(c.acknowledged.memory, 3);
        for (size_t k = 0; k < N_INCIDENTS; k++)
                assert_int_equal(c.begun.incident[k], 3);
}

/* Planted mistakes: the same steps without one kind of them. */
static unsigned count_without(StepKind kind)
{
        Step *steps = mem_alloc0(noted.n_steps * sizeof(*steps));
        size_t n = 0;

        for (size_t k = 0; k < noted.n_steps; k++)
                if (noted.steps[k].kind != kind)
                        steps[n++] = noted.steps[k];
        Crash c = crash_everywhere(steps, n);
        free(steps);
        return c.violations;
}

static void test_without_syncing_files(void **state)
{
        assert_true(count_without(STEP_SYNC_FILE) > 0);
}

static void test_without_syncing_folders(void **state)
{
        assert_true(count_without(STEP_SYNC_FOLDER) > 0);
}

static void test_renamed_before_synced(void **state)
{
        Step *steps = mem_alloc0(noted.n_steps * sizeof(*steps));

        memcpy(steps, noted.steps, noted.n_steps * sizeof(*steps));
        for (size_t k = 0; k + 1 < noted.n_steps; k++)
                if (steps[k].kind == STEP_SYNC_FILE && steps[k + 1].kind == STEP_RENAME) {
                        Step s = steps[k];
                        steps[k] = steps[k + 1];
                        steps[k + 1] = s;
                }
        assert_true(crash_everywhere(steps, noted.n_steps).violations > 0);
        free(steps);
}

/* Told before it was so. */
static void test_acknowledged_before_renamed(void **state)
{
        Step *steps = mem_alloc0(2 * noted.n_steps * sizeof(*steps));
        size_t n = 0;

        for (size_t k = 0; k < noted.n_steps; k++) {
                bool folder = noted.steps[k].kind == STEP_SYNC_FOLDER;

                if (folder)
                        steps[n++] = (Step){.kind = STEP_ACKNOWLEDGE};
                steps[n++] = noted.steps[k];
        }
        assert_true(crash_everywhere(steps, n).violations > 0);
        free(steps);
}

int main(int argc, char *argv[])
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_crash),
                cmocka_unit_test(test_without_syncing_files),
                cmocka_unit_test(test_without_syncing_folders),
                cmocka_unit_test(test_renamed_before_synced),
                cmocka_unit_test(test_acknowledged_before_renamed),
        };

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, setup, teardown);
}
