/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the core knows and says, as plain structs. Times named *_msec are AWS's or the wall clock's
 * (ms since the epoch, 0 absent); times named *_boot are CLOCK_BOOTTIME (usec). Strings are
 * owned unless said otherwise, and as they came: escaping is done where text is made. */

#include <errno.h>

#include "aws/awserror.h"
#include "aws/cloudtrail.h"
#include "base/macro.h"
#include "core/evidence.h"
#include "core/incidentkind.h"
#include "core/labels.h"
#include "core/policy.h"
#include "core/severity.h"

typedef struct Now {
        uint64_t boot_usec; /* for deadlines */
        int64_t wall_msec;  /* for AWS's times */
} Now;

typedef enum TrailAction {
        TRAIL_ACTION_RESTART, /* StartLogging, then tell */
        TRAIL_ACTION_ALERT,   /* only tell */
        _TRAIL_ACTION_MAX,
        _TRAIL_ACTION_INVALID = -EINVAL,
} TrailAction;

const char *trail_action_to_string(TrailAction a);
TrailAction trail_action_from_string(const char *s);

typedef enum TopicFormat {
        TOPIC_FORMAT_TEXT,         /* for people */
        TOPIC_FORMAT_JSON,         /* the document of alertjson.h */
        TOPIC_FORMAT_PER_PROTOCOL, /* text, short text and document, each where it fits */
        TOPIC_FORMAT_CHAT,         /* Amazon Q Developer in chat applications' own */
        _TOPIC_FORMAT_MAX,
        _TOPIC_FORMAT_INVALID = -EINVAL,
} TopicFormat;

const char *topic_format_to_string(TopicFormat f);
TopicFormat topic_format_from_string(const char *s);

/* What the settings of a trail are declared to be; NULL and UNSAID: as first seen. "" is none. */
typedef enum Declared {
        DECLARED_UNSAID,
        DECLARED_NO,
        DECLARED_YES,
} Declared;

typedef struct TrailExpect {
        char *s3_bucket_name;
        char *s3_key_prefix;
        char *kms_key_id;
        char *sns_topic;
        char *log_group;
        char *management_events; /* "all" */
        Declared multi_region;
        Declared organization;
        Declared global_service_events;
        Declared log_file_validation;
} TrailExpect;

void trail_expect_copy(TrailExpect *to, const TrailExpect *from);
void trail_expect_done(TrailExpect *e);

/* Configuration of the core: a tree Account (credentials) -> Region -> Trail, given flat. All
 * borrowed for the duration of core_new(). */
typedef struct TrailConfig {
        const char *arn;
        TrailAction action;
        uint64_t poll_usec;
        unsigned account; /* index of the credentials that reach this trail */
        TrailExpect expect;
} TrailConfig;

typedef struct TopicConfig {
        const char *arn;
        TopicFormat format;
        Severity min_severity; /* of an incident's messages, from the first that reaches it on */
        unsigned account;      /* index of the credentials that publish */
} TopicConfig;

typedef struct CoreConfig {
        const Policy *policy;
        const TrailConfig *trails;
        size_t n_trails;
        const TopicConfig *topics;
        size_t n_topics;
        size_t n_accounts;
        const char *hostname; /* said in alerts: which guard speaks */
        const Labels *labels; /* the same; NULL for none */
        uint64_t seed[2];     /* of what must not be foreseen; read by core_new() alone */
} CoreConfig;

/* What is remembered of a trail between two runs of the daemon. */
typedef struct TrailMemory {
        char *arn;
        bool seen;    /* a good poll has been had, ever */
        bool logging; /* as of the newest version */
        int64_t start_msec;
        int64_t stop_msec;
        int64_t delivery_msec;
        int64_t last_good_msec;    /* wall clock of the last good poll */
        int64_t last_logging_msec; /* ... of the last one that showed it logging */
        int64_t floor_msec;        /* times up to here are of the trail that was before this one */
        TrailSettings baseline;    /* as first seen, or accepted since */
        int64_t baseline_msec;     /* wall clock, when that was */
        char *baseline_by;         /* who accepted it; NULL: as first seen */
        int64_t inspected_msec;    /* wall clock of the last look that showed no drift */
        int64_t habit_msec;        /* longest usual time between two deliveries */
        int64_t habit_since_msec;  /* ... learnt from then on, by AWS's clock */
} TrailMemory;

void trail_memory_done(TrailMemory *m);

typedef enum Phase {
        PHASE_OPEN,
        PHASE_FAILING,
        PHASE_CLOSED,
        PHASE_UPDATE,
        PHASE_NOTICE,    /* nothing to wait for */
        PHASE_RESTARTED, /* OPEN and CLOSED in one: logging again before it was told */
        _PHASE_MAX,
        _PHASE_INVALID = -EINVAL,
} Phase;

const char *phase_to_string(Phase p); /* "OPEN" */
Phase phase_from_string(const char *s);

/* One topic's share of a message. */
typedef struct Delivery {
        char *topic_arn;
        bool sent;
        int64_t sent_msec; /* wall clock of the acknowledgement */
        char *message_id;  /* SNS's, once sent */
        /* Not stored: */
        bool in_flight;
        unsigned failures;
        uint64_t next_boot;
        AwsError error;
} Delivery;

/* The incident that a message was made for, when another one carries it. */
typedef struct MessageOrigin {
        char *incident; /* its id; NULL: the one that has the message */
        char *kind;     /* as its file says, known here or not; NULL when that cannot be said */
        char *trail_arn;
        unsigned sequence;
} MessageOrigin;

typedef struct Message {
        unsigned sequence; /* from 1, within the incident */
        Phase phase;
        Severity severity;
        int64_t created_msec;
        char *subject;
        char *body;
        char *document; /* for topics of the formats that need it; NULL without any */
        MessageOrigin origin;
        Delivery *deliveries;
        size_t n_deliveries;
        /* Not stored: */
        uint64_t created_boot; /* 0: by an earlier run */
        uint64_t generation;   /* of the incident, that has to be on disk first */
} Message;

typedef enum RestartState {
        RESTART_NOT_WANTED, /* action = "alert", or nothing to restart */
        RESTART_REQUESTED,  /* no answer yet */
        RESTART_ACCEPTED,   /* StartLogging succeeded, not yet visible */
        RESTART_FAILING,    /* refused, unanswered or without effect; goes on being tried */
        RESTART_VERIFIED,   /* ours, and GetTrailStatus shows it */
        RESTART_BY_OTHERS,  /* logging again without us */
        RESTART_UNSEEN,     /* CANNOT_SEE: sent now and then, in case it is needed */
        _RESTART_STATE_MAX,
        _RESTART_STATE_INVALID = -EINVAL,
} RestartState;

const char *restart_state_to_string(RestartState s);
RestartState restart_state_from_string(const char *s);

typedef struct Restart {
        RestartState state;
        unsigned attempts;   /* StartLogging calls */
        unsigned unanswered; /* ... that may have been made, and had no answer */
        unsigned throttled;  /* ... that were throttled, the last time that they were, in a row */
        int64_t throttled_msec; /* ... and for how long */
        int64_t requested_msec; /* wall clock of the first call */
        int64_t accepted_msec;  /* ... and of the first success */
        unsigned told;          /* bits of the error classes that FAILING has told */
        AwsError error;         /* last failure, class NONE without one */
        char **request_ids;     /* ledger: x-amzn-requestid of our StartLogging calls */
        size_t n_request_ids;
        bool untimed; /* the first of them was made before the incident's StopLoggingTime was known
                       */
} Restart;

typedef enum Delivering {
        DELIVERING_UNKNOWN, /* no delivery since the restart */
        DELIVERING_YES,
        DELIVERING_NO, /* LatestDeliveryError */
        _DELIVERING_MAX,
        _DELIVERING_INVALID = -EINVAL,
} Delivering;

const char *delivering_to_string(Delivering d);
Delivering delivering_from_string(const char *s);

typedef enum SearchState {
        SEARCH_NOT_NEEDED,
        SEARCH_RUNNING,
        SEARCH_SETTLING, /* found; one more look is to come */
        SEARCH_SETTLED,  /* found, and looked again; the last look, at 24 hours, is to come */
        SEARCH_DONE,
        SEARCH_GAVE_UP,
        _SEARCH_STATE_MAX,
        _SEARCH_STATE_INVALID = -EINVAL,
} SearchState;

const char *search_state_to_string(SearchState s);
SearchState search_state_from_string(const char *s);

/* Who did it, as far as Event history has said. */
typedef struct Attribution {
        SearchState state;
        Confidence confidence;
        unsigned doubts;            /* bits of Doubt: why it is not exact */
        bool misused;               /* somebody uses our credentials */
        bool crowded_out;           /* given up for others: there were too many */
        bool incomplete;            /* more events in the window than were read, or kept */
        Confidence told_confidence; /* verdict of the last message */
        bool told_misused;
        char *told_culprit;   /* event ids; NULL for none */
        char *told_who;       /* the same in words */
        char *corrected_from; /* what a message said before, and a later one has corrected */
        bool told_deeds;      /* what its key did was known then */
        bool said_not_yet;
        unsigned rounds;   /* complete looks so far */
        int64_t from_msec; /* window looked through */
        int64_t to_msec;
        int64_t begun_msec; /* wall clock */
        int64_t found_msec;
        int64_t throttled_msec; /* LookupEvents is throttled since then; 0: it is not */
        unsigned n_unreadable;
        unsigned n_refused;  /* refused calls in the window, those of the findings included */
        unsigned n_not_kept; /* other calls in the window for which there was no room */
        AwsError error;      /* last failure of LookupEvents, class NONE after a success */
        Finding *findings;
        size_t n_findings;
        char *searched_account; /* whose Event history was read; NULL while unknown */
        char *deeds_key;        /* access key that was looked up; NULL before */
        Deed *deeds;
        size_t n_deeds;
        bool deeds_cut; /* there were more than were read */
        /* Not stored: where the look stands. */
        unsigned offered;         /* calls that were not refused and are in the window */
        unsigned offered_refused; /* ... that were */
        uint32_t covered;         /* bits of its steps that were read since it began ... */
        uint32_t cut;             /* ... and of those of which there was more than could be read */
        bool reads;               /* a page of it has been read */
        bool whole;               /* it, or one that led to a verdict, has read everything */
        bool overfull;            /* findings were dropped for want of room */
        bool keying;              /* what the culprit's key was used for is to be asked yet ... */
        uint64_t keyed;           /* ... by this batch */
        bool last;                /* it is the last look */
        bool logged;              /* a verdict has been written to the journal */
        bool own_unknown;         /* judged without knowing whose calls are the guard's */
        unsigned failures;        /* in a row */
        uint64_t round_boot;      /* when the last complete look began */
        uint64_t next_boot;       /* when this one has begun, or will */
        uint64_t settled_boot;    /* the verdict is looked at once more then */
        uint64_t named_boot;      /* since then a verdict waits to be told; 0: none does */
} Attribution;

/* What can be otherwise than it was: a setting, or a way by which records arrive. */
typedef enum ChangeKind {
        CHANGE_S3_BUCKET,
        CHANGE_S3_KEY_PREFIX,
        CHANGE_KMS_KEY,
        CHANGE_MULTI_REGION,
        CHANGE_ORGANIZATION,
        CHANGE_GLOBAL_SERVICE_EVENTS,
        CHANGE_LOG_FILE_VALIDATION,
        CHANGE_SNS_TOPIC,
        CHANGE_LOG_GROUP,
        CHANGE_LOG_ROLE,
        CHANGE_INSIGHTS,
        CHANGE_MANAGEMENT_EVENTS,
        CHANGE_DATA_EVENTS,
        CHANGE_LOG_FILES, /* the ways, from here on */
        CHANGE_DIGEST_FILES,
        CHANGE_CLOUDWATCH_LOGS,
        CHANGE_NOTIFICATIONS,
        CHANGE_LATE,
        _CHANGE_KIND_MAX,
        _CHANGE_KIND_INVALID = -EINVAL,
} ChangeKind;

const char *change_kind_to_string(ChangeKind k); /* "s3-bucket" */
ChangeKind change_kind_from_string(const char *s);

typedef struct Change {
        ChangeKind kind;
        Severity severity;
        char *before; /* in words; several lines for events */
        char *after;
        char *by; /* who did it, in a line, when that was known before others came; else NULL */
        bool declared; /* `before` is what the configuration says */
        bool undone;   /* as it was again, while others are not */
} Change;

typedef struct Changes {
        Change *items;
        size_t n;
} Changes;

void changes_done(Changes *c);

/* What there is to tell of several incidents at once. */
typedef struct SeriesSum {
        unsigned incidents;
        unsigned down;        /* outages that go on */
        unsigned held;        /* ... in maintenance */
        unsigned lasting;     /* ... longer than a restart takes */
        unsigned failing;     /* ... because their restart fails */
        unsigned unseen;      /* trails out of sight */
        unsigned undelivered; /* logging again, and no log files arrive */
        unsigned confirmed;   /* actor exact */
        unsigned ambiguous;
        unsigned nobody;    /* searched for in vain */
        unsigned searching; /* verdict or second look to come */
        unsigned pending;   /* ... no verdict yet */
        unsigned misused;
        unsigned corrected; /* verdicts that were told, and were wrong */
        unsigned unlike;    /* changes that are otherwise than the lead's, or by another caller */
        unsigned reasons;   /* bits of the error classes of failing restarts */
        unsigned severity;
        int64_t blind_msec; /* of what is over: a lower bound */
        int64_t first_msec;
        int64_t last_msec;
} SeriesSum;

typedef struct SeriesTrail {
        char *arn;
        unsigned incidents; /* of those that have left memory */
} SeriesTrail;

typedef struct SeriesActor {
        Finding culprit;
        unsigned incidents;
        unsigned maybe; /* incidents with several that fit */
} SeriesActor;

typedef struct SeriesRange {
        unsigned from, to; /* both included */
} SeriesRange;

/* What the first incident of a group remembers of all of them: finished ones leave memory. */
typedef struct Series {
        bool storm; /* of several trails */
        bool done;  /* all is told */
        bool ended; /* ... and that it is over, too */
        unsigned numbers;
        int64_t joined_msec; /* wall clock, when the last one joined */
        unsigned summaries;
        unsigned failing_peak; /* most that has been told at once */
        SeriesSum told;
        SeriesSum gone;            /* sum of those that have left memory ... */
        SeriesRange *gone_numbers; /* ... which are these, in order */
        size_t n_gone_numbers;
        SeriesTrail *trails;
        size_t n_trails;
        char **others; /* trails beyond those listed, by a digest of their ARN: none twice ... */
        size_t n_others;
        unsigned more_trails; /* ... and how many they are */
        SeriesActor *actors;  /* of those that have left memory */
        size_t n_actors;
        unsigned more_actors; /* incidents by others than those listed */
        char *last_id;
        /* Not stored: */
        SeriesSum now;
        size_t now_trails; /* that the last summary told of */
        size_t in_memory;
        uint64_t told_boot;
        uint64_t news_boot; /* 0: there is none */
        uint64_t loud_boot;
} Series;

typedef struct Incident {
        char id[33]; /* hex */
        IncidentKind kind;
        char *trail_arn; /* NULL for a notice */
        char *title;     /* of a notice: one line that reads on after "trailsentry: " */
        char *text;      /* ... and what there is to say beyond it; may be NULL */
        bool open;
        Severity severity;
        int64_t detected_msec;
        int64_t closed_msec;
        int64_t stop_msec;         /* StopLoggingTime that makes its id; 0: untimed */
        int64_t blind_from_msec;   /* StopLoggingTime, or last known good; a lower bound */
        int64_t blind_to_msec;     /* StartLoggingTime that ended it */
        int64_t stop_moved_msec;   /* a later StopLoggingTime within the same outage */
        int64_t known_start_msec;  /* StartLoggingTime before */
        int64_t known_stop_msec;   /* StopLoggingTime before that */
        int64_t last_logging_msec; /* last good poll that showed it logging */
        unsigned redundant_starts; /* OTHER_CONTROLLER */
        bool in_maintenance;       /* recorded only: not fought, not told */
        int64_t until_msec;        /* MAINTENANCE: its end */
        char *scope_arn;           /* ... its trail; NULL: every one. TOPIC_FAILING: its topic */
        unsigned n_recorded;       /* ... incidents in it */
        Restart restart;
        Delivering delivering;
        int64_t delivering_msec; /* wall clock, when that was seen */
        char *delivery_error;
        Changes changes;      /* DRIFT, DELIVERY */
        TrailSettings former; /* DRIFT, DELETED, RECREATED: what the trail was set to */
        char **resources;     /* ... what else than the trail may have been changed: ARNs, names */
        size_t n_resources;
        int64_t good_msec;  /* last seen as it was; 0: never */
        int64_t seen_msec;  /* last change first seen */
        bool between_looks; /* DRIFT: no look has seen it, Event history has: good_msec to seen_msec
                               are the calls that changed it, blind_to_msec is the one that
                               restored it */
        char *accepted_by;  /* who took the drift for the new baseline */
        char *announced_by; /* who set the MAINTENANCE; of others: the one that they came in */
        AwsError cause;     /* CANNOT_SEE, NOT_FOUND, DELETED */
        Attribution attribution;
        Message *messages;
        size_t n_messages;
        int64_t reminded_msec;
        unsigned reminders;
        bool owes_opening; /* the first message waits for what the restart does */
        char *group;       /* id of the incident that tells of this one; NULL when it does itself */
        unsigned number;   /* within the group, from 1 */
        Series *series;    /* of the one that tells, once it is not alone */
        /* Not stored: */
        struct Incident *lead;      /* itself when it tells; NULL before it has anything to tell */
        uint64_t quiet_boot;        /* at the lead: when none will be joined any more */
        uint64_t storm_boot;        /* ... until when it counts as just begun */
        size_t trail;               /* index, SIZE_MAX when no longer configured */
        uint64_t generation;        /* counts changes */
        uint64_t stored_generation; /* on disk */
        uint64_t asked_generation;  /* handed to the writer */
        int store_error;            /* -errno of the last failed store, 0 */
        uint64_t store_retry_boot;  /* after a failed store */
        uint64_t verify_until_boot; /* an accepted restart has to show by then */
        uint64_t opening_boot;      /* the message that is owed waits no longer */
} Incident;

void message_done(Message *m);
/* Why it is not on disk; error: -errno of a store. */
const char *store_error_words(int error);
/* NULL when the message does not go to this topic. */
Delivery *message_find_delivery(const Message *m, const char *topic_arn);
/* How many trails its incidents are of. */
size_t series_n_trails(const Series *s);
Series *series_free(Series *s);
DEFINE_CLEANUP(Series *, series_free)
Incident *incident_free(Incident *i);
DEFINE_CLEANUP(Incident *, incident_free)

/* Whether nothing more is to be done: closed, looked up, every message sent. */
bool incident_is_finished(const Incident *i);
/* The same, but for the last look at who did it, at the end of the search's time. */
bool incident_is_settled(const Incident *i);

/* The finding with a role, NULL when there is none. */
const Finding *incident_find_role(const Incident *i, Role role);
/* The next culprit: each of several changes may have one. */
const Finding *incident_next_culprit(const Incident *i, const Finding *f);
