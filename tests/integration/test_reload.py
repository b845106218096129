# SPDX-License-Identifier: Apache-2.0
"""A changed configuration without a restart: whole, or not at all; nothing under way is lost."""

import os
import shutil
import signal

from guard import FAR_TRAIL, TOPIC, TRAIL, reached_by_role


def reload(guard, **changes):
    """SIGHUP, and the record that says what came of it."""
    first = len(guard.records)
    if changes:
        guard.configure(**changes)
    guard.process.send_signal(signal.SIGHUP)
    return guard.record("was read again|is not taken over", first)


def test_trails_are_added_and_removed(aws, make_guard):
    guard = make_guard(trails=[reached_by_role(TRAIL)]).run(TRAIL)
    assert "2 trails" in reload(guard, trails=[reached_by_role(FAR_TRAIL),
                                               reached_by_role(TRAIL)]).text
    told = aws.message(phase="NOTICE", kind="reconfigured")
    assert told.severity == "info" and "1 trail added" in told.subject
    assert f"guarded from now on: {FAR_TRAIL}" in told.text
    guard.record("data-events: logging")
    aws.attack(trail=FAR_TRAIL, region="us-east-1")
    assert aws.message(phase="CLOSED", kind="stopped").trail == FAR_TRAIL
    aws.attack(trail=TRAIL)
    aws.message(phase="CLOSED", trail=TRAIL)

    reload(guard, trails=[reached_by_role(FAR_TRAIL)])
    told = aws.message(phase="NOTICE", kind="reconfigured", count=2)
    assert told.severity == "warning" and "1 trail REMOVED" in told.subject
    assert f"NO LONGER GUARDED: {TRAIL}" in told.text
    last = max(c["seq"] for c in aws.calls(trail=TRAIL))
    aws.polls(5, FAR_TRAIL)
    # One that was under way may have come in after the signal.
    assert len(aws.calls(trail=TRAIL, after=last)) <= 1
    assert [t["arn"] for t in guard.wait_new_status(lambda s: True)["trails"]] == [FAR_TRAIL]


def test_mistakes_leave_everything_as_it_is(aws, make_guard):
    guard = make_guard().run(TRAIL)
    guard.write_config(open(guard.config, encoding="utf-8").read() + 'pol_interval = "1s";\n')
    refused = reload(guard)
    assert refused.level == "error" and "stays in force" in refused.text
    assert 'did you mean "poll_interval"' in guard.record("pol_interval").text
    aws.attack(trail=TRAIL)
    aws.message(phase="CLOSED", kind="stopped")
    assert "1 trail" in reload(guard, poll_interval="2s").text
    refused = reload(guard, ca_file="/nonexistent/ca.pem")
    assert "stays in force" in refused.text
    aws.attack(trail=TRAIL)
    aws.message(phase="CLOSED", kind="stopped", count=2)


def test_open_incidents_and_waiting_messages_live_on(aws, make_guard):
    aws.fault(service="sns", operation="Publish", kind="error", code="InternalError", status=500)
    aws.permissions("trailsentry-target", deny=["cloudtrail:StartLogging"])
    guard = make_guard().run(TRAIL)
    aws.attack(trail=TRAIL)
    failing = guard.record("StartLogging failed")
    reload(guard, trails=[reached_by_role(FAR_TRAIL), reached_by_role(TRAIL)])
    aws.clear_faults()
    opened = aws.message(phase="OPEN", kind="stopped")
    aws.message(phase="FAILING", kind="stopped")
    aws.permissions("trailsentry-target", undeny=["cloudtrail:StartLogging"])
    closed = aws.message(phase="CLOSED", kind="stopped")
    assert closed.incident == opened.incident and closed.trail == TRAIL
    assert failing.fields["TRAIL_ARN"] == TRAIL


def test_another_way_to_the_same_trail(aws, make_guard):
    """With another role the daemon has another client; what is under way ends on the old one."""
    guard = make_guard(trails=[reached_by_role(TRAIL)]).run(TRAIL)
    aws.fault(service="cloudtrail", operation="GetTrailStatus", kind="silence", count=1)
    reload(guard, trails=[{"arn": TRAIL, "role_arn":
                           "arn:aws:iam::444455556666:role/DeployPipeline"}])
    first = aws.wait_calls(operation="AssumeRole", count=2)
    assert len(first) >= 2
    aws.attack(trail=TRAIL)
    guard.record("AssumeRole|DeployPipeline|denied", timeout=30)


def test_settings_are_looked_at_again(aws, make_guard):
    """A look that was under way belongs to its trail, wherever that stands in the new file."""
    guard = make_guard(trails=[reached_by_role(TRAIL)]).run(TRAIL)
    aws.fault(service="cloudtrail", operation="GetTrail", kind="silence", count=1)
    aws.wait_calls(2, operation="GetTrail")
    reload(guard, trails=[reached_by_role(FAR_TRAIL), reached_by_role(TRAIL)])
    seen = max(c["seq"] for c in aws.calls(operation="GetTrail"))
    aws.wait_calls(1, operation="GetEventSelectors", trail=TRAIL, after=seen, timeout=30)
    reload(guard, drift={"enabled": False})
    aws.polls(5, TRAIL)


def test_another_topic(aws, make_guard):
    guard = make_guard().run(TRAIL)
    reload(guard, topics=[{"arn": TOPIC, "min_severity": "high"}])
    told = guard.record("configuration changed: 1 topic changed")
    assert told.fields["SEVERITY"] == "warning"
    aws.attack(trail=TRAIL)
    aws.message(phase="CLOSED", kind="stopped")
    reload(guard, topics=[{"arn": TOPIC}])
    # Whatever its severity: nobody is left out in silence.
    told = aws.message(phase="NOTICE", kind="reconfigured", count=2)
    assert "told from severity info on, not from high" in told.text


def test_ways_that_were_left_are_closed(aws, make_guard, tmp_path):
    """Each reload makes another way to AWS; those before go when their calls have ended."""
    other = shutil.copy(aws.ca_file, tmp_path / "other.pem")
    guard = make_guard().run(TRAIL)
    held = f"/proc/{guard.status()['pid']}/fd"
    before = len(os.listdir(held))
    for n in range(12):
        reload(guard, ca_file=aws.ca_file if n % 2 else str(other))
        aws.polls(1)
    guard.wait(lambda: len(os.listdir(held)) <= before + 6, what="the end of connections")


def test_identity_of_an_account_that_is_left(aws, make_guard):
    """Who the guard was there is answered when there is no such account any more."""
    aws.fault(operation="GetCallerIdentity", account="444455556666", kind="delay", seconds=1)
    guard = make_guard(trails=[reached_by_role(TRAIL)]).run(TRAIL)
    reload(guard, trails=[{"arn": TRAIL}])
    guard.record("cannot be seen")  # 1.2 s after the last good poll: it has been answered by then
    assert len(aws.calls(operation="GetCallerIdentity", account="444455556666")) == 1
    assert not guard.find_records("calls are made as .*trailsentry-target")


def test_twenty_times_in_a_row(aws, make_guard):
    guard = make_guard().run(TRAIL)
    for n in range(20):
        assert "was read again" in reload(guard, ca_file=aws.ca_file, proxy=None,
                                          cannot_see_after=f"{60 + n % 2}s").text
    aws.attack(trail=TRAIL)
    aws.message(phase="CLOSED", kind="stopped")
    # Of two that systemd has not read yet the later one holds.
    told = [note for note in guard.notes if note in ("RELOADING=1", "READY=1")]
    assert told.count("RELOADING=1") > 10 and told[-2:] == ["RELOADING=1", "READY=1"]
