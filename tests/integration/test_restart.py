# SPDX-License-Identifier: Apache-2.0
"""StartLogging that is denied, throttled, without effect or without answer."""

from guard import SLOW, TRAIL

START = {"service": "cloudtrail", "operation": "StartLogging"}


def test_denied_restart_is_louder_and_goes_on(aws, guard):
    guard.run()
    aws.permissions("trailsentry-target", deny=["cloudtrail:StartLogging"])
    aws.attack(TRAIL)
    failing = aws.message(phase="FAILING")
    opened = aws.message(phase="OPEN")
    assert failing.severity == "critical" and failing.incident == opened.incident
    assert failing.subject.startswith("FAILING: NOT LOGGING, restart FAILS (444455556666 eu-west-1) trail man")
    assert "access denied (AccessDenied" in failing.text
    assert "with an explicit deny in an identity-based policy" in failing.text
    assert "Allow cloudtrail:StartLogging on this trail" in failing.text
    assert f"aws cloudtrail start-logging --region eu-west-1 --name {TRAIL}" in failing.text
    assert guard.record("still not logging, StartLogging failed").level == "crit"
    aws.wait_calls(6, operation="StartLogging", trail=TRAIL)
    # Said once, tried on.
    assert aws.phases(phase="FAILING") == ["FAILING"]

    aws.permissions("trailsentry-target", undeny=["cloudtrail:StartLogging"])
    closed = aws.message(phase="CLOSED")
    assert closed.incident == opened.incident
    assert closed.value("Restart").startswith("by this guard, verified by GetTrailStatus")
    assert aws.trail(TRAIL)["logging"]


def test_throttled_restart_is_said_and_goes_on(aws, guard):
    """As when somebody burns the account's one write a second."""
    guard.run()
    aws.fault(**START, kind="error", code="ThrottlingException", message="Rate exceeded", count=5)
    aws.attack(TRAIL)
    closed = aws.message(phase="CLOSED", timeout=60)
    failing = aws.message(phase="FAILING")
    assert "throttled (ThrottlingException" in failing.text
    assert "uses up the API's rate" in failing.text
    assert closed.incident == failing.incident and len(aws.restarts(ok=True)) == 1
    assert len(aws.restarts()) == 6


def test_restart_without_effect_is_no_restart(aws, make_guard):
    """Accepted twice, and nothing happened: only GetTrailStatus is believed."""
    make_guard(scale=20).run()
    aws.fault(**START, kind="body", body="{}", count=2)
    aws.attack(TRAIL)
    failing = aws.message(phase="FAILING")
    assert "StartLogging was accepted, but GetTrailStatus does not show" in failing.text
    closed = aws.message(phase="CLOSED")
    assert closed.incident == failing.incident
    assert closed.value("Restart") == "by this guard, verified by GetTrailStatus (3 StartLogging)"
    assert [c["code"] for c in aws.restarts()] == ["fault:body"] * 2 + [""]


def test_lost_answer_of_a_restart_that_worked(aws, guard):
    """The trail is seen to log while the answer is still waited for: ours, as far as one knows."""
    guard.run()
    aws.fault(**START, kind="silence", effect=True, count=1)
    attack = aws.attack(TRAIL)
    closed = aws.message(phase="CLOSED")
    assert closed.time - attack["time"] < 8 * SLOW      # 5 s for the answer
    assert closed.value("Restart").startswith(
        "probably by this guard, whose StartLogging had no answer, verified by GetTrailStatus")
    named = aws.actor(attack)
    assert "MISUSED" not in named.subject and named.severity == "high"


def test_lost_answer_and_decoys_are_no_misuse(aws, guard):
    """Two stops make the guard read who started it: its own call, the answer to which was lost."""
    guard.run()
    aws.fault(**START, kind="silence", effect=True, count=1)
    attack = aws.attacks({"trail": TRAIL, "ago": 5}, {"trail": TRAIL, "identity": "sso"})[0]
    # Told with a doubt before that has been read.
    named = aws.message(contains="exact: the first successful call after")
    asked = [c["params"]["LookupAttributes"][0]["AttributeValue"]
             for c in aws.calls(operation="LookupEvents")]
    # Beside what may have changed settings.
    assert [a for a in asked if a.endswith("Logging")][:2] == ["StopLogging", "StartLogging"]
    assert named.value("Event id") == attack["event_id"]
    for message in aws.all_messages():
        assert "MISUSED" not in message.subject and message.severity == "high"
    assert guard.find_records("credentials were used") == []


def test_trail_starved_of_its_restart_for_long(aws, make_guard):
    """Denied for a while, then stopped again by others in between: one outage, one incident."""
    guard = make_guard(scale=50).run()
    aws.set(redundant_moves_times=True)
    aws.permissions("trailsentry-target", deny=["cloudtrail:StartLogging"])
    aws.attack(TRAIL)
    failing = aws.message(phase="FAILING")
    for identity in ("sso", "root", "ec2"):
        aws.attack(TRAIL, identity=identity)
        aws.polls(3)
    aws.permissions("trailsentry-target", undeny=["cloudtrail:StartLogging"])
    closed = aws.message(phase="CLOSED")
    assert closed.incident == failing.incident and len(guard.incidents()) == 1
    assert "StopLogging was called again at" in closed.text
