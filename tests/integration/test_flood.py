# SPDX-License-Identifier: Apache-2.0
"""A flood as whoever reads the alerts sees it: counted in the mailbox."""

import re

from guard import TRAIL, name_of

NAME = name_of(TRAIL)
STOPS = 25


def stop_again_and_again(aws, times):
    for _ in range(times):
        attack = aws.attack(TRAIL, identity="user-console-mfa")
        aws.wait_trail(TRAIL, logging=True)
    return attack


def test_a_flood_is_a_few_messages_and_every_stop_an_incident(aws, make_guard):
    guard = make_guard(scale=60, cannot_see_after="1h").run()
    aws.wait_calls(2, operation="GetCallerIdentity")
    stop_again_and_again(aws, STOPS)
    # Ten minutes of quiet later.
    closed = aws.message(phase="CLOSED", contains=f"{NAME} stopped", timeout=60)
    guard.wait_silent(timeout=60)
    guard.stop()

    incidents = list(guard.incidents().values())
    told = int(re.search(r"stopped (\d+) times", closed.subject)[1])
    assert told == len(incidents) > STOPS / 2
    assert len(aws.all_messages()) <= 12
    lead = closed.incident
    assert {i.get("group") for i in incidents} == {None, lead}
    assert {m.incident for m in aws.all_messages()} == {lead}
    assert all(not i["messages"] for i in incidents if i["id"] != lead)
    # Each with its culprit, by one search.
    assert all(i["attribution"]["confidence"] == "exact" for i in incidents)
    assert len(aws.calls(operation="LookupEvents")) < 2 * STOPS
    assert f"{told} of {told}: Mary_Major (IAMUser)" in aws.all_messages()[-1].text


def test_what_is_not_told_yet_is_told_after_a_crash(aws, make_guard):
    guard = make_guard(scale=60, cannot_see_after="1h").run()
    stop_again_and_again(aws, 5)
    aws.message(phase="UPDATE", contains=f"{NAME} stopped", timeout=30)
    stop_again_and_again(aws, 5)
    guard.kill()
    guard.run()
    closed = aws.message(phase="CLOSED", contains=f"{NAME} stopped", timeout=60)
    guard.wait_silent(timeout=60)
    guard.stop()

    incidents = list(guard.incidents().values())
    assert f"stopped {len(incidents)} times" in closed.subject
    assert {i.get("group") for i in incidents} == {None, closed.incident}
