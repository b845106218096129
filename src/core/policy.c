/* SPDX-License-Identifier: Apache-2.0 */

#include "core/policy.h"

const Policy policy_default = {
        .fast_poll_usec = 1 * USEC_PER_SEC,
        .fast_poll_for_usec = 5 * USEC_PER_MINUTE,
        .cannot_see_after_usec = 60 * USEC_PER_SEC,
        /* AWS promises eventual consistency only: re-reads at about 1, 2, 4, 8, 15 s. */
        .verify_within_usec = 30 * USEC_PER_SEC,
        .restart_retry_usec = 1 * USEC_PER_SEC,
        .restart_retry_max_usec = 15 * USEC_PER_SEC,
        .restart_throttled_usec = 1 * USEC_PER_SEC,
        .start_patience_usec = 3 * USEC_PER_SEC,
        .unseen_start_usec = 1 * USEC_PER_MINUTE,
        .unseen_spacing_usec = 1 * USEC_PER_SEC,
        .store_patience_usec = 1 * USEC_PER_SEC,
        .opening_patience_usec = 5 * USEC_PER_SEC,
        .order_patience_usec = 30 * USEC_PER_SEC,
        .store_retry_usec = 5 * USEC_PER_SEC,
        .lookup_first_usec = 10 * USEC_PER_SEC,
        /* Event history lags by up to a quarter of an hour, and a name is wanted when it shows. */
        .lookup_young_msec = 20 * MSEC_PER_MINUTE,
        .lookup_max_usec = 15 * USEC_PER_MINUTE,
        /* Half of a quarter of what people who investigate share with us: 0.5 of 2 TPS. */
        .lookup_spacing_usec = 2 * USEC_PER_SEC,
        .watch_usec = 5 * USEC_PER_MINUTE,
        .watch_overlap_msec = 20 * MSEC_PER_MINUTE, /* Event history lags */
        .lookup_not_yet_msec = 30 * MSEC_PER_MINUTE,
        .lookup_settle_msec = 15 * MSEC_PER_MINUTE,
        .lookup_give_up_msec = 24 * MSEC_PER_HOUR,
        .send_retry_usec = 5 * USEC_PER_SEC,
        .send_retry_max_usec = 5 * USEC_PER_MINUTE,
        .topic_failing_after_usec = 90 * USEC_PER_SEC,
        .remind_msec = 1 * MSEC_PER_HOUR,
        .heartbeat_usec = 1 * USEC_PER_MINUTE,
        .unheard_after_usec = 5 * USEC_PER_MINUTE,
        .overdue_usec = 1 * USEC_PER_MINUTE,
        .memory_store_usec = 1 * USEC_PER_MINUTE,
        .inspect_usec = 1 * USEC_PER_MINUTE,
        .inspect_again_usec = 5 * USEC_PER_SEC,
        .inspect_doubt_usec = 90 * USEC_PER_SEC,
        .inspect_patience_usec = 30 * USEC_PER_MINUTE,
        .late_least_msec = 1 * MSEC_PER_HOUR,
        .habit_after_msec = 1 * MSEC_PER_DAY,
        .group_quiet_usec = 10 * USEC_PER_MINUTE,
        .group_storm_usec = 1 * USEC_PER_MINUTE,
        .group_first_usec = 10 * USEC_PER_SEC,
        .group_loud_usec = 2 * USEC_PER_SEC,
        .group_spacing_usec = 30 * USEC_PER_SEC,
        .group_spacing_max_usec = 15 * USEC_PER_MINUTE,
};
