/* SPDX-License-Identifier: Apache-2.0 */
#include "core-fixture.h"

#include <stdio.h>

#include "base/mem.h"
#include "core/alerttext.h"
#include "core/incidentjson.h"
#include "unit.h"

static const char every_setting[] =
        "s3BucketName s3KeyPrefix kmsKeyId snsTopicName isMultiRegionTrail=false "
        "includeGlobalServiceEvents=false enableLogFileValidation=false isOrganizationTrail=false "
        "cloudWatchLogsLogGroupArn cloudWatchLogsRoleArn";

CloudTrailRecord fixture_record(const RecordFacts *f)
{
        const char *who = f->who ? f->who : MALLORY;
        bool role = strstr(who, "assumed-role") != NULL;

        return (CloudTrailRecord){
                .event_id = f->id ? mem_strdup(f->id)
                                  : mem_printf("%lld-%s", (long long)f->at, strrchr(who, '/') + 1),
                .event_name = mem_strdup(f->event ? f->event : "StopLogging"),
                .event_source = mem_strdup(f->source ? f->source : "cloudtrail.amazonaws.com"),
                .event_type = mem_strdup("AwsApiCall"),
                .region = mem_strdup(f->region ? f->region : "us-east-1"),
                .recipient_account_id = mem_strdup(f->account ? f->account : "111122223333"),
                .parameters = mem_strdup(f->parameters ? f->parameters : every_setting),
                .source_ip = mem_strdup("203.0.113.7"),
                .user_agent = mem_strdup("aws-cli/2.15"),
                .error_code = mem_strdup(f->error),
                .request_id = mem_strdup(f->request_id ? f->request_id : "theirs"),
                .trail = f->omitted ? NULL : mem_strdup(f->trail ? f->trail : TRAIL),
                .selectors = mem_strdup(f->selectors),
                .parameters_omitted = f->omitted,
                .time_msec = BASE + f->at / 1000 * 1000,
                .identity = {.type = role ? IDENTITY_ASSUMED_ROLE : IDENTITY_IAM_USER,
                             .type_text = mem_strdup(role ? "AssumedRole" : "IAMUser"),
                             .arn = mem_strdup(who),
                             .user_name = role ? NULL : mem_strdup(strrchr(who, '/') + 1),
                             .account_id = mem_strdup("111122223333"),
                             .access_key_id = mem_printf("AKIA%012zu", strlen(who))},
        };
}

void fixture_add(Incident *i, const RecordFacts *f)
{
        Finding *x = mem_push0(i->attribution.findings, i->attribution.n_findings);

        *x = (Finding){.role = ROLE_RELATED, .record = fixture_record(f)};
}

Incident *fixture_incident(IncidentKind kind, int64_t stop)
{
        Incident *i = mem_new0(Incident);

        memcpy(i->id, "0123456789abcdef", 17);
        i->kind = kind;
        i->trail_arn = mem_strdup(TRAIL);
        i->severity = SEVERITY_HIGH;
        i->open = true;
        i->detected_msec = BASE + stop + 2000;
        i->stop_msec = i->blind_from_msec = stop ? BASE + stop : 0;
        i->known_start_msec = BASE + stop - MSEC_PER_HOUR;
        i->last_logging_msec = BASE + stop - 5000;
        if (incident_kind_is_notice(kind)) {
                i->title = mem_strdup("something of the guard itself");
                mem_strset(&i->trail_arn, NULL);
                i->open = kind != INCIDENT_RECONFIGURED;
                if (kind == INCIDENT_TOPIC_FAILING)
                        i->scope_arn = mem_strdup(TOPIC);
        } else if (kind != INCIDENT_CANNOT_SEE && kind != INCIDENT_NOT_FOUND &&
                   kind != INCIDENT_UNINSPECTED) {
                i->attribution.state = SEARCH_RUNNING;
        }
        i->attribution.begun_msec = i->detected_msec;
        i->trail = SIZE_MAX;
        return i;
}

Incident *fixture_through_json(const Incident *i)
{
        _cleanup_json_ json_t *o = incident_to_json(i);
        Incident *back;

        assert_int_equal(incident_from_json(o, &back, NULL), 0);
        return back;
}

Text fixture_text(const Incident *i, Phase phase, int64_t now_msec)
{
        AlertContext c = {
                .hostname = "guard-1", .phase = phase, .sequence = 2, .now_msec = now_msec};
        Text t;

        alert_text(i, &c, &t.subject, &t.body);
        return t;
}

void fixture_text_done(Text *t)
{
        free(t->subject);
        free(t->body);
}

static const RigOptions no_options;

static Core *new_core(const RigOptions *options, Now now)
{
        static char arns[RIG_TRAILS_MAX][sizeof(TRAIL) + 8] = {TRAIL};
        TopicConfig topics[] = {{.arn = TOPIC}, options->second};
        TrailConfig trails[RIG_TRAILS_MAX];
        Policy policy = options->policy ? *options->policy : policy_default;

        if (!options->opening_waits)
                policy.opening_patience_usec = 0;
        CoreConfig config = {
                .policy = &policy,
                .trails = trails,
                .n_trails = options->n_trails ? options->n_trails : 1,
                .topics = topics,
                .n_topics = options->n_topics ? options->n_topics : 1,
                .n_accounts = 1,
                .hostname = "guard-1",
        };

        for (size_t i = 1; i < RIG_TRAILS_MAX; i++)
                (void)snprintf(arns[i], sizeof(arns[i]), TRAIL "-%zu", i + 1);
        for (size_t i = 0; i < RIG_TRAILS_MAX; i++)
                trails[i] = (TrailConfig){
                        .arn = arns[i], .action = options->action, .poll_usec = 10 * USEC_PER_SEC};
        if (!options->watch)
                policy.watch_usec = 0;
        trails[0].expect = options->expect;
        topics[1].arn = TOPIC2;
        return core_new(&config, now);
}

static void identify(Rig *r)
{
        rig_step(r, &(Input){.kind = INPUT_IDENTITY, .trail = SIZE_MAX, .identity_arn = OWN});
}

Rig *rig_new(const RigOptions *o)
{
        Rig *r = mem_new0(Rig);

        r->now = (Now){.boot_usec = 1000 * USEC_PER_SEC, .wall_msec = BASE};
        r->core = new_core(o ? o : &no_options, r->now);
        if (o && o->awaiting)
                core_await_state(r->core);
        r->starts_work = true;
        rig_truth(r, true, RIG_START, 0);
        r->settings = (TrailSettings){.described = true,
                                      .selected = true,
                                      .description = {
                                              .name = mem_strdup("management-events"),
                                              .arn = mem_strdup(TRAIL),
                                              .home_region = mem_strdup("us-east-1"),
                                              .s3_bucket_name = mem_strdup("amzn-s3-demo-bucket"),
                                              .is_multi_region = true,
                                              .global_service_events = true,
                                              .log_file_validation = true,
                                      }};
        rig_select(r, "{\"EventSelectors\":[{}]}");
        identify(r);
        return r;
}

void rig_start_again(Rig *r, const RigOptions *o)
{
        Core *old = r->core;

        actions_done(&r->actions);
        r->core = new_core(o ? o : &no_options, r->now);
        for (size_t i = 0; !(o && o->awaiting) && i < core_n_trails(old); i++)
                core_restore_memory(r->core, core_trail_memory(old, i));
        for (size_t i = 0; !(o && o->awaiting) && i < core_n_incidents(old); i++)
                core_restore_incident(r->core, fixture_through_json(core_incident(old, i)));
        core_free(old);
        identify(r);
}

Rig *rig_new_stopped(const RigOptions *o)
{
        Rig *r = rig_new(o);

        rig_polled(r, true, RIG_START, 0);
        rig_inspected(r);
        rig_pass(r, 7 * USEC_PER_SEC);
        rig_polled(r, false, RIG_START, RIG_STOP);
        return r;
}

Message rig_message(const Rig *r, unsigned sequence)
{
        assert_true(rig_incident(r)->n_messages >= sequence);
        return rig_incident(r)->messages[sequence - 1];
}

Rig *rig_free(Rig *r)
{
        if (!r)
                return NULL;
        actions_done(&r->actions);
        core_free(r->core);
        trail_settings_done(&r->settings);
        free(r);
        return NULL;
}

void rig_step(Rig *r, const Input *in)
{
        actions_done(&r->actions);
        core_step(r->core, in, r->now, &r->actions);
        for (size_t i = 0; i < r->actions.n; i++)
                if (r->actions.items[i].kind == ACTION_LOOKUP)
                        r->batch = r->actions.items[i].batch;
}

void rig_restored(Rig *r, const char *missing)
{
        rig_step(r, &(Input){.kind = INPUT_RESTORED,
                             .trail = SIZE_MAX,
                             .report = &(StateReport){.missing = missing}});
}

static void advance(Rig *r, uint64_t to_boot)
{
        r->now.wall_msec += (int64_t)(to_boot / USEC_PER_MSEC - r->now.boot_usec / USEC_PER_MSEC);
        r->now.boot_usec = to_boot;
}

/* To the next tick by `end`; false when there is none. */
static bool tick(Rig *r, uint64_t end, unsigned *at_once)
{
        uint64_t next = core_next_boot(r->core);

        if (next > end)
                return false;
        *at_once = next <= r->now.boot_usec ? *at_once + 1 : 0;
        assert_true(*at_once < 10); /* no busy loop */
        advance(r, MAX(next, r->now.boot_usec));
        rig_step(r, &(Input){.kind = INPUT_TICK, .trail = SIZE_MAX});
        return true;
}

void rig_pass(Rig *r, uint64_t usec)
{
        uint64_t end = r->now.boot_usec + usec;
        unsigned at_once = 0;

        while (tick(r, end, &at_once))
                ;
        advance(r, end);
}

void rig_truth(Rig *r, bool logging, int64_t start, int64_t stop)
{
        r->truth = (TrailStatus){
                .is_logging = logging,
                .start_logging_msec = start ? BASE + start : 0,
                .stop_logging_msec = stop ? BASE + stop : 0,
                .latest_delivery_msec = BASE - MSEC_PER_MINUTE,
        };
}

static void set_error(AwsError *e, AwsErrorClass class, const char *code)
{
        aws_error_set(e, class, code, "%s", class == AWS_ERROR_NONE ? "" : "in so many words");
}

/* One answer to come, taken down before the next step makes the action invalid. */
typedef struct Owed {
        ActionKind kind;
        size_t trail;
        char incident[33];
        uint64_t batch;
        uint64_t generation;
        unsigned sequence;
        const char *topic;
        char event[32];
} Owed;

static void fill_page(const Rig *r, const Owed *o, LookupPage *page)
{
        for (size_t i = 0; i < r->n_records && r->lookups == AWS_ERROR_NONE; i++) {
                const char *event = r->records[i].event ? r->records[i].event : "StopLogging";

                if (!streq(event, o->event))
                        continue;
                CloudTrailRecord *x = mem_push0(page->records, page->n_records);
                *x = fixture_record(&r->records[i]);
                if (r->source)
                        mem_strset(&x->event_source, r->source);
        }
}

static void answer(Rig *r, const Owed *o)
{
        LookupPage page = {};
        Input in = {
                .trail = o->trail,
                .incident = *o->incident ? o->incident : NULL,
                .status = &r->truth,
                .asked_msec = r->now.wall_msec,
                .settings = &r->settings,
                .operation = "GetTrail",
                .page = &page,
                .batch = o->batch,
                .generation = o->generation,
                .sequence = o->sequence,
                .topic_arn = o->topic,
                .message_id = "m-1",
        };
        static const InputKind kinds[_ACTION_KIND_MAX] = {
                [ACTION_POLL] = INPUT_POLLED,  [ACTION_START_LOGGING] = INPUT_STARTED,
                [ACTION_LOOKUP] = INPUT_FOUND, [ACTION_STORE] = INPUT_STORED,
                [ACTION_SEND] = INPUT_SENT,    [ACTION_INSPECT] = INPUT_INSPECTED,
        };
        AwsErrorClass class = o->kind == ACTION_POLL            ? r->polls
                              : o->kind == ACTION_START_LOGGING ? r->starts
                              : o->kind == ACTION_LOOKUP        ? r->lookups
                              : o->kind == ACTION_SEND          ? r->sends
                              : o->kind == ACTION_INSPECT       ? r->looks
                                                                : AWS_ERROR_NONE;

        if (o->kind == ACTION_SEND && streq_ptr(o->topic, r->deaf))
                class = AWS_ERROR_DENIED;
        static const TrailSettings nothing = {};
        if (o->kind == ACTION_INSPECT && class != AWS_ERROR_NONE)
                in.settings = &nothing;
        in.kind = kinds[o->kind];
        set_error(&in.error, class, class == AWS_ERROR_NONE ? "" : "SomeException");
        if (o->kind == ACTION_START_LOGGING) {
                memcpy(in.error.request_id, "ours", 5);
                in.aws_msec = r->now.wall_msec;
        }
        if (o->kind == ACTION_START_LOGGING && class == AWS_ERROR_NONE && r->starts_work) {
                r->truth.is_logging = true;
                r->truth.start_logging_msec = r->now.wall_msec;
        }
        fill_page(r, o, &page);
        rig_step(r, &in);
        lookup_page_done(&page);
}

static void take_down(Rig *r, const Action *a, Owed **owed, size_t *n)
{
        r->asked[a->kind]++;
        if (a->kind != ACTION_POLL && a->kind != ACTION_START_LOGGING && a->kind != ACTION_LOOKUP &&
            a->kind != ACTION_STORE && a->kind != ACTION_SEND && a->kind != ACTION_INSPECT)
                return;

        Owed *o = mem_push0(*owed, *n);
        o->kind = a->kind;
        o->trail = a->trail;
        o->generation = a->generation;
        o->batch = a->batch;
        if (a->incident)
                memcpy(o->incident, a->incident->id, sizeof(o->incident));
        if (a->kind == ACTION_LOOKUP)
                memcpy(o->event, a->lookup.event_name, strlen(a->lookup.event_name) + 1);
        if (a->kind != ACTION_SEND)
                return;
        o->sequence = a->message->sequence;
        o->topic = streq(a->topic_arn, TOPIC) ? TOPIC : TOPIC2;
        r->phases[a->message->phase] += r->sends == AWS_ERROR_NONE;
}

static void answer_all(Rig *r)
{
        _cleanup_free_ Owed *owed = NULL;
        size_t n = 0;

        for (size_t i = 0; i < r->actions.n; i++)
                take_down(r, &r->actions.items[i], &owed, &n);
        for (size_t k = 0; k < n; k++) {
                Owed o = owed[k];

                answer(r, &o);
                for (size_t i = 0; i < r->actions.n; i++)
                        take_down(r, &r->actions.items[i], &owed, &n);
        }
        actions_done(&r->actions);
}

void rig_live(Rig *r, uint64_t usec)
{
        uint64_t end = r->now.boot_usec + usec;

        unsigned at_once = 0;

        answer_all(r);
        while (tick(r, end, &at_once))
                answer_all(r);
        advance(r, end);
}

void rig_polled(Rig *r, bool logging, int64_t start, int64_t stop)
{
        TrailStatus s = {
                .is_logging = logging,
                .start_logging_msec = start ? BASE + start : 0,
                .stop_logging_msec = stop ? BASE + stop : 0,
                .latest_delivery_msec = BASE - MSEC_PER_MINUTE,
        };

        rig_step(r, &(Input){.kind = INPUT_POLLED, .status = &s, .asked_msec = r->now.wall_msec});
}

void rig_poll_failed(Rig *r, AwsErrorClass class, const char *code)
{
        Input in = {.kind = INPUT_POLLED};

        set_error(&in.error, class, code);
        rig_step(r, &in);
}

void rig_inspected(Rig *r)
{
        rig_step(r, &(Input){.kind = INPUT_INSPECTED,
                             .settings = &r->settings,
                             .asked_msec = r->now.wall_msec});
}

void rig_select(Rig *r, const char *selectors)
{
        event_selectors_done(&r->settings.selectors);
        assert_int_equal(cloudtrail_parse_event_selectors(selectors, strlen(selectors),
                                                          &r->settings.selectors),
                         0);
}

void rig_started(Rig *r, AwsErrorClass class, const char *request_id)
{
        Input in = {.kind = INPUT_STARTED};

        set_error(&in.error, class, class == AWS_ERROR_NONE ? "" : "SomeException");
        memcpy(in.error.request_id, request_id, strlen(request_id) + 1);
        rig_step(r, &in);
}

static void store(Rig *r, InputKind kind, int error)
{
        const Incident *i = rig_incident(r);

        rig_step(r, &(Input){.kind = kind,
                             .trail = SIZE_MAX,
                             .incident = i->id,
                             .generation = i->asked_generation,
                             .store_error = error});
}

void rig_stored(Rig *r)
{
        store(r, INPUT_STORED, 0);
}

void rig_store_failed(Rig *r, int error)
{
        store(r, INPUT_STORE_FAILED, error);
}

void rig_sent(Rig *r, unsigned sequence, const char *topic, AwsErrorClass class)
{
        Input in = {
                .kind = INPUT_SENT,
                .trail = SIZE_MAX,
                .incident = rig_incident(r)->id,
                .sequence = sequence,
                .topic_arn = topic,
                .message_id = "m-1",
        };

        set_error(&in.error, class, class == AWS_ERROR_NONE ? "" : "NotFound");
        rig_step(r, &in);
}

static void found(Rig *r, const RecordFacts *f, size_t n, const char *next_token)
{
        LookupPage page = {.next_token = mem_strdup(next_token)};

        for (size_t i = 0; i < n; i++)
                *mem_push0(page.records, page.n_records) = fixture_record(&f[i]);
        rig_step(
                r,
                &(Input){.kind = INPUT_FOUND, .trail = SIZE_MAX, .batch = r->batch, .page = &page});
        lookup_page_done(&page);
}

void rig_found(Rig *r, const RecordFacts *f, size_t n)
{
        found(r, f, n, NULL);
}

void rig_found_first(Rig *r, const RecordFacts *f, size_t n)
{
        found(r, f, n, "more");
}

void rig_lookup_failed(Rig *r, AwsErrorClass class)
{
        Input in = {.kind = INPUT_FOUND, .trail = SIZE_MAX, .batch = r->batch};

        set_error(&in.error, class, "SomeException");
        rig_step(r, &in);
}

const Action *rig_action(const Rig *r, ActionKind kind)
{
        for (size_t i = 0; i < r->actions.n; i++)
                if (r->actions.items[i].kind == kind)
                        return &r->actions.items[i];
        return NULL;
}

unsigned rig_n_messages(const Rig *r)
{
        unsigned n = 0;

        for (size_t p = 0; p < _PHASE_MAX; p++)
                n += r->phases[p];
        return n;
}

size_t rig_count(const Rig *r, ActionKind kind)
{
        size_t n = 0;

        for (size_t i = 0; i < r->actions.n; i++)
                n += r->actions.items[i].kind == kind;
        return n;
}

const Action *rig_log(const Rig *r, LogEvent event)
{
        for (size_t i = 0; i < r->actions.n; i++)
                if (r->actions.items[i].kind == ACTION_LOG && r->actions.items[i].event == event)
                        return &r->actions.items[i];
        return NULL;
}

const Incident *rig_incident(const Rig *r)
{
        assert_true(core_n_incidents(r->core) > 0);
        return core_incident(r->core, 0);
}
