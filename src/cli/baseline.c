/* SPDX-License-Identifier: Apache-2.0 */
/* `trailsentry baseline`: what trails were set to when they were first seen or accepted, what is
 * otherwise, and taking that for right. All of it is read in the state directory; the daemon is
 * asked to accept, and accepts only the very changes that were shown. */

#include "aws/arn.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "core/drift.h"
#include "core/incidentjson.h"
#include "daemon/spool.h"

/* Settings are read once a minute. */
#define UNREAD_MSEC (5 * MSEC_PER_MINUTE)

typedef struct Found {
        const Cli *cli;
        TrailMemory *trails;
        size_t n_trails;
        Incident **drifts; /* open */
        size_t n_drifts;
} Found;

static bool is_wanted(const Cli *c, const char *arn)
{
        return !c->trail || streq(c->trail, "all") || arn_is_of_trail(arn, c->trail);
}

static void found_done(Found *f)
{
        for (size_t i = 0; i < f->n_trails; i++)
                trail_memory_done(&f->trails[i]);
        for (size_t i = 0; i < f->n_drifts; i++)
                incident_free(f->drifts[i]);
        free(f->trails);
        free(f->drifts);
}

static void take(Found *f, SpoolContent *content)
{
        for (size_t k = 0; k < content->n_memories; k++) {
                if (!is_wanted(f->cli, content->memories[k].arn))
                        continue;
                *mem_push0(f->trails, f->n_trails) = content->memories[k];
                content->memories[k] = (TrailMemory){};
        }
        for (size_t k = 0; k < content->n_incidents; k++) {
                const Incident *i = content->incidents[k];

                if (i->kind == INCIDENT_DRIFT && i->open && !i->between_looks &&
                    is_wanted(f->cli, i->trail_arn))
                        *mem_push0(f->drifts, f->n_drifts) = TAKE_PTR(content->incidents[k]);
        }
}

/* False when it has been complained of. */
static bool load(const Cli *c, Found *f)
{
        _cleanup_(spool_content_done) SpoolContent content = {};
        int r = spool_peek(c->state_directory, &content);

        if (r < 0) {
                cli_complain_state(c, r);
                return false;
        }
        for (size_t k = 0; k < content.n_losses; k++)
                cli_complain("%s", content.losses[k].what);
        take(f, &content);
        return true;
}

/* A trail that was named and is not there. */
static bool is_unknown(const Cli *c, const Found *f)
{
        if (!c->trail || streq(c->trail, "all") || f->n_trails > 0)
                return false;
        cli_complain_trail(c->trail);
        return true;
}

/* Lines of a value, the first with its label. */
static void print_value(const Printer *p, const char *label, PrintStyle style, const char *value)
{
        _cleanup_free_ char *copy = mem_strdup(value);
        char *rest = copy;
        bool first = true;

        for (char *line; (line = strsep(&rest, "\n")); first = false)
                print_row(p, first ? label : "", style, "%s", line);
}

static void show_trail(const Printer *p, const TrailMemory *m)
{
        _cleanup_free_ char *name = trail_words(m->arn);
        StrBuf weak = STRBUF_INIT(4000);
        char t[TIMEFMT_MAX], *value;
        const char *label;

        print_line(p, PRINT_HEADING, "%s", name);
        if (!m->baseline.described && !m->baseline.selected) {
                print_row(p, "Baseline", PRINT_WARNING,
                          "none: its settings have not been read (drift switched off, or denied)");
                return;
        }
        print_row(p, "Baseline", PRINT_PLAIN, "of %s, %s%s", timefmt_iso8601(m->baseline_msec, t),
                  m->baseline_by ? "accepted by " : "as first seen", strempty(m->baseline_by));
        if (m->inspected_msec)
                print_row(p, "Last like this", PRINT_PLAIN, "%s",
                          timefmt_iso8601(m->inspected_msec, t));
        for (size_t i = 0; (label = drift_setting_words(&m->baseline, i, &value)); i++) {
                print_value(p, label, PRINT_PLAIN, value);
                free(value);
        }
        drift_add_weaknesses(&m->baseline, &weak);
        char *rest = weak.data;
        for (char *line; (line = strsep(&rest, "\n"));)
                if (*line)
                        print_row(p, "Weak", PRINT_WARNING, "%s", line);
        strbuf_done(&weak);
}

static CliExit show(const Cli *c, const Found *f)
{
        json_t *all = json_array();

        for (size_t i = 0; i < f->n_trails; i++) {
                if (c->json) {
                        (void)json_array_append_new(all, trail_memory_to_json(&f->trails[i]));
                        continue;
                }
                if (i > 0)
                        print_blank(&c->out);
                show_trail(&c->out, &f->trails[i]);
        }
        if (c->json)
                print_json(&c->out, json_incref(all));
        else if (f->n_trails == 0)
                print_line(&c->out, PRINT_PLAIN, "No trail has been seen.");
        json_decref(all);
        return CLI_EXIT_WELL;
}

static void print_drift(const Printer *p, const Incident *i)
{
        _cleanup_free_ char *name = trail_words(i->trail_arn);
        char t[TIMEFMT_MAX];

        print_line(p, PRINT_HEADING, "%s", name);
        print_row(p, "Incident", PRINT_PLAIN, "%s, seen %s", i->id,
                  timefmt_iso8601(i->detected_msec, t));
        for (size_t k = 0; k < i->changes.n; k++) {
                const Change *x = &i->changes.items[k];

                if (x->undone)
                        continue;
                print_row(p, change_info(x->kind)->label,
                          x->severity >= SEVERITY_HIGH ? PRINT_BAD : PRINT_WARNING, "%s",
                          severity_to_string(x->severity));
                print_value(p, x->declared ? "  expected" : "  was", PRINT_PLAIN, x->before);
                print_value(p, "  is", PRINT_PLAIN, x->after);
        }
}

static bool has_drift(const Found *f, const char *arn)
{
        for (size_t i = 0; i < f->n_drifts; i++)
                if (streq_ptr(f->drifts[i]->trail_arn, arn))
                        return true;
        return false;
}

/* Trails whose settings nobody has read for long: of them it is not known. */
static size_t complain_unread(const Cli *c, const Found *f)
{
        size_t n = 0;

        for (size_t i = 0; i < f->n_trails; i++) {
                const TrailMemory *m = &f->trails[i];
                _cleanup_free_ char *name = trail_words(m->arn);
                char ago[80];

                if (c->now_msec - m->inspected_msec <= UNREAD_MSEC || has_drift(f, m->arn))
                        continue;
                n++;
                if (m->inspected_msec)
                        cli_complain("%s: all of its settings were last read %s; what has changed "
                                     "since is not known (trailsentry status)",
                                     name, cli_age(c, m->inspected_msec, ago));
                else
                        cli_complain("%s: its settings have never been read (trailsentry status)",
                                     name);
        }
        return n;
}

static CliExit diff(const Cli *c, const Found *f)
{
        json_t *all = json_array();
        size_t n_unread = complain_unread(c, f);

        for (size_t i = 0; i < f->n_drifts; i++) {
                if (c->json) {
                        (void)json_array_append_new(all, incident_to_json(f->drifts[i]));
                        continue;
                }
                if (i > 0)
                        print_blank(&c->out);
                print_drift(&c->out, f->drifts[i]);
        }
        if (c->json)
                print_json(&c->out, json_incref(all));
        else if (f->n_drifts == 0 && n_unread == 0)
                print_line(&c->out, PRINT_GOOD, "No drift.");
        json_decref(all);
        if (f->n_drifts > 0)
                return CLI_EXIT_WRONG;
        return n_unread > 0 ? CLI_EXIT_UNKNOWN : CLI_EXIT_WELL;
}

static CliExit accept(const Cli *c, const Found *f)
{
        CliExit worst = CLI_EXIT_WELL;

        if (!c->trail) {
                cli_complain("say of which trail: --trail NAME, or --trail all");
                return CLI_EXIT_USAGE;
        }
        if (!streq(c->trail, "all") && f->n_trails > 1) {
                cli_complain("%zu trails are called %s: write the whole ARN (trailsentry baseline "
                             "--json has it)",
                             f->n_trails, c->trail);
                return CLI_EXIT_USAGE;
        }
        if (f->n_drifts == 0)
                print_line(&c->out, PRINT_GOOD, "No drift: there is nothing to accept.");
        for (size_t i = 0; i < f->n_drifts; i++) {
                char digest[DRIFT_DIGEST_SIZE];

                changes_digest(&f->drifts[i]->changes, digest);
                print_drift(&c->out, f->drifts[i]);
                CliExit e =
                        cli_ask(c, json_pack("{s:s, s:s, s:s}", "verb", "baseline-accept", "trail",
                                             f->drifts[i]->trail_arn, "digest", digest));
                worst = MAX(worst, e);
        }
        return worst;
}

CliExit cli_baseline(const Cli *c)
{
        static const struct {
                const char *name;
                CliExit (*run)(const Cli *c, const Found *f);
        } verbs[] = {{"show", show}, {"diff", diff}, {"accept", accept}};
        _cleanup_(found_done) Found f = {.cli = c};

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                if (!streq(c->argument ? c->argument : "show", verbs[i].name))
                        continue;
                if (!load(c, &f))
                        return CLI_EXIT_UNKNOWN;
                return is_unknown(c, &f) ? CLI_EXIT_USAGE : verbs[i].run(c, &f);
        }
        cli_complain("baseline is to \"show\", \"diff\" or \"accept\", not to \"%s\"", c->argument);
        return CLI_EXIT_USAGE;
}
