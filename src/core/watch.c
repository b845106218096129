/* SPDX-License-Identifier: Apache-2.0 */

/* What was changed and restored between two looks. Event history is asked, for each account and
 * region and one event name after the other, for the calls that change a trail. The newest call of
 * a name on a trail has set what looks show. What an older one had set is told when it was worse
 * than the baseline, and no incident of a look has told it; whoever sets daily what is set already
 * is none of that. A CreateTrail explains a start that nobody else does. Who it was is for the
 * search of the incident to say. */

#include "core/internal.h"

#include <syslog.h>

#include "aws/digest.h"
#include "base/mem.h"
#include "core/alerttext.h"

/* A guard that was down is told of what happened so long before. */
#define BACK_MAX_MSEC MSEC_PER_DAY
/* Reads may lag, and clocks differ: an incident covers so much before its last good look. */
#define SLACK_MSEC (2 * MSEC_PER_MINUTE)
/* What is found within so long after it was told is more of the same. */
#define SAME_MSEC MSEC_PER_HOUR
#define UPDATES_MAX 10

#define CREATED "CreateTrail"

static const char *const names[WATCHED_NAMES] = {"PutEventSelectors", "UpdateTrail",
                                                 "PutInsightSelectors", CREATED};

static unsigned index_of(const char *event)
{
        unsigned k = 0;

        while (!streq(names[k], event))
                k++;
        return k;
}

static bool is_here(const Core *c, const Region *r, const Trail *t)
{
        return &c->regions[t->region] == r;
}

static bool is_unexplained(const Core *c, const Trail *t)
{
        return t->unexplained.start_msec && c->now.boot_usec < t->unexplained.until_boot;
}

/* When to ask */

/* Whether there is anything that the name could tell. */
static bool is_wanted(const Core *c, const Region *r, const char *event)
{
        for (size_t k = 0; k < c->n_trails; k++) {
                const Trail *t = &c->trails[k];

                if (is_here(c, r, t) &&
                    (streq(event, CREATED) ? is_unexplained(c, t)
                                           : c->policy.inspect_usec > 0 && t->good_this_run &&
                                                     t->memory.baseline.selected))
                        return true;
        }
        return false;
}

/* Of the names that are wanted, the one that is due first. */
static const char *first_name(const Core *c, const Region *r, uint64_t *ret_due)
{
        const char *first = NULL;

        for (unsigned k = 0; k < WATCHED_NAMES && c->policy.watch_usec > 0; k++) {
                if (!is_wanted(c, r, names[k]) || (first && r->watched[k].next_boot >= *ret_due))
                        continue;
                first = names[k];
                *ret_due = r->watched[k].next_boot;
        }
        return first;
}

const char *watch_due(const Core *c, const Region *r, uint64_t *ret_due)
{
        const char *event = first_name(c, r, ret_due);

        return event && *ret_due <= c->now.boot_usec ? event : NULL;
}

uint64_t watch_next_boot(const Core *c, const Region *r)
{
        uint64_t due;

        return first_name(c, r, &due) ? due : USEC_INFINITY;
}

/* Since when the name may have been called, and nobody has looked. */
static int64_t unwatched_msec(const Core *c, const Trail *t, const char *event)
{
        if (streq(event, CREATED))
                return is_unexplained(c, t) ? t->unexplained.was.last_logging_msec - SLACK_MSEC
                                            : c->now.wall_msec;
        return t->memory.inspected_msec ? t->memory.inspected_msec : c->now.wall_msec;
}

int64_t watch_begin(Core *c, const Region *r, const char *event)
{
        int64_t from = r->watched[index_of(event)].whole_msec;
        bool fresh = from == 0;

        from = fresh || from > c->now.wall_msec ? c->now.wall_msec : from;
        for (size_t k = 0; k < c->n_trails; k++) {
                Trail *t = &c->trails[k];

                if (!is_here(c, r, t))
                        continue;
                changes_done(&t->watched.changes);
                t->watched = (WatchedCalls){};
                if (fresh || streq(event, CREATED))
                        from = MIN(from, unwatched_msec(c, t, event));
        }
        return MAX(from, c->now.wall_msec - BACK_MAX_MSEC) - c->policy.watch_overlap_msec;
}

/* What calls say */

static void digest_request(const CloudTrailRecord *r, char ret[static DIGEST_HEX_SIZE])
{
        _cleanup_free_ char *text =
                mem_printf("%s\n%s", strempty(r->parameters), strempty(r->selectors));

        digest_sha256_hex(text, strlen(text), ret);
}

/* Whether an incident has told that the trail was changed so at that time. */
static bool is_told(const Core *c, const Trail *t, ChangeKind kind, int64_t msec)
{
        for (size_t k = 0; k < c->n_incidents; k++) {
                const Incident *i = c->incidents[k];

                if (i->kind != INCIDENT_DRIFT || i->trail != (size_t)(t - c->trails))
                        continue;
                for (size_t n = 0; n < i->changes.n; n++) {
                        const Change *x = &i->changes.items[n];
                        int64_t to = i->between_looks ? i->seen_msec
                                     : !i->open       ? i->closed_msec
                                     : x->undone      ? i->seen_msec
                                                      : INT64_MAX;

                        if (x->kind == kind && msec <= to &&
                            msec >= i->good_msec - (i->between_looks ? 0 : SLACK_MSEC))
                                return true;
                }
        }
        return false;
}

static bool is_approved(const Trail *t, int64_t msec)
{
        return msec >= t->maintained_from_msec && msec <= t->maintained_to_msec;
}

/* By what was right at that time. */
static void compare(const Trail *t, const CloudTrailRecord *r, Changes *ret)
{
        bool earlier = r->time_msec < t->rebased_msec && t->earlier_msec;

        drift_compare_request(earlier ? &t->earlier : &t->memory.baseline, &t->config.expect, r,
                              ret);
}

static bool has_kind(const Changes *c, ChangeKind kind)
{
        for (size_t k = 0; k < c->n; k++)
                if (c->items[k].kind == kind)
                        return true;
        return false;
}

/* Takes those of which the like is not there yet. */
static bool take_new(Changes *to, Changes *from)
{
        bool any = false;

        for (size_t k = 0; k < from->n; k++) {
                if (has_kind(to, from->items[k].kind))
                        continue;
                Change *x = mem_push0(to->items, to->n);
                *x = from->items[k];
                from->items[k] = (Change){};
                any = true;
        }
        return any;
}

static void note_older(const Core *c, Trail *t, const CloudTrailRecord *r, Changes *set)
{
        WatchedCalls *w = &t->watched;
        bool news = false;

        for (size_t k = 0; k < set->n; k++)
                news = news || !is_told(c, t, set->items[k].kind, r->time_msec);
        if (!news || is_approved(t, r->time_msec))
                return;
        (void)take_new(&w->changes, set);
        w->from_msec = w->from_msec ? MIN(w->from_msec, r->time_msec) : r->time_msec;
        w->to_msec = MAX(w->to_msec, r->time_msec);
        w->back_msec = MAX(w->back_msec, w->later_msec);
}

static void on_call(const Core *c, Trail *t, const CloudTrailRecord *r)
{
        _cleanup_(changes_done) Changes set = {};
        char request[DIGEST_HEX_SIZE];
        WatchedCalls *w = &t->watched;

        if (!t->memory.baseline_by && r->time_msec < t->memory.baseline_msec)
                return; /* the baseline is what it has set, too */
        digest_request(r, request);
        if (!streq(request, w->newest))
                compare(t, r, &set);
        if (!*w->newest) {
                memcpy(w->newest, request, sizeof(request));
                w->newest_msec = r->time_msec;
                w->newest_is_worse = set.n > 0;
        } else if (set.n > 0) {
                note_older(c, t, r, &set);
        }
        w->later_msec = r->time_msec;
}

/* Whether looks have shown what the newest call has set, and that it is as it should be. */
static bool is_restored(const Core *c, const Trail *t)
{
        int64_t looked = c->now.wall_msec -
                         (int64_t)((c->now.boot_usec - t->inspected_boot) / USEC_PER_MSEC);

        if (!t->watched.newest_is_worse)
                return true;
        return t->agreeing_drift == 0 && !t->drift &&
               looked > t->watched.newest_msec +
                                (int64_t)(c->policy.verify_within_usec / USEC_PER_MSEC);
}

static Incident *find_same(const Core *c, const Trail *t)
{
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];

                if (i->between_looks && i->trail == (size_t)(t - c->trails) && !i->in_maintenance &&
                    c->now.wall_msec < i->detected_msec + SAME_MSEC)
                        return i;
        }
        return NULL;
}

static void extend(Core *c, Incident *i, WatchedCalls *w)
{
        (void)take_new(&i->changes, &w->changes);
        i->good_msec = i->blind_from_msec = MIN(i->good_msec, w->from_msec);
        i->seen_msec = MAX(i->seen_msec, w->to_msec);
        i->blind_to_msec = MAX(i->blind_to_msec, w->back_msec);
        incident_touch(i);
        incident_escalate(i, changes_severity(&i->changes));
        search_again(c, i);
        if (i->n_messages < UPDATES_MAX)
                notify(c, i, PHASE_UPDATE);
}

static void tell(Core *c, Trail *t)
{
        WatchedCalls *w = &t->watched;
        Incident *same = find_same(c, t);

        if (same)
                extend(c, same, w);
        else
                incident_open(c, t,
                              &(IncidentFacts){.kind = INCIDENT_DRIFT,
                                               .severity = changes_severity(&w->changes),
                                               .changes = &w->changes,
                                               .between_looks = true,
                                               .good_msec = w->from_msec,
                                               .seen_msec = w->to_msec,
                                               .blind_from_msec = w->from_msec,
                                               .blind_to_msec = w->back_msec,
                                               .id_time_msec = w->from_msec,
                                               .id_digest = "between-looks"});
        changes_done(&w->changes);
        w->from_msec = w->to_msec = w->back_msec = 0;
}

static void on_created(Core *c, Trail *t, const CloudTrailRecord *r)
{
        struct Unexplained *u = &t->unexplained;

        if (!is_unexplained(c, t) || r->time_msec < u->was.last_logging_msec - SLACK_MSEC ||
            r->time_msec < u->was.start_msec / MSEC_PER_SEC * MSEC_PER_SEC ||
            r->time_msec > u->start_msec + SLACK_MSEC || is_approved(t, r->time_msec))
                return;
        for (size_t k = 0; k < c->n_incidents; k++)
                if (c->incidents[k]->kind == INCIDENT_RECREATED &&
                    c->incidents[k]->trail == (size_t)(t - c->trails) &&
                    c->incidents[k]->blind_to_msec >= r->time_msec)
                        return; /* of this very call */
        reading_open_recreated(c, t, &u->was, u->start_msec);
        u->start_msec = 0;
}

void watch_found(Core *c, const Region *r, const Batch *b, const LookupPage *page)
{
        for (size_t k = 0; k < c->n_trails; k++) {
                Trail *t = &c->trails[k];

                if (!is_here(c, r, t))
                        continue;
                for (size_t n = 0; n < page->n_records; n++) {
                        const CloudTrailRecord *x = &page->records[n];

                        if (x->error_code || !streq(x->event_name, b->event_name) ||
                            cloudtrail_record_match(x, t->config.arn) != TRAIL_MATCH_YES)
                                continue;
                        if (streq(b->event_name, CREATED))
                                on_created(c, t, x);
                        else
                                on_call(c, t, x);
                }
                if (t->watched.changes.n > 0 && is_restored(c, t))
                        tell(c, t);
        }
}

void watch_read(Core *c, Region *r, const Batch *b)
{
        WatchedName *n = &r->watched[index_of(b->event_name)];

        n->whole_msec = b->to_msec;
        n->next_boot = c->now.boot_usec + c->policy.watch_usec;
        r->watch_failures = 0;
}

void watch_failed(Core *c, Region *r, const AwsError *error)
{
        _cleanup_free_ char *words = alert_error_words(error);

        for (unsigned k = 0; k < WATCHED_NAMES; k++)
                r->watched[k].next_boot =
                        MAX(r->watched[k].next_boot, c->now.boot_usec + c->policy.watch_usec);
        if (r->watch_failures++ == 0)
                core_log_guard(c, LOG_EVENT_LOOKUP_FAILED, LOG_WARNING,
                               "%s: changes between two looks at settings are not seen, "
                               "LookupEvents failed: %s",
                               r->name, words);
}

void watch_start(Core *c, Trail *t, int64_t start_msec)
{
        uint64_t lag = (uint64_t)c->policy.watch_overlap_msec * USEC_PER_MSEC;

        t->unexplained = (struct Unexplained){
                .start_msec = start_msec, .was = t->memory, .until_boot = c->now.boot_usec + lag};
        c->regions[t->region].watched[index_of(CREATED)].next_boot = c->now.boot_usec;
}
