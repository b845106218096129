/* SPDX-License-Identifier: Apache-2.0 */
/* Many trails whose settings change in the same way, or cannot be read: told in summaries, and what
 * is otherwise than the rest at once. */
#include "base/mem.h"
#include "core-fixture.h"
#include "unit.h"

#define TRAILS 20

static Rig *settled(void)
{
        Rig *r = rig_new(&(RigOptions){.n_trails = TRAILS});

        rig_live(r, 3 * USEC_PER_MINUTE);
        assert_int_equal(core_n_incidents(r->core), 0);
        return r;
}

static void deliver_to(Rig *r, const char *bucket)
{
        mem_strset(&r->settings.description.s3_bucket_name, bucket);
}

static const Message *last_of(const Incident *i)
{
        return &i->messages[i->n_messages - 1];
}

/* The one that tells of the others, too. */
static const Incident *lead(const Rig *r)
{
        for (size_t k = 0; k < core_n_incidents(r->core); k++)
                if (core_incident(r->core, k)->series)
                        return core_incident(r->core, k);
        fail_msg("no group");
        return NULL;
}

static const Incident *of_trail(const Rig *r, const char *arn)
{
        for (size_t k = core_n_incidents(r->core); k-- > 0;)
                if (streq_ptr(core_incident(r->core, k)->trail_arn, arn))
                        return core_incident(r->core, k);
        fail_msg("no incident of %s", arn);
        return NULL;
}

/* Twice, so that it is believed; of that trail alone. */
static void changed(Rig *r, size_t trail, const char *bucket)
{
        _cleanup_free_ char *before = mem_strdup(r->settings.description.s3_bucket_name);

        deliver_to(r, bucket);
        for (unsigned k = 0; k < 2; k++)
                rig_step(r, &(Input){.kind = INPUT_INSPECTED,
                                     .trail = trail,
                                     .settings = &r->settings,
                                     .asked_msec = r->now.wall_msec});
        deliver_to(r, before);
}

static void test_twenty_trails(void **state)
{
        _cleanup_rig_ Rig *r = settled();

        deliver_to(r, "evil");
        rig_live(r, 5 * USEC_PER_MINUTE);
        assert_int_equal(core_n_incidents(r->core), TRAILS);
        assert_in_range(rig_n_messages(r), 4, 8); /* three by themselves, then summaries */
        const Message *m = last_of(lead(r));
        assert_has(m->subject, "20 CHANGED SETTINGS (111122223333 us-east-1) 20 trails changed");
        assert_has(m->body, "What changed\n  S3 bucket (critical)\n");
        assert_has(m->body, "is          evil\n");
        assert_has(m->body, "do the same for the others");

        deliver_to(r, "amzn-s3-demo-bucket");
        rig_live(r, 20 * USEC_PER_MINUTE);
        for (size_t k = 0; k < core_n_incidents(r->core); k++)
                assert_false(core_incident(r->core, k)->open);
        assert_in_range(r->phases[PHASE_CLOSED], 1, 3);
        assert_in_range(rig_n_messages(r), 5, 14);
}

/* What needs another answer is not lost among the rest. */
static void test_what_is_otherwise(void **state)
{
        _cleanup_rig_ Rig *r = settled();

        for (size_t k = 0; k < 6; k++)
                changed(r, k, "evil");
        unsigned open = r->phases[PHASE_OPEN];
        rig_live(r, USEC_PER_SEC / 10);
        assert_int_equal(of_trail(r, TRAIL "-6")->n_messages, 0);
        open = r->phases[PHASE_OPEN];
        changed(r, 6, "elsewhere");
        rig_live(r, USEC_PER_SEC / 10);
        assert_int_equal(r->phases[PHASE_OPEN], open + 1);
        assert_has(last_of(of_trail(r, TRAIL "-7"))->body, "is          elsewhere\n");
}

/* One of the group changes once more, and becomes another matter. */
static void test_one_becomes_otherwise(void **state)
{
        _cleanup_rig_ Rig *r = settled();

        for (size_t k = 0; k < 6; k++)
                changed(r, k, "evil");
        rig_live(r, 12 * USEC_PER_SEC);
        unsigned before = rig_n_messages(r);
        changed(r, 5, "elsewhere");
        rig_pass(r, USEC_PER_SEC);
        rig_pass(r, 2 * USEC_PER_SEC);
        assert_has(last_of(lead(r))->body,
                   "1 of 6 differ from this, or have another caller: see each of them");
        assert_true(rig_n_messages(r) >= before);
}

static void test_settings_that_cannot_be_read(void **state)
{
        _cleanup_rig_ Rig *r = settled();

        r->looks = AWS_ERROR_DENIED;
        rig_live(r, 5 * USEC_PER_MINUTE);
        assert_int_equal(core_n_incidents(r->core), TRAILS);
        assert_in_range(rig_n_messages(r), 4, 8);
        assert_has(last_of(lead(r))->subject, "20 SETTINGS NOT READ (");
}

/* After an hour, and then each day. */
static void test_reminders(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(&(RigOptions){});

        rig_live(r, 3 * USEC_PER_MINUTE);
        changed(r, 0, "evil");
        deliver_to(r, "evil");
        rig_live(r, 30 * USEC_PER_MINUTE);
        size_t n = rig_incident(r)->n_messages;
        rig_live(r, 40 * USEC_PER_MINUTE);
        assert_int_equal(rig_incident(r)->n_messages, n + 1);
        rig_live(r, 22 * USEC_PER_HOUR);
        assert_int_equal(rig_incident(r)->n_messages, n + 1);
        rig_live(r, 3 * USEC_PER_HOUR);
        assert_true(rig_incident(r)->n_messages >= n + 2);
}

UNIT_MAIN(T(test_twenty_trails), T(test_what_is_otherwise), T(test_one_becomes_otherwise),
          T(test_settings_that_cannot_be_read), T(test_reminders))
