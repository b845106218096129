# SPDX-License-Identifier: Apache-2.0
"""SNS: who may publish what, FIFO's rules, and the mailbox that tests wait on."""

import threading
from xml.etree import ElementTree

import pytest
from raw import FIFO, MARY, PAULO, STATIC, TOPIC, keys, sns

from fakeaws.control import Control, RefereeError


def publish(aws, topic=TOPIC, message="m", keys=STATIC, region="eu-west-1", **params):
    return sns("Publish", region, {"keys": keys}, TopicArn=topic,
               Message=message, **params).sign().send( aws, tls=False)


def test_message_arrives_with_its_publisher(aws):
    answer = publish(aws, message="line\n\u20ac", Subject="s" * 99)
    assert answer.code == "" and b'xmlns="http://sns.amazonaws.com/doc/2010-03-31/"' in answer.body
    message, = aws.wait_messages(topic="security-alerts")
    assert message["message"] == "line\n\u20ac" and message["subject"] == "s" * 99
    assert message["publisher"]["arn"].endswith("user/trailsentry-static")
    assert message["request_id"] == answer.headers["x-amzn-requestid"]
    assert f"<MessageId>{message['message_id']}</MessageId>" in answer.text


@pytest.mark.parametrize("subject", ["s" * 100, "a\nb", "a\rb", "a\x07b", "a\x7fb", "a\u2028b", ""])
def test_subjects_that_are_refused(aws, subject):
    answer = publish(aws, Subject=subject)
    assert (answer.code, answer.status) == ("InvalidParameter", 400) and "Subject" in answer.text
    assert aws.messages() == []


def test_message_size_is_counted_in_bytes(aws):
    assert publish(aws, message="m" * 262144).code == ""
    assert publish(aws, message="m" * 262145).code == "InvalidParameter"
    assert publish(aws, message="\u20ac" * 87382).code == "InvalidParameter"
    attribute = {"MessageAttributes.entry.1.Name": "k",
    "MessageAttributes.entry.1.Value.DataType": "String",
     "MessageAttributes.entry.1.Value.StringValue": "v"}
    assert publish(aws, message="m" * 262140, **attribute).code == "InvalidParameter"
    assert publish(aws, message="").code == "InvalidParameter"


@pytest.mark.parametrize("name, kind, value", [
    ("AWS.x", "String", "v"), (".x", "String", "v"), ("x y", "String", "v"), ("x", "Text", "v"),
    ("x", "Number", "one")])
def test_attributes_that_are_refused(aws, name, kind, value):
    answer = publish(aws, **{"MessageAttributes.entry.1.Name": name,
                             "MessageAttributes.entry.1.Value.DataType": kind,
                             "MessageAttributes.entry.1.Value.StringValue": value})
    assert answer.code == "ParameterValueInvalid"


def test_topic_of_another_region_account_or_none(aws):
    assert publish(aws, region="us-east-1").code == "InvalidParameter"
    answer = publish(aws, topic=TOPIC + "-absent")
    assert (answer.code, answer.status) == ("NotFound", 404)
    assert publish(aws, keys=MARY).code == ""
    answer = publish(aws, keys=PAULO)
    assert (answer.code, answer.status) == ("AuthorizationError", 403)
    assert "not authorized to perform: SNS:Publish on resource: " + TOPIC in answer.text
    aws.call("topic", arn=TOPIC, exists=False)
    assert publish(aws).code == "NotFound"


def test_publisher_needs_the_permission(aws):
    session = keys(aws.session("trailsentry-target"))
    answer = publish(aws, keys=session)
    assert answer.code == "AuthorizationError" and "no identity-based policy" in answer.text
    aws.permissions("trailsentry-target", allow=["sns:Publish"])
    assert publish(aws, keys=session).code == ""


@pytest.mark.parametrize("message, fine", [
    ('{"default":"d"}', True), ('{"default":"d","email":"e","x":[1]}', True), ("{}", False),
    ('{"default":1}', False), ("d", False), ('{"default":"d","default":"e"}', False),
    ('["default"]', False)])
def test_structured_messages(aws, message, fine):
    assert publish(
    aws,
    message=message,
    MessageStructure="json").code == (
        "" if fine else "InvalidParameter")


def test_fifo_rules(aws):
    assert publish(aws, FIFO, MessageDeduplicationId="d").code == "InvalidParameter"
    assert publish(aws, FIFO, MessageGroupId="g").code == "InvalidParameter"
    assert publish(
    aws,
    FIFO,
    MessageGroupId="g",
    MessageDeduplicationId="d" *
     129).code == "InvalidParameter"
    first = publish(aws, FIFO, MessageGroupId="g", MessageDeduplicationId="d")
    again = publish(aws, FIFO, message="n", MessageGroupId="g", MessageDeduplicationId="d")
    assert first.code == again.code == "" and "<SequenceNumber>" in first.text
    assert [m["message"] for m in aws.messages(topic=FIFO)] == ["m"]
    assert len(aws.messages(topic=FIFO, duplicates=True)) == 2
    aws.advance(301)
    publish(aws, FIFO, message="o", MessageGroupId="g", MessageDeduplicationId="d")
    assert [m["message"] for m in aws.messages(topic=FIFO)] == ["m", "o"]
    assert publish(aws, MessageDeduplicationId="d").code == "InvalidParameter"
    assert publish(aws, MessageGroupId="g").code == ""


def test_waiting_for_a_message_that_comes_later(aws):
    other = Control(aws.port)
    seen = []

    def wait():
        seen.extend(other.wait_messages(count=2, timeout=20, contains="stopped"))
    thread = threading.Thread(target=wait)
    thread.start()
    for text in ("stopped 1", "noise", "stopped 2"):
        publish(aws, message=text)
    thread.join(20)
    other.close()
    assert [m["message"] for m in seen] == ["stopped 1", "stopped 2"]
    last = aws.messages()[-1]["seq"]
    with pytest.raises(RefereeError):
        aws.wait_messages(timeout=0.05, after=last)


def test_error_text_stays_well_formed_xml(aws):
    answer = publish(aws, **{"MessageAttributes.entry.1.Name": "a\x01<&>",
                             "MessageAttributes.entry.1.Value.DataType": "String",
                             "MessageAttributes.entry.1.Value.StringValue": "v"})
    root = ElementTree.fromstring(answer.body)
    assert root[0][2].text == "Invalid message attribute name a?<&>"
