# SPDX-License-Identifier: Apache-2.0
"""The referee as tests use it: start it, order attacks and failures, wait, read, stop it."""

import http.client
import json
import os
import select
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"


class RefereeError(Exception):
    """The referee refused a control request or did not start."""


class Control:
    """Speaks to the control port of a referee that runs."""

    def __init__(self, port):
        self.port = port
        self.connection = None

    def call(self, verb, **fields):
        """POST one verb; the answer is a dictionary. A dead connection is opened anew once."""
        body = json.dumps(fields)
        timeout = 30.0 + float(fields.get("timeout") or 0)
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port)
            self.connection.timeout = timeout
            if self.connection.sock is not None:
                self.connection.sock.settimeout(timeout)
            try:
                self.connection.request("POST", "/" + verb, body)
                response = self.connection.getresponse()
                answer = json.loads(response.read())
                break
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.connection.close()
                self.connection = None
                if attempt == 2:
                    raise
        if response.status != 200:
            raise RefereeError(answer.get("error", str(response.status)))
        return answer

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def attack(self, trail=None, event="StopLogging", identity="user", **fields):
        return self.call("attack", trail=trail, event=event, identity=identity, **fields)

    def attacks(self, *steps):
        return self.call("attack", steps=list(steps))["steps"]

    def set(self, **settings):
        return self.call("set", **settings)

    def advance(self, seconds):
        return self.call("advance", seconds=seconds)

    def reveal(self):
        return self.call("reveal")["events"]

    def fault(self, service="*", operation="*", kind="error", **fields):
        return self.call("fault", service=service, operation=operation, kind=kind, **fields)["id"]

    def faults(self):
        return self.call("faults")["faults"]

    def clear_faults(self, number=None):
        return self.call("clear_faults", id=number)["cleared"]

    def permissions(self, entity, **changes):
        return self.call("permissions", entity=entity, **changes)

    def revoke(self, **which):
        return self.call("revoke", **which)["revoked"]

    def expire(self, **which):
        return self.call("expire", **which)["expired"]

    def session(self, role, **fields):
        return self.call("session", role=role, **fields)

    def imds(self, **behaviour):
        return self.call("imds", **behaviour)

    def rotate(self):
        return self.call("rotate")

    def trail(self, trail):
        return self.call("trail", trail=trail)

    def set_trail(self, trail, **changes):
        return self.call("set_trail", trail=trail, **changes)

    def create_trail(self, arn, **row):
        return self.call("create_trail", arn=arn, **row)

    def delete_trail(self, trail):
        return self.call("delete_trail", trail=trail)

    def wait_trail(self, trail, timeout=10.0, **until):
        answer = self.call("wait_trail", trail=trail, until=until, timeout=timeout)
        if not answer["ok"]:
            raise RefereeError(f"the trail did not come to {until}: {answer['trail']}")
        return answer["trail"]

    def messages(self, **filters):
        return self.call("mailbox", **filters)["rows"]

    def wait_messages(self, count=1, timeout=10.0, **filters):
        answer = self.call("mailbox", min=count, timeout=timeout, **filters)
        if not answer["ok"]:
            raise RefereeError(f"{answer['count']} of {count} messages came in {timeout} s")
        return answer["rows"]

    def calls(self, **filters):
        return self.call("calls", **filters)["rows"]

    def wait_calls(self, count=1, timeout=10.0, **filters):
        answer = self.call("calls", min=count, timeout=timeout, **filters)
        if not answer["ok"]:
            raise RefereeError(f"{answer['count']} of {count} calls came in {timeout} s: {filters}")
        return answer["rows"]

    def count_calls(self, **filters):
        return self.call("calls", count_only=True, **filters)["count"]

    def last_call(self):
        """The number to give as after=, so that only later calls are seen."""
        return self.call("calls", count_only=True, min=0, after=2 ** 53)["last"]

    def metrics(self, count=0, timeout=0, **filters):
        return self.call("metrics", min=count, timeout=timeout, **filters)["rows"]

    def events(self):
        return self.call("events")["events"]

    def state(self):
        return self.call("state")

    def reset(self):
        return self.call("reset")


class Referee(Control):
    """A referee of one's own: `with Referee() as aws:`, or start() and stop()."""

    def __init__(self, folder=None, world=None, seed=None, arguments=(), command_prefix=()):
        super().__init__(None)
        self.owned = tempfile.TemporaryDirectory(prefix="fakeaws-") if folder is None else None
        self.folder = folder or self.owned.name
        self.world = world
        self.seed = seed
        self.arguments = list(arguments)
        self.command_prefix = list(command_prefix)
        self.process = None

    def start(self, timeout=30.0):
        os.makedirs(self.folder, exist_ok=True)
        command = [*self.command_prefix, PYTHON, "-m", "fakeaws", "--dir", self.folder,
                   "--parent-pid", str(os.getpid()), *self.arguments]
        if isinstance(self.world, dict):
            path = os.path.join(self.folder, "world.json")
            with open(path, "w", encoding="utf-8") as out:
                json.dump(self.world, out)
            command += ["--world", path]
        elif self.world:
            command += ["--world", self.world]
        if self.seed is not None:
            command += ["--seed", str(self.seed)]
        ready_file = os.path.join(self.folder, "ready.json")
        if os.path.exists(ready_file):
            os.unlink(ready_file)
        self.log_path = os.path.join(self.folder, "referee.log")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": "/usr/bin:/bin", "PYTHONPATH": os.path.dirname(HERE),
                     "PYTHONDONTWRITEBYTECODE": "1"})
        self.await_ready(ready_file, timeout)
        return self

    def await_ready(self, path, timeout):
        """Wait for the ready file; the end of the process ends the wait."""
        end = time.monotonic() + timeout
        watch = os.pidfd_open(self.process.pid)
        try:
            while not os.path.exists(path):
                died, _, _ = select.select([watch], [], [], 0.02)
                if died or time.monotonic() > end:
                    self.stop()
                    with open(self.log_path, encoding="utf-8", errors="replace") as log:
                        raise RefereeError("the referee did not start: " + log.read()[-2000:])
        finally:
            os.close(watch)
        with open(path, encoding="utf-8") as file:
            self.ready = json.load(file)
        self.port = self.ready["control_port"]

    def stop(self):
        self.close()
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
            self.process = None
        if self.owned is not None:
            self.owned.cleanup()
            self.owned = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.stop()

    @property
    def ca_file(self):
        return self.ready["ca_file"]

    def url(self, service=None, region=None, tls=True):
        """An endpoint of the referee, by name when service and region are given."""
        host = f"{service}.{region}.localhost" if service and region else "127.0.0.1"
        scheme, port = ("https", "https_port") if tls else ("http", "http_port")
        return f"{scheme}://{host}:{self.ready[port]}"

    @property
    def imds_url(self):
        address = self.ready["imds_address"]
        host = f"[{address}]" if ":" in address else address
        return f"http://{host}:{self.ready['imds_port']}"


def attach(folder):
    """A Control for the referee that runs in this folder."""
    with open(os.path.join(folder, "ready.json"), encoding="utf-8") as file:
        return Control(json.load(file)["control_port"])
