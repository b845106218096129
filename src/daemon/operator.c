/* SPDX-License-Identifier: Apache-2.0 */

/* What the operator asks for through the command: judged here, then an input of the core. Each
 * thing asked for is in the journal, with who asked. */

#include "daemon/internal.h"

#include <inttypes.h>
#include <syslog.h>

#include "base/mem.h"
#include "base/timefmt.h"

#define MAINTENANCE_MIN_MSEC MSEC_PER_MINUTE
#define MAINTENANCE_MAX_MSEC MSEC_PER_DAY
#define WINDOWS_MAX 50

static size_t n_windows(const Manager *m, const char *trail_arn)
{
        size_t n = 0;

        for (size_t k = 0; k < core_n_incidents(m->core); k++) {
                const Incident *i = core_incident(m->core, k);

                n += i->kind == INCIDENT_MAINTENANCE && i->open &&
                     (!trail_arn || streq_ptr(i->scope_arn, trail_arn));
        }
        return n;
}

static bool is_guarded(const Manager *m, const char *trail_arn)
{
        for (size_t k = 0; k < core_n_trails(m->core); k++)
                if (streq(core_trail_config(m->core, k)->arn, trail_arn))
                        return true;
        return false;
}

static int maintenance_start(Manager *m, const char *who, const json_t *request, char **ret_text)
{
        MaintenanceRequest q = {
                .trail_arn = json_string_value(json_object_get(request, "trail")),
                .for_msec = json_integer_value(json_object_get(request, "for_msec")),
                .reason = json_string_value(json_object_get(request, "reason")),
                .who = who,
        };

        if (q.trail_arn && !is_guarded(m, q.trail_arn)) {
                *ret_text = mem_printf("%s is not a trail that the daemon guards", q.trail_arn);
                return -ENOENT;
        }
        if (q.for_msec < MAINTENANCE_MIN_MSEC || q.for_msec > MAINTENANCE_MAX_MSEC ||
            isempty(q.reason)) {
                *ret_text = mem_strdup("it takes from 1 minute to 1 day, and needs a reason");
                return -EINVAL;
        }
        if (n_windows(m, NULL) >= WINDOWS_MAX) {
                *ret_text = mem_strdup("there are 50 windows of maintenance already");
                return -EBUSY;
        }
        q.for_msec /= m->time_scale;
        manager_step(
                m, &(Input){.kind = INPUT_MAINTENANCE_START, .trail = SIZE_MAX, .maintenance = &q});
        *ret_text = mem_strdup("maintenance has begun, and is told to every topic");
        return 0;
}

static int maintenance_stop(Manager *m, const char *who, const json_t *request, char **ret_text)
{
        MaintenanceRequest q = {
                .trail_arn = json_string_value(json_object_get(request, "trail")),
                .who = who,
        };
        size_t n = n_windows(m, q.trail_arn);

        if (n == 0) {
                *ret_text = mem_strdup(q.trail_arn ? "there is no maintenance of that very trail "
                                                     "(of all trails: --trail all ends every one)"
                                                   : "there is no maintenance");
                return -ENOENT;
        }
        manager_step(
                m, &(Input){.kind = INPUT_MAINTENANCE_STOP, .trail = SIZE_MAX, .maintenance = &q});
        *ret_text = mem_printf("%zu window%s of maintenance ended", n, n == 1 ? "" : "s");
        return 0;
}

int operator_asks(void *userdata, const char *who, const json_t *request, char **ret_text)
{
        static const struct {
                const char *verb;
                int (*act)(Manager *m, const char *who, const json_t *request, char **ret_text);
        } verbs[] = {
                {"maintenance-start", maintenance_start},
                {"maintenance-stop", maintenance_stop},
        };
        const char *verb = json_string_value(json_object_get(request, "verb"));
        int r = -EINVAL;

        for (size_t k = 0; k < ELEMENTSOF(verbs); k++) {
                if (!streq_ptr(verb, verbs[k].verb))
                        continue;
                r = verbs[k].act(userdata, who, request, ret_text);
                journal_daemon(journal_id_asked, r < 0 ? LOG_WARNING : LOG_NOTICE,
                               "%s asks for %s: %s", who, verb, *ret_text);
                report_write(userdata); /* who asks next is to see it */
                return r;
        }
        *ret_text = mem_strdup("this daemon does not know what was asked; is it of the version of "
                               "the command?");
        return r;
}
