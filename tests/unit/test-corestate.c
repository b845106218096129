/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "core-fixture.h"
#include "unit.h"

#define START RIG_START
#define STOP RIG_STOP

static const RecordFacts by_mallory[] = {{.at = STOP}};

/* A blink is over when it is seen: it closes when its actor is known. */
static void test_blink_waits_for_its_actor(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, 7 * USEC_PER_SEC);
        rig_truth(r, true, 6000, STOP);
        rig_live(r, 15 * USEC_PER_SEC);
        assert_int_equal(rig_incident(r)->kind, INCIDENT_BLINK);
        assert_true(rig_incident(r)->open);
        r->records = by_mallory;
        r->n_records = 1;
        rig_live(r, 30 * USEC_PER_SEC);
        assert_false(rig_incident(r)->open);
        assert_int_equal(r->phases[PHASE_OPEN], 1);
        assert_int_equal(r->phases[PHASE_CLOSED], 1);
        assert_int_equal(r->phases[PHASE_UPDATE], 0);
        assert_int_equal(r->asked[ACTION_START_LOGGING], 0);
}

static void test_not_yet_and_given_up(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, 7 * USEC_PER_SEC);
        rig_truth(r, true, 6000, STOP);
        rig_live(r, 29 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_CLOSED], 0);
        rig_live(r, 2 * USEC_PER_MINUTE); /* "not yet" */
        assert_int_equal(r->phases[PHASE_CLOSED], 1);
        rig_live(r, 23 * USEC_PER_HOUR + 20 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_UPDATE], 0);
        assert_int_equal(core_n_incidents(r->core), 1);
        rig_live(r, 30 * USEC_PER_MINUTE); /* not found */
        assert_int_equal(r->phases[PHASE_UPDATE], 1);
        assert_int_equal(core_n_incidents(r->core), 0);
        assert_true(r->asked[ACTION_LOOKUP] < 600);
}

/* Whoever uses the rate up that all share keeps the name from showing, and not the guard from
 * saying so, nor from an end. */
static void test_throttled_time_counts(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, 7 * USEC_PER_SEC);
        rig_truth(r, true, 6000, STOP);
        r->lookups = AWS_ERROR_THROTTLED;
        rig_live(r, 31 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_CLOSED], 1);
        assert_has(rig_message(r, 2).body, "not known yet; the search continues for 24 hours\n"
                                           "  because       LookupEvents is throttled since 2026-");
        rig_live(r, 23 * USEC_PER_HOUR);
        assert_int_equal(r->phases[PHASE_UPDATE], 0);
        assert_int_equal(core_n_incidents(r->core), 1);
        rig_live(r, USEC_PER_HOUR);
        assert_int_equal(r->phases[PHASE_UPDATE], 1);
        assert_int_equal(core_n_incidents(r->core), 0);
}

/* It is asked for as often as before: less would leave the rate to whoever uses it up. */
static void test_throttled_is_asked_on(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, 7 * USEC_PER_SEC);
        rig_truth(r, true, 6000, STOP);
        r->lookups = AWS_ERROR_THROTTLED;
        rig_live(r, USEC_PER_HOUR);
        r->asked[ACTION_LOOKUP] = 0;
        rig_live(r, USEC_PER_MINUTE);
        assert_true(r->asked[ACTION_LOOKUP] >= 6);
        r->lookups = AWS_ERROR_NONE;
        r->records = by_mallory;
        r->n_records = 1;
        rig_live(r, USEC_PER_MINUTE / 2);
        assert_int_equal(rig_incident(r)->attribution.confidence, CONFIDENCE_EXACT);
}

static void test_denied_time_counts(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, 7 * USEC_PER_SEC);
        rig_truth(r, true, 6000, STOP);
        r->lookups = AWS_ERROR_DENIED;
        rig_live(r, 31 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_CLOSED], 1);
        rig_live(r, 24 * USEC_PER_HOUR);
        assert_int_equal(core_n_incidents(r->core), 0);
}

/* That nothing had shown when all was read says nothing of what has shown since. */
static void test_an_earlier_look_in_vain(void **state)
{
        static const RecordFacts page[] = {{.at = STOP},
                                           {.at = STOP - 5000, .error = "AccessDenied"}};
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);
        const Attribution *a = &rig_incident(r)->attribution;

        rig_found(r, NULL, 0);
        assert_int_equal(a->rounds, 1);
        rig_pass(r, 10 * USEC_PER_SEC);
        rig_found_first(r, page, 2);
        assert_int_equal(a->confidence, CONFIDENCE_AMBIGUOUS);
        assert_true(a->doubts & (1U << DOUBT_UNREAD));
        rig_pass(r, 2 * USEC_PER_SEC);
        rig_found(r, page, 2);
        assert_false(a->doubts & (1U << DOUBT_UNREAD));
}

/* The trail logs again between the answer that names who it was and that of what his key did. */
static void test_closed_before_the_deeds_are_known(void **state)
{
        static const RecordFacts deeds[] = {{.at = STOP},
                                            {.event = "CreateUser", .at = STOP - 9000}};
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);

        rig_pass(r, USEC_PER_SEC);
        rig_found(r, deeds, 1);
        rig_started(r, AWS_ERROR_NONE, "r-1");
        rig_polled(r, true, 7100, STOP);
        assert_int_equal(rig_message(r, 2).phase, PHASE_CLOSED);
        assert_null(strstr(rig_message(r, 2).body, "CreateUser"));
        rig_pass(r, USEC_PER_SEC);
        rig_found(r, deeds, 2);
        assert_int_equal(rig_incident(r)->n_messages, 3);
        assert_int_equal(rig_message(r, 3).phase, PHASE_UPDATE);
        assert_non_null(strstr(rig_message(r, 3).body, "CreateUser"));
}

/* A quarter of an hour after the verdict there is one more look, and what it changes is told. */
static void test_settling_corrects(void **state)
{
        static const RecordFacts both[] = {{.at = STOP}, {.at = STOP - 2000, .who = BOB}};
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_truth(r, true, START, 0);
        rig_live(r, USEC_PER_SEC);
        r->records = both;
        r->n_records = 1;
        rig_pass(r, 6 * USEC_PER_SEC);
        rig_truth(r, false, START, STOP);
        rig_live(r, USEC_PER_MINUTE);
        assert_string_equal(incident_find_role(rig_incident(r), ROLE_CULPRIT)->record.identity.arn,
                            MALLORY);
        assert_int_equal(rig_incident(r)->attribution.state, SEARCH_SETTLING);
        assert_int_equal(r->phases[PHASE_UPDATE] + r->phases[PHASE_CLOSED], 1);
        r->n_records = 2;
        rig_live(r, 13 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_UPDATE] + r->phases[PHASE_CLOSED], 1);
        rig_live(r, 3 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_UPDATE] + r->phases[PHASE_CLOSED], 2);
        assert_true(incident_is_settled(rig_incident(r)));
}

static void test_misuse_is_critical(void **state)
{
        static const RecordFacts own[] = {{.at = STOP, .who = OWN}};
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, 7 * USEC_PER_SEC);
        rig_truth(r, true, 6000, STOP);
        r->records = own;
        r->n_records = 1;
        rig_live(r, USEC_PER_MINUTE);
        assert_true(rig_incident(r)->attribution.misused);
        assert_int_equal(rig_incident(r)->severity, SEVERITY_CRITICAL);
}

/* A stop with the guard's own credentials, and for so long nobody can say which those are. */
static Rig *own_name_known_after(uint64_t usec)
{
        static const RecordFacts own[] = {{.at = STOP, .who = OWN}};
        Rig *r = rig_new(NULL);

        rig_live(r, 7 * USEC_PER_SEC);
        rig_truth(r, true, 6000, STOP);
        rig_step(r, &(Input){.kind = INPUT_IDENTITY, .trail = SIZE_MAX});
        r->records = own;
        r->n_records = 1;
        rig_live(r, usec);
        assert_int_equal(rig_incident(r)->attribution.state, SEARCH_SETTLING);
        assert_int_equal(r->phases[PHASE_UPDATE], 0);
        rig_step(r, &(Input){.kind = INPUT_IDENTITY, .trail = SIZE_MAX, .identity_arn = OWN});
        rig_live(r, 2 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_UPDATE], 1);
        return r;
}

static void test_misuse_is_told_when_the_own_name_is_known(void **state)
{
        _cleanup_rig_ Rig *r = own_name_known_after(5 * USEC_PER_MINUTE);

        assert_true(rig_incident(r)->attribution.misused);
        assert_int_equal(rig_incident(r)->severity, SEVERITY_CRITICAL);
        rig_live(r, 7 * USEC_PER_MINUTE); /* the second look keeps its time */
        assert_int_equal(rig_incident(r)->attribution.state, SEARCH_SETTLING);
        rig_live(r, 3 * USEC_PER_MINUTE);
        assert_true(incident_is_settled(rig_incident(r)));
        assert_int_equal(r->phases[PHASE_UPDATE], 1);
}

/* The search had ended without, and the guard looked no more when it knew. */
static void test_search_waits_for_the_own_name(void **state)
{
        _cleanup_rig_ Rig *r = own_name_known_after(USEC_PER_HOUR);

        assert_true(incident_is_settled(rig_incident(r)));
}

/* What was on its way when another configuration came is not "tried" any more. */
static void test_restore_for_alerts_only(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL);
        _cleanup_rig_ Rig *again = rig_new(&(RigOptions){.action = TRAIL_ACTION_ALERT});

        rig_started(r, AWS_ERROR_NONE, "r-1");
        core_restore_memory(again->core, core_trail_memory(r->core, 0));
        core_restore_incident(again->core, fixture_through_json(rig_incident(r)));
        assert_int_equal(rig_incident(again)->restart.state, RESTART_NOT_WANTED);
        again->truth = (TrailStatus){.start_logging_msec = BASE + RIG_START,
                                     .stop_logging_msec = BASE + RIG_STOP};
        rig_live(again, 2 * USEC_PER_MINUTE);
        assert_int_equal(again->phases[PHASE_FAILING], 0);
        assert_true(core_next_boot(again->core) > again->now.boot_usec);
}

static void test_restore(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL), *again = rig_new(NULL);

        core_restore_memory(again->core, core_trail_memory(r->core, 0));
        core_restore_incident(again->core, fixture_through_json(rig_incident(r)));
        rig_step(again, &(Input){.kind = INPUT_TICK, .trail = SIZE_MAX});
        assert_int_equal(rig_count(again, ACTION_SEND), 1); /* it is on disk */
        assert_true(rig_action(again, ACTION_SEND)->durable);
        rig_polled(again, false, START, STOP);
        assert_int_equal(again->actions.items[0].kind, ACTION_START_LOGGING);
        assert_int_equal(core_n_incidents(again->core), 1);
        assert_ptr_equal(core_trail_incident(again->core, 0), rig_incident(again));
        rig_started(again, AWS_ERROR_NONE, "first");
        rig_polled(again, true, 9000, STOP);
        assert_false(rig_incident(again)->open);
}

/* The incident reached the disk, the memory did not. */
static void test_restore_without_memory(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL), *again = rig_new(NULL);

        core_restore_incident(again->core, fixture_through_json(rig_incident(r)));
        rig_polled(again, true, 9000, STOP);
        assert_false(rig_incident(again)->open);
        assert_int_equal(rig_incident(again)->blind_to_msec, BASE + 9000);
}

/* ... or the one that is there is older. */
static void test_restore_with_old_memory(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL), *again = rig_new(NULL);

        rig_polled(r, true, START, 0);
        core_restore_memory(again->core, core_trail_memory(r->core, 0));
        rig_polled(r, false, START, STOP);
        core_restore_incident(again->core, fixture_through_json(rig_incident(r)));
        rig_polled(again, false, START, STOP);
        assert_true(rig_incident(again)->open);
        assert_ptr_equal(core_trail_incident(again->core, 0), rig_incident(again));
        assert_int_equal(core_n_incidents(again->core), 1);
}

/* The memory reached the disk, the closing of the incident did not. */
static void test_restore_left_over(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL), *again = rig_new(NULL);
        Incident *old = fixture_through_json(rig_incident(r));

        rig_polled(r, true, 9000, STOP);
        core_restore_memory(again->core, core_trail_memory(r->core, 0));
        core_restore_incident(again->core, old);
        rig_polled(again, true, 9000, STOP);
        assert_false(rig_incident(again)->open);
        assert_int_equal(rig_incident(again)->blind_to_msec, BASE + 9000);
}

/* Both reached the disk and the memory did not: the end of the stop hid that the trail was made
 * again, which was then told twice. */
static void test_restore_stop_that_a_new_trail_ended(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL), *again = rig_new(NULL);

        rig_polled(r, true, START, 0);
        core_restore_memory(again->core, core_trail_memory(r->core, 0));
        rig_polled(r, false, START, STOP);
        rig_polled(r, true, 9000, 0);
        assert_int_equal(core_n_incidents(r->core), 2);
        for (size_t i = 0; i < 2; i++)
                core_restore_incident(again->core, fixture_through_json(core_incident(r->core, i)));
        rig_truth(again, true, 9000, 0);
        rig_live(again, 2 * USEC_PER_MINUTE);
        assert_int_equal(core_n_incidents(again->core), 2);
}

/* The memory is the older one, and seemed to be the newer: by a clock that was an hour ahead then.
 */
static void test_restore_new_trail_with_clock_set_back(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL), *again = rig_new(NULL);

        rig_live(r, USEC_PER_SEC);
        core_restore_memory(again->core, core_trail_memory(r->core, 0));
        r->now.wall_msec -= MSEC_PER_HOUR;
        r->truth = (TrailStatus){};
        r->starts_work = false;
        rig_live(r, 2 * USEC_PER_MINUTE);
        assert_int_equal(rig_incident(r)->kind, INCIDENT_RECREATED);
        core_restore_incident(again->core, fixture_through_json(rig_incident(r)));
        again->truth = (TrailStatus){.is_logging = true, .start_logging_msec = BASE + 300000};
        rig_live(again, 2 * USEC_PER_MINUTE);
        assert_int_equal(core_n_incidents(again->core), 1);
        assert_int_equal(rig_incident(again)->blind_to_msec, BASE + 300000);
}

static void test_restore_finished(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL), *again = rig_new(NULL);
        Incident *old = fixture_through_json(rig_incident(r));

        old->open = false;
        old->attribution.state = SEARCH_DONE;
        old->messages[0].deliveries[0].sent = true;
        old->detected_msec -= 11 * MSEC_PER_MINUTE;
        core_restore_incident(again->core, old);
        assert_int_equal(core_n_incidents(again->core), 0);
        rig_polled(again, true, 9000, STOP); /* the same stop: had already */
        assert_int_equal(core_n_incidents(again->core), 0);
}

/* It was taken for the stop that had begun the outage, which none had: who deletes a trail is not
 * who stops the next. */
static void test_stop_of_a_new_trail_is_its_own(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, USEC_PER_SEC);
        r->truth = (TrailStatus){};
        r->starts_work = false;
        rig_live(r, 2 * USEC_PER_MINUTE);
        rig_truth(r, true, 300000, 290000);
        rig_live(r, USEC_PER_MINUTE);
        assert_int_equal(core_n_incidents(r->core), 2);
        assert_int_equal(core_incident(r->core, 0)->kind, INCIDENT_RECREATED);
        assert_int_equal(core_incident(r->core, 0)->stop_msec, 0);
        assert_int_equal(core_incident(r->core, 1)->kind, INCIDENT_BLINK);
}

/* Killed before it had written down that the topic took messages again, the guard held it for
 * failing until there was something else to send. */
static void test_restore_topic_that_took_everything(void **state)
{
        for (size_t waiting = 0; waiting < 2; waiting++) {
                _cleanup_rig_ Rig *r = rig_new_stopped(&(RigOptions){.n_topics = 2});
                _cleanup_rig_ Rig *again = rig_new(&(RigOptions){.n_topics = 2});

                rig_stored(r);
                rig_sent(r, 1, TOPIC, AWS_ERROR_DENIED);
                if (waiting)
                        core_restore_incident(again->core,
                                              fixture_through_json(core_incident(r->core, 0)));
                assert_int_equal(core_incident(r->core, 1)->kind, INCIDENT_TOPIC_FAILING);
                core_restore_incident(again->core, fixture_through_json(core_incident(r->core, 1)));
                rig_step(again, &(Input){.kind = INPUT_TICK, .trail = SIZE_MAX});
                assert_int_equal(core_incident(again->core, waiting)->open, waiting);
        }
}

/* One that others may still join is kept for that. */
static void test_restore_finished_just_now(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL), *again = rig_new(NULL);
        Incident *old = fixture_through_json(rig_incident(r));

        old->open = false;
        old->blind_to_msec = BASE + 9000;
        old->attribution.state = SEARCH_DONE;
        old->messages[0].deliveries[0].sent = true;
        core_restore_incident(again->core, old);
        assert_int_equal(core_n_incidents(again->core), 1);
        rig_polled(again, false, 9000, 60000);
        assert_int_equal(core_n_incidents(again->core), 2);
        assert_int_equal(core_incident(again->core, 1)->n_messages, 0);
        assert_string_equal(core_incident(again->core, 1)->group, rig_incident(again)->id);
}

static void stop_now(Rig *r)
{
        r->truth.is_logging = false;
        r->truth.stop_logging_msec = r->now.wall_msec;
        rig_live(r, 11 * USEC_PER_SEC);
}

/* Killed after the second incident was stored, and before its group's first was with it. */
static void test_restore_before_the_lead_knows(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL), *again = rig_new(NULL), *third = rig_new(NULL);

        rig_live(r, 12 * USEC_PER_SEC);
        stop_now(r);
        rig_live(r, 20 * USEC_PER_SEC);
        Incident *lead = fixture_through_json(rig_incident(r));
        assert_int_equal(lead->n_messages, 2);
        stop_now(r);
        assert_int_equal(core_n_incidents(r->core), 2);
        const Incident *member = core_incident(r->core, 1);
        assert_int_equal(member->n_messages, 0);

        core_restore_incident(again->core, lead);
        core_restore_incident(again->core, fixture_through_json(member));
        rig_live(again, 11 * USEC_PER_SEC);
        assert_int_equal(again->phases[PHASE_UPDATE], 1);
        assert_has(rig_incident(again)->messages[2].subject, "stopped 2 times");

        /* The first one's file is gone. */
        core_restore_incident(third->core, fixture_through_json(member));
        rig_live(third, USEC_PER_SEC);
        assert_int_equal(third->phases[PHASE_OPEN], 1);
        assert_string_equal(rig_incident(third)->id, member->id);
}

static void test_restore_to_other_topics(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(&(RigOptions){.n_topics = 2}),
                          *again = rig_new(NULL);
        Incident *old = fixture_through_json(rig_incident(r));

        /* One topic is gone from the configuration: the other one hears it. */
        core_restore_incident(again->core, old);
        assert_int_equal(rig_message(again, 1).n_deliveries, 1);
        assert_string_equal(rig_message(again, 1).deliveries[0].topic_arn, TOPIC);
        /* On disk, too: the command counts what is unsent there. */
        rig_step(again, &(Input){.kind = INPUT_TICK, .trail = SIZE_MAX});
        assert_int_equal(rig_count(again, ACTION_STORE), 1);

        /* None that was meant is left: all that there are. */
        _cleanup_rig_ Rig *third = rig_new(NULL);
        old = fixture_through_json(rig_incident(r));
        mem_strset(&old->messages[0].deliveries[0].topic_arn, TOPIC "-old");
        core_restore_incident(third->core, old);
        assert_int_equal(rig_message(third, 1).n_deliveries, 1);
        assert_string_equal(rig_message(third, 1).deliveries[0].topic_arn, TOPIC);
}

static void test_restore_of_another_trail(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL), *again = rig_new(NULL);
        Incident *old = fixture_through_json(rig_incident(r));

        mem_strset(&old->trail_arn, TRAIL "-gone");
        core_restore_incident(again->core, old);
        rig_live(again, 11 * USEC_PER_MINUTE);
        assert_int_equal(again->phases[PHASE_OPEN], 1); /* unsent, and sent */
        assert_int_equal(core_n_incidents(again->core), 0);
        assert_null(core_trail_incident(again->core, 0));
}

/* Who saw it down and who saw only that it had been give it one name. */
static void test_one_name(void **state)
{
        _cleanup_rig_ Rig *saw = rig_new_stopped(NULL), *late = rig_new(NULL),
                          *first = rig_new(NULL);

        rig_polled(late, true, START, 0);
        rig_polled(late, true, 9000, STOP);
        rig_polled(first, false, START, STOP);
        assert_int_equal(rig_incident(late)->kind, INCIDENT_BLINK);
        assert_int_equal(rig_incident(first)->kind, INCIDENT_ALREADY_STOPPED);
        assert_string_equal(rig_incident(saw)->id, rig_incident(late)->id);
        assert_string_equal(rig_incident(saw)->id, rig_incident(first)->id);
}

/* Days that the clock jumps are no days of searching or of waiting. */
static void test_clock_is_set(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        r->starts = AWS_ERROR_DENIED;
        rig_live(r, 7 * USEC_PER_SEC);
        rig_truth(r, false, START, STOP);
        rig_live(r, USEC_PER_MINUTE);
        r->now.wall_msec += 30 * MSEC_PER_DAY;
        rig_live(r, USEC_PER_MINUTE);
        assert_int_equal(rig_incident(r)->attribution.state, SEARCH_RUNNING);
        assert_int_equal(rig_incident(r)->reminders, 0);
        r->now.wall_msec -= 60 * MSEC_PER_DAY;
        rig_live(r, 2 * USEC_PER_HOUR);
        assert_int_equal(rig_incident(r)->reminders, 1);
}

/* Two and a half minutes that a clock was set by were taken for time in which the trail had logged,
 * and whoever had stopped it for somebody who had done so before. */
static void test_clock_set_forward_rules_nobody_out(void **state)
{
        static const RecordFacts records[] = {
                {.at = STOP, .who = MALLORY},
                {.at = 190000, .who = BOB},
                {.at = 191000, .who = BOB, .event = "StartLogging"},
        };
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, USEC_PER_SEC);
        r->polls = AWS_ERROR_THROTTLED;
        rig_live(r, USEC_PER_MINUTE);
        r->now.wall_msec += 150 * MSEC_PER_SEC;
        rig_live(r, 3 * USEC_PER_MINUTE);
        r->polls = AWS_ERROR_NONE;
        r->records = records;
        r->n_records = ELEMENTSOF(records);
        rig_truth(r, true, 191000, 190000);
        rig_live(r, USEC_PER_MINUTE);
        assert_string_equal(
                incident_find_role(core_incident(r->core, core_n_incidents(r->core) - 1),
                                   ROLE_CULPRIT)
                        ->record.identity.arn,
                MALLORY);
}

/* Started with a clock that is off, the guard took the calls of the run before for ones that it
 * would have to know. */
static void test_answers_show_a_clock_that_is_off(void **state)
{
        static const RecordFacts records[] = {
                {.at = 3600000, .who = MALLORY},
                {.at = 3602000, .who = OWN, .event = "StartLogging", .request_id = "of-before"},
        };
        static const struct {
                int64_t aws_msec;
                bool misused;
        } rows[] = {{0, true}, {29000, true}, {-29000, true}, {31000, false}, {-31000, false}};

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_rig_ Rig *r = rig_new(NULL);
                Input refused = {.kind = INPUT_POLLED, .error.class = AWS_ERROR_THROTTLED};

                core_restore_incident(r->core, fixture_incident(INCIDENT_BLINK, 3600000));
                r->polls = AWS_ERROR_THROTTLED;
                r->records = records;
                r->n_records = ELEMENTSOF(records);
                if (rows[k].aws_msec)
                        refused.aws_msec = r->now.wall_msec + rows[k].aws_msec;
                rig_step(r, &refused);
                rig_live(r, USEC_PER_MINUTE);
                assert_int_equal(rig_incident(r)->attribution.misused, rows[k].misused);
        }
}

/* By less than the ledger bears, and the call was noted when its answer was given up: together that
 * is more, and the guard took its own call for somebody else's. */
static void test_clock_set_before_a_lost_answer(void **state)
{
        static const RecordFacts records[] = {
                {.at = 160000},
                {.at = 161000, .who = BOB}, /* so that starts are looked up, too */
                {.at = 162000, .who = OWN, .event = "StartLogging", .request_id = "unanswered"},
        };
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_live(r, 2 * USEC_PER_MINUTE);
        r->now.wall_msec += 52 * MSEC_PER_SEC; /* ahead of AWS's clock from here on */
        rig_pass(r, 40 * USEC_PER_SEC);
        rig_polled(r, false, START, 160000);
        assert_non_null(rig_action(r, ACTION_START_LOGGING));
        rig_found(r, NULL, 0);
        rig_pass(r, 15 * USEC_PER_SEC);
        rig_found(r, NULL, 0);
        rig_started(r, AWS_ERROR_NETWORK, "");
        rig_polled(r, true, 162000, 160000);
        rig_truth(r, true, 162000, 160000);
        r->records = records;
        r->n_records = ELEMENTSOF(records);
        rig_live(r, 2 * USEC_PER_MINUTE);
        assert_non_null(incident_find_role(rig_incident(r), ROLE_OWN_UNREMEMBERED));
        assert_false(rig_incident(r)->attribution.misused);
}

/* By three hours while the guard was down. */
static void test_restore_with_clock_set_back(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_stopped(NULL), *again = rig_new(NULL);
        Incident *i = fixture_through_json(rig_incident(r));

        i->attribution.begun_msec = again->now.wall_msec + 3 * MSEC_PER_HOUR;
        core_restore_memory(again->core, core_trail_memory(r->core, 0));
        core_restore_incident(again->core, i);
        rig_truth(again, true, 6000, STOP);
        rig_live(again, 24 * USEC_PER_HOUR + 30 * USEC_PER_MINUTE);
        assert_int_equal(core_n_incidents(again->core), 0);
}

UNIT_MAIN(T(test_blink_waits_for_its_actor), T(test_not_yet_and_given_up),
          T(test_throttled_time_counts), T(test_throttled_is_asked_on), T(test_denied_time_counts),
          T(test_settling_corrects), T(test_misuse_is_critical),
          T(test_closed_before_the_deeds_are_known), T(test_an_earlier_look_in_vain),
          T(test_misuse_is_told_when_the_own_name_is_known), T(test_search_waits_for_the_own_name),
          T(test_restore), T(test_restore_for_alerts_only), T(test_restore_without_memory),
          T(test_restore_with_old_memory), T(test_restore_left_over), T(test_restore_finished),
          T(test_restore_topic_that_took_everything), T(test_stop_of_a_new_trail_is_its_own),
          T(test_restore_stop_that_a_new_trail_ended),
          T(test_restore_new_trail_with_clock_set_back), T(test_restore_finished_just_now),
          T(test_restore_before_the_lead_knows), T(test_restore_to_other_topics),
          T(test_restore_of_another_trail), T(test_one_name), T(test_clock_is_set),
          T(test_answers_show_a_clock_that_is_off), T(test_clock_set_before_a_lost_answer),
          T(test_clock_set_forward_rules_nobody_out), T(test_restore_with_clock_set_back))
