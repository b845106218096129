/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials document of IMDS and of container endpoints: a whole set that can be put into
 * headers, or a clean reason, or nothing at all. */
#include <errno.h>

#include "aws/arn.h"
#include "aws/query.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(aws_credentials_unrefp) AwsCredentials *c = NULL;
        _cleanup_free_ char *text = NULL;
        int r = imds_parse_credentials((const char *)data, size, &c, &text);

        HOLD(r == 0 || r == -EBADMSG || r == -EREMOTEIO);
        HOLD((r == 0) == (c != NULL));
        HOLD((r == -EREMOTEIO) == (text != NULL));
        if (text)
                HOLD(*text && fuzz_count_clean(text, false) <= 303 &&
                     fuzz_count_clean(text, false) > 0);
        if (!c)
                return 0;
        const char *values[] = {c->access_key_id, secret_expose(c->secret_access_key),
                                secret_expose(c->session_token)};
        for (size_t i = 0; i < ELEMENTSOF(values); i++)
                HOLD(*values[i] && fuzz_is_plain(values[i]) && !strchr(values[i], ' '));
        HOLD(c->expiry_msec > 0 && c->n_ref == 1);
        HOLD(!c->account_id || arn_account_is_valid(c->account_id));
        return 0;
}
