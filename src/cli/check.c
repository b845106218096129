/* SPDX-License-Identifier: Apache-2.0 */
/* `trailsentry check`: the configuration read as the daemon reads it, then everything asked of AWS
 * that can be asked without changing anything. */

#include <errno.h>

#include "aws/arn.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "cli/checkreport.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "daemon/status.h"

static CliExit verdict_of(int conf_error, const CheckReport *report)
{
        if (conf_error == -EINVAL || conf_error == -EPERM || conf_error == -EFBIG)
                return CLI_EXIT_WRONG;
        if (conf_error < 0)
                return CLI_EXIT_UNKNOWN;
        return report->n_findings > 0 ? CLI_EXIT_WRONG : CLI_EXIT_WELL;
}

static void print_problems(const Cli *c, const ConfProblems *problems)
{
        for (size_t i = 0; i < problems->n; i++) {
                _cleanup_free_ char *line = conf_problem_line(&problems->items[i]);

                print_line(&c->out, PRINT_BAD, "%s", line);
        }
        print_line(&c->out, PRINT_PLAIN, "%s", "");
        print_line(&c->out, PRINT_PLAIN, "%zu mistake%s: trailsentryd does not start with this.",
                   problems->n, problems->n == 1 ? "" : "s");
}

static void print_accounts(const Cli *c, const Conf *conf, const CheckRun *run)
{
        static const char *const headings[] = {"CREDENTIALS", "ACCOUNT", "STATE"};
        _cleanup_(table_freep) Table *t = table_new(headings, ELEMENTSOF(headings), 0);

        for (size_t i = 0; i < run->n_accounts; i++) {
                const CheckedAccount *a = &run->accounts[i];
                const char *role = conf->accounts[i].role_arn;

                table_cell(t, PRINT_PLAIN, "%s", a->source);
                table_cell(t, PRINT_PLAIN, "%s", a->identity.account ? a->identity.account : "-");
                if (a->identify.state == PROBE_WENT_WELL)
                        table_cell(t, PRINT_GOOD, "ok");
                else
                        table_cell(t, PRINT_BAD, "FAILED");
                if (a->identity.arn || role)
                        table_note(t, PRINT_PLAIN, "%s", a->identity.arn ? a->identity.arn : role);
        }
        table_print(t, &c->out);
}

static unsigned count_passed(const CheckedTrail *t)
{
        return (unsigned)(t->get_status.state == PROBE_WENT_WELL) +
               (unsigned)(t->get_trail.state == PROBE_WENT_WELL) +
               (unsigned)(t->look_up.state == PROBE_WENT_WELL);
}

static void print_trails(const Cli *c, const Conf *conf, const CheckRun *run)
{
        static const char *const headings[] = {"TRAIL", "ACCOUNT", "REGION", "CALLS", "STATE"};
        _cleanup_(table_freep) Table *t = table_new(headings, ELEMENTSOF(headings), 0);

        for (size_t i = 0; i < run->n_trails; i++) {
                const CheckedTrail *trail = &run->trails[i];
                unsigned passed = count_passed(trail);
                Arn a = {};

                if (arn_parse(conf->trails[i].arn, &a) < 0)
                        continue; /* does not happen: conf_load() has parsed it */
                table_cell(t, PRINT_PLAIN, "%s", arn_trail_name(&a));
                table_cell(t, PRINT_PLAIN, "%s", a.account);
                table_cell(t, PRINT_PLAIN, "%s", a.region);
                table_cell(t, passed == 3 ? PRINT_GOOD : PRINT_BAD, "%u of 3", passed);
                if (trail->get_status.state != PROBE_WENT_WELL)
                        table_cell(t, PRINT_WARNING, "not seen");
                else if (trail->status.is_logging)
                        table_cell(t, PRINT_GOOD, "logging");
                else
                        table_cell(t, PRINT_BAD, "NOT LOGGING");
        }
        table_print(t, &c->out);
}

static void print_advice(const Printer *p, const char *advice)
{
        _cleanup_free_ char *text = mem_printf("=> %s", advice);

        if (*advice)
                print_text(p, PRINT_PLAIN, 2, 5, text);
}

static void print_report(const Cli *c, const Conf *conf, const CheckRun *run,
                         const CheckReport *report)
{
        const Printer *p = &c->out;

        print_line(p, PRINT_GOOD, "%s has no mistakes: %zu trail%s, %zu topic%s.", conf->path,
                   conf->n_trails, conf->n_trails == 1 ? "" : "s", conf->n_topics,
                   conf->n_topics == 1 ? "" : "s");
        print_line(p, PRINT_PLAIN, "%s", "");
        if (run) {
                print_accounts(c, conf, run);
                print_line(p, PRINT_PLAIN, "%s", "");
                print_trails(c, conf, run);
                print_line(p, PRINT_PLAIN, "%s", "");
        }

        for (size_t i = 0; i < report->n_findings; i++) {
                print_text(p, PRINT_BAD, 0, 2, report->findings[i].text);
                print_advice(p, report->findings[i].advice);
        }
        if (report->n_findings > 0)
                print_line(p, PRINT_PLAIN, "%s", "");

        print_line(p, PRINT_PLAIN, "%s",
                   run ? "Not proved, since it cannot be tried without doing it:"
                       : "Needed, beside reading; not looked at (--offline):");
        for (size_t i = 0; i < report->n_unproved; i++)
                print_text(p, PRINT_PLAIN, 2, 4, report->unproved[i]);
        print_line(p, PRINT_PLAIN, "%s", "");
        for (size_t i = 0; i < report->n_costs; i++)
                print_text(p, PRINT_PLAIN, 0, 0, report->costs[i]);
        if (run) {
                print_line(p, PRINT_PLAIN, "%s", "");
                if (report->n_findings == 0)
                        print_line(p, PRINT_GOOD, "All that was tried works.");
                else
                        print_line(p, PRINT_BAD, "%zu thing%s wrong.", report->n_findings,
                                   report->n_findings == 1 ? " is" : "s are");
        }
}

static void set_new(json_t *object, const char *name, json_t *value)
{
        if (!value || json_object_set_new(object, name, value) < 0)
                abort(); /* memory, or a bug of ours */
}

static void append_new(json_t *array, json_t *value)
{
        if (!value || json_array_append_new(array, value) < 0)
                abort(); /* memory, or a bug of ours */
}

static json_t *text_or_null(const char *s)
{
        return s ? json_string(s) : json_null();
}

static json_t *problems_to_json(const ConfProblems *problems)
{
        json_t *array = json_array();

        for (size_t i = 0; i < problems->n; i++) {
                const ConfProblem *p = &problems->items[i];

                append_new(array, json_pack("{s:i, s:o, s:s}", "line", (int)p->line, "option",
                                            text_or_null(p->option), "text", p->text));
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
                         p->state == PROBE_FAILED ? status_error_to_json(&p->error) : json_null());
}

static json_t *run_accounts_to_json(const Conf *conf, const CheckRun *run)
{
        json_t *array = json_array();

        for (size_t i = 0; i < run->n_accounts; i++) {
                const CheckedAccount *a = &run->accounts[i];

                append_new(array,
                           json_pack("{s:o, s:s, s:o, s:o}", "role_arn",
                                     text_or_null(conf->accounts[i].role_arn), "credentials",
                                     a->source, "identity_arn", text_or_null(a->identity.arn),
                                     "GetCallerIdentity", probe_to_json(&a->identify)));
        }
        return array;
}

static json_t *run_trails_to_json(const Conf *conf, const CheckRun *run)
{
        json_t *array = json_array();

        for (size_t i = 0; i < run->n_trails; i++) {
                const CheckedTrail *t = &run->trails[i];
                bool seen = t->get_status.state == PROBE_WENT_WELL;

                append_new(array, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "arn",
                                            conf->trails[i].arn, "logging",
                                            seen ? json_boolean(t->status.is_logging) : json_null(),
                                            "home_region", text_or_null(t->description.home_region),
                                            "GetTrailStatus", probe_to_json(&t->get_status),
                                            "GetTrail", probe_to_json(&t->get_trail),
                                            "LookupEvents", probe_to_json(&t->look_up)));
        }
        return array;
}

static json_t *findings_to_json(const CheckReport *report)
{
        json_t *array = json_array();

        for (size_t i = 0; i < report->n_findings; i++)
                append_new(array, json_pack("{s:s, s:s}", "text", report->findings[i].text,
                                            "advice", report->findings[i].advice));
        return array;
}

static void add_report(json_t *o, const Conf *conf, const CheckRun *run, const CheckReport *report)
{
        json_t *unproved = json_array();

        for (size_t i = 0; i < report->n_unproved; i++)
                append_new(unproved, json_string(report->unproved[i]));
        set_new(o, "accounts", run ? run_accounts_to_json(conf, run) : json_array());
        set_new(o, "trails", run ? run_trails_to_json(conf, run) : json_array());
        set_new(o, "findings", findings_to_json(report));
        set_new(o, "unproved", unproved);
        set_new(o, "read_events_a_month",
                json_integer((json_int_t)check_read_events_a_month(conf)));
}

CliExit cli_check(const Cli *c)
{
        _cleanup_(conf_problems_done) ConfProblems problems = {};
        _cleanup_(conf_freep) Conf *conf = NULL;
        _cleanup_(check_run_freep) CheckRun *run = NULL;
        _cleanup_(check_report_done) CheckReport report = {};
        _cleanup_free_ char *text = NULL;
        CliExit verdict;
        int conf_error;

        conf_error = conf_load(c->config_path, &conf, &problems);
        if (conf && !c->offline && check_run(conf, c->now_msec, &run, &text) < 0) {
                cli_complain("AWS could not be asked: %s", text);
                return CLI_EXIT_UNKNOWN;
        }
        if (conf)
                check_report(conf, run, c->now_msec, &report);
        verdict = verdict_of(conf_error, &report);

        if (c->format == CLI_FORMAT_JSON) {
                _cleanup_json_ json_t *o = json_object();

                set_new(o, "version", json_integer(1));
                set_new(o, "configuration", json_string(c->config_path));
                set_new(o, "problems", problems_to_json(&problems));
                set_new(o, "exit_status", json_integer((int)verdict));
                if (conf)
                        add_report(o, conf, run, &report);
                print_json(c->out.out, o);
        } else if (conf)
                print_report(c, conf, run, &report);
        else
                print_problems(c, &problems);
        return verdict;
}
