/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: what is taken over, and every refusal with its line, option and words.
 * A case of the table runs alone by its name: test-conf NAME. */

#include <stdio.h>
#include <syslog.h>

#include "unit.h"

#include "base/mem.h"
#include "daemon/conf.h"

#define TRAIL_ARN "arn:aws:cloudtrail:eu-central-1:111122223333:trail/management-events"
#define TOPIC_ARN "arn:aws:sns:eu-central-1:111122223333:security-alerts"
#define ROLE_ARN "arn:aws:iam::444455556666:role/guard"
#define TRAILS "trails = ( { arn = \"" TRAIL_ARN "\"; } );\n"
#define TOPICS "topics = ( { arn = \"" TOPIC_ARN "\"; } );\n"
#define PROXY_FORM                                                                                 \
        "a URL http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ before the host where "  \
        "it is needed, or \"\" for none at all"
#define GOOD TRAILS TOPICS /* lines 1 and 2 */

#define SYNTAX_ERROR                                                                               \
        "syntax error: look here and before: texts and durations stand in double quotes, true "    \
        "and "                                                                                     \
        "false without, groups as { ... }, lists as ( { ... }, { ... } ) with no comma at the "    \
        "end, "                                                                                    \
        "and all is closed again"

/* A text and all that is said about it, as conf_problem_line() says it. */
typedef struct Refusal {
        const char *name;
        const char *text;
        const char *lines[6];
} Refusal;

static const Refusal refusals[] = {
        {"empty file",
         "",
         {"x.conf: trails: is missing, and has to be a list of groups: ( { arn = \"...\"; } )",
          "x.conf: topics: is missing, and has to be a list of groups: ( { arn = \"...\"; } )"}},
        {"empty lists",
         "trails = ();\ntopics = ();\n",
         {"x.conf:1: trails: is empty, and has to be a list of groups: ( { arn = \"...\"; } )",
          "x.conf:2: topics: is empty, and has to be a list of groups: ( { arn = \"...\"; } )"}},
        {"trail without arn",
         "trails = (\n  { action = \"alert\"; }\n);\n" TOPICS,
         {"x.conf:2: trails[0].arn: is missing, and has to be an ARN "
          "arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME"}},
        {"list of texts",
         "trails = ( \"" TRAIL_ARN "\" );\n" TOPICS,
         {"x.conf:1: trails[0]: is a text, and has to be a group { arn = \"...\"; }"}},
        {"group instead of list",
         "trails = { arn = \"" TRAIL_ARN "\"; };\n" TOPICS,
         {"x.conf:1: trails: is a group { ... }, and has to be a list of groups: ( { arn = "
          "\"...\"; } )"}},
        {"misspelt option",
         GOOD "pol_interval = \"10s\";\n",
         {"x.conf:3: pol_interval: unknown option; did you mean \"poll_interval\"?"}},
        {"dash for underscore",
         GOOD "poll-interval = \"10s\";\n",
         {"x.conf:3: poll-interval: unknown option; did you mean \"poll_interval\"?"}},
        {"option of another group",
         GOOD "role_arn = \"" ROLE_ARN "\";\n",
         {"x.conf:3: role_arn: unknown option; known here: trails, topics, accounts, runbook, "
          "poll_interval, "
          "cannot_see_after, action, drift, heartbeat, endpoint, fips, dual_stack, ca_file, proxy, "
          "profile, log_level"}},
        {"drift that is no group",
         GOOD "drift = false;\n",
         {"x.conf:3: drift: is true or false, and has to be a group { ... }"}},
        {"drift too often",
         GOOD "drift = { interval = \"1s\"; };\n",
         {"x.conf:3: drift.interval: \"1s\": has to be a duration from \"10s\" to \"1h\""}},
        {"expectations that cannot be",
         "trails = ( { arn = \"" TRAIL_ARN "\"; expect = { s3_bucket_name = \"\"; multi_region = "
         "\"yes\"; management_events = \"some\"; bucket = \"b\"; }; } );\n" TOPICS,
         {"x.conf:1: trails[0].expect.s3_bucket_name: \"\": has to be the name of a bucket",
          "x.conf:1: trails[0].expect.multi_region: is a text, and has to be true or false, "
          "without quotes",
          "x.conf:1: trails[0].expect.management_events: \"some\": has to be \"all\"",
          "x.conf:1: trails[0].expect.bucket: unknown option; known here: s3_bucket_name, "
          "s3_key_prefix, kms_key_id, sns_topic, log_group, multi_region, organization, "
          "global_service_events, log_file_validation, management_events"}},
        {"option of the top level in a group",
         GOOD "heartbeat = { log_level = \"info\"; };\n",
         {"x.conf:3: heartbeat.log_level: unknown option; known here: enabled, namespace, region"}},
        {"unknown option",
         GOOD "heartbeat = { colour = \"red\"; };\n",
         {"x.conf:3: heartbeat.colour: unknown option; known here: enabled, namespace, region"}},
        {"integer for a duration",
         GOOD "poll_interval = 15;\n",
         {"x.conf:3: poll_interval: is a number, and has to be a duration from \"1s\" to "
          "\"20min\""}},
        {"float for a duration",
         GOOD "poll_interval = 1.5;\n",
         {"x.conf:3: poll_interval: is a number, and has to be a duration from \"1s\" to "
          "\"20min\""}},
        {"integer that wraps",
         GOOD "poll_interval = 4294967297;\n",
         {"x.conf:3: poll_interval: is a number, and has to be a duration from \"1s\" to "
          "\"20min\""}},
        {"duration without a unit",
         GOOD "poll_interval = \"10\";\n",
         {"x.conf:3: poll_interval: \"10\": has to be a duration from \"1s\" to \"20min\""}},
        {"duration too short",
         GOOD "poll_interval = \"999ms\";\n",
         {"x.conf:3: poll_interval: \"999ms\": has to be a duration from \"1s\" to \"20min\""}},
        {"duration too long",
         GOOD "cannot_see_after = \"61min\";\n",
         {"x.conf:3: cannot_see_after: \"61min\": has to be a duration from \"10s\" to \"1h\""}},
        {"duration that overflows",
         GOOD "poll_interval = \"99999999999999999999h\";\n",
         {"x.conf:3: poll_interval: \"99999999999999999999h\": has to be a duration from \"1s\" to "
          "\"20min\""}},
        {"text for a boolean",
         GOOD "fips = \"true\";\n",
         {"x.conf:3: fips: is a text, and has to be true or false, without quotes"}},
        {"boolean for a text",
         GOOD "proxy = true;\n",
         {"x.conf:3: proxy: is true or false, and has to be " PROXY_FORM}},
        {"text for a group",
         GOOD "heartbeat = \"off\";\n",
         {"x.conf:3: heartbeat: is a text, and has to be a group { ... }"}},
        {"unknown action",
         GOOD "action = \"delete\";\n",
         {"x.conf:3: action: \"delete\": has to be \"restart\" or \"alert\""}},
        {"unknown log level",
         GOOD "log_level = \"loud\";\n",
         {"x.conf:3: log_level: \"loud\": has to be \"debug\", \"info\", \"notice\", \"warning\" "
          "or \"error\""}},
        {"log level that would hide errors",
         GOOD "log_level = \"crit\";\n",
         {"x.conf:3: log_level: \"crit\": has to be \"debug\", \"info\", \"notice\", \"warning\" "
          "or \"error\""}},
        {"name for a trail's arn",
         "trails = ( { arn = \"management-events\"; } );\n" TOPICS,
         {"x.conf:1: trails[0].arn: \"management-events\": it is not of the form "
          "arn:partition:service:region:account:resource; has to be an ARN "
          "arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME"}},
        {"topic for a trail",
         "trails = ( { arn = \"" TOPIC_ARN "\"; } );\n" TOPICS,
         {"x.conf:1: trails[0].arn: \"" TOPIC_ARN
          "\": it is not one of CloudTrail; has to be an ARN "
          "arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME"}},
        {"region of another partition",
         TRAILS "topics = ( { arn = \"arn:aws:sns:cn-north-1:111122223333:a\"; } );\n",
         {"x.conf:2: topics[0].arn: \"arn:aws:sns:cn-north-1:111122223333:a\": its region is "
          "missing or not one of its partition; has to be an ARN arn:aws:sns:REGION:ACCOUNT:NAME"}},
        {"topic of another partition",
         TRAILS "topics = ( { arn = \"arn:aws-cn:sns:cn-north-1:111122223333:a\"; } );\n",
         {"x.conf:2: topics[0].arn: in the partition \"aws-cn\", while the first trail is in "
          "\"aws\": no credentials reach both, run another daemon there"}},
        {"trail of another partition",
         "trails = ( { arn = \"" TRAIL_ARN "\"; },\n"
         "{ arn = \"arn:aws-cn:cloudtrail:cn-north-1:111122223333:trail/abc\"; } );\n" TOPICS,
         {"x.conf:2: trails[1].arn: in the partition \"aws-cn\", while the first trail is in "
          "\"aws\": no credentials reach both, run another daemon there"}},
        {"role of another partition",
         "trails = ( { arn = \"" TRAIL_ARN "\";\n"
         "role_arn = \"arn:aws-cn:iam::444455556666:role/guard\"; } );\n" TOPICS,
         {"x.conf:2: trails[0].role_arn: in the partition \"aws-cn\", while the first trail is in "
          "\"aws\": no credentials reach both, run another daemon there"}},
        {"heartbeat in another partition",
         GOOD "heartbeat = { region = \"us-gov-west-1\"; };\n",
         {"x.conf:3: heartbeat.region: in the partition \"aws-us-gov\", while the first trail is "
          "in \"aws\": no credentials reach both, run another daemon there"}},
        {"fifo in the middle of a topic's name",
         TRAILS "topics = ( { arn = \"" TOPIC_ARN ".fifo-2\"; } );\n",
         {"x.conf:2: topics[0].arn: \"" TOPIC_ARN
          ".fifo-2\": its topic name is not 1 to 256 letters, digits, '_' or '-' (and \".fifo\" at "
          "the end of a FIFO topic's); has to be an ARN arn:aws:sns:REGION:ACCOUNT:NAME"}},
        {"formats and severities that are none",
         TRAILS "topics = ( { arn = \"" TOPIC_ARN "\"; format = \"slack\"; min_severity = 2; },\n"
                "{ arn = \"" TOPIC_ARN "2\"; format = \"JSON\"; min_severity = \"error\"; } );\n",
         {"x.conf:2: topics[0].format: \"slack\": has to be \"text\", \"json\", \"per-protocol\" "
          "or "
          "\"chat\"",
          "x.conf:2: topics[0].min_severity: is a number, and has to be \"info\", \"warning\", "
          "\"high\" or \"critical\"",
          "x.conf:3: topics[1].format: \"JSON\": has to be \"text\", \"json\", \"per-protocol\" or "
          "\"chat\"",
          "x.conf:3: topics[1].min_severity: \"error\": has to be \"info\", \"warning\", \"high\" "
          "or "
          "\"critical\""}},
        {"chat on a fifo topic",
         TRAILS "topics = ( { arn = \"" TOPIC_ARN ".fifo\"; format = \"chat\"; } );\n",
         {"x.conf:2: topics[0].format: is \"chat\", which a FIFO topic cannot deliver to: take a "
          "standard topic, or another format"}},
        {"nobody hears of a stopped trail",
         TRAILS "topics = ( { arn = \"" TOPIC_ARN "\"; min_severity = \"critical\"; } );\n",
         {"x.conf:2: topics[0].min_severity: is \"critical\" for every topic, so that nobody would "
          "hear of a stopped trail: write \"high\" or less for at least one of them"}},
        {"external id of a topic without its role",
         TRAILS "topics = ( { arn = \"" TOPIC_ARN "\"; external_id = \"abc\"; } );\n",
         {"x.conf:2: topics[0].external_id: of use only with role_arn: name the role, or leave it "
          "out"}},
        {"role of a topic in another partition",
         TRAILS "topics = ( { arn = \"" TOPIC_ARN
                "\"; role_arn = \"arn:aws-cn:iam::444455556666:role/r\"; } );\n",
         {"x.conf:2: topics[0].role_arn: in the partition \"aws-cn\", while the first trail is in "
          "\"aws\": no credentials reach both, run another daemon there"}},
        {"user for a role",
         "trails = ( { arn = \"" TRAIL_ARN "\"; role_arn = "
         "\"arn:aws:iam::444455556666:user/x\"; } );\n" TOPICS,
         {"x.conf:1: trails[0].role_arn: \"arn:aws:iam::444455556666:user/x\": it does not name a "
          "role (role/NAME); has to be an ARN arn:aws:iam::ACCOUNT:role/NAME"}},
        {"placeholders",
         "trails = ( { arn = \"arn:aws:cloudtrail:<REGION>:<ACCOUNT>:trail/x\"; } );\n" TOPICS,
         {"x.conf:1: trails[0].arn: \"arn:aws:cloudtrail:<REGION>:<ACCOUNT>:trail/x\": it still "
          "has to be filled in; has to be an ARN arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME"}},
        {"trail twice",
         "trails = ( { arn = \"" TRAIL_ARN "\"; },\n{ arn = \"" TRAIL_ARN "\"; } );\n" TOPICS,
         {"x.conf:2: trails[1].arn: the same as that of line 1 (capital letters do not count): "
          "keep one of the two"}},
        {"topic twice, of three",
         TRAILS "topics = ( { arn = \"" TOPIC_ARN "\"; },\n{ arn = \"" TOPIC_ARN "s\"; },\n"
                "{ arn = \"" TOPIC_ARN "\"; } );\n",
         {"x.conf:4: topics[2].arn: the same as that of line 2 (capital letters do not count): "
          "keep one of the two"}},
        {"trail in two spellings",
         "trails = ( { arn = \"" TRAIL_ARN "\"; },\n{ arn = \"arn:aws:cloudtrail:eu-central-1:"
         "111122223333:trail/Management-Events\"; } );\n" TOPICS,
         {"x.conf:2: trails[1].arn: the same as that of line 1 (capital letters do not count): "
          "keep one of the two"}},
        {"external id without role",
         "trails = ( { arn = \"" TRAIL_ARN "\";\nexternal_id = \"abc\"; } );\n" TOPICS,
         {"x.conf:2: trails[0].external_id: of use only with role_arn: name the role, or leave it "
          "out"}},
        {"external id is not repeated",
         "trails = ( { arn = \"" TRAIL_ARN "\";\nrole_arn = \"" ROLE_ARN "\"; external_id = "
         "\"a b\"; } );\n" TOPICS,
         {"x.conf:2: trails[0].external_id: has to be 2 to 1224 letters, digits and _+=,.@:/-"}},
        {"external id of one character",
         "trails = ( { arn = \"" TRAIL_ARN "\"; role_arn = \"" ROLE_ARN "\";\nexternal_id = "
         "\"a\"; } );\n" TOPICS,
         {"x.conf:2: trails[0].external_id: has to be 2 to 1224 letters, digits and _+=,.@:/-"}},
        {"cannot_see_after below three polls",
         "trails = ( { arn = \"" TRAIL_ARN "\"; poll_interval = \"30s\"; } );\n" TOPICS
         "cannot_see_after = \"80s\";\n",
         {"x.conf:3: cannot_see_after: is less than three polls of line 1: write at least \"90s\", "
          "or poll more often"}},
        {"default of cannot_see_after below three polls",
         GOOD "poll_interval = \"21s\";\n",
         {"x.conf: cannot_see_after: is less than three polls of line 1: write at least \"63s\", "
          "or poll more often"}},
        {"polls too seldom for any cannot_see_after",
         GOOD "poll_interval = \"30min\";\ncannot_see_after = \"1h\";\n",
         {"x.conf:3: poll_interval: \"30min\": has to be a duration from \"1s\" to \"20min\""}},
        {"wrong cannot_see_after is told once",
         GOOD "poll_interval = \"30s\";\ncannot_see_after = 90;\n",
         {"x.conf:4: cannot_see_after: is a number, and has to be a duration from \"10s\" to "
          "\"1h\""}},
        {"fips with endpoint",
         GOOD "fips = true;\nendpoint = \"https://vpce.example.com\";\ndual_stack = false;\n",
         {"x.conf:3: fips: excludes endpoint: name the very host there, or leave endpoint out"}},
        {"dual stack with endpoint",
         GOOD "dual_stack = true;\nendpoint = \"https://vpce.example.com\";\n",
         {"x.conf:3: dual_stack: excludes endpoint: name the very host there, or leave endpoint "
          "out"}},
        {"plain http endpoint",
         GOOD "endpoint = \"http://vpce.example.com\";\n",
         {"x.conf:3: endpoint: \"http://vpce.example.com\": plain http is for loopback addresses "
          "only; has to be a URL https://HOST[:PORT][/PATH], in which {service} and "
          "{region} may stand"}},
        {"plain http to a name that begins like loopback",
         GOOD "endpoint = \"http://127.0.0.1.example.com\";\n",
         {"x.conf:3: endpoint: \"http://127.0.0.1.example.com\": plain http is for loopback "
          "addresses only; has to be a URL https://HOST[:PORT][/PATH], in which {service} "
          "and {region} may stand"}},
        {"endpoint without a scheme",
         GOOD "endpoint = \"vpce.example.com\";\n",
         {"x.conf:3: endpoint: \"vpce.example.com\": has to be a URL https://HOST[:PORT][/PATH], "
          "in which {service} and {region} may stand"}},
        {"endpoint with another placeholder",
         GOOD "endpoint = \"https://{account}.example.com\";\n",
         {"x.conf:3: endpoint: \"https://{account}.example.com\": has to be a URL "
          "https://HOST[:PORT][/PATH], in which {service} and {region} may stand"}},
        {"proxy with a password is not repeated",
         GOOD "proxy = \"http://joe:secret@proxy.example.com\";\n",
         {"x.conf:3: proxy: has to be " PROXY_FORM}},
        {"proxy without a port",
         GOOD "proxy = \"http://proxy.example.com\";\n",
         {"x.conf:3: proxy: has to be " PROXY_FORM}},
        {"relative ca_file",
         GOOD "ca_file = \"ca.pem\";\n",
         {"x.conf:3: ca_file: \"ca.pem\": has to be a full path, as \"/etc/ssl/ca.pem\""}},
        {"path with a newline",
         GOOD "ca_file = \"/a\\nb\";\n",
         {"x.conf:3: ca_file: \"/a\\x0ab\": has to be a full path, as \"/etc/ssl/ca.pem\""}},
        {"namespace of AWS",
         GOOD "heartbeat = { namespace = \"AWS/EC2\"; };\n",
         {"x.conf:3: heartbeat.namespace: \"AWS/EC2\": has to be 1 to 255 letters, digits, spaces "
          "and .-_/#:, not beginning with \":\" or with AWS's own \"AWS/\""}},
        {"namespace with a colon first",
         GOOD "heartbeat = { namespace = \":x\"; };\n",
         {"x.conf:3: heartbeat.namespace: \":x\": has to be 1 to 255 letters, digits, spaces and "
          ".-_/#:, not beginning with \":\" or with AWS's own \"AWS/\""}},
        {"no region",
         GOOD "heartbeat = { region = \"Frankfurt\"; };\n",
         {"x.conf:3: heartbeat.region: \"Frankfurt\": has to be a region, as \"eu-central-1\""}},
        {"terminal controls are escaped",
         GOOD "action = \"\x1b[31m\";\n",
         {"x.conf:3: action: \"\\x1b[31m\": has to be \"restart\" or \"alert\""}},
        {"every problem, by line",
         "fips = 1;\ntrails = ( { arn = \"x\";\nacton = \"alert\"; } );\nlog_level = \"?\";\n",
         {"x.conf: topics: is missing, and has to be a list of groups: ( { arn = \"...\"; } )",
          "x.conf:1: fips: is a number, and has to be true or false, without quotes",
          "x.conf:2: trails[0].arn: \"x\": it is not of the form "
          "arn:partition:service:region:account:resource; has to be an ARN "
          "arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME",
          "x.conf:3: trails[0].acton: unknown option; did you mean \"action\"?",
          "x.conf:4: log_level: \"?\": has to be \"debug\", \"info\", \"notice\", \"warning\" or "
          "\"error\""}},
        {"include",
         GOOD "@include \"/etc/passwd\"\n",
         {"x.conf:3: @include is not supported: put everything into this file"}},
        {"include behind blanks",
         GOOD "\n \t @include \"/etc/passwd\"\n",
         {"x.conf:4: @include is not supported: put everything into this file"}},
        {"option twice",
         GOOD "fips = true;\nfips = false;\n",
         {"x.conf:4: an option of this line is given a second time: keep one of the two"}},
        {"yes for true", GOOD "fips = yes;\n", {"x.conf:3: " SYNTAX_ERROR}},
        {"duration without quotes", GOOD "poll_interval = 10s;\n", {"x.conf:3: " SYNTAX_ERROR}},
        {"text without quotes", GOOD "action = restart;\n", {"x.conf:3: " SYNTAX_ERROR}},
        {"single quotes", GOOD "action = 'restart';\n", {"x.conf:3: " SYNTAX_ERROR}},
        {"comma after the last element",
         "trails = (\n  { arn = \"" TRAIL_ARN "\"; },\n);\n" TOPICS,
         {"x.conf:3: " SYNTAX_ERROR}},
        {"square brackets",
         "trails = [ { arn = \"" TRAIL_ARN "\"; } ];\n" TOPICS,
         {"x.conf:1: " SYNTAX_ERROR}},
        {"open quote", GOOD "action = \"restart;\n", {"x.conf:4: " SYNTAX_ERROR}},
        {"byte order mark", "\xef\xbb\xbf" GOOD, {"x.conf:1: " SYNTAX_ERROR}},
        {"no options at all", GOOD "hello\n\nfips = true;\n", {"x.conf:5: " SYNTAX_ERROR}},
};

static void expect_lines(const ConfProblems *problems, const char *const *lines)
{
        for (size_t i = 0; i < problems->n; i++) {
                _cleanup_free_ char *line = conf_problem_line(&problems->items[i]);

                if (!lines[i])
                        fail_msg("unexpected: %s", line);
                assert_string_equal(line, lines[i]);
        }
        if (lines[problems->n])
                fail_msg("not said: %s", lines[problems->n]);
}

static void test_refusal(void **state)
{
        const Refusal *refusal = *state;
        ConfProblems problems = {};
        Conf *conf = NULL;

        assert_int_equal(
                conf_parse("x.conf", refusal->text, strlen(refusal->text), &conf, &problems),
                -EINVAL);
        assert_null(conf);
        expect_lines(&problems, refusal->lines);
        conf_problems_done(&problems);
}

static Conf *parse_good(const char *text)
{
        ConfProblems problems = {};
        Conf *conf = NULL;
        int r = conf_parse("x.conf", text, strlen(text), &conf, &problems);

        if (problems.n > 0)
                fail_msg("%s", problems.items[0].text);
        assert_int_equal(r, 0);
        assert_non_null(conf);
        conf_problems_done(&problems);
        return conf;
}

static void test_defaults(void **state)
{
        _cleanup_(conf_freep) Conf *c = parse_good(GOOD);

        assert_string_equal(c->path, "x.conf");
        assert_int_equal(c->n_trails, 1);
        assert_string_equal(c->trails[0].arn, TRAIL_ARN);
        assert_int_equal(c->trails[0].action, TRAIL_ACTION_RESTART);
        assert_int_equal(c->trails[0].poll_usec, 10 * USEC_PER_SEC);
        assert_int_equal(c->trails[0].account, 0);
        assert_int_equal(c->trails[0].line, 1);
        assert_int_equal(c->n_topics, 1);
        assert_string_equal(c->topics[0].arn, TOPIC_ARN);
        assert_int_equal(c->n_accounts, 1);
        assert_null(c->accounts[0].role_arn);
        assert_string_equal(c->accounts[0].region, "eu-central-1");
        assert_int_equal(c->cannot_see_after_usec, 60 * USEC_PER_SEC);
        assert_true(c->heartbeat);
        assert_string_equal(c->heartbeat_namespace, "trailsentry");
        assert_string_equal(c->heartbeat_region, "eu-central-1");
        assert_null(c->endpoint);
        assert_null(c->ca_file);
        assert_null(c->proxy);
        assert_int_equal(c->fips, DECLARED_UNSAID);
        assert_false(c->dual_stack);
        assert_int_equal(c->log_level, LOG_INFO);
}

static void test_everything_set(void **state)
{
        _cleanup_(conf_freep) Conf *c = parse_good(
                "poll_interval = \"2s\"\naction = \"alert\", cannot_see_after = \"3min\";\r\n"
                "trails = ( { arn = \"" TRAIL_ARN "\"; action = \"restart\"; "
                "poll_interval = \"1min\"; role_arn = \"" ROLE_ARN "\"; external_id = \"a-1\" },\n"
                "{ arn = \"" TRAIL_ARN "2\" } );\n" TOPICS
                "/* a comment */ heartbeat : { enabled = false; namespace = \"Acme/Guards\"; "
                "region = \"us-east-1\" }; # another\n"
                "endpoint = \"http://127.0.0.1:8080\"; ca_file = \"/etc/ca.pem\"\n"
                "proxy = \"http://proxy.example.com:3128\"\nprofile = \"guard\"; "
                "log_level = \"warning\"\n");

        assert_int_equal(c->n_trails, 2);
        assert_int_equal(c->trails[0].action, TRAIL_ACTION_RESTART);
        assert_int_equal(c->trails[0].poll_usec, USEC_PER_MINUTE);
        assert_int_equal(c->trails[0].account, 1);
        assert_int_equal(c->trails[1].action, TRAIL_ACTION_ALERT);
        assert_int_equal(c->trails[1].poll_usec, 2 * USEC_PER_SEC);
        assert_int_equal(c->trails[1].account, 0);
        assert_int_equal(c->n_accounts, 2);
        assert_string_equal(c->accounts[1].role_arn, ROLE_ARN);
        assert_string_equal(c->accounts[1].external_id, "a-1");
        assert_int_equal(c->cannot_see_after_usec, 3 * USEC_PER_MINUTE);
        assert_false(c->heartbeat);
        assert_string_equal(c->heartbeat_namespace, "Acme/Guards");
        assert_string_equal(c->heartbeat_region, "us-east-1");
        assert_string_equal(c->endpoint, "http://127.0.0.1:8080");
        assert_string_equal(c->ca_file, "/etc/ca.pem");
        assert_string_equal(c->proxy, "http://proxy.example.com:3128");
        assert_string_equal(c->profile, "guard");
        assert_int_equal(c->log_level, LOG_WARNING);
}

/* Endpoint of the base credentials' region when only roles are used; one account a role and
 * external id; STS is asked where the role's first trail is. */
static void test_accounts(void **state)
{
        _cleanup_(conf_freep) Conf *c = parse_good(
                "trails = (\n"
                "{ arn = \"arn:aws:cloudtrail:eu-west-1:111122223333:trail/aaa\"; role_arn = "
                "\"" ROLE_ARN "\" },\n"
                "{ arn = \"arn:aws:cloudtrail:eu-west-2:111122223333:trail/aaa\"; role_arn = "
                "\"" ROLE_ARN "\" },\n"
                "{ arn = \"arn:aws:cloudtrail:eu-west-3:111122223333:trail/aaa\"; role_arn = "
                "\"" ROLE_ARN "\"; external_id = \"xy\" });\n" TOPICS);

        assert_int_equal(c->n_accounts, 3);
        assert_null(c->accounts[0].role_arn);
        assert_string_equal(c->accounts[0].region, "eu-west-1");
        assert_string_equal(c->accounts[1].region, "eu-west-1");
        assert_null(c->accounts[1].external_id);
        assert_string_equal(c->accounts[2].region, "eu-west-3");
        assert_string_equal(c->accounts[2].external_id, "xy");
        assert_int_equal(c->trails[0].account, 1);
        assert_int_equal(c->trails[1].account, 1);
        assert_int_equal(c->trails[2].account, 2);
}

/* A topic's credentials are those of a trail where the two name the same role; STS is asked in the
 * region of whoever named it first. */
static void test_accounts_of_topics(void **state)
{
        _cleanup_(conf_freep) Conf *c = parse_good(
                "trails = ( { arn = \"arn:aws:cloudtrail:eu-west-1:111122223333:trail/aaa\"; "
                "role_arn = \"" ROLE_ARN "\" } );\n"
                "topics = (\n"
                "{ arn = \"" TOPIC_ARN "\" },\n"
                "{ arn = \"" TOPIC_ARN ".fifo\"; role_arn = \"" ROLE_ARN
                "\"; format = \"json\" },\n"
                "{ arn = \"arn:aws:sns:us-east-1:777788889999:a\"; role_arn = "
                "\"arn:aws:iam::777788889999:role/r\"; external_id = \"xy\"; "
                "min_severity = \"critical\"; format = \"per-protocol\" } );\n");

        assert_int_equal(c->n_accounts, 3);
        assert_int_equal(c->topics[0].account, 0);
        assert_int_equal(c->topics[0].format, TOPIC_FORMAT_TEXT);
        assert_int_equal(c->topics[0].min_severity, SEVERITY_INFO);
        assert_int_equal(c->topics[1].account, 1);
        assert_int_equal(c->topics[1].format, TOPIC_FORMAT_JSON);
        assert_int_equal(c->topics[2].account, 2);
        assert_int_equal(c->topics[2].format, TOPIC_FORMAT_PER_PROTOCOL);
        assert_int_equal(c->topics[2].min_severity, SEVERITY_CRITICAL);
        assert_string_equal(c->accounts[1].region, "eu-west-1");
        assert_string_equal(c->accounts[2].region, "us-east-1");
        assert_string_equal(c->accounts[2].external_id, "xy");
}

static void test_only_fifo_topics(void **state)
{
        static const struct {
                const char *first, *second;
                bool warned;
        } rows[] = {{"", ".fifo", false}, {".fifo", "2.fifo", true}, {"", "2", false}};

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *text =
                        mem_printf(TRAILS "topics = ( { arn = \"" TOPIC_ARN "%s\" }, "
                                          "{ arn = \"" TOPIC_ARN "%s\" } );\n",
                                   rows[i].first, rows[i].second);
                _cleanup_(conf_freep) Conf *c = parse_good(text);

                assert_int_equal(conf_warning(c) != NULL, rows[i].warned);
        }
}

static void test_base_region_is_of_its_own_trail(void **state)
{
        _cleanup_(conf_freep) Conf *c = parse_good(
                "trails = (\n"
                "{ arn = \"arn:aws:cloudtrail:eu-west-1:111122223333:trail/aaa\"; role_arn = "
                "\"" ROLE_ARN "\" },\n"
                "{ arn = \"arn:aws:cloudtrail:eu-west-2:111122223333:trail/aaa\" });\n" TOPICS);

        assert_string_equal(c->accounts[0].region, "eu-west-2");
        assert_string_equal(c->accounts[1].region, "eu-west-1");
}

static void test_other_partition(void **state)
{
        _cleanup_(conf_freep) Conf *c = parse_good(
                "trails = ( { arn = \"arn:aws-cn:cloudtrail:cn-north-1:111122223333:trail/aaa\"; "
                "role_arn = \"arn:aws-cn:iam::444455556666:role/guard\" } );\n"
                "topics = ( { arn = \"arn:aws-cn:sns:cn-northwest-1:111122223333:a\" } );\n");

        assert_string_equal(c->heartbeat_region, "cn-northwest-1");
}

static void test_nul_byte(void **state)
{
        static const char text[] = GOOD "fips = true;\0fips = 1;\n";
        static const char *const lines[] = {"x.conf:3: has a NUL byte in it", NULL};
        ConfProblems problems = {};
        Conf *conf;

        assert_int_equal(conf_parse("x.conf", text, sizeof(text) - 1, &conf, &problems), -EINVAL);
        expect_lines(&problems, lines);
        conf_problems_done(&problems);
}

/* A text that is not terminated is read to its length and not further. */
static void test_length_counts(void **state)
{
        static const char text[] = GOOD "nonsense = 1;\n";
        ConfProblems problems = {};
        Conf *conf = NULL;

        assert_int_equal(conf_parse("x.conf", text, strlen(GOOD), &conf, &problems), 0);
        conf = conf_free(conf);
        conf_problems_done(&problems);
}

static void test_deep_nesting(void **state)
{
        static const char *const openings[] = {"(", "{a="};

        for (size_t i = 0; i < ELEMENTSOF(openings); i++) {
                size_t len = 1024 * 1024, n = strlen(openings[i]);
                _cleanup_free_ char *text = mem_alloc0(len + 1);
                ConfProblems problems = {};
                Conf *conf;

                memcpy(text, "a=", 2);
                for (size_t at = 2; at + n <= len; at += n)
                        memcpy(text + at, openings[i], n);
                assert_int_equal(conf_parse("x.conf", text, strlen(text), &conf, &problems),
                                 -EINVAL);
                assert_int_equal(problems.n, 1);
                conf_problems_done(&problems);
        }
}

static void test_many_problems_are_capped(void **state)
{
        _cleanup_free_ char *text = mem_alloc0(200 * 16 + sizeof(GOOD));
        ConfProblems problems = {};
        Conf *conf;
        size_t len = 0;

        for (int i = 0; i < 200; i++)
                len += (size_t)sprintf(text + len, "nonsense%d=1;\n", i);
        assert_int_equal(conf_parse("x.conf", text, len, &conf, &problems), -EINVAL);
        assert_int_equal(problems.n, 100);
        conf_problems_done(&problems);
}

static void test_ten_thousand_trails(void **state)
{
        enum { N = 10000 };
        size_t max = N * 100 + 1000, len;
        _cleanup_free_ char *text = mem_alloc0(max);
        _cleanup_(conf_freep) Conf *c = NULL;

        len = (size_t)sprintf(text, "trails = (\n");
        for (int i = 0; i < N; i++)
                len += (size_t)sprintf(text + len,
                                       "{ arn = \"arn:aws:cloudtrail:eu-west-1:%012d:"
                                       "trail/aaa\" }%s\n",
                                       i + 1, i + 1 < N ? "," : ");");
        (void)sprintf(text + len, TOPICS);
        c = parse_good(text);
        assert_int_equal(c->n_trails, N);
        assert_int_equal(c->n_accounts, 1);
}

static const struct CMUnitTest other_tests[] = {
        T(test_defaults),
        T(test_everything_set),
        T(test_accounts),
        T(test_accounts_of_topics),
        T(test_only_fifo_topics),
        T(test_base_region_is_of_its_own_trail),
        T(test_other_partition),
        T(test_nul_byte),
        T(test_length_counts),
        T(test_deep_nesting),
        T(test_many_problems_are_capped),
        T(test_ten_thousand_trails),
};

int main(int argc, char *argv[])
{
        struct CMUnitTest tests[ELEMENTSOF(refusals) + ELEMENTSOF(other_tests)];

        for (size_t i = 0; i < ELEMENTSOF(refusals); i++)
                tests[i] = (struct CMUnitTest){.name = refusals[i].name,
                                               .test_func = test_refusal,
                                               .initial_state = (void *)&refusals[i]};
        memcpy(tests + ELEMENTSOF(refusals), other_tests, sizeof(other_tests));

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return _cmocka_run_group_tests("conf", tests, ELEMENTSOF(tests), NULL, NULL);
}
