/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A client over fake-net, and one call of it as its owner sees it. */

#include "aws/cloudtrail.h"
#include "fake-net.h"
#include "net/client.h"

#define TRAIL "arn:aws:cloudtrail:eu-central-1:111122223333:trail/management-events"
#define THROTTLED                                                                                  \
        {                                                                                          \
                .status = 400, .body = "{\"__type\":\"ThrottlingException\"}"                      \
        }
#define DENIED                                                                                     \
        {                                                                                          \
                .status = 400, .request_id = "req-denied",                                         \
                .body = "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}"                \
        }
#define EXPIRED                                                                                    \
        {                                                                                          \
                .status = 400, .body = "{\"__type\":\"ExpiredTokenException\"}"                    \
        }
#define SKEWED                                                                                     \
        {                                                                                          \
                .status = 400, .body = "{\"__type\":\"InvalidSignatureException\"}"                \
        }
#define OK_                                                                                        \
        {                                                                                          \
                .status = 200, .body = "{}", .request_id = "req-ok"                                \
        }

typedef struct Fixture {
        FakeNet net;
        FakeSource source;
        AwsClient *client;
        AwsCredentials *a;
        AwsCredentials *b;
} Fixture;

typedef struct Seen {
        Fixture *fixture;
        AwsCall *call;
        unsigned n_called;
        AwsError error;
        char body[256];
        size_t body_len;
        int attempts;
        bool maybe_done;
        int64_t date_msec;
        struct Seen *cancels;
        struct Seen *starts;
        bool frees_client;
} Seen;

int client_setup(void **state);
int client_teardown(void **state);
#define WITH_CLIENT(f) cmocka_unit_test_setup_teardown(f, client_setup, client_teardown)

/* Another client instead, with these options. */
void make_client(Fixture *f, AwsClientOptions o);
/* Fetches the credentials, so that the next call finds them at hand. */
void prime(Fixture *f);
void answer(Fixture *f, FakeAnswer a);

/* Starts GetTrailStatus, or a request of the test's own. */
void start(Fixture *f, Seen *s, AwsCallOptions o);
void start_request(Fixture *f, Seen *s, AwsRequest *q, AwsCallOptions o);
/* Starts and runs for a virtual minute. */
void run(Fixture *f, Seen *s, AwsCallOptions o);

FakeSent *sent(Fixture *f, size_t i);
FakeSent *last(Fixture *f);
int64_t wall(Fixture *f);
/* The signature, made again from what was sent. */
void assert_signed(Fixture *f, const FakeSent *s, const AwsCredentials *c, int64_t time_msec,
                   const char *service);
