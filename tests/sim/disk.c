/* SPDX-License-Identifier: Apache-2.0 */

/* The guard's disk: what was acknowledged is on it after a SIGKILL, and a beginning of what was on
 * its way. */

#include "guard.h"

#include <stdio.h>

#include "base/mem.h"
#include "check.h"
#include "core/incidentjson.h"
#include "whole.h"

/* One writer: what was asked first is on disk first. */
uint64_t disk_turn(World *w)
{
        uint64_t takes = USEC_PER_MSEC + rng_below(&w->rng, 20 * USEC_PER_MSEC);

        if (world_has_fault(w, FAULT_DISK_STALLS, SIZE_MAX))
                takes = rng_between(&w->rng, 1, 20) * USEC_PER_SEC;
        w->disk.busy_until_usec = MAX(w->disk.busy_until_usec, w->now_usec) + takes;
        return w->disk.busy_until_usec;
}

/* Takes text. */
static void write_file(Disk *d, const char *id, char *text)
{
        for (size_t i = 0; i < d->n_files; i++)
                if (streq(d->files[i].id, id)) {
                        free(d->files[i].text);
                        d->files[i].text = text;
                        return;
                }
        struct StoredFile *f = mem_push0(d->files, d->n_files);
        (void)snprintf(f->id, sizeof(f->id), "%s", id);
        f->text = text;
}

/* Not while one in memory is not on disk as it was asked for last: it may count this one. */
void disk_archive(World *w, const Event *e)
{
        for (size_t i = 0; i < core_n_incidents(w->guard->core); i++)
                if (core_incident(w->guard->core, i)->store_error)
                        return;
        if (w->whole) {
                whole_archive(w, e->incident);
                return;
        }
        for (size_t i = 0; i < w->disk.n_files; i++)
                if (streq(w->disk.files[i].id, e->incident))
                        w->disk.files[i].archived = true;
}

void disk_write(World *w, Event *e)
{
        if (!e->text || e->store_error)
                return;
        if (w->whole) {
                if (whole_store(w, e) < 0)
                        world_violation(w, "the spool does not write");
                return;
        }
        if (e->kind == EVENT_MEMORY_STORED)
                mem_strset(&w->disk.memories, e->text);
        else
                write_file(&w->disk, e->incident, TAKE_PTR(e->text));
}

/* What was on its way to the disk when the guard died: a beginning of it arrived, which nobody
 * was told. */
void disk_finish_writes(World *w)
{
        uint64_t until = w->now_usec + rng_below(&w->rng, 30 * USEC_PER_MSEC);

        for (;;) {
                Event *first = NULL;

                for (size_t i = 0; i < w->n_queue; i++) {
                        Event *e = w->queue[i];

                        if (e->text && e->run == w->guard->run && e->at_usec <= until &&
                            (!first || e->at_usec < first->at_usec))
                                first = e;
                }
                if (!first)
                        break;
                disk_write(w, first);
                free(TAKE_PTR(first->text));
        }
        w->disk.busy_until_usec = 0;
}

/* What the disk says of a message is what its receivers may be told again. */
static void read_back(World *w, const Incident *i, const Message *m)
{
        Letter *l = guard_letter(w->guard, i->id, m->sequence);

        if (!l)
                return;
        l->on_disk = true;
        l->created_usec = w->now_usec;
        memset(l->tried, 0, sizeof(l->tried));
        memset(l->refused, 0, sizeof(l->refused));
        /* A guard that did without its state had another of that number, which has died with it. */
        uint64_t text = check_letter_text(m);
        bool other = w->gave_up && !isempty(m->body) && l->text != text;
        if (other)
                l->text = text;
        for (size_t t = 0; t < w->n_topics; t++) {
                const Delivery *d = message_find_delivery(m, guard_topic(w, t));
                bool sent = d && d->sent;

                if (other)
                        l->wanted[t] = d != NULL;
                else
                        check_read_back(w, l, t, sent);
                l->acknowledged[t] = sent;
        }
}

/* What is held against the guard of an incident that is on its disk. */
static void note_restored(World *w, const Incident *i)
{
        Case *c = guard_case(w->guard, i->id);

        for (size_t m = 0; m < i->n_messages && !w->guard->does_without; m++)
                read_back(w, i, &i->messages[m]);
        if (c) {
                c->lost = false;
                c->search = i->attribution.state;
                c->open = i->open;
        }
        if (c && !w->guard->does_without) {
                /* What it is to be again, the reader has heard of: what has ended it is forgotten.
                 */
                c->told_failing = c->told_failing || i->n_messages < c->n_messages;
                for (size_t m = 0; m < i->n_messages; m++)
                        c->told_failing = c->told_failing || i->messages[m].phase == PHASE_FAILING;
                c->n_messages = i->n_messages;
                c->rounds = i->attribution.rounds;
                c->summaries = i->series ? i->series->summaries : 0;
        }
}

void disk_restore_incident(World *w, Incident *i)
{
        note_restored(w, i);
        core_restore_incident(w->guard->core, i);
}

void disk_restore_archived(World *w, const Incident *i)
{
        note_restored(w, i);
        core_restore_finished(w->guard->core, i->id);
}

static Incident *read_incident(World *w, const struct StoredFile *f)
{
        json_t *o = json_loads(f->text, 0, NULL);
        Incident *i = NULL;
        const char *field = NULL;

        if (!o || incident_from_json(o, &i, &field) < 0)
                world_violation(w, "incident %s cannot be read back: %s", f->id, strempty(field));
        json_decref(o);
        return i;
}

static bool is_archived(const Disk *d, const char *id)
{
        for (size_t i = 0; i < d->n_files; i++)
                if (streq(d->files[i].id, id))
                        return d->files[i].archived;
        return false;
}

static int compare(const void *x, const void *y)
{
        const Incident *a = *(Incident *const *)x, *b = *(Incident *const *)y;

        if (a->detected_msec != b->detected_msec)
                return a->detected_msec < b->detected_msec ? -1 : 1;
        return strcmp(a->id, b->id);
}

/* By detection, as the spool loads them. */
static void restore_incidents(World *w)
{
        size_t n = w->disk.n_files;
        _cleanup_free_ Incident **all = mem_alloc0((n + 1) * sizeof(all[0]));

        for (size_t i = 0; i < n; i++) {
                all[i] = read_incident(w, &w->disk.files[i]);
                if (!all[i])
                        return;
        }
        qsort(all, n, sizeof(all[0]), compare);
        for (size_t i = 0; i < n; i++)
                if (is_archived(&w->disk, all[i]->id)) {
                        disk_restore_archived(w, all[i]);
                        all[i] = incident_free(all[i]);
                }
        for (size_t i = 0; i < n; i++)
                if (all[i])
                        disk_restore_incident(w, all[i]);
}

static void restore_memories(World *w)
{
        json_t *root, *o;
        size_t k;

        if (!w->disk.memories)
                return;
        root = json_loads(w->disk.memories, 0, NULL);
        json_array_foreach(json_object_get(root, "trails"), k, o)
        {
                TrailMemory m = {};

                if (trail_memory_from_json(o, &m) < 0)
                        world_violation(w, "the memory of a trail cannot be read back");
                else
                        core_restore_memory(w->guard->core, &m);
                trail_memory_done(&m);
        }
        json_decref(root);
}

/* Messages that were not on disk died with the guard; their numbers are used again. */
static void forget_unsaid(Guard *g)
{
        for (size_t i = 0; i < g->n_letters;) {
                Letter *l = &g->letters[i];

                if (l->on_disk)
                        i++;
                else
                        g->letters[i] = g->letters[--g->n_letters];
        }
}

void disk_forget(World *w)
{
        Guard *g = w->guard;

        for (size_t i = 0; i < g->n_letters; i++)
                g->letters[i].on_disk = false;
        for (size_t i = 0; i < g->n_cases; i++) {
                g->cases[i].lost = true;
                g->cases[i].summaries = 0;
                g->cases[i].seen = 0;
        }
}

void disk_restore(World *w)
{
        if (w->whole) {
                whole_restore(w);
        } else {
                restore_memories(w);
                restore_incidents(w);
        }
        if (!w->guard->does_without)
                forget_unsaid(w->guard);
}
