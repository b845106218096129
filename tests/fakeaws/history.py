# SPDX-License-Identifier: Apache-2.0
"""Event history: CloudTrail records per account and region, and LookupEvents' view of them."""

import base64
import hashlib
import json
from collections import deque

from .clock import iso
from .errors import ApiError

MAX_EVENTS = 20000
READ_PREFIXES = ("Get", "Describe", "List", "Lookup", "Head", "AssumeRole")
SOURCES = {"cloudtrail": "cloudtrail.amazonaws.com", "sns": "sns.amazonaws.com",
           "sts": "sts.amazonaws.com", "monitoring": "monitoring.amazonaws.com"}
OMITTED = {"omitted": True, "originalSize": 114688, "reason": "requestParameters too large"}


def lower_camel(value):
    """Request members as records spell them: first letter lower."""
    if isinstance(value, dict):
        return {k[:1].lower() + k[1:]: lower_camel(v) for k, v in value.items()}
    if isinstance(value, list):
        return [lower_camel(v) for v in value]
    return value


def username_of(identity):
    kind = identity.get("type")
    if kind == "Root":
        return "root"
    arn = identity.get("arn", "")
    if kind in ("AssumedRole", "FederatedUser") and "/" in arn:
        return arn.rsplit("/", 1)[1]
    return identity.get("userName")


def both_forms(call, name):
    """The name and the ARN of the trail that a request means."""
    if name.startswith("arn:"):
        return name.rsplit("/", 1)[-1], name
    return name, f"arn:{call.partition}:cloudtrail:{call.region}:{call.account}:trail/{name}"


def trail_resources(call, form):
    sent = call.params.get("Name") or call.params.get("TrailName")
    if not sent or form == "none":
        return []
    name, arn = both_forms(call, sent)
    names = {"sent": [sent], "arn": [arn], "name": [name], "both": [name, arn]}[form]
    return [{"ResourceType": "AWS::CloudTrail::Trail", "ResourceName": n} for n in names]


class Event:
    __slots__ = ("record", "text", "time", "visible_at", "summary")

    def __init__(self, record, resources, seconds, visible_at):
        self.record = record
        self.text = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
        self.time = int(seconds)
        self.visible_at = visible_at
        identity = record.get("userIdentity") or {}
        self.summary = {
            "EventId": record["eventID"], "EventName": record["eventName"],
            "ReadOnly": "true" if record.get("readOnly") else "false",
            "EventTime": self.time, "EventSource": record["eventSource"], "Resources": resources,
        }
        if identity.get("accessKeyId"):
            self.summary["AccessKeyId"] = identity["accessKeyId"]
        username = username_of(identity)
        if username:
            self.summary["Username"] = username

    def matches(self, key, value):
        if key == "ResourceType":
            return any(r["ResourceType"] == value for r in self.summary["Resources"])
        if key == "ResourceName":
            return any(r["ResourceName"] == value for r in self.summary["Resources"])
        return self.summary.get(key) == value

    def answer(self):
        return {**self.summary, "CloudTrailEvent": self.text}


class History:
    def __init__(self, world, settings, clock, notifier):
        self.world = world
        self.settings = settings
        self.clock = clock
        self.notifier = notifier
        self.places = {}
        self.added = 0

    def reset(self):
        self.places.clear()
        self.added = 0

    def add(self, account, region, record, resources, seconds, lag=None):
        """Store a record; it becomes visible after the history lag, or its own."""
        lag = self.usual_lag() if lag is None else lag
        event = Event(record, resources, seconds, self.clock.elapsed() + lag)
        place = self.places.setdefault((account, region), deque(maxlen=MAX_EVENTS))
        place.append(event)
        self.notifier.notify()
        return event

    def usual_lag(self):
        self.added += 1
        lag = self.settings.history_lag
        return max(lag, self.settings.history_lag_max) if self.added % 4 == 0 else lag

    def params_shown(self, call):
        """Request members as the record has them, the trail named in the form of the setting."""
        shown, form = lower_camel(call.params), self.settings.record_name
        for key in ("name", "trailName"):
            if form != "sent" and isinstance(shown.get(key), str) and call.service == "cloudtrail":
                shown[key] = both_forms(call, shown[key])[form == "arn"]
        return shown or None

    def build(self, call, identity, error=None, **extra):
        """A record of a call in the shape CloudTrail writes."""
        record = {
            "eventVersion": "1.11", "userIdentity": identity,
            "eventTime": iso(call.time + self.settings.event_delay),
            "eventSource": SOURCES.get(call.service, call.service), "eventName": call.operation,
            "awsRegion": call.region, "sourceIPAddress": call.source_ip,
            "userAgent": call.user_agent[:1024],
        }
        if error is not None:
            code = error.code.removesuffix("Exception") if error.code.startswith("AccessDenied") \
                else error.code
            record["errorCode"] = code
            record["errorMessage"] = error.message
        record["requestParameters"] = self.params_shown(call)
        record["responseElements"] = None
        record["requestID"] = call.request_id if not self.settings.request_id_break \
            else self.world.new_id()
        record["eventID"] = self.world.new_id()
        record["readOnly"] = call.operation.startswith(READ_PREFIXES)
        record["eventType"] = "AwsApiCall"
        record["managementEvent"] = True
        record["recipientAccountId"] = call.account
        record["eventCategory"] = "Management"
        if call.tls_version:
            record["tlsDetails"] = {"tlsVersion": call.tls_version, "cipherSuite": call.tls_cipher,
                                    "clientProvidedHostHeader": call.host}
        record.update(extra)
        return record

    def reveal(self):
        """Show everything that is still held back."""
        count = 0
        for place in self.places.values():
            for event in place:
                if event.visible_at > self.clock.elapsed():
                    event.visible_at = self.clock.elapsed()
                    count += 1
        return count

    def select(self, account, region, attributes, start, end):
        now = self.clock.elapsed()
        found = []
        for event in reversed(self.places.get((account, region), ())):
            if event.visible_at > now or event.time < start or event.time > end:
                continue
            if all(event.matches(a["AttributeKey"], a["AttributeValue"]) for a in attributes):
                found.append(event)
        found.sort(key=lambda e: -e.time)
        return found


class Token:
    """A NextToken: bound to the request that it continues."""

    @staticmethod
    def digest(account, region, params):
        same = {k: v for k, v in params.items() if k not in ("NextToken", "MaxResults")}
        text = json.dumps([account, region, same], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    @classmethod
    def encode(cls, digest, last_id, empties):
        return base64.b64encode(f"{digest}:{last_id}:{empties}".encode()).decode()

    @classmethod
    def decode(cls, text, digest):
        try:
            given, last_id, empties = base64.b64decode(text, validate=True).decode().split(":")
            if given == digest:
                return last_id, int(empties)
        except (ValueError, UnicodeDecodeError):
            pass
        raise ApiError("InvalidNextTokenException", "Invalid pagination token: the token or the "
                       "parameters of the request have changed")


def lookup(history, account, region, params):
    """LookupEvents: newest first, at most 50 a page, of 90 days."""
    settings, now = history.settings, history.clock.now()
    attributes = params.get("LookupAttributes", [])
    if len(attributes) > 1:
        raise ApiError(
    "InvalidLookupAttributesException",
     "You can specify only one lookup attribute.")
    for attribute in attributes:
        if not 1 <= len(attribute["AttributeValue"]) <= 2000:
            raise ApiError(
    "InvalidLookupAttributesException",
     "Attribute value has a wrong length.")
    size = params.get("MaxResults", 50)
    if not 1 <= size <= 50:
        raise ApiError("InvalidMaxResultsException",
     "The value for MaxResults must be between 1 and 50.")
    oldest = now - 90 * 86400
    start, end = params.get("StartTime", oldest), params.get("EndTime", now + 86400)
    if start > end:
        raise ApiError("InvalidTimeRangeException",
     "The start time must not be after the end time.")
    if params.get("EventCategory"):
        return {"Events": []}
    digest = Token.digest(account, region, params)
    last_id, empties = "", settings.empty_pages
    if "NextToken" in params:
        last_id, empties = Token.decode(params["NextToken"], digest)
    if empties > 0:
        return {"Events": [], "NextToken": Token.encode(digest, last_id, empties - 1)}
    found = history.select(account, region, attributes, max(start, oldest), end)
    if last_id:
        ids = [event.summary["EventId"] for event in found]
        found = found[ids.index(last_id) + 1:] if last_id in ids else []
    size = min(size, settings.page_size)
    answer = {"Events": [event.answer() for event in found[:size]]}
    if len(found) > size:
        answer["NextToken"] = Token.encode(digest, found[size - 1].summary["EventId"], 0)
    return answer
