/* SPDX-License-Identifier: Apache-2.0 */
/* Error answers, from a body that may be anything: always an error, its words clean, its class the
 * one that its code and status have. */
#include "aws/awserror.h"
#include "base/jsonmap.h"
#include "fuzz.h"

static void check(const AwsError *e, int status)
{
        HOLD(e->class > AWS_ERROR_NONE && e->class < _AWS_ERROR_CLASS_MAX);
        HOLD(e->status == status && *e->code);
        HOLD(fuzz_count_clean(e->code, false) >= 0 && fuzz_count_clean(e->message, false) >= 0 &&
             fuzz_count_clean(e->request_id, false) >= 0);
        if (status == 404 && e->class == AWS_ERROR_NOT_FOUND)
                HOLD(strncmp(e->code, "HTTP", 4) != 0); /* a proxy's 404 is no deleted trail */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const int statuses[] = {400, 403, 404, 429, 500, 503, 200, 302};
        int status = size > 0 ? statuses[data[0] % ELEMENTSOF(statuses)] : 0;
        const char *body = (const char *)data + (size > 0), *lines[2];
        _cleanup_free_ _unused_ char *text = fuzz_lines(data, size, lines, 2);
        AwsError json, xml, named;

        size -= size > 0;
        aws_error_from_json(status, body, size, &(AwsErrorHeaders){}, &json);
        check(&json, status);
        aws_error_from_xml(status, body, size, NULL, &xml);
        check(&xml, status);
        aws_error_from_json(status, body, size,
                            &(AwsErrorHeaders){.query_error = lines[0], .request_id = lines[1]},
                            &named);
        check(&named, status);
        HOLD(aws_error_classify(NULL, status) == aws_error_classify("", status));

        /* What is written down and read again is the same. */
        const AwsError *all[] = {&json, &xml, &named};
        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                _cleanup_json_ json_t *value = aws_error_to_value(all[i]);
                AwsError again;

                aws_error_from_value(value, &again);
                HOLD(memcmp(&again, all[i], sizeof(again)) == 0);
        }
        return 0;
}
