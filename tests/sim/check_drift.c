/* SPDX-License-Identifier: Apache-2.0 */

/* Drift: what has been shown twice in a row is told, with just those settings; what was not is
 * not, unless each look shows another; what is as it was again is over. */

#include "check.h"

#define DRIFT_UNLIKE_MAX 6
/* The baseline has been taken by then. */
#define DRIFT_KNOWN_USEC (110 * USEC_PER_SEC)

static const struct {
        Drift bit;
        ChangeKind kind;
} kinds[] = {
        {DRIFT_BUCKET, CHANGE_S3_BUCKET},     {DRIFT_VALIDATION, CHANGE_LOG_FILE_VALIDATION},
        {DRIFT_REGIONS, CHANGE_MULTI_REGION}, {DRIFT_MANAGEMENT, CHANGE_MANAGEMENT_EVENTS},
        {DRIFT_DATA, CHANGE_DATA_EVENTS},
};

/* What a look can have shown: one of its two calls may have failed. */
static unsigned readable(const TrailSettings *s)
{
        return (s->described ? DRIFT_BUCKET | DRIFT_VALIDATION | DRIFT_REGIONS : 0U) |
               (s->selected ? DRIFT_MANAGEMENT | DRIFT_DATA : 0U);
}

/* What is otherwise than it should be, of what there is. */
unsigned check_drift_bits(const TrailSettings *s)
{
        unsigned bits = 0;
        bool management = false, data = false;

        if (streq_ptr(s->description.s3_bucket_name, "theirs"))
                bits |= DRIFT_BUCKET;
        if (!s->description.log_file_validation)
                bits |= DRIFT_VALIDATION;
        if (!s->description.is_multi_region)
                bits |= DRIFT_REGIONS;
        for (size_t i = 0; i < s->selectors.n; i++) {
                const SelectorField *f =
                        event_selector_field(&s->selectors.items[i], "eventCategory");

                management = management || strcmp(f->select[0].value, "Management") == 0;
                data = data || strcmp(f->select[0].value, "Data") == 0;
        }
        bits |= (management ? 0 : DRIFT_MANAGEMENT) | (data ? 0 : DRIFT_DATA);
        return bits & readable(s);
}

static unsigned told_bits(const Incident *i)
{
        unsigned bits = 0;

        for (size_t c = 0; c < i->changes.n; c++)
                for (size_t k = 0; k < ELEMENTSOF(kinds); k++)
                        if (!i->changes.items[c].undone &&
                            i->changes.items[c].kind == kinds[k].kind)
                                bits |= kinds[k].bit;
        return bits;
}

static const Incident *open_drift(const World *w, size_t trail)
{
        const Core *c = w->guard->core;

        for (size_t i = 0; i < core_n_incidents(c); i++)
                if (core_incident(c, i)->trail == trail && core_incident(c, i)->open &&
                    core_incident(c, i)->kind == INCIDENT_DRIFT &&
                    !core_incident(c, i)->between_looks)
                        return core_incident(c, i);
        return NULL;
}

void check_inspected(World *w, const Input *in)
{
        GuardTrail *t = &w->guard->trails[in->trail];
        const TrailSettings *b = &core_trail_memory(w->guard->core, in->trail)->baseline;
        unsigned read = readable(in->settings);
        unsigned drift = check_drift_bits(in->settings) | (t->drift & ~read);

        if (in->error.class == AWS_ERROR_NONE && read != _DRIFT_ALL)
                world_violation(w, "trail %zu: half a look is called a whole one", in->trail);
        if (!read)
                return;
        const Incident *i = open_drift(w, in->trail);
        bool kept = i && (told_bits(i) & read & ~t->drift_read); /* until this look */
        t->drift = drift;
        t->drift_read |= read;
        /* Another bucket is another one either way; of the rest, more is no drift. */
        unsigned before = check_drift_bits(b);
        unsigned expected = ((drift & ~before) | ((drift ^ before) & DRIFT_BUCKET)) & readable(b) &
                            t->drift_read;
        if (t->drift_seen == 0 || t->expected != expected || kept) {
                t->expected = expected;
                t->drift_seen = 0;
                t->drift_usec = w->now_usec;
        }
        t->drift_seen++;
        t->drift_unlike = expected ? t->drift_unlike + 1 : 0;
}

void check_drift(World *w, size_t trail)
{
        GuardTrail *t = &w->guard->trails[trail];
        const Incident *i = open_drift(w, trail);
        /* What an earlier run has told of the half that this one has not read goes on. */
        unsigned told = i ? told_bits(i) & t->drift_read : 0;
        bool lasts = w->now_usec >= t->drift_usec + w->policy.verify_within_usec;

        if (t->expected == told)
                t->drift_unlike = 0;
        if (t->drift_unlike >= DRIFT_UNLIKE_MAX)
                world_violation(w, "trail %zu: drift that is never twice the same is not told",
                                trail);
        if (t->drift_seen < 2)
                return;
        if (t->expected && told != t->expected)
                world_violation(w, "trail %zu: drift %#x was shown, %#x is told", trail,
                                t->expected, told);
        if (!t->expected && told && lasts)
                world_violation(w, "trail %zu: there is no drift any more, and that is not told",
                                trail);
}

/* Whether the trail was set so at the time that it is said to have been. */
static bool was_set_so(const World *w, const Incident *i)
{
        const SimTrail *t = &w->trails[i->trail];
        unsigned was = 0;

        for (size_t k = 0; k < t->n_versions; k++) {
                int64_t at = SIM_EPOCH_MSEC + (int64_t)(t->versions[k].at_usec / USEC_PER_MSEC);

                if (at / MSEC_PER_SEC * MSEC_PER_SEC >= i->good_msec &&
                    at < i->blind_to_msec + MSEC_PER_SEC)
                        was |= t->versions[k].drift;
        }
        return told_bits(i) && (told_bits(i) & ~was) == 0;
}

bool check_drift_caused(const World *w, const Incident *i)
{
        const GuardTrail *t = &w->guard->trails[i->trail];
        /* One look has shown it, and none since was possible: the message says so. */
        bool unconfirmed = t->drift_seen == 1 && i->cause.class != AWS_ERROR_NONE;

        if (i->between_looks)
                return was_set_so(w, i);
        return (t->drift_seen >= 2 || unconfirmed || t->drift_unlike >= DRIFT_UNLIKE_MAX) &&
               t->expected && told_bits(i) == t->expected && i->severity >= SEVERITY_HIGH;
}

static bool is_change_of_any(const Record *r)
{
        return !r->refused &&
               (strcmp(r->name, "UpdateTrail") == 0 || strcmp(r->name, "PutEventSelectors") == 0 ||
                strcmp(r->name, "CreateTrail") == 0);
}

static bool is_change(const Record *r, size_t trail)
{
        return r->trail == trail && is_change_of_any(r);
}

/* Nobody is accused who has not changed this trail, and whoever alone did is not overlooked. */
void check_drift_culprit(World *w, const Case *c)
{
        size_t named = strncmp(c->culprit, "event-", 6) == 0 ? strtoul(c->culprit + 6, NULL, 10)
                                                             : SIZE_MAX;
        bool several = false;
        const Record *first = NULL;

        if (named != SIZE_MAX && !is_change(&w->records[named], c->trail))
                world_violation(w,
                                "%s: record %zu is called the culprit, and changed nothing of the "
                                "trail",
                                c->id, named);
        for (size_t i = 0; i < w->n_records; i++) {
                const Record *r = &w->records[i];

                if (r->omitted && is_change_of_any(r))
                        return; /* may be of any trail, for all that shows */
                if (!is_change(r, c->trail))
                        continue;
                if (r->visible_usec > c->last_round_usec)
                        return;
                several = several || (first && first->actor != r->actor);
                first = first ? first : r;
        }
        if (!several && first && c->confidence != CONFIDENCE_EXACT && w->kills == 0 &&
            w->guard->clock_msec == 0 && !w->nature.organization && c->ever_good)
                world_violation(w,
                                "%s: nobody else than actor %u has changed the trail, and the "
                                "verdict is %s",
                                c->id, first->actor, confidence_to_string(c->confidence));
}

/* Whether nothing has kept the guard from knowing what was called on this trail since it began. */
static bool is_history_read(const World *w, size_t trail)
{
        uint64_t shown = 0;

        for (size_t i = 0; i < w->n_records; i++) {
                const Record *r = &w->records[i];

                if (r->omitted || (r->trail == trail && r->visible_usec == USEC_INFINITY))
                        return false;
                shown = MAX(shown, r->trail == trail && is_change_of_any(r) ? r->visible_usec : 0);
        }
        return w->n_faults == 0 && w->kills == 0 && w->guard->clock_msec == 0 &&
               w->guard->clock_set_usec == 0 && w->nature.lost_percent == 0 &&
               w->nature.history_lag_usec <= USEC_PER_MINUTE && !aws_was_gone_since(w, trail, 0) &&
               w->now_usec > shown + 2 * w->policy.watch_usec + USEC_PER_MINUTE;
}

/* What was changed, for however short a time, is told. */
void check_drift_end(World *w)
{
        for (size_t k = 0; k < w->n_trails; k++) {
                const SimTrail *t = &w->trails[k];
                uint64_t first_usec = 0;
                bool told = false;

                for (size_t i = 0; i < t->n_versions && !first_usec; i++)
                        first_usec = t->versions[i].drift ? t->versions[i].at_usec : 0;
                if (first_usec < DRIFT_KNOWN_USEC || !is_history_read(w, k))
                        continue;
                for (size_t i = 0; i < w->guard->n_cases; i++)
                        told = told || (w->guard->cases[i].trail == k &&
                                        w->guard->cases[i].kind == INCIDENT_DRIFT);
                if (!told)
                        world_violation(w,
                                        "trail %zu: its settings were changed at %.3f s, and that "
                                        "is not told",
                                        k, (double)first_usec / USEC_PER_SEC);
        }
}
