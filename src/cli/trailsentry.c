/* SPDX-License-Identifier: Apache-2.0 */
/* The command beside the daemon: which verb is asked for, and with which options. */

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <time.h>

#include "base/environment.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/verb.h"
#include "daemon/conf.h"
#include "daemon/status.h"
#include "net/libraries.h"

#define COMPLAINT_CHARS 2000
#define OPTION_BASE 256 /* of options without a letter */
#define OPTION_HELP 'h'
#define OPTION_VERSION 'V'

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

void cli_complain_trail(const char *trail)
{
        cli_complain("the daemon knows no trail %s (trailsentry status lists those that it guards)",
                     trail);
}

void cli_complain_state(const Cli *c, int error)
{
        cli_complain("%s cannot be read: %s%s", c->state_directory, strerror(-error),
                     error == -ENOENT   ? "; trailsentryd has never run, or keeps its state "
                                          "elsewhere (--state-directory)"
                     : error == -EACCES ? "; run as root, or as a member of the group "
                                          "trailsentry (usermod -aG trailsentry USER)"
                                        : "");
}

const char *cli_age(const Cli *c, int64_t msec, char buf[static 80])
{
        char duration[TIMEFMT_MAX];

        timefmt_duration((c->now_msec - msec) / 1000 * 1000, duration); /* negative counts as 0 */
        (void)snprintf(buf, 80, "%s%s", msec ? duration : "never", msec ? " ago" : ""); /* fits */
        return buf;
}

int64_t cli_wall_msec(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

typedef struct Asked {
        const CliVerb *verb;
        bool help;
        bool version;
        const CliOption **options;
        size_t n_options;
} Asked;

static void asked_done(Asked *a)
{
        free(a->options);
}

/* What getopt_long() has refused; it leaves optopt alone for a long option that there is not. */
static void complain_option(const char *text)
{
        _cleanup_free_ char *name = mem_strndup(text, strcspn(text, "="));
        _cleanup_strbuf_ StrBuf similar = STRBUF_INIT(1024);
        Nearest nearest = nearest_begin(name + strspn(name, "-"));

        if (strncmp(name, "--", 2) != 0 || optopt != 0) {
                cli_complain(optopt < OPTION_BASE ? "there is no option \"%s\" (--help tells which "
                                                    "there are)"
                                                  : "%s takes no value",
                             name);
                return;
        }
        for (size_t i = 0; i < cli_n_options; i++) {
                _cleanup_free_ char *option = mem_printf("--%s", cli_options[i].name);

                nearest_offer(&nearest, cli_options[i].name);
                if (strncmp(option, name, strlen(name)) == 0)
                        strbuf_addf(&similar, "%s%s", similar.len > 0 ? " or " : "", option);
        }
        if (similar.len > 0)
                cli_complain("\"%s\" may be %s", name, strbuf_str(&similar));
        else if (nearest.word)
                cli_complain("there is no option \"%s\"; did you mean --%s?", name, nearest.word);
        else
                cli_complain("there is no option \"%s\" (--help tells which there are)", name);
}

static void set_option(Cli *c, const CliOption *o, const char *value)
{
        char *member = (char *)c + o->offset;

        if (o->value)
                memcpy(member, &value, sizeof(value));
        else
                *(bool *)member = true;
}

/* Options may stand anywhere; which of them the verb takes is looked at when it is known. */
static int parse_options(int argc, char *argv[], Cli *c, Asked *a)
{
        _cleanup_free_ struct option *longs = mem_alloc0((cli_n_options + 3) * sizeof(*longs));
        char letters[64] = ":h";
        int o;

        for (size_t i = 0; i < cli_n_options; i++) {
                const CliOption *t = &cli_options[i];

                longs[i] = (struct option){t->name, t->value ? required_argument : no_argument,
                                           NULL, OPTION_BASE + (int)i};
                if (t->letter)
                        (void)snprintf(letters + strlen(letters), sizeof(letters) - strlen(letters),
                                       "%c%s", t->letter, t->value ? ":" : ""); /* fits */
        }
        longs[cli_n_options] = (struct option){"help", no_argument, NULL, OPTION_HELP};
        longs[cli_n_options + 1] = (struct option){"version", no_argument, NULL, OPTION_VERSION};

        opterr = 0; /* what is wrong is told here */
        while ((o = getopt_long(argc, argv, letters, longs, NULL)) >= 0) {
                const CliOption *option = NULL;

                if (o == OPTION_HELP)
                        a->help = true;
                else if (o == OPTION_VERSION)
                        a->version = true;
                else if (o == ':') {
                        cli_complain("%s needs a value behind it (--help tells which)",
                                     argv[optind - 1]);
                        return -EINVAL;
                } else if (o == '?') {
                        complain_option(argv[optind - 1]);
                        return -EINVAL;
                } else if (o >= OPTION_BASE)
                        option = &cli_options[o - OPTION_BASE];
                else
                        for (size_t i = 0; i < cli_n_options && !option; i++)
                                if (cli_options[i].letter == o)
                                        option = &cli_options[i];
                if (option) {
                        set_option(c, option, optarg);
                        *mem_push0(a->options, a->n_options) = option;
                }
        }
        return 0;
}

static int find_verb(const char *name, Asked *a)
{
        Nearest nearest = nearest_begin(strempty(name));
        _cleanup_strbuf_ StrBuf known = STRBUF_INIT(512);

        a->verb = name ? cli_find_verb(name) : NULL;
        if (a->verb || (!name && (a->help || a->version)))
                return 0;
        for (size_t i = 0; i < cli_n_verbs; i++) {
                nearest_offer(&nearest, cli_verbs[i].name);
                strbuf_addf(&known, "%s%s", i > 0 ? ", " : "", cli_verbs[i].name);
        }
        if (!name)
                cli_complain("say what to do: %s (--help tells more)", strbuf_str(&known));
        else if (nearest.word)
                cli_complain("there is no verb \"%s\"; did you mean \"%s\"?", name, nearest.word);
        else
                cli_complain("there is no verb \"%s\"; there are: %s (--help tells more)", name,
                             strbuf_str(&known));
        return -EINVAL;
}

/* Whether the verb takes what stands with it. */
static int check_fit(char **arguments, int n, const Asked *a)
{
        int max = a->verb->argument ? 1 : 0;

        for (size_t i = 0; i < a->n_options; i++)
                if (!cli_verb_takes(a->verb, a->options[i])) {
                        cli_complain("%s does not take --%s (trailsentry %s --help tells what it "
                                     "takes)",
                                     a->verb->name, a->options[i]->name, a->verb->name);
                        return -EINVAL;
                }
        if (n > max) {
                cli_complain("too much after \"%s\": \"%s\"", a->verb->name, arguments[max]);
                return -EINVAL;
        }
        return 0;
}

static CliExit run(int argc, char *argv[], Cli *c)
{
        _cleanup_(asked_done) Asked a = {};
        int n;

        if (parse_options(argc, argv, c, &a) < 0)
                return CLI_EXIT_USAGE;
        argv += optind; /* the verb and its arguments: getopt_long() has put them last */
        n = argc - optind;
        if (find_verb(argv[0], &a) < 0)
                return CLI_EXIT_USAGE;
        if (a.help && a.verb)
                cli_help_verb(a.verb);
        else if (a.help)
                cli_help();
        else if (a.version)
                (void)puts("trailsentry " PACKAGE_VERSION);
        if (a.help || a.version)
                return CLI_EXIT_WELL;
        if (check_fit(argv + 1, n - 1, &a) < 0)
                return CLI_EXIT_USAGE;
        c->argument = argv[1];
        return a.verb->run(c);
}

int main(int argc, char *argv[])
{
        environment_restrict();
        (void)libraries_set_up(); /* the command is over soon */

        Cli c = {
                .config_path = CONF_PATH_DEFAULT,
                .state_directory = LOCALSTATEDIR "/lib/trailsentry",
                .status_path = STATUS_PATH_DEFAULT,
                .out = printer_for(stdout),
                .now_msec = cli_wall_msec(),
        };
        CliExit status = run(argc, argv, &c);

        /* A result that nobody could read is none. */
        if (ferror(stdout) || fflush(stdout) != 0) {
                cli_complain("the result could not be written: %s", strerror(errno));
                return CLI_EXIT_UNKNOWN;
        }
        return (int)status;
}
