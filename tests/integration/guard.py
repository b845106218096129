# SPDX-License-Identifier: Apache-2.0
"""The real daemon as tests use it: configure, start, wait for what it says, stop, kill, read.

Every wait is bounded and ends with an event (a line on stderr, a datagram on the daemon's
NOTIFY_SOCKET, the end of the process), never with a sleep. The environment is made here and
nothing is inherited. A daemon dies with the process that started it.
"""

import ctypes
import fcntl
import itertools
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD_DIR = os.path.abspath(os.environ.get("TS_BUILD_DIR", "."))
DAEMON = os.path.join(BUILD_DIR, "trailsentryd")
WRAP = shlex.split(os.environ.get("TS_WRAP", ""))
SLOW = float(os.environ.get("TS_SLOW", "1"))

GUARD_ACCOUNT, WORKLOAD_ACCOUNT = "111122223333", "444455556666"
TRAIL = "arn:aws:cloudtrail:eu-west-1:444455556666:trail/management-events"
FAR_TRAIL = "arn:aws:cloudtrail:us-east-1:444455556666:trail/data-events"
ROLE = "arn:aws:iam::444455556666:role/trailsentry-target"
EXTERNAL_ID = "trailsentry-example-id"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:security-alerts"

LEVELS = ("emerg", "alert", "crit", "error", "warning", "notice", "info", "debug")
RECORD = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z) (" + "|".join(LEVELS) +
                    r") (.*)")
FIELDS = re.compile(r" (?=(?:TRAIL_ARN|INCIDENT_ID|ERROR_CODE)=)")
FIELD = re.compile(r'([A-Z_]+)=("(?:[^"\\]|\\.)*"|\S*)')
PR_SET_PDEATHSIG = 1
F_SETPIPE_SZ = 1031  # fcntl.F_SETPIPE_SZ of Python 3.10
FILLER = "X_FILLER=1"


def strace(expression):
    """A prefix that has strace do something at a system call; the daemon keeps its process id.
    Not with --seccomp-bpf: strace 6.1 miscounts then."""
    call = expression.split("=", 1)[1].split(":", 1)[0]
    return ["/usr/bin/strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
            expression]


def in_own(namespace, script):
    """A prefix that runs the daemon in a namespace (--mount, --net) where script has been at work;
    None where that is forbidden. Nothing of NOTIFY_SOCKET comes out of a network's."""
    unshare = ["/usr/bin/unshare", namespace, *([] if os.geteuid() == 0 else ["--map-root-user"])]
    command = [*unshare, "/bin/sh", "-ec", script + '\nexec "$@"', "sh"]
    trial = command if namespace == "--net" else unshare
    if subprocess.run([*trial, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        return None
    return command


def in_own_mounts(script):
    return in_own("--mount", script)


def is_sanitized():
    """Whether a sanitizer or valgrind uses memory and limits beside the daemon."""
    with open(DAEMON, "rb") as program:
        text = program.read()
    return bool(WRAP) or b"__asan_init" in text or b"__tsan_init" in text


def full_pipe():
    """Its two ends; nothing more can be written before something has been read."""
    end, other_end = os.pipe()
    fcntl.fcntl(other_end, F_SETPIPE_SZ, 4096)
    os.set_blocking(other_end, False)
    try:
        while True:
            os.write(other_end, b"\n")
    except BlockingIOError:
        os.set_blocking(other_end, True)
    return end, other_end


def fill_socket(address):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        try:
            while True:
                sender.sendto(FILLER.encode(), address)
        except BlockingIOError:
            pass


libc = ctypes.CDLL(None, use_errno=True)
numbers = itertools.count(1)


def name_of(arn):
    return arn.rsplit("/", 1)[1]


def reached_by_role(arn, **options):
    """A trail of the workload account, reached as the example configuration does it."""
    return {"arn": arn, "role_arn": ROLE, "external_id": EXTERNAL_ID, **options}


def libconfig(value):
    """A value in libconfig's syntax; lists hold groups."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        return "{ " + "".join(f"{k} = {libconfig(v)}; " for k, v in value.items()) + "}"
    return "( " + ", ".join(libconfig(v) for v in value) + " )"


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Record:
    """One line of the daemon's on stderr."""

    def __init__(self, match):
        self.time, self.level, rest = match.groups()
        parts = FIELDS.split(rest, 1)
        self.text = parts[0]
        self.fields = {k: v[1:-1] if v[:1] == '"' else v
                       for k, v in FIELD.findall(parts[1] if len(parts) > 1 else "")}

    def __repr__(self):
        return f"<{self.level} {self.text} {self.fields}>"


class Guard:
    """One configuration and state directory, and at most one daemon that runs on them."""

    def __init__(self, aws, folder, *, trails=None, topics=(TOPIC,), scale=50, poll="1s",
                 prefix=(), wrapped=True, environment=None, port=None, **options):
        self.aws = aws
        self.folder = os.path.join(str(folder), f"guard-{next(numbers)}")
        self.state = os.path.join(self.folder, "state")
        self.status_path = os.path.join(self.folder, "run", "status.json")
        self.requests = os.path.join(self.folder, "run", "requests")
        self.config = os.path.join(self.folder, "trailsentry.conf")
        self.log = os.path.join(self.folder, "stderr")
        self.scale = max(1, int(scale / SLOW))
        self.prefix = list(prefix)
        self.wrapped = wrapped
        self.environment = environment or {}
        self.process = None
        self.changed = threading.Condition()
        self.records, self.strays, self.notes = [], [], []
        self.ended = True
        self.threads = []
        os.makedirs(os.path.dirname(self.status_path))
        self.options = {
            "trails": [reached_by_role(TRAIL)] if trails is None else trails,
            "topics": [{"arn": t} if isinstance(t, str) else t for t in topics], "poll_interval": poll,
            "endpoint": "https://{service}.{region}.localhost:%d" % (
                port or aws.ready["https_port"]),
            "ca_file": aws.ca_file, **options}
        self.configure()

    def configure(self, **changes):
        """(Re-)writes the configuration; a value of None leaves its option out."""
        self.options.update(changes)
        self.write_config("".join(f"{k} = {libconfig(v)};\n" for k, v in self.options.items()
                                  if v is not None))

    def write_config(self, text, mode=0o600):
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(self.config, mode)

    # Life

    def command(self):
        return [*self.prefix, *(WRAP if self.wrapped else ()), DAEMON, "--config", self.config,
                "--state-directory", self.state, "--status-file", self.status_path,
                "--time-scale", str(self.scale)]

    def spawn(self, deaf=False):
        """Starts the daemon without waiting for anything. deaf: its standard error and its
        notifications are full and not read before listen()."""
        assert self.process is None
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = f"trailsentry-test-{os.getpid()}-{next(numbers)}"
        self.notify.bind("\0" + address)
        log, log_end = full_pipe() if deaf else os.pipe()
        if deaf:
            fill_socket("\0" + address)
        environment = {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": "@" + address,
                       "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.aws.imds_url,
                       **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")},
                       **self.environment}
        self.ended = False
        self.first_note = len(self.notes)
        # The child is to die with this thread; pytest's main thread lives long enough.
        self.process = subprocess.Popen(self.command(), env=environment, stdin=subprocess.DEVNULL,
                                        stdout=log_end, stderr=subprocess.STDOUT,
                                        preexec_fn=die_with_parent)
        os.close(log_end)
        self.process.stdout = os.fdopen(log, "rb")
        self.threads = []
        if not deaf:
            self.listen()
        return self

    def listen(self):
        """Reads what the daemon says, from here on."""
        self.threads = [threading.Thread(target=self.read_log, daemon=True),
                        threading.Thread(target=self.read_notes, daemon=True)]
        for thread in self.threads:
            thread.start()

    def start(self, timeout=20.0):
        """Starts it and waits for READY=1."""
        self.spawn()
        self.wait(lambda: "READY=1" in self.notes[self.first_note:], timeout, "READY=1")
        return self

    def run(self, *trails):
        """Starts it and waits for the first good poll of each trail that logs."""
        first = len(self.records)
        self.start()
        for arn in trails or [t["arn"] for t in self.options["trails"]]:
            self.record(re.escape(name_of(arn)) + ": logging$", first=first)
        return self

    def exit_status(self, timeout=20.0):
        """Waits for the end of the process; what it has said is read to the end by then."""
        status = self.process.wait(timeout * SLOW)
        if not self.threads:
            self.listen()
        self.threads[0].join(timeout * SLOW)
        self.notify.shutdown(socket.SHUT_RDWR)
        self.threads[1].join(timeout * SLOW)
        assert not any(t.is_alive() for t in self.threads)
        self.process.stdout.close()
        self.notify.close()
        self.process = None
        return status

    def stop(self, timeout=20.0):
        """SIGTERM; anything but a clean end is a failure."""
        self.process.terminate()
        status = self.exit_status(timeout)
        assert status == 0, f"exit status {status}"

    def kill(self):
        self.process.kill()
        assert self.exit_status() == -signal.SIGKILL

    def finish(self):
        """Ends whatever runs, for good or bad; what was wrong with its end, or None."""
        if self.process is None:
            return None
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.exit_status()
            return "did not end on SIGTERM"
        except AssertionError as error:
            return str(error)
        return None

    # What it says

    def read_log(self):
        with open(self.log, "ab") as copy:
            for line in self.process.stdout:
                copy.write(line)
                copy.flush()
                text = line.decode("utf-8", "replace").rstrip("\n")
                if not text:
                    continue  # of full_pipe()
                match = RECORD.fullmatch(text)
                with self.changed:
                    if match:
                        self.records.append(Record(match))
                    else:
                        self.strays.append(text)
                    self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def read_notes(self):
        while True:
            text = self.notify.recv(65536).decode()
            if not text:
                return
            with self.changed:
                self.notes += [t for t in text.split("\n") if t != FILLER]
                self.changed.notify_all()

    def wait_or_end(self, test, timeout=20.0, what="it"):
        """Until test() holds or the daemon has ended; whether it lives."""
        self.wait(lambda: self.ended or test(), timeout, what)
        return not self.ended

    def wait(self, test, timeout=20.0, what="it"):
        """Until test() holds, looked at after each event; its value."""
        end = time.monotonic() + timeout * SLOW
        with self.changed:
            while True:
                value = test()
                if value:
                    return value
                left = end - time.monotonic()
                if self.ended:
                    raise AssertionError(f"the daemon ended before {what}: {self.strays}")
                if left <= 0:
                    raise AssertionError(f"{what} did not come within {timeout * SLOW:g} s")
                self.changed.wait(left)

    def find_records(self, pattern, first=0):
        return [r for r in self.records[first:] if re.search(pattern, r.text)]

    def record(self, pattern, first=0, count=1, timeout=20.0):
        """The count-th record from first on whose text matches."""
        return self.wait(lambda: self.find_records(pattern, first)[count - 1:], timeout,
                         f"a record /{pattern}/")[0]

    def status(self):
        with open(self.status_path, encoding="utf-8") as file:
            return json.load(file)

    def wait_status(self, test, timeout=20.0, what="that status"):
        """Until test(status) holds; a STATUS= follows each writing of the file."""
        def holds():
            status = os.path.exists(self.status_path) and self.status()
            return status if status and test(status) else None
        return self.wait(holds, timeout, what)

    def wait_new_status(self, test, timeout=20.0, what="that status"):
        """The same by a status written from now on, for what may have held before."""
        asked = time.time() * 1000
        return self.wait_status(lambda s: s["written_msec"] > asked and test(s), timeout, what)

    def wait_silent(self, timeout=20.0):
        """Until no message waits to be sent."""
        return self.wait_new_status(lambda s: s["messages_pending"] == 0, timeout,
                                    "an empty queue")

    def incidents(self):
        """What is on disk, by id."""
        found = {}
        for folder in (self.state, os.path.join(self.state, "finished")):
            for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
                if re.fullmatch(r"[0-9a-f]+\.json", name):
                    try:
                        with open(os.path.join(folder, name), encoding="utf-8") as file:
                            found[name[:-5]] = json.load(file)
                    except FileNotFoundError:  # it has just been put into finished/
                        pass
        return found

    def incident(self):
        """The only one on disk."""
        found = list(self.incidents().values())
        assert len(found) == 1, [i["kind"] for i in found]
        return found[0]

    def wait_stored(self, timeout=20.0):
        """Until the disk says, too, that every message was sent: a daemon that is killed before
        that sends it again, as it should."""
        self.wait_silent(timeout)
        self.wait(lambda: all(d["sent"] for i in self.incidents().values() for m in i["messages"]
                              for d in m["deliveries"]), timeout, "a disk that knows what was sent")

    def text(self):
        """All that it has written: log, state and status, for searching."""
        parts = []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                if path != self.config and os.path.isfile(path):
                    with open(path, encoding="utf-8", errors="replace") as file:
                        parts.append(file.read())
        return "\n".join(parts)
