/* SPDX-License-Identifier: Apache-2.0 */
/* The credential cache under a virtual clock, and the environment source. */

#include "fake-net.h"

#include <stdio.h>

#include "base/mem.h"

#define MINUTE_USEC USEC_PER_MINUTE

typedef struct Fixture {
        FakeNet net;
        FakeSource source;
        CredCache *cache;
        AwsCredentials *a;
        AwsCredentials *b;
} Fixture;

typedef struct Waiter {
        Fixture *fixture;
        CredWait *wait;
        unsigned n_called;
        char key[32];
        AwsError error;
        struct Waiter *cancels; /* by its callback */
        bool frees;
} Waiter;

static int setup(void **state)
{
        Fixture *f = mem_new0(Fixture);

        fake_net_init(&f->net);
        f->cache = cred_cache_new(&f->net.env, fake_source_init(&f->source, &f->net));
        f->a = fake_credentials(&f->net, "A", MSEC_PER_HOUR);
        f->b = fake_credentials(&f->net, "B", 2 * MSEC_PER_HOUR);
        f->source.give = f->a;
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;

        cred_cache_free(f->cache);
        assert_true(f->source.freed);
        aws_credentials_unref(f->a);
        aws_credentials_unref(f->b);
        fake_net_done(&f->net);
        free(f);
        return 0;
}

static void on_credentials(void *userdata, AwsCredentials *credentials, const AwsError *error)
{
        Waiter *w = userdata;

        assert_true(!credentials != !error); /* one of the two */
        w->wait = NULL;
        w->n_called++;
        if (credentials)
                (void)snprintf(w->key, sizeof(w->key), "%s", credentials->access_key_id);
        else
                w->error = *error;
        if (w->cancels) {
                cred_cache_cancel(w->cancels->wait);
                w->cancels->wait = NULL;
        }
        if (w->frees)
                w->fixture->cache = cred_cache_free(w->fixture->cache);
}

static void get(Fixture *f, Waiter *w)
{
        w->fixture = f;
        w->wait = cred_cache_get(f->cache, on_credentials, w);
        assert_int_equal(w->n_called, 0); /* never from inside */
}

static const char *peek(Fixture *f)
{
        AwsCredentials *c = cred_cache_peek(f->cache);

        return c ? c->access_key_id : "";
}

/* Fills the cache. */
static void prime(Fixture *f)
{
        Waiter w = {0};

        get(f, &w);
        fake_net_turn(&f->net);
        assert_int_equal(w.n_called, 1);
        assert_string_equal(w.key, f->source.give->access_key_id);
}

static void test_waiters_share_one_fetch(void **state)
{
        Fixture *f = *state;
        Waiter w[3] = {0};

        f->source.delay_usec = USEC_PER_SEC;
        for (size_t i = 0; i < 3; i++)
                get(f, &w[i]);
        w[0].cancels = &w[2];
        fake_net_advance(&f->net, USEC_PER_SEC);

        assert_int_equal(f->source.n_fetches, 1);
        assert_int_equal(w[0].n_called, 1);
        assert_string_equal(w[0].key, "AKIDA");
        assert_int_equal(w[1].n_called, 1);
        assert_int_equal(w[2].n_called, 0); /* cancelled by the first one's callback */
}

static void test_cancelled_waiter_is_never_called(void **state)
{
        Fixture *f = *state;
        Waiter before = {0}, after = {0};

        f->source.delay_usec = USEC_PER_SEC;
        get(f, &before);
        cred_cache_cancel(before.wait);
        fake_net_advance(&f->net, USEC_PER_SEC);
        assert_string_equal(peek(f), "AKIDA"); /* the fetch went on */

        get(f, &after); /* at hand: its answer is on the way */
        cred_cache_cancel(after.wait);
        cred_cache_cancel(NULL);
        fake_net_turn(&f->net);
        assert_int_equal(before.n_called + after.n_called, 0);
}

static void test_cache_freed_by_callback(void **state)
{
        Fixture *f = *state;
        Waiter w = {.frees = true};

        get(f, &w);
        fake_net_turn(&f->net);
        assert_int_equal(w.n_called, 1);
        assert_null(f->cache);
}

static void test_cache_freed_during_fetch(void **state)
{
        Fixture *f = *state;
        Waiter w = {0};

        f->source.silent = true;
        get(f, &w);
        cred_cache_cancel(w.wait);
        assert_int_equal(f->source.n_open, 1);
        f->cache = cred_cache_free(f->cache);
        assert_int_equal(f->source.n_open, 0);
}

static void test_renewal_in_background(void **state)
{
        Fixture *f = *state;

        prime(f);
        fake_net_advance(&f->net, 45 * MINUTE_USEC - USEC_PER_SEC);
        assert_string_equal(peek(f), "AKIDA");
        assert_int_equal(f->source.n_fetches, 1);

        f->source.give = f->b;
        f->source.delay_usec = 2 * USEC_PER_SEC;
        fake_net_advance(&f->net, USEC_PER_SEC); /* 15 min before */
        assert_string_equal(peek(f), "AKIDA");
        assert_string_equal(peek(f), "AKIDA");
        assert_int_equal(f->source.n_fetches, 2);
        fake_net_advance(&f->net, 2 * USEC_PER_SEC);
        assert_string_equal(peek(f), "AKIDB");
        assert_int_equal(f->source.n_fetches, 2);
}

/* The answer is on its way already when the renewal ends. */
static void test_renewal_does_not_answer_twice(void **state)
{
        Fixture *f = *state;
        Waiter w = {0};

        prime(f);
        fake_net_advance(&f->net, 45 * MINUTE_USEC);
        f->source.give = f->b;
        get(f, &w);
        fake_net_turn(&f->net);
        assert_int_equal(f->source.n_fetches, 2);
        assert_int_equal(w.n_called, 1);
}

static void test_short_lived_are_renewed_in_their_last_quarter(void **state)
{
        Fixture *f = *state;
        _cleanup_(aws_credentials_unrefp) AwsCredentials *brief =
                fake_credentials(&f->net, "brief", 8 * MSEC_PER_MINUTE);

        f->source.give = brief;
        prime(f);
        fake_net_advance(&f->net, 6 * MINUTE_USEC - USEC_PER_SEC);
        (void)peek(f);
        assert_int_equal(f->source.n_fetches, 1);
        fake_net_advance(&f->net, USEC_PER_SEC);
        (void)peek(f);
        assert_int_equal(f->source.n_fetches, 2);
        fake_net_turn(&f->net);
        /* The same again, with 2 min left: its last quarter comes once more, no sooner. */
        fake_net_advance(&f->net, 90 * USEC_PER_SEC - USEC_PER_SEC);
        (void)peek(f);
        assert_int_equal(f->source.n_fetches, 2);
        fake_net_advance(&f->net, USEC_PER_SEC);
        (void)peek(f);
        assert_int_equal(f->source.n_fetches, 3);
        fake_net_turn(&f->net);
}

/* Static stability: what an origin hands out is used, whatever is left of it, and the origin asked
 * for better again when the last quarter begins, at no time in a loop. */
static void test_little_left_when_handed_out(void **state)
{
        static const struct {
                int64_t left_msec;
                unsigned
                        fetches_max; /* in ten minutes of the same, renewed in their last quarter */
        } rows[] = {
                {30 * MSEC_PER_SEC, 28},
                {59 * MSEC_PER_SEC, 15},
                {9 * MSEC_PER_MINUTE, 2},
                {-MSEC_PER_SEC, 1}, /* expired: see STABLE_RETRY_MIN_USEC */
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Fixture *f;
                AwsCredentials *c = NULL;

                setup((void **)&f);
                for (unsigned s = 0; s < 600; s++) {
                        AwsCredentials *old = c;

                        c = fake_credentials(&f->net, "brief", rows[i].left_msec);
                        f->source.give = c;
                        if (s == 0)
                                prime(f);
                        assert_string_equal(peek(f), "AKIDbrief");
                        fake_net_advance(&f->net, USEC_PER_SEC);
                        aws_credentials_unref(old);
                }
                assert_in_range(f->source.n_fetches, 1, rows[i].fetches_max);
                teardown((void **)&f);
                aws_credentials_unref(c);
        }
}

/* An instance role's, for two days: never a second without, never used in their last minutes. */
static void test_six_hours_of_life_in_a_run_of_48_hours(void **state)
{
        Fixture *f = *state;
        AwsCredentials *c = fake_credentials(&f->net, "role", 6 * MSEC_PER_HOUR);

        f->source.give = c;
        prime(f);
        for (unsigned s = 0; s < 48 * 3600; s += 10) {
                AwsCredentials *old = c, *used = cred_cache_peek(f->cache);

                assert_non_null(used);
                assert_true(used->expiry_msec - f->net.env.wall_msec(&f->net.env) >
                            14 * MSEC_PER_MINUTE);
                c = fake_credentials(&f->net, "role", 6 * MSEC_PER_HOUR);
                f->source.give = c;
                fake_net_advance(&f->net, 10 * USEC_PER_SEC);
                aws_credentials_unref(old);
        }
        assert_int_equal(f->source.n_fetches, 9);
        f->source.give = NULL;
        aws_credentials_unref(c);
}

static void test_failed_renewal_keeps_the_old_ones_past_expiry(void **state)
{
        Fixture *f = *state;
        CredStatus status;

        prime(f);
        f->source.give = NULL;
        fake_net_advance(&f->net, 45 * MINUTE_USEC);
        assert_string_equal(peek(f), "AKIDA");
        fake_net_turn(&f->net);
        assert_int_equal(f->source.n_fetches, 2);
        cred_cache_status(f->cache, &status);
        assert_true(status.usable);
        assert_string_equal(status.last_error.code, "Scripted");

        /* random01 is 0.5: the next try after 12 min 30 s */
        fake_net_advance(&f->net, 12 * MINUTE_USEC + 29 * USEC_PER_SEC);
        (void)peek(f);
        assert_int_equal(f->source.n_fetches, 2);
        fake_net_advance(&f->net, USEC_PER_SEC);
        (void)peek(f);
        fake_net_turn(&f->net);
        assert_int_equal(f->source.n_fetches, 3);

        fake_net_advance(&f->net, 10 * MINUTE_USEC); /* expired by now */
        assert_string_equal(peek(f), "AKIDA");
        f->source.give = f->b;
        fake_net_advance(&f->net, 3 * MINUTE_USEC);
        assert_string_equal(peek(f), "AKIDA");
        fake_net_turn(&f->net);
        assert_string_equal(peek(f), "AKIDB");
        cred_cache_status(f->cache, &status);
        assert_int_equal(status.last_error.class, AWS_ERROR_NONE);
}

/* A refusal does not wait for the quarter of an hour after a failed renewal. */
static void test_refused_after_a_failed_renewal(void **state)
{
        Fixture *f = *state;

        prime(f);
        fake_net_advance(&f->net, 45 * MINUTE_USEC);
        f->source.give = NULL;
        (void)peek(f);
        fake_net_turn(&f->net);
        f->source.give = f->b;
        assert_true(cred_cache_refused(f->cache, f->a));
        fake_net_turn(&f->net);
        assert_string_equal(peek(f), "AKIDB");
}

/* A machine that was suspended: nothing has failed, so that there is no reason to use them. */
static void test_expired_are_not_used_without_trying(void **state)
{
        Fixture *f = *state;
        Waiter w = {0};

        prime(f);
        fake_net_advance(&f->net, 61 * MINUTE_USEC);
        f->source.give = f->b;
        assert_string_equal(peek(f), "");
        get(f, &w);
        fake_net_turn(&f->net);
        assert_string_equal(w.key, "AKIDB");
        assert_int_equal(f->source.n_fetches, 2);
}

static void test_expired_handed_out_are_used(void **state)
{
        Fixture *f = *state;
        CredStatus status;
        Waiter w = {0};

        fake_net_advance(&f->net, 2 * MINUTE_USEC);
        f->net.wall_offset_msec += MSEC_PER_HOUR; /* or the clock is wrong */
        get(f, &w);
        fake_net_turn(&f->net);
        assert_string_equal(w.key, "AKIDA");
        assert_string_equal(peek(f), "AKIDA");
        cred_cache_status(f->cache, &status);
        assert_true(status.usable);
        assert_string_equal(status.last_error.code, "ExpiredCredentials");
        assert_int_equal(f->source.n_fetches, 1);
        fake_net_advance(&f->net, 13 * MINUTE_USEC);
        (void)peek(f);
        assert_int_equal(f->source.n_fetches, 2);
        fake_net_turn(&f->net);
}

static void test_clock_is_set_while_one_waits(void **state)
{
        Fixture *f = *state;
        Waiter w = {0};

        prime(f);
        get(f, &w);
        f->net.wall_offset_msec += 2 * MSEC_PER_HOUR;
        fake_net_turn(&f->net);
        assert_string_equal(w.key, "AKIDA");
        f->source.give = f->b;
        assert_string_equal(peek(f), "");
        fake_net_turn(&f->net);
        assert_string_equal(peek(f), "AKIDB");
}

static void test_worse_ones_do_not_replace_better_ones(void **state)
{
        Fixture *f = *state;
        _cleanup_(aws_credentials_unrefp) AwsCredentials *stale =
                fake_credentials(&f->net, "stale", MSEC_PER_MINUTE);

        prime(f);
        fake_net_advance(&f->net, 46 * MINUTE_USEC);
        f->source.give = stale;
        (void)peek(f);
        fake_net_turn(&f->net);
        assert_int_equal(f->source.n_fetches, 2);
        assert_string_equal(peek(f), "AKIDA");
}

static void test_backoff_while_there_is_nothing(void **state)
{
        static const unsigned seconds[] = {1, 2, 4, 8, 16, 30, 30};
        Fixture *f = *state;
        CredStatus status;

        f->source.give = NULL;
        for (size_t i = 0; i < ELEMENTSOF(seconds); i++) {
                Waiter first = {0}, early = {0};

                get(f, &first);
                fake_net_turn(&f->net);
                assert_int_equal(first.n_called, 1);
                assert_int_equal(first.error.class, AWS_ERROR_CREDENTIALS);
                assert_int_equal(f->source.n_fetches, i + 1);

                /* Too early: the last error, at once. */
                fake_net_advance(&f->net, seconds[i] * USEC_PER_SEC - 1);
                get(f, &early);
                fake_net_turn(&f->net);
                assert_int_equal(early.n_called, 1);
                assert_string_equal(early.error.code, "Scripted");
                assert_int_equal(f->source.n_fetches, i + 1);
                fake_net_advance(&f->net, 1);
        }
        cred_cache_status(f->cache, &status);
        assert_false(status.usable);
        assert_int_equal(status.expiry_msec, 0);
        f->source.give = f->a;
        prime(f);

        /* It starts from 1 s again. */
        f->source.give = NULL;
        assert_true(cred_cache_refused(f->cache, f->a));
        fake_net_turn(&f->net);
        f->source.n_fetches = 0;
        fake_net_advance(&f->net, USEC_PER_SEC);
        (void)peek(f);
        assert_int_equal(f->source.n_fetches, 1);
        fake_net_turn(&f->net);
}

static void test_refused_are_fetched_anew(void **state)
{
        Fixture *f = *state;
        Waiter w = {0};

        prime(f);
        f->source.give = f->b;
        f->source.delay_usec = USEC_PER_SEC;
        assert_true(cred_cache_refused(f->cache, f->a));
        assert_true(cred_cache_refused(f->cache, f->a)); /* the fetch is under way */
        get(f, &w);
        fake_net_turn(&f->net);
        assert_int_equal(w.n_called, 0);       /* waits for the new ones */
        assert_string_equal(peek(f), "AKIDA"); /* who does not care is not held up */
        fake_net_advance(&f->net, USEC_PER_SEC);
        assert_string_equal(w.key, "AKIDB");
        assert_int_equal(f->source.n_fetches, 2);

        /* A call that was sent earlier comes back refused: newer ones are at hand. */
        assert_true(cred_cache_refused(f->cache, f->a));
        assert_int_equal(f->source.n_fetches, 2);

        assert_false(cred_cache_refused(f->cache, f->b));
}

/* Whoever ends the guard's sessions twice does not blind it for minutes; a permission that is
 * missing for good has credentials fetched once in three minutes. */
static void test_refused_again(void **state)
{
        static const unsigned waits_sec[] = {10, 20, 40, 80, 160, 180, 180};
        Fixture *f = *state;

        prime(f);
        assert_true(cred_cache_refused(f->cache, f->a));
        fake_net_turn(&f->net);
        for (size_t i = 0; i < ELEMENTSOF(waits_sec); i++) {
                fake_net_advance(&f->net, waits_sec[i] * USEC_PER_SEC - 1);
                assert_false(cred_cache_refused(f->cache, f->a));
                fake_net_advance(&f->net, 1);
                assert_true(cred_cache_refused(f->cache, f->a));
                fake_net_turn(&f->net);
                assert_int_equal(f->source.n_fetches, 3 + i);
        }
        /* From the beginning when it was well in between. */
        fake_net_advance(&f->net, 6 * MINUTE_USEC);
        assert_true(cred_cache_refused(f->cache, f->a));
        fake_net_turn(&f->net);
        fake_net_advance(&f->net, 10 * USEC_PER_SEC);
        assert_true(cred_cache_refused(f->cache, f->a));
        fake_net_turn(&f->net);
}

static void test_refused_and_failing_origin(void **state)
{
        Fixture *f = *state;
        Waiter w = {0};

        prime(f);
        f->source.give = NULL;
        assert_true(cred_cache_refused(f->cache, f->a));
        get(f, &w);
        fake_net_turn(&f->net);
        assert_string_equal(w.key, "AKIDA"); /* nothing better */
        assert_string_equal(peek(f), "AKIDA");
        assert_int_equal(f->source.n_fetches, 2);

        /* Tried again soon, not after ten minutes: these do not work. */
        f->source.give = f->b;
        fake_net_advance(&f->net, USEC_PER_SEC);
        (void)peek(f);
        fake_net_turn(&f->net);
        assert_string_equal(peek(f), "AKIDB");
}

#define F(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
UNIT_MAIN(F(test_waiters_share_one_fetch), F(test_cancelled_waiter_is_never_called),
          F(test_cache_freed_by_callback), F(test_cache_freed_during_fetch),
          F(test_renewal_in_background), F(test_renewal_does_not_answer_twice),
          F(test_refused_after_a_failed_renewal),
          F(test_short_lived_are_renewed_in_their_last_quarter),
          T(test_little_left_when_handed_out), F(test_six_hours_of_life_in_a_run_of_48_hours),
          F(test_failed_renewal_keeps_the_old_ones_past_expiry),
          F(test_expired_are_not_used_without_trying), F(test_expired_handed_out_are_used),
          F(test_clock_is_set_while_one_waits), F(test_worse_ones_do_not_replace_better_ones),
          F(test_backoff_while_there_is_nothing), F(test_refused_are_fetched_anew),
          F(test_refused_again), F(test_refused_and_failing_origin))
