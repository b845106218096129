# SPDX-License-Identifier: Apache-2.0
"""Accounts, identities, sessions, trails and topics: the state that the services share."""

import base64
import copy
import json
import os
import random
import re
import uuid
from collections import deque

from .errors import ControlError

TRAIL_ARN = re.compile(
    r"arn:(aws[a-z-]*):cloudtrail:([a-z0-9-]+):(\d{12}):trail/([A-Za-z0-9._-]{3,128})")
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
MAX_SESSIONS = 20000


class Entity:
    """A user or role: who it is and what its policies allow."""

    def __init__(self, kind, row):
        self.kind = kind
        self.arn = row["arn"]
        self.partition = self.arn.split(":")[1]
        self.account = self.arn.split(":")[4]
        self.name = self.arn.rsplit("/", 1)[1]
        self.unique_id = row["id"]
        self.permissions = list(row.get("permissions", []))
        self.denies = list(row.get("denies", []))
        self.trust = list(row.get("trust", []))
        self.external_id = row.get("external_id")
        self.max_duration = row.get("max_duration", 3600)


class Credential:
    """A key that can sign: long-lived of a user, or a role session's."""

    def __init__(self, access_key, secret_key, entity, arn, unique_id):
        self.access_key = access_key
        self.secret_key = secret_key
        self.entity = entity
        self.arn = arn
        self.unique_id = unique_id
        self.account = entity.account
        self.token = None
        self.expires = None
        self.created = None
        self.session_name = None
        self.source_identity = None
        self.chained = False
        self.from_instance = False
        self.mfa = False
        self.revoked = False
        self.active = True

    def describe(self):
        return {"access_key": self.access_key, "secret_key": self.secret_key, "token": self.token,
                "expires": self.expires, "arn": self.arn, "account": self.account}


class Trail:
    """A trail with the states that stale readers may still be shown."""

    def __init__(self, row):
        match = TRAIL_ARN.fullmatch(row["arn"])
        if not match:
            raise ControlError(f"not a trail ARN: {row['arn']}")
        self.arn = row["arn"]
        self.partition, self.home_region, self.account, self.name = match.groups()
        self.members = set(row.get("member_accounts", []))
        self.delegated = set(row.get("delegated_accounts", []))
        self.versions = deque(maxlen=64)
        self.reads = 0
        self.delivery_error = row.get("delivery_error", "")
        self.errors = {}  # members of GetTrailStatus
        self.delivery_time = row.get("delivery_time")
        state = {
    "exists": True,
    "logging": row.get(
        "logging",
        True),
        "start_time": row.get("start_time"),
        "stop_time": row.get("stop_time"),
        "bucket": row.get(
            "bucket",
            "aws-cloudtrail-logs-" + self.account),
            "prefix": row.get("prefix"),
            "multi_region": row.get(
                "multi_region",
                True),
                "global_events": row.get(
                    "global_events",
                    True),
                    "organization": row.get(
                        "organization",
                        False),
                        "validation": row.get(
                            "validation",
                            True),
                            "kms_key": row.get("kms_key"),
                            "sns_topic": row.get("sns_topic"),
                            "log_group": row.get("log_group"),
                            "log_role": row.get("log_role"),
                            "event_selectors": row.get("event_selectors"),
                            "advanced_selectors": row.get("advanced_selectors"),
                             }
        self.versions.append((0.0, state))

    @property
    def real(self):
        return self.versions[-1][1]

    def write(self, changes, visible_at):
        state = copy.deepcopy(self.real)
        state.update(changes)
        self.versions.append((visible_at, state))

    def seen(self, elapsed, flap=False):
        """The state that a reader is shown at this moment."""
        self.reads += 1
        if flap and self.versions[-1][0] > elapsed and self.reads % 2 == 0:
            return self.real
        for visible_at, state in reversed(self.versions):
            if visible_at <= elapsed:
                return state
        return self.versions[0][1]

    def settle(self):
        self.versions = deque([(0.0, self.real)], maxlen=64)

    def logs_in(self, region, state):
        return region == self.home_region or state["multi_region"]

    def accrue(self, now, interval):
        """Move the latest delivery on, as far as logging and the bucket allow."""
        state = self.real
        if state["logging"] and state["start_time"] and not self.delivery_error and interval > 0:
            count = int((now - state["start_time"]) / interval)
            if count >= 1:
                latest = state["start_time"] + count * interval
                self.delivery_time = max(self.delivery_time or 0.0, latest)


class Topic:
    def __init__(self, row):
        self.arn = row["arn"]
        _, self.partition, _, self.region, self.account, self.name = self.arn.split(":", 5)
        self.fifo = self.name.endswith(".fifo")
        self.content_dedup = row.get("content_dedup", False)
        self.allowed = set(row.get("allowed", []))
        self.exists = True
        self.confirmed = row.get("confirmed", 1)
        self.pending = row.get("pending", 0)
        self.dedup = {}
        self.sequence = 10000000000000000000


class World:
    """Everything that exists; loaded from a JSON file, changed by calls and by control."""

    def __init__(self, source, settings, clock, seed=None):
        self.source = source
        self.settings = settings
        self.clock = clock
        self.random = random.Random(seed if seed is not None else os.urandom(16))
        self.load()

    def load(self):
        rows = json.loads(json.dumps(self.source))
        self.regions = list(rows["regions"])
        self.accounts = rows["accounts"]
        self.users = {row["arn"]: Entity("user", row) for row in rows.get("users", [])}
        self.roles = {row["arn"]: Entity("role", row) for row in rows.get("roles", [])}
        self.credentials = {}
        self.web_identity = None
        for row in rows.get("users", []):
            if "access_key" in row:
                self.add_key(row["access_key"], row["secret_key"], self.users[row["arn"]])
        self.trails = {}
        for row in rows.get("trails", []):
            self.add_trail(row)
        self.topics = {row["arn"]: Topic(row) for row in rows.get("topics", [])}
        self.buckets = {}
        self.instance = rows.get("instance")
        self.metrics = deque(maxlen=100000)
        if "settings" in rows:
            self.settings.change(rows["settings"])

    def add_regions(self, *names):
        """Regions that are there whatever the world file says, also after a reset."""
        self.source = {**self.source, "regions": sorted({*self.source["regions"], *names})}
        self.regions = list(self.source["regions"])

    def add_key(self, access_key, secret_key, user):
        self.credentials[access_key] = Credential(access_key, secret_key, user, user.arn,
                                                  user.unique_id)

    def add_trail(self, row):
        row = dict(row)
        now = self.clock.now()
        for name in ("start_time", "stop_time", "delivery_time"):
            if isinstance(row.get(name), (int, float)) and row[name] <= 0:
                row[name] = round(now + row[name], 3)
        if row.get("logging", True) and row.get("start_time") is None:
            row["start_time"] = round(now - 86400.0, 3)
        trail = Trail(row)
        self.trails[trail.arn] = trail
        return trail

    def new_id(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def key_text(self, prefix, length=16):
        return prefix + "".join(self.random.choice(BASE32) for _ in range(length))

    def new_secret(self):
        return base64.b64encode(self.random.getrandbits(240).to_bytes(30, "big")).decode()

    def new_token(self):
        size = max(16, int(self.settings.token_length))
        raw = base64.b64encode(self.random.getrandbits(size * 8).to_bytes(size, "big")).decode()
        return "IQoJb3JpZ2luX2Vj" + raw[:size - 16]

    def new_session(self, role, session_name, seconds, **facts):
        """Credentials of a role session, remembered until they are dropped."""
        partition, account = role.partition, role.account
        arn = f"arn:{partition}:sts::{account}:assumed-role/{role.name}/{session_name}"
        session = Credential(self.key_text("ASIA"), self.new_secret(), role, arn,
                             f"{role.unique_id}:{session_name}")
        session.token = self.new_token()
        session.created = self.clock.now()
        session.expires = int(session.created + seconds)
        session.session_name = session_name
        for name, value in facts.items():
            setattr(session, name, value)
        self.credentials[session.access_key] = session
        if len(self.credentials) > MAX_SESSIONS:
            oldest = next(k for k, c in self.credentials.items() if c.token is not None)
            del self.credentials[oldest]
        return session

    def find_credential(self, access_key):
        credential = self.credentials.get(access_key)
        return credential if credential is not None and credential.active else None

    def entity(self, text):
        """A user or role by ARN, or by name when only one has it."""
        found = [e for e in [*self.users.values(), *self.roles.values()] if text in (e.arn, e.name)]
        if len(found) != 1:
            raise ControlError(f"no single user or role {text}")
        return found[0]

    def trail(self, text):
        found = [t for t in self.trails.values() if text in (t.arn, t.name)]
        if len(found) != 1:
            raise ControlError(f"no single trail {text}")
        return found[0]

    def topic(self, text):
        found = [t for t in self.topics.values() if text in (t.arn, t.name)]
        if len(found) != 1:
            raise ControlError(f"no single topic {text}")
        return found[0]
