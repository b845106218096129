/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as a whole: what its parts have to do with each other, and which credentials
 * reach which trail. */

#include <errno.h>
#include <strings.h>

#include "aws/arn.h"
#include "aws/partition.h"
#include "base/mem.h"
#include "base/secret.h"
#include "daemon/confinternal.h"

#define POLLS_BEFORE_CANNOT_SEE 3

typedef struct ConfParse {
        ConfProblems *problems;
        const config_setting_t *root;
        Conf *conf;
} ConfParse;

Conf *conf_free(Conf *c)
{
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->n_trails; i++) {
                free(c->trails[i].arn);
                free(c->trails[i].role_arn);
                secret_free_text(c->trails[i].external_id);
                trail_expect_done(&c->trails[i].expect);
        }
        for (size_t i = 0; i < c->n_topics; i++) {
                free(c->topics[i].arn);
                free(c->topics[i].role_arn);
                secret_free_text(c->topics[i].external_id);
        }
        for (size_t i = 0; i < c->n_accounts; i++)
                free(c->accounts[i].region);
        free(c->trails);
        free(c->topics);
        free(c->accounts);
        free(c->path);
        labels_done(&c->labels);
        free(c->heartbeat_namespace);
        free(c->heartbeat_region);
        free(c->endpoint);
        free(c->ca_file);
        secret_free_text(c->proxy);
        free(c->profile);
        free(c);
        return NULL;
}

bool conf_topic_is_fifo(const ConfTopic *t)
{
        const char *why;
        Arn a;

        return arn_parse_topic(t->arn, &a, &why) >= 0 && arn_topic_is_fifo(&a);
}

const char *conf_warning(const Conf *c)
{
        for (size_t i = 0; i < c->n_topics; i++)
                if (!conf_topic_is_fifo(&c->topics[i]))
                        return NULL;
        return "every topic is a FIFO topic, which reaches no e-mail, telephone or chat: nobody is "
               "woken unless what reads their queues does it";
}

/* Settings by place: NULL for what the file does not have there. */

static config_setting_t *member(const config_setting_t *group, const char *name)
{
        return config_setting_get_member((config_setting_t *)group, name);
}

static const config_setting_t *element(const ConfParse *p, const char *list, size_t i)
{
        const config_setting_t *s = member(p->root, list);

        return s && config_setting_is_list(s) && i < (size_t)config_setting_length(s)
                       ? config_setting_get_elem((config_setting_t *)s, (unsigned)i)
                       : NULL;
}

static const config_setting_t *option_of(const ConfParse *p, const char *list, size_t i,
                                         const char *name)
{
        return member(element(p, list, i), name);
}

static void decode(ConfParse *p)
{
        const config_setting_t *e = member(p->root, "heartbeat"), *x;
        Conf *c = p->conf;

        conf_set_defaults(c);
        conf_decode_group(p->problems, p->root, CONF_TOP, c);
        if (e && config_setting_is_group(e))
                conf_decode_group(p->problems, e, CONF_HEARTBEAT, c);
        e = member(p->root, "drift");
        if (e && config_setting_is_group(e))
                conf_decode_group(p->problems, e, CONF_DRIFT, c);

        /* An element that is none is kept, empty, so that places in file and Conf agree. */
        for (size_t i = 0; (e = element(p, "trails", i)); i++) {
                ConfTrail *t = mem_push0(c->trails, c->n_trails);

                *t = (ConfTrail){.action = c->action,
                                 .poll_usec = c->poll_usec,
                                 .line = config_setting_source_line(e)};
                conf_decode_group(p->problems, e, CONF_TRAIL, t);
                x = config_setting_is_group(e) ? member(e, "expect") : NULL;
                if (x && config_setting_is_group(x))
                        conf_decode_group(p->problems, x, CONF_EXPECT, &t->expect);
        }
        for (size_t i = 0; (e = element(p, "accounts", i)); i++)
                conf_decode_group(p->problems, e, CONF_ACCOUNT,
                                  mem_push0(c->labels.accounts, c->labels.n_accounts));
        for (size_t i = 0; (e = element(p, "topics", i)); i++)
                conf_decode_group(p->problems, e, CONF_TOPIC, mem_push0(c->topics, c->n_topics));
}

/* ARN of a trail or topic, id of an account, and where it stands, for finding it twice. */
typedef struct Named {
        const char *arn;
        const config_setting_t *at;
} Named;

static int named_compare(const void *a, const void *b)
{
        const Named *x = a, *y = b;
        int r = strcasecmp(x->arn, y->arn);

        return r != 0 ? r
                      : (int)config_setting_source_line(x->at) -
                                (int)config_setting_source_line(y->at);
}

static void check_duplicates(ConfParse *p)
{
        const Conf *c = p->conf;
        _cleanup_free_ Named *items = NULL;
        size_t n = 0;

        for (size_t i = 0; i < c->n_trails; i++)
                if (c->trails[i].arn)
                        *mem_push0(items, n) =
                                (Named){c->trails[i].arn, option_of(p, "trails", i, "arn")};
        for (size_t i = 0; i < c->n_topics; i++)
                if (c->topics[i].arn)
                        *mem_push0(items, n) =
                                (Named){c->topics[i].arn, option_of(p, "topics", i, "arn")};
        for (size_t i = 0; i < c->labels.n_accounts; i++)
                if (c->labels.accounts[i].id)
                        *mem_push0(items, n) = (Named){c->labels.accounts[i].id,
                                                       option_of(p, "accounts", i, "id")};
        if (n > 0)
                qsort(items, n, sizeof(*items), named_compare);
        for (size_t i = 1; i < n; i++)
                if (strcasecmp(items[i - 1].arn, items[i].arn) == 0)
                        conf_report_setting(p->problems, items[i].at, NULL,
                                            "the same as that of line %u (capital letters do not "
                                            "count): keep one of the two",
                                            config_setting_source_line(items[i - 1].at));
}

static void check_partition(ConfParse *p, const char *own, const char *other,
                            const config_setting_t *at)
{
        if (!streq(own, other))
                conf_report_setting(p->problems, at, NULL,
                                    "in the partition \"%s\", while the first trail is in \"%s\": "
                                    "no credentials reach both, run another daemon there",
                                    other, own);
}

static void check_partition_of(ConfParse *p, const char *own, const char *arn,
                               const config_setting_t *at)
{
        Arn a;

        if (arn && arn_parse(arn, &a) >= 0)
                check_partition(p, own, a.partition, at);
}

/* Credentials belong to one partition, and no role of another one can be assumed with them: what
 * a daemon does stays within the partition of its first trail. */
static void check_partitions(ConfParse *p)
{
        const Conf *c = p->conf;
        Arn own;

        if (c->n_trails == 0 || !c->trails[0].arn || arn_parse(c->trails[0].arn, &own) < 0)
                return;
        for (size_t i = 0; i < c->n_trails; i++) {
                check_partition_of(p, own.partition, c->trails[i].arn,
                                   option_of(p, "trails", i, "arn"));
                check_partition_of(p, own.partition, c->trails[i].role_arn,
                                   option_of(p, "trails", i, "role_arn"));
        }
        for (size_t i = 0; i < c->n_topics; i++) {
                check_partition_of(p, own.partition, c->topics[i].arn,
                                   option_of(p, "topics", i, "arn"));
                check_partition_of(p, own.partition, c->topics[i].role_arn,
                                   option_of(p, "topics", i, "role_arn"));
        }
        if (c->heartbeat_region)
                check_partition(p, own.partition, partition_by_region(c->heartbeat_region)->name,
                                member(member(p->root, "heartbeat"), "region"));
}

static void check_cannot_see(ConfParse *p)
{
        const config_setting_t *at = member(p->root, "cannot_see_after");
        const ConfTrail *slowest = NULL;
        uint64_t want_usec;

        for (size_t i = 0; i < p->conf->n_trails; i++)
                if (!slowest || p->conf->trails[i].poll_usec > slowest->poll_usec)
                        slowest = &p->conf->trails[i];
        for (size_t i = 0; i < p->problems->n; i++)
                if (streq_ptr(p->problems->items[i].option, "cannot_see_after"))
                        return; /* it is wrong by itself */

        if (!slowest)
                return;
        want_usec = POLLS_BEFORE_CANNOT_SEE * slowest->poll_usec;
        if (p->conf->cannot_see_after_usec < want_usec)
                conf_report_setting(
                        p->problems, at ? at : p->root, at ? NULL : "cannot_see_after",
                        "is less than three polls of line %u: write at least \"%llus\", "
                        "or poll more often",
                        slowest->line,
                        (unsigned long long)((want_usec + USEC_PER_SEC - 1) / USEC_PER_SEC));
}

static void check_external_id_of(ConfParse *p, const char *list, size_t i)
{
        if (!option_of(p, list, i, "role_arn"))
                conf_report_setting(p->problems, option_of(p, list, i, "external_id"), NULL,
                                    "of use only with role_arn: name the role, or leave it out");
}

static void check_excluded(ConfParse *p)
{
        static const char *const names[] = {"fips", "dual_stack"};
        const Declared said[] = {p->conf->fips, p->conf->dual_stack};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (said[i] == DECLARED_YES && member(p->root, "endpoint"))
                        conf_report_setting(p->problems, member(p->root, names[i]), NULL,
                                            "excludes endpoint: name the very host there, or "
                                            "leave endpoint out");
        for (size_t i = 0; i < p->conf->n_trails; i++)
                if (p->conf->trails[i].external_id)
                        check_external_id_of(p, "trails", i);
        for (size_t i = 0; i < p->conf->n_topics; i++)
                if (p->conf->topics[i].external_id)
                        check_external_id_of(p, "topics", i);
}

static void check_chat(ConfParse *p)
{
        for (size_t i = 0; i < p->conf->n_topics; i++) {
                const ConfTopic *t = &p->conf->topics[i];

                if (t->arn && t->format == TOPIC_FORMAT_CHAT && conf_topic_is_fifo(t))
                        conf_report_setting(
                                p->problems, option_of(p, "topics", i, "format"), NULL,
                                "is \"chat\", which a FIFO topic cannot deliver to: take "
                                "a standard topic, or another format");
        }
}

/* A stopped trail is "high". */
static void check_min_severity(ConfParse *p)
{
        const Conf *c = p->conf;

        for (size_t i = 0; i < c->n_topics; i++)
                if (c->topics[i].min_severity <= SEVERITY_HIGH)
                        return;
        if (c->n_topics > 0)
                conf_report_setting(
                        p->problems, option_of(p, "topics", 0, "min_severity"), NULL,
                        "is \"critical\" for every topic, so that nobody would hear of a "
                        "stopped trail: write \"high\" or less for at least one of them");
}

static char *region_of(const char *arn)
{
        Arn a;

        return arn_parse(arn, &a) >= 0 ? mem_strdup(a.region) : NULL;
}

/* Index of the credentials that a trail or topic is reached with; an account of its own for every
 * role and external id. */
static unsigned account_for(Conf *c, const char *arn, const char *role_arn, const char *external_id)
{
        ConfAccount *a;
        size_t i = 0;

        while (i < c->n_accounts && (!streq_ptr(c->accounts[i].role_arn, role_arn) ||
                                     !streq_ptr(c->accounts[i].external_id, external_id)))
                i++;
        if (i == c->n_accounts)
                (void)mem_push0(c->accounts, c->n_accounts);
        a = &c->accounts[i];
        if (!a->region)
                *a = (ConfAccount){role_arn, external_id, region_of(arn)};
        return (unsigned)i;
}

/* What follows from a file without mistakes. */
static void complete(Conf *c)
{
        (void)mem_push0(c->accounts, c->n_accounts);
        for (size_t i = 0; i < c->n_trails; i++) {
                ConfTrail *t = &c->trails[i];
                t->account = account_for(c, t->arn, t->role_arn, t->external_id);
        }
        if (!c->accounts[0].region)
                c->accounts[0].region = mem_strdup(c->accounts[1].region);
        for (size_t i = 0; i < c->n_topics; i++) {
                ConfTopic *t = &c->topics[i];
                t->account = account_for(c, t->arn, t->role_arn, t->external_id);
        }
        if (!c->heartbeat_region)
                c->heartbeat_region = region_of(c->topics[0].arn);
}

int conf_parse(const char *path, const char *text, size_t len, Conf **ret, ConfProblems *problems)
{
        _cleanup_(conf_freep) Conf *c = mem_new0(Conf);
        _cleanup_(config_destroy) config_t config;
        ConfParse p = {.problems = problems, .conf = c};
        int r;

        assert(problems->n == 0);
        problems->path = path;
        config_init(&config);
        r = conf_parse_syntax(problems, text, len, &config);
        if (r < 0)
                return r;

        p.root = config_root_setting(&config);
        decode(&p);
        check_duplicates(&p);
        check_partitions(&p);
        check_cannot_see(&p);
        check_excluded(&p);
        check_chat(&p);
        check_min_severity(&p);
        if (problems->n > 0)
                return -EINVAL;

        complete(c);
        c->path = mem_strdup(path);
        *ret = TAKE_PTR(c);
        return 0;
}

int conf_load(const char *path, Conf **ret, ConfProblems *problems)
{
        _cleanup_secret_text_ char *text = NULL;
        size_t len;
        int r;

        problems->path = path;
        r = conf_file_read(problems, &text, &len);
        return r < 0 ? r : conf_parse(path, text, len, ret, problems);
}
