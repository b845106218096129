/* SPDX-License-Identifier: Apache-2.0 */

#include "core/alertgroup.h"

#include "aws/arn.h"
#include "base/escape.h"
#include "base/foreign.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "core/alertpart.h"
#include "core/attribution.h"

#define TRAILS_LISTED 50
#define ACTORS_LISTED 10
#define REASONS_LISTED 3
#define TRAILS_MAX (8 * 1024) /* bytes of a body that the list of trails may have */
#define NAME_CHARS 128

/* By family, of one and of many: "trail X was stopped 3 times", "3 trails were stopped 7 times". */
static const struct {
        const char *did;  /* "stopped", for a subject */
        const char *noun; /* "stop", plural with an s */
        const char *on;   /* while it goes on */
        const char *over;
} words[_FAMILY_MAX] = {
        [FAMILY_NONE] = {"changed", "change", "NOT WELL", "well again"},
        [FAMILY_STOP] = {"stopped", "stop", "NOT LOGGING", "logging again"},
        [FAMILY_DELETED] = {"deleted", "deletion", "MISSING", "there again"},
        [FAMILY_RECREATED] = {"re-created", "re-creation", "NOT LOGGING", "logging again"},
        [FAMILY_SIGHT] = {"out of sight", "loss of sight", "NOT SEEN", "seen again"},
        [FAMILY_CONTROLLER] = {"started by others", "report", "NOT LOGGING", "logging"},
};

static Family family(const GroupView *v)
{
        return incident_kind_family(v->lead->kind);
}

static const SeriesSum *sum(const GroupView *v)
{
        return &v->lead->series->now;
}

static size_t count_trails(const GroupView *v)
{
        return v->n_trails + v->lead->series->more_trails;
}

static unsigned count_on(const GroupView *v)
{
        return sum(v)->down + sum(v)->unseen;
}

/* Making the view */

static GroupTrail *view_trail(GroupView *v, const char *arn)
{
        for (size_t k = 0; k < v->n_trails; k++)
                if (streq(v->trails[k].arn, arn))
                        return &v->trails[k];
        GroupTrail *t = mem_push0(v->trails, v->n_trails);
        t->arn = arn;
        return t;
}

static void view_actor(GroupView *v, const Finding *culprit, unsigned incidents, unsigned maybe)
{
        GroupActor *a = NULL;

        for (size_t k = 0; k < v->n_actors && !a; k++)
                if (attribution_is_same_caller(&v->actors[k].culprit->record, &culprit->record))
                        a = &v->actors[k];
        if (!a) {
                a = mem_push0(v->actors, v->n_actors);
                a->culprit = culprit;
        }
        a->incidents += incidents;
        a->maybe += maybe;
}

static void view_reason(GroupView *v, const AwsError *e)
{
        for (size_t k = 0; k < v->n_reasons; k++)
                if (v->reasons[k].error.class == e->class &&
                    streq(v->reasons[k].error.code, e->code)) {
                        v->reasons[k].trails++;
                        return;
                }
        GroupReason *r = mem_push0(v->reasons, v->n_reasons);
        *r = (GroupReason){*e, 1};
        *r->error.request_id = '\0';
}

/* What was told and is taken back, each once. */
static void view_corrected(GroupView *v, const char *from)
{
        for (size_t k = 0; from && k < v->n_corrected; k++)
                if (streq(v->corrected[k], from))
                        return;
        if (from && v->n_corrected < ELEMENTSOF(v->corrected))
                v->corrected[v->n_corrected++] = from;
}

/* Whose loss is louder of two that go on. */
static int loudness(const Incident *i)
{
        return i->restart.state == RESTART_FAILING ? 2 : i->kind == INCIDENT_DELETED;
}

static void view_incident(GroupView *v, const Incident *i)
{
        bool on = i->open && !i->blind_to_msec && i->kind != INCIDENT_OTHER_CONTROLLER &&
                  !i->in_maintenance;
        GroupTrail *t = view_trail(v, i->trail_arn);
        const Attribution *a = &i->attribution;

        t->incidents++;
        if (!t->latest || on || (!t->goes_on && i->detected_msec >= t->latest->detected_msec))
                t->latest = i;
        t->goes_on = t->goes_on || on;
        view_corrected(v, a->corrected_from);
        if (on && (!v->worst || loudness(i) > loudness(v->worst)))
                v->worst = i;
        if (on && i->restart.state == RESTART_FAILING)
                view_reason(v, &i->restart.error);
        for (size_t k = 0; k < a->n_findings; k++)
                if (attribution_is_suspect(a, k))
                        view_actor(v, &a->findings[k], a->confidence == CONFIDENCE_EXACT,
                                   a->confidence != CONFIDENCE_EXACT);
}

static int compare_trails(const void *x, const void *y)
{
        const GroupTrail *a = x, *b = y;
        int la = a->goes_on ? 1 + loudness(a->latest) : 0;
        int lb = b->goes_on ? 1 + loudness(b->latest) : 0;

        if (la != lb)
                return lb - la;
        if (a->incidents != b->incidents)
                return a->incidents < b->incidents ? 1 : -1;
        return strcmp(a->arn, b->arn);
}

static int compare_actors(const void *x, const void *y)
{
        const GroupActor *a = x, *b = y;

        if (a->incidents != b->incidents)
                return a->incidents < b->incidents ? 1 : -1;
        if (a->maybe != b->maybe)
                return a->maybe < b->maybe ? 1 : -1;
        return strcmp(strempty(a->culprit->record.identity.arn),
                      strempty(b->culprit->record.identity.arn));
}

GroupView group_view(Incident *const *incidents, size_t n, const Incident *lead)
{
        const Series *s = lead->series;
        GroupView v = {.lead = lead};

        for (size_t k = 0; k < s->n_trails; k++)
                view_trail(&v, s->trails[k].arn)->incidents = s->trails[k].incidents;
        for (size_t k = 0; k < s->n_actors; k++)
                view_actor(&v, &s->actors[k].culprit, s->actors[k].incidents, s->actors[k].maybe);
        for (size_t k = 0; k < n; k++)
                if (incidents[k]->lead == lead)
                        view_incident(&v, incidents[k]);
        if (v.n_trails > 0)
                qsort(v.trails, v.n_trails, sizeof(*v.trails), compare_trails);
        if (v.n_actors > 0)
                qsort(v.actors, v.n_actors, sizeof(*v.actors), compare_actors);
        return v;
}

void group_view_done(GroupView *v)
{
        free(v->trails);
        free(v->actors);
        free(v->reasons);
        *v = (GroupView){};
}

/* The text */

static const char *plural(size_t n)
{
        return n == 1 ? "" : "s";
}

static const char *times(unsigned n, char buf[static 32])
{
        if (n == 1)
                return "once";
        (void)snprintf(buf, 32, "%u times", n);
        return buf;
}

static void trail_name(const char *arn, Arn *a, char **ret)
{
        const char *why;

        *ret = mem_strdup(arn_parse_trail(arn, a, &why) < 0 ? arn : arn_trail_name(a));
}

/* "444455556666 eu-west-1" when all share it, else "3 accounts, 2 regions". */
static void add_where(StrBuf *b, const GroupView *v)
{
        Arn *seen = mem_alloc0(MAX(v->n_trails, (size_t)1) * sizeof(Arn));
        size_t accounts = 0, regions = 0;

        for (size_t k = 0; k < v->n_trails; k++) {
                bool account = true, region = true;
                const char *why;

                if (arn_parse_trail(v->trails[k].arn, &seen[k], &why) < 0)
                        continue;
                for (size_t m = 0; m < k; m++) {
                        account = account && !streq(seen[m].account, seen[k].account);
                        region = region && !streq(seen[m].region, seen[k].region);
                }
                accounts += account;
                regions += region;
        }
        if (accounts == 1)
                strbuf_add(b, seen[0].account);
        else
                strbuf_addf(b, "%zu accounts,", accounts);
        if (regions == 1)
                strbuf_addf(b, " %s", seen[0].region);
        else
                strbuf_addf(b, " %zu regions", regions);
        free(seen);
}

/* "trail X stopped 37 times in 36 s", "200 trails stopped 350 times in 2 min" */
static void add_what(StrBuf *b, const GroupView *v, size_t name_chars)
{
        const SeriesSum *s = sum(v);
        char d[TIMEFMT_MAX], n[32];
        Arn a;

        if (count_trails(v) == 1) {
                _cleanup_free_ char *name = NULL;
                trail_name(v->lead->trail_arn, &a, &name);
                strbuf_add(b, "trail ");
                escape_add(b, name, name_chars);
        } else {
                strbuf_addf(b, "%zu trails", count_trails(v));
        }
        strbuf_addf(b, " %s", words[family(v)].did);
        if (s->incidents != count_trails(v))
                strbuf_addf(b, " %s", times(s->incidents, n));
        if (s->last_msec - s->first_msec >= MSEC_PER_SEC)
                strbuf_addf(b, " in %s",
                            timefmt_duration((s->last_msec - s->first_msec) / MSEC_PER_SEC *
                                                     MSEC_PER_SEC,
                                             d));
}

static void add_state(StrBuf *b, const GroupView *v)
{
        const SeriesSum *s = sum(v);
        unsigned on = count_on(v);

        if (on > 0) {
                if (count_trails(v) > 1)
                        strbuf_addf(b, "%u ", on);
                strbuf_add(b, words[family(v)].on);
                if (s->failing > 0)
                        strbuf_add(b, ", restart FAILS");
                return;
        }
        if (s->held > 0) {
                strbuf_addf(b, "%u %s in maintenance, not restarted", s->held, words[family(v)].on);
                return;
        }
        strbuf_addf(b, "%s%s", count_trails(v) > 1 ? "all " : "", words[family(v)].over);
        if (s->undelivered > 0)
                strbuf_add(b, ", NO LOG FILES arrive");
}

static void add_by(StrBuf *b, const GroupView *v)
{
        if (v->n_actors == 0 || sum(v)->misused > 0)
                return;
        if (v->n_actors > 1) {
                strbuf_addf(b, " by %zu callers", v->n_actors);
                return;
        }
        const GroupActor *a = &v->actors[0];
        _cleanup_free_ char *name = identity_display_name(&a->culprit->record.identity);
        if (a->incidents == sum(v)->incidents)
                strbuf_add(b, " by ");
        else if (a->incidents > 0)
                strbuf_addf(b, ", %u by ", a->incidents);
        else
                strbuf_add(b, ", perhaps by ");
        foreign_add_ascii(b, name, 20);
}

static char *subject(const GroupView *v, const AlertContext *c)
{
        StrBuf b = STRBUF_INIT(512);
        char *text;

        strbuf_addf(&b, "%s: ", phase_to_string(c->phase));
        add_what(&b, v, 32);
        add_by(&b, v);
        strbuf_add(&b, " - ");
        if (sum(v)->misused > 0)
                strbuf_add(&b, "GUARD'S CREDENTIALS MISUSED, ");
        add_state(&b, v);
        strbuf_add(&b, " (");
        add_where(&b, v);
        strbuf_add(&b, ")");
        text = alert_subject(strbuf_str(&b));
        strbuf_done(&b);
        return text;
}

static void add_head(StrBuf *b, const GroupView *v, int64_t now_msec)
{
        int64_t ago = now_msec - sum(v)->last_msec;
        char d[TIMEFMT_MAX];

        strbuf_add(b, "CloudTrail: ");
        add_what(b, v, NAME_CHARS);
        strbuf_add(b, ".\nNow: ");
        add_state(b, v);
        if (v->lead->series->ended)
                strbuf_addf(b, "; no further %s for %s", words[family(v)].noun,
                            timefmt_duration(ago / MSEC_PER_SEC * MSEC_PER_SEC, d));
        else if (count_on(v) == 0 && ago >= 0)
                strbuf_addf(b, "; the last %s was %s ago, others may follow", words[family(v)].noun,
                            timefmt_duration(ago / MSEC_PER_SEC * MSEC_PER_SEC, d));
        strbuf_add(b, ".\n\n");
}

static void add_unseen_starts(StrBuf *b, const GroupView *v)
{
        unsigned n = 0, failing = 0;

        for (size_t k = 0; k < v->n_trails; k++) {
                const Incident *i = v->trails[k].latest;
                bool sent = v->trails[k].goes_on && i->restart.state == RESTART_UNSEEN;

                n += sent;
                failing += sent && i->restart.error.class != AWS_ERROR_NONE;
        }
        if (n == 0)
                return;
        strbuf_addf(b,
                    "%-16sStartLogging is sent once a minute for %u of them, in case they were "
                    "stopped",
                    "Restart", n);
        if (failing > 0)
                strbuf_addf(b, "; it FAILS for %u", failing);
        strbuf_add_char(b, '\n');
}

static void add_times(StrBuf *b, const GroupView *v, int64_t now_msec)
{
        const SeriesSum *s = sum(v);
        int64_t blind = s->blind_msec;
        char t[TIMEFMT_MAX];
        const char *noun = words[family(v)].noun;

        strbuf_addf(b, "%-16s%u %s%s, first at %s", "How often", s->incidents, noun,
                    plural(s->incidents), timefmt_iso8601(s->first_msec, t));
        strbuf_addf(b, ", last at %s\n", timefmt_iso8601(s->last_msec, t));
        for (size_t k = 0; k < v->n_trails; k++) {
                const Incident *i = v->trails[k].latest;

                if (v->trails[k].goes_on && i->blind_from_msec && now_msec > i->blind_from_msec)
                        blind += now_msec - i->blind_from_msec;
        }
        if (family(v) != FAMILY_CONTROLLER)
                strbuf_addf(b, "%-16s%s in all%s; a lower bound\n",
                            family(v) == FAMILY_SIGHT ? "Unseen" : "Blind",
                            timefmt_duration(blind, t), count_on(v) > 0 ? " until now" : "");
        add_unseen_starts(b, v);
        for (size_t k = 0; k < MIN(v->n_reasons, (size_t)REASONS_LISTED); k++) {
                _cleanup_free_ char *why = alert_error_words(&v->reasons[k].error);
                _cleanup_free_ char *line =
                        mem_printf("for %u trail%s, goes on being tried: %s", v->reasons[k].trails,
                                   plural(v->reasons[k].trails), why);
                alert_error_row(b, "Restart FAILS", line);
        }
}

static void add_trail(StrBuf *b, const GroupView *v, const GroupTrail *t)
{
        _cleanup_free_ char *name = NULL;
        Arn a = {};
        const char *state = words[family(v)].over;

        if (t->goes_on)
                state = t->latest->restart.state == RESTART_FAILING ? "NOT LOGGING, restart FAILS"
                                                                    : words[family(v)].on;
        trail_name(t->arn, &a, &name);
        strbuf_add(b, "  ");
        escape_add(b, name, NAME_CHARS);
        strbuf_addf(b, " (%s %s): %s", a.account, a.region, state);
        if (t->incidents > 1)
                strbuf_addf(b, ", %u %ss", t->incidents, words[family(v)].noun);
        if (t->latest)
                strbuf_addf(b, ", incident %s", t->latest->id);
        strbuf_add_char(b, '\n');
}

static void add_trails(StrBuf *b, const GroupView *v)
{
        size_t listed = MIN(v->n_trails, (size_t)TRAILS_LISTED);

        if (count_trails(v) == 1) {
                alert_row(b, "Trail", v->lead->trail_arn);
                return;
        }
        strbuf_addf(b, "\nTrails%s\n", count_on(v) > 0 ? ", worst first" : "");
        for (size_t k = 0; k < listed; k++)
                add_trail(b, v, &v->trails[k]);
        if (count_trails(v) > listed)
                strbuf_addf(b, "  and %zu more: trailsentry incidents\n", count_trails(v) - listed);
}

static void add_who(StrBuf *b, const GroupView *v)
{
        const SeriesSum *s = sum(v);
        size_t listed = MIN(v->n_actors, (size_t)ACTORS_LISTED);
        unsigned others = v->lead->series->more_actors;

        if (s->confirmed + s->ambiguous + s->nobody + s->pending == 0)
                return;
        if (s->misused > 0)
                strbuf_addf(
                        b, "\nTHE GUARD'S OWN CREDENTIALS WERE USED BY SOMEBODY ELSE (%u of %u).\n",
                        s->misused, s->incidents);
        strbuf_add(b, "\nWho, as Event history has it so far\n");
        for (size_t k = 0; k < listed; k++) {
                const GroupActor *a = &v->actors[k];

                strbuf_addf(b, "  %4u of %u: ", a->incidents, s->incidents);
                alert_add_caller(b, &a->culprit->record);
                if (a->maybe > 0)
                        strbuf_addf(b, "; perhaps %u more", a->maybe);
                strbuf_add_char(b, '\n');
        }
        for (size_t k = listed; k < v->n_actors; k++)
                others += v->actors[k].incidents;
        if (others > 0)
                strbuf_addf(b, "  %4u of %u: others than these\n", others, s->incidents);
        if (s->ambiguous > 0)
                strbuf_addf(b, "  %4u of %u: ambiguous, several calls fit\n", s->ambiguous,
                            s->incidents);
        if (s->nobody > 0)
                strbuf_addf(b, "  %4u of %u: not found\n", s->nobody, s->incidents);
        if (s->corrected > 0)
                strbuf_addf(b, "  %4u of %u: corrected, an earlier message was wrong\n",
                            s->corrected, s->incidents);
        for (size_t k = 0; k < v->n_corrected; k++)
                alert_row(b, "       it said", v->corrected[k]);
        if (s->pending > 0)
                strbuf_addf(b, "  %4u of %u: not known yet, Event history lags by minutes\n",
                            s->pending, s->incidents);
}

char *alert_group_summary(const GroupView *v)
{
        StrBuf b = STRBUF_INIT(1024);
        char *text;

        add_what(&b, v, NAME_CHARS);
        strbuf_add(&b, "; ");
        add_state(&b, v);
        text = mem_strdup(strbuf_str(&b));
        strbuf_done(&b);
        return text;
}

/* What is worst, done by whom did most: their advice is that of a single incident. */
Advice alert_group_advice(const GroupView *v, int64_t now_msec)
{
        Incident i = *(v->worst ? v->worst : v->lead);
        Finding f = v->n_actors > 0 ? *v->actors[0].culprit : (Finding){};

        i.attribution = (Attribution){
                .state = v->lead->attribution.state,
                .misused = sum(v)->misused > 0,
                .confidence = sum(v)->ambiguous > 0 ? CONFIDENCE_AMBIGUOUS : CONFIDENCE_NONE,
                .findings = &f,
                .n_findings = v->n_actors > 0,
        };
        return advice_make(&i, now_msec);
}

static void add_advice(StrBuf *b, const GroupView *v, int64_t now_msec)
{
        _cleanup_(advice_done) Advice a = alert_group_advice(v, now_msec);

        if (v->worst && v->worst->open && count_on(v) > 1 && family(v) == FAMILY_STOP)
                strbuf_addf(b, "\nWhat follows is for one of them; do the same for the others.\n");
        alert_add_advice(b, &a, v->lead->id);
}

void alert_group_text(const GroupView *v, const AlertContext *c, char **ret_subject,
                      char **ret_body)
{
        StrBuf b = STRBUF_INIT(ALERT_BODY_MAX), end = STRBUF_INIT(ALERT_END_MAX);
        StrBuf trails = ALERT_PART_INIT, who = ALERT_PART_INIT;

        *ret_subject = subject(v, c);
        add_head(&b, v, c->now_msec);
        add_times(&b, v, c->now_msec);
        add_advice(&end, v, c->now_msec);
        strbuf_addf(&end,
                    "\nEach is an incident of its own, from %s to %s:\n"
                    "     trailsentry incidents\n",
                    v->lead->id, strempty(v->lead->series->last_id));
        alert_add_footer(&end, v->lead, c);
        add_trails(&trails, v);
        alert_add_part(&b, &trails, TRAILS_MAX, v->lead->id);
        add_who(&who, v);
        alert_add_part(&b, &who, ALERT_BODY_MAX - MIN(b.len + end.len, (size_t)ALERT_BODY_MAX),
                       v->lead->id);
        strbuf_add(&b, strbuf_str(&end));
        *ret_body = mem_strdup(strbuf_str(&b));
        strbuf_done(&end);
        strbuf_done(&b);
}
