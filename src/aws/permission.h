/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What IAM has to allow for each operation that the codecs can make: they refuse to make one that
 * is not listed here, so that no call goes without its permission.
 *
 * https://docs.aws.amazon.com/service-authorization/latest/reference/ */

#include "aws/partition.h"

/* What the permission is given on. */
typedef enum PermissionScope {
        PERMISSION_ON_NOTHING, /* none is needed, and a deny has no effect */
        PERMISSION_ON_ALL,     /* the service knows no narrower resource */
        PERMISSION_ON_TRAIL,
        PERMISSION_ON_TOPIC,
        PERMISSION_ON_ROLE,
        PERMISSION_ON_NAMESPACE, /* a condition: cloudwatch:namespace */
} PermissionScope;

typedef struct Permission {
        AwsService service;
        const char *operation; /* as in AwsRequest */
        const char *action;    /* "cloudtrail:GetTrailStatus" */
        PermissionScope scope;
        bool to_restart; /* only for trails with action = "restart" */
} Permission;

extern const Permission permissions[];
extern const size_t n_permissions;

/* NULL when there is none. */
const Permission *permission_find(AwsService s, const char *operation);
