/* SPDX-License-Identifier: Apache-2.0 */

#include "core/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "aws/digest.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/compact.h"
#include "core/findings.h"

#define LEDGER_SLACK_MSEC MSEC_PER_MINUTE
/* A wall clock that gains or loses more between two steps has been set. */
#define CLOCK_STEP_MSEC (2 * MSEC_PER_SEC)
/* Below that, two clocks are the same: an answer's Date has whole seconds, and took its time. */
#define CLOCK_NOISE_MSEC (3 * MSEC_PER_SEC)
/* So long behind what was due, nothing has run. */
#define STANDSTILL_USEC (10 * USEC_PER_SEC)

void actions_done(Actions *a)
{
        for (size_t i = 0; i < a->n; i++)
                free(a->items[i].text);
        free(a->items);
        *a = (Actions){};
}

Action *core_emit(Core *c, ActionKind kind)
{
        Action *a = mem_push0(c->out->items, c->out->n);

        a->kind = kind;
        a->trail = SIZE_MAX;
        return a;
}

static void log_v(Core *c, LogEvent event, int priority, const AwsError *error, const char *fmt,
                  va_list ap) _printf_(5, 0);
static void log_v(Core *c, LogEvent event, int priority, const AwsError *error, const char *fmt,
                  va_list ap)
{
        Action *a = core_emit(c, ACTION_LOG);
        char text[1024];

        (void)vsnprintf(text, sizeof(text), fmt, ap); /* a longer line is cut */
        a->event = event;
        a->priority = priority;
        a->text = escape_text(text, sizeof(text));
        if (error)
                a->error = *error;
}

void core_log(Core *c, LogEvent event, int priority, const Incident *i, const AwsError *error,
              const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        log_v(c, event, priority, error, fmt, ap);
        va_end(ap);
        c->out->items[c->out->n - 1].incident = i;
        c->out->items[c->out->n - 1].trail = i->trail;
}

void core_log_trail(Core *c, LogEvent event, int priority, const Trail *t, const AwsError *error,
                    const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        log_v(c, event, priority, error, fmt, ap);
        va_end(ap);
        c->out->items[c->out->n - 1].trail = (size_t)(t - c->trails);
}

void core_log_guard(Core *c, LogEvent event, int priority, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        log_v(c, event, priority, NULL, fmt, ap);
        va_end(ap);
}

Trail *core_find_trail(Core *c, const char *arn)
{
        for (size_t i = 0; i < c->n_trails; i++)
                if (streq(c->trails[i].config.arn, arn))
                        return &c->trails[i];
        return NULL;
}

Incident *core_find_incident(Core *c, const char *id)
{
        for (size_t i = 0; i < c->n_incidents; i++)
                if (streq(c->incidents[i]->id, id))
                        return c->incidents[i];
        return NULL;
}

void core_note_finished(Core *c, const char *id)
{
        if (!c->finished)
                c->finished = mem_realloc_array(NULL, CORE_FINISHED_MAX, sizeof(c->finished[0]));
        (void)snprintf(c->finished[c->n_finished++ % CORE_FINISHED_MAX], sizeof(c->finished[0]),
                       "%s", id);
}

bool core_knows_finished(const Core *c, const char *id)
{
        for (size_t i = 0; i < MIN(c->n_finished, (size_t)CORE_FINISHED_MAX); i++)
                if (streq(c->finished[i], id))
                        return true;
        return false;
}

void core_put_away(Core *c, Incident *i)
{
        core_note_finished(c, i->id);
        group_forget(c, i);
        *mem_push0(c->put_away, c->n_put_away) = mem_strdup(i->id);
        incident_free(i);
}

/* After its leader, which counts it from here on, has been asked to be stored. */
static void archive(Core *c)
{
        for (size_t k = 0; k < c->n_put_away; k++)
                core_emit(c, ACTION_ARCHIVE)->text = c->put_away[k];
        free(c->put_away);
        c->put_away = NULL;
        c->n_put_away = 0;
}

void core_remember_request(Core *c, const Trail *t, const LedgerEntry *e)
{
        LedgerEntry *to = &c->ledger[c->n_ledger++ % CORE_LEDGER_MAX];

        *to = *e;
        to->trail = t ? t->key : 0;
}

/* The answer follows the start within the call's time-out, and its Date is in whole seconds. */
bool core_started(const Core *c, const Trail *t, int64_t start_msec)
{
        for (size_t i = 0; i < MIN(c->n_ledger, (size_t)CORE_LEDGER_MAX); i++) {
                const LedgerEntry *e = &c->ledger[i];

                if (e->trail == t->key && e->answer_msec &&
                    start_msec >= e->answer_msec - 6 * MSEC_PER_SEC &&
                    start_msec <= e->answer_msec + MSEC_PER_SEC)
                        return true;
        }
        return false;
}

/* Near a call of ours: one that the client sent twice, or that was never answered. */
static bool is_near(int64_t a, int64_t b, int64_t slack_msec)
{
        return a - b < slack_msec && b - a < slack_msec;
}

/* The same moment by AWS's clock and by ours. The other half is for a call that is noted when
 * nobody waits for its answer any more. */
static void compare_clock(Core *c, int64_t aws_msec, int64_t wall_msec)
{
        c->clock_doubtful =
                c->clock_doubtful || !is_near(aws_msec, wall_msec, LEDGER_SLACK_MSEC / 2);
}

/* A moment of ours by AWS's clock, as its records and times have it; 0 stays 0. */
int64_t core_aws_msec(const Core *c, int64_t wall_msec)
{
        return wall_msec ? wall_msec + c->aws_ahead_msec : 0;
}

/* An answer's Date has whole seconds. */
static void measure_clock(Core *c, int64_t aws_msec, int64_t wall_msec)
{
        compare_clock(c, aws_msec, wall_msec);
        c->aws_ahead_msec =
                is_near(aws_msec, wall_msec, CLOCK_NOISE_MSEC) ? 0 : aws_msec - wall_msec;
}

/* The process was stopped, or its machine slept: what did not happen meanwhile is nobody else's
 * fault. */
static void note_standstill(Core *c, Now now)
{
        uint64_t due = c->now.boot_usec + STANDSTILL_USEC;
        char took[TIMEFMT_MAX];

        if (!c->now.boot_usec || now.boot_usec < due)
                return;
        due = MAX(due, core_next_boot(c) + STANDSTILL_USEC);
        if (now.boot_usec < due)
                return;
        timefmt_duration((int64_t)((now.boot_usec - due + STANDSTILL_USEC) / USEC_PER_MSEC), took);
        aws_error_set(&c->standstill, AWS_ERROR_NETWORK, AWS_ERROR_CODE_DID_NOT_RUN,
                      "this guard did not run for %s or longer (its process was stopped, or its "
                      "machine slept)",
                      took);
        c->standstill_boot = now.boot_usec;
        core_log_guard(c, LOG_EVENT_NOTICE, LOG_WARNING, "%s: nothing was polled in that time",
                       c->standstill.message);
}

OwnCall core_own_start(const Core *c, const CloudTrailRecord *r)
{
        bool near = c->clock_doubtful || r->time_msec < c->begun_msec + LEDGER_SLACK_MSEC;

        for (size_t i = 0; i < MIN(c->n_ledger, (size_t)CORE_LEDGER_MAX); i++) {
                const LedgerEntry *e = &c->ledger[i];

                if (*e->request_id && streq_ptr(e->request_id, r->request_id))
                        return OWN_CALL_YES;
                near = near || is_near(e->msec, r->time_msec, LEDGER_SLACK_MSEC);
        }
        if (c->n_ledger >= CORE_LEDGER_MAX &&
            r->time_msec < c->ledger[c->n_ledger % CORE_LEDGER_MAX].msec)
                near = true; /* older than the ledger reaches */
        return near ? OWN_CALL_MAYBE : OWN_CALL_NO;
}

uint64_t backoff_usec(uint64_t base, uint64_t max, unsigned failures)
{
        uint64_t d = base;

        for (unsigned i = 1; i < failures && d < max; i++)
                d *= 2;
        return MIN(d, max);
}

uint64_t core_random(Core *c, uint64_t below)
{
        const uint64_t block[] = {c->seed[0], c->seed[1], c->n_drawn++};
        uint8_t digest[DIGEST_SIZE];
        uint64_t v;

        digest_sha256(block, sizeof(block), digest);
        memcpy(&v, digest, sizeof(v));
        return below > 0 ? v % below : 0;
}

Core *core_new(const CoreConfig *config, Now now)
{
        Core *c = mem_new0(Core);

        c->hostname = mem_strdup(strempty(config->hostname));
        memcpy(c->seed, config->seed, sizeof(c->seed));
        c->now = now;
        c->begun_msec = now.wall_msec;
        c->begun_boot = now.boot_usec;
        c->findings_share = compact_findings_share(0);
        c->next_heartbeat_boot = now.boot_usec;
        c->next_memory_boot = now.boot_usec + config->policy->memory_store_usec;
        c->ledger = mem_alloc0(CORE_LEDGER_MAX * sizeof(c->ledger[0]));
        configure(c, config);
        return c;
}

Core *core_free(Core *c)
{
        if (!c)
                return NULL;

        configure_done(c);
        for (size_t i = 0; i < c->n_incidents; i++)
                incident_free(c->incidents[i]);
        free(c->incidents);
        free(c->finished);
        mem_free_strv(c->put_away, c->n_put_away);
        free(c->ledger);
        free(c->hostname);
        labels_done(&c->labels);
        free(c);
        return NULL;
}

/* Memory is shared among the incidents that there are. */
static void bound_memory(Core *c)
{
        size_t share = compact_findings_share(c->n_incidents);

        for (size_t i = 0; i < c->n_incidents && share < c->findings_share; i++)
                findings_shrink(c->incidents[i], share);
        c->findings_share = share;
        for (size_t i = 0; i < c->n_incidents; i++)
                if (c->incidents[i]->generation != c->incidents[i]->asked_generation)
                        incident_compact(c->incidents[i]);
}

/* Promise 1: nothing stands before a StartLogging, whatever was decided first. */
static void put_restarts_first(Actions *a)
{
        size_t first = 0;

        for (size_t i = 0; i < a->n; i++) {
                if (a->items[i].kind != ACTION_START_LOGGING)
                        continue;
                Action restart = a->items[i];
                memmove(&a->items[first + 1], &a->items[first], (i - first) * sizeof(Action));
                a->items[first++] = restart;
        }
}

static void drop_finished(Core *c)
{
        for (size_t i = 0; i < c->n_incidents;) {
                Incident *x = c->incidents[i];

                if (!incident_is_finished(x) || x->stored_generation != x->generation ||
                    group_keeps(c, x)) {
                        i++;
                        continue;
                }
                c->incidents[i] = c->incidents[--c->n_incidents];
                core_put_away(c, x);
        }
}

/* What is known before the memories are there is not what is to be known. */
static void store_memory(Core *c)
{
        if (!c->memory_dirty && c->now.boot_usec < c->next_memory_boot)
                return;
        c->next_memory_boot = c->now.boot_usec + c->policy.memory_store_usec;
        if (c->history == HISTORY_AWAITED)
                return;
        c->memory_dirty = false;
        core_emit(c, ACTION_STORE_MEMORY);
}

static void identify(Core *c, const Input *in)
{
        if (in->account >= c->n_identities)
                return;
        mem_strset(&c->identities[in->account], in->identity_arn);
        search_identified(c, in->account);
}

/* Deadlines by the wall clock move with it when it is set, and so does what was seen by it. */
static void follow_clock(Core *c, Now now)
{
        int64_t passed = (int64_t)((now.boot_usec - c->now.boot_usec) / USEC_PER_MSEC);
        int64_t by = now.wall_msec - c->now.wall_msec - passed;

        if (by < CLOCK_STEP_MSEC && by > -CLOCK_STEP_MSEC)
                return;
        /* Which of the two was right is not known, nor when a call of ours was by AWS's clock. */
        compare_clock(c, by, 0);
        c->aws_ahead_msec =
                is_near(c->aws_ahead_msec, by, CLOCK_NOISE_MSEC) ? 0 : c->aws_ahead_msec - by;
        c->begun_msec += by;
        for (size_t i = 0; i < c->n_ledger && i < CORE_LEDGER_MAX; i++)
                c->ledger[i].msec += by;
        for (size_t i = 0; i < c->n_trails; i++)
                trail_follow_clock(&c->trails[i], by);
        for (size_t i = 0; i < c->n_incidents; i++) {
                c->incidents[i]->reminded_msec += by;
                c->incidents[i]->attribution.begun_msec += by;
                if (c->incidents[i]->attribution.found_msec)
                        c->incidents[i]->attribution.found_msec += by;
                /* A window ends when it was said to, or sooner: it is never made longer. */
                if (c->incidents[i]->until_msec && by < 0)
                        c->incidents[i]->until_msec += by;
        }
}

void core_step(Core *c, const Input *in, Now now, Actions *ret)
{
        c->out = ret;
        group_settle(c);
        resume_settle(c);
        drop_finished(c);
        follow_clock(c, now);
        Incident *i = in->incident ? core_find_incident(c, in->incident) : NULL;
        Trail *t = in->trail < c->n_trails ? &c->trails[in->trail] : NULL;

        note_standstill(c, now);
        c->now = now;

        if (in->aws_msec)
                measure_clock(c, in->aws_msec, now.wall_msec);
        if (c->n_remembered > 0)
                configure_compare_memory(c);
        if (in->kind == INPUT_POLLED && t)
                trail_polled(c, t, in);
        else if (in->kind == INPUT_STARTED && t)
                restart_answered(c, t, in);
        else if (in->kind == INPUT_FOUND)
                lookup_found(c, in);
        else if ((in->kind == INPUT_STORED || in->kind == INPUT_STORE_FAILED) && i)
                notify_stored(c, i, in);
        else if (in->kind == INPUT_SENT && i)
                notify_sent(c, i, in);
        else if (in->kind == INPUT_INSPECTED && t)
                drift_inspected(c, t, in);
        else if (in->kind == INPUT_ACCEPT && t)
                drift_accept(c, in);
        else if (in->kind == INPUT_IDENTITY)
                identify(c, in);
        else if (in->kind == INPUT_RECONFIGURE && in->config)
                reconfigure(c, in->config);
        else if (in->kind == INPUT_MAINTENANCE_START && in->maintenance)
                maintenance_start(c, in->maintenance);
        else if (in->kind == INPUT_MAINTENANCE_STOP && in->maintenance)
                maintenance_stop(c, in->maintenance);
        else if (in->kind == INPUT_RESTORED && in->report)
                resume_restored(c, in->report);

        maintenance_tick(c);
        for (size_t k = 0; k < c->n_trails; k++)
                trail_tick(c, &c->trails[k]);
        topic_tick(c);
        for (size_t k = 0; k < c->n_incidents; k++)
                incident_tick(c, c->incidents[k]);
        lookup_tick(c);
        group_tick(c);
        bound_memory(c);
        for (size_t k = 0; k < c->n_incidents; k++) {
                notify_store(c, c->incidents[k]);
                notify_send(c, c->incidents[k]);
        }
        archive(c);
        heartbeat_tick(c);
        store_memory(c);
        put_restarts_first(ret);
        c->out = NULL;
}

uint64_t core_next_boot(const Core *c)
{
        uint64_t next =
                MIN(MIN(heartbeat_next_boot(c), c->next_memory_boot), maintenance_next_boot(c));

        next = MIN(next, MIN(lookup_next_boot(c), group_next_boot(c)));
        for (size_t i = 0; i < c->n_trails; i++)
                next = MIN(next, trail_next_boot(c, &c->trails[i]));
        for (size_t i = 0; i < c->n_topics; i++)
                next = MIN(next, topic_next_boot(c, &c->topics[i]));
        for (size_t i = 0; i < c->n_incidents; i++)
                next = MIN(next, incident_next_boot(c, c->incidents[i]));
        return next;
}

const char *core_overdue(const Core *c, Now now)
{
        const uint64_t grace = c->policy.overdue_usec;

        for (size_t i = 0; i < c->n_trails; i++) {
                const Trail *t = &c->trails[i];

                if (t->polling && now.boot_usec > t->poll_boot + grace)
                        return "a poll has not ended by its deadline";
                if (!t->polling && now.boot_usec > t->next_poll_boot + grace)
                        return "a trail is overdue to be polled";
                if (t->inspecting && now.boot_usec > t->inspect_boot + grace)
                        return "a look at a trail's settings has not ended by its deadline";
                if (t->starting && now.boot_usec > t->start_boot + grace)
                        return "a StartLogging has not ended by its deadline";
        }
        return NULL;
}

size_t core_n_trails(const Core *c)
{
        return c->n_trails;
}

const TrailConfig *core_trail_config(const Core *c, size_t trail)
{
        return &c->trails[trail].config;
}

const TrailMemory *core_trail_memory(const Core *c, size_t trail)
{
        return &c->trails[trail].memory;
}

const AwsError *core_trail_error(const Core *c, size_t trail)
{
        return &c->trails[trail].error;
}

int64_t core_next_poll_msec(const Core *c, size_t trail)
{
        const Trail *t = &c->trails[trail];
        uint64_t next = t->polling ? c->now.boot_usec : MAX(t->next_poll_boot, c->now.boot_usec);

        return c->now.wall_msec + (int64_t)((next - c->now.boot_usec) / USEC_PER_MSEC);
}

const SettingsRead *core_settings_read(const Core *c, size_t trail, SettingsHalf half)
{
        return &c->trails[trail].settings_read[half];
}

const Incident *core_trail_incident(const Core *c, size_t trail)
{
        const Trail *t = &c->trails[trail];
        const Incident *worst = t->stop ? t->stop : t->blind;

        /* That it is down or unseen comes first. What is over may be open all the same, until all
         * of it is told. */
        for (size_t k = 0; !(t->stop || t->blind) && k < c->n_incidents; k++)
                if (c->incidents[k]->open && c->incidents[k]->trail == trail &&
                    (!worst || c->incidents[k]->severity > worst->severity))
                        worst = c->incidents[k];
        return worst;
}

size_t core_n_incidents(const Core *c)
{
        return c->n_incidents;
}

const Incident *core_incident(const Core *c, size_t i)
{
        return c->incidents[i];
}
