# SPDX-License-Identifier: Apache-2.0
"""The process: ports, certificates, the ready file, and its own end."""

import asyncio
import json
import os
import signal

from . import certificates, facts
from .http11 import Listener
from .parts import build
from .verbs import Verbs


class Mute(asyncio.Protocol):
    """Accepts a connection and never says a word, not even a TLS handshake."""

    def __init__(self, connections):
        self.connections = connections

    def connection_made(self, transport):
        self.transport = transport
        self.connections.add(transport)

    def connection_lost(self, exc):
        self.connections.discard(self.transport)


class Server:
    def __init__(self, options):
        self.options = options
        source = None
        if options.world:
            with open(options.world, encoding="utf-8") as file:
                source = json.load(file)
        self.parts = build(source, options.seed,
                           facts.settings_of(options.facts) if options.facts else None,
                           facts.load(options.replay) if options.replay else None)
        self.listeners = {}
        self.finished = None
        self.mute = None
        self.muted = set()

    def contexts(self):
        """TLS contexts by port name; three of the ports show certificates to be refused."""
        folder, regions = self.options.dir, self.parts.world.regions
        authority = certificates.make_authority(folder, "ca", "fakeaws test authority")
        foreign = certificates.make_authority(folder, "foreign-ca", "fakeaws foreign authority")
        names = certificates.server_names(regions)
        made = {
            "https": certificates.make_certificate(folder, "server", authority, names),
            "foreign": certificates.make_certificate(folder, "foreign", foreign, names),
            "misnamed": certificates.make_certificate(folder, "misnamed", authority,
                                                      ["DNS:example.invalid"]),
            "expired": certificates.make_certificate(folder, "expired", authority, names, "-1"),
        }
        return authority[0], {k: certificates.server_context(*v) for k, v in made.items()}

    async def listen(self, name, handler, address, port, context=None):
        listener = Listener(asyncio.get_running_loop(), handler, self.parts.clock.http_date,
                            lambda: self.parts.settings.idle_timeout)
        listener.name = name
        self.listeners[name] = listener
        return await listener.listen(address, port, context)

    async def start(self):
        options = self.options
        ca_file, contexts = self.contexts()
        verbs = Verbs(self.parts, self.listeners.values, self.finish)
        front = self.parts.gateway.handle
        ready = {"ca_file": os.path.abspath(ca_file), "pid": os.getpid()}
        local = "127.0.0.1"
        ready["https_port"] = await self.listen("https", front, local, options.https_port,
                                                contexts["https"])
        for name in ("foreign", "misnamed", "expired"):
            ready[name + "_port"] = await self.listen(name, front, local, 0, contexts[name])
        ready["http_port"] = await self.listen("http", front, local, options.http_port)
        ready["imds_port"] = await self.listen("imds", self.parts.imds.handle, options.imds_address,
                                               options.imds_port)
        ready["imds_address"] = options.imds_address
        self.mute = await asyncio.get_running_loop().create_server(
            lambda: Mute(self.muted), local, 0)
        ready["mute_port"] = self.mute.sockets[0].getsockname()[1]
        ready["control_port"] = await self.listen("control", verbs.handle, local,
                                                  options.control_port)
        return ready

    def finish(self):
        if not self.finished.done():
            self.finished.get_loop().call_later(0.05, self.end)

    def end(self):
        if not self.finished.done():
            self.finished.set_result(None)

    def watch_parent(self, loop):
        if self.options.parent_pid is None:
            return
        try:
            loop.add_reader(os.pidfd_open(self.options.parent_pid), self.end)
        except ProcessLookupError:
            self.end()

    async def run(self):
        loop = asyncio.get_running_loop()
        self.finished = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.end)
        self.watch_parent(loop)
        ready = await self.start()
        write_ready(self.options.dir, ready)
        await self.finished
        for listener in self.listeners.values():
            listener.close()
        self.mute.close()
        for transport in list(self.muted):
            transport.abort()
        await asyncio.sleep(0)


def write_ready(folder, ready):
    path = os.path.join(folder, "ready.json")
    with open(path + ".new", "w", encoding="utf-8") as out:
        json.dump(ready, out)
    os.rename(path + ".new", path)
