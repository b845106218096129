/* SPDX-License-Identifier: Apache-2.0 */
/* Policies out of a configuration: exactly what is needed, and what fits. */

#include "cli/policy.h"

#include <stdio.h>

#include "base/jsonmap.h"
#include "base/mem.h"
#include "unit.h"

#define GUARD "arn:aws:iam::111122223333:role/guard"

/* A configuration with one topic, read as the daemon reads it. */
static Conf *conf_of(const char *trails, const char *more)
{
        _cleanup_(conf_problems_done) ConfProblems problems = {};
        _cleanup_free_ char *text = mem_printf("trails = ( %s );\n%s", trails, more);
        Conf *conf = NULL;

        if (conf_parse("test.conf", text, strlen(text), &conf, &problems) < 0)
                fail_msg("%s: %s", problems.items[0].option, problems.items[0].text);
        return conf;
}

#define TOPIC "topics = ( { arn = \"arn:aws:sns:eu-west-1:111122223333:alerts\"; } );\n"
#define TRAIL(account, name)                                                                       \
        "{ arn = \"arn:aws:cloudtrail:eu-west-1:" account ":trail/" name                           \
        "\"; role_arn = \"arn:aws:iam::" account ":role/ops/target\"; external_id = \"an-id\"; }"

static const PolicyDocument *find(const Policies *p, const char *name)
{
        for (size_t i = 0; i < p->n; i++)
                if (streq(p->items[i].name, name))
                        return &p->items[i];
        return NULL;
}

/* expected: the statements, with ' for ". */
static void assert_document(const Policies *p, const char *name, const char *expected)
{
        const PolicyDocument *d = find(p, name);
        _cleanup_free_ char *had = NULL,
                            *text = mem_printf("{'Version':'2012-10-17','Statement':[%s]}",
                                               expected);

        for (char *c = strchr(text, '\''); c; c = strchr(c, '\''))
                *c = '"';
        if (!d)
                fail_msg("no document %s", name);
        had = json_dumps(d->json, JSON_COMPACT);
        assert_string_equal(had, text);
        assert_int_equal(d->characters, strlen(had));
}

static bool has_note(const PolicyDocument *d, const char *part)
{
        for (size_t k = 0; k < d->n_notes; k++)
                if (strstr(d->notes[k], part))
                        return true;
        return false;
}

#define READ_TRAILS                                                                                \
        "{'Sid':'ReadTrails','Effect':'Allow',"                                                    \
        "'Action':['cloudtrail:GetTrailStatus','cloudtrail:GetTrail',"                             \
        "'cloudtrail:GetEventSelectors'],'Resource':"
#define ALLOW(sid, action) "{'Sid':'" sid "','Effect':'Allow','Action':['" action "'],'Resource':"
#define AAA_AND_BBB                                                                                \
        "['arn:aws:cloudtrail:eu-west-1:444455556666:trail/aaa',"                                  \
        "'arn:aws:cloudtrail:eu-west-1:444455556666:trail/bbb']}"

static void test_exactly_what_is_called(void **state)
{
        static const char own_trail[] = "{ arn = \"arn:aws:cloudtrail:us-east-1:111122223333:"
                                        "trail/ccc\"; action = \"alert\"; }";
        _cleanup_free_ char *trails = mem_printf("%s, %s, %s", TRAIL("444455556666", "aaa"),
                                                 TRAIL("444455556666", "bbb"), own_trail);
        _cleanup_(conf_freep) Conf *conf =
                conf_of(trails, TOPIC "heartbeat = { namespace = \"ours\"; };");
        const PolicyOptions o = {.conf = conf, .guard_arn = GUARD};
        _cleanup_(policies_done) Policies p = policies_make(&o);

        assert_document(
                &p, "guard-permissions",
                READ_TRAILS "['arn:aws:cloudtrail:us-east-1:111122223333:trail/ccc']}," ALLOW(
                        "FindActors",
                        "cl"
                        "ou"
                        "dt"
                        "ra"
                        "il"
                        ":L"
                        "oo"
                        "ku"
                        "pE"
                        "ve"
                        "nt"
                        "s") "['*']}," ALLOW("SendAlerts",
                                             "sns:Publish','sns:GetTopicAttributes") "['arn:aws:"
                                                                                     "sns:eu-west-"
                                                                                     "1:"
                                                                                     "111122223333:"
                                                                                     "alerts']"
                                                                                     "}," ALLOW(
                                                                                             "TakeR"
                                                                                             "oles",
                                                                                             "sts:"
                                                                                             "Assum"
                                                                                             "eRol"
                                                                                             "e") "['arn:aws:"
                                                                                                  "iam::"
                                                                                                  "444455556666"
                                                                                                  ":"
                                                                                                  "role/ops/"
                                                                                                  "target']}"
                                                                                                  "," ALLOW(
                                                                                                          "Send"
                                                                                                          "He"
                                                                                                          "artb"
                                                                                                          "ea"
                                                                                                          "t",
                                                                                                          "clou"
                                                                                                          "dw"
                                                                                                          "atch"
                                                                                                          ":"
                                                                                                          "PutM"
                                                                                                          "et"
                                                                                                          "ricD"
                                                                                                          "at"
                                                                                                          "a") "["
                                                                                                               "'"
                                                                                                               "*"
                                                                                                               "'"
                                                                                                               "]"
                                                                                                               ","
                                                                                                               "'"
                                                                                                               "C"
                                                                                                               "o"
                                                                                                               "n"
                                                                                                               "d"
                                                                                                               "i"
                                                                                                               "t"
                                                                                                               "i"
                                                                                                               "o"
                                                                                                               "n"
                                                                                                               "'"
                                                                                                               ":"
                                                                                                               "{"
                                                                                                               "'"
                                                                                                               "S"
                                                                                                               "t"
                                                                                                               "r"
                                                                                                               "i"
                                                                                                               "n"
                                                                                                               "g"
                                                                                                               "E"
                                                                                                               "q"
                                                                                                               "u"
                                                                                                               "a"
                                                                                                               "l"
                                                                                                               "s"
                                                                                                               "'"
                                                                                                               ":"
                                                                                                               "{"
                                                                                                               "'"
                                                                                                               "c"
                                                                                                               "l"
                                                                                                               "o"
                                                                                                               "u"
                                                                                                               "d"
                                                                                                               "w"
                                                                                                               "a"
                                                                                                               "t"
                                                                                                               "c"
                                                                                                               "h"
                                                                                                               ":"
                                                                                                               "n"
                                                                                                               "a"
                                                                                                               "m"
                                                                                                               "e"
                                                                                                               "s"
                                                                                                               "p"
                                                                                                               "a"
                                                                                                               "c"
                                                                                                               "e"
                                                                                                               "'"
                                                                                                               ":"
                                                                                                               "'"
                                                                                                               "o"
                                                                                                               "u"
                                                                                                               "r"
                                                                                                               "s"
                                                                                                               "'"
                                                                                                               "}"
                                                                                                               "}"
                                                                                                               "}");
        assert_document(&p, "target-444455556666-ops-target-permissions",
                        READ_TRAILS AAA_AND_BBB
                        "," ALLOW("RestartTrails", "cloudtrail:StartLogging") AAA_AND_BBB
                        "," ALLOW("FindActors", "cloudtrail:LookupEvents") "['*']}");
        assert_document(&p, "target-444455556666-ops-target-trust",
                        "{'Sid':'TrustGuard','Effect':'Allow','Action':'sts:AssumeRole',"
                        "'Principal':{'AWS':'" GUARD "'},"
                        "'Condition':{'StringEquals':{'sts:ExternalId':['an-id']}}}");
        assert_null(find(&p, "topic-111122223333-eu-west-1-alerts")); /* the guard's own account */
}

static void test_without_heartbeat_and_roles(void **state)
{
        _cleanup_(conf_freep) Conf *conf =
                conf_of("{ arn = \"arn:aws:cloudtrail:us-east-1:111122223333:trail/ccc\"; }",
                        TOPIC "heartbeat = { enabled = false; };");
        const PolicyOptions o = {.conf = conf, .guard_arn = GUARD};
        _cleanup_(policies_done) Policies p = policies_make(&o);
        _cleanup_free_ char *text = json_dumps(find(&p, "guard-permissions")->json, 0);

        assert_null(strstr(text, "PutMetricData"));
        assert_null(strstr(text, "AssumeRole"));
        assert_int_equal(p.n, 3);
}

static void test_topics_of_other_accounts(void **state)
{
        _cleanup_(conf_freep) Conf *conf =
                conf_of(TRAIL("444455556666", "aaa"),
                        "topics = ( { arn = \"arn:aws:sns:eu-west-1:777788889999:alerts\"; } );");
        const PolicyOptions o = {.conf = conf, .guard_arn = GUARD};
        _cleanup_(policies_done) Policies p = policies_make(&o);

        assert_document(&p, "topic-777788889999-eu-west-1-alerts",
                        "{'Sid':'AllowTrailsentry','Effect':'Allow','Action':'sns:Publish',"
                        "'Resource':'arn:aws:sns:eu-west-1:777788889999:alerts',"
                        "'Principal':{'AWS':'" GUARD "'}}");
}

static void test_a_topic_with_a_role_of_its_own(void **state)
{
        _cleanup_(conf_freep) Conf *conf =
                conf_of(TRAIL("444455556666", "aaa"),
                        "topics = ( { arn = \"arn:aws:sns:eu-west-1:777788889999:alerts\"; "
                        "role_arn = \"arn:aws:iam::777788889999:role/sender\"; } );\n"
                        "heartbeat = { enabled = false; };");
        const PolicyOptions o = {.conf = conf, .guard_arn = GUARD};
        _cleanup_(policies_done) Policies p = policies_make(&o);

        assert_document(
                &p, "guard-permissions",
                ALLOW("TakeRoles", "sts:AssumeRole") "['arn:aws:iam::444455556666:role/ops/target',"
                                                     "'arn:aws:iam::777788889999:role/sender']}");
        assert_document(&p, "target-777788889999-sender-permissions",
                        ALLOW("SendAlerts",
                              "sns:Publish','sns:GetTopicAttributes") "['arn:aws:sns:eu-west-1:"
                                                                      "777788889999:alerts']}");
        assert_null(find(&p, "topic-777788889999-eu-west-1-alerts"));
}

static void test_an_unknown_guard_is_a_placeholder(void **state)
{
        _cleanup_(conf_freep) Conf *conf = conf_of(TRAIL("444455556666", "aaa"), TOPIC);
        const PolicyOptions o = {.conf = conf};
        _cleanup_(policies_done) Policies p = policies_make(&o);
        const PolicyDocument *trust = find(&p, "target-444455556666-ops-target-trust");
        _cleanup_free_ char *text = json_dumps(trust->json, 0);

        assert_non_null(strstr(text, POLICY_PLACEHOLDER));
        assert_true(has_note(trust, "--guard-role-arn"));
        assert_true(has_note(find(&p, "topic-111122223333-eu-west-1-alerts"), "Needed only when"));
        assert_true(has_note(find(&p, "scp"), "not known, and not protected"));
}

static const json_t *statement(const json_t *document, const char *sid)
{
        const json_t *s;
        size_t i;

        json_array_foreach(json_object_get(document, "Statement"), i, s)
        {
                if (streq(json_string_value(json_object_get(s, "Sid")), sid))
                        return s;
        }
        return NULL;
}

/* expected: the ARNs, with a space between them. */
static void assert_resources(const PolicyDocument *d, const char *sid, const char *expected)
{
        const json_t *s = statement(d->json, sid);
        _cleanup_free_ char *had = mem_strdup("");
        const json_t *resource;
        size_t i;

        if (!s)
                fail_msg("no statement %s", sid);
        json_array_foreach(json_object_get(s, "Resource"), i, resource)
        {
                char *more =
                        mem_printf("%s%s%s", had, i > 0 ? " " : "", json_string_value(resource));

                free(had);
                had = more;
        }
        assert_string_equal(had, expected);
}

static const char *condition(const PolicyDocument *d, const char *sid, const char *operator,
                             const char * key)
{
        const json_t *value = json_object_get(
                json_object_get(json_object_get(statement(d->json, sid), "Condition"), operator),
                key);

        return json_string_value(json_is_array(value) ? json_array_get(value, 0) : value);
}

static void test_protection(void **state)
{
        char *exempt[] = {(char *)"arn:aws:iam::*:role/break-glass"};
        char *protect[] = {(char *)"arn:aws:iam::111122223333:policy/guard",
                           (char *)"arn:aws:cloudwatch:*:111122223333:alarm:ours",
                           (char *)"arn:aws:kms:eu-west-1:444455556666:key/1"};
        _cleanup_(conf_freep) Conf *conf = conf_of(TRAIL("444455556666", "aaa"), TOPIC);
        const PolicyOptions o = {.conf = conf,
                                 .guard_arn = GUARD,
                                 .instance_arn = "arn:aws:ec2:*:111122223333:instance/i-1",
                                 .exempt = exempt,
                                 .n_exempt = 1,
                                 .protect = protect,
                                 .n_protect = ELEMENTSOF(protect)};
        _cleanup_(policies_done) Policies p = policies_make(&o);
        const PolicyDocument *scp = find(&p, "scp");
        const json_t *s;
        size_t i;

        assert_resources(scp, "ProtectTrails",
                         "arn:aws:cloudtrail:eu-west-1:444455556666:trail/aaa");
        assert_resources(scp, "ProtectRoles",
                         GUARD " arn:aws:iam::111122223333:role/*/guard "
                               "arn:aws:iam::444455556666:role/ops/target");
        assert_resources(scp, "ProtectManagedPolicies", protect[0]);
        assert_resources(scp, "ProtectInstanceProfiles",
                         "arn:aws:iam::111122223333:instance-profile/guard "
                         "arn:aws:iam::111122223333:instance-profile/*/guard");
        assert_resources(scp, "ProtectInstances", o.instance_arn);
        assert_resources(scp, "ProtectTopics", "arn:aws:sns:eu-west-1:111122223333:alerts");
        assert_resources(scp, "ProtectAlarms",
                         "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:trailsentry* "
                         "arn:aws:cloudwatch:*:111122223333:alarm:ours");
        assert_resources(scp, "ProtectKeys", protect[2]);
        assert_null(statement(scp->json, "ProtectUsers"));
        assert_null(statement(scp->json, "ProtectBuckets"));
        assert_string_equal(
                condition(scp, "ProtectSubscriptions", "StringEquals", "aws:PrincipalAccount"),
                "111122223333");
        assert_string_equal(
                condition(scp, "ProtectHeartbeat", "StringEquals", "cloudwatch:namespace"),
                "trailsentry");
        json_array_foreach(json_object_get(scp->json, "Statement"), i, s)
        {
                const char *sid = json_string_value(json_object_get(s, "Sid"));
                bool guards = streq(sid, "ProtectHeartbeat"); /* are not denied theirs */

                assert_string_equal(json_string_value(json_object_get(s, "Effect")), "Deny");
                assert_true(statement(scp->json, sid) == s); /* a Sid is there once */
                assert_string_equal(condition(scp, sid, "ArnNotLike", "aws:PrincipalArn"),
                                    guards ? GUARD : exempt[0]);
        }
        assert_false(has_note(scp, "Nobody is exempt"));
        assert_false(has_note(scp, "instance is not known"));
}

/* Where trails are declared to deliver; what has a name alone may be of any account. */
static void test_protection_of_what_is_expected(void **state)
{
        _cleanup_(conf_freep) Conf *conf = conf_of(
                "{ arn = \"arn:aws-cn:cloudtrail:cn-north-1:444455556666:trail/aaa\"; expect = "
                "{ s3_bucket_name = \"the-logs\"; kms_key_id = "
                "\"arn:aws-cn:kms:cn-north-1:444455556666:key/1\"; sns_topic = \"news\"; log_group "
                "= "
                "\"arn:aws-cn:logs:cn-north-1:444455556666:log-group:trails\"; }; }",
                "topics = ( { arn = \"arn:aws-cn:sns:cn-north-1:444455556666:alerts\"; } );"
                "heartbeat = { enabled = false; };");
        const PolicyOptions o = {.conf = conf,
                                 .guard_arn = "arn:aws-cn:iam::111122223333:user/guard"};
        _cleanup_(policies_done) Policies p = policies_make(&o);
        const PolicyDocument *scp = find(&p, "scp");

        assert_resources(scp, "ProtectUsers", o.guard_arn);
        assert_resources(scp, "ProtectBuckets",
                         "arn:aws-cn:s3:::the-logs arn:aws-cn:s3:::the-logs/*");
        assert_resources(scp, "ProtectKeys", "arn:aws-cn:kms:cn-north-1:444455556666:key/1");
        assert_resources(scp, "ProtectTopics", "arn:aws-cn:sns:cn-north-1:444455556666:alerts");
        assert_resources(scp, "ProtectLogGroups",
                         "arn:aws-cn:logs:cn-north-1:444455556666:log-group:trails "
                         "arn:aws-cn:logs:cn-north-1:444455556666:log-group:trails:*");
        assert_null(statement(scp->json, "ProtectRoles"));
        assert_null(statement(scp->json, "ProtectAlarms"));
        assert_null(statement(scp->json, "ProtectHeartbeat"));
        assert_true(has_note(scp, "Nobody is exempt"));
        assert_true(has_note(scp, "instance is not known"));
}

/* Without knowing who the guard is, nobody is kept from sending its heartbeat. */
static void test_protection_of_an_unknown_guard(void **state)
{
        _cleanup_(conf_freep) Conf *conf = conf_of(TRAIL("444455556666", "aaa"), TOPIC);
        const PolicyOptions o = {.conf = conf};
        _cleanup_(policies_done) Policies p = policies_make(&o);
        const PolicyDocument *scp = find(&p, "scp");
        _cleanup_free_ char *text = json_dumps(scp->json, 0);

        assert_null(statement(scp->json, "ProtectHeartbeat"));
        assert_null(strstr(text, POLICY_PLACEHOLDER));
        assert_resources(scp, "ProtectAlarms", "arn:aws:cloudwatch:eu-west-1:*:alarm:trailsentry*");
}

static void test_what_can_be_protected(void **state)
{
        static const char *const good[] = {
                "arn:aws:cloudtrail:*:*:trail/baseline",
                "arn:aws:iam::111122223333:role/x",
                "arn:aws:iam::111122223333:user/x",
                "arn:aws:iam::111122223333:policy/x",
                "arn:aws:iam::*:instance-profile/x",
                "arn:aws:ec2:eu-west-1:111122223333:instance/i-1",
                "arn:aws:sns:eu-west-1:111122223333:x",
                "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:x",
                "arn:aws:s3:::x",
                "arn:aws:kms:eu-west-1:111122223333:key/x",
                "arn:aws:logs:eu-west-1:111122223333:log-group:x",
        };
        static const char *const bad[] = {
                "arn:aws:iam::111122223333:group/x",
                "arn:aws:ec2:eu-west-1:111122223333:vpc/x",
                "arn:aws:s3::x",
                "arn:aws:s3:::",
                "arn:aws:s3x:::x",
                "arn:aws",
                "",
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                if (!policy_protects(good[i]))
                        fail_msg("%s", good[i]);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (policy_protects(bad[i]))
                        fail_msg("%s", bad[i]);
}

/* n trails, each of an account of its own when `accounts` is more than one. */
static Conf *fleet(unsigned n, unsigned n_accounts)
{
        char *trails = mem_strdup("");
        Conf *conf;

        for (unsigned i = 0; i < n; i++) {
                char *more = mem_printf(
                        "%s%s{ arn = \"arn:aws:cloudtrail:eu-west-1:%012u:trail/a-trail-with-a-"
                        "name-%u\"; role_arn = \"arn:aws:iam::%012u:role/target-%u\"; }",
                        trails, i > 0 ? "," : "", 1 + i % n_accounts, i, 1 + i % n_accounts,
                        n_accounts > 500 ? i : 0);

                free(trails);
                trails = more;
        }
        conf = conf_of(trails, TOPIC);
        free(trails);
        return conf;
}

static void assert_all_fit(const Policies *p)
{
        for (size_t i = 0; i < p->n; i++) {
                const PolicyDocument *d = &p->items[i];
                _cleanup_free_ char *text = json_dumps(
                        d->json, d->what == POLICY_FOR_SCP ? JSON_INDENT(2) : JSON_COMPACT);

                if (d->characters > d->limit || strlen(text) > d->limit)
                        fail_msg("%s has %zu characters", d->name, d->characters);
        }
}

/* How often `what` is in the documents named "NAME-1" and so on; no Sid is twice in one. */
static size_t count_in_parts(const Policies *p, const char *name, const char *what)
{
        size_t n = 0, k;
        const json_t *s;

        for (unsigned part = 1;; part++) {
                _cleanup_free_ char *whole = mem_printf("%s-%u", name, part), *text = NULL;
                const PolicyDocument *d = find(p, whole);

                if (!d)
                        return n;
                text = json_dumps(d->json, 0);
                for (const char *at = text; (at = strstr(at, what)); at++)
                        n++;
                json_array_foreach(json_object_get(d->json, "Statement"), k, s) assert_true(
                        statement(d->json, json_string_value(json_object_get(s, "Sid"))) == s);
        }
}

static void test_a_fleet_is_grouped(void **state)
{
        _cleanup_(conf_freep) Conf *conf = fleet(300, 1);
        const PolicyOptions o = {.conf = conf, .guard_arn = GUARD};
        _cleanup_(policies_done) Policies p = policies_make(&o);
        const PolicyDocument *d = find(&p, "target-000000000001-target-0-permissions");
        _cleanup_free_ char *text = json_dumps(d->json, 0);

        assert_all_fit(&p);
        assert_non_null(strstr(text, "\"arn:aws:cloudtrail:eu-west-1:000000000001:trail/*\""));
        assert_true(has_note(d, "All ARNs do not fit"));
}

static void test_roles_of_a_fleet_are_grouped(void **state)
{
        _cleanup_(conf_freep) Conf *conf = fleet(400, 400);
        const PolicyOptions o = {.conf = conf, .guard_arn = GUARD};
        _cleanup_(policies_done) Policies p = policies_make(&o);
        _cleanup_free_ char *text = json_dumps(find(&p, "guard-permissions")->json, 0);

        assert_all_fit(&p);
        assert_non_null(strstr(text, "\"arn:aws:iam::*:role/target-0\""));
}

static void test_what_does_not_fit_is_split(void **state)
{
        _cleanup_(conf_freep) Conf *conf = fleet(600, 600);
        const PolicyOptions o = {.conf = conf, .guard_arn = GUARD};
        _cleanup_(policies_done) Policies p = policies_make(&o);

        assert_all_fit(&p);
        assert_null(find(&p, "guard-permissions"));
        /* none is lost, none is twice */
        assert_int_equal(count_in_parts(&p, "guard-permissions", ":role/target-"), 600);
}

/* By ARN, in as many policies as an account can have; then by wildcards. */
static void test_a_long_scp_is_split(void **state)
{
        static const struct {
                unsigned trails, accounts;
                bool by_arn;
        } rows[] = {{100, 1, true}, {300, 300, true}, {1200, 1, false}, {1200, 2, false}};

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(conf_freep) Conf *conf = fleet(rows[i].trails, rows[i].accounts);
                const PolicyOptions o = {.conf = conf, .guard_arn = GUARD};
                _cleanup_(policies_done) Policies p = policies_make(&o);

                assert_all_fit(&p);
                assert_null(find(&p, "scp-10"));
                if (!rows[i].by_arn) {
                        assert_true(has_note(find(&p, "scp"), "by a wildcard"));
                        continue;
                }
                assert_true(has_note(find(&p, "scp-2"), "attach all parts"));
                assert_int_equal(count_in_parts(&p, "scp", ":trail/a-trail-"), rows[i].trails);
                assert_int_equal(count_in_parts(&p, "scp", "sns:Unsubscribe"), 1);
        }
}

static void test_principals(void **state)
{
        static const char *const cases[][2] = {
                {"arn:aws:sts::111122223333:assumed-role/guard/i-0123", GUARD},
                {"arn:aws-cn:sts::111122223333:assumed-role/g/s",
                 "arn:aws-cn:iam::111122223333:role/g"},
                {"arn:aws:iam::111122223333:user/x", "arn:aws:iam::111122223333:user/x"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *had = policy_principal_of(cases[i][0]);

                assert_string_equal(had, cases[i][1]);
        }
        assert_null(policy_principal_of("x"));
}

static void test_instances(void **state)
{
        static const char *const others[] = {"arn:aws:sts::111122223333:assumed-role/guard/alice",
                                             "arn:aws:iam::111122223333:user/i-0123456789abcdef0",
                                             "x", ""};
        _cleanup_free_ char *had = policy_instance_of(
                "arn:aws-cn:sts::111122223333:assumed-role/guard/i-0123456789abcdef0");

        assert_string_equal(had, "arn:aws-cn:ec2:*:111122223333:instance/i-0123456789abcdef0");
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                assert_null(policy_instance_of(others[i]));
}

UNIT_MAIN(T(test_exactly_what_is_called), T(test_without_heartbeat_and_roles),
          T(test_topics_of_other_accounts), T(test_a_topic_with_a_role_of_its_own),
          T(test_an_unknown_guard_is_a_placeholder), T(test_protection),
          T(test_protection_of_what_is_expected), T(test_protection_of_an_unknown_guard),
          T(test_what_can_be_protected), T(test_a_fleet_is_grouped),
          T(test_roles_of_a_fleet_are_grouped), T(test_what_does_not_fit_is_split),
          T(test_a_long_scp_is_split), T(test_principals), T(test_instances))
