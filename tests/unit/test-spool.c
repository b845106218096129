/* SPDX-License-Identifier: Apache-2.0 */
/* The spool against real folders. fsync() and renameat() are this file's own: they note the order
 * of what is done, hold the writer up as a stalled disk does, and fail on demand. */

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit.h"

#include "base/mem.h"
#include "daemon/spool.h"

#define ID_A "00000000000000aa"
#define ID_B "00000000000000bb"
#define PATIENCE (30 * USEC_PER_SEC) /* far more than any test takes */

/* The disk */

static struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool stalled;
        unsigned n_waiting; /* writers held up */
        int fail_fsync;     /* errno of the next fsync() of a file */
        int fail_rename;
        char steps[64]; /* 'f' file synced, 'r' renamed, 'd' folder synced */
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void disk_note(char c)
{
        size_t n = strlen(disk.steps);

        if (n + 1 < sizeof(disk.steps))
                disk.steps[n] = c;
        (void)pthread_cond_broadcast(&disk.changed);
}

int fsync(int fd)
{
        struct stat st;
        int error = 0;

        assert_int_equal(fstat(fd, &st), 0);
        (void)pthread_mutex_lock(&disk.lock);
        disk.n_waiting++;
        (void)pthread_cond_broadcast(&disk.changed);
        while (disk.stalled)
                (void)pthread_cond_wait(&disk.changed, &disk.lock);
        disk.n_waiting--;
        if (S_ISREG(st.st_mode)) {
                error = disk.fail_fsync;
                disk.fail_fsync = 0;
        }
        disk_note(S_ISREG(st.st_mode) ? 'f' : 'd');
        (void)pthread_mutex_unlock(&disk.lock);

        if (error) {
                errno = error;
                return -1;
        }
        return (int)syscall(SYS_fsync, fd);
}

int renameat(int old_folder, const char *old_name, int new_folder, const char *new_name)
{
        int error;

        (void)pthread_mutex_lock(&disk.lock);
        error = disk.fail_rename;
        disk.fail_rename = 0;
        disk_note('r');
        (void)pthread_mutex_unlock(&disk.lock);

        if (error) {
                errno = error;
                return -1;
        }
        return (int)syscall(SYS_renameat, old_folder, old_name, new_folder, new_name);
}

static void disk_stall(bool stalled)
{
        (void)pthread_mutex_lock(&disk.lock);
        disk.stalled = stalled;
        (void)pthread_cond_broadcast(&disk.changed);
        (void)pthread_mutex_unlock(&disk.lock);
}

static void disk_wait_for_writer(void)
{
        (void)pthread_mutex_lock(&disk.lock);
        while (disk.n_waiting == 0)
                (void)pthread_cond_wait(&disk.changed, &disk.lock);
        (void)pthread_mutex_unlock(&disk.lock);
}

static void expect_steps(const char *expected)
{
        char steps[sizeof(disk.steps)];

        (void)pthread_mutex_lock(&disk.lock);
        memcpy(steps, disk.steps, sizeof(steps));
        (void)pthread_mutex_unlock(&disk.lock);
        assert_string_equal(steps, expected);
}

/* What a test works with: a folder, a loop, a spool, and what was reported. */

typedef struct Report {
        char id[33]; /* "" for the memories */
        uint64_t generation;
        int error;
        uint64_t settled;
} Report;

typedef struct Fixture {
        char *parent;
        char *folder;
        sd_event *event;
        size_t n_threads; /* before there was a spool */
        Spool *spool;
        Report *reports;
        size_t n_reports;
        size_t finished_max;
        uint64_t retry_usec;
        bool loaded;
        int load_error; /* of the last attempt */
        unsigned n_failures;
        SpoolId finished[4]; /* that were there */
        size_t n_finished;
} Fixture;

static void on_stored(void *userdata, const char *id, uint64_t generation, int error)
{
        Fixture *f = userdata;
        Report *r = mem_push0(f->reports, f->n_reports);

        (void)snprintf(r->id, sizeof(r->id), "%s", strempty(id));
        r->generation = generation;
        r->error = error;
        r->settled = f->spool ? spool_settled(f->spool) : 0;
}

static size_t count_threads(void)
{
        DIR *tasks = opendir("/proc/self/task");
        size_t n = 0;

        assert_non_null(tasks);
        while (readdir(tasks))
                n++;
        (void)closedir(tasks);
        return n;
}

static void wait_for_threads(size_t n)
{
        while (count_threads() > n)
                (void)sched_yield();
}

static void on_loaded(void *userdata, SpoolContent *content, int error)
{
        Fixture *f = userdata;

        f->loaded = content != NULL;
        f->load_error = error;
        f->n_failures += error < 0;
        f->n_finished = content ? content->n_finished : 0;
        assert_true(f->n_finished <= ELEMENTSOF(f->finished));
        for (size_t k = 0; k < f->n_finished; k++)
                memcpy(f->finished[k], content->finished[k], sizeof(SpoolId));
}

static void run_until_loaded(Fixture *f)
{
        while (!f->loaded)
                assert_true(sd_event_run(f->event, PATIENCE) > 0);
}

static void spool_begin(Fixture *f)
{
        f->loaded = false;
        f->load_error = 0;
        f->n_failures = 0;
        assert_int_equal(spool_new(&(SpoolOptions){.event = f->event,
                                                   .directory = f->folder,
                                                   .callback = on_stored,
                                                   .loaded = on_loaded,
                                                   .userdata = f,
                                                   .finished_max = f->finished_max,
                                                   .retry_usec = f->retry_usec},
                                   &f->spool),
                         0);
}

static void spool_open(Fixture *f)
{
        spool_begin(f);
        run_until_loaded(f);
        (void)pthread_mutex_lock(&disk.lock); /* the writer may tidy up by now */
        memset(disk.steps, 0, sizeof(disk.steps));
        (void)pthread_mutex_unlock(&disk.lock);
}

static int setup(void **state)
{
        Fixture *f = mem_new0(Fixture);

        f->parent = mem_strdup("/tmp/test-spool-XXXXXX");
        if (!mkdtemp(f->parent))
                return -1;
        f->folder = mem_printf("%s/state", f->parent);
        if (sd_event_new(&f->event) < 0)
                return -1;
        f->n_threads = count_threads();
        spool_open(f);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *command = mem_printf("rm -rf '%s'", f->parent);

        disk_stall(false);
        f->spool = spool_free(f->spool, PATIENCE);
        sd_event_unref(f->event);
        free(f->reports);
        free(f->folder);
        free(f->parent);
        free(f);
        return system(command);
}

static void run_until_reports(Fixture *f, size_t n)
{
        while (f->n_reports < n)
                assert_true(sd_event_run(f->event, PATIENCE) > 0);
        assert_int_equal(f->n_reports, n);
}

static char *path_in(const Fixture *f, const char *name)
{
        return mem_printf("%s/%s", f->folder, name);
}

static char *content_of(const Fixture *f, const char *name)
{
        _cleanup_free_ char *path = path_in(f, name);
        char *text = mem_alloc0(4096);
        FILE *file = fopen(path, "r");
        size_t n;

        if (!file) {
                free(text);
                return NULL;
        }
        n = fread(text, 1, 4095, file);
        text[n] = '\0';
        (void)fclose(file);
        return text;
}

static void put(const Fixture *f, const char *name, const char *text)
{
        _cleanup_free_ char *path = path_in(f, name);
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static void expect_content(const Fixture *f, const char *name, const char *expected)
{
        _cleanup_free_ char *text = content_of(f, name);

        if (!expected)
                assert_null(text);
        else {
                assert_non_null(text);
                assert_string_equal(text, expected);
        }
}

/* Those of a new machine, with nobody in them. */
static void expect_no_memories(const Fixture *f)
{
        _cleanup_free_ char *text = content_of(f, "trails.json");

        assert_non_null(text);
        assert_non_null(strstr(text, "\"trails\": [],"));
}

static void expect_report(const Fixture *f, size_t i, const char *id, uint64_t generation,
                          int error)
{
        assert_true(i < f->n_reports);
        assert_string_equal(f->reports[i].id, id);
        assert_int_equal(f->reports[i].generation, generation);
        assert_int_equal(f->reports[i].error, error);
}

/* Tests */

static void test_modes(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *path = path_in(f, "trails.json");
        mode_t mask = umask(0077);
        struct stat st;

        spool_store_incident(f->spool, ID_A, 7, mem_strdup("a"));
        spool_store_memories(f->spool, mem_strdup("m"));
        run_until_reports(f, 2);
        expect_report(f, 0, ID_A, 7, 0);
        expect_report(f, 1, "", 0, 0);
        expect_content(f, ID_A ".json", "a");
        expect_content(f, "trails.json", "m");
        (void)umask(mask);

        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(stat(f->folder, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0750);
}

static void test_order_of_a_durable_replacement(void **state)
{
        Fixture *f = *state;

        spool_store_incident(f->spool, ID_A, 1, mem_strdup("{}"));
        run_until_reports(f, 1);
        expect_steps("frd");
}

static void test_not_reported_before_the_loop_runs(void **state)
{
        Fixture *f = *state;

        disk_stall(true);
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("{}"));
        disk_wait_for_writer();
        /* The loop is free, and nothing is said to be stored yet. */
        assert_int_equal(sd_event_run(f->event, 0), 0);
        assert_int_equal(f->n_reports, 0);
        expect_content(f, ID_A ".json", NULL);

        disk_stall(false);
        run_until_reports(f, 1);
        expect_report(f, 0, ID_A, 1, 0);
        expect_content(f, ID_A ".json", "{}");
}

static void test_waiting_writes_of_a_file_are_one(void **state)
{
        Fixture *f = *state;

        disk_stall(true);
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("1"));
        disk_wait_for_writer();
        for (uint64_t g = 2; g <= 1000; g++) {
                spool_store_incident(f->spool, ID_A, g, mem_printf("%d", (int)g));
                spool_store_incident(f->spool, ID_B, g, mem_printf("%d", (int)g));
                spool_store_memories(f->spool, mem_strdup("m"));
        }
        disk_stall(false);

        run_until_reports(f, 4);
        expect_report(f, 0, ID_A, 1, 0); /* had begun */
        expect_report(f, 1, ID_A, 1000, 0);
        expect_report(f, 2, ID_B, 1000, 0);
        expect_report(f, 3, "", 0, 0);
        expect_content(f, ID_A ".json", "1000");
        expect_content(f, ID_B ".json", "1000");
        expect_steps("frdfrdfrdfrd");
}

static char *text_of_size(size_t size)
{
        char *text = mem_alloc0(size + 1);

        memset(text, ' ', size);
        return text;
}

static void test_memory_is_bounded(void **state)
{
        Fixture *f = *state;

        disk_stall(true);
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("1"));
        disk_wait_for_writer();
        for (unsigned i = 0; i < 5; i++) {
                _cleanup_free_ char *id = mem_printf("%016x", 0x100 + i);

                spool_store_incident(f->spool, id, i, text_of_size(SPOOL_FILE_MAX));
        }
        run_until_reports(f, 1); /* four fit; the loop hears of the fifth while the disk stalls */
        expect_report(f, 0, "0000000000000104", 4, -ENOBUFS);

        disk_stall(false);
        run_until_reports(f, 6);
        for (size_t i = 1; i < 6; i++)
                assert_int_equal(f->reports[i].error, 0);
}

/* What was replaced before it was written takes no room any more. */
static void test_replaced_writes_take_no_room(void **state)
{
        Fixture *f = *state;

        disk_stall(true);
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("1"));
        disk_wait_for_writer();
        for (uint64_t g = 1; g <= 10; g++)
                spool_store_incident(f->spool, ID_B, g, text_of_size(SPOOL_FILE_MAX));
        disk_stall(false);

        run_until_reports(f, 2);
        expect_report(f, 0, ID_A, 1, 0);
        expect_report(f, 1, ID_B, 10, 0);
}

static void test_too_large_for_reading_back(void **state)
{
        Fixture *f = *state;

        spool_store_incident(f->spool, ID_A, 1, text_of_size(SPOOL_FILE_MAX + 1));
        run_until_reports(f, 1);
        expect_report(f, 0, ID_A, 1, -EFBIG);
}

/* A failed write leaves the former content, no temporary file, and a spool that goes on. */
static void expect_failure_and_recovery(Fixture *f, int error)
{
        _cleanup_free_ char *temporary = path_in(f, "." ID_A ".json.tmp");

        expect_report(f, 1, ID_A, 2, error);
        expect_content(f, ID_A ".json", "former");
        assert_int_equal(access(temporary, F_OK), -1);
        spool_store_incident(f->spool, ID_A, 3, mem_strdup("later"));
        run_until_reports(f, 3);
        expect_report(f, 2, ID_A, 3, 0);
        expect_content(f, ID_A ".json", "later");
}

static void store_former(Fixture *f)
{
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("former"));
        run_until_reports(f, 1);
        expect_report(f, 0, ID_A, 1, 0);
}

static void test_io_error(void **state)
{
        Fixture *f = *state;

        store_former(f);
        (void)pthread_mutex_lock(&disk.lock);
        disk.fail_fsync = EIO;
        (void)pthread_mutex_unlock(&disk.lock);
        spool_store_incident(f->spool, ID_A, 2, mem_strdup("newer"));
        run_until_reports(f, 2);
        expect_failure_and_recovery(f, -EIO);
}

static void test_rename_error(void **state)
{
        Fixture *f = *state;

        store_former(f);
        (void)pthread_mutex_lock(&disk.lock);
        disk.fail_rename = ENOSPC;
        (void)pthread_mutex_unlock(&disk.lock);
        spool_store_incident(f->spool, ID_A, 2, mem_strdup("newer"));
        run_until_reports(f, 2);
        expect_failure_and_recovery(f, -ENOSPC);
}

static void test_file_size_limit(void **state)
{
        Fixture *f = *state;
        struct rlimit before, limit;
        char *text = mem_alloc0(8193);

        store_former(f);
        (void)signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        limit = before;
        limit.rlim_cur = 4096;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        memset(text, ' ', 8192);
        spool_store_incident(f->spool, ID_A, 2, text);
        run_until_reports(f, 2);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        expect_failure_and_recovery(f, -EFBIG);
}

static void test_full_disk(void **state)
{
        Fixture *f = *state;
        char *text = mem_alloc0(256 * 1024 + 1);

        if (mount("tmpfs", f->folder, "tmpfs", 0, "size=64k") < 0) {
                print_message("needs to mount a small tmpfs\n");
                free(text);
                skip();
        }
        store_former(f);
        memset(text, ' ', 256 * 1024);
        spool_store_incident(f->spool, ID_A, 2, text);
        run_until_reports(f, 2);
        expect_failure_and_recovery(f, -ENOSPC);
        assert_int_equal(umount2(f->folder, MNT_DETACH), 0);
}

static void test_no_permission(void **state)
{
        Fixture *f = *state;
        uid_t user = geteuid();

        store_former(f);
        assert_int_equal(chmod(f->folder, 0555), 0);
        assert_int_equal(chmod(f->parent, 0755), 0);
        if (user == 0)
                assert_int_equal(seteuid(65534), 0);
        spool_store_incident(f->spool, ID_A, 2, mem_strdup("newer"));
        run_until_reports(f, 2);
        if (user == 0)
                assert_int_equal(seteuid(0), 0);
        assert_int_equal(chmod(f->folder, 0755), 0);
        expect_failure_and_recovery(f, -EACCES);
}

static void test_folder_vanishes_and_returns(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *aside = mem_printf("%s/aside", f->parent);

        assert_int_equal(rename(f->folder, aside), 0);
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("1"));
        run_until_reports(f, 1);
        expect_report(f, 0, ID_A, 1, -ENOENT);

        assert_int_equal(mkdir(f->folder, 0750), 0);
        spool_store_incident(f->spool, ID_A, 2, mem_strdup("2"));
        run_until_reports(f, 2);
        expect_report(f, 1, ID_A, 2, 0);
        expect_content(f, ID_A ".json", "2");
}

static void test_link_in_the_place_of_a_file(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *link = path_in(f, ID_A ".json");
        _cleanup_free_ char *temporary = path_in(f, "." ID_B ".json.tmp");

        put(f, "target", "untouched");
        assert_int_equal(symlink("target", link), 0);
        assert_int_equal(symlink("target", temporary), 0);
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("a"));
        spool_store_incident(f->spool, ID_B, 1, mem_strdup("b"));
        run_until_reports(f, 2);
        expect_content(f, "target", "untouched");
        expect_content(f, ID_A ".json", "a");
        expect_content(f, ID_B ".json", "b");
}

static void test_free_writes_what_was_asked(void **state)
{
        Fixture *f = *state;

        spool_store_incident(f->spool, ID_A, 1, mem_strdup("a"));
        spool_store_incident(f->spool, ID_B, 1, mem_strdup("b"));
        f->spool = spool_free(f->spool, PATIENCE);
        expect_content(f, ID_A ".json", "a");
        expect_content(f, ID_B ".json", "b");
        assert_int_equal(f->n_reports, 2); /* the last ones can be told to the journal, too */
}

/* A memory that knows of a stop would hide, after a crash, the incident that is not on disk. */
static void test_memories_wait_for_an_incident_that_failed(void **state)
{
        Fixture *f = *state;

        disk.fail_fsync = ENOSPC;
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("a"));
        spool_store_memories(f->spool, mem_strdup("m"));
        run_until_reports(f, 2);
        expect_report(f, 0, ID_A, 1, -ENOSPC);
        expect_report(f, 1, "", 0, -ENOSPC);
        expect_no_memories(f);

        spool_store_incident(f->spool, ID_A, 2, mem_strdup("a"));
        spool_store_memories(f->spool, mem_strdup("m"));
        run_until_reports(f, 4);
        expect_report(f, 3, "", 0, 0);
        expect_content(f, "trails.json", "m");
}

/* Their place is behind what was asked for before them, also when an older one waits further up. */
static void test_memories_go_behind_the_incidents_before_them(void **state)
{
        Fixture *f = *state;

        disk_stall(true);
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("a"));
        disk_wait_for_writer();
        spool_store_memories(f->spool, mem_strdup("older"));
        spool_store_incident(f->spool, ID_B, 1, mem_strdup("b"));
        spool_store_memories(f->spool, mem_strdup("newer"));
        disk_stall(false);
        run_until_reports(f, 3);
        expect_report(f, 1, ID_B, 1, 0);
        expect_report(f, 2, "", 0, 0);
        expect_content(f, "trails.json", "newer");
}

/* What is refused at once comes after what waits: that one is not what was asked for last. */
static void test_memories_wait_for_an_incident_that_was_refused(void **state)
{
        Fixture *f = *state;

        disk_stall(true);
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("1"));
        disk_wait_for_writer();
        spool_store_incident(f->spool, ID_A, 2, mem_strdup("2"));
        spool_store_incident(f->spool, ID_A, 3, text_of_size(SPOOL_FILE_MAX + 1));
        spool_store_memories(f->spool, mem_strdup("m"));
        disk_stall(false);
        run_until_reports(f, 4);
        expect_report(f, 0, ID_A, 3, -EFBIG);
        expect_report(f, 2, ID_A, 2, 0);
        expect_report(f, 3, "", 0, -EFBIG);
        expect_no_memories(f);

        spool_store_incident(f->spool, ID_A, 4, mem_strdup("4"));
        spool_store_memories(f->spool, mem_strdup("m"));
        run_until_reports(f, 6);
        expect_report(f, 5, "", 0, 0);
}

/* One that is being written is neither in the list of those that wait nor done. */
static void test_not_settled_while_it_is_written(void **state)
{
        Fixture *f = *state;

        disk_stall(true);
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("a"));
        disk_wait_for_writer();
        assert_int_equal(spool_asked(f->spool), 1);
        assert_int_equal(spool_settled(f->spool), 0);
        disk_stall(false);
        run_until_reports(f, 1);
        assert_int_equal(spool_settled(f->spool), 1);
}

/* Both are done when the loop hears of them: of the second nothing is known with the first. */
static void test_settled_is_what_was_called_back(void **state)
{
        Fixture *f = *state;

        disk_stall(true);
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("a"));
        spool_store_incident(f->spool, ID_B, 1, mem_strdup("b"));
        assert_int_equal(spool_asked(f->spool), 2);
        assert_int_equal(spool_settled(f->spool), 0);
        (void)pthread_mutex_lock(&disk.lock);
        disk.fail_fsync = EIO;
        (void)pthread_mutex_unlock(&disk.lock);
        disk_stall(false);
        f->spool = spool_free(f->spool, PATIENCE);
        expect_report(f, 0, ID_A, 1, -EIO);
        expect_report(f, 1, ID_B, 1, 0);
        assert_int_equal(f->reports[0].settled, 1);
        assert_int_equal(f->reports[1].settled, 2);
}

/* The thread hangs in the kernel: leaving does not, and nothing is called back. */
static void test_free_gives_up_on_a_stalled_disk(void **state)
{
        Fixture *f = *state;

        disk_stall(true);
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("a"));
        spool_store_incident(f->spool, ID_B, 1, mem_strdup("b"));
        disk_wait_for_writer();
        f->spool = spool_free(f->spool, 1000);
        assert_int_equal(sd_event_run(f->event, 0), 0);
        assert_int_equal(f->n_reports, 0);

        /* The abandoned thread ends with the file that it was at. */
        disk_stall(false);
        wait_for_threads(f->n_threads);
        expect_steps("frd");
        expect_content(f, ID_B ".json", NULL);
        spool_open(f);
        spool_store_incident(f->spool, ID_B, 1, mem_strdup("b"));
        run_until_reports(f, 1);
        expect_content(f, ID_B ".json", "b");
}

static void test_no_folder_fails_the_writes_only(void **state)
{
        static const struct {
                const char *name;
                int error;
        } cases[] = {{"file", -ENOTDIR}, {"a/b", -ENOENT}};
        Fixture *f = *state;

        put(f, "file", "");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *path = path_in(f, cases[i].name);

                f->spool = spool_free(f->spool, PATIENCE);
                mem_strset(&f->folder, path);
                spool_begin(f);
                while (f->n_failures == 0)
                        assert_true(sd_event_run(f->event, PATIENCE) > 0);
                assert_int_equal(f->load_error, cases[i].error);
                spool_store_incident(f->spool, ID_A, 1, mem_strdup("a"));
                run_until_reports(f, i + 1);
                expect_report(f, i, ID_A, 1, cases[i].error);
                mem_strset(&f->folder, f->parent);
        }
}

static void test_ids(void **state)
{
        assert_true(spool_id_is_valid(ID_A));
        assert_true(spool_id_is_valid("0123456789abcdef0123456789abcdef"));
        assert_false(spool_id_is_valid("0123456789abcdef0123456789abcdef0"));
        assert_false(spool_id_is_valid(""));
        assert_false(spool_id_is_valid("../aa"));
        assert_false(spool_id_is_valid("AA"));
}

static void wait_for_removal(const Fixture *f, const char *name)
{
        _cleanup_free_ char *path = path_in(f, name);

        while (access(path, F_OK) == 0)
                (void)sched_yield();
}

/* They are put where no start reads them; the oldest of them goes. */
static void test_finished_are_put_away(void **state)
{
        Fixture *f = *state;

        f->spool = spool_free(f->spool, PATIENCE);
        f->finished_max = 2;
        spool_open(f);
        spool_store_incident(f->spool, "a1", 1, mem_strdup("open"));
        run_until_reports(f, 1);
        for (int k = 2; k <= 4; k++) {
                _cleanup_free_ char *id = mem_printf("a%d", k);

                spool_store_incident(f->spool, id, 1, mem_strdup("finished"));
                spool_archive(f->spool, id);
                run_until_reports(f, (size_t)k);
        }
        wait_for_removal(f, "finished/a2.json");
        expect_content(f, "a1.json", "open");
        expect_content(f, "a3.json", NULL);
        expect_content(f, "finished/a3.json", "finished");
        expect_content(f, "finished/a4.json", "finished");

        f->spool = spool_free(f->spool, PATIENCE);
        spool_open(f);
        assert_int_equal(f->n_finished, 2);
        assert_string_equal(f->finished[0], "a3");
        assert_string_equal(f->finished[1], "a4");
}

/* What it became last is not on disk: it stays where it is read. */
static void test_not_put_away_before_it_is_stored(void **state)
{
        Fixture *f = *state;

        spool_store_incident(f->spool, ID_A, 1, mem_strdup("1"));
        run_until_reports(f, 1);
        spool_store_incident(f->spool, ID_A, 2, text_of_size(SPOOL_FILE_MAX + 1));
        spool_archive(f->spool, ID_A);
        spool_store_incident(f->spool, ID_B, 1, mem_strdup("b"));
        run_until_reports(f, 3);
        expect_report(f, 1, ID_A, 2, -EFBIG);
        expect_content(f, ID_A ".json", "1");

        spool_store_incident(f->spool, ID_A, 3, mem_strdup("3"));
        run_until_reports(f, 4);
        wait_for_removal(f, ID_A ".json");
        expect_content(f, "finished/" ID_A ".json", "3");
}

static int take_lock(const Fixture *f)
{
        _cleanup_free_ char *path = path_in(f, "lock");
        int fd = open(path, O_RDWR | O_CLOEXEC);

        assert_true(fd >= 0);
        return flock(fd, LOCK_EX | LOCK_NB) < 0 ? (close(fd), -errno) : fd;
}

/* Nobody but the daemon's user can hold it. */
static void test_lock_is_held(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *path = path_in(f, "lock");
        struct stat st;
        int fd;

        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(take_lock(f), -EWOULDBLOCK);
        f->spool = spool_free(f->spool, PATIENCE);
        fd = take_lock(f);
        assert_true(fd >= 0);
        (void)close(fd);
        spool_open(f); /* for what follows */
}

/* Nothing is read and nothing is written while another has it; then it is as at a start. */
static void test_lock_of_another(void **state)
{
        Fixture *f = *state;
        int fd, folder = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        f->spool = spool_free(f->spool, PATIENCE);
        put(f, "trails.json", "of another");
        fd = take_lock(f);
        /* A lock of the folder, which everybody who reads it can have, means nothing. */
        assert_int_equal(flock(folder, LOCK_EX | LOCK_NB), 0);
        f->retry_usec = 1000;
        spool_begin(f);
        while (f->n_failures == 0)
                assert_true(sd_event_run(f->event, PATIENCE) > 0);
        assert_int_equal(f->load_error, -EBUSY);
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("a"));
        spool_store_memories(f->spool, mem_strdup("m"));
        run_until_reports(f, 2);
        expect_report(f, 0, ID_A, 1, -EBUSY);
        expect_report(f, 1, "", 0, -EBUSY);
        expect_content(f, ID_A ".json", NULL);
        expect_content(f, "trails.json", "of another");

        (void)close(fd);
        run_until_loaded(f);
        assert_int_equal(f->n_failures, 1); /* told once */
        spool_store_incident(f->spool, ID_A, 2, mem_strdup("a"));
        run_until_reports(f, 3);
        expect_report(f, 2, ID_A, 2, 0);
        (void)close(folder);
}

/* The disk answers nothing: what is asked meanwhile waits, and nothing is called back. */
static void test_stalled_while_it_reads(void **state)
{
        Fixture *f = *state;
        uint64_t progress;

        f->spool = spool_free(f->spool, PATIENCE);
        _cleanup_free_ char *command = mem_printf("rm -rf '%s'", f->folder);
        assert_int_equal(system(command), 0);
        disk_stall(true); /* of a new folder, the first file */
        spool_begin(f);
        spool_store_incident(f->spool, ID_A, 1, mem_strdup("a"));
        disk_wait_for_writer();
        progress = spool_progress(f->spool);
        assert_int_equal(sd_event_run(f->event, 0), 0);
        assert_int_equal(spool_progress(f->spool), progress);
        disk_stall(false);
        run_until_loaded(f);
        run_until_reports(f, 1);
        expect_report(f, 0, ID_A, 1, 0);
        assert_true(progress > 0);
        assert_true(spool_progress(f->spool) >= progress);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNIT_MAIN(TEST(test_modes), TEST(test_order_of_a_durable_replacement),
          TEST(test_not_reported_before_the_loop_runs), TEST(test_waiting_writes_of_a_file_are_one),
          TEST(test_memory_is_bounded), TEST(test_replaced_writes_take_no_room),
          TEST(test_too_large_for_reading_back), TEST(test_io_error), TEST(test_rename_error),
          TEST(test_file_size_limit), TEST(test_full_disk), TEST(test_no_permission),
          TEST(test_folder_vanishes_and_returns), TEST(test_link_in_the_place_of_a_file),
          TEST(test_free_writes_what_was_asked), TEST(test_settled_is_what_was_called_back),
          TEST(test_free_gives_up_on_a_stalled_disk), TEST(test_no_folder_fails_the_writes_only),
          TEST(test_finished_are_put_away), TEST(test_not_put_away_before_it_is_stored),
          TEST(test_lock_is_held), TEST(test_lock_of_another), TEST(test_stalled_while_it_reads),
          TEST(test_memories_wait_for_an_incident_that_failed),
          TEST(test_memories_wait_for_an_incident_that_was_refused),
          TEST(test_not_settled_while_it_is_written),
          TEST(test_memories_go_behind_the_incidents_before_them), T(test_ids))
