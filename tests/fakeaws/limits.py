# SPDX-License-Identifier: Apache-2.0
"""Transactions per second of CloudTrail, per account and region."""

GROUPS = {"LookupEvents": "lookup"}


def group_of(operation):
    if operation in GROUPS:
        return GROUPS[operation]
    return "read" if operation.startswith(("Get", "Describe", "List")) else "write"


class Limits:
    """Token buckets whose burst is one second's worth, and never less than one call."""

    def __init__(self, settings, clock):
        self.settings = settings
        self.clock = clock
        self.buckets = {}

    def reset(self):
        self.buckets.clear()

    def allow(self, account, region, operation):
        if not self.settings.tps:
            return True
        group = group_of(operation)
        rate = float(self.settings.tps_rates[group])
        name = operation if self.settings.tps_scope == "operation" else group
        key, burst, now = (account, region, name), max(rate, 1.0), self.clock.elapsed()
        tokens, last = self.buckets.get(key, (burst, now))
        tokens = min(burst, tokens + max(0.0, now - last) * rate)
        allowed = tokens >= 1.0 - 1e-9
        self.buckets[key] = (tokens - 1.0 if allowed else tokens, now)
        return allowed
