/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verbs of the command and their options, as two tables. From them come the parsing, --help,
 * what is suggested for a typing mistake, and what the tests hold against manual and completion. */

#include "cli/cli.h"

typedef struct CliOption {
        const char *name;  /* "config", for --config */
        const char *value; /* "FILE"; NULL for an option without one */
        size_t offset;     /* of its member of Cli: const char *, or bool without a value */
        char letter;       /* 'c', for -c; 0 for none */
        const char *help;
} CliOption;

typedef struct CliVerb {
        const char *name;
        CliExit (*run)(const Cli *c);
        const char *argument; /* "[ID]"; NULL when there is none */
        const char *summary;  /* one line */
        const char *options;  /* names of those that it takes, separated by spaces */
        const char *details;  /* paragraphs for its own --help */
} CliVerb;

extern const CliOption cli_options[];
extern const size_t cli_n_options;
extern const CliVerb cli_verbs[];
extern const size_t cli_n_verbs;

const CliVerb *cli_find_verb(const char *name); /* NULL when there is none */
bool cli_verb_takes(const CliVerb *v, const CliOption *o);

/* To standard output, in 80 columns. */
void cli_help(void);
void cli_help_verb(const CliVerb *v);
