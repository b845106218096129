# SPDX-License-Identifier: Apache-2.0
"""Good answers of each API, and the errors that AWS gives, as they are on the wire."""

import json
import time

TRAIL = "arn:aws:cloudtrail:eu-west-1:444455556666:trail/management-events"
SERVICES = ("GetTrailStatus", "StartLogging", "LookupEvents", "GetTrail", "GetEventSelectors",
            "Publish", "PutMetricData", "GetCallerIdentity", "AssumeRole",
            "AssumeRoleWithWebIdentity", "ContainerCredentials")
ROLES = ("AssumeRole", "AssumeRoleWithWebIdentity")
IMDS = ("ImdsToken", "ImdsRole", "ImdsCredentials")
CONTAINER_TARGET = "/container"
# Whose good answer says nothing that the daemon needs: accepted is accepted.
ACCEPTED = ("StartLogging", "Publish", "PutMetricData")
REQUEST_ID = "11111111-2222-3333-4444-555555555555"
JSON_TYPE, XML_TYPE = "application/x-amz-json-1.1", "text/xml"


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def later():
    return iso(time.time() + 6 * 3600)


def json_answers():
    event = {"eventTime": iso(time.time()), "eventName": "StopLogging", "eventID": "e-1",
             "eventSource": "cloudtrail.amazonaws.com", "awsRegion": "eu-west-1"}
    return {
        "GetTrailStatus": {"IsLogging": True, "StartLoggingTime": time.time() - 1000},
        "StartLogging": {},
        "LookupEvents": {"Events": [{"EventId": "e-1", "EventName": "StopLogging",
                                     "EventTime": time.time(),
                                     "CloudTrailEvent": json.dumps(event)}]},
        "GetTrail": {"Trail": {"Name": "management-events", "TrailARN": TRAIL,
                               "S3BucketName": "logs", "HomeRegion": "eu-west-1"}},
        "GetEventSelectors": {"TrailARN": TRAIL, "EventSelectors": [
            {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}]},
    }


def xml_answers():
    credentials = ("<Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>"
                   "<SecretAccessKey>wJalrXUtnFEMI</SecretAccessKey><SessionToken>t</SessionToken>"
                   f"<Expiration>{later()}</Expiration></Credentials>")
    return {
        "Publish": "<MessageId>m-1</MessageId>",
        "PutMetricData": "",
        "GetCallerIdentity": "<Arn>arn:aws:iam::111122223333:user/x</Arn><UserId>AIDA</UserId>"
                             "<Account>111122223333</Account>",
        "AssumeRole": credentials,
        "AssumeRoleWithWebIdentity": credentials,
    }


def operation(request):
    """Which of the APIs it is."""
    target = request.first.get("x-amz-target")
    if target:
        return target.rsplit(".", 1)[1]
    if request.method == "POST":
        fields = dict(pair.split("=", 1) for pair in request.body.decode().split("&"))
        return fields["Action"]
    if request.method == "PUT":
        return "ImdsToken"
    if request.target == CONTAINER_TARGET:
        return "ContainerCredentials"
    return "ImdsRole" if request.target.endswith("/") else "ImdsCredentials"


def body(name):
    if name == "ImdsToken":
        return b"token=="
    if name == "ImdsRole":
        return b"guard"
    if name in ("ImdsCredentials", "ContainerCredentials"):
        return json.dumps({"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASIAEXAMPLE",
                           "SecretAccessKey": "wJalrXUtnFEMI", "Token": "t",
                           "Expiration": later()}).encode()
    known = json_answers()
    if name in known:
        return json.dumps(known[name]).encode()
    return (f'<{name}Response xmlns="https://aws.example/doc/"><{name}Result>{xml_answers()[name]}'
            f"</{name}Result><ResponseMetadata><RequestId>{REQUEST_ID}</RequestId>"
            f"</ResponseMetadata></{name}Response>").encode()


def media_type(name):
    if name in IMDS:
        return "text/plain"
    if name == "ContainerCredentials":
        return "application/json"
    return JSON_TYPE if name in json_answers() else XML_TYPE


def head(status="200 OK", length=None, kind=JSON_TYPE, headers=()):
    lines = [f"HTTP/1.1 {status}", f"x-amzn-RequestId: {REQUEST_ID}", f"Content-Type: {kind}",
             time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT", time.gmtime()), *headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def good(_cell, request):
    name = operation(request)
    said = body(name)
    headers = ("X-aws-ec2-metadata-token-ttl-seconds: 21600",) if name == "ImdsToken" else ()
    return head(length=len(said), kind=media_type(name), headers=headers), said


def error(request, status, code, message):
    """An answer with one of AWS's errors, in the protocol of the service."""
    if "x-amz-target" in request.first:
        said = json.dumps({"__type": code, "message": message}).encode()
        return head(status, len(said)) + said
    said = (f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}"
            f"</Message></Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>").encode()
    return head(status, len(said), XML_TYPE) + said


class UsualRequest:
    """What a client of this API sends, as far as answers need it."""

    target = CONTAINER_TARGET

    def __init__(self, api):
        self.method = "GET" if api == "ContainerCredentials" else "POST"
        named = {"x-amz-target": "CloudTrail." + api} if api in json_answers() else {}
        self.first, self.body = named, f"Action={api}".encode()
