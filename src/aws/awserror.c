/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/awserror.h"

#include <stdarg.h>

#include "base/foreign.h"
#include "base/jsonmap.h"
#include "base/mem.h"
#include "base/stringtable.h"
#include "base/xmlreader.h"

#define ERROR_BODY_MAX ((size_t)1024 * 1024)
#define UNREADABLE_SHOWN_MAX ((size_t)200)

static const char *const aws_error_class_table[] = {
        [AWS_ERROR_NONE] = "none",
        [AWS_ERROR_THROTTLED] = "throttled",
        [AWS_ERROR_TRANSIENT] = "transient",
        [AWS_ERROR_NETWORK] = "network",
        [AWS_ERROR_CREDENTIALS] = "credentials",
        [AWS_ERROR_EXPIRED] = "expired",
        [AWS_ERROR_CLOCK] = "clock",
        [AWS_ERROR_DENIED] = "denied",
        [AWS_ERROR_NOT_FOUND] = "not-found",
        [AWS_ERROR_INVALID] = "invalid",
        [AWS_ERROR_PROTOCOL] = "protocol",
};

DEFINE_STRING_TABLE(aws_error_class, AwsErrorClass)

/* By code without a trailing "Exception", which services add or not as they like. What is not
 * here is told by the status. NOT_FOUND has no status: a proxy's 404 is not a deleted trail. */
static const struct {
        const char *code;
        AwsErrorClass class;
} code_classes[] = {
        {"Throttling", AWS_ERROR_THROTTLED},
        {"Throttled", AWS_ERROR_THROTTLED},
        {"RequestThrottled", AWS_ERROR_THROTTLED},
        {"TooManyRequests", AWS_ERROR_THROTTLED},
        {"RequestLimitExceeded", AWS_ERROR_THROTTLED},
        {"LimitExceeded", AWS_ERROR_THROTTLED},
        {"BandwidthLimitExceeded", AWS_ERROR_THROTTLED},
        {"ProvisionedThroughputExceeded", AWS_ERROR_THROTTLED},
        {"EC2Throttled", AWS_ERROR_THROTTLED},
        {"SlowDown", AWS_ERROR_THROTTLED},
        {"KMSThrottling", AWS_ERROR_THROTTLED},
        {"PriorRequestNotComplete", AWS_ERROR_THROTTLED},
        {"TransactionInProgress", AWS_ERROR_THROTTLED},

        {"RequestTimeout", AWS_ERROR_TRANSIENT},
        {"Conflict", AWS_ERROR_TRANSIENT},
        {"ConcurrentModification", AWS_ERROR_TRANSIENT},
        {"InternalError", AWS_ERROR_TRANSIENT},
        {"InternalFailure", AWS_ERROR_TRANSIENT},
        {"InternalServer", AWS_ERROR_TRANSIENT},
        {"InternalServerError", AWS_ERROR_TRANSIENT},
        {"InternalServiceError", AWS_ERROR_TRANSIENT},
        {"InternalServiceFault", AWS_ERROR_TRANSIENT},
        {"ServiceUnavailable", AWS_ERROR_TRANSIENT},
        {"IDPCommunicationError", AWS_ERROR_TRANSIENT},

        {"ExpiredToken", AWS_ERROR_EXPIRED},
        {"UnrecognizedClient", AWS_ERROR_EXPIRED},
        {"InvalidClientTokenId", AWS_ERROR_EXPIRED},
        {"InvalidAccessKeyId", AWS_ERROR_EXPIRED},

        {"RequestExpired", AWS_ERROR_CLOCK},
        {"RequestInTheFuture", AWS_ERROR_CLOCK},
        {"RequestTimeTooSkewed", AWS_ERROR_CLOCK},
        {"InvalidSignature", AWS_ERROR_CLOCK},
        {"SignatureDoesNotMatch", AWS_ERROR_CLOCK},
        {"InvalidSecurity", AWS_ERROR_CLOCK}, /* SNS: "the credential signature isn't valid" */

        {"AccessDenied", AWS_ERROR_DENIED},
        {"AuthorizationError", AWS_ERROR_DENIED},
        {"UnauthorizedOperation", AWS_ERROR_DENIED},
        {"NotAuthorized", AWS_ERROR_DENIED},
        {"OptInRequired", AWS_ERROR_DENIED},
        {"SubscriptionRequired", AWS_ERROR_DENIED},
        {"RegionDisabled", AWS_ERROR_DENIED},
        {"OperationNotPermitted", AWS_ERROR_DENIED},
        {"NotOrganizationMasterAccount", AWS_ERROR_DENIED},
        {"InsufficientDependencyServiceAccessPermission", AWS_ERROR_DENIED},
        {"KMSAccessDenied", AWS_ERROR_DENIED},

        {"TrailNotFound", AWS_ERROR_NOT_FOUND},
        {"NotFound", AWS_ERROR_NOT_FOUND}, /* SNS: the topic */
        {"ResourceNotFound", AWS_ERROR_NOT_FOUND},

        /* Refused for good with a status that would say something milder. */
        {"IncompleteSignature", AWS_ERROR_INVALID},
        {"MissingAuthenticationToken", AWS_ERROR_INVALID},
        {"InvalidHomeRegion", AWS_ERROR_INVALID},
        {"UnsupportedOperation", AWS_ERROR_INVALID},
        {"CloudTrailARNInvalid", AWS_ERROR_INVALID},
        {"InvalidTrailName", AWS_ERROR_INVALID},
};

static AwsErrorClass classify_status(int status)
{
        if (status == 429)
                return AWS_ERROR_THROTTLED;
        if (status == 408 || (status >= 500 && status <= 599))
                return AWS_ERROR_TRANSIENT;
        if (status == 401 || status == 403)
                return AWS_ERROR_DENIED;
        if (status >= 400 && status <= 499)
                return AWS_ERROR_INVALID;
        return AWS_ERROR_PROTOCOL;
}

AwsErrorClass aws_error_classify(const char *code, int status)
{
        static const char suffix[] = "Exception";
        code = strempty(code);
        size_t n = strlen(code), m = strlen(suffix);

        if (n > m && streq(code + n - m, suffix))
                n -= m;
        for (size_t i = 0; n > 0 && i < ELEMENTSOF(code_classes); i++)
                if (strncmp(code, code_classes[i].code, n) == 0 && !code_classes[i].code[n])
                        return code_classes[i].class;
        return classify_status(status);
}

/* Escaped; of what does not fit the middle is cut, since the end of a message says why. What fits
 * stays as it is, so that a text that was cut once is the same after the disk. */
static void copy_escaped(char *dst, size_t size, const char *src)
{
        _cleanup_free_ char *text = foreign_text_exact(src, size - 1);

        (void)snprintf(dst, size, "%s", text); /* fits */
}

static void fill(AwsError *ret, int status, const char *code, const char *message,
                 const char *request_id)
{
        char http[32];

        *ret = (AwsError){.status = status, .class = aws_error_classify(code, status)};
        (void)snprintf(http, sizeof(http), "HTTP %d", status); /* fits */
        copy_escaped(ret->code, sizeof(ret->code), isempty(code) ? http : code);
        copy_escaped(ret->message, sizeof(ret->message), message);
        copy_escaped(ret->request_id, sizeof(ret->request_id), request_id);
}

/* What is no error document of AWS's refuses nothing in its name, whatever its status: a proxy, a
 * web filter, a gateway has answered. Its first words tell which. */
static void fill_unreadable(AwsError *ret, int status, const char *body, size_t len,
                            const char *request_id)
{
        _cleanup_free_ char *start = mem_strndup(strempty(body), MIN(len, UNREADABLE_SHOWN_MAX));
        _cleanup_free_ char *words = NULL;

        if (*start)
                words = mem_printf("not an error document of AWS: %s", start);
        fill(ret, status, NULL, words ? words : "an empty answer", request_id);
        if (ret->class == AWS_ERROR_DENIED || ret->class == AWS_ERROR_INVALID)
                ret->class = AWS_ERROR_PROTOCOL;
}

typedef struct JsonError {
        char *code;
        char *type;
        char *message;
        char *message_upper;
} JsonError;

static void json_error_done(JsonError *e)
{
        free(e->code);
        free(e->type);
        free(e->message);
        free(e->message_upper);
}

static void json_error_parse(const char *body, size_t len, JsonError *ret)
{
        static const JsonField fields[] = {
                {"code", JSONMAP_STRING_NONEMPTY, offsetof(JsonError, code), JSONMAP_LENIENT},
                {"__type", JSONMAP_STRING_NONEMPTY, offsetof(JsonError, type), JSONMAP_LENIENT},
                {"message", JSONMAP_STRING_NONEMPTY, offsetof(JsonError, message), JSONMAP_LENIENT},
                {"Message", JSONMAP_STRING_NONEMPTY, offsetof(JsonError, message_upper),
                 JSONMAP_LENIENT},
        };
        _cleanup_json_ json_t *root = NULL;

        if (json_parse(body, len, ERROR_BODY_MAX, &root) < 0 ||
            jsonmap_decode(root, fields, ELEMENTSOF(fields), ret, NULL) < 0)
                return; /* what is no JSON object leaves the error without code and words */
}

/* "com.amazonaws.cloudtrail#TrailNotFoundException:http://..." */
static char *code_of_type(const char *type)
{
        size_t n = strcspn(type, ":");
        const char *hash = memchr(type, '#', n);
        const char *start = hash ? hash + 1 : type;

        return mem_strndup(start, n - (size_t)(start - type));
}

void aws_error_from_json(int status, const char *body, size_t len, const AwsErrorHeaders *h,
                         AwsError *ret)
{
        _cleanup_(json_error_done) JsonError e = {0};
        _cleanup_free_ char *code = NULL;

        json_error_parse(body, len, &e);
        const char *const types[] = {h->error_type, e.code, e.type};
        if (!isempty(h->query_error))
                code = mem_strndup(h->query_error, strcspn(h->query_error, ";"));
        for (size_t k = 0; k < ELEMENTSOF(types) && isempty(code); k++) {
                free(code);
                code = isempty(types[k]) ? NULL : code_of_type(types[k]);
        }
        const char *message = e.message ? e.message : e.message_upper;
        if (isempty(code) && !message)
                fill_unreadable(ret, status, body, len, h->request_id);
        else
                fill(ret, status, code, message, h->request_id);
}

void aws_error_from_xml(int status, const char *body, size_t len, const char *request_id,
                        AwsError *ret)
{
        _cleanup_(xml_freep) XmlDoc *doc = NULL;

        if (len > ERROR_BODY_MAX || xml_parse(body, len, &doc) < 0 || !xml_find(doc, "Code")) {
                fill_unreadable(ret, status, body, len, request_id);
                return;
        }
        const char *id = xml_find(doc, "RequestId");
        fill(ret, status, xml_find(doc, "Code"), xml_find(doc, "Message"),
             request_id ? request_id
             : id       ? id
                        : xml_find(doc, "RequestID"));
}

json_t *aws_error_to_value(const AwsError *e)
{
        if (e->class == AWS_ERROR_NONE)
                return json_null();
        json_t *value = json_pack("{s:s, s:i, s:s, s:s, s:s}", "class",
                                  aws_error_class_to_string(e->class), "status", e->status, "code",
                                  e->code, "message", e->message, "request_id", e->request_id);
        if (!value)
                abort(); /* memory, or texts that are not UTF-8, which AwsError excludes */
        return value;
}

void aws_error_from_value(const json_t *value, AwsError *ret)
{
        const char *texts[] = {"code", "message", "request_id"};
        AwsErrorClass class =
                aws_error_class_from_string(json_string_value(json_object_get(value, "class")));

        *ret = (AwsError){0};
        if ((int)class <= AWS_ERROR_NONE)
                return;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                texts[i] = json_string_value(json_object_get(value, texts[i]));
        *ret = (AwsError){
                .class = class,
                .status = (int)json_integer_value(json_object_get(value, "status")),
        };
        copy_escaped(ret->code, sizeof(ret->code), texts[0]);
        copy_escaped(ret->message, sizeof(ret->message), texts[1]);
        copy_escaped(ret->request_id, sizeof(ret->request_id), texts[2]);
}

void aws_error_set(AwsError *ret, AwsErrorClass class, const char *code, const char *fmt, ...)
{
        _cleanup_free_ char *message = NULL;
        va_list ap;

        va_start(ap, fmt);
        message = mem_vprintf(fmt, ap);
        va_end(ap);

        *ret = (AwsError){.class = class};
        copy_escaped(ret->code, sizeof(ret->code), code);
        copy_escaped(ret->message, sizeof(ret->message), message);
}
