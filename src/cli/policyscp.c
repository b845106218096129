/* SPDX-License-Identifier: Apache-2.0 */

/* The service control policy: what nobody but the exempt may do to the trails, to where they
 * deliver, and to the guard with all that it depends on. A Deny on a resource that an action does
 * not take has no effect, so each action stands with the type of resource that AWS's reference
 * names for it:
 * https://docs.aws.amazon.com/service-authorization/latest/reference/ */

#include "cli/policypart.h"

#include <stdarg.h>

#include "aws/arn.h"
#include "base/jsonmap.h"
#include "base/mem.h"

/* What nobody may call on resources of a type. */
typedef struct Protection {
        const char *sid;
        const char *service, *resource; /* of its ARNs, the latter as they begin */
        const char *const *actions;
} Protection;

#define ACTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const Protection protections[] = {
        {"ProtectTrails", "cloudtrail", "trail/",
         ACTIONS("cloudtrail:DeleteTrail", "cloudtrail:PutEventConfiguration",
                 "cloudtrail:PutEventSelectors", "cloudtrail:PutInsightSelectors",
                 "cloudtrail:StopLogging", "cloudtrail:UpdateTrail")},
        /* A role that is passed or made anew gives its permissions and its trust to others. */
        {"ProtectRoles", "iam", "role/",
         ACTIONS("iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRole",
                 "iam:DeleteRolePermissionsBoundary", "iam:DeleteRolePolicy",
                 "iam:DetachRolePolicy", "iam:PassRole", "iam:PutRolePermissionsBoundary",
                 "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy",
                 "iam:UpdateRole")},
        {"ProtectUsers", "iam", "user/",
         ACTIONS("iam:AttachUserPolicy", "iam:CreateAccessKey", "iam:CreateLoginProfile",
                 "iam:DeleteAccessKey", "iam:DeleteUser", "iam:DeleteUserPermissionsBoundary",
                 "iam:DeleteUserPolicy", "iam:DetachUserPolicy", "iam:PutUserPermissionsBoundary",
                 "iam:PutUserPolicy", "iam:TagUser", "iam:UntagUser", "iam:UpdateAccessKey",
                 "iam:UpdateUser")},
        {"ProtectManagedPolicies", "iam", "policy/",
         ACTIONS("iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion",
                 "iam:SetDefaultPolicyVersion")},
        {"ProtectInstanceProfiles", "iam", "instance-profile/",
         ACTIONS("iam:AddRoleToInstanceProfile", "iam:DeleteInstanceProfile",
                 "iam:RemoveRoleFromInstanceProfile")},
        /* A shell on the instance, and any key that opens one, is as good as its role. */
        {"ProtectInstances", "ec2", "instance/",
         ACTIONS("ec2-instance-connect:SendSSHPublicKey",
                 "ec2-instance-connect:SendSerialConsoleSSHPublicKey",
                 "ec2:AssociateIamInstanceProfile", "ec2:CreateReplaceRootVolumeTask",
                 "ec2:DetachNetworkInterface", "ec2:DetachVolume",
                 "ec2:DisassociateIamInstanceProfile", "ec2:ModifyInstanceAttribute",
                 "ec2:ModifyInstanceMetadataOptions", "ec2:RebootInstances",
                 "ec2:ReplaceIamInstanceProfileAssociation", "ec2:SendDiagnosticInterrupt",
                 "ec2:StopInstances", "ec2:TerminateInstances", "ssm:CreateAssociation",
                 "ssm:CreateAssociationBatch", "ssm:SendCommand", "ssm:StartSession")},
        /* A data protection policy can have a topic refuse what holds an address or a key id. */
        {"ProtectTopics", "sns", "",
         ACTIONS("sns:AddPermission", "sns:DeleteTopic", "sns:PutDataProtectionPolicy",
                 "sns:RemovePermission", "sns:SetTopicAttributes")},
        {"ProtectAlarms", "cloudwatch", "alarm:",
         ACTIONS("cloudwatch:DeleteAlarms", "cloudwatch:DisableAlarmActions",
                 "cloudwatch:PutAlarmMuteRule", "cloudwatch:PutCompositeAlarm",
                 "cloudwatch:PutMetricAlarm", "cloudwatch:SetAlarmState")},
        {"ProtectBuckets", "s3", "",
         ACTIONS("s3:BypassGovernanceRetention", "s3:DeleteBucket", "s3:DeleteBucketPolicy",
                 "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutBucketObjectLockConfiguration",
                 "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:PutBucketVersioning",
                 "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
                 "s3:PutReplicationConfiguration")},
        {"ProtectKeys", "kms", "key/",
         ACTIONS("kms:DeleteImportedKeyMaterial", "kms:DisableKey", "kms:PutKeyPolicy",
                 "kms:ScheduleKeyDeletion")},
        {"ProtectLogGroups", "logs", "log-group:",
         ACTIONS("logs:DeleteLogGroup", "logs:DeleteLogStream", "logs:DeleteRetentionPolicy",
                 "logs:DeleteSubscriptionFilter", "logs:PutRetentionPolicy")},
};

/* The resource of an ARN, which may hold wildcards; NULL when the ARN is of another service. */
static const char *resource_of_service(const char *arn, const char *service)
{
        size_t n = strlen(service);
        const char *at = arn;

        for (unsigned colons = 0; colons < 5; colons++) {
                if (colons == 2 && (strncmp(at, service, n) != 0 || at[n] != ':'))
                        return NULL;
                at = strchr(at, ':');
                if (!at)
                        return NULL;
                at++;
        }
        return at;
}

static const Protection *protection_of(const char *arn)
{
        for (size_t k = 0; k < ELEMENTSOF(protections); k++) {
                const Protection *p = &protections[k];
                const char *resource = resource_of_service(arn, p->service);

                if (!isempty(resource) && strncmp(resource, p->resource, strlen(p->resource)) == 0)
                        return p;
        }
        return NULL;
}

bool policy_protects(const char *arn)
{
        return protection_of(arn) != NULL;
}

/* Resources */

static void append_printf(json_t *array, const char *fmt, ...) _printf_(2, 3);
static void append_printf(json_t *array, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        _cleanup_free_ char *text = mem_vprintf(fmt, ap);
        va_end(ap);
        policy_append_once(array, text);
}

/* A role as STS tells it comes without its path: then it is meant wherever it is. */
static void append_guard(json_t *principals, const PolicyOptions *o)
{
        static const char role[] = "role/";
        Arn a;

        if (!o->guard_arn || arn_parse(o->guard_arn, &a) < 0)
                return;
        policy_append_once(principals, o->guard_arn);
        if (strncmp(a.resource, role, strlen(role)) == 0 && !strchr(a.resource + strlen(role), '/'))
                append_printf(principals, "arn:%s:iam::%s:role/*/%s", a.partition, a.account,
                              a.resource + strlen(role));
}

/* The console gives an instance profile the name of its role. */
static void append_profiles(json_t *all, const json_t *principals)
{
        const json_t *principal;
        size_t i;

        json_array_foreach(principals, i, principal)
        {
                const char *arn = json_string_value(principal), *role = strstr(arn, ":role/");

                if (role)
                        append_printf(all, "%.*s:instance-profile/%s", (int)(role - arn), arn,
                                      role + strlen(":role/"));
        }
}

static void append_alarms(json_t *all, const PolicyOptions *o)
{
        Arn topic, guard;
        bool known = o->guard_arn && arn_parse(o->guard_arn, &guard) >= 0;

        if (o->conf->heartbeat && arn_parse(o->conf->topics[0].arn, &topic) >= 0)
                append_printf(all, "arn:%s:cloudwatch:%s:%s:alarm:%s*", topic.partition,
                              o->conf->heartbeat_region, known ? guard.account : "*",
                              POLICY_ALARM_PREFIX);
}

/* Where a trail is declared to deliver. What is given by its name alone may be anybody's. */
static void append_expected(json_t *all, const ConfTrail *t)
{
        const char *const arns[] = {t->expect.kms_key_id, t->expect.sns_topic, t->expect.log_group};
        Arn trail;

        if (!isempty(t->expect.s3_bucket_name) && arn_parse(t->arn, &trail) >= 0)
                append_printf(all, "arn:%s:s3:::%s", trail.partition, t->expect.s3_bucket_name);
        for (size_t k = 0; k < ELEMENTSOF(arns); k++)
                if (arns[k] && protection_of(arns[k]))
                        policy_append_once(all, arns[k]);
}

/* Everything that is to be protected, of whatever type. */
static json_t *all_resources(const PolicyOptions *o, const json_t *guard, Grouping g)
{
        const Conf *conf = o->conf;
        json_t *all = json_array();
        const json_t *principal;
        size_t k;

        for (size_t i = 0; i < conf->n_trails; i++) {
                _cleanup_free_ char *name = policy_name_trail(conf->trails[i].arn, g);

                policy_append_once(all, name);
                append_expected(all, &conf->trails[i]);
        }
        json_array_foreach(guard, k, principal)
                policy_append_once(all, json_string_value(principal));
        append_profiles(all, guard);
        for (size_t i = 1; i < conf->n_accounts; i++) {
                _cleanup_free_ char *name = policy_name_role(conf->accounts[i].role_arn, g);

                policy_append_once(all, name);
        }
        for (size_t i = 0; i < conf->n_topics; i++)
                policy_append_once(all, conf->topics[i].arn);
        append_alarms(all, o);
        if (o->instance_arn)
                policy_append_once(all, o->instance_arn);
        for (size_t i = 0; i < o->n_protect; i++)
                policy_append_once(all, o->protect[i]);
        return all;
}

/* As CloudTrail has it, with its streams. */
static bool is_whole_log_group(const char *arn)
{
        size_t n = strlen(arn);

        return n > 2 && streq(arn + n - 2, ":*");
}

static json_t *resources_of(const Protection *p, const json_t *all)
{
        json_t *resources = json_array();
        const json_t *resource;
        size_t i;

        json_array_foreach(all, i, resource)
        {
                const char *arn = json_string_value(resource);

                if (protection_of(arn) != p)
                        continue;
                policy_append_once(resources, arn);
                if (streq(p->service, "s3"))
                        append_printf(resources, "%s/*", arn); /* its objects */
                if (streq(p->service, "logs") && !is_whole_log_group(arn))
                        append_printf(resources, "%s:*", arn); /* its streams */
        }
        return resources;
}

/* Statements */

static json_t *actions_of(const char *const *actions)
{
        json_t *list = json_array();

        for (; *actions; actions++)
                json_append(list, json_string(*actions));
        return list;
}

/* Takes statement and equals, which says by condition key what has to be equal; NULL: nothing.
 * Not denied to the exempt, nor to the principals of others; NULL: to nobody else. */
static void add_deny(json_t *statements, json_t *statement, json_t *equals, const json_t *others,
                     const PolicyOptions *o)
{
        json_t *condition = json_object(), *exempt = json_array();
        const json_t *other;
        size_t k;

        json_array_foreach(others, k, other) policy_append_once(exempt, json_string_value(other));
        for (size_t i = 0; i < o->n_exempt; i++)
                policy_append_once(exempt, o->exempt[i]);
        if (equals)
                json_set(condition, "StringEquals", equals);
        if (json_array_size(exempt) > 0)
                json_set(condition, "ArnNotLike", json_pack("{s:O}", "aws:PrincipalArn", exempt));
        if (json_object_size(condition) > 0)
                json_set(statement, "Condition", json_incref(condition));
        json_decref(condition);
        json_decref(exempt);
        json_append(statements, statement);
}

/* Of actions that take no resource. */
static json_t *deny_all(const char *sid, const char *const *actions)
{
        return policy_statement(sid, "Deny", actions_of(actions), json_string("*"));
}

/* An action on a subscription takes no resource: denied to principals of the topics' accounts, who
 * could end one that another account does not own. */
static void add_subscriptions(json_t *statements, const PolicyOptions *o)
{
        json_t *accounts = json_array();
        Arn a;

        for (size_t i = 0; i < o->conf->n_topics; i++)
                if (arn_parse(o->conf->topics[i].arn, &a) >= 0)
                        policy_append_once(accounts, a.account);
        add_deny(statements,
                 deny_all("ProtectSubscriptions",
                          ACTIONS("sns:SetSubscriptionAttributes", "sns:Unsubscribe")),
                 json_pack("{s:o}", "aws:PrincipalAccount", accounts), NULL, o);
}

/* Who puts the metric himself keeps the alarm content about a guard that is dead. */
static void add_heartbeat(json_t *statements, const json_t *guard, const PolicyOptions *o)
{
        Arn a;

        if (!o->conf->heartbeat || json_array_size(guard) == 0 || arn_parse(o->guard_arn, &a) < 0)
                return;
        add_deny(statements, deny_all("ProtectHeartbeat", ACTIONS("cloudwatch:PutMetricData")),
                 json_pack("{s:s, s:s}", "aws:PrincipalAccount", a.account, "cloudwatch:namespace",
                           o->conf->heartbeat_namespace),
                 guard, o);
}

/* An account that leaves the organization leaves this policy, too, and its organization trail. A
 * region that is disabled has no trail, no topic and no alarm. */
static void add_accounts(json_t *statements, const PolicyOptions *o)
{
        const Conf *conf = o->conf;
        json_t *regions = json_array();
        Arn a;

        for (size_t i = 0; i < conf->n_trails; i++)
                if (arn_parse(conf->trails[i].arn, &a) >= 0)
                        policy_append_once(regions, a.region);
        for (size_t i = 0; i < conf->n_topics; i++)
                if (arn_parse(conf->topics[i].arn, &a) >= 0)
                        policy_append_once(regions, a.region);
        if (conf->heartbeat)
                policy_append_once(regions, conf->heartbeat_region);
        add_deny(statements, deny_all("ProtectRegions", ACTIONS("account:DisableRegion")),
                 json_pack("{s:o}", "account:TargetRegion", regions), NULL, o);
        add_deny(statements,
                 deny_all("ProtectMembership", ACTIONS("organizations:LeaveOrganization")), NULL,
                 NULL, o);
}

json_t *policy_make_scp(const PolicyOptions *o, Grouping g)
{
        json_t *statements = json_array();
        _cleanup_json_ json_t *guard = json_array(), *all = NULL;

        append_guard(guard, o);
        all = all_resources(o, guard, g);
        for (size_t k = 0; k < ELEMENTSOF(protections); k++) {
                const Protection *p = &protections[k];
                _cleanup_json_ json_t *resources = resources_of(p, all);

                if (json_array_size(resources) > 0)
                        add_deny(statements,
                                 policy_statement(p->sid, "Deny", actions_of(p->actions),
                                                  json_incref(resources)),
                                 NULL, NULL, o);
        }
        add_subscriptions(statements, o);
        add_heartbeat(statements, guard, o);
        add_accounts(statements, o);
        return policy_document_of(statements);
}
