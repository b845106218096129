/* SPDX-License-Identifier: Apache-2.0 */

/* Records follow the examples of the CloudTrail user guide, one a type of userIdentity. The real
 * ones of the shared vectors are read by tests/vectors/test-event-vectors.c. */

#include "unit.h"

#include "aws/record.h"
#include "base/mem.h"

#define TRAIL "arn:aws:cloudtrail:eu-west-1:123456789012:trail/main"

static int parse(const char *identity, const char *more, CloudTrailRecord *r)
{
        _cleanup_free_ char *json =
                mem_printf("{\"eventName\":\"StopLogging\",\"eventTime\":\"2026-11-23T03:12:09Z\","
                           "\"userIdentity\":%s%s}",
                           identity, more);

        return cloudtrail_record_parse(json, strlen(json), r);
}

static CloudTrailRecord good(const char *identity, const char *more)
{
        CloudTrailRecord r;

        if (parse(identity, more, &r) < 0)
                fail_msg("refused: %s%s", identity, more);
        return r;
}

static void check_name(const UserIdentity *u, const char *want)
{
        char *name = identity_display_name(u);

        assert_string_equal(name, want);
        free(name);
}

static void test_record(void **state)
{
        CloudTrailRecord r = good(
                "{\"type\":\"Root\"}",
                ",\"eventID\":\"e\",\"eventSource\":\"cloudtrail.amazonaws.com\","
                "\"awsRegion\":\"eu-west-1\",\"sourceIPAddress\":\"AWS Internal\","
                "\"userAgent\":\"x\\ny\",\"errorCode\":\"AccessDenied\",\"errorMessage\":\"no\","
                "\"requestID\":\"q\",\"recipientAccountId\":\"123456789012\","
                "\"vpcEndpointId\":\"vpce-1\",\"requestParameters\":{\"name\":\"main\"},"
                "\"responseElements\":null,\"readOnly\":false,"
                "\"sessionCredentialFromConsole\":\"true\",\"tlsDetails\":{\"tlsVersion\":\"x\"}");

        assert_string_equal(r.event_id, "e");
        assert_string_equal(r.event_name, "StopLogging");
        assert_string_equal(r.event_source, "cloudtrail.amazonaws.com");
        assert_string_equal(r.region, "eu-west-1");
        assert_string_equal(r.source_ip, "AWS Internal");
        assert_string_equal(r.user_agent, "x\ny"); /* as it came */
        assert_string_equal(r.error_code, "AccessDenied");
        assert_string_equal(r.error_message, "no");
        assert_string_equal(r.request_id, "q");
        assert_string_equal(r.recipient_account_id, "123456789012");
        assert_string_equal(r.vpc_endpoint_id, "vpce-1");
        assert_string_equal(r.trail, "main");
        assert_true(r.time_msec == INT64_C(1795403529000));
        assert_true(r.session_from_console);
        assert_false(r.parameters_omitted);
        cloudtrail_record_done(&r);
}

static void test_root(void **state)
{
        CloudTrailRecord r = good("{\"type\":\"Root\",\"principalId\":\"123456789012\","
                                  "\"arn\":\"arn:aws:iam::123456789012:root\","
                                  "\"accountId\":\"123456789012\",\"accessKeyId\":\"\","
                                  "\"sessionContext\":{\"attributes\":{"
                                  "\"creationDate\":\"2026-11-23T03:00:00Z\","
                                  "\"mfaAuthenticated\":\"false\"}}}",
                                  "");
        const UserIdentity *u = &r.identity;

        assert_int_equal(u->type, IDENTITY_ROOT);
        assert_null(u->access_key_id);
        assert_int_equal(u->mfa, MFA_NO);
        assert_true(u->session_created_msec == INT64_C(1795402800000));
        assert_false(u->assumed_root);
        assert_int_equal(identity_access_key_kind(u), ACCESS_KEY_NONE);
        check_name(u, "root user of account 123456789012");
        cloudtrail_record_done(&r);

        r = good("{\"type\":\"Root\",\"sessionContext\":{\"assumedRoot\":\"true\"}}", "");
        assert_true(r.identity.assumed_root);
        assert_int_equal(r.identity.mfa, MFA_UNKNOWN);
        cloudtrail_record_done(&r);
}

static void test_iam_user(void **state)
{
        CloudTrailRecord r =
                good("{\"type\":\"IAMUser\",\"principalId\":\"AIDAX\","
                     "\"arn\":\"arn:aws:iam::123456789012:user/Alice\","
                     "\"accountId\":\"123456789012\",\"accessKeyId\":\"AKIAX\","
                     "\"userName\":\"Alice\",\"invokedBy\":\"cloudformation.amazonaws.com\","
                     "\"sessionContext\":{\"attributes\":{\"mfaAuthenticated\":\"true\"}}}",
                     "");
        const UserIdentity *u = &r.identity;

        assert_int_equal(u->type, IDENTITY_IAM_USER);
        assert_string_equal(u->user_name, "Alice");
        assert_string_equal(u->invoked_by, "cloudformation.amazonaws.com");
        assert_int_equal(u->mfa, MFA_YES);
        assert_int_equal(identity_access_key_kind(u), ACCESS_KEY_LONG_LIVED);
        check_name(u, "Alice");
        cloudtrail_record_done(&r);
}

#define ROLE(role, session, more)                                                                  \
        "{\"type\":\"AssumedRole\",\"principalId\":\"AROAX:" session                               \
        "\",\"arn\":\"arn:aws:sts::123456789012:assumed-role/" role "/" session                    \
        "\",\"accountId\":\"123456789012\",\"accessKeyId\":\"ASIAX\",\"sessionContext\":{"         \
        "\"sessionIssuer\":{\"type\":\"Role\",\"principalId\":\"AROAX\","                          \
        "\"arn\":\"arn:aws:iam::123456789012:role/" role                                           \
        "\",\"accountId\":\"123456789012\",\"userName\":\"" role "\"}" more "}}"

static void test_assumed_role(void **state)
{
        CloudTrailRecord r = good(ROLE("Admin", "eve", ",\"sourceIdentity\":\"mallory\""), "");
        const UserIdentity *u = &r.identity;

        assert_int_equal(u->type, IDENTITY_ASSUMED_ROLE);
        assert_string_equal(u->issuer_type, "Role");
        assert_string_equal(u->issuer_arn, "arn:aws:iam::123456789012:role/Admin");
        assert_string_equal(u->issuer_user_name, "Admin");
        assert_string_equal(identity_session_name(u), "eve");
        assert_int_equal(identity_access_key_kind(u), ACCESS_KEY_TEMPORARY);
        assert_false(identity_is_ec2_instance(u));
        assert_false(identity_is_identity_center_role(u));
        check_name(u, "mallory");
        cloudtrail_record_done(&r);

        r = good(ROLE("Admin", "eve", ""), "");
        check_name(&r.identity, "eve");
        cloudtrail_record_done(&r);
}

/* By what AWS itself puts into the record, never by names that the caller chose. */
static void test_special_roles(void **state)
{
        static const struct {
                const char *identity;
                bool center, linked;
        } rows[] = {
                {ROLE("aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123", "a",
                      ""),
                 true, false},
                {ROLE("aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123", "a", ""), true,
                 false},
                {ROLE("AWSReservedSSO_Admin_0123", "alice@example.com", ""), false, false},
                {ROLE("x/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123", "a", ""), false,
                 false},
                {ROLE("aws-service-role/x.amazonaws.com/AWSServiceRoleForX", "x", ""), false, true},
                {ROLE("AWSServiceRoleForX", "x", ""), false, false},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                CloudTrailRecord r = good(rows[i].identity, "");

                assert_int_equal(identity_is_identity_center_role(&r.identity), rows[i].center);
                assert_int_equal(identity_is_service_linked_role(&r.identity), rows[i].linked);
                cloudtrail_record_done(&r);
        }
}

#define SESSION(name, context, more)                                                               \
        "{\"type\":\"AssumedRole\",\"principalId\":\"AROAX:" name                                  \
        "\",\"sessionContext\":{" context "}" more "}"
#define SCOPE(type, to)                                                                            \
        ",\"inScopeOf\":{\"issuerType\":\"" type "\",\"credentialsIssuedTo\":\"" to                \
        "\",\"sourceArn\":\"arn:aws:x\",\"sourceAccount\":\"123456789012\"}"
#define FUNCTION "arn:aws:lambda:us-east-1:123456789012:function:f"

static void test_issued_to(void **state)
{
        static const struct {
                const char *identity;
                bool ec2, lambda, named;
                const char *to;
        } rows[] = {
                {SESSION("i-0123456789abcdef0", "\"ec2RoleDelivery\":\"2.0\"", ""), true, false,
                 true, "i-0123456789abcdef0"},
                {SESSION("i-1234abcd", "",
                         SCOPE("AWS::EC2::Instance", "arn:aws:ec2:r:1:instance/"
                                                     "i-0123456789abcdef1")),
                 true, false, true, "i-0123456789abcdef1"},
                {SESSION("bob", "\"ec2RoleDelivery\":\"1.0\"", ""), true, false, false, NULL},
                {SESSION("i-0123456789abcdef0", "", ""), false, false, true, NULL},
                {SESSION("i-0123456789abcdef", "", ""), false, false, false, NULL},
                {SESSION("i-0123456789ABCDEF0", "", ""), false, false, false, NULL},
                {SESSION("i-0123456789abcdef01", "", ""), false, false, false, NULL},
                {SESSION("i-", "", ""), false, false, false, NULL},
                {SESSION("xi-1234abcd", "", ""), false, false, false, NULL},
                {SESSION("i-1234abcd@x", "", ""), false, false, false, NULL},
                {SESSION("f", "", SCOPE("AWS::Lambda::Function", FUNCTION)), false, true, false,
                 FUNCTION},
                {SESSION("f", "", SCOPE("AWS::ECS::TaskDefinition", "x")), false, false, false,
                 NULL},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                CloudTrailRecord r = good(rows[i].identity, "");
                const UserIdentity *u = &r.identity;

                assert_int_equal(identity_is_ec2_instance(u), rows[i].ec2);
                assert_int_equal(identity_is_lambda_function(u), rows[i].lambda);
                assert_int_equal(identity_is_named_as_instance(u), rows[i].named);
                if (!streq_ptr(identity_issued_to(u), rows[i].to))
                        fail_msg("%zu: %s", i, strempty(identity_issued_to(u)));
                cloudtrail_record_done(&r);
        }
        CloudTrailRecord r = good(SESSION("f", "\"signInSessionArn\":\"arn:aws:signin:x\"",
                                          SCOPE("AWS::Lambda::Function", FUNCTION)),
                                  ",\"vpcEndpointAccountId\":\"444455556666\"");
        assert_string_equal(r.identity.in_scope_source, "arn:aws:x");
        assert_string_equal(r.identity.in_scope_account, "123456789012");
        assert_string_equal(r.identity.sign_in_session_arn, "arn:aws:signin:x");
        assert_string_equal(r.vpc_endpoint_account_id, "444455556666");
        cloudtrail_record_done(&r);
}

/* AWS writes "false" where it does not know. */
static void test_mfa_that_is_not_recorded(void **state)
{
#define MFA(value)                                                                                 \
        "\"attributes\":{\"creationDate\":\"2026-11-23T00:00:00Z\",\"mfaAuthenticated\":\"" value  \
        "\"}"
        static const struct {
                const char *identity;
                Mfa mfa;
        } rows[] = {
                {SESSION("bob", MFA("false"), ""), MFA_NO},
                {SESSION("bob", MFA("true"), ""), MFA_YES},
                {SESSION("i-1234abcd", MFA("false") ",\"ec2RoleDelivery\":\"2.0\"", ""),
                 MFA_UNKNOWN},
                {SESSION("f", MFA("false"), SCOPE("AWS::Lambda::Function", FUNCTION)), MFA_UNKNOWN},
                {SESSION("p",
                         MFA("false") ",\"webIdFederationData\":{\"federatedProvider\":\"arn\"}",
                         ""),
                 MFA_UNKNOWN},
                {ROLE("aws-reserved/sso.amazonaws.com/AWSReservedSSO_A_0", "a", "," MFA("false")),
                 MFA_UNKNOWN},
                {"{\"type\":\"IAMUser\",\"accessKeyId\":\"AKIAIOSFODNN7EXAMPLE\"}", MFA_NO},
                {"{\"type\":\"IAMUser\",\"accessKeyId\":\"ASIAIOSFODNN7EXAMPLE\"}", MFA_UNKNOWN},
                {"{\"type\":\"Unknown\",\"accessKeyId\":\"AKIAIOSFODNN7EXAMPLE\"}", MFA_UNKNOWN},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                CloudTrailRecord r = good(rows[i].identity, "");

                if (identity_mfa(&r.identity) != rows[i].mfa)
                        fail_msg("%s: %d", rows[i].identity, (int)identity_mfa(&r.identity));
                cloudtrail_record_done(&r);
        }
}

/* The name is read only where it has its meaning. */
static void test_session_name(void **state)
{
        static const struct {
                const char *identity, *want;
        } cases[] = {
                {"{\"type\":\"AssumedRole\",\"arn\":\"arn:aws:sts::1:bad\",\"principalId\":\"A:"
                 "s\"}",
                 "s"},
                {"{\"type\":\"AssumedRole\",\"arn\":\"arn:aws:sts::123456789012:assumed-role/r\"}",
                 NULL},
                {"{\"type\":\"AssumedRole\",\"arn\":\"arn:aws:sts::123456789012:assumed-role/r/\"}",
                 NULL},
                {"{\"type\":\"AssumedRole\",\"principalId\":\"AROAX\"}", NULL},
                {"{\"type\":\"AssumedRole\",\"principalId\":\"AROAX:\"}", NULL},
                {"{\"type\":\"AssumedRole\"}", NULL},
                {"{\"type\":\"FederatedUser\",\"principalId\":\"123456789012:bob\"}", NULL},
                {"{\"type\":\"IAMUser\",\"arn\":\"arn:aws:sts::123456789012:assumed-role/r/s\"}",
                 NULL},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                CloudTrailRecord r = good(cases[i].identity, "");
                if (!streq_ptr(identity_session_name(&r.identity), cases[i].want))
                        fail_msg("%s: %s", cases[i].identity,
                                 strempty(identity_session_name(&r.identity)));
                cloudtrail_record_done(&r);
        }
}

/* The other types: what is shown when this is all there is. */
static void test_other_types(void **state)
{
        static const struct {
                const char *identity;
                IdentityType type;
                const char *name;
        } cases[] = {
                {"{\"type\":\"Role\",\"arn\":\"arn:aws:iam::1:role/r\"}", IDENTITY_ROLE,
                 "arn:aws:iam::1:role/r"},
                {"{\"type\":\"FederatedUser\",\"arn\":\"arn:aws:sts::1:federated-user/bob\","
                 "\"sessionContext\":{\"sessionIssuer\":{\"type\":\"IAMUser\"}}}",
                 IDENTITY_FEDERATED_USER, "arn:aws:sts::1:federated-user/bob"},
                {"{\"type\":\"AWSService\",\"invokedBy\":\"ec2.amazonaws.com\"}",
                 IDENTITY_AWS_SERVICE, "ec2.amazonaws.com"},
                {"{\"type\":\"AWSAccount\",\"principalId\":\"AIDAX\",\"accountId\":"
                 "\"999999999999\"}",
                 IDENTITY_AWS_ACCOUNT, "AIDAX"},
                {"{\"type\":\"AWSAccount\",\"accountId\":\"999999999999\"}", IDENTITY_AWS_ACCOUNT,
                 "AWSAccount@999999999999"},
                {"{\"type\":\"IdentityCenterUser\",\"accountId\":\"123456789012\","
                 "\"onBehalfOf\":{\"userId\":\"u-1\",\"identityStoreArn\":\"x\"},"
                 "\"credentialId\":\"c-1\"}",
                 IDENTITY_IDENTITY_CENTER_USER, "IdentityCenterUser@123456789012"},
                {"{\"type\":\"SAMLUser\",\"principalId\":\"p\",\"userName\":\"bob\","
                 "\"identityProvider\":\"idp\"}",
                 IDENTITY_SAML_USER, "bob"},
                {"{\"type\":\"WebIdentityUser\",\"principalId\":\"accounts.google.com:x:y\"}",
                 IDENTITY_WEB_IDENTITY_USER, "accounts.google.com:x:y"},
                {"{\"type\":\"Directory\"}", IDENTITY_DIRECTORY, "Directory"},
                {"{\"type\":\"Unknown\"}", IDENTITY_UNKNOWN, "Unknown"},
                {"{\"type\":\"Novelty\",\"accountId\":\"1\"}", IDENTITY_UNKNOWN, "Novelty@1"},
                {"{}", IDENTITY_UNKNOWN, "Unknown"},
                {"{\"type\":\"\",\"userName\":\"\",\"arn\":null}", IDENTITY_UNKNOWN, "Unknown"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                CloudTrailRecord r = good(cases[i].identity, "");
                if (r.identity.type != cases[i].type)
                        fail_msg("%s: type %d", cases[i].identity, r.identity.type);
                check_name(&r.identity, cases[i].name);
                cloudtrail_record_done(&r);
        }
}

static void test_rare_members(void **state)
{
        CloudTrailRecord r = good(
                "{\"type\":\"AssumedRole\",\"invokedByDelegate\":{\"accountId\":\"555555555555\"},"
                "\"identityProvider\":\"idp\",\"onBehalfOf\":{\"userId\":\"u-1\"},"
                "\"credentialId\":\"c-1\",\"accessKeyId\":\"XXIA\",\"sessionContext\":{"
                "\"webIdFederationData\":{\"federatedProvider\":\"oidc\",\"attributes\":{}},"
                "\"attributes\":{\"mfaAuthenticated\":true}}}",
                "");
        const UserIdentity *u = &r.identity;

        assert_string_equal(u->invoked_by_delegate, "555555555555");
        assert_string_equal(u->identity_provider, "idp");
        assert_string_equal(u->on_behalf_of, "u-1");
        assert_string_equal(u->credential_id, "c-1");
        assert_string_equal(u->web_id_provider, "oidc");
        assert_int_equal(u->mfa, MFA_YES);
        assert_int_equal(identity_access_key_kind(u), ACCESS_KEY_OTHER);
        cloudtrail_record_done(&r);
}

static void test_type_names(void **state)
{
        for (IdentityType t = 0; t < _IDENTITY_TYPE_MAX; t++)
                assert_int_equal(identity_type_from_string(identity_type_to_string(t)), t);
        assert_int_equal(identity_type_from_string("root"), _IDENTITY_TYPE_INVALID);
        assert_int_equal(identity_type_from_string(NULL), _IDENTITY_TYPE_INVALID);
}

/* What may be missing or odd without making the record unreadable. */
static void test_odd_members_are_skipped(void **state)
{
        CloudTrailRecord r =
                good("{\"type\":7,\"arn\":[],\"sessionContext\":\"x\",\"onBehalfOf\":[],"
                     "\"userName\":{\"a\":1},\"invokedByDelegate\":null}",
                     ",\"eventID\":1,\"userAgent\":{},\"requestParameters\":{\"name\":[\"main\"]},"
                     "\"sessionCredentialFromConsole\":\"\",\"errorCode\":null");

        assert_int_equal(r.identity.type, IDENTITY_UNKNOWN);
        assert_null(r.identity.arn);
        assert_null(r.event_id);
        assert_null(r.error_code);
        assert_null(r.trail);
        assert_false(r.session_from_console);
        cloudtrail_record_done(&r);

        r = good("{\"sessionContext\":{\"sessionIssuer\":[],\"attributes\":{"
                 "\"creationDate\":\"yesterday\",\"mfaAuthenticated\":\"maybe\"}}}",
                 "");
        assert_int_equal(r.identity.mfa, MFA_UNKNOWN);
        assert_true(r.identity.session_created_msec == 0);
        cloudtrail_record_done(&r);
}

static void test_refuses(void **state)
{
        static const struct {
                const char *json;
                int r;
        } bad[] = {
                {"", -EBADMSG},
                {"[]", -EBADMSG},
                {"{}", -ENODATA},
                {"{\"eventName\":\"x\",\"eventTime\":\"2026-11-23T03:12:09Z\"}", -ENODATA},
                {"{\"eventName\":\"\",\"eventTime\":\"2026-11-23T03:12:09Z\",\"userIdentity\":{}}",
                 -ENODATA},
                {"{\"eventName\":\"x\",\"userIdentity\":{}}", -ENODATA},
                {"{\"eventName\":\"x\",\"eventTime\":\"2026-11-23T03:12:09Z\","
                 "\"userIdentity\":null}",
                 -ENODATA},
                {"{\"eventName\":\"x\",\"eventTime\":\"now\",\"userIdentity\":{}}", -EBADMSG},
                {"{\"eventName\":1,\"eventTime\":\"2026-11-23T03:12:09Z\",\"userIdentity\":{}}",
                 -EBADMSG},
                {"{\"eventName\":\"x\",\"eventTime\":\"2026-11-23T03:12:09Z\","
                 "\"userIdentity\":\"root\"}",
                 -EBADMSG},
                {"{\"eventName\":\"x\",\"eventTime\":\"2026-11-23T03:12:09Z\",\"userIdentity\":{"
                 "\"arn\":\"a\",\"arn\":\"b\"}}",
                 -EBADMSG},
        };
        CloudTrailRecord r = {.time_msec = 42};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (cloudtrail_record_parse(bad[i].json, strlen(bad[i].json), &r) != bad[i].r)
                        fail_msg("%s", bad[i].json);
        assert_true(r.time_msec == 42);

        static const char whole[] = "{\"eventName\":\"x\",\"eventTime\":\"2026-11-23T03:12:09Z\","
                                    "\"userIdentity\":" ROLE("r", "s", "") "}";
        for (size_t n = 0; n < strlen(whole); n++) {
                _cleanup_free_ char *exact = mem_alloc0(n + 1);
                memcpy(exact, whole, n);
                assert_int_equal(cloudtrail_record_parse(exact, n, &r), -EBADMSG);
        }
}

#define CALL                                                                                       \
        ",\"eventSource\":\"cloudtrail.amazonaws.com\",\"eventType\":\"AwsApiCall\","              \
        "\"awsRegion\":\"eu-west-1\",\"recipientAccountId\":\"123456789012\""

static void check_match(const char *more, TrailMatch want)
{
        CloudTrailRecord r = good("{}", more);

        if (cloudtrail_record_match(&r, TRAIL) != want)
                fail_msg("%s", more);
        cloudtrail_record_done(&r);
}

/* By what the call names. */
static void test_match(void **state)
{
        static const struct {
                const char *parameters;
                TrailMatch want;
        } cases[] = {
                {"{\"name\":\"main\"}", TRAIL_MATCH_YES},
                {"{\"name\":\"" TRAIL "\"}", TRAIL_MATCH_YES},
                {"{\"trailName\":\"" TRAIL "\"}", TRAIL_MATCH_YES},
                {"{\"name\":\"main\",\"trailName\":\"main\"}", TRAIL_MATCH_YES},
                {"{\"name\":\"main\",\"bucketName\":\"b\"}", TRAIL_MATCH_YES},
                /* Others, whatever they are called. */
                {"{\"name\":\"domain\"}", TRAIL_MATCH_NO},
                {"{\"name\":\"" TRAIL "-2\"}", TRAIL_MATCH_NO},
                {"{\"name\":\"arn:aws:cloudtrail:eu-west-1:999999999999:trail/main\"}",
                 TRAIL_MATCH_NO},
                {"{\"name\":\"arn:aws:cloudtrail:us-east-1:123456789012:trail/main\"}",
                 TRAIL_MATCH_NO},
                {"{\"name\":\"arn:aws-cn:cloudtrail:eu-west-1:123456789012:trail/main\"}",
                 TRAIL_MATCH_NO},
                {"{\"name\":\"arn:aws:evil:eu-west-1:123456789012:trail/main\"}", TRAIL_MATCH_NO},
                /* What no trail can be called. */
                {"{\"name\":\"Main\"}", TRAIL_MATCH_UNKNOWN},
                {"{\"name\":\"arn:aws:cloudtrail:eu-west-1:123456789012:trail/MAIN\"}",
                 TRAIL_MATCH_UNKNOWN},
                {"{\"name\":\"main \"}", TRAIL_MATCH_UNKNOWN},
                {"{\"name\":\"" TRAIL "/\"}", TRAIL_MATCH_UNKNOWN},
                {"{\"name\":\"" TRAIL "/x\"}", TRAIL_MATCH_UNKNOWN},
                {"{\"name\":\"trail/main\"}", TRAIL_MATCH_UNKNOWN},
                {"{\"name\":\"x:trail/main\"}", TRAIL_MATCH_UNKNOWN},
                {"{\"name\":\"ARN:AWS:cloudtrail:eu-west-1:123456789012:trail/main\"}",
                 TRAIL_MATCH_UNKNOWN},
                /* What names nothing. */
                {"{\"name\":\"main\",\"trailName\":\"other\"}", TRAIL_MATCH_UNKNOWN},
                {"{\"name\":[\"main\"],\"trailName\":\"other\"}", TRAIL_MATCH_UNKNOWN},
                {"{\"name\":7}", TRAIL_MATCH_UNKNOWN},
                {"{\"name\":{\"name\":\"main\"}}", TRAIL_MATCH_UNKNOWN},
                {"{\"name\":\"\"}", TRAIL_MATCH_UNKNOWN},
                {"{\"bucketName\":\"main\"}", TRAIL_MATCH_UNKNOWN},
                {"[\"main\"]", TRAIL_MATCH_UNKNOWN},
                {"null", TRAIL_MATCH_UNKNOWN},
                {"{}", TRAIL_MATCH_UNKNOWN},
                {"\"requestParameters too large\"", TRAIL_MATCH_UNKNOWN},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *more =
                        mem_printf(CALL ",\"requestParameters\":%s", cases[i].parameters);
                check_match(more, cases[i].want);
        }
}

/* By where the call was made, and of what service. */
static void test_match_whole(void **state)
{
        static const struct {
                const char *source, *type, *region, *account;
                TrailMatch by_name, by_arn;
        } cases[] = {
                {"cloudtrail.amazonaws.com", "AwsApiCall", "eu-west-1", "123456789012",
                 TRAIL_MATCH_YES, TRAIL_MATCH_YES},
                {"cloudtrail.amazonaws.com", NULL, "eu-west-1", "123456789012", TRAIL_MATCH_YES,
                 TRAIL_MATCH_YES},
                /* A name is of the account and region in which it is used. */
                {"cloudtrail.amazonaws.com", "AwsApiCall", "us-east-1", "123456789012",
                 TRAIL_MATCH_NO, TRAIL_MATCH_UNKNOWN},
                {"cloudtrail.amazonaws.com", "AwsApiCall", "eu-west-1", "999999999999",
                 TRAIL_MATCH_NO, TRAIL_MATCH_YES},
                {"cloudtrail.amazonaws.com", "AwsApiCall", NULL, "123456789012",
                 TRAIL_MATCH_UNKNOWN, TRAIL_MATCH_UNKNOWN},
                {"cloudtrail.amazonaws.com", "AwsApiCall", "eu-west-1", NULL, TRAIL_MATCH_UNKNOWN,
                 TRAIL_MATCH_UNKNOWN},
                {"cloudtrail.amazonaws.com", "AwsServiceEvent", "eu-west-1", "123456789012",
                 TRAIL_MATCH_UNKNOWN, TRAIL_MATCH_UNKNOWN},
                {"cloudtrail.amazonaws.com.cn", "AwsApiCall", "eu-west-1", "123456789012",
                 TRAIL_MATCH_UNKNOWN, TRAIL_MATCH_UNKNOWN},
                {"cloudtrail-data.amazonaws.com", "AwsApiCall", "eu-west-1", "123456789012",
                 TRAIL_MATCH_NO, TRAIL_MATCH_NO},
                {"redshift.amazonaws.com", "AwsApiCall", "eu-west-1", "123456789012",
                 TRAIL_MATCH_NO, TRAIL_MATCH_NO},
                {NULL, "AwsApiCall", "eu-west-1", "123456789012", TRAIL_MATCH_UNKNOWN,
                 TRAIL_MATCH_UNKNOWN},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                CloudTrailRecord r = {.event_source = (char *)cases[i].source,
                                      .event_type = (char *)cases[i].type,
                                      .region = (char *)cases[i].region,
                                      .recipient_account_id = (char *)cases[i].account,
                                      .trail = (char *)"main"};

                if (cloudtrail_record_match(&r, TRAIL) != cases[i].by_name)
                        fail_msg("name, %zu", i);
                r.trail = (char *)TRAIL;
                if (cloudtrail_record_match(&r, TRAIL) != cases[i].by_arn)
                        fail_msg("ARN, %zu", i);
        }
}

/* A failure is one in whatever shape. */
static void test_errors(void **state)
{
        static const struct {
                const char *members, *want;
        } cases[] = {
                {"", NULL},
                {",\"errorCode\":null", NULL},
                {",\"errorCode\":null,\"errorMessage\":null", NULL},
                {",\"errorMessage\":\"\"", NULL},
                {",\"errorCode\":\"AccessDenied\"", "AccessDenied"},
                {",\"errorCode\":403", "403"},
                {",\"errorCode\":\"\"", "\"\""},
                {",\"errorCode\":{\"code\":\"AccessDenied\"}", "{\"code\":\"AccessDenied\"}"},
                {",\"errorCode\":[]", "[]"},
                {",\"errorCode\":false", "false"},
                {",\"errorMessage\":\"Failed authentication\"", "no errorCode"},
                {",\"errorCode\":null,\"errorMessage\":7", "no errorCode"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                CloudTrailRecord r = good("{}", cases[i].members);

                if (!streq_ptr(r.error_code, cases[i].want))
                        fail_msg("%s: %s", cases[i].members, strempty(r.error_code));
                cloudtrail_record_done(&r);
        }
}

static void check_parameter(const CloudTrailRecord *r, const char *name, const char *want,
                            bool want_known)
{
        bool known = false;
        _cleanup_free_ char *value = cloudtrail_record_parameter(r, name, &known);

        if (!streq_ptr(value, want) || known != want_known)
                fail_msg("%s: %s", name, strempty(value));
}

static void test_parameters(void **state)
{
        CloudTrailRecord r = good("{}", CALL ",\"requestParameters\":{\"name\":\"main\","
                                             "\"isMultiRegionTrail\":false,\"s3BucketName\":\"b\","
                                             "\"odd name\":1,\"kmsKeyId\":\"\",\"s3KeyPrefix\":\"a "
                                             "b\",\"enableLogFileValidation\":true}");

        check_parameter(&r, "s3BucketName", "b", true);
        check_parameter(&r, "isMultiRegionTrail", "false", true);
        check_parameter(&r, "enableLogFileValidation", "true", true);
        check_parameter(&r, "kmsKeyId", "", true);
        check_parameter(&r, "s3KeyPrefix", "", false); /* no text to be kept */
        check_parameter(&r, "s3Bucket", NULL, false);
        check_parameter(&r, "odd", NULL, false);
        cloudtrail_record_done(&r);
        r = good("{}", CALL ",\"requestParameters\":null");
        check_parameter(&r, "s3BucketName", NULL, false);
        cloudtrail_record_done(&r);
}

/* Whatever a caller fills a record with, little of it is kept, and that is valid UTF-8. */
static void test_long_texts(void **state)
{
        enum { LONG = 30000 };
        _cleanup_free_ char *s = mem_alloc0(2 * LONG + 1), *more = NULL, *identity = NULL;

        for (size_t i = 0; i < LONG; i++)
                memcpy(s + 2 * i, "\xc3\xa4", 2);
        more = mem_printf(",\"eventSource\":\"cloudtrail.amazonaws.com\",\"userAgent\":\"x%s\","
                          "\"errorMessage\":\"%s\",\"errorCode\":\"%s\",\"eventID\":\"%s\","
                          "\"requestParameters\":{\"name\":\"%s\"}",
                          s, s, s, s, s);
        identity =
                mem_printf("{\"arn\":\"%s\",\"userName\":\"%s\",\"principalId\":\"%s\"}", s, s, s);
        CloudTrailRecord r = good(identity, more);
        assert_true(cloudtrail_record_bytes(&r) < 8000);
        assert_int_equal(strlen(r.user_agent), 511); /* not in the middle of a character */
        json_t *valid = json_string(r.user_agent);
        assert_non_null(valid);
        json_decref(valid);
        assert_int_equal(cloudtrail_record_match(&r, TRAIL), TRAIL_MATCH_UNKNOWN);
        cloudtrail_record_done(&r);
}

static void test_omitted_parameters(void **state)
{
        static const struct {
                const char *parameters;
                bool omitted;
        } cases[] = {
                {"{\"reason\":\"requestParameters too large\",\"omitted\":true,"
                 "\"originalSize\":149893}",
                 true},
                {"{\"omitted\":\"true\"}", true},
                {"\"requestParameters too large\"", true},
                {"{\"omitted\":false}", false},
                {"null", false},
                {"{\"name\":\"main\",\"omitted\":true}", false}, /* it names its trail */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *more =
                        mem_printf(CALL ",\"requestParameters\":%s", cases[i].parameters);
                CloudTrailRecord r = good("{}", more);
                if (r.parameters_omitted != cases[i].omitted)
                        fail_msg("%s", cases[i].parameters);
                cloudtrail_record_done(&r);
        }
}

UNIT_MAIN(T(test_record), T(test_root), T(test_iam_user), T(test_assumed_role),
          T(test_special_roles), T(test_issued_to), T(test_mfa_that_is_not_recorded),
          T(test_session_name), T(test_other_types), T(test_rare_members), T(test_type_names),
          T(test_odd_members_are_skipped), T(test_refuses), T(test_match), T(test_match_whole),
          T(test_errors), T(test_parameters), T(test_long_texts), T(test_omitted_parameters))
