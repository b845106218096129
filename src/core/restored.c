/* SPDX-License-Identifier: Apache-2.0 */

#include "core/restored.h"

#include "aws/arn.h"
#include "base/jsonmap.h"
#include "core/alertpart.h"
#include "core/internal.h"

/* More than the core ever keeps. */
#define FINDINGS_MAX 1000
#define REQUEST_IDS_MAX 64
#define TRAILS_MAX 1000
#define ACTORS_MAX 100
#define SUBJECT_MAX 4096
#define DOCUMENT_MAX ((size_t)256 * 1024)
#define NUMBERS_MAX (UINT32_MAX / 2) /* members of a group are counted on from there */

static bool is_trail(const char *arn)
{
        const char *why;
        Arn a;

        return arn && arn_parse_trail(arn, &a, &why) >= 0;
}

static bool is_topic(const char *arn)
{
        const char *why;
        Arn a;

        return arn && arn_parse_topic(arn, &a, &why) >= 0;
}

static bool is_id(const char *s)
{
        return s && strlen(s) == 16 && strspn(s, "0123456789abcdef") == 16;
}

/* What it is about. */
static const char *subject_wrong(const Incident *i)
{
        if (!incident_kind_is_notice(i->kind))
                return is_trail(i->trail_arn) ? NULL : "trail_arn";
        if (i->trail_arn)
                return "trail_arn";
        if (isempty(i->title))
                return "title";
        if (i->kind == INCIDENT_TOPIC_FAILING && !is_topic(i->scope_arn))
                return "scope_arn";
        if (i->kind == INCIDENT_MAINTENANCE && i->scope_arn && !is_trail(i->scope_arn))
                return "scope_arn";
        /* It has no end of its own. */
        return i->kind == INCIDENT_RECONFIGURED && i->open ? "open" : NULL;
}

/* An open one is compared with what is there by what has changed, so that something has. */
static const char *changes_wrong(const Incident *i)
{
        unsigned seen = 0, left = 0;

        for (size_t k = 0; k < i->changes.n; k++) {
                const Change *c = &i->changes.items[k];
                bool is_way = c->kind >= CHANGE_LOG_FILES;

                if (is_way != (i->kind == INCIDENT_DELIVERY) || seen & 1U << c->kind)
                        return "kind";
                seen |= 1U << c->kind;
                left += !c->undone;
        }
        if (i->kind != INCIDENT_DRIFT && i->kind != INCIDENT_DELIVERY)
                return i->changes.n > 0 ? "changes" : NULL;
        return i->open && left == 0 ? "changes" : NULL;
}

static const char *attribution_wrong(const Incident *i)
{
        const Attribution *a = &i->attribution;
        bool active = a->state == SEARCH_RUNNING || a->state == SEARCH_SETTLING ||
                      a->state == SEARCH_SETTLED;

        /* A search that has ended begins again when an open one changes. */
        if ((active || (i->open && a->state != SEARCH_NOT_NEEDED)) && !search_event(i))
                return "state";
        if (a->n_findings > FINDINGS_MAX)
                return "findings";
        if (a->n_deeds > DEEDS_MAX)
                return "deeds";
        return i->restart.n_request_ids > REQUEST_IDS_MAX ? "request_ids" : NULL;
}

/* Each format is made of it. A control character takes six bytes in JSON, and there is room for two
 * copies of the body in the largest. */
static bool is_sendable(const char *text, size_t max)
{
        if (isempty(text) || strlen(text) > max)
                return false;
        for (; *text; text++)
                if (((unsigned char)*text < ' ' && *text != '\n') || *text == 0x7f)
                        return false;
        return true;
}

static bool is_document(const char *text)
{
        _cleanup_json_ json_t *o = NULL;

        return json_parse(text, strlen(text), DOCUMENT_MAX, &o) >= 0 && json_is_object(o);
}

/* A word as kinds are, of whichever version. */
static bool is_word(const char *s)
{
        size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

        return n > 0 && n <= 64 && !s[n];
}

bool restored_origin_is_right(const MessageOrigin *o)
{
        return !o->incident || (is_id(o->incident) && (!o->kind || is_word(o->kind)) &&
                                (!o->trail_arn || is_trail(o->trail_arn)));
}

static bool is_to_be_sent(const Message *m)
{
        for (size_t k = 0; k < m->n_deliveries; k++)
                if (!m->deliveries[k].sent)
                        return true;
        return false;
}

/* Of one that every topic has taken, the text may be gone: see incident_compact(). */
const char *restored_message_wrong(const Message *m)
{
        bool gone = streq(m->body, "") && !is_to_be_sent(m);

        if (!restored_origin_is_right(&m->origin))
                return "origin";
        if (!is_sendable(m->subject, SUBJECT_MAX))
                return "subject";
        if (!gone && !is_sendable(m->body, ALERT_BODY_MAX))
                return "body";
        return m->document && !is_document(m->document) ? "document" : NULL;
}

static const char *messages_wrong(const Incident *i)
{
        for (size_t k = 0; k < i->n_messages; k++) {
                const char *wrong = restored_message_wrong(&i->messages[k]);

                if (wrong)
                        return wrong;
                /* Sequences are places in the array. */
                if (i->messages[k].sequence != k + 1)
                        return "sequence";
        }
        return NULL;
}

/* Who leads a group has spoken, and is led by nobody. */
static const char *group_wrong(const Incident *i)
{
        const Series *s = i->series;
        unsigned before = 0;

        if (i->group && (!is_id(i->group) || streq(i->group, i->id)))
                return "group";
        if (i->number > NUMBERS_MAX)
                return "number";
        if (!s)
                return NULL;
        if (i->group || i->n_messages == 0 || incident_kind_family(i->kind) == FAMILY_NONE)
                return "series";
        if (s->numbers > NUMBERS_MAX)
                return "numbers";
        for (size_t k = 0; k < s->n_gone_numbers; before = s->gone_numbers[k++].to)
                if (s->gone_numbers[k].from <= before ||
                    s->gone_numbers[k].to < s->gone_numbers[k].from ||
                    s->gone_numbers[k].to > NUMBERS_MAX)
                        return "gone_numbers";
        if (s->n_trails > TRAILS_MAX)
                return "trails";
        if (s->n_actors > ACTORS_MAX)
                return "actors";
        if (s->told.severity >= _SEVERITY_MAX || s->gone.severity >= _SEVERITY_MAX)
                return "severity";
        return s->last_id && !is_id(s->last_id) ? "last_id" : NULL;
}

const char *restored_incident_wrong(const Incident *i)
{
        static const char *(*const checks[])(const Incident *) = {
                subject_wrong, changes_wrong, attribution_wrong, messages_wrong, group_wrong,
        };

        if (!is_id(i->id))
                return "id";
        for (size_t k = 0; k < ELEMENTSOF(checks); k++) {
                const char *wrong = checks[k](i);

                if (wrong)
                        return wrong;
        }
        return NULL;
}

const char *restored_memory_wrong(const TrailMemory *m)
{
        if (!is_trail(m->arn))
                return "arn";
        return m->habit_msec < 0 ? "habit_msec" : NULL;
}
