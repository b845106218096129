/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `trailsentry check` and `trailsentry test-alert`: the calls that they make, and what these mean.
 * Reading calls change nothing; the others are made only where their task is asked for. */

#include "aws/cloudtrail.h"
#include "aws/query.h"
#include "cli/print.h"
#include "daemon/awssettings.h"

/* How one kind of call went. */
typedef enum ProbeState {
        PROBE_NOT_TRIED, /* there was no point: no credentials */
        PROBE_WENT_WELL,
        PROBE_FAILED,
} ProbeState;

typedef struct Probe {
        ProbeState state;
        AwsError error; /* FAILED */
} Probe;

typedef enum CheckTask {
        CHECK_READ = 1,    /* GetTrailStatus, GetTrail, GetEventSelectors, LookupEvents and
                            * GetTopicAttributes */
        CHECK_START = 2,   /* StartLogging, once, of each trail that has just been seen to log */
        CHECK_PUBLISH = 4, /* a test message to each topic */
        CHECK_BEAT = 8,    /* one value of the metric HeartbeatTest */
} CheckTask;

typedef struct CheckedAccount {
        Probe identify; /* GetCallerIdentity */
        CallerIdentity identity;
        char *source; /* where the credentials come from: "imds" */
} CheckedAccount;

typedef struct CheckedTrail {
        Arn arn;
        Probe get_status;  /* GetTrailStatus */
        Probe get_trail;   /* GetTrail */
        Probe selectors;   /* GetEventSelectors, where drift is watched */
        Probe look_up;     /* LookupEvents, asked once for each account and region ... */
        size_t look_up_of; /* ... on behalf of this trail */
        TrailStatus status;
        TrailDescription description;
        Probe start;       /* StartLogging */
        Probe look_again;  /* GetTrailStatus after it */
        TrailStatus after; /* ... what that showed */
} CheckedTrail;

typedef struct CheckedTopic {
        Probe publish;
        char *message_id;
        Probe describe; /* GetTopicAttributes */
        TopicAttributes attributes;
} CheckedTopic;

typedef struct CheckFinding {
        char *text;
        char *advice; /* "" when there is none */
} CheckFinding;

typedef struct Check {
        const Conf *conf;       /* borrowed */
        unsigned tasks;         /* of CheckTask */
        const char *only_topic; /* ARN; NULL: publish to all */
        int64_t now_msec;
        AwsSettings *settings;    /* owned; NULL when nothing was asked */
        CheckedAccount *accounts; /* as in Conf; NULL when nothing was asked */
        CheckedTrail *trails;     /* as in Conf; the same */
        CheckedTopic *topics;     /* as in Conf; the same */
        Probe beat;               /* PutMetricData */
        CheckFinding *findings;   /* what is wrong */
        size_t n_findings;
        char **unproved; /* what cannot be tried without doing it */
        size_t n_unproved;
        double read_events; /* of the daemon a month (30.44 days) */
} Check;

/* Makes the calls and waits for them, for 15 s each at most. -errno when none could be made;
 * *reterr_text, owned, says why. */
int check_ask(Check *c, char **reterr_text) _must_check_;

/* Judges what was asked; when nothing was, only says what is unproved and how many events the
 * polling makes. */
void check_judge(Check *c);

void check_done(Check *c);

/* Parts of the output, for who asks for a part. */
void check_print_problems(const Printer *p, const ConfProblems *problems);
void check_print_topics(const Printer *p, const Check *k);
void check_print_findings(const Printer *p, const Check *k);
json_t *check_topics_to_json(const Check *k);
json_t *check_findings_to_json(const Check *k);
