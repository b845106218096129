/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of the guard's own state, when it is not what it should be. */
#include <stdio.h>

#include "base/jsonmap.h"
#include "base/mem.h"
#include "core-fixture.h"
#include "core/incidentjson.h"
#include "unit.h"

#define ID "00000000000000aa"

static void restored(Rig *r, const StateReport *report)
{
        rig_step(r, &(Input){.kind = INPUT_RESTORED, .trail = SIZE_MAX, .report = report});
}

static Rig *awaiting(void)
{
        return rig_new(&(RigOptions){.awaiting = true, .n_topics = 2, .n_trails = 2});
}

static const Incident *notice(const Rig *r)
{
        const Incident *found = NULL;

        for (size_t k = 0; k < core_n_incidents(r->core); k++)
                if (core_incident(r->core, k)->kind == INCIDENT_STATE_LOST)
                        found = core_incident(r->core, k);
        assert_non_null(found);
        return found;
}

/* Of a file that cannot be read as an incident, with one message that TOPIC has and TOPIC2 not, one
 * that both have, and one that is no message; some words are of a later version. */
static StateLoss salvaged(const char *kind)
{
        _cleanup_free_ char *text = mem_printf(
                "{\"version\": 7, \"id\": \"" ID "\", \"kind\": \"%s\", \"trail_arn\": \"" TRAIL
                "\", \"messages\": ["
                "{\"sequence\": 3, \"created_msec\": 5, \"phase\": \"ENCIRCLED\", \"severity\": "
                "\"fatal\", \"subject\": \"FAILING: it\", \"body\": \"It fails.\\n\", "
                "\"deliveries\": [{\"topic_arn\": \"" TOPIC "\", \"sent\": true}, "
                "{\"topic_arn\": \"" TOPIC2 "\", \"sent\": false}]},"
                "{\"sequence\": 4, \"created_msec\": 5, \"phase\": \"UPDATE\", \"severity\": "
                "\"high\", \"subject\": \"UPDATE\", \"body\": \"More.\\n\", "
                "\"deliveries\": [{\"topic_arn\": \"" TOPIC "\", \"sent\": true}]},"
                "{\"sequence\": 5, \"created_msec\": 5, \"phase\": \"CLOSED\", \"severity\": "
                "\"high\", \"subject\": \"CLOSED\", \"body\": \"\", "
                "\"deliveries\": [{\"topic_arn\": \"" TOPIC "\", \"sent\": false}]}]}",
                kind);
        _cleanup_json_ json_t *o = json_loads(text, 0, NULL);
        StateLoss l = {.what = mem_strdup("a file is not what it should be")};

        assert_non_null(o);
        state_loss_salvage(o, &l);
        return l;
}

static void test_nothing_lost_is_nothing_told(void **state)
{
        _cleanup_rig_ Rig *r = awaiting();

        restored(r, &(StateReport){});
        assert_int_equal(core_n_incidents(r->core), 0);
}

/* To every topic, whatever it wants to hear of otherwise, and with what to do. */
static void test_missing_and_here_again(void **state)
{
        _cleanup_rig_ Rig *r = awaiting();

        restored(r, &(StateReport){.missing = "the disk does not answer"});
        const Incident *i = notice(r);
        assert_true(i->open);
        assert_int_equal(i->severity, SEVERITY_HIGH);
        assert_int_equal(i->messages[0].phase, PHASE_OPEN);
        assert_int_equal(i->messages[0].n_deliveries, 2);
        assert_has(i->messages[0].body, "stored state is not available: the disk does not answer");
        assert_has(i->messages[0].body, "journalctl -u trailsentryd");
        restored(r, &(StateReport){.missing = "the disk does not answer"});
        assert_int_equal(notice(r)->n_messages, 1);
        restored(r, &(StateReport){});
        assert_false(notice(r)->open);
        assert_int_equal(notice(r)->messages[1].phase, PHASE_CLOSED);
        assert_has(notice(r)->messages[1].body, "available again");
        restored(r, &(StateReport){.missing = "the disk does not answer"});
        assert_true(notice(r)->open); /* once more */
}

/* A run without its state does not know the ids of the one before, and must not use them again: a
 * FIFO topic would drop the message as one that it has had. */
static void test_missing_in_the_next_run(void **state)
{
        _cleanup_rig_ Rig *r = awaiting();
        char id[33];

        restored(r, &(StateReport){.missing = "the disk does not answer"});
        (void)snprintf(id, sizeof(id), "%s", notice(r)->id);
        rig_pass(r, 30 * USEC_PER_SEC);
        rig_start_again(r, &(RigOptions){.awaiting = true});
        restored(r, &(StateReport){.missing = "the disk does not answer"});
        assert_string_not_equal(notice(r)->id, id);
}

static void test_memories_are_gone(void **state)
{
        _cleanup_rig_ Rig *r = awaiting();

        restored(r, &(StateReport){.no_memories = true});
        assert_has(notice(r)->title, "2 trails without a baseline");
        assert_has(notice(r)->messages[0].body, TRAIL "\n");
        assert_has(notice(r)->messages[0].body, TRAIL "-2\n");
        assert_int_equal(notice(r)->messages[0].phase, PHASE_NOTICE);
        assert_false(notice(r)->open);
}

/* A copy was there: nothing is without a baseline. */
static void test_a_file_was_damaged(void **state)
{
        _cleanup_rig_ Rig *before = rig_new(&(RigOptions){.n_trails = 2}), *r = awaiting();
        StateLoss l = {.what = (char *)"trails.json is empty"};

        rig_live(before, 2 * USEC_PER_MINUTE);
        core_restore_memory(r->core, core_trail_memory(before->core, 0));
        core_restore_memory(r->core, core_trail_memory(before->core, 1));
        restored(r, &(StateReport){.losses = &l, .n_losses = 1});
        assert_has(notice(r)->messages[0].body, "trails.json is empty");
        assert_has_not(notice(r)->messages[0].body, "No baseline");
}

static void test_salvage(void **state)
{
        StateLoss l = salvaged("bucket-policy");

        assert_string_equal(l.id, ID);
        assert_string_equal(l.kind, "bucket-policy");
        assert_string_equal(l.trail_arn, TRAIL);
        assert_int_equal(l.n_unsent, 1);
        assert_int_equal(l.unsent[0].n_deliveries, 1);
        assert_string_equal(l.unsent[0].deliveries[0].topic_arn, TOPIC2);
        state_loss_done(&l);
        l = salvaged("\\u001b[2J");
        assert_string_equal(l.id, "");
        assert_null(l.kind);
        assert_int_equal(l.n_unsent, 1);
        state_loss_done(&l);
}

/* They go to who has not had them, under the name and number that they had. */
static void test_unsent_messages_of_it_are_sent(void **state)
{
        _cleanup_rig_ Rig *r = awaiting();
        StateLoss l = salvaged("bucket-policy");

        restored(r, &(StateReport){.losses = &l, .n_losses = 1});
        state_loss_done(&l);
        const Message *m = &notice(r)->messages[1];
        assert_int_equal(notice(r)->n_messages, 2);
        assert_int_equal(m->sequence, 2);
        assert_int_equal(m->phase, PHASE_NOTICE);
        assert_int_equal(m->severity, SEVERITY_HIGH);
        assert_string_equal(m->origin.incident, ID);
        assert_string_equal(m->origin.kind, "bucket-policy");
        assert_int_equal(m->origin.sequence, 3);
        assert_int_equal(m->n_deliveries, 1);
        assert_has(notice(r)->messages[0].body, "1 unsent message of it is sent now");
        rig_live(r, 5 * USEC_PER_SEC);
        assert_int_equal(r->phases[PHASE_NOTICE], 3);

        /* After the next start, too. */
        _cleanup_incident_ Incident *back = fixture_through_json(notice(r));
        assert_string_equal(back->messages[1].origin.incident, ID);
        assert_int_equal(back->messages[1].origin.sequence, 3);
}

/* It is there at each start, and no news after the first. */
static void test_what_is_left_alone_is_told_once(void **state)
{
        _cleanup_rig_ Rig *r = awaiting(), *again = awaiting(), *other = awaiting();
        StateLoss l = {.what = (char *)"x.json has version 7", .foreign = true};
        StateLoss m = {.what = (char *)"y.json has version 7", .foreign = true};
        char id[33];

        restored(r, &(StateReport){.losses = &l, .n_losses = 1});
        assert_has(notice(r)->title, "1 stored file of another version is left alone");
        (void)snprintf(id, sizeof(id), "%s", notice(r)->id);
        core_restore_finished(again->core, id);
        restored(again, &(StateReport){.losses = &l, .n_losses = 1});
        assert_int_equal(core_n_incidents(again->core), 0);
        core_restore_finished(other->core, id);
        restored(other, &(StateReport){.losses = &m, .n_losses = 1});
        assert_string_not_equal(notice(other)->id, id);
}

UNIT_MAIN(T(test_nothing_lost_is_nothing_told), T(test_missing_and_here_again),
          T(test_missing_in_the_next_run), T(test_memories_are_gone), T(test_a_file_was_damaged),
          T(test_salvage), T(test_unsent_messages_of_it_are_sent),
          T(test_what_is_left_alone_is_told_once))
