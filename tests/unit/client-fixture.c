/* SPDX-License-Identifier: Apache-2.0 */
#include "client-fixture.h"

#include <stdio.h>

#include "aws/sigv4.h"
#include "base/mem.h"
#include "base/uri.h"

void make_client(Fixture *f, AwsClientOptions o)
{
        f->client = aws_client_free(f->client);
        o.env = &f->net.env;
        o.source = fake_source_init(&f->source, &f->net);
        o.user_agent = "trailsentry/0.0";
        f->client = aws_client_new(&o);
        f->source.give = f->a;
}

int client_setup(void **state)
{
        Fixture *f = mem_new0(Fixture);

        fake_net_init(&f->net);
        f->a = fake_credentials(&f->net, "A", 6 * MSEC_PER_HOUR);
        f->b = fake_credentials(&f->net, "B", 12 * MSEC_PER_HOUR);
        make_client(f, (AwsClientOptions){0});
        *state = f;
        return 0;
}

int client_teardown(void **state)
{
        Fixture *f = *state;

        aws_client_free(f->client);
        assert_true(f->source.freed);
        aws_credentials_unref(f->a);
        aws_credentials_unref(f->b);
        fake_net_done(&f->net);
        free(f);
        return 0;
}

static void on_result(void *userdata, const AwsResult *r)
{
        Seen *s = userdata;

        s->call = NULL;
        s->n_called++;
        s->error = r->error;
        s->attempts = r->attempts;
        s->maybe_done = r->maybe_done;
        s->date_msec = r->date_msec;
        assert_true((r->error.class == AWS_ERROR_NONE) == (r->body != NULL));
        if (r->body) {
                (void)snprintf(s->body, sizeof(s->body), "%s", r->body);
                s->body_len = r->body_len;
        }
        if (s->cancels)
                s->cancels->call = aws_call_cancel(s->cancels->call);
        if (s->starts)
                start(s->fixture, s->starts, (AwsCallOptions){.retry = RETRY_UNMETERED});
        if (s->frees_client)
                s->fixture->client = aws_client_free(s->fixture->client);
}

void start_request(Fixture *f, Seen *s, AwsRequest *q, AwsCallOptions o)
{
        s->fixture = f;
        s->n_called = 0;
        s->call = aws_call_start(f->client, q, &o, on_result, s);
        assert_non_null(s->call);
        assert_int_equal(s->n_called, 0); /* never from inside */
        assert_null(q->body);             /* taken */
}

void start(Fixture *f, Seen *s, AwsCallOptions o)
{
        AwsRequest q = {0};

        cloudtrail_request_get_trail_status(TRAIL, &q);
        start_request(f, s, &q, o);
}

void run(Fixture *f, Seen *s, AwsCallOptions o)
{
        start(f, s, o);
        fake_net_advance(&f->net, USEC_PER_MINUTE);
        assert_int_equal(s->n_called, 1);
}

void answer(Fixture *f, FakeAnswer a)
{
        fake_net_answer(&f->net, a);
}

void prime(Fixture *f)
{
        Seen s = {0};

        answer(f, (FakeAnswer)OK_);
        run(f, &s, (AwsCallOptions){0});
        assert_int_equal(s.error.class, AWS_ERROR_NONE);
}

FakeSent *sent(Fixture *f, size_t i)
{
        assert_true(i < f->net.n_sent);
        return &f->net.sent[i];
}

FakeSent *last(Fixture *f)
{
        return sent(f, f->net.n_sent - 1);
}

void assert_signed(Fixture *f, const FakeSent *s, const AwsCredentials *c, int64_t time_msec,
                   const char *service)
{
        SigV4Header headers[] = {
                {"Host", mem_strdup(fake_sent_header(s, "Host"))},
                {"Content-Type", mem_strdup(fake_sent_header(s, "Content-Type"))},
                {"X-Amz-Target", mem_strdup(fake_sent_header(s, "X-Amz-Target"))},
        };
        _cleanup_uri_ Uri u = {};
        SigV4Signed signature;

        assert_int_equal(uri_parse(s->url, &u), 0);
        assert_int_equal(sigv4_sign(
                                 &(SigV4Request){
                                         .method = "POST",
                                         .path = u.path,
                                         .headers = headers,
                                         .n_headers = headers[2].value ? 3 : 2,
                                         .body = s->body,
                                         .body_len = strlen(s->body),
                                         .region = "eu-central-1",
                                         .service = service,
                                         .time_msec = time_msec,
                                         .credentials = c,
                                 },
                                 NULL, &signature),
                         0);
        assert_string_equal(fake_sent_header(s, "X-Amz-Date"), signature.date);
        assert_string_equal(fake_sent_header(s, "Authorization"), signature.authorization);
        sigv4_signed_done(&signature);
        for (size_t i = 0; i < 3; i++)
                free((char *)headers[i].value);
}

int64_t wall(Fixture *f)
{
        return f->net.env.wall_msec(&f->net.env);
}
