# SPDX-License-Identifier: Apache-2.0
"""Checks a Signature Version 4 by signing the same bytes again with botocore's signer."""

import calendar
import hashlib
import hmac
import re
import time
from types import SimpleNamespace

from botocore.auth import SigV4Auth
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from .clock import compact
from .errors import AuthError

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([A-Za-z0-9]{16,128})/(\d{8})/([a-z0-9-]{1,64})/"
    r"([a-z0-9-]{1,64})"
    r"/aws4_request, ?SignedHeaders=([a-z0-9;_-]{1,4096}), ?Signature=([0-9a-f]{64})", re.ASCII)
DATE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
MISMATCH = ("The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method. Consult the service documentation for "
            "details.")
INVALID_TOKEN = "The security token included in the request is invalid."
EXPIRED_TOKEN = "The security token included in the request is expired"


class Signer(SigV4Auth):
    """botocore's signer, made to sign exactly the headers it is given."""

    def headers_to_sign(self, request):
        headers = HTTPHeaders()
        for name, value in request.headers.items():
            headers[name.lower()] = value
        return headers


class Scope(SimpleNamespace):
    """access_key, date, region, service, signed (list of names), signature."""


def parse_authorization(request):
    text = request.get("authorization")
    if text is None:
        raise AuthError("missing", "Missing Authentication Token")
    match = AUTHORIZATION.fullmatch(text)
    if not match:
        raise AuthError("incomplete", "Authorization header requires 'Credential' parameter. "
                        "Authorization header requires 'Signature' parameter. Authorization header "
                        "requires 'SignedHeaders' parameter. Authorization=" + text[:32])
    key, date, region, service, signed, signature = match.groups()
    names = signed.split(";")
    if names != sorted(set(names)) or "" in names:
        raise AuthError("incomplete", "SignedHeaders must be sorted and unique.")
    return Scope(access_key=key, date=date, region=region, service=service, signed=names,
                 signature=signature)


def check_signed_names(request, scope):
    for name in request.first:
        needed = name == "host" or name.startswith("x-amz-")
        if needed and name not in scope.signed:
            raise AuthError(
    "signature",
     f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
    for name in scope.signed:
        if name not in request.first:
            raise AuthError("signature", MISMATCH)


def check_date(request, scope, now, tolerance):
    text = request.get("x-amz-date")
    if text is None:
        raise AuthError("incomplete", "Authorization header requires existence of either a "
                        "'X-Amz-Date' or a 'Date' header.")
    try:
        if not DATE.fullmatch(text):
            raise ValueError(text)
        when = calendar.timegm(time.strptime(text, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise AuthError("incomplete", "Date must be in ISO-8601 'basic format'. Got '"
                        f"{text[:40]}'. See http://en.wikipedia.org/wiki/ISO_8601") from None
    if text[:8] != scope.date:
        raise AuthError("signature", f"Date in Credential scope does not match YYYYMMDD from "
                        f"ISO-8601 version of date from HTTP: '{scope.date}' != '{text[:8]}', "
                        f"from '{text}'.")
    minutes = f"{tolerance / 60:g} min."
    if when < now - tolerance:
        raise AuthError("clock", f"Signature expired: {text} is now earlier than "
                        f"{compact(now - tolerance)} ({compact(now)} - {minutes})")
    if when > now + tolerance:
        raise AuthError("clock", f"Signature not yet current: {text} is still later than "
                        f"{compact(now + tolerance)} ({compact(now)} + {minutes})")
    return text


def check_token(request, credential, now):
    token = request.get("x-amz-security-token")
    if credential.token is None:
        if token is not None:
            raise AuthError("unknown_key", INVALID_TOKEN)
        return
    if token is None or not hmac.compare_digest(token.encode("latin-1"), credential.token.encode()):
        raise AuthError("unknown_key", INVALID_TOKEN)
    if credential.expires is not None and now >= credential.expires:
        raise AuthError("expired_token", EXPIRED_TOKEN)


def body_digest(request, scope):
    digest = hashlib.sha256(request.body).hexdigest()
    claimed = request.get("x-amz-content-sha256")
    if scope.service == "s3" and request.tls and claimed == "UNSIGNED-PAYLOAD":
        return
    if claimed is not None and claimed != digest:
        raise AuthError("signature", MISMATCH)


def expected_signature(request, scope, secret_key, timestamp):
    headers = HTTPHeaders()
    chosen = set(scope.signed)
    for name, value in request.headers:
        if name.lower() in chosen:
            headers.add_header(name, value)
    scheme = "https" if request.tls else "http"
    rebuilt = SimpleNamespace(
        method=request.method, url=f"{scheme}://{request.get('host')}{request.target}",
        headers=headers, params={}, body=request.body, data=request.body,
        context={"timestamp": timestamp})
    signer = Signer(Credentials(scope.access_key, secret_key), scope.service, scope.region)
    canonical = signer.canonical_request(rebuilt)
    return signer.signature(signer.string_to_sign(rebuilt, canonical), rebuilt)


def check(request, scope, find_credential, now, tolerance):
    """Return the credential that signed the request, or raise AuthError."""
    check_signed_names(request, scope)
    timestamp = check_date(request, scope, now, tolerance)
    credential = find_credential(scope.access_key)
    if credential is None:
        raise AuthError("unknown_key", INVALID_TOKEN)
    check_token(request, credential, now)
    body_digest(request, scope)
    wanted = expected_signature(request, scope, credential.secret_key, timestamp)
    if not hmac.compare_digest(wanted, scope.signature):
        raise AuthError("signature", MISMATCH)
    return credential
