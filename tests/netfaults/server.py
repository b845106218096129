# SPDX-License-Identifier: Apache-2.0
"""The hostile server: one thread a connection, TLS and plain ports, told by the page what to do.

A connection belongs to the cell of the address that was dialled (page.h). While the cell's fault is
on, its kind (kinds.py) has the connection; else the answer is a good one."""

import contextlib
import mmap
import os
import socket
import ssl
import struct
import threading
import time

CELLS, HEAD, CELL = 4096, struct.Struct("=HHI"), struct.Struct("=BBBBHH")
GOOD, FAULT, MENDED = range(3)
PROXY, TRAP = 200, 250
PATIENCE = 60.0
RESET = struct.pack("ii", 1, 0)


class Page:
    """The memory shared with the client: page.h."""

    def __init__(self, path):
        self.path = path
        with open(path, "w+b") as file:
            file.truncate(HEAD.size + CELL.size * CELLS)
            self.map = mmap.mmap(file.fileno(), 0)

    def set_ports(self, dead, hole):
        HEAD.pack_into(self.map, 0, dead, hole, 0)

    def place(self, cell, phase, network, step, kind):
        CELL.pack_into(self.map, HEAD.size + CELL.size * cell, phase, network, step, 0, kind, 0)

    def phase(self, cell):
        return self.map[HEAD.size + CELL.size * cell]

    def set_phase(self, cell, phase):
        self.map[HEAD.size + CELL.size * cell] = phase

    def step(self, cell):
        return self.map[HEAD.size + CELL.size * cell + 2]

    def set_step(self, cell, step):
        self.map[HEAD.size + CELL.size * cell + 2] = step

    def kind(self, cell):
        return CELL.unpack_from(self.map, HEAD.size + CELL.size * cell)[4]

    def answers(self, cell):
        return CELL.unpack_from(self.map, HEAD.size + CELL.size * cell)[5]

    def answered(self, cell):
        struct.pack_into("=H", self.map, HEAD.size + CELL.size * cell + 6, self.answers(cell) + 1)


def address(cell, last=1):
    return f"127.{1 + cell // 250}.{1 + cell % 250}.{last}"


class Gone(Exception):
    """The client has hung up."""


class Request:
    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ", 2)
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:] if ": " in line]
        self.first = {name.lower(): value for name, value in self.headers}
        self.length = int(self.first.get("content-length", 0))
        self.head, self.body = head, b""


class Connection:
    """One client's, with the words of which kinds are made."""

    def __init__(self, server, sock, cell, plain):
        self.server, self.sock, self.cell, self.plain = server, sock, cell, plain
        self.buffer = b""
        self.used = 0

    def tls(self, context="good"):
        self.sock = self.server.contexts[context].wrap_socket(self.sock, server_side=True)

    def receive(self):
        data = self.sock.recv(65536)
        if not data:
            raise Gone
        self.buffer += data

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            self.receive()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        return Request(head)

    def read_body(self, request):
        while len(self.buffer) < request.length:
            self.receive()
        request.body, self.buffer = (self.buffer[:request.length],
                                     self.buffer[request.length:])
        return request

    def send(self, data):
        self.sock.sendall(data)

    def send_raw(self, data):
        """Past TLS."""
        os.write(self.sock.fileno(), data)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.sock.close()

    def silence(self):
        with contextlib.suppress(Gone):
            while True:
                self.buffer = b""
                self.receive()

    def drip(self, data, pause=0.1):
        """As slow as can be, for longer than any deadline."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for at in range(len(data)):
                self.send(data[at:at + 1])
                time.sleep(pause)

    def flood(self, data):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.send(data)

    def good(self, request):
        """(head, body) of the answer that there would be without the fault."""
        return self.server.answer(self.cell, request)

    def answer(self, request):
        self.send(b"".join(self.good(request)))


class Server:
    """kinds: what to do, by number; answer(cell, request) -> (head, body); contexts: TLS by name."""

    def __init__(self, page, kinds, contexts, answer):
        self.page, self.kinds, self.contexts, self.answer = page, kinds, contexts, answer
        self.trapped, self.errors = [], []
        self.lock, self.open = threading.Lock(), {}
        self.tls_listener = self.listen(plain=False)
        self.plain_listener = self.listen(plain=True)
        self.tls_port = self.tls_listener.getsockname()[1]
        self.plain_port = self.plain_listener.getsockname()[1]
        self.dead = socket.socket()  # bound and never listening: refuses
        self.dead.bind(("0.0.0.0", 0))
        self.hole = socket.socket()  # its backlog is full: swallows packets
        self.hole.bind(("0.0.0.0", 0))
        self.hole.listen(0)
        self.plugs = [socket.socket() for _ in range(4)]
        for plug in self.plugs:
            plug.setblocking(False)
            plug.connect_ex(("127.0.0.1", self.hole.getsockname()[1]))
        page.set_ports(self.dead.getsockname()[1], self.hole.getsockname()[1])

    def listen(self, plain):
        listener = socket.create_server(("0.0.0.0", 0), backlog=1024)
        threading.Thread(target=self.accept, args=(listener, plain), daemon=True).start()
        return listener

    def accept(self, listener, plain):
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=self.serve, args=(sock, plain), daemon=True).start()

    def fault(self, cell):
        """The kind that has this cell just now, None when all is well there."""
        page = self.page
        on = page.phase(cell) == FAULT and page.answers(cell) >= page.step(cell)
        return self.kinds[page.kind(cell)] if on else None

    def serve(self, sock, plain):
        _, a, b, last = (int(part) for part in sock.getsockname()[0].split("."))
        cell = (a - 1) * 250 + b - 1
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        c = Connection(self, sock, cell, plain)
        with self.lock:
            self.open[c] = cell
        try:
            if last == TRAP:
                self.trapped.append(cell)
                return
            self.converse(c, last == PROXY)
        except (Gone, OSError):
            pass  # also ssl.SSLError: the client has had enough
        except Exception as error:  # a mistake here must not pass for a fault
            self.errors.append(f"cell {cell}: {error!r}")
            raise
        finally:
            with self.lock:
                del self.open[c]
            c.sock.close()

    def converse(self, c, proxy):
        kind = self.fault(c.cell)
        if proxy:
            request = c.read_head()
            if kind and kind.stage == "proxy":
                kind.act(c, request)
                return
            c.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            c.plain = False
        if kind and kind.stage == "accept":
            kind.act(c, None)
            return
        if not c.plain:
            c.tls(kind.context if kind and kind.context else "good")
        if kind and kind.stage == "tls":
            kind.act(c, None)
            return
        while self.one_request(c):
            c.used += 1

    def one_request(self, c):
        """Whether the connection is kept."""
        request = c.read_head()
        kind = self.fault(c.cell)
        if kind and kind.stage == "head":
            return kind.act(c, request)
        c.read_body(request)
        if kind and kind.stage == "request":
            return kind.act(c, request)
        step = self.page.phase(c.cell) == FAULT and self.page.step(c.cell)
        head, body = c.good(request)
        if step:  # the next step comes on a connection of its own
            self.page.answered(c.cell)
            head = head[:-2] + b"Connection: close\r\n\r\n"
        c.send(head + body)
        if self.page.phase(c.cell) == GOOD:
            kind = self.kinds[self.page.kind(c.cell)]
            if kind.idle:
                kept = kind.idle(c, request)
                self.page.set_step(c.cell, 1)  # the driver waits for it
                self.page.answered(c.cell)
                return kept
        return not step

    def drop(self, cell):
        """Ends the connections of a cell."""
        with self.lock:
            for c in [c for c, of in self.open.items() if of == cell]:
                with contextlib.suppress(OSError):
                    c.sock.shutdown(socket.SHUT_RDWR)


def server_context(cert, key, *, oldest=ssl.TLSVersion.TLSv1_2, newest=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = oldest
    if newest:
        context.maximum_version = newest
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(cert, key)
    return context
