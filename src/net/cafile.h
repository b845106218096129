/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A file of certificates to trust. libcurl would tell of an unusable one at each connection only.
 */

#include "base/macro.h"

/* -EBADMSG when it cannot be read as certificates, which may pass; *reterr_text, owned, says why
 * not. NULL is the system's bundle. */
int cafile_check(const char *ca_file, char **reterr_text) _must_check_;

/* The file that certificates are read from: ca_file, or the system's when that is NULL; NULL when
 * libcurl knows none. Borrowed. */
const char *cafile_path(const char *ca_file);
