/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* For the tests of the core: records and incidents out of a few words, and a core that is driven
 * input by input. Times are in ms after BASE, by AWS's clock and by the guard's alike. */

#include "core/core.h"

#define BASE INT64_C(1795392000000) /* 2026-11-23T00:00:00Z */
#define TRAIL "arn:aws:cloudtrail:us-east-1:111122223333:trail/management-events"
#define TOPIC "arn:aws:sns:us-east-1:111122223333:alerts"
#define TOPIC2 "arn:aws:sns:us-east-1:444455556666:alerts"
#define OWN "arn:aws:sts::111122223333:assumed-role/guard/i-0123456789abcdef0"
#define MALLORY "arn:aws:iam::111122223333:user/mallory"
#define BOB "arn:aws:iam::111122223333:user/bob"

/* What a record says where it is not the usual. */
typedef struct RecordFacts {
        const char *event; /* "StopLogging" */
        const char *id;    /* made from the time and who */
        const char *who;   /* ARN */
        int64_t at;        /* ms after BASE, cut to the second as records are */
        const char *error; /* errorCode */
        const char *request_id;
        const char *trail;      /* TRAIL */
        const char *parameters; /* of UpdateTrail: all of them; "": none */
        const char *selectors;  /* of PutEventSelectors, as the service would answer them */
        const char *source;     /* cloudtrail.amazonaws.com */
        const char *region;     /* us-east-1 */
        const char *account;    /* recipientAccountId: 111122223333 */
        bool omitted;
} RecordFacts;

CloudTrailRecord fixture_record(const RecordFacts *f);
/* Adds one finding, not yet judged. */
void fixture_add(Incident *i, const RecordFacts *f);
/* Of TRAIL, detected two seconds after stop (0: untimed), logging for an hour before. */
Incident *fixture_incident(IncidentKind kind, int64_t stop);
Incident *fixture_through_json(const Incident *i); /* as the next run has it; owned */
#define _cleanup_incident_ _cleanup_(incident_freep)

/* A message about an incident, the second of guard-1. */
typedef struct Text {
        char *subject, *body;
} Text;
Text fixture_text(const Incident *i, Phase phase, int64_t now_msec);
void fixture_text_done(Text *t);
#define _cleanup_text_ _cleanup_(fixture_text_done)

/* A core with the actions of its last step. What stands below `actions` is how the world answers
 * in rig_live(), and what has been asked of it there. */
typedef struct Rig {
        Core *core;
        Now now;
        Actions actions;
        uint64_t batch; /* of the last look-up */

        TrailStatus truth;
        TrailSettings settings; /* owned; everything is recorded, nothing is optional */
        AwsErrorClass polls, starts, lookups, sends, looks; /* NONE: they succeed */
        const char *deaf; /* a topic that is denied, whatever `sends` says */
        bool starts_work; /* a StartLogging changes the truth */
        const RecordFacts *records;
        size_t n_records;
        const char *source; /* of records of other calls than CloudTrail's */
        unsigned asked[_ACTION_KIND_MAX];
        unsigned phases[_PHASE_MAX]; /* messages that were sent */
} Rig;

#define RIG_TRAILS_MAX 400

typedef struct RigOptions {
        const Policy *policy; /* policy_default */
        TrailAction action;
        TrailExpect expect;
        size_t n_topics;    /* 1 */
        TopicConfig second; /* of TOPIC2; its arn does not count */
        size_t n_trails;    /* 1 */
        bool watch;         /* Event history is asked for what no look has seen */
        bool opening_waits; /* for the restart, as it does outside the tests of other things */
        bool awaiting;      /* what an earlier run left: rig_restored() ends that */
} RigOptions;

#define RIG_START (-INT64_C(3600000)) /* the trail's StartLoggingTime, an hour before BASE */
#define RIG_STOP INT64_C(5000)

Rig *rig_new(const RigOptions *o); /* at BASE, boot 1,000 s; identity known */
/* The same at the first step of an outage: the answer that shows it has just been taken in. */
Rig *rig_new_stopped(const RigOptions *o);
/* The next run of the guard, with what this one has on disk, unless it is still awaited. */
void rig_start_again(Rig *r, const RigOptions *o);
Rig *rig_free(Rig *r);
DEFINE_CLEANUP(Rig *, rig_free)
#define _cleanup_rig_ _cleanup_(rig_freep)

void rig_step(Rig *r, const Input *in);
void rig_restored(Rig *r, const char *missing);
/* Lets time pass, with every tick on the way; actions are those of the last tick. */
void rig_pass(Rig *r, uint64_t usec);
/* The same, and everything that is asked for is answered at once. */
void rig_live(Rig *r, uint64_t usec);
void rig_truth(Rig *r, bool logging, int64_t start, int64_t stop);  /* as rig_polled() */
void rig_polled(Rig *r, bool logging, int64_t start, int64_t stop); /* ms after BASE, 0 absent */
void rig_poll_failed(Rig *r, AwsErrorClass class, const char *code);
void rig_inspected(Rig *r); /* of settings */
/* The settings as the text of an answer of GetEventSelectors. */
void rig_select(Rig *r, const char *selectors);
void rig_started(Rig *r, AwsErrorClass class, const char *request_id);
void rig_stored(Rig *r);                  /* whatever was asked last, of the only incident */
void rig_store_failed(Rig *r, int error); /* negative */
void rig_sent(Rig *r, unsigned sequence, const char *topic, AwsErrorClass class);
void rig_found(Rig *r, const RecordFacts *f, size_t n); /* the answer to the look-up in flight */
void rig_found_first(Rig *r, const RecordFacts *f, size_t n); /* ... and there is more of it */
void rig_lookup_failed(Rig *r, AwsErrorClass class);

const Action *rig_action(const Rig *r, ActionKind kind); /* the first of the kind, NULL */
size_t rig_count(const Rig *r, ActionKind kind);
unsigned rig_n_messages(const Rig *r); /* messages, of all phases */
const Action *rig_log(const Rig *r, LogEvent event);
const Incident *rig_incident(const Rig *r);           /* the first one */
Message rig_message(const Rig *r, unsigned sequence); /* of it; borrowed */
