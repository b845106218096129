# SPDX-License-Identifier: Apache-2.0
"""The plan of a run: each step's calls, and the questions that they answer."""

from collections import namedtuple
from datetime import datetime, timezone

from .evidence import own_events

# calls: (service, operation, the usual number, the most); asks: ids of answers.QUESTIONS
Step = namedtuple("Step", "name run does calls asks")
SAMPLES = (0, 1, 2, 4, 7, 11, 16, 30)   # seconds after a change at which the status is read
ROUNDS = (5, 10, 15, 20, 20, 30, 30, 40, 60, 60, 90, 90, 120)  # from one LookupEvents to the next
LAST_ROUND = 180
SETTLED = 6.0
APART = 6.0      # so that a record can be told from the next by its whole seconds
BURST = 5


def status(probe):
    return probe.caller.call("cloudtrail", "GetTrailStatus", Name=probe.own.arn)


def watch(probe, logging):
    """Read the status until two reads in a row show the change; the lag is told afterwards."""
    began, agreed = probe.clock.monotonic(), 0
    for offset in SAMPLES:
        probe.sleep(began + offset - probe.clock.monotonic())
        seen = status(probe)
        agreed = agreed + 1 if seen.ok and seen.parsed.get("IsLogging") is logging else 0
        if agreed == 1 and offset == 0:
            probe.lag = max(probe.lag, seen.exchange["received"] - seen.exchange["sent"])
        elif agreed == 1:
            probe.lag = max(probe.lag, float(offset))
        if agreed == 2:
            return


def settle(probe):
    """Wait for longer than any change was seen to take, then read twice."""
    probe.sleep(max(SETTLED, 2 * probe.lag + 1))
    status(probe)
    probe.sleep(2)
    status(probe)


def switch(probe, operation, name):
    done = probe.caller.insist("cloudtrail", operation, Name=name)
    if not done.ok:
        probe.note(f"{operation} failed: {done.code}")
    return done.ok


def make_bucket(probe):
    if not probe.own.given:
        probe.own.make_bucket()


def make_trail(probe):
    own, caller = probe.own, probe.caller
    own.make_trail()
    caller.insist("cloudtrail", "GetTrailStatus", also=("TrailNotFoundException",), Name=own.arn)
    caller.call("cloudtrail", "GetTrail", Name=own.arn)
    caller.call("cloudtrail", "GetEventSelectors", TrailName=own.arn)


def start(probe):
    if switch(probe, "StartLogging", probe.own.name):
        watch(probe, True)


def redundant_start(probe):
    probe.sleep(APART)
    if switch(probe, "StartLogging", probe.own.arn):
        settle(probe)


def stop(probe):
    probe.sleep(APART)
    if switch(probe, "StopLogging", probe.own.name):
        watch(probe, False)


def redundant_stop(probe):
    probe.sleep(APART)
    if switch(probe, "StopLogging", probe.own.arn):
        settle(probe)


def restart(probe):
    probe.sleep(APART)
    if switch(probe, "StartLogging", probe.own.arn):
        watch(probe, True)


def errors(probe):
    arn, caller = probe.own.arn, probe.caller
    caller.call("cloudtrail", "GetTrailStatus", Name=arn + "-absent")
    caller.call("cloudtrail", "GetTrailStatus", Name=arn.replace(":trail/", ":trial/"))
    caller.call("cloudtrail", "GetTrailStatus", Name="no trail name")
    caller.call("cloudtrail", "StartLogging", probe.options.other_region, Name=arn)


def throttling(probe):
    """Twice: StartLogging until it is throttled, then at once another write."""
    caller, arn = probe.caller, probe.own.arn
    others = (("UpdateTrail", {"Name": arn, "IncludeGlobalServiceEvents": True}),
              ("StopLogging", {"Name": arn}))
    for operation, params in others:
        probe.sleep(3)
        for _ in range(BURST):
            if not caller.call("cloudtrail", "StartLogging", at_once=True, Name=arn).ok:
                caller.call("cloudtrail", operation, at_once=True, **params)
                break
    probe.sleep(3)
    switch(probe, "StartLogging", arn)


def lookup(probe, key, value):
    """One page of Event history; how many successful calls on the own trail it shows."""
    now = probe.clock.time()
    found = probe.caller.call(
        "cloudtrail", "LookupEvents", MaxResults=50,
        LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}],
        StartTime=datetime.fromtimestamp(probe.began - 600, timezone.utc),
        EndTime=datetime.fromtimestamp(now + 600, timezone.utc))
    if not found.ok:
        return 0
    names = {probe.own.name, probe.own.arn}
    records = own_events(found.parsed, names, set())[0]
    return sum(1 for record in records if not record.get("errorCode"))


def history(probe):
    """Look for the own calls in Event history, until they are there or the time is up."""
    clock, waiting = probe.clock, {"StopLogging": 0, "StartLogging": 0}
    for row in probe.caller.exchanges:
        if row["status"] == 200 and row["operation"] in waiting:
            waiting[row["operation"]] += 1
    began, delivered, number = clock.monotonic(), False, 0
    shown, total = dict.fromkeys(waiting, 0), sum(waiting.values())
    while waiting or not delivered:
        gap = ROUNDS[number] if number < len(ROUNDS) else LAST_ROUND
        if clock.monotonic() + gap > began + probe.options.wait * 60:
            break
        probe.sleep(gap)
        number += 1
        for operation in list(waiting):
            shown[operation] = max(shown[operation], lookup(probe, "EventName", operation))
            if shown[operation] >= waiting[operation]:
                del waiting[operation]
        if not delivered:
            delivered = "LatestDeliveryTime" in status(probe).parsed
        probe.note(f"after {clock.monotonic() - began:.0f} s: {sum(shown.values())} of {total} "
                   f"calls in Event history, {'' if delivered else 'not yet '}delivered")
    lookup(probe, "ResourceName", probe.own.name)
    lookup(probe, "ResourceName", probe.own.arn)


def member(probe):
    """As a member account: read the organisation's trail and, when told to, start it."""
    options, caller = probe.options, probe.member
    if caller is None:
        return
    arn = options.organization_trail_arn
    caller.step = probe.caller.step
    region = arn.split(":")[3]
    seen = caller.call("cloudtrail", "GetTrailStatus", region, Name=arn)
    if not options.member_start:
        return
    if seen.parsed.get("IsLogging") is not True:
        probe.note("the organisation's trail is not seen logging: it was not started")
        return
    caller.own = {arn}
    caller.call("cloudtrail", "StartLogging", region, Name=arn)


def ct(operation, usual, most):
    return "cloudtrail", operation, usual, most


STEPS = (
    Step("bucket", make_bucket, "makes a bucket that this trail alone may write to",
         (("s3", "CreateBucket", 1, 4), ("s3", "PutBucketPolicy", 1, 4)), ()),
    Step("trail", make_trail, "makes a trail and reads it before it ever logged",
         (ct("CreateTrail", 1, 4), ct("GetTrailStatus", 1, 4), ct("GetTrail", 1, 1),
          ct("GetEventSelectors", 1, 1)), ("never-started", "event-selectors")),
    Step("start", start, "starts it by name; reads the status until the change is seen twice",
         (ct("StartLogging", 1, 4), ct("GetTrailStatus", 2, 8)),
         ("status-lag", "never-stopped", "time-format")),
    Step("redundant-start", redundant_start, "starts it again by ARN",
         (ct("StartLogging", 1, 4), ct("GetTrailStatus", 2, 2)), ("redundant-start",)),
    Step("stop", stop, "stops it by name; reads the status until the change is seen twice",
         (ct("StopLogging", 1, 4), ct("GetTrailStatus", 2, 8)), ("status-lag", "event-time")),
    Step("redundant-stop", redundant_stop, "stops it again by ARN",
         (ct("StopLogging", 1, 4), ct("GetTrailStatus", 2, 2)), ("redundant-stop",)),
    Step("restart", restart, "starts it by ARN; reads the status until the change is seen twice",
         (ct("StartLogging", 1, 4), ct("GetTrailStatus", 2, 8)),
         ("status-lag", "stop-time-stays")),
    Step("errors", errors, "asks for what must be refused: an absent trail, a malformed ARN and "
         "name, a start from another region",
         (ct("GetTrailStatus", 3, 3), ct("StartLogging", 1, 1)),
         ("unknown-trail", "malformed-arn", "invalid-name", "home-region", "error-form")),
    Step("throttling", throttling, "twice: starts it until that is throttled (5 at most), then at "
         "once updates it, or stops it; leaves it started",
         (ct("StartLogging", 5, 14), ct("UpdateTrail", 1, 1), ct("StopLogging", 1, 1)),
         ("write-bucket", "throttling")),
    Step("history", history, "looks for these calls in Event history, more and more rarely, until "
         "--wait is over; reads the status for the first delivery",
         (ct("LookupEvents", 14, 62), ct("GetTrailStatus", 10, 30)),
         ("history-lag", "request-id", "name-form", "resource-name", "redundant-recorded",
          "throttled-recorded", "event-time", "user-identity", "delivery")),
    Step("member", member, "reads (and with --member-start starts) the organisation's trail as a "
         "member account",
         (ct("GetTrailStatus", 1, 1), ct("StartLogging", 1, 1)), ("org-member",)),
)
CLEANING = Step("clean", None, "stops and deletes the trail, sees that it is gone, empties and "
                "deletes the bucket",
                (ct("StopLogging", 1, 4), ct("DeleteTrail", 1, 5), ct("GetTrailStatus", 1, 1),
                 ("s3", "ListObjectsV2", 2, 10), ("s3", "DeleteObjects", 1, 5),
                 ("s3", "DeleteBucket", 1, 5)), ())
IDENTITY = Step("identity", None, "asks who this is and how many trails are here, before anything",
                (("sts", "GetCallerIdentity", 1, 1), ct("DescribeTrails", 1, 1)), ())
ACTIONS = {"ListObjectsV2": "ListBucket", "DeleteObjects": "DeleteObject"}


def chosen(options):
    """The steps that these options leave in, the first and the last included."""
    left_out = set()
    if options.bucket:
        left_out.add("bucket")
    if options.no_throttling:
        left_out.add("throttling")
    if not options.member_profile:
        left_out.add("member")
    steps = [IDENTITY, *(s for s in STEPS if s.name not in left_out)]
    return steps if options.keep else [*steps, CLEANING]


def calls_of(step, options):
    for service, operation, usual, most in step.calls:
        if service == "s3" and options.bucket:
            continue
        if step.name == "member" and operation == "StartLogging" and not options.member_start:
            continue
        yield service, operation, usual, most
