/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/incidentjson.h"
#include "daemon/status.h"

#define IDENTITY_RETRY_USEC USEC_PER_MINUTE
#define IDENTITY_AGAIN_USEC USEC_PER_HOUR
#define LAST_WRITES_USEC (5 * USEC_PER_SEC)
#define MEMORY_EVERY_USEC USEC_PER_SEC

Now manager_now(Manager *m)
{
        return (Now){.boot_usec = m->network->env->boottime_usec(m->network->env),
                     .wall_msec = m->network->env->wall_msec(m->network->env)};
}

/* In ASCII: the files are read with cat, and names in them are foreign. */
static char *dump(json_t *taken)
{
        char *text = json_dumps(taken, JSON_INDENT(1) | JSON_ENSURE_ASCII);

        json_decref(taken);
        if (!text)
                abort();
        return text;
}

static void store_memory(Manager *m)
{
        json_t *trails = json_array();

        for (size_t k = 0; k < core_n_trails(m->core); k++)
                if (json_array_append_new(trails,
                                          trail_memory_to_json(core_trail_memory(m->core, k))) < 0)
                        abort();
        spool_store_memories(m->spool,
                             dump(json_pack("{s:i, s:o}", "version", 1, "trails", trails)));
        m->memory_next_usec = manager_now(m).boot_usec + MEMORY_EVERY_USEC / m->time_scale;
        (void)sd_event_source_set_enabled(m->memory_timer, SD_EVENT_OFF); /* or it stores again */
}

static int on_memory_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        store_memory(userdata);
        return 0;
}

/* At once when there was none lately; else many trails that change together, as at the start,
 * would each have all of them written. */
static void store_memory_soon(Manager *m)
{
        int enabled = SD_EVENT_OFF, r;

        if (manager_now(m).boot_usec >= m->memory_next_usec) {
                store_memory(m);
                return;
        }
        if (sd_event_source_get_enabled(m->memory_timer, &enabled) < 0 || enabled != SD_EVENT_OFF)
                return;
        r = sd_event_source_set_time(m->memory_timer, m->memory_next_usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->memory_timer, SD_EVENT_ONESHOT);
        if (r < 0)
                store_memory(m);
}

static void store_incident(Manager *m, const Incident *i, uint64_t generation)
{
        (incident_is_finished(i) ? spool_store_finished : spool_store_incident)(
                m->spool, i->id, generation, dump(incident_to_json(i)));
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
                store_incident(m, a->incident, a->generation);
                break;
        case ACTION_STORE_MEMORY:
                store_memory_soon(m);
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

static void on_stored(void *userdata, const char *id, uint64_t generation, int error)
{
        Manager *m = userdata;

        if (!id && error < 0 && !m->memory_failed)
                log_error("trails.json could not be stored: %s", strerror(-error));
        else if (!id && error >= 0 && m->memory_failed)
                log_notice("trails.json is stored again");
        else if (id && error < 0 && m->stopping)
                log_error("incident %s could not be stored: %s", id, strerror(-error));
        if (!id)
                m->memory_failed = error < 0;
        if (error < 0 || !m->memory_failed)
                mem_strset(&m->state_error, error < 0 ? strerror(-error) : NULL);
        if (m->requests)
                requests_settle(m->requests, spool_settled(m->spool), m->state_error);
        if (id)
                manager_step(m, &(Input){.kind = error < 0 ? INPUT_STORE_FAILED : INPUT_STORED,
                                         .trail = SIZE_MAX,
                                         .incident = id,
                                         .generation = generation,
                                         .store_error = error});
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

static int on_reload(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
        setup_reload(userdata);
        return 0;
}

static void on_incident(void *userdata, Incident *incident)
{
        core_restore_incident(((Manager *)userdata)->core, incident);
}

static void on_memory(void *userdata, const TrailMemory *memory)
{
        core_restore_memory(((Manager *)userdata)->core, memory);
}

static void on_corrupt(void *userdata, const char *path, const char *reason)
{
        journal_daemon(journal_id_state_corrupt, LOG_ERR, "%s %s", path, reason);
}

/* Two guards on one state directory would write over each other. A folder that cannot be had
 * fails each write, which is then told. */
static int lock_state(Manager *m, const char *directory)
{
        (void)mkdir(directory, 0750); /* as the spool would */
        m->state_lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (m->state_lock < 0 || flock(m->state_lock, LOCK_EX | LOCK_NB) >= 0 ||
            errno != EWOULDBLOCK)
                return 0;
        log_error("another trailsentryd uses %s", directory);
        return -EBUSY;
}

/* Memories that wait for their turn are asked for as well: a baseline is nowhere else. */
static uint64_t on_asked(void *userdata)
{
        Manager *m = userdata;
        int enabled = SD_EVENT_OFF;

        if (sd_event_source_get_enabled(m->memory_timer, &enabled) >= 0 && enabled != SD_EVENT_OFF)
                store_memory(m);
        return spool_asked(m->spool);
}

/* Without the folder the command cannot ask for anything; guarding goes on. */
static void listen_to_operator(Manager *m)
{
        RequestsOptions o = {.event = m->event,
                             .status_path = m->status_path,
                             .handler = operator_asks,
                             .asked = on_asked,
                             .userdata = m};
        int r = requests_new(&o, &m->requests);

        if (r < 0)
                log_error("the command's requests cannot be taken beside %s: %s", m->status_path,
                          strerror(-r));
        if (!status_is_in_memory(m->status_path))
                log_notice("%s is not on a tmpfs: a disk that stalls there holds up the guard",
                           m->status_path);
}

/* A disk that fails costs no restart, not even at the start of the guard. */
static int load_state(Manager *m, const char *directory)
{
        SpoolOptions o = {
                .event = m->event, .directory = directory, .callback = on_stored, .userdata = m};
        SpoolLoad load = {
                .incident = on_incident, .memory = on_memory, .corrupt = on_corrupt, .userdata = m};
        int r = lock_state(m, directory);

        if (r < 0)
                return r;
        r = spool_new(&o, &m->spool);
        if (r < 0) {
                log_error("the spool could not be set up: %s", strerror(-r));
                return r;
        }
        load.spool = m->spool;
        r = spool_load(directory, &load);
        if (r < 0) {
                mem_strset(&m->state_error, strerror(-r));
                journal_daemon(journal_id_state_corrupt, LOG_ERR,
                               "%s cannot be read, guarding goes on without what was stored: %s",
                               directory, strerror(-r));
        }
        return 0;
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
        m->state_lock = -EBADF;
        m->hostname = own_hostname();
        m->status_path = mem_strdup(o->status_path);
        m->time_scale = o->time_scale;
        m->config_path = mem_strdup(o->config_path);
        r = setup_begin(m);
        if (r < 0)
                return r;
        m->started_msec = m->network->env->wall_msec(m->network->env);
        r = load_state(m, o->state_directory);
        if (r < 0)
                return r;
        listen_to_operator(m);
        m->loaded = true;
        *ret = TAKE_PTR(m);
        return 0;
}

/* What a disk that failed has not taken yet, and what is known. */
static void store_last(Manager *m)
{
        for (size_t k = 0; k < core_n_incidents(m->core); k++) {
                const Incident *i = core_incident(m->core, k);

                if (i->store_error)
                        store_incident(m, i, i->generation);
        }
        store_memory(m);
}

Manager *manager_free(Manager *m)
{
        if (!m)
                return NULL;

        if (m->loaded)
                store_last(m);
        m->stopping = true;
        calls_cancel_all(m);
        spool_free(m->spool, LAST_WRITES_USEC);
        requests_free(m->requests);
        if (m->state_lock >= 0)
                (void)close(m->state_lock); /* nothing was written through it */
        if (m->loaded)
                report_write(m);
        sd_event_source_unref(m->core_timer);
        sd_event_source_unref(m->watchdog_timer);
        sd_event_source_unref(m->report_timer);
        sd_event_source_unref(m->identity_timer);
        sd_event_source_unref(m->reload_signal);
        sd_event_source_unref(m->memory_timer);
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
        if (r >= 0)
                r = sd_event_add_signal(m->event, &m->reload_signal, SIGHUP, on_reload, m);
        if (r >= 0)
                r = sd_event_add_time(m->event, &m->memory_timer, CLOCK_BOOTTIME, 0, 0,
                                      on_memory_timer, m);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->memory_timer, SD_EVENT_OFF);
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
        notifier_set_state(m->notifier, NOTIFIER_READY);
        report_changed(m);
        return 0;
}
