# SPDX-License-Identifier: Apache-2.0
"""The front of all signed services: authenticate, validate, limit, allow, do, answer, remember."""

import json
import re
import traceback
from types import SimpleNamespace
from xml.sax.saxutils import escape

from . import identities, model, policy, s3, sigv4
from .cloudtrail import WRITES
from .errors import ApiError, AuthError, from_auth
from .history import trail_resources
from .http11 import Reply

TARGETS = (("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.", "cloudtrail", "1.1"),
           ("CloudTrail_20131101.", "cloudtrail", "1.1"),
           ("GraniteServiceVersion20100801.", "monitoring", "1.0"))
QUERY_SERVICES = ("sns", "sts", "monitoring")
HOST = re.compile(
    r"(cloudtrail|sns|sts|monitoring)(?:-fips)?(?:\.([a-z]{2,}(?:-[a-z]+)+-\d))?\.[a-z0-9.-]+"
    r"(?::\d+)?")
NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
OPEN = (("sts", "GetCallerIdentity"), ("sts", "AssumeRole"))
UNSIGNED = b"AssumeRoleWithWebIdentity"
NO_LIMIT = ("sns", "sts", "monitoring", "s3")
TIME_MEMBER = re.compile(rb'("[A-Za-z]+Time":)(\d)(\d{9})(?:\.(\d+))?(?=[,}])')


def render(value, name, indent=1):
    """A result structure as XML; lists of structures become repeated elements."""
    pad = "  " * indent
    if isinstance(value, list):
        return "".join(render(item, name, indent) for item in value)
    if isinstance(value, dict):
        inner = "".join(render(v, k, indent + 1) for k, v in value.items())
        return f"{pad}<{name}>\n{inner}{pad}</{name}>\n"
    return f"{pad}<{name}>{escape(NOT_XML.sub('?', str(value)))}</{name}>\n"


def with_exponent(match):
    """1446834996.933 as 1.446834996933E9, which JSON allows and some services write."""
    member, first, rest, fraction = match.groups()
    return member + first + b"." + (rest + (fraction or b"")).rstrip(b"0").ljust(1, b"0") + b"E9"


def partition_of(region):
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


class Gateway:
    def __init__(self, world, settings, clock, services, parts):
        self.world = world
        self.settings = settings
        self.clock = clock
        self.services = services
        self.models = model.Models()
        self.limits = parts.limits
        self.faults = parts.faults
        self.mutator = parts.mutator
        self.history = parts.history
        self.calls = parts.calls
        self.replay = parts.replay
        self.internal_errors = []

    def handle(self, request):
        call = SimpleNamespace(
    request=request,
    request_id=self.world.new_id(),
    time=self.clock.now(),
    service="",
    operation="",
    protocol="json",
    json_version="1.1",
    region="",
    account="",
    params={},
    credential=None,
    user_agent=request.get(
        "user-agent",
        ""),
        source_ip=request.peer,
        host=request.get("host"),
        tls_version=request.tls_version,
         tls_cipher=request.tls_cipher)
        call.fault, reply = None, None
        try:
            reply = self.serve(call)
            code = "" if call.fault is None or call.fault.effect else "fault:" + call.fault.kind
        except AuthError as error:
            api = from_auth(error, call.protocol, self.settings.skew_code)
            code, reply = api.code, self.error_reply(call, api)
        except ApiError as error:
            code, reply = error.code, self.error_reply(call, error)
            self.record(call, error)
        except Exception:
            self.internal_errors.append(traceback.format_exc())
            code = "InternalFailure"
            reply = self.error_reply(call, ApiError(code, "The referee failed", 500))
        if call.fault is not None and call.fault.effect:
            reply = self.misbehave(call, call.fault, reply)
            code = code or "fault:" + call.fault.kind
        reply.delay += self.settings.latency_of(call.service, call.operation)
        self.log(call, code, reply)
        return reply

    def log(self, call, code, reply):
        credential = call.credential
        self.calls.add({
            "time": call.time, "service": call.service, "operation": call.operation,
            "region": call.region, "account": call.account,
            "arn": credential.arn if credential else None,
            "access_key": credential.access_key if credential else None, "code": code,
            "status": reply.status, "action": reply.action, "request_id": call.request_id,
            "host": call.host, "tls": call.request.tls, "user_agent": call.user_agent,
            "trail": self.trail_of(call), "topic": call.params.get("TopicArn"),
            "params": call.params if call.service == "cloudtrail" else {}})

    def serve(self, call):
        body_service = self.classify(call)
        if not self.admit_unsigned(call):
            scope = sigv4.parse_authorization(call.request)
            call.region = scope.region
            self.check_host(call, scope, body_service)
            call.credential = sigv4.check(call.request, scope, self.world.find_credential,
                                          call.time, self.settings.skew_tolerance)
            call.account = call.credential.account
        call.partition = partition_of(call.region)
        if call.protocol == "s3":
            s3.route(call)
        else:
            self.decode(call)
        call.fault = self.faults.take(self.facts(call))
        if call.fault is not None and not call.fault.effect:
            return self.misbehave(call, call.fault, None)
        recorded = self.replay.answer(call)
        if recorded is not None:
            call.request_id = dict(recorded.headers).get("x-amzn-requestid", call.request_id)
            return recorded
        if call.service not in NO_LIMIT and \
                not self.limits.allow(call.account, call.region, call.operation):
            raise ApiError("ThrottlingException", "Rate exceeded", self.settings.throttle_status,
                           self.settings.record_throttled)
        if call.protocol == "s3":
            return getattr(self.services["s3"], call.operation)(call)
        self.authorize(call)
        result = getattr(self.services[call.service], call.operation)(call)
        self.record(call, None)
        return self.success(call, result)

    def classify(self, call):
        """Which service the bytes speak to, before anything is known about the caller."""
        request = call.request
        target = request.get("x-amz-target")
        if target is not None:
            for prefix, service, version in TARGETS:
                if target.startswith(prefix):
                    call.service, call.operation = service, target[len(prefix):]
                    call.json_version = version
                    return service
            raise ApiError("UnknownOperationException", "", 400, False)
        if (request.get("content-type") or "").lower().startswith("application/x-www-form"):
            call.protocol = "query"
        scope = re.search(r"/\d{8}/[^/]*/([a-z0-9]+)/aws4_request",
                          request.get("authorization", ""))
        call.service = scope.group(1) if scope else ""
        if call.service in QUERY_SERVICES:
            call.protocol = "query"
        if call.service == "s3" and call.protocol == "json":
            call.protocol = "s3"
        return None

    @staticmethod
    def admit_unsigned(call):
        """Whether it is the one operation that carries its proof in its parameters."""
        request = call.request
        host = HOST.fullmatch(call.host.lower())
        if "authorization" in request.first or not host or host.group(1) != "sts" or \
                UNSIGNED not in request.body:
            return False
        call.service, call.protocol, call.region = "sts", "query", host.group(2) or "us-east-1"
        return True

    def check_host(self, call, scope, body_service):
        services = (*QUERY_SERVICES, "cloudtrail", *(["s3"] if call.protocol == "s3" else []))
        wanted, region = body_service, None
        host = HOST.fullmatch(call.host.lower())
        if host:
            wanted = wanted or host.group(1)
            region = host.group(2)
            if wanted != host.group(1):
                raise ApiError("UnknownOperationException", "", 400, False)
        if (wanted and scope.service != wanted) or scope.service not in services:
            raise AuthError("signature", "Credential should be scoped to correct service: '"
                            f"{wanted or 'sts'}'. ")
        if host and region is None and scope.service == "sts":
            region = "us-east-1"
        if (region and region != scope.region) or scope.region not in self.world.regions:
            name = f", not '{scope.region}'" if region else ""
            raise AuthError("signature", f"Credential should be scoped to a valid region{name}. ")

    def decode(self, call):
        request = call.request
        if request.method != "POST" or request.target != "/":
            raise ApiError("UnknownOperationException", "", 404, False)
        if "content-encoding" in request.first:
            raise ApiError("SerializationException", "Content encodings are not read", 400, False)
        content_type = request.get("content-type", "")
        if call.protocol == "json":
            if content_type.lower() != "application/x-amz-json-" + call.json_version:
                raise ApiError("SerializationException", "Wrong Content-Type " + content_type[:80],
                               415, False)
            operation = self.operation(call, "UnknownOperationException")
            params = model.decode_json(request.body)
            if call.operation != "LookupEvents" or "MaxResults" not in params:
                model.check_json(params, operation)
            else:
                self.check_lookup(params, operation)
        else:
            if not model.FORM_TYPE.fullmatch(content_type):
                raise ApiError("InvalidParameterValue", "Wrong Content-Type " + content_type[:80],
                               415, False)
            form = model.decode_form(request.body)
            call.operation = form.get("Action", "")
            operation = self.operation(call, "InvalidAction")
            if form.get("Version") != self.models.version(call.service):
                raise ApiError("InvalidAction", f"Could not find operation {call.operation} for "
                               f"version {form.get('Version')}", 400, False)
            params = model.decode_query(form, operation)
        call.params = params

    @staticmethod
    def check_lookup(params, operation):
        """CloudTrail has a code of its own for a MaxResults out of range."""
        size = params["MaxResults"]
        if isinstance(size, bool) or not isinstance(size, int):
            raise ApiError("SerializationException", "MaxResults must be an integer", 400, False)
        model.check_json({**params, "MaxResults": 50}, operation)

    def operation(self, call, code):
        operation = self.models.operation(call.service, call.operation) if call.operation else None
        if operation is None or not hasattr(self.services[call.service], call.operation):
            text = "" if call.protocol == "json" else \
                f"Could not find operation {call.operation[:80]} for version " \
                f"{self.models.version(call.service)}"
            call.operation = call.operation[:128]
            raise ApiError(code, text, 400, False)
        return operation

    @staticmethod
    def trail_of(call):
        name = call.params.get("Name") or call.params.get("TrailName")
        if call.service != "cloudtrail" or not isinstance(name, str) or name.startswith("arn:"):
            return name if call.service == "cloudtrail" else None
        place = f"{call.region}:{call.account}"
        return f"arn:{partition_of(call.region)}:cloudtrail:{place}:trail/{name}"

    def facts(self, call):
        return {"service": call.service, "operation": call.operation, "account": call.account,
                "region": call.region,
                "access_key": call.credential.access_key if call.credential else None,
                "trail": self.trail_of(call), "topic": call.params.get("TopicArn")}

    def authorize(self, call):
        if call.credential is None and call.operation != UNSIGNED.decode():
            raise ApiError("MissingAuthenticationToken", "Request is missing Authentication Token",
                           403)
        if call.credential is None or (call.service, call.operation) in OPEN:
            return
        resource = self.trail_of(call) or call.params.get("TopicArn")
        if call.service == "cloudtrail" and resource is None and call.operation in WRITES:
            resource = "*"
        policy.require(call.service, call.operation, call.credential, resource)

    def record(self, call, error):
        """CloudTrail's own memory of the call, if it is one that is remembered."""
        if call.credential is None or (error is not None and not error.recorded):
            return
        if call.operation not in WRITES and not self.settings.record_all:
            return
        if getattr(call, "redundant", False) and not self.settings.redundant_recorded:
            return
        record = self.history.build(call, identities.of_credential(call.credential), error)
        resources = trail_resources(call, self.settings.resource_name)
        self.history.add(call.account, call.region, record, resources,
                         call.time + self.settings.event_delay)

    def success(self, call, result):
        if call.protocol == "json":
            body = b"" if result is None and call.service == "monitoring" else \
                json.dumps(result or {}, separators=(",", ":")).encode()
            if self.settings.time_exponent:
                body = TIME_MEMBER.sub(with_exponent, body)
            return self.reply(call, 200, body)
        name = call.operation
        text = f'<{name}Response xmlns="{self.models.namespace(call.service)}">\n'
        if result is not None:
            text += render(result, name + "Result")
        text += render({"RequestId": call.request_id}, "ResponseMetadata")
        return self.reply(call, 200, (text + f"</{name}Response>\n").encode())

    def error_reply(self, call, error):
        if call.protocol == "s3":
            text = render({"Code": error.code, "Message": error.message,
                           "RequestId": call.request_id}, "Error", 0)
            return Reply(error.status, [("x-amz-request-id", call.request_id),
                                        ("Content-Type", "application/xml")], text.encode())
        if call.protocol == "json":
            other = self.settings.errors.get(error.code, {})
            throttled = self.settings.throttle_headers if error.code == "ThrottlingException" \
                else {}
            error = ApiError(other.get("code", error.code), error.message,
                             other.get("status", error.status), message_key=error.message_key)
            body = {"__type": self.settings.error_prefix + error.code}
            if error.message:
                body[error.message_key] = error.message
            reply = self.reply(call, error.status,
                               json.dumps(body, separators=(",", ":")).encode())
            reply.headers += list(throttled.items())
            return reply
        service = call.service if call.service in QUERY_SERVICES else "sts"
        kind = "Sender" if error.status < 500 else "Receiver"
        text = f'<ErrorResponse xmlns="{self.models.namespace(service)}">\n'
        text += render({"Type": kind, "Code": error.code, "Message": error.message}, "Error")
        text += render(call.request_id, "RequestId")
        return self.reply(call, error.status, (text + "</ErrorResponse>\n").encode())

    @staticmethod
    def reply(call, status, body):
        kind = "text/xml"
        if call.protocol == "json":
            kind = "application/x-amz-json-" + call.json_version
        return Reply(status, [("x-amzn-RequestId", call.request_id), ("Content-Type", kind)], body)

    def misbehave(self, call, fault, reply):
        """Apply an ordered failure, to a finished answer if the call was carried out."""
        row = fault.row
        if fault.kind == "error":
            code = row.get("code", "InternalFailure" if call.protocol ==
                           "json" else "InternalError")
            reply = self.error_reply(call, ApiError(code, row.get("message", "ordered by a test"),
                                                    int(row.get("status", 500))))
        elif fault.kind in ("silence", "close"):
            reply = Reply(action=fault.kind)
        elif fault.kind == "delay":
            reply.delay += float(row.get("seconds", 1.0))
        elif fault.kind == "truncate":
            reply.action = "truncate"
            reply.body = reply.body[:len(reply.body) // 2]
        elif fault.kind == "malformed":
            reply.body = reply.body[:-2] + b"\xff\xfe{<" if reply.body else b"{<"
        elif fault.kind == "mutate":
            reply.mutate = self.mutator
        elif fault.kind == "oversize":
            filler = b" " * int(row.get("size", 8 * 1024 * 1024))
            reply.body = filler + reply.body
        else:
            reply = reply or self.reply(call, int(row.get("status", 200)), b"")
            reply.status = int(row.get("status", reply.status))
            reply.body = row.get("body", "").encode()
        reply.headers += [tuple(pair) for pair in row.get("headers", {}).items()]
        return reply
