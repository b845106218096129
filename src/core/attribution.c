/* SPDX-License-Identifier: Apache-2.0 */

/* What each kind of incident takes for evidence. A call that is redundant succeeds as well, so an
 * attacker can bury the one that mattered under thirty borrowed names, and the records of some
 * callers are in histories that are not searched. So a verdict is exact only by what a record
 * shows:
 *
 * - A stop: the first success after the last known logging, by its second within two seconds of
 *   StopLoggingTime. When other calls are as near, or the time is that of a later, redundant one,
 *   only if StartLogging was looked up, too, and nobody started the trail in between.
 * - Deleted, re-created: DeleteTrail between the last sight of the trail and its loss. It succeeds
 *   only on a trail that exists, so it is never redundant; CreateTrail alone does not show who
 *   deleted the trail.
 * - Another controller: all the StartLogging are one caller's, one at the known StartLoggingTime.
 * - Settings: the one caller of what changes them between two looks, by a request that has the
 *   setting in it.
 * - Deliveries: the one caller of what the error shows to be missing or disabled.
 *
 * And for all of them: the window was read to its end and everything in it could be read, nobody
 * else fits, and no account may have called it whose history was not searched. */

#include "core/attribution.h"

#include "aws/arn.h"
#include "base/mem.h"
#include "core/changecause.h"
#include "core/findings.h"

/* Between StopLoggingTime and the completion of the call, of which a record has the second. */
#define FIT_MSEC (2 * MSEC_PER_SEC)
/* Calls that overlap may complete in another order than they take effect. */
#define ORDER_SLACK_MSEC 500
/* A read may show settings as they were so long before. */
#define STALE_MSEC (30 * MSEC_PER_SEC)

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
                        if (finding_is_event(&i->attribution.findings[k], "DeleteTrail") &&
                            finding_succeeded(&i->attribution.findings[k]))
                                return "DeleteTrail";
        return i->kind == INCIDENT_RECREATED ? "CreateTrail" : "StopLogging";
}

/* What has failed changed nothing, and is not held against anybody; nor is what the guard could not
 * tell before: after another start, or with its clock set, it knows less and not more; nor a record
 * without the id by which a call of its own is known. */
static Role own_start_role(const Finding *f, OwnCall known)
{
        if (known == OWN_CALL_YES)
                return ROLE_OWN;
        return known == OWN_CALL_MAYBE || f->record.error_code || !f->record.request_id ||
                               f->role == ROLE_OWN_UNREMEMBERED
                       ? ROLE_OWN_UNREMEMBERED
                       : ROLE_OWN_MISUSED;
}

/* Roles that follow from the record alone; CANDIDATE for what may be the culprit. */
static Role plain_role(const Finding *f, const AttributionFacts *facts, const char *wanted)
{
        const CloudTrailRecord *r = &f->record;

        if (finding_is_event(f, "StartLogging")) {
                OwnCall known = facts->own_start(facts->userdata, r);
                if (known == OWN_CALL_YES || is_own(r, facts))
                        return own_start_role(f, known);
        }
        if (r->error_code)
                return ROLE_ATTEMPT;
        if (f->match == TRAIL_MATCH_UNKNOWN)
                return ROLE_UNREADABLE;
        if (f->match == TRAIL_MATCH_YES && (!wanted || finding_is_event(f, wanted)))
                return ROLE_CANDIDATE;
        return finding_is_event(f, "StartLogging") ? ROLE_STARTER : ROLE_RELATED;
}

static void doubt(Incident *i, Doubt d)
{
        i->attribution.doubts |= 1U << d;
}

/* What holds whoever it was: of the histories, not of the calls. */
static void doubt_history(Incident *i, const AttributionFacts *facts)
{
        Attribution *a = &i->attribution;
        const char *why;
        Arn trail;

        a->doubts = 0;
        if (a->incomplete || !facts->whole)
                doubt(i, DOUBT_UNREAD);
        if (a->n_unreadable > 0)
                doubt(i, DOUBT_UNREADABLE);
        if (a->searched_account && arn_parse_trail(i->trail_arn, &trail, &why) == 0 &&
            !streq(trail.account, a->searched_account))
                doubt(i, DOUBT_ACCOUNT);
        if (!facts->settings_known)
                doubt(i, DOUBT_SETTINGS);
        else if (facts->organization)
                doubt(i, DOUBT_ORGANIZATION);
}

static bool is_within(const Finding *f, const FindingsSpan *s)
{
        return f->record.time_msec >= s->from_msec && f->record.time_msec <= s->to_msec;
}

/* Stops */

static int64_t after_anchor_msec(const Incident *i, const Finding *f)
{
        return f->record.time_msec - i->stop_msec;
}

static bool at_anchor(const Incident *i, const Finding *f)
{
        int64_t d = after_anchor_msec(i, f);

        return d >= -FINDINGS_BEFORE_ANCHOR_MSEC && d <= FINDINGS_AFTER_ANCHOR_MSEC;
}

static bool fits_anchor(const Incident *i, const Finding *f)
{
        int64_t d = after_anchor_msec(i, f);

        return d >= -FIT_MSEC && d <= FIT_MSEC;
}

/* The record of the stop before, where no other fits: it did not do this one, even when the start
 * between the two fell into the same second. */
static bool is_stop_before(const Incident *i, const Finding *f)
{
        int64_t before = findings_second_of(i->known_stop_msec);
        size_t n = 0;

        if (!i->known_stop_msec || i->known_stop_msec >= i->known_start_msec ||
            before == findings_second_of(i->stop_msec) || f->record.time_msec != before)
                return false;
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *g = &i->attribution.findings[k];

                n += finding_is_event(g, "StopLogging") && !g->record.error_code &&
                     g->record.time_msec == before;
        }
        return n == 1;
}

/* The first candidate in the span, NULL without one; those outside get their place. */
static Finding *first_candidate(Incident *i, const FindingsSpan *span)
{
        Finding *first = NULL;

        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                Finding *f = &i->attribution.findings[k];

                if (f->role != ROLE_CANDIDATE)
                        continue;
                if (f->record.time_msec < span->from_msec || is_stop_before(i, f))
                        f->role = ROLE_EARLIER;
                else if (f->record.time_msec > span->to_msec)
                        f->role = ROLE_LATER;
                else if (!first)
                        first = f;
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
                    finding_is_event(f, wanted) && at_anchor(i, f))
                        return true;
        }
        return false;
}

/* Whether the trail may have been started between the two, so that the later of them stopped it,
 * too. Records of one second have no order. A restart of the guard's came after the stop in
 * question; when it was made before any time was known, that need not be the stop of f. */
static bool was_started_between(const Incident *i, const Finding *f, const Finding *g)
{
        bool before_restarts =
                f->record.time_msec >= findings_second_of(i->stop_msec) || !i->restart.untimed;

        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *s = &i->attribution.findings[k];

                if (finding_is_event(s, "StartLogging") && finding_succeeded(s) &&
                    !(before_restarts && finding_is_restart(i, s)) &&
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
        /* In the second after it, and yet hardly later. */
        if (f->record.time_msec >= findings_second_of(i->stop_msec) &&
            after_anchor_msec(i, g) < ORDER_SLACK_MSEC)
                return true;
        /* A poll showed it logging after the first, so that one may not have been the last. */
        return f->record.time_msec < i->last_logging_msec && !at_anchor(i, f) && at_anchor(i, g);
}

/* Calls that cannot be decided, in the time that counts. */
static bool has_unreadable(const Incident *i, const FindingsSpan *span)
{
        for (size_t k = 0; k < i->attribution.n_findings; k++)
                if (i->attribution.findings[k].role == ROLE_UNREADABLE &&
                    is_within(&i->attribution.findings[k], span))
                        return true;
        return false;
}

/* The others that may have done it instead are rivals; the rest came later. */
static bool has_rivals(Incident *i, const Finding *f,
                       bool (*is_one)(const Incident *, const Finding *, const Finding *))
{
        bool rivals = false;

        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                Finding *g = &i->attribution.findings[k];

                if (g == f || g->role != ROLE_CANDIDATE)
                        continue;
                if (is_one(i, f, g))
                        rivals = true;
                else
                        g->role = ROLE_LATER;
        }
        return rivals;
}

/* One that is known and nobody's rival: sure unless there are doubts. */
static Confidence accuse(Incident *i, Finding *f, const FindingsSpan *span)
{
        const char *why;
        Arn trail;

        f->role = ROLE_CULPRIT;
        if (has_unreadable(i, span))
                doubt(i, DOUBT_UNREADABLE);
        if (arn_parse_trail(i->trail_arn, &trail, &why) == 0 &&
            !streq(trail.account, strempty(f->record.recipient_account_id)))
                doubt(i, DOUBT_ACCOUNT);
        return CONFIDENCE_EXACT;
}

/* Whether StopLoggingTime is that of f, which was the first: no call of another is as near, or
 * those that are were redundant, which takes knowing who started the trail. */
static bool is_proven(const Incident *i, const Finding *f, const FindingsSpan *span,
                      bool starts_known)
{
        bool another = false, fits = fits_anchor(i, f);

        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *g = &i->attribution.findings[k];

                if (g->role != ROLE_LATER || !is_within(g, span) || !fits_anchor(i, g))
                        continue;
                if (identity_is_same(&g->record.identity, &f->record.identity))
                        fits = true;
                else
                        another = true;
        }
        return another ? starts_known : fits;
}

static Confidence judge_stop(Incident *i, const AttributionFacts *facts, const char *wanted)
{
        FindingsSpan span = findings_span(i);
        Finding *first = first_candidate(i, &span);

        if (!anchor_is_explained(i, wanted) && !facts->last_chance)
                return CONFIDENCE_NONE;
        if (!first && !has_unreadable(i, &span))
                return CONFIDENCE_NONE;
        if (!first || has_rivals(i, first, is_rival)) {
                doubt(i, first ? DOUBT_RIVALS : DOUBT_UNREADABLE);
                return CONFIDENCE_AMBIGUOUS;
        }
        if (!is_proven(i, first, &span, facts->starts_known))
                doubt(i, DOUBT_TIME);
        return accuse(i, first, &span);
}

/* What has no time of its own */

/* Whoever else did the same may have been the one. */
static bool is_another(const Incident *i, const Finding *f, const Finding *g)
{
        (void)i; /* as is_rival() */
        return !identity_is_same(&g->record.identity, &f->record.identity);
}

static bool fits_known_start(const Incident *i, const Finding *f)
{
        int64_t d = f->record.time_msec - i->known_start_msec;

        return d >= -FIT_MSEC && d <= FIT_MSEC;
}

static bool is_starter(const Incident *i, const Finding *first)
{
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *f = &i->attribution.findings[k];

                if (finding_is_event(f, "StartLogging") && finding_succeeded(f) &&
                    identity_is_same(&f->record.identity, &first->record.identity) &&
                    fits_known_start(i, f))
                        return true;
        }
        return false;
}

static Confidence judge_untimed(Incident *i, const char *wanted)
{
        FindingsSpan span = findings_span(i);
        Finding *first = first_candidate(i, &span);

        if (!first && !has_unreadable(i, &span))
                return CONFIDENCE_NONE;
        if (!first || has_rivals(i, first, is_another)) {
                doubt(i, first ? DOUBT_RIVALS : DOUBT_UNREADABLE);
                return CONFIDENCE_AMBIGUOUS;
        }
        if (i->kind == INCIDENT_RECREATED && !streq(wanted, "DeleteTrail"))
                doubt(i, DOUBT_CAUSE);
        if (streq(wanted, "StopLogging") ||
            (i->kind == INCIDENT_OTHER_CONTROLLER && !is_starter(i, first)))
                doubt(i, DOUBT_TIME);
        return accuse(i, first, &span);
}

static bool is_misused(const Incident *i, const AttributionFacts *facts)
{
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *f = &i->attribution.findings[k];

                if (f->role == ROLE_OWN_MISUSED)
                        return true;
                /* The guard never stops, deletes or makes a trail. */
                if (is_own(&f->record, facts) && !finding_is_event(f, "StartLogging"))
                        return true;
        }
        return false;
}

/* Changes */

/* What no look has seen is known by the calls: the last one is that which restored it. */
static bool has_restored(const Incident *i, const Finding *f)
{
        return i->between_looks && f->record.time_msec > i->seen_msec;
}

/* How well a call explains a change: the best fits are its suspects. */
typedef enum Fit {
        FIT_NOT,
        FIT_AROUND,       /* it may have, before or after the time in question ... */
        FIT_ASKED_AROUND, /* ... and asked for what was found */
        FIT_WITHIN,       /* it may have, between the two looks ... */
        FIT_ASKED_WITHIN, /* ... and asked for what was found */
} Fit;

/* Between the last look that showed it well and the first that did not. Reads may lag, and clocks
 * differ: by a little, for a call that asked for what was found. */
static bool is_between_looks(const Incident *i, const Finding *f, Cause cause)
{
        int64_t slack = cause == CAUSE_SHOWN ? FIT_MSEC : 0;

        return f->record.time_msec >= findings_second_of(i->good_msec - slack) &&
               f->record.time_msec <= i->seen_msec + slack;
}

static Fit fit_of(const Incident *i, const Finding *f, const Change *c)
{
        Cause cause = CAUSE_NOT;

        if ((f->role == ROLE_CANDIDATE || f->role == ROLE_CULPRIT) && !has_restored(i, f))
                cause = change_cause(f, c);
        if (cause == CAUSE_NOT)
                return FIT_NOT;
        if (is_between_looks(i, f, cause))
                return cause == CAUSE_SHOWN ? FIT_ASKED_WITHIN : FIT_WITHIN;
        return cause == CAUSE_SHOWN ? FIT_ASKED_AROUND : FIT_AROUND;
}

/* The look that showed it well may have been answered with what was before this call. */
static bool may_be_stale(const Incident *i, const Finding *f)
{
        return f->record.time_msec >= i->good_msec - STALE_MSEC &&
               f->record.time_msec <= i->seen_msec;
}

/* A call before the trail was seen well did not change it: one that may have all the same, because
 * a read lagged, counts when no other can come into Event history any more. */
static bool is_enough(Fit fit, const AttributionFacts *facts)
{
        return fit == FIT_ASKED_WITHIN || fit == FIT_WITHIN ||
               (fit != FIT_NOT && (facts->complete || facts->last_chance));
}

/* Who changed this: the one who called what changes it, when all of those calls are his. */
static Confidence judge_change(Incident *i, const Change *c, const AttributionFacts *facts,
                               bool *suspects)
{
        Attribution *a = &i->attribution;
        Finding *first = NULL;
        bool rivals = false, unreadable = false;
        Fit best = FIT_NOT;

        for (size_t k = 0; k < a->n_findings; k++) {
                const Finding *f = &a->findings[k];

                unreadable = unreadable ||
                             (f->role == ROLE_UNREADABLE && change_cause(f, c) != CAUSE_NOT);
                best = MAX(best, fit_of(i, f, c));
        }
        for (size_t k = 0; k < a->n_findings && is_enough(best, facts); k++) {
                Finding *f = &a->findings[k];

                if (fit_of(i, f, c) != best)
                        continue;
                suspects[k] = true;
                rivals = rivals ||
                         (first && !identity_is_same(&f->record.identity, &first->record.identity));
                first = first ? first : f;
        }
        if (unreadable)
                doubt(i, DOUBT_UNREADABLE);
        if (rivals)
                doubt(i, DOUBT_RIVALS);
        if (!first || rivals)
                return first || unreadable ? CONFIDENCE_AMBIGUOUS : CONFIDENCE_NONE;
        if (best == FIT_AROUND || best == FIT_WITHIN)
                doubt(i, DOUBT_CAUSE);
        if (!i->good_msec || best == FIT_AROUND ||
            (best == FIT_ASKED_AROUND && !may_be_stale(i, first)))
                doubt(i, DOUBT_TIME);
        first->role = ROLE_CULPRIT;
        return CONFIDENCE_EXACT;
}

/* A resource elsewhere is changed by calls that the history of another account or region has. */
static bool has_resource_elsewhere(const Incident *i)
{
        const char *why;
        Arn trail, a;

        if (arn_parse_trail(i->trail_arn, &trail, &why) < 0)
                return true;
        for (size_t k = 0; k < i->n_resources; k++)
                if (arn_parse(i->resources[k], &a) == 0 &&
                    (!streq(a.region, trail.region) || !streq(a.account, trail.account)))
                        return true;
        return false;
}

/* A change without any call is one whose record is still to come; what fails to arrive has one
 * cause, whichever way shows it. */
static Confidence judge_changes(Incident *i, const AttributionFacts *facts)
{
        Attribution *a = &i->attribution;
        Confidence worst = CONFIDENCE_EXACT, best = CONFIDENCE_NONE, all;
        _cleanup_free_ bool *suspects = mem_alloc0(a->n_findings + 1);

        if (has_resource_elsewhere(i))
                doubt(i, DOUBT_ACCOUNT);
        for (size_t k = 0; k < i->changes.n; k++) {
                Confidence c = judge_change(i, &i->changes.items[k], facts, suspects);

                worst = MIN(worst, c);
                best = MAX(best, c);
        }
        all = i->kind == INCIDENT_DELIVERY ? best : worst;
        if (facts->last_chance && all == CONFIDENCE_NONE && best > CONFIDENCE_NONE)
                all = CONFIDENCE_AMBIGUOUS;
        for (size_t k = 0; k < a->n_findings; k++) {
                Finding *f = &a->findings[k];

                if (all == CONFIDENCE_NONE && f->role == ROLE_CULPRIT)
                        f->role = ROLE_CANDIDATE; /* not before all is explained */
                else if (f->role == ROLE_CANDIDATE && (all == CONFIDENCE_EXACT || !suspects[k]))
                        f->role = ROLE_RELATED;
        }
        return all;
}

void attribution_evaluate(Incident *i, const AttributionFacts *facts)
{
        Attribution *a = &i->attribution;
        const char *wanted;

        if (a->n_findings > 0)
                qsort(a->findings, a->n_findings, sizeof(Finding), compare);
        for (size_t k = 0; k < a->n_findings; k++)
                a->findings[k].match = findings_match(i, &a->findings[k].record);
        wanted = culprit_event(i);
        for (size_t k = 0; k < a->n_findings; k++)
                a->findings[k].role = plain_role(&a->findings[k], facts, wanted);
        /* Who does not know himself takes nothing back. */
        a->misused = is_misused(i, facts) || (a->misused && !facts->own_arn);

        doubt_history(i, facts);
        if (incident_kind_is_change(i->kind))
                a->confidence = judge_changes(i, facts);
        else if (i->stop_msec)
                a->confidence = judge_stop(i, facts, wanted);
        else
                a->confidence = judge_untimed(i, wanted);
        if (a->confidence == CONFIDENCE_EXACT && (a->doubts || facts->last_chance))
                a->confidence = CONFIDENCE_AMBIGUOUS;
}

bool attribution_needs_starts(const Incident *i)
{
        size_t stops = 0;

        if (i->kind == INCIDENT_BLINK || i->kind == INCIDENT_RECENT_STOP ||
            i->restart.state == RESTART_BY_OTHERS)
                return true;
        for (size_t k = 0; k < i->attribution.n_findings; k++)
                if (finding_is_event(&i->attribution.findings[k], "StopLogging") &&
                    finding_succeeded(&i->attribution.findings[k]))
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
