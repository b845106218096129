/* SPDX-License-Identifier: Apache-2.0 */

#include "core/told.h"

#include "base/mem.h"
#include "base/strbuf.h"

#define IDS_MAX 4096
#define WHO_MAX 1024

/* Of all of them, for there may be one for each of several changes; NULL without any. Owned. */
static char *culprit_event_ids(const Incident *i)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(IDS_MAX);

        for (const Finding *f = incident_find_role(i, ROLE_CULPRIT); f;
             f = incident_next_culprit(i, f))
                if (f->record.event_id)
                        strbuf_addf(&b, "%s%s", b.len > 0 ? " " : "", f->record.event_id);
        return b.len > 0 ? mem_strdup(strbuf_str(&b)) : NULL;
}

/* The callers, each once, by what tells one from another; NULL without any. Owned. */
static char *culprit_words(const Incident *i)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(WHO_MAX);
        const Finding *last = NULL;

        for (const Finding *f = incident_find_role(i, ROLE_CULPRIT); f;
             last = f, f = incident_next_culprit(i, f)) {
                const UserIdentity *u = &f->record.identity;
                _cleanup_free_ char *name = identity_display_name(u);

                if (last && identity_is_same(u, &last->record.identity))
                        continue;
                strbuf_addf(&b, "%s%s", last ? "; " : "", name);
                if (u->arn && !streq(u->arn, name))
                        strbuf_addf(&b, ", %s", u->arn);
                if (u->access_key_id)
                        strbuf_addf(&b, ", key %s", u->access_key_id);
        }
        return b.len > 0 ? mem_strdup(strbuf_str(&b)) : NULL;
}

bool told_is_current(const Incident *i)
{
        const Attribution *a = &i->attribution;
        _cleanup_free_ char *ids = culprit_event_ids(i);

        return a->confidence == a->told_confidence && a->misused == a->told_misused &&
               streq_ptr(ids, a->told_culprit);
}

bool told_is_corrected(const Incident *i)
{
        const Attribution *a = &i->attribution;
        _cleanup_free_ char *who = culprit_words(i);

        return a->told_who && (!streq_ptr(who, a->told_who) || a->confidence < a->told_confidence);
}

static char *told_words(const Attribution *a)
{
        return mem_printf("%s: %s", confidence_to_string(a->told_confidence), a->told_who);
}

char *told_correction(const Incident *i)
{
        const Attribution *a = &i->attribution;

        return told_is_corrected(i) ? told_words(a) : mem_strdup(a->corrected_from);
}

void told_note(Incident *i)
{
        Attribution *a = &i->attribution;

        if (told_is_corrected(i)) {
                free(a->corrected_from);
                a->corrected_from = told_words(a);
        }
        a->told_confidence = a->confidence;
        a->told_misused = a->misused;
        free(a->told_culprit);
        a->told_culprit = culprit_event_ids(i);
        free(a->told_who);
        a->told_who = culprit_words(i);
        a->told_deeds = a->told_deeds || a->n_deeds > 0;
}

void told_forget(Incident *i)
{
        free(TAKE_PTR(i->attribution.told_who));
}
