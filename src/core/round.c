/* SPDX-License-Identifier: Apache-2.0 */

/* Rounds of LookupEvents by event name, each complete before it is judged, further and further
 * apart. A question names no trail, so that one round serves every incident of its account and
 * region that is due, as far as their windows touch: two hundred trails stopped at once are one
 * search, and so is one trail stopped six hundred times. Each incident keeps what lies in its own
 * window. When there is more than can be read, those whose windows were read through to their
 * beginning are served, and the others come next. */

#include "core/internal.h"

#include <syslog.h>

#include "base/mem.h"
#include "core/alerttext.h"
#include "core/attribution.h"
#include "core/findings.h"

#define PAGES_MAX 20
/* Between two rounds of a region, in first intervals: whoever comes new waits no longer. */
#define PACE_MAX 6
#define KEYS_MAX 4 /* looked up in one round */

/* What else the culprit's key did: from so long before the stop until now, best effort. */
#define DEEDS_BEFORE_MSEC MSEC_PER_HOUR
#define DEEDS_PAGES_MAX 2

/* For a stop, who started it matters only when the stops alone do not tell. */
static bool needs(const Incident *i, unsigned step)
{
        return step != 1 || !streq_ptr(search_event(i, 0), "StopLogging") ||
               attribution_needs_starts(i);
}

/* Event history is an account's own: that of the credentials, whichever the trail's is. */
static void note_account(Core *c, Incident *i)
{
        const char *own = c->identities[c->trails[i->trail].config.account];
        Arn a;

        if (own && arn_parse(own, &a) >= 0)
                mem_strset(&i->attribution.searched_account, a.account);
}

static int64_t deeds_from_msec(const Incident *i)
{
        return (i->stop_msec ? i->stop_msec : i->detected_msec) - DEEDS_BEFORE_MSEC;
}

static void round_done(Round *r)
{
        for (size_t k = 0; k < r->n_riders; k++)
                r->riders[k]->attribution.riding = false;
        mem_free_strv(r->keys, r->n_keys);
        free(r->riders);
        free(r->next_token);
        *r = (Round){};
}

void search_region_done(Region *r)
{
        round_done(&r->round);
}

void search_leave(Core *c, Incident *i)
{
        for (size_t k = 0; k < c->n_regions && i->attribution.riding; k++) {
                Round *r = &c->regions[k].round;
                size_t n = 0;

                for (size_t m = 0; m < r->n_riders; m++)
                        if (r->riders[m] != i)
                                r->riders[n++] = r->riders[m];
                r->n_riders = n;
                if (n == 0 && !r->in_flight)
                        round_done(r);
        }
        i->attribution.riding = false;
}

/* The service is not willing: that time counts for nobody whom it keeps waiting. */
static void throttled(Core *c, Region *r, const AwsError *error)
{
        Incident *i = r->round.riders[0];

        if (!r->throttled_since_boot)
                r->throttled_since_boot = c->now.boot_usec;
        if (r->throttles++ == 0)
                core_log(c, LOG_EVENT_LOOKUP_FAILED, LOG_WARNING, i, error,
                         "incident %s: LookupEvents is throttled, goes on being asked", i->id);
        for (size_t k = 0; k < r->round.n_riders; k++)
                r->round.riders[k]->attribution.throttles = r->throttles;
        r->next_lookup_boot =
                c->now.boot_usec + backoff_usec(c->policy.lookup_spacing_usec,
                                                32 * c->policy.lookup_spacing_usec, r->throttles);
}

static void unthrottled(Core *c, Region *r)
{
        for (size_t k = 0; k < c->n_incidents && r->throttled_since_boot; k++) {
                Incident *i = c->incidents[k];
                int64_t lasted =
                        (int64_t)((c->now.boot_usec - r->throttled_since_boot) / USEC_PER_MSEC);

                if (!search_is_active(i) || search_region_of(c, i) != r)
                        continue;
                i->attribution.throttled_msec +=
                        MIN(lasted, MAX(c->now.wall_msec - i->attribution.begun_msec, INT64_C(0)));
                i->attribution.throttles = 0;
        }
        r->throttled_since_boot = 0;
        r->throttles = 0;
}

/* Nobody waits for another round sooner than this, however many come. */
static void pace(Core *c, Region *r)
{
        uint64_t first = c->policy.lookup_first_usec;

        if (c->now.boot_usec > r->paced_boot + PACE_MAX * first)
                r->rounds = 0;
        r->paced_boot = c->now.boot_usec + backoff_usec(first, PACE_MAX * first, ++r->rounds);
}

/* A round that broke off begins anew, page tokens being what they are. */
static void lookup_failed(Core *c, Region *r, const AwsError *error)
{
        Incident *first = r->round.riders[0];

        if (!streq(first->attribution.error.code, error->code)) {
                _cleanup_free_ char *words = alert_error_words(error);
                core_log(c, LOG_EVENT_LOOKUP_FAILED, LOG_WARNING, first, error,
                         "incident %s: LookupEvents failed: %s", first->id, words);
        }
        for (size_t k = 0; k < r->round.n_riders; k++) {
                Incident *i = r->round.riders[k];

                i->attribution.error = *error;
                i->attribution.failures++;
                search_look_again(c, &i->attribution);
                incident_touch(i);
        }
        round_done(&r->round);
        pace(c, r);
}

static void complete(Core *c, Region *r)
{
        for (size_t k = 0; k < r->round.n_riders; k++)
                search_round_complete(c, r->round.riders[k]);
        pace(c, r);
        if (r->round.more)
                r->paced_boot = c->now.boot_usec;
        round_done(&r->round);
}

/* The keys of those who were found: what else was done with them. */
static void collect_keys(Round *r)
{
        for (size_t k = 0; k < r->n_riders; k++) {
                const char *key = attribution_key(r->riders[k]);
                bool known = !key;

                for (size_t m = 0; m < r->n_keys && !known; m++)
                        known = streq(r->keys[m], key);
                if (!known && r->n_keys < KEYS_MAX)
                        *mem_push0(r->keys, r->n_keys) = mem_strdup(key);
        }
        for (size_t k = 0; k < r->n_riders; k++) {
                const char *key = attribution_key(r->riders[k]);

                for (size_t m = 0; m < r->n_keys; m++)
                        if (streq_ptr(r->keys[m], key))
                                findings_begin_deeds(&r->riders[k]->attribution, key);
        }
}

static void turn_to_keys(Core *c, Region *r)
{
        /* Now: a message for another reason may carry it before the round is complete. */
        for (size_t k = 0; k < r->round.n_riders; k++) {
                findings_end_look(&r->round.riders[k]->attribution);
                search_judge(c, r->round.riders[k]);
        }
        collect_keys(&r->round);
        r->round.by_key = true;
        if (r->round.n_keys == 0)
                complete(c, r);
}

/* The key's page is there, or is not to be had: the verdict does not wait for it. */
static void deeds_found(Core *c, Region *r, const Input *in)
{
        Round *round = &r->round;
        const char *key = round->keys[round->step];
        bool read = in->error.class == AWS_ERROR_NONE, more = !read || in->page->next_token;
        bool again = read && more && ++round->pages < DEEDS_PAGES_MAX;

        free(TAKE_PTR(round->next_token));
        for (size_t k = 0; k < round->n_riders; k++) {
                Incident *i = round->riders[k];

                if (!streq_ptr(i->attribution.deeds_key, key))
                        continue;
                if (read)
                        findings_count_deeds(&i->attribution, in->page->records,
                                             in->page->n_records, deeds_from_msec(i));
                if (!again && more)
                        i->attribution.deeds_cut = true;
        }
        if (again) {
                round->next_token = mem_strdup(in->page->next_token);
                return;
        }
        round->pages = 0;
        if (++round->step == round->n_keys)
                complete(c, r);
}

static void next_step(Core *c, Region *r)
{
        Round *round = &r->round;

        free(TAKE_PTR(round->next_token));
        round->pages = 0;
        for (round->step++; search_event(round->riders[0], round->step); round->step++) {
                for (size_t k = 0; k < round->n_riders; k++)
                        if (needs(round->riders[k], round->step))
                                return;
        }
        round->step = 0;
        turn_to_keys(c, r);
}

static int64_t oldest_of(const LookupPage *p)
{
        int64_t oldest = INT64_MAX;

        for (size_t k = 0; k < p->n_records; k++)
                oldest = MIN(oldest, p->records[k].time_msec);
        return oldest;
}

/* More than can be read: whose window was read through to its beginning is served. */
static void overfull(Core *c, Region *r, const LookupPage *page)
{
        Round *round = &r->round;
        int64_t oldest = oldest_of(page);
        size_t kept = 0;

        for (size_t k = 0; k < round->n_riders; k++)
                kept += round->riders[k]->attribution.from_msec > oldest + MSEC_PER_SEC;
        bool alone = kept == 0;
        /* Nobody's was: then that of the newest is too full by itself. */
        Incident *newest = round->riders[0];
        for (size_t k = 1; k < round->n_riders; k++)
                if (round->riders[k]->attribution.to_msec > newest->attribution.to_msec)
                        newest = round->riders[k];
        size_t n = 0;
        for (size_t k = 0; k < round->n_riders; k++) {
                Incident *i = round->riders[k];

                if (alone ? i == newest : i->attribution.from_msec > oldest + MSEC_PER_SEC) {
                        round->riders[n++] = i;
                } else {
                        i->attribution.riding = false;
                        i->attribution.next_boot = c->now.boot_usec;
                        round->more = true;
                }
        }
        round->n_riders = n;
        if (alone && !newest->attribution.narrow && newest->stop_msec) {
                /* Buried, perhaps on purpose: once more, right around the stop. */
                newest->attribution.narrow = true;
                findings_begin_look(&newest->attribution);
                free(TAKE_PTR(round->next_token));
                round->step = round->pages = 0;
                return;
        }
        newest->attribution.incomplete = newest->attribution.incomplete || alone;
        next_step(c, r);
}

static void offer(const Core *c, const Region *r, const LookupPage *page)
{
        const Round *round = &r->round;
        FindingsLimit limit = {c->findings_share, c->identities[r->account]};

        for (size_t k = 0; k < round->n_riders; k++) {
                Incident *i = round->riders[k];
                Attribution *a = &i->attribution;

                if (!a->asked)
                        continue;
                a->error = (AwsError){};
                a->n_unreadable += (unsigned)page->n_unreadable;
                findings_add(i, page->records, page->n_records, &limit);
        }
}

static Region *asked_region(Core *c, const char *id)
{
        for (size_t k = 0; k < c->n_regions; k++)
                if (c->regions[k].round.in_flight && streq(c->regions[k].round.asked_for, id))
                        return &c->regions[k];
        return NULL;
}

void search_found(Core *c, const Input *in)
{
        Region *r = asked_region(c, strempty(in->incident));

        if (!r)
                return;
        Round *round = &r->round;
        round->in_flight = false;
        if (round->n_riders == 0) { /* all have left */
                round_done(round);
                return;
        }
        if (round->by_key) {
                deeds_found(c, r, in);
                return;
        }
        if (in->error.class == AWS_ERROR_THROTTLED) {
                throttled(c, r, &in->error);
                return;
        }
        unthrottled(c, r);
        if (in->error.class != AWS_ERROR_NONE) {
                lookup_failed(c, r, &in->error);
                return;
        }

        offer(c, r, in->page);
        mem_strset(&round->next_token, in->page->next_token);
        if (round->next_token && ++round->pages < PAGES_MAX)
                return;
        if (round->next_token)
                overfull(c, r, in->page);
        else
                next_step(c, r);
}

/* The same questions: they can be asked once. */
static bool is_same_search(const Incident *i, const Incident *j)
{
        unsigned k = 0;

        while (search_event(i, k) && streq_ptr(search_event(i, k), search_event(j, k)))
                k++;
        return !search_event(i, k) && !search_event(j, k);
}

static bool is_waiting(const Core *c, const Region *r, const Incident *i)
{
        return search_is_active(i) && search_region_of(c, i) == r && !i->attribution.riding;
}

static void ride(Core *c, Region *r, Incident *i)
{
        Attribution *a = &i->attribution;

        *mem_push0(r->round.riders, r->round.n_riders) = i;
        a->riding = true;
        a->round_boot = c->now.boot_usec;
        a->starts_asked = false;
        findings_begin_look(a);
        note_account(c, i);
}

/* Who is due takes all those along who are due, too, as far as their windows touch, and who lies
 * within. */
static void begin_round(Core *c, Region *r, Incident *owner)
{
        const char *event = search_event(owner, 0);
        int64_t from, to;
        bool grown = true;

        ride(c, r, owner);
        search_set_window(c, owner, event);
        from = owner->attribution.from_msec;
        to = owner->attribution.to_msec;
        for (unsigned turn = 0; grown || turn == 0; turn++) {
                grown = false;
                for (size_t k = 0; k < c->n_incidents; k++) {
                        Incident *i = c->incidents[k];
                        Attribution *a = &i->attribution;

                        if (!is_waiting(c, r, i) || !is_same_search(i, owner) ||
                            a->next_boot > c->now.boot_usec)
                                continue;
                        search_set_window(c, i, event);
                        if (a->from_msec > to + SEARCH_SLACK_MSEC ||
                            a->to_msec < from - SEARCH_SLACK_MSEC)
                                continue;
                        ride(c, r, i);
                        grown = true;
                        from = MIN(from, a->from_msec);
                        to = MAX(to, a->to_msec);
                }
        }
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];

                if (!is_waiting(c, r, i) || !is_same_search(i, owner) ||
                    i->attribution.state != SEARCH_RUNNING)
                        continue;
                search_set_window(c, i, event);
                if (i->attribution.from_msec >= from && i->attribution.to_msec <= to)
                        ride(c, r, i);
        }
}

/* Page tokens are only good for the very same question: it is made when there is none. */
static void make_question(Core *c, Region *r)
{
        Round *round = &r->round;
        const char *event = search_event(round->riders[0], round->step);

        round->from_msec = INT64_MAX;
        round->to_msec = INT64_MIN;
        for (size_t k = 0; k < round->n_riders; k++) {
                Incident *i = round->riders[k];
                Attribution *a = &i->attribution;

                if (round->by_key) {
                        round->from_msec = MIN(round->from_msec, deeds_from_msec(i));
                        round->to_msec = MAX(c->now.wall_msec, round->from_msec);
                        continue;
                }
                a->asked = needs(i, round->step);
                if (!a->asked)
                        continue;
                a->starts_asked = a->starts_asked || round->step == 1;
                search_set_window(c, i, event);
                round->from_msec = MIN(round->from_msec, a->from_msec);
                round->to_msec = MAX(round->to_msec, a->to_msec);
        }
}

static void ask(Core *c, Region *r)
{
        Round *round = &r->round;

        if (!round->next_token)
                make_question(c, r);
        round->in_flight = true;
        memcpy(round->asked_for, round->riders[0]->id, sizeof(round->asked_for));
        r->next_lookup_boot = c->now.boot_usec + c->policy.lookup_spacing_usec;
        Action *x = core_emit(c, ACTION_LOOKUP);
        x->incident = round->riders[0];
        x->trail = round->riders[0]->trail;
        x->lookup = (LookupQuery){
                .region = r->name,
                .event_name = round->by_key ? "" : search_event(round->riders[0], round->step),
                .access_key_id = round->by_key ? round->keys[round->step] : NULL,
                .from_msec = round->from_msec,
                .to_msec = round->to_msec,
                .next_token = round->next_token,
        };
}

/* Who has waited longest for a turn at the region's rate. */
static Incident *longest_waiting(const Core *c, const Region *r)
{
        Incident *longest = NULL;

        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];

                if (is_waiting(c, r, i) && c->now.boot_usec >= i->attribution.next_boot &&
                    (!longest || i->attribution.next_boot < longest->attribution.next_boot))
                        longest = i;
        }
        return longest;
}

void search_tick(Core *c)
{
        for (size_t k = 0; k < c->n_regions; k++) {
                Region *r = &c->regions[k];

                if (r->round.in_flight || c->now.boot_usec < r->next_lookup_boot)
                        continue;
                if (r->round.n_riders == 0 && c->now.boot_usec >= r->paced_boot) {
                        Incident *owner = longest_waiting(c, r);
                        if (owner)
                                begin_round(c, r, owner);
                }
                if (r->round.n_riders > 0)
                        ask(c, r);
        }
}

uint64_t search_next_boot(const Core *c)
{
        uint64_t next = USEC_INFINITY;

        for (size_t k = 0; k < c->n_regions; k++)
                if (c->regions[k].round.n_riders > 0 && !c->regions[k].round.in_flight)
                        next = MIN(next, c->regions[k].next_lookup_boot);
        for (size_t k = 0; k < c->n_incidents; k++) {
                const Incident *i = c->incidents[k];

                if (!search_is_active(i) || i->attribution.riding)
                        continue;
                const Region *r = search_region_of(c, i);
                /* One that all have left goes on being asked until its answer. */
                if (r->round.n_riders == 0 && !r->round.in_flight)
                        next = MIN(next, MAX(i->attribution.next_boot,
                                             MAX(r->paced_boot, r->next_lookup_boot)));
        }
        return next;
}
