# SPDX-License-Identifier: Apache-2.0
"""CloudWatch: PutMetricData (API version 2010-08-01)."""

import calendar
import time

from .errors import ApiError


def refuse(code, text):
    return ApiError(code, text, 400)


def seconds_of(value):
    if isinstance(value, (int, float)):
        return float(value)
    return float(calendar.timegm(time.strptime(value[:19], "%Y-%m-%dT%H:%M:%S")))


class CloudWatch:
    def __init__(self, world, clock, notifier):
        self.world = world
        self.clock = clock
        self.notifier = notifier

    def PutMetricData(self, call):
        namespace, rows = call.params["Namespace"], call.params["MetricData"]
        if namespace.startswith(":") or namespace.startswith("AWS/") or not namespace.strip():
            raise refuse("InvalidParameterValue", "The value for parameter Namespace is invalid.")
        if not 1 <= len(rows) <= 1000:
            raise refuse("InvalidParameterValue",
     "The collection MetricData must have 1 to 1000 items.")
        for number, row in enumerate(rows, 1):
            self.check(row, f"MetricData.member.{number}")
        for row in rows:
            dimensions = {d["Name"]: d["Value"] for d in row.get("Dimensions", [])}
            self.world.metrics.append({
                "time": self.clock.now(), "namespace": namespace, "name": row["MetricName"],
                "dimensions": dimensions, "value": row.get("Value"), "unit": row.get("Unit"),
                "timestamp": row.get("Timestamp"), "statistics": row.get("StatisticValues"),
                "account": call.account, "region": call.region, "arn": call.credential.arn})
        self.notifier.notify()
        return None

    def check(self, row, path):
        if len([k for k in ("Value", "StatisticValues", "Values") if k in row]) != 1:
            raise refuse("InvalidParameterCombination", f"{path} needs exactly one kind of value.")
        if abs(row.get("Value", 0.0)) > 2.0 ** 360:
            raise refuse("InvalidParameterValue",
     f"The value for parameter {path}.Value is out of range.")
        if row.get("StorageResolution", 60) not in (1, 60):
            raise refuse("InvalidParameterValue", f"{path}.StorageResolution must be 1 or 60.")
        names = [d["Name"] for d in row.get("Dimensions", [])]
        if len(names) != len(set(names)):
            raise refuse("InvalidParameterValue", f"{path} names a dimension twice.")
        if "Timestamp" in row:
            try:
                age = self.clock.now() - seconds_of(row["Timestamp"])
            except ValueError:
                raise refuse("InvalidParameterValue", f"{path}.Timestamp is no date.") from None
            if not -7200 <= age <= 14 * 86400:
                raise refuse(
    "InvalidParameterValue",
    f"The parameter {path}.Timestamp must specify "
    "a time within the past two weeks.")
