/* SPDX-License-Identifier: Apache-2.0 */

/* How the daemon says how it is: the status file and the service manager's STATUS=. Each of them
 * also tells of the other outlets that fail: the journal, the status file. */

#include "daemon/internal.h"

#include <unistd.h>

#include "base/jsonmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/alerttext.h"
#include "daemon/status.h"

#define REPORT_EVERY_USEC USEC_PER_SEC
#define LOG_PATIENCE_MSEC (5 * MSEC_PER_SEC)

static json_t *string_or_null(const char *s)
{
        return isempty(s) ? json_null() : json_string(s);
}

/* Of each trail, owned: counted at once, since there may be thousands of both. */
static int *open_of_trails(Manager *m)
{
        int *open = mem_alloc0(core_n_trails(m->core) * sizeof(int));

        for (size_t k = 0; k < core_n_incidents(m->core); k++) {
                const Incident *i = core_incident(m->core, k);

                if (i->open && i->trail < core_n_trails(m->core))
                        open[i->trail]++;
        }
        return open;
}

/* What is sent for a trail that cannot be seen; null when nothing is. */
static json_t *unseen_starts_report(const Incident *i)
{
        if (!i || i->restart.state != RESTART_UNSEEN)
                return json_null();
        return json_pack("{s:i, s:I, s:o}", "sent", (int)i->restart.attempts, "accepted_msec",
                         (json_int_t)i->restart.accepted_msec, "error",
                         aws_error_to_value(&i->restart.error));
}

static json_t *settings_report(const Core *c, size_t trail)
{
        json_t *o = json_object();

        for (SettingsHalf h = 0; h < _SETTINGS_HALF_MAX; h++) {
                const SettingsRead *s = core_settings_read(c, trail, h);

                json_set(o, settings_half_operation(h),
                         json_pack("{s:o, s:I}", "error", aws_error_to_value(&s->error),
                                   "last_good_msec", (json_int_t)s->good_msec));
        }
        return o;
}

static json_t *trail_report(Manager *m, size_t k, int n_open)
{
        const TrailConfig *t = core_trail_config(m->core, k);
        const TrailMemory *s = core_trail_memory(m->core, k);
        const Incident *i = core_trail_incident(m->core, k);
        Arn a = {};
        const char *why;

        bool failing = i && i->restart.state == RESTART_FAILING;
        int r = arn_parse_trail(t->arn, &a, &why);
        assert(r >= 0); /* checked with the configuration */
        (void)r;
        return json_pack(
                "{s:s, s:s, s:I, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:i, s:o, s:o, s:o, "
                "s:o, s:I}",
                "arn", t->arn, "action", trail_action_to_string(t->action), "poll_interval_usec",
                (json_int_t)t->poll_usec, "account", a.account, "region", a.region, "logging",
                s->seen ? json_boolean(s->logging) : json_null(), "last_poll_msec",
                (json_int_t)s->last_good_msec, "start_logging_msec", (json_int_t)s->start_msec,
                "stop_logging_msec", (json_int_t)s->stop_msec, "latest_delivery_msec",
                (json_int_t)s->delivery_msec, "incident", string_or_null(i ? i->id : NULL),
                "incident_kind", string_or_null(i ? incident_kind_to_string(i->kind) : NULL),
                "incidents_open", n_open, "restart_error",
                failing ? aws_error_to_value(&i->restart.error) : json_null(), "unseen_starts",
                unseen_starts_report(i), "error", aws_error_to_value(core_trail_error(m->core, k)),
                "settings", settings_report(m->core, k), "next_poll_msec",
                (json_int_t)core_next_poll_msec(m->core, k));
}

/* Unsent messages of a topic and its last error; all topics when arn is NULL. */
static size_t pending(Manager *m, const char *arn, AwsError *ret_error)
{
        size_t n = 0;

        for (size_t k = 0; k < core_n_incidents(m->core); k++) {
                const Incident *i = core_incident(m->core, k);

                for (size_t x = 0; x < i->n_messages; x++)
                        for (size_t y = 0; y < i->messages[x].n_deliveries; y++) {
                                const Delivery *d = &i->messages[x].deliveries[y];

                                if (d->sent || (arn && !streq(arn, d->topic_arn)))
                                        continue;
                                n++;
                                if (d->error.class != AWS_ERROR_NONE)
                                        *ret_error = d->error;
                        }
        }
        return n;
}

static json_t *topic_report(Manager *m, const ConfTopic *t)
{
        AwsError e = {};
        size_t n = pending(m, t->arn, &e);

        return json_pack("{s:s, s:s, s:s, s:I, s:I, s:o}", "arn", t->arn, "format",
                         topic_format_to_string(t->format), "min_severity",
                         severity_to_string(t->min_severity), "account", (json_int_t)t->account,
                         "pending", (json_int_t)n, "error", aws_error_to_value(&e));
}

static json_t *account_report(Manager *m, size_t k)
{
        CredStatus s;

        cred_cache_status(aws_client_credentials(accounts_client(m->network->accounts, k)), &s);
        return json_pack("{s:o, s:o, s:s, s:b, s:I, s:o}", "role_arn",
                         string_or_null(m->conf->accounts[k].role_arn), "identity_arn",
                         string_or_null(m->identities[k]), "credentials", s.source, "usable",
                         s.usable, "expiry_msec", (json_int_t)s.expiry_msec, "error",
                         aws_error_to_value(&s.last_error));
}

/* The newest, over or not. */
static json_t *last_incident(Manager *m)
{
        const Incident *last = NULL;

        for (size_t k = 0; k < core_n_incidents(m->core); k++) {
                const Incident *i = core_incident(m->core, k);

                if (!incident_kind_is_notice(i->kind) &&
                    (!last || i->detected_msec > last->detected_msec))
                        last = i;
        }
        if (!last)
                return json_null();
        _cleanup_free_ char *summary = alert_summary(last), *actor = alert_actor(last);
        return json_pack("{s:s, s:s, s:b, s:I, s:s, s:s}", "id", last->id, "kind",
                         incident_kind_to_string(last->kind), "open", last->open, "detected_msec",
                         (json_int_t)last->detected_msec, "summary", summary, "actor", actor);
}

static size_t open_incidents(Manager *m)
{
        size_t n = 0;

        for (size_t k = 0; k < core_n_incidents(m->core); k++)
                n += core_incident(m->core, k)->open;
        return n;
}

static json_t *maintenance_report(Manager *m)
{
        json_t *windows = json_array();

        for (size_t k = 0; k < core_n_incidents(m->core); k++) {
                const Incident *i = core_incident(m->core, k);

                if (i->kind == INCIDENT_MAINTENANCE && i->open)
                        json_append(windows,
                                    json_pack("{s:s, s:o, s:I, s:I, s:s, s:i}", "incident", i->id,
                                              "trail", string_or_null(i->scope_arn), "begun_msec",
                                              (json_int_t)i->detected_msec, "until_msec",
                                              (json_int_t)i->until_msec, "title", i->title,
                                              "recorded", (int)i->n_recorded));
        }
        return windows;
}

static json_t *heartbeat_report(const Manager *m)
{
        return json_pack("{s:b, s:I, s:I, s:o}", "enabled", m->conf->heartbeat, "withheld_msec",
                         (json_int_t)core_heartbeat_withheld_msec(m->core), "accepted_msec",
                         (json_int_t)m->heartbeat_accepted_msec, "error",
                         aws_error_to_value(&m->heartbeat_error));
}

/* Why records do not arrive where they should, owned; NULL while they do. */
static char *log_error_words(Manager *m)
{
        LogStatus s = log_status();
        int64_t now = m->network->env->wall_msec(m->network->env);
        bool stuck = s.waiting_since_msec > 0 &&
                     now - s.waiting_since_msec > LOG_PATIENCE_MSEC / m->time_scale;
        char since[TIMEFMT_MAX];

        if (!stuck && s.lost == 0)
                return NULL;
        if (!stuck)
                return mem_printf("%zu record%s lost", s.lost, s.lost == 1 ? " is" : "s are");
        return mem_printf("nothing has been written since %s, %zu record%s lost",
                          timefmt_iso8601(s.waiting_since_msec, since), s.lost,
                          s.lost == 1 ? " is" : "s are");
}

static json_t *report(Manager *m)
{
        _cleanup_free_ char *log_error = log_error_words(m);
        json_t *trails = json_array(), *topics = json_array(), *accounts = json_array();
        _cleanup_free_ int *open = open_of_trails(m);
        AwsError ignored;

        for (size_t k = 0; k < core_n_trails(m->core); k++)
                json_append(trails, trail_report(m, k, open[k]));
        for (size_t k = 0; k < m->conf->n_topics; k++)
                json_append(topics, topic_report(m, &m->conf->topics[k]));
        for (size_t k = 0; k < m->conf->n_accounts; k++)
                json_append(accounts, account_report(m, k));

        json_t *o = json_pack(
                "{s:i, s:i, s:s, s:s, s:I, s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:s, "
                "s:b, "
                "s:o, s:o, s:o, s:o}",
                "version", 1, "pid", (int)getpid(), "hostname", m->hostname, "program_version",
                PACKAGE_VERSION, "started_msec", (json_int_t)m->started_msec, "written_msec",
                (json_int_t)m->network->env->wall_msec(m->network->env), "configuration",
                m->conf->path, "state",
                m->stopping ? "stopping"
                : m->ready  ? "running"
                            : "starting",
                "trails", trails, "topics", topics, "accounts", accounts, "maintenance",
                maintenance_report(m), "heartbeat", heartbeat_report(m), "incidents_open",
                (json_int_t)open_incidents(m), "messages_pending",
                (json_int_t)pending(m, NULL, &ignored), "state_directory", m->state_directory,
                "state_kept", m->state_kept, "state_error", string_or_null(m->state_error),
                "configuration_error", string_or_null(m->config_error), "log_error",
                string_or_null(log_error), "last_incident", last_incident(m));
        if (!o)
                abort(); /* memory, or a bug of ours */
        return o;
}

static void notify_service_manager(Manager *m)
{
        AwsError ignored;
        size_t n = core_n_trails(m->core), logging = 0, unseen = 0;
        size_t open = open_incidents(m), unsent = pending(m, NULL, &ignored);
        _cleanup_free_ char *log_error = log_error_words(m), *text = NULL;

        for (size_t k = 0; k < n; k++) {
                logging += core_trail_memory(m->core, k)->logging;
                unseen += core_trail_error(m->core, k)->class != AWS_ERROR_NONE;
        }
        text = mem_printf("STATUS=%zu trail%s, %zu logging, %zu unseen; %zu incident%s open, %zu "
                          "message%s to send%s%s%s%s",
                          n, n == 1 ? "" : "s", logging, unseen, open, open == 1 ? "" : "s", unsent,
                          unsent == 1 ? "" : "s", log_error ? "; log: " : "", strempty(log_error),
                          m->status_error ? "; status file: " : "", strempty(m->status_error));
        (void)notifier_tell(m->notifier, text); /* or the next one */
}

void report_write(Manager *m)
{
        setup_sweep(m);
        int r = status_write(m->status_path, report(m));

        if (r < 0 && !m->status_error)
                log_error("%s cannot be written, and no request be answered: %s", m->status_path,
                          strerror(-r));
        else if (r >= 0 && m->status_error)
                log_notice("%s is written again", m->status_path);
        mem_strset(&m->status_error, r < 0 ? strerror(-r) : NULL);
        notify_service_manager(m);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        report_write(userdata);
        return 0;
}

void report_changed(Manager *m)
{
        int enabled = SD_EVENT_OFF, r;

        if (!m->report_timer) {
                r = sd_event_add_time_relative(m->event, &m->report_timer, CLOCK_BOOTTIME, 0, 0,
                                               on_timer, m);
                if (r < 0)
                        log_error("no timer for the status file: %s", strerror(-r));
                return;
        }
        if (sd_event_source_get_enabled(m->report_timer, &enabled) < 0 || enabled != SD_EVENT_OFF)
                return;
        r = sd_event_source_set_time_relative(m->report_timer, REPORT_EVERY_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->report_timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("the timer for the status file could not be set: %s", strerror(-r));
}
