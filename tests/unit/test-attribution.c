/* SPDX-License-Identifier: Apache-2.0 */
#include "core/attribution.h"

#include "base/mem.h"
#include "verdict-fixture.h"

static void test_one_stop(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        ADD(i, .at = SECOND(0), .id = "it");
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_false(i->attribution.misused);
}

static void test_nothing_found(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_NONE, NULL);
        evaluate_with(i, OWN, OWN_CALL_NO, true, true);
        assert_verdict(i, CONFIDENCE_NONE, NULL);
}

/* The record's second may be up to two before the stop and three after it; it proves something when
 * it is within two. */
static void test_distance_to_anchor(void **state)
{
        static const struct {
                int64_t seconds;
                Confidence c;
        } rows[] = {
                {-3, CONFIDENCE_NONE}, {-1, CONFIDENCE_EXACT},    {0, CONFIDENCE_EXACT},
                {2, CONFIDENCE_EXACT}, {3, CONFIDENCE_AMBIGUOUS}, {4, CONFIDENCE_NONE},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

                ADD(i, .at = SECOND(rows[k].seconds), .id = "it");
                evaluate(i, false);
                assert_verdict(i, rows[k].c, rows[k].c != CONFIDENCE_NONE ? "it" : NULL);
                assert_int_equal(i->attribution.doubts,
                                 rows[k].c == CONFIDENCE_AMBIGUOUS ? 1U << DOUBT_TIME : 0);
        }
}

static void test_refused_calls_are_attempts(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        ADD(i, .at = SECOND(0), .id = "refused", .who = BOB, .error = "AccessDenied");
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_NONE, NULL);
        ADD(i, .at = SECOND(0), .id = "it");
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "refused"), ROLE_ATTEMPT);
}

static void test_decoys_after(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        for (int k = 1; k <= 30; k++)
                ADD(i, .at = SECOND(k), .who = BOB);
        ADD(i, .at = SECOND(0), .id = "it");
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "36001000-bob"), ROLE_LATER);
        assert_int_equal(role_of(i, "36030000-bob"), ROLE_LATER);
}

/* The time that shows is that of a second StopLogging: whoever was first is the one, and that is
 * certain only when it is known that nobody has started it in between. */
static void test_decoy_at_the_anchor(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        i->last_logging_msec = BASE + SECOND(-30);
        ADD(i, .at = SECOND(-20), .id = "it");
        ADD(i, .at = SECOND(0), .id = "decoy", .who = BOB);
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, "it");
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "decoy"), ROLE_LATER);
}

/* ... but a poll that showed it logging since speaks against the first. */
static void test_polls_speak_against_the_first(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        ADD(i, .at = SECOND(-20), .id = "first");
        ADD(i, .at = SECOND(0), .id = "last", .who = BOB);
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, NULL);
        assert_int_equal(role_of(i, "first"), ROLE_CANDIDATE);
        assert_int_equal(role_of(i, "last"), ROLE_CANDIDATE);
}

static void test_started_in_between(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        i->last_logging_msec = BASE + SECOND(-30);
        ADD(i, .at = SECOND(-20), .id = "before", .who = BOB);
        ADD(i, .at = SECOND(-10), .id = "start", .who = BOB, .event = "StartLogging");
        ADD(i, .at = SECOND(0), .id = "it");
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "before"), ROLE_EARLIER);
        assert_int_equal(role_of(i, "start"), ROLE_STARTER);
}

static void test_started_in_the_same_second(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        ADD(i, .at = SECOND(-1), .id = "before", .who = BOB);
        ADD(i, .at = SECOND(0), .id = "start", .who = BOB, .event = "StartLogging");
        ADD(i, .at = SECOND(0), .id = "after");
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, NULL);
}

static void test_refused_start_is_none(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        i->last_logging_msec = BASE + SECOND(-30);
        ADD(i, .at = SECOND(-20), .id = "it");
        ADD(i, .at = SECOND(-10), .event = "StartLogging", .error = "AccessDenied");
        ADD(i, .at = SECOND(0), .id = "decoy", .who = BOB);
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
}

static void test_known_start(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        i->last_logging_msec = 0;
        i->known_start_msec = BASE + SECOND(-10) + 300;
        ADD(i, .at = SECOND(-11), .id = "before", .who = BOB);
        ADD(i, .at = SECOND(0), .id = "it");
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "before"), ROLE_EARLIER);
}

/* A guard whose clock is wrong must not rule anybody out by it. */
/* A start after the stop is known from an incident that was told before: it rules nobody out. */
static void test_known_start_after_the_stop(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_BLINK, STOP);

        i->known_start_msec = BASE + STOP + 4000;
        ADD(i, .at = SECOND(0), .id = "it");
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
}

static void test_clock_ahead(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        i->last_logging_msec = BASE + STOP + MSEC_PER_HOUR;
        ADD(i, .at = SECOND(-20), .id = "it");
        ADD(i, .at = SECOND(0), .id = "decoy", .who = BOB);
        evaluate(i, true);
        assert_true(role_of(i, "it") == ROLE_CULPRIT || role_of(i, "it") == ROLE_CANDIDATE);
}

static void test_rivals(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        ADD(i, .at = SECOND(0), .id = "a");
        ADD(i, .at = SECOND(0), .id = "b", .who = BOB);
        ADD(i, .at = SECOND(1), .id = "c", .who = OWN);
        evaluate_with(i, NULL, OWN_CALL_NO, true, false);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, NULL);
        assert_int_equal(role_of(i, "a"), ROLE_CANDIDATE);
        assert_int_equal(role_of(i, "b"), ROLE_CANDIDATE);
        assert_int_equal(role_of(i, "c"), ROLE_LATER);
}

static void test_same_actor_twice(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        ADD(i, .at = SECOND(0), .id = "a");
        ADD(i, .at = SECOND(0), .id = "b");
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_EXACT, "a");
}

static void test_unreadable(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        ADD(i, .at = SECOND(0), .id = "unreadable", .omitted = true);
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, NULL);
        assert_int_equal(role_of(i, "unreadable"), ROLE_UNREADABLE);
        ADD(i, .at = SECOND(1), .id = "it", .who = BOB);
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, "it");
}

static void test_unreadable_long_before(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        ADD(i, .at = SECOND(-600), .id = "unreadable", .omitted = true);
        ADD(i, .at = SECOND(0), .id = "it", .who = BOB);
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
}

static void test_call_without_parameters(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        ADD(i, .at = SECOND(0), .id = "x");
        mem_strset(&i->attribution.findings[0].record.trail, NULL);
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, NULL);
}

static void test_own_start(void **state)
{
        static const struct {
                const char *own_arn;
                OwnCall ledger;
                const char *error;
                Role role;
        } rows[] = {
                {OWN, OWN_CALL_YES, NULL, ROLE_OWN},
                {NULL, OWN_CALL_YES, NULL, ROLE_OWN}, /* by its request id alone */
                {OWN, OWN_CALL_YES, "AccessDenied", ROLE_OWN},
                {OWN, OWN_CALL_MAYBE, NULL, ROLE_OWN_UNREMEMBERED},
                {OWN, OWN_CALL_NO, NULL, ROLE_OWN_MISUSED},
                {OWN, OWN_CALL_NO, "AccessDenied", ROLE_OWN_UNREMEMBERED},
                {NULL, OWN_CALL_NO, NULL, ROLE_STARTER},
                {NULL, OWN_CALL_MAYBE, NULL, ROLE_STARTER},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

                ADD(i, .at = SECOND(0), .id = "it");
                ADD(i, .at = SECOND(2), .id = "start", .event = "StartLogging", .who = OWN,
                    .request_id = "ours", .error = rows[k].error);
                evaluate_with(i, rows[k].own_arn, rows[k].ledger, true, false);
                assert_int_equal(role_of(i, "start"), rows[k].role);
                assert_int_equal(i->attribution.misused, rows[k].role == ROLE_OWN_MISUSED);
                assert_verdict(i, CONFIDENCE_EXACT, "it");
        }
}

/* Found by the simulation: killed after its clock had been set back, the guard knew its ledger and
 * its beginning by two clocks, and took its own call for somebody else's. */
static void test_unremembered_start_stays_so(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        ADD(i, .at = SECOND(0), .id = "it");
        ADD(i, .at = SECOND(2), .id = "start", .event = "StartLogging", .who = OWN,
            .request_id = "ours");
        evaluate_with(i, OWN, OWN_CALL_MAYBE, true, false);
        evaluate_with(i, OWN, OWN_CALL_NO, true, false);
        assert_int_equal(role_of(i, "start"), ROLE_OWN_UNREMEMBERED);
        assert_false(i->attribution.misused);
}

static void test_own_stop(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        ADD(i, .at = SECOND(0), .id = "it", .who = OWN);
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_true(i->attribution.misused);
}

static void test_misuse_is_not_taken_back(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        ADD(i, .at = SECOND(0), .id = "it", .who = OWN);
        evaluate_with(i, OWN, OWN_CALL_NO, true, false);
        evaluate_with(i, NULL, OWN_CALL_NO, true, false);
        assert_true(i->attribution.misused);
        evaluate_with(i, BOB, OWN_CALL_NO, true, false);
        assert_false(i->attribution.misused);
}

static void test_own_refused_stop(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        ADD(i, .at = SECOND(-5), .id = "try", .who = OWN, .error = "AccessDenied");
        evaluate(i, true);
        assert_true(i->attribution.misused);
        assert_verdict(i, CONFIDENCE_NONE, NULL);
}

/* Two who stop it in turns, a second apart: the record of the stop before is not held against the
 * one who did this, nor is what came after the restart. */
static void test_one_stop_after_another(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP + 700);

        i->known_stop_msec = BASE + STOP - 400;
        i->known_start_msec = BASE + STOP - 200; /* in the same second */
        *mem_push0(i->restart.request_ids, i->restart.n_request_ids) = mem_strdup("restart");
        ADD(i, .at = STOP - 400, .id = "before", .who = BOB);
        ADD(i, .at = STOP - 200, .event = "StartLogging", .id = "s0", .who = OWN);
        ADD(i, .at = STOP + 700, .id = "it");
        ADD(i, .at = STOP + 1600, .event = "StartLogging", .id = "s1", .who = OWN,
            .request_id = "restart");
        ADD(i, .at = STOP + 3000, .id = "after", .who = BOB);
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "before"), ROLE_EARLIER);
        assert_int_equal(role_of(i, "after"), ROLE_LATER);
        assert_true(attribution_is_suspect(&i->attribution, 2));
        assert_false(attribution_is_suspect(&i->attribution, 0));

        /* Two records in the second of the stop before: either may be it. */
        ADD(i, .at = STOP - 300, .id = "another", .who = BOB);
        evaluate(i, false);
        assert_int_equal(i->attribution.confidence, CONFIDENCE_AMBIGUOUS);
}

/* At the end of the search, what came before the anchor is said for what it is worth. */
static void test_last_chance(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        i->last_logging_msec = BASE + SECOND(-30);
        ADD(i, .at = SECOND(-20), .id = "perhaps");
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_NONE, NULL);
        evaluate_with(i, OWN, OWN_CALL_NO, true, true);
        assert_verdict(i, CONFIDENCE_AMBIGUOUS, "perhaps");
        /* Nor is anything else exact by it: no look was completed. */
        ADD(i, .at = SECOND(0), .id = "it", .who = BOB);
        i->last_logging_msec = BASE + SECOND(60);
        evaluate_with(i, OWN, OWN_CALL_NO, true, true);
        assert_int_equal(i->attribution.confidence, CONFIDENCE_AMBIGUOUS);
}

static void test_needs_starts(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        assert_false(attribution_needs_starts(i));
        add_page(i, &(RecordFacts){.at = SECOND(0)}, 1);
        add_page(i, &(RecordFacts){.at = SECOND(0), .error = "AccessDenied"}, 1);
        assert_false(attribution_needs_starts(i));
        add_page(i, &(RecordFacts){.at = SECOND(1), .who = BOB}, 1);
        assert_true(attribution_needs_starts(i));

        _cleanup_incident_ Incident *blink = fixture_incident(INCIDENT_BLINK, STOP);
        assert_true(attribution_needs_starts(blink));
        _cleanup_incident_ Incident *others = fixture_incident(INCIDENT_STOPPED, STOP);
        others->restart.state = RESTART_BY_OTHERS;
        assert_true(attribution_needs_starts(others));
}

/* Our own restart in the stop's second does not make rivals of what came before and after. */
static void test_own_restart_in_the_same_second(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        *mem_push0(i->restart.request_ids, i->restart.n_request_ids) = mem_strdup("ours");
        ADD(i, .at = SECOND(0), .id = "it");
        ADD(i, .at = SECOND(0), .event = "StartLogging", .who = OWN, .request_id = "ours");
        ADD(i, .at = SECOND(1), .id = "next", .who = BOB);
        evaluate_with(i, OWN, OWN_CALL_YES, true, false);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
}

/* One that came before the stop has ended another one, whoever did that. */
static void test_own_restart_before_the_stop(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        i->last_logging_msec = 0;
        *mem_push0(i->restart.request_ids, i->restart.n_request_ids) = mem_strdup("ours");
        ADD(i, .at = SECOND(-2), .id = "before", .who = BOB);
        ADD(i, .at = SECOND(-1), .event = "StartLogging", .who = OWN, .request_id = "ours");
        ADD(i, .at = SECOND(1), .id = "it");
        evaluate_with(i, OWN, OWN_CALL_YES, true, false);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "before"), ROLE_EARLIER);
}

/* Found by the simulation: stopped again in the second of the restart, while no times could be
 * read. The restart may have come before that stop, so that who stopped it first need not be the
 * one. */
static void test_own_restart_in_the_second_of_a_later_stop(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        i->last_logging_msec = 0;
        i->restart.early = true;
        *mem_push0(i->restart.request_ids, i->restart.n_request_ids) = mem_strdup("ours");
        ADD(i, .at = SECOND(-3), .id = "first", .who = BOB);
        ADD(i, .at = SECOND(0), .event = "StartLogging", .who = OWN, .request_id = "ours");
        ADD(i, .at = SECOND(0), .id = "it");
        evaluate_with(i, OWN, OWN_CALL_YES, true, false);
        assert_int_equal(i->attribution.confidence, CONFIDENCE_AMBIGUOUS);
}

/* A redundant stop, by a borrowed name, has moved StopLoggingTime into the second of the restart,
 * which was made because that time was seen, and so came after both. */
static void test_own_restart_in_the_second_of_a_redundant_stop(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        *mem_push0(i->restart.request_ids, i->restart.n_request_ids) = mem_strdup("ours");
        ADD(i, .at = SECOND(-1), .id = "it");
        ADD(i, .at = SECOND(0), .event = "StartLogging", .who = OWN, .request_id = "ours");
        ADD(i, .at = SECOND(0), .id = "redundant", .who = BOB);
        evaluate_with(i, OWN, OWN_CALL_YES, true, false);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "redundant"), ROLE_LATER);
}

UNIT_MAIN(T(test_one_stop), T(test_nothing_found), T(test_distance_to_anchor),
          T(test_refused_calls_are_attempts), T(test_decoys_after), T(test_decoy_at_the_anchor),
          T(test_polls_speak_against_the_first), T(test_started_in_between),
          T(test_started_in_the_same_second), T(test_refused_start_is_none), T(test_known_start),
          T(test_known_start_after_the_stop), T(test_clock_ahead), T(test_rivals),
          T(test_same_actor_twice), T(test_unreadable), T(test_unreadable_long_before),
          T(test_call_without_parameters), T(test_own_start), T(test_unremembered_start_stays_so),
          T(test_own_stop), T(test_misuse_is_not_taken_back), T(test_own_refused_stop),
          T(test_one_stop_after_another), T(test_last_chance), T(test_needs_starts),
          T(test_own_restart_in_the_same_second), T(test_own_restart_before_the_stop),
          T(test_own_restart_in_the_second_of_a_later_stop),
          T(test_own_restart_in_the_second_of_a_redundant_stop))
