/* SPDX-License-Identifier: Apache-2.0 */

/* StartLogging for a trail that cannot be seen: whoever has the reads denied or throttled could
 * stop it, and nobody would know. StartLogging is idempotent, so that it is sent once a minute
 * without being seen to be needed, while calls as such are possible. What it did shows when the
 * trail is seen again: a stop in between is an incident like any other. */

#include "core/internal.h"

#include <syslog.h>

#include "base/mem.h"
#include "core/alerttext.h"

/* CloudTrail, or what guards the way to it, answers: with a refusal, or with what cannot be read.
 * Over a dead network or without credentials there is nothing to be sent. */
static bool is_answered(const AwsError *poll)
{
        return poll->class == AWS_ERROR_DENIED || poll->class == AWS_ERROR_THROTTLED ||
               poll->class == AWS_ERROR_TRANSIENT || poll->class == AWS_ERROR_INVALID ||
               poll->class == AWS_ERROR_PROTOCOL;
}

static bool is_wanted(const Core *c, const Trail *t)
{
        return t->blind && t->blind->kind == INCIDENT_CANNOT_SEE && !t->down && !t->not_startable &&
               is_answered(&t->error) && restart_is_wanted(c, t);
}

/* A member account can read an organization's trail and not start it. */
static bool is_not_startable(const Core *c, const Trail *t, const AwsError *e)
{
        static const char not_master[] = "NotOrganizationMasterAccount";
        const char *own = c->identities[t->config.account];
        Arn a;

        if (e->class != AWS_ERROR_DENIED && e->class != AWS_ERROR_INVALID)
                return false;
        return strncmp(e->code, not_master, strlen(not_master)) == 0 ||
               (own && arn_parse(own, &a) >= 0 && !streq(a.account, t->arn.account));
}

/* Whether it is sent, in the incident that tells of it. */
static void note(Core *c, Trail *t)
{
        Incident *i = t->blind;
        RestartState state = is_wanted(c, t) ? RESTART_UNSEEN : RESTART_NOT_WANTED;

        if (!i || i->restart.state == state)
                return;
        if (state == RESTART_UNSEEN && i->restart.attempts == 0)
                core_log_trail(c, LOG_EVENT_RESTART_UNSEEN, LOG_NOTICE, t, NULL,
                               "%s cannot be seen: StartLogging is sent once a minute, in case it "
                               "was stopped",
                               arn_trail_name(&t->arn));
        i->restart.state = state;
        incident_touch(i);
}

void unseen_begin(Core *c, Trail *t)
{
        t->next_unseen_boot = c->now.boot_usec + core_random(c, c->policy.unseen_spacing_usec);
        note(c, t);
}

static uint64_t due_boot(const Core *c, const Trail *t)
{
        return MAX(t->next_unseen_boot, c->regions[t->region].next_unseen_boot);
}

/* One a second is all that an account and region are allowed: who waits longest is next. */
static bool is_next(const Core *c, const Trail *t)
{
        for (size_t k = 0; k < c->n_trails; k++) {
                const Trail *u = &c->trails[k];

                if (u->region == t->region && u->next_unseen_boot < t->next_unseen_boot &&
                    !u->starting && is_wanted(c, u))
                        return false;
        }
        return true;
}

static void send(Core *c, Trail *t)
{
        uint64_t every = c->policy.unseen_start_usec;
        Restart *r = &t->blind->restart;

        t->starting = t->starting_unseen = true;
        t->start_again = false;
        t->start_boot = c->now.boot_usec;
        t->next_unseen_boot = c->now.boot_usec + every * 3 / 4 + core_random(c, every / 2);
        c->regions[t->region].next_unseen_boot = c->now.boot_usec + c->policy.unseen_spacing_usec;
        r->attempts++;
        if (!r->requested_msec)
                r->requested_msec = c->now.wall_msec;
        core_emit(c, ACTION_START_LOGGING)->trail = (size_t)(t - c->trails);
}

void unseen_tick(Core *c, Trail *t)
{
        /* Stopped when it was last seen, perhaps by an earlier run: that needs no minute. */
        if (t->blind && t->blind->kind == INCIDENT_CANNOT_SEE && t->stop &&
            t->stop->kind != INCIDENT_DELETED)
                t->down = true;
        note(c, t);
        if (!is_wanted(c, t) || t->starting || c->now.boot_usec < due_boot(c, t) || !is_next(c, t))
                return;
        send(c, t);
}

uint64_t unseen_next_boot(const Core *c, const Trail *t)
{
        return is_wanted(c, t) && !t->starting ? due_boot(c, t) : USEC_INFINITY;
}

/* Told once for each reason: nobody can see the trail, and nobody can start it. A call that is
 * throttled now and then has its turn within a minute. */
static void failed(Core *c, Trail *t, const AwsError *e)
{
        Incident *i = t->blind;
        _cleanup_free_ char *words = alert_error_words(e);

        i->restart.error = *e;
        if (i->restart.told & 1U << e->class ||
            (t->throttled > 0 &&
             c->now.boot_usec < t->throttled_boot + c->policy.unseen_start_usec))
                return;
        i->restart.told |= 1U << e->class;
        core_log_trail(c, LOG_EVENT_RESTART_UNSEEN, LOG_CRIT, t, e,
                       "%s cannot be seen, and StartLogging failed: %s", arn_trail_name(&t->arn),
                       words);
        incident_escalate(i, SEVERITY_CRITICAL);
        notify(c, i, PHASE_UPDATE);
}

static void accepted(Core *c, Trail *t, const AwsError *result)
{
        Restart *r = &t->blind->restart;

        if (!r->accepted_msec || r->error.class != AWS_ERROR_NONE)
                core_log_trail(c, LOG_EVENT_RESTART_UNSEEN, LOG_NOTICE, t, result,
                               "%s cannot be seen: StartLogging accepted, in case it was stopped",
                               arn_trail_name(&t->arn));
        r->accepted_msec = c->now.wall_msec;
        r->error = (AwsError){};
        r->told = 0; /* whatever fails after that is news */
}

bool unseen_answered(Core *c, Trail *t, const AwsError *result)
{
        bool unseen = t->starting_unseen && !t->down;

        t->starting_unseen = false;
        t->not_startable = is_not_startable(c, t, result);
        if (!unseen)
                return false;
        if (result->class == AWS_ERROR_THROTTLED)
                t->next_unseen_boot = restart_throttled(c, t, t->blind);
        else
                t->throttled = 0;
        if (t->blind && result->class == AWS_ERROR_NONE)
                accepted(c, t, result);
        else if (t->blind)
                failed(c, t, result);
        return true;
}
