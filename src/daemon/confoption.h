/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options as tables, and the one function that decodes a group of the file by its table.
 * Only for the conf*.c files; others see the table through conf_option_info(). */

#include <libconfig.h>

#include "daemon/confproblem.h"

/* A trail as the file has it, before its credentials are numbered. */
typedef struct ConfTrailDraft {
        ConfTrail trail;
        char *role_arn;
        char *external_id;
        const config_setting_t *setting; /* borrowed */
} ConfTrailDraft;

/* The file as it is decoded. */
typedef struct ConfDraft {
        Conf conf;
        TrailAction action; /* of trails that do not say it */
        uint64_t poll_usec;
} ConfDraft;

typedef struct ConfTable ConfTable;

extern const ConfTable conf_table_top;       /* into ConfDraft */
extern const ConfTable conf_table_heartbeat; /* into ConfDraft */
extern const ConfTable conf_table_trail;     /* into ConfTrailDraft */
extern const ConfTable conf_table_topic;     /* into ConfTopic */

/* Options of group into the struct at target, which is zeroed or holds inherited values. What is
 * wrong is reported and leaves its target alone. */
void conf_decode_group(ConfReport *r, const config_setting_t *group, const ConfTable *table,
                       void *target);

/* Puts the defaults of a table into target. */
void conf_decode_defaults(const ConfTable *table, void *target);

/* "90s", "20min": as a duration is written in the file. Owned. */
char *conf_duration_text(uint64_t usec);
