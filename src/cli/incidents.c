/* SPDX-License-Identifier: Apache-2.0 */
/* `trailsentry incidents`: what the state directory holds, newest first, or all of one. Nothing
 * there is changed; a file that cannot be read is told and left where it is. */

#include <errno.h>
#include <inttypes.h>

#include "aws/arn.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/incident.h"
#include "cli/table.h"
#include "core/alerttext.h"
#include "core/incidentjson.h"
#include "daemon/spool.h"

typedef struct Found {
        Incident **items; /* oldest first */
        size_t n;
        char **corrupt;
        size_t n_corrupt;
} Found;

static void on_incident(void *userdata, Incident *incident)
{
        Found *f = userdata;

        *mem_push0(f->items, f->n) = incident;
}

static void on_memory(void *userdata, const TrailMemory *memory)
{
}

static void on_corrupt(void *userdata, const char *path, const char *reason)
{
        Found *f = userdata;

        *mem_push0(f->corrupt, f->n_corrupt) = mem_printf("%s %s", path, reason);
}

static void found_done(Found *f)
{
        for (size_t i = 0; i < f->n; i++)
                incident_free(f->items[i]);
        free(f->items);
        mem_free_strv(f->corrupt, f->n_corrupt);
}

static size_t count_unsent(const Incident *i)
{
        size_t n = 0;

        for (size_t k = 0; k < i->n_messages; k++)
                for (size_t d = 0; d < i->messages[k].n_deliveries; d++)
                        n += !i->messages[k].deliveries[d].sent;
        return n;
}

static CliExit judge(const Found *f)
{
        for (size_t i = 0; i < f->n; i++)
                if (f->items[i]->open || count_unsent(f->items[i]) > 0)
                        return CLI_EXIT_WRONG;
        return f->n_corrupt > 0 ? CLI_EXIT_WRONG : CLI_EXIT_WELL;
}

/* "2026-11-23 03:12:09", as the heading says in UTC. */
static char *time_short(int64_t msec)
{
        char buf[TIMEFMT_MAX];
        char *text = mem_strdup(timefmt_iso8601(msec / 1000 * 1000, buf));
        char *t = strchr(text, 'T'), *z = strchr(text, 'Z');

        if (t && z) {
                *t = ' ';
                *z = '\0';
        }
        return text;
}

static void add_blind_cell(Table *t, const Cli *c, const Incident *i)
{
        int64_t to = i->blind_to_msec ? i->blind_to_msec : c->now_msec;
        char buf[TIMEFMT_MAX];

        if (i->blind_from_msec == 0 || to < i->blind_from_msec ||
            (!i->open && i->blind_to_msec == 0))
                table_cell(t, PRINT_PLAIN, "-");
        else
                table_cell(t, PRINT_PLAIN, "%s%s", timefmt_duration(to - i->blind_from_msec, buf),
                           i->blind_to_msec ? "" : "+");
}

static void add_row(Table *t, const Cli *c, const Incident *i)
{
        _cleanup_free_ char *when = time_short(i->detected_msec);
        _cleanup_free_ char *actor = alert_actor(i);
        const char *wrong;
        size_t unsent = count_unsent(i);
        Arn a;

        table_cell(t, PRINT_PLAIN, "%s", when);
        table_cell(t, PRINT_PLAIN, "%s", i->id);
        table_cell(t, PRINT_PLAIN, "%s", incident_kind_to_string(i->kind));
        table_cell(t, i->open ? PRINT_BAD : PRINT_GOOD, i->open ? "open" : "closed");
        add_blind_cell(t, c, i);

        if (arn_parse_trail(i->trail_arn, &a, &wrong) >= 0)
                table_note(t, PRINT_PLAIN, "%s (%s, %s)", arn_trail_name(&a), a.account, a.region);
        else
                table_note(t, PRINT_PLAIN, "%s", i->trail_arn);
        if (i->attribution.state != SEARCH_NOT_NEEDED || i->attribution.misused)
                table_note(t, i->attribution.misused ? PRINT_BAD : PRINT_PLAIN, "by: %s", actor);
        if (unsent > 0)
                table_note(t, PRINT_WARNING, "%zu message%s not sent yet", unsent,
                           unsent == 1 ? "" : "s");
}

static void print_list(const Cli *c, const Found *f)
{
        static const char *const headings[] = {"DETECTED (UTC)", "INCIDENT", "KIND", "STATE",
                                               "BLIND"};
        _cleanup_(table_freep) Table *t = table_new(headings, ELEMENTSOF(headings), 4);

        for (size_t i = f->n; i > 0; i--)
                add_row(t, c, f->items[i - 1]);
        if (f->n > 0)
                table_print(t, &c->out);
        else
                print_line(&c->out, PRINT_GOOD, "No incidents in %s.", c->state_directory);
        for (size_t i = 0; i < f->n_corrupt; i++)
                print_line(&c->out, PRINT_BAD, "%s", f->corrupt[i]);
}

static void print_list_json(const Cli *c, const Found *f)
{
        _cleanup_json_ json_t *object = json_object();
        json_t *incidents = json_array(), *corrupt = json_array();

        for (size_t i = f->n; i > 0; i--)
                (void)json_array_append_new(incidents, incident_to_json(f->items[i - 1]));
        for (size_t i = 0; i < f->n_corrupt; i++)
                (void)json_array_append_new(corrupt, json_string(f->corrupt[i]));
        (void)json_object_set_new(object, "exit_status", json_integer((int)judge(f)));
        (void)json_object_set_new(object, "incidents", incidents);
        (void)json_object_set_new(object, "unreadable", corrupt);
        print_json(c->out.out, object);
}

static CliExit show_one(const Cli *c, const Found *f)
{
        const Incident *found = NULL;
        size_t n = 0;

        for (size_t i = 0; i < f->n; i++)
                if (strncmp(f->items[i]->id, c->argument, strlen(c->argument)) == 0) {
                        found = f->items[i];
                        n++;
                }
        if (n == 0) {
                cli_complain("no incident in %s begins with \"%s\"", c->state_directory,
                             c->argument);
                return CLI_EXIT_USAGE;
        }
        if (n > 1) {
                cli_complain("%zu incidents begin with \"%s\": write more of the id", n,
                             c->argument);
                return CLI_EXIT_USAGE;
        }

        if (c->format == CLI_FORMAT_JSON) {
                _cleanup_json_ json_t *object = incident_to_json(found);

                print_json(c->out.out, object);
        } else
                incident_print(&c->out, found, c->now_msec);
        return found->open || count_unsent(found) > 0 ? CLI_EXIT_WRONG : CLI_EXIT_WELL;
}

CliExit cli_incidents(const Cli *c)
{
        _cleanup_(found_done) Found f = {};
        const SpoolLoad load = {
                .incident = on_incident,
                .memory = on_memory,
                .corrupt = on_corrupt,
                .userdata = &f,
        };
        int r;

        if (c->argument && !spool_id_is_valid(c->argument)) {
                cli_complain("\"%s\" is not the beginning of an incident's id (0-9, a-f)",
                             c->argument);
                return CLI_EXIT_USAGE;
        }
        r = spool_peek(c->state_directory, &load);
        if (r < 0) {
                cli_complain("%s cannot be read: %s%s", c->state_directory, strerror(-r),
                             r == -ENOENT   ? "; trailsentryd has never run, or keeps its state "
                                              "elsewhere (--state-directory)"
                             : r == -EACCES ? "; run as root, or as a member of the group "
                                              "trailsentry"
                                            : "");
                return CLI_EXIT_UNKNOWN;
        }

        if (c->argument)
                return show_one(c, &f);
        if (c->format == CLI_FORMAT_JSON)
                print_list_json(c, &f);
        else
                print_list(c, &f);
        return judge(&f);
}
