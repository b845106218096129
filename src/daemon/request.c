/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/request.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <dirent.h>

#include "base/escape.h"
#include "base/fd.h"
#include "base/jsonmap.h"
#include "base/mem.h"

#define FOLDER_NAME "requests"
#define FILE_MAX_BYTES ((size_t)64 * 1024)
#define FORMAT_VERSION 1
#define LEFT_AFTER_MSEC (60 * MSEC_PER_SEC)
#define NAMES_A_TURN 64
#define HELD_MAX 64
#define STEM_CHARS 16
#define NAME_CHARS (STEM_CHARS + sizeof(".answer"))

/* An answer that waits for the disk. */
typedef struct Held {
        char name[NAME_CHARS]; /* of the request */
        uint64_t number;
        char *text;
} Held;

/* The folder is looked through a little a turn of the loop, after everything else: whoever puts a
 * hundred thousand files there has them read, and delays no poll. */
struct Requests {
        sd_event_source *watch; /* owns the inotify descriptor */
        sd_event_source *look;
        sd_event_source *patience;
        int folder;
        DIR *scan;    /* under way, or NULL */
        bool changed; /* since it began */
        char *own_name;
        RequestHandler handler;
        uint64_t (*asked)(void *userdata);
        void *userdata;
        Held *held;
        size_t n_held;
};

/* Files */

static char *folder_path(const char *status_path)
{
        const char *slash = strrchr(status_path, '/');

        return mem_printf("%.*s%s", slash ? (int)(slash - status_path) + 1 : 0, status_path,
                          FOLDER_NAME);
}

/* Whether name is 16 hex digits and then suffix. */
static bool name_is(const char *name, const char *suffix)
{
        return strspn(name, "0123456789abcdef") == STEM_CHARS && streq(name + STEM_CHARS, suffix);
}

/* Under a name that nobody reads, then by rename: whoever sees the name sees the whole. */
static int put_file(int folder, const char *name, json_t *object)
{
        _cleanup_json_ json_t *owned = object;
        _cleanup_free_ char *temporary = mem_printf(".%s.tmp", name);
        _cleanup_free_ char *text = json_dumps(owned, JSON_COMPACT | JSON_ENSURE_ASCII);
        struct stat theirs, own;
        int fd, r = 0;

        if (!text)
                abort(); /* memory, or a bug of ours */
        fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0)
                return -errno;
        /* The other side has another user and reads by the folder's group; the daemon has that
         * one anyway, and is not allowed to change it. */
        if (fstat(folder, &theirs) < 0 || fstat(fd, &own) < 0 ||
            (own.st_gid != theirs.st_gid && fchown(fd, (uid_t)-1, theirs.st_gid) < 0) ||
            fchmod(fd, 0640) < 0)
                r = -errno;
        if (r >= 0)
                r = fd_write(fd, text, strlen(text));
        if (close(fd) < 0 && r >= 0)
                r = -errno;
        if (r >= 0 && renameat(folder, temporary, folder, name) < 0)
                r = -errno;
        if (r < 0)
                (void)unlinkat(folder, temporary, 0); /* the failure is told as it is */
        return r;
}

static int get_file(int folder, const char *name, uid_t *ret_owner, json_t **ret)
{
        _cleanup_strbuf_ StrBuf text = STRBUF_INIT(FILE_MAX_BYTES);
        struct stat st;
        int fd, r = 0;

        fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                r = -errno;
        else if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
                 st.st_size > (off_t)FILE_MAX_BYTES)
                r = -EBADMSG;
        else
                r = fd_read(fd, &text);
        (void)close(fd); /* nothing was written */
        if (r >= 0)
                r = json_parse(strbuf_str(&text), text.len, FILE_MAX_BYTES, ret);
        if (r >= 0)
                *ret_owner = st.st_uid;
        return r;
}

/* The daemon's side */

/* The names of the two who may ask, without getpwuid(3): that may go over the network. systemd sets
 * USER. */
static char *name_of_user(uid_t user)
{
        const char *name = getenv("USER");

        if (user == 0)
                return mem_strdup("root");
        return isempty(name) ? mem_printf("user %u", (unsigned)user) : escape_text(name, 64);
}

/* Whom to name to everybody: the owner is certain, whom sudo acted for is what it says. */
static char *who_asks(const Requests *r, uid_t owner, const json_t *request)
{
        const char *claimed = json_string_value(json_object_get(request, "for"));
        _cleanup_free_ char *escaped = escape_text(strempty(claimed), 64);

        return mem_printf("%s%s%s%s", owner == 0 ? "root" : r->own_name,
                          isempty(escaped) ? "" : " (sudo, for ", escaped,
                          isempty(escaped) ? "" : ")");
}

static void answer(Requests *r, const char *name, bool accepted, const char *text)
{
        char file[NAME_CHARS];

        (void)snprintf(file, sizeof(file), "%.*s.answer", STEM_CHARS, name);
        /* Who does not hear an answer says so to the user. */
        (void)put_file(r->folder, file,
                       json_pack("{s:i, s:b, s:s}", "version", FORMAT_VERSION, "accepted", accepted,
                                 "text", strempty(text)));
}

static void serve(Requests *r, const char *name)
{
        _cleanup_json_ json_t *request = NULL;
        _cleanup_free_ char *text = NULL, *who = NULL;
        uid_t owner = (uid_t)-1;
        int e = get_file(r->folder, name, &owner, &request);

        /* Withdrawn meanwhile; or it would be asked again and again. */
        if (unlinkat(r->folder, name, 0) < 0)
                return;
        if (e < 0 || json_integer_value(json_object_get(request, "version")) != FORMAT_VERSION) {
                answer(r, name, false, "what was asked cannot be read");
                return;
        }
        if (owner != 0 && owner != geteuid()) {
                answer(r, name, false, "only root or the service's own user may ask for this");
                return;
        }
        if (r->n_held == HELD_MAX) {
                answer(r, name, false, "too much that was asked waits for the disk: ask again");
                return;
        }
        who = who_asks(r, owner, request);
        e = r->handler(r->userdata, who, request, &text);
        if (e < 0) {
                answer(r, name, false, text);
                return;
        }
        Held *h = mem_push0(r->held, r->n_held);
        (void)snprintf(h->name, sizeof(h->name), "%.*s", (int)sizeof(h->name) - 1, name);
        h->number = r->asked(r->userdata);
        h->text = TAKE_PTR(text);
        if (sd_event_source_set_time_relative(r->patience, REQUEST_DISK_USEC) < 0 ||
            sd_event_source_set_enabled(r->patience, SD_EVENT_ONESHOT) < 0)
                requests_settle(r, UINT64_MAX, "no timer");
}

void requests_settle(Requests *r, uint64_t number, const char *error)
{
        size_t kept = 0;

        for (size_t k = 0; k < r->n_held; k++) {
                Held *h = &r->held[k];

                if (h->number > number) {
                        r->held[kept++] = *h;
                        continue;
                }
                _cleanup_free_ char *owned = h->text;
                _cleanup_free_ char *text =
                        error ? mem_printf("%s; NOT DURABLE, a crash would undo it: %s",
                                           strempty(owned), error)
                              : NULL;
                answer(r, h->name, true, text ? text : owned);
        }
        r->n_held = kept;
        if (kept > 0)
                return;
        free(TAKE_PTR(r->held));
}

static int on_patience(sd_event_source *s, uint64_t usec, void *userdata)
{
        requests_settle(userdata, UINT64_MAX, "no answer from the disk within a second");
        return 0;
}

/* How long ago, as far as the clock can be believed. */
static int64_t age_msec(struct timespec then)
{
        struct timespec now = {0};

        (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
        return llabs((now.tv_sec - then.tv_sec) * MSEC_PER_SEC +
                     (now.tv_nsec - then.tv_nsec) / 1000000);
}

/* Serves or removes what has this name; whether that was a request. Nobody waits for the answer to
 * an old one, which may have been asked while no daemon ran, nor for an old answer. The time of a
 * request is that of its renaming. */
static bool look_at(Requests *r, const char *name)
{
        struct stat st;
        bool is_request = name_is(name, ".json");

        if (fstatat(r->folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
                return false;
        if (is_request && S_ISREG(st.st_mode) && age_msec(st.st_ctim) <= REQUEST_PATIENCE_MSEC) {
                serve(r, name);
                return true;
        }
        if (is_request || age_msec(st.st_mtim) > LEFT_AFTER_MSEC)
                (void)unlinkat(r->folder, name, 0); /* the next look is another try */
        return false;
}

static DIR *begin_scan(Requests *r)
{
        int copy = openat(r->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = copy < 0 ? NULL : fdopendir(copy);

        if (!d && copy >= 0)
                (void)close(copy);
        r->changed = false;
        return d;
}

/* One request a turn of the loop at most. */
static int on_look(sd_event_source *s, void *userdata)
{
        Requests *r = userdata;
        const struct dirent *e = NULL;
        bool served = false;

        if (!r->scan)
                r->scan = begin_scan(r);
        for (size_t i = 0; r->scan && i < NAMES_A_TURN && !served && (e = readdir(r->scan)); i++)
                served = look_at(r, e->d_name);
        if (r->scan && !e) {
                (void)closedir(r->scan);
                r->scan = NULL;
        }
        return r->scan || r->changed ? sd_event_source_set_enabled(s, SD_EVENT_ONESHOT) : 0;
}

/* What inotify says of it is not needed, and may be too much for its queue. */
static int on_change(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        Requests *r = userdata;
        char ignored[4096];

        if (read(fd, ignored, sizeof(ignored)) < 0 && errno != EAGAIN)
                return -errno;
        r->changed = true;
        return sd_event_source_set_enabled(r->look, SD_EVENT_ONESHOT);
}

static int watch(const RequestsOptions *o, const char *path, Requests *r)
{
        int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), e;

        if (fd < 0)
                return -errno;
        e = inotify_add_watch(fd, path, IN_MOVED_TO | IN_ONLYDIR) < 0 ? -errno : 0;
        if (e >= 0)
                e = sd_event_add_io(o->event, &r->watch, fd, EPOLLIN, on_change, r);
        if (e >= 0)
                e = sd_event_source_set_io_fd_own(r->watch, true);
        else
                (void)close(fd); /* a handle, not a file */
        if (e >= 0)
                e = sd_event_source_set_priority(r->watch, SD_EVENT_PRIORITY_IDLE);
        return e;
}

int requests_new(const RequestsOptions *o, Requests **ret)
{
        _cleanup_(requests_freep) Requests *r = mem_new0(Requests);
        _cleanup_free_ char *path = folder_path(o->status_path);
        int e;

        r->handler = o->handler;
        r->asked = o->asked;
        r->userdata = o->userdata;
        r->own_name = name_of_user(geteuid());
        (void)mkdir(path, 0750); /* there already, or the next call tells */
        r->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (r->folder < 0)
                return -errno;
        (void)fchmod(r->folder, 0750); /* as it was, else */
        e = watch(o, path, r);
        if (e >= 0) /* once at the start, too */
                e = sd_event_add_defer(o->event, &r->look, on_look, r);
        if (e >= 0)
                e = sd_event_source_set_priority(r->look, SD_EVENT_PRIORITY_IDLE);
        if (e >= 0)
                e = sd_event_add_time_relative(o->event, &r->patience, CLOCK_BOOTTIME, 0, 0,
                                               on_patience, r);
        if (e >= 0)
                e = sd_event_source_set_enabled(r->patience, SD_EVENT_OFF);
        if (e < 0)
                return e;
        *ret = TAKE_PTR(r);
        return 0;
}

Requests *requests_free(Requests *r)
{
        if (!r)
                return NULL;
        sd_event_source_disable_unref(r->watch);
        sd_event_source_disable_unref(r->look);
        sd_event_source_disable_unref(r->patience);
        if (r->scan)
                (void)closedir(r->scan);
        requests_settle(r, UINT64_MAX, "the daemon stops");
        if (r->folder >= 0)
                (void)close(r->folder); /* nothing was written through it */
        free(r->own_name);
        free(r);
        return NULL;
}

/* The command's side */

static int64_t monotonic_msec(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Returns when something has been renamed into the folder, or time is up. */
static void wait_for_change(int watch, int64_t until_msec)
{
        struct pollfd p = {.fd = watch, .events = POLLIN};
        int64_t left = until_msec - monotonic_msec();
        char ignored[4096];

        if (left > 0 && poll(&p, 1, (int)left) > 0 && read(watch, ignored, sizeof(ignored)) < 0)
                return; /* looked again anyway */
}

static int read_answer(int folder, const char *name, char **ret_text)
{
        _cleanup_json_ json_t *answer = NULL;
        uid_t owner;
        int r = get_file(folder, name, &owner, &answer);

        if (r < 0)
                return r;
        *ret_text = mem_strdup(strempty(json_string_value(json_object_get(answer, "text"))));
        return json_is_true(json_object_get(answer, "accepted")) ? 0 : -EPERM;
}

static int ask(int folder, int watch, json_t *request, char **ret_text)
{
        int64_t until = monotonic_msec() + REQUEST_PATIENCE_MSEC;
        char name[NAME_CHARS], file[NAME_CHARS];
        uint64_t random;
        int r;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
                json_decref(request);
                return -EIO;
        }
        (void)snprintf(name, sizeof(name), "%016" PRIx64 ".json", random);
        (void)snprintf(file, sizeof(file), "%016" PRIx64 ".answer", random);
        r = put_file(folder, name, request);
        if (r < 0)
                return r;
        do {
                wait_for_change(watch, until);
                r = read_answer(folder, file, ret_text);
        } while (r == -ENOENT && monotonic_msec() < until);
        /* Withdrawn, nothing will come of it; the daemon may just have taken it, though. */
        bool taken = unlinkat(folder, name, 0) < 0 && errno == ENOENT;
        if (r == -ENOENT && taken)
                r = read_answer(folder, file, ret_text);
        (void)unlinkat(folder, file, 0); /* what is not there need not go */
        return r != -ENOENT ? r : taken ? -EINPROGRESS : -ETIMEDOUT;
}

int request_ask(const char *status_path, json_t *request, char **ret_text)
{
        _cleanup_free_ char *path = folder_path(status_path);
        const char *for_user = getenv("SUDO_USER");
        int folder, watch, r;

        if (json_object_set_new(request, "version", json_integer(FORMAT_VERSION)) < 0 ||
            (for_user && json_object_set_new(request, "for", json_string(for_user)) < 0))
                for_user = NULL; /* not UTF-8: left out */
        folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (folder < 0) {
                r = -errno;
                json_decref(request);
                return r;
        }
        watch = inotify_init1(IN_CLOEXEC);
        if (watch < 0 || inotify_add_watch(watch, path, IN_MOVED_TO) < 0) {
                r = -errno;
                json_decref(request);
        } else
                r = ask(folder, watch, request, ret_text);
        if (watch >= 0)
                (void)close(watch);
        (void)close(folder);
        return r;
}
