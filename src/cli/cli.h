/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the verbs of the command `trailsentry` share. Results go to standard output; what keeps
 * the command from having any goes to standard error. */

#include "cli/filter.h"
#include "cli/print.h"

/* Exit statuses, as trailsentry(1) has them. */
typedef enum CliExit {
        CLI_EXIT_WELL = 0,    /* looked, and all is well */
        CLI_EXIT_WRONG = 1,   /* looked, and something is wrong */
        CLI_EXIT_USAGE = 2,   /* asked for what there is not */
        CLI_EXIT_UNKNOWN = 3, /* could not look: cannot be told */
} CliExit;

/* What was asked. Members that options fill are named in the table of options (verb.c). */
typedef struct Cli {
        const char *config_path;
        const char *state_directory;
        const char *status_path;
        bool json;
        bool offline;
        bool watch;
        const char *interval;
        bool exercise;
        bool yes;
        const char *topic;
        const char *role;
        const char *guard_role_arn;
        const char *exempt;
        const char *protect;
        const char *output;
        FilterWords filter;
        const char *trail;
        const char *duration;
        const char *reason;
        const char *argument; /* first after the verb; NULL for none */
        Printer out;
        int64_t now_msec;
} Cli;

CliExit cli_check(const Cli *c);
CliExit cli_status(const Cli *c);
CliExit cli_incidents(const Cli *c);
CliExit cli_policy(const Cli *c);
CliExit cli_test_alert(const Cli *c);
CliExit cli_maintenance(const Cli *c);
CliExit cli_baseline(const Cli *c);

/* Asks the daemon, and says what came of it. request (taken) has its "verb". */
CliExit cli_ask(const Cli *c, json_t *request);

/* One line on standard error, "trailsentry: ...", escaped. */
void cli_complain(const char *fmt, ...) _printf_(1, 2);
/* Why the status file cannot be read and what to do, for an -errno of status_read(); owned. */
char *cli_status_unreadable(const char *path, int error);
/* That the state directory cannot be read, and what to do; -errno. */
void cli_complain_state(const Cli *c, int error);
void cli_complain_trail(const char *trail); /* there is none of this name or ARN */

int64_t cli_wall_msec(void);

/* Seen from now: "3 s ago", "never" for 0. */
const char *cli_age(const Cli *c, int64_t msec, char buf[static 80]);
