/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A text of lines as a whole screen, without a flicker: over what was there, not after wiping it.
 */

#include "base/strbuf.h"

/* text may hold colours (ESC [ ... m) and no other control but line feeds. It is cut on the right,
 * and below with a line that says how much is missing. */
void screen_add(StrBuf *b, const char *text, size_t rows, size_t columns);
