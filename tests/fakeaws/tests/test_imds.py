# SPDX-License-Identifier: Apache-2.0
"""The metadata service: tokens, credentials, and its ways of failing."""

import http.client
import json
import socket
import time

import pytest
from raw import sts

ROLES = "/latest/meta-data/iam/security-credentials/"
ROLE = ROLES + "trailsentry-guard"


def ask(aws, method, path, timeout=10, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", aws.ready["imds_port"], timeout=timeout)
    try:
        connection.request(
    method,
    path,
    headers={
        k.replace(
            "_",
            "-"): v for k,
             v in headers.items()})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def token(aws, ttl="21600"):
    status, text = ask(aws, "PUT", "/latest/api/token", x_aws_ec2_metadata_token_ttl_seconds=ttl)
    assert status == 200
    return text


def get(aws, path, text=None):
    return ask(aws, "GET", path, x_aws_ec2_metadata_token=text or token(aws))


def test_role_and_credentials(aws):
    assert get(aws, ROLES) == (200, "trailsentry-guard")
    status, text = get(aws, ROLE)
    found = json.loads(text)
    assert status == 200 and found["Code"] == "Success" and found["Type"] == "AWS-HMAC"
    assert found["AccessKeyId"].startswith("ASIA") and found["Expiration"].endswith("Z")
    call = sts("GetCallerIdentity", options={"keys": (
        found["AccessKeyId"], found["SecretAccessKey"], found["Token"])})
    answer = call.sign().send(aws, tls=False)
    assert "assumed-role/trailsentry-guard/i-1234567890abcdef0" in answer.text
    assert json.loads(get(aws, ROLE)[1])["AccessKeyId"] == found["AccessKeyId"]


def test_identity_document(aws):
    document = json.loads(get(aws, "/latest/dynamic/instance-identity/document")[1])
    assert (document["region"], document["accountId"]) == ("eu-west-1", "111122223333")
    assert document["instanceId"] == "i-1234567890abcdef0"


@pytest.mark.parametrize("ttl", ["0", "21601", "-1", "x", "", "1.5"])
def test_token_lifetimes_that_are_refused(aws, ttl):
    assert ask(aws, "PUT", "/latest/api/token", x_aws_ec2_metadata_token_ttl_seconds=ttl)[0] == 400


def test_version_one_is_refused(aws):
    assert ask(aws, "GET", ROLES)[0] == 401
    assert ask(aws, "GET", ROLES, x_aws_ec2_metadata_token="wrong")[0] == 401
    assert ask(aws, "PUT", "/latest/api/token")[0] == 400
    assert ask(aws, "PUT", "/latest/api/token", x_aws_ec2_metadata_token_ttl_seconds="60",
               x_forwarded_for="10.0.0.1")[0] == 403


def test_tokens_expire(aws):
    text = token(aws, "60")
    assert get(aws, ROLES, text)[0] == 200
    aws.set(clock_offset=61)
    assert get(aws, ROLES, text)[0] == 401
    fresh = token(aws)
    aws.imds(expire_tokens=True)
    assert get(aws, ROLES, fresh)[0] == 401


@pytest.mark.parametrize("mode, path, status", [
    ("no_role", ROLES, 404), ("no_role", ROLE, 404), ("off", ROLES, 403), ("error", ROLES, 503)])
def test_failing_modes(aws, mode, path, status):
    text = token(aws)
    aws.imds(mode=mode, status=503)
    assert get(aws, path, text)[0] == status
    aws.imds(mode="ok")
    assert get(aws, path, text)[0] == 200


def test_failure_inside_a_success(aws):
    text = token(aws)
    aws.imds(mode="failed", count=1)
    assert get(aws, ROLES) == (200, "trailsentry-guard")
    status, answer = get(aws, ROLE, text)
    assert status == 200 and json.loads(answer)["Code"] == "AssumeRoleUnauthorizedAccess"
    assert json.loads(get(aws, ROLE, text)[1])["Code"] == "Success"


def test_expired_credentials(aws):
    aws.imds(mode="expired")
    found = json.loads(get(aws, ROLE)[1])
    assert found["Expiration"] < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def test_silence_of_the_token_call(aws):
    text = token(aws)
    aws.imds(mode="token_silence")
    assert get(aws, ROLES, text)[0] == 200
    with pytest.raises((socket.timeout, TimeoutError)):
        ask(aws, "PUT", "/latest/api/token", timeout=0.2, x_aws_ec2_metadata_token_ttl_seconds="60")


def test_rotation_and_renewal(aws):
    first = json.loads(get(aws, ROLE)[1])
    aws.rotate()
    second = json.loads(get(aws, ROLE)[1])
    assert first["AccessKeyId"] != second["AccessKeyId"]
    old = (first["AccessKeyId"], first["SecretAccessKey"], first["Token"])
    assert sts("GetCallerIdentity", options={"keys": old}).sign().send(aws, tls=False).code == ""
    aws.set(clock_offset=21600 - 299)
    assert json.loads(get(aws, ROLE)[1])["AccessKeyId"] != second["AccessKeyId"]


def test_calls_are_logged(aws):
    get(aws, ROLE)
    assert [c["operation"] for c in aws.calls(service="imds")] == ["/latest/api/token", ROLE]
