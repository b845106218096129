/* SPDX-License-Identifier: Apache-2.0 */

/* Approved maintenance: for a time that the operator set, what is changed at a trail is seen and
 * recorded, but not fought and not told one by one. It begins and ends with a notice to everybody,
 * so that nobody blinds the guard with it in silence; what is left stopped when it ends is acted
 * on and told then. A window is an incident without a trail: it is stored, and outlives the
 * daemon, as those do. */

#include "core/internal.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/alertpart.h"
#include "core/alerttext.h"

#define RECORDED_TEXT_MAX 16384
#define WORDS_MAX 500

static bool is_window(const Incident *i)
{
        return i->kind == INCIDENT_MAINTENANCE && i->open;
}

static bool window_covers(const Incident *w, const char *trail_arn)
{
        return is_window(w) && (!w->scope_arn || streq(w->scope_arn, trail_arn));
}

/* Another than this one; NULL: any. */
static Incident *find_window(const Core *c, const char *trail_arn, const Incident *but)
{
        for (size_t k = 0; c->n_windows > 0 && k < c->n_incidents; k++)
                if (c->incidents[k] != but && window_covers(c->incidents[k], trail_arn))
                        return c->incidents[k];
        return NULL;
}

bool maintenance_covers(const Core *c, const Trail *t)
{
        return find_window(c, t->config.arn, NULL) != NULL;
}

/* "maintenance of trail X", "maintenance of all trails" */
static char *window_name(const char *scope_arn)
{
        Arn a;
        const char *why;

        if (!scope_arn)
                return mem_strdup("maintenance of all trails");
        if (arn_parse_trail(scope_arn, &a, &why) < 0)
                return mem_printf("maintenance of %s", scope_arn);
        return mem_printf("maintenance of trail %s", arn_trail_name(&a));
}

static char *window_text(const MaintenanceRequest *m)
{
        StrBuf b = STRBUF_INIT(RECORDED_TEXT_MAX);
        _cleanup_facts_ Facts f = {};
        char *text;

        facts_text(&f, FACT_OVERVIEW, "Trails",
                   m->trail_arn ? m->trail_arn : "all that this guard has");
        facts_text(&f, FACT_OVERVIEW, "Reason", m->reason);
        facts_text(&f, FACT_OVERVIEW, "Set by", m->who);
        facts_print(&f, FACT_OVERVIEW, &b);
        text = mem_strdup(strbuf_str(&b));
        strbuf_done(&b);
        return text;
}

/* What is open already when it begins belongs to it: nobody goes on fighting it. */
static void adopt(Core *c, Incident *w)
{
        for (size_t k = 0; k < c->n_trails; k++) {
                Incident *i = c->trails[k].stop;

                if (!i || i->in_maintenance || !window_covers(w, c->trails[k].config.arn))
                        continue;
                maintenance_record(c, &c->trails[k], i);
                free(TAKE_PTR(i->announced_by)); /* it came before that */
        }
}

void maintenance_start(Core *c, const MaintenanceRequest *m)
{
        int64_t until = c->now.wall_msec + m->for_msec;
        _cleanup_free_ char *name = window_name(m->trail_arn);
        _cleanup_free_ char *reason = escape_text(m->reason, WORDS_MAX);
        _cleanup_free_ char *text = window_text(m);
        char d[TIMEFMT_MAX], t[TIMEFMT_MAX];
        _cleanup_free_ char *title =
                mem_printf("%s for %s: %s", name, timefmt_duration(m->for_msec, d), reason);

        Incident *w = notice_open(c, &(NoticeFacts){.kind = INCIDENT_MAINTENANCE,
                                                    .severity = SEVERITY_WARNING,
                                                    .phase = PHASE_NOTICE,
                                                    .open = true,
                                                    .title = title,
                                                    .text = text,
                                                    .scope_arn = m->trail_arn,
                                                    .until_msec = until,
                                                    .id_digest = timefmt_iso8601(until, t)});
        if (!w)
                return; /* the very same, twice in a millisecond */
        c->n_windows++;
        mem_strset(&w->announced_by, m->who);
        adopt(c, w);
}

void maintenance_record(Core *c, Trail *t, Incident *i)
{
        Incident *w = find_window(c, t->config.arn, NULL);

        if (!w)
                return;
        i->in_maintenance = true;
        mem_strset(&i->announced_by, w->announced_by);
        i->restart.state = RESTART_NOT_WANTED;
        incident_touch(i);
        w->n_recorded++;
        if (strlen(strempty(w->text)) < RECORDED_TEXT_MAX) {
                char at[TIMEFMT_MAX];
                _cleanup_free_ char *what = alert_summary(i), *was = TAKE_PTR(w->text);

                w->text = mem_printf("%s%s%s  %s (incident %s)\n", was,
                                     w->n_recorded == 1 ? "\nRecorded in it\n" : "",
                                     timefmt_iso8601(i->detected_msec, at), what, i->id);
        }
        incident_touch(w);
}

/* What it leaves stopped is an outage like any other. */
static void release(Core *c, Incident *i)
{
        Trail *t = i->trail == SIZE_MAX ? NULL : &c->trails[i->trail];

        if (!i->in_maintenance || !t || maintenance_covers(c, t))
                return;
        if (!i->open || incident_is_over(i))
                return; /* recorded, and that is all */
        i->in_maintenance = false;
        i->reminded_msec = c->now.wall_msec;
        i->restart.told = 0;
        i->restart.error = (AwsError){};
        if (t->config.action == TRAIL_ACTION_RESTART && i->kind != INCIDENT_DELETED &&
            incident_is_outage(i->kind)) {
                i->restart.state = RESTART_REQUESTED;
                t->next_start_boot = c->now.boot_usec;
                restart_consider(c, t);
        }
        notify(c, i, PHASE_OPEN);
        trail_hurry(c, t);
}

/* Outages that it leaves behind, and not to another one. */
static unsigned count_left(const Core *c, const Incident *w)
{
        unsigned n = 0;

        for (size_t k = 0; k < c->n_trails; k++) {
                const Incident *i = c->trails[k].stop;

                n += i && i->in_maintenance && window_covers(w, c->trails[k].config.arn) &&
                     !find_window(c, c->trails[k].config.arn, w);
        }
        return n;
}

static void end(Core *c, Incident *w, const char *by)
{
        unsigned left = count_left(c, w);

        for (size_t k = 0; k < c->n_trails; k++) {
                Trail *t = &c->trails[k];

                if (!window_covers(w, t->config.arn))
                        continue;
                t->maintained_from_msec = w->detected_msec > t->maintained_to_msec
                                                  ? w->detected_msec
                                                  : MIN(w->detected_msec, t->maintained_from_msec);
                t->maintained_to_msec = c->now.wall_msec;
        }
        _cleanup_free_ char *name = window_name(w->scope_arn);
        _cleanup_free_ char *who = escape_text(by, WORDS_MAX);
        _cleanup_free_ char *title =
                mem_printf("%s has ended: %u still stopped, %u recorded%s%s", name, left,
                           w->n_recorded, by ? "; ended by " : "", who);

        c->n_windows--;
        notice_close(c, w, PHASE_NOTICE, title, NULL);
}

void maintenance_stop(Core *c, const MaintenanceRequest *m)
{
        for (size_t k = 0; k < c->n_incidents; k++) {
                Incident *w = c->incidents[k];

                if (is_window(w) && (!m->trail_arn || streq_ptr(m->trail_arn, w->scope_arn)))
                        end(c, w, strempty(m->who));
        }
}

void maintenance_tick(Core *c)
{
        for (size_t k = 0; c->n_windows > 0 && k < c->n_incidents; k++)
                if (is_window(c->incidents[k]) && c->now.wall_msec >= c->incidents[k]->until_msec)
                        end(c, c->incidents[k], NULL);
        /* By what there is, not by the end itself: a crash may have come between the two. */
        for (size_t k = 0; k < c->n_incidents; k++)
                release(c, c->incidents[k]);
}

uint64_t maintenance_next_boot(const Core *c)
{
        uint64_t next = USEC_INFINITY;

        for (size_t k = 0; c->n_windows > 0 && k < c->n_incidents; k++) {
                if (!is_window(c->incidents[k]))
                        continue;
                int64_t left = c->incidents[k]->until_msec - c->now.wall_msec;
                next = MIN(next,
                           c->now.boot_usec + (uint64_t)MAX(left, INT64_C(0)) * USEC_PER_MSEC);
        }
        return next;
}
