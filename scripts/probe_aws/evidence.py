# SPDX-License-Identifier: Apache-2.0
"""Recorded exchanges, as the answers look at them: by step, by body, by the record they left."""

import calendar
import json
import re
import time
from decimal import Decimal
from email.utils import parsedate_to_datetime

THROTTLED = ("Throttling", "ThrottlingException", "TooManyRequestsException",
             "RequestLimitExceeded")
NEAR = 4    # seconds between an answer's Date and the eventTime of its record
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NEEDED = ("eventID", "eventName", "eventTime")


def own_events(body, names, request_ids):
    """(records, events) of a LookupEvents answer that belong to the trail; others are not kept."""
    records, events = [], []
    listed = body.get("Events")
    for event in listed if isinstance(listed, list) else []:
        try:
            record = json.loads(event["CloudTrailEvent"])
        except (KeyError, TypeError, ValueError):
            continue
        if not isinstance(record, dict) or not sound(record):
            continue
        params = record.get("requestParameters")
        params = params if isinstance(params, dict) else {}
        used = [v for v in (params.get("name"), params.get("trailName")) if isinstance(v, str)]
        if record.get("requestID") in list(request_ids) or names & set(used):
            records.append(record)
            events.append(event)
    return records, events


def sound(record):
    """Whether a record has what all of them are said to have."""
    return all(isinstance(record.get(k), str) for k in NEEDED) and \
        TIME.fullmatch(record["eventTime"]) is not None


def parsed(exchange):
    """The body as JSON, numbers as they were written; {} when it is none."""
    try:
        body = json.loads(exchange["body"], parse_float=Decimal)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def event_seconds(record):
    return calendar.timegm(time.strptime(record["eventTime"][:19], "%Y-%m-%dT%H:%M:%S"))


class Evidence:
    def __init__(self, exchanges, trail):
        self.exchanges = exchanges
        self.names = {trail["name"], trail["arn"]}
        self.name, self.arn = trail["name"], trail["arn"]
        self.request_ids = {request_id(row) for row in exchanges
                            if row["by"] == "owner"} - {None}
        self.sightings = list(self.look())
        self.records = {}
        for _, record in self.sightings:
            self.records.setdefault(record["eventID"], record)
        self.matched = dict(self.match())

    def rows(self, step=None, operation=None, ok=None):
        return [row for row in self.exchanges
                if (step is None or row["step"] == step)
                and (operation is None or row["operation"] == operation)
                and (ok is None or (row["status"] == 200) == ok)]

    def first(self, **which):
        return next(iter(self.rows(**which)), None)

    def last(self, **which):
        return next(iter(reversed(self.rows(**which))), None)

    def look(self):
        """Each (exchange, record) in which Event history showed a call of this run."""
        for row in self.rows(operation="LookupEvents", ok=True):
            for record in own_events(parsed(row), self.names, self.request_ids)[0]:
                yield row, record

    def match(self):
        """(n of the exchange, its record): by request id, else by the second it was answered."""
        rows = {row["n"]: row for row in self.exchanges if row["status"] is not None
                and row["by"] == "owner" and row["operation"] != "LookupEvents"}
        left = dict(self.records)
        for event_id, record in list(left.items()):
            for number, row in rows.items():
                if request_id(row) == record.get("requestID"):
                    yield number, record
                    del rows[number], left[event_id]
                    break
        # Calls of the burst are too close to each other to be told apart by the second.
        pairs = sorted((abs(event_seconds(record) - answered(row)), number, event_id)
                       for event_id, record in left.items() for number, row in rows.items()
                       if row["operation"] == record["eventName"] and "date" in row["headers"]
                       and row["step"] != "throttling"
                       and row["region"] == record.get("awsRegion")
                       and (row["status"] == 200) == (not record.get("errorCode")))
        for distance, number, event_id in pairs:
            if distance <= NEAR and number in rows and event_id in left:
                yield number, left.pop(event_id)
                del rows[number]

    def brackets(self, number):
        """(not yet, seen): seconds after the call at which Event history was asked for it."""
        row = self.exchanges[number - 1]
        wanted = self.matched[number]["eventID"]
        seen = {asked["n"] for asked, record in self.sightings if record["eventID"] == wanted}
        before = 0.0
        for asked in self.rows(operation="LookupEvents", ok=True):
            keys = asked["params"].get("LookupAttributes", [{}])[0]
            if keys.get("AttributeValue") != row["operation"]:
                continue
            after = asked["sent"] - row["received"]
            if asked["n"] in seen:
                return round(before, 3), round(after, 3), asked["n"]
            before = after
        return None


def request_id(row):
    return row["headers"].get("x-amzn-requestid")


def answered(row):
    return parsedate_to_datetime(row["headers"]["date"]).timestamp()


def throttled(row):
    return row["error"] in THROTTLED or row["status"] == 429


def members_of(value, prefix=""):
    """Dotted names of all members of a structure."""
    names = []
    for key, item in value.items():
        names.append(prefix + key)
        if isinstance(item, dict):
            names += members_of(item, prefix + key + ".")
    return names
