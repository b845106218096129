/* SPDX-License-Identifier: Apache-2.0 */
#include "core/findings.h"

#include <stdio.h>

#include "verdict-fixture.h"

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

static const Finding *finding_of(const Incident *i, const char *event, const char *who)
{
        for (size_t k = 0; k < i->attribution.n_findings; k++) {
                const Finding *f = &i->attribution.findings[k];

                if (streq(f->record.event_name, event) && streq(f->record.identity.arn, who))
                        return f;
        }
        fail_msg("no finding of %s by %s", event, who);
        return NULL;
}

/* Of refused calls the number is kept, and the one that is nearest to the stop. */
static void test_refused_calls_are_counted(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        for (unsigned look = 0; look < 2; look++) {
                findings_begin_look(&i->attribution);
                for (int k = -500; k < 200; k++)
                        add_page(i,
                                 &(RecordFacts){.at = SECOND(k) + 900,
                                                .who = BOB,
                                                .error = "AccessDenied"},
                                 1);
                add_page(i, &(RecordFacts){.at = SECOND(-2), .error = "AccessDenied"}, 1);
                add_page(i, &(RecordFacts){.at = SECOND(0), .id = "it"}, 1);
                evaluate(i, false);
                assert_int_equal(i->attribution.n_findings, 3);
                assert_int_equal(i->attribution.n_refused, 701);
                assert_int_equal(i->attribution.n_not_kept, 0);
                const Finding *f = finding_of(i, "StopLogging", BOB);
                assert_int_equal(f->calls, 700); /* each once, however often it is read */
                assert_true(f->record.time_msec == BASE + SECOND(0));
                assert_int_equal(f->role, ROLE_ATTEMPT);
                /* They are no reason for doubt. */
                assert_verdict(i, CONFIDENCE_EXACT, "it");
                assert_false(i->attribution.incomplete);
        }
}

static void add_refused_by(Incident *i, unsigned who, int64_t at)
{
        _cleanup_free_ char *arn = mem_printf("arn:aws:iam::111122223333:user/borrowed-%u", who);

        add_page(i, &(RecordFacts){.at = at, .who = arn, .error = "AccessDenied"}, 1);
}

/* A name for each refused call: those near the stop are listed, the others are counted. */
static void test_refused_calls_of_many(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);
        unsigned listed = 0;

        for (unsigned k = 0; k < 600; k++)
                add_refused_by(i, k, SECOND(-600 + (int64_t)k));
        add_page(i, &(RecordFacts){.at = SECOND(0), .id = "it"}, 1);
        evaluate(i, false);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(i->attribution.n_findings, 21);
        assert_int_equal(i->attribution.n_refused, 600);
        for (size_t k = 0; k < i->attribution.n_findings; k++)
                listed += i->attribution.findings[k].role == ROLE_ATTEMPT;
        assert_int_equal(listed, 20);
        (void)finding_of(i, "StopLogging", "arn:aws:iam::111122223333:user/borrowed-599");
}

/* ... but what is refused to somebody who has our credentials is never crowded out. */
static void test_refused_own_call_is_kept(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        add_page(i, &(RecordFacts){.at = SECOND(-800), .who = OWN, .error = "Denied"}, 1);
        for (unsigned k = 0; k < 40; k++)
                add_refused_by(i, k, SECOND(-20 + (int64_t)k));
        evaluate(i, false);
        assert_true(i->attribution.misused);
}

/* Successful decoys are kept as far as there is room, the nearest first, and what is not is said.
 */
static void test_room_for_calls_that_succeeded(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);
        char id[32];

        add_page(i, &(RecordFacts){.at = SECOND(0), .id = "it"}, 1);
        for (int k = 4; k < 700; k++) {
                (void)snprintf(id, sizeof(id), "decoy-%d", k);
                add_page(i, &(RecordFacts){.at = SECOND(k), .id = id, .who = BOB}, 1);
        }
        evaluate(i, true);
        assert_true(findings_bytes(&i->attribution) <= ROOM);
        assert_true(i->attribution.n_findings > 50);
        assert_int_equal(i->attribution.n_findings + i->attribution.n_not_kept, 697);
        /* They came when it was stopped already, whoever they were. */
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        assert_int_equal(role_of(i, "decoy-4"), ROLE_LATER);

        /* In the time that counts, one of them may have been it. */
        i->last_logging_msec = i->known_start_msec = BASE + SECOND(-900);
        findings_begin_look(&i->attribution);
        add_page(i, &(RecordFacts){.at = SECOND(0), .id = "it"}, 1);
        for (int k = 0; k < 700; k++) {
                (void)snprintf(id, sizeof(id), "earlier-%d", k);
                add_page(i, &(RecordFacts){.at = SECOND(-k), .id = id, .who = BOB}, 1);
        }
        evaluate(i, true);
        assert_true(findings_bytes(&i->attribution) <= ROOM);
        assert_true(i->attribution.incomplete);
        assert_int_equal(i->attribution.confidence, CONFIDENCE_AMBIGUOUS);
        assert_true(i->attribution.doubts & (1U << DOUBT_UNREAD));
}

/* Judged, it keeps whom it names, and counts the rest. */
static void test_shrink(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);
        char id[32];

        add_page(i, &(RecordFacts){.at = SECOND(0), .id = "it"}, 1);
        for (int k = 4; k < 60; k++) {
                (void)snprintf(id, sizeof(id), "decoy-%d", k);
                add_page(i, &(RecordFacts){.at = SECOND(k), .id = id, .who = BOB}, 1);
        }
        evaluate(i, true);
        findings_shrink(i, 8192);
        assert_true(findings_bytes(&i->attribution) <= 8192);
        assert_int_equal(i->attribution.n_findings + i->attribution.n_not_kept, 57);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
        (void)role_of(i, "decoy-4");
        /* Another look has its room again, and comes to the same. */
        findings_begin_look(&i->attribution);
        for (int k = 4; k < 60; k++) {
                (void)snprintf(id, sizeof(id), "decoy-%d", k);
                add_page(i, &(RecordFacts){.at = SECOND(k), .id = id, .who = BOB}, 1);
        }
        add_page(i, &(RecordFacts){.at = SECOND(0), .id = "it"}, 1);
        evaluate(i, true);
        assert_int_equal(i->attribution.n_findings, 57);
        assert_int_equal(i->attribution.n_not_kept, 0);
        assert_verdict(i, CONFIDENCE_EXACT, "it");
}

/* Another trail of the same name is not this one. */
static void test_namesakes(void **state)
{
        static const RecordFacts rows[] = {
                {.trail = "management-events", .region = "eu-west-1"},
                {.trail = "management-events", .account = "444455556666"},
                {.trail = "arn:aws:cloudtrail:us-east-1:444455556666:trail/management-events"},
                {.trail = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/management-events"},
        };
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_STOPPED, STOP);

        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                RecordFacts f = rows[k];

                f.at = SECOND(0);
                add_page(i, &f, 1);
        }
        assert_int_equal(i->attribution.n_findings, 0);
}

UNIT_MAIN(T(test_only_this_trail), T(test_only_its_window), T(test_refused_calls_are_counted),
          T(test_refused_calls_of_many), T(test_refused_own_call_is_kept),
          T(test_room_for_calls_that_succeeded), T(test_shrink), T(test_namesakes))
