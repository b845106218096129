/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Every timing of the core, so that tests and simulation can run it fast. */

#include "base/macro.h"

typedef struct Policy {
        uint64_t fast_poll_usec;        /* polls while something happens */
        uint64_t fast_poll_for_usec;    /* ... and how long after */
        uint64_t cannot_see_after_usec; /* without a good poll of a trail */
        uint64_t verify_within_usec;    /* an accepted restart shows by then, or has failed */
        uint64_t restart_retry_usec;    /* between failed restarts, doubling up to ... */
        uint64_t restart_retry_max_usec;
        uint64_t restart_throttled_usec; /* ... between throttled ones, give or take a half */
        uint64_t start_patience_usec;    /* our StartLogging without an answer, before the trail
                                          * that logs again is told to */
        uint64_t unseen_start_usec;      /* StartLogging for a trail that cannot be seen */
        uint64_t unseen_spacing_usec;    /* ... between those of one account and region */
        uint64_t opening_patience_usec;  /* the first message waits so long for the restart */
        uint64_t store_patience_usec;    /* an alert waits so long for the disk */
        uint64_t order_patience_usec;    /* ... and so long for the messages before it */
        uint64_t store_retry_usec;       /* between failed stores of an incident */
        uint64_t lookup_first_usec;      /* between the looks of a young search ... */
        int64_t lookup_young_msec;       /* ... which it is for so long; then doubling up to ... */
        uint64_t lookup_max_usec;
        uint64_t watch_usec; /* between two look-ups of calls that no look has shown the effect of,
                                each event name; 0: there are none */
        int64_t watch_overlap_msec;   /* ... and how far back each of them goes again */
        uint64_t lookup_spacing_usec; /* between any two LookupEvents of one account and region */
        int64_t lookup_not_yet_msec;  /* "not yet known" is said */
        int64_t lookup_settle_msec;   /* one more look after the actor was found */
        int64_t lookup_give_up_msec;
        uint64_t send_retry_usec; /* between failed sends of a message, doubling up to ... */
        uint64_t send_retry_max_usec;
        uint64_t topic_failing_after_usec; /* a topic that may recover is told then */
        int64_t remind_msec;         /* a trail that stays down or unseen is told again, doubling */
        uint64_t heartbeat_usec;     /* 0: none are sent */
        uint64_t unheard_after_usec; /* an alert that waits for so long reaches nobody */
        uint64_t overdue_usec; /* what is so late has lost its way: calls have shorter deadlines */
        uint64_t memory_store_usec; /* last seen times reach the disk at least so often */
        uint64_t inspect_usec;      /* between two looks at a trail's settings; 0: none are taken */
        uint64_t inspect_again_usec;    /* ... when they are not as they were, until reads agree */
        uint64_t inspect_doubt_usec;    /* a change that one look shows and looks that fail after it
                                           do not confirm is told then */
        uint64_t inspect_patience_usec; /* settings that cannot be read for so long are told */
        int64_t late_least_msec;  /* deliveries that stay away are told after that, at the earliest
                                   */
        int64_t habit_after_msec; /* a trail's habit is known when so long was looked at it */
        /* Notifications of incidents that belong together: */
        uint64_t group_quiet_usec;   /* a group ends when nothing has joined it for so long */
        uint64_t group_storm_usec;   /* so many groups begun within this are one */
        uint64_t group_first_usec;   /* news is gathered for so long ... */
        uint64_t group_loud_usec;    /* ... and louder news only for so long */
        uint64_t group_spacing_usec; /* between summaries, doubling up to ... */
        uint64_t group_spacing_max_usec;
} Policy;

extern const Policy policy_default;
