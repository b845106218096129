# SPDX-License-Identifier: Apache-2.0
"""What has to hold on a machine that runs trailsentryd as its unit says, in this order: later
cases go on where earlier ones left the machine."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from datetime import datetime

from fakeaws.control import Referee

from machine import ENVIRONMENT, Machine, wait_for
from wire import Wire

UNIT = "trailsentryd.service"
TRAIL = "arn:aws:cloudtrail:eu-west-1:444455556666:trail/management-events"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:security-alerts"
ROLE = "arn:aws:iam::444455556666:role/trailsentry-target"
CONFIGURATION = """\
trails = ({{ arn = "{trail}"; role_arn = "{role}"; external_id = "trailsentry-example-id"; }});
topics = ({{ arn = "{topic}"; }});
poll_interval = "1s";
cannot_see_after = "10s";
endpoint = "https://{{service}}.{{region}}.localhost:{port}";
ca_file = "{folder}/ca.pem";
"""
MEMBER = "u operator - \"a person on call\"\nm operator trailsentry\nu stranger - \"nobody here\"\n"


class World:
    """The machine, the referee, and how cases look at them."""

    def __init__(self, folder, root, folders):
        self.root = root
        self.folders = folders
        self.console = os.path.join(folder, "console.log")
        self.machine = None
        self.aws = Referee(os.path.join(folder, "aws"))
        self.aws.start()
        self.install_configuration()

    def path(self, inside):
        return self.root + inside

    def write(self, inside, text):
        os.makedirs(os.path.dirname(self.path(inside)), exist_ok=True)
        with open(self.path(inside), "w", encoding="utf-8") as file:
            file.write(text)

    def configuration_path(self):
        return self.folders["sysconfdir"] + "/trailsentry/trailsentry.conf"

    def install_configuration(self):
        folder = os.path.dirname(self.configuration_path())
        with open(self.aws.ca_file, encoding="ascii") as file:
            self.write(f"{folder}/ca.pem", file.read())
        self.configuration = CONFIGURATION.format(
            trail=TRAIL, role=ROLE, topic=TOPIC, folder=folder, port=self.aws.ready["https_port"])
        self.write(self.configuration_path(), self.configuration)
        self.drop_in("/etc", "imds",
                     f"Environment=AWS_EC2_METADATA_SERVICE_ENDPOINT={self.aws.imds_url}")
        self.write("/etc/hostname", "guard\n")
        self.write("/etc/sysusers.d/system-test.conf", MEMBER)
        # What a package does when it is installed.
        for command in (["systemd-sysusers", f"--root={self.root}"],
                        ["systemctl", f"--root={self.root}", "--quiet", "enable", UNIT]):
            subprocess.run(command, check=True, capture_output=True)

    def drop_in(self, where, name, lines):
        self.write(f"{where}/systemd/system/{UNIT}.d/{name}.conf", f"[Service]\n{lines}\n")

    def boot(self, network=True):
        if self.machine:
            self.machine.stop()  # of a case that failed
        self.machine = Machine(self.root, self.console, network).start()

    def begin_anew(self):
        """What happens from here on is told alone: nothing is known of before."""
        with os.scandir(self.path("/var/lib/trailsentry")) as entries:
            for entry in entries:
                shutil.rmtree(entry.path) if entry.is_dir() else os.unlink(entry.path)
        self.aws.create_trail(TRAIL, logging=True, start_time=-864000.0, multi_region=True,
                              bucket="amzn-s3-demo-bucket")
        return max([row["seq"] for row in self.aws.messages()], default=0)

    def end(self):
        if self.machine:
            self.machine.stop()
        self.aws.stop()

    def run(self, *command, **options):
        return self.machine.run(*command, **options)

    def property(self, name):
        return self.run("systemctl", "show", f"--property={name}", "--value", UNIT).stdout.strip()

    def wait_active(self, timeout=15):
        wait_for(f"{UNIT} is active", lambda: self.property("ActiveState") == "active", timeout)

    def wait_other_process(self, pid, timeout):
        """Once the unit is active with another process than pid."""
        wait_for("systemd starts it again",
                 lambda: self.property("ActiveState") == "active" and
                 self.property("MainPID") not in (pid, "0"), timeout)

    def stop_in(self, seconds):
        """systemctl stop, and the end is a good one."""
        begun = time.monotonic()
        self.run("systemctl", "stop", UNIT)
        took = time.monotonic() - begun
        assert took < seconds, f"{took:.1f} s"
        assert self.property("Result") == "success" and self.property("ExecMainStatus") == "0"
        return took

    def process_status(self):
        return self.run("cat", f"/proc/{self.property('MainPID')}/status").stdout

    def wait_polls(self, timeout=15):
        """A GetTrailStatus after the next one: of whoever runs from now on."""
        self.aws.wait_calls(2, timeout=timeout, after=self.aws.last_call(), ok=True,
                            operation="GetTrailStatus")

    def journal(self, *matches):
        lines = self.run("journalctl", "--output=json", "--no-pager", "--quiet", f"--unit={UNIT}",
                         *matches).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def wait_journal(self, text, *matches, timeout=10):
        """Records of the unit whose message has text in it."""
        return wait_for(f"a record of \"{text}\" in the journal", lambda: [
            r for r in self.journal(*matches) if text in str(r.get("MESSAGE"))], timeout)

    def incident(self, number=0):
        """The newest messages' incident id, and all messages of it."""
        rows = self.aws.wait_messages(1, after=number)
        incident = self.attribute(rows[0], "incident_id")
        return incident, [r for r in rows if self.attribute(r, "incident_id") == incident]

    @staticmethod
    def attribute(row, name):
        return row["attributes"][name]["StringValue"]

    def last_words(self):
        try:
            return self.run("journalctl", "--no-pager", "--quiet", "--lines=15",
                            f"--unit={UNIT}", check=False).stdout.splitlines()
        except Exception as error:  # the report of a failure must not become one
            return [f"no journal: {error}", *self.machine_console()]

    def machine_console(self):
        return self.machine.console_tail(5).splitlines() if self.machine else []


def starts_in_its_sandbox(w):
    w.boot()
    w.wait_active()
    assert w.property("Type") == "notify"
    assert re.match(r"1 trail, ", w.property("StatusText")), w.property("StatusText")
    assert w.property("WatchdogUSec") == "3min"
    pid = w.property("MainPID")
    status = w.process_status()
    assert not re.search(r"^Uid:\s+0\s", status, re.MULTILINE), status
    for line in (r"NoNewPrivs:\s+1", r"Seccomp:\s+2", r"CapBnd:\s+0+$", r"CapEff:\s+0+$"):
        assert re.search("^" + line, status, re.MULTILINE), (line, status)
    limits = w.run("cat", f"/proc/{pid}/limits").stdout
    for line in (r"Max core file size\s+0\s+0\s", r"Max open files\s+1024\s+1024\s"):
        assert re.search("^" + line, limits, re.MULTILINE), limits
    # Secrets are locked in memory, and no other call of that kind is left.
    assert re.search(r"^VmLck:\s+[1-9]\d* kB$", status, re.MULTILINE), status
    calls = set(w.property("SystemCallFilter").split())
    assert calls & {"mlock", "mlock2", "mlockall", "io_setup", "shmget", "add_key", "seccomp",
                    "userfaultfd", "memfd_create", "pipe2"} == {"mlock", "userfaultfd", "pipe2"}
    assert w.property("MemorySwapMax") == "0" and w.property("SocketBindDeny") != ""
    own, first = (w.run("readlink", f"/proc/{p}/ns/ipc").stdout for p in (pid, "1"))
    assert own != first
    for path in ("/var/log", "/boot"):
        seen = w.run("stat", "--format=%a", f"/proc/{pid}/root{path}").stdout.strip()
        assert seen == "0", (path, seen)
    for folder in ("/var/lib/trailsentry", "/run/trailsentry"):
        seen = w.run("stat", "--format=%U:%G %a", folder).stdout.strip()
        assert seen == "trailsentry:trailsentry 750", (folder, seen)


def unit_is_sound(w):
    done = w.run("systemd-analyze", "verify", "--man=no", UNIT)
    assert not done.stdout and not done.stderr, done
    w.run("systemd-analyze", "security", "--offline=yes", "--threshold=12", "--no-pager", UNIT)


def polls_the_referee(w):
    rows = w.aws.wait_calls(3, timeout=15, operation="GetTrailStatus", ok=True)
    assert {r["arn"] for r in rows} == {
        "arn:aws:sts::444455556666:assumed-role/trailsentry-target/trailsentry-guard"}, rows[0]


def restarts_a_stopped_trail(w):
    w.aws.attack(TRAIL)
    w.aws.wait_trail(TRAIL, logging=True)
    w.aws.wait_messages(1, attributes={"phase": "CLOSED"})
    w.first_incident, _ = w.incident()


def journal_tells_it(w):
    w.wait_journal("StartLogging accepted", f"TRAIL_ARN={TRAIL}")
    w.wait_journal("was stopped", f"INCIDENT_ID={w.first_incident}")
    wait_for("a record that names the actor", lambda: [
        r for r in w.journal(f"INCIDENT_ID={w.first_incident}")
        if r.get("ACTOR_ARN") == "arn:aws:iam::444455556666:user/Mary_Major"], 40)
    records = [r for r in w.journal() if r.get("SYSLOG_IDENTIFIER") == "trailsentryd"]
    for r in records:
        assert isinstance(r["MESSAGE"], str), r  # else journalctl shows "[blob data]"
        assert r["_SYSTEMD_UNIT"] == UNIT and r["_UID"] != "0", r
    assert all(re.fullmatch("[0-9a-f]{32}", r["MESSAGE_ID"]) for r in records
               if "TRAIL_ARN" in r), records
    w.run("journalctl", "--update-catalog")
    explained = w.run("journalctl", "--catalog", "--no-pager", "--quiet",
                      f"INCIDENT_ID={w.first_incident}").stdout
    assert f"Subject: Incident {w.first_incident} is over" in explained, explained
    accepted = w.wait_journal("StartLogging accepted")[0]
    assert accepted["AWS_REQUEST_ID"] in {
        r["request_id"] for r in w.aws.calls(operation="StartLogging")}, accepted


def member_of_the_group_can_look(w):
    def trailsentry(*arguments, user="operator"):
        return w.run(*command, *arguments, user=user, check=False)

    command = [w.folders["bindir"] + "/trailsentry"]
    if w.folders["localstatedir"] != "/var":
        command.append("--state-directory=/var/lib/trailsentry")
    # The status file lags by up to a second, the last alerts by a round trip.
    wait_for("all is well", lambda: all(trailsentry(*verb).returncode == 0 for verb in (
        ["status"], ["incidents"], ["incidents", w.first_incident])), 5)
    assert "management-events" in trailsentry("status").stdout
    told = json.loads(trailsentry("--json", "status").stdout)
    assert told["trails"][0]["logging"] is True, told
    listed = trailsentry("incidents")
    assert listed.returncode == 0 and w.first_incident in listed.stdout, listed
    shown = trailsentry("incidents", w.first_incident)
    assert shown.returncode == 0 and "Mary_Major" in shown.stdout, shown
    for verb in ("status", "incidents"):
        stranger = trailsentry(verb, user="stranger")
        assert stranger.returncode == 3 and "group trailsentry" in stranger.stderr, stranger


def survives_sigkill_with_one_incident(w):
    number = w.aws.messages()[-1]["seq"]
    w.aws.permissions("trailsentry-target", deny=["cloudtrail:StartLogging"])
    w.aws.attack(TRAIL)
    w.aws.wait_messages(1, subject="FAILING", after=number)
    pid = w.property("MainPID")
    w.run("systemctl", "kill", "--signal=SIGKILL", UNIT)
    w.wait_other_process(pid, 10)
    w.wait_polls()
    w.aws.permissions("trailsentry-target", undeny=["cloudtrail:StartLogging"])
    w.aws.wait_trail(TRAIL, logging=True, timeout=30)
    # The second stop of the trail is told with the first, once more after the kill at most.
    w.aws.wait_messages(1, timeout=60, subject="logging again", after=number)
    rows = w.aws.messages(after=number)
    assert {w.attribute(r, "incident_id") for r in rows} == {w.first_incident}, rows
    said = [w.attribute(r, "sequence") for r in rows]
    assert all(said.count(s) <= 2 for s in said), said
    incidents = [n for n in os.listdir(w.path("/var/lib/trailsentry"))
                 if re.fullmatch(r"[0-9a-f]{16}\.json", n)]
    assert len(incidents) == 2, incidents


def comes_back_however_often(w):
    """systemd's usual limit is five starts in ten seconds."""
    for _ in range(7):
        pid = w.property("MainPID")
        w.run("systemctl", "kill", "--signal=SIGKILL", UNIT)
        w.wait_other_process(pid, 10)
    w.wait_polls()


def survives_a_minute_without_cpu(w):
    """With the watchdog's time as it is delivered."""
    pid, restarts = w.property("MainPID"), w.property("NRestarts")
    w.run("systemctl", "kill", "--signal=SIGSTOP", UNIT)
    time.sleep(60)
    w.run("systemctl", "kill", "--signal=SIGCONT", UNIT)
    w.wait_polls()
    assert w.property("MainPID") == pid and w.property("NRestarts") == restarts


def survives_a_wedge(w):
    w.drop_in("/etc", "watchdog", "WatchdogSec=6s")
    w.run("systemctl", "daemon-reload")
    w.run("systemctl", "restart", UNIT)
    w.wait_active()
    pid = w.property("MainPID")
    # Starved for a third of the time allowed, it lives on ...
    w.run("systemctl", "kill", "--signal=SIGSTOP", UNIT)
    time.sleep(2)
    w.run("systemctl", "kill", "--signal=SIGCONT", UNIT)
    w.wait_polls()
    time.sleep(5)
    assert w.property("MainPID") == pid and w.property("NRestarts") == "0"
    # ... and wedged it does not.
    w.run("systemctl", "kill", "--signal=SIGSTOP", UNIT)
    w.wait_other_process(pid, 20)
    w.wait_polls()
    w.wait_journal("Watchdog timeout")
    w.wait_journal("Failed with result 'watchdog'")
    os.unlink(w.path(f"/etc/systemd/system/{UNIT}.d/watchdog.conf"))
    w.run("systemctl", "daemon-reload")


JOURNALD = "systemd-journald.service"


def stop_journal(w):
    """Hung, and with no room for anything more. Whoever logs by sd_journal_send() waits."""
    w.run("systemctl", "kill", "--signal=SIGSTOP", JOURNALD)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        try:
            while True:
                sender.sendto(b"MESSAGE=filler\n",
                              f"/proc/{w.machine.leader}/root/run/systemd/journal/socket")
        except BlockingIOError:
            pass


def continue_journal(w):
    w.run("systemctl", "kill", "--signal=SIGCONT", JOURNALD)


def attack_is_answered(w):
    """Stopped, restarted, told."""
    number = max([row["seq"] for row in w.aws.messages()], default=0)
    w.aws.attack(TRAIL)
    w.aws.wait_trail(TRAIL, logging=True, timeout=10)
    w.aws.wait_messages(1, timeout=30, after=number)


def guards_while_the_journal_hangs(w):
    """With a watchdog that has twice the time to bite; what was said comes when the journal is back,
    and says when it was."""
    w.begin_anew()
    w.drop_in("/etc", "watchdog", "WatchdogSec=4s")
    w.run("systemctl", "daemon-reload")
    w.run("systemctl", "restart", UNIT)
    w.wait_active()
    w.wait_polls()
    stop_journal(w)
    try:
        begun = time.time()
        attack_is_answered(w)
        pid = w.property("MainPID")
        time.sleep(9)
        w.wait_polls()
        assert w.property("MainPID") == pid and w.property("NRestarts") == "0"
        assert "; log: nothing has been written since 20" in w.property("StatusText")
    finally:
        continue_journal(w)
    continued = time.time()
    accepted = [r for r in w.wait_journal("StartLogging accepted", timeout=30)
                if int(r["__REALTIME_TIMESTAMP"]) / 1e6 >= begun][-1]
    when = datetime.fromisoformat(accepted["RECORD_TIME"].replace("Z", "+00:00")).timestamp()
    assert begun - 1 < when < begun + 11 < continued, (accepted, begun, continued)
    assert re.search(r" \(of 20\S+Z, written late\)$", accepted["MESSAGE"]), accepted
    wait_for("STATUS= is as ever", lambda: "log:" not in w.property("StatusText"), 5)


def starts_and_stops_while_the_journal_hangs(w):
    stop_journal(w)
    try:
        w.stop_in(5)
        assert "lost" in w.property("StatusText"), w.property("StatusText")
        begun = time.monotonic()
        w.run("systemctl", "start", UNIT)
        w.wait_active()
        assert time.monotonic() - begun < 10
        w.wait_polls()
        attack_is_answered(w)
        time.sleep(9)
        w.wait_polls()
        assert w.property("ActiveState") == "active" and w.property("NRestarts") == "0"
    finally:
        continue_journal(w)
    pid = w.property("MainPID")
    w.wait_journal("guards 1 trail", f"_PID={pid}", timeout=30)
    w.wait_journal("StartLogging accepted", f"_PID={pid}", timeout=30)
    os.unlink(w.path(f"/etc/systemd/system/{UNIT}.d/watchdog.conf"))
    w.run("systemctl", "daemon-reload")
    w.run("systemctl", "restart", UNIT)
    w.wait_active()


def reloads_whole_or_not_at_all(w):
    pid = w.property("MainPID")
    w.write(w.configuration_path(), w.configuration + "poll_intervall = \"1s\";\n")
    refused = w.run("systemctl", "reload", UNIT, check=False)
    assert refused.returncode != 0, refused
    w.wait_journal("poll_intervall: unknown option")
    # Whoever sends the signal by hand is refused by the daemon itself.
    w.run("systemctl", "kill", "--signal=SIGHUP", UNIT)
    w.wait_journal("the configuration read before stays in force")
    w.write(w.configuration_path(), w.configuration + "log_level = \"notice\";\n")
    w.run("systemctl", "reload", UNIT)
    w.wait_journal("was read again")
    w.write(w.configuration_path(), w.configuration)
    w.run("systemctl", "reload", UNIT)
    w.wait_polls()
    assert w.property("MainPID") == pid and w.property("ActiveState") == "active"


def maintenance_is_for_root(w):
    command = [w.folders["bindir"] + "/trailsentry"]
    start = [*command, "maintenance", "start", "--trail=all", "--for=1h", "--reason=upgrade"]
    for user in ("operator", "stranger"):
        refused = w.run(*start, user=user, check=False)
        assert refused.returncode == 3 and "only root" in refused.stderr, refused
    number = w.aws.messages()[-1]["seq"]
    w.run(*start)
    assert "upgrade" in w.run(*command, "maintenance", "list", user="operator").stdout
    w.aws.wait_messages(1, subject="NOTICE", after=number)
    before = w.aws.last_call()
    w.aws.attack(TRAIL)
    w.wait_journal("NOT LOGGING (maintenance: not restarted)")
    w.run("systemctl", "restart", UNIT)
    w.wait_polls()
    assert w.aws.calls(operation="StartLogging", after=before) == []
    w.run(*command, "maintenance", "stop", "--trail=all")
    w.aws.wait_trail(TRAIL, logging=True, timeout=10)
    w.aws.wait_messages(2, subject="NOTICE", after=number)
    # The stop itself is told with those before it, in the next summary.
    w.wait_journal("was stopped; logging again, blind for")


KEYS = ("AKIAI44QH8DHBEXAMPLE", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY")
STATIC_USER = "arn:aws:iam::111122223333:user/trailsentry-static"


def credentials_from(w, name, arn):
    """After a restart: what the daemon calls their origin, and whom they make it."""
    w.run("systemctl", "restart", UNIT)
    w.wait_active()
    w.wait_polls()

    def first_account():
        text = w.run("cat", "/run/trailsentry/status.json").stdout
        account = json.loads(text)["accounts"][0]
        return account if account["identity_arn"] else None
    account = wait_for("who it is", first_account, 10)
    assert (account["credentials"], account["identity_arn"]) == (name, arn), account


def takes_keys_from_the_credential_store(w):
    where = "/etc/credstore/trailsentry.aws-credentials"
    w.write(where, "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n".format(*KEYS))
    os.chmod(w.path(where), 0o600)
    credentials_from(w, "systemd credential", STATIC_USER)
    # As in trailsentry(1), but for --pipe and --wait, which want a bus.
    w.run("systemd-run", "--unit=checked", "--uid=trailsentry",
          "--property=LoadCredential=trailsentry.aws-credentials", "trailsentry", "check")
    wait_for("the check", lambda: re.search(f"systemd credential .* ok *\n +{STATIC_USER}", w.run(
        "journalctl", "--unit=checked", "--output=cat").stdout), 10)
    os.unlink(w.path(where))


def runs_a_credential_process_that_is_allowed(w):
    program = "/usr/local/libexec/get-credentials"
    w.write(program, "#!/bin/sh\necho '" + json.dumps({
        "Version": 1, "AccessKeyId": KEYS[0], "SecretAccessKey": KEYS[1]}) + "'\n")
    os.chmod(w.path(program), 0o755)
    w.write("/etc/trailsentry/aws-config", f"[default]\ncredential_process = {program}\n")
    w.drop_in("/etc", "process", "Environment=AWS_CONFIG_FILE=/etc/trailsentry/aws-config")
    w.run("systemctl", "daemon-reload")
    w.run("systemctl", "restart", UNIT)
    w.wait_journal(f"credential_process {program} cannot be run: Permission denied")
    w.drop_in("/etc", "process", "Environment=AWS_CONFIG_FILE=/etc/trailsentry/aws-config\n"
              f"ExecPaths={program} /bin/sh")
    w.run("systemctl", "daemon-reload")
    credentials_from(w, "profile default -> credential_process", STATIC_USER)
    w.drop_in("/etc", "process", "")
    w.run("systemctl", "daemon-reload")
    credentials_from(w, "imds", "arn:aws:sts::111122223333:assumed-role/trailsentry-guard/"
                                "i-1234567890abcdef0")


def stops_in_time(w):
    w.run("systemctl", "restart", UNIT)
    w.wait_active()
    w.wait_polls()
    fault = w.aws.fault(kind="silence", count="forever")
    after = w.aws.last_call()
    w.aws.wait_calls(1, after=after, operation="GetTrailStatus")
    w.stop_in(3)
    w.aws.clear_faults(fault)
    w.wait_journal("trailsentryd stops")
    assert not os.path.exists(w.path("/run/trailsentry/status.json"))


def stops_in_time_while_names_do_not_resolve(w):
    """A name server that never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.99", 53))
        server.settimeout(10)
        w.write("/etc/resolv.conf", "nameserver 127.0.0.99\noptions timeout:30 attempts:1\n")
        w.write(w.configuration_path(), w.configuration.replace("localhost", "guard.example"))
        w.run("systemctl", "start", UNIT)
        assert b"\5guard\7example" in server.recv(512)
        w.stop_in(3)
    os.unlink(w.path("/etc/resolv.conf"))
    w.write(w.configuration_path(), w.configuration)


def stops_in_time_while_the_disk_stalls(w):
    """It begins and polls all the same; what it knows of its trails is written last, and the end
    waits for that, but not for ever."""
    library = w.folders["libdir"] + "/stall.so"
    os.makedirs(os.path.dirname(w.path(library)), exist_ok=True)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", w.path(library), "-x", "c", "-"], check=True,
                   text=True, env=ENVIRONMENT, input="#include <unistd.h>\n"
                   "int fsync(int fd) { sleep(60); return 0; }\n")
    w.drop_in("/etc", "stall", f"Environment=LD_PRELOAD={library}")
    w.run("systemctl", "daemon-reload")
    w.run("systemctl", "start", UNIT)
    w.wait_polls()
    took = w.stop_in(10)
    os.unlink(w.path(f"/etc/systemd/system/{UNIT}.d/stall.conf"))
    w.run("systemctl", "daemon-reload")
    assert took > 3, f"{took:.1f} s: nothing stalled"


def stays_down_with_a_wrong_configuration(w):
    w.write(w.configuration_path(), w.configuration + "poll_intervall = \"1s\";\n")
    w.run("systemctl", "start", UNIT, check=False)
    wait_for("the unit fails", lambda: w.property("ActiveState") == "failed", 10)
    time.sleep(2)
    assert w.property("NRestarts") == "0" and w.property("ExecMainStatus") == "78"
    said = w.run("systemctl", "status", "--no-pager", "--full", UNIT, check=False).stdout
    assert re.search(r"trailsentry\.conf:7: poll_intervall: unknown option", said), said
    w.write(w.configuration_path(), w.configuration)


def powers_off_in_time(w):
    w.run("systemctl", "start", UNIT)
    w.wait_active()
    took = w.machine.power_off(20)
    assert took < 10, f"{took:.1f} s"
    w.machine.stop()


def says_without_network_that_it_cannot_see(w):
    w.number = w.begin_anew()
    w.boot(network=False)
    w.wait_active()
    seen = w.wait_journal("cannot be seen", "INCIDENT_KIND=unreachable", "--boot", timeout=30)[-1]
    w.blind_incident = seen["INCIDENT_ID"]
    wait_for("STATUS= says so", lambda: "1 unseen; 1 incident open" in w.property("StatusText"), 5)
    w.stop_in(3)
    w.machine.stop()


def sends_after_the_next_boot_what_it_could_not(w):
    w.boot()
    w.wait_active()
    w.aws.wait_messages(1, timeout=20, subject="CLOSED", after=w.number)
    rows = w.aws.messages(after=w.number)
    assert {w.attribute(r, "incident_id") for r in rows} == {w.blind_incident}, rows
    assert [w.attribute(r, "phase") for r in rows][0] == "OPEN", rows
    w.machine.stop()


def sees_as_soon_as_there_is_a_network(w):
    """Booted without a route or a name server, which come one after the other; what it knows by
    then is told."""
    number = w.begin_anew()
    w.drop_in("/etc", "imds", "")  # the metadata service at its real address
    w.write(w.configuration_path(), w.configuration.replace("localhost", "guard.example"))
    w.boot(network=False)
    w.wait_active()
    pid = w.property("MainPID")
    w.wait_journal("169.254.169.254: ", "ERROR_CODE=HostUnreachable", "--boot")
    w.wait_journal("cannot be seen", "INCIDENT_KIND=unreachable", "--boot", timeout=30)
    w.machine.add_address("169.254.169.254")
    Wire(w.aws.ready["imds_port"]).mend(w.machine.listen(80, "169.254.169.254"))
    Wire(w.aws.ready["https_port"]).mend(w.machine.listen(w.aws.ready["https_port"]))
    w.wait_journal("Could not resolve host", "ERROR_CODE=CouldNotResolveHost", "--boot", timeout=40)
    w.write("/etc/hosts", "127.0.0.1 " + " ".join(
        f"{service}.eu-west-1.guard.example" for service in ("cloudtrail", "sns", "sts")))
    w.wait_polls(timeout=40)
    w.aws.wait_messages(1, timeout=40, subject="CLOSED", after=number)
    assert w.property("MainPID") == pid and w.property("NRestarts") == "0"
    w.machine.stop()


CASES = [
    starts_in_its_sandbox,
    unit_is_sound,
    polls_the_referee,
    restarts_a_stopped_trail,
    journal_tells_it,
    member_of_the_group_can_look,
    survives_sigkill_with_one_incident,
    comes_back_however_often,
    survives_a_minute_without_cpu,
    survives_a_wedge,
    guards_while_the_journal_hangs,
    starts_and_stops_while_the_journal_hangs,
    reloads_whole_or_not_at_all,
    maintenance_is_for_root,
    takes_keys_from_the_credential_store,
    runs_a_credential_process_that_is_allowed,
    stops_in_time,
    stops_in_time_while_names_do_not_resolve,
    stops_in_time_while_the_disk_stalls,
    stays_down_with_a_wrong_configuration,
    powers_off_in_time,
    says_without_network_that_it_cannot_see,
    sends_after_the_next_boot_what_it_could_not,
    sees_as_soon_as_there_is_a_network,
]
