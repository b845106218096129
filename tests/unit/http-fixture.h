/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The real transport against servers that the test plays on loopback, step by step: a test reads
 * what the client sent and writes what it is to get, and runs the loop in between, so that there is
 * an order to everything and no sleeping.
 *
 * getaddrinfo() and connect() are this file's. Names: hang.test hangs until hang_released is
 * posted, none.test does not exist, evil.test and mapped.test lead to 192.0.2.1, metadata.test to
 * 169.254.169.254, good.test to loopback, moving.test to where nobody listens until name_moved,
 * several.test to three such addresses and then to loopback.
 * What is not loopback is noted in `dialled` ("address " each) and refused: nothing leaves the
 * machine. */

#include <semaphore.h>

#include "net/httpcurl.h"
#include "unit.h"

#define PLAIN_OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

extern sem_t hang_entered, hang_released;
extern char dialled[1024];
extern bool name_moved;

typedef struct Fixture {
        sd_event *event;
        HttpTransport *http;
        int listener;
        uint16_t port;
        char url[64];
        unsigned n_turns;
} Fixture;

typedef struct Seen {
        Fixture *fixture;
        HttpCall *call;
        unsigned n_called;
        HttpResponse response; /* body below */
        char body[256];
        AwsError error;
        struct Seen *cancels;
        struct Seen *starts;
        bool frees_transport;
} Seen;

int http_setup(void **state);
int http_teardown(void **state);
#define WITH_HTTP(f) cmocka_unit_test_setup_teardown(f, http_setup, http_teardown)

int listen_on_loopback(uint16_t *ret_port, int backlog);
/* Another transport instead, with these options. */
void make_transport(Fixture *f, HttpCurlOptions o);

int try_start(Fixture *f, Seen *s, HttpRequest q);
void start(Fixture *f, Seen *s, HttpRequest q);
void turn(Fixture *f);
void wait_called(Fixture *f, Seen *s);

/* Run the client until the server's end has something to read. */
void wait_readable(Fixture *f, int fd);
bool readable_now(int fd);
int serve_accept(Fixture *f);
/* Reads one request, borrowed until the next; "" when the client has hung up. */
const char *serve_read(Fixture *f, int fd);
void serve_write(int fd, const char *s);
/* One whole exchange on a new connection, which is left open. */
int exchange(Fixture *f);
