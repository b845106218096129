/* SPDX-License-Identifier: Apache-2.0 */
#include "core/attribution.h"

#include <stdio.h>

#include "base/mem.h"
#include "core-fixture.h"
#include "unit.h"

#define STOP INT64_C(36000500) /* 10:00:00.500 */
#define SECOND(n) (STOP / 1000 * 1000 + (n)*1000)

#define ADD(i, ...) fixture_add(i, &(RecordFacts){__VA_ARGS__})

/* The userdata says what the ledger says of request id "ours". */
static OwnCall own_start(const void *userdata, const CloudTrailRecord *r)
{
        return streq(r->request_id, "ours") ? *(const OwnCall *)userdata : OWN_CALL_NO;
}

static void evaluate_with(Incident *i, const char *own_arn, OwnCall ledger, bool starts_known,
                          bool last_chance)
{
        AttributionFacts f = {
                .own_arn = own_arn,
                .own_start = own_start,
                .userdata = &ledger,
                .starts_known = starts_known,
                .last_chance = last_chance,
        };

        attribution_evaluate(i, &f);
}

static void evaluate(Incident *i, bool starts_known)
{
        evaluate_with(i, OWN, OWN_CALL_NO, starts_known, false);
}

static Role role_of(const Incident *i, const char *id)
{
        for (size_t k = 0; k < i->attribution.n_findings; k++)
                if (streq(i->attribution.findings[k].record.event_id, id))
                        return i->attribution.findings[k].role;
        fail_msg("no finding %s", id);
        return _ROLE_INVALID;
}

static void assert_verdict(const Incident *i, Confidence c, const char *culprit)
{
        const Finding *f = incident_find_role(i, ROLE_CULPRIT);

        assert_string_equal(confidence_to_string(i->attribution.confidence),
                            confidence_to_string(c));
        assert_string_equal(f ? f->record.event_id : "nobody", culprit ? culprit : "nobody");
}

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

/* The record's second may be up to two before the stop and three after it. */
static void test_distance_to_anchor(void **state)
{
        static const struct {
                int64_t seconds;
                Confidence c;
        } rows[] = {
                {-3, CONFIDENCE_NONE}, {-1, CONFIDENCE_EXACT}, {0, CONFIDENCE_EXACT},
                {1, CONFIDENCE_EXACT}, {3, CONFIDENCE_EXACT},  {4, CONFIDENCE_NONE},
        };

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

                ADD(i, .at = SECOND(rows[k].seconds), .id = "it");
                evaluate(i, false);
                assert_verdict(i, rows[k].c, rows[k].c == CONFIDENCE_EXACT ? "it" : NULL);
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
        free(TAKE_PTR(i->attribution.findings[0].record.trail));
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

static void add_page(Incident *i, const RecordFacts *f, size_t n)
{
        CloudTrailRecord r[8];

        if (!i->attribution.to_msec) {
                i->attribution.from_msec = i->stop_msec - MSEC_PER_DAY;
                i->attribution.to_msec = i->stop_msec + MSEC_PER_DAY;
        }
        for (size_t k = 0; k < n; k++)
                r[k] = fixture_record(&f[k]);
        attribution_add(i, r, n);
        for (size_t k = 0; k < n; k++)
                cloudtrail_record_done(&r[k]);
}

static void test_only_this_trail(void **state)
{
        static const RecordFacts page[] = {
                {.id = "arn", .trail = TRAIL},
                {.id = "name", .trail = "management-events"},
                {.id = "other-name", .trail = "management-events-2"},
                {.id = "other-trail", .trail = TRAIL "-2"},
                {.id = "unknown", .omitted = true},
                {.id = "arn", .trail = TRAIL}, /* on another page, too */
        };
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        add_page(i, page, ELEMENTSOF(page));
        assert_int_equal(i->attribution.n_findings, 3);
        assert_string_equal(i->attribution.findings[0].record.event_id, "arn");
        assert_string_equal(i->attribution.findings[1].record.event_id, "name");
        assert_string_equal(i->attribution.findings[2].record.event_id, "unknown");
        /* Nobody is accused before he is judged. */
        assert_null(incident_find_role(i, ROLE_CULPRIT));
}

static void test_only_its_window(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);
        static const RecordFacts page[] = {
                {.at = SECOND(9), .id = "before"},
                {.at = SECOND(10), .id = "first"}, /* whole seconds: of 10.000 to 10.999 */
                {.at = SECOND(20), .id = "last"},
                {.at = SECOND(21), .id = "after"},
        };

        i->attribution.from_msec = BASE + SECOND(10) + 700;
        i->attribution.to_msec = BASE + SECOND(20) + 300;
        add_page(i, page, ELEMENTSOF(page));
        assert_int_equal(i->attribution.n_findings, 2);
        assert_string_equal(i->attribution.findings[0].record.event_id, "first");
        assert_string_equal(i->attribution.findings[1].record.event_id, "last");
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

static void test_room(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);
        char id[32];

        for (int k = 0; k < 700; k++) {
                (void)snprintf(id, sizeof(id), "refused-%d", k);
                add_page(i,
                         &(RecordFacts){.at = SECOND(k % 50),
                                        .id = id,
                                        .who = BOB,
                                        .error = "AccessDenied"},
                         1);
        }
        assert_int_equal(i->attribution.n_findings, 500);
        assert_false(i->attribution.overfull);
        add_page(i, &(RecordFacts){.at = SECOND(0), .id = "it"}, 1);
        add_page(i, &(RecordFacts){.at = SECOND(50), .id = "far", .who = BOB}, 1);
        assert_int_equal(i->attribution.n_findings, 500);
        evaluate(i, true);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "far"), ROLE_LATER);
}

static void test_room_for_calls_that_succeeded(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);
        char id[32];

        for (int k = 0; k < 501; k++) {
                (void)snprintf(id, sizeof(id), "decoy-%d", k);
                add_page(i, &(RecordFacts){.at = SECOND(k), .id = id, .who = BOB}, 1);
        }
        assert_int_equal(i->attribution.n_findings, 500);
        assert_true(i->attribution.overfull);
        i->attribution.incomplete = i->attribution.overfull; /* as its search has it */
        evaluate(i, true);
        assert_int_equal(i->attribution.confidence, CONFIDENCE_AMBIGUOUS);
}

static void test_deleted(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_DELETED, 0);

        i->detected_msec = BASE + STOP;
        i->known_start_msec = BASE + SECOND(-3600);
        i->last_logging_msec = BASE + SECOND(-10);
        ADD(i, .at = SECOND(-7200), .id = "before", .event = "DeleteTrail", .who = BOB);
        ADD(i, .at = SECOND(-5), .id = "it", .event = "DeleteTrail");
        ADD(i, .at = SECOND(-4), .id = "again", .event = "DeleteTrail", .who = BOB,
            .error = "TrailNotFoundException");
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "before"), ROLE_EARLIER);
        assert_int_equal(role_of(i, "again"), ROLE_ATTEMPT);
}

static void test_recreated(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_RECREATED, 0);

        i->detected_msec = BASE + STOP;
        i->known_start_msec = BASE + SECOND(-3600);
        i->last_logging_msec = BASE + SECOND(-10);
        ADD(i, .at = SECOND(-4), .id = "create", .event = "CreateTrail", .who = BOB);
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_EXACT, "create");
        ADD(i, .at = SECOND(-5), .id = "delete", .event = "DeleteTrail");
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_EXACT, "delete");
        assert_int_equal(role_of(i, "create"), ROLE_RELATED);
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
}

static void test_needs_starts(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        assert_false(attribution_needs_starts(i));
        ADD(i, .at = SECOND(0));
        ADD(i, .at = SECOND(0), .error = "AccessDenied");
        assert_false(attribution_needs_starts(i));
        ADD(i, .at = SECOND(1), .who = BOB);
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

UNIT_MAIN(T(test_one_stop), T(test_nothing_found), T(test_distance_to_anchor),
          T(test_refused_calls_are_attempts), T(test_decoys_after), T(test_decoy_at_the_anchor),
          T(test_polls_speak_against_the_first), T(test_started_in_between),
          T(test_started_in_the_same_second), T(test_refused_start_is_none), T(test_known_start),
          T(test_known_start_after_the_stop), T(test_clock_ahead), T(test_rivals),
          T(test_same_actor_twice), T(test_unreadable), T(test_unreadable_long_before),
          T(test_call_without_parameters), T(test_own_start), T(test_unremembered_start_stays_so),
          T(test_own_stop), T(test_misuse_is_not_taken_back), T(test_own_refused_stop),
          T(test_only_this_trail), T(test_room), T(test_only_its_window),
          T(test_one_stop_after_another), T(test_room_for_calls_that_succeeded), T(test_deleted),
          T(test_recreated), T(test_last_chance), T(test_needs_starts),
          T(test_own_restart_in_the_same_second))
