/* SPDX-License-Identifier: Apache-2.0 */

/* Who tells of an incident, when, and in which words. */

#include "core-fixture.h"
#include "core/alertformat.h"
#include "core/alertgroup.h"
#include "core/alertjson.h"
#include "unit.h"

#include <stdio.h>

#include "base/mem.h"
#include "core/incidentjson.h"

/* Stopped, seen and, unless that is refused, started again before it is stopped once more. */
static void stop(Rig *r, unsigned times)
{
        for (unsigned k = 0; k < times; k++) {
                r->truth.is_logging = false;
                r->truth.stop_logging_msec = r->now.wall_msec;
                rig_live(r, USEC_PER_SEC);
        }
}

static Rig *rig_new_seen(const RigOptions *o)
{
        Rig *r = rig_new(o);

        rig_live(r, 12 * USEC_PER_SEC);
        return r;
}

/* The last message of the first incident, whose word it is. */
static const Message *last(const Rig *r)
{
        const Incident *i = rig_incident(r);

        return &i->messages[i->n_messages - 1];
}

static void test_one_stop(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_seen(NULL);

        stop(r, 1);
        rig_live(r, 11 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_OPEN], 1);
        assert_int_equal(r->phases[PHASE_CLOSED], 1);
        assert_int_equal(rig_n_messages(r), 2);
        assert_null(rig_incident(r)->series);
}

static void test_two_stops(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_seen(NULL);

        stop(r, 1);
        rig_live(r, USEC_PER_MINUTE);
        stop(r, 1);
        assert_int_equal(rig_n_messages(r), 2); /* of the first */
        rig_live(r, 10 * USEC_PER_SEC);
        assert_int_equal(r->phases[PHASE_UPDATE], 1);
        assert_string_equal(last(r)->subject,
                            "UPDATE: logging again (111122223333 us-east-1) trail "
                            "management-events stopped 2 times in 1 min 1 s");
        assert_has(last(r)->body, "stopped 2 times in 1 min");
        assert_has(last(r)->body, "Now: logging again; the last stop was 1");
        assert_has(last(r)->body, "How often       2 stops, first at 2026-11-23T");
        assert_has(last(r)->body, "2 of 2: not known yet");
        const Incident *lead = rig_incident(r);
        AlertContext context = {.hostname = "guard-1", .phase = PHASE_UPDATE, .sequence = 3};
        _cleanup_free_ char *document = alert_document(lead, &context, "subject");
        assert_has(document, "\"group\":{\"incidents\":2,\"trails\":1,\"down\":0,");
        assert_has(document, "\"actor_pending\":2,");
        rig_live(r, 9 * USEC_PER_MINUTE);
        assert_int_equal(rig_n_messages(r), 3); /* nothing new, and not quiet yet */
        rig_live(r, 2 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_CLOSED], 2);
        assert_int_equal(rig_n_messages(r), 4);
        assert_has(last(r)->body, "no further stop for 10 min");
        stop(r, 1);
        rig_live(r, 10 * USEC_PER_SEC);
        assert_int_equal(r->phases[PHASE_OPEN], 2); /* another story */
}

static void test_flood(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_seen(NULL);

        stop(r, 120);
        assert_int_equal(r->phases[PHASE_OPEN], 1);
        assert_int_equal(r->phases[PHASE_UPDATE], 3); /* after 10, 40 and 100 s */
        rig_live(r, 11 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_CLOSED], 2);
        assert_true(rig_n_messages(r) <= 7);
        char told[64];
        (void)snprintf(told, sizeof(told), "stopped %u times",
                       rig_incident(r)->series->now.incidents);
        assert_has(last(r)->subject, told);
        assert_true(rig_incident(r)->series->now.incidents >= 60);
}

/* A group lists the first of them, and counts them all, each once. */
static void test_more_trails_than_are_listed(void **state)
{
        const RigOptions many = {.n_trails = 400};
        _cleanup_rig_ Rig *r = rig_new_seen(&many);

        stop(r, 1);
        rig_live(r, 20 * USEC_PER_SEC);
        assert_has(last(r)->subject, ") 400 trails stopped");
        assert_int_equal(rig_incident(r)->series->now_trails, 400);
        stop(r, 1);
        rig_live(r, USEC_PER_MINUTE);
        assert_has(last(r)->subject, ") 400 trails stopped 800 times");
        rig_start_again(r, &many);
        stop(r, 1);
        rig_live(r, 2 * USEC_PER_MINUTE);
        assert_has(last(r)->subject, ") 400 trails stopped 1200 times");
}

static void test_storm(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_seen(&(RigOptions){.n_trails = 6});

        r->starts_work = false;
        r->truth.is_logging = false;
        r->truth.stop_logging_msec = r->now.wall_msec;
        rig_live(r, 13 * USEC_PER_SEC);
        assert_int_equal(r->phases[PHASE_OPEN], 3); /* each by itself, and then as one */
        rig_live(r, 10 * USEC_PER_SEC);
        assert_int_equal(r->phases[PHASE_UPDATE], 1);
        assert_string_equal(last(r)->subject,
                            "UPDATE: 6 NOT LOGGING (111122223333 us-east-1) 6 trails stopped");
        assert_has(last(r)->body, "Not over, worst first\n");
        assert_has(last(r)->body, "  management-events-6 (111122223333 us-east-1): NOT LOGGING, ");
        r->truth.is_logging = true;
        r->truth.start_logging_msec = r->now.wall_msec;
        rig_live(r, 11 * USEC_PER_MINUTE);
        assert_string_equal(last(r)->subject,
                            "CLOSED: all logging again (111122223333 us-east-1) 6 trails stopped");
}

/* Programs, telephones and chats hear of all of them, too, and not of the first one alone. */
static void test_storm_in_other_formats(void **state)
{
        static const RecordFacts bob[] = {{.who = BOB, .at = 12000, .trail = TRAIL "-6"}};
        _cleanup_rig_ Rig *r = rig_new_seen(&(RigOptions){
                .n_trails = 6, .n_topics = 2, .second.format = TOPIC_FORMAT_PER_PROTOCOL});
        _cleanup_free_ char *chat = NULL, *each = NULL;
        const char *structure;

        r->records = bob;
        r->n_records = 1;
        r->truth.is_logging = false;
        r->truth.stop_logging_msec = r->now.wall_msec;
        rig_live(r, 13 * USEC_PER_SEC);
        r->starts = AWS_ERROR_DENIED;
        r->truth.is_logging = false;
        r->truth.stop_logging_msec = r->now.wall_msec;
        rig_live(r, 2 * USEC_PER_MINUTE);
        assert_has(last(r)->subject, "NOT LOGGING, restart FAILS");
        assert_has(last(r)->document, "\"summary\":\"6 trails stopped ");
        assert_has(last(r)->document, "; 6 NOT LOGGING, restart FAILS\"");
        assert_has(last(r)->document, "aws cloudtrail start-logging");
        alert_render(TOPIC_FORMAT_CHAT, last(r), NULL, &chat, &structure);
        assert_has(chat,
                   "\"title\":\"FAILING: 6 NOT LOGGING, restart FAILS (111122223333 us-east-1) "
                   "6 trails stopped 12 times in 13 s by bob (1 of them)\"");
        assert_has(last(r)->document, "\"actor\":{\"role\":\"culprit\",\"display_name\":\"bob\"");
        alert_render(TOPIC_FORMAT_PER_PROTOCOL, last(r), NULL, &each, &structure);
        assert_has(each, " by bob (1 of them). ");
}

/* Louder than what was told: within seconds, and once. */
static void test_failing(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_seen(NULL);

        stop(r, 1);
        rig_live(r, USEC_PER_MINUTE);
        r->starts = AWS_ERROR_DENIED;
        stop(r, 1);
        rig_live(r, 4 * USEC_PER_SEC);
        assert_int_equal(r->phases[PHASE_FAILING], 1);
        assert_has(last(r)->subject, "NOT LOGGING, restart FAILS");
        assert_int_equal(last(r)->severity, SEVERITY_CRITICAL);
        assert_has(last(r)->body, "Restart FAILS   for 1 trail, will be retried: access denied "
                                  "(SomeException): in so many words\n");
        assert_has(last(r)->body, "1. Allow cloudtrail:StartLogging");
        rig_live(r, 50 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_FAILING], 1);
        rig_live(r, 15 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_FAILING], 2); /* the reminder */
        r->starts = AWS_ERROR_NONE;
        rig_live(r, USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_CLOSED], 2);
}

static const RecordFacts mallory[] = {
        {.at = 12000, .id = "1"},
        {.at = 23000, .id = "2"},
        {.at = 24000, .id = "3"},
        {.at = 25000, .id = "4"},
};

/* One, and three more when polls are fast. */
static void stop_four(Rig *r)
{
        stop(r, 1);
        rig_live(r, 10 * USEC_PER_SEC);
        stop(r, 3);
}

/* One caller who is known for some of them has not done all of them. */
static void test_who_of_some(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_seen(NULL);

        r->records = mallory;
        r->n_records = 1;
        stop_four(r);
        rig_live(r, 3 * USEC_PER_MINUTE);
        assert_has(last(r)->body, "     1 of 4: mallory (");
}

static void test_who(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_seen(NULL);

        r->records = mallory;
        r->n_records = ELEMENTSOF(mallory);
        stop_four(r);
        rig_live(r, 3 * USEC_PER_MINUTE);
        assert_has(last(r)->subject, " by mallory");
        assert_has(last(r)->body, ": mallory (IAMUser) from 203.0.113.7, key ");
        assert_has(last(r)->body, "Deactivate the long-lived access key of IAM user mallory");
        /* One search for all of them, and not one each. */
        assert_true(r->asked[ACTION_LOOKUP] <= 12);
}

/* What the summaries said, and of whom, outlives the daemon and those that have left memory. */
static void test_series_on_disk(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_seen(NULL);

        r->records = mallory + 1; /* nobody is found for the first one, which tells */
        r->n_records = ELEMENTSOF(mallory) - 1;
        stop_four(r);
        rig_live(r, 23 * USEC_PER_HOUR);
        const Incident *lead = rig_incident(r);
        assert_non_null(lead->series);
        /* The others have their last look before it gives up. */
        for (unsigned k = 0; k < 7200 && lead->series->n_gone_numbers == 0; k++)
                rig_live(r, USEC_PER_SEC);

        json_t *o = incident_to_json(lead);
        Incident *back = NULL;
        assert_int_equal(incident_from_json(o, &back, NULL), 0);
        json_t *again = incident_to_json(back);
        assert_true(json_equal(o, again));
        assert_int_equal(back->series->told.incidents, lead->series->told.incidents);
        assert_true(back->series->n_gone_numbers > 0);
        assert_true(back->series->n_actors > 0);
        incident_free(back);
        json_decref(o);
        json_decref(again);
}

/* The trails of many accounts, each stopped with another session. The text of a summary. */
static char *summary_of_sessions(const char *store, bool two_names)
{
        enum { N = 20 };
        _cleanup_incident_ Incident *lead = fixture_incident(INCIDENT_STOPPED, RIG_STOP);
        Series *s = lead->series = mem_new0(Series);
        const AlertContext c = {
                .hostname = "guard-1", .phase = PHASE_UPDATE, .now_msec = BASE + MSEC_PER_HOUR};
        char *subject = NULL, *body = NULL, *text;

        s->now = (SeriesSum){.incidents = N, .confirmed = N, .first_msec = BASE, .last_msec = BASE};
        for (unsigned k = 0; k < N; k++) {
                _cleanup_free_ char *account = mem_printf("1111222233%02u", k);
                SeriesActor *a = mem_push0(s->actors, s->n_actors);
                UserIdentity *u = &a->culprit.record.identity;

                *mem_push0(s->trails, s->n_trails) = (SeriesTrail){
                        .arn = mem_printf("arn:aws:cloudtrail:us-east-1:%s:trail/t", account),
                        .incidents = 1};
                a->culprit.record = fixture_record(&(RecordFacts){.at = 12000});
                a->culprit.role = ROLE_CULPRIT;
                a->incidents = 1;
                u->type = IDENTITY_ASSUMED_ROLE;
                mem_strset(&u->type_text, "AssumedRole");
                mem_strset(&u->account_id, account);
                mem_strset(&a->culprit.record.recipient_account_id, account);
                free(u->arn);
                u->arn = mem_printf("arn:aws:sts::%s:assumed-role/AWSReservedSSO_Admin_%02u/%s",
                                    account, k, two_names && k % 2 ? "bob" : "mary");
                free(u->principal_id);
                u->principal_id = mem_printf("AROA%02u:%s", k, two_names && k % 2 ? "bob" : "mary");
                free(u->access_key_id);
                u->access_key_id = mem_printf("ASIA00000000000000%02u", k);
                mem_strset(&u->user_name, NULL);
                mem_strset(&u->issuer_user_name, "AWSReservedSSO_Admin");
                mem_strset(&u->on_behalf_of, store ? "user-1" : NULL);
                mem_strset(&u->identity_store, store);
        }
        _cleanup_(group_view_done) GroupView v = group_view(NULL, 0, lead);
        assert_int_equal(v.n_callers, N); /* for programs each key stays */
        alert_group_text(&v, &c, &subject, &body);
        text = mem_printf("%s\n%s", subject, body);
        free(subject);
        free(body);
        return text;
}

/* One person is one only by AWS's fields; who looks like one is said to look so. */
static void test_one_person_in_many_accounts(void **state)
{
        _cleanup_free_ char *one = summary_of_sessions("arn:aws:identitystore::1:identitystore/d-1",
                                                       false),
                            *alike = summary_of_sessions(NULL, false),
                            *two = summary_of_sessions(NULL, true);

        assert_has(one, " by mary\n");
        assert_has(one, "    20 of 20: mary (AssumedRole, role AWSReservedSSO_Admin) from "
                        "203.0.113.7, 20 keys, ");
        assert_has(one, ", in 20 accounts\n");
        assert_has(one, "What follows names one account; do the same in each of the 20 in which");
        assert_has_not(one, "looks like");
        assert_has(alike, "    20 of 20: looks like one: mary (");
        assert_has(two, " by 2 callers\n");
        assert_has(two, "    10 of 20: looks like one: bob (");
        assert_has(two, "    10 of 20: looks like one: mary (");
}

#define T(f) cmocka_unit_test(f)

/* A trail that is down in maintenance is not well: the group is not over before it logs. */
static void test_down_in_maintenance(void **state)
{
        _cleanup_rig_ Rig *r = rig_new_seen(NULL);
        MaintenanceRequest m = {.for_msec = MSEC_PER_HOUR, .reason = "r", .who = "w"};

        stop(r, 1);
        rig_live(r, USEC_PER_MINUTE);
        r->starts = AWS_ERROR_DENIED;
        stop(r, 1);
        rig_live(r, USEC_PER_MINUTE);
        unsigned closed = r->phases[PHASE_CLOSED];
        rig_step(r,
                 &(Input){.kind = INPUT_MAINTENANCE_START, .trail = SIZE_MAX, .maintenance = &m});
        rig_live(r, 30 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_CLOSED], closed);
        assert_has(last(r)->body, "in maintenance, not restarted");
        r->starts = AWS_ERROR_NONE;
        rig_live(r, 45 * USEC_PER_MINUTE);
        assert_int_equal(r->phases[PHASE_CLOSED], closed + 1);
        assert_has(last(r)->body, "Now: logging again");
}

UNIT_MAIN(T(test_one_stop), T(test_two_stops), T(test_flood), T(test_storm),
          T(test_more_trails_than_are_listed), T(test_storm_in_other_formats), T(test_failing),
          T(test_who), T(test_who_of_some), T(test_one_person_in_many_accounts),
          T(test_series_on_disk), T(test_down_in_maintenance))
