/* SPDX-License-Identifier: Apache-2.0 */
#include "core-fixture.h"
#include "unit.h"

#define START RIG_START
#define OTHER TRAIL "-2"

/* How the core is to be: trails and topics by name, all else as the rig has it. */
typedef struct Wanted {
        TrailConfig trails[3];
        size_t n_trails;
        TopicConfig topics[2];
        size_t n_topics;
} Wanted;

static void reconfigure(Rig *r, Wanted *w)
{
        for (size_t k = 0; k < w->n_trails; k++)
                w->trails[k].poll_usec = 10 * USEC_PER_SEC;
        CoreConfig config = {.policy = &policy_default,
                             .trails = w->trails,
                             .n_trails = w->n_trails,
                             .topics = w->topics,
                             .n_topics = w->n_topics,
                             .n_accounts = 1};

        rig_step(r, &(Input){.kind = INPUT_RECONFIGURE, .trail = SIZE_MAX, .config = &config});
}

static const Incident *of_kind(const Rig *r, IncidentKind kind)
{
        for (size_t k = 0; k < core_n_incidents(r->core); k++)
                if (core_incident(r->core, k)->kind == kind)
                        return core_incident(r->core, k);
        return NULL;
}

static void test_trails_come_and_go(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);
        Wanted both = {.trails = {{.arn = OTHER}, {.arn = TRAIL}},
                       .n_trails = 2,
                       .topics = {{.arn = TOPIC}},
                       .n_topics = 1};
        Wanted other = {.trails = {{.arn = OTHER}},
                        .n_trails = 1,
                        .topics = {{.arn = TOPIC}},
                        .n_topics = 1};

        rig_live(r, 30 * USEC_PER_SEC);
        int64_t seen = core_trail_memory(r->core, 0)->last_good_msec;
        reconfigure(r, &both);
        assert_int_equal(core_n_trails(r->core), 2);
        assert_string_equal(core_trail_config(r->core, 1)->arn, TRAIL);
        assert_int_equal(core_trail_memory(r->core, 1)->last_good_msec, seen);
        assert_false(core_trail_memory(r->core, 0)->seen);
        const Incident *told = of_kind(r, INCIDENT_RECONFIGURED);
        assert_non_null(told);
        assert_int_equal(told->severity, SEVERITY_INFO);
        assert_string_equal(told->title, "configuration changed: 1 trail added");
        rig_live(r, 30 * USEC_PER_SEC);
        assert_true(core_trail_memory(r->core, 0)->seen);
        assert_int_equal(r->phases[PHASE_NOTICE], 1);
        assert_int_equal(core_n_incidents(r->core), 0);

        reconfigure(r, &other);
        told = of_kind(r, INCIDENT_RECONFIGURED);
        assert_int_equal(told->severity, SEVERITY_WARNING);
        assert_non_null(strstr(told->text, "NO LONGER GUARDED: " TRAIL "\n"));
        rig_live(r, USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_NOTICE], 2);
        assert_null(core_overdue(r->core, r->now));
}

static void test_nothing_has_changed(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);
        Wanted same = {.trails = {{.arn = TRAIL}},
                       .n_trails = 1,
                       .topics = {{.arn = TOPIC}},
                       .n_topics = 1};

        rig_live(r, 30 * USEC_PER_SEC);
        reconfigure(r, &same);
        assert_int_equal(core_n_incidents(r->core), 0);
        rig_live(r, USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_NOTICE], 0);
}

/* An outage that is being fought goes on where it stood, under its id, at another index. */
static void test_an_open_incident_lives_on(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);
        Wanted both = {.trails = {{.arn = OTHER}, {.arn = TRAIL}},
                       .n_trails = 2,
                       .topics = {{.arn = TOPIC}},
                       .n_topics = 1};
        char id[33];

        memcpy(id, rig_incident(r)->id, sizeof(id));
        assert_non_null(rig_action(r, ACTION_START_LOGGING));
        reconfigure(r, &both);
        assert_null(rig_action(r, ACTION_START_LOGGING)); /* its answer is on the way */
        rig_step(r, &(Input){.kind = INPUT_STARTED, .trail = 1, .error.request_id = "ours"});
        TrailStatus s = {.is_logging = true,
                         .start_logging_msec = BASE + 8000,
                         .stop_logging_msec = BASE + RIG_STOP};
        rig_step(r, &(Input){.kind = INPUT_POLLED, .trail = 1, .status = &s});
        const Incident *i = of_kind(r, INCIDENT_STOPPED);
        assert_string_equal(i->id, id);
        assert_false(i->open);
        assert_int_equal(i->restart.state, RESTART_VERIFIED);
}

/* The answer to a call of before: nothing is tried any more, so that nothing fails. */
static void test_an_answer_that_is_not_waited_for(void **state)
{
        _cleanup_rig_ Rig *told = rig_new_stopped(NULL), *kept = rig_new_stopped(NULL);
        Wanted alert = {.trails = {{.arn = TRAIL, .action = TRAIL_ACTION_ALERT}},
                        .n_trails = 1,
                        .topics = {{.arn = TOPIC}},
                        .n_topics = 1};
        MaintenanceRequest m = {.for_msec = MSEC_PER_HOUR, .reason = "r", .who = "w"};

        reconfigure(told, &alert);
        rig_started(told, AWS_ERROR_DENIED, "r-1");
        assert_int_equal(of_kind(told, INCIDENT_STOPPED)->restart.state, RESTART_NOT_WANTED);
        assert_int_equal(of_kind(told, INCIDENT_STOPPED)->n_messages, 1);
        rig_step(kept,
                 &(Input){.kind = INPUT_MAINTENANCE_START, .trail = SIZE_MAX, .maintenance = &m});
        rig_started(kept, AWS_ERROR_NONE, "r-1");
        assert_int_equal(of_kind(kept, INCIDENT_STOPPED)->restart.state, RESTART_NOT_WANTED);
        rig_polled(kept, true, 7100, RIG_STOP); /* it worked all the same */
        assert_int_equal(of_kind(kept, INCIDENT_STOPPED)->restart.state, RESTART_VERIFIED);
}

static void test_of_a_removed_trail(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);
        Wanted other = {.trails = {{.arn = OTHER}},
                        .n_trails = 1,
                        .topics = {{.arn = TOPIC}},
                        .n_topics = 1};

        reconfigure(r, &other);
        assert_false(of_kind(r, INCIDENT_STOPPED)->open);
        /* Answers that were on the way. */
        rig_step(r, &(Input){.kind = INPUT_STARTED, .trail = SIZE_MAX});
        rig_step(r, &(Input){.kind = INPUT_FOUND,
                             .trail = SIZE_MAX,
                             .incident = of_kind(r, INCIDENT_STOPPED)->id,
                             .page = &(LookupPage){}});
        rig_stored(r);
        rig_sent(r, 1, TOPIC, AWS_ERROR_NONE);
        rig_live(r, USEC_PER_MINUTE);
        assert_null(of_kind(r, INCIDENT_STOPPED)); /* sent, stored, and done with */
}

static void test_action_changes(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(&(RigOptions){.action = TRAIL_ACTION_ALERT});
        Wanted w = {.trails = {{.arn = TRAIL, .action = TRAIL_ACTION_RESTART}},
                    .n_trails = 1,
                    .topics = {{.arn = TOPIC}},
                    .n_topics = 1};

        assert_null(rig_action(r, ACTION_START_LOGGING));
        reconfigure(r, &w);
        assert_non_null(rig_action(r, ACTION_START_LOGGING));
        assert_int_equal(of_kind(r, INCIDENT_RECONFIGURED)->severity, SEVERITY_INFO);
        w.trails[0].action = TRAIL_ACTION_ALERT;
        r->now.wall_msec++;
        rig_started(r, AWS_ERROR_DENIED, "");
        reconfigure(r, &w);
        assert_int_equal(of_kind(r, INCIDENT_STOPPED)->restart.state, RESTART_NOT_WANTED);
        rig_pass(r, USEC_PER_MINUTE);
        assert_null(rig_action(r, ACTION_START_LOGGING));
}

/* In maintenance nothing is tried, whatever the action becomes. */
static void test_action_changes_in_maintenance(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(&(RigOptions){.action = TRAIL_ACTION_ALERT});
        Wanted w = {.trails = {{.arn = TRAIL, .action = TRAIL_ACTION_RESTART}},
                    .n_trails = 1,
                    .topics = {{.arn = TOPIC}},
                    .n_topics = 1};
        MaintenanceRequest m = {.for_msec = MSEC_PER_HOUR, .reason = "r", .who = "w"};

        rig_step(r,
                 &(Input){.kind = INPUT_MAINTENANCE_START, .trail = SIZE_MAX, .maintenance = &m});
        reconfigure(r, &w);
        assert_null(rig_action(r, ACTION_START_LOGGING));
        assert_int_equal(of_kind(r, INCIDENT_STOPPED)->restart.state, RESTART_NOT_WANTED);
        rig_step(r, &(Input){.kind = INPUT_MAINTENANCE_STOP, .trail = SIZE_MAX, .maintenance = &m});
        assert_non_null(rig_action(r, ACTION_START_LOGGING));
}

/* The document of a message that has not left is written when a topic has come to want it. */
static void test_format_changes_under_a_message(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);
        Wanted w = {.trails = {{.arn = TRAIL}},
                    .n_trails = 1,
                    .topics = {{.arn = TOPIC, .format = TOPIC_FORMAT_JSON}},
                    .n_topics = 1};

        assert_null(rig_message(r, 1).document);
        reconfigure(r, &w);
        rig_store_failed(r, -28); /* sent all the same */
        assert_int_equal(rig_action(r, ACTION_SEND)->topic->format, TOPIC_FORMAT_JSON);
        assert_non_null(strstr(rig_message(r, 1).document, "\"phase\":\"OPEN\""));
}

/* A message that waits is for whoever is told now. */
static void test_topics_change(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);
        Wanted w = {.trails = {{.arn = TRAIL}},
                    .n_trails = 1,
                    .topics = {{.arn = TOPIC2, .min_severity = SEVERITY_CRITICAL}},
                    .n_topics = 1};

        reconfigure(r, &w);
        const Incident *i = of_kind(r, INCIDENT_STOPPED);
        const Incident *told = of_kind(r, INCIDENT_RECONFIGURED);
        /* Not grave enough for that one, but nobody else is left to hear it. */
        assert_int_equal(i->messages[0].n_deliveries, 1);
        assert_string_equal(i->messages[0].deliveries[0].topic_arn, TOPIC2);
        assert_non_null(strstr(told->text, "NO LONGER TOLD: " TOPIC "\n"));
        assert_non_null(strstr(told->text, "told from now on: " TOPIC2 "\n"));
        assert_int_equal(told->severity, SEVERITY_WARNING);
        w.topics[0] = (TopicConfig){.arn = TOPIC2};
        r->now.wall_msec++;
        reconfigure(r, &w);
        r->starts = AWS_ERROR_DENIED;
        rig_started(r, AWS_ERROR_DENIED, "");
        assert_string_equal(rig_message(r, 2).deliveries[0].topic_arn, TOPIC2);
        assert_int_equal(core_n_incidents(r->core), 3);
        told = core_incident(r->core, 2);
        assert_string_equal(told->title, "configuration changed: 1 topic changed");
        assert_int_equal(told->severity, SEVERITY_INFO); /* it is told more than before */
}

/* Who restarts the daemon instead of reloading it is told the same. */
static void test_compared_with_the_run_before(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL), *same = rig_new(NULL), *fresh = rig_new(NULL);
        TrailMemory known = {.arn = (char *)TRAIL, .seen = true, .logging = true},
                    gone = {.arn = (char *)OTHER, .seen = true};

        core_restore_memory(same->core, &known);
        rig_live(same, USEC_PER_MINUTE);
        rig_live(fresh, USEC_PER_MINUTE);
        assert_int_equal(same->phases[PHASE_NOTICE] + fresh->phases[PHASE_NOTICE], 0);

        core_restore_memory(r->core, &gone);
        rig_step(r, &(Input){.kind = INPUT_TICK, .trail = SIZE_MAX});
        const Incident *told = of_kind(r, INCIDENT_RECONFIGURED);
        assert_non_null(told);
        assert_string_equal(told->title, "configuration changed: 1 trail added, 1 trail REMOVED");
        assert_non_null(strstr(told->text, "NO LONGER GUARDED: " OTHER "\n"));
        rig_live(r, USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_NOTICE], 1);
}

UNIT_MAIN(T(test_trails_come_and_go), T(test_nothing_has_changed),
          T(test_an_open_incident_lives_on), T(test_an_answer_that_is_not_waited_for),
          T(test_of_a_removed_trail), T(test_action_changes), T(test_action_changes_in_maintenance),
          T(test_format_changes_under_a_message), T(test_topics_change),
          T(test_compared_with_the_run_before))
