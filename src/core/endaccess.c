/* SPDX-License-Identifier: Apache-2.0 */
#include "core/endaccess.h"

#include <string.h>

#include "aws/arn.h"
#include "base/timefmt.h"
#include "core/advicestep.h"

#define NAMED(s) ADVICE_NAMED(s)

/* Sessions live on when a key or password is taken away: every token issued before now is denied.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html */
#define REVOKE                                                                                     \
        "'{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\","       \
        "\"Resource\":\"*\",\"Condition\":{\"DateLessThan\":{\"aws:TokenIssueTime\":\"%s\"}}}]}'"

static const char *now_text(int64_t now_msec, char buf[static TIMEFMT_MAX])
{
        return timefmt_iso8601(now_msec / 1000 * 1000, buf);
}

/* kind: "user" or "role"; a name that is not plain has no command. */
static void revoke(Advice *a, const char *kind, const char *name, int64_t now_msec)
{
        char now[TIMEFMT_MAX];

        if (advice_is_plain(name))
                advice_commandf(a,
                                "aws iam put-%s-policy --%s-name %s --policy-name "
                                "AWSRevokeOlderSessions --policy-document " REVOKE,
                                kind, kind, name, now_text(now_msec, now));
}

static const char *end(const char *name)
{
        return advice_is_plain(name) ? ":" : ".";
}

static void end_iam_user(Advice *a, const UserIdentity *u, int64_t now_msec)
{
        const char *name = u->user_name;

        if (identity_access_key_kind(u) == ACCESS_KEY_LONG_LIVED) {
                bool valid =
                        advice_is_plain(name) && identity_access_key_is_valid(u->access_key_id);

                advice_stepf(a,
                             "Deactivate the long-lived access key of IAM user %s in account %s; "
                             "whatever else uses that key stops%s",
                             NAMED(name), NAMED(u->account_id), valid ? ":" : ".");
                if (valid)
                        advice_commandf(a,
                                        "aws iam update-access-key --user-name %s "
                                        "--access-key-id %s --status Inactive",
                                        name, u->access_key_id);
                advice_stepf(a, "Sessions made from that key outlive it; deny them, too%s",
                             end(name));
        } else {
                advice_stepf(a,
                             "IAM user %s acted in a console or MFA session, not with a long-lived "
                             "key: remove the console password (aws iam delete-login-profile), "
                             "list its keys, and deny sessions issued until now, which ends the "
                             "user's own work, too%s",
                             NAMED(name), end(name));
        }
        revoke(a, "user", name, now_msec);
}

/* "d-1234567890" of "arn:aws:identitystore::111122223333:identitystore/d-1234567890". */
static const char *store_id(const UserIdentity *u)
{
        const char *slash = u->identity_store ? strrchr(u->identity_store, '/') : NULL;

        return slash ? slash + 1 : NULL;
}

/* The role's sessions outlive the sign-in that made them, and a user who is disabled first is not
 * offered for their revocation any more.
 * https://docs.aws.amazon.com/singlesignon/latest/userguide/useraccess.html */
static void end_identity_center(Advice *a, const UserIdentity *u, int64_t now_msec)
{
        char now[TIMEFMT_MAX];
        bool known = advice_is_plain(u->on_behalf_of);

        advice_stepf(a,
                     "This is an IAM Identity Center session, of user id %s in identity store %s. "
                     "It outlives the sign-in by up to 12 hours, so deny it first, and do not "
                     "disable the user yet.",
                     NAMED(u->on_behalf_of), NAMED(store_id(u)));
        if (known) {
                advice_step(a, "Deny that user alone, everywhere but in the management account, "
                               "by a service control policy; attach it to the organization's root "
                               "(aws organizations attach-policy). It ends nobody else's access:");
                advice_commandf(a,
                                "aws organizations create-policy --type SERVICE_CONTROL_POLICY "
                                "--name DenyOneIdentityCenterUser --description trailsentry "
                                "--content '{\"Version\":\"2012-10-17\",\"Statement\":[{"
                                "\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\","
                                "\"Condition\":{\"StringEquals\":{\"identitystore:UserId\":"
                                "\"%s\"}}}]}'",
                                u->on_behalf_of);
        }
        advice_stepf(a,
                     "%s in the inline policy of the permission set (%s) deny every token issued "
                     "before %s (aws:TokenIssueTime), and provision it: everybody who has that "
                     "permission set has to sign in again.",
                     known ? "Where such a policy cannot be had," : "First,",
                     NAMED(u->issuer_user_name), now_text(now_msec, now));
        advice_step(a, "Then remove the user's assignments, revoke the active sessions in Identity "
                       "Center, and only then disable the user.");
        if (known && advice_is_plain(store_id(u))) {
                advice_step(a, "Who that user is:");
                advice_commandf(a,
                                "aws identitystore describe-user --identity-store-id %s --user-id "
                                "%s",
                                store_id(u), u->on_behalf_of);
        }
}

static void end_lambda(Advice *a, const UserIdentity *u)
{
        static const char prefix[] = "function:";
        const char *arn = identity_issued_to(u), *name = NULL;
        Arn f;

        if (arn && arn_parse(arn, &f) == 0 && strncmp(f.resource, prefix, strlen(prefix)) == 0)
                name = f.resource + strlen(prefix);
        advice_stepf(a,
                     "The caller is Lambda function %s: stop it, since it fetches new credentials "
                     "as long as it runs. All that the function does stops with it%s",
                     NAMED(arn), end(name));
        if (advice_is_plain(name))
                advice_commandf(a,
                                "aws lambda put-function-concurrency --region %s --function-name "
                                "%s --reserved-concurrent-executions 0",
                                f.region, name);
        advice_step(a,
                    "Look for who changed it last: UpdateFunctionCode and "
                    "UpdateFunctionConfiguration in Event history, its layers, what invokes it.");
}

static void end_instance(Advice *a, const UserIdentity *u)
{
        advice_stepf(a,
                     "The caller has the credentials of EC2 instance %s: isolate it (security "
                     "group without egress), which stops what runs on it; keep its disk, and look "
                     "for who was on it. The credentials may have been carried away.",
                     NAMED(identity_issued_to(u)));
        if (streq_ptr(u->ec2_role_delivery, "1.0"))
                advice_step(a, "The instance gave them out by IMDSv1, which whoever can make its "
                               "application fetch an address can read: require IMDSv2 there.");
}

static void end_role(Advice *a, const UserIdentity *u, int64_t now_msec)
{
        const char *role = u->issuer_user_name;
        const char *also = "everybody and everything that uses the role has to get new ones";

        if (identity_is_identity_center_role(u)) {
                end_identity_center(a, u, now_msec);
                return;
        }
        if (identity_is_service_linked_role(u)) {
                advice_stepf(a,
                             "%s is a service-linked role: only its AWS service can use it, and "
                             "nobody can edit it. Find what made the service act (its "
                             "configuration, a delegated administrator, the management account).",
                             NAMED(role));
                return;
        }
        if (identity_is_lambda_function(u)) {
                end_lambda(a, u);
        } else if (identity_is_ec2_instance(u)) {
                end_instance(a, u);
                also = "the applications of every instance with this role fail until they have "
                       "fetched new ones";
        } else if (u->web_id_provider) {
                advice_stepf(a,
                             "The session came by %s (web identity: a pipeline, a pod, an "
                             "application): stop that, or narrow what the role's trust policy "
                             "lets in, else it is back at once.",
                             NAMED(u->web_id_provider));
                also = "every pipeline or application that uses the role has to get new ones";
        }
        advice_stepf(a,
                     "Revoke the sessions of role %s in account %s (deactivating the temporary key "
                     "does nothing); %s%s",
                     NAMED(role), NAMED(u->account_id), also, end(role));
        revoke(a, "role", role, now_msec);
        if (!identity_is_lambda_function(u) && !identity_is_ec2_instance(u))
                advice_step(a, "Find who assumed it: the AssumeRole event just before, and the "
                               "role's trust policy.");
        if (u->source_identity)
                advice_step(a, "The source identity names who stood behind the session; it cannot "
                               "be changed by role chaining.");
}

static void end_root(Advice *a, const UserIdentity *u)
{
        if (u->assumed_root) {
                advice_step(a, "An AssumeRoot session of a central account, which ends by itself "
                               "within 15 minutes: in the management account and its delegated "
                               "administrators look up sts:AssumeRoot for who began it, and cut "
                               "that principal off, or another one follows.");
                return;
        }
        advice_stepf(a,
                     "The root user of account %s: change its password, delete its access keys "
                     "(whatever uses them stops), check its MFA devices and e-mail address; "
                     "sessions end with the password change. Tell AWS Support when you cannot sign "
                     "in.",
                     NAMED(u->account_id));
}

/* Its sessions have what the user who issued them may do, minus what that user is denied. */
static void end_federated(Advice *a, const UserIdentity *u, int64_t now_msec)
{
        const char *name = u->issuer_user_name;

        advice_stepf(a,
                     "A federated session, issued by %s: deny it by a policy on that IAM user. "
                     "Deactivating the user's keys ends no session, this ends all that the user "
                     "has issued%s",
                     NAMED(u->issuer_arn), end(name));
        revoke(a, "user", name, now_msec);
        advice_step(a, "Then deactivate the keys of that user, or it issues others.");
}

static void end_by_type(Advice *a, const UserIdentity *u, int64_t now_msec)
{
        switch (u->type) {
        case IDENTITY_IAM_USER:
                end_iam_user(a, u, now_msec);
                break;
        case IDENTITY_ASSUMED_ROLE:
        case IDENTITY_ROLE:
                end_role(a, u, now_msec);
                break;
        case IDENTITY_ROOT:
                end_root(a, u);
                break;
        case IDENTITY_FEDERATED_USER:
                end_federated(a, u, now_msec);
                break;
        case IDENTITY_AWS_SERVICE:
                advice_stepf(a,
                             "An AWS service acted, %s: find what made it act (stack, rule, "
                             "pipeline).",
                             NAMED(u->invoked_by));
                break;
        case IDENTITY_AWS_ACCOUNT:
                advice_stepf(a,
                             "A principal of another account, %s, acted: remove the trust that "
                             "lets it in (role trust policies, delegated administration), which "
                             "ends all of that account's access, and ask its owner.",
                             NAMED(u->account_id));
                break;
        case IDENTITY_IDENTITY_CENTER_USER:
                advice_stepf(a,
                             "Revoke the active sessions of Identity Center user %s (identity "
                             "store %s), then disable the user.",
                             NAMED(u->on_behalf_of), NAMED(store_id(u)));
                break;
        case IDENTITY_SAML_USER:
        case IDENTITY_WEB_IDENTITY_USER:
                advice_stepf(a,
                             "Disable the user at the identity provider, %s, then revoke the "
                             "sessions of the role it assumed.",
                             NAMED(u->identity_provider));
                break;
        default:
                advice_step(a, "The type of identity is not known to this guard: start from its "
                               "principal id and address above.");
                break;
        }
}

void advice_end_access(Advice *a, const UserIdentity *u, int64_t now_msec)
{
        if (u->invoked_by_delegate)
                advice_stepf(a,
                             "A vendor acted for somebody of yours, from account %s: revoke the "
                             "access that was delegated to it, which stops all it does for you, "
                             "and ask the vendor.",
                             NAMED(u->invoked_by_delegate));
        end_by_type(a, u, now_msec);
        /* "AWS Internal" is the console. */
        if (u->invoked_by && u->type != IDENTITY_AWS_SERVICE &&
            !streq(u->invoked_by, "AWS Internal"))
                advice_stepf(a, "The call came through %s: look for the stack or job that made it.",
                             NAMED(u->invoked_by));
}
