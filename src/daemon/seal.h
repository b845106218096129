/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A JSON object as text with a digest of itself as its last member, so that a flipped byte shows:
 *
 *     { ...,
 *      "sha256": "<64 digits>"
 *     }
 *
 * The digest is of the bytes before the last comma. It is against disks, not against people. */

#include "base/macro.h"

typedef enum Seal {
        SEAL_NONE, /* the text of a version that had none */
        SEAL_GOOD,
        SEAL_BROKEN,
} Seal;

/* text, as json_dumps() makes it with JSON_INDENT(1), is taken; returns the sealed one. */
char *seal_add(char *text);
Seal seal_check(const char *text, size_t len);
