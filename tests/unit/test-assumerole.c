/* SPDX-License-Identifier: Apache-2.0 */
/* AssumeRole over another client, and a client on top of it: the guard's account, the trail's. */

#include "fake-net.h"

#include <stdio.h>

#include "aws/cloudtrail.h"
#include "base/mem.h"
#include "net/client.h"

#define ROLE "arn:aws:iam::444455556666:role/guard"
#define TRAIL "arn:aws:cloudtrail:eu-central-1:444455556666:trail/management-events"
#define ASSUMED                                                                                    \
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"                 \
        "<AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>"                       \
        "<SecretAccessKey>s3cret</SecretAccessKey><SessionToken>r0le</SessionToken>"               \
        "<Expiration>2026-11-23T04:00:00Z</Expiration></Credentials></AssumeRoleResult>"           \
        "</AssumeRoleResponse>"

typedef struct Fixture {
        FakeNet net;
        FakeSource base_source;
        AwsCredentials *base_credentials;
        AwsClient *base;
        AwsClient *client;
        AwsCall *call;
        unsigned n_called;
        AwsError error;
} Fixture;

static CredAssumeRoleOptions options(Fixture *f)
{
        return (CredAssumeRoleOptions){
                .client = f->base,
                .env = &f->net.env,
                .region = "eu-central-1",
                .role_arn = ROLE,
                .external_id = "ex+1",
                .session_name = "trailsentry-i-0abc",
        };
}

static int setup(void **state)
{
        Fixture *f = mem_new0(Fixture);
        CredAssumeRoleOptions o = options(f);

        fake_net_init(&f->net);
        f->base = aws_client_new(&(AwsClientOptions){
                .env = &f->net.env,
                .source = fake_source_init(&f->base_source, &f->net),
                .user_agent = "trailsentry/0.0",
        });
        f->base_credentials = fake_credentials(&f->net, "BASE", 6 * MSEC_PER_HOUR);
        f->base_source.give = f->base_credentials;
        o.client = f->base;
        f->client = aws_client_new(&(AwsClientOptions){.env = &f->net.env,
                                                       .source = cred_source_new_assume_role(&o),
                                                       .user_agent = "trailsentry/0.0"});
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;

        aws_client_free(f->client);
        aws_client_free(f->base);
        aws_credentials_unref(f->base_credentials);
        fake_net_done(&f->net);
        free(f);
        return 0;
}

static void on_result(void *userdata, const AwsResult *r)
{
        Fixture *f = userdata;

        f->call = NULL;
        f->n_called++;
        f->error = r->error;
}

static void start(Fixture *f)
{
        AwsRequest q = {0};

        f->n_called = 0;
        cloudtrail_request_get_trail_status(TRAIL, &q);
        f->call = aws_call_start(f->client, &q, &(AwsCallOptions){0}, on_result, f);
}

static void answer(Fixture *f, int status, const char *body)
{
        fake_net_answer(&f->net, (FakeAnswer){.status = status, .body = body, .request_id = "r"});
}

static void test_role_is_assumed_and_used(void **state)
{
        Fixture *f = *state;
        CredStatus status;

        answer(f, 200, ASSUMED);
        answer(f, 200, "{}");
        start(f);
        fake_net_turn(&f->net);
        assert_int_equal(f->n_called, 1);
        assert_int_equal(f->error.class, AWS_ERROR_NONE);
        assert_true(f->net.sent[0].urgent); /* a restart may wait for it */

        assert_string_equal(f->net.sent[0].url, "https://sts.eu-central-1.amazonaws.com/");
        assert_string_equal(f->net.sent[0].body,
                            "Action=AssumeRole&Version=2011-06-15"
                            "&RoleArn=arn%3Aaws%3Aiam%3A%3A444455556666%3Arole%2Fguard"
                            "&RoleSessionName=trailsentry-i-0abc&DurationSeconds=3600"
                            "&ExternalId=ex%2B1");
        assert_non_null(strstr(fake_sent_header(&f->net.sent[0], "Authorization"), "AKIDBASE/"));
        assert_non_null(strstr(fake_sent_header(&f->net.sent[1], "Authorization"), "ASIAROLE/"));
        assert_string_equal(fake_sent_header(&f->net.sent[1], "X-Amz-Security-Token"), "r0le");

        cred_cache_status(aws_client_credentials(f->client), &status);
        assert_string_equal(status.source, "assume-role");
        assert_int_equal(status.expiry_msec, FAKE_WALL_START + MSEC_PER_HOUR);
}

/* STS's AccessDenied is no denial of the call that wanted the credentials. */
static void test_denied_role_is_missing_credentials(void **state)
{
        Fixture *f = *state;

        answer(f, 403,
               "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: "
               "arn:aws:sts::1:assumed-role/a/i is not authorized</Message></Error>"
               "<RequestId>x</RequestId></ErrorResponse>");
        start(f);
        fake_net_turn(&f->net);
        assert_int_equal(f->n_called, 1);
        assert_int_equal(f->error.class, AWS_ERROR_CREDENTIALS);
        assert_string_equal(f->error.code, "AccessDenied");
        assert_string_equal(f->error.message,
                            "cannot assume " ROLE
                            ": User: arn:aws:sts::1:assumed-role/a/i is not authorized");
        assert_int_equal(f->error.status, 403);
        assert_string_equal(f->error.request_id, "r");
}

static void test_failures(void **state)
{
        Fixture *f = *state;

        /* The other client's own lack of credentials comes through. */
        f->base_source.give = NULL;
        start(f);
        fake_net_turn(&f->net);
        assert_int_equal(f->n_called, 1);
        assert_int_equal(f->error.class, AWS_ERROR_CREDENTIALS);
        assert_string_equal(f->error.code, "Scripted");

        f->base_source.give = f->base_credentials;
        fake_net_advance(&f->net, USEC_PER_MINUTE);
        answer(f, 503, "");
        answer(f, 200, "<AssumeRoleResponse><nothing/></AssumeRoleResponse>");
        start(f);
        fake_net_advance(&f->net, USEC_PER_SEC);
        assert_int_equal(f->n_called, 1);
        assert_int_equal(f->error.class, AWS_ERROR_CREDENTIALS);
        assert_string_equal(f->error.code, "MalformedAnswer");

        /* Silence ends before the caller's own deadline does. */
        fake_net_advance(&f->net, USEC_PER_MINUTE);
        start(f);
        fake_net_advance(&f->net, 29 * USEC_PER_SEC);
        assert_int_equal(f->n_called, 1);
        assert_string_equal(f->error.code, "Timeout");
}

static void test_cancel(void **state)
{
        Fixture *f = *state;

        answer(f, 200, ASSUMED);
        start(f);
        aws_call_cancel(f->call); /* the fetch goes on for the next */
        fake_net_turn(&f->net);
        assert_int_equal(f->n_called, 0);
        assert_non_null(cred_cache_peek(aws_client_credentials(f->client)));
}

static void test_client_freed_while_assuming(void **state)
{
        Fixture *f = *state;

        start(f);
        fake_net_turn(&f->net);
        aws_call_cancel(f->call);
        f->client = aws_client_free(f->client);
        assert_true(f->net.sent[0].cancelled);
        fake_net_advance(&f->net, USEC_PER_MINUTE);
}

/* Longer than the form of a request may get: the call that wants them is told why. */
static void test_role_too_long_to_ask_for(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *arn = mem_printf("%05000000d", 0);
        CredAssumeRoleOptions o = options(f);

        o.role_arn = arn;
        aws_client_free(f->client);
        f->client = aws_client_new(&(AwsClientOptions){.env = &f->net.env,
                                                       .source = cred_source_new_assume_role(&o),
                                                       .user_agent = "trailsentry/0.0"});
        start(f);
        fake_net_turn(&f->net);
        assert_int_equal(f->n_called, 1);
        assert_int_equal(f->error.class, AWS_ERROR_CREDENTIALS);
        assert_string_equal(f->error.code, "RequestTooLarge");
        assert_int_equal(f->net.n_sent, 0);
}

#define F(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
UNIT_MAIN(F(test_role_is_assumed_and_used), F(test_denied_role_is_missing_credentials),
          F(test_failures), F(test_cancel), F(test_client_freed_while_assuming),
          F(test_role_too_long_to_ask_for))
