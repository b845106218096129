# SPDX-License-Identifier: Apache-2.0
"""Who may do what: a small part of IAM's rules and its way of saying no."""

from fnmatch import fnmatchcase

from .errors import ApiError

PREFIXES = {"cloudtrail": "cloudtrail", "sns": "sns", "sts": "sts", "monitoring": "cloudwatch",
            "s3": "s3"}


def matches(patterns, action):
    action = action.lower()
    return any(fnmatchcase(action, pattern.lower()) for pattern in patterns)


def reason_to_refuse(credential, action):
    """None when the identity's own policies allow the action."""
    entity = credential.entity
    if credential.revoked or matches(entity.denies, action):
        return "with an explicit deny in an identity-based policy"
    if not matches(entity.permissions, action):
        return f"because no identity-based policy allows the {action} action"
    return None


def message(credential, action, resource, reason):
    on = f" on resource: {resource}" if resource else ""
    return f"User: {credential.arn} is not authorized to perform: {action}{on} {reason}"


def refuse(service, credential, action, resource, reason):
    text = message(credential, action, resource, reason)
    if service == "sns":
        raise ApiError("AuthorizationError", text, 403)
    if service in ("sts", "monitoring", "s3"):
        raise ApiError("AccessDenied", text, 403)
    raise ApiError("AccessDeniedException", text, 400, message_key="Message")


def require(service, operation, credential, resource):
    action = f"{PREFIXES[service]}:{operation}"
    if service == "sns":
        action = f"SNS:{operation}"
    reason = reason_to_refuse(credential, action)
    if reason is not None:
        refuse(service, credential, action, resource, reason)


def principal_listed(credential, names):
    """Whether a trust or topic policy names the caller: (exactly, by its account)."""
    entity = credential.entity
    root = f"arn:{entity.partition}:iam::{entity.account}:root"
    exact = entity.arn in names or credential.arn in names
    return exact, entity.account in names or root in names or "*" in names
