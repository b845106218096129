/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/permission.h"

const Permission permissions[] = {
        {AWS_SERVICE_CLOUDTRAIL, "GetTrailStatus", "cloudtrail:GetTrailStatus",
         PERMISSION_ON_TRAIL},
        {AWS_SERVICE_CLOUDTRAIL, "StartLogging", "cloudtrail:StartLogging", PERMISSION_ON_TRAIL,
         .to_restart = true},
        {AWS_SERVICE_CLOUDTRAIL, "GetTrail", "cloudtrail:GetTrail", PERMISSION_ON_TRAIL},
        {AWS_SERVICE_CLOUDTRAIL, "GetEventSelectors", "cloudtrail:GetEventSelectors",
         PERMISSION_ON_TRAIL},
        {AWS_SERVICE_CLOUDTRAIL, "LookupEvents", "cloudtrail:LookupEvents", PERMISSION_ON_ALL},
        {AWS_SERVICE_SNS, "Publish", "sns:Publish", PERMISSION_ON_TOPIC},
        /* So that trailsentry check can tell whether anybody is subscribed. */
        {AWS_SERVICE_SNS, "GetTopicAttributes", "sns:GetTopicAttributes", PERMISSION_ON_TOPIC},
        {AWS_SERVICE_STS, "AssumeRole", "sts:AssumeRole", PERMISSION_ON_ROLE},
        {AWS_SERVICE_STS, "AssumeRoleWithWebIdentity", "sts:AssumeRoleWithWebIdentity",
         PERMISSION_ON_NOTHING},
        {AWS_SERVICE_STS, "GetCallerIdentity", "sts:GetCallerIdentity", PERMISSION_ON_NOTHING},
        {AWS_SERVICE_MONITORING, "PutMetricData", "cloudwatch:PutMetricData",
         PERMISSION_ON_NAMESPACE},
};
const size_t n_permissions = ELEMENTSOF(permissions);

const Permission *permission_find(AwsService s, const char *operation)
{
        for (size_t i = 0; i < n_permissions; i++)
                if (permissions[i].service == s && streq(permissions[i].operation, operation))
                        return &permissions[i];
        return NULL;
}
