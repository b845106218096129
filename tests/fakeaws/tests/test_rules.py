# SPDX-License-Identifier: Apache-2.0
"""Permissions, home regions, accounts, rates, parameters: what AWS refuses is refused."""

import json
import time

import pytest
from raw import DATA_TRAIL, MARY, PAULO, STATIC, TARGET, TRAIL, ask, cloudtrail, keys, query, sts

ORG = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/organisation"


def test_writes_belong_to_the_home_region(aws):
    for operation in ("StartLogging", "StopLogging", "DeleteTrail", "UpdateTrail"):
        answer = ask(aws, operation, {"Name": TRAIL}, region="us-east-1")
        assert (answer.code, answer.status) == ("InvalidHomeRegionException", 400)
    assert aws.trail("management-events")["logging"]
    assert ask(aws, "GetTrailStatus", {"Name": TRAIL}, region="us-east-1").code == ""


def test_reading_a_shadow_trail_needs_its_arn(aws):
    assert ask(aws, "GetTrailStatus", {"Name": "management-events"}).code == ""
    answer = ask(aws, "GetTrailStatus", {"Name": "management-events"}, region="us-east-1")
    assert answer.code == "TrailNotFoundException"


def test_single_region_trail_is_absent_elsewhere(aws):
    assert ask(aws, "GetTrailStatus", {"Name": DATA_TRAIL}, region="us-east-1").code == ""
    assert ask(aws, "GetTrailStatus", {"Name": DATA_TRAIL}).code == "TrailNotFoundException"


def test_foreign_account_finds_no_trail(aws):
    for operation in ("GetTrailStatus", "StopLogging"):
        assert ask(aws, operation, {"Name": TRAIL}, keys=PAULO).code == "TrailNotFoundException"
    assert aws.trail("management-events")["logging"]


def test_organisation_trail_is_read_but_not_changed_by_members(aws):
    aws.create_trail(ORG, organization=True, member_accounts=["444455556666"],
                     delegated_accounts=["777788889999"])
    assert ask(aws, "GetTrailStatus", {"Name": ORG}).json()["IsLogging"]
    assert ask(aws, "StopLogging", {"Name": ORG}).code == "NotOrganizationMasterAccountException"
    shown = ask(aws, "DescribeTrails").json()["trailList"]
    hidden = ask(aws, "DescribeTrails", {"includeShadowTrails": False}).json()["trailList"]
    assert len(shown) == len(hidden) + 1
    assert ask(aws, "StopLogging", {"Name": ORG}, keys=PAULO).code == ""
    assert not aws.trail(ORG)["logging"]
    aws.set_trail(ORG, organization=False)
    assert ask(aws, "GetTrailStatus", {"Name": ORG}).code == "TrailNotFoundException"


@pytest.mark.parametrize("name, code", [
    ("arn:aws:cloudtrail:eu-west-1:444455556666:trail/absent", "TrailNotFoundException"),
    ("absent", "TrailNotFoundException"), ("arn:aws:cloudtrail:x", "CloudTrailARNInvalidException"),
    (TRAIL + "/x", "CloudTrailARNInvalidException"), ("a", "InvalidTrailNameException"),
    ("a b c", "InvalidTrailNameException"), ("x" * 129, "InvalidTrailNameException")])
def test_trail_names(aws, name, code):
    answer = ask(aws, "GetTrailStatus", {"Name": name})
    assert (answer.code, answer.status) == (code, 400)


def test_denied_action_says_so_as_iam_does(aws):
    target = aws.session("trailsentry-target", name="trailsentry")
    answer = ask(aws, "StopLogging", {"Name": TRAIL}, keys=keys(target))
    assert (answer.code, answer.status) == ("AccessDeniedException", 400)
    assert answer.json()["Message"] == (
        f"User: {target['arn']} is not authorized to perform: cloudtrail:StopLogging on resource: "
        f"{TRAIL} because no identity-based policy allows the cloudtrail:StopLogging action")
    assert aws.trail("management-events")["logging"]
    record = aws.events()[-1]["record"]
    assert record["errorCode"] == "AccessDenied" and record["eventName"] == "StopLogging"


def test_permissions_change_at_run_time(aws):
    session = keys(aws.session("trailsentry-target"))
    start = {"Name": TRAIL}
    assert ask(aws, "StartLogging", start, keys=session).code == ""
    aws.permissions("trailsentry-target", deny=["cloudtrail:Start*"])
    answer = ask(aws, "StartLogging", start, keys=session)
    assert answer.code == "AccessDeniedException" and "explicit deny" in answer.text
    assert ask(aws, "GetTrailStatus", start, keys=session).code == ""
    aws.permissions("trailsentry-target", undeny=["cloudtrail:Start*"])
    assert ask(aws, "StartLogging", start, keys=session).code == ""
    aws.permissions("trailsentry-target", remove=["cloudtrail:StartLogging"])
    assert "no identity-based policy" in ask(aws, "StartLogging", start, keys=session).text


def test_revoked_sessions_are_denied_and_fresh_ones_are_not(aws):
    session = keys(aws.session("trailsentry-target"))
    assert aws.revoke(entity="trailsentry-target") == 1
    assert ask(aws, "GetTrailStatus", {"Name": TRAIL}, keys=session).code == "AccessDeniedException"
    fresh = keys(aws.session("trailsentry-target"))
    assert ask(aws, "GetTrailStatus", {"Name": TRAIL}, keys=fresh).code == ""
    who = sts("GetCallerIdentity", options={"keys": session}).sign().send(aws, tls=False)
    assert who.code == ""


@pytest.mark.parametrize("operation, params, rate",
    [ ("GetTrailStatus",
    {"Name": TRAIL},
    10),
    ("LookupEvents",
    {},
    2),
    ("StartLogging",
    {"Name": TRAIL},
     1)])
def test_rates_are_held_to(aws, operation, params, rate):
    aws.set(tps=True)
    codes = [ask(aws, operation, params).code for _ in range(rate + 2)]
    assert codes == [""] * rate + ["ThrottlingException"] * 2
    aws.advance(1.0 / rate)
    assert [ask(aws, operation, params).code for _ in range(2)] == ["", "ThrottlingException"]
    aws.advance(100)
    codes = [ask(aws, operation, params).code for _ in range(rate + 1)]
    assert codes == [""] * rate + ["ThrottlingException"]


def test_rates_are_counted_per_account_region_and_group(aws):
    aws.set(tps=True)
    start = {"Name": TRAIL}
    assert ask(aws, "StartLogging", start).code == ""
    assert ask(aws, "StopLogging", start).code == "ThrottlingException"
    assert ask(aws, "StopLogging", {"Name": DATA_TRAIL}, region="us-east-1").code == ""
    assert ask(aws, "StopLogging", start, keys=PAULO).code == "TrailNotFoundException"
    assert ask(aws, "GetTrailStatus", start).code == ""
    aws.set(tps_scope="operation")
    assert [ask(aws, "StopLogging", start).code for _ in range(2)] == ["", "ThrottlingException"]


@pytest.mark.parametrize("operation, params", [
    ("GetTrailStatus", {}), ("GetTrailStatus", {"Name": 5}),
    ("GetTrailStatus", {"Name": TRAIL, "X": 1}),
    ("GetTrailStatus", {"Name": None}), ("GetTrailStatus", {"name": TRAIL}),
    ("GetTrailStatus", {"Name": [TRAIL]}), ("DescribeTrails", {"trailNameList": "x"}),
    ("DescribeTrails", {"includeShadowTrails": "true"}), ("GetEventSelectors", {"Name": TRAIL}),
    ("LookupEvents", {"LookupAttributes": [{"AttributeKey": "eventName", "AttributeValue": "x"}]}),
    ("LookupEvents", {"LookupAttributes": [{"AttributeKey": "EventName"}]}),
    ("LookupEvents", {"StartTime": "2026-01-01T00:00:00Z"}), ("LookupEvents", {"StartTime": True}),
    ("LookupEvents", {"MaxResults": 1.5}), ("LookupEvents", {"EventCategory": "management"})])
def test_parameters_outside_the_model(aws, operation, params):
    answer = ask(aws, operation, params)
    assert answer.status == 400 and answer.code in ("ValidationException", "SerializationException")


@pytest.mark.parametrize("body",
    [b"",
    b"[]",
    b"{",
    b"null",
    b'{"Name":"a","Name":"b"}',
    b'{"Name":NaN}',
    b'{"Name":"\xff"}',
     b"[" * 50000])
def test_bodies_that_are_no_object(aws, body):
    call = cloudtrail("GetTrailStatus")
    call.body = body
    assert call.sign().send(aws, tls=False).code == "SerializationException"


@pytest.mark.parametrize("header, value, code, status", [
    ("content-type", "application/json", "SerializationException", 415),
    ("content-type", "application/x-amz-json-1.0", "SerializationException", 415),
    ("x-amz-target", "CloudTrail_20131101.NoSuchThing", "UnknownOperationException", 400),
    ("x-amz-target", "CloudTrail_20131101.find", "UnknownOperationException", 400),
    ("x-amz-target", "CloudTrail.GetTrailStatus", "UnknownOperationException", 400)])
def test_headers_outside_the_protocol(aws, header, value, code, status):
    call = cloudtrail("GetTrailStatus", {"Name": TRAIL})
    call.headers[header] = value
    answer = call.sign().send(aws, tls=False)
    assert (answer.code, answer.status) == (code, status)


@pytest.mark.parametrize("method, target", [("PUT", "/"), ("POST", "/x"), ("POST", "/?x=1")])
def test_well_signed_requests_to_nowhere(aws, method, target):
    call = cloudtrail("GetTrailStatus", {"Name": TRAIL})
    call.method, call.target = method, target
    answer = call.sign().send(aws, tls=False)
    assert (answer.code, answer.status) == ("UnknownOperationException", 404)


@pytest.mark.parametrize("params, code",
    [ ({"Bogus": "1"},
    "MalformedInput"),
    ({"TopicArn": "a",
    "Message": "m",
    "message": "n"},
    "MalformedInput"),
    ({"TopicArn": "a",
    "Message": "m",
    "MessageAttributes.entry.2.Name": "x"},
    "MalformedInput"),
    ({"TopicArn": "a"},
     "ValidationException")])
def test_query_parameters_outside_the_model(aws, params, code):
    answer = query("sns",
    "2010-03-31",
    "Publish",
    {"Message": "m",
    **params} if "Bogus" in params else params).sign().send(aws,
     tls=False)
    assert (answer.code, answer.status) == (code, 400), answer.text


def test_query_action_version_and_encoding(aws):
    assert query("sts", "2010-03-31", "GetCallerIdentity", {}).sign().send(aws, tls=False).code == \
        "InvalidAction"
    assert query(
    "sts",
    "2011-06-15",
    "NoSuchThing",
    {}).sign().send(
        aws,
         tls=False).code == "InvalidAction"
    for tail in (b"&x=%zz", b"&x=%ff", b"&Action=GetCallerIdentity", b"&y", b"&=1", b"&x=\xc3\xa9"):
        call = sts("GetCallerIdentity")
        call.body += tail
        assert call.sign().send(aws, tls=False).code == "MalformedQueryString", tail
    call = sts("GetCallerIdentity")
    call.headers["content-type"] = "application/x-www-form-urlencoded; charset=latin-1"
    assert call.sign().send(aws, tls=False).status == 415


def test_assume_role_rules(aws):
    def assume(options=None, **params):
        params = {"RoleArn": TARGET, "RoleSessionName": "trailsentry",
                  "ExternalId": "trailsentry-example-id", **params}
        params = {k: v for k, v in params.items() if v is not None}
        return sts("AssumeRole", options={"keys": STATIC, **(options or {})}, **params).sign().send(
            aws, tls=False)
    assert assume().code == ""
    assert assume(DurationSeconds="43200").code == ""
    for wrong in ({"ExternalId": "another"}, {"ExternalId": None}, {"RoleArn": TARGET + "x"}):
        answer = assume(**wrong)
        assert (answer.code, answer.status) == ("AccessDenied", 403)
    assert "arn:aws:iam::111122223333:user/trailsentry-static is not authorized to perform: " \
        "sts:AssumeRole on resource: " + TARGET in assume(ExternalId="another").text
    assert assume({"keys": PAULO}).code == "AccessDenied"
    assert assume(RoleArn="arn:aws:iam::444455556666:user/x" + "y" * 9).code == "ValidationError"
    for wrong in ({"RoleSessionName": "a b"}, {"RoleSessionName": "x"}, {"DurationSeconds": "60"},
                  {"DurationSeconds": "43201"}):
        assert assume(**wrong).code == "ValidationException", wrong
    guard = keys(aws.session("trailsentry-guard", name="i-1234567890abcdef0"))
    assert assume({"keys": guard}).code == ""
    answer = assume({"keys": guard}, DurationSeconds="3601")
    assert answer.code == "ValidationError" and "role chaining" in answer.text
    aws.call("trust", entity="trailsentry-target", max_duration=3600)
    answer = assume(DurationSeconds="3601")
    assert answer.code == "ValidationError" and "MaxSessionDuration" in answer.text
    aws.permissions("trailsentry-guard", deny=["sts:*"])
    assert assume({"keys": guard}).code == "AccessDenied"


def test_metric_rules(aws):
    def put(**fields):
        row = {"MetricName": "m", "Value": "1", **fields}
        params = {"Namespace": row.pop("Namespace", "trailsentry")}
        params.update({"MetricData.member.1." + k: v for k, v in row.items() if v is not None})
        return query("monitoring", "2010-08-01", "PutMetricData", params, keys=STATIC).sign().send(
            aws, tls=False)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert put(Timestamp=now, Unit="Count").code == ""
    assert put(Timestamp="2020-01-01T00:00:00Z").code == "InvalidParameterValue"
    assert put(Namespace=":x").code in ("InvalidParameterValue", "ValidationException")
    assert put(Value="NaN").code == "MalformedInput"
    assert put(Unit="Polls").code == "ValidationException"
    assert put(Value=None).code == "InvalidParameterCombination"
    assert put(StorageResolution="30").code == "InvalidParameterValue"
    assert len(aws.metrics()) == 1


def test_throttling_and_authentication_leave_no_record(aws):
    aws.set(tps=True)
    ask(aws, "StartLogging", {"Name": TRAIL})
    ask(aws, "StartLogging", {"Name": TRAIL})
    ask(aws, "StopLogging", {"Name": TRAIL}, keys=(MARY[0], "wrong", None))
    assert [e["record"]["eventName"] for e in aws.events()] == ["StartLogging"]
    assert json.dumps(aws.events()).count("errorCode") == 0
