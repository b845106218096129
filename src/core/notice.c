/* SPDX-License-Identifier: Apache-2.0 */

/* Notices: what is to be told of the guard itself. They are incidents without a trail, so that
 * they are stored, sent, repeated and listed as those are, and they carry their own words. */

#include "core/internal.h"

#include <syslog.h>

#include "base/mem.h"

Incident *notice_open(Core *c, const NoticeFacts *f)
{
        char id[33];
        IncidentFacts facts = {.kind = f->kind, .id_digest = f->id_digest, .once = f->once};

        if (!f->open && !f->once)
                facts.id_time_msec = c->now.wall_msec;
        if (!incident_make_untimed_id(c, c->hostname, &facts, id))
                return NULL;

        Incident *i = mem_new0(Incident);
        *mem_push0(c->incidents, c->n_incidents) = i;
        memcpy(i->id, id, sizeof(id));
        i->kind = f->kind;
        i->severity = f->severity;
        i->trail = SIZE_MAX;
        i->title = mem_strdup(f->title);
        i->text = mem_strdup(f->text);
        i->scope_arn = mem_strdup(f->scope_arn);
        i->until_msec = f->until_msec;
        if (f->cause)
                i->cause = *f->cause;
        i->open = f->open;
        i->detected_msec = i->reminded_msec = c->now.wall_msec;
        if (!i->open)
                i->closed_msec = c->now.wall_msec;
        c->memory_dirty = true; /* with it, which incidents there are is stored */
        core_log(c, LOG_EVENT_NOTICE, incident_log_priority(i), i, f->cause, "%s", i->title);
        notify(c, i, f->phase);
        return i;
}

void notice_close(Core *c, Incident *i, Phase phase, const char *title, const char *text)
{
        i->open = false;
        i->closed_msec = c->now.wall_msec;
        if (title)
                mem_strset(&i->title, title);
        if (text)
                mem_strset(&i->text, text);
        core_log(c, LOG_EVENT_NOTICE, LOG_NOTICE, i, NULL, "%s", i->title);
        notify(c, i, phase);
}
