# SPDX-License-Identifier: Apache-2.0
"""Whoever stops trails, and what else happens to a guard in an hour. Each deed is chosen by a
seeded generator; the next one waits until the guard has had a chance to see the last: what nobody
looked at between two stops cannot be told apart."""

import os
import subprocess

from fakeaws.control import RefereeError
from guard import BUILD_DIR, name_of

IDENTITIES = ("user", "root", "sso", "role-session", "ec2", "user-console-mfa")
IMDS_FAULTS = ("error", "silence", "close", "token_silence", "malformed", "oversize", "failed")
TOPIC_FAULTS = ({"kind": "error", "code": "InternalFailure", "status": 500}, {"kind": "silence"},
                {"kind": "error", "code": "AuthorizationError", "status": 403}, {"kind": "malformed"},
                {"kind": "close", "effect": True})
RESTART_MAX = 60.0  # seconds; three times throttled and silent, it still comes


class Attacker:
    def __init__(self, aws, guard, random, trails, spare):
        self.aws, self.guard, self.random = aws, guard, random
        self.trails, self.spare = trails, spare
        self.topics = [topic["arn"] for topic in guard.options["topics"]]
        self.stops = []      # (trail, seconds)
        self.problems = []
        self.counts = {}
        self.added = False
        self.deeds = [(40, self.stop), (12, self.blink), (10, self.loop), (6, self.storm),
                      (6, self.deny), (4, self.decoy), (12, self.break_imds),
                      (6, self.break_topic), (4, self.reload),
                      (4, self.maintain), (6, self.look), (2, self.test_alert)]

    def act(self):
        """One deed by chance."""
        deed = self.random.choices([d for _, d in self.deeds], [w for w, _ in self.deeds])[0]
        self.counts[deed.__name__] = self.counts.get(deed.__name__, 0) + 1
        try:
            deed()
        except (RefereeError, AssertionError) as error:
            self.problems.append(f"{deed.__name__}: {error}")

    # Attacks

    def seen(self, *arns):
        """Until the guard has restarted them, and has looked at each since."""
        for arn in arns:
            self.aws.wait_trail(arn, logging=True, timeout=RESTART_MAX)
        after = self.aws.last_call()
        for arn in arns:
            self.aws.wait_calls(1, timeout=RESTART_MAX, after=after, trail=arn, ok=True,
                                operation="GetTrailStatus")

    def attack(self, *steps):
        for step, done in zip(steps, self.aws.attacks(*steps)):
            if step.get("event", "StopLogging") == "StopLogging" and "error_code" not in step:
                self.stops.append((step["trail"], done["time"]))

    def who(self):
        return {"identity": self.random.choice(IDENTITIES)}

    def stop(self):
        arn = self.random.choice(self.trails)
        self.attack({"trail": arn, **self.who()})
        self.seen(arn)

    def blink(self):
        """Stopped and started again within a poll."""
        arn, who = self.random.choice(self.trails), self.who()
        self.attack({"trail": arn, **who}, {"trail": arn, "event": "StartLogging", **who})
        self.seen(arn)

    def loop(self):
        arn, who = self.random.choice(self.trails), self.who()
        for _ in range(self.random.randint(3, 8)):
            self.attack({"trail": arn, **who})
            self.seen(arn)

    def storm(self):
        who = self.who()
        self.attack(*({"trail": arn, **who} for arn in self.trails))
        self.seen(*self.trails)

    def deny(self):
        """The guard may not restart it for a while."""
        arn = self.random.choice(self.trails)
        fault = self.aws.fault(service="cloudtrail", operation="StartLogging", trail=arn,
                               kind="error", code="AccessDeniedException", status=400)
        self.attack({"trail": arn, **self.who()})
        try:
            self.aws.wait_calls(self.random.randint(1, 3), timeout=RESTART_MAX, trail=arn,
                                after=self.aws.last_call(), operation="StartLogging")
        finally:
            self.aws.clear_faults(fault)
        self.seen(arn)

    def decoy(self):
        """Refused attempts, which change nothing."""
        arn = self.random.choice(self.trails)
        self.attack({"trail": arn, "error_code": "AccessDenied", **self.who()})

    # What fails or changes of itself

    def break_imds(self):
        self.aws.imds(mode=self.random.choice(IMDS_FAULTS), count=self.random.randint(1, 3))

    def break_topic(self):
        """For longer than a call is repeated by itself."""
        self.aws.fault(service="sns", operation="Publish", topic=self.random.choice(self.topics),
                       count=self.random.randint(3, 12), **self.random.choice(TOPIC_FAULTS))

    def reload(self):
        """A trail comes and goes, that nobody attacks."""
        self.added = not self.added
        trails = [t for t in self.guard.options["trails"] if t["arn"] != self.spare["arn"]]
        first = len(self.guard.records)
        self.guard.configure(trails=trails + [self.spare] * self.added)
        self.guard.process.send_signal(1)
        self.guard.record("was read again", first)

    def command(self, *arguments, codes=(0, 1)):
        done = subprocess.run(
            [os.path.join(BUILD_DIR, "trailsentry"), *arguments],
            env={"PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=60)
        assert done.returncode in codes, (arguments, done)
        return done.stdout

    def look(self):
        """1 is what they say of a trail that is down, of an incident that is open."""
        self.command("status", "--status-file", self.guard.status_path)
        self.command("incidents", "--state-directory", self.guard.state)

    def maintain(self):
        """Stopped in maintenance, it is restarted when that ends."""
        arn = self.random.choice(self.trails)
        place = ["--status-file", self.guard.status_path]
        self.command("maintenance", "start", "--trail", arn, "--for", "1h", "--reason", "soak",
                     *place, codes=(0,))
        if self.random.random() < 0.5:
            self.attack({"trail": arn, **self.who()})
        self.aws.wait_calls(2, timeout=RESTART_MAX, after=self.aws.last_call(), trail=arn, ok=True,
                            operation="GetTrailStatus")
        self.command("maintenance", "stop", "--trail", arn, *place, codes=(0,))
        self.seen(arn)

    def test_alert(self):
        done = subprocess.run(
            [os.path.join(BUILD_DIR, "trailsentry"), "test-alert", "--config", self.guard.config],
            env={"PATH": "/usr/bin:/bin", "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.aws.imds_url},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        # A fault may hit it like everybody; it says so then.
        assert done.returncode in (0, 1, 3), (name_of(self.trails[0]), done)
