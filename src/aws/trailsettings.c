/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/trailsettings.h"

#include <errno.h>

#include "base/jsonmend.h"
#include "base/mem.h"

#define BODY_MAX ((size_t)1024 * 1024)

#define TEXT(member, key)                                                                          \
        {                                                                                          \
                key, JSONMAP_STRING_NONEMPTY, offsetof(TrailDescription, member)                   \
        }
#define FLAG(member, key)                                                                          \
        {                                                                                          \
                key, JSONMAP_BOOL, offsetof(TrailDescription, member)                              \
        }

static const JsonField description_fields[] = {
        TEXT(name, "Name"),
        {"TrailARN", JSONMAP_STRING, offsetof(TrailDescription, arn), JSONMAP_REQUIRED},
        TEXT(home_region, "HomeRegion"),
        TEXT(s3_bucket_name, "S3BucketName"),
        TEXT(s3_key_prefix, "S3KeyPrefix"),
        TEXT(kms_key_id, "KmsKeyId"),
        TEXT(sns_topic_arn, "SnsTopicARN"),
        TEXT(log_group_arn, "CloudWatchLogsLogGroupArn"),
        TEXT(log_role_arn, "CloudWatchLogsRoleArn"),
        FLAG(is_multi_region, "IsMultiRegionTrail"),
        FLAG(is_organization, "IsOrganizationTrail"),
        FLAG(global_service_events, "IncludeGlobalServiceEvents"),
        FLAG(log_file_validation, "LogFileValidationEnabled"),
        FLAG(has_insight_selectors, "HasInsightSelectors"),
};

int cloudtrail_parse_trail(const char *body, size_t len, TrailDescription *ret)
{
        static const JsonField outer[] = {
                {"Trail", JSONMAP_VALUE, 0, JSONMAP_REQUIRED},
        };
        _cleanup_(trail_description_done) TrailDescription d = {0};
        _cleanup_json_ json_t *root = NULL, *trail = NULL;

        int r = json_parse_foreign(body, len, BODY_MAX, &root);
        if (r < 0)
                return r;
        r = jsonmap_decode(root, outer, ELEMENTSOF(outer), &trail, NULL);
        if (r < 0)
                return r;
        r = jsonmap_decode(trail, description_fields, ELEMENTSOF(description_fields), &d, NULL);
        if (r < 0)
                return r;
        *ret = d;
        d = (TrailDescription){0};
        return 0;
}

void trail_description_done(TrailDescription *d)
{
        free(d->name);
        free(d->arn);
        free(d->home_region);
        free(d->s3_bucket_name);
        free(d->s3_key_prefix);
        free(d->kms_key_id);
        free(d->sns_topic_arn);
        free(d->log_group_arn);
        free(d->log_role_arn);
        *d = (TrailDescription){0};
}

static const struct {
        const char *name;
        PatternKind kind;
        bool deselects;
} operators[] = {
        {"Equals", PATTERN_EXACT, false},        {"StartsWith", PATTERN_PREFIX, false},
        {"EndsWith", PATTERN_SUFFIX, false},     {"NotEquals", PATTERN_EXACT, true},
        {"NotStartsWith", PATTERN_PREFIX, true}, {"NotEndsWith", PATTERN_SUFFIX, true},
};

static void patterns_free(Pattern *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(p[i].value);
        free(p);
}

void event_selectors_done(EventSelectors *s)
{
        for (size_t i = 0; i < s->n; i++) {
                EventSelector *x = &s->items[i];

                free(x->name);
                for (size_t k = 0; k < x->n_fields; k++) {
                        free(x->fields[k].name);
                        patterns_free(x->fields[k].select, x->fields[k].n_select);
                        patterns_free(x->fields[k].deselect, x->fields[k].n_deselect);
                }
                free(x->fields);
        }
        free(s->items);
        *s = (EventSelectors){0};
}

const SelectorField *event_selector_field(const EventSelector *s, const char *name)
{
        for (size_t k = 0; k < s->n_fields; k++)
                if (streq(s->fields[k].name, name))
                        return &s->fields[k];
        return NULL;
}

static void add_pattern(SelectorField *f, bool deselects, PatternKind kind, const char *value)
{
        Pattern p = {.kind = kind, .value = mem_strdup(value)};

        if (deselects)
                *mem_push0(f->deselect, f->n_deselect) = p;
        else
                *mem_push0(f->select, f->n_select) = p;
}

static SelectorField *add_field(EventSelector *s, const char *name)
{
        SelectorField *f = mem_push0(s->fields, s->n_fields);

        f->name = mem_strdup(name);
        return f;
}

/* One member of a field selector; false for what is not known here. */
static bool add_operator(SelectorField *f, const char *name, const json_t *values)
{
        size_t k, o = 0;
        json_t *v;

        while (o < ELEMENTSOF(operators) && !streq(operators[o].name, name))
                o++;
        if (json_is_null(values) || (json_is_array(values) && json_array_size(values) == 0))
                return true;
        if (o == ELEMENTSOF(operators) || !json_is_array(values))
                return false;
        json_array_foreach(values, k, v)
        {
                if (!json_is_string(v))
                        return false;
                add_pattern(f, operators[o].deselects, operators[o].kind, json_string_value(v));
        }
        return true;
}

/* AWS asks every selector for one category. */
static bool has_category(const EventSelector *s)
{
        const SelectorField *f = event_selector_field(s, "eventCategory");

        return f && f->n_select == 1 && f->select[0].kind == PATTERN_EXACT && f->n_deselect == 0;
}

/* Fields that say nothing, or say it twice, leave open what is meant. */
static void add_advanced(EventSelectors *to, const json_t *from)
{
        const json_t *fields = json_object_get(from, "FieldSelectors");
        EventSelector *s = mem_push0(to->items, to->n);
        const char *member;
        size_t k;
        json_t *o, *v;

        mem_strset(&s->name, json_string_value(json_object_get(from, "Name")));
        json_array_foreach(fields, k, o)
        {
                const char *name = json_string_value(json_object_get(o, "Field"));

                if (!name || event_selector_field(s, name)) {
                        s->odd = true;
                        continue;
                }
                SelectorField *f = add_field(s, name);
                json_object_foreach(o, member, v)
                {
                        if (!streq(member, "Field") && !add_operator(f, member, v))
                                s->odd = true;
                }
                if (f->n_select + f->n_deselect == 0)
                        s->odd = true;
        }
        s->odd = s->odd || !has_category(s);
}

/* "All", "ReadOnly" or "WriteOnly"; All is the default. */
static void add_read_write(EventSelector *s, const json_t *type)
{
        const char *text = json_string_value(type);

        if (!type || json_is_null(type) || (text && streq(text, "All")))
                return;
        if (text && (streq(text, "ReadOnly") || streq(text, "WriteOnly")))
                add_pattern(add_field(s, "readOnly"), false, PATTERN_EXACT,
                            streq(text, "ReadOnly") ? "true" : "false");
        else
                s->odd = true;
}

static EventSelector *add_category(EventSelectors *to, const char *category, const json_t *basic)
{
        EventSelector *s = mem_push0(to->items, to->n);

        add_pattern(add_field(s, "eventCategory"), false, PATTERN_EXACT, category);
        add_read_write(s, json_object_get(basic, "ReadWriteType"));
        return s;
}

/* "arn:aws:s3" and "arn:aws:s3:::" mean every object, as "arn:aws:lambda" means every function. */
static bool is_everything(const char *value)
{
        size_t colons = 0, n = strlen(value);

        for (const char *p = value; *p; p++)
                colons += *p == ':';
        return colons < 3 || (colons == 5 && n > 6 && streq(value + n - 6, ":s3:::"));
}

/* The ARN of a bucket with a prefix means what begins with it; of other types an ARN is one
 * resource. */
static void add_data_values(EventSelector *s, const char *type, const json_t *values)
{
        PatternKind kind = streq(type, "AWS::S3::Object") ? PATTERN_PREFIX : PATTERN_EXACT;
        SelectorField *f = NULL;
        size_t k;
        json_t *v;

        json_array_foreach(values, k, v)
        {
                s->odd = s->odd || !json_is_string(v);
                if (json_is_string(v) && is_everything(json_string_value(v)))
                        return;
        }
        f = add_field(s, "resources.ARN");
        json_array_foreach(values, k, v)
        {
                if (json_is_string(v))
                        add_pattern(f, false, kind, json_string_value(v));
        }
}

static void add_data_resource(EventSelectors *to, const json_t *resource, const json_t *basic)
{
        const char *type = json_string_value(json_object_get(resource, "Type"));
        const json_t *values = json_object_get(resource, "Values");

        if (json_array_size(values) == 0)
                return; /* records nothing */
        EventSelector *s = add_category(to, "Data", basic);
        s->odd = s->odd || !type;
        add_pattern(add_field(s, "resources.type"), false, PATTERN_EXACT, strempty(type));
        add_data_values(s, strempty(type), values);
}

static void add_basic(EventSelectors *to, const json_t *from)
{
        const json_t *included = json_object_get(from, "IncludeManagementEvents");
        const json_t *excluded = json_object_get(from, "ExcludeManagementEventSources");
        const json_t *resources = json_object_get(from, "DataResources");
        size_t k;
        json_t *v;

        if (!json_is_false(included)) { /* true is the default */
                EventSelector *s = add_category(to, "Management", from);
                SelectorField *f = NULL;

                json_array_foreach(excluded, k, v)
                {
                        f = f ? f : add_field(s, "eventSource");
                        if (json_is_string(v))
                                add_pattern(f, true, PATTERN_EXACT, json_string_value(v));
                        else
                                s->odd = true;
                }
        }
        json_array_foreach(resources, k, v)
        {
                add_data_resource(to, v, from);
        }
}

static int count_values(const EventSelectors *s)
{
        size_t n = s->n;

        for (size_t i = 0; i < s->n; i++)
                for (size_t k = 0; k < s->items[i].n_fields; k++)
                        n += s->items[i].fields[k].n_select + s->items[i].fields[k].n_deselect;
        return n > EVENT_SELECTOR_VALUES_MAX ? -E2BIG : 0;
}

static int read_selectors(const json_t *array, void (*add)(EventSelectors *, const json_t *),
                          EventSelectors *to)
{
        size_t k;
        json_t *v;

        if (array && !json_is_array(array) && !json_is_null(array))
                return -EINVAL;
        json_array_foreach(array, k, v)
        {
                if (!json_is_object(v))
                        return -EINVAL;
                add(to, v);
        }
        return count_values(to);
}

/* Without either kind it is not an answer: a trail without selectors of its own shows the default
 * one. */
int cloudtrail_parse_event_selectors(const char *body, size_t len, EventSelectors *ret)
{
        _cleanup_(event_selectors_done) EventSelectors s = {0};
        _cleanup_json_ json_t *root = NULL;

        int r = json_parse_foreign(body, len, BODY_MAX, &root);
        if (r < 0)
                return r;
        const json_t *basic = json_object_get(root, "EventSelectors");
        const json_t *advanced = json_object_get(root, "AdvancedEventSelectors");
        if (!json_is_object(root))
                return -EBADMSG;
        if (!json_is_array(basic) && !json_is_array(advanced))
                return -ENODATA;
        r = read_selectors(basic, add_basic, &s);
        if (r >= 0)
                r = read_selectors(advanced, add_advanced, &s);
        if (r < 0)
                return r;
        *ret = s;
        s = (EventSelectors){0};
        return 0;
}

/* Depth is bounded by the parser. */
static json_t *capitalized(const json_t *v)
{
        json_t *copy, *member;
        const char *name;
        size_t k;

        if (json_is_array(v)) {
                copy = json_array();
                json_array_foreach(v, k, member)
                {
                        json_append(copy, capitalized(member));
                }
                return copy;
        }
        if (!json_is_object(v))
                return json_incref((json_t *)v);
        copy = json_object();
        json_object_foreach((json_t *)v, name, member)
        {
                _cleanup_free_ char *as_answered = mem_strdup(name);

                if (*as_answered >= 'a' && *as_answered <= 'z')
                        *as_answered = (char)(*as_answered - 'a' + 'A');
                json_set(copy, as_answered, capitalized(member));
        }
        return copy;
}

char *cloudtrail_requested_selectors(const json_t *parameters)
{
        static const char *const members[] = {"eventSelectors", "advancedEventSelectors",
                                              "insightSelectors"};
        _cleanup_json_ json_t *set = json_object();

        for (size_t k = 0; k < ELEMENTSOF(members); k++) {
                json_t *v = json_object_get(parameters, members[k]);

                if (json_is_array(v))
                        json_set(set, members[k], json_incref(v));
        }
        if (json_object_size(set) == 0)
                return NULL;
        _cleanup_json_ json_t *answer = capitalized(set);
        char *text = json_dumps(answer, JSON_COMPACT);
        if (!text)
                mem_exhausted();
        return text;
}

static json_t *patterns_to_json(const Pattern *p, size_t n, PatternKind kind)
{
        json_t *a = NULL;

        for (size_t k = 0; k < n; k++) {
                if (p[k].kind != kind)
                        continue;
                a = a ? a : json_array();
                json_append(a, json_string(p[k].value));
        }
        return a;
}

static json_t *selector_to_json(const EventSelector *s)
{
        json_t *fields = json_array();

        for (size_t k = 0; k < s->n_fields; k++) {
                const SelectorField *f = &s->fields[k];
                json_t *o = json_pack("{s:s}", "Field", f->name);

                for (size_t i = 0; i < ELEMENTSOF(operators); i++) {
                        bool d = operators[i].deselects;
                        json_t *values = patterns_to_json(d ? f->deselect : f->select,
                                                          d ? f->n_deselect : f->n_select,
                                                          operators[i].kind);
                        if (values)
                                json_set(o, operators[i].name, values);
                }
                json_append(fields, o);
        }
        return json_pack("{s:s*, s:o, s:b}", "Name", s->name, "FieldSelectors", fields, "Odd",
                         s->odd);
}

void trail_settings_done(TrailSettings *s)
{
        trail_description_done(&s->description);
        event_selectors_done(&s->selectors);
        *s = (TrailSettings){0};
}

json_t *trail_settings_to_json(const TrailSettings *s)
{
        json_t *o = json_object(), *part;

        if (s->described) {
                part = json_object();
                jsonmap_encode(part, description_fields, ELEMENTSOF(description_fields),
                               &s->description);
                json_set(o, "Trail", part);
        }
        if (s->selected) {
                part = json_array();
                for (size_t k = 0; k < s->selectors.n; k++)
                        json_append(part, selector_to_json(&s->selectors.items[k]));
                json_set(o, "AdvancedEventSelectors", part);
        }
        return o;
}

int trail_settings_from_json(const json_t *object, TrailSettings *ret)
{
        _cleanup_(trail_settings_done) TrailSettings s = {0};
        const json_t *trail = json_object_get(object, "Trail");
        const json_t *selectors = json_object_get(object, "AdvancedEventSelectors");
        int r = json_is_object(object) ? 0 : -EBADMSG;

        if (r >= 0 && trail) {
                s.described = true;
                r = jsonmap_decode(trail, description_fields, ELEMENTSOF(description_fields),
                                   &s.description, NULL);
        }
        if (r >= 0 && selectors) {
                s.selected = true;
                r = read_selectors(selectors, add_advanced, &s.selectors);
                for (size_t k = 0; r >= 0 && k < s.selectors.n; k++)
                        s.selectors.items[k].odd |=
                                json_is_true(json_object_get(json_array_get(selectors, k), "Odd"));
        }
        if (r < 0)
                return r;
        *ret = s;
        s = (TrailSettings){0};
        return 0;
}

void trail_settings_update(TrailSettings *s, const TrailSettings *from)
{
        _cleanup_json_ json_t *o = trail_settings_to_json(from);
        TrailSettings copy = {0};
        int r = trail_settings_from_json(o, &copy);

        assert(r >= 0); /* what is written can be read */
        (void)r;
        if (copy.described) {
                trail_description_done(&s->description);
                s->description = copy.description;
        }
        if (copy.selected) {
                event_selectors_done(&s->selectors);
                s->selectors = copy.selectors;
        }
        s->described |= copy.described;
        s->selected |= copy.selected;
}
