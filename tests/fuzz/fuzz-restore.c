/* SPDX-License-Identifier: Apache-2.0 */
/* What a state folder holds, given to the real core as at a start, which then lives for a while:
 * polls, ticks, answers to whatever it asks, a reload, maintenance. Nothing that is read may end
 * it, and all that it stores is taken at the next start.
 *
 * The input is an object {"trails": [...], "incidents": [...], "life": "...", "late": 0}: the
 * memories and incidents as on disk, and a letter for each thing that happens. With late, what is
 * before a "!" happens while the core waits for them (1), or does without (2). */
#include "aws/query.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "core/alertformat.h"
#include "core/incidentjson.h"
#include "../unit/core-fixture.h"
#include "fuzz.h"

#define LIFE_MAX 10
#define TICKS_MAX 16    /* for each thing that happens */
#define ANSWERS_MAX 250 /* in all */
#define CHECKS_MAX 12   /* of what is sent and stored: they are what takes time */
#define INPUT_MAX ((size_t)256 * 1024)

typedef struct World {
        Core *core;
        Now now;
        Actions actions;
        TrailStatus truth;
        TrailSettings settings;
        CoreConfig config;
        TrailConfig trails[2];
        TopicConfig topics[3];
        AwsErrorClass polls, starts, lookups, sends, looks;
        bool disk_fails;
        unsigned n_answers, n_sends, n_stores, n_memories;
} World;

/* As calls.c does it, for every format that the topic may have; of the topics, one is enough, and
 * what is not durable is longer. */
static void check_send(const Action *a)
{
        if (!streq(a->topic_arn, a->message->deliveries[0].topic_arn))
                return;
        for (TopicFormat f = 0; f < _TOPIC_FORMAT_MAX; f++) {
                _cleanup_free_ char *body = NULL;
                _cleanup_aws_request_ AwsRequest request = {};
                const char *structure;

                alert_render(f, a->message, "No space left on device", &body, &structure);
                SnsMessage m = {.topic_arn = a->topic_arn,
                                .subject = a->message->subject,
                                .message = body,
                                .structure = structure};
                HOLD(sns_request_publish(&m, &request) >= 0);
        }
}

static void check_stored(const Incident *i)
{
        _cleanup_json_ json_t *o = incident_to_json(i), *again = NULL;
        _cleanup_(incident_freep) Incident *back = NULL;
        const char *field = NULL;

        if (incident_from_json(o, &back, &field) < 0) {
                char *text = json_dumps(o, JSON_INDENT(1));
                fprintf(stderr, "%s in %s\n", strempty(field), text);
                free(text);
        }
        HOLD(back);
        again = incident_to_json(back);
        HOLD(json_equal(o, again));
}

static void check_memories(const Core *c)
{
        for (size_t k = 0; k < core_n_trails(c); k++) {
                _cleanup_json_ json_t *o = trail_memory_to_json(core_trail_memory(c, k));
                TrailMemory back = {};

                HOLD(trail_memory_from_json(o, &back) >= 0);
                trail_memory_done(&back);
        }
}

static void step(World *w, const Input *in)
{
        actions_done(&w->actions);
        core_step(w->core, in, w->now, &w->actions);
        (void)core_next_boot(w->core);
        (void)core_overdue(w->core, w->now);
        for (size_t k = 0; k < core_n_trails(w->core); k++)
                (void)core_trail_incident(w->core, k);
}

/* An answer that is owed; of what the action points to, nothing lives beyond the next step. */
typedef struct Owed {
        ActionKind kind;
        size_t trail;
        char incident[33];
        uint64_t generation;
        unsigned sequence;
        char topic[128];
        char event[32];
} Owed;

static void take_down(World *w, Owed **owed, size_t *n)
{
        for (size_t k = 0; k < w->actions.n; k++) {
                const Action *a = &w->actions.items[k];

                if (a->kind == ACTION_SEND && w->n_sends++ < CHECKS_MAX)
                        check_send(a);
                else if (a->kind == ACTION_STORE && w->n_stores++ < CHECKS_MAX)
                        check_stored(a->incident);
                else if (a->kind == ACTION_STORE_MEMORY && w->n_memories++ % 8 == 0)
                        check_memories(w->core);
                if (w->n_answers++ >= ANSWERS_MAX)
                        continue;
                Owed *o = mem_push0(*owed, *n);
                o->kind = a->kind;
                o->trail = a->trail;
                o->generation = a->generation;
                if (a->incident)
                        memcpy(o->incident, a->incident->id, sizeof(o->incident));
                if (a->kind == ACTION_LOOKUP)
                        (void)snprintf(o->event, sizeof(o->event), "%s", a->lookup.event_name);
                if (a->kind != ACTION_SEND)
                        continue;
                o->sequence = a->message->sequence;
                (void)snprintf(o->topic, sizeof(o->topic), "%s", a->topic_arn);
        }
}

static void set_error(AwsError *e, AwsErrorClass class)
{
        if (class != AWS_ERROR_NONE)
                aws_error_set(e, class, "SomeException", "in so many words");
        memcpy(e->request_id, "r-1", 4);
}

static void answer(World *w, const Owed *o)
{
        const bool down = o->kind == ACTION_START_LOGGING;
        LookupPage page = {};
        Input in = {.trail = o->trail,
                    .incident = *o->incident ? o->incident : NULL,
                    .status = &w->truth,
                    .asked_msec = w->now.wall_msec,
                    .settings = &w->settings,
                    .operation = "GetTrail",
                    .page = &page,
                    .generation = o->generation,
                    .sequence = o->sequence,
                    .topic_arn = o->topic,
                    .message_id = "m-1"};

        switch (o->kind) {
        case ACTION_POLL:
                in.kind = INPUT_POLLED;
                set_error(&in.error, w->polls);
                break;
        case ACTION_START_LOGGING:
                in.kind = INPUT_STARTED;
                set_error(&in.error, w->starts);
                break;
        case ACTION_LOOKUP:
                in.kind = INPUT_FOUND;
                set_error(&in.error, w->lookups);
                if (*o->event) {
                        *mem_push0(page.records, page.n_records) = fixture_record(
                                &(RecordFacts){.event = o->event, .at = w->now.wall_msec - BASE});
                        *mem_push0(page.records, page.n_records) =
                                fixture_record(&(RecordFacts){.event = o->event, .who = BOB});
                }
                break;
        case ACTION_STORE:
                in.kind = w->disk_fails ? INPUT_STORE_FAILED : INPUT_STORED;
                in.store_error = w->disk_fails ? -ENOSPC : 0;
                break;
        case ACTION_SEND:
                in.kind = INPUT_SENT;
                set_error(&in.error, w->sends);
                break;
        case ACTION_INSPECT:
                in.kind = INPUT_INSPECTED;
                set_error(&in.error, w->looks);
                break;
        default:
                return;
        }
        if (down && w->starts == AWS_ERROR_NONE && !w->truth.is_logging) {
                w->truth.is_logging = true;
                w->truth.start_logging_msec = w->now.wall_msec;
        }
        step(w, &in);
        lookup_page_done(&page);
}

static void answer_all(World *w)
{
        _cleanup_free_ Owed *owed = NULL;
        size_t n = 0;

        take_down(w, &owed, &n);
        for (size_t k = 0; k < n; k++) {
                Owed o = owed[k];

                answer(w, &o);
                take_down(w, &owed, &n);
        }
        actions_done(&w->actions);
}

static void pass(World *w, uint64_t usec)
{
        uint64_t end = w->now.boot_usec + usec, next;

        for (unsigned k = 0; k < TICKS_MAX; k++) {
                next = core_next_boot(w->core);
                if (next > end)
                        break;
                next = MAX(next, w->now.boot_usec);
                w->now.wall_msec += (int64_t)((next - w->now.boot_usec) / USEC_PER_MSEC);
                w->now.boot_usec = next;
                step(w, &(Input){.kind = INPUT_TICK, .trail = SIZE_MAX});
                answer_all(w);
        }
        w->now.wall_msec += (int64_t)((end - w->now.boot_usec) / USEC_PER_MSEC);
        w->now.boot_usec = end;
}

static void toggle(AwsErrorClass *c, AwsErrorClass to)
{
        *c = *c == AWS_ERROR_NONE ? to : AWS_ERROR_NONE;
}

static void live(World *w, char letter)
{
        const MaintenanceRequest maintenance = {
                .for_msec = MSEC_PER_HOUR, .reason = "because", .who = "root"};

        switch (letter) {
        case 's': /* stopped */
                w->truth.is_logging = false;
                w->truth.stop_logging_msec = w->now.wall_msec;
                break;
        case 'b': /* stopped and started again */
                w->truth.stop_logging_msec = w->now.wall_msec - 1000;
                w->truth.start_logging_msec = w->now.wall_msec;
                break;
        case 'n': /* made anew */
                w->truth = (TrailStatus){};
                break;
        case 'x':
                toggle(&w->polls, AWS_ERROR_NOT_FOUND);
                break;
        case 't':
                toggle(&w->polls, AWS_ERROR_NETWORK);
                break;
        case 'f':
                toggle(&w->starts, AWS_ERROR_DENIED);
                break;
        case 'l':
                toggle(&w->lookups, AWS_ERROR_THROTTLED);
                break;
        case 'e':
                toggle(&w->sends, AWS_ERROR_DENIED);
                break;
        case 'i':
                toggle(&w->looks, AWS_ERROR_DENIED);
                break;
        case 'k':
                w->disk_fails = !w->disk_fails;
                break;
        case 'g': /* other settings */
                w->settings.description.log_file_validation =
                        !w->settings.description.log_file_validation;
                break;
        case 'q': /* log files do not arrive */
                w->truth.latest_delivery_error =
                        w->truth.latest_delivery_error ? NULL : (char *)"NoSuchBucket";
                break;
        case 'a':
                step(w, &(Input){.kind = INPUT_ACCEPT, .trail = 0, .by = "root"});
                break;
        case 'o':
        case 'c':
                step(w, &(Input){.kind = letter == 'o' ? INPUT_MAINTENANCE_START
                                                       : INPUT_MAINTENANCE_STOP,
                                 .trail = SIZE_MAX,
                                 .maintenance = &maintenance});
                break;
        case 'r': /* one trail and one topic less, or more */
                w->config.n_trails = 3 - w->config.n_trails;
                w->config.n_topics = 4 - w->config.n_topics;
                step(w,
                     &(Input){.kind = INPUT_RECONFIGURE, .trail = SIZE_MAX, .config = &w->config});
                break;
        case 'y': /* who the guard is */
                step(w, &(Input){.kind = INPUT_IDENTITY, .trail = SIZE_MAX, .identity_arn = OWN});
                break;
        case 'j': /* the clock is set */
                w->now.wall_msec -= MSEC_PER_DAY;
                break;
        default:
                break;
        }
        answer_all(w);
        pass(w, letter == 'h'   ? USEC_PER_HOUR
                : letter == 'd' ? 30 * USEC_PER_HOUR
                : letter == 'm' ? USEC_PER_MINUTE
                                : 2 * USEC_PER_SEC);
}

static void begin(World *w)
{
        w->trails[0] = (TrailConfig){.arn = TRAIL, .poll_usec = 10 * USEC_PER_SEC};
        w->trails[1] = (TrailConfig){
                .arn = TRAIL "-2", .action = TRAIL_ACTION_ALERT, .poll_usec = 15 * USEC_PER_SEC};
        w->topics[0] = (TopicConfig){.arn = TOPIC};
        w->topics[1] = (TopicConfig){.arn = TOPIC ".fifo", .format = TOPIC_FORMAT_CHAT};
        w->topics[2] = (TopicConfig){
                .arn = TOPIC2, .format = TOPIC_FORMAT_PER_PROTOCOL, .min_severity = SEVERITY_HIGH};
        w->config = (CoreConfig){.policy = &policy_default,
                                 .trails = w->trails,
                                 .n_trails = 2,
                                 .topics = w->topics,
                                 .n_topics = 3,
                                 .n_accounts = 1,
                                 .hostname = "guard-1"};
        w->now = (Now){.boot_usec = 100 * USEC_PER_SEC, .wall_msec = BASE + MSEC_PER_HOUR};
        w->truth = (TrailStatus){.is_logging = true,
                                 .start_logging_msec = BASE - MSEC_PER_HOUR,
                                 .latest_delivery_msec = BASE - MSEC_PER_MINUTE};
        w->settings = (TrailSettings){.described = true,
                                      .selected = true,
                                      .description = {.name = (char *)"management-events",
                                                      .arn = (char *)TRAIL,
                                                      .home_region = (char *)"us-east-1",
                                                      .s3_bucket_name = (char *)"a-bucket",
                                                      .is_multi_region = true,
                                                      .log_file_validation = true}};
        w->core = core_new(&w->config, w->now);
}

static void restore(World *w, const json_t *root)
{
        json_t *o;
        size_t k;

        json_array_foreach(json_object_get(root, "trails"), k, o)
        {
                TrailMemory m = {};

                if (trail_memory_from_json(o, &m) >= 0)
                        core_restore_memory(w->core, &m);
                trail_memory_done(&m);
        }
        json_array_foreach(json_object_get(root, "incidents"), k, o)
        {
                Incident *i = NULL;

                if (incident_from_json(o, &i, NULL) >= 0)
                        core_restore_incident(w->core, i);
        }
}

static void restored(World *w, const char *missing)
{
        step(w, &(Input){.kind = INPUT_RESTORED,
                         .trail = SIZE_MAX,
                         .report = &(StateReport){.missing = missing}});
        answer_all(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ json_t *root = NULL;
        World w = {};

        if (size > INPUT_MAX || json_parse((const char *)data, size, SIZE_MAX, &root) < 0)
                return 0;
        const char *life = strempty(json_string_value(json_object_get(root, "life")));
        json_int_t late = json_integer_value(json_object_get(root, "late"));
        begin(&w);
        if (late)
                core_await_state(w.core);
        for (; late && *life && *life != '!'; life++) {
                live(&w, *life);
                if (late == 2)
                        restored(&w, "the disk does not answer");
        }
        restore(&w, root);
        restored(&w, NULL);
        pass(&w, 2 * USEC_PER_SEC);
        for (size_t k = 0; k < LIFE_MAX && life[k]; k++)
                live(&w, life[k]);
        actions_done(&w.actions);
        core_free(w.core);
        return 0;
}
