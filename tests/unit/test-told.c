/* SPDX-License-Identifier: Apache-2.0 */

/* A verdict that was told and proves wrong: at the last look, a day after the stop, or before. */

#include "core/told.h"

#include "base/mem.h"
#include "core-fixture.h"
#include "core/alertjson.h"
#include "unit.h"

#define STOP INT64_C(5000)
#define START RIG_START
#define BEFORE (STOP - 2000)

static const RecordFacts late[] = {{.at = STOP, .who = BOB}, {.at = BEFORE}};

/* Bob is named for it, the record of the real stop being still to come; and has been looked up
 * again. */
static Rig *bob_is_told(void)
{
        Rig *r = rig_new(NULL);

        rig_truth(r, true, START, 0);
        rig_live(r, 2 * USEC_PER_SEC); /* its settings are read, too */
        r->records = late;
        r->n_records = 1;
        rig_pass(r, 5 * USEC_PER_SEC);
        rig_truth(r, false, START, STOP);
        rig_live(r, 20 * USEC_PER_MINUTE);
        assert_int_equal(rig_incident(r)->attribution.state, SEARCH_SETTLED);
        assert_int_equal(rig_incident(r)->attribution.confidence, CONFIDENCE_EXACT);
        assert_string_equal(incident_find_role(rig_incident(r), ROLE_CULPRIT)->record.identity.arn,
                            BOB);
        return r;
}

static unsigned n_messages(const Rig *r)
{
        return r->phases[PHASE_OPEN] + r->phases[PHASE_UPDATE] + r->phases[PHASE_CLOSED];
}

static void test_last_look_corrects(void **state)
{
        _cleanup_rig_ Rig *r = bob_is_told();
        unsigned n = n_messages(r);
        char *seen = NULL;

        r->n_records = 2;
        rig_live(r, 23 * USEC_PER_HOUR);
        assert_int_equal(n_messages(r), n);
        for (unsigned k = 0; k < 3600 && !seen; k++) {
                rig_live(r, USEC_PER_SEC);
                if (core_n_incidents(r->core) > 0 && rig_incident(r)->n_messages > n) {
                        const Message *m = &rig_incident(r)->messages[n];

                        seen = mem_printf("%s\n%s", m->subject, m->body);
                }
        }
        assert_non_null(seen);
        assert_has(seen, ") corrected: who did it: mallory");
        assert_has(seen,
                   "\nCorrected       an earlier message said: exact: bob, " BOB ", key AKIA");
        assert_has(seen, "\nWho             mallory (IAMUser)\n");
        free(seen);
        rig_live(r, USEC_PER_MINUTE);
        assert_int_equal(n_messages(r), n + 1);
        assert_int_equal(core_n_incidents(r->core), 0);
}

static void test_last_look_finds_nothing_new(void **state)
{
        _cleanup_rig_ Rig *r = bob_is_told();
        unsigned n = n_messages(r), asked = r->asked[ACTION_LOOKUP];

        rig_live(r, 23 * USEC_PER_HOUR);
        assert_int_equal(r->asked[ACTION_LOOKUP], asked);
        rig_live(r, USEC_PER_HOUR);
        assert_true(r->asked[ACTION_LOOKUP] > asked);
        assert_int_equal(n_messages(r), n);
        assert_int_equal(core_n_incidents(r->core), 0);
}

/* What cannot be looked up again stays as it was told. */
static void test_last_look_is_denied(void **state)
{
        _cleanup_rig_ Rig *r = bob_is_told();
        unsigned n = n_messages(r);

        r->lookups = AWS_ERROR_DENIED;
        rig_live(r, 26 * USEC_PER_HOUR);
        assert_int_equal(n_messages(r), n);
        assert_int_equal(core_n_incidents(r->core), 0);
}

/* Another run of the guard keeps the time of the last look, and what was told. */
static void test_last_look_after_a_restart(void **state)
{
        _cleanup_rig_ Rig *r = bob_is_told(), *again = rig_new(NULL);
        Incident *i = fixture_through_json(rig_incident(r));

        assert_has(i->attribution.told_who, "bob, " BOB);
        again->now = r->now;
        again->now.wall_msec += 3 * MSEC_PER_HOUR;
        again->now.boot_usec += 3 * USEC_PER_HOUR;
        again->records = late;
        again->n_records = 2;
        core_restore_incident(again->core, i);
        again->truth = r->truth;
        rig_live(again, 20 * USEC_PER_HOUR);
        assert_int_equal(again->phases[PHASE_UPDATE], 0);
        rig_live(again, USEC_PER_HOUR);
        assert_int_equal(again->phases[PHASE_UPDATE], 1);
        assert_int_equal(core_n_incidents(again->core), 0);
}

static Incident *told(Confidence c, const char *who)
{
        Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        fixture_add(i, &(RecordFacts){.at = STOP, .who = who});
        i->attribution.findings[0].role = ROLE_CULPRIT;
        i->attribution.confidence = c;
        told_note(i);
        assert_true(told_is_current(i));
        assert_false(told_is_corrected(i));
        return i;
}

/* More than was known before takes nothing back; less, or somebody else, does. */
static void test_what_is_a_correction(void **state)
{
        static const struct {
                Confidence told;
                Confidence now;
                const char *who;
                bool corrected;
        } rows[] = {
                {CONFIDENCE_AMBIGUOUS, CONFIDENCE_EXACT, BOB, false},
                {CONFIDENCE_EXACT, CONFIDENCE_AMBIGUOUS, BOB, true},
                {CONFIDENCE_EXACT, CONFIDENCE_EXACT, MALLORY, true},
                {CONFIDENCE_AMBIGUOUS, CONFIDENCE_AMBIGUOUS, MALLORY, true},
                {CONFIDENCE_EXACT, CONFIDENCE_AMBIGUOUS, NULL, true},
                {CONFIDENCE_EXACT, CONFIDENCE_NONE, NULL, true},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_incident_ Incident *i = told(rows[k].told, BOB);
                Attribution *a = &i->attribution;

                a->findings[0].role = ROLE_LATER;
                if (rows[k].who) {
                        fixture_add(i, &(RecordFacts){.at = BEFORE, .who = rows[k].who});
                        a->findings[1].role = ROLE_CULPRIT;
                }
                a->confidence = rows[k].now;
                assert_int_equal(told_is_corrected(i), rows[k].corrected);
                assert_false(told_is_current(i));
                told_note(i);
                _cleanup_free_ char *from = told_correction(i);
                assert_int_equal(from != NULL, rows[k].corrected);
        }
}

/* Nothing is taken back of what nobody was told, and another question takes nothing back. */
static void test_no_correction(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);
        _cleanup_incident_ Incident *forgot = told(CONFIDENCE_EXACT, BOB);

        fixture_add(i, &(RecordFacts){.at = STOP, .who = BOB});
        i->attribution.findings[0].role = ROLE_CULPRIT;
        i->attribution.confidence = CONFIDENCE_EXACT;
        assert_false(told_is_corrected(i));
        assert_null(told_correction(i));

        told_forget(forgot);
        forgot->attribution.findings[0].role = ROLE_RELATED;
        forgot->attribution.confidence = CONFIDENCE_NONE;
        assert_false(told_is_corrected(forgot));
}

/* Later messages name what was wrong as well, for people and for programs. */
static void test_correction_stays_in_view(void **state)
{
        _cleanup_incident_ Incident *i = told(CONFIDENCE_EXACT, BOB);
        AlertContext c = {.hostname = "guard-1", .phase = PHASE_UPDATE, .now_msec = BASE + STOP};

        i->attribution.findings[0].role = ROLE_LATER;
        fixture_add(i, &(RecordFacts){.at = BEFORE});
        i->attribution.findings[1].role = ROLE_CULPRIT;
        told_note(i);
        _cleanup_incident_ Incident *back = fixture_through_json(i);
        _cleanup_text_ Text t = fixture_text(back, PHASE_UPDATE, BASE + STOP);
        _cleanup_free_ char *document = alert_document(back, &c, "subject");
        assert_has(t.body, "Corrected       an earlier message said: exact: bob, " BOB);
        assert_null(strstr(t.subject, "corrected"));
        assert_has(document, "\"corrected_from\":\"exact: bob, " BOB);
}

/* A look is complete before the first answer of GetTrail: nobody is told yet of a doubt that is
 * gone a moment later. */
static const RecordFacts the_stop = {.at = RIG_STOP};

static Rig *named_before_the_settings(void)
{
        Rig *r = rig_new(&(RigOptions){.action = TRAIL_ACTION_ALERT});

        rig_polled(r, true, RIG_START, 0);
        rig_pass(r, 7 * USEC_PER_SEC);
        rig_polled(r, false, RIG_START, RIG_STOP);
        rig_pass(r, USEC_PER_SEC);
        rig_found(r, &the_stop, 1);
        assert_int_equal(rig_incident(r)->attribution.doubts, 1U << DOUBT_SETTINGS);
        return r;
}

static void find_key(Rig *r)
{
        rig_pass(r, policy_default.lookup_spacing_usec);
        rig_found(r, &the_stop, 1);
}

static Rig *found_before_the_settings(void)
{
        Rig *r = named_before_the_settings();

        find_key(r);
        assert_int_equal(rig_incident(r)->attribution.rounds, 1);
        assert_int_equal(rig_incident(r)->attribution.doubts, 1U << DOUBT_SETTINGS);
        assert_int_equal(rig_incident(r)->n_messages, 1);
        return r;
}

static void test_waits_for_the_settings(void **state)
{
        _cleanup_rig_ Rig *r = found_before_the_settings();

        rig_inspected(r);
        assert_int_equal(rig_incident(r)->attribution.confidence, CONFIDENCE_EXACT);
        assert_int_equal(rig_incident(r)->attribution.state, SEARCH_SETTLING);
        assert_int_equal(rig_incident(r)->n_messages, 2);
        assert_has(rig_message(r, 2).body, "How sure        exact: ");
}

/* They come while only what its key did is still asked for: that judges nothing any more. */
static void test_settings_before_the_key(void **state)
{
        _cleanup_rig_ Rig *r = named_before_the_settings();

        rig_inspected(r);
        assert_int_equal(rig_incident(r)->attribution.confidence, CONFIDENCE_EXACT);
        assert_int_equal(rig_incident(r)->n_messages, 1);
        find_key(r);
        assert_int_equal(rig_incident(r)->n_messages, 2);
        assert_has(rig_message(r, 2).body, "How sure        exact: ");
}

/* Nor does the name wait for a key that is not to be had. */
static void test_settings_and_no_key(void **state)
{
        _cleanup_rig_ Rig *r = named_before_the_settings();

        rig_inspected(r);
        rig_pass(r, 4 * policy_default.lookup_spacing_usec);
        assert_int_equal(rig_incident(r)->n_messages, 2);
        assert_has(rig_message(r, 2).body, "How sure        exact: ");
}

/* The patience with what else makes it sure ends with that, not while the settings are read. */
static void test_settings_after_the_starts(void **state)
{
        static const RecordFacts stop = {.at = 2 * RIG_START};
        static const RecordFacts start = {.at = RIG_START, .event = "StartLogging"};
        _cleanup_rig_ Rig *r = rig_new(&(RigOptions){.action = TRAIL_ACTION_ALERT});

        rig_polled(r, true, RIG_START, 2 * RIG_START);
        rig_pass(r, USEC_PER_SEC);
        rig_found(r, &stop, 1);
        assert_int_equal(rig_incident(r)->attribution.doubts,
                         1U << DOUBT_SETTINGS | 1U << DOUBT_UNREAD);
        rig_pass(r, policy_default.lookup_spacing_usec);
        rig_found(r, &start, 1);
        assert_int_equal(rig_incident(r)->attribution.doubts, 1U << DOUBT_SETTINGS);
        rig_pass(r, 4 * policy_default.lookup_spacing_usec);
        assert_int_equal(rig_incident(r)->n_messages, 1);
        rig_inspected(r);
        rig_pass(r, 4 * policy_default.lookup_spacing_usec);
        assert_int_equal(rig_incident(r)->n_messages, 2);
        assert_has(rig_message(r, 2).body, "How sure        exact: ");
}

static void test_settings_of_an_organization(void **state)
{
        _cleanup_rig_ Rig *r = found_before_the_settings();

        r->settings.description.is_organization = true;
        rig_inspected(r);
        assert_int_equal(rig_incident(r)->attribution.confidence, CONFIDENCE_AMBIGUOUS);
        assert_int_equal(rig_incident(r)->n_messages, 2);
        assert_has(rig_message(r, 2).body,
                   "How sure        ambiguous: it is an organization trail, and the Event history "
                   "of the organization's other accounts was not searched (only that of "
                   "111122223333)\n");
}

/* What cannot be read is waited for no longer. */
static void test_settings_that_cannot_be_read(void **state)
{
        static const TrailSettings nothing = {};
        _cleanup_rig_ Rig *r = found_before_the_settings();
        Input denied = {.kind = INPUT_INSPECTED, .settings = &nothing, .operation = "GetTrail"};

        aws_error_set(&denied.error, AWS_ERROR_DENIED, "AccessDeniedException", "no");
        rig_step(r, &denied);
        assert_int_equal(rig_incident(r)->n_messages, 2);
        assert_has(rig_message(r, 2).body, "ambiguous: whether it is an organization trail is not "
                                           "known");
        assert_int_equal(rig_incident(r)->attribution.state, SEARCH_SETTLING);
}

UNIT_MAIN(T(test_waits_for_the_settings), T(test_settings_before_the_key),
          T(test_settings_after_the_starts), T(test_settings_and_no_key),
          T(test_settings_of_an_organization), T(test_settings_that_cannot_be_read),
          T(test_last_look_corrects), T(test_last_look_finds_nothing_new),
          T(test_last_look_is_denied), T(test_last_look_after_a_restart),
          T(test_what_is_a_correction), T(test_no_correction), T(test_correction_stays_in_view))
