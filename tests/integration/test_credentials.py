# SPDX-License-Identifier: Apache-2.0
"""Clocks that disagree, and credentials that rotate, expire and are revoked under way."""

from datetime import datetime

import pytest

from guard import SLOW, TRAIL, in_own


def stop_and_see(aws):
    attack = aws.attack(TRAIL)
    # Told with a doubt before, when the trail's settings were not read yet.
    named = aws.message(contains="How sure        exact", kind="stopped")
    closed = aws.message(phase="CLOSED", kind="stopped")
    assert named.value("Event id") == attack["event_id"]
    assert closed.value("Restart").startswith("by this guard, verified")
    return attack, closed


@pytest.mark.parametrize("offset", [3600, -3600])
@pytest.mark.parametrize("moment", ["from the start", "under way"])
def test_clock_that_is_an_hour_off(aws, guard, offset, moment):
    """AWS says what time it is; calls are signed for that time."""
    aws.codes = {"InvalidSignatureException", "SignatureDoesNotMatch"}
    # What AWS tells is older than an hour, so that none of it lies in the future of its own clock
    # when that is set back: of ten days of logging, the last delivery was 14,000 s ago.
    aws.set(delivery_interval=50000)
    if moment == "under way":
        guard.run()
    aws.set(clock_offset=offset)
    if moment == "from the start":
        guard.run()
    aws.polls(3, ok=True)
    attack, closed = stop_and_see(aws)
    start, = aws.restarts(ok=True)
    assert start["time"] - attack["time"] < 2 * SLOW
    assert closed.value("Blind").endswith("ms)")
    # Refused once a service and region, and not again.
    refused = [c for c in aws.calls() if c["code"] in aws.codes]
    assert 1 <= len(refused) <= 8
    assert "unreachable" not in {m.kind for m in aws.all_messages()}


def test_expired_and_rotated_under_way(aws, make_guard):
    guard = make_guard(scale=20, cannot_see_after="60s").run()
    for entity in ("trailsentry-target", "trailsentry-guard"):
        aws.call("rotate")
        aws.expire(entity=entity)
        aws.polls(2, ok=True)
    before = {c["access_key"] for c in aws.calls(operation="GetTrailStatus", ok=True)}
    assert len(before) >= 2
    stop_and_see(aws)
    assert aws.phases(kind="unreachable") == []
    guard.wait_status(lambda s: all(a["usable"] for a in s["accounts"]))


def test_short_lived_credentials_are_renewed_before_they_expire(aws, make_guard):
    aws.set(credential_ttl=3.0 * SLOW)
    aws.permissions("trailsentry-guard", allow=["cloudtrail:*"])
    arn = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/own-events"
    aws.create_trail(arn, logging=True)
    make_guard(trails=[{"arn": arn}]).run()
    keys = set()
    while len(keys) < 4:
        keys |= {c["access_key"] for c in aws.polls(5)}
    assert [c["code"] for c in aws.calls(service="cloudtrail") if c["code"]] == []


def test_revoked_session_is_replaced(aws, make_guard):
    """Revoked sessions are denied, as anything may be; new ones are not."""
    make_guard(scale=20, cannot_see_after="60s").run()
    aws.revoke(entity="trailsentry-target")
    aws.polls(3, ok=True)
    stop_and_see(aws)
    assert aws.phases(kind="unreachable") == []


def test_revoked_before_the_restart(aws, guard):
    """Denied with old credentials, done with new ones: nobody needs to be woken."""
    guard.run()
    aws.fault(operation="StartLogging", kind="error", code="AccessDeniedException", count=1)
    stop_and_see(aws)
    assert aws.phases(phase="FAILING") == []


def test_metadata_tokens_are_forgotten(aws, make_guard):
    """As after a restart of the metadata service."""
    make_guard(scale=20, cannot_see_after="60s").run()
    aws.imds(mode="ok", forget_tokens=True)
    aws.call("rotate")
    aws.expire(entity="trailsentry-guard")
    stop_and_see(aws)
    assert aws.phases(kind="unreachable") == []


def test_keys_of_the_environment(aws, make_guard):
    keys = {"AWS_ACCESS_KEY_ID": "AKIAI44QH8DHBEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"}
    guard = make_guard(environment=keys).run()
    stop_and_see(aws)
    assert aws.calls(service="imds") == []
    status = guard.wait_status(lambda s: s["accounts"][0]["identity_arn"])
    assert status["accounts"][0]["credentials"] == "environment"
    assert status["accounts"][0]["identity_arn"].endswith("user/trailsentry-static")
    guard.stop()
    assert keys["AWS_SECRET_ACCESS_KEY"] not in guard.text()


# Everything to the metadata service is sent, and nothing comes back.
BLACK_HOLE = """
PATH=$PATH:/usr/sbin:/sbin
ip link add hole type veth peer name bottom
ip link set hole arp off
ip addr add 169.254.1.1/16 dev hole
ip link set hole up
ip link set bottom up
ip link set lo up
"""


@pytest.mark.parametrize("where", ["every packet", "the answer to the token's PUT"])
def test_black_hole_in_place_of_the_metadata_service(aws, make_guard, where):
    """As in a container behind a hop limit of one: told within five seconds, in words."""
    guard = make_guard(scale=1)
    if where == "every packet":
        guard.prefix = in_own("--net", BLACK_HOLE)
        if guard.prefix is None:
            pytest.skip("no network namespaces for this user")
        guard.environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://169.254.169.254"
    else:
        aws.imds(mode="token_silence")
    guard.spawn()
    told = guard.record("GetTrailStatus failed: no usable credentials")
    assert "metadata hop limit is 1" in told.text and told.level == "warning"
    begun, said = (datetime.fromisoformat(r.time[:-1]) for r in (guard.records[0], told))
    assert (said - begun).total_seconds() < 5 * SLOW
    aws.imds(mode="ok")
    if where != "every packet":
        guard.record("management-events: logging")
