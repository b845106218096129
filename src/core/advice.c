/* SPDX-License-Identifier: Apache-2.0 */

#include "core/advice.h"

#include <stdarg.h>

#include "aws/arn.h"
#include "base/escape.h"
#include "base/foreign.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/drift.h"
#include "core/undo.h"

#define NAME_SIZE 201 /* of a name within a step, as text */
#define ADVISED_MAX 3 /* callers with steps of their own */

static void step(Advice *a, const char *text)
{
        if (isempty(text))
                return;
        AdviceStep *s = mem_push0(a->steps, a->n_steps);
        s->text = mem_strdup(text);
}

static void stepf(Advice *a, const char *fmt, ...) _printf_(2, 3);
static void stepf(Advice *a, const char *fmt, ...)
{
        char text[2048];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, ap); /* cut when longer */
        va_end(ap);
        AdviceStep *s = mem_push0(a->steps, a->n_steps);
        s->text = escape_text(text, sizeof(text));
}

/* For the last step. */
static void commandf(Advice *a, const char *fmt, ...) _printf_(2, 3);
static void commandf(Advice *a, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        a->steps[a->n_steps - 1].command = mem_vprintf(fmt, ap);
        va_end(ap);
}

static const char *named(const char *s, char buf[static NAME_SIZE])
{
        _cleanup_free_ char *text = foreign_text(isempty(s) ? "(not named)" : s, NAME_SIZE - 1);

        (void)snprintf(buf, NAME_SIZE, "%s", text); /* fits */
        return buf;
}

/* The name as a reader is shown it, for the rest of the block. */
#define NAMED(s) named(s, (char[NAME_SIZE]){0})

/* Fit for a command line that a reader may paste. */
static bool is_plain(const char *name)
{
        return name && arn_name_is_plain(name);
}

/* Sessions live on when a key or password is taken away: every token issued before now is denied.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html */
static void revoke_command(Advice *a, const char *kind, const char *name, int64_t now_msec)
{
        char now[TIMEFMT_MAX];

        commandf(a,
                 "aws iam put-%s-policy --%s-name %s --policy-name AWSRevokeOlderSessions "
                 "--policy-document '{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":"
                 "\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"DateLessThan\":"
                 "{\"aws:TokenIssueTime\":\"%s\"}}}]}'",
                 kind, kind, name, timefmt_iso8601(now_msec / 1000 * 1000, now));
}

static void advise_iam_user(Advice *a, const UserIdentity *u, int64_t now_msec)
{
        bool plain = is_plain(u->user_name);

        if (identity_access_key_kind(u) == ACCESS_KEY_LONG_LIVED) {
                bool valid = plain && identity_access_key_is_valid(u->access_key_id);

                stepf(a, "Deactivate the long-lived access key of IAM user %s in account %s%s",
                      NAMED(u->user_name), NAMED(u->account_id), valid ? ":" : ".");
                if (valid)
                        commandf(a,
                                 "aws iam update-access-key --user-name %s "
                                 "--access-key-id %s --status Inactive",
                                 u->user_name, u->access_key_id);
                step(a, plain ? "Sessions made from that key outlive it; deny them, too:"
                              : "Sessions made from that key outlive it; deny them, too.");
        } else {
                stepf(a,
                      "IAM user %s acted in a console or MFA session, not with a long-lived key: "
                      "remove the console password (aws iam delete-login-profile), list its keys, "
                      "and deny sessions issued until now%s",
                      NAMED(u->user_name), plain ? ":" : ".");
        }
        if (plain)
                revoke_command(a, "user", u->user_name, now_msec);
}

static void advise_role(Advice *a, const UserIdentity *u, int64_t now_msec)
{
        if (identity_is_identity_center_role(u)) {
                step(a, "This is an IAM Identity Center session: disable the user in Identity "
                        "Center, remove the assignment of the permission set, and revoke the "
                        "active sessions there. The role itself cannot be edited.");
                return;
        }
        if (identity_is_service_linked_role(u)) {
                stepf(a,
                      "%s is a service-linked role: only its AWS service can use it, and nobody "
                      "can edit it. Find what made the service act (its configuration, a "
                      "delegated administrator, the management account).",
                      NAMED(u->issuer_user_name));
                return;
        }
        if (identity_is_ec2_instance(u))
                stepf(a,
                      "The caller is EC2 instance %s: isolate it (security group without egress), "
                      "keep its disk, and look for who was on it. Its role's credentials may have "
                      "been carried away.",
                      NAMED(identity_session_name(u)));
        stepf(a,
              "Revoke the sessions of role %s in account %s (deactivating the temporary key "
              "does nothing)%s",
              NAMED(u->issuer_user_name), NAMED(u->account_id),
              is_plain(u->issuer_user_name) ? ":" : ".");
        if (is_plain(u->issuer_user_name))
                revoke_command(a, "role", u->issuer_user_name, now_msec);
        step(a, "Find who assumed it: the AssumeRole event just before, and the role's trust "
                "policy.");
        if (u->source_identity)
                step(a, "The source identity names who stood behind the session; it cannot be "
                        "changed by role chaining.");
}

static void advise_root(Advice *a, const UserIdentity *u)
{
        if (u->assumed_root) {
                step(a, "An AssumeRoot session of a central account: in the management account "
                        "and its delegated administrators look up sts:AssumeRoot for who began "
                        "it, and cut that principal off.");
                return;
        }
        stepf(a,
              "The root user of account %s: change its password, delete its access keys, check its "
              "MFA devices and e-mail address; sessions end with the password change. Tell AWS "
              "Support when you cannot sign in.",
              NAMED(u->account_id));
}

static void advise_actor(Advice *a, const UserIdentity *u, int64_t now_msec)
{
        switch (u->type) {
        case IDENTITY_IAM_USER:
                advise_iam_user(a, u, now_msec);
                break;
        case IDENTITY_ASSUMED_ROLE:
        case IDENTITY_ROLE:
                advise_role(a, u, now_msec);
                break;
        case IDENTITY_ROOT:
                advise_root(a, u);
                break;
        case IDENTITY_FEDERATED_USER:
                stepf(a,
                      "A federated session of %s: deny or deactivate that issuer; the session "
                      "keeps "
                      "what the issuer may do until it expires.",
                      NAMED(u->issuer_arn));
                break;
        case IDENTITY_AWS_SERVICE:
                stepf(a, "An AWS service acted, %s: find what made it act (stack, rule, pipeline).",
                      NAMED(u->invoked_by));
                break;
        case IDENTITY_AWS_ACCOUNT:
                stepf(a,
                      "A principal of another account, %s, acted: remove the trust that lets it in "
                      "(role trust policies, delegated administration) and ask that account's "
                      "owner.",
                      NAMED(u->account_id));
                break;
        case IDENTITY_IDENTITY_CENTER_USER:
                stepf(a, "Disable Identity Center user %s and revoke its sessions there.",
                      NAMED(u->on_behalf_of));
                break;
        case IDENTITY_SAML_USER:
        case IDENTITY_WEB_IDENTITY_USER:
                stepf(a,
                      "Disable the user at the identity provider, %s, then revoke the sessions "
                      "of the role it assumed.",
                      NAMED(u->identity_provider));
                break;
        default:
                step(a, "The type of identity is not known to this guard: start from its principal "
                        "id and address above.");
                break;
        }
        if (u->invoked_by && u->type != IDENTITY_AWS_SERVICE)
                stepf(a, "The call came through %s: look for the stack or job that made it.",
                      NAMED(u->invoked_by));
}

const char *advice_for_error(const AwsError *e, const char *api)
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
                       "network ACLs, VPC endpoint, proxy, and what is set otherwise than AWS has "
                       "it (endpoints, FIPS, certificates: trailsentry check lists it).";
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
        case AWS_ERROR_INVALID:
                if (publish)
                        return "Look at what SNS objects to; a topic encrypted with a key of KMS "
                               "needs kms:GenerateDataKey* and kms:Decrypt on it for the guard's "
                               "role.";
                return "The service will not do this as asked: an organization trail is started "
                       "from its management account, any trail from its home region.";
        default:
                return "";
        }
}

static void advise_restart(Advice *a, const Incident *i)
{
        Arn trail;
        const char *why;

        if (i->restart.state == RESTART_FAILING)
                step(a, advice_for_error(&i->restart.error, "StartLogging"));
        if (arn_parse_trail(i->trail_arn, &trail, &why) < 0 ||
            !arn_name_is_plain(arn_trail_name(&trail)))
                return;
        step(a, "Start the trail by hand, from an administrator of its account:");
        commandf(a, "aws cloudtrail start-logging --region %s --name %s", trail.region,
                 i->trail_arn);
}

static void advise_down(Advice *a, const Incident *i)
{
        if (!i->open || i->blind_to_msec)
                return;
        if (i->restart.state == RESTART_REQUESTED || i->restart.state == RESTART_ACCEPTED)
                step(a, "Wait a minute: the restart is under way, and CLOSED or FAILING will say "
                        "how it ended.");
        else
                advise_restart(a, i);
}

static void command(Advice *a, char *text)
{
        if (text)
                a->steps[a->n_steps - 1].command = text;
}

static void advise_selectors(Advice *a, const Incident *i)
{
        bool unnamed;
        char *text = undo_put_event_selectors(i, &unnamed);

        if (text) {
                step(a, unnamed ? "Put the event selectors back; this replaces all of them, and "
                                  "leaves out a name that is not plain:"
                                : "Put the event selectors back; this replaces all of them:");
                command(a, text);
        } else {
                step(a, "Put the event selectors back with aws cloudtrail put-event-selectors: it "
                        "replaces all of them, so give the whole list; what they recorded stands "
                        "above.");
        }
}

static void advise_undo(Advice *a, const Incident *i)
{
        _cleanup_free_ char *left_out = NULL;
        char *update = undo_update_trail(i, &left_out);

        step(a, "Nothing has been put back: this guard tells of settings, it does not change "
                "them.");
        if (update) {
                step(a, "Put back what was not meant, from an administrator of the account:");
                command(a, update);
        }
        if (left_out)
                stepf(a, "Put back by hand what no command here says: %s; it stands above.",
                      left_out);
        if (changes_have(&i->changes, CHANGE_MANAGEMENT_EVENTS) ||
            changes_have(&i->changes, CHANGE_DATA_EVENTS))
                advise_selectors(a, i);
        if (changes_have(&i->changes, CHANGE_S3_BUCKET))
                step(a, "Find out whose the new bucket is before anything else is written to it: "
                        "what was delivered there is to be taken for read by others.");
        if (changes_worst(&i->changes)->declared)
                step(a, "If it was meant, change expect of this trail in trailsentry.conf.");
        step(a, "If it was meant, take it for the new baseline on the guard, as root:");
        commandf(a, "trailsentry baseline accept --trail %s", i->trail_arn);
}

/* CreateTrail, its selectors, StartLogging; into a bucket that still is ours. */
static void advise_create(Advice *a, const Incident *i)
{
        char *create = undo_create_trail(i);
        Arn trail;
        const char *why;

        if (!create || arn_parse_trail(i->trail_arn, &trail, &why) < 0) {
                free(create);
                step(a, "Create the trail again with its former settings (CreateTrail, "
                        "PutEventSelectors, StartLogging); the guard will see it.");
        } else {
                step(a, "See whether the bucket that it wrote to is still there and yours; one of "
                        "a log archive has that account's id as its owner:");
                command(a, undo_check_bucket(i));
                step(a, "Create the trail again as it was, from an administrator of the account:");
                command(a, create);
                if (i->former.selected)
                        advise_selectors(a, i);
                step(a, "Then start it; the guard will see it:");
                commandf(a, "aws cloudtrail start-logging --region %s --name %s", trail.region,
                         i->trail_arn);
        }
        step(a, "If it is an organization trail, the account may have left the organization.");
}

static void advise_delivery(Advice *a, const Incident *i)
{
        if (changes_have(&i->changes, CHANGE_LOG_FILES) ||
            changes_have(&i->changes, CHANGE_DIGEST_FILES))
                step(a, "Check that the bucket exists and is yours, that its policy lets "
                        "cloudtrail.amazonaws.com write, and that the KMS key is enabled and its "
                        "policy lets CloudTrail encrypt.");
        if (changes_have(&i->changes, CHANGE_CLOUDWATCH_LOGS))
                step(a, "Check that the log group exists, and that the trail's role may write to "
                        "it.");
        if (changes_have(&i->changes, CHANGE_NOTIFICATIONS))
                step(a, "Check that the SNS topic exists, and that its policy lets "
                        "cloudtrail.amazonaws.com publish.");
        if (changes_have(&i->changes, CHANGE_LATE))
                step(a, "See whether anything was done in the account in that time (Event "
                        "history). A trail that records read events is never quiet: this guard's "
                        "own polls are such events.");
}

static void advise_kind(Advice *a, const Incident *i)
{
        static const char compare[] =
                "Compare the trail's settings with what they were: bucket, KMS key, regions, event "
                "selectors, log file validation.";

        switch (i->kind) {
        case INCIDENT_DELETED:
                if (i->open)
                        advise_create(a, i);
                else
                        step(a, compare);
                break;
        case INCIDENT_RECREATED:
                advise_down(a, i);
                step(a, compare);
                break;
        case INCIDENT_NOT_FOUND:
                if (i->open)
                        step(a, "Correct the trail's ARN in trailsentry.conf, then systemctl "
                                "reload trailsentryd; `trailsentry check` proves it.");
                break;
        case INCIDENT_CANNOT_SEE:
                step(a, advice_for_error(&i->cause, "GetTrailStatus"));
                step(a, i->open ? "Until it sees again, watch the trail another way: aws "
                                  "cloudtrail get-trail-status."
                                : "It may have been done on purpose: look for what had changed. "
                                  "What happened to the trail meanwhile is told apart.");
                break;
        case INCIDENT_DRIFT:
                if (i->open && !i->between_looks && i->changes.n > 0)
                        advise_undo(a, i);
                break;
        case INCIDENT_DELIVERY:
                if (i->open)
                        advise_delivery(a, i);
                break;
        case INCIDENT_UNINSPECTED:
                if (!i->open)
                        break;
                step(a, advice_for_error(&i->cause, "GetTrail"));
                step(a, "The guard's role needs cloudtrail:GetTrail and "
                        "cloudtrail:GetEventSelectors on this trail. Stops are guarded all the "
                        "same; drift = { enabled = false; } in trailsentry.conf does without.");
                break;
        case INCIDENT_OTHER_CONTROLLER:
                step(a, "Something else starts this trail again and again (infrastructure code, "
                        "another guard): agree on one.");
                break;
        default:
                advise_down(a, i);
                break;
        }
        if (i->delivering == DELIVERING_NO)
                step(a, "Log files do not reach the bucket: check that it exists and is yours, "
                        "its policy, and the KMS key. CloudTrail goes on trying to deliver for 30 "
                        "days.");
}

static void advise_state(Advice *a, const Incident *i)
{
        if (!i->open && i->closed_msec > i->detected_msec)
                return;
        step(a, i->open ? "On the guard, see what keeps the state directory from being read, and "
                          "whether another trailsentryd runs:"
                        : "On the guard, find out what has changed its state directory: the disk, "
                          "a person, or somebody who should not be there:");
        commandf(a, "journalctl -u trailsentryd");
        step(a, "Check that the trails are set as they should be. What expect in trailsentry.conf "
                "declares holds without any stored baseline.");
        commandf(a, "trailsentry baseline show");
}

/* Whether who did it is to be taken for hostile until it is explained. A trail that records as it
 * did and where it did may have been changed by a colleague; who starts trails is none to be locked
 * out. */
static bool is_hostile(const Incident *i)
{
        if (i->kind == INCIDENT_OTHER_CONTROLLER)
                return false;
        return i->kind != INCIDENT_DRIFT || changes_have(&i->changes, CHANGE_MANAGEMENT_EVENTS) ||
               changes_have(&i->changes, CHANGE_S3_BUCKET) ||
               changes_have(&i->changes, CHANGE_KMS_KEY) || i->between_looks;
}

static void advise_callers(Advice *a, const Incident *i, int64_t now_msec)
{
        const Finding *f = incident_find_role(i, ROLE_CULPRIT);
        unsigned n_advised = 0;

        if (i->attribution.misused || i->accepted_by || i->kind == INCIDENT_OTHER_CONTROLLER)
                return;
        if (f && !is_hostile(i))
                step(a, "If this was not intended, take the access of who did it away, as "
                        "follows; ask first.");
        for (const Finding *last = NULL; f; last = f, f = incident_next_culprit(i, f)) {
                if (last && identity_is_same(&f->record.identity, &last->record.identity))
                        continue;
                if (n_advised++ == ADVISED_MAX) {
                        step(a, "Do the same for the other callers above.");
                        break;
                }
                advise_actor(a, &f->record.identity, now_msec);
        }
}

static void advise_ambiguous(Advice *a, const Incident *i)
{
        const char *lead = i->attribution.doubts & ~(1U << DOUBT_RIVALS)
                                   ? "It is not certain who did it"
                                   : "Several calls fit";

        if (i->attribution.confidence != CONFIDENCE_AMBIGUOUS)
                return;
        if (is_hostile(i))
                stepf(a, "%s: treat every one listed as hostile until it is explained.", lead);
        else
                stepf(a, "%s: ask each one listed.", lead);
}

Advice advice_make(const Incident *i, int64_t now_msec)
{
        Advice a = {};

        if (incident_kind_is_notice(i->kind)) {
                if (i->kind == INCIDENT_TOPIC_FAILING && i->open)
                        step(&a, advice_for_error(&i->cause, "Publish"));
                if (i->kind == INCIDENT_STATE_LOST)
                        advise_state(&a, i);
                return a; /* its text says the rest */
        }
        if (i->attribution.misused)
                step(&a, "Somebody uses the guard's own credentials: replace the guard's instance, "
                         "revoke its role's sessions, then look at all that role did.");
        advise_kind(&a, i);
        advise_callers(&a, i, now_msec);
        advise_ambiguous(&a, i);
        if (i->kind != INCIDENT_CANNOT_SEE && i->kind != INCIDENT_NOT_FOUND &&
            i->kind != INCIDENT_OTHER_CONTROLLER &&
            (!incident_kind_is_change(i->kind) ||
             (changes_have(&i->changes, CHANGE_MANAGEMENT_EVENTS) && !i->accepted_by)))
                step(&a, "Look at what else happened while nothing was recorded: Event history "
                         "(management events only), VPC flow logs, S3 and CloudFront access logs, "
                         "the credential report.");
        return a;
}

void advice_done(Advice *a)
{
        for (size_t k = 0; k < a->n_steps; k++) {
                free(a->steps[k].text);
                free(a->steps[k].command);
        }
        free(a->steps);
        *a = (Advice){};
}
