/* SPDX-License-Identifier: Apache-2.0 */

/* The anchor is StopLoggingTime (ms); records carry whole seconds of completion. A StopLogging
 * on a trail that is stopped already succeeds, too, so an attacker can bury the one that mattered
 * under thirty borrowed names: the culprit is the first success after the last known logging. */

#include "core/attribution.h"

#include "base/mem.h"

#define BEFORE_ANCHOR_MSEC (2 * MSEC_PER_SEC)
#define AFTER_ANCHOR_MSEC (3 * MSEC_PER_SEC)
/* Polls read replicas that may lag: known to be logging only so long before the poll said so. */
#define LOGGING_SLACK_MSEC MSEC_PER_MINUTE
/* An own StartLogging whose record carries another request id is told by its time. */
#define OWN_CALL_SLACK_MSEC (5 * MSEC_PER_SEC)

static bool is_event(const Finding *f, const char *event_name)
{
        return streq(f->record.event_name, event_name);
}

static bool succeeded(const Finding *f)
{
        return !f->record.error_code && !f->record.parameters_omitted;
}

void attribution_add(Incident *i, CloudTrailRecord *records, size_t n)
{
        Attribution *a = &i->attribution;

        for (size_t k = 0; k < n; k++) {
                bool had = cloudtrail_record_match(&records[k], i->trail_arn) == TRAIL_MATCH_NO;

                for (size_t f = 0; f < a->n_findings && !had; f++)
                        had = streq_ptr(a->findings[f].record.event_id, records[k].event_id);
                if (had)
                        continue;
                Finding *f = mem_push0(a->findings, a->n_findings);
                f->record = records[k];
                records[k] = (CloudTrailRecord){};
        }
}

static int compare(const void *x, const void *y)
{
        const CloudTrailRecord *a = &((const Finding *)x)->record;
        const CloudTrailRecord *b = &((const Finding *)y)->record;

        if (a->time_msec != b->time_msec)
                return a->time_msec < b->time_msec ? -1 : 1;
        return strcmp(strempty(a->event_id), strempty(b->event_id));
}

static bool same_actor(const UserIdentity *a, const UserIdentity *b)
{
        return streq_ptr(a->arn, b->arn) && streq_ptr(a->access_key_id, b->access_key_id) &&
               streq_ptr(a->principal_id, b->principal_id);
}

/* What the culprit must have called, by kind. */
static const char *culprit_event(const Incident *i)
{
        if (i->kind == INCIDENT_DELETED)
                return "DeleteTrail";
        if (i->kind == INCIDENT_OTHER_CONTROLLER)
                return "StartLogging";
        if (i->kind == INCIDENT_RECREATED)
                for (size_t k = 0; k < i->attribution.n_findings; k++)
                        if (is_event(&i->attribution.findings[k], "DeleteTrail") &&
                            succeeded(&i->attribution.findings[k]))
                                return "DeleteTrail";
        return i->kind == INCIDENT_RECREATED ? "CreateTrail" : "StopLogging";
}

static Role own_start_role(const Incident *i, const Finding *f, const AttributionFacts *facts)
{
        int64_t d = f->record.time_msec - i->restart.accepted_msec;

        if (facts->knows_request(facts->userdata, f->record.request_id))
                return ROLE_OWN;
        if (f->record.time_msec < facts->begun_msec || i->restart.unanswered > 0)
                return ROLE_OWN_UNREMEMBERED;
        if (i->restart.accepted_msec && d <= OWN_CALL_SLACK_MSEC && d >= -OWN_CALL_SLACK_MSEC)
                return ROLE_OWN_UNREMEMBERED;
        return ROLE_OWN_MISUSED;
}

/* Roles that follow from the record alone; CANDIDATE for what may be the culprit. */
static Role plain_role(const Incident *i, const Finding *f, const AttributionFacts *facts,
                       const char *wanted)
{
        bool own = facts->own_arn && streq_ptr(f->record.identity.arn, facts->own_arn);

        if (f->record.error_code)
                return ROLE_ATTEMPT;
        if (f->record.parameters_omitted)
                return ROLE_UNREADABLE;
        if (own && is_event(f, "StartLogging"))
                return own_start_role(i, f, facts);
        if (is_event(f, wanted))
                return ROLE_CANDIDATE;
        if (is_event(f, "StartLogging"))
                return ROLE_STARTER;
        return ROLE_RELATED;
}

static bool at_anchor(const Incident *i, const Finding *f)
{
        int64_t d = f->record.time_msec - i->stop_msec;

        if (!i->stop_msec)
                return true;
        if (d >= -BEFORE_ANCHOR_MSEC && d <= AFTER_ANCHOR_MSEC)
                return true;
        d = f->record.time_msec - i->stop_moved_msec;
        return i->stop_moved_msec && d >= -BEFORE_ANCHOR_MSEC && d <= AFTER_ANCHOR_MSEC;
}

/* From when on a success counts: after the last start and the last time it was seen logging. */
static int64_t first_possible_msec(const Incident *i)
{
        int64_t from = MAX(i->known_start_msec, i->last_logging_msec - LOGGING_SLACK_MSEC);
        int64_t anchor = i->stop_msec;

        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *f = &i->attribution.findings[k];

                if (is_event(f, "StartLogging") && succeeded(f) && anchor &&
                    f->record.time_msec < anchor - AFTER_ANCHOR_MSEC)
                        from = MAX(from, f->record.time_msec);
        }
        if (anchor)
                from = MIN(from, anchor - BEFORE_ANCHOR_MSEC);
        return from - MSEC_PER_SEC; /* records carry whole seconds */
}

static int64_t last_possible_msec(const Incident *i)
{
        if (i->stop_msec)
                return i->stop_msec + AFTER_ANCHOR_MSEC;
        return INT64_MAX;
}

/* Index of the first candidate in the possible span, SIZE_MAX without one; those outside get
 * their place. */
static size_t first_candidate(Incident *i)
{
        int64_t from = first_possible_msec(i), to = last_possible_msec(i);
        size_t first = SIZE_MAX;

        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                Finding *f = &i->attribution.findings[k];

                if (f->role != ROLE_CANDIDATE)
                        continue;
                if (f->record.time_msec < from)
                        f->role = ROLE_EARLIER;
                else if (f->record.time_msec > to)
                        f->role = ROLE_LATER;
                else if (first == SIZE_MAX)
                        first = k;
        }
        return first;
}

/* Something stands at the anchor: then what is there is not only what came early. */
static bool anchor_is_explained(const Incident *i)
{
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *f = &i->attribution.findings[k];

                if ((f->role == ROLE_CANDIDATE || f->role == ROLE_LATER ||
                     f->role == ROLE_UNREADABLE) &&
                    at_anchor(i, f))
                        return true;
        }
        return false;
}

static Confidence judge(Incident *i, size_t first, const AttributionFacts *facts)
{
        Attribution *a = &i->attribution;
        Finding *f = &a->findings[first];
        bool rivals = false;

        for (size_t k = first + 1; k < a->n_findings; k++) {
                Finding *g = &a->findings[k];

                if (g->role != ROLE_CANDIDATE)
                        continue;
                if (g->record.time_msec == f->record.time_msec &&
                    !same_actor(&g->record.identity, &f->record.identity))
                        rivals = true;
                else
                        g->role = ROLE_LATER;
        }
        if (rivals)
                return CONFIDENCE_AMBIGUOUS;
        f->role = ROLE_CULPRIT;
        for (size_t k = 0; k < a->n_findings; k++)
                if (a->findings[k].role == ROLE_UNREADABLE && at_anchor(i, &a->findings[k]))
                        return CONFIDENCE_AMBIGUOUS;
        return at_anchor(i, f) || facts->starts_known ? CONFIDENCE_EXACT : CONFIDENCE_AMBIGUOUS;
}

static bool is_misused(const Incident *i, const AttributionFacts *facts)
{
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *f = &i->attribution.findings[k];

                if (f->role == ROLE_OWN_MISUSED)
                        return true;
                /* The guard never stops, deletes or makes a trail. */
                if (facts->own_arn && streq_ptr(f->record.identity.arn, facts->own_arn) &&
                    !is_event(f, "StartLogging"))
                        return true;
        }
        return false;
}

void attribution_evaluate(Incident *i, const AttributionFacts *facts)
{
        Attribution *a = &i->attribution;
        const char *wanted = culprit_event(i);

        if (a->n_findings > 0)
                qsort(a->findings, a->n_findings, sizeof(Finding), compare);
        for (size_t k = 0; k < a->n_findings; k++)
                a->findings[k].role = plain_role(i, &a->findings[k], facts, wanted);
        a->misused = is_misused(i, facts);

        size_t first = first_candidate(i);
        a->confidence = CONFIDENCE_NONE;
        if (!anchor_is_explained(i) && !facts->last_chance)
                return;
        if (first != SIZE_MAX)
                a->confidence = judge(i, first, facts);
        else if (incident_find_role(i, ROLE_UNREADABLE) && anchor_is_explained(i))
                a->confidence = CONFIDENCE_AMBIGUOUS;
}

bool attribution_needs_starts(const Incident *i)
{
        size_t stops = 0;

        if (i->kind == INCIDENT_BLINK || i->kind == INCIDENT_RECENT_STOP)
                return true;
        for (size_t k = 0; k < i->attribution.n_findings; k++)
                if (is_event(&i->attribution.findings[k], "StopLogging") &&
                    succeeded(&i->attribution.findings[k]))
                        stops++;
        return stops > 1;
}
