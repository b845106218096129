/* SPDX-License-Identifier: Apache-2.0 */

/* CloudTrail's trails: what they are, and what a replica that lags shows of them. */

#include <stdio.h>

#include "base/mem.h"
#include "world.h"

const TrailVersion *aws_truth(const World *w, size_t trail)
{
        const SimTrail *t = &w->trails[trail];

        return &t->versions[t->n_versions - 1];
}

static TrailVersion *new_version(World *w, size_t trail)
{
        SimTrail *t = &w->trails[trail];
        TrailVersion last = t->n_versions > 0 ? t->versions[t->n_versions - 1] : (TrailVersion){};
        TrailVersion *v = mem_push0(t->versions, t->n_versions);

        *v = last;
        v->at_usec = w->now_usec;
        return v;
}

void aws_begin(World *w)
{
        for (size_t i = 0; i < w->n_trails; i++) {
                TrailVersion *v = new_version(w, i);

                v->at_usec = 0;
                v->exists = true;
                v->status = (TrailStatus){
                        .is_logging = true,
                        .start_logging_msec = SIM_EPOCH_MSEC - 30 * MSEC_PER_DAY,
                        .latest_delivery_msec = SIM_EPOCH_MSEC - 2 * MSEC_PER_MINUTE,
                };
        }
}

/* No two things happen to a trail in the same millisecond: its times are its versions. */
static int64_t unique_msec(const World *w, size_t trail)
{
        const TrailStatus *s = &aws_truth(w, trail)->status;

        return MAX(world_aws_msec(w), MAX(s->start_logging_msec, s->stop_logging_msec) + 1);
}

/* When a start of the trail takes effect. */
static int64_t start_msec(const World *w, size_t trail)
{
        const TrailStatus *s = &aws_truth(w, trail)->status;
        int64_t msec = unique_msec(w, trail);

        return w->nature.same_moment && !s->is_logging && msec - s->stop_logging_msec < MSEC_PER_SEC
                       ? s->stop_logging_msec
                       : msec;
}

static size_t record(World *w, const char *name, const Act *act)
{
        return history_add(w, &(Record){
                                      .name = name,
                                      .trail = act->trail,
                                      .actor = act->actor,
                                      .omitted = act->omitted,
                                      .visible_usec = act->hidden ? USEC_INFINITY : act->late_usec,
                              });
}

static void stop(World *w, const Act *act)
{
        const TrailVersion *was = aws_truth(w, act->trail);
        bool logged = was->status.is_logging;

        if (!was->exists) {
                Act refused = *act;
                refused.kind = ACT_STOP_REFUSED;
                aws_act(w, &refused);
                return;
        }
        size_t r = record(w, "StopLogging", act);
        world_trace(w, "aws: trail %zu: StopLogging by actor %u%s%s", act->trail, act->actor,
                    logged ? "" : " (stopped already)", act->omitted ? ", omitted" : "");
        if (!logged && !w->nature.redundant_stop_moves)
                return;

        int64_t msec = unique_msec(w, act->trail);
        size_t outage = logged ? w->n_stops : SIZE_MAX;
        for (size_t i = 0; i < w->n_stops && !logged; i++)
                if (w->stops[i].trail == act->trail &&
                    w->stops[i].msec >= was->status.start_logging_msec &&
                    was->status.start_logging_msec)
                        outage = w->stops[i].outage;
        *mem_push0(w->stops, w->n_stops) = (StopTime){.trail = act->trail,
                                                      .msec = msec,
                                                      .at_usec = w->now_usec,
                                                      .record = r,
                                                      .outage = outage};
        TrailVersion *v = new_version(w, act->trail);
        v->status.is_logging = false;
        v->status.stop_logging_msec = msec;
        if (logged && w->nature.other_guard)
                world_act_at(w, w->now_usec + rng_between(&w->rng, 200, 4000) * USEC_PER_MSEC,
                             &(Act){.kind = ACT_START, .trail = act->trail, .actor = 7});
}

static void start(World *w, const Act *act)
{
        const TrailVersion *was = aws_truth(w, act->trail);
        bool logged = was->status.is_logging;

        if (!was->exists)
                return;
        record(w, "StartLogging", act);
        world_trace(w, "aws: trail %zu: StartLogging by actor %u%s", act->trail, act->actor,
                    logged ? " (logging already)" : "");
        if (logged && !w->nature.redundant_start_moves)
                return;
        if (logged)
                w->other_starts[act->trail]++;
        int64_t msec = start_msec(w, act->trail);
        TrailVersion *v = new_version(w, act->trail);
        v->status.start_logging_msec = msec;
        v->status.is_logging = true;
}

void aws_start(World *w, size_t trail, unsigned actor, const char *request_id)
{
        const TrailVersion *was = aws_truth(w, trail);
        Record r = {.name = "StartLogging", .trail = trail, .actor = actor};

        if (!was->exists)
                return;
        (void)snprintf(r.request_id, sizeof(r.request_id), "%s", request_id);
        (void)history_add(w, &r);
        world_trace(w, "aws: trail %zu: StartLogging by the guard%s", trail,
                    was->status.is_logging ? " (logging already)" : "");
        if (world_has_fault(w, FAULT_START_NO_EFFECT, trail) ||
            (was->status.is_logging && !w->nature.redundant_start_moves))
                return;
        int64_t msec = start_msec(w, trail);
        TrailVersion *v = new_version(w, trail);
        v->status.is_logging = true;
        v->status.start_logging_msec = msec;
}

static void delete (World *w, const Act *act)
{
        if (!aws_truth(w, act->trail)->exists)
                return;
        (void)record(w, "DeleteTrail", act);
        world_trace(w, "aws: trail %zu: DeleteTrail by actor %u", act->trail, act->actor);
        TrailVersion *v = new_version(w, act->trail);
        v->exists = false;
        v->status = (TrailStatus){};
        *mem_push0(w->gone, w->n_gone) =
                (Span){.trail = act->trail, .from_usec = w->now_usec, .to_usec = USEC_INFINITY};
}

static void create(World *w, const Act *act)
{
        if (aws_truth(w, act->trail)->exists)
                return;
        (void)record(w, "CreateTrail", act);
        world_trace(w, "aws: trail %zu: CreateTrail by actor %u", act->trail, act->actor);
        new_version(w, act->trail)->exists = true;
        for (size_t i = 0; i < w->n_gone; i++)
                if (w->gone[i].trail == act->trail && w->gone[i].to_usec == USEC_INFINITY)
                        w->gone[i].to_usec = w->now_usec;
}

/* What UpdateTrail was asked for, as its record has it. */
static void record_update(World *w, const Act *act, unsigned bits, bool undo)
{
        size_t index = record(w, "UpdateTrail", act);
        Record *r = &w->records[index];

        (void)snprintf(r->parameters, sizeof(r->parameters), "isOrganizationTrail=%s%s%s%s",
                       w->nature.organization ? "true" : "false",
                       !(bits & DRIFT_BUCKET) ? ""
                       : undo                 ? " s3BucketName=ours"
                                              : " s3BucketName=theirs",
                       !(bits & DRIFT_VALIDATION) ? ""
                       : undo                     ? " enableLogFileValidation=true"
                                                  : " enableLogFileValidation=false",
                       !(bits & DRIFT_REGIONS) ? ""
                       : undo                  ? " isMultiRegionTrail=true"
                                               : " isMultiRegionTrail=false");
}

static void change(World *w, const Act *act)
{
        const TrailVersion *was = aws_truth(w, act->trail);
        bool undo = act->kind == ACT_UNDO;
        unsigned bits = act->amount ? (unsigned)act->amount : was->drift;
        unsigned now = undo ? was->drift & ~bits : was->drift | bits;
        unsigned selectors = DRIFT_MANAGEMENT | DRIFT_DATA;

        if (!was->exists || !(bits & _DRIFT_ALL))
                return;
        if (bits & ~selectors)
                record_update(w, act, bits, undo);
        if (bits & selectors) {
                size_t index = record(w, "PutEventSelectors", act);

                w->records[index].selectors = aws_selectors(now);
        }
        world_trace(w, "aws: trail %zu: settings by actor %u: drift %#x", act->trail, act->actor,
                    now);
        new_version(w, act->trail)->drift = now;
}

static void deliver(World *w, size_t trail)
{
        const TrailVersion *was = aws_truth(w, trail);

        if (!was->exists || !was->status.is_logging)
                return;
        TrailVersion *v = new_version(w, trail);
        v->status.latest_delivery_msec = world_aws_msec(w);
        v->status.latest_delivery_error = NULL;
}

void aws_act(World *w, const Act *act)
{
        Act other = *act;

        switch (act->kind) {
        case ACT_STOP:
                stop(w, act);
                break;
        case ACT_START:
                start(w, act);
                break;
        case ACT_STOP_REFUSED:
                for (int64_t n = 0; n == 0 || n < act->amount; n++)
                        (void)history_add(w, &(Record){.name = "StopLogging",
                                                       .trail = act->trail,
                                                       .actor = act->actor,
                                                       .refused = true});
                world_trace(w, "aws: trail %zu: StopLogging by actor %u is refused", act->trail,
                            act->actor);
                break;
        case ACT_STOP_OTHER:
                other.trail = SIZE_MAX;
                (void)record(w, "StopLogging", &other);
                break;
        case ACT_DELETE:
                delete (w, act);
                break;
        case ACT_CREATE:
                create(w, act);
                break;
        case ACT_REPAIR:
                create(w, act);
                if (!aws_truth(w, act->trail)->status.is_logging)
                        start(w, act);
                break;
        case ACT_CHANGE:
        case ACT_UNDO:
                change(w, act);
                break;
        case ACT_DELIVER:
                deliver(w, act->trail);
                break;
        case ACT_DELIVERY_FAILS:
                new_version(w, act->trail)->status.latest_delivery_error = (char *)"NoSuchBucket";
                break;
        default:
                break;
        }
}

static const TrailVersion *version_at(const SimTrail *t, uint64_t usec)
{
        const TrailVersion *v = &t->versions[0];

        for (size_t i = 0; i < t->n_versions && t->versions[i].at_usec <= usec; i++)
                v = &t->versions[i];
        return v;
}

bool aws_read(World *w, size_t trail, TrailStatus *ret)
{
        const SimTrail *t = &w->trails[trail];
        uint64_t lag = rng_chance(&w->rng, w->nature.stale_percent)
                               ? rng_below(&w->rng, w->nature.replica_lag_usec + 1)
                               : 0;
        const TrailVersion *v = version_at(t, w->now_usec - MIN(lag, w->now_usec));

        if (world_has_fault(w, FAULT_POLL_NOT_FOUND, trail) || !v->exists)
                return false;
        *ret = v->status;
        if (lag && w->nature.halves) {
                const TrailVersion *truth = aws_truth(w, trail);

                /* One half is new, the other old. */
                if (truth->exists && rng_chance(&w->rng, 50))
                        ret->is_logging = truth->status.is_logging;
        }
        return true;
}

void aws_make_doubtful(World *w, TrailStatus *s)
{
        int64_t ahead = world_aws_msec(w) + 6 * MSEC_PER_MINUTE +
                        (int64_t)rng_below(&w->rng, 10 * (uint64_t)MSEC_PER_DAY * 365);

        switch (rng_below(&w->rng, 4)) {
        case 0:
                s->start_logging_msec = ahead;
                break;
        case 1:
                s->stop_logging_msec = ahead;
                break;
        case 2:
                s->latest_delivery_msec = ahead;
                break;
        default:
                s->unread = "StopLoggingTime";
        }
}

const char *aws_region(size_t trail)
{
        return trail == 2 ? "eu-west-1" : "us-east-1";
}

const char *aws_selectors(unsigned drift)
{
        static const char all[] = "{\"EventSelectors\":[{\"DataResources\":[{\"Type\":"
                                  "\"AWS::S3::Object\",\"Values\":[\"arn:aws:s3\"]}]}]}";
        static const char no_data[] = "{\"EventSelectors\":[{}]}";
        static const char no_management[] =
                "{\"AdvancedEventSelectors\":[{\"FieldSelectors\":[{\"Field\":\"eventCategory\","
                "\"Equals\":[\"Data\"]},{\"Field\":\"resources.type\",\"Equals\":["
                "\"AWS::S3::Object\"]}]}]}";
        static const char nothing[] = "{\"EventSelectors\":[]}";

        if (drift & DRIFT_MANAGEMENT)
                return drift & DRIFT_DATA ? nothing : no_management;
        return drift & DRIFT_DATA ? no_data : all;
}

static TrailSettings settings_of(const World *w, size_t trail, unsigned drift)
{
        const char *selectors = aws_selectors(drift);
        TrailSettings s = {
                .described = true,
                .selected = true,
                .description = {
                        .name = mem_strdup("trail"),
                        .arn = mem_strdup(w->trails[trail].arn),
                        .home_region = mem_strdup("us-east-1"),
                        .s3_bucket_name = mem_strdup(drift & DRIFT_BUCKET ? "theirs" : "ours"),
                        .is_multi_region = !(drift & DRIFT_REGIONS),
                        .is_organization = w->nature.organization,
                        .global_service_events = true,
                        .log_file_validation = !(drift & DRIFT_VALIDATION),
                }};

        if (cloudtrail_parse_event_selectors(selectors, strlen(selectors), &s.selectors) < 0)
                abort();
        return s;
}

bool aws_inspect(World *w, size_t trail, TrailSettings *ret)
{
        uint64_t lag = rng_chance(&w->settings_rng, w->nature.stale_percent)
                               ? rng_below(&w->settings_rng, w->nature.replica_lag_usec + 1)
                               : 0;
        const TrailVersion *v = version_at(&w->trails[trail], w->now_usec - MIN(lag, w->now_usec));

        if (!v->exists)
                return false;
        *ret = settings_of(w, trail, v->drift);
        return true;
}

bool aws_was_gone_since(const World *w, size_t trail, uint64_t from_usec)
{
        for (size_t i = 0; i < w->n_gone; i++)
                if (w->gone[i].trail == trail && w->gone[i].to_usec >= from_usec)
                        return true;
        return false;
}

const StopTime *aws_stop_time(const World *w, size_t trail, int64_t msec)
{
        for (size_t i = 0; i < w->n_stops; i++)
                if (w->stops[i].trail == trail && w->stops[i].msec == msec)
                        return &w->stops[i];
        return NULL;
}
