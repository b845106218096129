/* SPDX-License-Identifier: Apache-2.0 */

#include "core/advice.h"

#include <stdarg.h>

#include "aws/arn.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/timefmt.h"

#define NAME_CHARS 200

typedef struct Steps {
        StrBuf *b;
        unsigned n;
} Steps;

static void step(Steps *s, const char *text)
{
        if (isempty(text))
                return;
        if (s->n == 0)
                strbuf_add(s->b, "\nWhat to do\n");
        strbuf_addf(s->b, "%u. %s\n", ++s->n, text);
}

static void stepf(Steps *s, const char *fmt, ...) _printf_(2, 3);
static void stepf(Steps *s, const char *fmt, ...)
{
        StrBuf line = STRBUF_INIT(2048);
        char text[2048];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, ap); /* cut when longer */
        va_end(ap);
        escape_add(&line, text, sizeof(text));
        step(s, strbuf_str(&line));
        strbuf_done(&line);
}

static const char *named(const char *s)
{
        return isempty(s) ? "(not named)" : s;
}

/* Fit for a command line that a reader may paste. */
static bool is_plain(const char *name)
{
        return name && arn_name_is_plain(name);
}

/* Sessions live on when a key or password is taken away: every token issued before now is denied.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html */
static void revoke_command(StrBuf *b, const char *kind, const char *name, int64_t now_msec)
{
        char now[TIMEFMT_MAX];

        strbuf_addf(b,
                    "     aws iam put-%s-policy --%s-name %s --policy-name AWSRevokeOlderSessions "
                    "--policy-document '{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":"
                    "\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"DateLessThan\":"
                    "{\"aws:TokenIssueTime\":\"%s\"}}}]}'\n",
                    kind, kind, name, timefmt_iso8601(now_msec / 1000 * 1000, now));
}

static void advise_iam_user(Steps *s, const UserIdentity *u, int64_t now_msec)
{
        bool plain = is_plain(u->user_name);

        if (identity_access_key_kind(u) == ACCESS_KEY_LONG_LIVED) {
                stepf(s, "Deactivate the long-lived access key of IAM user %s in account %s:",
                      named(u->user_name), named(u->account_id));
                if (plain && identity_access_key_is_valid(u->access_key_id))
                        strbuf_addf(s->b,
                                    "     aws iam update-access-key --user-name %s "
                                    "--access-key-id %s --status Inactive\n",
                                    u->user_name, u->access_key_id);
                step(s, "Sessions made from that key outlive it; deny them, too:");
        } else {
                stepf(s,
                      "IAM user %s acted in a console or MFA session, not with a long-lived key: "
                      "remove the console password (aws iam delete-login-profile), list its keys, "
                      "and deny sessions issued until now:",
                      named(u->user_name));
        }
        if (plain)
                revoke_command(s->b, "user", u->user_name, now_msec);
}

static void advise_role(Steps *s, const UserIdentity *u, int64_t now_msec)
{
        if (identity_is_identity_center_role(u)) {
                step(s, "This is an IAM Identity Center session: disable the user in Identity "
                        "Center, remove the assignment of the permission set, and revoke the "
                        "active sessions there. The role itself cannot be edited.");
                return;
        }
        if (identity_is_ec2_instance(u))
                stepf(s,
                      "The caller is EC2 instance %s: isolate it (security group without egress), "
                      "keep its disk, and look for who was on it. Its role's credentials may have "
                      "been carried away.",
                      named(identity_session_name(u)));
        stepf(s,
              "Revoke the sessions of role %s in account %s (deactivating the temporary key "
              "does nothing):",
              named(u->issuer_user_name), named(u->account_id));
        if (is_plain(u->issuer_user_name))
                revoke_command(s->b, "role", u->issuer_user_name, now_msec);
        step(s, "Find who assumed it: the AssumeRole event just before, and the role's trust "
                "policy.");
        if (u->source_identity)
                step(s, "The source identity names who stood behind the session; it cannot be "
                        "changed by role chaining.");
}

static void advise_root(Steps *s, const UserIdentity *u)
{
        if (u->assumed_root) {
                step(s, "An AssumeRoot session of a central account: in the management account "
                        "and its delegated administrators look up sts:AssumeRoot for who began "
                        "it, and cut that principal off.");
                return;
        }
        stepf(s,
              "The root user of account %s: change its password, delete its access keys, check its "
              "MFA devices and e-mail address; sessions end with the password change. Tell AWS "
              "Support when you cannot sign in.",
              named(u->account_id));
}

static void advise_actor(Steps *s, const UserIdentity *u, int64_t now_msec)
{
        switch (u->type) {
        case IDENTITY_IAM_USER:
                advise_iam_user(s, u, now_msec);
                break;
        case IDENTITY_ASSUMED_ROLE:
        case IDENTITY_ROLE:
                advise_role(s, u, now_msec);
                break;
        case IDENTITY_ROOT:
                advise_root(s, u);
                break;
        case IDENTITY_FEDERATED_USER:
                stepf(s,
                      "A federated session of %s: deny or deactivate that issuer; the session "
                      "keeps "
                      "what the issuer may do until it expires.",
                      named(u->issuer_arn));
                break;
        case IDENTITY_AWS_SERVICE:
                stepf(s, "An AWS service acted, %s: find what made it act (stack, rule, pipeline).",
                      named(u->invoked_by));
                break;
        case IDENTITY_AWS_ACCOUNT:
                stepf(s,
                      "A principal of another account, %s, acted: remove the trust that lets it in "
                      "(role trust policies, delegated administration) and ask that account's "
                      "owner.",
                      named(u->account_id));
                break;
        case IDENTITY_IDENTITY_CENTER_USER:
                stepf(s, "Disable Identity Center user %s and revoke its sessions there.",
                      named(u->on_behalf_of));
                break;
        case IDENTITY_SAML_USER:
        case IDENTITY_WEB_IDENTITY_USER:
                stepf(s,
                      "Disable the user at the identity provider, %s, then revoke the sessions "
                      "of the role it assumed.",
                      named(u->identity_provider));
                break;
        default:
                step(s, "The type of identity is not known to this guard: start from its principal "
                        "id and address above.");
                break;
        }
        if (u->invoked_by && u->type != IDENTITY_AWS_SERVICE)
                stepf(s, "The call came through %s: look for the stack or job that made it.",
                      u->invoked_by);
}

const char *advice_for_error(const AwsError *e, const char *api)
{
        switch (e->class) {
        case AWS_ERROR_DENIED:
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
                       "network ACLs, VPC endpoint, proxy.";
        case AWS_ERROR_CREDENTIALS:
        case AWS_ERROR_EXPIRED:
                return "Check the instance profile, the instance metadata service (IMDSv2, hop "
                       "limit) and the trust policy of the role.";
        case AWS_ERROR_CLOCK:
                return "Check the guard's clock (chronyc tracking), and that its secret key "
                       "belongs to its access key.";
        case AWS_ERROR_NOT_FOUND:
                return "Check the ARN; a trail that existed has been deleted.";
        case AWS_ERROR_INVALID:
                return "The service will not do this as asked: an organization trail is started "
                       "from its management account, any trail from its home region.";
        default:
                return "";
        }
}

static void advise_restart(Steps *s, const Incident *i)
{
        Arn a;
        const char *why;

        if (i->restart.state == RESTART_FAILING)
                step(s, advice_for_error(&i->restart.error, "StartLogging"));
        if (arn_parse_trail(i->trail_arn, &a, &why) < 0 || !arn_name_is_plain(arn_trail_name(&a)))
                return;
        step(s, "Start the trail by hand, from an administrator of its account:");
        strbuf_addf(s->b, "     aws cloudtrail start-logging --region %s --name %s\n", a.region,
                    i->trail_arn);
}

static void advise_down(Steps *s, const Incident *i)
{
        if (!i->open || i->blind_to_msec)
                return;
        if (i->restart.state == RESTART_REQUESTED || i->restart.state == RESTART_ACCEPTED)
                step(s, "Wait a minute: the restart is under way, and CLOSED or FAILING will say "
                        "how it ended.");
        else
                advise_restart(s, i);
}

static void advise_kind(Steps *s, const Incident *i)
{
        static const char compare[] =
                "Compare the trail's settings with what they were: bucket, KMS key, regions, event "
                "selectors, log file validation.";

        switch (i->kind) {
        case INCIDENT_DELETED:
                step(s, i->open ? "Create the trail again with its former settings (CreateTrail, "
                                  "PutEventSelectors, StartLogging); the guard will see it. If it "
                                  "is an organization trail, the account may have left the "
                                  "organization."
                                : compare);
                break;
        case INCIDENT_RECREATED:
                advise_down(s, i);
                step(s, compare);
                break;
        case INCIDENT_NOT_FOUND:
                if (i->open)
                        step(s, "Correct the trail's ARN in trailsentry.conf, then restart "
                                "trailsentryd; `trailsentry check` proves it.");
                break;
        case INCIDENT_CANNOT_SEE:
                step(s, advice_for_error(&i->cause, "GetTrailStatus"));
                step(s, i->open ? "Until it sees again, watch the trail another way: aws "
                                  "cloudtrail get-trail-status."
                                : "It may have been done on purpose: look for what had changed. "
                                  "What happened to the trail meanwhile is told apart.");
                break;
        case INCIDENT_OTHER_CONTROLLER:
                step(s, "Something else starts this trail again and again (infrastructure code, "
                        "another guard): agree on one.");
                break;
        default:
                advise_down(s, i);
                break;
        }
        if (i->delivering == DELIVERING_NO)
                step(s, "Log files do not reach the bucket: check that it exists and is yours, "
                        "its policy, and the KMS key. CloudTrail goes on trying to deliver for 30 "
                        "days.");
}

void advice_add(StrBuf *b, const Incident *i, int64_t now_msec)
{
        Steps s = {.b = b};
        const Finding *f = incident_find_role(i, ROLE_CULPRIT);

        if (i->attribution.misused)
                step(&s, "Somebody uses the guard's own credentials: replace the guard's instance, "
                         "revoke its role's sessions, then look at all that role did.");
        advise_kind(&s, i);
        if (f && !i->attribution.misused)
                advise_actor(&s, &f->record.identity, now_msec);
        if (i->attribution.confidence == CONFIDENCE_AMBIGUOUS)
                step(&s, "Several calls fit: treat every one listed as hostile until it is "
                         "explained.");
        if (i->kind != INCIDENT_CANNOT_SEE && i->kind != INCIDENT_NOT_FOUND &&
            i->kind != INCIDENT_OTHER_CONTROLLER)
                step(&s, "Look at what else happened while nothing was recorded: Event history "
                         "(management events only), VPC flow logs, S3 and CloudFront access logs, "
                         "the credential report.");
}
