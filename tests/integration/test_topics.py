# SPDX-License-Identifier: Apache-2.0
"""Each topic is told in its own format, what is grave enough for it, by the way that leads there;
and one that takes nothing is told through another."""

import json
import os
import subprocess

import jsonschema
import pytest

from guard import BUILD_DIR, TOPIC, TRAIL

SECOND = TOPIC.replace("security-alerts", "second-alerts")
CHAT = TOPIC.replace("security-alerts", "chat-alerts")
MACHINES = TOPIC.replace("security-alerts", "machine-alerts")
FIFO = TOPIC + ".fifo"
ELSEWHERE = "arn:aws:sns:us-east-1:777788889999:foreign-alerts"
PAGER_ROLE = "arn:aws:iam::777788889999:role/pager"
GUARD_ROLE = "arn:aws:iam::111122223333:role/trailsentry-guard"
SCHEMA = os.path.join(os.path.dirname(__file__), "..", "..", "share", "alert-1.schema.json")


@pytest.fixture(scope="module")
def schema():
    with open(SCHEMA, encoding="utf-8") as file:
        found = json.load(file)
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def test_documents_of_every_state_follow_the_schema(schema, tmp_path):
    """Every kind, phase, state and hostile text that the unit test of the formats makes."""
    path = tmp_path / "documents"
    subprocess.run([os.path.join(BUILD_DIR, "tests", "unit", "test-alertformat")], check=True,
                   env={"TS_ALERT_DOCUMENTS": str(path)}, capture_output=True)
    documents = [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]
    kinds = schema.schema["properties"]["incident"]["properties"]["kind"]["enum"]
    assert {d["incident"]["kind"] for d in documents if d["incident"]} == set(kinds)
    assert {d["phase"] for d in documents} == set(schema.schema["properties"]["phase"]["enum"])
    for document in documents:
        schema.validate(document)


def test_formats(aws, make_guard, schema):
    aws.call("topic", arn=SECOND)
    aws.call("topic", arn=CHAT)
    aws.call("topic", arn=MACHINES)
    guard = make_guard(topics=[TOPIC, {"arn": SECOND, "format": "per-protocol"},
                               {"arn": MACHINES, "format": "json"},
                               {"arn": CHAT, "format": "chat"}]).run()
    attack = aws.attack(TRAIL, identity="user")
    aws.actor(attack)
    guard.wait_silent()
    texts = {(m.incident, m.sequence): m for m in aws.all_messages()}
    assert len(texts) >= 2

    for topic in (SECOND, MACHINES, CHAT):
        messages = aws.all_messages(topic=topic)
        assert {(m.incident, m.sequence) for m in messages} == set(texts)
        for message in messages:
            plain = texts[message.incident, message.sequence]
            structured = message.row["structure"]
            found = json.loads(message.text)
            assert (message.subject, message.attributes) == (plain.subject, plain.attributes)
            assert structured == ("json" if topic == SECOND else None)
            if topic == SECOND:
                assert found["default"] == found["email"] == plain.text
                assert len(found["sms"]) <= 140 and found["sms"].endswith(message.incident)
                documents = {found[p] for p in ("sqs", "lambda", "http", "https")}
                assert len(documents) == 1 and len(found) == 7
                schema.validate(json.loads(documents.pop()))
            elif topic == MACHINES:
                schema.validate(found)
                assert found["incident"]["id"] == message.incident
                assert (found["phase"], found["sequence"]) == (message.phase, message.sequence)
            else:
                assert found["version"] == "1.0" and found["source"] == "custom"
                assert found["metadata"]["threadId"] == message.incident
                assert found["content"]["title"][:45] == message.subject[:45]

    told = max((json.loads(m.text) for m in aws.all_messages(topic=MACHINES)),
               key=lambda d: d["sequence"])
    assert told["trail"]["arn"] == TRAIL and told["restart"]["verified"]
    assert told["attribution"]["actor"]["event_id"] == attack["event_id"]
    assert told["attribution"]["actor"]["user_agent"] == attack["record"]["userAgent"]


def test_fifo_topic_gets_each_message_once_and_in_order(aws, make_guard):
    """RESTARTED and UPDATE come within the five minutes in which repeats vanish; the answer to
    the first publish is lost, so that it is sent again."""
    aws.set(history_lag=3)
    aws.fault(service="sns", operation="Publish", topic=FIFO, kind="close", effect=True, count=1)
    guard = make_guard(topics=[TOPIC, {"arn": FIFO, "format": "json"}]).run()
    attack = aws.attack(TRAIL)
    aws.message(phase="UPDATE", contains=attack["event_id"])
    guard.wait_silent()
    rows = aws.messages(topic=FIFO)
    phases = [r["attributes"]["phase"] for r in rows]
    assert phases == [{"DataType": "String.Array", "StringValue": '["OPEN","CLOSED"]'},
                      {"DataType": "String", "StringValue": "UPDATE"}]
    assert sorted(rows, key=lambda r: int(r["sequence"])) == rows
    assert len({r["group"] for r in rows}) == 1 and len({r["dedup"] for r in rows}) == 2
    sent = aws.messages(topic=FIFO, duplicates=True)
    assert [r["duplicate"] for r in sent].count(True) == 1
    assert {json.loads(r["message"])["incident"]["id"] for r in rows} == {rows[0]["group"]}


def test_topic_of_another_account_by_a_role(aws, make_guard):
    aws.call("role", arn=PAGER_ROLE, id="AROAEXAMPLEPAGER77777", trust=[GUARD_ROLE],
             external_id="pager-1", permissions=["sns:Publish"])
    make_guard(topics=[TOPIC, {"arn": ELSEWHERE, "role_arn": PAGER_ROLE,
                               "external_id": "pager-1"}]).run()
    aws.attack(TRAIL)
    row = aws.message(phase="CLOSED", topic=ELSEWHERE).row
    assert row["publisher"]["account"] == "777788889999"
    assert "assumed-role/pager/trailsentry-" in row["publisher"]["arn"]
    assert aws.message(phase="CLOSED").row["publisher"]["account"] == "111122223333"


def test_dead_topic_is_told_through_another(aws, make_guard):
    aws.call("topic", arn=SECOND)
    guard = make_guard(topics=[TOPIC, SECOND]).run()
    aws.call("topic", arn=TOPIC, exists=False)
    aws.attack(TRAIL)
    told = aws.message(topic=SECOND, kind="topic-failing", phase="OPEN")
    assert told.subject.startswith("OPEN: trailsentry on ")
    assert "topic security-alerts rejects alerts (111122223333 eu-west-1)" in told.text
    assert told.value("Topic") == TOPIC and "NotFound" in told.value("Cause")
    assert "Create the topic again" in told.text
    aws.message(topic=SECOND, kind="stopped", phase="CLOSED")

    aws.call("topic", arn=TOPIC, exists=True)
    closed = aws.message(topic=SECOND, kind="topic-failing", phase="CLOSED", timeout=40)
    assert closed.incident == told.incident and "accepts alerts again" in closed.text
    guard.wait_silent(timeout=40)
    assert aws.phases(kind="stopped") == aws.phases(topic=SECOND, kind="stopped")
    assert aws.all_messages(kind="topic-failing") == []


def test_only_topic_fails(aws, make_guard):
    """There is nobody to tell but the journal and the status file."""
    guard = make_guard().run()
    aws.fault(service="sns", operation="Publish", kind="error", code="AuthorizationError",
              status=403)
    aws.attack(TRAIL)
    record = guard.record("nobody can be told that topic security-alerts rejects alerts")
    assert record.level == "crit" and "Allow sns:Publish" in record.text
    guard.wait_status(lambda s: s["topics"][0]["error"] and
                      s["topics"][0]["error"]["code"] == "AuthorizationError")
    aws.clear_faults()
    aws.message(phase="CLOSED", kind="stopped", timeout=40)
    guard.record("topic security-alerts accepts alerts again", timeout=40)
    guard.wait_silent(timeout=40)
    assert aws.all_messages(kind="topic-failing") == []


def test_least_severity(aws, make_guard):
    """Whoever hears of what is critical only hears of it from then on, and to the end."""
    aws.call("topic", arn=SECOND)
    guard = make_guard(topics=[TOPIC, {"arn": SECOND, "min_severity": "critical"}]).run()
    number = aws.fault(service="cloudtrail", operation="StartLogging", kind="error",
                       code="AccessDeniedException", status=400)
    aws.attack(TRAIL)
    aws.message(topic=SECOND, phase="FAILING")
    aws.clear_faults(number)
    aws.message(topic=SECOND, phase="CLOSED")
    guard.wait_silent()
    assert "OPEN" in aws.phases() and "OPEN" not in aws.phases(topic=SECOND)
    heard = aws.all_messages(topic=SECOND)
    assert {m.severity for m in heard} == {"critical"}
    status = guard.status()["topics"]
    assert [(t["format"], t["min_severity"]) for t in status] == [("text", "info"),
                                                                  ("text", "critical")]
