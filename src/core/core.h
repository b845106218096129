/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The deciding part as one pure function: core_step(state, input, now) -> actions. No I/O, no
 * clock, no randomness, no log. Whoever runs it carries the actions out in their order and brings
 * back what came of them as inputs. */

#include "core/model.h"

typedef struct Core Core;

typedef enum InputKind {
        INPUT_TICK,         /* core_next_boot() has come */
        INPUT_POLLED,       /* GetTrailStatus ended */
        INPUT_STARTED,      /* StartLogging ended */
        INPUT_FOUND,        /* LookupEvents ended */
        INPUT_STORED,       /* an incident's generation is on disk */
        INPUT_STORE_FAILED, /* ... is not, and why */
        INPUT_SENT,         /* Publish ended */
        INPUT_IDENTITY,     /* GetCallerIdentity ended well */
        INPUT_INSPECTED,    /* GetTrail and GetEventSelectors ended */
        INPUT_ACCEPT,       /* somebody takes the drift of a trail for its baseline */
        INPUT_RECONFIGURE,  /* INPUT_IDENTITY has to follow for each account */
        INPUT_MAINTENANCE_START,
        INPUT_MAINTENANCE_STOP,
        INPUT_RESTORED, /* what an earlier run left has been given, or is not to be had just now */
        _INPUT_KIND_MAX,
} InputKind;

/* What an operator asks for; who and why are said to everybody. */
typedef struct MaintenanceRequest {
        const char *trail_arn; /* NULL: every trail */
        int64_t for_msec;      /* START */
        const char *reason;    /* START */
        const char *who;
} MaintenanceRequest;

/* Something stored that could not be used as it is. */
typedef struct StateLoss {
        char *what;      /* "/var/lib/trailsentry/trails.json is not JSON; ..." */
        bool foreign;    /* of another version of the program: it is left alone, and told once */
        char id[33];     /* of the incident in it; "" for none, or when it cannot be told */
        char *kind;      /* of that, as it is written there; NULL as above */
        char *trail_arn; /* the same */
        Message *unsent; /* messages that could be read, and that some topic has not taken */
        size_t n_unsent;
} StateLoss;

/* What came of reading what an earlier run left. */
typedef struct StateReport {
        const char *missing; /* why it is not to be had just now; NULL: it has been given */
        bool no_memories;    /* there was a state, and not what it knew of the trails */
        StateLoss *losses;   /* their messages are taken */
        size_t n_losses;
} StateReport;

void state_loss_done(StateLoss *l);

/* Everything borrowed. error.class tells success (NONE) from failure where a call ended. */
typedef struct Input {
        InputKind kind;
        size_t trail;         /* POLLED, STARTED, INSPECTED, ACCEPT */
        const char *incident; /* id: STORED, STORE_FAILED, SENT */
        AwsError error;
        int64_t aws_msec; /* of an answer: when it was given, by AWS's clock; 0: not known */
        bool maybe_done;  /* STARTED: an attempt before the last may have taken effect */
        const TrailStatus *status; /* POLLED, on success */
        int64_t asked_msec;        /* POLLED, INSPECTED: wall clock when the question was sent */
        const TrailSettings *settings;   /* INSPECTED: as much as was answered */
        const char *operation;           /* INSPECTED, on failure: of the call that failed ... */
        const AwsError *selectors_error; /* ... and of GetEventSelectors when that was GetTrail, and
                                            both did; may be NULL */
        const char *by;                  /* ACCEPT: who */
        const char *digest;              /* ACCEPT: of the changes that were looked at */
        uint64_t batch;                  /* FOUND: of the action */
        const LookupPage *page;          /* FOUND, on success */
        uint64_t generation;             /* STORED, STORE_FAILED */
        int store_error;                 /* STORE_FAILED: -errno */
        unsigned sequence;               /* SENT */
        const char *topic_arn;           /* SENT */
        const char *message_id;          /* SENT, on success */
        unsigned account;                /* IDENTITY */
        const char *identity_arn;        /* IDENTITY */
        const MaintenanceRequest *maintenance;
        const CoreConfig *config;  /* RECONFIGURE */
        const StateReport *report; /* RESTORED */
} Input;

typedef enum ActionKind {
        ACTION_START_LOGGING, /* trail */
        ACTION_POLL,          /* trail */
        ACTION_INSPECT,       /* trail */
        ACTION_LOOKUP,        /* account, batch, lookup; incident and trail where there is one */
        ACTION_STORE,         /* incident, generation */
        ACTION_ARCHIVE,       /* text: id of one that has finished and left memory */
        ACTION_STORE_MEMORY,  /* every trail's memory */
        ACTION_SEND,          /* incident, message, topic, topic_arn, durable */
        ACTION_HEARTBEAT,     /* trail */
        ACTION_LOG,           /* event, incident and trail where there is one, text, error */
        _ACTION_KIND_MAX,
} ActionKind;

/* What a record in the journal is about; each has a MESSAGE_ID of its own. */
typedef enum LogEvent {
        LOG_EVENT_TRAIL_SEEN, /* first good poll of a run */
        LOG_EVENT_INCIDENT_OPENED,
        LOG_EVENT_RESTART_REQUESTED,
        LOG_EVENT_RESTART_ACCEPTED,
        LOG_EVENT_RESTART_FAILED,
        LOG_EVENT_RESTART_UNSEEN, /* StartLogging for a trail that cannot be seen */
        LOG_EVENT_INCIDENT_CLOSED,
        LOG_EVENT_ACTOR_FOUND,
        LOG_EVENT_ACTOR_NOT_FOUND,
        LOG_EVENT_CREDENTIALS_MISUSED,
        LOG_EVENT_REDUNDANT_START,
        LOG_EVENT_POLL_FAILED,     /* first of a row */
        LOG_EVENT_SETTINGS_FAILED, /* a half of the settings cannot be read, or can again */
        LOG_EVENT_DELIVERING,
        LOG_EVENT_BASELINE, /* what counts as good: taken, improved, accepted or not */
        LOG_EVENT_ALERT_SENT,
        LOG_EVENT_ALERT_FAILED,
        LOG_EVENT_STORE_FAILED,
        LOG_EVENT_LOOKUP_FAILED,
        LOG_EVENT_HEARTBEAT,     /* withheld, or sent again */
        LOG_EVENT_STATE_DOUBTED, /* what was remembered of a trail cannot be */
        LOG_EVENT_NOTICE,        /* about the guard itself: begins, ends or just is */
        _LOG_EVENT_MAX,
} LogEvent;

/* Pointers are into the core and valid until the next core_step(). */
typedef struct Action {
        ActionKind kind;
        size_t trail; /* SIZE_MAX when there is none */
        const Incident *incident;
        const Message *message;
        const TopicConfig *topic;
        const char *topic_arn;
        bool durable;        /* SEND: the incident is on disk */
        uint64_t generation; /* STORE */
        LookupQuery lookup;
        unsigned account; /* LOOKUP: index of the credentials */
        uint64_t batch;   /* LOOKUP: comes back with the answer */
        LogEvent event;
        int priority; /* LOG: syslog level */
        char *text;   /* LOG: one line, owned by the action, escaped; ARCHIVE: the id */
        AwsError error;
} Action;

typedef struct Actions {
        Action *items;
        size_t n;
} Actions;

void actions_done(Actions *a);

/* Copies the configuration. Trails are polled from the next tick on, each at a phase that
 * follows from its ARN. */
Core *core_new(const CoreConfig *config, Now now);
Core *core_free(Core *c);
DEFINE_CLEANUP(Core *, core_free)

/* What an earlier run left. It is given before the first step or, after core_await_state(), at any
 * time before the INPUT_RESTORED that says that this was all: a slow disk delays no poll and no
 * StartLogging. Until an INPUT_RESTORED, trails are polled and started, and that is all: what was
 * seen is judged, told and stored from there on. One that says that the state is missing lets the
 * core do without; another one may follow, and what is given then is merged. Until the state has
 * been given, nothing that is stored may take the place of it: see to it where it is stored.
 *
 * core_restore_incident() takes incident; one whose trail is no longer configured still has its
 * messages sent. An incident that exists already becomes one with what is given. */
void core_await_state(Core *c);
void core_restore_memory(Core *c, const TrailMemory *memory);
void core_restore_incident(Core *c, Incident *incident);
/* The id of one that has finished, so that it does not come back: the last ones, oldest first. */
void core_restore_finished(Core *c, const char *id);

/* Appends to *ret, which the caller empties; START_LOGGING comes before everything else. */
void core_step(Core *c, const Input *in, Now now, Actions *ret);

/* Boot time at which a TICK is due, USEC_INFINITY never. */
uint64_t core_next_boot(const Core *c);

/* NULL while every trail is polled and every action answered in time, else what is overdue, in
 * words (static storage). The watchdog is fed only on NULL. */
const char *core_overdue(const Core *c, Now now);

/* Wall clock since when no trail has a heartbeat, because alerts reach nobody; 0: they do. */
int64_t core_heartbeat_withheld_msec(const Core *c);

size_t core_n_trails(const Core *c);
const TrailConfig *core_trail_config(const Core *c, size_t trail);
const TrailMemory *core_trail_memory(const Core *c, size_t trail);
/* Of the last poll, class NONE when it was good. */
const AwsError *core_trail_error(const Core *c, size_t trail);

/* When it is polled next, by the wall clock; now when that is under way. */
int64_t core_next_poll_msec(const Core *c, size_t trail);

/* How reading the settings of a trail goes, by call. */
typedef enum SettingsHalf {
        SETTINGS_OF_TRAIL,     /* GetTrail */
        SETTINGS_OF_SELECTORS, /* GetEventSelectors */
        _SETTINGS_HALF_MAX,
} SettingsHalf;

typedef struct SettingsRead {
        AwsError error;    /* of the last one; class NONE: it was read, or not asked for yet */
        int64_t good_msec; /* last read in this run; 0: never */
} SettingsRead;

const SettingsRead *core_settings_read(const Core *c, size_t trail, SettingsHalf half);
const char *settings_half_operation(SettingsHalf half);
/* Open incident of a trail (a stop before an unreachable before drift before a delivery), NULL when
 * all is well. */
const Incident *core_trail_incident(const Core *c, size_t trail);
/* Why INPUT_ACCEPT with this digest (NULL: whatever there is) would do nothing, in words (static
 * storage); NULL when it would. */
const char *core_refuses_accept(const Core *c, size_t trail, const char *digest);
/* Incidents that are not finished. */
size_t core_n_incidents(const Core *c);
const Incident *core_incident(const Core *c, size_t i);
