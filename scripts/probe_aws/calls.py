# SPDX-License-Identifier: Apache-2.0
"""Calls to AWS, one attempt each, remembered with their bytes; nothing is decided here."""

import time
from datetime import datetime

MAX_CALLS = 150
KEPT_HEADERS = ("content-type", "date", "retry-after", "x-amz-request-id", "x-amz-retry-after",
                "x-amzn-errortype", "x-amzn-requestid")
READS = ("Get", "Describe", "List", "Lookup")
# Seconds from one call to the next of the same kind, well below CloudTrail's documented rates.
PACE = {"write": 1.5, "lookup": 2.1, "read": 0.2}
TRANSIENT = ("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests",
             "SlowDown", "OperationAborted", "ConflictException", "TooManyRequestsException")


class Clock:
    """The clocks of this machine; tests bring their own."""

    def time(self):
        return time.time()

    def monotonic(self):
        return time.monotonic()

    def sleep(self, seconds):
        time.sleep(seconds)


class ProbeError(Exception):
    """The probe cannot go on; the text says why and what to do."""


class Outcome:
    """What became of one call."""

    def __init__(self, exchange, parsed):
        self.exchange = exchange
        self.parsed = parsed
        self.status = exchange["status"]
        self.code = exchange["error"]

    @property
    def ok(self):
        return self.status is not None and self.status < 300

    @property
    def transient(self):
        return self.status is None or self.status >= 500 or self.code in TRANSIENT

    @property
    def message(self):
        return self.parsed.get("Error", {}).get("Message") or self.exchange.get("note", "")


def kind_of(operation):
    if operation == "LookupEvents":
        return "lookup"
    return "read" if operation.startswith(READS) else "write"


def plain(value):
    """Request parameters as JSON can hold them."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return int(value.timestamp()) if isinstance(value, datetime) else value


class Caller:
    """Speaks for one set of credentials and keeps the exchanges of all callers in one list."""

    def __init__(self, session, options, clock, exchanges, by="owner"):
        self.session = session
        self.options = options
        self.clock = clock
        self.exchanges = exchanges
        self.by = by
        self.own = set()
        self.began = clock.monotonic()
        self.clients = {}
        self.last = {}
        self.step = "identity"
        self.raw = None
        self.unlimited = False

    def client(self, service, region):
        from botocore.config import Config
        if (service, region) not in self.clients:
            config = Config(retries={"max_attempts": 0}, connect_timeout=10, read_timeout=30,
                            user_agent="trailsentry-probe", s3={"addressing_style": "path"}
                            if self.options.endpoint_url else None)
            client = self.session.create_client(
                service, region_name=region, endpoint_url=self.options.endpoint_url,
                verify=self.options.ca_bundle, config=config)
            client.meta.events.register("response-received", self.receive)
            self.clients[service, region] = client
        return self.clients[service, region]

    def receive(self, response_dict=None, **_):
        self.raw = response_dict

    def check_own(self, service, operation, params):
        """Writes go to what this run has made; anything else is a bug of this program."""
        if kind_of(operation) != "write":
            return
        name = params.get("Name") or params.get("Bucket")
        if service in ("cloudtrail", "s3") and name not in self.own:
            raise AssertionError(f"{operation} on {name}, which is not the probe's own")

    def wait_turn(self, region, operation):
        kind = kind_of(operation)
        last = self.last.get((region, kind))
        if last is not None:
            left = last + PACE[kind] - self.clock.monotonic()
            if left > 0:
                self.clock.sleep(left)

    def call(self, service, operation, region=None, at_once=False, remember=True, **params):
        """One attempt. Errors of AWS and of the network are outcomes, not exceptions."""
        from botocore.exceptions import ClientError
        region = region or self.options.region
        self.check_own(service, operation, params)
        if len(self.exchanges) >= MAX_CALLS and not self.unlimited:
            raise ProbeError(f"{MAX_CALLS} calls were made, more than any run should need")
        client = self.client(service, region)
        if not at_once:
            self.wait_turn(region, operation)
        self.raw, parsed, error, note = None, {}, "", ""
        method = getattr(client, xform(operation))
        sent = self.clock.monotonic()
        try:
            parsed = method(**params)
        except ClientError as problem:
            parsed = problem.response
            error = parsed["Error"].get("Code", "")
        except Exception as problem:    # botocore lets some through, as of bytes that are no UTF-8
            error, note = type(problem).__name__, str(problem)
        received = self.clock.monotonic()
        self.last[region, kind_of(operation)] = received
        raw = self.raw or {}
        headers = {k.lower(): v for k, v in (raw.get("headers") or {}).items()}
        exchange = {
            "n": len(self.exchanges) + 1, "step": self.step, "by": self.by, "service": service,
            "operation": operation, "region": region, "params": plain(params),
            "status": raw.get("status_code"), "error": error,
            "headers": {k: headers[k] for k in KEPT_HEADERS if k in headers},
            "body": (raw.get("body") or b"").decode("utf-8", "replace"), "edited": False,
            "sent": round(sent - self.began, 3), "received": round(received - self.began, 3)}
        if note:
            exchange["note"] = note
        if remember:
            self.exchanges.append(exchange)
        return Outcome(exchange, parsed)

    def insist(self, service, operation, waits=(2, 4, 8), also=(), **params):
        """The same call again while it fails in a way that passes; each attempt is recorded."""
        for wait in (*waits, None):
            outcome = self.call(service, operation, **params)
            passing = outcome.transient or outcome.code in also
            if outcome.ok or not passing or wait is None:
                return outcome
            self.clock.sleep(wait)


def xform(operation):
    from botocore import xform_name
    return xform_name(operation)
