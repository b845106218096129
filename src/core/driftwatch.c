/* SPDX-License-Identifier: Apache-2.0 */

/* When a trail's settings are read, and what follows from how they are: one incident a trail is
 * open as long as they are not as they were. Nothing is put back. CloudTrail is eventually
 * consistent, so that what has changed is believed when reads agree on it. */

#include "core/internal.h"

#include <stdio.h>
#include <syslog.h>

#include "base/mem.h"
#include "core/alerttext.h"

#define AGREEING_READS 2
#define UNLIKE_READS 6 /* in a row that are not as it was, and no two alike */
#define FAILING_READS 2
/* Somebody who changes settings to and fro is told as often; then reminders have the rest. */
#define UPDATES_MAX 10
/* Trails are first read so far apart, so that a fleet does not ask for all at once. */
#define FIRST_SPACING_USEC (200 * USEC_PER_MSEC)
#define BACKOFF_MAX 16
/* Calls of the time of an earlier baseline may be read so much later. */
#define EARLIER_MSEC (30 * MSEC_PER_MINUTE)

static const char *name(const Trail *t)
{
        return arn_trail_name(&t->arn);
}

void drift_begin(Core *c, Trail *t)
{
        uint64_t spread = MIN(c->policy.inspect_usec, c->n_trails * FIRST_SPACING_USEC);

        t->next_inspect_boot = c->now.boot_usec + core_random(c, spread);
        t->inspected_boot = c->now.boot_usec;
}

void drift_resume(Trail *t, Incident *i)
{
        if (i->kind == INCIDENT_UNINSPECTED) {
                t->uninspected = i;
        } else if (i->kind == INCIDENT_DRIFT) {
                t->drift = i;
                changes_digest(&i->changes, t->believed);
        } else {
                t->delivery = i;
                for (size_t k = 0; k < i->changes.n; k++)
                        if (i->changes.items[k].kind >= CHANGE_LOG_FILES)
                                t->ways[i->changes.items[k].kind - CHANGE_LOG_FILES].broken =
                                        !i->changes.items[k].undone;
        }
}

/* Event history shows when settings were read. Whoever could tell from that when they will be read
 * next would change them after each look and restore them before the next. */
static void schedule(Core *c, Trail *t)
{
        uint64_t interval = c->policy.inspect_usec;

        t->next_inspect_boot = c->now.boot_usec + interval / 2 + core_random(c, interval);
}

static void look_again_soon(const Core *c, Trail *t)
{
        t->next_inspect_boot =
                MIN(t->next_inspect_boot, c->now.boot_usec + c->policy.inspect_again_usec);
}

/* The first settings are taken for good, and each half by itself when one cannot be read. */
static void take_baseline(Core *c, Trail *t, const TrailSettings *s)
{
        TrailSettings *b = &t->memory.baseline;
        TrailSettings first = {
                .described = s->described && !b->described,
                .selected = s->selected && !b->selected,
                .description = s->description,
                .selectors = s->selectors,
        };
        StrBuf weak = STRBUF_INIT(2000);

        if (!first.described && !first.selected)
                return;
        trail_settings_update(b, &first);
        t->memory.baseline_msec = c->now.wall_msec;
        c->memory_dirty = true;
        core_log_trail(c, LOG_EVENT_BASELINE, LOG_INFO, t, NULL,
                       "%s: %s taken for the baseline: trailsentry baseline show", name(t),
                       first.described && first.selected ? "its settings are"
                       : first.selected                  ? "its event selectors are"
                                        : "its settings without event selectors are");
        drift_add_weaknesses(&first, &weak);
        char *rest = weak.data;
        for (char *line; (line = strsep(&rest, "\n"));)
                if (*line)
                        core_log_trail(c, LOG_EVENT_BASELINE, LOG_WARNING, t, NULL,
                                       "%s: weak from the first: %s", name(t), line);
        strbuf_done(&weak);
}

void drift_keep_earlier(const Core *c, Trail *t)
{
        t->rebased_msec = c->now.wall_msec;
        if (t->earlier_msec && t->rebased_msec < t->earlier_msec + EARLIER_MSEC)
                return;
        trail_settings_done(&t->earlier);
        trail_settings_update(&t->earlier, &t->memory.baseline);
        t->earlier_msec = t->rebased_msec;
}

/* What is better than before is what is to stay from now on. */
static void improve(Core *c, Trail *t)
{
        TrailSettings better = {};
        StrBuf words = STRBUF_INIT(1000);

        trail_settings_update(&better, &t->memory.baseline);
        bool any = drift_improve(&better, &t->config.expect, &t->found, &words);
        t->better = any ? t->better + 1 : 0;
        if (t->better >= AGREEING_READS) {
                drift_keep_earlier(c, t);
                trail_settings_done(&t->memory.baseline);
                t->memory.baseline = better;
                better = (TrailSettings){};
                t->better = 0;
                c->memory_dirty = true;
                core_log_trail(c, LOG_EVENT_BASELINE, LOG_NOTICE, t, NULL,
                               "%s: %sand that is the baseline from here on", name(t),
                               strbuf_str(&words));
        }
        trail_settings_done(&better);
        strbuf_done(&words);
}

/* unconfirmed: why no further look could confirm it; NULL when looks agree. */
static void open_drift(Core *c, Trail *t, Changes *now, const AwsError *unconfirmed)
{
        Severity severity = changes_severity(now);
        /* What Event history has is to be compared with them. */
        int64_t good = core_aws_msec(c, t->memory.inspected_msec);
        int64_t seen = core_aws_msec(c, t->doubted_drift_msec);

        t->drift = incident_open(c, t,
                                 &(IncidentFacts){.kind = INCIDENT_DRIFT,
                                                  .severity = severity,
                                                  .changes = now,
                                                  .cause = unconfirmed,
                                                  .good_msec = good,
                                                  .seen_msec = seen,
                                                  .blind_from_msec = good ? good : seen,
                                                  .id_time_msec = t->memory.start_msec,
                                                  .id_digest = t->doubted_drift});
}

static void change_drift(Core *c, Trail *t, Changes *now)
{
        Incident *i = t->drift;

        if (!incident_take_changes(c, i, now, core_aws_msec(c, t->doubted_drift_msec)))
                return;
        if (i->n_messages < UPDATES_MAX || i->severity > i->messages[i->n_messages - 1].severity)
                notify(c, i, PHASE_UPDATE);
}

/* What is believed from here on. */
static void conclude(Core *c, Trail *t, Changes *now, const AwsError *unconfirmed)
{
        bool gone = now->n == 0;

        if (gone && t->drift)
                incident_close(c, t->drift, core_aws_msec(c, c->now.wall_msec));
        else if (!gone && t->drift)
                change_drift(c, t, now);
        else if (!gone)
                open_drift(c, t, now, unconfirmed);
        memcpy(t->believed, t->doubted_drift, sizeof(t->believed));
        t->agreeing_drift = 0;
}

/* "As it was" is what a replica that lags says, too: it has to hold for a while. And who changes it
 * again before each look is not to be unseen because no two of them agree. */
static bool is_agreed(const Core *c, const Trail *t)
{
        bool agreeing = t->agreeing_drift >= AGREEING_READS;

        if (*t->doubted_drift)
                return agreeing || t->unlike_reads >= UNLIKE_READS;
        return agreeing && c->now.boot_usec >= t->doubted_drift_boot + c->policy.verify_within_usec;
}

/* Whether this run has read the half of the settings that it is of. */
static bool is_read(const Trail *t, ChangeKind k)
{
        return k == CHANGE_MANAGEMENT_EVENTS || k == CHANGE_DATA_EVENTS ? t->found.selected
                                                                        : t->found.described;
}

/* What an earlier run has told goes on until this one has read the half that it is of. */
static void keep_unread(const Trail *t, Changes *ret)
{
        for (size_t k = 0; t->drift && k < t->drift->changes.n; k++) {
                const Change *c = &t->drift->changes.items[k];

                if (c->undone || is_read(t, c->kind))
                        continue;
                Change *x = mem_push0(ret->items, ret->n);
                *x = *c;
                x->before = mem_strdup(c->before);
                x->after = mem_strdup(c->after);
                x->by = mem_strdup(c->by);
        }
}

static bool is_unconfirmed(const Trail *t)
{
        return t->drift && t->drift->cause.class != AWS_ERROR_NONE;
}

/* A look agrees with what one look alone has shown. */
static void confirm(Trail *t)
{
        if (!is_unconfirmed(t))
                return;
        t->drift->cause = (AwsError){};
        incident_touch(t->drift);
}

/* Changes that one look has shown, and that nothing has confirmed nor refuted for so long because
 * looks fail: somebody may see to it that they do. */
static void believe_unconfirmed(Core *c, Trail *t)
{
        _cleanup_(changes_done) Changes now = {};

        keep_unread(t, &now);
        drift_compare(&t->memory.baseline, &t->config.expect, &t->found, &now);
        conclude(c, t, &now, &t->inspect_error);
}

/* whole: both halves were read just now. */
static void judge(Core *c, Trail *t, int64_t asked_msec, bool whole)
{
        _cleanup_(changes_done) Changes now = {};
        char digest[DRIFT_DIGEST_SIZE];

        keep_unread(t, &now);
        drift_compare(&t->memory.baseline, &t->config.expect, &t->found, &now);
        changes_digest(&now, digest);
        if (streq(digest, t->believed)) {
                t->agreeing_drift = 0;
                confirm(t);
                if (now.n == 0) {
                        if (whole)
                                t->memory.inspected_msec = asked_msec;
                        improve(c, t);
                }
                return;
        }
        if (t->agreeing_drift == 0) {
                t->unlike_reads = 0;
                t->otherwise_boot = c->now.boot_usec;
        }
        t->unlike_reads = now.n > 0 ? t->unlike_reads + 1 : 0;
        if (t->agreeing_drift == 0 || !streq(digest, t->doubted_drift)) {
                memcpy(t->doubted_drift, digest, sizeof(digest));
                t->doubted_drift_msec = asked_msec;
                t->doubted_drift_boot = c->now.boot_usec;
                t->agreeing_drift = 0;
        }
        t->agreeing_drift++;
        if (is_agreed(c, t))
                conclude(c, t, &now, NULL);
        else
                look_again_soon(c, t);
}

/* Something is otherwise than is believed, and to be told unless it is refuted. */
static bool is_in_doubt(const Trail *t)
{
        return t->agreeing_drift > 0 && *t->doubted_drift;
}

static uint64_t unconfirmed_boot(const Core *c, const Trail *t)
{
        return is_in_doubt(t) && t->inspect_failures > 0
                       ? t->otherwise_boot + c->policy.inspect_doubt_usec
                       : USEC_INFINITY;
}

static void open_uninspected(Core *c, Trail *t, const Input *in)
{
        int64_t since = t->memory.inspected_msec ? t->memory.inspected_msec : c->begun_msec;
        AwsError cause = in->error;

        aws_error_set(&cause, in->error.class, in->error.code, "%s: %s", in->operation,
                      in->error.message);
        memcpy(cause.request_id, in->error.request_id, sizeof(cause.request_id));
        t->uninspected = incident_open(c, t,
                                       &(IncidentFacts){.kind = INCIDENT_UNINSPECTED,
                                                        .cause = &cause,
                                                        .blind_from_msec = since,
                                                        .id_time_msec = t->memory.start_msec,
                                                        .id_digest = in->operation});
}

/* A denial is told soon, since it stays; the rest when it lasts. A trail that is gone or not to be
 * seen at all has an incident of its own. */
static void on_failure(Core *c, Trail *t, const Input *in)
{
        AwsErrorClass class = in->error.class;
        bool lasts = class == AWS_ERROR_DENIED || class == AWS_ERROR_INVALID;

        if (class == AWS_ERROR_NOT_FOUND)
                return;
        t->inspect_failures++;
        t->inspect_error = in->error;
        if (is_in_doubt(t) || is_unconfirmed(t))
                t->next_inspect_boot = c->now.boot_usec + backoff_usec(c->policy.inspect_again_usec,
                                                                       c->policy.inspect_usec,
                                                                       t->inspect_failures);
        else if (class == AWS_ERROR_THROTTLED)
                t->next_inspect_boot =
                        c->now.boot_usec + backoff_usec(c->policy.inspect_usec,
                                                        BACKOFF_MAX * c->policy.inspect_usec,
                                                        t->inspect_failures);
        else if (lasts && t->inspect_failures < FAILING_READS)
                look_again_soon(c, t);
        if (t->uninspected || t->blind)
                return;
        if ((lasts && t->inspect_failures >= FAILING_READS) ||
            c->now.boot_usec >= t->inspected_boot + c->policy.inspect_patience_usec)
                open_uninspected(c, t, in);
}

void drift_forget(Core *c, Trail *t, Incident *i)
{
        if (i != t->drift && i != t->uninspected && i != t->delivery)
                return;
        configure_retire(c, i);
        t->drift = i == t->drift ? NULL : t->drift;
        t->uninspected = i == t->uninspected ? NULL : t->uninspected;
        t->delivery = i == t->delivery ? NULL : t->delivery;
}

const char *settings_half_operation(SettingsHalf half)
{
        return half == SETTINGS_OF_TRAIL ? "GetTrail" : "GetEventSelectors";
}

/* A trail that is gone, or out of sight, has an incident of its own that says so. */
static void note_read(Core *c, Trail *t, SettingsHalf half, bool read, const AwsError *error)
{
        SettingsRead *s = &t->settings_read[half];
        const char *operation = settings_half_operation(half);
        bool failed = s->error.class != AWS_ERROR_NONE;

        if (read) {
                if (failed)
                        core_log_trail(c, LOG_EVENT_SETTINGS_FAILED, LOG_NOTICE, t, NULL,
                                       "%s: %s succeeds again", name(t), operation);
                *s = (SettingsRead){.good_msec = c->now.wall_msec};
                return;
        }
        if (!error || error->class == AWS_ERROR_NONE)
                return;
        bool known = s->error.class == error->class && streq(s->error.code, error->code);
        s->error = *error;
        if (known || t->blind || error->class == AWS_ERROR_NOT_FOUND)
                return;
        _cleanup_free_ char *words = alert_error_words(error);
        core_log_trail(c, LOG_EVENT_SETTINGS_FAILED, LOG_WARNING, t, error,
                       "%s: %s failed, so that a change of its settings may go unseen: %s", name(t),
                       operation, words);
}

static void note_reads(Core *c, Trail *t, const Input *in)
{
        bool failed = in->error.class != AWS_ERROR_NONE;
        bool of_selectors = failed && streq(in->operation, "GetEventSelectors");

        note_read(c, t, SETTINGS_OF_TRAIL, in->settings->described,
                  failed && !of_selectors ? &in->error : NULL);
        note_read(c, t, SETTINGS_OF_SELECTORS, in->settings->selected,
                  of_selectors ? &in->error : in->selectors_error);
}

void drift_inspected(Core *c, Trail *t, const Input *in)
{
        t->inspecting = false;
        if (c->policy.inspect_usec == 0)
                return; /* switched off since it was asked */
        schedule(c, t);
        note_reads(c, t, in);
        if (in->error.class == AWS_ERROR_NONE) {
                t->inspect_failures = 0;
                t->inspected_boot = c->now.boot_usec;
                if (t->uninspected)
                        incident_close(c, t->uninspected, c->now.wall_msec);
        } else {
                on_failure(c, t, in);
        }
        if (in->settings->described || in->settings->selected) {
                trail_settings_update(&t->found, in->settings);
                take_baseline(c, t, in->settings);
                judge(c, t, in->asked_msec, in->error.class == AWS_ERROR_NONE);
        }
        search_settings_read(c, t);
}

static void accept(Core *c, Trail *t, const Input *in)
{
        _cleanup_(changes_done) Changes left = {};
        Incident *i = t->drift;

        drift_keep_earlier(c, t);
        trail_settings_update(&t->memory.baseline, &t->found);
        t->memory.baseline_msec = c->now.wall_msec;
        mem_strset(&t->memory.baseline_by, in->by);
        c->memory_dirty = true;
        core_log(c, LOG_EVENT_BASELINE, LOG_NOTICE, i, NULL,
                 "%s: its settings are accepted as the baseline, by %s", name(t), in->by);

        /* What the configuration says holds all the same. */
        drift_compare(&t->memory.baseline, &t->config.expect, &t->found, &left);
        t->agreeing_drift = 0;
        if (left.n > 0) {
                core_log(c, LOG_EVENT_BASELINE, LOG_WARNING, i, NULL,
                         "%s: what trailsentry.conf expects of it is not as expected still; change "
                         "it there",
                         name(t));
                (void)changes_merge(i, &left); /* nothing comes by being accepted */
                changes_digest(&i->changes, t->believed);
                incident_touch(i);
                return;
        }
        mem_strset(&i->accepted_by, in->by);
        *t->believed = '\0';
        t->memory.inspected_msec = c->now.wall_msec;
        incident_close(c, i, c->now.wall_msec);
}

const char *core_refuses_accept(const Core *c, size_t trail, const char *digest)
{
        const Trail *t = &c->trails[trail];
        char now[DRIFT_DIGEST_SIZE] = "";

        if (!t->drift)
                return "there is no drift to accept";
        if (t->agreeing_drift > 0)
                return "it changes just now, as far as the guard can see: ask again in a minute";
        changes_digest(&t->drift->changes, now);
        if (digest && !streq(digest, now))
                return "it has changed since it was looked at: look again (baseline diff)";
        for (size_t k = 0; k < t->drift->changes.n; k++)
                if (!t->drift->changes.items[k].undone &&
                    !is_read(t, t->drift->changes.items[k].kind))
                        return "its settings have not been read since the guard's start: ask again "
                               "in a minute";
        return NULL;
}

void drift_accept(Core *c, const Input *in)
{
        if (!core_refuses_accept(c, in->trail, in->digest))
                accept(c, &c->trails[in->trail], in);
}

void drift_tick(Core *c, Trail *t)
{
        if (unconfirmed_boot(c, t) <= c->now.boot_usec)
                believe_unconfirmed(c, t);
        if (t->inspecting || drift_next_boot(c, t) > c->now.boot_usec)
                return;
        t->inspecting = true;
        t->inspect_boot = c->now.boot_usec;
        core_emit(c, ACTION_INSPECT)->trail = (size_t)(t - c->trails);
}

uint64_t drift_next_boot(const Core *c, const Trail *t)
{
        uint64_t unconfirmed = unconfirmed_boot(c, t);

        if (t->inspecting || !t->good_this_run || c->policy.inspect_usec == 0)
                return unconfirmed;
        return MIN(unconfirmed, t->next_inspect_boot);
}
