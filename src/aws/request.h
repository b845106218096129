/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One call of an AWS API as data: what a codec makes and the client sends. All are POST to "/". */

#include "aws/partition.h"

typedef struct AwsRequest {
        AwsService service;
        const char *operation; /* static: "GetTrailStatus" */
        char *region;          /* endpoint and signature, owned */
        char *body;            /* owned */
        size_t body_len;
} AwsRequest;

typedef enum AwsProtocol {
        AWS_PROTOCOL_JSON_1_1,
        AWS_PROTOCOL_QUERY,
} AwsProtocol;

AwsProtocol aws_service_protocol(AwsService s);
const char *aws_protocol_content_type(AwsProtocol p);
/* Full value of X-Amz-Target, owned; NULL for Query services. */
char *aws_request_target(const AwsRequest *r);

void aws_request_done(AwsRequest *r);
#define _cleanup_aws_request_ _cleanup_(aws_request_done)
