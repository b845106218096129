/* SPDX-License-Identifier: Apache-2.0 */
/* `trailsentry check`: the configuration read as the daemon reads it, then everything asked of AWS
 * that can be asked without changing anything. */

#include "cli/check.h"

#include <errno.h>
#include <limits.h>

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

static void print_problems(const Printer *p, const ConfProblems *problems)
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
                int passed = (trail->get_status.state == PROBE_WENT_WELL) +
                             (trail->get_trail.state == PROBE_WENT_WELL) +
                             (trail->look_up.state == PROBE_WENT_WELL);

                table_cell(t, PRINT_PLAIN, "%s", arn_trail_name(&trail->arn));
                table_cell(t, PRINT_PLAIN, "%s", trail->arn.account);
                table_cell(t, PRINT_PLAIN, "%s", trail->arn.region);
                table_cell(t, passed == 3 ? PRINT_GOOD : PRINT_BAD, "%d of 3", passed);
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

static void print_findings(const Printer *p, const Check *k)
{
        for (size_t i = 0; i < k->n_findings; i++) {
                print_line(p, PRINT_BAD, "%s", k->findings[i].text);
                if (*k->findings[i].advice)
                        print_line(p, PRINT_PLAIN, "  => %s", k->findings[i].advice);
        }
        if (k->n_findings > 0)
                print_blank(p);
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
}

static void print_check(const Printer *p, const Check *k)
{
        const Conf *conf = k->conf;
        bool asked = k->accounts;

        print_line(p, PRINT_GOOD, "%s has no mistakes: %zu trail%s, %zu topic%s.", conf->path,
                   conf->n_trails, conf->n_trails == 1 ? "" : "s", conf->n_topics,
                   conf->n_topics == 1 ? "" : "s");
        print_topics(p, conf);
        print_blank(p);
        if (asked) {
                print_accounts(p, k);
                print_trails(p, k);
        }
        print_findings(p, k);

        print_line(p, PRINT_PLAIN, "%s",
                   asked ? "Not proved, since it cannot be tried without doing it:"
                         : "Needed, beside reading; not looked at (--offline):");
        for (size_t i = 0; i < k->n_unproved; i++)
                print_line(p, PRINT_PLAIN, "  %s", k->unproved[i]);
        print_blank(p);
        print_line(p, PRINT_PLAIN,
                   "This polling makes about %.0f read events (GetTrailStatus) a month; "
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

static void append(json_t *array, json_t *value)
{
        if (json_array_append_new(array, value) < 0)
                abort(); /* memory, or a bug of ours */
}

static json_t *problems_to_json(const ConfProblems *problems)
{
        json_t *array = json_array();

        for (size_t i = 0; i < problems->n; i++) {
                const ConfProblem *p = &problems->items[i];

                append(array, json_pack("{s:i, s:s?, s:s}", "line", (int)p->line, "option",
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
                         p->state == PROBE_FAILED ? status_error_to_json(&p->error) : json_null());
}

static json_t *trail_to_json(const CheckedTrail *t, const char *arn)
{
        json_t *logging = t->get_status.state == PROBE_WENT_WELL
                                  ? json_boolean(t->status.is_logging)
                                  : json_null();

        return json_pack("{s:s, s:o, s:s?, s:o, s:o, s:o}", "arn", arn, "logging", logging,
                         "home_region", t->description.home_region, "GetTrailStatus",
                         probe_to_json(&t->get_status), "GetTrail", probe_to_json(&t->get_trail),
                         "LookupEvents", probe_to_json(&t->look_up));
}

/* The members from "accounts" on. */
static json_t *check_to_json(const Check *k)
{
        json_t *accounts = json_array(), *trails = json_array(), *findings = json_array(),
               *unproved = json_array();

        for (size_t i = 0; k->accounts && i < k->conf->n_accounts; i++)
                append(accounts,
                       json_pack("{s:s?, s:s, s:s?, s:o}", "role_arn",
                                 k->conf->accounts[i].role_arn, "credentials",
                                 k->accounts[i].source, "identity_arn", k->accounts[i].identity.arn,
                                 "GetCallerIdentity", probe_to_json(&k->accounts[i].identify)));
        for (size_t i = 0; k->trails && i < k->conf->n_trails; i++)
                append(trails, trail_to_json(&k->trails[i], k->conf->trails[i].arn));
        for (size_t i = 0; i < k->n_findings; i++)
                append(findings, json_pack("{s:s, s:s}", "text", k->findings[i].text, "advice",
                                           k->findings[i].advice));
        for (size_t i = 0; i < k->n_unproved; i++)
                append(unproved, json_string(k->unproved[i]));
        return json_pack("{s:o, s:o, s:o, s:o, s:I}", "accounts", accounts, "trails", trails,
                         "findings", findings, "unproved", unproved, "read_events_a_month",
                         (json_int_t)k->read_events);
}

CliExit cli_check(const Cli *c)
{
        _cleanup_(conf_problems_done) ConfProblems problems = {};
        _cleanup_(conf_freep) Conf *conf = NULL;
        _cleanup_(check_done) Check k = {.now_msec = c->now_msec};
        _cleanup_free_ char *text = NULL;
        CliExit verdict;
        int r;

        r = conf_load(c->config_path, &conf, &problems);
        k.conf = conf;
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
                print_problems(&c->out, &problems);
        return verdict;
}
