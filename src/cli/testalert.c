/* SPDX-License-Identifier: Apache-2.0 */
/* `trailsentry test-alert`: whether the guard's messages reach their topics. */

#include <errno.h>

#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/check.h"
#include "cli/cli.h"

#define KNOWN_MAX 4096

/* ARN of the topic that was asked for, by ARN or name; NULL when it is not configured, which is
 * told. */
static const char *find_topic(const Conf *conf, const char *wanted)
{
        _cleanup_strbuf_ StrBuf known = STRBUF_INIT(KNOWN_MAX);

        for (size_t i = 0; i < conf->n_topics; i++) {
                const char *arn = conf->topics[i].arn, *colon = strrchr(arn, ':');

                if (streq(arn, wanted) || (colon && streq(colon + 1, wanted)))
                        return arn;
                strbuf_addf(&known, "%s%s", i > 0 ? ", " : "", arn);
        }
        cli_complain("--topic: \"%s\" is not in %s; there are: %s", wanted, conf->path,
                     strbuf_str(&known));
        return NULL;
}

static size_t count_failed(const Check *k)
{
        size_t n = 0;

        for (size_t i = 0; i < k->conf->n_topics; i++)
                n += (!k->only_topic || streq(k->only_topic, k->conf->topics[i].arn)) &&
                     k->topics[i].publish.state != PROBE_WENT_WELL;
        return n;
}

CliExit cli_test_alert(const Cli *c)
{
        _cleanup_(conf_problems_done) ConfProblems problems = {};
        _cleanup_(conf_freep) Conf *conf = NULL;
        _cleanup_(check_done) Check k = {.now_msec = c->now_msec, .tasks = CHECK_PUBLISH};
        _cleanup_free_ char *text = NULL;
        size_t failed;

        if (conf_load(c->config_path, &conf, &problems) < 0) {
                check_print_problems(&(Printer){.out = stderr}, &problems);
                return CLI_EXIT_UNKNOWN;
        }
        k.conf = conf;
        if (c->topic) {
                k.only_topic = find_topic(conf, c->topic);
                if (!k.only_topic)
                        return CLI_EXIT_USAGE;
        }
        if (check_ask(&k, &text) < 0) {
                cli_complain("AWS could not be asked: %s", text);
                return CLI_EXIT_UNKNOWN;
        }
        check_judge(&k);
        failed = count_failed(&k);

        if (c->json) {
                print_json(&c->out, json_pack("{s:i, s:o, s:o}", "exit_status",
                                              (int)(failed > 0 ? CLI_EXIT_WRONG : CLI_EXIT_WELL),
                                              "topics", check_topics_to_json(&k), "findings",
                                              check_findings_to_json(&k)));
        } else {
                check_print_topics(&c->out, &k);
                check_print_findings(&c->out, &k);
                if (failed == 0)
                        print_line(&c->out, PRINT_GOOD,
                                   "Accepted by SNS. Look whether it arrives where it is read.");
                else
                        print_line(&c->out, PRINT_BAD, "%zu topic%s did not accept it.", failed,
                                   failed == 1 ? "" : "s");
        }
        return failed > 0 ? CLI_EXIT_WRONG : CLI_EXIT_WELL;
}
