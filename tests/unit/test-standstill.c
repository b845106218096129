/* SPDX-License-Identifier: Apache-2.0 */

/* Two clocks, and a process that was not let run: what is told names whose fault it was, and by
 * whose clock. */

#include "base/mem.h"
#include "core-fixture.h"
#include "unit.h"

#include <string.h>

static void sleep_for(Rig *r, uint64_t sec)
{
        r->now.boot_usec += sec * USEC_PER_SEC;
        r->now.wall_msec += (int64_t)sec * MSEC_PER_SEC;
}

static Rig *running(void)
{
        Rig *r = rig_new(NULL);

        rig_polled(r, true, RIG_START, 0);
        rig_inspected(r);
        rig_live(r, 5 * USEC_PER_MINUTE);
        return r;
}

/* The polls that were under way ran out of time meanwhile: that is not the network's doing. */
static void test_process_that_was_stopped(void **state)
{
        _cleanup_rig_ Rig *r = running();

        rig_pass(r, 10 * USEC_PER_SEC); /* a poll is under way */
        assert_null(rig_log(r, LOG_EVENT_NOTICE));
        sleep_for(r, 95);
        rig_poll_failed(r, AWS_ERROR_NETWORK, "Timeout");
        const Action *said = rig_log(r, LOG_EVENT_NOTICE);
        assert_non_null(said);
        assert_has(said->text, "this guard did not run for 1 min ");
        const Incident *i = rig_incident(r);
        assert_int_equal(i->kind, INCIDENT_CANNOT_SEE);
        assert_has(i->messages[0].body, "Cause           this guard did not run for 1 min ");
        assert_has_not(i->messages[0].body, "no answer from the service");
        assert_has_not(i->messages[0].body, "DNS, routes");
        assert_has(i->messages[0].body, "suspend or hibernation");
        /* What fails from then on is its own affair. */
        rig_pass(r, 12 * USEC_PER_SEC);
        rig_poll_failed(r, AWS_ERROR_NETWORK, "Timeout");
        assert_string_equal(rig_incident(r)->cause.code, "Timeout");
}

static void test_late_by_little(void **state)
{
        _cleanup_rig_ Rig *r = running();

        sleep_for(r, 9);
        rig_step(r, &(Input){.kind = INPUT_TICK, .trail = SIZE_MAX});
        assert_null(rig_log(r, LOG_EVENT_NOTICE));
        assert_int_equal(core_n_incidents(r->core), 0);
}

static void polled(Rig *r, int64_t ahead_msec)
{
        rig_step(r, &(Input){.kind = INPUT_POLLED,
                             .trail = 0,
                             .status = &r->truth,
                             .aws_msec = r->now.wall_msec + ahead_msec});
}

/* The guard's clock is ninety seconds behind AWS's, or ahead of it. */
static void test_times_are_by_one_clock(void **state)
{
        static const int64_t apart[] = {90000, -90000, 1500};

        for (size_t k = 0; k < ELEMENTSOF(apart); k++) {
                int64_t by = apart[k] == 1500 ? 0 : apart[k];
                _cleanup_rig_ Rig *r = running();

                rig_pass(r, 10 * USEC_PER_SEC);
                polled(r, apart[k]);
                int64_t now = r->now.wall_msec;
                /* Deleted and made again: seen logging by one clock, started by the other. */
                rig_truth(r, true, now - BASE + by - 500, 0);
                rig_pass(r, 10 * USEC_PER_SEC);
                polled(r, apart[k]);
                rig_pass(r, 2 * USEC_PER_SEC);
                polled(r, apart[k]);
                for (size_t n = 0; n < core_n_incidents(r->core); n++) {
                        const Incident *i = core_incident(r->core, n);

                        if (i->blind_to_msec)
                                assert_true(i->blind_from_msec <= i->blind_to_msec);
                }
                mem_strset(&r->settings.description.s3_bucket_name, "evil");
                rig_pass(r, 2 * USEC_PER_MINUTE);
                rig_inspected(r);
                rig_pass(r, 6 * USEC_PER_SEC);
                rig_inspected(r);
                const Incident *drift = NULL;
                for (size_t n = 0; n < core_n_incidents(r->core); n++)
                        if (core_incident(r->core, n)->kind == INCIDENT_DRIFT)
                                drift = core_incident(r->core, n);
                assert_non_null(drift);
                assert_in_range(drift->seen_msec, r->now.wall_msec + by - 10000,
                                r->now.wall_msec + by);
        }
}

/* The answer to whoever cannot be seen is that it is gone: that is no "seen again". */
static void test_found_to_be_gone(void **state)
{
        _cleanup_rig_ Rig *r = running();

        for (unsigned n = 0; n < 12; n++) {
                rig_pass(r, 10 * USEC_PER_SEC);
                rig_poll_failed(r, AWS_ERROR_NETWORK, "Timeout");
        }
        assert_int_equal(rig_incident(r)->kind, INCIDENT_CANNOT_SEE);
        rig_stored(r);
        for (unsigned n = 0; n < 12; n++) {
                rig_pass(r, 10 * USEC_PER_SEC);
                rig_poll_failed(r, AWS_ERROR_NOT_FOUND, "TrailNotFoundException");
        }
        const Incident *i = rig_incident(r);
        assert_false(i->open);
        const Message *last = &i->messages[i->n_messages - 1];
        assert_int_equal(last->phase, PHASE_CLOSED);
        assert_has(last->body, "Now: CloudTrail answers that there is no such trail.");
        assert_has_not(last->subject, "seen again");
        assert_has_not(last->body, "seen again");
}

UNIT_MAIN(T(test_process_that_was_stopped), T(test_late_by_little), T(test_times_are_by_one_clock),
          T(test_found_to_be_gone))
