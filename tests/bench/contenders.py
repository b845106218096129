# SPDX-License-Identifier: Apache-2.0
"""Who is measured and how each is started. Every one runs until it is ended, with an environment
of its own making, on the same endpoint with the same trust."""

import os
import shutil
import signal
import subprocess
import time
from typing import NamedTuple

from endpoint import HERE, TOPIC, die_with_parent, trail

PYTHON = "/usr/bin/python3"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
TOKEN = ("IQoJb3JpZ2luX2VjEXAMPLE" * 54)[:1200]
# So many calls to one host the daemon has under way at most (src/net/httpcurl.c).
DAEMON_CONNECTIONS = 8
DAEMON, SAME, SIGV4, BOTO3, JAVASCRIPT = "trailsentryd", "same bytes", "libcurl SigV4", "boto3", "JS v3"


class Load(NamedTuple):
    """How often a case polls: each trail every interval of the configuration / scale seconds. The
    bare loop keeps the same pace, or none at all on as many connections as the daemon uses."""

    trails: int = 1
    interval: int = 1
    scale: int = 100
    unpaced: bool = False

    @property
    def pace(self):
        """Seconds between two polls of whatever trail."""
        return 0.0 if self.unpaced else self.interval / self.scale / self.trails


class Unavailable(Exception):
    """A contender that cannot be measured here; its text says why."""


class Running:
    """A contender's process."""

    def __init__(self, command, environment, folder, errors):
        self.errors = errors
        with open(errors, "wb") as out:
            self.spawned = time.monotonic_ns()
            self.process = subprocess.Popen(
                command, env=environment, cwd=folder, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=out, preexec_fn=die_with_parent)
        self.pid = self.process.pid

    def cpu_seconds(self):
        """CPU time of all its threads, by the kernel's clock of the process."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def resident_kb(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def check(self):
        if self.process.poll() is not None:
            with open(self.errors, encoding="utf-8", errors="replace") as text:
                raise RuntimeError(f"ended with status {self.process.returncode}: "
                                   f"{text.read()[-800:]}")

    def end(self, gently=False):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM if gently else signal.SIGKILL)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Contender:
    """A way to poll; command() is told where, what and how often."""

    def __init__(self, bench, name):
        self.bench, self.name = bench, name
        self.runs = 0

    def environment(self, token):
        found = {"PATH": "/usr/bin:/bin", "AWS_EC2_METADATA_DISABLED": "true", "HOME": self.folder,
                 "LANG": "C.UTF-8", **KEYS}
        if token:
            found["AWS_SESSION_TOKEN"] = TOKEN
        return found

    def start(self, port, *, load=Load(), token=False, prefix=(), bundle=None, count=None):
        """Starts it; count ends the bare loop, unpaced, after so many polls."""
        self.runs += 1
        self.folder = os.path.join(self.bench.folder,
                                   f"{self.name.split()[0]}-{id(self):x}-{self.runs}")
        os.mkdir(self.folder)
        self.token, self.count = token, count
        command = self.command(port, load, bundle or self.bench.authority.bundle)
        return Running([*prefix, *command], self.environment(token), self.folder,
                       os.path.join(self.folder, "stderr"))


class Daemon(Contender):
    """trailsentryd, made faster by --time-scale."""

    def command(self, port, load, bundle):
        configuration = os.path.join(self.folder, "trailsentry.conf")
        with open(configuration, "w", encoding="ascii") as out:
            out.write("trails = (%s);\n" % ", ".join(
                f'{{ arn = "{trail(k)}"; }}' for k in range(load.trails)))
            out.write(f'topics = ( {{ arn = "{TOPIC}"; }} );\n'
                      f'poll_interval = "{load.interval}s";\ncannot_see_after = "1h";\n'
                      f'endpoint = "https://{{service}}.{{region}}.localhost:{port}";\n'
                      f'ca_file = "{bundle}";\nheartbeat = {{ enabled = false; }};\n')
        os.chmod(configuration, 0o600)
        return [self.bench.daemon, "--config", configuration, "--state-directory",
                os.path.join(self.folder, "state"), "--status-file",
                os.path.join(self.folder, "status.json"), "--time-scale", str(load.scale)]


class SameBytes(Contender):
    """The bare libcurl loop."""

    def __init__(self, bench, name, signing=False):
        super().__init__(bench, name)
        self.signing = signing

    def command(self, port, load, bundle):
        request = self.bench.captured(self.token, port, self.folder)
        found = [self.bench.samebytes, "--url",
                 f"https://cloudtrail.eu-west-1.localhost:{port}/", "--ca", bundle, "--request",
                 request]
        if self.signing:
            found += ["--sigv4", "aws:amz:eu-west-1:cloudtrail"]
        if self.count:
            return [*found, "--count", str(self.count)]
        if load.unpaced:
            return [*found, "--connections", str(DAEMON_CONNECTIONS)]
        return [*found, "--interval-usec", str(round(load.pace * 1e6))]


class Boto3(Contender):
    """poller.py with Debian's python3-boto3."""

    def __init__(self, bench, name):
        super().__init__(bench, name)
        found = subprocess.run([PYTHON, "-c", "import boto3; print(boto3.__version__)"],
                               capture_output=True, text=True, check=False)
        if found.returncode:
            raise Unavailable("python3-boto3 is not installed")
        self.version = found.stdout.strip()

    def environment(self, token):
        return {**super().environment(token), "AWS_CA_BUNDLE": self.bench.authority.bundle}

    def command(self, port, load, bundle):
        # More than some hundred a second they cannot do: then one after the other.
        pace = load.pace if load.trails == 1 else 0
        return [PYTHON, "-B", os.path.join(HERE, "poller.py"), f"https://localhost:{port}",
                str(pace), *(trail(k) for k in range(load.trails))]


class JavaScript(Contender):
    """poller.mjs with the AWS SDK for JavaScript v3, installed by npm into the build tree."""

    def __init__(self, bench, name):
        super().__init__(bench, name)
        self.node, npm = shutil.which("node"), shutil.which("npm")
        if not self.node or not npm:
            raise Unavailable("node and npm are not installed")
        self.home = os.path.join(bench.build, "tests", "bench", "js")
        self.install(npm)
        shutil.copy(os.path.join(HERE, "poller.mjs"), self.home)

    def install(self, npm):
        """As the lock file has it; nothing when that has been done."""
        stamp = os.path.join(self.home, "installed")
        with open(os.path.join(HERE, "package-lock.json"), "rb") as lock:
            wanted = lock.read()
        if os.path.exists(stamp):
            with open(stamp, "rb") as done:
                if done.read() == wanted:
                    return
        os.makedirs(self.home, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(HERE, name), self.home)
        try:
            done = subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                                  cwd=self.home, capture_output=True, text=True, check=False,
                                  stdin=subprocess.DEVNULL, timeout=180)
        except subprocess.TimeoutExpired:
            raise Unavailable("npm ci did not end within 180 s") from None
        if done.returncode:
            last = [line for line in done.stderr.splitlines() if " code " in line]
            raise Unavailable("npm ci failed: " + (last[0] if last else "see npm's own log"))
        with open(stamp, "wb") as out:
            out.write(wanted)

    def environment(self, token):
        return {**super().environment(token), "NODE_EXTRA_CA_CERTS": self.bench.authority.ca}

    def command(self, port, load, bundle):
        # More than some hundred a second they cannot do: then one after the other.
        pace = load.pace if load.trails == 1 else 0
        return [self.node, os.path.join(self.home, "poller.mjs"), f"https://localhost:{port}",
                str(pace), *(trail(k) for k in range(load.trails))]
