/* SPDX-License-Identifier: Apache-2.0 */
#include "core/findingjson.h"

#include "base/jsonmap.h"

#define NEEDED(type, member, kind)                                                                 \
        {                                                                                          \
#member, kind, offsetof(type, member), JSONMAP_REQUIRED                            \
        }
#define FIELD(type, member, kind)                                                                  \
        {                                                                                          \
#member, kind, offsetof(type, member), JSONMAP_OPTIONAL                            \
        }

static const JsonField record_fields[] = {
        FIELD(CloudTrailRecord, event_id, JSONMAP_STRING),
        NEEDED(CloudTrailRecord, event_name, JSONMAP_STRING),
        FIELD(CloudTrailRecord, event_source, JSONMAP_STRING),
        FIELD(CloudTrailRecord, event_type, JSONMAP_STRING),
        FIELD(CloudTrailRecord, region, JSONMAP_STRING),
        FIELD(CloudTrailRecord, source_ip, JSONMAP_STRING),
        FIELD(CloudTrailRecord, user_agent, JSONMAP_STRING),
        FIELD(CloudTrailRecord, error_code, JSONMAP_STRING),
        FIELD(CloudTrailRecord, error_message, JSONMAP_STRING),
        FIELD(CloudTrailRecord, request_id, JSONMAP_STRING),
        FIELD(CloudTrailRecord, recipient_account_id, JSONMAP_STRING),
        FIELD(CloudTrailRecord, vpc_endpoint_id, JSONMAP_STRING),
        FIELD(CloudTrailRecord, vpc_endpoint_account_id, JSONMAP_STRING),
        FIELD(CloudTrailRecord, trail, JSONMAP_STRING),
        FIELD(CloudTrailRecord, parameters, JSONMAP_STRING),
        NEEDED(CloudTrailRecord, time_msec, JSONMAP_MSEC),
        FIELD(CloudTrailRecord, parameters_omitted, JSONMAP_BOOL),
        FIELD(CloudTrailRecord, session_from_console, JSONMAP_BOOL),
};

static const JsonField identity_fields[] = {
        FIELD(UserIdentity, type_text, JSONMAP_STRING),
        FIELD(UserIdentity, principal_id, JSONMAP_STRING),
        FIELD(UserIdentity, arn, JSONMAP_STRING),
        FIELD(UserIdentity, account_id, JSONMAP_STRING),
        FIELD(UserIdentity, access_key_id, JSONMAP_STRING),
        FIELD(UserIdentity, user_name, JSONMAP_STRING),
        FIELD(UserIdentity, invoked_by, JSONMAP_STRING),
        FIELD(UserIdentity, invoked_by_delegate, JSONMAP_STRING),
        FIELD(UserIdentity, identity_provider, JSONMAP_STRING),
        FIELD(UserIdentity, on_behalf_of, JSONMAP_STRING),
        FIELD(UserIdentity, identity_store, JSONMAP_STRING),
        FIELD(UserIdentity, credential_id, JSONMAP_STRING),
        FIELD(UserIdentity, issuer_type, JSONMAP_STRING),
        FIELD(UserIdentity, issuer_arn, JSONMAP_STRING),
        FIELD(UserIdentity, issuer_user_name, JSONMAP_STRING),
        FIELD(UserIdentity, source_identity, JSONMAP_STRING),
        FIELD(UserIdentity, web_id_provider, JSONMAP_STRING),
        FIELD(UserIdentity, ec2_role_delivery, JSONMAP_STRING),
        FIELD(UserIdentity, sign_in_session_arn, JSONMAP_STRING),
        FIELD(UserIdentity, in_scope_type, JSONMAP_STRING),
        FIELD(UserIdentity, in_scope_issued_to, JSONMAP_STRING),
        FIELD(UserIdentity, in_scope_source, JSONMAP_STRING),
        FIELD(UserIdentity, in_scope_account, JSONMAP_STRING),
        FIELD(UserIdentity, session_created_msec, JSONMAP_MSEC),
        FIELD(UserIdentity, assumed_root, JSONMAP_BOOL),
};
json_t *finding_to_json(const Finding *f)
{
        json_t *o = json_object(), *identity = json_object();

        json_set(o, "role", json_string(role_to_string(f->role)));
        json_set(o, "calls", json_integer(f->calls));
        jsonmap_encode(o, record_fields, ELEMENTSOF(record_fields), &f->record);
        jsonmap_encode(identity, identity_fields, ELEMENTSOF(identity_fields), &f->record.identity);
        json_set(identity, "type", json_string(identity_type_to_string(f->record.identity.type)));
        if (f->record.identity.mfa != MFA_UNKNOWN)
                json_set(identity, "mfa", json_boolean(f->record.identity.mfa == MFA_YES));
        json_set(o, "identity", identity);
        return o;
}

int finding_from_json(const json_t *o, Finding *f, const char **reterr_field)
{
        const json_t *identity = json_object_get(o, "identity");
        const json_t *mfa = json_object_get(identity, "mfa");
        Role role = role_from_string(json_string_value(json_object_get(o, "role")));
        int r;

        if ((int)role < 0) {
                *reterr_field = "role";
                return isempty(json_string_value(json_object_get(o, "role"))) ? -EINVAL : -ENOTSUP;
        }
        f->role = role;
        f->calls = (unsigned)json_integer_value(json_object_get(o, "calls"));
        r = jsonmap_decode(o, record_fields, ELEMENTSOF(record_fields), &f->record, reterr_field);
        if (r < 0)
                return r;
        if (!json_is_object(identity)) {
                *reterr_field = "identity";
                return -EINVAL;
        }
        r = jsonmap_decode(identity, identity_fields, ELEMENTSOF(identity_fields),
                           &f->record.identity, reterr_field);
        if (r < 0)
                return r;
        const char *type = json_string_value(json_object_get(identity, "type"));
        IdentityType t = identity_type_from_string(type);
        if ((int)t < 0) {
                *reterr_field = "type";
                return isempty(type) ? -EINVAL : -ENOTSUP;
        }
        f->record.identity.type = t;
        if (json_is_boolean(mfa))
                f->record.identity.mfa = json_is_true(mfa) ? MFA_YES : MFA_NO;
        cloudtrail_record_cap(&f->record);
        return 0;
}
