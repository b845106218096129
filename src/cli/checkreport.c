/* SPDX-License-Identifier: Apache-2.0 */
/* What the answers mean: findings with what to do about each, and what remains unproved. */

#include <stdarg.h>

#include "aws/permission.h"
#include "base/mem.h"
#include "core/policy.h"
#include "base/timefmt.h"
#include "cli/check.h"
#include "cli/print.h"
#include "core/remedy.h"
#include "core/alerttext.h"

#define SECONDS_A_MONTH (30.44 * 86400)

/* Takes advice. */
static void find(Check *c, char *advice, const char *fmt, ...) _printf_(3, 4);
static void find(Check *c, char *advice, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        *mem_push0(c->findings, c->n_findings) =
                (CheckFinding){.text = mem_vprintf(fmt, ap), .advice = advice};
        va_end(ap);
}

/* Whom a permission is given to; owned. A session's permissions are its role's. */
static char *grantee(const Check *c, size_t account)
{
        static const char prefix[] = "assumed-role/";
        const char *arn = c->accounts ? c->accounts[account].identity.arn : NULL;
        const char *role = c->conf->accounts[account].role_arn;
        Arn a;

        if (role)
                return mem_strdup(role);
        if (!arn)
                return mem_strdup("the base credentials");
        if (arn_parse(arn, &a) >= 0 && strncmp(a.resource, prefix, strlen(prefix)) == 0) {
                const char *name = a.resource + strlen(prefix);

                return mem_printf("the role %.*s of account %s", (int)strcspn(name, "/"), name,
                                  a.account);
        }
        return mem_strdup(arn);
}

/* One call: who makes it, and on what it has to be allowed. */
typedef struct Made {
        const Probe *probe;
        AwsService service;
        const char *operation;
        const char *resource; /* ARN */
        size_t account;
} Made;

static char *advice_for(const Check *c, const Made *m)
{
        const AwsError *e = &m->probe->error;
        size_t account = m->account;
        const ConfAccount *a = &c->conf->accounts[account];
        const char *source = c->accounts ? c->accounts[0].source : NULL;
        const Permission *permission = permission_find(m->service, m->operation);
        _cleanup_free_ char *who = grantee(c, account), *base = grantee(c, 0);

        if (e->class == AWS_ERROR_CREDENTIALS && a->role_arn)
                return mem_printf("Allow sts:AssumeRole on %s to %s, and name that one in the "
                                  "role's trust policy%s.",
                                  a->role_arn, base,
                                  a->external_id ? ", with the very external id"
                                                 : " (which may ask for an external id)");
        if (e->class == AWS_ERROR_CREDENTIALS && source && streq(source, "none"))
                return mem_strdup("Set up one of the origins that CREDENTIALS in trailsentryd(8) "
                                  "lists.");
        if (e->class == AWS_ERROR_CREDENTIALS && source && !streq(source, "imds"))
                return mem_printf("They were to come from: %s (CREDENTIALS in trailsentryd(8)).",
                                  source);
        if (e->class == AWS_ERROR_CREDENTIALS)
                return mem_strdup("On EC2, attach an instance profile to this machine and have its "
                                  "metadata service on (IMDSv2); elsewhere, set up another of the "
                                  "origins that CREDENTIALS in trailsentryd(8) lists.");
        if (e->class == AWS_ERROR_DENIED && permission->scope != PERMISSION_ON_NOTHING)
                return mem_printf("Allow %s on %s to %s, and look for a deny (SCP, permissions "
                                  "boundary, session policy%s).",
                                  permission->action,
                                  permission->scope == PERMISSION_ON_ALL ? "*" : m->resource, who,
                                  permission->scope == PERMISSION_ON_TOPIC
                                          ? "); a topic of another account needs its own policy to "
                                            "allow it, too, and an encrypted one kms:Decrypt and "
                                            "kms:GenerateDataKey on its key (trailsentry policy"
                                          : "");
        if (e->class == AWS_ERROR_NOT_FOUND && permission->scope == PERMISSION_ON_TOPIC)
                return mem_strdup("Compare the ARN with what `aws sns list-topics` shows in that "
                                  "account and region.");
        if (e->class == AWS_ERROR_INVALID && permission->scope == PERMISSION_ON_TOPIC)
                return mem_strdup("Look at the topic's settings and, where it is encrypted, at its "
                                  "KMS key.");
        if (e->class == AWS_ERROR_NOT_FOUND)
                return mem_strdup("Compare the ARN with what `aws cloudtrail list-trails` shows in "
                                  "that account; an account that has left an organization does not "
                                  "see the organization's trails.");
        return mem_strdup(remedy_for_error(e, m->operation));
}

static void judge_account(Check *c, size_t i)
{
        const char *role = c->conf->accounts[i].role_arn;
        const Probe *p = &c->accounts[i].identify;
        _cleanup_free_ char *words = NULL;

        /* No role can be assumed without the base credentials, which are told of already. */
        if (p->state != PROBE_FAILED || (i > 0 && c->accounts[0].identify.state == PROBE_FAILED))
                return;
        words = alert_error_words(&p->error);
        /* What brings the credentials names its own calls. */
        find(c, advice_for(c, &(Made){p, AWS_SERVICE_STS, "GetCallerIdentity", NULL, i}),
             "%s: %s%s", role ? role : "base credentials",
             p->error.class == AWS_ERROR_CREDENTIALS ? "" : "GetCallerIdentity: ", words);
}

static void judge_probe(Check *c, const Probe *p, const char *operation, size_t trail)
{
        const ConfTrail *t = &c->conf->trails[trail];
        const Made m = {p, AWS_SERVICE_CLOUDTRAIL, operation, t->arn, t->account};
        _cleanup_free_ char *name = trail_words(t->arn), *words = NULL;

        if (p->state != PROBE_FAILED)
                return;
        words = alert_error_words(&p->error);
        find(c, advice_for(c, &m), "%s for %s: %s", operation, name, words);
}

/* SNS takes every message for a topic that nobody hears of. */
static void judge_subscriptions(Check *c, size_t i)
{
        const CheckedTopic *t = &c->topics[i];
        const char *arn = c->conf->topics[i].arn;

        if (t->describe.state != PROBE_WENT_WELL || t->attributes.confirmed != 0)
                return;
        if (t->attributes.pending > 0)
                find(c,
                     mem_strdup("Confirm them: by the link in the mail that SNS has sent to each "
                                "address."),
                     "NOBODY hears of %s: %d subscription%s not confirmed", arn,
                     t->attributes.pending, t->attributes.pending == 1 ? " is" : "s are");
        else
                find(c,
                     mem_printf("Subscribe somebody (aws sns subscribe --topic-arn %s --protocol "
                                "email --notification-endpoint ADDRESS), and confirm it.",
                                arn),
                     "NOBODY hears of %s: it has no subscription", arn);
}

static void judge_beat(Check *c)
{
        const Probe *p = &c->beat;
        _cleanup_free_ char *words = NULL;

        if (p->state != PROBE_FAILED)
                return;
        words = alert_error_words(&p->error);
        find(c,
             advice_for(c, &(Made){p, AWS_SERVICE_MONITORING, "PutMetricData",
                                   c->conf->heartbeat_namespace, 0}),
             "PutMetricData in %s: %s", c->conf->heartbeat_region, words);
}

static void judge_topic(Check *c, size_t i)
{
        const ConfTopic *t = &c->conf->topics[i];
        const Probe *p = &c->topics[i].publish;
        const Made m = {p, AWS_SERVICE_SNS, "Publish", t->arn, t->account};
        _cleanup_free_ char *words = NULL;

        if (p->state != PROBE_FAILED)
                return;
        words = alert_error_words(&p->error);
        find(c, advice_for(c, &m), "Publish to %s: %s", t->arn, words);
}

/* What StartLogging has left behind. */
static void judge_start(Check *c, size_t i)
{
        const CheckedTrail *t = &c->trails[i];
        _cleanup_free_ char *name = trail_words(c->conf->trails[i].arn);

        judge_probe(c, &t->start, "StartLogging", i);
        judge_probe(c, &t->look_again, "GetTrailStatus", i);
        if (t->look_again.state == PROBE_WENT_WELL && !t->after.is_logging)
                find(c,
                     mem_strdup("StartLogging cannot have stopped it: look for who did "
                                "(trailsentry incidents), and start it."),
                     "%s does NOT LOG any more, just after StartLogging was accepted", name);
}

static void judge_trail_status(Check *c, size_t i)
{
        const ConfTrail *t = &c->conf->trails[i];
        const TrailStatus *s = &c->trails[i].status;
        _cleanup_free_ char *name = trail_words(t->arn);
        char ago[TIMEFMT_MAX];

        if (!s->is_logging && s->stop_logging_msec == 0)
                find(c, mem_strdup("A new trail logs only after StartLogging."),
                     "%s is NOT LOGGING, and has never been stopped", name);
        else if (!s->is_logging)
                find(c,
                     mem_strdup(t->action == TRAIL_ACTION_RESTART
                                        ? "trailsentryd starts it when it runs."
                                        : "Start it: trailsentryd only tells (action = "
                                          "\"alert\")."),
                     "%s is NOT LOGGING, stopped %s ago", name,
                     timefmt_duration((c->now_msec - s->stop_logging_msec) / 1000 * 1000, ago));
        if (s->latest_delivery_error)
                find(c, mem_strdup("Look at the trail's bucket and the bucket's policy."),
                     "%s: log files are not delivered: %s", name, s->latest_delivery_error);
}

static void judge_trail_description(Check *c, size_t i)
{
        const ConfTrail *t = &c->conf->trails[i];
        const Arn *arn = &c->trails[i].arn;
        const TrailDescription *d = &c->trails[i].description;
        const char *account = c->accounts[t->account].identity.account;
        _cleanup_free_ char *name = trail_words(t->arn);

        if (d->home_region && !streq(d->home_region, arn->region))
                find(c,
                     mem_printf("Write the ARN with %s: a trail can be started in its home region "
                                "only.",
                                d->home_region),
                     "%s: its home region is %s", name, d->home_region);
        else if (d->arn && !streq(d->arn, t->arn))
                find(c, mem_strdup("Write the ARN as CloudTrail does."),
                     "%s: CloudTrail calls it %s", name, d->arn);
        if (d->is_organization && account && !streq(account, arn->account) &&
            t->action == TRAIL_ACTION_RESTART)
                find(c,
                     mem_strdup("A member cannot start it: set role_arn to a role of the "
                                "management account, or action = \"alert\"."),
                     "%s is a trail of the organization, whose management account %s is "
                     "not",
                     name, account);
}

static void judge_trail(Check *c, size_t i)
{
        const CheckedTrail *t = &c->trails[i];

        judge_probe(c, &t->get_status, "GetTrailStatus", i);
        if (t->get_status.state == PROBE_WENT_WELL)
                judge_trail_status(c, i);
        /* What is not there is not there for GetTrail either. */
        if (t->get_status.error.class != AWS_ERROR_NOT_FOUND)
                judge_probe(c, &t->get_trail, "GetTrail", i);
        if (c->conf->drift && t->get_status.error.class != AWS_ERROR_NOT_FOUND)
                judge_probe(c, &t->selectors, "GetEventSelectors", i);
        if (t->get_trail.state == PROBE_WENT_WELL)
                judge_trail_description(c, i);
        if (t->look_up_of == i)
                judge_probe(c, &t->look_up, "LookupEvents", i);
        judge_start(c, i);
}

static void list_unproved(Check *c)
{
        const Conf *conf = c->conf;
        _cleanup_free_ char *base = grantee(c, 0);

        for (size_t i = 0; i < conf->n_trails; i++) {
                _cleanup_free_ char *who = grantee(c, conf->trails[i].account);

                if (conf->trails[i].action == TRAIL_ACTION_RESTART &&
                    (!c->trails || c->trails[i].start.state == PROBE_NOT_TRIED))
                        *mem_push0(c->unproved, c->n_unproved) = mem_printf(
                                "cloudtrail:StartLogging on %s, for %s", conf->trails[i].arn, who);
        }
        for (size_t i = 0; i < conf->n_topics; i++) {
                _cleanup_free_ char *who = grantee(c, conf->topics[i].account);

                if (!c->topics || c->topics[i].publish.state == PROBE_NOT_TRIED)
                        *mem_push0(c->unproved, c->n_unproved) =
                                mem_printf("sns:Publish to %s, for %s", conf->topics[i].arn, who);
        }
        for (size_t i = 0; c->topics && i < conf->n_topics; i++)
                if (c->topics[i].describe.state == PROBE_FAILED)
                        *mem_push0(c->unproved, c->n_unproved) =
                                mem_printf("that somebody is subscribed to %s, since "
                                           "sns:GetTopicAttributes fails: %s",
                                           conf->topics[i].arn, c->topics[i].describe.error.code);
        if (conf->heartbeat && c->beat.state != PROBE_WENT_WELL)
                *mem_push0(c->unproved, c->n_unproved) =
                        mem_printf("cloudwatch:PutMetricData in %s, namespace %s, for %s",
                                   conf->heartbeat_region, conf->heartbeat_namespace, base);
}

/* The daemon's watch of Event history is one for each account and region. */
static bool is_first_of_region(const Conf *conf, size_t trail)
{
        Arn a, other;
        const char *why;

        if (arn_parse_trail(conf->trails[trail].arn, &a, &why) < 0)
                return false;
        for (size_t k = 0; k < trail; k++)
                if (conf->trails[k].account == conf->trails[trail].account &&
                    arn_parse_trail(conf->trails[k].arn, &other, &why) >= 0 &&
                    streq(other.region, a.region))
                        return false;
        return true;
}

static double read_events_of(const Conf *conf, size_t trail)
{
        const double month_usec = SECONDS_A_MONTH * (double)USEC_PER_SEC;
        double n = month_usec / (double)conf->trails[trail].poll_usec;

        if (!conf->drift)
                return n;
        n += 2 * month_usec / (double)conf->drift_usec; /* GetTrail and GetEventSelectors */
        if (is_first_of_region(conf, trail))
                n += 3 * month_usec / (double)policy_default.watch_usec; /* LookupEvents */
        return n;
}

void check_judge(Check *c)
{
        for (size_t i = 0; c->accounts && i < c->conf->n_accounts; i++)
                judge_account(c, i);
        for (size_t i = 0; c->accounts && c->trails && i < c->conf->n_trails; i++)
                judge_trail(c, i);
        for (size_t i = 0; c->topics && i < c->conf->n_topics; i++)
                judge_topic(c, i);
        for (size_t i = 0; c->topics && i < c->conf->n_topics; i++)
                judge_subscriptions(c, i);
        judge_beat(c);
        list_unproved(c);
        for (size_t i = 0; i < c->conf->n_trails; i++)
                c->read_events += read_events_of(c->conf, i);
}

void check_done(Check *c)
{
        for (size_t i = 0; c->accounts && i < c->conf->n_accounts; i++) {
                caller_identity_done(&c->accounts[i].identity);
                free(c->accounts[i].source);
        }
        for (size_t i = 0; c->trails && i < c->conf->n_trails; i++) {
                trail_status_done(&c->trails[i].status);
                trail_status_done(&c->trails[i].after);
                trail_description_done(&c->trails[i].description);
        }
        for (size_t i = 0; c->topics && i < c->conf->n_topics; i++)
                free(c->topics[i].message_id);
        for (size_t i = 0; i < c->n_findings; i++) {
                free(c->findings[i].text);
                free(c->findings[i].advice);
        }
        aws_settings_free(c->settings);
        free(c->accounts);
        free(c->trails);
        free(c->topics);
        free(c->findings);
        mem_free_strv(c->unproved, c->n_unproved);
}
