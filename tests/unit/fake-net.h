/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A NetEnv of virtual time, scripted answers, and an environment, files and programs of its own.
 * Nothing happens but by fake_net_turn() and fake_net_advance(), so that a test decides the order
 * of everything. A request without an answer in the script stays open until the caller's time-out
 * or cancel. */

#include "net/credsource.h"
#include "unit.h"

#define FAKE_WALL_START INT64_C(1795402800000) /* 2026-11-23T03:00:00Z */

typedef struct FakeAnswer {
        int status; /* 0: the error below */
        const char *body;
        const char *request_id;
        const char *query_error;
        const char *retry_after;
        const char *date; /* NULL: the service's clock; "" for none */
        AwsErrorClass error_class;
        const char *error_code;
        uint64_t delay_usec;
        int start_error; /* start() itself fails */
        bool silent;     /* never answered */
} FakeAnswer;

typedef struct FakeSent {
        char *method;
        char *url;
        char *headers; /* "name: value\n" each */
        char *body;
        HttpPolicy policy;
        uint64_t connect_timeout_usec;
        uint64_t timeout_usec;
        size_t body_max;
        bool urgent;
        uint64_t boottime_usec;
        bool cancelled;
} FakeSent;

/* A program that was run: what it is to do, then what it was asked to do. */
typedef struct FakeProcess {
        const char *output;
        int exit_status;
        int error;       /* of the result */
        int start_error; /* process_start() itself fails */
        bool silent;     /* runs until its deadline */
        char *command;   /* its words as it got them, "|" after each */
        uint64_t timeout_usec;
        size_t output_max;
        bool cancelled;
} FakeProcess;

typedef struct FakeNet {
        NetEnv env;                     /* first */
        const char *environment[32][2]; /* name and value, both borrowed; a NULL value: unset */
        const char *files[16][2];       /* path and content, both borrowed; the rest: ENOENT */
        int file_error;                 /* of every file; 0: none */
        FakeProcess processes[8];       /* in the order of their starts */
        size_t n_processes;
        HttpTransport http;
        uint64_t boottime_usec;
        int64_t wall_offset_msec; /* wall clock less boottime */
        int64_t service_offset_msec;
        double random01;

        NetTimer *timers; /* list, by time and order of start */
        size_t n_timers;
        size_t n_open; /* HTTP calls under way */
        FakeAnswer script[512];
        size_t n_script;
        size_t script_next;
        FakeSent sent[512];
        size_t n_sent;
} FakeNet;

void fake_net_init(FakeNet *f);
void fake_net_done(FakeNet *f); /* fails the test when a timer or call is left, or an answer */

void fake_net_answer(FakeNet *f, FakeAnswer answer);

/* Sets a variable, or the content of a file; NULL takes it away. */
void fake_net_setenv(FakeNet *f, const char *name, const char *value);
void fake_net_file(FakeNet *f, const char *path, const char *content);

/* Fires what is due, also what becomes due thereby, without moving the clocks. */
void fake_net_turn(FakeNet *f);
/* Moves the clocks, firing everything on the way in its order. */
void fake_net_advance(FakeNet *f, uint64_t usec);

/* Value of a header that was sent, borrowed until the next call; NULL when it was not. */
const char *fake_sent_header(const FakeSent *s, const char *name);

/* A source of credentials that gives what the test says, in the next turn or after delay_usec. */
typedef struct FakeSource {
        CredSource source; /* first */
        FakeNet *net;
        AwsCredentials *give; /* borrowed; NULL: fails with code "Scripted" */
        uint64_t delay_usec;
        bool silent;
        unsigned n_fetches;
        unsigned n_open;
        bool freed;
} FakeSource;

/* Lives in the test; freeing it only says so. */
CredSource *fake_source_init(FakeSource *s, FakeNet *net);

/* Credentials AKID<name>, expiring msec after the virtual now (0: never). */
AwsCredentials *fake_credentials(FakeNet *net, const char *name, int64_t lifetime_msec);
