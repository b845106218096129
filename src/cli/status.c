/* SPDX-License-Identifier: Apache-2.0 */
/* `trailsentry status`: the daemon's status file, judged and shown. The daemon is not asked, and
 * cannot be: what it last wrote is all there is, and old news is no news. */

#include "daemon/status.h"

#include <errno.h>
#include <stdarg.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/watch.h"
#include "core/alerttext.h"

#define STALE_MSEC (30 * MSEC_PER_SEC)
#define ESSENCE_MAX ((size_t)16 * 1024 * 1024)

/* The file, and what is to be said of it. */
typedef struct Status {
        const Cli *cli;
        bool wall; /* looked at from afar: what is wrong comes first */
        json_t *object;
        CliExit verdict;
        char **findings;
        size_t n_findings;
} Status;

static const char *text_of(const json_t *o, const char *name)
{
        return strempty(json_string_value(json_object_get(o, name)));
}

static int64_t number_of(const json_t *o, const char *name)
{
        return json_integer_value(json_object_get(o, name));
}

static const char *name_of_account(const json_t *account)
{
        const char *role = text_of(account, "role_arn");

        return *role ? role : "base credentials";
}

/* "management-events", or the ARN as it is when it is none. */
static const char *name_of_trail(const json_t *trail)
{
        const char *arn = text_of(trail, "arn"), *slash = strchr(arn, '/');

        return slash ? slash + 1 : arn;
}

static void find(Status *s, CliExit verdict, const char *fmt, ...) _printf_(3, 4);
static void find(Status *s, CliExit verdict, const char *fmt, ...)
{
        va_list ap;

        s->verdict = MAX(s->verdict, verdict);
        va_start(ap, fmt);
        *mem_push0(s->findings, s->n_findings) = mem_vprintf(fmt, ap);
        va_end(ap);
}

/* The daemon writes after every poll, and more often than that while something happens. */
static int64_t stale_after_msec(const json_t *object)
{
        int64_t shortest = INT64_MAX;
        const json_t *trail;
        size_t i;

        json_array_foreach(json_object_get(object, "trails"), i, trail) shortest =
                MIN(shortest, number_of(trail, "poll_interval_usec") / 1000);
        return shortest == INT64_MAX ? STALE_MSEC
                                     : MAX(STALE_MSEC, 2 * shortest + 10 * MSEC_PER_SEC);
}

static void judge_daemon(Status *s)
{
        int64_t written = number_of(s->object, "written_msec");
        int64_t age = s->cli->now_msec - written;
        const char *state_error = text_of(s->object, "state_error");
        int64_t withheld = number_of(json_object_get(s->object, "heartbeat"), "withheld_msec");
        char ago[80];

        cli_age(s->cli, written, ago);
        if (streq(text_of(s->object, "state"), "stopping"))
                find(s, CLI_EXIT_UNKNOWN, "trailsentryd was stopped %s: nothing is guarded", ago);
        else if (age > stale_after_msec(s->object))
                find(s, CLI_EXIT_UNKNOWN,
                     "the status was written %s: trailsentryd does not run any more, "
                     "or hangs (systemctl status trailsentryd)",
                     ago);
        else if (-age > STALE_MSEC)
                find(s, CLI_EXIT_UNKNOWN, "the status is from the future: the clock was set back");
        if (*text_of(s->object, "configuration_error"))
                find(s, CLI_EXIT_WRONG,
                     "the configuration was changed and not taken over, what was read before is in "
                     "force: %s",
                     text_of(s->object, "configuration_error"));
        if (*state_error)
                find(s, CLI_EXIT_WRONG, "incidents are not stored: %s", state_error);
        if (withheld)
                find(s, CLI_EXIT_WRONG,
                     "ALERTS REACH NOBODY: no topic has accepted one; heartbeats are withheld, "
                     "since %s",
                     cli_age(s->cli, withheld, ago));
        if (*text_of(s->object, "log_error"))
                find(s, CLI_EXIT_WRONG, "the journal does not take the daemon's records: %s",
                     text_of(s->object, "log_error"));
}

/* Owned; NULL for no error. */
static char *error_words(const json_t *item, const char *name)
{
        AwsError e;

        aws_error_from_value(json_object_get(item, name), &e);
        return e.class == AWS_ERROR_NONE ? NULL : alert_error_words(&e);
}

static void judge_error(Status *s, const char *name, const json_t *item)
{
        _cleanup_free_ char *words = error_words(item, "error");

        if (words)
                find(s, CLI_EXIT_WRONG, "%s: %s", name, words);
}

static void judge_unseen_starts(Status *s, const char *name, const json_t *starts)
{
        _cleanup_free_ char *failure = error_words(starts, "error");
        char ago[80];

        if (!json_is_object(starts))
                return;
        if (failure)
                find(s, CLI_EXIT_WRONG,
                     "%s cannot be seen; StartLogging is sent once a minute, in case it was "
                     "stopped, and FAILS: %s",
                     name, failure);
        else if (number_of(starts, "accepted_msec"))
                find(s, CLI_EXIT_WRONG,
                     "%s cannot be seen; StartLogging is sent once a minute, in case it was "
                     "stopped, and was last accepted %s",
                     name, cli_age(s->cli, number_of(starts, "accepted_msec"), ago));
}

/* A trail that cannot be seen at all is told of already. */
static void judge_settings(Status *s, const char *name, const json_t *trail)
{
        const json_t *half;
        const char *operation;

        if (!json_is_null(json_object_get(trail, "error")))
                return;
        json_object_foreach(json_object_get(trail, "settings"), operation, half)
        {
                _cleanup_free_ char *words = error_words(half, "error");
                int64_t good = number_of(half, "last_good_msec");
                char ago[80];

                if (words)
                        find(s, CLI_EXIT_WRONG,
                             "%s: %s fails, so that a change of its settings may go unseen (it "
                             "last "
                             "succeeded %s): %s",
                             name, operation,
                             good ? cli_age(s->cli, good, ago)
                                  : "before the daemon's start, if ever",
                             words);
        }
}

static void judge_heartbeat(Status *s)
{
        const json_t *heartbeat = json_object_get(s->object, "heartbeat");
        _cleanup_free_ char *words = error_words(heartbeat, "error");
        int64_t accepted = number_of(heartbeat, "accepted_msec");
        char ago[80];

        if (words)
                find(s, CLI_EXIT_WRONG,
                     "the heartbeat is not accepted (last %s), its alarm goes off: %s",
                     accepted ? cli_age(s->cli, accepted, ago)
                              : "before the daemon's start, if ever",
                     words);
}

static void judge_trail(Status *s, const json_t *trail)
{
        const char *name = name_of_trail(trail);
        const json_t *logging = json_object_get(trail, "logging");
        const char *incident = text_of(trail, "incident");
        int64_t n = number_of(trail, "incidents_open");
        _cleanup_free_ char *failure = error_words(trail, "restart_error");
        char ago[80];

        if (streq(text_of(trail, "incident_kind"), "deleted"))
                find(s, CLI_EXIT_WRONG, "%s was DELETED", name);
        else if (json_is_false(logging))
                find(s, CLI_EXIT_WRONG, "%s is NOT LOGGING, stopped %s%s%s", name,
                     cli_age(s->cli, number_of(trail, "stop_logging_msec"), ago),
                     failure ? "; the restart FAILS: " : "", strempty(failure));
        else if (!json_is_true(logging))
                find(s, CLI_EXIT_WRONG, "%s has not been seen yet", name);
        if (*incident && n > 1)
                find(s, CLI_EXIT_WRONG,
                     "%s has %lld open incidents (trailsentry incidents --open --trail=%s), the "
                     "worst is %s: trailsentry incidents %s",
                     name, (long long)n, name, text_of(trail, "incident_kind"), incident);
        else if (*incident)
                find(s, CLI_EXIT_WRONG, "%s has an open incident (%s): trailsentry incidents %s",
                     name, text_of(trail, "incident_kind"), incident);
        judge_error(s, name, trail);
        judge_settings(s, name, trail);
        judge_unseen_starts(s, name, json_object_get(trail, "unseen_starts"));
}

static void judge(Status *s)
{
        const json_t *item, *base = json_array_get(json_object_get(s->object, "accounts"), 0);
        size_t i;

        judge_daemon(s);
        judge_heartbeat(s);
        json_array_foreach(json_object_get(s->object, "trails"), i, item) judge_trail(s, item);
        json_array_foreach(json_object_get(s->object, "topics"), i, item)
                judge_error(s, text_of(item, "arn"), item);
        json_array_foreach(json_object_get(s->object, "accounts"), i, item)
        {
                /* No role can be assumed without the base credentials, told of already. */
                if (i > 0 && json_is_false(json_object_get(base, "usable")))
                        break;
                if (json_is_false(json_object_get(item, "usable")) &&
                    json_is_null(json_object_get(item, "error")))
                        find(s, CLI_EXIT_WRONG, "%s: no usable credentials yet",
                             name_of_account(item));
                judge_error(s, name_of_account(item), item);
        }
        int64_t told = (int64_t)json_array_size(json_object_get(s->object, "maintenance"));
        json_array_foreach(json_object_get(s->object, "trails"), i, item) told +=
                number_of(item, "incidents_open");
        int64_t more = number_of(s->object, "incidents_open") - told;
        if (more > 0)
                find(s, CLI_EXIT_WRONG, "%lld %sincident%s open: trailsentry incidents --open",
                     (long long)more, told > 0 ? "more " : "", more == 1 ? " is" : "s are");
}

/* Old news of a trail is a guess. */
static bool is_unseen(const Status *s, const json_t *trail)
{
        return s->verdict == CLI_EXIT_UNKNOWN || !json_is_null(json_object_get(trail, "error"));
}

static bool is_troubled(const Status *s, const json_t *trail)
{
        return is_unseen(s, trail) || !json_is_true(json_object_get(trail, "logging")) ||
               *text_of(trail, "incident");
}

/* When it is looked at again, if the daemon lives; "now" when that is due. */
static const char *next_poll(const Status *s, const json_t *trail, char buf[static TIMEFMT_MAX])
{
        int64_t left = number_of(trail, "next_poll_msec") - s->cli->now_msec;

        if (number_of(trail, "next_poll_msec") == 0 || s->verdict == CLI_EXIT_UNKNOWN)
                return "-";
        return left < MSEC_PER_SEC ? "now" : timefmt_duration(left / 1000 * 1000, buf);
}

static void add_trail(const Status *s, Table *t, const json_t *trail)
{
        const json_t *logging = json_object_get(trail, "logging");
        const char *incident = text_of(trail, "incident"), *kind = text_of(trail, "incident_kind");
        bool unseen = is_unseen(s, trail);
        int64_t n = number_of(trail, "incidents_open");
        char ago[80], next[TIMEFMT_MAX], more[40] = "";

        if (n > 1)
                (void)snprintf(more, sizeof(more), " and %lld more", (long long)n - 1);

        table_cell(t, PRINT_PLAIN, "%s", name_of_trail(trail));
        table_cell(t, PRINT_PLAIN, "%s", text_of(trail, "account"));
        table_cell(t, PRINT_PLAIN, "%s", text_of(trail, "region"));
        if (streq(kind, "deleted"))
                table_cell(t, PRINT_BAD, "DELETED");
        else if (json_is_false(logging))
                table_cell(t, PRINT_BAD, "NOT LOGGING");
        else if (json_is_true(logging) && !unseen && streq(kind, "drift"))
                table_cell(t, PRINT_WARNING, "logging, drift");
        else if (json_is_true(logging) && !unseen && streq(kind, "delivery"))
                table_cell(t, PRINT_BAD, "logging, not delivered");
        else if (json_is_true(logging) && !unseen)
                table_cell(t, PRINT_GOOD, "logging");
        else
                table_cell(t, PRINT_WARNING, json_is_true(logging) ? "logging?" : "not seen");
        table_cell(t, unseen ? PRINT_WARNING : PRINT_PLAIN, "%s",
                   cli_age(s->cli, number_of(trail, "last_poll_msec"), ago));
        if (!s->wall)
                return;
        table_cell(t, PRINT_PLAIN, "%s", next_poll(s, trail, next));
        if (*incident)
                table_note(t, PRINT_BAD, "incident %s (%s)%s", incident, kind, more);
}

static void print_trails(const Status *s)
{
        static const char *const headings[] = {"TRAIL",     "ACCOUNT", "REGION", "STATE",
                                               "LAST SEEN", "NEXT",    NULL};
        static const char *const plain_headings[] = {"TRAIL", "ACCOUNT",   "REGION",
                                                     "STATE", "LAST SEEN", NULL};
        _cleanup_(table_freep) Table *t = table_new(s->wall ? headings : plain_headings);
        const json_t *trail;
        size_t i;

        for (int well = 0; well < (s->wall ? 2 : 1); well++)
                json_array_foreach(json_object_get(s->object, "trails"), i, trail)
                {
                        if (!s->wall || is_troubled(s, trail) == !well)
                                add_trail(s, t, trail);
                }
        table_print(t, &s->cli->out);
}

static void print_topics(const Status *s)
{
        static const char *const headings[] = {"TOPIC", "UNSENT", "STATE", NULL};
        _cleanup_(table_freep) Table *t = table_new(headings);
        const json_t *topic;
        size_t i;

        json_array_foreach(json_object_get(s->object, "topics"), i, topic)
        {
                bool failing = !json_is_null(json_object_get(topic, "error"));

                table_cell(t, PRINT_PLAIN, "%s", text_of(topic, "arn"));
                table_cell(t, PRINT_PLAIN, "%lld", (long long)number_of(topic, "pending"));
                table_cell(t, failing ? PRINT_BAD : PRINT_GOOD, failing ? "failing" : "ok");
        }
        table_print(t, &s->cli->out);
}

static void print_accounts(const Status *s)
{
        static const char *const headings[] = {"CREDENTIALS", "VALID UNTIL", "STATE", NULL};
        _cleanup_(table_freep) Table *t = table_new(headings);
        const json_t *account;
        size_t i;

        json_array_foreach(json_object_get(s->object, "accounts"), i, account)
        {
                int64_t expiry = number_of(account, "expiry_msec");
                bool usable = json_is_true(json_object_get(account, "usable"));
                const char *identity = text_of(account, "identity_arn");
                char until[TIMEFMT_MAX];

                timefmt_iso8601(expiry == INT64_MAX ? 0 : expiry / 1000 * 1000, until);
                table_cell(t, PRINT_PLAIN, "%s", text_of(account, "credentials"));
                table_cell(t, PRINT_PLAIN, "%s",
                           expiry == INT64_MAX ? "forever"
                           : expiry == 0       ? "-"
                                               : until);
                table_cell(t, usable ? PRINT_GOOD : PRINT_BAD, usable ? "ok" : "not usable");
                table_note(t, PRINT_PLAIN, "%s", *identity ? identity : name_of_account(account));
        }
        table_print(t, &s->cli->out);
}

static void print_findings(const Status *s)
{
        const Printer *p = &s->cli->out;
        const json_t *window;
        size_t k;

        json_array_foreach(json_object_get(s->object, "maintenance"), k, window)
        {
                char until[TIMEFMT_MAX];

                timefmt_iso8601(number_of(window, "until_msec") / 1000 * 1000, until);
                print_line(p, PRINT_WARNING, "%s (until %s)", text_of(window, "title"), until);
        }
        for (size_t i = 0; i < s->n_findings; i++)
                print_line(p, PRINT_BAD, "%s", s->findings[i]);
        if (s->n_findings == 0)
                print_line(p, PRINT_GOOD, "All is well.");
}

static void print_last_incident(const Status *s)
{
        const json_t *last = json_object_get(s->object, "last_incident");
        char ago[80];

        if (!json_is_object(last))
                return;
        print_line(&s->cli->out, PRINT_PLAIN,
                   "Last incident, %s: %s; who: %s (trailsentry incidents %s)",
                   cli_age(s->cli, number_of(last, "detected_msec"), ago), text_of(last, "summary"),
                   text_of(last, "actor"), text_of(last, "id"));
}

static void print_heartbeat(const Status *s)
{
        const json_t *heartbeat = json_object_get(s->object, "heartbeat");
        int64_t accepted = number_of(heartbeat, "accepted_msec");
        char ago[80];

        if (!json_is_true(json_object_get(heartbeat, "enabled")))
                return;
        print_line(&s->cli->out, PRINT_PLAIN, "Heartbeat last accepted: %s",
                   accepted ? cli_age(s->cli, accepted, ago) : "not since the daemon's start");
}

static void print_status(const Status *s)
{
        const Printer *p = &s->cli->out;
        char started[80], written[80];

        print_line(p, PRINT_PLAIN, "trailsentryd %s on %s, process %lld, started %s",
                   text_of(s->object, "program_version"), text_of(s->object, "hostname"),
                   (long long)number_of(s->object, "pid"),
                   cli_age(s->cli, number_of(s->object, "started_msec"), started));
        print_line(p, PRINT_PLAIN, "written %s, configuration: %s",
                   cli_age(s->cli, number_of(s->object, "written_msec"), written),
                   text_of(s->object, "configuration"));
        print_blank(p);
        if (s->wall) {
                print_findings(s);
                print_blank(p);
        }
        print_trails(s);
        print_blank(p);
        print_topics(s);
        print_blank(p);
        print_accounts(s);
        if (!s->wall) {
                print_blank(p);
                print_findings(s);
        }
        print_heartbeat(s);
        print_last_incident(s);
}

static void print_status_json(const Status *s)
{
        json_t *findings = json_array();

        for (size_t i = 0; i < s->n_findings; i++)
                (void)json_array_append_new(findings, json_string(s->findings[i]));
        (void)json_object_set_new(s->object, "exit_status", json_integer((int)s->verdict));
        (void)json_object_set_new(s->object, "findings", findings);
        print_json(&s->cli->out, json_incref(s->object));
}

char *cli_status_unreadable(const char *path, int error)
{
        if (error == -ENOENT)
                return mem_printf("%s is not there: trailsentryd does not run (systemctl status "
                                  "trailsentryd), or writes elsewhere (--status-file)",
                                  path);
        if (error == -EACCES)
                return mem_printf("%s may not be read by this user: run as root, or as a member of "
                                  "the group trailsentry (usermod -aG trailsentry USER)",
                                  path);
        if (error == -EBADMSG || error == -E2BIG)
                return mem_printf("%s is not a status file of this version of trailsentryd", path);
        return mem_printf("%s cannot be read: %s", path, strerror(-error));
}

static void status_done(Status *s)
{
        mem_free_strv(s->findings, s->n_findings);
        json_decref(s->object);
}

static void add_essence(StrBuf *b, const json_t *array, const char *const *names)
{
        const json_t *item;
        size_t i;

        json_array_foreach(array, i, item)
        {
                const json_t *error = json_object_get(item, "error"),
                             *failure = json_object_get(item, "restart_error");

                for (const char *const *name = names; *name; name++) {
                        _cleanup_free_ char *value = json_dumps(json_object_get(item, *name),
                                                                JSON_COMPACT | JSON_ENCODE_ANY);

                        strbuf_addf(b, "%s ", strempty(value));
                }
                strbuf_addf(b, "%s %s %s %s\n", text_of(error, "class"), text_of(error, "code"),
                            text_of(failure, "class"), text_of(failure, "code"));
        }
}

/* What an observer would call a change: not a time that goes on. */
static char *essence_of(const Status *s)
{
        static const char *const trail[] = {"arn",      "action",         "logging",
                                            "incident", "incidents_open", NULL};
        static const char *const topic[] = {"arn", "pending", NULL};
        static const char *const account[] = {"role_arn", "identity_arn", "usable", NULL};
        static const char *const window[] = {"trail", "until_msec", NULL};
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(ESSENCE_MAX);

        strbuf_addf(&b, "%d %s %lld %s\n%s\n%d\n%lld\n", (int)s->verdict,
                    text_of(s->object, "state"), (long long)number_of(s->object, "pid"),
                    text_of(s->object, "state_error"), text_of(s->object, "configuration_error"),
                    !*text_of(s->object, "log_error"),
                    (long long)number_of(json_object_get(s->object, "heartbeat"), "withheld_msec"));
        /* One that came and went between two looks, too, and who it was. */
        const json_t *last = json_object_get(s->object, "last_incident");
        strbuf_addf(&b, "%s %s %zu\n", text_of(last, "id"), text_of(last, "actor"), s->n_findings);
        add_essence(&b, json_object_get(s->object, "trails"), trail);
        add_essence(&b, json_object_get(s->object, "topics"), topic);
        add_essence(&b, json_object_get(s->object, "accounts"), account);
        add_essence(&b, json_object_get(s->object, "maintenance"), window);
        return mem_strdup(strbuf_str(&b));
}

CliExit status_look(const Cli *c, char **ret_essence)
{
        _cleanup_(status_done) Status s = {.cli = c, .wall = true};
        int r = status_read(c->status_path, &s.object);

        if (r < 0) {
                _cleanup_free_ char *words = cli_status_unreadable(c->status_path, r);

                print_line(&c->out, PRINT_BAD, "%s", words);
                *ret_essence = mem_strdup(words);
                return CLI_EXIT_UNKNOWN;
        }
        judge(&s);
        print_status(&s);
        *ret_essence = essence_of(&s);
        return s.verdict;
}

CliExit cli_status(const Cli *c)
{
        _cleanup_(status_done) Status s = {.cli = c};
        int r;

        if (c->watch || c->interval)
                return watch_status(c);
        r = status_read(c->status_path, &s.object);
        if (r < 0) {
                _cleanup_free_ char *words = cli_status_unreadable(c->status_path, r);

                cli_complain("%s", words);
                return CLI_EXIT_UNKNOWN;
        }
        judge(&s);
        if (c->json)
                print_status_json(&s);
        else
                print_status(&s);
        return s.verdict;
}
