/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The daemon around the real core: carries actions out against the world, brings the answers
 * back, has a disk on which only what was acknowledged survives a SIGKILL. Beside it a twin: a
 * second core that sees the same answers and whose disk and topics never fail. */

#include "world.h"

typedef struct Letter Letter;

/* What is known from outside of each trail's dealings, to judge the core by. */
typedef struct GuardTrail {
        bool start_in_flight;
        uint64_t accepted_usec;  /* last StartLogging that was accepted */
        uint64_t failed_usec;    /* ... that was not */
        uint64_t throttled_usec; /* ... the last one, when it was throttled; 0: it was not */
        bool was_shown_stop;     /* by the last answer, for the first time */
        AwsErrorClass polled;    /* how the last poll ended */
        uint64_t unseen_usec;    /* since when it can be started without being seen; 0: not so */
        uint64_t asked_usec;     /* last StartLogging ... */
        int64_t asked_msec;      /* ... by AWS's clock */
        uint64_t down_usec;      /* since when answers say not logging; 0: they do not */
        bool maybe_gone;         /* not found, which says nothing of its logging */
        bool polling;
        uint64_t polled_usec;   /* last answer or failure */
        uint64_t unbeaten_usec; /* first good poll since the last heartbeat, 0: none */
        uint64_t owed_usec;     /* ... and since somebody would hear of it */
        uint64_t good_usec;     /* last answer about the trail */
        int64_t version_msec;   /* newest that was shown, */
        int64_t start_msec;     /* ... with this StartLoggingTime */
        int64_t whole_msec;     /* ... but for "logging" with the times of a stop */
        int64_t stop_msec;      /* newest StopLoggingTime that was shown */
        unsigned not_found;     /* TrailNotFound in a row */
        uint64_t not_found_usec;
        unsigned drift;        /* as last inspected */
        unsigned drift_read;   /* what of it was, in this run */
        unsigned drift_seen;   /* times in a row */
        uint64_t drift_usec;   /* since when */
        unsigned drift_unlike; /* reads in a row that are not what is told */
        unsigned expected;     /* of it, against the guard's baseline */
} GuardTrail;

/* One message, as its receivers know it. */
struct Letter {
        char incident[33];
        unsigned sequence;
        Phase phase;
        uint64_t text; /* hash of subject and body */
        char subject[100];
        bool on_disk;
        bool of_before; /* ... a guard that did without its state: the number may be used again */
        bool wanted[SIM_TOPICS_MAX];
        uint64_t created_usec; /* of this run: when first seen */
        bool tried[SIM_TOPICS_MAX];
        unsigned arrived[SIM_TOPICS_MAX];
        unsigned lost[SIM_TOPICS_MAX]; /* acknowledgements that never came back */
        bool acknowledged[SIM_TOPICS_MAX];
        bool refused[SIM_TOPICS_MAX];               /* for good, as last answered */
        uint64_t acknowledged_usec[SIM_TOPICS_MAX]; /* when the guard heard of it */
};

/* One incident, as seen from outside. */
typedef struct Case {
        char id[33];
        size_t trail;
        IncidentKind kind;
        int64_t stop_msec;
        bool open;
        bool at_twin;
        bool lost;           /* never reached the disk of a guard that was killed */
        bool judged;         /* its cause has been looked for */
        uint64_t generation; /* newest that is on disk, of this run */
        uint64_t asked_generation;
        bool store_failed;        /* since the newest that was asked for succeeded */
        uint64_t opened_usec;     /* first seen */
        uint64_t last_round_usec; /* when the last complete round of look-ups began */
        unsigned rounds;
        bool misused;
        size_t n_messages;
        char culprit[40];    /* event id */
        uint64_t named_usec; /* when a message first had it */
        Confidence confidence;
        SearchState search;
        bool settled;   /* but for the last look */
        bool ever_good; /* a look at settings had shown it well before */
        uint64_t seen;  /* its generation when it was last looked at, plus one */
        bool changed;   /* ... since */
        char lead[33];  /* who tells of it */
        bool failing;   /* its restart does, as last seen */
        bool goes_on;
        bool told;         /* some message has been made since it was opened */
        SeriesSum summary; /* of a lead: what its last summary said */
        unsigned summaries;
        uint64_t failing_usec;      /* since when some of its group fail, 0: none */
        uint64_t seen_failing_usec; /* ... when that was last seen */
        bool told_failing;          /* its last message said so */
} Case;

#define GUARD_PLACES 8192
#define GUARD_LANES 4 /* accounts and regions */

struct Guard {
        Core *core; /* NULL while dead */
        Core *twin;
        unsigned run;
        uint64_t run_usec;    /* its start, or when its state was here */
        bool awaiting;        /* its state: it polls and restarts, and that is all */
        bool does_without;    /* ... or has given it up for the moment */
        uint64_t killed_usec; /* the last time */
        int64_t clock_msec;   /* wall clock against AWS's */
        uint64_t clock_set_usec;
        GuardTrail trails[SIM_TRAILS_MAX];
        uint64_t
                unseen_usec[GUARD_LANES]; /* last StartLogging that nothing had shown the need of */
        Letter *letters;
        size_t n_letters;
        Case *cases;
        size_t n_cases;
        size_t *places; /* of cases by id: index + 1 */
        unsigned sends_in_flight[SIM_TOPICS_MAX];
        uint64_t *beats; /* when heartbeats were sent, of any trail */
        size_t n_beats;
        unsigned ticks_at_once;
        uint64_t last_tick_usec;
        uint64_t groups_usec;    /* when they were checked last */
        uint64_t looked_usec[4]; /* last LookupEvents, by account and region */
};

void guard_begin(World *w); /* first boot */
void guard_free(World *w);
void guard_kill(World *w);
void guard_boot(World *w);
void guard_set_clock(World *w, int64_t offset_msec);
void guard_identify(World *w);
void guard_accept(World *w, size_t trail);
void guard_answer(World *w, Event *e);
void guard_tick(World *w);
uint64_t guard_next_boot(const World *w);
bool guard_is_idle(const World *w);
/* The core hears of something, from wherever. */
void guard_hear(World *w, Input *in);
void guard_letter_arrives(World *w, Letter *l, size_t topic);
uint64_t guard_latency(World *w);
Now guard_now(const World *w);
const char *guard_topic(const World *w, size_t i);
Case *guard_case(Guard *g, const char *id);
Case *guard_new_case(Guard *g, const char *id);
Letter *guard_letter(Guard *g, const char *id, unsigned sequence);

/* light.c: what is neither of the disk nor of the journal. */
void light_carry_out(World *w, const Action *a);

/* disk.c */
void disk_restore_incident(World *w, Incident *i); /* takes it */
void disk_restore_archived(World *w, const Incident *i);
uint64_t disk_turn(World *w); /* when a write that is asked for at once will be done */
void disk_write(World *w, Event *e);
void disk_archive(World *w, const Event *e);
void disk_finish_writes(World *w); /* the guard has died */
void disk_forget(World *w);        /* what the new core will not know unless it is restored */
void disk_restore(World *w);       /* into a new core */
