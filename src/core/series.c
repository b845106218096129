/* SPDX-License-Identifier: Apache-2.0 */

/* What the first incident of a group keeps of all of them: which have left memory, of which trails
 * they were, and who did them. */

#include "core/internal.h"

#include "aws/digest.h"
#include "base/mem.h"

#define TRAILS_MAX 256
#define OTHER_CHARS 16
#define ACTORS_MAX 20

size_t series_n_trails(const Series *s)
{
        return s->n_trails + s->more_trails;
}

bool series_is_gone(const Series *s, unsigned number)
{
        for (size_t k = 0; k < s->n_gone_numbers; k++)
                if (number >= s->gone_numbers[k].from && number <= s->gone_numbers[k].to)
                        return true;
        return false;
}

void series_note_gone(Series *s, unsigned number)
{
        size_t k = 0;

        while (k < s->n_gone_numbers && s->gone_numbers[k].to + 1 < number)
                k++;
        SeriesRange *r = s->gone_numbers ? &s->gone_numbers[k] : NULL;
        if (k < s->n_gone_numbers && r->to + 1 == number) {
                r->to++;
                if (k + 1 < s->n_gone_numbers && r[1].from == number + 1) {
                        r->to = r[1].to;
                        s->n_gone_numbers--;
                        memmove(&r[1], &r[2], (s->n_gone_numbers - k - 1) * sizeof(*r));
                }
        } else if (k < s->n_gone_numbers && r->from == number + 1) {
                r->from--;
        } else {
                (void)mem_push0(s->gone_numbers, s->n_gone_numbers);
                r = &s->gone_numbers[k];
                memmove(&r[1], &r[0], (s->n_gone_numbers - k - 1) * sizeof(*r));
                *r = (SeriesRange){number, number};
        }
}

/* Beyond the list a digest is enough to count each of them once. */
static void note_other(Series *s, const char *arn)
{
        char hex[DIGEST_HEX_SIZE];

        digest_sha256_hex(arn, strlen(arn), hex);
        hex[OTHER_CHARS] = '\0';
        for (size_t k = 0; k < s->n_others; k++)
                if (streq(s->others[k], hex))
                        return;
        *mem_push0(s->others, s->n_others) = mem_strdup(hex);
        s->more_trails++;
}

SeriesTrail *series_note_trail(Series *s, const char *arn)
{
        for (size_t k = 0; k < s->n_trails; k++)
                if (streq(s->trails[k].arn, arn))
                        return &s->trails[k];
        if (s->n_trails >= TRAILS_MAX) {
                note_other(s, arn);
                return NULL;
        }
        SeriesTrail *t = mem_push0(s->trails, s->n_trails);
        t->arn = mem_strdup(arn);
        return t;
}

/* Takes the record out of an incident that is about to be freed. */
static void note_caller(Series *s, Finding *f, bool sure)
{
        SeriesActor *a = NULL;

        for (size_t k = 0; k < s->n_actors && !a; k++)
                if (attribution_is_same_caller(&s->actors[k].culprit.record, &f->record))
                        a = &s->actors[k];
        if (!a && s->n_actors >= ACTORS_MAX) {
                s->more_actors += sure;
                return;
        }
        if (!a) {
                a = mem_push0(s->actors, s->n_actors);
                a->culprit = *f;
                f->record = (CloudTrailRecord){};
        }
        a->incidents += sure;
        a->maybe += !sure;
}

void series_note_callers(Series *s, Incident *i)
{
        Attribution *a = &i->attribution;

        for (size_t k = 0; k < a->n_findings; k++)
                if (attribution_is_suspect(a, k))
                        note_caller(s, &a->findings[k], a->confidence == CONFIDENCE_EXACT);
}
