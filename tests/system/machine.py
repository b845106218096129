# SPDX-License-Identifier: Apache-2.0
"""A machine with a systemd of its own: a minimal tree of this host's release, booted by
systemd-nspawn. It shares the host's loopback unless it is to have no network. What this makes, it
removes: processes, cgroup folders, files; only the packed tree stays, for the next run."""

import ctypes
import glob
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "LANG": "C.UTF-8"}
PACKAGES = ["ca-certificates", "libconfig9", "libcurl4", "libexpat1", "libjansson4", "libssl3",
            "libsystemd0", "systemd-sysv"]
LEFT_OUT = ["/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*"]
POWER_OFF = signal.SIGRTMIN + 4  # systemd(1), SIGNALS
CGROUPS = "/sys/fs/cgroup"
CLONE_NEWNET = 0x40000000


class CannotBoot(Exception):
    """This host cannot boot such a machine; the text says why."""


def wait_for(what, condition, timeout):
    """The first true answer of condition()."""
    end = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.1)


def check_host():
    if os.geteuid() != 0:
        raise CannotBoot("needs root")
    for program in ("systemd-nspawn", "nsenter", "setpriv", "systemd-sysusers", "tar"):
        if not shutil.which(program, path=PATH):
            raise CannotBoot(f"{program} is not installed")


def release():
    """VERSION_CODENAME of os-release(5): a tree of the same release fits what was built here."""
    with open("/etc/os-release", encoding="utf-8") as file:
        match = re.search(r'^VERSION_CODENAME="?([a-z]+)"?$', file.read(), re.MULTILINE)
    if not match:
        raise CannotBoot("this host's release has no code name, so mmdebstrap cannot build it")
    return match.group(1)


def host_sources():
    """Where this host's own packages come from; none leaves it to mmdebstrap."""
    found = [p for p in glob.glob("/etc/apt/sources.list.d/*.sources")
             if os.path.basename(p) in ("debian.sources", "ubuntu.sources")]
    if not found and os.path.exists("/etc/apt/sources.list"):
        found = ["/etc/apt/sources.list"]
    return found


def make_tree(cache, root, timeout):
    """Unpacks the tree at root; built once, then kept below cache."""
    name = release()
    key = hashlib.sha256(" ".join([name, *PACKAGES, *LEFT_OUT]).encode()).hexdigest()[:12]
    packed = os.path.join(cache, f"{name}-{key}.tar")
    if not os.path.exists(packed):
        build_tree(name, packed, timeout)
    os.mkdir(root)
    subprocess.run(["tar", "-xf", packed, "-C", root], check=True, env=ENVIRONMENT)


def build_tree(name, packed, timeout):
    if not shutil.which("mmdebstrap", path=PATH):
        raise CannotBoot("mmdebstrap is not installed")
    os.makedirs(os.path.dirname(packed), mode=0o700, exist_ok=True)
    part = f"{packed}.{os.getpid()}.part.tar"
    command = ["mmdebstrap", "--quiet", "--variant=essential", "--format=tar",
               "--include=" + ",".join(PACKAGES),
               *[f"--dpkgopt=path-exclude={p}" for p in LEFT_OUT], name, part, *host_sources()]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, env=ENVIRONMENT)
        if done.returncode != 0:
            raise CannotBoot("mmdebstrap could not build the tree: " + last_line(done.stderr))
        os.rename(part, packed)
    except subprocess.TimeoutExpired:
        raise CannotBoot(f"mmdebstrap did not build the tree within {timeout} s") from None
    finally:
        if os.path.exists(part):
            os.unlink(part)


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no word"


class Cgroup:
    """Folders for the machine in the hierarchies that systemd needs, where no service manager of
    the host gives out scopes."""

    def __init__(self, name):
        self.folders = [os.path.join(h, name) for h in self.hierarchies()]

    @staticmethod
    def hierarchies():
        if os.path.exists(f"{CGROUPS}/cgroup.procs"):
            return [CGROUPS]
        return [h for h in (f"{CGROUPS}/systemd", f"{CGROUPS}/unified")
                if os.path.exists(f"{h}/cgroup.procs")]

    def make(self):
        try:
            for folder in self.folders:
                os.mkdir(folder)
        except OSError as error:
            raise CannotBoot(f"no cgroup can be made: {error}") from None

    def enter(self):
        for folder in self.folders:
            with open(f"{folder}/cgroup.procs", "w", encoding="ascii") as file:
                file.write(str(os.getpid()))

    def remove(self):
        for top in self.folders:
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError as error:
                    print(f"# left behind: {folder}: {error}")


class Machine:
    """One boot of the tree at root. `with Machine(...) as m:`, or start() and stop()."""

    boots = 0

    def __init__(self, root, console, network=True):
        self.root = root
        self.console = console
        self.network = network
        self.process = None
        self.leader = None
        self.cgroup = None

    def start(self, timeout=30):
        Machine.boots += 1
        name = f"trailsentry-test-{os.getpid()}-{Machine.boots}"
        command = ["setpriv", "--pdeathsig", "TERM", "systemd-nspawn", "--quiet", "--boot",
                   f"--directory={self.root}", f"--machine={name}", "--register=no",
                   "--keep-unit", "--console=pipe", "--resolv-conf=off", "--timezone=off",
                   "--link-journal=no",
                   # Machines of systemd-nspawn may lock nothing, else.
                   "--system-call-filter=mlock"]
        if not self.network:
            command.append("--private-network")
        if os.path.isdir("/run/systemd/system"):
            command = ["systemd-run", "--scope", "--quiet", "--collect", f"--unit={name}",
                       "--property=Delegate=yes", *command]
        else:
            self.cgroup = Cgroup(name)
            self.cgroup.make()
        with open(self.console, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENVIRONMENT,
                preexec_fn=self.cgroup.enter if self.cgroup else None)
        try:
            self.leader = wait_for("the machine's first process", self.find_leader, timeout)
            wait_for("the machine's service manager", self.is_up, timeout)
        except AssertionError as error:
            self.stop()
            raise CannotBoot(f"{error}; its console ends: {self.console_tail(1)}") from None
        return self

    def find_leader(self):
        """The child that is process 1 of a namespace of its own."""
        if self.process.poll() is not None:
            raise AssertionError(f"systemd-nspawn ended with {self.process.returncode}")
        pid = self.process.pid
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                for child in file.read().split():
                    with open(f"/proc/{child}/status", encoding="utf-8") as status:
                        numbers = re.search(r"^NSpid:\s+(.*)$", status.read(), re.MULTILINE)
                    if numbers and numbers.group(1).split()[1:] == ["1"]:
                        return int(child)
        except OSError:
            pass
        return None

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"systemd-nspawn ended with {self.process.returncode}")
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in (
            "running", "degraded", "starting")

    def run(self, *command, user=None, check=True, timeout=30):
        """Runs a command inside; user is one of the machine's."""
        if user:
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *command]
        done = subprocess.run(
            ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid",
             "env", "-i", f"PATH={PATH}", "LANG=C.UTF-8", *command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
            env=ENVIRONMENT)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}: "
                                 f"{done.stdout}{done.stderr}")
        return done

    def listen(self, port, address="127.0.0.1"):
        """A socket that listens on this port in the machine's own network."""
        made = []

        def make():
            with open(f"/proc/{self.leader}/ns/net", "rb") as network:
                if ctypes.CDLL(None).setns(network.fileno(), CLONE_NEWNET) == 0:
                    made.append(socket.create_server((address, port)))

        # A thread of its own: it has left our network for good.
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]

    def add_address(self, address):
        subprocess.run(["nsenter", f"--target={self.leader}", "--net", "ip", "address", "add",
                        f"{address}/32", "dev", "lo"], check=True, env=ENVIRONMENT)

    def power_off(self, timeout):
        """Seconds that an orderly end took."""
        begun = time.monotonic()
        os.kill(self.leader, POWER_OFF)
        self.process.wait(timeout)
        return time.monotonic() - begun

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            try:
                if self.leader is None:
                    raise subprocess.TimeoutExpired("", 0)
                self.power_off(20)
            except (subprocess.TimeoutExpired, ProcessLookupError):
                if self.leader is not None:
                    try:
                        os.kill(self.leader, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                self.process.terminate()
                try:
                    self.process.wait(5)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
        self.process = None
        if self.cgroup:
            self.cgroup.remove()
            self.cgroup = None

    def console_tail(self, lines):
        with open(self.console, encoding="utf-8", errors="replace") as file:
            return "\n".join(file.read().strip().splitlines()[-lines:])

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.stop()
