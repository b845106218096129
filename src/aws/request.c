/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/request.h"

#include "base/mem.h"
#include "base/secret.h"

static const struct {
        AwsProtocol protocol;
        const char *target_prefix;
} services[_AWS_SERVICE_MAX] = {
        [AWS_SERVICE_CLOUDTRAIL] = {AWS_PROTOCOL_JSON_1_1,
                                    "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"},
        [AWS_SERVICE_SNS] = {AWS_PROTOCOL_QUERY, NULL},
        [AWS_SERVICE_STS] = {AWS_PROTOCOL_QUERY, NULL},
        [AWS_SERVICE_MONITORING] = {AWS_PROTOCOL_QUERY, NULL},
};

AwsProtocol aws_service_protocol(AwsService s)
{
        assert(s >= 0 && s < _AWS_SERVICE_MAX);
        return services[s].protocol;
}

const char *aws_protocol_content_type(AwsProtocol p)
{
        return p == AWS_PROTOCOL_JSON_1_1 ? "application/x-amz-json-1.1"
                                          : "application/x-www-form-urlencoded; charset=utf-8";
}

char *aws_request_target(const AwsRequest *r)
{
        assert(r->service >= 0 && r->service < _AWS_SERVICE_MAX);
        const char *prefix = services[r->service].target_prefix;

        return prefix ? mem_printf("%s.%s", prefix, r->operation) : NULL;
}

void aws_request_done(AwsRequest *r)
{
        free(r->region);
        if (r->body)
                secret_cleanse(r->body, r->body_len); /* may hold a web identity */
        free(r->body);
        *r = (AwsRequest){0};
}
