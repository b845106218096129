/* SPDX-License-Identifier: Apache-2.0 */

/* AWS as bytes: what a request asks for, whether it may, and the answer as the services write it.
 * What the answers mean is decided in aws.c and history.c, as for worlds without bytes.
 *
 * https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html */

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "check.h"
#include "whole.h"

#define METADATA "/latest/meta-data/iam/security-credentials/"
#define ROLE "guard-role"

const char *service_header(const SimRequest *q, const char *name)
{
        static char value[512];
        size_t n = strlen(name);

        for (const char *p = q->headers; p && *p; p = strchr(p, '\n') + 1)
                if (strncasecmp(p, name, n) == 0 && p[n] == ':') {
                        (void)snprintf(value, sizeof(value), "%.*s",
                                       (int)(strchr(p, '\n') - p - (long)n - 2), p + n + 2);
                        return value;
                }
        return "";
}

/* One value of a form, decoded; owned, NULL when it is not there. */
static char *form_value(const char *body, const char *name)
{
        size_t n = strlen(name);
        char *value, *to;

        while (strncmp(body, name, n) != 0 || body[n] != '=') {
                body = strchr(body, '&');
                if (!body)
                        return NULL;
                body++;
        }
        value = mem_strndup(body + n + 1, strcspn(body + n + 1, "&"));
        to = value;
        for (const char *from = value; *from; from++) {
                char hex[] = {from[1], from[1] ? from[2] : '\0', '\0'};
                bool escaped = *from == '%' && hex[1];

                *to++ = escaped ? (char)strtoul(hex, NULL, 16) : *from == '+' ? ' ' : *from;
                from += escaped ? 2 : 0;
        }
        *to = '\0';
        return value;
}

static void fail(SimReply *r, bool json, int status, const char *code)
{
        r->status = status;
        r->body = json ? mem_printf("{\"__type\":\"%s\",\"message\":\"as scripted\"}", code)
                       : mem_printf("<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code>"
                                    "<Message>as scripted</Message></Error><RequestId>%s"
                                    "</RequestId></ErrorResponse>",
                                    code, r->request_id);
}

/* false when the request is refused whatever it asks for. */
static bool is_let_in(World *w, const SimRequest *q, bool json, SimReply *r)
{
        const char *authorization = service_header(q, "Authorization");
        char key[64] = "", day[16] = "", region[32] = "", service[32] = "", token[64];
        const char *p = strstr(authorization, "Credential=");
        struct tm tm = {};

        if (!p || sscanf(p, "Credential=%63[^/]/%15[^/]/%31[^/]/%31[^/]/aws4_request,", key, day,
                         region, service) != 4)
                world_violation(w, "a signature is none: %s", authorization);
        if (strncmp(q->host, service, strlen(service)) != 0 || !strstr(q->host, region))
                world_violation(w, "signed for %s in %s, sent to %s", service, region, q->host);
        const char *date = service_header(q, "X-Amz-Date");
        if (strncmp(day, date, 8) != 0 || !strptime(date, "%Y%m%dT%H%M%SZ", &tm))
                world_violation(w, "signed for %s, dated %s", day, date);
        int64_t off = (int64_t)timegm(&tm) * MSEC_PER_SEC - world_aws_msec(w);
        if (off > 5 * MSEC_PER_MINUTE || off < -5 * MSEC_PER_MINUTE) {
                fail(r, json, json ? 400 : 403,
                     json ? "InvalidSignatureException" : "SignatureDoesNotMatch");
                return false;
        }
        (void)snprintf(token, sizeof(token), "%s", service_header(q, "X-Amz-Security-Token"));
        switch (session_judge(w, key, token)) {
        case SESSION_UNKNOWN:
                fail(r, json, json ? 400 : 403,
                     json ? "UnrecognizedClientException" : "InvalidClientTokenId");
                return false;
        case SESSION_EXPIRED:
                fail(r, json, json ? 400 : 403, json ? "ExpiredTokenException" : "ExpiredToken");
                return false;
        case SESSION_REVOKED:
                fail(r, json, json ? 400 : 403, json ? "AccessDeniedException" : "AccessDenied");
                return false;
        default:
                return true;
        }
}

static bool is_sick(World *w, FaultKind kind, size_t target, SimReply *r, const char *code)
{
        if (!world_has_fault(w, kind, target))
                return false;
        fail(r, true, strcmp(code, "InternalFailure") == 0 ? 500 : 400, code);
        if (strcmp(code, "ThrottlingException") == 0 && rng_chance(&w->rng, 50))
                (void)snprintf(r->retry_after, sizeof(r->retry_after), "%u",
                               (unsigned)rng_below(&w->rng, 8000));
        return true;
}

static void add_time(StrBuf *b, const char *name, int64_t msec)
{
        if (msec)
                strbuf_addf(b, ",\"%s\":%" PRId64 ".%03d", name, msec / 1000, (int)(msec % 1000));
}

static void answer(SimReply *r, StrBuf *b)
{
        r->status = 200;
        if (strbuf_take(b, &r->body) < 0)
                abort();
}

static void get_trail_status(World *w, size_t trail, SimReply *r)
{
        static const char *const odd[] = {",\"LatestDeliveryTime\":1e999",
                                          ",\"StopLoggingTime\":1,\"StopLoggingTime\":2",
                                          ",\"IsLogging\":null", ",\"x\":\"\\u00\""};
        StrBuf b = STRBUF_INIT(4096);
        TrailStatus s;

        if (is_sick(w, FAULT_POLL_THROTTLED, trail, r, "ThrottlingException") ||
            is_sick(w, FAULT_POLL_DENIED, trail, r, "AccessDeniedException"))
                return;
        if (!aws_read(w, trail, &s)) {
                fail(r, true, 400, "TrailNotFoundException");
                return;
        }
        r->silent = world_has_fault(w, FAULT_POLL_SILENT, trail);
        if (world_has_fault(w, FAULT_POLL_DOUBTFUL, trail))
                aws_make_doubtful(w, &s);
        strbuf_addf(&b, "{\"IsLogging\":%s", s.is_logging ? "true" : "false");
        if (s.unread)
                strbuf_add(&b, odd[rng_below(&w->rng, ELEMENTSOF(odd))]);
        add_time(&b, "StartLoggingTime", s.start_logging_msec);
        add_time(&b, "StopLoggingTime", s.stop_logging_msec);
        add_time(&b, "LatestDeliveryTime", s.latest_delivery_msec);
        if (s.latest_delivery_error)
                strbuf_addf(&b, ",\"LatestDeliveryError\":\"%s\"", s.latest_delivery_error);
        strbuf_add(&b, "}");
        answer(r, &b);
}

static void start_logging(World *w, size_t trail, SimReply *r)
{
        if (is_sick(w, FAULT_START_THROTTLED, trail, r, "ThrottlingException") ||
            is_sick(w, FAULT_START_DENIED, trail, r, "AccessDeniedException") ||
            is_sick(w, FAULT_START_FAILS, trail, r, "InternalFailure"))
                return;
        if (!aws_truth(w, trail)->exists) {
                fail(r, true, 400, "TrailNotFoundException");
                return;
        }
        (void)snprintf(r->request_id, sizeof(r->request_id), "ours-%u", ++w->n_request_ids);
        aws_start(w, trail, SIM_OWN, r->request_id);
        r->silent = r->silent || world_has_fault(w, FAULT_START_ANSWER_LOST, trail);
        r->status = 200;
        r->body = mem_strdup("{}");
}

static void get_settings(World *w, size_t trail, bool selectors, SimReply *r)
{
        TrailSettings s = {};

        /* In every other world GetEventSelectors is allowed all the same. */
        if (((!selectors || w->seed % 2 == 0) &&
             is_sick(w, FAULT_INSPECT_DENIED, trail, r, "AccessDeniedException")) ||
            is_sick(w, FAULT_INSPECT_THROTTLED, trail, r, "ThrottlingException"))
                return;
        if (!aws_inspect(w, trail, &s)) {
                fail(r, true, 400, "TrailNotFoundException");
                return;
        }
        const TrailDescription *d = &s.description;
        r->status = 200;
        if (selectors)
                r->body = mem_strdup(aws_selectors(check_drift_bits(&s)));
        else
                r->body = mem_printf(
                        "{\"Trail\":{\"Name\":\"%s\",\"TrailARN\":\"%s\",\"HomeRegion\":\"%s\","
                        "\"S3BucketName\":\"%s\",\"IsMultiRegionTrail\":%s,"
                        "\"IsOrganizationTrail\":%s,\"IncludeGlobalServiceEvents\":true,"
                        "\"LogFileValidationEnabled\":%s}}",
                        d->name, d->arn, d->home_region, d->s3_bucket_name,
                        d->is_multi_region ? "true" : "false",
                        d->is_organization ? "true" : "false",
                        d->log_file_validation ? "true" : "false");
        trail_settings_done(&s);
}

/* As records spell members: with a small first letter. */
static json_t *as_recorded(const json_t *v)
{
        json_t *copy = json_is_array(v) ? json_array() : json_object(), *member;
        const char *name;
        size_t k;

        json_array_foreach(v, k, member)
        {
                (void)json_array_append_new(copy, as_recorded(member));
        }
        json_object_foreach((json_t *)v, name, member)
        {
                _cleanup_free_ char *small = mem_strdup(name);

                *small = (char)(*small - 'A' + 'a');
                (void)json_object_set_new(copy, small, as_recorded(member));
        }
        if (json_is_array(v) || json_is_object(v))
                return copy;
        json_decref(copy);
        return json_incref((json_t *)v);
}

/* "name isMultiRegionTrail=false", as members of a request. */
static json_t *parameters_to_json(const CloudTrailRecord *x)
{
        json_t *o = json_pack("{s:s}", "name", x->trail);
        _cleanup_free_ char *all = mem_strdup(x->parameters);
        char *rest = all;

        if (x->selectors) {
                json_t *answer = json_loads(x->selectors, 0, NULL);
                json_t *selectors = as_recorded(answer);

                (void)json_object_update(o, selectors);
                json_decref(selectors);
                json_decref(answer);
        }
        for (char *p; (p = strsep(&rest, " "));) {
                char *value = strchr(p, '=');

                assert(value);
                *value++ = '\0';
                (void)json_object_set_new(o, p,
                                          streq(value, "true")    ? json_true()
                                          : streq(value, "false") ? json_false()
                                                                  : json_string(value));
        }
        return o;
}

static json_t *record_to_json(const CloudTrailRecord *x)
{
        char time[TIMEFMT_MAX];
        json_t *parameters = x->parameters_omitted
                                     ? json_pack("{s:b, s:i}", "omitted", true, "originalSize", 1)
                                     : parameters_to_json(x);

        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:s, s:o, s:{s:s, "
                         "s:s, s:s*, s:s*, s:s}}",
                         "eventID", x->event_id, "eventName", x->event_name, "eventSource",
                         x->event_source, "eventType", x->event_type, "awsRegion", x->region,
                         "recipientAccountId", x->recipient_account_id, "eventTime",
                         timefmt_iso8601(x->time_msec, time), "sourceIPAddress", x->source_ip,
                         "userAgent", x->user_agent, "errorCode", x->error_code, "requestID",
                         x->request_id, "requestParameters", parameters, "userIdentity", "type",
                         x->identity.type_text, "arn", x->identity.arn, "userName",
                         x->identity.user_name, "accessKeyId", x->identity.access_key_id,
                         "accountId", x->identity.account_id);
}

static char *page_to_text(const LookupPage *page)
{
        json_t *events = json_array();

        for (size_t i = 0; i < page->n_records; i++) {
                json_t *record = record_to_json(&page->records[i]);
                _cleanup_free_ char *text = json_dumps(record, JSON_COMPACT);

                json_decref(record);
                (void)json_array_append_new(events, json_pack("{s:s, s:s}", "EventId",
                                                              page->records[i].event_id,
                                                              "CloudTrailEvent", text));
        }
        json_t *o = json_pack("{s:o, s:s*}", "Events", events, "NextToken", page->next_token);
        char *text = json_dumps(o, JSON_COMPACT);

        json_decref(o);
        return text;
}

static void lookup_events(World *w, const SimRequest *q, const json_t *body, SimReply *r)
{
        const json_t *by = json_array_get(json_object_get(body, "LookupAttributes"), 0);
        const char *value = json_string_value(json_object_get(by, "AttributeValue"));
        const char *key = json_string_value(json_object_get(by, "AttributeKey"));
        LookupQuery query = {
                .region = strstr(q->host, "eu-west-1") ? "eu-west-1" : "us-east-1",
                .event_name = value,
                .access_key_id = streq(key, "AccessKeyId") ? value : NULL,
                .from_msec = json_integer_value(json_object_get(body, "StartTime")) * MSEC_PER_SEC,
                .to_msec = json_integer_value(json_object_get(body, "EndTime")) * MSEC_PER_SEC,
                .next_token = json_string_value(json_object_get(body, "NextToken")),
        };
        LookupPage page = {};
        const char *error = history_lookup(w, &query, &page);

        r->silent = r->silent || world_has_fault(w, FAULT_LOOKUP_SILENT, SIZE_MAX);
        if (error) {
                fail(r, true, 400, error);
        } else {
                r->status = 200;
                r->body = page_to_text(&page);
        }
        lookup_page_done(&page);
}

static void cloudtrail(World *w, const SimRequest *q, const char *operation, SimReply *r)
{
        json_t *body = json_loads(q->body, 0, NULL);
        const json_t *name = json_object_get(body, "Name");
        const char *arn = json_string_value(name ? name : json_object_get(body, "TrailName"));
        size_t trail = 0;

        while (arn && trail < w->n_trails && !streq(w->trails[trail].arn, arn))
                trail++;
        if (trail == w->n_trails || (arn && !strstr(q->host, aws_region(trail))))
                world_violation(w, "%s of %s is asked of %s", operation, arn, q->host);
        else if (streq(operation, "GetTrailStatus"))
                get_trail_status(w, trail, r);
        else if (streq(operation, "StartLogging"))
                start_logging(w, trail, r);
        else if (streq(operation, "GetTrail"))
                get_settings(w, trail, false, r);
        else if (streq(operation, "GetEventSelectors"))
                get_settings(w, trail, true, r);
        else if (streq(operation, "LookupEvents"))
                lookup_events(w, q, body, r);
        else
                world_violation(w, "CloudTrail is asked for %s", operation);
        json_decref(body);
}

/* The value of one of a message's attributes; owned. */
static char *attribute(const char *body, const char *name)
{
        for (unsigned i = 1; i < 10; i++) {
                _cleanup_free_ char *key = mem_printf("MessageAttributes.entry.%u.Name", i);
                _cleanup_free_ char *found = form_value(body, key);
                _cleanup_free_ char *value =
                        mem_printf("MessageAttributes.entry.%u.Value.StringValue", i);

                if (found && streq(found, name))
                        return form_value(body, value);
        }
        return mem_strdup("");
}

static void publish(World *w, const SimRequest *q, SimReply *r)
{
        _cleanup_free_ char *arn = form_value(q->body, "TopicArn");
        _cleanup_free_ char *id = attribute(q->body, "incident_id");
        _cleanup_free_ char *sequence = attribute(q->body, "sequence");
        _cleanup_free_ char *group = form_value(q->body, "MessageGroupId");
        size_t topic = streq_ptr(arn, guard_topic(w, 0)) ? 0 : 1;
        Letter *l = guard_letter(w->guard, id, (unsigned)strtoul(sequence, NULL, 10));

        if (!streq_ptr(arn, guard_topic(w, topic)) || !l)
                world_violation(w, "%s is sent %s/%s, which is no message", arn, id, sequence);
        if (!l)
                return;
        if ((topic == 1 && w->fifo) != (group != NULL))
                world_violation(w, "%s/%s is sent with group %s", id, sequence, strempty(group));
        if (world_has_fault(w, FAULT_TOPIC_FAILS, topic)) {
                fail(r, false, 404, "NotFound");
                return;
        }
        guard_letter_arrives(w, l, topic);
        memcpy(r->incident, l->incident, sizeof(r->incident));
        r->sequence = l->sequence;
        r->topic = topic;
        r->silent = r->silent || world_has_fault(w, FAULT_TOPIC_ANSWER_LOST, topic);
        r->status = 200;
        r->body = mem_printf("<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">"
                             "<PublishResult><MessageId>message-id</MessageId></PublishResult>"
                             "</PublishResponse>");
}

static void sts(World *w, const char *action, SimReply *r)
{
        char time[TIMEFMT_MAX];

        r->status = 200;
        if (streq(action, "GetCallerIdentity")) {
                r->body = mem_printf(
                        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>%s</Arn>"
                        "<UserId>AROAGUARD:guard</UserId><Account>111122223333</Account>"
                        "</GetCallerIdentityResult></GetCallerIdentityResponse>",
                        history_actor_arn(SIM_OWN));
        } else if (world_has_fault(w, FAULT_ASSUME_DENIED, SIZE_MAX)) {
                fail(r, false, 403, "AccessDenied");
        } else {
                const Session *s = session_new(w);
                r->body = mem_printf(
                        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>%s"
                        "</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s"
                        "</SessionToken><Expiration>%s</Expiration></Credentials>"
                        "</AssumeRoleResult></AssumeRoleResponse>",
                        s->key, s->secret, s->token, timefmt_iso8601(s->expiry_msec, time));
        }
}

/* Version 2 of the metadata service: a token first, and with it the role and its credentials. */
static void metadata(World *w, const SimRequest *q, SimReply *r)
{
        Whole *x = w->whole;
        char time[TIMEFMT_MAX];

        r->silent = world_has_fault(w, FAULT_IMDS_SILENT, SIZE_MAX);
        if (world_has_fault(w, FAULT_IMDS_FAILS, SIZE_MAX)) {
                r->status = rng_chance(&w->rng, 50) ? 500 : 429;
                return;
        }
        r->status = 200;
        if (streq(q->method, "PUT") && streq(q->path, "/latest/api/token")) {
                (void)snprintf(x->metadata_token, sizeof(x->metadata_token), "imds-%u",
                               ++x->n_metadata_tokens);
                r->body = mem_strdup(x->metadata_token);
                return;
        }
        const char *token = service_header(q, "X-aws-ec2-metadata-token");
        if (!*token)
                world_violation(w, "the metadata service is asked without a token");
        if (!streq(token, x->metadata_token)) {
                r->status = 401;
        } else if (streq(q->path, METADATA)) {
                r->body = mem_strdup(ROLE "\n");
        } else if (streq(q->path, METADATA ROLE)) {
                const Session *s = session_of_instance(w);
                r->body = mem_printf("{\"Code\":\"Success\",\"AccessKeyId\":\"%s\","
                                     "\"SecretAccessKey\":\"%s\",\"Token\":\"%s\","
                                     "\"Expiration\":\"%s\"}",
                                     s->key, s->secret, s->token,
                                     timefmt_iso8601(s->expiry_msec / 1000 * 1000, time));
        } else
                world_violation(w, "the metadata service is asked for %s", q->path);
}

void service_answer(World *w, const SimRequest *q, SimReply *r)
{
        char operation[64];
        const char *target = strrchr(service_header(q, "X-Amz-Target"), '.');
        bool json = target != NULL;

        if (isdigit((unsigned char)q->host[0])) {
                metadata(w, q, r);
                return;
        }
        _cleanup_free_ char *action = form_value(q->body, "Action");
        (void)snprintf(operation, sizeof(operation), "%s", json ? target + 1 : strempty(action));
        (void)snprintf(r->request_id, sizeof(r->request_id), "request-%u", ++w->n_request_ids);
        r->silent = rng_chance(&w->rng, world_lost_percent(w));
        if (world_has_fault(w, FAULT_SERVICE_FAILS, SIZE_MAX)) {
                fail(r, json, 503, "ServiceUnavailable");
                return;
        }
        if (!is_let_in(w, q, json, r))
                return;
        if (json)
                cloudtrail(w, q, operation, r);
        else if (streq(operation, "Publish"))
                publish(w, q, r);
        else if (strncmp(q->host, "sts.", 4) == 0)
                sts(w, operation, r);
        else if (streq(operation, "PutMetricData"))
                r->status = 200;
        else
                world_violation(w, "%s is asked for %s", q->host, operation);
}
