# SPDX-License-Identifier: Apache-2.0
"""Not seeing is an incident, it is told in words, and it stays where it is."""

import pytest

from guard import FAR_TRAIL, GUARD_ACCOUNT, SLOW, TRAIL, reached_by_role
from wire import Wire

FAR = {"service": "cloudtrail", "operation": "GetTrailStatus", "region": "us-east-1"}
# What GetTrailStatus in us-east-1 does from now on, and how that is called in the alert.
CAUSES = {
    "denied": (dict(kind="error", code="AccessDeniedException", status=400,
                    message="User is not authorized to perform: cloudtrail:GetTrailStatus"),
               ["access denied (AccessDeniedException", "Allow the action to the guard's role"]),
    "throttled": (dict(kind="error", code="ThrottlingException", message="Rate exceeded"),
                  ["throttled (ThrottlingException", "it may be on purpose"]),
    "failing": (dict(kind="status", status=503), ["the service failed (", "503"]),
    "silent": (dict(kind="silence"), ["no answer from the service ("]),
    "reset": (dict(kind="close"), ["no answer from the service (", "Check the guard's way"]),
    "garbled": (dict(kind="malformed"), ["an answer that cannot be read (UnreadableAnswer"]),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_one_blind_trail_is_told_and_delays_no_other(aws, make_guard, cause):
    """Without a good poll for 20 s (scaled); the other trail's stop is undone meanwhile."""
    fault, words = CAUSES[cause]
    guard = make_guard(trails=[reached_by_role(TRAIL), reached_by_role(FAR_TRAIL)], scale=20,
                       cannot_see_after="20s").run()
    number = aws.fault(**FAR, **fault)
    opened = aws.message(phase="OPEN", kind="unreachable")
    assert opened.trail == FAR_TRAIL and opened.severity == "high"
    last = aws.calls(operation="GetTrailStatus", trail=FAR_TRAIL, ok=True)[-1]
    assert opened.time - last["time"] >= 20 / guard.scale
    assert opened.subject.startswith("OPEN: NOT SEEN (444455556666 us-east-1) trail data-events cannot be seen")
    for word in words:
        assert word in opened.text
    status = guard.wait_status(lambda s: s["trails"][1]["incident"] == opened.incident)
    assert status["trails"][0]["error"] is None
    if cause != "silent":
        assert status["trails"][1]["error"]

    aws.attack(TRAIL)
    aws.message(phase="CLOSED", trail=TRAIL)
    if cause == "silent":
        polls = [c["trail"] for c in aws.calls(operation="GetTrailStatus", after=last["seq"])]
        assert polls.count(TRAIL) > 2 * polls.count(FAR_TRAIL), polls

    aws.clear_faults(number)
    seen = aws.message(phase="CLOSED", kind="unreachable")
    assert seen.incident == opened.incident and "seen again" in seen.subject
    # Nobody can tell whether it was stopped: where calls are answered it is started all the same.
    unseen = set() if cause in ("silent", "reset") else {FAR_TRAIL}
    assert {c["trail"] for c in aws.restarts()} == {TRAIL} | unseen
    assert aws.phases(trail=FAR_TRAIL) == ["OPEN", "CLOSED"]


def test_short_hiccups_are_no_incident(aws, make_guard):
    make_guard(scale=10, cannot_see_after="60s").run()
    for fault in (fault for fault, _ in CAUSES.values() if fault["kind"] != "silence"):
        aws.fault(service="cloudtrail", operation="GetTrailStatus", count=2, **fault)
    aws.polls(15)
    assert aws.messages() == []


def test_network_gone_is_told_as_soon_as_it_is_back(aws, make_guard):
    with Wire(aws.ready["https_port"]) as wire:
        guard = make_guard(port=wire.port, scale=20, cannot_see_after="20s").run()
        wire.cut()
        record = guard.record("management-events cannot be seen")
        assert record.fields["INCIDENT_KIND"] == "unreachable"
        assert guard.record("GetTrailStatus failed: no answer from the service")
        guard.record("not accepted by .*, will be sent again")
        guard.wait_status(lambda s: s["messages_pending"] == 1 and s["topics"][0]["error"]
                          and s["trails"][0]["error"]["class"] == "network")
        # A stop in the dark is found afterwards.
        stop = aws.attack(TRAIL)
        wire.mend()
        opened = aws.message(phase="OPEN", kind="unreachable")
        assert "no answer from the service" in opened.value("Cause")
        aws.message(phase="CLOSED", kind="unreachable")
        assert aws.message(phase="CLOSED", kind="stopped")
        assert aws.actor(stop).kind == "stopped"
        guard.stop()


def test_instance_role_gone(aws, make_guard):
    """Trail and guard in one account: without the instance's role nothing can be called."""
    arn = f"arn:aws:cloudtrail:eu-west-1:{GUARD_ACCOUNT}:trail/own-events"
    aws.create_trail(arn, logging=True)
    aws.permissions("trailsentry-guard", allow=["cloudtrail:*"])
    guard = make_guard(trails=[{"arn": arn}], scale=10, cannot_see_after="60s").run()
    aws.imds(mode="error", status=500)
    aws.expire(entity="trailsentry-guard")
    guard.record("GetTrailStatus failed: credentials refused as expired or unknown")
    guard.record("own-events cannot be seen")
    status = guard.wait_status(lambda s: s["accounts"][0]["error"] and s["trails"][0]["error"])
    assert status["accounts"][0]["credentials"] == "imds"
    assert aws.messages() == []

    aws.imds(mode="ok")
    opened = aws.message(phase="OPEN", kind="unreachable")
    closed = aws.message(phase="CLOSED", kind="unreachable")
    assert "credentials" in opened.value("Cause")
    assert "why it gets no other (the instance's role" in opened.text
    assert opened.incident == closed.incident and opened.trail == arn


def test_role_that_can_no_longer_be_assumed(aws, make_guard):
    guard = make_guard(scale=20, cannot_see_after="20s").run()
    aws.call("trust", entity="trailsentry-target", trust=[])
    aws.expire(entity="trailsentry-target")
    opened = aws.message(phase="OPEN", kind="unreachable")
    assert "credentials" in opened.value("Cause")
    assert "the trust policy of a role" in opened.text
    status = guard.wait_status(lambda s: s["accounts"][1]["error"])
    assert status["accounts"][1]["error"]["code"] == "AccessDenied"

    aws.call("trust", entity="trailsentry-target",
             trust=["arn:aws:iam::111122223333:role/trailsentry-guard"])
    assert aws.message(phase="CLOSED").incident == opened.incident
    guard.wait_status(lambda s: s["accounts"][1]["error"] is None)


def test_blind_from_the_start(aws, make_guard):
    """A guard that never saw its trail says so, too."""
    aws.imds(mode="no_role")
    guard = make_guard(scale=20, cannot_see_after="20s").start()
    guard.record("management-events cannot be seen")
    aws.imds(mode="ok")
    opened = aws.message(phase="OPEN", kind="unreachable")
    assert aws.message(phase="CLOSED").incident == opened.incident


@pytest.mark.parametrize("what, polls", [("everything", 360), ("StartLogging", 630)])
def test_an_hour_of_throttling(aws, make_guard, what, polls):
    """Somebody uses up the account's rate while he stops the trail. The guard says what it cannot
    do, asks no more often than ever where too much is asked, but for StartLogging, which it sends
    every second whether it sees the trail or not, and is back with the first answer."""
    polls = polls if SLOW == 1 else polls // 6  # an hour, or ten minutes of it
    guard = make_guard(scale=100, poll="10s").run()
    operation = {} if what == "everything" else {"operation": what}
    aws.fault(kind="error", service="cloudtrail", code="ThrottlingException",
              message="Rate exceeded", **operation)
    begun = aws.last_call()
    aws.attack(TRAIL)
    phase, kind = ("OPEN", "unreachable") if what == "everything" else ("FAILING", "stopped")
    assert "throttled (ThrottlingException" in aws.message(phase=phase, kind=kind).text
    aws.wait_calls(polls, after=begun, operation="GetTrailStatus", timeout=100)
    if what == "everything":
        throttled = aws.calls(after=begun, service="cloudtrail", ok=False)
        seen = [c for c in throttled if c["operation"] == "GetTrailStatus"]
        assert (seen[-1]["time"] - seen[0]["time"]) / (len(seen) - 1) > 0.09  # 9 s, scaled
        took = seen[-1]["time"] - seen[0]["time"]
        # A poll may have seen the stop before: who did it is asked every 8 s then.
        lookups = [c for c in throttled if c["operation"] == "LookupEvents"]
        assert len(lookups) < 1.2 * took / (0.08 * SLOW) + 5
        other = [c for c in throttled if c["operation"] not in ("StartLogging", "LookupEvents")]
        assert len(other) < 1.5 * len(seen)
    # Every second, as the polls of a trail in trouble, or nine times as often as those of an unseen one.
    starts = len(aws.calls(after=begun, operation="StartLogging"))
    seen = len(aws.calls(after=begun, operation="GetTrailStatus"))
    assert starts > (3 if what == "everything" else 0.7) * seen
    assert len(aws.all_messages()) <= 4  # with who it was, a reminder, or that all of it fails

    after = aws.last_call()
    aws.clear_faults()
    aws.wait_trail(TRAIL, timeout=20, logging=True)
    if what == "everything":
        polled = aws.wait_calls(1, after=after, operation="GetTrailStatus", ok=True)[0]
        start = aws.restarts(ok=True)[0]
        assert start["time"] - polled["time"] < 2 * SLOW
        aws.message(phase="CLOSED", kind="unreachable")
        # Started before it is seen again, or after.
        guard.wait(lambda: {m.kind for m in aws.all_messages(phase="CLOSED")} & {"stopped", "blink"})
    else:
        aws.message(phase="CLOSED", kind="stopped")
