/* SPDX-License-Identifier: Apache-2.0 */
#include "core/remedy.h"

#include <string.h>

#define SUFFIX "Exception" /* which services add or not, as they like */

/* By code, first match; api NULL is any. */
static const struct {
        const char *code; /* without SUFFIX; its beginning when it ends in '*' */
        const char *api;
        const char *text;
} by_code[] = {
        {"KMSAccessDenied", "Publish",
         "Allow kms:GenerateDataKey* and kms:Decrypt on the topic's KMS key to the guard's role, "
         "in "
         "the key's policy, too, when the key is of another account."},
        {"KMS*", "Publish",
         "Look at the topic's KMS key: nothing can be published while it is disabled, about to be "
         "deleted, or gone."},
        {AWS_ERROR_CODE_DID_NOT_RUN, NULL,
         "Look on the guard for what stopped it: suspend or hibernation of the machine, a "
         "snapshot, "
         "a signal (journalctl -u trailsentryd)."},
        {"NotOrganizationMasterAccount", NULL,
         "Only the management account of the organization, or its delegated administrator of "
         "CloudTrail, can do that: give the guard a role there."},
        {"InsufficientDependencyServiceAccessPermission", NULL,
         "CloudTrail may not act in the organization: see that its trusted access to AWS "
         "Organizations is on, and that its service-linked role exists."},
        {"RegionDisabled", NULL,
         "STS is not active in that region for that account: activate it in the account settings "
         "of IAM, or let the guard use the STS of another region."},
        {"SubscriptionRequired", NULL,
         "The account is not subscribed to the service, or is suspended or closed: sign in to it, "
         "and look for e-mail from AWS."},
        {"OptInRequired", NULL,
         "The account is not subscribed to the service, or is suspended or closed: sign in to it, "
         "and look for e-mail from AWS."},
        {"UnrecognizedClient", NULL,
         "Look for who deactivated the guard's key or revoked its session, and why it gets no "
         "other. A region that is not enabled in the account, or was just disabled "
         "(account:DisableRegion), answers the same."},
        {"InvalidHomeRegion", NULL,
         "A trail is started from its home region: put the region of its ARN right in "
         "trailsentry.conf."},
};

/* By the end of AWS's message, "... with an explicit deny in a service control policy". */
static const struct {
        const char *words, *text;
} denials[] = {
        {"service control policy", "It is a service control policy that denies: look in the "
                                   "organization's management account for who attached or changed "
                                   "it (organizations:AttachPolicy, UpdatePolicy)."},
        {"resource control policy", "It is a resource control policy that denies: look in the "
                                    "organization's management account for who attached or changed "
                                    "it (organizations:AttachPolicy, UpdatePolicy)."},
        {"permissions boundary", "It is the permissions boundary of the guard's role that denies: "
                                 "look for iam:PutRolePermissionsBoundary."},
        {"session policy", "It is the policy of the session that denies: look at what makes the "
                           "guard's session."},
        {"VPC endpoint policy", "It is the policy of the VPC endpoint that denies: look for "
                                "ec2:ModifyVpcEndpoint."},
        {"explicit deny in an identity-based policy",
         "A policy of the guard's role denies it: look for iam:PutRolePolicy and "
         "iam:AttachRolePolicy."},
        {"explicit deny in a resource-based policy",
         "A policy of the topic or key denies it: look for who set it."},
};

const char *remedy_for_denial(const AwsError *e)
{
        for (size_t k = 0; e->class == AWS_ERROR_DENIED && k < ELEMENTSOF(denials); k++)
                if (strstr(e->message, denials[k].words))
                        return denials[k].text;
        return "";
}

static bool is_code(const char *code, const char *wanted)
{
        size_t n = strlen(wanted), m = strlen(code);

        if (wanted[n - 1] == '*')
                return strncmp(code, wanted, n - 1) == 0;
        if (m > strlen(SUFFIX) && streq(code + m - strlen(SUFFIX), SUFFIX))
                m -= strlen(SUFFIX);
        return m == n && strncmp(code, wanted, n) == 0;
}

static const char *remedy_for_class(const AwsError *e, const char *api)
{
        bool publish = streq(api, "Publish");

        switch (e->class) {
        case AWS_ERROR_DENIED:
                if (publish)
                        return "Allow sns:Publish on the topic to the guard's role, and in the "
                               "topic's access policy when it is of another account.";
                return streq(api, "StartLogging")
                               ? "Allow cloudtrail:StartLogging on this trail to the guard's role, "
                                 "and look for a deny (SCP, permissions boundary, session policy) "
                                 "that was added."
                               : "Allow the action to the guard's role, and look for a deny (SCP, "
                                 "permissions boundary) or a detached policy.";
        case AWS_ERROR_THROTTLED:
                return "Look for who uses up the API's rate in this account and region; it may be "
                       "on purpose.";
        case AWS_ERROR_NETWORK:
                return "Check the guard's way to the service: DNS, routes, security groups, "
                       "network ACLs, VPC endpoint, proxy, and settings that differ from AWS's own "
                       "(endpoints, FIPS, certificates: trailsentry check lists them).";
        case AWS_ERROR_CREDENTIALS:
                return "Check where the guard's credentials come from, as the cause names it (on "
                       "the guard, trailsentry check does): key, file or program, the instance's "
                       "role and metadata service (IMDSv2, hop limit), the trust policy of a role; "
                       "and the way to STS, if it did not answer.";
        case AWS_ERROR_EXPIRED:
                return "Look for who deactivated the guard's key or revoked its session, and why "
                       "it gets no other (the instance's role and metadata service, the trust "
                       "policy of a role: trailsentry check, on the guard, tells). Keys in the "
                       "environment or in a systemd credential need a restart of the guard.";
        case AWS_ERROR_CLOCK:
                return "Check the guard's clock (chronyc tracking), and that its secret key "
                       "belongs to its access key.";
        case AWS_ERROR_NOT_FOUND:
                if (publish)
                        return "Create the topic again with its subscriptions, or take it out of "
                               "trailsentry.conf.";
                return "Check the ARN; a trail that existed has been deleted.";
        case AWS_ERROR_PROTOCOL:
                return "Look at what answers in AWS's place (proxy, web filter, sign-in page, an "
                       "endpoint of your own); the cause has its first words.";
        case AWS_ERROR_INVALID:
                if (publish)
                        return "Look at what SNS objects to.";
                return "The service will not do this as asked: an organization trail is started "
                       "from its management account, any trail from its home region.";
        default:
                return "";
        }
}

const char *remedy_for_error(const AwsError *e, const char *api)
{
        for (size_t k = 0; k < ELEMENTSOF(by_code); k++)
                if (is_code(e->code, by_code[k].code) &&
                    (!by_code[k].api || streq(by_code[k].api, api)))
                        return by_code[k].text;
        return remedy_for_class(e, api);
}
