/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/incidentjson.h"

#define IDENTITY_RETRY_USEC USEC_PER_MINUTE
#define IDENTITY_AGAIN_USEC USEC_PER_HOUR
#define LAST_WRITES_USEC (5 * USEC_PER_SEC)

Now manager_now(Manager *m)
{
        return (Now){.boot_usec = m->env->boottime_usec(m->env),
                     .wall_msec = m->env->wall_msec(m->env)};
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
        case ACTION_LOOKUP:
                calls_lookup(m, a);
                break;
        case ACTION_STORE:
                spool_store_incident(m->spool, a->incident->id, a->generation,
                                     dump(incident_to_json(a->incident)));
                break;
        case ACTION_STORE_MEMORY:
                store_memory(m);
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
        if (m->conf->heartbeat && m->n_heartbeat > 0)
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

        mem_strset(&m->state_error, error < 0 ? strerror(-error) : NULL);
        if (id) {
                manager_step(m, &(Input){.kind = error < 0 ? INPUT_STORE_FAILED : INPUT_STORED,
                                         .trail = SIZE_MAX,
                                         .incident = id,
                                         .generation = generation,
                                         .store_error = error});
                return;
        }
        if (error < 0 && !m->memory_failed)
                log_error("trails.json could not be stored: %s", strerror(-error));
        else if (error >= 0 && m->memory_failed)
                log_notice("trails.json is stored again");
        m->memory_failed = error < 0;
}

static int on_watchdog(sd_event_source *s, uint64_t usec, void *userdata)
{
        Manager *m = userdata;
        const char *overdue = core_overdue(m->core, manager_now(m));
        uint64_t every;

        if (overdue)
                log_error("the watchdog is not fed: %s", overdue);
        else
                (void)sd_notify(false, "WATCHDOG=1"); /* nobody else to tell */
        if (sd_watchdog_enabled(false, &every) <= 0)
                return 0;
        (void)sd_event_source_set_time_relative(s, every / 4); /* a source of ours */
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* Who we are, for telling our own calls from those of somebody with our credentials. */
static int on_identity(sd_event_source *s, uint64_t usec, void *userdata)
{
        Manager *m = userdata;
        bool all = true;

        for (size_t k = 0; k < accounts_count(m->accounts); k++) {
                all = all && m->identities[k];
                calls_identity(m, k);
        }
        (void)sd_event_source_set_time_relative(s, all ? IDENTITY_AGAIN_USEC : IDENTITY_RETRY_USEC);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
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

static uint64_t scaled(uint64_t usec, unsigned scale)
{
        return MAX(usec / scale, UINT64_C(1));
}

static Policy scaled_policy(const Conf *conf, unsigned n)
{
        Policy p = policy_default;

        p.cannot_see_after_usec = conf->cannot_see_after_usec;
        uint64_t *const usecs[] = {
                &p.fast_poll_usec,      &p.fast_poll_for_usec, &p.cannot_see_after_usec,
                &p.verify_within_usec,  &p.restart_retry_usec, &p.restart_retry_max_usec,
                &p.store_retry_usec,    &p.lookup_first_usec,  &p.lookup_max_usec,
                &p.lookup_spacing_usec, &p.send_retry_usec,    &p.send_retry_max_usec,
                &p.heartbeat_usec,      &p.memory_store_usec,
        };
        int64_t *const msecs[] = {&p.lookup_not_yet_msec, &p.lookup_settle_msec,
                                  &p.lookup_give_up_msec, &p.remind_msec};

        for (size_t k = 0; k < ELEMENTSOF(usecs); k++)
                *usecs[k] = scaled(*usecs[k], n);
        for (size_t k = 0; k < ELEMENTSOF(msecs); k++)
                *msecs[k] = (int64_t)scaled((uint64_t)*msecs[k], n);
        return p;
}

static void core_from_conf(Manager *m, unsigned scale)
{
        const Conf *conf = m->conf;
        Policy policy = scaled_policy(conf, scale);
        _cleanup_free_ TrailConfig *trails = mem_alloc0(conf->n_trails * sizeof(TrailConfig));
        _cleanup_free_ TopicConfig *topics = mem_alloc0(conf->n_topics * sizeof(TopicConfig));

        for (size_t k = 0; k < conf->n_trails; k++)
                trails[k] = (TrailConfig){.arn = conf->trails[k].arn,
                                          .action = conf->trails[k].action,
                                          .poll_usec = scaled(conf->trails[k].poll_usec, scale),
                                          .account = conf->trails[k].account};
        for (size_t k = 0; k < conf->n_topics; k++)
                topics[k] = (TopicConfig){.arn = conf->topics[k].arn,
                                          .format = conf->topics[k].format,
                                          .min_severity = conf->topics[k].min_severity,
                                          .account = conf->topics[k].account};
        CoreConfig c = {
                .policy = &policy,
                .trails = trails,
                .n_trails = conf->n_trails,
                .topics = topics,
                .n_topics = conf->n_topics,
                .n_accounts = conf->n_accounts,
                .hostname = m->hostname,
        };
        m->core = core_new(&c, manager_now(m));
}

static int load_configuration(Manager *m, const char *path)
{
        ConfProblems problems = {};
        int r = conf_load(path, &m->conf, &problems);

        for (size_t k = 0; k < problems.n; k++) {
                _cleanup_free_ char *line = conf_problem_line(&problems.items[k]);
                journal_daemon(journal_id_configuration, LOG_ERR, "%s", line);
        }
        conf_problems_done(&problems);
        /* A mistake, or a file that is not there for us: not what may pass by itself. */
        return r == -EINVAL || r == -ENOENT || r == -EACCES || r == -EPERM ? -ENOTRECOVERABLE : r;
}

static int set_up_network(Manager *m)
{
        _cleanup_free_ char *why = NULL;
        HttpCurlOptions http = {
                .event = m->event, .ca_file = m->conf->ca_file, .proxy = m->conf->proxy};
        int r = http_curl_new(&http, &m->http, &why);

        if (r >= 0) {
                m->env = net_env_new_event(m->event, m->http);
                AccountsOptions accounts = {
                        .conf = m->conf, .env = m->env, .hostname = m->hostname};
                r = accounts_new(&accounts, &m->accounts, &why);
        }
        if (r < 0)
                log_error("%s", why ? why : strerror(-r));
        /* Wrong CA file, or no source of credentials: another start would find the same. */
        return r == -EINVAL || r == -ENXIO ? -ENOTRECOVERABLE : r;
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
        m->state_lock = -EBADF;
        m->hostname = own_hostname();
        m->status_path = mem_strdup(o->status_path);
        r = load_configuration(m, o->config_path);
        if (r < 0)
                return r;
        log_set_max_level(m->conf->log_level);
        r = set_up_network(m);
        if (r < 0)
                return r;
        m->started_msec = m->env->wall_msec(m->env);
        m->identities = mem_alloc0(m->conf->n_accounts * sizeof(char *));
        m->heartbeat = mem_alloc0(m->conf->n_trails * sizeof(size_t));
        core_from_conf(m, o->time_scale);
        r = load_state(m, o->state_directory);
        if (r < 0)
                return r;
        m->loaded = true;
        *ret = TAKE_PTR(m);
        return 0;
}

Manager *manager_free(Manager *m)
{
        if (!m)
                return NULL;

        if (m->loaded)
                store_memory(m);
        m->stopping = true;
        calls_cancel_all(m);
        spool_free(m->spool, LAST_WRITES_USEC);
        if (m->state_lock >= 0)
                (void)close(m->state_lock); /* nothing was written through it */
        if (m->loaded)
                report_write(m);
        sd_event_source_unref(m->core_timer);
        sd_event_source_unref(m->watchdog_timer);
        sd_event_source_unref(m->report_timer);
        sd_event_source_unref(m->identity_timer);
        core_free(m->core);
        if (m->identities)
                mem_free_strv(m->identities, m->conf->n_accounts);
        accounts_free(m->accounts);
        net_env_free_event(m->env);
        http_curl_free(m->http);
        conf_free(m->conf);
        sd_event_unref(m->event);
        free(m->heartbeat);
        free(m->hostname);
        free(m->status_path);
        free(m->state_error);
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
        journal_daemon(journal_id_started, LOG_INFO,
                       "trailsentryd %s guards %zu trail%s, alerts go to %zu topic%s",
                       PACKAGE_VERSION, core_n_trails(m->core),
                       core_n_trails(m->core) == 1 ? "" : "s", m->conf->n_topics,
                       m->conf->n_topics == 1 ? "" : "s");
        (void)sd_notify(false, "READY=1"); /* nobody else to tell */
        report_changed(m);
        return 0;
}
