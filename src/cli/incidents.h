/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the list of incidents and the view of one share. */

#include "cli/cli.h"
#include "core/model.h"

size_t incidents_count_unsent(const Incident *i); /* a message to a topic is one */
CliExit incidents_judge(const Incident *i);
/* "3 min 12 s", with a "+" while it goes on; "-" when it is not known. Owned. */
char *incidents_blind_words(const Incident *i, int64_t now_msec);

void incidents_show(const Cli *c, const Incident *i);
