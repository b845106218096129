# SPDX-License-Identifier: Apache-2.0
"""The control interface: what a test can order and ask, as JSON over loopback http."""

import inspect
import json
from types import SimpleNamespace

from . import identities
from .clock import iso
from .errors import ApiError, ControlError
from .gateway import partition_of
from .history import OMITTED, trail_resources
from .http11 import Reply
from .world import Entity, Topic

ATTACK_FIELDS = {"trail", "event", "identity", "name_form", "error_code", "error_message",
                 "user_agent", "source_ip", "mfa", "times", "ago", "lag", "account", "region",
                 "params", "record", "effect"}
TRAIL_FIELDS = {"logging", "start_time", "stop_time", "bucket", "prefix", "multi_region",
                "global_events", "organization", "validation", "kms_key", "sns_topic", "log_group",
                "log_role", "event_selectors", "advanced_selectors", "exists"}
MAX_ROWS = 5000


def need(row, *names):
    for name in names:
        if name not in row:
            raise ControlError(f"missing {name}")
    return [row[name] for name in names]


def allow_only(row, names):
    unknown = set(row) - set(names)
    if unknown:
        raise ControlError("unknown fields: " + ", ".join(sorted(unknown)))


def values(attribute):
    """What a filter policy compares: the value, or each of an array's."""
    text = attribute.get("StringValue")
    return json.loads(text) if attribute.get("DataType") == "String.Array" else [text]


class Verbs:
    """Each public method `do_x` is the verb x: JSON object in, JSON object out."""

    def __init__(self, parts, listeners, stop):
        self.parts = parts
        self.world = parts.world
        self.clock = parts.clock
        self.settings = parts.settings
        self.listeners = listeners
        self.stop = stop

    def handle(self, request):
        name = request.path.strip("/")
        verb = getattr(self, "do_" + name, None)
        if request.method == "GET" and not name:
            return self.reply(200, {"verbs": sorted(n[3:]
                              for n in dir(self) if n.startswith("do_"))})
        if verb is None or request.method != "POST":
            return self.reply(404, {"error": f"no verb {name[:40]}"})
        try:
            row = json.loads(request.body or b"{}")
            if not isinstance(row, dict):
                raise ControlError("the body must be an object")
            result = verb(row)
        except (ControlError, ApiError, KeyError, TypeError, ValueError) as error:
            return self.refused(error)
        if inspect.isawaitable(result):
            return self.finish(result)
        return self.reply(200, result)

    async def finish(self, awaitable):
        try:
            return self.reply(200, await awaitable)
        except (ControlError, ApiError, KeyError, TypeError, ValueError) as error:
            return self.refused(error)

    def refused(self, error):
        return self.reply(400, {"error": f"{type(error).__name__}: {error}"})

    @staticmethod
    def reply(status, value):
        body = json.dumps(value, default=str).encode()
        return Reply(status, [("Content-Type", "application/json")], body)

    def do_attack(self, row):
        """Play one call, or several in one go so that no poll can come between."""
        if "steps" in row:
            return {"steps": [self.attack(step) for step in row["steps"]]}
        return self.attack(row)

    def attack(self, row):
        allow_only(row, ATTACK_FIELDS)
        done = [self.attack_once(row) for _ in range(int(row.get("times", 1)))]
        return done[0] if len(done) == 1 else {"done": done}

    def attack_once(self, row):
        trail = self.world.trail(row["trail"]) if row.get("trail") else None
        event = row.get("event", "StopLogging")
        account = row.get("account") or (trail.account if trail else None)
        region = row.get("region") or (trail.home_region if trail else None)
        if not account or not region:
            raise ControlError("without a trail, account and region are needed")
        when = self.clock.now() - float(row.get("ago", 0.0))
        form = row.get("name_form", "arn")
        if form not in ("arn", "name", "omitted"):
            raise ControlError("name_form is name, arn or omitted")
        params = dict(row.get("params", {}))
        if trail is not None:
            key = "TrailName" if event.endswith("EventSelectors") else "Name"
            params.setdefault(key, trail.name if form == "name" else trail.arn)
        call = SimpleNamespace(
            request_id=self.world.new_id(), time=when, service="cloudtrail", operation=event,
            region=region, partition=partition_of(region), account=account, params=params,
            user_agent=row.get("user_agent", "aws-cli/2.15.0 Python/3.11.6 md/command#cloudtrail"),
            source_ip=row.get("source_ip", "198.51.100.17"), tls_version="TLSv1.3",
            tls_cipher="TLS_AES_128_GCM_SHA256", host=f"cloudtrail.{region}.amazonaws.com")
        identity = self.actor(row, call)
        error = None
        if row.get("error_code"):
            error = ApiError(row["error_code"], row.get("error_message", "refused"))
        elif row.get("effect", True) and trail is not None:
            operation = getattr(self.parts.cloudtrail, event, None)
            if operation is None or event.startswith("_") or not event[0].isupper():
                raise ControlError(f"no operation {event}")
            operation(call)
        return self.remember(row, call, identity, error)

    @staticmethod
    def actor(row, call):
        identity = identities.build(row.get("identity", "user"), call.account, call.time)
        if "mfa" in row and "sessionContext" in identity:
            identity = json.loads(json.dumps(identity))
            attributes = identity["sessionContext"].setdefault("attributes", {})
            attributes["mfaAuthenticated"] = "true" if row["mfa"] else "false"
        return identity

    def remember(self, row, call, identity, error):
        omitted = row.get("name_form") == "omitted"
        record = self.parts.history.build(call, identity, error)
        if omitted:
            record["requestParameters"] = dict(OMITTED)
        for key, value in row.get("record", {}).items():
            if value is None:
                record.pop(key, None)
            else:
                record[key] = value
        record.setdefault("eventID", self.world.new_id())
        record.setdefault("eventName", call.operation)
        record.setdefault("eventSource", "cloudtrail.amazonaws.com")
        resources = [] if omitted else trail_resources(call, self.settings.resource_name)
        event = self.parts.history.add(call.account, call.region, record, resources, call.time,
                                       row.get("lag"))
        answer = {"event_id": record["eventID"], "request_id": call.request_id,
                  "event_time": iso(call.time), "time": call.time, "record": event.record}
        if row.get("trail"):
            answer["trail"] = self.describe_trail(self.world.trail(row["trail"]))
        return answer

    def do_record(self, row):
        """Put a complete record into Event history, as it is."""
        account, region, record = need(row, "account", "region", "record")
        seconds = float(row.get("time", self.clock.now()))
        event = self.parts.history.add(account, region, record, row.get("resources", []), seconds,
                                       row.get("lag"))
        return {"event": event.answer()}

    def do_set(self, row):
        self.settings.change(row)
        self.clock.offset = float(self.settings.clock_offset)
        self.clock.hold(self.settings.hold_elapsed)
        return dict(self.settings.values)

    def do_settings(self, row):
        return dict(self.settings.values)

    def do_advance(self, row):
        """Let elapsed time jump: lags, stale reads, rate limits, the FIFO window."""
        self.clock.advance(float(need(row, "seconds")[0]))
        self.parts.notifier.notify()
        return {"elapsed": self.clock.elapsed()}

    def do_now(self, row):
        return {"now": self.clock.now(), "elapsed": self.clock.elapsed()}

    def do_reveal(self, row):
        """Show held-back history and settle stale reads at once."""
        for trail in self.world.trails.values():
            trail.settle()
        return {"events": self.parts.history.reveal()}

    def do_fault(self, row):
        return self.parts.faults.add(row).describe()

    def do_faults(self, row):
        return {"faults": [f.describe() for f in self.parts.faults.rows]}

    def do_clear_faults(self, row):
        return {"cleared": self.parts.faults.clear(row.get("id"))}

    def do_permissions(self, row):
        """Change what a role or user may do: allow, deny, undeny, remove, set."""
        allow_only(row, {"entity", "allow", "deny", "undeny", "remove", "set"})
        entity = self.world.entity(need(row, "entity")[0])
        if "set" in row:
            entity.permissions = list(row["set"])
        entity.permissions += [a for a in row.get("allow", []) if a not in entity.permissions]
        entity.permissions = [a for a in entity.permissions if a not in row.get("remove", [])]
        entity.denies += [a for a in row.get("deny", []) if a not in entity.denies]
        entity.denies = [a for a in entity.denies if a not in row.get("undeny", [])]
        return {"arn": entity.arn, "permissions": entity.permissions, "denies": entity.denies}

    def do_trust(self, row):
        entity = self.world.entity(need(row, "entity")[0])
        entity.trust = list(row.get("trust", entity.trust))
        if "external_id" in row:
            entity.external_id = row["external_id"]
        if "max_duration" in row:
            entity.max_duration = int(row["max_duration"])
        return {"arn": entity.arn, "trust": entity.trust, "external_id": entity.external_id}

    def sessions(self, row):
        """Credentials by access key, by entity, or all sessions."""
        chosen = []
        for credential in self.world.credentials.values():
            if "access_key" in row and credential.access_key != row["access_key"]:
                continue
            if "entity" in row and row["entity"] not in (
                credential.entity.arn, credential.entity.name):
                continue
            if "access_key" not in row and credential.token is None:
                continue
            chosen.append(credential)
        return chosen

    def do_sessions(self, row):
        return {"sessions": [c.describe() for c in self.sessions(row)]}

    def do_revoke(self, row):
        """Deny everything to sessions that exist now; new ones are not touched."""
        chosen = self.sessions(row)
        for credential in chosen:
            credential.revoked = True
        return {"revoked": len(chosen)}

    def do_expire(self, row):
        """Let sessions expire at once."""
        chosen = [c for c in self.sessions(row) if c.token is not None]
        for credential in chosen:
            credential.expires = self.clock.now() - 1
        return {"expired": len(chosen)}

    def do_key(self, row):
        """Deactivate or reactivate a key, so that the services do not know it."""
        access_key = need(row, "access_key")[0]
        credential = self.world.credentials[access_key]
        credential.active = bool(row.get("active", True))
        return {"access_key": access_key, "active": credential.active}

    def do_session(self, row):
        """Credentials of a role session for a test that calls the API itself."""
        role = self.world.entity(need(row, "role")[0])
        if role.kind != "role":
            raise ControlError("only roles have sessions")
        session = self.world.new_session(
            role, row.get("name", "session"), float(row.get("seconds", 3600)),
            source_identity=row.get("source_identity"), mfa=bool(row.get("mfa")))
        return session.describe()

    def do_user(self, row):
        """Add a user with a static key."""
        need(row, "arn", "id", "access_key", "secret_key")
        entity = Entity("user", row)
        self.world.users[entity.arn] = entity
        self.world.add_key(row["access_key"], row["secret_key"], entity)
        return {"arn": entity.arn}

    def do_role(self, row):
        need(row, "arn", "id")
        entity = Entity("role", row)
        self.world.roles[entity.arn] = entity
        return {"arn": entity.arn}

    def do_imds(self, row):
        """Behaviour of the metadata service: mode, status, count, forget_tokens, container_token."""
        imds = self.parts.imds
        imds.change(row)
        if row.get("expire_tokens"):
            imds.expire_tokens()
        if "role" in row:
            self.world.instance["role"] = row["role"]
        return {"mode": imds.mode, "count": imds.count, "instance": self.world.instance,
                "access_key": imds.session.access_key if imds.session else None}

    def do_web_identity(self, row):
        """The token that is good from now on, for the role; sessions of so many seconds."""
        need(row, "token", "role")
        self.world.roles[row["role"]]  # a mistake of the test's
        self.world.web_identity = row
        return {}

    def do_rotate(self, row):
        self.parts.imds.rotate()
        return {}

    def describe_trail(self, trail):
        trail.accrue(self.clock.now(), self.settings.delivery_interval)
        return {"arn": trail.arn, "name": trail.name, "account": trail.account,
                "home_region": trail.home_region, "delivery_time": trail.delivery_time,
                "delivery_error": trail.delivery_error, **trail.real}

    def do_trail(self, row):
        return self.describe_trail(self.world.trail(need(row, "trail")[0]))

    def do_trails(self, row):
        return {"trails": [self.describe_trail(t) for t in self.world.trails.values()]}

    async def do_wait_trail(self, row):
        """Wait until real members have these values: {"trail", "until": {"logging": true}}."""
        name, until = need(row, "trail", "until")
        allow_only(until, TRAIL_FIELDS)

        def met():
            real = self.world.trail(name).real
            return all(real[k] == v for k, v in until.items())
        ok = await self.parts.notifier.wait_for(met, row.get("timeout", 10))
        return {"ok": bool(ok), "trail": self.describe_trail(self.world.trail(name))}

    def do_set_trail(self, row):
        """Change a trail behind the API's back, without a record."""
        trail = self.world.trail(need(row, "trail")[0])
        allow_only(row, TRAIL_FIELDS | {"trail", "delivery_time", "delivery_error", "errors", "stale"})
        trail.accrue(self.clock.now(), self.settings.delivery_interval)
        if "delivery_error" in row:
            trail.delivery_error = row["delivery_error"] or ""
        if "delivery_time" in row:
            trail.delivery_time = row["delivery_time"]
        trail.errors.update(row.get("errors", {}))  # members of GetTrailStatus, "" for none
        changes = {k: v for k, v in row.items() if k in TRAIL_FIELDS}
        if changes:
            trail.write(changes, self.clock.elapsed() + float(row.get("stale", 0.0)))
        return self.describe_trail(trail)

    def do_create_trail(self, row):
        """Make a trail from a world row; an existing one is replaced, as by re-creation."""
        need(row, "arn")
        return self.describe_trail(self.world.add_trail(row))

    def do_delete_trail(self, row):
        trail = self.world.trail(need(row, "trail")[0])
        trail.write({"exists": False, "logging": False}, self.clock.elapsed())
        return self.describe_trail(trail)

    def do_topic(self, row):
        """Add or change a topic: {"arn", "allowed": [...], "exists": bool, "confirmed", "pending"
        (numbers of subscriptions)}."""
        arn = need(row, "arn")[0]
        if arn not in self.world.topics:
            self.world.topics[arn] = Topic(row)
        topic = self.world.topics[arn]
        if "allowed" in row:
            topic.allowed = set(row["allowed"])
        topic.exists = bool(row.get("exists", True))
        topic.confirmed = row.get("confirmed", topic.confirmed)
        topic.pending = row.get("pending", topic.pending)
        return {"arn": arn, "allowed": sorted(topic.allowed), "exists": topic.exists}

    def do_bucket(self, row):
        """What a bucket holds; "objects" puts keys into it."""
        bucket = self.world.buckets.get(need(row, "name")[0])
        if bucket is None:
            return {"exists": False}
        bucket.objects.update(row.get("objects", []))
        return {"exists": True, "policy": bucket.policy, "objects": sorted(bucket.objects)}

    def do_buckets(self, row):
        return {"names": sorted(self.world.buckets)}

    def do_replay(self, row):
        """Which recorded exchanges have been answered, and what was asked beside them."""
        return self.parts.replay.describe()

    def do_mailbox(self, row):
        return self.listen(self.parts.mailbox, row, self.message_fits)

    def message_fits(self, message, row):
        if "topic" in row and message["topic"] != self.world.topic(row["topic"]).arn:
            return False
        if not row.get("duplicates") and message["duplicate"]:
            return False
        if "contains" in row and row["contains"] not in message["message"]:
            return False
        if "subject" in row and row["subject"] not in (message["subject"] or ""):
            return False
        wanted = row.get("attributes", {})
        return all(v in values(message["attributes"].get(k, {})) for k, v in wanted.items())

    def do_calls(self, row):
        return self.listen(self.parts.calls, row, self.call_fits)

    @staticmethod
    def call_fits(call, row):
        for name in ("service", "operation", "region", "account", "arn", "access_key", "code",
                     "trail", "topic", "request_id", "tls", "host"):
            if name in row and call.get(name) != row[name]:
                return False
        return "ok" not in row or (call["code"] == "") == row["ok"]

    def listen(self, journal, row, fits):
        """Rows after `after`; with `min` and `timeout` the answer waits for that many."""
        after, least = int(row.get("after", 0)), int(row.get("min", 0))
        limit = min(int(row.get("limit", MAX_ROWS)), MAX_ROWS)
        state = {"seen": after, "found": []}

        def gather():
            for item in journal.after(state["seen"]):
                state["seen"] = item["seq"]
                if fits(item, row):
                    state["found"].append(item)
            return len(state["found"]) >= least

        def answer():
            found = state["found"]
            result = {"ok": len(found) >= least, "count": len(found), "last": journal.next_seq - 1}
            if not row.get("count_only"):
                result["rows"] = found[:limit]
            return result

        async def waiting():
            await self.parts.notifier.wait_for(gather, row["timeout"])
            return answer()

        if "timeout" in row:
            return waiting()
        gather()
        return answer()

    async def do_metrics(self, row):
        def found():
            return [m for m in self.world.metrics
                    if all(m.get(k) == row[k] for k in ("namespace", "name", "account", "region")
                           if k in row)]
        least = int(row.get("min", 0))
        await self.parts.notifier.wait_for(lambda: len(found()) >= least, row.get("timeout", 0))
        rows = found()
        return {"ok": len(rows) >= least, "count": len(rows), "rows": rows[-MAX_ROWS:]}

    def do_events(self, row):
        """All records, also those that Event history does not show yet."""
        rows = []
        for (account, region), place in self.parts.history.places.items():
            for event in place:
                rows.append({"account": account, "region": region, "record": event.record,
                             "visible": event.visible_at <= self.clock.elapsed()})
        return {"events": rows[-MAX_ROWS:]}

    def do_drop_connections(self, row):
        return {"dropped": sum(x.drop(not row.get("busy")) for x in self.listeners())}

    def do_state(self, row):
        return {"internal_errors": self.parts.gateway.internal_errors[-20:],
                "connections": {x.name: len(x.connections) for x in self.listeners()},
                "accepted": {x.name: x.accepted for x in self.listeners()},
                "now": self.clock.now(), "identities": list(identities.VARIANTS)}

    def do_reset(self, row):
        """Back to the first world, settings and empty journals; ports stay."""
        parts = self.parts
        parts.settings.reset()
        parts.clock.offset = 0.0
        parts.clock.hold(False)
        parts.world.load()
        parts.faults.clear()
        parts.limits.reset()
        parts.history.reset()
        parts.imds.reset()
        parts.replay.reset()
        parts.calls.clear()
        parts.mailbox.clear()
        parts.gateway.internal_errors.clear()
        self.clock.offset = float(parts.settings.clock_offset)
        parts.clock.hold(parts.settings.hold_elapsed)
        return {}

    def do_stop(self, row):
        self.stop()
        return {}
