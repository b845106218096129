/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What HTTPS_PROXY and NO_PROXY may say. The forms are libcurl's, but for what has bitten people
 * there: a proxy has to name its port, since libcurl's own default is 1080. */

#include "base/macro.h"

/* Takes [http://|https://][USER[:PASSWORD]@]HOST:PORT apart; user and password may be
 * percent-encoded. *ret_shown, owned, is the same without them, for messages: "http://p:3128".
 * -EINVAL. */
int proxy_parse(const char *url, char **ret_shown) _must_check_;

/* Whether a host (as in Uri.host) is on the list of NO_PROXY, separated by commas or blanks: a
 * name stands for itself and for what is below it, with or without a leading dot; an address for
 * itself, or with /BITS for a network; "*" alone for every host. NULL and "" list nothing. */
bool proxy_exempts(const char *no_proxy, const char *host);
