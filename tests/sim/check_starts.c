/* SPDX-License-Identifier: Apache-2.0 */

/* StartLogging: at once when an answer asks for it, first of all, again and again while it is
 * needed, and without being seen to be needed while nothing can be seen. */

#include "check.h"
#include "whole.h"

/* Answers come before this, or never; grace of a tick. */
#define TICK_USEC (1500 * USEC_PER_MSEC)

/* Polls are answered, and say nothing. */
static bool is_answered(AwsErrorClass polled)
{
        return polled == AWS_ERROR_DENIED || polled == AWS_ERROR_THROTTLED ||
               polled == AWS_ERROR_TRANSIENT || polled == AWS_ERROR_PROTOCOL ||
               polled == AWS_ERROR_INVALID;
}

/* Whether it has been down since an earlier run, as far as the guard knows. */
static bool is_known_down(const World *w, size_t trail)
{
        const Incident *i = core_trail_incident(w->guard->core, trail);

        return i && i->kind != INCIDENT_CANNOT_SEE && i->kind != INCIDENT_NOT_FOUND &&
               !incident_kind_is_change(i->kind);
}

/* One that no answer asks for. */
static void check_unseen(World *w, size_t trail)
{
        size_t accounts = w->whole ? w->whole->n_accounts : 1;
        size_t lane = 2 * (trail % accounts) + streq(aws_region(trail), "eu-west-1");
        uint64_t *last = &w->guard->unseen_usec[lane];

        if (!check_open_incident(w, trail, INCIDENT_CANNOT_SEE)) {
                world_violation(w, "StartLogging of a trail that was shown to log");
                return;
        }
        if (is_known_down(w, trail))
                return;
        if (!is_answered(w->guard->trails[trail].polled))
                world_violation(w, "StartLogging of an unseen trail where no call is answered");
        if (*last && w->now_usec < *last + w->policy.unseen_spacing_usec)
                world_violation(w, "two StartLogging of unseen trails within a second");
        *last = w->now_usec;
}

static void check_asked(World *w, const Actions *a)
{
        for (size_t i = 0; i < a->n; i++) {
                GuardTrail *t;

                if (a->items[i].kind != ACTION_START_LOGGING)
                        continue;
                for (size_t k = 0; k < i; k++)
                        if (a->items[k].kind != ACTION_START_LOGGING)
                                world_violation(w, "something stands before a StartLogging");
                t = &w->guard->trails[a->items[i].trail];
                if (t->start_in_flight)
                        world_violation(w, "two StartLogging in flight for one trail");
                if (!t->down_usec && !t->maybe_gone)
                        check_unseen(w, a->items[i].trail);
                if (w->action != TRAIL_ACTION_RESTART)
                        world_violation(w, "StartLogging although action is \"alert\"");
                t->start_in_flight = true;
                t->asked_usec = w->now_usec;
                t->asked_msec = world_aws_msec(w);
        }
}

/* An answer that says "not logging" is acted on in the same step. */
static void check_restart(World *w, const Input *in)
{
        GuardTrail *t;
        uint64_t now = w->now_usec;

        if (in->kind != INPUT_POLLED || in->error.class != AWS_ERROR_NONE ||
            in->status->is_logging || w->action != TRAIL_ACTION_RESTART)
                return;
        t = &w->guard->trails[in->trail];
        if (t->start_in_flight)
                return;
        if (t->was_shown_stop)
                world_violation(w, "a new stop was not acted on at once");
        if ((!t->accepted_usec || now > t->accepted_usec + w->policy.verify_within_usec) &&
            (!t->failed_usec || now > t->failed_usec + w->policy.restart_retry_max_usec))
                world_violation(w, "\"not logging\" was not acted on at once");
}

static void check_restarts_go_on(World *w)
{
        uint64_t every = MAX(w->policy.restart_retry_max_usec, w->policy.verify_within_usec);
        uint64_t soon = w->policy.restart_throttled_usec * 3 / 2 + USEC_PER_MSEC;

        for (size_t i = 0; i < w->n_trails && w->action == TRAIL_ACTION_RESTART; i++) {
                const GuardTrail *t = &w->guard->trails[i];

                if (t->down_usec && !t->start_in_flight &&
                    w->now_usec > MAX(MAX(t->down_usec, t->asked_usec), t->accepted_usec) + every +
                                          TICK_USEC)
                        world_violation(w, "trail %zu is down and not restarted any more", i);
                if (t->down_usec && !t->start_in_flight && t->throttled_usec &&
                    w->now_usec > MAX(t->down_usec, t->throttled_usec) + soon)
                        world_violation(w, "trail %zu: a throttled restart waits for its turn", i);
        }
}

/* What cannot be seen may be down: once a minute, and one a second of an account and region. */
static void check_unseen_go_on(World *w)
{
        uint64_t every = w->policy.unseen_start_usec * 5 / 4 +
                         w->n_trails * (w->policy.unseen_spacing_usec + USEC_PER_MSEC);

        for (size_t i = 0; i < w->n_trails && w->action == TRAIL_ACTION_RESTART; i++) {
                GuardTrail *t = &w->guard->trails[i];
                bool can = is_answered(t->polled) && !t->down_usec && !t->maybe_gone &&
                           check_open_incident(w, i, INCIDENT_CANNOT_SEE);

                if (!can)
                        t->unseen_usec = 0;
                else if (!t->unseen_usec)
                        t->unseen_usec = w->now_usec;
                else if (!t->start_in_flight &&
                         w->now_usec > MAX(t->unseen_usec, t->asked_usec) + every + TICK_USEC)
                        world_violation(w, "trail %zu may be down, and nothing is done about it",
                                        i);
        }
}

void check_starts(World *w, const Input *in, const Actions *a)
{
        check_asked(w, a);
        check_restart(w, in);
        check_restarts_go_on(w);
        check_unseen_go_on(w);
}
