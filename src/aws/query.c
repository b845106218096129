/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/query.h"

#include <strings.h>

#include "aws/arn.h"
#include "aws/permission.h"
#include "base/escape.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "base/uri.h"
#include "base/xmlreader.h"

#define REQUEST_MAX ((size_t)4 * 1024 * 1024) /* 1,000 metrics and 256 KiB of message fit well */
#define ANSWER_MAX ((size_t)1024 * 1024)
#define SNS_MESSAGE_MAX ((size_t)256 * 1024) /* bytes before encoding, attributes included */
#define SUBJECT_MAX 99
#define IMDS_BODY_MAX ((size_t)64 * 1024)

static StrBuf form_begin(const char *action, const char *version)
{
        StrBuf b = STRBUF_INIT(REQUEST_MAX);

        uri_form_add(&b, "Action", action);
        uri_form_add(&b, "Version", version);
        return b;
}

static void form_add_int(StrBuf *b, const char *key, int value)
{
        char text[16];

        (void)snprintf(text, sizeof(text), "%d", value); /* fits */
        uri_form_add(b, key, text);
}

/* Adds a member of a list, "MetricData.member.2.Value": prefix is "MetricData.member." */
static void form_add_member(StrBuf *b, const char *prefix, size_t index, const char *name,
                            const char *value)
{
        _cleanup_free_ char *key = mem_printf("%s%zu.%s", prefix, index, name);

        uri_form_add(b, key, value);
}

/* Takes the content of b; -E2BIG when it did not fit. */
static int form_finish(StrBuf *b, AwsService service, const char *operation, const char *region,
                       AwsRequest *ret)
{
        AwsRequest r = {.service = service, .operation = operation, .body_len = b->len};

        assert(permission_find(service, operation));
        int q = strbuf_take(b, &r.body);
        if (q < 0)
                return q;
        r.region = mem_strdup(region);
        *ret = r;
        return 0;
}

int sns_request_publish(const SnsMessage *m, AwsRequest *ret)
{
        static const char prefix[] = "MessageAttributes.entry.";
        _cleanup_strbuf_ StrBuf b = form_begin("Publish", "2010-03-31");
        _cleanup_free_ char *subject = NULL;
        const char *wrong;
        size_t total = strlen(m->message);
        Arn topic;

        if (arn_parse_topic(m->topic_arn, &topic, &wrong) < 0)
                return -EINVAL;

        /* SNS refuses a message for good over a bad subject, and an alert must not be lost to
         * that. One that fits stays as it is. */
        subject = escape_ascii(m->subject, SIZE_MAX);
        if (strlen(subject) > SUBJECT_MAX)
                memcpy(subject + SUBJECT_MAX - 3, "...", sizeof("..."));
        uri_form_add(&b, "TopicArn", m->topic_arn);
        uri_form_add(&b, "Subject", *subject ? subject : NULL);
        uri_form_add(&b, "Message", m->message);
        uri_form_add(&b, "MessageStructure", m->structure);
        uri_form_add(&b, "MessageGroupId", m->group_id);
        uri_form_add(&b, "MessageDeduplicationId", m->deduplication_id);
        for (size_t i = 0, n = 0; i < m->n_attributes; i++) {
                if (isempty(m->attributes[i].value))
                        continue;
                const char *type = m->attributes[i].array ? "String.Array" : "String";
                total += strlen(m->attributes[i].name) + strlen(type) +
                         strlen(m->attributes[i].value);
                n++;
                form_add_member(&b, prefix, n, "Name", m->attributes[i].name);
                form_add_member(&b, prefix, n, "Value.DataType", type);
                form_add_member(&b, prefix, n, "Value.StringValue", m->attributes[i].value);
        }
        if (total > SNS_MESSAGE_MAX)
                return -E2BIG;
        return form_finish(&b, AWS_SERVICE_SNS, "Publish", topic.region, ret);
}

static int parse_xml(const char *body, size_t len, XmlDoc **ret)
{
        return len > ANSWER_MAX ? -E2BIG : xml_parse(body, len, ret);
}

int sns_parse_publish(const char *body, size_t len, char **ret_message_id)
{
        _cleanup_(xml_freep) XmlDoc *doc = NULL;

        int r = parse_xml(body, len, &doc);
        if (r < 0)
                return r;
        const char *id = xml_text(doc, "PublishResponse/PublishResult/MessageId");
        if (isempty(id))
                return -EBADMSG;
        *ret_message_id = mem_strdup(id);
        return 0;
}

int sns_request_get_topic_attributes(const char *topic_arn, AwsRequest *ret)
{
        _cleanup_strbuf_ StrBuf b = form_begin("GetTopicAttributes", "2010-03-31");
        const char *why;
        Arn topic;

        if (arn_parse_topic(topic_arn, &topic, &why) < 0)
                return -EINVAL;
        uri_form_add(&b, "TopicArn", topic_arn);
        return form_finish(&b, AWS_SERVICE_SNS, "GetTopicAttributes", topic.region, ret);
}

/* A number of subscriptions; -1 for what is none. */
static int count_of(const XmlDoc *doc, const char *name)
{
        const char *text = xml_entry(doc, name);

        return isempty(text) || strlen(text) > 8 || text[strspn(text, "0123456789")]
                       ? -1
                       : (int)strtol(text, NULL, 10);
}

int sns_parse_topic_attributes(const char *body, size_t len, TopicAttributes *ret)
{
        _cleanup_(xml_freep) XmlDoc *doc = NULL;

        int r = parse_xml(body, len, &doc);
        if (r < 0)
                return r;
        *ret = (TopicAttributes){.confirmed = count_of(doc, "SubscriptionsConfirmed"),
                                 .pending = count_of(doc, "SubscriptionsPending")};
        return 0;
}

void sts_request_get_caller_identity(const char *region, AwsRequest *ret)
{
        _cleanup_strbuf_ StrBuf b = form_begin("GetCallerIdentity", "2011-06-15");

        if (form_finish(&b, AWS_SERVICE_STS, "GetCallerIdentity", region, ret) < 0)
                abort(); /* two short parameters fit */
}

#define IDENTITY_PATH "GetCallerIdentityResponse/GetCallerIdentityResult/"

int sts_parse_caller_identity(const char *body, size_t len, CallerIdentity *ret)
{
        _cleanup_(xml_freep) XmlDoc *doc = NULL;

        int r = parse_xml(body, len, &doc);
        if (r < 0)
                return r;
        const char *account = xml_text(doc, IDENTITY_PATH "Account");
        const char *arn = xml_text(doc, IDENTITY_PATH "Arn");
        const char *user_id = xml_text(doc, IDENTITY_PATH "UserId");
        if (isempty(account) || isempty(arn) || isempty(user_id))
                return -EBADMSG;
        *ret = (CallerIdentity){
                .account = mem_strdup(account),
                .arn = mem_strdup(arn),
                .user_id = mem_strdup(user_id),
        };
        return 0;
}

void caller_identity_done(CallerIdentity *c)
{
        free(c->account);
        free(c->arn);
        free(c->user_id);
        *c = (CallerIdentity){0};
}

int sts_request_assume_role(const AssumeRole *a, AwsRequest *ret)
{
        const char *operation = a->web_identity_token ? "AssumeRoleWithWebIdentity" : "AssumeRole";
        _cleanup_strbuf_wipe_ StrBuf b = form_begin(operation, "2011-06-15");

        uri_form_add(&b, "RoleArn", a->role_arn);
        uri_form_add(&b, "RoleSessionName", a->session_name);
        form_add_int(&b, "DurationSeconds", a->duration_sec);
        uri_form_add(&b, "ExternalId", a->external_id);
        uri_form_add(&b, "WebIdentityToken", a->web_identity_token);
        return form_finish(&b, AWS_SERVICE_STS, operation, a->region, ret);
}

/* What both answers hold below their result. */
enum { ROLE_KEY_ID, ROLE_SECRET, ROLE_TOKEN, ROLE_EXPIRATION, ROLE_USER, _ROLE_MAX };
#define ROLE_PATHS(result)                                                                         \
        {                                                                                          \
                result "Credentials/AccessKeyId", result "Credentials/SecretAccessKey",            \
                        result "Credentials/SessionToken", result "Credentials/Expiration",        \
                        result "AssumedRoleUser/Arn"                                               \
        }

static int parse_role(const char *body, size_t len, const char *const paths[_ROLE_MAX],
                      AwsCredentials **ret)
{
        _cleanup_(xml_freep) XmlDoc *doc = NULL;
        int64_t expiry_msec;
        Arn arn;

        int r = parse_xml(body, len, &doc);
        if (r < 0)
                return r;
        const char *expiration = xml_text(doc, paths[ROLE_EXPIRATION]);
        const char *token = xml_text(doc, paths[ROLE_TOKEN]);
        if (isempty(token) || timefmt_parse_iso8601(strempty(expiration), &expiry_msec) < 0 ||
            aws_credentials_new(xml_text(doc, paths[ROLE_KEY_ID]),
                                xml_text(doc, paths[ROLE_SECRET]), token, expiry_msec, ret) < 0)
                return -EBADMSG;

        const char *user = xml_text(doc, paths[ROLE_USER]);
        if (user && arn_parse(user, &arn) == 0 && !isempty(arn.account))
                (*ret)->account_id = mem_strdup(arn.account);
        return 0;
}

int sts_parse_assume_role(const char *body, size_t len, AwsCredentials **ret)
{
        static const char *const paths[] = ROLE_PATHS("AssumeRoleResponse/AssumeRoleResult/");

        return parse_role(body, len, paths, ret);
}

int sts_parse_web_identity(const char *body, size_t len, AwsCredentials **ret)
{
        static const char *const paths[] =
                ROLE_PATHS("AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/");

        return parse_role(body, len, paths, ret);
}

void monitoring_request_put_metric_data(const char *region, const char *metric_namespace,
                                        const Metric *metrics, size_t n, AwsRequest *ret)
{
        static const char prefix[] = "MetricData.member.";
        _cleanup_strbuf_ StrBuf b = form_begin("PutMetricData", "2010-08-01");

        uri_form_add(&b, "Namespace", metric_namespace);
        for (size_t i = 0; i < n; i++) {
                const Metric *m = &metrics[i];
                char when[TIMEFMT_MAX], value[32];
                (void)snprintf(value, sizeof(value), "%.15g", m->value); /* fits */
                form_add_member(&b, prefix, i + 1, "MetricName", m->name);
                form_add_member(&b, prefix, i + 1, "Dimensions.member.1.Name", m->dimension_name);
                form_add_member(&b, prefix, i + 1, "Dimensions.member.1.Value", m->dimension_value);
                form_add_member(&b, prefix, i + 1, "Timestamp",
                                timefmt_iso8601(m->time_msec, when));
                form_add_member(&b, prefix, i + 1, "Value", value);
                form_add_member(&b, prefix, i + 1, "Unit", "Count");
        }
        if (form_finish(&b, AWS_SERVICE_MONITORING, "PutMetricData", region, ret) < 0)
                abort(); /* CloudWatch takes at most 1,000 metrics of about 300 bytes */
}

typedef struct ImdsDocument {
        char *code, *code_lower;
        char *message, *message_lower;
        char *access_key_id;
        char *secret_access_key;
        char *token;
        char *account_id;
        int64_t expiry_msec;
        int64_t version;
} ImdsDocument;

static void imds_document_done(ImdsDocument *d)
{
        free(d->code);
        free(d->code_lower);
        free(d->message);
        free(d->message_lower);
        free(d->access_key_id);
        secret_free_text(d->secret_access_key);
        secret_free_text(d->token);
        free(d->account_id);
}

/* In both kinds of document a member of another type counts as absent. */
#define TEXT(key, member)                                                                          \
        {                                                                                          \
                key, JSONMAP_STRING_NONEMPTY, offsetof(ImdsDocument, member), JSONMAP_LENIENT      \
        }
static const JsonField key_fields[] = {
        TEXT("AccessKeyId", access_key_id),
        TEXT("SecretAccessKey", secret_access_key),
        TEXT("AccountId", account_id),
        {"Expiration", JSONMAP_TIME, offsetof(ImdsDocument, expiry_msec), JSONMAP_LENIENT},
};

static int document_decode(const char *body, size_t len, const JsonField *fields, size_t n_fields,
                           ImdsDocument *ret)
{
        _cleanup_json_ json_t *root = NULL;

        if (json_parse(body, len, IMDS_BODY_MAX, &root) < 0 ||
            jsonmap_decode(root, key_fields, ELEMENTSOF(key_fields), ret, NULL) < 0 ||
            jsonmap_decode(root, fields, n_fields, ret, NULL) < 0)
                return -EBADMSG;
        return 0;
}

static int document_to_credentials(ImdsDocument *d, AwsCredentials **ret)
{
        if (aws_credentials_new(d->access_key_id, d->secret_access_key, d->token, d->expiry_msec,
                                ret) < 0)
                return -EBADMSG;
        if (d->account_id && arn_account_is_valid(d->account_id))
                (*ret)->account_id = TAKE_PTR(d->account_id);
        return 0;
}

int imds_parse_credentials(const char *body, size_t len, AwsCredentials **ret, char **reterr_text)
{
        static const JsonField fields[] = {
                TEXT("Code", code),       TEXT("code", code_lower),
                TEXT("Message", message), TEXT("message", message_lower),
                TEXT("Token", token),
        };
        _cleanup_(imds_document_done) ImdsDocument d = {0};

        if (document_decode(body, len, fields, ELEMENTSOF(fields), &d) < 0)
                return -EBADMSG;

        const char *code = d.code ? d.code : d.code_lower;
        const char *message = d.message ? d.message : d.message_lower;
        if (code && strcasecmp(code, "Success") != 0) {
                _cleanup_free_ char *text =
                        mem_printf("%s%s%s", code, message ? ": " : "", strempty(message));
                *reterr_text = escape_text(text, 300);
                return -EREMOTEIO;
        }
        if (!d.token || d.expiry_msec == 0)
                return -EBADMSG;
        return document_to_credentials(&d, ret);
}

/* Members that are there and of another type are mistakes of the program's author: refused. */
int process_parse_credentials(const char *body, size_t len, AwsCredentials **ret)
{
        static const JsonField fields[] = {
                {"Version", JSONMAP_INT, offsetof(ImdsDocument, version), JSONMAP_REQUIRED},
                {"SessionToken", JSONMAP_STRING, offsetof(ImdsDocument, token), JSONMAP_OPTIONAL},
                /* Again, and not lenient: keys that never expire are no reading of a mistake. */
                {"Expiration", JSONMAP_TIME, offsetof(ImdsDocument, expiry_msec), JSONMAP_OPTIONAL},
        };
        _cleanup_(imds_document_done) ImdsDocument d = {0};

        if (document_decode(body, len, fields, ELEMENTSOF(fields), &d) < 0 || d.version != 1)
                return -EBADMSG;
        return document_to_credentials(&d, ret);
}
#undef TEXT
