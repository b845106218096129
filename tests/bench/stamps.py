# SPDX-License-Identifier: Apache-2.0
"""A small TLS endpoint that says when: it stamps each request's arrival and each answer's end, can
let a trail stop, and keeps requests as they came. For single moments, not for load."""

import json
import re
import socket
import ssl
import threading
import time

import endpoint


class Event:
    """One request: what it asked for, on which connection, and two stamps of both clocks (ns)."""

    def __init__(self, operation, connection, raw):
        self.operation, self.connection, self.raw = operation, connection, raw
        self.arrived, self.arrived_wall = time.monotonic_ns(), time.time_ns()
        self.showed_stop = False
        self.answering_wall = self.answered = 0


def operation_of(head, body):
    target = re.search(rb"(?im)^x-amz-target:\s*\S*\.(\w+)\s*$", head)
    action = re.search(rb"(?:^|&)Action=(\w+)", body)
    found = target or action
    return found.group(1).decode() if found else "?"


class Stamps:
    """`with Stamps(authority) as s:`; s.port, s.events, s.stop(), s.wait(...)."""

    def __init__(self, authority):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(authority.cert, authority.key)
        self.listeners = [socket.create_server(("127.0.0.1", 0))]
        self.port = self.listeners[0].getsockname()[1]
        if endpoint.has_ipv6():
            self.listeners.append(
                socket.create_server(("::1", self.port), family=socket.AF_INET6))
        self.changed = threading.Condition()
        self.connections = set()
        self.delay = 0  # seconds from a request's arrival to its answer
        self.reset()

    def reset(self):
        """Forgets what was, for the next client. The trail logs."""
        with self.changed:
            self.events, self.numbered = [], 0
            self.logging, self.start, self.stopped = True, time.time() - 86400.0, None

    def stop(self):
        with self.changed:
            self.logging, self.stopped = False, time.time()

    def wait(self, operation, count=1, first=0, timeout=30.0):
        """The count-th event of this operation from the first on."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                found = [e for e in self.events[first:] if e.operation == operation]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"no {operation} within {timeout:g} s")
                self.changed.wait(left)

    # What runs in threads

    def answer(self, event):
        """Type and body; state changes with StartLogging only."""
        if event.operation == "GetCallerIdentity":
            return "text/xml", endpoint.IDENTITY
        if event.operation == "Publish":
            return "text/xml", endpoint.PUBLISHED
        text = "{}"
        with self.changed:
            if event.operation == "GetTrailStatus":
                status = json.loads(endpoint.STATUS)
                status.update(IsLogging=self.logging, StartLoggingTime=round(self.start, 3),
                              LatestDeliveryTime=round(self.start, 3))
                del status["StopLoggingTime"]
                if self.stopped:
                    status["StopLoggingTime"] = round(self.stopped, 3)
                event.showed_stop = not self.logging
                text = json.dumps(status)
            elif event.operation == "StartLogging" and not self.logging:
                self.logging, self.start = True, time.time()
        return "application/x-amz-json-1.1", text

    def read_request(self, connection, data):
        """(head, body, rest) or None at the end of the connection."""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None
            data += more
        head, data = data.split(b"\r\n\r\n", 1)
        length = re.search(rb"(?im)^content-length:\s*(\d+)", head)
        length = int(length.group(1)) if length else 0
        while len(data) < length:
            more = connection.recv(65536)
            if not more:
                return None
            data += more
        return head, data[:length], data[length:]

    def serve(self, plain, number):
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with self.context.wrap_socket(plain, server_side=True) as connection:
                rest = b""
                while True:
                    request = self.read_request(connection, rest)
                    if request is None:
                        return
                    head, body, rest = request
                    event = Event(operation_of(head, body), number, head + b"\r\n\r\n" + body)
                    kind, text = self.answer(event)
                    if self.delay:
                        time.sleep(self.delay)
                    event.answering_wall = time.time_ns()
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: 00000000-0000-4000-8000-%012d\r\n"
                        b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (
                            event.arrived % 10**12, kind.encode(), len(text), text.encode()))
                    event.answered = time.monotonic_ns()
                    with self.changed:
                        self.events.append(event)
                        self.changed.notify_all()
        except OSError:
            pass
        finally:
            with self.changed:
                self.connections.discard(plain)

    def accept(self, listener):
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with self.changed:
                self.connections.add(plain)
                self.numbered += 1
                number = self.numbered
            threading.Thread(target=self.serve, args=(plain, number), daemon=True).start()

    def __enter__(self):
        for listener in self.listeners:
            threading.Thread(target=self.accept, args=(listener,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
