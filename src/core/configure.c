/* SPDX-License-Identifier: Apache-2.0 */

/* The configuration as the core has it, at its start and when it is read again: trails and topics
 * that stay keep all that is known and under way, and what has changed is told. */

#include "core/internal.h"

#include "aws/digest.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define CHANGES_MAX 8192

static size_t region_index(Core *c, const char *name, unsigned account)
{
        for (size_t i = 0; i < c->n_regions; i++)
                if (c->regions[i].account == account && streq(c->regions[i].name, name))
                        return i;

        Region *r = mem_push0(c->regions, c->n_regions);
        r->name = mem_strdup(name);
        r->account = account;
        return c->n_regions - 1;
}

static uint64_t key_of(const char *arn)
{
        uint8_t d[DIGEST_SIZE];
        uint64_t v;

        digest_sha256(arn, strlen(arn), d);
        memcpy(&v, d, sizeof(v));
        return v;
}

/* Trails are spread over their interval, the same way on every start and every guard. */
static uint64_t phase_of(uint64_t key, uint64_t interval_usec)
{
        return key % interval_usec / USEC_PER_MSEC * USEC_PER_MSEC;
}

static void trail_init(Core *c, Trail *t, const TrailConfig *config)
{
        const char *why = NULL;

        t->config = *config;
        t->config.arn = mem_strdup(config->arn);
        int r = arn_parse_trail(config->arn, &t->arn, &why);
        assert(r >= 0); /* configuration has been checked */
        (void)r;
        t->memory.arn = mem_strdup(config->arn);
        t->region = region_index(c, t->arn.region, config->account);
        t->key = key_of(config->arn);
        t->phase_usec = phase_of(t->key, config->poll_usec);
        t->next_poll_boot = c->now.boot_usec;
        t->last_good_boot = c->now.boot_usec;
        trail_expect_copy(&t->config.expect, &config->expect);
        drift_begin(c, t);
}

void configure_address(Core *c, Incident *i, Message *m)
{
        size_t kept = 0;
        bool unsent = false;

        for (size_t d = 0; d < m->n_deliveries; d++) {
                Delivery *x = &m->deliveries[d];
                bool known = x->sent;

                unsent = unsent || !x->sent;
                for (size_t t = 0; t < c->n_topics; t++)
                        known = known || streq(c->topics[t].config.arn, x->topic_arn);
                if (known) {
                        m->deliveries[kept++] = *x;
                } else {
                        free(x->topic_arn);
                        free(x->message_id);
                }
        }
        if (kept < m->n_deliveries)
                incident_touch(i); /* else it waits on disk for what nobody sends any more */
        m->n_deliveries = kept;
        if (kept > 0 || !unsent)
                return;
        notify_address(c, i, m);
        /* Better told to whom it is not grave enough for than to nobody. */
        bool nobody = m->n_deliveries == 0;
        for (size_t t = 0; nobody && t < c->n_topics; t++)
                if (!topic_is_told_of(i, c->topics[t].config.arn))
                        mem_push0(m->deliveries, m->n_deliveries)->topic_arn =
                                mem_strdup(c->topics[t].config.arn);
}

void configure_retire(Core *c, Incident *i)
{
        if (i->owes_opening)
                notify(c, i, PHASE_OPEN);
        if (i->open)
                i->closed_msec = c->now.wall_msec;
        i->open = false;
        i->attribution.state = SEARCH_DONE;
        incident_touch(i);
}

/* What stays is moved, with all that is known of it and under way. */
static void trail_keep(Core *c, Trail *t, Trail *old, const TrailConfig *config)
{
        const char *arn = old->config.arn;
        bool other_action = old->config.action != config->action;

        *t = *old;
        old->config.arn = NULL;
        old->memory = (TrailMemory){};
        old->found = old->earlier = (TrailSettings){};
        old->watched.changes = (Changes){};
        old->held = NULL;
        old->n_held = 0;
        old->early = (Restart){};
        t->config = *config;
        t->config.arn = arn;
        trail_expect_copy(&t->config.expect, &config->expect);
        t->next_inspect_boot = MIN(t->next_inspect_boot, c->now.boot_usec + c->policy.inspect_usec);
        t->region = region_index(c, t->arn.region, config->account);
        t->phase_usec = phase_of(t->key, config->poll_usec);
        t->not_startable = false; /* by what was configured then */
        t->next_poll_boot = MIN(t->next_poll_boot, c->now.boot_usec + config->poll_usec);
        if (!other_action || !t->stop || t->stop->in_maintenance || !t->down)
                return;
        t->stop->restart.state =
                config->action == TRAIL_ACTION_RESTART ? RESTART_REQUESTED : RESTART_NOT_WANTED;
        t->next_start_boot = c->now.boot_usec;
        incident_touch(t->stop);
}

static Trail *find_trail(Trail *trails, size_t n, const char *arn)
{
        for (size_t i = 0; i < n; i++)
                if (streq_ptr(trails[i].config.arn, arn))
                        return &trails[i];
        return NULL;
}

static const Topic *find_topic(const Topic *topics, size_t n, const char *arn)
{
        for (size_t i = 0; i < n; i++)
                if (streq(topics[i].config.arn, arn))
                        return &topics[i];
        return NULL;
}

static void topics_done(Topic *topics, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free((char *)topics[i].config.arn);
        free(topics);
}

static void trails_done(Trail *trails, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                free((char *)trails[i].config.arn);
                trail_memory_done(&trails[i].memory);
                trail_settings_done(&trails[i].found);
                trail_settings_done(&trails[i].earlier);
                changes_done(&trails[i].watched.changes);
                resume_trail_done(&trails[i]);
                trail_expect_done(&trails[i].config.expect);
        }
        free(trails);
}

void configure_done(Core *c)
{
        for (size_t i = 0; i < c->n_regions; i++) {
                lookup_region_done(&c->regions[i]);
                free(c->regions[i].name);
        }
        free(c->regions);
        topics_done(c->topics, c->n_topics);
        trails_done(c->trails, c->n_trails);
        mem_free_strv(c->identities, c->n_identities);
        mem_free_strv(c->forgotten, c->n_forgotten);
}

static void take_topics(Core *c, const CoreConfig *config)
{
        Topic *old = c->topics;
        size_t n_old = c->n_topics;
        const char *why;
        Arn arn;

        c->topics = NULL;
        c->n_topics = 0;
        for (size_t i = 0; i < config->n_topics; i++) {
                const Topic *was = find_topic(old, n_old, config->topics[i].arn);
                Topic *t = mem_push0(c->topics, c->n_topics);

                if (was)
                        *t = *was;
                t->config = config->topics[i];
                t->config.arn = mem_strdup(config->topics[i].arn);
                t->fifo =
                        arn_parse_topic(t->config.arn, &arn, &why) >= 0 && arn_topic_is_fifo(&arn);
        }
        topics_done(old, n_old);
}

void configure(Core *c, const CoreConfig *config)
{
        Trail *old = c->trails;
        size_t n_old = c->n_trails;

        c->policy = *config->policy;
        labels_copy(&c->labels, config->labels);
        mem_free_strv(c->identities, c->n_identities);
        c->n_identities = config->n_accounts;
        c->identities = mem_alloc0(MAX(config->n_accounts, (size_t)1) * sizeof(char *));
        c->trails = mem_alloc0(MAX(config->n_trails, (size_t)1) * sizeof(Trail));
        c->n_trails = config->n_trails;
        for (size_t i = 0; i < config->n_trails; i++) {
                Trail *was = find_trail(old, n_old, config->trails[i].arn);

                if (was)
                        trail_keep(c, &c->trails[i], was, &config->trails[i]);
                else
                        trail_init(c, &c->trails[i], &config->trails[i]);
        }
        trails_done(old, n_old);
        take_topics(c, config);
}

/* What is different, for people; lines for the text, words for the title. */
typedef struct Differences {
        StrBuf lines;
        unsigned trails_added, trails_removed, trails_changed;
        unsigned topics_added, topics_removed, topics_changed;
        const char *watching; /* turned on or off; NULL: as before */
        bool weaker;          /* less is guarded or told than before */
} Differences;

static void add_trail(Differences *x, const TrailConfig *t)
{
        x->trails_added++;
        strbuf_addf(&x->lines, "  guarded from now on: %s (action %s)\n", t->arn,
                    trail_action_to_string(t->action));
}

static void remove_trail(Differences *x, const char *arn)
{
        x->trails_removed++;
        x->weaker = true;
        strbuf_addf(&x->lines, "  NO LONGER GUARDED: %s\n", arn);
}

static void compare_trails(const Core *c, const CoreConfig *config, Differences *x)
{
        for (size_t i = 0; i < config->n_trails; i++) {
                const TrailConfig *to = &config->trails[i];
                const Trail *was = find_trail(c->trails, c->n_trails, to->arn);

                if (!was) {
                        add_trail(x, to);
                } else if (was->config.action != to->action) {
                        x->trails_changed++;
                        x->weaker = x->weaker || to->action == TRAIL_ACTION_ALERT;
                        strbuf_addf(&x->lines, "  action %s instead of %s: %s\n",
                                    trail_action_to_string(to->action),
                                    trail_action_to_string(was->config.action), to->arn);
                }
        }
        for (size_t i = 0; i < c->n_trails; i++) {
                bool stays = false;

                for (size_t k = 0; k < config->n_trails; k++)
                        stays = stays || streq(config->trails[k].arn, c->trails[i].config.arn);
                if (stays)
                        continue;
                remove_trail(x, c->trails[i].config.arn);
        }
}

static bool is_watched(const Policy *p)
{
        return p->inspect_usec > 0;
}

/* What is expected is compared at the next look; here only that nobody asks any more. */
static void compare_drift(const Core *c, const CoreConfig *config, Differences *x)
{
        if (is_watched(&c->policy) == is_watched(config->policy))
                return;
        x->watching = is_watched(config->policy) ? "settings are watched" : "SETTINGS UNWATCHED";
        x->weaker = x->weaker || !is_watched(config->policy);
        strbuf_add(&x->lines, is_watched(config->policy)
                                      ? "  settings and deliveries are watched from now on\n"
                                      : "  SETTINGS AND DELIVERIES ARE NO LONGER WATCHED\n");
}

static void compare_topics(const Core *c, const CoreConfig *config, Differences *x)
{
        for (size_t i = 0; i < config->n_topics; i++) {
                const TopicConfig *to = &config->topics[i];
                const Topic *was = find_topic(c->topics, c->n_topics, to->arn);

                if (!was) {
                        x->topics_added++;
                        strbuf_addf(&x->lines, "  told from now on: %s\n", to->arn);
                        continue;
                }
                x->topics_changed += was->config.format != to->format ||
                                     was->config.min_severity != to->min_severity;
                if (was->config.format != to->format)
                        strbuf_addf(&x->lines, "  format %s instead of %s: %s\n",
                                    topic_format_to_string(to->format),
                                    topic_format_to_string(was->config.format), to->arn);
                if (was->config.min_severity != to->min_severity) {
                        x->weaker = x->weaker || to->min_severity > was->config.min_severity;
                        strbuf_addf(&x->lines, "  told from severity %s on, not from %s: %s\n",
                                    severity_to_string(to->min_severity),
                                    severity_to_string(was->config.min_severity), to->arn);
                }
        }
        for (size_t i = 0; i < c->n_topics; i++) {
                bool stays = false;

                for (size_t k = 0; k < config->n_topics; k++)
                        stays = stays || streq(config->topics[k].arn, c->topics[i].config.arn);
                if (stays)
                        continue;
                x->topics_removed++;
                x->weaker = true;
                strbuf_addf(&x->lines, "  NO LONGER TOLD: %s\n", c->topics[i].config.arn);
        }
}

static void add_count(StrBuf *b, unsigned n, const char *what, const char *done)
{
        if (n > 0)
                strbuf_addf(b, "%s%u %s%s %s", b->len > 0 ? ", " : "", n, what, n == 1 ? "" : "s",
                            done);
}

static void announce(Core *c, Differences *x)
{
        StrBuf counts = STRBUF_INIT(512);

        add_count(&counts, x->trails_added, "trail", "added");
        add_count(&counts, x->trails_removed, "trail", "REMOVED");
        add_count(&counts, x->trails_changed, "trail", "changed");
        add_count(&counts, x->topics_added, "topic", "added");
        add_count(&counts, x->topics_removed, "topic", "REMOVED");
        add_count(&counts, x->topics_changed, "topic", "changed");
        if (x->watching)
                strbuf_addf(&counts, "%s%s", counts.len > 0 ? ", " : "", x->watching);
        if (counts.len > 0) {
                _cleanup_free_ char *title =
                        mem_printf("configuration changed: %s", strbuf_str(&counts));

                (void)notice_open(c,
                                  &(NoticeFacts){
                                          .kind = INCIDENT_RECONFIGURED,
                                          .severity = x->weaker ? SEVERITY_WARNING : SEVERITY_INFO,
                                          .phase = PHASE_NOTICE,
                                          .title = title,
                                          .text = strbuf_str(&x->lines),
                                  });
        }
        strbuf_done(&counts);
}

void reconfigure(Core *c, const CoreConfig *config)
{
        Differences x = {.lines = STRBUF_INIT(CHANGES_MAX)};

        compare_trails(c, config, &x);
        compare_drift(c, config, &x);
        compare_topics(c, config, &x);
        configure(c, config);
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *i = c->incidents[k];
                Trail *t = i->trail_arn ? core_find_trail(c, i->trail_arn) : NULL;
                bool was_known = i->trail != SIZE_MAX;

                i->trail = t ? (size_t)(t - c->trails) : SIZE_MAX;
                if (!t && was_known)
                        configure_retire(c, i);
                else if (t && c->policy.inspect_usec == 0)
                        drift_forget(c, t, i);
                for (size_t m = 0; m < i->n_messages; m++)
                        configure_address(c, i, &i->messages[m]);
        }
        c->memory_dirty = true;
        announce(c, &x);
        strbuf_done(&x.lines);
}

void configure_compare_memory(Core *c)
{
        Differences x = {.lines = STRBUF_INIT(CHANGES_MAX)};

        for (size_t k = 0; k < c->n_trails; k++)
                if (!c->trails[k].remembered)
                        add_trail(&x, &c->trails[k].config);
        for (size_t k = 0; k < c->n_forgotten; k++)
                remove_trail(&x, c->forgotten[k]);
        mem_free_strv(c->forgotten, c->n_forgotten);
        c->forgotten = NULL;
        c->n_forgotten = c->n_remembered = 0;
        announce(c, &x);
        strbuf_done(&x.lines);
}
