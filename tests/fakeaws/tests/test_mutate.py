# SPDX-License-Identifier: Apache-2.0
"""Garbled answers: the same for the same seed, of every kind, and nothing that they do to a client
stays when they are over."""

import http.client
import json

import pytest
from raw import TRAIL, ask

from fakeaws.mutate import Mutator

STATUS = ("GetTrailStatus", {"Name": TRAIL})
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
RECORD = json.dumps({"eventName": "StopLogging", "userIdentity": {"type": "Root"}})
BODIES = {
    "status": json.dumps({"IsLogging": True, "StartLoggingTime": 1795392000.1}),
    "events": json.dumps({"Events": [{"EventId": "x", "CloudTrailEvent": RECORD}]}),
    "credentials": json.dumps({"Code": "Success", "SecretAccessKey": SECRET, "Token": "t"}),
    "xml": "<A><R><MessageId>1</MessageId></R></A>",
    "text": "trailsentry-guard",
    "nothing": "",
}


def answer(body):
    return (f"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: {len(body)}"
            f"\r\n\r\n{body}").encode()


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_same_seed_same_answers(body):
    one, other = (Mutator(7, now=lambda: 1795392000) for _ in range(2))
    for _ in range(20):
        assert one(answer(body)) == other(answer(body))


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_every_kind_comes(body):
    mutator = Mutator(1)
    ends, changed = set(), 0
    for _ in range(1500):
        pieces, end = mutator(answer(body))
        assert all(0 <= delay <= 3 for delay, _ in pieces)
        data = b"".join(piece for _, piece in pieces)
        assert len(data) < 7 * 1024 * 1024
        changed += data != answer(body)
        ends.add(end)
    assert ends == {"keep", "close", "reset", "hang"} and (changed > 1300 or not body)


def test_a_secret_stays_where_it_was():
    """Else a client that prints the message of an error would be blamed for it."""
    mutator = Mutator(2)
    for _ in range(3000):
        pieces, _ = mutator(answer(BODIES["credentials"]))
        body = b"".join(piece for _, piece in pieces).partition(b"\r\n\r\n")[2]
        try:
            members = json.loads(body)
        except (ValueError, RecursionError):
            continue
        if isinstance(members, dict):
            assert not any(SECRET in str(value) for name, value in members.items()
                           if name.lower().strip() in ("code", "message"))


def test_calls_are_done_and_the_next_are_well(aws):
    aws.fault("cloudtrail", kind="mutate")
    for _ in range(40):
        try:
            ask(aws, *STATUS)
        except (OSError, ValueError, http.client.HTTPException, LookupError, RecursionError):
            pass
    assert len(aws.calls(operation="GetTrailStatus")) == 40
    aws.clear_faults()
    assert ask(aws, *STATUS).code == ""
