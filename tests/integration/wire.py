# SPDX-License-Identifier: Apache-2.0
"""A TCP relay in front of the referee, so that a test can take the network away."""

import select
import socket
import threading


class Wire:
    """`with Wire(port) as wire:`; wire.port leads to port until cut(), and again after mend()."""

    def __init__(self, target, address="127.0.0.1"):
        self.target = target
        self.address = address
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.lock = threading.Lock()
        self.ends = set()
        self.listener = None
        probe = socket.create_server((address, 0), family=self.family)
        self.port = probe.getsockname()[1]
        probe.close()

    def mend(self, listener=None):
        """listener may be a socket of another network."""
        self.listener = listener or socket.create_server((self.address, self.port),
                                                         family=self.family)
        self.stopped, self.stopper = socket.socketpair()
        self.thread = threading.Thread(target=self.accept, args=(self.listener, self.stopped),
                                       daemon=True)
        self.thread.start()

    def cut(self):
        """Connections are reset, new ones refused."""
        self.stopper.close()
        self.thread.join()
        self.listener.close()
        self.stopped.close()
        with self.lock:
            for end in self.ends:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def accept(self, listener, stopped):
        while True:
            ready, _, _ = select.select([listener, stopped], [], [])
            if stopped in ready:
                return
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", self.target))
            with self.lock:
                self.ends |= {near, far}
            threading.Thread(target=self.pump, args=(near, far), daemon=True).start()

    def pump(self, near, far):
        other = {near: far, far: near}
        try:
            while True:
                for end in select.select([near, far], [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    other[end].sendall(data)
        except OSError:
            pass
        finally:
            with self.lock:
                self.ends -= {near, far}
                near.close()
                far.close()

    def __enter__(self):
        self.mend()
        return self

    def __exit__(self, *exception):
        if self.listener.fileno() >= 0:
            self.cut()
