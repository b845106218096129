# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 over asyncio streams of bytes: parse a request, write a reply (RFC 9112)."""

import asyncio
import inspect
import socket
import struct

MAX_HEAD = 65536
MAX_BODY = 2 * 1024 * 1024
MAX_CONNECTIONS = 4096
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           405: "Method Not Allowed", 411: "Length Required", 413: "Content Too Large",
           415: "Unsupported Media Type", 429: "Too Many Requests", 431: "Headers Too Large",
           500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
           503: "Service Unavailable", 504: "Gateway Timeout"}
TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class BadRequest(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Request:
    __slots__ = ("method", "target", "path", "query", "headers", "first", "body", "tls", "peer",
                 "tls_version", "tls_cipher")

    def __init__(self, method, target, headers):
        self.method = method
        self.target = target
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.first = {}
        for name, value in headers:
            self.first.setdefault(name.lower(), value)
        self.body = b""
        self.tls = False
        self.peer = ""
        self.tls_version = None
        self.tls_cipher = None

    def get(self, name, default=None):
        return self.first.get(name, default)


class Reply:
    """What to do with a request: send an answer, or misbehave in a chosen way."""

    __slots__ = ("status", "headers", "body", "delay", "action", "close", "mutate")

    def __init__(self, status=200, headers=(), body=b"", delay=0.0, action="send", close=False):
        self.status = status
        self.headers = list(headers)
        self.body = body
        self.delay = delay
        self.action = action
        self.close = close
        self.mutate = None  # makes pieces and an end out of the bytes: see mutate.py

    def encode(self, http_date):
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if not any(name.lower() == "date" for name, _ in self.headers):
            lines.append(f"Date: {http_date}")
        length = len(self.body) if self.action != "truncate" else len(self.body) + 512
        lines.append(f"Content-Length: {length}")
        if self.close:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + self.body


def parse_head(head):
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[0].isalpha() or words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequest(400, "malformed request line")
    if not words[1].startswith("/") or any(ord(c) <= 32 or ord(c) >= 127 for c in words[1]):
        raise BadRequest(400, "malformed request target")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or not TOKEN.issuperset(name):
            raise BadRequest(400, "malformed header line")
        value = value.strip(" \t")
        if any(ord(c) < 32 and c != "\t" or ord(c) == 127 for c in value):
            raise BadRequest(400, "control character in header")
        headers.append((name, value))
    for single in ("host", "content-length", "content-type", "authorization", "x-amz-date"):
        if sum(1 for name, _ in headers if name.lower() == single) > 1:
            raise BadRequest(400, f"repeated {single}")
    request = Request(words[0], words[1], headers)
    if "host" not in request.first:
        raise BadRequest(400, "no host")
    return request, words[2] == "HTTP/1.0"


def body_length(request):
    if "transfer-encoding" in request.first:
        raise BadRequest(501, "transfer encodings are not implemented")
    text = request.get("content-length")
    if text is None:
        if request.method == "POST":
            raise BadRequest(411, "no content length")
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise BadRequest(400, "malformed content length")
    if int(text) > MAX_BODY:
        raise BadRequest(413, "body too large")
    return int(text)


class Connection(asyncio.Protocol):
    """One client. Requests are answered in order; the next waits for the answer of the last."""

    def __init__(self, listener):
        self.listener = listener
        self.loop = listener.loop
        self.buffer = bytearray()
        self.request = None
        self.wanted = 0
        self.busy = False
        self.closing = False
        self.last_used = self.loop.time()
        self.timer = None
        self.task = None

    def connection_made(self, transport):
        self.transport = transport
        self.tls = transport.get_extra_info("ssl_object")
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if peer else ""
        self.listener.accepted += 1
        if len(self.listener.connections) >= MAX_CONNECTIONS:
            transport.abort()
            return
        self.listener.connections.add(self)

    def connection_lost(self, exc):
        self.listener.connections.discard(self)
        if self.timer:
            self.timer.cancel()
        if self.task:
            self.task.cancel()

    def data_received(self, data):
        self.last_used = self.loop.time()
        if len(self.buffer) + len(data) > MAX_HEAD + MAX_BODY + 4096:
            self.transport.abort()
            return
        self.buffer += data
        self.advance()

    def advance(self):
        while not self.busy and not self.closing:
            try:
                if not self.take_request():
                    return
            except BadRequest as error:
                self.send(Reply(error.status, [("Content-Type", "text/plain")],
                                str(error).encode(), close=True))
                return
            request, self.request = self.request, None
            self.dispatch(request)

    def take_request(self):
        if self.request is None:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self.buffer) > MAX_HEAD:
                    raise BadRequest(431, "head too large")
                return False
            request, self.close_after = parse_head(bytes(self.buffer[:end]))
            if end > MAX_HEAD:
                raise BadRequest(431, "head too large")
            del self.buffer[:end + 4]
            self.wanted = body_length(request)
            self.request = request
            if request.get("connection", "").lower() == "close":
                self.close_after = True
            if request.get("expect", "").lower() == "100-continue":
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if len(self.buffer) < self.wanted:
            return False
        request = self.request
        request.body = bytes(self.buffer[:self.wanted])
        del self.buffer[:self.wanted]
        request.peer = self.peer
        if self.tls is not None:
            request.tls = True
            request.tls_version = self.tls.version()
            request.tls_cipher = self.tls.cipher()[0]
        return True

    def dispatch(self, request):
        self.busy = True
        result = self.listener.handle(request)
        if inspect.isawaitable(result):
            self.task = self.loop.create_task(self.finish_later(result))
        else:
            self.finish(result)

    async def finish_later(self, awaitable):
        reply = await awaitable
        self.task = None
        self.finish(reply)
        self.advance()

    def finish(self, reply):
        if reply.delay > 0:
            self.timer = self.loop.call_later(reply.delay, self.finish_delayed, reply)
        else:
            self.send(reply)

    def finish_delayed(self, reply):
        self.timer = None
        self.send(reply)
        self.advance()

    def send(self, reply):
        self.last_used = self.loop.time()
        if self.transport.is_closing():
            return
        if reply.action == "silence":
            return
        if reply.action == "close":
            self.reset()
            return
        reply.close = reply.close or getattr(self, "close_after", False)
        data = reply.encode(self.listener.http_date())
        if reply.mutate is not None:
            self.send_pieces(*reply.mutate(data), reply.close)
            return
        self.transport.write(data)
        self.busy = False
        if reply.close or reply.action == "truncate":
            self.closing = True
            self.transport.close()

    def send_pieces(self, pieces, end, close):
        """Each after its time; the connection stays busy until the last has gone."""
        if self.transport.is_closing():
            return
        if pieces:
            (delay, data), *rest = pieces
            self.timer = self.loop.call_later(delay, self.send_piece, data, rest, end, close)
        elif end == "reset":
            self.reset()
        elif end == "close" or close:
            self.closing = True
            self.transport.close()
        elif end == "keep":
            self.busy = False
            self.advance()

    def send_piece(self, data, rest, end, close):
        self.timer = None
        self.last_used = self.loop.time()
        if not self.transport.is_closing():
            self.transport.write(data)
            self.send_pieces(rest, end, close)

    def reset(self):
        """Close with a TCP reset instead of an orderly end."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Listener:
    """A bound port with its handler and its open connections."""

    def __init__(self, loop, handler, http_date, idle_timeout):
        self.loop = loop
        self.handle = handler
        self.http_date = http_date
        self.idle_timeout = idle_timeout
        self.connections = set()
        self.accepted = 0
        self.server = None
        self.sweep_timer = None

    async def listen(self, address, port, context=None):
        self.server = await self.loop.create_server(
            lambda: Connection(self), address, port, ssl=context, backlog=1024)
        self.sweep()
        return self.server.sockets[0].getsockname()[1]

    def sweep(self):
        limit = self.loop.time() - self.idle_timeout()
        for connection in list(self.connections):
            if not connection.busy and connection.last_used < limit:
                connection.transport.close()
        self.sweep_timer = self.loop.call_later(1.0, self.sweep)

    def drop(self, idle_only=True):
        """Close connections as a service does that has tired of them."""
        chosen = [c for c in self.connections if not (idle_only and c.busy)]
        for connection in chosen:
            connection.transport.close()
        return len(chosen)

    def close(self):
        if self.sweep_timer:
            self.sweep_timer.cancel()
        if self.server:
            self.server.close()
        for connection in list(self.connections):
            connection.transport.abort()
