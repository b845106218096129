# SPDX-License-Identifier: Apache-2.0
"""The instance metadata service, version 2 only; beside it, a container's credentials."""

import json

from .clock import iso
from .errors import ControlError
from .http11 import Reply

MODES = ("ok", "no_role", "error", "silence", "close", "failed", "expired", "token_silence", "off",
         "malformed", "oversize", "mutate")
TOKEN_PATH = "/latest/api/token"
ROLE_PATH = "/latest/meta-data/iam/security-credentials/"
CONTAINER_PATH = "/v2/credentials/guard"
DOCUMENT_PATH = "/latest/dynamic/instance-identity/document"
MAX_TOKENS = 4096


class Imds:
    """Hands out the instance role's credentials, and misbehaves on request."""

    def __init__(self, world, settings, clock, parts):
        self.world = world
        self.settings = settings
        self.clock = clock
        self.calls = parts.calls
        self.mutator = parts.mutator
        self.reset()

    def reset(self):
        self.mode = "ok"
        self.status = 500
        self.chance = 1.0
        self.count = None
        self.tokens = {}
        self.session = None
        self.container_token = None

    def change(self, row):
        mode = row.get("mode", self.mode)
        if mode not in MODES:
            raise ControlError("mode must be one of " + ", ".join(MODES))
        self.mode = mode
        self.status = int(row.get("status", self.status))
        self.chance = float(row.get("chance", 1.0))
        self.count = None if row.get("count") in (None, "forever") else int(row["count"])
        self.container_token = row.get("container_token", self.container_token)
        if row.get("forget_tokens"):
            self.tokens.clear()

    def rotate(self):
        """The next reader gets new credentials; the old ones live until they expire."""
        self.session = None

    def expire_tokens(self):
        self.tokens = {token: 0.0 for token in self.tokens}

    def credentials(self):
        role = self.world.roles[self.world.instance["role"]]
        now = self.clock.now()
        if self.session is None or self.session.expires - \
            now < min(300, self.settings.credential_ttl / 2):
            self.session = self.world.new_session(role, self.world.instance["instance_id"],
                                                  self.settings.credential_ttl, from_instance=True)
        return role, self.session

    def handle(self, request):
        mode = self.mode
        if mode != "ok" and self.count is not None and self.touches(request, mode):
            self.count -= 1
            if self.count <= 0:
                self.mode, self.count = "ok", None
        reply = self.answer(request, mode)
        if mode == "mutate" and self.mutator.random.random() < self.chance:
            reply.mutate = self.mutator
        self.calls.add({"time": self.clock.now(), "service": "imds", "operation": request.path,
                        "method": request.method, "code": str(reply.status), "action": reply.action,
                        "tls": request.tls, "host": request.get("host"), "access_key": None})
        return reply

    @staticmethod
    def touches(request, mode):
        """Whether this request is one that the mode makes fail, and so one that is counted."""
        if mode == "token_silence":
            return request.method == "PUT"
        if mode == "no_role":
            return request.path.startswith(ROLE_PATH[:-1])
        if mode in ("failed", "expired", "malformed", "oversize"):
            return request.path.startswith(ROLE_PATH) and request.path != ROLE_PATH
        return True

    def answer(self, request, mode):
        if mode == "silence" or (mode == "token_silence" and request.method == "PUT"):
            return Reply(action="silence")
        if mode == "close":
            return Reply(action="close")
        if mode == "error":
            return self.text("", self.status)
        if mode == "off":
            return self.text("", 403)
        if request.method == "PUT":
            return self.put_token(request)
        if request.method != "GET":
            return self.text("", 405)
        if request.path == CONTAINER_PATH:
            return self.container(request)
        token = request.get("x-aws-ec2-metadata-token")
        if token is None or self.tokens.get(token, 0.0) <= self.clock.now():
            return self.text("", 401)
        return self.get(request.path, mode)

    def put_token(self, request):
        if request.path != TOKEN_PATH:
            return self.text("", 405)
        if request.get("x-forwarded-for") is not None:
            return self.text("", 403)
        text = request.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if not (text.isascii() and text.isdigit() and len(text) < 7 and 1 <= int(text) <= 21600):
            return self.text("", 400)
        token = "AQAEA" + self.world.key_text("", 48) + "=="
        if len(self.tokens) >= MAX_TOKENS:
            del self.tokens[next(iter(self.tokens))]
        self.tokens[token] = self.clock.now() + int(text)
        return self.text(token, 200, [("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", text)])

    def get(self, path, mode):
        instance = self.world.instance
        if instance is None:
            return self.text("", 404)
        role = instance.get("role")
        simple = {"/latest/meta-data/instance-id": instance["instance_id"],
                  "/latest/meta-data/placement/region": instance["region"],
                  "/latest/meta-data/placement/availability-zone": instance["availability_zone"]}
        if path in simple:
            return self.text(simple[path])
        if path == DOCUMENT_PATH:
            return self.text(json.dumps(self.document(), indent=2))
        if role is None or mode == "no_role":
            return self.text("", 404)
        name = role.rsplit("/", 1)[1]
        if path in (ROLE_PATH, ROLE_PATH[:-1]):
            return self.text(name)
        if path == ROLE_PATH + name:
            return self.role_credentials(mode)
        return self.text("", 404)

    def role_credentials(self, mode):
        if mode == "failed":
            return self.text(json.dumps({
                "Code": "AssumeRoleUnauthorizedAccess", "LastUpdated": iso(self.clock.now()),
                "Message": "EC2 cannot assume the role trailsentry-guard."}, indent=2))
        if mode == "malformed":
            return self.text('{"Code" : "Success", "AccessKeyId" : ')
        if mode == "oversize":
            return self.text('{"Code":"' + "S" * 1000000 + '"}')
        _, session = self.credentials()
        expires = session.expires if mode != "expired" else self.clock.now() - 60
        return self.text(json.dumps({
            "Code": "Success", "LastUpdated": iso(session.created), "Type": "AWS-HMAC",
            "AccessKeyId": session.access_key, "SecretAccessKey": session.secret_key,
            "Token": session.token, "Expiration": iso(expires)}, indent=2))

    def container(self, request):
        """As the agent of ECS or EKS gives the task's role, to who has the token when there is one."""
        if self.container_token and request.get("authorization") != self.container_token:
            return self.text('{"code":"Unauthorized","message":"Unauthorized"}', 401)
        role, session = self.credentials()
        return self.text(json.dumps({
            "RoleArn": role.arn, "AccessKeyId": session.access_key,
            "SecretAccessKey": session.secret_key, "Token": session.token,
            "AccountId": role.account, "Expiration": iso(session.expires)}))

    def document(self):
        instance = self.world.instance
        account = instance.get("account") or instance["role"].split(":")[4]
        return {
    "accountId": account,
    "architecture": "x86_64",
    "availabilityZone": instance["availability_zone"],
    "billingProducts": None,
    "devpayProductCodes": None,
    "marketplaceProductCodes": None,
    "imageId": "ami-0abcdef1234567890",
    "instanceId": instance["instance_id"],
    "instanceType": "t3.nano",
    "kernelId": None,
    "pendingTime": iso(
        self.clock.now() - 86400),
        "privateIp": "10.0.0.12",
        "ramdiskId": None,
        "region": instance["region"],
         "version": "2017-09-30"}

    @staticmethod
    def text(body, status=200, headers=()):
        return Reply(status, [("Content-Type", "text/plain"), ("Server", "EC2ws"), *headers],
                     body.encode())
