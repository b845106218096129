/* SPDX-License-Identifier: Apache-2.0 */
/* The words of `trailsentry incidents`: conditions that can be met, or a reason. */
#include "cli/filter.h"
#include "fuzz.h"

#define NOW INT64_C(1795403529000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *l[8];
        _cleanup_free_ _unused_ char *text = fuzz_lines(data, size, l, ELEMENTSOF(l)),
                                     *wrong = NULL;
        const char **w[8];
        FilterWords words = {.open = size % 2};
        Filter f = {0};

        w[0] = &words.trail, w[1] = &words.kinds, w[2] = &words.severity, w[3] = &words.since;
        w[4] = &words.until, w[5] = &words.actor, w[6] = &words.limit, w[7] = NULL;
        for (size_t i = 0; w[i]; i++)
                *w[i] = *l[i] ? l[i] : NULL;
        if (filter_parse(&words, NOW, &f, &wrong) < 0) {
                HOLD(wrong && *wrong && f.limit == 0);
                return 0;
        }
        HOLD(!wrong && f.limit > 0 && f.since_msec <= f.until_msec && f.since_msec >= 0);
        HOLD((f.kinds != 0) == (words.kinds != NULL) && f.kinds >> _INCIDENT_KIND_MAX == 0);
        HOLD((unsigned)f.severity < _SEVERITY_MAX);

        /* What meets every condition but those on names. */
        Incident i = {.trail_arn = (char *)words.trail,
                      .open = true,
                      .severity = SEVERITY_CRITICAL,
                      .detected_msec = f.since_msec};
        while (f.kinds && !(f.kinds & 1U << i.kind))
                i.kind++;
        HOLD(filter_matches(&f, &i) == !words.actor);
        i.detected_msec = f.since_msec - 1;
        HOLD(!filter_matches(&f, &i));
        return 0;
}
