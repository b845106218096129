/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reading the configuration file through a checked descriptor. Only for the conf*.c files. */

#include "daemon/confproblem.h"

#define CONF_FILE_MAX (1024 * 1024)

/* The whole file, NUL-terminated, owned. 0 or -errno, then told to report. */
int conf_file_read(ConfReport *report, char **ret_text, size_t *ret_len) _must_check_;
