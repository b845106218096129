# SPDX-License-Identifier: Apache-2.0
"""Lets a control request wait until something has happened."""

import asyncio

MAX_WAIT = 120.0


class Notifier:
    def __init__(self):
        self.waiters = set()

    def notify(self):
        for event in self.waiters:
            event.set()

    async def wait_for(self, predicate, timeout):
        """Call predicate after each change until it is true or the time is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + min(max(float(timeout), 0.0), MAX_WAIT)
        event = asyncio.Event()
        self.waiters.add(event)
        try:
            while True:
                event.clear()
                found = predicate()
                left = end - loop.time()
                if found or left <= 0:
                    return found
                try:
                    await asyncio.wait_for(event.wait(), left)
                except asyncio.TimeoutError:
                    return predicate()
        finally:
            self.waiters.discard(event)


class Journal:
    """A bounded list of dictionaries numbered by `seq`, newest last."""

    def __init__(self, notifier, limit):
        self.notifier = notifier
        self.limit = limit
        self.rows = []
        self.next_seq = 1

    def add(self, row):
        row["seq"] = self.next_seq
        self.next_seq += 1
        self.rows.append(row)
        if len(self.rows) > 2 * self.limit:
            del self.rows[:-self.limit]
        self.notifier.notify()
        return row

    def after(self, seq):
        first = self.rows[0]["seq"] if self.rows else self.next_seq
        return self.rows[max(0, seq + 1 - first):]

    def clear(self):
        self.rows.clear()
