/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whole contents through descriptors: what a signal interrupts and what comes or goes in pieces is
 * gone on with. 0 or -errno. */

#include "base/strbuf.h"

int fd_write(int fd, const char *data, size_t len) _must_check_;
/* Adds all up to the end; -E2BIG when it does not fit. Leaves no copy behind. */
int fd_read(int fd, StrBuf *b) _must_check_;
