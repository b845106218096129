# SPDX-License-Identifier: Apache-2.0
"""Runs scripts/probe-aws against a referee whose time the probe's own sleeping moves.

In this process by run(), or as a program: probing.py CONTROL_PORT SIGNAL AT_SLEEP argument…,
which sends itself SIGNAL in the AT_SLEEP-th sleep, and again in the next when SIGNAL ends in +.
"""

import json
import os
import signal
import sys
import time

FAKEAWS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCE = os.path.dirname(os.path.dirname(FAKEAWS))
sys.path[:0] = [os.path.dirname(FAKEAWS), os.path.join(SOURCE, "scripts")]
sys.dont_write_bytecode = True

from fakeaws.control import Control  # noqa: E402
from probe_aws.main import main  # noqa: E402

REGION = "eu-west-1"
MINE = "trailsentry-probe-"


class RefereeClock:
    """Sleeping moves the referee's two clocks and takes no time. They start two hours ago, so that
    a recording is of the past, as others are."""

    def __init__(self, aws):
        self.aws = aws
        self.ahead = -7200.0
        self.sleeps = 0
        aws.set(clock_offset=self.ahead)

    def time(self):
        return time.time() + self.ahead

    def monotonic(self):
        return 10000.0 + self.ahead

    def sleep(self, seconds):
        self.sleeps += 1
        self.ahead += seconds
        self.aws.set(clock_offset=self.ahead)
        self.aws.advance(seconds)


class Killing(RefereeClock):
    def __init__(self, aws, name, at):
        super().__init__(aws)
        self.number = getattr(signal, name.rstrip("+"))
        self.at = {at, at + 1} if name.endswith("+") else {at}

    def sleep(self, seconds):
        super().sleep(seconds)
        if self.sleeps in self.at:
            os.kill(os.getpid(), self.number)


def settle(aws, **settings):
    """The referee as the probe's clock needs it: time moves only when told to."""
    aws.reset()
    aws.set(**{"hold_elapsed": True, "skew_tolerance": 1e7, "bucket_checks": True, **settings})


def arguments(aws, output, *more):
    return ["--endpoint-url", aws.url(), "--ca-bundle", aws.ca_file, "--region", REGION,
            "--output", str(output), *more]


def run(aws, output, *more):
    """(exit status, the saved file or None)."""
    status = main(arguments(aws, output, "--yes", *more), RefereeClock(aws))
    if not os.path.exists(output):
        return status, None
    with open(output, encoding="utf-8") as file:
        return status, json.load(file)


def answers(saved):
    return {row["id"]: row for row in saved["answers"]}


def left_over(aws):
    """What of the probe's is still in the account."""
    trails = [t["name"] for t in aws.call("trails")["trails"] if t["exists"]]
    return [name for name in trails if name.startswith(MINE)] + aws.call("buckets")["names"]


if __name__ == "__main__":
    # A shell without job control starts what is in the background with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    control = Control(int(sys.argv[1]))
    clock = Killing(control, sys.argv[2], int(sys.argv[3])) if sys.argv[2] else \
        RefereeClock(control)
    sys.exit(main(sys.argv[4:], clock))
