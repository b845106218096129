/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program and does something at one of its system calls: kills the process before the call
 * takes effect or after, has the call fail, or begin late. Not strace, which counts for each thread
 * by itself, so that what the second thread does too cannot be picked out, and cannot kill after a
 * call.
 *
 *     inject LOG list -- COMMAND...
 *     inject LOG before|after|ERRNO|ERRNO+|MSEC THREAD NAME N -- COMMAND...
 *
 * THREAD is main, log (the first one that main makes before its folder), writer (the first one that
 * it makes after) or other. ERRNO ("ENOSPC") fails the call
 * once, with a "+" that one and all that follow; "EINTR*3" fails three. Every call that is looked
 * at is a line of LOG, "THREAD NAME N OBJECT", and the one that was met begins with "> ".
 * Nothing counts before the first mkdir: the guard makes its folder before it writes anything.
 *
 * The program keeps its process id; who traces it is a child of it, as in strace -D. Once the calls
 * that were to fail have, it lets go, so that a sanitizer can look for leaks: see ptrace(2). */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"

#ifdef __x86_64__

typedef enum ObjectKind { OBJECT_NONE, OBJECT_FD, OBJECT_PATH, OBJECT_PATH_AT } ObjectKind;

/* Those that change something, and those that take what may have run out. */
static const struct Name {
        int number;
        const char *name;
        ObjectKind object;
} names[] = {
        {SYS_openat, "openat", OBJECT_PATH_AT}, /* "create" with O_CREAT */
        {SYS_write, "write", OBJECT_FD},
        {SYS_writev, "writev", OBJECT_FD},
        {SYS_pwrite64, "pwrite64", OBJECT_FD},
        {SYS_fsync, "fsync", OBJECT_FD},
        {SYS_fdatasync, "fdatasync", OBJECT_FD},
        {SYS_rename, "rename", OBJECT_PATH},
        {SYS_renameat, "renameat", OBJECT_PATH_AT},
        {SYS_renameat2, "renameat2", OBJECT_PATH_AT},
        {SYS_unlink, "unlink", OBJECT_PATH},
        {SYS_unlinkat, "unlinkat", OBJECT_PATH_AT},
        {SYS_mkdir, "mkdir", OBJECT_PATH},
        {SYS_mkdirat, "mkdirat", OBJECT_PATH_AT},
        {SYS_link, "link", OBJECT_PATH},
        {SYS_linkat, "linkat", OBJECT_PATH_AT},
        {SYS_fchmod, "fchmod", OBJECT_FD},
        {SYS_fchown, "fchown", OBJECT_FD},
        {SYS_ftruncate, "ftruncate", OBJECT_FD},
        {SYS_sendto, "sendto", OBJECT_FD},
        {SYS_sendmsg, "sendmsg", OBJECT_FD},
        {SYS_read, "read", OBJECT_FD},
        {SYS_recvfrom, "recvfrom", OBJECT_FD},
        {SYS_socket, "socket", OBJECT_NONE},
        {SYS_connect, "connect", OBJECT_FD},
        {SYS_clone3, "clone3", OBJECT_NONE},
        {SYS_epoll_ctl, "epoll_ctl", OBJECT_FD},
        {SYS_getdents64, "getdents64", OBJECT_FD},
        {SYS_newfstatat, "newfstatat", OBJECT_PATH_AT},
        {SYS_eventfd2, "eventfd2", OBJECT_NONE},
        {SYS_inotify_init1, "inotify_init1", OBJECT_NONE},
        {SYS_inotify_add_watch, "inotify_add_watch", OBJECT_PATH_AT},
        {SYS_timerfd_create, "timerfd_create", OBJECT_NONE},
};

static const struct {
        const char *name;
        int value;
} errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EDQUOT", EDQUOT}, {"EINTR", EINTR},
              {"EMFILE", EMFILE}, {"EAGAIN", EAGAIN}, {"EACCES", EACCES}};

typedef enum Role { ROLE_MAIN, ROLE_LOG, ROLE_WRITER, ROLE_OTHER, _ROLE_MAX } Role;
static const char *const role_names[] = {"main", "log", "writer", "other"};

static FILE *arg_log;
static const char *arg_thread, *arg_name;
static unsigned arg_n, arg_times; /* how many calls are met */
static int arg_error;             /* 0: it is a kill, or a delay */
static unsigned arg_msec;
static bool arg_after;

static pid_t program, logger, writer;
static pid_t held;    /* a thread that is at the call that begins late */
static pid_t returns; /* ... or at the call after which it is killed */
static unsigned n_met;
static bool begun, over;
static unsigned counts[_ROLE_MAX][ELEMENTSOF(names) + 1]; /* the last one: create */

static _noreturn_ void fail(const char *what)
{
        fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
        exit(EXIT_FAILURE);
}

static void describe(pid_t tid, const struct ptrace_syscall_info *info, ObjectKind kind,
                     char ret[static 512])
{
        __u64 address = info->entry.args[kind == OBJECT_PATH_AT];
        char link[64], path[256] = "";
        ssize_t n = 0;

        if (kind == OBJECT_PATH || kind == OBJECT_PATH_AT) {
                struct iovec to = {path, 255}, from = {(void *)(uintptr_t)address, 255};

                /* A page at whose end the text stands. */
                from.iov_len = MIN(from.iov_len, (size_t)(4096 - address % 4096));
                (void)process_vm_readv(tid, &to, 1, &from, 1, 0);
        }
        if (kind == OBJECT_FD || (kind == OBJECT_PATH_AT && *path != '/')) {
                (void)snprintf(link, sizeof(link), "/proc/%d/fd/%d", tid, (int)info->entry.args[0]);
                n = readlink(link, ret, 255);
        }
        ret[MAX(n, (ssize_t)0)] = '\0';
        if (*path)
                (void)snprintf(ret + strlen(ret), 257, "%s%s", *ret ? "/" : "", path);
}

/* The spool's thread says who it is: prctl(2), PR_SET_NAME. */
static void note_name(pid_t tid, const struct ptrace_syscall_info *info)
{
        char name[16] = "";
        struct iovec to = {name, sizeof(name) - 1},
                     from = {(void *)(uintptr_t)info->entry.args[1], sizeof(name) - 1};

        if (info->entry.nr == SYS_prctl && info->entry.args[0] == PR_SET_NAME &&
            process_vm_readv(tid, &to, 1, &from, 1, 0) > 0 && streq(name, "disk"))
                writer = tid;
}

/* Whether this is the call that was asked for, which is then noted. */
static bool is_met(pid_t tid, const struct ptrace_syscall_info *info)
{
        Role role = tid == program  ? ROLE_MAIN
                    : tid == logger ? ROLE_LOG
                    : tid == writer ? ROLE_WRITER
                                    : ROLE_OTHER;
        size_t k = 0;
        char object[512];

        while (k < ELEMENTSOF(names) && names[k].number != (int)info->entry.nr)
                k++;
        if (k == ELEMENTSOF(names))
                return false;
        begun = begun || names[k].number == SYS_mkdir;
        /* What epoll has, it lets go of without fail. */
        if (!begun || (names[k].number == SYS_epoll_ctl && info->entry.args[1] != EPOLL_CTL_ADD))
                return false;
        bool create = names[k].number == SYS_openat && info->entry.args[2] & O_CREAT;
        const char *name = create ? "create" : names[k].name;
        unsigned n = ++counts[role][create ? ELEMENTSOF(names) : k];
        bool met = arg_name && streq(role_names[role], arg_thread) && streq(name, arg_name) &&
                   n >= arg_n && n_met < arg_times;

        n_met += met;
        describe(tid, info, names[k].object, object);
        fprintf(arg_log, "%s%s %s %u %s\n", met ? "> " : "", role_names[role], name, n, object);
        (void)fflush(arg_log);
        return met;
}

static void resume(pid_t tid, int sig)
{
        if (tid != held)
                (void)ptrace(over ? PTRACE_DETACH : PTRACE_SYSCALL, tid, 0, sig);
}

static void at_call(pid_t tid)
{
        struct ptrace_syscall_info info;

        if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) < 0)
                return;
        if (info.op == PTRACE_SYSCALL_INFO_EXIT && tid == returns)
                (void)kill(program, SIGKILL);
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
                note_name(tid, &info);
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !is_met(tid, &info))
                return;
        if (arg_error) {
                /* No call has this number: it is skipped, and what is in rax is its result. */
                (void)ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, orig_rax),
                             -1L);
                (void)ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rax),
                             -(long)arg_error);
                over = n_met == arg_times;
        } else if (arg_msec > 0) {
                struct timeval after = {arg_msec / 1000, arg_msec % 1000 * 1000};

                /* More than once: the first may come when nothing waits for it. */
                held = tid;
                (void)setitimer(ITIMER_REAL, &(struct itimerval){{0, 100000}, after}, NULL);
        } else if (arg_after)
                returns = tid;
        else
                (void)kill(program, SIGKILL);
}

static void on_alarm(int sig)
{
}

static void trace(void)
{
        const struct sigaction interrupt = {.sa_handler = on_alarm};

        (void)sigaction(SIGALRM, &interrupt, NULL);
        for (;;) {
                int status, sig = 0;
                pid_t tid = waitpid(-1, &status, __WALL);

                if (tid < 0 && errno == EINTR) {
                        pid_t late = held;

                        held = 0;
                        over = true;
                        resume(late, 0);
                        continue;
                }
                if (tid < 0)
                        return;
                if (!WIFSTOPPED(status))
                        continue;
                int event = status >> 16;
                if (event == PTRACE_EVENT_CLONE) {
                        unsigned long made = 0;

                        (void)ptrace(PTRACE_GETEVENTMSG, tid, 0, &made);
                        if (!logger)
                                logger = (pid_t)made; /* the first that is made */
                } else if (WSTOPSIG(status) == (SIGTRAP | 0x80))
                        at_call(tid);
                else if (event == 0)
                        sig = WSTOPSIG(status);
                resume(tid, sig);
        }
}

static bool parse(int argc, char *argv[])
{
        const char *what = argc > 4 ? argv[2] : "";
        size_t len = strcspn(what, "+*");

        if (argc > 4 && streq(what, "list") && streq(argv[3], "--"))
                return true;
        if (argc < 8 || !streq(argv[6], "--"))
                return false;
        arg_thread = argv[3];
        arg_name = argv[4];
        arg_n = (unsigned)strtoul(argv[5], NULL, 10);
        arg_after = streq(what, "after");
        arg_times = 1;
        arg_msec = (unsigned)strtoul(what, NULL, 10);
        if (arg_after || arg_msec > 0 || streq(what, "before"))
                return true;
        for (size_t k = 0; k < ELEMENTSOF(errors); k++)
                if (strlen(errors[k].name) == len && strncmp(errors[k].name, what, len) == 0)
                        arg_error = errors[k].value;
        if (what[len])
                arg_times =
                        what[len] == '+' ? UINT32_MAX : (unsigned)strtoul(what + len + 1, NULL, 10);
        return arg_error != 0;
}

int main(int argc, char *argv[])
{
        int ready[2];
        char c;

        if (!parse(argc, argv)) {
                fputs("usage: inject LOG list|before|after|ERRNO[+|*N]|MSEC [THREAD NAME N] -- "
                      "COMMAND...\n",
                      stderr);
                return 2;
        }
        arg_log = fopen(argv[1], "we");
        if (!arg_log)
                fail(argv[1]);
        program = getpid();
        if (pipe2(ready, O_CLOEXEC) < 0)
                fail("pipe");
        pid_t tracer = fork();
        if (tracer < 0)
                fail("fork");
        if (tracer == 0) {
                (void)close(STDOUT_FILENO);
                (void)close(STDERR_FILENO);
                if (ptrace(PTRACE_SEIZE, program, 0,
                           PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD |
                                   PTRACE_O_EXITKILL) < 0)
                        _exit(EXIT_FAILURE);
                (void)close(ready[0]);
                (void)close(ready[1]);
                trace();
                _exit(EXIT_SUCCESS);
        }
        (void)close(ready[1]);
        (void)prctl(PR_SET_PTRACER, tracer, 0, 0, 0); /* where only ancestors may trace, else */
        if (read(ready[0], &c, 1) != 0)
                fail("tracer");
        char **command = argv + (arg_name ? 7 : 4);
        (void)execvp(command[0], command);
        fail(command[0]);
}

#else

int main(void)
{
        fputs("inject: this machine's registers are not known here\n", stderr);
        return 77;
}

#endif
