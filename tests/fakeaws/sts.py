# SPDX-License-Identifier: Apache-2.0
"""STS: GetCallerIdentity, AssumeRole, AssumeRoleWithWebIdentity (API version 2011-06-15)."""

import re

from . import policy
from .clock import iso
from .errors import ApiError

ROLE_ARN = re.compile(
    r"arn:(aws[a-z-]*):iam::(\d{12}):role/(?:[\x21-\x7e]*/)?[\w+=,.@-]{1,64}",
     re.ASCII)


class Sts:
    def __init__(self, world):
        self.world = world

    def GetCallerIdentity(self, call):
        credential = call.credential
        return {
    "Arn": credential.arn,
    "UserId": credential.unique_id,
     "Account": credential.account}

    def AssumeRole(self, call):
        params, caller = call.params, call.credential
        arn = params["RoleArn"]
        if not ROLE_ARN.fullmatch(arn):
            raise ApiError("ValidationError", f"{arn[:200]} is invalid", 400)
        role = self.world.roles.get(arn)
        self.check_trust(caller, role, arn, params.get("ExternalId"))
        seconds = params.get("DurationSeconds", 3600)
        chained = caller.token is not None
        if chained and seconds > 3600:
            raise ApiError("ValidationError", "The requested DurationSeconds exceeds the 1 hour "
                           "session limit for roles assumed by role chaining", 400)
        if seconds > role.max_duration:
            raise ApiError("ValidationError", "The requested DurationSeconds exceeds the "
                           "MaxSessionDuration set for this role.", 400)
        seconds = self.world.settings.session_ttl or seconds
        source = params.get("SourceIdentity") or caller.source_identity
        session = self.world.new_session(role, params["RoleSessionName"], seconds, chained=chained,
                                         source_identity=source)
        answer = self.describe(session)
        if source:
            answer = {"SourceIdentity": source, **answer}
        return answer

    def AssumeRoleWithWebIdentity(self, call):
        """One token at a time is good, for one role: what the verb web_identity has said last."""
        params, known = call.params, self.world.web_identity
        if known is None or params["WebIdentityToken"] != known["token"]:
            raise ApiError("InvalidIdentityToken", "No OpenIDConnect provider found in your account "
                           "for https://oidc.example.com", 400)
        if params["RoleArn"] != known["role"]:
            raise ApiError("AccessDenied", "Not authorized to perform "
                           "sts:AssumeRoleWithWebIdentity", 403)
        role = self.world.roles[known["role"]]
        call.account = role.account
        session = self.world.new_session(role, params["RoleSessionName"],
                                         known.get("seconds", params.get("DurationSeconds", 3600)))
        return {"SubjectFromWebIdentityToken": "system:serviceaccount:default:guard",
                "Audience": "sts.amazonaws.com", **self.describe(session),
                "Provider": f"arn:aws:iam::{role.account}:oidc-provider/oidc.example.com"}

    @staticmethod
    def describe(session):
        return {
            "AssumedRoleUser": {"AssumedRoleId": session.unique_id, "Arn": session.arn},
            "Credentials": {"AccessKeyId": session.access_key,
                            "SecretAccessKey": session.secret_key,
                            "SessionToken": session.token, "Expiration": iso(session.expires)},
        }

    @staticmethod
    def check_trust(caller, role, arn, external_id):
        action = "sts:AssumeRole"
        if role is None:
            policy.refuse("sts", caller, action, arn, "because no identity-based policy allows the "
                          f"{action} action")
        exact, account = policy.principal_listed(caller, role.trust)
        identity = policy.reason_to_refuse(caller, action)
        explicit = identity is not None and identity.startswith("with")
        own = exact and caller.account == role.account
        if explicit or (identity is not None and not own):
            policy.refuse("sts", caller, action, arn, identity)
        wrong_id = role.external_id is not None and role.external_id != external_id
        if not (exact or account) or wrong_id:
            policy.refuse("sts", caller, action, arn,
                          f"because no resource-based policy allows the {action} action")
