/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From text to libconfig's tree, with words for what people get wrong in its syntax. Only for the
 * conf*.c files. */

#include <libconfig.h>

#include "daemon/confproblem.h"

/* Fills config (initialised by the caller) from text, NUL-terminated. -EINVAL, then told. */
int conf_syntax_parse(ConfReport *r, const char *text, size_t len, config_t *config) _must_check_;
