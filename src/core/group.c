/* SPDX-License-Identifier: Apache-2.0 */

/* Who tells of an incident. The first of a group, its lead, speaks at once and for itself as long
 * as it is alone. What happens to the same trail within the quiet period, or to many trails at
 * once, joins it: those are incidents like any other (acted on, stored, looked up, in the
 * journal), but have no messages of their own. The lead tells of all of them in summaries, further
 * and further apart, sooner when there is something louder than what the reader knows.
 *
 * Whether there is news is the difference between the sum of the group and the sum that was told
 * last. Both follow from what is on disk, so that a crash at any point loses none of it: members
 * that have left memory are numbered and counted once at the lead. */

#include "core/internal.h"

#include "base/mem.h"
#include "core/told.h"

/* So many groups begun within Policy.group_storm_usec, and what follows is told with the first. */
#define STORM_GROUPS 3
/* A group that has said so much is not joined any more: the next incident speaks up anew. */
#define MESSAGES_MAX 48
/* A trail that is down for longer than a restart takes. */
#define LASTING_MSEC (15 * MSEC_PER_SEC)
/* When all is over and only actors come in. */
#define LATE_SPACINGS 4

static Trail *trail_of(Core *c, const Incident *i)
{
        return i->trail == SIZE_MAX ? NULL : &c->trails[i->trail];
}

bool group_is_alone(const Incident *i)
{
        return !i->lead || (i->lead == i && !i->series);
}

static bool goes_on(const Incident *i)
{
        return i->open && !incident_is_over(i) && !i->in_maintenance;
}

static bool has_same_changes(const Incident *a, const Incident *b)
{
        if (a->changes.n != b->changes.n || !streq(a->cause.code, b->cause.code))
                return false;
        for (size_t k = 0; k < a->changes.n; k++)
                if (a->changes.items[k].kind != b->changes.items[k].kind ||
                    !streq_ptr(a->changes.items[k].after, b->changes.items[k].after))
                        return false;
        return true;
}

/* Whether the same happened to both, as far as the reader has to do the same about it; of all but
 * changes, the family says that. */
static bool is_alike(const Incident *lead, const Incident *i)
{
        return !incident_kind_is_change(i->kind) ||
               (has_same_changes(lead, i) && i->severity <= lead->severity);
}

static bool is_unlike_lead(const Incident *i)
{
        const Finding *a = incident_find_role(i, ROLE_CULPRIT);
        const Finding *b = i->lead ? incident_find_role(i->lead, ROLE_CULPRIT) : NULL;

        if (!i->lead || i->lead == i || !incident_kind_is_change(i->kind))
                return false;
        return !is_alike(i->lead, i) ||
               (a && b && !identity_is_same(&a->record.identity, &b->record.identity));
}

static void sum_attribution(SeriesSum *s, const Attribution *a)
{
        bool running = a->state == SEARCH_RUNNING;

        s->confirmed += a->confidence == CONFIDENCE_EXACT;
        s->ambiguous += a->confidence == CONFIDENCE_AMBIGUOUS;
        s->nobody += a->state == SEARCH_GAVE_UP && a->confidence == CONFIDENCE_NONE;
        s->searching += running || a->state == SEARCH_SETTLING;
        s->pending += running && a->confidence == CONFIDENCE_NONE;
        s->misused += a->misused;
        s->corrected += a->corrected_from != NULL;
}

static void sum_add(SeriesSum *s, const Core *c, const Incident *i)
{
        int64_t at = i->stop_msec ? i->stop_msec : i->detected_msec;
        bool on = goes_on(i), outage = incident_is_outage(i->kind);

        s->incidents++;
        s->down += on && outage;
        s->held += i->open && !incident_is_over(i) && i->in_maintenance;
        s->unseen += on && !outage;
        s->lasting += on && outage && c->now.wall_msec - i->detected_msec >= LASTING_MSEC;
        if (on && i->restart.state == RESTART_FAILING) {
                s->failing++;
                s->reasons |= 1U << i->restart.error.class;
        }
        s->undelivered += i->delivering == DELIVERING_NO;
        s->unlike += is_unlike_lead(i);
        s->severity = MAX(s->severity, (unsigned)i->severity);
        if (i->blind_from_msec && i->blind_to_msec > i->blind_from_msec)
                s->blind_msec += i->blind_to_msec - i->blind_from_msec;
        s->first_msec = s->first_msec ? MIN(s->first_msec, at) : at;
        s->last_msec = MAX(s->last_msec, at);
        sum_attribution(s, &i->attribution);
}

/* What its own messages have said already. */
static void sum_add_told(SeriesSum *s, const Core *c, const Incident *i)
{
        SeriesSum own = {};

        sum_add(&own, c, i);
        s->incidents += own.incidents;
        s->down += own.down;
        s->unseen += own.unseen;
        s->lasting += own.lasting;
        s->failing += own.failing;
        s->undelivered += own.undelivered;
        s->reasons |= i->restart.told;
        s->severity = MAX(s->severity, own.severity);
        s->corrected += own.corrected;
        s->unlike += own.unlike;
        if (!told_is_current(i))
                return;
        s->confirmed += own.confirmed;
        s->ambiguous += own.ambiguous;
        s->nobody += own.nobody;
        s->misused += own.misused;
}

/* Members that leave memory */

static void leave(Core *c, Incident *lead, Incident *i)
{
        Series *s = lead->series;

        if (!s || series_is_gone(s, i->number))
                return;
        series_note_gone(s, i->number);
        sum_add(&s->gone, c, i);
        SeriesTrail *t = series_note_trail(s, i->trail_arn);
        if (t)
                t->incidents++;
        series_note_callers(s, i);
        incident_touch(lead);
}

void group_forget(Core *c, Incident *i)
{
        if (i->lead && i->lead != i)
                leave(c, i->lead, i);
        for (size_t k = 0; k < c->n_trails; k++)
                for (size_t f = 0; f < _FAMILY_MAX; f++)
                        if (c->trails[k].groups[f] == i)
                                c->trails[k].groups[f] = NULL;
}

bool group_keeps(const Core *c, const Incident *i)
{
        if (i->lead != i)
                return false;
        if (i->series)
                return i->series->in_memory > 1;
        return i->trail != SIZE_MAX && c->now.boot_usec < i->quiet_boot;
}

/* Joining */

static bool is_joinable(const Core *c, const Incident *lead, const Incident *i)
{
        return c->now.boot_usec < lead->quiet_boot && lead->n_messages < MESSAGES_MAX &&
               is_alike(lead, i);
}

static void begin_series(Core *c, Incident *lead)
{
        Series *s = mem_new0(Series);

        lead->series = s;
        lead->number = s->numbers = 1;
        s->told_boot = c->now.boot_usec;
        sum_add_told(&s->told, c, lead);
        s->failing_peak = s->told.failing;
        (void)series_note_trail(s, lead->trail_arn);
}

static void join(Core *c, Incident *lead, Incident *i)
{
        Trail *t = trail_of(c, i);
        Family f = incident_kind_family(i->kind);

        if (lead->owes_opening)
                notify(c, lead, PHASE_OPEN);
        if (!lead->series)
                begin_series(c, lead);
        Series *s = lead->series;
        i->lead = lead;
        mem_strset(&i->group, lead->id);
        i->number = ++s->numbers;
        s->joined_msec = c->now.wall_msec;
        lead->quiet_boot = c->now.boot_usec + c->policy.group_quiet_usec;
        s->ended = s->done = false;
        mem_strset(&s->last_id, i->id);
        (void)series_note_trail(s, i->trail_arn);
        if (t)
                t->groups[f] = lead;
        incident_touch(lead);
        incident_touch(i);
}

static bool is_lead_of(const Incident *i, Family f)
{
        return i->lead == i && incident_kind_family(i->kind) == f;
}

/* A storm that is under way: somebody has joined it just now. */
static Incident *find_storm(Core *c, const Incident *i, Family f)
{
        uint64_t since = c->policy.group_quiet_usec - c->policy.group_storm_usec;

        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *x = c->incidents[k];

                if (is_lead_of(x, f) && x->series && x->series->storm && is_joinable(c, x, i) &&
                    c->now.boot_usec + since < x->quiet_boot)
                        return x;
        }
        return NULL;
}

/* Many groups have begun just now: the first of them tells of the others, too, from here on. */
static Incident *begin_storm(Core *c, const Incident *i, Family f)
{
        Incident *first = NULL;
        size_t n = 0;

        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *x = c->incidents[k];

                if (!is_lead_of(x, f) || c->now.boot_usec >= x->storm_boot || !is_joinable(c, x, i))
                        continue;
                n++;
                if (!first || x->storm_boot < first->storm_boot)
                        first = x;
        }
        if (n < STORM_GROUPS)
                return NULL;
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *x = c->incidents[k];

                if (x == first || !is_lead_of(x, f) || c->now.boot_usec >= x->storm_boot ||
                    x->series || !is_alike(first, x))
                        continue;
                join(c, first, x);
                sum_add_told(&first->series->told, c, x);
        }
        if (!first->series)
                begin_series(c, first);
        first->series->storm = true;
        return first;
}

static void find_group(Core *c, Incident *i)
{
        Trail *t = trail_of(c, i);
        Family f = incident_kind_family(i->kind);

        if (!t || f == FAMILY_NONE)
                return;
        Incident *lead = t->groups[f];
        if (!lead || !is_joinable(c, lead, i))
                lead = find_storm(c, i, f);
        if (!lead)
                lead = begin_storm(c, i, f);
        if (lead) {
                join(c, lead, i);
                return;
        }
        i->lead = t->groups[f] = i;
        i->quiet_boot = c->now.boot_usec + c->policy.group_quiet_usec;
        i->storm_boot = c->now.boot_usec + c->policy.group_storm_usec;
}

bool group_lets_speak(Core *c, Incident *i)
{
        if (!i->lead)
                find_group(c, i);
        return group_is_alone(i);
}

/* After a restart */

static uint64_t left_of(const Core *c, uint64_t span_usec, int64_t since_msec)
{
        int64_t passed = MAX(c->now.wall_msec - since_msec, INT64_C(0));

        return c->now.boot_usec + span_usec -
               MIN((uint64_t)passed, span_usec / USEC_PER_MSEC) * USEC_PER_MSEC;
}

void group_restore(Core *c, Incident *i)
{
        Series *s = i->series;

        if (incident_kind_family(i->kind) == FAMILY_NONE)
                return;
        c->groups_settled = false;
        if (i->group) {
                /* By the order of their detection it has been there before. */
                i->lead = core_find_incident(c, i->group);
                if (!i->lead || i->lead->lead != i->lead)
                        return;
                /* The lead was not stored again after it was joined: what it has told is its own.
                 */
                if (!i->lead->series)
                        begin_series(c, i->lead);
                i->lead->series->numbers = MAX(i->lead->series->numbers, i->number);
                return;
        }
        if (i->n_messages == 0 && !i->owes_opening)
                return; /* has had nothing to tell */
        i->lead = i;
        i->quiet_boot =
                left_of(c, c->policy.group_quiet_usec, s ? s->joined_msec : i->detected_msec);
        i->storm_boot = left_of(c, c->policy.group_storm_usec, i->detected_msec);
        if (s)
                s->told_boot = c->now.boot_usec;
}

/* The first that is heard of it: what its lead was to tell. */
static void speak_up(Core *c, Incident *i)
{
        notify(c, i, PHASE_OPEN);
        if (!i->open)
                notify(c, i, PHASE_CLOSED);
}

/* Those who wait for a lead that is gone speak for themselves. */
void group_settle(Core *c)
{
        if (c->groups_settled)
                return;
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];

                if (!i->group || incident_kind_family(i->kind) == FAMILY_NONE)
                        continue;
                i->lead = core_find_incident(c, i->group);
                if (i->lead && i->lead->series && !series_is_gone(i->lead->series, i->number))
                        continue;
                free(TAKE_PTR(i->group));
                i->lead = i;
                incident_touch(i);
                if (i->n_messages == 0)
                        speak_up(c, i);
        }
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];
                Trail *t = trail_of(c, i);

                if (!t || !i->lead)
                        continue;
                Incident **g = &t->groups[incident_kind_family(i->kind)];
                if (!*g || (*g)->quiet_boot < i->lead->quiet_boot)
                        *g = i->lead;
        }
        c->groups_settled = true;
}

/* News, and when it is told */

static bool has_news(const Series *s)
{
        const SeriesSum *n = &s->now, *t = &s->told;

        return n->incidents != t->incidents || n->down != t->down || n->failing != t->failing ||
               n->unseen != t->unseen || n->undelivered != t->undelivered ||
               n->confirmed != t->confirmed || n->ambiguous != t->ambiguous ||
               n->nobody != t->nobody || n->misused != t->misused || n->corrected != t->corrected ||
               n->unlike != t->unlike || n->severity != t->severity;
}

/* Such as the group has not told before: at once. Restarts that fail count again when they have
 * become twice as many, so that it cannot be made to shout without end. */
static bool is_first_of_its_kind(const Series *s)
{
        const SeriesSum *n = &s->now, *t = &s->told;

        return (n->reasons & ~t->reasons) != 0 || n->failing >= 2 * MAX(s->failing_peak, 1U) ||
               (n->failing > 0 && s->failing_peak == 0) || (n->misused > 0 && t->misused == 0) ||
               (n->unlike > 0 && n->unlike >= 2 * t->unlike) || n->severity > t->severity;
}

/* The reader takes all for well, and it is not. To shout again, it has to have been told that all
 * is well: that comes in its turn only. */
static bool is_worse(const Series *s)
{
        const SeriesSum *n = &s->now, *t = &s->told;

        return (n->failing > 0 && t->failing == 0) || (n->lasting > 0 && t->down == 0) ||
               (n->unseen > 0 && t->unseen == 0) || (n->undelivered > 0 && t->undelivered == 0) ||
               (n->confirmed > 0 && t->confirmed == 0);
}

static uint64_t spacing_usec(const Core *c, const Series *s)
{
        return backoff_usec(c->policy.group_spacing_usec, c->policy.group_spacing_max_usec,
                            s->summaries);
}

static uint64_t news_due_boot(const Core *c, const Series *s)
{
        uint64_t due = s->news_boot + c->policy.group_first_usec;

        if (s->ended)
                return s->now.searching == 0
                               ? due
                               : MAX(due, s->told_boot +
                                                  LATE_SPACINGS * c->policy.group_spacing_max_usec);
        return s->summaries == 0 ? due : MAX(due, s->told_boot + spacing_usec(c, s));
}

static bool is_over(const Series *s)
{
        return s->now.down == 0 && s->now.unseen == 0;
}

static uint64_t remind_due_boot(const Core *c, const Incident *lead)
{
        int64_t left = incident_remind_due_msec(c, lead) - c->now.wall_msec;

        return c->now.boot_usec + (uint64_t)MAX(left, INT64_C(0)) * USEC_PER_MSEC;
}

static uint64_t due_boot(const Core *c, const Incident *lead)
{
        const Series *s = lead->series;
        uint64_t due = USEC_INFINITY;

        if (s->loud_boot)
                due = s->loud_boot + c->policy.group_loud_usec;
        if (s->news_boot)
                due = MIN(due, news_due_boot(c, s));
        if (!is_over(s))
                due = MIN(due, remind_due_boot(c, lead));
        else if (!s->ended && s->now.held == 0)
                due = MIN(due, lead->quiet_boot);
        return due;
}

static Phase phase_of(const Core *c, const Incident *lead, bool reminder)
{
        const Series *s = lead->series;

        if (is_over(s) && s->now.held == 0 && !s->ended && c->now.boot_usec >= lead->quiet_boot)
                return PHASE_CLOSED;
        if (s->now.failing > s->told.failing || (s->now.reasons & ~s->told.reasons) ||
            (s->now.failing > 0 && reminder))
                return PHASE_FAILING;
        return PHASE_UPDATE;
}

static void tell(Core *c, Incident *lead)
{
        Series *s = lead->series;
        bool reminder = !is_over(s) && c->now.wall_msec >= incident_remind_due_msec(c, lead);
        Phase phase = phase_of(c, lead, reminder);
        unsigned reasons = s->told.reasons;

        incident_escalate(lead, (Severity)s->now.severity);
        s->ended = s->ended || phase == PHASE_CLOSED;
        s->told = s->now;
        s->told.reasons |= reasons;
        s->failing_peak = MAX(s->failing_peak, s->now.failing);
        s->told_boot = c->now.boot_usec;
        s->news_boot = s->loud_boot = 0;
        s->summaries++;
        lead->reminded_msec = c->now.wall_msec;
        lead->reminders = is_over(s) ? 0 : lead->reminders + reminder;
        notify_summary(c, lead, phase);
}

static void consider(Core *c, Incident *lead)
{
        Series *s = lead->series;
        bool news = has_news(s), loud = news && (is_first_of_its_kind(s) || is_worse(s));

        s->news_boot = !news ? 0 : s->news_boot ? s->news_boot : c->now.boot_usec;
        s->loud_boot = !loud ? 0 : s->loud_boot ? s->loud_boot : c->now.boot_usec;
        if (c->now.boot_usec >= due_boot(c, lead))
                tell(c, lead);

        bool done = s->ended && s->now.searching == 0 && !has_news(s);
        if (done == s->done)
                return;
        s->done = done;
        incident_touch(lead);
}

static bool is_series(const Incident *i)
{
        return i->lead == i && i->series;
}

void group_tick(Core *c)
{
        for (size_t k = 0; k < c->n_incidents; k++) {
                if (!is_series(c->incidents[k]))
                        continue;
                c->incidents[k]->series->now = c->incidents[k]->series->gone;
                c->incidents[k]->series->in_memory = 0;
        }
        for (size_t k = 0; k < c->n_incidents; k++) {
                const Incident *i = c->incidents[k];

                if (!i->lead || !i->lead->series)
                        continue;
                sum_add(&i->lead->series->now, c, i);
                i->lead->series->in_memory++;
        }
        for (size_t k = 0; k < c->n_incidents; k++)
                if (is_series(c->incidents[k]))
                        consider(c, c->incidents[k]);
}

uint64_t group_next_boot(const Core *c)
{
        uint64_t next = USEC_INFINITY;

        for (size_t k = 0; k < c->n_incidents; k++) {
                const Incident *i = c->incidents[k];
                int64_t lasts = i->detected_msec + LASTING_MSEC - c->now.wall_msec;

                if (is_series(i))
                        next = MIN(next, due_boot(c, i));
                if (!group_is_alone(i) && goes_on(i) && lasts > 0)
                        next = MIN(next, c->now.boot_usec + (uint64_t)lasts * USEC_PER_MSEC);
        }
        return next;
}
