/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/identity.h"

#include "aws/arn.h"
#include "base/mem.h"
#include "base/stringtable.h"

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

/* As record.c has it: a member of the wrong type is left out. */
#define LENIENT_FIELD(type, member, key, kind)                                                     \
        {                                                                                          \
                key, kind, offsetof(type, member), JSONMAP_LENIENT                                 \
        }
#define IDENTITY_TEXT(member, key) LENIENT_FIELD(UserIdentity, member, key, JSONMAP_STRING_NONEMPTY)

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

static const JsonField scope_fields[] = {
        IDENTITY_TEXT(in_scope_type, "issuerType"),
        IDENTITY_TEXT(in_scope_issued_to, "credentialsIssuedTo"),
        IDENTITY_TEXT(in_scope_source, "sourceArn"),
        IDENTITY_TEXT(in_scope_account, "sourceAccount"),
};

static const JsonField session_fields[] = {
        IDENTITY_TEXT(source_identity, "sourceIdentity"),
        IDENTITY_TEXT(ec2_role_delivery, "ec2RoleDelivery"),
        IDENTITY_TEXT(sign_in_session_arn, "signInSessionArn"),
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
        {NULL, "inScopeOf", scope_fields, ELEMENTSOF(scope_fields)},
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

int user_identity_decode(const json_t *identity, UserIdentity *u)
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

/* By the path, which is AWS's own; a name can be anybody's. */
static bool is_of_path(const UserIdentity *u, const char *path)
{
        Arn issuer;

        return u->type == IDENTITY_ASSUMED_ROLE && u->issuer_arn &&
               arn_parse(u->issuer_arn, &issuer) == 0 && streq(issuer.service, "iam") &&
               strncmp(issuer.resource, path, strlen(path)) == 0;
}

bool identity_is_identity_center_role(const UserIdentity *u)
{
        return is_of_path(u, "role/aws-reserved/sso.amazonaws.com/");
}

bool identity_is_service_linked_role(const UserIdentity *u)
{
        return is_of_path(u, "role/aws-service-role/");
}

bool identity_is_ec2_instance(const UserIdentity *u)
{
        return u->type == IDENTITY_ASSUMED_ROLE &&
               (u->ec2_role_delivery || streq_ptr(u->in_scope_type, "AWS::EC2::Instance"));
}

bool identity_is_lambda_function(const UserIdentity *u)
{
        return u->type == IDENTITY_ASSUMED_ROLE &&
               streq_ptr(u->in_scope_type, "AWS::Lambda::Function");
}

/* "i-" and 8 or 17 hex digits */
static bool is_instance_id(const char *name)
{
        size_t n = 0;

        if (strncmp(name, "i-", 2) != 0)
                return false;
        name += 2;
        while ((name[n] >= '0' && name[n] <= '9') || (name[n] >= 'a' && name[n] <= 'f'))
                n++;
        return name[n] == '\0' && (n == 8 || n == 17);
}

bool identity_is_named_as_instance(const UserIdentity *u)
{
        return is_instance_id(strempty(identity_session_name(u)));
}

const char *identity_issued_to(const UserIdentity *u)
{
        if (identity_is_lambda_function(u))
                return u->in_scope_issued_to;
        if (!identity_is_ec2_instance(u))
                return NULL;
        /* EC2 names the sessions that it makes itself. */
        const char *id = u->in_scope_issued_to ? strrchr(u->in_scope_issued_to, '/') : NULL;
        if (id && is_instance_id(id + 1))
                return id + 1;
        return identity_is_named_as_instance(u) ? identity_session_name(u) : NULL;
}

Mfa identity_mfa(const UserIdentity *u)
{
        if (u->mfa == MFA_NO &&
            (identity_is_identity_center_role(u) || identity_is_service_linked_role(u) ||
             identity_is_ec2_instance(u) || identity_is_lambda_function(u) || u->web_id_provider ||
             u->in_scope_type))
                return MFA_UNKNOWN;
        if (u->mfa == MFA_UNKNOWN && u->session_created_msec == 0 &&
            (u->type == IDENTITY_IAM_USER || u->type == IDENTITY_ROOT) &&
            identity_access_key_kind(u) == ACCESS_KEY_LONG_LIVED)
                return MFA_NO;
        return u->mfa;
}
