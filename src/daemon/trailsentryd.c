/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/log.h"
#include "base/secret.h"
#include "daemon/conf.h"
#include "daemon/internal.h"
#include "daemon/status.h"
#include "net/libraries.h"

#define LAST_WORDS_USEC (200 * USEC_PER_MSEC)
#define LOG_PATIENCE_USEC USEC_PER_SEC

static const char *arg_config = CONF_PATH_DEFAULT;
static const char *arg_state = NULL;
static const char *arg_status = STATUS_PATH_DEFAULT;
static unsigned arg_time_scale = 1;

static void help(void)
{
        puts("trailsentryd [OPTION...]\n"
             "Guards AWS CloudTrail trails: restarts logging when it is stopped, says who did it.\n"
             "\n"
             "  -c, --config=FILE          configuration (" CONF_PATH_DEFAULT ")\n"
             "      --state-directory=DIR  incidents and last seen times ($STATE_DIRECTORY, or\n"
             "                             " LOCALSTATEDIR "/lib/trailsentry)\n"
             "      --status-file=FILE     what `trailsentry status` shows\n"
             "                             (" STATUS_PATH_DEFAULT ")\n"
             "      --time-scale=N         divides the timings by N (1 to 100), for rehearsals\n"
             "  -h, --help                 this text\n"
             "      --version              the version\n"
             "\n"
             "See trailsentryd(8), trailsentry.conf(5), and `trailsentry check` for a dry run.");
}

/* The exit status, or -1 to go on. */
static int parse_arguments(int argc, char *argv[])
{
        enum { OPT_STATE = 256, OPT_STATUS, OPT_SCALE, OPT_VERSION };
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"state-directory", required_argument, NULL, OPT_STATE},
                {"status-file", required_argument, NULL, OPT_STATUS},
                {"time-scale", required_argument, NULL, OPT_SCALE},
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, OPT_VERSION},
                {},
        };
        unsigned long n;
        char *end;
        int c;

        while ((c = getopt_long(argc, argv, "c:h", options, NULL)) >= 0)
                switch (c) {
                case 'c':
                        arg_config = optarg;
                        break;
                case OPT_STATE:
                        arg_state = optarg;
                        break;
                case OPT_STATUS:
                        arg_status = optarg;
                        break;
                case OPT_SCALE:
                        n = strtoul(optarg, &end, 10);
                        if (*end || end == optarg || n < 1 || n > 100) {
                                fprintf(stderr, "trailsentryd: --time-scale takes 1 to 100\n");
                                return EX_USAGE;
                        }
                        arg_time_scale = (unsigned)n;
                        break;
                case 'h':
                        help();
                        return EXIT_SUCCESS;
                case OPT_VERSION:
                        puts(PACKAGE_STRING);
                        return EXIT_SUCCESS;
                default:
                        return EX_USAGE;
                }
        if (optind < argc) {
                fprintf(stderr, "trailsentryd: unexpected argument '%s'\n", argv[optind]);
                return EX_USAGE;
        }
        if (!arg_state)
                arg_state = getenv("STATE_DIRECTORY");
        if (!arg_state)
                arg_state = LOCALSTATEDIR "/lib/trailsentry";
        return -1;
}

/* Where one of them is closed, what is opened next would get its number: a connection or a file of
 * state in the place of standard error, for instance. */
static void hold_standard_descriptors(void)
{
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0)
                        (void)open("/dev/null", O_RDWR); /* the lowest that is free: this one */
}

/* Keys and tokens stay out of core dumps, also where no unit file says so or dumps go to a pipe,
 * out of the reach of other processes of the same user, and in memory. */
static void protect_memory(void)
{
        if (setrlimit(RLIMIT_CORE, &(struct rlimit){}) < 0)
                log_warning("core dumps could not be limited to none (setrlimit): %m");
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                log_warning("core dumps could not be forbidden (prctl): %m");

        int r = secret_check_lock();
        if (r < 0)
                log_notice("secrets cannot be locked in memory, and may be swapped out: %s",
                           strerror(-r));
}

/* What was logged last often says why. */
static void on_fatal_signal(int number)
{
        log_linger(LAST_WORDS_USEC); /* NOLINT(*-signal-handler,cert-sig30-c): poll(2) alone */
        (void)signal(number, SIG_DFL);
        (void)raise(number); /* when this handler has returned */
}

/* Records are written by a thread: neither the journal nor a pipe that nobody reads holds up the
 * loop, and what waits to be written outlives the end and an abort, for a moment. */
static void set_up_log(void)
{
        static const int fatal[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
        struct sigaction before;
        int r;

        log_open("trailsentryd");
        r = log_start_thread(journal_id_records_lost);
        if (r < 0)
                log_warning("the log has no thread of its own, a journal that hangs would hold up "
                            "the guard: %s",
                            strerror(-r));
        for (size_t k = 0; k < ELEMENTSOF(fatal); k++) /* a sanitizer may be there already */
                if (sigaction(fatal[k], NULL, &before) >= 0 && before.sa_handler == SIG_DFL)
                        (void)signal(fatal[k], on_fatal_signal);
}

static int set_up_signals(sd_event *event)
{
        sigset_t mask;
        int r;

        /* libcurl and OpenSSL write to sockets that may be gone. The manager takes SIGHUP. */
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigemptyset(&mask) < 0 ||
            sigaddset(&mask, SIGTERM) < 0 || sigaddset(&mask, SIGINT) < 0 ||
            sigaddset(&mask, SIGHUP) < 0 || sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL); /* ends the loop */
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
        return r;
}

/* Until it is told to stop. */
static int guard(sd_event *event, Notifier *notifier)
{
        _cleanup_(manager_freep) Manager *m = NULL;
        const ManagerOptions o = {
                .event = event,
                .notifier = notifier,
                .config_path = arg_config,
                .state_directory = arg_state,
                .status_path = arg_status,
                .time_scale = arg_time_scale,
        };
        int r = manager_new(&o, &m);

        if (r >= 0)
                r = manager_start(m);
        if (r < 0)
                return r;
        r = sd_event_loop(event);
        notifier_set_state(notifier, NOTIFIER_STOPPING);
        journal_daemon(journal_id_stopped, r < 0 ? LOG_ERR : LOG_INFO, "trailsentryd stops%s%s",
                       r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
        return r;
}

/* What the log could not say before the end, the service manager shows. */
static void stop_log(Notifier *notifier)
{
        char text[128];
        size_t lost = log_stop_thread(LOG_PATIENCE_USEC);

        if (lost == 0 || !notifier)
                return;
        (void)snprintf(text, sizeof(text),
                       "STATUS=stopped; the last %zu record%s of the log %s lost", lost,
                       lost == 1 ? "" : "s", lost == 1 ? "is" : "are");
        (void)notifier_tell(notifier, text); /* nobody else to tell */
}

static int run(void)
{
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(notifier_freep) Notifier *notifier = NULL;
        int r = sd_event_default(&event);

        if (r >= 0)
                r = set_up_signals(event);
        if (r >= 0)
                r = notifier_new(event, &notifier);
        if (r < 0)
                log_error("no event loop: %s", strerror(-r));
        else
                r = guard(event, notifier);
        stop_log(notifier);
        return r;
}

/* A page of Event history may be megabytes. Once such a block has been freed, glibc takes the next
 * ones from the heap, where a small one above keeps all of it for good: mallopt(3),
 * M_MMAP_THRESHOLD. A value that is set stays. */
static void return_large_blocks(void)
{
        (void)mallopt(M_MMAP_THRESHOLD, 128 * 1024); /* its own first value; 0 changes nothing */
}

int main(int argc, char *argv[])
{
        environment_restrict();
        hold_standard_descriptors();

        bool wiped = libraries_set_up();
        int exit_status = parse_arguments(argc, argv);

        if (exit_status >= 0)
                return exit_status;
        set_up_log();
        protect_memory();
        if (!wiped)
                log_notice("what OpenSSL no longer needs stays in memory: a library has used it "
                           "before main()");
        return_large_blocks();

        int r = run();
        if (r == -ENOTRECOVERABLE)
                return EX_CONFIG;
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
