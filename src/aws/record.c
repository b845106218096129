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

static const char *const identity_type_table[] = {
        [IDENTITY_ROOT] = "Root",
        [IDENTITY_IAM_USER] = "IAMUser",
        [IDENTITY_ASSUMED_ROLE] = "AssumedRole",
        [IDENTITY_ROLE] = "Role",
        [IDENTITY_FEDERATED_USER] = "FederatedUser",
        [IDENTITY_AWS_SERVICE] = "AWSService",
        [IDENTITY_AWS_ACCOUNT] = "AWSAccount",
        [IDENTITY_IDENTITY_CENTER_USER] = "IdentityCenterUser",
        [IDENTITY_SAML_USER] = "SAMLUser",
        [IDENTITY_WEB_IDENTITY_USER] = "WebIdentityUser",
        [IDENTITY_DIRECTORY] = "Directory",
        [IDENTITY_UNKNOWN] = "Unknown",
};

DEFINE_STRING_TABLE(identity_type, IdentityType)

/* A member of the wrong type must not make a record unreadable: so all but what a record is
 * worthless without are lenient. */
#define LENIENT_FIELD(type, member, key, kind)                                                     \
        {                                                                                          \
                key, kind, offsetof(type, member), JSONMAP_LENIENT                                 \
        }
#define RECORD_TEXT(member, key)                                                                   \
        LENIENT_FIELD(CloudTrailRecord, member, key, JSONMAP_STRING_NONEMPTY)
#define IDENTITY_TEXT(member, key) LENIENT_FIELD(UserIdentity, member, key, JSONMAP_STRING_NONEMPTY)

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

static const JsonField identity_fields[] = {
        IDENTITY_TEXT(type_text, "type"),
        IDENTITY_TEXT(principal_id, "principalId"),
        IDENTITY_TEXT(arn, "arn"),
        IDENTITY_TEXT(account_id, "accountId"),
        IDENTITY_TEXT(access_key_id, "accessKeyId"),
        IDENTITY_TEXT(user_name, "userName"),
        IDENTITY_TEXT(invoked_by, "invokedBy"),
        IDENTITY_TEXT(identity_provider, "identityProvider"),
        IDENTITY_TEXT(credential_id, "credentialId"),
};

static const JsonField session_fields[] = {
        IDENTITY_TEXT(source_identity, "sourceIdentity"),
        IDENTITY_TEXT(ec2_role_delivery, "ec2RoleDelivery"),
        LENIENT_FIELD(UserIdentity, assumed_root, "assumedRoot", JSONMAP_BOOL_LOOSE),
};

static const JsonField issuer_fields[] = {
        IDENTITY_TEXT(issuer_type, "type"),
        IDENTITY_TEXT(issuer_arn, "arn"),
        IDENTITY_TEXT(issuer_user_name, "userName"),
};

static const JsonField attribute_fields[] = {
        LENIENT_FIELD(UserIdentity, session_created_msec, "creationDate", JSONMAP_TIME),
};

static const JsonField web_id_fields[] = {IDENTITY_TEXT(web_id_provider, "federatedProvider")};
static const JsonField behalf_fields[] = {
        IDENTITY_TEXT(on_behalf_of, "userId"),
        IDENTITY_TEXT(identity_store, "identityStoreArn"),
};
static const JsonField delegate_fields[] = {IDENTITY_TEXT(invoked_by_delegate, "accountId")};

/* The objects below userIdentity, by path. */
static const struct {
        const char *parent; /* NULL: userIdentity itself */
        const char *name;
        const JsonField *fields;
        size_t n_fields;
} identity_parts[] = {
        {NULL, "sessionContext", session_fields, ELEMENTSOF(session_fields)},
        {"sessionContext", "sessionIssuer", issuer_fields, ELEMENTSOF(issuer_fields)},
        {"sessionContext", "attributes", attribute_fields, ELEMENTSOF(attribute_fields)},
        {"sessionContext", "webIdFederationData", web_id_fields, ELEMENTSOF(web_id_fields)},
        {NULL, "onBehalfOf", behalf_fields, ELEMENTSOF(behalf_fields)},
        {NULL, "invokedByDelegate", delegate_fields, ELEMENTSOF(delegate_fields)},
};

static Mfa decode_mfa(const json_t *identity)
{
        const json_t *session = json_object_get(identity, "sessionContext");
        const json_t *v =
                json_object_get(json_object_get(session, "attributes"), "mfaAuthenticated");
        const char *text = strempty(json_string_value(v));

        if (json_is_true(v) || streq(text, "true"))
                return MFA_YES;
        if (json_is_false(v) || streq(text, "false"))
                return MFA_NO;
        return MFA_UNKNOWN;
}

static int decode_identity(const json_t *identity, UserIdentity *u)
{
        int r = jsonmap_decode(identity, identity_fields, ELEMENTSOF(identity_fields), u, NULL);
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTSOF(identity_parts); i++) {
                const char *parent = identity_parts[i].parent;
                const json_t *part =
                        json_object_get(parent ? json_object_get(identity, parent) : identity,
                                        identity_parts[i].name);
                if (!json_is_object(part))
                        continue;
                r = jsonmap_decode(part, identity_parts[i].fields, identity_parts[i].n_fields, u,
                                   NULL);
                if (r < 0)
                        return r;
        }

        IdentityType type = identity_type_from_string(u->type_text);
        u->type = type < 0 ? IDENTITY_UNKNOWN : type;
        u->mfa = decode_mfa(identity);
        return 0;
}

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
        r = decode_identity(identity, &record.identity);
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

const char *identity_session_name(const UserIdentity *u)
{
        static const char prefix[] = "assumed-role/";
        Arn arn;

        if (u->type != IDENTITY_ASSUMED_ROLE)
                return NULL;
        if (u->arn && arn_parse(u->arn, &arn) == 0 &&
            strncmp(arn.resource, prefix, strlen(prefix)) == 0) {
                const char *slash = strrchr(u->arn, '/');
                if (strchr(arn.resource + strlen(prefix), '/') && slash[1])
                        return slash + 1;
        }
        const char *colon = u->principal_id ? strchr(u->principal_id, ':') : NULL;
        return colon && colon[1] ? colon + 1 : NULL;
}

char *identity_display_name(const UserIdentity *u)
{
        const char *const names[] = {
                u->source_identity, identity_session_name(u), u->user_name, u->arn, u->principal_id,
        };

        /* Its user name is the account's alias, if anything: that would hide who it is. */
        if (u->type == IDENTITY_ROOT && u->account_id && isempty(u->source_identity))
                return mem_printf("root user of account %s", u->account_id);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (!isempty(names[i]))
                        return mem_strdup(names[i]);

        const char *type = u->type_text ? u->type_text : identity_type_to_string(u->type);
        if (u->invoked_by)
                return mem_strdup(u->invoked_by);
        return u->account_id ? mem_printf("%s@%s", type, u->account_id) : mem_strdup(type);
}

AccessKeyKind identity_access_key_kind(const UserIdentity *u)
{
        const char *id = strempty(u->access_key_id);

        if (!*id)
                return ACCESS_KEY_NONE;
        if (strncmp(id, "AKIA", 4) == 0)
                return ACCESS_KEY_LONG_LIVED;
        if (strncmp(id, "ASIA", 4) == 0)
                return ACCESS_KEY_TEMPORARY;
        return ACCESS_KEY_OTHER;
}

bool identity_access_key_is_valid(const char *s)
{
        size_t n = s ? strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") : 0;

        return n >= 16 && n <= 128 && !s[n];
}

bool identity_is_identity_center_role(const UserIdentity *u)
{
        static const char prefix[] = "AWSReservedSSO_";

        return u->type == IDENTITY_ASSUMED_ROLE && u->issuer_user_name &&
               strncmp(u->issuer_user_name, prefix, strlen(prefix)) == 0;
}

/* By the path, which is AWS's own; a name can be anybody's. */
bool identity_is_service_linked_role(const UserIdentity *u)
{
        static const char prefix[] = "role/aws-service-role/";
        Arn issuer;

        return u->type == IDENTITY_ASSUMED_ROLE && u->issuer_arn &&
               arn_parse(u->issuer_arn, &issuer) == 0 &&
               strncmp(issuer.resource, prefix, strlen(prefix)) == 0;
}

/* "i-" and 8 or 17 hex digits */
bool identity_is_ec2_instance(const UserIdentity *u)
{
        const char *name = strempty(identity_session_name(u));
        size_t n = 0;

        if (strncmp(name, "i-", 2) != 0)
                return false;
        name += 2;
        while ((name[n] >= '0' && name[n] <= '9') || (name[n] >= 'a' && name[n] <= 'f'))
                n++;
        return name[n] == '\0' && (n == 8 || n == 17);
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
