/* SPDX-License-Identifier: Apache-2.0 */

/* What a message must not say because nobody knows it. */

#include "core/alerttext.h"

#include "base/mem.h"
#include "core-fixture.h"
#include "unit.h"

#define STOP INT64_C(36000500)
#define NOW (BASE + 36012000)

#define _cleanup_incident_ _cleanup_(incident_freep)

typedef struct Text {
        char *subject, *body;
} Text;

static void text_done(Text *t)
{
        free(t->subject);
        free(t->body);
}
#define _cleanup_text_ _cleanup_(text_done)

static Text text_of(const Incident *i, Phase phase)
{
        AlertContext c = {.hostname = "guard-1", .phase = phase, .sequence = 2, .now_msec = NOW};
        Text t;

        alert_text(i, &c, &t.subject, &t.body);
        return t;
}

/* Nobody was let look for a day: that does not make it ninety days old. */
static void test_denied_is_not_old(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        i->attribution.state = SEARCH_GAVE_UP;
        aws_error_set(&i->attribution.error, AWS_ERROR_DENIED, "AccessDeniedException", "no");
        _cleanup_text_ Text denied = text_of(i, PHASE_UPDATE);
        assert_has_not(denied.body, "90 days");
        assert_has(denied.body,
                   "not found in Event history within 24 hours\n  because       access "
                   "denied (AccessDeniedException)");
        i->attribution.error = (AwsError){};
        i->attribution.crowded_out = true;
        _cleanup_text_ Text crowded = text_of(i, PHASE_UPDATE);
        assert_has(crowded.body, "too many at once");
}

/* A trail that was never seen to log, and shows no times. */
static void test_since_nobody_knows_when(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_ALREADY_STOPPED, 0);

        i->blind_from_msec = i->last_logging_msec = 0;
        i->reminders = 1;
        _cleanup_text_ Text told = text_of(i, PHASE_UPDATE);
        assert_has_not(told.subject, "so far");
        assert_has(told.body, "Blind           since an unknown time until now\n");
        assert_has_not(told.body, "last saw it logging");
        i->restart.state = RESTART_FAILING;
        _cleanup_text_ Text failing = text_of(i, PHASE_FAILING);
        assert_has(failing.subject, " NOT LOGGING, restart FAILS (");
}

/* A blink needs no restart, and its log files may be missing all the same. */
static void test_delivery_after_a_blink(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_BLINK, STOP);

        i->open = false;
        i->blind_to_msec = BASE + STOP + 1000;
        i->delivering = DELIVERING_NO;
        i->delivery_error = mem_strdup("NoSuchBucket");
        _cleanup_text_ Text t = text_of(i, PHASE_UPDATE);
        assert_has(t.body, "Delivery FAILS  NoSuchBucket\n");
}

UNIT_MAIN(T(test_denied_is_not_old), T(test_since_nobody_knows_when),
          T(test_delivery_after_a_blink))
