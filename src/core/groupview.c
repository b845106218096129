/* SPDX-License-Identifier: Apache-2.0 */

/* What there is to tell of a group, counted: trails, callers and the people they are, reasons. */

#include "base/mem.h"
#include "core/alertgroup.h"
#include "core/attribution.h"

static GroupTrail *view_trail(GroupView *v, const char *arn)
{
        for (size_t k = 0; k < v->n_trails; k++)
                if (streq(v->trails[k].arn, arn))
                        return &v->trails[k];
        GroupTrail *t = mem_push0(v->trails, v->n_trails);
        t->arn = arn;
        return t;
}

static void view_caller(GroupView *v, const Finding *culprit, unsigned incidents, unsigned maybe)
{
        GroupActor *a = NULL;

        for (size_t k = 0; k < v->n_callers && !a; k++)
                if (attribution_is_same_caller(&v->callers[k].culprit->record, &culprit->record))
                        a = &v->callers[k];
        if (!a) {
                a = mem_push0(v->callers, v->n_callers);
                a->culprit = culprit;
        }
        a->incidents += incidents;
        a->maybe += maybe;
}

static void view_reason(GroupView *v, const AwsError *e)
{
        for (size_t k = 0; k < v->n_reasons; k++)
                if (v->reasons[k].error.class == e->class &&
                    streq(v->reasons[k].error.code, e->code)) {
                        v->reasons[k].trails++;
                        return;
                }
        GroupReason *r = mem_push0(v->reasons, v->n_reasons);
        *r = (GroupReason){*e, 1};
        *r->error.request_id = '\0';
}

/* What was told and is taken back, each once. */
static void view_corrected(GroupView *v, const char *from)
{
        for (size_t k = 0; from && k < v->n_corrected; k++)
                if (streq(v->corrected[k], from))
                        return;
        if (from && v->n_corrected < ELEMENTSOF(v->corrected))
                v->corrected[v->n_corrected++] = from;
}

/* Whose loss is louder of two that go on. */
static int loudness(const Incident *i)
{
        return i->restart.state == RESTART_FAILING ? 2 : i->kind == INCIDENT_DELETED;
}

static void view_incident(GroupView *v, const Incident *i)
{
        bool on = i->open && !i->blind_to_msec && i->kind != INCIDENT_OTHER_CONTROLLER &&
                  !i->in_maintenance;
        GroupTrail *t = view_trail(v, i->trail_arn);
        const Attribution *a = &i->attribution;

        t->incidents++;
        if (!t->latest || on || (!t->goes_on && i->detected_msec >= t->latest->detected_msec))
                t->latest = i;
        t->goes_on = t->goes_on || on;
        view_corrected(v, a->corrected_from);
        if (on && (!v->worst || loudness(i) > loudness(v->worst)))
                v->worst = i;
        if (on && i->restart.state == RESTART_FAILING)
                view_reason(v, &i->restart.error);
        for (size_t k = 0; k < a->n_findings; k++)
                if (attribution_is_suspect(a, k))
                        view_caller(v, &a->findings[k], a->confidence == CONFIDENCE_EXACT,
                                    a->confidence != CONFIDENCE_EXACT);
}

static int compare_trails(const void *x, const void *y)
{
        const GroupTrail *a = x, *b = y;
        int la = a->goes_on ? 1 + loudness(a->latest) : 0;
        int lb = b->goes_on ? 1 + loudness(b->latest) : 0;

        if (la != lb)
                return lb - la;
        if (a->incidents != b->incidents)
                return a->incidents < b->incidents ? 1 : -1;
        return strcmp(a->arn, b->arn);
}

static int compare_actors(const void *x, const void *y)
{
        const GroupActor *a = x, *b = y;

        if (a->incidents != b->incidents)
                return a->incidents < b->incidents ? 1 : -1;
        if (a->maybe != b->maybe)
                return a->maybe < b->maybe ? 1 : -1;
        return strcmp(strempty(a->culprit->record.identity.arn),
                      strempty(b->culprit->record.identity.arn));
}

/* Whether two callers are one person: by AWS's fields (the user of an identity store, a principal),
 * or only by what they look like (name, role and address), which anybody may choose. */
typedef enum Likeness { LIKENESS_NONE, LIKENESS_ALIKE, LIKENESS_SAME } Likeness;

static Likeness compare_callers(const CloudTrailRecord *a, const CloudTrailRecord *b)
{
        const UserIdentity *u = &a->identity, *v = &b->identity;
        _cleanup_free_ char *name = identity_display_name(u), *other = identity_display_name(v);

        if (u->on_behalf_of && v->on_behalf_of && u->identity_store && v->identity_store)
                return streq(u->on_behalf_of, v->on_behalf_of) &&
                                       streq(u->identity_store, v->identity_store)
                               ? LIKENESS_SAME
                               : LIKENESS_NONE;
        if (identity_is_same(u, v) ||
            (u->principal_id && streq_ptr(u->principal_id, v->principal_id)))
                return LIKENESS_SAME;
        return a->source_ip && streq_ptr(a->source_ip, b->source_ip) && streq(name, other) &&
                               streq_ptr(u->issuer_user_name, v->issuer_user_name)
                       ? LIKENESS_ALIKE
                       : LIKENESS_NONE;
}

static const char *account_of(const Finding *f)
{
        const CloudTrailRecord *r = &f->record;

        return r->recipient_account_id ? r->recipient_account_id : r->identity.account_id;
}

/* Callers that are one person, or look like one, are told as one. */
static void make_people(GroupView *v)
{
        _cleanup_free_ size_t *person_of = mem_alloc0((v->n_callers + 1) * sizeof(*person_of));

        for (size_t k = 0; k < v->n_callers; k++) {
                GroupActor *a = &v->callers[k];
                Likeness like = LIKENESS_NONE;
                bool key = true, account = true;
                size_t p = 0;

                for (; p < v->n_people && like == LIKENESS_NONE; p += like == LIKENESS_NONE)
                        like = compare_callers(&v->people[p].culprit->record, &a->culprit->record);
                if (like == LIKENESS_NONE)
                        mem_push0(v->people, v->n_people)->culprit = a->culprit;
                for (size_t m = 0; m < k; m++) {
                        const Finding *f = v->callers[m].culprit;

                        if (person_of[m] != p)
                                continue;
                        key = key && !streq_ptr(f->record.identity.access_key_id,
                                                a->culprit->record.identity.access_key_id);
                        account = account && !streq_ptr(account_of(f), account_of(a->culprit));
                }
                person_of[k] = p;
                GroupPerson *person = &v->people[p];
                person->incidents += a->incidents;
                person->maybe += a->maybe;
                person->alike = person->alike || like == LIKENESS_ALIKE;
                person->n_keys += key;
                person->n_accounts += account;
        }
}

static int compare_people(const void *x, const void *y)
{
        const GroupPerson *a = x, *b = y;

        if (a->incidents != b->incidents)
                return a->incidents < b->incidents ? 1 : -1;
        return a->maybe == b->maybe ? 0 : a->maybe < b->maybe ? 1 : -1;
}

GroupView group_view(Incident *const *incidents, size_t n, const Incident *lead)
{
        const Series *s = lead->series;
        GroupView v = {.lead = lead};

        for (size_t k = 0; k < s->n_trails; k++)
                view_trail(&v, s->trails[k].arn)->incidents = s->trails[k].incidents;
        for (size_t k = 0; k < s->n_actors; k++)
                view_caller(&v, &s->actors[k].culprit, s->actors[k].incidents, s->actors[k].maybe);
        for (size_t k = 0; k < n; k++)
                if (incidents[k]->lead == lead)
                        view_incident(&v, incidents[k]);
        if (v.n_trails > 0)
                qsort(v.trails, v.n_trails, sizeof(*v.trails), compare_trails);
        if (v.n_callers > 0)
                qsort(v.callers, v.n_callers, sizeof(*v.callers), compare_actors);
        make_people(&v);
        if (v.n_people > 0)
                qsort(v.people, v.n_people, sizeof(*v.people), compare_people);
        return v;
}

void group_view_done(GroupView *v)
{
        free(v->trails);
        free(v->callers);
        free(v->people);
        free(v->reasons);
        *v = (GroupView){};
}
