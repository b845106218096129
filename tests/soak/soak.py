# SPDX-License-Identifier: Apache-2.0
"""The world of the soak test, its samples, and what has to be true at the end."""

import json
import os
import random
import statistics
import time
from collections import Counter

from attacker import Attacker
from aws import OUR_FAULT, Aws
from guard import FAR_TRAIL, GUARD_ACCOUNT, TOPIC, TRAIL, Guard, reached_by_role

OWN_TRAIL = f"arn:aws:cloudtrail:eu-central-1:{GUARD_ACCOUNT}:trail/own-events"
SECOND_TRAIL = TRAIL.replace("management-events", "second-events")
SPARE_TRAIL = TRAIL.replace("management-events", "spare-events")
THIRD_TRAIL = "arn:aws:cloudtrail:ap-southeast-2:777788889999:trail/third-events"
THIRD_ROLE = "arn:aws:iam::777788889999:role/trailsentry-third"
JSON_TOPIC = f"arn:aws:sns:us-east-1:{GUARD_ACCOUNT}:soak-json"
FIFO_TOPIC = TOPIC + ".fifo"
TRAILS = [reached_by_role(TRAIL), reached_by_role(SECOND_TRAIL), reached_by_role(FAR_TRAIL),
          {"arn": OWN_TRAIL}, {"arn": THIRD_TRAIL, "role_arn": THIRD_ROLE}]
TOPICS = [{"arn": TOPIC}, {"arn": JSON_TOPIC, "format": "json"}, {"arn": FIFO_TOPIC}]

# One call in twenty, of every service. Those with an effect are carried out before the answer is
# lost; they are why a message may arrive twice.
CHANCE = 0.05
FAULTS = [{"kind": "error", "code": code, "status": status} for code, status in (
    ("ThrottlingException", 400), ("Throttling", 429), ("InternalFailure", 500),
    ("ServiceUnavailable", 503), ("ExpiredTokenException", 400), ("AccessDeniedException", 400),
    ("UnrecognizedClientException", 400), ("RequestExpired", 400), ("RequestTimeout", 400),
    ("InvalidSignatureException", 400), ("NeverHeardOfException", 418))] + [
    {"kind": "silence"}, {"kind": "silence", "effect": True}, {"kind": "close"},
    {"kind": "close", "effect": True}, {"kind": "delay", "seconds": 1.5}, {"kind": "delay", "seconds": 8},
    {"kind": "malformed"}, {"kind": "truncate"}, {"kind": "oversize"}, {"kind": "empty"},
    {"kind": "status", "status": 502}, {"kind": "body", "body": "<html>busy</html>", "status": 503}]
CREDENTIALS_LIVE = 400.0  # seconds

WINDOW = 600.0              # what growth is measured between: first and last ten minutes
RSS_GROWTH_KIB = 1024
RSS_PER_INCIDENT_KIB = 32   # of those that are open or looked up: they are in memory
FD_GROWTH = 12              # two connections for each host that may be pooled in either
DRAIN_SCALE = 60
DRAIN_MAX = 300.0


def is_held(incident):
    """Whether the daemon still has something to do about it, so that it is in memory."""
    return (incident["open"] or incident["attribution"]["state"] in ("running", "settling") or
            not all(d["sent"] for m in incident["messages"] for d in m["deliveries"]))


class Soak:
    def __init__(self, folder, seed, seconds):
        self.folder, self.seed, self.seconds = folder, seed, seconds
        self.random = random.Random(seed)
        self.samples = []
        self.messages = []
        self.publish_faults = self.polls = self.calls = self.faulted = 0
        self.last_call = 0
        self.problems = []

    def run(self):
        with Aws(folder=os.path.join(self.folder, "aws"), seed=self.seed) as self.aws:
            self.aws.begin()
            self.build_world()
            self.guard = Guard(self.aws, self.folder, trails=TRAILS, topics=TOPICS, scale=1)
            self.guard.run()
            try:
                self.soak()
                self.check_use()
                self.drain()
                self.guard.stop()  # waits for the disk: an alert may leave before it is there
                self.check_told()
            finally:
                if self.guard.process:
                    self.guard.process.kill()
            self.problems += self.attacker.problems
            self.problems += [f"not a record: {line}" for line in self.guard.strays[:5]]
            self.aws.codes = OUR_FAULT  # ordered here
            self.aws.repeats = 99       # counted above
            self.problems += self.aws.problems([self.guard.text()])
        return self.problems

    def build_world(self):
        aws = self.aws
        aws.set(tps=True, history_lag=20.0, history_lag_max=90.0, stale_read=0.0,
                credential_ttl=CREDENTIALS_LIVE, session_ttl=CREDENTIALS_LIVE)
        for arn in (OWN_TRAIL, SECOND_TRAIL, SPARE_TRAIL, THIRD_TRAIL):
            aws.create_trail(arn, logging=True, start_time=time.time() - 86400)
        aws.permissions("trailsentry-guard", allow=["cloudtrail:*"])
        aws.call("role", arn=THIRD_ROLE, id="AROAEXAMPLETHIRD7777", permissions=["cloudtrail:*"],
                 trust=[f"arn:aws:iam::{GUARD_ACCOUNT}:role/trailsentry-guard"])
        aws.call("topic", arn=JSON_TOPIC)

    # While it runs

    def soak(self):
        self.attacker = Attacker(self.aws, self.guard, self.random, [t["arn"] for t in TRAILS],
                                 reached_by_role(SPARE_TRAIL))
        for row in FAULTS:
            self.aws.fault(chance=CHANCE / len(FAULTS), **row)
        begun = time.monotonic()
        print("minute  RSS KiB  files  threads  CPU s   polls  faults  stops  incidents  held  messages",
              flush=True)
        self.sample(0.0)
        while (passed := time.monotonic() - begun) < self.seconds:
            if passed >= 60 * len(self.samples):
                self.sample(passed)
            assert self.guard.process.poll() is None, "the daemon has ended"
            self.attacker.act()
            time.sleep(min(self.random.expovariate(1 / 8), 20))
        self.sample(time.monotonic() - begun)

    def sample(self, passed):
        pid = self.guard.process.pid
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            status = dict(line.split(":", 1) for line in file)
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            ticks = sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13]))
        self.collect()
        incidents = self.guard.incidents().values()
        row = {"at": passed, "rss": int(status["VmRSS"].split()[0]),
               "files": len(os.listdir(f"/proc/{pid}/fd")), "threads": int(status["Threads"]),
               "cpu": ticks / os.sysconf("SC_CLK_TCK"), "polls": self.polls,
               "incidents": len(incidents), "held": sum(map(is_held, incidents))}
        self.samples.append(row)
        print(f"{passed / 60:6.1f} {row['rss']:8} {row['files']:6} {row['threads']:8} "
              f"{row['cpu']:6.1f} {self.polls:7} {self.faulted:7} {len(self.attacker.stops):6} "
              f"{row['incidents']:10} {row['held']:5} {len(self.messages):9}", flush=True)

    def collect(self):
        """What the referee has seen since; it forgets the oldest."""
        while True:
            rows = self.aws.calls(after=self.last_call, limit=4000)
            for row in rows:
                self.last_call = row["seq"]
                if row["service"] == "imds":
                    continue
                self.calls += 1
                self.polls += row["operation"] == "GetTrailStatus"
                self.faulted += row["code"] != ""
                self.publish_faults += row["operation"] == "Publish" and row["code"] != ""
            if len(rows) < 4000:
                break
        last = self.messages[-1]["seq"] if self.messages else 0
        self.messages += self.aws.messages(after=last)

    # At the end

    def drain(self):
        """Nothing fails any more, and time runs faster: what is under way comes to its end, as
        after any restart of the daemon."""
        self.aws.clear_faults()
        self.aws.imds(mode="ok")
        self.guard.stop()
        self.aws.set(tps=False, history_lag=0.0, history_lag_max=0.0)
        self.aws.reveal()
        self.guard.scale = DRAIN_SCALE
        self.guard.configure(cannot_see_after="1h")
        self.guard.start()
        end = time.monotonic() + DRAIN_MAX
        while not self.is_quiet():
            if time.monotonic() > end:
                self.problems.append(f"not at rest after {DRAIN_MAX:g} s: {self.restless()}")
                break
            self.guard.wait_new_status(lambda s: True)
        self.collect()

    def restless(self):
        leads = {}
        for message in self.aws.messages(topic=JSON_TOPIC):
            document = json.loads(message["message"])
            if document.get("group"):
                leads[document["incident"]["id"]] = document["group"]["ended"]
        found = [i for i, ended in leads.items() if not ended]
        return found + [i for i, row in self.guard.incidents().items() if row["open"]]

    def is_quiet(self):
        return self.guard.status()["messages_pending"] == 0 and not self.restless()

    def check_use(self):
        first, last = self.samples[0], self.samples[-1]
        cpu = (last["cpu"] - first["cpu"]) / max(last["polls"], 1) * 10000
        print(f"{last['polls']} polls, {self.calls} calls, {self.faulted} of them faulted "
              f"({self.faulted / max(self.calls, 1):.1%}), "
              f"{cpu:.2f} CPU seconds per 10,000 polls (with all that came with them)")
        print("deeds: " + ", ".join(f"{n} {v}" for n, v in sorted(self.attacker.counts.items())))
        window = min(WINDOW, self.seconds / 3)
        early = [s for s in self.samples if 0 < s["at"] <= window] or self.samples[:1]
        late = [s for s in self.samples if s["at"] >= self.seconds - window]
        grown = {name: statistics.median(s[name] for s in late) -
                 statistics.median(s[name] for s in early)
                 for name in ("rss", "files", "threads", "held")}
        print("growth between the medians of the first and last "
              f"{window / 60:.0f} minutes: {grown['rss']:+g} KiB resident, {grown['files']:+g} "
              f"files, {grown['threads']:+g} threads, {grown['held']:+g} incidents held; most: {max(s['rss'] for s in self.samples)} "
              f"KiB, {max(s['files'] for s in self.samples)} files, "
              f"{max(s['threads'] for s in self.samples)} threads")
        # A short run is warming up from beginning to end.
        if self.seconds >= 3 * WINDOW:
            limit = RSS_GROWTH_KIB + RSS_PER_INCIDENT_KIB * max(0, grown["held"])
            if grown["rss"] > limit:
                self.problems.append(f"resident memory grew by {grown['rss']:g} KiB, more than "
                                     f"{limit}")
            if grown["files"] > FD_GROWTH or grown["threads"] > 2:
                self.problems.append(f"descriptors or threads leak: {grown}")

    def check_told(self):
        incidents = self.guard.incidents()
        on_disk = {(i["trail_arn"], i["stop_msec"]) for i in incidents.values()}
        lost = [(arn, at) for arn, at in self.attacker.stops
                if not {(arn, int(at * 1000) + k) for k in (0, 1)} & on_disk]
        keys = Counter((m["topic"], m["attributes"]["incident_id"]["StringValue"],
                        int(m["attributes"]["sequence"]["StringValue"]))
                       for m in self.messages
                       if m["attributes"]["phase"]["StringValue"] != "TEST")
        wanted = {(t["arn"], i, m["sequence"]) for i, row in incidents.items()
                  for m in row["messages"] for t in TOPICS if t["arn"] != row.get("scope_arn")}
        missing = sorted(wanted - set(keys))
        unknown = sorted(set(keys) - wanted)
        silent = [i for i, row in incidents.items() if not row["messages"] and
                  not incidents.get(row.get("group") or "", {}).get("messages")]
        short = self.short_groups(incidents)
        repeats = sum(n - 1 for n in keys.values())
        print(f"{len(self.attacker.stops)} stops: {len(lost)} lost; {len(incidents)} incidents: "
              f"{len(silent)} untold, {len(short)} groups told short; {len(wanted)} messages "
              f"expected: {len(missing)} lost, {repeats} repeated (answers to "
              f"{self.publish_faults} were lost or bad)")
        for what, found in (("stops without an incident", lost), ("messages lost", missing),
                            ("messages that nothing on disk explains", unknown),
                            ("incidents that nobody was told of", silent),
                            ("groups told short", short)):
            if found:
                self.problems.append(f"{len(found)} {what}: {found[:5]}")
        if repeats > self.publish_faults:
            self.problems.append(f"{repeats} repeats, more than answers that were lost")

    def short_groups(self, incidents):
        """Groups whose last message tells of fewer incidents than there are."""
        members = Counter(row["group"] for row in incidents.values() if row.get("group"))
        told = {}
        for m in self.messages:
            if m["topic"] == JSON_TOPIC:
                group = json.loads(m["message"]).get("group")
                if group:
                    lead = m["attributes"]["incident_id"]["StringValue"]
                    told[lead] = max(told.get(lead, 0), group["incidents"])
        return [(lead, n + 1, told.get(lead, 0)) for lead, n in members.items()
                if told.get(lead, 0) != n + 1]
