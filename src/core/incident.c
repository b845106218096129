/* SPDX-License-Identifier: Apache-2.0 */

#include "core/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <syslog.h>

#include "aws/digest.h"
#include "base/mem.h"
#include "core/alerttext.h"

/* Stop and blink are one family, so that every guard that sees the same StopLoggingTime gives the
 * same id, whether it saw the trail down or only that it had been. */
static void stop_id(const char *arn, int64_t stop_msec, char ret[static 33])
{
        char hex[DIGEST_HEX_SIZE];
        _cleanup_free_ char *text = mem_printf("%s\nstop\n%" PRId64, arn, stop_msec);

        digest_sha256_hex(text, strlen(text), hex);
        (void)snprintf(ret, 33, "%.16s", hex);
}

/* What has no time of its own may happen again: `again` counts. */
static void untimed_id(const char *arn, const IncidentFacts *f, unsigned again, char ret[static 33])
{
        char hex[DIGEST_HEX_SIZE];
        _cleanup_free_ char *text =
                mem_printf("%s\n%s\n%" PRId64 "\n%s\n%u", arn, incident_kind_row(f->kind)->id_name,
                           f->id_time_msec, strempty(f->id_digest), again);

        digest_sha256_hex(text, strlen(text), hex);
        (void)snprintf(ret, 33, "%.16s", hex);
}

bool incident_make_untimed_id(Core *c, const char *about, const IncidentFacts *f,
                              char ret[static 33])
{
        for (unsigned again = 0;; again++) {
                untimed_id(about, f, again, ret);
                const Incident *had = core_find_incident(c, ret);
                if ((had && had->open) || (f->once && (had || core_knows_finished(c, ret))))
                        return false;
                if (!had && !core_knows_finished(c, ret))
                        return true;
        }
}

/* Whether it is to be opened: no incident of that id has been had, or, without a time, that one
 * is closed. */
static bool make_id(Core *c, const char *arn, const IncidentFacts *f, char ret[static 33])
{
        if (!f->stop_msec)
                return incident_make_untimed_id(c, arn, f, ret);
        stop_id(arn, f->stop_msec, ret);
        return !core_knows_finished(c, ret) && !core_find_incident(c, ret);
}

bool incident_is_over(const Incident *i)
{
        return i->blind_to_msec != 0 || i->kind == INCIDENT_OTHER_CONTROLLER;
}

void incident_touch(Incident *i)
{
        i->generation++;
}

void incident_escalate(Incident *i, Severity s)
{
        if (s > i->severity) {
                i->severity = s;
                incident_touch(i);
        }
}

bool incident_is_outage(IncidentKind k)
{
        return k != INCIDENT_CANNOT_SEE && k != INCIDENT_NOT_FOUND &&
               k != INCIDENT_OTHER_CONTROLLER && !incident_kind_is_change(k) &&
               !incident_kind_is_notice(k);
}

int incident_log_priority(const Incident *i)
{
        static const int priority[_SEVERITY_MAX] = {
                [SEVERITY_INFO] = LOG_NOTICE,
                [SEVERITY_WARNING] = LOG_WARNING,
                [SEVERITY_HIGH] = LOG_ERR,
                [SEVERITY_CRITICAL] = LOG_CRIT,
        };

        return priority[i->severity];
}

static void record_opened(Core *c, const Incident *i)
{
        _cleanup_free_ char *summary = alert_summary(i);

        core_log(c, LOG_EVENT_INCIDENT_OPENED, incident_log_priority(i), i, &i->cause, "%s",
                 summary);
}

Incident *incident_open(Core *c, Trail *t, const IncidentFacts *f)
{
        char id[33];

        if (!make_id(c, t->config.arn, f, id))
                return NULL;

        Incident *i = mem_new0(Incident);
        *mem_push0(c->incidents, c->n_incidents) = i;
        memcpy(i->id, id, sizeof(id));
        i->kind = f->kind;
        i->severity = MAX(f->severity, incident_kind_row(f->kind)->severity);
        i->trail = (size_t)(t - c->trails);
        i->trail_arn = mem_strdup(t->config.arn);
        i->open = true;
        i->detected_msec = c->now.wall_msec;
        i->reminded_msec = c->now.wall_msec;
        i->stop_msec = f->stop_msec;
        i->blind_from_msec = f->blind_from_msec;
        i->blind_to_msec = f->blind_to_msec;
        i->known_start_msec = f->start_before_msec ? f->start_before_msec : t->memory.start_msec;
        i->known_stop_msec = t->memory.stop_msec;
        i->last_logging_msec =
                f->last_logging_msec ? f->last_logging_msec : t->memory.last_logging_msec;
        i->good_msec = f->good_msec;
        i->seen_msec = f->seen_msec;
        i->between_looks = f->between_looks;
        if (f->changes) {
                i->changes = *f->changes;
                *f->changes = (Changes){};
        }
        if (i->kind == INCIDENT_DRIFT || i->kind == INCIDENT_DELETED ||
            i->kind == INCIDENT_RECREATED)
                trail_settings_update(&i->former, &t->memory.baseline);
        if (f->cause)
                i->cause = *f->cause;
        if (incident_is_outage(i->kind) && !incident_is_over(i)) {
                t->stop = i;
                if (t->config.action == TRAIL_ACTION_RESTART && i->kind != INCIDENT_DELETED)
                        i->restart.state = RESTART_REQUESTED;
                resume_adopt(c, t, i);
                if (t->starting) {
                        restart_note_attempt(c, t, i);
                        i->restart.untimed = true;
                }
        } else if (f->started_by_us) {
                i->restart.state = RESTART_VERIFIED;
                i->restart.attempts = 1;
        } else if (i->kind == INCIDENT_CANNOT_SEE || i->kind == INCIDENT_NOT_FOUND) {
                t->blind = i;
                unseen_begin(c, t);
        }

        search_begin(c, i);
        if (incident_is_outage(i->kind) || i->kind == INCIDENT_OTHER_CONTROLLER ||
            i->kind == INCIDENT_DRIFT || i->kind == INCIDENT_DELIVERY)
                maintenance_record(c, t, i);
        record_opened(c, i);
        notify(c, i, PHASE_OPEN);
        /* Who is blind because too much is asked does not ask more often. */
        if (!incident_kind_is_change(i->kind) && i->cause.class != AWS_ERROR_THROTTLED)
                trail_hurry(c, t);
        c->memory_dirty = true;
        return i;
}

void incident_set_stop(Core *c, Incident *i, int64_t stop_msec)
{
        char id[33];

        stop_id(i->trail_arn, stop_msec, id);
        if (!streq(id, i->id) && !core_knows_finished(c, id))
                core_note_finished(c, id);
        if (i->stop_msec == stop_msec)
                return;
        i->stop_msec = i->blind_from_msec = stop_msec;
        i->restart.untimed = i->restart.attempts > 0;
        incident_touch(i);
}

/* Before further changes come: by whom those are that it has, as far as that is one and certain. */
static void note_callers(Incident *i)
{
        const Finding *f = incident_find_role(i, ROLE_CULPRIT);

        if (i->attribution.confidence != CONFIDENCE_EXACT || !f)
                return;
        for (const Finding *g = f; g; g = incident_next_culprit(i, g))
                if (!identity_is_same(&g->record.identity, &f->record.identity))
                        return;
        for (size_t k = 0; k < i->changes.n; k++)
                if (!i->changes.items[k].by)
                        i->changes.items[k].by = alert_actor(i);
}

bool incident_take_changes(Core *c, Incident *i, Changes *now, int64_t seen_msec)
{
        note_callers(i);
        bool more = changes_merge(i, now);

        incident_touch(i);
        if (!more)
                return false;
        if (!i->in_maintenance) /* what comes after it was announced by nobody */
                free(TAKE_PTR(i->announced_by));
        i->seen_msec = seen_msec;
        incident_escalate(i, changes_severity(&i->changes));
        search_again(c, i);
        return true;
}

void incident_close(Core *c, Incident *i, int64_t blind_to_msec)
{
        Trail *t = &c->trails[i->trail];

        i->open = false;
        i->closed_msec = c->now.wall_msec;
        if (blind_to_msec)
                i->blind_to_msec = blind_to_msec;
        if (t->stop == i) {
                restart_concluded(t, i);
                t->stop = NULL;
                t->start_failures = t->throttled = 0;
                trail_hurry(c, t);
        }
        if (t->blind == i) {
                t->blind = NULL;
                t->throttled = 0;
        }
        if (t->drift == i)
                t->drift = NULL;
        if (t->uninspected == i)
                t->uninspected = NULL;
        if (t->delivery == i)
                t->delivery = NULL;

        _cleanup_free_ char *summary = alert_summary(i);
        core_log(c, LOG_EVENT_INCIDENT_CLOSED, LOG_NOTICE, i, NULL, "%s", summary);
        notify(c, i, PHASE_CLOSED);
}

void incident_watch_delivery(Core *c, Incident *i, const TrailStatus *s)
{
        const Trail *t = &c->trails[i->trail];
        bool failed = !isempty(s->latest_delivery_error);
        Delivering now = failed ? DELIVERING_NO : DELIVERING_YES, was = i->delivering;

        if (!i->blind_to_msec || !incident_is_outage(i->kind) || i->kind == INCIDENT_DELETED ||
            i->delivering == DELIVERING_YES || i->delivering == now)
                return;
        if (!failed && s->latest_delivery_msec <= i->blind_to_msec)
                return;
        i->delivering = now;
        i->delivering_msec = c->now.wall_msec;
        mem_strset(&i->delivery_error, s->latest_delivery_error);
        incident_touch(i);
        if (failed)
                incident_escalate(i, SEVERITY_CRITICAL);
        if (failed || was == DELIVERING_NO)
                notify(c, i, PHASE_UPDATE);
        core_log(c, LOG_EVENT_DELIVERING, failed ? LOG_ERR : LOG_INFO, i, NULL, "%s: %s%s",
                 arn_trail_name(&t->arn),
                 failed ? "restarted, but log files are not delivered: "
                        : "log files are delivered again",
                 strempty(s->latest_delivery_error));
}

/* Who is not told again forgets: after 1, 2, 4, ... hours; of what is changed, after one and then
 * each day. */
int64_t incident_remind_due_msec(const Core *c, const Incident *i)
{
        if (incident_kind_is_change(i->kind) && i->reminders > 0)
                return i->reminded_msec + 24 * c->policy.remind_msec;
        return i->reminded_msec + (c->policy.remind_msec << MIN(i->reminders, 6U));
}

static bool is_reminded(const Incident *i)
{
        return i->open && !incident_is_over(i) && i->kind != INCIDENT_MAINTENANCE &&
               !i->in_maintenance && group_is_alone(i) &&
               (!incident_kind_is_change(i->kind) || i->severity >= SEVERITY_HIGH);
}

void incident_tick(Core *c, Incident *i)
{
        search_keep_time(c, i);
        if (i->owes_opening && c->now.boot_usec >= i->opening_boot)
                notify(c, i, PHASE_OPEN);
        if (is_reminded(i) && c->now.wall_msec >= incident_remind_due_msec(c, i)) {
                i->reminded_msec = c->now.wall_msec;
                i->reminders++;
                notify(c, i, i->restart.state == RESTART_FAILING ? PHASE_FAILING : PHASE_UPDATE);
        }
}

uint64_t incident_next_boot(const Core *c, const Incident *i)
{
        uint64_t next = notify_next_boot(c, i);

        if (is_reminded(i)) {
                int64_t left = incident_remind_due_msec(c, i) - c->now.wall_msec;
                next = MIN(next,
                           c->now.boot_usec + (uint64_t)MAX(left, INT64_C(0)) * USEC_PER_MSEC);
        }
        return next;
}
