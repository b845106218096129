/* SPDX-License-Identifier: Apache-2.0 */
/* Files and programs of the real NetEnv. The programs are the system's own; the loop runs until
 * what is waited for has happened. */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/httpcurl.h"

#define SECONDS_MAX 100

typedef struct Fixture {
        sd_event *event;
        NetEnv *env;
        char folder[64];
        char path[128]; /* of a file in it */
        unsigned n_called;
        int error;
        int exit_status;
        char output[256];
        size_t output_len;
} Fixture;

static int setup(void **state)
{
        Fixture *f = mem_new0(Fixture);

        (void)alarm(SECONDS_MAX); /* something hangs */
        assert_true(sd_event_new(&f->event) >= 0);
        f->env = net_env_new_event(f->event, NULL);
        (void)snprintf(f->folder, sizeof(f->folder), "/tmp/test-netenv-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        (void)snprintf(f->path, sizeof(f->path), "%s/file", f->folder);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;

        net_env_free_event(f->env);
        sd_event_unref(f->event);
        (void)unlink(f->path); /* not every case makes it */
        assert_int_equal(rmdir(f->folder), 0);
        free(f);
        return 0;
}

static void write_file(Fixture *f, const char *text)
{
        FILE *file = fopen(f->path, "we");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static int read_file(Fixture *f, const char *path, size_t max, const char *expected)
{
        _cleanup_(secret_freep) Secret *s = NULL;
        int r = f->env->file_read(f->env, path, max, &s);

        if (r >= 0) {
                assert_string_equal(secret_expose(s), expected);
                assert_int_equal(secret_len(s), strlen(expected));
        } else {
                assert_null(s);
        }
        return r;
}

static void test_files(void **state)
{
        Fixture *f = *state;

        assert_int_equal(read_file(f, f->path, 10, ""), -ENOENT);
        write_file(f, "0123456789");
        assert_int_equal(read_file(f, f->path, 10, "0123456789"), 0);
        assert_int_equal(read_file(f, f->path, 9, ""), -E2BIG);
        write_file(f, "");
        assert_int_equal(read_file(f, f->path, 10, ""), 0);
        assert_int_equal(read_file(f, f->folder, 10, ""), -EISDIR);
        assert_int_equal(read_file(f, "/dev/zero", 10, ""), -EINVAL);
        assert_int_equal(unlink(f->path), 0);
        assert_int_equal(mkfifo(f->path, 0600), 0);
        assert_int_equal(read_file(f, f->path, 10, ""), -EINVAL); /* and does not hang */
}

static int pidfd_error; /* instead of a pidfd */

/* Of the product's, only pidfd_open(2) goes this way. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
        va_list ap;

        va_start(ap, number);
        pid_t pid = va_arg(ap, pid_t);
        va_end(ap);
        errno = pidfd_error;
        return pidfd_error ? -1 : __real_syscall(number, pid, 0);
}

/* A disk that hangs: whoever opens a file or starts a program waits until it does no more. */
static struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool hangs;
        unsigned n_met;
        pid_t last; /* program that was started late */
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static bool disk_wait(void)
{
        bool hung;

        (void)pthread_mutex_lock(&disk.lock);
        hung = disk.hangs;
        disk.n_met += hung;
        while (disk.hangs)
                (void)pthread_cond_wait(&disk.changed, &disk.lock);
        (void)pthread_mutex_unlock(&disk.lock);
        return hung;
}

/* How many have met it, so far. */
static unsigned disk_set(bool hangs)
{
        unsigned n;

        (void)pthread_mutex_lock(&disk.lock);
        disk.hangs = hangs;
        n = disk.n_met;
        (void)pthread_cond_broadcast(&disk.changed);
        (void)pthread_mutex_unlock(&disk.lock);
        return n;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
        (void)disk_wait();
        return __real_open(path, flags); /* the product's own create nothing */
}

int __real_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[],
                        char *const envp[]);
int __wrap_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[],
                        char *const envp[]);
int __wrap_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
        bool late = disk_wait();
        int r = __real_posix_spawnp(pid, file, actions, attributes, argv, envp);

        if (late)
                __atomic_store_n(&disk.last, *pid, __ATOMIC_SEQ_CST);
        return r;
}

static void on_end(void *userdata, const NetProcessResult *r)
{
        Fixture *f = userdata;

        f->n_called++;
        f->error = r->error;
        f->exit_status = r->exit_status;
        f->output_len = r->output_len;
        assert_true(r->output_len < sizeof(f->output));
        memcpy(f->output, r->output, r->output_len + 1);
}

static int start(Fixture *f, const char *const argv[], uint64_t timeout_usec, NetProcess **ret)
{
        f->n_called = 0;
        return f->env->process_start(
                f->env,
                &(NetProcessOptions){.argv = argv, .timeout_usec = timeout_usec, .output_max = 200},
                on_end, f, ret);
}

static void run(Fixture *f, const char *script, uint64_t timeout_usec)
{
        const char *const argv[] = {"sh", "-c", script, NULL};
        NetProcess *p = NULL;

        assert_int_equal(start(f, argv, timeout_usec, &p), 0);
        assert_int_equal(f->n_called, 0);
        while (f->n_called == 0)
                assert_true(sd_event_run(f->event, USEC_INFINITY) >= 0);
}

/* Goes on until every child has been reaped. */
static void wait_for_no_children(Fixture *f)
{
        siginfo_t info;

        while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
                assert_true(sd_event_run(f->event, 10 * USEC_PER_MSEC) >= 0);
        assert_int_equal(errno, ECHILD);
}

static void test_ends(void **state)
{
        Fixture *f = *state;

        run(f, "echo out; echo secret >&2; cat; exit 3", USEC_PER_MINUTE);
        assert_int_equal(f->error, 0);
        assert_int_equal(f->exit_status, 3);
        assert_string_equal(f->output, "out\n"); /* the input is empty, complaints are nobody's */

        run(f, "kill -9 $$", USEC_PER_MINUTE);
        assert_int_equal(f->error, 0);
        assert_int_equal(f->exit_status, 128 + SIGKILL);

        run(f, "exec >&-; exit 0", USEC_PER_MINUTE); /* the output ends before the program */
        assert_int_equal(f->exit_status, 0);
        assert_int_equal(f->output_len, 0);
        wait_for_no_children(f);
}

static void test_environment_and_signals_are_passed_on(void **state)
{
        Fixture *f = *state;

        assert_int_equal(setenv("TEST_NETENV", "here", 1), 0);
        (void)signal(SIGPIPE, SIG_IGN);
        run(f, "echo $TEST_NETENV; kill -s PIPE $$; echo lived", USEC_PER_MINUTE);
        (void)signal(SIGPIPE, SIG_DFL);
        assert_string_equal(f->output, "here\n");
        assert_int_equal(f->exit_status, 128 + SIGPIPE);
        assert_string_equal(f->env->environ_get(f->env, "TEST_NETENV"), "here");
}

static void test_descriptors_are_not_passed_on(void **state)
{
        Fixture *f = *state;
        int fd = open("/dev/null", O_RDONLY); /* as libraries open them */
        _cleanup_free_ char *script =
                mem_printf("if [ -e /proc/$$/fd/%d ]; then echo open; fi", fd);

        assert_true(fd > STDERR_FILENO);
        run(f, script, USEC_PER_MINUTE);
        assert_string_equal(f->output, "");
        assert_int_equal(f->exit_status, 0);
        assert_int_equal(close(fd), 0);
}

static void test_end_is_known_though_children_were_ignored(void **state)
{
        Fixture *f = *state;

        (void)signal(SIGCHLD, SIG_IGN);
        run(f, "echo out; exit 3", USEC_PER_MINUTE);
        assert_int_equal(f->error, 0);
        assert_int_equal(f->exit_status, 3);
        assert_string_equal(f->output, "out\n");
        wait_for_no_children(f);
}

static void test_too_much(void **state)
{
        Fixture *f = *state;

        run(f, "yes", USEC_PER_MINUTE);
        assert_int_equal(f->error, -E2BIG);
        wait_for_no_children(f);
}

#define PATIENCE_MSEC 30000 /* far less than a child sleeps that nobody ends */

/* Runs a program that leaves a child behind; with it the FIFO that both hold open for writing comes
 * to its end. */
static void leave_behind(Fixture *f, const char *child, uint64_t timeout_usec, int error)
{
        _cleanup_free_ char *script = mem_printf("exec 9>%s; %s & exit 0", f->path, child);

        assert_int_equal(mkfifo(f->path, 0600), 0);
        int fd = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        assert_true(fd >= 0);
        run(f, script, timeout_usec);
        assert_int_equal(f->error, error);
        struct pollfd end = {.fd = fd}; /* tells of POLLHUP in any case */
        assert_int_equal(poll(&end, 1, PATIENCE_MSEC), 1);
        assert_int_equal(close(fd), 0);
        assert_int_equal(unlink(f->path), 0);
        wait_for_no_children(f);
}

/* The deadline holds for a child that keeps the output, too, and it is killed with its parent. */
static void test_deadline_kills_what_was_started(void **state)
{
        leave_behind(*state, "sleep 1000", 300 * USEC_PER_MSEC, -ETIMEDOUT);
}

static void test_end_kills_what_was_left_behind(void **state)
{
        leave_behind(*state, "sleep 1000 >&-", USEC_PER_MINUTE, 0);
}

static void test_not_to_be_run(void **state)
{
        Fixture *f = *state;
        const char *const missing[] = {"no-such-program-here", NULL}, *const plain[] = {f->path,
                                                                                        NULL};
        NetProcess *p = NULL;

        write_file(f, "text");
        assert_int_equal(start(f, missing, USEC_PER_SEC, &p), -ENOENT);
        assert_int_equal(start(f, plain, USEC_PER_SEC, &p), -EACCES);
        assert_null(p);
        wait_for_no_children(f);
}

/* Then nothing is started, or what was started is ended. */
static void test_without_descriptors(void **state)
{
        Fixture *f = *state;
        const char *const argv[] = {"sleep", "1000", NULL};
        NetProcess *p = NULL;
        struct rlimit usual;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, usual.rlim_max}), 0);
        assert_int_equal(start(f, argv, USEC_PER_MINUTE, &p), -EMFILE);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
        pidfd_error = EMFILE;
        assert_int_equal(start(f, argv, USEC_PER_MINUTE, &p), -EMFILE);
        pidfd_error = 0;
        wait_for_no_children(f);
        assert_null(p);
        assert_int_equal(f->n_called, 0);
}

static void test_cancel(void **state)
{
        Fixture *f = *state;
        const char *const argv[] = {"sleep", "1000", NULL};
        NetProcess *p = NULL;

        assert_int_equal(start(f, argv, USEC_PER_MINUTE, &p), 0);
        f->env->process_cancel(p);
        f->env->process_cancel(NULL);
        wait_for_no_children(f);
        assert_int_equal(f->n_called, 0);
}

/* It is not waited for; only two reads find out that it hangs. Then it does no more. */
static void test_file_on_a_disk_that_hangs(void **state)
{
        Fixture *f = *state;

        write_file(f, "text");
        (void)disk_set(true);
        for (int i = 0; i < 5; i++)
                assert_int_equal(read_file(f, f->path, 10, ""), -EIO);
        assert_int_equal(disk_set(false), 2);
        while (read_file(f, f->path, 10, "text") == -EIO)
                ;
        assert_int_equal(read_file(f, f->path, 10, "text"), 0);
}

/* What comes to life late is ended. */
static void test_program_on_a_disk_that_hangs(void **state)
{
        Fixture *f = *state;
        const char *const argv[] = {"sleep", "1000", NULL};
        NetProcess *p = NULL;

        (void)disk_set(true);
        assert_int_equal(start(f, argv, USEC_PER_MINUTE, &p), -EIO);
        assert_null(p);
        (void)disk_set(false);
        while (__atomic_load_n(&disk.last, __ATOMIC_SEQ_CST) == 0)
                ;
        while (kill(disk.last, 0) == 0)
                ;
        wait_for_no_children(f);
        assert_int_equal(f->n_called, 0);
}

#define F(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
UNIT_MAIN(F(test_files), F(test_file_on_a_disk_that_hangs), F(test_program_on_a_disk_that_hangs),
          F(test_ends), F(test_environment_and_signals_are_passed_on),
          F(test_descriptors_are_not_passed_on), F(test_end_is_known_though_children_were_ignored),
          F(test_too_much), F(test_deadline_kills_what_was_started),
          F(test_end_kills_what_was_left_behind), F(test_not_to_be_run),
          F(test_without_descriptors), F(test_cancel))
