/* SPDX-License-Identifier: Apache-2.0 */

/* The heartbeat of each trail that was seen, for an alarm outside that goes off when it stops. It
 * says two things: that the guard sees, and that somebody would hear of what it sees. While alerts
 * reach nobody, no trail has one. */

#include "core/internal.h"

#include <syslog.h>

#include "base/timefmt.h"

/* Nobody has heard of it, and nobody is about to: every topic that should take it has refused it
 * for good, or none has for some minutes. One that an earlier run could not deliver has waited for
 * so long that nobody knows; or a guard that is started every few minutes would never tell. */
static bool is_unheard(const Core *c, const Message *m)
{
        bool refused = m->n_deliveries > 0;

        for (size_t n = 0; n < m->n_deliveries; n++) {
                if (m->deliveries[n].sent)
                        return false;
                refused = refused && topic_refuses_for_good(&m->deliveries[n].error);
        }
        return refused || (m->n_deliveries > 0 &&
                           (!m->created_boot ||
                            c->now.boot_usec >= m->created_boot + c->policy.unheard_after_usec));
}

/* The incident of such a message, and the message; NULL without one. */
static const Incident *find_unheard(const Core *c, const Message **ret)
{
        for (size_t k = 0; k < c->n_incidents; k++)
                for (size_t n = 0; n < c->incidents[k]->n_messages; n++)
                        if (is_unheard(c, &c->incidents[k]->messages[n])) {
                                *ret = &c->incidents[k]->messages[n];
                                return c->incidents[k];
                        }
        return NULL;
}

static void look_at_alerts(Core *c)
{
        const Message *m = NULL;
        const Incident *i = find_unheard(c, &m);
        char d[TIMEFMT_MAX];

        if (i && !c->withheld_msec) {
                c->withheld_msec = c->now.wall_msec;
                core_log(c, LOG_EVENT_HEARTBEAT, LOG_CRIT, i, &m->deliveries[0].error,
                         "heartbeats are withheld: alert %s/%u (%s) was accepted by no topic",
                         i->id, m->sequence, phase_to_string(m->phase));
        } else if (!i && c->withheld_msec) {
                core_log_guard(c, LOG_EVENT_HEARTBEAT, LOG_NOTICE,
                               "heartbeats are sent again, after %s in which alerts reached nobody",
                               timefmt_duration(c->now.wall_msec - c->withheld_msec, d));
                c->withheld_msec = 0;
        }
}

void heartbeat_tick(Core *c)
{
        bool seen = false;

        if (c->policy.heartbeat_usec == 0 || c->now.boot_usec < c->next_heartbeat_boot)
                return;
        c->next_heartbeat_boot = c->now.boot_usec + c->policy.heartbeat_usec;
        if (c->history == HISTORY_AWAITED)
                return; /* nobody is told of anything yet */
        for (size_t k = 0; k < c->n_trails; k++)
                seen = seen || c->trails[k].good_since_heartbeat;
        /* Else there is nothing to withhold, as at the start, when nothing has been tried yet. */
        if (seen)
                look_at_alerts(c);
        for (size_t k = 0; k < c->n_trails; k++) {
                bool beats = c->trails[k].good_since_heartbeat && !c->withheld_msec;

                c->trails[k].good_since_heartbeat = false;
                if (beats)
                        core_emit(c, ACTION_HEARTBEAT)->trail = k;
        }
}

uint64_t heartbeat_next_boot(const Core *c)
{
        return c->policy.heartbeat_usec ? c->next_heartbeat_boot : USEC_INFINITY;
}

int64_t core_heartbeat_withheld_msec(const Core *c)
{
        return c->policy.heartbeat_usec ? c->withheld_msec : 0;
}
