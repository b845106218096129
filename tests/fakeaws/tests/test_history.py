# SPDX-License-Identifier: Apache-2.0
"""Event history, attacks of every identity, stale reads, and the times of a trail."""

import json
import time

import pytest
from raw import MARY, TRAIL, ask, keys

from fakeaws.control import RefereeError
from fakeaws.identities import VARIANTS

STOPS = {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "StopLogging"}]}


def lookup(aws, params=None, **options):
    answer = ask(aws, "LookupEvents", STOPS if params is None else params, **options)
    assert answer.code == "", answer.text
    return answer.json()


def status(aws, **options):
    return ask(aws, "GetTrailStatus", {"Name": TRAIL}, **options).json()


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_identity_leaves_a_record(aws, variant):
    done = aws.attack("management-events", identity=variant)
    assert not status(aws)["IsLogging"]
    event, = lookup(aws)["Events"]
    record = json.loads(event["CloudTrailEvent"])
    assert record["userIdentity"] == done["record"]["userIdentity"]
    assert record["eventID"] == event["EventId"] == done["event_id"]
    assert record["requestID"] == done["request_id"]
    assert event["EventTime"] == int(done["time"]) and record["eventTime"] == done["event_time"]
    assert event.get("AccessKeyId") == (record["userIdentity"].get("accessKeyId") or None)


def test_full_identity_and_details_of_the_call(aws):
    aws.attack("management-events", identity={"type": "IAMUser", "userName": "x"}, name_form="name",
               user_agent="evil/1", source_ip="203.0.113.9",
               record={"vpcEndpointId": "vpce-1", "tlsDetails": None})
    record = json.loads(lookup(aws)["Events"][0]["CloudTrailEvent"])
    assert record["userIdentity"] == {"type": "IAMUser", "userName": "x"}
    assert record["requestParameters"] == {"name": "management-events"}
    assert (record["userAgent"], record["sourceIPAddress"]) == ("evil/1", "203.0.113.9")
    assert record["vpcEndpointId"] == "vpce-1" and "tlsDetails" not in record


def test_mfa_of_a_session(aws):
    aws.attack("management-events", identity="role-session", mfa=True)
    record = json.loads(lookup(aws)["Events"][0]["CloudTrailEvent"])
    assert record["userIdentity"]["sessionContext"]["attributes"]["mfaAuthenticated"] == "true"


def test_omitted_request_parameters(aws):
    aws.attack("management-events", name_form="omitted")
    event, = lookup(aws)["Events"]
    record = json.loads(event["CloudTrailEvent"])
    assert record["requestParameters"]["omitted"] is True and event["Resources"] == []


def test_failed_attempt_changes_nothing(aws):
    aws.attack("management-events", error_code="AccessDenied", error_message="no")
    assert status(aws)["IsLogging"]
    record = json.loads(lookup(aws)["Events"][0]["CloudTrailEvent"])
    assert (record["errorCode"], record["errorMessage"]) == ("AccessDenied", "no")


def test_lag_holds_records_back(aws):
    aws.set(history_lag=120)
    aws.attack("management-events")
    aws.attack("management-events", lag=600, identity="root")
    assert lookup(aws)["Events"] == []
    aws.advance(119)
    assert lookup(aws)["Events"] == []
    aws.advance(2)
    assert [e["Username"] for e in lookup(aws)["Events"]] == ["Mary_Major"]
    assert aws.reveal() == 1
    assert len(lookup(aws)["Events"]) == 2


def test_lookup_filters_and_order(aws):
    for ago in (20, 30, 10):
        aws.attack("management-events", ago=ago, identity="root")
    aws.attack("management-events", event="StartLogging")
    times = [e["EventTime"] for e in lookup(aws)["Events"]]
    assert times == sorted(times, reverse=True) and len(times) == 3
    assert len(lookup(aws, {})["Events"]) == 4
    assert lookup(aws, {}, region="us-east-1")["Events"] == []
    for key, value, count in (("Username", "root", 3), ("AccessKeyId", MARY[0], 1),
                              ("ReadOnly", "false", 4),
                              ("ResourceName", TRAIL, 4),
                              ("EventSource", "cloudtrail.amazonaws.com", 4),
                              ("ResourceType", "AWS::CloudTrail::Trail", 4),
                              ("EventName", "stoplogging", 0)):
        found = lookup(aws, {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]})
        assert len(found["Events"]) == count, key
    window = {"StartTime": times[1], "EndTime": times[1]}
    assert [e["EventTime"] for e in lookup(aws, {**STOPS, **window})["Events"]] == [times[1]]


def test_pages(aws):
    aws.attack("management-events", times=7)
    everything = [e["EventId"] for e in lookup(aws)["Events"]]
    aws.set(page_size=3, empty_pages=2)
    sizes, got, token = [], [], {}
    while True:
        page = lookup(aws, {**STOPS, **token})
        sizes.append(len(page["Events"]))
        got += [e["EventId"] for e in page["Events"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert sizes == [0, 0, 3, 3, 1] and got == everything
    aws.set(empty_pages=0)
    page = lookup(aws, {**STOPS, "MaxResults": 2})
    for wrong in ({"NextToken": page["NextToken"]}, {**STOPS, "NextToken": "x"},
                  {**STOPS, "StartTime": 1, "NextToken": page["NextToken"]}):
        assert ask(aws, "LookupEvents", wrong).code == "InvalidNextTokenException"


@pytest.mark.parametrize("params, code",
    [ ({"MaxResults": 0},
    "InvalidMaxResultsException"),
    ({"MaxResults": 51},
    "InvalidMaxResultsException"),
    ({"StartTime": 2000,
    "EndTime": 1000},
    "InvalidTimeRangeException"),
    ({"LookupAttributes": STOPS["LookupAttributes"] * 2},
     "InvalidLookupAttributesException")])
def test_lookup_refuses(aws, params, code):
    assert ask(aws, "LookupEvents", params).code == code


def test_request_ids_can_be_made_to_differ(aws):
    answer = ask(aws, "StopLogging", {"Name": TRAIL})
    assert json.loads(lookup(aws)["Events"][0]["CloudTrailEvent"])["requestID"] == \
        answer.headers["x-amzn-requestid"]
    aws.reset()
    aws.set(request_id_break=True)
    answer = ask(aws, "StopLogging", {"Name": TRAIL})
    assert json.loads(lookup(aws)["Events"][0]["CloudTrailEvent"])["requestID"] != \
        answer.headers["x-amzn-requestid"]


def test_record_of_a_role_session(aws):
    session = aws.session(
    "DeployPipeline",
    name="build-4711",
    source_identity="Nikki_Wolf",
     mfa=True)
    assert ask(aws, "StopLogging", {"Name": TRAIL}, keys=keys(session)).code == ""
    event, = lookup(aws)["Events"]
    identity = json.loads(event["CloudTrailEvent"])["userIdentity"]
    assert event["Username"] == "build-4711" and identity["type"] == "AssumedRole"
    context = identity["sessionContext"]
    assert context["sourceIdentity"] == "Nikki_Wolf"
    assert context["attributes"]["mfaAuthenticated"] == "true"
    assert context["sessionIssuer"]["userName"] == "DeployPipeline"


def test_second_stop_succeeds_and_moves_nothing(aws):
    aws.attack("management-events", ago=20)
    first = status(aws)["StopLoggingTime"]
    assert ask(aws, "StopLogging", {"Name": TRAIL}).code == ""
    assert status(aws)["StopLoggingTime"] == first
    assert len(lookup(aws)["Events"]) == 2
    aws.set(redundant_moves_times=True)
    assert ask(aws, "StopLogging", {"Name": TRAIL}).code == ""
    assert status(aws)["StopLoggingTime"] > first


def test_redundant_start_moves_times_only_if_told(aws):
    before = status(aws)["StartLoggingTime"]
    ask(aws, "StartLogging", {"Name": TRAIL})
    assert status(aws)["StartLoggingTime"] == before
    aws.set(redundant_moves_times=True)
    ask(aws, "StartLogging", {"Name": TRAIL})
    assert status(aws)["StartLoggingTime"] > before


def test_blink_in_one_order(aws):
    before = status(aws)
    stop, start = aws.attacks({"trail": "management-events", "event": "StopLogging", "ago": 2},
                              {"trail": "management-events", "event": "StartLogging", "ago": 0.25})
    after = status(aws)
    assert after["IsLogging"] and after["StopLoggingTime"] > before["StartLoggingTime"]
    assert 1.5 < after["StartLoggingTime"] - after["StopLoggingTime"] < 2.5
    assert stop["trail"]["logging"] is False and start["trail"]["logging"] is True


def test_times_have_milliseconds(aws):
    aws.set_trail("management-events", stop_time=1446834996.933, start_time=1446834998.695)
    text = ask(aws, "GetTrailStatus", {"Name": TRAIL}).text
    assert '"StopLoggingTime":1446834996.933' in text
    assert '"StartLoggingTime":1446834998.695' in text


def test_stale_reads_answer_the_older_state(aws):
    aws.set(stale_read=5)
    before = status(aws)
    aws.attack("management-events")
    assert status(aws)["IsLogging"] and not aws.trail("management-events")["logging"]
    assert status(aws)["StartLoggingTime"] == before["StartLoggingTime"]
    aws.advance(5.001)
    assert not status(aws)["IsLogging"]
    ask(aws, "StartLogging", {"Name": TRAIL})
    assert not status(aws)["IsLogging"]
    aws.reveal()
    assert status(aws)["IsLogging"]


def test_stale_reads_can_flap(aws):
    aws.set(stale_read=5, stale_flap=True)
    aws.attack("management-events")
    assert sorted({status(aws)["IsLogging"] for _ in range(2)}) == [False, True]
    aws.advance(6)
    assert {status(aws)["IsLogging"] for _ in range(4)} == {False}


def test_deleting_and_recreating_a_trail(aws):
    aws.attack("management-events", event="DeleteTrail")
    assert ask(aws, "GetTrailStatus", {"Name": TRAIL}).code == "TrailNotFoundException"
    assert ask(aws, "StartLogging", {"Name": TRAIL}).code == "TrailNotFoundException"
    aws.create_trail(TRAIL, start_time=-1.0)
    again = status(aws)
    assert again["IsLogging"] and "StopLoggingTime" not in again
    aws.delete_trail("management-events")
    assert ask(aws, "GetTrailStatus", {"Name": TRAIL}).code == "TrailNotFoundException"


def test_tampering_without_a_stop(aws):
    aws.attack("management-events", event="UpdateTrail", params={"IsMultiRegionTrail": False,
               "IncludeGlobalServiceEvents": False, "EnableLogFileValidation": False})
    trail = ask(aws, "GetTrail", {"Name": TRAIL}).json()["Trail"]
    assert trail["IsMultiRegionTrail"] is trail["LogFileValidationEnabled"] is False
    aws.attack("management-events", event="PutEventSelectors", params={"EventSelectors": [
        {"ReadWriteType": "All", "IncludeManagementEvents": False}]})
    selectors = ask(aws, "GetEventSelectors", {"TrailName": TRAIL}).json()["EventSelectors"]
    assert selectors[0]["IncludeManagementEvents"] is False
    names = [e["EventName"] for e in lookup(aws, {})["Events"]]
    assert sorted(names) == ["PutEventSelectors", "UpdateTrail"]


def test_deliveries_advance_stop_and_fail(aws):
    aws.set(delivery_interval=60)
    aws.set_trail("management-events", start_time=time.time() - 200.5, delivery_time=None)
    first = status(aws)
    assert 0 < time.time() - first["LatestDeliveryTime"] < 62 and "LatestDeliveryError" not in first
    aws.set(clock_offset=120)
    assert status(aws, when=time.time() + \
                  120)["LatestDeliveryTime"] > first["LatestDeliveryTime"] + 100
    aws.set_trail("management-events", delivery_error="NoSuchBucket")
    failed = status(aws, when=time.time() + 120)
    assert failed["LatestDeliveryError"] == "NoSuchBucket"
    aws.set(clock_offset=240)
    assert status(aws, when=time.time() + 240)["LatestDeliveryTime"] == failed["LatestDeliveryTime"]


def test_whole_record_of_ones_own(aws):
    record = {
    "eventID": "0f0f0f0f",
    "eventName": "StopLogging",
     "eventSource": "cloudtrail.amazonaws.com"}
    aws.call(
    "record",
    account="444455556666",
    region="eu-west-1",
    record=record,
     time=time.time() - 5)
    assert json.loads(lookup(aws)["Events"][0]["CloudTrailEvent"]) == record


def test_control_refuses_nonsense(aws):
    for verb, fields in (
    ("attack", {
        "trail": "absent"}), ("attack", {
            "trail": TRAIL, "identity": "nobody"}), ("attack", {
                "trail": TRAIL, "identty": "root"}), ("set", {
                    "histroy_lag": 1}), ("set", {
                        "tps": "yes"}), ("fault", {
                            "kind": "nonsense"}), ("nonsense", {}), ("attack", {
                                "trail": TRAIL, "event": "Nonsense"}), ("imds", {
                                    "mode": "x"})):
        with pytest.raises(RefereeError):
            aws.call(verb, **fields)
    assert aws.trail(TRAIL)["logging"]
