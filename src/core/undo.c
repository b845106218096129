/* SPDX-License-Identifier: Apache-2.0 */

#include "core/undo.h"

#include "aws/arn.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/drift.h"

#define COMMAND_MAX 6000
#define VALUE_MAX 500

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@+=-"
#define OF_VALUES "*"            /* an ARN of a log group ends in one */
#define OF_DOCUMENTS "*{}[]\", " /* JSON */

/* False for what is made of other characters than these, and for what is long: somebody pastes it.
 * Nothing begins as an option does. */
static bool add_quoted(StrBuf *b, const char *s, const char *quotable, size_t max)
{
        size_t n = strlen(s);

        if (n == 0 || n > max || *s == '-')
                return false;
        for (const char *c = s; *c; c++)
                if (!strchr(PLAIN, *c) && !strchr(quotable, *c))
                        return false;
        strbuf_addf(b, s[strspn(s, PLAIN)] ? "'%s'" : "%s", s);
        return true;
}

/* " --option value". False leaves nothing behind. */
static bool add_option(StrBuf *b, const char *option, const char *value)
{
        size_t begun = b->len;

        strbuf_addf(b, " %s ", option);
        if (add_quoted(b, value, OF_VALUES, VALUE_MAX))
                return true;
        strbuf_cut(b, begun);
        return false;
}

/* The same of a change's words, in which "none" is that there was none. */
static bool add_former(StrBuf *b, const char *option, const char *words)
{
        if (!streq(words, "none"))
                return add_option(b, option, words);
        strbuf_addf(b, " %s \"\"", option);
        return true;
}

static void add_flag(StrBuf *b, const char *option, bool on)
{
        strbuf_addf(b, " --%s%s", on ? "" : "no-", option + strlen("--"));
}

static bool begin(StrBuf *b, const Incident *i, const char *verb, const char *option)
{
        Arn trail;
        const char *why;

        if (arn_parse_trail(i->trail_arn, &trail, &why) < 0 ||
            !arn_name_is_plain(arn_trail_name(&trail)))
                return false;
        strbuf_addf(b, "aws cloudtrail %s --region %s %s %s", verb, trail.region, option,
                    streq(verb, "create-trail") ? arn_trail_name(&trail) : i->trail_arn);
        return true;
}

static char *finish(StrBuf *b, bool whole)
{
        char *text = whole && strbuf_error(b) >= 0 ? mem_strdup(strbuf_str(b)) : NULL;

        strbuf_done(b);
        return text;
}

static const Change *change_of(const Incident *i, ChangeKind k)
{
        for (size_t n = 0; n < i->changes.n; n++)
                if (i->changes.items[n].kind == k && !i->changes.items[n].undone)
                        return &i->changes.items[n];
        return NULL;
}

/* What it was: as the change has it, or as it still is. */
static const char *former(const Incident *i, ChangeKind k, const char *known)
{
        const Change *c = change_of(i, k);

        if (c)
                return c->before;
        return i->former.described ? known ? known : "none" : NULL;
}

/* The log group and the role that writes to it are taken as a pair only. */
static bool add_log_group(StrBuf *b, const Incident *i)
{
        const char *group = former(i, CHANGE_LOG_GROUP, i->former.description.log_group_arn);
        const char *role = former(i, CHANGE_LOG_ROLE, i->former.description.log_role_arn);
        size_t begun = b->len;

        if (!group || !role)
                return false;
        if (streq(group, "none") || streq(role, "none"))
                group = role = "none";
        else if (strncmp(group, "arn:", 4) != 0 || strncmp(role, "arn:", 4) != 0)
                return false;
        if (add_former(b, change_info(CHANGE_LOG_GROUP)->option, group) &&
            add_former(b, change_info(CHANGE_LOG_ROLE)->option, role))
                return true;
        strbuf_cut(b, begun);
        return false;
}

static void leave_out(StrBuf *left_out, ChangeKind k)
{
        strbuf_addf(left_out, "%s%s", left_out->len > 0 ? ", " : "", change_info(k)->label);
}

/* A declared topic may be a name, which the option takes for one of the trail's own account. */
static bool add_change(StrBuf *b, const Change *c)
{
        const char *option = change_info(c->kind)->option;

        if (streq(c->before, "on") || streq(c->before, "off")) {
                add_flag(b, option, streq(c->before, "on"));
                return true;
        }
        return !(c->declared && c->kind == CHANGE_SNS_TOPIC && !strchr(c->before, ':')) &&
               add_former(b, option, c->before);
}

char *undo_update_trail(const Incident *i, char **ret_left_out)
{
        StrBuf b = STRBUF_INIT(COMMAND_MAX), left_out = STRBUF_INIT(1024);
        const Change *multi = change_of(i, CHANGE_MULTI_REGION);
        bool whole = begin(&b, i, "update-trail", "--name"), any = false;

        for (size_t k = 0; whole && k < i->changes.n; k++) {
                const Change *c = &i->changes.items[k];
                bool added;

                /* Of the pair the second is with the first. */
                if (c->undone || !change_info(c->kind)->option ||
                    (c->kind == CHANGE_LOG_ROLE && change_of(i, CHANGE_LOG_GROUP)))
                        continue;
                added = c->kind == CHANGE_LOG_GROUP || c->kind == CHANGE_LOG_ROLE
                                ? add_log_group(&b, i)
                                : add_change(&b, c);
                if (!added)
                        leave_out(&left_out, c->kind);
                any = any || added;
        }
        /* The one demands the other. */
        if (multi && streq(multi->before, "on") && !change_of(i, CHANGE_GLOBAL_SERVICE_EVENTS))
                strbuf_add(&b, " --include-global-service-events");
        *ret_left_out = left_out.len > 0 ? mem_strdup(strbuf_str(&left_out)) : NULL;
        strbuf_done(&left_out);
        return finish(&b, whole && any);
}

/* Nothing that a mail program makes a link of. */
static bool is_plain_label(const char *s)
{
        return s &&
               s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-")] ==
                       '\0';
}

char *undo_put_event_selectors(const Incident *i, bool *ret_unnamed)
{
        StrBuf b = STRBUF_INIT(COMMAND_MAX);
        _cleanup_json_ json_t *o = trail_settings_to_json(&i->former);
        json_t *all = json_object_get(o, "AdvancedEventSelectors"), *selector;
        bool whole =
                json_array_size(all) > 0 && begin(&b, i, "put-event-selectors", "--trail-name");
        size_t k;

        *ret_unnamed = false;
        json_array_foreach(all, k, selector)
        {
                whole = whole && !json_is_true(json_object_get(selector, "Odd"));
                (void)json_object_del(selector, "Odd");
                if (is_plain_label(json_string_value(json_object_get(selector, "Name"))))
                        continue;
                *ret_unnamed = json_object_del(selector, "Name") >= 0 || *ret_unnamed;
        }
        if (whole) {
                _cleanup_free_ char *text = json_dumps(all, JSON_COMPACT | JSON_ENSURE_ASCII);

                strbuf_add(&b, " --advanced-event-selectors ");
                whole = text && add_quoted(&b, text, OF_DOCUMENTS, COMMAND_MAX);
        }
        return finish(&b, whole);
}

char *undo_create_trail(const Incident *i)
{
        const TrailDescription *d = &i->former.description;
        const struct {
                ChangeKind kind;
                const char *value;
        } options[] = {
                {CHANGE_S3_BUCKET, d->s3_bucket_name}, {CHANGE_S3_KEY_PREFIX, d->s3_key_prefix},
                {CHANGE_KMS_KEY, d->kms_key_id},       {CHANGE_SNS_TOPIC, d->sns_topic_arn},
                {CHANGE_LOG_GROUP, d->log_group_arn},  {CHANGE_LOG_ROLE, d->log_role_arn},
        };
        const struct {
                ChangeKind kind;
                bool on;
        } flags[] = {
                {CHANGE_GLOBAL_SERVICE_EVENTS, d->global_service_events},
                {CHANGE_MULTI_REGION, d->is_multi_region},
                {CHANGE_LOG_FILE_VALIDATION, d->log_file_validation},
                {CHANGE_ORGANIZATION, d->is_organization},
        };
        StrBuf b = STRBUF_INIT(COMMAND_MAX);
        bool whole = i->former.described && d->s3_bucket_name &&
                     !d->log_group_arn == !d->log_role_arn &&
                     begin(&b, i, "create-trail", "--name");

        for (size_t k = 0; whole && k < ELEMENTSOF(options); k++)
                if (options[k].value)
                        whole = add_option(&b, change_info(options[k].kind)->option,
                                           options[k].value);
        for (size_t k = 0; whole && k < ELEMENTSOF(flags); k++)
                add_flag(&b, change_info(flags[k].kind)->option, flags[k].on);
        return finish(&b, whole);
}

char *undo_check_bucket(const Incident *i)
{
        StrBuf b = STRBUF_INIT(COMMAND_MAX);
        const char *bucket = i->former.description.s3_bucket_name;
        Arn trail;
        const char *why;
        bool whole =
                i->former.described && bucket && arn_parse_trail(i->trail_arn, &trail, &why) >= 0;

        strbuf_add(&b, "aws s3api head-bucket --bucket ");
        whole = whole && add_quoted(&b, bucket, OF_VALUES, VALUE_MAX);
        if (whole)
                strbuf_addf(&b, " --expected-bucket-owner %s", trail.account);
        return finish(&b, whole);
}
