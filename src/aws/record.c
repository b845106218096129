/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/record.h"

#include <strings.h>

#include "aws/arn.h"
#include "aws/trailsettings.h"
#include "base/jsonmend.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/stringtable.h"

#define RECORD_MAX ((size_t)1024 * 1024) /* CloudTrail's own limit is 256 KB */

/* A member of the wrong type must not make a record unreadable: so all but what a record is
 * worthless without are lenient. */
#define LENIENT_FIELD(type, member, key, kind)                                                     \
        {                                                                                          \
                key, kind, offsetof(type, member), JSONMAP_LENIENT                                 \
        }
#define RECORD_TEXT(member, key)                                                                   \
        LENIENT_FIELD(CloudTrailRecord, member, key, JSONMAP_STRING_NONEMPTY)

static const JsonField record_fields[] = {
        {"eventName", JSONMAP_STRING_NONEMPTY, offsetof(CloudTrailRecord, event_name),
         JSONMAP_REQUIRED},
        {"eventTime", JSONMAP_TIME, offsetof(CloudTrailRecord, time_msec), JSONMAP_REQUIRED},
        RECORD_TEXT(event_id, "eventID"),
        RECORD_TEXT(event_source, "eventSource"),
        RECORD_TEXT(event_type, "eventType"),
        RECORD_TEXT(region, "awsRegion"),
        RECORD_TEXT(source_ip, "sourceIPAddress"),
        RECORD_TEXT(user_agent, "userAgent"),
        RECORD_TEXT(error_code, "errorCode"),
        RECORD_TEXT(error_message, "errorMessage"),
        RECORD_TEXT(request_id, "requestID"),
        RECORD_TEXT(recipient_account_id, "recipientAccountId"),
        RECORD_TEXT(vpc_endpoint_id, "vpcEndpointId"),
        RECORD_TEXT(vpc_endpoint_account_id, "vpcEndpointAccountId"),
        LENIENT_FIELD(CloudTrailRecord, session_from_console, "sessionCredentialFromConsole",
                      JSONMAP_BOOL_LOOSE),
};

/* Which member names what a call of a service is made on. */
static const struct {
        const char *source;
        const char *members[2];
} named_by[] = {
        {"cloudtrail.amazonaws.com", {"name", "trailName"}},
        {"s3.amazonaws.com", {"bucketName"}},
        {"kms.amazonaws.com", {"keyId"}},
        {"sns.amazonaws.com", {"topicArn"}},
        {"logs.amazonaws.com", {"logGroupName", "logGroupIdentifier"}},
};
static const JsonField omitted_fields[] = {
        LENIENT_FIELD(CloudTrailRecord, parameters_omitted, "omitted", JSONMAP_BOOL_LOOSE),
};

/* A name that is no text, or two that differ, name nothing. */
static void decode_name(const json_t *parameters, CloudTrailRecord *r)
{
        const json_t *found = NULL;

        for (size_t i = 0; i < ELEMENTSOF(named_by); i++) {
                if (!streq(strempty(r->event_source), named_by[i].source))
                        continue;
                for (size_t k = 0; k < ELEMENTSOF(named_by[i].members); k++) {
                        const char *member = named_by[i].members[k];
                        const json_t *v = member ? json_object_get(parameters, member) : NULL;

                        if (!v || json_is_null(v))
                                continue;
                        if (!json_is_string(v) || (found && !json_equal(found, v)))
                                return;
                        found = v;
                }
        }
        if (!isempty(json_string_value(found)))
                r->trail = mem_strdup(json_string_value(found));
}

#define PARAMETERS_MAX 2048 /* all of UpdateTrail's, each as long as may be */
#define PARAMETER_MAX 64
#define PARAMETER_VALUE_MAX 128

static bool is_parameter_name(const char *s)
{
        size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

        return n > 0 && n <= PARAMETER_MAX && !s[n];
}

/* As text without a space, NULL for what is none or is too long. */
static const char *parameter_value(const json_t *v)
{
        const char *s = json_is_true(v)    ? "true"
                        : json_is_false(v) ? "false"
                                           : json_string_value(v);
        size_t n = 0;

        while (s && s[n] > ' ' && s[n] <= '~')
                n++;
        return s && !s[n] && n <= PARAMETER_VALUE_MAX ? s : NULL;
}

static void decode_parameter_names(const json_t *parameters, CloudTrailRecord *r)
{
        _cleanup_strbuf_ StrBuf b = STRBUF_INIT(PARAMETERS_MAX);
        const char *name;
        const json_t *v;

        json_object_foreach((json_t *)parameters, name, v)
        {
                const char *value = parameter_value(v);

                if (!is_parameter_name(name) || streq(name, "name") || streq(name, "trailName") ||
                    b.len + strlen(name) + strlen(strempty(value)) + 2 > PARAMETERS_MAX)
                        continue; /* the trail is known */
                strbuf_addf(&b, "%s%s%s%s", b.len > 0 ? " " : "", name, value ? "=" : "",
                            strempty(value));
        }
        if (b.len > 0)
                r->parameters = mem_strdup(strbuf_str(&b));
}

/* Above 100 KB the parameters become {"reason": "requestParameters too large", "omitted": true,
 * "originalSize": 149893}. */
static int decode_parameters(const json_t *parameters, CloudTrailRecord *r)
{
        if (!json_is_object(parameters)) {
                r->parameters_omitted = json_is_string(parameters);
                return 0;
        }
        decode_name(parameters, r);
        r->selectors = cloudtrail_requested_selectors(parameters);
        decode_parameter_names(parameters, r);
        if (r->trail)
                return 0;
        return jsonmap_decode(parameters, omitted_fields, ELEMENTSOF(omitted_fields), r, NULL);
}

/* An error of whatever type is an error: nobody is named for a call that may have failed. */
static void decode_error(const json_t *object, CloudTrailRecord *r)
{
        const json_t *code = json_object_get(object, "errorCode");
        const json_t *message = json_object_get(object, "errorMessage");

        if (r->error_code)
                return;
        if (code && !json_is_null(code)) {
                r->error_code =
                        json_dumps(code, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
                if (!r->error_code)
                        mem_exhausted();
        } else if (message && !json_is_null(message) &&
                   !(json_is_string(message) && json_string_length(message) == 0)) {
                r->error_code = mem_strdup("no errorCode");
        }
}

int cloudtrail_record_decode(const json_t *object, CloudTrailRecord *ret)
{
        _cleanup_(cloudtrail_record_done) CloudTrailRecord record = {0};

        int r = jsonmap_decode(object, record_fields, ELEMENTSOF(record_fields), &record, NULL);
        if (r < 0)
                return r == -EINVAL ? -EBADMSG : r;
        const json_t *identity = json_object_get(object, "userIdentity");
        if (!identity || json_is_null(identity))
                return -ENODATA;
        r = user_identity_decode(identity, &record.identity);
        if (r < 0)
                return r;
        decode_error(object, &record);
        r = decode_parameters(json_object_get(object, "requestParameters"), &record);
        if (r < 0)
                return r;

        cloudtrail_record_cap(&record);
        *ret = record;
        record = (CloudTrailRecord){0};
        return 0;
}

int cloudtrail_record_parse(const char *json, size_t len, CloudTrailRecord *ret)
{
        _cleanup_json_ json_t *root = NULL;

        int r = json_parse_foreign(json, len, RECORD_MAX, &root);
        if (r < 0)
                return -EBADMSG;
        return cloudtrail_record_decode(root, ret);
}

/* What a record owns, and the most bytes that are kept of each. AWS's own limits lie below, but
 * for what a caller may fill: a user agent has up to 1 KB, a parameter up to 100 KB. A cut name of
 * a trail is still too long to be one. */
#define OWNED(member, max)                                                                         \
        {                                                                                          \
                offsetof(CloudTrailRecord, member), max                                            \
        }
static const struct {
        size_t offset;
        size_t max;
} strings[] = {
        OWNED(event_id, 128),
        OWNED(event_name, 128),
        OWNED(event_source, 128),
        OWNED(event_type, 64),
        OWNED(region, 64),
        OWNED(source_ip, 256),
        OWNED(user_agent, 512),
        OWNED(error_code, 256),
        OWNED(error_message, 512),
        OWNED(request_id, 128),
        OWNED(recipient_account_id, 64),
        OWNED(vpc_endpoint_id, 128),
        OWNED(vpc_endpoint_account_id, 64),
        OWNED(trail, 1024),
        OWNED(parameters, PARAMETERS_MAX),
        OWNED(identity.type_text, 64),
        OWNED(identity.principal_id, 512),
        OWNED(identity.arn, 1024),
        OWNED(identity.account_id, 64),
        OWNED(identity.access_key_id, 128),
        OWNED(identity.user_name, 512),
        OWNED(identity.invoked_by, 256),
        OWNED(identity.invoked_by_delegate, 64),
        OWNED(identity.identity_provider, 512),
        OWNED(identity.on_behalf_of, 256),
        OWNED(identity.identity_store, 256),
        OWNED(identity.credential_id, 256),
        OWNED(identity.issuer_type, 64),
        OWNED(identity.issuer_arn, 1024),
        OWNED(identity.issuer_user_name, 512),
        OWNED(identity.source_identity, 256),
        OWNED(identity.web_id_provider, 512),
        OWNED(identity.ec2_role_delivery, 64),
        OWNED(identity.sign_in_session_arn, 512),
        OWNED(identity.in_scope_type, 64),
        OWNED(identity.in_scope_issued_to, 512),
        OWNED(identity.in_scope_source, 512),
        OWNED(identity.in_scope_account, 64),
};

static char **string_at(CloudTrailRecord *r, size_t k)
{
        return (char **)((char *)r + strings[k].offset);
}

void cloudtrail_record_done(CloudTrailRecord *r)
{
        for (size_t k = 0; k < ELEMENTSOF(strings); k++)
                free(*string_at(r, k));
        free(r->selectors);
        *r = (CloudTrailRecord){0};
}

void cloudtrail_record_copy(const CloudTrailRecord *r, CloudTrailRecord *ret)
{
        *ret = *r;
        ret->selectors = NULL;
        for (size_t k = 0; k < ELEMENTSOF(strings); k++)
                *string_at(ret, k) = mem_strdup(*string_at(ret, k));
}

void cloudtrail_record_cap(CloudTrailRecord *r)
{
        for (size_t k = 0; k < ELEMENTSOF(strings); k++) {
                char **s = string_at(r, k);
                size_t n = strings[k].max;

                if (!*s || strlen(*s) <= n)
                        continue;
                while (n > 0 && ((*s)[n] & 0xc0) == 0x80)
                        n--; /* not within a character of UTF-8 */
                char *cut = mem_strndup(*s, n);
                free(*s);
                *s = cut;
        }
}

size_t cloudtrail_record_bytes(const CloudTrailRecord *r)
{
        static const size_t overhead = 2 * sizeof(size_t); /* of the allocator, for each string */
        size_t n = sizeof(*r);

        for (size_t k = 0; k < ELEMENTSOF(strings); k++) {
                const char *s = *string_at((CloudTrailRecord *)r, k);

                n += s ? strlen(s) + 1 + overhead : 0;
        }
        return n;
}

char *cloudtrail_record_parameter(const CloudTrailRecord *r, const char *name, bool *ret_known)
{
        const char *p = strempty(r->parameters);

        while (*p) {
                size_t n = strcspn(p, " "), m = strcspn(p, " =");

                if (m == strlen(name) && strncmp(p, name, m) == 0) {
                        *ret_known = n > m;
                        return mem_strndup(p + m + (n > m), n - m - (n > m));
                }
                p += n + strspn(p + n, " ");
        }
        return NULL;
}

TrailMatch cloudtrail_record_match_service(const CloudTrailRecord *r, const char *service)
{
        static const char suffix[] = ".amazonaws.com";
        size_t n = strlen(service);

        if (!r->event_source)
                return TRAIL_MATCH_UNKNOWN;
        if (strncmp(r->event_source, service, n) != 0 || r->event_source[n] != '.')
                return TRAIL_MATCH_NO;
        if (!streq(r->event_source + n, suffix) ||
            (r->event_type && !streq(r->event_type, "AwsApiCall")))
                return TRAIL_MATCH_UNKNOWN;
        return r->region && r->recipient_account_id ? TRAIL_MATCH_YES : TRAIL_MATCH_UNKNOWN;
}

/* By what the call names: the trail's ARN, or its name. An ARN of anything else is not the trail,
 * and neither is another valid name; the name in another case, or with something behind it, is not
 * known to be one or the other. */
static TrailMatch match_name(const char *named, const Arn *trail, bool *ret_by_arn)
{
        const char *name = arn_trail_name(trail);
        Arn other;

        *ret_by_arn = arn_parse(named, &other) == 0;
        if (*ret_by_arn) {
                static const char prefix[] = "trail/";

                if (!streq(other.partition, trail->partition) ||
                    !streq(other.service, trail->service) || !streq(other.region, trail->region) ||
                    !streq(other.account, trail->account))
                        return TRAIL_MATCH_NO;
                if (strncmp(other.resource, prefix, strlen(prefix)) != 0)
                        return TRAIL_MATCH_UNKNOWN;
                named = other.resource + strlen(prefix);
        }
        if (streq(named, name))
                return TRAIL_MATCH_YES;
        if (strcasecmp(named, name) == 0 || !arn_trail_name_is_valid(named))
                return TRAIL_MATCH_UNKNOWN;
        return TRAIL_MATCH_NO;
}

TrailMatch cloudtrail_record_match(const CloudTrailRecord *r, const char *trail_arn)
{
        TrailMatch service = cloudtrail_record_match_service(r, "cloudtrail"), name;
        bool by_arn;
        Arn trail;

        if (service == TRAIL_MATCH_NO || arn_parse(trail_arn, &trail) < 0)
                return TRAIL_MATCH_NO;
        if (!r->trail)
                return TRAIL_MATCH_UNKNOWN;
        name = match_name(r->trail, &trail, &by_arn);
        if (name == TRAIL_MATCH_NO)
                return name;
        /* A bare name is that of a trail of the account and region in which the call was made. */
        if (!by_arn &&
            ((r->region && !streq(r->region, trail.region)) ||
             (r->recipient_account_id && !streq(r->recipient_account_id, trail.account))))
                return TRAIL_MATCH_NO;
        if (name == TRAIL_MATCH_YES && service == TRAIL_MATCH_YES && streq(r->region, trail.region))
                return TRAIL_MATCH_YES;
        return TRAIL_MATCH_UNKNOWN;
}
