/* SPDX-License-Identifier: Apache-2.0 */
/* A service manager that reads, or does not, on a datagram socket as systemd has it. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/notifier.h"

#define SECONDS_MAX 60
#define MANY 100000 /* more than any socket takes; there are 10 to 512 places */

typedef struct World {
        sd_event *event;
        int manager;
        struct sockaddr_un address;
        Notifier *n;
} World;

/* Bound at a path, or in the abstract namespace. */
static void set_up(World *w, bool path)
{
        struct sockaddr_un *a = &w->address;
        char name[80];
        socklen_t len;

        (void)snprintf(name, sizeof(name), "%s/trailsentry-notifier-%ld", path ? "/tmp" : "@",
                       (long)getpid());
        a->sun_family = AF_UNIX;
        memcpy(a->sun_path, name, strlen(name) + 1);
        len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
        if (path)
                (void)unlink(name);
        else
                a->sun_path[0] = '\0';
        w->manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(w->manager, (struct sockaddr *)a, len), 0);
        setenv("NOTIFY_SOCKET", name, 1);
        assert_true(sd_event_new(&w->event) >= 0);
        assert_int_equal(notifier_new(w->event, &w->n), 0);
}

static void tear_down(World *w)
{
        notifier_free(w->n);
        if (w->address.sun_path[0])
                (void)unlink(w->address.sun_path);
        (void)close(w->manager);
        sd_event_unref(w->event);
        unsetenv("NOTIFY_SOCKET");
}

/* The next datagram; NULL when there is none; static. */
static const char *received(const World *w)
{
        static char text[256];
        ssize_t n = recv(w->manager, text, sizeof(text) - 1, 0);

        if (n < 0)
                return NULL;
        text[n] = '\0';
        return text;
}

static void fill(World *w)
{
        size_t n = 0;

        while (n < MANY && notifier_tell(w->n, "WATCHDOG=1") >= 0)
                n++;
        assert_in_range(n, 1, MANY - 1);
        assert_int_equal(notifier_tell(w->n, "WATCHDOG=1"), -EAGAIN);
}

static void drain(World *w)
{
        for (const char *text; (text = received(w));)
                assert_string_equal(text, "WATCHDOG=1");
}

/* What comes while the loop turns. */
static const char *wait_received(World *w)
{
        const char *text;

        while (!(text = received(w)))
                assert_true(sd_event_run(w->event, UINT64_MAX) >= 0);
        return text;
}

static void check_told(bool path)
{
        World w = {};

        set_up(&w, path);
        assert_int_equal(notifier_tell(w.n, "STATUS=well"), 0);
        assert_string_equal(received(&w), "STATUS=well");
        notifier_set_state(w.n, NOTIFIER_READY);
        assert_string_equal(received(&w), "READY=1");
        notifier_set_state(w.n, NOTIFIER_RELOADING);
        const char *text = received(&w);
        assert_has(text, "RELOADING=1\nMONOTONIC_USEC=");
        assert_true(strtoull(strrchr(text, '=') + 1, NULL, 10) > 0);
        notifier_set_state(w.n, NOTIFIER_STOPPING);
        assert_string_equal(received(&w), "STOPPING=1");
        assert_null(received(&w));
        tear_down(&w);
}

static void test_path(void **state)
{
        check_told(true);
}

static void test_abstract_socket(void **state)
{
        check_told(false);
}

static void test_manager_that_does_not_read(void **state)
{
        World w = {};

        set_up(&w, false);
        fill(&w);
        notifier_set_state(w.n, NOTIFIER_READY);
        assert_true(sd_event_run(w.event, UINT64_MAX) > 0); /* another try, which fails, too */
        drain(&w);
        assert_string_equal(wait_received(&w), "READY=1");
        assert_null(received(&w));
        tear_down(&w);
}

/* Reloads while nobody reads come as one; the first READY=1 is made up for by the last. */
static void test_order_of_what_is_made_up_for(void **state)
{
        World w = {};

        set_up(&w, false);
        fill(&w);
        notifier_set_state(w.n, NOTIFIER_READY);
        for (int i = 0; i < 5; i++) {
                notifier_set_state(w.n, NOTIFIER_RELOADING);
                notifier_set_state(w.n, NOTIFIER_READY);
        }
        drain(&w);
        assert_has(wait_received(&w), "RELOADING=1\n");
        assert_string_equal(wait_received(&w), "READY=1");
        assert_null(received(&w));
        tear_down(&w);
}

/* The loop has ended by then. */
static void test_end(void **state)
{
        World w = {};

        set_up(&w, false);
        fill(&w);
        notifier_set_state(w.n, NOTIFIER_READY);
        assert_true(sd_event_exit(w.event, 0) >= 0 && sd_event_loop(w.event) >= 0);
        notifier_set_state(w.n, NOTIFIER_STOPPING);
        drain(&w);
        w.n = notifier_free(w.n);
        assert_string_equal(received(&w), "STOPPING=1");
        assert_null(received(&w));
        tear_down(&w);
}

static void test_nobody_to_tell(void **state)
{
        static const char *const names[] = {NULL,
                                            "",
                                            "@",
                                            "/",
                                            "relative",
                                            "vsock:2:1234",
                                            "/0123456789012345678901234567890123456789"
                                            "0123456789012345678901234567890123456789"
                                            "01234567890123456789012345678"};
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;

        log_set_max_level(LOG_CRIT);
        assert_true(sd_event_new(&event) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                Notifier *n = NULL;

                if (names[i])
                        setenv("NOTIFY_SOCKET", names[i], 1);
                else
                        unsetenv("NOTIFY_SOCKET");
                assert_int_equal(notifier_new(event, &n), 0);
                notifier_set_state(n, NOTIFIER_READY);
                assert_int_equal(notifier_tell(n, "STATUS=x"), 0);
                notifier_free(n);
        }
        unsetenv("NOTIFY_SOCKET");
}

static int setup(void **state)
{
        (void)alarm(SECONDS_MAX); /* something blocks */
        return 0;
}

#define N(f) cmocka_unit_test_setup(f, setup)

UNIT_MAIN(N(test_path), N(test_abstract_socket), N(test_manager_that_does_not_read),
          N(test_order_of_what_is_made_up_for), N(test_end), N(test_nobody_to_tell))
