/* SPDX-License-Identifier: Apache-2.0 */
/* The client when the service refuses its credentials or its clock. */

#include "client-fixture.h"

static void test_deadline_covers_the_credentials(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        f->source.silent = true;
        start(f, &s, (AwsCallOptions){.deadline_usec = 4 * USEC_PER_SEC});
        fake_net_advance(&f->net, 4 * USEC_PER_SEC);
        assert_int_equal(s.n_called, 1);
        assert_int_equal(s.error.class, AWS_ERROR_CREDENTIALS);
        assert_string_equal(s.error.message, "none came within 4 s");
        assert_int_equal(s.attempts, 0);
}

static void test_failed_credentials(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        f->source.give = NULL;
        start(f, &s, (AwsCallOptions){.retry = RETRY_STANDARD});
        fake_net_turn(&f->net);
        assert_int_equal(s.n_called, 1);
        assert_int_equal(s.error.class, AWS_ERROR_CREDENTIALS);
        assert_string_equal(s.error.code, "Scripted");
}

static void test_expired_are_replaced_once(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        prime(f);
        f->source.give = f->b;
        answer(f, (FakeAnswer)EXPIRED);
        answer(f, (FakeAnswer)OK_);
        run(f, &s, (AwsCallOptions){0}); /* a poll, too */
        assert_int_equal(s.error.class, AWS_ERROR_NONE);
        assert_int_equal(s.attempts, 2);
        assert_non_null(strstr(fake_sent_header(last(f), "Authorization"), "Credential=AKIDB/"));

        fake_net_advance(&f->net, USEC_PER_HOUR);
        f->source.give = f->a;
        answer(f, (FakeAnswer)EXPIRED);
        answer(f, (FakeAnswer)EXPIRED);
        run(f, &s, (AwsCallOptions){.retry = RETRY_UNMETERED});
        assert_int_equal(s.error.class, AWS_ERROR_EXPIRED);
        assert_int_equal(s.attempts, 2);
}

static void test_same_credentials_again_are_not_sent_again(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        prime(f);
        _cleanup_(aws_credentials_unrefp) AwsCredentials *again =
                fake_credentials(&f->net, "A", 2 * MSEC_PER_HOUR);
        _cleanup_(aws_credentials_unrefp) AwsCredentials *session = NULL;
        f->source.give = again; /* as IMDS does */
        answer(f, (FakeAnswer)EXPIRED);
        run(f, &s, (AwsCallOptions){0});
        assert_int_equal(s.error.class, AWS_ERROR_EXPIRED);
        assert_int_equal(s.attempts, 1);
        assert_int_equal(f->source.n_fetches, 2);

        /* With another token they are others. */
        fake_net_advance(&f->net, USEC_PER_HOUR);
        assert_int_equal(aws_credentials_new(again->access_key_id,
                                             secret_expose(again->secret_access_key), "another", 0,
                                             &session),
                         0);
        f->source.give = session;
        answer(f, (FakeAnswer)EXPIRED);
        answer(f, (FakeAnswer)OK_);
        run(f, &s, (AwsCallOptions){0});
        assert_int_equal(s.error.class, AWS_ERROR_NONE);
        assert_int_equal(s.attempts, 2);
}

/* What is being fetched already is waited for: it is newer than what was refused. */
static void test_refusal_while_a_renewal_is_under_way(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        prime(f);
        f->source.give = f->b;
        f->source.delay_usec = 2 * USEC_PER_SEC;
        fake_net_advance(&f->net, 5 * USEC_PER_HOUR + 44 * USEC_PER_MINUTE);
        answer(f, (FakeAnswer)EXPIRED);
        answer(f, (FakeAnswer)OK_);
        run(f, &s, (AwsCallOptions){0}); /* starts the renewal */
        assert_int_equal(s.error.class, AWS_ERROR_NONE);
        assert_int_equal(s.attempts, 2);
        assert_int_equal(f->source.n_fetches, 2);
}

/* Newer ones were at hand when the refusal came: that was the one time. */
static void test_refused_twice(void **state)
{
        Fixture *f = *state;
        Seen slow = {0}, other = {0};

        prime(f);
        f->source.give = f->b;
        fake_net_advance(&f->net, 5 * USEC_PER_HOUR + 44 * USEC_PER_MINUTE - USEC_PER_SEC);
        answer(f, (FakeAnswer){.status = 400,
                               .body = "{\"__type\":\"ExpiredTokenException\"}",
                               .delay_usec = 4 * USEC_PER_SEC});
        start(f, &slow, (AwsCallOptions){0});
        fake_net_advance(&f->net, 2 * USEC_PER_SEC);
        answer(f, (FakeAnswer)OK_);
        answer(f, (FakeAnswer)EXPIRED);
        start(f, &other, (AwsCallOptions){0}); /* starts the renewal */
        fake_net_advance(&f->net, USEC_PER_MINUTE);
        assert_int_equal(other.n_called, 1);
        assert_int_equal(slow.n_called, 1);
        assert_int_equal(slow.error.class, AWS_ERROR_EXPIRED);
        assert_int_equal(slow.attempts, 2);
        assert_int_equal(f->source.n_fetches, 2);
}

/* A session that was revoked is denied like any other. */
static void test_denial_is_believed_after_fresh_credentials(void **state)
{
        Fixture *f = *state;
        Seen s = {0}, other = {0};

        prime(f);
        f->source.give = f->b;
        answer(f, (FakeAnswer)DENIED);
        answer(f, (FakeAnswer)DENIED);
        start(f, &s, (AwsCallOptions){.retry = RETRY_UNMETERED});
        fake_net_turn(&f->net);
        assert_int_equal(s.n_called, 1);
        assert_int_equal(s.error.class, AWS_ERROR_DENIED);
        assert_int_equal(s.attempts, 2);
        assert_int_equal(f->source.n_fetches, 2);

        /* The next denial within three minutes is told at once. */
        answer(f, (FakeAnswer)DENIED);
        start(f, &other, (AwsCallOptions){.retry = RETRY_UNMETERED});
        fake_net_turn(&f->net);
        assert_int_equal(other.n_called, 1);
        assert_int_equal(other.attempts, 1);
        assert_int_equal(f->source.n_fetches, 2);
}

static void test_denial_is_not_held_up_by_the_origin(void **state)
{
        Fixture *f = *state;
        Seen s = {0}, other = {0};

        prime(f);
        f->source.delay_usec = USEC_PER_HOUR;
        answer(f, (FakeAnswer)DENIED);
        answer(f, (FakeAnswer)OK_);
        start(f, &s, (AwsCallOptions){.retry = RETRY_UNMETERED});
        fake_net_turn(&f->net);
        assert_int_equal(s.n_called, 0);

        /* Another trail's call is not held up at all. */
        start(f, &other, (AwsCallOptions){0});
        fake_net_turn(&f->net);
        assert_int_equal(other.n_called, 1);

        fake_net_advance(&f->net, 5 * USEC_PER_SEC);
        assert_int_equal(s.n_called, 1);
        assert_int_equal(s.error.class, AWS_ERROR_DENIED);
        assert_int_equal(s.error.status, 400);
        assert_string_equal(s.error.request_id, "req-denied");

        /* Nor does the origin's failure pass for the cause. */
        fake_net_advance(&f->net, USEC_PER_HOUR);
        f->source.give = NULL;
        f->source.delay_usec = 0;
        answer(f, (FakeAnswer)DENIED);
        run(f, &s, (AwsCallOptions){0});
        assert_int_equal(s.error.class, AWS_ERROR_DENIED);
}

/* After the wait for newer credentials the call has its own deadline back. */
static void test_deadline_after_a_refresh(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        prime(f);
        f->source.give = f->b;
        f->source.delay_usec = 3 * USEC_PER_SEC;
        answer(f, (FakeAnswer)EXPIRED);
        answer(f, (FakeAnswer){.status = 200, .body = "{}", .delay_usec = 4 * USEC_PER_SEC});
        run(f, &s, (AwsCallOptions){.deadline_usec = 10 * USEC_PER_SEC});
        assert_int_equal(s.error.class, AWS_ERROR_NONE);
}

static void test_clock_is_corrected_by_the_service(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        prime(f);
        assert_int_equal(aws_client_clock_skew_msec(f->client), 0);
        f->net.service_offset_msec = -20 * MSEC_PER_MINUTE;
        answer(f, (FakeAnswer)SKEWED);
        answer(f, (FakeAnswer)OK_);
        start(f, &s, (AwsCallOptions){0});
        fake_net_turn(&f->net);
        assert_int_equal(s.error.class, AWS_ERROR_NONE);
        assert_int_equal(s.attempts, 2);
        assert_signed(f, last(f), f->a, wall(f) - 20 * MSEC_PER_MINUTE, "cloudtrail");
        assert_int_equal(aws_client_clock_skew_msec(f->client), -20 * MSEC_PER_MINUTE);

        /* Remembered. */
        answer(f, (FakeAnswer)OK_);
        run(f, &s, (AwsCallOptions){0});
        assert_int_equal(s.attempts, 1);
        assert_string_equal(fake_sent_header(last(f), "X-Amz-Date"), "20261123T024100Z");
}

static void test_clock_is_not_blamed_twice(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        prime(f);
        answer(f, (FakeAnswer)SKEWED); /* a wrong secret looks like this */
        answer(f, (FakeAnswer)SKEWED);
        run(f, &s, (AwsCallOptions){.retry = RETRY_UNMETERED});
        assert_int_equal(s.error.class, AWS_ERROR_CLOCK);
        assert_int_equal(s.attempts, 2);
        assert_int_equal(aws_client_clock_skew_msec(f->client), 0);
}

/* One that was mistyped and has been put right since comes with the same key id, and the signature
 * being wrong looks like the clock's fault. */
static void test_wrong_secret_is_fetched_anew(void **state)
{
        Fixture *f = *state;
        _cleanup_(aws_credentials_unrefp) AwsCredentials *right = NULL;
        Seen s = {0};

        prime(f);
        assert_int_equal(aws_credentials_new("AKIDA", "put-right", NULL, 0, &right), 0);
        f->source.give = right;
        answer(f, (FakeAnswer)SKEWED);
        answer(f, (FakeAnswer)SKEWED);
        answer(f, (FakeAnswer)OK_);
        run(f, &s, (AwsCallOptions){0});
        assert_int_equal(s.error.class, AWS_ERROR_NONE);
        assert_int_equal(s.attempts, 3);
        assert_int_equal(f->source.n_fetches, 2);
}

static void test_clock_skew_from_any_answer(void **state)
{
        static const struct {
                int64_t offset_msec, skew_msec;
        } steps[] = {
                {3 * MSEC_PER_MINUTE, 0},                   /* does not matter */
                {5 * MSEC_PER_MINUTE, 5 * MSEC_PER_MINUTE}, /* does */
                {2 * MSEC_PER_MINUTE, 5 * MSEC_PER_MINUTE}, /* near enough to what is used */
                {30 * MSEC_PER_SEC, 0},                     /* no longer */
                {-9 * MSEC_PER_MINUTE, -9 * MSEC_PER_MINUTE},
                {9 * MSEC_PER_MINUTE, 9 * MSEC_PER_MINUTE},
        };
        Fixture *f = *state;
        Seen s = {0};

        prime(f);
        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                f->net.service_offset_msec = steps[i].offset_msec;
                answer(f, (FakeAnswer)OK_);
                run(f, &s, (AwsCallOptions){0});
                assert_int_equal(aws_client_clock_skew_msec(f->client), steps[i].skew_msec);
        }

        answer(f, (FakeAnswer){.status = 200, .body = "{}", .date = "yesterday"});
        run(f, &s, (AwsCallOptions){0});
        assert_int_equal(s.date_msec, 0);
        answer(f, (FakeAnswer){.status = 200, .body = "{}", .date = ""});
        run(f, &s, (AwsCallOptions){0});
        assert_int_equal(s.date_msec, 0);
        assert_int_equal(aws_client_clock_skew_msec(f->client), 9 * MSEC_PER_MINUTE);
}

static void test_clock_step_forgets_the_skew(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        prime(f);
        f->net.service_offset_msec = 30 * MSEC_PER_MINUTE;
        answer(f, (FakeAnswer)OK_);
        run(f, &s, (AwsCallOptions){0});
        assert_int_equal(aws_client_clock_skew_msec(f->client), 30 * MSEC_PER_MINUTE);

        /* Slewing is no step. */
        for (size_t i = 0; i < 3; i++) {
                f->net.wall_offset_msec += 4 * MSEC_PER_SEC;
                f->net.service_offset_msec -= 4 * MSEC_PER_SEC;
                answer(f, (FakeAnswer)OK_);
                run(f, &s, (AwsCallOptions){0});
        }
        assert_int_equal(aws_client_clock_skew_msec(f->client), 30 * MSEC_PER_MINUTE);

        /* Somebody set the clock right. */
        f->net.wall_offset_msec += f->net.service_offset_msec;
        f->net.service_offset_msec = 0;
        answer(f, (FakeAnswer)OK_);
        start(f, &s, (AwsCallOptions){0});
        assert_signed(f, last(f), f->a, wall(f), "cloudtrail");
        fake_net_turn(&f->net);
        assert_int_equal(aws_client_clock_skew_msec(f->client), 0);
}

static void test_signing_key_follows_the_day(void **state)
{
        Fixture *f = *state;
        Seen s = {0};

        f->a->expiry_msec = INT64_MAX;
        prime(f);
        for (size_t day = 0; day < 2; day++) {
                f->net.wall_offset_msec += MSEC_PER_DAY;
                answer(f, (FakeAnswer)OK_);
                start(f, &s, (AwsCallOptions){0});
                assert_signed(f, last(f), f->a, wall(f), "cloudtrail");
                fake_net_turn(&f->net);
        }
}

UNIT_MAIN(WITH_CLIENT(test_deadline_covers_the_credentials), WITH_CLIENT(test_failed_credentials),
          WITH_CLIENT(test_expired_are_replaced_once),
          WITH_CLIENT(test_same_credentials_again_are_not_sent_again),
          WITH_CLIENT(test_refusal_while_a_renewal_is_under_way), WITH_CLIENT(test_refused_twice),
          WITH_CLIENT(test_denial_is_believed_after_fresh_credentials),
          WITH_CLIENT(test_denial_is_not_held_up_by_the_origin),
          WITH_CLIENT(test_deadline_after_a_refresh),
          WITH_CLIENT(test_clock_is_corrected_by_the_service),
          WITH_CLIENT(test_clock_is_not_blamed_twice),
          WITH_CLIENT(test_wrong_secret_is_fetched_anew),
          WITH_CLIENT(test_clock_skew_from_any_answer),
          WITH_CLIENT(test_clock_step_forgets_the_skew),
          WITH_CLIENT(test_signing_key_follows_the_day))
