/* SPDX-License-Identifier: Apache-2.0 */
/* What an incident says of itself when it opens: how grave it is, which decides whom it is sent to,
 * and since when its trail was not seen to log. */
#include "core-fixture.h"
#include "unit.h"

/* The last answer that showed logging was asked for two seconds before it came. */
#define ASKED INT64_C(10000)
#define ANSWERED (ASKED + 2000)

static Rig *logging(void)
{
        Rig *r = rig_new(NULL);
        TrailStatus s = {.is_logging = true,
                         .start_logging_msec = BASE + RIG_START,
                         .latest_delivery_msec = BASE - MSEC_PER_MINUTE};

        rig_pass(r, ANSWERED * USEC_PER_MSEC);
        rig_step(r, &(Input){.kind = INPUT_POLLED, .status = &s, .asked_msec = BASE + ASKED});
        rig_pass(r, 10 * USEC_PER_SEC);
        return r;
}

/* Until it is believed. */
static void polled(Rig *r, bool is_logging, int64_t start, int64_t stop)
{
        for (unsigned k = 0; k < 60 && core_n_incidents(r->core) == 0; k++) {
                rig_polled(r, is_logging, start, stop);
                rig_pass(r, USEC_PER_SEC);
        }
}

static void failed(Rig *r, AwsErrorClass class)
{
        for (unsigned k = 0; k < 60 && core_n_incidents(r->core) == 0; k++) {
                rig_poll_failed(r, class, "SomeException");
                rig_pass(r, USEC_PER_SEC);
        }
}

static void assert_opened(Rig *r, IncidentKind kind, Severity severity, int64_t from, int64_t to)
{
        const Incident *i = rig_incident(r);

        assert_int_equal(i->kind, kind);
        assert_int_equal(i->severity, severity);
        assert_int_equal(i->blind_from_msec, BASE + from);
        assert_int_equal(i->blind_to_msec, to ? BASE + to : 0);
        rig_free(r);
}

static void test_stops(void **state)
{
        Rig *r = logging();

        polled(r, false, RIG_START, 15000);
        assert_opened(r, INCIDENT_STOPPED, SEVERITY_HIGH, 15000, 0);
        polled(r = logging(), true, 17000, 15000);
        assert_opened(r, INCIDENT_BLINK, SEVERITY_HIGH, 15000, 17000);
        polled(r = rig_new(NULL), false, RIG_START, -60000);
        assert_opened(r, INCIDENT_ALREADY_STOPPED, SEVERITY_HIGH, -60000, 0);
        polled(r = rig_new(NULL), true, -60000, -90000);
        assert_opened(r, INCIDENT_RECENT_STOP, SEVERITY_HIGH, -90000, -60000);
}

/* Without a time of its own, it may have begun as soon as logging was seen for the last time: when
 * that was asked for, not when the answer came. */
static void test_untimed(void **state)
{
        Rig *r = logging();

        polled(r, false, RIG_START, 0);
        assert_opened(r, INCIDENT_STOPPED, SEVERITY_HIGH, ASKED, 0);
        failed(r = logging(), AWS_ERROR_NOT_FOUND);
        assert_opened(r, INCIDENT_DELETED, SEVERITY_CRITICAL, ASKED, 0);
        polled(r = logging(), false, 0, 0);
        assert_opened(r, INCIDENT_RECREATED, SEVERITY_CRITICAL, ASKED, 0);
}

static void test_not_seen(void **state)
{
        Rig *r = rig_new(NULL);

        failed(r, AWS_ERROR_NOT_FOUND);
        assert_opened(r, INCIDENT_NOT_FOUND, SEVERITY_HIGH, 1000, 0); /* the second answer */
        failed(r = logging(), AWS_ERROR_DENIED);
        rig_pass(r, policy_default.cannot_see_after_usec);
        assert_opened(r, INCIDENT_CANNOT_SEE, SEVERITY_HIGH, ANSWERED, 0);
}

/* Half an update: the stop whose times are shown is over, and the trail is down all the same. */
static void test_first_seen_down_after_another_stop(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_polled(r, false, -4000, -8000);
        assert_int_equal(core_n_incidents(r->core), 2);
        const Incident *down = core_incident(r->core, 0), *before = core_incident(r->core, 1);
        assert_int_equal(down->kind, INCIDENT_ALREADY_STOPPED);
        assert_int_equal(down->stop_msec, 0);
        assert_int_equal(before->kind, INCIDENT_RECENT_STOP);
        assert_int_equal(before->stop_msec, BASE - 8000);
        assert_int_equal(before->blind_to_msec, BASE - 4000);
}

static void test_first_seen_down_long_after_another_stop(void **state)
{
        _cleanup_rig_ Rig *r = rig_new(NULL);

        rig_polled(r, false, -2 * MSEC_PER_DAY, -3 * MSEC_PER_DAY);
        assert_int_equal(core_n_incidents(r->core), 1);
}

UNIT_MAIN(T(test_first_seen_down_after_another_stop),
          T(test_first_seen_down_long_after_another_stop), T(test_stops), T(test_untimed),
          T(test_not_seen))
