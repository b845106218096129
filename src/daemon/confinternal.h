/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the conf*.c files share; nobody else includes this. */

#include <libconfig.h>

#include "daemon/conf.h"

#define CONF_PROBLEMS_MAX 100

/* conffile.c: from the file to libconfig's tree. Each tells what is wrong. */

/* The whole file, NUL-terminated, owned. 0 or -errno. */
int conf_file_read(ConfProblems *p, char **ret_text, size_t *ret_len) _must_check_;

/* Fills config, initialised by the caller. 0 or -EINVAL. */
int conf_parse_syntax(ConfProblems *p, const char *text, size_t len, config_t *config) _must_check_;

/* Problems stay in the order of lines; nothing stops at the first one. Line 0 is the file as a
 * whole. */
void conf_report_line(ConfProblems *p, unsigned line, const char *fmt, ...) _printf_(3, 4);
/* With the setting's line and full name; `missing` is an option that the group `at` lacks, else
 * NULL. */
void conf_report_setting(ConfProblems *p, const config_setting_t *at, const char *missing,
                         const char *fmt, ...) _printf_(4, 5);

/* confoption.c: options by table. */

typedef enum ConfGroup {
        CONF_TOP,       /* into Conf */
        CONF_HEARTBEAT, /* into Conf */
        CONF_DRIFT,     /* into Conf */
        CONF_TRAIL,     /* into ConfTrail */
        CONF_EXPECT,    /* into TrailExpect */
        CONF_TOPIC,     /* into ConfTopic */
        CONF_ACCOUNT,   /* into AccountName */
        _CONF_GROUP_MAX,
} ConfGroup;

void conf_set_defaults(Conf *c);

/* Options of a group into the struct at target, which holds defaults. What is wrong is reported
 * and leaves its target alone. */
void conf_decode_group(ConfProblems *p, const config_setting_t *setting, ConfGroup group,
                       void *target);
