/* SPDX-License-Identifier: Apache-2.0 */

/* What an earlier run left: taken in at the start or, from a slow disk, later. Nothing that is to
 * be done at once waits for it: until it is here, trails are polled and started, and the answers
 * are held. They are judged when it is here, or when it is not to be had for the moment. What comes
 * after that is merged with what has been found out without it. */

#include "core/internal.h"

#include <stdio.h>

#include "base/mem.h"
#include "core/findings.h"

#define EARLY_IDS_MAX 16
#define HELD_MAX 16 /* answers of a trail */
/* As long as it may be asked for: a clock that was set back must not make it any longer. */
#define MAINTENANCE_MAX_MSEC MSEC_PER_DAY

void core_await_state(Core *c)
{
        c->history = HISTORY_AWAITED;
}

/* Memories */

/* The incident is newer than the memory when the daemon died between the two writes. */
void core_follow_incident(TrailMemory *m, const Incident *i)
{
        /* By the start alone when the clock was set back in between. */
        bool of_before =
                m->last_good_msec <= i->detected_msec || m->start_msec == i->known_start_msec;

        if (i->kind == INCIDENT_RECREATED && of_before) {
                int64_t was = MAX(m->start_msec, m->stop_msec);

                m->delivery_msec = 0;
                /* As late as it when the outage before has told of that start already. */
                if (i->blind_to_msec && i->blind_to_msec >= was) {
                        m->seen = m->logging = true;
                        m->start_msec = i->blind_to_msec;
                        m->stop_msec = 0;
                        m->floor_msec = MIN(was, i->blind_to_msec - 1);
                }
        }
        if (i->kind == INCIDENT_DELETED && !m->seen) {
                m->seen = true;
                m->start_msec = i->known_start_msec;
        }
        if (!i->stop_msec)
                return;
        if (MAX(i->stop_msec, i->blind_to_msec) <= MAX(m->start_msec, m->stop_msec))
                return;
        m->seen = true;
        m->stop_msec = MAX(m->stop_msec, MAX(i->stop_msec, i->stop_moved_msec));
        m->start_msec = MAX(m->start_msec, MAX(i->known_start_msec, i->blind_to_msec));
        m->logging = i->blind_to_msec != 0;
}

/* Also of an outage whose beginning nobody knows: its end is still to be seen. */
static void follow(TrailMemory *m, const Incident *i)
{
        bool untimed = i->kind == INCIDENT_STOPPED || i->kind == INCIDENT_ALREADY_STOPPED;

        core_follow_incident(m, i);
        if (!untimed || !i->open || i->stop_msec || i->blind_to_msec)
                return;
        m->seen = true;
        m->logging = false;
}

/* What was seen without the memory has been told as far as it is an incident; the rest is judged by
 * the memory when it is seen again. */
static void merge_memory(Core *c, Trail *t, const TrailMemory *live)
{
        TrailMemory *m = &t->memory;

        TrailSettings more = {
                .described = live->baseline.described && !m->baseline.described,
                .selected = live->baseline.selected && !m->baseline.selected,
                .description = live->baseline.description,
                .selectors = live->baseline.selectors,
        };

        trail_settings_update(&m->baseline, &more);
        if (more.described || more.selected)
                m->baseline_msec = live->baseline_msec;
        /* By when it was last seen before them. */
        for (size_t k = 0; k < c->n_incidents; k++)
                if (c->incidents[k]->trail == (size_t)(t - c->trails))
                        follow(m, c->incidents[k]);
        m->last_good_msec = MAX(m->last_good_msec, live->last_good_msec);
        m->last_logging_msec = MAX(m->last_logging_msec, live->last_logging_msec);
}

void core_restore_memory(Core *c, const TrailMemory *memory)
{
        Trail *t = core_find_trail(c, memory->arn);

        c->n_remembered++;
        if (!t) {
                *mem_push0(c->forgotten, c->n_forgotten) = mem_strdup(memory->arn);
                return;
        }
        t->remembered = true;
        TrailMemory live = t->memory;
        t->memory = *memory;
        t->memory.arn = TAKE_PTR(live.arn);
        t->memory.baseline = (TrailSettings){};
        trail_settings_update(&t->memory.baseline, &memory->baseline);
        t->memory.baseline_by = mem_strdup(memory->baseline_by);
        if (c->history == HISTORY_MISSING) {
                merge_memory(c, t, &live);
                t->agreeing_drift = t->better = 0; /* against another baseline */
        } else if (MAX(live.start_msec, live.stop_msec) >
                   MAX(memory->start_msec, memory->stop_msec)) {
                /* An incident has told more of it already. */
                t->memory.start_msec = live.start_msec;
                t->memory.stop_msec = live.stop_msec;
                t->memory.logging = live.logging;
        }
        trail_memory_done(&live);
}

/* Incidents */

/* The second look waits for its time, however often the daemon is started; the last one is
 * search_keep_time()'s. */
static uint64_t resume_search_boot(const Core *c, const Attribution *a)
{
        int64_t left = a->found_msec + c->policy.lookup_settle_msec - c->now.wall_msec;

        if (a->state == SEARCH_SETTLED)
                return USEC_INFINITY;
        if (a->state != SEARCH_SETTLING || left <= 0)
                return c->now.boot_usec;
        left = MIN(left, c->policy.lookup_settle_msec); /* the clock may have been set */
        return c->now.boot_usec + (uint64_t)left * USEC_PER_MSEC;
}

/* What its trail has at most one of that is open; NULL for what has no place there. */
static Incident **place_of(Trail *t, const Incident *i)
{
        switch (incident_kind_row(i->kind)->slot) {
        case SLOT_BLIND:
                return &t->blind;
        case SLOT_DRIFT:
                return i->between_looks ? NULL : &t->drift;
        case SLOT_DELIVERY:
                return &t->delivery;
        case SLOT_SETTINGS:
                return &t->uninspected;
        default:
                return incident_is_over(i) ? NULL : &t->stop;
        }
}

static void resume_search(const Core *c, Incident *i)
{
        i->attribution.settled_boot = resume_search_boot(c, &i->attribution);
        i->attribution.next_boot = i->attribution.settled_boot;
        i->attribution.throttled_msec = 0; /* as far as is known by now */
        /* The clock may have been set back since: the search would last so much longer. */
        i->attribution.begun_msec = MIN(i->attribution.begun_msec, c->now.wall_msec);
}

/* The latest has it, but for one that is only how this one looks without a history; the other one
 * ends when all are here. */
static bool takes_place_of(const Incident *i, const Incident *other)
{
        return !other || i->detected_msec >= other->detected_msec ||
               (other->kind == INCIDENT_ALREADY_STOPPED && !other->stop_msec);
}

static void resume(Core *c, Trail *t, Incident *i)
{
        Incident **place = place_of(t, i);

        resume_search(c, i);
        i->verify_until_boot = c->now.boot_usec + c->policy.verify_within_usec;
        if (i->owes_opening)
                notify_wait(c, i);
        if (!i->open || !place || !takes_place_of(i, *place))
                return;
        if (incident_kind_is_change(i->kind) && c->policy.inspect_usec == 0) {
                configure_retire(c, i); /* nobody looks any more */
                return;
        }
        *place = i;
        if (incident_kind_is_change(i->kind))
                drift_resume(t, i);
        if (t->stop == i && t->config.action == TRAIL_ACTION_ALERT)
                i->restart.state = RESTART_NOT_WANTED; /* whatever was tried before */
}

static void merge_restart(Restart *to, Restart *from)
{
        to->attempts += from->attempts;
        to->unanswered += from->unanswered;
        to->told |= from->told;
        to->untimed = to->untimed || from->untimed;
        if (from->requested_msec)
                to->requested_msec = to->requested_msec
                                             ? MIN(to->requested_msec, from->requested_msec)
                                             : from->requested_msec;
        if (!to->accepted_msec)
                to->accepted_msec = from->accepted_msec;
        for (size_t k = 0; k < from->n_request_ids && to->n_request_ids < EARLY_IDS_MAX; k++)
                *mem_push0(to->request_ids, to->n_request_ids) = TAKE_PTR(from->request_ids[k]);
}

/* Numbered on, so that none has the number of another. */
static void merge_messages(Core *c, Incident *to, Incident *from)
{
        for (size_t k = 0; k < from->n_messages; k++) {
                Message *m = mem_push0(to->messages, to->n_messages);

                *m = from->messages[k];
                from->messages[k] = (Message){};
                m->sequence = (unsigned)to->n_messages;
                configure_address(c, to, m);
        }
}

static void merge_attribution(Core *c, Incident *to, Incident *from)
{
        if (from->attribution.confidence < to->attribution.confidence ||
            from->attribution.state == SEARCH_NOT_NEEDED)
                return;
        Attribution known = to->attribution;
        to->attribution = from->attribution;
        from->attribution = known;
        resume_search(c, to);
}

/* Who seemed to be alone tells of its group, or is told of by it; group_settle() has them find each
 * other. */
static void merge_group(Core *c, Incident *i, Incident *from)
{
        Trail *t = i->trail == SIZE_MAX ? NULL : &c->trails[i->trail];
        Incident **latest = t ? &t->groups[incident_kind_family(i->kind)] : NULL;

        i->series = TAKE_PTR(from->series);
        i->number = from->number;
        if (!from->group || (i->lead && i->lead != i))
                return;
        free(i->group);
        i->group = TAKE_PTR(from->group);
        i->lead = NULL;
        if (latest && *latest == i)
                *latest = NULL;
        c->groups_settled = false;
}

/* An incident that is here already, found out about without what is known of it on the disk. */
static void merge(Core *c, Incident *i, Incident *from)
{
        bool same_family = incident_kind_family(i->kind) == incident_kind_family(from->kind);

        if (!same_family || incident_kind_is_notice(from->kind) != incident_kind_is_notice(i->kind))
                return; /* none of ours: ids follow from the facts */
        merge_attribution(c, i, from);
        merge_restart(&i->restart, &from->restart);
        merge_messages(c, i, from);
        i->owes_opening = i->n_messages == 0 && (i->owes_opening || from->owes_opening);
        if (from->detected_msec <= i->detected_msec) {
                /* It was known what had been before. */
                if (incident_kind_family(i->kind) == FAMILY_STOP)
                        i->kind = from->kind;
                i->detected_msec = from->detected_msec;
                i->known_start_msec = from->known_start_msec;
                i->known_stop_msec = from->known_stop_msec;
                i->last_logging_msec = from->last_logging_msec;
        }
        if (!i->series)
                merge_group(c, i, from);
        i->reminders = MAX(i->reminders, from->reminders);
        i->reminded_msec = MAX(i->reminded_msec, from->reminded_msec);
        incident_escalate(i, from->severity);
        incident_touch(i);
}

void core_restore_incident(Core *c, Incident *incident)
{
        Trail *t = incident->trail_arn ? core_find_trail(c, incident->trail_arn) : NULL;
        Incident *known = core_find_incident(c, incident->id);

        c->resumed = false;
        incident->trail = t ? (size_t)(t - c->trails) : SIZE_MAX;
        for (size_t i = 0; i < incident->restart.n_request_ids; i++) {
                LedgerEntry e = {.msec = incident->restart.accepted_msec,
                                 .answer_msec = incident->restart.accepted_msec};

                (void)snprintf(e.request_id, sizeof(e.request_id), "%s",
                               incident->restart.request_ids[i]);
                core_remember_request(c, t, &e);
        }
        if (t)
                follow(&t->memory, incident);
        if (known) {
                merge(c, known, incident);
                incident_free(incident);
                return;
        }
        if (incident->stop_msec)
                incident_set_stop(c, incident, incident->stop_msec);
        group_restore(c, incident);
        if (incident_is_finished(incident) && !group_keeps(c, incident)) {
                core_put_away(c, incident);
                return;
        }
        for (size_t m = 0; m < incident->n_messages; m++)
                configure_address(c, incident, &incident->messages[m]);
        findings_shrink(incident, c->findings_share);
        *mem_push0(c->incidents, c->n_incidents) = incident;
        if (incident->kind == INCIDENT_MAINTENANCE && incident->open) {
                c->n_windows++;
                incident->until_msec =
                        MIN(incident->until_msec, c->now.wall_msec + MAINTENANCE_MAX_MSEC);
        }
        if (t)
                resume(c, t, incident);
        else if (!incident_kind_is_notice(incident->kind))
                configure_retire(c, incident);
}

void core_restore_finished(Core *c, const char *id)
{
        core_note_finished(c, id);
}

/* A guard that died between two writes, or one that did without what was stored, leaves two where
 * there is room for one. */
void resume_settle(Core *c)
{
        if (c->resumed)
                return;
        c->resumed = true;
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];
                Incident **place = i->trail != SIZE_MAX ? place_of(&c->trails[i->trail], i) : NULL;

                if (!i->open || i->trail == SIZE_MAX || (place && *place == i))
                        continue;
                if (place == &c->trails[i->trail].stop || (!place && !search_is_active(i)))
                        incident_close(c, i, 0);
                else if (place)
                        configure_retire(c, i); /* the other one goes on telling of it */
        }
}

/* Answers that are held */

static void held_done(HeldAnswer *h)
{
        trail_status_done(&h->status);
        mem_free_strv(h->restart.request_ids, h->restart.n_request_ids);
        *h = (HeldAnswer){};
}

static bool is_same(const HeldAnswer *h, const Input *in)
{
        if (h->error.class != in->error.class)
                return false;
        return h->error.class != AWS_ERROR_NONE ||
               (streq_ptr(h->status.unread, in->status->unread) &&
                h->status.is_logging == in->status->is_logging &&
                h->status.start_logging_msec == in->status->start_logging_msec &&
                h->status.stop_logging_msec == in->status->stop_logging_msec);
}

/* Each that is news, since each may be an incident of its own; when there are too many, the last
 * one has the newest. */
static void hold(Trail *t, const Input *in)
{
        HeldAnswer *h = t->n_held > 0 ? &t->held[t->n_held - 1] : NULL;
        Restart restart = {};

        if (h && (is_same(h, in) || t->n_held == HELD_MAX)) {
                restart = h->restart;
                h->restart = (Restart){};
                held_done(h);
        } else {
                h = mem_push0(t->held, t->n_held);
        }
        *h = (HeldAnswer){.error = in->error,
                          .aws_msec = in->aws_msec,
                          .asked_msec = in->asked_msec,
                          .restart = restart};
        if (in->error.class == AWS_ERROR_NONE)
                trail_status_copy(in->status, &h->status);
}

void resume_polled(Core *c, Trail *t, const Input *in)
{
        AwsError why;

        hold(t, in);
        if (in->error.class == AWS_ERROR_NONE && trail_doubts(in, &why)) {
                t->down |= !in->status->is_logging;
                restart_consider(c, t);
                return;
        }
        if (in->error.class == AWS_ERROR_NONE || in->error.class == AWS_ERROR_NOT_FOUND)
                t->last_good_boot = c->now.boot_usec; /* CloudTrail has answered */
        if (in->error.class != AWS_ERROR_NONE)
                return;
        t->good_since_heartbeat = true;
        trail_note_down(c, t, in->status);
        restart_consider(c, t);
}

void resume_started(Core *c, Trail *t, const AwsError *result)
{
        int64_t ago = (int64_t)((c->now.boot_usec - t->start_boot) / USEC_PER_MSEC);
        Restart r = {.attempts = 1, .requested_msec = c->now.wall_msec - ago};
        size_t k = t->n_held;

        if (result->class == AWS_ERROR_NONE) {
                r.accepted_msec = c->now.wall_msec;
                if (!isempty(result->request_id))
                        *mem_push0(r.request_ids, r.n_request_ids) = mem_strdup(result->request_id);
        } else if (isempty(result->request_id) && result->class != AWS_ERROR_CREDENTIALS) {
                r.unanswered = 1;
        }
        while (k > 0 &&
               (t->held[k - 1].error.class != AWS_ERROR_NONE || t->held[k - 1].status.is_logging))
                k--;
        if (k > 0)
                merge_restart(&t->held[k - 1].restart, &r);
        mem_free_strv(r.request_ids, r.n_request_ids);
}

static void early_done(Trail *t)
{
        mem_free_strv(t->early.request_ids, t->early.n_request_ids);
        t->early = (Restart){};
}

void resume_adopt(const Core *c, Trail *t, Incident *i)
{
        /* After one that was accepted and had no effect, another is no news to go by. */
        bool vain = i->restart.state == RESTART_FAILING && i->restart.accepted_msec;
        bool accepted = t->early.accepted_msec && !vain && restart_is_wanted(c, t);

        if (t->early.attempts == 0)
                return;
        merge_restart(&i->restart, &t->early);
        i->restart.untimed = true; /* made for any of the stops that were held */
        early_done(t);
        if (accepted) {
                i->restart.state = RESTART_ACCEPTED;
                i->restart.told = 0; /* whatever fails after that is news */
                i->verify_until_boot = t->own_start_boot + c->policy.verify_within_usec;
        }
        incident_touch(i);
}

static void held_clear(Trail *t)
{
        for (size_t k = 0; k < t->n_held; k++)
                held_done(&t->held[k]);
        free(TAKE_PTR(t->held));
        t->n_held = 0;
}

void resume_trail_done(Trail *t)
{
        held_clear(t);
        early_done(t);
}

static void hear(Core *c, Trail *t, HeldAnswer *h)
{
        uint64_t good_boot = t->last_good_boot;
        Input in = {.kind = INPUT_POLLED,
                    .trail = (size_t)(t - c->trails),
                    .error = h->error,
                    .aws_msec = h->aws_msec,
                    .status = &h->status,
                    .asked_msec = h->asked_msec};
        AwsError why;

        merge_restart(&t->early, &h->restart);
        trail_heard(c, t, &in);
        t->last_good_boot = good_boot; /* when it came */
        if (h->error.class == AWS_ERROR_NONE && !trail_doubts(&in, &why))
                t->memory.last_good_msec = h->asked_msec;
        if (t->stop)
                resume_adopt(c, t, t->stop);
        else if (!t->down)
                early_done(t);
}

/* What they showed was acted on when they came; of the last one, that is to be seen. */
static void replay(Core *c, Trail *t)
{
        for (size_t k = 0; k < t->n_held; k++) {
                c->acted = k + 1 < t->n_held;
                hear(c, t, &t->held[k]);
        }
        c->acted = false;
        held_clear(t);
}

void resume_restored(Core *c, const StateReport *report)
{
        const char *missing = report->missing;
        History was = c->history;

        c->history = missing ? HISTORY_MISSING : HISTORY_HAD;
        for (size_t k = 0; k < c->n_trails; k++) {
                Trail *t = &c->trails[k];

                if (was == HISTORY_AWAITED) {
                        replay(c, t);
                } else if (was == HISTORY_MISSING && !missing) {
                        t->next_poll_boot = MIN(t->next_poll_boot, c->now.boot_usec);
                        t->next_inspect_boot = MIN(t->next_inspect_boot, c->now.boot_usec);
                }
        }
        if (missing) {
                state_missing(c, missing);
                return;
        }
        for (size_t k = 0; was == HISTORY_MISSING && k < c->n_incidents; k++)
                if (c->incidents[k]->store_error)
                        c->incidents[k]->store_retry_boot = c->now.boot_usec;
        c->memory_dirty = true;
        state_here(c);
        state_lost(c, report);
}
