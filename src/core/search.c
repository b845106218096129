/* SPDX-License-Identifier: Apache-2.0 */

/* The life of a search for who did it: looks at Event history every few seconds while it is young,
 * then further and further apart for 24 hours, whether or not LookupEvents is willing. A look has
 * steps (searchplan.c), which are read one by one as the region's budget allows (lookup.c). What
 * was found is looked at once more after a quarter of an hour, and at the end. */

#include "core/internal.h"

#include <limits.h>
#include <syslog.h>

#include "base/mem.h"
#include "core/alerttext.h"
#include "core/attribution.h"
#include "core/findings.h"
#include "core/told.h"

#define EVENT_HISTORY_MSEC (90 * MSEC_PER_DAY)
/* A verdict waits so many calls for what would make it sure, or say more. */
#define PATIENCE_CALLS 3
/* Looks that are not urgent begin at multiples of so many first intervals. */
#define REPEATS_TOGETHER 2
#define SECONDS_TOGETHER 6
/* Searches at a time beside one for each trail; beyond them the oldest give up. */
#define SEARCHES_MAX 2000

bool search_is_active(const Incident *i)
{
        SearchState s = i->attribution.state;

        return i->trail != SIZE_MAX &&
               (s == SEARCH_RUNNING || s == SEARCH_SETTLING || s == SEARCH_SETTLED);
}

bool search_is_looking(const Core *c, const Incident *i)
{
        return search_is_active(i) && c->now.boot_usec >= i->attribution.next_boot;
}

Region *search_region_of(const Core *c, const Incident *i)
{
        return &c->regions[c->trails[i->trail].region];
}

/* Many are looked at together when they are at the same moment. */
static uint64_t together(const Core *c, uint64_t boot_usec, unsigned intervals)
{
        uint64_t grid = intervals * c->policy.lookup_first_usec;

        return (boot_usec + grid - 1) / grid * grid;
}

/* Another stop of the trail is looked for already, and whoever floods waits for the others. */
static bool is_one_of_many(const Core *c, const Incident *i)
{
        for (size_t k = 0; k < c->n_incidents; k++) {
                const Incident *x = c->incidents[k];

                if (x != i && x->trail == i->trail && incident_is_outage(x->kind) &&
                    x->attribution.state == SEARCH_RUNNING)
                        return true;
        }
        return false;
}

static void crowd_out(Core *c);

void search_begin(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;

        a->begun_msec = c->now.wall_msec;
        if (!search_event(i))
                return;
        a->next_boot = c->now.boot_usec;
        if (is_one_of_many(c, i))
                a->next_boot = together(c, a->next_boot, REPEATS_TOGETHER);
        (void)search_set_window(c, i, search_event(i));
        /* Older than Event history reaches: nobody can say any more. */
        a->state = a->to_msec < c->now.wall_msec - EVENT_HISTORY_MSEC ? SEARCH_GAVE_UP
                                                                      : SEARCH_RUNNING;
        crowd_out(c);
}

static OwnCall own_start(const void *userdata, const CloudTrailRecord *r)
{
        return core_own_start(userdata, r);
}

/* StartLogging, too, was read to its end. */
static bool are_starts_known(const Core *c, const Incident *i)
{
        const Attribution *a = &i->attribution;
        SearchStep s;

        for (unsigned k = 0; search_step(c, i, k, &s); k++)
                if (streq(s.event, "StartLogging"))
                        return a->covered & ~a->cut & UINT32_C(1) << k;
        return false;
}

/* By what was read of its settings, before and since, or by what the configuration says. */
static void add_settings(const Trail *t, AttributionFacts *f)
{
        const TrailSettings *const read[] = {&t->found, &t->memory.baseline};

        f->settings_known = t->config.expect.organization != DECLARED_UNSAID;
        f->organization = t->config.expect.organization == DECLARED_YES;
        for (size_t k = 0; k < ELEMENTSOF(read); k++) {
                f->settings_known = f->settings_known || read[k]->described;
                f->organization = f->organization ||
                                  (read[k]->described && read[k]->description.is_organization);
        }
}

typedef enum Look {
        LOOK_NOW,    /* steps of it have been read */
        LOOK_BEFORE, /* the one before, for another question */
        LOOK_LAST,   /* whatever there is, for there will be no other */
} Look;

static void evaluate(Core *c, Incident *i, Look look)
{
        const Trail *t = &c->trails[i->trail];
        AttributionFacts f = {
                .own_arn = c->identities[t->config.account],
                .own_start = own_start,
                .userdata = c,
                .whole = look == LOOK_NOW || (look == LOOK_BEFORE && i->attribution.rounds > 0),
                .starts_known = are_starts_known(c, i),
                .complete = c->now.wall_msec - i->detected_msec >= c->policy.lookup_young_msec,
                .last_chance = look == LOOK_LAST,
        };

        add_settings(t, &f);
        attribution_evaluate(i, &f);
        i->attribution.own_unknown = !f.own_arn;
        incident_touch(i);
}

void search_identified(Core *c, unsigned account)
{
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];

                if (search_is_active(i) && c->trails[i->trail].config.account == account &&
                    i->attribution.own_unknown)
                        i->attribution.next_boot = MIN(i->attribution.next_boot, c->now.boot_usec);
        }
}

/* The look under way is over; the next begins then. */
static void begin_look(Attribution *a, uint64_t boot_usec)
{
        a->next_boot = boot_usec;
        a->covered = a->cut = 0;
        a->reads = a->overfull = a->keying = false;
        a->keyed = 0;
}

void search_again(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;

        if (a->state == SEARCH_NOT_NEEDED || i->trail == SIZE_MAX)
                return;
        evaluate(c, i, LOOK_BEFORE); /* who did the one has not done the other by that */
        told_forget(i);
        a->state = SEARCH_RUNNING;
        a->begun_msec = c->now.wall_msec;
        a->rounds = a->failures = 0;
        a->said_not_yet = a->last = a->logged = a->whole = false;
        begin_look(a, c->now.boot_usec);
}

/* Says what is known of the actor: closes what waited for it, else updates. While a restart is
 * under way its outcome, a second or two off, will carry the news. */
static void tell(Core *c, Incident *i)
{
        if (i->open && incident_is_over(i))
                incident_close(c, i, 0);
        else if (!i->open || i->attribution.misused ||
                 (i->restart.state != RESTART_REQUESTED && i->restart.state != RESTART_ACCEPTED))
                notify(c, i, PHASE_UPDATE);
}

static void give_up(Core *c, Incident *i);

static void log_actor(Core *c, Incident *i)
{
        _cleanup_free_ char *actor = alert_actor(i), *before = NULL;

        if (told_is_corrected(i))
                before = told_correction(i);
        core_log(c, LOG_EVENT_ACTOR_FOUND, LOG_NOTICE, i, NULL, "incident %s: %s%s%s%s", i->id,
                 before ? "corrected: " : "", actor, before ? "; told before: " : "",
                 strempty(before));
        if (!i->attribution.misused)
                return;
        incident_escalate(i, SEVERITY_CRITICAL);
        core_log(c, LOG_EVENT_CREDENTIALS_MISUSED, LOG_ALERT, i, NULL,
                 "incident %s: the guard's own credentials were used by somebody else", i->id);
}

static int64_t searched_msec(const Core *c, const Attribution *a)
{
        return c->now.wall_msec - a->begun_msec;
}

/* Between two looks: of those who stopped it, twice as often as of others. */
static uint64_t pause_usec(const Core *c, const Incident *i)
{
        const Attribution *a = &i->attribution;
        uint64_t first = c->policy.lookup_first_usec;
        int64_t grown = searched_msec(c, a) - c->policy.lookup_young_msec;

        if (a->failures > 0)
                return backoff_usec(first, c->policy.lookup_max_usec, a->failures);
        if (grown < 0)
                return search_rank(c, i, 0) == LOOKUP_OUTAGE ? first : 2 * first;
        /* As long again as it has been: that doubles. */
        return MIN(MAX((uint64_t)grown * USEC_PER_MSEC, 2 * first), c->policy.lookup_max_usec);
}

static void look_again(Core *c, Incident *i)
{
        uint64_t next = MAX(i->attribution.next_boot + pause_usec(c, i),
                            c->now.boot_usec + c->policy.lookup_spacing_usec);

        begin_look(&i->attribution, search_rank(c, i, 0) == LOOKUP_OUTAGE
                                            ? next
                                            : together(c, next, REPEATS_TOGETHER));
}

void search_failed(Core *c, Incident *i, const AwsError *error)
{
        Attribution *a = &i->attribution;

        a->error = *error;
        a->failures++;
        begin_look(a, c->now.boot_usec + pause_usec(c, i));
        incident_touch(i);
}

/* Event history is an account's own: that of the credentials, whichever the trail's is. */
static void note_account(Core *c, Incident *i)
{
        const char *own = c->identities[c->trails[i->trail].config.account];
        Arn a;

        if (own && arn_parse(own, &a) >= 0)
                mem_strset(&i->attribution.searched_account, a.account);
}

/* The step that the look is to read yet; UINT_MAX when all are read. */
static unsigned next_step(const Core *c, const Incident *i)
{
        SearchStep s;

        for (unsigned k = 0; search_step(c, i, k, &s); k++)
                if (!(i->attribution.covered & UINT32_C(1) << k) && search_needs(c, i, k))
                        return k;
        return UINT_MAX;
}

/* Whether the window has been read, all of it. */
static bool is_everything_read(const Core *c, const Incident *i)
{
        const Attribution *a = &i->attribution;
        SearchStep s;

        for (unsigned k = search_n_first(i); search_step(c, i, k, &s); k++)
                if (!(a->covered & UINT32_C(1) << k) &&
                    (search_needs(c, i, k) || !streq(s.event, "StartLogging")))
                        return false;
        return a->cut == 0;
}

/* What made a verdict does not become unknown because the next look reads less. */
static void note_whole(const Core *c, Incident *i)
{
        Attribution *a = &i->attribution;

        a->whole = a->whole || is_everything_read(c, i);
        a->incomplete = a->overfull || !a->whole;
}

/* What the journal says of it, once for each verdict. */
static void note_verdict(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;

        if (a->confidence == CONFIDENCE_NONE || (a->logged && told_is_current(i)))
                return;
        a->logged = true;
        log_actor(c, i);
}

/* Whether it is an organization trail is all that is open, and will be known in a moment: by the
 * first look at the settings of this run. */
static bool waits_for_settings(const Core *c, const Incident *i)
{
        const Trail *t = &c->trails[i->trail];

        return i->attribution.confidence == CONFIDENCE_AMBIGUOUS &&
               i->attribution.doubts == 1U << DOUBT_SETTINGS && c->policy.inspect_usec > 0 &&
               t->inspect_failures == 0 &&
               c->now.boot_usec < t->inspected_boot + c->policy.overdue_usec;
}

/* A verdict waits a little for what would make it surer, or say more, and no longer. */
static void begin_waiting(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;

        if (waits_for_settings(c, i))
                a->named_boot = 0; /* that has an end of its own */
        else if (a->confidence != CONFIDENCE_NONE && !a->named_boot && !told_is_current(i))
                a->named_boot = c->now.boot_usec;
}

void search_advance(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;
        unsigned next = next_step(c, i);

        note_account(c, i);
        note_whole(c, i);
        if (next < search_n_first(i) && next != UINT_MAX)
                return;
        evaluate(c, i, LOOK_NOW);
        next = next_step(c, i); /* who started it may matter now */
        note_whole(c, i);
        begin_waiting(c, i);
        if (next != UINT_MAX || a->keying)
                return;
        findings_end_look(a);
        note_verdict(c, i);
        a->keying = attribution_key(i) != NULL;
        if (!a->keying)
                search_complete(c, i);
}

static void look_complete_none(Core *c, Incident *i)
{
        i->attribution.state = SEARCH_RUNNING;
        i->attribution.whole = false; /* what comes in late was not in it */
        if (i->attribution.last)
                give_up(c, i);
        else
                look_again(c, i);
}

/* What follows from the verdict of a complete look, which began then. */
static void conclude(Core *c, Incident *i, uint64_t begun_boot)
{
        Attribution *a = &i->attribution;

        if (waits_for_settings(c, i) && !told_is_current(i)) {
                begin_look(a, c->trails[i->trail].inspected_boot + c->policy.overdue_usec);
                return;
        }
        if (a->confidence == CONFIDENCE_NONE) {
                look_complete_none(c, i);
                return;
        }
        if (a->last) {
                a->state = SEARCH_DONE;
        } else if (a->state == SEARCH_RUNNING) {
                a->found_msec = c->now.wall_msec;
                a->state = SEARCH_SETTLING;
                a->settled_boot = together(
                        c,
                        c->now.boot_usec + (uint64_t)c->policy.lookup_settle_msec * USEC_PER_MSEC,
                        SECONDS_TOGETHER);
                begin_look(a, a->settled_boot);
        } else if (a->own_unknown || begun_boot < a->settled_boot) {
                look_again(c, i);
                a->next_boot = MAX(a->next_boot, a->settled_boot);
        } else {
                a->state = SEARCH_SETTLED;
                begin_look(a, USEC_INFINITY); /* the last one is search_keep_time()'s */
        }
        a->named_boot = 0;
        /* A message for another reason may have told who it was before the key's page was there;
         * and what waited for its actor closes all the same. */
        if (!told_is_current(i) || (findings_has_deeds(a) && !a->told_deeds) ||
            (i->open && incident_is_over(i)))
                tell(c, i);
}

void search_complete(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;
        uint64_t begun = a->next_boot;

        if (a->own_unknown && c->identities[c->trails[i->trail].config.account]) {
                evaluate(c, i, LOOK_NOW);
                note_verdict(c, i);
        }
        if (search_event(i))
                (void)search_set_window(c, i, search_event(i));
        a->failures = 0;
        a->rounds++;
        a->round_boot = begun;
        incident_touch(i);
        conclude(c, i, begun);
}

void search_settings_read(Core *c, const Trail *t)
{
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];
                Attribution *a = &i->attribution;

                if (!search_is_active(i) || &c->trails[i->trail] != t ||
                    a->confidence != CONFIDENCE_AMBIGUOUS || !(a->doubts & (1U << DOUBT_SETTINGS)))
                        continue;
                if (a->keying) { /* all is read that a verdict comes from */
                        evaluate(c, i, LOOK_NOW);
                        note_verdict(c, i);
                        begin_waiting(c, i);
                        continue;
                }
                /* The next step of a look under way is judged by them. */
                if (a->reads || a->rounds == 0)
                        continue;
                evaluate(c, i, LOOK_BEFORE);
                note_verdict(c, i);
                conclude(c, i, a->round_boot);
        }
}

/* Who it was is told although it could be surer, and although his key may have done more. */
static void stop_waiting(Core *c, Incident *i)
{
        i->attribution.named_boot = 0;
        if (told_is_current(i))
                return;
        note_verdict(c, i);
        tell(c, i);
}

static void give_up(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;

        /* Found, and only another look is not to be had. */
        if (a->confidence != CONFIDENCE_NONE) {
                a->state = SEARCH_DONE;
                incident_touch(i);
                stop_waiting(c, i);
                return;
        }
        evaluate(c, i, LOOK_LAST);
        a->state = SEARCH_GAVE_UP;
        core_log(c, LOG_EVENT_ACTOR_NOT_FOUND, LOG_WARNING, i, &a->error,
                 "incident %s: the search for its actor has ended", i->id);
        tell(c, i);
}

static void say_not_yet(Core *c, Incident *i)
{
        i->attribution.said_not_yet = true;
        core_log(c, LOG_EVENT_ACTOR_NOT_FOUND, LOG_NOTICE, i, &i->attribution.error,
                 "incident %s: its actor is not known yet, the search continues%s", i->id,
                 i->attribution.throttled_msec ? ", and LookupEvents is throttled" : "");
        tell(c, i);
}

/* When the last look begins; what was found late is looked at once more before. */
static int64_t limit_msec(const Core *c, const Attribution *a)
{
        int64_t limit = c->policy.lookup_give_up_msec;

        if (a->state == SEARCH_SETTLING)
                limit = MAX(limit, a->found_msec - a->begun_msec + c->policy.lookup_settle_msec);
        return limit;
}

static void keep_time(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;
        int64_t searched = searched_msec(c, a), limit = limit_msec(c, a);

        if (searched >= limit + c->policy.lookup_settle_msec) {
                give_up(c, i); /* the last look was not to be had */
        } else if (searched >= limit && !a->last) {
                a->last = true;
                begin_look(a, together(c, c->now.boot_usec, SECONDS_TOGETHER));
        } else if (a->state == SEARCH_RUNNING && a->confidence == CONFIDENCE_NONE &&
                   !a->said_not_yet && searched >= c->policy.lookup_not_yet_msec) {
                say_not_yet(c, i);
        }
}

uint64_t search_wake_boot(const Core *c, const Incident *i)
{
        const Attribution *a = &i->attribution;

        return search_is_active(i) && a->named_boot
                       ? a->named_boot + PATIENCE_CALLS * c->policy.lookup_spacing_usec
                       : USEC_INFINITY;
}

void search_keep_time(Core *c, Incident *i)
{
        if (i->trail == SIZE_MAX)
                return;
        /* What can never be found out must not keep a finished outage open. */
        if (!search_is_active(i) && i->attribution.state != SEARCH_NOT_NEEDED && i->open &&
            incident_is_over(i))
                incident_close(c, i, 0);
        if (c->now.boot_usec >= search_wake_boot(c, i))
                stop_waiting(c, i);
        if (search_is_active(i))
                keep_time(c, i);
}

/* Who is missed least: one that was found and waits for its last look, one that is to be looked at
 * once more, then the oldest. */
static bool is_missed_less(const Attribution *a, const Attribution *b)
{
        return a->state != b->state ? a->state > b->state : a->begun_msec < b->begun_msec;
}

/* More stops than can be looked up one by one: of the trail that has most of them, one is not
 * looked for any more, which it says itself. */
static void crowd_out(Core *c)
{
        Incident *least = NULL;
        Trail *most = NULL;
        size_t n = 0;

        for (size_t k = 0; k < c->n_trails; k++)
                c->trails[k].searches = 0;
        for (size_t k = 0; k < c->n_incidents; k++) {
                if (!search_is_active(c->incidents[k]))
                        continue;
                Trail *t = &c->trails[c->incidents[k]->trail];
                n++;
                t->searches++;
                if (!most || t->searches > most->searches)
                        most = t;
        }
        if (n <= SEARCHES_MAX + c->n_trails)
                return;
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];

                if (search_is_active(i) && &c->trails[i->trail] == most &&
                    (!least || is_missed_less(&i->attribution, &least->attribution)))
                        least = i;
        }
        if (!least)
                return;
        least->attribution.crowded_out = least->attribution.confidence == CONFIDENCE_NONE;
        give_up(c, least);
}
