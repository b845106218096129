/* SPDX-License-Identifier: Apache-2.0 */
#include "core/drift.h"

#include "aws/digest.h"
#include "base/mem.h"
#include "core/selectors.h"

#define WORDS_MAX ((size_t)16 * 1024)

static const ChangeInfo infos[_CHANGE_KIND_MAX] = {
        [CHANGE_S3_BUCKET] = {"S3 bucket", "delivers to another bucket",
                              "Log files go to another bucket. It may be the attacker's, and "
                              "nobody of yours may read it.",
                              "--s3-bucket-name"},
        [CHANGE_S3_KEY_PREFIX] = {"S3 key prefix", "delivers under another prefix",
                                  "Log files get other names: what reads or watches them by prefix "
                                  "finds none.",
                                  "--s3-key-prefix"},
        [CHANGE_KMS_KEY] = {"KMS key", "uses a different KMS key, or none",
                            "Log files are encrypted with a different key, or with none: with a "
                            "foreign key you cannot read them, without a key everybody can who "
                            "reads the bucket.",
                            "--kms-key-id"},
        [CHANGE_MULTI_REGION] = {"Multi-region", "records one region only",
                                 "Only its home region is recorded: what is done in any other "
                                 "region goes unseen.",
                                 "--is-multi-region-trail"},
        [CHANGE_ORGANIZATION] = {"Organization", "does not record the organization",
                                 "Only its own account is recorded: the other accounts of the "
                                 "organization go unseen.",
                                 "--is-organization-trail"},
        [CHANGE_GLOBAL_SERVICE_EVENTS] = {"Global events", "does not record global services",
                                          "IAM, STS and other services without a region are not "
                                          "recorded.",
                                          "--include-global-service-events"},
        [CHANGE_LOG_FILE_VALIDATION] = {"File validation", "does not validate its log files",
                                        "No digest files are written: log files can be changed or "
                                        "deleted without a trace.",
                                        "--enable-log-file-validation"},
        [CHANGE_SNS_TOPIC] = {"SNS topic", "notifies another topic, or none",
                              "Whoever waits for its notifications of new log files hears nothing, "
                              "or somebody else does.",
                              "--sns-topic-name"},
        [CHANGE_LOG_GROUP] = {"Log group", "writes to another log group, or none",
                              "Alarms and subscriptions on the log group in CloudWatch Logs see "
                              "nothing any more, or somebody else does.",
                              "--cloud-watch-logs-log-group-arn"},
        [CHANGE_LOG_ROLE] = {"Log role", "has another role for CloudWatch Logs",
                             "Another role writes to CloudWatch Logs; without its permissions "
                             "nothing arrives there.",
                             "--cloud-watch-logs-role-arn"},
        [CHANGE_INSIGHTS] = {"Insights", "does not point out unusual activity",
                             "Unusual activity is not pointed out any more.", NULL},
        [CHANGE_MANAGEMENT_EVENTS] = {"Management", "does not record all management events",
                                      "The trail logs, and yet does not record this: it is as "
                                      "blind to it as a stopped one.",
                                      NULL},
        [CHANGE_DATA_EVENTS] = {"Other events", "records fewer data events",
                                "These events are not recorded any more.", NULL},
        [CHANGE_LOG_FILES] = {"Log files", "delivers no log files",
                              "No log file reaches the bucket: what is recorded cannot be read. "
                              "CloudTrail keeps trying for 30 days.",
                              NULL},
        [CHANGE_DIGEST_FILES] = {"Digest files", "delivers no digest files",
                                 "No digest file reaches the bucket: log files cannot be proven "
                                 "unchanged.",
                                 NULL},
        [CHANGE_CLOUDWATCH_LOGS] = {"CloudWatch Logs", "does not reach CloudWatch Logs",
                                    "Nothing reaches the log group: alarms and subscriptions on it "
                                    "are dead.",
                                    NULL},
        [CHANGE_NOTIFICATIONS] = {"Notifications", "does not notify of new log files",
                                  "Nobody is notified of new log files: what waits for that does "
                                  "not run.",
                                  NULL},
        [CHANGE_LATE] = {"Deliveries", "has delivered nothing for long",
                         "No log file has been delivered for far longer than is usual for this "
                         "trail, and no error says why. Its account may just be quiet.",
                         NULL},

};

const ChangeInfo *change_info(ChangeKind k)
{
        return &infos[k];
}

const char *change_parameter(ChangeKind k)
{
        static const char *const parameters[_CHANGE_KIND_MAX] = {
                [CHANGE_S3_BUCKET] = "s3BucketName",
                [CHANGE_S3_KEY_PREFIX] = "s3KeyPrefix",
                [CHANGE_KMS_KEY] = "kmsKeyId",
                [CHANGE_MULTI_REGION] = "isMultiRegionTrail",
                [CHANGE_ORGANIZATION] = "isOrganizationTrail",
                [CHANGE_GLOBAL_SERVICE_EVENTS] = "includeGlobalServiceEvents",
                [CHANGE_LOG_FILE_VALIDATION] = "enableLogFileValidation",
                [CHANGE_SNS_TOPIC] = "snsTopicName",
                [CHANGE_LOG_GROUP] = "cloudWatchLogsLogGroupArn",
                [CHANGE_LOG_ROLE] = "cloudWatchLogsRoleArn",
        };

        return parameters[k];
}

/* Settings that are a text. */
static const struct {
        ChangeKind kind;
        size_t offset;        /* in TrailDescription */
        size_t expect_offset; /* in TrailExpect; SIZE_MAX: cannot be declared */
        Severity severity;
        Severity added; /* there was none */
} texts[] = {
        {CHANGE_S3_BUCKET, offsetof(TrailDescription, s3_bucket_name),
         offsetof(TrailExpect, s3_bucket_name), SEVERITY_CRITICAL, SEVERITY_CRITICAL},
        {CHANGE_S3_KEY_PREFIX, offsetof(TrailDescription, s3_key_prefix),
         offsetof(TrailExpect, s3_key_prefix), SEVERITY_HIGH, SEVERITY_HIGH},
        {CHANGE_KMS_KEY, offsetof(TrailDescription, kms_key_id), offsetof(TrailExpect, kms_key_id),
         SEVERITY_HIGH, SEVERITY_HIGH},
        {CHANGE_SNS_TOPIC, offsetof(TrailDescription, sns_topic_arn),
         offsetof(TrailExpect, sns_topic), SEVERITY_HIGH, SEVERITY_WARNING},
        {CHANGE_LOG_GROUP, offsetof(TrailDescription, log_group_arn),
         offsetof(TrailExpect, log_group), SEVERITY_HIGH, SEVERITY_WARNING},
        {CHANGE_LOG_ROLE, offsetof(TrailDescription, log_role_arn), SIZE_MAX, SEVERITY_HIGH,
         SEVERITY_WARNING},
};

/* Settings that are on or off, and better on. */
static const struct {
        ChangeKind kind;
        size_t offset;
        size_t expect_offset;
        Severity severity;
        const char *weakness;
} flags[] = {
        {CHANGE_MULTI_REGION, offsetof(TrailDescription, is_multi_region),
         offsetof(TrailExpect, multi_region), SEVERITY_CRITICAL, "it records its home region only"},
        {CHANGE_ORGANIZATION, offsetof(TrailDescription, is_organization),
         offsetof(TrailExpect, organization), SEVERITY_CRITICAL, NULL},
        {CHANGE_GLOBAL_SERVICE_EVENTS, offsetof(TrailDescription, global_service_events),
         offsetof(TrailExpect, global_service_events), SEVERITY_HIGH,
         "it does not record global services (IAM, STS)"},
        {CHANGE_LOG_FILE_VALIDATION, offsetof(TrailDescription, log_file_validation),
         offsetof(TrailExpect, log_file_validation), SEVERITY_HIGH,
         "its log files are not validated: they can be changed without a trace"},
        {CHANGE_INSIGHTS, offsetof(TrailDescription, has_insight_selectors), SIZE_MAX,
         SEVERITY_WARNING, NULL},
};

static const char *text_at(const void *base, size_t offset)
{
        return *(char *const *)((const char *)base + offset);
}

static bool *flag_at(const TrailDescription *d, size_t offset)
{
        return (bool *)((const char *)d + offset);
}

static Declared declared_at(const TrailExpect *e, size_t offset)
{
        return offset == SIZE_MAX ? DECLARED_UNSAID : *(const Declared *)((const char *)e + offset);
}

/* "key/1234" of an ARN is named 1234, "log-group:name:*" name, "arn:...:topic" topic. */
static bool is_name_of(const char *name, const char *arn)
{
        static const char group[] = "log-group:";
        _cleanup_free_ char *copy = NULL;
        const char *begin;
        Arn a;

        if (arn_parse(arn, &a) < 0)
                return false;
        begin = a.resource;
        if (strncmp(begin, group, strlen(group)) == 0)
                begin += strlen(group);
        else if (streq(a.service, "kms") && strchr(begin, '/'))
                begin = strchr(begin, '/') + 1;
        copy = mem_strdup(begin);
        size_t n = strlen(copy);
        if (n > 2 && streq(copy + n - 2, ":*"))
                copy[n - 2] = '\0';
        return streq(copy, name);
}

static bool is_log_group_arn(const char *a, const char *b)
{
        size_t n = strlen(a);

        return strlen(b) == n + 2 && strncmp(a, b, n) == 0 && streq(b + n, ":*");
}

bool resource_is_same(const char *a, const char *b)
{
        a = strempty(a);
        b = strempty(b);
        return streq(a, b) || is_name_of(a, b) || is_name_of(b, a) || is_log_group_arn(a, b) ||
               is_log_group_arn(b, a);
}

static const char *none_words(const char *s)
{
        return isempty(s) ? "none" : s;
}

static Change *add_change(Changes *c, ChangeKind kind, Severity severity)
{
        Change *x = mem_push0(c->items, c->n);

        x->kind = kind;
        x->severity = severity;
        return x;
}

static void compare_texts(const TrailDescription *before, const TrailExpect *expect,
                          const TrailDescription *found, Changes *ret)
{
        for (size_t k = 0; k < ELEMENTSOF(texts); k++) {
                const char *said = texts[k].expect_offset == SIZE_MAX
                                           ? NULL
                                           : text_at(expect, texts[k].expect_offset);
                const char *was = said ? said : text_at(before, texts[k].offset);
                const char *is = text_at(found, texts[k].offset);

                if (said ? resource_is_same(said, is) : streq(strempty(was), strempty(is)))
                        continue;
                Change *c = add_change(ret, texts[k].kind,
                                       isempty(was) ? texts[k].added : texts[k].severity);
                c->before = mem_strdup(none_words(was));
                c->after = mem_strdup(none_words(is));
                c->declared = said != NULL;
        }
}

static void compare_flags(const TrailDescription *before, const TrailExpect *expect,
                          const TrailDescription *found, Changes *ret)
{
        for (size_t k = 0; k < ELEMENTSOF(flags); k++) {
                Declared said = declared_at(expect, flags[k].expect_offset);
                bool was = said == DECLARED_UNSAID ? *flag_at(before, flags[k].offset)
                                                   : said == DECLARED_YES;
                bool is = *flag_at(found, flags[k].offset);

                if (was == is || (said == DECLARED_UNSAID && is))
                        continue;
                Change *c =
                        add_change(ret, flags[k].kind, was ? flags[k].severity : SEVERITY_WARNING);
                c->before = mem_strdup(was ? "on" : "off");
                c->after = mem_strdup(is ? "on" : "off");
                c->declared = said != DECLARED_UNSAID;
        }
}

static char *other_events_words(const EventSelectors *s)
{
        StrBuf b = STRBUF_INIT(WORDS_MAX);
        char *words;

        selectors_add_words(s, &b);
        if (b.len > 0 && !strbuf_error(&b))
                b.data[--b.len] = '\0'; /* the last end of line */
        words = mem_strdup(none_words(strbuf_str(&b)));
        strbuf_done(&b);
        return words;
}

static const EventSelector everything_selector[] = {
        {.fields = (SelectorField[]){{.name = (char *)"eventCategory",
                                      .select = (Pattern[]){{PATTERN_EXACT, (char *)"Management"}},
                                      .n_select = 1}},
         .n_fields = 1},
};
static const EventSelectors everything = {(EventSelector *)everything_selector, 1};

static void compare_selectors(const EventSelectors *before, const TrailExpect *expect,
                              const EventSelectors *found, Changes *ret)
{
        StrBuf lost = STRBUF_INIT(WORDS_MAX);
        bool declared = expect->management_events != NULL;
        const EventSelectors *was = declared ? &everything : before;

        if (selectors_kept(was, found, true, NULL) != KEPT_ALL) {
                Change *c = add_change(ret, CHANGE_MANAGEMENT_EVENTS, SEVERITY_CRITICAL);
                c->before = selectors_management_words(was);
                c->after = selectors_management_words(found);
                c->declared = declared;
        }
        Kept kept = selectors_kept(before, found, false, &lost);
        if (kept != KEPT_ALL) {
                Change *c = add_change(ret, CHANGE_DATA_EVENTS,
                                       kept == KEPT_NOT ? SEVERITY_HIGH : SEVERITY_WARNING);
                c->before = other_events_words(before);
                c->after = mem_printf("%s:\n%s",
                                      kept == KEPT_NOT ? "no longer recorded, or only in part"
                                                       : "cannot be shown to be recorded as before",
                                      strbuf_str(&lost));
                size_t n = strlen(c->after);
                if (c->after[n - 1] == '\n')
                        c->after[n - 1] = '\0';
        }
        strbuf_done(&lost);
}

static int change_compare(const void *a, const void *b)
{
        return (int)((const Change *)a)->kind - (int)((const Change *)b)->kind;
}

void drift_compare(const TrailSettings *baseline, const TrailExpect *expect,
                   const TrailSettings *found, Changes *ret)
{
        if (baseline->described && found->described) {
                compare_texts(&baseline->description, expect, &found->description, ret);
                compare_flags(&baseline->description, expect, &found->description, ret);
        }
        if (baseline->selected && found->selected)
                compare_selectors(&baseline->selectors, expect, &found->selectors, ret);
        if (ret->n > 0)
                qsort(ret->items, ret->n, sizeof(Change), change_compare);
}

/* UpdateTrail changes what is in its request and leaves alone the rest. */
static void apply_update(const CloudTrailRecord *r, TrailDescription *d)
{
        bool known;

        for (size_t k = 0; k < ELEMENTSOF(texts); k++) {
                _cleanup_free_ char *value =
                        cloudtrail_record_parameter(r, change_parameter(texts[k].kind), &known);
                char **is = (char **)((char *)d + texts[k].offset);

                if (value && known && !resource_is_same(value, *is))
                        mem_strset(is, isempty(value) ? NULL : value);
        }
        for (size_t k = 0; k < ELEMENTSOF(flags); k++) {
                const char *parameter = change_parameter(flags[k].kind);
                _cleanup_free_ char *value =
                        parameter ? cloudtrail_record_parameter(r, parameter, &known) : NULL;

                if (value && known)
                        *flag_at(d, flags[k].offset) = streq(value, "true");
        }
}

void drift_compare_request(const TrailSettings *baseline, const TrailExpect *expect,
                           const CloudTrailRecord *r, Changes *ret)
{
        _cleanup_(trail_settings_done) TrailSettings asked = {};
        const char *selectors = strempty(r->selectors);

        if (streq(r->event_name, "PutEventSelectors")) {
                asked.selected = cloudtrail_parse_event_selectors(selectors, strlen(selectors),
                                                                  &asked.selectors) >= 0;
                drift_compare(baseline, expect, &asked, ret);
                return;
        }
        trail_settings_update(&asked, baseline);
        asked.selected = false;
        if (streq(r->event_name, "UpdateTrail"))
                apply_update(r, &asked.description);
        else if (streq(r->event_name, "PutInsightSelectors") && *selectors)
                asked.description.has_insight_selectors =
                        !streq(selectors, "{\"InsightSelectors\":[]}");
        drift_compare(baseline, expect, &asked, ret);
}

bool drift_improve(TrailSettings *baseline, const TrailExpect *expect, const TrailSettings *found,
                   StrBuf *b)
{
        bool any = false;

        for (size_t k = 0; baseline->described && found->described && k < ELEMENTSOF(flags); k++) {
                bool *was = flag_at(&baseline->description, flags[k].offset);

                if (*was || !*flag_at(&found->description, flags[k].offset) ||
                    declared_at(expect, flags[k].expect_offset) != DECLARED_UNSAID)
                        continue;
                *was = any = true;
                strbuf_addf(b, "%s is on; ", infos[flags[k].kind].label);
        }
        if (!baseline->selected || !found->selected)
                return any;
        const EventSelectors *before = &baseline->selectors, *now = &found->selectors;
        if (selectors_kept(before, now, true, NULL) != KEPT_ALL ||
            selectors_kept(before, now, false, NULL) != KEPT_ALL ||
            (selectors_kept(now, before, true, NULL) == KEPT_ALL &&
             selectors_kept(now, before, false, NULL) == KEPT_ALL))
                return any;
        TrailSettings wider = {.selected = true, .selectors = found->selectors};
        trail_settings_update(baseline, &wider);
        strbuf_add(b, "more events are recorded; ");
        return true;
}

void drift_add_weaknesses(const TrailSettings *s, StrBuf *b)
{
        for (size_t k = 0; s->described && k < ELEMENTSOF(flags); k++)
                if (flags[k].weakness && !*flag_at(&s->description, flags[k].offset))
                        strbuf_addf(b, "%s\n", flags[k].weakness);
        if (!s->selected || (selectors_management(&s->selectors, true) == COVERAGE_ALL &&
                             selectors_management(&s->selectors, false) == COVERAGE_ALL))
                return;
        _cleanup_free_ char *words = selectors_management_words(&s->selectors);
        strbuf_addf(b, "it does not record all management events: %s\n", words);
}

const char *drift_setting_words(const TrailSettings *s, size_t i, char **ret_value)
{
        if (i < ELEMENTSOF(texts)) {
                *ret_value = mem_strdup(none_words(
                        s->described ? text_at(&s->description, texts[i].offset) : "not known"));
                return infos[texts[i].kind].label;
        }
        i -= ELEMENTSOF(texts);
        if (i < ELEMENTSOF(flags)) {
                *ret_value = mem_strdup(!s->described                                ? "not known"
                                        : *flag_at(&s->description, flags[i].offset) ? "on"
                                                                                     : "off");
                return infos[flags[i].kind].label;
        }
        i -= ELEMENTSOF(flags);
        if (i > 1)
                return NULL;
        if (!s->selected)
                *ret_value = mem_strdup("not known");
        else
                *ret_value = i == 0 ? selectors_management_words(&s->selectors)
                                    : other_events_words(&s->selectors);
        return infos[i == 0 ? CHANGE_MANAGEMENT_EVENTS : CHANGE_DATA_EVENTS].label;
}

void changes_digest(const Changes *c, char ret[static DRIFT_DIGEST_SIZE])
{
        StrBuf b = STRBUF_INIT((size_t)1024 * 1024);

        _Static_assert(DRIFT_DIGEST_SIZE == DIGEST_HEX_SIZE, "a digest in hex");
        for (size_t k = 0; k < c->n; k++)
                if (!c->items[k].undone)
                        strbuf_addf(&b, "%s=%s\n", change_kind_to_string(c->items[k].kind),
                                    c->items[k].after);
        *ret = '\0';
        if (b.len > 0)
                digest_sha256_hex(b.data, b.len, ret);
        strbuf_done(&b);
}

static Change *find_change(Changes *c, ChangeKind k)
{
        for (size_t i = 0; i < c->n; i++)
                if (c->items[i].kind == k)
                        return &c->items[i];
        return NULL;
}

bool changes_merge(Incident *i, Changes *now)
{
        bool more = false, there[_CHANGE_KIND_MAX] = {};

        for (size_t k = 0; k < now->n; k++) {
                Change *x = &now->items[k], *c = find_change(&i->changes, x->kind);

                there[x->kind] = true;
                if (c && !c->undone && streq(c->after, x->after) && streq(c->before, x->before))
                        continue;
                more = true;
                if (!c) {
                        c = mem_push0(i->changes.items, i->changes.n);
                } else {
                        free(c->before);
                        free(c->after);
                        free(c->by);
                }
                *c = *x;
                *x = (Change){};
        }
        changes_done(now);
        for (size_t k = 0; k < i->changes.n; k++)
                i->changes.items[k].undone = !there[i->changes.items[k].kind];
        if (i->changes.n > 0)
                qsort(i->changes.items, i->changes.n, sizeof(Change), change_compare);
        return more;
}

/* Of two equally bad ones, what blinds is worse. */
static int badness(const Change *c)
{
        return (c->undone ? 0 : 1000) + 10 * (int)c->severity +
               (c->kind == CHANGE_MANAGEMENT_EVENTS);
}

const Change *changes_worst(const Changes *c)
{
        const Change *worst = NULL;

        for (size_t k = 0; k < c->n; k++) {
                if (!worst || badness(&c->items[k]) > badness(worst))
                        worst = &c->items[k];
        }
        return worst;
}

Severity changes_severity(const Changes *c)
{
        const Change *worst = changes_worst(c);

        return worst ? worst->severity : SEVERITY_INFO;
}

bool changes_have(const Changes *c, ChangeKind k)
{
        const Change *x = find_change((Changes *)c, k);

        return x && !x->undone;
}
