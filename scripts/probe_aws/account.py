# SPDX-License-Identifier: Apache-2.0
"""The trail and the bucket that a run makes for itself, and how they are cleaned away."""

import json
import secrets

from . import PREFIX
from .calls import ProbeError

PAGES = 20
# Until a new policy is seen by CloudTrail, and until a deleted trail has delivered its last file.
SETTLING = (3, 6, 12)
UNSETTLED = ("InsufficientS3BucketPolicyException", "S3BucketDoesNotExistException")
LATE_FILES = (5, 10, 20, 30)


def bucket_policy(bucket, account, partition, region, trail="trail/" + PREFIX + "*"):
    """What a bucket has to allow so that CloudTrail, for this trail alone, may write into it."""
    principal = {"Service": "cloudtrail.amazonaws.com"}
    source = f"arn:{partition}:cloudtrail:{region}:{account}:{trail}"
    test = "ArnLike" if "*" in trail else "StringEquals"
    base = f"arn:{partition}:s3:::{bucket}"
    written = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
    written.setdefault(test, {})["aws:SourceArn"] = source
    return {"Version": "2012-10-17", "Statement": [
        {"Sid": "TrailsentryProbeAcl", "Effect": "Allow", "Principal": principal,
         "Action": "s3:GetBucketAcl", "Resource": base,
         "Condition": {test: {"aws:SourceArn": source}}},
        {"Sid": "TrailsentryProbeWrite", "Effect": "Allow", "Principal": principal,
         "Action": "s3:PutObject", "Resource": f"{base}/AWSLogs/{account}/*",
         "Condition": written}]}


class Belongings:
    """What exists in the account because of this run. It is noted before the call that makes it."""

    def __init__(self, caller, account, partition, bucket=None):
        self.caller = caller
        self.account = account
        self.partition = partition
        self.region = caller.options.region
        self.name = PREFIX + secrets.token_hex(6)
        self.arn = f"arn:{partition}:cloudtrail:{self.region}:{account}:trail/{self.name}"
        self.bucket = bucket or self.name
        self.given = bucket is not None
        self.has_trail = False
        self.has_bucket = False
        caller.own = {self.name, self.arn} | (set() if self.given else {self.bucket})

    def make_bucket(self):
        place = {} if self.region == "us-east-1" else {
            "CreateBucketConfiguration": {"LocationConstraint": self.region}}
        self.has_bucket = True
        made = self.caller.insist("s3", "CreateBucket", Bucket=self.bucket, **place)
        if not made.ok and made.code != "BucketAlreadyOwnedByYou":
            self.has_bucket = made.transient
            raise refused("make a bucket", "s3:CreateBucket", made,
                          "Or give it a bucket of yours with --bucket.")
        document = bucket_policy(self.bucket, self.account, self.partition, self.region,
                                 "trail/" + self.name)
        put = self.caller.insist("s3", "PutBucketPolicy", Bucket=self.bucket,
                                 ExpectedBucketOwner=self.account, Policy=json.dumps(document))
        if not put.ok:
            raise refused("set its bucket's policy", "s3:PutBucketPolicy", put)

    def make_trail(self):
        self.has_trail = True
        made = self.caller.insist(
            "cloudtrail", "CreateTrail", waits=SETTLING,
            also=() if self.given else UNSETTLED, Name=self.name, S3BucketName=self.bucket,
            IsMultiRegionTrail=True, IncludeGlobalServiceEvents=True)
        if made.ok or made.code == "TrailAlreadyExistsException":
            return
        self.has_trail = made.transient
        hint = ""
        if made.code == "InsufficientS3BucketPolicyException":
            hint = "The bucket's policy has to hold these statements:\n" + json.dumps(bucket_policy(
                self.bucket, self.account, self.partition, self.region)["Statement"], indent=2)
        if made.code == "MaximumNumberOfTrailsExceededException":
            hint = "A region has five trails at most; use another --region."
        raise refused("make a trail", "cloudtrail:CreateTrail", made, hint)

    def clean(self, say):
        """Delete what was made; the commands that are left to type are returned."""
        self.caller.step, self.caller.unlimited = "clean", True
        for clean_one in (self.clean_trail, self.clean_bucket):
            try:
                clean_one(say)
            except Exception as error:
                say(f"failed: {type(error).__name__}: {error}")
        return self.commands()

    def clean_trail(self, say):
        if not self.has_trail:
            return
        self.caller.insist("cloudtrail", "StopLogging", Name=self.arn)
        gone = self.caller.insist("cloudtrail", "DeleteTrail", waits=(2, 4, 8, 16), Name=self.arn)
        if not gone.ok and gone.code != "TrailNotFoundException":
            say(f"could not delete the trail {self.name}: {describe(gone)}")
            return
        self.has_trail = False
        say(f"deleted the trail {self.name}")
        self.caller.call("cloudtrail", "GetTrailStatus", Name=self.arn)

    def clean_bucket(self, say):
        if self.given:
            say(f"left in {self.bucket}: what CloudTrail delivered under AWSLogs/{self.account}/")
        if not self.has_bucket:
            return
        gone = self.delete_bucket()
        if not gone.ok and gone.code != "NoSuchBucket":
            say(f"could not delete the bucket {self.bucket}: {describe(gone)}")
            return
        self.has_bucket = False
        say(f"deleted the bucket {self.bucket}")

    def delete_bucket(self):
        mine = {"Bucket": self.bucket, "ExpectedBucketOwner": self.account}
        for wait in (*LATE_FILES, None):
            for _ in range(PAGES):
                listed = self.caller.insist("s3", "ListObjectsV2", **mine)
                keys = [{"Key": row["Key"]} for row in listed.parsed.get("Contents", [])]
                if not listed.ok or not keys:
                    break
                self.caller.insist("s3", "DeleteObjects", **mine,
                                   Delete={"Objects": keys, "Quiet": True})
            gone = self.caller.insist("s3", "DeleteBucket", **mine)
            if gone.code != "BucketNotEmpty" or wait is None:
                return gone
            self.caller.clock.sleep(wait)

    def commands(self):
        """What a human has to type to remove what is there."""
        rows = []
        if self.has_trail:
            rows.append(f"aws cloudtrail delete-trail --region {self.region} --name {self.name}")
        if self.has_bucket:
            rows.append(f"aws s3 rb --region {self.region} --force s3://{self.bucket}")
        return rows


def describe(outcome):
    return f"{outcome.code}: {outcome.message}" if outcome.message else outcome.code


def refused(what, action, outcome, hint=""):
    text = f"could not {what}: {describe(outcome)}"
    if outcome.code.startswith(("AccessDenied", "UnauthorizedOperation")):
        text += (f"\nThe credentials do not allow {action}. What a run needs is printed by"
                 "\n    scripts/probe-aws --print-policy")
    return ProbeError(text + ("\n" + hint if hint else ""))
