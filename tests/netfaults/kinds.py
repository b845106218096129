# SPDX-License-Identifier: Apache-2.0
"""The kinds of fault: what the hostile server or the network does, and how a call has to end.

`want` is the class and code of the error, a regular expression; "ok" where the client gets over the
fault by itself. A call of IMDS or for a role ends with the same code and class credentials, but for
what `imds` says; None leaves a kind out there. An answer that a container's endpoint cannot have
meant is a ContainerError, and it is never asked through a proxy."""

import gzip
import json
import socket
import time

import answers

NETWORK = {name: number for number, name in enumerate((
    "good", "refused", "black-hole", "no-route-host", "no-route-net", "no-name", "name-fails",
    "no-address", "name-hangs", "first-dead", "many-dead", "first-silent", "moved"))}
KINDS = []
RESET = "network (ConnectionReset|EmptyReply)"
SILENT = "network (ConnectTimeout|Timeout)"  # the former of a last try with little time left
UNREADABLE = "protocol (UnreadableAnswer|MalformedAnswer)"  # the latter of AssumeRole
PORTAL = b"<!DOCTYPE html><html><body>Please log in to use this network.</body></html>"


class Kind:
    def __init__(self, name, want, act=None, *, stage=None, imds="same", accepted=None, query=None, slow=False,
                 network="good", context=None, idle=None, proxied=False, placed=True,
                 shows_logging=False):
        self.name, self.want, self.act, self.stage = name, want, act, stage
        self.imds, self.accepted, self.query, self.slow = imds, accepted, query, slow
        self.network, self.context, self.idle = NETWORK[network], context, idle
        self.proxied = proxied
        # What is left of GetTrailStatus says whether the trail logs, which is believed.
        self.shows_logging = shows_logging
        self.placed = placed and not proxied  # also on a region's endpoint under the daemon
        KINDS.append(self)

    def expected(self, api):
        """None when there is nothing to try."""
        want = self.want
        if api in answers.IMDS:
            if self.imds is None:
                return None
            if self.imds != "same":
                want = self.imds if isinstance(self.imds, str) else self.imds.get(api)
                if want is None:
                    return None
        elif api == "ContainerCredentials":
            want = self.of_container()
        elif api in answers.ACCEPTED and self.accepted:
            want = self.accepted
        elif api in ("GetCallerIdentity", *answers.ROLES) and self.query:
            want = self.query
        if want != "ok" and api in (*answers.IMDS, *answers.ROLES, "ContainerCredentials"):
            want = "credentials " + want.split(" ", 1)[1]
        return want

    def of_container(self):
        if self.proxied:
            return "ok"
        if self.imds == "same" or self.want == "ok" or self.want.startswith("network"):
            return self.want
        return "- (ContainerError|ConnectionReset|EmptyReply)" if "network" in self.want else (
            "- ContainerError")


def act(name, want, stage, **options):
    return lambda function: Kind(name, want, function, stage=stage, **options)


# Names and connecting

Kind("connection refused", "network ConnectionRefused", network="refused")
Kind("no route to the host", "network HostUnreachable", network="no-route-host")
Kind("network unreachable", "network HostUnreachable", network="no-route-net")
Kind("packets swallowed", SILENT, network="black-hole", slow=True)
DNS = "network CouldNotResolveHost"
Kind("dns NXDOMAIN", DNS, network="no-name", imds=None)
Kind("dns SERVFAIL", DNS, network="name-fails", imds=None)
Kind("dns without an address", DNS, network="no-address", imds=None)
Kind("dns hanging", "network (ResolveTimeout|Timeout)", network="name-hangs", imds=None, slow=True)
Kind("dns first address dead", "ok", network="first-dead", imds=None)
Kind("dns seven addresses dead", "ok", network="many-dead", imds=None)
Kind("dns first address silent", "ok", network="first-silent", imds=None)
Kind("dns still the old address", "network ConnectionRefused", network="moved", imds=None)

# Reset and silence at six points each


def at_hello(c):
    c.sock.recv(1)


POINTS = (("on accept", "accept", lambda c, r: None),
          ("after ClientHello", "accept", lambda c, r: at_hello(c)),
          ("after the handshake", "accept", lambda c, r: c.tls()),
          ("after the request's headers", "head", lambda c, r: None),
          ("within the answer's headers", "request", lambda c, r: c.send(c.good(r)[0][:40])),
          ("within the body", "request", lambda c, r: c.send(b"".join(c.good(r))[:-1])))
for _point, _stage, _until in POINTS:
    _hello, _tls = "Hello" in _point, "handshake" in _point

    def _reset(c, r, until=_until):
        until(c, r)
        time.sleep(0.02)  # what was sent is read before the reset overtakes it
        c.reset()

    def _silent(c, r, until=_until):
        until(c, r)
        c.silence()

    Kind("reset " + _point, "network (ConnectionReset|TlsHandshakeFailed|EmptyReply|CouldNotConnect)", _reset,
         stage=_stage, imds=None if _hello or _tls else "same")
    Kind("silence " + _point,
         SILENT, _silent, stage=_stage, slow=True, imds=None if _hello or _tls else SILENT)


# Answers that do not end well


@act("headers byte by byte", SILENT, "request", slow=True)
def _(c, r):
    c.drip(c.good(r)[0])


@act("body byte by byte", SILENT, "request", slow=True)
def _(c, r):
    c.send(answers.head(length=100000))
    c.drip(b" ")


@act("body shorter than its length", "network AnswerTruncated", "request")
def _(c, r):
    body = c.good(r)[1]
    c.send(answers.head(length=len(body) + 512) + body)


@act("body longer than its length", UNREADABLE, "request", accepted="ok",
     imds={"ImdsCredentials": "- ImdsError"})
def _(c, r):
    body = c.good(r)[1]
    c.send(answers.head(length=len(body) // 2) + body)


def chunked(body):
    return answers.head(headers=("Transfer-Encoding: chunked",)) + b"%x\r\n" % len(body) + body


@act("chunks without an end", "network AnswerTruncated", "request")
def _(c, r):
    c.send(chunked(c.good(r)[1]))


@act("chunk of no size", "(network|protocol) (ConnectionReset|MalformedAnswer|AnswerTruncated)",
     "request")
def _(c, r):
    c.send(answers.head(headers=("Transfer-Encoding: chunked",)) + b"zz\r\n" + c.good(r)[1])


@act("length that is no number", "protocol MalformedAnswer", "request")
def _(c, r):
    c.send(answers.head(length="many") + c.good(r)[1])


@act("negative length", "protocol MalformedAnswer", "request")
def _(c, r):
    c.send(answers.head(length=-5) + c.good(r)[1])


TOO_LARGE = "protocol AnswerTooLarge"


@act("body without an end", TOO_LARGE, "request")
def _(c, r):
    c.send(answers.head())
    c.flood(b" " * 65536)


@act("header line without an end", TOO_LARGE, "request")
def _(c, r):
    c.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    c.flood(b"x" * 4096)


@act("headers without an end", TOO_LARGE, "request")
def _(c, r):
    c.send(b"HTTP/1.1 200 OK\r\n")
    c.flood(b"X-Many: and one more of them\r\n" * 64)


@act("flood of 1xx answers", TOO_LARGE, "request")
def _(c, r):
    c.flood(b"HTTP/1.1 102 Processing\r\n\r\n" * 64)


# Answers of somebody else


@act("captive portal", UNREADABLE, "request", accepted="protocol ForeignAnswer",
     imds={"ImdsToken": "- MalformedAnswer", "ImdsRole": "- MalformedAnswer",
           "ImdsCredentials": "- ImdsError"})
def _(c, r):
    c.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" %
           len(PORTAL) + PORTAL)


@act("empty 200", UNREADABLE, "request", accepted="protocol ForeignAnswer",
     imds={"ImdsToken": "- MalformedAnswer", "ImdsRole": "- NoRole",
           "ImdsCredentials": "- ImdsError"})
def _(c, r):
    c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@act("garbage for HTTP", "protocol MalformedAnswer", "request")
def _(c, r):
    c.send(bytes(range(1, 200)) * 3)


@act("HTTP/0.9", "protocol MalformedAnswer", "request")
def _(c, r):
    c.send(c.good(r)[1] + b"\n")


@act("answer in HTTP/2", "protocol MalformedAnswer", "request")
def _(c, r):
    c.send(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18))


@act("connection closed for an answer", "network (EmptyReply|ConnectionReset)", "request")
def _(c, r):
    pass


# TLS

HANDSHAKE = "network TlsHandshakeFailed"


@act("plain http on the TLS port", HANDSHAKE, "accept", imds=None)
def _(c, r):
    at_hello(c)
    c.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    c.silence()


@act("garbage for TLS records", HANDSHAKE, "accept", imds=None)
def _(c, r):
    at_hello(c)
    c.send(b"\x16\x03\x03\x40\x00" + bytes(range(256)) * 64)
    c.silence()


@act("TLS alert", HANDSHAKE, "accept", imds=None)
def _(c, r):
    at_hello(c)
    c.send(b"\x15\x03\x03\x00\x02\x02\x28")
    c.silence()


@act("half a handshake, then the end", "network (TlsHandshakeFailed|ConnectionReset)", "accept",
     imds=None)
def _(c, r):
    at_hello(c)
    c.send(b"\x16\x03\x03\x00\x7a\x02\x00")


@act("plain text after the handshake", "network (ConnectionReset|TlsHandshakeFailed)", "tls",
     imds=None)
def _(c, r):
    c.read_body(c.read_head())
    c.send_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    c.silence()


Kind("TLS 1.1 only", HANDSHAKE, context="old", imds=None)
for _what in ("expired", "not yet valid", "for another host", "of an unknown authority",
              "self-signed", "without its intermediate"):
    Kind("certificate " + _what, "network TlsVerificationFailed", context=_what, imds=None)

# Redirects: never followed

for _status in (301, 302, 303, 307, 308):
    def _redirect(c, r, status=_status):
        c.send(answers.head(f"{status} Elsewhere", 0, headers=(
            f"Location: {c.server.trap_url(c)}",)))
        return True

    Kind(f"redirect {_status}", f"protocol HTTP\\ {_status}", _redirect, stage="request",
         imds="- ImdsError")

# Proxies

PROXIED = dict(stage="proxy", proxied=True, imds="ok")


def proxy_says(name, status, want="network ProxyRefused"):
    def refuse(c, r):
        c.send(f"HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\nno\n".encode())
    Kind(name, want, refuse, **PROXIED)


proxy_says("proxy wants a password (407)",
           "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x")
proxy_says("proxy forbids (403)", "403 Forbidden")
proxy_says("proxy fails (502)", "502 Bad Gateway")
proxy_says("proxy redirects (302)", "302 Found\r\nLocation: https://example.test/")


@act("proxy silent", SILENT, slow=True, **PROXIED)
def _(c, r):
    c.silence()


@act("proxy hangs up", "network (ProxyFailed|ProxyRefused|ConnectionReset|EmptyReply)", **PROXIED)
def _(c, r):
    pass


@act("proxy resets", "network (ProxyFailed|ConnectionReset)", **PROXIED)
def _(c, r):
    c.reset()


@act("proxy speaks garbage", "(network|protocol) \\w+", **PROXIED)
def _(c, r):
    c.send(bytes(range(1, 200)) * 3)


@act("proxy drops the tunnel", "network (ConnectionReset|TlsHandshakeFailed)", **PROXIED)
def _(c, r):
    c.send(b"HTTP/1.1 200 Connection established\r\n\r\n")


# Statuses and errors of AWS


def says(name, want, status, headers=(), body=b"", imds="- ImdsError"):
    def answer(c, r):
        c.send(answers.head(status, len(body), "text/html", headers) + body)
        return True
    Kind(name, want, answer, stage="request", imds=imds)


for _status in (500, 502, 503, 504):
    says(f"status {_status}", f"transient HTTP\\ {_status}", f"{_status} Failure",
         body=b"<html>failure</html>")
says("429 with Retry-After", "throttled HTTP\\ 429", "429 Too Many Requests",
     headers=("Retry-After: 1", "x-amz-retry-after: 300"))
says("status 408", "transient HTTP\\ 408", "408 Request Timeout")
says("403 of a web filter", "protocol HTTP\\ 403", "403 Forbidden", body=PORTAL,
     imds="- ImdsDisabled")
says("404 of a web server", "protocol HTTP\\ 404", "404 Not Found", body=PORTAL,
     imds={"ImdsToken": "- ImdsError", "ImdsRole": "- NoRole", "ImdsCredentials": "- NoRole"})

for _name, _class, _status, _code in (
        ("throttling", "throttled", 400, "ThrottlingException"),
        ("access denied", "denied", 400, "AccessDeniedException"),
        ("expired token", "expired", 400, "ExpiredTokenException"),
        ("unrecognised client", "expired", 400, "UnrecognizedClientException"),
        ("invalid signature", "clock", 400, "InvalidSignatureException"),
        ("request expired", "clock", 400, "RequestExpired"),
        ("not found", "not-found", 400, "TrailNotFoundException"),
        ("validation", "invalid", 400, "ValidationException"),
        ("conflict", "transient", 400, "ConflictException"),
        ("internal failure", "transient", 500, "InternalFailure"),
        ("region disabled", "denied", 403, "OptInRequired"),
        ("unknown error", "invalid", 400, "SomethingNewException")):
    def _error(c, r, status=_status, code=_code):
        c.send(answers.error(r, f"{status} Error", code, f"what AWS says of {code}"))
        return True

    # A trail that is not found is another incident than one that cannot be seen.
    Kind("error: " + _name, f"{_class} {_code}", _error, stage="request", imds=None,
         placed=_name != "not found")


@act("error that cannot be read", "protocol HTTP\\ 400", "request", imds=None)
def _(c, r):
    c.send(answers.head("400 Bad Request", 7) + b"{\"__typ")
    return True


# Bodies that are not what they should be


def body_kind(name, change, headers=(), query=None, shows_logging=False):
    def answer(c, r):
        body = change(c.good(r)[1])
        c.send(answers.head(length=len(body), headers=headers) + body)
        return True
    Kind(name, UNREADABLE, answer, stage="request", accepted="ok", query=query,
         imds={"ImdsCredentials": "- ImdsError"}, shows_logging=shows_logging)


def is_json(body):
    return body.startswith(b"{")


def of_wrong_types(body):
    """Every value another object, every text an element."""
    if is_json(body):
        return b"{" + b",".join(b'%s:{"odd":1}' % part for part in keys_of(body)) + b"}"
    return body.replace(b"</", b"<odd/></")


def keys_of(body):
    return [json.dumps(key).encode() for key in json.loads(body)] or [b'"odd"']


def nested(body):
    if is_json(body):
        return b'{"IsLogging":' + b"[" * 4000 + b"]" * 4000 + b"}"
    return b"<a>" * 4000 + b"</a>" * 4000


def doubled(body):
    """The first member once more, and elements that matter."""
    if is_json(body):
        key = keys_of(body)[0]
        return b"{" + key + b":null," + body[1:]
    return body.replace(b"<Arn>", b"<Arn>arn:aws:iam::999999999999:user/other</Arn><Arn>").replace(
        b"<AccessKeyId>", b"<AccessKeyId>OTHER</AccessKeyId><AccessKeyId>")


body_kind("body cut in the middle", lambda body: body[:len(body) // 2], shows_logging=True)
body_kind("body of wrong types", of_wrong_types)
body_kind("body deeply nested", nested)
body_kind("body compressed unasked", gzip.compress, headers=("Content-Encoding: gzip",))
body_kind("body with garbage behind", lambda body: body + b"\x00garbage")
body_kind("body with members doubled", doubled, query="ok")  # of XML elements the first counts
body_kind("body not UTF-8", lambda body: body[:-2] + b"\xff\xfe" + body[-2:])
body_kind("body of white space", lambda body: b" \n" * 50)

# Connections kept


def false_answer(r):
    """To be told from the good one."""
    return answers.error(r, "403 Error", "AccessDenied", "not yours")


def close_with_notice(c, r):
    c.sock.settimeout(0.05)
    try:
        c.sock.unwrap()
    except OSError:
        pass
    return False


def reset_idle(c, r):
    c.reset()
    return False


def answer_later(c, r):
    """What looks like an answer, on an idle connection."""
    time.sleep(0.02)
    c.send(false_answer(r))
    return True


Kind("closed while idle, with notice", "ok", idle=close_with_notice, imds=None, placed=False)
Kind("closed while idle, without", "ok", idle=lambda c, r: False, imds=None, placed=False)
Kind("reset while idle", "ok", idle=reset_idle, imds=None, placed=False)
Kind("answer without a request", "ok", idle=answer_later, imds=None, placed=False)


@act("closed when used again", "ok", "request", idle=lambda c, r: True, imds=None, placed=False)
def _(c, r):
    if c.used == 0:
        c.answer(r)
        return True
    return False


@act("reset when used again", "ok", "request", idle=lambda c, r: True, imds=None, placed=False)
def _(c, r):
    if c.used == 0:
        c.answer(r)
        return True
    c.reset()
    return False


@act("half closed", "network (EmptyReply|ConnectionReset)", "tls", imds=None)
def _(c, r):
    c.sock.shutdown(socket.SHUT_WR)
    c.silence()


@act("answered twice", "ok", "request")
def _(c, r):
    c.send(b"".join(c.good(r)) + false_answer(r))
    return True


@act("answered before it was asked", "ok", "tls", imds=None, placed=False)
def _(c, r):
    c.answer(c.server.usual_request(c))
    c.read_body(c.read_head())


@act("refused before it was read", "invalid ValidationException|network (ConnectionReset|EmptyReply)",
     "head", imds=None)
def _(c, r):
    c.send(answers.error(r, "413 Too Large", "ValidationException", "too large"))
    return False
