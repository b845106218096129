/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the manager share; nobody else includes this. */

#include "core/core.h"
#include "daemon/conf.h"
#include "daemon/manager.h"
#include "daemon/network.h"
#include "daemon/request.h"
#include "daemon/spool.h"

typedef enum CallKind {
        CALL_POLL,
        CALL_START,
        CALL_LOOKUP,
        CALL_SEND,
        CALL_IDENTITY,
        CALL_HEARTBEAT,
        CALL_GET_TRAIL, /* and then ... */
        CALL_GET_EVENT_SELECTORS,
} CallKind;

/* One call in flight and whom its answer is for. */
typedef struct Call Call;
struct Call {
        Manager *manager;
        Call *next, *prev;
        CallKind kind;
        size_t trail; /* SIZE_MAX: of none, or of one that is guarded no more */
        char incident[33];
        uint64_t batch; /* of a look-up */
        unsigned sequence;
        char *topic_arn;
        size_t account;
        Network *network; /* that it is made on */
        int64_t asked_msec;
        TrailSettings settings; /* GET_TRAIL, GET_EVENT_SELECTORS: as far as they are known */
        AwsError failure;       /* ... the first */
        const char *failed;     /* ... of this operation; NULL without one */
        AwsCall *aws;
};

struct Manager {
        sd_event *event;
        Notifier *notifier; /* borrowed */
        sd_event_source *core_timer;
        sd_event_source *watchdog_timer;
        unsigned overdue_looks; /* of it, in a row, that found something overdue */
        sd_event_source *report_timer;
        sd_event_source *identity_timer;
        sd_event_source *reload_signal;
        sd_event_source *memory_timer;
        sd_event_source *state_timer; /* until the stored state is had, or given up on */
        uint64_t memory_next_usec;    /* boottime: trails.json is not written before */
        Conf *conf;
        Network *network;
        Network *old_networks; /* of configurations before, with calls under way */
        Spool *spool;
        Requests *requests; /* NULL where the folder cannot be used */
        Core *core;
        Call *calls;
        TrailAnswer *answers; /* of each trail's last good poll */
        size_t n_answers;
        char **identities; /* own ARN of each account, NULL until known */
        char *hostname;
        char *config_path;
        char *status_path;
        char *state_directory;
        char *config_error; /* why the last reload was refused; NULL when it was not */
        char *state_error;  /* last failure of the spool; NULL while it works */
        uint64_t state_progress;
        uint64_t state_begun_usec; /* boottime, as the next one */
        uint64_t state_moved_usec; /* the progress */
        bool state_kept;           /* there is or was stored state in the folder */
        bool state_had;            /* ... and the core has it */
        bool ready;                /* as the service manager has been told */
        bool begun;
        char *status_error; /* of the status file, likewise */
        int64_t started_msec;
        unsigned time_scale;
        bool stopping;
        bool memory_failed;
        bool heartbeat_failed;
        AwsError heartbeat_error;        /* of the last one */
        int64_t heartbeat_accepted_msec; /* when CloudWatch last took one; 0: not in this run */
        unsigned n_heartbeat;
        size_t *heartbeat; /* trails of the step under way */
};

Now manager_now(Manager *m);
void manager_step(Manager *m, const Input *in);

/* calls.c */
void calls_poll(Manager *m, size_t trail);
void calls_start_logging(Manager *m, size_t trail);
void calls_inspect(Manager *m, size_t trail);
void calls_lookup(Manager *m, const Action *a);
void calls_send(Manager *m, const Action *a);
void calls_identity(Manager *m, size_t account);
void calls_heartbeat(Manager *m, const size_t *trails, size_t n);
void calls_cancel_all(Manager *m);
void calls_forget_answers(Manager *m, size_t n_trails); /* there are so many from here on */
void calls_follow(Manager *m, const Conf *conf); /* the trails' places in conf become theirs */

/* setup.c: the configuration, at the start and when it is read again. */
int setup_begin(Manager *m) _must_check_; /* -errno as manager_new() */
void setup_reload(Manager *m);            /* the new file whole, or the old one and the reason */
void setup_sweep(Manager *m);             /* frees old networks without calls; not from a call */

/* state.c */
int state_begin(Manager *m) _must_check_;
void state_store_memory(Manager *m); /* within a second */
void state_store_incident(Manager *m, const Incident *i, uint64_t generation);
/* What a disk that failed has not taken yet, and what is known. */
void state_store_last(Manager *m);

/* operator.c: a RequestHandler. */
int operator_asks(void *userdata, const char *who, const json_t *request, char **ret_text);

/* journal.c */
void journal_action(Manager *m, const Action *a);
void journal_daemon(const char *message_id, int priority, const char *fmt, ...) _printf_(3, 4);
extern const char *const journal_id_started;
extern const char *const journal_id_stopped;
extern const char *const journal_id_state_corrupt;
extern const char *const journal_id_configuration;
extern const char *const journal_id_asked;
extern const char *const journal_id_records_lost;
extern const char *const journal_id_reloaded;
extern const char *const journal_id_reload_refused;

/* report.c: status file and STATUS=. */
void report_changed(Manager *m); /* written within a second */
void report_write(Manager *m);
