/* SPDX-License-Identifier: Apache-2.0 */
/* The command beside the daemon: it looks and tells, and changes nothing. */

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <time.h>

#include "base/escape.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "daemon/conf.h"
#include "daemon/status.h"

#define COMPLAINT_CHARS 2000

static const struct {
        const char *name;
        CliExit (*run)(const Cli *c);
        int argc_max; /* itself and its argument */
} verbs[] = {
        {"check", cli_check, 1},
        {"status", cli_status, 1},
        {"incidents", cli_incidents, 2},
};

void cli_complain(const char *fmt, ...)
{
        _cleanup_free_ char *text = NULL, *escaped = NULL;
        va_list ap;

        va_start(ap, fmt);
        text = mem_vprintf(fmt, ap);
        va_end(ap);
        escaped = escape_text(text, COMPLAINT_CHARS);
        (void)fprintf(stderr, "trailsentry: %s\n", escaped);
}

const char *cli_age(const Cli *c, int64_t msec, char buf[static 80])
{
        char duration[TIMEFMT_MAX];

        timefmt_duration((c->now_msec - msec) / 1000 * 1000, duration); /* negative counts as 0 */
        (void)snprintf(buf, 80, "%s%s", msec ? duration : "never", msec ? " ago" : ""); /* fits */
        return buf;
}

static void help(void)
{
        (void)puts(
                "trailsentry [OPTION...] check|status|incidents [ID]\n"
                "Looks at trailsentryd, the guard of AWS CloudTrail trails. Changes nothing.\n"
                "\n"
                "Verbs:\n"
                "  check            is the configuration right, may the guard do what it needs?\n"
                "  status           what the daemon sees and does\n"
                "  incidents        what has happened, newest first\n"
                "  incidents ID     all about one incident; the beginning of its id is enough\n"
                "\n"
                "Options:\n"
                "  -c, --config=FILE          configuration, for check\n"
                "                             (" CONF_PATH_DEFAULT ")\n"
                "      --offline              for check: read the file, ask AWS nothing\n"
                "      --state-directory=DIR  for incidents\n"
                "                             (" LOCALSTATEDIR "/lib/trailsentry)\n"
                "      --status-file=FILE     for status (" STATUS_PATH_DEFAULT ")\n"
                "      --json                 for machines\n"
                "  -h, --help                 this text\n"
                "      --version              the version\n"
                "\n"
                "Exit status: 0 all is well; 1 something is wrong (a trail is not logging, an\n"
                "incident is open, a check failed); 2 usage; 3 it cannot be told (the daemon does\n"
                "not run, a file cannot be read).\n"
                "\n"
                "See trailsentry(1), trailsentryd(8), trailsentry.conf(5).");
}

static int64_t wall_msec(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 0 to go on, -ECANCELED when all is done, -EINVAL when it was asked wrongly. */
static int parse_options(int argc, char *argv[], Cli *c)
{
        enum { OPTION_STATE = 256, OPTION_STATUS, OPTION_JSON, OPTION_OFFLINE, OPTION_VERSION };
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"state-directory", required_argument, NULL, OPTION_STATE},
                {"status-file", required_argument, NULL, OPTION_STATUS},
                {"json", no_argument, NULL, OPTION_JSON},
                {"offline", no_argument, NULL, OPTION_OFFLINE},
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, OPTION_VERSION},
                {},
        };
        int o;

        while ((o = getopt_long(argc, argv, "c:h", options, NULL)) >= 0)
                switch (o) {
                case 'c':
                        c->config_path = optarg;
                        break;
                case OPTION_STATE:
                        c->state_directory = optarg;
                        break;
                case OPTION_STATUS:
                        c->status_path = optarg;
                        break;
                case OPTION_JSON:
                        c->format = CLI_FORMAT_JSON;
                        break;
                case OPTION_OFFLINE:
                        c->offline = true;
                        break;
                case 'h':
                        help();
                        return -ECANCELED;
                case OPTION_VERSION:
                        (void)puts("trailsentry " PACKAGE_VERSION);
                        return -ECANCELED;
                default:
                        return -EINVAL;
                }
        return 0;
}

static CliExit run_verb(int argc, char *argv[], Cli *c)
{
        for (size_t i = 0; argc > 0 && i < ELEMENTSOF(verbs); i++) {
                if (!streq(argv[0], verbs[i].name))
                        continue;
                if (argc > verbs[i].argc_max) {
                        cli_complain("too much after \"%s\": \"%s\"", argv[0], argv[argc - 1]);
                        return CLI_EXIT_USAGE;
                }
                c->argument = argc > 1 ? argv[1] : NULL;
                return verbs[i].run(c);
        }
        cli_complain("say what to look at: check, status or incidents (--help tells more)");
        return CLI_EXIT_USAGE;
}

int main(int argc, char *argv[])
{
        Cli c = {
                .config_path = CONF_PATH_DEFAULT,
                .state_directory = LOCALSTATEDIR "/lib/trailsentry",
                .status_path = STATUS_PATH_DEFAULT,
                .out = printer_for(stdout),
                .now_msec = wall_msec(),
        };
        CliExit status = CLI_EXIT_WELL;
        int r;

        r = parse_options(argc, argv, &c);
        if (r == -EINVAL)
                status = CLI_EXIT_USAGE;
        else if (r >= 0)
                status = run_verb(argc - optind, argv + optind, &c);

        /* A result that nobody could read is none. */
        if (ferror(stdout) || fflush(stdout) != 0) {
                cli_complain("the result could not be written: %s", strerror(errno));
                return CLI_EXIT_UNKNOWN;
        }
        return (int)status;
}
