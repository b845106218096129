/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which incidents `trailsentry incidents` shows: words from the command line into conditions, all
 * of which have to hold. */

#include "core/model.h"

/* As on the command line; NULL for what was not said. */
typedef struct FilterWords {
        const char *trail;    /* name or ARN */
        const char *kinds;    /* "stopped,blink" */
        const char *severity; /* at least */
        const char *since; /* "2026-11-23T03:12:09Z", "2026-11-23 03:12", "2026-11-23"; or "2h": */
        const char *until; /* ... before now. A day as a whole. */
        const char *actor; /* part of what is known of somebody in it */
        const char *limit; /* "10" */
        bool open;
} FilterWords;

typedef struct Filter {
        const char *trail; /* borrowed, as actor */
        const char *actor;
        unsigned kinds; /* bits; 0: all */
        Severity severity;
        int64_t since_msec;
        int64_t until_msec;
        size_t limit;
        bool open;
} Filter;

/* -EINVAL; *reterr_text, owned, says what is wrong and what there is. */
int filter_parse(const FilterWords *w, int64_t now_msec, Filter *ret,
                 char **reterr_text) _must_check_;

bool filter_matches(const Filter *f, const Incident *i); /* but for the limit */
