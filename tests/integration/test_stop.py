# SPDX-License-Identifier: Apache-2.0
"""What a stop, a blink and their kin look like to whoever reads the alerts."""

import re

from aws import iso
from guard import SLOW, TRAIL, name_of, reached_by_role

NAME = name_of(TRAIL)


def test_stop_is_undone_at_once_proved_and_told(aws, make_guard):
    """In real time and under AWS's rate limits."""
    aws.set(tps=True)
    guard = make_guard(scale=1).run()
    aws.wait_calls(2, operation="GetCallerIdentity")
    guard.record("taken for the baseline")  # else whether it is an organization's is a doubt
    attack = aws.attack(TRAIL, identity="user-console-mfa")
    trail = aws.wait_trail(TRAIL, logging=True)
    opened = aws.message(phase="OPEN")
    assert aws.message(phase="CLOSED").row == opened.row    # one mail for one thing
    named = aws.actor(attack)
    guard.wait_silent()
    after = [c for c in aws.since(attack["time"])
             if c["operation"] not in ("GetTrail", "GetEventSelectors",     # under way before
                                       "LookupEvents")]
    guard.stop()

    # The answer that showed the stop was followed by the restart, and by nothing before it.
    assert [c["operation"] for c in after[:2]] == ["GetTrailStatus", "StartLogging"]
    assert len(aws.restarts()) == 1
    assert opened.time - after[0]["time"] < 5 * SLOW
    assert opened.phases == ["OPEN", "CLOSED"]
    assert "was stopped, and restarted by this guard after " in opened.text
    assert opened.attributes == {
        "incident_id": opened.incident, "phase": "OPEN", "sequence": "1", "kind": "stopped",
        "severity": "high", "account": "444455556666", "region": "eu-west-1", "trail": TRAIL}
    assert re.fullmatch(r"RESTARTED: blind (under 1|\d+) s \(444455556666 eu-west-1\) "
                        f"trail {NAME} was stopped", opened.subject)

    assert opened.value("Restart") == "by this guard, verified by GetTrailStatus (1 StartLogging)"
    assert opened.value("Blind").startswith(
        f"from {iso(trail['stop_time'])} to {iso(trail['start_time'])} (")
    assert "aws cloudtrail start-logging" not in opened.text
    assert opened.incident == named.incident
    assert named.value("Who") == "Mary_Major (IAMUser)"
    assert named.value("MFA") == "yes"
    assert "How sure        exact" in named.text

    incident = guard.incident()
    assert incident["id"] == opened.incident and not incident["open"]
    assert incident["restart"]["state"] == "verified"
    assert incident["restart"]["request_ids"] == [aws.restarts()[0]["request_id"]]
    assert all(d["sent"] for m in incident["messages"] for d in m["deliveries"])
    assert guard.find_records("StartLogging accepted")[0].fields["AWS_REQUEST_ID"] == \
        aws.restarts()[0]["request_id"]


def test_actor_comes_in_an_update_when_history_lags(aws, guard):
    guard.run()
    attack = aws.attack(TRAIL, identity="role-source-identity", lag=3600, mfa=True,
                        source_ip="203.0.113.77", user_agent="Boto3/1.34.2 os/linux#6.1 lang/py")
    closed = aws.message(phase="CLOSED")
    assert closed.value("Who").startswith("not known yet")
    # A look at an empty Event history does not end the search.
    aws.wait_calls(2, operation="LookupEvents")

    aws.reveal()
    update = aws.message(phase="UPDATE")
    record = guard.record("build-4711|Nikki_Wolf")
    guard.wait_silent()
    assert aws.phases() == ["OPEN+CLOSED", "UPDATE"]
    assert sorted(m.sequence for m in aws.all_messages()) == [1, 2]
    assert {m.incident for m in aws.all_messages()} == {closed.incident}

    assert update.subject.startswith("UPDATE: logging again (444455556666 eu-west-1) ")
    assert update.value("Who") == "Nikki_Wolf (AssumedRole, role DeployPipeline)"
    assert update.value("ARN") == "arn:aws:sts::444455556666:assumed-role/DeployPipeline/build-4711"
    assert update.value("Access key") == "ASIAIOSFODNN7EXAMPLE (temporary)"
    assert update.value("MFA") == "yes"
    assert update.value("From") == "203.0.113.77"
    assert update.value("Tool") == "Boto3/1.34.2 os/linux#6.1 lang/py"
    assert update.value("Event") == "StopLogging"
    assert update.value("Event id") == attack["event_id"]
    assert "aws iam put-role-policy --role-name DeployPipeline" in update.text
    assert record.fields["EVENT_ID"] == attack["event_id"]
    assert record.fields["SOURCE_IP"] == "203.0.113.77"


def test_alert_only_never_touches_the_trail(aws, make_guard):
    guard = make_guard(action="alert").run()
    stop = aws.attack(TRAIL, identity="sso")
    opened = aws.message(phase="OPEN")
    assert 'NOT LOGGING (action = "alert": not restarted)' in opened.text
    assert f"aws cloudtrail start-logging --region eu-west-1 --name {TRAIL}" in opened.text
    assert aws.actor(stop).value("Who") == ("nikki[.]wolf[@]example[.]com (AssumedRole, role "
                                            "AWSReservedSSO_AdministratorAccess_0123456789abcdef)")
    aws.polls(10)
    assert not aws.trail(TRAIL)["logging"] and "CLOSED" not in aws.phases()

    aws.attack(TRAIL, event="StartLogging", identity="user")
    closed = aws.message(phase="CLOSED")
    assert closed.value("Restart") == "started by somebody else, not by this guard"
    assert closed.incident == opened.incident
    aws.polls(3)
    assert aws.restarts() == []
    assert guard.status()["trails"][0]["action"] == "alert"


def test_blink_between_two_polls_is_an_incident(aws, guard):
    guard.run()
    stop, start = aws.attacks({"trail": TRAIL, "ago": 2.5, "identity": "web-identity-role"},
                              {"trail": TRAIL, "event": "StartLogging", "identity": "user"})
    closed = aws.message(phase="CLOSED", kind="blink")
    opened = aws.message(phase="OPEN")
    trail = aws.trail(TRAIL)
    assert opened.kind == "blink" and opened.incident == closed.incident
    assert opened.subject.startswith(f"OPEN: logging again (444455556666 eu-west-1) trail {NAME} was stopped for a moment")
    assert closed.value("Blind").startswith(
        f"from {iso(trail['stop_time'])} to {iso(trail['start_time'])} (2 s 50")
    assert "a lower bound" in closed.text
    assert closed.value("Who") == "run-6112 (AssumedRole, role GitHubActions)"
    assert closed.value("Event id") == stop["event_id"]
    assert "StartLogging, started it: Mary_Major (IAMUser) from 198.51.100.17 at " in closed.text
    assert start["event_id"] in closed.text
    aws.polls(3)
    assert aws.restarts() == [] and aws.phases() == ["OPEN", "CLOSED"]


def test_second_stop_is_an_incident_of_its_own(aws, guard):
    guard.run()
    aws.attack(TRAIL)
    first = aws.message(phase="CLOSED")
    aws.attack(TRAIL, identity="root")
    # Told by the first one, since the reader has just heard of that.
    second = aws.message(2, phase="CLOSED")
    assert first.incident == second.incident
    assert f"trail {NAME} stopped 2 times" in second.subject
    assert len(aws.restarts()) == 2 and len(guard.incidents()) == 2


def test_other_controller_is_noticed_then_named(aws, guard):
    aws.set(redundant_moves_times=True)
    guard.run()
    for count in (1, 2):
        aws.attack(TRAIL, event="StartLogging", identity="role-session")
        guard.record(rf"StartLogging on a trail that was logging.*\({count} in a day\)")
        assert aws.messages() == []
    aws.attack(TRAIL, event="StartLogging", identity="role-session")
    opened = aws.message(phase="OPEN")
    assert (opened.kind, opened.severity) == ("external-controller", "warning")
    closed = aws.message(phase="CLOSED")
    assert closed.value("Who") == "build-4711 (AssumedRole, role DeployPipeline)"
    assert aws.restarts() == []


def test_stale_answers_open_nothing_twice(aws, make_guard):
    """Every second read shows what was before, for two seconds after each change."""
    guard = make_guard(scale=max(1, int(10 * SLOW))).run()
    aws.set(stale_read=2.0, stale_flap=True)
    aws.attack(TRAIL)
    closed = aws.message(phase="CLOSED")
    aws.set(stale_read=0.0)
    # Until long after the flapping has ended.
    guard.record("logging again")
    end = aws.call("now")["elapsed"] + 3.0
    while aws.call("now")["elapsed"] < end:
        aws.polls(5)
    assert len(aws.restarts()) == 1
    assert {m.incident for m in aws.all_messages()} == {closed.incident}
    assert len(aws.phases(phase="OPEN")) == len(aws.phases(phase="CLOSED")) == 1


def test_stale_answers_close_nothing(aws, make_guard):
    """An old "logging" after the stop is no restart."""
    now = aws.call("now")["now"]
    aws.set_trail(TRAIL, stop_time=now - 200000, start_time=now - 190000)
    make_guard(action="alert").run()
    aws.set(stale_read=60.0, stale_flap=True)
    aws.attack(TRAIL)
    aws.message(phase="OPEN")
    aws.polls(20)
    assert aws.phases(phase="OPEN") == ["OPEN"] and "CLOSED" not in aws.phases()


def test_already_stopped_when_first_seen(aws, guard):
    now = aws.call("now")["now"]
    aws.set_trail(TRAIL, logging=False, stop_time=now - 5400)
    guard.start()
    closed = aws.message(phase="CLOSED")
    assert closed.kind == "already-stopped" and closed.phases == ["OPEN", "CLOSED"]
    assert closed.subject.startswith("RESTARTED: blind 1 h 30 min (444455556666 ")
    assert "was already stopped when first seen" in closed.text
    assert closed.value("Blind").startswith(f"from {iso(now - 5400)} to ")
    assert closed.value("Restart").startswith("by this guard, verified")
    assert aws.trail(TRAIL)["logging"]


def test_trail_that_never_logged_is_started(aws, guard):
    aws.create_trail(TRAIL, logging=False)
    guard.start()
    closed = aws.message(phase="CLOSED")
    assert closed.kind == "already-stopped" and closed.phases == ["OPEN", "CLOSED"]
    assert closed.value("Blind").startswith("since an unknown time to ")
    assert "It shows no StopLoggingTime: it may never have logged" in closed.text
    assert closed.value("Restart").startswith("by this guard, verified")
    assert aws.trail(TRAIL)["logging"] and len(aws.restarts()) == 1


def test_stop_while_the_daemon_was_down(aws, guard):
    guard.run()
    guard.stop()
    attack = aws.attack(TRAIL, identity="ec2", ago=120)
    guard.start()
    closed = aws.message(phase="CLOSED")
    trail = aws.trail(TRAIL)
    assert closed.kind == "stopped"
    assert closed.value("Blind").startswith(
        f"from {iso(trail['stop_time'])} to {iso(trail['start_time'])} (2 min")
    assert aws.actor(attack).value("Who") == "i-02573cafcfEXAMPLE (AssumedRole, role WebServer)"


def test_blink_while_the_daemon_was_down(aws, guard):
    guard.run()
    guard.stop()
    attack, _ = aws.attacks({"trail": TRAIL, "ago": 120},
                            {"trail": TRAIL, "event": "StartLogging", "ago": 60})
    guard.start()
    closed = aws.message(phase="CLOSED")
    assert closed.kind == "blink"
    assert "(1 min" in closed.value("Blind")
    assert closed.value("Event id") == attack["event_id"]
    assert aws.restarts() == []


def test_stop_shortly_before_the_guard_came(aws, guard):
    """The state may have been deleted to hide it."""
    attack, _ = aws.attacks({"trail": TRAIL, "ago": 7200, "identity": "root-key"},
                            {"trail": TRAIL, "event": "StartLogging", "ago": 3600})
    guard.run()
    closed = aws.message(phase="CLOSED")
    assert closed.kind == "recent-stop" and aws.restarts() == []
    assert "had been stopped shortly before the guard first saw it" in closed.text
    assert "(1 h" in closed.value("Blind")
    assert closed.value("Event id") == attack["event_id"]
    assert closed.value("Access key") == "AKIAIOSFODNN7EXAMPLE (long-lived)"
    guard.wait_silent()

    # Once: the next start knows it, and sends what it still owes of it at the most (what else the
    # key was used for, when that was read last).
    guard.stop()
    guard.run()
    aws.polls(3)
    assert aws.phases()[:2] == ["OPEN", "CLOSED"] and aws.phases()[2:] in ([], ["UPDATE"])


def test_trail_that_never_existed(aws, make_guard):
    arn = TRAIL.replace(NAME, "management-event")
    guard = make_guard(trails=[reached_by_role(arn)])
    guard.start()
    opened = aws.message(phase="OPEN")
    assert (opened.kind, opened.trail) == ("not-found", arn)
    assert "does not exist" in opened.subject
    assert "Correct the trail's ARN in trailsentry.conf" in opened.text
    guard.wait_status(lambda s: s["trails"][0]["error"] and s["trails"][0]["logging"] is None
                      and s["trails"][0]["error"]["code"] == "TrailNotFoundException")
    aws.create_trail(arn, logging=True)
    closed = aws.message(phase="CLOSED")
    assert closed.incident == opened.incident
    guard.record("management-event: logging")
    assert aws.restarts() == []


def test_deleted_and_created_again(aws, guard):
    guard.run()
    attack = aws.attack(TRAIL, event="DeleteTrail", identity="assume-root")
    opened = aws.message(phase="OPEN")
    assert (opened.kind, opened.severity) == ("deleted", "critical")
    assert opened.subject.startswith(f"OPEN: MISSING (444455556666 eu-west-1) trail {NAME} was deleted")
    assert "Create the trail again" in opened.text
    named = aws.actor(attack)
    assert named.value("Who") == "Nikki_Wolf (Root)"
    assert named.value("Event") == "DeleteTrail"
    aws.polls(5)
    assert aws.restarts() == [] and "CLOSED" not in aws.phases()

    create = aws.attack(TRAIL, event="CreateTrail", name_form="name", identity="user",
                        params={"S3BucketName": "amzn-s3-demo-bucket2"})
    closed = aws.message(phase="CLOSED", kind="deleted")
    assert "exists again" in closed.subject and closed.incident == opened.incident
    assert "Create the trail again" not in closed.text
    # It is not the trail that it was: that is told, and it is made to log.
    recreated = aws.message(phase="CLOSED", kind="recreated")
    assert recreated.severity == "critical" and recreated.incident != opened.incident
    assert recreated.value("Restart").startswith("by this guard, verified")
    assert aws.trail(TRAIL)["logging"]
    assert create["event_id"] in aws.message(contains=create["event_id"]).text


def test_deleted_and_created_again_between_two_polls(aws, guard):
    guard.run()
    delete = aws.attacks({"trail": TRAIL, "event": "DeleteTrail", "identity": "federated-user"},
                         {"trail": TRAIL, "event": "CreateTrail", "name_form": "name",
                          "params": {"S3BucketName": "amzn-s3-demo-bucket2"}},
                         {"trail": TRAIL, "event": "StartLogging"})[0]
    opened = aws.message(phase="OPEN")
    assert (opened.kind, opened.severity) == ("recreated", "critical")
    assert "Compare the trail's settings" in opened.text
    named = aws.actor(delete)
    assert named.value("Event") == "DeleteTrail" and named.incident == opened.incident
    assert aws.restarts() == []
