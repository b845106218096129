# SPDX-License-Identifier: Apache-2.0
"""The command beside the daemon: what it shows, what it calls wrong, what it leaves alone."""

import copy
import ctypes
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time

import pytest

from guard import BUILD_DIR, FAR_TRAIL, HERE, ROLE, SLOW, TOPIC, TRAIL, WRAP, reached_by_role

COMMAND = os.path.join(BUILD_DIR, "trailsentry")
MANUAL = os.path.join(os.path.dirname(os.path.dirname(HERE)), "man", "trailsentry.1")
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
WELL, WRONG, USAGE, UNKNOWN = range(4)
libc = ctypes.CDLL(None, use_errno=True)
FIFO_TOPIC = TOPIC + ".fifo"
ALERT_TRAIL = TRAIL.replace("management-events", "told-only")


def command(*arguments, environment=None, stdout=subprocess.PIPE):
    variables = {"PATH": "/usr/bin:/bin", **{k: v for k, v in os.environ.items()
                                             if k.endswith("SAN_OPTIONS")}, **(environment or {})}
    done = subprocess.run([*WRAP, COMMAND, *map(str, arguments)], env=variables, stdout=stdout,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                          timeout=120 * SLOW)
    for text in (done.stdout or "", done.stderr):
        assert not RAW.search(text), repr(text)
    return done


def check(guard, *arguments, **environment):
    variables = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": guard.aws.imds_url, **environment}
    return command("check", "--config", guard.config, *arguments, environment=variables)


def names_of(value):
    """Of all members, however deep."""
    if isinstance(value, list):
        return {name for item in value for name in names_of(item)}
    if isinstance(value, dict):
        return set(value) | {name for item in value.values() for name in names_of(item)}
    return set()


def not_in_manual(verb, value):
    """Members that the manual's section on the verb's JSON does not name."""
    with open(MANUAL, encoding="utf-8") as file:
        _, _, section = file.read().partition(f"\n.SS {verb}\n")
    return {name for name in names_of(value) if f'"{name}"' not in section.partition("\n.S")[0]}


# check

def test_check_proves_what_can_be_proved_and_changes_nothing(aws, make_guard):
    guard = make_guard(trails=[reached_by_role(TRAIL), reached_by_role(FAR_TRAIL)], poll="10s")
    done = check(guard)
    assert done.returncode == WELL and not done.stderr, done
    text = done.stdout
    assert "2 trails, 1 topic." in text
    assert "assumed-role/trailsentry-guard/i-1234567890abcdef0" in text
    assert "assumed-role/trailsentry-target/trailsentry-" in text
    assert f"cloudtrail:StartLogging on {TRAIL}, for {ROLE}" in text
    assert f"sns:Publish to {TOPIC}, for the role trailsentry-guard of account" in text
    assert "cloudwatch:PutMetricData in eu-west-1, namespace trailsentry" in text
    assert "about 753938 read events" in text
    assert "All that was tried works." in text
    assert "there is one topic" in text  # which is a note and no fault
    operations = {c["operation"] for c in aws.calls() if c["service"] != "imds"}
    assert operations == {"GetCallerIdentity", "AssumeRole", "GetTrailStatus", "GetTrail",
                          "GetEventSelectors", "LookupEvents", "GetTopicAttributes"}


def test_check_of_a_topic_that_nobody_hears_of(aws, guard):
    """SNS takes every message for it, so that nothing else would tell."""
    aws.call("topic", arn=TOPIC, confirmed=0, pending=2)
    done = check(guard)
    assert done.returncode == WRONG, done
    assert f"NOBODY hears of {TOPIC}: 2 subscriptions are not confirmed" in done.stdout
    aws.call("topic", arn=TOPIC, confirmed=0, pending=0)
    done = check(guard, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == WRONG and "it has no subscription" in told["findings"][0]["text"]
    assert told["topics"][0]["subscriptions_confirmed"] == 0
    # Who may not look says that it is not known.
    aws.permissions("trailsentry-guard", deny=["sns:GetTopicAttributes"])
    done = check(guard)
    assert done.returncode == WELL and "NOBODY hears" not in done.stdout, done
    assert f"that somebody is subscribed to {TOPIC}, since sns:GetTopicAttributes fails" \
        in done.stdout


def test_check_for_machines(guard):
    done = check(guard, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == WELL and told["exit_status"] == WELL
    assert not not_in_manual("check", told)
    assert told["problems"] == told["findings"] == []
    assert len(told["notes"]) == 1 and "there is one topic" in told["notes"][0]
    assert told["trails"][0]["arn"] == TRAIL and told["trails"][0]["logging"] is True
    assert told["trails"][0]["home_region"] == "eu-west-1"
    assert [told["trails"][0][o]["state"] for o in ("GetTrailStatus", "GetTrail", "LookupEvents")] \
        == ["ok"] * 3
    assert told["accounts"][1]["role_arn"] == ROLE
    assert told["read_events_a_month"] == 2743983


def test_check_offline_asks_nothing(aws, guard):
    done = check(guard, "--offline")
    assert done.returncode == WELL and "not looked at (--offline)" in done.stdout, done
    assert aws.calls() == []


def test_check_exercises_only_when_asked(aws, make_guard):
    """What changes something comes after all reading, once, and not on what does not log."""
    guard = make_guard(trails=[reached_by_role(TRAIL), reached_by_role(FAR_TRAIL),
                               reached_by_role(ALERT_TRAIL, action="alert")])
    aws.create_trail(ALERT_TRAIL, logging=True)
    aws.attack(FAR_TRAIL)
    done = check(guard, "--exercise")
    assert done.returncode == WRONG, done  # one does not log
    assert "sends a test message to 1 topic" in done.stderr and "Go on?" not in done.stderr, done
    assert [c["trail"] for c in aws.restarts()] == [TRAIL]
    assert re.search(r"^management-events \(.*\)  accepted   logging$", done.stdout, re.M), done
    assert re.search(r"^data-events \(.*\) +not tried  -$", done.stdout, re.M), done
    test = aws.message(phase="TEST")
    assert test.subject.startswith("TEST: ") and "SNS message id " + test.row["message_id"] \
        in done.stdout
    unproved = done.stdout.split("Not proved")[1]
    assert f"StartLogging on {FAR_TRAIL}" in unproved and "Publish" not in unproved
    # The heartbeat is proved by another metric than the one whose silence is an alarm.
    assert "PutMetricData" not in unproved
    assert {m["name"] for m in aws.metrics()} == {"HeartbeatTest"}
    after = [c["operation"] for c in aws.calls() if c["seq"] > aws.restarts()[0]["seq"]
             and c["service"] == "cloudtrail"]
    assert after == ["GetTrailStatus"]
    done = check(guard, "--exercise", "--offline")
    assert done.returncode == USAGE and "say one of them" in done.stderr, done


def test_check_exercise_that_fails(aws, guard):
    aws.permissions("trailsentry-target", deny=["cloudtrail:StartLogging"])
    aws.permissions("trailsentry-guard", deny=["sns:Publish"])
    told = json.loads(check(guard, "--exercise", "--json").stdout)
    assert told["exit_status"] == WRONG
    assert told["trails"][0]["StartLogging"]["state"] == "failed"
    assert told["trails"][0]["logging_after"] is None
    assert told["topics"][0]["Publish"]["error"]["class"] == "denied"
    advice = [f["advice"] for f in told["findings"]]
    assert advice[0].startswith(f"Allow cloudtrail:StartLogging on {TRAIL} to {ROLE}")
    assert advice[1].startswith(f"Allow sns:Publish on {TOPIC} to the role trailsentry-guard")


@pytest.mark.parametrize("answer, goes_on", [("n\n", False), ("\n", False), ("y\n", True)])
def test_check_asks_before_it_exercises(aws, guard, answer, goes_on):
    main, terminal = pty.openpty()
    os.write(main, answer.encode())
    done = subprocess.run([COMMAND, "check", "--exercise", "--config", guard.config],
                          env={"PATH": "/usr/bin:/bin",
                               "AWS_EC2_METADATA_SERVICE_ENDPOINT": aws.imds_url},
                          stdin=terminal, capture_output=True, text=True, timeout=60 * SLOW)
    os.close(main)
    os.close(terminal)
    assert "Go on? [y/N] " in done.stderr, done
    assert done.returncode == (WELL if goes_on else UNKNOWN), done
    assert len(aws.restarts()) == (1 if goes_on else 0)
    assert goes_on or aws.calls() == []


# test-alert

def test_test_alert(aws, make_guard):
    guard = make_guard(topics=())
    guard.configure(topics=[{"arn": TOPIC}, {"arn": FIFO_TOPIC, "format": "json"}])
    variables = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": aws.imds_url}

    def run(*arguments):
        return command("test-alert", "--config", guard.config, *arguments, environment=variables)

    done = run()
    assert done.returncode == WELL and not done.stderr, done
    plain, document = aws.message(phase="TEST"), aws.message(phase="TEST", topic=FIFO_TOPIC)
    for message in (plain, document):
        assert "SNS message id " + message.row["message_id"] in done.stdout
        assert message.subject.startswith("TEST: ") and message.severity == "info"
    assert "nothing has happened" in plain.text and json.loads(document.text)
    assert {c["operation"] for c in aws.calls() if c["service"] not in ("imds", "sts")} \
        == {"Publish"}

    done = run("--topic=security-alerts")
    assert done.returncode == WELL and FIFO_TOPIC not in done.stdout, done
    assert len(aws.all_messages(topic=None, phase="TEST")) == 3
    done = run("--topic=none")
    assert done.returncode == USAGE and f"there are: {TOPIC}, {FIFO_TOPIC}" in done.stderr, done

    aws.permissions("trailsentry-guard", deny=["sns:Publish"])
    done = run()
    refused = [c["request_id"] for c in aws.calls(operation="Publish")][-2:]
    assert done.returncode == WRONG and "2 topics did not accept it." in done.stdout, done
    assert all(i in done.stdout for i in refused)
    assert f"=> Allow sns:Publish on {TOPIC} to the role trailsentry-guard" in done.stdout
    told = json.loads(run("--json").stdout)
    assert told["exit_status"] == WRONG and told["topics"][0]["Publish"]["state"] == "failed"


def test_check_names_the_missing_permission(aws, guard):
    aws.permissions("trailsentry-target", deny=["cloudtrail:LookupEvents"])
    done = check(guard)
    refused = [c["request_id"] for c in aws.calls(operation="LookupEvents")]
    text = done.stdout
    assert done.returncode == WRONG, done
    assert any(f"AccessDeniedException, request id {i})" in text for i in refused), text
    assert f"=> Allow cloudtrail:LookupEvents on * to {ROLE}" in text
    assert "3 of 4" in text and "1 thing is wrong." in text


def test_check_sees_a_trail_that_does_not_log(aws, guard):
    aws.attack(TRAIL)
    done = check(guard)
    assert done.returncode == WRONG and "NOT LOGGING, stopped" in done.stdout, done
    assert aws.restarts() == []


def test_check_with_a_wrong_external_id(make_guard):
    guard = make_guard(trails=[{"arn": TRAIL, "role_arn": ROLE, "external_id": "another"}])
    done = check(guard)
    text = done.stdout
    assert done.returncode == WRONG, done
    assert f"Allow sts:AssumeRole on {ROLE} to the role trailsentry-guard" in text
    assert "with the very external id." in text and "another" not in text


def test_check_goes_on_when_sts_does_not_say_who_we_are(aws, guard):
    aws.fault(operation="GetCallerIdentity", kind="error", code="ServiceUnavailable", status=503,
              count="forever")
    done = check(guard)
    assert done.returncode == WRONG, done
    assert "base credentials: GetCallerIdentity: the service failed" in done.stdout, done
    assert "4 of 4" in done.stdout and len(aws.calls(operation="GetTrailStatus")) == 1


def test_check_of_a_trail_that_is_not_there(aws, make_guard):
    aws.codes.add("InvalidHomeRegionException")
    guard = make_guard(trails=[reached_by_role(FAR_TRAIL.replace("us-east-1", "eu-west-1"))])
    done = check(guard)
    assert done.returncode == WRONG, done
    assert "TrailNotFoundException" in done.stdout and "list-trails" in done.stdout
    assert "1 thing is wrong." in done.stdout


@pytest.mark.parametrize("port", ["foreign_port", "misnamed_port", "expired_port"])
def test_check_trusts_no_other_certificate(aws, make_guard, port):
    guard = make_guard(port=aws.ready[port])
    done = check(guard)
    assert done.returncode == WRONG, done
    assert "base credentials: GetCallerIdentity: no answer" in done.stdout, done
    assert aws.calls(service="sts") == []


def test_check_without_credentials(guard):
    done = check(guard, AWS_EC2_METADATA_DISABLED="true")
    assert done.returncode == WRONG and not done.stderr, done
    assert "AWS_ACCESS_KEY_ID" in done.stdout
    assert "AWS_EC2_METADATA_DISABLED=true forbids the instance's role" in done.stdout


def test_check_with_keys_in_the_environment(guard):
    done = check(guard, "--json", AWS_ACCESS_KEY_ID="AKIAI44QH8DHBEXAMPLE",
                 AWS_SECRET_ACCESS_KEY="je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY")
    assert done.returncode == WELL, done
    assert "je7MtGbClwBF" not in done.stdout + done.stderr
    told = json.loads(done.stdout)["accounts"]
    assert told[0]["credentials"] == "environment"
    assert told[0]["identity_arn"] == "arn:aws:iam::111122223333:user/trailsentry-static"


def test_check_tells_every_mistake(guard):
    guard.write_config('trails = ( { arn = "x"; } );\npoll_intervall = "10s";\nfips = 1;\n')
    done = check(guard)
    assert done.returncode == WRONG and not done.stderr, done
    text = done.stdout
    assert f"{guard.config}: topics: is missing" in text
    assert f'{guard.config}:1: trails[0].arn: "x": it is not of the form' in text
    assert f'{guard.config}:2: poll_intervall: unknown option; did you mean "poll_interval"?' \
        in text
    assert f"{guard.config}:3: fips: is a number, and has to be true or false" in text
    assert "4 mistakes" in text
    told = json.loads(check(guard, "--json").stdout)
    assert [p["line"] for p in told["problems"]] == [0, 1, 2, 3]
    assert told["problems"][2]["option"] == "poll_intervall" and told["exit_status"] == WRONG


def test_check_of_a_file_that_others_may_write(guard):
    os.chmod(guard.config, 0o666)
    done = check(guard, "--offline")
    assert done.returncode == WRONG and "chmod go-w it" in done.stdout, done


def test_check_without_a_file(tmp_path):
    done = command("check", "-c", tmp_path / "none")
    assert done.returncode == UNKNOWN and "no such file" in done.stdout, done


# status

def status(guard, *arguments):
    return command("status", "--status-file", guard.status_path, *arguments)


def rewrite_status(guard, **changes):
    told = guard.status()
    told.update(changes)
    with open(guard.status_path, "w", encoding="utf-8") as file:
        json.dump(told, file)


def test_status_while_all_is_well_and_after(guard):
    guard.run()
    guard.wait_status(lambda s: s["trails"][0]["logging"] and all(
        a["identity_arn"] for a in s["accounts"]))
    done = status(guard)
    assert done.returncode == WELL and not done.stderr, done
    assert re.search(r"^management-events  444455556666  eu-west-1  logging +\d", done.stdout, re.M)
    assert "All is well." in done.stdout
    told = json.loads(status(guard, "--json").stdout)
    assert told["trails"] and told["findings"] == [] and told["exit_status"] == WELL
    assert not not_in_manual("status", told)

    guard.stop()
    done = status(guard)
    assert done.returncode == UNKNOWN and "trailsentryd was stopped" in done.stdout, done
    assert "logging?" in done.stdout


def test_status_of_a_daemon_that_died(guard):
    guard.run()
    guard.kill()
    rewrite_status(guard, written_msec=int(time.time() * 1000) - 31000)
    done = status(guard)
    assert done.returncode == UNKNOWN and "does not run any more, or hangs" in done.stdout, done
    assert json.loads(status(guard, "--json").stdout)["exit_status"] == UNKNOWN


def test_status_says_once_that_there_are_no_base_credentials(make_guard):
    guard = make_guard(environment={"AWS_EC2_METADATA_DISABLED": "true"}).start()
    guard.wait_status(lambda s: all(a["error"] for a in s["accounts"]))
    done = status(guard)
    assert done.returncode == WRONG, done
    assert done.stdout.count("\nbase credentials: no usable credentials (NoCredentials): ") == 1
    assert f"\n{ROLE}: " not in done.stdout


def test_status_waits_for_two_polls(make_guard):
    guard = make_guard(poll="1s").run()
    guard.kill()
    told = guard.status()["trails"]
    told[0]["poll_interval_usec"] = 60 * 1000000
    rewrite_status(guard, trails=told, written_msec=int(time.time() * 1000) - 100000)
    assert "hangs" not in status(guard).stdout
    rewrite_status(guard, written_msec=int(time.time() * 1000) - 131000)
    assert "hangs" in status(guard).stdout


def test_status_of_a_trail_that_is_down(aws, guard):
    aws.permissions("trailsentry-target", deny=["cloudtrail:StartLogging"])
    guard.run()
    aws.attack(TRAIL)
    incident = aws.message(phase="FAILING").incident
    guard.wait_status(lambda s: s["trails"][0]["incident"] == incident
                      and s["messages_pending"] == 0)
    done = status(guard)
    assert done.returncode == WRONG, done
    assert re.search(r"management-events is NOT LOGGING, stopped .* ago; the restart FAILS: access "
                     r"denied \(AccessDenied", done.stdout), done
    assert f"an open incident (stopped): trailsentry incidents {incident}" in done.stdout

    # What is worst comes first, and what else there is is counted.
    aws.attack(TRAIL, event="UpdateTrail", params={"S3BucketName": "amzn-s3-new-bucket"})
    guard.wait_status(lambda s: s["trails"][0]["incidents_open"] == 2, timeout=40)
    done = status(guard)
    assert "management-events has 2 open incidents" in done.stdout
    assert f"the worst is stopped: trailsentry incidents {incident}" in done.stdout
    assert "more incident" not in done.stdout  # counted with their trail
    unknown = command("incidents", "--trail=nope", "--state-directory", guard.state)
    assert unknown.returncode == USAGE and "knows no trail nope" in unknown.stderr, unknown
    listed = command("incidents", "--state-directory", guard.state)
    assert listed.returncode == WRONG and "open" in listed.stdout, listed
    shown = command("incidents", incident, "--state-directory", guard.state).stdout
    assert "restart FAILS" in shown and "access denied (AccessDeniedException" in shown


def test_status_counts_what_is_over_and_open_all_the_same(aws, guard):
    """Of a trail that logs, and of its settings: whatever is open is not well."""
    aws.set(redundant_moves_times=True)
    aws.permissions("trailsentry-target", deny=["cloudtrail:LookupEvents"])  # open until it is named
    guard.run()
    for _ in range(3):
        aws.attack(TRAIL, event="StartLogging", identity="role-session")
        aws.polls(3, trail=TRAIL)
    incident = aws.message(phase="OPEN", kind="external-controller").incident
    guard.wait_status(lambda s: s["trails"][0]["incident"] == incident)
    done = status(guard)
    assert done.returncode == WRONG and "All is well" not in done.stdout, done
    assert f"has an open incident (external-controller): trailsentry incidents {incident}" in done.stdout
    assert re.search(r"^Last incident, .* ago: management-events is started again and again.*"
                     rf"\(trailsentry incidents {incident}\)$", done.stdout, re.M), done


def test_status_of_a_deleted_trail(aws, guard):
    guard.run()
    aws.attack(TRAIL, event="DeleteTrail")
    incident = aws.message(phase="OPEN", kind="deleted").incident
    guard.wait_status(lambda s: s["trails"][0]["incident"] == incident)
    done = status(guard)
    assert done.returncode == WRONG and "management-events was DELETED" in done.stdout, done
    assert re.search(r"^management-events .* DELETED ", done.stdout, re.M), done


def made_up_status(path, configuration_error=None, withheld=0, last_incident=None, beat=None,
                   **changes):
    """A status file as the daemon writes it, without a daemon."""
    now = int(time.time() * 1000)
    told = {"version": 1, "pid": 1, "hostname": "guard-1", "program_version": "0", "state": "running",
            "started_msec": now, "written_msec": now, "configuration": "/etc/x",
            "trails": [{"arn": TRAIL, "poll_interval_usec": 3600000000, "account": "444455556666",
                        "region": "eu-west-1", "logging": True, "last_poll_msec": now,
                        "incident": None, "error": None}],
            "topics": [], "accounts": [], "incidents_open": 0, "state_error": None,
            "configuration_error": configuration_error,
            "last_incident": last_incident,
            "heartbeat": {"enabled": True, "withheld_msec": withheld, **(beat or {})}}
    told["trails"][0].update(changes)
    temporary = str(path) + ".new"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(told, file)
    os.rename(temporary, path)


class Looks:
    """Waits until somebody has read a file in a folder, by inotify(7)."""

    def __init__(self, folder):
        self.handle = libc.inotify_init()
        assert libc.inotify_add_watch(self.handle, os.fsencode(folder), 0x10) > 0  # CLOSE_NOWRITE

    def wait(self, count):
        while count > 0:
            events = os.read(self.handle, 65536)
            while events:
                events = events[16 + struct.unpack("iIII", events[:16])[3]:]
                count -= 1

    def close(self):
        os.close(self.handle)


def read_until(stream, text):
    """What comes up to a line that holds text."""
    lines = []
    while not lines or text not in lines[-1]:
        lines.append(stream.readline())
        assert lines[-1], lines
    return "".join(lines)


def test_watching_into_a_pipe_writes_what_changes(tmp_path):
    path = tmp_path / "status.json"
    made_up_status(path)
    with subprocess.Popen([*WRAP, COMMAND, "status", "--watch", "--interval=1s", "--status-file",
                           path], stdout=subprocess.PIPE, text=True,
                          env={"PATH": "/usr/bin:/bin", "TERM": "xterm"}) as process:
        first = read_until(process.stdout, "management-events")
        made_up_status(path, last_poll_msec=1)  # a time that goes on is no change
        looks = Looks(tmp_path)
        looks.wait(2)
        looks.close()
        made_up_status(path, logging=False, incident="ab12")
        second = read_until(process.stdout, "NOT LOGGING  ")
        # One that came and went between two looks.
        made_up_status(path, logging=False, incident="ab12", last_incident={
            "id": "cd34", "detected_msec": 1, "summary": "was stopped", "actor": "Mary"})
        second += read_until(process.stdout, "incidents cd34")
        os.unlink(path)
        third = read_until(process.stdout, "is not there")
        made_up_status(path)
        fourth = read_until(process.stdout, "All is well.")
        process.terminate()
        rest = process.stdout.read()
    blocks = first + second + third + fourth + rest
    assert len(re.findall(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", blocks, re.M)) == 5, blocks
    assert "incident ab12" in second + third and "\x1b" not in blocks
    assert process.returncode == WELL  # as the last look


def test_status_of_a_guard_that_is_blinded(tmp_path):
    path = tmp_path / "status.json"
    denied = {"class": "denied", "status": 400, "code": "AccessDeniedException", "message": "no",
              "request_id": "r-1"}
    now = int(time.time() * 1000)
    blind = {"incident": "ab12", "incident_kind": "unreachable", "incidents_open": 1, "error": denied}
    for unseen, words in (
            ({"sent": 3, "accepted_msec": now - 60000, "error": None}, "and was last accepted"),
            ({"sent": 3, "accepted_msec": 0, "error": denied}, "and FAILS: access denied (Access")):
        made_up_status(path, **blind, unseen_starts=unseen)
        done = command("status", "--status-file", path)
        assert done.returncode == WRONG, done
        assert "StartLogging is sent once a minute, in case it was stopped, " + words in done.stdout
        assert "ALERTS REACH NOBODY" not in done.stdout
    made_up_status(path, withheld=now - 600000)
    done = command("status", "--status-file", path)
    assert done.returncode == WRONG, done
    assert "ALERTS REACH NOBODY: no topic has accepted one; heartbeats are withheld" in done.stdout


def test_status_of_what_fails_beside_the_polls(tmp_path):
    """The settings, by half, and the heartbeat: none of it is well."""
    path = tmp_path / "status.json"
    failed = {"class": "transient", "status": 500, "code": "InternalFailure", "message": "no",
              "request_id": "r-1"}
    now = int(time.time() * 1000)
    made_up_status(path, settings={"GetTrail": {"error": failed, "last_good_msec": now - 600000},
                                   "GetEventSelectors": {"error": None, "last_good_msec": now}})
    done = command("status", "--status-file", path)
    assert done.returncode == WRONG and "All is well" not in done.stdout, done
    assert re.search(r"^management-events: GetTrail fails, so that a change of its settings may go "
                     r"unseen \(it last succeeded 10 min .*ago\): the service failed "
                     r"\(InternalFailure", done.stdout, re.M), done
    assert "GetEventSelectors" not in done.stdout
    made_up_status(path, beat={"accepted_msec": now - 300000, "error": failed})
    done = command("status", "--status-file", path)
    assert done.returncode == WRONG and "All is well" not in done.stdout, done
    assert re.search(r"^the heartbeat is not accepted \(last 5 min .*ago\), its alarm goes off: "
                     r"the service failed", done.stdout, re.M), done
    made_up_status(path, beat={"accepted_msec": now, "error": None}, next_poll_msec=now + 1000)
    done = command("status", "--status-file", path)
    assert done.returncode == WELL and "Heartbeat last accepted: " in done.stdout, done


def test_watching_tells_what_is_added_to_what_is_wrong(tmp_path):
    """Each of these leaves the verdict and the incident as they were."""
    path = tmp_path / "status.json"
    down = {"logging": False, "incident": "ab12", "incident_kind": "stopped"}
    denied = {"class": "denied", "status": 400, "code": "AccessDeniedException", "message": "no",
              "request_id": "r-1"}
    made_up_status(path, **down)
    with subprocess.Popen([*WRAP, COMMAND, "status", "--watch", "--interval=1s", "--status-file",
                           path], stdout=subprocess.PIPE, text=True,
                          env={"PATH": "/usr/bin:/bin", "TERM": "xterm"}) as process:
        read_until(process.stdout, "NOT LOGGING  ")
        made_up_status(path, **down, restart_error=denied)
        read_until(process.stdout, "the restart FAILS: access denied (AccessDeniedException")
        made_up_status(path, **down, restart_error=denied,
                       configuration_error="it has mistakes, which the journal names")
        read_until(process.stdout, "what was read before is in force: it has mistakes")
        made_up_status(path, **down, restart_error=denied, withheld=1,
                       configuration_error="it has mistakes, which the journal names")
        read_until(process.stdout, "ALERTS REACH NOBODY")
        process.terminate()


def test_watching_on_a_terminal(tmp_path):
    path = tmp_path / "status.json"
    made_up_status(path, logging=False)
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 8, 40, 0, 0))
    process = subprocess.Popen([COMMAND, "status", "--watch", "--interval=1h", "--status-file",
                                path], stdout=terminal, stderr=terminal, stdin=subprocess.DEVNULL,
                               env={"PATH": "/usr/bin:/bin", "TERM": "xterm"})
    os.close(terminal)

    def screen():
        text = b""
        while not text.endswith(b"\x1b[J"):
            text += os.read(main, 65536)
        return text.decode()

    begun, drawn = screen().split("\x1b[H")
    assert begun == "\x1b[?1049h\x1b[?25l"
    rows = [re.sub(r"\x1b\[[0-9;]*[mKJ]", "", row) for row in drawn.split("\n")]
    rows = [row.strip("\r") for row in rows]
    assert len(rows) == 8 and all(len(row) <= 40 for row in rows), rows
    assert any("is NOT LOGGING" in row for row in rows) and "more lines" in rows[-1]

    fcntl.ioctl(main, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
    process.send_signal(signal.SIGWINCH)  # nobody's terminal: the kernel does not send it
    assert "more lines" not in screen()
    process.send_signal(signal.SIGINT)
    end = b""
    while not end.endswith(b"\x1b[?1049l"):
        end += os.read(main, 65536)
    os.close(main)
    assert process.wait(20 * SLOW) == WRONG and end.endswith(b"\x1b[?25h\x1b[?1049l")


@pytest.mark.parametrize("arguments, said", [(["--interval=2s"], "goes with --watch"),
                                             (["--watch", "--interval=1ms"], "from 1s to 1h"),
                                             (["--watch", "--json"], "does not go with --watch")])
def test_watching_asked_wrongly(arguments, said):
    done = command("status", *arguments)
    assert done.returncode == USAGE and said in done.stderr, done


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"version": 2}', "x" * 100])
def test_status_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "status.json"
    if content is not None:
        path.write_text(content)
    done = command("status", "--status-file", path)
    assert done.returncode == UNKNOWN and not done.stdout and str(path) in done.stderr, done


def test_status_of_what_is_rare(tmp_path):
    """A reload that was refused, maintenance under way, a clock that was set back."""
    path = tmp_path / "status.json"
    made_up_status(path)
    told = json.loads(path.read_text())
    told["configuration_error"] = "it has mistakes"
    told["log_error"] = "2 records are lost"
    told["written_msec"] += 3600000
    window = {"title": "maintenance of all trails", "until_msec": 1795402800000}
    told["maintenance"] = [window, {**window, "title": "maintenance of one"}]
    path.write_text(json.dumps(told))
    done = command("status", "--status-file", path)
    assert done.returncode == UNKNOWN, done
    for words in ("the status is from the future", "the configuration was changed and not taken over",
                  "it has mistakes", "the journal does not take the daemon's records: 2 records are lost",
                  "maintenance of all trails (until 2026-11-23T03:00:00Z)"):
        assert words in done.stdout, (words, done.stdout)
    done = command("maintenance", "list", "--status-file", path)
    assert done.returncode == WELL and done.stdout.count("2026-11-23T03:00:00Z") == 2, done
    done = command("maintenance", "list", "--json", "--status-file", path)
    assert json.loads(done.stdout) == told["maintenance"]
    done = command("maintenance", "list", "--status-file", tmp_path / "none")
    assert done.returncode == UNKNOWN and "none" in done.stderr, done


def test_status_with_strange_content(tmp_path):
    """Whatever stands there, nothing but text comes out."""
    path = tmp_path / "status.json"
    evil = "\x1b]0;owned\x07\u202e\n"
    path.write_text(json.dumps({
        "version": 1, "pid": "x", "hostname": evil, "written_msec": None, "state": evil,
        "trails": [{"arn": evil, "account": 5, "logging": "yes", "error": {"class": evil}}, 7],
        "topics": {"arn": evil}, "accounts": [{"role_arn": evil, "usable": False, "error": None}],
        "state_error": evil}))
    assert command("status", "--status-file", path).returncode in (WRONG, UNKNOWN)
    assert command("status", "--json", "--status-file", path).returncode in (WRONG, UNKNOWN)


# incidents

def test_incidents_from_first_to_last(aws, guard):
    guard.run()
    none = command("incidents", "--state-directory", guard.state)
    assert none.returncode == WELL and "No incidents" in none.stdout, none

    attack = aws.attack(TRAIL, user_agent="tool\x1b[2J \u202egnp.exe", source_ip="203.0.113.9")
    named = aws.actor(attack)
    guard.wait_silent()
    listed = command("incidents", "--state-directory", guard.state)
    assert listed.returncode == WELL, listed
    assert re.search(rf"^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  {named.incident}  stopped  closed  ",
                     listed.stdout, re.M)
    assert "by: Mary_Major (IAMUser) from 203.0.113.9 at " in listed.stdout

    shown = command("incidents", named.incident[:6], "--state-directory", guard.state)
    assert shown.returncode == WELL, shown
    for text in (TRAIL, "arn:aws:iam::444455556666:user/Mary_Major", attack["event_id"], "exact",
                 "tool\\x1b[2J \\u{202e}gnp[.]exe", aws.restarts()[0]["request_id"], "What to do",
                 *(m.row["message_id"] for m in aws.all_messages())):
        assert text in shown.stdout, text
    told = json.loads(command("incidents", named.incident, "--json", "--state-directory",
                              guard.state).stdout)
    assert told == guard.incident()


def made_up(guard, folder):
    """Copies of one real incident, changed."""
    template = guard.incident()
    os.makedirs(folder)
    with open(os.path.join(folder, "trails.json"), "w", encoding="utf-8") as file:
        json.dump({"version": 1, "trails": []}, file)

    def put(number, **changes):
        incident = copy.deepcopy(template)
        incident["id"] = f"{number:016x}"
        incident.update(changes)
        if incident["kind"] in ("unreachable", "not-found"):
            incident["attribution"]["state"] = "not-needed"
        with open(os.path.join(folder, incident["id"] + ".json"), "w", encoding="utf-8") as file:
            json.dump(incident, file)
        return incident["id"]
    return put


def test_incidents_of_every_kind_fit_the_terminal(aws, guard, tmp_path):
    guard.run()
    aws.attack(TRAIL)
    aws.message(phase="CLOSED")
    guard.wait_silent()
    guard.stop()
    folder = tmp_path / "state"
    put = made_up(guard, folder)
    kinds = ["stopped", "blink", "already-stopped", "recent-stop", "recreated", "deleted",
             "not-found", "unreachable", "external-controller"]
    base = guard.incident()["detected_msec"]
    for number, kind in enumerate(kinds):
        put(0xab00000000000000 + number, kind=kind, detected_msec=base + number * 1000)
    put(1, open=True, closed_msec=0, blind_to_msec=0, detected_msec=base - 5000,
        trail_arn=TRAIL.replace("management-events", "a" * 128))
    messages = guard.incident()["messages"]
    messages[-1]["deliveries"][0]["sent"] = False
    put(2, messages=messages, detected_msec=base - 9000)
    before = sorted(os.listdir(folder))
    names = [name for name in before if name != "trails.json"]

    done = command("incidents", "--state-directory", folder)
    assert done.returncode == WRONG, done
    rows = [line for line in done.stdout.split("\n") if re.match(r"\d{4}-", line)]
    assert [re.split("  +", r)[2] for r in rows] == [*reversed(kinds), "stopped", "stopped"]
    assert all(len(row) <= 80 for row in rows)
    assert "1 message not sent yet" in done.stdout
    several = command("incidents", "ab", "--state-directory", folder)
    assert several.returncode == USAGE and "9 incidents begin with" in several.stderr, several
    assert "ab00000000000008, ab00000000000007, " in several.stderr, several
    none = command("incidents", "f0", "--state-directory", folder)
    assert none.returncode == USAGE and "no incident in" in none.stderr, none
    strange = command("incidents", "../x", "--state-directory", folder)
    assert strange.returncode == USAGE and "is not the beginning of" in strange.stderr, strange
    unsent = command("incidents", "0000000000000002", "--state-directory", folder)
    assert unsent.returncode == WRONG and "NOT SENT" in unsent.stdout, unsent
    for name in names:
        shown = command("incidents", name[:-5], "--state-directory", folder)
        assert shown.returncode in (WELL, WRONG) and not shown.stderr, shown
    assert sorted(os.listdir(folder)) == before


def test_incidents_that_are_asked_for(aws, guard, tmp_path):
    guard.run()
    aws.actor(aws.attack(TRAIL))
    aws.message(phase="CLOSED")
    guard.wait_silent()
    guard.stop()
    folder = tmp_path / "state"
    put = made_up(guard, folder)
    hour = 3600000
    now = int(time.time() * 1000)
    put(1, kind="blink", detected_msec=now - 5 * hour, trail_arn=FAR_TRAIL)
    put(2, kind="stopped", detected_msec=now - 3 * hour, severity="critical")
    put(3, kind="unreachable", detected_msec=now - hour, open=True, closed_msec=0)

    def found(*arguments):
        done = command("incidents", "--json", "--state-directory", folder, *arguments)
        told = json.loads(done.stdout)
        assert told["exit_status"] == done.returncode
        return [int(i["id"], 16) for i in told["incidents"]], done.returncode

    assert found() == ([3, 2, 1], WRONG)
    assert found("--until=2h") == ([2, 1], WELL)  # of those that match nothing is wrong
    assert found("--since=4h", "--until=2h") == ([2], WELL)
    assert found("--open") == ([3], WRONG)
    assert found("--trail=data-events") == ([1], WELL)
    assert found("--kind=blink,stopped", "--limit=1") == ([2], WELL)
    assert found("--severity=critical") == ([2], WELL)
    assert found("--actor=mary_major", "--trail", TRAIL) == ([3, 2], WRONG)
    assert found("--actor=nobody") == ([], WELL)

    told = command("incidents", "--limit=2", "--state-directory", folder)
    assert "1 older one not shown" in told.stdout, told
    told = command("incidents", "--actor=nobody", "--state-directory", folder)
    assert "None of 3 incidents matches." in told.stdout, told
    for wrong in ("--kind=x", "--severity=bad", "--since=yesterday", "--limit=none"):
        done = command("incidents", wrong, "--state-directory", folder)
        assert done.returncode == USAGE and wrong.split("=")[0] in done.stderr, done
    done = command("incidents", "1", "--open", "--state-directory", folder)
    assert done.returncode == USAGE and "nothing to filter" in done.stderr, done


def test_the_course_of_an_incident(aws, guard):
    """Every step with its time, in their order, by whoever's clock."""
    guard.run()
    attack = aws.attack(TRAIL)
    aws.actor(attack)
    guard.wait(lambda: guard.incident()["attribution"]["found_msec"])
    guard.wait_silent()
    guard.stop()  # the last acknowledgement is on disk
    shown = command("incidents", guard.incident()["id"], "--state-directory", guard.state).stdout
    rows = [re.split("  +", row, maxsplit=3) for row in shown.split("\n")
            if re.match(r"\d\d:\d\d:\d\d", row)]
    course = {what.split(" sent to ")[0]: (when, offset, clock)
              for when, offset, clock, what in rows}
    assert course["stopped (StopLoggingTime)"][1:] == ("+0.000 s", "AWS")
    assert course["StopLogging by Mary_Major (culprit)"][1:] == ("+0 s", "history")
    times = [course[step][0] for step in (
        "detected: stopped", "StartLogging requested", "StartLogging accepted",
        "closed: restart verified by GetTrailStatus")]
    assert times == sorted(times)
    assert course["found in Event history: Mary_Major (exact)"][0] > times[0]
    sent = [(row[0], row[3]) for row in rows if " sent to security-alerts" in row[3]]
    assert len(sent) == len(aws.all_messages())


def test_incidents_leave_broken_files_alone(tmp_path):
    (tmp_path / "0a.json").write_text('{"version": 1,')
    (tmp_path / ".0b.json.tmp").write_text("half")
    (tmp_path / "trails.json").write_text("[]")
    done = command("incidents", "--state-directory", tmp_path)
    assert done.returncode == WRONG and "0a.json is not JSON" in done.stdout, done
    assert sorted(os.listdir(tmp_path)) == [".0b.json.tmp", "0a.json", "trails.json"]
    told = json.loads(command("incidents", "--json", "--state-directory", tmp_path).stdout)
    assert len(told["unreadable"]) == 2 and told["exit_status"] == WRONG


def test_incidents_without_a_folder(tmp_path):
    done = command("incidents", "--state-directory", tmp_path / "none")
    assert done.returncode == UNKNOWN and "has never run" in done.stderr, done


# The command itself

@pytest.mark.parametrize("arguments, said", [
    ([], "say what to do: status, incidents, check"),
    (["look"], 'there is no verb "look"; there are: status'),
    (["chek"], 'there is no verb "chek"; did you mean "check"?'),
    (["status", "x"], 'too much after "status": "x"'),
    (["incidents", "aa", "bb"], 'too much after "incidents": "bb"'),
    (["--colour", "status"], 'there is no option "--colour" (--help'),
    (["--jsn", "status"], "did you mean --json?"),
    (["-z", "status"], 'there is no option "-z"'),
    (["--sta=x", "status"], '"--sta" may be --state-directory or --status-file'),
    (["--json=x", "status"], "--json takes no value"),
    (["status", "--offline"], "status does not take --offline (trailsentry status --help"),
    (["incidents", "--state-directory"], "--state-directory needs a value"),
    (["policy", "--json", "--output=x"], "say one of them")])
def test_asked_wrongly(arguments, said):
    done = command(*arguments)
    assert done.returncode == USAGE and not done.stdout and said in done.stderr, done
    assert done.stderr.count("\n") == 1, done


def test_help_and_version():
    done = command("--help")
    verbs = re.findall(r"^  ([a-z][a-z-]*) ", done.stdout, re.M)
    assert done.returncode == WELL and {"status", "incidents", "check"} <= set(verbs)
    for verb in verbs:
        more = command(verb, "--help")
        assert more.returncode == WELL and f"trailsentry {verb} [OPTION...]" in more.stdout, more
        for line in (done.stdout + more.stdout).split("\n"):
            assert len(line) < 80, line
    assert re.fullmatch(r"trailsentry \d+\.\d+\.\d+\n", command("--version").stdout)


@pytest.mark.parametrize("verb", ["policy", "test-alert", "check"])
def test_configuration_with_mistakes(tmp_path, verb):
    path = tmp_path / "trailsentry.conf"
    path.write_text("trails = ();\n")
    done = command(verb, "--config", path)
    assert done.returncode in (WRONG, UNKNOWN) and "trails" in done.stdout + done.stderr, done


def test_a_result_that_cannot_be_written():
    with open("/dev/full", "w", encoding="ascii") as full:
        done = command("--help", stdout=full)
    assert done.returncode == UNKNOWN and "No space left on device" in done.stderr, done


def on_terminal(environment, *arguments):
    """What the command writes to a terminal."""
    main, terminal = pty.openpty()
    process = subprocess.Popen([COMMAND, *map(str, arguments)], stdin=subprocess.DEVNULL,
                               stdout=terminal, stderr=terminal,
                               env={"PATH": "/usr/bin:/bin", **environment})
    os.close(terminal)
    text = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        text += piece
    os.close(main)
    process.wait(20)
    return text.decode()


def test_colours_are_for_terminals_that_want_them(tmp_path):
    arguments = ["incidents", "--state-directory", tmp_path]
    assert "\x1b[" in on_terminal({"TERM": "xterm"}, *arguments)
    assert "\x1b" not in on_terminal({"TERM": "xterm", "NO_COLOR": "1"}, *arguments)
    assert "\x1b" not in on_terminal({"TERM": "dumb"}, *arguments)
    assert "\x1b" not in on_terminal({}, *arguments)
