/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who made a call, as a CloudTrail record has it.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
 *
 * Strings as record.h has them. */

#include <errno.h>

#include "base/jsonmap.h"

typedef enum IdentityType {
        IDENTITY_ROOT,
        IDENTITY_IAM_USER,
        IDENTITY_ASSUMED_ROLE,
        IDENTITY_ROLE,
        IDENTITY_FEDERATED_USER,
        IDENTITY_AWS_SERVICE,
        IDENTITY_AWS_ACCOUNT,
        IDENTITY_IDENTITY_CENTER_USER,
        IDENTITY_SAML_USER,
        IDENTITY_WEB_IDENTITY_USER,
        IDENTITY_DIRECTORY,
        IDENTITY_UNKNOWN,
        _IDENTITY_TYPE_MAX,
        _IDENTITY_TYPE_INVALID = -EINVAL,
} IdentityType;

typedef enum Mfa {
        MFA_UNKNOWN, /* the record does not say */
        MFA_NO,
        MFA_YES,
} Mfa;

typedef struct UserIdentity {
        IdentityType type;
        char *type_text; /* as it came, also when not known to us */
        char *principal_id;
        char *arn;
        char *account_id;
        char *access_key_id;
        char *user_name;
        char *invoked_by;          /* service that acted on somebody's behalf */
        char *invoked_by_delegate; /* account id of a vendor */
        char *identity_provider;
        char *on_behalf_of;   /* Identity Center user id ... */
        char *identity_store; /* ... and the ARN of the store that has it */
        char *credential_id;
        char *issuer_type; /* sessionContext.sessionIssuer */
        char *issuer_arn;
        char *issuer_user_name;
        char *source_identity;
        char *web_id_provider;
        char *ec2_role_delivery; /* sessionContext: "1.0" is IMDSv1; absent for any other caller */
        char *sign_in_session_arn; /* ... of the console session that it began with */
        char *in_scope_type;       /* inScopeOf.issuerType: "AWS::Lambda::Function" ... */
        char *in_scope_issued_to;  /* ... credentialsIssuedTo: ARN of that function or instance */
        char *in_scope_source;     /* ... sourceArn ... */
        char *in_scope_account;    /* ... sourceAccount */
        int64_t session_created_msec;
        Mfa mfa;
        bool assumed_root; /* AssumeRoot session */
} UserIdentity;

/* Decodes userIdentity into zeroed *ret. What is not as it should be is left out. */
int user_identity_decode(const json_t *object, UserIdentity *ret) _must_check_;

const char *identity_type_to_string(IdentityType t); /* AWS's spelling: "AssumedRole" */
IdentityType identity_type_from_string(const char *s);

/* Who this is in one phrase, owned, never empty, not escaped: source identity, session name,
 * user name, ARN, principal, invoking service, type@account, whichever is there first. */
char *identity_display_name(const UserIdentity *u);

/* Session name out of an assumed-role ARN or an AROA...:session principal id, borrowed from u;
 * NULL when there is none. */
const char *identity_session_name(const UserIdentity *u);

/* Access key by its prefix: AKIA is long-lived, ASIA temporary. */
typedef enum AccessKeyKind {
        ACCESS_KEY_NONE,
        ACCESS_KEY_LONG_LIVED,
        ACCESS_KEY_TEMPORARY,
        ACCESS_KEY_OTHER
} AccessKeyKind;
AccessKeyKind identity_access_key_kind(const UserIdentity *u);

/* Whether text is 16 to 128 characters [A-Z0-9], as access key ids are; NULL is not. */
bool identity_access_key_is_valid(const char *s);

/* The special kinds of assumed role that ask for another response, by what AWS itself puts into
 * the record: names of roles and sessions are their makers' choice. */
bool identity_is_identity_center_role(const UserIdentity *u); /* of AWS's own path */
bool identity_is_service_linked_role(const UserIdentity *u);  /* of the path aws-service-role/ */
bool identity_is_ec2_instance(const UserIdentity *u);
bool identity_is_lambda_function(const UserIdentity *u);
/* The session's name looks like an instance id, and proves nothing. */
bool identity_is_named_as_instance(const UserIdentity *u);
/* The instance's id, or the function's ARN, that the credentials were issued to; borrowed, NULL
 * when it is not known. */
const char *identity_issued_to(const UserIdentity *u);

/* Whether it was authenticated with MFA. AWS writes "false" into sessions for which it does not
 * know: those are MFA_UNKNOWN; a long-lived key without a session is used without MFA. */
Mfa identity_mfa(const UserIdentity *u);
