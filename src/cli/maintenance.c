/* SPDX-License-Identifier: Apache-2.0 */
/* `trailsentry maintenance`: sets and ends windows in which changes are recorded and not fought.
 * The daemon is asked for both; what there is, its status file tells. */

#include <errno.h>

#include "aws/arn.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "daemon/status.h"

#define REASON_MAX 500

/* 0, or -EINVAL when it has been complained of. NULL stands for every trail. */
static int parse_trail(const Cli *c, const char **ret)
{
        const char *why = "";
        Arn a;

        if (!c->trail) {
                cli_complain("say of which trail: --trail ARN, or --trail all");
                return -EINVAL;
        }
        if (streq(c->trail, "all")) {
                *ret = NULL;
                return 0;
        }
        if (arn_parse_trail(c->trail, &a, &why) < 0) {
                cli_complain("--trail takes \"all\" or a trail's ARN, "
                             "arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME%s%s",
                             *why ? "; " : "", why);
                return -EINVAL;
        }
        *ret = c->trail;
        return 0;
}

static CliExit start(const Cli *c)
{
        const char *trail;
        uint64_t usec;

        if (parse_trail(c, &trail) < 0)
                return CLI_EXIT_USAGE;
        if (!c->duration || timefmt_parse_duration(c->duration, &usec) < 0 ||
            usec < USEC_PER_MINUTE || usec > 24 * USEC_PER_HOUR) {
                cli_complain("say for how long: --for 30min, from 1min to 1d");
                return CLI_EXIT_USAGE;
        }
        if (isempty(c->reason) || strlen(c->reason) > REASON_MAX) {
                cli_complain("say why: --reason \"...\", up to %d characters; everybody who gets "
                             "alerts will read it",
                             REASON_MAX);
                return CLI_EXIT_USAGE;
        }
        json_t *request =
                json_pack("{s:s, s:s?, s:I, s:s}", "verb", "maintenance-start", "trail", trail,
                          "for_msec", (json_int_t)(usec / USEC_PER_MSEC), "reason", c->reason);
        if (!request) {
                cli_complain("the reason has to be UTF-8");
                return CLI_EXIT_USAGE;
        }
        return cli_ask(c, request);
}

static CliExit stop(const Cli *c)
{
        const char *trail;

        if (parse_trail(c, &trail) < 0)
                return CLI_EXIT_USAGE;
        return cli_ask(c, json_pack("{s:s, s:s?}", "verb", "maintenance-stop", "trail", trail));
}

static void print_window(const Cli *c, const json_t *w)
{
        const char *trail = json_string_value(json_object_get(w, "trail"));
        int64_t until = json_integer_value(json_object_get(w, "until_msec"));
        char at[TIMEFMT_MAX], left[TIMEFMT_MAX];

        print_line(&c->out, PRINT_WARNING, "%s",
                   strempty(json_string_value(json_object_get(w, "title"))));
        print_row(&c->out, "Trail", PRINT_PLAIN, "%s", trail ? trail : "all");
        print_row(&c->out, "Ends", PRINT_PLAIN, "%s, in %s", timefmt_iso8601(until, at),
                  timefmt_duration((until - c->now_msec) / 1000 * 1000, left));
        print_row(&c->out, "Recorded", PRINT_PLAIN, "%d",
                  (int)json_integer_value(json_object_get(w, "recorded")));
        print_row(&c->out, "Incident", PRINT_PLAIN, "%s",
                  strempty(json_string_value(json_object_get(w, "incident"))));
}

static CliExit list(const Cli *c)
{
        _cleanup_json_ json_t *status = NULL;
        const json_t *windows;
        json_t *w;
        size_t k;
        int r = status_read(c->status_path, &status);

        if (r < 0) {
                _cleanup_free_ char *words = cli_status_unreadable(c->status_path, r);

                cli_complain("%s", words);
                return CLI_EXIT_UNKNOWN;
        }
        windows = json_object_get(status, "maintenance");
        if (c->json) {
                print_json(&c->out, windows ? json_incref((json_t *)windows) : json_array());
                return CLI_EXIT_WELL;
        }
        json_array_foreach(windows, k, w)
        {
                if (k > 0)
                        print_blank(&c->out);
                print_window(c, w);
        }
        if (json_array_size(windows) == 0)
                print_line(&c->out, PRINT_PLAIN, "No maintenance.");
        return CLI_EXIT_WELL;
}

CliExit cli_maintenance(const Cli *c)
{
        if (!c->argument || streq(c->argument, "list"))
                return list(c);
        if (streq(c->argument, "start"))
                return start(c);
        if (streq(c->argument, "stop"))
                return stop(c);
        cli_complain("maintenance is to \"start\", \"stop\" or \"list\", not to \"%s\"",
                     c->argument);
        return CLI_EXIT_USAGE;
}
