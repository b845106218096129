/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/internal.h"

#include <errno.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define IDENTITY_RETRY_USEC USEC_PER_MINUTE
#define IDENTITY_AGAIN_USEC USEC_PER_HOUR
#define LAST_WRITES_USEC (5 * USEC_PER_SEC)

Now manager_now(Manager *m)
{
        return (Now){.boot_usec = m->network->env->boottime_usec(m->network->env),
                     .wall_msec = m->network->env->wall_msec(m->network->env)};
}

static void carry_out(Manager *m, const Action *a)
{
        switch (a->kind) {
        case ACTION_START_LOGGING:
                calls_start_logging(m, a->trail);
                break;
        case ACTION_POLL:
                calls_poll(m, a->trail);
                break;
        case ACTION_INSPECT:
                calls_inspect(m, a->trail);
                break;
        case ACTION_LOOKUP:
                calls_lookup(m, a);
                break;
        case ACTION_STORE:
                state_store_incident(m, a->incident, a->generation);
                break;
        case ACTION_ARCHIVE:
                spool_archive(m->spool, a->text);
                break;
        case ACTION_STORE_MEMORY:
                state_store_memory(m);
                break;
        case ACTION_SEND:
                calls_send(m, a);
                break;
        case ACTION_HEARTBEAT:
                m->heartbeat[m->n_heartbeat++] = a->trail;
                break;
        case ACTION_LOG:
                journal_action(m, a);
                break;
        default:
                break;
        }
}

static void arm_core_timer(Manager *m)
{
        int r = sd_event_source_set_time(m->core_timer, core_next_boot(m->core));

        if (r >= 0)
                r = sd_event_source_set_enabled(m->core_timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("the core's timer could not be set: %s", strerror(-r));
}

void manager_step(Manager *m, const Input *in)
{
        _cleanup_(actions_done) Actions actions = {};

        if (m->stopping)
                return;
        core_step(m->core, in, manager_now(m), &actions);
        m->n_heartbeat = 0;
        for (size_t k = 0; k < actions.n; k++)
                carry_out(m, &actions.items[k]);
        if (m->n_heartbeat > 0)
                calls_heartbeat(m, m->heartbeat, m->n_heartbeat);
        arm_core_timer(m);
        report_changed(m);
}

static int on_core_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        manager_step(userdata, &(Input){.kind = INPUT_TICK, .trail = SIZE_MAX});
        return 0;
}

/* What is overdue may have lacked CPU, and its answer be waiting: that has its turn first. */
static int on_watchdog(sd_event_source *s, uint64_t usec, void *userdata)
{
        Manager *m = userdata;
        const char *overdue = core_overdue(m->core, manager_now(m));
        uint64_t every;

        m->overdue_looks = overdue ? m->overdue_looks + 1 : 0;
        if (!overdue)
                (void)notifier_tell(m->notifier, "WATCHDOG=1"); /* or the next time */
        else if (m->overdue_looks > 1)
                log_error("the watchdog is not fed: %s", overdue);
        if (sd_watchdog_enabled(false, &every) <= 0)
                return 0;
        /* A source of ours. */
        (void)sd_event_source_set_time_relative(s, m->overdue_looks == 1 ? every / 40 : every / 4);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* Who we are, for telling our own calls from those of somebody with our credentials. */
static int on_identity(sd_event_source *s, uint64_t usec, void *userdata)
{
        Manager *m = userdata;
        bool all = true;

        for (size_t k = 0; k < accounts_count(m->network->accounts); k++) {
                all = all && m->identities[k];
                calls_identity(m, k);
        }
        (void)sd_event_source_set_time_relative(s, all ? IDENTITY_AGAIN_USEC : IDENTITY_RETRY_USEC);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static char *own_hostname(void)
{
        char name[256] = "";

        if (gethostname(name, sizeof(name) - 1) < 0 || !*name)
                return mem_strdup("unknown-host");
        return mem_strdup(name);
}

int manager_new(const ManagerOptions *o, Manager **ret)
{
        _cleanup_(manager_freep) Manager *m = mem_new0(Manager);
        int r;

        m->event = sd_event_ref(o->event);
        m->notifier = o->notifier;
        m->hostname = own_hostname();
        m->state_directory = mem_strdup(o->state_directory);
        m->status_path = mem_strdup(o->status_path);
        m->time_scale = o->time_scale;
        m->config_path = mem_strdup(o->config_path);
        r = setup_begin(m);
        if (r < 0)
                return r;
        m->started_msec = m->network->env->wall_msec(m->network->env);
        r = state_begin(m);
        if (r < 0)
                return r;
        m->begun = true;
        *ret = TAKE_PTR(m);
        return 0;
}

Manager *manager_free(Manager *m)
{
        if (!m)
                return NULL;

        if (m->begun)
                state_store_last(m);
        m->stopping = true;
        calls_cancel_all(m);
        spool_free(m->spool, LAST_WRITES_USEC);
        requests_free(m->requests);
        if (m->begun)
                report_write(m);
        sd_event_source_unref(m->core_timer);
        sd_event_source_unref(m->watchdog_timer);
        sd_event_source_unref(m->report_timer);
        sd_event_source_unref(m->identity_timer);
        sd_event_source_unref(m->reload_signal);
        sd_event_source_unref(m->memory_timer);
        sd_event_source_unref(m->state_timer);
        core_free(m->core);
        calls_forget_answers(m, 0);
        if (m->identities)
                mem_free_strv(m->identities, m->conf->n_accounts);
        network_free(m->network);
        setup_sweep(m);
        conf_free(m->conf);
        sd_event_unref(m->event);
        free(m->heartbeat);
        free(m->hostname);
        free(m->config_path);
        free(m->status_path);
        free(m->state_directory);
        free(m->state_error);
        free(m->status_error);
        free(m->config_error);
        free(m);
        return NULL;
}

int manager_start(Manager *m)
{
        uint64_t ignored;
        int r = sd_event_add_time(m->event, &m->core_timer, CLOCK_BOOTTIME, 0, 1, on_core_timer, m);

        if (r >= 0)
                r = sd_event_add_time_relative(m->event, &m->identity_timer, CLOCK_BOOTTIME, 0, 0,
                                               on_identity, m);
        if (r >= 0 && sd_watchdog_enabled(false, &ignored) > 0)
                r = sd_event_add_time_relative(m->event, &m->watchdog_timer, CLOCK_BOOTTIME, 0, 0,
                                               on_watchdog, m);
        if (r < 0) {
                log_error("no timers: %s", strerror(-r));
                return r;
        }
        if (conf_warning(m->conf))
                log_warning("%s", conf_warning(m->conf));
        journal_daemon(journal_id_started, LOG_INFO,
                       "trailsentryd %s guards %zu trail%s, alerts go to %zu topic%s",
                       PACKAGE_VERSION, core_n_trails(m->core),
                       core_n_trails(m->core) == 1 ? "" : "s", m->conf->n_topics,
                       m->conf->n_topics == 1 ? "" : "s");
        report_changed(m);
        return 0;
}
