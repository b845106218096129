# SPDX-License-Identifier: Apache-2.0
"""Answers that AWS would not give: what was answered, changed by chance in its meaning, its bytes,
its head or its pace. All chance comes from one seed.

A value of an answer is never moved to another member: a secret that a client prints because it came
as an error's message is not the client's mistake."""

import json
import random
import re
import time

BODY_MAX = 3 * 1024 * 1024
REPEATS_MAX = 200 * 1024  # bytes that a member may become by being there many times
DEPTHS = (5, 31, 32, 33, 100, 5000)
CODES = ("ThrottlingException", "AccessDeniedException", "ExpiredTokenException", "TrailNotFoundException",
         "UnrecognizedClientException", "InvalidSignatureException", "RequestExpired", "InternalFailure",
         "InvalidClientTokenId", "InvalidHomeRegionException", "NotFound", "a\nb", "\u202e", "#", ":", "")
HOSTILE = ("", "\x00", "\x1b[2J", "\u202ex", "\U0001f600" * 300, "e\u0301" * 2000, "a" * 70000, "\ud800",
           "%s%n", "<!channel> @here http://x.example/", "${jndi:ldap://x}", "\\", '"', "'; reboot",
           "arn:aws:cloudtrail:eu-west-1:444455556666:trail/" + "t" * 200, "true", "0", "null")
NUMBERS = (0, -1, 1, 0.1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -2**63 - 1, 10**40)
# Written as they stand; the last three are no JSON.
LITERALS = ("1e308", "-1e308", "1e400", "1E-400", "1.7954064e9", "NaN", "01", "+1")
REFUSALS = (400, 400, 403, 404, 429, 500, 503)
STATUSES = (100, 101, 199, 200, 201, 204, 206, 301, 302, 304, 307, 400, 401, 403, 404, 408, 409, 413, 429,
            499, 500, 501, 502, 503, 504, 599, 600, 999)
DATES = ("", "x", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
         "Sun, 06 Nov 1994 08:49:37 GMT", "Sat, 99 Foo 2026 25:61:61 GMT")


class Raw(str):
    """Text that is written into JSON as it stands."""


class Pairs(list):
    """An object with its members in order; a name may be there twice."""


def dump(value):
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Pairs):
        return "{" + ",".join(json.dumps(k) + ":" + dump(v) for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value)


def places(value, found):
    """Every (container, index) of a value."""
    if isinstance(value, list):
        for k, item in enumerate(value):
            found.append((value, k))
            places(item[1] if isinstance(value, Pairs) else item, found)
    return found


class Mutator:
    def __init__(self, seed=None, now=time.time):
        self.random = random.Random(seed)
        self.now = now

    def __call__(self, data):
        """[(seconds to wait, bytes)] of a whole answer, and what follows: keep, close, reset or
        hang."""
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        chance = self.random
        if chance.random() < 0.2:
            lines[0] = f"HTTP/1.1 {chance.choice(REFUSALS)} Refused"
            body = self.refusal(body)
        for _ in range(chance.choice((0, 1, 1, 1, 2, 3)) or int(lines[0][9] == "2")):
            change = chance.choices((self.meaning, self.bytes, self.whole), (8, 2, 1))[0]
            body = change(body)[:BODY_MAX]
        end = "keep"
        lines = self.with_length(lines, len(body))
        if chance.random() < 0.25:
            lines, body, end = self.head(lines, body)
        data = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body
        return self.pace(data, end)

    @staticmethod
    def with_length(lines, length):
        return [line for line in lines if not line.lower().startswith("content-length:")] + [
            f"Content-Length: {length}"]

    # The body

    def meaning(self, body):
        """Still JSON or XML, nearly always."""
        try:
            return self.json(body.decode()).encode("utf-8", "surrogatepass")
        except (ValueError, RecursionError):
            pass
        return self.xml(body) if body.lstrip()[:1] == b"<" else self.bytes(body)

    def json(self, text):
        value = json.loads(text, object_pairs_hook=Pairs)
        if not isinstance(value, list):
            raise ValueError("no container")
        for _ in range(self.random.choice((1, 1, 2, 4))):
            found = places(value, [])
            if not found:
                value = self.odd_value(None)
                break
            self.change(*self.random.choice(found))
        return dump(value)

    def change(self, container, k):
        chance = self.random
        named = isinstance(container, Pairs)
        name, old = container[k] if named else (None, container[k])
        kind = chance.choices(("value", "gone", "twice", "name", "many"), (12, 3, 2, 1, 1))[0]
        if kind == "gone":
            del container[k]
        elif kind == "twice":
            container.insert(chance.randrange(len(container) + 1), container[k])
            self.change(container, k)
        elif kind == "name" and named:
            container[k] = (chance.choice((name.lower(), name.upper(), name + " ", "", name[:-1])), old)
        elif kind == "many" and not named:
            container[k:k] = [old] * min(chance.choice((2, 60, 3000)), REPEATS_MAX // (len(dump(old)) + 1))
        else:
            new = self.value_like(old)
            container[k] = (name, new) if named else new

    def value_like(self, old):
        chance = self.random
        if isinstance(old, str) and old[:1] == "{" and chance.random() < 0.8:
            try:
                return self.json(old)  # a record, which is JSON in a string
            except (ValueError, RecursionError):
                return old[:len(old) // 2]
        if isinstance(old, (int, float)) and not isinstance(old, bool) and chance.random() < 0.6:
            return self.moment()
        if isinstance(old, bool) and chance.random() < 0.5:
            return not old
        if isinstance(old, str) and old and chance.random() < 0.4:
            return old[:chance.randrange(len(old))] + chance.choice(HOSTILE)
        return self.odd_value(old)

    def moment(self):
        chance = self.random
        now = self.now()
        return chance.choice((now, now - chance.random() * 100, now + chance.random() * 100, int(now),
                              now * 1000, now - 10 * 365 * 86400, now + 10 * 365 * 86400, -now, 0,
                              round(now - chance.random() * 10, 3)))

    def odd_value(self, old):
        chance = self.random
        kind = chance.randrange(7)
        if kind == 0:
            return chance.choice(HOSTILE)
        if kind == 1:
            return chance.choice(NUMBERS)
        if kind == 2:
            return Raw(chance.choice(LITERALS))
        if kind == 3:
            depth = chance.choice(DEPTHS)
            opened, closed = chance.choice((("[", "]"), ('{"a":', "}")))
            return Raw(opened * depth + "1" + closed * depth)
        if kind == 4:
            return [old] if chance.random() < 0.5 else Pairs([("Value", old)])
        if kind == 5:
            return str(old)
        return chance.choice((None, True, False, [], Pairs(), "2026-11-23T15:15:54Z", "1795392000"))

    def xml(self, body):
        chance = self.random
        text = body.decode("utf-8", "replace")
        tags = [m for m in re.finditer(r"<(\w+)[^>]*>([^<]*)</\1>", text)]
        if not tags:
            return self.bytes(body)
        m = chance.choice(tags)
        deep = chance.choice(DEPTHS)
        hostile = chance.choice(HOSTILE).replace("&", "&amp;").replace("<", "&lt;")
        new = chance.choice((
            "", m.group(0) * 2, f"<{m.group(1)}>", f"</{m.group(1)}>", f"<{m.group(1)}/>",
            f"<{m.group(1)}>{hostile}</{m.group(1)}>",
            f"<{m.group(1)}><![CDATA[{m.group(2)}]]></{m.group(1)}>",
            f"<{m.group(1)}>&#0;&#x1b;&#x202e;&nothing;</{m.group(1)}>",
            f"<{m.group(1)} a='1' a='2'>{m.group(2)}</{m.group(1)}>",
            "<a>" * deep + m.group(0) + "</a>" * deep, f"<!-- {m.group(0)} -->"))
        text = text[:m.start()] + new + text[m.end():]
        if chance.random() < 0.15:
            text = ('<?xml version="1.0" encoding="%s"?><!DOCTYPE a [<!ENTITY b "cccccccccc">'
                    '<!ENTITY d "&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>' % chance.choice(
                        ("UTF-8", "UTF-16", "latin-1", "none"))) + text
        return text.encode("utf-8", "surrogatepass")

    def bytes(self, body):
        """Bytes changed, put in or cut off; none are taken from between others."""
        chance = self.random
        data = bytearray(body)
        kind = chance.randrange(4)
        if kind == 0 and data:
            for _ in range(chance.choice((1, 1, 4, 30))):
                data[chance.randrange(len(data))] = chance.randrange(256)
        elif kind == 1:
            at = chance.randrange(len(data) + 1)
            data[at:at] = chance.choice((b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\r\n",
                                         chance.randbytes(chance.choice((1, 20, 5000)))))
        elif kind == 2:
            del data[chance.randrange(len(data) + 1):]
        else:
            data += chance.choice((b"\x00", b"}", b"<a/>", b" " * 100000, bytes(body)))
        return bytes(data)

    def refusal(self, body):
        """An error in the form of the answer, with anything for its code and its message."""
        chance = self.random
        code = chance.choice(CODES)
        text = chance.choice(HOSTILE) if chance.random() < 0.5 else "m" * chance.choice((1, 600, 70000))
        if body.lstrip()[:1] == b"<":
            text = text.replace("&", "&amp;").replace("<", "&lt;").encode("utf-8", "replace").decode()
            return (f"<ErrorResponse><Error><Code>{code}</Code><Message>{text}</Message></Error>"
                    "</ErrorResponse>").encode()
        return json.dumps({"__type": code, "message": text}).encode()

    def whole(self, _body):
        """Something else altogether."""
        chance = self.random
        return chance.choice((
            b"", b"{}", b"[]", b"null", b"<html><body>Please log in.</body></html>", b"\x1f\x8b\x08\x00",
            b"{" * 5000, b" " * chance.choice((70000, 2000000)), chance.randbytes(300)))

    # The head

    def head(self, lines, body):
        chance = self.random
        name, value = chance.choice((
            ("Date", chance.choice(DATES)), ("x-amzn-RequestId", chance.choice(("", "x" * 9000, "\x7f"))),
            ("X-Amzn-Errortype", chance.choice(CODES).encode().decode("latin-1").replace("\n", " ")),
            ("x-amz-retry-after", chance.choice(("0", "-1", "1e9", "99999999999999999999", "x"))),
            ("x-amzn-query-error", chance.choice((";", "a;b", "x" * 9000))),
            ("Content-Encoding", "gzip"), ("Location", "http://127.0.0.1:9/"),
            ("Retry-After", "99999999"), ("Connection", chance.choice(("close", "upgrade")))))
        kind = chance.randrange(8)
        if kind < 3:
            lines = [line for line in lines if not line.lower().startswith(name.lower() + ":")]
            if chance.random() < 0.8:
                lines.append(f"{name}: {value}")
        elif kind == 3:
            lines[0] = f"HTTP/1.1 {chance.choice(STATUSES)} Whatever"
        elif kind == 4:
            lines[0] = chance.choice(("HTTP/1.1", "HTTP/9.9 200 OK", "HTTP/1.0 200 OK", "ICY 200 OK",
                                      "HTTP/1.1 2000 OK", "HTTP/1.1 -1 No", "\x16\x03\x01"))
        elif kind == 5:
            other = chance.choice((len(body) // 2, len(body) + 100, -1, 2**63, 2**64, "x", "1, 1"))
            return self.with_length(lines, other), body, "close"
        elif kind == 6:
            lines = [line for line in lines if not line.lower().startswith("content-length:")]
            size = chance.choice((f"{len(body):x}", "zz", "-1", "f" * 20, f"{len(body) + 9:x}"))
            tail = chance.choice((b"\r\n0\r\n\r\n", b"\r\n", b"\r\n0\r\nX: y\r\n\r\n", b""))
            return ([*lines, "Transfer-Encoding: chunked"], size.encode() + b"\r\n" + body + tail, "close")
        else:
            lines += chance.choice((["X-Many: 1"] * 500, ["X-Long: " + "x" * 70000], ["no colon"],
                                    [" folded"], ["X: \x00"], ["Content-Length: 7"]))
        return lines, body, "close"

    # The pace

    def pace(self, data, end):
        chance = self.random
        kind = chance.choices(("at once", "pieces", "late", "cut", "hang"), (85, 6, 4, 4, 1))[0]
        if kind == "at once":
            return [(0, data)], end
        if kind == "late":
            return [(chance.random() * 3, data)], end
        if kind == "pieces":
            n = chance.choice((2, 5, 40))
            size = len(data) // n + 1
            return [(chance.random() / n, data[k:k + size]) for k in range(0, len(data), size)], end
        return [(0, data[:chance.randrange(len(data))])], "reset" if kind == "cut" else "hang"
