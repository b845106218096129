/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text that others have chosen (names, sessions, user agents, error messages) as it stands in a
 * message: escaped as escape.h has it, within a number of bytes, and for people such that no mail
 * program, telephone or chat makes a link of it.
 *
 * Too long a text is cut in its middle, "beginning[...]end": AWS puts the reason of a denial at the
 * end of its message. An escape, a character and a defused part are never cut.
 *
 * For people, a reader can still read what is defused: "hxxps[:]//evil[.]example/x", "www[.]123",
 * "a[@]b[.]example", "+1_900_555_0100"; of combining marks two stay together, so that none is drawn
 * over the lines around it. An IP address, the name of an AWS service (ec2.amazonaws.com), a UUID,
 * an account id (also of "root user of account 123456789012") and the parts of an ARN before its
 * resource are AWS's own and stay as they are. */

#include "base/strbuf.h"

/* At most max bytes; NULL adds nothing. */
void foreign_add(StrBuf *b, const char *s, size_t max);
/* The same, and every character outside ASCII becomes one '?': for SNS subjects. */
void foreign_add_ascii(StrBuf *b, const char *s, size_t max);
/* Only escaped and cut: for programs and logs. */
void foreign_add_exact(StrBuf *b, const char *s, size_t max);

/* Whether something is missing in its middle; whoever writes the sign of that himself is believed.
 */
bool foreign_is_cut(const char *s);

/* The same as owned strings, never NULL. */
char *foreign_text(const char *s, size_t max);
char *foreign_text_exact(const char *s, size_t max);
