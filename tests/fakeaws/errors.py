# SPDX-License-Identifier: Apache-2.0
"""Failures a service reports to its caller, by the code the service uses."""


class ApiError(Exception):
    """A refusal with the service's own code, message and HTTP status."""

    def __init__(self, code, message, status=400, recorded=True, message_key="message"):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.recorded = recorded
        self.message_key = message_key


class AuthError(Exception):
    """A refused authentication; `kind` is turned into a code by protocol."""

    def __init__(self, kind, message):
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message


class ControlError(Exception):
    """A control request that makes no sense."""


AUTH_CODES = {
    "json": {
        "missing": ("MissingAuthenticationTokenException", 400),
        "incomplete": ("IncompleteSignatureException", 400),
        "signature": ("InvalidSignatureException", 400),
        "clock": ("InvalidSignatureException", 400),
        "unknown_key": ("UnrecognizedClientException", 400),
        "expired_token": ("ExpiredTokenException", 400),
    },
    "query": {
        "missing": ("MissingAuthenticationToken", 403),
        "incomplete": ("IncompleteSignature", 400),
        "signature": ("SignatureDoesNotMatch", 403),
        "clock": ("SignatureDoesNotMatch", 403),
        "unknown_key": ("InvalidClientTokenId", 403),
        "expired_token": ("ExpiredToken", 403),
    },
    "s3": {
        "missing": ("AccessDenied", 403),
        "incomplete": ("AuthorizationHeaderMalformed", 400),
        "signature": ("SignatureDoesNotMatch", 403),
        "clock": ("RequestTimeTooSkewed", 403),
        "unknown_key": ("InvalidAccessKeyId", 403),
        "expired_token": ("ExpiredToken", 400),
    },
}


def from_auth(error, protocol, clock_code=None):
    code, status = AUTH_CODES[protocol][error.kind]
    if error.kind == "clock" and clock_code:
        code = clock_code
    return ApiError(code, error.message, status, recorded=False)
