/* SPDX-License-Identifier: Apache-2.0 */

/* The anchor is StopLoggingTime (ms); records carry whole seconds of completion. A StopLogging
 * on a trail that is stopped already succeeds, too, so an attacker can bury the one that mattered
 * under thirty borrowed names: the culprit is the first success after the last known logging. */

#include "core/attribution.h"

#include "base/mem.h"
#include "core/drift.h"

#define BEFORE_ANCHOR_MSEC (2 * MSEC_PER_SEC)
#define AFTER_ANCHOR_MSEC (3 * MSEC_PER_SEC)
/* Polls read replicas that may lag: known to be logging only so long before the poll said so. */
#define LOGGING_SLACK_MSEC MSEC_PER_MINUTE
#define FINDINGS_MAX 500

static bool is_event(const Finding *f, const char *event_name)
{
        return streq(f->record.event_name, event_name);
}

static bool succeeded(const Finding *f)
{
        return !f->record.error_code && f->record.trail;
}

static bool has_event(const Attribution *a, const char *event_id)
{
        for (size_t f = 0; f < a->n_findings; f++)
                if (streq_ptr(a->findings[f].record.event_id, event_id))
                        return true;
        return false;
}

static int64_t distance(const Incident *i, const CloudTrailRecord *r)
{
        int64_t d = r->time_msec - (i->stop_msec ? i->stop_msec : i->detected_msec);

        return d < 0 ? -d : d;
}

/* How readily it is forgotten: what was refused first, then what is farthest from the stop. */
static int64_t worth(const Incident *i, const CloudTrailRecord *r)
{
        return -distance(i, r) - (r->error_code ? MSEC_PER_DAY * 365 : 0);
}

/* Room for one more, at the cost of what matters least; NULL when that is the new one. */
static Finding *make_room(Incident *i, const CloudTrailRecord *r)
{
        Attribution *a = &i->attribution;
        Finding *least = a->findings;

        if (a->n_findings < FINDINGS_MAX)
                return mem_push0(a->findings, a->n_findings);
        for (size_t f = 1; f < a->n_findings; f++)
                if (worth(i, &a->findings[f].record) < worth(i, &least->record))
                        least = &a->findings[f];
        bool keep = worth(i, r) > worth(i, &least->record);
        if (!(keep ? &least->record : r)->error_code)
                a->overfull = true;
        if (!keep)
                return NULL;
        cloudtrail_record_done(&least->record);
        return least;
}

/* Of what arrives nowhere, the bucket, key, topic or log group may have been changed. */
static TrailMatch match(const Incident *i, const CloudTrailRecord *r)
{
        if (i->n_resources == 0 || streq(strempty(r->event_source), "cloudtrail.amazonaws.com"))
                return cloudtrail_record_match(r, i->trail_arn);
        for (size_t k = 0; r->trail && k < i->n_resources; k++)
                if (resource_is_same(r->trail, i->resources[k]))
                        return TRAIL_MATCH_YES;
        return r->trail ? TRAIL_MATCH_NO : TRAIL_MATCH_UNKNOWN;
}

/* Records carry whole seconds. */
static bool is_in_window(const Attribution *a, const CloudTrailRecord *r)
{
        return r->time_msec >= a->from_msec / MSEC_PER_SEC * MSEC_PER_SEC &&
               r->time_msec <= a->to_msec;
}

void attribution_add(Incident *i, const CloudTrailRecord *records, size_t n)
{
        for (size_t k = 0; k < n; k++) {
                if (!is_in_window(&i->attribution, &records[k]) ||
                    match(i, &records[k]) == TRAIL_MATCH_NO ||
                    has_event(&i->attribution, records[k].event_id))
                        continue;
                Finding *f = make_room(i, &records[k]);
                if (!f)
                        continue;
                f->role = ROLE_RELATED; /* until it is judged */
                cloudtrail_record_copy(&records[k], &f->record);
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

bool attribution_is_same_caller(const CloudTrailRecord *a, const CloudTrailRecord *b)
{
        return identity_is_same(&a->identity, &b->identity) &&
               streq_ptr(a->source_ip, b->source_ip);
}

bool attribution_is_suspect(const Attribution *a, size_t index)
{
        const Finding *f = &a->findings[index];

        if (a->confidence == CONFIDENCE_NONE ||
            (f->role != ROLE_CULPRIT &&
             (f->role != ROLE_CANDIDATE || a->confidence != CONFIDENCE_AMBIGUOUS)))
                return false;
        for (size_t k = 0; k < index; k++)
                if (attribution_is_same_caller(&a->findings[k].record, &f->record) &&
                    attribution_is_suspect(a, k))
                        return false;
        return true;
}

static bool is_own(const CloudTrailRecord *r, const AttributionFacts *facts)
{
        return facts->own_arn && streq_ptr(r->identity.arn, facts->own_arn);
}

/* What the culprit must have called, by kind; NULL: any of what was looked for. */
static const char *culprit_event(const Incident *i)
{
        if (incident_kind_is_change(i->kind))
                return NULL;
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

/* What has failed changed nothing, and is not held against anybody; nor is what the guard could not
 * tell before: after another start, or with its clock set, it knows less and not more. */
static Role own_start_role(const Finding *f, OwnCall known)
{
        if (known == OWN_CALL_YES)
                return ROLE_OWN;
        return known == OWN_CALL_MAYBE || f->record.error_code || f->role == ROLE_OWN_UNREMEMBERED
                       ? ROLE_OWN_UNREMEMBERED
                       : ROLE_OWN_MISUSED;
}

/* Roles that follow from the record alone; CANDIDATE for what may be the culprit. */
static Role plain_role(const Finding *f, const AttributionFacts *facts, const char *wanted)
{
        const CloudTrailRecord *r = &f->record;

        if (is_event(f, "StartLogging")) {
                OwnCall known = facts->own_start(facts->userdata, r);
                if (known == OWN_CALL_YES || is_own(r, facts))
                        return own_start_role(f, known);
        }
        if (r->error_code)
                return ROLE_ATTEMPT;
        if (!r->trail)
                return ROLE_UNREADABLE;
        if (!wanted || is_event(f, wanted))
                return ROLE_CANDIDATE;
        return is_event(f, "StartLogging") ? ROLE_STARTER : ROLE_RELATED;
}

static int64_t second_of(int64_t msec)
{
        return msec / MSEC_PER_SEC * MSEC_PER_SEC;
}

static bool at_anchor(const Incident *i, const Finding *f)
{
        int64_t d = f->record.time_msec - i->stop_msec;

        return !i->stop_msec || (d >= -BEFORE_ANCHOR_MSEC && d <= AFTER_ANCHOR_MSEC);
}

/* From when on a success counts: after the last start before the stop, by the times and by the
 * records, and after polls last showed it logging. */
static int64_t first_possible_msec(const Incident *i)
{
        int64_t anchor = second_of(i->stop_msec);
        int64_t from = i->last_logging_msec - LOGGING_SLACK_MSEC;

        /* Seen to log after the stop: the clock that says so is wrong. */
        if (anchor && from > anchor)
                from = 0;
        if (anchor)
                from = MIN(from, anchor - BEFORE_ANCHOR_MSEC);
        /* One that came after it is of what an incident before this one has told already. */
        if (!anchor || i->known_start_msec <= i->stop_msec)
                from = MAX(from, second_of(i->known_start_msec));
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *f = &i->attribution.findings[k];

                if (is_event(f, "StartLogging") && succeeded(f) && f->record.time_msec < anchor)
                        from = MAX(from, f->record.time_msec);
        }
        return from;
}

/* The guard's StartLogging in this very outage: after the stop in question by its nature. */
static bool is_restart(const Incident *i, const Finding *f)
{
        for (size_t k = 0; k < i->restart.n_request_ids; k++)
                if (streq_ptr(i->restart.request_ids[k], f->record.request_id))
                        return true;
        return false;
}

/* ... until when it counts: not after what ended the outage, by the clock of the records. */
static int64_t last_possible_msec(const Incident *i)
{
        int64_t to = i->stop_msec ? i->stop_msec + AFTER_ANCHOR_MSEC : INT64_MAX;

        for (size_t k = 0; k < i->attribution.n_findings && i->stop_msec; k++) {
                const Finding *f = &i->attribution.findings[k];

                if (is_event(f, "StartLogging") && succeeded(f) && is_restart(i, f))
                        to = MIN(to, MAX(f->record.time_msec, second_of(i->stop_msec)));
        }
        return to;
}

/* The record of the stop before, where no other fits: it did not do this one, even when the start
 * between the two fell into the same second. */
static bool is_stop_before(const Incident *i, const Finding *f)
{
        int64_t before = second_of(i->known_stop_msec);
        size_t n = 0;

        if (!i->known_stop_msec || i->known_stop_msec >= i->known_start_msec ||
            before == second_of(i->stop_msec) || f->record.time_msec != before)
                return false;
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *g = &i->attribution.findings[k];

                n += is_event(g, "StopLogging") && !g->record.error_code &&
                     g->record.time_msec == before;
        }
        return n == 1;
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
                if (f->record.time_msec < from || is_stop_before(i, f))
                        f->role = ROLE_EARLIER;
                else if (f->record.time_msec > to)
                        f->role = ROLE_LATER;
                else if (first == SIZE_MAX)
                        first = k;
        }
        return first;
}

/* Something stands at the anchor: then what is there is not only what came early. */
static bool anchor_is_explained(const Incident *i, const char *wanted)
{
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *f = &i->attribution.findings[k];

                if ((f->role == ROLE_CANDIDATE || f->role == ROLE_LATER ||
                     f->role == ROLE_UNREADABLE) &&
                    is_event(f, wanted) && at_anchor(i, f))
                        return true;
        }
        return false;
}

/* Whether the trail may have been started between the two, so that the later of them stopped it,
 * too. Records of one second have no order. */
static bool was_started_between(const Incident *i, const Finding *f, const Finding *g)
{
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *s = &i->attribution.findings[k];

                if (is_event(s, "StartLogging") && succeeded(s) && !is_restart(i, s) &&
                    s->record.time_msec >= f->record.time_msec &&
                    s->record.time_msec <= g->record.time_msec)
                        return true;
        }
        return false;
}

/* Whether g may have been the one as well as f, the first that succeeded. */
static bool is_rival(const Incident *i, const Finding *f, const Finding *g)
{
        if (identity_is_same(&g->record.identity, &f->record.identity))
                return false;
        if (g->record.time_msec == f->record.time_msec || was_started_between(i, f, g))
                return true;
        /* A poll showed it logging after the first, so that one may not have been the last. */
        return f->record.time_msec < i->last_logging_msec && !at_anchor(i, f) && at_anchor(i, g);
}

/* Calls that cannot be read, in the time that counts. */
static bool has_unreadable(const Incident *i, const char *wanted)
{
        int64_t from = first_possible_msec(i), to = last_possible_msec(i);

        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *f = &i->attribution.findings[k];

                if (f->role == ROLE_UNREADABLE && is_event(f, wanted) &&
                    f->record.time_msec >= from && f->record.time_msec <= to)
                        return true;
        }
        return false;
}

/* starts_known: what stands at the anchor may be noise, the first is the one all the same. */
static Confidence judge(Incident *i, size_t first, bool starts_known, const char *wanted)
{
        Attribution *a = &i->attribution;
        Finding *f = &a->findings[first];
        bool rivals = false;

        for (size_t k = first + 1; k < a->n_findings; k++) {
                Finding *g = &a->findings[k];

                if (g->role != ROLE_CANDIDATE)
                        continue;
                if (is_rival(i, f, g))
                        rivals = true;
                else
                        g->role = ROLE_LATER;
        }
        if (rivals)
                return CONFIDENCE_AMBIGUOUS;
        f->role = ROLE_CULPRIT;
        if (a->incomplete || has_unreadable(i, wanted))
                return CONFIDENCE_AMBIGUOUS;
        return at_anchor(i, f) || starts_known ? CONFIDENCE_EXACT : CONFIDENCE_AMBIGUOUS;
}

static bool is_misused(const Incident *i, const AttributionFacts *facts)
{
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *f = &i->attribution.findings[k];

                if (f->role == ROLE_OWN_MISUSED)
                        return true;
                /* The guard never stops, deletes or makes a trail. */
                if (is_own(&f->record, facts) && !is_event(f, "StartLogging"))
                        return true;
        }
        return false;
}

static bool may_have_changed(const Finding *f, ChangeKind kind)
{
        const ChangeInfo *info = change_info(kind);

        for (size_t e = 0; e < ELEMENTSOF(info->events) && info->events[e]; e++)
                if (is_event(f, info->events[e]))
                        return true;
        return false;
}

/* Who changed this: the one who called what changes it, when all of those calls are his. */
static Confidence judge_change(Incident *i, ChangeKind kind)
{
        Attribution *a = &i->attribution;
        Finding *first = NULL;
        bool rivals = false, unreadable = a->incomplete;

        for (size_t k = 0; k < a->n_findings; k++) {
                Finding *f = &a->findings[k];

                if (!may_have_changed(f, kind))
                        continue;
                unreadable = unreadable || f->role == ROLE_UNREADABLE;
                if (f->role != ROLE_CANDIDATE && f->role != ROLE_CULPRIT)
                        continue;
                rivals = rivals ||
                         (first && !identity_is_same(&f->record.identity, &first->record.identity));
                first = first ? first : f;
        }
        if (!first || rivals)
                return first || unreadable ? CONFIDENCE_AMBIGUOUS : CONFIDENCE_NONE;
        first->role = ROLE_CULPRIT;
        return unreadable ? CONFIDENCE_AMBIGUOUS : CONFIDENCE_EXACT;
}

/* A change without any call is one whose record is still to come; what fails to arrive has one
 * cause, whichever way shows it. */
static void evaluate_changes(Incident *i, bool last_chance)
{
        Attribution *a = &i->attribution;
        Confidence worst = CONFIDENCE_EXACT, best = CONFIDENCE_NONE;

        for (size_t k = 0; k < i->changes.n; k++) {
                Confidence c = judge_change(i, i->changes.items[k].kind);

                worst = MIN(worst, c);
                best = MAX(best, c);
        }
        a->confidence = i->kind == INCIDENT_DELIVERY ? best : worst;
        if (last_chance && a->confidence == CONFIDENCE_NONE && best > CONFIDENCE_NONE)
                a->confidence = CONFIDENCE_AMBIGUOUS;
        for (size_t k = 0; k < a->n_findings; k++) {
                bool kept = a->confidence != CONFIDENCE_NONE || a->findings[k].role == ROLE_ATTEMPT;

                if (!kept && a->findings[k].role == ROLE_CULPRIT)
                        a->findings[k].role = ROLE_CANDIDATE; /* not before all is explained */
                else if (kept && a->confidence == CONFIDENCE_EXACT &&
                         a->findings[k].role == ROLE_CANDIDATE)
                        a->findings[k].role = ROLE_RELATED;
        }
}

void attribution_evaluate(Incident *i, const AttributionFacts *facts)
{
        Attribution *a = &i->attribution;
        const char *wanted = culprit_event(i);

        if (a->n_findings > 0)
                qsort(a->findings, a->n_findings, sizeof(Finding), compare);
        for (size_t k = 0; k < a->n_findings; k++)
                a->findings[k].role = plain_role(&a->findings[k], facts, wanted);
        /* Who does not know himself takes nothing back. */
        a->misused = is_misused(i, facts) || (a->misused && !facts->own_arn);

        if (incident_kind_is_change(i->kind)) {
                evaluate_changes(i, facts->last_chance);
                return;
        }

        assert(wanted); /* as every kind but those has it */
        size_t first = first_candidate(i);
        a->confidence = CONFIDENCE_NONE;
        bool explained = anchor_is_explained(i, wanted);
        if (!explained && !facts->last_chance)
                return;
        if (first != SIZE_MAX)
                a->confidence = judge(i, first, explained && facts->starts_known, wanted);
        else if (has_unreadable(i, wanted))
                a->confidence = CONFIDENCE_AMBIGUOUS;
}

bool attribution_needs_starts(const Incident *i)
{
        size_t stops = 0;

        if (i->kind == INCIDENT_BLINK || i->kind == INCIDENT_RECENT_STOP ||
            i->restart.state == RESTART_BY_OTHERS)
                return true;
        for (size_t k = 0; k < i->attribution.n_findings; k++)
                if (is_event(&i->attribution.findings[k], "StopLogging") &&
                    succeeded(&i->attribution.findings[k]))
                        stops++;
        return stops > 1;
}

const char *attribution_key(const Incident *i)
{
        const Finding *f = incident_find_role(i, ROLE_CULPRIT);

        return f && identity_access_key_is_valid(f->record.identity.access_key_id)
                       ? f->record.identity.access_key_id
                       : NULL;
}

void attribution_begin_deeds(Incident *i, const char *key)
{
        Attribution *a = &i->attribution;

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

void attribution_count_deeds(Incident *i, const CloudTrailRecord *records, size_t n,
                             int64_t from_msec)
{
        for (size_t k = 0; k < n; k++) {
                if (records[k].time_msec < from_msec)
                        continue;
                Deed *d = find_deed(&i->attribution, &records[k]);

                if (!d) {
                        i->attribution.deeds_cut = true;
                        continue;
                }
                d->calls++;
                d->refused += records[k].error_code != NULL;
        }
}

bool attribution_has_deeds(const Attribution *a)
{
        return a->n_deeds > 1 || (a->n_deeds == 1 && a->deeds[0].calls > 1);
}
