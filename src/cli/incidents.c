/* SPDX-License-Identifier: Apache-2.0 */
/* `trailsentry incidents`: what the state directory holds, newest first, or one of it. Nothing
 * there is changed; a file that cannot be read is told and left where it is. */

#include "aws/arn.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/incidents.h"
#include "core/alerttext.h"
#include "core/incidentjson.h"
#include "daemon/spool.h"

#define AMBIGUOUS_SHOWN 10

typedef struct Found {
        SpoolContent content; /* incidents of it: oldest first, those that match */
        size_t n_matching;    /* before --limit */
        size_t n_all;
} Found;

static void found_done(Found *f)
{
        spool_content_done(&f->content);
}

static bool is_known(const SpoolContent *c, const char *trail)
{
        for (size_t i = 0; i < c->n_incidents; i++)
                if (arn_is_of_trail(c->incidents[i]->trail_arn, trail))
                        return true;
        for (size_t i = 0; i < c->n_memories; i++)
                if (arn_is_of_trail(c->memories[i].arn, trail))
                        return true;
        return false;
}

size_t incidents_count_unsent(const Incident *i)
{
        size_t n = 0;

        for (size_t k = 0; k < i->n_messages; k++)
                for (size_t d = 0; d < i->messages[k].n_deliveries; d++)
                        n += !i->messages[k].deliveries[d].sent;
        return n;
}

CliExit incidents_judge(const Incident *i)
{
        return i->open || incidents_count_unsent(i) > 0 ? CLI_EXIT_WRONG : CLI_EXIT_WELL;
}

static CliExit judge_all(const Found *f)
{
        for (size_t i = 0; i < f->content.n_incidents; i++)
                if (incidents_judge(f->content.incidents[i]) != CLI_EXIT_WELL)
                        return CLI_EXIT_WRONG;
        return f->content.n_losses > 0 ? CLI_EXIT_WRONG : CLI_EXIT_WELL;
}

char *incidents_blind_words(const Incident *i, int64_t now_msec)
{
        int64_t to = i->blind_to_msec ? i->blind_to_msec : now_msec;
        char buf[TIMEFMT_MAX];

        if (i->blind_from_msec == 0 || to < i->blind_from_msec ||
            (i->blind_to_msec == 0 && !i->open))
                return mem_strdup("-");
        return mem_printf("%s%s", timefmt_duration(to - i->blind_from_msec, buf),
                          i->blind_to_msec ? "" : "+");
}

/* What does not match is forgotten, then all but the newest. */
static void apply(Found *f, const Filter *filter)
{
        SpoolContent *c = &f->content;
        size_t kept = 0, surplus;

        for (size_t i = 0; i < c->n_incidents; i++) {
                Incident *incident = c->incidents[i];

                if (filter_matches(filter, incident))
                        c->incidents[kept++] = incident;
                else
                        incident_free(incident);
        }
        f->n_all = c->n_incidents;
        f->n_matching = kept;
        surplus = kept > filter->limit ? kept - filter->limit : 0;
        for (size_t i = 0; i < surplus; i++)
                incident_free(c->incidents[i]);
        c->n_incidents = kept - surplus;
        if (surplus > 0)
                memmove(c->incidents, c->incidents + surplus,
                        c->n_incidents * sizeof(*c->incidents));
}

/* The list */

static void add_row(Table *t, const Cli *c, const Incident *i)
{
        _cleanup_free_ char *trail = trail_words(i->trail_arn ? i->trail_arn : "the guard itself"),
                            *actor = alert_actor(i);
        _cleanup_free_ char *blind = incidents_blind_words(i, c->now_msec);
        size_t unsent = incidents_count_unsent(i);
        char when[TIMEFMT_MAX];

        /* "2026-11-23 03:12:09", as the heading says in UTC. */
        timefmt_iso8601(i->detected_msec / 1000 * 1000, when);
        when[strcspn(when, "T")] = ' ';
        when[strcspn(when, "Z")] = '\0';

        table_cell(t, PRINT_PLAIN, "%s", when);
        table_cell(t, PRINT_PLAIN, "%s", i->id);
        table_cell(t, PRINT_PLAIN, "%s", incident_kind_to_string(i->kind));
        table_cell(t, i->open ? PRINT_BAD : PRINT_GOOD, i->open ? "open" : "closed");
        table_cell(t, PRINT_PLAIN, "%s", blind);
        table_note(t, PRINT_PLAIN, "%s, severity %s", trail, severity_to_string(i->severity));
        if (i->attribution.state != SEARCH_NOT_NEEDED || i->attribution.misused)
                table_note(t, i->attribution.misused ? PRINT_BAD : PRINT_PLAIN, "by: %s", actor);
        if (i->group)
                table_note(t, PRINT_PLAIN, "reported in incident %s", i->group);
        if (unsent > 0)
                table_note(t, PRINT_WARNING, "%zu message%s not sent yet", unsent,
                           unsent == 1 ? "" : "s");
}

static void print_list(const Cli *c, const Found *f)
{
        static const char *const headings[] = {"DETECTED (UTC)", "INCIDENT", "KIND",
                                               "STATE",          "BLIND",    NULL};
        _cleanup_(table_freep) Table *t = table_new(headings);
        size_t n = f->content.n_incidents;

        for (size_t i = n; i > 0; i--)
                add_row(t, c, f->content.incidents[i - 1]);
        if (n > 0)
                table_print(t, &c->out);
        else if (f->n_all == 0)
                print_line(&c->out, PRINT_GOOD, "No incidents in %s.", c->state_directory);
        else
                print_line(&c->out, PRINT_PLAIN, "None of %zu incident%s matches.", f->n_all,
                           f->n_all == 1 ? "" : "s");
        if (n < f->n_matching)
                print_line(&c->out, PRINT_PLAIN, "%zu older one%s not shown (--limit).",
                           f->n_matching - n, f->n_matching - n == 1 ? "" : "s");
        for (size_t i = 0; i < f->content.n_losses; i++)
                print_line(&c->out, PRINT_BAD, "%s", f->content.losses[i].what);
}

static void print_list_json(const Cli *c, const Found *f)
{
        const SpoolContent *x = &f->content;
        json_t *incidents = json_array(), *corrupt = json_array();

        for (size_t i = x->n_incidents; i > 0; i--)
                json_append(incidents, incident_to_json(x->incidents[i - 1]));
        for (size_t i = 0; i < x->n_losses; i++)
                json_append(corrupt, json_string(x->losses[i].what));
        print_json(&c->out, json_pack("{s:i, s:o, s:o}", "exit_status", (int)judge_all(f),
                                      "incidents", incidents, "unreadable", corrupt));
}

/* The one whose id begins with what was asked for; NULL when there is not exactly one, which is
 * told. */
static const Incident *find_one(const Cli *c, const Found *f)
{
        _cleanup_strbuf_ StrBuf ids = STRBUF_INIT(AMBIGUOUS_SHOWN * 40);
        const Incident *i = NULL;
        size_t n = 0;

        for (size_t k = f->content.n_incidents; k > 0; k--) {
                const char *id = f->content.incidents[k - 1]->id;

                if (strncmp(id, c->argument, strlen(c->argument)) != 0)
                        continue;
                i = f->content.incidents[k - 1];
                if (n++ < AMBIGUOUS_SHOWN)
                        strbuf_addf(&ids, "%s%s", n > 1 ? ", " : "", id);
        }
        if (n == 1)
                return i;
        if (n == 0)
                cli_complain("no incident in %s begins with \"%s\" (trailsentry incidents lists "
                             "them)",
                             c->state_directory, c->argument);
        else
                cli_complain("%zu incidents begin with \"%s\", write more of the id: %s%s", n,
                             c->argument, strbuf_str(&ids), n > AMBIGUOUS_SHOWN ? ", ..." : "");
        return NULL;
}

static CliExit show_one(const Cli *c, const Found *f)
{
        const Incident *i = find_one(c, f);

        if (!i)
                return CLI_EXIT_USAGE;
        if (c->json)
                print_json(&c->out, incident_to_json(i));
        else
                incidents_show(c, i);
        return incidents_judge(i);
}

static bool is_filtered(const FilterWords *w)
{
        return w->trail || w->kinds || w->severity || w->since || w->until || w->actor ||
               w->limit || w->open;
}

static bool is_asked_well(const Cli *c, Filter *ret)
{
        _cleanup_free_ char *wrong = NULL;
        FilterWords words = c->filter;

        words.trail = c->trail;
        if (c->argument && !spool_id_is_valid(c->argument))
                cli_complain("\"%s\" is not the beginning of an incident's id (0-9, a-f)",
                             c->argument);
        else if (c->argument && is_filtered(&words))
                cli_complain("an id names one incident, there is nothing to filter");
        else if (filter_parse(&words, c->now_msec, ret, &wrong) < 0)
                cli_complain("%s", wrong);
        else
                return true;
        return false;
}

CliExit cli_incidents(const Cli *c)
{
        _cleanup_(found_done) Found f = {};
        Filter filter;
        int r;

        if (!is_asked_well(c, &filter))
                return CLI_EXIT_USAGE;
        r = spool_peek(c->state_directory, &f.content);
        if (r < 0) {
                cli_complain_state(c, r);
                return CLI_EXIT_UNKNOWN;
        }

        if (c->argument)
                return show_one(c, &f);
        if (c->trail && !is_known(&f.content, c->trail)) {
                cli_complain_trail(c->trail);
                return CLI_EXIT_USAGE;
        }
        apply(&f, &filter);
        if (c->json)
                print_list_json(c, &f);
        else
                print_list(c, &f);
        return judge_all(&f);
}
