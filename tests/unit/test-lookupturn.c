/* SPDX-License-Identifier: Apache-2.0 */

/* Who is asked for next, by table. */

#include "core/lookupturn.h"
#include "unit.h"

typedef struct Row {
        const char *what;
        uint64_t n; /* calls before */
        uint64_t rank_boot[_LOOKUP_RANK_MAX];
        LookupClaim claims[4];
        size_t next; /* that is expected */
} Row;

static const Row rows[] = {
        {"an outage before a change, although that has waited longer",
         .claims = {{LOOKUP_CHANGE, 10, 0}, {LOOKUP_OUTAGE, 90, 0}}, .next = 1},
        {"a first stop before one more stop of a trail in a flood",
         .claims = {{LOOKUP_REPEAT, 10, 0}, {LOOKUP_REPEAT, 11, 0}, {LOOKUP_OUTAGE, 90, 80}},
         .next = 2},
        {"a change before what makes a verdict sure",
         .claims = {{LOOKUP_WIDER, 10, 0}, {LOOKUP_CHANGE, 90, 0}}, .next = 1},
        {"what nobody has seen before verdicts once more",
         .claims = {{LOOKUP_SECOND, 10, 0}, {LOOKUP_WATCH, 90, 0}}, .next = 1},
        {"what else was done with a key comes last",
         .claims = {{LOOKUP_KEY, 10, 0}, {LOOKUP_SECOND, 90, 0}}, .next = 1},
        {"of two outages the trail that was asked for longest ago",
         .claims = {{LOOKUP_OUTAGE, 10, 80}, {LOOKUP_OUTAGE, 90, 20}}, .next = 1},
        {"of one trail whoever has waited longest",
         .claims = {{LOOKUP_OUTAGE, 90, 20}, {LOOKUP_OUTAGE, 10, 20}}, .next = 1},
        {"of two alike the first", .claims = {{LOOKUP_KEY, 1, 1}, {LOOKUP_KEY, 1, 1}}, .next = 0},
        {"the fourth call is for the rank that was asked for longest ago", .n = 3,
         .rank_boot = {[LOOKUP_OUTAGE] = 90, [LOOKUP_CHANGE] = 30, [LOOKUP_WATCH] = 20},
         .claims = {{LOOKUP_OUTAGE, 95, 0}, {LOOKUP_CHANGE, 50, 0}, {LOOKUP_WATCH, 94, 0}},
         .next = 2},
        {"within it the usual order holds", .n = 7, .rank_boot = {[LOOKUP_OUTAGE] = 90},
         .claims = {{LOOKUP_OUTAGE, 5, 0}, {LOOKUP_SECOND, 9, 7}, {LOOKUP_SECOND, 10, 3}},
         .next = 2},
        {"a rank nobody of which waits is not waited for", .n = 3,
         .rank_boot = {[LOOKUP_OUTAGE] = 90, [LOOKUP_CHANGE] = 80},
         .claims = {{LOOKUP_OUTAGE, 95, 0}}, .next = 0},
};

static void test_rows(void **state)
{
        for (size_t k = 0; k < ELEMENTSOF(rows); k++) {
                const Row *r = &rows[k];
                LookupTurn turn = {.n = r->n};
                size_t n = 0;

                memcpy(turn.rank_boot, r->rank_boot, sizeof(turn.rank_boot));
                while (n < ELEMENTSOF(r->claims) && r->claims[n].due_boot > 0)
                        n++;
                if (lookup_turn_next(&turn, r->claims, n) != r->next)
                        fail_msg("%s", r->what);
        }
}

static void test_nobody_waits(void **state)
{
        for (uint64_t n = 0; n < 2 * LOOKUP_FAIR_TURN; n++)
                assert_true(lookup_turn_next(&(LookupTurn){.n = n}, NULL, 0) == SIZE_MAX);
}

/* Whatever is more urgent and never ends: nobody is starved. */
static void test_nobody_starves(void **state)
{
        LookupTurn turn = {};
        LookupClaim claims[_LOOKUP_RANK_MAX];
        unsigned asked[_LOOKUP_RANK_MAX] = {};

        for (uint64_t call = 1; call <= 70; call++) {
                for (LookupRank rank = 0; rank < _LOOKUP_RANK_MAX; rank++)
                        claims[rank] = (LookupClaim){rank, call, 0};
                size_t next = lookup_turn_next(&turn, claims, _LOOKUP_RANK_MAX);
                asked[next]++;
                lookup_turn_note(&turn, claims[next].rank, call);
        }
        for (LookupRank rank = LOOKUP_REPEAT; rank < _LOOKUP_RANK_MAX; rank++)
                assert_in_range(asked[rank], 2, 4);
        assert_true(asked[LOOKUP_OUTAGE] >= 50);
}

UNIT_MAIN(cmocka_unit_test(test_rows), cmocka_unit_test(test_nobody_waits),
          cmocka_unit_test(test_nobody_starves))
