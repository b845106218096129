/* SPDX-License-Identifier: Apache-2.0 */

#include "core/model.h"

#include "base/mem.h"
#include "base/stringtable.h"

static const char *const trail_action_table[_TRAIL_ACTION_MAX] = {
        [TRAIL_ACTION_RESTART] = "restart",
        [TRAIL_ACTION_ALERT] = "alert",
};
DEFINE_STRING_TABLE(trail_action, TrailAction)

static const char *const topic_format_table[_TOPIC_FORMAT_MAX] = {
        [TOPIC_FORMAT_TEXT] = "text",
        [TOPIC_FORMAT_JSON] = "json",
        [TOPIC_FORMAT_PER_PROTOCOL] = "per-protocol",
        [TOPIC_FORMAT_CHAT] = "chat",
};
DEFINE_STRING_TABLE(topic_format, TopicFormat)

static const char *const change_kind_table[_CHANGE_KIND_MAX] = {
        [CHANGE_S3_BUCKET] = "s3-bucket",
        [CHANGE_S3_KEY_PREFIX] = "s3-key-prefix",
        [CHANGE_KMS_KEY] = "kms-key",
        [CHANGE_MULTI_REGION] = "multi-region",
        [CHANGE_ORGANIZATION] = "organization",
        [CHANGE_GLOBAL_SERVICE_EVENTS] = "global-service-events",
        [CHANGE_LOG_FILE_VALIDATION] = "log-file-validation",
        [CHANGE_SNS_TOPIC] = "sns-topic",
        [CHANGE_LOG_GROUP] = "log-group",
        [CHANGE_LOG_ROLE] = "log-role",
        [CHANGE_INSIGHTS] = "insights",
        [CHANGE_MANAGEMENT_EVENTS] = "management-events",
        [CHANGE_DATA_EVENTS] = "data-events",
        [CHANGE_LOG_FILES] = "log-files",
        [CHANGE_DIGEST_FILES] = "digest-files",
        [CHANGE_CLOUDWATCH_LOGS] = "cloudwatch-logs",
        [CHANGE_NOTIFICATIONS] = "notifications",
        [CHANGE_LATE] = "late",
};
DEFINE_STRING_TABLE(change_kind, ChangeKind)

static const char *const phase_table[_PHASE_MAX] = {
        [PHASE_OPEN] = "OPEN",     [PHASE_FAILING] = "FAILING", [PHASE_CLOSED] = "CLOSED",
        [PHASE_UPDATE] = "UPDATE", [PHASE_NOTICE] = "NOTICE",   [PHASE_RESTARTED] = "RESTARTED",
};
DEFINE_STRING_TABLE(phase, Phase)

static const char *const severity_table[_SEVERITY_MAX] = {
        [SEVERITY_INFO] = "info",
        [SEVERITY_WARNING] = "warning",
        [SEVERITY_HIGH] = "high",
        [SEVERITY_CRITICAL] = "critical",
};
DEFINE_STRING_TABLE(severity, Severity)

static const char *const restart_state_table[_RESTART_STATE_MAX] = {
        [RESTART_NOT_WANTED] = "not-wanted", [RESTART_REQUESTED] = "requested",
        [RESTART_ACCEPTED] = "accepted",     [RESTART_FAILING] = "failing",
        [RESTART_VERIFIED] = "verified",     [RESTART_BY_OTHERS] = "by-others",
        [RESTART_UNSEEN] = "unseen",
};
DEFINE_STRING_TABLE(restart_state, RestartState)

static const char *const delivering_table[_DELIVERING_MAX] = {
        [DELIVERING_UNKNOWN] = "unknown",
        [DELIVERING_YES] = "yes",
        [DELIVERING_NO] = "no",
};
DEFINE_STRING_TABLE(delivering, Delivering)

static const char *const role_table[_ROLE_MAX] = {
        [ROLE_CULPRIT] = "culprit",
        [ROLE_CANDIDATE] = "candidate",
        [ROLE_ATTEMPT] = "attempt",
        [ROLE_LATER] = "later",
        [ROLE_EARLIER] = "earlier",
        [ROLE_STARTER] = "starter",
        [ROLE_OWN] = "own",
        [ROLE_OWN_UNREMEMBERED] = "own-unremembered",
        [ROLE_OWN_MISUSED] = "own-misused",
        [ROLE_UNREADABLE] = "unreadable",
        [ROLE_RELATED] = "related",
};
DEFINE_STRING_TABLE(role, Role)

static const char *const confidence_table[_CONFIDENCE_MAX] = {
        [CONFIDENCE_NONE] = "none",
        [CONFIDENCE_AMBIGUOUS] = "ambiguous",
        [CONFIDENCE_EXACT] = "exact",
};
DEFINE_STRING_TABLE(confidence, Confidence)

static const char *const doubt_table[_DOUBT_MAX] = {
        [DOUBT_RIVALS] = "rivals",
        [DOUBT_UNREAD] = "unread",
        [DOUBT_UNREADABLE] = "unreadable",
        [DOUBT_ACCOUNT] = "account",
        [DOUBT_ORGANIZATION] = "organization",
        [DOUBT_SETTINGS] = "settings-unknown",
        [DOUBT_TIME] = "time",
        [DOUBT_CAUSE] = "cause",
};
DEFINE_STRING_TABLE(doubt, Doubt)

static const char *const search_state_table[_SEARCH_STATE_MAX] = {
        [SEARCH_NOT_NEEDED] = "not-needed",
        [SEARCH_RUNNING] = "running",
        [SEARCH_SETTLING] = "settling",
        [SEARCH_SETTLED] = "settled",
        [SEARCH_DONE] = "done",
        [SEARCH_GAVE_UP] = "gave-up",
};
DEFINE_STRING_TABLE(search_state, SearchState)

void trail_memory_done(TrailMemory *m)
{
        free(TAKE_PTR(m->arn));
        free(TAKE_PTR(m->baseline_by));
        trail_settings_done(&m->baseline);
}

void trail_expect_done(TrailExpect *e)
{
        free(e->s3_bucket_name);
        free(e->s3_key_prefix);
        free(e->kms_key_id);
        free(e->sns_topic);
        free(e->log_group);
        free(e->management_events);
        *e = (TrailExpect){};
}

void trail_expect_copy(TrailExpect *to, const TrailExpect *from)
{
        *to = *from;
        to->s3_bucket_name = mem_strdup(from->s3_bucket_name);
        to->s3_key_prefix = mem_strdup(from->s3_key_prefix);
        to->kms_key_id = mem_strdup(from->kms_key_id);
        to->sns_topic = mem_strdup(from->sns_topic);
        to->log_group = mem_strdup(from->log_group);
        to->management_events = mem_strdup(from->management_events);
}

void changes_done(Changes *c)
{
        for (size_t k = 0; k < c->n; k++) {
                free(c->items[k].before);
                free(c->items[k].after);
                free(c->items[k].by);
        }
        free(c->items);
        *c = (Changes){};
}

void message_done(Message *m)
{
        for (size_t i = 0; i < m->n_deliveries; i++) {
                free(m->deliveries[i].topic_arn);
                free(m->deliveries[i].message_id);
        }
        free(m->deliveries);
        free(m->subject);
        free(m->body);
        free(m->document);
        free(m->origin.incident);
        free(m->origin.kind);
        free(m->origin.trail_arn);
}

const char *store_error_words(int error)
{
        switch (error) {
        case -EBUSY:
                return "another trailsentryd uses the state directory";
        case -EEXIST:
                return "a file that this version cannot read is in its place";
        default:
                return strerror(-error);
        }
}

Delivery *message_find_delivery(const Message *m, const char *topic_arn)
{
        for (size_t d = 0; d < m->n_deliveries; d++)
                if (streq(m->deliveries[d].topic_arn, topic_arn))
                        return &m->deliveries[d];
        return NULL;
}

void deed_done(Deed *d)
{
        free(d->event_name);
        free(d->event_source);
}

Series *series_free(Series *s)
{
        if (!s)
                return NULL;

        for (size_t k = 0; k < s->n_trails; k++)
                free(s->trails[k].arn);
        for (size_t k = 0; k < s->n_actors; k++)
                cloudtrail_record_done(&s->actors[k].culprit.record);
        mem_free_strv(s->others, s->n_others);
        free(s->trails);
        free(s->actors);
        free(s->gone_numbers);
        free(s->last_id);
        free(s);
        return NULL;
}

Incident *incident_free(Incident *i)
{
        if (!i)
                return NULL;

        for (size_t k = 0; k < i->n_messages; k++)
                message_done(&i->messages[k]);
        for (size_t k = 0; k < i->attribution.n_findings; k++)
                cloudtrail_record_done(&i->attribution.findings[k].record);
        mem_free_strv(i->restart.request_ids, i->restart.n_request_ids);
        free(i->messages);
        for (size_t k = 0; k < i->attribution.n_deeds; k++)
                deed_done(&i->attribution.deeds[k]);
        free(i->attribution.deeds);
        free(i->attribution.deeds_key);
        free(i->attribution.searched_account);
        free(i->attribution.told_culprit);
        free(i->attribution.told_who);
        free(i->attribution.corrected_from);
        free(i->attribution.findings);
        free(i->delivery_error);
        changes_done(&i->changes);
        trail_settings_done(&i->former);
        mem_free_strv(i->resources, i->n_resources);
        free(i->accepted_by);
        free(i->announced_by);
        free(i->trail_arn);
        free(i->group);
        series_free(i->series);
        free(i->title);
        free(i->scope_arn);
        free(i->text);
        free(i);
        return NULL;
}

static bool is_everything_told(const Incident *i)
{
        if (i->open || (i->series && !i->series->done))
                return false;
        for (size_t m = 0; m < i->n_messages; m++)
                for (size_t d = 0; d < i->messages[m].n_deliveries; d++)
                        if (!i->messages[m].deliveries[d].sent)
                                return false;
        return true;
}

bool incident_is_finished(const Incident *i)
{
        SearchState s = i->attribution.state;

        return s != SEARCH_RUNNING && s != SEARCH_SETTLING && s != SEARCH_SETTLED &&
               is_everything_told(i);
}

bool incident_is_settled(const Incident *i)
{
        return i->attribution.state == SEARCH_SETTLED && is_everything_told(i);
}

const Finding *incident_find_role(const Incident *i, Role role)
{
        for (size_t f = 0; f < i->attribution.n_findings; f++)
                if (i->attribution.findings[f].role == role)
                        return &i->attribution.findings[f];
        return NULL;
}

const Finding *incident_next_culprit(const Incident *i, const Finding *f)
{
        for (f++; f < i->attribution.findings + i->attribution.n_findings; f++)
                if (f->role == ROLE_CULPRIT)
                        return f;
        return NULL;
}

bool identity_is_known(const UserIdentity *u)
{
        return u->arn || u->principal_id || u->user_name || u->account_id || u->invoked_by;
}

bool identity_is_same(const UserIdentity *a, const UserIdentity *b)
{
        if (!identity_is_known(a) || !streq_ptr(a->arn, b->arn) ||
            !streq_ptr(a->access_key_id, b->access_key_id) ||
            !streq_ptr(a->principal_id, b->principal_id))
                return false;
        /* Services, other accounts and Identity Center users may have none of these. */
        return a->arn || a->principal_id ||
               (streq_ptr(a->user_name, b->user_name) && streq_ptr(a->account_id, b->account_id) &&
                streq_ptr(a->invoked_by, b->invoked_by) &&
                streq_ptr(a->on_behalf_of, b->on_behalf_of));
}
