# SPDX-License-Identifier: Apache-2.0
"""Approved maintenance, from the command to the topics, and who may not ask for it."""

import json
import os
import shutil
import threading
import time

import pytest

from guard import FAR_TRAIL, TRAIL, strace
from test_cli import USAGE, UNKNOWN, WELL, WRONG, command

SET = ["--trail", "management-events", "--for", "30min", "--reason", "the bucket moves, CHG-4711"]


def maintenance(guard, *arguments, **environment):
    return command("maintenance", *arguments, "--status-file", guard.status_path,
                   environment=environment)


def begin(guard, *arguments):
    done = maintenance(guard, "start", *(arguments or SET), SUDO_USER="alice")
    assert done.returncode == WELL, done
    assert "told to every topic" in done.stdout


def test_recorded_meanwhile_and_restarted_after(aws, make_guard):
    guard = make_guard(scale=10).run()
    begin(guard)
    told = aws.message(phase="NOTICE", kind="maintenance")
    assert told.severity == "warning" and "CHG-4711" in told.text
    assert "(sudo, for alice)" in told.text and TRAIL in told.text
    assert "sudo, for alice" in guard.record("asks for maintenance-start").text
    listed = maintenance(guard, "list")
    assert "CHG-4711" in listed.stdout and TRAIL in listed.stdout

    aws.attack(trail=TRAIL)
    recorded = guard.record("was stopped; NOT LOGGING \\(maintenance")
    assert recorded.fields["TRAIL_ARN"] == TRAIL
    guard.wait_new_status(lambda s: s["maintenance"][0]["recorded"] == 1)
    assert aws.restarts() == []
    assert [m.kind for m in aws.all_messages()] == ["maintenance"]

    done = maintenance(guard, "stop", "--trail", TRAIL)
    assert done.returncode == WELL and "1 window of maintenance ended" in done.stdout, done
    aws.wait_trail(TRAIL, logging=True)
    ended = aws.message(phase="NOTICE", kind="maintenance", count=2)
    assert "has ended" in ended.subject and recorded.fields["INCIDENT_ID"] in ended.text
    opened = aws.message(phase="OPEN", kind="stopped")
    assert opened.incident == recorded.fields["INCIDENT_ID"]
    aws.message(phase="CLOSED", kind="stopped")
    assert "No maintenance." in maintenance(guard, "list").stdout


def test_survives_a_kill_and_ends_by_itself(aws, make_guard):
    guard = make_guard(scale=60).run()
    begin(guard, "--trail", "all", "--for", "5min", "--reason", "short")  # 5 s of ours
    guard.wait_stored()
    guard.kill()
    guard.run()
    aws.attack(trail=TRAIL)
    guard.record("maintenance of all trails has ended", timeout=30)
    aws.message(phase="CLOSED", kind="stopped")
    aws.message(phase="NOTICE", kind="maintenance", count=2)


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("disk, why", [("error=EIO", "Input/output error"),
                                       ("delay_enter=3000000", "no answer from the disk")])
def test_accepted_by_a_disk_that_fails_or_stalls(aws, make_guard, disk, why):
    """What was accepted is on disk when it is said; what cannot be is said, too. A disk that stalls
    is waited for a second, so that the command is answered before its patience ends."""
    guard = make_guard(wrapped=False, prefix=strace("inject=fsync:" + disk),
                       environment={"ASAN_OPTIONS": "detect_leaks=0"}).run()
    done = maintenance(guard, "start", *SET)
    assert done.returncode == WELL, done
    assert "NOT DURABLE, a crash would undo it: " + why in done.stdout
    guard.kill()


def test_answers_that_nobody_took(aws, make_guard):
    """Of commands that were killed: they go while the daemon runs, too."""
    guard = make_guard().run()
    left = os.path.join(guard.requests, "00000000000000aa.answer")
    fresh = os.path.join(guard.requests, "00000000000000bb.answer")
    for path in (left, fresh):
        with open(path, "w", encoding="utf-8"):
            os.chmod(path, 0o640)
    os.utime(left, (time.time() - 3600, time.time() - 3600))
    begin(guard)
    guard.wait_new_status(lambda s: not os.path.exists(left))
    assert os.path.exists(fresh)


def test_mistakes(aws, make_guard):
    guard = make_guard().run()
    for arguments, words in (
            (["start"], "say of which trail"),
            (["start", "--trail", "managment-events", *SET[2:]], "knows no trail managment-events"),
            (["start", *SET[:2], *SET[4:]], "for how long"),
            (["start", *SET[:2], "--for", "2d", *SET[4:]], '"2d" is not a time from 1min to 1d'),
            (["start", *SET[:2], "--for", "soon", *SET[4:]], '"soon" is not a time from 1min'),
            (["start", *SET[:4]], "say why"),
            (["start", *SET[:4], "--reason", ""], "say why"),
            (["stop"], "say of which trail"),
            (["begin"], "not to \"begin\"")):
        done = maintenance(guard, *arguments)
        assert done.returncode == USAGE and words in done.stderr, (arguments, done)
    done = maintenance(guard, "start", "--trail", FAR_TRAIL, *SET[2:])
    assert done.returncode == WRONG and "not a trail that the daemon guards" in done.stderr
    done = maintenance(guard, "stop", "--trail", "all")
    assert done.returncode == WRONG and "there is no maintenance" in done.stderr
    assert aws.all_messages() == []


def test_no_daemon(aws, make_guard):
    guard = make_guard()
    done = maintenance(guard, "start", *SET)
    assert done.returncode == UNKNOWN and "trailsentryd does not run" in done.stderr, done
    done = maintenance(guard, "start", "--trail", "all", *SET[2:])
    assert done.returncode == UNKNOWN and "does the daemon run" in done.stderr, done
    guard.run().stop()
    begun = time.monotonic()
    done = maintenance(guard, "start", *SET)
    assert done.returncode == UNKNOWN and "has not answered" in done.stderr, done
    assert time.monotonic() > begun
    assert os.listdir(guard.requests) == []


def test_taken_and_not_answered(aws, make_guard):
    """By a daemon that hangs or dies just then: whether it has been done is not known."""
    guard = make_guard()
    guard.run().stop()

    def take():
        while not (names := [n for n in os.listdir(guard.requests) if n[0] != "."]):
            os.sched_yield()
        os.unlink(os.path.join(guard.requests, names[0]))
    taker = threading.Thread(target=take, daemon=True)
    taker.start()
    done = maintenance(guard, "start", *SET)
    taker.join()
    assert done.returncode == UNKNOWN and "has taken it" in done.stderr, done
    assert "nothing has changed" not in done.stderr and os.listdir(guard.requests) == []


def drop(guard, name, text, mode=0o644, owner=None):
    """A request by hand, as somebody might who can write there."""
    path = os.path.join(guard.requests, name)
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path + ".tmp", mode)
    if owner is not None:
        os.chown(path + ".tmp", owner, owner)
    os.rename(path + ".tmp", path)


def answer(guard, stem):
    path = os.path.join(guard.requests, stem + ".answer")
    guard.wait_new_status(lambda s: os.path.exists(path))
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def test_who_may_not_and_what_is_none(aws, make_guard):
    guard = make_guard().run()
    good = json.dumps({"version": 1, "verb": "maintenance-start", "for_msec": 60000,
                       "reason": "x"})
    drop(guard, "00000000000000a1.json", good, mode=0o666)
    assert answer(guard, "00000000000000a1")["accepted"] is False
    drop(guard, "00000000000000a2.json", "{" * 100)
    assert answer(guard, "00000000000000a2")["accepted"] is False
    drop(guard, "00000000000000a3.json", json.dumps({"version": 1, "verb": "stop-guarding"}))
    assert "does not know" in answer(guard, "00000000000000a3")["text"]
    drop(guard, "00000000000000a4.json", json.dumps({"version": 2, "verb": "x"}))
    assert answer(guard, "00000000000000a4")["accepted"] is False
    if os.geteuid() == 0:
        drop(guard, "00000000000000a5.json", good, owner=65534)
        assert "only root" in answer(guard, "00000000000000a5")["text"]
    assert guard.status()["maintenance"] == []
    drop(guard, "00000000000000a6.json", good)
    assert answer(guard, "00000000000000a6")["accepted"] is True
