# SPDX-License-Identifier: Apache-2.0
"""The command beside the daemon: what it shows, what it calls wrong, what it leaves alone."""

import copy
import json
import os
import pty
import re
import subprocess
import time

import pytest

from guard import BUILD_DIR, FAR_TRAIL, ROLE, SLOW, TOPIC, TRAIL, WRAP, reached_by_role

COMMAND = os.path.join(BUILD_DIR, "trailsentry")
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
WELL, WRONG, USAGE, UNKNOWN = range(4)


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
    assert "about 526003 read events" in text
    assert "All that was tried works." in text
    operations = {c["operation"] for c in aws.calls() if c["service"] != "imds"}
    assert operations == {"GetCallerIdentity", "AssumeRole", "GetTrailStatus", "GetTrail",
                          "LookupEvents"}


def test_check_for_machines(guard):
    done = check(guard, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == WELL and told["exit_status"] == WELL
    assert told["problems"] == told["findings"] == []
    assert told["trails"][0]["arn"] == TRAIL and told["trails"][0]["logging"] is True
    assert told["trails"][0]["home_region"] == "eu-west-1"
    assert [told["trails"][0][o]["state"] for o in ("GetTrailStatus", "GetTrail", "LookupEvents")] \
        == ["ok"] * 3
    assert told["accounts"][1]["role_arn"] == ROLE
    assert told["read_events_a_month"] == 2630016


def test_check_offline_asks_nothing(aws, guard):
    done = check(guard, "--offline")
    assert done.returncode == WELL and "not looked at (--offline)" in done.stdout, done
    assert aws.calls() == []


def test_check_names_the_missing_permission(aws, guard):
    aws.permissions("trailsentry-target", deny=["cloudtrail:LookupEvents"])
    done = check(guard)
    refused = [c["request_id"] for c in aws.calls(operation="LookupEvents")]
    text = done.stdout
    assert done.returncode == WRONG, done
    assert any(f"AccessDeniedException, request id {i})" in text for i in refused), text
    assert f"=> Allow cloudtrail:LookupEvents on * to {ROLE}" in text
    assert "2 of 3" in text and "1 thing is wrong." in text


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
    assert done.returncode == WRONG and "base credentials: the service failed" in done.stdout, done
    assert "3 of 3" in done.stdout and len(aws.calls(operation="GetTrailStatus")) == 1


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
    assert done.returncode == WRONG and "base credentials: no answer" in done.stdout, done
    assert aws.calls(service="sts") == []


def test_check_without_credentials(guard):
    done = check(guard, AWS_EC2_METADATA_DISABLED="true")
    assert done.returncode == UNKNOWN and not done.stdout, done
    assert "no credentials: AWS_ACCESS_KEY_ID" in done.stderr


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
    assert "is NOT LOGGING, stopped" in done.stdout and f"trailsentry incidents {incident}" in done.stdout
    listed = command("incidents", "--state-directory", guard.state)
    assert listed.returncode == WRONG and "open" in listed.stdout, listed
    shown = command("incidents", incident, "--state-directory", guard.state).stdout
    assert "failing" in shown and "access denied (AccessDeniedException" in shown


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"version": 2}', "x" * 100])
def test_status_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "status.json"
    if content is not None:
        path.write_text(content)
    done = command("status", "--status-file", path)
    assert done.returncode == UNKNOWN and not done.stdout and str(path) in done.stderr, done


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
    for text in (TRAIL, "Role            culprit", "arn:aws:iam::444455556666:user/Mary_Major",
                 attack["event_id"], attack["request_id"], "exact", "Message 1: OPEN",
                 "tool\\x1b[2J \\u{202e}gnp.exe", f"Sent            {TOPIC}",
                 aws.restarts()[0]["request_id"], "What to do"):
        assert text in shown.stdout, text
    told = json.loads(command("incidents", named.incident, "--json", "--state-directory",
                              guard.state).stdout)
    assert told == guard.incident()


def made_up(guard, folder):
    """Copies of one real incident, changed."""
    template = guard.incident()
    os.makedirs(folder)

    def put(number, **changes):
        incident = copy.deepcopy(template)
        incident["id"] = f"{number:016x}"
        incident.update(changes)
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
             "not-found", "cannot-see", "other-controller"]
    base = guard.incident()["detected_msec"]
    for number, kind in enumerate(kinds):
        put(0xab00000000000000 + number, kind=kind, detected_msec=base + number * 1000)
    put(1, open=True, closed_msec=0, blind_to_msec=0, detected_msec=base - 5000,
        trail_arn=TRAIL.replace("management-events", "a" * 128))
    messages = guard.incident()["messages"]
    messages[0]["deliveries"][0]["sent"] = False
    put(2, messages=messages, detected_msec=base - 9000)
    before = sorted(os.listdir(folder))

    done = command("incidents", "--state-directory", folder)
    assert done.returncode == WRONG, done
    rows = [line for line in done.stdout.split("\n") if re.match(r"\d{4}-", line)]
    assert [re.split("  +", r)[2] for r in rows] == [*reversed(kinds), "stopped", "stopped"]
    assert all(len(row) <= 80 for row in rows)
    assert "1 message not sent yet" in done.stdout
    assert command("incidents", "ab", "--state-directory", folder).returncode == USAGE
    assert command("incidents", "f0", "--state-directory", folder).returncode == USAGE
    strange = command("incidents", "../x", "--state-directory", folder)
    assert strange.returncode == USAGE and "is not the beginning of" in strange.stderr, strange
    unsent = command("incidents", "0000000000000002", "--state-directory", folder)
    assert unsent.returncode == WRONG and "NOT SENT" in unsent.stdout, unsent
    for name in before:
        shown = command("incidents", name[:-5], "--state-directory", folder)
        assert shown.returncode in (WELL, WRONG) and not shown.stderr, shown
    assert sorted(os.listdir(folder)) == before


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
    (["incidents", "--state-directory"], "--state-directory needs a value")])
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
