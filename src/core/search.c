/* SPDX-License-Identifier: Apache-2.0 */

/* Looking up in Event history who did it: what is to be looked through for one incident, what was
 * found there, and how long that goes on: 24 hours of time in which the service was willing. The
 * calls themselves are made in round.c. */

#include "core/internal.h"

#include <syslog.h>

#include "base/mem.h"
#include "core/alerttext.h"
#include "core/attribution.h"
#include "core/told.h"

#define EVENT_HISTORY_MSEC (90 * MSEC_PER_DAY)
#define ATTEMPTS_BEFORE_MSEC (15 * MSEC_PER_MINUTE)
#define NARROW_SLACK_MSEC (4 * MSEC_PER_SEC) /* of what was more than could be read */
#define UNTIMED_SLACK_MSEC (5 * MSEC_PER_MINUTE)
#define CHANGE_SLACK_MSEC (2 * MSEC_PER_MINUTE)
#define EVENT_NAMES_MAX 4
/* Searches at a time beside one for each trail; beyond them the oldest give up. */
#define SEARCHES_MAX 2000
/* The last look may be so late, among many. */
#define LAST_LOOK_SETTLES 4

static const char *const event_names[_INCIDENT_KIND_MAX][EVENT_NAMES_MAX] = {
        [INCIDENT_STOPPED] = {"StopLogging", "StartLogging"},
        [INCIDENT_BLINK] = {"StopLogging", "StartLogging"},
        [INCIDENT_ALREADY_STOPPED] = {"StopLogging", "StartLogging"},
        [INCIDENT_RECENT_STOP] = {"StopLogging", "StartLogging"},
        [INCIDENT_RECREATED] = {"DeleteTrail", "CreateTrail", "UpdateTrail", "StopLogging"},
        [INCIDENT_DELETED] = {"DeleteTrail"},
        [INCIDENT_OTHER_CONTROLLER] = {"StartLogging"},
};

const char *search_event(const Incident *i, unsigned step)
{
        if (incident_kind_is_change(i->kind))
                return changes_event_name(&i->changes, step);
        return step < EVENT_NAMES_MAX ? event_names[i->kind][step] : NULL;
}

bool search_is_active(const Incident *i)
{
        SearchState s = i->attribution.state;

        return i->trail != SIZE_MAX &&
               (s == SEARCH_RUNNING || s == SEARCH_SETTLING || s == SEARCH_SETTLED);
}

Region *search_region_of(const Core *c, const Incident *i)
{
        return &c->regions[c->trails[i->trail].region];
}

/* One more stop of a trail whose last start is known: what was called before it belongs to the
 * incident before. */
static bool is_repeated(const Incident *i)
{
        return i->group && i->known_start_msec && i->known_start_msec < i->stop_msec &&
               i->stop_msec - i->known_start_msec < ATTEMPTS_BEFORE_MSEC;
}

/* Whom the times name is near them; a wider window would only let the one be buried under what
 * others called before and after. */
static int64_t window_end(const Core *c, const Incident *i, const char *event)
{
        int64_t slack = i->attribution.narrow ? NARROW_SLACK_MSEC : SEARCH_SLACK_MSEC;

        if (!i->stop_msec)
                return i->detected_msec + UNTIMED_SLACK_MSEC;
        if (streq(event, "StartLogging"))
                return MAX(i->stop_msec, i->blind_to_msec) +
                       (is_repeated(i) ? NARROW_SLACK_MSEC : slack);
        if (is_repeated(i)) {
                int64_t down_to = i->blind_to_msec ? i->blind_to_msec : c->now.wall_msec;

                return MIN(i->stop_msec + slack, MAX(i->stop_msec, down_to) + NARROW_SLACK_MSEC);
        }
        return i->stop_msec + slack;
}

/* Between the last look that showed it well and the first that did not; reads may lag. */
static void set_change_window(Incident *i)
{
        Attribution *a = &i->attribution;

        a->from_msec =
                i->good_msec ? i->good_msec - CHANGE_SLACK_MSEC : i->detected_msec - MSEC_PER_DAY;
        a->to_msec = i->seen_msec + CHANGE_SLACK_MSEC;
}

void search_set_window(const Core *c, Incident *i, const char *event)
{
        Attribution *a = &i->attribution;
        int64_t logged = MAX(i->known_start_msec, i->last_logging_msec);

        if (incident_kind_is_change(i->kind)) {
                set_change_window(i);
                return;
        }
        if (i->stop_msec)
                a->from_msec = i->stop_msec - ATTEMPTS_BEFORE_MSEC;
        else
                a->from_msec = i->detected_msec - MSEC_PER_DAY;
        if (logged)
                a->from_msec = MIN(a->from_msec, logged - SEARCH_SLACK_MSEC);
        if (is_repeated(i))
                a->from_msec = i->known_start_msec - NARROW_SLACK_MSEC;
        if (i->kind == INCIDENT_OTHER_CONTROLLER)
                a->from_msec = i->detected_msec - MSEC_PER_DAY;
        a->to_msec = window_end(c, i, event);
        if (c->now.wall_msec - EVENT_HISTORY_MSEC < a->to_msec) /* else our clock is far ahead */
                a->from_msec = MAX(a->from_msec, c->now.wall_msec - EVENT_HISTORY_MSEC);
}

static void crowd_out(Core *c);

void search_begin(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;

        a->begun_msec = c->now.wall_msec;
        a->next_boot = c->now.boot_usec;
        if (!search_event(i, 0))
                return;
        search_set_window(c, i, search_event(i, 0));
        /* Older than Event history reaches: nobody can say any more. */
        a->state = a->to_msec < c->now.wall_msec - EVENT_HISTORY_MSEC ? SEARCH_GAVE_UP
                                                                      : SEARCH_RUNNING;
        crowd_out(c);
}

static OwnCall own_start(const void *userdata, const CloudTrailRecord *r)
{
        return core_own_start(userdata, r);
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
        LOOK_WHOLE,  /* has just been completed */
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
                .whole = look == LOOK_WHOLE || (look == LOOK_BEFORE && i->attribution.rounds > 0 &&
                                                !i->attribution.riding),
                .starts_known = i->attribution.starts_asked,
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
                    i->attribution.own_unknown && !i->attribution.riding)
                        i->attribution.next_boot = c->now.boot_usec;
        }
}

void search_again(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;

        if (a->state == SEARCH_NOT_NEEDED || i->trail == SIZE_MAX)
                return;
        evaluate(c, i, LOOK_BEFORE); /* who did the one has not done the other by that */
        told_forget(i);
        search_leave(c, i); /* the answer that is to come is to the question of before */
        a->state = SEARCH_RUNNING;
        a->begun_msec = c->now.wall_msec;
        a->throttled_msec = 0;
        a->rounds = a->failures = 0;
        a->said_not_yet = false;
        a->next_boot = c->now.boot_usec;
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

static void judge(Core *c, Incident *i, Look look)
{
        evaluate(c, i, look);
        if (!told_is_current(i))
                log_actor(c, i);
}

void search_judge(Core *c, Incident *i)
{
        judge(c, i, LOOK_WHOLE);
}

/* The next round, after a while that grows with their number. */
void search_look_again(Core *c, Attribution *a)
{
        a->next_boot =
                c->now.boot_usec + backoff_usec(c->policy.lookup_first_usec,
                                                c->policy.lookup_max_usec, a->rounds + a->failures);
}

/* Until the last look, at the end of the time for which actors are looked for. */
static int64_t last_look_left_msec(const Core *c, const Attribution *a)
{
        return a->begun_msec + c->policy.lookup_give_up_msec - c->now.wall_msec;
}

static void look_at(const Core *c, Attribution *a, SearchState state, int64_t left_msec)
{
        a->state = state;
        a->settled_boot = a->next_boot = c->now.boot_usec + (uint64_t)left_msec * USEC_PER_MSEC;
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

/* What follows from the verdict of a complete look. */
static void conclude(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;

        incident_touch(i);
        if (waits_for_settings(c, i) && !told_is_current(i)) {
                a->next_boot = c->trails[i->trail].inspected_boot + c->policy.overdue_usec;
                return;
        }
        if (a->confidence == CONFIDENCE_NONE) {
                a->state = SEARCH_RUNNING;
                search_look_again(c, a);
        } else if (a->state == SEARCH_RUNNING) {
                a->found_msec = c->now.wall_msec;
                look_at(c, a, SEARCH_SETTLING, c->policy.lookup_settle_msec);
        } else if (a->own_unknown || c->now.boot_usec < a->settled_boot) {
                search_look_again(c, a);
                a->next_boot = MAX(a->next_boot, a->settled_boot);
        } else if (a->state == SEARCH_SETTLING && last_look_left_msec(c, a) > 0) {
                look_at(c, a, SEARCH_SETTLED, last_look_left_msec(c, a));
        } else {
                a->state = SEARCH_DONE;
        }
        /* A message for another reason may have told who it was before the key's page was there;
         * and what waited for its actor closes all the same. */
        if (!told_is_current(i) || (attribution_has_deeds(a) && !a->told_deeds) ||
            (a->confidence != CONFIDENCE_NONE && i->open && incident_is_over(i)))
                tell(c, i);
}

void search_round_complete(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;

        if (a->own_unknown && c->identities[c->trails[i->trail].config.account])
                search_judge(c, i);
        a->riding = false;
        a->failures = 0;
        a->rounds++;
        conclude(c, i);
}

void search_settings_read(Core *c, const Trail *t)
{
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];
                const Attribution *a = &i->attribution;

                if (!search_is_active(i) || &c->trails[i->trail] != t || a->riding ||
                    a->confidence != CONFIDENCE_AMBIGUOUS || !(a->doubts & (1U << DOUBT_SETTINGS)))
                        continue;
                judge(c, i, LOOK_BEFORE);
                conclude(c, i);
        }
}

static int64_t searched_msec(const Core *c, const Attribution *a)
{
        return c->now.wall_msec - a->begun_msec - a->throttled_msec;
}

static void give_up(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;

        /* Found, and only another look is not to be had. */
        if (a->state == SEARCH_SETTLING || a->state == SEARCH_SETTLED) {
                a->state = SEARCH_DONE;
                incident_touch(i);
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
                 "incident %s: its actor is not known yet, the search goes on", i->id);
        tell(c, i);
}

/* Time in which the service was not willing does not count. */
static void keep_time(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;
        int64_t limit = c->policy.lookup_give_up_msec;

        if (search_region_of(c, i)->throttled_since_boot || a->riding)
                return;
        if (a->state == SEARCH_SETTLING)
                limit += c->policy.lookup_settle_msec;
        else if (a->state == SEARCH_SETTLED)
                limit += LAST_LOOK_SETTLES * c->policy.lookup_settle_msec;
        /* One that has not had its turn among many has not been looked for. */
        if (searched_msec(c, a) >= limit && (a->rounds > 0 || a->failures > 0))
                give_up(c, i);
        else if (a->state == SEARCH_RUNNING && !a->said_not_yet &&
                 searched_msec(c, a) >= c->policy.lookup_not_yet_msec)
                say_not_yet(c, i);
}

void search_keep_time(Core *c, Incident *i)
{
        if (i->trail == SIZE_MAX)
                return;
        /* What can never be found out must not keep a finished outage open. */
        if (i->attribution.state == SEARCH_GAVE_UP && i->open && incident_is_over(i))
                incident_close(c, i, 0);
        if (search_is_active(i))
                keep_time(c, i);
}

/* Who goes first when there are too many: one that has been found, and then the oldest. */
static bool goes_before(const Attribution *a, const Attribution *b)
{
        if ((a->state == SEARCH_SETTLED) != (b->state == SEARCH_SETTLED))
                return a->state == SEARCH_SETTLED;
        return a->begun_msec < b->begun_msec;
}

/* More stops than can be looked up one by one, and none of the older has shown: the oldest of the
 * trail that has most of them is not looked for any more, which it says itself. Those that were
 * found already go without their last look. */
static void crowd_out(Core *c)
{
        Incident *oldest = NULL;
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

                if (search_is_active(i) && !i->attribution.riding && &c->trails[i->trail] == most &&
                    (!oldest || goes_before(&i->attribution, &oldest->attribution)))
                        oldest = i;
        }
        if (!oldest)
                return;
        oldest->attribution.crowded_out = oldest->attribution.state == SEARCH_RUNNING;
        give_up(c, oldest);
}
