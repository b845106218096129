/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The list of what is wrong with a configuration file, filled while it is read: nothing stops at
 * the first mistake. Only for the conf*.c files. */

#include <libconfig.h>

#include "daemon/conf.h"

#define CONF_PROBLEMS_MAX 100

typedef struct ConfReport {
        const char *path; /* borrowed */
        ConfProblems *problems;
} ConfReport;

/* About the file or a line of it. Takes text, as the next one does. */
void conf_report_file(ConfReport *r, unsigned line, char *text);

/* About a setting: its line, and its option name as it follows from where it stands; or about an
 * option that is missing in the group `at`, then named by `missing`, else NULL. */
void conf_report_setting(ConfReport *r, const config_setting_t *at, const char *missing,
                         char *text);

/* By line; within a line, what was reported first stands first. */
void conf_report_sort(ConfReport *r);
