# SPDX-License-Identifier: Apache-2.0
"""The little of S3 that a trail's bucket needs: make, allow, list, empty, delete (path style)."""

import json
import re
from fnmatch import fnmatchcase
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree

from . import policy
from .errors import ApiError
from .http11 import Reply

NAME = re.compile(r"(?!xn--)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
# (method, query key) to (operation, action in policies)
ROUTES = {("PUT", ""): ("CreateBucket", "CreateBucket"),
          ("PUT", "policy"): ("PutBucketPolicy", "PutBucketPolicy"),
          ("GET", "list-type"): ("ListObjectsV2", "ListBucket"),
          ("POST", "delete"): ("DeleteObjects", "DeleteObject"),
          ("DELETE", ""): ("DeleteBucket", "DeleteBucket")}
PAGE = 1000


class Bucket:
    def __init__(self, name, account, region):
        self.name = name
        self.account = account
        self.region = region
        self.policy = None
        self.objects = set()


def route(call):
    """Fill in operation and parameters from the path, or refuse what is not served."""
    query = parse_qs(call.request.query, keep_blank_values=True)
    name, slash, key = unquote(call.request.path[1:]).partition("/")
    which = next((k for k in ("policy", "list-type", "delete") if k in query), "")
    found = ROUTES.get((call.request.method, which))
    if found is None or not name or key:
        raise ApiError("NotImplemented", "Not served by this referee", 501)
    call.operation, action = found
    call.params = {"Bucket": name}
    policy.require("s3", action, call.credential, f"arn:{call.partition}:s3:::{name}")


class S3:
    def __init__(self, world):
        self.world = world

    def bucket(self, call):
        bucket = self.world.buckets.get(call.params["Bucket"])
        if bucket is None:
            raise ApiError("NoSuchBucket", "The specified bucket does not exist", 404)
        owner = call.request.get("x-amz-expected-bucket-owner", bucket.account)
        if bucket.account != call.account or owner != bucket.account:
            raise ApiError("AccessDenied", "Access Denied", 403)
        return bucket

    def CreateBucket(self, call):
        name = call.params["Bucket"]
        if not NAME.fullmatch(name):
            raise ApiError("InvalidBucketName", "The specified bucket is not valid.", 400)
        if name in self.world.buckets:
            mine = self.world.buckets[name].account == call.account
            raise ApiError("BucketAlreadyOwnedByYou" if mine else "BucketAlreadyExists",
                           "The requested bucket name is not available.", 409)
        place = re.search(rb"<LocationConstraint>([a-z0-9-]+)<", call.request.body)
        place = place.group(1).decode() if place else "us-east-1"
        if place != call.region:
            raise ApiError("IllegalLocationConstraintException", f"The {place} location "
                           "constraint is incompatible for the region specific endpoint", 400)
        self.world.buckets[name] = Bucket(name, call.account, call.region)
        return Reply(200, [("Location", "/" + name)])

    def PutBucketPolicy(self, call):
        bucket = self.bucket(call)
        try:
            document = json.loads(call.request.body)
            for statement in document["Statement"]:
                statement["Effect"], statement["Principal"], statement["Action"]
        except (ValueError, KeyError, TypeError):
            raise ApiError("MalformedPolicy", "Policies must be valid JSON", 400) from None
        bucket.policy = document
        return Reply(204)

    def ListObjectsV2(self, call):
        bucket = self.bucket(call)
        rows = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>"
                       for key in sorted(bucket.objects)[:PAGE])
        more = "true" if len(bucket.objects) > PAGE else "false"
        return Reply(200, [("Content-Type", "application/xml")], (
            f'<ListBucketResult xmlns="{NAMESPACE}"><Name>{bucket.name}</Name>'
            f"<IsTruncated>{more}</IsTruncated>{rows}</ListBucketResult>").encode())

    def DeleteObjects(self, call):
        bucket = self.bucket(call)
        keys = [e.text for e in ElementTree.fromstring(call.request.body).iter(
            f"{{{NAMESPACE}}}Key")]
        if not keys or len(keys) > PAGE:
            raise ApiError("MalformedXML", "Between 1 and 1000 keys", 400)
        bucket.objects -= set(keys)
        return Reply(200, [("Content-Type", "application/xml")],
                     f'<DeleteResult xmlns="{NAMESPACE}"></DeleteResult>'.encode())

    def DeleteBucket(self, call):
        bucket = self.bucket(call)
        if bucket.objects:
            raise ApiError("BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
        del self.world.buckets[bucket.name]
        return Reply(204)


def as_list(value):
    return value if isinstance(value, list) else [value]


def allows(statement, action, resource, trail_arn):
    """Whether a statement lets CloudTrail do this for one trail, and for no other."""
    if statement["Effect"] != "Allow" or action not in as_list(statement["Action"]):
        return False
    if statement["Principal"] != {"Service": "cloudtrail.amazonaws.com"}:
        return False
    if not any(fnmatchcase(resource, r) for r in as_list(statement["Resource"])):
        return False
    sources = [pattern for test in statement.get("Condition", {}).values()
               for key, value in test.items() if key.lower() == "aws:sourcearn"
               for pattern in as_list(value)]
    return any(fnmatchcase(trail_arn, pattern) for pattern in sources)


def check_bucket(bucket, trail_arn, call):
    """CreateTrail's own look at the bucket it is to deliver to."""
    name = call.params["S3BucketName"]
    if bucket is None:
        raise ApiError("S3BucketDoesNotExistException", f"S3 bucket {name} does not exist!")
    base = f"arn:{call.partition}:s3:::{name}"
    needed = [("s3:GetBucketAcl", base),
              ("s3:PutObject", f"{base}/AWSLogs/{call.account}/CloudTrail/x.json.gz")]
    for action, resource in needed:
        statements = (bucket.policy or {}).get("Statement", [])
        if not any(allows(s, action, resource, trail_arn) for s in statements):
            raise ApiError("InsufficientS3BucketPolicyException", "Incorrect S3 bucket policy is "
                           f"detected for bucket: {name}")
