# SPDX-License-Identifier: Apache-2.0
"""Failures that a test orders: which calls they hit, how often, and in what way."""

import random

from .errors import ControlError

KINDS = ("error", "silence", "close", "delay", "malformed", "truncate", "oversize", "empty",
         "body", "status", "mutate")
FILTERS = ("service", "operation", "account", "region", "trail", "topic", "access_key")
OPTIONS = ("kind", "count", "skip", "effect", "code", "status", "message", "seconds", "body",
           "size", "headers", "content_type", "chance")


class Fault:
    def __init__(self, number, row):
        unknown = set(row) - set(FILTERS) - set(OPTIONS)
        if unknown:
            raise ControlError("unknown fault fields: " + ", ".join(sorted(unknown)))
        if row.get("kind") not in KINDS:
            raise ControlError("kind must be one of " + ", ".join(KINDS))
        self.id = number
        self.row = row
        self.kind = row["kind"]
        self.left = None if row.get("count") in (None, "forever") else int(row["count"])
        self.skip = int(row.get("skip", 0))
        self.chance = float(row.get("chance", 1.0))
        self.hits = 0
        after = ("delay", "malformed", "truncate", "oversize", "mutate")
        self.effect = self.kind in after or bool(row.get("effect"))

    def fits(self, facts):
        for name in FILTERS:
            wanted = self.row.get(name)
            if wanted in (None, "*"):
                continue
            if facts.get(name) != wanted:
                return False
        return True

    def describe(self):
        return {"id": self.id, "hits": self.hits, "left": self.left, **self.row}


class Faults:
    def __init__(self, seed=None):
        self.random = random.Random(seed)
        self.rows = []
        self.next_id = 1

    def add(self, row):
        fault = Fault(self.next_id, row)
        self.next_id += 1
        self.rows.append(fault)
        return fault

    def clear(self, number=None):
        before = len(self.rows)
        self.rows = [f for f in self.rows if number is not None and f.id != number]
        return before - len(self.rows)

    def take(self, facts):
        """The first fault that fits, counted; None when the call is left alone."""
        for fault in self.rows:
            if not fault.fits(facts) or fault.left == 0:
                continue
            if fault.chance < 1.0 and self.random.random() >= fault.chance:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.hits += 1
            if fault.left is not None:
                fault.left -= 1
            return fault
        return None
