/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "aws/request.h"

static void test_protocols(void **state)
{
        assert_int_equal(aws_service_protocol(AWS_SERVICE_CLOUDTRAIL), AWS_PROTOCOL_JSON_1_1);
        assert_int_equal(aws_service_protocol(AWS_SERVICE_SNS), AWS_PROTOCOL_QUERY);
        assert_int_equal(aws_service_protocol(AWS_SERVICE_STS), AWS_PROTOCOL_QUERY);
        assert_int_equal(aws_service_protocol(AWS_SERVICE_MONITORING), AWS_PROTOCOL_QUERY);
        assert_string_equal(aws_protocol_content_type(AWS_PROTOCOL_JSON_1_1),
                            "application/x-amz-json-1.1");
        assert_string_equal(aws_protocol_content_type(AWS_PROTOCOL_QUERY),
                            "application/x-www-form-urlencoded; charset=utf-8");
}

static void test_target(void **state)
{
        AwsRequest r = {.service = AWS_SERVICE_CLOUDTRAIL, .operation = "StartLogging"};
        char *target = aws_request_target(&r);

        assert_string_equal(target,
                            "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.StartLogging");
        free(target);
        r.service = AWS_SERVICE_SNS;
        assert_null(aws_request_target(&r));
        aws_request_done(&r);
}

UNIT_MAIN(T(test_protocols), T(test_target))
