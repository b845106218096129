/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of requests, with whatever somebody may put there: it costs the loop no more than one
 * request a turn, after everything else. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "daemon/request.h"

#define SECONDS_MAX 120
#define GOOD "{\"version\": 1, \"verb\": \"x\"}"

/* The clock is ours: so much later than the kernel's, which times the files. */
static int64_t clock_ahead_sec;

int __wrap_clock_gettime(clockid_t id, struct timespec *ret);
int __real_clock_gettime(clockid_t id, struct timespec *ret);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
        int r = __real_clock_gettime(id, ret);

        if (id == CLOCK_REALTIME)
                ret->tv_sec += clock_ahead_sec;
        return r;
}

/* Nobody on the network is asked for a name. */
struct passwd *__wrap_getpwuid(uid_t user);
struct passwd *__wrap_getpwuid(uid_t user)
{
        fail_msg("getpwuid() was asked for %u", (unsigned)user);
        return NULL;
}

typedef struct World {
        char folder[64];
        char requests[80];
        sd_event *event;
        Requests *r;
        size_t asked;
        char who[64];
        int verdict;
        uint64_t number; /* asked of the disk */
} World;

static int on_request(void *userdata, const char *who, const json_t *request, char **ret_text)
{
        World *w = userdata;

        w->asked++;
        (void)snprintf(w->who, sizeof(w->who), "%s", who);
        *ret_text = mem_strdup("done");
        return w->verdict;
}

static uint64_t on_asked(void *userdata)
{
        return ((World *)userdata)->number;
}

static void open_requests(World *w)
{
        _cleanup_free_ char *status = mem_printf("%s/status.json", w->folder);
        RequestsOptions o = {.event = w->event,
                             .status_path = status,
                             .handler = on_request,
                             .asked = on_asked,
                             .userdata = w};

        assert_int_equal(requests_new(&o, &w->r), 0);
}

static void set_up(World *w)
{
        clock_ahead_sec = 0;
        (void)alarm(SECONDS_MAX); /* something blocks */
        (void)snprintf(w->folder, sizeof(w->folder), "/tmp/trailsentry-requests-XXXXXX");
        assert_non_null(mkdtemp(w->folder));
        (void)snprintf(w->requests, sizeof(w->requests), "%s/requests", w->folder);
        assert_true(sd_event_new(&w->event) >= 0);
        open_requests(w);
}

static void empty(const char *folder)
{
        DIR *d = opendir(folder);
        const struct dirent *e;

        assert_non_null(d);
        while ((e = readdir(d)))
                if (unlinkat(dirfd(d), e->d_name, 0) < 0)
                        (void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
        (void)closedir(d);
}

static void tear_down(World *w)
{
        requests_free(w->r);
        sd_event_unref(w->event);
        empty(w->requests);
        assert_int_equal(rmdir(w->requests), 0);
        assert_int_equal(rmdir(w->folder), 0);
        (void)alarm(0);
}

static void put(const World *w, const char *name, const char *text)
{
        _cleanup_free_ char *temporary = mem_printf("%s/.tmp", w->requests);
        _cleanup_free_ char *path = mem_printf("%s/%s", w->requests, name);
        int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

        assert_true(fd >= 0);
        assert_int_equal(fd_write(fd, text, strlen(text)), 0);
        (void)close(fd);
        assert_int_equal(rename(temporary, path), 0);
}

static bool exists(const World *w, const char *name)
{
        _cleanup_free_ char *path = mem_printf("%s/%s", w->requests, name);

        return access(path, F_OK) == 0;
}

/* Until there is nothing left to do. */
static void turn(World *w)
{
        int r;

        do
                r = sd_event_run(w->event, 0);
        while (r > 0);
        assert_int_equal(r, 0);
}

static void test_request_is_served_once(void **state)
{
        World w = {.verdict = -EPERM};

        set_up(&w);
        turn(&w);
        put(&w, "0123456789abcdef.json", GOOD);
        turn(&w);
        assert_int_equal(w.asked, 1);
        assert_false(exists(&w, "0123456789abcdef.json"));
        assert_true(exists(&w, "0123456789abcdef.answer"));
        put(&w, "0123456789abcdee.json", GOOD);
        turn(&w);
        assert_int_equal(w.asked, 2);
        tear_down(&w);
}

static void test_names_without_the_network(void **state)
{
        World w = {.verdict = -EPERM};
        uid_t user = geteuid();
        char number[32];

        (void)snprintf(number, sizeof(number), "user %u", (unsigned)user);
        for (int named = 0; named < 2; named++) {
                if (named)
                        setenv("USER", "guard\n", 1);
                else
                        unsetenv("USER");
                w = (World){.verdict = -EPERM};
                set_up(&w);
                put(&w, "0123456789abcdef.json",
                    "{\"version\": 1, \"verb\": \"x\", \"for\": \"alice\"}");
                turn(&w);
                _cleanup_free_ char *want =
                        mem_printf("%s (sudo, for alice)", user == 0 ? "root"
                                                           : named   ? "guard\\x0a"
                                                                     : number);
                assert_string_equal(w.who, want);
                tear_down(&w);
        }
}

/* What was asked while no daemon ran; by either of two clocks. */
static void test_old_request_is_dropped(void **state)
{
        static const int64_t ahead[] = {6, -7};
        World w = {};

        for (size_t i = 0; i < ELEMENTSOF(ahead); i++) {
                w = (World){};
                set_up(&w);
                w.r = requests_free(w.r);
                put(&w, "0123456789abcdef.json", GOOD);
                put(&w, "other", "");
                clock_ahead_sec = ahead[i];
                open_requests(&w);
                turn(&w);
                assert_int_equal(w.asked, 0);
                assert_false(exists(&w, "0123456789abcdef.json"));
                assert_false(exists(&w, "0123456789abcdef.answer"));
                assert_true(exists(&w, "other"));
                tear_down(&w);
        }
}

/* While whoever asked still waits, as over a restart of the daemon. */
static void test_fresh_request_of_before_is_served(void **state)
{
        World w = {};

        set_up(&w);
        w.r = requests_free(w.r);
        put(&w, "0123456789abcdef.json", GOOD);
        open_requests(&w);
        turn(&w);
        assert_int_equal(w.asked, 1);
        tear_down(&w);
}

static void test_left_overs_go(void **state)
{
        World w = {};

        set_up(&w);
        put(&w, "0123456789abcdef.answer", "");
        put(&w, "junk", "");
        turn(&w);
        clock_ahead_sec = 61;
        put(&w, "more", "");
        turn(&w);
        assert_false(exists(&w, "0123456789abcdef.answer"));
        assert_false(exists(&w, "junk"));
        tear_down(&w);
}

/* None of them is a request, and none holds up the next one. */
static void test_what_is_no_file(void **state)
{
        World w = {.verdict = -EPERM};
        char path[128];

        set_up(&w);
        (void)snprintf(path, sizeof(path), "%s/%s", w.requests, "00000000000000a1.json");
        assert_int_equal(mkfifo(path, 0640), 0);
        (void)snprintf(path, sizeof(path), "%s/%s", w.requests, "00000000000000a2.json");
        assert_int_equal(mkdir(path, 0750), 0);
        (void)snprintf(path, sizeof(path), "%s/%s", w.requests, "00000000000000a3.json");
        assert_int_equal(symlink("/dev/zero", path), 0);
        (void)snprintf(path, sizeof(path), "%s/%s", w.requests, "00000000000000a4.json");
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
        assert_true(fd >= 0 && ftruncate(fd, (off_t)1 << 40) == 0);
        (void)close(fd);
        put(&w, "0123456789abcdef.json", GOOD);
        turn(&w);
        assert_int_equal(w.asked, 1);
        assert_false(exists(&w, "00000000000000a1.json"));
        assert_false(exists(&w, "00000000000000a3.json"));
        assert_false(exists(&w, "00000000000000a4.json"));
        tear_down(&w);
}

static int on_busy(sd_event_source *s, void *userdata)
{
        ++*(size_t *)userdata;
        return 0;
}

/* So many names of one file that is a good request. */
static void put_many(World *w, size_t n)
{
        char first[128], temporary[128], name[160];

        (void)snprintf(first, sizeof(first), "%s/first", w->folder);
        (void)snprintf(temporary, sizeof(temporary), "%s/tmp", w->folder);
        int fd = open(first, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
        assert_int_equal(fd_write(fd, GOOD, strlen(GOOD)), 0);
        (void)close(fd);
        for (size_t i = 0; i < n; i++) {
                (void)snprintf(name, sizeof(name), "%s/%016zx.json", w->requests, i);
                assert_int_equal(link(first, temporary), 0);
                assert_int_equal(rename(temporary, name), 0);
        }
        assert_int_equal(unlink(first), 0);
}

/* Each is served, one a turn, and none before what else there is to do. */
static void test_flood(void **state)
{
        static const size_t many = 500;
        World w = {.verdict = -EPERM};
        sd_event_source *busy = NULL;
        size_t turns = 0;

        set_up(&w);
        turn(&w);
        put_many(&w, many);
        assert_true(sd_event_add_defer(w.event, &busy, on_busy, &turns) >= 0);
        assert_true(sd_event_source_set_enabled(busy, SD_EVENT_ON) >= 0);
        for (size_t i = 0; i < 100; i++)
                assert_true(sd_event_run(w.event, 0) > 0);
        assert_int_equal(turns, 100);
        assert_int_equal(w.asked, 0);
        sd_event_source_disable_unref(busy);

        for (size_t before = 0; sd_event_run(w.event, 0) > 0; before = w.asked)
                assert_in_range(w.asked - before, 0, 1);
        assert_int_equal(w.asked, many);
        tear_down(&w);
}

/* More than inotify's queue holds, which is 16384, mostly; a few at a time. */
static void test_flood_of_old_ones(void **state)
{
        static const size_t many = 17000;
        World w = {.verdict = -EPERM};
        size_t turns = 0;

        set_up(&w);
        turn(&w);
        put_many(&w, many);
        clock_ahead_sec = 3600;
        while (sd_event_run(w.event, 0) > 0)
                turns++;
        assert_in_range(turns, many / 100, many);
        assert_int_equal(w.asked, 0);
        assert_false(exists(&w, "0000000000004267.json")); /* the last one */
        clock_ahead_sec = 0;
        put(&w, "0123456789abcdef.json", GOOD);
        turn(&w);
        assert_int_equal(w.asked, 1);
        tear_down(&w);
}

/* Of those that wait for the disk there are only so many. */
static void test_bound_of_those_that_wait(void **state)
{
        World w = {.number = 7};
        char name[32];
        size_t answered = 0;

        set_up(&w);
        for (size_t i = 0; i < 80; i++) {
                (void)snprintf(name, sizeof(name), "%016zx.json", i);
                put(&w, name, GOOD);
        }
        turn(&w);
        assert_int_equal(w.asked, 64);
        requests_settle(w.r, 7, NULL);
        for (size_t i = 0; i < 80; i++) {
                (void)snprintf(name, sizeof(name), "%016zx.answer", i);
                answered += exists(&w, name);
        }
        assert_int_equal(answered, 80);
        tear_down(&w);
}

UNIT_MAIN(T(test_request_is_served_once), T(test_names_without_the_network),
          T(test_old_request_is_dropped), T(test_fresh_request_of_before_is_served),
          T(test_left_overs_go), T(test_what_is_no_file), T(test_flood), T(test_flood_of_old_ones),
          T(test_bound_of_those_that_wait))
