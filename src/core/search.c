/* SPDX-License-Identifier: Apache-2.0 */

/* Looking an incident's actor up in Event history: rounds of LookupEvents by event name, each
 * round complete before it is judged, further and further apart, for 24 hours of time in which
 * the service was willing. */

#include "core/internal.h"

#include <syslog.h>

#include "base/mem.h"
#include "core/alerttext.h"
#include "core/attribution.h"

#define PAGES_MAX 20
#define EVENT_HISTORY_MSEC (90 * MSEC_PER_DAY)
#define ATTEMPTS_BEFORE_MSEC (15 * MSEC_PER_MINUTE)
#define WINDOW_SLACK_MSEC MSEC_PER_MINUTE
#define NARROW_SLACK_MSEC (4 * MSEC_PER_SEC) /* of what was more than could be read */
#define UNTIMED_SLACK_MSEC (5 * MSEC_PER_MINUTE)
#define EVENT_NAMES_MAX 4

static const char *const event_names[_INCIDENT_KIND_MAX][EVENT_NAMES_MAX] = {
        [INCIDENT_STOPPED] = {"StopLogging", "StartLogging"},
        [INCIDENT_BLINK] = {"StopLogging", "StartLogging"},
        [INCIDENT_ALREADY_STOPPED] = {"StopLogging", "StartLogging"},
        [INCIDENT_RECENT_STOP] = {"StopLogging", "StartLogging"},
        [INCIDENT_RECREATED] = {"DeleteTrail", "CreateTrail", "UpdateTrail", "StopLogging"},
        [INCIDENT_DELETED] = {"DeleteTrail"},
        [INCIDENT_OTHER_CONTROLLER] = {"StartLogging"},
};

/* What else the culprit's key did: from so long before the stop until now, best effort. */
#define DEEDS_BEFORE_MSEC MSEC_PER_HOUR
#define DEEDS_PAGES_MAX 2

static const char *event_name(const Incident *i)
{
        unsigned step = i->attribution.step;

        if (step >= EVENT_NAMES_MAX)
                return NULL;
        /* For a stop, who started it matters only when the stops alone do not tell. */
        if (step == 1 && streq_ptr(event_names[i->kind][0], "StopLogging") &&
            !attribution_needs_starts(i))
                return NULL;
        return event_names[i->kind][step];
}

/* Whom the times name is near them; a wider window would only let the one be buried under what
 * others called before and after. */
static int64_t window_end(const Incident *i, const char *event)
{
        int64_t slack = i->attribution.narrow ? NARROW_SLACK_MSEC : WINDOW_SLACK_MSEC;

        if (!i->stop_msec)
                return i->detected_msec + UNTIMED_SLACK_MSEC;
        if (streq(event, "StartLogging"))
                return MAX(i->stop_msec, i->blind_to_msec) + slack;
        return i->stop_msec + slack;
}

/* Event history is an account's own: that of the credentials, whichever the trail's is. */
static void note_account(Core *c, Incident *i)
{
        const char *own = c->identities[c->trails[i->trail].config.account];
        Arn a;

        if (own && arn_parse(own, &a) >= 0)
                mem_strset(&i->attribution.searched_account, a.account);
}

static void set_window(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;
        int64_t logged = MAX(i->known_start_msec, i->last_logging_msec);

        if (i->stop_msec)
                a->from_msec = i->stop_msec - ATTEMPTS_BEFORE_MSEC;
        else
                a->from_msec = i->detected_msec - MSEC_PER_DAY;
        if (logged)
                a->from_msec = MIN(a->from_msec, logged - WINDOW_SLACK_MSEC);
        if (i->kind == INCIDENT_OTHER_CONTROLLER)
                a->from_msec = i->detected_msec - MSEC_PER_DAY;
        a->to_msec = window_end(i, event_name(i));
        if (c->now.wall_msec - EVENT_HISTORY_MSEC < a->to_msec) /* else our clock is far ahead */
                a->from_msec = MAX(a->from_msec, c->now.wall_msec - EVENT_HISTORY_MSEC);
}

static void set_key_window(Core *c, Incident *i)
{
        int64_t stop = i->stop_msec ? i->stop_msec : i->detected_msec;

        i->attribution.deeds_from_msec = stop - DEEDS_BEFORE_MSEC;
        i->attribution.deeds_to_msec = MAX(c->now.wall_msec, stop);
}

static LookupQuery question(const Core *c, const Incident *i)
{
        const Attribution *a = &i->attribution;
        LookupQuery q = {
                .region = c->regions[c->trails[i->trail].region].name,
                .next_token = a->next_token,
        };

        if (a->by_key) {
                q.event_name = "";
                q.access_key_id = a->deeds_key;
                q.from_msec = a->deeds_from_msec;
                q.to_msec = a->deeds_to_msec;
        } else {
                q.event_name = event_name(i);
                q.from_msec = a->from_msec;
                q.to_msec = a->to_msec;
        }
        return q;
}

void search_begin(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;

        a->begun_msec = c->now.wall_msec;
        a->next_boot = c->now.boot_usec;
        if (!event_names[i->kind][0])
                return;
        set_window(c, i);
        /* Older than Event history reaches: nobody can say any more. */
        a->state = a->to_msec < c->now.wall_msec - EVENT_HISTORY_MSEC ? SEARCH_GAVE_UP
                                                                      : SEARCH_RUNNING;
}

static OwnCall own_start(const void *userdata, const CloudTrailRecord *r)
{
        return core_own_start(userdata, r);
}

static void evaluate(Core *c, Incident *i, bool last_chance)
{
        const Trail *t = &c->trails[i->trail];
        AttributionFacts f = {
                .own_arn = c->identities[t->config.account],
                .own_start = own_start,
                .userdata = c,
                .starts_known = attribution_needs_starts(i),
                .last_chance = last_chance,
        };

        attribution_evaluate(i, &f);
        incident_touch(i);
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
        _cleanup_free_ char *actor = alert_actor(i);

        core_log(c, LOG_EVENT_ACTOR_FOUND, LOG_NOTICE, i, NULL, "incident %s: %s", i->id, actor);
        if (!i->attribution.misused)
                return;
        incident_escalate(i, SEVERITY_CRITICAL);
        core_log(c, LOG_EVENT_CREDENTIALS_MISUSED, LOG_ALERT, i, NULL,
                 "incident %s: the guard's own credentials were used by somebody else", i->id);
}

static const char *culprit_event_id(const Incident *i)
{
        const Finding *f = incident_find_role(i, ROLE_CULPRIT);

        return f ? f->record.event_id : NULL;
}

bool search_is_told(const Incident *i)
{
        const Attribution *a = &i->attribution;

        return a->confidence == a->told_confidence && a->misused == a->told_misused &&
               streq_ptr(culprit_event_id(i), a->told_culprit);
}

void search_told(Incident *i)
{
        Attribution *a = &i->attribution;

        a->told_confidence = a->confidence;
        a->told_misused = a->misused;
        mem_strset(&a->told_culprit, culprit_event_id(i));
}

/* The next round, after a while that grows with their number. */
static void look_again(Core *c, Attribution *a)
{
        a->next_boot =
                c->now.boot_usec + backoff_usec(c->policy.lookup_first_usec,
                                                c->policy.lookup_max_usec, a->rounds + a->failures);
}

static void round_complete(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;
        bool settling = a->state == SEARCH_SETTLING;

        a->step = 0;
        a->failures = 0;
        a->rounds++;
        incident_touch(i);
        /* What waited for its actor closes, even if a message for another reason has told. */
        if (!search_is_told(i) ||
            (a->confidence != CONFIDENCE_NONE && i->open && incident_is_over(i)))
                tell(c, i);
        if (a->confidence == CONFIDENCE_NONE) {
                a->state = SEARCH_RUNNING;
                look_again(c, a);
                return;
        }
        if (settling) {
                a->state = SEARCH_DONE;
                return;
        }
        a->found_msec = c->now.wall_msec;
        a->state = SEARCH_SETTLING;
        a->next_boot = c->now.boot_usec + (uint64_t)c->policy.lookup_settle_msec * USEC_PER_MSEC;
}

static void throttled(Core *c, Incident *i, const AwsError *error)
{
        Attribution *a = &i->attribution;
        Region *r = &c->regions[c->trails[i->trail].region];

        if (!a->throttled_since_boot)
                a->throttled_since_boot = c->now.boot_usec;
        if (a->throttles++ == 0)
                core_log(c, LOG_EVENT_LOOKUP_FAILED, LOG_WARNING, i, error,
                         "incident %s: LookupEvents is throttled, goes on being asked", i->id);
        r->next_lookup_boot =
                c->now.boot_usec + backoff_usec(c->policy.lookup_spacing_usec,
                                                32 * c->policy.lookup_spacing_usec, a->throttles);
        a->next_boot = r->next_lookup_boot;
}

static void unthrottled(Core *c, Attribution *a)
{
        if (a->throttled_since_boot)
                a->throttled_msec +=
                        (int64_t)((c->now.boot_usec - a->throttled_since_boot) / USEC_PER_MSEC);
        a->throttled_since_boot = 0;
        a->throttles = 0;
}

static void begin_round(Attribution *a)
{
        a->step = a->pages = 0;
        a->by_key = false;
        free(TAKE_PTR(a->next_token));
}

/* A round that broke off begins anew, page tokens being what they are. */
static void lookup_failed(Core *c, Incident *i, const AwsError *error)
{
        Attribution *a = &i->attribution;

        if (!streq(a->error.code, error->code)) {
                _cleanup_free_ char *words = alert_error_words(error);
                core_log(c, LOG_EVENT_LOOKUP_FAILED, LOG_WARNING, i, error,
                         "incident %s: LookupEvents failed: %s", i->id, words);
        }
        a->error = *error;
        begin_round(a);
        a->failures++;
        look_again(c, a);
        incident_touch(i);
}

/* The key's page is there, or is not to be had: the verdict does not wait for it. */
static void deeds_found(Core *c, Incident *i, const Input *in)
{
        Attribution *a = &i->attribution;

        a->next_boot = c->now.boot_usec;
        free(TAKE_PTR(a->next_token));
        if (in->error.class == AWS_ERROR_NONE) {
                attribution_count_deeds(i, in->page->records, in->page->n_records);
                if (in->page->next_token && ++a->pages < DEEDS_PAGES_MAX) {
                        a->next_token = mem_strdup(in->page->next_token);
                        return;
                }
        }
        begin_round(a);
        round_complete(c, i);
}

/* The names of the round are done: the culprit's key is next, where there is one. */
static bool turn_to_key(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;

        evaluate(c, i, false);
        /* Now: a message for another reason may carry it before the round is complete. */
        if (!search_is_told(i))
                log_actor(c, i);
        const char *key = attribution_key(i);
        if (!key)
                return false;
        attribution_begin_deeds(i, key);
        a->by_key = true;
        return true;
}

void search_found(Core *c, Incident *i, const Input *in)
{
        Attribution *a = &i->attribution;

        if (!a->in_flight || i->trail == SIZE_MAX)
                return;
        a->in_flight = false;
        if (a->by_key) {
                deeds_found(c, i, in);
                return;
        }
        if (in->error.class == AWS_ERROR_THROTTLED) {
                throttled(c, i, &in->error);
                return;
        }
        unthrottled(c, a);
        if (in->error.class != AWS_ERROR_NONE) {
                lookup_failed(c, i, &in->error);
                return;
        }

        a->error = (AwsError){};
        a->n_unreadable += (unsigned)in->page->n_unreadable;
        attribution_add(i, in->page->records, in->page->n_records);
        a->next_boot = c->now.boot_usec;
        mem_strset(&a->next_token, in->page->next_token);
        if (a->next_token && ++a->pages < PAGES_MAX)
                return;
        if (a->next_token && !a->narrow && i->stop_msec) {
                /* Buried, perhaps on purpose: once more, right around the stop. */
                a->narrow = true;
                begin_round(a);
                return;
        }
        a->incomplete = a->incomplete || a->next_token;
        free(TAKE_PTR(a->next_token));
        a->pages = 0;
        a->step++;
        if (!event_name(i) && !turn_to_key(c, i))
                round_complete(c, i);
}

static int64_t searched_msec(const Core *c, const Attribution *a)
{
        return c->now.wall_msec - a->begun_msec - a->throttled_msec;
}

static void give_up(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;

        /* Found, and only the second look is not to be had. */
        if (a->state == SEARCH_SETTLING) {
                a->state = SEARCH_DONE;
                incident_touch(i);
                return;
        }
        evaluate(c, i, true);
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

        if (a->throttled_since_boot || a->in_flight)
                return;
        if (a->state == SEARCH_SETTLING)
                limit += c->policy.lookup_settle_msec;
        /* One that has not had its turn among many has not been looked for. */
        if (searched_msec(c, a) >= limit && (a->rounds > 0 || a->failures > 0))
                give_up(c, i);
        else if (a->state == SEARCH_RUNNING && !a->said_not_yet &&
                 searched_msec(c, a) >= c->policy.lookup_not_yet_msec)
                say_not_yet(c, i);
}

/* Whether another one has waited longer for its turn at the region's rate. */
static bool is_outwaited(const Core *c, const Incident *i)
{
        for (size_t k = 0; k < c->n_incidents; k++) {
                const Incident *x = c->incidents[k];

                if (x != i && x->trail != SIZE_MAX && !x->attribution.in_flight &&
                    (x->attribution.state == SEARCH_RUNNING ||
                     x->attribution.state == SEARCH_SETTLING) &&
                    c->trails[x->trail].region == c->trails[i->trail].region &&
                    x->attribution.next_boot < i->attribution.next_boot)
                        return true;
        }
        return false;
}

void search_tick(Core *c, Incident *i)
{
        Attribution *a = &i->attribution;
        Region *r = &c->regions[c->trails[i->trail].region];

        /* What can never be found out must not keep a finished outage open. */
        if (a->state == SEARCH_GAVE_UP && i->open && incident_is_over(i))
                incident_close(c, i, 0);
        if (a->state == SEARCH_RUNNING || a->state == SEARCH_SETTLING)
                keep_time(c, i);
        if (a->state != SEARCH_RUNNING && a->state != SEARCH_SETTLING)
                return;
        if (a->in_flight || c->now.boot_usec < MAX(a->next_boot, r->next_lookup_boot) ||
            is_outwaited(c, i))
                return;

        /* A page token is only good for the very same question. */
        if (a->step == 0 && !a->next_token && !a->by_key) {
                note_account(c, i);
                a->incomplete = false;
                a->n_unreadable = 0;
        }
        if (!a->next_token && !a->by_key)
                set_window(c, i);
        else if (!a->next_token)
                set_key_window(c, i);
        a->in_flight = true;
        r->next_lookup_boot = c->now.boot_usec + c->policy.lookup_spacing_usec;
        Action *x = core_emit(c, ACTION_LOOKUP);
        x->incident = i;
        x->trail = i->trail;
        x->lookup = question(c, i);
}

uint64_t search_next_boot(const Core *c, const Incident *i)
{
        const Attribution *a = &i->attribution;

        if (i->trail == SIZE_MAX || a->in_flight ||
            (a->state != SEARCH_RUNNING && a->state != SEARCH_SETTLING))
                return USEC_INFINITY;
        return MAX(a->next_boot, c->regions[c->trails[i->trail].region].next_lookup_boot);
}
