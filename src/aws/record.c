/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/record.h"

#include "aws/arn.h"
#include "base/jsonmend.h"
#include "base/mem.h"
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

/* What it was called on: of CloudTrail, S3, KMS, SNS, CloudWatch Logs. */
static const JsonField name_fields[] = {
        RECORD_TEXT(trail, "name"),       RECORD_TEXT(trail, "trailName"),
        RECORD_TEXT(trail, "bucketName"), RECORD_TEXT(trail, "keyId"),
        RECORD_TEXT(trail, "topicArn"),   RECORD_TEXT(trail, "logGroupName"),
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
static const JsonField behalf_fields[] = {IDENTITY_TEXT(on_behalf_of, "userId")};
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

/* Above 100 KB the parameters become {"reason": "requestParameters too large", "omitted": true,
 * "originalSize": 149893}. */
static int decode_parameters(const json_t *parameters, CloudTrailRecord *r)
{
        if (!json_is_object(parameters)) {
                r->parameters_omitted = json_is_string(parameters);
                return 0;
        }
        int q = 0;
        for (size_t i = 0; q == 0 && !r->trail && i < ELEMENTSOF(name_fields); i++)
                q = jsonmap_decode(parameters, &name_fields[i], 1, r, NULL);
        if (q == 0 && !r->trail)
                q = jsonmap_decode(parameters, omitted_fields, ELEMENTSOF(omitted_fields), r, NULL);
        return q;
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
        r = decode_parameters(json_object_get(object, "requestParameters"), &record);
        if (r < 0)
                return r;

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

/* What a record owns. */
static const size_t strings[] = {
        offsetof(CloudTrailRecord, event_id),
        offsetof(CloudTrailRecord, event_name),
        offsetof(CloudTrailRecord, event_source),
        offsetof(CloudTrailRecord, region),
        offsetof(CloudTrailRecord, source_ip),
        offsetof(CloudTrailRecord, user_agent),
        offsetof(CloudTrailRecord, error_code),
        offsetof(CloudTrailRecord, error_message),
        offsetof(CloudTrailRecord, request_id),
        offsetof(CloudTrailRecord, recipient_account_id),
        offsetof(CloudTrailRecord, vpc_endpoint_id),
        offsetof(CloudTrailRecord, trail),
        offsetof(CloudTrailRecord, identity.type_text),
        offsetof(CloudTrailRecord, identity.principal_id),
        offsetof(CloudTrailRecord, identity.arn),
        offsetof(CloudTrailRecord, identity.account_id),
        offsetof(CloudTrailRecord, identity.access_key_id),
        offsetof(CloudTrailRecord, identity.user_name),
        offsetof(CloudTrailRecord, identity.invoked_by),
        offsetof(CloudTrailRecord, identity.invoked_by_delegate),
        offsetof(CloudTrailRecord, identity.identity_provider),
        offsetof(CloudTrailRecord, identity.on_behalf_of),
        offsetof(CloudTrailRecord, identity.credential_id),
        offsetof(CloudTrailRecord, identity.issuer_type),
        offsetof(CloudTrailRecord, identity.issuer_arn),
        offsetof(CloudTrailRecord, identity.issuer_user_name),
        offsetof(CloudTrailRecord, identity.source_identity),
        offsetof(CloudTrailRecord, identity.web_id_provider),
        offsetof(CloudTrailRecord, identity.ec2_role_delivery),
};

static char **string_at(CloudTrailRecord *r, size_t k)
{
        return (char **)((char *)r + strings[k]);
}

void cloudtrail_record_done(CloudTrailRecord *r)
{
        for (size_t k = 0; k < ELEMENTSOF(strings); k++)
                free(*string_at(r, k));
        *r = (CloudTrailRecord){0};
}

void cloudtrail_record_copy(const CloudTrailRecord *r, CloudTrailRecord *ret)
{
        *ret = *r;
        for (size_t k = 0; k < ELEMENTSOF(strings); k++)
                *string_at(ret, k) = mem_strdup(*string_at(ret, k));
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

TrailMatch cloudtrail_record_match(const CloudTrailRecord *r, const char *trail_arn)
{
        Arn trail, other;

        if (!r->trail)
                return TRAIL_MATCH_UNKNOWN;
        if (streq(r->trail, trail_arn))
                return TRAIL_MATCH_YES;
        if (arn_parse(trail_arn, &trail) < 0)
                return TRAIL_MATCH_NO;
        if (streq(r->trail, arn_trail_name(&trail)))
                return TRAIL_MATCH_YES;
        if (arn_parse(r->trail, &other) == 0 && streq(other.service, trail.service) &&
            streq(other.resource, trail.resource))
                return TRAIL_MATCH_YES;
        return TRAIL_MATCH_NO;
}
