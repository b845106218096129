/* SPDX-License-Identifier: Apache-2.0 */

#include "core/internal.h"

#include <syslog.h>

#include "base/mem.h"
#include "core/alerttext.h"

#define REQUEST_IDS_MAX 64
/* Throttled calls to a record in the journal and a write to the disk: about a minute of them. */
#define THROTTLED_CALLS_TOLD 60

void restart_note_attempt(const Core *c, const Trail *t, Incident *i)
{
        i->restart.attempts++;
        if (!i->restart.requested_msec)
                i->restart.requested_msec =
                        c->now.wall_msec -
                        (int64_t)((c->now.boot_usec - t->start_boot) / USEC_PER_MSEC);
        if (t->throttled == 0)
                incident_touch(i);
}

bool restart_is_wanted(const Core *c, const Trail *t)
{
        return t->config.action == TRAIL_ACTION_RESTART && !maintenance_covers(c, t);
}

void restart_consider(Core *c, Trail *t)
{
        if (!t->down || t->starting || c->acted || c->now.boot_usec < t->next_start_boot ||
            !restart_is_wanted(c, t))
                return;

        t->starting = true;
        t->start_again = false;
        t->start_boot = c->now.boot_usec;
        core_emit(c, ACTION_START_LOGGING)->trail = (size_t)(t - c->trails);
        if (t->stop)
                restart_note_attempt(c, t, t->stop);
        if (t->throttled > 0)
                return;
        core_log_trail(c, LOG_EVENT_RESTART_REQUESTED, LOG_NOTICE, t, NULL,
                       "%s: not logging, StartLogging requested", arn_trail_name(&t->arn));
}

static int64_t throttled_for_msec(const Core *c, const Trail *t)
{
        return (int64_t)((c->now.boot_usec - t->throttled_boot) / USEC_PER_MSEC);
}

/* Told once for each reason; the reminder repeats it. */
static void tell_failing(Core *c, Trail *t, const AwsError *error)
{
        Incident *i = t->stop;

        _cleanup_free_ char *words = alert_error_words(error);
        _cleanup_free_ char *row = alert_throttled_words(t->throttled, throttled_for_msec(c, t));
        core_log_trail(c, LOG_EVENT_RESTART_FAILED, LOG_CRIT, t, error,
                       "%s: still not logging, StartLogging failed: %s%s%s",
                       arn_trail_name(&t->arn), words, row ? "; " : "", strempty(row));
        if (!i || !restart_is_wanted(c, t))
                return;
        if (i->owes_opening)
                notify(c, i, PHASE_OPEN);
        i->restart.state = RESTART_FAILING;
        i->restart.error = *error;
        incident_touch(i);
        if (i->restart.told & 1U << error->class)
                return;
        i->restart.told |= 1U << error->class;
        incident_escalate(i, SEVERITY_CRITICAL);
        notify(c, i, PHASE_FAILING);
}

static void accepted(Core *c, Trail *t, const AwsError *result)
{
        t->start_failures = 0;
        t->own_start_boot = c->now.boot_usec;
        t->next_start_boot = c->now.boot_usec;
        if (!t->polling)
                t->next_poll_boot = c->now.boot_usec;
        core_log_trail(c, LOG_EVENT_RESTART_ACCEPTED, LOG_NOTICE, t, result,
                       "%s: StartLogging accepted", arn_trail_name(&t->arn));
        /* Asked before the stop that is known by now, it may have come before it, too. */
        if (t->start_again)
                return;
        /* Eventual consistency: until it has had its time to show, a further call is noise. */
        t->next_start_boot += c->policy.verify_within_usec;
        Incident *i = t->stop;
        /* After one that was accepted and had no effect, another is no news to go by. */
        if (!i || (i->restart.state == RESTART_FAILING && i->restart.accepted_msec))
                return;
        if (!i->restart.accepted_msec)
                i->restart.accepted_msec = c->now.wall_msec;
        incident_touch(i);
        if (!restart_is_wanted(c, t))
                return;
        i->restart.state = RESTART_ACCEPTED;
        i->restart.told = 0; /* whatever fails after that is news */
        i->verify_until_boot = c->now.boot_usec + c->policy.verify_within_usec;
}

/* For the next run of the daemon. A refused call changed nothing and need not be known again. */
static void note_request(Restart *r, const AwsError *result)
{
        if (result->class != AWS_ERROR_NONE || isempty(result->request_id))
                return;
        if (r->n_request_ids == REQUEST_IDS_MAX) {
                free(r->request_ids[0]);
                r->n_request_ids--;
                memmove(&r->request_ids[0], &r->request_ids[1],
                        r->n_request_ids * sizeof(r->request_ids[0]));
        }
        *mem_push0(r->request_ids, r->n_request_ids) = mem_strdup(result->request_id);
}

/* One write call a second is all that CloudTrail allows an account and region, and whoever stopped
 * the trail can take it up: the more often it is tried, the sooner is our turn. */
uint64_t restart_throttled(Core *c, Trail *t, Incident *i)
{
        uint64_t pause = c->policy.restart_throttled_usec;

        if (t->throttled++ == 0)
                t->throttled_boot = c->now.boot_usec;
        if (i) {
                i->restart.throttled = t->throttled;
                i->restart.throttled_msec = throttled_for_msec(c, t);
        }
        return c->now.boot_usec + pause / 2 + core_random(c, pause);
}

static void throttled(Core *c, Trail *t, const AwsError *error)
{
        const Incident *i = t->stop;

        t->next_start_boot = restart_throttled(c, t, t->stop);
        if (t->throttled % THROTTLED_CALLS_TOLD == 1 || (i && i->restart.state != RESTART_FAILING))
                tell_failing(c, t, error);
}

/* It may have taken effect: a start that shows later can be ours. Without credentials there was
 * nothing to send. */
static bool may_have_started(const Input *in)
{
        const AwsError *e = &in->error;

        return e->class != AWS_ERROR_NONE &&
               (in->maybe_done || (e->class != AWS_ERROR_CREDENTIALS && isempty(e->request_id)));
}

/* One that was throttled, and nothing else, changed nothing, and there may be too many of them. */
static void remember_start(Core *c, Trail *t, Incident *i, const Input *in)
{
        const AwsError *e = &in->error;
        LedgerEntry entry = {.msec = c->now.wall_msec};

        if (e->class == AWS_ERROR_THROTTLED && !in->maybe_done)
                return;
        memcpy(entry.request_id, e->request_id, sizeof(entry.request_id));
        if (e->class == AWS_ERROR_NONE)
                entry.answer_msec = in->aws_msec;
        core_remember_request(c, t, &entry);
        if (may_have_started(in) || (e->class == AWS_ERROR_NONE && !in->aws_msec))
                t->own_start_boot = c->now.boot_usec;
        if (!i)
                return;
        if (!t->start_again)
                note_request(&i->restart, e);
        i->restart.unanswered += may_have_started(in);
        incident_touch(i);
}

void restart_answered(Core *c, Trail *t, const Input *in)
{
        t->starting = false;
        if (c->history == HISTORY_AWAITED)
                resume_started(c, t, &in->error);
        if (unseen_answered(c, t, &in->error)) {
                remember_start(c, t, t->blind, in);
                return;
        }
        remember_start(c, t, t->stop, in);
        if (in->error.class == AWS_ERROR_THROTTLED) {
                throttled(c, t, &in->error);
                return;
        }
        t->throttled = 0;
        if (in->error.class == AWS_ERROR_NONE) {
                accepted(c, t, &in->error);
                return;
        }
        t->next_start_boot = c->now.boot_usec + backoff_usec(c->policy.restart_retry_usec,
                                                             c->policy.restart_retry_max_usec,
                                                             ++t->start_failures);
        tell_failing(c, t, &in->error);
}

static void not_effective(Core *c, Trail *t)
{
        AwsError e;

        /* Nobody has looked since, or it is seen to log and that is not sure yet. */
        if (!t->down ||
            t->last_good_boot + c->policy.verify_within_usec < t->stop->verify_until_boot) {
                t->stop->verify_until_boot = c->now.boot_usec + c->policy.verify_within_usec;
                return;
        }
        aws_error_set(&e, AWS_ERROR_TRANSIENT, "NotEffective",
                      "StartLogging was accepted, but GetTrailStatus does not show the trail "
                      "logging");
        tell_failing(c, t, &e);
}

void restart_tick(Core *c, Trail *t)
{
        const Incident *i = t->stop;

        if (!restart_is_wanted(c, t))
                return;
        if (i && i->restart.state == RESTART_ACCEPTED && c->now.boot_usec >= i->verify_until_boot)
                not_effective(c, t);
        restart_consider(c, t);
}

void restart_concluded(const Trail *t, Incident *i)
{
        Restart *r = &i->restart;

        if (i->kind == INCIDENT_DELETED || !i->blind_to_msec)
                return;
        /* Its answer is still on the way, or lost; the trail shows what it did. */
        if (t->starting)
                r->unanswered++;
        if (r->accepted_msec || r->unanswered > 0)
                r->state = RESTART_VERIFIED;
        else
                r->state = RESTART_BY_OTHERS;
        incident_touch(i);
}
