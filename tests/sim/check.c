/* SPDX-License-Identifier: Apache-2.0 */

#include "check.h"

#include <stdio.h>

#include "base/mem.h"
#include "core/compact.h"
#include "core/findings.h"

/* A search has 128 KiB for what it finds, and what is replaced may be longer by one record. */
#define FINDINGS_BYTES_MAX ((size_t)140 * 1024)
/* Answers come before this, or never; grace of a tick. */
#define TICK_USEC (1500 * USEC_PER_MSEC)

static bool is_coherent(const TrailStatus *s)
{
        return s->is_logging ? s->start_logging_msec >= s->stop_logging_msec
                             : s->stop_logging_msec > s->start_logging_msec;
}

/* From here on there has to be an incident of it. */
static void mark_shown(World *w, size_t trail, const TrailStatus *s, bool seen)
{
        for (size_t i = 0; i < w->n_stops; i++) {
                StopTime *x = &w->stops[i];

                if (x->trail != trail || x->msec != s->stop_logging_msec)
                        continue;
                x->must = seen || !s->is_logging || guard_now(w).wall_msec - x->msec < MSEC_PER_DAY;
        }
}

/* Whether it had ended when it became visible. */
static void note_first_shown(World *w, size_t trail, const TrailStatus *s)
{
        for (size_t i = 0; i < w->n_stops; i++) {
                StopTime *x = &w->stops[i];

                if (x->trail != trail || x->msec != s->stop_logging_msec || x->shown)
                        continue;
                x->shown = !w->guard->awaiting; /* it may die before it has made anything of it */
                x->shown_restarted = s->is_logging || s->start_logging_msec > s->stop_logging_msec;
        }
}

/* Of which only IsLogging can be believed. */
static bool is_doubtful(const Input *in)
{
        const TrailStatus *s = in->status;
        int64_t latest = in->error.class == AWS_ERROR_NONE
                                 ? MAX(MAX(s->start_logging_msec, s->stop_logging_msec),
                                       s->latest_delivery_msec)
                                 : 0;

        return in->error.class == AWS_ERROR_NONE &&
               (s->unread || latest > in->aws_msec + 5 * MSEC_PER_MINUTE);
}

void check_input(World *w, const Input *in)
{
        GuardTrail *t;
        const TrailStatus *s = in->status;

        if (in->kind != INPUT_POLLED)
                return;
        t = &w->guard->trails[in->trail];
        t->polling = false;
        t->polled_usec = w->now_usec;
        t->polled = is_doubtful(in) ? AWS_ERROR_PROTOCOL : in->error.class;
        t->was_shown_stop = false;
        if (is_doubtful(in)) {
                if (!s->is_logging && !t->down_usec)
                        t->down_usec = w->now_usec;
                t->not_found = 0;
                return;
        }
        if (in->error.class == AWS_ERROR_NONE && !t->unbeaten_usec)
                t->unbeaten_usec = w->now_usec;
        if (in->error.class == AWS_ERROR_NONE && !t->owed_usec)
                t->owed_usec = w->now_usec;
        if (in->error.class == AWS_ERROR_NOT_FOUND) {
                t->good_usec = w->now_usec;
                if (t->not_found++ == 0)
                        t->not_found_usec = w->now_usec;
                if (t->not_found >= 2)
                        t->down_usec = 0;
                t->maybe_gone = t->maybe_gone || t->not_found >= 2;
        }
        if (in->error.class != AWS_ERROR_NONE)
                return;

        int64_t version = MAX(s->start_logging_msec, s->stop_logging_msec);
        t->good_usec = w->now_usec;
        t->not_found = 0;
        if (!s->is_logging && !t->down_usec)
                t->down_usec = w->now_usec;
        note_first_shown(w, in->trail, s);
        /* "Logging" with the times of a stop is half an update: it makes the one before no older.
         */
        if ((!s->is_logging || is_coherent(s)) && version >= t->whole_msec) {
                t->whole_msec = version;
                if (s->is_logging)
                        t->down_usec = 0;
        }
        if (version < t->version_msec ||
            (version == t->version_msec && s->start_logging_msec < t->start_msec))
                return;
        t->version_msec = version;
        t->start_msec = s->start_logging_msec;
        if (!is_coherent(s))
                return;
        /* What was asked for since has been its restart. */
        t->was_shown_stop = !s->is_logging && s->stop_logging_msec > t->stop_msec &&
                            s->start_logging_msec >= t->stop_msec &&
                            s->stop_logging_msec > t->asked_msec;
        if (s->stop_logging_msec > t->stop_msec)
                mark_shown(w, in->trail, s, core_trail_memory(w->guard->core, in->trail)->seen);
        t->stop_msec = s->stop_logging_msec;
        t->maybe_gone = false;
}

/* Whatever happens to others, each trail is looked at in time. */
static void check_polls(World *w, const Actions *a)
{
        for (size_t i = 0; i < a->n; i++) {
                if (a->items[i].kind != ACTION_POLL)
                        continue;
                GuardTrail *t = &w->guard->trails[a->items[i].trail];
                if (t->polling)
                        world_violation(w, "two polls in flight for one trail");
                t->polling = true;
        }
        for (size_t i = 0; i < w->n_trails; i++) {
                const GuardTrail *t = &w->guard->trails[i];

                if (!t->polling && w->now_usec > MAX(t->polled_usec, w->guard->run_usec) +
                                                         w->poll_usec + TICK_USEC)
                        world_violation(w, "trail %zu is not polled in time", i);
        }
}

/* No topic that should take it has, for so long or for such a reason that none is expected to. */
static bool is_unheard(const World *w, const Letter *l)
{
        bool wanted = false, refused = true;

        for (size_t t = 0; t < w->n_topics; t++) {
                if (!l->wanted[t])
                        continue;
                if (l->acknowledged[t])
                        return false;
                wanted = true;
                refused = refused && l->refused[t];
        }
        return wanted && (refused || l->on_disk ||
                          w->now_usec >= l->created_usec + w->policy.unheard_after_usec);
}

/* A trail's heart beats when it was seen and somebody would hear of it, and only then. */
static void check_heartbeats(World *w, const Actions *a)
{
        Guard *g = w->guard;
        bool unheard = false, doubted = false;

        for (size_t i = 0; i < g->n_letters; i++) {
                const Letter *l = &g->letters[i];

                /* Whether the guard still has one of before is not known here. */
                unheard = unheard || (!l->of_before && is_unheard(w, l));
                for (size_t t = 0; t < w->n_topics && l->of_before; t++)
                        doubted = doubted || (l->wanted[t] && !l->acknowledged[t]);
        }
        for (size_t i = 0; i < a->n; i++) {
                if (a->items[i].kind != ACTION_HEARTBEAT)
                        continue;
                GuardTrail *t = &g->trails[a->items[i].trail];
                if (!t->unbeaten_usec)
                        world_violation(w, "a heartbeat of a trail that was not seen");
                if (unheard)
                        world_violation(w, "a heartbeat although alerts reach nobody");
                t->unbeaten_usec = t->owed_usec = 0;
                if (g->n_beats == 0 || g->beats[g->n_beats - 1] != w->now_usec)
                        *mem_push0(g->beats, g->n_beats) = w->now_usec;
        }
        for (size_t i = 0; i < w->n_trails; i++) {
                GuardTrail *t = &g->trails[i];

                if (unheard || doubted)
                        t->owed_usec = 0;
                if (t->owed_usec && !w->guard->awaiting &&
                    w->now_usec > t->owed_usec + w->policy.heartbeat_usec + TICK_USEC)
                        world_violation(w, "trail %zu is seen and has no heartbeat", i);
        }
}

/* The rate of LookupEvents is everybody's who investigates: no more than a quarter is the guard's.
 */
static void check_lookups(World *w, const Actions *a)
{
        for (size_t i = 0; i < a->n; i++) {
                const Action *x = &a->items[i];

                if (x->kind != ACTION_LOOKUP)
                        continue;
                uint64_t *last = &w->guard->looked_usec[2 * x->account +
                                                        streq(x->lookup.region, "eu-west-1")];
                if (*last && w->now_usec < *last + w->policy.lookup_spacing_usec)
                        world_violation(w, "LookupEvents is asked too often");
                *last = w->now_usec;
        }
}

static void check_sends(World *w, const Actions *a)
{
        for (size_t i = 0; i < a->n; i++) {
                const Action *x = &a->items[i];
                const Message *m = x->message;

                if (x->kind != ACTION_SEND)
                        continue;
                Case *c = guard_case(w->guard, x->incident->id);
                bool durable = c && m->generation <= c->generation;
                if (durable != x->durable)
                        world_violation(w, "%s/%u says durable when it is not, or the reverse",
                                        x->incident->id, m->sequence);
                if (durable || (c && c->store_failed) ||
                    w->now_usec >= m->created_boot + w->policy.store_patience_usec)
                        continue;
                world_violation(w, "%s/%u is sent before it is stored", x->incident->id,
                                m->sequence);
        }
}

/* Whether the messages of its incident before it have been acknowledged, as far as this run must
 * know of them; or all that there ever were. */
static bool is_next(const World *w, const Letter *l, size_t topic, bool all)
{
        const Guard *g = w->guard;

        for (size_t i = 0; i < g->n_letters; i++)
                if (streq(g->letters[i].incident, l->incident) &&
                    g->letters[i].sequence < l->sequence && g->letters[i].wanted[topic] &&
                    (all || !g->letters[i].of_before) && !g->letters[i].acknowledged[topic])
                        return false;
        return true;
}

void check_order(World *w, const Letter *l, const Message *m, size_t topic)
{
        if (l && topic == 1 && w->fifo && !is_next(w, l, topic, false))
                world_violation(w, "%s/%u overtakes another on its way to the FIFO topic",
                                l->incident, l->sequence);
        else if (l && m->phase != PHASE_FAILING && m->created_boot &&
                 w->now_usec < m->created_boot + w->policy.order_patience_usec &&
                 !is_next(w, l, topic, false))
                world_violation(w, "%s/%u overtakes another on its way to topic %zu", l->incident,
                                l->sequence, topic);
}

/* Whoever heard of an incident hears all of it, and a topic nothing of its own failing. */
static bool is_wanted(const World *w, const Incident *i, const Message *m, size_t topic)
{
        const Guard *g = w->guard;

        if (i->kind == INCIDENT_TOPIC_FAILING && streq(i->scope_arn, guard_topic(w, topic)))
                return false;
        for (size_t k = 0; k < g->n_letters; k++)
                if (streq(g->letters[k].incident, i->id) && g->letters[k].sequence < m->sequence &&
                    g->letters[k].wanted[topic] && !g->letters[k].of_before)
                        return true;
        return topic == 0 || m->severity >= w->min_severity || incident_kind_is_notice(i->kind);
}

/* When it has waited long enough for the disk, and for the messages before it. */
static uint64_t patience_usec(const World *w, const Letter *l, size_t topic)
{
        if (l->phase == PHASE_FAILING || is_next(w, l, topic, true))
                return l->created_usec + w->policy.store_patience_usec;
        return MAX(l->created_usec, w->guard->run_usec) + w->policy.order_patience_usec;
}

/* However the disk is: each topic that has room is tried in time. */
void check_letters(World *w)
{
        const Guard *g = w->guard;

        for (size_t i = 0; i < g->n_letters; i++) {
                const Letter *l = &g->letters[i];

                for (size_t t = 0; t < w->n_topics; t++)
                        if (l->wanted[t] && !l->of_before && !l->tried[t] && !l->acknowledged[t] &&
                            g->sends_in_flight[t] < 8 && !(t == 1 && w->fifo) &&
                            w->now_usec > patience_usec(w, l, t) + TICK_USEC / 10)
                                world_violation(w, "%s/%u is not sent to topic %zu in time",
                                                l->incident, l->sequence, t);
        }
}

static uint64_t hash_text(const char *s, uint64_t h)
{
        for (; *s; s++)
                h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
        return h;
}

uint64_t check_letter_text(const Message *m)
{
        return hash_text(m->body, hash_text(m->subject, UINT64_C(0xcbf29ce484222325)));
}

static void note_letter(World *w, const Incident *i, const Message *m)
{
        Guard *g = w->guard;
        /* Of an earlier run, and known again only now. */
        bool of_before = m->created_boot == 0;
        size_t k;

        if (strlen(m->subject) > 99 || strlen(m->body) > 32 * 1024)
                world_violation(w, "%s/%u is too long", i->id, m->sequence);
        for (k = 0; k < g->n_letters; k++)
                if (g->letters[k].sequence == m->sequence && streq(g->letters[k].incident, i->id))
                        break;
        Letter *l = k < g->n_letters ? &g->letters[k] : mem_push0(g->letters, g->n_letters);
        uint64_t text = check_letter_text(m);
        if (l->of_before) {
                Letter had = *l;

                *l = (Letter){};
                memcpy(l->arrived, had.arrived, sizeof(l->arrived));
                memcpy(l->lost, had.lost, sizeof(l->lost));
        }
        if (l->sequence && l->text != text)
                world_violation(w, "two messages are called %s/%u", i->id, m->sequence);
        memcpy(l->incident, i->id, sizeof(l->incident));
        l->on_disk = l->on_disk || of_before;
        if (!l->sequence) {
                l->created_usec = w->now_usec;
                for (size_t t = 0; t < w->n_topics; t++) {
                        const Delivery *d = message_find_delivery(m, guard_topic(w, t));

                        l->wanted[t] = of_before ? d != NULL : is_wanted(w, i, m, t);
                        l->acknowledged[t] = d && d->sent;
                        l->arrived[t] = MAX(l->arrived[t], (unsigned)l->acknowledged[t]);
                }
        }
        l->sequence = m->sequence;
        l->phase = m->phase;
        l->text = text;
        (void)snprintf(l->subject, sizeof(l->subject), "%s", m->subject);
        if (of_before && guard_case(g, i->id) && m->phase == PHASE_FAILING)
                guard_case(g, i->id)->told_failing = true;
        if (!of_before)
                check_told(w, i, m);
}

static void trace_findings(World *w, const Incident *i)
{
        world_trace(w, "check: %s: round %u: %s, confidence %s, doubts %#x", i->id,
                    i->attribution.rounds, search_state_to_string(i->attribution.state),
                    confidence_to_string(i->attribution.confidence), i->attribution.doubts);
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *f = &i->attribution.findings[k];

                world_trace(w, "check:     %s %s at %+.0f: %s by %s", f->record.event_id,
                            f->record.event_name,
                            (double)(f->record.time_msec - SIM_EPOCH_MSEC) / 1000,
                            role_to_string(f->role), strempty(f->record.identity.arn));
        }
}

/* All of them before any message is: a summary speaks of incidents that come after its own. */
static void find_case(World *w, const Incident *i)
{
        Case *c = guard_case(w->guard, i->id);

        if (!c) {
                c = guard_new_case(w->guard, i->id);
                c->opened_usec = w->now_usec;
                c->kind = i->kind;
                c->trail = i->trail;
        }
        if (c->lost)
                c->n_messages = 0;
        c->lost = false;
        c->changed = c->seen != i->generation + 1 || i->series;
        c->seen = i->generation + 1;
        if (c->changed)
                check_note_group(w, c, i);
}

static void note_case(World *w, const Incident *i)
{
        Case *c = guard_case(w->guard, i->id);
        const Finding *culprit = c->changed ? incident_find_role(i, ROLE_CULPRIT) : NULL;

        if (!c->changed)
                return;
        if (culprit && i->attribution.confidence == CONFIDENCE_NONE)
                world_violation(w, "%s: somebody is called the culprit without a verdict", i->id);
        if (c->open && !i->open)
                check_case_closed(w, i);
        c->stop_msec = i->stop_msec;
        c->open = i->open;
        c->search = i->attribution.state;
        c->settled = incident_is_settled(i);
        c->ever_good = i->good_msec != 0;
        c->confidence = i->attribution.confidence;
        c->misused = i->attribution.misused;
        if (i->attribution.rounds != c->rounds) {
                c->rounds = i->attribution.rounds;
                c->last_round_usec = i->attribution.round_boot;
                trace_findings(w, i);
        }
        (void)snprintf(c->culprit, sizeof(c->culprit), "%s",
                       culprit ? culprit->record.event_id : "");
        if (i->attribution.told_culprit && !c->named_usec)
                c->named_usec = w->now_usec;
        for (size_t m = c->n_messages; m < i->n_messages; m++)
                note_letter(w, i, &i->messages[m]);
        c->n_messages = i->n_messages;
        if (!c->judged) {
                c->judged = true;
                check_case_opened(w, c, i);
        }
}

static void check_bounds(World *w, const Incident *i)
{
        for (size_t m = 0; m < i->n_messages; m++)
                if (i->messages[m].sequence != m + 1)
                        world_violation(w, "messages of %s are not numbered in order", i->id);
        if (i->restart.n_request_ids > 128 || i->n_messages > 64)
                world_violation(w, "%s grows without bounds", i->id);
        if (guard_case(w->guard, i->id)->changed &&
            findings_bytes(&i->attribution) > FINDINGS_BYTES_MAX)
                world_violation(w, "%s holds %zu bytes of findings", i->id,
                                findings_bytes(&i->attribution));
}

static void measure_memory(World *w)
{
        const Core *c = w->guard->core;
        size_t sum = 0;

        for (size_t i = 0; i < core_n_incidents(c); i++)
                sum += incident_bytes(core_incident(c, i));
        w->max_bytes = MAX(w->max_bytes, sum);
}

const Incident *check_open_incident(const World *w, size_t trail, IncidentKind kind)
{
        const Core *c = w->guard->core;

        for (size_t i = 0; i < core_n_incidents(c); i++)
                if (core_incident(c, i)->trail == trail && core_incident(c, i)->open &&
                    core_incident(c, i)->kind == kind)
                        return core_incident(c, i);
        return NULL;
}

static void check_sight(World *w, const Input *in)
{
        for (size_t k = 0; k < w->n_trails; k++) {
                const GuardTrail *t = &w->guard->trails[k];

                /* Well, and has been since the last look. */
                if (t->good_usec != w->now_usec &&
                    w->now_usec <= t->good_usec + w->policy.cannot_see_after_usec + TICK_USEC)
                        continue;
                bool told = check_open_incident(w, k, INCIDENT_CANNOT_SEE) ||
                            check_open_incident(w, k, INCIDENT_NOT_FOUND);

                if (!told &&
                    w->now_usec > t->good_usec + w->policy.cannot_see_after_usec + TICK_USEC)
                        world_violation(w, "trail %zu is not seen and that is not told", k);
                if (in->kind == INPUT_POLLED && t->good_usec == w->now_usec && t->not_found != 1 &&
                    check_open_incident(w, k, INCIDENT_CANNOT_SEE))
                        world_violation(w, "trail %zu is seen and said not to be", k);
        }
}

/* A stop that has just been shown beyond doubt is somebody's business. */
static void check_outage_is_open(World *w, const Input *in)
{
        const GuardTrail *t;
        const Incident *i;

        if (in->kind != INPUT_POLLED || in->error.class != AWS_ERROR_NONE || is_doubtful(in))
                return;
        t = &w->guard->trails[in->trail];
        i = core_trail_incident(w->guard->core, in->trail);
        if (!in->status->is_logging && is_coherent(in->status) &&
            in->status->stop_logging_msec == t->version_msec &&
            in->status->start_logging_msec == t->start_msec && !t->maybe_gone && !i)
                world_violation(w, "trail %zu is down, and no incident of it is open", in->trail);
}

static void check_time(World *w, const Input *in)
{
        Guard *g = w->guard;
        uint64_t next = core_next_boot(g->core);
        const char *overdue = core_overdue(g->core, guard_now(w));

        if (overdue)
                world_violation(w, "overdue: %s", overdue);
        g->ticks_at_once = in->kind == INPUT_TICK && g->last_tick_usec == w->now_usec
                                   ? g->ticks_at_once + 1
                                   : 0;
        g->last_tick_usec = w->now_usec;
        if (g->ticks_at_once > 3)
                world_violation(w, "a busy loop: the next tick is due at %.3f s",
                                (double)next / (double)USEC_PER_SEC);
        if (!w->endless && w->steps > 200000 + 30000 * w->n_trails)
                world_violation(w, "there is no end to it");
}

/* Nothing is recorded before it is known what has been. */
static void check_awaiting(World *w, const Actions *a)
{
        for (size_t i = 0; i < a->n; i++)
                if (a->items[i].kind != ACTION_POLL && a->items[i].kind != ACTION_START_LOGGING &&
                    a->items[i].kind != ACTION_LOG)
                        world_violation(w, "action %d before the guard's state is here",
                                        (int)a->items[i].kind);
}

void check_step(World *w, const Input *in, const Actions *a)
{
        const Core *core = w->guard->core;

        for (size_t i = 0; i < core_n_incidents(core); i++)
                find_case(w, core_incident(core, i));
        for (size_t i = 0; i < core_n_incidents(core); i++) {
                note_case(w, core_incident(core, i));
                check_bounds(w, core_incident(core, i));
        }
        check_polls(w, a);
        check_heartbeats(w, a);
        check_starts(w, in, a);
        check_lookups(w, a);
        check_sends(w, a);
        check_time(w, in);
        if (w->guard->awaiting) {
                check_awaiting(w, a);
                return;
        }
        check_outage_is_open(w, in);
        check_sight(w, in);
        check_groups(w);
        if (w->measure && w->steps % 512 == 0)
                measure_memory(w);
}

void check_letter_end(World *w, const Letter *l)
{
        for (size_t t = 0; t < w->n_topics; t++) {
                if (!l->wanted[t] || l->of_before)
                        continue;
                if (l->arrived[t] == 0 || !l->acknowledged[t])
                        world_violation(w, "%s/%u (%s) never reached topic %zu", l->incident,
                                        l->sequence, phase_to_string(l->phase), t);
                if (l->arrived[t] > 1 + l->lost[t] + w->kills)
                        world_violation(w, "%s/%u (%s) reached topic %zu %u times", l->incident,
                                        l->sequence, phase_to_string(l->phase), t, l->arrived[t]);
        }
}

void check_end(World *w)
{
        for (size_t i = 0; i < w->guard->n_letters; i++)
                check_letter_end(w, &w->guard->letters[i]);
        check_cases_end(w);
        check_drift_end(w);
        check_groups_end(w);
}
