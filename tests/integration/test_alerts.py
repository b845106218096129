# SPDX-License-Identifier: Apache-2.0
"""No alert is lost, none is sent twice without need, and no topic stands in another's way."""

import pytest

from guard import GUARD_ACCOUNT, SLOW, TOPIC, TRAIL

SECOND = TOPIC.replace("security-alerts", "second-alerts")
ELSEWHERE = "arn:aws:sns:us-east-1:777788889999:foreign-alerts"

FAULTS = {
    "failing": (dict(kind="error", code="InternalError", status=500), "transient"),
    "denied": (dict(kind="error", code="AuthorizationError", status=403), "denied"),
    "throttled": (dict(kind="error", code="Throttled", status=429), "throttled"),
    "silent": (dict(kind="silence"), None),
}


@pytest.mark.parametrize("how", FAULTS)
def test_dead_topic_holds_up_no_other_and_misses_nothing(aws, make_guard, how):
    fault, error_class = FAULTS[how]
    aws.call("topic", arn=SECOND)
    aws.call("topic", arn=ELSEWHERE, allowed=[GUARD_ACCOUNT])
    guard = make_guard(topics=[TOPIC, SECOND, ELSEWHERE]).run()
    number = aws.fault(service="sns", operation="Publish", topic=TOPIC, **fault)
    attack = aws.attack(TRAIL)
    for topic in (SECOND, ELSEWHERE):
        assert aws.message(phase="CLOSED", topic=topic).time - attack["time"] < 2 * SLOW
    status = guard.wait_status(lambda s: s["topics"][0]["pending"] >= 2 and
                               (not error_class or s["topics"][0]["error"]))
    assert status["topics"][1]["pending"] == 0 and status["topics"][1]["error"] is None
    if error_class:
        assert status["topics"][0]["error"]["class"] == error_class
        guard.record(f"not accepted by {TOPIC}, will be sent again")
    assert aws.messages(topic=TOPIC) == []

    aws.clear_faults(number)
    aws.message(phase="CLOSED", timeout=40)
    guard.wait_silent(timeout=40)
    assert aws.phases(kind="stopped") == aws.phases(topic=SECOND, kind="stopped")
    assert aws.phases(topic=SECOND) == aws.phases(topic=ELSEWHERE)
    assert ({m.text for m in aws.all_messages()} ==
            {m.text for m in aws.all_messages(topic=SECOND, kind="stopped")})
    assert guard.status()["topics"][0]["error"] is None


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_unsent_messages_outlive_the_daemon(aws, make_guard, end):
    aws.call("topic", arn=SECOND)
    guard = make_guard(topics=[TOPIC, SECOND]).run()
    aws.fault(service="sns", operation="Publish", topic=TOPIC, kind="error", code="InternalError",
              status=500)
    attack = aws.attack(TRAIL, identity="directory")
    closed = aws.message(phase="CLOSED", topic=SECOND)
    aws.actor(attack, topic=SECOND)
    # Acknowledgements on disk: what SECOND has got is not sent again.
    guard.wait_new_status(lambda s: s["topics"][1]["pending"] == 0)
    aws.clear_faults()
    aws.fault(service="sns", operation="Publish", topic=TOPIC, kind="error", code="InternalError",
              status=500, count=3)
    getattr(guard, end)()
    aws.repeats = 1 if end == "stop" else 2
    guard.run()
    assert aws.message(phase="CLOSED", topic=TOPIC).incident == closed.incident
    guard.wait_silent()
    # A set: one that was accepted right before the kill is told once more.
    sequences = sorted({m.sequence for m in aws.all_messages(topic=TOPIC, kind="stopped")})
    assert sequences == sorted({m.sequence for m in aws.all_messages(topic=SECOND, kind="stopped")})


def test_accepted_without_an_answer_is_sent_again(aws, guard):
    """At least once: the repeat carries the same incident and sequence."""
    aws.repeats = 2
    guard.run()
    aws.fault(service="sns", operation="Publish", kind="close", effect=True, count=1)
    aws.attack(TRAIL)
    aws.message(3)
    guard.wait_silent()
    sequences = sorted(m.sequence for m in aws.all_messages())
    assert len(sequences) == len(set(sequences)) + 1


def test_topic_of_an_older_configuration(aws, make_guard):
    """A message goes to whoever is to hear now, when its topic is no longer configured."""
    guard = make_guard().run()
    aws.fault(service="sns", operation="Publish", topic=TOPIC, kind="error", code="NotFound",
              status=404)
    aws.attack(TRAIL)
    guard.record("not accepted by")
    guard.wait_status(lambda s: s["trails"][0]["logging"] and s["messages_pending"] >= 2)
    guard.stop()
    aws.call("topic", arn=SECOND)
    guard.configure(topics=[{"arn": SECOND}])
    guard.start()
    aws.message(phase="OPEN", topic=SECOND)
    aws.message(phase="CLOSED", topic=SECOND)
    guard.wait_silent()


def test_delivery_after_the_restart_is_watched(aws, guard):
    """Restarted is not delivering: the bucket may be gone as well."""
    guard.run()
    aws.attack(TRAIL)
    aws.message(phase="CLOSED")
    aws.set_trail(TRAIL, delivery_error="NoSuchBucket")
    assert guard.record("restarted, but log files are not delivered: NoSuchBucket").level == "error"
    aws.set_trail(TRAIL, delivery_error="", delivery_time=aws.call("now")["now"] + 1)
    guard.record("log files are delivered again")
    guard.wait_silent()
    guard.stop()
    assert guard.incident()["delivering"] == "yes"
