/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/macro.h"

/* Has jansson and OpenSSL take their memory from base/mem.h: without memory they abort, else that
 * would be taken for a file or an answer that is wrong; and what they give back, keys and answers
 * with keys among it, is overwritten. First thing in main(): false when OpenSSL has used its own
 * already, and stays with that. libcurl and expat are given theirs where they are used. */
bool libraries_set_up(void);
