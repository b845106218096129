# SPDX-License-Identifier: Apache-2.0
"""SNS: Publish and GetTopicAttributes (API version 2010-03-31), and the mailbox of each topic."""

import hashlib
import json
import re

from . import policy
from .errors import ApiError

TOPIC_ARN = re.compile(
    r"arn:(aws[a-z-]*):sns:([a-z0-9-]+):(\d{12}):([A-Za-z0-9_-]{1,256}(?:\.fifo)?)")
ATTRIBUTE = re.compile(r"(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
DATA_TYPE = re.compile(r"(String|Number|Binary|String\.Array)(\.[A-Za-z0-9_.-]+)?")
GROUP = re.compile(r"[!-~]{1,128}")
MAX_MESSAGE = 262144
WINDOW = 300.0


def invalid(text):
    return ApiError("InvalidParameter", "Invalid parameter: " + text, 400)


def reject_repeats(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("Message Structure - Duplicate keys")
    return dict(pairs)


class Sns:
    def __init__(self, world, clock, mailbox):
        self.world = world
        self.clock = clock
        self.mailbox = mailbox

    def topic(self, call, arn):
        match = TOPIC_ARN.fullmatch(arn)
        if not match or match.group(2) != call.region or match.group(1) != call.partition:
            raise invalid("TopicArn")
        topic = self.world.topics.get(arn)
        if topic is not None and topic.account != call.account:
            exact, account = policy.principal_listed(call.credential, topic.allowed)
            if not exact and not account:
                action = "SNS:" + call.operation
                policy.refuse("sns", call.credential, action, arn,
                              f"because no resource-based policy allows the {action} action")
        if topic is None or not topic.exists:
            raise ApiError("NotFound", "Topic does not exist", 404)
        return topic

    def GetTopicAttributes(self, call):
        topic = self.topic(call, call.params["TopicArn"])
        attributes = {"TopicArn": topic.arn, "Owner": topic.account, "DisplayName": ""}
        attributes.update({"SubscriptionsConfirmed": str(topic.confirmed),
                           "SubscriptionsPending": str(topic.pending),
                           "SubscriptionsDeleted": "0"})
        if topic.fifo:
            attributes["FifoTopic"] = "true"
            attributes["ContentBasedDeduplication"] = "true" if topic.content_dedup else "false"
        return {"Attributes": {"entry": [{"key": k, "value": v} for k, v in attributes.items()]}}

    def Publish(self, call):
        params = call.params
        if "TopicArn" not in params:
            raise invalid("TopicArn or TargetArn Reason: no value for required parameter")
        topic = self.topic(call, params["TopicArn"])
        check_message(params)
        check_attributes(params.get("MessageAttributes", {}))
        row = {
            "topic": topic.arn, "time": self.clock.now(), "message_id": self.world.new_id(),
            "subject": params.get("Subject"), "message": params["Message"],
            "structure": params.get("MessageStructure"),
            "attributes": {name: {k: v if isinstance(v, str) else v.decode("latin-1")
                                  for k, v in value.items()}
                           for name, value in params.get("MessageAttributes", {}).items()},
            "group": params.get("MessageGroupId"), "dedup": None, "sequence": None,
            "publisher": {"arn": call.credential.arn, "account": call.account,
                          "access_key": call.credential.access_key},
            "request_id": call.request_id, "tls": call.request.tls, "duplicate": False,
        }
        if topic.fifo:
            self.order(topic, params, row)
        elif "MessageDeduplicationId" in params:
            raise invalid("MessageDeduplicationId Reason: The request includes a parameter that is "
                          "not valid for this topic type")
        self.mailbox.add(row)
        answer = {"MessageId": row["message_id"]}
        if row["sequence"]:
            answer["SequenceNumber"] = row["sequence"]
        return answer

    def order(self, topic, params, row):
        """FIFO rules: a group, a deduplication id, and a window in which repeats vanish."""
        if not GROUP.fullmatch(params.get("MessageGroupId", "")):
            raise invalid("The MessageGroupId parameter is required for FIFO topics")
        dedup = params.get("MessageDeduplicationId")
        if dedup is None and topic.content_dedup:
            dedup = hashlib.sha256(params["Message"].encode()).hexdigest()
        if dedup is None or not GROUP.fullmatch(dedup):
            raise invalid("The topic should either have ContentBasedDeduplication enabled or "
                          "MessageDeduplicationId provided explicitly")
        now = self.clock.elapsed()
        topic.dedup = {k: v for k, v in topic.dedup.items() if v[0] > now - WINDOW}
        row["dedup"] = dedup
        if dedup in topic.dedup:
            _, row["message_id"], row["sequence"] = topic.dedup[dedup]
            row["duplicate"] = True
            return
        topic.sequence += 1
        row["sequence"] = str(topic.sequence)
        topic.dedup[dedup] = (now, row["message_id"], row["sequence"])


def check_message(params):
    message, subject = params["Message"], params.get("Subject")
    size = len(message.encode())
    for name, value in params.get("MessageAttributes", {}).items():
        size += len(name.encode()) + sum(len(v.encode() if isinstance(v, str) else v)
                                         for v in value.values())
    if not message:
        raise invalid("Empty message")
    if size > MAX_MESSAGE:
        raise invalid("Message too long")
    if subject is not None:
        if not 0 < len(subject) < 100 or any(ord(c) < 32 or 127 <= ord(c) < 160 or
                                             ord(c) in (0x2028, 0x2029) for c in subject):
            raise invalid("Subject")
    structure = params.get("MessageStructure")
    if structure is None:
        return
    if structure != "json":
        raise invalid("MessageStructure")
    try:
        body = json.loads(message, object_pairs_hook=reject_repeats)
    except ValueError as error:
        text = str(error)
        if not text.startswith("Message Structure"):
            text = "Message Structure - JSON message body failed to parse"
        raise invalid(text) from None
    if not isinstance(body, dict) or not isinstance(body.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")


def check_attributes(attributes):
    for name, value in attributes.items():
        if not ATTRIBUTE.fullmatch(name) or name.lower().startswith(("aws.", "amazon.")):
            raise ApiError(
    "ParameterValueInvalid",
    f"Invalid message attribute name {name[:64]}",
     400)
        if not DATA_TYPE.fullmatch(value.get("DataType", "")):
            raise ApiError(
    "ParameterValueInvalid",
    f"The message attribute '{name}' has an invalid "
    "message attribute type",
     400)
        binary = value["DataType"].startswith("Binary")
        member = "BinaryValue" if binary else "StringValue"
        if set(value) != {"DataType", member} or not value[member]:
            raise ApiError(
    "ParameterValueInvalid",
    f"The message attribute '{name}' must contain a "
    f"non-empty {member}",
     400)
        if value["DataType"].startswith("Number"):
            if not re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", value[member], re.ASCII):
                raise ApiError(
    "ParameterValueInvalid",
    f"Could not cast message attribute '{name}' "
    "value to number.",
     400)
