# SPDX-License-Identifier: Apache-2.0
"""The daemon's layer: two trails in two regions, a fault on the endpoints of one, kind by kind. What
is well on the wire the referee answers; names and connecting are libnames' (names.c, preloaded)."""

import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

import certs  # noqa: E402
import guard as guard_module  # noqa: E402
from aws import Aws  # noqa: E402
from guard import FAR_TRAIL, SLOW, TRAIL, Guard, reached_by_role  # noqa: E402
from kinds import KINDS, NETWORK  # noqa: E402
from matrix import MatrixServer  # noqa: E402
from server import FAULT, GOOD, MENDED, Page  # noqa: E402

FAR = 0  # the cell of us-east-1
SCALE, POLL = 20, "5s"
# The other trail's polls, four a second, may pause for so long at most. A silent region that held
# it up would do so for five seconds.
GAP_MAX = 2.0
# A poll under way when the fault goes ends by its own time-out; the next one is good.
MENDED_WITHIN = 9.0
SHORT = ("connection refused", "packets swallowed", "dns NXDOMAIN", "dns hanging",
         "dns still the old address", "reset after the handshake", "reset within the body",
         "silence on accept", "silence within the body", "certificate expired", "captive portal",
         "status 503", "error: throttling", "body cut in the middle")


class Forward:
    """Asks the referee; each thread, which is each connection, on a connection of its own."""

    def __init__(self, aws):
        self.port = aws.ready["https_port"]
        self.context = ssl.create_default_context(cafile=aws.ca_file)
        self.own = threading.local()

    def exchange(self, data):
        if getattr(self.own, "sock", None) is None:
            plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            self.own.sock = self.context.wrap_socket(plain, server_hostname="localhost")
        self.own.sock.sendall(data)
        said = b""
        while True:
            more = self.own.sock.recv(65536)
            if not more:
                raise OSError("the referee hung up")
            said += more
            head, found, body = said.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
            if found and len(body) >= int(length.group(1)):
                return head + found, body

    def answer(self, _cell, request):
        data = request.head + b"\r\n\r\n" + request.body
        try:
            return self.exchange(data)
        except OSError:  # an idle connection that the referee has closed
            self.own.sock = None
            return self.exchange(data)


class Layer:
    def __init__(self, aws, folder, library):
        self.aws, self.folder = aws, folder
        bundle, contexts = certs.make(folder, also=(aws.ca_file,))
        self.bundle = bundle
        self.page = Page(os.path.join(folder, "daemon.page"))
        self.server = MatrixServer(self.page, KINDS, contexts, Forward(aws).answer)
        self.environment = {"LD_PRELOAD": library, "NETFAULTS_PAGE": self.page.path}

    def make_guard(self):
        return Guard(self.aws, self.folder, scale=SCALE, poll=POLL, cannot_see_after="1h",
                     trails=[reached_by_role(TRAIL), reached_by_role(FAR_TRAIL)],
                     endpoint="https://{service}.{region}.netfaults.test:%d" % self.server.tls_port,
                     ca_file=self.bundle, environment=self.environment)

    def polls(self, trail, since):
        return [c["time"] for c in self.aws.calls(operation="GetTrailStatus", trail=trail)
                if c["time"] >= since]

    def stop_and_wait(self, trail):
        """A stop that has to be restarted once and told once; when it was."""
        attack = self.aws.attack(trail)
        return attack, self.closed(trail, attack)

    def closed(self, trail, attack, timeout=20.0, kind="stopped"):
        for phase in ("OPEN", "CLOSED"):  # topics promise no order of arrival
            self.aws.message(phase=phase, kind=kind, trail=trail, timeout=timeout)
        starts = [c for c in self.aws.restarts(trail=trail) if c["time"] >= attack["time"]]
        assert len(starts) == 1, f"{len(starts)} StartLogging for one stop"
        phases = self.aws.phases(trail=trail, kind=kind)
        assert "+".join(p for p in phases if p != "UPDATE") == "OPEN+CLOSED", phases
        return starts[0]["time"]

    def try_kind(self, kind, guard):
        aws, fails = self.aws, kind.expected("GetTrailStatus") != "ok"
        seen = len(guard.records)
        begun = aws.call("now")["now"]
        self.page.place(FAR, FAULT, kind.network, 0, KINDS.index(kind))
        self.server.drop(FAR)
        if fails:
            guard.record(r"data-events: GetTrailStatus failed|data-events.*GetTrailStatus", seen)
        attack, restarted = self.stop_and_wait(TRAIL)
        assert restarted - attack["time"] < GAP_MAX * SLOW, "the other trail's restart was late"
        far_attack = aws.attack(FAR_TRAIL)
        aws.polls(4, trail=TRAIL)
        if fails:
            assert bool(aws.restarts(trail=FAR_TRAIL)) == kind.shows_logging, "restarted?"

        mended = aws.call("now")["now"]
        self.page.set_phase(FAR, MENDED)
        self.server.drop(FAR)
        # Restarted unseen, it is told as a stop between two looks that could be read.
        restarted = self.closed(FAR_TRAIL, far_attack, 30.0,
                                kind="blink" if kind.shows_logging else "stopped")
        if fails:
            good = self.polls(FAR_TRAIL, mended)[0]
            assert good - mended < MENDED_WITHIN * SLOW, f"seen again after {good - mended:.1f} s"
            assert restarted - good < GAP_MAX * SLOW, "seen, and restarted late"
        times = self.polls(TRAIL, begun)
        gap = max(b - a for a, b in zip(times, times[1:]))
        assert gap < GAP_MAX * SLOW, f"the other trail was not polled for {gap:.1f} s"
        return gap, restarted - mended

    def run_kind(self, kind):
        """None, or what was wrong."""
        self.aws.begin()
        self.page.place(FAR, GOOD, NETWORK["good"], 0, 0)
        guard = self.make_guard()
        try:
            gap, took = self.try_kind(kind, guard.run())
            print(f"{kind.name}: ok, the other trail's longest pause {gap:.2f} s, this one "
                  f"restarted {took:.2f} s after the end", flush=True)
            wrong = None
        except AssertionError as error:
            wrong = str(error) or repr(error)
        end = guard.finish()
        wrong = wrong or end or "; ".join(self.aws.problems([guard.text()])) or None
        if wrong:
            print(f"FAILED {kind.name}: {wrong}", flush=True)
            for record in guard.records[-12:]:
                print(f"    {record.time} {record.level} {record.text}")
        return wrong


def make_library(folder):
    """names.c to be preloaded; None where there is no compiler."""
    library = os.path.join(folder, "names.so")
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, os.path.join(HERE, "names.c"),
                        "-ldl"], check=True)
    except OSError:
        return None
    return library


def run(builddir, folder, kinds, full):
    """Counts of passed, failed and skipped kinds."""
    guard_module.DAEMON = os.path.join(os.path.abspath(builddir), "trailsentryd")
    chosen = [k for k in kinds if k.placed and (full or k.name in SHORT)]
    library = make_library(folder)
    if not library:
        print("skipped: no C compiler for the library that is preloaded")
        return 0, 0, len(chosen)
    began = time.monotonic()
    with Aws(seed=7) as aws:
        layer = Layer(aws, folder, library)
        wrong = [layer.run_kind(kind) for kind in chosen]
        problems = layer.server.errors
    for problem in problems:
        print(f"FAILED {problem}")
    failed = len([w for w in wrong if w])
    print(f"daemon: {len(chosen)} kinds in {time.monotonic() - began:.0f} s\n")
    return len(chosen) - failed, failed + len(problems), 0
