/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A scripted AWS on a virtual clock, a guard in it, and people who want to blind it. Everything
 * that happens is an Event in one queue; the only other source of time is core_next_boot(). What
 * follows from a seed is the same on every machine: nothing reads a clock or a file. */

#include "core/core.h"
#include "rng.h"

#define SIM_EPOCH_MSEC INT64_C(1795392000000) /* 2026-11-23 00:00 UTC: boot 0, by AWS's clock */
#define SIM_TRAILS_MAX 200
#define SIM_RANDOM_TRAILS_MAX 3
#define SIM_TOPICS_MAX 2
#define SIM_OWN 0 /* actor: the guard's own identity */
#define SIM_ACTORS 8
#define SIM_TAIL 40 /* lines */
#define SIM_CALL_TIMEOUT_USEC (5 * USEC_PER_SEC)

/* What people, other programs and fate do. */
typedef enum ActKind {
        ACT_STOP,
        ACT_START,
        ACT_STOP_REFUSED, /* an attempt: errorCode in its record */
        ACT_STOP_OTHER,   /* of another trail: noise */
        ACT_DELETE,
        ACT_CREATE, /* re-created under the same name, not logging */
        ACT_REPAIR, /* whatever it takes to have it log */
        ACT_DELIVER,
        ACT_DELIVERY_FAILS,
        ACT_CHANGE, /* settings: amount, bits of Drift */
        ACT_UNDO,   /* ... the same, back; 0: all of them */
        ACT_ACCEPT, /* the drift is the baseline from here on */
        ACT_KILL,   /* SIGKILL of the guard */
        ACT_BOOT,   /* ... and its start again */
        ACT_CLOCK,  /* the guard's wall clock is set: amount */
        ACT_IDENTITY,
        ACT_NONE,
} ActKind;

/* How a trail's settings may be otherwise than they should be, as bits. */
typedef enum Drift {
        DRIFT_BUCKET = 1 << 0,
        DRIFT_VALIDATION = 1 << 1,
        DRIFT_REGIONS = 1 << 2,
        DRIFT_MANAGEMENT = 1 << 3, /* from here on by PutEventSelectors */
        DRIFT_DATA = 1 << 4,
        _DRIFT_ALL = (1 << 5) - 1,
} Drift;

typedef struct Act {
        ActKind kind;
        size_t trail;
        unsigned actor;
        bool omitted;       /* requestParameters too large */
        bool hidden;        /* never shows in Event history, as when it is of another account */
        uint64_t late_usec; /* shows so much later than others */
        int64_t amount;     /* of ACT_STOP_REFUSED: how many, 0 is one */
} Act;

/* A span of time in which something does not work. */
typedef enum FaultKind {
        FAULT_POLL_THROTTLED,
        FAULT_POLL_DENIED,
        FAULT_POLL_SILENT,
        FAULT_POLL_NOT_FOUND, /* although the trail is there: a sick replica */
        FAULT_POLL_DOUBTFUL,  /* IsLogging is true, and nothing else of the answer */
        FAULT_START_THROTTLED,
        FAULT_START_DENIED,
        FAULT_START_FAILS,
        FAULT_START_ANSWER_LOST, /* it takes effect, nobody hears of it */
        FAULT_START_NO_EFFECT,   /* accepted, and then nothing */
        FAULT_LOOKUP_THROTTLED,
        FAULT_LOOKUP_DENIED,
        FAULT_LOOKUP_SILENT,
        FAULT_TOPIC_FAILS,
        FAULT_TOPIC_ANSWER_LOST,
        FAULT_DISK_FAILS,
        FAULT_DISK_STALLS,
        FAULT_SLOW, /* answers take seconds */
        FAULT_INSPECT_DENIED,
        FAULT_INSPECT_THROTTLED,
        _FAULT_LIGHT_MAX,
        FAULT_PARTITION = _FAULT_LIGHT_MAX, /* nothing of AWS's can be reached */
        FAULT_PARTITION_REGION,             /* ... of eu-west-1 */
        FAULT_SERVICE_FAILS,                /* 503 to everything */
        FAULT_IMDS_SILENT,
        FAULT_IMDS_FAILS,
        FAULT_IMDS_EXPIRED,    /* it cannot renew what it hands out */
        FAULT_SESSION_REVOKED, /* of all sessions before, at its beginning */
        FAULT_ASSUME_DENIED,
        _FAULT_KIND_MAX,
} FaultKind;

typedef struct Fault {
        FaultKind kind;
        uint64_t from_usec;
        uint64_t to_usec;
        size_t target; /* trail or topic, SIZE_MAX: all */
} Fault;

typedef enum EventKind {
        EVENT_ACT,
        EVENT_SERVER_START, /* the guard's StartLogging reaches CloudTrail */
        EVENT_POLLED,
        EVENT_INSPECTED,
        EVENT_STARTED,
        EVENT_FOUND,
        EVENT_SENT,
        EVENT_STORED,
        EVENT_MEMORY_STORED,
        EVENT_ARCHIVED, /* a finished incident is where no start reads it */
        EVENT_GIVEN_UP, /* the guard does without what an earlier one left ... */
        EVENT_RESTORED, /* ... and has it */
        EVENT_CALL,     /* fire(slot) */
} EventKind;

struct World;

typedef struct Event {
        uint64_t at_usec;
        uint64_t order;
        EventKind kind;
        unsigned run; /* of the guard: answers to a dead one go nowhere */
        size_t trail;
        size_t topic;
        char incident[33];
        uint64_t batch;
        unsigned sequence;
        uint64_t generation;
        int store_error;
        AwsErrorClass class;
        const char *code;
        char request_id[40];
        int64_t asked_msec;
        TrailStatus status;
        TrailSettings settings;
        LookupPage page;
        char *text;
        Act act;
        void (*fire)(struct World *w, void *slot);
        void *slot; /* NULL: called off */
} Event;

/* What one trail was like from a time on; the last one is the truth. */
typedef struct TrailVersion {
        uint64_t at_usec;
        bool exists;
        TrailStatus status;
        unsigned drift;
} TrailVersion;

typedef struct SimTrail {
        char arn[128];
        TrailVersion *versions;
        size_t n_versions;
} SimTrail;

/* One record of Event history. */
typedef struct Record {
        const char *name;
        size_t trail; /* SIZE_MAX: another trail's */
        unsigned actor;
        int64_t time_msec;
        uint64_t visible_usec; /* USEC_INFINITY: never; to history_add(): how much later */
        bool refused;
        bool omitted;
        char parameters[128];  /* what of the request attribution looks at */
        const char *selectors; /* of PutEventSelectors, as the service would answer them */
        char request_id[40];
} Record;

/* A StopLoggingTime that has been, and whether logging ended with it. */
typedef struct StopTime {
        size_t trail;
        int64_t msec;
        uint64_t at_usec;
        size_t record;
        size_t outage; /* index of the stop that began it, its own when it did */
        bool must;     /* a guard that lived on was shown it */
        bool shown;
        bool shown_restarted; /* ... for the first time with a later start */
} StopTime;

typedef struct Span {
        size_t trail;
        uint64_t from_usec;
        uint64_t to_usec; /* USEC_INFINITY while it lasts */
} Span;

/* What AWS does not promise either way, and what the world is like, drawn once a world. */
typedef struct Nature {
        uint64_t latency_usec;
        uint64_t replica_lag_usec;
        unsigned stale_percent;
        bool halves; /* IsLogging and the times do not change at once */
        bool redundant_stop_moves;
        bool redundant_start_moves;
        bool same_moment; /* a start within a second of the stop has its very time */
        uint64_t history_lag_usec;
        size_t page_size;
        bool other_guard;  /* starts what is stopped, too */
        bool organization; /* its trails are an organization's: others may stop them, too */
        bool starts_known_ids;
        unsigned lost_percent; /* of requests and of answers, in a whole world */
} Nature;

typedef struct Disk {
        struct StoredFile {
                char id[33];
                char *text;
                bool archived;
        } * files;
        size_t n_files;
        char *memories; /* NULL before the first write */
        uint64_t busy_until_usec;
} Disk;

typedef struct Guard Guard;

typedef struct Whole Whole;

typedef struct World {
        uint64_t seed;
        Rng rng;
        Rng settings_rng;   /* of looks at settings, so that they change no other luck */
        Rng load_rng;       /* of how long its state is read at a boot, likewise */
        uint64_t load_usec; /* ... for so long; 0: drawn */
        bool verbose;
        bool quiet;
        bool tail; /* the last lines of the trace are told with a broken promise */
        char *lines[SIM_TAIL];
        size_t n_lines;
        bool failed;
        const char *promise; /* that was broken: the format of its message */
        uint64_t now_usec;
        uint64_t calm_usec; /* nothing is scripted after */
        uint64_t end_usec;
        uint64_t orders;
        Policy policy;
        TrailAction action;
        size_t n_trails;
        size_t n_topics;
        Severity min_severity; /* of the second topic */
        bool fifo;             /* ... and whether it keeps messages in order */
        Nature nature;
        SimTrail trails[SIM_TRAILS_MAX];
        Event **queue; /* binary heap */
        size_t n_queue;
        uint64_t *script; /* orders of the acts that it was written with, but for its end */
        size_t n_script;
        bool script_ended;
        Fault *faults;
        size_t n_faults;
        Record *records;
        size_t n_records;
        StopTime *stops;
        size_t n_stops;
        Span *gone; /* trail did not exist */
        size_t n_gone;
        unsigned other_starts[SIM_TRAILS_MAX];
        size_t n_searched; /* LookupEvents for an incident */
        uint64_t *lookups; /* boot times, for the TPS */
        size_t n_lookups;
        bool may_kill;
        bool has_twin;
        bool endless; /* however many steps it takes */
        bool measure; /* what the incidents hold in memory */
        size_t max_bytes;
        void (*on_look)(struct World *w); /* at each look at settings that is asked; may be NULL */
        unsigned looks;                   /* ... of which it is this one */
        bool patient;                     /* it goes on until every last look has been taken */
        uint64_t poll_usec;
        uint64_t last_kill_usec; /* nothing is read from the disk after */
        unsigned kills;
        bool gave_up; /* a guard did without its state for a while */
        unsigned n_request_ids;
        Disk disk;
        Guard *guard;
        Whole *whole; /* NULL in a light world */
        uint64_t steps;
} World;

World *world_new(uint64_t seed, bool verbose);
World *world_free(World *w);
/* Runs to the end and judges. */
void world_run(World *w);

void world_trace(World *w, const char *fmt, ...) _printf_(2, 3);
/* A broken promise: told once a world. */
void world_violation(World *w, const char *fmt, ...) _printf_(2, 3);

/* fire(slot) then, unless its slot is NULL by that time. */
Event *world_call_at(World *w, uint64_t at_usec, void (*fire)(World *w, void *slot), void *slot);
Event *world_schedule(World *w, uint64_t at_usec, EventKind kind);
void world_act_at(World *w, uint64_t at_usec, const Act *act);
void world_fault(World *w, FaultKind kind, uint64_t from_usec, uint64_t for_usec, size_t target);
bool world_has_fault(const World *w, FaultKind kind, size_t target);

/* Of requests and of answers, until half an hour after the last that is scripted. */
static inline unsigned world_lost_percent(const World *w)
{
        return w->now_usec < w->calm_usec + 30 * USEC_PER_MINUTE ? w->nature.lost_percent : 0;
}

static inline int64_t world_aws_msec(const World *w)
{
        return SIM_EPOCH_MSEC + (int64_t)(w->now_usec / USEC_PER_MSEC);
}

/* aws.c: the trails as CloudTrail has them. */
void aws_begin(World *w);
const TrailVersion *aws_truth(const World *w, size_t trail);
void aws_act(World *w, const Act *act);
void aws_start(World *w, size_t trail, unsigned actor, const char *request_id);
const char *aws_region(size_t trail);
const char *aws_selectors(unsigned drift); /* as the service answers */
/* What a replica shows; false: TrailNotFound. */
bool aws_read(World *w, size_t trail, TrailStatus *ret);
/* ... whose times lie in the future, or cannot be read. */
void aws_make_doubtful(World *w, TrailStatus *s);
/* Its settings; false: TrailNotFound. */
bool aws_inspect(World *w, size_t trail, TrailSettings *ret);
/* Whether the trail did not exist at some time since. */
bool aws_was_gone_since(const World *w, size_t trail, uint64_t from_usec);
const StopTime *aws_stop_time(const World *w, size_t trail, int64_t msec);

/* history.c: Event history. */
size_t history_add(World *w, const Record *r);
/* NULL, or the code of an error. */
const char *history_lookup(World *w, const LookupQuery *q, LookupPage *ret);
const char *history_actor_arn(unsigned actor);
