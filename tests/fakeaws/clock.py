# SPDX-License-Identifier: Apache-2.0
"""The referee's two clocks: wall time for dates, elapsed time for waiting."""

import math
import time
from datetime import datetime, timezone
from email.utils import formatdate


class Clock:
    def __init__(self):
        self.offset = 0.0
        self.advanced = 0.0
        self.held_at = None

    def now(self):
        """Wall time in seconds, with the offset a test has asked for."""
        return time.time() + self.offset

    def elapsed(self):
        """Monotonic seconds; lags, stale reads and rate limits run on it."""
        base = time.monotonic() if self.held_at is None else self.held_at
        return base + self.advanced

    def hold(self, held):
        """Stop or resume elapsed time, so that a test decides when it passes."""
        if held and self.held_at is None:
            self.held_at = time.monotonic()
        elif not held and self.held_at is not None:
            self.held_at = None

    def advance(self, seconds):
        """Move elapsed time; wall time is moved by the offset alone."""
        self.advanced += seconds

    def http_date(self):
        return formatdate(self.now(), usegmt=True)


def milliseconds(seconds):
    """Cut, not rounded: a time in state is never in a later second than its record's."""
    return math.floor(round(seconds * 1000, 3)) / 1000


def iso(seconds):
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def compact(seconds):
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y%m%dT%H%M%SZ")
