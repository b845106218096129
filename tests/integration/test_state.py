# SPDX-License-Identifier: Apache-2.0
"""A full, lost or stalled disk keeps neither a restart nor an alert; bad files cost no other."""

import json
import os
import shutil
import subprocess

import pytest

from guard import SLOW, TRAIL, in_own_mounts, strace


def check_undurable(aws, guard, attack, reason):
    """At once, saying why it is not durable."""
    opened = aws.message(phase="OPEN")
    closed = aws.message(phase="CLOSED")
    start, = aws.restarts()
    assert start["time"] - attack["time"] < 2 * SLOW
    assert opened.time - start["time"] < 2 * SLOW and closed.time - start["time"] < 3 * SLOW
    assert f"NOT DURABLE: the guard could not store this incident on its disk ({reason})" in \
        opened.text
    return opened


def test_full_disk(aws, make_guard):
    guard = make_guard()
    prefix = in_own_mounts(f"mount -t tmpfs -o size=256k,mode=0750 none {guard.state}")
    if prefix is None:
        pytest.skip("no mount namespaces for this user")
    os.mkdir(guard.state, 0o750)
    guard.prefix = prefix
    guard.run()
    inside = f"/proc/{guard.process.pid}/root{guard.state}"
    aws.polls(5)
    with open(os.path.join(inside, "filler"), "wb", buffering=0) as filler:
        with pytest.raises(OSError):
            while True:
                filler.write(bytes(4096))
    attack = aws.attack(TRAIL)
    opened = check_undurable(aws, guard, attack, "No space left on device")
    aws.actor(attack)
    guard.wait_status(lambda s: s["state_error"] == "No space left on device")
    guard.record(f"incident {opened.incident} could not be stored: No space left on device")

    # Made up for as soon as there is room; nothing is sent again.
    os.unlink(os.path.join(inside, "filler"))
    guard.wait_status(lambda s: s["state_error"] is None)
    assert guard.wait(lambda: os.path.exists(f"{inside}/{opened.incident}.json") or None)
    guard.wait_silent()


def test_full_run(aws, make_guard):
    """No room for the status file and answers: it delays nothing, and is told by what else there
    is."""
    guard = make_guard()
    folder = os.path.dirname(guard.status_path)
    guard.prefix = in_own_mounts(f"mount -t tmpfs -o size=64k,mode=0750 none {folder}")
    if guard.prefix is None:
        pytest.skip("no mount namespaces for this user")
    guard.run()
    inside = f"/proc/{guard.process.pid}/root{folder}"
    with open(os.path.join(inside, "filler"), "wb", buffering=0) as filler:
        with pytest.raises(OSError):
            while True:
                filler.write(bytes(4096))
    failed = guard.record("status.json cannot be written, and no request be answered: No space left")
    assert failed.level == "error"
    attack = aws.attack(TRAIL)
    closed = aws.message(phase="CLOSED")
    start, = aws.restarts()
    assert start["time"] - attack["time"] < 2 * SLOW
    assert closed.time - start["time"] < 3 * SLOW
    guard.wait(lambda: any("; status file: No space left" in n for n in guard.notes), what="STATUS=")
    os.unlink(os.path.join(inside, "filler"))
    guard.record("status.json is written again")
    assert len(guard.find_records("status.json cannot be written")) == 1


def test_state_folder_taken_away(aws, guard):
    guard.run()
    aside = guard.state + "-aside"
    os.rename(guard.state, aside)
    with open(guard.state, "w", encoding="utf-8"):
        os.chmod(guard.state, 0o640)
    attack = aws.attack(TRAIL)
    opened = check_undurable(aws, guard, attack, "Not a directory")
    aws.actor(attack)
    guard.wait_status(lambda s: s["state_error"] == "Not a directory")
    os.unlink(guard.state)
    os.rename(aside, guard.state)
    guard.wait_status(lambda s: s["state_error"] is None)
    guard.wait_silent()
    guard.stop()
    assert guard.incident()["id"] == opened.incident
    assert all(d["sent"] for m in guard.incident()["messages"] for d in m["deliveries"])


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_stalled_disk(aws, make_guard):
    """fsync takes two seconds: an alert waits for one."""
    guard = make_guard(wrapped=False, prefix=strace("inject=fsync:delay_enter=2000000:when=3+"),
                       environment={"ASAN_OPTIONS": "detect_leaks=0"}).run()
    aws.polls(5)
    attack = aws.attack(TRAIL)
    check_undurable(aws, guard, attack, "no answer from the disk within a second")
    guard.kill()


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_slow_disk(aws, make_guard):
    """Two fsyncs of 0.2 s: the restart does not wait for them, the alert does."""
    guard = make_guard(scale=1, wrapped=False,
                       prefix=strace("inject=fsync:delay_enter=200000:when=3+"),
                       environment={"ASAN_OPTIONS": "detect_leaks=0"}).run()
    memories = os.path.join(guard.state, "trails.json")
    guard.wait(lambda: os.path.exists(memories), what="trails.json")
    attack = aws.attack(TRAIL)
    opened = aws.message(phase="OPEN")
    start, = aws.restarts()
    assert start["time"] - attack["time"] < 2 * SLOW
    assert opened.time - start["time"] > 0.35 and "NOT DURABLE" not in opened.text
    assert list(guard.incidents()) == [opened.incident]
    guard.kill()


def test_corrupt_files_are_set_aside(aws, guard):
    guard.run()
    aws.attack(TRAIL)
    first = aws.message(phase="CLOSED")
    guard.wait_silent()
    guard.stop()
    file = os.path.join(guard.state, first.incident + ".json")
    for path, content in ((file, b'{"version": 1, "id": "'),
                          (os.path.join(guard.state, "trails.json"), b"\0\xff" * 100)):
        with open(path, "wb") as out:
            out.write(content)
    seen = len(guard.records)
    guard.run()
    for name in (file, "trails.json"):
        record = guard.record("set aside.*" + os.path.basename(name) + r"\.corrupt", first=seen)
        assert record.level == "error"
    with open(file + ".corrupt", "rb") as kept:
        assert kept.read() == b'{"version": 1, "id": "'
    # And it guards as before. The stop of before is told once more, under the same id.
    again = aws.message(phase="CLOSED", kind="recent-stop")
    assert again.incident == first.incident
    aws.repeats = 2
    aws.attack(TRAIL)
    assert aws.message(phase="UPDATE", contains="stopped 2 times").incident == first.incident
    assert len(guard.incidents()) == 2


def test_state_that_cannot_be_used_at_the_start(aws, guard):
    """It guards all the same, and says what it lacks."""
    with open(guard.state, "w", encoding="utf-8"):
        os.chmod(guard.state, 0o640)
    guard.run()
    guard.record("guarding goes on without what was stored: Not a directory")
    guard.wait_status(lambda s: s["state_error"] == "Not a directory")
    attack = aws.attack(TRAIL)
    check_undurable(aws, guard, attack, "Not a directory")


def test_second_daemon_on_one_state_is_refused(aws, make_guard):
    first, second = make_guard().run(), make_guard()
    second.state = first.state
    assert second.spawn().exit_status() == 1
    assert second.records[-1].text == f"another trailsentryd uses {first.state}"
    assert "READY=1" not in second.notes
    first.kill()
    second.run()


def test_second_guard_on_the_same_state_is_refused(aws, guard):
    """And has written nothing: memories of its own would hide what the first one knows."""
    guard.run()
    aws.polls(3)
    guard.wait_status(lambda s: s["trails"][0]["last_poll_msec"] > 0)
    second = subprocess.run(guard.command(), env={"PATH": "/usr/bin:/bin", "AWS_ACCESS_KEY_ID": "A",
                                                  "AWS_SECRET_ACCESS_KEY": "b"},
                            stderr=subprocess.PIPE, text=True, timeout=20 * SLOW, check=False)
    assert second.returncode == 1 and "another trailsentryd uses" in second.stderr
    assert guard.status()["state"] == "running" and guard.status()["pid"] == guard.process.pid
    path = os.path.join(guard.state, "trails.json")
    if os.path.exists(path):
        with open(path, encoding="ascii") as f:
            assert json.load(f)["trails"][0]["seen"] is True


def test_last_poll_is_stored_when_it_stops(aws, guard):
    """Else the next start knows less of what was seen than this one did."""
    guard.run()
    aws.polls(5)
    guard.stop()
    with open(os.path.join(guard.state, "trails.json"), encoding="ascii") as f:
        stored = json.load(f)["trails"][0]
    assert stored["last_good_msec"] == guard.status()["trails"][0]["last_poll_msec"]
