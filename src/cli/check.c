/* SPDX-License-Identifier: Apache-2.0 */
/* `trailsentry check`: the configuration read as the daemon reads it, then everything asked of AWS
 * that can be asked without changing anything; and, only with --exercise, the rest. */

#include "cli/check.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "daemon/status.h"

static CliExit verdict_of(int conf_error, const Check *k)
{
        if (conf_error == -EINVAL || conf_error == -EPERM || conf_error == -EFBIG)
                return CLI_EXIT_WRONG;
        if (conf_error < 0)
                return CLI_EXIT_UNKNOWN;
        return k->n_findings > 0 ? CLI_EXIT_WRONG : CLI_EXIT_WELL;
}

void check_print_problems(const Printer *p, const ConfProblems *problems)
{
        for (size_t i = 0; i < problems->n; i++) {
                _cleanup_free_ char *line = conf_problem_line(&problems->items[i]);

                print_line(p, PRINT_BAD, "%s", line);
        }
        print_blank(p);
        print_line(p, PRINT_PLAIN, "%zu mistake%s: trailsentryd does not start with this.",
                   problems->n, problems->n == 1 ? "" : "s");
}

static void print_accounts(const Printer *p, const Check *k)
{
        static const char *const headings[] = {"CREDENTIALS", "ACCOUNT", "STATE", NULL};
        _cleanup_(table_freep) Table *t = table_new(headings);

        for (size_t i = 0; i < k->conf->n_accounts; i++) {
                const CheckedAccount *a = &k->accounts[i];
                const char *role = k->conf->accounts[i].role_arn;
                bool well = a->identify.state == PROBE_WENT_WELL;

                table_cell(t, PRINT_PLAIN, "%s", a->source);
                table_cell(t, PRINT_PLAIN, "%s", a->identity.account ? a->identity.account : "-");
                table_cell(t, well ? PRINT_GOOD : PRINT_BAD, well ? "ok" : "FAILED");
                if (a->identity.arn || role)
                        table_note(t, PRINT_PLAIN, "%s", a->identity.arn ? a->identity.arn : role);
        }
        table_print(t, p);
        print_blank(p);
}

static void print_trails(const Printer *p, const Check *k)
{
        static const char *const headings[] = {"TRAIL", "ACCOUNT", "REGION",
                                               "CALLS", "STATE",   NULL};
        _cleanup_(table_freep) Table *t = table_new(headings);

        for (size_t i = 0; i < k->conf->n_trails; i++) {
                const CheckedTrail *trail = &k->trails[i];
                int calls = k->conf->drift ? 4 : 3;
                int passed = (trail->get_status.state == PROBE_WENT_WELL) +
                             (trail->selectors.state == PROBE_WENT_WELL) +
                             (trail->get_trail.state == PROBE_WENT_WELL) +
                             (trail->look_up.state == PROBE_WENT_WELL);

                table_cell(t, PRINT_PLAIN, "%s", arn_trail_name(&trail->arn));
                table_cell(t, PRINT_PLAIN, "%s", trail->arn.account);
                table_cell(t, PRINT_PLAIN, "%s", trail->arn.region);
                table_cell(t, passed == calls ? PRINT_GOOD : PRINT_BAD, "%d of %d", passed, calls);
                if (trail->get_status.state != PROBE_WENT_WELL)
                        table_cell(t, PRINT_WARNING, "not seen");
                else if (trail->status.is_logging)
                        table_cell(t, PRINT_GOOD, "logging");
                else
                        table_cell(t, PRINT_BAD, "NOT LOGGING");
        }
        table_print(t, p);
        print_blank(p);
}

static void exercise_cells(Table *t, const Probe *p, const char *well)
{
        static const PrintStyle styles[] = {
                [PROBE_NOT_TRIED] = PRINT_WARNING,
                [PROBE_WENT_WELL] = PRINT_GOOD,
                [PROBE_FAILED] = PRINT_BAD,
        };

        table_cell(t, styles[p->state], "%s",
                   p->state == PROBE_WENT_WELL ? well
                   : p->state == PROBE_FAILED  ? "FAILED"
                                               : "not tried");
}

void check_print_topics(const Printer *p, const Check *k)
{
        static const char *const headings[] = {"TEST MESSAGE TO", "FORMAT", "RESULT", NULL};
        _cleanup_(table_freep) Table *t = table_new(headings);

        for (size_t i = 0; i < k->conf->n_topics; i++) {
                const ConfTopic *topic = &k->conf->topics[i];
                const CheckedTopic *checked = &k->topics[i];

                if (k->only_topic && !streq(k->only_topic, topic->arn))
                        continue;
                table_cell(t, PRINT_PLAIN, "%s", topic->arn);
                table_cell(t, PRINT_PLAIN, "%s", topic_format_to_string(topic->format));
                exercise_cells(t, &checked->publish, "accepted");
                if (checked->message_id)
                        table_note(t, PRINT_PLAIN, "SNS message id %s", checked->message_id);
        }
        table_print(t, p);
        print_blank(p);
}

static void print_starts(const Printer *p, const Check *k)
{
        static const char *const headings[] = {"STARTLOGGING ON", "RESULT", "AFTER IT", NULL};
        _cleanup_(table_freep) Table *t = table_new(headings);

        for (size_t i = 0; i < k->conf->n_trails; i++) {
                const CheckedTrail *trail = &k->trails[i];
                _cleanup_free_ char *name = trail_words(k->conf->trails[i].arn);
                bool logs = trail->after.is_logging;

                if (k->conf->trails[i].action != TRAIL_ACTION_RESTART)
                        continue;
                table_cell(t, PRINT_PLAIN, "%s", name);
                exercise_cells(t, &trail->start, "accepted");
                if (trail->look_again.state == PROBE_WENT_WELL)
                        table_cell(t, logs ? PRINT_GOOD : PRINT_BAD,
                                   logs ? "logging" : "NOT LOGGING");
                else
                        table_cell(t, PRINT_WARNING, "-");
        }
        table_print(t, p);
        print_blank(p);
}

static void print_beat(const Printer *p, const Check *k)
{
        static const char *const headings[] = {"HEARTBEATTEST IN", "REGION", "RESULT", NULL};
        _cleanup_(table_freep) Table *t = table_new(headings);

        table_cell(t, PRINT_PLAIN, "%s", k->conf->heartbeat_namespace);
        table_cell(t, PRINT_PLAIN, "%s", k->conf->heartbeat_region);
        exercise_cells(t, &k->beat, "accepted");
        table_print(t, p);
        print_blank(p);
}

void check_print_findings(const Printer *p, const Check *k)
{
        for (size_t i = 0; i < k->n_findings; i++) {
                print_line(p, PRINT_BAD, "%s", k->findings[i].text);
                if (*k->findings[i].advice)
                        print_line(p, PRINT_PLAIN, "  => %s", k->findings[i].advice);
        }
        if (k->n_findings > 0)
                print_blank(p);
}

/* What is not wrong, and could be better; NULL when there is nothing. */
static const char *note_of(const Conf *conf)
{
        return conf->n_topics == 1
                       ? "there is one topic: when it is deleted or denied, only the missing "
                         "heartbeat tells. Add a second one, best in an account of its own"
                       : NULL;
}

static void print_topics(const Printer *p, const Conf *conf)
{
        const char *warning = conf_warning(conf);

        for (size_t i = 0; i < conf->n_topics; i++) {
                const ConfTopic *t = &conf->topics[i];

                print_line(p, PRINT_PLAIN, "  %s: %s, from severity %s on%s", t->arn,
                           topic_format_to_string(t->format), severity_to_string(t->min_severity),
                           conf_topic_is_fifo(t) ? ", FIFO" : "");
        }
        if (warning)
                print_line(p, PRINT_WARNING, "  %s", warning);
        if (note_of(conf))
                print_line(p, PRINT_WARNING, "  %s", note_of(conf));
}

/* What is not as AWS has it. */
static void print_settings(const Printer *p, const Check *k)
{
        AwsSettingNote note;

        for (size_t i = 0; k->settings && aws_settings_note(k->settings, i, &note); i++) {
                print_line(p, PRINT_PLAIN, "  %s: %s, by %s", note.what, note.value, note.origin);
                aws_setting_note_done(&note);
        }
}

static void print_check(const Printer *p, const Check *k)
{
        const Conf *conf = k->conf;
        bool asked = k->accounts;

        print_line(p, PRINT_GOOD, "%s has no mistakes: %zu trail%s, %zu topic%s.", conf->path,
                   conf->n_trails, conf->n_trails == 1 ? "" : "s", conf->n_topics,
                   conf->n_topics == 1 ? "" : "s");
        print_topics(p, conf);
        print_settings(p, k);
        print_blank(p);
        if (asked) {
                print_accounts(p, k);
                print_trails(p, k);
        }
        if (asked && k->tasks & CHECK_START)
                print_starts(p, k);
        if (asked && k->tasks & CHECK_PUBLISH)
                check_print_topics(p, k);
        if (asked && k->tasks & CHECK_BEAT && conf->heartbeat)
                print_beat(p, k);
        check_print_findings(p, k);

        if (k->n_unproved > 0)
                print_line(p, PRINT_PLAIN, "%s",
                           asked ? "Not proved, since it cannot be tried without doing it:"
                                 : "Needed, beside reading; not looked at (--offline):");
        for (size_t i = 0; i < k->n_unproved; i++)
                print_line(p, PRINT_PLAIN, "  %s", k->unproved[i]);
        print_blank(p);
        print_line(p, PRINT_PLAIN,
                   "This polling makes about %.0f read events a month; "
                   "poll_interval in trailsentry.conf(5) tells what they cost.",
                   k->read_events);
        if (!asked)
                return;
        print_blank(p);
        if (k->n_findings == 0)
                print_line(p, PRINT_GOOD, "All that was tried works.");
        else
                print_line(p, PRINT_BAD, "%zu thing%s wrong.", k->n_findings,
                           k->n_findings == 1 ? " is" : "s are");
}

static json_t *problems_to_json(const ConfProblems *problems)
{
        json_t *array = json_array();

        for (size_t i = 0; i < problems->n; i++) {
                const ConfProblem *p = &problems->items[i];

                json_append(array, json_pack("{s:i, s:s?, s:s}", "line", (int)p->line, "option",
                                             p->option, "text", p->text));
        }
        return array;
}

static json_t *probe_to_json(const Probe *p)
{
        static const char *const states[] = {
                [PROBE_NOT_TRIED] = "not-tried",
                [PROBE_WENT_WELL] = "ok",
                [PROBE_FAILED] = "failed",
        };

        return json_pack("{s:s, s:o}", "state", states[p->state], "error",
                         p->state == PROBE_FAILED ? aws_error_to_value(&p->error) : json_null());
}

static json_t *trail_to_json(const CheckedTrail *t, const char *arn)
{
        json_t *logging = t->get_status.state == PROBE_WENT_WELL
                                  ? json_boolean(t->status.is_logging)
                                  : json_null();

        json_t *after = t->look_again.state == PROBE_WENT_WELL ? json_boolean(t->after.is_logging)
                                                               : json_null();

        return json_pack("{s:s, s:o, s:s?, s:o, s:o, s:o, s:o, s:o, s:o}", "arn", arn, "logging",
                         logging, "home_region", t->description.home_region, "GetTrailStatus",
                         probe_to_json(&t->get_status), "GetTrail", probe_to_json(&t->get_trail),
                         "GetEventSelectors", probe_to_json(&t->selectors), "LookupEvents",
                         probe_to_json(&t->look_up), "StartLogging", probe_to_json(&t->start),
                         "logging_after", after);
}

static json_t *subscriptions(const CheckedTopic *t, int n)
{
        return t->describe.state == PROBE_WENT_WELL && n >= 0 ? json_integer(n) : json_null();
}

json_t *check_topics_to_json(const Check *k)
{
        json_t *topics = json_array();

        for (size_t i = 0; k->topics && i < k->conf->n_topics; i++) {
                const CheckedTopic *t = &k->topics[i];

                if (!k->only_topic || streq(k->only_topic, k->conf->topics[i].arn))
                        json_append(topics,
                                    json_pack("{s:s, s:s, s:o, s:s?, s:o, s:o, s:o}", "arn",
                                              k->conf->topics[i].arn, "format",
                                              topic_format_to_string(k->conf->topics[i].format),
                                              "Publish", probe_to_json(&t->publish), "message_id",
                                              t->message_id, "GetTopicAttributes",
                                              probe_to_json(&t->describe),
                                              "subscriptions_confirmed",
                                              subscriptions(t, t->attributes.confirmed),
                                              "subscriptions_pending",
                                              subscriptions(t, t->attributes.pending)));
        }
        return topics;
}

json_t *check_findings_to_json(const Check *k)
{
        json_t *findings = json_array();

        for (size_t i = 0; i < k->n_findings; i++)
                json_append(findings, json_pack("{s:s, s:s}", "text", k->findings[i].text, "advice",
                                                k->findings[i].advice));
        return findings;
}

static json_t *settings_to_json(const Check *k)
{
        json_t *array = json_array();
        AwsSettingNote note;

        for (size_t i = 0; k->settings && aws_settings_note(k->settings, i, &note); i++) {
                json_append(array, json_pack("{s:s, s:s, s:s}", "setting", note.what, "value",
                                             note.value, "origin", note.origin));
                aws_setting_note_done(&note);
        }
        return array;
}

/* The members from "settings" on. */
static json_t *check_to_json(const Check *k)
{
        json_t *accounts = json_array(), *trails = json_array(), *unproved = json_array(),
               *notes = json_array();

        for (size_t i = 0; k->accounts && i < k->conf->n_accounts; i++)
                json_append(accounts, json_pack("{s:s?, s:s, s:s?, s:o}", "role_arn",
                                                k->conf->accounts[i].role_arn, "credentials",
                                                k->accounts[i].source, "identity_arn",
                                                k->accounts[i].identity.arn, "GetCallerIdentity",
                                                probe_to_json(&k->accounts[i].identify)));
        for (size_t i = 0; k->trails && i < k->conf->n_trails; i++)
                json_append(trails, trail_to_json(&k->trails[i], k->conf->trails[i].arn));
        for (size_t i = 0; i < k->n_unproved; i++)
                json_append(unproved, json_string(k->unproved[i]));
        if (note_of(k->conf))
                json_append(notes, json_string(note_of(k->conf)));
        return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "settings",
                         settings_to_json(k), "accounts", accounts, "trails", trails, "topics",
                         check_topics_to_json(k), "PutMetricData", probe_to_json(&k->beat),
                         "findings", check_findings_to_json(k), "unproved", unproved, "notes",
                         notes, "read_events_a_month", (json_int_t)k->read_events);
}

/* Only who has read what is going to happen lets it happen. */
static bool is_exercise_agreed(const Cli *c, const Conf *conf)
{
        char answer[16] = "";
        size_t n = 0;

        for (size_t i = 0; i < conf->n_trails; i++)
                n += conf->trails[i].action == TRAIL_ACTION_RESTART;
        (void)fprintf(
                stderr,
                "This sends a test message to %zu topic%s%s, and calls StartLogging once on each "
                "of\n"
                "%zu trail%s that is seen to log, to prove that it is allowed. That changes "
                "nothing,\n"
                "but CloudTrail records it, and whoever watches for StartLogging may notice. "
                "The\n"
                "daemon takes it for somebody else's: more than two a day on one trail are "
                "an\n"
                "incident (external-controller).\n",
                conf->n_topics, conf->n_topics == 1 ? "" : "s",
                conf->heartbeat ? " and one value of the metric HeartbeatTest" : "", n,
                n == 1 ? "" : "s");
        if (c->yes || !isatty(STDIN_FILENO))
                return true;
        (void)fputs("Go on? [y/N] ", stderr);
        (void)fflush(stderr);
        return fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y');
}

CliExit cli_check(const Cli *c)
{
        _cleanup_(conf_problems_done) ConfProblems problems = {};
        _cleanup_(conf_freep) Conf *conf = NULL;
        _cleanup_(check_done) Check k = {.now_msec = c->now_msec, .tasks = CHECK_READ};
        _cleanup_free_ char *text = NULL;
        CliExit verdict;
        int r;

        if (c->exercise && c->offline) {
                cli_complain("--exercise asks AWS, --offline does not: say one of them");
                return CLI_EXIT_USAGE;
        }
        r = conf_load(c->config_path, &conf, &problems);
        k.conf = conf;
        if (conf && c->exercise) {
                if (!is_exercise_agreed(c, conf)) {
                        cli_complain("nothing was done");
                        return CLI_EXIT_UNKNOWN;
                }
                k.tasks |= CHECK_START | CHECK_PUBLISH | CHECK_BEAT;
        }
        if (conf && !c->offline && check_ask(&k, &text) < 0) {
                cli_complain("AWS could not be asked: %s", text);
                return CLI_EXIT_UNKNOWN;
        }
        if (conf)
                check_judge(&k);
        verdict = verdict_of(r, &k);

        if (c->json) {
                _cleanup_free_ char *path = escape_text(c->config_path, PATH_MAX);
                _cleanup_json_ json_t *more = conf ? check_to_json(&k) : json_object();
                json_t *o = json_pack("{s:i, s:s, s:o, s:i}", "version", 1, "configuration", path,
                                      "problems", problems_to_json(&problems), "exit_status",
                                      (int)verdict);

                if (json_object_update(o, more) < 0)
                        abort(); /* memory, or a bug of ours */
                print_json(&c->out, o);
        } else if (conf)
                print_check(&c->out, &k);
        else
                check_print_problems(&c->out, &problems);
        return verdict;
}
