/* SPDX-License-Identifier: Apache-2.0 */
/* Which incidents are shown: words into conditions. */

#include "cli/filter.h"

#include "base/mem.h"
#include "core-fixture.h"
#include "unit.h"

#define NOW (BASE + 10 * MSEC_PER_DAY)
static Filter parsed(const FilterWords *w)
{
        _cleanup_free_ char *wrong = NULL;
        Filter f = {};

        if (filter_parse(w, NOW, &f, &wrong) < 0)
                fail_msg("refused: %s", wrong);
        return f;
}

static bool matches(const FilterWords *w, const Incident *i)
{
        Filter f = parsed(w);

        return filter_matches(&f, i);
}

static void assert_refused(const FilterWords *w, const char *said)
{
        _cleanup_free_ char *wrong = NULL;
        Filter f;

        assert_int_equal(filter_parse(w, NOW, &f, &wrong), -EINVAL);
        if (!strstr(wrong, said))
                fail_msg("\"%s\" is not in: %s", said, wrong);
}

static void test_times(void **state)
{
        static const struct {
                const char *text;
                int64_t since, until;
        } cases[] = {
                {"2026-11-23", BASE, BASE + MSEC_PER_DAY - 1},
                {"2026-11-23 03:12", BASE + 11520000, BASE + 11579999},
                {"2026-11-23T03:12", BASE + 11520000, BASE + 11579999},
                {"2026-11-23T03:12:09Z", BASE + 11529000, BASE + 11529999},
                {"2026-11-23 03:12:09", BASE + 11529000, BASE + 11529999},
                {"2026-11-23T03:12:09.123Z", BASE + 11529123, BASE + 11529123},
                {"2h", NOW - 2 * MSEC_PER_HOUR, NOW - 2 * MSEC_PER_HOUR},
                {"3d", NOW - 3 * MSEC_PER_DAY, NOW - 3 * MSEC_PER_DAY},
                {"90000d", 1, 1},
        };

        for (size_t k = 0; k < ELEMENTSOF(cases); k++) {
                assert_int_equal(parsed(&(FilterWords){.since = cases[k].text}).since_msec,
                                 cases[k].since);
                assert_int_equal(parsed(&(FilterWords){.until = cases[k].text}).until_msec,
                                 cases[k].until);
        }
}

static void test_refused(void **state)
{
        static const char *const times[] = {
                "",   "now", "2026-13-01", "2026-11-2x", "2026-11-23Z ", "2 h", "2026-11-23 25:00",
                "-1h"};
        static const char *const limits[] = {"", "0", "-1", "x", "1x", "99999999999999999999"};

        for (size_t k = 0; k < ELEMENTSOF(times); k++)
                assert_refused(&(FilterWords){.since = times[k]}, "is neither a time in UTC");
        for (size_t k = 0; k < ELEMENTSOF(limits); k++)
                assert_refused(&(FilterWords){.limit = limits[k]}, "is not a number from 1 on");
        assert_refused(&(FilterWords){.kinds = "stopped,x"},
                       "--kind: \"x\" is no kind of incident; there are stopped, blink, ");
        assert_refused(&(FilterWords){.kinds = ""}, "\"\" is no kind");
        assert_refused(&(FilterWords){.severity = "bad"}, "info, warning, high or critical");
        assert_refused(&(FilterWords){.since = "1h", .until = "2h"}, "--since 1h is after --until");
}

static void test_conditions(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_BLINK, 5000);

        i->severity = SEVERITY_HIGH;
        fixture_add(i, &(RecordFacts){.at = 5000, .who = MALLORY});
        fixture_add(i, &(RecordFacts){.at = 6000, .who = OWN});
        i->attribution.findings[0].role = ROLE_CULPRIT;
        i->attribution.findings[1].role = ROLE_OWN;

        assert_true(matches(&(FilterWords){}, i));
        assert_true(matches(&(FilterWords){.trail = TRAIL}, i));
        assert_true(matches(&(FilterWords){.trail = "management-events"}, i));
        assert_false(matches(&(FilterWords){.trail = "management"}, i));
        assert_true(matches(&(FilterWords){.kinds = "stopped,blink"}, i));
        assert_false(matches(&(FilterWords){.kinds = "stopped"}, i));
        assert_true(matches(&(FilterWords){.severity = "high"}, i));
        assert_false(matches(&(FilterWords){.severity = "critical"}, i));
        assert_true(matches(&(FilterWords){.actor = "MALLORY"}, i));
        assert_false(matches(&(FilterWords){.actor = "guard"}, i)); /* nobody but the guard */
        assert_true(matches(&(FilterWords){.since = "2026-11-23"}, i));
        assert_false(matches(&(FilterWords){.since = "2026-11-24"}, i));
        assert_true(matches(&(FilterWords){.until = "2026-11-23"}, i));
        assert_false(matches(&(FilterWords){.until = "2026-11-22"}, i));
        assert_true(matches(&(FilterWords){.open = true}, i) == i->open);
        i->open = !i->open;
        assert_true(matches(&(FilterWords){.open = true}, i) == i->open);
        /* All of them have to hold. */
        assert_false(matches(&(FilterWords){.actor = "mallory", .kinds = "stopped"}, i));
}

static void test_the_guard_itself_has_no_trail(void **state)
{
        _cleanup_incident_ Incident *i = fixture_incident(INCIDENT_MAINTENANCE, 0);

        free(i->trail_arn);
        i->trail_arn = NULL;
        assert_true(matches(&(FilterWords){.kinds = "maintenance"}, i));
        assert_false(matches(&(FilterWords){.trail = "management-events"}, i));
}

UNIT_MAIN(T(test_times), T(test_refused), T(test_conditions), T(test_the_guard_itself_has_no_trail))
