# SPDX-License-Identifier: Apache-2.0
"""The referee with the words that these tests use, and what has to be true after every test."""

import json
import os
import re
import sys
from datetime import datetime, timezone

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fakeaws.control import Referee  # noqa: E402
from guard import SLOW, TOPIC  # noqa: E402

WAIT_MAX = 115.0  # the referee itself waits no longer
# C0 but for line feed, C1, and the characters that turn or break text.
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069"
                 "\ufeff]")
# What a client gets that does not know the protocol; never a matter of the scenario.
OUR_FAULT = {
    "SerializationException", "ValidationException", "ValidationError", "MalformedInput",
    "MalformedQueryString", "UnknownOperationException", "InvalidAction", "InvalidParameter",
    "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature",
    "MissingAuthenticationToken", "ParameterValueInvalid", "InvalidTimeRangeException",
    "InvalidLookupAttributesException", "InvalidNextTokenException", "InternalFailure",
    "InvalidParameterValue", "InvalidParameterCombination", "CloudTrailARNInvalidException",
    "InvalidTrailNameException", "InvalidHomeRegionException"}
ATTRIBUTES = {"incident_id", "phase", "sequence", "kind", "severity"}
TRAIL_ATTRIBUTES = {"account", "region", "trail"}
NOTICES = {"maintenance", "reconfigured", "state-lost", "topic-failing"}  # about the guard itself


def iso(seconds):
    """As alerts write a time."""
    msec = round(seconds * 1000)
    when = datetime.fromtimestamp(msec // 1000, timezone.utc)
    return when.strftime("%Y-%m-%dT%H:%M:%S") + (f".{msec % 1000:03d}Z" if msec % 1000 else "Z")


class Message:
    """One message as a subscriber of the topic gets it."""

    def __init__(self, row):
        attributes = {k: v["StringValue"] for k, v in row["attributes"].items()}
        phases = [attributes["phase"]]
        if row["attributes"]["phase"]["DataType"] == "String.Array":
            phases = json.loads(attributes["phase"])
            attributes["phase"] = phases[0]
        if attributes.get("phase") == "TEST":  # of trailsentry test-alert: of no incident
            attributes = {**dict.fromkeys(ATTRIBUTES | TRAIL_ATTRIBUTES, ""),
                          "sequence": row["seq"], **attributes}
        wanted = ATTRIBUTES | (set() if attributes["kind"] in NOTICES else TRAIL_ATTRIBUTES)
        assert set(attributes) == wanted, attributes
        self.row = row
        self.seq, self.time, self.topic = row["seq"], row["time"], row["topic"]
        self.subject, self.text = row["subject"], row["message"]
        self.attributes = attributes
        self.incident, self.phase = attributes["incident_id"], attributes["phase"]
        self.phases = phases
        self.sequence, self.kind = int(attributes["sequence"]), attributes["kind"]
        self.severity, self.trail = attributes["severity"], attributes.get("trail")

    def __repr__(self):
        return f"<{self.incident}/{self.sequence} {self.phase} {self.kind} {self.subject!r}>"

    def value(self, label):
        """What stands in the row of this label, None without such a row."""
        for line in self.text.split("\n"):
            for form in (label, "  " + label):
                if line.startswith(f"{form:<15} "):
                    return line[len(f"{form:<15} "):].strip()
        return None


class Aws(Referee):
    """One referee for the whole run, set back before each test."""

    def begin(self):
        self.reset()
        self.set(tps=False)
        self.repeats = 1            # how often one message may arrive
        self.codes = set()          # of OUR_FAULT, part of the scenario after all

    def call(self, verb, **fields):
        if fields.get("timeout"):
            fields["timeout"] = min(fields["timeout"] * SLOW, WAIT_MAX)
        return super().call(verb, **fields)

    # Messages

    def message(self, count=1, timeout=20.0, after=0, topic=TOPIC, contains=None, **attributes):
        """The count-th message with these attributes."""
        more = {} if contains is None else {"contains": contains}
        rows = self.wait_messages(count, timeout, after=after, topic=topic,
                                  attributes=attributes, **more)
        return Message(rows[count - 1])

    def all_messages(self, topic=TOPIC, **attributes):
        more = {} if topic is None else {"topic": topic}
        return [Message(row) for row in self.messages(attributes=attributes, **more)]

    def phases(self, **attributes):
        """In the order of their making; topics promise no order of arrival."""
        messages = self.all_messages(**attributes)
        return ["+".join(m.phases) for m in sorted(messages, key=lambda m: m.sequence)]

    def last_message(self):
        return max([m.seq for m in self.all_messages(topic=None)], default=0)

    def actor(self, attack, **attributes):
        """The message that first names the event of this attack as the one that did it."""
        return self.message(contains="  Event id      " + attack["event_id"], **attributes)

    # Calls

    def wait_calls(self, count=1, timeout=20.0, **filters):
        return super().wait_calls(count, timeout, **filters)

    def since(self, moment):
        """Calls after a moment of the referee's clock."""
        return [c for c in self.calls() if c["time"] > moment]

    def polls(self, count, trail=None, **filters):
        """Waits for so many more polls."""
        more = {} if trail is None else {"trail": trail}
        return self.wait_calls(count, after=self.last_call(), operation="GetTrailStatus",
                               **more, **filters)

    def pass_second(self):
        """Lets polls go by until the wall clock shows another second."""
        second = int(self.call("now")["now"])
        while int(self.call("now")["now"]) == second:
            self.polls(1)

    def restarts(self, **filters):
        return self.calls(operation="StartLogging", **filters)

    # What is true after every test

    def problems(self, texts):
        """texts: what daemons have written. A list of what is wrong."""
        found = list(self.state()["internal_errors"])
        for call in self.calls():
            if call["code"] in OUR_FAULT - self.codes:
                found.append(f"{call['service']} {call['operation']} was refused: {call['code']}")
            if not call["tls"] and call["service"] != "imds":
                found.append(f"{call['service']} {call['operation']} went out in plain http")
        messages = self.all_messages(topic=None)
        for message in messages:
            if RAW.search(message.text) or not message.subject.isascii():
                found.append(f"{message} holds characters that are not for terminals")
        keys = [(m.row["publisher"]["arn"], m.incident, m.sequence, m.topic) for m in messages]
        for key in set(keys):
            if keys.count(key) > self.repeats:
                found.append(f"{key} was sent {keys.count(key)} times")
        texts = [*texts, *(m.text for m in messages)]
        for session in self.call("sessions")["sessions"]:
            for secret in (session["secret_key"], session["token"]):
                if any(secret in text for text in texts):
                    found.append(f"a secret of {session['arn']} can be read")
        return found
