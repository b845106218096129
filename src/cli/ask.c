/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that change something have in common: the running daemon is asked. */

#include <errno.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "daemon/request.h"

CliExit cli_ask(const Cli *c, json_t *request)
{
        _cleanup_free_ char *text = NULL;
        int r = request_ask(c->status_path, request, &text);

        switch (r) {
        case 0:
                print_line(&c->out, PRINT_GOOD, "%s", text);
                return CLI_EXIT_WELL;
        case -EPERM:
                cli_complain("the daemon refuses: %s", text ? text : "not permitted");
                return CLI_EXIT_WRONG;
        case -EACCES:
                cli_complain("only root or the user of the daemon may ask for this (sudo "
                             "trailsentry ...)");
                return CLI_EXIT_UNKNOWN;
        case -ENOENT:
                cli_complain("there are no requests beside %s: does the daemon run, and write its "
                             "status there? (systemctl status trailsentryd)",
                             c->status_path);
                return CLI_EXIT_UNKNOWN;
        case -ETIMEDOUT:
                cli_complain("the daemon has not answered within %d s, and nothing has changed: "
                             "does it run? (systemctl status trailsentryd)",
                             REQUEST_PATIENCE_MSEC / 1000);
                return CLI_EXIT_UNKNOWN;
        case -EINPROGRESS:
                cli_complain("the daemon has taken it and not answered within %d s: look whether "
                             "it has been done (trailsentry maintenance, trailsentry baseline)",
                             REQUEST_PATIENCE_MSEC / 1000);
                return CLI_EXIT_UNKNOWN;
        default:
                cli_complain("the daemon cannot be asked beside %s: %s", c->status_path,
                             strerror(-r));
                return CLI_EXIT_UNKNOWN;
        }
}
