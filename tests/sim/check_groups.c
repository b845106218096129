/* SPDX-License-Identifier: Apache-2.0 */

/* Every incident is told, by itself or by whoever tells of its group; what is worse than the
 * reader knows is told within seconds or, when it comes and goes, minutes; nobody is flooded; and
 * what the last summary said is the truth. */

#include "check.h"

#include <stdio.h>

#define TICK_USEC (1500 * USEC_PER_MSEC)
#define OPEN_WITHIN_USEC (2 * USEC_PER_SEC)
#define MESSAGES_IN_TEN_MINUTES 20

static bool goes_on(const Incident *i)
{
        return i->open && !i->blind_to_msec && i->kind != INCIDENT_OTHER_CONTROLLER;
}

static bool is_of(const Case *c, const Case *lead)
{
        return !c->lost && streq(c->lead, lead->id);
}

/* When none of its group fails any more, the next that does is news of its own. */
static void note_recovery(Guard *g, const Case *c)
{
        Case *lead = *c->lead ? guard_case(g, c->lead) : NULL;

        for (size_t k = 0; lead && k < g->n_cases; k++)
                if (g->cases[k].failing && is_of(&g->cases[k], lead))
                        return;
        if (lead)
                lead->failing_usec = 0;
}

void check_note_group(World *w, Case *c, const Incident *i)
{
        bool failed = c->failing;

        (void)snprintf(c->lead, sizeof(c->lead), "%s", i->lead ? i->lead->id : "");
        c->goes_on = goes_on(i);
        c->failing = c->goes_on && i->restart.state == RESTART_FAILING;
        if (failed && !c->failing)
                note_recovery(w->guard, c);
        if (!i->series)
                return;
        unsigned gone = 0;
        for (size_t k = 0; k < i->series->n_gone_numbers; k++)
                gone += 1 + i->series->gone_numbers[k].to - i->series->gone_numbers[k].from;
        if (gone != i->series->gone.incidents)
                world_violation(w, "%s: %u have left it, %u are counted", i->id, gone,
                                i->series->gone.incidents);
        c->summary = i->series->told;
        c->summaries = i->series->summaries;
}

/* A new message: whoever reads it knows of all that its incident speaks for. */
void check_told(World *w, const Incident *i, const Message *m)
{
        Case *lead = guard_case(w->guard, i->id);
        unsigned recent = 0;

        lead->told_failing = false;
        lead->failing_usec = 0; /* from here on, for who has read this */
        for (size_t k = 0; k < w->guard->n_cases; k++) {
                Case *c = &w->guard->cases[k];

                if (c != lead && !is_of(c, lead))
                        continue;
                c->told = true;
                lead->told_failing = lead->told_failing || c->failing;
        }
        for (size_t k = 0; k < w->guard->n_letters; k++)
                recent += streq(w->guard->letters[k].incident, i->id) &&
                          w->guard->letters[k].created_usec + 10 * USEC_PER_MINUTE > w->now_usec;
        if (recent > MESSAGES_IN_TEN_MINUTES)
                world_violation(w, "%s: %u messages in ten minutes", i->id, recent);
}

/* The reader takes it for well, or has never heard of it. */
static void check_failing_is_told(World *w, Case *lead)
{
        const Policy *p = &w->policy;
        uint64_t bound = p->group_loud_usec + TICK_USEC;

        if (lead->failing_usec && !lead->told_failing &&
            w->now_usec > MAX(lead->failing_usec, w->guard->run_usec) + bound)
                world_violation(w, "%s: a restart of its group fails and that is not told",
                                lead->id);
}

void check_groups(World *w)
{
        Guard *g = w->guard;
        uint64_t bound = w->policy.group_spacing_max_usec + w->policy.group_first_usec + TICK_USEC;

        if (w->now_usec < g->groups_usec + TICK_USEC / 10)
                return;
        g->groups_usec = w->now_usec;
        for (size_t k = 0; k < g->n_cases; k++) {
                Case *c = &g->cases[k], *lead = *c->lead ? guard_case(g, c->lead) : NULL;

                if (c->lost)
                        continue;
                uint64_t patience = lead ? bound : OPEN_WITHIN_USEC + TICK_USEC;
                if (!c->told && w->now_usec > MAX(c->opened_usec, g->run_usec) + patience)
                        world_violation(w, "%s is not told by anybody", c->id);
                if (!lead || !c->failing)
                        continue;
                if (!lead->failing_usec)
                        lead->failing_usec = MAX(w->now_usec, g->run_usec);
                lead->seen_failing_usec = w->now_usec;
        }
        for (size_t k = 0; k < g->n_cases; k++) {
                Case *lead = &g->cases[k];

                if (lead->seen_failing_usec != w->now_usec)
                        lead->failing_usec = 0;
                else if (!lead->lost)
                        check_failing_is_told(w, lead);
        }
}

/* What the incidents are in the end, counted anew. */
static void check_summary(World *w, const Case *lead)
{
        SeriesSum s = {};

        for (size_t k = 0; k < w->guard->n_cases; k++) {
                const Case *c = &w->guard->cases[k];

                if (!is_of(c, lead))
                        continue;
                s.incidents++;
                s.confirmed += c->confidence == CONFIDENCE_EXACT;
                s.ambiguous += c->confidence == CONFIDENCE_AMBIGUOUS;
                s.misused += c->misused;
        }
        const SeriesSum *told = &lead->summary;
        if (s.incidents == told->incidents && s.confirmed == told->confirmed &&
            s.ambiguous == told->ambiguous && s.misused == told->misused && told->down == 0 &&
            told->unseen == 0)
                return;
        world_violation(w,
                        "%s: the last summary says %u incidents, %u down, %u unseen, %u exact, %u "
                        "ambiguous, %u misused; it was %u, 0, 0, %u, %u, %u",
                        lead->id, told->incidents, told->down, told->unseen, told->confirmed,
                        told->ambiguous, told->misused, s.incidents, s.confirmed, s.ambiguous,
                        s.misused);
}

void check_groups_end(World *w)
{
        for (size_t k = 0; k < w->guard->n_cases; k++) {
                const Case *c = &w->guard->cases[k];

                if (c->lost)
                        continue;
                if (!c->told)
                        world_violation(w, "%s was never told", c->id);
                /* A guard without its state tells by itself of what others have told of already. */
                if (c->summaries > 0 && !w->gave_up)
                        check_summary(w, c);
        }
}
