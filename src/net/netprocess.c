/* SPDX-License-Identifier: Apache-2.0 */
/* A program on sd-event: first its output until the end of file, then its end, both within one
 * deadline. It leads a process group of its own, which is killed when it is not waited for any
 * longer; the dead leader is then reaped in passing, by a source that belongs to nobody.
 *
 * The end is learnt from a pidfd: SIGCHLD would have to be blocked in the whole program.
 * https://man7.org/linux/man-pages/man2/pidfd_open.2.html */

#include "net/netprocess.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/mem.h"
#include "base/thread.h"

#define DISK_PATIENCE_USEC USEC_PER_SEC

#ifndef P_PIDFD
#define P_PIDFD 3 /* Linux 5.4; glibc 2.36 */
#endif

struct NetProcess {
        sd_event *event;
        pid_t pid;
        int pidfd;               /* -EBADF once the program has been waited for */
        sd_event_source *source; /* owns a descriptor: output, then a copy of pidfd */
        sd_event_source *deadline;
        StrBuf output;
        NetProcessCallback callback;
        void *userdata;
};

/* The exit status as shells have it; -EAGAIN while the program runs. */
static int reap(int pidfd)
{
        siginfo_t info = {};

        if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
                return -EAGAIN;
        return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static int on_dead(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
        (void)reap(fd); /* nobody asks how it ended */
        return sd_event_source_set_floating(s, false);
}

/* Hands pidfd over to a source that outlives the process object. */
static void reap_later(sd_event *event, int pidfd)
{
        sd_event_source *s = NULL;

        if (sd_event_add_io(event, &s, pidfd, EPOLLIN, on_dead, NULL) < 0 ||
            sd_event_source_set_io_fd_own(s, true) < 0)
                (void)close(pidfd); /* the loop is at its end, and so are we */
        else
                (void)sd_event_source_set_floating(s, true); /* cannot fail on a live source */
        sd_event_source_unref(s);
}

void net_process_cancel(NetProcess *p)
{
        if (!p)
                return;
        sd_event_source_disable_unref(p->source);
        sd_event_source_disable_unref(p->deadline);
        if (p->pidfd >= 0) {
                (void)kill(-p->pid, SIGKILL); /* before it is reaped the number is its own */
                reap_later(p->event, p->pidfd);
        }
        strbuf_wipe(&p->output);
        sd_event_unref(p->event);
        free(p);
}

static void finish(NetProcess *p, int error, int exit_status)
{
        NetProcessCallback callback = p->callback;
        void *userdata = p->userdata;
        _cleanup_strbuf_wipe_ StrBuf output = p->output;

        p->output = STRBUF_INIT(0);
        net_process_cancel(p);
        callback(userdata, &(NetProcessResult){.error = error,
                                               .exit_status = exit_status,
                                               .output = strbuf_str(&output),
                                               .output_len = output.len});
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata)
{
        finish(userdata, -ETIMEDOUT, 0);
        return 0;
}

static int on_end(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
        NetProcess *p = userdata;
        int status;

        (void)kill(-p->pid, SIGKILL); /* what it has left behind */
        status = reap(p->pidfd);
        if (status == -EAGAIN)
                return 0;
        p->source = sd_event_source_disable_unref(p->source);
        (void)close(p->pidfd); /* a handle, not a file */
        p->pidfd = -EBADF;
        finish(p, 0, status);
        return 0;
}

static int on_output(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
        NetProcess *p = userdata;
        char piece[4096];
        ssize_t n = read(fd, piece, sizeof(piece));

        if (n < 0)
                return 0; /* EAGAIN; an error would come again, until the deadline */
        if (n > 0) {
                strbuf_add_n(&p->output, piece, (size_t)n);
                secret_cleanse(piece, sizeof(piece));
                if (strbuf_error(&p->output) < 0)
                        finish(p, -E2BIG, 0);
                return 0;
        }

        p->source = sd_event_source_disable_unref(p->source);
        if (sd_event_add_io(p->event, &p->source, p->pidfd, EPOLLIN, on_end, p) < 0)
                abort(); /* a deadline is set, so the loop takes sources */
        return 0;
}

/* What a program is started with. */
typedef struct Spawn {
        char **argv;
        size_t n_args;
        int output; /* its end of the pipe, owned */
        pid_t pid;
} Spawn;

static void spawn_free(Spawn *s)
{
        for (size_t i = 0; i < s->n_args; i++)
                secret_free_text(s->argv[i]);
        free(s->argv);
        (void)close(s->output); /* the program's end */
        free(s);
}

static Spawn *spawn_new(const char *const argv[], int output)
{
        Spawn *s = mem_new0(Spawn);

        s->output = output;
        for (; argv[s->n_args]; s->n_args++)
                ;
        s->argv = mem_alloc0((s->n_args + 1) * sizeof(char *));
        for (size_t i = 0; i < s->n_args; i++)
                s->argv[i] = mem_strdup(argv[i]);
        return s;
}

/* posix_spawn(3) tells when there is no such program, or none that may be run; until the program
 * has been read from its disk, it does not return. */
static int spawn(void *data)
{
        Spawn *s = data;
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, usual;
        int r;

        if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawnattr_init(&attributes) != 0)
                mem_exhausted();
        sigemptyset(&none);
        sigemptyset(&usual);
        sigaddset(&usual, SIGPIPE);
        r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY,
                                                     0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, s->output, STDOUT_FILENO);
        if (r == 0) /* libcurl opens some that are not close-on-exec */
                r = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
        if (r == 0)
                r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP |
                                                                  POSIX_SPAWN_SETSIGMASK |
                                                                  POSIX_SPAWN_SETSIGDEF);
        if (r == 0)
                r = posix_spawnattr_setsigmask(&attributes, &none);
        if (r == 0)
                r = posix_spawnattr_setsigdefault(&attributes, &usual);
        if (r == 0)
                r = posix_spawnp(&s->pid, s->argv[0], &actions, &attributes, s->argv,
                                 environment_for_programs());
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return -r;
}

static void on_late_spawn(void *data, int result)
{
        Spawn *s = data;

        if (result >= 0) {
                (void)kill(-s->pid, SIGKILL);
                (void)waitpid(s->pid, NULL, 0); /* which is dead */
        }
        spawn_free(s);
}

/* Takes output. */
static int spawn_in_time(const char *const argv[], int output, pid_t *ret)
{
        Spawn *s = spawn_new(argv, output);
        int r, called;

        /* Ignored, as some launchers leave it, it would have the kernel reap: how a program ended
         * would be lost, and its number could be another's already. */
        (void)signal(SIGCHLD, SIG_DFL);
        called = thread_call(&(ThreadCall){spawn, on_late_spawn, s}, DISK_PATIENCE_USEC, &r);
        if (called == -ETIMEDOUT)
                return -EIO;
        if (called == -EBUSY)
                r = -EIO;
        else if (called < 0)
                r = spawn(s); /* no thread is to be had */
        *ret = s->pid;
        spawn_free(s);
        return r;
}

int net_process_start(sd_event *event, const NetProcessOptions *o, NetProcessCallback callback,
                      void *userdata, NetProcess **ret)
{
        NetProcess *p = mem_new0(NetProcess);
        int fds[2], r;

        *p = (NetProcess){
                .event = sd_event_ref(event),
                .pidfd = -EBADF,
                .output = STRBUF_INIT(o->output_max),
                .callback = callback,
                .userdata = userdata,
        };
        if (pipe2(fds, O_CLOEXEC) < 0) {
                r = -errno;
                net_process_cancel(p);
                return r;
        }
        r = spawn_in_time(o->argv, fds[1], &p->pid);
        if (r >= 0) {
                p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
                if (p->pidfd < 0) { /* no descriptors left, or a kernel before 5.3 */
                        r = -errno;
                        (void)kill(-p->pid, SIGKILL);
                        (void)waitpid(p->pid, NULL, 0); /* which is dead */
                }
        }
        if (r >= 0)
                r = fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
        if (r >= 0)
                r = sd_event_add_io(event, &p->source, fds[0], EPOLLIN, on_output, p);
        if (r < 0)
                (void)close(fds[0]); /* only read from */
        else
                r = sd_event_source_set_io_fd_own(p->source, true);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &p->deadline, CLOCK_BOOTTIME, o->timeout_usec,
                                               0, on_deadline, p);
        if (r < 0) {
                net_process_cancel(p);
                return r;
        }
        *ret = p;
        return 0;
}
