/* SPDX-License-Identifier: Apache-2.0 */

/* What is stored: given to the core when it has been read, however late that is, and written from
 * then on. Without it the guard goes on, and says so; READY=1 is sent when it is had or given up on
 * for the moment. */

#include "daemon/internal.h"

#include <signal.h>
#include <syslog.h>

#include "base/jsonmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/incidentjson.h"
#include "daemon/status.h"

#define MEMORY_EVERY_USEC USEC_PER_SEC
#define LOOK_EVERY_USEC USEC_PER_SEC
/* A disk stalls when it has answered nothing for so long; and is slow, for those who wait to be
 * told of an incident, when all has taken so long. */
#define STALL_USEC (5 * USEC_PER_SEC)
#define SLOW_USEC (30 * USEC_PER_SEC)
#define EXTEND_USEC "15000000"
#define RETRY_USEC USEC_PER_MINUTE

/* Writing */

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
        json_t *trails = json_array(), *incidents = json_array();

        for (size_t k = 0; k < core_n_trails(m->core); k++)
                json_append(trails, trail_memory_to_json(core_trail_memory(m->core, k)));
        for (size_t k = 0; k < core_n_incidents(m->core); k++)
                json_append(incidents, json_string(core_incident(m->core, k)->id));
        spool_store_memories(m->spool, dump(json_pack("{s:i, s:o, s:o}", "version", 1, "trails",
                                                      trails, "incidents", incidents)));
        m->memory_next_usec = manager_now(m).boot_usec + MEMORY_EVERY_USEC / m->time_scale;
        (void)sd_event_source_set_enabled(m->memory_timer, SD_EVENT_OFF); /* or it stores again */
}

static int on_memory_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        store_memory(userdata);
        return 0;
}

static bool is_memory_waiting(const Manager *m)
{
        int enabled = SD_EVENT_OFF;

        return sd_event_source_get_enabled(m->memory_timer, &enabled) >= 0 &&
               enabled != SD_EVENT_OFF;
}

/* At once when there was none lately; else many trails that change together, as at the start,
 * would each have all of them written. */
void state_store_memory(Manager *m)
{
        int r;

        if (!m->state_had)
                return; /* it is written when what was known before is among it */
        if (manager_now(m).boot_usec >= m->memory_next_usec) {
                store_memory(m);
                return;
        }
        if (is_memory_waiting(m))
                return;
        r = sd_event_source_set_time(m->memory_timer, m->memory_next_usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->memory_timer, SD_EVENT_ONESHOT);
        if (r < 0)
                store_memory(m);
}

void state_store_incident(Manager *m, const Incident *i, uint64_t generation)
{
        spool_store_incident(
                m->spool, i->id, generation,
                dump(incident_is_finished(i) ? incident_to_small_json(i) : incident_to_json(i)));
}

void state_store_last(Manager *m)
{
        for (size_t k = 0; k < core_n_incidents(m->core); k++) {
                const Incident *i = core_incident(m->core, k);

                if (i->store_error)
                        state_store_incident(m, i, i->generation);
        }
        if (m->state_had)
                store_memory(m);
}

static void on_stored(void *userdata, const char *id, uint64_t generation, int error)
{
        Manager *m = userdata;

        if (!id && error < 0 && !m->memory_failed)
                log_error("trails.json could not be stored: %s", store_error_words(error));
        else if (!id && error >= 0 && m->memory_failed)
                log_notice("trails.json is stored again");
        else if (id && error < 0 && m->stopping)
                log_error("incident %s could not be stored: %s", id, store_error_words(error));
        if (!id)
                m->memory_failed = error < 0;
        if (m->state_had && (error < 0 || !m->memory_failed)) /* else why it is not had stays */
                mem_strset(&m->state_error, error < 0 ? store_error_words(error) : NULL);
        if (m->requests)
                requests_settle(m->requests, spool_settled(m->spool), m->state_error);
        if (id)
                manager_step(m, &(Input){.kind = error < 0 ? INPUT_STORE_FAILED : INPUT_STORED,
                                         .trail = SIZE_MAX,
                                         .incident = id,
                                         .generation = generation,
                                         .store_error = error});
}

/* Ready */

/* Memories that wait for their turn are asked for as well: a baseline is nowhere else. */
static uint64_t on_asked(void *userdata)
{
        Manager *m = userdata;

        if (is_memory_waiting(m))
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

static int on_reload(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
        setup_reload(userdata);
        return 0;
}

static void be_ready(Manager *m)
{
        int r;

        m->state_timer = sd_event_source_disable_unref(m->state_timer);
        if (m->ready)
                return;
        m->ready = true;
        listen_to_operator(m);
        r = sd_event_add_signal(m->event, &m->reload_signal, SIGHUP, on_reload, m);
        if (r < 0)
                log_error("the configuration cannot be read again: %s", strerror(-r));
        notifier_set_state(m->notifier, NOTIFIER_READY);
        report_changed(m);
}

/* Reading */

static void go_on_without(Manager *m, const char *why)
{
        const StateReport report = {.missing = why};

        journal_daemon(journal_id_state_corrupt, LOG_CRIT,
                       "guarding continues without the stored state: %s", why);
        mem_strset(&m->state_error, why);
        manager_step(m, &(Input){.kind = INPUT_RESTORED, .trail = SIZE_MAX, .report = &report});
        be_ready(m);
}

/* Of a folder that is as new, although the run before has kept its state there. */
static void tell_gone(const Manager *m, SpoolContent *c)
{
        if (c->used || !m->state_kept)
                return;
        c->no_memories = true;
        mem_push0(c->losses, c->n_losses)->what = mem_printf(
                "%s is empty: what the run before has stored there is gone", m->state_directory);
}

static void restore(Manager *m, SpoolContent *c)
{
        tell_gone(m, c);
        for (size_t k = 0; k < c->n_finished; k++)
                core_restore_finished(m->core, c->finished[k]);
        for (size_t k = 0; k < c->n_memories; k++)
                core_restore_memory(m->core, &c->memories[k]);
        for (size_t k = 0; k < c->n_incidents; k++)
                core_restore_incident(m->core, TAKE_PTR(c->incidents[k]));
        for (size_t k = 0; k < c->n_losses; k++)
                journal_daemon(journal_id_state_corrupt, LOG_ERR, "%s", c->losses[k].what);
}

static void on_loaded(void *userdata, SpoolContent *content, int error)
{
        _cleanup_free_ char *why = NULL;
        Manager *m = userdata;

        if (content) {
                restore(m, content);
                const StateReport report = {.no_memories = content->no_memories,
                                            .losses = content->losses,
                                            .n_losses = content->n_losses};
                m->state_had = m->state_kept = true;
                mem_strset(&m->state_error, NULL);
                manager_step(
                        m, &(Input){.kind = INPUT_RESTORED, .trail = SIZE_MAX, .report = &report});
                be_ready(m);
                return;
        }
        why = error == -EBUSY
                      ? mem_printf("another trailsentryd uses %s", m->state_directory)
                      : mem_printf("%s cannot be read: %s", m->state_directory, strerror(-error));
        go_on_without(m, why);
}

static int on_look(sd_event_source *s, uint64_t usec, void *userdata)
{
        _cleanup_free_ char *why = NULL;
        Manager *m = userdata;
        uint64_t now = manager_now(m).boot_usec, progress = spool_progress(m->spool);

        if (progress != m->state_progress) {
                m->state_progress = progress;
                m->state_moved_usec = now;
                (void)notifier_tell(m->notifier, "EXTEND_TIMEOUT_USEC=" EXTEND_USEC);
        }
        if (now - m->state_moved_usec >= STALL_USEC)
                why = mem_printf("the disk of %s does not answer", m->state_directory);
        else if (now - m->state_begun_usec >= SLOW_USEC)
                why = mem_printf("the disk of %s is very slow", m->state_directory);
        if (why) {
                go_on_without(m, why);
                return 0;
        }
        (void)sd_event_source_set_time_relative(s, LOOK_EVERY_USEC); /* a source of ours */
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* Whether the run before, if it was on this boot of the machine, has kept state in the folder. */
static bool was_kept(const Manager *m)
{
        _cleanup_json_ json_t *status = NULL;

        if (status_read(m->status_path, &status) < 0)
                return false;
        return streq_ptr(json_string_value(json_object_get(status, "state_directory")),
                         m->state_directory) &&
               json_is_true(json_object_get(status, "state_kept"));
}

int state_begin(Manager *m)
{
        SpoolOptions o = {.event = m->event,
                          .directory = m->state_directory,
                          .callback = on_stored,
                          .loaded = on_loaded,
                          .userdata = m,
                          .retry_usec = RETRY_USEC / m->time_scale};
        int r;

        m->state_kept = was_kept(m);
        m->state_begun_usec = m->state_moved_usec = manager_now(m).boot_usec;
        core_await_state(m->core);
        r = sd_event_add_time(m->event, &m->memory_timer, CLOCK_BOOTTIME, 0, 0, on_memory_timer, m);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->memory_timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(m->event, &m->state_timer, CLOCK_BOOTTIME,
                                               LOOK_EVERY_USEC, 0, on_look, m);
        if (r >= 0)
                r = spool_new(&o, &m->spool);
        if (r < 0)
                log_error("the stored state cannot be read: %s", strerror(-r));
        return r;
}
