/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

#define WORD_CHARS 31

Nearest nearest_begin(const char *text)
{
        return (Nearest){.text = text, .distance = strlen(text) / 3 + 2};
}

/* Levenshtein's distance. */
static size_t distance_of(const char *a, const char *b)
{
        size_t row[WORD_CHARS + 1], n = strlen(b);

        assert(n < ELEMENTSOF(row));
        for (size_t j = 0; j <= n; j++)
                row[j] = j;
        for (size_t i = 1; a[i - 1]; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        size_t replace = diagonal + (a[i - 1] != b[j - 1]);

                        diagonal = row[j];
                        row[j] = MIN(replace, MIN(row[j], row[j - 1]) + 1);
                }
        }
        return row[n];
}

void nearest_offer(Nearest *n, const char *word)
{
        size_t d = distance_of(n->text, word);

        if (d < n->distance) {
                n->distance = d;
                n->word = word;
        }
}
