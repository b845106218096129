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
#define NAME_CHARS 128

/* By family, of one and of many: "trail X was stopped 3 times", "3 trails were stopped 7 times". */
static const struct {
        const char *did;  /* "stopped", for a subject */
        const char *noun; /* "stop", plural with an s */
        const char *on;   /* while it goes on */
        const char *over;
} words[_FAMILY_MAX] = {
        [FAMILY_NONE] = {"changed", "change", "OPEN", "closed"},
        [FAMILY_STOP] = {"stopped", "stop", "NOT LOGGING", "logging again"},
        [FAMILY_DELETED] = {"deleted", "deletion", "MISSING", "there again"},
        [FAMILY_RECREATED] = {"re-created", "re-creation", "NOT LOGGING", "logging again"},
        [FAMILY_SIGHT] = {"out of sight", "loss of sight", "NOT SEEN", "seen again"},
        [FAMILY_DRIFT] = {"changed", "change", "CHANGED SETTINGS", "restored or accepted"},
        [FAMILY_DELIVERY] = {"not delivering", "failure", "NOT DELIVERING", "delivering again"},
        [FAMILY_SETTINGS] = {"with settings that cannot be read", "failure", "SETTINGS NOT READ",
                             "read again"},
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
        return series_n_trails(v->lead->series);
}

static unsigned count_on(const GroupView *v)
{
        return sum(v)->down + sum(v)->unseen;
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

static void add_account(StrBuf *b, const Labels *l, const char *account)
{
        const char *name = labels_account(l, account);

        strbuf_add(b, name ? name : account);
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
                add_account(b, v->labels, seen[0].account);
        else
                strbuf_addf(b, "%zu accounts,", accounts);
        if (regions == 1)
                strbuf_addf(b, " %s", seen[0].region);
        else
                strbuf_addf(b, " %zu regions", regions);
        free(seen);
}

/* "trail X", "200 trails" */
static void add_about(StrBuf *b, const GroupView *v, size_t name_chars)
{
        _cleanup_free_ char *name = NULL, *text = NULL;
        Arn a;

        if (count_trails(v) != 1) {
                strbuf_addf(b, "%zu trails", count_trails(v));
                return;
        }
        trail_name(v->lead->trail_arn, &a, &name);
        text = escape_ascii(name, name_chars);
        strbuf_addf(b, "trail %s", text);
}

/* "stopped 37 times in 36 s" */
static void add_what(StrBuf *b, const GroupView *v)
{
        const SeriesSum *s = sum(v);
        char d[TIMEFMT_MAX], n[32];

        strbuf_add(b, words[family(v)].did);
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

/* Who did it, as far as that is one caller or a number of them; NULL when it is not known. */
static char *who(const GroupView *v)
{
        const GroupPerson *a = v->people;
        StrBuf b = STRBUF_INIT(128);
        char *text;

        if (v->n_people == 0)
                return NULL;
        if (v->n_people > 1)
                return mem_printf("%zu callers", v->n_people);
        _cleanup_free_ char *name = identity_display_name(&a->culprit->record.identity);
        foreign_add_ascii(&b, name, 20);
        if (a->incidents == 0)
                strbuf_add(&b, ", perhaps");
        else if (a->incidents < sum(v)->incidents)
                strbuf_addf(&b, " (%u of them)", a->incidents);
        text = mem_strdup(strbuf_str(&b));
        strbuf_done(&b);
        return text;
}

static char *taken(StrBuf *b)
{
        char *text = mem_strdup(strbuf_str(b));

        strbuf_done(b);
        return text;
}

static void add_headline(Facts *f, const GroupView *v, Phase phase)
{
        StrBuf state = STRBUF_INIT(512), where = STRBUF_INIT(512), about = STRBUF_INIT(512),
               what = STRBUF_INIT(512);

        if (sum(v)->misused > 0)
                strbuf_add(&state, "GUARD'S CREDENTIALS MISUSED, ");
        add_state(&state, v);
        add_where(&where, v);
        add_about(&about, v, 32);
        add_what(&what, v);
        f->headline = (Headline){
                .word = mem_strdup(phase_to_string(phase)),
                .state = taken(&state),
                .where = taken(&where),
                .about = taken(&about),
                .what = taken(&what),
                .who = sum(v)->misused > 0 ? NULL : who(v),
        };
}

static void add_head(StrBuf *b, const GroupView *v, int64_t now_msec)
{
        int64_t ago = now_msec - sum(v)->last_msec;
        char d[TIMEFMT_MAX];

        strbuf_add(b, "CloudTrail: ");
        add_about(b, v, NAME_CHARS);
        strbuf_add_char(b, ' ');
        add_what(b, v);
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

static void add_unseen_starts(Facts *f, const GroupView *v)
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
        StrBuf *b = facts_begin(f, FACT_OVERVIEW, "Restart");
        strbuf_addf(b,
                    "StartLogging is sent once a minute for %u of them, in case they were stopped",
                    n);
        if (failing > 0)
                strbuf_addf(b, "; it FAILS for %u", failing);
}

static void add_times(Facts *f, const GroupView *v, int64_t now_msec)
{
        const SeriesSum *s = sum(v);
        int64_t blind = s->blind_msec;
        char first[TIMEFMT_MAX], last[TIMEFMT_MAX];
        const char *noun = words[family(v)].noun;

        facts_add(f, FACT_OVERVIEW, "How often", "%u %s%s, first at %s, last at %s", s->incidents,
                  noun, plural(s->incidents), timefmt_iso8601(s->first_msec, first),
                  timefmt_iso8601(s->last_msec, last));
        for (size_t k = 0; k < v->n_trails; k++) {
                const Incident *i = v->trails[k].latest;

                if (v->trails[k].goes_on && i->blind_from_msec && now_msec > i->blind_from_msec)
                        blind += now_msec - i->blind_from_msec;
        }
        if (family(v) != FAMILY_CONTROLLER && !incident_kind_is_change(v->lead->kind))
                facts_add(f, FACT_OVERVIEW, family(v) == FAMILY_SIGHT ? "Unseen" : "Blind",
                          "%s in all%s; a lower bound", timefmt_duration(blind, first),
                          count_on(v) > 0 ? " until now" : "");
        add_unseen_starts(f, v);
        for (size_t k = 0; k < MIN(v->n_reasons, (size_t)REASONS_LISTED); k++) {
                _cleanup_free_ char *why = alert_error_words(&v->reasons[k].error);
                _cleanup_free_ char *line =
                        mem_printf("for %u trail%s, will be retried: %s", v->reasons[k].trails,
                                   plural(v->reasons[k].trails), why);
                facts_error(f, FACT_OVERVIEW, "Restart FAILS", line);
        }
}

static void add_trail(Facts *f, const GroupView *v, const GroupTrail *t)
{
        _cleanup_free_ char *name = NULL;
        StrBuf *b = facts_begin(f, FACT_TRAILS, NULL);
        const char *state = words[family(v)].over;
        Arn a = {};

        if (t->goes_on)
                state = t->latest->restart.state == RESTART_FAILING ? "NOT LOGGING, restart FAILS"
                                                                    : words[family(v)].on;
        trail_name(t->arn, &a, &name);
        strbuf_add(b, "  ");
        escape_add(b, name, NAME_CHARS);
        strbuf_add(b, " (");
        add_account(b, v->labels, a.account);
        strbuf_addf(b, " %s): %s", a.region, state);
        if (t->incidents > 1)
                strbuf_addf(b, ", %u %ss", t->incidents, words[family(v)].noun);
        if (t->latest)
                strbuf_addf(b, ", incident %s", t->latest->id);
}

/* What is over needs nobody: only its number is told. */
static void add_trails(Facts *f, const GroupView *v)
{
        size_t listed = 0;

        if (count_trails(v) == 1)
                return;
        f->headings[FACT_TRAILS] = "Not over, worst first";
        for (size_t k = 0; k < v->n_trails && listed < TRAILS_LISTED; k++)
                if (v->trails[k].goes_on) {
                        listed++;
                        add_trail(f, v, &v->trails[k]);
                }
        if (listed == 0)
                f->headings[FACT_TRAILS] = NULL;
        else if (count_on(v) > listed)
                facts_add(f, FACT_TRAILS, NULL, "  and %zu more: trailsentry incidents --open",
                          count_on(v) - listed);
}

/* Of the worst, and how many are otherwise. */
static void add_changes(Facts *f, const GroupView *v)
{
        const Incident *i = v->worst ? v->worst : v->lead;

        alert_add_changes(f, i);
        if (sum(v)->unlike > 0)
                facts_add(f, FACT_CHANGES, NULL,
                          "  %u of %u differ from this, or have another caller: see each of them",
                          sum(v)->unlike, sum(v)->incidents);
}

static void add_share(Facts *f, const GroupView *v, unsigned n, const char *what)
{
        if (n > 0)
                facts_add(f, FACT_WHO, NULL, "  %4u of %u: %s", n, sum(v)->incidents, what);
}

static void add_who(Facts *f, const GroupView *v)
{
        const SeriesSum *s = sum(v);
        size_t listed = MIN(v->n_people, (size_t)ACTORS_LISTED);
        unsigned others = v->lead->series->more_actors;

        if (s->confirmed + s->ambiguous + s->nobody + s->pending == 0)
                return;
        f->headings[FACT_WHO] = "Who, as Event history has it so far";
        if (s->misused > 0)
                facts_add(f, FACT_OVERVIEW, NULL,
                          "THE GUARD'S OWN CREDENTIALS WERE USED BY SOMEBODY ELSE (%u of %u).",
                          s->misused, s->incidents);
        for (size_t k = 0; k < listed; k++) {
                const GroupPerson *a = &v->people[k];
                StrBuf *b = facts_begin(f, FACT_WHO, NULL);

                strbuf_addf(b, "  %4u of %u: %s", a->incidents, s->incidents,
                            a->alike ? "looks like one: " : "");
                alert_add_caller(b, &a->culprit->record, a->n_keys);
                if (a->n_accounts > 1)
                        strbuf_addf(b, ", in %u accounts", a->n_accounts);
                if (a->maybe > 0)
                        strbuf_addf(b, "; perhaps %u more", a->maybe);
        }
        for (size_t k = listed; k < v->n_people; k++)
                others += v->people[k].incidents;
        add_share(f, v, others, "others than these");
        add_share(f, v, s->ambiguous, "ambiguous: not certain who");
        add_share(f, v, s->nobody, "not found");
        add_share(f, v, s->corrected, "corrected, an earlier message was wrong");
        for (size_t k = 0; k < v->n_corrected; k++)
                facts_text(f, FACT_WHO, "       it said", v->corrected[k]);
        add_share(f, v, s->pending, "not known yet, Event history lags by minutes");
}

Facts alert_group_facts(const GroupView *v, const AlertContext *c)
{
        Facts f = {};

        add_headline(&f, v, c->phase);
        add_times(&f, v, c->now_msec);
        if (count_trails(v) == 1)
                facts_text(&f, FACT_OVERVIEW, "Trail", v->lead->trail_arn);
        facts_text(&f, FACT_OVERVIEW, "Runbook", v->labels ? v->labels->runbook : NULL);
        add_changes(&f, v);
        add_who(&f, v);
        add_trails(&f, v);
        facts_end(&f);
        return f;
}

char *alert_group_summary(const GroupView *v)
{
        StrBuf b = STRBUF_INIT(1024);
        char *text;

        add_about(&b, v, NAME_CHARS);
        strbuf_add_char(&b, ' ');
        add_what(&b, v);
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
        Finding f = v->n_people > 0 ? *v->people[0].culprit : (Finding){};

        i.attribution = (Attribution){
                .state = v->lead->attribution.state,
                .misused = sum(v)->misused > 0,
                .confidence = sum(v)->ambiguous > 0 ? CONFIDENCE_AMBIGUOUS : CONFIDENCE_NONE,
                .findings = &f,
                .n_findings = v->n_people > 0,
        };
        return advice_make(&i, now_msec);
}

static void add_advice(StrBuf *b, const GroupView *v, int64_t now_msec)
{
        _cleanup_(advice_done) Advice a = alert_group_advice(v, now_msec);

        if (v->worst && v->worst->open && count_on(v) > 1 &&
            (family(v) == FAMILY_STOP || incident_kind_is_change(v->lead->kind)))
                strbuf_addf(b, "\nWhat follows is for one of them; do the same for the others.\n");
        else if (v->n_people > 0 && v->people[0].n_accounts > 1)
                strbuf_addf(b,
                            "\nWhat follows names one account; do the same in each of the %u in "
                            "which it was called.\n",
                            v->people[0].n_accounts);
        alert_add_advice(b, &a, v->lead->id);
}

void alert_group_text(const GroupView *v, const AlertContext *c, char **ret_subject,
                      char **ret_body)
{
        _cleanup_facts_ Facts f = alert_group_facts(v, c);
        StrBuf b = STRBUF_INIT(ALERT_BODY_MAX), end = STRBUF_INIT(ALERT_END_MAX);

        *ret_subject = headline_print(&f.headline, ALERT_SUBJECT_MAX);
        add_head(&b, v, c->now_msec);
        add_advice(&end, v, c->now_msec);
        StrBuf trails = ALERT_PART_INIT;
        facts_print(&f, FACT_TRAILS, &trails);
        alert_add_part(&end, &trails, ALERT_TRAILS_MAX, v->lead->id);
        strbuf_addf(&end,
                    "\nEach is an incident of its own, from %s to %s:\n"
                    "     trailsentry incidents\n",
                    v->lead->id, strempty(v->lead->series->last_id));
        alert_add_footer(&end, v->lead, c);
        *ret_body = alert_body(&f, &b, &end, v->lead->id);
}
