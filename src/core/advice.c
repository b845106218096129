/* SPDX-License-Identifier: Apache-2.0 */

#include "core/advice.h"

#include "aws/arn.h"
#include "base/mem.h"
#include "core/advicestep.h"
#include "core/drift.h"
#include "core/endaccess.h"
#include "core/remedy.h"
#include "core/undo.h"

#define ADVISED_MAX 3 /* callers with steps of their own */

static void advise_error(Advice *a, const AwsError *e, const char *api)
{
        advice_step(a, remedy_for_error(e, api));
        advice_step(a, remedy_for_denial(e));
}

static void advise_restart(Advice *a, const Incident *i)
{
        Arn trail;
        const char *why;

        if (i->restart.state == RESTART_FAILING)
                advise_error(a, &i->restart.error, "StartLogging");
        if (arn_parse_trail(i->trail_arn, &trail, &why) < 0 ||
            !arn_name_is_plain(arn_trail_name(&trail)))
                return;
        advice_step(a, "Start the trail by hand, from an administrator of its account:");
        advice_commandf(a, "aws cloudtrail start-logging --region %s --name %s", trail.region,
                        i->trail_arn);
}

static void advise_down(Advice *a, const Incident *i)
{
        if (!i->open || i->blind_to_msec)
                return;
        if (i->restart.state == RESTART_REQUESTED || i->restart.state == RESTART_ACCEPTED)
                advice_step(
                        a, "Wait a minute: the restart is under way, and the next message will say "
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
                advice_step(
                        a, unnamed ? "Put the event selectors back; this replaces all of them, and "
                                     "leaves out a name that is not plain:"
                                   : "Put the event selectors back; this replaces all of them:");
                command(a, text);
        } else {
                advice_step(
                        a,
                        "Put the event selectors back with aws cloudtrail put-event-selectors: it "
                        "replaces all of them, so give the whole list; what they recorded stands "
                        "above.");
        }
}

static void advise_undo(Advice *a, const Incident *i)
{
        _cleanup_free_ char *left_out = NULL;
        char *update = undo_update_trail(i, &left_out);

        advice_step(a, "Nothing has been restored: this guard reports changed settings, it does "
                       "not change them.");
        if (update) {
                advice_step(a,
                            "Restore what was not intended, from an administrator of the account:");
                command(a, update);
        }
        if (left_out)
                advice_stepf(a, "Put back by hand what no command here says: %s; it stands above.",
                             left_out);
        if (changes_have(&i->changes, CHANGE_MANAGEMENT_EVENTS) ||
            changes_have(&i->changes, CHANGE_DATA_EVENTS))
                advise_selectors(a, i);
        if (changes_have(&i->changes, CHANGE_S3_BUCKET))
                advice_step(a, "Find out who owns the new bucket before anything else is written "
                               "to it, and assume that others have read what was delivered there.");
        if (changes_worst(&i->changes)->declared)
                advice_step(a,
                            "If it was intended, change expect of this trail in trailsentry.conf.");
        advice_step(a, "If it was intended, accept it as the new baseline on the guard, as root:");
        advice_commandf(a, "trailsentry baseline accept --trail %s", i->trail_arn);
}

/* CreateTrail, its selectors, StartLogging; into a bucket that still is ours. */
static void advise_create(Advice *a, const Incident *i)
{
        char *create = undo_create_trail(i);
        Arn trail;
        const char *why;

        if (!create || arn_parse_trail(i->trail_arn, &trail, &why) < 0) {
                free(create);
                advice_step(a, "Create the trail again with its former settings (CreateTrail, "
                               "PutEventSelectors, StartLogging); the guard will see it.");
        } else {
                advice_step(
                        a,
                        "See whether the bucket that it wrote to is still there and yours; one of "
                        "a log archive has that account's id as its owner:");
                command(a, undo_check_bucket(i));
                advice_step(
                        a,
                        "Create the trail again as it was, from an administrator of the account:");
                command(a, create);
                if (i->former.selected)
                        advise_selectors(a, i);
                advice_step(a, "Then start it; the guard will see it:");
                advice_commandf(a, "aws cloudtrail start-logging --region %s --name %s",
                                trail.region, i->trail_arn);
        }
        advice_step(a,
                    "If it is an organization trail, the account may have left the organization.");
}

static void advise_delivery(Advice *a, const Incident *i)
{
        if (changes_have(&i->changes, CHANGE_LOG_FILES) ||
            changes_have(&i->changes, CHANGE_DIGEST_FILES))
                advice_step(
                        a,
                        "Check that the bucket exists and is yours, that its policy lets "
                        "cloudtrail.amazonaws.com write, and that the KMS key is enabled and its "
                        "policy lets CloudTrail encrypt.");
        if (changes_have(&i->changes, CHANGE_CLOUDWATCH_LOGS))
                advice_step(
                        a,
                        "Check that the log group exists, and that the trail's role may write to "
                        "it.");
        if (changes_have(&i->changes, CHANGE_NOTIFICATIONS))
                advice_step(a, "Check that the SNS topic exists, and that its policy lets "
                               "cloudtrail.amazonaws.com publish.");
        if (changes_have(&i->changes, CHANGE_LATE))
                advice_step(
                        a,
                        "See whether anything was done in the account in that time (Event "
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
                        advice_step(a, compare);
                break;
        case INCIDENT_RECREATED:
                advise_down(a, i);
                advice_step(a, compare);
                break;
        case INCIDENT_NOT_FOUND:
                if (i->open)
                        advice_step(a,
                                    "Correct the trail's ARN in trailsentry.conf, then systemctl "
                                    "reload trailsentryd; `trailsentry check` proves it.");
                break;
        case INCIDENT_CANNOT_SEE:
                advise_error(a, &i->cause, "GetTrailStatus");
                advice_step(
                        a,
                        i->open ? "Until it sees again, watch the trail another way: aws "
                                  "cloudtrail get-trail-status."
                                : "This may be an attack on the guard: look for what had changed. "
                                  "What happened to the trail meanwhile is reported separately.");
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
                advise_error(a, &i->cause, "GetTrail");
                advice_step(
                        a,
                        "The guard's role needs cloudtrail:GetTrail and "
                        "cloudtrail:GetEventSelectors on this trail. Stops are guarded all the "
                        "same; drift = { enabled = false; } in trailsentry.conf turns this off.");
                break;
        case INCIDENT_OTHER_CONTROLLER:
                advice_step(
                        a, "Something else starts this trail again and again (infrastructure code, "
                           "another guard): let only one of them do it.");
                break;
        default:
                advise_down(a, i);
                break;
        }
        if (i->delivering == DELIVERING_NO)
                advice_step(
                        a, "Log files do not reach the bucket: check that it exists and is yours, "
                           "its policy, and the KMS key. CloudTrail keeps trying to deliver for 30 "
                           "days.");
}

static void advise_state(Advice *a, const Incident *i)
{
        if (!i->open && i->closed_msec > i->detected_msec)
                return;
        advice_step(
                a,
                i->open ? "On the guard, see what keeps the state directory from being read, and "
                          "whether another trailsentryd runs:"
                        : "On the guard, find out what has changed its state directory: the disk, "
                          "a person, or somebody who should not be there:");
        advice_commandf(a, "journalctl -u trailsentryd");
        advice_step(
                a,
                "Check that the trails are set as they should be. What expect in trailsentry.conf "
                "declares holds without any stored baseline.");
        advice_commandf(a, "trailsentry baseline show");
}

/* A key of another account; none at all is weaker, and nobody else's. */
static bool has_foreign_key(const Incident *i)
{
        Arn trail, key;
        const char *why;

        for (size_t k = 0; k < i->changes.n; k++) {
                const Change *c = &i->changes.items[k];

                if (c->kind == CHANGE_KMS_KEY && arn_parse(strempty(c->after), &key) >= 0 &&
                    arn_parse_trail(strempty(i->trail_arn), &trail, &why) >= 0 &&
                    !streq(key.account, trail.account))
                        return true;
        }
        return false;
}

/* Whether who did it is to be taken for hostile until it is explained. A trail that records as it
 * did and where it did may have been changed by a colleague; who starts trails is none to be locked
 * out. */
static bool is_hostile(const Incident *i)
{
        if (i->kind == INCIDENT_OTHER_CONTROLLER || i->announced_by)
                return false;
        return i->kind != INCIDENT_DRIFT || changes_have(&i->changes, CHANGE_MANAGEMENT_EVENTS) ||
               changes_have(&i->changes, CHANGE_S3_BUCKET) || has_foreign_key(i) ||
               i->between_looks;
}

static void advise_callers(Advice *a, const Incident *i, int64_t now_msec)
{
        const Finding *f = incident_find_role(i, ROLE_CULPRIT);
        unsigned n_advised = 0;

        if (i->attribution.misused || i->accepted_by || i->announced_by ||
            i->kind == INCIDENT_OTHER_CONTROLLER)
                return;
        if (f && !is_hostile(i))
                advice_step(a, "If this was not intended, take the access of who did it away, as "
                               "follows; ask first.");
        for (const Finding *last = NULL; f; last = f, f = incident_next_culprit(i, f)) {
                if (last && identity_is_same(&f->record.identity, &last->record.identity))
                        continue;
                if (n_advised++ == ADVISED_MAX) {
                        advice_step(a, "Do the same for the other callers above.");
                        break;
                }
                advice_end_access(a, &f->record.identity, now_msec);
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
                advice_stepf(a, "%s: treat every one listed as hostile until it is explained.",
                             lead);
        else
                advice_stepf(a, "%s: ask each one listed.", lead);
}

Advice advice_make(const Incident *i, int64_t now_msec)
{
        Advice a = {};

        if (incident_kind_is_notice(i->kind)) {
                if (i->kind == INCIDENT_TOPIC_FAILING && i->open)
                        advise_error(&a, &i->cause, "Publish");
                if (i->kind == INCIDENT_STATE_LOST)
                        advise_state(&a, i);
                return a; /* its text says the rest */
        }
        if (i->attribution.misused)
                advice_step(&a,
                            "Somebody uses the guard's own credentials: start the guard on a new "
                            "instance, isolate this one and keep its disk, then revoke the "
                            "sessions of its role (the new guard's, too, which fetches others), "
                            "and look at all that role did.");
        advise_kind(&a, i);
        advise_callers(&a, i, now_msec);
        advise_ambiguous(&a, i);
        if (i->kind != INCIDENT_CANNOT_SEE && i->kind != INCIDENT_NOT_FOUND &&
            i->kind != INCIDENT_OTHER_CONTROLLER &&
            (!incident_kind_is_change(i->kind) ||
             (changes_have(&i->changes, CHANGE_MANAGEMENT_EVENTS) && !i->accepted_by)))
                advice_step(
                        &a,
                        "Look at what else happened while nothing was recorded: Event history "
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
