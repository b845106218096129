/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the core share among themselves; nobody else includes this. Within one
 * core_step() `now` and `out` are set, and the parts append their actions through core_emit(). */

#include "aws/digest.h"
#include "core/attribution.h"
#include "core/core.h"
#include "core/drift.h"
#include "core/lookupturn.h"
#include "core/observe.h"

#define CORE_LEDGER_MAX 2048
#define CORE_FINISHED_MAX 4096
#define CORE_SENDS_PER_TOPIC 8

/* A lookup batch: one question to LookupEvents, whose answer serves every search that needs it.
 * Page tokens are only good for the very same question, so that it goes on where it was although
 * others were asked in between. */
typedef struct Batch {
        uint64_t id;      /* return address of its answers */
        char *event_name; /* NULL: by access_key */
        char *access_key;
        int64_t from_msec;
        int64_t to_msec;
        int64_t read_msec; /* read down to, from to_msec on */
        int64_t rest_msec; /* where the question begins that is asked now */
        uint64_t begun_boot;
        uint64_t asked_boot; /* when that question was asked first */
        unsigned pages;
        bool watch;       /* for the watch of the region, and whom else it serves */
        char *next_token; /* NULL before the first page */
} Batch;

/* How far Event history has been read for calls of one name that change a trail. */
typedef struct WatchedName {
        uint64_t next_boot;
        int64_t whole_msec; /* read whole up to there; 0: not yet */
} WatchedName;

#define WATCHED_NAMES 4

/* Calls of that name on one trail, as they are read: newest first. */
typedef struct WatchedCalls {
        char newest[DIGEST_HEX_SIZE]; /* of its request; "": none was read yet */
        int64_t newest_msec;
        bool newest_is_worse; /* than the baseline */
        int64_t later_msec;   /* the call that was read before the one that is now */
        Changes changes;      /* what older ones have set, and no look has seen ... */
        int64_t from_msec;    /* ... the first of them, */
        int64_t to_msec;      /* the last, */
        int64_t back_msec;    /* and the call after that */
} WatchedCalls;

typedef struct Region {
        char *name;
        unsigned account;
        uint64_t next_lookup_boot; /* budget: spacing of LookupEvents */
        unsigned throttles;        /* in a row */
        bool throttle_told;        /* ... which the journal has of an incident */
        uint64_t next_unseen_boot; /* no StartLogging without sight before */
        int64_t throttled_msec;    /* since then; 0: it is not */
        Batch *batches;            /* begun, and not at their end */
        size_t n_batches;
        uint64_t in_flight; /* id of the batch that is being asked; 0: none is */
        LookupTurn turn;
        WatchedName watched[WATCHED_NAMES];
        unsigned watch_failures; /* in a row */
        uint64_t crowded_boot;   /* when there was last so much that pages took long; 0: never */
} Region;

typedef struct Topic {
        TopicConfig config; /* arn owned */
        bool fifo;
        unsigned in_flight;
        uint64_t failing_boot; /* first failure since it took all that it was sent; 0: none */
        bool took_one;         /* ... and it has taken a message since the last failure */
        size_t n_waited;       /* ... when it took the first one */
        AwsError error;        /* of the last failure */
} Topic;

/* Whether what an earlier run left is here. */
typedef enum History {
        HISTORY_HAD,     /* there was nothing, or it has been given */
        HISTORY_AWAITED, /* it is being read: act, and judge later */
        HISTORY_MISSING, /* not to be had just now: judge without */
} History;

/* An answer of GetTrailStatus that waits to be judged; owns what it points to. */
typedef struct HeldAnswer {
        TrailStatus status;
        AwsError error;
        int64_t aws_msec;
        int64_t asked_msec;
        Restart restart; /* what came of StartLogging since, when it showed the trail down */
} HeldAnswer;

/* A StartLogging of ours that has ended. */
typedef struct LedgerEntry {
        char request_id[80]; /* "" when no answer came */
        int64_t msec;        /* wall clock, at its end */
        uint64_t trail;      /* its key; 0: of a trail that is not guarded any more */
        int64_t answer_msec; /* AWS's clock when it was accepted; 0: not known, or it was not */
} LedgerEntry;

typedef struct Trail {
        TrailConfig config; /* arn owned */
        Arn arn;
        TrailMemory memory;
        size_t region;
        uint64_t key;        /* of the ARN: the same whatever else is configured */
        uint64_t phase_usec; /* within the poll interval, from the ARN */

        bool remembered; /* by an earlier run */
        bool polling;
        uint64_t poll_boot; /* when asked, while polling */
        uint64_t next_poll_boot;
        uint64_t fast_until_boot;
        uint64_t last_good_boot; /* start of the run at first */
        bool good_this_run;
        bool good_since_heartbeat;
        AwsError error;        /* of the last poll */
        unsigned behind_reads; /* LatestDeliveryTime less than before, in a row */
        TrailMemory behind;    /* ... what was known then; its arn is borrowed */
        Reading doubted;
        unsigned agreeing;      /* doubtful readings in a row that say the same */
        TrailStatus doubt;      /* ... this, without strings */
        uint64_t doubt_boot;    /* ... since then */
        unsigned not_found;     /* TrailNotFound in a row */
        uint64_t appeared_boot; /* found after it was deleted */

        bool down; /* an answer said so, and none since has proved the contrary */
        bool starting;
        bool starting_unseen; /* ... without having been seen to be down */
        bool not_startable;   /* by this guard: the last StartLogging said so */
        uint64_t next_unseen_boot;
        bool start_again;        /* a stop was seen since it was asked: its success may be older */
        int64_t acted_stop_msec; /* newest StopLoggingTime that was acted on */
        uint64_t start_boot;     /* when asked, while starting */
        uint64_t next_start_boot;
        unsigned start_failures;
        unsigned throttled;      /* StartLogging calls in a row */
        uint64_t throttled_boot; /* ... the first of them */
        uint64_t own_start_boot; /* our last StartLogging that may have had an effect, 0: none */
        HeldAnswer *held;        /* while the history is awaited: in order, each unlike the last */
        size_t n_held;
        Restart early; /* what came of StartLogging before there was an incident */

        size_t searches;      /* of the incidents in memory, as last counted */
        uint64_t lookup_boot; /* when LookupEvents was last asked for one of them */
        unsigned redundant;   /* starts that were not ours, within a day */
        int64_t redundant_since_msec;

        Incident *groups[_FAMILY_MAX]; /* who tells of its latest incident: borrowed */
        Incident *stop;                /* open outage of the trail itself: borrowed */
        Incident *blind;               /* open unreachable or not-found: borrowed */

        bool inspecting;
        uint64_t inspect_boot; /* when asked, while inspecting */
        uint64_t next_inspect_boot;
        uint64_t inspected_boot; /* last look that told all; start of the run at first */
        unsigned inspect_failures;
        AwsError inspect_error; /* of the last one */
        SettingsRead settings_read[_SETTINGS_HALF_MAX];
        TrailSettings found;                   /* as last read */
        char believed[DRIFT_DIGEST_SIZE];      /* of the changes that are told; "": none */
        char doubted_drift[DRIFT_DIGEST_SIZE]; /* of others, until reads agree on them */
        unsigned agreeing_drift;     /* reads in a row that do; 0: the last was as believed */
        int64_t doubted_drift_msec;  /* when the first read that shows them was asked for ... */
        uint64_t doubted_drift_boot; /* ... and was answered */
        unsigned unlike_reads;       /* in a row that are not as believed ... */
        uint64_t otherwise_boot;     /* ... when the first of them was answered */
        unsigned better;             /* reads in a row that show more than the baseline has */
        TrailSettings earlier; /* baseline before it became another, for calls of that time: of
                                  several, the oldest of half an hour ... */
        int64_t earlier_msec;  /* ... taken then */
        int64_t rebased_msec;  /* when it last became another one; 0: not in this run */
        WatchedCalls watched;
        int64_t maintained_from_msec; /* the last window of maintenance that has ended */
        int64_t maintained_to_msec;
        struct Unexplained {
                int64_t start_msec; /* StartLoggingTime that no known call explains; 0: none */
                TrailMemory was;    /* what was known before; its pointers are not valid */
                uint64_t until_boot;
        } unexplained;
        Incident *drift; /* open, borrowed, as are the next two */
        Incident *uninspected;

        Incident *delivery;
        struct Way {
                bool broken;
                unsigned reads;    /* in a row that say otherwise */
                int64_t good_msec; /* wall clock of the last read that showed it well */
        } ways[_CHANGE_KIND_MAX - CHANGE_LOG_FILES];
        uint64_t watched_boot;     /* last good poll */
        uint64_t quiet_since_boot; /* no delivery has been seen since */
        bool delivery_seen;        /* ... and one before that, with no gap between the polls */
} Trail;

struct Core {
        Policy policy;
        char *hostname;
        Labels labels;
        Trail *trails;
        size_t n_trails;
        Region *regions;
        size_t n_regions;
        Topic *topics;
        size_t n_topics;
        char **identities; /* own ARN of each account, NULL until known */
        size_t n_identities;
        Incident **incidents; /* not finished */
        size_t n_incidents;
        size_t findings_share; /* bytes: what each search may hold */
        size_t n_windows;      /* of maintenance, open */
        char (*finished)[33];  /* ring: ids of finished ones, so that none comes back */
        size_t n_finished;
        char **put_away; /* ids of those that have left memory in this step */
        size_t n_put_away;
        LedgerEntry *ledger; /* ring */
        size_t n_ledger;
        int64_t begun_msec;
        uint64_t begun_boot;
        int64_t aws_ahead_msec; /* AWS's clock against ours, as the last answer showed; 0: about the
                                   same, or not known */
        AwsError standstill;    /* the last time that nothing ran ... */
        uint64_t standstill_boot; /* ... until then; 0: never */
        bool clock_doubtful;      /* off, at some time, by more than the ledger can bear */
        uint64_t next_heartbeat_boot;
        int64_t withheld_msec; /* wall clock, since when there are none; 0: there are */
        uint64_t next_memory_boot;
        bool memory_dirty;
        bool groups_settled; /* what was restored has found each other */
        bool resumed;        /* ... and its place */
        History history;
        bool acted;          /* on the answer at hand, when it came */
        size_t n_remembered; /* trails of the run before, until they have been compared */
        char **forgotten;    /* ... that are not configured any more */
        size_t n_forgotten;

        uint64_t seed[2];
        uint64_t n_drawn;   /* by core_random() */
        uint64_t n_batches; /* begun in this run */

        Now now;
        Actions *out;
};

Action *core_emit(Core *c, ActionKind kind);
/* One line for the journal; error may be NULL. */
void core_log(Core *c, LogEvent event, int priority, const Incident *i, const AwsError *error,
              const char *fmt, ...) _printf_(6, 7);
void core_log_trail(Core *c, LogEvent event, int priority, const Trail *t, const AwsError *error,
                    const char *fmt, ...) _printf_(6, 7);
void core_log_guard(Core *c, LogEvent event, int priority, const char *fmt, ...) _printf_(4, 5);

/* What an incident tells of its trail, where that is newer than the memory. */
void core_follow_incident(TrailMemory *m, const Incident *i);

Trail *core_find_trail(Core *c, const char *arn);
Incident *core_find_incident(Core *c, const char *id);
void core_note_finished(Core *c, const char *id);
/* It has finished, and nobody needs it: frees it. */
void core_put_away(Core *c, Incident *i);
bool core_knows_finished(const Core *c, const char *id);
/* t may be NULL; the other members of the entry are copied. */
void core_remember_request(Core *c, const Trail *t, const LedgerEntry *e);
/* Whether this StartLoggingTime is that of a call of ours. */
bool core_started(const Core *c, const Trail *t, int64_t start_msec);
OwnCall core_own_start(const Core *c, const CloudTrailRecord *r);      /* by the ledger */
uint64_t backoff_usec(uint64_t base, uint64_t max, unsigned failures); /* failures from 1 */
/* A number in [0, below) that nobody can foresee who does not know the seed, however many of them
 * he has seen; 0 for below of 0. */
int64_t core_aws_msec(const Core *c, int64_t wall_msec); /* a moment of ours by AWS's clock */
uint64_t core_random(Core *c, uint64_t below);

/* configure.c */
void configure(Core *c, const CoreConfig *config);   /* what stays keeps its state */
void reconfigure(Core *c, const CoreConfig *config); /* the same, and tells what has changed */
void configure_done(Core *c);
/* Tells what is guarded otherwise than in the run before. */
void configure_compare_memory(Core *c);
/* Whoever is configured to hear now; a message of which no topic is left goes to all that are. */
void configure_address(Core *c, Incident *i, Message *m);
/* Its trail is not guarded any more: what is unsent still goes out, and that is all. */
void configure_retire(Core *c, Incident *i);

/* resume.c: what an earlier run left. */
void resume_restored(Core *c, const StateReport *report);
/* What was restored and has no place any more ends. */
void resume_settle(Core *c);
/* While it is awaited: an answer is acted on and held, what came of StartLogging is noted. */
void resume_polled(Core *c, Trail *t, const Input *in);
void resume_started(Core *c, Trail *t, const AwsError *result);
/* An incident has been opened: what was done about it before it was. */
void resume_adopt(const Core *c, Trail *t, Incident *i);
void resume_trail_done(Trail *t);

/* statelost.c: the state of the guard is not what it should be, and everybody is told. */
void state_missing(Core *c, const char *why);
void state_here(Core *c); /* it is not missing any more */
void state_lost(Core *c, const StateReport *report);

/* trail.c: polls and what they say. */
void trail_polled(Core *c, Trail *t, const Input *in);
void trail_heard(Core *c, Trail *t, const Input *in); /* what it means */
void trail_note_down(const Core *c, Trail *t, const TrailStatus *s);
/* Whether the times of a good answer prove nothing, and why. */
bool trail_doubts(const Input *in, AwsError *ret);
void trail_tick(Core *c, Trail *t);
uint64_t trail_next_boot(const Core *c, const Trail *t);
void trail_follow_clock(Trail *t, int64_t by_msec); /* the wall clock was set */
void trail_hurry(Core *c, Trail *t);                /* fast polls from here on, the first at once */
void trail_read_again_soon(Core *c, Trail *t);

/* reading.c: what a reading leads to. */
/* An answer that says "not logging", and of which nothing else is believed. */
void reading_doubtful_stop(Core *c, Trail *t);
/* The reading as it is to be believed after this one: doubtful ones count until they agree. */
Reading reading_settle(Core *c, Trail *t, const TrailStatus *s, Reading r);
void reading_apply(Core *c, Trail *t, const TrailStatus *s, Reading r);
void reading_watch_behind(Core *c, Trail *t, const TrailStatus *s);
/* was: how it was known before. */
void reading_open_recreated(Core *c, Trail *t, const TrailMemory *was, int64_t blind_to_msec);
void reading_close_left_over(Core *c, Trail *t, const TrailStatus *s);

/* driftwatch.c: settings against the baseline. */
void drift_begin(Core *c, Trail *t);
/* Nobody looks any more: what is open of it ends untold, as for a trail that is removed. */
void drift_forget(Core *c, Trail *t, Incident *i);
void drift_inspected(Core *c, Trail *t, const Input *in);
void drift_accept(Core *c, const Input *in);
void drift_tick(Core *c, Trail *t);
uint64_t drift_next_boot(const Core *c, const Trail *t);
void drift_resume(Trail *t, Incident *i); /* one that an earlier run left open */

/* The baseline is about to become another one. */
void drift_keep_earlier(const Core *c, Trail *t);

/* watch.c: calls that have changed a trail, of which no look has shown the effect. */
/* The event name that is due; NULL when none is. *ret_due: since when. */
const char *watch_due(const Core *c, const Region *r, uint64_t *ret_due);
uint64_t watch_next_boot(const Core *c, const Region *r);
/* Begins to read: from then on. */
int64_t watch_begin(Core *c, const Region *r, const char *event);
void watch_found(Core *c, const Region *r, const Batch *b, const LookupPage *page);
void watch_read(Core *c, Region *r, const Batch *b); /* to its end */
void watch_failed(Core *c, Region *r, const AwsError *error);
/* A start that no call explains: it may be that of another trail of the same name. */
void watch_start(Core *c, Trail *t, int64_t start_msec);

/* deliverywatch.c: whether what is recorded arrives. */
void delivery_watch(Core *c, Trail *t, const TrailStatus *s);

/* restart.c: StartLogging and its proof. */
/* By the configuration, and no maintenance is on: whether there is anything to do is another
 * matter.
 */
bool restart_is_wanted(const Core *c, const Trail *t);
void restart_consider(Core *c, Trail *t);
void restart_answered(Core *c, Trail *t, const Input *in);
void restart_tick(Core *c, Trail *t);
/* A StartLogging is under way that is this incident's, perhaps from before it was opened. */
void restart_note_attempt(const Core *c, const Trail *t, Incident *i);
void restart_concluded(const Trail *t, Incident *i); /* logging again: by whom */
/* Counts one more throttled call, in the incident, too, where there is one; when to try again. */
uint64_t restart_throttled(Core *c, Trail *t, Incident *i);

/* unseen.c: StartLogging without sight of the trail. */
void unseen_tick(Core *c, Trail *t);
uint64_t unseen_next_boot(const Core *c, const Trail *t);
void unseen_begin(Core *c, Trail *t); /* the incident of its lost sight has been opened */
/* Of every StartLogging; whether that is all that there is to do about its answer. */
bool unseen_answered(Core *c, Trail *t, const AwsError *result);

/* incident.c: their lives. */
typedef struct IncidentFacts {
        IncidentKind kind;
        Severity severity;
        int64_t stop_msec;
        int64_t start_before_msec; /* StartLoggingTime before the stop; 0: what is remembered */
        int64_t last_logging_msec; /* 0: what is remembered */
        int64_t blind_from_msec;
        int64_t blind_to_msec;
        bool started_by_us; /* what blind_to_msec shows */
        const AwsError *cause;
        Changes *changes; /* taken */
        int64_t good_msec;
        int64_t seen_msec;
        int64_t id_time_msec;  /* untimed kinds: what makes the id, beside the kind */
        const char *id_digest; /* untimed kinds: the bad state; NULL for none */
        bool between_looks;
        bool once; /* untimed kinds: it cannot happen again */
} IncidentFacts;

/* The id of what has no time of its own, and may happen again: free to be used. False when such an
 * incident is open, or has been and cannot be again. about: what it happens to, an ARN or the
 * guard's name. */
bool incident_make_untimed_id(Core *c, const char *about, const IncidentFacts *f,
                              char ret[static 33]);
/* NULL when an incident of that id has been had. */
Incident *incident_open(Core *c, Trail *t, const IncidentFacts *f);
/* blind_to_msec of 0: the trail did not log again, another incident of it goes on from here. */
void incident_close(Core *c, Incident *i, int64_t blind_to_msec);
/* Takes what is changed by now, seen then; true when it is more than before, and its callers are
 * searched for anew. */
bool incident_take_changes(Core *c, Incident *i, Changes *now, int64_t seen_msec);
/* The time of an untimed stop has shown: no other incident is to be made of it. */
void incident_set_stop(Core *c, Incident *i, int64_t stop_msec);
/* Closed for good or only waiting for its actor. */
bool incident_is_over(const Incident *i);
bool incident_is_outage(IncidentKind k); /* of the trail itself, not of the sight of it */
void incident_touch(Incident *i);        /* changed: to be stored at the end of the step */
void incident_escalate(Incident *i, Severity s);
int incident_log_priority(const Incident *i); /* by its severity */
/* Logs reach the bucket again, or fail to: what a restart is for in the end. */
void incident_watch_delivery(Core *c, Incident *i, const TrailStatus *s);
void incident_tick(Core *c, Incident *i);
uint64_t incident_next_boot(const Core *c, const Incident *i);
int64_t incident_remind_due_msec(const Core *c, const Incident *i);

/* notice.c: incidents about the guard itself. */
typedef struct NoticeFacts {
        IncidentKind kind;
        Severity severity;
        Phase phase;       /* OPEN: goes on until notice_close(); NOTICE: nothing to wait for */
        bool open;         /* goes on, whatever the phase says */
        const char *title; /* as in Incident; copied, as is text */
        const char *text;
        int64_t until_msec;    /* MAINTENANCE: its end */
        const char *scope_arn; /* as in Incident; copied, as is the cause */
        const AwsError *cause; /* NULL for none */
        const char *id_digest; /* what tells it from others of its kind; NULL for none */
        bool once;             /* however often it is found out */
} NoticeFacts;

/* NULL when the very same is open or, for once, has been. */
Incident *notice_open(Core *c, const NoticeFacts *f);
/* Title and text take the place of those before; NULL leaves them. */
void notice_close(Core *c, Incident *i, Phase phase, const char *title, const char *text);

/* maintenance.c: approved changes. */
void maintenance_start(Core *c, const MaintenanceRequest *m);
/* Ends the windows of that very trail, or all. */
void maintenance_stop(Core *c, const MaintenanceRequest *m);
bool maintenance_covers(const Core *c, const Trail *t);
/* When a window covers the trail: the incident is recorded in it, and neither fought nor told. */
void maintenance_record(Core *c, Trail *t, Incident *i);
void maintenance_tick(Core *c);
uint64_t maintenance_next_boot(const Core *c);

/* group.c: who tells of an incident, and when of several at once. */
/* Whether it speaks for itself alone; on the first call it finds its group. */
bool group_lets_speak(Core *c, Incident *i);
/* What an earlier run left; group_settle() has them find each other when all are there. */
void group_restore(Core *c, Incident *i);
void group_settle(Core *c);
void group_tick(Core *c);
uint64_t group_next_boot(const Core *c);
/* A finished incident may still be needed by others, or be joined. */
bool group_keeps(const Core *c, const Incident *i);
void group_forget(Core *c, Incident *i); /* it leaves memory */
/* The reminder of what goes on is the group's. */
bool group_is_alone(const Incident *i);

/* series.c: what the first incident of a group keeps of all of them. */
bool series_is_gone(const Series *s, unsigned number); /* it has left memory */
void series_note_gone(Series *s, unsigned number);
/* NULL when it is counted and not listed. */
SeriesTrail *series_note_trail(Series *s, const char *arn);
/* Takes the records out of an incident that is about to be freed. */
void series_note_callers(Series *s, Incident *i);

/* heartbeat.c: that trails are seen, and alerts heard. */
void heartbeat_tick(Core *c);
uint64_t heartbeat_next_boot(const Core *c);

/* topic.c: whether they take what they are sent. */
bool topic_is_told_of(const Incident *i, const char *arn); /* by a notice, which is not for it */
Topic *topic_find(Core *c, const char *arn);
bool topic_refuses_for_good(const AwsError *e); /* trying the same again changes nothing */
void topic_failed(Core *c, Topic *t, const AwsError *error);
void topic_took(Core *c, Topic *t);
void topic_tick(Core *c);
uint64_t topic_next_boot(const Core *c, const Topic *t); /* when its failing is to be told */

/* notify.c: messages, their storing and sending. */
void notify(Core *c, Incident *i, Phase phase);
/* Its first message waits from now on for what the restart does, for a little while. */
void notify_wait(const Core *c, Incident *i);
/* One message of lead about its whole group. */
void notify_summary(Core *c, Incident *lead, Phase phase);
void notify_store(Core *c, Incident *i);
void notify_stored(Core *c, Incident *i, const Input *in);
void notify_send(Core *c, Incident *i);
void notify_sent(Core *c, Incident *i, const Input *in);
uint64_t notify_next_boot(const Core *c, const Incident *i);
/* To whom this message goes: whom it is grave enough for, or who was sent one before. */
void notify_address(Core *c, const Incident *i, Message *m);

/* searchplan.c: what is to be asked for one incident. */
typedef struct SearchStep {
        const char *event;
        bool narrow; /* the seconds around the stop: a wider step of the event holds them, too */
        int64_t from_msec;
        int64_t to_msec;
} SearchStep;

#define SEARCH_SLACK_MSEC MSEC_PER_MINUTE /* around what the times say */
/* False past the last. */
bool search_step(const Core *c, const Incident *i, unsigned k, SearchStep *ret);
/* Whether the look under way is to read the step. */
bool search_needs(const Core *c, const Incident *i, unsigned k);
/* Steps, from the first on, that are enough for a verdict, if not for a certain one. */
unsigned search_n_first(const Incident *i);
LookupRank search_rank(const Core *c, const Incident *i, unsigned k);
/* The event name that all turns on; NULL when nobody is looked for. */
const char *search_event(const Incident *i);
/* The widest window of the event; false when it is not looked for. */
bool search_set_window(const Core *c, Incident *i, const char *event);

/* search.c: the life of a search. */
void search_begin(Core *c, Incident *i);
/* There is more to be found out. */
void search_again(Core *c, Incident *i);
void search_keep_time(Core *c, Incident *i);
/* When search_keep_time() has something to do that no other timer sees; USEC_INFINITY: never. */
uint64_t search_wake_boot(const Core *c, const Incident *i);
bool search_is_active(const Incident *i);
bool search_is_looking(const Core *c, const Incident *i); /* its look has begun */
Region *search_region_of(const Core *c, const Incident *i);
/* Steps of its look have been read: judged by what is known, and told when that is all. */
void search_advance(Core *c, Incident *i);
void search_failed(Core *c, Incident *i, const AwsError *error); /* the look begins anew, later */
void search_complete(Core *c, Incident *i);
/* Whose calls are the guard's is known from here on: who was judged without that is again. */
void search_identified(Core *c, unsigned account);
/* The trail's settings have been read, or cannot be: whom that leaves in doubt is known. */
void search_settings_read(Core *c, const Trail *t);

/* lookup.c: the calls. */
void lookup_tick(Core *c);
void lookup_found(Core *c, const Input *in);
void lookup_region_done(Region *r);
bool lookup_is_crowded(const Core *c, const Region *r); /* so much that pages take long */
uint64_t lookup_next_boot(const Core *c);
