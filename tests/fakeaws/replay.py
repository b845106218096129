# SPDX-License-Identifier: Apache-2.0
"""Answers with the bytes that scripts/probe-aws recorded, so that codecs meet live bodies.

Nothing is simulated: the next recorded answer to the same operation with the same parameters is
sent as it was, the last one again and again. What the file does not hold, this referee answers
itself. Requests are still authenticated and held against the models.
"""

import json

from .http11 import Reply

VOLATILE = ("StartTime", "EndTime", "MaxResults", "NextToken")
SKIPPED_HEADERS = ("date", "content-length", "connection")


class Replay:
    def __init__(self, recording):
        self.recording = recording
        self.reset()

    def reset(self):
        self.queues, self.served, self.unmatched = {}, [], []
        if self.recording is None:
            return
        trail = self.recording["meta"].get("trail") or {}
        self.names = {trail.get("name"): trail.get("arn")}
        for row in self.recording["exchanges"]:
            if row["service"] == "cloudtrail" and row["status"] is not None:
                key = self.key(row["operation"], row["region"], row["params"])
                self.queues.setdefault(key, []).append(row)

    def key(self, operation, region, params):
        """What makes two requests the same question; a trail's name and ARN are one."""
        same = {k: self.names.get(v, v) if k in ("Name", "TrailName") else v
                for k, v in params.items() if k not in VOLATILE}
        return json.dumps([operation, region, same], sort_keys=True)

    def answer(self, call):
        """The recorded reply to this call; None when there is none."""
        if self.recording is None or call.service != "cloudtrail":
            return None
        queue = self.queues.get(self.key(call.operation, call.region, call.params))
        if not queue:
            self.unmatched.append({"operation": call.operation, "params": call.params})
            return None
        row = queue.pop(0) if len(queue) > 1 else queue[0]
        self.served.append(row["n"])
        headers = [(k, v) for k, v in row["headers"].items() if k not in SKIPPED_HEADERS]
        return Reply(row["status"], headers, row["body"].encode())

    def describe(self):
        return {"served": self.served, "unmatched": self.unmatched,
                "left": sum(len(queue) for queue in self.queues.values())}
