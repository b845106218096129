/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Partitions, regions and endpoints, after botocore's partitions.json and the services' endpoint
 * rule sets. */

#include <errno.h>

#include "base/macro.h"

typedef enum AwsService {
        AWS_SERVICE_CLOUDTRAIL,
        AWS_SERVICE_SNS,
        AWS_SERVICE_STS,
        AWS_SERVICE_MONITORING, /* CloudWatch */
        /* No calls of these are made; their endpoints are known. */
        AWS_SERVICE_SQS,
        AWS_SERVICE_DYNAMODB,
        AWS_SERVICE_KMS,
        AWS_SERVICE_S3,
        AWS_SERVICE_EVENTS,
        AWS_SERVICE_ORGANIZATIONS,
        AWS_SERVICE_LOGS,
        _AWS_SERVICE_MAX,
        _AWS_SERVICE_INVALID = -EINVAL,
} AwsService;

/* The name that signatures and host names carry: "cloudtrail", "monitoring". */
const char *aws_service_to_string(AwsService s);
AwsService aws_service_from_string(const char *s);

typedef struct Partition {
        const char *name;                  /* "aws", "aws-us-gov" */
        const char *dns_suffix;            /* "amazonaws.com" */
        const char *dual_stack_dns_suffix; /* "api.aws"; NULL when there is no dual stack */
        bool fips;
        const char *global_services_region; /* where IAM and root sign-in events are recorded */
        const char *implicit_global_region; /* where Organizations answers */
        const char *console_domain;         /* "console.aws.amazon.com"; NULL when not known */
} Partition;

const Partition *partition_by_name(const char *name); /* NULL when unknown */
/* By the region's prefix, "aws" when none fits. NULL only when it is no region name at all. */
const Partition *partition_by_region(const char *region);

typedef struct EndpointParams {
        AwsService service;
        const char *region;
        /* NULL, or a URL that may hold the placeholders {service} and {region}: a VPC endpoint, a
         * gateway (with a path, below which its calls go), a test. Excludes fips and dual_stack. */
        const char *custom;
        bool fips;
        bool dual_stack;
} EndpointParams;

/* The URL that calls go to, owned, without a trailing slash. The pseudo-regions ("aws-global",
 * "local") are known where the service's rules name them. -EINVAL on a bad region or custom URL,
 * -EOPNOTSUPP where there is no FIPS or dual stack or custom excludes them. */
int endpoint_resolve(const EndpointParams *p, char **ret_url) _must_check_;
