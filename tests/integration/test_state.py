# SPDX-License-Identifier: Apache-2.0
"""A full, lost or stalled disk keeps neither a restart nor an alert; bad files cost no other."""

import json
import os
import re
import shutil
import signal

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
    """Fsyncs of 0.05 s, two for each write: the restart does not wait for them, the alert does."""
    guard = make_guard(scale=1, wrapped=False,
                       prefix=strace("inject=fsync:delay_enter=50000:when=3+"),
                       environment={"ASAN_OPTIONS": "detect_leaks=0"}).run()
    memories = os.path.join(guard.state, "trails.json")
    guard.wait(lambda: os.path.exists(memories), what="trails.json")
    attack = aws.attack(TRAIL)
    opened = aws.message(phase="OPEN")
    start, = aws.restarts()
    assert start["time"] - attack["time"] < 2 * SLOW
    assert opened.time - start["time"] > 0.08 and "NOT DURABLE" not in opened.text
    assert list(guard.incidents()) == [opened.incident]
    guard.kill()


def test_damaged_files_are_told_and_set_aside(aws, guard):
    guard.run()
    aws.attack(TRAIL)
    first = aws.message(phase="CLOSED")
    guard.wait_silent()
    guard.stop()
    names = ("trails.json", "trails.json.1", "0123456789abcdef.json")
    for name in names:
        with open(os.path.join(guard.state, name), "wb") as out:
            out.write(b"\0\xff" * 100)
        os.chmod(os.path.join(guard.state, name), 0o640)
    seen = len(guard.records)
    guard.run()
    lost = aws.message(phase="NOTICE", kind="state-lost")
    for name in names:
        record = guard.record(re.escape(f"{guard.state}/{name} is not JSON"), first=seen)
        assert record.level == "error" and f"{guard.state}/{name} is not JSON" in lost.text
    assert "No baseline: what is read of them next becomes it" in lost.text
    assert lost.severity == "high" and TRAIL in lost.text
    # And it guards as before. What could be read is used.
    aws.attack(TRAIL)
    assert aws.message(phase="UPDATE", contains="stopped 2 times").incident == first.incident
    with open(os.path.join(guard.state, "trails.json.corrupt"), "rb") as kept:
        assert kept.read() == b"\0\xff" * 100


def test_state_folder_emptied_between_two_runs(aws, guard):
    """The status file of the run before knows that there was something."""
    guard.run()
    guard.wait_status(lambda s: s["state_kept"])
    guard.stop()
    shutil.rmtree(guard.state)
    guard.run()
    lost = aws.message(phase="NOTICE", kind="state-lost")
    assert f"{guard.state} is empty" in lost.text and TRAIL in lost.text
    assert guard.find_records("is empty")


def test_state_that_cannot_be_used_at_the_start(aws, guard):
    """It guards all the same, and says what it lacks."""
    with open(guard.state, "w", encoding="utf-8"):
        os.chmod(guard.state, 0o640)
    guard.run()
    guard.record("guarding continues without the stored state: .* Not a directory")
    guard.wait_status(lambda s: "Not a directory" in (s["state_error"] or ""))
    aws.message(phase="OPEN", kind="state-lost")
    attack = aws.attack(TRAIL)
    check_undurable(aws, guard, attack, "Not a directory")
    os.unlink(guard.state)
    aws.message(phase="CLOSED", kind="state-lost")
    guard.wait_status(lambda s: s["state_error"] is None)
    guard.wait_silent()
    assert {i["kind"] for i in guard.incidents().values()} == {"stopped", "state-lost"}


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_disk_that_stalls_at_the_start(aws, make_guard):
    """Nothing of what was stored can be read for 12 s: the trail logs again long before that."""
    guard = make_guard().run()
    guard.wait_status(lambda s: s["state_kept"])
    guard.stop()
    attack = aws.attack(TRAIL)
    guard.prefix = strace("inject=flock:delay_enter=12000000")
    guard.wrapped = False
    guard.environment = {"ASAN_OPTIONS": "detect_leaks=0"}
    guard.spawn()
    aws.wait_trail(TRAIL, logging=True)
    assert "READY=1" not in guard.notes[guard.first_note:]
    guard.wait(lambda: "READY=1" in guard.notes[guard.first_note:], what="READY=1")
    lost = aws.message(phase="OPEN", kind="state-lost")
    assert f"the disk of {guard.state} does not answer" in lost.text
    aws.message(phase="OPEN", kind="already-stopped")
    aws.message(phase="CLOSED", kind="state-lost")
    aws.actor(attack)
    guard.wait_status(lambda s: s["state_error"] is None)
    guard.wait_silent()
    assert sorted(i["kind"] for i in guard.incidents().values()) == \
        ["already-stopped", "state-lost"]
    guard.kill()


def files_of(guard):
    """What is in the state folder, with the identity of each file."""
    return {e.name: e.inode() for e in os.scandir(guard.state)}


def test_two_daemons_on_one_state(aws, make_guard):
    """The second one guards, too, writes nothing, and takes the state when it can be had."""
    first, second = make_guard(poll="10s"), make_guard()
    first.run()
    first.wait_status(lambda s: s["state_kept"])
    first.process.send_signal(signal.SIGSTOP)
    before = files_of(first)
    second.state = first.state
    second.run()
    record = second.record(f"without the stored state: another trailsentryd uses {first.state}")
    assert record.level == "crit"
    second.wait_status(lambda s: s["state_error"] == f"another trailsentryd uses {first.state}")
    told = aws.message(phase="OPEN", kind="state-lost")
    attack = aws.attack(TRAIL)
    check_undurable(aws, second, attack, "another trailsentryd uses the state directory")
    assert files_of(first) == before
    first.process.send_signal(signal.SIGCONT)
    first.kill()
    assert aws.message(phase="CLOSED", kind="state-lost").incident == told.incident
    second.wait_status(lambda s: s["state_error"] is None)
    second.wait_silent()
    assert attack and "trails.json.1" in files_of(second)


def test_last_poll_is_stored_when_it_stops(aws, guard):
    """Else the next start knows less of what was seen than this one did."""
    guard.run()
    aws.polls(5)
    guard.stop()
    with open(os.path.join(guard.state, "trails.json"), encoding="ascii") as f:
        stored = json.load(f)["trails"][0]
    assert stored["last_good_msec"] == guard.status()["trails"][0]["last_poll_msec"]
