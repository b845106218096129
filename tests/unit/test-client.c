/* SPDX-License-Identifier: Apache-2.0 */
/* The client over a scripted transport and a virtual clock: requests, retries, deadlines,
 * callbacks. */

#include "client-fixture.h"

#include "aws/query.h"
#include "base/mem.h"

static void test_request_as_aws_expects_it(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        FakeSent *q;

        prime(f);
        answer(f, (FakeAnswer)OK_);
        start(f, &s, (AwsCallOptions){.body_max = 1234});

        /* Handed over before start returned. */
        assert_int_equal(f->net.n_sent, 2);
        q = last(f);
        assert_string_equal(q->method, "POST");
        assert_string_equal(q->url, "https://cloudtrail.eu-central-1.amazonaws.com/");
        assert_string_equal(q->body, "{\"Name\":\"" TRAIL "\"}");
        assert_string_equal(fake_sent_header(q, "Host"), "cloudtrail.eu-central-1.amazonaws.com");
        assert_string_equal(fake_sent_header(q, "Content-Type"), "application/x-amz-json-1.1");
        assert_string_equal(
                fake_sent_header(q, "X-Amz-Target"),
                "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.GetTrailStatus");
        assert_string_equal(fake_sent_header(q, "X-Amz-Security-Token"), "token");
        assert_string_equal(fake_sent_header(q, "User-Agent"), "trailsentry/0.0");
        assert_string_equal(fake_sent_header(q, "Accept-Encoding"), "identity");
        assert_signed(f, q, f->a, wall(f), "cloudtrail");
        assert_non_null(strstr(fake_sent_header(q, "Authorization"),
                               "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;"
                               "x-amz-target,"));
        assert_int_equal(q->policy, HTTP_POLICY_SERVICE);
        assert_int_equal(q->connect_timeout_usec, 3 * USEC_PER_SEC);
        assert_int_equal(q->timeout_usec, 5 * USEC_PER_SEC);
        assert_int_equal(q->body_max, 1234);
        assert_false(q->urgent);

        fake_net_turn(&f->net);
        assert_int_equal(s.n_called, 1);
        assert_int_equal(s.error.class, AWS_ERROR_NONE);
        assert_int_equal(s.error.status, 200);
        assert_string_equal(s.error.request_id, "req-ok");
        assert_string_equal(s.body, "{}");
        assert_int_equal(s.attempts, 1);
        assert_int_equal(s.date_msec, wall(f) / MSEC_PER_SEC * MSEC_PER_SEC);
}

static void test_query_service(void **state)
{
        Fixture *f = *state;
        AwsRequest q = {0};
        Seen s = {0};

        prime(f);
        answer(f, (FakeAnswer){.status = 403,
                               .body = "<ErrorResponse><Error><Code>InvalidAction</Code>"
                                       "<Message>m</Message></Error>"
                                       "<RequestId>req-xml</RequestId></ErrorResponse>"});
        sts_request_get_caller_identity("eu-central-1", &q);
        start_request(f, &s, &q, (AwsCallOptions){.retry = RETRY_STANDARD, .urgent = true});
        assert_true(last(f)->urgent);
        assert_null(fake_sent_header(last(f), "X-Amz-Target"));
        assert_string_equal(last(f)->url, "https://sts.eu-central-1.amazonaws.com/");
        assert_signed(f, last(f), f->a, wall(f), "sts");
        fake_net_turn(&f->net);
        assert_string_equal(s.error.code, "InvalidAction");
        assert_string_equal(s.error.request_id, "req-xml");
}

static void test_endpoints(void **state)
{
        static const struct {
                const char *endpoint, *url, *host;
        } cases[] = {
                {"http://127.0.0.1:8080", "http://127.0.0.1:8080/", "127.0.0.1:8080"},
                {"https://vpce-1.example.com:443", "https://vpce-1.example.com/",
                 "vpce-1.example.com"},
                {"https://{service}.{region}.internal", "https://cloudtrail.eu-central-1.internal/",
                 "cloudtrail.eu-central-1.internal"},
                {"https://[::1]:4443", "https://[::1]:4443/", "[::1]:4443"},
                {"https://gateway.example.com/aws/{service}/",
                 "https://gateway.example.com/aws/cloudtrail/", "gateway.example.com"},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *endpoints[_AWS_SERVICE_MAX] = {
                        [AWS_SERVICE_CLOUDTRAIL] = cases[i].endpoint,
                        [AWS_SERVICE_SNS] = "https://elsewhere.example.com"};
                int64_t now = wall(f);
                make_client(f, (AwsClientOptions){.endpoints = endpoints});
                prime(f);
                assert_string_equal(last(f)->url, cases[i].url);
                assert_string_equal(fake_sent_header(last(f), "Host"), cases[i].host);
                assert_signed(f, last(f), f->a, now, "cloudtrail");
        }
        make_client(f, (AwsClientOptions){.fips = true});
        AwsRequest q = {.service = AWS_SERVICE_CLOUDTRAIL,
                        .operation = "GetTrailStatus",
                        .region = mem_strdup("us-east-1"),
                        .body = mem_strdup("{}"),
                        .body_len = 2};
        Seen s = {0};
        answer(f, (FakeAnswer)OK_);
        start_request(f, &s, &q, (AwsCallOptions){0});
        fake_net_turn(&f->net);
        assert_string_equal(last(f)->url, "https://cloudtrail-fips.us-east-1.amazonaws.com/");
}

/* What cannot be sent is told in the next turn, not from inside. */
static void test_failures_before_sending(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        AwsRequest q = {.service = AWS_SERVICE_CLOUDTRAIL,
                        .operation = "GetTrailStatus",
                        .region = mem_strdup("eu-central-1.evil.example/"),
                        .body = mem_strdup("{}"),
                        .body_len = 2};

        prime(f);
        start_request(f, &s, &q, (AwsCallOptions){.retry = RETRY_STANDARD});
        fake_net_turn(&f->net);
        assert_int_equal(s.n_called, 1);
        assert_int_equal(s.error.class, AWS_ERROR_INVALID);
        assert_string_equal(s.error.code, "InvalidEndpoint");
        assert_int_equal(s.attempts, 0);

        answer(f, (FakeAnswer){.start_error = -EPERM});
        start(f, &s, (AwsCallOptions){.retry = RETRY_STANDARD});
        fake_net_turn(&f->net);
        assert_int_equal(s.n_called, 1);
        assert_int_equal(s.error.class, AWS_ERROR_INVALID);
        assert_string_equal(s.error.code, "PlainHttpRefused");

        answer(f, (FakeAnswer){.start_error = -EINVAL});
        start(f, &s, (AwsCallOptions){.retry = RETRY_STANDARD});
        fake_net_turn(&f->net);
        assert_int_equal(s.n_called, 1);
        assert_int_equal(s.error.class, AWS_ERROR_INVALID);
        assert_string_equal(s.error.code, "RequestNotSent");
        assert_non_null(strstr(s.error.message, "Invalid argument"));
        assert_int_equal(s.attempts, 0);

        answer(f, (FakeAnswer){.start_error = -EINVAL});
        start(f, &s, (AwsCallOptions){0});
        s.call = aws_call_cancel(s.call);
        fake_net_turn(&f->net);
        assert_int_equal(s.n_called, 0);
}

static void test_poll_makes_one_attempt(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        prime(f);
        answer(f, (FakeAnswer)THROTTLED);
        run(f, &s, (AwsCallOptions){.retry = RETRY_NONE});
        assert_int_equal(s.error.class, AWS_ERROR_THROTTLED);
        assert_int_equal(s.attempts, 1);
        answer(f, (FakeAnswer){.error_class = AWS_ERROR_NETWORK, .error_code = "ConnectionReset"});
        run(f, &s, (AwsCallOptions){.retry = RETRY_NONE});
        assert_string_equal(s.error.code, "ConnectionReset");
        assert_int_equal(f->net.n_sent, 3);
}

static void test_retries(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        uint64_t t;

        prime(f);
        answer(f, (FakeAnswer){.status = 503, .body = "<html>"});
        answer(f, (FakeAnswer){.error_class = AWS_ERROR_NETWORK, .error_code = "ConnectionReset"});
        answer(f, (FakeAnswer)OK_);
        run(f, &s, (AwsCallOptions){.retry = RETRY_STANDARD});
        assert_int_equal(s.error.class, AWS_ERROR_NONE);
        assert_int_equal(s.attempts, 3);
        /* random01 is 0.5: half of 50 ms, then of 100 ms */
        t = sent(f, 1)->boottime_usec;
        assert_int_equal(sent(f, 2)->boottime_usec - t, 25 * USEC_PER_MSEC);
        assert_int_equal(sent(f, 3)->boottime_usec - t, 75 * USEC_PER_MSEC);

        /* The service's wish raises the delay; nonsense does not count. */
        answer(f, (FakeAnswer){.status = 429, .retry_after = "3000"});
        answer(f, (FakeAnswer){.status = 429, .retry_after = "-1, 99999999999999999999"});
        answer(f, (FakeAnswer){.status = 429});
        run(f, &s, (AwsCallOptions){.retry = RETRY_STANDARD});
        assert_int_equal(s.error.class, AWS_ERROR_THROTTLED);
        assert_int_equal(s.error.status, 429);
        assert_int_equal(s.attempts, 3);
        t = sent(f, 4)->boottime_usec;
        assert_int_equal(sent(f, 5)->boottime_usec - t, 3 * USEC_PER_SEC);
        assert_int_equal(sent(f, 6)->boottime_usec - t, 4 * USEC_PER_SEC);
}

/* Whoever repeats a throttled call at his own pace hears of it at once, whatever is wished for. */
static void test_throttling_is_left_to_the_caller(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        prime(f);
        answer(f, (FakeAnswer){.status = 429, .retry_after = "3000"});
        start(f, &s, (AwsCallOptions){.retry = RETRY_UNMETERED});
        fake_net_turn(&f->net);
        assert_int_equal(s.n_called, 1);
        assert_int_equal(s.error.class, AWS_ERROR_THROTTLED);
        assert_int_equal(s.attempts, 1);
}

/* Field bug: Authorization lost on retry. Every attempt carries all that the first one did. */
static void test_authorization_is_on_every_retry(void **state)
{
        static const char *const names[] = {"Host",       "Content-Type",  "X-Amz-Target",
                                            "X-Amz-Date", "Authorization", "X-Amz-Security-Token",
                                            "User-Agent"};
        Fixture *f = *state;
        Seen s = {0};

        answer(f, (FakeAnswer){.status = 503, .body = "<html>"});
        answer(f, (FakeAnswer){.error_class = AWS_ERROR_NETWORK, .error_code = "ConnectionReset"});
        answer(f, (FakeAnswer)OK_);
        run(f, &s, (AwsCallOptions){.retry = RETRY_STANDARD});
        assert_int_equal(s.attempts, 3);
        assert_int_equal(f->net.n_sent, 3);
        for (size_t i = 0; i < 3; i++) {
                for (size_t k = 0; k < ELEMENTSOF(names); k++)
                        if (isempty(fake_sent_header(sent(f, i), names[k])))
                                fail_msg("%s is not in attempt %zu", names[k], i + 1);
                assert_has(fake_sent_header(sent(f, i), "Authorization"),
                           "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;"
                           "x-amz-target,");
                assert_string_equal(sent(f, i)->body, sent(f, 0)->body);
        }
}

static void test_refused_for_good_is_not_retried(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        prime(f);
        answer(f, (FakeAnswer){.status = 400, .body = "{\"__type\":\"TrailNotFoundException\"}"});
        run(f, &s, (AwsCallOptions){.retry = RETRY_UNMETERED});
        assert_int_equal(s.error.class, AWS_ERROR_NOT_FOUND);
        assert_int_equal(s.attempts, 1);
        answer(f, (FakeAnswer){.status = 301, .body = "moved"});
        run(f, &s, (AwsCallOptions){.retry = RETRY_UNMETERED});
        assert_int_equal(s.error.class, AWS_ERROR_PROTOCOL);
        assert_int_equal(s.attempts, 1);
}

/* A broken region drains its own quota only, and never holds StartLogging back. */
static void test_quota_is_of_region_and_service(void **state)
{
        Fixture *f = *state;
        Seen s = {0};
        AwsRequest q = {0};
        int attempts = 0;

        prime(f);
        /* 500 at 14 a retry: 35 retries, two a call. */
        for (size_t i = 0; i < 20; i++) {
                for (size_t k = 0; k < (i < 17 ? 3 : i == 17 ? 2 : 1); k++)
                        answer(f, (FakeAnswer){.status = 500});
                run(f, &s, (AwsCallOptions){.retry = RETRY_STANDARD});
                attempts += s.attempts;
        }
        assert_int_equal(attempts, 20 + 35);

        for (size_t k = 0; k < 3; k++)
                answer(f, (FakeAnswer){.status = 500});
        run(f, &s, (AwsCallOptions){.retry = RETRY_UNMETERED});
        assert_int_equal(s.attempts, 3);

        f->net.n_script = f->net.script_next = 0;
        answer(f, (FakeAnswer){.status = 500});
        answer(f, (FakeAnswer){.status = 200, .body = "<a/>"});
        sts_request_get_caller_identity("eu-central-1", &q);
        start_request(f, &s, &q, (AwsCallOptions){.retry = RETRY_STANDARD});
        fake_net_advance(&f->net, USEC_PER_SEC);
        assert_int_equal(s.error.class, AWS_ERROR_NONE);
        assert_int_equal(s.attempts, 2);

        /* A success gives back 1: 10 + 4 are enough for one retry. */
        for (size_t k = 0; k < 4; k++) {
                answer(f, (FakeAnswer)OK_);
                run(f, &s, (AwsCallOptions){0});
        }
        answer(f, (FakeAnswer){.status = 500});
        answer(f, (FakeAnswer){.status = 500});
        run(f, &s, (AwsCallOptions){.retry = RETRY_STANDARD});
        assert_int_equal(s.attempts, 2);
}

/* What the deadline forbids is not paid for, and a success pays back what its retry has cost. */
static void test_quota_is_given_back(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        prime(f);
        for (size_t i = 0; i < 110; i++) {
                answer(f, (FakeAnswer){.status = 429, .retry_after = "4000"});
                run(f, &s,
                    (AwsCallOptions){.retry = RETRY_STANDARD, .deadline_usec = 3 * USEC_PER_SEC});
                assert_int_equal(s.attempts, 1);
        }
        for (size_t i = 0; i < 60; i++) {
                answer(f, (FakeAnswer){.status = 500});
                answer(f, (FakeAnswer)OK_);
                run(f, &s, (AwsCallOptions){.retry = RETRY_STANDARD});
                assert_int_equal(s.attempts, 2);
        }
}

static void test_deadline(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        prime(f);
        /* Silence: 5 s for the first attempt, what is left for the second. */
        answer(f, (FakeAnswer){.silent = true});
        answer(f, (FakeAnswer){.silent = true});
        start(f, &s, (AwsCallOptions){.retry = RETRY_UNMETERED, .deadline_usec = 8 * USEC_PER_SEC});
        fake_net_advance(&f->net, 8 * USEC_PER_SEC - 1);
        assert_int_equal(s.n_called, 0);
        fake_net_advance(&f->net, 1);
        assert_int_equal(s.n_called, 1);
        assert_int_equal(s.error.class, AWS_ERROR_NETWORK);
        assert_string_equal(s.error.code, "Timeout");
        assert_int_equal(s.attempts, 2);

        /* No back-off beyond it: the service's own word is told at once. */
        answer(f, (FakeAnswer){.status = 429, .retry_after = "4000"});
        start(f, &s, (AwsCallOptions){.retry = RETRY_STANDARD, .deadline_usec = 3 * USEC_PER_SEC});
        fake_net_turn(&f->net);
        assert_int_equal(s.n_called, 1);
        assert_int_equal(s.error.class, AWS_ERROR_THROTTLED);
}

static void test_cancel_in_every_state(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        /* waiting for credentials */
        f->source.delay_usec = USEC_PER_SEC;
        start(f, &s, (AwsCallOptions){0});
        s.call = aws_call_cancel(s.call);
        fake_net_advance(&f->net, USEC_PER_MINUTE);
        assert_int_equal(f->net.n_sent, 0);

        /* in the transport */
        answer(f, (FakeAnswer)OK_);
        start(f, &s, (AwsCallOptions){0});
        s.call = aws_call_cancel(s.call);
        assert_true(last(f)->cancelled);

        /* backing off */
        answer(f, (FakeAnswer){.status = 503});
        start(f, &s, (AwsCallOptions){.retry = RETRY_STANDARD});
        fake_net_turn(&f->net);
        s.call = aws_call_cancel(s.call);

        /* waiting for better credentials */
        answer(f, (FakeAnswer)EXPIRED);
        start(f, &s, (AwsCallOptions){0});
        fake_net_turn(&f->net);
        s.call = aws_call_cancel(s.call);
        s.call = aws_call_cancel(NULL);

        fake_net_advance(&f->net, USEC_PER_MINUTE);
        assert_int_equal(s.n_called, 0);
}

static void test_callback_cancels_others(void **state)
{
        Fixture *f = *state;
        Seen s[3] = {0};

        prime(f);
        for (size_t i = 0; i < 3; i++) {
                answer(f, (FakeAnswer)OK_);
                start(f, &s[i], (AwsCallOptions){0});
        }
        s[0].cancels = &s[1];
        fake_net_turn(&f->net);
        assert_int_equal(s[0].n_called, 1);
        assert_int_equal(s[1].n_called, 0);
        assert_int_equal(s[2].n_called, 1);
}

/* Promise 1: what the callback of a poll starts is in the transport before the callback ends. */
static void test_callback_starts_the_action(void **state)
{
        Fixture *f = *state;
        Seen poll = {0}, action = {0};

        prime(f);
        answer(f, (FakeAnswer)OK_);
        answer(f, (FakeAnswer)OK_);
        poll.starts = &action;
        start(f, &poll, (AwsCallOptions){0});
        fake_net_turn(&f->net);
        assert_int_equal(action.n_called, 1);
        assert_int_equal(sent(f, 2)->boottime_usec, sent(f, 1)->boottime_usec);
}

static void test_callback_frees_the_client(void **state)
{
        Fixture *f = *state;
        Seen s = {.frees_client = true};

        answer(f, (FakeAnswer)OK_);
        start(f, &s, (AwsCallOptions){0});
        fake_net_turn(&f->net);
        assert_int_equal(s.n_called, 1);
        assert_null(f->client);
}

/* A thousand schedules of answers, delays and cancels: whatever happens, a call that was not
 * cancelled is told exactly once and by its deadline, and nothing is left over. */
static void test_random_schedules(void **state)
{
        static const FakeAnswer answers[] = {
                OK_,
                OK_,
                THROTTLED,
                EXPIRED,
                SKEWED,
                DENIED,
                {.status = 500},
                {.silent = true},
                {.error_class = AWS_ERROR_NETWORK, .error_code = "ConnectionReset"},
                {.error_class = AWS_ERROR_PROTOCOL, .error_code = "AnswerTooLarge"},
                {.start_error = -EPERM},
        };
        uint64_t seed = UINT64_C(0x9E3779B97F4A7C15);

#define RANDOM(n)                                                                                  \
        ((unsigned)((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 33) % (n))
        for (size_t round = 0; round < 1000; round++) {
                Fixture f = {0};
                Seen s[6] = {0};
                bool cancelled[6] = {0};

                fake_net_init(&f.net);
                f.a = fake_credentials(&f.net, "A", 6 * MSEC_PER_HOUR);
                f.b = fake_credentials(&f.net, "B", 12 * MSEC_PER_HOUR);
                make_client(&f, (AwsClientOptions){0});
                f.net.random01 = RANDOM(1001) / 1000.0;
                for (size_t i = 0; i < 6; i++) {
                        f.source.give = RANDOM(8) == 0 ? NULL : RANDOM(2) ? f.a : f.b;
                        f.source.delay_usec = RANDOM(3) * 4 * USEC_PER_SEC;
                        f.net.service_offset_msec = ((int)RANDOM(5) - 2) * 4 * MSEC_PER_MINUTE;
                        for (size_t k = 0; k < 3; k++) {
                                FakeAnswer a = answers[RANDOM(ELEMENTSOF(answers))];
                                a.delay_usec = RANDOM(4) * 2 * USEC_PER_SEC;
                                answer(&f, a);
                        }
                        start(&f, &s[i],
                              (AwsCallOptions){.retry = (RetryMode)RANDOM(3),
                                               .deadline_usec = 12 * USEC_PER_SEC});
                        fake_net_advance(&f.net, RANDOM(4) * USEC_PER_SEC);
                        size_t victim = RANDOM(6);
                        if (RANDOM(4) == 0 && s[victim].call) {
                                s[victim].call = aws_call_cancel(s[victim].call);
                                cancelled[victim] = true;
                        }
                }
                fake_net_advance(&f.net, 12 * USEC_PER_SEC);
                for (size_t i = 0; i < 6; i++)
                        assert_int_equal(s[i].n_called, !cancelled[i]);

                aws_client_free(f.client);
                aws_credentials_unref(f.a);
                aws_credentials_unref(f.b);
                f.net.script_next = f.net.n_script;
                fake_net_done(&f.net);
        }
}

/* A portal's page with a good status must not pass for a restart, or for an alert sent. */
static void test_success_that_aws_never_said(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        answer(f, (FakeAnswer){.status = 200, .body = "<html>Log in</html>"});
        run(f, &s, (AwsCallOptions){.answer_unread = true});
        assert_int_equal(s.error.class, AWS_ERROR_PROTOCOL);
        assert_string_equal(s.error.code, "ForeignAnswer");
        assert_int_equal(s.date_msec, 0); /* nor is its clock AWS's */
        answer(f, (FakeAnswer){.status = 200, .body = "", .request_id = "r"});
        run(f, &s, (AwsCallOptions){.answer_unread = true});
        assert_int_equal(s.error.class, AWS_ERROR_NONE);
        assert_true(s.date_msec > 0);
}

UNIT_MAIN(WITH_CLIENT(test_success_that_aws_never_said),
          WITH_CLIENT(test_request_as_aws_expects_it), WITH_CLIENT(test_query_service),
          WITH_CLIENT(test_endpoints), WITH_CLIENT(test_failures_before_sending),
          WITH_CLIENT(test_poll_makes_one_attempt), WITH_CLIENT(test_retries),
          WITH_CLIENT(test_throttling_is_left_to_the_caller),
          WITH_CLIENT(test_authorization_is_on_every_retry),
          WITH_CLIENT(test_refused_for_good_is_not_retried),
          WITH_CLIENT(test_quota_is_of_region_and_service), WITH_CLIENT(test_quota_is_given_back),
          WITH_CLIENT(test_deadline), WITH_CLIENT(test_cancel_in_every_state),
          WITH_CLIENT(test_callback_cancels_others), WITH_CLIENT(test_callback_starts_the_action),
          WITH_CLIENT(test_callback_frees_the_client), T(test_random_schedules))
