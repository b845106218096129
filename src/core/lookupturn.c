/* SPDX-License-Identifier: Apache-2.0 */

#include "core/lookupturn.h"

static bool is_earlier(const LookupClaim *a, const LookupClaim *b)
{
        if (a->asked_boot != b->asked_boot)
                return a->asked_boot < b->asked_boot;
        return a->due_boot < b->due_boot;
}

bool lookup_claim_is_before(const LookupClaim *a, const LookupClaim *b)
{
        return a->rank != b->rank ? a->rank < b->rank : is_earlier(a, b);
}

/* Of those that wait, the rank that was asked for longest ago. */
static LookupRank longest_waiting(const LookupTurn *t, const LookupClaim *claims, size_t n)
{
        LookupRank longest = claims[0].rank;

        for (size_t k = 1; k < n; k++)
                if (t->rank_boot[claims[k].rank] < t->rank_boot[longest])
                        longest = claims[k].rank;
        return longest;
}

size_t lookup_turn_next(const LookupTurn *t, const LookupClaim *claims, size_t n)
{
        bool fair = n > 0 && t->n % LOOKUP_FAIR_TURN == LOOKUP_FAIR_TURN - 1;
        LookupRank longest = fair ? longest_waiting(t, claims, n) : _LOOKUP_RANK_MAX;
        size_t best = SIZE_MAX;

        for (size_t k = 0; k < n; k++) {
                if (fair && claims[k].rank != longest)
                        continue;
                if (best == SIZE_MAX || lookup_claim_is_before(&claims[k], &claims[best]))
                        best = k;
        }
        return best;
}

void lookup_turn_note(LookupTurn *t, LookupRank rank, uint64_t boot_usec)
{
        t->n++;
        t->rank_boot[rank] = boot_usec;
}
