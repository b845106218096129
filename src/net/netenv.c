/* SPDX-License-Identifier: Apache-2.0 */
/* The real world as a NetEnv: the kernel's clocks, sd-event's timers, getrandom(2), the process's
 * environment, files. Timers run on CLOCK_BOOTTIME, which goes on counting while the machine is
 * suspended. */

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/httpcurl.h"
#include "net/netprocess.h"

#define TIMER_ACCURACY_USEC USEC_PER_MSEC
#define DISK_PATIENCE_USEC USEC_PER_SEC

typedef struct EventEnv {
        NetEnv env; /* first: a NetEnv is cast back to us */
        sd_event *event;
} EventEnv;

struct NetTimer {
        sd_event_source *source;
        NetTimerCallback callback;
        void *userdata;
};

static uint64_t clock_usec(clockid_t id)
{
        struct timespec ts;

        if (clock_gettime(id, &ts) < 0)
                abort(); /* no such clock: not Linux */
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t event_boottime_usec(NetEnv *e)
{
        return clock_usec(CLOCK_BOOTTIME);
}

static int64_t event_wall_msec(NetEnv *e)
{
        return (int64_t)(clock_usec(CLOCK_REALTIME) / USEC_PER_MSEC);
}

static double event_random01(NetEnv *e)
{
        uint64_t bits;

        if (getrandom(&bits, sizeof(bits), 0) != sizeof(bits))
                abort(); /* so few bytes never fail once the kernel is seeded */
        return (double)(bits >> 11) / (double)(UINT64_C(1) << 53);
}

static void event_timer_cancel(NetTimer *t)
{
        if (!t)
                return;
        sd_event_source_disable_unref(t->source);
        free(t);
}

static int on_time(sd_event_source *s, uint64_t usec, void *userdata)
{
        NetTimer *t = userdata;
        NetTimerCallback callback = t->callback;

        userdata = t->userdata;
        event_timer_cancel(t);
        callback(userdata);
        return 0;
}

static NetTimer *event_timer_start(NetEnv *e, uint64_t delay_usec, NetTimerCallback callback,
                                   void *userdata)
{
        NetTimer *t = mem_new0(NetTimer);
        int r;

        t->callback = callback;
        t->userdata = userdata;
        r = sd_event_add_time_relative(((EventEnv *)e)->event, &t->source, CLOCK_BOOTTIME,
                                       delay_usec, TIMER_ACCURACY_USEC, on_time, t);
        /* A timer that never fires would be a deadline that never comes. Only after the end of
         * the loop (-ESTALE) does nobody wait for it. */
        if (r == -ENOMEM)
                mem_exhausted();
        if (r < 0 && r != -ESTALE)
                abort();
        return t;
}

static const char *event_environ_get(NetEnv *e, const char *name)
{
        return getenv(name);
}

typedef struct FileRead {
        char *path;
        size_t max;
        Secret *content;
} FileRead;

static void file_read_free(FileRead *f)
{
        secret_free(f->content);
        free(f->path);
        free(f);
}

/* O_NONBLOCK, so that a FIFO in the file's place is refused rather than waited for. */
static int read_file(void *data)
{
        FileRead *f = data;
        _cleanup_strbuf_wipe_ StrBuf b = STRBUF_INIT(f->max);
        int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r;
        struct stat st;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                r = -errno;
        else if (!S_ISREG(st.st_mode))
                r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        else
                r = fd_read(fd, &b);
        (void)close(fd); /* only read from */
        if (r >= 0)
                f->content = secret_new(strbuf_str(&b), b.len);
        return r;
}

static void on_late_read(void *data, int result)
{
        file_read_free(data);
}

/* A disk that hangs holds up the loop for a moment, and a fetch of credentials for as long as it
 * does; those at hand go on being used. */
static int event_file_read(NetEnv *e, const char *path, size_t max, Secret **ret)
{
        FileRead *f = mem_new0(FileRead);
        int r, called;

        *f = (FileRead){.path = mem_strdup(path), .max = max};
        called = thread_call(&(ThreadCall){read_file, on_late_read, f}, DISK_PATIENCE_USEC, &r);
        if (called == -ETIMEDOUT)
                return -EIO;
        if (called == -EBUSY)
                r = -EIO;
        else if (called < 0)
                r = read_file(f); /* no thread is to be had */
        if (r >= 0)
                *ret = TAKE_PTR(f->content);
        file_read_free(f);
        return r;
}

static int event_process_start(NetEnv *e, const NetProcessOptions *o, NetProcessCallback callback,
                               void *userdata, NetProcess **ret)
{
        return net_process_start(((EventEnv *)e)->event, o, callback, userdata, ret);
}

NetEnv *net_env_new_event(sd_event *event, HttpTransport *http)
{
        EventEnv *e = mem_new0(EventEnv);

        e->event = sd_event_ref(event);
        e->env = (NetEnv){
                .http = http,
                .boottime_usec = event_boottime_usec,
                .wall_msec = event_wall_msec,
                .random01 = event_random01,
                .timer_start = event_timer_start,
                .timer_cancel = event_timer_cancel,
                .environ_get = event_environ_get,
                .file_read = event_file_read,
                .process_start = event_process_start,
                .process_cancel = net_process_cancel,
        };
        return &e->env;
}

NetEnv *net_env_free_event(NetEnv *e)
{
        EventEnv *env = (EventEnv *)e;

        if (!env)
                return NULL;
        sd_event_unref(env->event);
        free(env);
        return NULL;
}
