# SPDX-License-Identifier: Apache-2.0
"""An incident's life, in which something goes wrong: one run of the real daemon that meets it, one
that does not, and what has to be true then. Two trails, two topics; a maintenance is asked for, the
other trail is stopped, restarted, its actor found."""

import collections
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

from guard import BUILD_DIR, FAR_TRAIL, TOPIC, TRAIL, Guard, reached_by_role  # noqa: E402

INJECT = os.path.join(BUILD_DIR, "tests", "faults", "inject")
SECOND = TOPIC.replace("security-alerts", "second-alerts")
TOPICS = (TOPIC, SECOND)
REQUEST = "00000000000000aa"
LOGGING = "management-events: logging$"
PATIENCE = 10.0     # with a run in which something is broken, before it is ended
Call = collections.namedtuple("Call", "thread name number object met")
Outcome = collections.namedtuple(
    "Outcome", "met status incidents alerts repeats problems undurable descriptors")


def read_calls(path):
    """What inject has written down; the calls of what still lived are whole lines."""
    if not os.path.exists(path):
        return []
    calls = []
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            met = line.startswith("> ")
            parts = line[2 * met:].rstrip("\n").split(" ", 3)
            if len(parts) == 4 and line.endswith("\n") and parts[2].isdigit():
                calls.append(Call(parts[0], parts[1], int(parts[2]), parts[3], met))
    return calls


def incident_id(stop_time):
    """As the design has it, so that a lost incident is not one under another name."""
    return hashlib.sha256(f"{TRAIL}\nstop\n{round(stop_time * 1000)}".encode()).hexdigest()[:16]


class Life:
    def __init__(self, aws, prefix=(), environment=None, scale=25):
        aws.begin()
        aws.repeats = 2
        aws.call("topic", arn=SECOND)
        self.aws = aws
        self.peak_kib = None
        self.folder = tempfile.mkdtemp(prefix="trailsentry-life-")
        self.calls_path = os.path.join(self.folder, "calls")
        self.guard = Guard(aws, self.folder, topics=[TOPIC, {"arn": SECOND, "format": "json"}],
                           trails=[reached_by_role(TRAIL), reached_by_role(FAR_TRAIL)], scale=scale,
                           poll="10s", wrapped=False,
                           prefix=[p.format(calls=self.calls_path) for p in prefix],
                           environment={"ASAN_OPTIONS": "detect_leaks=0", **(environment or {})})
        self.accepted = False
        self.descriptors = None

    # The run that meets it

    def answer_path(self):
        return os.path.join(self.guard.requests, REQUEST + ".answer")

    def ask_for_maintenance(self):
        """As the command does it; whether that was accepted for all the world to know."""
        path = os.path.join(self.guard.requests, REQUEST)
        try:
            with open(path + ".tmp", "w", encoding="utf-8") as out:
                os.fchmod(out.fileno(), 0o640)
                json.dump({"version": 1, "verb": "maintenance-start", "trail": FAR_TRAIL,
                           "for_msec": 86400000, "reason": "proof"}, out)
            os.rename(path + ".tmp", path + ".json")
        except OSError:
            return      # there is no such folder yet, or could not be
        self.wait(lambda: os.path.exists(self.answer_path()), PATIENCE / 2)

    def wait(self, test, patience=PATIENCE):
        """Until it holds, the guard has ended or patience has; a broken guard may say nothing."""
        try:
            self.guard.wait_or_end(test, patience)
        except AssertionError:
            pass

    def has_told_all(self):
        """By its own words, as far as they can be had, and who did it by the topics."""
        sent = "\n".join(r.text for r in self.guard.records if " sent to " in r.text)
        return all(re.search(rf"\(({phase}|RESTARTED)\) sent to {topic}$", sent, re.M)
                   for phase in ("OPEN", "CLOSED") for topic in TOPICS) and \
            all(self.aws.call("mailbox", topic=topic, contains=self.attack["event_id"],
                              count_only=True)["count"] for topic in TOPICS)

    def is_stored(self):
        """Whether all that was told is on disk, and known to be told."""
        found = [i for i in self.guard.incidents().values()
                 if i["kind"] not in ("maintenance", "state-lost")]
        self.settled = len(found) == 1 and not found[0]["open"] and all(
            d["sent"] for m in found[0]["messages"] for d in m["deliveries"])
        return self.settled

    def meet(self, settle=0.0):
        """settle: how long to wait for the disk to have it all."""
        guard = self.guard
        guard.spawn()
        self.wait(lambda: guard.find_records(LOGGING))
        if not guard.ended:
            self.ask_for_maintenance()
        self.attack = self.aws.attack(TRAIL, identity="web-identity-role")
        self.wait(self.has_told_all)
        if settle > 0:
            self.settled = False
            self.wait(self.is_stored, settle)
        if not guard.ended:
            self.descriptors = self.count_lasting_descriptors()
            self.peak_kib = self.read_peak()
            guard.process.terminate()
        try:
            status = guard.exit_status(2 * PATIENCE)
        except subprocess.TimeoutExpired:
            guard.process.send_signal(signal.SIGKILL)
            guard.exit_status()
            status = None
        if os.path.exists(self.answer_path()):
            with open(self.answer_path(), encoding="utf-8") as file:
                self.accepted = json.load(file)["accepted"]
        return status

    def read_peak(self):
        with open(f"/proc/{self.guard.process.pid}/status", encoding="ascii") as file:
            found = re.search(r"VmPeak:\s+(\d+)", file.read())
        return int(found.group(1)) if found else None   # it has just ended

    def count_descriptors(self):
        """What is open, connections aside: they come and go."""
        found = collections.Counter()
        folder = f"/proc/{self.guard.process.pid}/fd"
        try:
            fds = os.listdir(folder)
        except OSError:
            return None     # it has just ended
        for fd in fds:
            try:
                what = os.readlink(os.path.join(folder, fd)).replace(self.folder, "")
            except OSError:
                continue    # it was just open
            found[re.sub(r"\[\d+\]|guard-\d+", "", what).replace("//", "/")] += 1
        found.pop("socket:", None)
        return found

    def count_lasting_descriptors(self):
        """The least of several looks: the writer opens a file and its folder for each write."""
        least = None
        for _ in range(100):
            found = self.count_descriptors()
            least = found if least is None or found is None else least & found
            if least is None or not least["/state"]:
                break
            self.wait(lambda: False, 0.05)
        return least

    def told_unstored(self):
        """What the topics have got without a word of it and is not on disk, where it ended."""
        messages = self.aws.all_messages(topic=None)
        known = {(m.incident, m.sequence) for m in messages if "NOT DURABLE" in m.text}
        for i in self.guard.incidents().values() if os.path.isdir(self.guard.state) else ():
            known |= {(i["id"], m["sequence"]) for m in i["messages"]}
        return [f"{key} was told before it was on disk"
                for key in {(m.incident, m.sequence) for m in messages} - known]

    def meet_again(self, prefix):
        """A life that is ended early, too: when it has seen a trail, at the latest."""
        self.aws.repeats += 1
        seen = len(self.guard.records)
        self.guard.prefix = [p.format(calls=self.calls_path + ".again") for p in prefix]
        self.guard.spawn()
        self.wait(lambda: self.guard.find_records("management-events: ", seen))
        self.guard.kill()

    # The run that does not

    def recover(self):
        guard, aws = self.guard, self.aws
        guard.prefix, guard.environment = [], {}
        before = aws.last_call()
        guard.start()
        # The second is asked for when the first has been understood.
        for trail in (TRAIL, FAR_TRAIL):
            aws.wait_calls(2, after=before, operation="GetTrailStatus", trail=trail, code="")
        aws.wait_trail(TRAIL, logging=True)
        for topic in TOPICS:
            aws.message(phase="CLOSED", topic=topic)
        aws.actor(self.attack)
        aws.message(topic=SECOND, contains=self.attack["event_id"])
        guard.wait_silent()
        guard.stop()

    def judge(self, true_kinds):
        """(incidents lost, alerts lost, most repeats, what else is wrong); true_kinds: incidents
        that what was broken really is."""
        aws, problems = self.aws, []
        disk = self.guard.incidents()
        expected = incident_id(aws.trail(TRAIL)["stop_time"])
        messages = aws.all_messages(topic=None)
        # Those that said so may be told again, and nothing else is known of them after a restart.
        undurable = {m.incident for m in messages if "NOT DURABLE" in m.text}
        windows = {m.incident for m in messages if m.kind == "maintenance"}

        lost = int(not any(i["id"] == expected and not i["open"] and
                           i["attribution"]["confidence"] == "exact" for i in disk.values()))
        lost += self.accepted and not (windows & (undurable | disk.keys()))
        problems += [f"an incident of nothing: {i['id']} {i['kind']}" for i in disk.values()
                     if i["id"] != expected and i["kind"] not in ("maintenance", *true_kinds)]

        arrived = collections.defaultdict(list)
        for m in messages:
            arrived[m.incident, m.sequence, m.topic].append(m)
        missing = {(i["id"], m["sequence"], d["topic_arn"]) for i in disk.values()
                   for m in i["messages"] for d in m["deliveries"]
                   if d["sent"] or i["id"] == expected} - arrived.keys()
        for topic in TOPICS:
            told = [m for m in messages if m.topic == topic and m.incident == expected]
            missing |= {(phase, topic) for phase in ("OPEN", "CLOSED")} - \
                {(phase, topic) for m in told for phase in m.phases}
            if not any(self.attack["event_id"] in m.text for m in told):
                missing.add(("actor", topic))
            numbers = {m.sequence for m in told}
            missing |= {(n, topic) for n in range(1, max(numbers, default=0))} - \
                {(n, topic) for n in numbers}
        for key, same in arrived.items():
            if key[0] not in disk and key[0] not in undurable:
                problems.append(f"{key} was sent, of an incident that is not on disk")
            if len({m.phase for m in same}) > 1 and key[0] not in undurable:
                problems.append(f"{key} was two different messages")
        problems += [f"wrote: {s}" for s in self.guard.strays if s != "out of memory"]
        problems += aws.problems([self.guard.text()])
        repeats = max((len(m) - 1 for m in arrived.values()), default=0)
        return lost, sorted(missing, key=str), repeats, problems

    def count_polls_before_restart(self):
        """Good answers that showed the stop, by when StartLogging was called."""
        polls = 0
        for call in self.aws.calls():
            if call["time"] <= self.attack["time"] or call.get("trail") != TRAIL:
                continue
            if call["operation"] == "StartLogging":
                return polls
            polls += call["operation"] == "GetTrailStatus" and call["code"] == ""
        return None

    def live(self, true_kinds=(), settle=0.0, again=()):
        status = None
        try:
            status = self.meet(settle)
            undurable = any("NOT DURABLE" in m.text for m in self.aws.all_messages(topic=None))
            self.polls = self.count_polls_before_restart()
            self.first_records = list(self.guard.records)
            unstored = self.told_unstored()
            if again:
                self.meet_again(again)
            self.recover()
            lost, missing, repeats, problems = self.judge(true_kinds)
            problems += unstored
        except Exception as error:  # what does not come is what is lost; said, not raised
            lost, missing, repeats, undurable = 1, ["all that followed"], 0, False
            problems = [f"{type(error).__name__}: {error}"]
            self.guard.finish()
        calls = read_calls(self.calls_path)
        return Outcome(any(c.met for c in calls), status, lost, missing, repeats, problems,
                       undurable, self.descriptors)

    def forget(self):
        shutil.rmtree(self.folder, ignore_errors=True)
