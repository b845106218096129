/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `trailsentry status --watch`. */

#include "cli/cli.h"

/* Until it is told to end; what the last look said. */
CliExit watch_status(const Cli *c);

/* status.c: one look, printed as for a wall, and its essence (owned), which is equal where an
 * observer would say that nothing has changed. */
CliExit status_look(const Cli *c, char **ret_essence);
