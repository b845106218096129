# SPDX-License-Identifier: Apache-2.0
"""Ordered failures hit what they are told to hit, and nothing else."""

import http.client
import json
import socket
import time

import pytest
from raw import DATA_TRAIL, STATIC, TOPIC, TRAIL, ask, cloudtrail, sns, sts

STATUS = ("GetTrailStatus", {"Name": TRAIL})


def test_error_as_ordered(aws):
    aws.fault(
    "cloudtrail",
    "GetTrailStatus",
    code="InternalFailure",
    status=500,
    message="m",
     count=2)
    for _ in range(2):
        answer = ask(aws, *STATUS)
        assert (answer.status, answer.json()) == (
            500, {"__type": "InternalFailure", "message": "m"})
    assert ask(aws, *STATUS).code == ""
    assert aws.faults()[0]["hits"] == 2
    assert aws.clear_faults() == 1


def test_error_of_a_query_service(aws):
    aws.fault("sns", "Publish", code="Throttled", status=429, message="Rate exceeded")
    answer = sns(
    "Publish",
    options={
        "keys": STATIC},
        TopicArn=TOPIC,
        Message="m").sign().send(
            aws,
             tls=False)
    assert (
    answer.code,
    answer.status) == (
        "Throttled",
         429) and "<Type>Sender</Type>" in answer.text
    assert aws.messages() == []
    assert sts("GetCallerIdentity").sign().send(aws, tls=False).code == ""


@pytest.mark.parametrize("filters, hit", [
    ({"trail": TRAIL}, True), ({"trail": DATA_TRAIL}, False), ({"region": "eu-west-1"}, True),
    ({"region": "us-east-1"}, False), ({"account": "444455556666"}, True),
    ({"account": "111122223333"}, False), ({"operation": "StartLogging"}, False)])
def test_filters(aws, filters, hit):
    fields = {"service": "cloudtrail", "operation": "*", **filters}
    aws.call("fault", kind="error", **fields)
    assert (ask(aws, *STATUS).status == 500) is hit
    assert (ask(aws, "GetTrailStatus", {"Name": "management-events"}).status == 500) is hit


def test_skipping_the_first_calls(aws):
    aws.fault("cloudtrail", kind="error", skip=2, count=1)
    assert [ask(aws, *STATUS).status for _ in range(4)] == [200, 200, 500, 200]


def test_silence_does_nothing_unless_told(aws):
    for effect in (False, True):
        aws.clear_faults()
        aws.fault("cloudtrail", "StopLogging", kind="silence", effect=effect)
        call = cloudtrail("StopLogging", {"Name": TRAIL}).sign()
        with pytest.raises((socket.timeout, TimeoutError)):
            call.send(aws, tls=False, timeout=0.2)
        assert aws.trail(TRAIL)["logging"] is not effect


@pytest.mark.parametrize("tls", [False, True])
def test_reset(aws, tls):
    aws.fault("cloudtrail", kind="close")
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected, OSError)):
        cloudtrail(*STATUS).sign().send(aws, tls=tls)
    assert aws.calls(operation="GetTrailStatus")[-1]["code"] == "fault:close"


def test_delay_and_latency(aws):
    aws.fault("cloudtrail", kind="delay", seconds=0.2, count=1)
    begin = time.monotonic()
    assert ask(aws, *STATUS).code == ""
    assert 0.2 <= time.monotonic() - begin
    aws.set(latency={"cloudtrail:GetTrailStatus": 0.15})
    begin = time.monotonic()
    assert ask(aws, *STATUS).code == "" and time.monotonic() - begin >= 0.15


def test_spoiled_bodies(aws):
    aws.fault("cloudtrail", kind="malformed", count=1)
    with pytest.raises(ValueError):
        ask(aws, *STATUS).json()
    aws.fault("cloudtrail", kind="truncate", count=1)
    with pytest.raises(http.client.IncompleteRead):
        ask(aws, *STATUS)
    aws.fault("cloudtrail", kind="oversize", size=3000000, count=1)
    assert len(ask(aws, *STATUS).body) > 3000000
    aws.fault("cloudtrail", kind="body", body='{"IsLogging":"maybe"}', count=1)
    assert ask(aws, *STATUS).json() == {"IsLogging": "maybe"}
    aws.fault("cloudtrail", kind="error", headers={"x-amz-retry-after": "1500"}, count=1)
    assert ask(aws, *STATUS).headers["x-amz-retry-after"] == "1500"
    assert ask(aws, *STATUS).code == ""


def test_carried_out_and_yet_an_error(aws):
    aws.fault("cloudtrail", "StopLogging", kind="error", status=503, effect=True)
    assert ask(aws, "StopLogging", {"Name": TRAIL}).status == 503
    assert not aws.trail(TRAIL)["logging"]


def test_prefix_of_error_types(aws):
    aws.set(error_prefix="com.amazon.coral.service#")
    assert ask(aws, "GetTrailStatus", {"Name": "absent"}).json()["__type"] == \
        "com.amazon.coral.service#TrailNotFoundException"


def test_call_log_and_waiting(aws):
    mark = aws.last_call()
    answer = ask(aws, *STATUS)
    call, = aws.wait_calls(service="cloudtrail", operation="GetTrailStatus", after=mark, ok=True)
    assert call["request_id"] == answer.headers["x-amzn-requestid"] and call["tls"] is False
    assert call["trail"] == TRAIL and call["arn"].endswith("user/Mary_Major")
    assert aws.count_calls(operation="GetTrailStatus") == 1
    ask(aws, "GetTrailStatus", {"Name": "absent"})
    assert aws.calls(ok=False)[-1]["code"] == "TrailNotFoundException"


def test_kept_connections_are_dropped_on_order(aws):
    connection = http.client.HTTPConnection("127.0.0.1", aws.ready["http_port"], timeout=10)
    for _ in range(3):
        connection.request("POST", "/", "x")
        assert connection.getresponse().read()
    socket_before = connection.sock
    assert socket_before is not None
    aws.call("drop_connections")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        connection.request("POST", "/", "x")
        connection.getresponse()
    connection.close()


@pytest.mark.parametrize("raw",
    [ b"GET\r\n\r\n",
    b"POST / HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nBad Name: 1\r\n\r\n",
    b"POST http://x/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\n" + b"x" * 70000],
     ids=range(10))
def test_malformed_http_is_refused(aws, raw):
    with socket.create_connection(("127.0.0.1", aws.ready["http_port"]), 10) as link:
        link.sendall(raw)
        assert link.recv(65536).split()[1][:1] in (b"4", b"5")


def test_pipelined_requests_are_answered_in_order(aws):
    one = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", aws.ready["http_port"]), 10) as link:
        link.sendall(one * 3)
        text = b""
        while text.count(b"HTTP/1.1 ") < 3 or not text.endswith(b"}"):
            text += link.recv(65536)
    assert text.count(b"MissingAuthenticationToken") == 3


def test_status_answers_are_json_objects(aws):
    assert json.loads(ask(aws, "StartLogging", {"Name": TRAIL}).body) == {}


def test_chance(aws):
    aws.fault("cloudtrail", "GetTrailStatus", kind="empty", chance=0.5)
    for _ in range(40):
        ask(aws, *STATUS)
    assert 0 < aws.faults()[0]["hits"] < 40
