/* SPDX-License-Identifier: Apache-2.0 */

/* LookupEvents, at the rate of a region's budget. A question names no trail, so that one batch
 * serves every search of its account and region that needs the event name, as far as its window
 * goes: two hundred trails stopped at once cost one question, and twenty changed trails cost each
 * of their few event names once. Pages come newest first. What they have shown counts for whoever
 * looks for that event and that time; a long batch yields to what is more urgent (lookupturn.h). */

#include "core/internal.h"

#include <syslog.h>

#include "base/mem.h"
#include "core/alerttext.h"
#include "core/attribution.h"
#include "core/findings.h"

#define PAGES_MAX 2000
/* A token may not be good for ever: the rest is asked for anew then. */
#define TOKEN_AGE_MAX_USEC (15 * USEC_PER_MINUTE)
#define BATCHES_MAX 16
/* Another page of less time than this: there is so much that windows are kept short. */
#define CROWDED_MSEC MSEC_PER_MINUTE
#define CROWDED_FOR_USEC (5 * USEC_PER_MINUTE)
/* A window grows by that of others: for an urgent question little, when pages take long. */
#define GROWTH_URGENT_MSEC (5 * MSEC_PER_SEC)
#define GROWTH_MSEC MSEC_PER_MINUTE
#define THROTTLED_SPACINGS_MAX 4

/* What else the culprit's key did: from so long before the stop until now, best effort. */
#define DEEDS_BEFORE_MSEC MSEC_PER_HOUR
#define DEEDS_PAGES_MAX 2

/* Somebody who waits for a call. */
typedef struct Waiting {
        Incident *incident;
        unsigned step;
        const char *key;   /* what it was used for; NULL: the step */
        const char *watch; /* the event that the region's watch asks for; NULL: a search waits */
        uint64_t batch;    /* the one that serves it, 0: none yet */
} Waiting;

typedef struct Claims {
        LookupClaim *claims;
        size_t n_claims;
        Waiting *waiting; /* of each */
        size_t n_waiting;
} Claims;

static void claims_done(Claims *x)
{
        free(x->claims);
        free(x->waiting);
}

bool lookup_is_crowded(const Core *c, const Region *r)
{
        return r->crowded_boot && c->now.boot_usec < r->crowded_boot + CROWDED_FOR_USEC;
}

static Batch *find_batch(Region *r, uint64_t id)
{
        for (size_t k = 0; id && k < r->n_batches; k++)
                if (r->batches[k].id == id)
                        return &r->batches[k];
        return NULL;
}

static void batch_done(Batch *b)
{
        free(b->event_name);
        free(b->access_key);
        free(b->next_token);
}

static void drop_batch(Region *r, Batch *b)
{
        batch_done(b);
        *b = r->batches[--r->n_batches];
}

void lookup_region_done(Region *r)
{
        while (r->n_batches > 0)
                batch_done(&r->batches[--r->n_batches]);
        free(r->batches);
}

static bool is_here(const Core *c, const Region *r, const Incident *i)
{
        return search_is_looking(c, i) && search_region_of(c, i) == r;
}

static bool is_covered(const Incident *i, unsigned step)
{
        return i->attribution.covered & UINT32_C(1) << step;
}

/* Whether the answer of the batch is one to the step of a look: asked since that began. */
static bool serves(const Batch *b, const Incident *i, const SearchStep *s)
{
        return b->event_name && b->begun_boot >= i->attribution.next_boot &&
               streq(b->event_name, s->event) && s->from_msec >= b->from_msec &&
               s->to_msec <= b->to_msec;
}

/* Who waits, and how urgently */

static void claim(Claims *x, const LookupClaim *claim, const Waiting *w)
{
        for (size_t k = 0; k < x->n_claims && w->batch; k++) {
                if (x->waiting[k].batch != w->batch)
                        continue;
                if (lookup_claim_is_before(claim, &x->claims[k])) {
                        x->claims[k] = *claim;
                        x->waiting[k] = *w;
                }
                return;
        }
        *mem_push0(x->claims, x->n_claims) = *claim;
        *mem_push0(x->waiting, x->n_waiting) = *w;
}

static uint64_t serving(const Region *r, const Incident *i, const SearchStep *s)
{
        for (size_t k = 0; k < r->n_batches; k++)
                if (serves(&r->batches[k], i, s))
                        return r->batches[k].id;
        return 0;
}

static void claim_search(Core *c, Region *r, Incident *i, Claims *x)
{
        LookupClaim y = {.due_boot = i->attribution.next_boot,
                         .asked_boot = c->trails[i->trail].lookup_boot};
        bool asks = false; /* for one new question at a time */
        bool waits = i->attribution.keying;
        SearchStep s;

        for (unsigned k = 0; search_step(c, i, k, &s); k++) {
                if (is_covered(i, k) || !search_needs(c, i, k))
                        continue;
                Waiting w = {.incident = i, .step = k, .batch = serving(r, i, &s)};
                y.rank = search_rank(c, i, k);
                if (w.batch || !asks)
                        claim(x, &y, &w);
                asks = asks || !w.batch;
                waits = true;
        }
        if (i->attribution.keying && !attribution_key(i))
                i->attribution.keying = waits = false; /* it was somebody else */
        if (!waits)
                search_advance(c, i); /* what it was to read it need not read any more */
        if (!i->attribution.keying)
                return;
        y.rank = LOOKUP_KEY;
        claim(x, &y,
              &(Waiting){.incident = i,
                         .key = attribution_key(i),
                         .batch = find_batch(r, i->attribution.keyed) ? i->attribution.keyed : 0});
}

static void claim_watch(const Core *c, Region *r, Claims *x)
{
        LookupClaim y = {.rank = LOOKUP_WATCH};
        Waiting w = {.watch = watch_due(c, r, &y.due_boot)};

        if (!w.watch)
                return;
        for (size_t k = 0; k < r->n_batches; k++)
                w.batch = r->batches[k].watch ? r->batches[k].id : w.batch;
        y.asked_boot = y.due_boot;
        claim(x, &y, &w);
}

static void claim_all(Core *c, Region *r, Claims *x)
{
        claim_watch(c, r, x);
        for (size_t k = 0; k < c->n_incidents; k++)
                if (is_here(c, r, c->incidents[k]))
                        claim_search(c, r, c->incidents[k], x);
}

/* What nobody waits for any more is not asked for any further. */
static void drop_unwanted(Region *r, const Claims *x)
{
        size_t kept = 0;

        for (size_t k = 0; k < r->n_batches; k++) {
                size_t n = 0;

                while (n < x->n_waiting && x->waiting[n].batch != r->batches[k].id)
                        n++;
                if (n < x->n_waiting)
                        r->batches[kept++] = r->batches[k];
                else
                        batch_done(&r->batches[k]);
        }
        r->n_batches = kept;
}

/* Asking */

/* event: NULL for those of a key. */
static Batch *begin_batch(Core *c, Region *r, const char *event, int64_t from_msec, int64_t to_msec)
{
        if (r->n_batches == BATCHES_MAX)
                drop_batch(r, &r->batches[0]); /* its searches ask again */
        Batch *b = mem_push0(r->batches, r->n_batches);

        b->id = ++c->n_batches;
        b->event_name = mem_strdup(event);
        b->from_msec = from_msec;
        b->to_msec = b->read_msec = b->rest_msec = to_msec;
        b->begun_boot = b->asked_boot = c->now.boot_usec;
        return b;
}

/* Whoever waits for the same event in a time that touches is asked for with it. */
static bool grow(Core *c, Region *r, Batch *b, int64_t most_msec)
{
        int64_t slack = lookup_is_crowded(c, r) ? MSEC_PER_SEC : SEARCH_SLACK_MSEC;
        bool grown = false;
        SearchStep s;

        for (size_t k = 0; k < c->n_incidents; k++) {
                const Incident *i = c->incidents[k];

                if (!is_here(c, r, i))
                        continue;
                for (unsigned n = 0; search_step(c, i, n, &s); n++) {
                        int64_t from = MIN(b->from_msec, s.from_msec);
                        int64_t to = MAX(b->to_msec, s.to_msec);

                        if (!streq(s.event, b->event_name) || is_covered(i, n) ||
                            !search_needs(c, i, n) || s.from_msec > b->to_msec + slack ||
                            s.to_msec < b->from_msec - slack || to - from > most_msec ||
                            to - from == b->to_msec - b->from_msec)
                                continue;
                        b->from_msec = from;
                        b->to_msec = b->read_msec = b->rest_msec = to;
                        grown = true;
                }
        }
        return grown;
}

static Batch *begin_step(Core *c, Region *r, const Waiting *w, LookupRank rank)
{
        SearchStep s;

        if (!search_step(c, w->incident, w->step, &s))
                abort(); /* it was there when it was claimed */
        Batch *b = begin_batch(c, r, s.event, s.from_msec, s.to_msec);
        int64_t most = !lookup_is_crowded(c, r) || rank >= LOOKUP_SECOND
                               ? INT64_MAX
                               : s.to_msec - s.from_msec +
                                         (rank == LOOKUP_OUTAGE ? GROWTH_URGENT_MSEC : GROWTH_MSEC);
        while (grow(c, r, b, most))
                ;
        return b;
}

static int64_t deeds_from_msec(const Incident *i)
{
        return (i->stop_msec ? i->stop_msec : i->detected_msec) - DEEDS_BEFORE_MSEC;
}

/* All whose culprit has this key are served at once. */
static Batch *begin_key(Core *c, Region *r, const char *key)
{
        Batch *b = begin_batch(c, r, NULL, INT64_MAX, c->now.wall_msec);

        b->access_key = mem_strdup(key);
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];

                if (!is_here(c, r, i) || !i->attribution.keying || i->attribution.keyed ||
                    !streq_ptr(attribution_key(i), b->access_key))
                        continue;
                findings_begin_deeds(&i->attribution, b->access_key);
                i->attribution.keyed = b->id;
                b->from_msec = MIN(b->from_msec, deeds_from_msec(i));
        }
        b->to_msec = b->read_msec = b->rest_msec = MAX(b->to_msec, b->from_msec);
        return b;
}

static void ask(Core *c, Region *r, const Waiting *w, LookupRank rank)
{
        Batch *b = find_batch(r, w->batch);

        if (!b && w->watch) {
                b = begin_batch(c, r, w->watch, watch_begin(c, r, w->watch), c->now.wall_msec);
                b->watch = true;
        } else if (!b) {
                b = w->key ? begin_key(c, r, w->key) : begin_step(c, r, w, rank);
        }
        r->in_flight = b->id;
        r->next_lookup_boot = c->now.boot_usec + c->policy.lookup_spacing_usec;
        lookup_turn_note(&r->turn, rank, c->now.boot_usec);
        Action *x = core_emit(c, ACTION_LOOKUP);
        if (w->incident) {
                c->trails[w->incident->trail].lookup_boot = c->now.boot_usec;
                x->incident = w->incident;
                x->trail = w->incident->trail;
        }
        x->account = r->account;
        x->batch = b->id;
        x->lookup = (LookupQuery){
                .region = r->name,
                .event_name = strempty(b->event_name),
                .access_key_id = b->access_key,
                .from_msec = b->from_msec,
                .to_msec = b->rest_msec,
                .next_token = b->next_token,
        };
}

void lookup_tick(Core *c)
{
        for (size_t k = 0; k < c->n_regions; k++) {
                Region *r = &c->regions[k];
                _cleanup_(claims_done) Claims x = {};

                if (r->in_flight || c->now.boot_usec < r->next_lookup_boot)
                        continue;
                claim_all(c, r, &x);
                drop_unwanted(r, &x);
                size_t next = lookup_turn_next(&r->turn, x.claims, x.n_claims);
                if (x.waiting && next < x.n_waiting)
                        ask(c, r, &x.waiting[next], x.claims[next].rank);
        }
}

uint64_t lookup_next_boot(const Core *c)
{
        uint64_t next = USEC_INFINITY;

        for (const Region *r = c->regions; r < c->regions + c->n_regions; r++)
                if (!r->in_flight)
                        next = MIN(next, MAX(watch_next_boot(c, r), r->next_lookup_boot));
        for (size_t k = 0; k < c->n_incidents; k++) {
                const Incident *i = c->incidents[k];

                if (!search_is_active(i))
                        continue;
                const Region *r = search_region_of(c, i);
                if (!r->in_flight)
                        next = MIN(next, MAX(i->attribution.next_boot, r->next_lookup_boot));
                next = MIN(next, search_wake_boot(c, i));
        }
        return next;
}

/* Answers */

/* Whose look waits for the batch. */
static bool is_served(const Core *c, const Region *r, const Batch *b, const Incident *i)
{
        SearchStep s;

        if (!is_here(c, r, i))
                return false;
        if (b->access_key)
                return i->attribution.keying && i->attribution.keyed == b->id;
        for (unsigned k = 0; search_step(c, i, k, &s); k++)
                if (!is_covered(i, k) && search_needs(c, i, k) && serves(b, i, &s))
                        return true;
        return false;
}

/* The service is not willing: whoever waits for it says so. The budget is the others', too, so
 * that asking less often would only leave it to them. */
static void throttled(Core *c, Region *r, const AwsError *error)
{
        Incident *first = NULL;
        bool told = r->throttles++ > 0 && r->throttle_told;

        r->throttled_msec = r->throttled_msec ? r->throttled_msec : c->now.wall_msec;
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];

                if (!search_is_active(i) || search_region_of(c, i) != r)
                        continue;
                first = first ? first : i;
                if (!i->attribution.throttled_msec)
                        i->attribution.throttled_msec =
                                MAX(r->throttled_msec, i->attribution.begun_msec);
        }
        if (first && !told)
                core_log(c, LOG_EVENT_LOOKUP_FAILED, LOG_WARNING, first, error,
                         "incident %s: LookupEvents is throttled, will be retried", first->id);
        r->throttle_told = told || first;
        r->next_lookup_boot =
                c->now.boot_usec +
                backoff_usec(c->policy.lookup_spacing_usec,
                             THROTTLED_SPACINGS_MAX * c->policy.lookup_spacing_usec, r->throttles);
}

static void unthrottled(Core *c, Region *r)
{
        for (size_t k = 0; k < c->n_incidents && r->throttled_msec; k++)
                if (search_is_active(c->incidents[k]) && search_region_of(c, c->incidents[k]) == r)
                        c->incidents[k]->attribution.throttled_msec = 0;
        r->throttled_msec = 0;
        r->throttles = 0;
}

/* A batch that broke off begins anew, page tokens being what they are. */
static void failed(Core *c, Region *r, Batch *b, const AwsError *error)
{
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];

                if (!is_served(c, r, b, i))
                        continue;
                if (!streq(i->attribution.error.code, error->code)) {
                        _cleanup_free_ char *words = alert_error_words(error);
                        core_log(c, LOG_EVENT_LOOKUP_FAILED, LOG_WARNING, i, error,
                                 "incident %s: LookupEvents failed: %s", i->id, words);
                }
                search_failed(c, i, error);
        }
        if (b->watch)
                watch_failed(c, r, error);
        drop_batch(r, b);
}

/* The key's page is there, or is not to be had: the verdict does not wait for it. */
static void deeds_found(Core *c, Region *r, Batch *b, const Input *in)
{
        bool read = in->error.class == AWS_ERROR_NONE, more = !read || in->page->next_token;
        bool again = read && more && ++b->pages < DEEDS_PAGES_MAX;
        uint64_t id = b->id;

        if (again)
                mem_strset(&b->next_token, in->page->next_token);
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];

                if (!is_served(c, r, b, i))
                        continue;
                if (read)
                        findings_count_deeds(&i->attribution, in->page->records,
                                             in->page->n_records, deeds_from_msec(i));
                if (!again && more)
                        i->attribution.deeds_cut = true;
        }
        if (again)
                return;
        drop_batch(r, b);
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];

                if (search_is_active(i) && i->attribution.keyed == id) {
                        i->attribution.keying = false;
                        search_complete(c, i);
                }
        }
}

/* Whether it is the one batch that reads all calls of the event to the look. */
static bool is_counted(const Core *c, const Batch *b, const Incident *i)
{
        SearchStep s;

        for (unsigned k = 0; search_step(c, i, k, &s); k++)
                if (!s.narrow && !is_covered(i, k) && search_needs(c, i, k) && serves(b, i, &s))
                        return true;
        return false;
}

/* To everybody who looks for that event, in whatever window. */
static void offer(Core *c, const Region *r, const Batch *b, const LookupPage *page)
{
        FindingsLimit limit = {c->findings_share, c->identities[r->account], false};

        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];
                Attribution *a = &i->attribution;

                if (!is_here(c, r, i) || !search_set_window(c, i, b->event_name))
                        continue;
                if (is_served(c, r, b, i)) {
                        if (!a->reads)
                                findings_begin_look(a);
                        a->reads = true;
                        a->error = (AwsError){};
                        a->n_unreadable += (unsigned)page->n_unreadable;
                }
                limit.counts = is_counted(c, b, i);
                findings_add(i, page->records, page->n_records, &limit);
        }
}

/* Records of one second may go on on the next page. */
static void note_read(Core *c, Region *r, Batch *b, const LookupPage *page)
{
        int64_t before = b->read_msec;

        b->pages++;
        for (size_t k = 0; k < page->n_records; k++)
                b->read_msec = MIN(b->read_msec, page->records[k].time_msec + MSEC_PER_SEC);
        b->read_msec = MAX(b->read_msec, b->from_msec);
        if (page->next_token && b->pages > 1 && before - b->read_msec < CROWDED_MSEC)
                r->crowded_boot = c->now.boot_usec;
}

/* Steps whose windows have been read through; when that is all that will be read, the others, too,
 * as far as they were. */
static void cover(Core *c, Region *r, const Batch *b, bool whole, bool ended)
{
        int64_t from = whole ? b->from_msec : b->read_msec;

        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];
                Attribution *a = &i->attribution;
                uint32_t covered = a->covered;
                SearchStep s;

                if (!is_here(c, r, i))
                        continue;
                for (unsigned n = 0; search_step(c, i, n, &s); n++) {
                        if (is_covered(i, n) || !serves(b, i, &s) || (!ended && s.from_msec < from))
                                continue;
                        a->covered |= UINT32_C(1) << n;
                        if (s.from_msec < from)
                                a->cut |= UINT32_C(1) << n;
                }
                if (a->covered != covered)
                        search_advance(c, i);
        }
}

/* What is not read to its end is asked for again. */
static void recount(Core *c, const Region *r, const Batch *b)
{
        for (size_t k = 0; k < c->n_incidents; k++)
                if (is_served(c, r, b, c->incidents[k]))
                        findings_recount(&c->incidents[k]->attribution);
}

static void page_found(Core *c, Region *r, Batch *b, const LookupPage *page)
{
        bool crowded = lookup_is_crowded(c, r);

        offer(c, r, b, page);
        if (b->watch)
                watch_found(c, r, b, page);
        mem_strset(&b->next_token, page->next_token);
        note_read(c, r, b, page);
        bool whole = !b->next_token;
        bool stale = c->now.boot_usec >= b->asked_boot + TOKEN_AGE_MAX_USEC;
        bool ended = whole || b->pages == PAGES_MAX || (stale && b->read_msec == b->rest_msec);
        cover(c, r, b, whole, ended);
        if (stale && !ended) {
                free(TAKE_PTR(b->next_token));
                b->rest_msec = b->read_msec;
                b->asked_boot = c->now.boot_usec;
        }
        /* Windows were wide as long as that cost nothing: they are asked for anew. */
        if (!ended && !b->watch && !crowded && lookup_is_crowded(c, r)) {
                recount(c, r, b);
                ended = true;
        }
        if (ended && b->watch)
                watch_read(c, r, b);
        if (ended)
                drop_batch(r, b);
}

static Region *asked_region(Core *c, uint64_t batch)
{
        for (size_t k = 0; k < c->n_regions; k++)
                if (batch && c->regions[k].in_flight == batch)
                        return &c->regions[k];
        return NULL;
}

void lookup_found(Core *c, const Input *in)
{
        Region *r = asked_region(c, in->batch);
        Batch *b = r ? find_batch(r, in->batch) : NULL;

        if (!b)
                return;
        r->in_flight = 0;
        if (in->error.class == AWS_ERROR_THROTTLED) {
                throttled(c, r, &in->error);
                return;
        }
        unthrottled(c, r);
        if (b->access_key)
                deeds_found(c, r, b, in);
        else if (in->error.class != AWS_ERROR_NONE)
                failed(c, r, b, &in->error);
        else
                page_found(c, r, b, in->page);
}
