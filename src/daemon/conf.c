/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as a whole: what its parts have to do with each other, and which credentials
 * reach which trail. Single options are confoption.c's and confvalue.c's. */

#include "daemon/conf.h"

#include <errno.h>
#include <strings.h>

#include "aws/arn.h"
#include "aws/partition.h"
#include "base/mem.h"
#include "daemon/conffile.h"
#include "daemon/confoption.h"
#include "daemon/confsyntax.h"

#define POLLS_BEFORE_CANNOT_SEE 3

/* What the checks between options look at. Settings are kept for their lines. */
typedef struct ConfParse {
        ConfReport report;
        const config_setting_t *root;
        ConfDraft draft;
        ConfTrailDraft *trails;
        size_t n_trails;
        const config_setting_t **topic_settings; /* of draft.conf.topics */
        size_t n_topic_settings;
} ConfParse;

static void conf_done(Conf *c)
{
        for (size_t i = 0; i < c->n_trails; i++)
                free(c->trails[i].arn);
        for (size_t i = 0; i < c->n_topics; i++)
                free(c->topics[i].arn);
        for (size_t i = 0; i < c->n_accounts; i++) {
                free(c->accounts[i].role_arn);
                free(c->accounts[i].external_id);
                free(c->accounts[i].region);
        }
        free(c->trails);
        free(c->topics);
        free(c->accounts);
        free(c->path);
        free(c->heartbeat_namespace);
        free(c->heartbeat_region);
        free(c->endpoint);
        free(c->ca_file);
        free(c->proxy);
}

Conf *conf_free(Conf *c)
{
        if (!c)
                return NULL;
        conf_done(c);
        free(c);
        return NULL;
}

static void conf_parse_done(ConfParse *p)
{
        for (size_t i = 0; i < p->n_trails; i++) {
                free(p->trails[i].trail.arn);
                free(p->trails[i].role_arn);
                free(p->trails[i].external_id);
        }
        free(p->trails);
        free(p->topic_settings);
        conf_done(&p->draft.conf);
}

static config_setting_t *member(const config_setting_t *group, const char *name)
{
        return config_setting_get_member((config_setting_t *)group, name);
}

/* The i-th group of a list option at the top level; NULL past the end, and for what is no list. */
static const config_setting_t *list_element(const ConfParse *p, const char *name, int i)
{
        config_setting_t *list = member(p->root, name);

        if (!list || !config_setting_is_list(list) || i >= config_setting_length(list))
                return NULL;
        return config_setting_get_elem(list, (unsigned)i);
}

static bool element_is_group(ConfParse *p, const config_setting_t *e)
{
        if (config_setting_is_group(e))
                return true;
        conf_report_setting(&p->report, e, NULL,
                            mem_strdup("has to be a group: write { arn = \"...\"; }"));
        return false;
}

static void decode(ConfParse *p)
{
        const config_setting_t *e;

        conf_decode_defaults(&conf_table_top, &p->draft);
        conf_decode_defaults(&conf_table_heartbeat, &p->draft);
        conf_decode_group(&p->report, p->root, &conf_table_top, &p->draft);

        e = member(p->root, "heartbeat");
        if (e && config_setting_is_group(e))
                conf_decode_group(&p->report, e, &conf_table_heartbeat, &p->draft);

        for (int i = 0; (e = list_element(p, "trails", i)); i++) {
                ConfTrailDraft *t;

                if (!element_is_group(p, e))
                        continue;
                t = mem_push0(p->trails, p->n_trails);
                t->setting = e;
                t->trail.action = p->draft.action;
                t->trail.poll_usec = p->draft.poll_usec;
                t->trail.line = config_setting_source_line(e);
                conf_decode_group(&p->report, e, &conf_table_trail, t);
        }

        for (int i = 0; (e = list_element(p, "topics", i)); i++) {
                ConfTopic *t;

                if (!element_is_group(p, e))
                        continue;
                t = mem_push0(p->draft.conf.topics, p->draft.conf.n_topics);
                t->line = config_setting_source_line(e);
                *mem_push0(p->topic_settings, p->n_topic_settings) = e;
                conf_decode_group(&p->report, e, &conf_table_topic, t);
        }
}

/* Something with an ARN, for finding it twice. */
typedef struct Named {
        const char *arn;
        const config_setting_t *setting;
} Named;

static int named_compare(const void *a, const void *b)
{
        const Named *x = a, *y = b;
        int r = strcasecmp(x->arn, y->arn);

        return r != 0 ? r
                      : (int)config_setting_source_line(x->setting) -
                                (int)config_setting_source_line(y->setting);
}

static void check_twice(ConfParse *p, Named *items, size_t n)
{
        if (n > 0)
                qsort(items, n, sizeof(*items), named_compare);
        for (size_t i = 1; i < n; i++) {
                const config_setting_t *first = items[i - 1].setting;

                if (strcasecmp(items[i - 1].arn, items[i].arn) != 0)
                        continue;
                conf_report_setting(&p->report, member(items[i].setting, "arn"), NULL,
                                    mem_printf("the same as that of line %u%s: keep one of the two",
                                               config_setting_source_line(member(first, "arn")),
                                               streq(items[i - 1].arn, items[i].arn)
                                                       ? ""
                                                       : ", but for capital letters"));
        }
}

static void check_duplicates(ConfParse *p)
{
        _cleanup_free_ Named *items = NULL;
        size_t n = 0;

        for (size_t i = 0; i < p->n_trails; i++)
                if (p->trails[i].trail.arn)
                        *mem_push0(items, n) =
                                (Named){p->trails[i].trail.arn, p->trails[i].setting};
        check_twice(p, items, n);

        n = 0;
        free(items);
        items = NULL;
        for (size_t i = 0; i < p->draft.conf.n_topics; i++)
                if (p->draft.conf.topics[i].arn)
                        *mem_push0(items, n) =
                                (Named){p->draft.conf.topics[i].arn, p->topic_settings[i]};
        check_twice(p, items, n);
}

/* Partition of a region or ARN that was found right before. */
static const char *partition_of(const char *arn)
{
        Arn a;

        return arn && arn_parse(arn, &a) >= 0 ? partition_by_name(a.partition)->name : NULL;
}

/* Credentials belong to one partition, and no role of another one can be assumed with them: what
 * a daemon does stays within the partition of its first trail. */
static void check_partition(ConfParse *p, const char *own, const char *other,
                            const config_setting_t *at)
{
        if (own && other && !streq(own, other))
                conf_report_setting(&p->report, at, NULL,
                                    mem_printf("in the partition \"%s\", while the first trail is "
                                               "in \"%s\": no credentials reach both, run another "
                                               "daemon there",
                                               other, own));
}

static void check_partitions(ConfParse *p)
{
        const char *own = NULL;
        const Conf *c = &p->draft.conf;

        for (size_t i = 0; i < p->n_trails && !own; i++)
                own = partition_of(p->trails[i].trail.arn);
        for (size_t i = 0; i < p->n_trails; i++) {
                const ConfTrailDraft *t = &p->trails[i];

                check_partition(p, own, partition_of(t->trail.arn), member(t->setting, "arn"));
                check_partition(p, own, partition_of(t->role_arn), member(t->setting, "role_arn"));
        }
        for (size_t i = 0; i < c->n_topics; i++)
                check_partition(p, own, partition_of(c->topics[i].arn),
                                member(p->topic_settings[i], "arn"));
        if (c->heartbeat_region)
                check_partition(p, own, partition_by_region(c->heartbeat_region)->name,
                                member(member(p->root, "heartbeat"), "region"));
}

static void check_roles(ConfParse *p)
{
        for (size_t i = 0; i < p->n_trails; i++) {
                const ConfTrailDraft *t = &p->trails[i];

                if (t->external_id && !member(t->setting, "role_arn"))
                        conf_report_setting(&p->report, member(t->setting, "external_id"), NULL,
                                            mem_strdup("of use only with role_arn: name the role, "
                                                       "or leave it out"));
        }
}

static bool is_reported(const ConfParse *p, const char *option)
{
        for (size_t i = 0; i < p->report.problems->n; i++)
                if (streq_ptr(p->report.problems->items[i].option, option))
                        return true;
        return false;
}

static void check_cannot_see(ConfParse *p)
{
        const config_setting_t *at = member(p->root, "cannot_see_after");
        const ConfTrailDraft *slowest = NULL;
        _cleanup_free_ char *have = NULL, *want = NULL, *poll = NULL;
        uint64_t want_usec;

        for (size_t i = 0; i < p->n_trails; i++)
                if (!slowest || p->trails[i].trail.poll_usec > slowest->trail.poll_usec)
                        slowest = &p->trails[i];
        if (!slowest || is_reported(p, "cannot_see_after"))
                return;
        want_usec = POLLS_BEFORE_CANNOT_SEE * slowest->trail.poll_usec;
        if (p->draft.conf.cannot_see_after_usec >= want_usec)
                return;

        have = conf_duration_text(p->draft.conf.cannot_see_after_usec);
        want = conf_duration_text(want_usec);
        poll = conf_duration_text(slowest->trail.poll_usec);
        if (want_usec > USEC_PER_HOUR) {
                at = member(slowest->setting, "poll_interval");
                if (!at)
                        at = member(p->root, "poll_interval");
                conf_report_setting(&p->report, at ? at : slowest->setting, NULL,
                                    mem_printf("%s is too seldom: three polls have to fit into "
                                               "cannot_see_after, which is \"1h\" at most; write "
                                               "\"20min\" or less",
                                               poll));
                return;
        }
        conf_report_setting(&p->report, at ? at : p->root, at ? NULL : "cannot_see_after",
                            mem_printf("%s is less than three polls of line %u, which are %s "
                                       "apart: write cannot_see_after = \"%s\"; or poll more often",
                                       have, slowest->trail.line, poll, want));
}

static void check_endpoints(ConfParse *p)
{
        static const char *const names[] = {"fips", "dual_stack"};
        const bool set[] = {p->draft.conf.fips, p->draft.conf.dual_stack};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (set[i] && member(p->root, "endpoint"))
                        conf_report_setting(&p->report, member(p->root, names[i]), NULL,
                                            mem_strdup("excludes endpoint: name the very host "
                                                       "there, or leave endpoint out"));
}

/* Index of the credentials that a trail is reached with; an account of its own for every role
 * and external id. */
static unsigned account_for(Conf *c, const ConfTrailDraft *t, const char *region)
{
        ConfAccount *a;

        for (size_t i = 0; i < c->n_accounts; i++)
                if (streq_ptr(c->accounts[i].role_arn, t->role_arn) &&
                    streq_ptr(c->accounts[i].external_id, t->external_id)) {
                        if (!c->accounts[i].region)
                                c->accounts[i].region = mem_strdup(region);
                        return (unsigned)i;
                }

        a = mem_push0(c->accounts, c->n_accounts);
        a->role_arn = mem_strdup(t->role_arn);
        a->external_id = mem_strdup(t->external_id);
        a->region = mem_strdup(region);
        return (unsigned)c->n_accounts - 1;
}

static char *region_of(const char *arn)
{
        Arn a;

        return arn_parse(arn, &a) >= 0 ? mem_strdup(a.region) : NULL;
}

/* Of a draft without mistakes. */
static Conf *conf_assemble(ConfParse *p)
{
        Conf *c = mem_new0(Conf);

        *c = p->draft.conf;
        p->draft.conf = (Conf){};
        c->path = mem_strdup(p->report.path);
        (void)mem_push0(c->accounts, c->n_accounts);

        for (size_t i = 0; i < p->n_trails; i++) {
                ConfTrail *t = mem_push0(c->trails, c->n_trails);
                _cleanup_free_ char *region = NULL;

                *t = p->trails[i].trail;
                p->trails[i].trail.arn = NULL;
                region = region_of(t->arn);
                t->account = account_for(c, &p->trails[i], region);
        }
        if (!c->accounts[0].region)
                c->accounts[0].region = mem_strdup(c->accounts[1].region);
        if (!c->heartbeat_region)
                c->heartbeat_region = region_of(c->topics[0].arn);
        return c;
}

static int parse_tree(ConfParse *p, Conf **ret)
{
        decode(p);
        check_duplicates(p);
        check_partitions(p);
        check_roles(p);
        check_cannot_see(p);
        check_endpoints(p);

        if (p->report.problems->n > 0) {
                conf_report_sort(&p->report);
                return -EINVAL;
        }
        *ret = conf_assemble(p);
        return 0;
}

int conf_parse(const char *path, const char *text, size_t len, Conf **ret, ConfProblems *problems)
{
        _cleanup_free_ char *copy = mem_alloc0(len + 1); /* terminated */
        ConfParse p = {.report = {.path = path, .problems = problems}};
        config_t config;
        int r;

        assert(problems->n == 0);
        if (len > 0)
                memcpy(copy, text, len);
        config_init(&config);
        r = conf_syntax_parse(&p.report, copy, len, &config);
        if (r >= 0) {
                p.root = config_root_setting(&config);
                r = parse_tree(&p, ret);
        }
        conf_parse_done(&p);
        config_destroy(&config);
        return r;
}

int conf_load(const char *path, Conf **ret, ConfProblems *problems)
{
        ConfReport report = {.path = path, .problems = problems};
        _cleanup_free_ char *text = NULL;
        size_t len;
        int r;

        r = conf_file_read(&report, &text, &len);
        if (r < 0)
                return r;
        return conf_parse(path, text, len, ret, problems);
}
