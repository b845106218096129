/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/timeline.h"

#include <stdio.h>

#include "aws/arn.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "core/alerttext.h"

#define NOTE_MAX 8192 /* of 64 request ids */

const char *timeline_clock_name(TimelineClock c)
{
        static const char *const names[] = {
                [TIMELINE_GUARD] = "guard",
                [TIMELINE_AWS] = "AWS",
                [TIMELINE_HISTORY] = "history",
        };

        return names[c];
}

static void event_done(TimelineEvent *e)
{
        free(e->text);
        free(e->note);
}

/* Takes what e points to; what has no time has not happened. */
static void add(Timeline *t, TimelineEvent e)
{
        size_t at = t->n_events;

        if (e.msec == 0) {
                event_done(&e);
                return;
        }
        if (e.order_msec == 0)
                e.order_msec = e.msec;
        (void)mem_push0(t->events, t->n_events);
        for (; at > 0 && t->events[at - 1].order_msec > e.order_msec; at--)
                t->events[at] = t->events[at - 1];
        t->events[at] = e;
}

static void add_plain(Timeline *t, int64_t msec, TimelineClock clock, const char *text)
{
        add(t, (TimelineEvent){.msec = msec, .clock = clock, .text = mem_strdup(text)});
}

/* The trail itself */

static void add_outage(Timeline *t, const Incident *i)
{
        bool sight = i->kind == INCIDENT_CANNOT_SEE || i->kind == INCIDENT_NOT_FOUND;

        add_plain(t, i->last_logging_msec, TIMELINE_GUARD, "last seen logging");
        add(t, (TimelineEvent){.msec = i->stop_msec,
                               .clock = TIMELINE_AWS,
                               .weight = TIMELINE_BAD,
                               .text = mem_strdup("stopped (StopLoggingTime)")});
        if (i->kind == INCIDENT_CANNOT_SEE)
                add_plain(t, i->blind_from_msec, TIMELINE_GUARD, "last good poll");
        add(t, (TimelineEvent){.msec = i->stop_moved_msec,
                               .clock = TIMELINE_AWS,
                               .weight = TIMELINE_BAD,
                               .text = mem_strdup("stopped again while it was stopped")});
        add(t, (TimelineEvent){.msec = i->blind_to_msec,
                               .clock = sight ? TIMELINE_GUARD : TIMELINE_AWS,
                               .weight = TIMELINE_GOOD,
                               .text = mem_strdup(sight ? "seen again"
                                                        : "logging again (StartLoggingTime)")});
        add(t,
            (TimelineEvent){.msec = i->delivering_msec,
                            .weight = i->delivering == DELIVERING_NO ? TIMELINE_BAD : TIMELINE_GOOD,
                            .text = mem_strdup(i->delivering == DELIVERING_NO
                                                       ? "log files are NOT delivered"
                                                       : "log files are delivered again"),
                            .note = mem_strdup(i->delivery_error)});
}

static void add_detected(Timeline *t, const Incident *i)
{
        _cleanup_free_ char *cause = NULL;

        if (i->cause.class != AWS_ERROR_NONE)
                cause = alert_error_words(&i->cause);
        add(t, (TimelineEvent){.msec = i->detected_msec,
                               .weight = TIMELINE_BAD,
                               .text = mem_printf("detected: %s", incident_kind_to_string(i->kind)),
                               .note = TAKE_PTR(cause)});
}

static const char *closed_words(const Incident *i)
{
        if (incident_kind_is_notice(i->kind) || i->restart.state == RESTART_NOT_WANTED ||
            i->restart.state == RESTART_UNSEEN)
                return "closed";
        if (i->restart.state == RESTART_VERIFIED)
                return "closed: restart verified by GetTrailStatus";
        if (i->restart.state == RESTART_BY_OTHERS)
                return "closed: started by somebody else";
        return "closed: overtaken by another incident";
}

/* The guard */

static void add_restart(Timeline *t, const Incident *i)
{
        const Restart *r = &i->restart;
        _cleanup_strbuf_ StrBuf ids = STRBUF_INIT(NOTE_MAX);

        for (size_t k = 0; k < r->n_request_ids; k++)
                strbuf_addf(&ids, "%s%s", k > 0 ? ", " : "request id ", r->request_ids[k]);
        add_plain(t, r->requested_msec, TIMELINE_GUARD, "StartLogging requested");
        add(t, (TimelineEvent){.msec = r->accepted_msec,
                               .text = mem_strdup("StartLogging accepted"),
                               .note = ids.len > 0 ? mem_strdup(strbuf_str(&ids)) : NULL});
}

static const char *topic_name(const char *arn)
{
        const char *colon = strrchr(arn, ':');

        return colon ? colon + 1 : arn;
}

/* One event for each topic, since each has its own time. */
static void add_message(Timeline *t, const Message *m)
{
        for (size_t k = 0; k < m->n_deliveries; k++) {
                const Delivery *d = &m->deliveries[k];
                const char *phase = phase_to_string(m->phase), *topic = topic_name(d->topic_arn);
                char *note = isempty(d->message_id)
                                     ? mem_strdup(m->subject)
                                     : mem_printf("SNS message id %s", d->message_id);

                if (d->sent)
                        add(t, (TimelineEvent){
                                       .msec = d->sent_msec ? d->sent_msec : m->created_msec,
                                       .text = mem_printf("alert %u %s %s %s", m->sequence, phase,
                                                          d->sent_msec ? "sent to"
                                                                       : "made, and sent later, to",
                                                          topic),
                                       .note = note});
                else
                        add(t, (TimelineEvent){.msec = m->created_msec,
                                               .weight = TIMELINE_BAD,
                                               .text = mem_printf("alert %u %s made, NOT SENT to "
                                                                  "%s",
                                                                  m->sequence, phase, topic),
                                               .note = note});
        }
}

/* Event history */

/* A record tells the second only. Within it, the stop was that call, and a start ends it. */
static int64_t order_of(const Finding *f, int64_t stop_msec)
{
        int64_t msec = f->record.time_msec;

        switch (f->role) {
        case ROLE_CULPRIT:
        case ROLE_OWN_MISUSED:
                return msec / MSEC_PER_SEC == stop_msec / MSEC_PER_SEC ? stop_msec : msec;
        case ROLE_OWN:
        case ROLE_OWN_UNREMEMBERED:
        case ROLE_STARTER:
                return msec + MSEC_PER_SEC - 1;
        default:
                return msec;
        }
}

static void add_finding(Timeline *t, const Incident *i, const Finding *f)
{
        const CloudTrailRecord *r = &f->record;
        _cleanup_free_ char *name = identity_display_name(&r->identity);
        bool own = f->role == ROLE_OWN || f->role == ROLE_OWN_UNREMEMBERED;
        bool bad = f->role == ROLE_CULPRIT || f->role == ROLE_OWN_MISUSED;

        if (f->role == ROLE_CULPRIT)
                add(t, (TimelineEvent){.msec = r->identity.session_created_msec,
                                       .clock = TIMELINE_HISTORY,
                                       .text = mem_printf("session of %s began", name)});
        add(t,
            (TimelineEvent){
                    .msec = r->time_msec,
                    .clock = TIMELINE_HISTORY,
                    .order_msec = order_of(f, i->stop_msec),
                    .weight = bad ? TIMELINE_BAD : TIMELINE_PLAIN,
                    .text = mem_printf("%s%s%s by %s (%s)", strempty(r->event_name),
                                       r->error_code ? " refused: " : "", strempty(r->error_code),
                                       own ? "this guard" : name, role_to_string(f->role)),
                    .note = mem_printf("%s%s%sevent id %s", own ? "" : "from ",
                                       own            ? ""
                                       : r->source_ip ? r->source_ip
                                                      : "an unknown "
                                                        "address",
                                       own ? "" : ", ", r->event_id ? r->event_id : "unknown")});
}

static void add_actor(Timeline *t, const Incident *i)
{
        const Attribution *a = &i->attribution;
        const Finding *f = incident_find_role(i, ROLE_CULPRIT);
        _cleanup_free_ char *name = f ? identity_display_name(&f->record.identity) : NULL;

        add(t, (TimelineEvent){.msec = a->found_msec,
                               .text = name ? mem_printf("found in Event history: %s (%s)", name,
                                                         confidence_to_string(a->confidence))
                                            : mem_strdup("found in Event history: several calls "
                                                         "fit")});
}

Timeline timeline_make(const Incident *i)
{
        Timeline t = {.anchor_msec = i->stop_msec ? i->stop_msec : i->detected_msec};

        add_outage(&t, i);
        add_detected(&t, i);
        add_restart(&t, i);
        for (size_t k = 0; k < i->attribution.n_findings; k++)
                add_finding(&t, i, &i->attribution.findings[k]);
        add_actor(&t, i);
        add(&t, (TimelineEvent){.msec = i->closed_msec,
                                .weight = TIMELINE_GOOD,
                                .text = mem_strdup(closed_words(i))});
        for (size_t k = 0; k < i->n_messages; k++)
                add_message(&t, &i->messages[k]);
        return t;
}

void timeline_done(Timeline *t)
{
        for (size_t k = 0; k < t->n_events; k++)
                event_done(&t->events[k]);
        free(t->events);
        *t = (Timeline){};
}

const char *timeline_offset(const Timeline *t, const TimelineEvent *e, char buf[static 80])
{
        bool seconds = e->clock == TIMELINE_HISTORY;
        int64_t unit = seconds ? MSEC_PER_SEC : 1;
        int64_t msec = (e->msec / unit - t->anchor_msec / unit) * unit;
        uint64_t size = (uint64_t)(msec < 0 ? -msec : msec);
        char sign = msec < 0 ? '-' : '+', duration[TIMEFMT_MAX];

        if (size >= (uint64_t)MSEC_PER_MINUTE)
                (void)snprintf(buf, 80, "%c%s", sign, timefmt_duration((int64_t)size, duration));
        else if (seconds)
                (void)snprintf(buf, 80, "%c%u s", sign, (unsigned)(size / MSEC_PER_SEC));
        else
                (void)snprintf(buf, 80, "%c%u.%03u s", sign, (unsigned)(size / MSEC_PER_SEC),
                               (unsigned)(size % MSEC_PER_SEC));
        return buf;
}
