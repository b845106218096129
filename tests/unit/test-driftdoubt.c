/* SPDX-License-Identifier: Apache-2.0 */

/* What is believed of a trail's settings when half of them cannot be read, or when no two reads
 * agree. */

#include "unit.h"

#include <stdio.h>

#include "base/mem.h"
#include "core-fixture.h"

#define NO_MANAGEMENT "{\"EventSelectors\":[{\"IncludeManagementEvents\":false}]}"
#define WRITES "{\"EventSelectors\":[{\"ReadWriteType\":\"WriteOnly\"}]}"
#define MINUTE USEC_PER_MINUTE

static Rig *rig_watched(void)
{
        Rig *r = rig_new(NULL);

        rig_live(r, 5 * MINUTE);
        return r;
}

static const Incident *drift(const Rig *r)
{
        for (size_t i = 0; i < core_n_incidents(r->core); i++)
                if (core_incident(r->core, i)->kind == INCIDENT_DRIFT)
                        return core_incident(r->core, i);
        return NULL;
}

/* The description can be read, and the selectors cannot. */
static void rig_half_inspected(Rig *r)
{
        Input in = {.kind = INPUT_INSPECTED,
                    .settings = &r->settings,
                    .operation = "GetEventSelectors",
                    .asked_msec = r->now.wall_msec};

        aws_error_set(&in.error, AWS_ERROR_DENIED, "AccessDeniedException", "no");
        r->settings.selected = false;
        rig_step(r, &in);
        r->settings.selected = true;
}

/* A guard that is started anew has seen nothing put back, and has nothing to accept. */
static void test_unread_half_is_not_put_back(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched(), *next = rig_new(NULL);

        rig_select(r, NO_MANAGEMENT);
        rig_live(r, 2 * MINUTE);
        core_restore_memory(next->core, core_trail_memory(r->core, 0));
        core_restore_incident(next->core, fixture_through_json(drift(r)));
        rig_polled(next, true, RIG_START, 0);
        for (unsigned k = 0; k < 10; k++) {
                rig_half_inspected(next);
                rig_pass(next, 10 * USEC_PER_SEC);
        }
        assert_true(drift(next)->open);
        assert_has(core_refuses_accept(next->core, 0, NULL), "have not been read");
        rig_live(next, 5 * MINUTE);
        assert_int_equal(next->phases[PHASE_CLOSED], 2); /* and what could not be read is over */
}

/* What was not read was not seen well: whoever changed it may have done so all that time. */
static void test_unread_half_was_not_seen_well(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched();
        int64_t denied = r->now.wall_msec;

        for (unsigned k = 0; k < 30; k++) {
                rig_polled(r, true, RIG_START, 0);
                rig_half_inspected(r);
                rig_pass(r, MINUTE);
        }
        rig_select(r, NO_MANAGEMENT);
        rig_inspected(r);
        rig_inspected(r);
        assert_true(drift(r)->good_msec > BASE && drift(r)->good_msec <= denied);
}

static void set_bucket(Rig *r, unsigned n)
{
        char name[32];

        (void)snprintf(name, sizeof(name), "evil-%u", n);
        mem_strset(&r->settings.description.s3_bucket_name, name);
}

/* What has been read since, and is not believed yet, nobody has been shown. */
static void test_accepts_no_more_than_was_told(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched();
        const TrailMemory *m = core_trail_memory(r->core, 0);

        set_bucket(r, 1);
        rig_live(r, 2 * MINUTE);
        assert_null(core_refuses_accept(r->core, 0, NULL));
        set_bucket(r, 2);
        rig_inspected(r);
        assert_has(core_refuses_accept(r->core, 0, NULL), "ask again");
        rig_step(r, &(Input){.kind = INPUT_ACCEPT, .by = "root"});
        assert_string_equal(m->baseline.description.s3_bucket_name, "amzn-s3-demo-bucket");
        rig_live(r, MINUTE);
        assert_null(core_refuses_accept(r->core, 0, NULL));
}

/* Somebody who changes it between any two reads: they never agree, and it is drift all the same. */
static void test_never_twice_the_same(void **state)
{
        _cleanup_rig_ Rig *r = rig_watched();
        int64_t before = r->now.wall_msec;

        for (unsigned k = 0; k < 24; k++) {
                set_bucket(r, k);
                rig_live(r, 5 * USEC_PER_SEC);
        }
        assert_non_null(drift(r));
        assert_true(drift(r)->seen_msec > before);
        assert_true(drift(r)->detected_msec - drift(r)->seen_msec <= 40 * MSEC_PER_SEC);
}

/* More than before becomes the baseline when two reads say so: less than that is drift then. */
static void test_wider_by_one_replica(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_select(r, WRITES);
        rig_polled(r, true, RIG_START, 0);
        rig_inspected(r);
        rig_select(r, "{\"EventSelectors\":[{}]}");
        rig_inspected(r);
        rig_select(r, WRITES);
        for (unsigned k = 0; k < 3; k++)
                rig_inspected(r);
        assert_null(drift(r));
}

static const Incident *uninspected(const Rig *r)
{
        for (size_t i = 0; i < core_n_incidents(r->core); i++)
                if (core_incident(r->core, i)->kind == INCIDENT_UNINSPECTED &&
                    core_incident(r->core, i)->open)
                        return core_incident(r->core, i);
        return NULL;
}

/* That one half cannot be read is another incident than that the other one cannot. */
static void test_each_half_has_its_incident(void **state)
{
        _cleanup_rig_ Rig *a = rig_watched(), *b = rig_watched();
        char first[33];

        a->looks = AWS_ERROR_DENIED; /* of GetTrail */
        rig_live(a, 2 * MINUTE);
        memcpy(first, uninspected(a)->id, sizeof(first));
        rig_half_inspected(b);
        rig_half_inspected(b);
        assert_string_not_equal(uninspected(b)->id, first);
}

UNIT_MAIN(T(test_unread_half_is_not_put_back), T(test_unread_half_was_not_seen_well),
          T(test_accepts_no_more_than_was_told), T(test_never_twice_the_same),
          T(test_wider_by_one_replica), T(test_each_half_has_its_incident))
