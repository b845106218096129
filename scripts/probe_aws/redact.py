# SPDX-License-Identifier: Apache-2.0
"""Placeholders for what belongs to the owner, the same one for the same thing everywhere.

A body in which nothing had to be replaced stays byte for byte what AWS sent. Records of other
people's calls, which LookupEvents may bring along, are left out of every file.
"""

import ipaddress
import json
import re

from .evidence import own_events, request_id

FIRST_ACCOUNT = "111122223333"
KEPT_IDENTITY = {"type", "mfaAuthenticated", "creationDate", "assumedRoot", "ec2RoleDelivery",
                 "invokedBy"}
KEPT_RECORD = {"eventVersion", "eventTime", "eventSource", "eventName", "awsRegion", "userAgent",
               "errorCode", "requestID", "eventID", "readOnly", "eventType", "managementEvent",
               "eventCategory", "sessionCredentialFromConsole", "sharedEventID"}
WALKED_RECORD = {"errorMessage", "requestParameters", "responseElements", "additionalEventData",
                 "resources", "recipientAccountId", "addendum", "tlsDetails", "vpcEndpointId",
                 "vpcEndpointAccountId"}
# What is looked for in any text, in one pass, so that no placeholder is replaced again.
PRIVATE = (
    r"arn:(?P<partition>aws[a-z-]*):(?P<service>iam|sts)::(?P<account>\d{12}):"
    r"(?P<rest>[^\s\"'<>\\,;]+)",
    r"(?P<arn>arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:)(?P<owner>\d{12})(?=:)",
    r"(?<![\d.])(?P<digits>\d{12})(?!\d)",
    r"\b(?P<id>(?:A3T[A-Z0-9]|ABIA|ACCA|AGPA|AIDA|AIPA|AKIA|ANPA|ANVA|APKA|AROA|ASCA|ASIA)"
    r"[A-Z0-9]{12,17})\b(?::(?P<session>[^\s\"'<>\\,;]+))?",
    r"\b(?P<endpoint>vpce-[a-z0-9-]+)",
    r"(?<![\d.])(?P<address>(?:\d{1,3}\.){3}\d{1,3})(?![\d.])")
NUMBER = "\x00number:"
WRITTEN = re.compile(r'"\\u0000number:([0-9.eE+-]+)"')


def load(text):
    """JSON whose numbers dump() writes again as they were."""
    return json.loads(text, parse_float=lambda written: NUMBER + written)


def dump(value):
    return WRITTEN.sub(r"\1", json.dumps(value, separators=(",", ":"), ensure_ascii=True))


class Redactor:
    def __init__(self, account, secrets=(), given=None):
        """`secrets` must not be in what is saved, whatever else happens; `given` are names that
        the owner gave on the command line, with what stands for them."""
        self.secrets = {s for s in secrets if s}
        self.places = {}
        self.counts = {}
        self.given = dict(given or {})
        names = [rf"(?<![A-Za-z0-9.-]){re.escape(name)}(?![A-Za-z0-9.-])" for name in self.given]
        self.private = re.compile("|".join([*PRIVATE, *names]))
        self.place("account", account)

    def place(self, kind, value):
        """The placeholder of this value, made at its first sight."""
        if value not in self.places:
            self.counts[kind] = number = self.counts.get(kind, 0) + 1
            if kind == "account":
                made = FIRST_ACCOUNT if number == 1 else str(number % 10) * 12
            elif kind == "address":
                made = f"192.0.2.{number}" if "." in value else f"2001:db8::{number}"
            elif kind == "id":
                made = value[:4] + "EXAMPLE" + str(number).zfill(max(len(value) - 11, 1))
            else:
                made = f"{kind}-{number}"
            self.places[value] = made
            if kind in ("account", "id"):
                self.secrets.add(value)
        return self.places[value]

    def identity_arn(self, partition, service, account, rest):
        kind, *names = rest.split("/")
        if kind == "assumed-role" and len(names) >= 2:
            names = [self.place("role", names[0]), self.place("session", "/".join(names[1:]))]
        elif names:
            kinds = {"role": "role", "user": "user", "federated-user": "user"}
            names = [self.place(kinds.get(kind, "name"), names[-1])]
        account = self.place("account", account)
        return f"arn:{partition}:{service}::{account}:" + "/".join([kind, *names])

    def replace(self, match):
        found = match.groupdict()
        if found["partition"]:
            return self.identity_arn(found["partition"], found["service"], found["account"],
                                     found["rest"])
        if found["arn"]:
            return found["arn"] + self.place("account", found["owner"])
        if found["digits"]:
            return self.places.get(found["digits"], found["digits"])
        if found["id"]:
            session = found["session"]
            return self.place("id", found["id"]) + (
                ":" + self.place("session", session) if session else "")
        for kind in ("address", "endpoint"):
            if found[kind]:
                return self.place(kind, found[kind])
        return self.given[match.group(0)]

    def text(self, text):
        """Any text: ARNs of identities, accounts, keys, addresses, names that the owner gave."""
        return text if text.startswith(NUMBER) else self.private.sub(self.replace, text)

    def walk(self, value):
        if isinstance(value, dict):
            return {k: self.walk(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.walk(v) for v in value]
        return self.text(value) if isinstance(value, str) else value

    def identity(self, value, key=""):
        """userIdentity: what is not known to be harmless becomes a placeholder."""
        if isinstance(value, dict):
            return {k: self.identity(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.identity(v, key) for v in value]
        if not isinstance(value, str) or key in KEPT_IDENTITY or not value:
            return value
        if key == "accountId" or re.fullmatch(r"\d{12}", value):
            return self.place("account", value)
        changed = self.text(value)
        if changed != value or value in self.places.values():
            return changed
        kinds = {"userName": "user", "sourceIdentity": "user"}
        return self.place(kinds.get(key, "value"), value)

    def record(self, record):
        made = {}
        for key, value in record.items():
            if key == "userIdentity":
                made[key] = self.identity(value)
            elif key in KEPT_RECORD:
                made[key] = value
            elif key in WALKED_RECORD:
                made[key] = self.walk(value)
            elif key == "sourceIPAddress":
                made[key] = self.address(value)
            else:
                made[key] = "REDACTED"
        return made

    def address(self, value):
        try:
            ipaddress.ip_address(value)
        except ValueError:
            return value if value.endswith((".amazonaws.com", "Internal")) else "REDACTED"
        return self.place("address", value)

    def event(self, event):
        made = self.walk({k: v for k, v in event.items() if k != "CloudTrailEvent"})
        name = event.get("Username")
        if name and name != "root":
            made["Username"] = self.place("user", name)
        made["CloudTrailEvent"] = dump(self.record(load(event["CloudTrailEvent"])))
        return {k: made[k] for k in event}

    def body(self, text):
        try:
            value = load(text)
        except ValueError:
            return self.text(text)
        made = self.walk(value)
        return text if made == value else dump(made)

    def exchange(self, row):
        made = {**row, "params": self.walk(row["params"]), "body": self.body(row["body"]),
                "headers": self.walk(row["headers"])}
        if "note" in row:
            made["note"] = self.text(row["note"])
        return made

    def leaks(self, text):
        """Whether something is left that must not be: a key, a token, an account."""
        left = self.secrets - set(self.places.values())
        return any(re.search(rf"(?<![\d.]){re.escape(secret)}", text) for secret in left)


def without_foreign(row, names, request_ids):
    """A LookupEvents exchange with the trail's own events alone."""
    if row["operation"] != "LookupEvents" or row["status"] != 200:
        return row, []
    try:
        body = load(row["body"])
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return {**row, "body": "{}", "note": "a body that was no JSON is left out"}, []
    events = own_events(body, names, request_ids)[1]
    listed = body.get("Events")
    foreign = len(listed) - len(events) if isinstance(listed, list) else 0
    body["Events"] = events
    if "NextToken" in body:
        body["NextToken"] = "REDACTED"
    made = {**row, "foreign_events": foreign}
    if foreign or body.get("NextToken"):
        made["body"] = dump(body)
    return made, events


def prepare(exchanges, trail, redactor):
    """The exchanges as they are saved; `redactor` None keeps everything but foreign events."""
    names = {trail["name"], trail["arn"]}
    ids = {request_id(row) for row in exchanges if row["by"] == "owner"} - {None}
    saved = []
    for row in exchanges:
        made, events = without_foreign(row, names, ids)
        if redactor is not None:
            if events or made is not row:
                body = load(made["body"])
                body["Events"] = [redactor.event(event) for event in events]
                made = {**made, "body": dump(body), "params": redactor.walk(row["params"])}
            else:
                made = redactor.exchange(row)
        saved.append({**made, "edited": made["body"] != row["body"]})
    return saved
