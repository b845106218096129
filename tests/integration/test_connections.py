# SPDX-License-Identifier: Apache-2.0
"""Kept connections as services treat them: closed while idle, reset under a request."""

import signal

from guard import TRAIL
from test_credentials import stop_and_see


def see_closed(aws, times):
    """The service closes idle connections, again and again; polls go on."""
    aws.set(idle_timeout=0.1)
    before = aws.state()["accepted"]["https"]
    while aws.state()["accepted"]["https"] < before + times:
        aws.polls(1)


def test_keep_alive_longer_than_the_services_idle_close(aws, make_guard):
    """A dead connection in the pool costs nobody anything: no failure, no word."""
    guard = make_guard(poll="10s", scale=50, wrapped=False).run()  # time-outs of 100 ms, too
    see_closed(aws, 3)
    stop_and_see(aws)
    assert [c["code"] for c in aws.calls() if c["code"] and c["service"] != "imds"] == []
    assert [r for r in guard.records if "failed" in r.text] == []


def test_sigpipe_from_tls_close(aws, make_guard):
    """libcurl says goodbye on connections whose other end is gone, and that is a signal."""
    guard = make_guard(poll="10s", scale=50, wrapped=False).run()
    with open(f"/proc/{guard.process.pid}/status", encoding="ascii") as status:
        ignored = next(int(line.split()[1], 16) for line in status if line.startswith("SigIgn"))
    assert ignored >> (signal.SIGPIPE - 1) & 1
    see_closed(aws, 2)
    guard.stop()


def test_request_silently_resent_by_the_library(aws, guard):
    """A Publish that took effect, and whose connection was then reset, is sent again without a word:
    by libcurl on a kept connection, else by the client. It comes twice, with the same incident and
    sequence."""
    guard.run()
    aws.repeats = 2
    aws.set(history_lag=3600)
    attack = aws.attack(TRAIL)
    aws.message(phase="CLOSED")
    aws.fault(service="sns", operation="Publish", kind="close", effect=True, count=1)
    aws.reveal()
    aws.actor(attack)
    aws.message(3)
    guard.wait_silent()
    keys = [(m.incident, m.sequence) for m in aws.all_messages()]
    assert len(keys) == len(set(keys)) + 1
    assert not any("not accepted" in r.text for r in guard.records)
