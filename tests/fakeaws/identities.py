# SPDX-License-Identifier: Apache-2.0
"""userIdentity elements as records carry them: of real callers, and every documented kind."""

from .clock import iso
from .errors import ControlError

ROLE_KEY = "ASIAIOSFODNN7EXAMPLE"
USER_KEY = "AKIAIOSFODNN7EXAMPLE"
HOSTILE = ("\u202eevil\u202c<script>alert(1)</script>\x1b[31m\r\nMAIL FROM:<!channel>"
           "\u0085\u2028'\"`$(id)")


def of_credential(credential):
    """The element CloudTrail writes for a caller that signed with this credential."""
    entity = credential.entity
    identity = {"type": "IAMUser" if entity.kind == "user" else "AssumedRole",
                "principalId": credential.unique_id, "arn": credential.arn,
                "accountId": credential.account, "accessKeyId": credential.access_key}
    if entity.kind == "user":
        identity["userName"] = entity.name
        return identity
    context = {
        "sessionIssuer": {"type": "Role", "principalId": entity.unique_id, "arn": entity.arn,
                          "accountId": entity.account, "userName": entity.name},
        "attributes": {"creationDate": iso(credential.created),
                       "mfaAuthenticated": "true" if credential.mfa else "false"},
    }
    if credential.source_identity:
        context["sourceIdentity"] = credential.source_identity
    if credential.from_instance:
        context["ec2RoleDelivery"] = "2.0"
    identity["sessionContext"] = context
    return identity


def assumed_role(account, created, role, session, role_id, path="", mfa="false", **context):
    return {
        "type": "AssumedRole", "principalId": f"{role_id}:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}", "accountId": account,
        "accessKeyId": ROLE_KEY,
        "sessionContext": {
            "sessionIssuer": {"type": "Role", "principalId": role_id,
                              "arn": f"arn:aws:iam::{account}:role/{path}{role}",
                              "accountId": account, "userName": role},
            "attributes": {"creationDate": created, "mfaAuthenticated": mfa}, **context},
    }


def root(account, created):
    return {
    "type": "Root",
    "principalId": account,
    "arn": f"arn:aws:iam::{account}:root",
    "accountId": account,
    "accessKeyId": ROLE_KEY,
    "userName": "workload",
    "sessionContext": {
        "attributes": {
            "creationDate": created,
             "mfaAuthenticated": "false"}}}


def root_long_lived(account, created):
    return {"type": "Root", "principalId": account, "arn": f"arn:aws:iam::{account}:root",
            "accountId": account, "accessKeyId": USER_KEY}


def assume_root(account, created):
    return {
    "type": "Root",
    "principalId": account,
    "arn": f"arn:aws:iam::{account}:root",
    "accountId": account,
    "accessKeyId": ROLE_KEY,
    "sessionContext": {
        "assumedRoot": "true",
        "sourceIdentity": "Nikki_Wolf",
        "attributes": {
            "creationDate": created,
             "mfaAuthenticated": "false"}}}


def iam_user(account, created):
    return {"type": "IAMUser", "principalId": "AIDAJ45Q7YFFAREXAMPLE",
            "arn": f"arn:aws:iam::{account}:user/Mary_Major", "accountId": account,
            "accessKeyId": USER_KEY, "userName": "Mary_Major"}


def iam_user_console(account, created):
    return {**iam_user(account, created), "accessKeyId": ROLE_KEY,
            "sessionContext": {"attributes": {"creationDate": created, "mfaAuthenticated": "true"}}}


def deploy_role(account, created):
    return assumed_role(account, created, "DeployPipeline", "build-4711", "AROAEXAMPLEDEPLOY4444")


def deploy_source_identity(account, created):
    return assumed_role(account, created, "DeployPipeline", "build-4711", "AROAEXAMPLEDEPLOY4444",
                        sourceIdentity="Nikki_Wolf")


def ec2_role(account, created):
    return assumed_role(
    account,
    created,
    "WebServer",
    "i-02573cafcfEXAMPLE",
    "AROAEXAMPLEWEBSRV4444",
     ec2RoleDelivery="2.0")


def sso_role(account, created):
    return assumed_role(account, created, "AWSReservedSSO_AdministratorAccess_0123456789abcdef",
                        "nikki.wolf@example.com", "AROAEXAMPLESSOADM4444",
                        path="aws-reserved/sso.amazonaws.com/eu-west-1/")


def web_identity_role(account, created):
    return assumed_role(account, created, "GitHubActions", "run-6112", "AROAEXAMPLEGITHUB4444",
                        webIdFederationData={
                            "federatedProvider": f"arn:aws:iam::{account}:oidc-provider/"
                                                 "token.actions.githubusercontent.com",
                            "attributes": {}})


def role(account, created):
    return {"type": "Role", "principalId": "AROAEXAMPLEDEPLOY4444",
            "arn": f"arn:aws:iam::{account}:role/DeployPipeline", "accountId": account,
            "accessKeyId": ""}


def federated_user(account, created):
    return {"type": "FederatedUser", "principalId": f"{account}:Nikki_Wolf",
            "arn": f"arn:aws:sts::{account}:federated-user/Nikki_Wolf", "accountId": account,
            "accessKeyId": ROLE_KEY,
            "sessionContext": {
                "sessionIssuer": {"type": "IAMUser", "principalId": "AIDAJ45Q7YFFAREXAMPLE",
                                  "arn": f"arn:aws:iam::{account}:user/Mary_Major",
                                  "accountId": account, "userName": "Mary_Major"},
                "attributes": {"creationDate": created, "mfaAuthenticated": "false"}}}


def aws_service(account, created):
    return {"type": "AWSService", "invokedBy": "config.amazonaws.com"}


def aws_account(account, created):
    return {"type": "AWSAccount", "principalId": "AROAEXAMPLEFOREIGN777:Paulo_Santos",
            "accountId": "777788889999"}


def identity_center_user(account, created):
    return {"type": "IdentityCenterUser", "accountId": account,
            "onBehalfOf": {"userId": "544894e8-80c1-707f-60e3-3ba6510dfac1",
                           "identityStoreArn": f"arn:aws:identitystore::{account}:identitystore/"
                                               "d-9067642ac7"},
            "credentialId": "90e292de-5eb8-446e-9602-90f7c45044f7"}


def saml_user(account, created):
    return {"type": "SAMLUser", "principalId": "SampleUkh1i4+ExamplexL/jEvs=:SamlExample",
            "userName": "SamlExample", "identityProvider": "SampleUkh1i4+ExamplexL/jEvs="}


def web_identity_user(account, created):
    return {"type": "WebIdentityUser", "userName": "10769150350006150715113082367",
            "principalId": "accounts.google.com:example.apps.googleusercontent.com:"
                           "10769150350006150715113082367",
            "identityProvider": "accounts.google.com"}


def directory(account, created):
    return {"type": "Directory", "userName": "directory-user"}


def unknown(account, created):
    return {"type": "Unknown", "principalId": "EXAMPLE-UNKNOWN"}


def cloudformation(account, created):
    return {**deploy_role(account, created), "invokedBy": "cloudformation.amazonaws.com"}


def vendor(account, created):
    return {**deploy_role(account, created), "invokedByDelegate": {"accountId": "777788889999"}}


def hostile_role(account, created):
    return assumed_role(account, created, "Deploy" + HOSTILE, HOSTILE, "AROAEXAMPLEEVIL44444",
                        sourceIdentity=HOSTILE)


def hostile_user(account, created):
    return {**iam_user(account, created), "userName": HOSTILE,
            "arn": f"arn:aws:iam::{account}:user/{HOSTILE}", "principalId": HOSTILE,
            "accessKeyId": "AKIA$(reboot);`id`"}


def huge(account, created):
    return {**iam_user(account, created), "userName": "A" * 60000}


VARIANTS = {
    "root": root, "root-key": root_long_lived, "assume-root": assume_root, "user": iam_user,
    "user-console-mfa": iam_user_console, "role-session": deploy_role,
    "role-source-identity": deploy_source_identity, "ec2": ec2_role, "sso": sso_role,
    "web-identity-role": web_identity_role, "role": role, "federated-user": federated_user,
    "service": aws_service, "foreign-account": aws_account,
    "identity-center": identity_center_user, "saml-user": saml_user,
    "web-identity-user": web_identity_user, "directory": directory, "unknown": unknown,
    "cloudformation": cloudformation, "vendor": vendor, "hostile-role": hostile_role,
    "hostile-user": hostile_user, "huge": huge,
}


def build(wanted, account, now):
    """A userIdentity from a variant name or from a complete element."""
    if isinstance(wanted, dict):
        if "type" not in wanted:
            raise ControlError("a full userIdentity needs a type")
        return wanted
    if wanted not in VARIANTS:
        raise ControlError("no identity " + str(wanted) + "; there are " + ", ".join(VARIANTS))
    return VARIANTS[wanted](account, iso(now - 900))
