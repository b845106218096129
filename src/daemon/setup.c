/* SPDX-License-Identifier: Apache-2.0 */

/* From the configuration to what works by it: the way to AWS, and the core. Reading it again takes
 * the new file whole or leaves everything as it is; calls under way end where they began. */

#include "daemon/internal.h"

#include <errno.h>
#include <sys/random.h>
#include <syslog.h>

#include "base/log.h"
#include "base/mem.h"

static uint64_t scaled(uint64_t usec, unsigned scale)
{
        return MAX(usec / scale, UINT64_C(1));
}

static Policy scaled_policy(const Conf *conf, unsigned n)
{
        Policy p = policy_default;

        p.cannot_see_after_usec = conf->cannot_see_after_usec;
        p.inspect_usec = conf->drift_usec;
        uint64_t *const usecs[] = {
                &p.fast_poll_usec,
                &p.fast_poll_for_usec,
                &p.cannot_see_after_usec,
                &p.verify_within_usec,
                &p.restart_retry_usec,
                &p.restart_retry_max_usec,
                &p.store_retry_usec,
                &p.lookup_first_usec,
                &p.lookup_max_usec,
                &p.lookup_spacing_usec,
                &p.send_retry_usec,
                &p.send_retry_max_usec,
                &p.heartbeat_usec,
                &p.unheard_after_usec,
                &p.memory_store_usec,
                &p.group_quiet_usec,
                &p.group_storm_usec,
                &p.group_first_usec,
                &p.group_loud_usec,
                &p.group_spacing_usec,
                &p.group_spacing_max_usec,
                &p.topic_failing_after_usec,
                &p.inspect_usec,
                &p.inspect_again_usec,
                &p.inspect_patience_usec,
                &p.overdue_usec,
                &p.restart_throttled_usec,
                &p.unseen_start_usec,
                &p.unseen_spacing_usec,
                &p.inspect_doubt_usec,
                &p.watch_usec,
        };
        int64_t *const msecs[] = {&p.lookup_young_msec,  &p.lookup_not_yet_msec,
                                  &p.lookup_settle_msec, &p.lookup_give_up_msec,
                                  &p.remind_msec,        &p.late_least_msec,
                                  &p.habit_after_msec,   &p.watch_overlap_msec};

        for (size_t k = 0; k < ELEMENTSOF(usecs); k++)
                *usecs[k] = scaled(*usecs[k], n);
        for (size_t k = 0; k < ELEMENTSOF(msecs); k++)
                *msecs[k] = (int64_t)scaled((uint64_t)*msecs[k], n);
        if (!conf->drift)
                p.inspect_usec = 0;
        if (!conf->heartbeat)
                p.heartbeat_usec = 0;
        return p;
}

/* What the core is given; borrows from the Conf. */
typedef struct CoreSetup {
        Policy policy;
        TrailConfig *trails;
        TopicConfig *topics;
        CoreConfig config;
} CoreSetup;

static void core_setup_done(CoreSetup *s)
{
        free(s->trails);
        free(s->topics);
}

static void core_setup(const Manager *m, const Conf *conf, CoreSetup *s)
{
        *s = (CoreSetup){
                .policy = scaled_policy(conf, m->time_scale),
                .trails = mem_alloc0(conf->n_trails * sizeof(TrailConfig)),
                .topics = mem_alloc0(conf->n_topics * sizeof(TopicConfig)),
        };
        for (size_t k = 0; k < conf->n_trails; k++)
                s->trails[k] =
                        (TrailConfig){.arn = conf->trails[k].arn,
                                      .action = conf->trails[k].action,
                                      .poll_usec = scaled(conf->trails[k].poll_usec, m->time_scale),
                                      .account = conf->trails[k].account,
                                      .expect = conf->trails[k].expect};
        for (size_t k = 0; k < conf->n_topics; k++)
                s->topics[k] = (TopicConfig){.arn = conf->topics[k].arn,
                                             .format = conf->topics[k].format,
                                             .min_severity = conf->topics[k].min_severity,
                                             .account = conf->topics[k].account};
        s->config = (CoreConfig){
                .policy = &s->policy,
                .trails = s->trails,
                .n_trails = conf->n_trails,
                .topics = s->topics,
                .n_topics = conf->n_topics,
                .n_accounts = conf->n_accounts,
                .hostname = m->hostname,
                .labels = &conf->labels,
        };
}

static int load_configuration(const char *path, Conf **ret)
{
        ConfProblems problems = {};
        int r = conf_load(path, ret, &problems);

        for (size_t k = 0; k < problems.n; k++) {
                _cleanup_free_ char *line = conf_problem_line(&problems.items[k]);
                journal_daemon(journal_id_configuration, LOG_ERR, "%s", line);
        }
        conf_problems_done(&problems);
        return r;
}

static int make_network(Manager *m, const Conf *conf, Network **ret)
{
        NetworkOptions o = {.event = m->event, .conf = conf, .hostname = m->hostname};
        _cleanup_free_ char *why = NULL;
        _cleanup_(network_freep) Network *made = NULL;
        int r = network_new(&o, &made, &why);

        /* No credentials yet: at the start they are waited for, as every poll says. Later on it is
         * no way to leave another for. */
        if (r > 0 && m->network && !network_fits(m->network, m->conf, made, conf))
                r = -EINVAL;
        if (r < 0)
                journal_daemon(journal_id_configuration, LOG_ERR, "%s", why ? why : strerror(-r));
        else
                *ret = TAKE_PTR(made);
        return r;
}

/* Sizes that follow from the configuration. */
static void size_lists(Manager *m, char **identities)
{
        m->identities = identities;
        m->heartbeat = mem_realloc_array(m->heartbeat, m->conf->n_trails, sizeof(size_t));
        calls_forget_answers(m, m->conf->n_trails);
        log_set_max_level(m->conf->log_level);
}

/* What is not as AWS has it, and who says so. */
static void setup_tell(const Manager *m)
{
        AwsSettingNote note;

        for (size_t i = 0; aws_settings_note(m->network->settings, i, &note); i++) {
                log_info("%s: %s (%s)", note.what, note.value, note.origin);
                aws_setting_note_done(&note);
        }
}

int setup_begin(Manager *m)
{
        _cleanup_(core_setup_done) CoreSetup s = {};
        int r = load_configuration(m->config_path, &m->conf);

        if (r >= 0)
                r = make_network(m, m->conf, &m->network);
        /* Another start would find the same mistakes. Files come, go and are replaced. */
        if (r < 0)
                return r == -EINVAL || r == -EPERM ? -ENOTRECOVERABLE : r;
        size_lists(m, mem_alloc0(m->conf->n_accounts * sizeof(char *)));
        setup_tell(m);
        core_setup(m, m->conf, &s);
        if (getrandom(s.config.seed, sizeof(s.config.seed), 0) != sizeof(s.config.seed)) {
                log_error("no random numbers: %m");
                return -EIO;
        }
        m->core = core_new(&s.config, manager_now(m));
        return 0;
}

void setup_sweep(Manager *m)
{
        for (Network **at = &m->old_networks; *at;) {
                Network *n = *at;

                if (n->n_calls > 0) {
                        at = &n->next;
                        continue;
                }
                *at = n->next;
                network_free(n);
        }
}

/* Who we are where the role stays: no external id changes that. */
static char **keep_identities(Manager *m, const Conf *conf)
{
        char **kept = mem_alloc0(conf->n_accounts * sizeof(char *));

        for (size_t k = 0; k < conf->n_accounts; k++)
                for (size_t n = 0; n < m->conf->n_accounts; n++)
                        if (!kept[k] &&
                            streq_ptr(conf->accounts[k].role_arn, m->conf->accounts[n].role_arn))
                                kept[k] = mem_strdup(m->identities[n]);
        mem_free_strv(m->identities, m->conf->n_accounts);
        return kept;
}

static void take_over(Manager *m, Conf *conf, Network *network)
{
        _cleanup_(core_setup_done) CoreSetup s = {};
        char **identities = keep_identities(m, conf);

        calls_follow(m, conf);
        if (network) {
                m->network->next = m->old_networks;
                m->old_networks = m->network;
                m->network = network;
                setup_tell(m);
        }
        conf_free(m->conf);
        m->conf = conf;
        size_lists(m, identities);
        core_setup(m, conf, &s);
        manager_step(m,
                     &(Input){.kind = INPUT_RECONFIGURE, .trail = SIZE_MAX, .config = &s.config});
        for (size_t k = 0; k < conf->n_accounts; k++)
                if (m->identities[k])
                        manager_step(m, &(Input){.kind = INPUT_IDENTITY,
                                                 .trail = SIZE_MAX,
                                                 .account = (unsigned)k,
                                                 .identity_arn = m->identities[k]});
        if (sd_event_source_set_time_relative(m->identity_timer, 0) < 0 ||
            sd_event_source_set_enabled(m->identity_timer, SD_EVENT_ONESHOT) < 0)
                log_error("who the guard is cannot be asked anew");
}

static int reload(Manager *m)
{
        _cleanup_(conf_freep) Conf *conf = NULL;
        Network *network = NULL;
        int r = load_configuration(m->config_path, &conf);

        /* Made in any case: what it needs of files may be gone. */
        if (r >= 0)
                r = make_network(m, conf, &network);
        if (r < 0)
                return r;
        if (network_fits(m->network, m->conf, network, conf))
                network = network_free(network);
        take_over(m, TAKE_PTR(conf), network);
        return 0;
}

void setup_reload(Manager *m)
{
        int r;

        notifier_set_state(m->notifier, NOTIFIER_RELOADING);
        r = reload(m);
        mem_strset(&m->config_error, r == -EINVAL || r == -EBADMSG
                                             ? "it has mistakes, which the journal names"
                                     : r < 0 ? strerror(-r)
                                             : NULL);
        if (r < 0)
                journal_daemon(journal_id_reload_refused, LOG_ERR,
                               "%s is not taken over, the configuration read before stays in "
                               "force: %s",
                               m->config_path, m->config_error);
        else
                journal_daemon(journal_id_reloaded, LOG_NOTICE,
                               "%s was read again: %zu trail%s, %zu topic%s", m->config_path,
                               m->conf->n_trails, m->conf->n_trails == 1 ? "" : "s",
                               m->conf->n_topics, m->conf->n_topics == 1 ? "" : "s");
        notifier_set_state(m->notifier, NOTIFIER_READY);
        report_write(m);
}
