# SPDX-License-Identifier: Apache-2.0
"""CloudTrail's operations on trails (API version 2013-11-01)."""

import re

from .clock import iso, milliseconds
from .errors import ApiError
from .history import lookup
from .s3 import check_bucket
from .world import TRAIL_ARN

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|[._-](?=[A-Za-z0-9])){1,126}[A-Za-z0-9]")
WRITES = ("StartLogging", "StopLogging", "UpdateTrail", "DeleteTrail", "PutEventSelectors",
          "CreateTrail")
CONFIG = (("S3BucketName", "bucket"), ("S3KeyPrefix", "prefix"), ("SnsTopicARN", "sns_topic"),
          ("IncludeGlobalServiceEvents", "global_events"), ("IsMultiRegionTrail", "multi_region"),
          ("LogFileValidationEnabled", "validation"), ("CloudWatchLogsLogGroupArn", "log_group"),
          ("CloudWatchLogsRoleArn", "log_role"), ("KmsKeyId", "kms_key"),
          ("IsOrganizationTrail", "organization"))
UPDATES = {"S3BucketName": "bucket", "S3KeyPrefix": "prefix", "SnsTopicName": "sns_topic",
           "IncludeGlobalServiceEvents": "global_events", "IsMultiRegionTrail": "multi_region",
           "EnableLogFileValidation": "validation", "CloudWatchLogsLogGroupArn": "log_group",
           "CloudWatchLogsRoleArn": "log_role", "KmsKeyId": "kms_key",
           "IsOrganizationTrail": "organization"}


def check_log_group(params):
    """The log group and the role that writes to it come as a pair, or are taken away as one."""
    group, role = params.get("CloudWatchLogsLogGroupArn"), params.get("CloudWatchLogsRoleArn")
    if (group is None) != (role is None) or bool(group) != bool(role):
        raise ApiError("InvalidParameterCombinationException",
                       "You must specify values for both the CloudWatch Logs log group ARN and the "
                       "role ARN, or for neither.")
    if group and not group.endswith(":*"):
        raise ApiError("InvalidCloudWatchLogsLogGroupArnException",
                       "CloudTrail cannot validate the specified log group ARN.")


def apart(seconds, other):
    """A time in milliseconds that is not the very same as the other one."""
    seconds = milliseconds(seconds)
    return seconds if seconds != other else milliseconds(seconds + 0.001)


class CloudTrail:
    def __init__(self, world, settings, clock, history):
        self.world = world
        self.settings = settings
        self.clock = clock
        self.history = history

    def find(self, call, name):
        """The trail that a name or ARN means to this caller in this region."""
        if name.startswith("arn:"):
            if not TRAIL_ARN.fullmatch(name):
                raise ApiError("CloudTrailARNInvalidException", f"The ARN ({name}) is not valid.")
            trail = self.world.trails.get(name)
            mine = trail is not None and call.account in {
                trail.account} | trail.members | trail.delegated
            if not mine:
                raise self.unknown(call, name)
        else:
            if not NAME.fullmatch(name):
                raise ApiError("InvalidTrailNameException", "Trail name must be between 3 and 128 "
                               f"characters of letters, digits, '.', '_' or '-': {name[:200]}")
            arn = f"arn:{call.partition}:cloudtrail:{call.region}:{call.account}:trail/{name}"
            trail = self.world.trails.get(arn)
            if trail is None:
                raise self.unknown(call, arn)
        return trail

    @staticmethod
    def unknown(call, name):
        return ApiError("TrailNotFoundException",
     f"Unknown trail: {name} for the user: {call.account}")

    def read(self, call, name):
        """The trail and the state of it that this reader sees."""
        trail = self.find(call, name)
        state = trail.seen(self.clock.elapsed(), self.settings.stale_flap)
        if not state["exists"] or not trail.logs_in(call.region, state):
            raise self.unknown(call, name)
        if trail.account != call.account and not state["organization"]:
            raise self.unknown(call, name)
        return trail, state

    def writable(self, call, name):
        trail = self.find(call, name)
        if not trail.real["exists"]:
            raise self.unknown(call, name)
        if call.region != trail.home_region:
            raise ApiError("InvalidHomeRegionException", f"Trail {trail.arn} was created in "
                           f"{trail.home_region}. This operation can be performed only from the "
                           "region in which the trail was created.")
        if call.account != trail.account and call.account not in trail.delegated:
            raise ApiError(
    self.settings.org_member_code,
    "Only the management account or a delegated "
    "administrator can change an organization trail.")
        return trail

    def write(self, trail, changes, call):
        trail.accrue(call.time, self.settings.delivery_interval)
        trail.write(changes, self.clock.elapsed() + self.settings.stale_read)

    def GetTrailStatus(self, call):
        trail, state = self.read(call, call.params["Name"])
        trail.accrue(self.clock.now(), self.settings.delivery_interval)
        answer = {"IsLogging": state["logging"], "LatestDeliveryAttemptTime": "",
                  "LatestNotificationAttemptTime": "", "LatestNotificationAttemptSucceeded": "",
                  "LatestDeliveryAttemptSucceeded": "", "TimeLoggingStarted": "",
                  "TimeLoggingStopped": ""}
        if state["start_time"] is not None:
            answer["StartLoggingTime"] = self.shown(state["start_time"])
            answer["TimeLoggingStarted"] = iso(state["start_time"])
        if state["stop_time"] is not None:
            answer["StopLoggingTime"] = self.shown(state["stop_time"])
            answer["TimeLoggingStopped"] = iso(state["stop_time"])
        error = trail.delivery_error or self.settings.delivery_error
        if error:
            answer["LatestDeliveryError"] = error
        answer.update({member: e for member, e in trail.errors.items() if e})
        if trail.delivery_time is not None:
            answer["LatestDeliveryTime"] = self.shown(trail.delivery_time)
            answer["LatestDeliveryAttemptTime"] = iso(trail.delivery_time)
            answer["LatestDeliveryAttemptSucceeded"] = "" if error else iso(trail.delivery_time)
            if state["validation"]:
                answer["LatestDigestDeliveryTime"] = self.shown(trail.delivery_time)
        return answer

    def shown(self, seconds):
        """A time with as many digits as answers carry."""
        digits = self.settings.time_digits
        return int(seconds) if digits == 0 else round(seconds, digits)

    def describe(self, trail, state):
        answer = {"Name": trail.name, "TrailARN": trail.arn, "HomeRegion": trail.home_region,
                  "HasCustomEventSelectors": bool(state["event_selectors"] or
                                                  state["advanced_selectors"]),
                  "HasInsightSelectors": False}
        for member, key in CONFIG:
            if state[key] is not None:
                answer[member] = state[key]
        if state["sns_topic"]:
            answer["SnsTopicName"] = state["sns_topic"]
        return answer

    def visible(self, call, shadows=True):
        found = []
        for trail in self.world.trails.values():
            state = trail.seen(self.clock.elapsed(), self.settings.stale_flap)
            if not state["exists"] or not trail.logs_in(call.region, state):
                continue
            member = call.account in trail.members | trail.delegated and state["organization"]
            if call.account != trail.account and not (member and shadows):
                continue
            if not shadows and trail.home_region != call.region:
                continue
            found.append((trail, state))
        return found

    def GetTrail(self, call):
        return {"Trail": self.describe(*self.read(call, call.params["Name"]))}

    def DescribeTrails(self, call):
        names = call.params.get("trailNameList")
        if not names:
            found = self.visible(call, call.params.get("includeShadowTrails", True))
            return {"trailList": [self.describe(*pair) for pair in found]}
        answer = []
        for name in names:
            try:
                answer.append(self.describe(*self.read(call, name)))
            except ApiError as error:
                if error.code != "TrailNotFoundException":
                    raise
        return {"trailList": answer}

    def ListTrails(self, call):
        rows = []
        for trail in self.world.trails.values():
            state = trail.seen(self.clock.elapsed(), self.settings.stale_flap)
            if state["exists"] and trail.account == call.account:
                rows.append({"TrailARN": trail.arn, "Name": trail.name,
                            "HomeRegion": trail.home_region})
        return {"Trails": rows}

    def GetEventSelectors(self, call):
        trail, state = self.read(call, call.params["TrailName"])
        if state["advanced_selectors"]:
            return {"TrailARN": trail.arn, "AdvancedEventSelectors": state["advanced_selectors"]}
        default = [{"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [],
                    "ExcludeManagementEventSources": []}]
        return {"TrailARN": trail.arn, "EventSelectors": state["event_selectors"] or default}

    def StartLogging(self, call):
        trail = self.writable(call, call.params["Name"])
        changes = {"logging": True}
        call.redundant = trail.real["logging"]
        if not call.redundant or self.settings.redundant_moves_times in (True, "StartLogging"):
            changes["start_time"] = apart(call.time, trail.real["stop_time"])
        self.write(trail, changes, call)
        return {}

    def StopLogging(self, call):
        trail = self.writable(call, call.params["Name"])
        changes = {"logging": False}
        call.redundant = not trail.real["logging"]
        if not call.redundant or self.settings.redundant_moves_times in (True, "StopLogging"):
            changes["stop_time"] = apart(call.time, trail.real["start_time"])
        self.write(trail, changes, call)
        return {}

    def UpdateTrail(self, call):
        trail = self.writable(call, call.params["Name"])
        check_log_group(call.params)
        changes = {}
        for member, key in UPDATES.items():
            if member in call.params:
                value = call.params[member]
                changes[key] = None if value == "" else value
        after = {**trail.real, **changes}
        if after["multi_region"] and not after["global_events"]:
            raise ApiError("InvalidParameterCombinationException",
                           "Multi-Region trail must include global service events.")
        if not after["bucket"]:
            raise ApiError("S3BucketDoesNotExistException", "S3 bucket name must not be empty.")
        self.write(trail, changes, call)
        return self.update_answer(trail)

    def update_answer(self, trail):
        whole = self.describe(trail, trail.real)
        for name in ("HomeRegion", "HasCustomEventSelectors", "HasInsightSelectors"):
            whole.pop(name)
        return whole

    def PutEventSelectors(self, call):
        trail = self.writable(call, call.params["TrailName"])
        basic, advanced = call.params.get(
            "EventSelectors"), call.params.get("AdvancedEventSelectors")
        if bool(basic) == bool(advanced):
            raise ApiError("InvalidEventSelectorsException",
                           "Give either event selectors or advanced event selectors.")
        if basic and len(basic) > 5:
            raise ApiError("InvalidEventSelectorsException", "At most 5 event selectors.")
        self.write(trail, {"event_selectors": basic, "advanced_selectors": advanced}, call)
        kind = "EventSelectors" if basic else "AdvancedEventSelectors"
        return {"TrailARN": trail.arn, kind: basic or advanced}

    def DeleteTrail(self, call):
        trail = self.writable(call, call.params["Name"])
        self.write(trail, {"exists": False, "logging": False}, call)
        return {}

    def CreateTrail(self, call):
        name = call.params["Name"]
        if name.startswith("arn:") or not NAME.fullmatch(name):
            raise ApiError("InvalidTrailNameException", f"Trail name is not valid: {name[:200]}")
        arn = f"arn:{call.partition}:cloudtrail:{call.region}:{call.account}:trail/{name}"
        old = self.world.trails.get(arn)
        if old is not None and old.real["exists"]:
            raise ApiError("TrailAlreadyExistsException",
                           f"Trail {name} already exists for customer: {call.account}")
        here = [t for t in self.world.trails.values() if t.real["exists"] and
                (t.account, t.home_region) == (call.account, call.region)]
        if len(here) >= 5:
            raise ApiError("MaximumNumberOfTrailsExceededException",
                           f"User: {call.account} already has 5 trails in {call.region}.")
        check_log_group(call.params)
        if self.settings.bucket_checks:
            check_bucket(self.world.buckets.get(call.params["S3BucketName"]), arn, call)
        trail = self.world.add_trail({"arn": arn, "logging": False, "multi_region": False,
                                      "validation": False})
        trail.write({UPDATES[k]: v for k, v in call.params.items() if k in UPDATES}, 0.0)
        return self.update_answer(trail)

    def LookupEvents(self, call):
        return lookup(self.history, call.account, call.region, call.params)
