# SPDX-License-Identifier: Apache-2.0
"""Killed anywhere within an incident, the daemon's next run ends it: the trail logs, there is one
incident, and every message of it arrives."""

import json
import os
import shutil

import pytest

from guard import TRAIL, strace

# Where the daemon is when it dies, as the call that is never answered: whether it took effect,
# and how many of its kind pass before it.
CALLS = {
    "before the stop is seen": ("GetTrailStatus", False, 0),
    "before the restart": ("StartLogging", False, 0),
    "after the restart, not knowing": ("StartLogging", True, 0),
    "verifying": ("GetTrailStatus", True, 1),
    "looking up": ("LookupEvents", True, 0),
    "before OPEN": ("Publish", False, 0),
    "after OPEN, not knowing": ("Publish", True, 0),
    "after CLOSED, not knowing": ("Publish", True, 1),
}
# Death on entering the n-th such system call: rename and fsync are the writer's, sendto is TLS.
SYSTEM_CALLS = [("renameat", n) for n in range(1, 7)] + [("fsync", n) for n in (2, 3, 4, 5, 7)] + \
    [("sendto", n) for n in range(14, 33, 2)]


def check_story(aws, guard, attack):
    guard.start()
    aws.wait_trail(TRAIL, logging=True)
    aws.actor(attack)
    aws.message(phase="CLOSED")
    guard.wait_silent()
    guard.stop()

    incident = guard.incident()
    assert not incident["open"] and incident["attribution"]["confidence"] == "exact"
    messages = aws.all_messages()
    assert {m.incident for m in messages} == {incident["id"]}
    # Each sequence once, or twice when nobody could know; check of aws.repeats.
    sent = {m.sequence: m for m in messages}
    assert sorted(sent) == list(range(1, len(sent) + 1))
    assert sent[1].phase == "OPEN"
    assert [p for m in sent.values() for p in m.phases].count("CLOSED") == 1
    assert all(d["sent"] for m in incident["messages"] for d in m["deliveries"])
    assert "MISUSED" not in "".join(m.subject for m in messages)
    assert aws.trail(TRAIL)["logging"]


@pytest.mark.parametrize("where", CALLS)
def test_killed_while_a_call_is_out(aws, make_guard, where):
    operation, effect, skip = CALLS[where]
    aws.repeats = 2
    guard = make_guard(scale=20, poll="10s").run()
    aws.pass_second()
    aws.fault(operation=operation, kind="silence", effect=effect, skip=skip, count=1)
    attack = aws.attack(TRAIL, identity="web-identity-role")
    aws.wait_calls(1, code="fault:silence")
    guard.kill()
    check_story(aws, guard, attack)


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("call,number", SYSTEM_CALLS)
def test_killed_at_a_system_call(aws, make_guard, call, number):
    aws.repeats = 2
    guard = make_guard(scale=50, poll="10s", wrapped=False,
                       prefix=strace(f"inject={call}:signal=KILL:when={number}"),
                       environment={"ASAN_OPTIONS": "detect_leaks=0"})
    guard.spawn()
    guard.wait_or_end(lambda: guard.find_records("management-events: logging"))
    attack = aws.attack(TRAIL, identity="web-identity-role")
    assert guard.exit_status() == -9
    guard.prefix = []
    guard.wrapped = True
    check_story(aws, guard, attack)


def test_own_start_of_a_run_that_died_is_no_misuse(aws, guard):
    """Its request id was never stored; two stops make the guard read its own call."""
    guard.run()
    aws.fault(operation="StartLogging", kind="silence", effect=True, count=1)
    attack = aws.attacks({"trail": TRAIL, "ago": 5}, {"trail": TRAIL, "identity": "sso"})[0]
    aws.wait_calls(1, code="fault:silence")
    guard.kill()
    guard.start()
    named = aws.actor(attack)
    guard.wait_silent()
    assert "MISUSED" not in named.subject and named.severity == "high"
    guard.stop()
    roles = [f["role"] for f in guard.incident()["attribution"]["findings"]]
    assert roles.count("culprit") == 1 and "own-misused" not in roles


def is_remembered(guard):
    with open(os.path.join(guard.state, "trails.json"), encoding="ascii") as file:
        return [t for t in json.load(file)["trails"] if t["seen"]]


@pytest.mark.parametrize("blink", [False, True])
def test_last_seen_state_outlives_a_kill(aws, guard, blink):
    """What happened while the daemon was dead is told against what it saw last."""
    guard.run()
    guard.wait(lambda: is_remembered(guard), what="the trail in trails.json")
    guard.kill()
    steps = [{"trail": TRAIL, "ago": 90}, {"trail": TRAIL, "event": "StartLogging", "ago": 30}]
    aws.attacks(*steps[:1 + blink])
    guard.start()
    assert aws.message(phase="CLOSED").kind == ("blink" if blink else "stopped")
