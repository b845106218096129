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
        "'Action':['cloudtrail:GetTrailStatus','cloudtrail:GetTrail'],'Resource':"
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
                                             "sns:Publish") "['arn:aws:sns:eu-west-1:111122223333:"
                                                            "alerts']"
                                                            "}," ALLOW(
                                                                    "TakeRoles",
                                                                    "sts:AssumeRole") "['arn:aws:"
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
                              "sns:Publish") "['arn:aws:sns:eu-west-1:777788889999:alerts']}");
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

static void test_protection(void **state)
{
        char *exempt[] = {(char *)"arn:aws:iam::*:role/break-glass"};
        _cleanup_(conf_freep) Conf *conf = conf_of(TRAIL("444455556666", "aaa"), TOPIC);
        const PolicyOptions o = {.conf = conf, .guard_arn = GUARD, .exempt = exempt, .n_exempt = 1};
        _cleanup_(policies_done) Policies p = policies_make(&o);
        const PolicyDocument *scp = find(&p, "scp");
        const json_t *s, *statements = json_object_get(scp->json, "Statement");
        size_t i;

        assert_int_equal(json_array_size(statements), 2);
        json_array_foreach(statements, i, s)
        {
                const json_t *condition =
                        json_object_get(json_object_get(s, "Condition"), "ArnNotLike");

                assert_string_equal(json_string_value(json_object_get(s, "Effect")), "Deny");
                assert_string_equal(json_string_value(json_array_get(
                                            json_object_get(condition, "aws:PrincipalArn"), 0)),
                                    exempt[0]);
        }
        assert_string_equal(json_string_value(json_array_get(
                                    json_object_get(json_array_get(statements, 1), "Resource"), 0)),
                            GUARD);
        assert_false(has_note(scp, "Nobody is exempt"));
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
        for (size_t i = 0; i < p->n; i++)
                if (p->items[i].characters > p->items[i].limit)
                        fail_msg("%s has %zu characters", p->items[i].name, p->items[i].characters);
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
        assert_true(has_note(d, "do not fit into one policy"));
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
        size_t roles = 0;

        assert_all_fit(&p);
        assert_null(find(&p, "guard-permissions"));
        assert_non_null(find(&p, "scp-2"));
        for (unsigned part = 1;; part++) {
                _cleanup_free_ char *name = mem_printf("guard-permissions-%u", part), *text = NULL;
                const PolicyDocument *d = find(&p, name);

                if (!d)
                        break;
                text = json_dumps(d->json, 0);
                for (const char *at = text; (at = strstr(at, ":role/target-")); at++)
                        roles++;
        }
        assert_int_equal(roles, 600); /* none is lost, none is twice */
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

UNIT_MAIN(T(test_exactly_what_is_called), T(test_without_heartbeat_and_roles),
          T(test_topics_of_other_accounts), T(test_a_topic_with_a_role_of_its_own),
          T(test_an_unknown_guard_is_a_placeholder), T(test_protection), T(test_a_fleet_is_grouped),
          T(test_roles_of_a_fleet_are_grouped), T(test_what_does_not_fit_is_split),
          T(test_principals))
