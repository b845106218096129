# SPDX-License-Identifier: Apache-2.0
"""Holds a request against botocore's service models: decode, validate, re-serialise."""

import base64
import binascii
import json
import math
import re
from urllib.parse import unquote_to_bytes

from botocore.loaders import Loader
from botocore.model import OperationNotFoundError, ServiceModel
from botocore.serialize import QuerySerializer
from botocore.validate import ParamValidator

from .errors import ApiError

FORM_TYPE = re.compile(r"application/x-www-form-urlencoded(; ?charset=utf-8)?", re.IGNORECASE)
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
MAX_DEPTH = 32


class Models:
    """Service models by endpoint prefix, loaded once."""

    NAMES = {"cloudtrail": "cloudtrail", "sns": "sns", "sts": "sts", "monitoring": "cloudwatch"}

    def __init__(self):
        loader = Loader()
        self.services = {}
        for prefix, name in self.NAMES.items():
            self.services[prefix] = ServiceModel(loader.load_service_model(name, "service-2"), name)
        self.operations = {}

    def operation(self, service, name):
        key = (service, name)
        if key not in self.operations:
            try:
                self.operations[key] = self.services[service].operation_model(name)
            except OperationNotFoundError:
                return None
        return self.operations[key]

    def namespace(self, service):
        return self.services[service].metadata["xmlNamespace"]

    def version(self, service):
        return self.services[service].api_version


def no_repeats(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("repeated key")
    return result


def refuse_constant(text):
    raise ValueError(text)


def decode_json(body):
    try:
        params = json.loads(body.decode("utf-8"), object_pairs_hook=no_repeats,
                            parse_constant=refuse_constant)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise ApiError(
    "SerializationException",
    "Could not parse request body",
    400,
     False) from None
    if not isinstance(params, dict):
        raise ApiError("SerializationException", "Start of structure or map expected", 400, False)
    return params


def form_unquote(text):
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError(text)
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")


def decode_form(body):
    """Pairs of a form body; a name that comes twice is refused."""
    form = {}
    try:
        text = body.decode("ascii")
        for pair in text.split("&") if text else []:
            name, equals, value = pair.partition("=")
            name = form_unquote(name)
            if not equals or not name or name in form:
                raise ValueError(name)
            form[name] = form_unquote(value)
    except (UnicodeDecodeError, ValueError):
        raise ApiError("MalformedQueryString", "The query string contains a syntax error.", 400,
                       False) from None
    return form


class FormReader:
    """Turns Query form pairs into the parameters of an operation, remembering what it used."""

    def __init__(self, form):
        self.form = form
        self.loose = set()

    def present(self, prefix):
        return any(k == prefix or k.startswith(prefix + ".") for k in self.form)

    def structure(self, shape, prefix):
        result = {}
        for member, member_shape in shape.members.items():
            name = member_shape.serialization.get("name", member)
            name = f"{prefix}.{name}" if prefix else name
            if self.present(name):
                result[member] = self.value(member_shape, name)
        return result

    def value(self, shape, name, depth=0):
        kind = shape.type_name
        if kind == "structure":
            return self.structure(shape, name)
        if kind == "list":
            return self.list(shape, name)
        if kind == "map":
            return self.map(shape, name)
        text = self.form.get(name)
        if text is None:
            raise ApiError("MalformedInput", f"{name} is not a structure", 400, False)
        return self.scalar(kind, name, text)

    def scalar(self, kind, name, text):
        if kind == "string":
            return text
        if kind == "boolean" and text in ("true", "false"):
            return text == "true"
        if kind in ("integer", "long") and re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
            return int(text)
        if kind in ("double", "float") and NUMBER.fullmatch(text):
            self.loose.add(name)
            return float(text)
        if kind == "timestamp" and TIMESTAMP.fullmatch(text):
            self.loose.add(name)
            return text
        if kind == "blob":
            try:
                return base64.b64decode(text, validate=True)
            except binascii.Error:
                pass
        raise ApiError("MalformedInput", f"{name} is not a {kind}", 400, False)

    def list(self, shape, name):
        if self.form.get(name) == "":
            return []
        item = name if shape.serialization.get("flattened") else \
            name + "." + shape.member.serialization.get("name", "member")
        result = []
        while self.present(f"{item}.{len(result) + 1}"):
            result.append(self.value(shape.member, f"{item}.{len(result) + 1}"))
        return result

    def map(self, shape, name):
        entry = name if shape.serialization.get("flattened") else name + ".entry"
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        result, count = {}, 1
        while self.present(f"{entry}.{count}"):
            key = self.value(shape.key, f"{entry}.{count}.{key_name}")
            if key in result:
                raise ApiError("MalformedInput", f"{key} comes twice", 400, False)
            result[key] = self.value(shape.value, f"{entry}.{count}.{value_name}")
            count += 1
        return result


def decode_query(form, operation):
    reader = FormReader({k: v for k, v in form.items() if k not in ("Action", "Version")})
    shape = operation.input_shape
    params = reader.structure(shape, "") if shape is not None else {}
    check_shape(params, shape, "")
    again = QuerySerializer().serialize_to_request(params, operation)["body"]
    wanted = sorted((k, str(v)) for k, v in again.items() if k not in reader.loose)
    given = sorted((k, v) for k, v in form.items() if k not in reader.loose)
    if wanted != given:
        odd = sorted({k for k, _ in set(given) ^ set(wanted)})
        raise ApiError("MalformedInput", "Unexpected form of " + ", ".join(odd[:5]), 400, False)
    return params


def violation(path, value, constraint):
    shown = str(value)
    shown = shown if len(shown) <= 200 else shown[:200] + "..."
    raise ApiError("ValidationException", f"1 validation error detected: Value '{shown}' at '"
                   f"{path.lstrip('.')}' failed to satisfy constraint: {constraint}", 400, False)


def check_limits(value, size, shape, path):
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    word = "value" if shape.type_name in ("integer", "long", "double", "float") else "length"
    if low is not None and size < low:
        violation(path, value, f"Member must have {word} greater than or equal to {low}")
    if high is not None and size > high:
        violation(path, value, f"Member must have {word} less than or equal to {high}")


def check_string(value, shape, path):
    check_limits(value, len(value), shape, path)
    enum = shape.metadata.get("enum")
    if enum and value not in enum:
        violation(path, value, f"Member must satisfy enum value set: [{', '.join(enum)}]")
    pattern = shape.metadata.get("pattern")
    if pattern:
        flags = 0 if r"\p" in pattern else re.ASCII
        if not re.fullmatch(re.sub(r"\\p\{[A-Za-z]+\}", r"\\w", pattern), value, flags):
            violation(path, value, f"Member must satisfy regular expression pattern: {pattern}")


def check_members(value, shape, path, depth=0):
    """Enums, patterns and upper limits, which ParamValidator does not look at."""
    if depth > MAX_DEPTH:
        violation(path, "", "Member must not be nested so deep")
    kind = shape.type_name
    if kind == "structure":
        for name, member in value.items():
            check_members(member, shape.members[name], f"{path}.{name}", depth + 1)
    elif kind == "list":
        check_limits(value, len(value), shape, path)
        for index, member in enumerate(value, 1):
            check_members(member, shape.member, f"{path}.{index}.member", depth + 1)
    elif kind == "map":
        check_limits(value, len(value), shape, path)
        for key, member in value.items():
            check_members(key, shape.key, path, depth + 1)
            check_members(member, shape.value, f"{path}.{key}", depth + 1)
    elif kind == "string":
        check_string(value, shape, path)
    elif kind in ("integer", "long", "double", "float"):
        if isinstance(value, bool) or not math.isfinite(value):
            violation(path, value, "Member must be a number")
        check_limits(value, value, shape, path)
    elif kind == "timestamp" and isinstance(value, bool):
        violation(path, value, "Member must be a timestamp")


def check_shape(params, shape, path):
    if shape is None:
        if params:
            raise ApiError("ValidationException", "No parameters are expected", 400, False)
        return
    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        raise ApiError("ValidationException", report.generate_report(), 400, False)
    check_members(params, shape, path)


def check_json(params, operation):
    for value, path in json_timestamps(params, operation.input_shape, ""):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ApiError(
    "SerializationException",
    f"{path} must be a number of seconds",
    400,
     False)
    check_shape(params, operation.input_shape, "")


def json_timestamps(value, shape, path):
    """The members of a JSON request that the model calls timestamps."""
    if shape is None:
        return
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, member in value.items():
            if name in shape.members:
                yield from json_timestamps(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list" and isinstance(value, list):
        for member in value:
            yield from json_timestamps(member, shape.member, path)
    elif shape.type_name == "timestamp":
        yield value, path
