/* SPDX-License-Identifier: Apache-2.0 */
/* What `trailsentry check` makes of answers: what is wrong and what to do, in words. */

#include "unit.h"

#include "base/mem.h"
#include "cli/check.h"

#define NOW INT64_C(1795444439000)
#define TRAIL "arn:aws:cloudtrail:eu-west-1:444455556666:trail/management-events"
#define ROLE "arn:aws:iam::444455556666:role/target"
#define TOPIC "arn:aws:sns:eu-west-1:111122223333:alerts"
#define BASE "arn:aws:sts::111122223333:assumed-role/guard/i-1"
#define NAME "management-events (444455556666, eu-west-1)"

/* A configuration with one trail in another account, and a run in which all went well. */
typedef struct Fixture {
        ConfTrail trails[2];
        ConfTopic topic;
        ConfAccount accounts[2];
        Conf conf;
        CheckedAccount checked_accounts[2];
        CheckedTrail checked_trails[2];
        Check check;
} Fixture;

static int setup(void **state)
{
        Fixture *f = mem_new0(Fixture);

        f->trails[0] =
                (ConfTrail){.arn = (char *)TRAIL, .poll_usec = 10 * USEC_PER_SEC, .account = 1};
        f->topic.arn = (char *)TOPIC;
        f->accounts[0].region = (char *)"eu-west-1";
        f->accounts[1] = (ConfAccount){.role_arn = (char *)ROLE, .region = (char *)"eu-west-1"};
        f->conf = (Conf){
                .trails = f->trails,
                .n_trails = 1,
                .topics = &f->topic,
                .n_topics = 1,
                .accounts = f->accounts,
                .n_accounts = 2,
                .heartbeat = true,
                .heartbeat_namespace = (char *)"trailsentry",
                .heartbeat_region = (char *)"eu-west-1",
        };
        for (size_t i = 0; i < 2; i++)
                f->checked_accounts[i].identify.state = PROBE_WENT_WELL;
        f->checked_accounts[0].identity =
                (CallerIdentity){.account = (char *)"111122223333", .arn = (char *)BASE};
        f->checked_accounts[1].identity = (CallerIdentity){
                .account = (char *)"444455556666",
                .arn = (char *)"arn:aws:sts::444455556666:assumed-role/target/trailsentry-x"};
        for (size_t i = 0; i < 2; i++)
                f->checked_trails[i] = (CheckedTrail){
                        .get_status.state = PROBE_WENT_WELL,
                        .get_trail.state = PROBE_WENT_WELL,
                        .look_up.state = PROBE_WENT_WELL,
                        .status.is_logging = true,
                        .description = {.arn = (char *)TRAIL, .home_region = (char *)"eu-west-1"},
                };
        for (size_t i = 0; i < 2; i++)
                assert_int_equal(arn_parse(TRAIL, &f->checked_trails[i].arn), 0);
        f->check = (Check){.conf = &f->conf,
                           .now_msec = NOW,
                           .accounts = f->checked_accounts,
                           .trails = f->checked_trails};
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;

        f->check.accounts = NULL; /* nothing in them is owned */
        f->check.trails = NULL;
        check_done(&f->check);
        free(f);
        return 0;
}

static void fail_probe(Probe *p, AwsErrorClass class, const char *code)
{
        p->state = PROBE_FAILED;
        aws_error_set(&p->error, class, code, "because");
        memcpy(p->error.request_id, "r-1", 4);
}

/* The findings, each "text => advice", and no others. */
static void expect(Fixture *f, size_t n, const char *const *findings)
{
        check_judge(&f->check);
        for (size_t i = 0; i < f->check.n_findings; i++) {
                _cleanup_free_ char *line = mem_printf("%s => %s", f->check.findings[i].text,
                                                       f->check.findings[i].advice);

                if (i >= n)
                        fail_msg("unexpected: %s", line);
                assert_string_equal(line, findings[i]);
        }
        assert_int_equal(f->check.n_findings, n);
}

static void test_all_well(void **state)
{
        Fixture *f = *state;

        expect(f, 0, NULL);
        assert_int_equal(f->check.n_unproved, 3);
        assert_string_equal(f->check.unproved[0],
                            "cloudtrail:StartLogging on " TRAIL ", for " ROLE);
        assert_string_equal(f->check.unproved[1],
                            "sns:Publish to " TOPIC ", for the role guard of account 111122223333");
        assert_string_equal(f->check.unproved[2],
                            "cloudwatch:PutMetricData in eu-west-1, namespace trailsentry, for the "
                            "role guard of account 111122223333");
}

static void test_nothing_to_prove(void **state)
{
        Fixture *f = *state;

        f->trails[0].action = TRAIL_ACTION_ALERT;
        f->conf.heartbeat = false;
        f->check.accounts = NULL;
        f->check.trails = NULL;
        check_judge(&f->check);
        assert_int_equal(f->check.n_findings, 0);
        assert_int_equal(f->check.n_unproved, 1);
        assert_string_equal(f->check.unproved[0],
                            "sns:Publish to " TOPIC ", for the base credentials");
}

static void test_read_events(void **state)
{
        Fixture *f = *state;

        f->trails[1] = f->trails[0];
        f->trails[1].poll_usec = USEC_PER_MINUTE;
        f->conf.n_trails = 2;
        check_judge(&f->check);
        assert_true(f->check.read_events > 306835 && f->check.read_events < 306836);
}

static void test_denied_calls_name_the_action(void **state)
{
        static const char *const findings[] = {
                "GetTrailStatus for " NAME ": access denied (AccessDeniedException, request id "
                "r-1): because => Allow cloudtrail:GetTrailStatus on " TRAIL " to " ROLE
                ", and look for a deny (SCP, permissions boundary, session policy).",
                "GetTrail for " NAME ": access denied (AccessDeniedException, request id r-1): "
                "because => Allow cloudtrail:GetTrail on " TRAIL " to " ROLE
                ", and look for a deny (SCP, permissions boundary, session policy).",
                "LookupEvents for " NAME ": access denied (AccessDeniedException, request id "
                "r-1): because => Allow cloudtrail:LookupEvents on * to " ROLE
                ", and look for a deny (SCP, permissions boundary, session policy).",
        };
        Fixture *f = *state;

        fail_probe(&f->checked_trails[0].get_status, AWS_ERROR_DENIED, "AccessDeniedException");
        fail_probe(&f->checked_trails[0].get_trail, AWS_ERROR_DENIED, "AccessDeniedException");
        fail_probe(&f->checked_trails[0].look_up, AWS_ERROR_DENIED, "AccessDeniedException");
        expect(f, 3, findings);
}

static void test_shared_lookup_is_told_once(void **state)
{
        Fixture *f = *state;
        static const char *const findings[] = {
                "LookupEvents for " NAME ": access denied (AccessDeniedException, request id "
                "r-1): because => Allow cloudtrail:LookupEvents on * to " ROLE
                ", and look for a deny (SCP, permissions boundary, session policy)."};

        f->trails[1] = f->trails[0];
        f->conf.n_trails = 2;
        fail_probe(&f->checked_trails[0].look_up, AWS_ERROR_DENIED, "AccessDeniedException");
        f->checked_trails[1].look_up = f->checked_trails[0].look_up;
        expect(f, 1, findings);
}

static void test_missing_trail_is_told_once(void **state)
{
        static const char *const findings[] = {
                "GetTrailStatus for " NAME ": not found (TrailNotFoundException, request id r-1): "
                "because => Compare the ARN with what `aws cloudtrail list-trails` shows in that "
                "account; an account that has left an organization does not see the "
                "organization's trails."};
        Fixture *f = *state;

        fail_probe(&f->checked_trails[0].get_status, AWS_ERROR_NOT_FOUND, "TrailNotFoundException");
        fail_probe(&f->checked_trails[0].get_trail, AWS_ERROR_NOT_FOUND, "TrailNotFoundException");
        expect(f, 1, findings);
}

static void test_not_logging(void **state)
{
        static const char *const findings[] = {
                NAME " is NOT LOGGING, stopped 1 min 15 s ago => trailsentryd starts it when it "
                     "runs."};
        Fixture *f = *state;

        f->checked_trails[0].status.is_logging = false;
        f->checked_trails[0].status.stop_logging_msec = NOW - 75001;
        expect(f, 1, findings);
}

static void test_not_logging_and_only_told(void **state)
{
        static const char *const findings[] = {
                NAME " is NOT LOGGING, stopped 1 min 15 s ago => Start it: trailsentryd only tells "
                     "(action = \"alert\")."};
        Fixture *f = *state;

        f->trails[0].action = TRAIL_ACTION_ALERT;
        f->checked_trails[0].status.is_logging = false;
        f->checked_trails[0].status.stop_logging_msec = NOW - 75001;
        expect(f, 1, findings);
}

static void test_never_logged_and_not_delivering(void **state)
{
        static const char *const findings[] = {
                NAME " is NOT LOGGING, and has never been stopped => A new trail logs only after "
                     "StartLogging.",
                NAME ": log files are not delivered: NoSuchBucket => Look at the trail's bucket "
                     "and the bucket's policy."};
        Fixture *f = *state;

        f->checked_trails[0].status.is_logging = false;
        f->checked_trails[0].status.latest_delivery_error = (char *)"NoSuchBucket";
        expect(f, 2, findings);
}

static void test_other_home_region(void **state)
{
        static const char *const findings[] = {
                NAME ": its home region is us-east-1 => Write the ARN with us-east-1: a trail can "
                     "be started in its home region only."};
        Fixture *f = *state;

        f->checked_trails[0].description.home_region = (char *)"us-east-1";
        f->checked_trails[0].description.arn = (char *)"arn:something:else";
        expect(f, 1, findings);
}

static void test_other_spelling(void **state)
{
        static const char *const findings[] = {
                NAME ": CloudTrail calls it arn:x:Management-Events => Write the ARN as "
                     "CloudTrail does."};
        Fixture *f = *state;

        f->checked_trails[0].description.arn = (char *)"arn:x:Management-Events";
        expect(f, 1, findings);
}

static void test_organization_trail_of_a_member(void **state)
{
        static const char *const findings[] = {
                NAME " is a trail of the organization, whose management account 777788889999 is "
                     "not => A member cannot start it: set role_arn to a role of the management "
                     "account, or action = \"alert\"."};
        Fixture *f = *state;

        f->checked_trails[0].description.is_organization = true;
        f->checked_accounts[1].identity.account = (char *)"777788889999";
        expect(f, 1, findings);
}

static void test_organization_trail_only_told(void **state)
{
        Fixture *f = *state;

        f->trails[0].action = TRAIL_ACTION_ALERT;
        f->checked_trails[0].description.is_organization = true;
        f->checked_accounts[1].identity.account = (char *)"777788889999";
        expect(f, 0, NULL);
}

static void test_organization_trail_of_its_management_account(void **state)
{
        Fixture *f = *state;

        f->checked_trails[0].description.is_organization = true;
        expect(f, 0, NULL);
}

static void test_role_that_cannot_be_assumed(void **state)
{
        static const char *const findings[] = {
                ROLE ": no usable credentials (AccessDenied, request id r-1): because => Allow "
                     "sts:AssumeRole on " ROLE " to the role guard of account 111122223333, and "
                     "name that one in the role's trust policy (which may ask for an external "
                     "id)."};
        Fixture *f = *state;

        fail_probe(&f->checked_accounts[1].identify, AWS_ERROR_CREDENTIALS, "AccessDenied");
        f->checked_trails[0] = (CheckedTrail){}; /* nothing was tried */
        expect(f, 1, findings);
}

static void test_no_base_credentials_is_told_once(void **state)
{
        static const char *const findings[] = {
                "base credentials: no usable credentials (ConnectTimeout, request id r-1): because "
                "=> Attach an instance profile to this machine, or set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY."};
        Fixture *f = *state;

        f->checked_accounts[0].source = (char *)"imds";
        fail_probe(&f->checked_accounts[0].identify, AWS_ERROR_CREDENTIALS, "ConnectTimeout");
        fail_probe(&f->checked_accounts[1].identify, AWS_ERROR_CREDENTIALS, "ConnectTimeout");
        f->checked_trails[0] = (CheckedTrail){};
        expect(f, 1, findings);
}

/* Whoever has set up something else wants no instance profile. */
static void test_no_base_credentials_of_a_profile(void **state)
{
        static const char *const findings[] = {
                "base credentials: no usable credentials (ProcessFailed, request id r-1): because "
                "=> They were to come from: profile a -> credential_process (CREDENTIALS in "
                "trailsentryd(8))."};
        Fixture *f = *state;

        f->checked_accounts[0].source = (char *)"profile a -> credential_process";
        fail_probe(&f->checked_accounts[0].identify, AWS_ERROR_CREDENTIALS, "ProcessFailed");
        f->checked_trails[0] = (CheckedTrail){};
        expect(f, 1, findings);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNIT_MAIN(TEST(test_all_well), TEST(test_nothing_to_prove), TEST(test_read_events),
          TEST(test_denied_calls_name_the_action), TEST(test_shared_lookup_is_told_once),
          TEST(test_missing_trail_is_told_once), TEST(test_not_logging),
          TEST(test_not_logging_and_only_told), TEST(test_never_logged_and_not_delivering),
          TEST(test_other_home_region), TEST(test_other_spelling),
          TEST(test_organization_trail_of_a_member), TEST(test_organization_trail_only_told),
          TEST(test_organization_trail_of_its_management_account),
          TEST(test_no_base_credentials_of_a_profile), TEST(test_role_that_cannot_be_assumed),
          TEST(test_no_base_credentials_is_told_once))
