/* SPDX-License-Identifier: Apache-2.0 */
/* ARNs: the parts put together are what was taken apart; what each kind demands holds. */
#include "aws/arn.h"
#include "base/mem.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        typedef int Parse(const char *s, Arn *ret, const char **reterr);
        static Parse *const kinds[] = {arn_parse_trail, arn_parse_topic, arn_parse_role};
        static const char *const services[] = {"cloudtrail", "sns", "iam"};
        _cleanup_free_ char *text = fuzz_text(data, size), *printed = NULL;
        Arn a;

        if (arn_parse(text, &a) < 0) {
                for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
                        const char *wrong = NULL;

                        HOLD(kinds[k](text, &a, &wrong) < 0 && wrong && *wrong);
                }
                return 0;
        }
        printed = mem_printf("arn:%s:%s:%s:%s:%s", a.partition, a.service, a.region, a.account,
                             a.resource);
        HOLD(streq(printed, text));
        HOLD(isempty(a.account) || arn_account_is_valid(a.account));
        HOLD(fuzz_is_plain(text));

        for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
                const char *wrong = NULL;
                Arn b;

                if (kinds[k](text, &b, &wrong) < 0) {
                        HOLD(wrong && *wrong);
                        continue;
                }
                HOLD(!wrong && streq(b.service, services[k]) && streq(b.resource, a.resource));
                HOLD(arn_account_is_valid(b.account));
                HOLD((kinds[k] == arn_parse_role) == isempty(b.region));
                HOLD(kinds[k] != arn_parse_trail || strlen(arn_trail_name(&b)) >= 3);
                HOLD(kinds[k] != arn_parse_topic || !strchr(b.resource, '.') ||
                     arn_topic_is_fifo(&b));
        }
        return 0;
}
