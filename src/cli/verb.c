/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verb.h"

#include "base/mem.h"
#include "daemon/conf.h"
#include "daemon/status.h"

#define WIDTH 79
#define INDENT 29

const CliOption cli_options[] = {
        {"config", "FILE", offsetof(Cli, config_path), 'c',
         "the daemon's configuration (" CONF_PATH_DEFAULT ")"},
        {"state-directory", "DIR", offsetof(Cli, state_directory), 0,
         "where the daemon keeps incidents (" LOCALSTATEDIR "/lib/trailsentry)"},
        {"status-file", "FILE", offsetof(Cli, status_path), 0,
         "what the daemon writes about itself (" STATUS_PATH_DEFAULT ")"},
        {"watch", NULL, offsetof(Cli, watch), 'w',
         "go on: on a terminal draw it again and again, into a pipe write when it changes"},
        {"interval", "TIME", offsetof(Cli, interval), 0,
         "with --watch, how often to look: 1s to 1h (2s)"},
        {"exercise", NULL, offsetof(Cli, exercise), 0,
         "also prove what only a change can prove: a test message to each topic, one StartLogging "
         "on each trail that logs"},
        {"yes", NULL, offsetof(Cli, yes), 0, "do not ask whether to go on"},
        {"topic", "NAME", offsetof(Cli, topic), 0, "only to this topic: its name or its ARN"},
        {"role", "WHAT", offsetof(Cli, role), 0,
         "only of guard, target (roles that it takes), topic or scp"},
        {"guard-role-arn", "ARN", offsetof(Cli, guard_role_arn), 0,
         "the guard's own role, where the daemon has not told it in its status file, or the "
         "role has a path"},
        {"exempt", "ARN,...", offsetof(Cli, exempt), 0,
         "whom the service control policy does not bind; * is allowed"},
        {"protect", "ARN,...", offsetof(Cli, protect), 0,
         "what the service control policy protects beside what the configuration names; * is "
         "allowed"},
        {"output", "DIR", offsetof(Cli, output), 0, "write each policy to a file there"},
        {"offline", NULL, offsetof(Cli, offline), 0, "read the file, ask AWS nothing"},
        {"trail", "TRAIL", offsetof(Cli, trail), 0,
         "of this trail: its name or its ARN; for baseline and maintenance also all"},
        {"kind", "KIND,...", offsetof(Cli, filter.kinds), 0, "of these kinds: stopped,blink"},
        {"severity", "LEAST", offsetof(Cli, filter.severity), 0,
         "at least info, warning, high or critical"},
        {"open", NULL, offsetof(Cli, filter.open), 0, "that go on"},
        {"since", "TIME", offsetof(Cli, filter.since), 0,
         "detected then or later: 2026-11-23, \"2026-11-23 03:12\" (UTC), or 2h, 3d ago"},
        {"until", "TIME", offsetof(Cli, filter.until), 0, "detected then or before"},
        {"actor", "TEXT", offsetof(Cli, filter.actor), 0,
         "in which somebody other than the guard had a part whose name, ARN, key, address or "
         "tool has TEXT in it"},
        {"limit", "N", offsetof(Cli, filter.limit), 0, "the newest N"},
        {"for", "DURATION", offsetof(Cli, duration), 0, "30min, 2h: it ends by itself then"},
        {"reason", "TEXT", offsetof(Cli, reason), 0, "why; told to everybody who gets alerts"},
        {"json", NULL, offsetof(Cli, json), 0, "one JSON value, for machines"},
};
const size_t cli_n_options = ELEMENTSOF(cli_options);

const CliVerb cli_verbs[] = {
        {"status", cli_status, NULL, "what the daemon sees and does",
         "watch interval status-file json",
         "Shows each trail with its state and when it was last seen, each topic with its\n"
         "unsent messages, each identity with its credentials, and last what is wrong.\n"
         "\n"
         "  trailsentry status || systemctl status trailsentryd\n"
         "  trailsentry status --watch --interval=5s\n"},
        {"incidents", cli_incidents, "[ID]", "what has happened, newest first; or all about one",
         "state-directory trail kind severity open since until actor limit json",
         "Without an ID: what has happened, newest first, as far as the options ask for\n"
         "it. With one: its course, step by step, who did it and what to do; --json has\n"
         "all that is known, and the messages. The beginning of the id is enough.\n"
         "\n"
         "  trailsentry incidents --open\n"
         "  trailsentry incidents --since=3d --severity=high --actor=alice\n"
         "  trailsentry incidents 3f2a\n"},
        {"check", cli_check, NULL, "is the configuration right, may the guard do its work?",
         "config offline exercise yes json",
         "Reads the configuration as the daemon does, fetches credentials, assumes the\n"
         "roles and asks AWS about every trail. Says what is wrong and what to do about\n"
         "it. Changes nothing without --exercise. To see what the daemon will see, run it\n"
         "on the daemon's machine as the daemon's user.\n"
         "\n"
         "  trailsentry check && systemctl reload trailsentryd\n"
         "  trailsentry check --offline --config=new.conf\n"},
        {"test-alert", cli_test_alert, NULL, "send a test message to the topics",
         "config topic json",
         "Publishes a message that says it is a test to each topic of the configuration,\n"
         "in that topic's format, and tells what SNS said: the message id, or what is\n"
         "wrong and what to do. That SNS accepts it does not prove that anybody reads it:\n"
         "look whether it arrives.\n"},
        {"policy", cli_policy, NULL, "the IAM policies for this configuration",
         "config status-file role guard-role-arn exempt protect output json",
         "Prints what has to be allowed for this configuration, and no more: the\n"
         "permissions of the guard's own role, permissions and trust policy of each role\n"
         "that it takes, what topics of other accounts have to allow; and a service\n"
         "control policy that keeps everybody else from the trails and from what the\n"
         "guard needs: its roles, topics, alarm and instance. AWS is not asked.\n"
         "\n"
         "  trailsentry policy --role=target\n"
         "  trailsentry policy --output=policies \\\n"
         "      --exempt=arn:aws:iam::*:role/break-glass\n"},
        {"baseline", cli_baseline, "[show|diff|accept]",
         "the settings that trails are compared with, and what differs",
         "trail state-directory status-file json",
         "  trailsentry baseline show\n"
         "  trailsentry baseline diff\n"
         "  trailsentry baseline accept --trail=NAME\n"
         "\n"
         "The baseline of a trail is what it was set to when the daemon first saw it, or\n"
         "what has been accepted since. accept shows what differs and has the daemon\n"
         "accept just that as the new baseline, which is reported to every topic. What\n"
         "the configuration expects cannot be accepted. Only root and the daemon's user\n"
         "may.\n"},
        {"maintenance", cli_maintenance, "[start|stop|list]",
         "record approved changes for a while instead of fighting them",
         "trail for reason status-file json",
         "  trailsentry maintenance start --trail=NAME --for=30min --reason=\"CHG-4711\"\n"
         "  trailsentry maintenance stop --trail=NAME\n"
         "  trailsentry maintenance list\n"
         "\n"
         "While it lasts, the trail is not restarted and its changes are not reported one\n"
         "by one; they are in the journal and among the incidents. Its beginning and its\n"
         "end are reported to every topic. When it ends, at the latest after a day, a\n"
         "trail that is still stopped is restarted and reported. Only root and the\n"
         "daemon's user may.\n"},
};
const size_t cli_n_verbs = ELEMENTSOF(cli_verbs);

const CliVerb *cli_find_verb(const char *name)
{
        for (size_t i = 0; i < cli_n_verbs; i++)
                if (streq(cli_verbs[i].name, name))
                        return &cli_verbs[i];
        return NULL;
}

bool cli_verb_takes(const CliVerb *v, const CliOption *o)
{
        size_t n;

        for (const char *at = v->options; *at; at += n + strspn(at + n, " ")) {
                n = strcspn(at, " ");
                if (n == strlen(o->name) && strncmp(at, o->name, n) == 0)
                        return true;
        }
        return false;
}

/* Words from column `column` on, wrapped to `indent`. */
static void put_words(const char *text, size_t column, size_t indent)
{
        size_t n;

        for (const char *at = text; *at; at += n + strspn(at + n, " \n")) {
                n = strcspn(at, " \n");
                if (at > text && column + 1 + n > WIDTH) {
                        (void)printf("\n%*s", (int)indent, "");
                        column = indent;
                } else if (at > text) {
                        (void)putchar(' ');
                        column++;
                }
                (void)printf("%.*s", (int)n, at);
                column += n;
        }
        (void)putchar('\n');
}

static void put_entry(const char *head, const char *text)
{
        (void)printf("  %-*s", INDENT - 2, head);
        if (strlen(head) > INDENT - 4)
                (void)printf("\n%*s", INDENT, "");
        put_words(text, INDENT, INDENT);
}

static void put_option(const CliOption *o)
{
        char letter[] = {'-', o->letter, ',', '\0'};
        _cleanup_free_ char *head = mem_printf("%-4s--%s%s%s", o->letter ? letter : "", o->name,
                                               o->value ? "=" : "", strempty(o->value));

        put_entry(head, o->help);
}

static void put_common(void)
{
        put_entry("-h, --help", "this text");
        put_entry("    --version", "the version");
        (void)puts("\n"
                   "Exit status: 0 all is well; 1 something is wrong (a trail is not logging, an\n"
                   "incident is open, a check failed); 2 usage error; 3 unknown (the\n"
                   "daemon does not run, a file cannot be read).\n"
                   "\n"
                   "See trailsentry(1), trailsentryd(8), trailsentry.conf(5).");
}

void cli_help(void)
{
        (void)puts("trailsentry VERB [OPTION...]\n"
                   "\n"
                   "Looks at trailsentryd, the guard of AWS CloudTrail trails.\n"
                   "\n"
                   "Verbs; \"trailsentry VERB --help\" tells more about one:");
        for (size_t i = 0; i < cli_n_verbs; i++) {
                const CliVerb *v = &cli_verbs[i];
                _cleanup_free_ char *head = mem_printf("%s %s", v->name, strempty(v->argument));

                put_entry(head, v->summary);
        }
        (void)puts("\nOptions:");
        put_common();
}

void cli_help_verb(const CliVerb *v)
{
        (void)printf("trailsentry %s [OPTION...]%s%s\n\n", v->name, v->argument ? " " : "",
                     strempty(v->argument));
        (void)fputs(v->details, stdout);
        (void)puts("\nOptions:");
        for (size_t i = 0; i < cli_n_options; i++)
                if (cli_verb_takes(v, &cli_options[i]))
                        put_option(&cli_options[i]);
        put_common();
}
