/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The configuration file, libconfig's syntax, read whole through a checked descriptor and parsed
 * from memory; trailsentry.conf(5) is its manual. Nothing is taken over from a file with an
 * error in it. */

#include "base/macro.h"
#include "core/model.h"

typedef struct ConfTrail {
        char *arn;
        char *role_arn;    /* NULL: reached with the base credentials themselves */
        char *external_id; /* NULL without one */
        TrailAction action;
        uint64_t poll_usec;
        TrailExpect expect; /* owned */
        unsigned account;   /* index into accounts */
        unsigned line;
} ConfTrail;

typedef struct ConfTopic {
        char *arn;
        char *role_arn;    /* as a trail's */
        char *external_id; /* the same */
        TopicFormat format;
        Severity min_severity;
        unsigned account; /* index into accounts */
} ConfTopic;

/* One set of credentials. */
typedef struct ConfAccount {
        const char *role_arn;    /* borrowed from its first user; NULL: the base credentials */
        const char *external_id; /* the same */
        char *region;            /* where STS is asked: of its first trail or topic */
} ConfAccount;

typedef struct Conf {
        char *path;
        ConfTrail *trails;
        size_t n_trails;
        ConfTopic *topics;
        size_t n_topics;
        ConfAccount *accounts; /* 0 is the base credentials, whether or not anything uses them */
        size_t n_accounts;
        Labels labels;
        TrailAction action; /* of trails that do not say it, as is poll_usec */
        uint64_t poll_usec;
        uint64_t cannot_see_after_usec;
        bool drift;
        uint64_t drift_usec; /* between two looks at a trail's settings */
        bool heartbeat;
        char *heartbeat_namespace;
        char *heartbeat_region; /* of the first topic unless said */
        char *endpoint;         /* NULL, as is UNSAID below: see awssettings.h */
        char *ca_file;
        char *proxy;   /* "" for none at all */
        char *profile; /* NULL: whatever the chain of net/credchain.h finds */
        Declared fips;
        Declared dual_stack;
        int log_level; /* syslog's */
} Conf;

/* Everything wrong with a file, one entry a mistake, in the order of lines. */
typedef struct ConfProblem {
        char *path;
        unsigned line; /* 0: the file as a whole */
        char *option;  /* "trails[0].arn"; NULL: none in particular */
        char *text;    /* what is wrong and what to do, one line */
} ConfProblem;

typedef struct ConfProblems {
        const char *path; /* of the file at hand, while it is read */
        ConfProblem *items;
        size_t n;
} ConfProblems;

/* 0; -errno when the file could not be read; -EINVAL when something in it is wrong. *problems
 * says what in each case. The file has to be a regular file, owned by root or the caller, not
 * writable by group or others, at most 1 MiB, without @include. */
int conf_load(const char *path, Conf **ret, ConfProblems *problems) _must_check_;
/* The same from memory, for tests and fuzzing; path is only said. */
int conf_parse(const char *path, const char *text, size_t len, Conf **ret,
               ConfProblems *problems) _must_check_;
Conf *conf_free(Conf *c);
DEFINE_CLEANUP(Conf *, conf_free)
void conf_problems_done(ConfProblems *p);
/* "/etc/x.conf:12: trails[0].arn: not an ARN ...", owned. */
char *conf_problem_line(const ConfProblem *p);

bool conf_topic_is_fifo(const ConfTopic *t);
/* What is no mistake, but hardly meant, in words; NULL without such a thing. */
const char *conf_warning(const Conf *c);

/* The options as they are, so that a test can hold them against the manual and the shipped file. */
typedef struct ConfOptionInfo {
        const char *group; /* "trails", "expect", "topics", "drift", ...; NULL at the top level */
        const char *name;  /* "poll_interval" */
        const char *default_text; /* as it is written in a file; NULL without one */
} ConfOptionInfo;

/* The i-th option; false past the last one. */
bool conf_option_info(size_t i, ConfOptionInfo *ret);

#define CONF_PATH_DEFAULT SYSCONFDIR "/trailsentry/trailsentry.conf"
