# SPDX-License-Identifier: Apache-2.0
"""Several trails, accounts, regions and guards."""

import pytest

from guard import EXTERNAL_ID, FAR_TRAIL, GUARD_ACCOUNT, SLOW, TRAIL, name_of, reached_by_role

OWN_TRAIL = f"arn:aws:cloudtrail:eu-central-1:{GUARD_ACCOUNT}:trail/own-events"
THIRD_TRAIL = "arn:aws:cloudtrail:ap-southeast-2:777788889999:trail/third-events"
THIRD_ROLE = "arn:aws:iam::777788889999:role/trailsentry-third"


def test_stops_everywhere_at_once(aws, make_guard):
    """In real time, under AWS's rates: none of them is exceeded, and none waits for another."""
    aws.set(tps=True)
    aws.create_trail(OWN_TRAIL, logging=True)
    aws.create_trail(THIRD_TRAIL, logging=True)
    aws.permissions("trailsentry-guard", allow=["cloudtrail:*"])
    aws.call("role", arn=THIRD_ROLE, id="AROAEXAMPLETHIRD7777", permissions=["cloudtrail:*"],
             trust=[f"arn:aws:iam::{GUARD_ACCOUNT}:role/trailsentry-guard"])
    # One more, and they would be told as one.
    trails = [reached_by_role(TRAIL), {"arn": OWN_TRAIL},
              {"arn": THIRD_TRAIL, "role_arn": THIRD_ROLE}]
    guard = make_guard(scale=1, trails=trails).run()
    attacks = aws.attacks(*({"trail": t["arn"], "identity": "user"} for t in trails))

    for trail, attack in zip(trails, attacks):
        arn = trail["arn"]
        closed = aws.message(phase="CLOSED", trail=arn)
        start, = aws.restarts(trail=arn)
        assert start["time"] - attack["time"] < 2.5 * SLOW
        assert (closed.attributes["region"], closed.attributes["account"]) == \
            tuple(arn.split(":")[3:5])
        assert aws.actor(attack).trail == arn
        lookup = aws.calls(operation="LookupEvents", region=arn.split(":")[3])
        assert {c["account"] for c in lookup} == {arn.split(":")[4]}
    assert [c["code"] for c in aws.calls(service="cloudtrail") if c["code"]] == []
    assert len({m.incident for m in aws.all_messages()}) == len(trails)
    status = guard.wait_silent()
    assert [t["logging"] for t in status["trails"]] == [True] * len(trails)
    assert len(status["accounts"]) == 3 and all(a["identity_arn"] for a in status["accounts"])
    assert EXTERNAL_ID not in guard.text()


@pytest.mark.parametrize("moves", [False, True])
def test_two_guards_see_one_incident(aws, make_guard, moves):
    """Each tells it under the same id, and neither takes the other for an attacker."""
    aws.set(redundant_moves_times=moves)
    aws.repeats = 2
    guards = [make_guard().run(), make_guard().run()]
    attack = aws.attack(TRAIL)
    aws.message(2, phase="CLOSED")
    aws.actor(attack)
    for guard in guards:
        guard.wait_silent()
        guard.stop()
    first, second = (g.incident() for g in guards)
    assert first["id"] == second["id"] and first["stop_msec"] == second["stop_msec"]
    assert {m.incident for m in aws.all_messages()} == {first["id"]}
    assert "verified" in (first["restart"]["state"], second["restart"]["state"])
    assert {m.severity for m in aws.all_messages()} == {"high"}


def test_alert_only_beside_restart(aws, make_guard):
    """The action of one trail is not the other's."""
    make_guard(trails=[reached_by_role(TRAIL, action="alert"), reached_by_role(FAR_TRAIL)]).run()
    aws.attacks({"trail": TRAIL}, {"trail": FAR_TRAIL})
    aws.message(phase="OPEN", trail=TRAIL)
    aws.message(phase="CLOSED", trail=FAR_TRAIL)
    aws.polls(5, trail=TRAIL)
    assert {c["trail"] for c in aws.restarts()} == {FAR_TRAIL}
    assert not aws.trail(name_of(TRAIL))["logging"]
