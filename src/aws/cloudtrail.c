/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/cloudtrail.h"

#include "aws/permission.h"
#include "base/jsonmend.h"
#include "base/mem.h"

#define BODY_MAX ((size_t)1024 * 1024)
#define CLOUDTRAIL_BEGAN_MSEC INT64_C(1384300800000) /* 2013-11-13 */
#define LOOKUP_RESULTS 50                            /* the most that one page may ask for */

/* Takes root. Its strings came from parsed ARNs, our own tables and earlier answers, so they are
 * valid UTF-8 and only memory can lack here. */
static char *dump(json_t *root, size_t *ret_len)
{
        if (!root)
                abort();
        char *text = json_dumps(root, JSON_COMPACT);
        json_decref(root);
        if (!text)
                abort();
        *ret_len = strlen(text);
        return text;
}

static AwsRequest make_request(const char *operation, const char *region, json_t *root)
{
        AwsRequest r = {
                .service = AWS_SERVICE_CLOUDTRAIL,
                .operation = operation,
                .region = mem_strdup(region),
        };

        assert(permission_find(r.service, operation));
        r.body = dump(root, &r.body_len);
        return r;
}

/* The call goes to the region that the ARN names, which is the trail's home; member is what the
 * operation calls the trail. */
static AwsRequest make_trail_request(const char *operation, const char *member,
                                     const char *trail_arn)
{
        Arn arn;
        int r = arn_parse(trail_arn, &arn);

        assert(r == 0); /* the configuration was checked */
        (void)r;
        return make_request(operation, arn.region, json_pack("{s:s}", member, trail_arn));
}

void cloudtrail_request_get_trail_status(const char *trail_arn, AwsRequest *ret)
{
        *ret = make_trail_request("GetTrailStatus", "Name", trail_arn);
}

void cloudtrail_request_start_logging(const char *trail_arn, AwsRequest *ret)
{
        *ret = make_trail_request("StartLogging", "Name", trail_arn);
}

void cloudtrail_request_get_trail(const char *trail_arn, AwsRequest *ret)
{
        *ret = make_trail_request("GetTrail", "Name", trail_arn);
}

void cloudtrail_request_get_event_selectors(const char *trail_arn, AwsRequest *ret)
{
        *ret = make_trail_request("GetEventSelectors", "TrailName", trail_arn);
}

void cloudtrail_request_lookup_events(const LookupQuery *q, AwsRequest *ret)
{
        json_int_t from = q->from_msec / MSEC_PER_SEC;
        json_int_t to = (q->to_msec + MSEC_PER_SEC - 1) / MSEC_PER_SEC;
        bool by_key = q->access_key_id != NULL;
        json_t *root =
                json_pack("{s:[{s:s, s:s}], s:I, s:I, s:i, s:s*}", "LookupAttributes",
                          "AttributeKey", by_key ? "AccessKeyId" : "EventName", "AttributeValue",
                          by_key ? q->access_key_id : q->event_name, "StartTime", from, "EndTime",
                          to, "MaxResults", LOOKUP_RESULTS, "NextToken", q->next_token);

        *ret = make_request("LookupEvents", q->region, root);
}

/* The time is read as absent when it cannot be read, or cannot be: CloudTrail is younger. */
static void read_time(const json_t *root, const JsonField *field, TrailStatus *s)
{
        const json_t *v = json_object_get(root, field->name);
        int64_t *msec = (int64_t *)((char *)s + field->offset);

        if (!v || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0))
                return;
        if (jsonmap_decode(root, field, 1, s, NULL) >= 0 && *msec >= CLOUDTRAIL_BEGAN_MSEC)
                return;
        *msec = 0;
        s->unread = field->name;
}

/* An error in a form that cannot be read is an error all the same. */
static void read_error(const json_t *root, const JsonField *field, TrailStatus *s)
{
        char **text = (char **)((char *)s + field->offset);

        if (jsonmap_decode(root, field, 1, s, NULL) < 0)
                *text = mem_strdup("an error that cannot be read");
}

static void read_status(const json_t *root, TrailStatus *s)
{
        static const JsonField times[] = {
                {"StartLoggingTime", JSONMAP_TIME, offsetof(TrailStatus, start_logging_msec)},
                {"StopLoggingTime", JSONMAP_TIME, offsetof(TrailStatus, stop_logging_msec)},
                {"LatestDeliveryTime", JSONMAP_TIME, offsetof(TrailStatus, latest_delivery_msec)},
        };
        static const JsonField errors[] = {
                {"LatestDeliveryError", JSONMAP_STRING_NONEMPTY,
                 offsetof(TrailStatus, latest_delivery_error)},
                {"LatestDigestDeliveryError", JSONMAP_STRING_NONEMPTY,
                 offsetof(TrailStatus, latest_digest_delivery_error)},
                {"LatestCloudWatchLogsDeliveryError", JSONMAP_STRING_NONEMPTY,
                 offsetof(TrailStatus, latest_logs_delivery_error)},
                {"LatestNotificationError", JSONMAP_STRING_NONEMPTY,
                 offsetof(TrailStatus, latest_notification_error)},
        };

        for (size_t i = 0; i < ELEMENTSOF(times); i++)
                read_time(root, &times[i], s);
        for (size_t i = 0; i < ELEMENTSOF(errors); i++)
                read_error(root, &errors[i], s);
}

int cloudtrail_parse_trail_status(const char *body, size_t len, TrailStatus *ret)
{
        static const JsonField is_logging[] = {
                {"IsLogging", JSONMAP_BOOL, offsetof(TrailStatus, is_logging), JSONMAP_REQUIRED},
        };
        _cleanup_json_ json_t *root = NULL;
        TrailStatus s = {0};
        int r = json_parse_foreign(body, len, BODY_MAX, &root);

        if (r >= 0)
                r = jsonmap_decode(root, is_logging, ELEMENTSOF(is_logging), &s, NULL);
        else if (json_salvage_bool(body, len, is_logging[0].name, &s.is_logging) >= 0) {
                s.unread = "all but IsLogging";
                r = 0;
        }
        if (r < 0)
                return r;
        if (root)
                read_status(root, &s);
        *ret = s;
        return 0;
}

void trail_status_done(TrailStatus *s)
{
        free(s->latest_delivery_error);
        free(s->latest_digest_delivery_error);
        free(s->latest_logs_delivery_error);
        free(s->latest_notification_error);
        *s = (TrailStatus){0};
}

void trail_status_copy(const TrailStatus *from, TrailStatus *ret)
{
        *ret = *from;
        ret->latest_delivery_error = mem_strdup(from->latest_delivery_error);
        ret->latest_digest_delivery_error = mem_strdup(from->latest_digest_delivery_error);
        ret->latest_logs_delivery_error = mem_strdup(from->latest_logs_delivery_error);
        ret->latest_notification_error = mem_strdup(from->latest_notification_error);
}

int cloudtrail_reread_trail_status(TrailAnswer *a, const char *body, size_t len,
                                   const TrailStatus **ret)
{
        if (!a->body || a->len != len || memcmp(a->body, body, len) != 0) {
                TrailStatus status;
                int r = cloudtrail_parse_trail_status(body, len, &status);

                if (r < 0)
                        return r;
                trail_answer_done(a);
                a->status = status;
                a->body = mem_alloc0(len);
                memcpy(a->body, body, len);
                a->len = len;
        }
        *ret = &a->status;
        return 0;
}

void trail_answer_done(TrailAnswer *a)
{
        trail_status_done(&a->status);
        free(a->body);
        *a = (TrailAnswer){0};
}

/* What stands beside a record that cannot be read: too little to match it with a trail, but whom to
 * ask. */
static int decode_envelope(const json_t *event, CloudTrailRecord *ret)
{
        static const JsonField fields[] = {
                {"EventName", JSONMAP_STRING_NONEMPTY, offsetof(CloudTrailRecord, event_name),
                 JSONMAP_REQUIRED},
                {"EventTime", JSONMAP_TIME, offsetof(CloudTrailRecord, time_msec),
                 JSONMAP_REQUIRED},
                {"EventId", JSONMAP_STRING_NONEMPTY, offsetof(CloudTrailRecord, event_id),
                 JSONMAP_LENIENT},
                {"EventSource", JSONMAP_STRING_NONEMPTY, offsetof(CloudTrailRecord, event_source),
                 JSONMAP_LENIENT},
                {"Username", JSONMAP_STRING_NONEMPTY,
                 offsetof(CloudTrailRecord, identity.user_name), JSONMAP_LENIENT},
                {"AccessKeyId", JSONMAP_STRING_NONEMPTY,
                 offsetof(CloudTrailRecord, identity.access_key_id), JSONMAP_LENIENT},
        };
        _cleanup_(cloudtrail_record_done) CloudTrailRecord record = {
                .identity = {.type = IDENTITY_UNKNOWN},
        };

        int r = jsonmap_decode(event, fields, ELEMENTSOF(fields), &record, NULL);
        if (r < 0)
                return r;
        record.time_msec = record.time_msec / MSEC_PER_SEC * MSEC_PER_SEC; /* as records have it */
        cloudtrail_record_cap(&record);
        *ret = record;
        record = (CloudTrailRecord){0};
        return 0;
}

/* One element of Events. What cannot be read is counted: an attacker may try for just that. */
static void add_event(LookupPage *page, const json_t *event)
{
        const json_t *text = json_object_get(event, "CloudTrailEvent");
        CloudTrailRecord record;
        int r = -EBADMSG;

        if (json_is_string(text))
                r = cloudtrail_record_parse(json_string_value(text), json_string_length(text),
                                            &record);
        if (r < 0) {
                page->n_unreadable++;
                r = decode_envelope(event, &record);
        }
        if (r >= 0)
                *mem_push0(page->records, page->n_records) = record;
}

int cloudtrail_parse_lookup_page(const char *body, size_t len, LookupPage *ret)
{
        typedef struct LookupAnswer {
                json_t *events;
                char *next_token;
        } LookupAnswer;
        static const JsonField fields[] = {
                {"Events", JSONMAP_VALUE, offsetof(LookupAnswer, events)},
                {"NextToken", JSONMAP_STRING_NONEMPTY, offsetof(LookupAnswer, next_token)},
        };
        _cleanup_json_ json_t *root = NULL;
        LookupAnswer answer = {0};
        LookupPage page = {0};

        int r = json_parse_foreign(body, len, CLOUDTRAIL_LOOKUP_BODY_MAX, &root);
        if (r < 0)
                return r;
        r = jsonmap_decode(root, fields, ELEMENTSOF(fields), &answer, NULL);
        if (r == 0 && answer.events && !json_is_array(answer.events))
                r = -EINVAL;
        if (r == 0) {
                for (size_t i = 0; i < json_array_size(answer.events); i++)
                        add_event(&page, json_array_get(answer.events, i));
                page.next_token = TAKE_PTR(answer.next_token);
                *ret = page;
        }
        json_decref(answer.events);
        free(answer.next_token);
        return r;
}

void lookup_page_done(LookupPage *p)
{
        for (size_t i = 0; i < p->n_records; i++)
                cloudtrail_record_done(&p->records[i]);
        free(p->records);
        free(p->next_token);
        *p = (LookupPage){0};
}
