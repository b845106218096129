/* SPDX-License-Identifier: Apache-2.0 */
#include "core/changecause.h"

#include "base/mem.h"
#include "core/drift.h"

#define EVENTS_MAX 8
/* What a record keeps of a parameter; longer values are known to be there only. */
#define PARAMETER_VALUE_MAX 128

static const char *const setting_events[] = {"UpdateTrail", "CreateTrail", NULL};
static const char *const selector_events[] = {"PutEventSelectors", "CreateTrail", NULL};
static const char *const insight_events[] = {"PutInsightSelectors", "CreateTrail", NULL};

/* What an error of a delivery speaks of: the calls that make it, first those that it proves. */
typedef struct ErrorCause {
        const char *error; /* its beginning; "": any other */
        unsigned n_proven;
        const char *events[EVENTS_MAX]; /* NULL ends them */
} ErrorCause;

static const ErrorCause s3_errors[] = {
        {"NoSuchBucket", 1, {"DeleteBucket"}},
        {"AccessDenied",
         0,
         {"PutBucketPolicy", "DeleteBucketPolicy", "PutKeyPolicy", "UpdateTrail"}},
        {"KMS.DisabledException", 1, {"DisableKey", "ScheduleKeyDeletion", "UpdateTrail"}},
        {"KMS.KMSInvalidStateException",
         1,
         {"ScheduleKeyDeletion", "DisableKey", "DeleteImportedKeyMaterial", "UpdateTrail"}},
        {"KMS.NotFoundException", 0, {"ScheduleKeyDeletion", "UpdateTrail"}},
        {"KMS.",
         0,
         {"PutKeyPolicy", "RevokeGrant", "DisableKey", "ScheduleKeyDeletion", "UpdateTrail"}},
        {"",
         0,
         {"DeleteBucket", "PutBucketPolicy", "DeleteBucketPolicy", "DisableKey",
          "ScheduleKeyDeletion", "PutKeyPolicy", "UpdateTrail"}},
};
static const ErrorCause logs_errors[] = {
        {"ResourceNotFoundException", 1, {"DeleteLogGroup", "UpdateTrail"}},
        {"", 0, {"DeleteLogGroup", "UpdateTrail"}},
};
static const ErrorCause topic_errors[] = {
        {"NotFound", 1, {"DeleteTopic", "UpdateTrail"}},
        {"", 0, {"DeleteTopic", "SetTopicAttributes", "RemovePermission", "UpdateTrail"}},
};

static const ErrorCause *error_cause(const Change *c)
{
        const ErrorCause *e = c->kind == CHANGE_CLOUDWATCH_LOGS ? logs_errors
                              : c->kind == CHANGE_NOTIFICATIONS ? topic_errors
                                                                : s3_errors;

        while (strncmp(strempty(c->after), e->error, strlen(e->error)) != 0)
                e++;
        return e;
}

static const char *const *events_of(const Change *c)
{
        static const char *const none[] = {NULL};

        if (c->kind == CHANGE_LATE)
                return none;
        if (c->kind >= CHANGE_LOG_FILES)
                return error_cause(c)->events;
        if (c->kind == CHANGE_INSIGHTS)
                return insight_events;
        return c->kind >= CHANGE_MANAGEMENT_EVENTS ? selector_events : setting_events;
}

/* Whether an earlier change, or this one before n, has the name, too. */
static bool is_had(const Changes *c, size_t change, size_t n, const char *name)
{
        for (size_t k = 0; k <= change; k++) {
                const char *const *had = events_of(&c->items[k]);

                for (size_t e = 0; had[e] && (k < change || e < n); e++)
                        if (streq(had[e], name))
                                return true;
        }
        return false;
}

const char *changes_event_name(const Changes *c, unsigned step)
{
        for (size_t k = 0; k < c->n; k++) {
                const char *const *names = events_of(&c->items[k]);

                for (size_t e = 0; names[e]; e++)
                        if (!is_had(c, k, e, names[e]) && step-- == 0)
                                return names[e];
        }
        return NULL;
}

static bool is_called(const Finding *f, const char *event)
{
        return streq(f->record.event_name, event);
}

static bool is_alias(const char *key)
{
        return strncmp(key, "alias/", 6) == 0 || strstr(key, ":alias/");
}

/* Whether a request's value is what a setting is said to be. */
static bool is_value_of(const char *value, const char *words)
{
        if (streq(words, "on") || streq(words, "off"))
                return streq(value, streq(words, "on") ? "true" : "false");
        return streq(words, "none") ? isempty(value) : resource_is_same(value, words);
}

static Cause value_cause(const char *value, bool known, const Change *c)
{
        const char *found = strempty(c->after);

        if (!known) /* longer than what was found, or not known to be */
                return strlen(found) < PARAMETER_VALUE_MAX ? CAUSE_NOT : CAUSE_MAY;
        if (is_value_of(value, found))
                return CAUSE_SHOWN;
        return c->kind == CHANGE_KMS_KEY && is_alias(value) ? CAUSE_MAY : CAUSE_NOT;
}

/* What a trail has that was created without saying so: nothing but global events. */
static bool is_default(const Change *c)
{
        if (c->kind == CHANGE_GLOBAL_SERVICE_EVENTS || c->kind == CHANGE_MANAGEMENT_EVENTS)
                return false;
        return c->kind == CHANGE_DATA_EVENTS || streq(strempty(c->after), "none") ||
               streq(strempty(c->after), "off");
}

/* UpdateTrail leaves alone what is not in its request. */
static Cause setting_cause(const Finding *f, const Change *c)
{
        const char *parameter = change_parameter(c->kind);
        bool known = false;
        _cleanup_free_ char *value =
                parameter ? cloudtrail_record_parameter(&f->record, parameter, &known) : NULL;

        if (value)
                return value_cause(value, known, c);
        return is_called(f, "CreateTrail") && is_default(c) ? CAUSE_SHOWN : CAUSE_NOT;
}

/* Of another service's calls on what the trail delivers to: by the error. */
static Cause delivery_cause(const Finding *f, const Change *c)
{
        static const char *const parameters[] = {"s3BucketName", "kmsKeyId", "snsTopicName",
                                                 "cloudWatchLogsLogGroupArn",
                                                 "cloudWatchLogsRoleArn"};
        const ErrorCause *e = error_cause(c);
        bool known;

        if (is_called(f, "UpdateTrail"))
                for (size_t k = 0; k < ELEMENTSOF(parameters); k++) {
                        _cleanup_free_ char *value =
                                cloudtrail_record_parameter(&f->record, parameters[k], &known);

                        if (value)
                                return CAUSE_MAY;
                }
        for (unsigned k = 0; e->events[k] && !is_called(f, "UpdateTrail"); k++)
                if (is_called(f, e->events[k]))
                        return k < e->n_proven ? CAUSE_SHOWN : CAUSE_MAY;
        return CAUSE_NOT;
}

static bool may_change(const Finding *f, const Change *c)
{
        const char *const *events = events_of(c);

        for (size_t e = 0; events[e]; e++)
                if (is_called(f, events[e]))
                        return true;
        return false;
}

Cause change_cause(const Finding *f, const Change *c)
{
        uint32_t bit = UINT32_C(1) << c->kind;

        if (!may_change(f, c))
                return CAUSE_NOT;
        if (f->record.parameters_omitted)
                return CAUSE_MAY;
        if (c->kind >= CHANGE_LOG_FILES)
                return delivery_cause(f, c);
        if (is_called(f, "UpdateTrail") || is_called(f, "CreateTrail"))
                return setting_cause(f, c);
        if (!f->compared || c->declared)
                return CAUSE_MAY;
        return f->asked_for & bit ? CAUSE_SHOWN : CAUSE_NOT;
}

void change_note_request(const Incident *i, const CloudTrailRecord *r, Finding *f)
{
        static const TrailExpect nothing;
        _cleanup_(changes_done) Changes asked = {};

        if (!r->selectors || !i->former.described || !i->former.selected)
                return;
        drift_compare_request(&i->former, &nothing, r, &asked);
        f->compared = true;
        f->asked_for = 0;
        for (size_t k = 0; k < asked.n; k++)
                for (size_t n = 0; n < i->changes.n; n++)
                        if (asked.items[k].kind == i->changes.items[n].kind &&
                            streq(asked.items[k].after, i->changes.items[n].after))
                                f->asked_for |= UINT32_C(1) << asked.items[k].kind;
}
