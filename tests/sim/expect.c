/* SPDX-License-Identifier: Apache-2.0 */

#include "expect.h"
#include "script.h"

static void add_word(StrBuf *b, const char *word)
{
        if (b->len > 0)
                strbuf_add_char(b, ' ');
        strbuf_add(b, word);
}

static const Case *first_of(World *w, IncidentKind kind)
{
        for (size_t i = 0; i < w->guard->n_cases; i++)
                if (w->guard->cases[i].kind == kind && !w->guard->cases[i].lost)
                        return &w->guard->cases[i];
        world_violation(w, "no incident is %s", incident_kind_to_string(kind));
        return NULL;
}

void expect_kinds(World *w, const char *kinds)
{
        StrBuf b = STRBUF_INIT(1024);

        for (size_t i = 0; i < w->guard->n_cases; i++)
                if (!w->guard->cases[i].lost)
                        add_word(&b, incident_kind_to_string(w->guard->cases[i].kind));
        if (!streq(strbuf_str(&b), kinds))
                world_violation(w, "incidents: \"%s\", not \"%s\"", strbuf_str(&b), kinds);
        strbuf_done(&b);
}

void expect_some_of(World *w, const char *kind)
{
        (void)first_of(w, incident_kind_from_string(kind));
}

/* Of all of them, or for a topic of those that reached it. */
static void expect_these(World *w, IncidentKind kind, size_t topic, const char *phases)
{
        StrBuf b = STRBUF_INIT(4096);
        const Case *c = first_of(w, kind);

        for (size_t i = 0; c && i < w->guard->n_letters; i++) {
                const Letter *l = &w->guard->letters[i];

                if (streq(l->incident, c->id) && (topic == SIZE_MAX || l->arrived[topic] > 0))
                        add_word(&b, phase_to_string(l->phase));
        }
        if (c && !streq(strbuf_str(&b), phases))
                world_violation(w, "messages of %s: \"%s\", not \"%s\"",
                                incident_kind_to_string(kind), strbuf_str(&b), phases);
        strbuf_done(&b);
}

void expect_phases(World *w, IncidentKind kind, const char *phases)
{
        expect_these(w, kind, SIZE_MAX, phases);
}

void expect_arrived(World *w, IncidentKind kind, size_t topic, const char *phases)
{
        expect_these(w, kind, topic, phases);
}

void expect_culprit(World *w, IncidentKind kind, unsigned actor, Confidence confidence)
{
        const Case *c = first_of(w, kind);

        if (!c)
                return;
        size_t n = strncmp(c->culprit, "event-", 6) == 0 ? strtoul(c->culprit + 6, NULL, 10)
                                                         : SIZE_MAX;
        if (n >= w->n_records || w->records[n].actor != actor || c->confidence != confidence)
                world_violation(w, "the culprit is \"%s\" (%s), not actor %u (%s)", c->culprit,
                                confidence_to_string(c->confidence), actor,
                                confidence_to_string(confidence));
}

void expect_nobody(World *w, IncidentKind kind, Confidence confidence)
{
        const Case *c = first_of(w, kind);

        if (c && (*c->culprit || c->confidence != confidence))
                world_violation(w, "the culprit is \"%s\" (%s), not nobody (%s)", c->culprit,
                                confidence_to_string(c->confidence),
                                confidence_to_string(confidence));
}

void expect_misused(World *w, IncidentKind kind)
{
        const Case *c = first_of(w, kind);

        if (c && !c->misused)
                world_violation(w, "the misuse of the guard's credentials was not noticed");
}

void expect_search(World *w, IncidentKind kind, SearchState s)
{
        const Case *c = first_of(w, kind);

        if (c && c->search != s)
                world_violation(w, "the search is %s, not %s", search_state_to_string(c->search),
                                search_state_to_string(s));
}

void expect_letters(World *w, size_t n)
{
        if (w->guard->n_letters != n)
                world_violation(w, "%zu messages, not %zu", w->guard->n_letters, n);
}

static unsigned count_starts(const World *w)
{
        unsigned n = 0;

        for (size_t i = 0; i < w->n_records; i++)
                n += w->records[i].actor == SIM_OWN && streq(w->records[i].name, "StartLogging");
        return n;
}

void expect_starts(World *w, unsigned n)
{
        if (count_starts(w) != n)
                world_violation(w, "%u StartLogging, not %u", count_starts(w), n);
}

void expect_lookups(World *w, size_t n)
{
        if (w->n_searched != n)
                world_violation(w, "%zu LookupEvents for incidents, not %zu", w->n_searched, n);
}

void expect_lookups_at_least(World *w, size_t n)
{
        if (w->n_lookups < n)
                world_violation(w, "%zu LookupEvents, fewer than %zu", w->n_lookups, n);
}

void expect_restart_of_within(World *w, size_t trail, uint64_t usec)
{
        const SimTrail *t = &w->trails[trail];

        for (size_t i = 1; i < t->n_versions; i++) {
                const TrailVersion *v = &t->versions[i];
                uint64_t end = i + 1 < t->n_versions ? v[1].at_usec : w->now_usec;

                if (v->exists && !v->status.is_logging && end - v->at_usec > usec)
                        world_violation(w, "trail %zu is down for %.3f s", trail,
                                        (double)(end - v->at_usec) / (double)USEC_PER_SEC);
        }
}

void expect_restart_within(World *w, uint64_t usec)
{
        expect_restart_of_within(w, 0, usec);
}

void expect_heartbeats(World *w, double from, double to, bool any)
{
        size_t n = 0;

        for (size_t i = 0; i < w->guard->n_beats; i++)
                n += w->guard->beats[i] >= AT(from) && w->guard->beats[i] <= AT(to);
        if ((n > 0) != any)
                world_violation(w, "%zu heartbeats between %.0f and %.0f s", n, from, to);
}
