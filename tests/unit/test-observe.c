/* SPDX-License-Identifier: Apache-2.0 */
#include "core/observe.h"

#include "unit.h"

#define NOW INT64_C(1795392000000)

typedef struct Row {
        const char *name;
        TrailMemory known;
        TrailStatus seen;
        Reading means;
} Row;

#define LOGS(start, stop)                                                                          \
        {                                                                                          \
                .is_logging = true, .start_logging_msec = start, .stop_logging_msec = stop         \
        }
#define DOWN(start, stop)                                                                          \
        {                                                                                          \
                .is_logging = false, .start_logging_msec = start, .stop_logging_msec = stop        \
        }
#define KNOWN_LOGS(start, stop)                                                                    \
        {                                                                                          \
                .seen = true, .logging = true, .start_msec = start, .stop_msec = stop              \
        }
#define KNOWN_DOWN(start, stop)                                                                    \
        {                                                                                          \
                .seen = true, .start_msec = start, .stop_msec = stop                               \
        }

static void check(const Row *rows, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                Reading r = observe(&rows[i].known, &rows[i].seen, NOW);

                if (r != rows[i].means)
                        fail_msg("%s: %d, not %d", rows[i].name, (int)r, (int)rows[i].means);
        }
}

static void test_first_sight(void **state)
{
        static const Row rows[] = {
                {"logging, never stopped", {}, LOGS(100, 0), READING_FIRST_LOGGING},
                {"stopped a day ago to the millisecond",
                 {},
                 LOGS(NOW, NOW - MSEC_PER_DAY),
                 READING_FIRST_LOGGING},
                {"stopped less than a day ago",
                 {},
                 LOGS(NOW, NOW - MSEC_PER_DAY + 1),
                 READING_FIRST_RECENT_STOP},
                {"not logging", {}, DOWN(100, 200), READING_FIRST_STOPPED},
                {"never logged", {}, DOWN(0, 0), READING_FIRST_STOPPED},
        };
        check(rows, ELEMENTSOF(rows));
}

static void test_logging_before(void **state)
{
        static const Row rows[] = {
                {"same", KNOWN_LOGS(100, 50), LOGS(100, 50), READING_SAME},
                {"stopped", KNOWN_LOGS(100, 50), DOWN(100, 101), READING_STOPPED},
                {"first stop ever", KNOWN_LOGS(100, 0), DOWN(100, 101), READING_STOPPED},
                {"started and stopped", KNOWN_LOGS(100, 50), DOWN(150, 200), READING_STOPPED},
                {"blink", KNOWN_LOGS(100, 50), LOGS(201, 200), READING_BLINK},
                {"first blink ever", KNOWN_LOGS(100, 0), LOGS(201, 200), READING_BLINK},
                {"redundant start", KNOWN_LOGS(100, 50), LOGS(300, 50), READING_REDUNDANT_START},
                {"not logging, and no time moved", KNOWN_LOGS(100, 50), DOWN(100, 50),
                 READING_DOUBTFUL_STOP},
                {"not logging, never stopped", KNOWN_LOGS(100, 0), DOWN(100, 0),
                 READING_DOUBTFUL_STOP},
                {"not logging, and only the start moved", KNOWN_LOGS(100, 50), DOWN(300, 50),
                 READING_DOUBTFUL_STOP},
                {"not logging, with the times of a blink", KNOWN_LOGS(100, 50), DOWN(201, 200),
                 READING_BLINK},
                {"logging, with the times of a stop", KNOWN_LOGS(100, 50), LOGS(100, 200),
                 READING_STALE},
                {"started as it was stopped", KNOWN_LOGS(100, 50), LOGS(200, 200), READING_BLINK},
                {"... and looked at again", KNOWN_LOGS(200, 200), LOGS(200, 200), READING_SAME},
                {"... and stopped", KNOWN_LOGS(200, 200), DOWN(200, 300), READING_STOPPED},
                {"... and not logging, as no time says", KNOWN_LOGS(200, 200), DOWN(200, 200),
                 READING_DOUBTFUL_STOP},
                {"stopped as it was started", KNOWN_LOGS(100, 50), DOWN(200, 200), READING_STOPPED},
        };
        check(rows, ELEMENTSOF(rows));
}

static void test_stopped_before(void **state)
{
        static const Row rows[] = {
                {"still", KNOWN_DOWN(100, 200), DOWN(100, 200), READING_STILL_STOPPED},
                {"stopped once more", KNOWN_DOWN(100, 200), DOWN(100, 300), READING_STOP_MOVED},
                {"restarted", KNOWN_DOWN(100, 200), LOGS(300, 200), READING_RESTARTED},
                {"restarted and stopped", KNOWN_DOWN(100, 200), DOWN(300, 301), READING_STOPPED},
                {"restarted as it was stopped", KNOWN_DOWN(100, 200), LOGS(200, 200),
                 READING_RESTARTED},
                {"... and stopped", KNOWN_DOWN(100, 200), DOWN(200, 300), READING_STOPPED},
                {"stopped as it was started, and once more", KNOWN_DOWN(200, 200), DOWN(200, 300),
                 READING_STOPPED},
                {"stopped once more, never started", KNOWN_DOWN(0, 200), DOWN(0, 300),
                 READING_STOP_MOVED},
                {"restarted, stopped, restarted", KNOWN_DOWN(100, 200), LOGS(400, 300),
                 READING_RESTARTED},
                {"the start shows first", KNOWN_DOWN(100, 200), DOWN(300, 200),
                 READING_STILL_STOPPED},
                {"... and then it logs", KNOWN_DOWN(300, 200), LOGS(300, 200), READING_RESTARTED},
                {"logging, and no start says so", KNOWN_DOWN(100, 200), LOGS(100, 200),
                 READING_STALE},
                {"not logging, with the times of a start", KNOWN_DOWN(100, 200), DOWN(400, 300),
                 READING_RESTARTED},
                {"a trail that never logged is started", KNOWN_DOWN(0, 0), LOGS(100, 0),
                 READING_RESTARTED},
                {"stop without a time, which then shows", KNOWN_DOWN(100, 50), DOWN(100, 101),
                 READING_STOPPED},
        };
        check(rows, ELEMENTSOF(rows));
}

static void test_stale(void **state)
{
        static const Row rows[] = {
                {"as it was before the stop", KNOWN_DOWN(100, 200), LOGS(100, 0), READING_STALE},
                {"as it was while it was stopped", KNOWN_LOGS(300, 200), DOWN(100, 200),
                 READING_STALE},
                {"as it was before a redundant start", KNOWN_LOGS(300, 50), LOGS(100, 50),
                 READING_STALE},
                {"between a stop and a start of one moment", KNOWN_LOGS(200, 200), DOWN(100, 200),
                 READING_STALE},
                {"one millisecond older", KNOWN_LOGS(300, 200), LOGS(299, 200), READING_STALE},
                {"the trail before, after this one was made",
                 {.seen = true, .floor_msec = 300},
                 LOGS(300, 200),
                 READING_STALE},
                {"newer than the trail before",
                 {.seen = true, .floor_msec = 300},
                 LOGS(301, 0),
                 READING_RESTARTED},
        };
        check(rows, ELEMENTSOF(rows));
}

static void test_recreated(void **state)
{
        static const Row rows[] = {
                {"stop time vanished, started anew", KNOWN_LOGS(100, 50), LOGS(200, 0),
                 READING_RECREATED},
                {"all times vanished", KNOWN_LOGS(100, 50), DOWN(0, 0), READING_DOUBTFUL_RECREATED},
                {"all times vanished, never stopped", KNOWN_LOGS(100, 0), DOWN(0, 0),
                 READING_DOUBTFUL_RECREATED},
                {"start time vanished, stopped since", KNOWN_LOGS(100, 50), DOWN(0, 200),
                 READING_RECREATED},
                {"a trail that never logged has no times", KNOWN_DOWN(0, 0), DOWN(0, 0),
                 READING_STILL_STOPPED},
        };
        check(rows, ELEMENTSOF(rows));
}

static void test_delivery_behind(void **state)
{
        TrailMemory known = {.seen = true, .logging = true, .start_msec = 100, .delivery_msec = 90};
        TrailStatus same = {
                .is_logging = true, .start_logging_msec = 100, .latest_delivery_msec = 90};
        TrailStatus behind = {.is_logging = true, .start_logging_msec = 200};
        TrailStatus stale = {
                .is_logging = true, .start_logging_msec = 99, .latest_delivery_msec = 80};

        assert_false(observe_is_behind(&known, &same));
        assert_true(observe_is_behind(&known, &behind));
        assert_false(observe_is_behind(&known, &stale));
        assert_false(observe_is_behind(&(TrailMemory){}, &behind));
        /* What the times say of the stops is not held back by it. */
        assert_int_equal(observe(&known, &behind, NOW), READING_REDUNDANT_START);
}

static void test_news(void **state)
{
        assert_true(reading_is_news(READING_SAME));
        assert_true(reading_is_news(READING_STOPPED));
        assert_true(reading_is_news(READING_RECREATED));
        assert_false(reading_is_news(READING_STALE));
        assert_false(reading_is_news(READING_DOUBTFUL_STOP));
        assert_false(reading_is_news(READING_DOUBTFUL_RECREATED));
        assert_false(reading_is_news(READING_REAPPEARED));
}

static void test_proves_logging(void **state)
{
        TrailMemory known = KNOWN_DOWN(100, 200);
        TrailStatus started = LOGS(300, 200), at_once = LOGS(200, 200), old = LOGS(100, 50),
                    half = LOGS(100, 200), down = DOWN(300, 200);

        assert_true(observe_proves_logging(&known, &started));
        assert_true(observe_proves_logging(&known, &at_once));
        assert_false(observe_proves_logging(&known, &old));
        assert_false(observe_proves_logging(&known, &half));
        assert_false(observe_proves_logging(&known, &down));
}

UNIT_MAIN(T(test_first_sight), T(test_logging_before), T(test_stopped_before), T(test_stale),
          T(test_recreated), T(test_delivery_behind), T(test_news), T(test_proves_logging))
