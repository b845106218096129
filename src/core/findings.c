/* SPDX-License-Identifier: Apache-2.0 */

/* A window of Event history may hold any number of calls, and every text in them is somebody's own
 * choice. What is kept is what lies nearest to the stop, since that is what a verdict rests on. */

#include "core/findings.h"

#include "aws/arn.h"
#include "base/mem.h"
#include "core/changecause.h"
#include "core/drift.h"

/* Polls read replicas that may lag: known to be logging only so long before the poll said so. */
#define LOGGING_SLACK_MSEC MSEC_PER_MINUTE
/* Callers of refused calls that are listed; of the others the number is known. */
#define REFUSED_MAX 20

bool finding_is_event(const Finding *f, const char *event_name)
{
        return streq(f->record.event_name, event_name);
}

bool finding_succeeded(const Finding *f)
{
        return !f->record.error_code && f->match == TRAIL_MATCH_YES;
}

bool finding_is_restart(const Incident *i, const Finding *f)
{
        if (f->record.time_msec < findings_second_of(i->stop_msec))
                return false;
        for (size_t k = 0; k < i->restart.n_request_ids; k++)
                if (streq_ptr(i->restart.request_ids[k], f->record.request_id))
                        return true;
        return false;
}

int64_t findings_second_of(int64_t msec)
{
        return msec / MSEC_PER_SEC * MSEC_PER_SEC;
}

/* Whose record it is */

/* By its ARN; by its name in the region and account that the ARN names. Names of buckets, which
 * have no ARN here, are unique in a partition. */
static TrailMatch match_resource(const CloudTrailRecord *r, const char *resource)
{
        Arn wanted, named;
        bool has_arn = arn_parse(resource, &wanted) == 0;
        TrailMatch service = cloudtrail_record_match_service(r, has_arn ? wanted.service : "s3");

        if (service == TRAIL_MATCH_NO || !r->trail)
                return service == TRAIL_MATCH_NO ? service : TRAIL_MATCH_UNKNOWN;
        if (!resource_is_same(r->trail, resource))
                return TRAIL_MATCH_NO;
        if (!has_arn || service == TRAIL_MATCH_UNKNOWN)
                return service;
        bool by_arn = arn_parse(r->trail, &named) == 0;
        bool here = streq(r->region, wanted.region) &&
                    (by_arn || streq(r->recipient_account_id, wanted.account));
        if (here)
                return TRAIL_MATCH_YES;
        return by_arn ? TRAIL_MATCH_UNKNOWN : TRAIL_MATCH_NO;
}

static TrailMatch match_any(const Incident *i, const CloudTrailRecord *r)
{
        TrailMatch best = TRAIL_MATCH_NO;

        if (i->n_resources == 0 || !r->event_source ||
            cloudtrail_record_match_service(r, "cloudtrail") != TRAIL_MATCH_NO)
                return cloudtrail_record_match(r, i->trail_arn);
        /* Of what arrives nowhere, the bucket, key, topic or log group may have been changed. */
        for (size_t k = 0; k < i->n_resources && best != TRAIL_MATCH_YES; k++) {
                TrailMatch m = match_resource(r, i->resources[k]);

                best = m == TRAIL_MATCH_NO ? best : m;
        }
        return best;
}

TrailMatch findings_match(const Incident *i, const CloudTrailRecord *r)
{
        const char *searched = i->attribution.searched_account;
        TrailMatch m = match_any(i, r);

        if (m != TRAIL_MATCH_YES)
                return m;
        if (!identity_is_known(&r->identity) ||
            (searched && !streq(searched, r->recipient_account_id)))
                return TRAIL_MATCH_UNKNOWN;
        return m;
}

/* When it may have been */

static int64_t first_possible_msec(const Incident *i)
{
        int64_t anchor = findings_second_of(i->stop_msec);
        int64_t from = findings_second_of(i->last_logging_msec - LOGGING_SLACK_MSEC);

        /* Our clock may be ahead, but not behind the stop. */
        if (anchor && from > anchor)
                from = 0;
        if (anchor)
                from = MIN(from, anchor - FINDINGS_BEFORE_ANCHOR_MSEC);
        /* One that came after it is of what an incident before this one has told already. */
        if (!anchor || i->known_start_msec <= i->stop_msec)
                from = MAX(from, findings_second_of(i->known_start_msec));
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *f = &i->attribution.findings[k];

                if (finding_is_event(f, "StartLogging") && finding_succeeded(f) &&
                    f->record.time_msec < anchor)
                        from = MAX(from, f->record.time_msec);
        }
        return from;
}

static int64_t last_possible_msec(const Incident *i)
{
        int64_t to = i->stop_msec + FINDINGS_AFTER_ANCHOR_MSEC;

        if (!i->stop_msec)
                return i->detected_msec + LOGGING_SLACK_MSEC;
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *f = &i->attribution.findings[k];

                /* By the clock of the records. */
                if (finding_is_event(f, "StartLogging") && finding_succeeded(f) &&
                    finding_is_restart(i, f))
                        to = MIN(to, MAX(f->record.time_msec, findings_second_of(i->stop_msec)));
        }
        return to;
}

FindingsSpan findings_span(const Incident *i)
{
        if (incident_kind_is_change(i->kind))
                return (FindingsSpan){i->attribution.from_msec, i->attribution.to_msec};
        return (FindingsSpan){first_possible_msec(i), last_possible_msec(i)};
}

/* What is kept */

static int64_t distance(const Incident *i, const CloudTrailRecord *r)
{
        int64_t d = r->time_msec - (i->stop_msec ? i->stop_msec : i->detected_msec);

        return d < 0 ? -d : d;
}

static bool is_own(const CloudTrailRecord *r, const FindingsLimit *l)
{
        return l->own_arn && streq_ptr(r->identity.arn, l->own_arn);
}

/* How readily it is forgotten: what was refused first, then what is farthest from the stop. */
static int64_t worth(const Incident *i, const CloudTrailRecord *r, const FindingsLimit *l)
{
        return -distance(i, r) - (r->error_code && !is_own(r, l) ? MSEC_PER_DAY * 365 : 0);
}

static bool is_same_event(const CloudTrailRecord *a, const CloudTrailRecord *b)
{
        if (a->event_id || b->event_id)
                return streq_ptr(a->event_id, b->event_id);
        return a->time_msec == b->time_msec && streq(a->event_name, b->event_name) &&
               streq_ptr(a->request_id, b->request_id) &&
               identity_is_same(&a->identity, &b->identity);
}

static size_t finding_bytes(const Finding *f)
{
        return sizeof(*f) - sizeof(f->record) + cloudtrail_record_bytes(&f->record);
}

size_t findings_bytes(const Attribution *a)
{
        size_t n = 0;

        for (size_t k = 0; k < a->n_findings; k++)
                n += finding_bytes(&a->findings[k]);
        return n;
}

static void drop(Attribution *a, Finding *f)
{
        cloudtrail_record_done(&f->record);
        *f = a->findings[--a->n_findings];
}

/* A call at the time that counts, of which nothing is known any more, leaves a doubt. Another one,
 * and one that was refused, does not: neither changes who did it. */
static void note_dropped(Incident *i, const CloudTrailRecord *r)
{
        FindingsSpan span = findings_span(i);

        if (!r->error_code && r->time_msec >= span.from_msec && r->time_msec <= span.to_msec)
                i->attribution.overfull = true;
}

static void keep_within(Incident *i, const FindingsLimit *l)
{
        Attribution *a = &i->attribution;

        while (a->n_findings > 1 && findings_bytes(a) > l->max_bytes) {
                Finding *least = a->findings;

                for (size_t k = 1; k < a->n_findings; k++)
                        if (worth(i, &a->findings[k].record, l) < worth(i, &least->record, l))
                                least = &a->findings[k];
                note_dropped(i, &least->record);
                drop(a, least);
        }
}

static void push(Incident *i, const CloudTrailRecord *r, TrailMatch match, bool counts)
{
        Finding *f = mem_push0(i->attribution.findings, i->attribution.n_findings);

        *f = (Finding){.role = ROLE_RELATED, .calls = 1, .counted = counts, .match = match};
        cloudtrail_record_copy(r, &f->record);
        change_note_request(i, r, f);
}

static void add_call(Incident *i, const CloudTrailRecord *r, TrailMatch match,
                     const FindingsLimit *l)
{
        Attribution *a = &i->attribution;

        a->offered += l->counts;
        for (size_t k = 0; k < a->n_findings; k++)
                if (is_same_event(&a->findings[k].record, r)) {
                        a->findings[k].match = match;
                        a->findings[k].counted |= l->counts;
                        change_note_request(i, r, &a->findings[k]);
                        return;
                }
        push(i, r, match, l->counts);
        keep_within(i, l);
}

static bool is_alike(const CloudTrailRecord *a, const CloudTrailRecord *b)
{
        return a->error_code && b->error_code && streq(a->event_name, b->event_name) &&
               (identity_is_same(&a->identity, &b->identity) ||
                (!identity_is_known(&a->identity) && !identity_is_known(&b->identity)));
}

/* The one that is farthest from the stop, once there are as many as are listed; else NULL. */
static Finding *farthest_refused(const Incident *i, const FindingsLimit *l)
{
        const Attribution *a = &i->attribution;
        Finding *farthest = NULL;
        size_t n = 0;

        for (size_t k = 0; k < a->n_findings; k++) {
                const CloudTrailRecord *r = &a->findings[k].record;

                if (!r->error_code || is_own(r, l))
                        continue;
                n++;
                if (!farthest || distance(i, r) > distance(i, &farthest->record))
                        farthest = &a->findings[k];
        }
        return n < REFUSED_MAX ? NULL : farthest;
}

static void add_refused(Incident *i, const CloudTrailRecord *r, TrailMatch match,
                        const FindingsLimit *l)
{
        Attribution *a = &i->attribution;

        a->offered_refused += l->counts;
        a->n_refused = MAX(a->n_refused, a->offered_refused);
        for (size_t k = 0; k < a->n_findings; k++) {
                Finding *f = &a->findings[k];

                if (!is_alike(&f->record, r))
                        continue;
                f->counted += l->counts;
                f->calls = MAX(f->calls, f->counted);
                if (distance(i, r) >= distance(i, &f->record))
                        return;
                cloudtrail_record_done(&f->record);
                cloudtrail_record_copy(r, &f->record);
                f->match = match;
                keep_within(i, l);
                return;
        }
        Finding *farthest = is_own(r, l) ? NULL : farthest_refused(i, l);
        if (farthest && distance(i, r) >= distance(i, &farthest->record))
                return;
        if (farthest)
                drop(a, farthest);
        push(i, r, match, l->counts);
        keep_within(i, l);
}

static bool is_in_window(const Attribution *a, const CloudTrailRecord *r)
{
        return r->time_msec >= findings_second_of(a->from_msec) && r->time_msec <= a->to_msec;
}

void findings_begin_look(Attribution *a)
{
        a->overfull = false;
        a->n_unreadable = 0;
        findings_recount(a);
}

void findings_recount(Attribution *a)
{
        a->offered = a->offered_refused = 0;
        for (size_t k = 0; k < a->n_findings; k++)
                a->findings[k].counted = 0;
}

void findings_add(Incident *i, const CloudTrailRecord *records, size_t n, const FindingsLimit *l)
{
        for (size_t k = 0; k < n; k++) {
                if (!is_in_window(&i->attribution, &records[k]))
                        continue;
                TrailMatch match = findings_match(i, &records[k]);
                if (match == TRAIL_MATCH_NO)
                        continue;
                if (records[k].error_code)
                        add_refused(i, &records[k], match, l);
                else
                        add_call(i, &records[k], match, l);
        }
}

void findings_end_look(Attribution *a)
{
        unsigned kept = 0;

        for (size_t k = 0; k < a->n_findings; k++)
                kept += a->findings[k].record.error_code ? 0 : a->findings[k].counted;
        a->n_not_kept = a->offered - MIN(kept, a->offered);
}

/* What a reader needs most of what has been judged. */
typedef enum Rank {
        RANK_REFUSED,
        RANK_NOISE,
        RANK_UNREADABLE,
        RANK_SUSPECT,
} Rank;

static Rank rank(const Finding *f)
{
        switch (f->role) {
        case ROLE_CULPRIT:
        case ROLE_CANDIDATE:
        case ROLE_OWN_MISUSED:
                return RANK_SUSPECT;
        case ROLE_UNREADABLE:
                return RANK_UNREADABLE;
        default:
                return f->record.error_code ? RANK_REFUSED : RANK_NOISE;
        }
}

void findings_shrink(Incident *i, size_t max_bytes)
{
        Attribution *a = &i->attribution;
        size_t capacity = 1;

        if (a->n_findings < 2 || findings_bytes(a) <= max_bytes)
                return;
        while (a->n_findings > 1 && findings_bytes(a) > max_bytes) {
                Finding *least = a->findings;

                for (size_t k = 1; k < a->n_findings; k++) {
                        Finding *f = &a->findings[k];

                        if (rank(f) < rank(least) ||
                            (rank(f) == rank(least) &&
                             distance(i, &f->record) > distance(i, &least->record)))
                                least = f;
                }
                a->n_not_kept += !least->record.error_code;
                drop(a, least);
        }
        while (capacity < a->n_findings)
                capacity *= 2; /* as mem_push0() takes it to be */
        a->findings = mem_realloc_array(a->findings, capacity, sizeof(*a->findings));
}

void findings_shrink_noise(Incident *i, size_t max_bytes)
{
        for (size_t k = 0; k < i->attribution.n_findings; k++)
                if (rank(&i->attribution.findings[k]) == RANK_SUSPECT)
                        max_bytes += finding_bytes(&i->attribution.findings[k]);
        findings_shrink(i, max_bytes);
}

/* Deeds */

void findings_begin_deeds(Attribution *a, const char *key)
{
        for (size_t k = 0; k < a->n_deeds; k++)
                deed_done(&a->deeds[k]);
        free(TAKE_PTR(a->deeds));
        a->n_deeds = 0;
        a->deeds_cut = false;
        mem_strset(&a->deeds_key, key);
}

static Deed *find_deed(Attribution *a, const CloudTrailRecord *r)
{
        for (size_t k = 0; k < a->n_deeds; k++)
                if (streq_ptr(a->deeds[k].event_name, r->event_name) &&
                    streq_ptr(a->deeds[k].event_source, r->event_source))
                        return &a->deeds[k];
        if (a->n_deeds == DEEDS_MAX)
                return NULL;

        Deed *d = mem_push0(a->deeds, a->n_deeds);
        d->event_name = mem_strdup(r->event_name);
        d->event_source = mem_strdup(r->event_source);
        return d;
}

void findings_count_deeds(Attribution *a, const CloudTrailRecord *records, size_t n,
                          int64_t from_msec)
{
        for (size_t k = 0; k < n; k++) {
                if (records[k].time_msec < from_msec)
                        continue;
                Deed *d = find_deed(a, &records[k]);

                if (!d) {
                        a->deeds_cut = true;
                        continue;
                }
                d->calls++;
                d->refused += records[k].error_code != NULL;
        }
}

bool findings_has_deeds(const Attribution *a)
{
        return a->n_deeds > 1 || (a->n_deeds == 1 && a->deeds[0].calls > 1);
}
