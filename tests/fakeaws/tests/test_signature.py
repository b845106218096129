# SPDX-License-Identifier: Apache-2.0
"""Signatures: independent signers are accepted, every spoiled part is refused."""

import hashlib
import shutil
import subprocess
import time
from email.utils import parsedate_to_datetime

import pytest
from raw import MARY, PAULO, TRAIL, Call, cloudtrail, keys, sns, sts

STATUS = {"Name": TRAIL}


def fresh(**options):
    return cloudtrail("GetTrailStatus", STATUS, **options)


def test_hand_signed_request_is_accepted(aws):
    assert fresh().sign().send(aws).code == ""
    assert sts("GetCallerIdentity").sign().send(aws).code == ""


def test_short_target_is_accepted(aws):
    call = fresh()
    call.headers["x-amz-target"] = "CloudTrail_20131101.GetTrailStatus"
    assert call.sign().send(aws).code == ""


def test_further_signed_headers_are_accepted(aws):
    call = fresh()
    call.headers.update({"user-agent": "x/1", "x-amz-content-sha256": hashlib.sha256(
        call.body).hexdigest(), "accept": "a,  b"})
    call.unsigned = set()
    assert call.sign().send(aws).code == ""


CURL = shutil.which("curl")


def curl(aws, service, keys, *arguments, region="eu-west-1"):
    command = [CURL, "-q", "-sS", "--max-time", "20", "--cacert", aws.ca_file, "--aws-sigv4",
               f"aws:amz:{region}:{service}", "--user", f"{keys[0]}:{keys[1]}"]
    if keys[2]:
        command += ["-H", f"x-amz-security-token: {keys[2]}"]
    done = subprocess.run([*command, *arguments, aws.url()], capture_output=True,
                          text=True, timeout=30, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
def test_curl_signs_query_requests(aws):
    text = curl(aws, "sts", MARY, "-d", "Action=GetCallerIdentity&Version=2011-06-15")
    assert "<Account>444455556666</Account>" in text
    text = curl(aws, "sts", (MARY[0], "wrong", None), "-d",
                "Action=GetCallerIdentity&Version=2011-06-15")
    assert "SignatureDoesNotMatch" in text


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
def test_curl_signs_json_requests(aws):
    session = keys(aws.session("DeployPipeline"))
    for who in (MARY, session):
        text = curl(
    aws,
    "cloudtrail",
    who,
    "-H",
    "Content-Type: application/x-amz-json-1.1",
    "-H",
    "X-Amz-Target: CloudTrail_20131101.GetTrailStatus",
    "-d",
    '{"Name":"%s"}' %
     TRAIL)
        assert '"IsLogging":true' in text, text


def spoil_method(call):
    call.method = "PUT"


def spoil_path(call):
    call.target = "/x"


def spoil_query(call):
    call.target = "/?x=1"


def spoil_host(call):
    call.headers["host"] = "cloudtrail.eu-west-1.example.localhost"


def spoil_signed_header(call):
    call.headers["content-type"] += " "
    call.headers["content-type"] = "application/x-amz-json-1.0"


def spoil_target(call):
    call.headers["x-amz-target"] = "CloudTrail_20131101.StartLogging"


def spoil_body(call):
    call.body = call.body.replace(b'"Name"', b'"Nane"')


def spoil_date(call):
    call.headers["x-amz-date"] = call.stamp[:-2] + ("1Z" if call.stamp[-2] == "0" else "0Z")


def spoil_scope_date(call):
    text = call.headers["authorization"]
    call.headers["authorization"] = text.replace("/" + call.stamp[:8] + "/", "/20150830/")


def spoil_scope_region(call):
    call.headers["host"] = "localhost"
    call.sign()
    text = call.headers["authorization"]
    call.headers["authorization"] = text.replace("/eu-west-1/", "/us-east-1/")


def spoil_scope_service(call):
    call.headers["authorization"] = call.headers["authorization"].replace("/cloudtrail/", "/sns/")


def spoil_signature(call):
    text = call.headers["authorization"]
    call.headers["authorization"] = text[:-1] + ("0" if text[-1] != "0" else "1")


def spoil_signed_names(call):
    text = call.headers["authorization"]
    call.headers["authorization"] = text.replace("content-type;host", "host")


def spoil_digest(call):
    call.headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD"
    call.sign()


def spoil_digest_of_other_body(call):
    call.headers["x-amz-content-sha256"] = hashlib.sha256(call.body).hexdigest()
    call.sign()
    spoil_body(call)


SPOILERS = [spoil_method, spoil_path, spoil_query, spoil_host, spoil_signed_header, spoil_target,
            spoil_body, spoil_date, spoil_scope_date, spoil_scope_region, spoil_scope_service,
            spoil_signature, spoil_signed_names, spoil_digest, spoil_digest_of_other_body]


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda f: f.__name__[6:])
def test_spoiled_request_is_refused(aws, spoil):
    call = fresh().sign()
    assert call.send(aws, tls=False).code == ""
    spoil(call)
    answer = call.send(aws, tls=False)
    assert (answer.code, answer.status) == ("InvalidSignatureException", 400), answer.text


@pytest.mark.parametrize("spoil", [spoil_path, spoil_body, spoil_signature, spoil_scope_date],
                         ids=lambda f: f.__name__[6:])
def test_spoiled_query_request_is_refused(aws, spoil):
    call = sts("GetCallerIdentity").sign()
    if spoil is spoil_body:
        call.body += b"&x=y"
    else:
        spoil(call)
    answer = call.send(aws, tls=False)
    assert (answer.code, answer.status) == ("SignatureDoesNotMatch", 403), answer.text


@pytest.mark.parametrize("name", ["host", "x-amz-date", "x-amz-target", "x-amz-security-token"])
def test_header_that_must_be_signed(aws, name):
    call = fresh(keys=keys(aws.session("DeployPipeline")))
    call.unsigned.add(name)
    answer = call.sign().send(aws, tls=False)
    assert answer.code == "InvalidSignatureException" and name in answer.text


def test_missing_and_malformed_authorization(aws):
    call = fresh()
    assert call.send(aws, tls=False).code == "MissingAuthenticationTokenException"
    call.headers["authorization"] = "AWS4-HMAC-SHA256 Credential=x"
    assert call.send(aws, tls=False).code == "IncompleteSignatureException"
    call = sts("GetCallerIdentity")
    answer = call.send(aws, tls=False)
    assert (answer.code, answer.status) == ("MissingAuthenticationToken", 403)
    call.headers["authorization"] = "Basic eDp5"
    assert call.send(aws, tls=False).code == "IncompleteSignature"


def test_unsorted_signed_headers_are_refused(aws):
    call = fresh().sign()
    call.headers["authorization"] = call.headers["authorization"].replace(
        "content-type;host", "host;content-type")
    assert call.send(aws, tls=False).code == "IncompleteSignatureException"


@pytest.mark.parametrize("offset, fine", [(-310, False), (-290, True), (290, True), (310, False)])
def test_dates_are_held_to_five_minutes(aws, offset, fine):
    answer = fresh(when=time.time() + offset).sign().send(aws, tls=False)
    assert answer.code == ("" if fine else "InvalidSignatureException")
    answer = sts(
    "GetCallerIdentity",
    options={
        "when": time.time() +
        offset}).sign().send(
            aws,
             tls=False)
    assert answer.code == ("" if fine else "SignatureDoesNotMatch")
    if not fine:
        assert ("Signature expired" if offset < 0 else "Signature not yet current") in answer.text


def test_clock_of_the_referee_can_be_moved(aws):
    aws.set(clock_offset=3600)
    answer = fresh().sign().send(aws, tls=False)
    assert answer.code == "InvalidSignatureException" and "Signature expired" in answer.text
    ahead = parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()
    assert 3590 < ahead < 3610
    assert fresh(when=time.time() + 3600).sign().send(aws, tls=False).code == ""
    aws.set(skew_code="RequestExpired")
    assert fresh().sign().send(aws, tls=False).code == "RequestExpired"


def test_unknown_and_deactivated_keys(aws):
    unknown = ("AKIAEXAMPLEUNKNOWN12", MARY[1], None)
    answer = fresh(keys=unknown).sign().send(aws, tls=False)
    assert (answer.code, answer.status) == ("UnrecognizedClientException", 400)
    answer = sts("GetCallerIdentity", options={"keys": unknown}).sign().send(aws, tls=False)
    assert (answer.code, answer.status) == ("InvalidClientTokenId", 403)
    aws.call("key", access_key=MARY[0], active=False)
    assert fresh().sign().send(aws, tls=False).code == "UnrecognizedClientException"


def test_wrong_secret(aws):
    assert fresh(keys=(MARY[0], PAULO[1], None)).sign().send(aws, tls=False).code == \
        "InvalidSignatureException"


def test_session_tokens(aws):
    key, secret, token = keys(aws.session("DeployPipeline"))
    other = aws.session("DeployPipeline")["token"]
    assert fresh(keys=(key, secret, token)).sign().send(aws, tls=False).code == ""
    for wrong in (None, other, token[:-1] + ("A" if token[-1] != "A" else "B"), token + "=", "x"):
        answer = fresh(keys=(key, secret, wrong)).sign().send(aws, tls=False)
        assert answer.code == "UnrecognizedClientException", wrong
    assert fresh(keys=(*MARY[:2], token)).sign().send(aws, tls=False).code == \
        "UnrecognizedClientException"


def test_expired_session(aws):
    session = keys(aws.session("DeployPipeline"))
    aws.expire(access_key=session[0])
    assert fresh(keys=session).sign().send(aws, tls=False).code == "ExpiredTokenException"
    answer = sts("GetCallerIdentity", options={"keys": session}).sign().send(aws, tls=False)
    assert (answer.code, answer.status) == ("ExpiredToken", 403)


@pytest.mark.parametrize("host",
    ["cloudtrail.us-east-1.localhost",
    "cloudtrail.us-east-1.localhost:8443",
     "sns.eu-west-1.localhost"])
def test_host_must_agree_with_the_scope(aws, host):
    call = fresh()
    call.headers["host"] = host
    assert call.sign().send(aws, tls=False).code in ("InvalidSignatureException",
                                                     "UnknownOperationException")


def test_scope_of_a_wrong_region_or_service(aws):
    answer = fresh(region="xx-nowhere-1").sign().send(aws, tls=False)
    assert answer.code == "InvalidSignatureException" and "valid region" in answer.text
    call = sns("Publish", TopicArn="x", Message="y")
    wrong = Call("s3", "eu-west-1", call.body, {"content-type": call.headers["content-type"]})
    answer = wrong.sign().send(aws, tls=False)
    assert answer.status == 403 and "correct service" in answer.text
