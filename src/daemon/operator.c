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

/* Its index, -ENOENT when there is none. */
static ssize_t find_trail(const Manager *m, const char *trail_arn, char **ret_text)
{
        for (size_t k = 0; k < core_n_trails(m->core); k++)
                if (streq(core_trail_config(m->core, k)->arn, trail_arn))
                        return (ssize_t)k;
        *ret_text = mem_printf("%s is not a trail that the daemon guards", trail_arn);
        return -ENOENT;
}

static int maintenance_start(Manager *m, const char *who, const json_t *request, char **ret_text)
{
        MaintenanceRequest q = {
                .trail_arn = json_string_value(json_object_get(request, "trail")),
                .for_msec = json_integer_value(json_object_get(request, "for_msec")),
                .reason = json_string_value(json_object_get(request, "reason")),
                .who = who,
        };

        if (q.trail_arn && find_trail(m, q.trail_arn, ret_text) < 0)
                return -ENOENT;
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

/* Only what was looked at is accepted: the digest of it comes with the request. */
static int baseline_accept(Manager *m, const char *who, const json_t *request, char **ret_text)
{
        const char *arn = strempty(json_string_value(json_object_get(request, "trail")));
        const char *digest = strempty(json_string_value(json_object_get(request, "digest")));
        ssize_t k = find_trail(m, arn, ret_text);

        if (k < 0)
                return (int)k;
        const char *why = core_refuses_accept(m->core, (size_t)k, digest);
        if (why) {
                *ret_text = mem_printf("%s: %s", arn, why);
                return -EINVAL;
        }
        manager_step(
                m, &(Input){.kind = INPUT_ACCEPT, .trail = (size_t)k, .by = who, .digest = digest});
        /* What is declared is not to be accepted. */
        *ret_text =
                core_refuses_accept(m->core, (size_t)k, NULL)
                        ? mem_printf("%s: accepted as the baseline, and told to every topic", arn)
                        : mem_printf("%s: accepted, but for what expect in trailsentry.conf "
                                     "says: change it there",
                                     arn);
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
                {"baseline-accept", baseline_accept},
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
