/* SPDX-License-Identifier: Apache-2.0 */
/* XML and the answers of SNS and STS in it: texts are trimmed and within their cap, a line feed at
 * the end changes nothing, a document that is cut short is none, and what a codec gives is whole.
 */

#include "aws/arn.h"
#include "aws/query.h"
#include "base/mem.h"
#include "base/xmlreader.h"
#include "fuzz.h"

static const char *const paths[] = {
        "ErrorResponse/Error/Code",
        "ErrorResponse/Error/Message",
        "ErrorResponse/RequestId",
        "PublishResponse/PublishResult/MessageId",
        "GetCallerIdentityResponse/GetCallerIdentityResult/Arn",
        "AssumeRoleResponse/AssumeRoleResult/Credentials/SessionToken",
        "a",
        "a/b",
        "a/b/c",
};

static bool is_space(char c)
{
        return c && strchr(" \t\r\n", c);
}

static void check_document(const char *data, size_t size)
{
        _cleanup_(xml_freep) XmlDoc *doc = NULL, *longer = NULL, *cut = NULL;
        _cleanup_free_ char *line = mem_alloc0(size + 1);
        const char *end = memrchr(data, '>', size);
        int r = xml_parse(data, size, &doc);

        memcpy(line, data, size);
        line[size] = '\n';
        HOLD(xml_parse(line, size + 1, &longer) == r);
        HOLD((r == 0) == (doc != NULL));
        if (r < 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                const char *text = xml_text(doc, paths[i]);

                HOLD(streq_ptr(text, xml_text(longer, paths[i])));
                if (text)
                        HOLD(strlen(text) <= (size_t)64 * 1024 && !is_space(*text) &&
                             (!*text || !is_space(text[strlen(text) - 1])));
        }
        /* A comment may stand behind the end. */
        if (end && !memmem(data, size, "<!--", 4) && !memmem(data, size, "<?", 2))
                HOLD(xml_parse(data, (size_t)(end - data), &cut) < 0 && !cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *body = (const char *)data;
        _cleanup_(caller_identity_done) CallerIdentity identity = {0};
        _cleanup_(aws_credentials_unrefp) AwsCredentials *c = NULL;
        _cleanup_free_ char *id = NULL;

        check_document(body, size);
        HOLD((sns_parse_publish(body, size, &id) == 0) == (id && *id));
        if (sts_parse_caller_identity(body, size, &identity) == 0)
                HOLD(*identity.account && *identity.arn && *identity.user_id);
        else
                HOLD(!identity.account && !identity.arn && !identity.user_id);
        if (sts_parse_assume_role(body, size, &c) < 0) {
                HOLD(!c);
                return 0;
        }
        HOLD(*c->access_key_id && fuzz_is_plain(c->access_key_id));
        HOLD(secret_len(c->secret_access_key) > 0 &&
             fuzz_is_plain(secret_expose(c->secret_access_key)));
        HOLD(secret_len(c->session_token) > 0 && fuzz_is_plain(secret_expose(c->session_token)));
        HOLD(!c->account_id || arn_account_is_valid(c->account_id));
        return 0;
}
