/* SPDX-License-Identifier: Apache-2.0 */

/* Whether what a trail records arrives: the errors that GetTrailStatus shows, and deliveries that
 * stay away. How long they may depends on the trail: one that records read events is never quiet,
 * since the guard's own polls are such events, and another one may sleep for a week-end. So the
 * longest time between two deliveries is learnt, forgotten by half in a week, and three times that
 * is too long. Times in which the guard did not look teach nothing and accuse nobody. */

#include "core/internal.h"

#include "base/mem.h"
#include "base/timefmt.h"

#define AGREEING_READS 2
#define HABITS 3
#define FORGET_MSEC (10 * MSEC_PER_DAY) /* e-folding: a half-life of a week */
#define RESOURCES_MAX 4

/* In the order of ChangeKind, from CHANGE_LOG_FILES on. */
static const struct {
        size_t error;    /* in TrailStatus */
        size_t resource; /* in TrailDescription: where it was to go */
        Severity severity;
} ways[] = {
        {offsetof(TrailStatus, latest_delivery_error), offsetof(TrailDescription, s3_bucket_name),
         SEVERITY_CRITICAL},
        {offsetof(TrailStatus, latest_digest_delivery_error),
         offsetof(TrailDescription, s3_bucket_name), SEVERITY_HIGH},
        {offsetof(TrailStatus, latest_logs_delivery_error),
         offsetof(TrailDescription, log_group_arn), SEVERITY_HIGH},
        {offsetof(TrailStatus, latest_notification_error),
         offsetof(TrailDescription, sns_topic_arn), SEVERITY_HIGH},
};
#define LATE ELEMENTSOF(ways)

static const char *text_at(const void *base, size_t offset)
{
        return *(char *const *)((const char *)base + offset);
}

/* Delivered, started, or not looked at for a while: what was quiet before counts no more. */
static void follow_deliveries(Core *c, Trail *t, const TrailStatus *s)
{
        TrailMemory *m = &t->memory;
        int64_t gap = s->latest_delivery_msec - m->delivery_msec;

        /* What shows now may have come long ago. */
        bool anew = c->now.boot_usec > t->watched_boot + c->policy.cannot_see_after_usec ||
                    s->start_logging_msec != m->start_msec;

        if (anew) {
                t->quiet_since_boot = c->now.boot_usec;
                t->delivery_seen = false;
        }
        t->watched_boot = c->now.boot_usec;
        if (gap <= 0)
                return;
        t->quiet_since_boot = c->now.boot_usec;
        if (t->delivery_seen && m->delivery_msec) {
                if (!m->habit_since_msec)
                        m->habit_since_msec = m->delivery_msec;
                m->habit_msec -= (int64_t)((double)m->habit_msec * (double)MIN(gap, FORGET_MSEC) /
                                           (double)FORGET_MSEC);
                m->habit_msec = MAX(m->habit_msec, gap);
        }
        t->delivery_seen = !anew;
}

static bool is_late(const Core *c, const Trail *t, const TrailStatus *s)
{
        const TrailMemory *m = &t->memory;
        int64_t quiet = (int64_t)((c->now.boot_usec - t->quiet_since_boot) / USEC_PER_MSEC);

        /* Other incidents say why nothing comes. */
        if (t->drift)
                return t->ways[LATE].broken;
        if (!s->is_logging || t->stop || t->ways[0].broken)
                return false;
        return m->habit_since_msec &&
               s->latest_delivery_msec - m->habit_since_msec >= c->policy.habit_after_msec &&
               quiet > MAX(HABITS * m->habit_msec, c->policy.late_least_msec);
}

/* The restart of a trail that delivers nothing has been told with the incident of its stop. */
static bool is_told_otherwise(const Core *c, const Trail *t)
{
        for (size_t k = 0; k < c->n_incidents; k++)
                if (c->incidents[k]->trail == (size_t)(t - c->trails) &&
                    c->incidents[k]->delivering == DELIVERING_NO)
                        return true;
        return false;
}

/* Two reads in a row turn it; true when this one did. */
static bool follow(Core *c, struct Way *w, bool broken)
{
        if (!broken)
                w->good_msec = core_aws_msec(c, c->now.wall_msec);
        if (broken == w->broken) {
                w->reads = 0;
                return false;
        }
        if (++w->reads < AGREEING_READS)
                return false;
        w->reads = 0;
        w->broken = broken;
        return true;
}

static void add_late(const Core *c, const Trail *t, const TrailStatus *s, Changes *ret)
{
        Change *x = mem_push0(ret->items, ret->n);
        char habit[TIMEFMT_MAX], since[TIMEFMT_MAX];

        *x = (Change){
                .kind = CHANGE_LATE,
                .severity = SEVERITY_WARNING,
                .before = mem_printf("at least every %s",
                                     timefmt_duration(t->memory.habit_msec, habit)),
                .after = mem_printf("none since %s",
                                    timefmt_iso8601(s->latest_delivery_msec, since)),
        };
}

static void collect(const Core *c, const Trail *t, const TrailStatus *s, const Incident *had,
                    Changes *ret)
{
        for (size_t k = 0; k < ELEMENTSOF(ways); k++) {
                const char *error = text_at(s, ways[k].error);

                if (!t->ways[k].broken)
                        continue;
                Change *x = mem_push0(ret->items, ret->n);
                *x = (Change){
                        .kind = CHANGE_LOG_FILES + (int)k,
                        .severity = ways[k].severity,
                        .before = mem_strdup("delivered"),
                        .after = mem_strdup(error ? error : "fails"),
                };
                const char *resource = text_at(&t->found.description, ways[k].resource);
                if (resource) {
                        free(x->before);
                        x->before = mem_printf("delivered to %s", resource);
                }
                for (size_t h = 0; had && h < had->changes.n; h++)
                        if (had->changes.items[h].kind == x->kind && !had->changes.items[h].undone)
                                mem_strset(&x->before, had->changes.items[h].before);
        }
        if (t->ways[LATE].broken)
                add_late(c, t, s, ret);
}

static void remember_resources(const Trail *t, Incident *i)
{
        const TrailDescription *d = &t->found.description;
        const char *const names[RESOURCES_MAX] = {d->s3_bucket_name, d->kms_key_id,
                                                  d->sns_topic_arn, d->log_group_arn};

        for (size_t k = 0; k < RESOURCES_MAX && i->n_resources < RESOURCES_MAX; k++)
                if (names[k])
                        *mem_push0(i->resources, i->n_resources) = mem_strdup(names[k]);
}

/* It broke after the last delivery, or after it was last seen well, whichever was first: an error
 * shows with the next delivery only. */
static int64_t last_good_msec(const Trail *t, const TrailStatus *s, const Changes *now)
{
        int64_t good = t->ways[now->items[0].kind - CHANGE_LOG_FILES].good_msec;

        if (!s->latest_delivery_msec || !good)
                return MAX(s->latest_delivery_msec, good);
        return MIN(good, s->latest_delivery_msec);
}

static void tell(Core *c, Trail *t, const TrailStatus *s)
{
        _cleanup_(changes_done) Changes now = {};
        Incident *i = t->delivery;
        char digest[DRIFT_DIGEST_SIZE];

        collect(c, t, s, i, &now);
        if (now.n == 0) {
                if (i)
                        incident_close(c, i, core_aws_msec(c, c->now.wall_msec));
                return;
        }
        if (i) {
                if (incident_take_changes(c, i, &now, core_aws_msec(c, c->now.wall_msec)))
                        notify(c, i, PHASE_UPDATE);
                return;
        }
        changes_digest(&now, digest);
        int64_t seen = core_aws_msec(c, c->now.wall_msec);
        int64_t good = last_good_msec(t, s, &now);
        Severity severity = changes_severity(&now);
        t->delivery = incident_open(c, t,
                                    &(IncidentFacts){.kind = INCIDENT_DELIVERY,
                                                     .severity = severity,
                                                     .changes = &now,
                                                     .good_msec = good,
                                                     .seen_msec = seen,
                                                     .blind_from_msec = good ? good : seen,
                                                     .id_time_msec = t->memory.start_msec,
                                                     .id_digest = digest});
        if (t->delivery)
                remember_resources(t, t->delivery);
}

void delivery_watch(Core *c, Trail *t, const TrailStatus *s)
{
        bool turned = false;

        if (c->policy.inspect_usec == 0)
                return;
        follow_deliveries(c, t, s);
        for (size_t k = 0; k < ELEMENTSOF(ways); k++) {
                bool broken = text_at(s, ways[k].error) != NULL;

                if (k == 0 && broken && !t->ways[0].broken && is_told_otherwise(c, t))
                        continue;
                turned = follow(c, &t->ways[k], broken) || turned;
        }
        turned = follow(c, &t->ways[LATE], is_late(c, t, s)) || turned;
        if (turned)
                tell(c, t, s);
}
