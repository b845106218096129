# SPDX-License-Identifier: Apache-2.0
"""The daemon as a service: configuration, readiness, watchdog, status, heartbeat, its end."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

import guard as guard_module
from guard import FAR_TRAIL, SLOW, TOPIC, TRAIL, WRAP, in_own_mounts, is_sanitized, reached_by_role, \
    strace

MISTAKES = '''trails = (
  { arn = "arn:aws:cloudtrail:eu-west-1:444455556666:trial/management-events"; },
  { arn = "%s"; rol_arn = "arn:aws:iam::444455556666:role/trailsentry-target"; }
);
topics = ( { arn = "arn:aws:sns:eu-west-1:111122223333:security-alerts"; format = "slack"; } );
poll_interval = 10;
cannot_see_after = "1 fortnight";
action = "ignore";
endpoint = "http://example.com";
''' % TRAIL
FOUND = [(2, "trails[0].arn"), (3, "trails[1].rol_arn"), (5, "topics[0].format"), (6, "poll_interval"),
         (7, "cannot_see_after"), (8, "action"), (9, "endpoint")]


def refused(aws, guard):
    """Started in vain: exit status, what was said, and that nothing else happened."""
    assert guard.spawn().exit_status() == 78
    assert aws.calls() == [] and not os.path.exists(guard.state)
    assert "READY=1" not in guard.notes
    return [r.text for r in guard.records]


def test_every_mistake_is_told_by_line_and_option(aws, guard):
    guard.write_config(MISTAKES)
    said = refused(aws, guard)
    places = [re.match(re.escape(guard.config) + r":(\d+): ([^:]+): .+", text) for text in said]
    assert [(int(p.group(1)), p.group(2)) for p in places if p] == FOUND, said
    assert 'did you mean "role_arn"?' in said[1]
    assert all(r.level == "error" for r in guard.records)


@pytest.mark.parametrize("text,words", [
    ("trails = (", "syntax error"), ("@include \"/etc/passwd\"\n", "@include"),
    ("", "trails: is missing")])
def test_file_that_is_none(aws, guard, text, words):
    guard.write_config(text)
    assert any(words in line for line in refused(aws, guard))


@pytest.mark.parametrize("mode,words", [(0o666, "can be written by everybody"),
                                        (0o620, "can be written by its group")])
def test_file_that_others_can_write_is_refused(aws, guard, mode, words):
    os.chmod(guard.config, mode)
    line, = refused(aws, guard)
    assert line.startswith(guard.config + ": ") and words in line and "chmod go-w" in line


def test_missing_file(aws, guard):
    """It may come: not exit status 78, after which the unit is never started again."""
    os.unlink(guard.config)
    assert guard.spawn().exit_status() == 1
    assert "no such file" in guard.records[0].text
    guard.configure()
    guard.run()


@pytest.mark.parametrize("arguments,status,words", [
    (["--help"], 0, "--state-directory=DIR"), (["--version"], 0, "trailsentry 0."),
    (["--time-scale=0"], 64, "takes 1 to 100"), (["--time-scale=2x"], 64, "takes 1 to 100"),
    (["extra"], 64, "unexpected argument 'extra'"), (["--nonsense"], 64, "nonsense")])
def test_command_line(arguments, status, words):
    done = subprocess.run([*WRAP, guard_module.DAEMON, *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60 * SLOW, check=False)
    assert done.returncode == status and words in done.stdout + done.stderr, done


def test_service_manager_is_told(aws, make_guard):
    guard = make_guard(environment={"WATCHDOG_USEC": "400000"}).run()
    assert guard.notes.count("READY=1") == 1
    guard.wait(lambda: guard.notes.count("WATCHDOG=1") >= 5, what="WATCHDOG=1")
    guard.wait(lambda: "STATUS=1 trail, 1 logging, 0 unseen; 0 incidents open, 0 messages to send"
               in guard.notes, what="STATUS=")
    guard.stop()
    assert "STOPPING=1" in guard.notes
    assert guard.status()["state"] == "stopping"
    assert guard.records[-1].text == "trailsentryd stops"


def test_nobody_reads_what_it_says(aws, make_guard):
    """Neither standard error nor the service manager's socket, from before its start: it polls,
    restarts, tells the topics, and ends. What it had to say comes as soon as somebody reads."""
    guard = make_guard(environment={"WATCHDOG_USEC": "400000"}).spawn(deaf=True)
    aws.polls(3, ok=True)
    aws.attack(TRAIL)
    aws.message(phase="CLOSED")
    for _ in range(1000):
        if guard.status()["log_error"]:
            break
        aws.polls(1)
    assert "nothing has been written since 20" in guard.status()["log_error"]
    guard.listen()
    guard.wait(lambda: "READY=1" in guard.notes, what="READY=1")
    accepted = guard.record("StartLogging accepted")
    texts = [r.text for r in guard.records]
    assert texts[0].startswith("endpoint of ") and not any("lost" in t for t in texts), texts
    # The time is that of what happened.
    times = [r.time if "." in r.time else r.time.replace("Z", ".000Z") for r in guard.records]
    assert times == sorted(times), times
    assert times[texts.index(accepted.text)] > times[0]
    guard.wait_new_status(lambda s: s["log_error"] is None)
    guard.stop()


@pytest.mark.parametrize("number,status", [(signal.SIGTERM, 0),
                                           (signal.SIGABRT, -signal.SIGABRT)])
def test_ends_in_time_when_nobody_reads(aws, make_guard, number, status):
    guard = make_guard(wrapped=False).spawn(deaf=True)
    aws.polls(3, ok=True)
    begun = time.monotonic()
    guard.process.send_signal(number)
    assert guard.exit_status() == status
    assert time.monotonic() - begun < 3 * SLOW


def test_standard_descriptors_that_are_closed(aws, make_guard):
    """What is opened first does not take their numbers, and gets no record of the log."""
    guard = make_guard(prefix=["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"], wrapped=False)
    guard.spawn()
    aws.polls(3, ok=True)
    open_files = f"/proc/{guard.process.pid}/fd"
    assert [os.readlink(f"{open_files}/{fd}") for fd in range(3)] == ["/dev/null"] * 3
    aws.attack(TRAIL)
    aws.message(phase="CLOSED")
    guard.stop()


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_each_protection_of_memory_that_fails_is_told(aws, make_guard):
    """One that fails keeps none of the others from being tried."""
    if is_sanitized():
        pytest.skip("sanitizers want to know their limits")
    guard = make_guard(wrapped=False, prefix=strace("inject=prlimit64,prctl,mlock:error=EPERM"),
                       environment={"ASAN_OPTIONS": "detect_leaks=0"}).run()
    for words in ("could not be limited to none .setrlimit.: Operation not permitted",
                  "could not be forbidden .prctl.: Operation not permitted",
                  "secrets cannot be locked in memory, and may be swapped out: Operation not perm"):
        assert len(guard.find_records(words)) == 1, words
    guard.kill()


def test_starved_of_cpu_it_is_not_taken_for_wedged(aws, make_guard):
    """Stopped during polls for longer than any may be overdue (the other one's polls show the
    time), it feeds the watchdog as soon as it has looked around, not a quarter of WatchdogSec=
    later. With so many of them that its timer does not happen to have its turn last."""
    arns = [TRAIL.replace("management-events", f"trail-{n}") for n in range(24)]
    for arn in arns:
        aws.create_trail(arn, logging=True)
    guard = make_guard(scale=100, poll="10s", environment={"WATCHDOG_USEC": str(int(20e6 * SLOW))},
                       trails=[reached_by_role(arn) for arn in arns]).run(*arns)
    other = make_guard(scale=100, poll="10s", trails=[reached_by_role(FAR_TRAIL)]).run()
    beats = guard.notes.count("WATCHDOG=1")
    guard.wait(lambda: guard.notes.count("WATCHDOG=1") > beats, what="WATCHDOG=1")
    for arn in arns:
        aws.fault(operation="GetTrailStatus", trail=arn, kind="delay", seconds=0.1, count=1)
    aws.polls(1, arns[-1])
    guard.process.send_signal(signal.SIGSTOP)
    aws.polls(60, FAR_TRAIL)
    beats = guard.notes.count("WATCHDOG=1")
    begun = aws.last_call()
    guard.process.send_signal(signal.SIGCONT)
    guard.wait(lambda: guard.notes.count("WATCHDOG=1") > beats, what="WATCHDOG=1")
    waited = aws.calls(after=begun, operation="GetTrailStatus", trail=FAR_TRAIL)
    assert len(waited) < 40  # a quarter is fifty
    assert other.process.poll() is None and guard.process.poll() is None


def test_wedged_it_does_not_feed_the_watchdog(aws, make_guard):
    """The loop turns, and yet a poll has not ended: the service is silent for 5 s, which are 500
    where a poll may take 60."""
    guard = make_guard(scale=100 * SLOW, environment={"WATCHDOG_USEC": "400000"}).run()
    first = len(guard.records)  # a slow start can have made it hungry, too
    number = aws.fault(operation="GetTrailStatus", kind="silence", count=1)
    hungry = "the watchdog is not fed: a poll has not ended by its deadline"
    guard.record(hungry, first=first, count=2)
    beats = guard.notes.count("WATCHDOG=1")
    guard.record(hungry, first=first, count=5)
    assert guard.notes.count("WATCHDOG=1") == beats
    aws.clear_faults(number)
    guard.wait(lambda: guard.notes.count("WATCHDOG=1") > beats, what="WATCHDOG=1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_in_time_with_calls_out(aws, guard, number):
    """Polls, a restart and an alert are being waited for."""
    guard.run()
    aws.fault(service="sns", operation="Publish", kind="silence")
    aws.fault(operation="StartLogging", kind="silence")
    aws.attack(TRAIL)
    aws.wait_calls(1, operation="Publish")
    aws.fault(operation="GetTrailStatus", kind="silence")
    aws.wait_calls(1, operation="GetTrailStatus", code="fault:silence")
    begun = time.monotonic()
    guard.process.send_signal(number)
    assert guard.exit_status() == 0
    assert time.monotonic() - begun < 2 * SLOW


def test_heartbeat_is_a_minute_apart_and_ends_with_sight(aws, make_guard):
    """A minute is 0.6 s here. The metric of the one that is seen goes on."""
    trails = [reached_by_role(TRAIL), reached_by_role(FAR_TRAIL)]
    guard = make_guard(trails=trails, scale=100, heartbeat={"namespace": "Guards/Night"}).run()

    def beats(arn):
        return [m for m in aws.metrics(namespace="Guards/Night", name="Heartbeat")
                if m["dimensions"] == {"TrailArn": arn}]

    def wait_beats(count):
        rows = beats(TRAIL)
        while len(rows) < count:
            assert aws.call("metrics", min=len(aws.metrics()) + 1, timeout=20)["ok"]
            rows = beats(TRAIL)
        return rows

    rows = wait_beats(4)
    assert {(m["value"], m["account"], m["region"]) for m in rows} == \
        {(1.0, "111122223333", "eu-west-1")}
    gaps = [b["time"] - a["time"] for a, b in zip(rows, rows[1:])]
    assert all(gap > 60 / guard.scale * 0.5 for gap in gaps), gaps
    assert abs(len(beats(FAR_TRAIL)) - len(rows)) <= 1

    aws.fault(operation="GetTrailStatus", region="us-east-1", kind="error",
              code="AccessDeniedException")
    aws.polls(2, region="us-east-1")
    # What was good before the fault may still be told once.
    before = len(beats(FAR_TRAIL)) + 1
    wait_beats(len(beats(TRAIL)) + 4)
    assert len(beats(FAR_TRAIL)) <= before
    aws.clear_faults()
    before = len(beats(FAR_TRAIL))
    wait_beats(len(beats(TRAIL)) + 3)
    assert len(beats(FAR_TRAIL)) > before


def denied(aws):
    number = aws.fault(service="sns", operation="Publish", kind="error", status=403,
                       code="AuthorizationError")
    return lambda: aws.clear_faults(number)


def deleted(aws):
    aws.call("topic", arn=TOPIC, exists=False)
    return lambda: aws.call("topic", arn=TOPIC, exists=True)


@pytest.mark.parametrize("silence", [denied, deleted])
def test_heartbeat_is_withheld_while_alerts_reach_nobody(aws, make_guard, silence):
    """The only topic accepts nothing: the alarm outside is to go off."""
    guard = make_guard(scale=100, heartbeat={"namespace": "trailsentry"}).run()
    aws.wait_calls(1, operation="PutMetricData")
    mend = silence(aws)
    aws.attack(TRAIL)
    guard.record("heartbeats are withheld: alert .* was accepted by no topic")
    last = aws.last_call()
    guard.wait_status(lambda s: s["heartbeat"]["enabled"] and s["heartbeat"]["withheld_msec"] > 0)
    aws.wait_calls(200, after=last, operation="GetTrailStatus")  # more than a heartbeat apart
    assert aws.calls(after=last, operation="PutMetricData") == []
    mend()
    aws.message(phase="CLOSED", timeout=60)
    guard.record("heartbeats are sent again")
    aws.wait_calls(1, after=last, operation="PutMetricData")
    guard.wait_status(lambda s: s["heartbeat"]["withheld_msec"] == 0)


def test_heartbeat_that_cannot_be_sent_is_said(aws, make_guard):
    guard = make_guard(scale=100)
    number = aws.fault(service="monitoring", kind="error", code="AccessDenied", status=403)
    guard.run()
    guard.record("the heartbeat could not be sent, its alarm will go off: access denied")
    aws.clear_faults(number)
    guard.record("the heartbeat is sent again")
    assert aws.messages() == []


def test_name_resolution_that_hangs(aws, make_guard):
    """The loop goes on turning, the trail is told as unseen, and the end is not waited for."""
    try:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.99", 53))
    except OSError as error:
        pytest.skip(f"no name server can be played: {error}")
    with server:
        server.settimeout(20 * SLOW)
        # What a thread holds that hangs in the resolver is lost to valgrind.
        guard = make_guard(scale=5, cannot_see_after="10s", wrapped=False,
                           environment={"WATCHDOG_USEC": "400000"})
        resolv = os.path.join(guard.folder, "resolv.conf")
        with open(resolv, "w", encoding="utf-8") as out:
            out.write("nameserver 127.0.0.99\noptions timeout:30 attempts:1\n")
        guard.prefix = in_own_mounts(
            f"mount --bind {resolv} $(readlink -f /etc/resolv.conf)")
        if guard.prefix is None:
            pytest.skip("no mount namespaces for this user")
        guard.configure(endpoint="https://{service}.{region}.guard.example")
        guard.start()
        assert b"\5guard\7example" in server.recv(512)
        guard.record("management-events cannot be seen")
        beats = guard.notes.count("WATCHDOG=1")
        guard.wait(lambda: guard.notes.count("WATCHDOG=1") > beats + 5, what="WATCHDOG=1")
        begun = time.monotonic()
        guard.stop()
        assert time.monotonic() - begun < 2 * SLOW


def test_memory_of_large_answers_is_given_back(aws, make_guard):
    """Eight MiB of blanks before each answer about who did it: some are read, none is kept."""
    if is_sanitized():
        pytest.skip("the memory of sanitizers and valgrind is another")

    def resident():
        with open(f"/proc/{guard.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"^RssAnon:\s+(\d+) kB$", file.read(), re.MULTILINE)[1])

    guard = make_guard(scale=100).run()
    aws.actor(aws.attack(TRAIL))
    before = resident()
    aws.fault(service="cloudtrail", operation="LookupEvents", kind="oversize")
    for _ in range(6):
        aws.attack(TRAIL)
        aws.wait_trail(TRAIL, logging=True)
        guard.record("Mary_Major", first=len(guard.records))
    aws.clear_faults()
    guard.wait_silent(timeout=40)
    aws.polls(20)  # nothing large is under way any more
    assert resident() - before < 4096
