/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/policypart.h"

#include <stdarg.h>

#include "aws/arn.h"
#include "aws/permission.h"
#include "aws/record.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/stringtable.h"

#define ROLE_CHARS 10240   /* of all inline policies of a role */
#define MANAGED_CHARS 6144 /* of a managed policy */
#define TRUST_CHARS 2048   /* of a trust policy, until the quota is raised */
#define TOPIC_CHARS 30720
#define SCP_CHARS 10240
#define SCP_PARTS 9 /* ten may be attached to an account, and one is FullAWSAccess */

static const char *const policy_for_table[_POLICY_FOR_MAX] = {
        [POLICY_FOR_GUARD] = "guard",
        [POLICY_FOR_TARGET] = "target",
        [POLICY_FOR_TOPIC] = "topic",
        [POLICY_FOR_SCP] = "scp",
};
DEFINE_STRING_TABLE(policy_for, PolicyFor)

static const char *const grouping_notes[_GROUPING_MAX] = {
        [GROUP_BY_REGION] = "All ARNs do not fit: the trails of an account and "
                            "region are named by a wildcard, as are roles of one name.",
        [GROUP_BY_ACCOUNT] = "All ARNs do not fit: the trails of an account are "
                             "named by a wildcard, as are roles of one name.",
};

/* JSON */

void policy_append_once(json_t *array, const char *text)
{
        const json_t *had;
        size_t i;

        json_array_foreach(array, i, had)
        {
                if (streq(json_string_value(had), text))
                        return;
        }
        json_append(array, json_string(text));
}

json_t *policy_document_of(json_t *statements)
{
        return json_pack("{s:s, s:o}", "Version", "2012-10-17", "Statement", statements);
}

json_t *policy_statement(const char *sid, const char *effect, json_t *actions, json_t *resources)
{
        json_t *s = json_pack("{s:s, s:s, s:o}", "Sid", sid, "Effect", effect, "Action", actions);

        if (resources)
                json_set(s, "Resource", resources);
        return s;
}

/* What counts against a quota: everything but white space, of which no text in it has any. A
 * service control policy is saved as it is when the CLI sends it, white space and last newline
 * included. */
static size_t count_characters(PolicyFor what, const json_t *json)
{
        bool as_written = what == POLICY_FOR_SCP;
        _cleanup_free_ char *text = json_dumps(json, as_written ? POLICY_INDENT : JSON_COMPACT);

        if (!text)
                abort();
        return strlen(text) + as_written;
}

/* Documents */

static void note(PolicyDocument *d, const char *fmt, ...) _printf_(2, 3);
static void note(PolicyDocument *d, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        *mem_push0(d->notes, d->n_notes) = mem_vprintf(fmt, ap);
        va_end(ap);
}

/* Takes name, title and json. */
static PolicyDocument *add(Policies *p, PolicyDocument d)
{
        PolicyDocument *added = mem_push0(p->items, p->n);

        *added = d;
        added->characters = count_characters(d.what, d.json);
        return added;
}

/* The statement on n of its resources alone; owned. */
static json_t *statement_on(const json_t *statement, size_t from, size_t n)
{
        json_t *copy = json_copy((json_t *)statement), *resources = json_array();

        for (size_t k = from; k < from + n; k++)
                json_append(resources,
                            json_incref(json_array_get(json_object_get(statement, "Resource"), k)));
        json_set(copy, "Resource", resources);
        return copy;
}

static size_t count_resources(const json_t *statement)
{
        const json_t *resources = json_object_get(statement, "Resource");

        return json_is_array(resources) ? json_array_size(resources) : 1;
}

/* Adds the statement, or as much of it as `part` holds. Returns how many of its resources that is,
 * from `from` on. */
static size_t part_take(json_t *part, const json_t *statement, size_t from,
                        const PolicyDocument *like)
{
        json_t *statements = json_object_get(part, "Statement");
        size_t total = count_resources(statement), at = json_array_size(statements);
        size_t fits = 0, over = total - from + 1;

        json_append(statements, json_null());
        for (size_t n = total - from; fits + 1 < over; n = (fits + over) / 2) {
                json_array_set_new(statements, at,
                                   total == 1 ? json_incref((json_t *)statement)
                                              : statement_on(statement, from, n));
                if (count_characters(like->what, part) <= like->limit)
                        fits = n;
                else
                        over = n;
        }
        if (fits == 0)
                (void)json_array_remove(statements, at); /* it is there */
        else if (total > 1)
                json_array_set_new(statements, at, statement_on(statement, from, fits));
        return fits;
}

/* Several documents, within the limit each; owned. */
static json_t *split(const json_t *document, const PolicyDocument *like)
{
        json_t *parts = json_array(), *part = NULL;
        const json_t *statement;
        size_t i;

        json_array_foreach(json_object_get(document, "Statement"), i, statement)
        {
                for (size_t from = 0, n; from < count_resources(statement); from += n) {
                        n = part ? part_take(part, statement, from, like) : 0;
                        if (n > 0)
                                continue;
                        part = policy_document_of(json_array());
                        json_append(parts, part);
                        n = part_take(part, statement, from, like);
                        if (n > 0)
                                continue;
                        json_append(json_object_get(part, "Statement"),
                                    json_deep_copy(statement)); /* too long, whatever is done */
                        break;
                }
        }
        return parts;
}

/* Takes parts. */
static void add_parts(Policies *p, const PolicyDocument *like, json_t *parts)
{
        size_t n = json_array_size(parts);
        json_t *json;
        size_t i;

        json_array_foreach(parts, i, json)
        {
                PolicyDocument d = {
                        .what = like->what, .json = json_incref(json), .limit = like->limit};

                d.name = n == 1 ? mem_strdup(like->name) : mem_printf("%s-%zu", like->name, i + 1);
                d.title = n == 1 ? mem_strdup(like->title)
                                 : mem_printf("%s, part %zu of %zu", like->title, i + 1, n);
                PolicyDocument *added = add(p, d);

                if (n > 1)
                        note(added, "It does not fit into one policy: attach all parts, each as a "
                                    "policy of its own.");
        }
        json_decref(parts);
}

/* Fits when it can: named by ARN, else by wildcards, else in parts. Takes name and title of d; make
 * gives the JSON. NULL when it has become several documents or none. */
static PolicyDocument *add_fitting(Policies *p, PolicyDocument d,
                                   json_t *(*make)(const PolicyOptions *, size_t, Grouping),
                                   const PolicyOptions *o, size_t account)
{
        PolicyDocument *added = NULL;
        json_t *json = NULL;
        Grouping g = GROUP_NONE;

        for (;; g++) {
                json = make(o, account, g);
                if (count_characters(d.what, json) <= d.limit || g + 1 == _GROUPING_MAX)
                        break;
                json_decref(json);
        }
        if (json_array_size(json_object_get(json, "Statement")) == 0) {
                json_decref(json);
        } else if (count_characters(d.what, json) <= d.limit) {
                d.json = json;
                added = add(p, d);
                if (grouping_notes[g])
                        note(added, "%s", grouping_notes[g]);
                return added;
        } else {
                d.limit = MIN(d.limit, (size_t)MANAGED_CHARS);
                add_parts(p, &d, split(json, &d));
                json_decref(json);
        }
        free(d.name);
        free(d.title);
        return NULL;
}

/* Resources */

char *policy_name_trail(const char *arn, Grouping g)
{
        Arn a;

        if (g == GROUP_NONE || arn_parse(arn, &a) < 0)
                return mem_strdup(arn);
        return mem_printf("arn:%s:cloudtrail:%s:%s:trail/*", a.partition,
                          g == GROUP_BY_REGION ? a.region : "*", a.account);
}

char *policy_name_role(const char *arn, Grouping g)
{
        Arn a;

        if (g == GROUP_NONE || arn_parse(arn, &a) < 0)
                return mem_strdup(arn);
        return mem_printf("arn:%s:iam::*:%s", a.partition, a.resource);
}

static bool is_same_role(const Conf *conf, size_t a, size_t b)
{
        return streq_ptr(conf->accounts[a].role_arn, conf->accounts[b].role_arn);
}

/* On what `account` needs p; empty when it does not need it. */
static json_t *resources_of(const Conf *conf, const Permission *p, size_t account, Grouping g)
{
        json_t *array = json_array();

        for (size_t i = 0; i < conf->n_trails; i++) {
                const ConfTrail *t = &conf->trails[i];
                _cleanup_free_ char *name = policy_name_trail(t->arn, g);

                if (!is_same_role(conf, t->account, account))
                        continue;
                if (p->scope == PERMISSION_ON_ALL)
                        policy_append_once(array, "*");
                if (p->scope == PERMISSION_ON_TRAIL &&
                    (!p->to_restart || t->action == TRAIL_ACTION_RESTART))
                        policy_append_once(array, name);
        }
        for (size_t i = 0; i < conf->n_topics && p->scope == PERMISSION_ON_TOPIC; i++)
                if (is_same_role(conf, conf->topics[i].account, account))
                        policy_append_once(array, conf->topics[i].arn);
        for (size_t i = 1; i < conf->n_accounts && account == 0 && p->scope == PERMISSION_ON_ROLE;
             i++) {
                _cleanup_free_ char *name = policy_name_role(conf->accounts[i].role_arn, g);

                policy_append_once(array, name);
        }
        if (p->scope == PERMISSION_ON_NAMESPACE && account == 0 && conf->heartbeat)
                policy_append_once(array, "*");
        return array;
}

/* What an account may do */

static json_t *make_permissions(const PolicyOptions *o, size_t account, Grouping g)
{
        static const char *const sids[][2] = {
                [PERMISSION_ON_ALL] = {"FindActors"},
                [PERMISSION_ON_TRAIL] = {"ReadTrails", "RestartTrails"},
                [PERMISSION_ON_TOPIC] = {"SendAlerts"},
                [PERMISSION_ON_ROLE] = {"TakeRoles"},
                [PERMISSION_ON_NAMESPACE] = {"SendHeartbeat"},
        };
        json_t *statements = json_array();

        for (size_t i = 0; i < n_permissions; i++) {
                const Permission *p = &permissions[i];
                json_t *actions = json_array(), *s;
                _cleanup_json_ json_t *resources = resources_of(o->conf, p, account, g);
                bool had = false;

                /* One statement for all that is given on the same. */
                for (size_t k = 0; k < n_permissions; k++) {
                        if (permissions[k].scope != p->scope ||
                            permissions[k].to_restart != p->to_restart)
                                continue;
                        had = had || k < i;
                        json_append(actions, json_string(permissions[k].action));
                }
                if (had || json_array_size(resources) == 0) {
                        json_decref(actions);
                        continue;
                }
                s = policy_statement(sids[p->scope][p->to_restart], "Allow", actions,
                                     json_incref(resources));
                if (p->scope == PERMISSION_ON_NAMESPACE)
                        json_set(s, "Condition",
                                 json_pack("{s:{s:s}}", "StringEquals", "cloudwatch:namespace",
                                           o->conf->heartbeat_namespace));
                json_append(statements, s);
        }
        return policy_document_of(statements);
}

static void note_permissions(PolicyDocument *d, const Conf *conf, size_t account)
{
        bool publishes = false;

        for (size_t i = 0; i < conf->n_topics; i++)
                publishes = publishes || is_same_role(conf, conf->topics[i].account, account);
        if (d->characters > MANAGED_CHARS)
                note(d, "For an inline policy: a managed one holds %d characters.", MANAGED_CHARS);
        if (publishes)
                note(d, "A topic that is encrypted with a key of your own needs kms:Decrypt and "
                        "kms:GenerateDataKey on that key, here and in the key's policy. "
                        "alias/aws/sns does not serve other accounts.");
}

/* Who may take a role */

static json_t *make_trust(const PolicyOptions *o, size_t account, const char *guard)
{
        const Conf *conf = o->conf;
        json_t *statement =
                policy_statement("TrustGuard", "Allow", json_string("sts:AssumeRole"), NULL);
        json_t *ids = json_array(), *statements = json_array();

        if (account == 0) {
                json_set(statement, "Principal",
                         json_pack("{s:s}", "Service", "ec2.amazonaws.com"));
        } else {
                json_set(statement, "Principal", json_pack("{s:s}", "AWS", guard));
                for (size_t i = account; i < conf->n_accounts; i++)
                        if (is_same_role(conf, i, account) && conf->accounts[i].external_id)
                                policy_append_once(ids, conf->accounts[i].external_id);
        }
        if (json_array_size(ids) > 0)
                json_set(statement, "Condition",
                         json_pack("{s:{s:O}}", "StringEquals", "sts:ExternalId", ids));
        json_decref(ids);
        json_append(statements, statement);
        return policy_document_of(statements);
}

static bool is_placeholder(const PolicyOptions *o)
{
        return !o->guard_arn;
}

static void note_placeholder(PolicyDocument *d, const PolicyOptions *o)
{
        if (is_placeholder(o))
                note(d, "Write the guard's role instead of %s, or say it: --guard-role-arn=ARN.",
                     POLICY_PLACEHOLDER);
}

static void add_account(Policies *p, const PolicyOptions *o, size_t account, const char *guard)
{
        const char *role = o->conf->accounts[account].role_arn, *whose = role ? role : guard;
        _cleanup_free_ char *name = NULL;
        PolicyFor what = account == 0 ? POLICY_FOR_GUARD : POLICY_FOR_TARGET;
        PolicyDocument *d;
        Arn a;

        for (size_t i = 1; i < account; i++)
                if (is_same_role(o->conf, i, account))
                        return; /* told already */
        if (role && arn_parse(role, &a) >= 0) {
                name = mem_printf("target-%s-%s", a.account, a.resource + strlen("role/"));
                for (char *c = strchr(name, '/'); c; c = strchr(c, '/'))
                        *c = '-'; /* of the role's path */
        } else
                name = mem_strdup("guard");
        d = add_fitting(p,
                        (PolicyDocument){.what = what,
                                         .name = mem_printf("%s-permissions", name),
                                         .title = mem_printf("What %s may do", whose),
                                         .limit = ROLE_CHARS},
                        make_permissions, o, account);
        if (d)
                note_permissions(d, o->conf, account);
        if (account == 0 && o->guard_arn && !strstr(o->guard_arn, ":role/"))
                return; /* a user's keys: nobody takes it */
        d = add(p, (PolicyDocument){.what = what,
                                    .name = mem_printf("%s-trust", name),
                                    .title = mem_printf("Who may take %s (trust policy)", whose),
                                    .json = make_trust(o, account, guard),
                                    .limit = TRUST_CHARS});
        if (account == 0)
                note(d, "For a daemon on EC2, with an instance profile.");
        else
                note_placeholder(d, o);
}

/* Topics */

static void add_topic(Policies *p, const PolicyOptions *o, const ConfTopic *t, const char *guard)
{
        const char *publisher = t->role_arn ? t->role_arn : guard;
        bool unknown = !t->role_arn && is_placeholder(o);
        json_t *statements, *statement;
        PolicyDocument *d;
        Arn topic, by;

        if (arn_parse(t->arn, &topic) < 0 ||
            (!unknown && arn_parse(publisher, &by) >= 0 && streq(by.account, topic.account)))
                return;
        statement = policy_statement("AllowTrailsentry", "Allow", json_string("sns:Publish"),
                                     json_string(t->arn));
        json_set(statement, "Principal", json_pack("{s:s}", "AWS", publisher));
        statements = json_array();
        json_append(statements, statement);
        d = add(p, (PolicyDocument){.what = POLICY_FOR_TOPIC,
                                    .name = mem_printf("topic-%s-%s-%s", topic.account,
                                                       topic.region, topic.resource),
                                    .title = mem_printf("What the policy of the topic %s has to "
                                                        "allow",
                                                        t->arn),
                                    .json = policy_document_of(statements),
                                    .limit = TOPIC_CHARS});
        note(d, "Add the statement to those that the topic's policy has.");
        if (unknown) {
                note(d, "Needed only when the guard is not of the topic's account %s.",
                     topic.account);
                note_placeholder(d, o);
        }
}

/* The organization */

static bool protects_instance(const PolicyOptions *o)
{
        for (size_t i = 0; i < o->n_protect; i++)
                if (strstr(o->protect[i], ":instance/"))
                        return true;
        return false;
}

static void note_scp(PolicyDocument *d, const PolicyOptions *o)
{
        note(d, "It does not bind the organization's management account.");
        if (o->n_exempt == 0)
                note(d, "Nobody is exempt: while it is attached, nobody can change what it "
                        "protects. --exempt=ARN,... names who can.");
        note(d, "Attach it when the roles, the alarm and the rest are in place: making them is "
                "denied, too.");
        if (is_placeholder(o))
                note(d, "The guard's own role is not known, and not protected, nor is the "
                        "heartbeat's metric: --guard-role-arn=ARN.");
        if (!o->instance_arn && !protects_instance(o))
                note(d, "The guard's instance is not known, and not protected: "
                        "--protect=arn:aws:ec2:REGION:ACCOUNT:instance/ID.");
        if (o->conf->heartbeat)
                note(d,
                     "Of alarms, those are protected whose names begin with \"" POLICY_ALARM_PREFIX
                     "\".");
        note(d, "--protect=ARN,... adds what a configuration does not name: managed policies of "
                "the roles, the instance, its profile, alarms, the trails' buckets and keys.");
}

/* By ARN as long as an account can have all parts of it. */
static void add_scp(Policies *p, const PolicyOptions *o)
{
        PolicyDocument like = {.what = POLICY_FOR_SCP,
                               .name = (char *)"scp",
                               .title = (char *)"What nobody may do (service control policy)",
                               .limit = SCP_CHARS};
        size_t first = p->n;
        json_t *parts = NULL;
        Grouping g = GROUP_NONE;

        for (;; g++) {
                _cleanup_json_ json_t *json = policy_make_scp(o, g);

                parts = split(json, &like);
                if (json_array_size(parts) <= SCP_PARTS || g + 1 == _GROUPING_MAX)
                        break;
                json_decref(parts);
        }
        add_parts(p, &like, parts);
        if (grouping_notes[g])
                note(&p->items[first], "%s", grouping_notes[g]);
        note_scp(&p->items[first], o);
}

Policies policies_make(const PolicyOptions *o)
{
        const char *guard = o->guard_arn ? o->guard_arn : POLICY_PLACEHOLDER;
        Policies p = {};

        for (size_t i = 0; i < o->conf->n_accounts; i++)
                add_account(&p, o, i, guard);
        for (size_t i = 0; i < o->conf->n_topics; i++)
                add_topic(&p, o, &o->conf->topics[i], guard);
        add_scp(&p, o);
        return p;
}

void policies_done(Policies *p)
{
        for (size_t i = 0; i < p->n; i++) {
                PolicyDocument *d = &p->items[i];

                free(d->name);
                free(d->title);
                json_decref(d->json);
                mem_free_strv(d->notes, d->n_notes);
        }
        free(p->items);
        *p = (Policies){};
}

char *policy_principal_of(const char *identity_arn)
{
        static const char session[] = "assumed-role/";
        Arn a;

        if (arn_parse(identity_arn, &a) < 0)
                return NULL;
        if (strncmp(a.resource, session, strlen(session)) != 0)
                return mem_strdup(identity_arn);
        const char *name = a.resource + strlen(session);

        return mem_printf("arn:%s:iam::%s:role/%.*s", a.partition, a.account,
                          (int)strcspn(name, "/"), name);
}

char *policy_instance_of(const char *identity_arn)
{
        const UserIdentity u = {.type = IDENTITY_ASSUMED_ROLE, .arn = (char *)identity_arn};
        Arn a;

        if (arn_parse(identity_arn, &a) < 0 || !identity_is_named_as_instance(&u))
                return NULL;
        return mem_printf("arn:%s:ec2:*:%s:instance/%s", a.partition, a.account,
                          identity_session_name(&u));
}
