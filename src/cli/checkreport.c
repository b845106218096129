/* SPDX-License-Identifier: Apache-2.0 */
/* Prices are those of us-east-1 as AWS published them, for orientation:
 * https://aws.amazon.com/cloudtrail/pricing/ (management events: $2.00 per 100,000 after the first
 * copy), https://aws.amazon.com/guardduty/pricing/ ($4.00 per million). */

#include "cli/checkreport.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "core/advice.h"
#include "core/alerttext.h"

#define SECONDS_A_MONTH (30.44 * 86400)
#define DOLLARS_AN_EVENT_COPY 2e-5
#define DOLLARS_AN_EVENT_GUARDDUTY 4e-6

typedef struct Reporter {
        const Conf *conf;
        const CheckRun *run;
        int64_t now_msec;
        CheckReport *report;
} Reporter;

/* Take their texts. */
static void find(Reporter *r, char *text, char *advice)
{
        *mem_push0(r->report->findings, r->report->n_findings) =
                (CheckFinding){.text = text, .advice = advice};
}

static void add_unproved(Reporter *r, char *text)
{
        *mem_push0(r->report->unproved, r->report->n_unproved) = text;
}

static void add_cost(Reporter *r, char *text)
{
        *mem_push0(r->report->costs, r->report->n_costs) = text;
}

/* Whom a permission is given to; owned. A session's permissions are its role's. */
static char *grantee(const Reporter *r, size_t account)
{
        static const char prefix[] = "assumed-role/";
        const char *arn = r->run ? r->run->accounts[account].identity.arn : NULL;
        const char *role = r->conf->accounts[account].role_arn;
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

/* "management-events (444455556666, eu-west-1)", owned. */
static char *trail_words(const Reporter *r, size_t trail)
{
        const char *arn = r->conf->trails[trail].arn;
        Arn a;

        if (arn_parse(arn, &a) < 0)
                return mem_strdup(arn);
        return mem_printf("%s (%s, %s)", arn_trail_name(&a), a.account, a.region);
}

/* IAM's Resource for an action: LookupEvents knows none narrower than all. */
static char *advice_for(const Reporter *r, const AwsError *e, const char *operation, size_t trail)
{
        const ConfTrail *t = &r->conf->trails[trail];
        _cleanup_free_ char *who = grantee(r, t->account);

        if (e->class == AWS_ERROR_DENIED)
                return mem_printf("Allow cloudtrail:%s on %s to %s, and look for a deny (SCP, "
                                  "permissions boundary, session policy).",
                                  operation, streq(operation, "LookupEvents") ? "*" : t->arn, who);
        if (e->class == AWS_ERROR_NOT_FOUND)
                return mem_strdup("Compare the ARN with what `aws cloudtrail list-trails` shows in "
                                  "that account; an account that has left an organization does not "
                                  "see the organization's trails.");
        return mem_strdup(advice_for_error(e, operation));
}

static void report_probe(Reporter *r, const Probe *p, const char *operation, size_t trail)
{
        _cleanup_free_ char *name = trail_words(r, trail), *words = NULL;

        if (p->state == PROBE_WENT_WELL)
                return;
        if (p->state == PROBE_NOT_TRIED) {
                find(r, mem_printf("%s for %s was not answered in time", operation, name),
                     mem_strdup(""));
                return;
        }
        words = alert_error_words(&p->error);
        find(r, mem_printf("%s for %s: %s", operation, name, words),
             advice_for(r, &p->error, operation, trail));
}

static void report_account(Reporter *r, size_t i)
{
        const ConfAccount *a = &r->conf->accounts[i];
        const Probe *identify = &r->run->accounts[i].identify;
        const Probe *base = &r->run->accounts[0].identify;
        const char *name = a->role_arn ? a->role_arn : "base credentials";
        _cleanup_free_ char *words = NULL, *who = NULL;
        const AwsError *e = &identify->error;
        char *advice;

        /* No role can be assumed without the base credentials, which are told of already. */
        if (identify->state == PROBE_WENT_WELL || (i > 0 && base->state != PROBE_WENT_WELL))
                return;
        if (identify->state == PROBE_NOT_TRIED) {
                find(r, mem_printf("%s: GetCallerIdentity was not answered in time", name),
                     mem_strdup(""));
                return;
        }

        words = alert_error_words(e);
        who = grantee(r, 0);
        if (a->role_arn && e->class == AWS_ERROR_CREDENTIALS)
                advice = mem_printf("Allow sts:AssumeRole on %s to %s, and name that one in the "
                                    "role's trust policy%s.",
                                    a->role_arn, who,
                                    a->external_id ? ", with the very external id"
                                                   : " (which may ask for an external id)");
        else if (e->class == AWS_ERROR_CREDENTIALS)
                advice = mem_strdup("Attach an instance profile to this machine, or set "
                                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.");
        else
                advice = mem_strdup(advice_for_error(e, "GetCallerIdentity"));
        find(r, mem_printf("%s: %s", name, words), advice);
}

static void report_trail_status(Reporter *r, size_t i)
{
        const ConfTrail *t = &r->conf->trails[i];
        const TrailStatus *s = &r->run->trails[i].status;
        _cleanup_free_ char *name = trail_words(r, i);
        char ago[TIMEFMT_MAX];

        if (r->run->trails[i].get_status.state != PROBE_WENT_WELL)
                return;
        if (!s->is_logging && s->stop_logging_msec != 0)
                find(r,
                     mem_printf("%s is NOT LOGGING, stopped %s ago", name,
                                timefmt_duration((r->now_msec - s->stop_logging_msec) / 1000 * 1000,
                                                 ago)),
                     mem_strdup(t->action == TRAIL_ACTION_RESTART
                                        ? "trailsentryd starts it when it runs."
                                        : "Start it: trailsentryd only tells (action = "
                                          "\"alert\")."));
        else if (!s->is_logging)
                find(r, mem_printf("%s is NOT LOGGING, and has never been stopped", name),
                     mem_strdup("A new trail logs only after StartLogging."));
        if (s->latest_delivery_error)
                find(r,
                     mem_printf("%s: log files are not delivered: %s", name,
                                s->latest_delivery_error),
                     mem_strdup("Look at the trail's bucket and the bucket's policy."));
}

static void report_trail_description(Reporter *r, size_t i)
{
        const ConfTrail *t = &r->conf->trails[i];
        const TrailDescription *d = &r->run->trails[i].description;
        const char *account = r->run->accounts[t->account].identity.account;
        _cleanup_free_ char *name = trail_words(r, i);
        Arn a;

        if (r->run->trails[i].get_trail.state != PROBE_WENT_WELL || arn_parse(t->arn, &a) < 0)
                return;
        if (d->home_region && !streq(d->home_region, a.region))
                find(r, mem_printf("%s: its home region is %s", name, d->home_region),
                     mem_printf("Write the ARN with %s: a trail can be started in its home region "
                                "only.",
                                d->home_region));
        else if (d->arn && !streq(d->arn, t->arn))
                find(r, mem_printf("%s: CloudTrail calls it %s", name, d->arn),
                     mem_strdup("Write the ARN as CloudTrail does."));
        if (d->is_organization && account && !streq(account, a.account) &&
            t->action == TRAIL_ACTION_RESTART)
                find(r,
                     mem_printf("%s is a trail of the organization, whose management account %s is "
                                "not",
                                name, account),
                     mem_strdup("A member cannot start it: set role_arn to a role of the "
                                "management account, or action = \"alert\"."));
}

static void report_trail(Reporter *r, size_t i)
{
        const CheckedTrail *t = &r->run->trails[i];

        /* Told of the account already. */
        if (r->run->accounts[r->conf->trails[i].account].identify.error.class ==
            AWS_ERROR_CREDENTIALS)
                return;
        report_probe(r, &t->get_status, "GetTrailStatus", i);
        report_trail_status(r, i);
        /* What is not there is not there for GetTrail either. */
        if (t->get_status.error.class != AWS_ERROR_NOT_FOUND)
                report_probe(r, &t->get_trail, "GetTrail", i);
        report_trail_description(r, i);
        if (t->look_up_of == i)
                report_probe(r, &t->look_up, "LookupEvents", i);
}

static void list_unproved(Reporter *r)
{
        const Conf *c = r->conf;
        _cleanup_free_ char *base = grantee(r, 0);

        for (size_t i = 0; i < c->n_trails; i++) {
                _cleanup_free_ char *who = grantee(r, c->trails[i].account);

                if (c->trails[i].action == TRAIL_ACTION_RESTART)
                        add_unproved(r, mem_printf("cloudtrail:StartLogging on %s, for %s",
                                                   c->trails[i].arn, who));
        }
        for (size_t i = 0; i < c->n_topics; i++)
                add_unproved(r, mem_printf("sns:Publish to %s, for %s", c->topics[i].arn, base));
        if (c->heartbeat)
                add_unproved(r, mem_printf("cloudwatch:PutMetricData in %s, namespace %s, for %s",
                                           c->heartbeat_region, c->heartbeat_namespace, base));
}

double check_read_events_a_month(const Conf *conf)
{
        double events = 0;

        for (size_t i = 0; i < conf->n_trails; i++)
                events +=
                        SECONDS_A_MONTH * (double)USEC_PER_SEC / (double)conf->trails[i].poll_usec;
        return events;
}

/* "263,002" */
static char *grouped(double number)
{
        _cleanup_free_ char *plain = mem_printf("%.0f", number);
        size_t n = strlen(plain), at = 0;
        char *text = mem_alloc0(2 * n + 1);

        for (size_t i = 0; i < n; i++) {
                if (i > 0 && (n - i) % 3 == 0)
                        text[at++] = ',';
                text[at++] = plain[i];
        }
        return text;
}

static void list_costs(Reporter *r)
{
        double events = check_read_events_a_month(r->conf);
        _cleanup_free_ char *number = grouped(events);

        add_cost(r, mem_printf("This polling makes about %s read events (GetTrailStatus) a month. "
                               "CloudTrail takes nothing for them in the first copy of management "
                               "events, and about $%.2f a month in each further copy that a trail "
                               "delivers; GuardDuty about $%.2f; a SIEM what it takes.",
                               number, events * DOLLARS_AN_EVENT_COPY,
                               events * DOLLARS_AN_EVENT_GUARDDUTY));
}

void check_report(const Conf *conf, const CheckRun *run, int64_t now_msec, CheckReport *ret)
{
        Reporter r = {.conf = conf, .run = run, .now_msec = now_msec, .report = ret};

        *ret = (CheckReport){};
        for (size_t i = 0; run && i < run->n_accounts; i++)
                report_account(&r, i);
        for (size_t i = 0; run && i < run->n_trails; i++)
                report_trail(&r, i);
        list_unproved(&r);
        list_costs(&r);
}

void check_report_done(CheckReport *r)
{
        for (size_t i = 0; i < r->n_findings; i++) {
                free(r->findings[i].text);
                free(r->findings[i].advice);
        }
        free(r->findings);
        mem_free_strv(r->unproved, r->n_unproved);
        mem_free_strv(r->costs, r->n_costs);
        *r = (CheckReport){};
}
