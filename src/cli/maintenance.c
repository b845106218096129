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

/* CLI_EXIT_WELL, or what has been complained of. NULL stands for every trail. A name is looked up
 * among the trails of the status file; an ARN is the daemon's to know. */
static CliExit find_trail(const Cli *c, char **ret)
{
        _cleanup_json_ json_t *status = NULL;
        const json_t *trail;
        const char *why, *found = NULL;
        size_t k, n = 0;
        Arn a;
        int r;

        if (!c->trail) {
                cli_complain("say of which trail: --trail NAME, or --trail all");
                return CLI_EXIT_USAGE;
        }
        if (streq(c->trail, "all") || arn_parse_trail(c->trail, &a, &why) >= 0) {
                *ret = streq(c->trail, "all") ? NULL : mem_strdup(c->trail);
                return CLI_EXIT_WELL;
        }
        r = status_read(c->status_path, &status);
        if (r < 0) {
                _cleanup_free_ char *words = cli_status_unreadable(c->status_path, r);

                cli_complain("%s", words);
                return CLI_EXIT_UNKNOWN;
        }
        json_array_foreach(json_object_get(status, "trails"), k, trail)
        {
                const char *arn = json_string_value(json_object_get(trail, "arn"));

                if (arn_is_of_trail(arn, c->trail)) {
                        found = arn;
                        n++;
                }
        }
        if (n == 0)
                cli_complain_trail(c->trail);
        else if (n > 1)
                cli_complain("%zu trails are called %s: write the whole ARN (trailsentry status "
                             "--json has it)",
                             n, c->trail);
        else
                *ret = mem_strdup(found);
        return n == 1 ? CLI_EXIT_WELL : CLI_EXIT_USAGE;
}

static CliExit start(const Cli *c)
{
        _cleanup_free_ char *trail = NULL;
        uint64_t usec;
        CliExit e = find_trail(c, &trail);

        if (e != CLI_EXIT_WELL)
                return e;
        if (!c->duration) {
                cli_complain("say for how long: --for 30min");
                return CLI_EXIT_USAGE;
        }
        if (timefmt_parse_duration(c->duration, &usec) < 0 || usec < USEC_PER_MINUTE ||
            usec > 24 * USEC_PER_HOUR) {
                cli_complain("--for: \"%s\" is not a time from 1min to 1d (30min, 2h); maintenance "
                             "that takes longer is set anew",
                             c->duration);
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
        _cleanup_free_ char *trail = NULL;
        CliExit e = find_trail(c, &trail);

        if (e != CLI_EXIT_WELL)
                return e;
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
